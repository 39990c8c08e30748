//! Operators of the server: what they are told, what they may do, and what they may not.

use std::sync::Arc;

use alloquy_api::Command;
use alloquy_api::command::{Availability, ProfileChange};
use alloquy_ids::{AccountId, CommunityId};
use alloquy_irc::{Bridge, ClientKey, ConnId, Credential, Mechanism, Outcome, Server};
use data_encoding::BASE64;

use crate::fake::{ANA, BEN, CLUB, Irc, Node, member, none, one, settings};

const OPER: &str = "OPER boss :a key";
const DAN: AccountId = AccountId([4; 32]);

/// A rendezvous with an operator; Ben is at it too, as a guest.
fn irc() -> Irc {
    let bridge = Bridge {
        mechanisms: Mechanism::ALL.to_vec(),
        guests: true,
        opers: true,
        ..Bridge::default()
    };
    let mut ben = Node::new();
    ben.change(|snapshot| {
        snapshot.account = Some(BEN);
        snapshot.name = "Ben Ash".to_owned();
    });
    let mut irc = Irc::new();
    irc.server = Server::new(settings()).with_bridge(bridge);
    irc.other = Some((ClientKey(2), ben));
    irc
}

/// A connection of whom a guest acts as.
fn guest(irc: &mut Irc, caps: &str) -> ConnId {
    let conn = irc.connect();
    for line in [
        &format!("CAP REQ :{caps}"),
        "NICK guest",
        "USER u 0 * :r",
        "CAP END",
    ] {
        irc.send(conn, line);
    }
    one(&irc.lines(conn), " 001 ");
    conn
}

#[test]
fn oper_wants_a_name_and_its_password_and_three_wrong_ones_close() {
    let mut irc = irc();
    let conn = irc.client("labeled-response batch");
    one(&irc.ask(conn, "OPER boss"), " 461 Ana OPER ");
    one(&irc.ask(conn, "OPER"), " 461 Ana OPER ");
    assert!(irc.checks.is_empty());
    // A name that is nobody's and a wrong password are answered alike.
    let wrong = irc.ask(conn, "OPER boss wrong");
    assert_eq!(wrong, irc.ask(conn, "OPER nobody :a key"));
    assert_eq!(wrong, [":irc.test 464 Ana :Password incorrect"]);
    one(&irc.ask(conn, "WALLOPS :x"), " 481 ");
    assert!(irc.closed.is_empty());
    let told = irc.ask(conn, "@label=x OPER BOSS :a key");
    one(&told, "@label=x :irc.test 464 ");
    one(&told, "ERROR :Closing link: Too many failed log-ins");
    assert_eq!(irc.closed, [conn]);
    // Log-ins by SASL that have failed count among them.
    let conn = irc.connect();
    irc.send(conn, "CAP REQ sasl");
    for _ in 0..2 {
        irc.send(conn, "AUTHENTICATE PLAIN");
        let guess = BASE64.encode(b"\0ana\0guess");
        one(&irc.ask(conn, &format!("AUTHENTICATE {guess}")), " 904 ");
    }
    for line in ["PASS secret", "NICK x", "USER u 0 * :r", "CAP END"] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "OPER boss wrong");
    one(&told, " 464 ");
    one(&told, "ERROR ");
    // What is piped behind it waits until it was looked at, and it has the label of its line.
    let conn = irc.client("labeled-response batch");
    irc.checks_at_once = false;
    irc.send(conn, &format!("@label=x {OPER}"));
    irc.send(conn, "WALLOPS :heard by nobody");
    assert_eq!(irc.lines(conn), [""; 0]);
    let (check, credential) = irc.checks.remove(0);
    assert!(matches!(credential, Credential::Operator { .. }));
    assert_eq!(format!("{credential:?}"), "Operator");
    irc.answer(check, &credential);
    irc.turn();
    let told = irc.lines(conn);
    one(&told, "@label=x :irc.test BATCH ");
    one(&told, " 381 Ana :You are now an operator of this server");
    assert!(
        one(&told, " MODE Ana +o").contains(":Ana!"),
        "of itself: {told:?}"
    );
    none(&told, " 481 ");
}

