//! Encryption epochs: secrets, sealing of bodies, links to older epochs, HPKE wraps, gossip keys.
//!
//! A holder of READ_HISTORY holds the *link key* `L`; everybody else the *secret* `E = derive(L)`.
//! Bodies are sealed deterministically: key from the epoch secret and the log, nonce from the event's id,
//! so that a range can leave ciphertexts out. See docs/protocol.md, "Encryption".

use alloquy_ids::{EpochId, ScopeId};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305 as HpkeAead;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use zeroize::Zeroize;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::event::{Header, LogId};
use crate::hash::{derive, keyed};
use crate::limits::BODY_BYTES_MAX;

/// Bytes of the authentication tag (RFC 8439 section 2.8).
pub const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// Smallest padded body: shorter texts all look alike.
const PAD_MIN: usize = 32;
/// Bytes of sealed key material in a wrap: kind, key, tag.
const WRAP_SEALED_BYTES: usize = 1 + 32 + TAG_BYTES;

/// Key material of one epoch, as this device holds it. Zeroed when dropped; never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum EpochKey {
    /// The link key: opens this epoch and, by links, its parents.
    Link([u8; 32]),
    /// The secret only: opens this epoch.
    Secret([u8; 32]),
}

impl Drop for EpochKey {
    fn drop(&mut self) {
        match self {
            Self::Link(key) | Self::Secret(key) => key.zeroize(),
        }
    }
}

impl std::fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "EpochKey::Link(..)",
            Self::Secret(_) => "EpochKey::Secret(..)",
        })
    }
}

impl EpochKey {
    /// A new link key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self::Link(key)
    }

    /// The epoch secret `E`.
    #[must_use]
    pub fn secret(&self) -> EpochSecret {
        match self {
            Self::Link(key) => EpochSecret(derive("alloquy epoch secret v1", &[key])),
            Self::Secret(key) => EpochSecret(*key),
        }
    }

    /// The same epoch without the way to older ones: what an account without READ_HISTORY is given.
    #[must_use]
    pub fn secret_only(&self) -> Self {
        Self::Secret(self.secret().0)
    }

    /// One byte of kind (1 link, 2 secret) and 32 bytes, for the sealed store and for wraps only.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, key) = match self {
            Self::Link(key) => (1, key),
            Self::Secret(key) => (2, key),
        };
        [&[kind], key.as_slice()].concat()
    }

    /// What [`Self::to_bytes`] gave; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, key) = bytes.split_first()?;
        let key = <[u8; 32]>::try_from(key).ok()?;
        match kind {
            1 => Some(Self::Link(key)),
            2 => Some(Self::Secret(key)),
            _ => None,
        }
    }
}

/// The secret of one epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct EpochSecret(pub(crate) [u8; 32]);

impl Drop for EpochSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EpochSecret(..)")
    }
}

fn log_parts(log: &LogId) -> [u8; 68] {
    let mut parts = [0; 68];
    parts[..32].copy_from_slice(&log.scope.0);
    parts[32..64].copy_from_slice(&log.device.0);
    parts[64..].copy_from_slice(&log.incarnation.to_le_bytes());
    parts
}

fn aead(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key).into())
}

fn nonce_of(bytes: &[u8; 32]) -> XNonce {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&bytes[..NONCE_BYTES]);
    nonce.into()
}

impl EpochSecret {
    /// The commitment that an announcement publishes.
    #[must_use]
    pub fn commit(&self, key_scope: ScopeId, parents: &[EpochId]) -> [u8; 32] {
        let mut list = Writer::new();
        list.list(parents);
        derive("alloquy epoch commit v1", &[&self.0, &key_scope.0, &list.into_bytes()])
    }

    /// Key of the scope's gossip topic and frames.
    #[must_use]
    pub fn gossip_key(&self) -> GossipKey {
        GossipKey(derive("alloquy gossip key v1", &[&self.0]))
    }

