//! Rooms: JOIN, PART, NAMES, TOPIC, LIST, MODE, KICK, INVITE, and what happens in them.

use std::sync::Arc;

use alloquy_api::Command;
use alloquy_ids::AccountId;

use crate::fake::{ANA, BEN, CLUB, GENERAL, Irc, SECRET, member, none, not_permitted, one};

#[test]
fn a_join_is_answered_with_topic_and_names() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[0].topic = "be nice".to_owned();
        club.channels = Arc::new(channels);
    });
    let conn = irc.client("");
    let told = irc.ask(conn, "JOIN #Our-Club/General");
    assert!(
        told[0].starts_with(":Ana!") && told[0].ends_with(" JOIN #our-club/general"),
        "{told:?}"
    );
    one(&told, " 332 Ana #our-club/general :be nice");
    one(&told, " 353 Ana = #our-club/general :~Ana Ben-Ash");
    one(&told, " 366 Ana #our-club/general ");
    assert!(
        irc.ask(conn, "JOIN #our-club/general").is_empty(),
        "it is in already"
    );
    let extended = irc.client("extended-join userhost-in-names multi-prefix");
    let told = irc.ask(extended, "JOIN #our-club/general");
    assert!(
        told[0].ends_with(&format!(" JOIN #our-club/general {ANA} Ana")),
        "{told:?}"
    );
    one(
        &told,
        &format!("Ben-Ash!{}@{}", BEN.short(), BEN.words().join(".")),
    );
    for cap in ["no-implicit-names", "draft/no-implicit-names"] {
        let quiet = irc.client(cap);
        let told = irc.ask(quiet, "JOIN #our-club/general");
        none(&told, " 353 ");
        none(&told, " 366 ");
        one(&irc.ask(quiet, "NAMES #our-club/general"), " 353 ");
    }
    one(&irc.ask(conn, "JOIN #nowhere"), " 403 ");
    one(&irc.ask(conn, "JOIN nowhere"), " 476 ");
    let two = irc.client("");
    let told = irc.ask(two, "JOIN #our-club/general,#our-club/secret");
    assert_eq!(
        told.iter().filter(|line| line.contains(" JOIN ")).count(),
        2
    );
}

#[test]
fn parting_ends_the_connections_view_and_not_the_membership() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    one(
        &irc.ask(conn, "PART #our-club/general :bye"),
        " PART #our-club/general bye",
    );
    irc.node.write(GENERAL, BEN, "hello");
    irc.turn();
    assert!(irc.lines(conn).is_empty());
    one(&irc.ask(conn, "PART #our-club/general"), " 442 ");
    one(&irc.ask(conn, "PART #nowhere"), " 403 ");
    assert!(
        !irc.node
            .log
            .iter()
            .any(|command| matches!(command, Command::Leave { .. }))
    );
    irc.send(conn, "JOIN #our-club/general");
    one(&irc.ask(conn, "JOIN 0"), " PART ");
}

#[test]
fn private_channels_are_named_to_those_in_them_and_shown_with_those_who_see_them() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let told = irc.ask(conn, "LIST");
    one(&told, " 322 Ana #our-club/general 2 ");
    none(&told, "secret");
    let told = irc.ask(conn, "JOIN #our-club/secret");
    one(&told, " 353 Ana @ #our-club/secret ~Ana");
    none(&told, "Ben-Ash");
    one(
        &irc.ask(conn, "MODE #our-club/secret"),
        " 324 Ana #our-club/secret +Cntis",
    );
    one(&irc.ask(conn, "LIST"), "#our-club/secret");
    none(&irc.ask(conn, "WHO #our-club/secret"), "Ben");
    let told = irc.ask(conn, "WHOIS Ben-Ash");
    none(&told, "secret");
    one(&told, " 319 Ana Ben-Ash #our-club/general");
}

