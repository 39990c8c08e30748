//! Communities with members who do not keep to the program (docs/protocol.md, "Limits against hostile peers").
//!
//! A few honest nodes and one or two rogues meet in bad weather, talk, and in most seeds remove the rogues; two
//! of the honest ones never have a way of their own to each other, as with a relay that withholds. Then the
//! rogues fall silent. What must hold of the honest: nothing panics or spins, no honest peer is blamed, all show
//! the same, everything that they wrote is there once and in nobody else's name, and nothing that they wrote
//! after a removal can be opened with what the removed one holds.
//!
//! Deliberately not here: rogues that break a cipher, and rates, which the nodes' own tests count.

mod bridge;
mod carried;
mod forgery;
mod home;
mod house;
mod ledger;
mod mixture;
mod rogue;
mod tricks;
pub mod withheld;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use alloquy_api::Reply;
use alloquy_api::command::{AccountRef, ChannelRef, Command, CommunityRef};
use alloquy_core::Now;
use alloquy_ids::{AccountId, CommunityId, EpochId, EventId};
use rand_chacha::ChaCha20Rng;

use crate::check;
use crate::draw::Draw;
use crate::held;
use crate::machine::{Birth, HOME_NAME, Machine, Maker, Records};
use crate::net::Weather;
use crate::report::Outcome;
use crate::trace::Trace;
use crate::world::{CANARY, World};
pub use forgery::FORGERIES;
pub use home::HOME_TRICKS;
pub use house::{Manner, Withholding};
pub use ledger::Acts;
use ledger::{Ledger, Shared};
pub use mixture::MIXTURES;
pub use rogue::{TRICKS, Trick};

/// Names of rogues begin with this.
const ROGUE: &str = "rogue";
/// A command of the beginning ends in this time.
const CALM_WAIT_MS: u64 = 30_000;
/// Messages of one epoch where a home node mixes them up.
const EPOCH_EVERY: u64 = 8;
/// After the rogues have fallen silent everything is equal within this time, as in [`crate::run`].
const SETTLE_MS_MAX: u64 = 240_000;
const SETTLE_STEP_MS: u64 = 10_000;

/// What rogues are to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// Members.
    Members,
    /// The one is no member but the first one's home node.
    Home,
    /// A bridge that the owner let in, and an account that it holds.
    Bridge,
}

/// What a seed stands for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Honest nodes.
    pub honest: usize,
    /// What each rogue does.
    pub rogues: Vec<Vec<Trick>>,
    /// Whether the rogues are removed on the way.
    pub removal: bool,
    /// Messages of the honest.
    pub messages: u64,
    /// What the rogues are to the others.
    pub post: Post,
    weather: Weather,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "hostile plan");
        let honest = 3 + draw.index(3);
        let count = 1 + usize::from(draw.chance(300));
        let tricks = |draw: &mut Draw| {
            let mut chosen: BTreeSet<Trick> = BTreeSet::new();
            for _ in 0..draw.between(2, 6) {
                chosen.extend(draw.pick(&TRICKS));
            }
            chosen.into_iter().collect()
        };
        let small = |limit, draw: &mut Draw| u32::try_from(draw.below(limit)).expect("it is small");
        Self {
            honest,
            rogues: (0..count).map(|_| tricks(&mut draw)).collect(),
            removal: draw.chance(700),
            messages: draw.between(15, 40),
            post: Post::Members,
            weather: Weather {
                loss: small(300, &mut draw),
                duplicate: small(300, &mut draw),
                reorder: small(500, &mut draw),
                delay_ms: (1, 20 + draw.below(300)),
            },
        }
    }
}

/// Makes honest nodes by `inner`, and rogues around them.
struct Rogues<'a> {
    inner: &'a dyn Maker,
    seed: u64,
    tricks: Vec<Vec<Trick>>,
    /// Of a home node.
    manner: Manner,
    ledger: Shared,
    /// Accounts of rogues with their numbers: a store does not say whose it is.
    made: Mutex<BTreeMap<AccountId, usize>>,
}

