//! Voice against those who do not keep to the program, and against a network that loses and reorders.

use std::cell::RefCell;
use std::rc::Rc;

use alloquy_api::voice::{LinkStage, LinkView, MediaLink, MediaReport, MediaSignal, MediaTask};
use alloquy_core::Input;
use alloquy_ids::{CommunityId, DeviceId};
use alloquy_schema::codec::{Reader, Writer};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;

use crate::forger::Forger;
use crate::voice::{MEDIA, all_connected, call, club, device, is_word, names};
use crate::world::{Packet, World};

/// Everything that goes from one node to another, from now on, as it passes.
fn listen(world: &mut World, from: usize, to: usize) -> Rc<RefCell<Vec<Bytes>>> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&heard);
    world.tamper = Some(Box::new(move |a, b, packet| {
        if let Packet::Frame(bytes) = &packet
            && (a, b) == (from, to)
        {
            list.borrow_mut().push(bytes.clone());
        }
        vec![packet]
    }));
    heard
}

fn is_media(bytes: &Bytes) -> bool {
    bytes[1] == MEDIA
}

/// The pair of the two with the one that offers first.
fn by_offer(world: &World) -> (usize, usize) {
    match device(world, 0) > device(world, 1) {
        true => (0, 1),
        false => (1, 0),
    }
}

fn deliver(world: &mut World, from: usize, to: usize, bytes: Bytes) {
    world.arrive(from, to, Packet::Frame(bytes));
    world.settle();
}

fn signals(world: &World, at: usize) -> usize {
    let tasks = world.peers[at].engine.tasks.iter();
    tasks
        .filter(|task| matches!(task, MediaTask::Signal(..)))
        .count()
}

/// Two in the lobby, and the steps that the offering one sent.
fn two(world: &mut World) -> (usize, usize, Vec<Bytes>) {
    let (offers, answers) = by_offer(world);
    let heard = listen(world, offers, answers);
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.settle();
    world.tamper = None;
    let steps = heard
        .borrow()
        .iter()
        .filter(|one| is_media(one))
        .cloned()
        .collect();
    (offers, answers, steps)
}

/// A step as its parts say, signed by a key.
#[derive(Clone)]
struct Step {
    community: CommunityId,
    channel: [u8; 32],
    from: DeviceId,
    to: DeviceId,
    sessions: [u64; 2],
    attempt: u64,
    index: u64,
    sdp: String,
}

impl Step {
    /// A step that was heard, an offer.
    fn heard(bytes: &Bytes) -> Self {
        let mut r = Reader::new(&bytes[2..]);
        let ids: [[u8; 32]; 4] = std::array::from_fn(|_| r.array("an id").expect("an id"));
        let numbers: [u64; 4] = std::array::from_fn(|_| r.varint("a number").expect("a number"));
        assert_eq!(r.u8("an offer").expect("a tag"), 1);
        let sdp = r.text(16 * 1024, "SDP").expect("SDP").to_owned();
        Self {
            community: CommunityId(ids[0]),
            channel: ids[1],
            from: DeviceId(ids[2]),
            to: DeviceId(ids[3]),
            sessions: [numbers[0], numbers[1]],
            attempt: numbers[2],
            index: numbers[3],
            sdp,
        }
    }

    /// An offer of the attempt after this one.
    fn next(&self) -> Self {
        let attempt = self.attempt + 1;
        Self {
            attempt,
            sdp: format!("offer {attempt}"),
            ..self.clone()
        }
    }

    fn signed(&self, key: &DeviceKey) -> Bytes {
        let mut w = Writer::new();
        w.raw(&self.community.0);
        w.raw(&self.channel);
        w.raw(&self.from.0);
        w.raw(&self.to.0);
        for number in [self.sessions[0], self.sessions[1], self.attempt, self.index] {
            w.varint(number);
        }
        w.u8(1);
        w.text(&self.sdp);
        let unsigned = w.into_bytes();
        let signature = key.sign(&[&b"alloquy media v1"[..], &unsigned].concat());
        [&[1, MEDIA][..], &unsigned, &signature].concat().into()
    }
}

