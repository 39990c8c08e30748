//! The door of the IRC side: what clients send, before and after they have logged in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::reply::Confirmed;
use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};
use alloquy_ids::{AccountId, MonoMs, UnixMs};
use alloquy_irc::{ClientKey, ConnId, Now, Origin, Outcome, Output, Server, Settings};

/// Bytes of a line without its tags, CR LF among them.
const BODY_BYTES_MAX: usize = 512;

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
        }
    }

    fn open(&mut self, conn: ConnId) {
        let origin = Origin {
            loopback: true,
            exempt: true,
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
                    Output::Check(check, _) => checks.push(check),
                    other => panic!("only a rendezvous is asked for {other:?}"),
                }
            }
            if checks.is_empty() && self.node.events.is_empty() {
                return;
            }
            for check in checks {
                let outcome = Outcome::Granted(ClientKey::OWN);
                self.server.checked(check, outcome, self.now);
            }
        }
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
    for cap in alloquy_irc::caps::Cap::ALL {
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
