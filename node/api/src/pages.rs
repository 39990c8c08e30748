//! Reading a long history page by page, so that neither a reply nor a line of the local socket grows with it.
//!
//! [`HistoryPages`] turns one `history` command into commands of at most
//! [`HISTORY_PAGE`](crate::limits::HISTORY_PAGE) messages and their replies back into one. It goes from the
//! newest to the oldest by the id of the oldest message so far, so that what arrives meanwhile moves nothing.

use alloquy_ids::{EventId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::ChannelRef;
use crate::limits::HISTORY_PAGE;
use crate::reply::{Confirmed, MessageView};
use crate::{Command, Reply};

/// A place in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// A message. An unknown one is an error.
    Message(EventId),
    /// An instant. Authors' clocks differ: a message is never left out for it, but may be given twice.
    Time(UnixMs),
}

/// A part of a history; what it is named by does not belong to it, except where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The newest, but none up to this.
    Latest(Option<At>),
    /// The last before this.
    Before(At),
    /// The first after this.
    After(At),
    /// About half of them before this and half after it, a message itself among them.
    Around(At),
    /// The first after the first; the last before it if the second is the older one.
    Between(At, At),
    /// The first after the first and before the second, which is the newer one: of two instants that is known, whatever
    /// the authors' clocks said.
    Forth(At, At),
    /// The last before the first and after the second, which is the older one.
    Back(At, At),
    /// The last message marked read, alone.
    Read,
}

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
    confirmed: Option<Confirmed>,
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
            confirmed: None,
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
            confirmed,
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
        let least = |all: Confirmed| all.least(confirmed);
        self.confirmed = Some(self.confirmed.map_or(confirmed, least));
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
            confirmed: self.confirmed.unwrap_or_default(),
        }
    }

    fn page(&self) -> u32 {
        self.wanted.min(HISTORY_PAGE)
    }
}

#[cfg(test)]
mod tests {
    use alloquy_ids::AccountId;

    use super::*;
    use crate::reply::{DeliveryState, DeliveryView};

    fn message(number: u32) -> MessageView {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        MessageView {
            id: EventId(id),
            author: AccountId::ZERO,
            text: String::new(),
            time: UnixMs(0),
            edited: false,
            deleted: false,
            reply_to: None,
            quote: None,
            replies: None,
            mentions_me: false,
            thread: None,
            bridged: false,
            embeds: Vec::new(),
            pinned: false,
            waiting: false,
            arrived_later: false,
            hidden: None,
            reactions: Vec::new(),
            delivery: DeliveryView {
                state: DeliveryState::Read,
                holders: 0,
            },
        }
    }

    /// Answers as a node that holds the messages `0..held`.
    fn answer(command: &Command, held: u32) -> Reply {
        let Command::History { last, before, .. } = command else {
            panic!("{command} is no history");
        };
        assert!(*last <= HISTORY_PAGE);
        let end = (0..held)
            .find(|number| Some(message(*number).id) == *before)
            .unwrap_or(held);
        Reply::History {
            messages: (end.saturating_sub(*last)..end).map(message).collect(),
            complete: true,
            complete_since: Some(UnixMs(u64::from(end))),
            confirmed: Confirmed { peers: 2, homes: 1 },
        }
    }

    /// How many messages are read, and in how many pages.
    fn read(wanted: u32, held: u32) -> (usize, u32) {
        let command = format!("history club/general --last {wanted}");
        let command: Command = command.parse().expect("a line of the grammar");
        let mut pages = HistoryPages::new(&command).expect("a history");
        let mut count = 0;
        while let Some(next) = pages.next_command() {
            pages.push(answer(&next, held));
            count += 1;
        }
        let Reply::History {
            messages,
            complete,
            complete_since,
            confirmed,
        } = pages.into_reply()
        else {
            panic!("a history is a history");
        };
        assert!(complete);
        assert_eq!((confirmed.peers, confirmed.homes), (2, 1));
        assert_eq!(complete_since, Some(UnixMs(held.into())));
        let first = held - wanted.min(held);
        let expected: Vec<_> = (first..held).map(message).collect();
        assert_eq!(messages, expected);
        (messages.len(), count)
    }

    #[test]
    fn a_long_history_is_read_in_pages_and_put_together_in_order() {
        assert_eq!(read(10, 3), (3, 1));
        assert_eq!(read(3, 10), (3, 1));
        assert_eq!(read(HISTORY_PAGE, 2000), (500, 1));
        assert_eq!(read(1200, 2000), (1200, 3));
        assert_eq!(read(100_000, 1700), (1700, 4));
        assert_eq!(read(100_000, 1500), (1500, 4));
        assert_eq!(read(10, 0), (0, 1));
    }

    #[test]
    fn a_node_that_repeats_itself_does_not_hold_the_reader() {
        let command: Command = "history club/general --last 5000".parse().expect("a line");
        let mut pages = HistoryPages::new(&command).expect("a history");
        let mut count = 0;
        while pages.next_command().is_some() && count < 100 {
            let messages = (0..HISTORY_PAGE).map(message).collect();
            pages.push(Reply::History {
                messages,
                complete: false,
                complete_since: None,
                confirmed: Confirmed::default(),
            });
            count += 1;
        }
        assert_eq!(count, 2);
    }

    #[test]
    fn other_commands_have_no_pages() {
        assert!(HistoryPages::new(&Command::Communities).is_none());
    }
}
