//! What plain Opus makes of the same speech at the same rate under the same loss: frames of 20 ms with in-band FEC, the
//! encoder told the true loss, a receiver without jitter that has each next packet at hand. It is an ideal: no network,
//! no clock, no adapting.

use std::path::Path;

use alloquy_media::codec::{Decoder, Encoder, EncoderSettings, has_fec};
use alloquy_tests::sound::{read_wav, write_wav};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Samples of a frame of 20 ms.
const FRAME: usize = 960;
/// RTP's header for each of 50 packets a second: it counts in the rate of the other side, too.
const HEADERS_BITS: f64 = 12.0 * 8.0 * 50.0;
/// The encoder's own limits, bits a second.
const RATES: (f64, f64) = (6_000.0, 128_000.0);
/// Effort of both ends, as in the engine.
const COMPLEXITY: (i32, i32) = (9, 5);

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Loss {
    /// Percent that is lost.
    pub(crate) percent: u32,
    /// Mean number of packets that are lost together.
    pub(crate) together: f64,
}

/// Which packets are lost, by Gilbert's model.
fn lost(loss: Loss, packets: usize) -> Vec<bool> {
    let mut rng = ChaCha20Rng::seed_from_u64(19);
    let mut chance = move || f64::from(rng.next_u32()) / f64::from(u32::MAX);
    let share = f64::from(loss.percent) / 100.0;
    let leave = 1.0 / loss.together;
    let enter = leave * share / (1.0 - share);
    let mut losing = false;
    (0..packets)
        .map(|_| {
            losing = match loss.together > 1.0 {
                true => losing != (chance() < if losing { leave } else { enter }),
                false => chance() < share,
            };
            losing
        })
        .collect()
}

/// Writes what is heard of `source`, at so many bits a second with headers.
pub(crate) fn heard(source: &Path, to: &Path, loss: Loss, rate: f64) -> anyhow::Result<()> {
    let sound = read_wav(source);
    let mut encoder = Encoder::new()?;
    encoder.complexity(COMPLEXITY.0)?;
    encoder.apply(EncoderSettings {
        bitrate: (rate - HEADERS_BITS).clamp(RATES.0, RATES.1) as i32,
        fec: true,
        expected_loss: i32::try_from(loss.percent)?,
        dred_ms: 0,
    })?;
    let mut packets = Vec::new();
    for frame in sound.chunks_exact(FRAME) {
        let mut packet = [0; 1_275];
        let bytes = encoder.encode(frame, &mut packet)?;
        packets.push(packet[..bytes].to_vec());
    }
    let lost = lost(loss, packets.len());
    let mut decoder = Decoder::new()?;
    decoder.complexity(COMPLEXITY.1)?;
    let mut out = Vec::new();
    for n in 0..packets.len() {
        let mut pcm = [0.0; FRAME];
        let next = packets
            .get(n + 1)
            .filter(|packet| !lost[n + 1] && has_fec(packet));
        match (lost[n], next) {
            (false, _) => decoder.decode(&packets[n], &mut pcm).map(drop)?,
            (true, Some(next)) => decoder.recover(next, &mut pcm).map(drop)?,
            (true, None) => decoder.conceal(&mut pcm).map(drop)?,
        }
        out.extend(pcm);
    }
    write_wav(to, &out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_lost_as_was_asked_for() {
        for (percent, together) in [(5, 1.0), (20, 1.0), (10, 3.0)] {
            let lost = lost(Loss { percent, together }, 100_000);
            let share = lost.iter().filter(|lost| **lost).count() as f64 / 1_000.0;
            assert!((share - f64::from(percent)).abs() < 0.6, "{share}");
            let runs = lost.windows(2).filter(|two| !two[0] && two[1]).count() as f64;
            let mean = share * 1_000.0 / runs;
            // Chance alone puts some side by side.
            assert!((mean - together).abs() < 0.3, "{mean}");
        }
    }
}
