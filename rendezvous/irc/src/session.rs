//! One connection: what it has said of itself, what waits of it, and what it may send.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::Embed;
use alloquy_api::personal::DmRequestView;
use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, ChannelId, EventId, MonoMs, UnixMs};
use zeroize::Zeroizing;

use crate::bound::Bound;
use crate::bridge::Mechanism;
use crate::caps::{Cap, Caps};
use crate::edges::Edges;
use crate::io::{CheckId, ClientKey, Now, Origin};
use crate::limits::{
    FLOOD_BURST, FLOOD_MS, INBOX_BYTES_MAX, INBOX_LINES_MAX, LINE_BYTES_MAX, PING_MS,
    REGISTRATION_BYTES_MAX, REGISTRATION_LINES_MAX, REGISTRATION_MS_MAX, TARGETS_MAX,
};
use crate::line::{BadLine, Line, Out};
use crate::pending::Targets;
use crate::server::Sight;
use crate::streams::{self, Inbox, Streams};
use crate::world::Key;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// NICK, USER, CAP and a log-in are awaited.
    Registering,
    /// All was said; the node has not told yet who this is.
    Welcoming,
    /// It is in.
    In,
}

/// A SASL exchange.
#[derive(Debug, Default)]
pub(crate) struct Sasl {
    pub(crate) mechanism: Mechanism,
    pub(crate) base64: Zeroizing<String>,
    /// The proof was right: the client's last word is awaited.
    pub(crate) proven: Option<ClientKey>,
}

/// A multiline message that is being sent.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) reference: String,
    pub(crate) target: String,
    pub(crate) label: Option<String>,
    pub(crate) command: Option<&'static str>,
    pub(crate) reply_to: Option<EventId>,
    /// The message whose new text it is, as typed.
    pub(crate) edits: Option<String>,
    /// Previews of addresses in it.
    pub(crate) embeds: Vec<Embed>,
    pub(crate) text: String,
    pub(crate) lines: usize,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) origin: Origin,
    pub(crate) stage: Stage,
    pub(crate) caps: Caps,
    pub(crate) cap_302: bool,
    pub(crate) negotiating: bool,
    pub(crate) nick: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) pass: Option<Zeroizing<String>>,
    pub(crate) sasl: Option<Sasl>,
    pub(crate) check: Option<CheckId>,
    /// The check is of a PASS, not of SASL.
    pub(crate) by_pass: bool,
    /// The check is of the password of the rendezvous.
    pub(crate) asked_password: bool,
    /// It has given that password.
    pub(crate) admitted: bool,
    /// The check is of the password of an operator.
    pub(crate) asked_oper: bool,
    /// It has no account.
    pub(crate) guest: bool,
    /// The account that is being made for it.
    pub(crate) registering: Option<String>,
    /// The room that is being made for it, or that it is let into.
    pub(crate) opening: Option<Opening>,
    /// Groups that it accepted to be in and that are not there yet.
    pub(crate) entering: BTreeSet<ChannelId>,
    /// It waits for what its account asked about itself.
    pub(crate) asked_account: bool,
    /// It waits for the address of its home node.
    pub(crate) asked_home: bool,
    /// It was let in for reading alone.
    pub(crate) read_only: bool,
    /// It waits for a word of NickServ.
    pub(crate) asked_serv: bool,
    pub(crate) failures: u32,
    pub(crate) key: Option<ClientKey>,
    /// The rooms that it is in, and who it was told is there.
    pub(crate) joined: BTreeMap<ChannelId, BTreeSet<Mark>>,
    pub(crate) monitored: BTreeMap<String, String>,
    pub(crate) bot: bool,
    /// It wants to hear what operators say to all.
    pub(crate) wallops: bool,
    /// What it said last by AWAY, if it is away.
    pub(crate) away: Option<String>,
    /// Keys of METADATA that it wants to be told of.
    pub(crate) subscribed: BTreeSet<String>,
    /// Until when what it has read by METADATA SYNC takes to be sent.
    pub(crate) synced: MonoMs,
    /// Requests that it was told of when it came in.
    pub(crate) asked_before: Arc<Vec<DmRequestView>>,
    /// What it changes the profile to.
    pub(crate) setting: BTreeMap<Key, String>,
    /// Networks that it was told of, and their names; `None`: it was told of none yet.
    pub(crate) networks: Option<BTreeMap<String, String>>,
    /// The network that its last log-in named behind the account.
    pub(crate) asked_network: Option<String>,
    /// The community that is the whole network to it.
    pub(crate) bound: Option<Bound>,
    pub(crate) batch: Option<Batch>,
    pub(crate) targets: Option<Targets>,
    /// The last of the conversations that were listed last.
    pub(crate) listed: Option<(UnixMs, ChannelId)>,
    /// Where pages of histories that it read began and ended.
    pub(crate) edges: BTreeMap<ChannelId, Edges>,
    /// The node works for the line that is being answered.
    pub(crate) waiting: u32,
    pub(crate) label: Option<String>,
    pub(crate) answer: Option<Vec<Out>>,
    pub(crate) typing: BTreeMap<ChannelId, MonoMs>,
    /// What its client has of the rooms that it has been in.
    pub(crate) sight: Sight,
    /// When what its client has is kept, if something of that has changed.
    pub(crate) keep_at: Option<MonoMs>,
    /// When it was asked for a sign of life because serving ends.
    pub(crate) asked_word: Option<MonoMs>,
    /// Rooms of which it is to be told what it missed, and what is told behind that.
    pub(crate) missing: BTreeMap<ChannelId, Vec<MessageView>>,
    pub(crate) closing: bool,
    /// It is silent for so long that what it was told lately may not have reached it.
    pub(crate) lost: bool,
    pub(crate) opened: MonoMs,
    pub(crate) heard: MonoMs,
    pub(crate) pinged: bool,
    /// Its streams to other nodes.
    pub(crate) streams: Streams,
    /// Lines about them: they wait for no others.
    stream_lines: Inbox,
    input: Vec<u8>,
    /// The line is longer than any may be: the rest of it is passed over.
    overlong: bool,
    /// With how many bytes each was sent.
    inbox: VecDeque<(usize, Result<Line, BadLine>)>,
    inbox_bytes: usize,
    bytes: usize,
    lines: u32,
    /// When the next token would be there if none had been kept.
    bucket: MonoMs,
}

