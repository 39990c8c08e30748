//! Stores that refuse writes, and stores that were put back from a copy.

use std::cell::RefCell;
use std::rc::Rc;

use alloquy_api::command::CommandId;
use alloquy_api::reply::DeliveryState;
use alloquy_api::{Command, CommandError, ErrorCode, Event, Reply};
use alloquy_core::{Input, Origin, StorageError};
use alloquy_schema::event::Kind;

use crate::forger::Forger;
use crate::world::{CLIENT, Packet, World};

/// Tags of frames.
const DIGEST: u8 = 1;
const RANGES: u8 = 4;

fn full() -> Option<StorageError> {
    Some(StorageError::Full("no space left".to_owned()))
}

#[test]
fn an_author_hears_of_what_was_stored_late() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    // Equal digests would say the same.
    world.tamper = Some(Box::new(|_, _, packet| match &packet {
        Packet::Frame(bytes) if bytes[1] == DIGEST => Vec::new(),
        _ => vec![packet],
    }));
    world.peers[0].disk = full();
    world.ok(1, "send club/general \"hello\"");
    world.pass(2_000);
    let delivery = |world: &mut World| world.history(1, "club/general")[0].delivery.clone();
    assert_eq!(delivery(&mut world).state, DeliveryState::Stored);
    world.peers[0].disk = None;
    world.pass(3_000);
    let delivery = delivery(&mut world);
    assert_eq!(
        (delivery.state, delivery.holders),
        (DeliveryState::Delivered, 1)
    );
}

#[test]
fn who_could_not_leave_for_want_of_room_is_a_member_still() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.peers[1].disk = full();
    let error = world.line(1, "leave club").expect_err("no space");
    assert_eq!(error.code, ErrorCode::Storage);
    world.peers[1].disk = None;
    world.pass(3_000);
    world.ok(1, "send club/general \"still here\"");
    world.ok(0, "send club/general \"so you are\"");
    world.pass(2_000);
    for at in 0..2 {
        assert_eq!(
            world.texts(at, "club/general"),
            ["still here", "so you are"],
            "node {at}"
        );
    }
}

/// How the last command of a node has ended.
fn answer(world: &World, at: usize) -> Option<Result<Reply, CommandError>> {
    let last = world.peers[at].next_command;
    world.peers[at].events.iter().find_map(|event| match event {
        Event::Done { id, result } if id.0 == last => Some(result.clone()),
        _ => None,
    })
}

#[test]
fn a_conversation_is_open_when_it_is_durable() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    for line in ["dm ben", "dm ben"] {
        world.peers[0].unwritten = Some(Vec::new());
        world.give(0, line);
        world.pass(5_000);
        assert!(answer(&world, 0).is_none(), "nothing is durable");
        world.written(0);
        let opened = answer(&world, 0).expect("an answer");
        assert!(matches!(opened, Ok(Reply::Direct { .. })), "{opened:?}");
    }
}

#[test]
fn a_conversation_that_could_not_be_stored_is_not_there_after_a_restart_either() {
    for stored in 0..5 {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.peers[0].unwritten = Some(Vec::new());
        world.give(0, "dm ben");
        assert!(answer(&world, 0).is_none(), "nothing is durable");
        world.written_in_part(0, stored);
        let refused = answer(&world, 0).expect("an answer");
        let refused = refused.expect_err("it was not stored");
        assert_eq!(refused.code, ErrorCode::Storage);
        world.pass(5_000);
        let shown = |world: &mut World| world.snapshot(0).directs.len();
        let before = shown(&mut world);
        world.restart(0, 1);
        world.pass(5_000);
        assert_eq!(shown(&mut world), before, "{stored} tasks were stored");
        world.connect(0, 1);
        world.ok(0, "dm ben");
        world.pass(2_000);
        assert_eq!(shown(&mut world), 2, "beside the own notes");
    }
}

