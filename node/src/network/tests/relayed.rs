//! Through relays: real swarms on loopback, one of them `alloquy-relay`'s own.

use alloquy_relay::{Admission, Config, Door, Limits, Listed, Relay, key_of};

use alloquy_api::voice::IceServer;
use alloquy_relay::turn::{Desk, Secret};

use super::*;

async fn relay_with(seed: u8, listen: &[&str], door: Door) -> Relay {
    relay_beside(seed, listen, door, None).await
}

/// A relay beside a TURN server.
async fn relay_beside(seed: u8, listen: &[&str], door: Door, turn: Option<Desk>) -> Relay {
    let config = Config {
        seed: Zeroizing::new([seed; 32]),
        listen: listen.iter().map(|text| text.parse().unwrap()).collect(),
        announce: Vec::new(),
        door,
        limits: Limits::default(),
        metrics: None,
        turn,
    };
    Relay::start(config).await.unwrap()
}

async fn relay(seed: u8) -> Relay {
    relay_with(seed, &[QUIC, TCP], Door::new(Admission::Open)).await
}

/// A node that uses these relays.
async fn using(seed: u8, listen: &str, relays: &[&Relay]) -> Network {
    let config = NetworkConfig {
        listen: vec![listen.parse().unwrap()],
        relays: relays.iter().flat_map(|relay| relay.addresses()).collect(),
        ..NetworkConfig::new(Zeroizing::new([seed; 32]))
    };
    Network::start(config).await.unwrap()
}

async fn until(network: &Network, what: &str, mut is: impl FnMut(&NetworkState) -> bool) {
    let mut state = network.state();
    let found = async {
        while !is(&state.borrow_and_update()) {
            state.changed().await.expect("the network runs");
        }
    };
    if tokio::time::timeout(PATIENCE, found).await.is_err() {
        panic!("{what} did not happen: {:#?}", network.state().borrow());
    }
}

fn reserved(state: &NetworkState) -> usize {
    state.reach.relays.iter().filter(|r| r.reserved).count()
}

/// The addresses of a node that lead through this relay, without its own name.
fn through(network: &Network, relay: &Relay) -> Vec<String> {
    let circuit = format!("/p2p/{}/p2p-circuit", relay.peer());
    let listen = network.state().borrow().listen.clone();
    listen
        .iter()
        .filter(|text| text.contains(&circuit))
        .map(|text| text.rsplit_once("/p2p/").unwrap().0.to_owned())
        .collect()
}

#[tokio::test]
async fn a_place_is_reserved_and_told_and_frames_go_through_the_relay() {
    let relay = relay(50).await;
    let mut ana = using(1, QUIC, &[&relay]).await;
    until(&ana, "a reservation", |state| reserved(state) == 1).await;
    let told = next(&mut ana, "the way through the relay", |input| match input {
        Input::ListenAddresses(addresses) if addresses.len() == 3 => Some(addresses),
        _ => None,
    })
    .await;
    let circuits = told.iter().filter(|text| text.contains("p2p-circuit"));
    assert_eq!(
        circuits.count(),
        2,
        "the relay's two beside its own: {told:?}"
    );

    // Ben knows nothing but the way through the relay, as from an invite. Ana's only other transport is one that he
    // has not got, so that no hole can be punched.
    let mut ben = node(2, &[TCP], &[]).await;
    ben.carry_out(Request::Keep(ana.key(), through(&ana, &relay)))
        .await;
    assert_eq!(up(&mut ana).await, ben.key());
    assert_eq!(up(&mut ben).await, ana.key());
    for n in 0..50_u8 {
        let frame = Bytes::from(vec![n; 100_000]);
        ana.carry_out(Request::Send(ben.key(), frame.clone())).await;
        ben.carry_out(Request::Send(ana.key(), frame)).await;
    }
    for n in 0..50_u8 {
        assert_eq!(
            frame(&mut ben).await,
            (ana.key(), Bytes::from(vec![n; 100_000]))
        );
        assert_eq!(
            frame(&mut ana).await,
            (ben.key(), Bytes::from(vec![n; 100_000]))
        );
    }
    let state = ana.state().borrow().clone();
    assert_eq!(
        state.peers.len(),
        1,
        "the relay is no peer: {:?}",
        state.peers
    );
}

