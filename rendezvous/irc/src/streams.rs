//! Streams of E2EE (docs/irc.md): byte streams of one connection to other nodes, each in windows both ways.
//!
//! [`Streams`] holds what is under way of each, and decides what may be told next: at most
//! [`crate::limits::E2EE_WINDOW_BYTES`] of a stream without an ACK, and a bound of all streams of a connection together,
//! one line of each stream in turn. [`Inbox`] holds lines about them that wait.
//!
//! Invariant: of a stream no more waits here than the shell gave, which is a window at most. What passes is not looked at:
//! it is sealed.

use std::collections::{BTreeMap, VecDeque};

use alloquy_ids::MonoMs;
use bytes::{Bytes, BytesMut};

use crate::limits::{
    E2EE_BEHIND_BYTES, E2EE_BEHIND_LINES, E2EE_DATA_BYTES_MAX, E2EE_FLOOD_BURST, E2EE_FLOOD_MS,
    E2EE_INBOX_LINES_MAX, E2EE_OPENS_MAX, E2EE_OPENS_MS, E2EE_STREAMS_MAX, E2EE_UNACKED_BYTES_MAX,
    E2EE_UNACKED_LINES_MAX, E2EE_WINDOW_BYTES, INBOX_BYTES_MAX,
};
use crate::line::{E2EE, Line};

/// Whether a line is about a stream: these have a bucket of their own, and wait for no others.
pub(crate) fn is_of_stream(line: &Line) -> bool {
    let of_stream = ["OPEN", "DATA", "ACK", "CLOSE"];
    let verb = line.param(0).unwrap_or_default();
    line.command == E2EE && of_stream.iter().any(|of| verb.eq_ignore_ascii_case(of))
}

/// The number that the client gave to a stream of this id.
pub(crate) fn number_of(id: u64) -> u16 {
    u16::try_from(id & 0xffff).unwrap_or_default()
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<u16, Stream>,
    /// Bytes without an ACK towards the client.
    unacked: usize,
    /// Lines without an ACK towards the client.
    unacked_lines: usize,
    /// Whose turn it is.
    next: u16,
    /// When the last ones were opened.
    opened: VecDeque<MonoMs>,
    /// How many were begun.
    begun: u64,
}

/// What is told of a stream next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Data(Bytes),
    Closed(String),
}

/// Why a stream can not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    InUse,
    TooMany,
    /// For so many seconds.
    TooFast(u64),
}

/// More was sent, or acknowledged, than is under way: so many bytes may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded(pub(crate) usize);

#[derive(Debug, Default)]
struct Stream {
    id: u64,
    stage: Stage,
    /// Bytes of the client without an ACK.
    sent: usize,
    /// Bytes for the client that its window has no room for.
    waiting: BytesMut,
    /// Bytes of each line to the client without an ACK.
    lines: VecDeque<usize>,
    /// The sum of these.
    unacked: usize,
}

#[derive(Debug)]
enum Stage {
    /// It is being connected; what the client called its request.
    Opening(Option<String>),
    Open,
    /// The other side has ended it: the client is told when it has been given what waits.
    Ending(String),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Opening(None)
    }
}

impl Streams {
    /// Begins one, and gives its id. `label`: what the client calls its request, which is answered when the stream is
    /// connected.
    pub(crate) fn begin(
        &mut self,
        stream: u16,
        label: Option<String>,
        now: MonoMs,
    ) -> Result<u64, NotOpened> {
        if self.open.contains_key(&stream) {
            return Err(NotOpened::InUse);
        }
        if self.open.len() >= E2EE_STREAMS_MAX {
            return Err(NotOpened::TooMany);
        }
        while self
            .opened
            .front()
            .is_some_and(|first| first.plus(E2EE_OPENS_MS) <= now)
        {
            self.opened.pop_front();
        }
        if let Some(first) = self
            .opened
            .front()
            .filter(|_| self.opened.len() >= E2EE_OPENS_MAX)
        {
            let free = first.plus(E2EE_OPENS_MS).0;
            return Err(NotOpened::TooFast((free - now.0).div_ceil(1_000)));
        }
        self.opened.push_back(now);
        let id = self.begun << 16 | u64::from(stream);
        self.begun += 1;
        let begun = Stream {
            id,
            stage: Stage::Opening(label),
            ..Stream::default()
        };
        self.open.insert(stream, begun);
        Ok(id)
    }

