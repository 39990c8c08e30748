//! What moderation shows: who came in by whom, rules, requests, votes.

use alloquy_ids::{AccountId, EventId, InviteId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::{JoinRule, LinkRule};

/// Somebody who came into a community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeView {
    /// The account.
    pub account: AccountId,
    /// Its display name.
    pub name: String,
    /// How many invited one another from the top down to it: 0 for those whom nobody invited.
    pub depth: u32,
    /// Who made the invite, or admitted without one; `null` for the founder.
    pub inviter: Option<AccountId>,
    /// The invite used; `null` without one.
    pub invite: Option<InviteId>,
    /// Who admitted it; `null` for the founder.
    pub admitted_by: Option<AccountId>,
    /// The operation that admitted it.
    pub operation: EventId,
    /// When, as the clock of who admitted it said.
    pub time: UnixMs,
    /// Whether it is a member now.
    pub member: bool,
}

/// A community's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyView {
    /// Who may come in.
    pub joins: JoinRule,
    /// Milliseconds after its admission before which a member without a role may not write; 0: none.
    pub wait_ms: u32,
    /// Who may post links.
    pub links: LinkRule,
    /// How many may come in within the while; `null` when any number.
    pub joins_in_all: Option<u32>,
    /// How many by one invite; `null` when any number.
    pub joins_by_invite: Option<u32>,
    /// The while, milliseconds; 0 when there is no limit.
    pub joins_within_ms: u32,
    /// Words and phrases that are refused.
    pub refused_words: Vec<String>,
    /// Words and phrases that are held.
    pub held_words: Vec<String>,
}

/// Somebody who asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// The account.
    pub account: AccountId,
    /// The name that it gave; nothing proves it.
    pub name: String,
    /// The invite that it has; `null` without one.
    pub invite: Option<InviteId>,
    /// When this node first heard of it.
    pub since: UnixMs,
}

/// An owner set that is proposed and lacks votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Who would be added.
    pub add: Vec<AccountId>,
    /// Who would be removed.
    pub remove: Vec<AccountId>,
    /// Who voted for it.
    pub voters: Vec<AccountId>,
    /// Votes given.
    pub votes: u32,
    /// Votes needed.
    pub needed: u32,
}
