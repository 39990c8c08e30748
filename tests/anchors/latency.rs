//! Row 12: from a keypress to a friend's event over loopback, beside a bare echo over the same transport and
//! the disk's own time to make a line durable. Times: reported, never gated.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_api::{Command, Event, Reply};
use alloquy_node::{KeySource, NodeConfig, NodeHandle, Running};
use anyhow::{Context, bail};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder};

use crate::corpus;
use crate::report::{Line, Rival, percentile};

/// Messages timed.
pub(crate) const MESSAGES: usize = 120;
/// Between two messages: slower than the 5 live events a second that members take of one account
/// (docs/protocol.md, "Limits"); beyond that, messages come by catching up.
const PAUSE: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(30);
const LOOPBACK: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const ECHO: StreamProtocol = StreamProtocol::new("/echo/1");
/// Bytes of one echo: a sealed message with its envelope.
const ECHO_BYTES: usize = 512;

/// Times `count` messages, as many echoes and as many syncs.
pub(crate) fn keypress_to_friend(count: usize) -> anyhow::Result<Vec<Line>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let folder = tempfile::tempdir()?;
    let mut messages = runtime.block_on(messages(folder.path(), count))?;
    let mut echoes = runtime.block_on(echoes(count))?;
    let mut syncs = syncs(folder.path(), count)?;
    let rival = percentile(&mut echoes, 0.5) + percentile(&mut syncs, 0.5);
    let line = |name, value, rival| Line {
        name,
        value,
        unit: "ms",
        n: count,
        rival,
    };
    Ok(vec![
        line(
            "keypress_to_friend_p50",
            percentile(&mut messages, 0.5),
            Rival::measured("echo over QUIC and one fsync, p50", rival),
        ),
        line(
            "keypress_to_friend_p99",
            percentile(&mut messages, 0.99),
            Rival::NONE,
        ),
        line("echo_p50", percentile(&mut echoes, 0.5), Rival::NONE),
        line("fsync_p50", percentile(&mut syncs, 0.5), Rival::NONE),
    ])
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

async fn node(folder: &Path, name: &str) -> anyhow::Result<Running> {
    let config = NodeConfig {
        listen: vec![LOOPBACK.to_owned()],
        mdns: false,
        ..NodeConfig::new(folder.join(name), KeySource::default())
    };
    let first = config.clone();
    let name = name.to_owned();
    tokio::task::spawn_blocking(move || {
        alloquy_node::init(&first, &name, alloquy_node::RecoveryWords::Shown)
    })
    .await??;
    Ok(alloquy_node::start(config).await?)
}

async fn line(handle: &mut NodeHandle, line: &str) -> anyhow::Result<Reply> {
    let command: Command = line.parse()?;
    handle
        .call(command, PATIENCE)
        .await
        .with_context(|| line.to_owned())
}

async fn messages(folder: &Path, count: usize) -> anyhow::Result<Vec<f64>> {
    let (ana, ben) = (node(folder, "ana").await?, node(folder, "ben").await?);
    let (mut writer, mut reader) = (ana.handle(), ben.handle());
    line(&mut writer, "create-community Home").await?;
    line(&mut writer, "create-channel Home text general").await?;
    let Reply::Invite { invite, .. } = line(&mut writer, "invite Home").await? else {
        bail!("an invite was expected")
    };
    line(&mut reader, &format!("join {invite}")).await?;
    let mut samples = Vec::with_capacity(count);
    for text in corpus::sentences(count)? {
        tokio::time::sleep(PAUSE).await;
        let channel = alloquy_api::command::ChannelRef("Home/general".to_owned());
        let pressed = Instant::now();
        let sent = writer.call(
            Command::Send {
                channel,
                text: text.clone(),
                embeds: Vec::new(),
            },
            PATIENCE,
        );
        let (sent, seen) = tokio::join!(sent, appears(&mut reader, &text, pressed));
        sent?;
        samples.push(seen?);
    }
    ana.shutdown().await?;
    ben.shutdown().await?;
    Ok(samples)
}

/// Waits for a message's event; milliseconds since the keypress.
async fn appears(reader: &mut NodeHandle, text: &str, pressed: Instant) -> anyhow::Result<f64> {
    loop {
        match tokio::time::timeout(PATIENCE, reader.event())
            .await
            .context("the message did not come")?
        {
            Some(Event::MessageAdded { message, .. }) if message.text == text => {
                return Ok(ms(pressed));
            }
            Some(_) => {}
            None => bail!("the reader's node ended"),
        }
    }
}

fn swarm() -> anyhow::Result<Swarm<libp2p_stream::Behaviour>> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic()
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?;
    Ok(swarm
        .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
        .build())
}

/// Round trips of a bare stream over the same transport, the connection being there.
async fn echoes(count: usize) -> anyhow::Result<Vec<f64>> {
    let (mut here, mut there) = (swarm()?, swarm()?);
    there.listen_on(LOOPBACK.parse()?)?;
    let address: Multiaddr = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = there.select_next_some().await {
            break address;
        }
    };
    let peer = *there.local_peer_id();
    let mut incoming = there.behaviour().new_control().accept(ECHO)?;
    let mut control = here.behaviour().new_control();
    here.dial(address)?;
    while !here.is_connected(&peer) {
        tokio::select! {
            _ = here.select_next_some() => {}
            _ = there.select_next_some() => {}
        }
    }
    let driving = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = here.select_next_some() => {}
                _ = there.select_next_some() => {}
            }
        }
    });
    let answering = tokio::spawn(async move {
        let Some((_, mut stream)) = incoming.next().await else {
            return;
        };
        let mut bytes = [0; ECHO_BYTES];
        while stream.read_exact(&mut bytes).await.is_ok()
            && stream.write_all(&bytes).await.is_ok()
            && stream.flush().await.is_ok()
        {}
    });
    let mut stream = control.open_stream(peer, ECHO).await?;
    let mut bytes = [7; ECHO_BYTES];
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        stream.read_exact(&mut bytes).await?;
        samples.push(ms(started));
    }
    answering.abort();
    driving.abort();
    Ok(samples)
}

/// Making a line durable in the same folder.
fn syncs(folder: &Path, count: usize) -> anyhow::Result<Vec<f64>> {
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        file.write_all(&[7; ECHO_BYTES])?;
        file.sync_data()?;
        samples.push(ms(started));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_timed_beside_its_rivals() {
        let lines = keypress_to_friend(5).unwrap();
        assert_eq!(lines.len(), 4);
        assert!(
            lines
                .iter()
                .all(|line| line.value > 0.0 && line.value.is_finite()),
            "{lines:?}"
        );
    }
}
