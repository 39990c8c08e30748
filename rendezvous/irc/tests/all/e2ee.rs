//! Streams of clients to other nodes, through the bridge.

mod order;

use alloquy_irc::limits::{
    E2EE_DATA_BYTES_MAX, E2EE_FLOOD_BURST, E2EE_OPENS_MAX, E2EE_STREAMS_MAX,
    E2EE_UNACKED_BYTES_MAX, E2EE_UNACKED_LINES_MAX, E2EE_WINDOW_BYTES, INBOX_BYTES_MAX,
};
use alloquy_irc::{Bridge, ClientKey, ConnId, Outcome, Server, Target, Tunnel, Tunnelled};
use data_encoding::BASE64URL_NOPAD;

use crate::fake::{BEN, GENERAL, Irc, Node, none, one, settings};

const CAPS: &str = "message-tags standard-replies alloquy.chat/e2ee";
const LABELLED: &str =
    "message-tags standard-replies alloquy.chat/e2ee batch labeled-response draft/chathistory";

/// A client that may have streams.
fn client(caps: &str) -> (Irc, ConnId) {
    let mut irc = Irc::bridge();
    let conn = irc.client(caps);
    irc.lines(conn);
    (irc, conn)
}

/// One with a stream that is connected.
fn connected() -> (Irc, ConnId) {
    let (mut irc, conn) = client(CAPS);
    open(&mut irc, conn, 5);
    (irc, conn)
}

fn open(irc: &mut Irc, conn: ConnId, stream: u64) {
    let told = irc.ask(conn, &format!("E2EE OPEN {stream} home"));
    assert!(told.is_empty(), "{told:?}");
    come(irc, conn, stream, Tunnelled::Opened);
    one(&irc.lines(conn), &format!(":irc.test E2EE OPENED {stream}"));
    irc.tunnels.clear();
}

fn come(irc: &mut Irc, conn: ConnId, stream: u64, what: Tunnelled) {
    let id = irc.ids.get(&(conn, stream)).copied();
    irc.server
        .tunnelled(conn, id.unwrap_or(stream), what, irc.now);
    irc.turn();
}

fn data(stream: u64, bytes: &[u8]) -> String {
    let text = BASE64URL_NOPAD.encode(bytes);
    format!("@alloquy.chat/e2ee={text} E2EE DATA {stream}")
}

/// Bytes in lines of DATA of one stream, each as long as it may be.
fn bytes_of(lines: &[String], stream: u64) -> Vec<u8> {
    let mut all = Vec::new();
    for line in lines {
        let Some((tags, rest)) = line.split_once(' ') else {
            continue;
        };
        if rest == format!(":irc.test E2EE DATA {stream}") {
            let text = tags.strip_prefix("@alloquy.chat/e2ee=").expect(line);
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect(line);
            assert!(
                (1..=E2EE_DATA_BYTES_MAX).contains(&bytes.len()),
                "{}",
                bytes.len()
            );
            all.extend(bytes);
        }
    }
    all
}

fn given(irc: &mut Irc) -> Vec<Tunnel> {
    let all = std::mem::take(&mut irc.tunnels);
    all.into_iter().map(|(_, tunnel)| tunnel).collect()
}

#[test]
fn it_is_announced_only_where_the_server_was_made_with_it() {
    let mut bridge = Irc::bridge();
    let conn = bridge.connect();
    assert!(
        bridge
            .ask(conn, "CAP LS 302")
            .join(" ")
            .contains("alloquy.chat/e2ee")
    );
    let without = Server::new(settings()).with_bridge(Bridge::default());
    let off = Server::new(settings())
        .with_bridge(Bridge {
            e2ee: true,
            ..Bridge::default()
        })
        .without_e2ee();
    for server in [without, off, Server::new(settings())] {
        let mut irc = Irc::new();
        irc.server = server;
        let conn = irc.connect();
        none(&irc.ask(conn, "CAP LS 302"), "e2ee");
        one(
            &irc.ask(conn, "CAP REQ alloquy.chat/e2ee"),
            "NAK alloquy.chat/e2ee",
        );
    }
}

