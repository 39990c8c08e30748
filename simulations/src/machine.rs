//! What a simulation runs: the real core, or something that stands in its place in a test.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_core::{Input, Newcomer, Node, Now, Output, Write};
use alloquy_ids::{AccountId, MonoMs, NetworkKey};
use alloquy_schema::keys::{DeviceKey, Signatures};
use bytes::Bytes;
use rand_chacha::ChaCha20Rng;

use crate::signatures::Remembered;

/// All records of a store.
pub type Records = BTreeMap<Bytes, Bytes>;

/// A node without IO, as `alloquy_core::io` describes it.
pub trait Machine {
    /// Takes one input.
    fn handle(&mut self, now: Now, input: Input);
    /// The next output, until there is none.
    fn poll_output(&mut self) -> Option<Output>;
    /// When it wants [`Input::Timeout`].
    fn poll_timeout(&self) -> Option<MonoMs>;
    /// What a client sees.
    fn snapshot(&mut self, client: u64) -> Arc<Snapshot>;
    /// Of a device that had no account: what it begins from, as soon as it has one.
    fn settled(&mut self) -> Option<Result<Settled, String>> {
        None
    }
}

/// Records after writes.
fn written(writes: Vec<Write>) -> Records {
    let mut records = Records::new();
    for write in writes {
        match write {
            Write::Put(key, value) => records.insert(key, value),
            Write::Delete(key) => records.remove(&key),
        };
    }
    records
}

/// A device that has an account now.
#[derive(Debug)]
pub struct Settled {
    /// Its first records.
    pub records: Records,
    /// The account.
    pub account: AccountId,
}

/// A new account: its first records and its names.
#[derive(Debug)]
pub struct Birth {
    /// The first records.
    pub records: Records,
    /// The key by which peers know the node.
    pub network: NetworkKey,
    /// The account.
    pub account: AccountId,
}

/// Makes machines: the core, or a broken copy of it that the checkers must catch.
pub trait Maker: Sync {
    /// Makes an account.
    fn found(&self, name: &str, now: Now, rng: &mut ChaCha20Rng) -> Result<Birth, String>;
    /// Starts a machine from its records.
    fn restore(
        &self,
        records: Records,
        nonce: [u8; 32],
        now: Now,
        rng: ChaCha20Rng,
    ) -> Result<Box<dyn Machine>, String>;
}

/// A node of this name is a home node.
pub const HOME_NAME: &str = "home";

/// The real core. All nodes that one of it makes share what it has found about signatures.
#[derive(Debug, Default)]
pub struct Core {
    signatures: Arc<Remembered>,
}

impl Maker for Core {
    fn found(&self, name: &str, now: Now, rng: &mut ChaCha20Rng) -> Result<Birth, String> {
        let founded = if name == HOME_NAME {
            alloquy_core::found_home(now, rng)
        } else {
            alloquy_core::found(name, now, rng).map_err(|error| error.to_string())?
        };
        let network = NetworkKey(DeviceKey::from_seed(&founded.network_seed).public());
        Ok(Birth {
            records: written(founded.writes),
            network,
            account: founded.account,
        })
    }

    fn restore(
        &self,
        records: Records,
        nonce: [u8; 32],
        now: Now,
        rng: ChaCha20Rng,
    ) -> Result<Box<dyn Machine>, String> {
        let signatures = Arc::clone(&self.signatures) as Arc<dyn Signatures>;
        let node = Node::restore_with(records.into_iter(), nonce, now, rng, signatures);
        Ok(Box::new(node.map_err(|error| error.to_string())?))
    }
}

/// Makes what the core makes, with something put around each machine: a defect, in tests of the checkers.
#[derive(Debug)]
pub struct Around<W> {
    core: Core,
    wrap: W,
}

impl<W: Fn(Box<dyn Machine>, Now) -> Box<dyn Machine> + Sync> Around<W> {
    /// `wrap` is given a machine and when it starts.
    pub fn new(wrap: W) -> Self {
        Self {
            core: Core::default(),
            wrap,
        }
    }
}

impl<W: Fn(Box<dyn Machine>, Now) -> Box<dyn Machine> + Sync> Maker for Around<W> {
    fn found(&self, name: &str, now: Now, rng: &mut ChaCha20Rng) -> Result<Birth, String> {
        self.core.found(name, now, rng)
    }

    fn restore(
        &self,
        records: Records,
        nonce: [u8; 32],
        now: Now,
        rng: ChaCha20Rng,
    ) -> Result<Box<dyn Machine>, String> {
        let inner = self.core.restore(records, nonce, now, rng)?;
        Ok((self.wrap)(inner, now))
    }
}

impl Machine for Node<ChaCha20Rng> {
    fn handle(&mut self, now: Now, input: Input) {
        Self::handle(self, now, input);
    }
    fn poll_output(&mut self) -> Option<Output> {
        Self::poll_output(self)
    }
    fn poll_timeout(&self) -> Option<MonoMs> {
        Self::poll_timeout(self)
    }
    fn snapshot(&mut self, client: u64) -> Arc<Snapshot> {
        Self::snapshot(self, client)
    }
}

impl Machine for Newcomer<ChaCha20Rng> {
    fn handle(&mut self, now: Now, input: Input) {
        Self::handle(self, now, input);
    }
    fn poll_output(&mut self) -> Option<Output> {
        Self::poll_output(self)
    }
    fn poll_timeout(&self) -> Option<MonoMs> {
        Self::poll_timeout(self)
    }
    fn snapshot(&mut self, _client: u64) -> Arc<Snapshot> {
        Arc::default()
    }
    fn settled(&mut self) -> Option<Result<Settled, String>> {
        let settled = Self::settled(self)?.map_err(|error| error.to_string());
        if settled.is_ok() {
            self.stored();
        }
        Some(settled.map(|settled| Settled {
            records: written(settled.writes),
            account: settled.account,
        }))
    }
}
