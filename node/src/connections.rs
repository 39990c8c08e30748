//! How this node reaches others, as faces are shown it: the network's state with names, republished only when a person
//! would see a difference.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::Snapshot;
use alloquy_api::reach::{FamilyView, ReachView, Reachability, RelayView, RouterAnswer, Way};
use alloquy_api::snapshot::{ConnectionView, ConnectionsSnapshot};
use alloquy_ids::{AccountId, NetworkKey, UnixMs};
use alloquy_relay::key_of;
use tokio::time::Instant;

use crate::network::{
    self, Family, Mapping, NetworkState, PeerWay, ReachState, RelayState, path_kind, relay_of,
};

/// Peers that are remembered after they went: the newest.
const GONE_MAX: usize = 256;
/// Round trips that change alone are shown so often.
const ROUND_TRIPS_EVERY: Duration = Duration::from_secs(5);

/// Who is behind a network key, if it is a co-member.
pub(crate) type Name = Option<(AccountId, String)>;

/// What faces are shown of connections, and what they will be shown next.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    peers: BTreeMap<NetworkKey, ConnectionView>,
    shown: Arc<ConnectionsSnapshot>,
    published: Option<Instant>,
}

impl Connections {
    /// What is shown now.
    pub(crate) fn shown(&self) -> Arc<ConnectionsSnapshot> {
        Arc::clone(&self.shown)
    }

    /// Takes the network's state in; says when to come again, if something waits to be shown.
    pub(crate) fn update(
        &mut self,
        state: &NetworkState,
        name: impl Fn(NetworkKey) -> Name,
        wall: UnixMs,
        now: Instant,
    ) -> Option<Instant> {
        self.take_in(state, wall);
        for (key, peer) in &mut self.peers {
            // A peer that is no co-member any more keeps the name that it had.
            if let Some((account, name)) = name(*key) {
                peer.account = Some(account);
                peer.name = Some(name);
            }
        }
        let mut peers: Vec<_> = self.peers.values().cloned().collect();
        peers.sort_by(|a, b| {
            let place = |view: &ConnectionView| (view.account.is_none(), view.name.clone());
            (place(a), a.peer).cmp(&(place(b), b.peer))
        });
        let new = ConnectionsSnapshot {
            listen: state.listen.clone(),
            local_discovery: state.mdns,
            reach: reach_view(&state.reach),
            peers,
        };
        if new == *self.shown {
            return None;
        }
        let due = self
            .published
            .map_or(now, |published| published + ROUND_TRIPS_EVERY);
        if due > now && without_round_trips(&new) == without_round_trips(&self.shown) {
            return Some(due);
        }
        self.published = Some(now);
        self.shown = Arc::new(new);
        None
    }

    fn take_in(&mut self, state: &NetworkState, wall: UnixMs) {
        for (key, peer) in &mut self.peers {
            if peer.path.is_some() && !state.peers.contains_key(key) {
                peer.path = None;
                peer.way = Way::default();
                peer.round_trip_ms = None;
                peer.seen = wall;
            }
        }
        for (key, paths) in &state.peers {
            let address = paths.first().cloned().unwrap_or_default();
            let peer = self.peers.entry(*key).or_insert_with(|| ConnectionView {
                peer: *key,
                account: None,
                name: None,
                path: None,
                address: String::new(),
                way: Way::default(),
                round_trip_ms: None,
                seen: wall,
            });
            if peer.path.is_none() {
                peer.seen = wall;
            }
            peer.path = Some(path_kind(&address));
            peer.way = way_of(&address, state.ways.get(key));
            peer.address = address;
            // The last one stands until the next one is measured.
            let measured = state.round_trips.get(key).copied();
            peer.round_trip_ms = measured.or(peer.round_trip_ms);
        }
        let mut gone: Vec<_> = self
            .peers
            .values()
            .filter(|peer| peer.path.is_none())
            .map(|peer| (peer.seen, peer.peer))
            .collect();
        gone.sort();
        let over = gone.len().saturating_sub(GONE_MAX);
        for (_, key) in gone.into_iter().take(over) {
            self.peers.remove(&key);
        }
    }
}

fn way_of(address: &str, way: Option<&PeerWay>) -> Way {
    let relay = relay_of(address);
    let failure = way.and_then(|way| way.failure.clone());
    Way {
        why_not_direct: failure.filter(|_| relay.is_some()),
        punched: way.is_some_and(|way| way.punched),
        relay,
    }
}