#[test]
fn without_both_capabilities_there_is_no_such_command() {
    for caps in [
        "",
        "message-tags standard-replies",
        "alloquy.chat/e2ee standard-replies",
    ] {
        let (mut irc, conn) = client(caps);
        for line in [
            "E2EE HOME",
            "E2EE OPEN 1 home",
            "E2EE ACK 1 1",
            "E2EE CLOSE 1",
        ] {
            one(&irc.ask(conn, line), " 421 Ana E2EE :Unknown command");
        }
        assert!(irc.tunnels.is_empty() && irc.asked.is_empty());
    }
}

#[test]
fn before_registration_nothing_is_opened() {
    let mut irc = Irc::bridge();
    let conn = irc.connect();
    irc.send(conn, &format!("CAP REQ :{CAPS}"));
    one(&irc.ask(conn, "E2EE OPEN 1 home"), " 451 ");
    assert!(irc.tunnels.is_empty());
}

#[test]
fn guests_and_read_only_log_ins_have_none() {
    let mut irc = Irc::new();
    irc.server = Server::new(settings()).with_bridge(Bridge {
        guests: true,
        e2ee: true,
        ..Bridge::default()
    });
    let mut node = Node::new();
    node.change(|snapshot| snapshot.account = Some(BEN));
    irc.other = Some((ClientKey(2), node));
    let lines = [
        "E2EE HOME",
        "E2EE OPEN 1 home",
        "E2EE DATA 1",
        "E2EE CLOSE 1",
    ];
    for (pass, code) in [
        (None, "ACCOUNT_REQUIRED"),
        (Some("PASS ana:reading"), "READ_ONLY"),
    ] {
        let conn = irc.connect();
        irc.send(conn, &format!("CAP REQ :{CAPS}"));
        for line in pass.into_iter().chain(["NICK x", "USER x 0 * :x"]) {
            irc.send(conn, line);
        }
        one(&irc.ask(conn, "CAP END"), " 001 ");
        for line in lines {
            one(&irc.ask(conn, line), &format!("FAIL E2EE {code} :"));
        }
    }
    assert!(irc.tunnels.is_empty() && irc.asked.is_empty());
}

#[test]
fn home_is_told_with_its_address_and_a_link() {
    let (mut irc, conn) = client(LABELLED);
    for (words, told) in [
        (
            vec!["127.0.0.1:4001/KEY"],
            "@label=h :irc.test E2EE HOME 127.0.0.1:4001/KEY",
        ),
        (
            vec!["[::1]:4001/KEY", "link"],
            "@label=h;alloquy.chat/e2ee=bGluaw :irc.test E2EE HOME [::1]:4001/KEY",
        ),
    ] {
        irc.lines(conn);
        irc.send(conn, "@label=h E2EE HOME");
        assert!(irc.lines(conn).is_empty(), "it is being started");
        assert_eq!(irc.asked_of, [ClientKey::OWN]);
        irc.tell(Outcome::Told(
            words.into_iter().map(str::to_owned).collect(),
        ));
        assert_eq!(irc.lines(conn), [told]);
        irc.asked_of.clear();
    }
    let refused = Outcome::Refused {
        code: "TEMPORARILY_UNAVAILABLE",
        text: "40 home nodes run already".to_owned(),
    };
    let endless = vec!["[::1]:4001/KEY".to_owned(), "l".repeat(3_001)];
    for outcome in [
        refused,
        Outcome::Denied,
        Outcome::Told(Vec::new()),
        Outcome::Told(endless),
    ] {
        irc.send(conn, "E2EE HOME");
        irc.tell(outcome);
        one(&irc.lines(conn), "FAIL E2EE TEMPORARILY_UNAVAILABLE :");
    }
    one(&irc.ask(conn, "PING on"), "PONG irc.test on");
}

