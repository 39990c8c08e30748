//! Encryption epochs: secrets, sealing of bodies, links to older epochs, HPKE wraps, gossip keys.
//!
//! A holder of READ_HISTORY holds the *link key* `L`; everybody else the *secret* `E = derive(L)`. An
//! announcement publishes a commitment to `E`, so key material is taken from anyone and checked against it.
//! See docs/protocol.md, "Encryption".
//!
//! Invariants: sealing a body is deterministic, and its nonce comes from the event's id, which covers the
//! commitment to the plaintext: one nonce never meets two plaintexts. What does not open, or does not match its
//! commitment, is `None` ("body missing"), never a fault of the event. Secrets are zeroed when dropped and
//! never printed.
//!
//! Deliberately not here: who may hold an epoch, which epoch a writer chooses (`authority`), and where keys
//! are kept at rest (the shell's store).

#[cfg(test)]
mod tests;

use std::fmt;

use alloquy_ids::{EpochId, EventId, ScopeId};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::event::{Header, Kind, LogId};
use crate::hash::{derive, keyed};
use crate::limits::{PADDED_BYTES_MIN, PADDING_DOUBLES_UP_TO, PADDING_STEP_BYTES};

/// Bytes that sealing adds to a padded body: the Poly1305 tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of an XChaCha20-Poly1305 nonce.
const NONCE_BYTES: usize = 24;
/// Bytes of key material in its stored form: a tag and 32 bytes.
pub const EPOCH_KEY_BYTES: usize = 33;
/// Bytes of a link: nonce, key material, tag.
pub const LINK_BYTES: usize = NONCE_BYTES + EPOCH_KEY_BYTES + TAG_BYTES;
/// Bytes of a wrap's ciphertext: key material, tag.
pub const WRAP_SEALED_BYTES: usize = EPOCH_KEY_BYTES + TAG_BYTES;

/// Domain of the wraps; the epoch's id follows it in HPKE's `info`.
const WRAP_INFO: &[u8] = b"alloquy epoch wrap v1";
const TAG_LINK: u8 = 1;
const TAG_SECRET: u8 = 2;

/// Key material of one epoch, as this device holds it. Zeroed when dropped; never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub enum EpochKey {
    /// The link key: opens this epoch and, by links, its parents.
    Link([u8; 32]),
    /// The secret only: opens this epoch.
    Secret([u8; 32]),
}

impl EpochKey {
    /// New key material of a new epoch: a random link key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut link = [0; 32];
        rng.fill_bytes(&mut link);
        Self::Link(link)
    }

    /// The epoch secret `E`.
    #[must_use]
    pub fn secret(&self) -> EpochSecret {
        match self {
            Self::Link(link) => EpochSecret(derive("alloquy epoch secret v1", &[link])),
            Self::Secret(secret) => EpochSecret(*secret),
        }
    }

    /// The same epoch without the way to its parents: what a member without READ_HISTORY is given.
    #[must_use]
    pub fn secret_only(&self) -> Self {
        Self::Secret(self.secret().0)
    }

    /// Whether this is key material of the epoch whose announcement published `commit`.
    #[must_use]
    pub fn verify_commit(
        &self,
        commit: &[u8; 32],
        key_scope: ScopeId,
        parents: &[EpochId],
    ) -> bool {
        self.secret().commit(key_scope, parents) == *commit
    }

    /// The stored form, for the sealed store and inside wraps and links: a tag byte and 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (tag, key) = match self {
            Self::Link(key) => (TAG_LINK, key),
            Self::Secret(key) => (TAG_SECRET, key),
        };
        [[tag].as_slice(), key].concat()
    }

    /// Reads the stored form; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, key) = bytes.split_first()?;
        let key = <[u8; 32]>::try_from(key).ok()?;
        match *tag {
            TAG_LINK => Some(Self::Link(key)),
            TAG_SECRET => Some(Self::Secret(key)),
            _ => None,
        }
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "EpochKey::Link(..)",
            Self::Secret(_) => "EpochKey::Secret(..)",
        })
    }
}

/// The secret of one epoch. Zeroed when dropped; never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EpochSecret(pub(crate) [u8; 32]);

impl EpochSecret {
    /// The commitment that an announcement publishes. `parents` in the order of the announcement.
    #[must_use]
    pub fn commit(&self, key_scope: ScopeId, parents: &[EpochId]) -> [u8; 32] {
        let mut list = Writer::new();
        list.list(parents);
        derive(
            "alloquy epoch commit v1",
            &[&self.0, key_scope.as_bytes(), &list.into_bytes()],
        )
    }

    /// Key of the scope's gossip topic and frames.
    #[must_use]
    pub fn gossip_key(&self) -> GossipKey {
        GossipKey(derive("alloquy gossip key v1", &[&self.0]))
    }

    /// Commitment to a padded plaintext at a position (log, seq).
    #[must_use]
    pub fn body_commit(&self, log: &LogId, seq: u64, padded: &[u8]) -> [u8; 32] {
        let key = Zeroizing::new(derive(
            "alloquy body commit v1",
            &[
                &self.0,
                log.scope.as_bytes(),
                log.device.as_bytes(),
                &log.incarnation.to_le_bytes(),
                &seq.to_le_bytes(),
            ],
        ));
        keyed(&key, &[padded])
    }