#[test]
fn a_conversation_that_is_opened_again_at_once_is_there_after_a_restart() {
    let mut refusals = 0;
    for refused in 1..8 {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.peers[0].unwritten = Some(Vec::new());
        world.give(0, "dm ben");
        let tasks = world.peers[0].unwritten.as_ref().map_or(0, Vec::len);
        // There is room again in the midst of it.
        world.written_where(0, |place| place >= refused.min(tasks - 1));
        let answer = answer(&world, 0).expect("an answer");
        refusals += u32::from(answer.is_err());
        // What the refused one left is not removed yet, and must not be when it has its place again.
        world.ok(0, "dm ben");
        world.ok(0, "send @ben \"hello\"");
        world.pass(5_000);
        world.restart(0, 1);
        assert_eq!(
            world.texts(0, "@ben"),
            ["hello"],
            "{refused} of {tasks} tasks were refused"
        );
        world.connect(0, 1);
        world.pass(2_000);
        world.ok(1, "dm accept ana");
        world.pass(2_000);
        assert_eq!(
            world.texts(1, "@ana"),
            ["hello"],
            "{refused} of {tasks} tasks were refused"
        );
    }
    assert!(refusals > 0);
}

#[test]
fn what_was_taken_back_from_a_slow_disk_removes_nothing_of_what_came_in_its_place() {
    for between in 1..4 {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.peers[0].unwritten = Some(Vec::new());
        world.give(0, "dm ben");
        // The conversation and those in it are refused; there is room for what rests on them.
        assert!(world.written_next(0, false) && world.written_next(0, false));
        for _ in 0..between {
            world.written_next(0, true);
        }
        world.give(0, "dm ben");
        while world.written_next(0, true) {}
        answer(&world, 0)
            .expect("an answer")
            .expect("there is room");
        world.peers[0].unwritten = None;
        world.ok(0, "send @ben \"hello\"");
        world.pass(5_000);
        world.restart(0, 1);
        assert_eq!(world.texts(0, "@ben"), ["hello"], "{between} between");
        world.connect(0, 1);
        world.pass(2_000);
        world.ok(1, "dm accept ana");
        world.pass(2_000);
        assert_eq!(world.texts(1, "@ana"), ["hello"], "{between} between");
    }
}

#[test]
fn a_conversation_that_a_crash_left_half_begun_gets_both_names() {
    let mut held = 0;
    for stored in 0..8 {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.peers[0].unwritten = Some(Vec::new());
        world.give(0, "dm ben");
        world.settle();
        world.crash_in_writing(0, stored);
        let snapshot = world.snapshot(0);
        let mut begun = snapshot.directs.iter().filter(|one| one.name == "ben");
        let Some(direct) = begun.next().map(|one| one.community) else {
            continue;
        };
        held += 1;
        world.connect(0, 1);
        world.pass(2_000);
        world.ok(1, "dm accept ana");
        world.pass(30_000);
        // What the other one is called can not be seen elsewhere any more.
        world.ok(1, "leave club");
        world.pass(2_000);
        for at in 0..2 {
            let Reply::Members { members } = world.ok(at, &format!("members {direct}")) else {
                panic!("members")
            };
            let mut names: Vec<_> = members.into_iter().map(|member| member.name).collect();
            names.sort();
            assert_eq!(
                names,
                ["ana", "ben"],
                "node {at}, {stored} tasks were stored"
            );
        }
    }
    assert!(held > 2, "it was there {held} times");
}

#[test]
fn a_conversation_that_a_crash_left_without_its_other_side_is_brought_to_it() {
    for stored in 1..4 {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.peers[0].unwritten = Some(Vec::new());
        // The crash takes what was on its way to ben, too.
        world.tamper = Some(Box::new(|_, _, _| Vec::new()));
        world.give(0, "dm ben");
        world.crash_in_writing(0, stored);
        world.tamper = None;
        world.connect(0, 1);
        world.pass(60_000);
        world.ok(0, "send @ben \"of ana\"");
        world.pass(2_000);
        world.ok(1, "dm accept ana");
        world.pass(30_000);
        assert_eq!(world.texts(1, "@ana"), ["of ana"], "{stored} tasks");
    }
}