    /// Commitment to a padded plaintext at a position: keyed by the secret, so that nobody else can test a guess.
    #[must_use]
    pub fn body_commit(&self, log: &LogId, seq: u64, padded: &[u8]) -> [u8; 32] {
        let key = derive("alloquy body commit v1", &[&self.0, &log_parts(log), &seq.to_le_bytes()]);
        keyed(&key, &[padded])
    }

    fn body_key(&self, log: &LogId) -> [u8; 32] {
        derive("alloquy body key v1", &[&self.0, &log_parts(log)])
    }

    /// Ciphertext of a padded plaintext. Deterministic: key from the log, nonce and associated data from the id.
    #[must_use]
    pub fn seal_body(&self, header: &Header, padded: &[u8]) -> Vec<u8> {
        let id = header.id();
        let nonce = nonce_of(&derive("alloquy body nonce v1", &[&id.0]));
        aead(&self.body_key(&header.log()))
            .encrypt(&nonce, Payload { msg: padded, aad: &id.0 })
            .expect("a body is far below the cipher's limit of 256 GiB")
    }

    /// Plaintext without padding, checked against the header's commitment. `None`: body missing.
    #[must_use]
    pub fn open_body(&self, header: &Header, ciphertext: &[u8]) -> Option<Vec<u8>> {
        if ciphertext.len() > BODY_BYTES_MAX {
            return None;
        }
        let id = header.id();
        let nonce = nonce_of(&derive("alloquy body nonce v1", &[&id.0]));
        let padded =
            aead(&self.body_key(&header.log())).decrypt(&nonce, Payload { msg: ciphertext, aad: &id.0 }).ok()?;
        if self.body_commit(&header.log(), header.seq, &padded) != header.body_commit {
            return None;
        }
        unpad(&padded).map(<[u8]>::to_vec)
    }

    /// Seals the body block of a range: key from the secret, nonce from the whole plaintext.
    #[must_use]
    pub fn seal_block(&self, plaintext: &[u8]) -> Vec<u8> {
        let key = derive("alloquy range key v1", &[&self.0]);
        let nonce = nonce_of(&keyed(&key, &[plaintext]));
        let sealed = aead(&key).encrypt(&nonce, plaintext).expect("a range is far below the cipher's limit of 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens a block sealed by [`Self::seal_block`]; `None` if it is not one of this epoch.
    #[must_use]
    pub fn open_block(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let key = derive("alloquy range key v1", &[&self.0]);
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        aead(&key).decrypt(&(*nonce).into(), sealed).ok()
    }
}

/// Pads a body to 32, 64, 128, ... bytes: 0x80, then zeros.
#[must_use]
pub fn pad(body: &[u8]) -> Vec<u8> {
    let len = (body.len() + 1).next_power_of_two().max(PAD_MIN);
    let mut padded = Vec::with_capacity(len);
    padded.extend_from_slice(body);
    padded.push(0x80);
    padded.resize(len, 0);
    padded
}

/// Removes the padding; `None` if it is not canonical.
#[must_use]
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    let canonical = padded[end] == 0x80 && padded.len() == (end + 1).next_power_of_two().max(PAD_MIN);
    canonical.then(|| &padded[..end])
}

/// Key of a gossip topic: names it and seals its frames.
#[derive(Clone, PartialEq, Eq)]
pub struct GossipKey(pub(crate) [u8; 32]);

impl Drop for GossipKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for GossipKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GossipKey(..)")
    }
}

impl GossipKey {
    /// The topic's name on the wire.
    #[must_use]
    pub fn topic(&self) -> [u8; 32] {
        derive("alloquy gossip topic v1", &[&self.0])
    }

    /// Nonce (24 random bytes) and ciphertext.
    #[must_use]
    pub fn seal(&self, frame: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let sealed = aead(&self.0).encrypt(&nonce.into(), frame).expect("a frame is far below the cipher's limit");
        [nonce.as_slice(), &sealed].concat()
    }

    /// The frame; `None` when it was not sealed under this key.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        aead(&self.0).decrypt(&(*nonce).into(), sealed).ok()
    }
}

