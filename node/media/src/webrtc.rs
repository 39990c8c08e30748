//! [`MediaTransport`] over WebRTC: ICE (RFC 8445), DTLS-SRTP (RFC 5764) and RTP (RFC 3550), one connection a link.
//!
//! All of it runs on one thread of its own, `media-io`, with its own reactor, so that neither the node's network nor
//! the audio clock waits for it. [`WebRtc`] hands tasks and packets over by bounded queues and never waits; events go
//! to the engine's queue ([`TransportEvent`]): packets are counted and dropped when it is full, states and signals
//! are kept ([`limits`]).
//!
//! Invariants: a description is checked before the library sees it (one fingerprint, bounded sizes); a link carries
//! sound only with the device whose certificate that fingerprint names; every connection is closed, never dropped,
//! so that relays are given back at once.
//!
//! Deliberately absent: signalling (the core's, signed by devices), the choice of servers, jitter buffer and codecs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use alloquy_api::voice::{IceServer, MediaLink, MediaSignal};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

mod connection;
mod limits;
mod link;
mod outgoing;
mod resolve;
mod sdp;
mod servers;
mod sink;
mod sockets;
mod tap;

pub use sink::Drops;
pub use sockets::LocalAddresses;

use self::connection::Parts;
use self::limits::{CLOSE_WAIT, LINK_TASKS_MAX, LINKS_MAX, PACKETS_WAITING_MAX, TASKS_MAX};
use self::link::LinkTask;
use self::outgoing::{NotSent, Outgoing};
use self::resolve::Resolver;
use self::servers::Servers;
use self::sink::Sink;
use self::tap::Formats;
use crate::priority;
use crate::tls::TlsRoots;
use crate::transport::{MediaTransport, TransportEvent, VoicePacket};

/// Events that had no room are tried again after this time: two ticks of the engine's clock.
const FLUSH_EVERY: Duration = Duration::from_millis(20);

/// How connections are made.
#[derive(Clone, Debug, Default)]
pub struct WebRtcConfig {
    /// Which local addresses become candidates.
    pub addresses: LocalAddresses,
    /// Only relays are used: hides the own addresses from the others of a call.
    pub relay_only: bool,
    /// Roots that TURN over TLS trusts besides those of the machine.
    pub roots: Vec<CertificateDer<'static>>,
}

