//! Protocol tests 1 and 9: every order of delivery gives the same timeline, forks included.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::authority::AuthorityLog;

/// One step of a random history; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    /// Member, device log, what, target, how stale: (deps, auth).
    Write(usize, usize, u8, usize, (usize, usize)),
    /// By the owner: what, target member, how much it lists.
    Operate(u8, usize, usize),
    /// Copy a log: the next events of both continue the same one.
    Fork(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0_usize..4, 0_usize..2, any::<u8>(), any::<usize>(), (0_usize..4, 0_usize..3))
            .prop_map(|(member, log, what, target, stale)| Step::Write(member, log, what, target, stale)),
        2 => (any::<u8>(), 1_usize..4, any::<usize>()).prop_map(|(what, member, list)| Step::Operate(what, member, list)),
        1 => (0_usize..4, 0_usize..2).prop_map(|(member, log)| Step::Fork(member, log)),
    ]
}

struct History {
    world: World,
    /// Events with the number of operations that their authority heads need.
    events: Vec<(VerifiedEvent, Option<Body>)>,
}

fn body(what: u8, target: EventId) -> Body {
    match what % 8 {
        0 => edit(target, &format!("edit {what}")),
        1 | 2 => react(target, "+", what.is_multiple_of(16)),
        3 => Body::Message(MessageBody {
            text: format!("t{what}"),
            reply_to: Some(target),
            thread: Some(target),
            bridged: false,
            embeds: Vec::new(),
        }),
        _ => text(&format!("m{what}")),
    }
}

fn operation(world: &World, what: u8, member: usize, last: Vec<EventId>) -> AuthorityOp {
    let account = world.account(member);
    match what % 6 {
        0 => AuthorityOp::Kick { account, last },
        1 => AuthorityOp::TimeOut {
            account,
            until: UnixMs(u64::from(what)),
            last,
        },
        2 => AuthorityOp::AcceptLate { events: last },
        3 => AuthorityOp::Purge { events: last },
        4 => AuthorityOp::SlowMode {
            channel: world.channel,
            interval_ms: u32::from(what) % 20,
        },
        _ => AuthorityOp::Overwrite {
            channel: world.channel,
            target: OverwriteTarget::Member(account),
            allow: Permissions::NONE,
            deny: [Permissions::SEND, Permissions::VIEW, Permissions::NONE][usize::from(what) % 3],
            last,
        },
    }
}

fn history(steps: &[Step]) -> History {
    let mut world = World::new(4);
    let mut pens: Vec<Vec<Pen>> = (0..4)
        .map(|member| (0..2).map(|_| world.pen(member)).collect())
        .collect();
    let mut events: Vec<(VerifiedEvent, Option<Body>)> = Vec::new();
    let mut heads_then = vec![world.heads()];
    let mut auth_of: BTreeMap<EventId, usize> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Write(member, log, what, target, (stale_deps, stale_auth)) => {
                let logs = &mut pens[*member];
                let log = log % logs.len();
                let pen = &mut logs[log];
                // Authority never goes back along a log.
                let floor = auth_of.get(&pen.head()).copied().unwrap_or(0);
                let auth = heads_then.len().saturating_sub(1 + stale_auth).max(floor);
                let recent = events.iter().rev().skip(*stale_deps).take(2);
                let deps: Vec<_> = recent.map(|(event, _)| event.id()).collect();
                let past = Past {
                    deps,
                    auth: heads_then[auth].clone(),
                    wall: events.len() as u64 * 7,
                };
                let target = events
                    .get(target % events.len().max(1))
                    .map_or(EventId::ZERO, |(event, _)| event.id());
                let written = if what % 11 == 0 {
                    let lists = [BTreeSet::from([target]), BTreeSet::new()];
                    let [messages, silent] = if what % 2 == 0 {
                        lists
                    } else {
                        [lists[1].clone(), lists[0].clone()]
                    };
                    (
                        world.delete(pen, &past, &Deletion { messages, silent }),
                        None,
                    )
                } else {
                    (world.write(pen, &past, 32), Some(body(*what, target)))
                };
                auth_of.insert(written.0.id(), auth);
                events.push(written);
            }
            Step::Operate(what, member, list) => {
                let listed = events
                    .get(list % (events.len() * 2).max(1))
                    .map(|(event, _)| event.id());
                let op = operation(&world, *what, *member, listed.into_iter().collect());
                let stale = heads_then.len().saturating_sub(1 + list % 3);
                world.operate_at(0, op, heads_then[stale].clone());
                if world.heads().len() > 4 {
                    world.operate(0, AuthorityOp::Merge);
                }
                heads_then.push(world.heads());
            }
            Step::Fork(member, log) => {
                let copy: Pen = pens[*member][*log].clone();
                pens[*member].push(copy);
            }
        }
    }
    History { world, events }
}

