//! Randomness of the shell: a ChaCha20 generator seeded by the operating system.

use std::io;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

/// A generator with 32 bytes of the system's entropy.
///
/// # Errors
/// The system has no entropy source.
pub(crate) fn seeded() -> io::Result<ChaCha20Rng> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(io::Error::other)?;
    Ok(ChaCha20Rng::from_seed(*seed))
}
