//! The end of a soak: everybody who is left reads everything.

use std::collections::BTreeMap;

use alloquy_api::Reply;

use super::{CALM_MS, Soak};
use crate::net::Weather;

/// How often it is looked whether everything is equal.
const LOOK_MS: u64 = 20_000;
/// More than any room has.
const LAST: u32 = 1_000_000;

/// What was wrong with what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages that are listed and can not be read.
    pub undecryptable: u64,
    /// Messages that were accepted from a device that was in, and are not listed.
    pub lost: u64,
    /// Messages that are listed again.
    pub doubled: u64,
    /// Messages of revoked devices that count.
    pub void: u64,
}

impl Found {
    pub(super) const fn add(&mut self, other: Self) {
        self.undecryptable += other.undecryptable;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.void += other.void;
    }

    /// Whether nothing was.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Soak<'_> {
    /// Waits until everything is where it should be, at most [`CALM_MS`], and says what is not.
    pub(super) fn judge(&mut self) -> Result<(), String> {
        self.world.net.weather = Weather::CALM;
        self.wake();
        let end = self.world.now() + CALM_MS;
        loop {
            self.world.run_for(LOOK_MS);
            let (found, read, first) = self.read_all()?;
            if found.is_nothing() || self.world.now() >= end {
                self.out.found = found;
                self.out.read = read;
                self.out.readers = self.seats().len() as u64;
                return first.map_or(Ok(()), Err);
            }
        }
    }

    fn read_all(&mut self) -> Result<(Found, u64, Option<String>), String> {
        let (mut found, mut read, mut first) = (Found::default(), 0, None);
        for room in 0..self.rooms.len() {
            for person in self.rooms[room].people.clone() {
                for seat in self.people[person].clone() {
                    let (one, count, fault) = self.read(seat, room)?;
                    found.add(one);
                    read += count;
                    first = first.or(fault);
                }
            }
        }
        Ok((found, read, first))
    }

    /// What one node reads of one room, and the first thing that is wrong with it.
    fn read(&mut self, seat: usize, room: usize) -> Result<(Found, u64, Option<String>), String> {
        let channel = self.rooms[room].channel.clone();
        let line = format!("history {channel} --last {LAST}");
        let Reply::History { messages, .. } = self.ask(seat, &line)? else {
            return Err("history: a reply of another shape".to_owned());
        };
        let mut found = Found::default();
        let mut first = None;
        let name = self.world.name(seat).to_owned();
        let mut note = |what: &str, text: &str| {
            let text = format!("{what} at {name}, seat {seat}, room {room}: {text:?}");
            first.get_or_insert(text);
        };
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        for message in &messages {
            if message.waiting || message.hidden.is_some() {
                found.undecryptable += 1;
                note("undecryptable", &message.id.to_string());
            } else {
                *times.entry(&message.text).or_default() += 1;
            }
        }
        for written in self.written.iter().filter(|one| one.room == room) {
            let count = times.get(&*written.text).copied().unwrap_or_default();
            match (written.void, count) {
                (false, 0) => {
                    found.lost += 1;
                    note("lost", &written.text);
                }
                (false, 1) | (true, 0) => {}
                (false, more) => {
                    found.doubled += more - 1;
                    note("doubled", &written.text);
                }
                (true, _) => {
                    found.void += 1;
                    note("void", &written.text);
                }
            }
        }
        Ok((found, messages.len() as u64, first))
    }
}