#[test]
fn a_channel_that_is_taken_away_is_nowhere_from_then_on() {
    let mut irc = Irc::new();
    let id = irc.node.write(SECRET, BEN, "whisper");
    let conn = irc.in_general("message-tags batch server-time draft/chathistory draft/message-redaction draft/read-marker");
    irc.send(conn, "JOIN #our-club/secret");
    irc.lines(conn);
    irc.node
        .change_club(|club| club.channels = Arc::new(club.channels[..1].to_vec()));
    irc.turn();
    one(&irc.lines(conn), "KICK #our-club/secret Ana ");
    // The node would still tell: nothing of it passes.
    irc.node.write(SECRET, BEN, "hidden");
    irc.node.react(id, BEN, "x");
    irc.turn();
    assert!(irc.lines(conn).is_empty());
    for line in [
        "JOIN #our-club/secret".to_owned(),
        "NAMES #our-club/secret".to_owned(),
        "WHO #our-club/secret".to_owned(),
        "LIST #our-club/*".to_owned(),
        "TOPIC #our-club/secret".to_owned(),
        "MODE #our-club/secret".to_owned(),
        "PRIVMSG #our-club/secret :x".to_owned(),
        "CHATHISTORY LATEST #our-club/secret * 5".to_owned(),
        "CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2030-01-01T00:00:00.000Z 9".to_owned(),
        "MARKREAD #our-club/secret".to_owned(),
        format!("REDACT #our-club/secret {id}"),
        "INVITE Ben-Ash #our-club/secret".to_owned(),
        "KICK #our-club/secret Ben-Ash".to_owned(),
        "METADATA #our-club/secret LIST".to_owned(),
    ] {
        let told = irc.ask(conn, &line);
        let unknown = irc.ask(conn, &line.replace("our-club/secret", "our-club/sesame"));
        let same: Vec<_> = unknown.iter().map(|line| line.replace("sesame", "secret")).collect();
        let strip = |lines: &[String]| -> Vec<String> {
            // References of batches count on.
            lines.iter().map(|line| line.chars().filter(|char| !char.is_ascii_digit()).collect()).collect()
        };
        assert_eq!(strip(&told), strip(&same), "{line}: as if it had never been");
        none(&told, "whisper");
    }
}

#[test]
fn topics_pass_both_ways() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    one(&irc.ask(conn, "TOPIC #our-club/general"), " 331 ");
    let told = irc.ask(conn, "TOPIC #our-club/general :new topic");
    one(&told, "TOPIC #our-club/general :new topic");
    one(
        &irc.ask(conn, "TOPIC #our-club/general"),
        " 332 Ana #our-club/general :new topic",
    );
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, "TOPIC #our-club/general :x"),
        " 482 Ana #our-club/general :you lack the right",
    );
    one(&irc.ask(conn, "TOPIC #our-club/secret :x"), " 442 ");
}

#[test]
fn members_come_and_go_and_are_renamed() {
    let mut irc = Irc::new();
    let conn = irc.in_general("extended-join setname away-notify account-tag");
    irc.lines(conn);
    let cleo = AccountId([3; 32]);
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members.push(member(cleo, "Cleo"));
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    assert!(
        one(&told, "JOIN").ends_with(&format!("JOIN #our-club/general {cleo} Cleo")),
        "{told:?}"
    );
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[2].name = "Cleo B".to_owned();
        members[1].online = false;
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    assert!(one(&told, " NICK ").contains(":Cleo!"), "{told:?}");
    one(&told, " SETNAME :Cleo B");
    one(&told, ":Ben-Ash!");
    one(&told, " AWAY unreachable");
    irc.node
        .change_club(|club| club.members = Arc::new(club.members[..2].to_vec()));
    irc.turn();
    one(&irc.lines(conn), ":Cleo-B!");
}

#[test]
fn roles_are_prefixes_and_mode_grants_them() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.lines(conn);
    irc.send(conn, "MODE #our-club/general +o Ben-Ash");
    assert!(
        matches!(irc.node.log.last(), Some(Command::RoleGrant { account, .. }) if account.0 == BEN.to_string())
    );
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].roles = vec!["ops".to_owned()];
        club.members = Arc::new(members);
    });
    irc.turn();
    one(&irc.lines(conn), "MODE #our-club/general +o Ben-Ash");
    one(&irc.ask(conn, "NAMES #our-club/general"), ":~Ana @Ben-Ash");
    irc.node.refuse = Some(not_permitted());
    one(&irc.ask(conn, "MODE #our-club/general -o Ben-Ash"), " 482 ");
    one(&irc.ask(conn, "MODE #our-club/general +h Ben-Ash"), " 482 ");
    one(&irc.ask(conn, "MODE #our-club/general +o nobody"), " 401 ");
    one(&irc.ask(conn, "MODE #our-club/general +X"), " 472 ");
    one(&irc.ask(conn, "MODE #our-club/general +o"), " 696 ");
    irc.send(conn, "MODE #our-club/general +m");
    assert!(
        matches!(irc.node.log.last(), Some(Command::Overwrite { deny, .. }) if deny == &["send"])
    );
}