/// A link that is made in the first second must name the way through the relay.
#[tokio::test]
async fn a_way_through_a_named_relay_is_told_before_it_stands_and_not_after_it_failed() {
    // It takes connections and says nothing, so that the place is under way until the handshake's time is over.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = libp2p::PeerId::random();
    let relay = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port());
    let config = NetworkConfig {
        listen: vec![QUIC.parse().unwrap()],
        relays: vec![format!("{relay}/p2p/{peer}").parse().unwrap()],
        ..NetworkConfig::new(Zeroizing::new([1; 32]))
    };
    let mut ana = Network::start(config).await.unwrap();
    let told = |addresses: &[String]| {
        let circuit = format!("{relay}/p2p/{peer}/p2p-circuit/p2p/");
        addresses.iter().any(|text| text.starts_with(&circuit))
    };
    let first = next(&mut ana, "own addresses", |input| match input {
        Input::ListenAddresses(addresses) => Some(addresses),
        _ => None,
    });
    assert!(told(&first.await), "the place is under way");
    assert!(!told(&ana.state().borrow().listen), "it does not stand");
    next(&mut ana, "that nothing came of it", |input| match input {
        Input::ListenAddresses(addresses) => (!told(&addresses)).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn when_a_relay_dies_another_one_takes_its_place() {
    let relays = [relay(51).await, relay(52).await, relay(53).await];
    let all: Vec<&Relay> = relays.iter().collect();
    let ana = using(1, TCP, &all).await;
    until(&ana, "two reservations", |state| reserved(state) == 2).await;
    let [first, second, third] = relays;
    let mut left = Vec::new();
    let mut ended = 0;
    for relay in [first, second, third] {
        if ended == 0 && !through(&ana, &relay).is_empty() {
            relay.shutdown().await;
            ended += 1;
        } else {
            left.push(relay);
        }
    }
    until(&ana, "the other two hold a place", |state| {
        let names = left.iter().map(Relay::peer);
        let held = |peer| {
            state
                .reach
                .relays
                .iter()
                .any(|r| r.peer == peer && r.reserved)
        };
        names.into_iter().all(held)
    })
    .await;
    let dead = ana
        .state()
        .borrow()
        .listen
        .iter()
        .filter(|text| text.contains("circuit"))
        .count();
    assert_eq!(
        dead, 4,
        "two addresses of each living relay, none of the dead one"
    );

    let mut ben = node(2, &[QUIC], &[]).await;
    let mut ways: Vec<String> = left.iter().flat_map(|relay| through(&ana, relay)).collect();
    ways.push(format!(
        "/ip4/127.0.0.1/tcp/1/p2p/{}/p2p-circuit",
        dead_relay()
    ));
    ben.carry_out(Request::Keep(ana.key(), ways)).await;
    assert_eq!(up(&mut ben).await, ana.key());
}

fn dead_relay() -> libp2p::PeerId {
    let pair = Keypair::ed25519_from_bytes([99; 32]).unwrap();
    pair.public().to_peer_id()
}

#[tokio::test]
async fn a_session_moves_to_a_direct_connection_and_loses_nothing() {
    let relay = relay(54).await;
    let mut ana = using(1, QUIC, &[&relay]).await;
    until(&ana, "a reservation", |state| reserved(state) == 1).await;
    let mut ben = using(2, QUIC, &[&relay]).await;
    until(&ben, "a reservation", |state| reserved(state) == 1).await;
    ben.carry_out(Request::Keep(ana.key(), through(&ana, &relay)))
        .await;
    // Sent from the first way on, through the relay, until long after both have moved: at every moment so many are under
    // way that at the move some are still in the relay when the next ones go directly.
    const WINDOW: u32 = 200;
    let body = |n: u32| Bytes::from([&n.to_le_bytes()[..], &[7; 20_000]].concat());
    assert_eq!(up(&mut ana).await, ben.key());
    assert_eq!(up(&mut ben).await, ana.key());
    let keys = [ana.key(), ben.key()];
    let direct = |network: &Network, other: NetworkKey| {
        let state = network.state().borrow().clone();
        let used = state.peers.get(&other).and_then(|ways| ways.first());
        used.is_some_and(|way| !way.contains("p2p-circuit"))
    };
    assert!(!direct(&ana, keys[1]), "it begins in the relay");
    let (mut sent, mut got, mut last) = (0, 0, None);
    while last != Some(got) {
        while sent < got + WINDOW {
            ana.carry_out(Request::Send(keys[1], body(sent))).await;
            ben.carry_out(Request::Send(keys[0], body(sent))).await;
            sent += 1;
        }
        let (at_ben, at_ana) = (frame(&mut ben).await, frame(&mut ana).await);
        assert_eq!((at_ben.0, at_ana.0), (keys[0], keys[1]));
        assert!(
            at_ben.1 == body(got) && at_ana.1 == body(got),
            "frame {got}"
        );
        got += 1;
        if last.is_none() && direct(&ana, keys[1]) && direct(&ben, keys[0]) {
            last = Some(got + 5 * WINDOW);
        }
    }
    for n in got..sent {
        assert_eq!(frame(&mut ben).await, (keys[0], body(n)));
        assert_eq!(frame(&mut ana).await, (keys[1], body(n)));
    }
    for (network, other) in [(&ana, ben.key()), (&ben, ana.key())] {
        until(network, "the move", |state| {
            let ways = state.peers.get(&other);
            ways.is_some_and(|ways| !ways.iter().any(|way| way.contains("p2p-circuit")))
        })
        .await;
        let state = network.state().borrow().clone();
        assert_eq!(state.counters.sessions_broken, 0);
        assert!(state.ways[&other].punched, "{:?}", state.ways);
    }
    ana.carry_out(Request::Send(ben.key(), Bytes::from_static(b"after")))
        .await;
    assert_eq!(
        frame(&mut ben).await,
        (ana.key(), Bytes::from_static(b"after"))
    );
}

#[tokio::test]
async fn a_relay_that_refuses_is_told_with_its_reason() {
    let nobody = Listed::default();
    let relay = relay_with(55, &[TCP], Door::new(Admission::Listed(nobody))).await;
    let ana = using(1, TCP, &[&relay]).await;
    until(&ana, "a refusal", |state| {
        state.reach.relays.iter().any(|relay| {
            let words = relay.failure.as_deref().unwrap_or_default();
            !relay.reserved && words.contains("limit exceeded")
        })
    })
    .await;
}

#[tokio::test]
async fn a_pass_opens_the_door() {
    let issuer = issuer_key();
    let list = Listed {
        issuers: [NetworkKey(issuer.verifying_key().to_bytes())].into(),
        ..Listed::default()
    };
    let relay = relay_with(56, &[TCP], Door::new(Admission::Listed(list))).await;
    let own = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let holder = key_of(&own.public().to_peer_id()).unwrap();
    let ends = alloquy_ids::UnixMs(crate::driver::wall().0 + 3_600_000);
    let config = NetworkConfig {
        listen: vec![TCP.parse().unwrap()],
        relays: relay.addresses(),
        pass: Some(Pass::sign(&issuer, holder, ends, 1 << 30)),
        ..NetworkConfig::new(Zeroizing::new([1; 32]))
    };
    let ana = Network::start(config).await.unwrap();
    until(&ana, "a reservation by the pass", |state| {
        reserved(state) == 1
    })
    .await;
}

fn issuer_key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[9; 32])
}

