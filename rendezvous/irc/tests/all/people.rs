//! WHO, WHOIS, MONITOR and their like.

use std::sync::Arc;

use alloquy_api::Command;
use alloquy_api::command::{Availability, ProfileChange};

use alloquy_api::reply::MemberView;
use alloquy_ids::AccountId;

use crate::fake::{ANA, BEN, Irc, member, none, one};

fn set_ben(irc: &mut Irc, online: bool, availability: Availability) {
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].online = online;
        members[1].availability = online.then_some(availability);
        club.members = Arc::new(members);
    });
    irc.turn();
}

#[test]
fn who_lists_members_and_whox_only_what_was_asked() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let told = irc.ask(conn, "WHO #our-club/general");
    let words = ANA.words().join(".");
    one(
        &told,
        &format!(
            " 352 Ana #our-club/general {} {words} irc.test Ana H~ :0 Ana",
            ANA.short()
        ),
    );
    one(&told, " 315 Ana #our-club/general ");
    set_ben(&mut irc, true, Availability::Idle);
    one(&irc.ask(conn, "WHO Ben-Ash"), " Ben-Ash G :0 Ben Ash");
    let told = irc.ask(conn, "WHO #our-club/general %tna,42");
    one(&told, &format!(" 354 Ana 42 Ana {ANA}"));
    one(&told, &format!(" 354 Ana 42 Ben-Ash {BEN}"));
    let told = irc.ask(conn, "WHO Ben-Ash %cuhsnfdlaor");
    let host = BEN.words().join(".");
    one(
        &told,
        &format!(
            " 354 Ana * {} {host} irc.test Ben-Ash G 0 0 {BEN} n/a :Ben Ash",
            BEN.short()
        ),
    );
    assert_eq!(irc.ask(conn, "WHO nobody").len(), 1);
}

#[test]
fn whois_tells_the_account_and_no_address() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    set_ben(&mut irc, false, Availability::Online);
    let told = irc.ask(conn, "WHOIS ben-ash");
    one(&told, " 311 Ana Ben-Ash ");
    one(&told, " 301 Ana Ben-Ash unreachable");
    one(&told, &format!(" 330 Ana Ben-Ash {BEN} "));
    one(&told, " 318 ");
    let told = irc.ask(conn, "WHOIS nobody");
    one(&told, " 401 ");
    one(&told, " 318 ");
    one(&irc.ask(conn, "WHOIS"), " 431 ");
    let told = irc.ask(conn, "WHOWAS nobody");
    one(&told, " 406 ");
    one(&told, " 369 ");
}

#[test]
fn ison_and_userhost_tell_who_is_here() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    one(
        &irc.ask(conn, "ISON Ben-Ash nobody Ana"),
        " 303 Ana :Ben-Ash Ana",
    );
    one(
        &irc.ask(conn, "USERHOST Ben-Ash"),
        &format!("Ben-Ash=+{}@", BEN.short()),
    );
    set_ben(&mut irc, false, Availability::Online);
    one(&irc.ask(conn, "ISON Ben-Ash"), " 303 Ana :");
    one(&irc.ask(conn, "USERHOST Ben-Ash"), "Ben-Ash=-");
}

#[test]
fn monitor_tells_who_comes_and_goes() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    let told = irc.ask(conn, "MONITOR + Ben-Ash,nobody");
    one(&told, " 730 Ana Ben-Ash!");
    one(&told, " 731 Ana nobody");
    set_ben(&mut irc, false, Availability::Online);
    one(&irc.lines(conn), " 731 Ana Ben-Ash");
    set_ben(&mut irc, true, Availability::Online);
    one(&irc.lines(conn), " 730 Ana Ben-Ash!");
    // Who was never seen comes, and is here.
    one(&irc.ask(conn, "MONITOR + Dan,Eve"), " 731 Ana Dan,Eve");
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members.push(member(AccountId([4; 32]), "Dan"));
        members.push(MemberView {
            online: false,
            ..member(AccountId([5; 32]), "Eve")
        });
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " 730 Ana Dan!");
    none(&told, " 730 Ana Eve!");
    irc.send(conn, "MONITOR - Dan,Eve");
    let told = irc.ask(conn, "MONITOR L");
    one(&told, " 732 ");
    one(&told, " 733 ");
    one(&irc.ask(conn, "MONITOR S"), " 731 Ana nobody");
    irc.send(conn, "MONITOR - Ben-Ash");
    set_ben(&mut irc, false, Availability::Online);
    none(&irc.lines(conn), "731");
    let many: Vec<_> = (0..201).map(|n| format!("n{n}")).collect();
    irc.send(conn, "MONITOR C");
    let told: Vec<_> = many
        .chunks(40)
        .flat_map(|some| irc.ask(conn, &format!("MONITOR + {}", some.join(","))))
        .collect();
    one(&told, " 734 Ana 200 n200 ");
}