#[test]
fn a_description_whose_fingerprint_was_changed_on_the_way_is_refused_and_blamed() {
    let mut world = club(&["ana", "ben"]);
    let (offers, answers) = by_offer(&world);
    let changed = Rc::new(RefCell::new(0));
    let count = Rc::clone(&changed);
    world.tamper = Some(Box::new(move |_, _, packet| match packet {
        Packet::Frame(bytes) if is_media(&bytes) => {
            let mut bytes = bytes.to_vec();
            if let Some(at) = bytes.windows(5).position(|word| word == b"offer") {
                bytes[at] = b'O';
                *count.borrow_mut() += 1;
            }
            vec![Packet::Frame(bytes.into())]
        }
        other => vec![other],
    }));
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.settle();
    assert_eq!(*changed.borrow(), 1);
    assert_eq!(signals(&world, answers), 0, "the engine never sees it");
    assert_eq!(world.peers[answers].faults.len(), 1);
    assert!(world.peers[answers].engine.open().is_empty());
    // Without the man in the middle the next attempt works.
    world.tamper = None;
    world.pass(30_000);
    all_connected(&world, &[0, 1]);
    assert!(world.peers[offers].faults.is_empty());
}

#[test]
fn a_step_that_another_device_signed_or_brings_is_refused_and_blamed() {
    let mut world = club(&["ana", "ben", "cleo"]);
    let (offers, answers, steps) = two(&mut world);
    world.ok(2, "voice join club/lobby");
    world.settle();
    all_connected(&world, &[0, 1, 2]);
    let before = signals(&world, answers);
    let offer = Step::heard(&steps[0]);
    let mallory = Forger::of(&world.peers[2], offer.community);
    let honest = Forger::of(&world.peers[offers], offer.community);
    let next = offer.next();
    let mut faults = 0;
    let refused = |world: &mut World, from: usize, bytes: Bytes, what: &str, faults: &mut usize| {
        deliver(world, from, answers, bytes);
        *faults += 1;
        assert_eq!(world.peers[answers].faults.len(), *faults, "{what}");
        assert_eq!(signals(world, answers), before, "{what}");
    };
    refused(
        &mut world,
        2,
        steps[0].clone(),
        "another's step, as it was",
        &mut faults,
    );
    refused(
        &mut world,
        2,
        next.signed(&mallory.key),
        "in another's name",
        &mut faults,
    );
    refused(
        &mut world,
        offers,
        next.signed(&mallory.key),
        "signed by another",
        &mut faults,
    );
    let to = Step {
        to: device(&world, 2),
        ..next.clone()
    };
    refused(
        &mut world,
        offers,
        to.signed(&honest.key),
        "for another device",
        &mut faults,
    );
    // Attempts that come faster than they can fail are dropped, without blame.
    deliver(&mut world, offers, answers, next.signed(&honest.key));
    assert_eq!(signals(&world, answers), before);
    world.pass(1_000);
    // The same, as it should be, is taken: what is refused above is so for its signature alone.
    deliver(&mut world, offers, answers, next.signed(&honest.key));
    assert_eq!(world.peers[answers].faults.len(), faults);
    let tasks = &world.peers[answers].engine.tasks;
    let begun = |task: &MediaTask| matches!(task, MediaTask::Connect { link, .. } if link.attempt == next.attempt);
    assert!(tasks.iter().any(begun));
}

#[test]
fn steps_of_old_attempts_and_sessions_and_for_other_rooms_change_nothing() {
    let mut world = club(&["ana", "ben"]);
    let (offers, answers, steps) = two(&mut world);
    let offer = Step::heard(&steps[0]);
    let honest = Forger::of(&world.peers[offers], offer.community);
    let before = world.peers[answers].engine.tasks.len();
    for step in &steps {
        deliver(&mut world, offers, answers, step.clone());
    }
    let next = offer.next();
    let stale = [
        Step {
            attempt: offer.attempt - 1,
            ..offer.clone()
        },
        Step {
            sessions: [offer.sessions[0] - 1, offer.sessions[1]],
            ..next.clone()
        },
        Step {
            sessions: [offer.sessions[0], offer.sessions[1] - 1],
            ..next.clone()
        },
        Step {
            channel: [9; 32],
            ..next.clone()
        },
        Step {
            index: 4_096,
            ..offer.clone()
        },
    ];
    for step in &stale {
        deliver(&mut world, offers, answers, step.signed(&honest.key));
    }
    assert_eq!(world.peers[answers].engine.tasks.len(), before);
    // Whoever has left takes nothing of the room any more, nor does a rejoin bring the old session back.
    world.ok(answers, "voice leave");
    deliver(&mut world, offers, answers, next.signed(&honest.key));
    assert_eq!(world.peers[answers].engine.room, None);
    world.pass(1_000);
    world.ok(answers, "voice join club/lobby");
    world.settle();
    all_connected(&world, &[0, 1]);
    deliver(&mut world, offers, answers, next.signed(&honest.key));
    all_connected(&world, &[0, 1]);
    assert!(
        world.peers[answers].faults.is_empty(),
        "what is late is nobody's fault"
    );
}

