//! What concerns the person alone: conversations, contacts, devices, recovery words, home nodes.

use std::collections::BTreeSet;

use alloquy_api::command::AccountRef;
use alloquy_api::personal::{DirectKind, LinkStep, Linking, LinkingView, PersonalCommand};
use alloquy_api::{Command, CommandError, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EventId, UnixMs};

use super::{Overlay, Place, Purpose, SettingsPage, Tone, UiState};
use crate::effect::Effect;
use crate::irc::IrcOrder;
use crate::model::Model;
use crate::text;
use crate::words::say;

/// Words of the recovery kit.
pub const RECOVERY_WORDS: usize = alloquy_api::limits::RECOVERY_WORDS;
/// Milliseconds after which the recovery words are asked for first: a month.
const CHECK_FIRST_MS: u64 = 30 * DAY_MS;
/// Milliseconds between two later times: half a year.
const CHECK_LATER_MS: u64 = 180 * DAY_MS;
const DAY_MS: u64 = 24 * 3_600_000;

/// What two people compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// With whom.
    pub account: AccountId,
    /// The words.
    pub words: Vec<String>,
    /// The same as a text for a QR code.
    pub code: String,
    /// They were compared and found equal.
    pub verified: bool,
}

/// What is known of a key that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingKey {
    /// Who can be asked for it.
    pub holders: Vec<AccountId>,
    /// Whether one of them is connected.
    pub connected: bool,
}

/// What is typed on the sheets about all this, and what the node told for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Personal {
    /// Letters of who is looked for.
    pub find: String,
    /// Who is to be in a new conversation.
    pub chosen: BTreeSet<AccountId>,
    /// The name of a new group, or another name of one.
    pub name: String,
    /// The own contact link, when it was made.
    pub contact_link: Option<String>,
    /// The field for somebody else's link is shown, not the own one.
    pub adding: bool,
    /// The link of somebody else.
    pub contact: String,
    /// Words to compare, when last asked for.
    pub safety: Option<Safety>,
    /// They were found to differ.
    pub differs: bool,
    /// The device that is being named, and how.
    pub naming: Option<(DeviceId, String)>,
    /// Words of the recovery kit as typed: to check them, or to come back by them.
    pub words: [String; RECOVERY_WORDS],
    /// A code or link of the other side of a pairing.
    pub code: String,
    /// Where one may be found who has lost the devices: a link or an address.
    pub from: String,
    /// The other devices stay when one comes back by the words: they are not lost.
    pub others_stay: bool,
    /// When the pairing that is shown ends: an older one in the snapshot is not shown.
    pub pairing: Option<UnixMs>,
    /// A home node was given its code: how far that is may be shown.
    pub home_asked: bool,
    /// The own name as typed to close the account.
    pub farewell: String,
    /// An order of this sheet is under way.
    pub busy: Option<Overlay>,
    /// What did not work, and on which sheet.
    pub fault: Option<(Overlay, String)>,
}

impl Personal {
    /// The words typed, with one space between; `None` while some are missing.
    #[must_use]
    pub fn phrase(&self) -> Option<String> {
        let words: Vec<String> = self.words.iter().map(|word| tidy(word)).collect();
        (!words.iter().any(String::is_empty)).then(|| words.join(" "))
    }

    /// Forgets words that were typed.
    pub fn forget_words(&mut self) {
        self.words = Default::default();
    }
}

/// A word as the list has it.
pub(crate) fn tidy(word: &str) -> String {
    word.trim().to_lowercase()
}

/// A reference by id, which no renaming changes.
pub(crate) fn account_ref(account: AccountId) -> AccountRef {
    AccountRef(account.to_string())
}

/// What is told when an order is done; `None`: it is seen.
fn done(order: &PersonalCommand, model: &Model) -> Option<String> {
    use PersonalCommand as P;
    let named = |account: &AccountRef| {
        let id = account.0.parse::<AccountId>();
        id.map_or_else(|_| account.0.clone(), |id| model.name_of(id))
    };
    Some(match order {
        P::Block { account } => say::blocked_now(named(account)),
        P::Unblock { account } => say::unblocked_now(named(account)),
        P::ContactRemove { account } => say::contact_removed(named(account)),
        P::DmDecline { account } => say::request_declined(named(account)),
        P::Verify {
            account,
            confirmed: true,
        } => say::verified_now(named(account)),
        P::GroupAdd { account, .. } => say::group_added(named(account)),
        P::GroupRemove { account, .. } => say::group_removed(named(account)),
        P::DeviceName { .. } => say::device_named().to_owned(),
        P::DeviceRevoke { .. } => say::device_revoked().to_owned(),
        P::HomeRemove { .. } => say::home_removed().to_owned(),
        P::AccountClose { .. } => say::account_closed().to_owned(),
        P::RecoveryCheck { .. } => say::recovery_checked().to_owned(),
        _ => return None,
    })
}

