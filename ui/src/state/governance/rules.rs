//! Rules of a community while they are typed: words, and limits against raids.

use alloquy_api::Command;
use alloquy_api::command::WordRule;
use alloquy_api::limits::{JOINS_MAX, WORDS_BYTES_MAX};
use alloquy_api::reply::PolicyView;
use alloquy_ids::CommunityId;

use crate::state::apply::community_ref;
use crate::words::say;

/// Rules as they are typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesDraft {
    community: CommunityId,
    /// Words that are refused, separated by commas.
    pub refused: String,
    /// Words that are held back, separated by commas.
    pub held: String,
    /// How many may come in within the while; empty: any number.
    pub in_all: String,
    /// How many by one invite; empty: any number.
    pub by_invite: String,
    /// Words as they were when the page opened: refused, and held.
    before: (String, String),
}

impl RulesDraft {
    pub(super) fn new(community: CommunityId, policy: &PolicyView) -> Self {
        let number = |limit: Option<u32>| limit.map(|n| n.to_string()).unwrap_or_default();
        let refused = policy.refused_words.join(", ");
        let held = policy.held_words.join(", ");
        Self {
            community,
            before: (refused.clone(), held.clone()),
            refused,
            held,
            in_all: number(policy.joins_in_all),
            by_invite: number(policy.joins_by_invite),
        }
    }

    /// The list of a rule.
    pub(crate) const fn list(&mut self, rule: WordRule) -> &mut String {
        match rule {
            WordRule::Refuse => &mut self.refused,
            WordRule::Hold => &mut self.held,
        }
    }

    /// What is wrong with a list.
    pub(crate) fn list_fault(list: &str) -> Option<String> {
        crate::widgets::over_limit(list, WORDS_BYTES_MAX)
    }

    /// What sets a list; `None` while it is as it was, or too long.
    pub(crate) fn words(&self, rule: WordRule) -> Option<Command> {
        let (list, before) = match rule {
            WordRule::Refuse => (&self.refused, &self.before.0),
            WordRule::Hold => (&self.held, &self.before.1),
        };
        let fits = Self::list_fault(list).is_none();
        (fits && list.trim() != before.trim()).then(|| Command::PolicyWords {
            community: community_ref(self.community),
            rule,
            words: list.trim().to_owned(),
        })
    }

    /// A limit as typed, or what is wrong with it.
    pub(crate) fn limit(typed: &str) -> Result<Option<u32>, String> {
        if typed.trim().is_empty() {
            return Ok(None);
        }
        let number: Option<u32> = typed.trim().parse().ok();
        let fits = number.filter(|number| (1..=JOINS_MAX).contains(&u64::from(*number)));
        fits.map(Some).ok_or_else(|| say::raid_limits(JOINS_MAX))
    }

    /// What sets the limits within so many milliseconds; `None` where a number does not fit, or there is none.
    pub(crate) fn raid(&self, within_ms: u64) -> Option<Command> {
        let (in_all, by_invite) = (Self::limit(&self.in_all), Self::limit(&self.by_invite));
        let (in_all, by_invite) = (in_all.ok()?, by_invite.ok()?);
        if within_ms > 0 && in_all.is_none() && by_invite.is_none() {
            return None;
        }
        let on = within_ms > 0;
        Some(Command::PolicyRaid {
            community: community_ref(self.community),
            within_ms,
            in_all: in_all.filter(|_| on),
            by_invite: by_invite.filter(|_| on),
        })
    }

    /// What was saved is what later changes are compared with.
    pub(super) fn saved(&mut self, command: &Command) {
        match command {
            Command::PolicyWords { rule, words, .. } => match rule {
                WordRule::Refuse => self.before.0.clone_from(words),
                WordRule::Hold => self.before.1.clone_from(words),
            },
            Command::PolicyRaid { within_ms: 0, .. } => {
                self.in_all.clear();
                self.by_invite.clear();
            }
            _ => {}
        }
    }
}
