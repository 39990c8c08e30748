//! Writing, and what is done with messages.

use alloquy_api::Command;
use alloquy_api::command::WindowAt;
use alloquy_ids::{ChannelId, CommunityId, EventId, UnixMs};

use super::apply::{channel_ref, stepped};
use super::{Direction, Mode, Overlay, Purpose, Slot, Toast, Tone, UiState, Unsent};
use crate::action::Action;
use crate::effect::Effect;
use crate::model::Model;
use crate::words::say;

/// Milliseconds in which a deletion can be undone.
const UNDO_MS: u64 = 5_000;
/// Milliseconds between two signals that one is typing; others show it for 8 s.
const TYPING_EVERY_MS: u64 = 3_000;

impl UiState {
    pub(super) fn write(&mut self, action: Action, model: &Model) -> Vec<Effect> {
        match action {
            Action::Send(slot) => self.send(slot, model),
            Action::Insert(slot, text) => {
                self.close_picker(&text);
                let composer = self.composers.entry(slot).or_default();
                let at = composer.cursor_to.unwrap_or(composer.cursor);
                let at = at.min(composer.text.chars().count());
                let byte = composer.text.char_indices().nth(at);
                let byte = byte.map_or(composer.text.len(), |(byte, _)| byte);
                composer.text.insert_str(byte, &text);
                composer.cursor_to = Some(at + text.chars().count());
                composer.focus = true;
                composer.dirty_since.get_or_insert(model.clock.now);
                Vec::new()
            }
            Action::StartReply(slot, message) => {
                let composer = self.composers.entry(slot).or_default();
                composer.cancel();
                composer.mode = Mode::Reply(message);
                self.focused.remove(&slot);
                Vec::new()
            }
            Action::StartEdit(slot, message) => {
                if let Some(text) = self.text_of(slot, message, model) {
                    self.composers
                        .entry(slot)
                        .or_default()
                        .start_edit(message, &text);
                    self.focused.remove(&slot);
                }
                Vec::new()
            }
            Action::EditLast(slot) => {
                let me = model.me();
                let messages = messages_of(slot, model);
                let own = messages
                    .iter()
                    .rev()
                    .find(|view| view.author == me && !view.deleted);
                match own.map(|view| view.id) {
                    Some(id) => self.write(Action::StartEdit(slot, id), model),
                    None => Vec::new(),
                }
            }
            Action::CancelMode(slot) => {
                self.composers.entry(slot).or_default().cancel();
                Vec::new()
            }
            Action::Typing(channel) => self.typing(channel, model.clock.now),
            Action::Retry(slot, id) => {
                let composer = self.composers.entry(slot).or_default();
                let Some(at) = composer.unsent.iter().position(|unsent| unsent.id == id) else {
                    return Vec::new();
                };
                let unsent = composer.unsent.remove(at);
                if let Some(message) = unsent.edits {
                    return vec![self.submit_edit(slot, message, unsent.text)];
                }
                vec![self.submit_message(slot, unsent.text, unsent.reply_to)]
            }
            Action::DropUnsent(slot, id) => {
                let composer = self.composers.entry(slot).or_default();
                composer.unsent.retain(|unsent| unsent.id != id);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Closes the emoji picker that an emoji came from.
    fn close_picker(&mut self, emoji: &str) {
        let before = self.overlays.len();
        self.overlays
            .retain(|overlay| !matches!(overlay, Overlay::Emoji(..)));
        if self.overlays.len() < before {
            self.settings.use_emoji(emoji);
        }
    }

    fn text_of(&self, slot: Slot, message: EventId, model: &Model) -> Option<String> {
        let messages = messages_of(slot, model);
        let view = messages.iter().find(|view| view.id == message)?;
        Some(view.text.clone())
    }

    fn typing(&mut self, channel: ChannelId, now: UnixMs) -> Vec<Effect> {
        let last = self.typed_at.get(&channel).map_or(0, |at| at.0);
        if now.0.saturating_sub(last) < TYPING_EVERY_MS {
            return Vec::new();
        }
        self.typed_at.insert(channel, now);
        let command = Command::Typing {
            channel: channel_ref(channel),
        };
        vec![self.ask(Purpose::Silent, command)]
    }

    fn send(&mut self, slot: Slot, model: &Model) -> Vec<Effect> {
        let composer = self.composers.entry(slot).or_default();
        let text = composer.text.trim_matches(['\n', ' ']).to_owned();
        if text.is_empty() || text.len() > alloquy_api::limits::TEXT_BYTES_MAX {
            return Vec::new();
        }
        composer.error = None;
        if text.starts_with('/') && !matches!(composer.mode, Mode::Edit(_)) {
            return self.send_line(slot, text, model);
        }
        let mode = composer.mode;
        composer.mode = Mode::New;
        composer.text.clear();
        composer.cursor_to = Some(0);
        composer.dirty_since = Some(UnixMs(0));
        composer.focus = true;
        match mode {
            Mode::New => self.send_new(slot, text, None),
            Mode::Reply(message) => self.send_new(slot, text, Some(message)),
            Mode::Edit(message) => {
                composer.text = std::mem::take(&mut composer.before_edit);
                composer.cursor_to = Some(composer.text.chars().count());
                vec![self.submit_edit(slot, message, text)]
            }
        }
    }

    fn send_new(&mut self, slot: Slot, text: String, reply_to: Option<EventId>) -> Vec<Effect> {
        // What one writes is seen: the timeline goes to its end.
        self.want_window(slot, WindowAt::End);
        self.timelines.entry(slot).or_default().follow_end();
        vec![self.submit_message(slot, text, reply_to)]
    }

    fn submit_message(&mut self, slot: Slot, text: String, reply_to: Option<EventId>) -> Effect {
        self.unsent_last += 1;
        let id = self.unsent_last;
        self.composers.entry(slot).or_default().unsent.push(Unsent {
            id,
            text: text.clone(),
            reply_to,
            edits: None,
            error: None,
            stored: None,
        });
        let command = match (slot.thread, reply_to) {
            (Some(message), _) => Command::Thread {
                message,
                text,
                embeds: Vec::new(),
            },
            (None, Some(message)) => Command::Reply {
                message,
                text,
                embeds: Vec::new(),
            },
            (None, None) => Command::Send {
                channel: channel_ref(slot.channel),
                text,
                embeds: Vec::new(),
            },
        };
        self.ask(Purpose::Send(slot, id), command)
    }

    fn submit_edit(&mut self, slot: Slot, message: EventId, text: String) -> Effect {
        let purpose = Purpose::Edit(slot, message, text.clone());
        self.ask(purpose, Command::Edit { message, text })
    }

    /// A change that was not stored stands with what could not be sent, to be tried again.
    pub(super) fn edit_failed(
        &mut self,
        slot: Slot,
        (message, text): (EventId, String),
        why: &str,
    ) {
        self.unsent_last += 1;
        let unsent = Unsent {
            id: self.unsent_last,
            text,
            reply_to: None,
            edits: Some(message),
            error: Some(say::edit_failed(why)),
            stored: None,
        };
        self.composers.entry(slot).or_default().unsent.push(unsent);
    }

    // ---- with a message

    pub(super) fn on_message(&mut self, action: Action, model: &Model) -> Vec<Effect> {
        match action {
            Action::FocusMessage(slot, direction) => {
                let messages = messages_of(slot, model);
                let ids = messages.iter().map(|view| view.id);
                let ids: Vec<_> = ids.filter(|id| !self.deleting.contains_key(id)).collect();
                let from = self.focused.get(&slot).copied();
                match (from, direction) {
                    (None, _) => self.focus_message(slot, ids.last().copied()),
                    (Some(id), Direction::Next) if ids.last() == Some(&id) => {
                        self.focused.remove(&slot);
                        self.composers.entry(slot).or_default().focus = true;
                    }
                    // Above the first one is nothing, not the last one.
                    (Some(id), Direction::Previous) if ids.first() == Some(&id) => {}
                    (from, direction) => self.focus_message(slot, stepped(&ids, from, direction)),
                }
                Vec::new()
            }
            Action::ToggleReaction(channel, message, emoji) => {
                self.close_picker(&emoji);
                let own = self.has_own_reaction(channel, message, &emoji, model);
                let command = if own {
                    Command::Unreact { message, emoji }
                } else {
                    Command::React { message, emoji }
                };
                vec![self.ask(Purpose::Plain(say::not_reacted()), command)]
            }
            Action::Delete(channel, message) => {
                self.delete_later(channel, message, model.clock.now);
                Vec::new()
            }
            Action::UndoDelete(message) => {
                self.deleting.remove(&message);
                self.toasts.retain(|toast| toast.undo != Some(message));
                Vec::new()
            }
            Action::Pin(_, message) => {
                vec![self.ask(Purpose::Plain(say::not_pinned()), Command::Pin { message })]
            }
            Action::Unpin(channel, message) => {
                if let Some(pins) = self.pins.get_mut(&channel) {
                    pins.retain(|pin| pin.id != message);
                }
                vec![self.ask(
                    Purpose::Plain(say::not_unpinned()),
                    Command::Unpin { message },
                )]
            }
            Action::MarkUnread(channel, message) => self.mark_unread(channel, message, model),
            Action::Reveal(message, part) => {
                for timeline in self.timelines.values_mut() {
                    timeline.reveal(message, part);
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Deletes a message unless that is taken back in time.
    fn delete_later(&mut self, channel: ChannelId, message: EventId, now: UnixMs) {
        let until = UnixMs(now.0 + UNDO_MS);
        self.deleting.insert(message, (channel, until));
        self.toast_last += 1;
        self.toasts.push(Toast {
            id: self.toast_last,
            tone: Tone::Neutral,
            text: say::message_deleted_now().to_owned(),
            until: Some(until),
            undo: Some(message),
        });
    }

    fn mark_unread(&mut self, channel: ChannelId, message: EventId, model: &Model) -> Vec<Effect> {
        let messages = messages_of(Slot::channel(channel), model);
        let at = messages.iter().position(|view| view.id == message);
        let before = at.and_then(|at| messages.get(at.checked_sub(1)?));
        let Some(before) = before.map(|view| view.id) else {
            return Vec::new();
        };
        if let Some(view) = at.and_then(|at| messages.get(at)) {
            let slot = Slot::channel(channel);
            let timeline = self.timelines.entry(slot).or_default();
            timeline.mark_unread(message, view.time);
        }
        let command = Command::MarkRead {
            channel: channel_ref(channel),
            message: Some(before),
        };
        vec![self.ask(Purpose::Plain(say::not_marked()), command)]
    }

    /// Shows a message where it stands; what is not loaded is asked for.
    pub(super) fn go_message(
        &mut self,
        (community, channel): (CommunityId, ChannelId),
        message: EventId,
        model: &Model,
    ) {
        self.overlays.clear();
        self.go_channel(community, channel);
        let slot = Slot::channel(channel);
        let shown = messages_of(slot, model)
            .iter()
            .any(|view| view.id == message);
        if !shown {
            self.want_window(slot, WindowAt::Around(message));
        }
        self.timelines.entry(slot).or_default().go_to(message);
    }

    fn focus_message(&mut self, slot: Slot, message: Option<EventId>) {
        if let Some(message) = message {
            self.focused.insert(slot, message);
            self.timelines
                .entry(slot)
                .or_default()
                .bring_into_view(message);
        }
    }

    fn has_own_reaction(
        &self,
        channel: ChannelId,
        message: EventId,
        emoji: &str,
        model: &Model,
    ) -> bool {
        let threads = model.snapshot.threads.values();
        let windows = model.window(channel).into_iter();
        let mut messages = windows
            .chain(threads.map(AsRef::as_ref))
            .flat_map(|window| &window.messages);
        let view = messages.find(|view| view.id == message);
        view.is_some_and(|view| {
            let mut of_emoji = view.reactions.iter().filter(|of| of.emoji == emoji);
            of_emoji.any(|of| of.accounts.contains(&model.me()))
        })
    }

    /// Lets go of sent messages that the snapshot shows as stored, or that stand where no window is.
    pub(super) fn drop_stored(&mut self, model: &Model) {
        for (slot, composer) in &mut self.composers {
            if composer.unsent.is_empty() {
                continue;
            }
            let watched = match slot.thread {
                Some(root) => model.snapshot.threads.contains_key(&root),
                None => model.snapshot.windows.contains_key(&slot.channel),
            };
            let shown = messages_of(*slot, model);
            composer.unsent.retain(|unsent| {
                unsent
                    .stored
                    .is_none_or(|stored| watched && shown.iter().all(|view| view.id != stored))
            });
        }
    }

    /// Deletes what nobody took back in time.
    pub(super) fn carry_out_deletions(&mut self, now: UnixMs) -> Vec<Effect> {
        let over = self.deleting.iter().filter(|(_, (_, until))| *until <= now);
        let over: Vec<EventId> = over.map(|(message, _)| *message).collect();
        over.into_iter()
            .map(|message| {
                self.deleting.remove(&message);
                self.ask(Purpose::Delete(message), Command::Delete { message })
            })
            .collect()
    }
}

/// The messages that a place shows now.
pub(crate) fn messages_of(
    slot: Slot,
    model: &Model,
) -> &[std::sync::Arc<alloquy_api::reply::MessageView>] {
    let window = match slot.thread {
        Some(root) => model.snapshot.threads.get(&root),
        None => model.snapshot.windows.get(&slot.channel),
    };
    window.map_or(&[], |window| &window.messages)
}
