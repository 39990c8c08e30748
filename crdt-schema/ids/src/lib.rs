//! Names of things: 32-byte ids, instants and sizes, and how each is written as one word.
//!
//! An id is printed as 52 characters of RFC 4648 base32 without padding, in lower case, so that it is
//! one word in a command line, safe in a URL and within IRC's 64 bytes for a `msgid`.
//! Nothing here hashes, signs or reads a clock.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

/// Characters of an id in its text form: 32 bytes in base32.
pub const ID_TEXT_LEN: usize = 52;

/// The text is not an id: 52 characters of lower-case base32 (`a-z2-7`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an id: {ID_TEXT_LEN} characters of a-z and 2-7 are expected, {len} were given"
)]
pub struct ParseIdError {
    /// The first 64 characters of what was given.
    pub text: String,
    /// How many characters were given.
    pub len: usize,
}

fn base32() -> &'static Encoding {
    static ENCODING: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    ENCODING.get_or_init(|| {
        let mut spec = Specification::new();
        spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        spec.encoding()
            .expect("the alphabet has 32 distinct symbols")
    })
}

/// Writes bytes as lower-case base32 without padding (RFC 4648 section 6).
#[must_use]
pub fn to_base32(bytes: &[u8]) -> String {
    base32().encode(bytes)
}

/// Reads lower-case base32 without padding; `None` for anything that [`to_base32`] would not print.
#[must_use]
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    base32().decode(text.as_bytes()).ok()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The id of all zero bytes: "none" where the format has a fixed place.
            pub const ZERO: Self = Self([0; 32]);

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight characters of the text form, for logs.
            #[must_use]
            pub fn short(&self) -> String {
                to_base32(&self.0[..5])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                from_base32(text)
                    .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                    .map(Self)
                    .ok_or_else(|| ParseIdError {
                        text: text.chars().take(64).collect(),
                        len: text.chars().count(),
                    })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// A signed event: the derived hash of its header.
    EventId
}
id! {
    /// An account: the id of its identity genesis.
    AccountId
}
id! {
    /// A device: its Ed25519 public key, which signs events.
    DeviceId
}
id! {
    /// A network key: the Ed25519 public key behind a libp2p `PeerId`, certified by a device.
    NetworkKey
}
id! {
    /// A community: the id of its authority genesis.
    CommunityId
}
id! {
    /// A channel: the id of the authority operation that created it; also the scope of its timeline.
    ChannelId
}
id! {
    /// A role: the id of the authority operation that created it; [`RoleId::ZERO`] is "everyone".
    RoleId
}
id! {
    /// An invite: the id of the authority operation that created it.
    InviteId
}
id! {
    /// An encryption epoch: the id of the operation that announced it.
    EpochId
}
id! {
    /// What a log belongs to: an account, a community's authority or content, or a channel.
    ScopeId
}

macro_rules! from_event {
    ($($name:ident),*) => {$(
        impl From<EventId> for $name {
            fn from(id: EventId) -> Self {
                Self(id.0)
            }
        }
        impl From<$name> for EventId {
            fn from(id: $name) -> Self {
                Self(id.0)
            }
        }
    )*};
}
from_event!(AccountId, CommunityId, ChannelId, RoleId, InviteId, EpochId);

impl From<ChannelId> for ScopeId {
    fn from(id: ChannelId) -> Self {
        Self(id.0)
    }
}

impl From<CommunityId> for ScopeId {
    fn from(id: CommunityId) -> Self {
        Self(id.0)
    }
}

impl From<AccountId> for ScopeId {
    fn from(id: AccountId) -> Self {
        Self(id.0)
    }
}

/// Words that stand for an account where people compare: 4 of 2,048 are 44 bits, enough that nobody finds a
/// second account with the same words by the way.
pub const ACCOUNT_WORDS: usize = 4;

impl AccountId {
    /// Four words for the first 44 bits of the id, from BIP-39's English list: to read out and compare, since
    /// display names are not unique.
    #[must_use]
    pub fn words(&self) -> [&'static str; ACCOUNT_WORDS] {
        let list = bip39::Language::English.word_list();
        let bits = self.0[..6]
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        // 48 bits are taken; each word stands for 11, the last four bits for none.
        std::array::from_fn(|place| list[usize::from((bits >> (37 - 11 * place)) as u16 & 0x7ff)])
    }
}

/// Milliseconds since 1970-01-01 UTC: stamped and shown, never an order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// The instant as people write it, to the second: `2026-11-21 08:15:00`.
    #[must_use]
    pub fn utc(self) -> String {
        let seconds = self.0 / 1000;
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        format!(
            "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60
        )
    }
}

/// Days since 1970-01-01 as a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms"): years begin in March, so that the leap day is the last of its year.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year_of_era + (month <= 2) as u64, month, day)
}

/// Milliseconds of a clock that never goes back, from an arbitrary start: drives timers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MonoMs(pub u64);

impl MonoMs {
    /// This instant, `ms` later; stops at the greatest instant.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_word_and_comes_back() {
        let id = EventId([0xa5; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), ID_TEXT_LEN);
        assert_eq!(text.parse::<EventId>(), Ok(id));
    }

    #[test]
    fn an_account_has_four_words_of_eleven_bits_each() {
        assert_eq!(AccountId::ZERO.words(), ["abandon"; ACCOUNT_WORDS]);
        let mut id = AccountId([0xff; 32]);
        assert_eq!(id.words(), ["zoo"; ACCOUNT_WORDS]);
        // The last bit of the second word, and the first bit that stands for none.
        id.0[2] = 0b1111_1011;
        id.0[5] = 0xf7;
        assert_eq!(id.words(), ["zoo", "zone", "zoo", "zoo"]);
    }

    #[test]
    fn what_is_not_an_id_is_named_with_the_length_expected() {
        for text in ["", "abc", &"A".repeat(52), &"1".repeat(52), &"a".repeat(53)] {
            let error = text.parse::<EventId>().expect_err("not an id");
            assert!(error.to_string().contains("52"), "{error}");
        }
        // The last character carries 4 spare bits: only one spelling of each id is taken.
        assert!(format!("{}b", "a".repeat(51)).parse::<EventId>().is_err());
    }
}
