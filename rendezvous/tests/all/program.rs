//! A rendezvous in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rcgen::generate_simple_self_signed;
use tempfile::TempDir;

/// Patience of a test with a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Settings of everything that this version does, in front of the doors.
pub(crate) const OPEN: &str = r#"
network = "Example"
open_registration = true
sasl = ["PLAIN", "EXTERNAL", "SCRAM-SHA-256"]
lobby = true
"#;

/// A running rendezvous. Dropped: it is killed.
pub(crate) struct Rendezvous {
    pub(crate) folder: TempDir,
    child: Child,
    /// Lines of both outputs.
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Drop for Rendezvous {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_alloquy-rendezvous"))
}

/// A folder with a certificate and a file of settings.
pub(crate) fn folder(irc: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    write(folder.path(), irc);
    folder
}

pub(crate) fn certificate(folder: &Path) {
    let made = generate_simple_self_signed(["irc.example.org".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.key_pair.serialize_pem()).unwrap();
}

pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("rendezvous.toml")
}

pub(crate) fn write(folder: &Path, irc: &str) {
    let text = format!(
        "server_name = \"irc.example.org\"\ndata_dir = \"data\"\nmetrics = \"127.0.0.1:0\"\n[irc]\n{irc}\n\
         listen_plain = [\"127.0.0.1:0\"]\nlisten_tls = [\"127.0.0.1:0\"]\n\
         tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\nlisten_websocket = [\"[::1]:0\"]\n"
    );
    std::fs::write(file(folder), text).unwrap();
}

impl Rendezvous {
    /// Starts in a fresh folder.
    pub(crate) fn start(irc: &str) -> Self {
        Self::at(folder(irc))
    }

    /// Starts in a folder, and waits until it serves.
    pub(crate) fn at(folder: TempDir) -> Self {
        let mut child = program()
            .arg("--config")
            .arg(file(folder.path()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let other = sender.clone();
        std::thread::spawn(move || forward(BufReader::new(out), |line| sender.send(line).is_ok()));
        std::thread::spawn(move || forward(BufReader::new(err), |line| other.send(line).is_ok()));
        let mut started = Self {
            folder,
            child,
            lines,
            said: Vec::new(),
        };
        started.says("metrics: ");
        started
    }

    /// The rest of the first line that holds a text, among all that was said and will be.
    pub(crate) fn says(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut at = 0;
        loop {
            while at < self.said.len() {
                if let Some((_, rest)) = self.said[at].split_once(text) {
                    return rest.trim().to_owned();
                }
                at += 1;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(error) => panic!("{text:?} is not said ({error}): {:?}", self.said),
            }
        }
    }

    /// All that was said so far.
    pub(crate) fn said(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        self.said.join("\n")
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it by SIGTERM and gives the folder back.
    pub(crate) fn end(mut self) -> TempDir {
        self.signal("TERM");
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}: {}", self.said());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

fn forward(lines: impl BufRead, mut give: impl FnMut(String) -> bool) {
    // Read to the end whatever becomes of it, so that the program never writes to nobody.
    for line in lines.lines() {
        match line {
            Ok(line) => drop(give(line)),
            Err(_) => return,
        }
    }
}