/// What two replicas compare.
fn shown(
    timeline: &Timeline,
) -> (
    Vec<crate::timeline::Message>,
    Vec<EventId>,
    [u8; 32],
    Vec<Option<Standing>>,
) {
    let mut ids: Vec<_> = timeline.dag().iter().map(VerifiedEvent::id).collect();
    ids.sort_unstable();
    let standings = ids.into_iter().map(|id| timeline.standing(id)).collect();
    (
        timeline.messages(None, usize::MAX),
        timeline.counting_heads(),
        timeline.digest(),
        standings,
    )
}

/// Everything in the order written, with the whole authority log.
fn in_order(history: &History) -> Timeline {
    let mut timeline = Timeline::new(history.world.channel);
    for (event, body) in &history.events {
        timeline
            .insert_wanted(event.clone(), body.clone(), &history.world.authority)
            .unwrap();
    }
    resupply(&mut timeline, history);
    timeline
}

/// A replica that dropped a body asks others for it when the deletion turns out to have no effect.
fn resupply(timeline: &mut Timeline, history: &History) {
    let bodies: BTreeMap<_, _> = history
        .events
        .iter()
        .map(|(event, body)| (event.id(), body.clone()))
        .collect();
    for id in timeline.missing_bodies() {
        if let Some(Some(body)) = bodies.get(&id) {
            timeline.set_body(id, body.clone(), &history.world.authority);
        }
    }
}

/// Delivery drawn from `draws`: any ready event or the next operation, some twice, some bodies afterwards.
fn shuffled(history: &History, draws: &[u32]) -> Timeline {
    let mut timeline = Timeline::new(history.world.channel);
    let mut authority = AuthorityLog::new(history.world.operations[0].clone()).unwrap();
    let mut operations = history.world.operations[1..].iter();
    let mut waiting: Vec<_> = history.events.clone();
    let mut later = Vec::new();
    let mut draws = draws.iter().copied().cycle();
    let mut idle = 0;
    while !waiting.is_empty() || operations.len() > 0 {
        let draw = draws.next().unwrap() as usize;
        let operate = draw.is_multiple_of(5) || waiting.is_empty() || idle > waiting.len() * 8;
        if operate && let Some(operation) = operations.next() {
            authority.insert(operation.clone()).unwrap();
            timeline.authority_changed(&authority);
            idle = 0;
            continue;
        }
        // The draws repeat: after a while every event is tried in turn.
        let drawn = if idle > waiting.len() { idle } else { draw / 7 };
        let at = drawn % waiting.len().max(1);
        let Some((event, body)) = waiting.get(at).cloned() else {
            continue;
        };
        let withheld = draw.is_multiple_of(3);
        let again = body.clone();
        let given = if withheld { None } else { body.clone() };
        match timeline.insert_wanted(event.clone(), given, &authority) {
            Ok(_) => {
                idle = 0;
                waiting.remove(at);
                if let (true, Some(body)) = (withheld, body) {
                    later.push((event.id(), body));
                } else if draw.is_multiple_of(2) {
                    timeline.insert_wanted(event, again, &authority).unwrap();
                }
            }
            Err(InsertError::MissingParents(_) | InsertError::MissingAuthority(_)) => idle += 1,
            Err(error) => panic!("{error}"),
        }
    }
    for (id, body) in later {
        timeline.set_body(id, body, &authority);
    }
    resupply(&mut timeline, history);
    timeline
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_order_of_delivery_shows_the_same(
        steps in proptest::collection::vec(step(), 1..60),
        draws in proptest::collection::vec(any::<u32>(), 200),
    ) {
        let history = history(&steps);
        let first = in_order(&history);
        let other = shuffled(&history, &draws);
        prop_assert_eq!(shown(&first), shown(&other));
    }
}

#[test]
fn a_fork_shown_to_two_halves_converges_and_kills_nobody() {
    let mut chat = Chat::new(3);
    let (mut ana, mut ben) = (chat.world.pen(1), chat.world.pen(2));
    chat.say(&mut ana, text("one"));
    let mut copy = ana.clone();
    let past = chat.now();
    let half = |chat: &mut Chat, pen: &mut Pen, said: &str| {
        let mut events = Vec::new();
        let mut past = past.clone();
        for n in 0..3 {
            let event = chat.world.write(pen, &past, 32);
            past.deps = vec![event.id()];
            events.push((event, text(&format!("{said}{n}"))));
        }
        (events, past)
    };
    let (left, _) = half(&mut chat, &mut ana, "l");
    let (mut right, past) = half(&mut chat, &mut copy, "r");
    right.push((chat.world.write(&mut ben, &past, 32), text("ben")));
    let base = chat.events.clone();
    let replica = |order: [&[(VerifiedEvent, Body)]; 2]| {
        let mut timeline = Timeline::new(chat.world.channel);
        let halves = order
            .into_iter()
            .flatten()
            .map(|(event, body)| (event.clone(), Some(body.clone())));
        for (event, body) in base.iter().cloned().chain(halves) {
            timeline.insert(event, body, &chat.world.authority).unwrap();
        }
        timeline
    };
    let (one, other) = (replica([&left, &right]), replica([&right, &left]));
    assert_eq!(shown(&one), shown(&other));
    assert_eq!(texts(&one).len(), 8);
    assert_eq!(one.counting_heads().len(), 2);
}
