//! What is an account's alone: templates that it founds by, invites that it looks at, what its faces keep, its
//! recovery words, and the state of its store.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::{ChannelView, InviteCardView};
use alloquy_api::{Command, ErrorCode, Reply};
use alloquy_core::StorageError;
use alloquy_ids::UnixMs;
use alloquy_schema::templates::TEMPLATES;

use crate::world::{KEEPS_WORDS, World};

fn full() -> Option<StorageError> {
    Some(StorageError::Full("no space left".to_owned()))
}

#[test]
fn a_template_makes_its_channels_and_roles_in_one_write() {
    for template in TEMPLATES {
        let mut world = World::new(&["ana"]);
        world.ok(0, "communities");
        let before = world.peers[0].tasks;
        world.ok(
            0,
            &format!("create-community club --template {}", template.name),
        );
        assert_eq!(world.peers[0].tasks - before, 1, "all or nothing");

        let club = world.community(0).1;
        assert_eq!(club.name, "club");
        let names: Vec<_> = club.channels.iter().map(|of| of.name.as_str()).collect();
        let expected: Vec<_> = template.channels.iter().map(|of| of.name).collect();
        assert_eq!(names, expected, "in the order of the template");
        let mut heading = None;
        for channel in club.channels.iter() {
            if channel.kind == ChannelKind::Category {
                heading = Some(channel.channel);
            } else {
                assert_eq!(channel.category, heading, "{}", channel.name);
            }
        }
        let roles: Vec<_> = club
            .roles
            .iter()
            .filter(|role| role.name != "everyone")
            .map(|role| (role.name.as_str(), role.rank))
            .collect();
        let expected: Vec<_> = template
            .roles
            .iter()
            .map(|role| (role.name, role.rank.0))
            .collect();
        assert_eq!(roles, expected);
        let everyone = club
            .roles
            .iter()
            .find(|role| role.name == "everyone")
            .unwrap();
        let expected: Vec<_> = template.everyone.names().collect();
        assert_eq!(everyone.allow, expected);

        let again =
            |channels: &[ChannelView]| channels.iter().map(|of| of.channel).collect::<Vec<_>>();
        let made = again(&club.channels);
        world.restart(0, 1);
        assert_eq!(again(&world.community(0).1.channels), made);
        world.ok(0, "send club/general \"it works\"");
    }
}

#[test]
fn a_community_that_can_not_be_stored_is_not_half_there() {
    let mut world = World::new(&["ana"]);
    world.peers[0].disk = full();
    let refused = world
        .line(0, "create-community club --template project")
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::Storage);
    world.peers[0].disk = None;
    world.pass(3_000);
    assert_eq!(
        world.snapshot(0).communities.len(),
        1,
        "the own notes alone"
    );
    world.restart(0, 1);
    assert_eq!(
        world.snapshot(0).communities.len(),
        1,
        "the own notes alone"
    );
    world.ok(0, "create-community club --template project");
}

#[test]
fn templates_are_listed_and_an_unknown_one_is_named() {
    let mut world = World::new(&["ana"]);
    let Reply::Templates { templates } = world.ok(0, "templates") else {
        panic!("templates")
    };
    assert_eq!(*world.snapshot(0).templates, templates);
    let refused = world
        .line(0, "create-community club --template castle")
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnknownName);
    for text in ["\"castle\"", "friends, project, gaming"] {
        assert!(refused.message.contains(text), "{}", refused.message);
    }
    assert_eq!(
        world.snapshot(0).communities.len(),
        1,
        "the own notes alone"
    );
}

#[test]
fn a_community_is_kept_as_a_template_and_made_again() {
    let mut world = World::new(&["ana"]);
    world.ok(0, "create-community club --template gaming");
    world.ok(0, "create-channel club text secret --private");
    world.ok(0, "create-channel club text loose");
    world.ok(0, "topic club/loose \"under nothing\"");
    world.ok(0, "policy wait club 5m");
    world.ok(0, "role create club Extra --rank 70 --allow mute");
    let Reply::Templates { templates } = world.ok(0, "template save club mine") else {
        panic!("templates")
    };
    assert_eq!(*world.snapshot(0).templates, templates);
    let kept = templates.last().unwrap();
    assert!(kept.kept && kept.template == "mine");
    let names: Vec<_> = kept.channels.iter().map(|one| one.name.clone()).collect();
    assert!(!names.contains(&"secret".to_owned()), "{names:?}");
    assert_eq!(names[..2], ["loose", "Lobby"]);
    assert_eq!(kept.roles, ["Admin", "Extra", "Moderator", "Regular"]);
    world.restart(0, 1);
    assert_eq!(*world.snapshot(0).templates, templates);

    world.ok(0, "create-community again --template mine");
    let shape = |world: &mut World, name: &str| {
        let Reply::Channels { channels } = world.ok(0, &format!("channels {name}")) else {
            panic!("channels")
        };
        let Reply::Roles { mut roles } = world.ok(0, &format!("roles {name}")) else {
            panic!("roles")
        };
        let Reply::Policy { policy } = world.ok(0, &format!("policy {name}")) else {
            panic!("a policy")
        };
        roles.retain(|role| role.rank > 0);
        let mut public: Vec<_> = channels
            .into_iter()
            .filter(|one| !one.private)
            .map(|one| (one.name, one.topic, one.kind, one.category.is_some()))
            .collect();
        public.sort();
        let roles: Vec<_> = roles
            .into_iter()
            .map(|one| (one.name, one.rank, one.allow))
            .collect();
        (public, roles, policy)
    };
    assert_eq!(shape(&mut world, "club"), shape(&mut world, "again"));

    let refused = world.line(0, "template save club gaming").unwrap_err();
    assert_eq!(refused.code, ErrorCode::Exists);
    let refused = world.line(0, "template delete gaming").unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnknownName);
    world.ok(0, "template delete mine");
    assert_eq!(world.snapshot(0).templates.len(), 3);
    world.restart(0, 1);
    let refused = world
        .line(0, "create-community x --template mine")
        .unwrap_err();
    assert!(refused.message.contains("\"mine\""), "{}", refused.message);
}

