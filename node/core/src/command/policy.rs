//! The community's rules: setting and showing them, and what they mean for a message. Requests to be let in.

use std::borrow::Cow;

use alloquy_api::command::{JoinRule, LinkRule, WordRule};
use alloquy_api::reply::{PolicyView, RequestView};
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, CommunityId, EventId, UnixMs};
use alloquy_schema::authority::State;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::embed::Embed;
use alloquy_schema::limits::{RULE_WORD_BYTES_MAX, RULE_WORDS_MAX};
use alloquy_schema::permissions::Permissions;
use alloquy_schema::policy::{self, Policy, RaidLimit, Rule};
use rand_core::CryptoRng;

use super::{Outcome, error};
use crate::community::Community;
use crate::io::Origin;
use crate::node::Node;

/// Longest waiting period and longest while of a raid limit: 28 days.
const PERIOD_MAX_MS: u64 = 28 * 24 * 3600 * 1000;
/// Longest list of words that an error repeats.
const WORDS_SHOWN: usize = 3;

impl Community {
    /// Why the rules hide a message from those who may not delete others' messages, and the operations that set them.
    /// A message that a moderator let through is shown, whatever it holds, as long as it holds what it held then.
    pub(crate) fn hidden_by_rules(
        &self,
        (message, edited): (EventId, bool),
        author: AccountId,
        text: &str,
    ) -> Option<(String, Vec<EventId>)> {
        let state = self.state();
        let reason = breaks_rules(&state, author, text)?;
        if state.accepted_late.contains(&message) && !edited {
            return None;
        }
        let by = state.policy_by.get(&reason.rule).copied();
        Some((reason.sentence, by.into_iter().collect()))
    }

    /// From when on an account may write, while it is new.
    pub(crate) fn writes_from(&self, account: AccountId, now: UnixMs) -> Option<UnixMs> {
        let from = self.authority.writes_from(&self.state(), account)?;
        (now < from).then_some(from)
    }
}

/// A rule that a text breaks.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) sentence: String,
    /// Its number.
    rule: u8,
    /// Whether it only waits for a moderator.
    pub(crate) held: bool,
}

/// What rules look at of a message: its text, and what its previews say.
pub(crate) fn words<'a>(text: &'a str, embeds: &[Embed]) -> Cow<'a, str> {
    let mut words = Cow::Borrowed(text);
    for embed in embeds {
        let words = words.to_mut();
        words.push('\n');
        words.push_str(&embed.words());
    }
    words
}

/// The rule that a text of an account breaks. Who may delete others' messages writes what they like.
pub(crate) fn breaks_rules(state: &State, author: AccountId, text: &str) -> Option<Broken> {
    let rules = &state.policy;
    let broken = |sentence: String, rule: &Rule, held| {
        Some(Broken {
            sentence,
            rule: rule.tag(),
            held,
        })
    };
    if !has_rules(rules) || text.is_empty() {
        return None;
    }
    let moderates = || {
        let rights = state.permissions(author, None);
        rights.has(Permissions::MANAGE_MESSAGES)
    };
    if let Some(word) = policy::word_in(&rules.refused, text) {
        if moderates() {
            return None;
        }
        let sentence = format!("it holds {word:?}, which the community refuses");
        return broken(sentence, &Rule::Refused(Vec::new()), false);
    }
    let with_role = || {
        let member = state.members.get(&author);
        state.is_owner(author) || member.is_some_and(|member| !member.roles.is_empty())
    };
    if rules.links != policy::LinkRule::Everyone && policy::has_link(text) {
        let may = match rules.links {
            policy::LinkRule::Roles => with_role(),
            _ => moderates(),
        };
        if !may {
            let sentence = "it holds a link, which its author may not post here".to_owned();
            return broken(sentence, &Rule::Links(rules.links), false);
        }
    }
    let word = policy::word_in(&rules.held, text).filter(|_| !moderates())?;
    let sentence = format!("it holds {word:?}: a moderator must let it through");
    broken(sentence, &Rule::Held(Vec::new()), true)
}

fn has_rules(rules: &Policy) -> bool {
    !rules.refused.is_empty() || !rules.held.is_empty() || rules.links != policy::LinkRule::Everyone
}

