//! Permission of an event at its `auth`, from signed values only (docs/protocol.md, "Permitted").

use std::collections::{BTreeSet, BinaryHeap};

use alloquy_ids::{AccountId, UnixMs};

use super::{Ground, Ledger, Node, SPEAKING};
use crate::authority::{AuthorityLog, State};
use crate::event::{Header, Kind};
use crate::permissions::{ChannelKind, Permissions};
use crate::timeline::denials::Author;

/// Why an event is not permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoMember,
    NoRight,
    TimedOut(UnixMs),
    TooSoon(u32),
    New(UnixMs),
}

impl Ledger {
    pub(super) fn author(
        &mut self,
        past: u32,
        header: &Header,
        authority: &AuthorityLog,
    ) -> Result<Author, Refusal> {
        let ground = self.ground;
        let find = || {
            let state = authority.state_at(&header.auth).ok_or(Refusal::NoMember)?;
            let account = state.account_of(header.device).ok_or(Refusal::NoMember)?;
            Ok(author(account, ground, &state, authority))
        };
        *self
            .authors
            .entry((past, header.device))
            .or_insert_with(find)
    }

    /// Permission at `auth`, from signed values only.
    pub(super) fn refusal(&self, node: &Node, header: &Header) -> Option<Refusal> {
        let author = node.author?;
        let channel = self.ground != Ground::Content;
        if channel && !author.rights.has(Permissions::VIEW) {
            return Some(Refusal::NoRight);
        }
        if header.kind == Kind::Deletion {
            return None;
        }
        if channel && (author.rights & SPEAKING) == Permissions::NONE {
            return Some(Refusal::NoRight);
        }
        if let Some(until) = author.timed_out_until.filter(|until| header.wall < *until) {
            return Some(Refusal::TimedOut(until));
        }
        if let Some(from) = author.writes_from.filter(|from| header.wall < *from) {
            return Some(Refusal::New(from));
        }
        self.too_soon(node, header, author)
    }

    /// Slow mode: at least the interval after the account's previous sealed event in its past, counting or not.
    /// All sealed events are alike here, because their bodies may be missing.
    pub(super) fn too_soon(&self, node: &Node, header: &Header, author: Author) -> Option<Refusal> {
        let interval = author.slow_mode_ms;
        if interval == 0 {
            return None;
        }
        let previous = self.previous_of(author.account, &node.parents)?;
        let earliest = self
            .header(previous)
            .wall
            .0
            .saturating_add(u64::from(interval));
        (header.wall.0 < earliest).then_some(Refusal::TooSoon(interval))
    }

    /// The greatest sealed event of an account, in the order shown, in the past of something with these parents.
    pub(super) fn previous_of(&self, account: AccountId, parents: &[u32]) -> Option<u32> {
        // The order shown rises along every edge, so a heap pops ancestors from the newest to the oldest.
        let mut heap: BinaryHeap<_> = parents.iter().map(|at| (self.key(*at), *at)).collect();
        let mut seen: BTreeSet<_> = parents.iter().copied().collect();
        while let Some((_, at)) = heap.pop() {
            let node = &self.nodes[at as usize];
            if node.kind == Kind::Sealed
                && node.author.is_some_and(|author| author.account == account)
            {
                return Some(at);
            }
            for parent in &node.parents {
                if seen.insert(*parent) {
                    heap.push((self.key(*parent), *parent));
                }
            }
        }
        None
    }
}

/// What `E(auth)` says about an author in a scope. Moderators are exempt from slow mode.
fn author(account: AccountId, ground: Ground, state: &State, authority: &AuthorityLog) -> Author {
    let timed_out_until = state.timeouts.get(&account).map(|(_, until)| *until);
    let Ground::Channel(id) = ground else {
        let rights = state.permissions(account, None);
        return Author {
            account,
            rights,
            timed_out_until,
            slow_mode_ms: 0,
            writes_from: None,
        };
    };
    let channel = state
        .channels
        .get(&id)
        .filter(|channel| channel.kind != ChannelKind::Category);
    let rights = channel.map_or(Permissions::NONE, |_| state.permissions(account, Some(id)));
    let moderates = (rights & (Permissions::MANAGE_MESSAGES | Permissions::MANAGE_CHANNELS))
        != Permissions::NONE;
    let slow_mode_ms = channel
        .filter(|_| !moderates)
        .map_or(0, |channel| channel.slow_mode_ms);
    Author {
        account,
        rights,
        timed_out_until,
        slow_mode_ms,
        writes_from: authority.writes_from(state, account),
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoMember => f.write_str("its device belonged to no member when it was written"),
            Self::NoRight => f.write_str("its author did not hold a right to write here"),
            Self::TimedOut(until) => write!(f, "its author was timed out until {} ms", until.0),
            Self::New(from) => write!(
                f,
                "its author was new here and may write from {} ms on",
                from.0
            ),
            Self::TooSoon(interval) => write!(
                f,
                "it came within {interval} ms of the one before it (slow mode)"
            ),
        }
    }
}
