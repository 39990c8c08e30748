//! What an argument may be: how it is read from a word, checked and printed.

use std::fmt;

use alloquy_ids::{ID_TEXT_LEN, from_base32, to_base32};

use crate::embed::{BadEmbed, Embed};
use crate::limits::{
    DURATION_MS_MAX, EMOJI_BYTES_MAX, GROUP_OTHERS_MAX, ICON_BASE64_MAX, IDS_LISTED_MAX,
    LINK_BYTES_MAX, NAME_BYTES_MAX, RECOVERY_WORD_BYTES_MAX, REFERENCE_BYTES_MAX,
};

use super::ParseLineError;
use super::rights::RIGHTS;
use super::words::{excerpt, is_refused, quote};

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A community's name or id.
    Community,
    /// A channel's id or `community/channel`.
    Channel,
    /// A community or a channel, as above.
    Place,
    /// A member's display name or an account's id.
    Account,
    /// A role's name or id.
    Role,
    /// A category's name or id.
    Category,
    /// A display name or a role's name.
    Name,
    /// A name that stands in references: of a community, channel or category.
    PlaceName,
    /// A text of at most so many bytes, not empty.
    Text(usize),
    /// A text of at most so many bytes; empty clears.
    TextOrEmpty(usize),
    /// An id: of a message, an operation or an invite.
    Id,
    /// An emoji, or the name of one.
    Emoji,
    /// An invite link.
    Link,
    /// Previews of addresses, as one text.
    Embeds,
    /// A whole number within bounds.
    Number(u64, u64),
    /// A duration of at least 1 ms.
    Duration,
    /// A duration, or `off`.
    DurationOrOff,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a right.
    Right,
    /// Names of rights, separated by commas, or `none`.
    Rights,
    /// A picture in base64, or `none`.
    Icon,
    /// A word of the recovery words; errors do not repeat it.
    RecoveryWord,
}

/// A typed argument, between its word and its field of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Left out.
    Absent,
    /// A flag without a value, given.
    Given,
    /// A text, name, reference, link, emoji or fixed word.
    Text(String),
    /// A number or a duration in milliseconds.
    Number(u64),
    /// An id.
    Id([u8; 32]),
    /// Names of rights.
    Names(Vec<String>),
    /// Several ids.
    Ids(Vec<[u8; 32]>),
    /// Previews of addresses.
    Embeds(Vec<Embed>),
}

/// What is wrong with an argument, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) over_limit: bool,
}

impl Fault {
    /// The fault of an argument at a column.
    pub(crate) fn at(self, argument: &str, column: usize) -> ParseLineError {
        ParseLineError {
            argument: argument.to_owned(),
            column,
            expected: self.expected,
            found: self.found,
            over_limit: self.over_limit,
        }
    }
}

impl From<BadEmbed> for Fault {
    fn from(bad: BadEmbed) -> Self {
        Self {
            expected: bad.expected,
            found: bad.found,
            over_limit: bad.over_limit,
        }
    }
}

