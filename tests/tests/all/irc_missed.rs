//! Programs that people use, when they come back: what was said while they were away is there, once; what was taken
//! back and what was edited is as it is now. Members see that somebody who is here by IRC alone goes and comes.

use alloquy_ids::UnixMs;
use alloquy_tests::irc::{Face, Limnoria, LogIn, WeeChat, catgirl, finch, irssi};
use alloquy_tests::{Peer, Rendezvous, eventually};
use tempfile::tempdir;

use crate::irc_bridge::{PASSWORD, ROOM, bridged, reads};
use crate::irc_clients::{asks, lacking};

const CHANNEL: &str = "#club/general";
const AWAY: &str = "said while it was away";

/// Waits until a native peer sees an account of the rendezvous as here, or as gone.
fn is_seen(ben: &Peer, account: &str, here: bool) {
    eventually(&format!("{account} is here: {here}"), || {
        let told = ben.line("members Club");
        let members = told["members"].as_array()?.iter();
        let mut found = members.filter(|member| member["account"] == account);
        (found.next()?["online"] == here).then_some(())
    });
}

/// The id of a message that a native peer says.
fn says(ben: &Peer, text: &str) -> String {
    let told = ben.line(&format!("send {ROOM} \"{text}\""));
    told["message"].as_str().unwrap().to_owned()
}

/// What is said while nobody of the account is here, until its node has all of it. Gives the id of the first message.
fn says_meanwhile(rendezvous: &Rendezvous, ben: &Peer) -> String {
    let first = says(ben, AWAY);
    let gone = says(ben, "taken back again");
    let wrong = says(ben, "a mistaek of Ben's");
    ben.line(&format!("delete {gone}"));
    ben.line(&format!("edit {wrong} \"a mistake of Ben's\""));
    let node = rendezvous.node_of(1);
    reads(&node, ROOM, "a mistake of Ben's");
    eventually("the account's node forgets what was taken back", || {
        let told = node.tell(&format!("history {ROOM} --last 30"));
        let messages = told.value["messages"].to_string();
        (messages.contains(AWAY) && !messages.contains("taken back")).then_some(())
    });
    first
}

/// How often a program shows a text.
fn counts<'a>(face: &impl Face, texts: &[&'a str]) -> Vec<(&'a str, usize)> {
    let all = face.all();
    let count = |text: &&'a str| (*text, all.matches(*text).count());
    texts.iter().map(count).collect()
}

/// Starts a program twice. Gives what it shows at last, and the id of the first message that it missed.
fn comes_back<F: Face>(
    rendezvous: &Rendezvous,
    ben: &Peer,
    (start, kept): (impl Fn() -> F, usize),
) -> (F, String) {
    let account = rendezvous.node_of(1).account();
    {
        let face = start();
        is_seen(ben, &account, true);
        says(ben, "said before it went");
        face.shows("said before it went");
    }
    is_seen(ben, &account, false);
    let first = says_meanwhile(rendezvous, ben);
    let face = start();
    face.shows("a mistake of Ben's");
    is_seen(ben, &account, true);
    says(ben, "welcome back");
    face.shows("welcome back");
    let expected = [
        ("said before it went", kept),
        (AWAY, 1),
        ("a mistake of Ben's", 1),
        ("a mistaek", 0),
        ("taken back", 0),
        ("welcome back", 1),
    ];
    let texts = expected.map(|(text, _)| text);
    assert_eq!(counts(&face, &texts), expected, "{}", face.all());
    (face, first)
}

