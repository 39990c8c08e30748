//! What the person sees and types: places, drafts, what is open, what is on its way.

mod answers;
mod apply;
mod drafts;
mod forms;
mod governance;
mod hearing;
mod lines;
mod links;
mod messages;
mod personal;
mod places;
mod saved;
mod voice;

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Command;
use alloquy_api::command::WindowAt;
use alloquy_api::personal::PersonalCommand;
use alloquy_api::reply::{MessageView, OverwriteTarget};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EventId, InviteId, RoleId, UnixMs};

use crate::effect::{AskId, Effect};
use crate::settings::Settings;

pub use drafts::{Composer, Mode, Unsent};
pub use forms::{AddTab, FirstStep, FirstWay, Forms, InviteExpiry, InviteMade, OwnProfile};
pub(crate) use governance::AUDIT_PAGE;
pub use governance::{
    Branch, Choice, CommunityPage, Governance, Look, Order, OverwriteDraft, OwnerChange,
    PlaceDraft, RoleDraft, RulesDraft, Standing,
};
pub use hearing::{Heard, Muted, Rule};
pub(crate) use links::{Pasted, pasted, pasted_contact};
pub(crate) use messages::messages_of;
pub use personal::{MissingKey, Personal, RECOVERY_WORDS, Safety};
pub(crate) use personal::{account_ref, tidy};
pub use places::{Place, Places};
pub use voice::Voice;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Down, forward, bigger.
    Next,
    /// Up, back, smaller.
    Previous,
}

/// A place to write in: a channel, or the thread on a message of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The channel.
    pub channel: ChannelId,
    /// The message that the thread hangs on; `None`: the channel itself.
    pub thread: Option<EventId>,
}

impl Slot {
    /// The channel itself.
    #[must_use]
    pub const fn channel(channel: ChannelId) -> Self {
        Self {
            channel,
            thread: None,
        }
    }
}

/// What lies above the panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The quick switcher.
    Switcher,
    /// The list of shortcuts.
    Shortcuts,
    /// Settings, at a page.
    Settings(SettingsPage),
    /// Paths to peers.
    Connections,
    /// Inviting people into a community.
    Invite(CommunityId),
    /// Making or joining a community.
    AddCommunity,
    /// Making a channel.
    AddChannel(CommunityId),
    /// What an invite link says.
    JoinCard,
    /// A member's card.
    Profile(CommunityId, AccountId),
    /// Pinned messages of a channel.
    Pins(ChannelId),
    /// The emoji picker: for the composer of a place, or to react to a message.
    Emoji(Slot, Option<EventId>),
    /// The recovery words.
    Recovery,
    /// The members, where they do not fit beside the channel.
    Members,
    /// Whether to leave a community.
    ConfirmLeave(CommunityId),
    /// How one is seen.
    Availability,
    /// Whether to remove a member, and why.
    ConfirmRemoval(CommunityId, AccountId, Removal),
    /// What a community is run with, at a page.
    Community(CommunityId, CommunityPage),
    /// A role of a community; `None`: a new one.
    Role(CommunityId, Option<RoleId>),
    /// Whether to delete a role.
    ConfirmRoleDeletion(CommunityId, RoleId),
    /// A channel: its name, slow mode, and who may do what in it.
    Channel(CommunityId, ChannelId),
    /// Whether to delete a channel or a category.
    ConfirmChannelDeletion(CommunityId, ChannelId),
    /// What a channel allows and denies to a role or a member.
    Overwrite(CommunityId, ChannelId, OverwriteTarget),
    /// Whether to remove whoever came in below a member or by an invite, or to undo what they wrote.
    Branch(CommunityId, Branch),
    /// Whether to vote for another owner, or against one.
    ConfirmOwner(CommunityId, AccountId, OwnerChange),
    /// Choosing with whom to talk.
    StartDirect,
    /// Who wants to write and is not known.
    Requests,
    /// A conversation: who is in it, and what can be done about it.
    Conversation(CommunityId),
    /// Adding somebody to a group.
    GroupAdd(CommunityId),
    /// Whether to take somebody out of a group.
    ConfirmGroupRemoval(CommunityId, AccountId),
    /// The own contact link, and that of somebody else.
    ContactLink,
    /// Comparing safety words.
    Verify(AccountId),
    /// Whether to block somebody.
    ConfirmBlock(AccountId),
    /// A code for another device.
    LinkDevice,
    /// Whether to end a device.
    ConfirmRevocation(DeviceId),
    /// Finding the recovery words again.
    CheckRecovery,
    /// Whether to make other recovery words.
    ReplaceRecovery,
    /// Whether to close the account.
    CloseAccount,
    /// Entering the code of a home node.
    PairHome,
    /// Whether to part with a home node.
    ConfirmHomeRemoval(DeviceId),
    /// When the desktop is told of a conversation, a community or a channel.
    Hearing(CommunityId, Option<ChannelId>),
    /// Whether the node goes on when the window closes.
    Closing,
}

