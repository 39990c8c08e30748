//! Who is in which room, as each device says by words that stand for a while.

use alloquy_api::Event;
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, MonoMs};
use rand_core::CryptoRng;

use super::rights::Silence;
use super::stage::Order;
use super::words::Way;
use crate::limits::{
    VOICE_ALONE_LEASE_MS, VOICE_AWAY_MS, VOICE_GOSSIP_LEASE_MS, VOICE_ROOM_EVERY_MS,
    VOICE_ROOM_LEASE_MS, VOICE_SHOWN_MAX, VOICE_TELL_STEP_MS,
};
use crate::node::Node;
use crate::wire::voice::{SilentWord, VoiceSession, VoiceWord};
use crate::wire::{Broadcast, SignalKind};

/// What a device said last.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) account: AccountId,
    pub(super) word: VoiceWord,
    /// When the word lapses; `None`: the device is in no room any more.
    pub(super) until: Option<MonoMs>,
    /// Why it is not heard, by the rights in force.
    pub(super) silence: Option<Silence>,
    pub(super) order: Option<Order>,
    /// It fell silent in the own room: the others are told then, if nobody else has told them.
    pub(super) tell_at: Option<MonoMs>,
    /// Its word had lapsed when this node came back from being away itself, and stands a little longer.
    spared: bool,
}

impl Occupant {
    /// Whether the device is in a room.
    pub(super) fn is_in(&self, channel: ChannelId) -> bool {
        self.until.is_some() && self.word.channel == channel
    }

    /// The room that it is in.
    fn room(&self) -> Option<ChannelId> {
        self.until.map(|_| self.word.channel)
    }

    /// What of it faces show.
    fn shown(&self) -> (Option<ChannelId>, crate::wire::voice::Part, Option<Silence>) {
        (self.room(), self.word.part, self.silence)
    }

    /// Which of two words is newer.
    fn age(&self) -> (VoiceSession, u64) {
        (self.word.session, self.word.number)
    }
}

impl<R: CryptoRng> Node<R> {
    /// A device's word about itself; its signature was checked.
    pub(super) fn voice_word(
        &mut self,
        id: CommunityId,
        (account, device): (AccountId, DeviceId),
        word: VoiceWord,
        way: Way,
    ) {
        if device == self.me.device() || !self.takes_word(id, account, device, &word) {
            return;
        }
        let order = self.order_of(id, (account, device), &word);
        let until = self.lapse_of(id, device, &word, way);
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let known = self.voice.rosters.entry(id).or_default().remove(&device);
        let until = match &known {
            // Said to the room, which this device has just left: of who looks on nobody hears it.
            Some(known)
                if way == Way::Stream
                    && known.is_in(word.channel)
                    && (1..=VOICE_ROOM_LEASE_MS).contains(&word.lease_ms)
                    && self.voice.room() != Some((id, word.channel)) =>
            {
                until.max(known.until)
            }
            _ => until,
        };
        let before = known.as_ref().map(Occupant::shown);
        let kept = known.filter(|known| known.word.session == word.session);
        let kept = kept.and_then(|known| known.order);
        let order = match order {
            Some(order) if order.over(kept.as_ref()) => Some(order),
            _ => kept,
        };
        let channel = word.channel;
        let silence = community.silence(account, channel, order.as_ref(), self.now.wall);
        let now = Occupant {
            account,
            word,
            until,
            silence,
            order,
            tell_at: None,
            spared: false,
        };
        let after = now.shown();
        if let Some(roster) = self.voice.rosters.get_mut(&id) {
            roster.insert(device, now);
        }
        let before = before.unwrap_or_default();
        if before != after {
            self.tell_rooms(id, [before.0, after.0]);
        }
        if self.voice.room().is_some_and(|(own, _)| own == id) {
            self.settle_room();
        }
        self.voice_due();
    }

    /// Whether a word is newer than what is known, and of somebody who may be there.
    fn takes_word(
        &self,
        id: CommunityId,
        account: AccountId,
        device: DeviceId,
        word: &VoiceWord,
    ) -> bool {
        let me = self.me.account();
        let Some(community) = self.communities.get(&id).filter(|one| one.active) else {
            return false;
        };
        let roster = self.voice.rosters.get(&id);
        let known = roster.and_then(|roster| roster.get(&device));
        if known.is_some_and(|known| known.age() >= (word.session, word.number)) {
            return false;
        }
        // A device that goes may have lost its rights: that it goes is taken all the same.
        if word.lease_ms == 0 {
            return known.is_some();
        }
        let others = roster.into_iter().flatten();
        let others = others.filter(|(other, one)| **other != device && one.is_in(word.channel));
        community.is_entitled(me, Some(word.channel))
            && community.may_connect(account, word.channel)
            && others.count() < VOICE_SHOWN_MAX
    }

