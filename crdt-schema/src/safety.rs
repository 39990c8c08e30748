//! Safety words: what two people compare to know that nobody stands between them.
//!
//! Both sides derive the same words from both accounts as their identity logs are known: an account that somebody
//! made up, or a device that only one side knows of, gives other words. docs/protocol.md, "Conversations".

use alloquy_ids::DeviceId;
use bip39::{Language, Mnemonic};

use crate::codec::{Canonical, Writer};
use crate::hash::derive;
use crate::identity::Identity;

/// Bytes of the digest that the words show: 12 words of BIP-39, and nobody finds two identities that agree in 128 bits
/// while a person waits.
const ENTROPY_BYTES: usize = 16;

fn write(w: &mut Writer, identity: &Identity) {
    identity.account.write(w);
    w.raw(&identity.recovery_commitment);
    w.raw(&identity.recovery_wrap_key);
    let devices: Vec<DeviceId> = identity.devices.keys().copied().collect();
    w.list(&devices);
}

/// What two accounts compare, the same whichever is named first.
#[must_use]
pub fn digest(one: &Identity, other: &Identity) -> [u8; 32] {
    let (first, second) = if one.account <= other.account {
        (one, other)
    } else {
        (other, one)
    };
    let mut w = Writer::new();
    write(&mut w, first);
    write(&mut w, second);
    derive("alloquy safety words v1", &[&w.into_bytes()])
}

/// The digest as 12 English words.
#[must_use]
pub fn words(digest: &[u8; 32]) -> Vec<String> {
    let mnemonic = Mnemonic::from_entropy_in(Language::English, &digest[..ENTROPY_BYTES])
        .expect("16 bytes give 12 words");
    mnemonic.words().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use alloquy_ids::UnixMs;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::identity::{create, evaluate};

    fn person(seed: u64) -> Identity {
        let made = create(UnixMs(1), &mut ChaCha20Rng::seed_from_u64(seed));
        evaluate(&[made.genesis]).unwrap()
    }

    #[test]
    fn both_sides_see_the_same_twelve_words() {
        let (ana, ben, mallory) = (person(1), person(2), person(3));
        let words = words(&digest(&ana, &ben));
        assert_eq!(words.len(), 12);
        assert_eq!(words, super::words(&digest(&ben, &ana)));
        assert_ne!(words, super::words(&digest(&ana, &mallory)));
        assert_ne!(words, super::words(&digest(&mallory, &ben)));
    }

    #[test]
    fn a_device_that_only_one_side_knows_gives_other_words() {
        let (ana, ben) = (person(1), person(2));
        let before = digest(&ana, &ben);
        let mut more = ben.clone();
        more.devices.insert(DeviceId([9; 32]), Vec::new());
        assert_ne!(before, digest(&ana, &more));
        let mut replaced = ben;
        replaced.recovery_commitment = [9; 32];
        assert_ne!(before, digest(&ana, &replaced));
    }
}
