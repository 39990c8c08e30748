//! Structure of logs: what waits, what is refused, what a fork does, and that order of arrival does not matter.

use alloquy_ids::{EpochId, EventId, ScopeId, UnixMs};
use proptest::prelude::*;

use super::{Dag, InsertError};
use crate::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use crate::keys::DeviceKey;
use crate::limits::LAMPORT_MAX;

const SCOPE: ScopeId = ScopeId([5; 32]);

fn sign(device: u8, change: impl FnOnce(&mut Header)) -> VerifiedEvent {
    let key = DeviceKey::from_seed(&[device; 32]);
    let mut header = Header {
        kind: Kind::Deletion,
        scope: SCOPE,
        device: key.id(),
        incarnation: 0,
        seq: 0,
        prev: EventId::ZERO,
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: 1,
        wall: UnixMs(0),
        epoch: EpochId::ZERO,
        body_len: 0,
        body_commit: clear_commit(&[]),
    };
    change(&mut header);
    SignedEvent::sign(header, Vec::new(), &key)
        .verify()
        .expect("made by its own device")
}

/// An event of `device` after `prev` in its log and after `deps`. `salt` tells two apart.
fn after(
    device: u8,
    prev: Option<&VerifiedEvent>,
    deps: &[&VerifiedEvent],
    salt: u64,
) -> VerifiedEvent {
    sign(device, |header| {
        header.seq = prev.map_or(0, |prev| prev.header().seq + 1);
        header.prev = prev.map_or(EventId::ZERO, VerifiedEvent::id);
        header.deps = deps.iter().map(|dep| dep.id()).collect();
        let parents = prev.into_iter().chain(deps.iter().copied());
        header.lamport = 1 + parents
            .map(|parent| parent.header().lamport)
            .max()
            .unwrap_or(0);
        header.wall = UnixMs(salt);
    })
}

fn dag_of(events: &[&VerifiedEvent]) -> Dag {
    let mut dag = Dag::new(SCOPE);
    for event in events {
        assert_eq!(dag.insert((*event).clone()), Ok(true));
    }
    dag
}

#[test]
fn a_fork_keeps_both_branches() {
    let first = after(1, None, &[], 0);
    let left = after(1, Some(&first), &[], 1);
    let right = after(1, Some(&first), &[], 2);
    let longer = after(1, Some(&right), &[&left], 3);
    let dag = dag_of(&[&first, &left, &right]);
    assert_eq!(
        dag.forks().collect::<Vec<_>>(),
        [(first.header().device, 0)]
    );
    assert_eq!(dag.heads().len(), 2);
    assert_eq!(
        dag.heights()
            .iter()
            .map(|height| height.height)
            .collect::<Vec<_>>(),
        [2, 2]
    );
    // Whoever holds one branch is given the other.
    let known = dag_of(&[&first, &left]).heights();
    assert!(ids(&dag.missing(&known, &[])).contains(&right.id()));
    // The longest branch is the log's end.
    let dag = dag_of(&[&first, &left, &right, &longer]);
    assert_eq!(
        dag.log_head(first.header().device, 0)
            .map(VerifiedEvent::id),
        Some(longer.id())
    );
    assert_eq!(
        dag.heads().iter().copied().collect::<Vec<_>>(),
        [longer.id()]
    );
}

fn ids(events: &[VerifiedEvent]) -> Vec<EventId> {
    events.iter().map(VerifiedEvent::id).collect()
}

#[test]
fn an_event_waits_for_its_parents_and_is_not_judged() {
    let first = after(1, None, &[], 0);
    let other = after(2, None, &[], 0);
    let next = after(1, Some(&first), &[&other], 0);
    let mut dag = dag_of(&[&first]);
    assert_eq!(
        dag.insert(next.clone()),
        Err(InsertError::MissingParents(vec![other.id()]))
    );
    assert_eq!(dag.len(), 1);
    assert_eq!(dag.insert(other), Ok(true));
    assert_eq!(dag.insert(next.clone()), Ok(true));
    assert_eq!(dag.insert(next), Ok(false));
}

#[test]
fn what_breaks_the_structure_is_refused() {
    let own = after(1, None, &[], 0);
    let other = after(2, None, &[], 0);
    let second = after(1, Some(&own), &[], 0);
    let (own_id, other_id, second_id) = (own.id(), other.id(), second.id());
    let broken = [
        (
            "Lamport time too small",
            sign(3, |h| (h.deps, h.lamport) = (vec![own_id], 1)),
        ),
        (
            "Lamport time too great",
            sign(3, |h| (h.deps, h.lamport) = (vec![own_id], 3)),
        ),
        ("Lamport time of a first event", sign(3, |h| h.lamport = 2)),
        ("Lamport time zero", sign(3, |h| h.lamport = 0)),
        (
            "Lamport time over the limit",
            sign(3, |h| h.lamport = LAMPORT_MAX + 1),
        ),
        (
            "prev of another device",
            sign(1, |h| (h.seq, h.prev, h.lamport) = (1, other_id, 2)),
        ),
        (
            "prev of another incarnation",
            sign(1, |h| {
                (h.incarnation, h.seq, h.prev, h.lamport) = (1, 1, own_id, 2)
            }),
        ),
        (
            "a place left out",
            sign(1, |h| (h.seq, h.prev, h.lamport) = (2, own_id, 2)),
        ),
        (
            "a place taken twice",
            sign(1, |h| (h.seq, h.prev, h.lamport) = (1, second_id, 3)),
        ),
        ("no prev", sign(1, |h| h.seq = 1)),
        (
            "a prev at the start",
            sign(1, |h| (h.prev, h.lamport) = (own_id, 2)),
        ),
        (
            "a dep named twice",
            sign(3, |h| (h.deps, h.lamport) = (vec![own_id, own_id], 2)),
        ),
        (
            "prev as a dep",
            sign(1, |h| {
                (h.seq, h.prev, h.deps, h.lamport) = (1, own_id, vec![own_id], 2)
            }),
        ),
        (
            "dep zero",
            sign(3, |h| (h.deps, h.lamport) = (vec![EventId::ZERO], 2)),
        ),
        (
            "17 deps",
            sign(3, |h| {
                h.deps = (0..17).map(|n| EventId([n + 1; 32])).collect()
            }),
        ),
        ("9 auth heads", sign(3, |h| h.auth = vec![own_id; 9])),
        ("another scope", sign(3, |h| h.scope = ScopeId([6; 32]))),
        (
            "a genesis of another scope",
            sign(3, |h| h.scope = ScopeId::ZERO),
        ),
    ];
    let mut dag = dag_of(&[&own, &other, &second]);
    for (name, event) in broken {
        let result = dag.insert(event);
        assert!(
            matches!(result, Err(InsertError::Invalid { .. })),
            "{name}: {result:?}"
        );
    }
    assert_eq!(dag.len(), 3);
}

