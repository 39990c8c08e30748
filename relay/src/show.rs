//! Showing a pass: the protocol `/alloquy/relay-pass/1`.
//!
//! The holder opens a stream, writes the pass ([`PASS_BYTES`] bytes) and ends its side. The relay answers with one byte,
//! 0 for a pass that it takes, 1 for one that it does not, then with the reason as at most [`REASON_MAX`] bytes of
//! UTF-8, and ends the stream.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{PeerId, Stream, StreamProtocol};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::admission::Door;
use crate::limits::{SHOW_PASS, SHOWING_MAX};
use crate::pass::{PASS_BYTES, Pass};
use crate::quota::wall;

/// The protocol's name and version.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/alloquy/relay-pass/1");
/// Bytes of a reason: a sentence with a key in it.
const REASON_MAX: u64 = 256;

/// Shows a pass to a relay that is connected.
///
/// # Errors
/// The relay does not take it, and says why; or it can not be asked.
pub async fn show(
    mut control: libp2p_stream::Control,
    relay: PeerId,
    pass: &Pass,
) -> io::Result<()> {
    let asked = async {
        let opened = control.open_stream(relay, PROTOCOL).await;
        let mut stream = opened.map_err(io::Error::other)?;
        stream.write_all(&pass.to_bytes()).await?;
        stream.close().await?;
        let mut answer = Vec::new();
        stream.take(1 + REASON_MAX).read_to_end(&mut answer).await?;
        match answer.split_first() {
            Some((0, _)) => Ok(()),
            Some((_, reason)) => {
                let reason: String = String::from_utf8_lossy(reason)
                    .chars()
                    .filter(|c| !c.is_control())
                    .collect();
                Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    timeout(SHOW_PASS, asked).await?
}

/// How many passes were shown.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) taken: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Takes passes until the swarm has gone.
pub(crate) async fn serve(
    mut incoming: libp2p_stream::IncomingStreams,
    door: Door,
    shown: Arc<Shown>,
) {
    let room = Arc::new(Semaphore::new(SHOWING_MAX));
    let mut readers = JoinSet::new();
    while let Some((peer, stream)) = incoming.next().await {
        while readers.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::debug!(%peer, "too many passes are shown at once");
            continue;
        };
        let (door, shown) = (door.clone(), Arc::clone(&shown));
        readers.spawn(async move {
            let _permit = permit;
            match timeout(SHOW_PASS, look(peer, stream, &door)).await {
                Ok(Ok(true)) => shown.taken.fetch_add(1, Ordering::Relaxed),
                Ok(Ok(false)) => shown.refused.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            }
        });
    }
}

/// Reads a pass and answers; whether it was taken.
async fn look(peer: PeerId, mut stream: Stream, door: &Door) -> io::Result<bool> {
    // One byte more than a pass has: what is longer is none.
    let mut bytes = Vec::with_capacity(PASS_BYTES + 1);
    let most = PASS_BYTES as u64 + 1;
    (&mut stream).take(most).read_to_end(&mut bytes).await?;
    let refusal = match Pass::from_bytes(&bytes) {
        Ok(pass) => door.show(&peer, &pass, wall()).err().map(|e| e.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = &refusal {
        tracing::debug!(%peer, reason, "a pass was not taken");
        stream.write_all(&[1]).await?;
        stream.write_all(reason.as_bytes()).await?;
    } else {
        stream.write_all(&[0]).await?;
    }
    stream.close().await?;
    Ok(refusal.is_none())
}
