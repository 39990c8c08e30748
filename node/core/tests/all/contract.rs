//! What the text grammar and the formats both name is the same in both.
//!
//! The contract (L1) does not see the model, so it has its own list of rights and its own limits; the machine,
//! which sees both, holds them together.

use alloquy_api::limits as line;
use alloquy_api::line::RIGHTS;
use alloquy_schema::limits as format;
use alloquy_schema::permissions::{Permissions, Rank};

#[test]
fn the_rights_of_the_lines_are_those_of_the_formats() {
    let lines: Vec<_> = RIGHTS.iter().map(|(name, _)| *name).collect();
    let formats: Vec<_> = Permissions::NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(lines, formats);
}

#[test]
fn what_a_line_may_hold_an_event_can_hold() {
    assert_eq!(line::TEXT_BYTES_MAX, format::TEXT_BYTES_MAX);
    assert_eq!(line::EMBEDS_MAX, format::EMBEDS_MAX);
    assert_eq!(line::EMBED_URL_BYTES_MAX, format::EMBED_URL_BYTES_MAX);
    assert_eq!(line::EMBED_TITLE_BYTES_MAX, format::EMBED_TITLE_BYTES_MAX);
    assert_eq!(
        line::EMBED_DESCRIPTION_BYTES_MAX,
        format::EMBED_DESCRIPTION_BYTES_MAX
    );
    assert_eq!(line::NAME_BYTES_MAX, format::NAME_BYTES_MAX);
    assert_eq!(line::TOPIC_BYTES_MAX, format::TOPIC_BYTES_MAX);
    assert_eq!(line::EMOJI_BYTES_MAX, format::EMOJI_BYTES_MAX);
    assert_eq!(line::REASON_BYTES_MAX, format::REASON_BYTES_MAX);
    assert_eq!(line::ABOUT_BYTES_MAX, format::ABOUT_BYTES_MAX);
    assert_eq!(line::IDS_LISTED_MAX, format::IDS_LISTED_MAX);
    assert_eq!(line::RANK_MAX, u64::from(Rank::ROLE_MAX.0));
    // Base64 has 4 characters for every 3 bytes begun.
    assert_eq!(
        line::ICON_BASE64_MAX,
        format::ICON_BYTES_MAX.div_ceil(3) * 4
    );
    const { assert!(line::NOTE_INSERT_BYTES_MAX < format::CONTENT_BYTES_MAX) };
    assert_eq!(
        usize::try_from(line::NOTE_POSITION_MAX),
        Ok(format::NOTE_BYTES_MAX)
    );
}
