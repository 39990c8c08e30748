//! CHATHISTORY over what two nodes wrote on both sides of a partition: each message once, whatever a client pages by.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::command::ChannelRef;
use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};
use alloquy_ids::{ChannelId, CommunityId, MonoMs, UnixMs};
use alloquy_irc::{ClientKey, ConnId, Now, Origin, Outcome, Output, Server, Settings};
use alloquy_sim::machine::Core;
use alloquy_sim::trace::Trace;
use alloquy_sim::world::World;

/// Messages in all: several pages of each side's own. Ten thousand are paged through without a node, in
/// `rendezvous/irc/tests`.
const MESSAGES: usize = 1_200;
/// Those written before the partition; the rest by both sides in turn while it lasts.
const BEFORE: usize = 100;
/// Virtual time in which both have heard everything.
const MERGED_MS: u64 = 3_600_000;

/// The node of a seat, as its person's client.
struct Person<'a, 'w> {
    world: &'a mut World<'w>,
    seat: usize,
    events: VecDeque<Event>,
    last: u64,
}

impl Client for Person<'_, '_> {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        self.last += 1;
        let id = CommandId(self.last);
        let result = self.world.ask(self.seat, command);
        self.events.push_back(Event::Done { id, result });
        Ok(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        unreachable!("the test gives the snapshot")
    }

    fn ended(&self) -> Option<CommandError> {
        None
    }
}

/// The same with the snapshot of this moment.
struct Shown<'p, 'a, 'w>(&'p mut Person<'a, 'w>, Arc<Snapshot>);

impl Client for Shown<'_, '_, '_> {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        self.0.submit(command)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.0.next_event()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.1)
    }

    fn ended(&self) -> Option<CommandError> {
        None
    }
}

/// A connection to the gateway of one node.
struct Irc<'a, 'w> {
    server: Server,
    person: Person<'a, 'w>,
    snapshot: Arc<Snapshot>,
}

const CONN: ConnId = ConnId(1);

impl<'a, 'w> Irc<'a, 'w> {
    fn new(world: &'a mut World<'w>, seat: usize) -> Self {
        let snapshot = world.snapshot(seat).unwrap();
        let settings = Settings {
            server_name: "irc.test".to_owned(),
            network: "Test".to_owned(),
            version: "test".to_owned(),
            started: UnixMs(0),
        };
        let mut irc = Self {
            server: Server::new(settings),
            person: Person {
                world,
                seat,
                events: VecDeque::new(),
                last: 0,
            },
            snapshot,
        };
        let origin = Origin {
            loopback: true,
            exempt: true,
            ..Origin::default()
        };
        irc.server.open(CONN, origin, irc.now());
        let told = irc.ask(
            "CAP REQ :batch message-tags server-time draft/chathistory\r\nPASS x\r\nNICK x\r\nUSER x 0 * :x\r\nCAP END",
        );
        assert!(told.iter().any(|line| line.contains(" 376 ")), "{told:?}");
        irc
    }

    fn now(&self) -> Now {
        Now {
            mono: MonoMs(self.person.world.now()),
            wall: UnixMs(self.person.world.now()),
        }
    }

    fn ask(&mut self, line: &str) -> Vec<String> {
        let now = self.now();
        self.server
            .received(CONN, format!("{line}\r\n").as_bytes(), now);
        let mut told = String::new();
        loop {
            let mut shown = Shown(&mut self.person, Arc::clone(&self.snapshot));
            self.server.pump(ClientKey::OWN, &mut shown, now);
            let mut moved = !self.person.events.is_empty();
            while let Some(output) = self.server.next_output() {
                moved = true;
                match output {
                    Output::Write(_, bytes) => told.push_str(std::str::from_utf8(&bytes).unwrap()),
                    Output::Check(check, _) => {
                        let outcome = Outcome::Granted(ClientKey::OWN);
                        self.server.checked(check, outcome, now);
                    }
                    other => panic!("{other:?}"),
                }
            }
            if !moved {
                return told.split_terminator("\r\n").map(str::to_owned).collect();
            }
        }
    }

    /// Ids and times of one answer.
    fn page(&mut self, rest: &str) -> Vec<(String, String)> {
        let (subcommand, rest) = rest.split_once(' ').unwrap();
        let told = self.ask(&format!("CHATHISTORY {subcommand} #club/general {rest}"));
        assert!(told[0].contains(" chathistory "), "{told:?}");
        let tag = |line: &str, name: &str| {
            let (_, value) = line.split_once(&format!(";{name}=")).unwrap();
            value.split([';', ' ']).next().unwrap().to_owned()
        };
        let rows = told[1..told.len() - 1].iter();
        rows.map(|line| (tag(line, "msgid"), tag(line, "time")))
            .collect()
    }
}

fn ids(rows: &[(String, String)]) -> Vec<String> {
    rows.iter().map(|(id, _)| id.clone()).collect()
}