    /// Ciphertext of a padded plaintext. Deterministic: key from the log, nonce from the id.
    ///
    /// The header is final: its `body_commit` is that of `padded` and its `body_len` is [`sealed_len`] of it.
    #[must_use]
    pub fn seal_body(&self, header: &Header, padded: &[u8]) -> Vec<u8> {
        self.seal_body_of(header.id(), &header.log(), padded)
    }

    /// The same for a header whose id is known already.
    pub(crate) fn seal_body_of(&self, id: EventId, log: &LogId, padded: &[u8]) -> Vec<u8> {
        self.body_cipher(log)
            .encrypt(
                &body_nonce(&id.0),
                Payload {
                    msg: padded,
                    aad: &id.0,
                },
            )
            .expect("a body is far below the cipher's limit of 256 GiB")
    }

    /// Plaintext without padding, checked against the header's commitment. `None`: body missing.
    #[must_use]
    pub fn open_body(&self, header: &Header, ciphertext: &[u8]) -> Option<Vec<u8>> {
        if header.kind != Kind::Sealed || ciphertext.len() as u64 != u64::from(header.body_len) {
            return None;
        }
        let id = header.id();
        let padded = self
            .body_cipher(&header.log())
            .decrypt(
                &body_nonce(&id.0),
                Payload {
                    msg: ciphertext,
                    aad: &id.0,
                },
            )
            .ok()?;
        if self.body_commit(&header.log(), header.seq, &padded) != header.body_commit {
            return None;
        }
        unpad(&padded).map(<[u8]>::to_vec)
    }

    /// Seals the body block of a range for the holders of the epoch: 24 bytes of nonce, then ciphertext.
    ///
    /// The nonce is a keyed hash of the very bytes that are sealed, *after* compression: two compressors that
    /// differ can then never meet with two texts under one nonce.
    #[must_use]
    pub fn seal_block(&self, plaintext: &[u8]) -> Vec<u8> {
        let nonce_key = Zeroizing::new(derive("alloquy range nonce v1", &[&self.0]));
        let nonce = first_24(&keyed(&nonce_key, &[plaintext]));
        let ciphertext = self
            .block_cipher()
            .encrypt(&XNonce::from(nonce), plaintext)
            .expect("a block is far below the cipher's limit of 256 GiB");
        [nonce.as_slice(), &ciphertext].concat()
    }

    /// Opens a block sealed by [`Self::seal_block`]; `None` if it is not one of this epoch.
    #[must_use]
    pub fn open_block(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.block_cipher()
            .decrypt(&XNonce::from(*nonce), ciphertext)
            .ok()
    }

    fn block_cipher(&self) -> XChaCha20Poly1305 {
        cipher(&Zeroizing::new(derive("alloquy range key v1", &[&self.0])))
    }

    fn body_cipher(&self, log: &LogId) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(derive(
            "alloquy body key v1",
            &[
                &self.0,
                log.scope.as_bytes(),
                log.device.as_bytes(),
                &log.incarnation.to_le_bytes(),
            ],
        ));
        cipher(&key)
    }
}

impl fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochSecret(..)")
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

fn body_nonce(id: &[u8; 32]) -> XNonce {
    XNonce::from(first_24(&derive("alloquy body nonce v1", &[id])))
}

fn first_24(hash: &[u8; 32]) -> [u8; NONCE_BYTES] {
    *hash.first_chunk().expect("24 bytes of 32")
}

/// Pads a body: 0x80, then zeros, up to 32, 64, 128, ... 32 KiB, then to the next multiple of 8 KiB.
#[must_use]
pub fn pad(body: &[u8]) -> Vec<u8> {
    let mut padded = Vec::with_capacity(padded_len(body.len()));
    padded.extend_from_slice(body);
    padded.push(0x80);
    padded.resize(padded_len(body.len()), 0);
    padded
}

/// Removes the padding; `None` if it is not canonical.
#[must_use]
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let last = padded.iter().rposition(|byte| *byte != 0)?;
    let body = padded.get(..last).filter(|_| padded[last] == 0x80)?;
    (padded_len(body.len()) == padded.len()).then_some(body)
}

/// Length of a body of `len` bytes after padding.
#[must_use]
pub const fn padded_len(len: usize) -> usize {
    let least = len + 1;
    if least <= PADDED_BYTES_MIN {
        PADDED_BYTES_MIN
    } else if least <= PADDING_DOUBLES_UP_TO {
        least.next_power_of_two()
    } else {
        least.next_multiple_of(PADDING_STEP_BYTES)
    }
}

/// Length of a padded body as carried: what a header's `body_len` says.
#[must_use]
pub const fn sealed_len(padded_len: usize) -> usize {
    padded_len + TAG_BYTES
}

/// Key of a gossip topic: names it and seals its frames. Zeroed when dropped; never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct GossipKey(pub(crate) [u8; 32]);

impl GossipKey {
    /// The topic's name on the wire.
    #[must_use]
    pub fn topic(&self) -> [u8; 32] {
        derive("alloquy gossip topic v1", &[&self.0])
    }

