//! The room that this device is in: going in, going out, and what is sent there.

use std::collections::BTreeMap;

use alloquy_api::voice::MediaTask;
use alloquy_api::{CommandError, ErrorCode, Event};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, MonoMs};
use rand_core::CryptoRng;

use super::link::Link;
use super::rights::Silence;
use super::stage::Order;
use super::words::Reach;
use crate::command::error;
use crate::limits::{VOICE_GATHER_MS, VOICE_ROOM_MAX};
use crate::node::Node;
use crate::outbox::{After, put_bytes};
use crate::record::Key;
use crate::wire::voice::{Part, VoiceSession};

/// The own place in a room.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) community: CommunityId,
    pub(super) channel: ChannelId,
    pub(super) session: VoiceSession,
    /// Number of the last word.
    pub(super) number: u64,
    pub(super) part: Part,
    /// The last word, for who comes later.
    /// When the room is told again, and when all others.
    pub(super) room_at: MonoMs,
    pub(super) gossip_at: MonoMs,
    /// The last order about this device on a stage.
    pub(super) order: Option<Order>,
    /// What the engine was told: whether own sound goes out. `None`: nothing yet.
    sends: Option<bool>,
    pub(super) silence: Option<Silence>,
    /// The microphone picks up speech.
    pub(super) speaking: bool,
    /// To the others in the room.
    pub(super) links: BTreeMap<DeviceId, Link>,
    /// The last attempts that were ended here because their devices seemed to have gone, and of which sessions.
    pub(super) ended: BTreeMap<DeviceId, (VoiceSession, u64)>,
}

impl Call {
    /// When something here is due.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = MonoMs> + '_ {
        let links = self.links.values().filter_map(Link::due);
        [self.room_at, self.gossip_at].into_iter().chain(links)
    }
}

pub(super) fn no_engine() -> CommandError {
    no_voice("this node has no audio engine attached: sound is made by a program with one")
}

fn no_voice(text: &str) -> CommandError {
    error(ErrorCode::NoVoice, text)
}

impl<R: CryptoRng> Node<R> {
    /// Goes into a room.
    pub(crate) fn enter_room(
        &mut self,
        id: CommunityId,
        channel: ChannelId,
    ) -> Result<(), CommandError> {
        if !self.voice.engine {
            return Err(no_engine());
        }
        self.may_enter(id, channel)?;
        if self.voice.room() == Some((id, channel)) {
            return Ok(());
        }
        self.leave_room("this device went into another channel");
        // By the clock, so that others who remember an earlier start take the word for newer.
        let session = (self.voice.session + 1).max(self.now.wall.0);
        self.voice.session = session;
        let write = put_bytes(&Key::VoiceSession, session.to_le_bytes().to_vec());
        self.outbox.store(vec![write], After::Nothing);
        let mono = self.now.mono;
        self.voice.call = Some(Call {
            community: id,
            channel,
            session,
            number: 0,
            part: Part::default(),
            room_at: mono,
            gossip_at: mono,
            order: None,
            sends: None,
            silence: None,
            speaking: false,
            links: BTreeMap::new(),
            ended: BTreeMap::new(),
        });
        self.turn_for_call();
        let ice = self.ice_servers(id);
        self.task(MediaTask::Join {
            community: id,
            channel,
            ice,
        });
        self.task(MediaTask::Hear(!self.voice.deafened));
        self.tell_sending();
        self.say(Reach::Everybody);
        self.tell_rooms(id, [Some(channel), None]);
        self.settle_room();
        self.voice_due();
        Ok(())
    }

    fn may_enter(&self, id: CommunityId, channel: ChannelId) -> Result<(), CommandError> {
        let refused = |text: String| Err(error(ErrorCode::NotPermitted, text));
        let community = self.active(id)?;
        if community.room(channel).is_none() {
            return refused("the channel holds no voice".to_owned());
        }
        if self.is_shut(community) {
            return refused("the other account is blocked".to_owned());
        }
        if !community.may_connect(self.me.account(), channel) {
            return refused("this account lacks the right connect".to_owned());
        }
        let count = self.others_in_room(id, channel).count();
        if count >= VOICE_ROOM_MAX {
            let text = format!("{count} devices are in the channel, {VOICE_ROOM_MAX} are the most");
            return Err(error(ErrorCode::Limit, text));
        }
        Ok(())
    }

