//! Devices that come later, and copies of stores.

use alloquy_api::CommandError;
use alloquy_core::{Input, Newcomer, Now};
use alloquy_ids::{AccountId, MonoMs, NetworkKey};
use alloquy_schema::keys::DeviceKey;
use rand_chacha::ChaCha20Rng;

use super::{Seat, World, wall_at};
use crate::disk::Disk;
use crate::draw;
use crate::machine::Records;

/// How often a newcomer is looked at.
const LOOK_MS: u64 = 200;

impl World<'_> {
    /// A device without an account, which `make` tells how to come by one. [`World::settle`] makes it a node.
    pub fn add_newcomer(
        &mut self,
        name: &str,
        make: impl FnOnce(Now, ChaCha20Rng) -> Result<Newcomer<ChaCha20Rng>, CommandError>,
    ) -> Result<usize, String> {
        let seat = self.seats.len();
        let now = Now {
            mono: MonoMs(self.now),
            wall: wall_at(self.now, 0),
        };
        let rng = draw::stream(self.seed, &format!("newcomer {seat}"));
        let newcomer = make(now, rng).map_err(|error| error.to_string())?;
        let key = NetworkKey(DeviceKey::from_seed(&newcomer.network_seed()).public());
        self.net.add(key);
        self.seats.push(Seat {
            name: name.to_owned(),
            key,
            account: AccountId::ZERO,
            disk: Disk::default(),
            machine: Some(Box::new(newcomer)),
            boots: 0,
            wall_offset_ms: 0,
            mono_base: 0,
            timer: None,
            spins: (0, 0),
            commands: 0,
            frames: 0,
            engine: crate::engine::Engine::default(),
            backup: None,
            moves: 0,
        });
        self.trace.note(self.now, &format!("newcomer {name}"));
        self.net.boot(seat);
        self.feed(seat, Input::Timeout);
        Ok(seat)
    }

    /// Lets a newcomer go on until it has an account, and starts it as a node.
    pub fn settle(&mut self, seat: usize, ms: u64) -> Result<(), String> {
        let until = self.now + ms;
        let settled = loop {
            let machine = self.seats[seat].machine.as_mut();
            let machine = machine.ok_or_else(|| "the newcomer has stopped".to_owned())?;
            if let Some(settled) = machine.settled() {
                break settled?;
            }
            if self.now >= until {
                return Err(format!("no account within {ms} ms"));
            }
            self.run_for(LOOK_MS);
        };
        // The other side is told that it is stored.
        self.feed(seat, Input::Timeout);
        self.run_for(LOOK_MS);
        self.stop(seat);
        self.seats[seat].account = settled.account;
        self.seats[seat].disk = Disk::new(settled.records);
        self.start(seat)
    }

    /// Puts another store in the place of a stopped node's, as one that was copied to another machine; the node's shell
    /// notices. Gives back what was there.
    pub fn swap_store(&mut self, seat: usize, records: Records) -> Records {
        assert!(!self.is_up(seat), "a running node has its store open");
        let name = &self.seats[seat].name;
        self.trace.note(self.now, &format!("swap store of {name}"));
        let before = self.seats[seat].disk.records().clone();
        self.seats[seat].disk.put_back(records);
        self.seats[seat].moves += 1;
        before
    }

    /// Where a node is, as a link would name it.
    #[must_use]
    pub fn place(&self, seat: usize) -> (NetworkKey, Vec<String>) {
        (self.seats[seat].key, vec![crate::address::of_seat(seat)])
    }
}
