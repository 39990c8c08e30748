//! Parts of a history by message or instant, for faces whose readers page through it.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use alloquy_api::limits::HISTORY_PAGE;
use alloquy_api::pages::{At, Part};
use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, EventId, UnixMs};
use alloquy_schema::event::{OrderKey, VerifiedEvent};
use alloquy_schema::timeline::{Message, Timeline};
use rand_core::CryptoRng;

use super::error;
use crate::community::Community;
use crate::limits::PAGE_WAITING_MAX;
use crate::node::Node;
use crate::views::Holders;

type Range = (Bound<OrderKey>, Bound<OrderKey>);

/// Which end of a range is read from when not all of it is.
#[derive(Clone, Copy, Debug)]
enum From {
    Start,
    End,
}

impl<R: CryptoRng> Node<R> {
    /// See [`alloquy_api::Command::Page`].
    pub(super) fn page(
        &self,
        channel: ChannelId,
        part: Part,
        limit: u32,
    ) -> Result<Reply, CommandError> {
        let unknown = || error(ErrorCode::UnknownName, format!("no channel {channel}"));
        let id = self.community_of(channel).ok_or_else(unknown)?;
        let community = self.active(id)?;
        if !community.is_entitled(self.me.account(), Some(channel)) {
            return Err(unknown());
        }
        let limit = limit.min(HISTORY_PAGE) as usize;
        let messages = match community.shown(channel) {
            Some(timeline) => {
                let shown = Shown {
                    community,
                    timeline,
                    now: self.wall(),
                };
                part_of(&shown, channel, (part, limit))?
            }
            None => Vec::new(),
        };
        let holders = Holders::of(community, channel);
        let views = messages
            .into_iter()
            .map(|message| self.view_with(community, channel, message, &holders));
        let whole = self.completeness(community, channel);
        Ok(Reply::History {
            messages: views.collect(),
            complete: whole.complete,
            complete_since: whole.since,
            confirmed: whole.confirmed,
        })
    }
}

/// Messages of a channel in their order, with the times that count for pages.
struct Shown<'a> {
    community: &'a Community,
    timeline: &'a Timeline,
    now: UnixMs,
}

impl Community {
    /// When a message was seen that claims a later time, which can not be true; `None`: its claim stands. Whoever's
    /// clock was behind when it came has not noted that: the claim stands as soon as it is no time to come.
    pub(crate) fn seen_at(&self, id: EventId, claimed: UnixMs, now: UnixMs) -> Option<UnixMs> {
        let came = self.ahead.get(&id).copied().unwrap_or(now).min(now);
        (claimed > came).then_some(came)
    }

    /// The time that counts of the message before an event in a channel; before all of them, when the community was
    /// made.
    pub(crate) fn time_before(&self, channel: ChannelId, event: &VerifiedEvent) -> UnixMs {
        let timeline = self.timelines.get(&channel);
        let until = (Unbounded, Excluded(event.order_key()));
        let before = timeline.and_then(|timeline| timeline.messages_in(until).next_back());
        match before {
            Some(before) => *self.ahead.get(&before.id).unwrap_or(&before.time),
            None => self.founded(),
        }
    }

    /// When the community was made, as its founder said.
    fn founded(&self) -> UnixMs {
        let id = EventId::from(self.id);
        let genesis = self.authority.dag().get(id);
        genesis.map_or(UnixMs(0), |event| event.header().wall)
    }
}

impl Shown<'_> {
    /// Messages in their order with the time at which they were seen, if they claim a later one; else with their claim.
    fn times(&self) -> impl DoubleEndedIterator<Item = (OrderKey, Result<UnixMs, UnixMs>)> + '_ {
        let claims = self.timeline.claimed_times();
        claims.map(|(key, claimed)| {
            let seen = self.community.seen_at(key.id, claimed, self.now);
            (key, seen.map_or(Ok(claimed), Err))
        })
    }

    /// The first message of a later time. One that claims a time to come was written before it was seen, and before
    /// the next one that does not: so it stands in no reader's way for longer than it is the last.
    fn first_after(&self, time: UnixMs) -> Option<OrderKey> {
        let mut ahead = None;
        for (key, at) in self.times() {
            match at {
                Err(seen) if seen > time => ahead = ahead.or(Some(key)),
                Err(_) => {}
                Ok(claimed) if claimed > time => return ahead.or(Some(key)),
                Ok(_) => ahead = None,
            }
        }
        ahead
    }

    /// The last message of an earlier time, as above.
    fn last_before(&self, time: UnixMs) -> Option<OrderKey> {
        let mut next = None;
        for (key, at) in self.times().rev() {
            let at = match at {
                Err(seen) => next.map_or(seen, |next| seen.min(next)),
                Ok(claimed) => *next.insert(claimed),
            };
            if at < time {
                return Some(key);
            }
        }
        None
    }
}

