//! The TURN server inside a program, in a network of its own: by coturn's own client, as coturn is.

use std::net::SocketAddr;
use std::sync::mpsc;

use alloquy_relay::turn::server::{RELAY_PORTS, ServerConfig, TurnServer};
use alloquy_relay::turn::{Desk, Grant};

use super::coturn::Space;
use super::turn_client::{Answered, Turn};

const SERVER: &str = "45.83.1.2";
const PEER: &str = "45.83.1.3";

/// A server that runs in a namespace until it is dropped.
struct Serving {
    desk: Desk,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Serving {
    fn start(space: &Space) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (told, desk) = mpsc::channel();
        let enter = space.entering();
        let thread = std::thread::spawn(move || {
            enter();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let address: SocketAddr = format!("{SERVER}:3478").parse().unwrap();
                let config = ServerConfig {
                    addresses: vec![address],
                    ports: RELAY_PORTS,
                    realm: "home.test".to_owned(),
                };
                let server = TurnServer::start(config).await.unwrap();
                told.send(server.desk()).unwrap();
                drop(stopped.await);
            });
        });
        Self {
            desk: desk.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn grant(&self, to: &str) -> Grant {
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_millis();
        let now = alloquy_ids::UnixMs(u64::try_from(now).unwrap());
        self.desk.grant(to.as_bytes(), now).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(|thread| thread.join());
    }
}

#[test]
fn coturns_client_is_served_over_udp_and_tcp_with_a_good_credential_only() {
    let Some(space) = Space::new("embedded") else {
        return;
    };
    let serving = Serving::start(&space);
    let grant = serving.grant("ana");
    assert_eq!(grant.urls[0], "turn:45.83.1.2:3478?transport=udp");
    let (name, password) = (
        grant.credential.username.as_str(),
        grant.credential.password.as_str(),
    );
    // Without -c it asks for even ports and reservations too.
    for more in [&[][..], &["-t"], &["-s"], &["-t", "-s"]] {
        let (good, text) = space.uclient(more, name, password);
        assert!(good, "{more:?}: {text}");
    }
    let other = serving.grant("ben").credential;
    for (name, password) in [
        (other.username.as_str(), password),
        (name, "bm90IHRoZSBwYXNzd29yZCBhdCBhbGw="),
        ("1700000000:ana", password),
    ] {
        assert!(!space.uclient(&[], name, password).0, "{name}");
        let answered = Turn::allocate(&space, SERVER, name, password);
        assert_eq!(answered.err(), Some(Answered::Error(401)), "{name}");
    }
}

#[test]
fn the_embedded_server_sends_nothing_to_private_addresses() {
    let Some(space) = Space::new("embdenied") else {
        return;
    };
    let serving = Serving::start(&space);
    let credential = serving.grant("ana").credential;
    let mut turn =
        Turn::allocate(&space, SERVER, &credential.username, &credential.password).unwrap();
    let relayed = turn.relayed.unwrap();
    assert!(RELAY_PORTS.contains(&relayed.port()) && relayed.ip().to_string() == SERVER);
    assert_eq!(turn.permit(&PEER.parse().unwrap()), Answered::Success);
    for denied in [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
    ] {
        assert_eq!(
            turn.permit(&denied.parse().unwrap()),
            Answered::Error(403),
            "{denied}"
        );
    }
    let other = serving.grant("ben").credential;
    turn.become_other(&other.username, &other.password);
    assert_eq!(
        turn.permit(&PEER.parse().unwrap()),
        Answered::Error(441),
        "another's allocation"
    );
    turn.become_other(&credential.username, &credential.password);
    assert_eq!(turn.release(), Answered::Success);
    assert_eq!(
        turn.permit(&PEER.parse().unwrap()),
        Answered::Error(437),
        "it has ended"
    );
}
