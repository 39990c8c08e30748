//! Names of accounts: which may be had, and which look like one that is taken.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

use crate::limits::NAME_BYTES_MAX;

/// A name that an account may have: also a nick of IRC.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or too much.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes")]
    Length,
    /// It begins like a number, a sign or a channel.
    #[error("a name begins with a letter or one of _[]\\`^{{}}|")]
    First,
    /// A character that no name has.
    #[error("a name has letters, digits and -_[]\\`^{{}}|")]
    Character,
    /// Letters of several scripts.
    #[error("the letters of a name are of one script")]
    Scripts,
    /// A name of the rendezvous itself.
    #[error("the name is the rendezvous' own")]
    Reserved,
}

/// Punctuation that nicks may have (RFC 2812), besides `-`.
const SPECIAL: &str = "_[]\\`^{}|";
/// Names that speak for the rendezvous, as they look.
const RESERVED: [&str; 11] = [
    "nickserv", "chanserv", "histserv", "hostserv", "operserv", "memoserv", "botserv", "global",
    "services", "server", "system",
];

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who has an account is nobody's affair who reads logs.
        f.write_str("Name(..)")
    }
}

impl Name {
    /// Takes a text as a name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return Err(NameError::Length);
        }
        let special = |character| SPECIAL.contains(character);
        let letter = |character: char| character.is_alphabetic() && character.identifier_allowed();
        if !text.starts_with(|first| letter(first) || special(first)) {
            return Err(NameError::First);
        }
        let fits = |character: char| {
            special(character)
                || character == '-'
                || character.is_alphanumeric() && character.identifier_allowed()
        };
        if !text.chars().all(fits) {
            return Err(NameError::Character);
        }
        if !text.is_single_script() {
            return Err(NameError::Scripts);
        }
        let looks = looks(text);
        if RESERVED.iter().any(|own| looks.contains(&shape(own))) {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was typed when the account was made.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it looks like: as typed, and in small letters. Two names with one look in common are confusable.
    pub(crate) fn looks(&self) -> [String; 2] {
        looks(&self.0)
    }
}

fn looks(text: &str) -> [String; 2] {
    [shape(text), shape(&fold(text))]
}

fn shape(text: &str) -> String {
    skeleton(text).collect()
}

/// What names are compared by.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_nicks_in_one_script() {
        for good in [
            "ana",
            "Ana",
            "a-1",
            "_x_",
            "[bot]",
            "жанна",
            "müller",
            "李雷",
        ] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for (bad, why) in [
            ("", NameError::Length),
            (&*long, NameError::Length),
            ("1ana", NameError::First),
            ("-ana", NameError::First),
            ("#ana", NameError::First),
            ("an a", NameError::Character),
            ("ana!", NameError::Character),
            ("an\u{202e}a", NameError::Character),
            ("an\u{200b}a", NameError::Character),
            ("аna", NameError::Scripts),
            ("NickServ", NameError::Reserved),
            ("NICKSERV", NameError::Reserved),
        ] {
            assert_eq!(Name::new(bad).unwrap_err(), why, "{bad:?}");
        }
    }

    #[test]
    fn what_looks_alike_has_a_look_in_common() {
        let alike = |one: &str, other: &str| {
            let other = Name::new(other).unwrap().looks();
            Name::new(one)
                .unwrap()
                .looks()
                .iter()
                .any(|look| other.contains(look))
        };
        for (one, other) in [
            ("ana", "ANA"),
            ("modern", "modem"),
            ("Iris", "lris"),
            ("b0b", "bOb"),
        ] {
            assert!(alike(one, other), "{one} {other}");
        }
        assert!(!alike("ana", "anna"));
    }
}
