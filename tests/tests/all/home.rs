//! A home node as a process of its own: paired by its code, it holds for each what the others wrote while away.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use alloquy_node::data_dir::DataDir;
use alloquy_node::store::{DirLock, Store};
use alloquy_node::vault::{self, KeySource};
use alloquy_tests::{Lines, Peer, eventually, run_node};
use serde_json::Value;
use tempfile::tempdir;

/// What is said and named, and must not be on the home node's disk.
const CANARIES: [&str; 3] = ["yellow-canary-text", "Canaryhome", "Canarina-Ana"];
/// Messages that are written while the other is away.
const MESSAGES: usize = 30;

/// A home node, the address of its page, and what it prints.
pub(crate) struct Home {
    pub(crate) peer: Peer,
    page: String,
    lines: Lines,
}

impl Home {
    pub(crate) fn started(root: &Path, port: u16) -> Self {
        Self::behind(root, "home", port, &[])
    }

    pub(crate) fn named(root: &Path, name: &str, port: u16) -> Self {
        Self::behind(root, name, port, &[])
    }

    /// The same behind words before the program.
    pub(crate) fn behind(root: &Path, name: &str, port: u16, prefix: &[&str]) -> Self {
        let listen = format!("/ip4/127.0.0.1/tcp/{port}");
        Self::with(root, name, &["--listen", &listen], prefix)
    }

    /// The same with arguments that say where it listens, and more.
    pub(crate) fn with(root: &Path, name: &str, arguments: &[&str], prefix: &[&str]) -> Self {
        let home = ["--home", "--page", "127.0.0.1:0", "--no-mdns"];
        let peer = Peer::at(&root.join(name)).behind(prefix);
        let mut peer = peer.with_arguments(&[&home, arguments].concat());
        let mut lines = peer.launch();
        let ready = lines.next_line().unwrap_or_default();
        assert!(ready.starts_with("ready: account "), "{ready:?}");
        let page = lines.next_line().unwrap_or_default();
        let page = page.strip_prefix("page: http://").unwrap_or_default();
        let page = page.trim_end_matches('/').to_owned();
        assert!(page.starts_with("127.0.0.1:"), "{page:?}");
        Self { peer, page, lines }
    }

    /// The link that it prints beside the code.
    pub(crate) fn link(&mut self) -> String {
        loop {
            let line = self.lines.next_line().expect("a link is printed");
            if let Some(link) = line.strip_prefix("link: ") {
                return link.to_owned();
            }
        }
    }

    fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.page).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

pub(crate) fn kept(home: &Peer) -> Vec<Value> {
    let status = home.line("home status");
    status["home"]["keeps"].as_array().unwrap().clone()
}

/// Waits until a home node holds everything of so many communities and conversations.
pub(crate) fn keeps(home: &Peer, count: usize) {
    eventually("the home node keeps what it should", || {
        let kept = kept(home);
        let whole = |kept: &&Value| kept["lag"] == 0 && kept["events"].as_u64() > Some(0);
        (kept.iter().filter(whole).count() >= count).then_some(())
    });
}

/// Waits until everything that a peer wrote is held by somebody.
fn held(peer: &Peer) {
    held_in(peer, "Canaryhome/general");
}

/// The same in a channel.
pub(crate) fn held_in(peer: &Peer, channel: &str) {
    eventually("the last message is held by the home node", || {
        let history = peer.line(&format!("history {channel} --last 1"));
        let state = &history["messages"][0]["delivery"]["state"];
        (state == "held").then_some(())
    });
}

fn texts(who: &str) -> Vec<String> {
    (0..MESSAGES)
        .map(|number| format!("{who} {number} yellow-canary-text"))
        .collect()
}

fn say(peer: &Peer, texts: &[String]) {
    for text in texts {
        peer.line(&format!("send Canaryhome/general \"{text}\""));
    }
}