#[test]
fn a_kept_template_that_is_damaged_is_left_out() {
    let mut world = World::new(&["ana"]);
    world.ok(0, "create-community club --template friends");
    world.ok(0, "template save club mine");
    let records = &mut world.peers[0].records;
    let (_, value) = records.iter_mut().find(|(key, _)| key[0] == 0x22).unwrap();
    *value = value.slice(1..);
    world.restart(0, 1);
    assert_eq!(world.snapshot(0).templates.len(), 3);
    world.ok(0, "template save club mine");
    assert_eq!(world.snapshot(0).templates.len(), 4);
}

#[test]
fn an_invite_link_says_what_it_is_for_and_nobody_is_contacted() {
    let (mut world, id) = World::club(&["ana"]);
    let mut joiner = World::new(&["ana", "ben"]);
    let link = world.word(0, "invite club --expires 1h", "invite");
    let look = format!("inspect-invite {link}");
    let Reply::InviteCard { card } = joiner.ok(1, &look) else {
        panic!("a card")
    };
    let expected = InviteCardView {
        community: id,
        name: "club".to_owned(),
        inviter: world.peers[0].node.account(),
        inviter_name: "ana".to_owned(),
        peers: 1,
        expires: Some(UnixMs(world.now.wall.0 + 3_600_000)),
        member: false,
    };
    assert_eq!(card, expected);
    assert!(joiner.wire.is_empty());
    let Reply::InviteCard { card } = world.ok(0, &look) else {
        panic!("a card")
    };
    assert!(card.member);

    let endless = world.word(0, "invite club", "invite");
    let Reply::InviteCard { card } = joiner.ok(1, &format!("inspect-invite {endless}")) else {
        panic!("a card")
    };
    assert_eq!(card.expires, None);
    for (bad, says) in [
        ("alloquy://join/aeaq", "version 1"),
        ("https://example.org", "starts with"),
        // 80 characters of base32 are 50 whole bytes.
        (&link[.."alloquy://join/".len() + 80], "ends early"),
    ] {
        let refused = joiner
            .line(1, &format!("inspect-invite {bad}"))
            .unwrap_err();
        assert_eq!(refused.code, ErrorCode::InviteInvalid);
        assert!(refused.message.contains(says), "{}", refused.message);
    }
}

