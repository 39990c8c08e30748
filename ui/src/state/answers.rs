//! What comes back from the node: outcomes of commands, newer snapshots, events.

use alloquy_api::command::{Window, WindowAt};
use alloquy_api::personal::DirectKind;
use alloquy_api::reply::MessageView;
use alloquy_api::{Command, CommandError, ErrorCode, Event, Reply};
use alloquy_ids::{ChannelId, CommunityId, UnixMs};

use super::{InviteMade, MissingKey, Mode, Overlay, Place, Purpose, Slot, Tone, UiState};
use crate::effect::{AskId, Effect};
use crate::model::{Model, Phase};
use crate::settings::Notify;
use crate::text;
use crate::words::say;

/// Messages of a window: some screens up and down, so that scrolling rarely waits for the node.
pub(crate) const WINDOW_MESSAGES: u32 = 200;
/// Milliseconds after a join in which the place follows the entrance of the community: content comes in some
/// seconds at most.
const ARRIVAL_MS: u64 = 10_000;
/// Characters of a notification's text.
const NOTIFICATION_CHARS_MAX: usize = 160;

/// Why a join or a look at a link failed, and what to do about it, for somebody who never saw an invite before.
fn in_plain_words(error: &CommandError) -> String {
    let words = match error.code {
        ErrorCode::InviteInvalid => say::invite_invalid(),
        ErrorCode::InviteExpired => say::invite_expired(),
        ErrorCode::InviteUsedUp => say::invite_used_up(),
        ErrorCode::Timeout => say::invite_nobody_reached(),
        ErrorCode::Parse => say::invite_no_link(),
        _ => return error.message.clone(),
    };
    words.to_owned()
}

/// Whether a sheet is about joining or making a community.
const fn waits_for_a_join(open: &Overlay) -> bool {
    matches!(open, Overlay::JoinCard | Overlay::AddCommunity)
}

impl UiState {
    /// Takes a newer model in. To be called whenever snapshot or phase changed, and when [`UiState::due`] came.
    pub fn refresh(&mut self, model: &Model) -> Vec<Effect> {
        if !self.overlays.contains(&Overlay::Recovery) {
            // However the sheet was closed, the words do not stay behind it.
            self.forms.forget_recovery();
        }
        if model.phase == Phase::Running && !self.overlays.contains(&Overlay::CheckRecovery) {
            // Nor those that were typed to come back by.
            self.personal.forget_words();
        }
        let now = model.clock.now;
        self.toasts
            .retain(|toast| toast.until.is_none_or(|until| until > now));
        self.serving = false;
        if matches!(model.phase, Phase::Failed(_)) {
            self.forms.node_ended();
        }
        if model.phase != Phase::Running {
            // A node that starts again shows no window until it is asked to.
            self.watched.clear();
            self.voice.forget();
            return Vec::new();
        }
        let door = self.load(model).map(Effect::Irc);
        self.unmute_lapsed(now);
        self.count_down(model);
        if self.loaded {
            self.count_recovery(model);
        }
        self.serving = self.loaded;
        self.refusing = model.snapshot.trouble.is_some();
        self.settle_place(model);
        self.rest_timelines();
        self.drop_stored(model);
        let mut effects = self.carry_out_deletions(now);
        effects.extend(door);
        effects.extend(self.tell_engine(model));
        effects.extend(self.watch());
        effects.extend(self.inspect_link(model));
        if !self.refusing {
            effects.extend(self.save(Some(now)));
        }
        effects
    }

    /// When something lapses by itself next: the window has to be woken then.
    #[must_use]
    pub fn due(&self) -> Option<UnixMs> {
        let toasts = self.toasts.iter().filter_map(|toast| toast.until);
        // What only a node can carry out waits for one: nobody is woken for it before.
        let deletions = self.deleting.values().map(|(_, until)| *until);
        let deletions = deletions.filter(|_| self.serving);
        let drafts = self.save_due().filter(|_| self.serving && !self.refusing);
        let muted = self.unmute_due();
        let due = toasts.chain(deletions).chain(drafts);
        due.chain(muted).chain(self.pairing_due()).min()
    }

    /// Leaves places that are gone and finds one where there is none.
    fn settle_place(&mut self, model: &Model) {
        if model.snapshot.account.is_none() {
            // A node that has told nothing yet: nothing is gone because of that.
            return;
        }
        self.arrive(model);
        if let Some(entrance) = self.entrance(model) {
            self.places.replace(entrance);
        }
        let mut place = self.places.now();
        if place.community.is_none() && self.at_directs {
            return;
        }
        let community = place
            .community
            .filter(|id| model.snapshot.communities.contains_key(id))
            .or_else(|| model.rail().first().copied());
        if community != place.community {
            place = Place {
                community,
                ..Place::default()
            };
        }
        let Some(id) = community else {
            self.places.replace(Place::default());
            return;
        };
        if place
            .channel
            .is_none_or(|channel| model.channel(id, channel).is_none())
        {
            place.channel = self.entry_channel(model, id);
            place.thread = None;
        }
        if place != self.places.now() {
            self.places.replace(place);
        }
        if model.kind(id).is_some() {
            self.places.note_direct();
        }
    }

