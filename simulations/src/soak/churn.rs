//! Devices that come and go.

use alloquy_api::Reply;
use alloquy_core::{Newcomer, OtherDevices};

use super::Soak;
use super::setup::DEVICES;
use crate::net::Weather;

/// A newcomer has its account within this time: somebody shows it, or nobody does.
const SETTLE_MS: u64 = 60_000;
/// A new device is given everything within this time, in calm weather.
const ARRIVE_MS: u64 = 45_000;
/// What was written has come to everybody within this time, in calm weather.
const REACH_MS: u64 = 40_000;
/// Messages of each copy of a device.
const COPY_WRITES: u64 = 5;

/// How a device that is revoked hears of it.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// At once.
    Told,
    /// Never: it is lost.
    Lost,
    /// Later: it is away, and writes what counts nowhere.
    Away,
}

impl Soak<'_> {
    /// One change of the account's devices; `number` says which kind.
    pub(super) fn churn(&mut self, number: u64) -> Result<(), String> {
        self.calm();
        match number % 7 {
            0 => self.replace(Ends::Told)?,
            1 => self.restore(OtherDevices::Keep)?,
            2 => self.put_back()?,
            3 => self.replace(Ends::Away)?,
            4 => self.copy()?,
            _ => match self.draw.chance(500) {
                true => self.restore(OtherDevices::Revoke)?,
                false => self.replace(Ends::Lost)?,
            },
        }
        while self.people[0].len() < DEVICES {
            self.link()?;
        }
        // Nobody writes where it is not yet.
        self.world.run_for(ARRIVE_MS);
        Ok(())
    }

    /// Everybody is there, and has everything.
    pub(super) fn calm(&mut self) {
        self.wake();
        self.world.run_for(REACH_MS);
    }

    /// A further device, linked by one of the others.
    pub(super) fn link(&mut self) -> Result<(), String> {
        let host = self.one_device()?;
        let Reply::Code { link, .. } = self.ask(host, "device link")? else {
            return Err("device link: a reply of another shape".to_owned());
        };
        let name = format!("device-{}", self.world.seats());
        let seat = self
            .world
            .add_newcomer(&name, |now, rng| Newcomer::link(&link, &name, now, rng))?;
        let linked = self.settle(seat);
        linked.map_err(|error| format!("link {name} at seat {host}: {error}"))?;
        self.people[0].push(seat);
        self.out.linked += 1;
        Ok(())
    }

    /// A newcomer gets its account. A pairing begins anew where frames are lost, and so would the person: in calm weather
    /// none are.
    fn settle(&mut self, seat: usize) -> Result<(), String> {
        let weather = std::mem::replace(&mut self.world.net.weather, Weather::CALM);
        let settled = self.world.settle(seat, SETTLE_MS);
        self.world.net.weather = weather;
        settled
    }

    /// One of the account's devices.
    fn one_device(&mut self) -> Result<usize, String> {
        let there: Vec<_> = self.people[0]
            .iter()
            .copied()
            .filter(|seat| self.world.is_up(*seat))
            .collect();
        let one = self.draw.pick(&there).copied();
        one.ok_or_else(|| "no device of the account is there".to_owned())
    }

    /// A new device comes, and an old one is revoked by one of the others.
    fn replace(&mut self, ends: Ends) -> Result<(), String> {
        self.link()?;
        self.world.run_for(ARRIVE_MS);
        let gone = self.draw.index(DEVICES);
        let gone = self.people[0].remove(gone);
        let device = self.device(gone)?;
        if matches!(ends, Ends::Lost) {
            self.world.crash(gone);
        }
        if matches!(ends, Ends::Away) {
            let seats = self.world.seats();
            let cells: Vec<_> = (0..seats).map(|seat| usize::from(seat == gone)).collect();
            self.world.partition(&cells);
            self.world.run_for(15_000);
        }
        let by = self.one_device()?;
        self.ask(by, &format!("device revoke {device}"))?;
        self.out.revoked += 1;
        if matches!(ends, Ends::Away) {
            for _ in 0..COPY_WRITES {
                let room = self.draw.index(self.rooms.len());
                self.write_at(gone, room, true)?;
            }
            self.world.run_for(10_000);
            self.world.heal();
        }
        self.world.run_for(30_000);
        if self.world.is_up(gone) {
            let channel = self.rooms[0].channel.clone();
            if self.ask(gone, &format!("send {channel} void")).is_ok() {
                return Err(format!("the revoked device at seat {gone} still writes"));
            }
            self.world.crash(gone);
        }
        Ok(())
    }

    fn device(&mut self, seat: usize) -> Result<String, String> {
        let Reply::Devices { devices } = self.ask(seat, "devices")? else {
            return Err("devices: a reply of another shape".to_owned());
        };
        let mut own = devices.iter().filter(|view| view.this);
        let own = own.next().map(|view| view.device.to_string());
        own.ok_or_else(|| "devices: none is this one".to_owned())
    }

    /// A device comes back by the words. Those that were either stay, but for one, or all are lost and end.
    fn restore(&mut self, others: OtherDevices) -> Result<(), String> {
        let old = self.people[0].clone();
        if matches!(others, OtherDevices::Revoke) {
            for seat in &old {
                self.world.crash(*seat);
            }
        }
        // What a member does not have, the notes and conversations with others, comes from the home node then.
        let member = self.people[1][0];
        let by_home = self.draw.chance(500);
        let from = if by_home { self.home } else { member };
        let place = self.world.place(from);
        let (words, name) = (self.words.clone(), format!("device-{}", self.world.seats()));
        let seat = self.world.add_newcomer(&name, |now, rng| {
            Newcomer::restore(&words, vec![place], others, now, rng)
        })?;
        let restored = self.settle(seat);
        let by = self.world.name(from).to_owned();
        restored.map_err(|error| format!("restore {name} from {by}: {error}"))?;
        self.out.restored += 1;
        self.world.run_for(ARRIVE_MS);
        if matches!(others, OtherDevices::Revoke) {
            self.out.revoked += old.len() as u64;
            self.people[0] = vec![seat];
        } else {
            let gone = self.draw.index(old.len());
            let gone = self.people[0].remove(gone);
            let device = self.device(gone)?;
            self.people[0].push(seat);
            self.ask(seat, &format!("device revoke {device}"))?;
            self.out.revoked += 1;
            self.world.run_for(30_000);
            self.world.crash(gone);
        }
        Ok(())
    }

    /// New recovery words, which end the old ones.
    pub(super) fn new_words(&mut self) -> Result<(), String> {
        let seat = self.one_device()?;
        let Reply::Recovery { recovery_words } = self.ask(seat, "recovery replace")? else {
            return Err("recovery replace: a reply of another shape".to_owned());
        };
        self.words = recovery_words.join(" ");
        self.world.run_for(30_000);
        Ok(())
    }

    /// A device's disk is lost, and an older copy of it put in its place.
    fn put_back(&mut self) -> Result<(), String> {
        let seat = self.one_device()?;
        self.world.back_up(seat);
        for _ in 0..COPY_WRITES {
            let room = self.draw.index(self.rooms.len());
            self.write_at(seat, room, false)?;
        }
        self.world.run_for(REACH_MS);
        let noticed = self.draw.chance(500);
        if !self.world.put_back(seat, noticed) {
            return Err(format!("the store of seat {seat} can not be put back"));
        }
        self.out.cloned += 1;
        self.world.start(seat)?;
        self.world.run_for(30_000);
        Ok(())
    }

    /// A device is copied to another machine; both copies write, one after the other, and know nothing of each other.
    fn copy(&mut self) -> Result<(), String> {
        let seat = self.one_device()?;
        self.world.shut_down(seat);
        let mut other = self.world.records(seat).clone();
        for _ in 0..4 {
            self.world.start(seat)?;
            for _ in 0..COPY_WRITES {
                let room = self.draw.index(self.rooms.len());
                self.write_at(seat, room, false)?;
            }
            self.world.run_for(REACH_MS);
            self.world.shut_down(seat);
            other = self.world.swap_store(seat, other);
        }
        self.out.cloned += 1;
        self.world.start(seat)?;
        self.world.run_for(30_000);
        Ok(())
    }
}
