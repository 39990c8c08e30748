//! CHATHISTORY over what two nodes wrote on both sides of a partition: each message once, whatever a client pages by.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::command::ChannelRef;
use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};
use alloquy_ids::{ChannelId, CommunityId, MonoMs, UnixMs};
use alloquy_irc::limits::{FLOOD_BURST, FLOOD_MS};
use alloquy_irc::{ClientKey, ConnId, Now, Origin, Outcome, Output, Server, Settings};
use alloquy_sim::machine::Core;
use alloquy_sim::trace::Trace;
use alloquy_sim::world::World;

/// Messages in all.
const MESSAGES: usize = 10_000;
/// Those written before the partition; the rest by both sides in turn while it lasts.
const BEFORE: usize = 100;
/// Virtual time in which both have heard everything.
const MERGED_MS: u64 = 3_600_000;

/// How wrong the clock of the second writer is, one stretch of messages after the other.
const CLOCKS_MS: [i64; 6] = [0, 7 * MINUTE_MS, -9 * MINUTE_MS, -YEAR_MS, 0, YEAR_MS];
/// Messages of a stretch. Every second one is written in one and the same millisecond: more than a page.
const STRETCH: usize = 500;
const MINUTE_MS: i64 = 60_000;
const YEAR_MS: i64 = 365 * 24 * 60 * MINUTE_MS;
/// Channels besides, whose only messages were written in one millisecond.
const ROOMS: usize = 5;
const EPOCH: &str = "timestamp=1970-01-01T00:00:00.000Z";
const END: &str = "timestamp=2100-01-01T00:00:00.000Z";

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
        Self::from(world, seat, true)
    }

    /// A connection that is spared the throttle, or not.
    fn from(world: &'a mut World<'w>, seat: usize, exempt: bool) -> Self {
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
            exempt,
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
        let told = self.turn();
        told.split_terminator("\r\n").map(str::to_owned).collect()
    }

    /// What a shell does until nothing moves: what the connection is told.
    fn turn(&mut self) -> String {
        let now = self.now();
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
                return told;
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

/// Two members of a club with a general channel and some others.
fn club(core: &Core) -> (World<'_>, CommunityId) {
    let mut world = World::new(7, core, Trace::default());
    for name in ["ana", "ben"] {
        world.add_node(name, 0).unwrap();
    }
    let (community, link) = world
        .make_community("Club".to_owned(), "general".to_owned())
        .unwrap();
    world.must(1, None, Command::Join { link }).unwrap();
    for number in 0..ROOMS {
        let order = format!("create-channel {community} text room{number}");
        world
            .must(0, Some(community), order.parse().unwrap())
            .unwrap();
    }
    world.run_for(60_000);
    (world, community)
}

/// Two members who wrote on both sides of a partition, and have heard of each other again.
fn merged(core: &Core) -> World<'_> {
    let (mut world, community) = club(core);
    for number in 0..ROOMS {
        let room = channel(&mut world, community, &format!("room{number}"));
        write(&mut world, 0, room, "hello");
    }
    let channel = channel(&mut world, community, "general");
    for number in 0..BEFORE {
        write(&mut world, number % 2, channel, &format!("m{number}"));
    }
    world.run_for(60_000);
    world.partition(&[0, 1]);
    for number in BEFORE..MESSAGES {
        let stretch = number / STRETCH;
        if number.is_multiple_of(STRETCH) {
            world.set_clock(1, CLOCKS_MS[stretch % CLOCKS_MS.len()]);
        }
        write(&mut world, number % 2, channel, &format!("m{number}"));
        if stretch.is_multiple_of(2) {
            world.run_for(3);
        }
    }
    world.set_clock(1, 0);
    world.heal();
    for _ in 0..MERGED_MS / 10_000 {
        world.run_for(10_000);
        if (0..2).all(|seat| count(&mut world, seat, channel) == MESSAGES) {
            return world;
        }
    }
    panic!("they do not hear of each other");
}

