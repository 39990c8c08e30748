//! Communities of native peers that a rendezvous was let into: its accounts come in by a channel's name, are members
//! like any other, and nobody hears a line twice or misses one.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use alloquy_tests::irc::Irc;
use alloquy_tests::{Peer, Rendezvous, eventually};
use tempfile::tempdir;

use crate::devices::blank;

pub(crate) const PASSWORD: &str = "correct-horse";
const CAPS: &str = "message-tags server-time batch labeled-response echo-message standard-replies draft/chathistory \
                    draft/message-redaction soju.im/bouncer-networks sasl";
pub(crate) const ROOM: &str = "Club/general";

/// A rendezvous, and Ben's community `Club` with the channel `general`, which let it in.
pub(crate) fn bridged(root: &Path) -> (Rendezvous, Peer) {
    let ben = Peer::started(root, "ben");
    ben.line("create-community Club");
    ben.line("create-channel Club text general");
    let rendezvous = Rendezvous::start(&root.join("rendezvous"));
    rendezvous.let_in(&ben, "Club");
    (rendezvous, ben)
}

/// Waits until a native peer has read a text.
pub(crate) fn reads(peer: &Peer, room: &str, text: &str) {
    eventually(&format!("{text:?} arrives"), || {
        let told = peer.tell(&format!("history {room} --last 30"));
        let messages = told.value["messages"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut texts = messages
            .iter()
            .filter_map(|message| message["text"].as_str());
        texts.any(|found| found.contains(text)).then_some(())
    });
}

fn join(irc: &mut Irc, room: &str) {
    irc.say(&format!("JOIN {room}"));
    irc.hears(" 366 ");
}

/// The `msgid` of a line.
fn id(line: &str) -> &str {
    let (_, rest) = line.split_once("msgid=").expect("the line has an id");
    rest.split([';', ' ']).next().expect("there is a first")
}

#[test]
fn an_account_joins_a_community_by_its_channels_name_and_talks_with_native_peers() {
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    ben.line("create-channel Club text staff --private");
    ben.line("send Club/general \"before\"");
    rendezvous.register("ana", PASSWORD);
    let mut ana = rendezvous.client("ana", PASSWORD, CAPS);
    join(&mut ana, "#club/general");
    ana.say("CHATHISTORY LATEST #club/general * 10");
    ana.hears("before");
    ana.say("PRIVMSG #club/general :hello from IRC");
    reads(&ben, ROOM, "hello from IRC");
    ben.line("send Club/general \"hello from a native peer\"");
    let line = ana.hears("hello from a native peer");
    assert!(line.contains(" :ben!"), "{line}");
    // One member like any other, by her own key.
    let members = ben.line("members Club").to_string();
    assert!(
        members.contains(&rendezvous.node_of(1).account()),
        "{members}"
    );
    // What is not for everyone is not there, nor is what never was; neither makes anybody a member.
    rendezvous.register("cleo", PASSWORD);
    let mut cleo = rendezvous.client("cleo", PASSWORD, CAPS);
    for room in ["#club/staff", "#club/nothing", "#nowhere/general"] {
        cleo.say(&format!("JOIN {room}"));
        let told = cleo.hears(room);
        assert!(
            told.contains(" 403 ") && told.ends_with(":No such channel"),
            "{told}"
        );
    }
    ana.say("JOIN #club/staff");
    ana.hears(" 403 ana #club/staff :No such channel");
    let cleos = rendezvous.node_of(2).account();
    assert!(!ben.line("members Club").to_string().contains(&cleos));
    // A guest has no account that a community could know.
    let mut guest = Irc::connect(&rendezvous.plain);
    guest.say("NICK visitor");
    guest.say("USER v 0 * :v");
    guest.hears(" 376 ");
    guest.say("JOIN #club/general");
    guest.hears(" 477 visitor #club/general ");
}

#[test]
fn what_an_account_may_do_is_the_communitys_to_say() {
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("ana", PASSWORD);
    let mut ana = rendezvous.client("ana", PASSWORD, CAPS);
    join(&mut ana, "#club/general");
    let account = rendezvous.node_of(1).account();
    ana.say("TOPIC #club/general :mine now");
    ana.hears(" 482 ");
    ben.line("role create Club Keepers --allow manage-channels,kick");
    ben.line(&format!("role grant Club Keepers {account}"));
    ana.hears("MODE #club/general +o ana");
    ana.say("TOPIC #club/general :mine now");
    eventually("the topic is hers", || {
        let channels = ben.line("channels Club").to_string();
        channels.contains("mine now").then_some(())
    });
    ben.line(&format!("timeout Club {account} 1h"));
    eventually("she may not write any more", || {
        ana.say("PRIVMSG #club/general :still here");
        ana.say("PING done");
        let told = ana.until(" PONG ");
        told.iter().any(|line| line.contains(" 404 ")).then_some(())
    });
}

/// Whoever runs the rendezvous gives the person a link; what the account is and has read goes along.
#[test]
fn an_account_moves_into_the_app_with_its_roles_and_history() {
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("ana", PASSWORD);
    let mut ana = rendezvous.client("ana", PASSWORD, CAPS);
    join(&mut ana, "#club/general");
    ana.say("PRIVMSG #club/general :said over IRC");
    reads(&ben, ROOM, "said over IRC");
    let there = rendezvous.node_of(1);
    let account = there.account();
    ben.line("role create Club Keepers --allow manage-channels");
    ben.line(&format!("role grant Club Keepers {account}"));
    let link = there.line("device link")["link"].clone();
    let mut app = blank(root.path(), "app");
    let made = app.init_with(&["--link", link.as_str().unwrap(), "--name", "app"], "");
    assert_eq!(made.code, Some(0), "{}", made.value);
    app.start();
    assert_eq!(app.account(), account);
    reads(&app, ROOM, "said over IRC");
    // The role came along, and what is said in the app is said by the same member.
    eventually("the role is there", || {
        let told = app.tell("create-channel Club text annex");
        (told.code == Some(0)).then_some(())
    });
    app.line("send Club/general \"from the app\"");
    let line = ana.hears("from the app");
    assert!(line.contains(":ana!"), "{line}");
    // The rendezvous is let in no longer.
    let devices = there.line("devices")["devices"].clone();
    let own = devices
        .as_array()
        .unwrap()
        .iter()
        .find(|device| device["this"] == true);
    let own = own.unwrap()["device"].as_str().unwrap();
    app.line(&format!("device revoke {own}"));
    eventually("the rendezvous writes for her no more", || {
        ana.say("PRIVMSG #club/general :still over IRC");
        ana.say("PING done");
        let told = ana.until(" PONG ");
        told.iter().any(|line| line.contains(" 404 ")).then_some(())
    });
}

#[test]
fn a_ban_ends_the_view_at_once_and_keeps_out() {
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("ana", PASSWORD);
    let mut ana = rendezvous.client("ana", PASSWORD, CAPS);
    join(&mut ana, "#club/general");
    let mut bound = Irc::connect(&rendezvous.plain);
    bound.say(&format!("CAP REQ :{CAPS}"));
    bound.say("NICK ana");
    bound.say("USER ana 0 * :ana");
    bound.hears(" ACK ");
    bound.say("AUTHENTICATE PLAIN");
    bound.hears("AUTHENTICATE +");
    bound.say("AUTHENTICATE AGFuYQBjb3JyZWN0LWhvcnNl");
    bound.hears(" 903 ");
    bound.say("BOUNCER BIND club");
    bound.say("CAP END");
    bound.hears(" 376 ");
    join(&mut bound, "#general");
    let account = rendezvous.node_of(1).account();
    let banned = Instant::now();
    ben.line(&format!("ban Club {account} \"enough\""));
    ana.hears("KICK #club/general ana ");
    let kicked = banned.elapsed();
    // To whom the community is the whole network, the connection ends.
    bound.hears("ERROR :Closing link: ");
    bound.ends();
    // Reported, not held to: what else runs on the machine decides it.
    let ended = banned.elapsed();
    writeln!(
        std::io::stderr(),
        "ban to KICK {kicked:?}, to the end {ended:?}"
    )
    .unwrap();
    ana.say("PRIVMSG #club/general :still there?");
    ana.hears(" 403 ");
    eventually("she is kept out", || {
        ana.say("JOIN #club/general");
        ana.say("PING done");
        let told = ana.until(" PONG ");
        let refused = told
            .iter()
            .any(|line| line.contains(" 474 ana #club/general "));
        assert!(!told.iter().any(|line| line.contains(" 366 ")), "{told:?}");
        refused.then_some(())
    });
}

/// A line of the channel as a client of history hears it: its id, its text, and whether it was history.
fn heard(line: &str) -> Option<(String, String, bool)> {
    let (_, text) = line.split_once(" PRIVMSG #club/general ")?;
    let text = text.trim_start_matches(':').to_owned();
    Some((id(line).to_owned(), text, line.contains("batch=")))
}

#[test]
fn a_restart_of_the_bridge_loses_no_line_and_repeats_none() {
    let root = tempdir().unwrap();
    let (mut rendezvous, ben) = bridged(root.path());
    rendezvous.register("ana", PASSWORD);
    let mut sent: Vec<String> = Vec::new();
    let say = |sent: &mut Vec<String>, count: usize| {
        for _ in 0..count {
            let text = format!("line {} of all.", sent.len());
            ben.line(&format!("send Club/general \"{text}\""));
            sent.push(text);
        }
    };
    // Ids told outside of history, over all connections; and all texts in the order in which they were first told.
    let mut live = BTreeSet::new();
    let mut all: Vec<(String, String)> = Vec::new();
    let mut take = |lines: &[String], all: &mut Vec<(String, String)>| {
        for (id, text, history) in lines.iter().filter_map(|line| heard(line)) {
            assert!(
                history || live.insert(id.clone()),
                "{text:?} was told twice"
            );
            if all.iter().all(|(known, _)| *known != id) {
                all.push((id, text));
            }
        }
    };
    let mut ana = rendezvous.client("ana", PASSWORD, CAPS);
    join(&mut ana, "#club/general");
    for round in 0..3 {
        say(&mut sent, 4);
        let told = ana.until(sent.last().expect("something was sent"));
        take(&told, &mut all);
        // Ended as an operator does it, and as a power cut does it; what is written meanwhile nobody hears.
        match round % 2 {
            0 => rendezvous.stop(),
            _ => rendezvous.kill(),
        }
        let (last, known) = (all.last().expect("it was told").0.clone(), all.len());
        say(&mut sent, 3);
        rendezvous.restart();
        ana = rendezvous.client("ana", PASSWORD, CAPS);
        join(&mut ana, "#club/general");
        // What was missed is history, each line once and none that was told before, as soon as the peers have met.
        let missed = sent[known..].to_vec();
        eventually("all that was missed is there", || {
            ana.say(&format!("CHATHISTORY AFTER #club/general msgid={last} 100"));
            ana.say("PING history");
            let told = ana.until(" PONG ");
            take(&told, &mut all);
            let history = told.iter().filter_map(|line| heard(line));
            let texts: Vec<_> = history.filter(|line| line.2).map(|line| line.1).collect();
            assert!(texts.len() <= missed.len(), "{texts:?}");
            (texts == missed).then_some(())
        });
    }
    let texts: Vec<_> = all.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, sent);
}

