//! A world in memory: one community with members, channels and messages, and a window on it.

use std::sync::Arc;

use alloquy_api::command::{Availability, ChannelKind};
use alloquy_api::reply::{
    ChannelView, DeliveryState, DeliveryView, MemberView, MessageView, ReactionView, RoleView,
};
use alloquy_api::snapshot::{CommunitySnapshot, WindowSnapshot};
use alloquy_api::{Command, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, RoleId, UnixMs};
use alloquy_ui::model::{About, Clock};
use alloquy_ui::{Effect, Model, Phase, UiState};
use egui_kittest::Harness;

/// The community.
pub(crate) const COMMUNITY: CommunityId = CommunityId([1; 32]);
/// Its first text channel.
pub(crate) const GENERAL: ChannelId = ChannelId([11; 32]);
/// Its second text channel.
pub(crate) const DESIGN: ChannelId = ChannelId([12; 32]);
/// A channel in which one may only read.
pub(crate) const NEWS: ChannelId = ChannelId([13; 32]);
/// Oneself.
pub(crate) const ME: AccountId = account(0);
/// 2026-11-21 12:00 UTC.
pub(crate) const NOON: UnixMs = UnixMs(1_795_262_400_000);
/// What one may do in a channel as a plain member.
const RIGHTS: [&str; 6] = [
    "view",
    "read-history",
    "send",
    "send-threads",
    "react",
    "invite",
];
const NAMES: [&str; 8] = [
    "Mira", "tomasz", "Ada", "Okonkwo", "Priya", "Sam", "Yuki", "Lena",
];

/// The id of a member.
pub(crate) const fn account(n: u8) -> AccountId {
    let mut bytes = [n; 32];
    bytes[31] = 0xa0;
    AccountId(bytes)
}

/// The id of a message.
pub(crate) fn message_id(n: usize) -> EventId {
    let mut bytes = [0xee; 32];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    EventId(bytes)
}

/// A member with a name.
pub(crate) fn member(n: u8, name: &str) -> MemberView {
    MemberView {
        account: account(n),
        name: name.to_owned(),
        roles: Vec::new(),
        online: n.is_multiple_of(2),
        availability: n.is_multiple_of(2).then_some(Availability::Online),
        rank: 0,
        owner: n == 0,
        about: None,
        status: None,
        forked: false,
    }
}

/// A text channel in which one has these rights.
pub(crate) fn channel(id: ChannelId, name: &str, rights: &[&str]) -> ChannelView {
    ChannelView {
        channel: id,
        kind: ChannelKind::Text,
        name: name.to_owned(),
        topic: String::new(),
        category: None,
        position: 0,
        private: false,
        since_join: false,
        unread: 0,
        mentions: 0,
        rights: rights.iter().map(|right| (*right).to_owned()).collect(),
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: Vec::new(),
    }
}

/// A message: number `n` is by member `n / 3 % 8`, ten minutes after each change of author.
pub(crate) fn message(n: usize, text: &str) -> MessageView {
    let author = u8::try_from(n / 3 % 8).unwrap();
    let time = NOON.0 - 3_600_000 + (n as u64 / 3) * 600_000 % 3_600_000 + (n as u64 % 3) * 1_000;
    MessageView {
        id: message_id(n),
        author: account(author),
        text: text.to_owned(),
        time: UnixMs(time),
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
            state: DeliveryState::Delivered,
            holders: 2,
        },
    }
}

/// A reaction of these members.
#[must_use]
pub(crate) fn reaction(emoji: &str, by: &[u8]) -> ReactionView {
    ReactionView {
        emoji: emoji.to_owned(),
        accounts: by.iter().map(|n| account(*n)).collect(),
    }
}

/// A window that holds these messages, from start to end.
pub(crate) fn window(messages: impl IntoIterator<Item = MessageView>) -> WindowSnapshot {
    WindowSnapshot {
        messages: messages.into_iter().map(Arc::new).collect(),
        at_start: true,
        at_end: true,
        complete: true,
        read: None,
        typing: Vec::new(),
        ..WindowSnapshot::default()
    }
}