#[test]
fn where_there_are_no_operators_nobody_becomes_one() {
    for mut irc in [Irc::new(), Irc::bridge()] {
        let conn = irc.client("");
        one(&irc.ask(conn, OPER), " 491 Ana :");
        assert!(irc.checks.is_empty(), "no password is looked at");
        one(&irc.ask(conn, "WALLOPS :x"), " 481 ");
        one(&irc.ask(conn, "KILL Ben-Ash :x"), " 481 ");
        for letter in ["+o", "-o", "+w"] {
            one(&irc.ask(conn, &format!("MODE Ana {letter}")), " 501 ");
        }
        one(&irc.ask(conn, "LUSERS"), " 252 Ana 0 ");
    }
    // Who may only read is none either.
    let mut irc = irc();
    let conn = irc.connect();
    for line in [
        "CAP REQ standard-replies",
        "PASS ana:reading",
        "NICK x",
        "USER u 0 * :r",
        "CAP END",
    ] {
        irc.send(conn, line);
    }
    for line in [OPER, "KILL Ben-Ash :x", "WALLOPS :x"] {
        let command = line.split(' ').next().unwrap();
        let told = irc.ask(conn, line);
        one(&told, &format!("FAIL {command} READ_ONLY "));
    }
    assert!(irc.checks.is_empty());
}

#[test]
fn modes_of_users_are_announced_and_known_where_there_are_operators() {
    let mut irc = irc();
    let conn = irc.connect();
    for line in ["PASS secret", "NICK x"] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "USER x 0 * :x");
    let words: Vec<&str> = one(&told, " 004 ").split(' ').collect();
    assert_eq!(words[5], "Biow");
    for letter in ('a'..='z').chain('A'..='Z') {
        let told = irc.ask(conn, &format!("MODE Ana +{letter}"));
        let unknown = told.iter().any(|line| line.contains(" 501 "));
        assert_eq!(unknown, !words[5].contains(letter), "{letter}: {told:?}");
    }
    // Nobody makes an operator of itself, and who is none has nothing to give up.
    one(&irc.ask(conn, "MODE Ana"), " 221 Ana +Biw");
    assert_eq!(irc.ask(conn, "MODE Ana +o-o"), [""; 0]);
    one(&irc.ask(conn, "KILL Ben-Ash :x"), " 481 ");
    irc.send(conn, OPER);
    one(&irc.ask(conn, "MODE Ana"), " 221 Ana +Biow");
    assert_eq!(
        irc.ask(conn, "MODE Ana +o"),
        [""; 0],
        "it is one: nothing is told"
    );
    one(&irc.ask(conn, "MODE Ana -o"), " MODE Ana -o");
    one(&irc.ask(conn, "MODE Ana"), " 221 Ana +Biw");
    one(&irc.ask(conn, "KILL Ben-Ash :x"), " 481 ");
    one(&irc.ask(conn, "MODE Ana -w"), " MODE Ana -w");
    assert_eq!(irc.ask(conn, "MODE Ana -w"), [""; 0], "it was so already");
    one(&irc.ask(conn, "MODE Ben-Ash +w"), " 502 ");
}