#[test]
fn bytes_pass_both_ways() {
    let (mut irc, conn) = client(CAPS);
    let told = irc.ask(conn, "e2ee open 65535 [2001:db8::7]:4001");
    assert!(told.is_empty(), "{told:?}");
    let target = Target::Address("[2001:db8::7]:4001".parse().unwrap());
    let stream = 65_535;
    assert_eq!(given(&mut irc), [Tunnel::Open { stream, target }]);
    come(&mut irc, conn, stream, Tunnelled::Opened);
    assert_eq!(irc.lines(conn), [":irc.test E2EE OPENED 65535"]);

    let whole = [7; E2EE_DATA_BYTES_MAX];
    let told = irc.ask(conn, &data(stream, &whole));
    assert!(told.is_empty(), "an ACK when it is sent: {told:?}");
    let bytes = whole.to_vec().into();
    assert_eq!(given(&mut irc), [Tunnel::Data { stream, bytes }]);
    come(&mut irc, conn, stream, Tunnelled::Taken(3_000));
    assert_eq!(irc.lines(conn), [":irc.test E2EE ACK 65535 3000"]);

    let answer: Vec<u8> = (0..10_000_u32).map(|n| (n % 251) as u8).collect();
    come(
        &mut irc,
        conn,
        stream,
        Tunnelled::Data(answer.clone().into()),
    );
    let told = irc.lines(conn);
    assert_eq!(told.len(), 4, "{}", told.len());
    assert!(
        told.iter()
            .all(|line| line.find(' ').unwrap() <= 4_094 && line.len() <= 8_191)
    );
    assert_eq!(bytes_of(&told, stream), answer);
    let told = irc.ask(conn, "E2EE ACK 65535 10000");
    assert!(told.is_empty(), "{told:?}");
    let bytes = 10_000;
    assert_eq!(given(&mut irc), [Tunnel::Taken { stream, bytes }]);

    let told = irc.ask(conn, "E2EE CLOSE 65535 :enough");
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(given(&mut irc), [Tunnel::Close { stream }]);
    // The number is free again.
    open(&mut irc, conn, stream);
}

#[test]
fn what_came_of_a_stream_reaches_none_that_has_its_number_later() {
    let (mut irc, conn) = client(CAPS);
    open(&mut irc, conn, 5);
    let before = irc.ids[&(conn, 5)];
    irc.send(conn, "E2EE CLOSE 5");
    irc.send(conn, "E2EE OPEN 5 home");
    let now = irc.ids[&(conn, 5)];
    assert_ne!(before, now);
    for late in [
        Tunnelled::Opened,
        Tunnelled::Data(b"old".as_slice().into()),
        Tunnelled::Taken(1),
        Tunnelled::Closed("old".to_owned()),
    ] {
        irc.server.tunnelled(conn, before, late, irc.now);
        irc.turn();
        let told = irc.lines(conn);
        assert!(told.is_empty(), "{told:?}");
    }
    come(&mut irc, conn, 5, Tunnelled::Opened);
    one(&irc.lines(conn), ":irc.test E2EE OPENED 5");
    come(&mut irc, conn, 5, Tunnelled::Data(b"new".as_slice().into()));
    assert_eq!(bytes_of(&irc.lines(conn), 5), b"new");
}

#[test]
fn what_is_no_target_is_named() {
    let (mut irc, conn) = client(CAPS);
    for bad in [
        "example.org:4001",
        "192.0.2.7",
        "192.0.2.7:0",
        "192.0.2.7:65536",
        "2001:db8::7:4001",
        "[2001:db8::7]",
        "[fe80::1%2]:4001",
        "homes",
        ":",
    ] {
        let told = irc.ask(conn, &format!("E2EE OPEN 3 {bad}"));
        let told = one(&told, "FAIL E2EE INVALID_TARGET 3 :");
        assert!(
            told.contains(bad.trim_start_matches(':')) && told.contains("192.0.2.7:4001"),
            "{told}"
        );
    }
    assert!(irc.tunnels.is_empty());
}