    /// Goes to what was made or joined as soon as the snapshot shows it: the outcome may come before.
    fn arrive(&mut self, model: &Model) {
        let Some((community, channel)) = self.arriving else {
            return;
        };
        let entry = match channel {
            Some(channel) => model.channel(community, channel).map(|view| view.channel),
            None => self.entry_channel(model, community),
        };
        // A community is entered even before its channels are here: the place fills in when they come.
        if entry.is_some() || (channel.is_none() && model.community(community).is_some()) {
            self.arriving = None;
            // A channel that was made is where one wants to be, however short ago one came here.
            let until = UnixMs(model.clock.now.0 + ARRIVAL_MS);
            self.arrived = channel.is_none().then_some((community, until));
            self.places.go(Place {
                community: Some(community),
                channel: entry,
                thread: None,
            });
        }
    }

    /// The entrance of a community that was just joined: its channels come one by one, and the first to come
    /// need not be the one that people enter by. Whoever has gone somewhere or typed something stays there.
    fn entrance(&mut self, model: &Model) -> Option<Place> {
        let (community, until) = self.arrived?;
        let place = self.places.now();
        let typed = place.slot().and_then(|slot| self.composers.get(&slot));
        let stays = typed.is_some_and(|composer| !composer.text.is_empty());
        if model.clock.now > until || place.community != Some(community) || stays {
            self.arrived = None;
            return None;
        }
        let channel = self.first_channel(model, community)?;
        Some(Place {
            community: Some(community),
            channel: Some(channel),
            thread: None,
        })
    }

    /// The first text channel of a community, as the list shows it.
    fn first_channel(&self, model: &Model, community: CommunityId) -> Option<ChannelId> {
        use alloquy_api::command::ChannelKind;
        let shown = crate::views::channel_order(model.community(community)?, &self.folded);
        let mut shown = shown.into_iter();
        shown
            .find(|view| view.kind == ChannelKind::Text)
            .map(|view| view.channel)
    }

    /// The channel that a community is entered by: the one last seen, or its first text channel.
    pub(super) fn entry_channel(&self, model: &Model, community: CommunityId) -> Option<ChannelId> {
        let last = self.places.last_in(community);
        let last = last.filter(|channel| model.channel(community, *channel).is_some());
        last.or_else(|| self.first_channel(model, community))
    }

    /// Lets go of what the timelines of places that are not shown have laid out: there may be thousands in a
    /// long life of the window.
    fn rest_timelines(&mut self) {
        let place = self.places.now();
        let shown = [place.slot(), place.thread_slot()];
        for (slot, timeline) in &mut self.timelines {
            if !shown.contains(&Some(*slot)) {
                timeline.rest();
            }
        }
    }

    /// Watches what is shown, and nothing else.
    fn watch(&mut self) -> Vec<Effect> {
        let place = self.places.now();
        let slots: Vec<Slot> = place
            .slot()
            .into_iter()
            .chain(place.thread_slot())
            .collect();
        let mut effects = Vec::new();
        let gone: Vec<Slot> = self
            .watched
            .keys()
            .filter(|slot| !slots.contains(slot))
            .copied()
            .collect();
        for slot in gone {
            self.watched.remove(&slot);
            let command = Command::Unwatch {
                channel: slot.channel,
                thread: slot.thread,
            };
            effects.push(self.ask(Purpose::Silent, command));
        }
        for slot in slots {
            let at = self.wanted_at.get(&slot).copied().unwrap_or(WindowAt::End);
            if self.watched.get(&slot) != Some(&at) {
                self.watched.insert(slot, at);
                let window = Window {
                    channel: slot.channel,
                    thread: slot.thread,
                    at,
                    limit: WINDOW_MESSAGES,
                };
                effects.push(self.ask(Purpose::Watch(slot), Command::Watch { window }));
            }
        }
        effects
    }

    /// Asks for another part of a place's messages.
    pub(crate) fn want_window(&mut self, slot: Slot, at: WindowAt) {
        self.wanted_at.insert(slot, at);
    }

    /// Takes the outcome of a question in.
    pub fn answered(
        &mut self,
        ask: AskId,
        result: Result<Reply, CommandError>,
        model: &Model,
    ) -> Vec<Effect> {
        let Some(purpose) = self.asks.remove(&ask) else {
            return Vec::new();
        };
        match result {
            Ok(reply) => self.succeeded(purpose, reply, model),
            Err(error) => {
                self.failed(purpose, &error, model.clock.now);
                Vec::new()
            }
        }
    }