#[tokio::test]
async fn a_member_that_is_reachable_relays_for_co_members_and_for_nobody_else() {
    let config = NetworkConfig {
        listen: vec![TCP.parse().unwrap()],
        ..NetworkConfig::new(Zeroizing::new([1; 32]))
    };
    let probe = Network::start(config).await.unwrap();
    let place = addresses(&probe)[0].clone();
    probe.shutdown().await;
    let config = NetworkConfig {
        listen: vec![place.parse().unwrap()],
        announce: vec![place.parse().unwrap()],
        ..NetworkConfig::new(Zeroizing::new([1; 32]))
    };
    let mut ana = Network::start(config).await.unwrap();
    let mut ben = node(2, &[TCP], &[]).await;
    let stranger = node(3, &[TCP], &[]).await;
    for network in [&ben, &stranger] {
        network
            .carry_out(Request::Keep(ana.key(), vec![place.clone()]))
            .await;
    }
    assert_eq!(up(&mut ben).await, ana.key());
    up(&mut ana).await;
    up(&mut ana).await;
    ana.carry_out(Request::CoMembers(members(&[&ben]))).await;
    until(&ben, "a place with Ana", |state| reserved(state) == 1).await;
    let way = ben.state().borrow().listen.clone();
    let way = way
        .iter()
        .find(|text| text.contains("p2p-circuit"))
        .unwrap();
    let way = way.rsplit_once("/p2p/").unwrap().0.to_owned();
    let cid = node(4, &[QUIC], &[]).await;
    cid.carry_out(Request::Keep(ben.key(), vec![way])).await;
    assert_eq!(up(&mut ben).await, cid.key());
    until(&stranger, "a refusal", |state| {
        state.counters.reservations_lost > 0 && reserved(state) == 0
    })
    .await;
}