pub(crate) fn view(rules: &Policy) -> PolicyView {
    PolicyView {
        joins: match rules.joins {
            policy::JoinRule::Open => JoinRule::Open,
            policy::JoinRule::Invite => JoinRule::Invite,
            policy::JoinRule::Approval => JoinRule::Approval,
        },
        wait_ms: rules.wait_ms,
        links: match rules.links {
            policy::LinkRule::Everyone => LinkRule::Everyone,
            policy::LinkRule::Roles => LinkRule::Roles,
            policy::LinkRule::Moderators => LinkRule::Moderators,
        },
        joins_in_all: rules.raid.in_all,
        joins_by_invite: rules.raid.by_invite,
        joins_within_ms: rules.raid.within_ms,
        refused_words: rules.refused.clone(),
        held_words: rules.held.clone(),
    }
}

/// A changed rule in plain words, for the audit log.
pub(super) fn describe(rule: &Rule) -> String {
    let limit = |limit: Option<u32>| limit.map_or("any number".to_owned(), |n| n.to_string());
    match rule {
        Rule::Joins(policy::JoinRule::Open) => "let whoever asks come in".to_owned(),
        Rule::Joins(policy::JoinRule::Invite) => "let whoever has a link come in".to_owned(),
        Rule::Joins(policy::JoinRule::Approval) => {
            "let those come in whom a member lets in".to_owned()
        }
        Rule::Wait(0) => "let newcomers write at once".to_owned(),
        Rule::Wait(ms) => format!("let newcomers write after {} s", ms / 1000),
        Rule::Links(policy::LinkRule::Everyone) => "let everyone post links".to_owned(),
        Rule::Links(policy::LinkRule::Roles) => "let members with a role post links".to_owned(),
        Rule::Links(policy::LinkRule::Moderators) => "let moderators post links".to_owned(),
        Rule::Raid(RaidLimit { within_ms: 0, .. }) => "ended the limit of joins".to_owned(),
        Rule::Raid(raid) => format!(
            "limited joins within {} s to {} in all, {} by one invite",
            raid.within_ms / 1000,
            limit(raid.in_all),
            limit(raid.by_invite)
        ),
        Rule::Refused(words) => format!("refused the words: {}", words.join(", ")),
        Rule::Held(words) => format!("held the words: {}", words.join(", ")),
    }
}

/// The words of a list as typed, in the form and order of rules.
fn words_of(text: &str) -> Result<Vec<String>, CommandError> {
    let mut words: Vec<_> = text
        .split([',', '\n'])
        .map(policy::normal_words)
        .filter(|word| !word.is_empty())
        .collect();
    words.sort();
    words.dedup();
    if words.len() > RULE_WORDS_MAX {
        let message = format!(
            "{} words are listed, the limit is {RULE_WORDS_MAX}",
            words.len()
        );
        return Err(error(ErrorCode::Limit, message));
    }
    let long: Vec<_> = words
        .iter()
        .filter(|word| word.len() > RULE_WORD_BYTES_MAX)
        .take(WORDS_SHOWN)
        .map(|word| format!("{:?} has {} bytes", word, word.len()))
        .collect();
    if long.is_empty() {
        Ok(words)
    } else {
        let message = format!("{}, the limit is {RULE_WORD_BYTES_MAX}", long.join(", "));
        Err(error(ErrorCode::Limit, message))
    }
}

