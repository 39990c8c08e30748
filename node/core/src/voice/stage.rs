//! Stages: orders of moderators about who speaks. They are signals, which nobody stores; whoever speaks by one carries
//! it in its words, and whoever moved somebody back says so again to those who come later.

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{AccountId, CommunityId, DeviceId};
use rand_core::CryptoRng;

use super::rights::Room;
use crate::command::error;
use crate::community::Community;
use crate::node::Node;
use crate::wire::voice::{Invitation, StageOrder, VoiceWord};
use crate::wire::{Broadcast, Frame, Signal, SignalKind};

/// The last order about a device in its present session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) number: u64,
    pub(super) speaks: bool,
    /// Whose order it is: it counts while that account may give it.
    pub(super) moderator: AccountId,
    /// As it was signed, for those who come later.
    pub(super) signal: Signal,
}

impl Order {
    /// Whether this order holds over another one about the same session.
    pub(super) fn over(&self, other: Option<&Self>) -> bool {
        other.is_none_or(|other| (self.number, !self.speaks) > (other.number, !other.speaks))
    }

    /// As a word of whom it lets speak carries it.
    pub(super) fn invitation(&self) -> Option<Invitation> {
        self.speaks.then_some(Invitation {
            moderator: self.signal.device,
            at: self.signal.at,
            number: self.number,
            signature: self.signal.signature,
        })
    }
}

/// The moderator's signal that an invitation was cut from.
pub(super) fn signal_of(
    community: CommunityId,
    device: DeviceId,
    word: &VoiceWord,
    invited: &Invitation,
) -> Signal {
    Signal {
        community,
        device: invited.moderator,
        at: invited.at,
        what: SignalKind::Stage(StageOrder {
            channel: word.channel,
            device,
            session: word.session,
            number: invited.number,
            speaks: true,
        }),
        signature: invited.signature,
    }
}

impl Community {
    /// Whether an order may be given by an account about another one.
    fn takes_order(&self, moderator: AccountId, account: AccountId, order: &StageOrder) -> bool {
        self.room(order.channel) == Some(Room::Stage)
            && self.moderates(moderator, order.channel)
            && !self.moderates(account, order.channel)
    }
}

impl<R: CryptoRng> Node<R> {
    /// The order that a word carries, if its signature holds and its moderator may give it.
    pub(super) fn order_of(
        &self,
        id: CommunityId,
        (account, device): (AccountId, DeviceId),
        word: &VoiceWord,
    ) -> Option<Order> {
        let invited = word.invited.as_ref()?;
        let known = self.voice.rosters.get(&id).and_then(|of| of.get(&device));
        let known = known.filter(|known| known.word.session == word.session);
        let known = known.and_then(|known| known.order.as_ref());
        if let Some(known) = known.filter(|known| known.signal.signature == invited.signature) {
            return Some(known.clone());
        }
        let signal = signal_of(id, device, word, invited);
        self.checked_order(id, account, &signal)
    }

    /// The same of a moderator's signal.
    fn checked_order(&self, id: CommunityId, account: AccountId, signal: &Signal) -> Option<Order> {
        let SignalKind::Stage(order) = &signal.what else {
            return None;
        };
        let community = self.communities.get(&id)?;
        let moderator = community.state().account_of(signal.device)?;
        let signatures = &self.me.signatures;
        let good = community.takes_order(moderator, account, order)
            && signatures.hold(&signal.device.0, &signal.message(), &signal.signature);
        good.then(|| Order {
            number: order.number,
            speaks: order.speaks,
            moderator,
            signal: signal.clone(),
        })
    }

    /// A moderator's order, whoever brought it; its signature was checked.
    pub(super) fn stage_order(&mut self, id: CommunityId, order: StageOrder, signal: &Signal) {
        if order.device == self.me.device() {
            return self.ordered(id, &order, signal);
        }
        let roster = self.voice.rosters.get(&id);
        let Some(of) = roster.and_then(|roster| roster.get(&order.device)) else {
            return;
        };
        let about = of.word.session == order.session && of.word.channel == order.channel;
        let Some(new) = self
            .checked_order(id, of.account, signal)
            .filter(|new| about && new.over(of.order.as_ref()))
        else {
            return;
        };
        let roster = self.voice.rosters.get_mut(&id);
        if let Some(of) = roster.and_then(|roster| roster.get_mut(&order.device)) {
            of.order = Some(new);
        }
        self.voice_rights_changed(id);
    }

