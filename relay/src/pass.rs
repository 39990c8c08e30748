//! A pass: somebody whom the relay's operator trusts says that a peer may reserve, until when and how much.
//!
//! ```text
//! "alqpass" 01 | issuer 32 | holder 32 | expires u64 | bytes per day u64 | signature 64      little endian
//! ```
//! The signature is the issuer's Ed25519 over all that stands before it, which begins with words that nothing else of
//! ours signs. As text it is `alqpass:` and lower-case base32. There is one way to write each pass, so reading is
//! strict: length, first bytes, alphabet, padding bits.

use std::fmt;
use std::str::FromStr;

use alloquy_ids::{NetworkKey, UnixMs, from_base32, to_base32};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::limits::PASS_AHEAD;

/// First bytes: what this is, and its version.
const MARK: &[u8; 8] = b"alqpass\x01";
/// Before the text form.
const PREFIX: &str = "alqpass:";
/// Bytes that are signed.
const SIGNED: usize = MARK.len() + 32 + 32 + 8 + 8;
/// Bytes of a pass.
pub const PASS_BYTES: usize = SIGNED + Signature::BYTE_SIZE;
/// Characters of the text form.
pub const PASS_TEXT: usize = PREFIX.len() + (PASS_BYTES * 8).div_ceil(5);

/// A pass as it was read; says nothing of whether it is good ([`Pass::check`]).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Who says so.
    pub issuer: NetworkKey,
    /// Who may reserve.
    pub holder: NetworkKey,
    /// Until when.
    pub expires: UnixMs,
    /// Bytes that the holder may send at once, and then per day; the relay's own limit stands beside it.
    pub bytes_per_day: u64,
    signature: [u8; 64],
}

/// Why a text or some bytes are no pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePassError {
    /// Too long or too short.
    #[error("{given} bytes are no pass: {PASS_BYTES} are expected")]
    Bytes {
        /// How many there were.
        given: usize,
    },
    /// Too long or too short, as text.
    #[error("{given} characters are no pass: {PASS_TEXT} are expected")]
    Text {
        /// How many there were.
        given: usize,
    },
    /// Something else, or another version.
    #[error("a pass of version 1 begins with {PREFIX:?}, this begins with {0:?}")]
    Mark(String),
    /// Other characters.
    #[error("a pass is written in a-z and 2-7 after {PREFIX:?}")]
    Alphabet,
}

/// Why a pass is not good here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// Of somebody else.
    #[error("the pass is for {0}, not for who shows it")]
    Holder(NetworkKey),
    /// Over.
    #[error("the pass ended {0} s ago")]
    Expired(u64),
    /// For too long.
    #[error("the pass ends in {0} s, at most {max} are taken", max = PASS_AHEAD.as_secs())]
    TooFar(u64),
    /// Not signed by the one that it names.
    #[error("the signature is not of {0}")]
    Signature(NetworkKey),
}

impl Pass {
    /// Signs a pass.
    #[must_use]
    pub fn sign(
        issuer: &SigningKey,
        holder: NetworkKey,
        expires: UnixMs,
        bytes_per_day: u64,
    ) -> Self {
        let mut pass = Self {
            issuer: NetworkKey(issuer.verifying_key().to_bytes()),
            holder,
            expires,
            bytes_per_day,
            signature: [0; 64],
        };
        pass.signature = issuer.sign(&pass.signed()).to_bytes();
        pass
    }

    fn signed(&self) -> [u8; SIGNED] {
        let mut bytes = [0; SIGNED];
        let parts: [&[u8]; 5] = [
            MARK,
            self.issuer.as_bytes(),
            self.holder.as_bytes(),
            &self.expires.0.to_le_bytes(),
            &self.bytes_per_day.to_le_bytes(),
        ];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        bytes
    }

    /// The one way to write it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PASS_BYTES] {
        let mut bytes = [0; PASS_BYTES];
        bytes[..SIGNED].copy_from_slice(&self.signed());
        bytes[SIGNED..].copy_from_slice(&self.signature);
        bytes
    }

    /// Reads a pass.
    ///
    /// # Errors
    /// See [`ParsePassError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParsePassError> {
        let bytes: &[u8; PASS_BYTES] =
            bytes
                .try_into()
                .map_err(
                    |_length: std::array::TryFromSliceError| ParsePassError::Bytes {
                        given: bytes.len(),
                    },
                )?;
        let (mark, rest) = bytes.split_at(MARK.len());
        if mark != MARK {
            let begin = String::from_utf8_lossy(mark).into_owned();
            return Err(ParsePassError::Mark(begin));
        }
        let id = |at: usize| -> [u8; 32] { rest[at..at + 32].try_into().expect("32 bytes are 32") };
        let number = |at: usize| {
            u64::from_le_bytes(rest[at..at + 8].try_into().expect("eight bytes are eight"))
        };
        Ok(Self {
            issuer: NetworkKey(id(0)),
            holder: NetworkKey(id(32)),
            expires: UnixMs(number(64)),
            bytes_per_day: number(72),
            signature: rest[80..].try_into().expect("64 bytes are left"),
        })
    }

    /// Whether it is good for `holder` now. Whether its issuer may issue is the admission's question.
    ///
    /// # Errors
    /// See [`PassError`].
    pub fn check(&self, holder: NetworkKey, now: UnixMs) -> Result<(), PassError> {
        if self.holder != holder {
            return Err(PassError::Holder(self.holder));
        }
        if self.expires <= now {
            return Err(PassError::Expired((now.0 - self.expires.0) / 1000));
        }
        let ahead = (self.expires.0 - now.0) / 1000;
        if ahead > PASS_AHEAD.as_secs() {
            return Err(PassError::TooFar(ahead));
        }
        // Strict: no weak keys, no second way to write one signature.
        VerifyingKey::from_bytes(self.issuer.as_bytes())
            .and_then(|key| {
                key.verify_strict(&self.signed(), &Signature::from_bytes(&self.signature))
            })
            .map_err(|_weak: ed25519_dalek::SignatureError| PassError::Signature(self.issuer))
    }
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", to_base32(&self.to_bytes()))
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("issuer", &self.issuer)
            .field("holder", &self.holder)
            .field("expires", &self.expires)
            .field("bytes_per_day", &self.bytes_per_day)
            .finish_non_exhaustive()
    }
}

