//! TLS: versions, the protocol's name, another certificate without a restart, certificates of clients.

use std::path::Path;
use std::sync::Arc;

use alloquy_irc_listener::{Kind, Pair};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::face::{Served, door, eventually, face, rest, until};

const HOST: &str = "irc.example.org";

/// For the server's own name and for all communities below it.
fn certificate() -> CertifiedKey {
    generate_simple_self_signed([HOST.to_owned(), format!("*.{HOST}")]).unwrap()
}

fn write(dir: &Path, made: &CertifiedKey) {
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.key_pair.serialize_pem()).unwrap();
}

fn pair(dir: &Path) -> Pair {
    Pair::read(&dir.join("cert.pem"), &dir.join("key.pem")).unwrap()
}

/// Those of a folder, as the only ones that a client trusts.
fn roots(dir: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let shown = CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap();
    roots.add(shown).unwrap();
    roots
}

fn client(
    dir: &Path,
    versions: &[&'static SupportedProtocolVersion],
    shows: Option<&CertifiedKey>,
    alpn: &[&str],
) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(dir));
    let mut config = match shows {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::Pkcs8(own.key_pair.serialize_der().into());
            let chain = vec![own.cert.der().clone()];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    served: &Served,
    client: TlsConnector,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    connect_to(served, client, HOST).await
}

/// The same by another name of the server.
async fn connect_to(
    served: &Served,
    client: TlsConnector,
    host: &str,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    client.connect(name, served.connect().await).await
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_and_the_name_of_the_protocol_are_agreed_on() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &certificate());
    let served = face(
        vec![door(Kind::Tls)],
        Some(pair(dir.path())),
        &["127.0.0.0/8"],
    );
    for (only, agreed) in [
        (&version::TLS12, ProtocolVersion::TLSv1_2),
        (&version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let stream = connect(&served, client(dir.path(), &[only], None, &["irc"]))
            .await
            .unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(agreed));
        assert_eq!(session.alpn_protocol(), Some(&b"irc"[..]));
    }
    assert!(
        connect(&served, client(dir.path(), BOTH, None, &[]))
            .await
            .is_ok(),
        "a client may ask for none"
    );
    let refused = connect(&served, client(dir.path(), BOTH, None, &["http/1.1"])).await;
    assert!(refused.is_err(), "a browser that was led here");
    eventually("it is counted", || {
        served.figures.handshakes_failed.get() == 1
    })
    .await;
    // Whoever speaks no TLS is cut, and gets nothing but an alert.
    let mut clear = served.connect().await;
    clear
        .write_all(b"NICK ana\r\nUSER ana 0 * :Ana\r\n")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut clear, &mut bytes)
        .await
        .ok();
    assert!(!bytes.windows(3).any(|part| part == b"001"), "{bytes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_logs_in_and_out_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &certificate());
    let served = face(
        vec![door(Kind::Tls)],
        Some(pair(dir.path())),
        &["127.0.0.0/8"],
    );
    let own = certificate();
    for shows in [None, Some(&own)] {
        let mut stream = connect(&served, client(dir.path(), BOTH, shows, &["irc"]))
            .await
            .unwrap();
        let log_in = b"PASS secret\r\nNICK ana\r\nUSER ana 0 * :Ana\r\n";
        stream.write_all(log_in).await.unwrap();
        until(&mut stream, " 005 ").await;
        stream.write_all(b"PING sealed\r\nQUIT\r\n").await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.contains("sealed") && said.contains("ERROR"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_that_a_client_asks_for_binds_it_to_a_community() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &certificate());
    let served = face(
        vec![door(Kind::Tls)],
        Some(pair(dir.path())),
        &["127.0.0.0/8"],
    );
    for (only, host, name, network, listed) in [
        (
            &version::TLS13,
            "irc.example.org",
            "ana",
            "Example",
            "#club/general",
        ),
        (
            &version::TLS13,
            "club.irc.example.org",
            "ana",
            "Club",
            "#general",
        ),
        (
            &version::TLS12,
            "CLUB.irc.example.org",
            "ana",
            "Club",
            "#general",
        ),
        (
            &version::TLS13,
            "irc.example.org",
            "ana/club",
            "Club",
            "#general",
        ),
    ] {
        let tls = client(dir.path(), &[only], None, &["irc"]);
        let mut stream = connect_to(&served, tls, host).await.unwrap();
        let log_in = format!("PASS {name}:secret\r\nNICK ana\r\nUSER ana 0 * :Ana\r\nLIST\r\n");
        stream.write_all(log_in.as_bytes()).await.unwrap();
        let told = until(&mut stream, " 323 ").await;
        assert!(
            told.contains(&format!(" NETWORK={network} ")),
            "{host}: {told}"
        );
        assert!(
            told.contains(&format!(" 322 ana {listed} ")),
            "{host}: {told}"
        );
    }
    // What is not there ends the connection, and so does what the account is no member of: it knows of neither.
    let tls = client(dir.path(), BOTH, None, &["irc"]);
    let mut stream = connect_to(&served, tls, "nowhere.irc.example.org")
        .await
        .unwrap();
    let log_in = b"PASS ana:secret\r\nNICK ana\r\nUSER ana 0 * :Ana\r\n";
    stream.write_all(log_in).await.unwrap();
    let told = rest(&mut stream).await;
    assert_eq!(told, "ERROR :Closing link: There is no such network\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_certificate_is_shown_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (certificate(), certificate());
    write(dir.path(), &first);
    let served = face(
        vec![door(Kind::Tls)],
        Some(pair(dir.path())),
        &["127.0.0.0/8"],
    );
    let shown = |stream: &TlsStream<tokio::net::TcpStream>| {
        let (_, session) = stream.get_ref();
        session.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let mut before = connect(&served, client(dir.path(), BOTH, None, &["irc"]))
        .await
        .unwrap();
    assert_eq!(shown(&before), *first.cert.der());
    write(dir.path(), &second);
    served.tls.as_ref().unwrap().show(pair(dir.path()));
    let after = connect(&served, client(dir.path(), BOTH, None, &["irc"]))
        .await
        .unwrap();
    assert_eq!(shown(&after), *second.cert.der());
    // Who was there stays.
    before
        .write_all(b"PASS secret\r\nNICK ana\r\nUSER ana 0 * :Ana\r\n")
        .await
        .unwrap();
    until(&mut before, " 001 ").await;
}

#[test]
fn files_that_are_no_certificate_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let refused = || Pair::read(&cert, &key).unwrap_err().to_string();
    assert!(refused().contains("cert.pem"), "{}", refused());
    write(dir.path(), &certificate());
    std::fs::write(&key, "nothing").unwrap();
    assert!(refused().contains("key.pem"), "{}", refused());
    std::fs::write(&cert, "nothing").unwrap();
    assert!(refused().contains("no certificate"), "{}", refused());
    write(dir.path(), &certificate());
    std::fs::write(&key, certificate().key_pair.serialize_pem()).unwrap();
    let error = refused();
    assert!(
        error.contains("cert.pem") && error.contains("key.pem"),
        "{error}"
    );
    std::fs::write(&cert, "x".repeat(300 * 1024)).unwrap();
    assert!(refused().contains("262144 bytes"), "{}", refused());
}
