//! MODE: each letter that is announced does what it says, and no other does anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::Command;
use alloquy_api::command::OverwriteRef;
use alloquy_api::reply::{OverwriteTarget, OverwriteView, RestrictionView};
use alloquy_ids::{AccountId, EventId, RoleId, UnixMs};
use alloquy_irc::ConnId;

use crate::fake::{ANA, BEN, GENERAL, Irc, START, member, none, not_permitted, one};

/// Milliseconds of the longest time-out that there is.
const LONGEST: u64 = 28 * 24 * 3600 * 1000;

fn restriction(account: AccountId, until: Option<u64>) -> RestrictionView {
    RestrictionView {
        account,
        name: String::new(),
        by: ANA,
        since: UnixMs(START),
        until: until.map(|until| UnixMs(START + until)),
        reason: None,
        operation: EventId([9; 32]),
    }
}

fn timeouts(irc: &mut Irc, all: Vec<RestrictionView>) {
    irc.node.change_club(|club| club.timeouts = Arc::new(all));
    irc.turn();
}

/// Changes what is said for members and roles in a channel, by its place.
fn overwrite(irc: &mut Irc, at: usize, overwrites: Vec<OverwriteView>) {
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[at].overwrites = overwrites;
        club.channels = Arc::new(channels);
    });
    irc.turn();
}

fn rights(target: OverwriteTarget, allow: &[&str], deny: &[&str]) -> OverwriteView {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    OverwriteView {
        target,
        allow: words(allow),
        deny: words(deny),
    }
}

/// What a connection is told when it comes in.
fn welcome(irc: &mut Irc) -> (ConnId, Vec<String>) {
    let conn = irc.connect();
    for line in ["PASS secret", "NICK x"] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "USER x 0 * :x");
    (conn, told)
}

fn letters() -> impl Iterator<Item = char> {
    ('a'..='z').chain('A'..='Z')
}

#[test]
fn what_is_announced_as_a_mode_is_known_and_nothing_else() {
    let mut irc = Irc::new();
    let (conn, told) = welcome(&mut irc);
    let token = |name: &str| {
        let mut words = told.iter().flat_map(|line| line.split(' '));
        let found = words.find_map(|word| word.strip_prefix(name));
        found.unwrap_or_else(|| panic!("{name} in {told:#?}"))
    };
    let of_channels: BTreeSet<char> = token("CHANMODES=").chars().filter(|c| *c != ',').collect();
    assert_eq!(token("CHANMODES="), "bI,,,Cimnst");
    let prefix = token("PREFIX=(").split_once(')').unwrap().0;
    let all: BTreeSet<char> = of_channels.iter().copied().chain(prefix.chars()).collect();
    let words: Vec<&str> = one(&told, " 004 ").split(' ').collect();
    let set = |text: &str| text.chars().collect::<BTreeSet<char>>();
    assert_eq!(set(words[6]), all, "004 says the same: {words:?}");
    let with: BTreeSet<char> = "bI".chars().chain(prefix.chars()).collect();
    assert_eq!(
        set(words[7]),
        with,
        "those that take a parameter: {words:?}"
    );
    irc.send(conn, "JOIN #our-club/general");
    for letter in letters() {
        let told = irc.ask(conn, &format!("MODE #our-club/general +{letter} Ben-Ash"));
        let unknown = told.iter().any(|line| line.contains(" 472 "));
        assert_eq!(unknown, !all.contains(&letter), "{letter}: {told:?}");
        let told = irc.ask(conn, &format!("MODE Ana +{letter}"));
        let unknown = told.iter().any(|line| line.contains(" 501 "));
        assert_eq!(unknown, !words[5].contains(letter), "{letter}: {told:?}");
    }
    // What elsewhere takes a parameter takes none from the mode behind it.
    irc.node.log.clear();
    irc.send(conn, "MODE #our-club/general +ko sesame Ben-Ash");
    assert!(matches!(
        irc.node.log.last(),
        Some(Command::RoleGrant { .. })
    ));
    // The extbans that are announced are those that are known.
    assert_eq!(
        (token("EXTBAN="), token("ACCOUNTEXTBAN=")),
        ("~,am", "a,account")
    );
    for letter in letters() {
        let told = irc.ask(
            conn,
            &format!("MODE #our-club/general +b ~{letter}:Ben-Ash"),
        );
        let unknown = told.iter().any(|line| line.contains(" 696 "));
        assert_eq!(unknown, !"am".contains(letter), "{letter}: {told:?}");
    }
}