#[test]
fn away_is_told_to_the_community_and_by_others_to_those_who_asked() {
    let mut irc = Irc::new();
    let conn = irc.in_general("away-notify");
    one(&irc.ask(conn, "AWAY :lunch"), " 306 ");
    let said = |irc: &Irc, change: &ProfileChange| {
        irc.node.log.contains(&Command::Profile {
            change: change.clone(),
        })
    };
    assert!(said(&irc, &ProfileChange::Status("lunch".to_owned())));
    assert!(said(&irc, &ProfileChange::Availability(Availability::Idle)));
    one(&irc.ask(conn, "AWAY"), " 305 ");
    assert!(said(
        &irc,
        &ProfileChange::Availability(Availability::Online)
    ));
    set_ben(&mut irc, true, Availability::Dnd);
    one(&irc.lines(conn), " AWAY :do not disturb");
    set_ben(&mut irc, true, Availability::Online);
    assert!(irc.lines(conn)[0].ends_with(" AWAY"));
    let deaf = irc.in_general("");
    irc.lines(deaf);
    set_ben(&mut irc, false, Availability::Online);
    assert!(irc.lines(deaf).is_empty());
}

/// What the account asked to be seen as since the last look, its status as the node shows it.
fn status_and_asked(irc: &mut Irc, status: &str) -> Vec<ProfileChange> {
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[0].status = (!status.is_empty()).then(|| status.to_owned());
        club.members = Arc::new(members);
    });
    let seen = match status {
        "" => Availability::Online,
        _ => Availability::Idle,
    };
    irc.node.change(|snapshot| snapshot.availability = seen);
    irc.turn();
    profile(irc)
}

/// The changes of its profile that the account asked for since the last look.
fn profile(irc: &mut Irc) -> Vec<ProfileChange> {
    let asked = std::mem::take(&mut irc.node.log);
    let profile = asked.into_iter().filter_map(|command| match command {
        Command::Profile { change } => Some(change),
        _ => None,
    });
    profile.collect()
}

#[test]
fn away_ends_with_the_connection_that_said_it() {
    let here = ProfileChange::Availability(Availability::Online);
    let gone = ProfileChange::Availability(Availability::Invisible);
    let nothing = ProfileChange::Status(String::new());
    // At the own door the person is wherever the node is; of a rendezvous the last connection is the person.
    for (mut irc, bridge) in [(Irc::new(), false), (Irc::bridge(), true)] {
        let ends = |irc: &mut Irc, conn, status| {
            status_and_asked(irc, status);
            irc.server.closed(conn, irc.now);
            irc.turn();
            status_and_asked(irc, status)
        };
        let (one, two, three) = (irc.client(""), irc.client(""), irc.client(""));
        irc.ask(one, "AWAY :lunch");
        irc.ask(two, "AWAY :lunch");
        assert!(ends(&mut irc, one, "lunch").is_empty(), "two is away too");
        let asked = ends(&mut irc, two, "lunch");
        assert_eq!(asked, [nothing.clone(), here.clone()]);
        // Back, or another text since: the connection takes nothing along.
        let two = irc.client("");
        irc.ask(two, "AWAY :lunch");
        assert!(ends(&mut irc, two, "in a meeting").is_empty());
        let two = irc.client("");
        irc.ask(two, "AWAY :lunch");
        irc.ask(two, "AWAY");
        assert!(ends(&mut irc, two, "lunch").is_empty());
        irc.ask(three, "AWAY :night");
        let asked = ends(&mut irc, three, "night");
        let last = if bridge { &gone } else { &here };
        assert_eq!(asked, [nothing.clone(), last.clone()]);
        // The server's end is the end of all connections.
        let last = irc.client("");
        irc.ask(last, "AWAY :late");
        status_and_asked(&mut irc, "late");
        irc.server.stop(irc.now);
        irc.turn();
        assert!(status_and_asked(&mut irc, "late").contains(&nothing));
    }
}

