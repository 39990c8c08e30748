//! The exchange of keys by a code: SPAKE2, confirmed by both sides, and what is sealed under its outcome.
//!
//! Both network keys go into the exchange, as the connection has proved them: a man in the middle, who has one
//! connection with each side, ends with two keys that no confirmation fits, whatever frames it passes on. Whoever
//! guesses learns whether one guess is right, and no more: the guest confirms first, the host only if that holds.

use alloquy_ids::NetworkKey;
use alloquy_schema::hash::derive;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use spake2::{Ed25519Group, Identity, Password as SpakePassword, Spake2};
use zeroize::Zeroizing;

/// Bytes of a message of SPAKE2 over Ed25519: a side and a point.
pub(crate) const MESSAGE_BYTES: usize = 33;

/// One side's message.
pub(crate) type Message = [u8; MESSAGE_BYTES];

/// Which side of a pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Shows the code.
    Host,
    /// Enters it.
    Guest,
}

/// An exchange whose other message has not come.
pub(crate) struct Exchange {
    state: Spake2<Ed25519Group>,
    side: Side,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exchange({:?})", self.side)
    }
}

/// What both sides have made together, if both knew the code.
pub(crate) struct Secrets {
    side: Side,
    guest_tag: [u8; 32],
    host_tag: [u8; 32],
    guest_key: Zeroizing<[u8; 32]>,
    host_key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({:?})", self.side)
    }
}

impl Exchange {
    /// Begins; the message is for the other side.
    pub(crate) fn start(
        side: Side,
        password: &[u8],
        (guest, host): (NetworkKey, NetworkKey),
        rng: &mut impl CryptoRng,
    ) -> (Self, Message) {
        let password = SpakePassword::new(password);
        let (guest, host) = (Identity::new(&guest.0), Identity::new(&host.0));
        let rng = OldRng(rng);
        let (state, message) = match side {
            Side::Guest => Spake2::start_a_with_rng(&password, &guest, &host, rng),
            Side::Host => Spake2::start_b_with_rng(&password, &guest, &host, rng),
        };
        let message = message.try_into().expect("a side and a point of 32 bytes");
        (Self { state, side }, message)
    }

    /// Ends with the other side's message; `None` if that is none.
    pub(crate) fn finish(self, message: &Message) -> Option<Secrets> {
        let key = Zeroizing::new(self.state.finish(message).ok()?);
        let part = |context| derive(context, &[&key]);
        Some(Secrets {
            side: self.side,
            guest_tag: part("alloquy link guest confirms v1"),
            host_tag: part("alloquy link host confirms v1"),
            guest_key: Zeroizing::new(part("alloquy link guest seals v1")),
            host_key: Zeroizing::new(part("alloquy link host seals v1")),
        })
    }
}

impl Secrets {
    /// What shows the other side that this one knew the code.
    pub(crate) const fn own_tag(&self) -> [u8; 32] {
        match self.side {
            Side::Guest => self.guest_tag,
            Side::Host => self.host_tag,
        }
    }

    /// Whether the other side knew it too. Takes the same time whatever differs.
    pub(crate) fn confirms(&self, tag: &[u8; 32]) -> bool {
        let expected = match self.side {
            Side::Guest => self.host_tag,
            Side::Host => self.guest_tag,
        };
        blake3::Hash::from_bytes(expected) == blake3::Hash::from_bytes(*tag)
    }

    pub(crate) fn into_channel(self) -> Channel {
        let (send, receive) = match self.side {
            Side::Guest => (self.guest_key, self.host_key),
            Side::Host => (self.host_key, self.guest_key),
        };
        Channel {
            send,
            receive,
            sent: 0,
            received: 0,
        }
    }
}

/// Sealed messages in both directions, each once and in order.
pub(crate) struct Channel {
    send: Zeroizing<[u8; 32]>,
    receive: Zeroizing<[u8; 32]>,
    sent: u64,
    received: u64,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({} sent, {} received)", self.sent, self.received)
    }
}

/// No key seals two messages of one number.
fn nonce(number: u64) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    XNonce::from(nonce)
}

