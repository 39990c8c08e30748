//! Home nodes as processes, where nobody else is there: first words to a stranger, two home nodes among themselves,
//! and one whose disk is lost.

use alloquy_tests::{Peer, eventually};
use serde_json::Value;
use tempfile::tempdir;

use crate::home::{Home, free_port, keeps, kept};

/// What a home node keeps of a community; `None` before it does.
fn part(home: &Peer, community: &str) -> Option<Value> {
    let mut kept = kept(home).into_iter();
    kept.find(|part| part["community"] == community)
}

fn whole(home: &Peer, community: &str) {
    eventually("the home node keeps all of it", || {
        let part = part(home, community)?;
        let whole = part["lag"] == 0 && part["events"].as_u64() > Some(5);
        whole.then_some(())
    });
}

/// Waits until the newest message that a peer sees is held elsewhere.
fn held(peer: &Peer, channel: &str) {
    eventually("the last message is held by a home node", || {
        let history = peer.line(&format!("history {channel} --last 1"));
        let state = &history["messages"][0]["delivery"]["state"];
        (state == "held" || state == "delivered").then_some(())
    });
}

/// Waits until a home node lacks nothing of a community, nor is the only one that holds something of it.
fn backed(home: &Peer, community: &str) {
    eventually(
        "the home node holds nothing alone, and lacks nothing",
        || {
            let part = part(home, community)?;
            (part["alone"] == 0 && part["lag"] == 0).then_some(())
        },
    );
}

fn sees(peer: &Peer, channel: &str, text: &str) {
    eventually("a message is read", || {
        // Of a device that has just come the community may not be there yet.
        let history = peer.tell(&format!("history {channel} --last 50")).value;
        let messages = history["messages"].as_array()?.clone();
        let mut texts = messages.iter();
        texts.any(|message| message["text"] == text).then_some(())
    });
}

#[test]
fn who_has_a_contact_link_alone_writes_to_somebody_who_is_away() {
    let root = tempdir().unwrap();
    let mut ana = Peer::started(root.path(), "ana");
    let mut ben = Peer::started(root.path(), "ben");
    let mut home = Home::named(root.path(), "home", free_port());
    ben.line(&format!("home pair {}", home.link()));
    let contact = ben.line("contact link")["contact"].clone();
    let contact = contact.as_str().unwrap().to_owned();
    ben.stop();
    let added = ana.line(&format!("contact add {contact}"));
    let direct = added["direct"].as_str().unwrap().to_owned();
    ana.line("send @ben \"I have your link from the wall\"");
    eventually("the home node keeps the letter", || {
        let status = home.peer.line("home status");
        (status["home"]["letters"] == 1).then_some(())
    });
    ana.stop();
    ben.start();
    let asked = eventually("ben is shown the request", || {
        let requests = ben.line("dm requests");
        requests["dm_requests"].as_array()?.first().cloned()
    });
    assert_eq!(asked["name"], "ana");
    assert_eq!(asked["text"], "I have your link from the wall");
    ben.line("dm accept ana");
    ben.line("send @ana \"come in\"");
    held(&ben, "@ana");
    backed(&home.peer, &direct);
    ben.stop();
    ana.start();
    sees(&ana, "@ben", "come in");
    ana.line("send @ben \"here I am\"");
    held(&ana, "@ben");
    // The key of her first words comes to the home node with the comparison, a moment after the words themselves.
    backed(&home.peer, &direct);
    ana.stop();
    ben.start();
    sees(&ben, "@ana", "I have your link from the wall");
    sees(&ben, "@ana", "here I am");
    let status = home.peer.line("home status");
    assert_eq!(status["home"]["letters"], 0);
}