/// The first bytes of an account: enough to tell members of a room apart, and a quarter of the memory. Of two who have
/// the same, the going of one may be told for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark([u8; 8]);

impl From<AccountId> for Mark {
    fn from(account: AccountId) -> Self {
        let mut mark = [0; 8];
        mark.copy_from_slice(&account.0[..8]);
        Self(mark)
    }
}

/// A room that a connection joins as soon as it can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) target: String,
    /// It is there: the client will see it.
    pub(crate) made: bool,
    /// What else the same JOIN asks for.
    pub(crate) rest: VecDeque<String>,
}

/// Why a connection is closed for what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It speaks another protocol.
    Http,
    /// It sent too much before it had registered.
    Registration,
    /// More waits of it than may.
    Flood,
}

/// Targets of a line besides the first one, as far as something is signed for each, or what was missed is read of each.
fn further_targets(line: &Line, caps: Caps) -> u64 {
    let targets = match line.command.as_str() {
        "JOIN" if !caps.has(Cap::ChatHistory) => line.param(0),
        "PRIVMSG" | "NOTICE" | "TAGMSG" => line.param(0),
        "KICK" => line.param(1),
        _ => None,
    };
    let further = targets.map_or(0, |targets| targets.matches(',').count());
    further.min(TARGETS_MAX - 1) as u64
}

impl Session {
    pub(crate) fn new(origin: Origin, now: Now) -> Self {
        Self {
            origin,
            stage: Stage::Registering,
            caps: Caps::default(),
            cap_302: false,
            negotiating: false,
            nick: None,
            user: None,
            pass: None,
            sasl: None,
            check: None,
            by_pass: false,
            asked_password: false,
            admitted: false,
            asked_oper: false,
            guest: false,
            registering: None,
            opening: None,
            entering: BTreeSet::new(),
            asked_account: false,
            asked_home: false,
            read_only: false,
            asked_serv: false,
            failures: 0,
            key: None,
            joined: BTreeMap::new(),
            monitored: BTreeMap::new(),
            bot: false,
            wallops: false,
            away: None,
            subscribed: BTreeSet::new(),
            synced: MonoMs(0),
            asked_before: Arc::default(),
            setting: BTreeMap::new(),
            networks: None,
            asked_network: None,
            bound: None,
            batch: None,
            targets: None,
            listed: None,
            edges: BTreeMap::new(),
            waiting: 0,
            label: None,
            answer: None,
            typing: BTreeMap::new(),
            sight: Sight::default(),
            asked_word: None,
            keep_at: None,
            missing: BTreeMap::new(),
            closing: false,
            lost: false,
            opened: now.mono,
            heard: now.mono,
            pinged: false,
            streams: Streams::default(),
            stream_lines: Inbox::default(),
            input: Vec::new(),
            overlong: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            bytes: 0,
            lines: 0,
            bucket: now.mono,
        }
    }

    pub(crate) fn is_in(&self) -> bool {
        self.stage == Stage::In
    }

    /// Whether members see the account as here for it: one that only reads changes nothing, and a guest ends with it.
    pub(crate) fn is_seen(&self) -> bool {
        self.is_in() && !self.guest && !self.read_only
    }

