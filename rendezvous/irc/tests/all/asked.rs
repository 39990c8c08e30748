//! Who is not known here and wants to write.

use std::sync::Arc;

use alloquy_api::personal::DmRequestView;
use alloquy_api::{Command, Event, PersonalCommand};
use alloquy_ids::{AccountId, UnixMs};

use crate::fake::{BEN, Irc, START, none, one};

const STRANGER: AccountId = AccountId([7; 32]);

fn request(account: AccountId, name: &str) -> DmRequestView {
    DmRequestView {
        account,
        name: name.to_owned(),
        text: "hello **Ana**,\nit is me".to_owned(),
        time: UnixMs(START),
        community: None,
        group: None,
    }
}

fn asks(irc: &mut Irc, request: DmRequestView) {
    irc.node
        .change(|snapshot| snapshot.dm_requests = Arc::new(vec![request.clone()]));
    irc.node.events.push_back(Event::DmRequested { request });
    irc.turn();
}

/// Orders about conversations that the node was given.
fn orders(irc: &Irc) -> Vec<PersonalCommand> {
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
        line.starts_with("@time=2026-09-21T14:13:20.000Z :Zoë!"),
        "{line}"
    );
    assert!(
        line.ends_with(":[wants to write to you, an answer accepts] hello \u{2}Ana\u{2}, it is me"),
        "{line}"
    );
    // Whoever comes in later is told, too.
    let again = irc.client("");
    let told = irc.ask(again, "PRIVMSG Zoë :who are you");
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
fn a_request_waits_for_who_comes_in_and_a_group_is_not_accepted_by_a_message() {
    let mut irc = Irc::new();
    let group = DmRequestView {
        group: Some(crate::fake::DIRECT),
        ..request(BEN, "Ben Ash")
    };
    asks(&mut irc, group);
    let conn = irc.connect();
    for line in ["PASS secret", "NICK a", "USER u 0 * :r"] {
        irc.send(conn, line);
    }
    let told = irc.lines(conn);
    one(
        &told,
        " NOTICE Ana :[wants to have you in a group: accept in the app]",
    );
    irc.send(conn, "PRIVMSG Ben-Ash :hi");
    let accepts = |order: &PersonalCommand| matches!(order, PersonalCommand::DmAccept { .. });
    assert!(!orders(&irc).iter().any(accepts), "{:?}", orders(&irc));
}
