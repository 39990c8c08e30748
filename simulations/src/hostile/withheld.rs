//! History that a home node withholds (docs/protocol.md, "What its word is worth").
//!
//! Ana writes while nobody is with her but her home node and, for most of it, Dia. Then Ben gets the history from the
//! home node alone, later with Cem beside him who has no more than Ben, and last with Dia, who has all of it. The home
//! node gives less than it holds, or other bytes as bodies; in some runs it gives digests back, as if nothing lacked.
//!
//! What must hold all the time ([`Run::claims`]): nobody is told that a channel is complete while home nodes alone say
//! so, while a message is known of and not here, while a text is waited for, or long after a connected member has shown
//! that it holds more; and nothing is shown that nobody wrote. In the end everybody has everything, and is told so
//! though the home node goes on.
//!
//! What can be known: an event names the one before it in its log, and the last ones of other logs that its author
//! had, so that a gap shows as soon as anything later comes. What is last of all is named by nothing: as long as nobody
//! else tells of it, whoever withholds it can not be found out, and two members who have both not heard of it confirm
//! each other. [`Found::unknowable`] counts these.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Reply;
use alloquy_api::command::{ChannelRef, Command};
use alloquy_api::reply::{DeliveryState, MessageView};
use alloquy_ids::{AccountId, CommunityId, EventId};

use super::{Manner, Rogues, Trick, Withholding, home};
use crate::check;
use crate::draw::Draw;
use crate::machine::{HOME_NAME, Maker};
use crate::net::Weather;
use crate::report::Outcome;
use crate::trace::Trace;
use crate::world::{CANARY, World};

const ANA: usize = 0;
const BEN: usize = 1;
const CEM: usize = 2;
const DIA: usize = 3;
const HOME: usize = 4;
const PEOPLE: std::ops::Range<usize> = 0..4;
/// How long those who meet are together before the next comes.
const TOGETHER_MS: u64 = 90_000;
/// Longer than an event waits for its past.
const LONG_MS: u64 = 700_000;
/// How often it is looked what people are told.
const LOOK_MS: u64 = 5_000;
/// When all who hold something are there, everybody has it and is told so within this time.
const SETTLE_MS_MAX: u64 = 240_000;
/// How long after it has something a node has told each peer: as for relays.
const TOLD_MS_MAX: u64 = 70_000;
/// More than anybody writes in one run.
const MESSAGES_MAX: u32 = 1_000;

/// What a seed stands for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the home node does.
    pub tricks: Vec<Trick>,
    /// How it does it.
    pub manner: Manner,
    /// Messages of Ana's.
    pub messages: u64,
    /// Whether a new epoch begins on the way.
    pub rekeys: bool,
    /// Whether the home node is gone before what waits is given up.
    pub leaves: bool,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "withheld plan");
        let messages = draw.between(6, 16);
        let ways = [
            Withholding::Gaps,
            Withholding::Gaps,
            Withholding::Tail(2 + draw.below(messages / 2)),
            Withholding::Everything,
        ];
        // One of five poisons and withholds nothing.
        let way = ways.get(draw.index(5)).copied();
        let mut tricks = BTreeSet::new();
        tricks.insert(way.map_or(Trick::Garble, |_| Trick::Withhold));
        // Who gives nothing, and who lets nothing show, gains most by saying that nothing lacks.
        let hides = !matches!(way, Some(Withholding::Gaps));
        let echoes = if draw.chance(if hides { 700 } else { 300 }) {
            1_000
        } else {
            0
        };
        for (trick, chance) in [(Trick::Lie, 300), (Trick::Forge, 300), (Trick::Mix, 300)] {
            if draw.chance(chance) {
                tricks.insert(trick);
            }
        }
        if echoes > 0 {
            tricks.insert(Trick::Lie);
        }
        Self {
            tricks: tricks.into_iter().collect(),
            manner: Manner {
                withholds: way.unwrap_or_default(),
                echoes,
            },
            messages,
            rekeys: draw.chance(400),
            leaves: draw.chance(500),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What any run gives.
    pub outcome: Outcome,
    /// Messages that Ben or Cem knew of at some time and that were withheld from them.
    pub known: u64,
    /// Messages that were shown without a text at some time, and with the right one in the end.
    pub waited: u64,
    /// Looks at which somebody was told that home nodes alone confirm a channel.
    pub by_homes_alone: u64,
    /// Looks at which a channel was called complete by members who had all not heard of what lacked.
    pub unknowable: u64,
}

