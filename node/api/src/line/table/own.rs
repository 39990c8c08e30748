//! Lines about one's own profile.

use crate::Command;
use crate::command::{Availability, ProfileChange};
use crate::limits::RECOVERY_WORDS;
use crate::limits::{ABOUT_BYTES_MAX, STATUS_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Field, LineSpec, ReplyKind};

use super::one;

/// A place in the recovery words.
const PLACE: Kind = Kind::Number(1, RECOVERY_WORDS as u64);

/// A text of the profile.
macro_rules! profile_text {
    ($words:literal, $change:ident, $argument:expr, $help:literal) => {
        LineSpec {
            words: $words,
            arguments: &[$argument],
            flags: &[],
            help: $help,
            reply: ReplyKind::Ok,
            build: |values| Command::Profile {
                change: ProfileChange::$change(values.take()),
            },
            show: |command| match command {
                Command::Profile {
                    change: ProfileChange::$change(text),
                } => Some(vec![text.to_value()]),
                _ => None,
            },
        }
    };
}

/// How one wants to be seen.
macro_rules! profile_availability {
    ($words:literal, $availability:ident, $help:literal) => {
        LineSpec {
            words: $words,
            arguments: &[],
            flags: &[],
            help: $help,
            reply: ReplyKind::Ok,
            build: |_| Command::Profile {
                change: ProfileChange::Availability(Availability::$availability),
            },
            show: |command| match command {
                Command::Profile {
                    change: ProfileChange::Availability(Availability::$availability),
                } => Some(vec![]),
                _ => None,
            },
        }
    };
}

pub(super) const LINES: &[LineSpec] = &[
    profile_text!(
        "profile name",
        Name,
        one("NAME", Kind::Name),
        "Changes one's display name, in every community."
    ),
    profile_text!(
        "profile about",
        About,
        one("TEXT", Kind::TextOrEmpty(ABOUT_BYTES_MAX)),
        "Says something about oneself; an empty text clears it."
    ),
    profile_text!(
        "profile status",
        Status,
        one("TEXT", Kind::TextOrEmpty(STATUS_BYTES_MAX)),
        "Sets the line shown beside one's name; an empty text clears it."
    ),
    profile_availability!("profile online", Online, "Is seen as online."),
    profile_availability!("profile idle", Idle, "Is seen as away from the keyboard."),
    profile_availability!("profile dnd", Dnd, "Asks not to be disturbed."),
    profile_availability!(
        "profile invisible",
        Invisible,
        "Is connected, and nobody is told."
    ),
    LineSpec {
        words: "recovery show",
        arguments: &[],
        flags: &[],
        help: "Shows the recovery words, as long as they are in the store: an account that was made in a window keeps \
               them there until they were confirmed.",
        reply: ReplyKind::Recovery,
        build: |_| Command::RecoveryShow,
        show: |command| matches!(command, Command::RecoveryShow).then(Vec::new),
    },
    LineSpec {
        words: "recovery confirm",
        arguments: &[
            one("NUMBER", PLACE),
            one("WORD", Kind::RecoveryWord),
            one("NUMBER", PLACE),
            one("WORD", Kind::RecoveryWord),
            one("NUMBER", PLACE),
            one("WORD", Kind::RecoveryWord),
        ],
        flags: &[],
        help: "Shows that the recovery words were written down: three different places, and the word at each. When all \
               are right, the words are removed from the store for good.",
        reply: ReplyKind::Ok,
        build: |values| Command::RecoveryConfirm {
            words: std::array::from_fn(|_| {
                let place: u32 = values.take();
                // A place is at most the number of words.
                (u8::try_from(place).unwrap_or(u8::MAX), values.take())
            }),
        },
        show: |command| match command {
            Command::RecoveryConfirm { words } => {
                let pair =
                    |(place, word): &(u8, String)| [u32::from(*place).to_value(), word.to_value()];
                Some(words.iter().flat_map(pair).collect())
            }
            _ => None,
        },
    },
];
