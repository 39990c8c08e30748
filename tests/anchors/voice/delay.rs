//! Mouth to ear: how late a listener hears what is said, at first, when all is well, while every core is busy, after
//! that, and after the listener's process stood still for five seconds. Mumble goes through the same, in the same run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::mumble::{Mumble, Setting};
use super::people::{self, cpu, gathered, node, pid};
use super::rig::{
    EAR, Heard, MICROPHONE, NOBODYS_EAR, Rig, SILENT_MICROPHONE, Tracks, heard, spoken,
};
use crate::report::{Line, Rival, percentile};

/// How long each part takes, seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// From the first sound on, before the better profile is reached: it takes ten seconds without a loss.
    pub(crate) first: f64,
    /// Until that has happened for certain.
    pub(crate) settle: f64,
    /// Of each of the parts that follow.
    pub(crate) part: f64,
}

/// What `./bench voice-delay` runs.
pub(crate) const REAL: Size = Size {
    first: 8.0,
    settle: 25.0,
    part: 10.0,
};

/// How long the listener's process stands still.
const STALL: Duration = Duration::from_secs(5);
/// The delay is back when it is this near to what it was before.
const NEAR_MS: f64 = 20.0;

/// Of one contestant.
#[derive(Clone, Debug)]
struct Found {
    first: Vec<f64>,
    well: Vec<f64>,
    loaded: Vec<f64>,
    /// Seconds.
    back_after_load: f64,
    back_after_stall: f64,
    /// Percent of a core that the listener took while all was well.
    cpu: f64,
}

/// Our two nodes, then Mumble as it comes, then Mumble made fast.
pub(crate) fn delay(size: Size) -> anyhow::Result<Vec<Line>> {
    let rig = Rig::start()?;
    // Nobody is in a call any more when the recording is looked at.
    let ours = ours(&rig, size)?.found(size)?;
    let mumble = |setting| -> Option<Found> {
        let recorded =
            Mumble::start(&rig, setting).and_then(|mumble| recorded(&rig, mumble.listener(), size));
        recorded
            .and_then(|recorded| recorded.found(size))
            .inspect_err(|error| super::say(&format!("Mumble was not measured: {error:#}")))
            .ok()
    };
    let (default, tuned) = (mumble(Setting::Default), mumble(Setting::Tuned));
    Ok(lines(ours, default, tuned))
}

fn ours(rig: &Rig, size: Size) -> anyhow::Result<Recorded> {
    let folder = tempfile::tempdir()?;
    let device = |name: &str| format!("device:{name}");
    let peers = [
        ("ana", MICROPHONE, NOBODYS_EAR),
        ("ben", SILENT_MICROPHONE, EAR),
    ]
    .map(|(name, input, output)| {
        let (input, output) = (device(input), device(output));
        node(folder.path(), name, &rig.server(), &input, &output)
    });
    gathered(&peers);
    for peer in &peers {
        peer.line(&format!("voice join {}", people::ROOM));
    }
    people::connected(&peers[1], 1)?;
    recorded(rig, pid(&peers[1])?, size)
}

/// A recording, and when what happened: seconds of it.
#[derive(Debug)]
struct Recorded {
    tracks: Tracks,
    well_from: f64,
    load: (f64, f64),
    stall: (f64, f64),
    cpu: f64,
}

/// Speaks, loads and stalls.
fn recorded(rig: &Rig, listener: u32, size: Size) -> anyhow::Result<Recorded> {
    let folder = tempfile::tempdir()?;
    let whole = size.settle + 4.0 * size.part + STALL.as_secs_f64() + 15.0;
    let (raw, rate) = spoken(folder.path(), whole as usize + 10)?;
    let recording = rig.record("delay")?;
    let speaking = rig.speak(&raw, rate)?;
    sleep(size.settle);
    let (well_from, used) = (recording.seconds(), cpu(listener)?);
    let since = Instant::now();
    sleep(size.part);
    let cpu = (cpu(listener)? - used) / since.elapsed().as_secs_f64() * 100.0;
    let load_from = recording.seconds();
    busy(size.part);
    let load_to = recording.seconds();
    sleep(size.part);
    let stalled_from = recording.seconds();
    let process = Pid::from_raw(i32::try_from(listener)?);
    let process = process.ok_or_else(|| anyhow::anyhow!("no process"))?;
    kill_process(process, Signal::STOP)?;
    std::thread::sleep(STALL);
    kill_process(process, Signal::CONT)?;
    let stalled_to = recording.seconds();
    sleep(size.part + 4.0);
    drop(speaking);
    Ok(Recorded {
        tracks: recording.end()?,
        well_from,
        load: (load_from, load_to),
        stall: (stalled_from, stalled_to),
        cpu,
    })
}

