//! How a conversation is brought to somebody who does not have it: hello, and the answer to it.

use alloquy_ids::CommunityId;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::{IDENTITY_CHAIN_MAX, NAME_BYTES_MAX, RANGE_BYTES_MAX};

use crate::limits::DM_REQUEST_BYTES_MAX;

/// A conversation that the receiver is in and may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirectHello {
    pub(crate) community: CommunityId,
    /// Identity events of whoever asks: the sender, or who added the receiver to the group.
    pub(crate) chain: Vec<SignedEvent>,
    /// Of the sending device.
    pub(crate) prekey: PrekeyRecord,
    /// Display name of whoever asks, as it says itself.
    pub(crate) name: String,
    /// The beginning of the first message, or the group's name.
    pub(crate) text: String,
    pub(crate) proof: Proof,
    /// Range of the authority log with the operation that added the receiver to a group; empty in a conversation of two.
    pub(crate) added: Vec<u8>,
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
        w.text(&self.name);
        w.text(&self.text);
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
            name: r.text(NAME_BYTES_MAX, "name")?,
            text: r.text(DM_REQUEST_BYTES_MAX, "first message")?,
            proof: Proof::read(r)?,
            added: r.bytes(RANGE_BYTES_MAX, "range")?.to_vec(),
        })
    }
}
