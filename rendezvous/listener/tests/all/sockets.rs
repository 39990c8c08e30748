//! Plain, Unix and WebSocket doors; who is too many, too slow, or no client of IRC.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use alloquy_irc_listener::limits::ADDRESS_CONNECTIONS_MAX;
use alloquy_irc_listener::{Address, Door, Kind};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::face::{Served, door, eventually, face, rest, until};

/// Connections that only stand there.
const HALF_OPEN: usize = 1_000;

const LOG_IN: &str = "PASS secret\r\nNICK ana\r\nUSER ana 0 * :Ana\r\n";

async fn logged_in(served: &Served) -> TcpStream {
    let mut stream = served.connect().await;
    stream.write_all(LOG_IN.as_bytes()).await.unwrap();
    until(&mut stream, " 005 ").await;
    stream
}

#[test]
fn what_is_in_clear_stays_on_this_machine() {
    let refused = |kind: Kind, text: &str| {
        let address: Address = text.parse().unwrap();
        kind.check(&address).unwrap_err().to_string()
    };
    for kind in [Kind::Plain, Kind::WebSocket] {
        for public in ["0.0.0.0:6667", "[::]:6667", "192.0.2.1:6667"] {
            let error = refused(kind, public);
            assert!(
                error.contains(public) && error.contains("127.0.0.0/8"),
                "{error}"
            );
        }
        assert!(kind.check(&"127.0.0.2:6667".parse().unwrap()).is_ok());
        assert!(kind.check(&"[::1]:6667".parse().unwrap()).is_ok());
        assert!(kind.check(&"unix:/run/irc".parse().unwrap()).is_ok());
    }
    assert!(Kind::Tls.check(&"[::]:6697".parse().unwrap()).is_ok());
    assert!(refused(Kind::Tls, "unix:/run/irc").contains("unix:/run/irc"));
    for bad in [
        "",
        "6667",
        "localhost:6667",
        "127.0.0.1",
        "127.0.0.1:99999",
        "unix:",
    ] {
        let error = bad.parse::<Address>().unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")), "{error}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = door(Kind::Plain);
    let error = Door::open(Kind::Plain, first.address().clone()).unwrap_err();
    assert!(
        error.to_string().contains(&first.address().to_string()),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_browser_are_cut_without_a_word() {
    let served = face(vec![door(Kind::Plain)], None, &["127.0.0.0/8"]);
    for verb in ["GET / HTTP/1.1\r\n", "POST /", "OPTIONS *"] {
        let mut stream = served.connect().await;
        stream.write_all(verb.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
    // A verb that comes in pieces is one all the same.
    let mut stream = served.connect().await;
    for piece in ["G", "E", "T ", "/"] {
        if stream.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(rest(&mut stream).await, "");
    eventually("all of them are gone", || {
        served.figures.connections.get() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_logs_in_over_tcp_and_over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("irc.sock");
    let unix = Door::open(Kind::Plain, Address::Unix(path.clone())).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let served = face(vec![door(Kind::Plain), unix], None, &["127.0.0.0/8"]);
    let mut tcp = logged_in(&served).await;
    let mut local = UnixStream::connect(&path).await.unwrap();
    local.write_all(LOG_IN.as_bytes()).await.unwrap();
    until(&mut local, " 005 ").await;
    says_goodbye(&mut tcp).await;
    says_goodbye(&mut local).await;
}

async fn says_goodbye(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(b"PING here\r\nQUIT\r\n").await.unwrap();
    let said = rest(stream).await;
    assert!(said.contains("PONG") && said.contains("ERROR"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused() {
    let served = face(vec![door(Kind::Plain)], None, &["127.0.0.0/8"]);
    let mut stream = served.connect().await;
    let wrong = LOG_IN.replace("secret", "guess");
    stream.write_all(wrong.as_bytes()).await.unwrap();
    let said = until(&mut stream, " 464 ").await;
    assert!(!said.contains(" 001 "), "{said}");
    eventually("it is counted", || served.figures.denied.get() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_the_other_side_ended_is_answered() {
    let served = face(vec![door(Kind::Plain)], None, &["127.0.0.0/8"]);
    let mut stream = logged_in(&served).await;
    stream.write_all(b"PING last\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.contains("last"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_half_open_connections_keep_nobody_out() {
    let served = face(vec![door(Kind::Plain)], None, &[]);
    let mut silent = Vec::with_capacity(HALF_OPEN);
    for number in 0..HALF_OPEN {
        // As many from each address as one may have.
        let address = number / ADDRESS_CONNECTIONS_MAX as usize + 2;
        let from = Ipv4Addr::new(127, 0, 0, u8::try_from(address).unwrap());
        silent.push(served.connect_from(from).await);
    }
    eventually("all of them came in", || {
        served.figures.connections.get() == HALF_OPEN as u64
    })
    .await;
    let mut stream = logged_in(&served).await;
    stream.write_all(b"PING there\r\n").await.unwrap();
    until(&mut stream, "there").await;
    drop(silent);
    eventually("they are gone", || served.figures.connections.get() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_so_many_connections_where_it_is_not_spared() {
    let served = face(vec![door(Kind::Plain)], None, &[]);
    let mut held = Vec::new();
    let most = usize::try_from(ADDRESS_CONNECTIONS_MAX).unwrap();
    for _ in 0..most {
        held.push(logged_in(&served).await);
    }
    let mut refused = served.connect().await;
    assert_eq!(rest(&mut refused).await, "");
    assert_eq!(served.figures.refused.get(), 1);
    assert_eq!(served.figures.connections.get(), most as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_read_is_closed_and_keeps_nobody_waiting() {
    let served = face(vec![door(Kind::Plain)], None, &["127.0.0.0/8"]);
    let mut slow = logged_in(&served).await;
    let mut quick = logged_in(&served).await;
    // It asks on and on for what it does not read.
    let asks = "MOTD\r\nHELP\r\nPING x\r\n".repeat(200);
    let flood = tokio::spawn(async move {
        while slow.write_all(asks.as_bytes()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        slow
    });
    for turn in 0..100 {
        let ping = format!("PING turn{turn}\r\n");
        quick.write_all(ping.as_bytes()).await.unwrap();
        until(&mut quick, &format!("turn{turn}")).await;
        if served.figures.slow_readers.get() > 0 || flood.is_finished() {
            break;
        }
    }
    eventually("it was closed", || flood.is_finished()).await;
    assert_eq!(served.figures.slow_readers.get(), 1);
    quick.write_all(b"PING after\r\n").await.unwrap();
    until(&mut quick, "after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_travel_in_frames() {
    let served = face(vec![door(Kind::WebSocket)], None, &["127.0.0.0/8"]);
    let (text, bytes) = ("text.ircv3.net", "binary.ircv3.net");
    // Of several the one that the client names first.
    for (asked, first) in [
        (text.to_owned(), text),
        (format!("other, {bytes}"), bytes),
        (format!("{text}, {bytes}"), text),
        (format!("{bytes}, {text}"), bytes),
    ] {
        let binary = first == bytes;
        let mut request = format!("ws://{}/", served.tcp())
            .into_client_request()
            .unwrap();
        let value = asked.parse().unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", value);
        let (mut frames, response) = client_async(request, served.connect().await).await.unwrap();
        let chosen = response.headers()["Sec-WebSocket-Protocol"]
            .to_str()
            .unwrap();
        assert_eq!(chosen, first, "{asked}");
        for line in LOG_IN.lines().chain(["PING framed"]) {
            frames.send(Message::text(line)).await.unwrap();
        }
        let mut lines = Vec::new();
        while lines
            .last()
            .is_none_or(|line: &String| !line.contains("framed"))
        {
            let frame = frames.next().await.unwrap().unwrap();
            assert_eq!(frame.is_binary(), binary);
            let line = String::from_utf8(frame.into_data().to_vec()).unwrap();
            assert!(!line.contains(['\r', '\n']), "{line:?}");
            lines.push(line);
        }
        assert!(lines.iter().any(|line| line.contains(" 001 ")), "{lines:?}");
        // A second line in a frame would be somebody else's.
        frames
            .send(Message::text("PING a\r\nPING b"))
            .await
            .unwrap();
        while let Some(Ok(frame)) = frames.next().await {
            assert!(!frame.to_string().contains("PONG"), "{frame}");
        }
    }
    // Whoever speaks something else is cut.
    let mut stream = served.connect().await;
    stream.write_all(b"NICK ana\r\n\r\n").await.unwrap();
    rest(&mut stream).await;
    eventually("it is counted", || {
        served.figures.handshakes_failed.get() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_comes_in_for_pages_that_are_allowed() {
    let served = face(vec![door(Kind::WebSocket)], None, &["127.0.0.0/8"]);
    for (origins, comes) in [
        (&[][..], true),
        (&["https://chat.example.org"], true),
        (&["HTTPS://Chat.Example.Org"], true),
        (&["https://chat.example.org.evil.example"], false),
        (&["http://chat.example.org"], false),
        (&["null"], false),
        (&["https://chat.example.org", "https://evil.example"], false),
    ] {
        let mut request = format!("ws://{}/", served.tcp())
            .into_client_request()
            .unwrap();
        for origin in origins {
            let value = origin.parse().unwrap();
            request.headers_mut().append("Origin", value);
        }
        let shaken = client_async(request, served.connect().await).await;
        match shaken {
            Ok(_) => assert!(comes, "{origins:?}"),
            Err(Error::Http(response)) => {
                assert!(!comes, "{origins:?}");
                assert_eq!(response.status(), 403, "{origins:?}");
            }
            Err(other) => panic!("{origins:?}: {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_of_sts_says_where_tls_is_and_closes() {
    assert!(Kind::Sts.check(&"[::]:6667".parse().unwrap()).is_ok());
    assert!(Kind::Sts.check(&"unix:/run/irc".parse().unwrap()).is_err());
    let served = face(vec![door(Kind::Sts)], None, &["127.0.0.0/8"]);
    for (said, listed) in [("CAP LS 302\r\nNICK ana\r\n", true), (LOG_IN, false)] {
        let mut stream = served.connect().await;
        stream.write_all(said.as_bytes()).await.unwrap();
        let told = rest(&mut stream).await;
        assert_eq!(told.contains("CAP * LS sts=port=6697"), listed, "{told}");
        assert!(told.contains("TLS, at port 6697"), "{told}");
        assert!(!told.contains(" 001 "), "{told}");
    }
    eventually("they are gone", || served.figures.connections.get() == 0).await;
}