#[test]
fn an_old_word_brings_nobody_back_into_a_room() {
    let mut world = club(&["ana", "ben", "cleo"]);
    let heard = listen(&mut world, 1, 0);
    world.ok(1, "voice join club/lobby");
    world.pass(20_000);
    world.ok(1, "voice leave");
    world.settle();
    world.tamper = None;
    let words: Vec<_> = heard
        .borrow()
        .iter()
        .filter(|one| is_word(one))
        .cloned()
        .collect();
    assert!(words.len() > 2);
    assert!(names(&mut world, 0, "lobby").is_empty());
    for word in &words {
        deliver(&mut world, 1, 0, word.clone());
        assert!(names(&mut world, 0, "lobby").is_empty());
    }
    // Words of others in their name are blamed.
    deliver(&mut world, 2, 0, words[0].clone());
    assert_eq!(world.peers[0].faults.len(), 1);
    // The next session counts, though the clock went back an hour meanwhile and the program was started again.
    world.clocks.insert(1, -3_600_000);
    world.restart(1, 1);
    world.connect(0, 1);
    world.peers[1].engine = crate::engine::Engine::default();
    world.input(1, Input::MediaEngine(true));
    world.ok(1, "voice join club/lobby");
    world.settle();
    assert_eq!(names(&mut world, 0, "lobby"), ["ben"]);
}

#[test]
fn frames_that_are_lost_doubled_and_reordered_only_delay() {
    for seed in 0..6_u64 {
        let mut world = club(&["ana", "ben", "cleo"]);
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut held: Vec<(usize, usize, Packet)> = Vec::new();
        world.tamper = Some(Box::new(move |from, to, packet| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let voice =
                matches!(&packet, Packet::Frame(bytes) if is_media(bytes) || is_word(bytes));
            if !voice {
                return vec![packet];
            }
            match (state >> 33) % 10 {
                0..3 => Vec::new(),
                3..5 => vec![packet.clone(), packet],
                5..7 => {
                    held.push((from, to, packet));
                    Vec::new()
                }
                _ => {
                    let (due, rest) = std::mem::take(&mut held)
                        .into_iter()
                        .partition::<Vec<_>, _>(|(a, b, _)| (*a, *b) == (from, to));
                    held = rest;
                    let due = due.into_iter().map(|(.., packet)| packet);
                    std::iter::once(packet).chain(due).collect()
                }
            }
        }));
        for at in 0..3 {
            world.ok(at, "voice join club/lobby");
        }
        world.pass(120_000);
        world.tamper = None;
        world.pass(40_000);
        all_connected(&world, &[0, 1, 2]);
        assert!(
            world.peers.iter().all(|peer| peer.faults.is_empty()),
            "seed {seed}"
        );
    }
}

/// The attempts that a node has had its engine begin.
fn begun(world: &World, at: usize) -> Vec<u64> {
    let tasks = world.peers[at].engine.tasks.iter();
    let begun = tasks.filter_map(|task| match task {
        MediaTask::Connect { link, .. } => Some(link.attempt),
        _ => None,
    });
    begun.collect()
}

#[test]
fn a_connection_that_one_side_ended_is_not_gone_on_with_but_made_anew() {
    let mut world = club(&["ana", "ben"]);
    let (offers, answers, _) = two(&mut world);
    let first = begun(&world, answers);
    // The one who answers hears nothing for a while, and takes the other one for gone.
    world.tamper = Some(Box::new(move |from, _, packet| {
        if from == offers {
            Vec::new()
        } else {
            vec![packet]
        }
    }));
    world.pass(5_000);
    assert!(world.peers[answers].engine.links.is_empty());
    assert_eq!(world.peers[offers].engine.links.len(), 1);
    world.tamper = None;
    while call(&mut world, answers).expect("a call").peers.is_empty() {
        world.pass(100);
    }
    // The engine of the other one saw that nothing came, and offers new addresses of what it has.
    let device = device(&world, answers);
    let link = MediaLink {
        device,
        attempt: first[0],
    };
    let sdp = format!("offer {}", first[0]);
    let offer = MediaReport::Signal(link, MediaSignal::Offer { sdp });
    world.input(offers, Input::Media(offer));
    world.pass(2_000);
    all_connected(&world, &[0, 1]);
    let both = [offers, answers].map(|at| begun(&world, at));
    assert_eq!(both[0], both[1]);
    assert!(both[0].len() == 2 && both[0][1] > first[0], "{both:?}");
}

