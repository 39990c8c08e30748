//! How others reach this computer, why the way to somebody is not better, and what would help: the same that
//! `doctor` says, in words that need no knowledge of networks.

use std::sync::Arc;

use alloquy_api::personal::{OnOff, PersonalCommand};
use alloquy_api::reach::{FamilyView, ReachView, Reachability, RelayView, RouterAnswer};
use alloquy_api::snapshot::{ConnectionView, ConnectionsSnapshot, PathKind};
use egui::Ui;

use crate::state::Overlay;
use crate::text;
use crate::views::View;
use crate::views::overlays::personal::{fault, order};
use crate::widgets::{Weight, notice, section, switch};
use crate::words::say;

/// Relays that are named: more than a node keeps places with, or a person types.
const RELAYS_MAX: usize = 8;
/// Characters of a reason that another program gives.
const REASON_CHARS_MAX: usize = 200;

/// A sentence, and what a person could do about it.
struct Said {
    weight: Weight,
    words: String,
    advice: Option<&'static str>,
}

impl Said {
    fn plain(words: impl Into<String>) -> Self {
        Self {
            weight: Weight::Info,
            words: words.into(),
            advice: None,
        }
    }

    fn warn(words: impl Into<String>, advice: &'static str) -> Self {
        Self {
            weight: Weight::Warn,
            words: words.into(),
            advice: Some(advice),
        }
    }
}

/// The part of the sheet about ways in.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let connections = Arc::clone(&view.model.snapshot.connections);
    let reach = &connections.reach;
    section(ui, say::reach_title());
    router_switch(view, ui, &Overlay::Connections);
    let mut all = vec![incoming(reach), router(reach.router)];
    all.extend(reach.relays.iter().take(RELAYS_MAX).map(relay));
    for said in all {
        let advice = said.advice.unwrap_or_default();
        let words = format!("{} {advice}", said.words);
        notice(ui, said.weight, words.trim_end());
    }
}

/// Whether the router is asked, on a sheet.
pub(in crate::views::overlays) fn router_switch(view: &mut View<'_>, ui: &mut Ui, on: &Overlay) {
    fault(view, ui, on);
    let asks = view.model.snapshot.asks_router;
    if switch(ui, asks, say::router_ask(), say::router_ask_about()).clicked() {
        let router = if asks { OnOff::Off } else { OnOff::On };
        order(view, PersonalCommand::Router { router });
    }
}

fn incoming(reach: &ReachView) -> Said {
    let families = [("IPv4", &reach.v4), ("IPv6", &reach.v6)];
    let of = |wanted: Reachability| {
        let of = families.map(|(name, family): (_, &FamilyView)| {
            (family.reachability == wanted).then_some((name, family.by.is_some()))
        });
        of.into_iter().flatten().collect::<Vec<_>>()
    };
    let (public, private) = (of(Reachability::Public), of(Reachability::Private));
    if let [(first, tried), rest @ ..] = &public[..] {
        let names = rest.iter().fold((*first).to_owned(), |names, (name, _)| {
            format!("{names}, {name}")
        });
        if *tried || rest.iter().any(|(_, tried)| *tried) {
            Said::plain(say::reach_public_tried(names))
        } else {
            Said::plain(say::reach_public(names))
        }
    } else if private.is_empty() {
        Said::plain(say::reach_unknown())
    } else if reach.relays.iter().any(|relay| relay.reserved) {
        Said::warn(say::reach_relayed(), say::reach_relayed_advice())
    } else {
        Said::warn(say::reach_closed(), say::reach_closed_advice())
    }
}

fn router(answer: RouterAnswer) -> Said {
    match answer {
        RouterAnswer::Off => Said::plain(say::router_off()),
        RouterAnswer::Never => Said::plain(say::router_never()),
        RouterAnswer::Asked => Said::plain(say::router_asked()),
        RouterAnswer::Open => Said::plain(say::router_open()),
        RouterAnswer::NoRouter => Said::plain(say::router_none()),
        RouterAnswer::Behind => Said::warn(say::router_behind(), say::router_behind_advice()),
        RouterAnswer::Refused => Said::warn(say::router_refused(), say::router_refused_advice()),
    }
}

fn relay(relay: &RelayView) -> Said {
    let host = host(&relay.address);
    match (&relay.failure, relay.reserved) {
        (_, true) => Said::plain(say::relay_keeps(host)),
        (Some(failure), false) if relay.named => {
            let why = text::clean(failure, REASON_CHARS_MAX);
            Said::warn(say::relay_fails(host, why), say::relay_fails_advice())
        }
        (Some(_), false) => Said::plain(say::relay_unused(host)),
        (None, false) if relay.connected => Said::plain(say::relay_connected(host)),
        (None, false) => Said::plain(say::relay_called(host)),
    }
}

/// Where an address leads: its number or name on the network, without the rest.
fn host(address: &str) -> String {
    let mut parts = address.split('/');
    while let Some(part) = parts.next() {
        if ["ip4", "ip6", "dns", "dns4", "dns6"].contains(&part)
            && let Some(host) = parts.next()
        {
            return text::clean(host, 100);
        }
    }
    text::clean(address, 100)
}

/// The way to a connected peer.
pub(super) fn way(peer: &ConnectionView, path: PathKind, reach: &ReachView) -> String {
    match path {
        PathKind::Loopback => say::path_loopback().to_owned(),
        PathKind::Local => say::path_local().to_owned(),
        PathKind::Direct if peer.way.punched => say::path_punched().to_owned(),
        PathKind::Direct => say::path_direct().to_owned(),
        PathKind::Relayed => {
            let named = peer.way.relay.as_ref();
            let known = reach.relays.iter().find(|one| Some(&one.relay) == named);
            let way = known.map_or_else(
                || say::path_relayed().to_owned(),
                |known| say::path_relayed_by(host(&known.address)),
            );
            let why = match peer.way.why_not_direct {
                Some(_) => say::way_none(),
                None => say::way_sought(),
            };
            format!("{way}: {why}")
        }
    }
}

/// What would make relayed ways direct, if there are any.
pub(super) fn advice(connections: &ConnectionsSnapshot, ui: &mut Ui) {
    let mut members = connections.peers.iter().filter(|one| one.account.is_some());
    if members.any(|one| one.path == Some(PathKind::Relayed)) {
        let words = match connections.reach.router {
            RouterAnswer::Off => say::way_advice_ask_router(),
            RouterAnswer::Never => say::way_advice_start_otherwise(),
            _ => say::way_advice(),
        };
        notice(ui, Weight::Info, words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_by_its_host() {
        assert_eq!(
            host("/ip4/203.0.113.1/udp/1/quic-v1/p2p/12D3x"),
            "203.0.113.1"
        );
        assert_eq!(host("/dns4/relay.example/tcp/1"), "relay.example");
        assert_eq!(host("/memory/7"), "/memory/7");
    }
}
