//! Letters at a home node: first words to somebody who is away, from somebody who is not known there.
//!
//! A home node takes a letter for the accounts that have paired with it, from a device of its writer, with work done
//! for that addressee and day. It keeps one of each writer, few for each addressee, for a month, and gives them to the
//! addressee's devices until each has said that it has them. It reads none and can write none.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, NetworkKey, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::identity;
use rand_core::CryptoRng;

use crate::direct::certifies;
use crate::direct::requests::{is_work, is_worked_today};
use crate::io::Write;
use crate::limits::{
    CONTACT_DEVICES_MAX, LETTER_BYTES_MAX, LETTER_KEPT_MS, LETTERS_EACH_MAX, LETTERS_LEFT_MAX,
    LETTERS_LOOK_EVERY_MS,
};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::Frame;
use crate::wire::letter::{Letter, LetterAnswer, LetterFate};

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
    /// Somebody leaves a letter for one of those whom this home node serves.
    pub(crate) fn letter_left(&mut self, peer: NetworkKey, letter: Letter) {
        let left = self.home.left.entry(peer).or_default();
        *left += 1;
        if *left > LETTERS_LEFT_MAX {
            return tracing::debug!("a peer leaves more letters than are taken of one");
        }
        let identity = match identity::evaluate(&letter.chain) {
            Ok(identity) => identity,
            Err(error) => return self.outbox.penalize(peer, format!("a letter: {error}")),
        };
        let (from, to) = (identity.account, letter.to);
        if !certifies(&identity, peer) || !letter.is_by(&identity) {
            return self
                .outbox
                .penalize(peer, "a letter that is not its sender's");
        }
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
        let fate = self.keep_letter(from, letter);
        let answer = LetterAnswer { from, to, fate };
        self.outbox.send(peer, &Frame::LetterAnswer(answer));
    }

    fn keep_letter(&mut self, from: AccountId, letter: Letter) -> LetterFate {
        let to = letter.to;
        if !self.serves(to) {
            return LetterFate::NotHere;
        }
        let held = self.home.letters.get(&(to, from));
        if held.is_some_and(|held| held.letter == letter) {
            return LetterFate::Kept;
        }
        let waiting = self.home.letters.keys().filter(|(other, _)| *other == to);
        if held.is_none() && waiting.count() >= LETTERS_EACH_MAX {
            return LetterFate::Full;
        }
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
            self.hand_letters(key);
        }
        LetterFate::Kept
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
        let all = devices.iter().all(|key| record.taken.contains(key));
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

    /// Letters that nobody has taken for a month go.
    pub(crate) fn look_at_letters(&mut self) {
        let wall = self.now.wall.0;
        let old = |record: &LetterRecord| wall >= record.arrived.0.saturating_add(LETTER_KEPT_MS);
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