#[test]
fn an_operator_is_marked_where_it_is_seen() {
    let mut irc = irc();
    let (ana, ben) = (irc.in_general(""), guest(&mut irc, "multi-prefix"));
    let told = |irc: &mut Irc, is_oper: bool| {
        let star = if is_oper { "*" } else { "" };
        let whois = irc.ask(ben, "WHOIS Ana");
        let marked = whois.iter().any(|line| line.contains(" 313 Ben-Ash Ana "));
        assert_eq!(marked, is_oper, "{whois:?}");
        none(&irc.ask(ben, "WHOIS Ben-Ash"), " 313 ");
        one(
            &irc.ask(ben, "WHO #our-club/general"),
            &format!(" Ana H{star}~ :0 "),
        );
        one(&irc.ask(ben, "WHO Ben-Ash"), " Ben-Ash H :0 ");
        one(
            &irc.ask(ben, "WHO Ana %nf"),
            &format!(" 354 Ben-Ash Ana H{star}"),
        );
        one(
            &irc.ask(ben, "USERHOST Ana Ben-Ash"),
            &format!(" 302 Ben-Ash :Ana{star}=+"),
        );
        one(
            &irc.ask(ben, "LUSERS"),
            &format!(" 252 Ben-Ash {} ", u8::from(is_oper)),
        );
        // Operators alone, by either form of the question.
        for (mask, fields) in [("*", "o"), ("#our-club/general", "o"), ("*", "o%n")] {
            let listed = irc.ask(ben, &format!("WHO {mask} {fields}"));
            assert_eq!(listed.len(), 1 + usize::from(is_oper), "{listed:?}");
            one(&listed, " 315 ");
        }
    };
    told(&mut irc, false);
    irc.send(ana, OPER);
    told(&mut irc, true);
    // It is one account, however many of its connections are operators.
    let second = irc.client("");
    irc.send(second, OPER);
    told(&mut irc, true);
    irc.send(second, "MODE Ana -o");
    told(&mut irc, true);
    irc.send(ana, "QUIT");
    told(&mut irc, false);
}

/// What an account asked about how it is seen.
fn profile(log: &[Command]) -> Vec<&ProfileChange> {
    let changes = log.iter().filter_map(|command| match command {
        Command::Profile { change } => Some(change),
        _ => None,
    });
    changes.collect()
}

#[test]
fn kill_ends_every_connection_of_an_account_as_its_quit_would() {
    let mut irc = irc();
    let ana = irc.in_general("labeled-response batch");
    let (one_of, two_of) = (guest(&mut irc, "cap-notify"), guest(&mut irc, "cap-notify"));
    one(&irc.ask(ana, "KILL Ben-Ash :out"), " 481 Ana :");
    irc.send(ana, OPER);
    one(&irc.ask(ana, "KILL Ben-Ash"), " 461 Ana KILL ");
    one(&irc.ask(ana, "KILL nobody :x"), " 401 Ana nobody ");
    for name in ["irc.test", "IRC.TEST", "NickServ", "chanserv"] {
        one(&irc.ask(ana, &format!("KILL {name} :x")), " 483 Ana :");
    }
    assert!(irc.closed.is_empty());
    irc.lines(ana);
    let told = irc.ask(ana, "@label=k KILL ben-ash :spam: a lot");
    assert_eq!(told, ["@label=k :irc.test ACK"], "nobody else is told");
    for conn in [one_of, two_of] {
        let told = irc.lines(conn);
        assert_eq!(
            told.last().map(String::as_str),
            Some("ERROR :Closing link: (Killed (Ana (spam: a lot)))")
        );
    }
    assert_eq!(irc.closed, [one_of, two_of]);
    // A member that no connection of this server acts for is none to end.
    let told = irc.ask(ana, "KILL Ben-Ash :again");
    assert!(
        one(&told, " 401 Ana Ben-Ash ").contains("connected"),
        "{told:?}"
    );
    // A long reason is cut, and whoever ends itself is told why, too.
    let told = irc.ask(ana, &format!("KILL Ana :{}", "x".repeat(400)));
    let error = one(&told, "ERROR :Closing link: (Killed (Ana (");
    assert!(
        error.ends_with(&format!("{})))", "x".repeat(255))),
        "{error}"
    );
    assert_eq!(error.matches('x').count(), 255);
    assert_eq!(irc.closed, [one_of, two_of, ana]);
    // Members see it as they see it go by itself.
    let end = |by: &str| {
        let mut irc = self::irc();
        let boss = guest(&mut irc, "cap-notify");
        irc.send(boss, OPER);
        let ana = irc.client("");
        irc.send(ana, "AWAY :lunch");
        irc.node.log.clear();
        match by {
            "KILL" => irc.send(boss, "KILL Ana :x"),
            _ => irc.send(ana, "QUIT"),
        }
        assert_eq!(irc.closed, [ana], "{by}");
        irc.node.log
    };
    let (killed, quit) = (end("KILL"), end("QUIT"));
    assert_eq!(killed, quit);
    let gone = ProfileChange::Availability(Availability::Invisible);
    assert_eq!(profile(&killed).last(), Some(&&gone));
}

