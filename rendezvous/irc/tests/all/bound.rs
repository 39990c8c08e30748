//! Communities as networks: `soju.im/bouncer-networks`.

use std::sync::Arc;

use alloquy_ids::CommunityId;
use data_encoding::BASE64;

use crate::fake::{BEN, CLUB, DIRECT_CHANNEL, GENERAL, Irc, none, one};

const CAPS: &str = "sasl batch message-tags server-time draft/chathistory soju.im/bouncer-networks";

/// A connection that has logged in and not registered yet.
pub(crate) fn logged_in(irc: &mut Irc) -> alloquy_irc::ConnId {
    let conn = irc.connect();
    irc.send(conn, "CAP LS 302");
    irc.send(conn, &format!("CAP REQ :{CAPS}"));
    irc.send(conn, "AUTHENTICATE PLAIN");
    let text = BASE64.encode(b"\0ana\0secret");
    one(&irc.ask(conn, &format!("AUTHENTICATE {text}")), " 903 ");
    conn
}

pub(crate) fn come_in(irc: &mut Irc, conn: alloquy_irc::ConnId) -> Vec<String> {
    irc.send(conn, "NICK x");
    irc.send(conn, "USER u 0 * :r");
    irc.ask(conn, "CAP END")
}

#[test]
fn networks_are_listed_and_bound_before_registration() {
    let mut irc = Irc::new();
    irc.turn();
    let early = irc.connect();
    irc.send(early, "CAP REQ :soju.im/bouncer-networks");
    one(
        &irc.ask(early, "BOUNCER BIND our-club"),
        "FAIL BOUNCER ACCOUNT_REQUIRED BIND ",
    );
    let conn = logged_in(&mut irc);
    let told = irc.ask(conn, "BOUNCER LISTNETWORKS");
    one(&told, "BATCH +");
    one(
        &told,
        "BOUNCER NETWORK our-club name=Our\\sClub;state=connected",
    );
    one(
        &told,
        "BOUNCER NETWORK dm name=Direct\\smessages;state=connected",
    );
    one(
        &irc.ask(conn, "BOUNCER BIND nowhere"),
        "FAIL BOUNCER INVALID_NETID BIND nowhere ",
    );
    one(
        &irc.ask(conn, "BOUNCER ADDNETWORK host=x"),
        "FAIL BOUNCER UNKNOWN_ERROR ADDNETWORK ",
    );
    one(
        &irc.ask(conn, "BOUNCER HUH"),
        "FAIL BOUNCER UNKNOWN_COMMAND HUH ",
    );
    assert!(irc.ask(conn, "BOUNCER BIND our-club").is_empty());
    let told = come_in(&mut irc, conn);
    let tokens = told.join(" ");
    assert!(
        tokens.contains("NETWORK=Our\\x20Club") && tokens.contains("BOUNCER_NETID=our-club"),
        "{tokens}"
    );
    one(
        &irc.ask(conn, "BOUNCER BIND dm"),
        "FAIL BOUNCER REGISTRATION_IS_COMPLETED BIND ",
    );
    let plain = irc.client("");
    one(&irc.ask(plain, "BOUNCER LISTNETWORKS"), " 421 ");
}

#[test]
fn a_bound_connection_knows_its_community_alone_and_by_short_names() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.turn();
    let conn = logged_in(&mut irc);
    irc.send(conn, "BOUNCER BIND our-club");
    come_in(&mut irc, conn);
    one(&irc.ask(conn, "LIST"), " 322 Ana #general 2 ");
    let told = irc.ask(conn, "JOIN #general");
    one(&told, " JOIN #general");
    one(&told, " 353 Ana = #general ");
    irc.node.write(GENERAL, BEN, "see #our-club/general");
    irc.turn();
    one(&irc.lines(conn), "PRIVMSG #general :see #our-club/general");
    irc.send(conn, "PRIVMSG #general :short");
    assert_eq!(irc.node.messages[&GENERAL].last().unwrap().text, "short");
    let told = irc.ask(conn, "CHATHISTORY LATEST #general * 5");
    one(&told, " chathistory #general");
    one(&told, "PRIVMSG #general short");
    one(&irc.ask(conn, "WHOIS Ben-Ash"), " 319 Ana Ben-Ash #general");
    // The other is a member: the conversation belongs here.
    irc.node.write(DIRECT_CHANNEL, BEN, "psst");
    irc.turn();
    one(&irc.lines(conn), "PRIVMSG Ana psst");
    one(&irc.ask(conn, "JOIN #our-club/general"), " 403 ");
}

#[test]
fn what_belongs_to_no_community_has_a_network_of_its_own() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.turn();
    let conn = logged_in(&mut irc);
    irc.send(conn, "BOUNCER BIND dm");
    come_in(&mut irc, conn);
    none(&irc.ask(conn, "LIST"), " 322 ");
    one(&irc.ask(conn, "JOIN #general"), " 403 ");
    irc.node.write(DIRECT_CHANNEL, BEN, "psst");
    irc.turn();
    none(&irc.lines(conn), "psst");
    // He leaves the club: nobody else shows what he says.
    irc.node
        .change_club(|club| club.members = Arc::new(club.members[..1].to_vec()));
    irc.node.write(DIRECT_CHANNEL, BEN, "still there?");
    irc.turn();
    one(&irc.lines(conn), "still there?");
}

#[test]
fn networks_that_come_and_go_are_told_to_who_asked() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    let caps = "CAP REQ :batch soju.im/bouncer-networks soju.im/bouncer-networks-notify";
    for line in [caps, "PASS secret", "NICK x", "USER x 0 * :x"] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "CAP END");
    one(&told, " soju.im/bouncer-networks");
    one(
        &told,
        " BOUNCER NETWORK our-club name=Our\\sClub;state=connected",
    );
    one(&told, " BOUNCER NETWORK dm ");
    let deaf = irc.client("batch soju.im/bouncer-networks");
    let other = CommunityId([77; 32]);
    let change = |irc: &mut Irc, name: Option<&str>| {
        irc.node.change(|snapshot| {
            let mut club = (*snapshot.communities[&CLUB]).clone();
            match name {
                Some(name) => {
                    club.name = name.to_owned();
                    drop(snapshot.communities.insert(other, Arc::new(club)));
                }
                None => drop(snapshot.communities.remove(&other)),
            }
        });
        irc.turn();
    };
    let told = |irc: &mut Irc| {
        let told = irc.lines(conn).into_iter();
        let told: Vec<_> = told.filter(|line| line.contains("BOUNCER")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    for (name, line) in [
        (
            Some("Other"),
            ":irc.test BOUNCER NETWORK other name=Other;state=connected",
        ),
        (
            Some("Another"),
            ":irc.test BOUNCER NETWORK other name=Another;state=connected",
        ),
        (None, ":irc.test BOUNCER NETWORK other *"),
    ] {
        change(&mut irc, name);
        assert_eq!(told(&mut irc), line);
    }
    none(&irc.lines(deaf), "BOUNCER");
}
