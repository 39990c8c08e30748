//! "Read": whether and how far others have read what this account wrote, and how they are told the same
//! (docs/protocol.md, "Confirmation").
//!
//! Only in direct messages and groups, and only while the account allows it. What is told follows from the read
//! marker, so nothing waits anywhere for those who are away: they are told where it stands when they connect.

use std::collections::BTreeMap;

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, NetworkKey, ScopeId};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::permissions::{CommunityKind, Permissions};
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::{HEIGHTS_MAX, RECEIPT_WALK_MAX, RECEIPTS_EVERY_MS};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::Frame;

/// The name under which it is kept that nobody is to learn what was read: it follows the account.
pub(crate) const RECEIPTS: &str = "settings/receipts";

/// A log, by the scope, the device and the incarnation.
pub(crate) type Log = (ScopeId, DeviceId, u32);

/// How far an account has read logs of this account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadLogs(pub(crate) BTreeMap<Log, u64>);

impl Canonical for ReadLogs {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0.len() as u64);
        for ((scope, device, incarnation), height) in &self.0 {
            scope.write(w);
            device.write(w);
            w.u32(*incarnation);
            w.varint(*height);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(HEIGHTS_MAX, "logs read")?;
        let one = |_| {
            let log = (ScopeId::read(r)?, DeviceId::read(r)?, r.u32("incarnation")?);
            Ok((log, r.varint("height")?))
        };
        Ok(Self(
            (0..count).map(one).collect::<Result<_, DecodeError>>()?,
        ))
    }
}

impl Community {
    /// How far the read marker of a channel reaches in logs of an account.
    fn read_of(&self, channel: ChannelId, account: AccountId) -> BTreeMap<Log, u64> {
        let mut logs = BTreeMap::new();
        let read = self.read.get(&channel).copied().unwrap_or(0);
        let read = usize::try_from(read).unwrap_or(usize::MAX);
        let (Some(arrivals), Some(dag)) = (
            self.arrivals.get(&channel),
            self.dag(Place::Channel(channel)),
        ) else {
            return logs;
        };
        let state = self.state();
        let arrived = arrivals.iter().take(read).rev().take(RECEIPT_WALK_MAX);
        for event in arrived.filter_map(|id| dag.get(*id)) {
            let header = event.header();
            if state.account_ever(header.device) == Some(account) {
                let log = (header.scope, header.device, header.incarnation);
                let height: &mut u64 = logs.entry(log).or_default();
                *height = (*height).max(header.seq + 1);
            }
        }
        logs
    }

    /// How far others have read a log of this account.
    pub(crate) fn read_by_others(&self, log: &Log) -> u64 {
        let heights = self.read_by.values().filter_map(|logs| logs.0.get(log));
        heights.copied().max().unwrap_or(0)
    }
}

impl<R: CryptoRng> Node<R> {
    /// Whether others learn what this account has read.
    pub(crate) fn tells_receipts(&self) -> bool {
        self.is_on(RECEIPTS)
    }

    fn tells_receipts_in(&self, id: CommunityId) -> bool {
        let community = self.communities.get(&id);
        let here = community.is_some_and(|community| {
            community.active && community.kind() != CommunityKind::Community
        });
        here && self.tells_receipts()
    }

    /// Something was read, or somebody has come: they are told soon.
    pub(crate) fn tell_read_soon(&mut self, id: CommunityId) {
        if self.tells_receipts_in(id) {
            let at = self.now.mono.plus(RECEIPTS_EVERY_MS);
            self.timers.set_earlier(Timer::Receipts(id), at);
        }
    }

    /// Tells connected authors how far they were read, as far as they were not told over this connection.
    pub(crate) fn tell_read(&mut self, id: CommunityId) {
        if !self.tells_receipts_in(id) {
            return;
        }
        let me = self.me.account();
        for peer in self.connected_members(id) {
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            let Some((account, _)) = community.member_of(peer).filter(|(of, _)| *of != me) else {
                continue;
            };
            let channels: Vec<_> = community.read.keys().copied().collect();
            let read: Vec<_> = channels
                .into_iter()
                .flat_map(|channel| community.read_of(channel, account))
                .collect();
            for (log, height) in read {
                self.tell_read_of(peer, id, log, height);
            }
        }
    }

    fn tell_read_of(&mut self, peer: NetworkKey, id: CommunityId, log: Log, height: u64) {
        let Some(session) = self.session(peer, id) else {
            return;
        };
        if session.told_read.insert(log, height) == Some(height) {
            return;
        }
        let (scope, device, incarnation) = log;
        let frame = Frame::ReadUpTo {
            community: id,
            scope,
            device,
            incarnation,
            height,
        };
        self.outbox.send(peer, &frame);
    }

    /// Somebody has read a log of this account up to a height.
    pub(crate) fn read_up_to(&mut self, id: CommunityId, reader: AccountId, log: Log, height: u64) {
        let me = self.me.account();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let (scope, device, incarnation) = log;
        let place = community.place(scope, alloquy_ids::EventId(scope.0));
        let Some(place @ Place::Channel(channel)) = place else {
            return;
        };
        let state = community.state();
        let views = state
            .permissions(reader, Some(channel))
            .has(Permissions::VIEW);
        if reader == me || !views || state.account_ever(device) != Some(me) {
            return;
        }
        let head = community
            .dag(place)
            .and_then(|dag| dag.log_head(device, incarnation));
        let height = height.min(head.map_or(0, |head| head.header().seq + 1));
        let logs = community.read_by.entry(reader).or_default();
        let before = logs.0.get(&log).copied().unwrap_or(0);
        if height <= before {
            return;
        }
        logs.0.insert(log, height);
        let write = put(&Key::ReadBy(id, reader), logs);
        let newly = community.events_of_log(place, (device, incarnation), before..height);
        self.outbox.store(vec![write], After::Nothing);
        for event in newly {
            self.tell_delivery(id, event);
        }
    }
}
