//! Hashes and derived keys: BLAKE3 in its three modes, each use with its own context string.
//!
//! A context string is a constant of the protocol (docs/protocol.md lists them all); two uses never
//! share one, so a value of one kind can not stand for another.

/// BLAKE3-derive-key over the concatenation of `parts`. Parts must be of fixed length or self-delimiting.
#[must_use]
pub fn derive(context: &'static str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// BLAKE3 keyed hash over the concatenation of `parts`.
#[must_use]
pub fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Plain BLAKE3 of `bytes`.
#[must_use]
pub fn plain(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
