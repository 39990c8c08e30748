//! What each action means.

use alloquy_api::Command;
use alloquy_api::command::{ChannelKind, ChannelRef, CommunityRef, ProfileChange, WindowAt};
use alloquy_api::reply::ChannelView;
use alloquy_ids::{ChannelId, CommunityId, UnixMs};

use super::{
    Direction, FirstStep, Heard, Mode, Muted, Overlay, Place, Purpose, Rule, Slot, Tone, UiState,
};
use crate::action::Action;
use crate::effect::Effect;
use crate::model::Model;
use crate::settings::{ZOOM_MAX, ZOOM_MIN, ZOOM_STEP};
use crate::views::channel_order;
use crate::words::say;

/// Milliseconds that the banner about the recovery words is put off: three days.
const PUT_OFF_MS: u64 = 3 * 24 * 3_600_000;

impl UiState {
    /// Carries an action out.
    pub fn apply(&mut self, action: Action, model: &Model) -> Vec<Effect> {
        let mut effects = self.act(action, model);
        effects.extend(self.refresh(model));
        effects
    }

    fn act(&mut self, action: Action, model: &Model) -> Vec<Effect> {
        use Action as A;
        match action {
            A::GoCommunity(_)
            | A::GoCommunityNumber(_)
            | A::StepCommunity(_)
            | A::GoDirects
            | A::GoChannel(..)
            | A::StepChannel(_)
            | A::StepUnread(_)
            | A::Back
            | A::Forward
            | A::GoMessage(..)
            | A::OpenThread(..)
            | A::CloseThread
            | A::JumpToPresent
            | A::Load(..)
            | A::MarkRead(_)
            | A::ScrollPage(_)
            | A::FoldCategory(_) => self.travel(action, model),
            A::Open(overlay) => {
                let mut effects = self.govern_opened(&overlay, model);
                effects.extend(self.personal_opened(&overlay, model));
                effects.extend(self.open(overlay, model.clock.now));
                effects
            }
            A::Govern(order) => vec![self.govern(*order)],
            A::Look(look) => vec![self.look(look)],
            A::Personal(order) => vec![self.personal(*order, model)],
            A::LinkThisDevice(code) => vec![Effect::LinkThisDevice { code }],
            A::StopLinking => vec![Effect::StopLinking],
            A::Irc(order) => self.irc(order),
            A::Voice(_) | A::ShowRoom(..) | A::ShowChat(..) | A::SetVoice(_) | A::Sound(_) => {
                self.act_voice(action)
            }
            A::Restore(words, from, ends_others) => vec![Effect::Restore {
                words,
                from,
                ends_others,
            }],
            A::Close => self.close(),
            A::Dismiss => self.dismiss(model),
            A::ToggleMembers | A::ToggleSide => self.toggle_pane(&action),
            A::Send(_)
            | A::Insert(..)
            | A::StartReply(..)
            | A::StartEdit(..)
            | A::EditLast(_)
            | A::CancelMode(_)
            | A::Typing(_)
            | A::Retry(..)
            | A::DropUnsent(..) => self.write(action, model),
            A::FocusMessage(..)
            | A::ToggleReaction(..)
            | A::Delete(..)
            | A::UndoDelete(_)
            | A::Pin(..)
            | A::Unpin(..)
            | A::MarkUnread(..)
            | A::Reveal(..) => self.on_message(action, model),
            A::Copy(text) => {
                if let Some(made) = &mut self.forms.invite {
                    made.copied |= made.link == text;
                }
                self.toast(Tone::Good, say::copied(), model.clock.now);
                vec![Effect::Copy(text)]
            }
            A::CreateAccount(name) => {
                self.forms.first_step = FirstStep::Key;
                vec![Effect::CreateAccount { name }]
            }
            A::Unlock(passphrase) => vec![Effect::Unlock { passphrase }],
            A::Restart => vec![Effect::Restart],
            A::OpenLink(link) if link.starts_with("alloquy:") => self.open_link(&link, model),
            A::OpenLink(link) => vec![Effect::OpenLink(link)],
            A::Quit => {
                let mut effects = self.save(None);
                effects.push(Effect::Quit);
                effects
            }
            A::DismissToast(id) => {
                self.toasts.retain(|toast| toast.id != id);
                Vec::new()
            }
            A::SetTheme(_)
            | A::Zoom(_)
            | A::ZoomReset
            | A::SetReducedMotion(_)
            | A::SetTwelveHours(_)
            | A::SetPreviews(_)
            | A::SetNotify(_)
            | A::SetNotifyText(_)
            | A::SetBackground(_)
            | A::ToggleMute(_)
            | A::SetRule(..)
            | A::PutCheckOff
            | A::ReadHomeHint
            | A::PutRecoveryOff => self.set(&action, model.clock.now),
            other => self.order(other),
        }
    }

