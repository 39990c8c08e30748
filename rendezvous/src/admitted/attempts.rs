//! Who tried to come into which community of late.
//!
//! Each link is an operation in the community's log for good, made by the right of the rendezvous' own node: so there is
//! one link for one account and community at a time, and who was not let in is not tried again at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alloquy_ids::{AccountId, CommunityId};

use super::EnterError;
use crate::nodes::INVITE_MS;

/// Time for which an attempt that has not ended well is told again instead of made again: a member who lets somebody in
/// needs minutes, and each attempt costs the community's members work.
const RETRY_WAIT: Duration = Duration::from_secs(2 * 60);
/// Time before a link's end from which it is not used any more: that of one attempt, and some for clocks that differ.
const LINK_MARGIN: Duration = Duration::from_secs(60);
/// Attempts that are remembered: some 6 MiB with their links. Nobody else comes in while that many are under way.
const ATTEMPTS_MAX: usize = 16_384;

/// What is told of an attempt that has not ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It failed, or goes on.
    Failed,
    /// A member was asked.
    Asked,
    /// The community said no.
    NotLetIn,
    /// The rendezvous may not invite.
    NoRight,
}

impl From<Told> for EnterError {
    fn from(told: Told) -> Self {
        match told {
            Told::Failed => Self::Unknown,
            Told::Asked => Self::Asked,
            Told::NotLetIn => Self::NotLetIn,
            Told::NoRight => Self::NoRight,
        }
    }
}

/// An account, and where it wants to come in.
pub(super) type Who = (AccountId, CommunityId);

#[derive(Debug)]
struct Attempt {
    told: Told,
    /// When it may be made again.
    until: Instant,
    /// A link that was not used, and when it ends.
    link: Option<(String, Instant)>,
}

impl Attempt {
    fn link(&self, now: Instant) -> Option<&String> {
        let link = self.link.as_ref();
        link.filter(|(_, end)| now + LINK_MARGIN < *end)
            .map(|(link, _)| link)
    }
}

/// The attempts that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Attempts(BTreeMap<Who, Attempt>);

impl Attempts {
    /// Begins one, which counts as failed until more is known. Gives the link of an earlier one, if it is good.
    pub(super) fn begin(&mut self, who: Who, now: Instant) -> Result<Option<String>, EnterError> {
        match self.0.get_mut(&who) {
            Some(known) if now < known.until => return Err(known.told.into()),
            Some(known) => {
                known.told = Told::Failed;
                known.until = now + RETRY_WAIT;
                return Ok(known.link(now).cloned());
            }
            None => {}
        }
        if self.0.len() >= ATTEMPTS_MAX {
            self.0
                .retain(|_, known| now < known.until || known.link(now).is_some());
        }
        if self.0.len() >= ATTEMPTS_MAX {
            return Err(EnterError::Often);
        }
        let attempt = Attempt {
            told: Told::Failed,
            until: now + RETRY_WAIT,
            link: None,
        };
        self.0.insert(who, attempt);
        Ok(None)
    }

    /// A link was made for an attempt.
    pub(super) fn made(&mut self, who: Who, link: &str, now: Instant) {
        if let Some(known) = self.0.get_mut(&who) {
            known.link = Some((link.to_owned(), now + Duration::from_millis(INVITE_MS)));
        }
    }

    /// The link of an attempt leads nowhere.
    pub(super) fn spent(&mut self, who: Who) {
        if let Some(known) = self.0.get_mut(&who) {
            known.link = None;
        }
    }

    /// More is known of an attempt.
    pub(super) fn tell(&mut self, who: Who, told: Told) -> EnterError {
        if let Some(known) = self.0.get_mut(&who) {
            known.told = told;
        }
        told.into()
    }

    /// It has ended well: its link is used.
    pub(super) fn ended(&mut self, who: Who) {
        self.0.remove(&who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUB: CommunityId = CommunityId([9; 32]);

    fn account(number: u32) -> Who {
        let mut bytes = [1; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        (AccountId(bytes), CLUB)
    }

    #[test]
    fn who_was_not_let_in_is_told_so_again_and_has_one_link_while_it_is_good() {
        let mut attempts = Attempts::default();
        let (who, start) = (account(1), Instant::now());
        assert_eq!(attempts.begin(who, start).unwrap(), None);
        attempts.made(who, "first", start);
        assert_eq!(attempts.tell(who, Told::Asked).numeric(), "473");
        let soon = start + RETRY_WAIT - Duration::from_millis(1);
        let again = attempts.begin(who, soon).unwrap_err();
        assert!(matches!(again, EnterError::Asked), "{again:?}");
        // Another account, and another community, are other attempts.
        assert_eq!(attempts.begin(account(2), soon).unwrap(), None);
        // The same link, until it is hardly good any more.
        let later = start + RETRY_WAIT;
        assert_eq!(
            attempts.begin(who, later).unwrap().as_deref(),
            Some("first")
        );
        let again = attempts.begin(who, later).unwrap_err();
        assert!(matches!(again, EnterError::Unknown), "{again:?}");
        let end = start + Duration::from_millis(INVITE_MS) - LINK_MARGIN;
        assert_eq!(attempts.begin(who, end).unwrap(), None);
    }

    #[test]
    fn a_link_that_was_used_or_leads_nowhere_is_not_used_again() {
        let mut attempts = Attempts::default();
        let (who, start) = (account(1), Instant::now());
        for forget in [Attempts::ended, Attempts::spent] {
            let at = start + RETRY_WAIT;
            attempts.begin(who, start).unwrap();
            attempts.made(who, "used", start);
            forget(&mut attempts, who);
            assert_eq!(attempts.begin(who, at).unwrap(), None);
            attempts.ended(who);
        }
    }

    #[test]
    fn a_bounded_number_of_attempts_is_remembered() {
        let mut attempts = Attempts::default();
        let start = Instant::now();
        for number in 0..u32::try_from(ATTEMPTS_MAX).unwrap() {
            attempts.begin(account(number), start).unwrap();
        }
        let one_more = account(u32::MAX);
        let refused = attempts.begin(one_more, start).unwrap_err();
        assert!(matches!(refused, EnterError::Often), "{refused:?}");
        assert_eq!(refused.numeric(), "437");
        assert_eq!(attempts.0.len(), ATTEMPTS_MAX);
        attempts.begin(one_more, start + RETRY_WAIT).unwrap();
        assert_eq!(attempts.0.len(), 1);
    }
}
