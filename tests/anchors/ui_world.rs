//! What the window shows in [`crate::ui`]: a channel of 100,000 messages in a community of 10,000 members, as
//! much of it loaded as the window asks for, and an account with many communities.

use std::ops::Range;
use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_api::command::{Availability, ChannelKind};
use alloquy_api::reply::{
    ChannelView, DeliveryState, DeliveryView, MemberView, MessageView, ReactionView, RoleView,
};
use alloquy_api::snapshot::{CommunitySnapshot, WindowSnapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, RoleId, UnixMs};
use alloquy_ui::model::{About, Clock};
use alloquy_ui::{Model, Phase};

use crate::corpus;

/// Messages of the channel.
const MESSAGES: usize = 100_000;
/// Messages that the node hands to the window at once.
pub(crate) const LOADED: usize = 200;
/// Members of the community.
const MEMBERS: usize = 10_000;
/// Members who wrote.
const WRITERS: usize = 200;
/// Communities of an account that is in many.
const COMMUNITIES: usize = 50;
/// Members of each of the others.
const MEMBERS_OF_OTHERS: usize = 200;
/// Channels of each.
const CHANNELS: usize = 30;
/// Different texts; they come round again.
const TEXTS: usize = 2_000;
/// 2026-11-21 12:00 UTC.
const NOON: UnixMs = UnixMs(1_795_262_400_000);
/// Between two messages: some on one day, with days between.
const PAUSE_MS: u64 = 97_000;
const RIGHTS: [&str; 5] = ["view", "read-history", "send", "send-threads", "react"];

/// The community.
pub(crate) const COMMUNITY: CommunityId = CommunityId(bytes(1, 0xc0));
/// The channel.
pub(crate) const GENERAL: ChannelId = ChannelId(bytes(0, 0xc4));

const fn bytes(number: u64, kind: u8) -> [u8; 32] {
    let mut bytes = [kind; 32];
    let number = number.to_be_bytes();
    let mut at = 0;
    while at < number.len() {
        bytes[at] = number[at];
        at += 1;
    }
    bytes
}

/// The id of a message.
pub(crate) const fn message_id(number: usize) -> EventId {
    EventId(bytes(number as u64, 0xee))
}

/// A message of the channel, each time another one, far from the one before.
pub(crate) const fn anywhere(step: usize) -> usize {
    // A prime step reaches everything, in no order that a cache could use.
    (step + 1) * 61_813 % MESSAGES
}

/// The texts, and what stays the same.
pub(crate) struct World {
    texts: Vec<String>,
    members: Arc<Vec<MemberView>>,
}