#[test]
fn a_conversation_that_was_brought_to_a_full_disk_is_there_when_there_is_room() {
    let mut world = World::new(&["ana", "ben"]);
    let links = [0, 1].map(|at| world.word(at, "contact link", "contact"));
    world.peers[0].unwritten = Some(Vec::new());
    world.give(0, &format!("contact add {}", links[1]));
    // A crash leaves the genesis alone: neither whose devices are in it nor who ben is.
    let tasks = world.peers[0].unwritten.as_mut().expect("it is slow");
    let genesis = tasks.iter().position(|(_, writes)| writes.len() == 2);
    tasks.drain(..genesis.expect("a community and its first row"));
    world.crash_in_writing(0, 1);
    // Ana's device comes in by itself.
    world.pass(30_000);
    assert_eq!(world.snapshot(0).directs.len(), 2, "beside the own notes");
    world.ok(1, &format!("contact add {}", links[0]));
    // Of what ben says then, all is lost but that there is the conversation.
    world.tamper = Some(Box::new(|from, _, packet| match &packet {
        Packet::Frame(bytes) if from == 1 && bytes[1] == RANGES => Vec::new(),
        _ => vec![packet],
    }));
    world.peers[0].unwritten = Some(Vec::new());
    world.connect(0, 1);
    world.ok(1, "send @ana \"of ben\"");
    world.peers[0].disk = full();
    world.written_in_part(0, 0);
    world.tamper = None;
    world.pass(20_000);
    let tasks = world.peers[0].tasks;
    world.pass(60_000);
    let tried = world.peers[0].tasks - tasks;
    assert!(tried < 200, "{tried} writes to a disk that is full");
    world.peers[0].disk = None;
    world.pass(60_000);
    // Ben has said nothing more of it.
    assert_eq!(world.texts(0, "@ben"), ["of ben"]);
    world.ok(0, "send @ben \"of ana\"");
    world.pass(2_000);
    assert_eq!(world.texts(1, "@ana"), ["of ben", "of ana"]);
}

#[test]
fn a_store_that_refuses_for_long_costs_bounded_memory_and_says_so() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.ok(1, "send club/general \"first\"");
    world.pass(2_000);
    world.peers[0].disk = full();
    let forger = Forger::of(&world.peers[1], id);
    let mut last = forger.last(Kind::Sealed).clone();
    for n in 0..4_200 {
        let next = forger.next(&last, &format!("message {n}"));
        let event = next.clone().verify().expect("it is well made");
        let frame = forger.ranges(next.header.scope, &[event]);
        // Ana's answers do not matter here.
        world.peers[1].faults.clear();
        world.arrive(1, 0, frame);
        last = next;
    }
    let taken = world.history(0, "club/general").len() - 1;
    assert!(
        (4_000..=4_096).contains(&taken),
        "{taken} messages are held"
    );
    let error = world
        .line(0, "send club/general \"no room\"")
        .expect_err("nothing more is taken in");
    assert_eq!(error.code, ErrorCode::Storage);
    assert!(error.message.contains("4096"), "{}", error.message);
    world.peers[0].disk = None;
    world.pass(3_000);
    world.ok(0, "send club/general \"room\"");
}

