//! What is said, in the best form that each client knows.

use alloquy_api::Command;
use alloquy_api::{CommandError, ErrorCode};

use crate::fake::{BEN, DIRECT_CHANNEL, GENERAL, Irc, SECRET, none, not_permitted, one};

const ALL: &str = "message-tags server-time batch labeled-response echo-message account-tag";

#[test]
fn what_natives_write_comes_with_time_id_and_account() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags server-time account-tag");
    irc.lines(conn);
    let id = irc.node.write(GENERAL, BEN, "hello **there**");
    irc.turn();
    let told = irc.lines(conn);
    let line = one(&told, "PRIVMSG");
    let expected = format!("@time=2026-09-21T14:13:21.000Z;msgid={id};account={BEN} :Ben-Ash!");
    assert!(line.starts_with(&expected), "{line}");
    assert!(
        line.ends_with("PRIVMSG #our-club/general :hello \u{2}there\u{2}"),
        "{line}"
    );
    assert!(id.to_string().len() <= 64);
    // Whoever asked for nothing gets the bare line.
    let plain = irc.in_general("");
    irc.node.write(GENERAL, BEN, "again");
    irc.turn();
    assert!(one(&irc.lines(plain), "again").starts_with(":Ben-Ash!"));
}

#[test]
fn only_those_who_joined_are_told() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    irc.lines(conn);
    irc.node.write(GENERAL, BEN, "hello");
    irc.turn();
    assert!(irc.lines(conn).is_empty());
}

#[test]
fn an_echo_has_the_id_that_history_and_others_have() {
    let mut irc = Irc::new();
    let conn = irc.in_general(&format!("{ALL} draft/chathistory"));
    let other = irc.in_general(ALL);
    irc.lines(other);
    let told = irc.ask(conn, "@label=abc PRIVMSG #our-club/general :hi all");
    let echo = one(&told, "PRIVMSG").to_owned();
    assert!(echo.starts_with("@label=abc;time="), "{echo}");
    let id = |line: &str| {
        let (_, rest) = line
            .split_once("msgid=")
            .unwrap_or_else(|| panic!("an id in {line}"));
        rest[..52].to_owned()
    };
    let own = id(&echo);
    assert_eq!(
        id(one(&irc.lines(other), "hi all")),
        own,
        "another connection of the account"
    );
    let history = irc.ask(conn, "CHATHISTORY LATEST #our-club/general * 10");
    assert_eq!(id(one(&history, "hi all")), own);
    // Without echo-message nothing comes back, but the label is answered.
    let quiet = irc.in_general("message-tags batch labeled-response");
    let told = irc.ask(quiet, "@label=x PRIVMSG #our-club/general :silent");
    assert_eq!(told, ["@label=x :irc.test ACK"]);
    none(&irc.ask(quiet, "PRIVMSG #our-club/general :more"), "more");
}

#[test]
fn a_message_of_another_face_is_shown_as_ones_own() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.lines(conn);
    irc.node.write(GENERAL, crate::fake::ANA, "from the window");
    irc.turn();
    assert!(one(&irc.lines(conn), "from the window").starts_with(":Ana!"));
}

#[test]
fn long_messages_come_as_a_batch_or_in_lines() {
    let mut irc = Irc::new();
    let multi = irc.in_general("message-tags batch draft/multiline");
    let plain = irc.in_general("message-tags");
    irc.lines(multi);
    irc.lines(plain);
    let text = format!("first\n\nthird {}", "word ".repeat(100));
    let id = irc.node.write(GENERAL, BEN, &text).to_string();
    irc.turn();
    let told = irc.lines(multi);
    let open = &told[0];
    assert!(
        open.starts_with(&format!("@msgid={id} :Ben-Ash!"))
            && open.ends_with(" draft/multiline #our-club/general"),
        "{open}"
    );
    let reference = open
        .split_once("BATCH +")
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap();
    assert!(
        told[1..told.len() - 1]
            .iter()
            .all(|line| line.starts_with(&format!("@batch={reference}"))),
        "{told:#?}"
    );
    assert_eq!(
        told.iter()
            .filter(|line| line.contains("draft/multiline-concat"))
            .count(),
        1
    );
    assert!(
        told.last()
            .unwrap()
            .ends_with(&format!("BATCH -{reference}"))
    );
    let told = irc.lines(plain);
    assert_eq!(
        told.iter().filter(|line| line.contains("msgid=")).count(),
        1,
        "only the first line has the id"
    );
    assert_eq!(told.len(), 3, "no empty line: {told:#?}");
}

