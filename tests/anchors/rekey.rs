//! Row 11: a new epoch's key for every device of a large community: what the announcer computes and sends, and
//! what one receiver needs.

use std::hint::black_box;

use alloquy_ids::{EpochId, UnixMs};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, unwrap, wrap};
use alloquy_schema::identity;
use anyhow::{Context, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::report::{Cpu, Line, Rival, percentile};

/// Devices of the community.
pub(crate) const DEVICES: usize = 2_000;
/// Receivers that are timed.
const RECEIVERS: usize = 200;

/// Wraps one epoch for `devices` prekeys; some of them open it.
pub(crate) fn rekey(devices: usize) -> anyhow::Result<Vec<Line>> {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let device = identity::create(UnixMs(1), &mut rng).device;
    let prekeys: Vec<_> = (0..devices)
        .map(|_| identity::new_prekey(&device, 1, &mut rng))
        .collect();
    let epoch = EpochId([7; 32]);
    let key = EpochKey::generate(&mut rng);

    let started = Cpu::now();
    let wraps: Vec<_> = prekeys
        .iter()
        .map(|(record, _)| wrap(epoch, &key, &record.key, &mut rng))
        .collect();
    let wrapping = started.elapsed();
    let sizes: Vec<_> = wraps.iter().map(|wrap| wrap.to_bytes().len()).collect();

    let mut opening = Vec::new();
    for ((_, secret), wrap) in prekeys.iter().zip(&wraps).take(RECEIVERS) {
        let started = Cpu::now();
        let opened = black_box(unwrap(epoch, wrap, secret));
        opening.push(started.elapsed().as_secs_f64() * 1_000.0);
        ensure!(opened.as_ref() == Some(&key), "a receiver opens its wrap");
    }
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: devices,
        rival: Rival::NONE,
    };
    let largest = sizes.iter().max().context("there are devices")?;
    Ok(vec![
        line("rekey_time", wrapping.as_secs_f64() * 1_000.0, "ms"),
        line("rekey_bytes_up", sizes.iter().sum::<usize>() as f64, "B"),
        line("rekey_bytes_per_receiver", *largest as f64, "B"),
        line("rekey_receiver_p99", percentile(&mut opening, 0.99), "ms"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    /// Bytes that one receiver is sent at most.
    const RECEIVER_BYTES_MAX: f64 = 1_024.0;

    #[test]
    fn every_receiver_opens_a_wrap_of_a_few_bytes() {
        let lines = rekey(20).unwrap();
        let each = value(&lines, "rekey_bytes_per_receiver");
        assert!(each <= RECEIVER_BYTES_MAX, "{lines:#?}");
        assert!((value(&lines, "rekey_bytes_up") - 20.0 * each).abs() < 1.0);
    }
}
