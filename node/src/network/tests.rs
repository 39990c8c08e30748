use std::future::Future;

use super::*;

mod relayed;

/// Long enough for a loaded machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";

async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}

async fn node(seed: u8, listen: &[&str], peers: &[String]) -> Network {
    let config = NetworkConfig {
        listen: listen.iter().map(|text| text.parse().unwrap()).collect(),
        peers: peers.iter().map(|text| text.parse().unwrap()).collect(),
        ..NetworkConfig::new(Zeroizing::new([seed; 32]))
    };
    Network::start(config).await.unwrap()
}

/// The addresses of a node without `/p2p`.
fn addresses(network: &Network) -> Vec<String> {
    let listen = network.state().borrow().listen.clone();
    listen
        .iter()
        .map(|text| text.split("/p2p/").next().unwrap().to_owned())
        .collect()
}

/// Waits for an input that `take` takes; others are left out.
async fn next<T>(network: &mut Network, what: &str, mut take: impl FnMut(Input) -> Option<T>) -> T {
    patiently(what, async {
        loop {
            let input = network.input().await.expect("the network runs");
            if let Some(taken) = take(input) {
                return taken;
            }
        }
    })
    .await
}

async fn up(network: &mut Network) -> NetworkKey {
    next(network, "PeerUp", |input| match input {
        Input::PeerUp(key) => Some(key),
        _ => None,
    })
    .await
}

async fn down(network: &mut Network) -> NetworkKey {
    next(network, "PeerDown", |input| match input {
        Input::PeerDown(key) => Some(key),
        _ => None,
    })
    .await
}

async fn frame(network: &mut Network) -> (NetworkKey, Bytes) {
    next(network, "a frame", |input| match input {
        Input::Frame(key, frame) => Some((key, frame)),
        _ => None,
    })
    .await
}

async fn connected(listen: &str) -> (Network, Network) {
    let mut ana = node(1, &[listen], &[]).await;
    let mut ben = node(2, &[listen], &[]).await;
    ben.carry_out(Request::Keep(ana.key(), addresses(&ana)))
        .await;
    assert_eq!(up(&mut ana).await, ben.key());
    assert_eq!(up(&mut ben).await, ana.key());
    (ana, ben)
}

async fn frames_keep_their_order(listen: &str) {
    let (mut ana, mut ben) = connected(listen).await;
    let size = |n: usize| if n.is_multiple_of(100) { 1_000_000 } else { n };
    for n in 0..300 {
        ana.carry_out(Request::Send(
            ben.key(),
            Bytes::from(vec![n as u8; size(n)]),
        ))
        .await;
    }
    ben.carry_out(Request::Send(ana.key(), Bytes::from_static(b"back")))
        .await;
    for n in 0..300 {
        let (from, frame) = frame(&mut ben).await;
        assert_eq!(
            (from, frame.len(), frame.first().copied()),
            (
                ana.key(),
                size(n),
                (n > 0 || size(n) > 0).then_some(n as u8)
            )
        );
    }
    assert_eq!(
        frame(&mut ana).await,
        (ben.key(), Bytes::from_static(b"back"))
    );
}

#[tokio::test]
async fn frames_keep_their_order_over_quic() {
    frames_keep_their_order(QUIC).await;
}

#[tokio::test]
async fn frames_keep_their_order_over_tcp() {
    frames_keep_their_order(TCP).await;
}

#[tokio::test]
async fn the_last_frames_before_an_end_still_arrive_and_the_peer_is_seen_to_go() {
    for listen in [QUIC, TCP] {
        let (mut ana, ben) = connected(listen).await;
        let key = ben.key();
        ben.carry_out(Request::Send(ana.key(), Bytes::from(vec![7; 2_000_000])))
            .await;
        ben.carry_out(Request::Send(ana.key(), Bytes::from_static(b"goodbye")))
            .await;
        ben.shutdown().await;
        assert_eq!(frame(&mut ana).await.1.len(), 2_000_000);
        assert_eq!(frame(&mut ana).await, (key, Bytes::from_static(b"goodbye")));
        assert_eq!(down(&mut ana).await, key);
    }
}