impl Recorded {
    fn found(&self, size: Size) -> anyhow::Result<Found> {
        let all = heard(&self.tracks);
        anyhow::ensure!(
            all.len() > 20,
            "{} seconds of what is said are heard",
            all.len()
        );
        let first = all[0].at;
        let between = |from: f64, to: f64| -> Vec<f64> {
            let within = all.iter().filter(|h| h.at >= from && h.at + 1.0 <= to);
            within.map(|heard| heard.delay_ms).collect()
        };
        let well = between(self.well_from, self.load.0);
        let usual = percentile(&mut well.clone(), 0.5);
        let found = Found {
            first: between(first + 1.0, first + size.first),
            loaded: between(self.load.0 + 1.0, self.load.1),
            back_after_load: back(&all, self.load.1, self.stall.0 - 1.0, usual),
            back_after_stall: back(&all, self.stall.1, f64::INFINITY, usual),
            well,
            cpu: self.cpu,
        };
        super::say(&found.told());
        Ok(found)
    }
}

impl Found {
    fn told(&self) -> String {
        let spread = |part: &[f64]| {
            let at = |share| percentile(&mut part.to_vec(), share);
            format!("{:.0}/{:.0} of {}", at(0.5), at(0.95), part.len())
        };
        format!(
            "delay p50/p95, ms: at first {}, then {}, loaded {}; back after load {:.1} s, after a stall {:.1} s; {:.0} % of a core",
            spread(&self.first),
            spread(&self.well),
            spread(&self.loaded),
            self.back_after_load,
            self.back_after_stall,
            self.cpu
        )
    }
}

fn sleep(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// Keeps every core busy.
fn busy(seconds: f64) {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let on = Arc::new(AtomicBool::new(true));
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let on = Arc::clone(&on);
            std::thread::spawn(move || {
                while on.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    sleep(seconds);
    on.store(false, Ordering::Relaxed);
    for thread in threads {
        // It only spins: it can not fail.
        drop(thread.join());
    }
}

/// Seconds from a moment until what is said is heard as soon as before and stays so; infinite: never.
fn back(all: &[Heard], from: f64, to: f64, usual: f64) -> f64 {
    let after: Vec<_> = all.iter().filter(|h| h.at >= from && h.at <= to).collect();
    let late = |heard: &&Heard| heard.delay_ms > usual + NEAR_MS;
    let first = after.iter().rposition(late).map_or(0, |last| last + 1);
    after
        .get(first)
        .map_or(f64::INFINITY, |heard| heard.at - from)
}

fn lines(mut ours: Found, default: Option<Found>, tuned: Option<Found>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |name, value, unit, n, part: &dyn Fn(&Found) -> f64| {
        let rival = default.as_ref().map_or(Rival::NONE, |mumble| {
            Rival::measured("Mumble 1.3, default", part(mumble))
        });
        lines.push(Line {
            name,
            value,
            unit,
            n,
            rival,
        });
    };
    let p = |part: &[f64], at| percentile(&mut part.to_vec(), at);
    let n = ours.first.len();
    add(
        "voice_delay_default_p50",
        p(&ours.first, 0.5),
        "ms",
        n,
        &|m| p(&m.first, 0.5),
    );
    let n = ours.well.len();
    add("voice_delay_10ms_p50", p(&ours.well, 0.5), "ms", n, &|m| {
        p(&m.well, 0.5)
    });
    add("voice_delay_10ms_p95", p(&ours.well, 0.95), "ms", n, &|m| {
        p(&m.well, 0.95)
    });
    let n = ours.loaded.len();
    add(
        "voice_delay_loaded_p95",
        p(&ours.loaded, 0.95),
        "ms",
        n,
        &|m| p(&m.loaded, 0.95),
    );
    add(
        "voice_back_after_load",
        ours.back_after_load,
        "s",
        1,
        &|m| m.back_after_load,
    );
    add(
        "voice_back_after_stall",
        ours.back_after_stall,
        "s",
        1,
        &|m| m.back_after_stall,
    );
    add("voice_call_cpu", ours.cpu, "% of a core", 1, &|m| m.cpu);
    if let Some(tuned) = tuned {
        lines.push(Line {
            name: "voice_delay_10ms_beside_tuned",
            value: percentile(&mut ours.well, 0.5),
            unit: "ms",
            n,
            rival: Rival::measured("Mumble 1.3, tuned", p(&tuned.well, 0.5)),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_ends_with_the_last_late_second() {
        let at = |at: f64, delay_ms: f64| Heard {
            at,
            delay_ms,
            alike: 1.0,
        };
        let all = [
            at(1.0, 50.0),
            at(2.0, 200.0),
            at(3.0, 60.0),
            at(4.0, 90.0),
            at(5.0, 55.0),
        ];
        assert_eq!(back(&all, 1.5, 9.0, 50.0), 3.5);
        assert_eq!(back(&all, 4.5, 9.0, 50.0), 0.5);
        assert_eq!(back(&all, 1.5, 4.0, 50.0), f64::INFINITY);
    }
}
