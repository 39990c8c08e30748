//! A soak of real processes: three devices of one account come and go beside two other members and a home node,
//! while all write. At the end nothing is undecryptable, lost or there twice: that is gated; the time is reported.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_api::Command;
use alloquy_node::RpcClient;
use alloquy_tests::{Lines, Peer, eventually};
use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::report::{Line, Rival};

/// Messages that `./bench soak` writes.
pub(crate) const MESSAGES: usize = 10_000;
/// Parts of a soak: after each but the last something is done to a device.
const PARTS: usize = 6;
const ANSWER: Duration = Duration::from_secs(60);
/// Everything is everywhere within this time after the last message.
const REACH: Duration = Duration::from_secs(300);
const CHANNEL: &str = "club/general";

/// Whoever writes, and what was written.
struct Soak<'a> {
    folder: &'a Path,
    /// Devices of the one account.
    devices: Vec<Peer>,
    others: Vec<Peer>,
    home: Peer,
    /// A home node whose output nobody reads ends.
    _said: Lines,
    words: String,
    written: Vec<String>,
    made: usize,
}

/// Writes so many messages in all.
pub(crate) fn soak(messages: usize) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let mut soak = Soak::set_up(folder.path())?;
    for part in 0..PARTS {
        soak.write(messages / PARTS)?;
        match part {
            0 => soak.crash(),
            1 => soak.replace()?,
            2 => soak.put_back()?,
            3 => soak.restore()?,
            4 => soak.replace()?,
            _ => {}
        }
    }
    let found = soak.judge()?;
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: soak.written.len(),
        rival: Rival::NONE,
    };
    Ok(vec![
        line("soak_undecryptable", found[0], "messages"),
        line("soak_lost", found[1], "messages"),
        line("soak_doubled", found[2], "messages"),
        line("soak_time", began.elapsed().as_secs_f64(), "s"),
    ])
}

fn text(told: &Value, field: &str) -> anyhow::Result<String> {
    let text = told[field].as_str();
    Ok(text
        .with_context(|| format!("{field} in {told}"))?
        .to_owned())
}

impl<'a> Soak<'a> {
    fn set_up(folder: &'a Path) -> anyhow::Result<Self> {
        let mut ana = Peer::at(&folder.join("ana"));
        let words = text(&ana.init_with(&["--name", "ana"], "").value, "recovery")?;
        ana.start();
        ana.line("create-community club");
        ana.line("create-channel club text general");
        let invite = ana.invite("club");
        let others = ["ben", "cem"].map(|name| Peer::started(folder, name));
        for other in &others {
            other.line(&format!("join {invite}"));
        }
        let home = Peer::at(&folder.join("home"));
        let mut home = home.with_arguments(&[
            "--home",
            "--page",
            "127.0.0.1:0",
            "--no-mdns",
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
        ]);
        let mut said = home.launch();
        let link = said.find("a link", |line| line.starts_with("link: "));
        ana.line(&format!("home pair {}", link.trim_start_matches("link: ")));
        ana.line("home store club on");
        let mut soak = Self {
            folder,
            devices: vec![ana],
            others: others.into(),
            home,
            _said: said,
            words,
            written: Vec::new(),
            made: 0,
        };
        while soak.devices.len() < 3 {
            soak.link()?;
        }
        Ok(soak)
    }

    fn all(&self) -> impl Iterator<Item = &Peer> {
        self.devices.iter().chain(&self.others)
    }

    /// All write in turn, as fast as they are answered.
    fn write(&mut self, count: usize) -> anyhow::Result<()> {
        let mut clients = Vec::new();
        for peer in self.all() {
            clients.push(RpcClient::connect(peer.folder())?);
        }
        for number in 0..count {
            let text = format!(
                "message {} of {}",
                self.written.len(),
                number % clients.len()
            );
            let command: Command = format!("send {CHANNEL} \"{text}\"").parse()?;
            let writer = number % clients.len();
            clients[writer].call(command, ANSWER)?;
            self.written.push(text);
        }
        Ok(())
    }

