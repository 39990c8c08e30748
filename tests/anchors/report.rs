//! One result: a JSON line on standard output.

use std::io::Write;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// What a quantity is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rival(Option<(&'static str, f64)>);

impl Rival {
    pub(crate) const NONE: Self = Self(None);

    /// Measured in the same run.
    pub(crate) const fn measured(name: &'static str, value: f64) -> Self {
        Self(Some((name, value)))
    }
}

/// Goals of voice, by the name of the figure; those of other rows stand in docs/performance.md alone.
const GOALS: &[(&str, f64)] = &[
    ("voice_delay_default_p50", 80.0),
    ("voice_delay_10ms_p50", 60.0),
    ("voice_delay_loaded_p95", 120.0),
    ("voice_back_after_load", 10.0),
    ("voice_back_after_stall", 10.0),
    ("voice_click_to_sound_p50", 1.0),
    ("voice_click_to_sound_max", 1.0),
    ("voice_click_through_turn_tls_p50", 2.0),
    ("voice_pesq_clean", 4.0),
    ("voice_pesq_lost_5", 3.8),
    ("voice_pesq_lost_10", 3.5),
    ("voice_pesq_lost_20", 3.2),
    ("voice_pesq_bursts_10", 3.0),
    ("voice_mesh_cpu", 60.0),
    ("voice_idle_cpu", 3.0),
    ("voice_joins_memory_growth", 5.0),
    ("voice_joins_descriptors_left", 0.0),
];

/// A quantity, and what the best known other way needs for the same.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// How many were measured.
    pub(crate) n: usize,
    pub(crate) rival: Rival,
}

impl Line {
    fn to_json(&self) -> Value {
        let (rival, rival_value) = self.rival.0.unzip();
        let ratio = rival_value.map(|other| round(self.value / other));
        let goal = GOALS.iter().find(|(name, _)| *name == self.name);
        json!({
            "name": self.name, "value": round(self.value), "unit": self.unit, "n": self.n,
            "goal": goal.map(|(_, goal)| goal), "rival": rival, "rival_value": rival_value.map(round), "ratio": ratio,
        })
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        writeln!(std::io::stdout().lock(), "{}", self.to_json())?;
        Ok(())
    }
}

/// Three decimals: more would be noise.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A moment on the clock of this thread's own processor time: what else runs on the machine does not count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu(Duration);

impl Cpu {
    pub(crate) fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let whole = Duration::from_secs(time.tv_sec.unsigned_abs());
        Self(whole + Duration::from_nanos(time.tv_nsec.unsigned_abs()))
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// The value below which this part of the samples lies. Sorts them.
pub(crate) fn percentile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples
        .get((last as f64 * part).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

/// The value of a line, by its name.
#[cfg(test)]
pub(crate) fn value(lines: &[Line], name: &str) -> f64 {
    let line = lines.iter().find(|line| line.name == name);
    line.unwrap_or_else(|| panic!("{name} is not in {lines:#?}"))
        .value
}
