//! What a host shows and a guest enters: a short code (`7-anchor-river`), and the same pairing as a link.
//!
//! The number of a code finds the host among the peers of a local network; the words are what it may be guessed by. A
//! link carries 128 random bits in their place, with the host's network key and addresses.

use alloquy_api::personal::Linking;
use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{NetworkKey, from_base32, to_base32};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::hash;
use bip39::Language;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, LINK_BYTES_MAX};

const PREFIX: &str = "alloquy://link/";
const VERSION: u8 = 1;
/// Greatest number of a code: short to say, and two hosts of one network seldom have the same.
const PLATES: u16 = 99;
/// Words of a code: each is one of 2,048, so that one guess in 2^22 is right.
const WORDS: usize = 2;
/// Bytes of the checksum of a link: a slip in typing passes once in 2^32.
const CHECKSUM_BYTES: usize = 4;
/// Bytes of a link's secret.
pub(crate) const SECRET_BYTES: usize = 16;
/// Longest word of a code that is repeated in an error, in characters.
const WORD_SHOWN_MAX: usize = 16;

/// By what number a guest asks for an offer: that of the code, or [`LINK_PLATE`] for who has the link.
pub(crate) type Plate = u16;
/// Of a guest that has the link.
pub(crate) const LINK_PLATE: Plate = 0;

/// What both sides must know.
pub(crate) type Password = Zeroizing<Vec<u8>>;

/// A short code.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) plate: Plate,
    words: [&'static str; WORDS],
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code({}, ..)", self.plate)
    }
}

/// The text is neither a code nor a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodeError {
    #[error(
        "a code is a number and {WORDS} words, as in 7-anchor-river, or a link that starts with {PREFIX}"
    )]
    Form,
    #[error("the code's number is {0}, it goes from 1 to {PLATES}")]
    Plate(String),
    #[error("word {position} of the code, {word:?}, is not one that codes are made of")]
    Word { position: usize, word: String },
    #[error("the link is {len} characters long, the limit is {limit}")]
    TooLong { len: usize, limit: usize },
    #[error("the link holds a character that is not in a-z and 2-7, or was cut off")]
    Base32,
    #[error("the link is of version {0}, this program reads version {VERSION}")]
    Version(u8),
    #[error("the link's checksum does not hold: a character is wrong or missing")]
    Checksum,
    #[error("the link is damaged: {0}")]
    Decode(#[from] DecodeError),
}

impl From<CodeError> for CommandError {
    fn from(error: CodeError) -> Self {
        Self::new(ErrorCode::Parse, error.to_string())
    }
}

impl Code {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let list = Language::English.word_list();
        let word = |bits: u32| list[bits as usize % list.len()];
        let plate = 1 + u16::try_from(rng.next_u64() % u64::from(PLATES)).unwrap_or_default();
        Self {
            plate,
            words: [word(rng.next_u32()), word(rng.next_u32())],
        }
    }

    /// Reads a code in any case, with dashes or spaces.
    pub(crate) fn parse(text: &str) -> Result<Self, CodeError> {
        let parts: Vec<_> = text
            .split(|c: char| c == '-' || c.is_whitespace())
            .filter(|part| !part.is_empty())
            .collect();
        let [plate, words @ ..] = parts.as_slice() else {
            return Err(CodeError::Form);
        };
        if words.len() != WORDS || !plate.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError::Form);
        }
        let shown = |text: &str| text.chars().take(WORD_SHOWN_MAX).collect::<String>();
        let number = plate.parse().ok();
        let number = number.filter(|number| (1..=PLATES).contains(number));
        let plate = number.ok_or_else(|| CodeError::Plate(shown(plate)))?;
        let list = Language::English.word_list();
        let word = |position: usize| {
            let lower = words[position].to_lowercase();
            let unknown = |_place| CodeError::Word {
                position: position + 1,
                word: shown(words[position]),
            };
            let found = list.binary_search(&lower.as_str()).map_err(unknown)?;
            Ok::<_, CodeError>(list[found])
        };
        Ok(Self {
            plate,
            words: [word(0)?, word(1)?],
        })
    }

    pub(crate) fn print(&self) -> String {
        format!("{}-{}", self.plate, self.words.join("-"))
    }

    pub(crate) fn password(&self) -> Password {
        Zeroizing::new(self.print().into_bytes())
    }
}

