//! Coming in: from the click to the first sound, directly and through TURN over TLS; and what a thousand joins and
//! leaves leave behind in the process that does it, and in the one that stays.

use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_node::RpcClient;
use alloquy_tests::{Coturn, Family, LOOPBACK, Lab, Peer, Relay};
use anyhow::ensure;
use serde_json::Value;

use super::heap::Heap;
use super::people::{ROOM, connected, descriptors, gathered, links, node, pid, resident};
use super::rig::{EAR, Rig, first_sound};
use crate::report::{Line, Rival, percentile};

/// How often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Clicks that are timed.
    pub(crate) clicks: usize,
    /// Joins and leaves before memory is looked at: what is made once is there.
    pub(crate) before: usize,
    /// Joins and leaves that are counted.
    pub(crate) joins: usize,
    /// Of those, with a look at each allocation, which takes longer.
    pub(crate) traced: usize,
}

/// What `./bench voice-joins` runs.
pub(crate) const REAL: Size = Size {
    clicks: 20,
    before: 50,
    joins: 1_000,
    traced: 200,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long sound goes on after a click, and silence before one.
const HEARD: Duration = Duration::from_millis(2_500);
/// Until what is closed is gone: sockets that wait for their end, links that say goodbye.
const CLOSED: Duration = Duration::from_secs(15);

pub(crate) fn joins(size: Size) -> anyhow::Result<Vec<Line>> {
    let mut lines = clicks(size)?;
    lines.extend(through_turn(size)?);
    lines.extend(left(size)?);
    lines.extend(allocated(size)?);
    Ok(lines)
}

/// One talks, the other one comes in again and again.
fn clicks(size: Size) -> anyhow::Result<Vec<Line>> {
    let rig = Rig::start()?;
    let folder = tempfile::tempdir()?;
    let peer = |name, input, output: &str| node(folder.path(), name, &rig.server(), input, output);
    let peers = [
        peer("ana", "tone:440", "null"),
        peer("ben", "null", &format!("device:{EAR}")),
    ];
    gathered(&peers);
    peers[0].line(&format!("voice join {ROOM}"));
    let recording = rig.record("clicks")?;
    let mut at = Vec::new();
    for _ in 0..size.clicks {
        std::thread::sleep(HEARD);
        at.push(recording.seconds());
        peers[1].line(&format!("voice join {ROOM}"));
        std::thread::sleep(HEARD);
        peers[1].line("voice leave");
    }
    let tracks = recording.end()?;
    let within =
        |from: &f64| first_sound(&tracks, *from).filter(|late| *late < 2.0 * HEARD.as_secs_f64());
    let mut seconds: Vec<f64> = at.iter().filter_map(within).collect();
    ensure!(
        seconds.len() == size.clicks,
        "of {} clicks, sound came after {seconds:?}",
        size.clicks
    );
    Ok(spread("voice_click_to_sound", &mut seconds))
}

fn spread(name: &str, seconds: &mut [f64]) -> Vec<Line> {
    let names = match name {
        "voice_click_to_sound" => ["voice_click_to_sound_p50", "voice_click_to_sound_max"],
        _ => [
            "voice_click_through_turn_tls_p50",
            "voice_click_through_turn_tls_max",
        ],
    };
    let line = |(name, part)| Line {
        name,
        value: percentile(seconds, part),
        unit: "s",
        n: seconds.len(),
        rival: Rival::NONE,
    };
    names.into_iter().zip([0.5, 1.0]).map(line).collect()
}

/// Where no UDP passes, and coturn listens on port 443: until the newcomer's node has sound of the other one.
fn through_turn(size: Size) -> anyhow::Result<Vec<Line>> {
    let Some(mut lab) = Lab::new("voice-turn") else {
        return Ok(Vec::new());
    };
    let folder = tempfile::tempdir()?;
    let public = lab.host("public", Family::Both);
    let relay = Relay::open(&public, folder.path());
    let turn = folder.path().join("turn");
    std::fs::create_dir(&turn)?;
    let coturn = Coturn::start(&public, &turn);
    let hosts = ["ana", "ben"].map(|name| lab.host(name, Family::Both));
    lab.drop_udp();
    let trust = coturn.trust();
    let peers = [(0, "ana", "tone:440"), (1, "ben", "null")].map(|(n, name, input)| {
        let host = &hosts[n];
        let ice = coturn.ice(name, &["turns:HOST:443?transport=tcp"]);
        let ice = ice.display().to_string();
        let mut arguments: Vec<&str> = relay
            .addresses()
            .iter()
            .flat_map(|address| ["--relay", address.as_str()])
            .collect();
        arguments.extend(["--ice", &ice, "--audio-in", input, "--audio-out", "null"]);
        let mut peer = host
            .peer(folder.path(), name, &arguments)
            .behind(&[&host.prefix()[..], &["env", &trust]].concat());
        peer.start();
        peer
    });
    gathered(&peers);
    peers[0].line(&format!("voice join {ROOM}"));
    let mut seconds = Vec::new();
    for _ in 0..size.clicks.div_ceil(2) {
        let since = Instant::now();
        peers[1].line(&format!("voice join {ROOM}"));
        while !links(&peers[1])
            .iter()
            .any(|view| view["link"]["stage"] == "audio")
        {
            ensure!(since.elapsed() < PATIENCE, "no sound through TURN over TLS");
            std::thread::sleep(LOOK);
        }
        seconds.push(since.elapsed().as_secs_f64());
        let link = links(&peers[1])[0]["link"]["path"]["protocol"].clone();
        ensure!(link == "tls", "the path is {link}");
        peers[1].line("voice leave");
        std::thread::sleep(HEARD);
    }
    Ok(spread("voice_click_through_turn_tls", &mut seconds))
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    megabytes: f64,
    descriptors: usize,
}

fn held(peers: &[Peer; 2]) -> anyhow::Result<[Held; 2]> {
    let held = |peer: &Peer| -> anyhow::Result<Held> {
        Ok(Held {
            megabytes: resident(pid(peer)?)?,
            descriptors: descriptors(pid(peer)?)?,
        })
    };
    Ok([held(&peers[0])?, held(&peers[1])?])
}

fn left(size: Size) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let peers = ["ana", "ben"].map(|name| node(folder.path(), name, "", "tone:440", "null"));
    gathered(&peers);
    peers[0].line(&format!("voice join {ROOM}"));
    again(peers[1].folder(), size.before)?;
    std::thread::sleep(CLOSED);
    let before = held(&peers)?;
    let since = Instant::now();
    again(peers[1].folder(), size.joins)?;
    let each = since.elapsed().as_secs_f64() / size.joins as f64;
    std::thread::sleep(CLOSED);
    let after = held(&peers)?;
    super::say(&format!(
        "after {} joins: {before:?} has become {after:?}",
        size.joins
    ));
    connected(&peers[0], 0)?;
    let growth = |n: usize| (after[n].megabytes / before[n].megabytes - 1.0) * 100.0;
    let more = |n: usize| after[n].descriptors.saturating_sub(before[n].descriptors);
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: size.joins,
        rival: Rival::NONE,
    };
    Ok(vec![
        line("voice_joins_memory_growth", growth(1).max(growth(0)), "%"),
        line("voice_joins_memory", after[1].megabytes, "MB"),
        line(
            "voice_joins_descriptors_left",
            more(0).max(more(1)) as f64,
            "files",
        ),
        line("voice_join_and_leave", each, "s"),
    ])
}