    /// Takes bytes and puts whole lines into the inbox.
    pub(crate) fn take(&mut self, bytes: &[u8], now: Now) -> Result<(), Excess> {
        self.heard = now.mono;
        self.pinged = false;
        if self.stage == Stage::Registering {
            let first = self.bytes == 0;
            let verbs = [
                &b"GET "[..],
                b"POST",
                b"HEAD",
                b"PUT ",
                b"OPTI",
                b"CONN",
                b"PRI ",
            ];
            if first && verbs.iter().any(|verb| bytes.starts_with(verb)) {
                return Err(Excess::Http);
            }
            self.bytes = self.bytes.saturating_add(bytes.len());
        }
        for byte in bytes {
            if *byte != b'\n' {
                // One more than a line may have is enough to see that it is too long.
                match self.input.len() > LINE_BYTES_MAX {
                    true => self.overlong = true,
                    false => self.input.push(*byte),
                }
                continue;
            }
            let mut line = std::mem::take(&mut self.input);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            let parsed = match std::mem::take(&mut self.overlong) {
                true if line.starts_with(b"@") => Err(BadLine::TagsTooLong),
                true => Err(BadLine::TooLong),
                false => Line::parse(&line),
            };
            self.lines = self.lines.saturating_add(1);
            let parsed = match parsed {
                Ok(None) => continue,
                Ok(Some(line)) => Ok(line),
                Err(error) => Err(error),
            };
            match parsed {
                Ok(parsed) if self.is_beside(&parsed) => {
                    self.stream_lines.push(line.len(), parsed);
                }
                parsed => {
                    self.inbox_bytes += line.len();
                    self.inbox.push_back((line.len(), parsed));
                }
            }
        }
        if self.stage == Stage::Registering
            && (self.bytes > REGISTRATION_BYTES_MAX || self.lines > REGISTRATION_LINES_MAX)
        {
            return Err(Excess::Registration);
        }
        let waits_too_much =
            self.inbox.len() > INBOX_LINES_MAX || self.inbox_bytes > INBOX_BYTES_MAX;
        if waits_too_much || self.stream_lines.is_over() {
            return Err(Excess::Flood);
        }
        Ok(())
    }

    /// Whether a line is about a stream and waits for no others: a stream must not stand still because a history is read.
    /// Such lines are answered in their own order.
    fn is_beside(&self, line: &Line) -> bool {
        let of_streams = |line: &Line| streams::is_of_stream(line);
        let mut before = self.inbox.iter().filter_map(|(_, line)| line.as_ref().ok());
        // Whoever may have none is answered at the pace of other lines.
        let may_have = self.caps.has(Cap::E2ee) && self.caps.has(Cap::MessageTags);
        may_have && self.is_seen() && of_streams(line) && !before.any(of_streams)
    }

    /// The next line about a stream, if its bucket has a token.
    pub(crate) fn next_stream_line(&mut self, now: Now) -> Option<Line> {
        match self.closing {
            true => None,
            false => self.stream_lines.next(now.mono, self.origin.exempt),
        }
    }

    /// Whether so many lines about streams wait that none should be read.
    pub(crate) fn is_behind(&self) -> bool {
        !self.closing && self.stream_lines.is_behind()
    }

    /// The next line, if it is its turn: the one before is answered, and the bucket has a token.
    pub(crate) fn next_line(&mut self, now: Now) -> Option<Result<Line, BadLine>> {
        if self.is_held() || self.stage == Stage::Welcoming || self.inbox.is_empty() {
            return None;
        }
        if self.stage == Stage::In && !self.origin.exempt {
            let floor = now.mono.0.saturating_sub(FLOOD_BURST * FLOOD_MS);
            let next = self.bucket.0.max(floor) + FLOOD_MS;
            if next > now.mono.0 {
                return None;
            }
            self.bucket = MonoMs(next);
        }
        let (bytes, line) = self.inbox.pop_front()?;
        self.inbox_bytes -= bytes;
        if let Ok(line) = &line {
            // What is said to eight is said eight times, and a room is read for each that is joined: the next line waits
            // for each.
            self.bucket = self
                .bucket
                .plus(further_targets(line, self.caps) * FLOOD_MS);
        }
        Some(line)
    }

    /// Whether its next line waits for something else than time.
    fn is_held(&self) -> bool {
        self.waiting > 0 || self.check.is_some() || self.opening.is_some() || self.closing
    }

    /// When something of this connection is due.
    pub(crate) fn due(&self) -> MonoMs {
        let silent = match self.stage {
            Stage::Registering | Stage::Welcoming => self.opened.plus(REGISTRATION_MS_MAX),
            Stage::In if self.pinged => self.heard.plus(2 * PING_MS),
            Stage::In => self.heard.plus(PING_MS),
        };
        let silent = silent.min(self.keep_at.unwrap_or(silent));
        let silent = match self.stream_lines.due().filter(|_| !self.closing) {
            Some(due) => silent.min(due),
            None => silent,
        };
        let held = self.is_held() || self.inbox.is_empty();
        match held || self.stage != Stage::In || self.origin.exempt {
            true => silent,
            false => silent.min(self.bucket.plus(FLOOD_MS)),
        }
    }
}