#[test]
fn what_is_no_request_is_refused() {
    let (mut irc, conn) = client(CAPS);
    for (line, told) in [
        ("E2EE", " 461 Ana E2EE :"),
        ("E2EE SHUT 1", "FAIL E2EE SUBCOMMAND_INVALID SHUT :"),
        ("E2EE OPEN", "FAIL E2EE NEED_MORE_PARAMS :OPEN needs 2"),
        ("E2EE OPEN 1", "FAIL E2EE NEED_MORE_PARAMS :OPEN needs 2"),
        ("E2EE DATA", "FAIL E2EE NEED_MORE_PARAMS :DATA needs 1"),
        ("E2EE ACK 1", "FAIL E2EE NEED_MORE_PARAMS :ACK needs 2"),
        ("E2EE CLOSE", "FAIL E2EE NEED_MORE_PARAMS :CLOSE needs 1"),
        ("E2EE OPEN 65536 home", "FAIL E2EE INVALID_PARAMS 65536 :"),
        ("E2EE OPEN -1 home", "FAIL E2EE INVALID_PARAMS -1 :"),
        ("E2EE OPEN +1 home", "FAIL E2EE INVALID_PARAMS +1 :"),
        ("E2EE CLOSE x", "FAIL E2EE INVALID_PARAMS x :"),
        ("E2EE ACK 1 0", "FAIL E2EE INVALID_PARAMS 1 :0 is no"),
        ("E2EE ACK 1 -5", "FAIL E2EE INVALID_PARAMS 1 :-5 is no"),
    ] {
        one(&irc.ask(conn, line), told);
    }
    assert!(irc.tunnels.is_empty());
}

#[test]
fn lines_of_a_stream_that_is_not_open_are_passed_over() {
    let (mut irc, conn) = client(CAPS);
    for line in [
        "E2EE DATA 9",
        "@alloquy.chat/e2ee=!! E2EE DATA 9",
        "E2EE ACK 9 100000",
        "E2EE CLOSE 9",
    ] {
        let told = irc.ask(conn, line);
        assert!(told.is_empty(), "{line}: {told:?}");
    }
    for what in [
        Tunnelled::Opened,
        Tunnelled::Data(vec![1].into()),
        Tunnelled::Taken(1),
        Tunnelled::Closed("over".to_owned()),
    ] {
        come(&mut irc, conn, 9, what.clone());
        assert!(irc.lines(conn).is_empty(), "{what:?}");
        come(&mut irc, ConnId(99), 9, what);
    }
    assert!(irc.tunnels.is_empty());
}

#[test]
fn data_that_is_none_closes_the_stream() {
    let long = [7; E2EE_DATA_BYTES_MAX + 1];
    for line in [
        "E2EE DATA 5".to_owned(),
        "@alloquy.chat/e2ee E2EE DATA 5".to_owned(),
        "@alloquy.chat/e2ee= E2EE DATA 5".to_owned(),
        "@alloquy.chat/e2ee=AA== E2EE DATA 5".to_owned(),
        "@alloquy.chat/e2ee=+/+/ E2EE DATA 5".to_owned(),
        "@alloquy.chat/e2ee=A E2EE DATA 5".to_owned(),
        data(5, &long),
    ] {
        let (mut irc, conn) = connected();
        let told = irc.ask(conn, &line);
        let told = one(&told, "FAIL E2EE INVALID_DATA 5 :");
        assert!(told.contains("1 to 3000 bytes"), "{told}");
        assert_eq!(given(&mut irc), [Tunnel::Close { stream: 5 }]);
        assert!(irc.ask(conn, &data(5, b"x")).is_empty(), "it is closed");
        assert!(irc.tunnels.is_empty());
    }
}

