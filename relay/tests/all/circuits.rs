//! Three swarms: one relays, one waits to be called, one calls.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use alloquy_ids::UnixMs;
use alloquy_relay::{
    Admission, Config, Door, Limits, Listed, Pass, Relay, StartError, key_of, show,
};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use zeroize::Zeroizing;

use super::client::{Client, pour, sink};

const MIB: usize = 1024 * 1024;

fn config(door: Door, limits: Limits) -> Config {
    Config {
        seed: Zeroizing::new([42; 32]),
        listen: ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"]
            .map(|text| text.parse().unwrap())
            .to_vec(),
        announce: Vec::new(),
        door,
        limits,
        metrics: Some("127.0.0.1:0".parse().unwrap()),
        turn: None,
    }
}

fn over(relay: &Relay, transport: &str) -> Multiaddr {
    let mut addresses = relay.addresses().into_iter();
    addresses
        .find(|address| address.to_string().contains(transport))
        .unwrap()
}

fn circuit(relay: &Multiaddr, peer: libp2p::PeerId) -> Multiaddr {
    relay
        .clone()
        .with(Protocol::P2pCircuit)
        .with(Protocol::P2p(peer))
}

fn figure(relay: &Relay, name: &str) -> u64 {
    let mut stream = TcpStream::connect(relay.metrics().unwrap()).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("alloquy_relay_{name} ")))
        .unwrap_or_else(|| panic!("{name} is not on the page:\n{page}"));
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_carries_far_more_than_the_protocols_default() {
    let relay = Relay::start(config(Door::new(Admission::Open), Limits::default()))
        .await
        .unwrap();
    let mut called = Client::new(1);
    let at = called.reserve(&over(&relay, "quic")).await.unwrap();
    assert!(at.to_string().contains("p2p-circuit"), "{at}");
    let sink = sink(called.control());
    let peer = called.peer;
    let called = called.serve();

    let mut calling = Client::new(2);
    let address = circuit(&over(&relay, "tcp"), peer);
    calling.dial(address, peer).await.unwrap();
    let control = calling.control();
    let calling = calling.serve();
    assert_eq!(pour(control, peer, 56 * MIB).await, Ok(56 * MIB as u64));
    let relay_page = tokio::task::spawn_blocking(move || {
        assert_eq!(figure(&relay, "reservations"), 1);
        assert_eq!(figure(&relay, "circuits"), 1);
        assert_eq!(figure(&relay, "circuits_cut_total"), 0);
        assert!(figure(&relay, "read_bytes_total") > 56 * MIB as u64);
        relay
    });
    relay_page.await.unwrap().shutdown().await;
    calling.abort();
    called.abort();
    sink.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_quota_cuts_the_circuit_and_refuses_the_next() {
    let limits = Limits {
        peer_bytes: MIB as u64,
        ..Limits::default()
    };
    let relay = Relay::start(config(Door::new(Admission::Open), limits))
        .await
        .unwrap();
    let mut called = Client::new(3);
    called.reserve(&over(&relay, "tcp")).await.unwrap();
    let sink = sink(called.control());
    let peer = called.peer;
    let called = called.serve();

    let mut calling = Client::new(4);
    let address = circuit(&over(&relay, "quic"), peer);
    calling.dial(address.clone(), peer).await.unwrap();
    let control = calling.control();
    let poured = {
        let pour = tokio::spawn(pour(control, peer, 3 * MIB));
        calling
            .until("the end of the circuit", |event| {
                matches!(event, libp2p::swarm::SwarmEvent::ConnectionClosed { peer_id, .. } if *peer_id == peer)
                    .then_some(())
            })
            .await;
        pour.await.unwrap()
    };
    assert!(poured.is_err(), "{poured:?}");
    let refused = calling.dial(address, peer).await.unwrap_err();
    assert!(refused.contains("ResourceLimitExceeded"), "{refused}");

    let mut other = Client::new(5);
    other
        .dial(circuit(&over(&relay, "tcp"), peer), peer)
        .await
        .expect("another peer has a quota of its own");
    relay.shutdown().await;
    called.abort();
    sink.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_admitted_is_refused_until_it_shows_a_pass() {
    let issuer = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let mut listed = Client::new(6);
    let mut stranger = Client::new(7);
    let list = Listed {
        peers: [listed.peer].into(),
        issuers: [alloquy_ids::NetworkKey(issuer.verifying_key().to_bytes())].into(),
    };
    let door = Door::new(Admission::Listed(list));
    let relay = Relay::start(config(door, Limits::default())).await.unwrap();
    let at = over(&relay, "quic");
    listed.reserve(&at).await.unwrap();
    let refused = stranger.reserve(&at).await.unwrap_err();
    assert!(refused.contains("ResourceLimitExceeded"), "{refused}");

    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let holder = key_of(&stranger.peer).unwrap();
    let control = stranger.control();
    let relay_peer = relay.peer();
    let ends = UnixMs(now + 60_000);
    let forger = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let forged = Pass::sign(&forger, holder, ends, 1 << 30);
    let good = Pass::sign(&issuer, holder, ends, 1 << 30);
    let shown = tokio::spawn(async move {
        let forged = show(control.clone(), relay_peer, &forged).await;
        (forged, show(control, relay_peer, &good).await)
    });
    let (refused, taken) = loop {
        tokio::select! {
            _ = futures::StreamExt::next(&mut stranger.swarm) => {}
            () = tokio::time::sleep(std::time::Duration::from_millis(5)) => {}
        }
        if shown.is_finished() {
            break shown.await.unwrap();
        }
    };
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("are not taken here"), "{refused}");
    taken.unwrap();
    stranger.reserve(&at).await.expect("the pass lets it in");
    relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_ends_and_its_clients_see_it() {
    let relay = Relay::start(config(Door::new(Admission::Open), Limits::default()))
        .await
        .unwrap();
    let mut client = Client::new(11);
    client.connect(&over(&relay, "tcp")).await;
    relay.shutdown().await;
    client
        .until("the end of the connection", |event| {
            matches!(event, libp2p::swarm::SwarmEvent::ConnectionClosed { .. }).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_shown_to_this_machine_only() {
    let door = Door::new(Admission::Open);
    let mut config = config(door, Limits::default());
    config.metrics = Some("0.0.0.0:0".parse().unwrap());
    let error = Relay::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Metrics { .. }), "{error}");
    assert!(error.to_string().contains("0.0.0.0:0"), "{error}");
}