#[test]
fn wallops_are_told_to_who_wants_to_hear_them() {
    let mut irc = irc();
    let caps = "message-tags account-tag server-time";
    let ana = irc.client(caps);
    let (wants, deaf) = (guest(&mut irc, caps), guest(&mut irc, caps));
    one(&irc.ask(wants, "MODE Ben-Ash +w"), " MODE Ben-Ash +w");
    // A connection that is bound to a community reads the same text.
    let bound = crate::bound::logged_in(&mut irc);
    irc.send(bound, "BOUNCER BIND our-club");
    crate::bound::come_in(&mut irc, bound);
    irc.send(bound, "MODE Ana +w");
    for conn in [wants, deaf, bound] {
        irc.lines(conn);
    }
    one(&irc.ask(wants, "WALLOPS :me too"), " 481 ");
    one(&irc.ask(ana, "WALLOPS :down at noon"), " 481 ");
    irc.send(ana, OPER);
    one(&irc.ask(ana, "WALLOPS"), " 461 Ana WALLOPS ");
    one(&irc.ask(ana, "WALLOPS :"), " 461 Ana WALLOPS ");
    for text in ["down at noon", "#our-club/general", "#general is down"] {
        assert_eq!(irc.ask(ana, &format!("WALLOPS :{text}")), [""; 0]);
        for conn in [wants, bound] {
            let told = irc.lines(conn);
            let line = one(&told, " WALLOPS ");
            assert!(
                line.ends_with(&format!(" WALLOPS :{text}"))
                    || line.ends_with(&format!(" WALLOPS {text}")),
                "{line}"
            );
            let account = line.contains(&format!("account={ANA}"));
            assert_eq!(account, conn == wants, "{line}");
            assert!(line.contains(" :Ana!"), "{line}");
        }
        assert_eq!(irc.lines(deaf), [""; 0]);
    }
    // An operator in a bound connection says what it says.
    irc.send(bound, OPER);
    irc.lines(wants);
    irc.send(bound, "WALLOPS :#general is up");
    one(&irc.lines(wants), " WALLOPS :#general is up");
    one(&irc.lines(bound), " WALLOPS :#general is up");
    irc.send(ana, "MODE Ana +w");
    one(&irc.ask(ana, "WALLOPS :heard"), " WALLOPS heard");
    irc.send(wants, "MODE Ben-Ash -w");
    irc.lines(wants);
    irc.send(ana, "WALLOPS :any more");
    assert_eq!(irc.lines(wants), [""; 0]);
}

#[test]
fn an_operator_is_named_to_each_as_that_one_knows_it() {
    let mut irc = irc();
    // Whom Ben knows as Ana is somebody else; the operator is Ana-2 to him.
    if let Some((_, ben)) = &mut irc.other {
        ben.change_club(|club| {
            let mut members = club.members.to_vec();
            members.retain(|member| member.account != ANA);
            members.insert(0, member(DAN, "Ana"));
            club.members = Arc::new(members);
        });
    }
    let ben = guest(&mut irc, "cap-notify");
    irc.send(ben, "MODE Ben-Ash +w");
    irc.lines(ben);
    let ana = irc.client("");
    irc.send(ana, OPER);
    irc.send(ana, "WALLOPS :down at noon");
    let stranger = format!("_{}", ANA.short());
    one(&irc.lines(ben), &format!(":{stranger}!"));
    irc.send(ana, "KILL Ben-Ash :out");
    one(&irc.lines(ben), &format!("(Killed ({stranger} (out)))"));
}