impl UiState {
    /// Gives an order to the node.
    pub(super) fn personal(&mut self, order: PersonalCommand, model: &Model) -> Effect {
        let on = self.overlays.last().cloned();
        self.personal.fault = None;
        self.personal.busy.clone_from(&on);
        if matches!(order, PersonalCommand::HomePair { .. }) {
            self.personal.home_asked = false;
        }
        let purpose = Purpose::Personal {
            on,
            done: done(&order, model),
            order: Box::new(order.clone()),
        };
        self.ask(purpose, Command::Personal { order })
    }

    /// Shows the list of conversations, at the one last seen.
    pub(super) fn go_directs(&mut self, model: &Model) {
        let last = self.places.last_direct();
        let last = last.filter(|id| model.community(*id).is_some());
        let first = model.snapshot.directs.iter().map(|view| view.community);
        let mut first = first.filter(|id| model.community(*id).is_some());
        match last.or_else(|| first.next()) {
            Some(id) => self.places.go(Place {
                community: Some(id),
                channel: self.entry_channel(model, id),
                thread: None,
            }),
            None => self.places.go(Place::default()),
        }
        self.at_directs = true;
    }

    /// Whether the list of conversations stands at the left, not that of a community's channels.
    #[must_use]
    pub fn shows_directs(&self, model: &Model) -> bool {
        match self.places.now().community {
            Some(id) => model.kind(id).is_some(),
            None => true,
        }
    }

    /// Prepares what a sheet shows, before it opens.
    pub(super) fn personal_opened(&mut self, overlay: &Overlay, model: &Model) -> Vec<Effect> {
        let personal = &mut self.personal;
        match overlay {
            Overlay::StartDirect => {
                personal.find.clear();
                personal.chosen.clear();
                personal.name.clear();
            }
            Overlay::GroupAdd(_) => personal.find.clear(),
            Overlay::Conversation(id) => {
                personal.name = model
                    .direct(*id)
                    .map_or_else(String::new, |view| view.name.clone());
            }
            Overlay::ContactLink if personal.contact_link.is_none() => {
                return vec![self.asked(overlay, PersonalCommand::ContactLink, model)];
            }
            Overlay::Verify(account) => {
                personal.safety = None;
                personal.differs = false;
                let order = PersonalCommand::Verify {
                    account: account_ref(*account),
                    confirmed: false,
                };
                return vec![self.asked(overlay, order, model)];
            }
            Overlay::LinkDevice => {
                personal.pairing = None;
                return vec![self.asked(overlay, PersonalCommand::DeviceLink, model)];
            }
            Overlay::Settings(SettingsPage::Irc) => {
                self.forms.irc.made = None;
                return self.irc(IrcOrder::Look);
            }
            Overlay::PairHome => {
                personal.code.clear();
                personal.home_asked = false;
            }
            Overlay::CheckRecovery => personal.forget_words(),
            Overlay::CloseAccount => personal.farewell.clear(),
            _ => {}
        }
        Vec::new()
    }

    /// What a sheet asks for by itself: its error is told on it.
    fn asked(&mut self, on: &Overlay, order: PersonalCommand, model: &Model) -> Effect {
        self.overlays.push(on.clone());
        let effect = self.personal(order, model);
        self.overlays.pop();
        // Nobody pressed anything: its button can be pressed.
        self.personal.busy = None;
        effect
    }

    /// Lets go of what a closed sheet has shown.
    pub(super) fn personal_closed(&mut self, closed: &Overlay) {
        let personal = &mut self.personal;
        match closed {
            Overlay::Verify(_) => personal.safety = None,
            Overlay::CheckRecovery => personal.forget_words(),
            Overlay::PairHome => personal.code.clear(),
            Overlay::Settings(_) => personal.naming = None,
            _ => {}
        }
        personal.fault.take_if(|(on, _)| on == closed);
        personal.busy.take_if(|on| on == closed);
    }

