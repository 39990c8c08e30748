//! Checked once for all nodes of a world: each of them is handed the same signed events, again after each restart.
//!
//! Only what the library said is remembered, and only that a signature holds; what does not is checked whenever it
//! is asked for.

use std::collections::HashSet;
use std::sync::Mutex;

use alloquy_schema::keys::{Signatures, Strict};

/// Signatures that are remembered, 32 bytes each; a seed has a few thousand. When there are more, all are forgotten.
const REMEMBERED_MAX: usize = 1 << 16;

/// Asks the library once for each key, message and signature, and remembers which hold.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Hashes over key, signature and message.
    holding: Mutex<HashSet<[u8; 32]>>,
}

impl Signatures for Remembered {
    fn hold(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let asked = blake3::Hasher::new()
            .update(public)
            .update(signature)
            .update(message)
            .finalize();
        let asked = *asked.as_bytes();
        let known = |holding: &HashSet<_>| holding.contains(&asked);
        if known(&self.holding.lock().expect("nobody panics while holding it")) {
            return true;
        }
        if !Strict.hold(public, message, signature) {
            return false;
        }
        let mut holding = self.holding.lock().expect("nobody panics while holding it");
        if holding.len() >= REMEMBERED_MAX {
            holding.clear();
        }
        holding.insert(asked);
        true
    }
}

#[cfg(test)]
mod tests {
    use alloquy_schema::keys::DeviceKey;

    use super::*;

    #[test]
    fn what_is_remembered_is_of_one_key_message_and_signature() {
        let held = Remembered::default();
        let (key, other) = (
            DeviceKey::from_seed(&[1; 32]),
            DeviceKey::from_seed(&[2; 32]),
        );
        let signature = key.sign(b"message");
        for _ in 0..2 {
            assert!(held.hold(&key.public(), b"message", &signature));
            assert!(!held.hold(&key.public(), b"massage", &signature));
            assert!(!held.hold(&key.public(), b"messag", &signature));
            assert!(!held.hold(&other.public(), b"message", &signature));
            for bit in 0..512 {
                let mut forged = signature;
                forged[bit / 8] ^= 1 << (bit % 8);
                assert!(!held.hold(&key.public(), b"message", &forged), "bit {bit}");
            }
        }
        assert_eq!(held.holding.lock().unwrap().len(), 1);
    }

    #[test]
    fn no_more_is_remembered_than_the_limit() {
        let held = Remembered::default();
        let key = DeviceKey::from_seed(&[1; 32]);
        let filler = |number: usize| *blake3::hash(&number.to_le_bytes()).as_bytes();
        held.holding
            .lock()
            .unwrap()
            .extend((0..REMEMBERED_MAX).map(filler));
        assert!(held.hold(&key.public(), b"message", &key.sign(b"message")));
        assert_eq!(held.holding.lock().unwrap().len(), 1);
    }
}
