//! `alloquy.chat/embed`: previews as tags, a line for others, and what clients give.

use alloquy_api::{Command, CommandError, Embed, ErrorCode};
use alloquy_irc::Server;

use crate::fake::{BEN, GENERAL, Irc, none, one, settings};

const CAPS: &str =
    "alloquy.chat/embed message-tags batch draft/multiline server-time standard-replies";
const LINE: &str = "PRIVMSG #our-club/general :[preview] An; example: https://example.org/";

fn embed(url: &str, title: &str, description: &str) -> Embed {
    Embed {
        url: url.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
    }
}

fn example() -> Embed {
    embed("https://example.org/", "An; example", "What\\it says")
}

/// Ben writes a message with previews.
fn shows(irc: &mut Irc, text: &str, embeds: Vec<Embed>) -> alloquy_ids::EventId {
    irc.node.embeds = embeds;
    let id = irc.node.write(GENERAL, BEN, text);
    irc.turn();
    id
}

#[test]
fn a_preview_is_a_tag_for_who_asked_and_one_line_for_others() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let tagged = irc.in_general("message-tags server-time account-tag");
    let plain = irc.in_general("");
    let quiet = irc.in_general("alloquy.chat/embed");
    let id = shows(
        &mut irc,
        "look",
        vec![example(), embed("http://b.org", "B", "")],
    );
    let told = irc.lines(conn);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(
            ";alloquy.chat/embed=https://example.org/\\sAn\\:\\sexample\\nWhat\\\\it\\ssays;\
             alloquy.chat/embed-2=http://b.org\\sB :Ben-Ash!"
        ),
        "{told:?}"
    );
    let told = irc.lines(tagged);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains(&format!("msgid={id}")) && !told[0].contains("embed"));
    for line in &told[1..] {
        assert!(
            line.contains("time=") && line.contains("account="),
            "{line}"
        );
        assert!(!line.contains("msgid"), "{line}");
    }
    assert!(
        told[1].ends_with(LINE) && told[2].ends_with(":[preview] B: http://b.org"),
        "{told:?}"
    );
    let told = irc.lines(plain);
    assert_eq!(told.len(), 3);
    assert!(
        told[1].starts_with(":Ben-Ash!") && told[1].ends_with(LINE),
        "{told:?}"
    );
    // Who asks for previews as tags and for no tags has neither.
    let told = irc.lines(quiet);
    assert_eq!(told.len(), 1, "{told:?}");
    none(&told, "example.org");
    // It can be asked for at any time, and given up.
    irc.send(plain, "CAP REQ :alloquy.chat/embed");
    irc.send(quiet, "CAP REQ :-alloquy.chat/embed");
    irc.lines(plain);
    irc.lines(quiet);
    shows(&mut irc, "again", vec![example()]);
    none(&irc.lines(plain), "preview");
    one(&irc.lines(quiet), LINE);
}

#[test]
fn histories_give_the_same_and_a_message_of_several_lines_has_its_preview_once() {
    let mut irc = Irc::new();
    let several = "one\ntwo";
    let caps = "batch server-time message-tags draft/chathistory";
    let conn = irc.in_general(&format!("{caps} draft/multiline alloquy.chat/embed"));
    let split = irc.in_general(caps);
    let lines = irc.in_general(&format!("{caps} draft/multiline"));
    let id = shows(&mut irc, several, vec![example()]);
    let bodies = |lines: &[String]| -> Vec<String> {
        let of = lines.iter().filter(|line| line.contains("PRIVMSG"));
        of.map(|line| line.split_once(" :").unwrap().1.to_owned())
            .collect()
    };
    for (at, texts) in [(conn, 2), (split, 3), (lines, 3)] {
        let live = irc.lines(at);
        let held = irc.ask(at, "CHATHISTORY LATEST #our-club/general * 10");
        for told in [&live, &held] {
            assert_eq!(bodies(told).len(), texts, "{told:#?}");
            let with = |text: &str| told.iter().filter(|line| line.contains(text)).count();
            assert_eq!(
                with("alloquy.chat/embed="),
                usize::from(at == conn),
                "{told:#?}"
            );
            assert_eq!(with(&format!("msgid={id}")), 1, "{told:#?}");
            assert_eq!(with(LINE), usize::from(at != conn), "{told:#?}");
        }
        assert_eq!(bodies(&live), bodies(&held));
        // All of a page stands in its batch.
        let reference = held[0]
            .split_once("BATCH +")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap();
        let preview = held.iter().find(|line| line.contains("[preview]"));
        assert!(
            preview.is_none_or(|line| line.contains(&format!("batch={reference}"))),
            "{held:#?}"
        );
    }
}

#[test]
fn an_edit_tells_of_no_preview_again() {
    let mut irc = Irc::new();
    let conn = irc.in_general(&format!("{CAPS} alloquy.chat/edit"));
    let lines = irc.in_general("alloquy.chat/edit message-tags");
    let plain = irc.in_general("");
    let id = shows(&mut irc, "helo", vec![example()]);
    for conn in [conn, lines, plain] {
        irc.lines(conn);
    }
    irc.node.alter(id, |message| {
        message.text = "hello".to_owned();
        message.edited = true;
    });
    irc.turn();
    irc.pass(3_000);
    for conn in [conn, lines, plain] {
        let told = irc.lines(conn);
        assert_eq!(told.len(), 1, "{told:?}");
        none(&told, "example.org");
    }
}

#[test]
fn a_server_can_leave_the_lines_out() {
    let mut irc = Irc::new();
    irc.server = Server::new(settings()).without_preview_lines();
    let conn = irc.in_general(CAPS);
    let plain = irc.in_general("");
    shows(&mut irc, "look", vec![example()]);
    one(&irc.lines(conn), "alloquy.chat/embed=");
    let told = irc.lines(plain);
    assert_eq!(told.len(), 1);
    none(&told, "preview");
}