fn period(what: &str, ms: u64) -> Result<u32, CommandError> {
    match u32::try_from(ms) {
        Ok(short) if ms <= PERIOD_MAX_MS => Ok(short),
        _ => Err(error(
            ErrorCode::Limit,
            format!("the {what} is {ms} ms, the limit is {PERIOD_MAX_MS} ms (28d)"),
        )),
    }
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn policy_command(&mut self, origin: Origin, command: Command) -> Outcome {
        use Command as C;
        let (community, rule) = match command {
            C::PolicyJoins { community, rule } => {
                let rule = match rule {
                    JoinRule::Open => policy::JoinRule::Open,
                    JoinRule::Invite => policy::JoinRule::Invite,
                    JoinRule::Approval => policy::JoinRule::Approval,
                };
                (community, Rule::Joins(rule))
            }
            C::PolicyWait { community, wait_ms } => {
                (community, Rule::Wait(period("waiting period", wait_ms)?))
            }
            C::PolicyLinks { community, rule } => {
                let rule = match rule {
                    LinkRule::Everyone => policy::LinkRule::Everyone,
                    LinkRule::Roles => policy::LinkRule::Roles,
                    LinkRule::Moderators => policy::LinkRule::Moderators,
                };
                (community, Rule::Links(rule))
            }
            C::PolicyWords {
                community,
                rule,
                words,
            } => {
                let words = words_of(&words)?;
                let rule = match rule {
                    WordRule::Refuse => Rule::Refused(words),
                    WordRule::Hold => Rule::Held(words),
                };
                (community, rule)
            }
            C::PolicyRaid {
                community,
                within_ms,
                in_all,
                by_invite,
            } => {
                let limited = in_all.is_some() || by_invite.is_some();
                if limited != (within_ms > 0) {
                    let message = "a limit of joins needs a duration, and --in-all or --by-invite";
                    return Err(error(ErrorCode::Parse, message));
                }
                let raid = RaidLimit {
                    in_all,
                    by_invite,
                    within_ms: period("duration", within_ms)?,
                };
                (community, Rule::Raid(raid))
            }
            C::Approve { community, account } => {
                let id = self.community_named(&community.0)?;
                let refused = &self.active(id)?.refused;
                let by_id = account.0.parse().ok();
                let refused = by_id.filter(|account| refused.contains(account));
                let account = match refused {
                    Some(account) => account,
                    None => self.asking(id, &account.0)?,
                };
                return self.approve(origin, id, account);
            }
            C::Refuse { community, account } => {
                let id = self.community_named(&community.0)?;
                let account = self.asking(id, &account.0)?;
                return self.refuse(origin, id, account);
            }
            other => {
                let message = format!("no machine takes {other:?}");
                return Err(error(ErrorCode::Internal, message));
            }
        };
        let id = self.community_named(&community.0)?;
        self.operate(origin, id, AuthorityOp::SetPolicy(rule), None)
    }

    pub(super) fn policy_reply(&self, id: CommunityId) -> Result<Reply, CommandError> {
        Ok(Reply::Policy {
            policy: view(&self.active(id)?.state().policy),
        })
    }

    pub(super) fn requests_reply(&self, id: CommunityId) -> Result<Reply, CommandError> {
        let community = self.active(id)?;
        if !self.may_let_in(community) {
            let message = "this account lacks the right invite";
            return Err(error(ErrorCode::NotPermitted, message));
        }
        Ok(Reply::Requests {
            requests: self.request_views(community),
        })
    }

    fn may_let_in(&self, community: &Community) -> bool {
        let rights = community.state().permissions(self.me.account(), None);
        rights.has(Permissions::INVITE)
    }

    /// Who asks to be let in, for those who may decide it.
    pub(crate) fn request_views(&self, community: &Community) -> Vec<RequestView> {
        if !self.may_let_in(community) {
            return Vec::new();
        }
        let view = |(account, request): (&AccountId, &crate::join::Request)| RequestView {
            account: *account,
            name: request.name.clone(),
            invite: request.join.invite,
            since: request.since,
        };
        let mut requests: Vec<_> = community.requests.iter().map(view).collect();
        requests.sort_by_key(|request| (request.since, request.account));
        requests
    }

    /// The account that asks, by its id or the name that it gave.
    fn asking(&self, id: CommunityId, text: &str) -> Result<AccountId, CommandError> {
        let requests = &self.active(id)?.requests;
        let by_id = text.parse().ok();
        let named: Vec<_> = requests
            .iter()
            .filter(|(account, request)| by_id == Some(**account) || request.name == text)
            .map(|(account, _)| *account)
            .collect();
        match named.as_slice() {
            [one] => Ok(*one),
            [] => Err(error(
                ErrorCode::UnknownName,
                format!("nobody named {text:?} asks to be let in"),
            )),
            many => Err(super::ambiguous(
                "accounts",
                text,
                many.iter().map(ToString::to_string),
            )),
        }
    }
}
