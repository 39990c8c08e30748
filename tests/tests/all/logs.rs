//! What a node logs at its most talkative: where it may be asked for in a report of a fault, it tells nothing that was
//! said, no name and no secret.

use std::fmt::Write;
use std::path::Path;

use alloquy_tests::Peer;
use tempfile::tempdir;

/// What is said and named, and must not be seen. Long enough that chance does not make them.
const CANARIES: [&str; 7] = [
    "yellow-canary-message",
    "canary-edit-plumage",
    "canary-in-private",
    "canary-status-line",
    "canarybirds",
    "canary-roost",
    "canarina",
];

/// A node that logs everything into a file beside its data.
fn talkative(root: &Path, name: &str) -> Peer {
    let peer = Peer::init(root, name);
    let log = log_of(&peer);
    let script = format!(
        "ALLOQUY_LOG=trace exec \"$0\" \"$@\" 2>>'{}'",
        log.display()
    );
    let mut peer = peer.behind(&["sh", "-c", &script]);
    peer.start();
    peer
}

fn log_of(peer: &Peer) -> std::path::PathBuf {
    peer.folder().with_extension("log")
}

/// How bytes look that were logged as a list of numbers.
fn as_numbers(text: &str) -> String {
    let mut list = String::new();
    for byte in text.bytes() {
        write!(list, "{byte}, ").expect("a String takes it");
    }
    list.trim_end_matches(", ").to_owned()
}

#[test]
fn the_whole_log_of_a_node_tells_nothing_that_was_said_and_no_secret() {
    let root = tempdir().unwrap();
    let [mut ana, mut ben] = ["canarina", "ben"].map(|name| talkative(root.path(), name));
    ana.line("create-community canarybirds");
    ana.line("create-channel canarybirds text canary-roost");
    let invite = ana.invite("canarybirds");
    ben.line(&format!("join {invite}"));
    let room = "canarybirds/canary-roost";
    let sent = ana.line(&format!("send {room} yellow-canary-message"));
    ben.reads(room, &["yellow-canary-message".to_owned()]);
    let message = sent["message"].as_str().unwrap();
    ana.line(&format!("edit {message} canary-edit-plumage"));
    ana.line("profile status canary-status-line");
    ana.line("send @ben canary-in-private");
    ben.reads(room, &["canary-edit-plumage".to_owned()]);
    // Its store is read again, and what it missed is caught up with.
    ben.stop();
    ana.line(&format!("send {room} yellow-canary-message"));
    ben.start();
    ben.reads(
        room,
        &[
            "canary-edit-plumage".to_owned(),
            "yellow-canary-message".to_owned(),
        ],
    );
    // What is not understood is named to who typed it, and to nobody else.
    for line in [
        "send canarybirds/canary-roost-2 yellow-canary-message",
        "join alloquy://join/canarina",
    ] {
        assert_ne!(ana.tell(line).code, Some(0), "{line}");
    }
    let contact = ana.line("contact link")["contact"].clone();
    let link = ana.line("device link")["link"].clone();
    let mut hidden: Vec<String> = CANARIES.map(str::to_owned).into();
    hidden.extend(CANARIES.map(as_numbers));
    hidden.push(invite);
    hidden.extend([contact, link].map(|link| link.as_str().expect("a link").to_owned()));
    ana.stop();
    ben.stop();
    for peer in [&ana, &ben] {
        let log = std::fs::read(log_of(peer)).unwrap();
        let log = String::from_utf8_lossy(&log);
        assert!(log.contains("TRACE"), "everything is logged");
        for canary in &hidden {
            let line = log.lines().find(|line| line.contains(canary.as_str()));
            assert_eq!(line, None, "{canary} is logged");
        }
    }
}