/// Units of a duration, greatest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl Kind {
    /// What is expected, in words, with its limits.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Community => "a community's name or id".to_owned(),
            Self::Channel => "a channel's id, `community/channel` or `@NAME`".to_owned(),
            Self::Place => {
                "a community's name or id, or a channel's id or `community/channel`".to_owned()
            }
            Self::Account => "a member's name or an account's id".to_owned(),
            Self::Role => "a role's name or id, or `everyone`".to_owned(),
            Self::Category => "a category's name or id".to_owned(),
            Self::Name => format!(
                "a name of 1 to {NAME_BYTES_MAX} bytes, without line breaks and without spaces at its ends"
            ),
            Self::PlaceName => format!(
                "a name of 1 to {NAME_BYTES_MAX} bytes, without `/`, line breaks and spaces at its ends, that is not \
                 `none` and does not begin with `#`"
            ),
            Self::Text(bytes_max) => format!("a text of 1 to {bytes_max} bytes"),
            Self::TextOrEmpty(bytes_max) => format!("a text of at most {bytes_max} bytes"),
            Self::Id => format!("an id: {ID_TEXT_LEN} characters of a-z and 2-7"),
            Self::Emoji => format!("an emoji of at most {EMOJI_BYTES_MAX} bytes, without spaces"),
            Self::Link => {
                format!("an invite link of at most {LINK_BYTES_MAX} bytes, without spaces")
            }
            Self::Embeds => crate::embed::expected(),
            Self::Number(min, max) => format!("a whole number from {min} to {max}"),
            Self::Duration => format!(
                "a duration such as 500ms, 30s, 10m, 1h or 7d, from 1ms to {}",
                duration(DURATION_MS_MAX)
            ),
            Self::DurationOrOff => format!(
                "`off`, or a duration such as 500ms, 30s, 10m, 1h or 7d, up to {}",
                duration(DURATION_MS_MAX)
            ),
            Self::Choice(words) => format!("`{}`", words.join("` or `")),
            Self::Right => format!("a right: {}", right_names(", ")),
            Self::Rights => format!(
                "`none`, or rights separated by commas: {}",
                right_names(", ")
            ),
            Self::Icon => {
                format!("`none`, or a picture in base64 of at most {ICON_BASE64_MAX} characters")
            }
            Self::RecoveryWord => {
                format!("a recovery word: 1 to {RECOVERY_WORD_BYTES_MAX} letters of a-z")
            }
        }
    }

    /// Whether the usage shows it in quotes.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::TextOrEmpty(_))
    }

    /// Reads the text of a word and checks it.
    pub(crate) fn read(self, text: &str) -> Result<Value, Fault> {
        let value = match self {
            Self::Id => Value::Id(parse_id(text).ok_or_else(|| self.fault(text))?),
            Self::Number(..) => Value::Number(self.number(text)?),
            Self::DurationOrOff if text == "off" => Value::Number(0),
            Self::Duration | Self::DurationOrOff => Value::Number(self.duration(text)?),
            Self::Rights if text == "none" => Value::Names(Vec::new()),
            Self::Rights => Value::Names(text.split(',').map(str::to_owned).collect()),
            Self::Icon if text == "none" => Value::Absent,
            Self::Embeds => Value::Embeds(crate::embed::parse_all(text)?),
            _ => Value::Text(text.to_owned()),
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Checks sizes and characters of a value of this kind.
    pub(crate) fn check(self, value: &Value) -> Result<(), Fault> {
        match (self, value) {
            (_, Value::Text(text)) => self.check_text(text),
            (_, Value::Embeds(embeds)) => Ok(crate::embed::check_all(embeds)?),
            (Self::Number(min, max), &Value::Number(number)) => {
                if number > max {
                    return Err(self.over(number.to_string()));
                }
                if number < min {
                    return Err(self.fault(&number.to_string()));
                }
                Ok(())
            }
            (_, &Value::Number(ms)) if ms > DURATION_MS_MAX => Err(self.over(duration(ms))),
            (Self::Duration, Value::Number(0)) => Err(self.fault("0ms")),
            (Self::Account, Value::Names(names)) => self.check_accounts(names),
            (_, Value::Names(names)) => self.check_rights(names),
            (_, Value::Ids(ids)) if ids.len() > IDS_LISTED_MAX => Err(Fault {
                expected: format!("at most {IDS_LISTED_MAX} ids"),
                found: ids.len().to_string(),
                over_limit: true,
            }),
            (_, Value::Ids(ids)) if ids.is_empty() => Err(Fault {
                expected: self.expected(),
                found: "none".to_owned(),
                over_limit: false,
            }),
            _ => Ok(()),
        }
    }

    /// Prints a value as the canonical line has it.
    pub(crate) fn write(self, value: &Value, out: &mut impl fmt::Write) -> fmt::Result {
        match value {
            Value::Absent => out.write_str("none"),
            Value::Given => Ok(()),
            Value::Text(text) if self.stands_bare(text) => out.write_str(text),
            Value::Text(text) => quote(text, out),
            Value::Embeds(embeds) => quote(&crate::embed::text_of(embeds), out),
            Value::Number(0) if self == Self::DurationOrOff => out.write_str("off"),
            Value::Number(ms) if matches!(self, Self::Duration | Self::DurationOrOff) => {
                out.write_str(&duration(*ms))
            }
            Value::Number(number) => write!(out, "{number}"),
            Value::Id(id) => out.write_str(&to_base32(id)),
            Value::Names(names) if self == Self::Account => {
                for (place, name) in names.iter().enumerate() {
                    if place > 0 {
                        out.write_char(' ')?;
                    }
                    self.write(&Value::Text(name.clone()), out)?;
                }
                Ok(())
            }
            Value::Names(names) if names.is_empty() => out.write_str("none"),
            Value::Names(names) => out.write_str(&names.join(",")),
            Value::Ids(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| to_base32(id)).collect();
                out.write_str(&ids.join(" "))
            }
        }
    }

    /// Bytes that a text of this kind may have.
    fn bytes_max(self) -> usize {
        match self {
            Self::Channel | Self::Place => REFERENCE_BYTES_MAX,
            Self::Text(bytes_max) | Self::TextOrEmpty(bytes_max) => bytes_max,
            Self::Emoji => EMOJI_BYTES_MAX,
            Self::Link => LINK_BYTES_MAX,
            Self::Icon => ICON_BASE64_MAX,
            Self::RecoveryWord => RECOVERY_WORD_BYTES_MAX,
            _ => NAME_BYTES_MAX,
        }
    }

    fn check_text(self, text: &str) -> Result<(), Fault> {
        if text.len() > self.bytes_max() {
            let expected = match self.is_text() {
                true => self.expected(),
                false => format!("{} (at most {} bytes)", self.expected(), self.bytes_max()),
            };
            return Err(Fault {
                expected,
                found: format!("{} bytes", text.len()),
                over_limit: true,
            });
        }
        if let Some(c) = text.chars().find(|&c| is_refused(c)) {
            return Err(Fault {
                expected: "text without control characters".to_owned(),
                found: format!("the character U+{:04X}", u32::from(c)),
                over_limit: false,
            });
        }
        let good = match self {
            Self::Text(_) => !text.is_empty(),
            Self::TextOrEmpty(_) => true,
            Self::Name => is_name(text),
            Self::PlaceName => {
                is_name(text) && !text.contains('/') && !text.starts_with('#') && text != "none"
            }
            Self::Channel | Self::Place => return self.check_place(text),
            Self::Emoji | Self::Link => is_word(text),
            Self::Choice(words) => words.contains(&text),
            Self::Right => is_right(text),
            Self::Icon => is_base64(text),
            Self::RecoveryWord => {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
            }
            _ => !text.is_empty() && !text.contains(['\n', '\t']),
        };
        good.then_some(()).ok_or_else(|| self.fault(text))
    }

    fn check_place(self, text: &str) -> Result<(), Fault> {
        let (community, channel) = text.split_once('/').unwrap_or((text, ""));
        if community.starts_with('#') || channel.starts_with('#') {
            return Err(Fault {
                expected: self.expected(),
                found: format!(
                    "{} (a name after # is understood only in a window, where a community is open)",
                    excerpt(text)
                ),
                over_limit: false,
            });
        }
        // `@` and a name: the direct messages with somebody.
        let person = text.len() > 1 && text.starts_with('@');
        let whole = text.contains('/') || self == Self::Place || person || parse_id(text).is_some();
        let parts = text.split('/').all(|part| !part.is_empty());
        if !whole || !parts || text.contains(['\n', '\t']) {
            return Err(self.fault(text));
        }
        Ok(())
    }

    /// How many may stand in an argument that stands once or more often.
    pub(crate) fn many_max(self) -> usize {
        match self {
            Self::Account => GROUP_OTHERS_MAX,
            _ => IDS_LISTED_MAX,
        }
    }

    fn check_accounts(self, names: &[String]) -> Result<(), Fault> {
        if names.is_empty() || names.len() > self.many_max() {
            return Err(Fault {
                expected: format!("1 to {} accounts", self.many_max()),
                found: names.len().to_string(),
                over_limit: !names.is_empty(),
            });
        }
        names.iter().try_for_each(|name| self.check_text(name))
    }

    fn check_rights(self, names: &[String]) -> Result<(), Fault> {
        for (place, name) in names.iter().enumerate() {
            if !is_right(name) {
                return Err(self.fault(name));
            }
            if names[..place].contains(name) {
                return Err(Fault {
                    expected: "each right once".to_owned(),
                    found: format!("{} twice", excerpt(name)),
                    over_limit: false,
                });
            }
        }
        Ok(())
    }

    fn number(self, text: &str) -> Result<u64, Fault> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.fault(text));
        }
        // Digits alone fail to parse only when there are too many.
        text.parse().ok().ok_or_else(|| self.over(excerpt(text)))
    }

    fn duration(self, text: &str) -> Result<u64, Fault> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let (Some((_, unit_ms)), false) = (unit, number.is_empty()) else {
            return Err(self.fault(text));
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*unit_ms))
            .ok_or_else(|| self.over(excerpt(text)))
    }

    /// Whether the canonical line has the text without quotes: ids, links, base64 and fixed words.
    fn stands_bare(self, text: &str) -> bool {
        match self {
            Self::Link => is_word(text) && !text.contains('"') && !text.starts_with("--"),
            Self::RecoveryWord => self.check_text(text).is_ok(),
            Self::Choice(_) | Self::Right | Self::Icon => is_base64(&text.replace('-', "")),
            Self::Community
            | Self::Channel
            | Self::Place
            | Self::Account
            | Self::Role
            | Self::Category => parse_id(text).is_some(),
            _ => false,
        }
    }

    fn fault(self, found: &str) -> Fault {
        Fault {
            expected: self.expected(),
            found: match found.is_empty() {
                true => "an empty word".to_owned(),
                false if self == Self::RecoveryWord => "something else".to_owned(),
                false => excerpt(found),
            },
            over_limit: false,
        }
    }

    fn over(self, found: String) -> Fault {
        Fault {
            expected: self.expected(),
            found,
            over_limit: true,
        }
    }
}

/// A duration in the greatest unit that fits it exactly.
fn duration(ms: u64) -> String {
    let (unit, unit_ms) = UNITS
        .into_iter()
        .find(|(_, unit_ms)| ms != 0 && ms.is_multiple_of(*unit_ms))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

fn parse_id(text: &str) -> Option<[u8; 32]> {
    if text.len() != ID_TEXT_LEN {
        return None;
    }
    <[u8; 32]>::try_from(from_base32(text)?).ok()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains(['\n', '\t'])
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn is_right(text: &str) -> bool {
    RIGHTS.iter().any(|(name, _)| *name == text)
}

/// Characters of base64 with padding only at the end; what they hold is for the node to see.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && text.len() - body.len() <= 2
        && body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

fn right_names(between: &str) -> String {
    let names: Vec<_> = RIGHTS.iter().map(|(name, _)| *name).collect();
    names.join(between)
}
