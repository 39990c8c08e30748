//! One node of a soak: its process, and the connection over which it is asked.

use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_api::Reply;
use alloquy_api::reply::MessageView;
use alloquy_node::RpcClient;
use alloquy_tests::{Lines, Peer};
use anyhow::{Context, bail, ensure};

use super::{LOOK, REACH};

/// What a person asks for ends within this time.
const ANSWER: Duration = Duration::from_secs(60);
/// More messages than any room has, and as many as one reply may have.
const LAST: usize = 100_000;

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) peer: Peer,
    client: Option<RpcClient>,
}

impl Seat {
    /// The account of a data directory.
    pub(super) const fn of(peer: Peer) -> Self {
        Self { peer, client: None }
    }

    pub(super) fn name(&self) -> String {
        let name = self.peer.folder().file_name();
        name.map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    pub(super) fn is_up(&self) -> bool {
        self.peer.child().is_some()
    }

    pub(super) fn start(&mut self) {
        self.peer.start();
    }

    /// Starts a node that goes on printing.
    pub(super) fn launch(&mut self) -> anyhow::Result<Lines> {
        let mut says = self.peer.launch();
        let ready = says.next_line().unwrap_or_default();
        ensure!(ready.starts_with("ready: account "), "{ready:?}");
        Ok(says)
    }

    /// Ends it as a person does.
    pub(super) fn stop(&mut self) {
        self.client = None;
        self.peer.stop();
    }

    /// Ends it as a power cut does.
    pub(super) fn kill(&mut self) {
        self.client = None;
        self.peer.kill();
    }

    pub(super) fn client(&mut self) -> anyhow::Result<&mut RpcClient> {
        let folder = self.peer.folder();
        let client = match self.client.take() {
            Some(client) => client,
            None => RpcClient::connect(folder).with_context(|| folder.display().to_string())?,
        };
        Ok(self.client.insert(client))
    }

    /// A line that must succeed.
    pub(super) fn ask(&mut self, line: &str) -> anyhow::Result<Reply> {
        let name = self.name();
        let command = line.parse().with_context(|| line.to_owned())?;
        let told = self.client()?.call(command, ANSWER);
        told.with_context(|| format!("`{line}` at {name}"))
    }

    pub(super) fn send(&mut self, channel: &str, text: &str) -> anyhow::Result<()> {
        self.ask(&format!("send {channel} \"{text}\"")).map(|_| ())
    }

    /// All messages of a channel, oldest first.
    pub(super) fn history(&mut self, channel: &str) -> anyhow::Result<Vec<MessageView>> {
        match self.ask(&format!("history {channel} --last {LAST}"))? {
            Reply::History { messages, .. } => Ok(messages),
            other => bail!("history: {other:?}"),
        }
    }

    /// Where others reach it.
    pub(super) fn place(&mut self) -> anyhow::Result<String> {
        let status = self.client()?.status(ANSWER)?;
        let place = status.listen.first().map(ToString::to_string);
        place.with_context(|| format!("{} listens nowhere", self.name()))
    }

    /// This device's id.
    pub(super) fn device(&mut self) -> anyhow::Result<String> {
        let Reply::Devices { devices } = self.ask("devices")? else {
            bail!("devices: a reply of another shape")
        };
        let this = devices.iter().find(|device| device.this);
        let this = this.map(|device| device.device.to_string());
        this.context("this device is listed")
    }

    /// Whether a line succeeds.
    pub(super) fn takes(&mut self, line: &str) -> bool {
        self.ask(line).is_ok()
    }
}

/// Asks again and again until it is so, or [`REACH`] has passed.
pub(super) fn until(
    what: &str,
    mut ask: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let end = Instant::now() + REACH;
    while !ask()? {
        ensure!(Instant::now() < end, "waited {REACH:?} for: {what}");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Copies the files of a folder into another one that is made.
pub(super) fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