#[test]
fn two_home_nodes_carry_messages_between_people_who_never_meet() {
    let root = tempdir().unwrap();
    let mut ana = Peer::started(root.path(), "ana");
    let mut ben = Peer::started(root.path(), "ben");
    let id = ana.line("create-community circle")["community"].clone();
    let id = id.as_str().unwrap().to_owned();
    ana.line("create-channel circle text general");
    ben.line(&format!("join {}", ana.invite("circle")));
    let mut of_ana = Home::named(root.path(), "home-of-ana", free_port());
    let mut of_ben = Home::named(root.path(), "home-of-ben", free_port());
    for (owner, home) in [(&ana, &mut of_ana), (&ben, &mut of_ben)] {
        owner.line(&format!("home pair {}", home.link()));
        owner.line("home store circle on");
        whole(&home.peer, &id);
    }
    eventually("the home nodes know each other", || {
        let peers = of_ana.peer.line("home status")["home"]["peers"].as_u64();
        (peers >= Some(3)).then_some(())
    });
    ben.stop();
    of_ben.peer.stop();
    let texts: Vec<_> = (0..20).map(|n| format!("ana {n}")).collect();
    for text in &texts {
        ana.line(&format!("send circle/general \"{text}\""));
    }
    held(&ana, "circle/general");
    ana.stop();
    // Only the two home nodes are there.
    of_ben.peer.start();
    eventually("ben's home node has what ana's has", || {
        let [one, other] = [&of_ana, &of_ben].map(|home| part(&home.peer, &id));
        (one?["events"] == other?["events"]).then_some(())
    });
    of_ana.peer.stop();
    ben.start();
    ben.reads("circle/general", &texts);
}

#[test]
fn a_home_node_whose_disk_is_lost_is_filled_again_by_members() {
    let root = tempdir().unwrap();
    let mut ana = Peer::started(root.path(), "ana");
    let mut ben = Peer::started(root.path(), "ben");
    let id = ana.line("create-community circle")["community"].clone();
    let id = id.as_str().unwrap().to_owned();
    ana.line("create-channel circle text general");
    ben.line(&format!("join {}", ana.invite("circle")));
    let mut home = Home::named(root.path(), "home", free_port());
    ana.line(&format!("home pair {}", home.link()));
    ana.line("home store circle on");
    let texts: Vec<_> = (0..20).map(|n| format!("ana {n}")).collect();
    for text in &texts {
        ana.line(&format!("send circle/general \"{text}\""));
    }
    held(&ana, "circle/general");
    whole(&home.peer, &id);
    let before = part(&home.peer, &id).unwrap()["events"].as_u64();
    let device = home.peer.line("home status")["home"]["device"].clone();
    home.peer.stop();
    std::fs::remove_dir_all(home.peer.folder()).unwrap();
    ana.line(&format!("home remove {}", device.as_str().unwrap()));
    let mut home = Home::named(root.path(), "home", free_port());
    ana.line(&format!("home pair {}", home.link()));
    eventually("it keeps at least what the lost one kept", || {
        let part = part(&home.peer, &id)?;
        (part["events"].as_u64() >= before && part["lag"] == 0).then_some(())
    });
    eventually("ben has come to it", || {
        let peers = home.peer.line("home status")["home"]["peers"].as_u64();
        (peers >= Some(2)).then_some(())
    });
    // A member who was away meanwhile has all of it by the new one alone.
    ben.stop();
    ana.line("send circle/general \"after the loss\"");
    eventually("the new home node is behind in nothing", || {
        let homes = ana.line("home");
        let mut homes = homes["homes"].as_array()?.iter();
        homes.any(|home| home["behind"] == 0).then_some(())
    });
    held(&ana, "circle/general");
    ana.stop();
    ben.start();
    let mut all = texts.clone();
    all.push("after the loss".to_owned());
    ben.reads("circle/general", &all);
}

/// What a peer reads of a channel, whatever its order.
fn reads_all(peer: &Peer, channel: &str, texts: &[&str]) {
    for text in texts {
        sees(peer, channel, text);
    }
    let read = peer.texts(channel, 50);
    assert_eq!(read.len(), texts.len(), "{channel}: {read:?}");
}

