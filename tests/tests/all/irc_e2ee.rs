//! `alloquy.chat/e2ee`: a client with a device of its own takes part through the bridge of a rendezvous, which carries,
//! keeps and serves ciphertext alone.

use std::path::Path;

use alloquy_tests::irc::{E2ee, Ear};
use alloquy_tests::{Peer, Rendezvous, eventually};
use tempfile::tempdir;

use crate::home::{held_in, keeps, raw};
use crate::irc_bridge::PASSWORD;

/// What is said and named, and must be neither on the line nor with the bridge.
const CANARIES: [&str; 4] = [
    "yellow-canary-text",
    "Canaryclub",
    "canary-roost",
    "Canarina-Cleo",
];
/// What is said to the bridge in clear, to know that the search finds what is there.
const CONTROL: &str = "canary-in-the-lobby";
const ROOM: &str = "Canaryclub/canary-roost";

fn holds(bytes: &[u8], canary: &str) -> bool {
    let mut parts = bytes.windows(canary.len());
    parts.any(|part| part == canary.as_bytes())
}

/// Every record of every store in a folder, opened by its own key, and every file as it is.
fn all_of(folder: &Path) -> Vec<u8> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            if path.is_file() {
                found.extend(std::fs::read(&path).unwrap());
            }
        }
        if folder.join("store.redb").exists() {
            found.extend(raw(&folder));
        }
    }
    found
}

#[test]
fn a_client_with_a_device_of_its_own_talks_through_a_bridge_that_can_read_nothing() {
    let root = tempdir().unwrap();
    let mut rendezvous = Rendezvous::start_with(&root.path().join("r"), "e2ee = \"any\"\n");
    rendezvous.register("cleo", PASSWORD);
    let ear = Ear::before(&rendezvous.plain);
    let mut ben = Peer::started(root.path(), "ben");
    ben.line("create-community Canaryclub");
    ben.line("create-channel Canaryclub text canary-roost");
    ben.line(&format!("send {ROOM} \"before: yellow-canary-text\""));
    let cleo = Peer::init(root.path(), "Canarina-Cleo");
    let cleo = E2ee::start(&ear.address, "cleo", PASSWORD, cleo);

    // The community was never shown to the bridge: all of it goes over the line, to Ben himself.
    let link = ben.invite("Canaryclub");
    cleo.peer.line(&format!("join {link}"));
    let mut texts = vec!["before: yellow-canary-text".to_owned()];
    cleo.peer.reads(ROOM, &texts);
    for number in 0..10 {
        for (who, peer) in [("ben", &ben), ("cleo", &cleo.peer)] {
            let text = format!("{who} {number} yellow-canary-text");
            peer.line(&format!("send {ROOM} \"{text}\""));
            texts.push(text);
        }
        ben.reads(ROOM, &texts);
        cleo.peer.reads(ROOM, &texts);
    }

    // The account's home node, beside the bridge, keeps the history and serves it when nobody else is there.
    cleo.peer.line("home store Canaryclub on");
    let home = Peer::at(&rendezvous.data().join("homes").join("1"));
    keeps(&home, 1);
    let cleo = cleo.stop();
    let away = "while cleo is away: yellow-canary-text".to_owned();
    ben.line(&format!("send {ROOM} \"{away}\""));
    texts.push(away);
    held_in(&ben, ROOM);
    ben.stop();
    let cleo = E2ee::start(&ear.address, "cleo", PASSWORD, cleo);
    cleo.peer.reads(ROOM, &texts);

    // A restart of the rendezvous ends the line, and brings the home node back by itself.
    rendezvous.stop();
    let folder = cleo.peer.folder().to_owned();
    cleo.ends();
    rendezvous.restart();
    let cleo = E2ee::start(&ear.address, "cleo", PASSWORD, Peer::at(&folder));
    cleo.peer.line(&format!("send {ROOM} \"cleo last yellow-canary-text\""));
    texts.push("cleo last yellow-canary-text".to_owned());
    held_in(&cleo.peer, ROOM);
    let cleo = cleo.stop();
    ben.start();
    ben.reads(ROOM, &texts);
    ben.stop();

    let mut irc = rendezvous.client("cleo", PASSWORD, "echo-message");
    irc.say("JOIN #lobby");
    irc.hears(" 366 ");
    irc.say(&format!("PRIVMSG #lobby :{CONTROL}"));
    irc.hears(CONTROL);
    rendezvous.stop();
    let (kept, heard) = (all_of(&rendezvous.data()), ear.heard());
    for canary in CANARIES {
        assert!(!holds(&kept, canary), "{canary} is kept by the bridge");
        assert!(!holds(&heard, canary), "{canary} was said on the line");
    }
    // The same search finds what is there.
    assert!(holds(&kept, CONTROL));
    assert!(holds(&raw(cleo.folder()), "Canaryclub"));
    assert!(holds(&heard, PASSWORD) && heard.len() > 20_000);
}

#[test]
fn a_bridge_that_leads_to_public_places_alone_says_so() {
    let root = tempdir().unwrap();
    let rendezvous = Rendezvous::start_with(&root.path().join("r"), "e2ee = \"public\"\n");
    rendezvous.register("cleo", PASSWORD);
    let ben = Peer::started(root.path(), "ben");
    ben.line("create-community Club");
    let cleo = Peer::init(root.path(), "Cleo");
    let cleo = E2ee::start(&rendezvous.plain, "cleo", PASSWORD, cleo);
    // The home node may be reached, Ben's place on this machine may not.
    let home = Peer::at(&rendezvous.data().join("homes").join("1"));
    eventually("the home node is paired with", || {
        let homes = cleo.peer.line("home").to_string();
        homes.contains("\"device\"").then_some(())
    });
    assert!(home.status().code == Some(0));
    let told = cleo.peer.tell(&format!("join {}", ben.invite("Club")));
    assert_ne!(told.code, Some(0), "{}", told.value);
}