#[test]
fn a_batch_of_lines_becomes_one_message() {
    let mut irc = Irc::new();
    let conn = irc.in_general(&format!("{ALL} draft/multiline"));
    let told = irc.ask(conn, "@label=m BATCH +7 draft/multiline #our-club/general");
    assert!(told.is_empty(), "{told:?}");
    for line in ["one", "", "two "] {
        irc.send(conn, &format!("@batch=7 PRIVMSG #our-club/general :{line}"));
    }
    irc.send(
        conn,
        "@batch=7;draft/multiline-concat PRIVMSG #our-club/general :three",
    );
    let told = irc.ask(conn, "BATCH -7");
    assert!(told[0].starts_with("@label=m"), "{told:#?}");
    assert_eq!(
        told.iter().filter(|line| line.contains("label=")).count(),
        1
    );
    let written = &irc.node.messages[&GENERAL];
    assert_eq!(written.last().unwrap().text, "one\n\ntwo three");
}

#[test]
fn bad_batches_fail_with_their_codes() {
    let mut irc = Irc::new();
    let conn = irc.in_general("batch draft/multiline message-tags");
    let open = "BATCH +a draft/multiline #our-club/general";
    one(
        &irc.ask(conn, "BATCH +a other #our-club/general"),
        "FAIL BATCH MULTILINE_INVALID ",
    );
    one(
        &irc.ask(conn, "BATCH -nothing"),
        "FAIL BATCH MULTILINE_INVALID ",
    );
    irc.send(conn, open);
    one(
        &irc.ask(conn, "@batch=a PRIVMSG #other :x"),
        "FAIL BATCH MULTILINE_INVALID_TARGET #our-club/general ",
    );
    irc.send(conn, open);
    one(
        &irc.ask(
            conn,
            "@batch=a;draft/multiline-concat PRIVMSG #our-club/general :",
        ),
        "FAIL BATCH MULTILINE_INVALID ",
    );
    irc.send(conn, open);
    irc.send(conn, "@batch=a PRIVMSG #our-club/general :");
    one(&irc.ask(conn, "BATCH -a"), "FAIL BATCH MULTILINE_INVALID ");
    irc.send(conn, open);
    let line = format!("@batch=a PRIVMSG #our-club/general :{}", "x".repeat(460));
    let told: Vec<_> = (0..36).flat_map(|_| irc.ask(conn, &line)).collect();
    one(&told, "FAIL BATCH MULTILINE_MAX_BYTES 16384 ");
    irc.send(conn, open);
    let told: Vec<_> = (0..401)
        .flat_map(|_| irc.ask(conn, "@batch=a PRIVMSG #our-club/general :x"))
        .collect();
    one(&told, "FAIL BATCH MULTILINE_MAX_LINES 400 ");
    assert!(
        !irc.node.messages.contains_key(&GENERAL),
        "nothing was written"
    );
}

#[test]
fn replies_are_read_in_either_spelling_and_written_in_both() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags echo-message");
    let id = irc.node.write(GENERAL, BEN, "question");
    irc.turn();
    for tag in ["+reply", "+draft/reply"] {
        let told = irc.ask(
            conn,
            &format!("@{tag}={id} PRIVMSG #our-club/general :answer"),
        );
        let line = one(&told, "answer");
        assert!(
            line.contains(&format!("+reply={id};+draft/reply={id}")),
            "{line}"
        );
        assert!(
            matches!(irc.node.log.last(), Some(Command::Reply { message, .. }) if *message == id)
        );
    }
    // A reply to something elsewhere is said where it was addressed to.
    let hidden = irc.node.write(SECRET, BEN, "elsewhere");
    irc.turn();
    irc.send(
        conn,
        &format!("@+reply={hidden} PRIVMSG #our-club/general :mine"),
    );
    assert!(matches!(irc.node.log.last(), Some(Command::Send { .. })));
}

#[test]
fn reactions_pass_as_tagmsg_both_ways() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags");
    let plain = irc.in_general("server-time");
    let id = irc.node.write(GENERAL, BEN, "news");
    irc.turn();
    irc.lines(conn);
    irc.lines(plain);
    irc.node.react(id, BEN, "👍");
    irc.turn();
    let told = irc.lines(conn);
    let line = one(&told, "TAGMSG #our-club/general");
    assert!(
        line.contains(&format!("+draft/reply={id};+draft/react=👍 :Ben-Ash!")),
        "{line}"
    );
    irc.node.alter(id, |message| message.reactions.clear());
    irc.turn();
    one(&irc.lines(conn), "+draft/unreact=👍");
    irc.send(
        conn,
        &format!("@+draft/react=🎉;+draft/reply={id} TAGMSG #our-club/general"),
    );
    assert!(
        matches!(irc.node.log.last(), Some(Command::React { message, emoji }) if *message == id && emoji == "🎉")
    );
    irc.send(
        conn,
        &format!("@+draft/unreact=🎉;+reply={id} TAGMSG #our-club/general"),
    );
    assert!(matches!(irc.node.log.last(), Some(Command::Unreact { .. })));
    none(&irc.lines(plain), "TAGMSG");
    one(&irc.ask(plain, "TAGMSG #our-club/general"), " 421 ");
    irc.node.refuse = Some(not_permitted());
    let told = irc.ask(
        conn,
        &format!("@+draft/react=x;+reply={id} TAGMSG #our-club/general"),
    );
    one(&told, "TAGMSG CANNOT_SEND");
}