    // ---- going somewhere

    fn travel(&mut self, action: Action, model: &Model) -> Vec<Effect> {
        // Who goes somewhere is not taken elsewhere.
        self.arrived = None;
        self.at_directs = false;
        let place = self.places.now();
        match action {
            Action::GoDirects => self.go_directs(model),
            Action::GoCommunity(id) => self.go_community(id, model),
            Action::GoCommunityNumber(number) => {
                let at = usize::from(number).saturating_sub(1);
                if let Some(id) = model.rail().get(at) {
                    self.go_community(*id, model);
                }
            }
            Action::StepCommunity(direction) => {
                self.step_community(model, direction);
            }
            Action::GoChannel(community, channel) => self.go_channel(community, channel),
            Action::StepChannel(direction) => self.step(model, direction, |_| true),
            Action::StepUnread(direction) => self.step(model, direction, |view| view.unread > 0),
            Action::Back => {
                self.places.back();
            }
            Action::Forward => {
                self.places.forward();
            }
            Action::GoMessage(community, channel, message) => {
                self.go_message((community, channel), message, model);
            }
            Action::OpenThread(channel, root) => {
                let place = Place {
                    community: model.community_of(channel),
                    channel: Some(channel),
                    thread: Some(root),
                };
                self.places.replace(place);
                if let Some(slot) = place.thread_slot() {
                    self.composers.entry(slot).or_default().focus = true;
                }
            }
            Action::CloseThread => self.places.replace(Place {
                thread: None,
                ..place
            }),
            Action::JumpToPresent => return self.jump_to_present(place),
            Action::Load(slot, at) => self.want_window(slot, at),
            Action::MarkRead(channel) => return vec![self.mark_read(channel)],
            Action::ScrollPage(direction) => {
                if let Some(slot) = place.slot() {
                    self.timelines
                        .entry(slot)
                        .or_default()
                        .scroll_page(direction);
                }
            }
            Action::FoldCategory(category) if self.folded.remove(&category) => {}
            Action::FoldCategory(category) => {
                self.folded.insert(category);
            }
            _ => {}
        }
        Vec::new()
    }

    fn go_community(&mut self, id: CommunityId, model: &Model) {
        self.places.go(Place {
            community: Some(id),
            channel: self.entry_channel(model, id),
            thread: None,
        });
    }

    /// The list of conversations stands before the communities.
    fn step_community(&mut self, model: &Model, direction: Direction) {
        let rail = model.rail().into_iter().map(Some);
        let stops: Vec<Option<CommunityId>> = std::iter::once(None).chain(rail).collect();
        let now = self.places.now().community;
        let now = now.filter(|_| !self.shows_directs(model));
        match stepped(&stops, Some(now), direction) {
            Some(Some(id)) => self.go_community(id, model),
            Some(None) => self.go_directs(model),
            None => {}
        }
    }

    /// Asks once what closing means, then does it.
    fn close(&mut self) -> Vec<Effect> {
        if self.settings.background.is_none() {
            self.overlays.retain(|open| *open != Overlay::Closing);
            self.overlays.push(Overlay::Closing);
            return Vec::new();
        }
        let mut effects = self.save(None);
        effects.push(Effect::Close);
        effects
    }

