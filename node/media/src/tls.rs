//! TURN over TCP and TLS (RFC 8656, 3.1), which the WebRTC library does not have.
//!
//! The library speaks TURN in datagrams. A [`Tunnel`] takes those datagrams, puts them into one connection to the
//! server ([`framing`]), and gives back what comes from there. It sits where the library's socket would be
//! ([`crate::webrtc`]'s runtime), so that there is no local port in between that others could find. It can go when
//! the library itself has TURN over TCP and TLS.
//!
//! A stream repeats what was lost, and everything behind it waits: media that has waited for [`QUEUE_TIME_MAX`] is
//! dropped, oldest first, since sound that late is of no use. Requests are kept.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsConnector;

pub(crate) mod framing;

/// Media waits no longer than this for the stream.
const QUEUE_TIME_MAX: Duration = Duration::from_millis(100);
/// Messages that wait for the stream: 100 ms of voice and of a camera at 2 Mb/s, and requests while it opens.
const QUEUE_MESSAGES_MAX: usize = 64;
/// Bytes that the kernel may hold back: what is there can no longer be dropped. 100 ms at 2 Mb/s.
const KERNEL_BYTES: u32 = 32 * 1024;
/// For the connection to one address of the server.
const CONNECT_TIME_MAX: Duration = Duration::from_millis(1500);
/// For TLS's handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// Which server a tunnel leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TunnelServer {
    /// Its name or address, which its certificate must bear.
    pub(crate) host: String,
    /// TLS (`turns:`) or TCP alone.
    pub(crate) tls: bool,
}

/// Why a tunnel is not there, or ended.
#[derive(Debug, Error)]
pub(crate) enum TunnelError {
    /// The name of the server leads nowhere.
    #[error("its name has no address")]
    NoAddress,
    /// No connection to any address.
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Late(Duration),
    /// TLS did not come about.
    #[error("TLS failed: {0}")]
    Tls(std::io::Error),
    /// The name cannot be in a certificate.
    #[error("{0:?} cannot be the name of a server")]
    Name(String),
    /// It worked and broke.
    #[error("the connection broke: {0}")]
    Broken(std::io::Error),
    /// The server sent something that is not TURN.
    #[error("the server does not speak TURN: {0}")]
    NotTurn(#[from] framing::FrameError),
}

/// What TLS trusts: the machine's roots and those of the configuration.
#[derive(Clone)]
pub(crate) struct TlsRoots(Arc<rustls::ClientConfig>);

impl std::fmt::Debug for TlsRoots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsRoots")
    }
}

impl TlsRoots {
    /// Loads the machine's roots; what of them cannot be read is left out.
    pub(crate) fn load(extra: &[CertificateDer<'static>]) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "a root certificate of this machine cannot be read");
        }
        let (_added, ignored) = roots.add_parsable_certificates(native.certs);
        if ignored > 0 {
            tracing::debug!(
                ignored,
                "root certificates of this machine that cannot be used"
            );
        }
        for root in extra {
            roots.add(root.clone())?;
        }
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// The near end of a tunnel. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Tunnel {
    queue: Arc<Queue>,
    task: tokio::task::JoinHandle<()>,
}

impl Tunnel {
    /// Opens a tunnel to the first of the server's addresses that answers; datagrams wait until it is open. What comes
    /// back goes to `inbox`; `ended` is told once, when there is no tunnel (any more).
    pub(crate) fn open(
        server: TunnelServer,
        addresses: impl Future<Output = Vec<SocketAddr>> + Send + 'static,
        roots: TlsRoots,
        inbox: mpsc::Sender<Vec<u8>>,
        ended: impl FnOnce(TunnelError) + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let outgoing = Arc::clone(&queue);
        let task = tokio::spawn(async move {
            let Err(error) = run(&server, &addresses.await, &roots, &outgoing, &inbox).await else {
                return;
            };
            tracing::debug!(%error, "a tunnel to a TURN server ended");
            ended(error);
        });
        Self { queue, task }
    }

    /// Sends a datagram of the library. Never waits.
    pub(crate) fn send(&self, datagram: &[u8]) -> Result<(), framing::FrameError> {
        self.queue
            .push(framing::into_stream(datagram)?, Instant::now());
        Ok(())
    }

    /// Messages that were dropped because they waited too long.
    #[cfg(test)]
    fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<(Instant, Vec<u8>)>,
    dropped: u64,
}

impl Queue {
    fn push(&self, message: Vec<u8>, now: Instant) {
        self.lock().push(message, now);
        self.filled.notify_one();
    }

    async fn pop(&self) -> Vec<u8> {
        loop {
            let filled = self.filled.notified();
            if let Some(message) = self.lock().pop(Instant::now()) {
                return message;
            }
            filled.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, message: Vec<u8>, now: Instant) {
        self.drop_late(now);
        if self.messages.len() == QUEUE_MESSAGES_MAX {
            self.messages.pop_front();
            self.dropped += 1;
        }
        self.messages.push_back((now, message));
    }

    fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.drop_late(now);
        self.messages.pop_front().map(|(_, message)| message)
    }

