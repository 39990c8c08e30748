//! Telling a store that was copied or restored from one that was merely stopped.
//!
//! A device must not go on with a log of which another copy of it has written more: that would be two
//! events at one position. So the core is given a nonce at every start and begins new incarnations when it
//! differs from the last one (docs/protocol.md, "Incarnation"). The nonce is
//!
//! ```text
//! BLAKE3-derive("alloquy restore nonce v1", machine id | content of `machine` | inode of `machine` | era)
//! ```
//! - **machine id**: `/etc/machine-id`; differs on another machine. Empty where there is none.
//! - **`machine`**: random, made once, beside the store but not in it; its *inode* differs when the directory
//!   was copied or unpacked from a backup, even on the same machine.
//! - **era**: random, kept in the store, drawn anew when store and `generation` do not belong together:
//!   `generation` is a random value outside the store that changes at every start, and the store holds the
//!   present and the last one. An older store put back beside a newer `generation` (or the reverse) is found so.
//!
//! The store takes its new generation first and the file second; a crash between them leaves the file one
//! step behind, which is allowed for. Not found here: a machine cloned as a whole while it ran, and a store put
//! back from a copy of the very same run. For these the core asks a peer for its own heights.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use rand_core::Rng;

use crate::data_dir::{DataDir, read_if_there, write_private};

/// Bytes of each random value.
const RANDOM_BYTES: usize = 32;

/// What the store keeps of its own history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era {
    /// Changes when the store was found to be restored.
    pub(super) era: [u8; RANDOM_BYTES],
    /// The generation written at the last start.
    pub(super) generation: [u8; RANDOM_BYTES],
    /// The one before it.
    pub(super) previous: [u8; RANDOM_BYTES],
}

impl Era {
    /// Of a new store.
    pub(super) fn first(rng: &mut impl Rng) -> Self {
        let generation = random(rng);
        Self {
            era: random(rng),
            generation,
            previous: generation,
        }
    }

    /// The next start's: a new generation, and a new era if `outside` does not belong to this store.
    pub(super) fn next(&self, outside: Option<&[u8]>, rng: &mut impl Rng) -> Self {
        let belongs =
            outside.is_some_and(|outside| outside == self.generation || outside == self.previous);
        // The file's value is the one to allow for: after a crash it still is the previous one.
        let previous = outside
            .and_then(|outside| outside.try_into().ok())
            .unwrap_or(self.generation);
        Self {
            era: if belongs { self.era } else { random(rng) },
            generation: random(rng),
            previous,
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        [self.era, self.generation, self.previous].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (era, rest) = bytes.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        Some(Self {
            era: *era,
            generation: *generation,
            previous: rest.try_into().ok()?,
        })
    }
}

/// Reads the generation outside the store.
pub(super) fn outside(dir: &DataDir) -> io::Result<Option<Vec<u8>>> {
    read_if_there(&dir.generation())
}

/// Writes the generation outside the store.
pub(super) fn set_outside(dir: &DataDir, era: &Era) -> io::Result<()> {
    write_private(&dir.generation(), &era.generation)
}

/// The nonce for the core; makes `machine` where it is missing.
pub(super) fn restore_nonce(dir: &DataDir, era: &Era, rng: &mut impl Rng) -> io::Result<[u8; 32]> {
    if read_if_there(&dir.machine())?.is_none() {
        write_private(&dir.machine(), &random(rng))?;
    }
    let machine_id = fs::read("/etc/machine-id").unwrap_or_default();
    let inode = fs::metadata(dir.machine())?.ino();
    let mut hasher = blake3::Hasher::new_derive_key("alloquy restore nonce v1");
    for part in [
        machine_id.as_slice(),
        &fs::read(dir.machine())?,
        &inode.to_le_bytes(),
        &era.era,
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Ok(*hasher.finalize().as_bytes())
}

fn random(rng: &mut impl Rng) -> [u8; RANDOM_BYTES] {
    let mut bytes = [0; RANDOM_BYTES];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn an_era_survives_starts_and_crashes_but_not_a_restored_store() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let first = Era::first(&mut rng);
        let second = first.next(Some(&first.generation), &mut rng);
        assert_eq!(second.era, first.era);
        let third = second.next(Some(&second.generation), &mut rng);
        assert_eq!(third.era, first.era);

        // Crash after the store took the third generation and before the file did, three times in a row.
        let mut crashed = third;
        for _ in 0..3 {
            crashed = crashed.next(Some(&second.generation), &mut rng);
            assert_eq!(crashed.era, first.era);
        }
        // The store of the first start beside the file of the third, and the reverse, and no file.
        assert_ne!(first.next(Some(&third.generation), &mut rng).era, first.era);
        assert_ne!(third.next(Some(&first.generation), &mut rng).era, first.era);
        assert_ne!(third.next(None, &mut rng).era, first.era);
        assert_eq!(Era::from_bytes(&third.to_bytes()), Some(third));
        assert_eq!(Era::from_bytes(b"short"), None);
    }

    #[test]
    fn a_copied_directory_has_another_nonce() {
        let outer = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let era = Era::first(&mut rng);
        let here = DataDir::create(outer.path().join("here")).unwrap();
        let nonce = restore_nonce(&here, &era, &mut rng).unwrap();
        assert_eq!(restore_nonce(&here, &era, &mut rng).unwrap(), nonce);
        assert_ne!(
            restore_nonce(&here, &Era::first(&mut rng), &mut rng).unwrap(),
            nonce
        );

        let there = DataDir::create(outer.path().join("there")).unwrap();
        fs::copy(here.machine(), there.machine()).unwrap();
        assert_ne!(restore_nonce(&there, &era, &mut rng).unwrap(), nonce);
    }
}