    fn succeeded(&mut self, purpose: Purpose, reply: Reply, model: &Model) -> Vec<Effect> {
        match (purpose, reply) {
            (Purpose::OpenCommunity, Reply::Community { community }) => {
                self.joined(community, model);
                return self.refresh(model);
            }
            (Purpose::OpenCommunity, Reply::Requested { .. }) => {
                self.join_requested(model);
                return self.refresh(model);
            }
            (Purpose::OpenChannel(community), Reply::Channel { channel }) => {
                self.forms.channel.clear();
                self.overlays.clear();
                self.arriving = Some((community, Some(channel)));
                return self.refresh(model);
            }
            (Purpose::InviteLink(community), Reply::Invite { invite, id }) => {
                self.forms.invite_revoked = false;
                self.forms.invite = Some(InviteMade {
                    community,
                    id,
                    link: invite,
                    made: model.clock.now,
                    copied: false,
                });
            }
            // An answer about a link that was typed over in the meantime is of no use.
            (Purpose::InviteCard(link), Reply::InviteCard { card })
                if self.forms.inspecting.as_ref() == Some(&link) =>
            {
                self.forms.card = Some((link, Ok(card)));
            }
            (Purpose::Send(slot, unsent), reply) => {
                let composer = self.composers.entry(slot).or_default();
                let stored = match reply {
                    Reply::Message { message } => Some(message),
                    _ => None,
                };
                let mut waiting = composer.unsent.iter_mut();
                if let Some(unsent) = waiting.find(|message| message.id == unsent) {
                    unsent.stored = stored;
                }
                if stored.is_none() {
                    composer.unsent.retain(|message| message.id != unsent);
                }
                self.drop_stored(model);
            }
            (Purpose::Line(..), _) => self.toast(Tone::Good, say::done(), model.clock.now),
            (Purpose::Pins(channel), Reply::Pins { pins }) => {
                self.pins.insert(channel, pins);
            }
            (Purpose::RecoveryShow, Reply::Recovery { recovery_words })
                if self.overlays.contains(&Overlay::Recovery) =>
            {
                self.forms.recovery = recovery_words;
            }
            (Purpose::RecoveryConfirm, _) => {
                self.forms.forget_recovery();
                self.overlays
                    .retain(|overlay| *overlay != Overlay::Recovery);
                let done = say::recovery_confirmed();
                self.toast(Tone::Good, done, model.clock.now);
            }
            (Purpose::Leave, _) => {
                self.overlays.clear();
                self.toast(Tone::Neutral, say::community_left(), model.clock.now);
            }
            // Another link may have been made in the meantime: it stays.
            (Purpose::RevokeInvite(id), _)
                if self.forms.invite.as_ref().is_some_and(|made| made.id == id) =>
            {
                self.forms.invite = None;
                self.forms.invite_revoked = true;
            }
            (Purpose::Govern(_, order), reply) => {
                return self.governed(*order, &reply, model.clock.now);
            }
            (Purpose::Personal { on, done, order }, reply) => {
                return self.personal_done((on, *order), done, reply, model);
            }
            (Purpose::Look(look), reply) => self.looked(look, Ok(reply)),
            (Purpose::Moderate(done), _) => {
                self.forms.reason.clear();
                self.overlays
                    .retain(|overlay| !matches!(overlay, Overlay::ConfirmRemoval(..)));
                self.toast(Tone::Good, done, model.clock.now);
            }
            _ => {}
        }
        Vec::new()
    }

    /// A community was made or joined: it is shown, unless the person went on in the meantime.
    fn joined(&mut self, community: CommunityId, model: &Model) {
        self.forms.creating = false;
        self.forms.community.clear();
        self.forms.template = None;
        self.forms.joined();
        if self.places.now().community.is_some() && !self.overlays.iter().any(waits_for_a_join) {
            // Whoever went on is not taken from what is being typed: it would end up elsewhere.
            self.toast(Tone::Good, say::joined_meanwhile(), model.clock.now);
            return;
        }
        self.overlays.clear();
        self.arriving = Some((community, None));
    }

    /// Somebody must let one in first: the community comes by itself when they do.
    fn join_requested(&mut self, model: &Model) {
        self.forms.joined();
        self.overlays.retain(|open| !waits_for_a_join(open));
        self.toast(Tone::Neutral, say::join_requested(), model.clock.now);
    }

