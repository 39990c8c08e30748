//! A letter: the first words to somebody who is away, left at a home node of theirs (docs/protocol.md, "Letters").
//!
//! It says who writes (the identity log), shows work done for the addressee and the day, and holds the words for the
//! addressee's devices alone. A device of the writer signs all of it, so that a home node can hold a letter back and
//! can not write one.

use alloquy_ids::{AccountId, CommunityId, EpochId};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::epoch::{self, EpochKey, Wrap};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{Identity, PrekeyRecord};
use alloquy_schema::keys::{self, DeviceKey};
use alloquy_schema::limits::{IDENTITY_CHAIN_MAX, NAME_BYTES_MAX};
use rand_core::CryptoRng;

use super::contact::{Places, read_places, write_places};
use crate::limits::{CONTACT_DEVICES_MAX, DM_REQUEST_BYTES_MAX, LETTER_SEALED_BYTES_MAX};

/// What is left at a home node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) to: AccountId,
    /// The writer's identity events, genesis first.
    pub(crate) chain: Vec<SignedEvent>,
    /// Of the device that signs.
    pub(crate) prekey: PrekeyRecord,
    /// Day and number of the work.
    pub(crate) work: (u32, u64),
    /// The key of the words, for devices of the addressee.
    pub(crate) keys: Vec<Wrap>,
    /// [`LetterWords`], sealed.
    pub(crate) words: Vec<u8>,
    signature: [u8; 64],
}

/// What only the addressee reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LetterWords {
    /// Display name of the writer, as it says itself.
    pub(crate) name: String,
    /// The beginning of the first message.
    pub(crate) text: String,
    /// Home nodes of the writer, where what was written waits.
    pub(crate) homes: Places,
}

/// What somebody does about a letter, to whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum LetterFate {
    /// The home node keeps it.
    Kept = 1,
    /// The home node keeps nothing for the addressee.
    NotHere = 2,
    /// The home node keeps as many for the addressee as it may.
    Full = 3,
    /// The addressee's device has it.
    Taken = 4,
}

/// Writer, addressee and fate of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LetterAnswer {
    pub(crate) from: AccountId,
    pub(crate) to: AccountId,
    pub(crate) fate: LetterFate,
}

impl Canonical for LetterWords {
    fn write(&self, w: &mut Writer) {
        w.text(&self.name);
        w.text(&self.text);
        write_places(w, &self.homes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.text(NAME_BYTES_MAX, "name")?,
            text: r.text(DM_REQUEST_BYTES_MAX, "first message")?,
            homes: read_places(r)?,
        })
    }
}

impl LetterWords {
    /// Seals them for prekeys of the addressee.
    pub(crate) fn seal(
        &self,
        community: CommunityId,
        to: &[[u8; 32]],
        rng: &mut impl CryptoRng,
    ) -> (Vec<Wrap>, Vec<u8>) {
        let key = EpochKey::generate(rng);
        let words = key.secret().gossip_key().seal(&self.to_bytes(), rng);
        let wrap = |to: &[u8; 32]| epoch::wrap(EpochId(community.0), &key, to, rng);
        (to.iter().map(wrap).collect(), words)
    }

    /// Opens those of a letter with secrets of prekeys.
    pub(crate) fn open(
        community: CommunityId,
        letter: &Letter,
        secrets: &[(u64, [u8; 32])],
    ) -> Option<Self> {
        let keys = letter.keys.iter().flat_map(|wrap| {
            let secrets = secrets.iter();
            secrets.filter_map(|(_, secret)| epoch::unwrap(EpochId(community.0), wrap, secret))
        });
        let mut opened = keys.filter_map(|key| key.secret().gossip_key().open(&letter.words));
        Self::from_bytes(&opened.next()?).ok()
    }
}

impl Letter {
    /// Signs a letter by the device whose prekey it shows.
    pub(crate) fn signed(mut self, key: &DeviceKey) -> Self {
        self.signature = key.sign(&self.message());
        self
    }