#[test]
fn ana_and_ben_are_never_there_at_once_and_read_everything_in_order() {
    let root = tempdir().unwrap();
    let mut ana = Peer::started(root.path(), "Canarina-Ana");
    let mut ben = Peer::started(root.path(), "ben");
    ana.line("create-community Canaryhome");
    ana.line("create-channel Canaryhome text general");
    ben.line(&format!("join {}", ana.invite("Canaryhome")));
    let port = free_port();
    let mut home = Home::started(root.path(), port);
    let link = home.link();
    let unpaired = home.get("/", &home.page);
    assert!(unpaired.contains("Nobody has paired") && unpaired.contains("<svg"));
    ana.line(&format!("home pair {link}"));
    ana.line("home store Canaryhome on");
    eventually("the home node keeps the community", || {
        let kept = kept(&home.peer);
        let whole = |kept: &&Value| kept["lag"] == 0 && kept["events"].as_u64() > Some(5);
        kept.iter().any(|kept| whole(&kept)).then_some(())
    });
    eventually("ben has found ana's home node", || {
        let status = ben.status().done();
        (status["peers"].as_array().map(Vec::len) >= Some(2)).then_some(())
    });
    ben.stop();
    say(&ana, &texts("ana"));
    held(&ana);
    ana.stop();
    ben.start();
    ben.reads("Canaryhome/general", &texts("ana"));
    say(&ben, &texts("ben"));
    held(&ben);
    ben.stop();
    // It forgets nothing over a restart.
    home.peer.stop();
    home.peer.start();
    ana.start();
    ana.reads("Canaryhome/general", &[texts("ana"), texts("ben")].concat());
    page_and_figures(&mut home, port);
    nothing_to_read(home, ana);
}

/// A TCP port that nobody uses at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn page_and_figures(home: &mut Home, port: u16) {
    let status = home.peer.status().done();
    for way in ["bytes_in", "bytes_out"] {
        assert!(status[way].as_u64() > Some(1_000), "{status}");
    }
    // The page's port is another one after the restart.
    home.peer.stop();
    let folder = home.peer.folder().to_owned();
    *home = Home::started(folder.parent().unwrap(), port);
    let page = home.get("/", &home.page);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'"));
    assert!(page.contains("It keeps ciphertext for account") && !page.contains("<svg"));
    for canary in CANARIES {
        assert!(!page.contains(canary), "{canary} on the page");
    }
    let figures = home.get("/metrics", &home.page);
    for name in [
        "kept_bytes",
        "bytes_in_total",
        "bytes_out_total",
        "quota_bytes 21474836480",
        "community_events{community=",
    ] {
        assert!(
            figures.contains(&format!("alloquy_home_{name}")),
            "{figures}"
        );
    }
    let other = home.get("/", "evil.example");
    assert!(other.starts_with("HTTP/1.1 421"), "{other}");
    let missing = home.get("/etc/passwd", &home.page);
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
    assert_eq!(home.peer.refused("home pair 7-anchor"), "parse");
}

/// The store, opened with its own key, and every other file of the home node hold no text and no name.
fn nothing_to_read(home: Home, mut ana: Peer) {
    let holds = |bytes: &[u8], canary: &str| {
        bytes
            .windows(canary.len())
            .any(|part| part == canary.as_bytes())
    };
    let mut peer = home.peer;
    peer.stop();
    let records = raw(peer.folder());
    assert!(records.len() > 20_000, "{} B of records", records.len());
    for entry in std::fs::read_dir(peer.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for canary in CANARIES {
                assert!(!holds(&bytes, canary), "{canary} in {}", path.display());
            }
        }
    }
    for canary in CANARIES {
        assert!(!holds(&records, canary), "{canary} in the store");
    }
    // The same search finds what a member's store holds.
    ana.stop();
    assert!(holds(&raw(ana.folder()), "Canarina-Ana"));
}

/// Every record of a store, opened by its own key, key and value in a row.
fn raw(folder: &Path) -> Vec<u8> {
    records(folder)
        .into_iter()
        .flat_map(|(key, value)| [key, value].concat())
        .collect()
}

/// Every record of a store, opened by its own key.
pub(crate) fn records(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let dir = DataDir::new(folder);
    let lock = DirLock::acquire(&dir).unwrap();
    let source = KeySource {
        passphrase: None,
        keychain: false,
    };
    let unlocked = vault::unlock(&dir, &source).unwrap();
    let opened = Store::open(&dir, lock, &unlocked.key).unwrap();
    let records = opened.records.iter();
    records
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

#[test]
fn arguments_of_a_home_node_that_can_not_be_are_refused() {
    let root = tempdir().unwrap();
    let data = root.path().join("home");
    let data = data.to_str().unwrap();
    let outside = run_node(["run", "--data", data, "--home", "--page", "0.0.0.0:9180"]);
    assert_eq!(outside.code, Some(2), "{}", outside.stderr);
    assert!(
        outside.stderr.contains("this machine only"),
        "{}",
        outside.stderr
    );
    for arguments in [["--quota", "5"], ["--page", "127.0.0.1:0"]] {
        let run = ["run", "--data", data].into_iter().chain(arguments);
        let refused = run_node(run);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("--home"), "{}", refused.stderr);
    }
    let none = run_node(["run", "--data", data, "--home", "--quota", "0"]);
    assert_eq!(none.code, Some(2), "{}", none.stderr);
}
