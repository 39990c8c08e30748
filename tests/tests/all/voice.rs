//! Voice between real processes, whose microphones and loudspeakers are files: who is in a room hears each other one.

use std::path::{Path, PathBuf};

use alloquy_tests::sound::{likeness, read_wav, share_at, sweeps, write_wav};
use alloquy_tests::{LOOPBACK, Peer, eventually, skip};
use serde_json::Value;
use tempfile::tempdir;

const ROOM: &str = "Home/lounge";
/// What is heard of somebody is at least this much like what they say: Opus at 40 kb/s codes sweeps by their sound rather
/// than their wave, and leaves 0.76 to 0.99 of it, less where cores are busy.
const ALIKE: f64 = 0.55;
/// Other sweeps are less than this much like them: 0.24 to 0.28, while two voices at once are 0.7 like each of them.
const UNLIKE: f64 = 0.4;

/// Where what a person hears is written.
fn heard_by(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{name}.wav"))
}

/// A node whose microphone is `input`, and whose loudspeaker is a file.
fn speaker(root: &Path, name: &str, input: &str) -> Peer {
    let output = format!("file:{}", heard_by(root, name).display());
    let mut arguments = LOOPBACK.to_vec();
    arguments.extend(["--audio-in", input, "--audio-out", &output]);
    let mut peer = Peer::init(root, name).with_arguments(&arguments);
    peer.start();
    peer
}

/// A community `Home` with the voice channel `lounge`, which the first made and the others have joined.
fn gathered(peers: &[Peer]) {
    peers[0].line("create-community Home");
    peers[0].line("create-channel Home voice lounge");
    for peer in &peers[1..] {
        let link = peers[0].invite("Home");
        peer.line(&format!("join {link}"));
    }
}

/// The other devices of the call that a node is in.
fn others(peer: &Peer) -> Vec<Value> {
    let told = peer.tell("voice stats");
    let peers = told.value["call"]["peers"].as_object().cloned();
    peers
        .unwrap_or_default()
        .into_iter()
        .map(|(_, view)| view)
        .collect()
}

/// Waits until a node hears so many others.
fn hears(peer: &Peer, count: usize) {
    eventually(
        &format!("{} hears {count}", peer.folder().display()),
        || {
            let open = others(peer)
                .iter()
                .filter(|view| view["link"]["stage"] == "audio")
                .count();
            (open == count).then_some(())
        },
    );
}

/// Lets people talk: the time of the sound itself, which nothing can shorten.
fn talk(seconds: u64) {
    std::thread::sleep(std::time::Duration::from_secs(seconds));
}

#[test]
fn two_people_hear_each_other() {
    let root = tempdir().unwrap();
    let sources = [1, 2].map(|seed| sweeps(10, seed));
    let peers = ["ana", "ben"].map(|name| root.path().join(format!("{name}-says.wav")));
    for (path, source) in peers.iter().zip(&sources) {
        write_wav(path, source);
    }
    let peers = ["ana", "ben"].map(|name| {
        let says = root.path().join(format!("{name}-says.wav"));
        speaker(root.path(), name, &format!("file:{},loop", says.display()))
    });
    gathered(&peers);
    for peer in &peers {
        peer.line(&format!("voice join {ROOM}"));
    }
    for peer in &peers {
        hears(peer, 1);
    }
    talk(6);
    let told = peers.each_ref().map(others);
    for peer in &peers {
        peer.line("voice leave");
    }
    for (name, source, own) in [
        ("ana", &sources[1], &sources[0]),
        ("ben", &sources[0], &sources[1]),
    ] {
        let heard = read_wav(&heard_by(root.path(), name));
        let (other, own) = (likeness(source, &heard), likeness(own, &heard));
        assert!(
            other > ALIKE,
            "{name} hears the other one: {other} ({told:?})"
        );
        assert!(own < UNLIKE, "{name} hears not itself: {own} ({told:?})");
    }
}

#[test]
fn of_eight_people_each_hears_each_other_one() {
    let root = tempdir().unwrap();
    let tone = |n: usize| 400 + 170 * n as u32;
    let peers: Vec<Peer> = (0..8)
        .map(|n| speaker(root.path(), &format!("p{n}"), &format!("tone:{}", tone(n))))
        .collect();
    gathered(&peers);
    for peer in &peers {
        peer.line(&format!("voice join {ROOM}"));
    }
    for peer in &peers {
        hears(peer, 7);
    }
    talk(5);
    for peer in &peers {
        peer.line("voice leave");
    }
    for n in 0..8 {
        let heard = read_wav(&heard_by(root.path(), &format!("p{n}")));
        let end = &heard[heard.len().saturating_sub(4 * 48_000)..];
        for other in 0..8 {
            let share = share_at(end, f64::from(tone(other)));
            let what = format!("p{n} hears {share:.3} of p{other}");
            if other == n {
                assert!(share < 0.01, "{what}");
            } else {
                assert!(share > 0.03, "{what}");
            }
        }
    }
}