#[test]
fn modes_that_every_channel_has_are_set_without_a_word_and_stay() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.node.log.clear();
    for letter in ['C', 'n', 't'] {
        let told = irc.ask(conn, &format!("MODE #our-club/general +{letter}"));
        assert_eq!(told, [""; 0], "{letter}");
        let told = irc.ask(conn, &format!("MODE #our-club/general -{letter}"));
        one(&told, " 482 Ana #our-club/general :Every channel");
    }
    assert_eq!(irc.ask(conn, "MODE #our-club/general +nCt"), [""; 0]);
    one(
        &irc.ask(conn, "MODE #our-club/general"),
        " 324 Ana #our-club/general +Cnt",
    );
    assert_eq!(irc.node.log, [], "nothing was asked of the node");
    // C: no program is asked anything by another. t: the topic is a right. n: who is no member writes nothing.
    one(
        &irc.ask(conn, "PRIVMSG #our-club/general :\u{1}PING 1\u{1}"),
        " 404 ",
    );
    irc.node.refuse = Some(not_permitted());
    one(&irc.ask(conn, "TOPIC #our-club/general :x"), " 482 ");
    irc.node.refuse = Some(not_permitted());
    one(&irc.ask(conn, "PRIVMSG #our-club/general :x"), " 404 ");
    assert!(!irc.node.messages.contains_key(&GENERAL));
}

#[test]
fn a_private_channel_has_i_and_s_and_nobody_makes_one_so() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.send(conn, "JOIN #our-club/secret");
    irc.node.log.clear();
    one(
        &irc.ask(conn, "MODE #our-club/secret"),
        " 324 Ana #our-club/secret +Cntis",
    );
    for letter in ['i', 's'] {
        for (channel, has, not) in [("secret", '+', '-'), ("general", '-', '+')] {
            let told = irc.ask(conn, &format!("MODE #our-club/{channel} {has}{letter}"));
            assert_eq!(told, [""; 0], "{letter} of {channel}");
            let told = irc.ask(conn, &format!("MODE #our-club/{channel} {not}{letter}"));
            one(
                &told,
                &format!(" 482 Ana #our-club/{channel} :Whether a channel is private"),
            );
        }
    }
    assert_eq!(irc.node.log, [], "nothing was asked of the node");
}

#[test]
fn i_lists_lets_in_and_puts_out_of_a_private_channel() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.send(conn, "JOIN #our-club/secret");
    let last = |irc: &Irc| match irc.node.log.last() {
        Some(Command::Overwrite {
            target: OverwriteRef::Member(account),
            allow,
            deny,
            ..
        }) => (account.0.clone(), allow.join(" "), deny.join(" ")),
        other => panic!("{other:?}"),
    };
    irc.send(conn, "MODE #our-club/secret +I ~a:Ben-Ash");
    assert_eq!(
        last(&irc),
        (BEN.to_string(), "view".to_owned(), String::new())
    );
    // What else is said for him there stays.
    let of_ben = rights(OverwriteTarget::Member(BEN), &["view", "pin"], &["send"]);
    overwrite(&mut irc, 1, vec![of_ben.clone()]);
    irc.send(conn, "MODE #our-club/secret -I Ben-Ash");
    assert_eq!(
        last(&irc),
        (BEN.to_string(), "pin".to_owned(), "send".to_owned())
    );
    let told = irc.ask(conn, "MODE #our-club/secret I");
    one(&told, &format!(" 346 Ana #our-club/secret ~a:{BEN}"));
    one(&told, " 347 Ana #our-club/secret ");
    // Into a channel that everybody sees nobody needs to be let.
    overwrite(&mut irc, 0, vec![of_ben]);
    none(&irc.ask(conn, "MODE #our-club/general +I"), " 346 ");
    one(
        &irc.ask(conn, "MODE #our-club/secret +I *!*@*"),
        " 696 Ana #our-club/secret I *!*@* ",
    );
    // Who was let in already is not let in again, and what keeps somebody out is no invitation to take back.
    let orders = |irc: &Irc| irc.node.log.len();
    let before = orders(&irc);
    irc.send(conn, "MODE #our-club/secret +I Ben-Ash");
    let denied = rights(OverwriteTarget::Member(BEN), &[], &["view"]);
    overwrite(&mut irc, 1, vec![denied]);
    irc.send(conn, "MODE #our-club/secret -I Ben-Ash");
    assert_eq!(orders(&irc), before);
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, "MODE #our-club/secret +I Ben-Ash"),
        " 482 Ana #our-club/secret :you",
    );
}

