//! The text form of ids: one word, one spelling, and nothing else is taken for it.

use alloquy_ids::{
    AccountId, ChannelId, CommunityId, EventId, ID_TEXT_LEN, MonoMs, ScopeId, UnixMs, from_base32,
    to_base32,
};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_id_has_one_word_that_reads_as_itself(bytes: [u8; 32]) {
        let id = EventId(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), ID_TEXT_LEN);
        prop_assert!(text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{}", text);
        prop_assert_eq!(text.parse(), Ok(id));
        prop_assert!(text.starts_with(&id.short()));
        prop_assert!(!format!("{id:?}").contains(&text), "a log line names an id in short");
    }

    #[test]
    fn what_reads_as_an_id_is_its_only_spelling(text in "[a-z2-7]{52}|[a-zA-Z0-9=]{50,54}|.{0,60}") {
        if let Ok(id) = text.parse::<AccountId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn one_changed_letter_is_another_id_or_none(bytes: [u8; 32], place in 0..ID_TEXT_LEN, letter in "[a-z2-7]") {
        let id = ChannelId(bytes);
        let mut text = id.to_string();
        let same = text[place..=place] == letter;
        text.replace_range(place..=place, &letter);
        prop_assert_eq!(text.parse::<ChannelId>() == Ok(id), same);
    }

    #[test]
    fn an_error_shows_no_more_than_64_characters_of_what_was_given(text in "\\PC{0,300}") {
        if let Err(error) = text.parse::<CommunityId>() {
            prop_assert!(error.text.chars().count() <= 64);
            prop_assert_eq!(error.len, text.chars().count());
            prop_assert!(text.starts_with(&error.text));
        }
    }

    #[test]
    fn base32_takes_bytes_of_any_length_back_and_forth(bytes in vec(any::<u8>(), 0..100), text in "[a-z2-7A-Z0-9=]{0,40}") {
        prop_assert_eq!(from_base32(&to_base32(&bytes)), Some(bytes));
        if let Some(read) = from_base32(&text) {
            prop_assert_eq!(to_base32(&read), text);
        }
    }

    #[test]
    fn json_has_the_word_and_takes_nothing_else(bytes: [u8; 32], number: u64) {
        let id = EventId(bytes);
        let json = serde_json::to_string(&id).expect("an id is a string");
        prop_assert_eq!(&json, &format!("\"{id}\""));
        prop_assert_eq!(serde_json::from_str::<EventId>(&json).ok(), Some(id));
        prop_assert!(serde_json::from_str::<EventId>(&json[..json.len() - 2]).is_err());
        prop_assert!(serde_json::from_str::<EventId>(&number.to_string()).is_err());
        prop_assert_eq!(serde_json::to_string(&UnixMs(number)).ok(), Some(number.to_string()));
    }

    #[test]
    fn ids_sort_as_their_bytes(a: [u8; 32], b: [u8; 32]) {
        prop_assert_eq!(EventId(a).cmp(&EventId(b)), a.cmp(&b));
    }

    #[test]
    fn a_deadline_never_wraps(start: u64, ms: u64) {
        prop_assert!(MonoMs(start).plus(ms) >= MonoMs(start));
    }
}

#[test]
fn an_id_keeps_its_bytes_under_another_name() {
    let channel = ChannelId([7; 32]);
    assert_eq!(EventId::from(channel).0, channel.0);
    assert_eq!(ChannelId::from(EventId::from(channel)), channel);
    assert_eq!(ScopeId::from(channel).as_bytes(), channel.as_bytes());
    assert_eq!(AccountId::ZERO.to_string(), "a".repeat(ID_TEXT_LEN));
}

#[test]
fn instants_are_dates_of_the_calendar() {
    for (ms, expected) in [
        (0, "1970-01-01 00:00:00"),
        (951_782_399_000, "2000-02-28 23:59:59"),
        (951_782_400_000, "2000-02-29 00:00:00"),
        (1_709_251_200_000, "2024-03-01 00:00:00"),
        (4_107_542_399_000, "2100-02-28 23:59:59"),
        (4_107_542_400_000, "2100-03-01 00:00:00"),
    ] {
        assert_eq!(UnixMs(ms).utc(), expected);
    }
    // The greatest instant that fits is still a date.
    let last = UnixMs(u64::MAX).utc();
    assert!(last.ends_with(":51"), "{last}");
}
