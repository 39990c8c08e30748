//! What this device says of itself, to whom and how often.

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, NetworkKey};
use rand_core::CryptoRng;

use super::Voice;
use crate::community::Place;
use crate::limits::{
    VOICE_ALONE_EVERY_MS, VOICE_ALONE_LEASE_MS, VOICE_GATHER_MS, VOICE_GOSSIP_EVERY_MS,
    VOICE_GOSSIP_LEASE_MS, VOICE_ROOM_EVERY_MS, VOICE_ROOM_LEASE_MS,
};
use crate::node::Node;
use crate::wire::voice::{SilentWord, VoiceWord};
use crate::wire::{Broadcast, Frame, Signal, SignalKind};

/// How a word came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Straight from its device, over a stream.
    Stream,
    Gossip,
}

/// Whom a word is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those in the room.
    Room,
    /// Those as well who look on.
    Everybody,
    /// The same, and it is the last one.
    Goodbye,
}

impl<R: CryptoRng> Node<R> {
    /// Whether a connected device may bring one more signal now: the limit is that of who brings it, not of who is named.
    pub(crate) fn voice_within_rate(&mut self, from: DeviceId, signal: &Signal) -> bool {
        let voice = matches!(
            signal.what,
            SignalKind::Voice(_) | SignalKind::Stage(_) | SignalKind::Silent(_)
        );
        !voice || self.voice.within_rate(from, self.now.mono)
    }

    /// A signal about voice; its signature was checked.
    pub(crate) fn voice_signal(
        &mut self,
        id: CommunityId,
        account: AccountId,
        signal: &Signal,
        way: Way,
    ) {
        match &signal.what {
            SignalKind::Voice(word) => {
                self.voice_word(id, (account, signal.device), word.clone(), way);
            }
            SignalKind::Stage(order) => self.stage_order(id, *order, signal),
            SignalKind::Silent(word) => self.silent_word(id, signal.device, *word),
            _ => {}
        }
    }

    /// The key scope under which words about a room go: whoever may not view the channel learns nothing.
    pub(super) fn voice_scope(&self, id: CommunityId, channel: ChannelId) -> Option<ChannelId> {
        let community = self.communities.get(&id)?;
        community.key_channel(Place::Channel(channel))
    }

    /// Connected members that may view a channel.
    pub(super) fn viewers_connected(&self, id: CommunityId, channel: ChannelId) -> Vec<NetworkKey> {
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        let may_view = |key: &NetworkKey| {
            let member = community.member_of(*key);
            member.is_some_and(|(account, _)| community.is_entitled(account, Some(channel)))
        };
        let mut keys = self.connected_members(id);
        keys.retain(may_view);
        keys
    }

    /// The network key by which a device of a member is connected.
    pub(super) fn connected_key(&self, id: CommunityId, device: DeviceId) -> Option<NetworkKey> {
        let community = self.communities.get(&id)?;
        let mut keys = self.peers.keys().copied();
        keys.find(|key| {
            community
                .member_of(*key)
                .is_some_and(|(_, of)| of == device)
        })
    }

    /// Says how this device takes part now.
    pub(super) fn say(&mut self, reach: Reach) {
        let mono = self.now.mono;
        let Some(call) = &mut self.voice.call else {
            return;
        };
        call.room_at = mono.plus(VOICE_ROOM_EVERY_MS);
        let (every_ms, lease_ms) = match call.links.is_empty() {
            true => (VOICE_ALONE_EVERY_MS, VOICE_ALONE_LEASE_MS),
            false => (VOICE_GOSSIP_EVERY_MS, VOICE_GOSSIP_LEASE_MS),
        };
        if reach == Reach::Everybody {
            call.gossip_at = mono.plus(every_ms);
        }
        let lease_ms = match reach {
            Reach::Room => VOICE_ROOM_LEASE_MS,
            Reach::Everybody => lease_ms,
            Reach::Goodbye => 0,
        };
        if let Some((id, channel, signal)) = self.word(lease_ms) {
            self.carry(id, channel, reach, signal);
        }
    }