    /// Until when a word stands. Of who is in the own room and connected more words come soon: its crash shows soon.
    fn lapse_of(
        &self,
        id: CommunityId,
        device: DeviceId,
        word: &VoiceWord,
        way: Way,
    ) -> Option<MonoMs> {
        let near = self.voice.room() == Some((id, word.channel))
            && (way == Way::Stream || self.connected_key(id, device).is_some());
        let most = match near {
            true => VOICE_ROOM_LEASE_MS,
            false => VOICE_GOSSIP_LEASE_MS,
        };
        (word.lease_ms > 0).then(|| self.now.mono.plus(word.lease_ms.min(most)))
    }

    /// This device is not in a room any more: of who is there it hears as seldom as everybody who looks on.
    pub(super) fn look_on(&mut self, id: CommunityId, channel: ChannelId) {
        let mono = self.now.mono;
        let roster = self.voice.rosters.get_mut(&id);
        let others = roster.into_iter().flatten().map(|(_, one)| one);
        let mut others: Vec<_> = others.filter(|one| one.is_in(channel)).collect();
        let lease = match others.len() {
            1 => VOICE_ALONE_LEASE_MS,
            _ => VOICE_GOSSIP_LEASE_MS,
        };
        for one in &mut others {
            one.until = one.until.max(Some(mono.plus(lease)));
        }
    }

    /// Media of a device came in: it is there, whatever became of its words.
    pub(super) fn voice_is_heard(&mut self, device: DeviceId) {
        let Some((id, channel)) = self.voice.room() else {
            return;
        };
        let until = self.now.mono.plus(VOICE_ROOM_LEASE_MS);
        let roster = self.voice.rosters.get_mut(&id);
        let one = roster.and_then(|roster| roster.get_mut(&device));
        if let Some(one) = one.filter(|one| one.is_in(channel)) {
            one.until = one.until.map(|before| before.max(until));
            one.spared = false;
        }
    }

    /// Devices that have said nothing for longer than their words stand are gone. Who was itself away longer than that
    /// has not heard yet what was said meanwhile.
    pub(super) fn lapse_voices(&mut self) {
        let mono = self.now.mono;
        let mut lapsed = Vec::new();
        for (id, roster) in &mut self.voice.rosters {
            for (device, one) in roster {
                let Some(until) = one.until.filter(|until| *until <= mono) else {
                    continue;
                };
                if until.plus(VOICE_AWAY_MS) < mono && !std::mem::replace(&mut one.spared, true) {
                    one.until = Some(mono.plus(VOICE_ROOM_EVERY_MS));
                    continue;
                }
                lapsed.push((*id, *device, one.word.channel));
            }
        }
        for (id, device, channel) in lapsed {
            let tells = self.voice.room() == Some((id, channel));
            let at = tells.then(|| mono.plus(self.rank_in_room(device) * VOICE_TELL_STEP_MS));
            self.voice_gone(id, device);
            let roster = self.voice.rosters.get_mut(&id);
            if let Some(one) = roster.and_then(|roster| roster.get_mut(&device)) {
                one.tell_at = at;
            }
        }
    }

    /// How many of the own room, without the silent one, stand before this device.
    fn rank_in_room(&self, silent: DeviceId) -> u64 {
        let (me, room) = (self.me.device(), self.voice.room());
        let Some((id, channel)) = room else {
            return 0;
        };
        let roster = self.voice.rosters.get(&id).into_iter().flatten();
        let before = roster
            .filter(|(device, one)| one.is_in(channel) && **device != silent && **device < me);
        before.count() as u64
    }

