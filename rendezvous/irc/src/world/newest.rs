//! The newest message of each room that clients were told.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, EventId, UnixMs};

use crate::limits::LATE_MAX;

/// The newest message of a room, by its time.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    time: UnixMs,
    pub(crate) id: EventId,
    /// Messages that came after it with an earlier time: they may stand before it or behind it.
    pub(crate) late: BTreeSet<EventId>,
}

/// By room.
#[derive(Debug, Default)]
pub(crate) struct AllNewest(BTreeMap<ChannelId, Newest>);

impl AllNewest {
    /// A message was told.
    pub(crate) fn note(&mut self, channel: ChannelId, message: &MessageView) {
        let (time, id) = (message.time, message.id);
        let fresh = || Newest {
            time,
            id,
            late: BTreeSet::new(),
        };
        let newest = self.0.entry(channel).or_insert_with(fresh);
        if newest.id == id {
            return;
        }
        if newest.time <= time {
            *newest = fresh();
        } else if newest.late.len() < LATE_MAX {
            newest.late.insert(id);
        }
    }

    pub(crate) fn of(&self, channel: ChannelId) -> Option<&Newest> {
        self.0.get(&channel)
    }
}
