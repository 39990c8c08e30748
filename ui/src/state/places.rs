//! Where the person is, was, and was last in each community.

use std::collections::BTreeMap;

use alloquy_ids::{ChannelId, CommunityId, EventId};
use serde::{Deserialize, Serialize};

use super::Slot;

/// Steps that [`Places::back`] goes at most: a day of going to and fro.
const HISTORY_MAX: usize = 200;

/// A channel, and the thread open beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The community; `None`: nowhere yet.
    pub community: Option<CommunityId>,
    /// The channel; `None` where the community shows none.
    pub channel: Option<ChannelId>,
    /// The thread.
    pub thread: Option<EventId>,
}

impl Place {
    /// Where the composer of the channel writes.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        self.channel.map(Slot::channel)
    }

    /// Where the composer of the thread writes.
    #[must_use]
    pub fn thread_slot(&self) -> Option<Slot> {
        let thread = Some(self.thread?);
        Some(Slot {
            channel: self.channel?,
            thread,
        })
    }
}

/// The present place and the ones before.
#[derive(Clone, Debug, Default)]
pub struct Places {
    now: Place,
    back: Vec<Place>,
    forward: Vec<Place>,
    last: BTreeMap<CommunityId, ChannelId>,
    direct: Option<CommunityId>,
}

/// What is kept of it over a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    now: Place,
    last: Vec<(CommunityId, ChannelId)>,
    direct: Option<CommunityId>,
}

impl Places {
    /// Where the person is.
    #[must_use]
    pub const fn now(&self) -> Place {
        self.now
    }

    /// The channel last seen in a community.
    #[must_use]
    pub fn last_in(&self, community: CommunityId) -> Option<ChannelId> {
        self.last.get(&community).copied()
    }

    /// The conversation last seen, if it was noted as one.
    #[must_use]
    pub const fn last_direct(&self) -> Option<CommunityId> {
        self.direct
    }

    /// Notes the present place as the conversation last seen.
    pub(super) fn note_direct(&mut self) {
        self.direct = self.now.community;
    }

    /// Goes somewhere; the way back leads here.
    pub fn go(&mut self, place: Place) {
        if place == self.now {
            return;
        }
        let before = std::mem::replace(&mut self.now, place);
        if before.community.is_some() {
            self.back.push(before);
            if self.back.len() > HISTORY_MAX {
                self.back.remove(0);
            }
        }
        self.forward.clear();
        self.remember();
    }

    /// Changes the place without a way back: its channel is gone, or a thread opens beside it.
    pub fn replace(&mut self, place: Place) {
        self.now = place;
        self.remember();
    }

    /// Goes back; `false` at the beginning.
    pub fn back(&mut self) -> bool {
        let Some(place) = self.back.pop() else {
            return false;
        };
        self.forward.push(std::mem::replace(&mut self.now, place));
        self.remember();
        true
    }

    /// Goes forward again; `false` at the end.
    pub fn forward(&mut self) -> bool {
        let Some(place) = self.forward.pop() else {
            return false;
        };
        self.back.push(std::mem::replace(&mut self.now, place));
        self.remember();
        true
    }

    fn remember(&mut self) {
        if let (Some(community), Some(channel)) = (self.now.community, self.now.channel) {
            self.last.insert(community, channel);
        }
    }

    pub(super) fn to_kept(&self) -> String {
        let kept = Kept {
            now: self.now,
            last: self
                .last
                .iter()
                .map(|(key, value)| (*key, *value))
                .collect(),
            direct: self.direct,
        };
        serde_json::to_string(&kept).expect("plain data is JSON")
    }

    /// What can not be read is as at the first start.
    pub(super) fn from_kept(text: &str) -> Self {
        let kept: Kept = serde_json::from_str(text).unwrap_or_default();
        Self {
            now: kept.now,
            last: kept.last.into_iter().collect(),
            direct: kept.direct,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u8) -> Place {
        Place {
            community: Some(CommunityId([1; 32])),
            channel: Some(ChannelId([n; 32])),
            thread: None,
        }
    }

    #[test]
    fn back_and_forward_lead_where_one_was() {
        let mut places = Places::default();
        for n in 1..=3 {
            places.go(place(n));
        }
        assert!(places.back());
        assert!(places.back());
        assert!(!places.back());
        assert_eq!(places.now(), place(1));
        assert!(places.forward());
        assert_eq!(places.now(), place(2));
        places.go(place(9));
        assert!(!places.forward());
    }

    #[test]
    fn the_place_comes_back_after_a_restart_and_nonsense_is_the_first_start() {
        let mut places = Places::default();
        places.go(place(4));
        let again = Places::from_kept(&places.to_kept());
        assert_eq!(again.now(), place(4));
        assert_eq!(
            again.last_in(CommunityId([1; 32])),
            Some(ChannelId([4; 32]))
        );
        assert_eq!(Places::from_kept("{\"now\":7}").now(), Place::default());
    }
}
