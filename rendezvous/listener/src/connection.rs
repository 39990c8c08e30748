//! One connection: handshake, what it says to the server's task, what is written to it.

use std::net::IpAddr;
use std::sync::Arc;

use alloquy_irc::{ConnId, Origin, Tls as TlsFacts};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use crate::doors::{Caller, Kind};
use crate::figures::Figures;
use crate::limits::{CLOSE_WAIT, HANDSHAKE_WAIT, READ_BYTES};
use crate::queue::{Next, Queue};
use crate::throttle::Place;
use crate::tls::{Tls, fingerprint};
use crate::tunnel::Came;
use crate::web;

/// What connections tell the server's task.
#[derive(Debug)]
pub(crate) enum Piece {
    Open(ConnId, Origin, (Arc<Queue>, Option<IpAddr>)),
    /// Bytes, and the place that they take until they are taken.
    Bytes(ConnId, Bytes, OwnedSemaphorePermit),
    /// Something came of a stream of it.
    Tunnelled(Came),
    Closed(ConnId),
}

/// A connection's way to the server's task and back.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) conn: ConnId,
    pub(crate) pieces: mpsc::Sender<Piece>,
    pub(crate) queue: Arc<Queue>,
    /// Bounds the pieces of this connection that wait.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) origins: Arc<[String]>,
}

impl Link {
    /// Tells the server's task; `false` when it has ended.
    pub(crate) async fn tell(&self, piece: Piece) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Gives the server's task bytes, when those before have been taken; `false` when it has ended.
    pub(crate) async fn give(&self, bytes: Bytes) -> bool {
        self.figures.read_bytes.add(bytes.len() as u64);
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return false;
        };
        self.tell(Piece::Bytes(self.conn, bytes, place)).await
    }

    async fn open(&self, origin: Origin) -> bool {
        let queue = Arc::clone(&self.queue);
        let piece = Piece::Open(self.conn, origin, (queue, self.address));
        self.tell(piece).await
    }
}

/// Serves who came in until the connection ends.
pub(crate) async fn serve(
    caller: Caller,
    kind: Kind,
    tls: Option<Tls>,
    (link, origin, place): (Link, Origin, Place),
) {
    let figures = Arc::clone(&link.figures);
    figures.connections.add(1);
    match caller {
        Caller::Unix(stream) => shake(stream, kind, tls, (link, origin)).await,
        Caller::Tcp(stream, _) => shake(stream, kind, tls, (link, origin)).await,
    }
    figures.connections.take(1);
    drop(place);
}

async fn shake<S>(stream: S, kind: Kind, tls: Option<Tls>, (link, mut origin): (Link, Origin))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match (kind, tls) {
        (Kind::Plain | Kind::Sts, _) => carry(stream, link, origin).await,
        (Kind::Tls, Some(tls)) => {
            let shaken = timeout(HANDSHAKE_WAIT, tls.acceptor().accept(stream)).await;
            let Ok(Ok(stream)) = shaken else {
                return link.figures.handshakes_failed.add(1);
            };
            let (_, session) = stream.get_ref();
            origin.tls = Some(TlsFacts {
                fingerprint: session
                    .peer_certificates()
                    .and_then(|chain| chain.first())
                    .map(fingerprint),
                sni: session.server_name().map(str::to_owned),
            });
            carry(stream, link, origin).await;
        }
        // A door of TLS is opened only with a certificate.
        (Kind::Tls, None) => {}
        (Kind::WebSocket, _) => {
            match timeout(HANDSHAKE_WAIT, web::shake(stream, &link.origins)).await {
                Ok(Some(frames)) => {
                    if link.open(origin).await {
                        web::carry(frames, &link).await;
                    }
                }
                _ => link.figures.handshakes_failed.add(1),
            }
        }
    }
}