/// The blocks of memory that each join asks for, and how many of them are still held when all is over.
fn allocated(size: Size) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let Some(heap) = Heap::in_folder(folder.path())? else {
        super::say("allocations were not counted: heaptrack is not installed");
        return Ok(Vec::new());
    };
    let devices = ["--audio-in", "tone:440", "--audio-out", "null"];
    let arguments = [LOOPBACK, &devices].concat();
    let peers = ["ana", "ben"].map(|name| {
        let mut peer = Peer::init(folder.path(), name).with_arguments(&arguments);
        if name == "ben" {
            let [recorder, pipe] = heap.environment();
            peer = peer.behind(&["env", &recorder, &pipe]);
        }
        peer.start();
        peer
    });
    gathered(&peers);
    peers[0].line(&format!("voice join {ROOM}"));
    again(peers[1].folder(), size.before)?;
    std::thread::sleep(CLOSED);
    let before = (heap.made(), heap.held());
    again(peers[1].folder(), size.traced)?;
    std::thread::sleep(CLOSED);
    let after = (heap.made(), heap.held());
    super::say(&format!(
        "after {} joins: made, held {before:?} have become {after:?}",
        size.traced
    ));
    let each = |before: u64, after: u64| (after as f64 - before as f64) / size.traced as f64;
    let line = |name, value| Line {
        name,
        value,
        unit: "blocks a join",
        n: size.traced,
        rival: Rival::NONE,
    };
    Ok(vec![
        line("voice_join_allocations", each(before.0, after.0)),
        line("voice_join_allocations_left", each(before.1, after.1)),
    ])
}

/// Comes in, waits until keys are there and sound flows, and leaves.
fn again(folder: &Path, times: usize) -> anyhow::Result<()> {
    let mut client = RpcClient::connect(folder)?;
    for number in 0..times {
        client.call(format!("voice join {ROOM}").parse()?, PATIENCE)?;
        let since = Instant::now();
        loop {
            let told = serde_json::to_value(client.call("voice stats".parse()?, PATIENCE)?)?;
            if heard(&told) {
                break;
            }
            ensure!(since.elapsed() < PATIENCE, "join {number}: {told}");
            std::thread::sleep(LOOK);
        }
        client.call("voice leave".parse()?, PATIENCE)?;
    }
    Ok(())
}

fn heard(told: &Value) -> bool {
    let peers = told["call"]["peers"].as_object();
    peers.is_some_and(|peers| peers.values().any(|view| view["link"]["stage"] == "audio"))
}
