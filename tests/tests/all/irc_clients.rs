//! Programs that people use, through a rendezvous: each logs in as it does it, comes into a community that lives on
//! native peers, talks both ways, and is told what it knows in the best form.

use std::time::{Duration, Instant};

use alloquy_tests::irc::{Face, Limnoria, LogIn, WeeChat, catgirl, epic5, finch, irssi, lacks};
use alloquy_tests::{Peer, client_certificate, eventually, skip};
use tempfile::tempdir;

use crate::irc_bridge::{PASSWORD, ROOM, bridged, reads};

/// Says why a test can not run, if it can not.
pub(crate) fn lacking(name: &str, programs: &[&str]) -> bool {
    let lacks = lacks(programs);
    if let Some(program) = lacks {
        skip(name, &format!("{program} is not installed"));
    }
    lacks.is_some()
}

fn hears(peer: &Peer, text: &str) -> String {
    reads(peer, ROOM, text);
    let told = peer.line(&format!("history {ROOM} --last 30"));
    let messages = told["messages"].as_array().unwrap();
    let found = messages.iter().rfind(|message| {
        let shown = message["text"].as_str();
        shown.is_some_and(|shown| shown.contains(text))
    });
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Both sides say something; the native peer answers, reacts, corrects, takes back, and shows a long block of code.
fn talks(terminal: &impl Face, ben: &Peer, who: &str) {
    ben.line(&format!(
        "send {ROOM} \"hello {who}, **bold** as native peers are\""
    ));
    terminal.shows(&format!("hello {who}, bold as native peers are"));
    terminal.types(&format!("hello from {who}"));
    let said = hears(ben, &format!("hello from {who}"));
    ben.line(&format!("reply {said} \"an answer to it\""));
    terminal.shows("an answer to it");
    ben.line(&format!("react {said} 👍"));
    let wrong = ben.line(&format!("send {ROOM} \"a mistaek of Ben's\""))["message"]
        .as_str()
        .unwrap()
        .to_owned();
    terminal.shows("a mistaek of Ben's");
    ben.line(&format!("edit {wrong} \"a mistake of Ben's\""));
    // For clients that know no edits: one line, when no other edit follows.
    terminal.shows("* a mistake of Ben's");
    ben.line(&format!("delete {wrong}"));
    let lines: Vec<String> = (0..25)
        .map(|line| format!("    let code_{line} = {line};"))
        .collect();
    let code = format!("```rust\n{}\n```", lines.join("\n"));
    ben.line(&format!("send {ROOM} {code:?}"));
    terminal.shows("let code_0 = 0;");
    // The first 20 lines, and a word about the rest.
    terminal.shows("let code_15 = 15;");
    ben.line(&format!("send {ROOM} \"the end of it\""));
    terminal.shows("the end of it");
    let screen = terminal.all();
    assert!(!screen.contains("let code_24"), "{screen}");
    assert!(
        !screen.contains('👍'),
        "a reaction is never a text: {screen}"
    );
}

#[test]
fn epic5_registers_logs_in_again_and_reads_what_was_said() {
    let name = "epic5_registers_logs_in_again_and_reads_what_was_said";
    if lacking(name, &["epic5", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    {
        // Its first time: a guest who makes an account of its nick.
        let epic = epic5(root.path(), &rendezvous, "ella");
        epic.shows("End of MOTD");
        epic.types(&format!("/msg NickServ REGISTER {PASSWORD}"));
        epic.shows("Account created; you are logged in");
        epic.types("/join #club/general");
        epic.shows("has joined channel #club/general");
        talks(&epic, &ben, "EPIC5");
        epic.types("/quit");
    }
    ben.line(&format!("send {ROOM} \"while nobody listened\""));
    let epic = epic5(root.path(), &rendezvous, "ella");
    epic.shows("Nickname is in use");
    epic.types(&format!("/quote PASS ella:{PASSWORD}"));
    epic.types("/nick ella");
    epic.shows("End of MOTD");
    epic.types("/join #club/general");
    epic.shows("has joined channel #club/general");
    eventually("what was said is there", || {
        epic.types("/quote CHATHISTORY LATEST #club/general * 10");
        let screen = epic.screen();
        screen.contains("while nobody listened").then_some(())
    });
}

#[test]
fn catgirl_logs_in_by_password_and_by_certificate_over_tls() {
    let name = "catgirl_logs_in_by_password_and_by_certificate_over_tls";
    if lacking(name, &["catgirl", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("cat", PASSWORD);
    let certificate = root.path().join("client.pem");
    client_certificate(&certificate);
    {
        let both = LogIn::Both(PASSWORD, &certificate);
        let cat = catgirl(root.path(), &rendezvous, ("cat", both));
        cat.shows("In #club/general are");
        talks(&cat, &ben, "catgirl");
        cat.types("/msg NickServ CERT ADD");
        cat.types("/window 2");
        eventually("it may log in by its certificate", || {
            // The window of NickServ comes with its answer.
            cat.types("/window 2");
            let screen = cat.screen();
            screen
                .contains("You can log in by this certificate")
                .then_some(())
        });
        cat.types("/quit");
    }
    let by = LogIn::Certificate(&certificate);
    let cat = catgirl(root.path(), &rendezvous, ("cat", by));
    cat.shows("In #club/general are");
    ben.line(&format!("send {ROOM} \"welcome back\""));
    cat.shows("welcome back");
    cat.types("back by certificate");
    hears(&ben, "back by certificate");
}

#[test]
fn finch_logs_in_by_sasl_and_talks() {
    if lacking("finch_logs_in_by_sasl_and_talks", &["finch", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("fin", PASSWORD);
    let fin = finch(root.path(), &rendezvous, ("fin", PASSWORD));
    fin.shows("(fin@127.0.0.1 -- IRC)");
    // The list of contacts lies over the conversation, and has the keys.
    fin.presses(&["Escape", "c"]);
    ben.line(&format!("send {ROOM} \"hello finch\""));
    fin.shows("hello finch");
    fin.types("hello from finch");
    let said = hears(&ben, "hello from finch");
    ben.line(&format!("reply {said} \"an answer to it\""));
    // It knows no tags: who is answered stands before the text.
    fin.shows("fin: an answer to it");
    fin.types("/me waves");
    hears(&ben, "_waves_");
}

#[test]
fn limnoria_answers_native_peers_as_a_bot() {
    if lacking("limnoria_answers_native_peers_as_a_bot", &["supybot"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (mut rendezvous, ben) = bridged(root.path());
    rendezvous.register("robot", PASSWORD);
    let limnoria = Limnoria::start(root.path(), &rendezvous, ("robot", PASSWORD));
    limnoria.tells("SASL authentication successful", 1);
    asks(&ben, "@ping", "pong");
    asks(&ben, "@echo one two", "one two");
    // It comes back by itself after a restart of the rendezvous.
    rendezvous.stop();
    rendezvous.restart();
    limnoria.tells("SASL authentication successful", 2);
    asks(&ben, "@echo three four", "three four");
}

/// Asks until the bot answers with this text alone: it joins a moment after it has logged in. It pays no heed to
/// whoever asks more than a dozen times a minute.
pub(crate) fn asks(ben: &Peer, question: &str, answer: &str) {
    let mut asked: Option<Instant> = None;
    eventually(&format!("{answer:?} is answered"), || {
        if asked.is_none_or(|at| at.elapsed() > Duration::from_secs(8)) {
            ben.line(&format!("send {ROOM} \"{question}\""));
            asked = Some(Instant::now());
        }
        let told = ben.texts(ROOM, 20);
        told.iter().any(|text| text == answer).then_some(())
    });
}

#[test]
fn weechat_talks_through_a_rendezvous() {
    if lacking("weechat_talks_through_a_rendezvous", &["weechat-headless"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("wilma", PASSWORD);
    let account = ("wilma", PASSWORD);
    let log = "irc.own.#club_general";
    let weechat = WeeChat::log_in(root.path(), &rendezvous.plain, account, "#club/general");
    let _joined = weechat.shows(log, "has joined #club/general");
    ben.line(&format!("send {ROOM} \"hello **WeeChat**\""));
    let line = weechat.shows(log, "hello WeeChat");
    assert!(line.contains("ben\t"), "{line}");
    let weechat = (weechat, "#club/general");
    talks(&weechat, &ben, "WeeChat");
    // It reads tags: the answer stands alone.
    let all = weechat.all();
    assert!(!all.contains("wilma: an answer"), "{all}");
}

#[test]
fn irssi_talks_through_a_rendezvous_over_tls() {
    let name = "irssi_talks_through_a_rendezvous_over_tls";
    if lacking(name, &["irssi", "tmux"]) {
        return;
    }
    let root = tempdir().unwrap();
    let (rendezvous, ben) = bridged(root.path());
    rendezvous.register("iris", PASSWORD);
    let irssi = irssi(root.path(), &rendezvous, ("iris", PASSWORD));
    // A channel that it joins by itself opens in a window behind.
    irssi.shows("[Act: 2");
    irssi.types("/window 2");
    irssi.shows("[2:own/#club/general");
    talks(&irssi, &ben, "irssi");
}
