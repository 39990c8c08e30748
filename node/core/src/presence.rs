//! Presence and typing: signed signals by gossip, never stored. Invisible means: nothing is sent.

use alloquy_api::Event;
use alloquy_api::command::Availability;
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, NetworkKey};
use alloquy_schema::codec::Canonical;
use rand_core::CryptoRng;

use crate::community::{Community, Seen};
use crate::io::{Now, Output};
use crate::limits::{PRESENCE_EVERY_MS, PRESENCE_LAPSE_MS, TYPING_LAPSE_MS};
use crate::node::{Node, Timer};
use crate::voice::Way;
use crate::wire::{Broadcast, Frame, Signal, SignalKind};

/// The wire's number of an availability; 0 is "gone".
pub(crate) const fn availability_number(availability: Availability) -> u8 {
    match availability {
        Availability::Online => 1,
        Availability::Idle => 2,
        Availability::Dnd => 3,
        Availability::Invisible => 4,
    }
}

/// The availability of a number; an unknown one is taken as online.
pub(crate) const fn availability_of(number: u8) -> Availability {
    match number {
        2 => Availability::Idle,
        3 => Availability::Dnd,
        4 => Availability::Invisible,
        _ => Availability::Online,
    }
}

impl Community {
    /// What an account's devices say, newest first among those that have not lapsed.
    pub(crate) fn presence_of(
        &self,
        account: AccountId,
        now: Now,
    ) -> Option<(Availability, String)> {
        let state = self.state();
        let member = state.members.get(&account)?;
        let fresh = |seen: &&Seen| {
            seen.availability != 0 && now.mono.0 < seen.heard.0.saturating_add(PRESENCE_LAPSE_MS)
        };
        let seen = member
            .devices
            .keys()
            .filter_map(|device| self.seen.get(device))
            .filter(fresh)
            .max_by_key(|seen| seen.heard)?;
        Some((availability_of(seen.availability), seen.status.clone()))
    }
}

impl<R: CryptoRng> Node<R> {
    pub(crate) fn sign_signal(&self, community: CommunityId, what: SignalKind) -> Signal {
        let mut signal = Signal {
            community,
            device: self.me.device(),
            at: self.now.wall,
            what,
            signature: [0; 64],
        };
        signal.signature = self.me.key.sign(&signal.message());
        signal
    }

    fn here(&self) -> Option<SignalKind> {
        let record = &self.me.record;
        (availability_of(record.availability) != Availability::Invisible).then(|| {
            SignalKind::Here {
                availability: record.availability,
                status: record.status.clone(),
                addresses: self.book.own(),
            }
        })
    }

    /// Says "here" to everybody, notices who fell silent, and comes back in a while.
    pub(crate) fn presence_tick(&mut self, id: CommunityId) {
        if !self
            .communities
            .get(&id)
            .is_some_and(|community| community.active)
        {
            return;
        }
        if let Some(here) = self.here() {
            let signal = self.sign_signal(id, here);
            self.broadcast(id, None, false, &Broadcast::Signal(signal));
        }
        self.lapse(id);
        let at = self.now.mono.plus(PRESENCE_EVERY_MS);
        self.timers.set(Timer::Presence(id), at);
    }

    fn lapse(&mut self, id: CommunityId) {
        let mono = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        community.typing.retain(|_, until| *until > mono);
        let state = community.state();
        let mut gone = Vec::new();
        for (device, seen) in &mut community.seen {
            if seen.availability != 0 && mono.0 >= seen.heard.0.saturating_add(PRESENCE_LAPSE_MS) {
                seen.availability = 0;
                gone.extend(state.account_of(*device));
            }
        }
        for account in gone {
            self.views.names_changed(id);
            self.outbox.tell(Event::PresenceChanged {
                community: id,
                account,
                online: false,
            });
        }
    }

    /// Tells every community how this account is seen now (it changed).
    pub(crate) fn announce_presence(&mut self) {
        let communities: Vec<_> = self.communities.keys().copied().collect();
        for id in communities {
            let what = self.here().unwrap_or(SignalKind::Gone);
            let signal = self.sign_signal(id, what);
            self.broadcast(id, None, false, &Broadcast::Signal(signal));
        }
    }

    /// Tells one newly met member over the stream: gossip's mesh may take a second to form.
    pub(crate) fn send_signal_to(&mut self, peer: NetworkKey, id: CommunityId) {
        let active = self
            .communities
            .get(&id)
            .is_some_and(|community| community.active && community.member_of(peer).is_some());
        if let Some(here) = self.here().filter(|_| active) {
            let signal = self.sign_signal(id, here);
            self.outbox.send(peer, &Frame::Signal(Box::new(signal)));
        }
    }

