//! Letters at a home node: first words to somebody who is away, from somebody who is not known there.
//!
//! A home node takes a letter for the accounts that have paired with it, from a device of its writer, with work done
//! for that addressee and day. It keeps one of each writer, few for each addressee, for a month, and gives them to the
//! addressee's devices until each has said that it has them. It reads none and can write none.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{AccountId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::identity::IdentityLog;
use rand_core::CryptoRng;

use crate::direct::certifies;
use crate::direct::requests::{is_work, is_worked_today};
use crate::io::{Now, Write};
use crate::limits::{
    CLOCK_STEADY_MS, CONTACT_DEVICES_MAX, LETTER_BYTES_MAX, LETTER_KEPT_MS, LETTER_WRITERS_MAX,
    LETTERS_DAILY_MAX, LETTERS_EACH_MAX, LETTERS_LEFT_MAX, LETTERS_LOOK_EVERY_MS,
};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::Frame;
use crate::wire::letter::{Letter, LetterAnswer, LetterFate};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A letter that waits at a home node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LetterRecord {
    /// This node's wall clock at arrival.
    arrived: UnixMs,
    pub(crate) letter: Letter,
    /// Devices of the addressee that have it.
    taken: BTreeSet<NetworkKey>,
}

impl Canonical for LetterRecord {
    fn write(&self, w: &mut Writer) {
        self.arrived.write(w);
        self.letter.write(w);
        w.varint(self.taken.len() as u64);
        for key in &self.taken {
            key.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (arrived, letter) = (UnixMs::read(r)?, Letter::read(r)?);
        let taken: Vec<NetworkKey> = r.list(CONTACT_DEVICES_MAX, "devices of an addressee")?;
        if !taken.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::NotCanonical { what: "devices" });
        }
        Ok(Self {
            arrived,
            letter,
            taken: taken.into_iter().collect(),
        })
    }
}

impl<R: CryptoRng> Node<R> {
    /// Somebody leaves a letter for one of those whom this home node serves. What costs nothing is checked first.
    pub(crate) fn letter_left(&mut self, peer: NetworkKey, letter: Letter) {
        let left = self.home.left.entry(peer).or_default();
        *left += 1;
        if *left > LETTERS_LEFT_MAX {
            return tracing::debug!("a peer leaves more letters than are taken of one");
        }
        let Some(first) = letter.chain.first() else {
            return self.outbox.penalize(peer, "a letter of nobody");
        };
        let (from, to) = (AccountId::from(first.header.id()), letter.to);
        if !is_work(to, from, letter.work) || letter.to_bytes().len() > LETTER_BYTES_MAX {
            return self.outbox.penalize(
                peer,
                "a letter with less work than is asked for, or too long",
            );
        }
        // A day that is not today's may be a clock that is wrong: whoever set it is told nothing false.
        if !is_worked_today(letter.work, self.now.wall) {
            return;
        }
        if !self.serves(to) {
            let fate = LetterFate::NotHere;
            let answer = LetterAnswer { from, to, fate };
            return self.outbox.send(peer, &Frame::LetterAnswer(answer));
        }
        if self.home.writers.has_enough(from, self.now.wall) {
            return tracing::debug!(
                "an account leaves more letters than are taken of one in a day"
            );
        }
        let shown = match IdentityLog::verify_by(&letter.chain, &*self.me.signatures) {
            Ok(shown) => shown,
            Err(error) => return self.outbox.penalize(peer, format!("a letter: {error}")),
        };
        if !certifies(shown.identity(), peer) || !letter.is_by(shown.identity()) {
            return self
                .outbox
                .penalize(peer, "a letter that is not its sender's");
        }
        // The chain shown may be older than what is known: its device may have been revoked since.
        if !self.acts_as_known(&shown, letter.prekey.device) {
            return tracing::debug!("a letter by a device that does not act any more");
        }
        self.home.writers.count(from, self.now.wall);
        let fate = self.keep_letter(&shown, letter);
        let answer = LetterAnswer { from, to, fate };
        self.outbox.send(peer, &Frame::LetterAnswer(answer));
    }