#[test]
fn who_does_not_want_to_be_seen_is_shown_by_no_client_that_goes_away() {
    let online = ProfileChange::Availability(Availability::Online);
    for hidden in [Availability::Invisible, Availability::Dnd] {
        let mut irc = Irc::new();
        let conn = irc.client("");
        irc.node.change(|snapshot| snapshot.availability = hidden);
        irc.turn();
        one(&irc.ask(conn, "AWAY :lunch"), " 306 ");
        one(&irc.ask(conn, "AWAY"), " 305 ");
        irc.ask(conn, "AWAY :lunch");
        let status = |asked: Vec<ProfileChange>| {
            let only = |change: &ProfileChange| matches!(change, ProfileChange::Status(_));
            assert!(asked.iter().all(only), "{asked:?}");
            asked.len()
        };
        assert_eq!(status(profile(&mut irc)), 3);
        status_and_asked(&mut irc, "lunch");
        irc.node.change(|snapshot| snapshot.availability = hidden);
        irc.turn();
        irc.server.closed(conn, irc.now);
        irc.turn();
        assert_eq!(status(profile(&mut irc)), 1);
    }
    // Away and gone before the node has said anything: what is asked last is that it is here.
    let mut irc = Irc::new();
    let conn = irc.client("");
    irc.server.received(conn, b"AWAY :lunch\r\n", irc.now);
    irc.server.closed(conn, irc.now);
    irc.turn();
    let asked = profile(&mut irc);
    let nothing = ProfileChange::Status(String::new());
    assert_eq!(asked[asked.len() - 2..], [nothing, online]);
}

#[test]
fn two_that_are_away_are_away_by_the_one_that_stays() {
    let mut irc = Irc::new();
    let (one, two) = (irc.client(""), irc.client(""));
    irc.ask(one, "AWAY :lunch");
    irc.ask(two, "AWAY :night");
    status_and_asked(&mut irc, "night");
    irc.server.closed(two, irc.now);
    irc.turn();
    let asked = profile(&mut irc);
    assert_eq!(asked, [ProfileChange::Status("lunch".to_owned())]);
}

#[test]
fn setname_changes_the_display_name() {
    let mut irc = Irc::new();
    let conn = irc.in_general("setname");
    let told = irc.ask(conn, "SETNAME :Ana Maria");
    one(&told, " NICK Ana-Maria");
    one(&told, " SETNAME :Ana Maria");
    one(
        &irc.ask(conn, "SETNAME : "),
        "FAIL SETNAME INVALID_REALNAME ",
    );
}

#[test]
fn a_bot_says_so() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    one(&irc.ask(conn, "MODE Ana +B"), "MODE Ana +B");
    one(&irc.ask(conn, "MODE Ana"), " 221 Ana +Bi");
    one(&irc.ask(conn, "WHOIS Ana"), " 335 ");
    one(&irc.ask(conn, "WHO Ana"), " HB ");
    one(&irc.ask(conn, "MODE Ben-Ash +B"), " 502 ");
    one(&irc.ask(conn, "MODE nobody"), " 401 ");
    one(&irc.ask(conn, "MODE Ana +Z"), " 501 ");
}

#[test]
fn the_server_answers_about_itself() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    for (line, numbers) in [
        ("ADMIN", &[" 256 ", " 257 ", " 258 ", " 259 "][..]),
        ("HELP", &[" 704 ", " 706 "]),
        ("INFO", &[" 374 "]),
        ("LINKS", &[" 364 ", " 365 "]),
        (
            "LUSERS",
            &[
                " 251 ", " 252 ", " 253 ", " 254 ", " 255 ", " 265 ", " 266 ",
            ],
        ),
        ("MOTD", &[" 375 ", " 376 "]),
        ("OPER a b", &[" 491 "]),
        ("TIME", &[" 391 "]),
        ("VERSION", &[" 351 "]),
        ("WALLOPS x", &[" 481 "]),
        ("PING x", &["PONG irc.test x"]),
        ("NOSUCH", &[" 421 Ana NOSUCH "]),
        ("TOPIC", &[" 461 Ana TOPIC "]),
    ] {
        let told = irc.ask(conn, line);
        for number in numbers {
            one(&told, number);
        }
    }
}
