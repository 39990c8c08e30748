//! Communities between real processes: joining by link, talking, being away, partitions.

use std::collections::BTreeMap;
use std::path::Path;

use alloquy_tests::{Peer, eventually};
use serde_json::Value;
use tempfile::tempdir;

/// A community `Home` with the channel `general` and these members; the first founded it.
fn community<const N: usize>(root: &Path, names: [&str; N]) -> [Peer; N] {
    members(names.map(|name| Peer::started(root, name)))
}

/// The same of peers that run already.
fn members<const N: usize>(peers: [Peer; N]) -> [Peer; N] {
    peers[0].line("create-community Home");
    peers[0].line("create-channel Home text general");
    for peer in &peers[1..] {
        let link = peers[0].invite("Home");
        peer.line(&format!("join {link}"));
    }
    peers
}

/// A UDP port that nobody uses at this moment.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn texts(prefix: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix} {number}")).collect()
}

fn say(peer: &Peer, texts: &[String]) {
    for text in texts {
        peer.line(&format!("send Home/general \"{text}\""));
    }
}

fn names(peer: &Peer) -> BTreeMap<String, bool> {
    let members = peer.line("members Home");
    members["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| {
            (
                member["name"].as_str().unwrap().to_owned(),
                member["online"].as_bool().unwrap(),
            )
        })
        .collect()
}

#[test]
fn two_processes_join_by_link_over_loopback_and_talk() {
    let root = tempdir().unwrap();
    let [ana, ben] = community(root.path(), ["ana", "ben"]);
    // The channel list is here when `join` returns.
    let channels = ben.line("channels Home");
    assert_eq!(channels["channels"][0]["name"], "general", "{channels}");

    say(&ana, &["from Ana".to_owned()]);
    ben.reads("Home/general", &["from Ana".to_owned()]);
    say(&ben, &["from Ben".to_owned()]);
    ana.reads(
        "Home/general",
        &["from Ana".to_owned(), "from Ben".to_owned()],
    );

    let everybody = BTreeMap::from([("ana".to_owned(), true), ("ben".to_owned(), true)]);
    for peer in [&ana, &ben] {
        eventually("both see both online", || {
            (names(peer) == everybody).then_some(())
        });
    }
    delivered(&ana);
    everything_about_a_message(&ana, &ben);
}

fn delivered(ana: &Peer) {
    eventually("the first message is delivered", || {
        let history = ana.line("history Home/general --last 10");
        let delivery = &history["messages"][0]["delivery"];
        (matches!(delivery["state"].as_str(), Some("delivered" | "read"))
            && delivery["holders"].as_u64() >= Some(1))
        .then_some(())
    });
}

/// Edits, replies, reactions and deletions arrive as they were meant.
fn everything_about_a_message(ana: &Peer, ben: &Peer) {
    let sent = ana.line("send Home/general \"frist\"");
    let id = sent["message"].as_str().unwrap();
    ana.line(&format!("edit {id} \"first\""));
    eventually("Ben has the message", || {
        (ben.tell(&format!("react {id} 👋")).code == Some(0)).then_some(())
    });
    let reply = ben.line(&format!("reply {id} \"second\""));
    let reply = reply["message"].as_str().unwrap();
    let shown = |peer: &Peer, id: &str| -> Value {
        let history = peer.line("history Home/general --last 10");
        let messages = history["messages"].as_array().unwrap();
        messages
            .iter()
            .find(|message| message["id"] == id)
            .cloned()
            .unwrap_or_default()
    };
    for peer in [ana, ben] {
        eventually("edit and reaction are here", || {
            let message = shown(peer, id);
            (message["text"] == "first"
                && message["edited"] == true
                && message["reactions"][0]["emoji"] == "👋")
                .then_some(())
        });
        eventually("the reply is here", || {
            (shown(peer, reply)["reply_to"] == id).then_some(())
        });
    }
    assert_eq!(
        ana.refused(&format!("edit {reply} \"not mine\"")),
        "not_permitted"
    );
    ben.line(&format!("delete {reply}"));
    eventually("the deletion is here", || {
        let message = shown(ana, reply);
        (message["deleted"] == true && message["text"] == "").then_some(())
    });
}

