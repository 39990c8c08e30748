//! A community of 5,000 members, none of whom has a connection here: names are bounded, and a crowd is no wall of lines.

use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, CommunityId};

use crate::fake::{CLUB, GENERAL, Irc, member, none, one};

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

#[test]
fn one_who_comes_and_goes_is_told_of_however_many_channels_there_are() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        for number in 0..100 {
            let mut view = channels[0].clone();
            view.channel = ChannelId([100 + number; 32]);
            view.name = format!("room{number}");
            channels.push(view);
        }
        club.channels = Arc::new(channels);
    });
    let conn = irc.in_general("");
    crowd(&mut irc, 0..1);
    one(&irc.lines(conn), ":Member-0!");
    crowd(&mut irc, 0..0);
    one(&irc.lines(conn), " PART #our-club/general");
}

#[test]
fn who_was_told_as_there_is_told_as_gone_and_nicks_and_modes_are_told_in_any_crowd() {
    let mut irc = Irc::new();
    crowd(&mut irc, 0..100);
    let conn = irc.in_general("setname");
    // 90 who are listed go, and 200 come of whom nothing is told; one has another name, one another role.
    irc.node.change_club(|club| {
        let mut members = club.members[..12].to_vec();
        members[1].roles = vec!["ops".to_owned()];
        members[2].name = "Other".to_owned();
        let more = (200..400).map(|number| member(account(number), &format!("Member {number}")));
        members.extend(more);
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    let parts = told.iter().filter(|line| line.contains(" PART "));
    assert_eq!(parts.count(), 90);
    none(&told, " JOIN ");
    none(&told, " SETNAME ");
    one(&told, ":Member-0!");
    one(&told, " NICK Other");
    one(&told, " MODE #our-club/general +");
    // Nobody was told that they are there.
    crowd(&mut irc, 0..10);
    let told = irc.lines(conn);
    none(&told, " PART ");
    // WHO tells who is there.
    crowd(&mut irc, 0..100);
    irc.lines(conn);
    irc.ask(conn, "WHO #our-club/general %n");
    crowd(&mut irc, 0..10);
    let told = irc.lines(conn);
    assert_eq!(
        told.iter().filter(|line| line.contains(" PART ")).count(),
        90
    );
}

#[test]
fn a_crowd_elsewhere_takes_no_line_away() {
    let mut irc = Irc::new();
    let other = CommunityId([77; 32]);
    irc.node.change(|snapshot| {
        let mut club = (*snapshot.communities[&CLUB]).clone();
        club.name = "Other".to_owned();
        let mut channels = club.channels[..1].to_vec();
        channels[0].channel = ChannelId([78; 32]);
        club.channels = Arc::new(channels);
        snapshot.communities.insert(other, Arc::new(club));
    });
    let conn = irc.in_general("away-notify");
    irc.ask(conn, "JOIN #other/general");
    irc.node.change(|snapshot| {
        let mut crowded = (*snapshot.communities[&other]).clone();
        let mut members = crowded.members.to_vec();
        let more = (0..200).map(|number| member(account(number), &format!("Member {number}")));
        members.extend(more);
        crowded.members = Arc::new(members);
        snapshot.communities.insert(other, Arc::new(crowded));
    });
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members.push(member(account(900), "Newcomer"));
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    one(&told, ":Newcomer!");
    none(&told, " JOIN #other/general");
    // After the last crowd things are as ever, for every client.
    irc.node.write(GENERAL, account(900), "hello");
    irc.turn();
    one(&irc.lines(conn), " PRIVMSG #our-club/general hello");
}