    fn failed(&mut self, purpose: Purpose, error: &CommandError, now: UnixMs) {
        let message = error.message.clone();
        match purpose {
            Purpose::OpenCommunity if self.forms.joining => {
                self.forms.joining = false;
                self.forms.join_error = Some(in_plain_words(error));
            }
            Purpose::OpenCommunity => {
                self.forms.creating = false;
                self.forms.create_error = Some(message);
            }
            Purpose::InviteCard(link) if self.forms.inspecting.as_ref() == Some(&link) => {
                self.forms.card = Some((link, Err(in_plain_words(error))));
            }
            Purpose::InviteCard(_) => {}
            Purpose::Send(slot, unsent) => {
                let composer = self.composers.entry(slot).or_default();
                let mut waiting = composer.unsent.iter_mut();
                if let Some(unsent) = waiting.find(|message| message.id == unsent) {
                    unsent.error = Some(message);
                }
            }
            Purpose::Line(slot, line) => {
                let composer = self.composers.entry(slot).or_default();
                if composer.text.is_empty() && composer.mode == Mode::New {
                    composer.cursor_to = Some(line.chars().count());
                    composer.text = line;
                    composer.error = Some(message);
                } else {
                    composer.error = Some(format!("{line}: {message}"));
                }
            }
            Purpose::RecoveryConfirm => self.forms.recovery_error = Some(message),
            Purpose::Delete(_) => self.toast(Tone::Bad, say::not_deleted(message), now),
            Purpose::Leave => self.toast(Tone::Bad, say::not_left(message), now),
            Purpose::InviteLink(_) => self.forms.invite_error = Some(message),
            Purpose::RevokeInvite(_) => {
                self.toast(Tone::Bad, say::invite_still_works(message), now);
            }
            Purpose::Govern(on, _) => self.not_governed(on, error, now),
            Purpose::Look(look) => self.looked(look, Err(error)),
            Purpose::Personal { on, .. } => self.personal_failed(on, error, now),
            Purpose::Moderate(_) => self.toast(Tone::Bad, say::not_done(message), now),
            Purpose::OpenChannel(_) => self.toast(Tone::Bad, say::no_channel_made(message), now),
            Purpose::Edit(slot, edited, text) => {
                self.edit_failed(slot, (edited, text), &message);
                let place = self.places.now();
                if ![place.slot(), place.thread_slot()].contains(&Some(slot)) {
                    let words = say::message_not_changed(message);
                    self.toast(Tone::Bad, words, now);
                }
            }
            Purpose::Keep(name, before) => self.not_kept(name, before, error.code),
            Purpose::Plain(what) => self.toast(Tone::Bad, format!("{what}: {message}"), now),
            Purpose::Pins(_) | Purpose::RecoveryShow => self.toast(Tone::Bad, message, now),
            // Asked for again with the next refresh: an empty place says nothing.
            Purpose::Watch(slot) => drop(self.watched.remove(&slot)),
            Purpose::Silent => {}
        }
    }

    /// Takes an event in: whether the desktop is to be told.
    pub fn observe(&mut self, event: &Event, model: &Model) -> Vec<Effect> {
        match event {
            Event::JoinRefused { message, .. } => {
                self.toast(Tone::Bad, say::join_refused(message), model.clock.now);
                Vec::new()
            }
            Event::DmRequested { .. } => self.requested(model),
            Event::KeyMissing {
                channel,
                holders,
                connected,
                ..
            } => {
                let missing = MissingKey {
                    holders: holders.clone(),
                    connected: *connected,
                };
                self.missing.insert(*channel, missing);
                Vec::new()
            }
            Event::MessageAdded {
                community,
                channel,
                message,
            } => self.message_added((*community, *channel), message, model),
            _ => Vec::new(),
        }
    }

    fn message_added(
        &self,
        (community, channel): (CommunityId, ChannelId),
        message: &MessageView,
        model: &Model,
    ) -> Vec<Effect> {
        let wanted = match self.hears(model, community, channel) {
            Notify::All => true,
            Notify::Mentions => message.mentions_me,
            Notify::Nothing => false,
        };
        let own = message.author == model.me();
        let muted = self.is_muted(community, channel, model.clock.now);
        if !wanted || own || message.arrived_later || muted || model.is_blocked(message.author) {
            return Vec::new();
        }
        let author = model.member(community, message.author);
        let author = author.map_or_else(
            || model.name_of(message.author),
            |view| text::name(&view.name),
        );
        let place = model.channel(community, channel);
        let title = match (model.direct(community), place) {
            (Some(view), _) if view.kind == DirectKind::Group => {
                say::notified_group(author, text::name(&view.name))
            }
            (Some(_), _) | (None, None) => author,
            (None, Some(view)) => say::notified(author, text::name(&view.name)),
        };
        vec![Effect::Notify {
            title,
            body: if self.settings.notify_text {
                text::clean(&text::covered(&message.text), NOTIFICATION_CHARS_MAX)
            } else {
                String::new()
            },
            place: (community, channel),
        }]
    }
}