#[test]
fn a_client_that_sends_more_than_its_window_loses_the_stream() {
    let (mut irc, conn) = connected();
    let mut sent = 0;
    while sent < E2EE_WINDOW_BYTES {
        let part = E2EE_DATA_BYTES_MAX.min(E2EE_WINDOW_BYTES - sent);
        let told = irc.ask(conn, &data(5, &vec![1; part]));
        assert!(told.is_empty(), "at {sent}: {told:?}");
        sent += part;
    }
    // What was sent on makes room, and no more than that.
    come(&mut irc, conn, 5, Tunnelled::Taken(100));
    one(&irc.lines(conn), "E2EE ACK 5 100");
    assert!(irc.ask(conn, &data(5, &[2; 100])).is_empty());
    irc.tunnels.clear();
    let told = irc.ask(conn, &data(5, &[3; 7]));
    let told = one(&told, "FAIL E2EE WINDOW_EXCEEDED 5 :7 bytes");
    assert!(told.contains("65536"), "{told}");
    assert_eq!(given(&mut irc), [Tunnel::Close { stream: 5 }]);
}

#[test]
fn a_client_that_takes_nothing_is_sent_one_window() {
    let (mut irc, conn) = connected();
    let all: Vec<u8> = (0..100_000_u32).map(|n| (n % 253) as u8).collect();
    come(&mut irc, conn, 5, Tunnelled::Data(all.clone().into()));
    let mut got = bytes_of(&irc.lines(conn), 5);
    assert_eq!(got.len(), E2EE_WINDOW_BYTES);
    come(&mut irc, conn, 5, Tunnelled::Closed("it left".to_owned()));
    assert!(irc.lines(conn).is_empty(), "what came before goes first");
    for taken in [1_usize, 10_000, 60_000] {
        got.extend(bytes_of(&irc.ask(conn, &format!("E2EE ACK 5 {taken}")), 5));
        irc.all.clear();
        assert!(got.len() <= all.len());
        let most = E2EE_WINDOW_BYTES + 1 + 10_000;
        assert!(got.len() <= most || taken == 60_000, "{}", got.len());
    }
    assert_eq!(got, all);
    // It was told behind the last byte, and the stream is gone.
    assert!(irc.ask(conn, "E2EE ACK 5 1").is_empty());
    open(&mut irc, conn, 5);
}

#[test]
fn the_end_of_a_stream_is_told_behind_its_bytes() {
    let (mut irc, conn) = connected();
    come(&mut irc, conn, 5, Tunnelled::Data(b"last".to_vec().into()));
    come(&mut irc, conn, 5, Tunnelled::Closed("it left".to_owned()));
    let told = irc.lines(conn);
    assert_eq!(
        told,
        [
            "@alloquy.chat/e2ee=bGFzdA :irc.test E2EE DATA 5",
            ":irc.test E2EE CLOSE 5 :it left"
        ]
    );
    assert!(irc.ask(conn, "E2EE CLOSE 5").is_empty());
    assert!(irc.tunnels.is_empty(), "it has ended there");
}

#[test]
fn what_was_not_sent_is_not_acknowledged() {
    let (mut irc, conn) = connected();
    come(&mut irc, conn, 5, Tunnelled::Data(vec![1; 40].into()));
    irc.lines(conn);
    assert!(irc.ask(conn, "E2EE ACK 5 39").is_empty());
    irc.tunnels.clear();
    let told = irc.ask(conn, "E2EE ACK 5 2");
    one(
        &told,
        "FAIL E2EE WINDOW_EXCEEDED 5 :2 bytes were acknowledged, and 1 are under way",
    );
    assert_eq!(given(&mut irc), [Tunnel::Close { stream: 5 }]);
}

