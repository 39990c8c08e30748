//! A member that does not keep to the program: the real core inside, and around it somebody who holds its keys.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::{Command, Snapshot};
use alloquy_core::{Input, Now, Output, Topic, Write};
use alloquy_ids::{CommunityId, EpochId, InviteId, MonoMs, NetworkKey, ScopeId, from_base32};
use alloquy_schema::epoch::EpochKey;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;

use super::tricks;
use crate::draw::Draw;
use crate::held;
use crate::machine::{Machine, Records};

/// Frames of others that it remembers.
const HEARD_MAX: usize = 64;
/// Outputs that it keeps back at most.
const HELD_MAX: usize = 32;
/// Sock puppets that ask to be let in, in all.
const SOCKS_MAX: u32 = 6;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trick {
    /// Events in the name of others.
    Forge,
    /// What was said before, once more, by somebody else.
    Replay,
    /// Frames long after later ones.
    Reorder,
    /// Answers that never come.
    Withhold,
    /// Far more than anybody asked for.
    Flood,
    /// Bytes that do not open, before the ones that do.
    Garble,
    /// Heights and confirmations of what was never written.
    Lie,
    /// Declared sizes that nothing follows, or a megabyte of nothing.
    Bomb,
    /// Signals of other devices.
    Claim,
    /// Accounts out of nowhere.
    Join,
}

/// All tricks.
pub const TRICKS: [Trick; 10] = [
    Trick::Forge,
    Trick::Replay,
    Trick::Reorder,
    Trick::Withhold,
    Trick::Flood,
    Trick::Garble,
    Trick::Lie,
    Trick::Bomb,
    Trick::Claim,
    Trick::Join,
];

/// See the module.
pub(super) struct Rogue {
    inner: Box<dyn Machine>,
    draw: Draw,
    tricks: Vec<Trick>,
    records: Records,
    /// A home node: it has no keys.
    is_home: bool,
    key: DeviceKey,
    network_seed: [u8; 32],
    peers: BTreeSet<NetworkKey>,
    /// Frames of others and own ones.
    heard: VecDeque<Bytes>,
    gossiped: VecDeque<(Topic, Bytes)>,
    kept_back: VecDeque<Output>,
    outputs: VecDeque<Output>,
    next: MonoMs,
    invite: Option<(CommunityId, InviteId, DeviceKey)>,
    socks: u32,
}

impl Rogue {
    pub(super) fn new(
        inner: Box<dyn Machine>,
        records: Records,
        tricks: Vec<Trick>,
        draw: Draw,
    ) -> Self {
        let (key, network_seed) = held::device_key(&records);
        let is_home = held::is_home(&records);
        Self {
            is_home,
            inner,
            draw,
            tricks,
            records,
            key,
            network_seed,
            peers: BTreeSet::new(),
            heard: VecDeque::new(),
            gossiped: VecDeque::new(),
            kept_back: VecDeque::new(),
            outputs: VecDeque::new(),
            next: MonoMs(0),
            invite: None,
            socks: 0,
        }
    }

    fn does(&self, trick: Trick) -> bool {
        self.tricks.contains(&trick)
    }

    fn notes(&mut self, input: &Input) {
        match input {
            Input::PeerUp(key) => drop(self.peers.insert(*key)),
            Input::PeerDown(key) => drop(self.peers.remove(key)),
            Input::Frame(_, bytes) => remember(&mut self.heard, bytes.clone()),
            Input::Gossip(_, topic, _, bytes) => {
                remember(&mut self.gossiped, (*topic, bytes.clone()));
            }
            Input::Command(_, Command::Join { link }) => self.invite = invite_of(link),
            _ => {}
        }
    }

