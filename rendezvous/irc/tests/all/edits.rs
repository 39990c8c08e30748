//! `alloquy.chat/edit`: edits as what they are, and what clients without it get.

use alloquy_api::{Command, CommandError, ErrorCode};

use crate::fake::{ANA, BEN, DIRECT_CHANNEL, GENERAL, Irc, SECRET, none, not_permitted, one};

const CAPS: &str =
    "alloquy.chat/edit message-tags batch draft/multiline server-time standard-replies";

#[test]
fn an_edit_by_a_native_is_told_at_once_as_what_it_is() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let plain = irc.in_general("message-tags");
    let id = irc.node.write(GENERAL, BEN, "helo **all**");
    irc.turn();
    irc.lines(conn);
    irc.lines(plain);
    irc.node.alter(id, |message| {
        message.text = "hello **all**".to_owned();
        message.edited = true;
    });
    irc.turn();
    let told = irc.lines(conn);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(&format!(";alloquy.chat/edit={id} :Ben-Ash!"))
            && told[0].ends_with("PRIVMSG #our-club/general :hello \u{2}all\u{2}")
            && !told[0].contains("msgid="),
        "{told:?}"
    );
    assert!(irc.lines(plain).is_empty(), "it waits for another edit");
    irc.pass(3_000);
    one(&irc.lines(plain), ":* hello \u{2}all\u{2}");
    none(&irc.lines(conn), "hello");
    // Several lines are a batch, whose first line says it.
    irc.node
        .alter(id, |message| message.text = "one\ntwo".to_owned());
    irc.turn();
    let told = irc.lines(conn);
    assert!(
        told[0].contains(&format!("alloquy.chat/edit={id} ")) && told[0].contains("BATCH +"),
        "{told:#?}"
    );
    assert_eq!(told.len(), 4);
    irc.pass(3_000);
    one(&irc.lines(plain), ":* one");
    none(&irc.lines(conn), "one");
}

#[test]
fn several_lines_are_a_correction_for_who_knows_no_batches() {
    let mut irc = Irc::new();
    let conn = irc.in_general("alloquy.chat/edit message-tags");
    let id = irc.node.write(GENERAL, BEN, "one");
    irc.turn();
    irc.lines(conn);
    irc.node
        .alter(id, |message| message.text = "two\nthree".to_owned());
    irc.turn();
    assert!(irc.lines(conn).is_empty());
    irc.pass(3_000);
    let told = irc.lines(conn);
    none(&told, "alloquy.chat/edit");
    one(&told, ":* two");
}

#[test]
fn a_correction_is_told_only_if_words_are_others() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let id = irc.node.write(GENERAL, BEN, "hello  there");
    irc.turn();
    irc.lines(conn);
    for text in ["hello **there**", "something else", " hello there "] {
        irc.node.alter(id, |message| message.text = text.to_owned());
        irc.turn();
        irc.pass(1_000);
    }
    irc.pass(10_000);
    assert!(irc.lines(conn).is_empty(), "back to what it was");
    irc.node
        .alter(id, |message| message.text = "goodbye".to_owned());
    irc.turn();
    irc.pass(3_000);
    one(&irc.lines(conn), ":* goodbye");
}

#[test]
fn an_edit_by_a_client_is_one() {
    let mut irc = Irc::new();
    let conn = irc.in_general(&format!("{CAPS} echo-message labeled-response"));
    let silent = irc.in_general(CAPS);
    let plain = irc.in_general("");
    irc.node.open_direct();
    let id = irc.node.write(GENERAL, ANA, "helo");
    let direct = irc.node.write(DIRECT_CHANNEL, ANA, "helo");
    irc.turn();
    for conn in [conn, silent, plain] {
        irc.lines(conn);
    }
    let line = format!(
        "@label=e;alloquy.chat/edit={id} PRIVMSG #our-club/general :hello Ben-Ash: \u{2}x\u{2}"
    );
    let told = irc.ask(conn, &line);
    assert!(
        matches!(irc.node.log.last(), Some(Command::Edit { message, text }) if *message == id && text == "hello Ben-Ash: **x**"),
        "{:?}",
        irc.node.log.last()
    );
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].starts_with("@label=e;time=")
            && told[0].contains(&format!("alloquy.chat/edit={id} :Ana!")),
        "{told:?}"
    );
    one(&irc.lines(silent), &format!("alloquy.chat/edit={id}"));
    irc.pass(3_000);
    one(&irc.lines(plain), ":* hello Ben-Ash: ");
    none(&irc.lines(conn), "hello");
    // Without echoes nothing comes back; in a conversation, by its nick.
    let told = irc.ask(
        silent,
        &format!("@alloquy.chat/edit={direct} PRIVMSG Ben-Ash :hello"),
    );
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(irc.node.messages[&DIRECT_CHANNEL][0].text, "hello");
    // In several lines.
    irc.send(
        conn,
        &format!("@alloquy.chat/edit={id} BATCH +1 draft/multiline #our-club/general"),
    );
    irc.send(conn, "@batch=1 PRIVMSG #our-club/general :one");
    irc.send(conn, "@batch=1 PRIVMSG #our-club/general :two");
    let told = irc.ask(conn, "BATCH -1");
    assert!(
        told[0].contains(&format!("alloquy.chat/edit={id}")),
        "{told:#?}"
    );
    assert_eq!(irc.node.messages[&GENERAL].len(), 1, "no new message");
    assert_eq!(irc.node.messages[&GENERAL][0].text, "one\ntwo");
}

