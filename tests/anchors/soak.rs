//! A soak of real processes over real sockets: three devices of one account come and go beside two other members and
//! a home node, while all write, each over one kept connection to its node. At the end every device and member that is
//! left reads every conversation that it is in: nothing is undecryptable, lost or there twice. That is gated; the time
//! is reported. Its model is `alloquy-sim soak`, which plays more of it on a worse network.

mod churn;
mod judge;
mod seat;
mod setup;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use alloquy_tests::Lines;
use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::report::{Line, Rival};
use judge::Found;
use seat::Seat;

/// Devices of the one account.
const DEVICES: usize = 3;
/// Everything is everywhere within this time, with other builds on the machine.
const REACH: Duration = Duration::from_secs(300);
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(500);
/// Nodes that are away for a third of a part: two members, the home node, and one device.
const AWAY_KINDS: usize = 4;

/// How much happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Messages written in all, besides those of the changes.
    pub(crate) messages: usize,
    /// Changes of the account's devices; seven have each kind once.
    pub(crate) changes: usize,
}

/// What `./bench soak` runs.
pub(crate) const REAL: Size = Size {
    messages: 10_000,
    changes: 14,
};

/// A conversation.
#[derive(Debug)]
struct Room {
    /// Its channel's id.
    channel: String,
    /// Whether each of the persons is in it.
    people: [bool; 3],
}

/// A message that was accepted.
#[derive(Debug)]
struct Written {
    room: usize,
    text: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    linked: usize,
    revoked: usize,
    restored: usize,
    cloned: usize,
    away: usize,
}

/// A run.
struct Soak {
    /// Everything of the run lies in it and goes with it.
    _folder: TempDir,
    root: PathBuf,
    /// The one account's devices, and the members with one each.
    devices: Vec<Seat>,
    others: Vec<Seat>,
    home: Seat,
    /// A home node whose output nobody reads ends.
    home_says: Lines,
    words: String,
    rooms: Vec<Room>,
    written: Vec<Written>,
    /// Whose turn it is.
    turn: usize,
    /// Devices that were made.
    made: usize,
    done: Done,
}

/// Writes so many messages in all while devices come and go.
pub(crate) fn soak(size: Size) -> anyhow::Result<Vec<Line>> {
    let began = Instant::now();
    let mut soak = Soak::set_up()?;
    let parts = size.changes + 1;
    for part in 0..parts {
        // The parts differ by one message at most.
        let from = size.messages * part / parts;
        let count = size.messages * (part + 1) / parts - from;
        soak.write(count / 3)?;
        soak.with_one_away(part, count / 3)?;
        soak.write(count - 2 * (count / 3))?;
        if part < size.changes {
            soak.reach()?;
            soak.change(part)?;
        }
    }
    let (found, read) = soak.judge()?;
    Ok(soak.lines(found, read, began.elapsed()))
}

impl Soak {
    /// Everybody who is left, with the person whose device it is.
    fn seats(&mut self) -> impl Iterator<Item = (usize, &mut Seat)> {
        let others = self.others.iter_mut().enumerate();
        let others = others.map(|(number, seat)| (number + 1, seat));
        self.devices.iter_mut().map(|seat| (0, seat)).chain(others)
    }

    /// All who are there write in turn, in all rooms, as fast as they are answered.
    fn write(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let up = self.seats().filter(|(_, seat)| seat.is_up());
            let people: Vec<_> = up.map(|(person, _)| person).collect();
            ensure!(!people.is_empty(), "nobody is there to write");
            let (number, round) = (self.turn % people.len(), self.turn / people.len());
            self.turn += 1;
            let rooms = self.rooms.iter().enumerate();
            let rooms = rooms.filter(|(_, room)| room.people[people[number]]);
            let rooms: Vec<_> = rooms.map(|(room, _)| room).collect();
            let room = rooms[round % rooms.len()];
            let text = self.text(room);
            let channel = self.rooms[room].channel.clone();
            let mut up = self.seats().filter(|(_, seat)| seat.is_up());
            let seat = up.nth(number).map(|(_, seat)| seat);
            seat.context("it was counted")?.send(&channel, &text)?;
            drop(up);
            self.written.push(Written { room, text });
        }
        Ok(())
    }

    /// One number for all, so that no two texts are alike and a lost one is missed.
    fn text(&self, room: usize) -> String {
        format!("message {} in {room}", self.written.len())
    }

    /// One device writes in every room that the account is in.
    fn write_at(&mut self, device: usize) -> anyhow::Result<()> {
        for room in 0..self.rooms.len() {
            if self.rooms[room].people[0] {
                let text = self.text(room);
                let channel = self.rooms[room].channel.clone();
                self.devices[device].send(&channel, &text)?;
                self.written.push(Written { room, text });
            }
        }
        Ok(())
    }

    /// Somebody is not there while the others write: ended well or killed, in turn.
    fn with_one_away(&mut self, part: usize, count: usize) -> anyhow::Result<()> {
        let kill = part.is_multiple_of(2);
        let away = part % AWAY_KINDS;
        let seat = match away {
            0 | 1 => &mut self.others[away],
            2 => &mut self.home,
            _ => &mut self.devices[part % DEVICES],
        };
        if kill {
            seat.kill()
        } else {
            seat.stop()
        }
        let written = self.write(count);
        self.done.away += 1;
        match away {
            0 | 1 => self.others[away].start(),
            2 => self.home_says = self.home.launch()?,
            _ => self.devices[part % DEVICES].start(),
        }
        written
    }

    fn lines(&self, found: Found, read: usize, time: Duration) -> Vec<Line> {
        let n = self.written.len();
        let counts = [
            ("soak_undecryptable", found.undecryptable, "messages"),
            ("soak_lost", found.lost, "messages"),
            ("soak_doubled", found.doubled, "messages"),
            ("soak_read", read, "messages"),
            (
                "soak_readers",
                self.devices.len() + self.others.len(),
                "nodes",
            ),
            ("soak_linked", self.done.linked, "devices"),
            ("soak_revoked", self.done.revoked, "devices"),
            ("soak_restored", self.done.restored, "devices"),
            ("soak_cloned", self.done.cloned, "devices"),
            ("soak_away", self.done.away, "nodes"),
        ];
        let line = |name, value, unit| Line {
            name,
            value,
            unit,
            n,
            rival: Rival::NONE,
        };
        counts
            .into_iter()
            .map(|(name, value, unit)| line(name, value as f64, unit))
            .chain([line("soak_time", time.as_secs_f64(), "s")])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn devices_that_come_and_go_over_sockets_lose_nothing_and_read_everything_once() {
        let lines = soak(Size {
            messages: 160,
            changes: 7,
        })
        .unwrap();
        for name in ["soak_undecryptable", "soak_lost", "soak_doubled"] {
            assert!(value(&lines, name) < 1.0, "{lines:#?}");
        }
        assert!(value(&lines, "soak_readers") > 4.0, "{lines:#?}");
    }
}