#[test]
fn an_offer_that_is_lost_is_asked_for_again_soon() {
    let mut world = club(&["ana", "ben"]);
    let (offers, _) = by_offer(&world);
    let mut lost = false;
    world.tamper = Some(Box::new(move |from, _, packet| {
        let media = matches!(&packet, Packet::Frame(bytes) if is_media(bytes));
        if from == offers && media && !std::mem::replace(&mut lost, true) {
            return Vec::new();
        }
        vec![packet]
    }));
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.pass(5_000);
    all_connected(&world, &[0, 1]);
}

#[test]
fn who_stood_still_takes_nobody_for_gone_before_it_has_listened() {
    let mut world = club(&["ana", "ben", "cleo"]);
    for at in 0..3 {
        world.ok(at, "voice join club/lobby");
    }
    world.pass(10_000);
    let before = [0, 1, 2].map(|at| begun(&world, at));
    world.now.mono = world.now.mono.plus(20_000);
    for at in 0..3 {
        world.input(at, Input::Timeout);
    }
    world.pass(10_000);
    all_connected(&world, &[0, 1, 2]);
    assert_eq!(before, [0, 1, 2].map(|at| begun(&world, at)));
}

#[test]
fn an_attempt_that_fails_is_followed_by_others_at_growing_distances() {
    let mut world = club(&["ana", "ben"]);
    let (offers, answers) = by_offer(&world);
    world.peers[answers].engine.is_deaf = true;
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.settle();
    let attempts = |world: &World| {
        let tasks = world.peers[offers].engine.tasks.iter();
        tasks
            .filter(|task| matches!(task, MediaTask::Connect { .. }))
            .count()
    };
    assert_eq!(attempts(&world), 1);
    world.pass(120_000);
    let made = attempts(&world);
    assert!((4..=8).contains(&made), "{made} attempts in two minutes");
    // The side that does not offer sees it fail: the other one is asked for another attempt at once.
    let link = *world.peers[answers]
        .engine
        .links
        .keys()
        .next()
        .expect("a link");
    world.peers[answers].engine.is_deaf = false;
    let failed = LinkView {
        stage: LinkStage::Failed,
        reason: Some("no pair of addresses works".to_owned()),
        path: None,
    };
    world.input(answers, Input::Media(MediaReport::Link(link, failed)));
    world.pass(20_000);
    all_connected(&world, &[0, 1]);
    // And what the engine says of an attempt that is over is nobody's.
    let late = MediaSignal::Candidate {
        candidate: "late".to_owned(),
        mid: "0".to_owned(),
    };
    let before = world.wire.len();
    world.input(answers, Input::Media(MediaReport::Signal(link, late)));
    world.settle();
    assert_eq!(world.wire.len(), before);
    assert!(world.peers[offers].faults.is_empty() && world.peers[answers].faults.is_empty());
}

#[test]
fn a_flood_of_words_is_cut_and_a_step_of_the_engine_that_is_too_large_is_not_sent() {
    let mut world = club(&["ana", "ben"]);
    two(&mut world);
    let link = *world.peers[0].engine.links.keys().next().expect("a link");
    let before = world.wire.len();
    let sdp = "x".repeat(16 * 1024 + 1);
    world.input(
        0,
        Input::Media(MediaReport::Signal(link, MediaSignal::Offer { sdp })),
    );
    world.settle();
    assert_eq!(world.wire.len(), before);
    let taken = signals(&world, 1);
    for number in 0..1_000 {
        let candidate = MediaSignal::Candidate {
            candidate: number.to_string(),
            mid: "0".to_owned(),
        };
        world.input(0, Input::Media(MediaReport::Signal(link, candidate)));
    }
    world.settle();
    let taken = signals(&world, 1) - taken;
    assert!((200..=256).contains(&taken), "{taken} of 1,000 were taken");
    assert!(world.peers[1].faults.is_empty());
}

#[test]
fn bytes_that_are_no_step_are_a_fault() {
    let mut world = club(&["ana", "ben"]);
    let (offers, answers, steps) = two(&mut world);
    let whole = &steps[0];
    let mut faults = 0;
    for cut in (2..whole.len()).step_by(7) {
        deliver(&mut world, offers, answers, whole.slice(..cut));
        faults += 1;
        assert_eq!(world.peers[answers].faults.len(), faults);
    }
    all_connected(&world, &[0, 1]);
}