#[test]
fn all_streams_of_a_connection_share_what_is_under_way() {
    let (mut irc, conn) = client(CAPS);
    let streams = 8_u64;
    for stream in 0..streams {
        open(&mut irc, conn, stream);
    }
    for stream in 0..streams {
        let bytes = vec![stream as u8; E2EE_WINDOW_BYTES].into();
        come(&mut irc, conn, stream, Tunnelled::Data(bytes));
    }
    let mut told = irc.lines(conn);
    let got = |told: &[String]| -> usize { (0..streams).map(|of| bytes_of(told, of).len()).sum() };
    // The first ones were told alone; what they take gives the others their turns.
    let mut all = told.clone();
    assert_eq!(got(&told), E2EE_UNACKED_BYTES_MAX);
    while got(&all) < usize::try_from(streams).unwrap() * E2EE_WINDOW_BYTES {
        let mut next = Vec::new();
        for stream in 0..streams {
            let taken = bytes_of(&told, stream).len();
            if taken > 0 {
                next.extend(irc.ask(conn, &format!("E2EE ACK {stream} {taken}")));
            }
        }
        assert!(!next.is_empty(), "it goes on");
        assert!(got(&next) <= E2EE_UNACKED_BYTES_MAX);
        all.extend(next.iter().cloned());
        told = next;
    }
    for stream in 0..streams {
        assert_eq!(
            bytes_of(&all, stream),
            vec![stream as u8; E2EE_WINDOW_BYTES]
        );
    }
}

#[test]
fn a_peer_that_sends_byte_by_byte_makes_so_many_lines() {
    let (mut irc, conn) = connected();
    for _ in 0..E2EE_UNACKED_LINES_MAX + 100 {
        come(&mut irc, conn, 5, Tunnelled::Data(vec![1].into()));
    }
    assert_eq!(irc.lines(conn).len(), E2EE_UNACKED_LINES_MAX);
    // One ACK, and the rest is one line.
    let told = irc.ask(conn, "E2EE ACK 5 1");
    assert_eq!(bytes_of(&told, 5).len(), 100);
    assert_eq!(told.len(), 1);
}

#[test]
fn a_stream_that_is_closed_gives_its_room_to_others() {
    let (mut irc, conn) = client(CAPS);
    for stream in 0..5 {
        open(&mut irc, conn, stream);
    }
    for stream in 0..5 {
        let bytes = vec![1; E2EE_WINDOW_BYTES].into();
        come(&mut irc, conn, stream, Tunnelled::Data(bytes));
    }
    none(&irc.lines(conn), "DATA 4");
    let told = irc.ask(conn, "E2EE CLOSE 0");
    assert_eq!(bytes_of(&told, 4).len(), E2EE_WINDOW_BYTES);
}

#[test]
fn there_are_so_many_streams_and_so_many_new_ones() {
    let (mut irc, conn) = client(CAPS);
    one_in_use(&mut irc, conn);
    for stream in 1..E2EE_STREAMS_MAX {
        assert!(
            irc.ask(conn, &format!("E2EE OPEN {stream} home"))
                .is_empty()
        );
    }
    let told = irc.ask(conn, "E2EE OPEN 100 home");
    let told = one(&told, "FAIL E2EE TOO_MANY_STREAMS 100 :");
    assert!(told.contains("32"), "{told}");
    for opened in E2EE_STREAMS_MAX..E2EE_OPENS_MAX {
        irc.send(conn, "E2EE CLOSE 1");
        let told = irc.ask(conn, "E2EE OPEN 1 home");
        assert!(told.is_empty(), "{opened}: {told:?}");
    }
    irc.send(conn, "E2EE CLOSE 1");
    irc.pass(10_000);
    let told = irc.ask(conn, "E2EE OPEN 1 home");
    let told = one(&told, "FAIL E2EE RATE_LIMITED 1 :");
    assert!(told.contains("64") && told.contains("wait 50 s"), "{told}");
    irc.pass(50_000);
    assert!(irc.ask(conn, "E2EE OPEN 1 home").is_empty());
}

fn one_in_use(irc: &mut Irc, conn: ConnId) {
    assert!(irc.ask(conn, "E2EE OPEN 0 home").is_empty());
    one(
        &irc.ask(conn, "E2EE OPEN 00 home"),
        "FAIL E2EE STREAM_IN_USE 0 :",
    );
}

