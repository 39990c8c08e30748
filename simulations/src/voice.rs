//! Members who go in and out of voice channels, while nodes crash, the network divides and moderators moderate.
//!
//! Then calm. What must hold: nothing panics or spins, the engine is asked for nothing that makes no sense, everybody who
//! sees a channel shows the same devices in it, those that are there, and links are open between each two in a room
//! and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::{
    AccountRef, ChannelKind, ChannelRef, Command, CommunityRef, OverwriteRef,
};
use alloquy_api::personal::OnOff;
use alloquy_api::voice::VoiceCommand;
use alloquy_ids::{ChannelId, CommunityId, DeviceId};

use crate::draw::Draw;
use crate::machine::Maker;
use crate::net::Weather;
use crate::report::Outcome;
use crate::trace::Trace;
use crate::world::World;

/// After the last fault rooms are equal within this time: links between nodes stand again, leases of words by gossip
/// lapse, and attempts that wait begin.
const CALM_MS: u64 = 90_000;

/// What a seed stands for.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seats: usize,
    deeds: u64,
    weather: Weather,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "voice plan");
        let weather = match draw.below(3) {
            0 => Weather::CALM,
            _ => Weather {
                loss: 50,
                ..Weather::CALM
            },
        };
        Self {
            seats: 3 + draw.index(5),
            deeds: draw.between(20, 50),
            weather,
        }
    }
}

/// Runs a seed twice and compares the traces.
#[must_use]
pub fn seed_twice(seed: u64, maker: &dyn Maker) -> Outcome {
    Outcome::twice(seed, || seed_once(seed, maker, Trace::default()))
}

/// Runs a seed once.
#[must_use]
pub fn seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Outcome {
    let mut run = Run {
        world: World::new(seed, maker, trace),
        plan: Plan::new(seed),
        draw: Draw::new(seed, "voice run"),
        community: CommunityId::ZERO,
        rooms: Vec::new(),
    };
    if let Err(text) = run.all() {
        run.world.violation("setup", None, text);
    }
    run.world.outcome()
}