    fn drop_late(&mut self, now: Instant) {
        let before = self.messages.len();
        let late = |since: Instant| now.saturating_duration_since(since) > QUEUE_TIME_MAX;
        self.messages
            .retain(|(since, message)| !(late(*since) && framing::is_media(message)));
        self.dropped += (before - self.messages.len()) as u64;
    }
}

async fn run(
    server: &TunnelServer,
    addresses: &[SocketAddr],
    roots: &TlsRoots,
    queue: &Queue,
    inbox: &mpsc::Sender<Vec<u8>>,
) -> Result<(), TunnelError> {
    let stream = connect(addresses).await?;
    if !server.tls {
        return carry(stream, queue, inbox).await;
    }
    let name = ServerName::try_from(server.host.clone())
        .map_err(|_invalid| TunnelError::Name(server.host.clone()))?;
    let handshake = TlsConnector::from(Arc::clone(&roots.0)).connect(name, stream);
    let stream = tokio::time::timeout(HANDSHAKE_TIME_MAX, handshake)
        .await
        .map_err(|_elapsed| TunnelError::Late(HANDSHAKE_TIME_MAX))?
        .map_err(TunnelError::Tls)?;
    carry(stream, queue, inbox).await
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, TunnelError> {
    let mut failure = TunnelError::NoAddress;
    for address in addresses {
        match tokio::time::timeout(CONNECT_TIME_MAX, connect_one(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = TunnelError::Connect(error),
            Err(_elapsed) => failure = TunnelError::Late(CONNECT_TIME_MAX),
        }
    }
    Err(failure)
}

async fn connect_one(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_send_buffer_size(KERNEL_BYTES)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Carries messages both ways until one way ends.
async fn carry(
    stream: impl AsyncRead + AsyncWrite,
    queue: &Queue,
    inbox: &mpsc::Sender<Vec<u8>>,
) -> Result<(), TunnelError> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    tokio::select! {
        end = read(&mut reader, inbox) => end,
        end = write(&mut writer, queue) => end,
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), queue: &Queue) -> Result<(), TunnelError> {
    loop {
        let message = queue.pop().await;
        writer
            .write_all(&message)
            .await
            .map_err(TunnelError::Broken)?;
        writer.flush().await.map_err(TunnelError::Broken)?;
    }
}

async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    inbox: &mpsc::Sender<Vec<u8>>,
) -> Result<(), TunnelError> {
    loop {
        let mut start = [0; 4];
        reader
            .read_exact(&mut start)
            .await
            .map_err(TunnelError::Broken)?;
        let (bytes, padded) = framing::lengths(start)?;
        let mut message = vec![0; padded];
        message[..4].copy_from_slice(&start);
        reader
            .read_exact(&mut message[4..])
            .await
            .map_err(TunnelError::Broken)?;
        message.truncate(bytes);
        // Full: the library does not read, and a datagram would be lost in the same way. Closed: the link has ended.
        if let Err(mpsc::error::TrySendError::Closed(_)) = inbox.try_send(message) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: [u8; 4] = [0x40, 0, 0, 0];

    #[test]
    fn late_media_goes_and_requests_stay() {
        let mut waiting = Waiting::default();
        let start = Instant::now();
        let mut request = vec![0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.resize(20, 0);
        waiting.push(MEDIA.to_vec(), start);
        waiting.push(request.clone(), start);
        waiting.push(MEDIA.to_vec(), start + QUEUE_TIME_MAX);
        let later = start + QUEUE_TIME_MAX + Duration::from_millis(1);
        assert_eq!(waiting.pop(later), Some(request));
        assert_eq!(waiting.pop(later), Some(MEDIA.to_vec()));
        assert_eq!((waiting.pop(later), waiting.dropped), (None, 1));
    }

    #[test]
    fn a_full_queue_drops_the_oldest() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        for number in 0..=QUEUE_MESSAGES_MAX {
            waiting.push(vec![0, u8::try_from(number).unwrap()], now);
        }
        assert_eq!((waiting.pop(now), waiting.dropped), (Some(vec![0, 1]), 1));
    }

    #[tokio::test]
    async fn a_server_that_takes_nothing_costs_the_oldest_media() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = TunnelServer {
            host: "localhost".into(),
            tls: false,
        };
        let addresses = std::future::ready(vec![listener.local_addr().unwrap()]);
        let (inbox, _received) = mpsc::channel(8);
        let tunnel = Tunnel::open(
            server,
            addresses,
            TlsRoots::load(&[]).unwrap(),
            inbox,
            |_| {},
        );
        let (_unread, _) = listener.accept().await.unwrap();
        let mut datagram = vec![0x40, 0, 4, 0];
        datagram.resize(1028, 0);
        // Far more than the kernel takes; nothing here may wait or grow.
        for _ in 0..20_000 {
            tunnel.send(&datagram).unwrap();
            tokio::task::yield_now().await;
        }
        assert!(tunnel.dropped() > 0);
        assert!(tunnel.queue.lock().messages.len() <= QUEUE_MESSAGES_MAX);
    }
}