#[test]
fn typing_passes_both_ways_and_not_too_often() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags");
    irc.lines(conn);
    irc.node.events.push_back(alloquy_api::Event::Typing {
        community: crate::fake::CLUB,
        channel: GENERAL,
        account: BEN,
    });
    irc.turn();
    one(&irc.lines(conn), "+typing=active");
    let asked = |irc: &Irc| {
        irc.node
            .log
            .iter()
            .filter(|command| matches!(command, Command::Typing { .. }))
            .count()
    };
    for _ in 0..5 {
        irc.send(conn, "@+typing=active TAGMSG #our-club/general");
    }
    assert_eq!(asked(&irc), 1);
    irc.pass(3000);
    irc.send(conn, "@+typing=active TAGMSG #our-club/general");
    assert_eq!(asked(&irc), 2);
}

#[test]
fn deletions_pass_both_ways() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags draft/message-redaction");
    let plain = irc.in_general("message-tags");
    let id = irc.node.write(GENERAL, BEN, "oops");
    irc.turn();
    irc.lines(conn);
    irc.lines(plain);
    irc.send(conn, &format!("REDACT #our-club/general {id} :spam"));
    assert!(matches!(irc.node.log.last(), Some(Command::Delete { message }) if *message == id));
    let told = irc.lines(conn);
    assert!(one(&told, "REDACT").ends_with(&format!("REDACT #our-club/general {id}")));
    assert!(irc.lines(plain).is_empty());
    one(
        &irc.ask(plain, &format!("REDACT #our-club/general {id}")),
        " 421 ",
    );
    for (line, code) in [
        (
            "REDACT #nowhere x".to_owned(),
            "FAIL REDACT INVALID_TARGET #nowhere ",
        ),
        (
            "REDACT #our-club/general x".to_owned(),
            "FAIL REDACT UNKNOWN_MSGID #our-club/general x ",
        ),
    ] {
        one(&irc.ask(conn, &line), code);
    }
    let other = irc.node.write(GENERAL, BEN, "mine");
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, &format!("REDACT #our-club/general {other}")),
        "FAIL REDACT REDACT_FORBIDDEN ",
    );
    let secret = irc.node.write(SECRET, BEN, "elsewhere");
    one(
        &irc.ask(conn, &format!("REDACT #our-club/general {secret}")),
        "FAIL REDACT UNKNOWN_MSGID ",
    );
}

#[test]
fn an_edit_is_told_once_after_the_last_of_several() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags");
    let id = irc.node.write(GENERAL, BEN, "helo");
    irc.turn();
    irc.lines(conn);
    for text in ["hell", "hello"] {
        irc.node.alter(id, |message| {
            message.text = text.to_owned();
            message.edited = true;
        });
        irc.turn();
        irc.pass(1000);
    }
    assert!(irc.lines(conn).is_empty());
    irc.pass(3000);
    let told = irc.lines(conn);
    let line = one(&told, ":* hello");
    assert!(
        line.contains(&format!("+reply={id}")) && !line.contains("msgid="),
        "{line}"
    );
    irc.pass(10_000);
    none(&irc.lines(conn), "hello");
}

#[test]
fn refusals_name_the_target_and_the_reason() {
    let mut irc = Irc::new();
    let conn = irc.in_general("standard-replies");
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, "PRIVMSG #our-club/general :x"),
        ":irc.test 404 Ana #our-club/general :you lack the right",
    );
    irc.node.refuse = Some(CommandError::new(
        ErrorCode::NotPermitted,
        "slow mode: this account may write again in 10 s",
    ));
    one(
        &irc.ask(conn, "PRIVMSG #our-club/general :x"),
        "FAIL PRIVMSG RATE_LIMITED #our-club/general ",
    );
    irc.node.refuse = Some(not_permitted());
    assert!(
        irc.ask(conn, "NOTICE #our-club/general :x").is_empty(),
        "a NOTICE is never answered"
    );
    for (line, number) in [
        ("PRIVMSG", " 411 "),
        ("PRIVMSG #our-club/general", " 412 "),
        ("PRIVMSG #our-club/general :", " 412 "),
        ("PRIVMSG #nowhere :x", " 403 "),
        ("PRIVMSG nobody :x", " 401 "),
        ("PRIVMSG @#our-club/general :x", " 404 "),
        ("PRIVMSG #our-club/general :\u{1}VERSION\u{1}", " 404 "),
    ] {
        one(&irc.ask(conn, line), number);
    }
    let many = ["Ben-Ash"; 9].join(",");
    one(&irc.ask(conn, &format!("PRIVMSG {many} :x")), " 407 ");
}