impl<'a> Rogues<'a> {
    fn new(inner: &'a dyn Maker, seed: u64, tricks: Vec<Vec<Trick>>, manner: Manner) -> Self {
        Self {
            inner,
            seed,
            tricks,
            manner,
            ledger: Arc::default(),
            made: Mutex::default(),
        }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody panics while holding it")
    }
}

impl Maker for Rogues<'_> {
    fn found(&self, name: &str, now: Now, rng: &mut ChaCha20Rng) -> Result<Birth, String> {
        let birth = self.inner.found(name, now, rng)?;
        if name.starts_with(ROGUE) || name == HOME_NAME {
            let mut made = self.made.lock().expect("nobody panics while holding it");
            let number = made.len();
            made.insert(birth.account, number);
        }
        Ok(birth)
    }

    fn restore(
        &self,
        records: Records,
        nonce: [u8; 32],
        now: Now,
        rng: ChaCha20Rng,
    ) -> Result<Box<dyn Machine>, String> {
        let account = records
            .iter()
            .find(|(key, _)| key[..] == [2])
            .and_then(|(_, value)| value[..32].try_into().ok())
            .map(AccountId);
        let number = {
            let made = self.made.lock().expect("nobody panics while holding it");
            account.and_then(|account| made.get(&account).copied())
        };
        let inner = self.inner.restore(records.clone(), nonce, now, rng)?;
        Ok(match number {
            None => inner,
            Some(number) => {
                let draw = Draw::new(self.seed, &format!("rogue {number}"));
                let does = (self.tricks[number].clone(), self.manner);
                let ledger = Arc::clone(&self.ledger);
                Box::new(rogue::Rogue::new(inner, records, does, draw, ledger))
            }
        })
    }
}

/// Runs a seed once.
#[must_use]
pub fn seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Outcome {
    run_once(seed, Plan::new(seed), maker, trace)
}

/// The same with a bridge that does not keep to the program.
#[must_use]
pub fn bridge_seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Outcome {
    run_once(seed, Plan::with_bridge(seed), maker, trace)
}

/// The same with a home node that does not keep to the program.
#[must_use]
pub fn home_seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Outcome {
    run_once(seed, Plan::with_home(seed), maker, trace)
}

fn run_once(seed: u64, plan: Plan, maker: &dyn Maker, trace: Trace) -> Outcome {
    let rogues = Rogues::new(maker, seed, plan.rogues.clone(), Manner::default());
    let mut run = Run {
        world: World::new(seed, &rogues, trace),
        plan,
        draw: Draw::new(seed, "hostile run"),
        community: CommunityId::ZERO,
        said: Vec::new(),
        removed_at: None,
    };
    if let Err(text) = run.all() {
        run.world.violation("setup", None, text);
    }
    let outcome = run.world.outcome();
    Outcome {
        acts: rogues.ledger().acts.clone(),
        ..outcome
    }
}

/// A message of an honest person.
struct Said {
    act: usize,
    text: String,
    /// No rogue may open it: its author had applied the removal of all of them, or they never saw where it was said.
    closed: bool,
}