fn channel(world: &mut World<'_>, community: CommunityId, name: &str) -> ChannelId {
    let snapshot = world.snapshot(0).unwrap();
    let channels = snapshot.communities[&community].channels.iter();
    let mut named = channels.filter(|view| view.name == name);
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
        latest(&mut irc, &all);
        // The clocks of one differ from what the other saw.
        let edge = [Edge::Outermost, Edge::Extreme][seat];
        by_time(&mut irc, &all, edge);
        by_time_around(
            &mut irc,
            &all,
            [2 * STRETCH + STRETCH / 2, 3 * STRETCH + 7][seat],
        );
        targets(&mut irc);
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

/// The latest, as far as they are new.
fn latest(irc: &mut Irc<'_, '_>, all: &[String]) {
    let since = &all[all.len() - 100];
    let rows = ids(&irc.page(&format!("LATEST msgid={since} 200")));
    assert!(rows == all[all.len() - 99..], "latest, by id");
    let rows = ids(&irc.page(&format!("LATEST {EPOCH} 200")));
    assert!(rows == all[all.len() - 200..], "latest, by time");
}

/// Which time of a page a client goes on from.
#[derive(Clone, Copy, Debug)]
enum Edge {
    /// That of the first or last message.
    Outermost,
    /// The least or the greatest one.
    Extreme,
}

fn time(rows: &[(String, String)], edge: Edge, forwards: bool) -> String {
    let mut times = rows.iter().map(|(_, time)| time);
    let found = match (edge, forwards) {
        (Edge::Outermost, true) => times.next_back(),
        (Edge::Outermost, false) => times.next(),
        (Edge::Extreme, true) => times.max(),
        (Edge::Extreme, false) => times.min(),
    };
    format!("timestamp={}", found.unwrap())
}

/// Pages from one that begins at a time, in one direction, each asked for by a time of the one before.
fn walk(
    irc: &mut Irc<'_, '_>,
    (edge, forwards): (Edge, bool),
    (start, ask): (String, impl Fn(&str) -> String),
) -> Vec<String> {
    let (mut seen, mut at) = (Vec::new(), start);
    loop {
        let rows = irc.page(&ask(&at));
        if rows.is_empty() {
            return seen;
        }
        assert!(seen.len() <= MESSAGES, "it goes round in circles");
        at = time(&rows, edge, forwards);
        match forwards {
            true => seen.extend(ids(&rows)),
            false => drop(seen.splice(0..0, ids(&rows))),
        }
    }
}

fn by_time(irc: &mut Irc<'_, '_>, all: &[String], edge: Edge) {
    let forth = (edge, true);
    let after = |at: &str| format!("AFTER {at} 200");
    let seen = walk(irc, forth, (EPOCH.to_owned(), after));
    assert!(seen == all, "after, {edge:?}");
    let between = |at: &str| format!("BETWEEN {at} {END} 173");
    let seen = walk(irc, forth, (EPOCH.to_owned(), between));
    assert!(seen == all, "between, {edge:?}");
    let back = (edge, false);
    let before = |at: &str| format!("BEFORE {at} 200");
    let seen = walk(irc, back, (END.to_owned(), before));
    assert!(seen == all, "before, {edge:?}");
    let between = |at: &str| format!("BETWEEN {at} {EPOCH} 191");
    let seen = walk(irc, back, (END.to_owned(), between));
    assert!(seen == all, "backwards between, {edge:?}");
}

/// From a window around an instant to both ends.
fn by_time_around(irc: &mut Irc<'_, '_>, all: &[String], at: usize) {
    let rows = irc.page(&format!("AROUND msgid={} 1", all[at]));
    let asked = time(&rows, Edge::Outermost, true);
    let rows = irc.page(&format!("AROUND {asked} 101"));
    let older = time(&rows, Edge::Outermost, false);
    let newer = time(&rows, Edge::Outermost, true);
    let before = |at: &str| format!("BEFORE {at} 200");
    let mut seen = walk(irc, (Edge::Outermost, false), (older, before));
    seen.extend(ids(&rows));
    let after = |at: &str| format!("AFTER {at} 200");
    seen.extend(walk(irc, (Edge::Outermost, true), (newer, after)));
    assert!(seen == all, "around {asked}");
}

/// Conversations of one time, one by one.
fn targets(irc: &mut Irc<'_, '_>) {
    let mut expected = BTreeSet::from(["#club/general".to_owned()]);
    irc.ask("JOIN #club/general");
    for number in 0..ROOMS {
        irc.ask(&format!("JOIN #club/room{number}"));
        expected.insert(format!("#club/room{number}"));
    }
    let (mut seen, mut at) = (Vec::new(), EPOCH.to_owned());
    loop {
        let told = irc.ask(&format!("CHATHISTORY TARGETS {at} {END} 1"));
        let Some(row) = told.iter().find(|line| line.contains(" TARGETS ")) else {
            break;
        };
        let words: Vec<&str> = row.split(' ').collect();
        seen.push(words[words.len() - 2].to_owned());
        at = format!("timestamp={}", words[words.len() - 1]);
        assert!(seen.len() <= expected.len(), "{seen:?}");
    }
    assert_eq!(seen.len(), expected.len(), "{seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// Seconds for which an account floods.
const FLOOD_S: u64 = 60;
/// Lines at once: as many as may wait for their turn.
const FLOOD_LINES: usize = alloquy_irc::limits::INBOX_LINES_MAX - 1;

/// What a native peer holds of a flood, second by second.
fn flooded(lines: &str, rooms: &[&str]) -> Vec<u64> {
    let core = Core::default();
    let (mut world, community) = club(&core);
    let channels = rooms
        .iter()
        .map(|name| channel(&mut world, community, name));
    let channels: Vec<ChannelId> = channels.collect();
    let mut irc = Irc::from(&mut world, 0, false);
    irc.ask(lines.trim_end());
    let mut held = Vec::new();
    for _ in 0..FLOOD_S {
        irc.person.world.run_for(1_000);
        let now = irc.now();
        irc.server.tick(now);
        let told = irc.turn();
        assert!(!told.contains("ERROR"), "{told}");
        let mut count = 0;
        for channel in &channels {
            count += count_of(irc.person.world, *channel);
        }
        held.push(count);
    }
    held
}

/// How many messages of a channel the native peer holds.
fn count_of(world: &mut World<'_>, channel: ChannelId) -> u64 {
    count(world, 1, channel) as u64
}

#[test]
fn a_flood_reaches_native_peers_no_faster_than_the_limits_allow() {
    let one: String = (0..FLOOD_LINES)
        .map(|number| format!("PRIVMSG #club/general :flood {number}\r\n"))
        .collect();
    let rooms = ["general", "room0", "room1", "room2", "room3", "room4"];
    let all = rooms.map(|room| format!("#club/{room}")).join(",");
    let several: String = (0..FLOOD_LINES)
        .map(|number| format!("PRIVMSG {all} :flood {number}\r\n"))
        .collect();
    let (burst, each) = (FLOOD_BURST, 1_000 / FLOOD_MS);
    for (lines, rooms, at_once) in [(one, &rooms[..1], 1), (several, &rooms[..], rooms.len())] {
        let held = flooded(&lines, rooms);
        for (second, held) in (1..).zip(&held) {
            // A line is carried out as a whole: the last one may stand over the burst.
            let most = burst + at_once as u64 + each * second;
            assert!(*held <= most, "{held} after {second} s of {at_once}");
        }
        let last = held[held.len() - 1];
        assert!(
            last >= each * FLOOD_S - 10,
            "{last} of {at_once}: they are not lost"
        );
    }
}