#[test]
fn the_words_and_the_home_node_alone_bring_everything_back_and_both_directions_are_read() {
    let root = tempdir().unwrap();
    let mut ana = Peer::at(&root.path().join("ana"));
    let made = ana.init_with(&["--name", "ana"], "").done();
    let words = made["recovery"].as_str().unwrap().to_owned();
    ana.start();
    let account = ana.account();
    let mut ben = Peer::started(root.path(), "ben");
    ana.line("create-community club");
    ana.line("create-channel club text general");
    ana.line("role create club elder --allow kick,ban");
    ben.line(&format!("join {}", ana.invite("club")));
    ana.line(&format!("role grant club elder {}", ben.account()));
    let mut home = Home::started(root.path(), free_port());
    ana.line(&format!("home pair {}", home.link()));
    ana.line("home store club on");
    ana.line("send @me \"for myself\"");
    let direct = ana.line("dm ben")["channel"].as_str().unwrap().to_owned();
    ana.line(&format!("send {direct} \"between us\""));
    eventually("ben is asked", || {
        let asked = ben.line("dm requests")["dm_requests"].clone();
        (!asked.as_array()?.is_empty()).then_some(())
    });
    ben.line("dm accept ana");
    sees(&ben, &direct, "between us");
    ben.line(&format!("send {direct} \"I am here\""));
    ben.line("send club/general \"from ben\"");
    sees(&ana, &direct, "I am here");
    ana.line(&format!("send {direct} good"));
    let link = ana.line("device link")["link"].as_str().unwrap().to_owned();
    let mut phone = Peer::at(&root.path().join("phone"));
    phone
        .init_with(&["--link", &link, "--name", "phone"], "")
        .done();
    phone.start();
    sees(&phone, "club/general", "from ben");
    phone.line("send club/general \"from the phone\"");
    sees(&ana, "club/general", "from the phone");
    held(&phone, "club/general");
    for channel in ["@me", &direct] {
        held(&ana, channel);
    }
    keeps(&home.peer, 3);
    ben.stop();
    for mut device in [ana, phone] {
        device.kill();
        std::fs::remove_dir_all(device.folder()).unwrap();
    }

    // Nobody but the home node is there.
    let status = home.peer.status().done();
    let listen = status["listen"].as_array().unwrap().clone();
    let listen = listen.iter().filter_map(Value::as_str);
    let tcp = listen.into_iter().find(|address| address.contains("/tcp/"));
    let from = tcp.expect("the home node listens").to_owned();
    let mut back = Peer::at(&root.path().join("back"));
    let arguments = ["--restore", "--from", &from, "--revoke-others"];
    let made = back.init_with(&arguments, &format!("{words}\n")).done();
    assert_eq!(made["account"], account, "{made}");
    back.start();
    reads_all(&back, "club/general", &["from ben", "from the phone"]);
    reads_all(&back, &direct, &["between us", "I am here", "good"]);
    reads_all(&back, "@me", &["for myself"]);
    let roles = back.line("roles club").to_string();
    assert!(roles.contains("elder"), "{roles}");
    let devices = back.line("devices")["devices"].clone();
    let acting = devices.as_array().unwrap().iter();
    let acting = acting.filter(|device| device["state"] == "active").count();
    assert_eq!(acting, 1, "{devices}");
    // What the account may do it does: it is the owner, and writes.
    back.line("create-channel club text again");
    back.line("send club/again \"I am back\"");
    back.line(&format!("send {direct} \"it is me\""));
    back.line("send @me \"still mine\"");

    ben.start();
    sees(&ben, "club/again", "I am back");
    reads_all(
        &ben,
        &direct,
        &["between us", "I am here", "good", "it is me"],
    );
    ben.line(&format!("send {direct} welcome"));
    ben.line("send club/again \"well met\"");
    let all = ["between us", "I am here", "good", "it is me", "welcome"];
    reads_all(&back, &direct, &all);
    reads_all(&back, "club/again", &["I am back", "well met"]);
    reads_all(&back, "@me", &["for myself", "still mine"]);
}