    /// It is connected: what the client called its request. `None`: it was not awaited.
    pub(crate) fn connected(&mut self, stream: u16) -> Option<Option<String>> {
        let of = self.open.get_mut(&stream)?;
        let Stage::Opening(label) = &mut of.stage else {
            return None;
        };
        let label = label.take();
        of.stage = Stage::Open;
        Some(label)
    }

    /// The client sends bytes: the stream's id. `Ok(None)`: there is no such stream, or its other side has ended it.
    pub(crate) fn send(&mut self, stream: u16, bytes: usize) -> Result<Option<u64>, Exceeded> {
        let Some(of) = self.live(stream) else {
            return Ok(None);
        };
        if of.sent + bytes > E2EE_WINDOW_BYTES {
            return Err(Exceeded(E2EE_WINDOW_BYTES - of.sent));
        }
        of.sent += bytes;
        Ok(Some(of.id))
    }

    /// So many further bytes of the client were sent on; `false`: of no stream that is open.
    pub(crate) fn sent(&mut self, stream: u16, bytes: usize) -> bool {
        let Some(of) = self.live(stream) else {
            return false;
        };
        of.sent = of.sent.saturating_sub(bytes);
        true
    }

    /// Bytes came for the client.
    pub(crate) fn came(&mut self, stream: u16, bytes: &[u8]) {
        if let Some(of) = self.live(stream) {
            of.waiting.extend_from_slice(bytes);
        }
    }

    /// The client acknowledges bytes: the stream's id. `Ok(None)`: there is no such stream.
    pub(crate) fn acked(&mut self, stream: u16, bytes: usize) -> Result<Option<u64>, Exceeded> {
        let Some(of) = self.open.get_mut(&stream) else {
            return Ok(None);
        };
        if bytes > of.unacked {
            return Err(Exceeded(of.unacked));
        }
        of.unacked -= bytes;
        self.unacked -= bytes;
        let mut rest = bytes;
        while let Some(first) = of.lines.front_mut().filter(|_| rest > 0) {
            let of_line = rest.min(*first);
            rest -= of_line;
            *first -= of_line;
            if *first == 0 {
                of.lines.pop_front();
                self.unacked_lines -= 1;
            }
        }
        Ok(Some(of.id))
    }

    /// The other side has ended it. Gives the label of the request by which it was to be opened, if it never was.
    pub(crate) fn end(&mut self, stream: u16, reason: String) -> Option<Option<String>> {
        let of = self.open.get_mut(&stream)?;
        match std::mem::replace(&mut of.stage, Stage::Ending(reason)) {
            Stage::Opening(label) => {
                self.remove(stream);
                Some(label)
            }
            Stage::Open => None,
            // It ended before: what was said first stays.
            before @ Stage::Ending(_) => {
                of.stage = before;
                None
            }
        }
    }

    /// Forgets one. Gives its id if its other side is to be told, and the label of a request that is not answered.
    pub(crate) fn remove(&mut self, stream: u16) -> Option<(Option<u64>, Option<String>)> {
        let of = self.open.remove(&stream)?;
        self.unacked -= of.unacked;
        self.unacked_lines -= of.lines.len();
        Some(match of.stage {
            Stage::Opening(label) => (Some(of.id), label),
            Stage::Open => (Some(of.id), None),
            Stage::Ending(_) => (None, None),
        })
    }

