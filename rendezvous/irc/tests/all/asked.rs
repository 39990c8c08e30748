//! Who is not known here and wants to write.

use std::sync::Arc;

use alloquy_api::personal::{DirectKind, DirectView, DmRequestView};
use alloquy_api::reply::MemberView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, Event, PersonalCommand};
use alloquy_ids::{AccountId, UnixMs};

use crate::bound::{come_in, logged_in};
use crate::fake::{ANA, BEN, DIRECT, DIRECT_CHANNEL, Irc, START, member, none, one};

pub(crate) const STRANGER: AccountId = AccountId([7; 32]);

pub(crate) fn request(account: AccountId, name: &str) -> DmRequestView {
    DmRequestView {
        account,
        name: name.to_owned(),
        text: "hello **Ana**,\nit is me".to_owned(),
        time: UnixMs(START),
        community: None,
        group: None,
    }
}

pub(crate) fn asks(irc: &mut Irc, request: DmRequestView) {
    irc.node
        .change(|snapshot| snapshot.dm_requests = Arc::new(vec![request.clone()]));
    irc.node.events.push_back(Event::DmRequested { request });
    irc.turn();
}

/// Orders about conversations that the node was given.
pub(crate) fn orders(irc: &Irc) -> Vec<PersonalCommand> {
    let orders = irc.node.log.iter().filter_map(|command| match command {
        Command::Personal { order } => Some(order.clone()),
        _ => None,
    });
    orders.collect()
}

#[test]
fn a_request_is_a_notice_and_an_answer_accepts_it() {
    let mut irc = Irc::new();
    let conn = irc.client("server-time");
    irc.lines(conn);
    asks(&mut irc, request(STRANGER, "Zoë"));
    let told = irc.lines(conn);
    let line = one(&told, " NOTICE Ana ");
    assert!(
        line.starts_with("@time=2026-09-21T14:13:20.000Z :Zoë-asks!"),
        "{line}"
    );
    assert!(
        line.ends_with(":[wants to write to you: an answer accepts, ACCEPT -Zoë-asks declines] hello \u{2}Ana\u{2}, it is me"),
        "{line}"
    );
    // Whoever comes in later is told, too.
    let again = irc.client("");
    let told = irc.ask(again, "PRIVMSG Zoë-asks :who are you");
    none(&told, " 401 ");
    let accepts = |order: &PersonalCommand| matches!(order, PersonalCommand::DmAccept { account } if account.0 == STRANGER.to_string());
    assert!(orders(&irc).iter().any(accepts), "{:?}", orders(&irc));
    // Who asks nothing is written to by another order.
    let mut irc = Irc::new();
    let conn = irc.client("");
    asks(&mut irc, request(STRANGER, "Zoë"));
    irc.ask(conn, "PRIVMSG Ben-Ash :and you");
    let opens = |order: &PersonalCommand| matches!(order, PersonalCommand::Dm { account } if account.0 == BEN.to_string());
    assert!(orders(&irc).iter().any(opens), "{:?}", orders(&irc));
}

#[test]
fn a_group_is_an_invite_and_accepted_by_joining_it_alone() {
    let mut irc = Irc::new();
    let group = DmRequestView {
        group: Some(DIRECT),
        ..request(BEN, "Ben Ash")
    };
    asks(&mut irc, group.clone());
    // Who comes in later is told, too.
    let conn = irc.connect();
    for line in ["PASS secret", "NICK a", "USER u 0 * :r"] {
        irc.send(conn, line);
    }
    let told = irc.lines(conn);
    let invited = format!(":Ben-Ash!{}@", BEN.short());
    assert!(one(&told, " INVITE Ana #dm/Ben-Ash-invites").starts_with(&invited));
    one(
        &told,
        " NOTICE Ana :[wants to have you in a group: JOIN accepts, ACCEPT -Ben-Ash declines]",
    );
    irc.send(conn, "PRIVMSG Ben-Ash :hi");
    let accepts = |order: &PersonalCommand| matches!(order, PersonalCommand::DmAccept { account } if account.0 == BEN.to_string());
    assert!(!orders(&irc).iter().any(accepts), "{:?}", orders(&irc));
    asks(&mut irc, group);
    // A name that nobody asks by is no channel.
    one(
        &irc.ask(conn, "JOIN #dm/Ana-invites"),
        " 403 Ana #dm/Ana-invites ",
    );
    irc.lines(conn);
    let told = irc.ask(conn, "JOIN #dm/ben-ash-INVITES");
    assert!(orders(&irc).iter().any(accepts), "{:?}", orders(&irc));
    one(
        &told,
        " NOTICE Ana :[the group opens when one of its members was reached]",
    );
    none(&told, " JOIN ");
    irc.node.open_direct();
    irc.node.change(|snapshot| {
        let direct = snapshot.communities.get_mut(&DIRECT).unwrap();
        let group = Arc::make_mut(direct);
        group.direct = Some(DirectKind::Group);
        group.name = "Old Friends".to_owned();
    });
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " JOIN #dm/old-friends");
    one(&told, " 366 Ana #dm/old-friends ");
    // It is accepted once.
    one(
        &irc.ask(conn, "JOIN #dm/Ben-Ash-invites"),
        " 403 Ana #dm/Ben-Ash-invites ",
    );
}

