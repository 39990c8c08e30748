//! Where pages of a history began and ended, so that whoever goes on by time misses nothing and is given nothing twice.
//!
//! A history has one order, that of the log; the times in it are those of its authors' clocks. Several messages may have
//! one time, and a clock may be wrong by a year. Clients that read page by page ask for what is before the time of the
//! first message of a page, or after that of the last one: on one connection that means exactly there.

use std::collections::VecDeque;

use alloquy_api::pages::At;
use alloquy_api::reply::MessageView;
use alloquy_ids::{EventId, UnixMs};

use crate::limits::EDGES_MAX;

/// Of one room, for one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    starts: VecDeque<(UnixMs, EventId)>,
    ends: VecDeque<(UnixMs, EventId)>,
}

impl Edges {
    /// A page was given: messages that were shown, in their order.
    pub(crate) fn note<'a>(&mut self, page: impl Iterator<Item = &'a MessageView> + Clone) {
        let (Some(first), Some(last)) = (page.clone().next(), page.clone().last()) else {
            return;
        };
        // Some clients take the least and the greatest time of a page for its edges.
        let times = page.map(|message| message.time);
        let (least, most) = times.fold((first.time, last.time), |(least, most), time| {
            (least.min(time), most.max(time))
        });
        for time in [least, first.time] {
            note(&mut self.starts, time, first.id);
        }
        for time in [most, last.time] {
            note(&mut self.ends, time, last.id);
        }
    }

    /// The place before which somebody reads on.
    pub(crate) fn before(&self, at: At) -> At {
        found(&self.starts, at)
    }

    /// The place after which somebody reads on.
    pub(crate) fn after(&self, at: At) -> At {
        found(&self.ends, at)
    }
}

/// The last one noted stands first; of each time there is one.
fn note(edges: &mut VecDeque<(UnixMs, EventId)>, time: UnixMs, message: EventId) {
    edges.retain(|(other, _)| *other != time);
    edges.push_front((time, message));
    edges.truncate(EDGES_MAX);
}

fn found(edges: &VecDeque<(UnixMs, EventId)>, at: At) -> At {
    let At::Time(time) = at else {
        return at;
    };
    let edge = edges.iter().find(|(other, _)| *other == time);
    edge.map_or(at, |(_, message)| At::Message(*message))
}