    /// Whether there is one of this number, which may be ending.
    pub(crate) fn is_open(&self, stream: u16) -> bool {
        self.open.contains_key(&stream)
    }

    /// The id of the one that has this number now.
    pub(crate) fn id(&self, stream: u16) -> Option<u64> {
        self.open.get(&stream).map(|of| of.id)
    }

    /// The numbers of all.
    pub(crate) fn numbers(&self) -> Vec<u16> {
        self.open.keys().copied().collect()
    }

    /// What may be told next: one line of each stream in turn.
    pub(crate) fn next(&mut self) -> Option<(u16, Told)> {
        let from = self.next;
        let after = self.open.range(from..).chain(self.open.range(..from));
        let room = E2EE_UNACKED_BYTES_MAX - self.unacked.min(E2EE_UNACKED_BYTES_MAX);
        let has_room = room > 0 && self.unacked_lines < E2EE_UNACKED_LINES_MAX;
        let mut ready = after.filter(|(_, of)| match of.waiting.is_empty() {
            true => matches!(of.stage, Stage::Ending(_)),
            false => has_room && of.unacked < E2EE_WINDOW_BYTES,
        });
        let stream = *ready.next()?.0;
        self.next = stream.wrapping_add(1);
        let of = self.open.get_mut(&stream)?;
        if of.waiting.is_empty() {
            let Stage::Ending(reason) = std::mem::take(&mut of.stage) else {
                return None;
            };
            self.remove(stream);
            return Some((stream, Told::Closed(reason)));
        }
        let most = E2EE_DATA_BYTES_MAX.min(E2EE_WINDOW_BYTES - of.unacked);
        let bytes = of.waiting.split_to(of.waiting.len().min(most).min(room));
        of.unacked += bytes.len();
        of.lines.push_back(bytes.len());
        self.unacked += bytes.len();
        self.unacked_lines += 1;
        Some((stream, Told::Data(bytes.freeze())))
    }

    /// One whose other side has not ended it.
    fn live(&mut self, stream: u16) -> Option<&mut Stream> {
        let of = self.open.get_mut(&stream)?;
        (!matches!(of.stage, Stage::Ending(_))).then_some(of)
    }
}

/// Lines about streams that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// With how many bytes each was sent.
    lines: VecDeque<(usize, Line)>,
    bytes: usize,
    /// When the next token would be there if none had been kept.
    bucket: MonoMs,
}

impl Inbox {
    pub(crate) fn push(&mut self, bytes: usize, line: Line) {
        self.bytes += bytes;
        self.lines.push_back((bytes, line));
    }

    /// The next one, if the bucket has a token. `exempt`: it needs none.
    pub(crate) fn next(&mut self, now: MonoMs, exempt: bool) -> Option<Line> {
        let (bytes, _) = self.lines.front()?;
        if !exempt {
            let floor = now.0.saturating_sub(E2EE_FLOOD_BURST * E2EE_FLOOD_MS);
            let next = self.bucket.0.max(floor) + E2EE_FLOOD_MS;
            if next > now.0 {
                return None;
            }
            self.bucket = MonoMs(next);
        }
        self.bytes -= bytes;
        self.lines.pop_front().map(|(_, line)| line)
    }

    /// When the next one has its turn.
    pub(crate) fn due(&self) -> Option<MonoMs> {
        let waits = !self.lines.is_empty();
        waits.then(|| self.bucket.plus(E2EE_FLOOD_MS))
    }

    /// Whether no more should be read for now.
    pub(crate) fn is_behind(&self) -> bool {
        self.bytes > E2EE_BEHIND_BYTES || self.lines.len() > E2EE_BEHIND_LINES
    }

    /// Whether more wait than may.
    pub(crate) fn is_over(&self) -> bool {
        self.bytes > INBOX_BYTES_MAX || self.lines.len() > E2EE_INBOX_LINES_MAX
    }
}
