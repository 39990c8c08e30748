//! What `doctor` says of how this node is reached and reaches others.

use alloquy_api::reach::{FamilyView, ReachView, Reachability, RelayView, RouterAnswer};
use alloquy_api::rpc::Check;
use alloquy_api::snapshot::{ConnectionView, ConnectionsSnapshot, PathKind};

use super::{ok, warn};

/// Peers of which something is said: the rest is in the JSON.
const PEERS_MAX: usize = 64;

/// Everything about ways in and out.
pub(super) fn checks(connections: &ConnectionsSnapshot) -> Vec<Check> {
    let reach = &connections.reach;
    let mut checks = vec![incoming(reach), router(reach)];
    checks.extend(relays(reach));
    let connected = connections.peers.iter().filter(|peer| peer.path.is_some());
    let members = connected.filter(|peer| peer.account.is_some());
    checks.extend(members.take(PEERS_MAX).map(|peer| way_to(peer, reach)));
    checks
}

fn tried(family: &FamilyView) -> String {
    match family.by {
        Some(by) => format!("tried by {}", by.short()),
        None => "as you or the router say".to_owned(),
    }
}

fn incoming(reach: &ReachView) -> Check {
    const CHECK: &str = "reach";
    let families = [("IPv4", &reach.v4), ("IPv6", &reach.v6)];
    let of = |wanted: Reachability| {
        let found: Vec<String> = families
            .iter()
            .filter(|(_, family)| family.reachability == wanted)
            .map(|(name, family)| format!("{name}, {}", tried(family)))
            .collect();
        found.join("; ")
    };
    let (public, private) = (of(Reachability::Public), of(Reachability::Private));
    let relayed = reach.relays.iter().any(|relay| relay.reserved);
    if !public.is_empty() {
        ok(
            CHECK,
            format!("others reach this computer directly ({public})"),
        )
    } else if private.is_empty() {
        ok(
            CHECK,
            "nobody has tried yet whether others reach this computer",
        )
    } else if relayed {
        warn(
            CHECK,
            format!("others reach this computer only through a relay ({private})"),
            "it works; let the router pass connections on to this computer for a faster way",
        )
    } else {
        warn(
            CHECK,
            format!("others can not begin a connection to this computer ({private})"),
            "name a relay with --relay, or let the router pass connections on to this computer",
        )
    }
}

fn router(reach: &ReachView) -> Check {
    const CHECK: &str = "router";
    match reach.router {
        RouterAnswer::Off => ok(CHECK, "the router is not asked to let connections in"),
        RouterAnswer::Never => ok(
            CHECK,
            "the router is not asked to let connections in, as the node was started (--no-upnp, or for this machine alone)",
        ),
        RouterAnswer::Asked => ok(CHECK, "the router was asked to let connections in"),
        RouterAnswer::Open => ok(CHECK, "the router lets connections in (UPnP)"),
        RouterAnswer::NoRouter => ok(CHECK, "no router here can be asked to let connections in"),
        RouterAnswer::Behind => warn(
            CHECK,
            "the router is itself behind another one: opening it does not help",
            "only the network's operator can change that; a relay helps, or IPv6",
        ),
        RouterAnswer::Refused => warn(
            CHECK,
            "the router refuses to let connections in",
            "allow UPnP in its settings, or pass connections on to this computer there",
        ),
    }
}

fn relays(reach: &ReachView) -> Vec<Check> {
    const CHECK: &str = "relay";
    let one = |relay: &RelayView| {
        let name = format!("{} at {}", relay.relay, relay.address);
        match (&relay.failure, relay.reserved) {
            (_, true) => ok(
                CHECK,
                format!("relay {name} passes calls on to this computer"),
            ),
            (Some(failure), false) if relay.named => warn(
                CHECK,
                format!("relay {name} can not be used: {failure}"),
                "check its address and whether it admits you, or name another one with --relay",
            ),
            (Some(failure), false) => ok(CHECK, format!("relay {name} is not used: {failure}")),
            (None, false) if relay.connected => ok(CHECK, format!("relay {name} is connected")),
            (None, false) => ok(CHECK, format!("relay {name} is being called")),
        }
    };
    reach.relays.iter().map(one).collect()
}

