//! Processor time of eight people in a room, with real devices and all processing: all talk, then nobody does.

use std::time::{Duration, Instant};

use super::people::{ROOM, connected, cpu, gathered, node, pid};
use super::rig::{EAR, MICROPHONE, Rig, spoken};
use crate::report::{Line, Rival};

/// How many, and how long each part takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) people: usize,
    pub(crate) part: Duration,
}

/// What `./bench voice-load` runs.
pub(crate) const REAL: Size = Size {
    people: 8,
    part: Duration::from_secs(30),
};

/// Until the first burst of connecting is over.
const SETTLE: Duration = Duration::from_secs(12);

pub(crate) fn load(size: Size) -> anyhow::Result<Vec<Line>> {
    let rig = Rig::start()?;
    let folder = tempfile::tempdir()?;
    let (input, output) = (format!("device:{MICROPHONE}"), format!("device:{EAR}"));
    let peers: Vec<_> = (0..size.people)
        .map(|n| {
            node(
                folder.path(),
                &format!("p{n}"),
                &rig.server(),
                &input,
                &output,
            )
        })
        .collect();
    gathered(&peers);
    let pids = peers.iter().map(pid).collect::<Result<Vec<_>, _>>()?;
    let apart = each(&pids, size.part / 3)?;
    for peer in &peers {
        peer.line(&format!("voice join {ROOM}"));
    }
    for peer in &peers {
        connected(peer, size.people - 1)?;
    }
    let seconds = (SETTLE + size.part).as_secs() as usize + 10;
    let (raw, rate) = spoken(folder.path(), seconds)?;
    let speaking = rig.speak(&raw, rate)?;
    std::thread::sleep(SETTLE);
    let talking = each(&pids, size.part)?;
    drop(speaking);
    std::thread::sleep(SETTLE);
    let idle = each(&pids, size.part)?;
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: size.people,
        rival: Rival::NONE,
    };
    Ok(vec![
        line("voice_mesh_cpu", talking, "% of a core, per node"),
        line("voice_mesh_cpu_a_minute", talking * 0.6, "s, per node"),
        line("voice_idle_cpu", idle, "% of a core, per node"),
        line("voice_no_room_cpu", apart, "% of a core, per node"),
    ])
}

/// Percent of a core that each takes in the mean.
fn each(pids: &[u32], part: Duration) -> anyhow::Result<f64> {
    let used = || -> anyhow::Result<f64> { pids.iter().map(|pid| cpu(*pid)).sum() };
    let (before, since) = (used()?, Instant::now());
    std::thread::sleep(part);
    Ok((used()? - before) / since.elapsed().as_secs_f64() / pids.len() as f64 * 100.0)
}