#[tokio::test]
async fn a_co_member_that_has_moved_is_found_through_another_one_and_strangers_are_told_nothing() {
    let relay = relay(57).await;
    let mut ana = using(1, QUIC, &[&relay]).await;
    until(&ana, "a reservation", |state| reserved(state) == 1).await;
    let mut ben = node(2, &[TCP, QUIC], &[]).await;
    ana.carry_out(Request::Keep(ben.key(), addresses(&ben)))
        .await;
    assert_eq!(up(&mut ben).await, ana.key());
    let mut stranger = node(3, &[TCP], &[]).await;
    let mut cid = node(4, &[TCP], &[]).await;
    // Eve is a co-member of Ben's too, in another community.
    let mut eve = node(5, &[TCP], &[]).await;
    let mut all = members(&[&ana, &cid]);
    all.insert(eve.key(), [CommunityId([2; 32])].into());
    ben.carry_out(Request::CoMembers(all)).await;
    let nowhere = vec!["/ip4/127.0.0.1/tcp/1".to_owned()];
    for network in [&stranger, &eve, &cid] {
        network
            .carry_out(Request::Keep(ben.key(), addresses(&ben)))
            .await;
    }
    assert_eq!(up(&mut stranger).await, ben.key());
    assert_eq!(up(&mut eve).await, ben.key());
    assert_eq!(up(&mut cid).await, ben.key());
    for network in [&stranger, &eve, &cid] {
        network
            .carry_out(Request::Keep(ana.key(), nowhere.clone()))
            .await;
    }
    assert_eq!(up(&mut cid).await, ana.key());
    up(&mut ana).await;
    for other in [stranger, eve] {
        let mut state = other.state();
        let told = state.wait_for(|state| state.peers.contains_key(&ana.key()));
        let told = tokio::time::timeout(Duration::from_secs(3), told).await;
        assert!(
            told.is_err(),
            "one who shares no community was told where Ana is"
        );
    }
}

/// Co-members of one community.
fn members(all: &[&Network]) -> CoMembers {
    let communities = BTreeSet::from([CommunityId([1; 32])]);
    let all = all
        .iter()
        .map(|network| (network.key(), communities.clone()));
    all.collect()
}

#[tokio::test]
async fn a_relay_gives_the_credentials_of_its_turn_server_to_whom_it_admits_by_name() {
    let stun = IceServer {
        urls: vec!["stun:192.0.2.1:3478".to_owned()],
        username: String::new(),
        credential: String::new(),
    };
    let desk = || {
        let urls = vec!["turn:45.83.1.2:3478?transport=udp".to_owned()];
        Some(Desk::new(urls, Secret::generate().unwrap()))
    };
    let peer = |seed: u8| {
        let pair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        pair.public().to_peer_id()
    };
    let listed = Admission::Listed(Listed {
        peers: [peer(1)].into(),
        ..Listed::default()
    });
    let friends = relay_beside(56, &[QUIC], Door::new(listed), desk()).await;
    let open = relay_beside(57, &[QUIC], Door::new(Admission::Open), desk()).await;
    let ana = using(1, QUIC, &[&friends, &open]).await;
    until(&ana, "two reservations", |state| reserved(state) == 2).await;
    let (servers, mut told) = watch::channel(vec![stun.clone()]);
    let renewing = tokio::spawn(crate::turn::renew(ana.control(), ana.state(), servers));
    let found = tokio::time::timeout(PATIENCE, told.wait_for(|servers| servers.len() > 1));
    let found = found.await.expect("a server is told").unwrap().clone();
    assert_eq!(found.len(), 2, "the open relay gives none: {found:?}");
    assert_eq!(found[0], stun);
    assert_eq!(found[1].urls, ["turn:45.83.1.2:3478?transport=udp"]);
    assert!(found[1].username.contains(':') && !found[1].credential.is_empty());
    drop(told);
    let ended = tokio::time::timeout(PATIENCE, renewing).await;
    ended.expect("it ends with who listens").unwrap();
}