/// The community with these messages in `#general`.
pub(crate) fn model(messages: impl IntoIterator<Item = MessageView>) -> Model {
    let members = NAMES.iter().zip(0..).map(|(name, n)| member(n, name));
    let community = CommunitySnapshot {
        name: "Alloquy dev".to_owned(),
        topic: "where it is made".to_owned(),
        icon: None,
        channels: Arc::new(vec![
            channel(GENERAL, "general", &RIGHTS),
            channel(DESIGN, "design", &RIGHTS),
            channel(NEWS, "news", &["view", "read-history"]),
        ]),
        members: Arc::new(members.collect()),
        roles: Arc::new(vec![RoleView {
            role: RoleId([0; 32]),
            name: "everyone".to_owned(),
            rank: 0,
            allow: Vec::new(),
        }]),
        rights: RIGHTS.iter().map(|right| (*right).to_owned()).collect(),
        ..CommunitySnapshot::default()
    };
    let mut snapshot = Snapshot {
        version: 1,
        account: Some(ME),
        name: NAMES[0].to_owned(),
        ..Snapshot::default()
    };
    snapshot.communities.insert(COMMUNITY, Arc::new(community));
    snapshot.windows.insert(GENERAL, Arc::new(window(messages)));
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

/// Numbered messages, each on one to three lines.
pub(crate) fn numbered(range: std::ops::Range<usize>) -> Vec<MessageView> {
    range
        .map(|n| {
            let more = " and some more words that make it wrap where there is little room";
            message(n, &format!("message {n}{}", more.repeat(n % 3)))
        })
        .collect()
}

/// Changes the community's only snapshot.
pub(crate) fn change(model: &mut Model, change: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = Snapshot::clone(&model.snapshot);
    snapshot.version += 1;
    change(&mut snapshot);
    model.snapshot = Arc::new(snapshot);
}

/// Changes the window of `#general`.
pub(crate) fn change_window(model: &mut Model, by: impl FnOnce(&mut WindowSnapshot)) {
    change(model, |snapshot| {
        let window = snapshot.windows.entry(GENERAL).or_default();
        by(Arc::make_mut(window));
    });
}

/// Changes the community.
pub(crate) fn change_community(model: &mut Model, by: impl FnOnce(&mut CommunitySnapshot)) {
    change(model, |snapshot| {
        let community = snapshot.communities.entry(COMMUNITY).or_default();
        by(Arc::make_mut(community));
    });
}

/// A window on a model, and what it asked for.
pub(crate) struct World {
    /// What is shown.
    pub(crate) model: Model,
    /// What the person sees and types.
    pub(crate) state: UiState,
    /// What was asked of the world so far.
    pub(crate) effects: Vec<Effect>,
}

impl World {
    /// The commands given so far, without those that only watch, keep or mark.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let commands = self.effects.iter().filter_map(|effect| match effect {
            Effect::Submit { command, .. } => Some(command.clone()),
            _ => None,
        });
        commands
            .filter(|command| {
                !matches!(
                    command,
                    Command::Watch { .. }
                        | Command::Unwatch { .. }
                        | Command::Keep { .. }
                        | Command::MarkRead { .. }
                        | Command::Typing { .. }
                )
            })
            .collect()
    }
}

/// A window of 1280 x 800 points.
pub(crate) fn open(model: Model) -> Harness<'static, World> {
    open_sized(model, 1280.0, 800.0)
}

/// A window of this size, after its first frames.
pub(crate) fn open_sized(model: Model, width: f32, height: f32) -> Harness<'static, World> {
    let mut state = UiState::new();
    let effects = state.refresh(&model);
    let world = World {
        model,
        state,
        effects,
    };
    let mut harness = Harness::builder()
        .with_size((width, height))
        .with_theme(egui::Theme::Dark)
        .with_max_steps(40)
        .with_context_setup(alloquy_ui::fonts::install)
        .build_ui_state(
            |ui, world: &mut World| {
                let effects = alloquy_ui::show(&world.model, &mut world.state, ui);
                world.effects.extend(effects);
            },
            world,
        );
    harness.run();
    harness
}