#[test]
fn a_preview_ends_no_line_and_begins_none() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let plain = irc.in_general("");
    // A node refuses these; what came through all the same is no line of its own.
    let bad = embed(
        "https://a.org",
        "a\r\nQUIT :x",
        "b\r\n:c!d@e PRIVMSG f :g\0",
    );
    shows(&mut irc, "look", vec![bad]);
    let told = irc.lines(conn);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("\\sa\\r\\nQUIT\\s:x"), "{told:?}");
    for line in irc.lines(plain) {
        assert!(line.starts_with(":Ben-Ash!"), "{line}");
    }
    // An address that is longer than a line goes on in the next one.
    let long = format!("https://a.org/{}", "x".repeat(1000));
    shows(&mut irc, "look", vec![embed(&long, "t", "")]);
    let told = irc.lines(plain);
    // What is one word stands without a colon.
    let text = |line: &String| {
        let (_, text) = line.split_once("PRIVMSG #our-club/general ").unwrap();
        text.trim_start_matches(':').to_owned()
    };
    let texts: String = told[1..].iter().map(text).collect();
    assert_eq!(texts, format!("[preview] t: {long}"));
}

#[test]
fn a_client_gives_previews_by_the_same_tags() {
    let mut irc = Irc::new();
    let conn = irc.in_general(&format!("{CAPS} echo-message labeled-response"));
    let value = "https://example.org/\\sAn\\:\\sexample\\nWhat\\\\it\\ssays";
    let told = irc.ask(
        conn,
        &format!(
            "@label=e;alloquy.chat/embed={value};alloquy.chat/embed-2=http://b.org\\sB PRIVMSG \
             #our-club/general :look"
        ),
    );
    let both = [example(), embed("http://b.org", "B", "")];
    assert!(
        matches!(irc.node.log.last(), Some(Command::Send { embeds, .. }) if *embeds == both),
        "{:?}",
        irc.node.log.last()
    );
    let line = one(&told, &format!("alloquy.chat/embed={value};"));
    assert!(line.contains("label=e"), "{line}");
    // In an answer, to somebody new, and in several lines.
    let id = irc.node.write(GENERAL, BEN, "what?");
    irc.turn();
    let tag = "alloquy.chat/embed=http://b.org\\sB";
    irc.send(
        conn,
        &format!("@+reply={id};{tag} PRIVMSG #our-club/general :this"),
    );
    assert!(
        matches!(irc.node.log.last(), Some(Command::Reply { embeds, .. }) if *embeds == both[1..])
    );
    irc.send(conn, &format!("@{tag} PRIVMSG Ben-Ash :hello"));
    let sent = |irc: &Irc| match irc.node.log.last() {
        Some(Command::Send { embeds, text, .. }) => (text.clone(), embeds.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(sent(&irc), ("hello".to_owned(), both[1..].to_vec()));
    irc.send(
        conn,
        &format!("@{tag} BATCH +1 draft/multiline #our-club/general"),
    );
    irc.send(conn, "@batch=1 PRIVMSG #our-club/general :one");
    irc.send(conn, "@batch=1 PRIVMSG #our-club/general :two");
    irc.send(conn, "BATCH -1");
    assert_eq!(sent(&irc), ("one\ntwo".to_owned(), both[1..].to_vec()));
    // Of who did not ask for them the tag means nothing.
    let plain = irc.in_general("message-tags");
    irc.send(
        plain,
        "@alloquy.chat/embed=nonsense PRIVMSG #our-club/general :plain",
    );
    assert_eq!(sent(&irc), ("plain".to_owned(), Vec::new()));
}

#[test]
fn what_is_no_preview_is_refused_and_nothing_said() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let long = "x".repeat(257);
    for (tags, words) in [
        ("alloquy.chat/embed", "an address, a space and a title"),
        (
            "alloquy.chat/embed=javascript:x\\st",
            "found `javascript:x`",
        ),
        ("alloquy.chat/embed=https://a.org\\st\\ra", "found `t\\ra`"),
        (
            &*format!("alloquy.chat/embed=https://a.org\\s{long}"),
            "a title of at most 256 bytes; found 257 bytes",
        ),
        (
            "alloquy.chat/embed-4=https://a.org\\st",
            "found alloquy.chat/embed-4",
        ),
    ] {
        let told = irc.ask(conn, &format!("@{tags} PRIVMSG #our-club/general :look"));
        let line = one(&told, "FAIL PRIVMSG EMBED_INVALID #our-club/general :");
        assert!(line.contains(words), "{line}");
        let told = irc.ask(
            conn,
            &format!("@{tags} BATCH +1 draft/multiline #our-club/general"),
        );
        one(&told, "FAIL BATCH EMBED_INVALID #our-club/general :");
        let told = irc.ask(conn, &format!("@{tags} NOTICE #our-club/general :look"));
        assert!(told.is_empty(), "{told:?}");
    }
    let says = |irc: &Irc| {
        let log = irc.node.log.iter();
        log.filter(|command| matches!(command, Command::Send { .. }))
            .count()
    };
    assert_eq!(says(&irc), 0);
    // What the node refuses is refused as any message is.
    irc.node.refuse = Some(CommandError::new(ErrorCode::NotPermitted, "no links here"));
    let told = irc.ask(
        conn,
        "@alloquy.chat/embed=https://a.org\\st PRIVMSG #our-club/general :look",
    );
    one(&told, " 404 Ana #our-club/general :no links here");
}
