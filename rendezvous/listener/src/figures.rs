//! What a face counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start, and what stands now. Holds no name, no text and no address.
#[derive(Debug, Default)]
pub struct Figures {
    /// Connections now.
    pub connections: Figure,
    /// Connections that came in.
    pub accepted: Figure,
    /// Connections refused because there were too many.
    pub refused: Figure,
    /// Handshakes of TLS or WebSocket that failed.
    pub handshakes_failed: Figure,
    /// Connections closed because they did not read.
    pub slow_readers: Figure,
    /// Credentials checked.
    pub checks: Figure,
    /// Credentials that were wrong.
    pub denied: Figure,
    /// Streams of clients to other nodes now.
    pub streams: Figure,
    /// Bytes read from clients.
    pub read_bytes: Figure,
    /// Bytes given to clients.
    pub written_bytes: Figure,
    /// Turns of the server's task.
    pub turns: Figure,
}

/// One of them.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// As it stands.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn take(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}