/// Ana's store is put back from a copy on the same machine, and ben, who knows more, is slow to answer. What she
/// does meanwhile is `act`.
fn put_back(act: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(&["ana", "ben", "cem"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let invite = world.word(0, "invite club", "invite");
    world.connect(0, 1);
    world.ok(1, &format!("join {invite}"));
    world.pass(3_000);
    let invite = world.word(0, "invite club", "invite");
    let backup = world.peers[0].records.clone();
    world.ok(0, "create-channel club text later");
    world.ok(0, "send club/general \"later\"");
    world.pass(3_000);
    world.disconnect(0, 1);
    world.peers[0].records = backup;
    world.restart(0, 1);
    let late: Rc<RefCell<Vec<Packet>>> = Rc::default();
    let held = late.clone();
    world.tamper = Some(Box::new(move |from, to, packet| {
        if (from, to) == (1, 0) {
            held.borrow_mut().push(packet);
            Vec::new()
        } else {
            vec![packet]
        }
    }));
    world.connect(0, 1);
    world.connect(0, 2);
    let link: Command = format!("join {invite}").parse().expect("a link");
    let origin = Origin {
        client: 1,
        command: CommandId(900),
    };
    world.input(2, Input::Command(origin, link));
    world.settle();
    act(&mut world);
    world.pass(500);
    world.tamper = None;
    for packet in late.take() {
        world.arrive(1, 0, packet);
    }
    world.pass(30_000);
    world
}

fn nobody_is_forked(world: &mut World) {
    for at in 0..world.peers.len() {
        let Reply::Members { members } = world.ok(at, "members club") else {
            panic!("members")
        };
        assert_eq!(members.len(), 3, "node {at}");
        let forked: Vec<_> = members.iter().filter(|member| member.forked).collect();
        assert!(forked.is_empty(), "node {at}: {forked:?}");
        assert_eq!(world.texts(at, "club/general"), ["later"], "node {at}");
    }
}

#[test]
fn an_admission_after_a_start_waits_for_a_peers_word_about_own_logs() {
    let mut world = put_back(|_| {});
    nobody_is_forked(&mut world);
}

#[test]
fn a_new_name_after_a_start_waits_for_it_too() {
    let mut world = put_back(|world| {
        world.ok(0, "profile name anna");
    });
    nobody_is_forked(&mut world);
    let Reply::Members { members } = world.ok(1, "members club") else {
        panic!("members")
    };
    assert!(members.iter().any(|member| member.name == "anna"));
}

#[test]
fn a_peer_that_comes_and_goes_keeps_nobody_from_writing() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    world.ok(1, "send club/general \"unknown to ana\"");
    world.restart(0, 1);
    world.tamper = Some(Box::new(|_, _, _| Vec::new()));
    let start = world.now.mono;
    let line = "send club/general \"at last\"".parse().expect("a line");
    let origin = Origin {
        client: 1,
        command: CommandId(900),
    };
    world.connect(0, 1);
    world.input(0, Input::Command(origin, line));
    while world.texts(0, "club/general").is_empty() {
        world.disconnect(0, 1);
        world.connect(0, 1);
        world.pass(500);
        assert!(world.now.mono < start.plus(6_000), "it is never written");
    }
}

#[test]
fn a_log_that_others_give_back_is_not_gone_on_with() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    let backup = world.peers[0].records.clone();
    world.ok(0, "send club/general \"to both\"");
    world.pass(2_000);
    world.disconnect(0, 1);
    world.ok(0, "send club/general \"to cem alone\"");
    world.pass(2_000);
    world.disconnect(0, 2);
    world.peers[0].records = backup;
    world.restart(0, 1);
    // Ben gives back what he has, which is not all.
    world.connect(0, 1);
    world.pass(4_000);
    world.ok(0, "send club/general \"after all that\"");
    world.connect(0, 2);
    world.pass(20_000);
    let Reply::Members { members } = world.ok(2, "members club") else {
        panic!("members")
    };
    assert!(members.iter().all(|member| !member.forked));
    assert_eq!(world.texts(0, "club/general").len(), 3);
}

#[test]
fn a_join_is_answered_when_a_crash_can_not_undo_it() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let invite = world.word(0, "invite club", "invite");
    world.found("cem");
    world.peers[2].disk = Some(StorageError::Full("no space left".to_owned()));
    world.connect(0, 2);
    let command: Command = format!("join {invite}").parse().expect("a line");
    let id = CommandId(999);
    let origin = Origin {
        client: CLIENT,
        command: id,
    };
    world.input(2, Input::Command(origin, command));
    world.pass(10_000);
    let answered = |world: &World| {
        let done = |event: &Event| matches!(event, Event::Done { id: of, .. } if *of == id);
        world.peers[2].events.iter().any(done)
    };
    assert!(!answered(&world), "nothing of it is in the store");
    world.peers[2].disk = None;
    world.pass(10_000);
    assert!(answered(&world));
    world.restart(2, 1);
    world.connect(0, 2);
    world.ok(2, "send club/general \"still here\"");
}
