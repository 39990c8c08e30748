//! The table of all lines, by what they are about.

mod channels;
mod communities;
mod messages;
mod moderation;
mod own;
mod personal;
mod roles;
mod voice;

use crate::Command;

use super::kind::{Kind, Value};
use super::spec::{Argument, Flag, LineSpec, Need};

/// Describes a command whose fields are its arguments and flags, in order.
macro_rules! line {
    ($words:literal, $variant:ident ($($arg:ident: $argument:expr),*; $($flag:ident: $flag_spec:expr),*),
     $reply:ident, $help:literal) => {
        $crate::line::spec::LineSpec {
            words: $words,
            arguments: &[$($argument),*],
            flags: &[$($flag_spec),*],
            help: $help,
            reply: $crate::line::spec::ReplyKind::$reply,
            build: |_values| $crate::Command::$variant {
                $($arg: _values.take(),)* $($flag: _values.take(),)*
            },
            show: |command| match command {
                $crate::Command::$variant { $($arg,)* $($flag,)* } => Some(vec![
                    $($crate::line::spec::Field::to_value($arg),)* $($crate::line::spec::Field::to_value($flag),)*
                ]),
                _ => None,
            },
        }
    };
}
use line;

/// Every line, in the order of the help.
pub fn specs() -> impl Iterator<Item = &'static LineSpec> {
    [
        communities::LINES,
        channels::LINES,
        messages::LINES,
        own::LINES,
        roles::LINES,
        moderation::LINES,
        personal::LINES,
        voice::LINES,
    ]
    .into_iter()
    .flatten()
}

/// The line of a command and its values.
pub(crate) fn spec_of(command: &Command) -> Option<(&'static LineSpec, Vec<Value>)> {
    specs().find_map(|spec| (spec.show)(command).map(|values| (spec, values)))
}

/// An argument that must stand.
const fn one(name: &'static str, kind: Kind) -> Argument {
    Argument {
        name,
        kind,
        need: Need::One,
    }
}

/// An argument that may be left out.
const fn optional(name: &'static str, kind: Kind) -> Argument {
    Argument {
        name,
        kind,
        need: Need::Optional,
    }
}

/// An argument that stands once or more often.
const fn many(name: &'static str, kind: Kind) -> Argument {
    Argument {
        name,
        kind,
        need: Need::Many,
    }
}

/// A flag without a value.
const fn switch(name: &'static str) -> Flag {
    Flag {
        name,
        value: None,
        default: None,
    }
}

/// A flag with a value.
const fn flag(name: &'static str, value: &'static str, kind: Kind) -> Flag {
    Flag {
        name,
        value: Some((value, kind)),
        default: None,
    }
}

/// A flag whose absence means a number.
const fn flag_or(name: &'static str, value: &'static str, kind: Kind, default: u64) -> Flag {
    Flag {
        name,
        value: Some((value, kind)),
        default: Some(default),
    }
}

/// Arguments that many lines share.
const COMMUNITY: Argument = one("COMMUNITY", Kind::Community);
const CHANNEL: Argument = one("CHANNEL", Kind::Channel);
const MESSAGE: Argument = one("MESSAGE", Kind::Id);
const ACCOUNT: Argument = one("ACCOUNT", Kind::Account);
