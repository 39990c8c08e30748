//! Two machines over bad networks, in virtual time.

use alloquy_media::limits::TICK_SAMPLES;
use alloquy_media::profile::State;
use alloquy_media::trial::{Impairment, Run, Trial};

use crate::signal::{best_delay, energy, voice};

const SECOND: usize = 48_000;

fn over(there: Impairment) -> Trial {
    Trial {
        there,
        ..Trial::default()
    }
}

/// The greatest wait from one second to another.
fn waits(run: &Run, from: usize, to: usize) -> u32 {
    let waits = &run.sides[1].waits[from * 100..to * 100];
    waits.iter().flatten().copied().max().unwrap_or(0)
}

#[test]
fn two_machines_hear_each_other() {
    let (a, b) = (voice(1, 6), voice(2, 6));
    let run = Trial::default().run(&a, &b).unwrap();
    for (source, side) in [(&a, &run.sides[1]), (&b, &run.sides[0])] {
        let (delay, alike) = best_delay(
            &source[SECOND..5 * SECOND],
            &side.heard[SECOND..],
            SECOND / 2,
        );
        println!(
            "delay {} ms, alike {alike}, waits {:?}",
            delay / 48,
            &side.waits[550]
        );
        assert!(alike > 0.9, "{alike}");
        assert!(delay < 150 * 48, "{delay}");
        let ratio = energy(&side.heard) / energy(source);
        assert!((0.7..1.3).contains(&ratio), "{ratio}");
        assert_eq!(side.concealed_ms(), 0);
    }
    // The other one's voice, not the own.
    let (_, own) = best_delay(
        &b[SECOND..5 * SECOND],
        &run.sides[1].heard[SECOND..],
        SECOND / 2,
    );
    assert!(own < 0.4, "{own}");
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let sound = voice(3, 3);
    let bad = Impairment {
        loss: 0.1,
        jitter_ms: 40.0,
        duplicate: 0.1,
        ..Impairment::default()
    };
    let heard = |seed| {
        let there = Impairment {
            seed,
            ..bad.clone()
        };
        over(there).run(&sound, &[]).unwrap().sides[1].heard.clone()
    };
    assert!(heard(1) == heard(1));
    assert!(heard(1) != heard(2));
}

#[test]
fn delay_shrinks_back_within_ten_seconds_after_a_stall() {
    let sound = voice(4, 32);
    let run = over(Impairment {
        stall_ms: Some((10_000, 15_000)),
        ..Impairment::default()
    })
    .run(&sound, &[])
    .unwrap();
    let (before, after) = (waits(&run, 8, 10), waits(&run, 25, 32));
    println!(
        "before {before}, just after {}, after {after}",
        waits(&run, 15, 17)
    );
    assert!(after <= before + 20, "{before} before, {after} after");
    assert!(waits(&run, 15, 32) <= 300);
    let tail = &run.sides[1].heard[16 * SECOND..31 * SECOND];
    assert!(energy(tail) > energy(&sound) * 0.5);
}

#[test]
fn jitter_makes_it_wait_and_calm_makes_it_quick_again() {
    let sound = voice(5, 30);
    let mut run = over(Impairment {
        jitter_ms: 80.0,
        ..Impairment::default()
    })
    .start()
    .unwrap();
    for (n, tick) in sound.chunks(TICK_SAMPLES).enumerate() {
        if n == 1_500 {
            run.impair(Impairment::default());
        }
        run.tick(tick, &[]);
    }
    let (rough, calm) = (waits(&run, 10, 15), waits(&run, 24, 30));
    let made_up: Vec<u16> = run.sides[1].stats().map(|s| s.concealed_ms).collect();
    println!("rough {rough}, calm {calm}, {made_up:?}");
    assert!((70..200).contains(&rough), "{rough}");
    assert!(calm <= 50, "{calm}");
    let late: u32 = made_up[5..15].iter().map(|ms| u32::from(*ms)).sum();
    assert!(late < 1_000, "{late} ms of ten seconds");
}

#[test]
fn machines_whose_clocks_differ_stay_close() {
    let sound = voice(6, 60);
    for drift_ppm in [200.0, -200.0] {
        let trial = Trial {
            drift_ppm,
            ..Trial::default()
        };
        let run = trial.run(&sound, &[]).unwrap();
        let (early, late) = (waits(&run, 10, 20), waits(&run, 20, 60));
        assert!(late <= early + 20, "{drift_ppm}: {early} then {late}");
        assert!(run.sides[1].concealed_ms() < 100, "{drift_ppm}");
    }
}

#[test]
fn lost_packets_are_repaired() {
    let sound = voice(7, 40);
    for (loss, burst, share) in [
        (0.05, 1.0, 0.3),
        (0.1, 1.0, 0.25),
        (0.2, 1.0, 0.15),
        (0.1, 3.0, 0.5),
    ] {
        let there = Impairment {
            loss,
            burst,
            ..Impairment::default()
        };
        let run = over(there).run(&sound, &[]).unwrap();
        let side = &run.sides[1];
        let made_up: u32 = side
            .stats()
            .skip(10)
            .map(|s| u32::from(s.concealed_ms))
            .sum();
        let lost: f64 = loss * 30_000.0;
        let state = run.sides[0].states[2_000];
        println!(
            "{loss} {burst}: {made_up} ms of {lost} ms made up, {state:?}, wait {}",
            waits(&run, 20, 40)
        );
        assert!(state >= State::Lossy);
        assert!(
            f64::from(made_up) < lost * share,
            "{loss}: {made_up} of {lost}"
        );
    }
}
