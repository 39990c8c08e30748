//! Two halves of a community that reach each other through hostile relays alone (docs/protocol.md, "Limits against
//! hostile peers").
//!
//! Members of both halves talk. Then there is an honest way again. What must hold: nothing panics or spins, no honest
//! peer is blamed, a channel is called complete only as far as its peers have said ([`Run::claims`]), and in the end
//! everybody shows what the members wrote, once, and nothing else.

use std::collections::BTreeSet;

use alloquy_api::Reply;
use alloquy_api::command::{ChannelRef, Command};
use alloquy_ids::{AccountId, CommunityId};

use crate::check;
use crate::draw::Draw;
use crate::machine::Maker;
use crate::net::{MEDDLINGS, Meddling};
use crate::report::Outcome;
use crate::trace::Trace;
use crate::world::{CANARY, World};

/// After an honest way is there again everything is equal within this time, as in [`crate::run`].
const SETTLE_MS_MAX: u64 = 240_000;
const SETTLE_STEP_MS: u64 = 10_000;
/// How long after it wrote something a node has told each peer that it is connected to: its next comparison with each
/// of up to six peers, at least every 10 s with one whose copy differs.
const TOLD_MS_MAX: u64 = 70_000;

/// More than anybody writes in one run.
const MESSAGES_MAX: u32 = 1_000;

/// What a seed stands for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Nodes of each half.
    pub halves: [usize; 2],
    /// What relays do.
    pub does: BTreeSet<Meddling>,
    /// Messages.
    pub messages: u64,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "relayed plan");
        let does = (0..draw.between(1, 3))
            .filter_map(|_| draw.pick(&MEDDLINGS).copied())
            .collect();
        Self {
            halves: [1 + draw.index(3), 1 + draw.index(3)],
            does,
            messages: draw.between(10, 40),
        }
    }

    fn seats(&self) -> usize {
        self.halves.iter().sum()
    }
}

/// Runs a seed once.
#[must_use]
pub fn seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Outcome {
    let mut run = Run {
        world: World::new(seed, maker, trace),
        plan: Plan::new(seed),
        draw: Draw::new(seed, "relayed run"),
        community: CommunityId::ZERO,
        said: Vec::new(),
    };
    if let Err(text) = run.all() {
        run.world.violation("setup", None, text);
    }
    run.world.outcome()
}

/// Runs a seed twice and compares the traces.
#[must_use]
pub fn seed_twice(seed: u64, maker: &dyn Maker) -> Outcome {
    Outcome::twice(seed, || seed_once(seed, maker, Trace::default()))
}

/// A message: which command it was, and its text.
struct Said {
    act: usize,
    text: String,
}

