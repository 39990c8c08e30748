//! The authority rule, tried out in full: every history of a few operations, judged by the real evaluator.
//!
//! A *world* is a community at one moment and what its people may do next, each thing at most once. A *history*
//! is a set of these operations with what each author had seen when it signed: every causal structure, not only
//! every order. Histories that differ in the order of arrival alone are one; how many orders they stand for is
//! counted. Each is built by [`AuthorityLog`] itself, in two orders, and held against [`laws`].
//!
//! The search goes up in length, so that the first violation is one of the shortest.
//!
//! Deliberately not here: a second evaluator. What a rule gives is stated by the fixed cases of crdt-schema; here
//! stands what must hold whatever it gives.

mod club;
mod laws;
mod worlds;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use alloquy_ids::{AccountId, EventId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::authority::{AuthorityLog, Verdict};
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::permissions::Rank;

pub use club::Club;
pub use worlds::{World, worlds};

/// Operations of one history at most: the sets of a history's operations are bits of a word.
pub const OPERATIONS_MAX: usize = 16;

/// What somebody may do.
#[derive(Clone, Debug)]
pub struct Move {
    /// Who.
    pub who: &'static str,
    /// For a reader: `mod kicks ben`.
    pub label: &'static str,
    /// The operation, given what is in its past: `None` if it would name nothing.
    pub make: fn(&Club, &Past<'_>) -> Option<AuthorityOp>,
    /// The author hides what it did before: its operations need not be in one another's past.
    pub dated_back: bool,
}

/// What an operation has in its past.
#[derive(Debug)]
pub struct Past<'a> {
    log: &'a AuthorityLog,
    heads: &'a [EventId],
    held: Vec<(&'static str, EventId)>,
}

impl Past<'_> {
    /// The operation of this label, if it is there.
    #[must_use]
    pub fn named(&self, label: &str) -> Option<EventId> {
        let mut held = self.held.iter();
        held.find(|(of, _)| *of == label).map(|(_, id)| *id)
    }

    /// The operation that made the owner set in force there.
    #[must_use]
    pub fn owners_version(&self) -> EventId {
        let state = self.log.state_at(self.heads).expect("the heads are held");
        state.owners_version
    }
}

/// An operation of a history with what never changes about it.
#[derive(Clone)]
struct Act {
    event: VerifiedEvent,
    label: &'static str,
    author: AccountId,
    /// The author's rank in the state of the operation's past.
    strength: Rank,
    /// Whether it counts when nothing but its past is known.
    alone: bool,
}

/// An operation at its place in a history.
#[derive(Clone)]
struct Step {
    act: Act,
    place: usize,
    /// Which of the steps before it are in its past.
    past: u16,
    /// [`name_of`] it.
    name: u128,
}

/// What a search did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Different histories, all lengths.
    pub histories: u64,
    /// Orders of arrival that they stand for.
    pub orders: u128,
    /// Operations that were judged and counted in the end.
    pub effective: u64,
    /// Operations that fell to something that they had not seen.
    pub fell: u64,
    /// Operations that their own past refused and that counted in the end.
    pub revived: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, more: Self) {
        self.histories += more.histories;
        self.orders += more.orders;
        self.effective += more.effective;
        self.fell += more.fell;
        self.revived += more.revived;
    }
}

/// A history that breaks a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is broken.
    pub law: String,
    /// The history: label, and the places of what the operation had seen.
    pub history: Vec<(&'static str, Vec<usize>)>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.law)?;
        for (at, (label, seen)) in self.history.iter().enumerate() {
            writeln!(f, "  {at}: {label}, having seen {seen:?}")?;
        }
        Ok(())
    }
}

/// Tries every history of up to `operations` operations of a world, whoever acts.
pub fn explore(world: &World, operations: usize) -> Result<Count, Box<Broken>> {
    let mut count = Count::default();
    for length in 1..=operations.min(world.moves.len()).min(OPERATIONS_MAX) {
        count += explore_length(world, length, world.replicas())?;
    }
    Ok(count)
}

