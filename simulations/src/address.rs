//! Addresses of simulated nodes, in the text form of real ones.
//!
//! The core is given multiaddr text; libp2p's peer id is the base58 form of an identity multihash over
//! the protobuf of an Ed25519 public key (libp2p specs, `peer-ids`).

use alloquy_ids::NetworkKey;

/// Where the node of this seat listens, without `/p2p`.
#[must_use]
pub fn of_seat(seat: usize) -> String {
    format!("/ip4/10.0.{}.{}/tcp/4001", seat / 250, seat % 250 + 1)
}

/// The same with its peer id.
#[must_use]
pub fn with_peer(seat: usize, key: NetworkKey) -> String {
    format!("{}/p2p/{}", of_seat(seat), peer_id(key))
}

/// The text form of a libp2p peer id.
#[must_use]
pub fn peer_id(key: NetworkKey) -> String {
    // Multihash code 0 (identity), length 36; protobuf: key type 1 (Ed25519), data of 32 bytes.
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    bytes.extend(key.0);
    base58(&bytes)
}

fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<usize> = Vec::new();
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    std::iter::repeat_n(0, zeros)
        .chain(digits.into_iter().rev())
        .map(|digit| char::from(ALPHABET[digit]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_looks_like_libp2ps() {
        let id = peer_id(NetworkKey([0; 32]));
        assert!(id.starts_with("12D3KooW"), "{id}");
        assert_eq!(id.len(), 52);
        assert_eq!(base58(&[0, 0, 1]), "112");
        assert_eq!(base58(b"hello world"), "StV1DL6CwTryKyV");
    }
}