    pub(super) fn go_channel(&mut self, community: CommunityId, channel: ChannelId) {
        self.side_open = false;
        self.voice.room = None;
        // Whoever goes somewhere is not moved to the entrance any more.
        self.arrived = None;
        if self.places.now().channel != Some(channel) {
            self.places.go(Place {
                community: Some(community),
                channel: Some(channel),
                thread: None,
            });
        }
        self.composers
            .entry(Slot::channel(channel))
            .or_default()
            .focus = true;
    }

    fn step(&mut self, model: &Model, direction: Direction, wanted: impl Fn(&ChannelView) -> bool) {
        let place = self.places.now();
        if self.shows_directs(model) {
            let shown = model.snapshot.directs.iter();
            let channels = shown.filter_map(|view| model.channel(view.community, view.channel));
            let wanted = channels.filter(|of| wanted(of) || Some(of.channel) == place.channel);
            let ids: Vec<ChannelId> = wanted.map(|view| view.channel).collect();
            let next = stepped(&ids, place.channel, direction);
            if let Some((id, channel)) = next.and_then(|of| Some((model.community_of(of)?, of))) {
                self.go_channel(id, channel);
            }
            return;
        }
        let Some((id, community)) = place
            .community
            .and_then(|id| Some((id, model.community(id)?)))
        else {
            return;
        };
        let shown = channel_order(community, &self.folded);
        let ids: Vec<_> = shown
            .iter()
            .filter(|view| view.kind == ChannelKind::Text)
            .filter(|view| wanted(view) || Some(view.channel) == place.channel)
            .map(|view| view.channel)
            .collect();
        if let Some(channel) = stepped(&ids, place.channel, direction) {
            self.go_channel(id, channel);
        }
    }

    fn jump_to_present(&mut self, place: Place) -> Vec<Effect> {
        let Some(slot) = place.slot() else {
            return Vec::new();
        };
        self.want_window(slot, WindowAt::End);
        self.timelines.entry(slot).or_default().follow_end();
        vec![self.mark_read(slot.channel)]
    }

    /// Marks a channel read up to its newest message.
    pub(crate) fn mark_read(&mut self, channel: ChannelId) -> Effect {
        let command = Command::MarkRead {
            channel: channel_ref(channel),
            message: None,
        };
        self.ask(Purpose::Silent, command)
    }

    // ---- what lies above

    fn open(&mut self, overlay: Overlay, now: UnixMs) -> Vec<Effect> {
        let effect = match &overlay {
            Overlay::Pins(channel) => {
                let command = Command::Pins {
                    channel: channel_ref(*channel),
                };
                Some(self.ask(Purpose::Pins(*channel), command))
            }
            Overlay::Switcher => {
                self.forms.switcher.clear();
                self.forms.switcher_row = 0;
                None
            }
            Overlay::Emoji(..) => {
                self.forms.emoji.clear();
                self.forms.emoji_at = 0;
                None
            }
            Overlay::Recovery => Some(self.ask(Purpose::RecoveryShow, Command::RecoveryShow)),
            Overlay::Invite(community) => self.fresh_invite(*community, now),
            Overlay::ConfirmRemoval(..) => {
                self.forms.reason.clear();
                None
            }
            _ => None,
        };
        // A sheet is there once; opening it again brings it to the top.
        self.overlays
            .retain(|open| std::mem::discriminant(open) != std::mem::discriminant(&overlay));
        self.overlays.push(overlay);
        effect.into_iter().collect()
    }