/// A channel that is open in a community whose members may not write by default is open again after `+m` and `-m`.
#[test]
fn m_is_taken_back_where_nobody_may_write_by_default() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.node.change_club(|club| {
        let mut roles = club.roles.to_vec();
        let everyone = roles.iter_mut().find(|role| role.role == RoleId::ZERO);
        everyone.expect("there is one").allow = vec!["view".to_owned()];
        club.roles = Arc::new(roles);
    });
    let everyone = OverwriteTarget::Role(RoleId::ZERO);
    overwrite(&mut irc, 0, vec![rights(everyone, &["send"], &[])]);
    for (mode, allow, deny) in [("+m", &[][..], &["send"][..]), ("-m", &["send"], &[])] {
        irc.send(conn, &format!("MODE #our-club/general {mode}"));
        let Some(Command::Overwrite {
            allow: given,
            deny: taken,
            ..
        }) = irc.node.log.last()
        else {
            panic!("{:?}", irc.node.log);
        };
        assert_eq!(
            (given.as_slice(), taken.as_slice()),
            (&*texts(allow), &*texts(deny)),
            "{mode}"
        );
        overwrite(&mut irc, 0, vec![rights(everyone, allow, deny)]);
        let orders = irc.node.log.len();
        irc.send(conn, &format!("MODE #our-club/general {mode}"));
        assert_eq!(irc.node.log.len(), orders, "{mode} again");
    }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn m_takes_one_right_and_leaves_the_others_and_is_told() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let everyone = OverwriteTarget::Role(RoleId::ZERO);
    overwrite(&mut irc, 0, vec![rights(everyone, &["react"], &["attach"])]);
    irc.lines(conn);
    let last = |irc: &Irc| match irc.node.log.last() {
        Some(Command::Overwrite { allow, deny, .. }) => (allow.join(" "), deny.join(" ")),
        other => panic!("{other:?}"),
    };
    irc.send(conn, "MODE #our-club/general +m");
    assert_eq!(last(&irc), ("react".to_owned(), "attach send".to_owned()));
    let both = rights(everyone, &["react"], &["attach", "send"]);
    overwrite(&mut irc, 0, vec![both]);
    assert_eq!(irc.lines(conn), [":irc.test MODE #our-club/general +m"]);
    one(
        &irc.ask(conn, "MODE #our-club/general"),
        " 324 Ana #our-club/general +Cntm",
    );
    irc.send(conn, "MODE #our-club/general -m");
    assert_eq!(last(&irc), ("react".to_owned(), "attach".to_owned()));
    overwrite(&mut irc, 0, vec![rights(everyone, &["react"], &["attach"])]);
    assert_eq!(irc.lines(conn), [":irc.test MODE #our-club/general -m"]);
}