#[tokio::test]
async fn a_peer_that_comes_back_elsewhere_is_a_new_session() {
    for listen in [QUIC, TCP] {
        let (mut ana, ben) = connected(listen).await;
        let (key, to_ana) = (ben.key(), addresses(&ana));
        // Cut without a word, as by kill -9: the old QUIC connection is still open on the other side.
        ben.task.abort();
        drop(ben);
        let mut ben = node(2, &[listen], &[]).await;
        ben.carry_out(Request::Keep(ana.key(), to_ana)).await;
        assert_eq!(down(&mut ana).await, key);
        assert_eq!(up(&mut ana).await, key);
        ana.carry_out(Request::Send(key, Bytes::from_static(b"again")))
            .await;
        assert_eq!(
            frame(&mut ben).await,
            (ana.key(), Bytes::from_static(b"again"))
        );
    }
}

#[tokio::test]
async fn a_kept_peer_is_dialled_until_it_is_there_and_not_after_its_release() {
    let mut ana = node(1, &[TCP], &[]).await;
    let (key, place) = (ana.key(), addresses(&ana));
    let mut ben = node(2, &[TCP], &[]).await;
    ana.shutdown().await;
    ben.carry_out(Request::Keep(key, place.clone())).await;
    ana = node(1, &[&place[0]], &[]).await;
    assert_eq!(up(&mut ben).await, key);
    assert_eq!(up(&mut ana).await, ben.key());

    ben.carry_out(Request::Release(key)).await;
    ana.shutdown().await;
    assert_eq!(down(&mut ben).await, key);
    let state = ben.state();
    assert!(state.borrow().peers.is_empty());
}

#[tokio::test]
async fn named_peers_are_dialled_with_and_without_their_id() {
    let mut ana = node(1, &[QUIC, TCP], &[]).await;
    let whole = ana.state().borrow().listen.clone();
    let ben = node(2, &[TCP], &whole[..1]).await;
    assert_eq!(up(&mut ana).await, ben.key());
    let cid = node(3, &[TCP], &addresses(&ana)[1..]).await;
    assert_eq!(up(&mut ana).await, cid.key());
}

#[tokio::test]
async fn addresses_of_both_sides_are_told() {
    let (mut ana, ben) = connected(TCP).await;
    let told = next(&mut ana, "PeerAddresses", |input| match input {
        Input::PeerAddresses(key, addresses) => Some((key, addresses)),
        _ => None,
    })
    .await;
    assert_eq!(told, (ben.key(), addresses(&ben)));

    let mut alone = node(4, &[TCP, QUIC], &[]).await;
    let own = next(&mut alone, "ListenAddresses", |input| match input {
        Input::ListenAddresses(addresses) => Some(addresses),
        _ => None,
    })
    .await;
    assert_eq!(own, alone.state().borrow().listen);
    assert_eq!(own.len(), 2);
    assert!(own.iter().all(|text| text.contains("/p2p/")));
}