    fn dismiss(&mut self, model: &Model) -> Vec<Effect> {
        if let Some(closed) = self.overlays.pop() {
            if closed == Overlay::Recovery {
                // The words do not stay in memory behind a closed sheet.
                self.forms.forget_recovery();
            }
            self.govern_closed(&closed);
            self.personal_closed(&closed);
            if matches!(closed, Overlay::Settings(_) | Overlay::Profile(..)) {
                self.forms.own = None;
            }
            if matches!(closed, Overlay::Settings(_)) {
                self.forms.irc.made = None;
            }
            return Vec::new();
        }
        if std::mem::take(&mut self.side_open) {
            return Vec::new();
        }
        if self.shows_room() {
            self.voice.room = None;
            return Vec::new();
        }
        let place = self.places.now();
        let slots = place.thread_slot().into_iter().chain(place.slot());
        for slot in slots {
            if self.focused.remove(&slot).is_some() {
                self.composers.entry(slot).or_default().focus = true;
                return Vec::new();
            }
            let composer = self.composers.entry(slot).or_default();
            if composer.mode != Mode::New {
                composer.cancel();
                return Vec::new();
            }
        }
        if place.thread.is_some() {
            return self.travel(Action::CloseThread, model);
        }
        self.jump_to_present(place)
    }

    fn toggle_pane(&mut self, action: &Action) -> Vec<Effect> {
        let beside = self.size.x >= crate::theme::MEMBERS_BESIDE_FROM;
        match action {
            Action::ToggleMembers if beside => {
                self.settings.members_open = !self.settings.members_open;
            }
            Action::ToggleMembers => {
                let open = self.overlays.contains(&Overlay::Members);
                self.overlays.retain(|overlay| *overlay != Overlay::Members);
                if !open {
                    self.overlays.push(Overlay::Members);
                }
            }
            _ => self.side_open = !self.side_open,
        }
        Vec::new()
    }

    // ---- orders to the node

    fn order(&mut self, action: Action) -> Vec<Effect> {
        let (purpose, command) = match action {
            Action::CreateCommunity(name, template) => {
                self.forms.creating = true;
                self.forms.create_error = None;
                (
                    Purpose::OpenCommunity,
                    Command::CreateCommunity { name, template },
                )
            }
            Action::InspectInvite(link) => return self.inspect(link),
            Action::Join(link) => {
                self.forms.joining = true;
                self.forms.join_error = None;
                (Purpose::OpenCommunity, Command::Join { link })
            }
            Action::JoinNearby(community) => {
                self.forms.joining = true;
                self.forms.join_error = None;
                let community = community_ref(community);
                (Purpose::OpenCommunity, Command::NearbyJoin { community })
            }
            Action::MakeInvite(community, uses, expires_ms) => {
                self.forms.invite_error = None;
                self.forms.invite = None;
                let command = Command::Invite {
                    community: community_ref(community),
                    uses,
                    expires_ms,
                };
                (Purpose::InviteLink(community), command)
            }
            Action::RevokeInvite(community, invite) => (
                Purpose::RevokeInvite(invite),
                Command::RevokeInvite {
                    community: community_ref(community),
                    invite,
                },
            ),
            Action::Leave(community) => (
                Purpose::Leave,
                Command::Leave {
                    community: community_ref(community),
                },
            ),
            Action::CreateChannel(community, kind, name, private) => (
                Purpose::OpenChannel(community),
                Command::CreateChannel {
                    community: community_ref(community),
                    kind,
                    name,
                    private,
                    category: None,
                },
            ),
            Action::Moderate(command, done) => (Purpose::Moderate(done), *command),
            Action::SetName(name) => (
                Purpose::Plain(say::name_as_it_was()),
                Command::Profile {
                    change: ProfileChange::Name(name),
                },
            ),
            Action::SetStatus(status) => (
                Purpose::Plain(say::status_as_it_was()),
                Command::Profile {
                    change: ProfileChange::Status(status),
                },
            ),
            Action::SetAbout(about) => (
                Purpose::Plain(say::text_as_it_was()),
                Command::Profile {
                    change: ProfileChange::About(about),
                },
            ),
            Action::SetAvailability(availability) => (
                Purpose::Plain(say::not_changed()),
                Command::Profile {
                    change: ProfileChange::Availability(availability),
                },
            ),
            Action::ShowRecovery => (Purpose::RecoveryShow, Command::RecoveryShow),
            Action::ConfirmRecovery(words) => {
                self.forms.recovery_error = None;
                (Purpose::RecoveryConfirm, Command::RecoveryConfirm { words })
            }
            _ => return Vec::new(),
        };
        vec![self.ask(purpose, command)]
    }