#[test]
fn an_edit_that_is_refused_is_told_by_its_code() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let id = irc.node.write(GENERAL, BEN, "mine");
    let hidden = irc.node.write(SECRET, BEN, "elsewhere");
    irc.turn();
    let edit = |target: &str, id: &str| format!("@alloquy.chat/edit={id} PRIVMSG {target} :x");
    let general = "#our-club/general";
    irc.node.refuse = Some(not_permitted());
    let told = irc.ask(conn, &edit(general, &id.to_string()));
    one(
        &told,
        &format!("FAIL PRIVMSG EDIT_FORBIDDEN {general} {id} :you lack"),
    );
    irc.node.refuse = Some(CommandError::new(ErrorCode::UnknownName, "gone"));
    let told = irc.ask(conn, &edit(general, &id.to_string()));
    one(
        &told,
        &format!("FAIL PRIVMSG UNKNOWN_MSGID {general} {id} "),
    );
    for (target, id, code) in [
        (
            general,
            "nonsense",
            "UNKNOWN_MSGID #our-club/general nonsense ",
        ),
        (
            general,
            &hidden.to_string(),
            "UNKNOWN_MSGID #our-club/general ",
        ),
        ("#nowhere", &id.to_string(), "INVALID_TARGET #nowhere "),
        ("nobody", &id.to_string(), "INVALID_TARGET nobody "),
        (
            "#our-club/general,Ben-Ash",
            &id.to_string(),
            "INVALID_TARGET #our-club/general,Ben-Ash ",
        ),
    ] {
        let told = irc.ask(conn, &edit(target, id));
        one(&told, &format!("FAIL PRIVMSG {code}"));
    }
    let edits = |irc: &Irc| {
        let log = irc.node.log.iter();
        log.filter(|command| matches!(command, Command::Edit { .. }))
            .count()
    };
    assert_eq!(edits(&irc), 2);
    // Whoever did not ask for edits says something new.
    let plain = irc.in_general("message-tags");
    irc.send(plain, &edit(general, &id.to_string()));
    assert_eq!(edits(&irc), 2);
    assert_eq!(irc.node.messages[&GENERAL].len(), 2);
}

#[test]
fn history_holds_the_last_text_and_says_that_it_is_another() {
    let mut irc = Irc::new();
    let id = irc.node.write(GENERAL, BEN, "old");
    irc.node.write(GENERAL, BEN, "other");
    irc.node.alter(id, |message| {
        message.text = "new".to_owned();
        message.edited = true;
    });
    let conn = irc.client(&format!("{CAPS} draft/chathistory"));
    let told = irc.ask(conn, "CHATHISTORY LATEST #our-club/general * 10");
    let line = one(&told, "alloquy.chat/edited");
    assert!(
        line.ends_with(" new") && line.contains(&format!("msgid={id}")),
        "{line}"
    );
    none(&told, "old");
}

#[test]
fn an_edit_of_what_is_not_remembered_is_told_to_who_knows_edits() {
    let mut irc = Irc::new();
    let id = irc.node.write(GENERAL, BEN, "old");
    irc.turn();
    irc.server = alloquy_irc::Server::new(crate::fake::settings());
    // Nobody was given what had been said before.
    let conn = irc.in_general(&format!("{CAPS} draft/chathistory"));
    let plain = irc.in_general("draft/chathistory");
    irc.lines(conn);
    irc.lines(plain);
    irc.node.alter(id, |message| {
        message.text = "new".to_owned();
        message.edited = true;
    });
    irc.turn();
    one(&irc.lines(conn), &format!("alloquy.chat/edit={id}"));
    irc.pass(10_000);
    none(&irc.lines(plain), "new");
}