#[test]
fn a_restart_repeats_nothing_to_a_client_that_can_not_ask_either() {
    let root = tempdir().unwrap();
    let (mut rendezvous, ben) = bridged(root.path());
    rendezvous.register("ana", PASSWORD);
    let mut sent: Vec<String> = Vec::new();
    let say = |sent: &mut Vec<String>, what: &str| {
        let text = format!("{what} {}.", sent.len());
        ben.line(&format!("send Club/general \"{text}\""));
        sent.push(text.clone());
        text
    };
    let mut told: Vec<String> = Vec::new();
    let mut ana = rendezvous.client("ana", PASSWORD, "server-time");
    join(&mut ana, "#club/general");
    for _ in 0..2 {
        for what in ["heard", "heard too", "heard last"] {
            told.extend(ana.until(&say(&mut sent, what)));
        }
        ana.say("PING heard");
        told.extend(ana.until(" PONG "));
        rendezvous.stop();
        let missed = ["missed", "missed too", "missed last"].map(|what| say(&mut sent, what));
        rendezvous.restart();
        ana = rendezvous.client("ana", PASSWORD, "server-time");
        join(&mut ana, "#club/general");
        told.extend(ana.until(&missed[2]));
    }
    told.extend(ana.until(&say(&mut sent, "the end")));
    for text in &sent {
        let times = told.iter().filter(|line| line.ends_with(text)).count();
        assert_eq!(times, 1, "{text:?}: {told:#?}");
    }
}