    /// A letter that nobody has signed yet.
    pub(crate) fn unsigned(
        to: AccountId,
        chain: Vec<SignedEvent>,
        prekey: PrekeyRecord,
        work: (u32, u64),
        (keys, words): (Vec<Wrap>, Vec<u8>),
    ) -> Self {
        Self {
            to,
            chain,
            prekey,
            work,
            keys,
            words,
            signature: [0; 64],
        }
    }

    /// Whether a device that acts for this account, which its chain comes to, has signed it.
    pub(crate) fn is_by(&self, identity: &Identity) -> bool {
        let device = self.prekey.device;
        identity.acts(device)
            && self.prekey.verify()
            && keys::verify(&device.0, &self.message(), &self.signature)
    }

    fn message(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"alloquy letter v1");
        self.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn write_unsigned(&self, w: &mut Writer) {
        self.to.write(w);
        w.list(&self.chain);
        self.prekey.write(w);
        w.u32(self.work.0);
        w.u64(self.work.1);
        w.list(&self.keys);
        w.bytes(&self.words);
    }
}

impl Canonical for Letter {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            to: AccountId::read(r)?,
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            prekey: PrekeyRecord::read(r)?,
            work: (r.u32("day")?, r.u64("work")?),
            keys: r.list(CONTACT_DEVICES_MAX, "keys of a letter")?,
            words: r
                .bytes(LETTER_SEALED_BYTES_MAX, "words of a letter")?
                .to_vec(),
            signature: r.array("signature of a letter")?,
        })
    }
}

impl Canonical for LetterAnswer {
    fn write(&self, w: &mut Writer) {
        self.from.write(w);
        self.to.write(w);
        w.u8(self.fate as u8);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            from: AccountId::read(r)?,
            to: AccountId::read(r)?,
            fate: match r.u8("fate of a letter")? {
                1 => LetterFate::Kept,
                2 => LetterFate::NotHere,
                3 => LetterFate::Full,
                4 => LetterFate::Taken,
                value => {
                    return Err(DecodeError::Unknown {
                        what: "fate of a letter",
                        value: u64::from(value),
                    });
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use alloquy_ids::UnixMs;
    use alloquy_schema::identity::{create, evaluate, new_prekey};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::super::Frame;
    use super::*;

    #[test]
    fn a_letter_is_its_writers_and_opens_for_its_addressee_alone() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (ana, ben) = (create(UnixMs(1), &mut rng), create(UnixMs(1), &mut rng));
        let community = CommunityId([3; 32]);
        let (to_ben, secret) = new_prekey(&ben.device, 1, &mut rng);
        let (of_ana, other) = new_prekey(&ana.device, 1, &mut rng);
        let words = LetterWords {
            name: "Ana".to_owned(),
            text: "hello".to_owned(),
            homes: Vec::new(),
        };
        let sealed = words.seal(community, &[to_ben.key], &mut rng);
        let chain = vec![ana.genesis.clone()];
        let to = AccountId([9; 32]);
        let letter = Letter::unsigned(to, chain, of_ana, (1, 2), sealed).signed(&ana.device);
        let identity = evaluate(&letter.chain).expect("it holds");
        assert!(letter.is_by(&identity));
        assert_eq!(
            LetterWords::open(community, &letter, &[(1, secret)]),
            Some(words)
        );
        assert_eq!(LetterWords::open(community, &letter, &[(1, other)]), None);
        let mut forged = letter.clone();
        forged.to = AccountId([8; 32]);
        assert!(!forged.is_by(&identity));
        assert!(!letter.clone().signed(&ben.device).is_by(&identity));
        let frame = Frame::Letter(Box::new(letter));
        let bytes = frame.to_bytes();
        assert_eq!(Frame::from_bytes(&bytes).as_ref(), Ok(&frame));
        assert!(Frame::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        for fate in [1, 2, 3, 4, 5] {
            let mut w = Writer::new();
            w.u8(super::super::WIRE_VERSION);
            w.u8(33);
            to.write(&mut w);
            to.write(&mut w);
            w.u8(fate);
            let read = Frame::from_bytes(&w.into_bytes());
            assert_eq!(read.is_ok(), fate < 5, "{fate}");
        }
    }
}