#[test]
fn weechat_is_given_what_it_missed_with_the_time_at_which_it_was_said() {
    let name = "weechat_is_given_what_it_missed_with_the_time_at_which_it_was_said";
    if lacking(name, &["weechat-headless"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("wilma", PASSWORD);
    let start = || {
        let account = ("wilma", PASSWORD);
        let weechat = WeeChat::log_in(root.path(), &rendezvous.plain, account, CHANNEL);
        (weechat, CHANNEL)
    };
    // Its log is the same one both times.
    let (weechat, first) = comes_back(&rendezvous, &ben, (start, 1));
    let told = ben.line(&format!("history {ROOM} --last 30"));
    let mut messages = told["messages"].as_array().unwrap().iter();
    let time = messages.find(|message| message["id"] == *first).unwrap()["time"].as_u64();
    let line = weechat.0.line("irc.own.#club_general", AWAY).unwrap();
    let time = UnixMs(time.unwrap()).utc();
    assert!(
        line.starts_with(&time) && line.contains("ben\t"),
        "{time}: {line}"
    );
}

#[test]
fn irssi_is_given_what_it_missed() {
    if lacking("irssi_is_given_what_it_missed", &["irssi", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("iris", PASSWORD);
    let start = || {
        let irssi = irssi(root.path(), &rendezvous, ("iris", PASSWORD));
        irssi.shows("[Act: 2");
        irssi.types("/window 2");
        irssi.shows("[2:own/#club/general");
        irssi
    };
    comes_back(&rendezvous, &ben, (start, 0));
}

#[test]
fn catgirl_is_given_what_it_missed() {
    if lacking("catgirl_is_given_what_it_missed", &["catgirl", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("cat", PASSWORD);
    let start = || {
        let cat = catgirl(root.path(), &rendezvous, ("cat", LogIn::Password(PASSWORD)));
        cat.shows("In #club/general are");
        cat
    };
    comes_back(&rendezvous, &ben, (start, 0));
}

#[test]
fn finch_is_given_what_it_missed_with_the_time_in_the_line() {
    let name = "finch_is_given_what_it_missed_with_the_time_in_the_line";
    if lacking(name, &["finch", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("fin", PASSWORD);
    let start = || {
        let fin = finch(root.path(), &rendezvous, ("fin", PASSWORD));
        fin.shows("(fin@127.0.0.1 -- IRC)");
        fin.presses(&["Escape", "c"]);
        fin
    };
    let (fin, _) = comes_back(&rendezvous, &ben, (start, 0));
    let screen = fin.screen();
    assert!(screen.contains(&format!("] {AWAY}")), "{screen}");
    assert!(!screen.contains("] welcome back"), "{screen}");
}

#[test]
fn limnoria_does_not_answer_what_was_asked_while_it_was_away() {
    let name = "limnoria_does_not_answer_what_was_asked_while_it_was_away";
    if lacking(name, &["supybot"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("robot", PASSWORD);
    let account = rendezvous.node_of(1).account();
    {
        let limnoria = Limnoria::start(root.path(), &rendezvous, ("robot", PASSWORD));
        limnoria.tells("SASL authentication successful", 1);
        is_seen(&ben, &account, true);
        asks(&ben, "@echo one", "one");
    }
    is_seen(&ben, &account, false);
    says(&ben, "@echo two");
    reads(&rendezvous.node_of(1), ROOM, "@echo two");
    let limnoria = Limnoria::start(root.path(), &rendezvous, ("robot", PASSWORD));
    limnoria.tells("SASL authentication successful", 1);
    is_seen(&ben, &account, true);
    asks(&ben, "@echo three", "three");
    let told = ben.texts(ROOM, 20);
    assert!(!told.contains(&"two".to_owned()), "{told:?}");
}

#[test]
fn weechat_deletes_and_edits_by_what_its_person_types() {
    let name = "weechat_deletes_and_edits_by_what_its_person_types";
    if lacking(name, &["weechat-headless"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("wilma", PASSWORD);
    let account = ("wilma", PASSWORD);
    let weechat = WeeChat::log_in(root.path(), &rendezvous.plain, account, CHANNEL);
    let weechat = (weechat, CHANNEL);
    weechat.shows("has joined #club/general");
    weechat.types("to be taken back");
    weechat.types("to be corretced");
    reads(&ben, ROOM, "to be corretced");
    let told = ben.line(&format!("history {ROOM} --last 30"));
    let id = |text: &str| {
        let mut messages = told["messages"].as_array().unwrap().iter();
        let found = messages.find(|message| message["text"] == text);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let (gone, wrong) = (id("to be taken back"), id("to be corretced"));
    weechat.types("/quote CAP REQ :draft/message-redaction alloquy.chat/edit");
    weechat.types(&format!("/quote REDACT {CHANNEL} {gone} :oops"));
    weechat.types(&format!(
        "/quote @alloquy.chat/edit={wrong} PRIVMSG {CHANNEL} :to be corrected"
    ));
    reads(&ben, ROOM, "to be corrected");
    eventually("it is gone for natives", || {
        let told = ben.line(&format!("history {ROOM} --last 30"));
        (!told["messages"].to_string().contains("taken back")).then_some(())
    });
}

#[test]
fn weechat_and_a_native_peer_write_to_each_other_alone() {
    let name = "weechat_and_a_native_peer_write_to_each_other_alone";
    if lacking(name, &["weechat-headless"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("wilma", PASSWORD);
    let account = rendezvous.node_of(1).account();
    let start = || WeeChat::log_in(root.path(), &rendezvous.plain, ("wilma", PASSWORD), CHANNEL);
    let (channel, alone) = ("irc.own.#club_general", "irc.own.ben");
    {
        let weechat = start();
        let _joined = weechat.shows(channel, "has joined #club/general");
        is_seen(&ben, &account, true);
        // Nobody whom she knows: his first words are a notice, and her answer accepts.
        ben.line(&format!("dm {account}"));
        ben.line("send @wilma \"are you there\"");
        let told = weechat.shows("irc.server.own", "are you there");
        assert!(told.contains("an answer accepts"), "{told}");
        weechat.types(&format!("irc.own.{CHANNEL}"), "/query ben yes, I am");
        reads(&ben, "@wilma", "yes, I am");
        ben.line("send @wilma \"good to **know**\"");
        let line = weechat.shows(alone, "good to know");
        assert!(line.contains("ben\t"), "{line}");
    }
    // What he writes while she is away is there when she comes back, once.
    is_seen(&ben, &account, false);
    ben.line("send @wilma \"and now\"");
    reads(&rendezvous.node_of(1), "@ben", "and now");
    let weechat = start();
    let _line = weechat.shows(alone, "and now");
    ben.line("send @wilma \"the end\"");
    let _line = weechat.shows(alone, "the end");
    let log = weechat.log(alone);
    for text in ["good to know", "and now", "the end"] {
        assert_eq!(log.matches(text).count(), 1, "{text}: {log}");
    }
}