#[test]
fn a_robot_says_a_text_and_plays_a_file_and_what_is_no_sound_is_told_while_the_call_goes_on() {
    if std::process::Command::new("espeak-ng")
        .arg("--version")
        .output()
        .is_err()
    {
        return skip("robot", "espeak-ng is not installed");
    }
    let root = tempdir().unwrap();
    let peers = ["ana", "robot"].map(|name| speaker(root.path(), name, "null"));
    gathered(&peers);
    let [ana, robot] = &peers;
    for peer in &peers {
        peer.line(&format!("voice join {ROOM}"));
    }
    let speaks = |speaks: bool| {
        eventually(&format!("the robot speaks: {speaks}"), || {
            (others(ana).first()?["speaking"] == speaks).then_some(())
        });
    };
    robot.line("voice input \"tts:good evening, this is the robot of this channel\"");
    speaks(true);
    speaks(false);
    let said = root.path().join("jingle.wav");
    let jingle = sweeps(6, 3);
    write_wav(&said, &jingle);
    let broken = root.path().join("broken.wav");
    std::fs::write(&broken, "this is no sound").unwrap();
    robot.line(&format!("voice input file:{}", broken.display()));
    eventually("what is no WAV is told", || {
        let told = robot.tell("voice devices").value;
        let failure = told["audio"]["failure"].as_str()?.to_owned();
        failure.contains("broken.wav").then_some(())
    });
    let refused = |line: &str| robot.tell(line).value["error"]["message"].to_string();
    let told = refused("voice input camera:front");
    assert!(
        told.contains("camera:front") && told.contains("tts:TEXT"),
        "{told}"
    );
    let told = refused(&format!("voice input tts:{}", "a".repeat(4_150)));
    assert!(told.contains("4096"), "{told}");
    robot.line(&format!("voice input file:{}", said.display()));
    speaks(true);
    speaks(false);
    for peer in &peers {
        peer.line("voice leave");
    }
    let heard = read_wav(&heard_by(root.path(), "ana"));
    let end = &heard[heard.len().saturating_sub(7 * 48_000)..];
    let alike = likeness(&jingle, end);
    assert!(alike > ALIKE, "the file is heard: {alike}");
    let before = &heard[..heard.len().saturating_sub(7 * 48_000)];
    let loud = before
        .chunks(4_800)
        .filter(|part| part.iter().any(|x| x.abs() > 0.05));
    assert!(
        loud.count() >= 10,
        "a second of speech at least is heard before it"
    );
}

/// The niceness of the threads of sound of a node, by their names.
fn niceness(peer: &Peer) -> Vec<(String, i32)> {
    let process = peer.child().expect("it runs").id();
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut found: Vec<_> = threads
        .filter_map(|thread| {
            let thread = thread.unwrap().path();
            let told = std::fs::read_to_string(thread.join("stat")).ok()?;
            let (name, numbers) = told.split_once('(')?.1.rsplit_once(") ")?;
            let niceness = numbers.split(' ').nth(16)?.parse().ok()?;
            ["audio-rt", "media-io"]
                .contains(&name)
                .then(|| (name.to_owned(), niceness))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn threads_of_sound_come_before_other_programs_where_the_kernel_or_rtkit_allows_it() {
    const TEST: &str = "priority of sound";
    if !rustix::process::getuid().is_root() {
        return skip(TEST, "priorities are given by root alone");
    }
    let rtkit = match alloquy_tests::Rtkit::start() {
        Ok(rtkit) => rtkit,
        Err(missing) => return skip(TEST, &missing),
    };
    let nobody = "unix:path=/nowhere/bus";
    let [refused, given] =
        [nobody, rtkit.address()].map(|bus| format!("DBUS_SYSTEM_BUS_ADDRESS={bus}"));
    // Who may not raise a thread by itself, as people in front of a screen.
    let bounded = ["setpriv", "--bounding-set", "-sys_nice", "env"];
    for (how, prefix, expected) in [
        ("the kernel", vec!["env", &refused], -11),
        ("rtkit", [&bounded[..], &[&given]].concat(), -11),
        ("nobody", [&bounded[..], &[&refused]].concat(), 0),
    ] {
        let root = tempdir().unwrap();
        let mut arguments = LOOPBACK.to_vec();
        arguments.extend(["--audio-in", "null", "--audio-out", "null"]);
        let peer = Peer::init(root.path(), "ana").with_arguments(&arguments);
        let mut peer = peer.behind(&prefix);
        peer.start();
        gathered(std::slice::from_ref(&peer));
        peer.line(&format!("voice join {ROOM}"));
        let expected = ["audio-rt", "media-io"].map(|name| (name.to_owned(), expected));
        eventually(&format!("asked of {how}: {expected:?}"), || {
            (niceness(&peer) == expected).then_some(())
        });
    }
}
