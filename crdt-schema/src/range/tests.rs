//! Examples and properties of ranges: what is packed comes back, and nothing else does.

mod bytes;
mod history;

use alloquy_ids::{EpochId, EventId, ScopeId};

use super::columns::{Form, Tag};
use super::{BodyMode, Packing, RangeError, SignedRange, VerifiedRange};
use crate::codec::Canonical;
use crate::dag::Dag;
use crate::event::{Kind, VerifiedEvent};
use crate::limits::{RANGE_BYTES_MAX, RANGE_SIGNATURE_SPACING_MAX};
use history::{History, Spec, histories, secret_of};
use proptest::prelude::*;

/// Packs with all secrets and without plaintexts at hand.
fn pack(events: &[VerifiedEvent], mode: BodyMode) -> Vec<SignedRange> {
    let packing = Packing {
        mode,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| None,
        secret: &|epoch| secret_of(epoch),
    };
    SignedRange::pack(history::SCOPE, events, &packing)
}

fn pack_one(events: &[VerifiedEvent], mode: BodyMode) -> SignedRange {
    let mut ranges = pack(events, mode);
    assert_eq!(ranges.len(), 1);
    ranges.remove(0)
}

fn verify(range: &SignedRange) -> Result<VerifiedRange, RangeError> {
    range.verify(&|epoch| secret_of(epoch))
}

/// What must survive a range: id, header and body. Signatures are proofs, of which a range keeps few.
fn content(events: &[VerifiedEvent]) -> Vec<(EventId, Vec<u8>, Option<Vec<u8>>)> {
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|event| event.order_key());
    sorted
        .iter()
        .map(|event| {
            (
                event.id(),
                event.header().to_bytes(),
                event.body().map(<[u8]>::to_vec),
            )
        })
        .collect()
}

fn events_of(range: VerifiedRange) -> Vec<VerifiedEvent> {
    range
        .into_events()
        .into_iter()
        .map(|(event, _)| event)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_packed_comes_back(history in histories(), blind in any::<bool>()) {
        let mode = if blind { BodyMode::Blind } else { BodyMode::Member };
        let range = pack_one(&history.events, mode);
        let bytes = range.to_bytes();
        let decoded = SignedRange::from_bytes(&bytes).expect("canonical");
        prop_assert_eq!(&decoded, &range);
        // A blind node holds no secret.
        let verified = if blind { decoded.verify(&|_| None) } else { verify(&decoded) }.expect("verifies");
        for (event, plaintext) in verified.events() {
            let expected = history.plaintexts.get(&event.id()).filter(|_| !blind && event.body().is_some());
            prop_assert_eq!(plaintext.as_ref(), expected);
            if let (Some(_), Some(_)) = (event.signature(), event.body()) {
                let signed = event.to_signed().expect("held");
                prop_assert!(signed.verify().is_ok());
            }
        }
        prop_assert_eq!(content(&events_of(verified)), content(&history.events));
    }

    /// A holder of a range serves the next one: chains prove what has no signature of its own.
    #[test]
    fn verified_events_pack_again(history in histories(), first in any::<bool>(), then in any::<bool>()) {
        let mode = |blind| if blind { BodyMode::Blind } else { BodyMode::Member };
        let once = events_of(verify(&pack_one(&history.events, mode(first))).expect("verifies"));
        let twice = events_of(verify(&pack_one(&once, mode(then))).expect("verifies"));
        prop_assert_eq!(content(&twice), content(&history.events));
        prop_assert_eq!(pack_one(&twice, mode(then)), pack_one(&once, mode(then)));
    }

    /// A copy that took only the first events of ranges asks again, is made whole and serves the next, which does the same.
    #[test]
    fn a_copy_made_of_parts_of_ranges_is_passed_on(
        length in 65..200_usize,
        parts in prop::collection::vec(1..150_usize, 1..12),
    ) {
        let specs: Vec<_> = (0..length).map(|number| Spec::message(1, &number.to_string())).collect();
        let history = History::of(&specs);
        let mut giver = Dag::new(history::SCOPE);
        for event in &history.events {
            prop_assert_eq!(giver.insert(event.clone()), Ok(true));
        }
        for turn in 0..4 {
            let mut taker = Dag::new(history::SCOPE);
            let mut parts = parts.iter().cycle().skip(turn);
            for _ in 0..length {
                let missing = giver.missing(&taker.proved_heights(), &[]);
                let ranges = pack(&missing, BodyMode::Member);
                prop_assert_eq!(ranges.iter().map(SignedRange::len).sum::<usize>(), missing.len());
                let events = ranges.iter().flat_map(|range| events_of(verify(range).expect("verifies")));
                let (held, new): (Vec<_>, Vec<_>) = events.partition(|event| taker.contains(event.id()));
                // The rest waits for something else, and is given up.
                let new = new.into_iter().take(*parts.next().expect("endless"));
                for event in held.into_iter().chain(new) {
                    prop_assert!(taker.insert(event).is_ok());
                }
            }
            prop_assert_eq!(taker.len(), length);
            giver = taker;
        }
    }

    /// The bytes of a range are one of a kind: damage is refused, or lies where it changes nothing.
    #[test]
    fn damage_never_verifies_as_something_else(
        history in histories(),
        blind in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let range = pack_one(&history.events, if blind { BodyMode::Blind } else { BodyMode::Member });
        let mut bytes = range.to_bytes();
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (place, bit) in flips {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] ^= 1 << bit;
            }
        }
        if let Ok(decoded) = SignedRange::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
            if let Ok(verified) = verify(&decoded) {
                prop_assert_eq!(headers(&events_of(verified)), headers(&history.events));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(range) = SignedRange::from_bytes(&bytes) {
            prop_assert_eq!(range.to_bytes(), bytes);
            prop_assert!(verify(&range).is_err());
        }
    }
}