/// Carries lines both ways.
async fn carry<S>(stream: S, link: Link, origin: Origin)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let Some(first) = first_bytes(&mut reader).await else {
        return;
    };
    if !link.open(origin).await || !link.give(first).await {
        return;
    }
    let ended = tokio::select! {
        () = read(&mut reader, &link) => Ended::ByThem,
        () = write(&mut writer, &link.queue) => Ended::ByUs,
        () = link.queue.cut() => Ended::Cut,
        () = link.queue.late() => Ended::Cut,
    };
    match ended {
        // What was asked for before the end is still answered: the other side may read on.
        Ended::ByThem => {
            link.tell(Piece::Closed(link.conn)).await;
            tokio::select! {
                _ = timeout(CLOSE_WAIT, write(&mut writer, &link.queue)) => {}
                () = link.queue.cut() => {}
            }
        }
        // Closing while something unread lies here would take back what was written last.
        Ended::ByUs => {
            let close = async {
                if writer.shutdown().await.is_ok() {
                    discard(&mut reader).await;
                }
            };
            drop(timeout(CLOSE_WAIT, close).await);
            link.tell(Piece::Closed(link.conn)).await;
        }
        Ended::Cut => {
            link.tell(Piece::Closed(link.conn)).await;
        }
    }
}

enum Ended {
    ByThem,
    ByUs,
    Cut,
}

/// How requests of HTTP begin: a browser that was led here speaks for whoever led it.
const VERBS: [&[u8]; 9] = [
    b"GET ",
    b"POST ",
    b"PUT ",
    b"HEAD ",
    b"OPTIONS ",
    b"DELETE ",
    b"PATCH ",
    b"TRACE ",
    b"CONNECT ",
];
/// Bytes of the longest of them.
const VERB_BYTES: usize = 8;

/// The first bytes, once they show that no browser speaks; `None` ends the connection. Nobody is told of a connection
/// that says nothing, so that thousands of them cost the server's task nothing.
async fn first_bytes<S: AsyncRead>(reader: &mut ReadHalf<S>) -> Option<Bytes> {
    let read = async {
        let mut first = Vec::with_capacity(READ_BYTES);
        loop {
            if reader.read_buf(&mut first).await.ok()? == 0 {
                return None;
            }
            if VERBS.iter().any(|verb| first.starts_with(verb)) {
                return None;
            }
            let may_be = |verb: &&[u8]| first.len() < verb.len() && verb.starts_with(&first);
            if first.len() >= VERB_BYTES || !VERBS.iter().any(may_be) {
                return Some(Bytes::from(first));
            }
        }
    };
    timeout(crate::limits::FIRST_WAIT, read)
        .await
        .ok()
        .flatten()
}

/// Until the other side has nothing more to say.
async fn read<S: AsyncRead>(reader: &mut ReadHalf<S>, link: &Link) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let Ok(count) = reader.read(&mut buffer).await else {
            return;
        };
        if count == 0 || !link.give(Bytes::copy_from_slice(&buffer[..count])).await {
            return;
        }
    }
}

async fn discard<S: AsyncRead>(reader: &mut ReadHalf<S>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(1..) = reader.read(&mut buffer).await {}
}

/// Until the server ends the connection or nothing can be written any more.
async fn write<S: AsyncWrite>(writer: &mut WriteHalf<S>, queue: &Queue) {
    while let Next::Write(bytes) = queue.next().await {
        for part in bytes.chunks(WRITE_BYTES) {
            if writer.write_all(part).await.is_err() {
                return;
            }
            queue.wrote(part.len());
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
}

/// Bytes of one call to write: what TLS makes four records of.
const WRITE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::End;
    use std::time::Duration;

    #[tokio::test]
    async fn whoever_does_not_read_what_was_written_last_is_let_go() {
        let (pieces, mut told) = mpsc::channel(8);
        let queue = Arc::new(Queue::default());
        let link = Link {
            conn: ConnId(1),
            pieces,
            queue: Arc::clone(&queue),
            places: Arc::new(Semaphore::new(8)),
            address: None,
            figures: Arc::default(),
            origins: Arc::new([]),
        };
        let (mut theirs, ours) = tokio::io::duplex(16);
        theirs.write_all(b"NICK ana\r\n").await.unwrap();
        assert!(queue.put(&mut vec![b'x'; 64], 64));
        queue.end(End::Written);
        let carried = carry(ours, link, Origin::default());
        let ended = timeout(Duration::from_secs(60), carried).await;
        assert!(ended.is_ok(), "it holds its place for ever");
        let mut last = None;
        while let Some(piece) = told.recv().await {
            last = Some(piece);
        }
        assert!(matches!(last, Some(Piece::Closed(ConnId(1)))), "{last:?}");
        drop(theirs);
    }
}
