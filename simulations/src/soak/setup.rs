//! Accounts, devices, conversations and the home node of a soak, in calm weather.

use alloquy_api::Reply;
use alloquy_api::personal::DirectKind;

use super::{Room, Soak};
use crate::machine::HOME_NAME;
use crate::world::NAME_CANARY;

/// Communities, besides the conversations.
const COMMUNITIES: usize = 3;
/// Persons: the one with several devices, and others with one each.
const PEOPLE: [&str; 4] = ["ana", "ben", "cem", "dan"];
/// Devices of the first person.
pub(super) const DEVICES: usize = 3;
/// What is done in calm weather has come to everybody after this time.
const CALM_MS: u64 = 15_000;

impl Soak<'_> {
    pub(super) fn set_up(&mut self) -> Result<(), String> {
        for name in PEOPLE {
            let seat = self.world.add_node(name, 0)?;
            self.people.push(vec![seat]);
        }
        self.home = self.world.add_node(HOME_NAME, 0)?;
        for number in 0..COMMUNITIES {
            self.community(number)?;
        }
        self.world.run_for(CALM_MS);
        self.conversations()?;
        self.pair_home()?;
        while self.people[0].len() < DEVICES {
            self.link()?;
        }
        self.world.run_for(CALM_MS);
        self.new_words()
    }

    /// A community of somebody, which all join.
    fn community(&mut self, number: usize) -> Result<(), String> {
        let owner = self.people[number % PEOPLE.len()][0];
        let name = format!("{NAME_CANARY}-{number}");
        self.ask(owner, &format!("create-community {name}"))?;
        let made = self.ask(owner, &format!("create-channel {name} text general"))?;
        let Reply::Channel { channel } = made else {
            return Err("create-channel: a reply of another shape".to_owned());
        };
        let Reply::Invite { invite, .. } = self.ask(owner, &format!("invite {name}"))? else {
            return Err("invite: a reply of another shape".to_owned());
        };
        for seat in self.seats() {
            if seat != owner {
                self.ask(seat, &format!("join {invite}"))?;
            }
        }
        self.rooms.push(Room {
            channel: channel.to_string(),
            people: (0..PEOPLE.len()).collect(),
        });
        Ok(())
    }

    /// Direct messages, a group and the notes to oneself.
    fn conversations(&mut self) -> Result<(), String> {
        let ana = self.people[0][0];
        let direct = self.ask(ana, "dm ben")?;
        let group = self.ask(ana, &format!("group create {NAME_CANARY}-trip ben cem"))?;
        for (reply, people) in [(direct, vec![0, 1]), (group, vec![0, 1, 2])] {
            let Reply::Direct { channel, .. } = reply else {
                return Err(format!("a conversation: {reply:?}"));
            };
            let room = Room {
                channel: channel.to_string(),
                people,
            };
            self.rooms.push(room);
            let room = self.rooms.len() - 1;
            self.write_at(ana, room, false)?;
        }
        self.world.run_for(CALM_MS);
        for person in [1, 2] {
            let seat = self.people[person][0];
            if let Reply::DmRequests { dm_requests } = self.ask(seat, "dm requests")?
                && let Some(asks) = dm_requests.first()
            {
                // By its id: a name may not be known here yet.
                self.ask(seat, &format!("dm accept {}", asks.account))?;
            }
        }
        let snapshot = self.world.snapshot(ana);
        let snapshot = snapshot.ok_or_else(|| "the first node has stopped".to_owned())?;
        let mut directs = snapshot.directs.iter();
        let notes = directs.find(|one| one.kind == DirectKind::Notes);
        let notes = notes.ok_or_else(|| "no notes to oneself".to_owned())?;
        self.rooms.push(Room {
            channel: notes.channel.to_string(),
            people: vec![0],
        });
        Ok(())
    }

    /// The first person's home node, which keeps everything.
    fn pair_home(&mut self) -> Result<(), String> {
        let ana = self.people[0][0];
        let Reply::Code { link, .. } = self.ask(self.home, "home code")? else {
            return Err("home code: a reply of another shape".to_owned());
        };
        self.ask(ana, &format!("home pair {link}"))?;
        for number in 0..COMMUNITIES {
            self.ask(ana, &format!("home store {NAME_CANARY}-{number} on"))?;
        }
        self.world.run_for(CALM_MS);
        Ok(())
    }
}
