//! This device's prekeys: replaced every 30 days, the private part kept for 30 days more, for wraps that are under way
//! (docs/protocol.md, "Prekey records").

use alloquy_ids::{CommunityId, NetworkKey, UnixMs};
use alloquy_schema::identity::{PrekeyRecord, new_prekey, sign_prekey};
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::community::Community;
use crate::io::Write;
use crate::limits::{PREKEY_KEPT_MS, PREKEY_LOOK_EVERY_MS};
use crate::node::{Me, Node, Timer};
use crate::outbox::{After, put, put_bytes};
use crate::record::Key;
use crate::wire::Frame;

impl Me {
    /// The secret for a public prekey of this device, as long as it is kept.
    pub(crate) fn prekey_secret(&self, public: &[u8; 32]) -> Option<&[u8; 32]> {
        let mut kept = self.record.prekeys.iter();
        kept.find(|(counter, secret)| sign_prekey(&self.key, *counter, secret).key == *public)
            .map(|(_, secret)| secret)
    }
}

impl<R: CryptoRng> Node<R> {
    /// Replaces the prekey if it is old, and forgets the one before it when that was replaced long enough ago. Looked
    /// at once an hour.
    pub(crate) fn renew_prekey(&mut self) {
        let now = self.now.wall;
        let at = self.now.mono.plus(PREKEY_LOOK_EVERY_MS);
        self.timers.set(Timer::Prekey, at);
        if self.store_fault.is_some() {
            return;
        }
        let Some(made) = self.prekey_made else {
            // The time counts from the first start.
            let write = self.prekey_made_at(now);
            self.outbox.store(vec![write], After::Nothing);
            return;
        };
        if now.0.saturating_sub(made.0) < PREKEY_KEPT_MS {
            return;
        }
        let last = self.me.record.prekeys.last().map_or(0, |(last, _)| *last);
        let (prekey, secret) = new_prekey(&self.me.key, last + 1, &mut self.rng);
        self.me.record.prekeys.push((last + 1, secret));
        // The one before the last was replaced when the last was made: that is as long ago as it is kept.
        let old = self.me.record.prekeys.len().saturating_sub(2);
        self.me.record.prekeys.drain(..old);
        self.me.prekey = prekey;
        let writes = vec![
            put(&Key::Account, &self.me.record),
            self.prekey_made_at(now),
        ];
        self.outbox.store(writes, After::Nothing);
        for id in self.communities.keys().copied().collect::<Vec<_>>() {
            self.prekeys(id, vec![self.me.prekey.clone()]);
            for peer in self.connected_members(id) {
                self.tell_prekey(peer, id);
            }
        }
    }

    fn prekey_made_at(&mut self, at: UnixMs) -> Write {
        self.prekey_made = Some(at);
        put_bytes(&Key::PrekeyMade, at.0.to_le_bytes().to_vec())
    }

    /// A prekey that came by one community is known in every conversation with its device. Whoever was told of such a
    /// conversation before could be told no words of it, for want of a key to seal them for: it hears them now.
    pub(crate) fn prekey_in_conversations(&mut self, record: &PrekeyRecord) {
        let device = record.device;
        let lacks = |community: &Community| {
            let held = community.prekeys.get(&device);
            community.kind() != CommunityKind::Community
                && held.is_none_or(|held| held.counter < record.counter)
                && community.devices.values().any(|(_, of)| *of == device)
        };
        let lacking: Vec<_> = self
            .communities
            .iter()
            .filter(|(_, community)| lacks(community))
            .map(|(id, _)| *id)
            .collect();
        // Everywhere before anybody is greeted: a greeting tells of no other conversation that lacks it, and each device
        // is greeted once for each.
        for id in &lacking {
            self.keep_prekeys(*id, vec![record.clone()]);
        }
        for id in lacking {
            let Some(community) = self.communities.get(&id) else {
                continue;
            };
            let keys = community.devices.iter();
            let keys = keys.filter(|(_, (_, of))| *of == device);
            let keys: Vec<_> = keys.map(|(key, _)| *key).collect();
            for key in keys {
                if self.peers.contains_key(&key) {
                    self.say_hello(key, id);
                }
            }
        }
    }

    /// Whoever connects is told of a prekey that is not the first; a wrap for the one before opens for as long.
    pub(crate) fn tell_prekey(&mut self, peer: NetworkKey, id: CommunityId) {
        if self.me.record.prekeys.len() < 2 {
            return;
        }
        let frame = Frame::Prekeys {
            community: id,
            records: vec![self.me.prekey.clone()],
        };
        self.outbox.send(peer, &frame);
    }
}
