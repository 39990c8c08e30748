//! The door of the IRC side: what clients send, before and after they have logged in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::reply::Confirmed;
use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};
use alloquy_ids::{AccountId, MonoMs, UnixMs};
use alloquy_irc::caps::Cap;
use alloquy_irc::{Bridge, ClientKey, ConnId, Mechanism, Now, Origin, Outcome, Output};
use alloquy_irc::{Server, Settings, Tls};

/// Bytes of a line without its tags, CR LF among them.
const BODY_BYTES_MAX: usize = 512;

/// Lines of one input: each is answered by itself.
const LINES_MAX: usize = 64;

/// A node that does everything and holds nothing.
#[derive(Debug)]
struct Willing {
    snapshot: Arc<Snapshot>,
    events: VecDeque<Event>,
    last: u64,
}

impl Client for Willing {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        self.last += 1;
        let reply = match command {
            Command::Page { .. } => Reply::History {
                messages: Vec::new(),
                complete: true,
                complete_since: None,
                confirmed: Confirmed::default(),
            },
            _ => Reply::Ok { ok: true },
        };
        let id = CommandId(self.last);
        self.events.push_back(Event::Done {
            id,
            result: Ok(reply),
        });
        Ok(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn ended(&self) -> Option<CommandError> {
        None
    }
}

struct Side {
    server: Server,
    node: Willing,
    now: Now,
    said: BTreeMap<ConnId, String>,
    closed: BTreeSet<ConnId>,
    /// Whether log-ins are right.
    grants: bool,
    /// Messages of SCRAM so far: every second one ends an exchange.
    scrams: usize,
}

impl Side {
    fn new() -> Self {
        let settings = Settings {
            server_name: "irc.test".to_owned(),
            network: "Test".to_owned(),
            version: "test".to_owned(),
            started: UnixMs(0),
        };
        let snapshot = Snapshot {
            account: Some(AccountId([1; 32])),
            name: "Ana".to_owned(),
            ..Snapshot::default()
        };
        Self {
            server: Server::new(settings),
            node: Willing {
                snapshot: Arc::new(snapshot),
                events: VecDeque::new(),
                last: 0,
            },
            now: Now {
                mono: MonoMs(1),
                wall: UnixMs(1),
            },
            said: BTreeMap::new(),
            closed: BTreeSet::new(),
            grants: true,
            scrams: 0,
        }
    }

    /// The face of a rendezvous.
    fn bridge(grants: bool) -> Self {
        let bridge = Bridge {
            mechanisms: Mechanism::ALL.to_vec(),
            ..Bridge::default()
        };
        let side = Self::new();
        Self {
            server: side.server.with_bridge(bridge),
            grants,
            ..Self::new()
        }
    }

    fn open(&mut self, conn: ConnId) {
        let origin = Origin {
            loopback: true,
            exempt: true,
            tls: Some(Tls {
                fingerprint: Some([5; 32]),
                sni: None,
            }),
            ..Origin::default()
        };
        self.server.open(conn, origin, self.now);
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.server.received(conn, bytes, self.now);
        self.turn();
    }

    fn turn(&mut self) {
        loop {
            self.server.pump(ClientKey::OWN, &mut self.node, self.now);
            let mut checks = Vec::new();
            while let Some(output) = self.server.next_output() {
                match output {
                    Output::Write(conn, bytes) => {
                        check_line(&bytes);
                        let text = String::from_utf8_lossy(&bytes);
                        self.said.entry(conn).or_default().push_str(&text);
                    }
                    Output::Close(conn) => drop(self.closed.insert(conn)),
                    Output::Check(check, _) => checks.push((check, self.outcome(false))),
                    Output::Scram(check, _) => checks.push((check, self.outcome(true))),
                    other => panic!("only a rendezvous is asked for {other:?}"),
                }
            }
            if checks.is_empty() && self.node.events.is_empty() {
                return;
            }
            for (check, outcome) in checks {
                self.server.checked(check, outcome, self.now);
            }
        }
    }

    fn outcome(&mut self, scram: bool) -> Outcome {
        self.scrams += usize::from(scram);
        match (scram, self.grants) {
            (true, _) if self.scrams % 2 == 1 => Outcome::Challenge("r=x".to_owned()),
            (true, true) => Outcome::Proven("v=x".to_owned(), ClientKey::OWN),
            (false, true) => Outcome::Granted(ClientKey::OWN),
            (_, false) => Outcome::Denied,
        }
    }