/// Runs a seed once.
#[must_use]
pub fn seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Found {
    let plan = Plan::new(seed);
    let rogues = Rogues::new(maker, seed, vec![plan.tricks.clone()], plan.manner);
    let mut run = Run {
        world: World::new(seed, &rogues, trace),
        rogues: &rogues,
        plan,
        draw: Draw::new(seed, "withheld run"),
        community: CommunityId::ZERO,
        said: Vec::new(),
        met_at: 0,
        told: BTreeMap::new(),
        known: BTreeSet::new(),
        waited: BTreeSet::new(),
        by_homes_alone: 0,
        unknowable: 0,
    };
    if let Err(text) = run.all() {
        run.world.violation("setup", None, text);
    }
    Found {
        known: run.known.len() as u64,
        waited: run.waited.len() as u64,
        by_homes_alone: run.by_homes_alone,
        unknowable: run.unknowable,
        outcome: Outcome {
            acts: rogues.ledger().acts.clone(),
            ..run.world.outcome()
        },
    }
}

/// Runs a seed twice and compares the traces.
#[must_use]
pub fn seed_twice(seed: u64, maker: &dyn Maker) -> Outcome {
    Outcome::twice(seed, || seed_once(seed, maker, Trace::default()).outcome)
}

/// A message: which command it was, and its text.
struct Said {
    act: usize,
    text: String,
}

