//! How much of a community a home node keeps, and for how long: as those say for whom it is kept.
//!
//! Of several wishes the greatest counts. At its size limit a copy takes nothing new, as at the node's own quota. After
//! its days the bodies of messages go; what governs, what names things and who wrote when stays, so that copies can be
//! compared all the same.

use std::collections::BTreeMap;

use alloquy_ids::{AccountId, CommunityId, EventId, UnixMs};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::Kind;
use rand_core::CryptoRng;

use super::Blind;
use super::keep::PAIRED_MAX;
use crate::community::{Community, Place};
use crate::limits::AGES_LOOK_EVERY_MS;
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::home::Keeping;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Limits of a community by who set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitsRecord(pub(crate) BTreeMap<AccountId, Keeping>);

impl Canonical for LimitsRecord {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0.len() as u64);
        for (account, keeping) in &self.0 {
            account.write(w);
            keeping.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(PAIRED_MAX, "limits")?;
        let one = |_| Ok((AccountId::read(r)?, Keeping::read(r)?));
        let limits: Vec<_> = (0..count).map(one).collect::<Result<_, DecodeError>>()?;
        if !limits.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DecodeError::NotCanonical { what: "limits" });
        }
        Ok(Self(limits.into_iter().collect()))
    }
}

impl Blind {
    /// What an account has asked for.
    pub(super) fn keeping_of(&self, account: AccountId) -> Keeping {
        self.limits.0.get(&account).copied().unwrap_or_default()
    }

    /// What counts: the greatest wish; nobody's wish to have less takes from another.
    pub(crate) fn keeping(&self) -> Keeping {
        let mut all = self
            .accounts
            .iter()
            .map(|account| self.keeping_of(*account));
        let first = all.next().unwrap_or_default();
        all.fold(first, |one, other| Keeping {
            bytes: greater(one.bytes, other.bytes),
            days: greater(one.days, other.days),
        })
    }

    /// Whether so many bytes more are over its own limit.
    pub(super) fn is_over(&self, more: u64) -> bool {
        let limit = self.keeping().bytes;
        limit > 0 && self.bytes.saturating_add(more) > limit
    }
}

/// The greater limit, where 0 is none.
fn greater<T: Ord + Default + Copy>(a: T, b: T) -> T {
    let none = T::default();
    if a == none || b == none {
        none
    } else {
        a.max(b)
    }
}

impl Community {
    /// Takes the bodies of messages that came before a time out of a blind copy. Returns whose.
    fn forget_aged(&mut self, before: UnixMs) -> Vec<EventId> {
        let Some(blind) = &self.blind else {
            return Vec::new();
        };
        let rows: Vec<_> = blind.rows_before(before);
        let ids = rows.iter().filter_map(|row| self.rows.get(row)).flatten();
        let has_body = |community: &Self, id: EventId| {
            let (place, event) = community.find(id)?;
            let message = matches!(place, Place::Channel(_)) && event.header().kind == Kind::Sealed;
            (message && event.body().is_some()).then_some(place)
        };
        let aged: Vec<_> = ids
            .filter_map(|id| Some((has_body(self, *id)?, *id)))
            .collect();
        for (place, id) in &aged {
            self.forget_body(*place, *id);
        }
        let gone = aged.iter().filter(|(_, id)| has_body(self, *id).is_none());
        gone.map(|(_, id)| *id).collect()
    }

    /// Messages of a blind copy from before this are not asked for again.
    pub(crate) fn aged_before(&self, now: UnixMs) -> UnixMs {
        let days = self.blind.as_ref().map_or(0, |blind| blind.keeping().days);
        match u64::from(days) {
            0 => UnixMs(0),
            days => UnixMs(now.0.saturating_sub(days * DAY_MS)),
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// An account says how much of a community is kept for it.
    pub(super) fn set_keeping(&mut self, id: CommunityId, account: AccountId, keeping: Keeping) {
        let blind = self
            .communities
            .get_mut(&id)
            .and_then(|community| community.blind.as_mut());
        let Some(blind) = blind.filter(|blind| blind.keeping_of(account) != keeping) else {
            return;
        };
        blind.limits.0.insert(account, keeping);
        let accounts = &blind.accounts;
        blind.limits.0.retain(|account, keeping| {
            accounts.contains(account) && *keeping != Keeping::default()
        });
        let write = put(&Key::HomeLimits(id), &blind.limits);
        self.outbox.store(vec![write], After::Nothing);
        self.look_at_ages();
    }

    /// Bodies that were kept long enough go.
    pub(crate) fn look_at_ages(&mut self) {
        let now = self.wall();
        let mut any = false;
        for id in self.communities.keys().copied().collect::<Vec<_>>() {
            let Some(community) = self.communities.get_mut(&id) else {
                continue;
            };
            let before = community.aged_before(now);
            if before == UnixMs(0) {
                continue;
            }
            any = true;
            let aged = community.forget_aged(before);
            if !aged.is_empty() {
                self.drop_bodies(id, &aged);
            }
        }
        if any {
            let at = self.now.mono.plus(AGES_LOOK_EVERY_MS);
            self.timers.set_earlier(Timer::Ages, at);
        }
    }
}