#[test]
fn a_group_is_accepted_where_groups_are_and_not_by_who_may_only_read() {
    let group = || DmRequestView {
        group: Some(DIRECT),
        ..request(BEN, "Ben Ash")
    };
    let mut irc = Irc::new();
    let mut bound = |network: &str| {
        let conn = logged_in(&mut irc);
        irc.send(conn, &format!("BOUNCER BIND {network}"));
        come_in(&mut irc, conn);
        conn
    };
    let (club, directs) = (bound("our-club"), bound("dm"));
    asks(&mut irc, group());
    let told = irc.lines(club);
    one(&told, "accept in the app]");
    none(&told, "INVITE");
    none(&irc.ask(club, "JOIN #Ben-Ash-invites"), "the group opens");
    assert!(orders(&irc).is_empty());
    let told = irc.lines(directs);
    one(&told, " INVITE Ana #Ben-Ash-invites");
    one(
        &irc.ask(directs, "JOIN #Ben-Ash-invites"),
        "the group opens",
    );
    assert_eq!(orders(&irc).len(), 1);
    let mut irc = Irc::new();
    let conn = irc.connect();
    for line in ["PASS ana:reading", "NICK a", "USER u 0 * :r"] {
        irc.send(conn, line);
    }
    asks(&mut irc, group());
    one(&irc.ask(conn, "JOIN #dm/Ben-Ash-invites"), " 403 ");
    assert!(orders(&irc).is_empty());
}

#[test]
fn who_asks_is_taken_for_nobody_else_whatever_it_is_called_and_whatever_its_id() {
    let mut before_all = [0; 32];
    before_all[1] = 1;
    for account in [AccountId(before_all), STRANGER] {
        let mut irc = Irc::new();
        // Told with the first snapshot, when everybody is given a nick.
        let asked = request(account, "Ben Ash");
        irc.node
            .change(|snapshot| snapshot.dm_requests = Arc::new(vec![asked]));
        let conn = irc.client("");
        irc.ask(conn, "PRIVMSG Ben-Ash :the key is 1234");
        let wrote = orders(&irc);
        let to_ben = |order: &PersonalCommand| matches!(order, PersonalCommand::Dm { account } if account.0 == BEN.to_string());
        assert!(wrote.len() == 1 && to_ben(&wrote[0]), "{wrote:?}");
        irc.ask(conn, "PRIVMSG Ben-Ash-asks :who are you");
        let accepts = |order: &PersonalCommand| matches!(order, PersonalCommand::DmAccept { account: to } if to.0 == account.to_string());
        let wrote = orders(&irc);
        assert!(wrote.len() == 2 && accepts(&wrote[1]), "{wrote:?}");
    }
}

#[test]
fn nobody_is_called_like_a_service() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut members: Vec<MemberView> = club.members.to_vec();
        members.push(member(AccountId([8; 32]), "ChanServ"));
        club.members = Arc::new(members);
    });
    let asked = request(STRANGER, "NickServ");
    irc.node
        .change(|snapshot| snapshot.dm_requests = Arc::new(vec![asked]));
    let conn = irc.client("");
    for service in ["NickServ", "nickserv", "ChanServ"] {
        let told = irc.ask(conn, &format!("PRIVMSG {service} :IDENTIFY secret"));
        one(&told, &format!(" 401 Ana {service} "));
    }
    assert_eq!(orders(&irc), []);
    one(&irc.ask(conn, "WHOIS ChanServ-2"), " 311 Ana ChanServ-2 ");
    one(
        &irc.ask(conn, "WHOIS NickServ-asks"),
        " 311 Ana NickServ-asks ",
    );
}

#[test]
fn who_is_accepted_has_a_nick_like_everybody() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    asks(&mut irc, request(STRANGER, "Zoë"));
    one(&irc.lines(conn), ":Zoë-asks!");
    irc.node.open_direct();
    irc.node.change(|snapshot| {
        snapshot.dm_requests = Arc::default();
        let mut two = CommunitySnapshot::clone(&snapshot.communities[&DIRECT]);
        two.members = Arc::new(vec![member(ANA, "Ana"), member(STRANGER, "Zoë")]);
        snapshot.communities.insert(DIRECT, Arc::new(two));
        let direct = DirectView {
            name: "Zoë".to_owned(),
            accounts: vec![STRANGER],
            ..snapshot.directs[0].clone()
        };
        assert_eq!(direct.kind, DirectKind::Two);
        snapshot.directs = Arc::new(vec![direct]);
    });
    irc.turn();
    let told = irc.lines(conn);
    assert!(
        one(&told, " NICK Zoë").starts_with(":Zoë-asks!"),
        "{told:?}"
    );
    irc.ask(conn, "PRIVMSG Zoë :hello");
    let said = &irc.node.messages[&DIRECT_CHANNEL];
    assert_eq!(said[0].text, "hello");
    irc.node.write(DIRECT_CHANNEL, STRANGER, "hello you");
    irc.turn();
    let told = irc.lines(conn);
    assert!(one(&told, "hello you").starts_with(":Zoë!"), "{told:?}");
}

#[test]
fn a_request_is_told_once_around_a_log_in() {
    let mut irc = Irc::new();
    let asked = request(STRANGER, "Zoë");
    // The snapshot has it at once; the event comes when it is stored.
    irc.node
        .change(|snapshot| snapshot.dm_requests = Arc::new(vec![asked.clone()]));
    let conn = irc.connect();
    for line in ["PASS secret", "NICK a", "USER u 0 * :r"] {
        irc.send(conn, line);
    }
    one(&irc.lines(conn), " NOTICE Ana :[wants to write");
    irc.node.events.push_back(Event::DmRequested {
        request: asked.clone(),
    });
    irc.turn();
    none(&irc.lines(conn), " NOTICE ");
    // With more in it, it is news.
    let more = DmRequestView {
        text: "more".to_owned(),
        ..asked
    };
    asks(&mut irc, more);
    one(&irc.lines(conn), "declines] more");
}