    fn carry(&mut self, id: CommunityId, channel: ChannelId, reach: Reach, signal: Signal) {
        // A channel that was deleted has no scope any more: its last words would go to everybody.
        let community = self.communities.get(&id);
        if community.is_none_or(|community| community.room(channel).is_none()) {
            return;
        }
        let keys = match reach {
            Reach::Room => {
                let links = self.voice.call.iter().flat_map(|call| call.links.keys());
                links
                    .filter_map(|device| self.connected_key(id, *device))
                    .collect()
            }
            Reach::Everybody | Reach::Goodbye => self.viewers_connected(id, channel),
        };
        let frame = Frame::Signal(Box::new(signal.clone()));
        for key in keys {
            self.outbox.send(key, &frame);
        }
        if reach != Reach::Room {
            let scope = self.voice_scope(id, channel);
            self.broadcast(id, scope, false, &Broadcast::Signal(signal));
        }
    }

    /// Says to one connected member how this device takes part, for as long as gossip would: who looks on hears the next
    /// word by gossip only.
    pub(super) fn say_again_to(&mut self, key: NetworkKey) {
        if let Some((_, _, signal)) = self.word(VOICE_GOSSIP_LEASE_MS) {
            self.outbox.send(key, &Frame::Signal(Box::new(signal)));
        }
    }

    /// The next word of this device, with a lease.
    fn word(&mut self, lease_ms: u64) -> Option<(CommunityId, ChannelId, Signal)> {
        let (muted, deafened) = (self.voice.muted, self.voice.deafened);
        let call = self.voice.call.as_mut()?;
        call.number += 1;
        call.part.muted = muted;
        call.part.deafened = deafened;
        let word = VoiceWord {
            channel: call.channel,
            session: call.session,
            number: call.number,
            part: call.part,
            lease_ms,
            invited: call.order.as_ref().and_then(super::Order::invitation),
        };
        let (id, channel) = (call.community, call.channel);
        let signal = self.sign_signal(id, SignalKind::Voice(word));
        Some((id, channel, signal))
    }

    /// A member has connected: it is told that this device is in a room, if it may know.
    pub(crate) fn voice_session_opened(&mut self, key: NetworkKey, id: CommunityId) {
        let Some((own, channel)) = self.voice.room().filter(|(own, _)| *own == id) else {
            return;
        };
        if self.viewers_connected(own, channel).contains(&key) {
            self.say_again_to(key);
        }
        let device = self.communities.get(&id).and_then(|one| one.member_of(key));
        if let Some((_, device)) = device {
            self.flush_link(device);
        }
    }

    /// The own part has changed: those in the room hear it now, all others soon.
    pub(super) fn voice_stirred(&mut self) {
        let Some((id, channel)) = self.voice.room() else {
            return;
        };
        self.say(Reach::Room);
        let at = self.now.mono.plus(VOICE_GATHER_MS);
        if let Some(call) = &mut self.voice.call {
            call.gossip_at = call.gossip_at.min(at);
        }
        self.tell_rooms(id, [Some(channel), None]);
        self.views.call_changed();
        self.outbox.tell(alloquy_api::Event::CallChanged);
        self.voice_due();
    }

    /// Says what is due to be said.
    pub(super) fn beat(&mut self) {
        let mono = self.now.mono;
        let Some(call) = &self.voice.call else { return };
        let (room, gossip) = (call.room_at <= mono, call.gossip_at <= mono);
        let id = call.community;
        if gossip {
            self.say(Reach::Everybody);
        } else if room {
            self.say(Reach::Room);
        }
        // Time-outs begin and end by the clock.
        if room || gossip {
            self.voice_rights_changed(id);
        }
    }

    /// Others take this device for silent: it is not.
    pub(super) fn said_to_be_silent(&mut self, id: CommunityId, word: &SilentWord) {
        let at = self.now.mono.plus(VOICE_GATHER_MS);
        let here = |voice: &Voice| voice.room() == Some((id, word.channel));
        if here(&self.voice)
            && let Some(call) = &mut self.voice.call
        {
            call.gossip_at = call.gossip_at.min(at);
            self.voice_due();
        }
    }
}
