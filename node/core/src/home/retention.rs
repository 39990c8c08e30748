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
use crate::limits::{AGES_LOOK_EVERY_MS, FEWER_DAYS_AFTER_MS};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::home::Keeping;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Limits of a community by who set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitsRecord {
    of: BTreeMap<AccountId, Keeping>,
    /// When the days that count became fewer; 0: never.
    fewer_since: UnixMs,
}

impl Canonical for LimitsRecord {
    fn write(&self, w: &mut Writer) {
        w.varint(self.of.len() as u64);
        for (account, keeping) in &self.of {
            account.write(w);
            keeping.write(w);
        }
        self.fewer_since.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(PAIRED_MAX, "limits")?;
        let one = |_| Ok((AccountId::read(r)?, Keeping::read(r)?));
        let limits: Vec<_> = (0..count).map(one).collect::<Result<_, DecodeError>>()?;
        if !limits.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DecodeError::NotCanonical { what: "limits" });
        }
        Ok(Self {
            of: limits.into_iter().collect(),
            fewer_since: UnixMs::read(r)?,
        })
    }
}

impl Keeping {
    /// Whether messages go sooner by this than by another.
    pub(super) const fn is_shorter(self, than: Self) -> bool {
        self.days > 0 && (than.days == 0 || self.days < than.days)
    }
}

impl Blind {
    /// What an account has asked for.
    pub(super) fn keeping_of(&self, account: AccountId) -> Keeping {
        self.limits.of.get(&account).copied().unwrap_or_default()
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

    /// Notes if messages go sooner than they did before.
    pub(super) fn note_fewer_days(&mut self, before: Keeping, now: UnixMs) {
        if self.keeping().is_shorter(before) {
            self.limits.fewer_since = now;
        }
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
    /// Takes the bodies of messages that came before a time, and were written before it, out of a blind copy. Returns
    /// whose. Of the two clocks that say so the one here may have been wrong when they came.
    fn forget_aged(&mut self, before: UnixMs) -> Vec<EventId> {
        let Some(blind) = &self.blind else {
            return Vec::new();
        };
        let rows: Vec<_> = blind.rows_before(before);
        let ids = rows.iter().filter_map(|row| self.rows.get(row)).flatten();
        let has_body = |community: &Self, id: EventId| {
            let (place, event) = community.find(id)?;
            let header = event.header();
            let message = matches!(place, Place::Channel(_)) && header.kind == Kind::Sealed;
            (message && header.wall < before && event.body().is_some()).then_some(place)
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
        let before = blind.keeping();
        blind.limits.of.insert(account, keeping);
        let accounts = &blind.accounts;
        blind.limits.of.retain(|account, keeping| {
            accounts.contains(account) && *keeping != Keeping::default()
        });
        blind.note_fewer_days(before, self.now.wall);
        let write = put(&Key::HomeLimits(id), &blind.limits);
        self.outbox.store(vec![write], After::Nothing);
        self.look_at_ages();
    }

    /// Bodies that were kept long enough go, unless the clock here or the limit is too new to be believed.
    pub(crate) fn look_at_ages(&mut self) {
        let now = self.wall();
        let all = self.communities.values();
        let limited: Vec<_> = all
            .filter(|community| community.aged_before(now) != UnixMs(0))
            .map(|community| community.id)
            .collect();
        if limited.is_empty() {
            return;
        }
        let steady = self.clock_is_steady();
        for id in limited {
            if !self.is_limit_settled(id) || !steady {
                continue;
            }
            let Some(community) = self.communities.get_mut(&id) else {
                continue;
            };
            let aged = community.forget_aged(community.aged_before(now));
            if !aged.is_empty() {
                self.drop_bodies(id, &aged);
            }
        }
        let at = self.now.mono.plus(AGES_LOOK_EVERY_MS);
        self.timers.set_earlier(Timer::Ages, at);
    }

    /// Whether the days of a community have not become fewer of late.
    fn is_limit_settled(&mut self, id: CommunityId) -> bool {
        let now = self.wall();
        let community = self.communities.get_mut(&id);
        let Some(blind) = community.and_then(|community| community.blind.as_mut()) else {
            return false;
        };
        let since = &mut blind.limits.fewer_since;
        if *since > now {
            // The clock was ahead then.
            *since = now;
            let write = put(&Key::HomeLimits(id), &blind.limits);
            self.outbox.store(vec![write], After::Nothing);
        }
        now.0 - blind.limits.fewer_since.0 >= FEWER_DAYS_AFTER_MS
    }
}
