//! Streams of clients to other nodes, over real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use alloquy_irc_listener::{Kind, Reach};
use data_encoding::BASE64URL_NOPAD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::face::{PATIENCE, Served, door, eventually, reaching};

const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";
const SPARED: &[&str] = &["127.0.0.0/8"];
/// Bytes that a side may have under way.
const WINDOW: usize = 65_536;
const PIECE: usize = 3_000;

fn served(reach: Option<Reach>) -> Served {
    reaching(vec![door(Kind::Plain)], None, SPARED, (reach, None))
}

/// Another node: where it is, and whoever connects to it.
async fn node() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    let come = timeout(PATIENCE, listener.accept()).await;
    come.expect("somebody connects").unwrap().0
}

/// Takes a greeting and gives one.
async fn greets(stream: &mut TcpStream) {
    assert_eq!(exactly(stream, GREETING.len()).await, GREETING);
    stream.write_all(GREETING).await.unwrap();
}

async fn exactly(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = timeout(PATIENCE, stream.read_exact(&mut bytes)).await;
    read.expect("they come").unwrap();
    bytes
}

/// All until the other side has ended, however it did.
async fn all_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.expect("it ends").ok();
    bytes
}

/// Gives back what it is given.
async fn echoes(mut stream: TcpStream) {
    greets(&mut stream).await;
    let (mut reader, mut writer) = stream.split();
    tokio::io::copy(&mut reader, &mut writer).await.ok();
}

/// What a client is told of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Opened(u16),
    Data(u16, Vec<u8>),
    Ack(u16, usize),
    Closed(u16, String),
    Other(String),
}