fn keep(name: &str, value: &str) -> Command {
    Command::Keep {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn what_a_face_keeps_survives_and_is_never_shown_before_it_is_durable() {
    let mut world = World::new(&["ana"]);
    world.submit(0, keep("draft", "half a tho")).unwrap();
    world
        .submit(0, keep("draft", "half a thought\nand a line"))
        .unwrap();
    world.submit(0, keep("theme", "dark")).unwrap();
    world.restart(0, 1);
    let kept = world.snapshot(0).kept.clone();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept["draft"].as_ref(), "half a thought\nand a line");

    world.peers[0].disk = full();
    let refused = world.submit(0, keep("draft", "more")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Storage);
    assert_eq!(world.snapshot(0).kept, kept);
    world.peers[0].disk = None;
    world.pass(2_000);

    world.submit(0, keep("draft", "")).unwrap();
    assert!(!world.snapshot(0).kept.contains_key("draft"));
    world.restart(0, 1);
    assert_eq!(world.snapshot(0).kept.keys().collect::<Vec<_>>(), ["theme"]);
}

#[test]
fn drafts_go_with_the_community_that_is_left_and_not_with_one_that_removes() {
    for (leave, stays) in [("leave club", 2), ("", 4)] {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.ok(1, "create-community own --template friends");
        world.pass(1_000);
        let snapshot = world.snapshot(1);
        let channel = |name: &str| {
            let mut all = snapshot.communities.values();
            let of = all.find(|of| of.name == name).expect("a member");
            let mut channels = of.channels.iter();
            channels.find(|of| of.name == "general").unwrap().channel
        };
        let (club, own) = (channel("club"), channel("own"));
        let message = world.word(1, "send club/general hello", "message");
        let thread = format!("draft/{}/{message}", club.short());
        for name in [
            format!("draft/{club}"),
            thread,
            format!("draft/{own}"),
            "place".to_owned(),
        ] {
            world.submit(1, keep(&name, "half a thought")).unwrap();
        }
        if leave.is_empty() {
            world.ok(0, "kick club ben");
        } else {
            world.ok(1, leave);
        }
        world.pass(2_000);
        for _ in 0..2 {
            let kept = world.snapshot(1).kept.clone();
            assert_eq!(kept.len(), stays, "{leave}: {kept:?}");
            assert!(kept.contains_key(&format!("draft/{own}")));
            world.restart(1, 1);
        }
    }
}

#[test]
fn what_a_face_keeps_has_limits() {
    let mut world = World::new(&["ana"]);
    for n in 0..1024 {
        world.submit(0, keep(&format!("draft {n}"), "x")).unwrap();
    }
    let refused = world.submit(0, keep("one more", "x")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Limit);
    assert!(refused.message.contains("1024"), "{}", refused.message);
    world.submit(0, keep("draft 7", "other")).unwrap();
    world.submit(0, keep("draft 8", "")).unwrap();
    world.submit(0, keep("one more", "x")).unwrap();

    let long = world
        .submit(0, keep("n", &"x".repeat(16 * 1024 + 1)))
        .unwrap_err();
    assert_eq!(long.code, ErrorCode::Limit);
    let long = world.submit(0, keep(&"n".repeat(81), "x")).unwrap_err();
    assert_eq!(long.code, ErrorCode::Limit);
    let none = world.submit(0, keep("", "x")).unwrap_err();
    assert_eq!(none.code, ErrorCode::Parse);
}

#[test]
fn recovery_words_stay_until_three_of_them_were_right() {
    let mut world = World::new(&[KEEPS_WORDS, "ana"]);
    assert!(world.snapshot(0).recovery_pending);
    assert!(
        !world.snapshot(1).recovery_pending,
        "shown when it was made"
    );
    assert_eq!(
        world.line(1, "recovery show").unwrap_err().code,
        ErrorCode::UnknownName
    );
    world.restart(0, 1);
    let Reply::Recovery {
        recovery_words: words,
    } = world.ok(0, "recovery show")
    else {
        panic!("words")
    };
    assert_eq!(words.len(), 12);
    let confirm = |places: [usize; 3], words: &[&str]| {
        let given: Vec<_> = places
            .iter()
            .zip(words)
            .map(|(place, word)| format!("{place} {word}"))
            .collect();
        format!("recovery confirm {}", given.join(" "))
    };
    let right = |place: usize| words[place - 1].as_str();

    let wrong = confirm([3, 7, 12], &[right(3), "zzz", right(12)]);
    let refused = world.line(0, &wrong).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(refused.message.contains("place 7"), "{}", refused.message);
    assert!(!refused.message.contains("zzz") && !refused.message.contains(right(7)));
    let twice = confirm([3, 3, 12], &[right(3), right(3), right(12)]);
    let refused = world.line(0, &twice).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Parse);
    assert!(
        refused.message.contains("place 3 is given twice"),
        "{}",
        refused.message
    );
    assert!(world.snapshot(0).recovery_pending);

    let all = confirm([12, 3, 7], &[right(12), right(3), right(7)]);
    world.peers[0].disk = full();
    assert_eq!(world.line(0, &all).unwrap_err().code, ErrorCode::Storage);
    assert!(
        world.snapshot(0).recovery_pending,
        "what could not be wiped is still there"
    );
    world.peers[0].disk = None;
    world.pass(2_000);
    world.ok(0, &all);
    assert!(!world.snapshot(0).recovery_pending);
    let phrase = words.join(" ").into_bytes();
    let holds = |value: &[u8]| value.windows(phrase.len()).any(|part| part == phrase);
    assert!(!world.peers[0].records.values().any(|value| holds(value)));
    world.restart(0, 1);
    assert_eq!(
        world.line(0, "recovery show").unwrap_err().code,
        ErrorCode::UnknownName
    );
    assert_eq!(
        world.line(0, &all).unwrap_err().code,
        ErrorCode::UnknownName
    );
}

#[test]
fn trouble_with_the_store_is_shown_and_goes_by_itself() {
    let (mut world, _) = World::club(&["ana"]);
    assert_eq!(world.snapshot(0).trouble, None);
    world.peers[0].disk = full();
    world.line(0, "profile status busy").unwrap_err();
    let trouble = world.snapshot(0).trouble.clone().unwrap();
    assert_eq!(trouble.code, ErrorCode::Storage);
    assert!(
        trouble.message.contains("no space left"),
        "{}",
        trouble.message
    );
    world.pass(5_000);
    assert!(world.snapshot(0).trouble.is_some());
    world.peers[0].disk = None;
    world.pass(2_000);
    assert_eq!(world.snapshot(0).trouble, None);
}