struct Run<'a> {
    world: World<'a>,
    plan: Plan,
    draw: Draw,
    community: CommunityId,
    said: Vec<Said>,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), String> {
        self.set_up()?;
        let [left, right] = self.plan.halves;
        for a in 0..left {
            for b in left..left + right {
                let draw = Draw::new(self.world.seed(), &format!("relay {a} {b}"));
                self.world.net.relay(a, b, self.plan.does.clone(), draw);
            }
        }
        for number in 0..self.plan.messages {
            self.say(number);
            let pause = self.draw.between(300, 12_000);
            self.world.run_for(pause);
            self.claims()?;
            if !self.world.violations.is_empty() {
                return Ok(());
            }
        }
        self.world.net.end_relays();
        self.settle();
        Ok(())
    }

    fn channel(&self) -> ChannelRef {
        ChannelRef(format!("{}/general", self.community))
    }

    fn set_up(&mut self) -> Result<(), String> {
        for seat in 0..self.plan.seats() {
            self.world.add_node(&format!("n{seat}"), 0)?;
        }
        let names = ("first".to_owned(), "general".to_owned());
        let (community, link) = self.world.make_community(names.0, names.1)?;
        self.community = community;
        for seat in 1..self.plan.seats() {
            self.world
                .must(seat, None, Command::Join { link: link.clone() })?;
        }
        self.world.run_for(20_000);
        Ok(())
    }

    fn say(&mut self, number: u64) {
        let seat = self.draw.index(self.plan.seats());
        // Some are history for a relay that tells it by its size.
        let long = if self.draw.chance(300) { 600 } else { 1 };
        let text = format!("{CANARY} {number} {}", "and so on ".repeat(long / 10));
        let command = Command::Send {
            channel: self.channel(),
            text: text.clone(),
            embeds: Vec::new(),
        };
        let act = self.world.order(seat, Some(self.community), command);
        self.said.push(Said { act, text });
    }

    /// What a node calls complete is what its peers have told it: it has heard each that it holds to be connected, and
    /// nothing is missing that one of them wrote long enough before the last frame of it that came.
    fn claims(&mut self) -> Result<(), String> {
        for seat in 0..self.plan.seats() {
            let command = Command::History {
                channel: self.channel(),
                last: MESSAGES_MAX,
                before: None,
                thread: None,
            };
            let reply = self.world.ask(seat, command);
            let Ok(Reply::History {
                messages, complete, ..
            }) = reply
            else {
                return Err(format!("history: {reply:?}"));
            };
            if !complete {
                continue;
            }
            let shown: BTreeSet<_> = messages.iter().map(|message| message.id).collect();
            let peers = (0..self.plan.seats()).filter(|peer| *peer != seat);
            let peers: Vec<_> = peers
                .filter(|peer| self.world.net.holds(seat, *peer))
                .collect();
            if peers.is_empty() {
                let text = "a channel is complete as far as nobody says".to_owned();
                self.world.violation("withholding", Some(seat), text);
            }
            for peer in peers {
                if let Some(text) = self.unheard(seat, peer, &shown) {
                    self.world.violation("withholding", Some(seat), text);
                }
            }
        }
        Ok(())
    }

    /// Why a channel can not be complete as far as this peer says.
    fn unheard(
        &self,
        seat: usize,
        peer: usize,
        shown: &BTreeSet<alloquy_ids::EventId>,
    ) -> Option<String> {
        let name = self.world.name(peer);
        let Some(heard) = self.world.net.heard(peer, seat) else {
            return Some(format!(
                "a channel is complete though {name} has said nothing since it is connected"
            ));
        };
        let written = self.said.iter().filter_map(|said| {
            let act = &self.world.acts()[said.act];
            match &act.done {
                Some((at, Ok(Reply::Message { message }))) if act.seat == peer => {
                    Some((*at, *message))
                }
                _ => None,
            }
        });
        let mut missing = written.filter(|(at, message)| {
            at.saturating_add(TOLD_MS_MAX) < heard && !shown.contains(message)
        });
        missing.next().map(|(at, message)| {
            format!(
                "a channel is complete without {} of {name}, written {} s before the last word of it",
                message.short(),
                (heard - at) / 1_000
            )
        })
    }

    fn settle(&mut self) {
        let end = self.world.now() + SETTLE_MS_MAX;
        loop {
            self.world.run_for(SETTLE_STEP_MS);
            if !self.world.violations.is_empty() {
                return;
            }
            let seats = 0..self.plan.seats();
            let replicas = check::read_all(&mut self.world, seats, &BTreeSet::new());
            if !self.world.violations.is_empty() {
                return;
            }
            let wrong = check::convergence(&self.world, &replicas)
                .map(|text| ("convergence", text))
                .or_else(|| self.unwritten(&replicas).map(|text| ("integrity", text)));
            match wrong {
                None => return,
                Some((checker, text)) if self.world.now() >= end => {
                    return self.world.violation(checker, None, text);
                }
                Some(_) => {}
            }
        }
    }

    /// What was written is shown once by everybody, under its author, and nothing else is.
    fn unwritten(&self, replicas: &check::Replicas) -> Option<String> {
        let mut expected: Vec<(AccountId, &str)> = Vec::new();
        for said in &self.said {
            let act = &self.world.acts()[said.act];
            if !matches!(act.done, Some((_, Ok(_)))) {
                return Some(format!("`{}` did not end well: {:?}", said.text, act.done));
            }
            expected.push((self.world.account(act.seat), &said.text));
        }
        expected.sort_unstable();
        replicas.iter().find_map(|(seat, replica)| {
            let view = replica.communities.get(&self.community)?;
            let all = view.messages.values().flatten();
            let mut shown: Vec<(AccountId, &str)> = all
                .map(|message| (message.author, message.text.as_str()))
                .collect();
            shown.sort_unstable();
            let (held, wanted) = (shown.len(), expected.len());
            let name = self.world.name(*seat);
            (shown != expected).then(|| format!("{name} shows {held} messages instead of {wanted}"))
        })
    }
}