/// How a member is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// May come back by another invite.
    Kick,
    /// May not come back.
    Ban,
}

/// A page of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingsPage {
    /// Name, key, recovery.
    #[default]
    Profile,
    /// Contacts, the own link, who is blocked.
    People,
    /// Devices of the account.
    Devices,
    /// Home nodes.
    Homes,
    /// Colours, size, motion.
    Appearance,
    /// When the desktop is told.
    Notifications,
    /// Shortcuts.
    Keyboard,
    /// What the store takes and where it is.
    Storage,
    /// Paths and addresses.
    Network,
    /// Microphone, loudspeakers, when one is heard.
    Voice,
    /// The door for IRC clients.
    Irc,
    /// Version and licences.
    About,
}

/// What a question to the node was for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// Show the community that was made or joined.
    OpenCommunity,
    /// Show the channel that was made.
    OpenChannel(CommunityId),
    /// Show the link.
    InviteLink(CommunityId),
    /// Show what the link says.
    InviteCard(String),
    /// A message of this place, kept until it is stored.
    Send(Slot, u64),
    /// A line that began with `/`, kept until it is carried out.
    Line(Slot, String),
    /// Pinned messages of a channel.
    Pins(ChannelId),
    /// The recovery words.
    RecoveryShow,
    /// Their confirmation.
    RecoveryConfirm,
    /// Taking an invite back.
    RevokeInvite(InviteId),
    /// Something about a member: what is told when it is done.
    Moderate(String),
    /// A deletion.
    Delete(EventId),
    /// Leaving.
    Leave,
    /// Something about a community, ordered on this sheet.
    Govern(Option<Overlay>, Box<Order>),
    /// What a sheet shows.
    Look(Look),
    /// Something about the person alone, ordered on this sheet, and what is told when it is done.
    Personal {
        on: Option<Overlay>,
        done: Option<String>,
        order: Box<PersonalCommand>,
    },
    /// Only an error is told, as "what: error".
    Plain(&'static str),
    /// Keeping something under this name; what was kept before, for when it fails.
    Keep(String, String),
    /// What is shown of a place.
    Watch(Slot),
    /// A changed message, kept until the change is stored.
    Edit(Slot, EventId, String),
    /// Nothing is told: it is repeated anyway (typing).
    Silent,
}

/// A short message about what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Its number.
    pub id: u64,
    /// How serious.
    pub tone: Tone,
    /// One sentence.
    pub text: String,
    /// When it goes by itself; `None`: when it is closed.
    pub until: Option<UnixMs>,
    /// Undoes the deletion that it tells about.
    pub undo: Option<EventId>,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Done.
    Good,
    /// For the person to know.
    Neutral,
    /// It did not work.
    Bad,
}