/// Why a transport cannot start.
#[derive(Debug, Error)]
pub enum WebRtcError {
    /// A root certificate that is none.
    #[error("a root certificate cannot be used: {0}")]
    Roots(#[from] rustls::Error),
    /// No thread, or no reactor for it.
    #[error("the thread for media cannot start: {0}")]
    Thread(#[from] std::io::Error),
}

/// Connections by WebRTC. Dropping it closes them all and ends its thread.
#[derive(Debug)]
pub struct WebRtc {
    tasks: Option<mpsc::Sender<Task>>,
    packets: mpsc::Sender<VoicePacket>,
    sink: Arc<Sink>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Task {
    Ice(Vec<IceServer>),
    Connect(MediaLink, bool),
    Signal(MediaLink, MediaSignal),
    Close(MediaLink),
    CloseAll,
}

impl WebRtc {
    /// Starts the thread. Events go to `events`; its capacity should hold a few ticks of the engine's clock, a packet
    /// of each link in each.
    pub fn start(
        config: WebRtcConfig,
        events: SyncSender<TransportEvent>,
    ) -> Result<Self, WebRtcError> {
        let roots = TlsRoots::load(&config.roots)?;
        let sink = Arc::new(Sink::new(events));
        let (tasks, task_queue) = mpsc::channel(TASKS_MAX);
        let (packets, packet_queue) = mpsc::channel(PACKETS_WAITING_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let transport = Transport::new(config, roots, Arc::clone(&sink));
        let thread = std::thread::Builder::new()
            .name("media-io".into())
            .spawn(move || {
                priority::raise();
                runtime.block_on(transport.run(task_queue, packet_queue));
                // A look-up of a name can hang for many seconds; nobody waits for it any more.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            tasks: Some(tasks),
            packets,
            sink,
            thread: Some(thread),
        })
    }

    /// What has been dropped so far.
    pub fn drops(&self) -> Drops {
        self.sink.drops()
    }

    fn task(&self, task: Task) {
        let Some(Err(error)) = self.tasks.as_ref().map(|tasks| tasks.try_send(task)) else {
            return;
        };
        tracing::error!(%error, "the media thread takes no tasks; one is lost");
        self.sink.dropped_task();
    }
}

impl Drop for WebRtc {
    fn drop(&mut self) {
        drop(self.tasks.take());
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the media thread has panicked");
        }
    }
}

impl MediaTransport for WebRtc {
    fn ice(&mut self, servers: Vec<IceServer>) {
        self.task(Task::Ice(servers));
    }

    fn connect(&mut self, link: MediaLink, offers: bool) {
        self.task(Task::Connect(link, offers));
    }

    fn signal(&mut self, link: MediaLink, signal: MediaSignal) {
        self.task(Task::Signal(link, signal));
    }

    fn close(&mut self, link: MediaLink) {
        self.task(Task::Close(link));
    }

    fn send(&mut self, packet: &VoicePacket) {
        if self.packets.try_send(packet.clone()).is_err() {
            self.sink.dropped_outgoing();
        }
    }

    fn close_all(&mut self) {
        self.task(Task::CloseAll);
    }
}

/// What lives on the thread.
struct Transport {
    config: WebRtcConfig,
    roots: TlsRoots,
    sink: Arc<Sink>,
    resolver: Arc<Resolver>,
    ice: Vec<IceServer>,
    links: BTreeMap<MediaLink, OpenLink>,
    running: JoinSet<()>,
}

struct OpenLink {
    tasks: mpsc::Sender<LinkTask>,
    outgoing: Arc<Outgoing>,
}

impl Transport {
    fn new(config: WebRtcConfig, roots: TlsRoots, sink: Arc<Sink>) -> Self {
        let (resolver, ice) = (Arc::default(), Vec::new());
        Self {
            config,
            roots,
            sink,
            resolver,
            ice,
            links: BTreeMap::new(),
            running: JoinSet::new(),
        }
    }

    async fn run(
        mut self,
        mut tasks: mpsc::Receiver<Task>,
        mut packets: mpsc::Receiver<VoicePacket>,
    ) {
        let mut flush = tokio::time::interval(FLUSH_EVERY);
        loop {
            tokio::select! {
                task = tasks.recv() => match task {
                    Some(task) => self.task(task),
                    None => break,
                },
                Some(packet) = packets.recv() => self.send(&packet),
                Some(ended) = self.running.join_next() => ended_well(ended),
                _ = flush.tick(), if self.sink.is_behind() => self.sink.flush(),
            }
        }
        self.close().await;
    }

    fn task(&mut self, task: Task) {
        match task {
            Task::Ice(servers) => self.ice(servers),
            Task::Connect(link, offers) => self.connect(link, offers),
            Task::Signal(link, signal) => self.signal(link, LinkTask::Signal(signal)),
            Task::Close(link) => drop(self.links.remove(&link)),
            Task::CloseAll => self.links.clear(),
        }
    }

    fn ice(&mut self, servers: Vec<IceServer>) {
        self.ice.clone_from(&servers);
        let links: Vec<MediaLink> = self.links.keys().copied().collect();
        for link in links {
            self.signal(link, LinkTask::Ice(servers.clone()));
        }
    }

    fn connect(&mut self, link: MediaLink, offers: bool) {
        // A device has one link; another attempt takes the place of the one before.
        self.links.retain(|other, _| other.device != link.device);
        if self.links.len() == LINKS_MAX {
            return tracing::error!(LINKS_MAX, "a link is refused, there are too many");
        }
        let ssrc = random_ssrc();
        let outgoing = Arc::new(Outgoing::new(ssrc));
        let (tasks, task_queue) = mpsc::channel(LINK_TASKS_MAX);
        let parts = Parts {
            link,
            addresses: self.config.addresses.clone(),
            relay_only: self.config.relay_only,
            servers: Arc::new(Servers::new(Arc::clone(&self.resolver), self.roots.clone())),
            formats: Arc::new(Formats::default()),
            sink: Arc::clone(&self.sink),
        };
        let voice = (ssrc, Arc::clone(&outgoing));
        self.running.spawn(link::run(
            parts,
            offers,
            self.ice.clone(),
            voice,
            task_queue,
        ));
        self.links.insert(link, OpenLink { tasks, outgoing });
    }

    fn signal(&self, link: MediaLink, task: LinkTask) {
        let Some(open) = self.links.get(&link) else {
            return tracing::debug!(
                attempt = link.attempt,
                "a step for a link that is not there"
            );
        };
        if let Err(error) = open.tasks.try_send(task) {
            tracing::warn!(%error, "a link takes no steps; one is lost");
            self.sink.dropped_task();
        }
    }

    fn send(&self, packet: &VoicePacket) {
        for link in self.links.values() {
            if link.outgoing.send(packet) == Err(NotSent::Dropped) {
                self.sink.dropped_outgoing();
            }
        }
    }

    /// Closes all links and waits until they have given their relays back.
    async fn close(mut self) {
        self.links.clear();
        let closing = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSE_WAIT, closing).await.is_err() {
            tracing::warn!("connections did not close in time");
        }
    }
}

fn ended_well(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a link has panicked");
    }
}

/// RFC 3550, 8: random, and not 0, which some take for "none".
fn random_ssrc() -> u32 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u32::from_be_bytes(bytes).max(1),
        Err(error) => {
            tracing::error!(%error, "no randomness for an SSRC");
            1
        }
    }
}