/// Ids and headers: all that is proved for a blind node; ciphertexts between signatures are not.
fn headers(events: &[VerifiedEvent]) -> Vec<(EventId, Vec<u8>)> {
    content(events)
        .into_iter()
        .map(|(id, header, _)| (id, header))
        .collect()
}

/// A chat in which `devices` write in turn, `count` messages of `text`.
fn chat(devices: u8, count: usize, text: &str) -> History {
    let specs =
        (0..count).map(|n| Spec::message((n % usize::from(devices)) as u8, &format!("{text} {n}")));
    History::of(&specs.collect::<Vec<_>>())
}

#[test]
fn a_range_keeps_one_signature_in_64_and_the_last_of_each_log() {
    let history = chat(2, 400, "hello");
    let verified = verify(&pack_one(&history.events, BodyMode::Member)).expect("verifies");
    for device in [0, 1] {
        let id = history::device(device).id();
        let own: Vec<_> = verified
            .events()
            .iter()
            .filter(|(event, _)| event.header().device == id)
            .collect();
        let signed: Vec<_> = (0..own.len())
            .filter(|place| own[*place].0.signature().is_some())
            .collect();
        assert_eq!(signed, [63, 127, 191, 199]);
    }
}

#[test]
fn events_that_no_signature_follows_are_left_out() {
    let history = chat(1, 10, "hello");
    let mut events =
        events_of(verify(&pack_one(&history.events, BodyMode::Member)).expect("verifies"));
    events.truncate(7);
    assert_eq!(pack(&events, BodyMode::Member), []);
    events.extend(history.events[..3].iter().cloned());
    // The live copies of the first three come first; the ones of the range prove nothing.
    events.rotate_right(3);
    let range = pack_one(&events, BodyMode::Member);
    assert_eq!(
        content(&events_of(verify(&range).expect("verifies"))),
        content(&history.events[..3])
    );
}

#[test]
fn a_range_is_as_small_as_was_asked_for() {
    let text = "x".repeat(3000);
    let history = chat(3, 200, &text);
    let packing = Packing {
        mode: BodyMode::Blind,
        range_bytes_max: 200_000,
        plaintext: &|_| None,
        secret: &|_| None,
    };
    let ranges = SignedRange::pack(history::SCOPE, &history.events, &packing);
    assert!(ranges.len() > 3, "{}", ranges.len());
    let mut events = Vec::new();
    for range in ranges {
        assert!(range.to_bytes().len() <= 200_000);
        events.extend(events_of(range.verify(&|_| None).expect("verifies")));
    }
    assert_eq!(content(&events), content(&history.events));
}

#[test]
fn the_wrong_keys_are_told_from_the_wrong_bytes() {
    let history = chat(2, 20, "hello");
    let range = pack_one(&history.events, BodyMode::Member);
    let epoch = history.events[0].header().epoch;
    let missing = range.verify(&|_| None).expect_err("no secret");
    assert_eq!(missing, RangeError::SecretNotHeld(epoch));
    let other = range
        .verify(&|_| secret_of(EpochId([77; 32])))
        .expect_err("another secret");
    assert_eq!(other, RangeError::BodiesDoNotOpen(epoch));
    assert!(!missing.is_fault() && !other.is_fault());
    assert_eq!(range.epochs().collect::<Vec<_>>(), [(epoch, true)]);
    let blind = pack_one(&history.events, BodyMode::Blind);
    assert_eq!(blind.epochs().collect::<Vec<_>>(), [(epoch, false)]);
}

#[test]
fn without_the_secret_a_member_packs_blind() {
    let history = chat(2, 20, "hello");
    let packing = Packing {
        mode: BodyMode::Member,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| None,
        secret: &|_| None,
    };
    let ranges = SignedRange::pack(history::SCOPE, &history.events, &packing);
    assert_eq!(ranges, pack(&history.events, BodyMode::Blind));
}