    /// Tells whoever looks on which devices of the own room fell silent, unless somebody else has.
    pub(super) fn tell_silent(&mut self) {
        let mono = self.now.mono;
        let mut due = Vec::new();
        for (id, roster) in &mut self.voice.rosters {
            for (device, one) in roster {
                if one.tell_at.is_some_and(|at| at <= mono) {
                    one.tell_at = None;
                    let (session, number) = one.age();
                    let word = SilentWord {
                        channel: one.word.channel,
                        device: *device,
                        session,
                        number,
                    };
                    due.push((*id, word));
                }
            }
        }
        for (id, word) in due {
            if self.voice.room() == Some((id, word.channel)) {
                let signal = self.sign_signal(id, SignalKind::Silent(word));
                let scope = self.voice_scope(id, word.channel);
                self.broadcast(id, scope, false, &Broadcast::Signal(signal));
            }
        }
    }

    /// Somebody in a room says that it has heard nothing more of a device there.
    pub(super) fn silent_word(&mut self, id: CommunityId, teller: DeviceId, word: SilentWord) {
        if word.device == self.me.device() {
            return self.said_to_be_silent(id, &word);
        }
        let room = self.voice.room();
        let Some(roster) = self.voice.rosters.get_mut(&id) else {
            return;
        };
        let there = roster
            .get(&teller)
            .is_some_and(|one| one.is_in(word.channel));
        let own = room == Some((id, word.channel));
        let Some(one) = roster.get_mut(&word.device).filter(|_| there) else {
            return;
        };
        one.tell_at = None;
        // Those in the room hear for themselves.
        let older = one.word.session == word.session && one.word.number <= word.number;
        if older && one.is_in(word.channel) && !own {
            self.voice_gone(id, word.device);
        }
    }

    /// A device is in no room any more; its last word is remembered, so that it is not taken again.
    pub(super) fn voice_gone(&mut self, id: CommunityId, device: DeviceId) {
        let roster = self.voice.rosters.get_mut(&id);
        let Some(one) = roster.and_then(|roster| roster.get_mut(&device)) else {
            return;
        };
        let room = one.room();
        one.until = None;
        one.tell_at = None;
        if room.is_some() {
            self.tell_rooms(id, [room, None]);
        }
        if self.voice.room().is_some_and(|(own, _)| own == id) {
            self.settle_room();
        }
    }

    /// Tells faces of rooms that are others than before.
    pub(super) fn tell_rooms(&mut self, id: CommunityId, rooms: [Option<ChannelId>; 2]) {
        let [one, other] = rooms;
        self.views.voice_changed(id);
        let rooms = one.into_iter().chain(other.filter(|_| other != one));
        for channel in rooms {
            self.outbox.tell(Event::VoiceChanged {
                community: id,
                channel,
            });
        }
    }

    /// Looks at everybody in the rooms of a community again: rights, roles, members or channels are others.
    pub(crate) fn voice_rights_changed(&mut self, id: CommunityId) {
        let (me, wall) = (self.me.account(), self.now.wall);
        let own = self.voice.room().filter(|(own, _)| *own == id);
        let Some(community) = self.communities.get(&id) else {
            if own.is_some() {
                self.leave_room("the community is gone");
            }
            return;
        };
        if own.is_none() && !self.voice.rosters.contains_key(&id) {
            return;
        }
        let state = community.state();
        let roster = self.voice.rosters.entry(id).or_default();
        roster.retain(|device, _| state.account_ever(*device).is_some());
        let (mut gone, mut others) = (Vec::new(), Vec::new());
        for (device, one) in roster {
            let Some(channel) = one.room() else { continue };
            let stays = state.account_of(*device) == Some(one.account)
                && community.active
                && community.is_entitled(me, Some(channel))
                && community.may_connect(one.account, channel);
            if !stays {
                gone.push(*device);
                continue;
            }
            let silence = community.silence(one.account, channel, one.order.as_ref(), wall);
            if std::mem::replace(&mut one.silence, silence) != silence {
                others.push(channel);
            }
        }
        let stays = |(_, channel): &(CommunityId, ChannelId)| {
            community.active && community.may_connect(me, *channel) && !self.is_shut(community)
        };
        let ended = own.as_ref().is_some_and(|room| !stays(room));
        if ended {
            self.leave_room("this account may not be in the channel any more");
        }
        for device in gone {
            self.voice_gone(id, device);
        }
        for channel in others {
            self.tell_rooms(id, [Some(channel), None]);
        }
        if own.is_some() && !ended {
            self.tell_sending();
            self.settle_room();
        }
        self.voice_due();
    }
}