struct Run<'a> {
    world: World<'a>,
    rogues: &'a Rogues<'a>,
    plan: Plan,
    draw: Draw,
    community: CommunityId,
    said: Vec<Said>,
    /// When others came to Ben last.
    met_at: u64,
    /// Withheld events of which the home node had told by the last look.
    told: BTreeMap<usize, BTreeSet<EventId>>,
    /// Who knows of what that was withheld.
    known: BTreeSet<(usize, EventId)>,
    waited: BTreeSet<(usize, EventId)>,
    by_homes_alone: u64,
    unknowable: u64,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), String> {
        self.set_up()?;
        // Ana with her home node alone: whatever it confirms, nobody has read it.
        self.world.partition(&[0, 1, 2, 3, 0]);
        self.world.run_for(2_000);
        for _ in 0..2 {
            self.says(ANA);
            self.world.run_for(4_000);
        }
        self.delivers_nothing()?;
        self.world.partition(&[0, 1, 2, 0, 0]);
        self.world.run_for(5_000);
        for number in 0..self.plan.messages {
            let who = if self.draw.chance(800) { ANA } else { DIA };
            self.says(who);
            if self.plan.rekeys && number == self.plan.messages / 2 {
                let target = self.community.to_string();
                let command = Command::Rekey { target };
                self.world.order(ANA, Some(self.community), command);
            }
            let pause = self.draw.between(300, 3_000);
            self.world.run_for(pause);
        }
        self.world.run_for(30_000);
        for (cells, ms) in [
            ([1, 0, 2, 3, 0], TOGETHER_MS),
            ([1, 0, 0, 3, 0], TOGETHER_MS),
        ] {
            self.meet(&cells);
            self.look_for(ms)?;
        }
        if self.plan.leaves {
            self.world.crash(HOME);
            self.look_for(LONG_MS)?;
        }
        if self.world.violations.is_empty() {
            self.meet(&[1, 0, 0, 0, 0]);
            self.settle()?;
        }
        Ok(())
    }

    fn set_up(&mut self) -> Result<(), String> {
        for name in ["ana", "ben", "cem", "dia", HOME_NAME] {
            self.world.add_node(name, 0)?;
        }
        self.world.distrust(HOME);
        let names = ("first".to_owned(), "general".to_owned());
        let (community, link) = self.world.make_community(names.0, names.1)?;
        self.community = community;
        for seat in [BEN, CEM, DIA] {
            let link = link.clone();
            self.world.must(seat, None, Command::Join { link })?;
        }
        home::pair(&mut self.world, HOME, community)?;
        self.world.net.weather = Weather::CALM;
        self.world.run_for(20_000);
        Ok(())
    }

    fn meet(&mut self, cells: &[usize]) {
        self.world.partition(cells);
        self.met_at = self.world.now();
    }

    fn channel(&self) -> ChannelRef {
        ChannelRef(format!("{}/general", self.community))
    }

    fn says(&mut self, seat: usize) {
        let text = format!("{CANARY} {}", self.said.len());
        let command = Command::Send {
            channel: self.channel(),
            text: text.clone(),
            embeds: Vec::new(),
        };
        let act = self.world.order(seat, Some(self.community), command);
        self.said.push(Said { act, text });
    }

    /// A channel as a node shows it: messages, whether they are all, and whether home nodes alone say so.
    fn history(&mut self, seat: usize) -> Result<(Vec<MessageView>, bool, bool), String> {
        let command = Command::History {
            channel: self.channel(),
            last: MESSAGES_MAX,
            before: None,
            thread: None,
        };
        match self.world.ask(seat, command) {
            Ok(Reply::History {
                messages,
                complete,
                confirmed,
                ..
            }) => {
                let by_homes = confirmed.homes > 0 && confirmed.homes == confirmed.peers;
                Ok((messages, complete, by_homes))
            }
            other => Err(format!("history: {other:?}")),
        }
    }

    /// A home node holds and never opens: nothing was delivered to anybody who reads.
    fn delivers_nothing(&mut self) -> Result<(), String> {
        let (messages, ..) = self.history(ANA)?;
        let own = self.world.account(ANA);
        for message in messages.iter().filter(|message| message.author == own) {
            let state = message.delivery.state;
            if matches!(state, DeliveryState::Delivered | DeliveryState::Read) {
                let text = format!("{} is {state:?}, and nobody was there", message.id.short());
                self.world.violation("delivery", Some(ANA), text);
            }
        }
        Ok(())
    }

    /// Lets time pass and looks what Ben and Cem are told.
    fn look_for(&mut self, ms: u64) -> Result<(), String> {
        let end = self.world.now() + ms;
        while self.world.now() < end && self.world.violations.is_empty() {
            self.world.run_for(LOOK_MS);
            for seat in [BEN, CEM] {
                self.claims(seat)?;
            }
        }
        Ok(())
    }

    /// What was written, by its id.
    fn written(&self) -> BTreeMap<EventId, (AccountId, &str)> {
        let written = self.said.iter().filter_map(|said| {
            let act = &self.world.acts()[said.act];
            match act.done {
                Some((_, Ok(Reply::Message { message }))) => {
                    Some((message, (self.world.account(act.seat), said.text.as_str())))
                }
                _ => None,
            }
        });
        written.collect()
    }

    /// See the module.
    fn claims(&mut self, seat: usize) -> Result<(), String> {
        let (messages, complete, by_homes) = self.history(seat)?;
        self.by_homes_alone += u64::from(by_homes);
        let all: BTreeSet<_> = self.written().into_keys().collect();
        let here: BTreeSet<_> = messages
            .iter()
            .filter(|message| !message.waiting)
            .map(|message| message.id)
            .collect();
        let waiting = messages.iter().filter(|message| message.waiting);
        self.waited
            .extend(waiting.map(|message| (seat, message.id)));
        self.learns(seat);
        let mut known = self.known.iter().filter(|(who, _)| *who == seat);
        let known = known.find(|(_, event)| !here.contains(event));
        if let Some(text) = self.invented(&messages) {
            self.world.violation("integrity", Some(seat), text);
        }
        if !complete {
            return Ok(());
        }
        let peers = PEOPLE.filter(|peer| *peer != seat);
        let peers: Vec<_> = peers
            .filter(|peer| self.world.net.holds(seat, *peer))
            .collect();
        let told = peers
            .iter()
            .find_map(|peer| self.unheard(seat, *peer, &here));
        let lacks = all.difference(&here).count();
        let why = if peers.is_empty() {
            Some("no member is connected".to_owned())
        } else if let Some((_, event)) = known {
            Some(format!("{} is known of and not here", event.short()))
        } else if messages.iter().any(|message| message.waiting) {
            Some("a text is waited for".to_owned())
        } else {
            told
        };
        match why {
            Some(why) => {
                let text = format!("the channel is complete though {why}");
                self.world.violation("withholding", Some(seat), text);
            }
            None => self.unknowable += u64::from(lacks > 0),
        }
        Ok(())
    }

    /// What the home node had told of by the last look has come, if the connection stands.
    fn learns(&mut self, seat: usize) {
        let stands = self.world.is_up(HOME) && self.world.net.holds(seat, HOME);
        let now = self.rogues.ledger().known_to(self.world.net.key(seat));
        let before = self.told.insert(seat, now).unwrap_or_default();
        if stands {
            self.known
                .extend(before.into_iter().map(|event| (seat, event)));
        }
    }

    /// A message that nobody wrote, or not so.
    fn invented(&self, messages: &[MessageView]) -> Option<String> {
        let written = self.written();
        let is_so = |message: &&MessageView| match written.get(&message.id) {
            Some((author, text)) => {
                message.author == *author && (message.waiting || message.text == *text)
            }
            // Its author has not been told yet that it is written.
            None => self.said.iter().any(|said| said.text == message.text),
        };
        let odd = messages.iter().find(|message| !is_so(message))?;
        Some(format!(
            "{} is shown, which nobody wrote so",
            odd.id.short()
        ))
    }

    /// What a connected member has had for so long that it has told it, and is not here.
    fn unheard(&self, seat: usize, peer: usize, here: &BTreeSet<EventId>) -> Option<String> {
        let name = self.world.name(peer);
        let Some(heard) = self.world.net.heard(peer, seat) else {
            return Some(format!("{name} has said nothing since it is connected"));
        };
        let written = self.written();
        let lacking = written.keys().filter(|event| !here.contains(event));
        let mut since = lacking.filter_map(|event| self.world.shown_at(peer, *event));
        let told = since.any(|at| at.max(self.met_at) + TOLD_MS_MAX < heard);
        told.then(|| format!("{name} has told of more"))
    }

    /// Dia has everything, and is there.
    fn settle(&mut self) -> Result<(), String> {
        let end = self.world.now() + SETTLE_MS_MAX;
        loop {
            self.look_for(LOOK_MS)?;
            if !self.world.violations.is_empty() {
                return Ok(());
            }
            let wrong = self.lacking()?;
            match wrong {
                None => return self.all_agree(),
                Some(text) if self.world.now() >= end => {
                    self.world.violation("liveness", None, text);
                    return Ok(());
                }
                Some(_) => {}
            }
        }
    }

    /// Why the end has not come yet.
    fn lacking(&mut self) -> Result<Option<String>, String> {
        for seat in [BEN, CEM, DIA] {
            let (messages, complete, _) = self.history(seat)?;
            let here = messages.iter().filter(|message| !message.waiting).count();
            let all = self.said.len();
            if here != all || !complete {
                let name = self.world.name(seat);
                let text = format!("{name} shows {here} of {all} messages, complete: {complete}");
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// Ana comes too, and nothing of what the home node made up counts anywhere.
    fn all_agree(&mut self) -> Result<(), String> {
        self.world.heal();
        self.world.run_for(60_000);
        let replicas = check::read_all(&mut self.world, PEOPLE, &BTreeSet::new());
        if let Some(text) = check::convergence(&self.world, &replicas) {
            self.world.violation("convergence", None, text);
        }
        let members: BTreeSet<_> = PEOPLE.map(|seat| self.world.account(seat)).collect();
        if let Some(text) = home::ruled(&replicas, self.community, &members) {
            self.world.violation("authority", None, text);
        }
        for seat in PEOPLE {
            let (messages, ..) = self.history(seat)?;
            if let Some(text) = self.invented(&messages) {
                self.world.violation("integrity", Some(seat), text);
            }
        }
        Ok(())
    }
}