fn reach_view(reach: &ReachState) -> ReachView {
    let family = |family: &Family| FamilyView {
        reachability: match family.reachability {
            network::Reachability::Unknown => Reachability::Unknown,
            network::Reachability::Public => Reachability::Public,
            network::Reachability::Private => Reachability::Private,
        },
        by: family.by.as_ref().and_then(key_of),
    };
    let relay = |relay: &RelayState| RelayView {
        relay: relay.peer.to_string(),
        address: relay.address.clone(),
        named: relay.named,
        connected: relay.connected,
        reserved: relay.reserved,
        failure: relay.failure.clone(),
    };
    ReachView {
        v4: family(&reach.v4),
        v6: family(&reach.v6),
        router: match reach.mapping {
            Mapping::Off => RouterAnswer::Off,
            Mapping::Never => RouterAnswer::Never,
            Mapping::Asked => RouterAnswer::Asked,
            Mapping::Open => RouterAnswer::Open,
            Mapping::NoRouter => RouterAnswer::NoRouter,
            Mapping::Behind => RouterAnswer::Behind,
            Mapping::Refused => RouterAnswer::Refused,
        },
        relays: reach.relays.iter().map(relay).collect(),
    }
}

fn without_round_trips(connections: &ConnectionsSnapshot) -> ConnectionsSnapshot {
    let mut without = connections.clone();
    for peer in &mut without.peers {
        // Whether it was measured is seen at once, how long it takes later.
        peer.round_trip_ms = peer.round_trip_ms.map(|_| 0);
    }
    without
}

/// Whether names of members may be others in a new snapshot.
pub(crate) fn names_differ(before: &Snapshot, after: &Snapshot) -> bool {
    before.communities.len() != after.communities.len()
        || after.communities.iter().any(|(id, community)| {
            before
                .communities
                .get(id)
                .is_none_or(|before| !Arc::ptr_eq(&before.members, &community.members))
        })
}

#[cfg(test)]
mod tests {
    use alloquy_api::snapshot::PathKind;

    use super::*;

    fn state(peers: &[(u8, &str, Option<u32>)]) -> NetworkState {
        let key = |n: &u8| NetworkKey([*n; 32]);
        NetworkState {
            peers: peers
                .iter()
                .map(|(n, address, _)| (key(n), vec![(*address).to_owned()]))
                .collect(),
            round_trips: peers
                .iter()
                .filter_map(|(n, _, trip)| Some((key(n), (*trip)?)))
                .collect(),
            ..NetworkState::default()
        }
    }

    fn nobody(_: NetworkKey) -> Name {
        None
    }

    const LAN: &str = "/ip4/192.168.1.7/tcp/1";

    #[test]
    fn a_peer_comes_goes_and_is_remembered() {
        let mut connections = Connections::default();
        let now = Instant::now();
        let named = |key: NetworkKey| {
            (key == NetworkKey([2; 32])).then(|| (AccountId([9; 32]), "Ben".to_owned()))
        };
        let up = state(&[(1, LAN, None), (2, LAN, Some(3))]);
        assert_eq!(connections.update(&up, named, UnixMs(100), now), None);
        let shown = connections.shown();
        let names: Vec<_> = shown
            .peers
            .iter()
            .map(|peer| peer.name.as_deref())
            .collect();
        assert_eq!(names, [Some("Ben"), None], "co-members first");
        assert_eq!(shown.peers[0].path, Some(PathKind::Local));
        assert_eq!(shown.peers[0].round_trip_ms, Some(3));

        connections.update(&state(&[(1, LAN, None)]), nobody, UnixMs(200), now);
        let shown = connections.shown();
        assert_eq!(shown.peers[0].path, None);
        assert_eq!(shown.peers[0].seen, UnixMs(200));
        assert_eq!(shown.peers[0].name.as_deref(), Some("Ben"));
        assert_eq!(shown.peers[1].seen, UnixMs(100));
    }

    #[test]
    fn round_trips_alone_are_shown_every_few_seconds() {
        let mut connections = Connections::default();
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut trip = |ms, seconds| {
            let due = connections.update(&state(&[(1, LAN, ms)]), nobody, UnixMs(1), at(seconds));
            (connections.shown().peers[0].round_trip_ms, due)
        };
        assert_eq!(trip(None, 0), (None, None));
        assert_eq!(trip(Some(10), 1), (Some(10), None), "the first at once");
        assert_eq!(trip(Some(20), 2), (Some(10), Some(at(6))));
        assert_eq!(trip(Some(30), 6), (Some(30), None));
        let shown = connections.shown();
        connections.update(&state(&[(1, LAN, Some(30))]), nobody, UnixMs(2), at(20));
        assert!(Arc::ptr_eq(&shown, &connections.shown()), "nothing changed");
    }

    #[test]
    fn those_who_went_are_remembered_up_to_a_limit() {
        let mut connections = Connections::default();
        let now = Instant::now();
        for n in 0..GONE_MAX as u64 + 50 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            let mut up = NetworkState::default();
            up.peers.insert(NetworkKey(key), vec![LAN.to_owned()]);
            connections.update(&up, nobody, UnixMs(n), now);
        }
        connections.update(&NetworkState::default(), nobody, UnixMs(10_000), now);
        assert_eq!(connections.shown().peers.len(), GONE_MAX);
        assert!(
            connections
                .shown()
                .peers
                .iter()
                .all(|peer| peer.seen > UnixMs(40))
        );
    }
}