/// A pairing as a link.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PairLink {
    pub(crate) what: Linking,
    pub(crate) host: NetworkKey,
    /// The host's addresses, as multiaddr text without `/p2p`.
    pub(crate) addresses: Vec<String>,
    pub(crate) secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl std::fmt::Debug for PairLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PairLink")
            .field("what", &self.what)
            .field("host", &self.host)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl PairLink {
    pub(crate) fn parse(text: &str) -> Result<Self, CodeError> {
        let word = text.strip_prefix(PREFIX).ok_or(CodeError::Form)?;
        let limit = LINK_BYTES_MAX * 8 / 5;
        if word.len() > limit {
            let len = word.len();
            return Err(CodeError::TooLong { len, limit });
        }
        let bytes = from_base32(word).ok_or(CodeError::Base32)?;
        if let Some(version) = bytes.first().filter(|version| **version != VERSION) {
            return Err(CodeError::Version(*version));
        }
        let (body, sum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(CodeError::Checksum)?;
        if checksum(body) != *sum {
            return Err(CodeError::Checksum);
        }
        Ok(Self::from_bytes(body)?)
    }

    pub(crate) fn print(&self) -> String {
        let mut bytes = self.to_bytes();
        bytes.extend(checksum(&bytes));
        format!("{PREFIX}{}", to_base32(&bytes))
    }

    pub(crate) fn password(&self) -> Password {
        Zeroizing::new(to_base32(&*self.secret).into_bytes())
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let sum = hash::derive("alloquy pairing link checksum v1", &[bytes]);
    std::array::from_fn(|at| sum[at])
}

impl Canonical for PairLink {
    fn write(&self, w: &mut Writer) {
        w.u8(VERSION);
        w.u8(match self.what {
            Linking::Device => 1,
            Linking::Home => 2,
        });
        self.host.write(w);
        w.varint(self.addresses.len() as u64);
        for address in &self.addresses {
            w.text(address);
        }
        w.raw(&*self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // Checked by the caller, who can say more of another version.
        r.u8("link version")?;
        let what = match r.u8("what is paired")? {
            1 => Linking::Device,
            2 => Linking::Home,
            value => {
                return Err(DecodeError::Unknown {
                    what: "what is paired",
                    value: u64::from(value),
                });
            }
        };
        let host = NetworkKey::read(r)?;
        let count = r.len(ADDRESSES_MAX, "addresses of the host")?;
        let address = |_| r.text(ADDRESS_BYTES_MAX, "address");
        Ok(Self {
            what,
            host,
            addresses: (0..count).map(address).collect::<Result<_, _>>()?,
            secret: Zeroizing::new(r.array("secret")?),
        })
    }
}

/// What a guest has entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    Code(Code),
    Link(PairLink),
}

impl Entered {
    /// Reads a code or a link.
    pub(crate) fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        match text.starts_with("alloquy:") {
            true => PairLink::parse(text).map(Self::Link),
            false => Code::parse(text).map(Self::Code),
        }
    }

    pub(crate) const fn plate(&self) -> Plate {
        match self {
            Self::Code(code) => code.plate,
            Self::Link(_) => LINK_PLATE,
        }
    }

    pub(crate) fn password(&self) -> Password {
        match self {
            Self::Code(code) => code.password(),
            Self::Link(link) => link.password(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn link() -> PairLink {
        PairLink {
            what: Linking::Device,
            host: NetworkKey([4; 32]),
            addresses: vec!["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned()],
            secret: Zeroizing::new([7; SECRET_BYTES]),
        }
    }

    #[test]
    fn a_code_comes_back_however_it_is_typed() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..100 {
            let code = Code::generate(&mut rng);
            let text = code.print();
            let typed = format!("  {} ", text.to_uppercase().replace('-', "  "));
            assert_eq!(Entered::parse(&text), Ok(Entered::Code(code.clone())));
            assert_eq!(Entered::parse(&typed), Ok(Entered::Code(code)));
        }
    }

    #[test]
    fn codes_differ() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let codes: std::collections::BTreeSet<_> = (0..1_000)
            .map(|_| Code::generate(&mut rng).print())
            .collect();
        assert!(codes.len() > 998, "{} of 1000", codes.len());
    }

    #[test]
    fn a_wrong_code_says_what_is_wrong() {
        for (bad, says) in [
            ("", "a number and 2 words"),
            ("anchor-river", "a number and 2 words"),
            ("7-anchor", "a number and 2 words"),
            ("7-anchor-river-lake", "a number and 2 words"),
            ("0-anchor-river", "it goes from 1 to 99"),
            ("100-anchor-river", "it goes from 1 to 99"),
            (
                "99999999999999999999999-anchor-river",
                "it goes from 1 to 99",
            ),
            ("7-anhcor-river", "word 1 of the code, \"anhcor\""),
            ("7-anchor-rivre", "word 2 of the code, \"rivre\""),
            ("alloquy://join/aaaa", "starts with alloquy://link/"),
        ] {
            let error = Entered::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(says), "{error:?} for {bad:?}");
        }
    }

    #[test]
    fn a_link_is_one_word_and_comes_back() {
        let text = link().print();
        assert!(!text.contains(char::is_whitespace));
        assert_eq!(Entered::parse(&text), Ok(Entered::Link(link())));
    }

    #[test]
    fn a_damaged_link_says_what_is_wrong() {
        let text = link().print();
        let mut other = link().to_bytes();
        other[0] = 9;
        let other = format!("{PREFIX}{}", to_base32(&other));
        let at = PREFIX.len() + 20;
        let slip = match &text[at..=at] {
            "a" => "b",
            _ => "a",
        };
        let slipped = format!("{}{slip}{}", &text[..at], &text[at + 1..]);
        let long = format!("{PREFIX}{}", "a".repeat(100_000));
        for (bad, says) in [
            (slipped.as_str(), "checksum"),
            (&text[..text.len() - 8], "checksum"),
            (&other, "version 9, "),
            (&long, "the limit is"),
            ("alloquy://link/", "checksum"),
            ("alloquy://link/!!", "not in a-z"),
        ] {
            let error = Entered::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(says), "{error:?} for {bad:?}");
        }
    }
}
