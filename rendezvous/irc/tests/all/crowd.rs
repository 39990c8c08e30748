//! A community of 5,000 members, none of whom has a connection here: names are bounded, and a crowd is no wall of lines.

use std::sync::Arc;

use alloquy_ids::AccountId;

use crate::fake::{Irc, member, none, one};

/// Members of the community, besides Ana and Ben.
const MEMBERS: u32 = 5_000;
/// Names that are listed.
const LISTED: usize = 500;
/// Bytes that a client is told when it joins.
const JOIN_BYTES_MAX: usize = 32 * 1024;

fn account(number: u32) -> AccountId {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    AccountId(bytes)
}

/// The members with these numbers come or go, all at once.
fn crowd(irc: &mut Irc, numbers: std::ops::Range<u32>) {
    irc.node.change_club(|club| {
        let mut members = club.members[..2].to_vec();
        members.extend(numbers.map(|number| member(account(number), &format!("Member {number}"))));
        club.members = Arc::new(members);
    });
    irc.turn();
}

/// All but Ana and Ben are out of reach.
fn away(irc: &mut Irc) {
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        for member in members.iter_mut().skip(2) {
            member.online = false;
        }
        club.members = Arc::new(members);
    });
    irc.turn();
}

#[test]
fn a_large_channel_is_joined_in_few_bytes_and_a_crowd_is_no_wall_of_lines() {
    let mut irc = Irc::new();
    crowd(&mut irc, 0..MEMBERS);
    let conn =
        irc.client("message-tags server-time away-notify extended-join setname multi-prefix");
    let told = irc.ask(conn, "JOIN #our-club/general");
    let bytes: usize = told.iter().map(|line| line.len() + 2).sum();
    assert!(bytes <= JOIN_BYTES_MAX, "{bytes} bytes");
    let names: usize = told
        .iter()
        .filter(|line| line.contains(" 353 "))
        .map(|line| line.rsplit(':').next().unwrap().split(' ').count())
        .sum();
    assert_eq!(names, LISTED);
    one(&told, " JOIN #our-club/general");
    one(&told, " 366 ");
    for ask in ["NAMES #our-club/general", "WHO #our-club/general %n"] {
        let told = irc.ask(conn, ask);
        assert!(told.len() <= LISTED + 1, "{} lines to {ask}", told.len());
    }
    // 4,000 go at once, 3,000 come: nobody is told of each.
    crowd(&mut irc, 0..1_000);
    assert_eq!(irc.lines(conn), Vec::<String>::new());
    crowd(&mut irc, 0..4_000);
    assert_eq!(irc.lines(conn), Vec::<String>::new());
    // All of them are away at once.
    away(&mut irc);
    assert_eq!(irc.lines(conn), Vec::<String>::new());
    // What a person does is told as ever.
    crowd(&mut irc, 0..3_999);
    irc.lines(conn);
    crowd(&mut irc, 0..4_000);
    one(&irc.lines(conn), " JOIN #our-club/general ");
}

#[test]
fn whoever_is_monitored_is_told_of_in_a_crowd_too() {
    let mut irc = Irc::new();
    let conn = irc.client("message-tags");
    irc.ask(conn, "JOIN #our-club/general");
    crowd(&mut irc, 0..10);
    away(&mut irc);
    one(&irc.ask(conn, "MONITOR + Member-7"), " 731 ");
    crowd(&mut irc, 0..MEMBERS);
    let told = irc.lines(conn);
    one(&told, " 730 ");
    none(&told, " JOIN ");
}
