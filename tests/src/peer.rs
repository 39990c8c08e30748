//! One account with its node: a data directory, and a process that comes and goes.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Ended, Told, end, node_command, node_program, signal};
use crate::wait::{Lines, eventually};

/// Arguments of a node that is alone on this machine: no mDNS, free ports of the loopback.
pub const LOOPBACK: &[&str] = &[
    "--no-mdns",
    "--listen",
    "/ip4/127.0.0.1/udp/0/quic-v1",
    "--listen",
    "/ip4/127.0.0.1/tcp/0",
];

/// An account, and its node when it runs. Dropped: the process is killed.
#[derive(Debug)]
pub struct Peer {
    folder: PathBuf,
    /// Words before the program, as `ip netns exec NAME`.
    prefix: Vec<OsString>,
    arguments: Vec<OsString>,
    child: Option<Child>,
}

impl Peer {
    /// The account of a data directory, which exists or will.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        let arguments = LOOPBACK.iter().map(OsString::from).collect();
        Self {
            folder: folder.to_owned(),
            prefix: Vec::new(),
            arguments,
            child: None,
        }
    }

    /// Makes an account in `root`/`name`. It does not run yet.
    ///
    /// # Panics
    /// When the account can not be made.
    #[must_use]
    pub fn init(root: &Path, name: &str) -> Self {
        let peer = Self::at(&root.join(name));
        let made = peer
            .command("init")
            .args(["--name", name, "--json"])
            .output()
            .expect("init can be started");
        let made = Ended::of(&made).told().done();
        assert_eq!(
            made["recovery"]
                .as_str()
                .map(|words| words.split(' ').count()),
            Some(12),
            "{made}"
        );
        peer
    }

    /// `init --json` in this data directory, with these arguments and this on standard input.
    ///
    /// # Panics
    /// When it can not be started.
    #[must_use]
    pub fn init_with(&self, arguments: &[&str], typed: &str) -> Told {
        let mut command = match self.prefix.split_first() {
            None => node_command(),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(node_program());
                command.env("ALLOQUY_NO_KEYCHAIN", "1");
                command
            }
        };
        command.arg("init").arg("--data").arg(&self.folder);
        let mut child = command
            .arg("--json")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("init can be started");
        let mut input = child.stdin.take().expect("its input is a pipe");
        input
            .write_all(typed.as_bytes())
            .expect("it reads what is typed");
        drop(input);
        let output = child.wait_with_output().expect("init ends");
        Ended::of(&output).told()
    }

    /// Makes an account and starts its node.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn started(root: &Path, name: &str) -> Self {
        let mut peer = Self::init(root, name);
        peer.start();
        peer
    }

    /// Runs with these arguments instead of [`LOOPBACK`], from the next start on.
    #[must_use]
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(OsString::from).collect();
        self
    }

    /// Runs behind these words, as `ip netns exec NAME`, from the next start on.
    #[must_use]
    pub fn behind(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(OsString::from).collect();
        self
    }

    /// The data directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The node's process, while it runs.
    #[must_use]
    pub fn child(&self) -> Option<&Child> {
        self.child.as_ref()
    }

    fn command(&self, action: &str) -> Command {
        let mut command = node_command();
        command.arg(action).arg("--data").arg(&self.folder);
        command
    }

    /// Starts the node without waiting for it.
    ///
    /// # Panics
    /// When the process can not be started, or runs already.
    pub fn launch(&mut self) -> Lines {
        assert!(self.child.is_none(), "it runs already");
        let mut command = match self.prefix.split_first() {
            None => node_command(),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command
                    .args(rest)
                    .arg(node_program())
                    .env("ALLOQUY_NO_KEYCHAIN", "1")
                    .stdin(Stdio::null());
                command
            }
        };
        command
            .arg("run")
            .arg("--data")
            .arg(&self.folder)
            .args(&self.arguments)
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the node can be started");
        let lines = Lines::of(child.stdout.take().expect("its output is a pipe"));
        self.child = Some(child);
        lines
    }

    /// Starts the node and waits for its ready line.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(&mut self) {
        let ready = self.launch().next_line().unwrap_or_default();
        assert!(
            ready.starts_with("ready: account "),
            "{} is not ready: {ready:?}",
            self.folder.display()
        );
    }

    /// SIGTERM, and waits for the clean end.
    ///
    /// # Panics
    /// When it does not end, or not cleanly.
    pub fn stop(&mut self) {
        self.end_with(Signal::TERM);
    }

    /// Sends a signal and waits for the clean end.
    ///
    /// # Panics
    /// When it does not end, or not cleanly.
    pub fn end_with(&mut self, by: Signal) {
        let mut child = self.child.take().expect("it runs");
        signal(&child, by);
        let status = eventually("the node ends", || {
            child.try_wait().expect("a child can be waited for")
        });
        assert!(status.success(), "{}: {status}", self.folder.display());
    }

    /// SIGKILL now; [`Peer::kill`] takes the process away afterwards.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill_now(&self) {
        signal(self.child.as_ref().expect("it runs"), Signal::KILL);
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        end(&mut self.child.take().expect("it runs"));
    }

    /// One line, whatever comes of it.
    ///
    /// # Panics
    /// When the program prints anything but one JSON object.
    pub fn tell(&self, line: &str) -> Told {
        Ended::of(
            &self
                .command("do")
                .args(["--json", line])
                .output()
                .expect("do can be started"),
        )
        .told()
    }

    /// One line that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn line(&self, line: &str) -> Value {
        let told = self.tell(line);
        assert_eq!(told.code, Some(0), "{line}: {}", told.value);
        told.done()
    }

    /// One line that must fail; the error's code.
    ///
    /// # Panics
    /// When it succeeds.
    #[must_use]
    pub fn refused(&self, line: &str) -> String {
        self.tell(line).error()
    }

    /// `status --json`.
    ///
    /// # Panics
    /// When the program prints anything but one JSON object.
    #[must_use]
    pub fn status(&self) -> Told {
        Ended::of(
            &self
                .command("status")
                .arg("--json")
                .output()
                .expect("status can be started"),
        )
        .told()
    }

    /// `doctor --json`, whatever it finds.
    ///
    /// # Panics
    /// When the program prints anything but one JSON object.
    #[must_use]
    pub fn doctor(&self) -> Value {
        let mut command = self.command("doctor");
        let output = command.arg("--json").output();
        Ended::of(&output.expect("doctor can be started"))
            .told()
            .value
    }

    /// The node's account.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn account(&self) -> String {
        word(&self.status().done(), "account")
    }

    /// Starts `watch --json`; the child ends with the node, or must be ended by the test.
    ///
    /// # Panics
    /// When it can not be started.
    #[must_use]
    pub fn watch(&self) -> (Child, Lines) {
        let mut child = self
            .command("watch")
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .expect("watch can be started");
        let lines = Lines::of(child.stdout.take().expect("its output is a pipe"));
        (child, lines)
    }

    /// A fresh invite of a community.
    #[must_use]
    pub fn invite(&self, community: &str) -> String {
        word(&self.line(&format!("invite {community}")), "invite")
    }

    /// Texts of a channel's last messages, oldest first.
    ///
    /// # Panics
    /// When the channel can not be read.
    #[must_use]
    pub fn texts(&self, channel: &str, last: usize) -> Vec<String> {
        let history = self.line(&format!("history {channel} --last {last}"));
        history["messages"]
            .as_array()
            .expect("history has messages")
            .iter()
            .map(|message| word(message, "text"))
            .collect()
    }

    /// Waits until a channel's history is these texts.
    ///
    /// # Panics
    /// When it does not become so.
    pub fn reads(&self, channel: &str, texts: &[String]) {
        let mut last = Vec::new();
        let folder = self.folder.display();
        let started = std::time::Instant::now();
        while last != texts {
            assert!(
                started.elapsed() < crate::DEADLINE,
                "{folder} reads {last:#?} instead of {texts:#?}"
            );
            std::thread::sleep(std::time::Duration::from_millis(100));
            let told = self.tell(&format!("history {channel} --last {}", texts.len() + 10));
            if let Some(messages) = told.value["messages"].as_array() {
                last = messages
                    .iter()
                    .map(|message| word(message, "text"))
                    .collect();
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}

/// A field that is text.
fn word(object: &Value, field: &str) -> String {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is text in {object}"))
        .to_owned()
}