    fn keep_letter(&mut self, shown: &IdentityLog, letter: Letter) -> LetterFate {
        let (from, to) = (shown.account(), letter.to);
        let held = self.home.letters.get(&(to, from));
        // One letter for each work: the same sealed anew must not go to all devices again. One of a device that was
        // revoked since gives way.
        let stands = held.is_some_and(|held| {
            let again = letter.work.0 <= held.letter.work.0;
            again && self.acts_as_known(shown, held.letter.prekey.device)
        });
        if stands {
            return LetterFate::Kept;
        }
        if held.is_none() && !self.makes_room(to) {
            return LetterFate::Full;
        }
        let frame = Frame::Letter(Box::new(letter.clone()));
        let record = LetterRecord {
            arrived: self.now.wall,
            letter,
            taken: BTreeSet::new(),
        };
        let write = put(&Key::Letter(to, from), &record);
        self.home.letters.insert((to, from), record);
        self.outbox.store(vec![write], After::Nothing);
        self.look_at_letters();
        for key in self.peers.keys().copied().collect::<Vec<_>>() {
            if self.served_account(key) == Some(to) {
                self.outbox.send(key, &frame);
            }
        }
        LetterFate::Kept
    }

    /// Whether there is a place for one more letter to an account. The oldest one that any device has taken makes
    /// room: a device that lies in a drawer takes none, and must not shut out everybody.
    fn makes_room(&mut self, to: AccountId) -> bool {
        let letters = self.home.letters.iter();
        let of: Vec<_> = letters.filter(|((other, _), _)| *other == to).collect();
        if of.len() < LETTERS_EACH_MAX {
            return true;
        }
        let taken = of.iter().filter(|(_, record)| !record.taken.is_empty());
        let oldest = taken.min_by_key(|(at, record)| (record.arrived, **at));
        let Some(at) = oldest.map(|(at, _)| **at) else {
            return false;
        };
        self.home.letters.remove(&at);
        let gone = Write::Delete(Key::Letter(at.0, at.1).to_key());
        self.outbox.store(vec![gone], After::Nothing);
        true
    }

    /// Whether an account has paired with this home node.
    fn serves(&self, account: AccountId) -> bool {
        let chains = self.home.role.iter().flat_map(|role| &role.chains);
        let mut accounts = chains.filter_map(|chain| chain.first());
        accounts.any(|first| AccountId::from(first.header.id()) == account)
    }

    /// Gives a device of an addressee the letters that it has not got.
    pub(crate) fn hand_letters(&mut self, to: NetworkKey) {
        let Some(account) = self.served_account(to) else {
            return;
        };
        let letters = self.home.letters.iter();
        let letters =
            letters.filter(|((of, _), record)| *of == account && !record.taken.contains(&to));
        let frames: Vec<_> = letters
            .map(|(_, record)| Frame::Letter(Box::new(record.letter.clone())))
            .collect();
        for frame in frames {
            self.outbox.send(to, &frame);
        }
    }

    /// A device of an addressee has a letter: when all have it, it goes.
    pub(crate) fn letter_taken(&mut self, by: NetworkKey, answer: LetterAnswer) {
        let at = (answer.to, answer.from);
        if answer.fate != LetterFate::Taken || self.served_account(by) != Some(answer.to) {
            return;
        }
        let devices = self.devices_served(answer.to);
        let Some(record) = self.home.letters.get_mut(&at) else {
            return;
        };
        record.taken.insert(by);
        // Where no device is known, the one that has it may not be all.
        let all = !devices.is_empty() && devices.iter().all(|key| record.taken.contains(key));
        let key = Key::Letter(at.0, at.1);
        let write = if all || record.taken.len() >= CONTACT_DEVICES_MAX {
            self.home.letters.remove(&at);
            Write::Delete(key.to_key())
        } else {
            put(&key, record)
        };
        self.outbox.store(vec![write], After::Nothing);
    }