#[test]
fn an_answer_has_the_label_of_its_request() {
    let (mut irc, conn) = client(LABELLED);
    for stream in [1, 2, 3] {
        let told = irc.ask(conn, &format!("@label=o{stream} E2EE OPEN {stream} home"));
        assert!(told.is_empty(), "it is being connected: {told:?}");
    }
    // Nothing waits for it.
    one(&irc.ask(conn, "@label=p PING x"), "@label=p :irc.test PONG");
    come(&mut irc, conn, 2, Tunnelled::Opened);
    assert_eq!(irc.lines(conn), ["@label=o2 :irc.test E2EE OPENED 2"]);
    let refused = Tunnelled::Closed("nobody is there".to_owned());
    come(&mut irc, conn, 1, refused);
    assert_eq!(
        irc.lines(conn),
        ["@label=o1 :irc.test E2EE CLOSE 1 :nobody is there"]
    );
    assert_eq!(
        irc.ask(conn, "@label=c E2EE CLOSE 3"),
        ["@label=o3 :irc.test ACK", "@label=c :irc.test ACK"]
    );
    assert_eq!(
        irc.ask(conn, "@label=d;alloquy.chat/e2ee=AAAA E2EE DATA 2"),
        ["@label=d :irc.test ACK"]
    );
    come(&mut irc, conn, 2, Tunnelled::Data(vec![1; 100].into()));
    come(&mut irc, conn, 2, Tunnelled::Taken(3));
    none(&irc.lines(conn), "label");
    assert_eq!(
        irc.ask(conn, "@label=a E2EE ACK 2 100"),
        ["@label=a :irc.test ACK"]
    );
    one(
        &irc.ask(conn, "@label=f E2EE ACK 2 1"),
        "@label=f :irc.test FAIL E2EE WINDOW_EXCEEDED 2 ",
    );
}

#[test]
fn a_stream_waits_for_no_other_command() {
    let (mut irc, conn) = client(LABELLED);
    open(&mut irc, conn, 5);
    // The home node takes its time, and so does a PING behind it.
    irc.send(conn, "@label=h E2EE HOME");
    irc.send(conn, "@label=p PING x");
    assert!(irc.ask(conn, &data(5, b"bytes")).is_empty());
    let bytes = b"bytes".to_vec().into();
    assert_eq!(given(&mut irc), [Tunnel::Data { stream: 5, bytes }]);
    assert_eq!(
        irc.ask(conn, "@label=b;alloquy.chat/e2ee=AAAA E2EE DATA 5"),
        ["@label=b :irc.test ACK"]
    );
    irc.tell(Outcome::Told(vec!["127.0.0.1:1".to_owned()]));
    assert_eq!(
        irc.lines(conn),
        [
            "@label=h :irc.test E2EE HOME 127.0.0.1:1",
            "@label=p :irc.test PONG irc.test x"
        ]
    );
}

#[test]
fn its_lines_have_a_bucket_of_their_own() {
    let mut irc = Irc::bridge();
    irc.exempt = false;
    let conn = irc.client(CAPS);
    irc.pass(10_000);
    irc.send(conn, "E2EE OPEN 5 home");
    irc.pass(2_000);
    irc.lines(conn);
    irc.tunnels.clear();
    // 400 lines: more than five, and nothing of it counts for what is said.
    for _ in 0..40 {
        irc.bytes(conn, format!("{}\r\n", data(5, b"x")).repeat(10).as_bytes());
    }
    assert_eq!(given(&mut irc).len(), 400);
    irc.bytes(conn, "PING a\r\n".repeat(6).as_bytes());
    assert_eq!(irc.lines(conn).len(), 5, "a burst");
    for _ in 0..20 {
        irc.bytes(conn, format!("{}\r\n", data(5, b"x")).repeat(10).as_bytes());
    }
    let burst = usize::try_from(E2EE_FLOOD_BURST).unwrap();
    assert_eq!(given(&mut irc).len(), burst - 400);
    let due = irc.server.next_timeout().expect("more is due");
    assert!(due.0 <= irc.now.mono.0 + 2, "{due:?} at {:?}", irc.now.mono);
    irc.pass(20);
    assert_eq!(given(&mut irc).len(), 10, "500 a second");
    irc.pass(1_000);
    assert_eq!(given(&mut irc).len(), 600 - burst - 10);
    assert!(irc.closed.is_empty());
}