    /// What was said since the last look.
    fn told(&mut self, conn: ConnId) -> String {
        self.said.remove(&conn).unwrap_or_default()
    }

    /// The capabilities that a connection holds.
    fn held(&mut self, conn: ConnId) -> BTreeSet<String> {
        self.told(conn);
        self.send(conn, b"CAP LIST\r\n");
        let told = self.told(conn);
        let lists = told.lines().filter_map(|line| line.split_once(" LIST "));
        let words = lists.flat_map(|(_, list)| list.trim_start_matches("* ").split([' ', ':']));
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

fn check_line(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("a line is UTF-8");
    let line = text.strip_suffix("\r\n").expect("a line ends");
    assert!(!line.contains(['\r', '\n', '\0']), "one line: {line:?}");
    let tagged = line.starts_with('@');
    let body = if tagged {
        line.split_once(' ').expect("a body").1
    } else {
        line
    };
    assert!(body.len() + 2 <= BODY_BYTES_MAX, "{body:?}");
}

/// The same bytes to a client that is not in yet, and to one that is and has asked for everything.
pub fn irc(data: &[u8]) {
    let mut side = Side::new();
    let (new, old) = (ConnId(1), ConnId(2));
    side.open(new);
    side.open(old);
    for cap in Cap::ALL {
        side.send(old, format!("CAP REQ {}\r\n", cap.name()).as_bytes());
    }
    side.send(old, b"PASS x\r\nNICK x\r\nUSER x 0 * :x\r\nCAP END\r\n");
    assert!(
        side.said
            .get(&old)
            .is_some_and(|said| said.contains(" 001 ")),
        "it is in"
    );
    for conn in [new, old] {
        side.send(conn, data);
        side.now.mono.0 += 5_000;
        side.server.tick(side.now);
        side.turn();
        side.said.clear();
        side.send(conn, b"\r\nPING still\r\n");
        let answered = side
            .said
            .get(&conn)
            .is_some_and(|said| said.contains("still"));
        assert!(answered || side.closed.contains(&conn), "it answers");
    }
}

/// Lines of CAP, each as what stands behind the word: a request is granted as a whole or changes nothing, and nothing is
/// held that is no capability.
pub fn cap(data: &[u8]) {
    let mut side = Side::bridge(true);
    let conn = ConnId(1);
    side.open(conn);
    for line in data.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let before = side.held(conn);
        side.send(conn, &[b"CAP ", line, b"\r\n"].concat());
        let told = side.told(conn);
        if side.closed.contains(&conn) {
            return;
        }
        let after = side.held(conn);
        let granted = told.contains(" ACK ");
        assert!(!(granted && told.contains(" NAK ")), "one answer: {told}");
        // The first LS of version 302 switches one on by itself.
        let listed = told.contains(" LS ");
        assert!(
            granted || listed || before == after,
            "{told}: {before:?} {after:?}"
        );
        for name in &after {
            assert!(Cap::named(name).is_some(), "{name} is held");
        }
    }
    side.send(conn, b"PASS x\r\nNICK x\r\nUSER x 0 * :x\r\nCAP END\r\n");
    let told = side.told(conn);
    assert!(
        told.contains(" 001 ") || side.closed.contains(&conn),
        "it comes in: {told}"
    );
}

/// Lines of AUTHENTICATE, each as what stands behind the word, where every log-in is wrong and where every one is right:
/// nobody comes in by what nobody found right.
pub fn sasl(data: &[u8]) {
    for grants in [false, true] {
        let mut side = Side::bridge(grants);
        let conn = ConnId(1);
        side.open(conn);
        side.send(conn, b"CAP LS 302\r\nCAP REQ sasl\r\n");
        for line in data.split(|byte| *byte == b'\n').take(LINES_MAX) {
            side.send(conn, &[b"AUTHENTICATE ", line, b"\r\n"].concat());
        }
        let told = side.told(conn);
        assert!(grants || !told.contains(" 903 "), "{told}");
        let mut logged_in = 0;
        for line in told.lines() {
            logged_in += usize::from(line.contains(" 903 "));
            assert!(!line.contains(" 001 "), "it has not registered");
        }
        assert!(logged_in <= 1, "once: {told}");
        side.send(conn, b"NICK x\r\nUSER x 0 * :x\r\nCAP END\r\n");
        let told = side.told(conn);
        assert!(!told.contains(" 001 ") || logged_in == 1, "{told}");
        assert!(
            !told.is_empty() || side.closed.contains(&conn),
            "it is answered"
        );
    }
}
