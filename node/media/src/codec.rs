//! Opus (RFC 6716) for speech: one encoder and one decoder of 48 kHz mono, with in-band FEC and DRED.
//!
//! The safe crates for libopus have no calls for DRED, so that this is a small layer of our own over its C functions.
//! All samples are `f32` in -1 to 1. Nothing here panics on bytes from outside: a packet that libopus refuses is a
//! [`CodecError`].

mod ffi;

pub use ffi::{Decoder, Dred, Encoder, has_fec, packet_samples};

use crate::limits::PACKET_SAMPLES_MAX;

/// What libopus refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// An answer of libopus, by its number (`OPUS_BAD_ARG` is -1, `OPUS_INVALID_PACKET` is -4).
    #[error("libopus refused {call} with {code}")]
    Refused {
        /// The C function.
        call: &'static str,
        /// Its answer.
        code: i32,
    },
    /// The packet says that it holds more than RFC 6716 allows.
    #[error("a packet of {samples} samples, at most {PACKET_SAMPLES_MAX} are allowed")]
    TooLong {
        /// Samples at 48 kHz.
        samples: usize,
    },
    /// A packet without a byte.
    #[error("an empty Opus packet")]
    Empty,
}

/// How the encoder works from its next frame on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Bits a second.
    pub bitrate: i32,
    /// In-band FEC: a coarse copy of the frame before.
    pub fec: bool,
    /// Loss to prepare for, percent, 0 to 100.
    pub expected_loss: i32,
    /// How far DRED reaches back, milliseconds; 0: none. Whole tens.
    pub dred_ms: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frame: usize, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| {
                let t = (frame * samples + n) as f32 / 48_000.0;
                (t * 440.0 * std::f32::consts::TAU).sin() * 0.3
            })
            .collect()
    }

    /// Pulses at 120 Hz that swell and fade: enough of a voice for SILK, which alone has FEC.
    fn voice(frame: usize, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| {
                let t = (frame * samples + n) as f32 / 48_000.0;
                let harmonics = (1..30).map(|k| {
                    let hz = 120.0 * k as f32;
                    (t * hz * std::f32::consts::TAU).sin() / k as f32
                });
                harmonics.sum::<f32>() * 0.2 * (1.0 + (t * 25.0).sin())
            })
            .collect()
    }

    fn energy(pcm: &[f32]) -> f32 {
        pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32
    }

    #[test]
    fn a_tone_survives() {
        let mut encoder = Encoder::new().unwrap();
        encoder
            .apply(EncoderSettings {
                bitrate: 40_000,
                fec: false,
                expected_loss: 0,
                dred_ms: 0,
            })
            .unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut out = [0.0; 960];
        let mut heard = 0.0;
        for frame in 0..20 {
            let mut packet = [0; 1_200];
            let bytes = encoder.encode(&sine(frame, 960), &mut packet).unwrap();
            assert_eq!(packet_samples(&packet[..bytes]), Ok(960));
            assert_eq!(decoder.decode(&packet[..bytes], &mut out), Ok(960));
            heard = energy(&out);
        }
        assert!((heard - 0.045).abs() < 0.01, "{heard}");
    }

    #[test]
    fn fec_and_dred_are_in_the_packets_and_bring_back_what_was_lost() {
        let mut encoder = Encoder::new().unwrap();
        encoder
            .apply(EncoderSettings {
                bitrate: 64_000,
                fec: true,
                expected_loss: 15,
                dred_ms: 200,
            })
            .unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut dred = Dred::new().unwrap();
        let mut out = [0.0; 960];
        let mut packet = [0; 1_200];
        let mut bytes = 0;
        for frame in 0..60 {
            bytes = encoder.encode(&voice(frame, 960), &mut packet).unwrap();
            if frame < 55 {
                decoder.decode(&packet[..bytes], &mut out).unwrap();
            }
        }
        assert!(has_fec(&packet[..bytes]));
        let cheap = dred.reach(&packet[..bytes]);
        let reach = dred.parse(&packet[..bytes]);
        assert_eq!(cheap, reach);
        assert!(reach >= 4 * 960, "{reach}");
        dred.decode(&mut decoder, 4 * 960, &mut out).unwrap();
        decoder.recover(&packet[..bytes], &mut out).unwrap();
        assert!(energy(&out) > 0.01, "{}", energy(&out));
    }

    #[test]
    fn bad_packets_are_errors() {
        let mut decoder = Decoder::new().unwrap();
        let mut out = [0.0; PACKET_SAMPLES_MAX];
        assert_eq!(packet_samples(&[]), Err(CodecError::Empty));
        assert!(decoder.decode(&[], &mut out).is_err());
        assert!(decoder.decode(&[0xff], &mut out).is_err());
        let long = [0b0000_0011, 63];
        assert!(packet_samples(&long).is_err());
    }
}
