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

use super::forgery::Workshop;
use super::house::{House, Manner, Way};
use super::ledger::Shared;
use super::mixture::Epochs;
use super::tricks;
use crate::draw::Draw;
use crate::held::{self, Rows};
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
    /// Keys, events and ranges of one epoch as another's.
    Mix,
}

/// All tricks of members. Who holds the keys of epochs gains nothing by mixing them up.
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
    rows: Rows,
    ledger: Shared,
    /// Of a home node: it has no keys.
    house: Option<House>,
    /// Forged events that stay where they were taken.
    lasting: u32,
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
        (tricks, manner): (Vec<Trick>, Manner),
        draw: Draw,
        ledger: Shared,
    ) -> Self {
        let (key, network_seed) = held::device_key(&records);
        let house = held::is_home(&records).then(|| House::new(manner));
        Self {
            inner,
            draw,
            tricks,
            records,
            rows: Rows::default(),
            ledger,
            house,
            lasting: 0,
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
            Input::Frame(from, bytes) => {
                remember(&mut self.heard, bytes.clone());
                if let Some(house) = &mut self.house {
                    house.hears(*from, bytes);
                }
            }
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
                if !self.is_paired() {
                    // It pairs first, as any home node does.
                    self.outputs.push_back(Output::Send(to, bytes));
                } else if let Some(bytes) = self.on_its_way(to, bytes) {
                    self.send_or_keep(Output::Send(to, bytes));
                }
            }
            Output::Publish(topic, bytes) => {
                remember(&mut self.gossiped, (topic, bytes.clone()));
                if self.does(Trick::Garble) {
                    self.garble(topic, &bytes);
                }
                if self.does(Trick::Withhold) && self.draw.chance(500) {
                    return self.note(Trick::Withhold, "broadcasts");
                }
                self.send_or_keep(Output::Publish(topic, bytes));
            }
            other => self.outputs.push_back(other),
        }
    }

    fn note(&self, trick: Trick, form: &'static str) {
        let ledger = self.ledger.lock();
        let mut ledger = ledger.expect("nobody panics while holding it");
        ledger.note((trick, form));
    }

    /// Whether it is no home node that keeps nothing yet.
    fn is_paired(&self) -> bool {
        self.house.is_none() || !held::communities(&self.records).is_empty()
    }

    /// What goes out in place of a frame of the honest core inside; `None`: nothing.
    fn on_its_way(&mut self, to: NetworkKey, frame: Bytes) -> Option<Bytes> {
        // Ranges, keys and confirmations: what others wait for.
        let waited_for = matches!(frame.get(1), Some(4 | 10 | 11));
        let by_chance = self.house.as_ref().is_none_or(House::withholds_by_chance);
        if self.does(Trick::Withhold) && by_chance && waited_for && self.draw.chance(700) {
            self.note(Trick::Withhold, "answers");
            return None;
        }
        let Some(mut house) = self.house.take() else {
            return Some(frame);
        };
        let other = self.changed(&mut house, to, &frame);
        self.house = Some(house);
        Some(other.unwrap_or(frame))
    }

    /// Another frame of a home node in place of one of the honest core inside.
    fn changed(&mut self, house: &mut House, to: NetworkKey, frame: &Bytes) -> Option<Bytes> {
        let community = held::communities(&self.records).first().copied()?;
        let tag = *frame.get(1)?;
        if self.does(Trick::Lie)
            && let Some(echo) = house.echo(to, frame, &mut self.draw)
        {
            self.note(Trick::Lie, "digests");
            return Some(echo);
        }
        let events = self.rows.events(&self.records);
        if tag == 10 && self.does(Trick::Mix) && self.draw.chance(500) {
            let epochs = Epochs {
                community,
                events: &events,
                wraps: &held::wraps(&self.records),
            };
            let (form, other) = epochs.instead(frame, &mut self.draw)?;
            self.note(Trick::Mix, form);
            return Some(other);
        }
        let changes = self.does(Trick::Withhold) || self.does(Trick::Garble);
        if !changes || !matches!(tag, 4 | 16 | 41) {
            return None;
        }
        let held = events
            .into_iter()
            .map(|event| (event.id(), event))
            .collect();
        let ledger = self.ledger.lock();
        let mut ledger = ledger.expect("nobody panics while holding it");
        let mut way = Way {
            to,
            community,
            held: &held,
            tricks: &self.tricks,
            draw: &mut self.draw,
            ledger: &mut ledger,
        };
        house.lets_through(frame, &mut way)
    }

    fn send_or_keep(&mut self, output: Output) {
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
        if !spoiled.is_empty() && self.broadcast(&epochs, topic, &spoiled) {
            self.note(Trick::Garble, "broadcasts");
        }
    }

    /// Whether there is a key to do so.
    fn broadcast(
        &mut self,
        epochs: &BTreeMap<EpochId, EpochKey>,
        topic: Topic,
        events: &[SignedEvent],
    ) -> bool {
        let key = epochs
            .values()
            .find(|key| Topic(key.secret().gossip_key().topic()) == topic);
        if let Some(key) = key {
            let (topic, frame) = tricks::gossip(key, events, &mut self.draw);
            self.outputs.push_back(Output::Publish(topic, frame));
        }
        key.is_some()
    }

    fn acts(&mut self) {
        // What was kept back comes now, last things first.
        while let Some(output) = self.kept_back.pop_back() {
            if !matches!(&output, Output::Send(to, _) if !self.peers.contains(to)) {
                self.note(Trick::Reorder, "frames");
            }
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
        if self.house.is_some() && matches!(trick, Trick::Forge | Trick::Mix) {
            return self.invents(trick, community, to);
        }
        if let Some((form, bytes)) = self.frame_of(trick, community) {
            self.note(trick, form);
            self.outputs.push_back(Output::Send(to, bytes));
        }
        if trick == Trick::Flood {
            for _ in 0..8 {
                let heard: Vec<_> = self.heard.iter().cloned().collect();
                if let Some(bytes) = self.draw.pick(&heard) {
                    self.note(trick, "frames");
                    self.outputs.push_back(Output::Send(to, bytes.clone()));
                }
            }
        }
        if trick == Trick::Forge || trick == Trick::Replay {
            self.speaks_for_others(trick);
        }
    }

    /// What a home node makes up without a key.
    fn invents(&mut self, trick: Trick, community: CommunityId, to: NetworkKey) {
        let events = self.rows.events(&self.records);
        let made = if trick == Trick::Mix {
            let epochs = Epochs {
                community,
                events: &events,
                wraps: &held::wraps(&self.records),
            };
            let mixed = epochs.mix(&mut self.draw);
            mixed.map(|(form, bytes)| (form, None, bytes))
        } else {
            let workshop = Workshop {
                community,
                events: &events,
                prekeys: &held::prekeys(&self.records),
                served: &held::served(&self.records),
                key: &self.key,
                network_seed: &self.network_seed,
            };
            workshop.forge(&mut self.lasting, &mut self.draw)
        };
        let Some((form, for_one, bytes)) = made else {
            return;
        };
        let to = for_one.unwrap_or(to);
        if self.peers.contains(&to) {
            self.note(trick, form);
            self.outputs.push_back(Output::Send(to, bytes));
        }
    }

    fn frame_of(&mut self, trick: Trick, community: CommunityId) -> Option<(&'static str, Bytes)> {
        let events = self.rows.events(&self.records);
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
                ("frames", draw.pick(&heard)?.clone())
            }
            Trick::Flood => ("orphans", tricks::orphans(community, scope, epoch, draw)),
            Trick::Lie if draw.chance(500) => (
                "confirmations",
                tricks::acknowledged(community, scope, draw),
            ),
            Trick::Lie if draw.chance(500) => ("marks", tricks::marked(community, scope, draw)),
            Trick::Lie => ("heights", tricks::tall(community, scope, device, draw)),
            Trick::Bomb => ("frames", tricks::bomb(community, draw)),
            Trick::Claim => ("signals", tricks::claimed(community, device, &self.key)),
            Trick::Join if self.socks < SOCKS_MAX => {
                self.socks += 1;
                let (community, invite, key) = self.invite.as_ref()?;
                let join = tricks::join(*community, (*invite, key), &self.network_seed, draw);
                ("requests", join)
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
            self.note(trick, "broadcasts");
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
        if !forged.is_empty() && self.broadcast(&epochs, topic, &forged) {
            self.note(trick, "broadcasts");
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