/// What Ana is told, and what her node is asked, about what she may not see; the last is told to Dan, who shares nothing
/// with her.
fn looked_for(is_oper: bool) -> (Vec<String>, Vec<Command>, Vec<String>) {
    let mut irc = irc();
    let mut node = Node::new();
    node.change(|snapshot| {
        snapshot.account = Some(DAN);
        snapshot.name = "Dan".to_owned();
        let mut hidden = (*snapshot.communities[&CLUB]).clone();
        hidden.name = "Hidden".to_owned();
        hidden.members = Arc::new(vec![member(DAN, "Dan")]);
        snapshot.communities = [(CommunityId([99; 32]), Arc::new(hidden))].into();
    });
    irc.other = Some((ClientKey(2), node));
    // She is no owner of the club, and does not see its private channel.
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[0].owner = false;
        club.members = Arc::new(members);
        club.channels = Arc::new(club.channels[..1].to_vec());
    });
    let dan = guest(&mut irc, "cap-notify");
    irc.send(dan, "JOIN #hidden/general");
    one(&irc.lines(dan), " JOIN #hidden/general");
    let ana = irc.in_general("batch draft/metadata-2 draft/chathistory standard-replies");
    if is_oper {
        one(&irc.ask(ana, OPER), " 381 ");
    }
    irc.node.log.clear();
    let mut all = Vec::new();
    for line in "LIST|NAMES #hidden/general|NAMES #our-club/secret|WHO #hidden/general|WHO Dan|WHO * %na|WHOIS Dan|\
        ISON Dan|USERHOST Dan|MONITOR + Dan|TOPIC #hidden/general|TOPIC #our-club/general :mine|MODE #hidden/general|\
        MODE #our-club/general +o Ana|MODE #our-club/general +b Ben-Ash|MODE #our-club/secret I|\
        KICK #our-club/general Ben-Ash|KICK #hidden/general Dan|INVITE Dan #our-club/secret|\
        PRIVMSG #hidden/general :x|PRIVMSG #our-club/secret :x|PRIVMSG Dan :x|REDACT #hidden/general x|\
        METADATA Dan LIST|METADATA #hidden/general LIST|CHATHISTORY LATEST #hidden/general * 5|\
        CHATHISTORY LATEST Dan * 5|BOUNCER LISTNETWORKS|JOIN #hidden/general|MODE Dan +i"
        .split('|')
    {
        irc.node.refuse = Some(crate::fake::not_permitted());
        let told = irc.ask(ana, line);
        all.extend(told.into_iter().map(|told| format!("{line}: {told}")));
        irc.node.refuse = None;
        while !irc.asked.is_empty() {
            let (code, text) = ("403", "No such channel".to_owned());
            irc.tell(Outcome::Refused { code, text });
        }
        all.extend(irc.lines(ana));
    }
    let asked = std::mem::take(&mut irc.node.log);
    if is_oper {
        one(&irc.ask(ana, "KILL Dan :x"), " 401 Ana Dan :No such nick");
        assert!(irc.closed.is_empty(), "who can not be seen is not ended");
    }
    (all, asked, irc.lines(dan))
}

#[test]
fn an_operator_sees_nothing_more_and_has_no_right_more_in_communities() {
    let (told, asked, dan) = looked_for(false);
    assert!(told.len() > 30, "{told:#?}");
    assert!(!asked.is_empty());
    // Each answer about what is not seen is the one that a made-up name gets.
    none(&told, "Hidden");
    let (told_oper, asked_oper, dan_oper) = looked_for(true);
    let plain = told_oper.iter().map(|line| line.replace("H*", "H"));
    assert_eq!(plain.collect::<Vec<_>>(), told);
    assert_eq!(asked_oper, asked);
    assert_eq!(dan_oper, dan);
}