    /// Waits until everybody reads everything.
    fn reach(&self) -> anyhow::Result<()> {
        let end = Instant::now() + REACH;
        for peer in self.all() {
            while peer.texts(CHANNEL, self.written.len() + 10).len() < self.written.len() {
                if Instant::now() > end {
                    bail!("{} does not read everything", peer.folder().display());
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        Ok(())
    }

    /// A place for a further device.
    fn blank(&mut self) -> Peer {
        self.made += 1;
        Peer::at(&self.folder.join(format!("device{}", self.made)))
    }

    fn link(&mut self) -> anyhow::Result<()> {
        let mut device = self.blank();
        let link = text(&self.devices[0].line("device link"), "link")?;
        let made = device.init_with(&["--link", &link], "");
        ensure!(made.code == Some(0), "linking: {}", made.value);
        device.start();
        arrived(&device);
        self.devices.push(device);
        Ok(())
    }

    /// Power fails at a member, in the middle of things.
    fn crash(&mut self) {
        let ben = &mut self.others[0];
        ben.kill();
        ben.start();
    }

    /// The oldest device is revoked by the next, and another one linked.
    fn replace(&mut self) -> anyhow::Result<()> {
        self.reach()?;
        let mut gone = self.devices.remove(0);
        let devices = gone.line("devices");
        let all = devices["devices"].as_array();
        let this = all.and_then(|all| all.iter().find(|one| one["this"] == true));
        let device = text(this.context("this device is listed")?, "device")?;
        self.devices[0].line(&format!("device revoke {device}"));
        eventually("the device hears that it was revoked", || {
            let refused = gone.tell(&format!("send {CHANNEL} void"));
            (refused.code != Some(0)).then_some(())
        });
        gone.stop();
        self.link()
    }

    /// A device's disk is lost, and a copy from before the last messages put in its place.
    fn put_back(&mut self) -> anyhow::Result<()> {
        let last = self.devices.len() - 1;
        self.devices[last].stop();
        let folder = self.devices[last].folder().to_owned();
        let copy = folder.with_extension("copy");
        copy_folder(&folder, &copy)?;
        self.devices[last].start();
        self.write(10 * self.all().count())?;
        self.reach()?;
        self.devices[last].kill();
        std::fs::remove_dir_all(&folder)?;
        std::fs::rename(&copy, &folder)?;
        self.devices[last].start();
        Ok(())
    }

    /// All devices are lost; one comes back by the words, from the home node alone.
    fn restore(&mut self) -> anyhow::Result<()> {
        self.reach()?;
        for lost in &mut self.devices {
            lost.kill();
        }
        self.devices.clear();
        let status = self.home.status().done();
        let place = status["listen"][0].as_str();
        let place = place.context("the home node listens somewhere")?.to_owned();
        let mut back = self.blank();
        let from = ["--restore", "--from", &place, "--revoke-others"];
        let made = back.init_with(&from, &format!("{}\n", self.words));
        ensure!(made.code == Some(0), "coming back: {}", made.value);
        back.start();
        arrived(&back);
        self.devices.push(back);
        while self.devices.len() < 3 {
            self.link()?;
        }
        Ok(())
    }

    /// What of it all is undecryptable, lost and doubled, at all that are left.
    fn judge(&self) -> anyhow::Result<[f64; 3]> {
        self.reach()?;
        let mut found = [0_u32; 3];
        for peer in self.all() {
            let last = self.written.len() + 1_000;
            let history = peer.line(&format!("history {CHANNEL} --last {last}"));
            let messages = history["messages"].as_array();
            let mut times: BTreeMap<&str, u32> = BTreeMap::new();
            for message in messages.context("a history has messages")? {
                match message["waiting"] == true {
                    true => found[0] += 1,
                    false => {
                        *times
                            .entry(message["text"].as_str().unwrap_or(""))
                            .or_default() += 1
                    }
                }
            }
            for text in &self.written {
                match times.get(&**text).copied().unwrap_or(0) {
                    0 => found[1] += 1,
                    count => found[2] += count - 1,
                }
            }
        }
        Ok(found.map(f64::from))
    }
}

/// Waits until a device is in the community.
fn arrived(device: &Peer) {
    eventually("the device has the channel", || {
        let told = device.tell(&format!("history {CHANNEL} --last 1"));
        (told.code == Some(0)).then_some(())
    });
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn devices_that_come_and_go_over_sockets_lose_nothing_and_read_everything_once() {
        let lines = soak(120).unwrap();
        for name in ["soak_undecryptable", "soak_lost", "soak_doubled"] {
            assert!(value(&lines, name) < 1.0, "{lines:#?}");
        }
    }
}