    /// Asks what a link says.
    pub(super) fn inspect(&mut self, link: String) -> Vec<Effect> {
        self.forms.inspecting = Some(link.clone());
        let purpose = Purpose::InviteCard(link.clone());
        vec![self.ask(purpose, Command::InspectInvite { link })]
    }

    /// Makes an invite link, unless one of this community was made within the hour.
    fn fresh_invite(&mut self, community: CommunityId, now: UnixMs) -> Option<Effect> {
        /// Milliseconds: of the shortest that an invite is good for.
        const FRESH_MS: u64 = 3_600_000;
        let fresh = self.forms.invite.as_ref().is_some_and(|made| {
            made.community == community && now.0.saturating_sub(made.made.0) < FRESH_MS / 2
        });
        if fresh {
            return None;
        }
        let expires_ms = self.forms.invite_expiry.millis();
        let make = Action::MakeInvite(community, self.forms.invite_uses, expires_ms);
        self.order(make).pop()
    }

    // ---- settings

    fn set(&mut self, action: &Action, now: UnixMs) -> Vec<Effect> {
        match *action {
            Action::PutCheckOff => self.count_check(now),
            Action::SetRule(of, rule) => self.set_rule(of, rule),
            Action::ToggleMute(channel) => {
                let of = Heard::Channel(channel);
                let before = self.rule(of);
                let muted = (!before.mutes(now)).then_some(Muted::Always);
                self.set_rule(of, Rule { muted, ..before });
            }
            _ => {}
        }
        let settings = &mut self.settings;
        let zoom = |zoom: f32| ((zoom * 10.0).round() / 10.0).clamp(ZOOM_MIN, ZOOM_MAX);
        match *action {
            Action::SetTheme(theme) => settings.theme = theme,
            Action::PutRecoveryOff => {
                settings.recovery_put_off = settings.recovery_put_off.saturating_add(1);
                settings.recovery_again = now.0 + PUT_OFF_MS;
            }
            Action::Zoom(Direction::Next) => settings.zoom = zoom(settings.zoom + ZOOM_STEP),
            Action::Zoom(Direction::Previous) => settings.zoom = zoom(settings.zoom - ZOOM_STEP),
            Action::ZoomReset => settings.zoom = 1.0,
            Action::SetReducedMotion(reduced) => settings.reduced_motion = reduced,
            Action::SetTwelveHours(twelve) => settings.twelve_hours = twelve,
            Action::SetPreviews(shown) => settings.previews = shown,
            Action::SetNotify(notify) => settings.notify = notify,
            Action::SetNotifyText(shown) => settings.notify_text = shown,
            Action::SetBackground(goes_on) => settings.background = Some(goes_on),
            Action::ReadHomeHint => settings.home_hint_read = true,
            _ => {}
        }
        Vec::new()
    }
}

/// A reference by id, which no renaming changes.
pub(super) fn channel_ref(channel: ChannelId) -> ChannelRef {
    ChannelRef(channel.to_string())
}

/// A reference by id, which no renaming changes.
pub(super) fn community_ref(community: CommunityId) -> CommunityRef {
    CommunityRef(community.to_string())
}

/// The neighbour of an item, around the end; the first one where there is none yet.
pub(super) fn stepped<T: Copy + PartialEq>(
    items: &[T],
    from: Option<T>,
    direction: Direction,
) -> Option<T> {
    let len = items.len();
    let at = items.iter().position(|item| Some(*item) == from);
    let next = match (at, direction) {
        (None, _) => 0,
        (Some(at), Direction::Next) => (at + 1) % len.max(1),
        (Some(at), Direction::Previous) => (at + len - 1) % len.max(1),
    };
    items.get(next).copied()
}