    /// Others in a room: device, account, session.
    fn others_in_room(
        &self,
        id: CommunityId,
        channel: ChannelId,
    ) -> impl Iterator<Item = (VoiceSession, DeviceId, AccountId)> + '_ {
        let roster = self.voice.rosters.get(&id).into_iter().flatten();
        let present = roster.filter(move |(_, one)| one.is_in(channel));
        present.map(|(device, one)| (one.word.session, *device, one.account))
    }

    /// Goes out of the room, and says so. Whether there was one.
    pub(crate) fn leave_room(&mut self, reason: &str) -> bool {
        if self.voice.call.is_none() {
            return false;
        }
        self.say(Reach::Goodbye);
        self.end_call(reason);
        true
    }

    /// The call is over.
    fn end_call(&mut self, reason: &str) {
        let Some(call) = self.voice.call.take() else {
            return;
        };
        self.task(MediaTask::Leave);
        self.look_on(call.community, call.channel);
        self.tell_rooms(call.community, [Some(call.channel), None]);
        self.views.call_changed();
        self.outbox.tell(Event::CallEnded {
            reason: reason.to_owned(),
        });
        self.keep_peers();
        self.voice_due();
    }

    /// Mutes or unmutes own sound, here and in later rooms.
    pub(crate) fn mute(&mut self, muted: bool) {
        if std::mem::replace(&mut self.voice.muted, muted) != muted {
            self.tell_sending();
            self.voice_stirred();
        }
    }

    /// Hears nobody, or hears again, here and in later rooms.
    pub(crate) fn deafen(&mut self, deafened: bool) {
        if std::mem::replace(&mut self.voice.deafened, deafened) == deafened {
            return;
        }
        if self.voice.call.is_some() {
            self.task(MediaTask::Hear(!deafened));
        }
        self.tell_sending();
        self.voice_stirred();
    }

    /// Tells the engine whether own sound goes out, if that is another than before.
    pub(super) fn tell_sending(&mut self) {
        let (me, wall) = (self.me.account(), self.now.wall);
        let Some(call) = &mut self.voice.call else {
            return;
        };
        let community = self.communities.get(&call.community);
        let silence =
            community.and_then(|one| one.silence(me, call.channel, call.order.as_ref(), wall));
        let other = std::mem::replace(&mut call.silence, silence) != silence;
        let sends = !self.voice.muted && !self.voice.deafened && silence.is_none();
        let told = call.sends.replace(sends);
        let room = (call.community, call.channel);
        if told != Some(sends) {
            self.task(MediaTask::Send(sends));
        }
        if other {
            self.views.call_changed();
            self.tell_rooms(room.0, [Some(room.1), None]);
            self.outbox.tell(Event::CallChanged);
        }
    }

    /// Brings links into agreement with who is in the room: one to each, none to anybody else.
    pub(super) fn settle_room(&mut self) {
        let Some((id, channel)) = self.voice.room() else {
            return;
        };
        let own = self.voice.call.as_ref().map_or(0, |call| call.session);
        let mut present: Vec<_> = self.others_in_room(id, channel).collect();
        present.push((own, self.me.device(), self.me.account()));
        // Who came at once with others sees by this order alone whether there was room.
        present.sort_unstable();
        let over = present
            .iter()
            .position(|(_, device, _)| *device == self.me.device());
        if over.is_some_and(|place| place >= VOICE_ROOM_MAX) {
            self.leave_room("the channel is full");
            return;
        }
        present.truncate(VOICE_ROOM_MAX);
        present.retain(|(_, device, _)| *device != self.me.device());
        let links = self.voice.call.iter().flat_map(|call| call.links.iter());
        let stays = |device: &DeviceId, link: &Link| {
            present
                .iter()
                .any(|(session, of, _)| of == device && *session == link.session)
        };
        let gone: Vec<_> = links
            .filter(|(device, link)| !stays(device, link))
            .map(|(device, _)| *device)
            .collect();
        let (mono, mut other) = (self.now.mono, !gone.is_empty());
        for device in gone {
            self.end_link(device);
        }
        if other
            && present.is_empty()
            && let Some(call) = &mut self.voice.call
        {
            // Nobody else could tell those who look on of a crash now: they need shorter leases soon.
            call.gossip_at = call.gossip_at.min(mono.plus(VOICE_GATHER_MS));
            self.voice_due();
        }
        for (session, device, account) in present {
            other |= self.hold_link(device, account, session);
        }
        if other {
            self.keep_peers();
            self.views.call_changed();
            self.outbox.tell(Event::CallChanged);
        }
    }
}
