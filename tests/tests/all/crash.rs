//! kill -9 at random moments while messages are written: nothing acknowledged is lost, nothing is doubled,
//! and the device never writes two histories of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloquy_tests::{Peer, eventually};
use serde_json::Value;
use tempfile::tempdir;

/// How often the node is killed; `ALLOQUY_KILLS` overrides it.
const KILLS: u32 = 200;
/// Processes that write at the same time.
const WRITERS: usize = 3;
/// A node is killed at some moment within this time after it became ready.
const ALIVE_MS_MAX: u64 = 250;

/// SplitMix64 (Steele, Lea, Flood 2014): moments to kill at; the seed is printed when the test fails.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn kills() -> u32 {
    std::env::var("ALLOQUY_KILLS")
        .ok()
        .map_or(KILLS, |count| count.parse().unwrap())
}

/// Messages of a channel: id to text.
fn messages(peer: &Peer) -> Vec<(String, String)> {
    let history = peer.line("history Home/general --last 100000");
    let text = |message: &Value, field: &str| message[field].as_str().unwrap().to_owned();
    history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (text(message, "id"), text(message, "text")))
        .collect()
}

/// Checks a replica: everything acknowledged is there under its id, and no text twice.
fn check(peer: &Peer, acknowledged: &BTreeMap<String, String>, when: &str) {
    let messages = messages(peer);
    let by_id: BTreeMap<&String, &String> = messages.iter().map(|(id, text)| (id, text)).collect();
    for (id, text) in acknowledged {
        assert_eq!(by_id.get(id), Some(&text), "{when}: acknowledged and lost");
    }
    let mut texts: Vec<&String> = messages.iter().map(|(_, text)| text).collect();
    texts.sort_unstable();
    let count = texts.len();
    texts.dedup();
    assert_eq!(texts.len(), count, "{when}: doubled");
}

/// Writes until told to stop or the node is gone; what was acknowledged.
fn write(peer: &Peer, life: u32, writer: usize, stop: &AtomicBool) -> Vec<(String, String)> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let text = format!("life {life} writer {writer} number {number}");
        let told = peer.tell(&format!("send Home/general \"{text}\""));
        match told.value["message"].as_str() {
            Some(id) => acknowledged.push((id.to_owned(), text)),
            None => assert_eq!(told.error(), "not_running", "{}", told.value),
        }
    }
    acknowledged
}

#[test]
fn no_acknowledged_message_is_lost_or_doubled_by_kills_at_random_moments() {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos()
        .into();
    let mut random = Random(seed);
    let root = tempdir().unwrap();
    let mut ana = Peer::started(root.path(), "ana");
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    let ben = Peer::started(root.path(), "ben");
    ben.line(&format!("join {}", ana.invite("Home")));

    let mut acknowledged = BTreeMap::new();
    for life in 0..kills() {
        let alive = Duration::from_millis(random.below(ALIVE_MS_MAX));
        let stop = AtomicBool::new(false);
        let written: Vec<(String, String)> = std::thread::scope(|scope| {
            let writing: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (ana, stop) = (&ana, &stop);
                    scope.spawn(move || write(ana, life, writer, stop))
                })
                .collect();
            // The random moment: the one place where time passing is the point.
            std::thread::sleep(alive);
            ana.kill_now();
            stop.store(true, Ordering::Relaxed);
            writing
                .into_iter()
                .flat_map(|writer| writer.join().unwrap())
                .collect()
        });
        ana.kill();
        acknowledged.extend(written);
        ana.start();
        if life % 20 == 19 {
            check(
                &ana,
                &acknowledged,
                &format!("seed {seed}, after {} kills", life + 1),
            );
        }
    }
    assert!(
        !acknowledged.is_empty(),
        "seed {seed}: the node was never alive long enough to write"
    );
    check(&ana, &acknowledged, &format!("seed {seed}, at the end"));

    let own = messages(&ana);
    eventually("the other replica reads the same", || {
        (messages(&ben) == own).then_some(())
    });
    let members = ben.line("members Home");
    assert!(
        members["members"]
            .as_array()
            .unwrap()
            .iter()
            .all(|member| member["forked"] != true),
        "seed {seed}: {members}"
    );
}
