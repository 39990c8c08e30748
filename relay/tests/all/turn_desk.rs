//! The protocol by which peers are given TURN credentials: real swarms on loopback.

use std::time::SystemTime;

use alloquy_ids::{NetworkKey, UnixMs};
use alloquy_relay::turn::{AskError, Desk, Secret, ask, check};
use alloquy_relay::{Admission, Config, Door, Limits, Listed, Pass, Relay, key_of, show};
use ed25519_dalek::SigningKey;

use super::client::Client;

/// The network key of [`Client::new`] with this seed.
pub(crate) fn key(seed: u8) -> NetworkKey {
    NetworkKey(
        SigningKey::from_bytes(&[seed; 32])
            .verifying_key()
            .to_bytes(),
    )
}

fn now() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    UnixMs(u64::try_from(since.as_millis()).unwrap())
}

async fn relay(admission: Admission, desk: Option<Desk>) -> Relay {
    let config = Config {
        seed: [9; 32].into(),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        announce: Vec::new(),
        door: Door::new(admission),
        limits: Limits::default(),
        metrics: None,
        turn: desk,
    };
    Relay::start(config).await.unwrap()
}

fn desk() -> (Desk, Secret) {
    let secret = Secret::generate().unwrap();
    let urls = vec!["turn:turn.example.org:3478?transport=udp".to_owned()];
    (Desk::new(urls, secret.clone()), secret)
}

async fn connected(seed: u8, relay: &Relay) -> libp2p_stream::Control {
    let mut client = Client::new(seed);
    client.connect(&relay.addresses()[0]).await;
    let control = client.control();
    client.serve();
    control
}

#[tokio::test]
async fn only_admitted_peers_are_given_a_credential_each_its_own() {
    let (desk, secret) = desk();
    let issuer = SigningKey::from_bytes(&[7; 32]);
    let list = Listed {
        peers: [Client::new(1).peer, Client::new(2).peer].into(),
        issuers: [NetworkKey(issuer.verifying_key().to_bytes())].into(),
    };
    let relay = relay(Admission::Listed(list), Some(desk.clone())).await;
    let mut accounts = Vec::new();
    for seed in [1, 2] {
        let control = connected(seed, &relay).await;
        let grant = ask(control, relay.peer()).await.unwrap();
        assert_eq!(grant.urls, ["turn:turn.example.org:3478?transport=udp"]);
        let (name, password) = (&grant.credential.username, &grant.credential.password);
        let account = check(std::slice::from_ref(&secret), name, password, now()).unwrap();
        assert!(
            !account.contains(&key(seed).to_string()[..8]),
            "no key is told"
        );
        accounts.push(account.to_owned());
    }
    assert_ne!(accounts[0], accounts[1]);

    let control = connected(3, &relay).await;
    let error = ask(control.clone(), relay.peer()).await.unwrap_err();
    assert!(matches!(error, AskError::Refused(_)), "{error}");
    assert!(error.to_string().contains("not admitted"), "{error}");
    let holder = key_of(&Client::new(3).peer).unwrap();
    let pass = Pass::sign(&issuer, holder, UnixMs(now().0 + 60_000), 1 << 30);
    show(control.clone(), relay.peer(), &pass).await.unwrap();
    ask(control, relay.peer()).await.expect("a pass is enough");

    let counts = desk.counts();
    let read =
        |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((read(&counts.granted), read(&counts.refused)), (3, 1));
    let other = Secret::generate().unwrap();
    desk.rotate(other.clone());
    let grant = ask(connected(1, &relay).await, relay.peer()).await.unwrap();
    let (name, password) = (&grant.credential.username, &grant.credential.password);
    assert!(
        check(&[other], name, password, now()).is_ok(),
        "by the new secret"
    );
}

#[tokio::test]
async fn a_relay_that_is_open_to_all_or_has_no_turn_server_gives_none() {
    let (desk, _) = desk();
    let open = relay(Admission::Open, Some(desk)).await;
    let error = ask(connected(1, &open).await, open.peer())
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Refused(_)), "{error}");
    let without = relay(Admission::Open, None).await;
    let error = ask(connected(1, &without).await, without.peer())
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Io(_)), "{error}");
}