impl World {
    /// Reads the texts.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            texts: corpus::sentences(TEXTS)?,
            members: Arc::new((0..MEMBERS).map(member).collect()),
        })
    }

    /// The text of a message.
    pub(crate) fn text(&self, number: usize) -> &str {
        &self.texts[number % TEXTS]
    }

    /// What is loaded when this message is looked for.
    pub(crate) fn numbers_around(&self, number: usize) -> Range<usize> {
        let from = number.saturating_sub(LOADED / 2).min(MESSAGES - LOADED);
        from..from + LOADED
    }

    fn message(&self, number: usize) -> Arc<MessageView> {
        let react = |emoji: &str| ReactionView {
            emoji: emoji.to_owned(),
            accounts: vec![account(1), account(2)],
        };
        let lively = number.is_multiple_of(10);
        Arc::new(MessageView {
            id: message_id(number),
            // Three in a row by one, as people write.
            author: account(number / 3 % WRITERS),
            text: self.text(number).to_owned(),
            time: UnixMs(NOON.0 - (MESSAGES - number) as u64 * PAUSE_MS),
            edited: number.is_multiple_of(17),
            deleted: false,
            reply_to: None,
            quote: None,
            replies: None,
            mentions_me: number.is_multiple_of(50),
            thread: None,
            bridged: false,
            embeds: Vec::new(),
            pinned: false,
            waiting: false,
            arrived_later: false,
            hidden: None,
            reactions: if lively {
                vec![react("👍"), react("🎉")]
            } else {
                Vec::new()
            },
            delivery: DeliveryView {
                state: DeliveryState::Delivered,
                holders: 2,
            },
        })
    }

    fn window(&self, numbers: Range<usize>) -> Arc<WindowSnapshot> {
        Arc::new(WindowSnapshot {
            at_start: numbers.start == 0,
            at_end: numbers.end == MESSAGES,
            messages: numbers.map(|number| self.message(number)).collect(),
            complete: true,
            read: Some(message_id(MESSAGES - 1)),
            typing: Vec::new(),
            ..WindowSnapshot::default()
        })
    }

    /// The community with 10,000 members, its long channel at its end.
    pub(crate) fn channel(&self) -> Model {
        self.model(1)
    }

    /// The same among as many others as one account may be in.
    pub(crate) fn communities(&self) -> Model {
        self.model(COMMUNITIES)
    }

    fn model(&self, communities: usize) -> Model {
        let mut snapshot = Snapshot {
            version: 1,
            account: Some(account(0)),
            name: "Member 0".to_owned(),
            ..Snapshot::default()
        };
        for number in 0..communities {
            let members = if number == 0 {
                Arc::clone(&self.members)
            } else {
                Arc::new(self.members[..MEMBERS_OF_OTHERS].to_vec())
            };
            let id = CommunityId(bytes(number as u64 + 1, 0xc0));
            let community = Arc::new(community(number, members));
            snapshot.communities.insert(id, community);
        }
        let end = self.window(MESSAGES - LOADED..MESSAGES);
        snapshot.windows.insert(GENERAL, end);
        Model {
            snapshot: Arc::new(snapshot),
            phase: Phase::Running,
            clock: Clock {
                now: NOON,
                zone: jiff::tz::TimeZone::UTC,
            },
            about: Arc::new(About::default()),
            sound: None,
        }
    }

    /// The model after the node has loaded what is around this message.
    pub(crate) fn around(&self, model: &Model, number: usize) -> Model {
        let mut snapshot = Snapshot::clone(&model.snapshot);
        snapshot.version += 1;
        let window = self.window(self.numbers_around(number));
        snapshot.windows.insert(GENERAL, window);
        Model {
            snapshot: Arc::new(snapshot),
            ..model.clone()
        }
    }
}

fn account(number: usize) -> AccountId {
    AccountId(bytes(number as u64, 0xa0))
}

fn member(number: usize) -> MemberView {
    let online = number.is_multiple_of(10);
    MemberView {
        account: account(number),
        name: format!("Member {number}"),
        roles: Vec::new(),
        online,
        availability: online.then_some(Availability::Online),
        rank: 0,
        owner: number == 0,
        about: None,
        status: None,
        forked: false,
    }
}

fn community(number: usize, members: Arc<Vec<MemberView>>) -> CommunitySnapshot {
    let rights = || RIGHTS.map(str::to_owned).to_vec();
    let channel = |at: usize| ChannelView {
        channel: ChannelId(bytes((number * CHANNELS + at) as u64, 0xc4)),
        kind: ChannelKind::Text,
        name: format!("channel-{at}"),
        topic: String::new(),
        category: None,
        position: at as i64,
        private: false,
        since_join: false,
        unread: (at as u32 * 7) % 5,
        mentions: 0,
        rights: rights(),
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: Vec::new(),
    };
    CommunitySnapshot {
        name: format!("Community {number}"),
        topic: String::new(),
        icon: None,
        channels: Arc::new((0..CHANNELS).map(channel).collect()),
        members,
        roles: Arc::new(vec![RoleView {
            role: RoleId([0; 32]),
            name: "everyone".to_owned(),
            rank: 0,
            allow: Vec::new(),
        }]),
        rights: rights(),
        ..CommunitySnapshot::default()
    }
}