    /// What becomes of an output of the honest core inside.
    fn passes(&mut self, output: Output) {
        match output {
            Output::Store(task, writes) => {
                for write in &writes {
                    match write {
                        Write::Put(key, value) => {
                            drop(self.records.insert(key.clone(), value.clone()));
                        }
                        Write::Delete(key) => drop(self.records.remove(key)),
                    }
                }
                self.outputs.push_back(Output::Store(task, writes));
            }
            Output::Send(to, bytes) => {
                remember(&mut self.heard, bytes.clone());
                // Ranges, keys and confirmations: what others wait for.
                let waited_for = matches!(bytes.get(1), Some(4 | 10 | 11));
                let paired = !self.is_home || !held::communities(&self.records).is_empty();
                if self.does(Trick::Withhold) && waited_for && paired && self.draw.chance(700) {
                    return;
                }
                let bytes = self.poisoned(bytes);
                self.send_or_keep(Output::Send(to, bytes));
            }
            Output::Publish(topic, bytes) => {
                remember(&mut self.gossiped, (topic, bytes.clone()));
                if self.does(Trick::Garble) {
                    self.garble(topic, &bytes);
                }
                if self.does(Trick::Withhold) && self.draw.chance(500) {
                    return;
                }
                self.send_or_keep(Output::Publish(topic, bytes));
            }
            other => self.outputs.push_back(other),
        }
    }

    /// Ranges and live events of a home node with other bytes where bodies are.
    fn poisoned(&mut self, bytes: Bytes) -> Bytes {
        let with_bodies = matches!(bytes.get(1), Some(4 | 16)) && bytes.len() > 400;
        if !self.is_home || !with_bodies || !self.does(Trick::Garble) || !self.draw.chance(500) {
            return bytes;
        }
        let mut bytes = bytes.to_vec();
        let at = bytes.len() - 8 - self.draw.index(64);
        bytes[at] ^= 1;
        bytes.into()
    }

    fn send_or_keep(&mut self, output: Output) {
        if self.is_home && held::communities(&self.records).is_empty() {
            // It pairs first.
            self.outputs.push_back(output);
            return;
        }
        if self.does(Trick::Reorder) && self.draw.chance(400) && self.kept_back.len() < HELD_MAX {
            self.kept_back.push_back(output);
        } else {
            self.outputs.push_back(output);
        }
    }

    /// The own events of a frame, with bodies that do not open, before the frame itself.
    fn garble(&mut self, topic: Topic, bytes: &Bytes) {
        let epochs = held::epochs(&self.records);
        let Some(content) = held::opened(&epochs, topic, bytes) else {
            return;
        };
        let own = self.key.id();
        let spoiled: Vec<_> = tricks::events_in(&content)
            .iter()
            .filter(|event| event.header.device == own)
            .map(|event| tricks::garbled(event, &self.key))
            .collect();
        if !spoiled.is_empty() {
            self.broadcast(&epochs, topic, &spoiled);
        }
    }

    fn broadcast(
        &mut self,
        epochs: &BTreeMap<EpochId, EpochKey>,
        topic: Topic,
        events: &[SignedEvent],
    ) {
        let key = epochs
            .values()
            .find(|key| Topic(key.secret().gossip_key().topic()) == topic);
        if let Some(key) = key {
            let (topic, frame) = tricks::gossip(key, events, &mut self.draw);
            self.outputs.push_back(Output::Publish(topic, frame));
        }
    }

    fn acts(&mut self) {
        // What was kept back comes now, last things first.
        while let Some(output) = self.kept_back.pop_back() {
            self.outputs.push_back(output);
        }
        let Some(community) = held::communities(&self.records).first().copied() else {
            return;
        };
        let Some(trick) = self.draw.pick(&self.tricks).copied() else {
            return;
        };
        let peers: Vec<_> = self.peers.iter().copied().collect();
        let Some(to) = self.draw.pick(&peers).copied() else {
            return;
        };
        if let Some(bytes) = self.frame_of(trick, community) {
            self.outputs.push_back(Output::Send(to, bytes));
        }
        if trick == Trick::Flood {
            for _ in 0..8 {
                let heard: Vec<_> = self.heard.iter().cloned().collect();
                if let Some(bytes) = self.draw.pick(&heard) {
                    self.outputs.push_back(Output::Send(to, bytes.clone()));
                }
            }
        }
        if trick == Trick::Forge || trick == Trick::Replay {
            self.speaks_for_others(trick);
        }
    }