struct Run<'a> {
    world: World<'a>,
    plan: Plan,
    draw: Draw,
    community: CommunityId,
    rooms: Vec<ChannelId>,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), String> {
        self.set_up()?;
        self.world.net.weather = self.plan.weather;
        for _ in 0..self.plan.deeds {
            self.deed();
            let pause = self.draw.between(200, 8_000);
            self.world.run_for(pause);
            if !self.world.violations.is_empty() {
                return Ok(());
            }
        }
        self.world.net.weather = Weather::CALM;
        self.world.heal();
        self.world.net.introduce_all();
        self.start_all();
        self.world.run_for(CALM_MS);
        if let Some(text) = self.difference() {
            self.world.violation("voice", None, text);
        }
        Ok(())
    }

    fn set_up(&mut self) -> Result<(), String> {
        self.world.voice = true;
        self.world.net.discover = true;
        for seat in 0..self.plan.seats {
            self.world.add_node(&format!("n{seat}"), 0)?;
        }
        let names = ("first".to_owned(), "general".to_owned());
        let (community, link) = self.world.make_community(names.0, names.1)?;
        self.community = community;
        for (name, kind) in [
            ("lobby", ChannelKind::Voice),
            ("attic", ChannelKind::Voice),
            ("hall", ChannelKind::Stage),
        ] {
            let create = Command::CreateChannel {
                community: CommunityRef(community.to_string()),
                kind,
                name: name.to_owned(),
                private: name == "attic" && self.draw.chance(500),
                category: None,
            };
            if let alloquy_api::Reply::Channel { channel } =
                self.world.must(0, Some(community), create)?
            {
                self.rooms.push(channel);
            }
        }
        for seat in 1..self.plan.seats {
            let join = Command::Join { link: link.clone() };
            self.world.must(seat, Some(community), join)?;
        }
        self.world.run_for(20_000);
        Ok(())
    }

    fn room(&mut self) -> ChannelRef {
        let room = self.draw.pick(&self.rooms).copied();
        ChannelRef(room.unwrap_or(ChannelId::ZERO).to_string())
    }

    fn member(&mut self) -> AccountRef {
        let seat = 1 + self.draw.index(self.plan.seats - 1);
        AccountRef(self.world.account(seat).to_string())
    }

    /// One person does something, or something befalls the nodes.
    fn deed(&mut self) {
        let seat = self.draw.index(self.plan.seats);
        let (community, voice) = (CommunityRef(self.community.to_string()), |order| {
            Command::Voice { order }
        });
        let on_off = if self.draw.chance(500) {
            OnOff::On
        } else {
            OnOff::Off
        };
        match self.draw.below(20) {
            0..8 => {
                let channel = self.room();
                self.order(seat, voice(VoiceCommand::Join { channel }));
            }
            8..10 => self.order(seat, voice(VoiceCommand::Leave)),
            10 => self.order(seat, voice(VoiceCommand::Mute { mute: on_off })),
            11 | 12 if self.world.is_up(seat) => drop(self.world.crash(seat)),
            11..14 => self.start_all(),
            14 => {
                let cells: Vec<_> = (0..self.plan.seats).map(|_| self.draw.index(2)).collect();
                self.world.partition(&cells);
            }
            15 => self.world.heal(),
            16 => {
                let (account, reason) = (self.member(), None);
                let ban = Command::Ban {
                    community,
                    account,
                    reason,
                };
                // Few are banned, or nobody is left to talk.
                if self.draw.chance(400) {
                    self.order(0, ban);
                }
            }
            17 => {
                let account = self.member();
                let (duration_ms, reason) = (self.draw.between(1_000, 20_000), None);
                self.order(
                    0,
                    Command::Timeout {
                        community,
                        account,
                        duration_ms,
                        reason,
                    },
                );
            }
            18 => {
                let deny = match on_off {
                    OnOff::On => vec!["connect".to_owned()],
                    OnOff::Off => Vec::new(),
                };
                let overwrite = Command::Overwrite {
                    channel: self.room(),
                    target: OverwriteRef::Member(self.member()),
                    allow: Vec::new(),
                    deny,
                };
                self.order(0, overwrite);
            }
            _ => {
                let account = self.member();
                let order = match on_off {
                    OnOff::On => VoiceCommand::StageInvite { account },
                    OnOff::Off => VoiceCommand::StageAudience { account },
                };
                self.order(0, voice(order));
            }
        }
    }

    fn order(&mut self, seat: usize, command: Command) {
        if self.world.is_up(seat) {
            self.world.order(seat, Some(self.community), command);
        }
    }

    fn start_all(&mut self) {
        for seat in 0..self.plan.seats {
            if !self.world.is_up(seat) && self.world.start(seat).is_err() {
                return;
            }
        }
    }

    /// This device, as a node shows it.
    fn device(&mut self, seat: usize) -> Option<DeviceId> {
        let snapshot = self.world.snapshot(seat)?;
        let mut devices = snapshot.devices.iter();
        devices
            .find(|device| device.this)
            .map(|device| device.device)
    }

    /// What is not as it should be in calm.
    fn difference(&mut self) -> Option<String> {
        let devices: BTreeMap<usize, DeviceId> = (0..self.plan.seats)
            .filter_map(|seat| Some((seat, self.device(seat)?)))
            .collect();
        let mut inside: BTreeMap<ChannelId, BTreeSet<usize>> = BTreeMap::new();
        for seat in devices.keys() {
            if let Some((_, channel)) = self.world.engine(*seat).room {
                inside.entry(channel).or_default().insert(*seat);
            }
        }
        self.rosters_differ(&devices, &inside)
            .or_else(|| self.links_differ(&devices, &inside))
    }

    fn rosters_differ(
        &mut self,
        devices: &BTreeMap<usize, DeviceId>,
        inside: &BTreeMap<ChannelId, BTreeSet<usize>>,
    ) -> Option<String> {
        for seat in devices.keys() {
            let snapshot = self.world.snapshot(*seat)?;
            let Some(shown) = snapshot.communities.get(&self.community) else {
                if self.world.engine(*seat).room.is_some() {
                    let name = self.world.name(*seat);
                    return Some(format!(
                        "{name} is in a room of a community that it is not in"
                    ));
                }
                continue;
            };
            for channel in shown.channels.iter().map(|channel| channel.channel) {
                let views = shown.voices.get(&channel).into_iter().flatten();
                let seen: BTreeSet<_> = views.map(|view| view.device).collect();
                let there = inside.get(&channel).into_iter().flatten();
                let there: BTreeSet<_> = there.map(|one| devices[one]).collect();
                if seen != there {
                    let name = self.world.name(*seat);
                    let (shown, real) = (seen.len(), there.len());
                    let channel = channel.short();
                    return Some(format!(
                        "{name} shows {shown} in {channel}, where {real} are, or others"
                    ));
                }
            }
        }
        None
    }

    fn links_differ(
        &self,
        devices: &BTreeMap<usize, DeviceId>,
        inside: &BTreeMap<ChannelId, BTreeSet<usize>>,
    ) -> Option<String> {
        for (channel, there) in inside {
            for seat in there {
                let engine = self.world.engine(*seat);
                let others = there.iter().filter(|other| *other != seat);
                let wanted: BTreeSet<_> = others.map(|other| devices[other]).collect();
                let open = engine.links.iter().filter(|(_, held)| held.open);
                let open: BTreeSet<_> = open.map(|(link, _)| link.device).collect();
                if open != wanted || engine.links.len() != wanted.len() {
                    let (name, channel) = (self.world.name(*seat), channel.short());
                    let (held, wanted) = (open.len(), wanted.len());
                    return Some(format!(
                        "{name} has {held} open links in {channel}, {wanted} others are there"
                    ));
                }
                for (link, held) in &engine.links {
                    let (other, _) = devices.iter().find(|(_, device)| **device == link.device)?;
                    let back = self.world.engine(*other).links.iter();
                    let mut back = back.filter(|(back, _)| back.device == devices[seat]);
                    let same = back
                        .any(|(back, of)| back.attempt == link.attempt && of.offers != held.offers);
                    if !same {
                        let (one, two) = (self.world.name(*seat), self.world.name(*other));
                        return Some(format!("{one} and {two} speak of different attempts"));
                    }
                }
            }
        }
        None
    }
}
