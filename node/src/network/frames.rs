//! Frames on a stream: a length (u32, little endian) and as many bytes, one stream per direction.
//!
//! Protocol `/alloquy/1`. Each peer opens one stream to each other at the start of their session and writes all
//! its frames to it, so that they keep their order. Nothing is ever sent back on it: that the reading side ends
//! it early is how the writing side learns that it must start over.
//!
//! A session that began through a relay moves when a direct connection stands: the writing side ends its stream after the
//! last frame and opens another one there, and the reading side reads the first to its end before it begins the second.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloquy_core::limits::FRAME_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::streams::Opened;

/// The protocol's name and version.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/alloquy/1");
/// Frames that wait for one peer: a catch-up of many small ones.
pub(super) const QUEUE_FRAMES_MAX: usize = 1024;
/// Bytes that wait for one peer: four of the largest frames.
pub(super) const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long opening the stream may take; longer means that the peer does not serve.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How long a started frame or a write may stand still.
const PROGRESS_LIMIT: Duration = Duration::from_secs(30);
/// Bytes read at once: memory grows with what has arrived, never with what was announced.
const READ_STEP_BYTES: usize = 64 * 1024;

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The peer's fault, visible in its bytes.
    #[error("a frame of {0} bytes was announced, {FRAME_BYTES_MAX} are the most")]
    TooLong(usize),
    /// The connection's.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The sending end of one peer's queue.
#[derive(Debug)]
pub(super) struct Outgoing {
    queue: mpsc::Sender<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// The writing end of it.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: mpsc::Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// The queue is full: the peer reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

/// A queue to one peer.
pub(super) fn queue() -> (Outgoing, Waiting) {
    let (tx, rx) = mpsc::channel(QUEUE_FRAMES_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    (
        Outgoing {
            queue: tx,
            bytes: Arc::clone(&bytes),
        },
        Waiting { queue: rx, bytes },
    )
}

impl Outgoing {
    /// Adds a frame. A queue whose writer has ended takes it silently: the session is about to end.
    pub(super) fn push(&self, frame: Bytes) -> Result<(), QueueFull> {
        let length = frame.len();
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        if before > 0 && before + length > QUEUE_BYTES_MAX {
            return Err(QueueFull);
        }
        match self.queue.try_send(frame) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

/// Writes a queue to a stream that is being opened, until the queue or the stream ends.
pub(super) async fn write_to(
    opening: oneshot::Receiver<Opened>,
    waiting: Waiting,
) -> io::Result<()> {
    let stream = timeout(OPEN_LIMIT, opening)
        .await
        .map_err(io::Error::from)?
        .map_err(|_gone| io::Error::from(io::ErrorKind::NotConnected))??;
    write_frames(stream, waiting).await
}

/// Writes frames until the queue ends, then closes the stream and waits until the peer has read it to its end: it lets its
/// own side go then.
async fn write_frames<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut waiting: Waiting,
) -> io::Result<()> {
    let (mut read, mut write) = stream.split();
    let mut nothing = [0; 1];
    loop {
        let frame = tokio::select! {
            frame = waiting.queue.recv() => frame,
            ended = read.read(&mut nothing) => {
                ended?;
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the peer ended the stream"));
            }
        };
        let Some(mut frame) = frame else { break };
        // What waits is written in one go, then flushed: one packet for many small frames.
        loop {
            waiting.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
            write_frame(&mut write, &frame).await?;
            match waiting.queue.try_recv() {
                Ok(next) => frame = next,
                Err(_) => break,
            }
        }
        timeout(PROGRESS_LIMIT, write.flush()).await??;
    }
    timeout(PROGRESS_LIMIT, write.close()).await??;
    // However it goes, by an end or a reset; who closed the connection meanwhile has read no more.
    match timeout(PROGRESS_LIMIT, read.read(&mut nothing)).await {
        Ok(_) => Ok(()),
        Err(elapsed) => Err(elapsed.into()),
    }
}

async fn write_frame(write: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    timeout(PROGRESS_LIMIT, write.write_all(&length.to_le_bytes())).await??;
    for step in frame.chunks(READ_STEP_BYTES) {
        timeout(PROGRESS_LIMIT, write.write_all(step)).await??;
    }
    Ok(())
}

/// Reads the next frame; `Ok(None)` when the peer ended the stream between two frames.
pub(super) async fn read_frame(
    read: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Bytes>, ReadError> {
    let mut length = [0; 4];
    // Between two frames there may be any pause.
    if read.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    timeout(PROGRESS_LIMIT, read.read_exact(&mut length[1..]))
        .await
        .map_err(io::Error::from)??;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(ReadError::TooLong(length));
    }
    let mut frame = BytesMut::new();
    while frame.len() < length {
        let start = frame.len();
        frame.resize(length.min(start + READ_STEP_BYTES), 0);
        timeout(PROGRESS_LIMIT, read.read_exact(&mut frame[start..]))
            .await
            .map_err(io::Error::from)??;
    }
    Ok(Some(frame.freeze()))
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    #[tokio::test]
    async fn frames_of_any_size_arrive_in_order_and_the_end_is_seen() {
        let (near, far) = tokio::io::duplex(1000);
        let (outgoing, waiting) = queue();
        let frames: Vec<Bytes> = [0, 1, 5, 70_000, 300_000]
            .map(|n| Bytes::from(vec![n as u8; n]))
            .to_vec();
        for frame in &frames {
            outgoing.push(frame.clone()).unwrap();
        }
        drop(outgoing);
        let writer = tokio::spawn(write_frames(near.compat(), waiting));
        let mut far = far.compat();
        for frame in frames {
            assert_eq!(read_frame(&mut far).await.unwrap(), Some(frame));
        }
        assert_eq!(read_frame(&mut far).await.unwrap(), None);
        assert!(!writer.is_finished(), "it waits until all is read");
        drop(far);
        writer.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_ends_the_writer_even_while_it_waits() {
        let (near, far) = tokio::io::duplex(1000);
        let (_outgoing, waiting) = queue();
        let writer = tokio::spawn(write_frames(near.compat(), waiting));
        drop(far);
        assert!(writer.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_and_a_cut_frame_are_errors() {
        let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_le_bytes();
        let error = read_frame(&mut Cursor::new(too_long)).await.unwrap_err();
        assert!(matches!(error, ReadError::TooLong(_)), "{error}");
        for cut in [&[5_u8, 0][..], &[5, 0, 0, 0], &[5, 0, 0, 0, 1, 2]] {
            let error = read_frame(&mut Cursor::new(cut)).await.unwrap_err();
            assert!(matches!(error, ReadError::Io(_)), "{error}");
        }
    }

    #[test]
    fn a_queue_is_bounded_in_frames_and_in_bytes() {
        let (outgoing, _waiting) = queue();
        for _ in 0..QUEUE_FRAMES_MAX {
            outgoing.push(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(outgoing.push(Bytes::from_static(b"x")), Err(QueueFull));

        let (outgoing, _waiting) = queue();
        let large = Bytes::from(vec![0; FRAME_BYTES_MAX]);
        let taken = (0..10)
            .take_while(|_| outgoing.push(large.clone()).is_ok())
            .count();
        assert_eq!(taken, QUEUE_BYTES_MAX / FRAME_BYTES_MAX);
    }
}