#[test]
fn bans_are_of_accounts() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    for mask in ["~a:Ben-Ash", "Ben-Ash", "Ben-Ash!*@*", "~account:Ben-Ash"] {
        irc.send(conn, &format!("MODE #our-club/general +b {mask}"));
        assert!(
            matches!(irc.node.log.last(), Some(Command::Ban { account, .. }) if account.0 == BEN.to_string()),
            "{mask}"
        );
    }
    one(&irc.ask(conn, "MODE #our-club/general +b *!*@*"), " 696 ");
    irc.node.change_club(|club| {
        club.bans = Arc::new(vec![alloquy_api::reply::RestrictionView {
            account: BEN,
            name: "Ben Ash".to_owned(),
            by: ANA,
            since: alloquy_ids::UnixMs(1_700_000_000_000),
            until: None,
            reason: None,
            operation: alloquy_ids::EventId([9; 32]),
        }]);
    });
    irc.turn();
    let told = irc.ask(conn, "MODE #our-club/general b");
    one(
        &told,
        &format!(" 367 Ana #our-club/general ~a:{BEN} Ana 1700000000"),
    );
    one(&told, " 368 ");
    one(&irc.ask(conn, "MODE #our-club/general +I"), " 347 ");
    irc.send(conn, &format!("MODE #our-club/general -b ~a:{BEN}"));
    assert!(matches!(irc.node.log.last(), Some(Command::Unban { .. })));
}

#[test]
fn kick_and_invite_are_orders_to_the_community() {
    let mut irc = Irc::new();
    let conn = irc.in_general("invite-notify");
    irc.send(conn, "KICK #our-club/general Ben-Ash :enough");
    assert!(
        matches!(irc.node.log.last(), Some(Command::Kick { community, reason: Some(reason), .. })
        if community.0 == CLUB.to_string() && reason == "enough")
    );
    one(&irc.ask(conn, "KICK #our-club/general nobody"), " 441 ");
    irc.node.refuse = Some(not_permitted());
    one(&irc.ask(conn, "KICK #our-club/general Ben-Ash"), " 482 ");
    one(&irc.ask(conn, "INVITE Ben-Ash #our-club/general"), " 443 ");
    one(&irc.ask(conn, "INVITE nobody #our-club/general"), " 401 ");
    irc.send(conn, "JOIN #our-club/secret");
    let told = irc.ask(conn, "INVITE Ben-Ash #our-club/secret");
    one(&told, " 341 Ana Ben-Ash #our-club/secret");
    one(&told, " INVITE Ben-Ash #our-club/secret");
    assert!(
        irc.node.log.iter().any(
            |command| matches!(command, Command::Overwrite { allow, .. } if allow == &["view"])
        )
    );
    one(&irc.ask(conn, "INVITE"), " 337 ");
}

#[test]
fn a_large_room_is_listed_in_bounds() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members.extend((0..5000_u32).map(|n| {
            let mut id = [7; 32];
            id[..4].copy_from_slice(&n.to_be_bytes());
            member(AccountId(id), &format!("member{n}"))
        }));
        club.members = Arc::new(members);
    });
    let conn = irc.client("");
    let told = irc.ask(conn, "JOIN #our-club/general");
    let names: usize = told
        .iter()
        .filter(|line| line.contains(" 353 "))
        .map(|line| line.split(' ').count() - 5)
        .sum();
    assert_eq!(names, 500);
    assert_eq!(irc.ask(conn, "WHO #our-club/general").len(), 501);
    one(
        &irc.ask(conn, "LIST >4000"),
        " 322 Ana #our-club/general 5002 ",
    );
    none(&irc.ask(conn, "LIST <4000"), " 322 ");
    none(&irc.ask(conn, "LIST !*general"), "general");
}

#[test]
fn a_communitys_part_of_the_names_stays_when_its_name_changes() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    irc.node.change_club(|club| club.name = "Other".to_owned());
    irc.turn();
    one(&irc.ask(conn, "LIST"), "#our-club/general");
    irc.server = alloquy_irc::Server::new(crate::fake::settings());
    let conn = irc.client("");
    one(&irc.ask(conn, "LIST"), "#our-club/general");
}

#[test]
fn a_renamed_channel_is_left_and_joined_under_its_new_name() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.lines(conn);
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[0].name = "lobby".to_owned();
        club.channels = Arc::new(channels);
    });
    irc.turn();
    let told = irc.lines(conn);
    assert!(
        told[0].contains(" PART #our-club/general ") && told[1].ends_with(" JOIN #our-club/lobby"),
        "{told:?}"
    );
    irc.node.write(GENERAL, BEN, "hello");
    irc.turn();
    one(&irc.lines(conn), "PRIVMSG #our-club/lobby hello");
}