    /// An order was carried out.
    pub(super) fn personal_done(
        &mut self,
        (on, order): (Option<Overlay>, PersonalCommand),
        done: Option<String>,
        reply: Reply,
        model: &Model,
    ) -> Vec<Effect> {
        use PersonalCommand as P;
        if self.personal.busy == on {
            self.personal.busy = None;
        }
        if let Some(done) = done {
            self.toast(Tone::Good, done, model.clock.now);
        }
        match (order, reply) {
            (
                P::Dm { .. } | P::ContactAdd { .. } | P::DmAccept { .. } | P::GroupCreate { .. },
                Reply::Direct { direct, channel },
            ) => {
                self.personal.contact.clear();
                self.forms.link.clear();
                self.overlays.clear();
                self.arriving = Some((direct, Some(channel)));
                return self.refresh(model);
            }
            (P::ContactLink, Reply::ContactLink { contact }) => {
                self.personal.contact_link = Some(contact);
            }
            (
                P::Verify {
                    confirmed: true, ..
                },
                _,
            ) => {
                self.close_where(|open| matches!(open, Overlay::Verify(_)));
            }
            (
                P::Verify { account, .. },
                Reply::Safety {
                    safety_words,
                    safety_code,
                    verified,
                },
            ) => {
                if let Ok(account) = account.0.parse() {
                    self.personal.safety = Some(Safety {
                        account,
                        words: safety_words,
                        code: safety_code,
                        verified,
                    });
                }
            }
            (P::DeviceLink, Reply::Code { until, .. }) => {
                self.personal.pairing = Some(until);
                self.count_down(model);
            }
            (P::HomePair { .. }, _) => self.personal.home_asked = true,
            (P::DeviceName { .. }, _) => self.personal.naming = None,
            (P::Block { .. }, _) => {
                self.close_where(|open| matches!(open, Overlay::ConfirmBlock(_)));
            }
            (P::GroupRemove { .. }, _) => {
                self.close_where(|open| matches!(open, Overlay::ConfirmGroupRemoval(..)));
            }
            (P::DeviceRevoke { .. }, _) => {
                self.close_where(|open| matches!(open, Overlay::ConfirmRevocation(_)));
            }
            (P::AccountClose { .. }, _) => {
                self.close_where(|open| *open == Overlay::CloseAccount);
            }
            (P::HomeRemove { .. }, _) => {
                self.close_where(|open| matches!(open, Overlay::ConfirmHomeRemoval(_)));
            }
            (P::RecoveryCheck { .. }, _) => {
                self.count_check(model.clock.now);
                self.close_where(|open| *open == Overlay::CheckRecovery);
            }
            (P::RecoveryReplace, Reply::Recovery { recovery_words }) => {
                self.close_where(|open| *open == Overlay::ReplaceRecovery);
                self.overlays.push(Overlay::Recovery);
                self.forms.forget_recovery();
                self.forms.recovery = recovery_words;
            }
            _ => {}
        }
        Vec::new()
    }

    /// An order was not carried out: told on the sheet that it came from, or where it is seen when that is closed.
    pub(super) fn personal_failed(
        &mut self,
        on: Option<Overlay>,
        error: &CommandError,
        now: UnixMs,
    ) {
        if self.personal.busy == on {
            self.personal.busy = None;
        }
        match on.filter(|on| self.overlays.contains(on)) {
            Some(on) => self.personal.fault = Some((on, error.message.clone())),
            None => self.toast(Tone::Bad, say::not_done(&error.message), now),
        }
    }

    fn close_where(&mut self, closes: impl Fn(&Overlay) -> bool) {
        let closed: Vec<Overlay> = self
            .overlays
            .iter()
            .filter(|open| closes(open))
            .cloned()
            .collect();
        self.overlays.retain(|open| !closes(open));
        for overlay in closed {
            self.personal_closed(&overlay);
        }
    }

    // ---- recovery words, later

    /// The words were found, or the reminder was put off: the next is due in half a year.
    pub(super) fn count_check(&mut self, now: UnixMs) {
        self.settings.recovery_checked = now.0;
        self.settings.recovery_checks = self.settings.recovery_checks.saturating_add(1);
    }