/// Publishes until everybody has it: who is in a topic is known only some time after the connection.
async fn publish_until(
    network: &Network,
    topic: Topic,
    text: &'static [u8],
    arrived: impl Future<Output = ()>,
) {
    let again = async {
        for n in 0_u64.. {
            let frame = [text, &n.to_le_bytes()].concat();
            network
                .carry_out(Request::Publish(topic, Bytes::from(frame)))
                .await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = again => {}
        () = arrived => {}
    }
}

async fn gossip_with(
    network: &mut Network,
    text: &[u8],
    verdict: Option<Verdict>,
) -> (NetworkKey, Topic) {
    let (id, topic, from) = next(network, "gossip", |input| match input {
        Input::Gossip(id, topic, from, frame) if frame.starts_with(text) => Some((id, topic, from)),
        _ => None,
    })
    .await;
    if let Some(verdict) = verdict {
        network.carry_out(Request::Verdict(id, verdict)).await;
    }
    (from, topic)
}

#[tokio::test]
async fn gossip_goes_on_only_with_a_verdict() {
    let topic = Topic([9; 32]);
    let (ana, mut ben) = connected(QUIC).await;
    let mut cid = node(3, &[TCP], &[]).await;
    cid.carry_out(Request::Keep(ben.key(), addresses(&ben)))
        .await;
    // Cid listens by TCP alone and Ben by QUIC alone: Cid can not be reached by Ana.
    for network in [&ana, &ben, &cid] {
        network.carry_out(Request::Subscribe(topic)).await;
    }
    assert_eq!(up(&mut ben).await, cid.key());

    publish_until(&ana, topic, b"refused", async {
        assert_eq!(
            gossip_with(&mut ben, b"refused", Some(Verdict::Ignore)).await,
            (ana.key(), topic)
        );
    })
    .await;
    let ben_accepts = async {
        loop {
            gossip_with(&mut ben, b"accepted", Some(Verdict::Accept)).await;
        }
    };
    let arrived = async {
        let first = next(&mut cid, "gossip through another", |input| match input {
            Input::Gossip(_, _, from, frame) => Some((from, frame)),
            _ => None,
        });
        tokio::select! {
            () = ben_accepts => unreachable!("an endless loop"),
            (from, frame) = first => {
                assert!(frame.starts_with(b"accepted"), "what was refused went on");
                assert_ne!(from, ana.key());
            }
        }
    };
    publish_until(&ana, topic, b"accepted", arrived).await;
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_too_often_is_shut_out() {
    let (mut ana, ben) = connected(TCP).await;
    for _ in 0..100 {
        ana.carry_out(Request::Penalize(
            ben.key(),
            Fault {
                reason: "nonsense".to_owned(),
            },
        ))
        .await;
    }
    assert_eq!(down(&mut ana).await, ben.key());
    let mut state = ana.state();
    // Ben dials again and again, and gets no session.
    let back = tokio::time::timeout(
        Duration::from_millis(700),
        state.wait_for(|state| !state.peers.is_empty()),
    )
    .await;
    assert!(back.is_err(), "a blocked peer came back");
    assert_eq!(ana.state().borrow().counters.faults, 100);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_and_no_listener_is_left_out_in_silence() {
    let ana = node(1, &[TCP], &[]).await;
    let taken = addresses(&ana)[0].clone();
    let listen = vec![QUIC.parse().unwrap(), taken.parse().unwrap()];
    let config = NetworkConfig {
        listen,
        ..NetworkConfig::new(Zeroizing::new([2; 32]))
    };
    let error = Network::start(config).await.expect_err("the port is taken");
    assert!(
        matches!(&error, StartError::Listen { address, .. } if *address == taken),
        "{error}"
    );
}

#[tokio::test]
async fn a_preferred_port_is_taken_on_every_transport_unless_somebody_has_it() {
    let start = |seed, port| async move {
        let config = NetworkConfig {
            port,
            ..NetworkConfig::new(Zeroizing::new([seed; 32]))
        };
        Network::start(config).await.unwrap()
    };
    let local = |network: &Network| -> Vec<String> {
        let all = addresses(network);
        let mut local: Vec<String> = all
            .into_iter()
            .filter(|text| text.starts_with("/ip4/127.0.0.1/"))
            .collect();
        local.sort();
        local
    };
    let any = start(1, 0).await;
    let free = local(&any)[0].split('/').nth(4).unwrap().parse().unwrap();
    any.shutdown().await;
    let first = start(1, free).await;
    assert_eq!(
        local(&first),
        [
            format!("/ip4/127.0.0.1/tcp/{free}"),
            format!("/ip4/127.0.0.1/udp/{free}/quic-v1")
        ]
    );
    let second = start(2, free).await;
    assert_eq!(local(&second).len(), 2);
    assert!(
        local(&second)
            .iter()
            .all(|text| !text.contains(&format!("/{free}"))),
        "{:?}",
        local(&second)
    );
}

async fn round_trips_are_measured(listen: &str) {
    let (ana, ben) = connected(listen).await;
    let mut state = ana.state();
    let trip = patiently("a measured round trip", async {
        loop {
            let measured = state
                .borrow_and_update()
                .round_trips
                .get(&ben.key())
                .copied();
            if let Some(trip) = measured {
                return trip;
            }
            state.changed().await.expect("the network runs");
        }
    })
    .await;
    assert!((1..5_000).contains(&trip), "{trip} ms on loopback");
    ben.shutdown().await;
    patiently("its end", async {
        while !state.borrow_and_update().round_trips.is_empty() {
            state.changed().await.expect("the network runs");
        }
    })
    .await;
}

#[tokio::test]
async fn round_trips_are_measured_over_quic() {
    round_trips_are_measured(QUIC).await;
}

#[tokio::test]
async fn round_trips_are_measured_over_tcp() {
    round_trips_are_measured(TCP).await;
}