#[test]
fn a_wrong_plaintext_at_hand_is_not_packed() {
    let history = chat(2, 20, "hello");
    let packing = Packing {
        mode: BodyMode::Member,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| Some(b"something else".to_vec()),
        secret: &|epoch| secret_of(epoch),
    };
    let ranges = SignedRange::pack(history::SCOPE, &history.events, &packing);
    assert_eq!(ranges, pack(&history.events, BodyMode::Member));
    let dropped: Vec<_> = history
        .events
        .iter()
        .map(VerifiedEvent::without_body)
        .collect();
    let ranges = SignedRange::pack(history::SCOPE, &dropped, &packing);
    assert_eq!(
        content(&events_of(verify(&ranges[0]).expect("verifies"))),
        content(&dropped)
    );
}

#[test]
fn a_genesis_is_in_the_range_of_its_own_id() {
    let (scope, events) = history::founded();
    let packing = Packing {
        mode: BodyMode::Member,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| None,
        secret: &|_| None,
    };
    let ranges = SignedRange::pack(scope, &events, &packing);
    let verified = ranges[0].verify(&|_| None).expect("verifies");
    assert_eq!(verified.scope(), scope);
    assert_eq!(content(&events_of(verified)), content(&events));
    // Under another name it is no genesis, and without the rest nothing is left.
    assert_eq!(SignedRange::pack(ScopeId([9; 32]), &events, &packing), []);
    let renamed = SignedRange {
        scope: ScopeId([9; 32]),
        ..ranges[0].clone()
    };
    assert!(matches!(
        renamed.verify(&|_| None),
        Err(RangeError::Malformed(_))
    ));
}

#[test]
fn a_body_that_was_signed_wrongly_is_missing_and_the_event_stands() {
    let mut history = chat(1, 3, "hello");
    history.events.push(history::with_poisoned_body(&history));
    let range = pack_one(&history.events, BodyMode::Member);
    let events = events_of(verify(&range).expect("verifies"));
    assert_eq!(headers(&events), headers(&history.events));
    assert_eq!(events[3].body(), None);
    // A blind node can not tell and keeps what was signed.
    let blind = pack_one(&history.events, BodyMode::Blind);
    let events = events_of(blind.verify(&|_| None).expect("verifies"));
    assert_eq!(content(&events), content(&history.events));
    assert_eq!(
        content(&events_of(
            verify(&pack_one(&events, BodyMode::Blind)).expect("verifies")
        )),
        content(&events)
    );
}

#[test]
fn forms_follow_mode_and_kind() {
    let specs = [
        Spec::message(0, "hi"),
        Spec::deletion(0),
        Spec::message(1, "dropped").without_body(),
    ];
    let history = History::of(&specs);
    for (mode, expected) in [
        (BodyMode::Member, [Form::Open, Form::Carried, Form::Absent]),
        (
            BodyMode::Blind,
            [Form::Carried, Form::Carried, Form::Absent],
        ),
    ] {
        let range = pack_one(&history.events, mode);
        let columns =
            super::columns::Columns::from_bytes(&range.columns.open("columns").expect("opens"), 3);
        let mut forms = [Form::Absent; 3];
        for (place, tag) in columns.expect("reads").tag.iter().enumerate() {
            forms[place] = Tag::from_number(*tag).expect("known").form;
        }
        assert_eq!(forms, expected);
    }
    assert_eq!(history.events[1].header().kind, Kind::Deletion);
}

/// The goal of catch-up: 1,000 of 10,000 messages of 200 devices, real sentences of about 55 bytes.
#[test]
fn a_thousand_messages_fit_the_byte_budget() {
    // What lies before the newest thousand is not in the range: 1,500 give every device a log to continue.
    let history = history::conversation(200, 2_500);
    let newest = &history.events[1_500..];
    let raw: usize = newest.iter().map(|event| history.texts[&event.id()]).sum();
    for (mode, limit) in [(BodyMode::Member, 130), (BodyMode::Blind, 170)] {
        let bytes: usize = pack(newest, mode)
            .iter()
            .map(|range| range.to_bytes().len())
            .sum();
        assert!(
            bytes <= limit * 1000,
            "{mode:?}: {bytes} bytes for 1,000 messages of {raw} bytes of text"
        );
    }
}

#[test]
fn one_range_holds_at_most_64_events_between_signatures() {
    assert_eq!(RANGE_SIGNATURE_SPACING_MAX, 64);
    let history = chat(1, 65, "hello");
    let range = pack_one(&history.events, BodyMode::Blind);
    assert!(verify(&range).is_ok());
    let stretched = bytes::without_first_signature(&range);
    let error = verify(&stretched).expect_err("65 events with one signature");
    assert!(
        error.is_fault() && error.to_string().contains("between signatures"),
        "{error}"
    );
}
