//! Hashes and derived keys: BLAKE3 in its three modes, each use with its own context string.
//!
//! A context string is a constant of the protocol (docs/protocol.md lists them all); two uses never
//! share one, so a value of one kind can not stand for another.

/// Inputs up to this many bytes are put together on the stack: one call for all is much faster than a
/// hasher with its state for long inputs, and almost everything hashed here is shorter.
const SHORT_BYTES: usize = 512;

/// BLAKE3-derive-key over the concatenation of `parts`. Parts must be of fixed length or self-delimiting.
#[must_use]
pub fn derive(context: &'static str, parts: &[&[u8]]) -> [u8; 32] {
    let mut short = [0; SHORT_BYTES];
    if let Some(bytes) = concatenated(parts, &mut short) {
        return blake3::derive_key(context, bytes);
    }
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// BLAKE3 keyed hash over the concatenation of `parts`.
#[must_use]
pub fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut short = [0; SHORT_BYTES];
    if let Some(bytes) = concatenated(parts, &mut short) {
        return *blake3::keyed_hash(key, bytes).as_bytes();
    }
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// The parts one after the other, if they need not be copied or fit.
fn concatenated<'a>(parts: &[&'a [u8]], short: &'a mut [u8; SHORT_BYTES]) -> Option<&'a [u8]> {
    if let [only] = parts {
        return Some(only);
    }
    let mut len = 0;
    for part in parts {
        short.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    Some(&short[..len])
}

/// Plain BLAKE3 of `bytes`.
#[must_use]
pub fn plain(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