/// A client of IRC that is in.
struct Client {
    lines: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Client {
    async fn come(served: &Served) -> Self {
        let (reader, writer) = served.connect().await.into_split();
        let lines = BufReader::new(reader);
        let mut client = Self { lines, writer };
        client
            .say("CAP REQ :message-tags alloquy.chat/e2ee\r\nPASS secret\r\nNICK ana\r\nUSER ana 0 * :Ana\r\nCAP END")
            .await;
        client.until("CAP * ACK").await;
        client.say("PING in").await;
        client.until("PONG").await;
        client
    }

    async fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.lines.read_line(&mut line)).await;
        let count = read.expect("a line comes").unwrap();
        assert!(count > 0, "the connection has ended");
        line.trim_end().to_owned()
    }

    async fn until(&mut self, text: &str) {
        while !self.line().await.contains(text) {}
    }

    async fn told(&mut self) -> Told {
        let line = self.line().await;
        let (tags, body) = match line.strip_prefix('@') {
            Some(rest) => rest.split_once(' ').unwrap(),
            None => ("", line.as_str()),
        };
        let words: Vec<&str> = body.split(' ').collect();
        let stream = words.get(3).and_then(|word| word.parse().ok());
        match (words.get(1..3), stream) {
            (Some(["E2EE", "OPENED"]), Some(stream)) => Told::Opened(stream),
            (Some(["E2EE", "ACK"]), Some(stream)) => Told::Ack(stream, words[4].parse().unwrap()),
            (Some(["E2EE", "CLOSE"]), Some(stream)) => {
                let reason = body.split_once(" :").map_or("", |(_, reason)| reason);
                Told::Closed(stream, reason.to_owned())
            }
            (Some(["E2EE", "DATA"]), Some(stream)) => {
                let text = tags.strip_prefix("alloquy.chat/e2ee=").unwrap();
                Told::Data(stream, BASE64URL_NOPAD.decode(text.as_bytes()).unwrap())
            }
            _ => Told::Other(line),
        }
    }

    async fn open(&mut self, stream: u16, target: &str) {
        self.say(&format!("E2EE OPEN {stream} {target}")).await;
        assert_eq!(self.told().await, Told::Opened(stream));
    }

    async fn send(&mut self, stream: u16, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            let text = BASE64URL_NOPAD.encode(piece);
            let line = format!("@alloquy.chat/e2ee={text} E2EE DATA {stream}");
            self.say(&line).await;
        }
    }

    async fn closed(&mut self, stream: u16) -> String {
        match self.told().await {
            Told::Closed(of, reason) if of == stream => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a stream and greets; the other side has greeted when it returns.
    async fn greeted(&mut self, stream: u16, target: &str) {
        self.open(stream, target).await;
        self.send(stream, GREETING).await;
        let mut come = Vec::new();
        let mut acked = 0;
        while come.len() < GREETING.len() || acked < GREETING.len() {
            match self.told().await {
                Told::Data(_, bytes) => come.extend(bytes),
                Told::Ack(_, bytes) => acked += bytes,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(come, GREETING);
        self.say(&format!("E2EE ACK {stream} {}", GREETING.len()))
            .await;
    }

    /// Sends bytes through streams to those who echo, as fast as the windows let it, and gives what comes back.
    async fn exchange(&mut self, all: &BTreeMap<u16, Vec<u8>>) -> BTreeMap<u16, Vec<u8>> {
        let zero = || all.keys().map(|stream| (*stream, 0_usize));
        let (mut sent, mut acked): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (zero().collect(), zero().collect());
        let mut back: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
        while all
            .iter()
            .any(|(stream, bytes)| back.get(stream).map_or(0, Vec::len) < bytes.len())
        {
            for (stream, bytes) in all {
                let (from, gone) = (sent[stream], acked[stream]);
                let to = bytes.len().min(gone + WINDOW);
                self.send(*stream, &bytes[from..to]).await;
                sent.insert(*stream, to);
            }
            match self.told().await {
                Told::Ack(stream, bytes) => *acked.get_mut(&stream).unwrap() += bytes,
                Told::Data(stream, bytes) => {
                    self.say(&format!("E2EE ACK {stream} {}", bytes.len()))
                        .await;
                    back.entry(stream).or_default().extend(bytes);
                }
                other => panic!("{other:?}"),
            }
        }
        back
    }
}

fn bytes(count: usize, seed: usize) -> Vec<u8> {
    (0..count)
        .map(|at| ((at * 31 + at / 251 + seed) % 256) as u8)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mebibyte_passes_both_ways() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let echo = tokio::spawn(async move { echoes(accepted(&listener).await).await });
    let mut client = Client::come(&served).await;
    client.greeted(7, &address.to_string()).await;
    let all = BTreeMap::from([(7, bytes(1024 * 1024, 1))]);
    let back = client.exchange(&all).await;
    assert!(back == all, "other bytes came back");
    assert_eq!(served.figures.streams.get(), 1);
    client.say("E2EE CLOSE 7 :enough").await;
    echo.await.unwrap();
    eventually("the stream is gone", || served.figures.streams.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_faster_than_its_turn_waits_and_is_not_closed() {
    let doors = vec![door(Kind::Plain)];
    let served = reaching(doors, None, &[], (Some(Reach::Any), None));
    let (listener, address) = node().await;
    tokio::spawn(async move {
        loop {
            tokio::spawn(echoes(accepted(&listener).await));
        }
    });
    let mut client = Client::come(&served).await;
    for stream in 0..12 {
        client.greeted(stream, &address.to_string()).await;
    }
    // Far more lines at once than a burst, and more bytes than any inbox holds.
    let all = (0..12_u16).map(|stream| (stream, bytes(120_000, stream.into())));
    let all: BTreeMap<_, _> = all.collect();
    let back = client.exchange(&all).await;
    assert!(back == all, "other bytes came back");
    // What else it says still counts alone.
    client.say("PING x").await;
    client.until("PONG").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn home_is_where_the_account_has_it() {
    let (listener, address) = node().await;
    // Whatever may be reached else.
    for (home, reach) in [(Some(address), Reach::Public), (None, Reach::Any)] {
        let doors = vec![door(Kind::Plain)];
        let served = reaching(doors, None, SPARED, (Some(reach), home));
        let mut client = Client::come(&served).await;
        if home.is_some() {
            client.open(1, "home").await;
            drop(accepted(&listener).await);
            assert_eq!(client.closed(1).await, "no libp2p there");
        } else {
            client.say("E2EE OPEN 1 home").await;
            let reason = client.closed(1).await;
            assert!(reason.contains("E2EE HOME"), "{reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_libp2p_is_neither_told_nor_told_anything() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    for begins in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"\x13/multistream/1.0.1\n",
        b"\x13/multistream/x",
        b"\x13",
        b"",
    ] {
        client.open(1, &address.to_string()).await;
        client.send(1, GREETING).await;
        client.send(1, b"a secret order").await;
        let mut there = accepted(&listener).await;
        assert_eq!(exactly(&mut there, GREETING.len()).await, GREETING);
        there.write_all(begins).await.unwrap();
        there.shutdown().await.unwrap();
        loop {
            match client.told().await {
                Told::Ack(1, taken) => assert_eq!(taken, GREETING.len()),
                Told::Closed(1, reason) => break assert_eq!(reason, "no libp2p there"),
                other => panic!("{begins:?}: {other:?}"),
            }
        }
        assert_eq!(all_of(&mut there).await, b"", "after {begins:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_speaks_no_libp2p_reaches_nobody() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    for begins in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x13/multistream/1.0.0\r and more",
        b"\x13/x",
    ] {
        client.open(1, &address.to_string()).await;
        client.send(1, begins).await;
        let mut there = accepted(&listener).await;
        assert_eq!(client.closed(1).await, "that is no libp2p", "{begins:?}");
        assert_eq!(all_of(&mut there).await, b"", "{begins:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greeting_in_pieces_is_one() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    client.open(1, &address.to_string()).await;
    let mut there = accepted(&listener).await;
    there.set_nodelay(true).unwrap();
    for byte in GREETING {
        client.send(1, &[*byte]).await;
        there.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(exactly(&mut there, GREETING.len()).await, GREETING);
    client.send(1, b"on").await;
    assert_eq!(exactly(&mut there, 2).await, b"on");
    there.write_all(b"last").await.unwrap();
    drop(there);
    let mut come = Vec::new();
    let reason = loop {
        match client.told().await {
            Told::Data(1, bytes) => come.extend(bytes),
            Told::Ack(1, _) => {}
            Told::Closed(1, reason) => break reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason, "the other side has ended");
    assert_eq!(come, [GREETING, b"last"].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inner_network_is_not_reached() {
    let served = served(Some(Reach::Public));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    for target in [
        address.to_string(),
        format!("[::ffff:127.0.0.1]:{}", address.port()),
        format!("[::1]:{}", address.port()),
        "169.254.169.254:80".to_owned(),
        "10.0.0.1:22".to_owned(),
    ] {
        client.say(&format!("E2EE OPEN 1 {target}")).await;
        let reason = client.closed(1).await;
        assert!(reason.ends_with("is no public address"), "{reason}");
    }
    assert_eq!(served.figures.streams.get(), 0);
    let nobody = timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "it was connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_face_without_streams_offers_none() {
    let served = served(None);
    let mut stream = served.connect().await;
    stream
        .write_all(b"CAP REQ alloquy.chat/e2ee\r\n")
        .await
        .unwrap();
    crate::face::until(&mut stream, "CAP * NAK alloquy.chat/e2ee").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_listens_a_stream_is_closed() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    drop(listener);
    let mut client = Client::come(&served).await;
    client.say(&format!("E2EE OPEN 1 {address}")).await;
    let reason = client.closed(1).await;
    assert_eq!(reason, "nobody is reached there");
    eventually("it is gone", || served.figures.streams.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_connection_its_streams_end() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    for quits in [true, false] {
        let mut client = Client::come(&served).await;
        client.open(1, &address.to_string()).await;
        let mut first = accepted(&listener).await;
        client.open(2, &address.to_string()).await;
        let mut second = accepted(&listener).await;
        client.send(1, GREETING).await;
        greets(&mut first).await;
        match quits {
            true => client.say("QUIT").await,
            false => drop(client),
        }
        assert_eq!(all_of(&mut first).await, b"");
        assert_eq!(all_of(&mut second).await, b"");
        eventually("both are gone", || served.figures.streams.get() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_close_arrives() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    let last = bytes(WINDOW - GREETING.len(), 3);
    client.open(1, &address.to_string()).await;
    client.send(1, GREETING).await;
    client.send(1, &last).await;
    client.say("E2EE CLOSE 1").await;
    client.say("PING behind").await;
    // It is over for the client, and the other side greets only now.
    client.until("PONG").await;
    let mut there = accepted(&listener).await;
    greets(&mut there).await;
    assert!(all_of(&mut there).await == last, "something is missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_close_arrives_though_the_other_side_talks_on() {
    let served = served(Some(Reach::Any));
    // The system holds little of a connection to it: most of what it has not read lies with the server.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(4).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = Client::come(&served).await;
    let last = bytes(WINDOW - GREETING.len(), 3);
    client.open(1, &address.to_string()).await;
    let mut there = accepted(&listener).await;
    client.send(1, GREETING).await;
    greets(&mut there).await;
    let (mut reader, mut writer) = there.into_split();
    // More than the client's window: something unread lies with the server when the stream ends.
    let talking = tokio::spawn(async move {
        let more = bytes(8 * WINDOW, 5);
        writer.write_all(&more).await.ok();
        writer
    });
    client.send(1, &last).await;
    let mut acked = 0;
    while acked < WINDOW {
        if let Told::Ack(1, bytes) = client.told().await {
            acked += bytes;
        }
    }
    client.say("E2EE CLOSE 1").await;
    // An end that comes too early has come by then; a machine that stands still shows less.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut arrived = Vec::new();
    let read = timeout(PATIENCE, reader.read_to_end(&mut arrived)).await;
    read.expect("it ends").unwrap();
    assert!(arrived == last, "{} bytes arrived", arrived.len());
    drop(talking.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_keeps_no_place() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    client.open(1, &address.to_string()).await;
    let mut there = accepted(&listener).await;
    assert_eq!(client.closed(1).await, "no libp2p there");
    assert_eq!(all_of(&mut there).await, b"");
    eventually("its place is free", || served.figures.streams.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_whose_first_stream_is_refused_is_that_of_the_second() {
    let (listener, address) = node().await;
    let doors = vec![door(Kind::Plain)];
    let served = reaching(doors, None, SPARED, (Some(Reach::Public), Some(address)));
    let mut client = Client::come(&served).await;
    client
        .say("E2EE OPEN 1 10.0.0.1:1\r\nE2EE CLOSE 1\r\nE2EE OPEN 1 home")
        .await;
    loop {
        match client.told().await {
            Told::Opened(1) => break,
            Told::Other(_) => {}
            other => panic!("{other:?}"),
        }
    }
    client.send(1, GREETING).await;
    greets(&mut accepted(&listener).await).await;
    while client.told().await != Told::Data(1, GREETING.to_vec()) {}
    client.say("E2EE CLOSE 1").await;
    eventually("nothing is left", || served.figures.streams.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_is_used_again_is_another_stream() {
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    for round in 0..20_u8 {
        let text = [GREETING, &[round; 50]].concat();
        let talks = async {
            // The first of two may be connected before it is closed.
            loop {
                accepted(&listener).await.write_all(&text).await.ok();
            }
        };
        let hears = async {
            let open = format!("E2EE OPEN 1 {address}");
            client
                .say(&format!("{open}\r\nE2EE CLOSE 1\r\n{open}"))
                .await;
            let mut come = Vec::new();
            loop {
                match client.told().await {
                    Told::Opened(1) => come.clear(),
                    Told::Data(1, bytes) => come.extend(bytes),
                    Told::Closed(1, _) => break come,
                    other => panic!("{other:?}"),
                }
            }
        };
        let come: Vec<u8> = tokio::select! {
            come = hears => come,
            () = talks => unreachable!("it goes on"),
        };
        assert_eq!(come, text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_other_side_stops_the_client() {
    /// Far more than the system holds of a connection.
    const MOST: usize = 64 * 1024 * 1024;
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    client.open(1, &address.to_string()).await;
    let mut there = accepted(&listener).await;
    client.send(1, GREETING).await;
    greets(&mut there).await;
    // Both count the greeting.
    let (mut sent, mut acked) = (GREETING.len(), 0);
    let mut all = Vec::new();
    // A machine that stands still for so long ends this early, and shows less.
    let quiet = Duration::from_secs(2);
    while acked < MOST {
        let piece = bytes(PIECE.min(WINDOW + acked - sent), sent);
        client.send(1, &piece).await;
        sent += piece.len();
        all.extend(piece);
        if sent < WINDOW + acked {
            continue;
        }
        match timeout(quiet, client.told()).await {
            Ok(Told::Ack(1, bytes)) => acked += bytes,
            Ok(Told::Data(1, bytes)) => assert_eq!(bytes, GREETING),
            Ok(other) => panic!("{other:?}"),
            Err(_quiet) => break,
        }
    }
    assert!(acked < MOST, "nobody read it, and it was acknowledged");
    // It goes on when the other side does.
    let come = exactly(&mut there, all.len()).await;
    assert!(come == all, "other bytes came");
    while acked < sent {
        match client.told().await {
            Told::Ack(1, bytes) => acked += bytes,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_stops_the_other_side() {
    /// Far more than the system holds of a connection.
    const MOST: usize = 64 * 1024 * 1024;
    let served = served(Some(Reach::Any));
    let (listener, address) = node().await;
    let mut client = Client::come(&served).await;
    client.open(1, &address.to_string()).await;
    let mut there = accepted(&listener).await;
    client.send(1, GREETING).await;
    greets(&mut there).await;
    let mut all = GREETING.to_vec();
    let piece = bytes(WINDOW, 5);
    // A machine that stands still for so long ends this early, and shows less.
    while all.len() < MOST {
        let written = timeout(Duration::from_secs(2), there.write(&piece)).await;
        let Ok(count) = written else { break };
        all.extend(&piece[..count.unwrap()]);
    }
    assert!(all.len() < MOST, "nobody took it, and it was read");
    there.shutdown().await.unwrap();
    let (mut come, mut acked) = (Vec::new(), 0);
    let reason = loop {
        match client.told().await {
            Told::Data(1, bytes) => come.extend(bytes),
            Told::Ack(1, _) => continue,
            Told::Closed(1, reason) => break reason,
            other => panic!("{other:?}"),
        }
        assert!(come.len() - acked <= WINDOW, "more than its window");
        if come.len() - acked == WINDOW {
            client.say(&format!("E2EE ACK 1 {WINDOW}")).await;
            acked = come.len();
        }
    };
    assert_eq!(reason, "the other side has ended");
    assert!(come == all, "other bytes came");
}