    fn frame_of(&mut self, trick: Trick, community: CommunityId) -> Option<Bytes> {
        let events = held::events(&self.records);
        let other = events
            .iter()
            .map(|event| (event.header().device, event.header().scope))
            .rfind(|(device, _)| *device != self.key.id());
        let (device, scope) = other.unwrap_or((self.key.id(), ScopeId(community.0)));
        let epochs = held::epochs(&self.records);
        let epoch = epochs.keys().next().copied().unwrap_or(EpochId::ZERO);
        let draw = &mut self.draw;
        Some(match trick {
            Trick::Replay => {
                let heard: Vec<_> = self.heard.iter().cloned().collect();
                draw.pick(&heard)?.clone()
            }
            Trick::Flood => tricks::orphans(community, scope, epoch, draw),
            Trick::Lie if draw.chance(500) => tricks::acknowledged(community, scope, draw),
            Trick::Lie if draw.chance(500) => tricks::marked(community, scope, draw),
            Trick::Lie => tricks::tall(community, scope, device, draw),
            Trick::Bomb => tricks::bomb(community, draw),
            Trick::Claim => tricks::claimed(community, device, &self.key),
            Trick::Join if self.socks < SOCKS_MAX => {
                self.socks += 1;
                let (community, invite, key) = self.invite.as_ref()?;
                tricks::join(*community, (*invite, key), &self.network_seed, draw)
            }
            _ => return None,
        })
    }

    /// Gossip of others: as it was, or changed and signed by the own key.
    fn speaks_for_others(&mut self, trick: Trick) {
        let gossiped: Vec<_> = self.gossiped.iter().cloned().collect();
        let Some((topic, bytes)) = self.draw.pick(&gossiped).cloned() else {
            return;
        };
        if trick == Trick::Replay {
            self.outputs.push_back(Output::Publish(topic, bytes));
            return;
        }
        let epochs = held::epochs(&self.records);
        let Some(content) = held::opened(&epochs, topic, &bytes) else {
            return;
        };
        let own = self.key.id();
        let forged: Vec<_> = tricks::events_in(&content)
            .iter()
            .filter(|event| event.header.device != own)
            .map(|event| tricks::forged(event, &self.key))
            .collect();
        if !forged.is_empty() {
            self.broadcast(&epochs, topic, &forged);
        }
    }
}

impl Machine for Rogue {
    fn handle(&mut self, now: Now, input: Input) {
        self.notes(&input);
        self.inner.handle(now, input);
        while let Some(output) = self.inner.poll_output() {
            self.passes(output);
        }
        if now.mono >= self.next {
            if self.next > MonoMs(0) {
                self.acts();
            }
            self.next = now.mono.plus(self.draw.between(150, 1_500));
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<MonoMs> {
        let own = Some(self.next).filter(|next| *next > MonoMs(0));
        self.inner.poll_timeout().into_iter().chain(own).min()
    }

    fn snapshot(&mut self, client: u64) -> Arc<Snapshot> {
        self.inner.snapshot(client)
    }
}

fn remember<T>(held: &mut VecDeque<T>, one: T) {
    held.push_back(one);
    if held.len() > HEARD_MAX {
        held.pop_front();
    }
}

/// What a link holds: version, community, invite, seed (docs/protocol.md, "Links and the exchange").
fn invite_of(link: &str) -> Option<(CommunityId, InviteId, DeviceKey)> {
    let bytes = from_base32(link.strip_prefix("alloquy://join/")?)?;
    let part = |from: usize| bytes.get(from..from + 32)?.try_into().ok();
    let key = DeviceKey::from_seed(&part(65)?);
    Some((CommunityId(part(1)?), InviteId(part(33)?), key))
}