    /// A member's verified word about itself.
    pub(crate) fn signal(&mut self, id: CommunityId, account: AccountId, signal: Signal, way: Way) {
        let mono = self.now.mono;
        let me = self.me.account();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let before = community.presence_of(account, self.now);
        match signal.what {
            SignalKind::Voice(_) | SignalKind::Stage(_) | SignalKind::Silent(_) => {
                return self.voice_signal(id, account, &signal, way);
            }
            SignalKind::Typing { channel } => {
                let viewable = community.is_entitled(account, Some(channel));
                if viewable && account != me {
                    community
                        .typing
                        .insert((channel, account), mono.plus(TYPING_LAPSE_MS));
                    self.views.channel_changed(channel);
                    self.timers
                        .set_earlier(Timer::Typing(channel), mono.plus(TYPING_LAPSE_MS));
                    self.outbox.tell(Event::Typing {
                        community: id,
                        channel,
                        account,
                    });
                }
                return;
            }
            SignalKind::Here {
                availability,
                status,
                addresses,
            } => {
                if community
                    .seen
                    .get(&signal.device)
                    .is_some_and(|seen| seen.at > signal.at)
                {
                    return;
                }
                let seen = Seen {
                    at: signal.at,
                    heard: mono,
                    availability: availability.clamp(1, 3),
                    status,
                };
                community.seen.insert(signal.device, seen);
                let key = community
                    .devices
                    .iter()
                    .find(|(_, (_, device))| *device == signal.device)
                    .map(|(key, _)| *key);
                if let Some(key) = key.filter(|_| !addresses.is_empty() && account != me) {
                    self.peer_addresses(key, addresses);
                }
            }
            SignalKind::Gone => {
                if community
                    .seen
                    .get(&signal.device)
                    .is_some_and(|seen| seen.at > signal.at)
                {
                    return;
                }
                let seen = Seen {
                    at: signal.at,
                    heard: mono,
                    availability: 0,
                    status: String::new(),
                };
                community.seen.insert(signal.device, seen);
            }
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let after = community.presence_of(account, self.now);
        if before != after && account != me {
            self.views.names_changed(id);
            self.outbox.tell(Event::PresenceChanged {
                community: id,
                account,
                online: after.is_some(),
            });
        }
    }

    /// A device's last connection ended: it is gone unless it says otherwise.
    pub(crate) fn device_lost(&mut self, id: CommunityId, account: AccountId, device: DeviceId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let Some(seen) = community.seen.get_mut(&device) else {
            return;
        };
        if std::mem::replace(&mut seen.availability, 0) != 0 {
            self.views.names_changed(id);
            self.outbox.tell(Event::PresenceChanged {
                community: id,
                account,
                online: false,
            });
        }
    }

    /// A peer ends cleanly.
    pub(crate) fn peer_said_bye(&mut self, from: NetworkKey) {
        let communities: Vec<_> = self.communities.keys().copied().collect();
        for id in communities {
            let member = self
                .communities
                .get(&id)
                .and_then(|community| community.member_of(from));
            if let Some((account, device)) = member {
                self.device_lost(id, account, device);
            }
        }
    }

    /// Somebody's typing in a channel lapsed: shown, and the next one is waited for.
    pub(crate) fn typing_lapsed(&mut self, channel: ChannelId) {
        let mono = self.now.mono;
        let mut next = None;
        for community in self.communities.values_mut() {
            community.typing.retain(|_, until| *until > mono);
            let of_channel = community
                .typing
                .iter()
                .filter(|((of, _), _)| *of == channel);
            next = next
                .into_iter()
                .chain(of_channel.map(|(_, until)| *until))
                .min();
        }
        self.views.channel_changed(channel);
        if let Some(next) = next {
            self.timers.set(Timer::Typing(channel), next);
        }
    }

    /// Says that the account is typing in a channel.
    pub(crate) fn send_typing(&mut self, id: CommunityId, channel: ChannelId) {
        if availability_of(self.me.record.availability) == Availability::Invisible {
            return;
        }
        let signal = self.sign_signal(id, SignalKind::Typing { channel });
        let scope = self
            .communities
            .get(&id)
            .and_then(|community| community.key_channel(crate::community::Place::Channel(channel)));
        self.broadcast(id, scope, false, &Broadcast::Signal(signal));
    }

    /// The process ends: peers are told, so that they need not wait for silence.
    pub(crate) fn shutdown(&mut self) {
        self.leave_room("this node ends");
        let communities: Vec<_> = self.communities.keys().copied().collect();
        if self.here().is_some() {
            for id in communities {
                let signal = self.sign_signal(id, SignalKind::Gone);
                self.broadcast(id, None, false, &Broadcast::Signal(signal));
            }
        }
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for peer in peers {
            self.outbox
                .push(Output::Send(peer, Frame::Bye.to_bytes().into()));
        }
    }
}
