//! `alloquy.chat/e2ee`: a client with a device of its own takes part through the bridge of a rendezvous, which carries,
//! keeps and serves ciphertext alone.

use std::path::Path;

use alloquy_tests::irc::{E2ee, Ear};
use alloquy_tests::{Peer, Rendezvous, eventually, run_node};
use tempfile::tempdir;

use crate::home::{held_in, keeps, records};
use crate::irc_bridge::PASSWORD;

/// What is said and named, and must be neither on the line nor with the bridge.
const CANARIES: [&str; 4] = [
    "yellow-canary-text",
    "Canaryclub",
    "canary-roost",
    "Canarina-Cleo",
];
const ROOM: &str = "Canaryclub/canary-roost";

/// What both sides of each stream begin with. It stands nowhere as such: lines hold it as base64url.
const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";

/// The first byte of a record's key that holds a key of messages: one byte of kind and 32 of the key itself.
const EPOCH: u8 = 0x11;

fn holds(bytes: &[u8], canary: &[u8]) -> bool {
    let mut parts = bytes.windows(canary.len());
    parts.any(|part| part == canary)
}

/// Keys of messages that a device holds.
fn keys(folder: &Path) -> Vec<Vec<u8>> {
    let records = records(folder).into_iter();
    let keys = records.filter(|(key, value)| key[0] == EPOCH && value.len() == 33);
    keys.map(|(_, value)| value[1..].to_vec()).collect()
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
            } else if path.is_file() {
                found.extend(std::fs::read(&path).unwrap());
            }
        }
        if folder.join("store.redb").exists() {
            let records = records(&folder).into_iter();
            found.extend(records.flat_map(|(key, value)| [key, value].concat()));
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
        for (who, peer, other) in [("ben", &ben, &cleo.peer), ("cleo", &cleo.peer, &ben)] {
            let text = format!("{who} {number} yellow-canary-text");
            peer.line(&format!("send {ROOM} \"{text}\""));
            texts.push(text);
            other.reads(ROOM, &texts);
        }
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
    let cleo = rendezvous_stops(&mut rendezvous, cleo);
    rendezvous.restart();
    let cleo = E2ee::start(&ear.address, "cleo", PASSWORD, cleo);
    cleo.peer
        .line(&format!("send {ROOM} \"cleo last yellow-canary-text\""));
    texts.push("cleo last yellow-canary-text".to_owned());
    cleo.peer.reads(ROOM, &texts);
    held_in(&cleo.peer, ROOM);
    let cleo = cleo.stop();
    // And to him who comes when its owner is gone.
    ben.start();
    ben.reads(ROOM, &texts);
    ben.stop();

    rendezvous.stop();
    let (kept, heard) = (all_of(&rendezvous.data()), ear.heard());
    for canary in CANARIES.map(str::as_bytes) {
        let canary_text = String::from_utf8_lossy(canary);
        assert!(!holds(&kept, canary), "{canary_text} is kept by the bridge");
        assert!(!holds(&heard, canary), "{canary_text} went over the line");
    }
    let own = keys(cleo.folder());
    assert!(!own.is_empty());
    for key in own {
        assert!(!holds(&kept, &key), "a key is kept by the bridge");
        assert!(!holds(&heard, &key), "a key went over the line");
    }
    // The same search finds what is there: the ciphertext's community, a name, and keys of the account that is the
    // bridge's own.
    let joined = records(cleo.folder()).into_iter();
    let club = joined.map(|(key, _)| key).find(|key| key[0] == EPOCH);
    assert!(club.is_some_and(|key| holds(&kept, &key[1..33])));
    assert!(holds(&kept, b"irc.example.org"));
    let accounts = rendezvous.data().join("accounts").join("1");
    let bridges = keys(&accounts);
    assert!(!bridges.is_empty() && bridges.iter().all(|key| holds(&kept, key)));
    assert!(holds(&heard, PASSWORD.as_bytes()) && holds(&heard, GREETING));
}

#[test]
fn a_bridge_that_leads_to_public_places_alone_says_so() {
    let root = tempdir().unwrap();
    let folder = root.path().join("r");
    let mut rendezvous = Rendezvous::start_with(&folder, "e2ee = \"public\"\n");
    rendezvous.register("cleo", PASSWORD);
    let ben = Peer::started(root.path(), "ben");
    ben.line("create-community Club");
    let join = format!("join {}", ben.invite("Club"));
    let cleo = Peer::init(root.path(), "Cleo");
    let cleo = E2ee::start(&rendezvous.plain, "cleo", PASSWORD, cleo);
    // The home node may be reached, Ben's place on this machine may not.
    eventually("the home node is paired with and reached", || {
        let homes = cleo.peer.line("home");
        (homes["homes"][0]["connected"] == true).then_some(())
    });
    let (data, wait) = (cleo.peer.folder().display().to_string(), "10");
    let refused = run_node(["do", "--data", &data, "--json", "--wait", wait, &join]);
    assert_eq!(refused.told().error(), "timeout");
    // A node is told nothing of that but that nobody is there; the line says why.
    let listen = ben.status().done()["listen"].to_string();
    let port = listen.split("/ip4/127.0.0.1/tcp/").nth(1);
    let port = port.and_then(|rest| rest.split('/').next()).unwrap();
    let mut line = rendezvous.client("cleo", PASSWORD, "message-tags alloquy.chat/e2ee");
    line.say(&format!("E2EE OPEN 1 127.0.0.1:{port}"));
    let why = line.hears("E2EE CLOSE 1 ");
    assert!(why.contains("is no public address"), "{why}");
    drop(line);
    let peer = rendezvous_stops(&mut rendezvous, cleo);
    // Nothing but the rendezvous' settings is another: that was the reason.
    let settings = folder.join("rendezvous.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let any = text.replace("e2ee = \"public\"", "e2ee = \"any\"");
    assert_ne!(any, text);
    std::fs::write(&settings, any).unwrap();
    rendezvous.restart();
    let cleo = E2ee::start(&rendezvous.plain, "cleo", PASSWORD, peer);
    cleo.peer.line(&join);
}

#[test]
fn a_home_node_that_somebody_else_has_paired_with_is_none() {
    let root = tempdir().unwrap();
    let rendezvous = Rendezvous::start_with(&root.path().join("r"), "e2ee = \"public\"\n");
    rendezvous.register("cleo", PASSWORD);
    let eve = Peer::init(root.path(), "Eve");
    drop(E2ee::start(&rendezvous.plain, "cleo", PASSWORD, eve).stop());
    let cleo = Peer::init(root.path(), "Cleo");
    let told = E2ee::refused(&rendezvous.plain, "cleo", PASSWORD, &cleo);
    assert!(told.contains("belongs to somebody else"), "{told}");
}

/// Ends a rendezvous, and with it the line of a client.
fn rendezvous_stops(rendezvous: &mut Rendezvous, client: E2ee) -> Peer {
    rendezvous.stop();
    let folder = client.peer.folder().to_owned();
    client.ends();
    Peer::at(&folder)
}
