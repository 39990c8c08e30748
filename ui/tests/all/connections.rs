//! The sheet about connections: every state of ways in and out has words of its own, in plain language.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_api::reach::{FamilyView, ReachView, Reachability, RelayView, RouterAnswer, Way};
use alloquy_api::snapshot::{ConnectionsSnapshot, PathKind};
use alloquy_ids::NetworkKey;
use alloquy_ui::state::Overlay;
use egui_kittest::kittest::NodeT as _;

use crate::fixture::change;
use crate::screens::{Screen, overlay};
use crate::sheets::opened;
use crate::sheets_fixture::{peer, rich};

const RELAY: &str = "12D3KooWHZL4rKDVTGFXxFAdeMPbN3W7eTrzFdgLGz9axT8xvJP5";

fn reach(v4: Reachability, v6: Reachability) -> ReachView {
    let family = |reachability| FamilyView {
        reachability,
        by: (reachability != Reachability::Unknown).then_some(NetworkKey([3; 32])),
    };
    ReachView {
        v4: family(v4),
        v6: family(v6),
        ..ReachView::default()
    }
}

fn relay(named: bool, connected: bool, reserved: bool, failure: Option<&str>) -> RelayView {
    RelayView {
        relay: RELAY.to_owned(),
        address: "/ip4/203.0.113.9/udp/4711/quic-v1".to_owned(),
        named,
        connected,
        reserved,
        failure: failure.map(str::to_owned),
    }
}

fn with_relay(relay: RelayView) -> ConnectionsSnapshot {
    let mut connections = ConnectionsSnapshot::default();
    connections.reach.relays.push(relay);
    connections
}

fn with_way(path: PathKind, way: Way) -> ConnectionsSnapshot {
    let mut connections = with_relay(relay(true, true, true, None));
    let mut to = peer(1, Some("tomasz"), Some(path), Some(9));
    to.way = way;
    connections.peers.push(to);
    connections
}

/// Every state, with words that the sheet must say about it.
fn states() -> Vec<(&'static str, ConnectionsSnapshot, &'static str)> {
    use Reachability::{Private, Public, Unknown};
    let of = |reach| ConnectionsSnapshot {
        reach,
        ..ConnectionsSnapshot::default()
    };
    let router = |router| {
        of(ReachView {
            router,
            ..ReachView::default()
        })
    };
    let by_relay = |why: Option<&str>, known: bool| Way {
        relay: Some(if known { RELAY } else { "12D3KooWother" }.to_owned()),
        punched: false,
        why_not_direct: why.map(str::to_owned),
    };
    let punched = Way {
        punched: true,
        ..Way::default()
    };
    let mut named = reach(Public, Unknown);
    named.v4.by = None;
    let mut kept = reach(Private, Private);
    kept.relays.push(relay(true, true, true, None));
    let failed = "limit exceeded";
    vec![
        (
            "unknown",
            of(reach(Unknown, Unknown)),
            "Nobody has tried yet",
        ),
        (
            "public",
            of(reach(Public, Public)),
            "directly (IPv4, IPv6): somebody has tried it",
        ),
        (
            "one family",
            of(reach(Private, Public)),
            "directly (IPv6): somebody",
        ),
        ("said by a person", of(named), "directly (IPv4)."),
        (
            "private",
            of(reach(Private, Unknown)),
            "To be reached, start Alloquy with --relay",
        ),
        ("by a relay", of(kept), "only through a relay. It works."),
        ("off", router(RouterAnswer::Off), "router is not asked"),
        ("asked", router(RouterAnswer::Asked), "has not answered yet"),
        (
            "open",
            router(RouterAnswer::Open),
            "The router lets connections in.",
        ),
        ("none", router(RouterAnswer::NoRouter), "no router here"),
        (
            "behind",
            router(RouterAnswer::Behind),
            "A relay helps, or IPv6",
        ),
        (
            "refused",
            router(RouterAnswer::Refused),
            "Allow it in the router’s settings",
        ),
        (
            "kept",
            with_relay(relay(true, true, true, None)),
            "203.0.113.9 keeps a place for you",
        ),
        (
            "connected",
            with_relay(relay(true, true, false, None)),
            "203.0.113.9 is connected",
        ),
        (
            "called",
            with_relay(relay(true, false, false, None)),
            "is being called",
        ),
        (
            "failed",
            with_relay(relay(true, false, false, Some(failed))),
            "limit exceeded. Check its",
        ),
        (
            "unused",
            with_relay(relay(false, false, false, Some(failed))),
            "is not used now",
        ),
        (
            "loopback",
            with_way(PathKind::Loopback, Way::default()),
            "on this computer",
        ),
        (
            "local",
            with_way(PathKind::Local, Way::default()),
            "on the same network",
        ),
        (
            "direct",
            with_way(PathKind::Direct, Way::default()),
            "tomasz, directly over the internet 9",
        ),
        (
            "punched",
            with_way(PathKind::Direct, punched),
            "an opening that both sides made",
        ),
        (
            "sought",
            with_way(PathKind::Relayed, by_relay(None, true)),
            "at 203.0.113.9: a direct way is being",
        ),
        (
            "no way",
            with_way(PathKind::Relayed, by_relay(Some("3 dial attempts"), false)),
            "through a relay: no direct way was found",
        ),
    ]
}

/// What is said on the sheet, read out in its order.
fn said(connections: ConnectionsSnapshot) -> String {
    let mut model = rich();
    change(&mut model, |snapshot| {
        snapshot.connections = Arc::new(connections)
    });
    let harness = opened(model, Overlay::Connections);
    let dialog = harness
        .root()
        .children_recursive()
        .find(|node| node.accesskit_node().role() == egui::accesskit::Role::Dialog)
        .expect("the sheet is open");
    let texts = dialog.children_recursive().filter_map(|node| {
        let node = node.accesskit_node();
        node.label().or_else(|| node.value())
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_state_has_words_of_its_own_and_no_jargon() {
    let mut all = BTreeMap::new();
    for (name, connections, words) in states() {
        let said = said(connections);
        assert!(said.contains(words), "{name}: {words:?} is not in {said}");
        for jargon in ["NAT", "dcutr", "circuit", "reservation", "hole", RELAY] {
            let found = said
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == jargon);
            assert!(!found, "{name}: {jargon:?} is in {said}");
        }
        if let Some(other) = all.insert(said, name) {
            // A router that is not asked is what all the others show too.
            assert_eq!((other, name), ("unknown", "off"), "they say the same");
        }
    }
}

#[test]
fn who_is_relayed_is_told_what_would_help() {
    let mut connections = with_way(PathKind::Relayed, Way::default());
    assert!(said(connections.clone()).contains("without --no-upnp"));
    connections.reach.router = RouterAnswer::NoRouter;
    assert!(said(connections).contains("when one side’s router passes connections on"));
    let direct = said(with_way(PathKind::Direct, Way::default()));
    assert!(!direct.contains("It becomes faster"), "{direct}");
}

/// The sheet in each of those states.
pub(crate) fn screens() -> Vec<Screen> {
    let screen = |(name, connections, _): (&str, ConnectionsSnapshot, _)| {
        let connections = Arc::new(connections);
        overlay(name, Overlay::Connections, move |world| {
            let connections = Arc::clone(&connections);
            change(&mut world.model, |snapshot| {
                snapshot.connections = connections
            });
        })
    };
    states().into_iter().map(screen).collect()
}
