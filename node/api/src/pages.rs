//! Reading a long history page by page, so that neither a reply nor a line of the local socket grows with it.
//!
//! [`HistoryPages`] turns one `history` command into commands of at most
//! [`HISTORY_PAGE`](crate::limits::HISTORY_PAGE) messages and their replies back into one. It goes from the
//! newest to the oldest by the id of the oldest message so far, so that what arrives meanwhile moves nothing.

use alloquy_ids::{EventId, UnixMs};

use crate::command::ChannelRef;
use crate::limits::HISTORY_PAGE;
use crate::reply::MessageView;
use crate::{Command, Reply};

/// A `history` under way.
#[derive(Clone, Debug)]
pub struct HistoryPages {
    channel: ChannelRef,
    thread: Option<EventId>,
    before: Option<EventId>,
    wanted: u32,
    /// Newest page first; each page oldest first.
    pages: Vec<Vec<MessageView>>,
    complete: bool,
    complete_since: Option<UnixMs>,
    ended: bool,
}

impl HistoryPages {
    /// Starts with a `history` command; `None` for every other command.
    #[must_use]
    pub fn new(command: &Command) -> Option<Self> {
        let Command::History {
            channel,
            last,
            before,
            thread,
        } = command
        else {
            return None;
        };
        Some(Self {
            channel: channel.clone(),
            thread: *thread,
            before: *before,
            wanted: *last,
            pages: Vec::new(),
            complete: true,
            complete_since: None,
            ended: false,
        })
    }

    /// The next command to submit, or `None` when everything is here. A `--last` of 0 asks once, too:
    /// the reply says whether the channel exists.
    #[must_use]
    pub fn next_command(&self) -> Option<Command> {
        if self.ended {
            return None;
        }
        Some(Command::History {
            channel: self.channel.clone(),
            last: self.page(),
            before: self.before,
            thread: self.thread,
        })
    }

    /// Takes the reply to the last command. A reply of another kind ends the reading.
    pub fn push(&mut self, reply: Reply) {
        let asked = self.page();
        let Reply::History {
            messages,
            complete,
            complete_since,
        } = reply
        else {
            self.complete = false;
            self.ended = true;
            return;
        };
        let given = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        self.complete &= complete;
        // Complete as a whole only since the last of the pages became so.
        self.complete_since = self.complete_since.max(complete_since);
        self.wanted = self.wanted.saturating_sub(given);
        let oldest = messages.first().map(|message| message.id);
        // A page whose oldest is the bound itself would be asked for again for ever.
        self.ended = given < asked || self.wanted == 0 || oldest == self.before;
        self.before = oldest.or(self.before);
        self.pages.push(messages);
    }

    /// The whole history.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        Reply::History {
            messages: self.pages.into_iter().rev().flatten().collect(),
            complete: self.complete,
            complete_since: self.complete_since.filter(|_| self.complete),
        }
    }

    fn page(&self) -> u32 {
        self.wanted.min(HISTORY_PAGE)
    }
}
