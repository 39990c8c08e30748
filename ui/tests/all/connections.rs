//! The sheet about connections: every state of ways in and out has words of its own, in plain language.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_api::personal::{OnOff, PersonalCommand};
use alloquy_api::reach::{FamilyView, ReachView, Reachability, RelayView, RouterAnswer, Way};
use alloquy_api::snapshot::{ConnectionsSnapshot, PathKind};
use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::NetworkKey;
use alloquy_ui::state::{Overlay, SettingsPage};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::change;
use crate::personal::{orders, tell};
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

/// A state by its name, and words that the sheet must say about it.
type State = (&'static str, ConnectionsSnapshot, &'static str);

fn states() -> Vec<State> {
    let all = incoming().into_iter().chain(routers());
    all.chain(relays()).chain(ways()).collect()
}

fn of(reach: ReachView) -> ConnectionsSnapshot {
    ConnectionsSnapshot {
        reach,
        ..ConnectionsSnapshot::default()
    }
}

fn incoming() -> [State; 6] {
    use Reachability::{Private, Public, Unknown};
    let mut named = reach(Public, Unknown);
    named.v4.by = None;
    let mut kept = reach(Private, Private);
    kept.relays.push(relay(true, true, true, None));
    let tried = "directly (IPv4, IPv6): somebody has tried it";
    let closed = "To be reached, start Alloquy with --relay";
    [
        (
            "unknown",
            of(reach(Unknown, Unknown)),
            "Nobody has tried yet",
        ),
        ("public", of(reach(Public, Public)), tried),
        (
            "one family",
            of(reach(Private, Public)),
            "directly (IPv6): somebody",
        ),
        ("said by a person", of(named), "directly (IPv4)."),
        ("private", of(reach(Private, Unknown)), closed),
        ("by a relay", of(kept), "only through a relay. It works."),
    ]
}

fn routers() -> [State; 7] {
    let answers = [
        ("off", RouterAnswer::Off, "router is not asked"),
        ("never", RouterAnswer::Never, "(--no-upnp)"),
        ("asked", RouterAnswer::Asked, "has not answered yet"),
        (
            "open",
            RouterAnswer::Open,
            "The router lets connections in.",
        ),
        ("none", RouterAnswer::NoRouter, "no router here"),
        ("behind", RouterAnswer::Behind, "A relay helps, or IPv6"),
        (
            "refused",
            RouterAnswer::Refused,
            "Allow it in the router’s settings",
        ),
    ];
    answers.map(|(name, router, words)| {
        let reach = ReachView {
            router,
            ..ReachView::default()
        };
        (name, of(reach), words)
    })
}

fn relays() -> [State; 5] {
    let failed = Some("limit exceeded");
    let relays = [
        (
            "kept",
            relay(true, true, true, None),
            "203.0.113.9 keeps a place for you",
        ),
        (
            "connected",
            relay(true, true, false, None),
            "203.0.113.9 is connected",
        ),
        ("called", relay(true, false, false, None), "is being called"),
        (
            "failed",
            relay(true, false, false, failed),
            "limit exceeded. Check its",
        ),
        (
            "unused",
            relay(false, false, false, failed),
            "is not used now",
        ),
    ];
    relays.map(|(name, relay, words)| (name, with_relay(relay), words))
}

fn ways() -> [State; 6] {
    use PathKind::{Direct, Local, Loopback, Relayed};
    let by_relay = |why: Option<&str>, relay: &str| Way {
        relay: Some(relay.to_owned()),
        punched: false,
        why_not_direct: why.map(str::to_owned),
    };
    let punched = Way {
        punched: true,
        ..Way::default()
    };
    let missed = by_relay(Some("3 dial attempts"), "12D3KooWother");
    let ways = [
        ("loopback", Loopback, Way::default(), "on this computer"),
        ("local", Local, Way::default(), "on the same network"),
        (
            "direct",
            Direct,
            Way::default(),
            "tomasz, directly over the internet 9",
        ),
        (
            "punched",
            Direct,
            punched,
            "an opening that both sides made",
        ),
        (
            "sought",
            Relayed,
            by_relay(None, RELAY),
            "at 203.0.113.9: a direct way is being",
        ),
        (
            "no way",
            Relayed,
            missed,
            "through a relay: no direct way was found",
        ),
    ];
    ways.map(|(name, path, way, words)| (name, with_way(path, way), words))
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
    assert!(said(connections.clone()).contains("the switch below"));
    connections.reach.router = RouterAnswer::Never;
    assert!(said(connections.clone()).contains("without --no-upnp"));
    connections.reach.router = RouterAnswer::NoRouter;
    assert!(said(connections).contains("when one side’s router passes connections on"));
    let direct = said(with_way(PathKind::Direct, Way::default()));
    assert!(!direct.contains("It becomes faster"), "{direct}");
}

#[test]
fn the_router_is_asked_by_a_switch_that_says_what_it_does() {
    for on in [
        Overlay::Connections,
        Overlay::Settings(SettingsPage::Network),
    ] {
        let mut model = rich();
        change(&mut model, |snapshot| snapshot.asks_router = true);
        let mut harness = opened(model, on);
        for (router, asks) in [(OnOff::Off, false), (OnOff::On, true)] {
            let name = "Ask the router to let connections in";
            harness.get_by_label_contains(name).click();
            harness.run();
            let order = PersonalCommand::Router { router };
            assert_eq!(orders(&harness).last(), Some(&order));
            change(&mut harness.state_mut().model, |snapshot| {
                snapshot.asks_router = asks;
            });
            harness.run();
        }
        let why = CommandError::new(ErrorCode::Storage, "the disk is full");
        tell(&mut harness, Err(why));
        harness.get_by_label_contains("the disk is full");
    }
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
