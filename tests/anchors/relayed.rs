//! A big history on its way through a relay, between two members who can not reach each other: that nothing is cut
//! is counted, how long it takes is reported.

use std::time::{Duration, Instant};

use alloquy_api::Command;
use alloquy_api::command::ChannelRef;
use alloquy_node::RpcClient;
use alloquy_tests::{Family, Lab, Nat, Relay};
use anyhow::{Context, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::report::{Line, Rival};

/// Messages of `./bench relayed`, each of [`TEXT_CHARS`]: 50 MB that no compression makes less.
pub(crate) const REAL: usize = 4_400;
/// Letters of one message, six bits each.
const TEXT_CHARS: usize = 15_900;
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(200);

/// One member writes, the other one joins and reads, with a relay between them that both were told of.
pub(crate) fn history(messages: usize) -> anyhow::Result<Vec<Line>> {
    let Some(mut lab) = Lab::new("relayed") else {
        return Ok(Vec::new());
    };
    let folder = tempfile::tempdir()?;
    let relay = Relay::open(&lab.host("relay", Family::Both), folder.path());
    let arguments: Vec<_> = relay
        .addresses()
        .iter()
        .flat_map(|address| ["--relay", address.as_str()])
        .collect();
    let [ana, ben] = ["ana", "ben"].map(|name| {
        let host = lab.behind(name, Nat::Random);
        let mut peer = host.peer(folder.path(), name, &arguments);
        peer.start();
        peer
    });
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    let mut writer = RpcClient::connect(ana.folder())?;
    let mut rng = ChaCha20Rng::seed_from_u64(50);
    for _ in 0..messages {
        let channel = ChannelRef("Home/general".to_owned());
        let text = noise(&mut rng);
        writer.call(
            Command::Send {
                channel,
                text,
                embeds: Vec::new(),
            },
            PATIENCE,
        )?;
    }
    let join: Command = format!("join {}", ana.invite("Home")).parse()?;
    let began = Instant::now();
    let mut reader = RpcClient::connect(ben.folder())?;
    reader.call(join, PATIENCE)?;
    let joined = began.elapsed().as_secs_f64();
    // Complete as far as the only other member says; then every message is counted.
    while ben.tell("history Home/general --last 1").value["complete"] != true {
        ensure!(began.elapsed() < PATIENCE, "the history does not arrive");
        std::thread::sleep(PAUSE);
    }
    let read = began.elapsed().as_secs_f64();
    let held = held(&ben)?;
    ensure!(held == messages, "{held} of {messages} messages are there");
    // Circuits are no measure: whoever tries to punch again makes a second one and drops it.
    let name = "alloquy_relay_streams_cut_total";
    ensure!(relay.figure(name) == 0.0, "{name}: {}", relay.figure(name));
    let carried = relay.figure("alloquy_relay_read_bytes_total");
    let least = (messages * TEXT_CHARS * 6 / 8) as f64;
    ensure!(
        carried >= least,
        "the relay carried {carried} of {least} bytes"
    );
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: messages,
        rival: Rival::NONE,
    };
    Ok(vec![
        line("relayed_join", joined, "s"),
        line("relayed_history", read, "s"),
        line("relayed_bytes", carried / 1e6, "MB"),
    ])
}

/// How many messages of the channel are there, read page by page.
fn held(peer: &alloquy_tests::Peer) -> anyhow::Result<usize> {
    let (mut count, mut before) = (0, String::new());
    loop {
        let page = peer.line(&format!("history Home/general --last 100{before}"));
        let messages = page["messages"].as_array().context("a list of messages")?;
        let Some(first) = messages.first() else {
            return Ok(count);
        };
        ensure!(
            messages
                .iter()
                .all(|one| one["text"].as_str().map(str::len) == Some(TEXT_CHARS)),
            "a text is missing or another one"
        );
        count += messages.len();
        let id = first["id"].as_str().context("a message has an id")?;
        before = format!(" --before {id}");
    }
}

fn noise(rng: &mut ChaCha20Rng) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    (0..TEXT_CHARS)
        .map(|_| char::from(LETTERS[rng.next_u32() as usize % 64]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2.4 MB: twenty times what the protocol's default would let through.
    #[test]
    fn a_history_goes_through_a_relay_without_a_cut() {
        let lines = history(200).unwrap();
        assert!(lines.is_empty() || lines.len() == 3);
    }
}
