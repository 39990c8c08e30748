//! Calls through coturn: over UDP, TCP and TLS, and what it refuses.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloquy_api::voice::{IceServer, LinkStage};
use alloquy_media::transport::MediaTransport;
use alloquy_media::webrtc::{LocalAddresses, WebRtcConfig};
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::foreign::{Foreign, echo, python, script};
use crate::peer::{DEADLINE, Peer, both_open, connect, pair, skip, speak_both_ways, until};

const SECRET: &str = "a secret of these tests";

struct Coturn {
    process: Child,
    folder: TempDir,
    port: u16,
    port_tls: u16,
    root: rustls::pki_types::CertificateDer<'static>,
}

/// A port that nothing has at this moment, over UDP and TCP.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Coturn {
    fn start() -> Result<Self, String> {
        let folder = TempDir::new().expect("a folder");
        let CertifiedKey { cert, key_pair } =
            generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
                .expect("a certificate");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("cert.pem"), cert.pem()).expect("written");
        std::fs::write(file("key.pem"), key_pair.serialize_pem()).expect("written");
        let (port, port_tls) = (free_port(), free_port());
        let process = Command::new("turnserver")
            .args([
                "-n",
                "--listening-ip=127.0.0.1",
                "--relay-ip=127.0.0.1",
                "--realm=alloquy.test",
            ])
            .args([
                "--use-auth-secret",
                "--fingerprint",
                "--no-cli",
                "--no-dtls",
                "--no-multicast-peers",
            ])
            // The other side is on loopback here; a real one denies it.
            .args(["--allow-loopback-peers", "--log-file=stdout"])
            .arg(format!("--static-auth-secret={SECRET}"))
            .arg(format!("--listening-port={port}"))
            .arg(format!("--tls-listening-port={port_tls}"))
            .arg(format!("--cert={}", file("cert.pem").display()))
            .arg(format!("--pkey={}", file("key.pem").display()))
            .arg(format!("--pidfile={}", file("pid").display()))
            .arg(format!("--userdb={}", file("db").display()))
            .stdout(Stdio::from(
                std::fs::File::create(file("log")).expect("a file"),
            ))
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("coturn does not start: {error}"))?;
        let coturn = Self {
            process,
            folder,
            port,
            port_tls,
            root: cert.der().clone(),
        };
        coturn.wait();
        Ok(coturn)
    }

    fn wait(&self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port_tls)).is_err() {
            assert!(
                start.elapsed() < DEADLINE,
                "coturn does not listen: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn url(&self, way: &str) -> String {
        match way {
            "tls" => format!("turns:127.0.0.1:{}", self.port_tls),
            "tcp" => format!("turn:127.0.0.1:{}?transport=tcp", self.port),
            _ => format!("turn:127.0.0.1:{}", self.port),
        }
    }

    fn config(&self) -> WebRtcConfig {
        WebRtcConfig {
            addresses: LocalAddresses::Only(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            relay_only: true,
            roots: vec![self.root.clone()],
        }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

/// Credentials as members get them (draft-uberti-behave-turn-rest).
fn server(url: String, expires_in: i64, secret: &str) -> IceServer {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let username = format!("{}:somebody", now.saturating_add_signed(expires_in));
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(username.as_bytes());
    let credential = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    IceServer {
        urls: vec![url],
        username,
        credential,
    }
}

fn calls_through(way: &str) {
    let coturn = match Coturn::start() {
        Ok(coturn) => coturn,
        Err(why) => return skip(&why),
    };
    let (mut a, mut b) = pair(&coturn.config());
    for peer in [&mut a, &mut b] {
        peer.transport
            .ice(vec![server(coturn.url(way), 3600, SECRET)]);
    }
    let start = Instant::now();
    connect(&mut a, &mut b);
    until(&mut a, &mut b, "both open", both_open);
    println!("through coturn by {way}: open after {:?}", start.elapsed());
    let path = a
        .views
        .last()
        .and_then(|view| view.path.clone())
        .expect("a path");
    assert_eq!(
        (path.local_kind.as_str(), path.protocol.as_str()),
        ("relay", way),
        "{path:?}"
    );
    speak_both_ways(&mut a, &mut b, 80);
    assert_eq!(a.transport.drops(), Default::default());
    // New credentials: the call goes on through the same server.
    for peer in [&mut a, &mut b] {
        peer.transport
            .ice(vec![server(coturn.url(way), 7200, SECRET)]);
    }
    let count = a.views.len();
    until(&mut a, &mut b, "open anew", |a, b| {
        a.views.len() > count && both_open(a, b)
    });
    speak_both_ways(&mut a, &mut b, 20);
    drop((a, b));
    let start = Instant::now();
    // Every allocation was given back, not left to expire.
    while coturn.log().matches("delete: realm").count()
        < coturn.log().matches("ALLOCATE processed, success").count()
    {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "allocations are left: {}",
            coturn.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_call_goes_through_a_relay_over_udp() {
    calls_through("udp");
}

#[test]
fn a_call_goes_through_a_relay_over_tcp() {
    calls_through("tcp");
}

#[test]
fn a_call_goes_through_a_relay_over_tls() {
    calls_through("tls");
}

#[test]
fn aiortc_is_reached_through_a_relay_over_tls() {
    let (coturn, python) = match (Coturn::start(), python("aiortc, numpy, av")) {
        (Ok(coturn), Ok(python)) => (coturn, python),
        (Err(why), _) | (_, Err(why)) => return skip(&why),
    };
    let mut foreign = Foreign::start(
        Command::new(python)
            .arg(script("peer_aiortc.py"))
            .arg("answer"),
    );
    let mut peer = Peer::new(coturn.config());
    peer.transport
        .ice(vec![server(coturn.url("tls"), 3600, SECRET)]);
    peer.transport.connect(peer.link, true);
    let heard = echo(&mut peer, &mut foreign, 440.0);
    let path = peer
        .views
        .last()
        .and_then(|view| view.path.clone())
        .expect("a path");
    println!("{heard:?} by {path:?}");
    assert_eq!(
        (path.local_kind.as_str(), path.protocol.as_str()),
        ("relay", "tls"),
        "{path:?}"
    );
}

/// Why a link fails that can only go through this server.
fn failure(config: WebRtcConfig, server: IceServer) -> String {
    let mut peer = Peer::new(config);
    peer.transport.ice(vec![server]);
    peer.transport.connect(peer.link, true);
    let start = Instant::now();
    while peer.stage() != LinkStage::Failed {
        peer.take();
        assert!(start.elapsed() < DEADLINE, "no failure: {:?}", peer.views);
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{:?}: {}", start.elapsed(), peer.reason());
    peer.reason()
}

#[test]
fn refused_credentials_are_told_in_words() {
    let coturn = match Coturn::start() {
        Ok(coturn) => coturn,
        Err(why) => return skip(&why),
    };
    for way in ["udp", "tls"] {
        let expired = failure(coturn.config(), server(coturn.url(way), -100, SECRET));
        assert!(
            expired.contains("127.0.0.1 refuses the credentials: they expired"),
            "{expired}"
        );
        let wrong = failure(
            coturn.config(),
            server(coturn.url(way), 3600, "another secret"),
        );
        assert!(
            wrong.contains("127.0.0.1 refuses the credentials: they are wrong"),
            "{wrong}"
        );
    }
    let other = IceServer {
        username: "99999999999:other".into(),
        ..server(coturn.url("udp"), 3600, SECRET)
    };
    let others = failure(coturn.config(), other);
    assert!(
        others.contains("refuses the credentials"),
        "another account's: {others}"
    );
}

#[test]
fn a_server_that_cannot_be_trusted_or_reached_is_told_in_words() {
    let coturn = match Coturn::start() {
        Ok(coturn) => coturn,
        Err(why) => return skip(&why),
    };
    let untrusted = WebRtcConfig {
        roots: Vec::new(),
        ..coturn.config()
    };
    let reason = failure(untrusted, server(coturn.url("tls"), 3600, SECRET));
    assert!(
        reason.contains("TLS failed") && reason.contains("certificate"),
        "{reason}"
    );
    let nobody = format!("turns:127.0.0.1:{}", free_port());
    let reason = failure(coturn.config(), server(nobody, 3600, SECRET));
    assert!(
        reason.contains("no connection") && reason.contains("refused"),
        "{reason}"
    );
    let reason = failure(coturn.config(), server("nonsense".into(), 3600, SECRET));
    assert!(reason.contains("no TURN"), "{reason}");
}
