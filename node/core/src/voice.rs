//! Voice: who is in which room, who connects to whom, and who is heard (docs/protocol.md, "Voice").
//!
//! Each device in a room says so by signed words that stand for a short while (a lease): over streams to the others in
//! the room, and less often by gossip to whoever looks on. Media goes between each two of them; the device with the
//! greater id offers. Steps of a connection are signed by the device, so that a description's fingerprint is bound to
//! it. In: words, steps, what the engine reports, rights. Out: words, steps, tasks for the engine, what faces show.
//!
//! Invariants: nobody is connected to who may not be in the room by this node's own view of the rights, which is looked
//! at whenever authority changes; a word that is not newer than the last one of its device changes nothing.
//! Deliberately absent: sound, addresses and certificates (the engine's), ringing, and everything stored but the number
//! of the last session and volumes.

mod call;
mod link;
mod report;
mod rights;
mod roster;
mod show;
mod stage;
mod words;

use std::collections::BTreeMap;

use alloquy_api::CommandError;
use alloquy_api::voice::{DevicesView, IceServer, MediaTask};
use alloquy_ids::{ChannelId, CommunityId, DeviceId, MonoMs};
use rand_core::CryptoRng;

use crate::community::Bucket;
use crate::limits::{ICE_SERVERS_MAX, VOICE_BURST, VOICE_PER_SECOND};
use crate::node::{Node, Timer};
use crate::wire::voice::VoiceSession;

use call::Call;
pub(crate) use report::{volume_name, volume_text};
use roster::Occupant;
use stage::Order;
pub(crate) use words::Way;

/// What a node knows of voice.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    /// An engine is attached.
    engine: bool,
    /// Servers that the person named.
    ice: Vec<IceServer>,
    /// Sound devices, as the engine told last.
    pub(crate) devices: DevicesView,
    muted: bool,
    deafened: bool,
    /// The last own session.
    session: VoiceSession,
    /// The last attempt at a connection that this device chose.
    attempt: u64,
    call: Option<Call>,
    /// What other devices said last, the gone ones too: an older word is known to be older.
    rosters: BTreeMap<CommunityId, BTreeMap<DeviceId, Occupant>>,
    /// Words and steps that devices may still send over streams.
    buckets: BTreeMap<DeviceId, Bucket>,
}

impl Voice {
    /// After a start; `session` was the last one before it.
    pub(crate) fn after(session: VoiceSession) -> Self {
        Self {
            session,
            ..Self::default()
        }
    }

    /// The room that this device is in.
    fn room(&self) -> Option<(CommunityId, ChannelId)> {
        self.call
            .as_ref()
            .map(|call| (call.community, call.channel))
    }

    /// Whether a device may send one more word or step now.
    fn within_rate(&mut self, device: DeviceId, now: MonoMs) -> bool {
        let bucket = self.buckets.entry(device).or_insert(Bucket {
            left: VOICE_BURST,
            filled: now,
        });
        let earned = now.0.saturating_sub(bucket.filled.0) * u64::from(VOICE_PER_SECOND) / 1000;
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            bucket.left = bucket.left.saturating_add(earned).min(VOICE_BURST);
            bucket.filled = now;
        }
        let left = bucket.left.checked_sub(1);
        bucket.left = left.unwrap_or_default();
        left.is_some()
    }

    /// When something here is due.
    fn due(&self) -> Option<MonoMs> {
        let occupants = self.rosters.values().flat_map(BTreeMap::values);
        let lapses = occupants.flat_map(|one| [one.until, one.tell_at]).flatten();
        let call = self.call.iter().flat_map(Call::deadlines);
        lapses.chain(call).min()
    }
}

impl<R: CryptoRng> Node<R> {
    /// An engine is attached, or gone.
    pub(crate) fn media_engine(&mut self, attached: bool) {
        self.voice.engine = attached;
        if !attached {
            self.leave_room("the audio engine of this node has ended");
        }
    }

    /// Servers of ICE that the person named, in place of those before.
    pub(crate) fn media_servers(&mut self, mut servers: Vec<IceServer>) {
        servers.truncate(ICE_SERVERS_MAX);
        if self.voice.ice == servers {
            return;
        }
        self.voice.ice = servers;
        self.ice_servers_changed();
    }

    /// The engine is told which servers there are now, if it is in a call.
    pub(crate) fn ice_servers_changed(&mut self) {
        if let Some((id, _)) = self.voice.room() {
            let servers = self.ice_servers(id);
            self.task(MediaTask::Ice(servers));
        }
    }

    /// Servers of ICE for a call in a community, the only place that says which: those that the person named, then the
    /// TURN servers of home nodes.
    pub(crate) fn ice_servers(&self, community: CommunityId) -> Vec<IceServer> {
        let given = self.turn_grants(community).into_iter();
        let of_homes = given.map(|grant| IceServer {
            urls: grant.urls,
            username: grant.username,
            credential: grant.password,
        });
        let named = self.voice.ice.iter().cloned();
        named.chain(of_homes).take(ICE_SERVERS_MAX).collect()
    }

    /// A task that means something without a room too.
    pub(crate) fn engine_task(&mut self, task: MediaTask) -> Result<(), CommandError> {
        if !self.voice.engine {
            return Err(call::no_engine());
        }
        self.task(task);
        Ok(())
    }

    /// Everything of voice that is due.
    pub(crate) fn voice_tick(&mut self) {
        self.lapse_voices();
        self.tell_silent();
        self.beat();
        self.retry_links();
        self.voice_due();
    }

    /// Has the machine come back when the next thing is due.
    fn voice_due(&mut self) {
        match self.voice.due() {
            Some(at) => self.timers.set(Timer::Voice, at),
            None => self.timers.clear(Timer::Voice),
        }
    }

    fn task(&mut self, task: MediaTask) {
        self.outbox.push(crate::io::Output::Media(task));
    }
}
