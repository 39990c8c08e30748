//! A channel of a community that has many members, none of whom has a connection here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::{ChannelView, Confirmed, MemberView, RoleView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, MonoMs, RoleId, UnixMs};
use alloquy_irc::{ClientKey, ConnId, Now, Origin, Outcome, Output, Server, Settings};
use anyhow::ensure;

use crate::report::{Line, Rival, percentile};

/// Joins that are measured.
const JOINS: u64 = 50;

/// A node whose account is in one large community, in which nothing was said yet.
struct Node {
    snapshot: Arc<Snapshot>,
    commands: u64,
    events: VecDeque<Event>,
}

impl Client for Node {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        self.commands += 1;
        let id = CommandId(self.commands);
        let reply = match command {
            Command::Page { .. } => Reply::History {
                messages: Vec::new(),
                complete: true,
                complete_since: None,
                confirmed: Confirmed::default(),
            },
            _ => Reply::Ok { ok: true },
        };
        let result = Ok(reply);
        self.events.push_back(Event::Done { id, result });
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

fn account(number: usize) -> AccountId {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    AccountId(bytes)
}

fn member(number: usize) -> MemberView {
    MemberView {
        account: account(number),
        name: format!("Member {number}"),
        roles: Vec::new(),
        // A tenth is here.
        online: number.is_multiple_of(10),
        availability: None,
        rank: 0,
        owner: number == 0,
        about: None,
        status: None,
        forked: false,
    }
}

fn node(members: usize) -> Node {
    let everyone = RoleView {
        role: RoleId::ZERO,
        name: "everyone".to_owned(),
        rank: 0,
        allow: vec!["view".to_owned(), "send".to_owned()],
    };
    let channel = ChannelView {
        channel: ChannelId([11; 32]),
        kind: ChannelKind::Text,
        name: "general".to_owned(),
        topic: String::new(),
        category: None,
        position: 0,
        private: false,
        since_join: false,
        unread: 0,
        mentions: 0,
        rights: vec!["view".to_owned(), "send".to_owned()],
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: Vec::new(),
    };
    let community = CommunitySnapshot {
        name: "City".to_owned(),
        channels: Arc::new(vec![channel]),
        members: Arc::new((0..members).map(member).collect()),
        roles: Arc::new(vec![everyone]),
        ..CommunitySnapshot::default()
    };
    let snapshot = Snapshot {
        version: 1,
        account: Some(account(0)),
        name: "Member 0".to_owned(),
        communities: [(CommunityId([10; 32]), Arc::new(community))].into(),
        ..Snapshot::default()
    };
    Node {
        snapshot: Arc::new(snapshot),
        commands: 0,
        events: VecDeque::new(),
    }
}

/// Somebody joins a channel of so many members, again and again.
pub(crate) fn joined(members: usize) -> anyhow::Result<Vec<Line>> {
    let mut node = node(members);
    let mut server = Server::new(Settings {
        server_name: "irc.bench".to_owned(),
        network: "Bench".to_owned(),
        version: "bench".to_owned(),
        started: UnixMs(1),
    });
    let now = Now {
        mono: MonoMs(1),
        wall: UnixMs(1_790_000_000_000),
    };
    let conn = ConnId(1);
    let origin = Origin {
        loopback: true,
        exempt: true,
        ..Origin::default()
    };
    server.open(conn, origin, now);
    let mut ask = |server: &mut Server, line: &str| {
        server.received(conn, line.as_bytes(), now);
        let mut bytes = Vec::new();
        loop {
            server.pump(ClientKey::OWN, &mut node, now);
            let mut moved = false;
            while let Some(output) = server.next_output() {
                moved = true;
                match output {
                    Output::Write(_, more) => bytes.extend_from_slice(&more),
                    Output::Check(check, _) => {
                        server.checked(check, Outcome::Granted(ClientKey::OWN), now);
                    }
                    _ => {}
                }
            }
            if !moved {
                return bytes;
            }
        }
    };
    ask(&mut server, "PASS x\r\nNICK x\r\nUSER x 0 * :x\r\n");
    let (mut times, mut most) = (Vec::new(), 0);
    for _ in 0..JOINS {
        let started = Instant::now();
        let told = ask(&mut server, "JOIN #city/general\r\n");
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        let end = told.windows(5).any(|part| part == b" 366 ");
        ensure!(end, "{}", String::from_utf8_lossy(&told));
        most = most.max(told.len());
        ask(&mut server, "PART #city/general\r\n");
    }
    let of = |name, value, unit| Line {
        name,
        value,
        unit,
        n: members,
        rival: Rival::NONE,
    };
    Ok(vec![
        of("irc_join", percentile(&mut times, 0.99), "ms"),
        of("irc_join_bytes", most as f64, "B"),
    ])
}
