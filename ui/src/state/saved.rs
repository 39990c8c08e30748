//! What survives a restart: settings, place and drafts, kept by the node in its sealed store.

use alloquy_api::limits::KEPT_VALUE_BYTES_MAX;
use alloquy_api::{Command, ErrorCode};
use alloquy_ids::{ChannelId, UnixMs};

use super::drafts::{kept_as, slot_of};
use super::{Places, Purpose, UiState};
use crate::effect::Effect;
use crate::irc::IrcOrder;
use crate::model::Model;
use crate::settings::{self, Settings};

/// The name under which the place is kept.
const PLACE: &str = "place";
/// Milliseconds of rest after which a draft is kept: a pause between two words.
pub(crate) const DRAFT_REST_MS: u64 = 1_000;

impl UiState {
    /// Takes over what was kept, once, when the node first tells it; gives what is to be done about the door for IRC
    /// clients.
    pub(super) fn load(&mut self, model: &Model) -> Option<IrcOrder> {
        if self.loaded || model.snapshot.account.is_none() {
            return None;
        }
        self.loaded = true;
        let kept = &model.snapshot.kept;
        if let Some(text) = kept.get(settings::KEPT_AS) {
            self.settings = Settings::from_kept(text);
        }
        let rules = kept.iter();
        self.load_rules(rules.map(|(name, text)| (name.as_str(), text.as_ref())));
        if let Some(text) = kept.get(PLACE) {
            self.places = Places::from_kept(text);
        }
        let channels: Vec<ChannelId> = model
            .snapshot
            .communities
            .values()
            .flat_map(|community| community.channels.iter().map(|view| view.channel))
            .collect();
        for (name, text) in kept.iter() {
            if let Some(slot) = slot_of(name, &channels) {
                let composer = self.composers.entry(slot).or_default();
                if composer.text.is_empty() {
                    composer.text = text.to_string();
                    composer.cursor_to = Some(composer.text.chars().count());
                }
            }
        }
        self.kept = kept
            .iter()
            .map(|(name, text)| (name.clone(), text.to_string()))
            .collect();
        let address = self.settings.irc.clone();
        address
            .filter(|_| model.about.irc.is_some())
            .map(IrcOrder::Open)
    }

    /// What the person wants of the door for IRC clients. Whether it is open is kept.
    pub(super) fn irc(&mut self, order: IrcOrder) -> Vec<Effect> {
        match &order {
            IrcOrder::Open(address) => self.settings.irc = Some(address.clone()),
            IrcOrder::Shut => self.settings.irc = None,
            IrcOrder::Add { .. } => self.forms.irc.made = None,
            IrcOrder::Revoke(_) | IrcOrder::Look => {}
        }
        vec![Effect::Irc(order)]
    }

    /// An app password was made: it is shown, this once.
    pub fn irc_made(&mut self, password: String) {
        self.forms.irc.label.clear();
        self.forms.irc.made = Some(password);
    }

    /// Hands to the node whatever changed and rested for a while; everything at once when `now` is `None`,
    /// because the window closes.
    pub fn save(&mut self, now: Option<UnixMs>) -> Vec<Effect> {
        if !self.loaded {
            return Vec::new();
        }
        let mut wanted = vec![
            (settings::KEPT_AS.to_owned(), self.settings.to_kept()),
            (PLACE.to_owned(), self.places.to_kept()),
        ];
        wanted.extend(self.rules_kept());
        for (slot, composer) in &mut self.composers {
            let rested = match (now, composer.dirty_since) {
                (Some(now), Some(since)) => now.0.saturating_sub(since.0) >= DRAFT_REST_MS,
                _ => true,
            };
            if rested {
                composer.dirty_since = None;
                wanted.push((kept_as(*slot), cut(composer.draft())));
            }
        }
        let mut effects = Vec::new();
        if now.is_none() {
            // Nobody can take a deletion back any more.
            effects.extend(self.carry_out_deletions(UnixMs(u64::MAX)));
        }
        for (name, value) in wanted {
            let before = self.kept.get(&name).cloned().unwrap_or_default();
            if before != value {
                self.kept.insert(name.clone(), value.clone());
                let purpose = Purpose::Keep(name.clone(), before);
                effects.push(self.ask(purpose, Command::Keep { name, value }));
            }
        }
        effects
    }

    /// What could not be kept is tried again with the next refresh, when that may help.
    pub(super) fn not_kept(&mut self, name: String, before: String, code: ErrorCode) {
        if matches!(
            code,
            ErrorCode::Busy | ErrorCode::NotRunning | ErrorCode::Storage | ErrorCode::Timeout
        ) {
            self.kept.insert(name, before);
        }
    }

    /// When [`UiState::save`] has something to do next, for waking the window.
    #[must_use]
    pub fn save_due(&self) -> Option<UnixMs> {
        let dirty = self
            .composers
            .values()
            .filter_map(|composer| composer.dirty_since);
        dirty.min().map(|since| UnixMs(since.0 + DRAFT_REST_MS))
    }
}

/// As much of a draft as can be kept: one that is too long to be sent comes back shortened, not not at all.
fn cut(mut draft: String) -> String {
    let mut end = draft.len().min(KEPT_VALUE_BYTES_MAX);
    while !draft.is_char_boundary(end) {
        end -= 1;
    }
    draft.truncate(end);
    draft
}