impl FromStr for Pass {
    type Err = ParsePassError;

    fn from_str(text: &str) -> Result<Self, ParsePassError> {
        let Some(digits) = text.strip_prefix(PREFIX) else {
            let begin = text.chars().take(PREFIX.len()).collect();
            return Err(ParsePassError::Mark(begin));
        };
        if text.len() != PASS_TEXT {
            return Err(ParsePassError::Text { given: text.len() });
        }
        Self::from_bytes(&from_base32(digits).ok_or(ParsePassError::Alphabet)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn pass() -> (Pass, NetworkKey) {
        let holder = NetworkKey(SigningKey::from_bytes(&[2; 32]).verifying_key().to_bytes());
        let issuer = SigningKey::from_bytes(&[1; 32]);
        let expires = UnixMs(NOW.0 + 3_600_000);
        (Pass::sign(&issuer, holder, expires, 1 << 30), holder)
    }

    #[test]
    fn a_pass_is_read_as_it_was_written_and_is_good_until_it_ends() {
        let (pass, holder) = pass();
        assert_eq!(Pass::from_bytes(&pass.to_bytes()), Ok(pass));
        let text = pass.to_string();
        assert_eq!(text.len(), PASS_TEXT);
        assert_eq!(text.parse(), Ok(pass));
        assert_eq!(pass.check(holder, NOW), Ok(()));
        let after = UnixMs(pass.expires.0 + 5_000);
        assert_eq!(pass.check(holder, after), Err(PassError::Expired(5)));
        assert_eq!(pass.check(holder, pass.expires), Err(PassError::Expired(0)));
        assert_eq!(pass.check(pass.issuer, NOW), Err(PassError::Holder(holder)));
        let long_before = UnixMs(pass.expires.0 - 401 * 24 * 3_600_000);
        assert_eq!(
            pass.check(holder, long_before),
            Err(PassError::TooFar(401 * 24 * 3600))
        );
    }

    #[test]
    fn every_changed_bit_is_seen() {
        let (pass, holder) = pass();
        let bytes = pass.to_bytes();
        for bit in 0..PASS_BYTES * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            let good = Pass::from_bytes(&changed).is_ok_and(|pass| pass.check(holder, NOW).is_ok());
            assert!(!good, "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_pass_is_refused_with_what_was_given() {
        let (pass, _) = pass();
        let text = pass.to_string();
        let bytes = pass.to_bytes();
        assert_eq!(
            Pass::from_bytes(&bytes[1..]),
            Err(ParsePassError::Bytes {
                given: PASS_BYTES - 1
            })
        );
        assert_eq!(
            Pass::from_bytes(&[]),
            Err(ParsePassError::Bytes { given: 0 })
        );
        let longer = format!("{text}a");
        let given = PASS_TEXT + 1;
        assert_eq!(longer.parse::<Pass>(), Err(ParsePassError::Text { given }));
        let upper = format!("{PREFIX}{}", text[PREFIX.len()..].to_uppercase());
        assert_eq!(upper.parse::<Pass>(), Err(ParsePassError::Alphabet));
        assert_eq!(
            "alloquy:join".parse::<Pass>(),
            Err(ParsePassError::Mark("alloquy:".to_owned()))
        );
        let mut other_version = bytes;
        other_version[7] = 2;
        assert!(matches!(
            Pass::from_bytes(&other_version),
            Err(ParsePassError::Mark(_))
        ));
    }

    #[test]
    fn a_weak_issuer_signs_nothing() {
        let (pass, holder) = pass();
        // The neutral point: without strictness it "signs" everything.
        let mut weak = [0; 32];
        weak[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let forged = Pass {
            issuer: NetworkKey(weak),
            signature,
            ..pass
        };
        assert_eq!(
            forged.check(holder, NOW),
            Err(PassError::Signature(NetworkKey(weak)))
        );
    }
}
