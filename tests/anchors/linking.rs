//! From linking a device to the last 50 messages of its conversations, beside the time until all of their past is there.
//! Real nodes over loopback, each with its store. Times: reported, never gated; that all of them come is.

use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_api::command::ChannelRef;
use alloquy_api::{Command, Reply};
use alloquy_node::{KeySource, NodeConfig, NodeHandle, Running};
use anyhow::{Context, bail, ensure};
use tokio::sync::watch;

use crate::corpus;
use crate::report::{Line, Rival};

/// Messages of each conversation that are wanted first.
const FIRST: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);
/// Until everything is there.
const ALL_PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
const LOOPBACK: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// How much there is to fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Conversations: communities with one channel each.
    pub(crate) conversations: usize,
    /// Messages of each, more than 50.
    pub(crate) messages: usize,
}

/// What `./bench linking` runs.
pub(crate) const REAL: Size = Size {
    conversations: 20,
    messages: 1_000,
};

/// Links a device and waits for the last messages of every conversation, then for all of them.
pub(crate) fn linked(size: Size) -> anyhow::Result<Vec<Line>> {
    ensure!(size.messages > FIRST, "there is more than what comes first");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measured(size))
}

async fn measured(size: Size) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let config = config(folder.path(), "first");
    let made = config.clone();
    let made = tokio::task::spawn_blocking(move || {
        alloquy_node::init(&made, "ana", alloquy_node::RecoveryWords::Shown)
    });
    made.await??;
    let first = alloquy_node::start(config).await?;
    let texts = talk(&mut first.handle(), size).await?;

    let began = Instant::now();
    let second = link(folder.path(), &mut first.handle()).await?;
    let device = began.elapsed();
    let mut reader = second.handle();
    let mut newest = None;
    // The whole of a conversation has come when its first message is there.
    for (wanted, patience) in [(FIRST, PATIENCE), (size.messages, ALL_PATIENCE)] {
        for (number, texts) in texts.iter().enumerate() {
            let all = texts.len();
            let expected = &texts[all - wanted..];
            read(&mut reader, number, (expected, patience)).await?;
        }
        newest.get_or_insert(began.elapsed());
    }
    let (all, newest) = (began.elapsed(), newest.context("they were waited for")?);
    first.shutdown().await?;
    second.shutdown().await?;
    let line = |name, time: Duration, rival| Line {
        name,
        value: time.as_secs_f64() * 1_000.0,
        unit: "ms",
        n: size.conversations,
        rival,
    };
    let rival = Rival::measured(
        "all messages of all conversations",
        all.as_secs_f64() * 1_000.0,
    );
    Ok(vec![
        line("linking_device", device, Rival::NONE),
        line("linking_newest_of_all", newest, rival),
        line("linking_everything", all, Rival::NONE),
    ])
}

fn config(folder: &Path, name: &str) -> NodeConfig {
    NodeConfig {
        listen: vec![LOOPBACK.to_owned()],
        mdns: false,
        ..NodeConfig::new(folder.join(name), KeySource::default())
    }
}

async fn line(handle: &mut NodeHandle, line: &str) -> anyhow::Result<Reply> {
    let command: Command = line.parse()?;
    let told = handle.call(command, PATIENCE).await;
    told.with_context(|| line.to_owned())
}

/// Fills the conversations; their texts, oldest first.
async fn talk(writer: &mut NodeHandle, size: Size) -> anyhow::Result<Vec<Vec<String>>> {
    let mut sentences = corpus::sentences(size.conversations * size.messages)?.into_iter();
    let mut all = Vec::new();
    for number in 0..size.conversations {
        line(writer, &format!("create-community Talk{number}")).await?;
        line(writer, &format!("create-channel Talk{number} text general")).await?;
        let texts: Vec<String> = sentences.by_ref().take(size.messages).collect();
        for text in &texts {
            let send = Command::Send {
                channel: ChannelRef(format!("Talk{number}/general")),
                text: text.clone(),
                embeds: Vec::new(),
            };
            writer.call(send, PATIENCE).await?;
        }
        all.push(texts);
    }
    Ok(all)
}

/// A second device by the link that the first shows, started and serving.
async fn link(folder: &Path, host: &mut NodeHandle) -> anyhow::Result<Running> {
    let Reply::Code { link, .. } = line(host, "device link").await? else {
        bail!("a code was expected")
    };
    let config = config(folder, "second");
    let (steps, _seen) = watch::channel(alloquy_api::personal::LinkStep::Waiting);
    alloquy_node::link(&config, &link, "second", &steps).await?;
    Ok(alloquy_node::start(config).await?)
}

/// Waits until the last messages of a conversation are these.
async fn read(
    reader: &mut NodeHandle,
    number: usize,
    (expected, patience): (&[String], Duration),
) -> anyhow::Result<()> {
    let began = Instant::now();
    let asks = format!("history Talk{number}/general --last {}", expected.len());
    let mut seen = 0;
    while began.elapsed() < patience {
        let command: Command = asks.parse()?;
        // Before the conversation itself has come, its name says nothing here.
        if let Ok(Reply::History { messages, .. }) = reader.call(command, PATIENCE).await {
            seen = messages.len();
            let texts = messages.iter().map(|message| &message.text);
            if texts.eq(expected) {
                return Ok(());
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!(
        "{seen} of {} messages of conversation {number} came, or others",
        expected.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    /// That the newest come first is shown in simulated time, where it can be (`newest.rs` of alloquy-core).
    #[test]
    fn a_linked_device_comes_to_hold_every_conversation() {
        let lines = linked(Size {
            conversations: 4,
            messages: 400,
        })
        .unwrap();
        assert!(value(&lines, "linking_newest_of_all") > 0.0, "{lines:#?}");
    }
}