/// The messages of a part, oldest first.
fn part_of(
    shown: &Shown<'_>,
    channel: ChannelId,
    (part, limit): (Part, usize),
) -> Result<Vec<Message>, CommandError> {
    let (community, timeline) = (shown.community, shown.timeline);
    let after = |at| after(shown, at);
    let before = |at| before(shown, at);
    Ok(match part {
        Part::Latest(None) => read(timeline, (Unbounded, Unbounded), From::End, limit),
        Part::Latest(Some(at)) => read(timeline, (after(at)?, Unbounded), From::End, limit),
        Part::Before(at) => read(timeline, (Unbounded, before(at)?), From::End, limit),
        Part::After(at) => read(timeline, (after(at)?, Unbounded), From::Start, limit),
        Part::Around(at) => {
            let from = match at {
                At::Message(_) => match after(at)? {
                    Excluded(key) => Included(key),
                    other => other,
                },
                At::Time(_) => after(at)?,
            };
            let half = limit / 2;
            // What stands before the first of the second half, whatever its author's clock said.
            let until = match from {
                Included(key) => Excluded(key),
                _ => Unbounded,
            };
            let mut messages = read(timeline, (Unbounded, until), From::End, half);
            if !matches!(from, Excluded(_)) {
                let rest = limit - messages.iter().filter(|one| !one.body_missing).count();
                messages.extend(read(timeline, (from, Unbounded), From::Start, rest));
            }
            messages
        }
        Part::Between(one, other) => match (place(shown, one)?, place(shown, other)?) {
            (Some(first), Some(second)) if second < first => {
                read(timeline, (after(other)?, before(one)?), From::End, limit)
            }
            (None, Some(_)) => read(timeline, (after(other)?, before(one)?), From::End, limit),
            _ => read(timeline, (after(one)?, before(other)?), From::Start, limit),
        },
        Part::Forth(one, other) => {
            read(timeline, (after(one)?, before(other)?), From::Start, limit)
        }
        Part::Back(one, other) => read(timeline, (after(other)?, before(one)?), From::End, limit),
        Part::Read => {
            let read = community.last_read(channel);
            read.and_then(|id| timeline.message(id))
                .into_iter()
                .collect()
        }
    })
}

/// Deleted messages are left out. Those whose text is not here yet stand between the others, so that a face knows them
/// when it comes, and do not count, as far as there is room: whoever gets fewer others than it asked for has come to
/// the end.
fn read(timeline: &Timeline, range: Range, from: From, limit: usize) -> Vec<Message> {
    let shown = timeline
        .messages_in(range)
        .filter(|message| !message.deleted);
    match from {
        From::Start => counted(shown, limit),
        From::End => {
            let mut messages = counted(shown.rev(), limit);
            messages.reverse();
            messages
        }
    }
}

/// So many messages with a text, and up to [`PAGE_WAITING_MAX`] others between them.
fn counted(messages: impl Iterator<Item = Message>, limit: usize) -> Vec<Message> {
    let (mut found, mut shown, mut waiting) = (Vec::new(), 0, 0);
    for message in messages {
        if shown == limit {
            break;
        }
        let (count, most) = match message.body_missing {
            true => (&mut waiting, PAGE_WAITING_MAX),
            false => (&mut shown, limit),
        };
        if *count < most {
            *count += 1;
            found.push(message);
        }
    }
    found
}

/// Where a part begins that lies after `at`.
fn after(shown: &Shown<'_>, at: At) -> Result<Bound<OrderKey>, CommandError> {
    Ok(match at {
        At::Message(_) => place(shown, at)?.map_or(Unbounded, Excluded),
        // Nothing is later: the part is what comes after the end.
        At::Time(time) => match shown.first_after(time) {
            Some(key) => Included(key),
            None => last(shown.timeline).map_or(Unbounded, Excluded),
        },
    })
}

/// Where a part ends that lies before `at`.
fn before(shown: &Shown<'_>, at: At) -> Result<Bound<OrderKey>, CommandError> {
    Ok(match at {
        At::Message(_) => place(shown, at)?.map_or(Unbounded, Excluded),
        At::Time(time) => match shown.last_before(time) {
            Some(key) => Included(key),
            None => first(shown.timeline).map_or(Unbounded, Excluded),
        },
    })
}

/// A key to compare with; `None`: behind everything.
fn place(shown: &Shown<'_>, at: At) -> Result<Option<OrderKey>, CommandError> {
    match at {
        At::Message(id) => {
            let found = shown.timeline.message(id).map(|message| message.order);
            found.map(Some).ok_or_else(|| {
                let text = format!("the channel has no message {id}");
                error(ErrorCode::UnknownName, text)
            })
        }
        At::Time(time) => Ok(shown.first_after(time)),
    }
}

fn first(timeline: &Timeline) -> Option<OrderKey> {
    let mut all = timeline.messages_in((Unbounded, Unbounded));
    all.next().map(|message| message.order)
}

fn last(timeline: &Timeline) -> Option<OrderKey> {
    let mut all = timeline.messages_in((Unbounded, Unbounded));
    all.next_back().map(|message| message.order)
}
