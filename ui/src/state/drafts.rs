//! What is typed and not yet sent, and what was sent and is not yet stored.

use alloquy_api::command::DRAFT_PREFIX;
use alloquy_ids::{ChannelId, EventId, UnixMs};

use super::Slot;

/// What the composer's text is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A new message.
    #[default]
    New,
    /// An answer to this message.
    Reply(EventId),
    /// This message, changed.
    Edit(EventId),
}

/// A message that the node has not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Its number in the window.
    pub id: u64,
    /// Its text.
    pub text: String,
    /// What it answers.
    pub reply_to: Option<EventId>,
    /// The message that it is to replace, when it is a change that failed.
    pub edits: Option<EventId>,
    /// Why it was not stored; `None` while it is on its way.
    pub error: Option<String>,
    /// The message that it became, until the snapshot shows that: without this it would vanish for a moment.
    pub stored: Option<EventId>,
}

/// The composer of one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Composer {
    /// What is typed.
    pub text: String,
    /// What it is for.
    pub mode: Mode,
    /// What was typed before a message was edited: it comes back afterwards.
    pub before_edit: String,
    /// Messages on their way, oldest first.
    pub unsent: Vec<Unsent>,
    /// Where the cursor is put at the next frame, in characters.
    pub cursor_to: Option<usize>,
    /// The composer takes the keyboard's focus at the next frame.
    pub focus: bool,
    /// The chosen row of the completions.
    pub completion_row: usize,
    /// The completions were closed for this text.
    pub completion_closed: bool,
    /// Where the cursor was at the last frame, in characters.
    pub cursor: usize,
    /// Part of the text was selected at the last frame.
    pub selected: bool,
    /// An input method holds the keys: Enter belongs to it.
    pub composing: bool,
    /// What was typed after Enter in one frame: it is for the next one, when the message has left.
    pub(crate) held: Vec<egui::Event>,
    /// What may complete the word before the cursor.
    pub(crate) completions: crate::views::Completions,
    /// Why the last line that began with `/` was not carried out.
    pub error: Option<String>,
    /// Since when the text differs from what is kept.
    pub dirty_since: Option<UnixMs>,
}

impl Composer {
    /// What of it survives a restart: a new text, not an edit; before it what could not be sent.
    #[must_use]
    pub fn draft(&self) -> String {
        let typed = match self.mode {
            Mode::Edit(_) => &self.before_edit,
            Mode::New | Mode::Reply(_) => &self.text,
        };
        let failed = self.unsent.iter().filter(|unsent| unsent.error.is_some());
        let mut draft: String = failed
            .flat_map(|unsent| [unsent.text.as_str(), "\n"])
            .collect();
        draft.push_str(typed);
        draft
    }

    /// Begins to change a message.
    pub fn start_edit(&mut self, message: EventId, text: &str) {
        if !matches!(self.mode, Mode::Edit(_)) {
            self.before_edit = std::mem::take(&mut self.text);
        }
        text.clone_into(&mut self.text);
        self.mode = Mode::Edit(message);
        self.cursor_to = Some(self.text.chars().count());
        self.focus = true;
    }

    /// Leaves the mode; what was typed before an edit comes back.
    pub fn cancel(&mut self) {
        if matches!(self.mode, Mode::Edit(_)) {
            self.text = std::mem::take(&mut self.before_edit);
            self.cursor_to = Some(self.text.chars().count());
        }
        self.mode = Mode::New;
        self.focus = true;
    }
}

/// The name under which a place's draft is kept.
pub(super) fn kept_as(slot: Slot) -> String {
    match slot.thread {
        Some(thread) => format!("{DRAFT_PREFIX}{}/{}", slot.channel.short(), thread),
        None => format!("{DRAFT_PREFIX}{}", slot.channel),
    }
}

/// The place whose draft is kept under a name. Drafts of threads find their channel among those known.
pub(super) fn slot_of(name: &str, channels: &[ChannelId]) -> Option<Slot> {
    let rest = name.strip_prefix(DRAFT_PREFIX)?;
    match rest.split_once('/') {
        None => Some(Slot::channel(rest.parse().ok()?)),
        Some((short, thread)) => Some(Slot {
            channel: *channels.iter().find(|channel| channel.short() == short)?,
            thread: Some(thread.parse().ok()?),
        }),
    }
}