/// How many invites a community has that are good.
fn invites(peer: &Peer) -> usize {
    let told = peer.tell("invites Club");
    told.value["invites"].as_array().map_or(0, Vec::len)
}

#[test]
fn who_must_be_let_in_is_told_so_at_once_and_asks_once() {
    let root = tempdir().unwrap();
    let ben = Peer::started(root.path(), "ben");
    ben.line("create-community Club");
    ben.line("create-channel Club text general");
    // Hidden by an overwrite, and not private: nobody is let in to look.
    ben.line("create-channel Club text hidden");
    ben.line("overwrite Club/hidden role everyone --deny view");
    let rendezvous = Rendezvous::start(&root.path().join("rendezvous"));
    rendezvous.let_in(&ben, "Club");
    ben.line("overwrite Club/hidden role Bridge --allow view");
    eventually("the rendezvous sees the hidden channel", || {
        let channels = rendezvous.node().tell("channels Club").value.to_string();
        channels.contains("hidden").then_some(())
    });
    ben.line("policy joins Club approval");
    rendezvous.register("ana", PASSWORD);
    let mut ana = rendezvous.client("ana", PASSWORD, CAPS);
    ana.say("JOIN #club/hidden");
    ana.hears(" 403 ana #club/hidden :No such channel");
    for _ in 0..3 {
        ana.say("JOIN #club/general");
        ana.hears(" 473 ana #club/general :A member must let you in");
    }
    assert_eq!(invites(&ben), 2, "one for the rendezvous, one for ana");
}