#[test]
fn conversations_are_the_nick_of_the_other() {
    let mut irc = Irc::new();
    let conn = irc.client("echo-message");
    let told = irc.ask(conn, "PRIVMSG ben-ash :hi");
    assert!(
        one(&told, "hi").ends_with("PRIVMSG Ben-Ash hi"),
        "the conversation was opened first"
    );
    irc.node.write(DIRECT_CHANNEL, BEN, "hello Ana");
    irc.turn();
    let told = irc.lines(conn);
    let line = one(&told, "hello");
    assert!(
        line.starts_with(":Ben-Ash!") && line.ends_with("PRIVMSG Ana :hello Ana"),
        "{line}"
    );
    irc.node
        .write(DIRECT_CHANNEL, crate::fake::ANA, "from the window");
    irc.turn();
    let told = irc.lines(conn);
    assert!(
        one(&told, "window").starts_with(":Ana!") && told[0].contains("PRIVMSG Ben-Ash "),
        "{told:?}"
    );
}

#[test]
fn formatting_actions_and_mentions_are_translated() {
    let mut irc = Irc::new();
    let conn = irc.in_general("echo-message");
    let last = |irc: &Irc| irc.node.messages[&GENERAL].last().unwrap().text.clone();
    for (irc_text, native) in [
        ("\u{2}bold\u{2}", "**bold**"),
        ("Ben-Ash: look", "@Ben Ash: look"),
        ("see @ben-ash, ok", "see @Ben Ash, ok"),
        ("mail a@b.c", "mail a@b.c"),
        ("\u{1}ACTION waves\u{1}", "_waves_"),
        ("?OTR:AAMC\u{2}x", "?OTR:AAMC\u{2}x"),
    ] {
        irc.send(conn, &format!("PRIVMSG #our-club/general :{irc_text}"));
        assert_eq!(last(&irc), native);
    }
    irc.lines(conn);
    for (native, shown) in [
        ("@Ben Ash: look", ":Ben-Ash: look"),
        ("hi @Ben Ash!", ":hi Ben-Ash!"),
        ("@Ben Ashley", ":@Ben Ashley"),
        ("_waves_", ":\u{1}ACTION waves\u{1}"),
        ("?OTR:**x**", " ?OTR:**x**"),
    ] {
        irc.node.write(GENERAL, BEN, native);
        irc.turn();
        let told = irc.lines(conn);
        assert!(
            told[0].ends_with(shown) || told[0].ends_with(&shown[1..]),
            "{native}: {told:?}"
        );
    }
}

#[test]
fn a_reply_names_the_other_only_to_clients_without_tags() {
    let mut irc = Irc::new();
    let (tags, plain) = (irc.in_general("message-tags"), irc.in_general(""));
    let id = irc.node.write(GENERAL, crate::fake::ANA, "question");
    irc.turn();
    irc.lines(tags);
    irc.lines(plain);
    irc.node.write_with(GENERAL, BEN, ("answer", Some(id)));
    let quote = alloquy_api::reply::QuoteView {
        author: crate::fake::ANA,
        text: "question".to_owned(),
    };
    if let Some(alloquy_api::Event::MessageAdded { message, .. }) = irc.node.events.back_mut() {
        message.quote = Some(quote);
    }
    irc.turn();
    none(&irc.lines(tags), "Ana: answer");
    one(&irc.lines(plain), ":Ana: answer");
}

#[test]
fn who_was_too_slow_is_told_that_something_is_missing() {
    let mut irc = Irc::new();
    let (new, old) = (irc.in_general("standard-replies"), irc.in_general(""));
    irc.lines(new);
    irc.lines(old);
    irc.node
        .events
        .push_back(alloquy_api::Event::Lagged { count: 7 });
    irc.turn();
    one(&irc.lines(new), "NOTE * LAGGED :7 events");
    one(&irc.lines(old), "NOTICE Ana :* LAGGED: 7 events");
}
