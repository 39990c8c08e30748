//! The primitives of the encoding: each value has one form, and every other is refused.

use alloquy_ids::EventId;
use proptest::prelude::*;

use super::{Canonical, DecodeError, Reader, Writer};

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    write(&mut w);
    w.into_bytes()
}

#[test]
fn numbers_are_written_as_the_protocol_says() {
    for (value, bytes) in [
        (0_u64, vec![0]),
        (127, vec![0x7f]),
        (128, vec![0x80, 1]),
        (300, vec![0xac, 2]),
        (
            u64::MAX,
            vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ),
    ] {
        assert_eq!(written(|w| w.varint(value)), bytes);
        assert_eq!(Reader::new(&bytes).varint("number"), Ok(value));
    }
    for (value, byte) in [
        (0_i64, 0_u8),
        (-1, 1),
        (1, 2),
        (-2, 3),
        (63, 126),
        (-64, 127),
    ] {
        assert_eq!(written(|w| w.zigzag(value)), [byte]);
    }
    assert_eq!(written(|w| w.u16(0x0102)), [2, 1]);
    assert_eq!(written(|w| w.u32(0x0102_0304)), [4, 3, 2, 1]);
    assert_eq!(written(|w| w.u64(1)), [1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn longer_forms_of_a_number_are_refused() {
    let forms: [&[u8]; 5] = [
        &[0x80, 0],
        &[0xff, 0x80, 0],
        // 2^64, and eleven bytes.
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
        &[
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0,
        ],
        &[0x80],
    ];
    for bytes in forms {
        assert!(Reader::new(bytes).varint("number").is_err(), "{bytes:x?}");
    }
}

#[test]
fn a_declared_length_takes_no_memory() {
    let bytes = written(|w| w.varint(1 << 40));
    assert!(matches!(
        Reader::new(&bytes).bytes(100, "bytes"),
        Err(DecodeError::Limit { limit: 100, .. })
    ));
    assert!(matches!(
        Reader::new(&bytes).list::<EventId>(usize::MAX, "ids"),
        Err(DecodeError::Truncated { .. })
    ));
}

#[test]
fn texts_options_and_the_end_are_strict() {
    let not_utf8 = written(|w| w.bytes(&[0xff, 0xfe]));
    assert_eq!(
        Reader::new(&not_utf8).text(10, "text"),
        Err(DecodeError::NotCanonical { what: "text" })
    );
    let two = [2; 40];
    let unknown = DecodeError::Unknown {
        what: "option",
        value: 2,
    };
    assert_eq!(Reader::new(&two).option::<EventId>("option"), Err(unknown));
    assert_eq!(
        EventId::from_bytes(&[0; 33]),
        Err(DecodeError::Trailing { count: 1 })
    );
    assert_eq!(
        EventId::from_bytes(&[0; 31]),
        Err(DecodeError::Truncated { what: "EventId" })
    );
}

proptest! {
    #[test]
    fn numbers_come_back(value in any::<u64>(), signed in any::<i64>()) {
        let bytes = written(|w| { w.varint(value); w.zigzag(signed); });
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(r.varint("number"), Ok(value));
        prop_assert_eq!(r.zigzag("number"), Ok(signed));
        prop_assert_eq!(r.end(), Ok(()));
    }

    #[test]
    fn a_number_has_one_form(bytes in prop::collection::vec(any::<u8>(), 1..12)) {
        let mut r = Reader::new(&bytes);
        if let Ok(value) = r.varint("number") {
            let read = bytes.len() - r.remaining();
            prop_assert_eq!(written(|w| w.varint(value)), &bytes[..read]);
        }
    }

    #[test]
    fn lists_texts_and_options_come_back(
        ids in prop::collection::vec(any::<[u8; 32]>(), 0..6),
        text in ".{0,40}",
        option in prop::option::of(any::<[u8; 32]>()),
    ) {
        let ids: Vec<_> = ids.into_iter().map(EventId).collect();
        let option = option.map(EventId);
        let bytes = written(|w| { w.list(&ids); w.text(&text); w.option(option.as_ref()); });
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(r.list(6, "ids"), Ok(ids));
        prop_assert_eq!(r.text(200, "text"), Ok(text));
        prop_assert_eq!(r.option("option"), Ok(option));
        prop_assert_eq!(r.end(), Ok(()));
    }
}
