//! Parts of a history: every message once, whatever it is read from, also after a partition.

use alloquy_api::pages::{At, Part};
use alloquy_api::reply::MessageView;
use alloquy_api::{Command, ErrorCode, Reply};
use alloquy_ids::{ChannelId, EventId};

use crate::devices::link;
use crate::world::World;

fn general(world: &mut World, at: usize) -> ChannelId {
    let (_, community) = world.community(at);
    let mut channels = community.channels.iter();
    let found = channels.find(|view| view.name == "general");
    found.expect("the channel is there").channel
}

fn page(
    world: &mut World,
    (at, channel): (usize, ChannelId),
    part: Part,
    limit: u32,
) -> Vec<MessageView> {
    let command = Command::Page {
        channel,
        part,
        limit,
    };
    match world.submit(at, command) {
        Ok(Reply::History { messages, .. }) => messages,
        other => panic!("{other:?}"),
    }
}

fn ids(messages: &[MessageView]) -> Vec<EventId> {
    messages.iter().map(|message| message.id).collect()
}

/// Both write on their own side of a partition, which then ends.
fn merged() -> (World, ChannelId) {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"before\"");
    world.pass(5_000);
    world.disconnect(0, 1);
    for round in 0..40 {
        for at in [0, 1] {
            world.ok(at, &format!("send club/general \"{at} {round}\""));
        }
        world.pass(1_000);
    }
    world.connect(0, 1);
    world.pass(20_000);
    let channel = general(&mut world, 0);
    (world, channel)
}

#[test]
fn pages_give_each_message_once_in_both_directions_after_a_partition() {
    let (mut world, channel) = merged();
    for at in [0, 1] {
        let all = ids(&world.history(at, "club/general"));
        assert_eq!(all.len(), 81);
        let mut back = page(&mut world, (at, channel), Part::Latest(None), 7);
        let mut seen = ids(&back);
        while let Some(first) = back.first() {
            let part = Part::Before(At::Message(first.id));
            back = page(&mut world, (at, channel), part, 7);
            seen.splice(0..0, ids(&back));
        }
        assert_eq!(seen, all, "backwards by message");
        let mut seen = vec![all[0]];
        loop {
            let part = Part::After(At::Message(seen[seen.len() - 1]));
            let more = ids(&page(&mut world, (at, channel), part, 9));
            if more.is_empty() {
                break;
            }
            seen.extend(more);
        }
        assert_eq!(seen, all, "forwards by message");
        let between = Part::Between(At::Message(all[10]), At::Message(all[30]));
        assert_eq!(
            ids(&page(&mut world, (at, channel), between, 500)),
            all[11..30]
        );
        assert_eq!(
            ids(&page(&mut world, (at, channel), between, 4)),
            all[11..15]
        );
        let back = Part::Between(At::Message(all[30]), At::Message(all[10]));
        assert_eq!(ids(&page(&mut world, (at, channel), back, 4)), all[26..30]);
        let around = Part::Around(At::Message(all[20]));
        assert_eq!(
            ids(&page(&mut world, (at, channel), around, 5)),
            all[18..23]
        );
        let since = Part::Latest(Some(At::Message(all[70])));
        assert_eq!(ids(&page(&mut world, (at, channel), since, 500)), all[71..]);
        assert_eq!(ids(&page(&mut world, (at, channel), since, 3)), all[78..]);
    }
}

#[test]
fn by_the_clock_nothing_is_left_out() {
    let (mut world, channel) = merged();
    let all = world.history(0, "club/general");
    let mut time = all[0].time;
    let mut seen = vec![all[0].id];
    // Clients go on from the time of the last message that they were given.
    loop {
        let more = page(&mut world, (0, channel), Part::After(At::Time(time)), 500);
        let Some(last) = more.iter().map(|message| message.time).max() else {
            break;
        };
        seen.extend(ids(&more));
        time = last;
    }
    for message in &all {
        assert!(seen.contains(&message.id), "{message:?}");
    }
    assert!(
        page(
            &mut world,
            (0, channel),
            Part::Before(At::Time(all[0].time)),
            5
        )
        .is_empty()
    );
    let newest = all
        .iter()
        .map(|message| message.time)
        .max()
        .expect("there are some");
    assert!(page(&mut world, (0, channel), Part::After(At::Time(newest)), 5).is_empty());
}

#[test]
fn deleted_messages_are_left_out_and_the_marker_is_a_part_of_its_own() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let channel = general(&mut world, 0);
    assert!(page(&mut world, (0, channel), Part::Latest(None), 5).is_empty());
    assert!(page(&mut world, (0, channel), Part::Read, 1).is_empty());
    for text in ["one", "two", "three"] {
        world.ok(1, &format!("send club/general {text}"));
    }
    world.pass(5_000);
    let all = ids(&world.history(0, "club/general"));
    world.ok(0, &format!("delete {}", all[1]));
    world.pass(5_000);
    assert_eq!(
        ids(&page(&mut world, (0, channel), Part::Latest(None), 2)),
        [all[0], all[2]]
    );
    world.ok(0, &format!("mark-read {channel} {}", all[0]));
    assert_eq!(
        ids(&page(&mut world, (0, channel), Part::Read, 1)),
        [all[0]]
    );
}