#[test]
fn whoever_is_behind_is_not_to_be_read() {
    let mut irc = Irc::bridge();
    irc.exempt = false;
    let conn = irc.client(CAPS);
    irc.send(conn, "E2EE OPEN 5 home");
    let line = format!("{}\r\n", data(6, &[1; E2EE_DATA_BYTES_MAX]));
    let mut lines = 0;
    while !irc.server.is_behind(conn) {
        irc.bytes(conn, line.as_bytes());
        lines += 1;
        assert!(lines < 1_000, "nobody ever is behind");
    }
    assert!(irc.closed.is_empty());
    irc.pass(100);
    assert!(!irc.server.is_behind(conn), "time makes it good");
    // A shell that reads on all the same is bounded, too.
    for _ in 0..=INBOX_BYTES_MAX / line.len() + 50 {
        irc.bytes(conn, line.as_bytes());
    }
    assert_eq!(irc.closed, [conn]);
    one(&irc.lines(conn), "Excess Flood");
    assert!(!irc.server.is_behind(conn));
}

#[test]
fn with_its_connection_every_stream_ends() {
    type Ends = fn(&mut Irc, ConnId);
    let ends: [Ends; 5] = [
        |irc, conn| irc.send(conn, "QUIT"),
        |irc, conn| irc.server.closed(conn, irc.now),
        |irc, conn| irc.server.closed_unread(conn, irc.now),
        |irc, conn| irc.server.dismiss(conn, "revoked", irc.now),
        |irc, _| irc.server.stop(irc.now),
    ];
    for ends in ends {
        let (mut irc, conn) = connected();
        open(&mut irc, conn, 6);
        irc.send(conn, "E2EE OPEN 7 home");
        irc.tunnels.clear();
        // This one has ended already.
        come(&mut irc, conn, 5, Tunnelled::Data(vec![1; 70_000].into()));
        come(&mut irc, conn, 5, Tunnelled::Closed("over".to_owned()));
        ends(&mut irc, conn);
        irc.turn();
        let closed = [6, 7].map(|stream| Tunnel::Close { stream });
        assert_eq!(given(&mut irc), closed);
        come(&mut irc, conn, 6, Tunnelled::Data(vec![1].into()));
    }
}

#[test]
fn giving_the_capability_up_ends_every_stream() {
    for cap in ["-message-tags", "-alloquy.chat/e2ee"] {
        let (mut irc, conn) = connected();
        one(&irc.ask(conn, &format!("CAP REQ {cap}")), "ACK");
        assert_eq!(given(&mut irc), [Tunnel::Close { stream: 5 }]);
        come(&mut irc, conn, 5, Tunnelled::Data(vec![1].into()));
        assert!(irc.lines(conn).is_empty());
    }
}

#[test]
fn streams_of_two_connections_have_nothing_to_do_with_each_other() {
    let (mut irc, one_of) = connected();
    let other = irc.client(CAPS);
    open(&mut irc, other, 5);
    irc.lines(one_of);
    come(
        &mut irc,
        other,
        5,
        Tunnelled::Data(b"for other".to_vec().into()),
    );
    assert!(irc.lines(one_of).is_empty());
    assert_eq!(bytes_of(&irc.lines(other), 5), b"for other");
    irc.send(other, "QUIT");
    assert_eq!(irc.tunnels, [(other, Tunnel::Close { stream: 5 })]);
    // What is said in rooms passes beside.
    irc.send(one_of, "JOIN #general");
    irc.node.write(GENERAL, BEN, "hello");
    irc.turn();
    one(&irc.lines(one_of), "PRIVMSG #general hello");
}
