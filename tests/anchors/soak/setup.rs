//! Accounts, conversations, the home node and the devices of a soak.

use std::net::TcpListener;

use alloquy_api::personal::DirectKind;
use alloquy_api::{Client, Reply};
use alloquy_tests::Peer;
use anyhow::{Context, bail, ensure};

use super::seat::{Seat, until};
use super::{DEVICES, Done, Room, Soak};

impl Soak {
    pub(super) fn set_up() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().to_owned();
        let ana = Peer::at(&root.join("ana"));
        let made = ana.init_with(&["--name", "ana"], "");
        let words = made.value["recovery"].as_str();
        let words = words.context("init shows the words")?.to_owned();
        let mut ana = Seat::of(ana);
        ana.start();
        let others = ["ben", "cem"].map(|name| Seat::of(Peer::started(&root, name)));
        let (home, home_says, link) = home(&root)?;
        let mut soak = Self {
            _folder: folder,
            root,
            devices: vec![ana],
            others: others.into(),
            home,
            home_says,
            words,
            rooms: Vec::new(),
            written: Vec::new(),
            turn: 0,
            made: 0,
            done: Done::default(),
        };
        soak.community()?;
        soak.conversations()?;
        soak.devices[0].ask(&format!("home pair {link}"))?;
        soak.devices[0].ask("home store club on")?;
        while soak.devices.len() < DEVICES {
            soak.link()?;
        }
        soak.done = Done::default();
        Ok(soak)
    }

    /// A community that all are in.
    fn community(&mut self) -> anyhow::Result<()> {
        let ana = &mut self.devices[0];
        ana.ask("create-community club")?;
        let Reply::Channel { channel } = ana.ask("create-channel club text general")? else {
            bail!("create-channel: a reply of another shape")
        };
        let Reply::Invite { invite, .. } = ana.ask("invite club")? else {
            bail!("invite: a reply of another shape")
        };
        for other in &mut self.others {
            other.ask(&format!("join {invite}"))?;
        }
        self.rooms.push(Room {
            channel: channel.to_string(),
            people: [true; 3],
        });
        Ok(())
    }

    /// Direct messages, a group, and the notes to oneself.
    fn conversations(&mut self) -> anyhow::Result<()> {
        let ana = &mut self.devices[0];
        until("ana knows the others", || {
            let told = ana.ask("members club")?;
            Ok(matches!(told, Reply::Members { members } if members.len() == 3))
        })?;
        let direct = ana.ask("dm ben")?;
        let group = ana.ask("group create trip ben cem")?;
        for (reply, people) in [(direct, [true, true, false]), (group, [true; 3])] {
            let Reply::Direct { channel, .. } = reply else {
                bail!("a conversation: {reply:?}")
            };
            let channel = channel.to_string();
            self.rooms.push(Room { channel, people });
        }
        let snapshot = self.devices[0].client()?.snapshot();
        let mut directs = snapshot.directs.iter();
        let notes = directs.find(|one| one.kind == DirectKind::Notes);
        self.rooms.push(Room {
            channel: notes.context("the own notes")?.channel.to_string(),
            people: [true, false, false],
        });
        self.write_at(0)?;
        for number in 0..self.others.len() {
            let rooms = self.rooms.iter();
            let rooms = rooms.filter(|room| room.people[number + 1]);
            let channels: Vec<_> = rooms.map(|room| room.channel.clone()).collect();
            let other = &mut self.others[number];
            until("the conversations come to the others", || {
                // Before a request has come, and after it was accepted, there is none.
                other.takes("dm accept ana");
                let mut channels = channels.iter();
                Ok(channels.all(|channel| other.takes(&format!("history {channel} --last 1"))))
            })?;
        }
        Ok(())
    }
}

/// A home node on a port that it keeps, and the link that it prints.
fn home(root: &std::path::Path) -> anyhow::Result<(Seat, alloquy_tests::Lines, String)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let arguments = [
        "--home",
        "--page",
        "127.0.0.1:0",
        "--no-mdns",
        "--listen",
        &listen,
    ];
    let mut home = Seat::of(Peer::at(&root.join("home")).with_arguments(&arguments));
    let mut says = home.launch()?;
    let link = says.find("a link", |line| line.starts_with("link: "));
    let link = link.trim_start_matches("link: ").to_owned();
    ensure!(!link.is_empty(), "the home node prints an empty link");
    Ok((home, says, link))
}
