//! Everything that a person can do in the window, and how each is reached without a mouse.

use alloquy_api::command::{Availability, ChannelKind, WindowAt};
use alloquy_api::personal::PersonalCommand;
use alloquy_api::{Command, VoiceCommand};
use alloquy_ids::{ChannelId, CommunityId, EventId, InviteId};
use egui::{Key, KeyboardShortcut, Modifiers};
use strum::{EnumDiscriminants, VariantArray};

use crate::irc::IrcOrder;
use crate::settings::{Notify, ThemeChoice};
use crate::state::{Direction, Heard, Look, Order, Overlay, Rule, Slot};
use crate::voice::{SoundOrder, VoiceSettings};

/// One thing done. Views make them, [`crate::UiState::apply`] carries them out.
#[derive(Clone, Debug, PartialEq, EnumDiscriminants)]
#[strum_discriminants(name(ActionKind), derive(VariantArray, PartialOrd, Ord))]
#[strum_discriminants(doc = "The kind of an [`Action`], without its data.")]
pub enum Action {
    // ---- going somewhere
    /// Shows a community, at the channel last seen in it.
    GoCommunity(CommunityId),
    /// Shows the community at this place of the rail, from 1.
    GoCommunityNumber(u8),
    /// Shows the next or the previous community of the rail.
    StepCommunity(Direction),
    /// Shows the list of conversations, at the one last seen.
    GoDirects,
    /// Shows a channel.
    GoChannel(CommunityId, ChannelId),
    /// Shows the next or the previous channel of the list.
    StepChannel(Direction),
    /// Shows the next or the previous channel with something unread.
    StepUnread(Direction),
    /// Goes to where one was before.
    Back,
    /// Undoes [`Action::Back`].
    Forward,
    /// Shows a message where it stands, and marks it for two seconds.
    GoMessage(CommunityId, ChannelId, EventId),
    /// Opens the thread on a message.
    OpenThread(ChannelId, EventId),
    /// Closes the pane of the thread.
    CloseThread,
    /// Marks the channel read and shows its end.
    JumpToPresent,
    /// Loads another part of a place's messages.
    Load(Slot, WindowAt),
    /// Marks a channel read, because its end is looked at.
    MarkRead(ChannelId),
    /// Moves the timeline by a page.
    ScrollPage(Direction),
    /// Folds a category, or unfolds it.
    FoldCategory(ChannelId),

    // ---- what lies above
    /// Opens a sheet, a dialog or a picker.
    Open(Overlay),
    /// Closes the topmost of what can be closed: picker, sheet, mode of the composer, focus.
    Dismiss,
    /// Shows the members beside the channel, or hides them.
    ToggleMembers,
    /// Shows the list of channels over a narrow window, or hides it.
    ToggleSide,

    // ---- writing
    /// Sends what is in the composer.
    Send(Slot),
    /// Puts a text where the cursor of the composer is.
    Insert(Slot, String),
    /// Answers a message.
    StartReply(Slot, EventId),
    /// Changes an own message.
    StartEdit(Slot, EventId),
    /// Changes the last own message.
    EditLast(Slot),
    /// Leaves the mode of answering or changing.
    CancelMode(Slot),
    /// Tells others that one is typing.
    Typing(ChannelId),
    /// Sends a message again that could not be sent.
    Retry(Slot, u64),
    /// Drops a message that could not be sent.
    DropUnsent(Slot, u64),

    // ---- with a message
    /// Puts the keyboard's focus on the next or the previous message.
    FocusMessage(Slot, Direction),
    /// Adds an own reaction or takes it away.
    ToggleReaction(ChannelId, EventId, String),
    /// Deletes a message, after five seconds in which it can be undone.
    Delete(ChannelId, EventId),
    /// Takes a deletion back that has not happened yet.
    UndoDelete(EventId),
    /// Pins a message.
    Pin(ChannelId, EventId),
    /// Takes a pin away.
    Unpin(ChannelId, EventId),
    /// Marks everything read up to before this message.
    MarkUnread(ChannelId, EventId),
    /// Puts a text into the clipboard.
    Copy(String),
    /// Shows or hides a spoiler or the rest of a long message.
    Reveal(EventId, u32),