    /// Network keys of an account's devices, as its conversation with itself says, which is kept here.
    fn devices_served(&self, account: AccountId) -> BTreeSet<NetworkKey> {
        let own = self.communities.get(&direct::id(account, account));
        let state = own.map(crate::community::Community::state);
        let member = state.as_ref().and_then(|state| state.members.get(&account));
        let keys = member.into_iter().flat_map(|member| member.acting());
        keys.flat_map(|(_, keys)| keys.iter().copied()).collect()
    }

    /// Letters that nobody has taken for a month go. A clock that has just leapt, or has not been seen to go steadily
    /// for a day, takes none away.
    pub(crate) fn look_at_letters(&mut self) {
        let is_steady = self.home.clock.look(self.now);
        let wall = self.now.wall.0;
        let old = |record: &LetterRecord| {
            is_steady && wall >= record.arrived.0.saturating_add(LETTER_KEPT_MS)
        };
        let letters = self.home.letters.iter();
        let gone: Vec<_> = letters
            .filter(|(_, record)| old(record))
            .map(|(at, _)| *at)
            .collect();
        let mut writes = Vec::new();
        for at in gone {
            self.home.letters.remove(&at);
            writes.push(Write::Delete(Key::Letter(at.0, at.1).to_key()));
        }
        if !writes.is_empty() {
            self.outbox.store(writes, After::Nothing);
        }
        if !self.home.letters.is_empty() {
            let at = self.now.mono.plus(LETTERS_LOOK_EVERY_MS);
            self.timers.set_earlier(Timer::Letters, at);
        }
    }
}

/// Letters that each account has left on one day: connections are free, accounts with work are not.
#[derive(Debug, Default)]
pub(crate) struct Writers {
    day: u64,
    left: BTreeMap<AccountId, u32>,
}

impl Writers {
    fn begin(&mut self, wall: UnixMs) {
        let day = wall.0 / DAY_MS;
        if day != self.day {
            self.day = day;
            self.left.clear();
        }
    }

    fn has_enough(&mut self, from: AccountId, wall: UnixMs) -> bool {
        self.begin(wall);
        match self.left.get(&from) {
            Some(left) => *left >= LETTERS_DAILY_MAX,
            None => self.left.len() >= LETTER_WRITERS_MAX,
        }
    }

    fn count(&mut self, from: AccountId, wall: UnixMs) {
        self.begin(wall);
        *self.left.entry(from).or_default() += 1;
    }
}

/// Whether the wall clock can be trusted with what is deleted by it.
#[derive(Debug, Default)]
pub(crate) struct SteadyClock {
    /// The last look, and since when every look has found the wall clock to go as time does.
    seen: Option<(Now, MonoMs)>,
}

impl SteadyClock {
    /// Looks at the clock: whether it has gone steadily for a day.
    fn look(&mut self, now: Now) -> bool {
        let goes_on = |last: &Now| {
            let passed = now.mono.0.saturating_sub(last.mono.0);
            let due = last.wall.0.saturating_add(passed);
            now.wall.0.abs_diff(due) <= CLOCK_STEADY_MS
        };
        let since = match &self.seen {
            Some((last, since)) if goes_on(last) => *since,
            _ => now.mono,
        };
        self.seen = Some((now, since));
        now.mono >= since.plus(CLOCK_STEADY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = DAY_MS / 24;

    #[test]
    fn a_clock_that_leaps_is_not_believed_for_a_day() {
        let mut clock = SteadyClock::default();
        let at = |mono: u64, wall: u64| Now {
            mono: MonoMs(mono),
            wall: UnixMs(wall),
        };
        assert!(!clock.look(at(0, DAY_MS)), "nothing is known of it");
        assert!(!clock.look(at(23 * HOUR, DAY_MS + 23 * HOUR)));
        assert!(clock.look(at(24 * HOUR, DAY_MS + 24 * HOUR)));
        let years = 3_650 * DAY_MS;
        assert!(!clock.look(at(25 * HOUR, years)), "ahead");
        assert!(!clock.look(at(26 * HOUR, DAY_MS + 26 * HOUR)), "and back");
        assert!(!clock.look(at(49 * HOUR, DAY_MS + 49 * HOUR)));
        assert!(clock.look(at(50 * HOUR, DAY_MS + 50 * HOUR)));
    }
}