    /// An order about this device.
    fn ordered(&mut self, id: CommunityId, order: &StageOrder, signal: &Signal) {
        let me = self.me.account();
        let here = |call: &super::Call| {
            (call.community, call.channel, call.session) == (id, order.channel, order.session)
        };
        let new = self.checked_order(id, me, signal);
        let Some(call) = self.voice.call.as_mut().filter(|call| here(call)) else {
            return;
        };
        let Some(new) = new.filter(|new| new.over(call.order.as_ref())) else {
            return;
        };
        // Whoever did not ask to speak is not to be heard unawares.
        if new.speaks && !call.part.hand {
            self.voice.muted = true;
        }
        call.part.hand = false;
        call.order = Some(new);
        self.tell_sending();
        self.voice_stirred();
    }

    /// Raises or lowers the own hand.
    pub(crate) fn hand(&mut self, up: bool) -> Result<(), CommandError> {
        let Some((id, channel)) = self.voice.room() else {
            return Err(error(
                ErrorCode::NoVoice,
                "this device is in no voice channel",
            ));
        };
        if self.active(id)?.room(channel) != Some(Room::Stage) {
            return Err(error(ErrorCode::NotPermitted, "the channel is no stage"));
        }
        let call = self.voice.call.as_mut();
        if call.is_some_and(|call| std::mem::replace(&mut call.part.hand, up) != up) {
            self.voice_stirred();
        }
        Ok(())
    }

    /// Whether this account may say whether another one speaks in the own room.
    pub(crate) fn may_order(&self, account: AccountId) -> Result<(), CommandError> {
        let Some((id, channel)) = self.voice.room() else {
            return Err(error(
                ErrorCode::NoVoice,
                "this device is in no voice channel",
            ));
        };
        let community = self.active(id)?;
        let refused = |text| Err(error(ErrorCode::NotPermitted, text));
        if community.room(channel) != Some(Room::Stage) {
            return refused("the channel is no stage");
        }
        if !community.moderates(self.me.account(), channel) {
            return refused("this account lacks the right mute");
        }
        if community.moderates(account, channel) {
            return refused("who has the right mute speaks on a stage by it");
        }
        Ok(())
    }

    /// Gives an order about a device in the own room. Whether this account may was checked.
    pub(crate) fn order(&mut self, device: DeviceId, speaks: bool) {
        let Some((id, channel)) = self.voice.room() else {
            return;
        };
        let roster = self.voice.rosters.get(&id);
        let Some(of) = roster.and_then(|roster| roster.get(&device)) else {
            return;
        };
        let order = StageOrder {
            channel,
            device,
            session: of.word.session,
            number: of
                .order
                .as_ref()
                .map_or(0, |order| order.number)
                .saturating_add(1),
            speaks,
        };
        let signal = self.sign_signal(id, SignalKind::Stage(order));
        self.stage_order(id, order, &signal);
        let frame = Frame::Signal(Box::new(signal.clone()));
        for key in self.viewers_connected(id, channel) {
            self.outbox.send(key, &frame);
        }
        let scope = self.voice_scope(id, channel);
        self.broadcast(id, scope, false, &Broadcast::Signal(signal));
    }

    /// Tells a device that has just come what was ordered here, so that no old invitation holds.
    pub(super) fn tell_orders(&mut self, id: CommunityId, device: DeviceId) {
        let Some((_, channel)) = self.voice.room() else {
            return;
        };
        let roster = self.voice.rosters.get(&id).into_iter().flatten();
        let present = roster.filter(|(_, one)| one.is_in(channel));
        let orders = present.filter_map(|(_, one)| one.order.as_ref());
        let signals: Vec<_> = orders.map(|order| order.signal.clone()).collect();
        let Some(key) = self.connected_key(id, device) else {
            return;
        };
        for signal in signals {
            self.outbox.send(key, &Frame::Signal(Box::new(signal)));
        }
    }
}
