//! The machine: connections in, outputs out.

use std::collections::VecDeque;

use alloquy_api::Client;
use alloquy_ids::MonoMs;

use crate::io::{CheckId, ClientKey, ConnId, Now, Origin, Outcome, Output, Settings};

/// The server.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    outputs: VecDeque<Output>,
}

impl Server {
    /// A server without connections.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            outputs: VecDeque::new(),
        }
    }

    /// A connection was accepted.
    pub fn open(&mut self, _conn: ConnId, _origin: Origin, _now: Now) {}

    /// Bytes came from a connection, in any cuts.
    pub fn received(&mut self, _conn: ConnId, _bytes: &[u8], _now: Now) {}

    /// A connection has ended, whoever ended it. Not told after [`Output::Close`] was carried out is fine, too.
    pub fn closed(&mut self, _conn: ConnId, _now: Now) {}

    /// Time has passed.
    pub fn tick(&mut self, _now: Now) {}

    /// When [`Self::tick`] is due at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<MonoMs> {
        None
    }

    /// A check has ended.
    pub fn checked(&mut self, _check: CheckId, _outcome: Outcome, _now: Now) {}

    /// Takes what a client has to tell and gives it what connections ask for. To be called for a client whenever it
    /// has something new, and for every client after each other input.
    pub fn pump(&mut self, _key: ClientKey, _client: &mut dyn Client, _now: Now) {}

    /// The next thing to do.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What it is, to its clients.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