/// Tries every history of just `length` operations in which no more than `replicas` people act.
pub fn explore_length(world: &World, length: usize, replicas: usize) -> Result<Count, Box<Broken>> {
    let club = world.club();
    let mut search = Search {
        world,
        club: &club,
        length: length.min(OPERATIONS_MAX),
        replicas,
        seen: HashSet::new(),
        acts: HashMap::new(),
        count: Count::default(),
    };
    search.extend(&mut Vec::new(), club.log())?;
    Ok(search.count)
}

struct Search<'a> {
    world: &'a World,
    club: &'a Club,
    /// Histories of this length are judged; shorter ones were.
    length: usize,
    /// People who act in one history at most.
    replicas: usize,
    /// Histories that were reached, by the sum of their operations' names.
    seen: HashSet<u128>,
    /// Operations by move and past, for those that many histories share.
    acts: HashMap<(usize, u128), Option<Act>>,
    count: Count,
}

impl Search<'_> {
    fn extend(&mut self, steps: &mut Vec<Step>, log: &AuthorityLog) -> Result<(), Box<Broken>> {
        for (place, next) in self.world.moves.iter().enumerate() {
            if steps.iter().any(|step| step.place == place) || !self.reaches(steps, next.who) {
                continue;
            }
            let own = own_before(self.world, steps, next);
            for past in pasts(steps) {
                if past & own != own && !next.dated_back {
                    continue;
                }
                let name = name_of(place, key_of(steps, past));
                let key = key_of(steps, u16::MAX).wrapping_add(name);
                if self.seen.contains(&key) {
                    continue;
                }
                let Some(act) = self.act(steps, place, past, log) else {
                    continue;
                };
                self.seen.insert(key);
                let before = log;
                let mut log = log.clone();
                if let Err(error) = log.insert(act.event.clone()) {
                    let law = format!("an operation of a sound history is refused: {error}");
                    return Err(broken(law, steps));
                }
                steps.push(Step {
                    act,
                    place,
                    past,
                    name,
                });
                let result = if steps.len() == self.length {
                    self.judge(steps, before, &log)
                } else {
                    self.extend(steps, &log)
                };
                result?;
                steps.pop();
            }
        }
        Ok(())
    }

    /// Whether a history of these steps and one by `who` can come to the length with so few people.
    fn reaches(&self, steps: &[Step], who: &'static str) -> bool {
        let of = |step: &Step| self.world.moves[step.place].who;
        let acting: BTreeSet<_> = steps.iter().map(of).chain([who]).collect();
        let mut moves: BTreeMap<_, usize> = BTreeMap::new();
        for next in &self.world.moves {
            *moves.entry(next.who).or_default() += 1;
        }
        let theirs: usize = acting.iter().map(|who| moves[who]).sum();
        moves.retain(|who, _| !acting.contains(who));
        let mut others: Vec<_> = moves.into_values().collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        let more = self.replicas.checked_sub(acting.len());
        more.is_some_and(|more| theirs + others.iter().take(more).sum::<usize>() >= self.length)
    }

    /// The signed operation, from what is known if its past is small.
    fn act(&mut self, steps: &[Step], place: usize, past: u16, log: &AuthorityLog) -> Option<Act> {
        let key = (place, key_of(steps, past));
        if let Some(held) = self.acts.get(&key) {
            return held.clone();
        }
        let made = self.sign(steps, place, past, log);
        // What has everything of the longest histories in its past is in one history only.
        if past.count_ones() as usize + 1 < self.length {
            self.acts.insert(key, made.clone());
        }
        made
    }

    fn sign(&self, steps: &[Step], place: usize, past: u16, log: &AuthorityLog) -> Option<Act> {
        let next = &self.world.moves[place];
        let within: Vec<_> = chosen(steps, past).collect();
        let covered = within.iter().fold(0, |all, step| all | step.past);
        let mut heads: Vec<_> = (0..steps.len())
            .filter(|at| past & !covered & 1 << at != 0)
            .map(|at| steps[at].act.event.id())
            .collect();
        if heads.is_empty() {
            heads = self.club.heads();
        }
        heads.sort_unstable();
        let held = within
            .iter()
            .map(|step| (step.act.label, step.act.event.id()));
        let held = Past {
            log,
            heads: &heads,
            held: held.collect(),
        };
        let op = (next.make)(self.club, &held)?;
        let salt = key_of(steps, past).wrapping_add(place as u128 + 1);
        let event = self.club.sign(next.who, &heads, salt, &op, log);
        let state = log.state_at(&heads).expect("the heads are held");
        let author = self.club.account(next.who);
        let certificate = matches!(op, AuthorityOp::OwnersCertificate { .. });
        let strength = if certificate {
            Rank::CERTIFICATE
        } else {
            state.rank(author)
        };
        // What has everything in its past is judged alone by what is there.
        let mut alone = if within.len() == steps.len() {
            log.clone()
        } else {
            let mut alone = self.club.log().clone();
            for step in &within {
                alone
                    .insert(step.act.event.clone())
                    .expect("it was taken before");
            }
            alone
        };
        alone.insert(event.clone()).ok()?;
        let alone = alone.verdict(event.id()) == Some(Verdict::Effective);
        Some(Act {
            event,
            label: next.label,
            author,
            strength,
            alone,
        })
    }

    fn judge(
        &mut self,
        steps: &[Step],
        before: &AuthorityLog,
        log: &AuthorityLog,
    ) -> Result<(), Box<Broken>> {
        self.count.histories += 1;
        self.count.orders += orders(steps);
        let history = laws::History::new(self.club, steps, before, log);
        self.count.effective += history.effective().count() as u64;
        self.count.fell += history.fell().count() as u64;
        self.count.revived += history.revived().count() as u64;
        history.judge().map_err(|law| broken(law, steps))
    }
}

