//! Which channels are there for whoever is no member yet.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::{ChannelView, OverwriteTarget, OverwriteView, RoleView};
use alloquy_ids::RoleId;

use super::*;

const STRANGER: AccountId = AccountId([5; 32]);
const MEMBERS: RoleId = RoleId([6; 32]);

fn role(role: RoleId, name: &str, allow: &[&str]) -> RoleView {
    RoleView {
        role,
        name: name.to_owned(),
        rank: 0,
        allow: allow.iter().map(|&right| right.to_owned()).collect(),
    }
}

fn channel(id: u8, name: &str) -> ChannelView {
    ChannelView {
        channel: ChannelId([id; 32]),
        kind: ChannelKind::Text,
        name: name.to_owned(),
        topic: String::new(),
        category: None,
        position: 0,
        private: false,
        since_join: false,
        unread: 0,
        mentions: 0,
        rights: Vec::new(),
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: Vec::new(),
    }
}

fn overwrite(target: OverwriteTarget, allow: &[&str], deny: &[&str]) -> OverwriteView {
    let words = |words: &[&str]| words.iter().map(|&right| right.to_owned()).collect();
    OverwriteView {
        target,
        allow: words(allow),
        deny: words(deny),
    }
}

fn club(channels: Vec<ChannelView>) -> CommunitySnapshot {
    CommunitySnapshot {
        name: "Club".to_owned(),
        channels: Arc::new(channels),
        roles: Arc::new(vec![
            role(MEMBERS, "bridge", &["bridge", "view"]),
            role(RoleId::ZERO, "everyone", &["view", "send"]),
        ]),
        ..CommunitySnapshot::default()
    }
}

fn found(club: &CommunitySnapshot, channel: &str) -> Option<u8> {
    open_channel(club, STRANGER, ("club", channel)).map(|channel| channel.0[0])
}

#[test]
fn what_a_newcomer_would_not_see_is_not_there() {
    let mut hidden = channel(2, "hidden");
    hidden.overwrites = vec![
        overwrite(OverwriteTarget::Role(RoleId::ZERO), &[], &["view"]),
        overwrite(OverwriteTarget::Role(MEMBERS), &["view"], &[]),
    ];
    let mut private = channel(3, "private");
    private.private = true;
    let mut not_you = channel(4, "not-you");
    not_you.overwrites = vec![overwrite(OverwriteTarget::Member(STRANGER), &[], &["view"])];
    let mut club = club(vec![channel(1, "general"), hidden, private, not_you]);
    assert_eq!(found(&club, "general"), Some(1));
    for name in ["hidden", "private", "not-you", "made-up"] {
        assert_eq!(found(&club, name), None, "{name}");
    }
    // A community that shows nothing to who has no role.
    club.roles = Arc::new(vec![
        role(MEMBERS, "bridge", &["bridge", "view"]),
        role(RoleId::ZERO, "everyone", &["send"]),
    ]);
    assert_eq!(found(&club, "general"), None);
}

#[test]
fn categories_are_no_channels_and_the_second_of_one_name_has_a_number() {
    let mut category = channel(1, "general");
    category.kind = ChannelKind::Category;
    let club = club(vec![category, channel(2, "General"), channel(3, "general")]);
    assert_eq!(found(&club, "general"), Some(2));
    assert_eq!(found(&club, "general-2"), Some(3));
    assert_eq!(found(&club, "general-3"), None);
}

#[test]
fn what_nodes_say_is_not_told() {
    let error = CommandError::new(ErrorCode::Timeout, "the disk of member 7 is full");
    let told = EnterError::from(NodeError::from(error));
    assert_eq!(told.to_string(), EnterError::Unknown.to_string());
    assert_eq!(told.numeric(), "403");
}
