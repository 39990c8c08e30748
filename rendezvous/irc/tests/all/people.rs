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