    // ---- communities and people
    /// Makes a community.
    CreateCommunity(String, Option<String>),
    /// Looks at what an invite link says.
    InspectInvite(String),
    /// Joins by a link.
    Join(String),
    /// Asks to be let into a community that is announced on the local network.
    JoinNearby(CommunityId),
    /// Makes an invite link.
    MakeInvite(CommunityId, Option<u32>, Option<u64>),
    /// Takes an invite link back.
    RevokeInvite(CommunityId, InviteId),
    /// Leaves a community.
    Leave(CommunityId),
    /// Makes a channel.
    CreateChannel(CommunityId, ChannelKind, String, bool),
    /// Mutes a channel or lets it be heard.
    ToggleMute(ChannelId),
    /// Makes a rule of when the desktop is told of a conversation, a community or a channel.
    SetRule(Heard, Rule),
    /// Does something to a member, a role or a channel, as the menu of it offers; what is told when it is done.
    Moderate(Box<Command>, String),
    /// Changes what a community is run with: roles, permissions, invites, rules.
    Govern(Box<Order>),
    /// Asks the node for invites, or for older operations of the log.
    Look(Look),

    // ---- voice
    /// Gives an order about voice: join, leave, mute and the like.
    Voice(VoiceCommand),
    /// Shows who is in a voice channel, instead of its messages.
    ShowRoom(CommunityId, ChannelId),
    /// Shows the messages of a voice channel, instead of who is in it.
    ShowChat(CommunityId, ChannelId),
    /// Changes what the audio engine works by.
    SetVoice(VoiceSettings),
    /// Talks while a key is held, or tests the microphone.
    Sound(SoundOrder),

    // ---- oneself
    /// Gives an order about conversations, contacts, devices, recovery words or home nodes.
    Personal(Box<PersonalCommand>),
    /// Makes this computer a device of an account, by the code or link that another device shows.
    LinkThisDevice(String),
    /// Leaves that.
    StopLinking,
    /// Brings an account back by its recovery words, from where it may be found; whether its other devices end.
    Restore(String, String, bool),
    /// Puts the reminder to find the recovery words again off.
    PutCheckOff,
    /// Puts the hint about home nodes away.
    ReadHomeHint,
    /// Opens or shuts the door for IRC clients, makes or ends an app password.
    Irc(IrcOrder),
    /// Makes the account of a first run.
    CreateAccount(String),
    /// Opens a sealed store.
    Unlock(String),
    /// Starts the node again.
    Restart,
    /// Changes the display name.
    SetName(String),
    /// Changes the line beside the own name.
    SetStatus(String),
    /// Changes the text on the own card.
    SetAbout(String),
    /// Changes how one is seen.
    SetAvailability(Availability),
    /// Asks for the recovery words.
    ShowRecovery,
    /// Puts the banner about them off for some days.
    PutRecoveryOff,
    /// Confirms three of them.
    ConfirmRecovery([(u8, String); 3]),

    // ---- settings
    /// Chooses the colours.
    SetTheme(ThemeChoice),
    /// Makes everything bigger or smaller by a step.
    Zoom(Direction),
    /// Makes everything as big as designed.
    ZoomReset,
    /// Whether things may move.
    SetReducedMotion(bool),
    /// Whether times are of twelve hours.
    SetTwelveHours(bool),
    /// Whether previews of addresses are shown.
    SetPreviews(bool),
    /// When the desktop is told.
    SetNotify(Notify),
    /// Whether notifications show the text.
    SetNotifyText(bool),
    /// Opens a link in the system's browser.
    OpenLink(String),
    /// Dismisses a message about what happened.
    DismissToast(u64),
    /// Whether the node goes on when the window closes.
    SetBackground(bool),
    /// Closes the window; asks first, once, whether the node goes on.
    Close,
    /// Closes the window and ends the node.
    Quit,
}

/// How an action is reached without a mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By this shortcut, wherever the focus is.
    Shortcut(&'static str, KeyboardShortcut),
    /// By this key while a message has the focus.
    MessageKey(&'static str),
    /// By keys of the composer.
    ComposerKey(&'static str),
    /// By moving the focus with Tab or arrows: to what, and where.
    Focus(&'static str),
}

impl Reach {
    /// The keys, or the way to the thing, as written for people.
    #[must_use]
    pub fn keys(&self) -> String {
        match self {
            // The names of other systems' keys are shown by their own packages, when there are some.
            Self::Shortcut(_, shortcut) => shortcut.format(&egui::ModifierNames::NAMES, false),
            Self::MessageKey(keys) | Self::ComposerKey(keys) | Self::Focus(keys) => {
                (*keys).to_owned()
            }
        }
    }
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

const fn ctrl_alt(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::ALT), key)
}

const fn alt(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::ALT, key)
}

const fn alt_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::ALT.plus(Modifiers::SHIFT), key)
}

const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

impl ActionKind {
    /// Every kind.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// What it does, in a few words, for the page of shortcuts.
    #[must_use]
    pub fn label(self) -> &'static str {
        table::label(self)
    }

    /// How it is reached without a mouse; at least one way each.
    #[must_use]
    pub fn reach(self) -> Vec<Reach> {
        table::reach(self)
    }
}

mod table;