#[test]
fn a_genesis_is_taken_by_the_scope_that_it_names() {
    let genesis = sign(1, |header| header.scope = ScopeId::ZERO);
    let mut dag = Dag::new(ScopeId(genesis.id().0));
    assert_eq!(dag.insert(genesis.clone()), Ok(true));
    let next = sign(1, |header| {
        header.scope = ScopeId(genesis.id().0);
        (header.seq, header.prev, header.lamport) = (1, genesis.id(), 2);
    });
    assert_eq!(dag.insert(next), Ok(true));
}

#[test]
fn a_body_comes_back_to_an_event_that_lost_it() {
    let event = after(1, None, &[], 0);
    let mut dag = dag_of(&[&event]);
    dag.drop_body(event.id());
    assert!(
        dag.get(event.id())
            .is_some_and(|held| held.body().is_none() && held.signature().is_some())
    );
    assert_eq!(dag.insert(event.clone()), Ok(false));
    assert!(
        dag.get(event.id())
            .is_some_and(|held| held.body().is_some())
    );
}

/// A history of four devices that merge at random; every log once forked.
fn history(choices: &[(u8, u16, bool)]) -> Vec<VerifiedEvent> {
    let mut events: Vec<VerifiedEvent> = Vec::new();
    for (salt, (device, mask, fork)) in choices.iter().enumerate() {
        let own: Vec<_> = events
            .iter()
            .filter(|event| event.header().device == DeviceKey::from_seed(&[*device; 32]).id())
            .collect();
        let prev = if *fork && own.len() > 1 {
            own.iter().rev().nth(1)
        } else {
            own.last()
        }
        .copied();
        let chosen = events
            .iter()
            .rev()
            .take(16)
            .enumerate()
            .filter(|(place, _)| mask >> place & 1 == 1);
        let deps: Vec<_> = chosen
            .map(|(_, event)| event)
            .filter(|event| prev.is_none_or(|prev| prev.id() != event.id()))
            .collect();
        let next = after(*device, prev, &deps, salt as u64);
        events.push(next);
    }
    events
}

fn choices() -> impl Strategy<Value = Vec<(u8, u16, bool)>> {
    prop::collection::vec((1..5_u8, any::<u16>(), prop::bool::weighted(0.1)), 1..40)
}

/// Inserts in the given order, again and again, until nothing waits any more.
fn arrive(events: &[VerifiedEvent]) -> Dag {
    let mut dag = Dag::new(SCOPE);
    let mut waiting = events.to_vec();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|event| match dag.insert(event.clone()) {
            Ok(_) => false,
            Err(InsertError::MissingParents(_)) => true,
            Err(error) => panic!("{error}"),
        });
        assert!(waiting.len() < before, "every parent is there");
    }
    dag
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn order_of_arrival_does_not_matter(
        (events, shuffled) in choices().prop_map(|choices| history(&choices))
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let (first, second) = (arrive(&events), arrive(&shuffled));
        prop_assert_eq!(first.heads(), second.heads());
        prop_assert_eq!(first.heights(), second.heights());
        prop_assert_eq!(first.heads_newest_first(), second.heads_newest_first());
        prop_assert_eq!(ids(&first.missing(&[], &[])), ids(&second.missing(&[], &[])));
    }

    /// What one replica lacks, as told by its heights, is the difference; in a forked log some more.
    #[test]
    fn heights_tell_what_is_missing(choices in choices(), held in any::<prop::sample::Index>()) {
        let events = history(&choices);
        let held = held.index(events.len() + 1);
        let (all, part) = (arrive(&events), arrive(&events[..held]));
        let missing = ids(&all.missing(&part.heights(), &[]));
        let expected = ids(&events[held..]);
        prop_assert!(expected.iter().all(|id| missing.contains(id)));
        prop_assert!(all.forks().next().is_some() || missing.len() == expected.len());
        prop_assert_eq!(ids(&all.missing(&all.heights(), &[])), []);
    }

    #[test]
    fn ancestors_are_those_reached_by_parents(choices in choices(), of in any::<prop::sample::Index>()) {
        let events = history(&choices);
        let dag = arrive(&events);
        let of = events[of.index(events.len())].id();
        let mut past = std::collections::BTreeSet::from([of]);
        let mut stack = vec![of];
        while let Some(next) = stack.pop() {
            let parents = dag.get(next).expect("held").header().parents();
            stack.extend(parents.filter(|parent| past.insert(*parent)));
        }
        for event in &events {
            prop_assert_eq!(dag.is_ancestor(event.id(), of), past.contains(&event.id()));
        }
    }
}