fn way_to(peer: &ConnectionView, reach: &ReachView) -> Check {
    const CHECK: &str = "way";
    let name = peer.name.clone().unwrap_or_else(|| peer.peer.short());
    let trip = peer
        .round_trip_ms
        .map_or_else(String::new, |ms| format!(", {ms} ms"));
    match peer.path {
        Some(PathKind::Relayed) => {
            let relay = peer.way.relay.as_deref().unwrap_or("that the peer chose");
            let why = peer.way.why_not_direct.as_deref();
            let why = why.map_or_else(
                || "a direct way is being looked for".to_owned(),
                |why| format!("no direct way was found: {why}"),
            );
            let advice = match reach.router {
                RouterAnswer::Off => {
                    "let the router be asked (`router on`), or use IPv6 on both sides"
                }
                RouterAnswer::Never => {
                    "let the router be asked (without --no-upnp), or use IPv6 on both sides"
                }
                _ => {
                    "it works; one side whose router passes connections on, or IPv6 on both, is enough for a direct way"
                }
            };
            let sentence = format!("{name}: through the relay {relay}{trip}; {why}");
            warn(CHECK, sentence, advice)
        }
        Some(PathKind::Loopback) => ok(CHECK, format!("{name}: on this computer{trip}")),
        Some(PathKind::Local) => ok(CHECK, format!("{name}: in the local network{trip}")),
        Some(PathKind::Direct) if peer.way.punched => ok(
            CHECK,
            format!("{name}: directly, by a hole that both sides punched{trip}"),
        ),
        _ => ok(CHECK, format!("{name}: directly over the internet{trip}")),
    }
}

#[cfg(test)]
mod tests {
    use alloquy_api::reach::Way;
    use alloquy_api::rpc::CheckLevel;
    use alloquy_ids::{AccountId, NetworkKey, UnixMs};

    use super::*;

    fn peer(path: PathKind, way: Way) -> ConnectionView {
        ConnectionView {
            peer: NetworkKey([1; 32]),
            account: Some(AccountId([1; 32])),
            name: Some("Ben".to_owned()),
            path: Some(path),
            address: String::new(),
            way,
            round_trip_ms: Some(7),
            seen: UnixMs(0),
        }
    }

    fn said(connections: &ConnectionsSnapshot, check: &str) -> Vec<(CheckLevel, String)> {
        let all = checks(connections).into_iter();
        all.filter(|said| said.check == check)
            .map(|said| (said.level, said.sentence))
            .collect()
    }

    #[test]
    fn a_relayed_peer_is_told_with_its_relay_and_the_reason() {
        let way = Way {
            relay: Some("12D3KooWrelay".to_owned()),
            punched: false,
            why_not_direct: Some("giving up after 3 dial attempts".to_owned()),
        };
        let connections = ConnectionsSnapshot {
            peers: vec![peer(PathKind::Relayed, way)],
            ..ConnectionsSnapshot::default()
        };
        let [(level, sentence)] = &said(&connections, "way")[..] else {
            panic!("one peer, one sentence");
        };
        assert_eq!(*level, CheckLevel::Warn);
        for word in ["Ben", "12D3KooWrelay", "7 ms", "after 3 dial attempts"] {
            assert!(sentence.contains(word), "{sentence}");
        }
        let punched = Way {
            punched: true,
            ..Way::default()
        };
        let connections = ConnectionsSnapshot {
            peers: vec![peer(PathKind::Direct, punched)],
            ..ConnectionsSnapshot::default()
        };
        let way = said(&connections, "way");
        assert!(way[0].1.contains("punched") && way[0].0 == CheckLevel::Ok);
    }

    #[test]
    fn who_can_not_be_reached_is_told_what_helps() {
        let mut connections = ConnectionsSnapshot::default();
        assert_eq!(said(&connections, "reach")[0].0, CheckLevel::Ok, "unknown");
        connections.reach.v4.reachability = Reachability::Private;
        connections.reach.v4.by = Some(NetworkKey([3; 32]));
        let without = checks(&connections);
        let reach = without.iter().find(|check| check.check == "reach").unwrap();
        assert_eq!(reach.level, CheckLevel::Warn);
        assert!(reach.advice.as_deref().unwrap().contains("--relay"));
        connections.reach.relays.push(RelayView {
            relay: "12D3KooWrelay".to_owned(),
            address: "/ip4/203.0.113.1/tcp/1".to_owned(),
            named: true,
            connected: true,
            reserved: true,
            failure: None,
        });
        assert!(
            said(&connections, "reach")[0]
                .1
                .contains("only through a relay")
        );
        connections.reach.relays[0].reserved = false;
        connections.reach.relays[0].failure = Some("limit exceeded".to_owned());
        assert_eq!(said(&connections, "relay")[0].0, CheckLevel::Warn);
        assert!(said(&connections, "relay")[0].1.contains("limit exceeded"));
        connections.reach.v6.reachability = Reachability::Public;
        assert!(said(&connections, "reach")[0].1.contains("IPv6"));
    }
}