    /// Nonce (24 random bytes) and ciphertext.
    pub fn seal(&self, frame: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let ciphertext = self
            .frame_cipher()
            .encrypt(&XNonce::from(nonce), frame)
            .expect("a frame is far below the cipher's limit of 256 GiB");
        [nonce.as_slice(), &ciphertext].concat()
    }

    /// The frame; `None` when it was not sealed under this key.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.frame_cipher()
            .decrypt(&XNonce::from(*nonce), ciphertext)
            .ok()
    }

    fn frame_cipher(&self) -> XChaCha20Poly1305 {
        cipher(&Zeroizing::new(derive(
            "alloquy gossip frame key v1",
            &[&self.0],
        )))
    }
}

impl fmt::Debug for GossipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GossipKey(..)")
    }
}

/// Seals a parent's key material under a key from `child`'s link key: 24 bytes of nonce, then ciphertext.
///
/// `None` if `child` is a secret only. The nonce is a keyed hash of the plaintext, so that several parents can
/// be sealed under one key; the child's commitment is the associated data.
#[must_use]
pub fn seal_link(child: &EpochKey, child_commit: &[u8; 32], parent: &EpochKey) -> Option<Vec<u8>> {
    let EpochKey::Link(link) = child else {
        return None;
    };
    let plaintext = Zeroizing::new(parent.to_bytes());
    let nonce_key = Zeroizing::new(derive("alloquy epoch link nonce v1", &[link, child_commit]));
    let nonce = first_24(&keyed(&nonce_key, &[plaintext.as_slice()]));
    let ciphertext = link_cipher(link, child_commit)
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plaintext.as_slice(),
                aad: child_commit,
            },
        )
        .expect("33 bytes are below the cipher's limit");
    Some([nonce.as_slice(), &ciphertext].concat())
}

/// Opens a link; `None` if `child` is not a link key or the link does not open.
///
/// The caller checks the result against the parent's announced commitment ([`EpochKey::verify_commit`]).
#[must_use]
pub fn open_link(child: &EpochKey, child_commit: &[u8; 32], sealed: &[u8]) -> Option<EpochKey> {
    let EpochKey::Link(link) = child else {
        return None;
    };
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let plaintext = link_cipher(link, child_commit)
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad: child_commit,
            },
        )
        .ok()?;
    EpochKey::from_bytes(&Zeroizing::new(plaintext))
}

fn link_cipher(link: &[u8; 32], child_commit: &[u8; 32]) -> XChaCha20Poly1305 {
    cipher(&Zeroizing::new(derive(
        "alloquy epoch link key v1",
        &[link, child_commit],
    )))
}

/// An epoch's key material, encrypted to one X25519 key (HPKE base mode, X25519 / HKDF-SHA256 / ChaCha20-Poly1305).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The recipient's X25519 public key (prekey or recovery wrap key).
    pub to: [u8; 32],
    /// HPKE encapsulated key.
    pub enc: [u8; 32],
    /// Ciphertext: one tag byte (link or secret), 32 bytes of key, 16 of tag.
    pub sealed: Vec<u8>,
}

impl Canonical for Wrap {
    fn write(&self, w: &mut Writer) {
        w.raw(&self.to);
        w.raw(&self.enc);
        w.bytes(&self.sealed);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            to: r.array("wrap recipient")?,
            enc: r.array("encapsulated key")?,
            sealed: r.bytes(WRAP_SEALED_BYTES, "wrapped key")?.to_vec(),
        })
    }
}

/// Wraps key material of `epoch` to an X25519 public key.
///
/// A key of small order, which no valid prekey record or identity names, gets a wrap that holds nothing.
pub fn wrap(epoch: EpochId, key: &EpochKey, to: &[u8; 32], rng: &mut impl CryptoRng) -> Wrap {
    let (enc, sealed) = encapsulate(epoch, key, to, rng).unwrap_or_default();
    Wrap {
        to: *to,
        enc,
        sealed,
    }
}

fn encapsulate(
    epoch: EpochId,
    key: &EpochKey,
    to: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Option<([u8; 32], Vec<u8>)> {
    let public = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(to).ok()?;
    let plaintext = Zeroizing::new(key.to_bytes());
    let (enc, sealed) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &wrap_info(epoch),
            &plaintext,
            &[],
            rng,
        )
        .ok()?;
    Some((enc.to_bytes().into(), sealed))
}

/// Opens a wrap with the recipient's X25519 secret. The caller checks it against the announced commitment.
#[must_use]
pub fn unwrap(epoch: EpochId, wrap: &Wrap, secret: &[u8; 32]) -> Option<EpochKey> {
    let secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(secret).ok()?;
    let enc = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&wrap.enc).ok()?;
    let plaintext = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &enc,
        &wrap_info(epoch),
        &wrap.sealed,
        &[],
    )
    .ok()?;
    EpochKey::from_bytes(&Zeroizing::new(plaintext))
}

fn wrap_info(epoch: EpochId) -> Vec<u8> {
    [WRAP_INFO, epoch.as_bytes()].concat()
}