fn write(world: &mut World<'_>, seat: usize, channel: ChannelId, text: &str) {
    let send = Command::Send {
        channel: ChannelRef(channel.to_string()),
        text: text.to_owned(),
        embeds: Vec::new(),
    };
    let Reply::Message { .. } = world.ask(seat, send).unwrap() else {
        panic!("a message");
    };
}

/// Two members who wrote on both sides of a partition, and have heard of each other again.
fn merged(core: &Core) -> World<'_> {
    let mut world = World::new(7, core, Trace::default());
    for name in ["ana", "ben"] {
        world.add_node(name, 0).unwrap();
    }
    let (community, link) = world
        .make_community("Club".to_owned(), "general".to_owned())
        .unwrap();
    world.must(1, None, Command::Join { link }).unwrap();
    let channel = channel(&mut world, community);
    for number in 0..BEFORE {
        write(&mut world, number % 2, channel, &format!("m{number}"));
    }
    world.run_for(60_000);
    world.partition(&[0, 1]);
    for number in BEFORE..MESSAGES {
        write(&mut world, number % 2, channel, &format!("m{number}"));
        world.run_for(3);
    }
    world.heal();
    for _ in 0..MERGED_MS / 10_000 {
        world.run_for(10_000);
        if (0..2).all(|seat| count(&mut world, seat, channel) == MESSAGES) {
            return world;
        }
    }
    panic!("they do not hear of each other");
}

fn channel(world: &mut World<'_>, community: CommunityId) -> ChannelId {
    let snapshot = world.snapshot(0).unwrap();
    let channels = snapshot.communities[&community].channels.iter();
    let mut named = channels.filter(|view| view.name == "general");
    named.next().unwrap().channel
}

/// How many messages a node holds.
fn count(world: &mut World<'_>, seat: usize, channel: ChannelId) -> usize {
    let mut seen = 0;
    let mut part = alloquy_api::pages::Part::Latest(None);
    loop {
        let page = Command::Page {
            channel,
            part,
            limit: 500,
        };
        let Reply::History { messages, .. } = world.ask(seat, page).unwrap() else {
            panic!("a page");
        };
        let Some(first) = messages.first() else {
            return seen;
        };
        seen += messages.len();
        part = alloquy_api::pages::Part::Before(alloquy_api::pages::At::Message(first.id));
    }
}

#[test]
fn messages_of_two_partitions_come_once_each() {
    let core = Core::default();
    let mut world = merged(&core);
    let mut orders = Vec::new();
    for seat in [0, 1] {
        let mut irc = Irc::new(&mut world, seat);
        let mut all: VecDeque<String> = VecDeque::new();
        let mut rows = irc.page("LATEST * 200");
        while let Some((first, _)) = rows.first().cloned() {
            ids(&rows)
                .into_iter()
                .rev()
                .for_each(|id| all.push_front(id));
            rows = irc.page(&format!("BEFORE msgid={first} 200"));
        }
        let all: Vec<String> = all.into();
        assert_eq!(all.len(), MESSAGES, "backwards");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), MESSAGES);
        forwards(&mut irc, &all);
        around(&mut irc, &all);
        orders.push(all);
    }
    assert_eq!(orders[0], orders[1], "both have one order");
}

fn forwards(irc: &mut Irc<'_, '_>, all: &[String]) {
    let (first, last) = (&all[0], &all[all.len() - 1]);
    for end in [String::new(), format!("msgid={last} ")] {
        let mut seen = vec![first.clone()];
        loop {
            let from = seen.last().unwrap();
            let rows = match end.is_empty() {
                true => irc.page(&format!("AFTER msgid={from} 199")),
                false => irc.page(&format!("BETWEEN msgid={from} {end}199")),
            };
            if rows.is_empty() {
                break;
            }
            seen.extend(ids(&rows));
        }
        let expected = &all[..all.len() - usize::from(!end.is_empty())];
        assert!(seen == expected, "forwards, {end:?}");
    }
    // The same from the newer end.
    let mut seen = vec![last.clone()];
    loop {
        let rows = irc.page(&format!("BETWEEN msgid={} msgid={first} 200", seen[0]));
        if rows.is_empty() {
            break;
        }
        seen.splice(0..0, ids(&rows));
    }
    assert!(seen == all[1..], "backwards between");
}

fn around(irc: &mut Irc<'_, '_>, all: &[String]) {
    let mut at = 50;
    let mut seen = Vec::new();
    while at < all.len() {
        let rows = ids(&irc.page(&format!("AROUND msgid={} 101", all[at])));
        let end = (at + 51).min(all.len());
        assert!(rows == all[at - 50..end], "around {at}");
        seen.extend(rows);
        at += 101;
    }
    let rest = all.len() - seen.len();
    assert!(
        seen == all[..all.len() - rest] && rest < 101,
        "windows join"
    );
}
