//! Devices that come and go.

use alloquy_tests::Peer;
use anyhow::ensure;

use super::seat::{Seat, copy_folder, until};
use super::{DEVICES, Soak};

/// How a device that is revoked hears of it.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// At once.
    Told,
    /// Never: it is lost.
    Lost,
}

/// From where an account comes back by its words.
#[derive(Clone, Copy, Debug)]
enum From {
    Home,
    Member,
}

impl Soak {
    /// One change of the account's devices; everybody is there and has everything.
    pub(super) fn change(&mut self, number: usize) -> anyhow::Result<()> {
        match number % 7 {
            0 => self.replace(Ends::Told)?,
            1 => self.restore(From::Home)?,
            2 => self.put_back()?,
            3 => self.replace(Ends::Lost)?,
            4 => self.copy()?,
            5 => self.lose_all()?,
            _ => self.restore(From::Member)?,
        }
        while self.devices.len() < DEVICES {
            self.link()?;
        }
        Ok(())
    }

    /// A further device, linked by one of the others.
    pub(super) fn link(&mut self) -> anyhow::Result<()> {
        let told = self.devices[0].ask("device link")?;
        let alloquy_api::Reply::Code { link, .. } = told else {
            anyhow::bail!("device link: {told:?}")
        };
        self.newcomer(&["--link", &link], "")?;
        self.done.linked += 1;
        Ok(())
    }

    /// A new data directory becomes a device of the account, and has its conversations.
    fn newcomer(&mut self, how: &[&str], typed: &str) -> anyhow::Result<()> {
        self.made += 1;
        let name = format!("device-{}", self.made);
        let peer = Peer::at(&self.root.join(&name));
        let made = peer.init_with(how, typed);
        ensure!(made.code == Some(0), "{name} {}: {}", how[0], made.value);
        let mut seat = Seat::of(peer);
        seat.start();
        self.devices.push(seat);
        // The others go on meanwhile.
        for other in &mut self.others {
            let text = format!("message {} in 0", self.written.len());
            other.send(&self.rooms[0].channel, &text)?;
            self.written.push(super::Written { room: 0, text });
        }
        let channels: Vec<_> = self.rooms.iter().map(|room| room.channel.clone()).collect();
        let last = self.devices.len() - 1;
        let seat = &mut self.devices[last];
        until("a new device has the conversations", || {
            let mut channels = channels.iter();
            Ok(channels.all(|channel| seat.takes(&format!("history {channel} --last 1"))))
        })
    }

    /// A new device comes, and the oldest one is revoked by another.
    fn replace(&mut self, ends: Ends) -> anyhow::Result<()> {
        self.link()?;
        self.reach()?;
        let mut gone = self.devices.remove(0);
        let device = gone.device()?;
        if matches!(ends, Ends::Lost) {
            gone.kill();
        }
        self.revoke(&device)?;
        if matches!(ends, Ends::Told) {
            let send = format!("send {} void", self.rooms[0].channel);
            until("the device hears that it was revoked", || {
                Ok(!gone.takes(&send))
            })?;
            gone.stop();
        }
        Ok(())
    }

    fn revoke(&mut self, device: &str) -> anyhow::Result<()> {
        self.devices[0].ask(&format!("device revoke {device}"))?;
        self.done.revoked += 1;
        Ok(())
    }

    /// A device comes back by the words while others are there, and ends one of them, whose disk is lost.
    fn restore(&mut self, from: From) -> anyhow::Result<()> {
        let place = match from {
            From::Home => self.home.place()?,
            From::Member => self.others[0].place()?,
        };
        let typed = format!("{}\n", self.words);
        self.newcomer(&["--restore", "--from", &place], &typed)?;
        self.done.restored += 1;
        self.reach()?;
        let mut gone = self.devices.remove(0);
        let device = gone.device()?;
        gone.kill();
        // By the one that came back.
        self.devices.rotate_right(1);
        self.revoke(&device)
    }

    /// All devices are lost: one comes back by the words, from the home node alone, and ends them.
    fn lose_all(&mut self) -> anyhow::Result<()> {
        for lost in &mut self.devices {
            lost.kill();
        }
        self.done.revoked += self.devices.len();
        self.devices.clear();
        let place = self.home.place()?;
        let typed = format!("{}\n", self.words);
        self.newcomer(&["--restore", "--from", &place, "--revoke-others"], &typed)?;
        self.done.restored += 1;
        Ok(())
    }

    /// A device's disk is lost, and a copy from before its last messages put in its place.
    fn put_back(&mut self) -> anyhow::Result<()> {
        let copy = self.backed_up(1)?;
        self.devices[1].start();
        self.write_at(1)?;
        self.reach()?;
        self.devices[1].kill();
        let folder = self.devices[1].peer.folder().to_owned();
        std::fs::remove_dir_all(&folder)?;
        std::fs::rename(&copy, &folder)?;
        self.devices[1].start();
        // It goes on at once, and may not know yet what it wrote before.
        self.write_at(1)?;
        self.done.cloned += 1;
        Ok(())
    }

    /// A device is copied to another machine: both copies write in turn and know nothing of each other.
    fn copy(&mut self) -> anyhow::Result<()> {
        let copy = self.backed_up(1)?;
        let folder = self.devices[1].peer.folder().to_owned();
        let aside = folder.with_extension("aside");
        for _ in 0..4 {
            self.devices[1].start();
            self.write_at(1)?;
            self.reach()?;
            self.devices[1].stop();
            std::fs::rename(&folder, &aside)?;
            std::fs::rename(&copy, &folder)?;
            std::fs::rename(&aside, &copy)?;
        }
        self.devices[1].start();
        self.done.cloned += 1;
        Ok(())
    }

    /// Ends a device and copies its folder.
    fn backed_up(&mut self, device: usize) -> anyhow::Result<std::path::PathBuf> {
        let device = &mut self.devices[device];
        device.stop();
        let folder = device.peer.folder();
        let copy = self
            .root
            .join(format!("{}-copy-{}", device.name(), self.turn));
        copy_folder(folder, &copy)?;
        Ok(copy)
    }
}
