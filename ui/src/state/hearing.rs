//! When the desktop is told: a rule for each conversation and community, and what holds where there is none.

use std::collections::BTreeSet;

use alloquy_api::personal::DirectKind;
use alloquy_ids::{ChannelId, CommunityId, UnixMs};
use serde::{Deserialize, Serialize};

use super::UiState;
use crate::model::Model;
use crate::settings::Notify;

/// Begins the name under which a rule is kept; the id of a community or a channel follows.
const PREFIX: &str = "notify/";

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// A conversation, or a community but for channels with rules of their own.
    Community(CommunityId),
    /// A channel.
    Channel(ChannelId),
}

impl Heard {
    const fn bytes(self) -> [u8; 32] {
        match self {
            Self::Community(id) => id.0,
            Self::Channel(id) => id.0,
        }
    }
}

/// When the desktop is told of one conversation, community or channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Of what; `None`: as without a rule.
    pub when: Option<Notify>,
    /// Nothing is told, and nothing is marked unread, until then.
    pub muted: Option<Muted>,
}

/// How long something is muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Muted {
    /// Until this time, milliseconds UTC.
    Until(u64),
    /// Until somebody turns it on.
    Always,
}

impl Rule {
    /// Whether it mutes at this time.
    #[must_use]
    pub fn mutes(&self, now: UnixMs) -> bool {
        match self.muted {
            Some(Muted::Until(until)) => now.0 < until,
            Some(Muted::Always) => true,
            None => false,
        }
    }
}

impl UiState {
    /// The rule of something; what can not be read, or was never made, is no rule.
    #[must_use]
    pub fn rule(&self, of: Heard) -> Rule {
        self.rules.get(&of.bytes()).copied().unwrap_or_default()
    }

    /// Makes a rule.
    pub(super) fn set_rule(&mut self, of: Heard, rule: Rule) {
        self.rules.insert(of.bytes(), rule);
    }

    /// Whether a channel, or all of its community, is muted.
    #[must_use]
    pub fn is_muted(&self, community: CommunityId, channel: ChannelId, now: UnixMs) -> bool {
        self.rule(Heard::Channel(channel)).mutes(now)
            || self.rule(Heard::Community(community)).mutes(now)
    }

    /// All channels that are muted.
    #[must_use]
    pub fn muted_channels(&self, model: &Model) -> BTreeSet<ChannelId> {
        let now = model.clock.now;
        let communities = model.snapshot.communities.iter();
        let channels =
            communities.flat_map(|(id, of)| of.channels.iter().map(|view| (*id, view.channel)));
        let muted = channels.filter(|(id, channel)| self.is_muted(*id, *channel, now));
        muted.map(|(_, channel)| channel).collect()
    }

    /// Of what the desktop is told in a channel, muting aside. In direct messages everything names the person.
    #[must_use]
    pub fn hears(&self, model: &Model, community: CommunityId, channel: ChannelId) -> Notify {
        let own = self.rule(Heard::Channel(channel)).when;
        let own = own.or(self.rule(Heard::Community(community)).when);
        own.unwrap_or_else(|| self.hears_without_rule(model.kind(community)))
    }

    /// Of what the desktop is told where there is no rule.
    pub(crate) fn hears_without_rule(&self, kind: Option<DirectKind>) -> Notify {
        match (kind, self.settings.notify) {
            (Some(_), Notify::Mentions) => Notify::All,
            (_, notify) => notify,
        }
    }

    /// Takes kept rules over.
    pub(super) fn load_rules<'a>(&mut self, kept: impl Iterator<Item = (&'a str, &'a str)>) {
        for (name, text) in kept {
            let id = name.strip_prefix(PREFIX);
            let id = id.and_then(|id| id.parse::<ChannelId>().ok());
            if let (Some(id), Ok(rule)) = (id, serde_json::from_str(text)) {
                self.rules.insert(id.0, rule);
            }
        }
        // As an older version kept it.
        for channel in std::mem::take(&mut self.settings.muted) {
            self.rules.entry(channel.0).or_insert(Rule {
                when: None,
                muted: Some(Muted::Always),
            });
        }
    }

    /// Rules by the names under which they are kept.
    pub(super) fn rules_kept(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.rules.iter().map(|(id, rule)| {
            let text = if *rule == Rule::default() {
                String::new()
            } else {
                serde_json::to_string(rule).expect("plain data is JSON")
            };
            (format!("{PREFIX}{}", ChannelId(*id)), text)
        })
    }

    /// Ends what has lapsed.
    pub(super) fn unmute_lapsed(&mut self, now: UnixMs) {
        for rule in self.rules.values_mut() {
            if matches!(rule.muted, Some(Muted::Until(until)) if until <= now.0) {
                rule.muted = None;
            }
        }
    }

    /// When the next one lapses.
    pub(super) fn unmute_due(&self) -> Option<UnixMs> {
        let muted = self.rules.values().filter_map(|rule| match rule.muted {
            Some(Muted::Until(until)) => Some(UnixMs(until)),
            _ => None,
        });
        muted.min()
    }

    /// How many conversations, communities and channels have rules.
    pub(crate) fn rule_count(&self) -> usize {
        let made = self.rules.values();
        made.filter(|rule| **rule != Rule::default()).count()
    }
}