/// Which steps were by the author of `next`, in the order that they were made.
fn own_before(world: &World, steps: &[Step], next: &Move) -> u16 {
    let own = |(at, step): (usize, &Step)| {
        let same = world.moves[step.place].who == next.who;
        u16::from(same) << at
    };
    steps
        .iter()
        .enumerate()
        .map(own)
        .fold(0, |all, one| all | one)
}

/// Every set of steps that holds the past of each of its members.
fn pasts(steps: &[Step]) -> Vec<u16> {
    let mut found = vec![0_u16];
    for (at, step) in steps.iter().enumerate() {
        let more: Vec<_> = found
            .iter()
            .filter(|set| **set & step.past == step.past)
            .map(|set| set | 1 << at)
            .collect();
        found.extend(more);
    }
    found
}

fn chosen(steps: &[Step], set: u16) -> impl Iterator<Item = &Step> {
    let held = move |(at, _): &(usize, &Step)| set & 1 << at != 0;
    steps.iter().enumerate().filter(held).map(|(_, step)| step)
}

/// The name of a set of operations: the order in which they came does not matter.
fn key_of(steps: &[Step], set: u16) -> u128 {
    let names = chosen(steps, set).map(|step| step.name);
    names.fold(0, u128::wrapping_add)
}

/// The name of an operation: its move, and the name of its past. All of the event follows from these, so that it is
/// known before it is signed whether a history was reached another way.
fn name_of(place: usize, past: u128) -> u128 {
    let hash = blake3::Hasher::new()
        .update(&(place as u128).to_le_bytes())
        .update(&past.to_le_bytes())
        .finalize();
    let bytes = hash.as_bytes().first_chunk().expect("16 of 32 bytes");
    u128::from_le_bytes(*bytes)
}

/// In how many orders the operations of a history can arrive, causes first.
fn orders(steps: &[Step]) -> u128 {
    let mut ways: BTreeMap<u16, u128> = BTreeMap::from([(0, 1)]);
    for _ in steps {
        let mut next: BTreeMap<u16, u128> = BTreeMap::new();
        for (set, count) in ways {
            for (at, step) in steps.iter().enumerate() {
                if set & 1 << at == 0 && set & step.past == step.past {
                    *next.entry(set | 1 << at).or_default() += count;
                }
            }
        }
        ways = next;
    }
    ways.into_values().sum()
}

fn broken(law: String, steps: &[Step]) -> Box<Broken> {
    let seen = |past: u16| (0..steps.len()).filter(|at| past & 1 << at != 0).collect();
    let line = |step: &Step| (step.act.label, seen(step.past));
    Box::new(Broken {
        law,
        history: steps.iter().map(line).collect(),
    })
}