struct Run<'a> {
    world: World<'a>,
    plan: Plan,
    draw: Draw,
    community: CommunityId,
    said: Vec<Said>,
    removed_at: Option<u64>,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), String> {
        self.set_up()?;
        if self.plan.post == Post::Bridge {
            self.bridge_orders();
        }
        self.world.net.weather = self.plan.weather;
        let removal = self.draw.below(self.plan.messages);
        for number in 0..self.plan.messages {
            if !self.world.violations.is_empty() {
                return Ok(());
            }
            if number == removal && self.plan.removal {
                self.remove_rogues();
            }
            if self.plan.post == Post::Home && number % EPOCH_EVERY == EPOCH_EVERY / 2 {
                self.begin_epoch();
            }
            self.say(number);
            let pause = self.draw.between(300, 2_500);
            self.world.run_for(pause);
        }
        self.world.run_for(20_000);
        if self.removed_at.is_some() {
            self.say_after_removal();
        }
        self.world.net.weather = Weather::CALM;
        for seat in self.rogue_seats() {
            self.world.crash(seat);
        }
        self.world.net.introduce_all();
        self.settle();
        Ok(())
    }

    fn honest_seats(&self) -> std::ops::Range<usize> {
        0..self.plan.honest
    }

    fn rogue_seats(&self) -> std::ops::Range<usize> {
        self.plan.honest..self.plan.honest + self.plan.rogues.len()
    }

    fn channel(&self) -> ChannelRef {
        ChannelRef(format!("{}/general", self.community))
    }

    fn set_up(&mut self) -> Result<(), String> {
        for seat in self.honest_seats() {
            self.world.add_node(&format!("n{seat}"), 0)?;
        }
        for (number, seat) in self.rogue_seats().enumerate() {
            let name = if self.plan.post == Post::Home {
                HOME_NAME.to_owned()
            } else {
                format!("{ROGUE}{number}")
            };
            self.world.add_node(&name, 0)?;
            self.world.distrust(seat);
        }
        let names = ("first".to_owned(), "general".to_owned());
        let (community, link) = self.world.make_community(names.0, names.1)?;
        self.community = community;
        let members = if self.plan.post == Post::Home {
            self.plan.honest
        } else {
            self.world.seats()
        };
        for seat in 1..members {
            let joined = self
                .world
                .must(seat, None, Command::Join { link: link.clone() });
            // What one rogue does to another's joining is their affair.
            if seat < self.plan.honest {
                joined?;
            }
        }
        // A way that somebody withholds for good: the two hear each other through others alone.
        match self.plan.post {
            Post::Members => {}
            Post::Home => self.pair_home()?,
            Post::Bridge => self.let_bridge_in()?,
        }
        self.world.net.wall(0, self.plan.honest - 1);
        self.world.run_for(5_000);
        Ok(())
    }

    fn say(&mut self, number: u64) {
        let seat = self.draw.index(self.plan.honest);
        let text = format!("{CANARY} {number}");
        let after_removal = self.removed_at.is_some() && self.knows_removal(seat);
        let private = self.plan.post == Post::Bridge && self.draw.chance(300);
        let command = Command::Send {
            channel: match private {
                true => self.private_channel(),
                false => self.channel(),
            },
            text: text.clone(),
            embeds: Vec::new(),
        };
        let act = self.world.order(seat, Some(self.community), command);
        self.said.push(Said {
            act,
            text,
            closed: after_removal || private,
        });
        // Rogues talk too: what they do to their own frames is done to something.
        if self.plan.post != Post::Home && self.draw.chance(300) {
            let rogues: Vec<_> = self.rogue_seats().collect();
            if let Some(rogue) = self.draw.pick(&rogues).copied() {
                let command = Command::Send {
                    channel: self.channel(),
                    text: format!("{CANARY} of a rogue {number}"),
                    embeds: Vec::new(),
                };
                self.world.order(rogue, Some(self.community), command);
            }
        }
    }

    fn remove_rogues(&mut self) {
        for seat in self.rogue_seats() {
            // Whoever is only kicked may join again by the invite, and is given the history then.
            let command = Command::Ban {
                community: CommunityRef(self.community.to_string()),
                account: AccountRef(self.world.account(seat).to_string()),
                reason: None,
            };
            let act = self.world.order(0, Some(self.community), command);
            self.world
                .run_until(CALM_WAIT_MS, |world| world.acts()[act].done.is_some());
        }
        self.removed_at = Some(self.world.now());
    }

    fn knows_removal(&mut self, seat: usize) -> bool {
        let rogues: BTreeSet<_> = self
            .rogue_seats()
            .map(|seat| self.world.account(seat))
            .collect();
        let community = self.community;
        let shown = self.world.snapshot(seat);
        shown
            .and_then(|shown| shown.communities.get(&community).cloned())
            .is_some_and(|shown| {
                let members = shown.members.iter();
                !members
                    .clone()
                    .any(|member| rogues.contains(&member.account))
            })
    }

    /// Everybody who knows says something more.
    fn say_after_removal(&mut self) {
        for seat in self.honest_seats() {
            if self.knows_removal(seat) {
                let text = format!("{CANARY} afterwards {seat}");
                let command = Command::Send {
                    channel: self.channel(),
                    text: text.clone(),
                    embeds: Vec::new(),
                };
                let act = self.world.order(seat, Some(self.community), command);
                self.said.push(Said {
                    act,
                    text,
                    closed: true,
                });
            }
        }
        self.world.run_for(10_000);
    }

    /// The honest show the same, and what they wrote.
    fn settle(&mut self) {
        let end = self.world.now() + SETTLE_MS_MAX;
        loop {
            self.world.run_for(SETTLE_STEP_MS);
            if !self.world.violations.is_empty() {
                return;
            }
            let seats = self.honest_seats();
            let replicas = check::read_all(&mut self.world, seats, &BTreeSet::new());
            if !self.world.violations.is_empty() {
                return;
            }
            let wrong = check::convergence(&self.world, &replicas)
                .map(|text| ("convergence", text))
                .or_else(|| self.unwritten(&replicas));
            match wrong {
                None => {
                    if self.plan.post == Post::Home {
                        self.home_rules_nobody(&replicas);
                    }
                    return self.secrecy();
                }
                Some((checker, text)) if self.world.now() >= end => {
                    return self.world.violation(checker, None, text);
                }
                Some(_) => {}
            }
        }
    }

    /// Everything that the honest wrote is shown once, and nothing else under their names; where the rogue is a home
    /// node, which speaks for nobody, nothing else at all.
    fn unwritten(&self, replicas: &check::Replicas) -> Option<(&'static str, String)> {
        let honest: BTreeSet<_> = self
            .honest_seats()
            .map(|seat| self.world.account(seat))
            .collect();
        let mut expected: Vec<(AccountId, &str)> = Vec::new();
        for said in &self.said {
            let act = &self.world.acts()[said.act];
            match &act.done {
                Some((_, Ok(_))) => {
                    expected.push((self.world.account(act.seat), said.text.as_str()));
                }
                Some((_, Err(error))) => {
                    return Some(("liveness", format!("`{}` is refused: {error}", said.text)));
                }
                None => return Some(("liveness", format!("`{}` does not end", said.text))),
            }
        }
        expected.sort_unstable();
        for (seat, replica) in replicas {
            let view = replica.communities.get(&self.community)?;
            let mut shown: Vec<(AccountId, &str)> = view
                .messages
                .values()
                .flatten()
                .filter(|message| self.plan.post == Post::Home || honest.contains(&message.author))
                .map(|message| (message.author, message.text.as_str()))
                .collect();
            shown.sort_unstable();
            if shown != expected {
                let name = self.world.name(*seat);
                let (held, wanted) = (shown.len(), expected.len());
                let odd = shown.iter().find(|one| !expected.contains(one));
                let text = format!("{name} shows {held} of {wanted} messages, odd: {odd:?}");
                return Some(("integrity", text));
            }
        }
        None
    }

    /// What rogues may not read opens with nothing that they hold.
    fn secrecy(&mut self) {
        if self.plan.post == Post::Home {
            return self.home_reads_nothing();
        }
        let closed: BTreeSet<EventId> = self
            .said
            .iter()
            .filter(|said| said.closed)
            .filter_map(|said| match &self.world.acts()[said.act].done {
                Some((_, Ok(Reply::Message { message, .. }))) => Some(*message),
                _ => None,
            })
            .collect();
        let events = held::events(self.world.records(0));
        let closed = events.iter().filter(|event| closed.contains(&event.id()));
        let used: BTreeMap<EpochId, EventId> = closed
            .map(|event| (event.header().epoch, event.id()))
            .collect();
        for seat in self.rogue_seats() {
            let keys = held::epochs(self.world.records(seat));
            if let Some((_, message)) = used.iter().find(|(epoch, _)| keys.contains_key(epoch)) {
                let text = format!("{} is not for it and opens", message.short());
                self.world.violation("confidentiality", Some(seat), text);
                return;
            }
        }
        if self.plan.post == Post::Bridge {
            self.bridge_rules_nobody();
        }
    }
}

/// Runs a seed twice and compares the traces.
#[must_use]
pub fn seed_twice(seed: u64, maker: &dyn Maker) -> Outcome {
    Outcome::twice(seed, || seed_once(seed, maker, Trace::default()))
}

/// The same with a home node that does not keep to the program.
#[must_use]
pub fn home_seed_twice(seed: u64, maker: &dyn Maker) -> Outcome {
    Outcome::twice(seed, || home_seed_once(seed, maker, Trace::default()))
}