#[test]
fn what_may_not_be_seen_is_unknown() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let secret = world.word(0, "create-channel club text secret --private", "channel");
    let secret: ChannelId = secret.parse().expect("an id");
    world.ok(0, &format!("send {secret} hush"));
    world.ok(0, "send club/general aloud");
    world.pass(5_000);
    let hush = page(&mut world, (0, secret), Part::Latest(None), 5)[0].id;
    let open = general(&mut world, 1);
    for (channel, part) in [
        (secret, Part::Latest(None)),
        (secret, Part::Around(At::Message(hush))),
        (ChannelId([9; 32]), Part::Latest(None)),
        (open, Part::Before(At::Message(hush))),
        (open, Part::After(At::Message(EventId([9; 32])))),
    ] {
        let command = Command::Page {
            channel,
            part,
            limit: 5,
        };
        let error = world.submit(1, command).expect_err("it may not be seen");
        assert_eq!(error.code, ErrorCode::UnknownName, "{error}");
    }
}

#[test]
fn a_message_that_claims_a_time_to_come_stands_in_no_readers_way() {
    const TEN_YEARS: i64 = 10 * 365 * 24 * 3_600_000;
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    let channel = general(&mut world, 0);
    let say = |world: &mut World, at: usize, text: &str| {
        world.ok(at, &format!("send club/general \"{text}\""));
        world.pass(60_000);
    };
    say(&mut world, 1, "before");
    world.clocks.insert(2, TEN_YEARS);
    say(&mut world, 2, "from the years to come");
    for text in ["after", "later", "last"] {
        say(&mut world, 1, text);
    }
    // Ana has seen each as it came; who comes now has not.
    world.found("dan");
    world.connect(0, 3);
    let invite = world.word(0, "invite club", "invite");
    world.ok(3, &format!("join {invite}"));
    world.pass(60_000);
    let all = world.history(0, "club/general");
    assert_eq!(all.len(), 5);
    let rest = |from: usize| ids(&all[from..]);
    for (number, message) in all.iter().enumerate() {
        let part = Part::After(At::Time(message.time));
        let read = page(&mut world, (0, channel), part, 5);
        assert_eq!(ids(&read), rest(number + 1), "who saw each as it came");
        if number > 1 && number < 4 {
            let read = page(&mut world, (3, channel), part, 5);
            assert_eq!(ids(&read), rest(number + 1), "who came later");
        }
    }
    for at in [0, 3] {
        let before = Part::Before(At::Time(all[3].time));
        let read = page(&mut world, (at, channel), before, 5);
        assert_eq!(ids(&read), ids(&all[..3]));
    }
}

#[test]
fn a_reader_whose_clock_was_behind_shows_what_was_claimed_once_it_is_set() {
    const HOUR: i64 = 3_600_000;
    for behind in [HOUR, 57 * 365 * 24 * HOUR] {
        let (mut world, _) = World::club(&["ana", "ben"]);
        let channel = general(&mut world, 0);
        let mut sent = Vec::new();
        for (round, clock) in [0, -behind, -behind, 0].into_iter().enumerate() {
            world.clocks.insert(0, clock);
            sent.push(world.now.wall);
            world.ok(1, &format!("send club/general \"{round}\""));
            world.pass(60_000);
        }
        let right = |world: &mut World| {
            let shown = world.history(0, "club/general");
            let times: Vec<_> = shown.iter().map(|message| message.time).collect();
            assert_eq!(times, sent, "{behind}");
            for (at, message) in shown.iter().enumerate() {
                let part = Part::After(At::Time(message.time));
                let read = page(world, (0, channel), part, 5);
                assert_eq!(ids(&read), ids(&shown[at + 1..]), "{behind}");
            }
        };
        right(&mut world);
        world.restart(0, 1);
        right(&mut world);
    }
}

#[test]
fn the_first_message_of_a_channel_did_not_come_before_its_community_was_made() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.clocks.insert(0, -3_600_000);
    let sent = world.now.wall;
    world.ok(1, "send club/general first");
    world.pass(60_000);
    world.clocks.clear();
    assert_eq!(world.history(0, "club/general")[0].time, sent);
}

#[test]
fn another_device_of_the_same_account_is_believed_once_its_time_has_come() {
    const HOUR: u64 = 3_600_000;
    let (mut world, _) = World::club(&["ana", "ben"]);
    let phone = link(&mut world, 0);
    world.clocks.insert(phone, HOUR.cast_signed());
    let claimed = world.now.wall.0 + HOUR;
    world.ok(phone, "send club/general \"from the phone\"");
    world.pass(60_000);
    let time = |world: &mut World| world.history(0, "club/general")[0].time.0;
    assert!(time(&mut world) < claimed, "it is a time to come");
    world.pass(2 * HOUR);
    assert_eq!(time(&mut world), claimed);
}