impl Channel {
    pub(crate) fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let sealed = XChaCha20Poly1305::new((&*self.send).into())
            .encrypt(&nonce(self.sent), plaintext)
            .expect("a message is far below the cipher's limit of 256 GiB");
        self.sent += 1;
        sealed
    }

    /// The next message; `None` if this is not it.
    pub(crate) fn open(&mut self, sealed: &[u8]) -> Option<Vec<u8>> {
        let opened = XChaCha20Poly1305::new((&*self.receive).into())
            .decrypt(&nonce(self.received), sealed)
            .ok()?;
        self.received += 1;
        Some(opened)
    }

    /// Whether this is the last message that was opened, once more: frames may come twice.
    pub(crate) fn is_repeated(&self, sealed: &[u8]) -> bool {
        let cipher = XChaCha20Poly1305::new((&*self.receive).into());
        let last = self.received.checked_sub(1);
        last.is_some_and(|last| cipher.decrypt(&nonce(last), sealed).is_ok())
    }
}

/// The machine's randomness for a library that knows an older version of the traits.
struct OldRng<'a, R>(&'a mut R);

impl<R: CryptoRng> rand_core_06::RngCore for OldRng<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill_bytes(dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

impl<R: CryptoRng> rand_core_06::CryptoRng for OldRng<'_, R> {}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const GUEST: NetworkKey = NetworkKey([1; 32]);
    const HOST: NetworkKey = NetworkKey([2; 32]);
    const MIDDLE: NetworkKey = NetworkKey([3; 32]);

    /// Both ends, after their messages were passed on as they were.
    fn ends(
        (guest_password, host_password): (&[u8], &[u8]),
        guest_sees: NetworkKey,
        host_sees: NetworkKey,
    ) -> (Secrets, Secrets) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (guest, ask) =
            Exchange::start(Side::Guest, guest_password, (GUEST, guest_sees), &mut rng);
        let (host, answer) =
            Exchange::start(Side::Host, host_password, (host_sees, HOST), &mut rng);
        (guest.finish(&answer).unwrap(), host.finish(&ask).unwrap())
    }

    #[test]
    fn who_knows_the_code_shares_keys() {
        let (guest, host) = ends((b"7-anchor-river", b"7-anchor-river"), HOST, GUEST);
        assert!(host.confirms(&guest.own_tag()) && guest.confirms(&host.own_tag()));
        assert_ne!(guest.own_tag(), host.own_tag(), "a tag sent back is none");
        let (mut guest, mut host) = (guest.into_channel(), host.into_channel());
        let (first, second) = (guest.seal(b"one"), guest.seal(b"two"));
        assert_eq!(host.open(&second), None, "out of order");
        assert_eq!(host.open(&first).as_deref(), Some(&b"one"[..]));
        assert_eq!(host.open(&first), None, "twice");
        assert!(host.is_repeated(&first) && !host.is_repeated(&second));
        assert_eq!(host.open(&second).as_deref(), Some(&b"two"[..]));
        let back = host.seal(b"back");
        assert_eq!(host.open(&back), None, "a reflected message");
        assert_eq!(guest.open(&back).as_deref(), Some(&b"back"[..]));
    }

    #[test]
    fn a_wrong_code_confirms_nothing() {
        let (guest, host) = ends((b"7-anchor-river", b"7-anchor-rival"), HOST, GUEST);
        assert!(!host.confirms(&guest.own_tag()) && !guest.confirms(&host.own_tag()));
    }

    #[test]
    fn a_man_in_the_middle_who_passes_everything_on_confirms_nothing() {
        let code: &[u8] = b"7-anchor-river";
        for (guest_sees, host_sees) in [(MIDDLE, MIDDLE), (MIDDLE, GUEST), (HOST, MIDDLE)] {
            let (guest, host) = ends((code, code), guest_sees, host_sees);
            assert!(!host.confirms(&guest.own_tag()) && !guest.confirms(&host.own_tag()));
        }
    }

    #[test]
    fn a_message_that_is_no_point_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for bad in [[0; MESSAGE_BYTES], [0xff; MESSAGE_BYTES], {
            // No point of the curve has a y of 2.
            let mut of_a_guest = [0; MESSAGE_BYTES];
            (of_a_guest[0], of_a_guest[1]) = (b'A', 2);
            of_a_guest
        }] {
            let (host, _) = Exchange::start(Side::Host, b"code", (GUEST, HOST), &mut rng);
            assert!(host.finish(&bad).is_none(), "{bad:?}");
        }
    }
}
