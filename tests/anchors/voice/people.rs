//! Nodes in a voice channel, whose microphones and loudspeakers are named.

use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_tests::{LOOPBACK, Peer};
use anyhow::{Context, ensure};
use serde_json::Value;

/// Where everybody talks.
pub(crate) const ROOM: &str = "Home/lounge";
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Clock ticks of `/proc` in a second: Linux has had 100 on every machine for decades.
const TICKS: f64 = 100.0;

/// A node of this machine with these devices, by PulseAudio's daemon `server` if they are such.
pub(crate) fn node(root: &Path, name: &str, server: &str, input: &str, output: &str) -> Peer {
    let mut arguments = LOOPBACK.to_vec();
    arguments.extend(["--audio-in", input, "--audio-out", output]);
    let server = format!("PULSE_SERVER={server}");
    let mut peer = Peer::init(root, name)
        .with_arguments(&arguments)
        .behind(&["env", &server]);
    peer.start();
    peer
}

/// A community `Home` with the voice channel, which the first made and the others have joined.
pub(crate) fn gathered(peers: &[Peer]) {
    peers[0].line("create-community Home");
    peers[0].line("create-channel Home voice lounge");
    for peer in &peers[1..] {
        peer.line(&format!("join {}", peers[0].invite("Home")));
    }
}

/// The connections of a node, whatever state they are in.
pub(crate) fn links(peer: &Peer) -> Vec<Value> {
    let told = peer.tell("voice stats").value;
    let peers = told["call"]["peers"].as_object().cloned();
    peers
        .unwrap_or_default()
        .into_iter()
        .map(|(_, view)| view)
        .collect()
}

/// Waits until a node has so many connections that stand.
pub(crate) fn connected(peer: &Peer, count: usize) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        let links = links(peer);
        let stands =
            |view: &&Value| matches!(view["link"]["stage"].as_str(), Some("open" | "audio"));
        if links.iter().filter(stands).count() == count {
            return Ok(());
        }
        ensure!(since.elapsed() < PATIENCE, "{count} wanted: {links:?}");
        std::thread::sleep(LOOK);
    }
}

/// The process of a node.
pub(crate) fn pid(peer: &Peer) -> anyhow::Result<u32> {
    Ok(peer.child().context("it runs")?.id())
}

/// Seconds of processor time that a process has used, all its threads together.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may have blanks and stands in brackets; utime and stime are the 14th and 15th field.
    let rest = stat.rsplit_once(") ").context("a name in brackets")?.1;
    let field = |n: usize| -> anyhow::Result<f64> {
        Ok(rest.split(' ').nth(n).context("as many fields")?.parse()?)
    };
    Ok((field(11)? + field(12)?) / TICKS)
}

/// Memory of a process that is in RAM, megabytes.
pub(crate) fn resident(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.context("VmRSS")?.trim().trim_end_matches(" kB");
    Ok(kib.parse::<f64>()? / 1024.0)
}

/// Open files, sockets and the like of a process.
pub(crate) fn descriptors(pid: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