/// Key under which a link key seals its parents' keys. Used once per (epoch, parent): the nonce is the commitment's.
fn link_cipher(child: &EpochKey, child_commit: &[u8; 32]) -> Option<(XChaCha20Poly1305, [u8; 32])> {
    let EpochKey::Link(key) = child else { return None };
    Some((aead(&derive("alloquy epoch link v1", &[key, child_commit])), *child_commit))
}

/// Seals a parent's key material under a key from `child`'s link key. `None` if only the child's secret is held.
#[must_use]
pub fn seal_link(child: &EpochKey, child_commit: &[u8; 32], parent: &EpochKey) -> Option<Vec<u8>> {
    let (cipher, commit) = link_cipher(child, child_commit)?;
    let plaintext = parent.to_bytes();
    // Two parents are sealed under one key: the nonce is taken from what is sealed, so it never repeats for another.
    let EpochKey::Link(key) = child else { return None };
    let nonce = nonce_of(&keyed(&derive("alloquy epoch link nonce v1", &[key]), &[&plaintext]));
    let sealed = cipher.encrypt(&nonce, Payload { msg: &plaintext, aad: &commit }).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// Opens a link; `None` if `child` is not a link key or the link does not open.
#[must_use]
pub fn open_link(child: &EpochKey, child_commit: &[u8; 32], sealed: &[u8]) -> Option<EpochKey> {
    let (cipher, commit) = link_cipher(child, child_commit)?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    EpochKey::from_bytes(&cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &commit }).ok()?)
}

/// An epoch's key material, encrypted to one X25519 key (HPKE base mode, RFC 9180: X25519, HKDF-SHA256,
/// ChaCha20-Poly1305; info is `"alloquy epoch wrap v1"` and the epoch's id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The recipient's X25519 public key (prekey or recovery wrap key).
    pub to: [u8; 32],
    /// HPKE encapsulated key.
    pub enc: [u8; 32],
    /// Ciphertext: one byte of kind (link or secret), 32 bytes of key, 16 of tag.
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

fn wrap_info(epoch: EpochId) -> Vec<u8> {
    [b"alloquy epoch wrap v1".as_slice(), &epoch.0].concat()
}

/// Wraps key material of `epoch` to an X25519 public key. A key that is no valid point gets a wrap that
/// nobody opens: who published it shut itself out.
#[must_use]
pub fn wrap(epoch: EpochId, key: &EpochKey, to: &[u8; 32], rng: &mut impl CryptoRng) -> Wrap {
    let unopenable = Wrap { to: *to, enc: [0; 32], sealed: Vec::new() };
    let Ok(public) = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to) else { return unopenable };
    let sealed = hpke::single_shot_seal_with_rng::<HpkeAead, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        &wrap_info(epoch),
        &key.to_bytes(),
        &[],
        rng,
    );
    let Ok((enc, sealed)) = sealed else { return unopenable };
    let mut enc_bytes = [0; 32];
    enc_bytes.copy_from_slice(&enc.to_bytes());
    Wrap { to: *to, enc: enc_bytes, sealed }
}

/// Opens a wrap with the recipient's X25519 secret. The caller checks it against the announced commitment.
#[must_use]
pub fn unwrap(epoch: EpochId, wrap: &Wrap, secret: &[u8; 32]) -> Option<EpochKey> {
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).ok()?;
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&wrap.enc).ok()?;
    let opened = hpke::single_shot_open::<HpkeAead, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &enc,
        &wrap_info(epoch),
        &wrap.sealed,
        &[],
    );
    EpochKey::from_bytes(&opened.ok()?)
}

/// The X25519 public key of a secret.
#[must_use]
pub(crate) fn x25519_public(secret: &[u8; 32]) -> [u8; 32] {
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).expect("any 32 bytes are an X25519 secret");
    let mut public = [0; 32];
    public.copy_from_slice(&<X25519HkdfSha256 as Kem>::sk_to_pk(&secret).to_bytes());
    public
}