    /// Begins to count when there is something to be found again.
    pub(super) fn count_recovery(&mut self, model: &Model) {
        if !model.snapshot.recovery_pending && self.settings.recovery_checked == 0 {
            self.settings.recovery_checked = model.clock.now.0;
        }
    }

    /// Whether it is time to ask whether the words are still there.
    #[must_use]
    pub fn check_due(&self, model: &Model) -> bool {
        let settings = &self.settings;
        let after = match settings.recovery_checks {
            0 => CHECK_FIRST_MS,
            _ => CHECK_LATER_MS,
        };
        let counted = settings.recovery_checked > 0 && !model.snapshot.recovery_pending;
        counted && model.clock.now.0 >= settings.recovery_checked.saturating_add(after)
    }

    /// Is shown on another window than before: what was laid out or styled for that one is made anew.
    pub fn appear(&mut self) {
        self.styled = None;
        self.timelines.clear();
        self.qr = crate::widgets::QrPicture::default();
        self.pictures = crate::pictures::Pictures::default();
    }

    // ---- what the node tells

    /// The pairing of a device, when it is the one that was asked for here.
    #[must_use]
    pub fn pairing<'a>(&self, model: &'a Model, what: Linking) -> Option<&'a LinkingView> {
        let linking = model.snapshot.linking.as_deref()?;
        let own = match what {
            Linking::Device => self.personal.pairing == Some(linking.until),
            Linking::Home => self.personal.home_asked,
        };
        (linking.what == what && own).then_some(linking)
    }

    /// When a code that is shown ends, so that the countdown goes on: each second, and only while it waits.
    pub(super) fn pairing_due(&self) -> Option<UnixMs> {
        let shown = self.overlays.last() == Some(&Overlay::LinkDevice);
        self.countdown.filter(|_| shown)
    }

    /// Notes when the countdown changes next.
    pub(super) fn count_down(&mut self, model: &Model) {
        let pairing = self.pairing(model, Linking::Device);
        let waits = pairing.filter(|view| view.step == LinkStep::Waiting);
        let until = waits
            .map(|view| view.until)
            .filter(|until| *until > model.clock.now);
        self.countdown = until.map(|until| {
            let left = until.0 - model.clock.now.0;
            UnixMs(model.clock.now.0 + (left - 1) % 1_000 + 1)
        });
    }

    /// Somebody unknown wants to write: one quiet notice for all who wait, without a word of theirs.
    pub(super) fn requested(&self, model: &Model) -> Vec<Effect> {
        if model.snapshot.dm_requests.len() > 1 {
            return Vec::new();
        }
        vec![Effect::NotifyRequest {
            title: say::request_notified().to_owned(),
        }]
    }

    /// Who is waited for, for a message that can not be read yet.
    pub(crate) fn waiting_words(&self, model: &Model, channel: ChannelId) -> String {
        let Some(missing) = self.missing.get(&channel) else {
            return say::message_waiting().to_owned();
        };
        let mut names: Vec<String> = missing
            .holders
            .iter()
            .map(|of| model.name_of(*of))
            .collect();
        names.truncate(3);
        match (names.is_empty(), missing.connected) {
            (true, _) => say::message_waiting_nobody().to_owned(),
            (false, true) => say::message_waiting_online(names.join(", ")),
            (false, false) => say::message_waiting_offline(names.join(", ")),
        }
    }

    /// Whether to say that messages here would have no other holder: the other side is away, no home node keeps
    /// the conversation, and something own is on this device alone.
    #[must_use]
    pub fn home_hint(
        &self,
        model: &Model,
        id: CommunityId,
        newest: Option<EventId>,
    ) -> Option<String> {
        let view = model.direct(id)?;
        let kept = model
            .snapshot
            .homes
            .iter()
            .any(|home| home.keeps.contains(&id));
        let alone = view.kind != DirectKind::Notes && !view.online && !kept;
        if self.settings.home_hint_read || !alone || newest.is_none() {
            return None;
        }
        let name = text::name(&view.name);
        Some(match view.kind {
            DirectKind::Group => say::home_hint_group(name),
            DirectKind::Notes | DirectKind::Two => say::home_hint(name),
        })
    }
}
