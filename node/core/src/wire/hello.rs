//! How a conversation is brought to somebody who does not have it: hello, and the answer to it.

use alloquy_ids::{CommunityId, EpochId};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::epoch::{self, EpochKey, Wrap};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::{IDENTITY_CHAIN_MAX, NAME_BYTES_MAX, RANGE_BYTES_MAX};
use rand_core::CryptoRng;

use crate::limits::DM_REQUEST_BYTES_MAX;

/// A conversation that the receiver is in and may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirectHello {
    pub(crate) community: CommunityId,
    /// Identity events of whoever asks: the sender, or who added the receiver to the group.
    pub(crate) chain: Vec<SignedEvent>,
    /// Of the sending device.
    pub(crate) prekey: PrekeyRecord,
    /// [`Words`] for the receiving device; `None`: its prekey is not known.
    pub(crate) words: Option<Sealed>,
    pub(crate) proof: Proof,
    /// Range of the authority log with the operation that added the receiver to a group; empty in a conversation of two.
    pub(crate) added: Vec<u8>,
}

/// What a hello says in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Display name of whoever asks, as it says itself.
    pub(crate) name: String,
    /// The beginning of the first message, or the group's name.
    pub(crate) text: String,
}

/// Words under a key of their own, which is wrapped to the receiver's prekey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) key: Wrap,
    pub(crate) words: Vec<u8>,
}

/// Bytes of sealed words: both texts with their lengths, nonce and tag.
const SEALED_BYTES_MAX: usize = NAME_BYTES_MAX + DM_REQUEST_BYTES_MAX + 64;

impl Words {
    /// Seals them for a prekey.
    pub(crate) fn seal(
        &self,
        community: CommunityId,
        to: &[u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Sealed {
        let key = EpochKey::generate(rng);
        let words = key.secret().gossip_key().seal(&self.to_bytes(), rng);
        Sealed {
            key: epoch::wrap(EpochId(community.0), &key, to, rng),
            words,
        }
    }

    /// Opens them with the secret of a prekey.
    pub(crate) fn open(community: CommunityId, sealed: &Sealed, secret: &[u8; 32]) -> Option<Self> {
        let key = epoch::unwrap(EpochId(community.0), &sealed.key, secret)?;
        let bytes = key.secret().gossip_key().open(&sealed.words)?;
        Self::from_bytes(&bytes).ok()
    }
}

impl Canonical for Words {
    fn write(&self, w: &mut Writer) {
        w.text(&self.name);
        w.text(&self.text);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.text(NAME_BYTES_MAX, "name")?,
            text: r.text(DM_REQUEST_BYTES_MAX, "first message")?,
        })
    }
}

impl Canonical for Sealed {
    fn write(&self, w: &mut Writer) {
        self.key.write(w);
        w.bytes(&self.words);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: Wrap::read(r)?,
            words: r.bytes(SEALED_BYTES_MAX, "sealed words")?.to_vec(),
        })
    }
}

/// Why a request of a stranger is worth a place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Both are members of this community.
    Shared(CommunityId),
    /// The secret of a contact link of the receiver.
    Contact([u8; 16]),
    /// A number that makes the hash of receiver, asker and day begin with zeros.
    Work { day: u32, nonce: u64 },
}

impl Canonical for Proof {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Shared(community) => {
                w.u8(1);
                community.write(w);
            }
            Self::Contact(secret) => {
                w.u8(2);
                w.raw(secret);
            }
            Self::Work { day, nonce } => {
                w.u8(3);
                w.u32(*day);
                w.u64(*nonce);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("proof of a request")? {
            1 => Self::Shared(CommunityId::read(r)?),
            2 => Self::Contact(r.array("contact secret")?),
            3 => Self::Work {
                day: r.u32("day")?,
                nonce: r.u64("work")?,
            },
            value => {
                return Err(DecodeError::Unknown {
                    what: "proof of a request",
                    value: u64::from(value),
                });
            }
        })
    }
}

impl DirectHello {
    /// Everything behind the community.
    pub(super) fn write_fields(&self, w: &mut Writer) {
        w.list(&self.chain);
        self.prekey.write(w);
        w.option(self.words.as_ref());
        self.proof.write(w);
        w.bytes(&self.added);
    }

    pub(super) fn read_fields(
        community: CommunityId,
        r: &mut Reader<'_>,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            community,
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            prekey: PrekeyRecord::read(r)?,
            words: r.option("words")?,
            proof: Proof::read(r)?,
            added: r.bytes(RANGE_BYTES_MAX, "range")?.to_vec(),
        })
    }
}