#[test]
fn what_was_said_while_the_reader_was_stopped_arrives_once_and_in_order() {
    let root = tempdir().unwrap();
    let [ana, mut ben] = community(root.path(), ["ana", "ben"]);
    say(&ana, &texts("before", 0..1));
    ben.reads("Home/general", &texts("before", 0..1));
    ben.stop();
    say(&ana, &texts("away", 0..20));
    ben.start();
    let all = [texts("before", 0..1), texts("away", 0..20)].concat();
    ben.reads("Home/general", &all);
    // Both restart on other ports; either finds the other again.
    let mut ana = ana;
    ana.stop();
    ana.start();
    say(&ana, &texts("back", 0..1));
    ben.reads("Home/general", &[all, texts("back", 0..1)].concat());
}

#[test]
fn a_third_member_carries_what_two_others_said_when_they_never_met() {
    let root = tempdir().unwrap();
    let [mut ana, ben, mut cyn] = community(root.path(), ["ana", "ben", "cyn"]);
    say(&ana, &texts("ana", 0..3));
    ben.reads("Home/general", &texts("ana", 0..3));
    cyn.stop();
    say(&ana, &texts("more", 0..3));
    ben.reads(
        "Home/general",
        &[texts("ana", 0..3), texts("more", 0..3)].concat(),
    );
    ana.stop();
    cyn.start();
    cyn.reads(
        "Home/general",
        &[texts("ana", 0..3), texts("more", 0..3)].concat(),
    );
}

#[test]
fn three_processes_that_were_apart_merge_to_one_history() {
    let root = tempdir().unwrap();
    // Ports that stay: without mDNS, peers that all moved while apart could not find each other.
    let mut peers = members(["ana", "ben", "cyn"].map(|name| {
        let udp = format!("/ip4/127.0.0.1/udp/{}/quic-v1", free_port());
        let mut peer =
            Peer::init(root.path(), name).with_arguments(&["--no-mdns", "--listen", &udp]);
        peer.start();
        peer
    }));
    say(&peers[0], &texts("start", 0..1));
    for peer in &peers {
        peer.reads("Home/general", &texts("start", 0..1));
    }
    // Apart: each runs alone and writes.
    for turn in 0..peers.len() {
        for peer in &mut peers {
            if peer.child().is_some() {
                peer.stop();
            }
        }
        peers[turn].start();
        say(&peers[turn], &texts(&format!("alone {turn}"), 0..5));
    }
    for (turn, peer) in peers.iter_mut().enumerate() {
        if turn != 2 {
            peer.start();
        }
    }
    let merged = eventually("all three read the same", || {
        let read: Vec<Value> = peers.iter().map(history).collect();
        let complete = read.iter().all(|history| {
            history
                .as_array()
                .is_some_and(|messages| messages.len() == 16)
        });
        (complete && read.windows(2).all(|pair| pair[0] == pair[1])).then(|| read[0].clone())
    });
    let mut all: Vec<&str> = merged
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 16, "each once");
}

/// Ids, authors, texts and times as a replica shows them: what must be equal everywhere.
fn history(peer: &Peer) -> Value {
    let mut history = peer.line("history Home/general --last 100")["messages"].take();
    for message in history.as_array_mut().unwrap() {
        let message = message.as_object_mut().unwrap();
        // Local by their nature: how far it got, and when it came.
        message.remove("delivery");
        message.remove("arrived_later");
    }
    history
}

#[test]
fn moderation_reaches_everybody() {
    let root = tempdir().unwrap();
    let [ana, ben, cyn] = community(root.path(), ["ana", "ben", "cyn"]);
    eventually("Ana sees Cyn", || {
        names(&ana).contains_key("cyn").then_some(())
    });
    assert_eq!(ben.refused("kick Home cyn"), "not_permitted");
    ana.line("ban Home cyn \"enough\"");
    eventually("Ben no longer sees Cyn", || {
        (!names(&ben).contains_key("cyn")).then_some(())
    });
    eventually("Cyn is told", || {
        (cyn.tell("send Home/general \"still here\"").code == Some(1)).then_some(())
    });
    say(&ana, &["without Cyn".to_owned()]);
    ben.reads("Home/general", &["without Cyn".to_owned()]);
    let why = ana.line(&format!("why Home {} send", cyn.account()));
    assert_eq!(why["granted"], false, "{why}");
    assert!(
        !why["operations"].as_array().unwrap().is_empty(),
        "it names what decided: {why}"
    );
}
