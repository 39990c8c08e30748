//! Voice channels: who is in voice is a key of METADATA, and told to who wants to know it.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::voice::VoiceMemberView;
use alloquy_ids::{AccountId, DeviceId};

use crate::fake::{ANA, BEN, GENERAL, Irc, member, none, one};

const CAPS: &str = "batch message-tags draft/metadata-2";

fn at(account: AccountId, device: u8) -> VoiceMemberView {
    VoiceMemberView {
        account,
        device: DeviceId([device; 32]),
        name: String::new(),
        muted: false,
        deafened: false,
        silenced: false,
        audience: false,
        hand: false,
    }
}

/// These are in voice in the general channel.
fn voice(irc: &mut Irc, members: Vec<VoiceMemberView>) {
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[0].kind = ChannelKind::Voice;
        club.channels = Arc::new(channels);
        club.voices = match members.is_empty() {
            true => Arc::default(),
            false => Arc::new([(GENERAL, members)].into()),
        };
    });
    irc.turn();
}

#[test]
fn who_is_in_voice_is_a_key_of_the_channel_that_nobody_sets() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let get = "METADATA #our-club/general GET alloquy.chat/voice";
    one(
        &irc.ask(conn, get),
        " 766 Ana #our-club/general alloquy.chat/voice ",
    );
    // Two devices of one account are one person.
    voice(&mut irc, vec![at(ANA, 1), at(BEN, 2), at(BEN, 3)]);
    let value = " 761 Ana #our-club/general alloquy.chat/voice * :Ana Ben-Ash";
    for line in [get, "METADATA #our-club/general LIST"] {
        let told = irc.ask(conn, line);
        assert!(one(&told, value).ends_with(value), "{told:?}");
    }
    let told = irc.ask(
        conn,
        "METADATA #our-club/general SET alloquy.chat/voice :Ben-Ash",
    );
    one(
        &told,
        "METADATA KEY_NO_PERMISSION #our-club/general alloquy.chat/voice ",
    );
    one(&irc.ask(conn, get), value);
}

#[test]
fn who_comes_into_voice_is_told_to_who_subscribed_and_to_nobody_else() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let untagged = irc.in_general("batch draft/metadata-2");
    let deaf = irc.in_general(CAPS);
    let away = irc.client(CAPS);
    for conn in [conn, untagged, away] {
        irc.send(conn, "METADATA * SUB alloquy.chat/voice");
    }
    let told = |irc: &mut Irc, members: Vec<VoiceMemberView>| {
        for conn in [conn, untagged, deaf, away] {
            irc.lines(conn);
        }
        voice(irc, members);
        // Neither a mode nor a NOTICE, and nothing to whom it was not asked for by.
        assert_eq!((irc.lines(deaf), irc.lines(away)), (Vec::new(), Vec::new()));
        (irc.lines(conn), irc.lines(untagged))
    };
    let value =
        |nicks: &str| format!(":irc.test METADATA #our-club/general alloquy.chat/voice * {nicks}");
    let (tagged, plain) = told(&mut irc, vec![at(BEN, 2)]);
    assert_eq!(plain, [value("Ben-Ash")]);
    assert_eq!(tagged.len(), 2, "{tagged:?}");
    let line = one(&tagged, " TAGMSG #our-club/general");
    assert!(
        line.starts_with("@+alloquy.chat/voice=joined :Ben-Ash!"),
        "{line}"
    );
    one(&tagged, &value("Ben-Ash"));
    let (tagged, plain) = told(&mut irc, vec![at(ANA, 1)]);
    assert_eq!(plain, [value("Ana")]);
    one(&tagged, "@+alloquy.chat/voice=joined :Ana!");
    one(&tagged, "@+alloquy.chat/voice=left :Ben-Ash!");
    // Another device, or a muted one, is no news.
    let muted = VoiceMemberView {
        muted: true,
        ..at(ANA, 1)
    };
    let (tagged, plain) = told(&mut irc, vec![muted, at(ANA, 4)]);
    assert_eq!((tagged, plain), (Vec::new(), Vec::new()));
    let (tagged, plain) = told(&mut irc, Vec::new());
    assert_eq!(plain, [value(":")]);
    one(&tagged, "@+alloquy.chat/voice=left :Ana!");
    none(&irc.all, " +v ");
    irc.send(conn, "METADATA * UNSUB alloquy.chat/voice");
    let (tagged, _) = told(&mut irc, vec![at(BEN, 2)]);
    assert_eq!(tagged, [""; 0]);
}

#[test]
fn a_new_nick_of_somebody_in_voice_is_told() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    irc.send(conn, "METADATA * SUB alloquy.chat/voice");
    voice(&mut irc, vec![at(BEN, 2)]);
    irc.lines(conn);
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].name = "Ben".to_owned();
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " NICK Ben");
    one(
        &told,
        " METADATA #our-club/general alloquy.chat/voice * Ben",
    );
    none(&told, "TAGMSG");
}

#[test]
fn those_who_do_not_fit_a_value_are_counted() {
    let mut irc = Irc::new();
    let ids: Vec<AccountId> = (0..40).map(|number| AccountId([50 + number; 32])).collect();
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        let named = ids.iter().enumerate();
        members.extend(named.map(|(number, id)| member(*id, &format!("somebody{number}"))));
        club.members = Arc::new(members);
    });
    let conn = irc.in_general(CAPS);
    voice(&mut irc, ids.iter().map(|id| at(*id, id.0[0])).collect());
    let told = irc.ask(conn, "METADATA #our-club/general GET alloquy.chat/voice");
    let value = one(&told, " 761 ").split_once(" * :").unwrap().1;
    let (nicks, more) = value.rsplit_once(" +").unwrap();
    let nicks: Vec<&str> = nicks.split(' ').collect();
    assert!(value.len() <= 256 && nicks.len() > 15, "{value}");
    assert!(
        nicks.iter().all(|nick| nick.starts_with("somebody")),
        "{value}"
    );
    assert_eq!(nicks.len() + more.parse::<usize>().unwrap(), 40);
}
