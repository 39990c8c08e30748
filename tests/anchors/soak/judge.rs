//! What everybody reads.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::bail;

use super::{LOOK, REACH, Soak, Written};
use alloquy_api::reply::MessageView;

/// What is wrong with what is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Messages that are listed and can not be read.
    pub(super) undecryptable: usize,
    /// Messages that were accepted and are not listed.
    pub(super) lost: usize,
    /// Messages that are listed again.
    pub(super) doubled: usize,
}

impl Soak {
    /// Waits until everybody reads everything once.
    pub(super) fn reach(&mut self) -> anyhow::Result<()> {
        let (found, _, first) = self.settled()?;
        match first {
            None => Ok(()),
            Some(first) => bail!(
                "not everywhere after {} messages and {:?}: {found:?}, {first}",
                self.written.len(),
                self.done
            ),
        }
    }

    /// What is wrong with all that everybody reads at the end, and how much that is.
    pub(super) fn judge(&mut self) -> anyhow::Result<(Found, usize)> {
        let (found, read, _) = self.settled()?;
        Ok((found, read))
    }

    fn settled(&mut self) -> anyhow::Result<(Found, usize, Option<String>)> {
        let end = Instant::now() + REACH;
        loop {
            let seen = self.read_all()?;
            if seen.0 == Found::default() || Instant::now() > end {
                return Ok(seen);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn read_all(&mut self) -> anyhow::Result<(Found, usize, Option<String>)> {
        let (mut found, mut read, mut first) = (Found::default(), 0, None);
        let written = std::mem::take(&mut self.written);
        let rooms = std::mem::take(&mut self.rooms);
        for (person, seat) in self.seats() {
            for (number, room) in rooms.iter().enumerate() {
                if room.people[person] {
                    let messages = seat.history(&room.channel)?;
                    let expected = written.iter().filter(|one| one.room == number);
                    let fault = found.compare(&messages, expected);
                    let name = seat.name();
                    first = first.or(fault.map(|fault| format!("{name}, room {number}: {fault}")));
                    read += messages.len();
                }
            }
        }
        (self.written, self.rooms) = (written, rooms);
        Ok((found, read, first))
    }
}

impl Found {
    /// Adds what is wrong with one room at one node; the first of it in words.
    fn compare<'a>(
        &mut self,
        messages: &[MessageView],
        expected: impl Iterator<Item = &'a Written>,
    ) -> Option<String> {
        let mut first = None;
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for message in messages {
            if message.waiting || message.hidden.is_some() {
                self.undecryptable += 1;
                first.get_or_insert_with(|| format!("undecryptable: {}", message.id));
            } else {
                *times.entry(&message.text).or_default() += 1;
            }
        }
        for written in expected {
            let count = times.get(&*written.text).copied().unwrap_or_default();
            if count == 0 {
                self.lost += 1;
                first.get_or_insert_with(|| format!("lost: {:?}", written.text));
            } else if count > 1 {
                self.doubled += count - 1;
                first.get_or_insert_with(|| format!("doubled: {:?}", written.text));
            }
        }
        first
    }
}