/// All of it.
#[derive(Debug, Default)]
pub struct UiState {
    /// What the person may choose.
    pub settings: Settings,
    /// Where the person is, was, and was last in each community.
    pub places: Places,
    /// What lies above, the topmost last.
    pub overlays: Vec<Overlay>,
    /// Fields of dialogs.
    pub forms: Forms,
    /// What is typed on the sheets about a community, and what the node told for them.
    pub governance: Governance,
    /// What is typed on the sheets about the person alone, and what the node told for them.
    pub personal: Personal,
    /// What is shown and held about voice.
    pub voice: Voice,
    /// Keys that are missing, by channel.
    pub missing: BTreeMap<ChannelId, MissingKey>,
    /// What is typed, by place.
    pub composers: BTreeMap<Slot, Composer>,
    /// Short messages about what happened.
    pub toasts: Vec<Toast>,
    /// Deletions that wait to be undone, and until when.
    pub deleting: BTreeMap<EventId, (ChannelId, UnixMs)>,
    /// Pinned messages, when last asked for.
    pub pins: BTreeMap<ChannelId, Vec<MessageView>>,
    /// Folded categories.
    pub folded: BTreeSet<ChannelId>,
    /// The list of channels lies over a narrow window.
    pub side_open: bool,
    /// The message that has the keyboard's focus, by place.
    pub focused: BTreeMap<Slot, EventId>,
    /// What the quick switcher searches.
    pub(crate) switcher: crate::views::SwitcherIndex,
    /// The picture of the last invite link.
    pub(crate) qr: crate::widgets::QrPicture,
    /// What the timelines keep between frames.
    pub(crate) timelines: BTreeMap<Slot, crate::views::TimelineState>,
    /// Rows of the list of members.
    pub(crate) member_rows: crate::views::MemberRows,
    /// Decoded pictures.
    pub(crate) pictures: crate::pictures::Pictures,
    /// The width and height of the window at the last frame.
    pub(crate) size: egui::Vec2,
    asks: BTreeMap<AskId, Purpose>,
    ask_last: u64,
    toast_last: u64,
    watched: BTreeMap<Slot, WindowAt>,
    wanted_at: BTreeMap<Slot, WindowAt>,
    kept: BTreeMap<String, String>,
    loaded: bool,
    /// The node took orders at the last refresh: what is due can be carried out.
    serving: bool,
    /// The store refuses writes: nothing is handed over to be kept, or each refusal would bring the next.
    refusing: bool,
    arriving: Option<(CommunityId, Option<ChannelId>)>,
    arrived: Option<(CommunityId, UnixMs)>,
    /// The list of conversations was asked for, though there may be none.
    at_directs: bool,
    rules: BTreeMap<[u8; 32], Rule>,
    /// When the time left of a code that is shown changes next.
    countdown: Option<UnixMs>,
    unsent_last: u64,
    styled: Option<Settings>,
    typed_at: BTreeMap<ChannelId, UnixMs>,
}

impl UiState {
    /// Nothing open, nothing typed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a command is under way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.asks.is_empty()
    }

    pub(crate) fn ask(&mut self, purpose: Purpose, command: Command) -> Effect {
        self.ask_last += 1;
        let ask = AskId(self.ask_last);
        self.asks.insert(ask, purpose);
        Effect::Submit { ask, command }
    }

    pub(crate) fn toast(&mut self, tone: Tone, text: impl Into<String>, now: UnixMs) {
        /// Milliseconds that a message stays: long enough to read two lines (about 20 words).
        const STAYS_MS: u64 = 6_000;
        /// Messages at once; the oldest go first.
        const TOASTS_MAX: usize = 4;
        self.toast_last += 1;
        let until = (tone != Tone::Bad).then_some(UnixMs(now.0 + STAYS_MS));
        self.toasts.push(Toast {
            id: self.toast_last,
            tone,
            text: text.into(),
            until,
            undo: None,
        });
        if self.toasts.len() > TOASTS_MAX {
            self.toasts.remove(0);
        }
    }

    /// Rows that the timeline of a place measured in the last frame: what is not near the viewport is not.
    #[must_use]
    pub fn rows_measured(&self, slot: Slot) -> usize {
        self.timelines.get(&slot).map_or(0, |of| of.measured())
    }

    pub(crate) fn top(&self) -> Option<&Overlay> {
        self.overlays.last()
    }

    /// Applies the settings to the context when they changed.
    pub(crate) fn style(&mut self, ctx: &egui::Context) {
        if self.styled.as_ref() != Some(&self.settings) {
            crate::theme::apply(ctx, &self.settings);
            self.styled = Some(self.settings.clone());
        }
    }
}
