//! Clients over TCP: STUN messages and ChannelData one after the other, the latter padded to four bytes (RFC 8656,
//! section 12.5).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::machine::Path;
use super::{Event, PACKET_BYTES_MAX};

/// Connections at once: those of some members over two interfaces.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may take to its first frame.
const FIRST: Duration = Duration::from_secs(10);
/// How long it may be silent: an allocation is refreshed before it ends.
const SILENT: Duration = Duration::from_secs(600);
/// Frames that wait to be written: 100 ms of a camera and a voice. More would only make media late.
const WRITE_QUEUE: usize = 64;
/// Bytes before the body of a frame: kind or channel, and length.
const HEAD: usize = 4;
/// The rest of a STUN header, RFC 8489 section 5.
const STUN_HEAD: usize = 16;

/// Serves connections for ever.
pub(super) async fn accept(listener: TcpListener, number: usize, events: mpsc::Sender<Event>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, client)) = listener.accept().await else {
            // Out of descriptors: whoever asks again finds some.
            tokio::task::yield_now().await;
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::debug!("too many connections to the TURN server");
            continue;
        };
        let path = Path {
            listener: number,
            client,
        };
        let events = events.clone();
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = serve(stream, path, &events).await {
                tracing::trace!(%error, "a connection to the TURN server has ended");
            }
            // Whatever else is dropped, this is not: its port would stay taken.
            drop(events.send(Event::Gone(path)).await);
        });
    }
}

async fn serve(stream: TcpStream, path: Path, events: &mpsc::Sender<Event>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    let (frames, mut queue) = mpsc::channel::<Vec<u8>>(WRITE_QUEUE);
    let connected = events.send(Event::Connected(path, frames)).await;
    connected.map_err(io::Error::other)?;
    let write = async {
        while let Some(frame) = queue.recv().await {
            writer.write_all(&frame).await?;
        }
        Ok(())
    };
    let read = async {
        let mut limit = FIRST;
        loop {
            let frame = timeout(limit, read_frame(&mut reader)).await??;
            limit = SILENT;
            let sent = events.send(Event::Client(path, frame)).await;
            sent.map_err(io::Error::other)?;
        }
    };
    tokio::select! {
        ended = write => ended,
        ended = read => ended,
    }
}

async fn read_frame(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEAD];
    reader.read_exact(&mut frame).await?;
    let body = body_bytes([frame[0], frame[1], frame[2], frame[3]])?;
    frame.resize(HEAD + body, 0);
    reader.read_exact(&mut frame[HEAD..]).await?;
    Ok(frame)
}

/// Bytes that follow the first four.
fn body_bytes(head: [u8; HEAD]) -> io::Result<usize> {
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let body = match head[0] {
        0x00..0x40 => STUN_HEAD + length,
        0x40..0x80 => length.next_multiple_of(4),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    if HEAD + body > PACKET_BYTES_MAX {
        let text = format!(
            "a frame of {} bytes, at most {PACKET_BYTES_MAX} are read",
            HEAD + body
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(body)
}

/// A packet as a frame: STUN messages are of four bytes anyhow.
pub(super) fn padded(mut packet: Vec<u8>) -> Vec<u8> {
    packet.resize(packet.len().next_multiple_of(4), 0);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_measured_by_their_first_four_bytes() {
        assert_eq!(body_bytes([0, 1, 0, 8]).unwrap(), 24);
        assert_eq!(body_bytes([0x40, 0, 0, 5]).unwrap(), 8);
        assert_eq!(body_bytes([0x7f, 0xff, 0, 0]).unwrap(), 0);
        assert!(body_bytes([0x80, 0, 0, 0]).is_err());
        assert!(body_bytes([0x16, 3, 1, 200]).is_ok_and(|bytes| bytes == 472));
        let long = body_bytes([0x40, 0, 0xff, 0xff]).unwrap_err();
        assert!(long.to_string().contains("2048"), "{long}");
        assert_eq!(padded(vec![1; 5]).len(), 8);
        assert_eq!(padded(vec![1; 8]).len(), 8);
    }
}
