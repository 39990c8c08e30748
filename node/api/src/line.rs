//! The text grammar: every [`Command`] that a person can give has one canonical line.
//!
//! ```text
//! line     = words *( " " argument | " " flag )         flags stand anywhere after the fixed words
//! words    = word [ " " word ]                          `send`, `role create`
//! argument = bare | quoted
//! flag     = "--" name [ " " argument ]                 each at most once
//! bare     = 1*( any character but space, `"` and controls ), not beginning with `--`
//! quoted   = `"` *( `\"` | `\\` | `\n` | any character but `"`, `\` and controls; a tab stands for itself ) `"`
//! duration = 1*DIGIT ( "ms" | "s" | "m" | "h" | "d" )
//! ```
//!
//! The canonical line, which [`Display`](fmt::Display) prints, quotes names, references and texts; ids, links,
//! numbers, durations, rights and fixed choices stand bare; flags come last, in the table's order, and those with
//! a default are always printed, so that a trace keeps its meaning. A backslash in a bare word is a backslash.
//!
//! Control characters (Unicode category Cc) other than tab and line break have no escape and are refused, so a line
//! is safe to print and to paste. A command that was made without a line may hold them: [`Command::check`]
//! refuses it, and its `Display` shows U+FFFD in their place.
//!
//! Everything is read from one table ([`specs`]): parser, printer, checks, help, completions and docs/cli.md.
//! A line never depends on state: `#general` is refused, because only a window knows the open community. Names
//! are not resolved here, links are not opened, pictures are not decoded; the node does that.

mod complete;
mod kind;
mod parse;
mod rights;
mod spec;
mod table;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::Command;
use crate::limits::{KEPT_NAME_BYTES_MAX, KEPT_VALUE_BYTES_MAX};
use crate::reply::{CommandError, ErrorCode};

pub use complete::{Completions, complete};
pub use kind::Kind;
pub use rights::RIGHTS;
pub(crate) use words::excerpt;

pub use spec::{Argument, Flag, LineSpec, Need, ReplyKind};
pub use table::specs;

/// A line, or a command made without one, that is not a command of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{argument}, column {column}: expected {expected}; found {found}")]
pub struct ParseLineError {
    /// The argument as the usage names it (`TEXT`, `--last`), or `command`, or the number of a word.
    pub argument: String,
    /// Where it begins in the line, in characters from 1; 0 when there is no line.
    pub column: usize,
    /// What would have been right, with its limits.
    pub expected: String,
    /// What stands there, shortened.
    pub found: String,
    /// Whether the value is well formed and only over a limit.
    pub over_limit: bool,
}

impl From<ParseLineError> for CommandError {
    fn from(error: ParseLineError) -> Self {
        let code = if error.over_limit {
            ErrorCode::Limit
        } else {
            ErrorCode::Parse
        };
        Self::new(code, error.to_string())
    }
}

impl FromStr for Command {
    type Err = ParseLineError;

    fn from_str(line: &str) -> Result<Self, ParseLineError> {
        parse::parse(line)
    }
}

impl fmt::Display for Command {
    /// The canonical line. What only faces give (`watch`, `unwatch`, `keep`) has none and is shown in parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (table::spec_of(self), self) {
            (Some((spec, values)), _) => spec.write(f, &values),
            (None, Self::Watch { window }) => write!(f, "(watch {})", window.channel),
            (None, Self::Unwatch { channel, .. }) => write!(f, "(unwatch {channel})"),
            (None, Self::Page { channel, .. }) => write!(f, "(page {channel})"),
            // Neither name nor text: both may be what somebody wrote.
            (None, Self::Keep { .. }) => f.write_str("(keep)"),
            (None, _) => f.write_str("(no line)"),
        }
    }
}

impl Command {
    /// Checks the sizes and characters of every argument, whoever made the command: what a line could not say
    /// is refused. A node calls it on every command that it is given.
    pub fn check(&self) -> Result<(), ParseLineError> {
        match (table::spec_of(self), self) {
            (Some((spec, values)), _) => spec.check(&values),
            (None, Self::Keep { name, value }) => check_kept(name, value),
            (None, _) => Ok(()),
        }
    }

    /// How the command is written, or `None` for what only faces give.
    #[must_use]
    pub fn spec(&self) -> Option<&'static LineSpec> {
        table::spec_of(self).map(|(spec, _)| spec)
    }
}

/// Help in plain text: one usage per line and what it does, for all commands or for those that begin with `words`.
#[must_use]
pub fn help(words: &str) -> String {
    let mut text = String::new();
    for spec in specs().filter(|spec| spec.words.starts_with(words)) {
        text.push_str(&spec.usage());
        text.push_str("\n    ");
        text.push_str(spec.help);
        text.push('\n');
    }
    text
}

/// Checks what a face keeps.
fn check_kept(name: &str, value: &str) -> Result<(), ParseLineError> {
    Kind::TextOrEmpty(KEPT_NAME_BYTES_MAX)
        .check(&kind::Value::Text(name.to_owned()))
        .map_err(|fault| fault.at("NAME", 0))?;
    let fault = |argument: &str, expected, found, over_limit| ParseLineError {
        argument: argument.to_owned(),
        column: 0,
        expected,
        found,
        over_limit,
    };
    if name.is_empty() {
        let expected = format!("a name of 1 to {KEPT_NAME_BYTES_MAX} bytes");
        return Err(fault("NAME", expected, "an empty name".to_owned(), false));
    }
    if value.len() > KEPT_VALUE_BYTES_MAX {
        let expected = format!("a text of at most {KEPT_VALUE_BYTES_MAX} bytes");
        let found = format!("{} bytes", value.len());
        return Err(fault("VALUE", expected, found, true));
    }
    Ok(())
}

/// Checks a display name or a role's name: 1 to 100 bytes, no controls, no space at either end.
pub fn check_name(name: &str) -> Result<(), ParseLineError> {
    Kind::Name
        .check(&kind::Value::Text(name.to_owned()))
        .map_err(|fault| fault.at("NAME", 0))
}
