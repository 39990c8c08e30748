//! Lines about one's own profile.

use crate::Command;
use crate::command::{Availability, ProfileChange};
use crate::limits::{ABOUT_BYTES_MAX, STATUS_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Field, LineSpec, ReplyKind};

use super::one;

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
];