#[test]
fn a_quiet_ban_is_a_time_out_until_it_is_lifted() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let asked = |irc: &Irc| match irc.node.log.last() {
        Some(Command::Timeout {
            account,
            duration_ms,
            ..
        }) => (account.0.clone(), *duration_ms),
        other => panic!("{other:?}"),
    };
    for mask in [
        "~m:~a:Ben-Ash",
        "m:a:Ben-Ash",
        "~m:Ben-Ash",
        "~mute:~account:ben-ash",
    ] {
        irc.node.log.clear();
        irc.send(conn, &format!("MODE #our-club/general +b {mask}"));
        assert_eq!(asked(&irc), (BEN.to_string(), LONGEST), "{mask}");
    }
    // Nobody is kept from writing yet: there is nothing to lift, and nothing to say.
    irc.node.log.clear();
    assert_eq!(
        irc.ask(conn, "MODE #our-club/general -b ~m:~a:Ben-Ash"),
        [""; 0]
    );
    assert_eq!(irc.node.log, []);
    // One that is over is listed no more, and is no news when it ends.
    let over = AccountId([8; 32]);
    timeouts(
        &mut irc,
        vec![restriction(BEN, Some(60_000)), restriction(over, Some(0))],
    );
    let mask = format!("~m:~a:{BEN}");
    let told = [format!(":irc.test MODE #our-club/general +b {mask}")];
    assert_eq!(irc.lines(conn), told);
    let told = irc.ask(conn, "MODE #our-club/general b");
    one(
        &told,
        &format!(" 367 Ana #our-club/general {mask} Ana {}", START / 1000),
    );
    none(&told, &over.to_string());
    irc.send(conn, &format!("MODE #our-club/general -b {mask}"));
    assert_eq!(asked(&irc), (BEN.to_string(), 0));
    timeouts(&mut irc, vec![restriction(BEN, Some(0))]);
    let told = [format!(":irc.test MODE #our-club/general -b {mask}")];
    assert_eq!(irc.lines(conn), told);
    none(&irc.ask(conn, "MODE #our-club/general b"), " 367 ");
    timeouts(&mut irc, vec![restriction(BEN, Some(60_000))]);
    irc.pass(60_000);
    none(&irc.ask(conn, "MODE #our-club/general b"), " 367 ");
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, "MODE #our-club/general +b ~m:Ben-Ash"),
        " 482 Ana #our-club/general :you",
    );
    one(
        &irc.ask(conn, "MODE #our-club/general +b ~m:*!*@*"),
        " 696 ",
    );
}

#[test]
fn the_next_time_out_of_somebody_is_told_as_the_first_was() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.lines(conn);
    let told = |sign: char| {
        [format!(
            ":irc.test MODE #our-club/general {sign}b ~m:~a:{BEN}"
        )]
    };
    timeouts(&mut irc, vec![restriction(BEN, Some(60_000))]);
    assert_eq!(irc.lines(conn), told('+'));
    // A longer one while it lasts changes nothing in the list, and neither does its end.
    timeouts(&mut irc, vec![restriction(BEN, Some(90_000))]);
    assert_eq!(irc.lines(conn), [""; 0]);
    irc.pass(90_000);
    timeouts(&mut irc, vec![restriction(BEN, Some(90_000))]);
    assert_eq!(irc.lines(conn), [""; 0]);
    // It is over, and there is another one.
    timeouts(&mut irc, vec![restriction(BEN, Some(200_000))]);
    assert_eq!(irc.lines(conn), told('+'));
    timeouts(&mut irc, vec![restriction(BEN, Some(0))]);
    assert_eq!(irc.lines(conn), told('-'));
    // What is lifted when it is over was in no list.
    timeouts(&mut irc, vec![restriction(BEN, Some(201_000))]);
    assert_eq!(irc.lines(conn), told('+'));
    irc.pass(200_000);
    irc.lines(conn);
    timeouts(&mut irc, vec![restriction(BEN, Some(0))]);
    assert_eq!(irc.lines(conn), [""; 0]);
}

