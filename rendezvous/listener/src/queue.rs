//! What waits to be written to one connection: bounded by bytes, and never a reason for anybody else to wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::limits::CLOSE_WAIT;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// When what waits has been written.
    Written,
    /// At once: whoever does not read would wait for ever.
    Now,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Bytes that the writer took and has not written yet.
    under_way: usize,
    end: Option<End>,
}

/// The queue between the server's task and the writer of one connection.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    cut: Notify,
    ended: Notify,
}

/// What the writer is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Write(Vec<u8>),
    End,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a turn's bytes in and leaves `bytes` empty. `false`: more than `max` would wait, and the connection is
    /// ended instead.
    #[must_use]
    pub(crate) fn put(&self, bytes: &mut Vec<u8>, max: usize) -> bool {
        let mut state = self.lock();
        if state.end.is_some() {
            bytes.clear();
            return true;
        }
        let waits = state.waiting.len() + state.under_way + bytes.len();
        if waits > max {
            drop(state);
            bytes.clear();
            self.end(End::Now);
            return false;
        }
        if state.waiting.is_empty() {
            std::mem::swap(&mut state.waiting, bytes);
        } else {
            state.waiting.append(bytes);
        }
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Takes nothing more and ends the connection.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end != Some(End::Now) {
            state.end = Some(end);
        }
        if end == End::Now {
            state.waiting = Vec::new();
        }
        drop(state);
        self.changed.notify_one();
        self.ended.notify_one();
        if end == End::Now {
            self.cut.notify_one();
        }
    }

    /// What to write next; the bytes given before count as written.
    pub(crate) async fn next(&self) -> Next {
        loop {
            {
                let mut state = self.lock();
                state.under_way = 0;
                if !state.waiting.is_empty() {
                    let bytes = std::mem::take(&mut state.waiting);
                    state.under_way = bytes.len();
                    return Next::Write(bytes);
                }
                if state.end.is_some() {
                    return Next::End;
                }
            }
            self.changed.notified().await;
        }
    }

    /// So many of the bytes under way have been written.
    pub(crate) fn wrote(&self, bytes: usize) {
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(bytes);
    }

    /// Resolves when the connection was to have ended: whoever does not read what was written last holds nothing.
    pub(crate) async fn late(&self) {
        while self.lock().end.is_none() {
            self.ended.notified().await;
        }
        tokio::time::sleep(CLOSE_WAIT).await;
    }

    /// Resolves when the connection is to end at once.
    pub(crate) async fn cut(&self) {
        loop {
            if self.lock().end == Some(End::Now) {
                return;
            }
            self.cut.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_one_write_and_the_cap_counts_what_is_under_way() {
        let queue = Queue::default();
        assert!(queue.put(&mut b"one ".to_vec(), 10));
        assert!(queue.put(&mut b"two".to_vec(), 10));
        assert_eq!(queue.next().await, Next::Write(b"one two".to_vec()));
        assert!(queue.put(&mut b"abc".to_vec(), 10), "10 bytes wait");
        queue.wrote(7);
        assert!(queue.put(&mut b"defghij".to_vec(), 10), "7 were written");
        assert!(!queue.put(&mut b"!".to_vec(), 10), "11 would wait");
        queue.cut().await;
        assert_eq!(queue.next().await, Next::End, "nothing is kept for it");
        assert!(queue.put(&mut b"later".to_vec(), 10), "an end is told once");
    }

    #[tokio::test]
    async fn what_waits_is_written_before_the_end() {
        let queue = Queue::default();
        assert!(queue.put(&mut b"ERROR".to_vec(), 10));
        queue.end(End::Written);
        assert!(queue.put(&mut b"more".to_vec(), 10));
        assert_eq!(queue.next().await, Next::Write(b"ERROR".to_vec()));
        assert_eq!(queue.next().await, Next::End);
    }
}