#[test]
fn who_is_kept_from_writing_is_told_why_and_until_when() {
    let mut irc = Irc::new();
    let conn = irc.in_general("standard-replies");
    timeouts(&mut irc, vec![restriction(ANA, Some(90_000))]);
    irc.node.refuse = Some(not_permitted());
    let told = irc.ask(conn, "PRIVMSG #our-club/general :x");
    assert_eq!(
        told,
        [
            ":irc.test 404 Ana #our-club/general :you lack the right",
            ":irc.test NOTE PRIVMSG TIMED_OUT #our-club/general 2026-09-21T14:14:50.000Z :You may write again then",
        ]
    );
    irc.node.refuse = Some(not_permitted());
    assert_eq!(irc.ask(conn, "NOTICE #our-club/general :x"), [""; 0]);
    // What keeps it from writing when the time-out is over is something else.
    irc.pass(90_000);
    irc.node.refuse = Some(not_permitted());
    none(&irc.ask(conn, "PRIVMSG #our-club/general :x"), "TIMED_OUT");
}

#[test]
fn bans_of_others_are_told_and_a_crowd_of_them_is_not() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let outside = irc.client("");
    irc.lines(conn);
    let ids: Vec<AccountId> = (1..=70)
        .map(|number| AccountId([100 + number; 32]))
        .collect();
    let ban = |irc: &mut Irc, ids: &[AccountId]| {
        let bans = ids.iter().map(|id| restriction(*id, None)).collect();
        irc.node.change_club(|club| club.bans = Arc::new(bans));
        irc.turn();
    };
    ban(&mut irc, &ids[..5]);
    let told = irc.lines(conn);
    assert_eq!(told.len(), 2, "four fit a line: {told:?}");
    assert!(told[0].starts_with(":irc.test MODE #our-club/general +bbbb ~a:"));
    assert!(told[1].starts_with(":irc.test MODE #our-club/general +b ~a:"));
    for id in &ids[..5] {
        one(&told, &format!("~a:{id}"));
    }
    ban(&mut irc, &ids[1..5]);
    let lifted = format!(":irc.test MODE #our-club/general -b ~a:{}", ids[0]);
    assert_eq!(irc.lines(conn), [lifted]);
    ban(&mut irc, &ids);
    assert_eq!(irc.lines(conn), [""; 0]);
    assert_eq!(irc.lines(outside), [""; 0]);
}

#[test]
fn a_message_for_a_part_of_a_channel_is_said_to_nobody() {
    let mut irc = Irc::new();
    let (_, told) = welcome(&mut irc);
    none(&told, "STATUSMSG");
    let conn = irc.in_general("message-tags echo-message");
    let other = irc.in_general("message-tags");
    irc.lines(other);
    irc.node.log.clear();
    for sign in ['~', '&', '@', '%', '+'] {
        let target = format!("{sign}#our-club/general");
        let told = irc.ask(conn, &format!("PRIVMSG {target} :for some"));
        let refused =
            format!(":irc.test 404 Ana {target} :A part of a channel can not be written to");
        assert_eq!(told, [refused.as_str()]);
        let told = irc.ask(conn, &format!("@+typing=active TAGMSG {target}"));
        assert_eq!(told, [refused.as_str()]);
        assert_eq!(
            irc.ask(conn, &format!("NOTICE {target} :for some")),
            [""; 0]
        );
    }
    assert_eq!(irc.lines(other), [""; 0]);
    assert_eq!(irc.node.log, []);
}

#[test]
fn lists_are_filtered_by_what_is_announced() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members.push(member(AccountId([3; 32]), "Cleo"));
        club.members = Arc::new(members);
    });
    let (conn, told) = welcome(&mut irc);
    let token = told.iter().flat_map(|line| line.split(' '));
    let token: Vec<&str> = token.filter(|word| word.starts_with("ELIST=")).collect();
    assert_eq!(token, ["ELIST=MNU"]);
    for (filter, shown) in [
        ("#our-club/gen*", true),
        ("#other/*", false),
        ("!#our-club/*", false),
        ("!#other/*", true),
        (">2", true),
        (">3", false),
        ("<4", true),
        ("<3", false),
        ("#our-club/*,>2,<4", true),
    ] {
        let told = irc.ask(conn, &format!("LIST {filter}"));
        let listed = told
            .iter()
            .any(|line| line.contains(" 322 Ana #our-club/general 3 "));
        assert_eq!(listed, shown, "{filter}: {told:?}");
        one(&told, " 323 ");
    }
}
