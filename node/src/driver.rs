//! The driver: one loop that owns the core and everything that it talks to.
//!
//! Each turn takes one input (a client's command, something from the network, an outcome of the store, the
//! deadline), gives it to the core, and carries out every output before the next turn. The loop never waits for
//! the disk, a peer or a client: the store has a thread, the network a task, clients have queues.
//!
//! **Back-pressure.** Only inputs can be refused, never outputs. While more than [`BACKLOG_BYTES_MAX`] wait for the
//! disk, neither commands nor the network are read; the network then stops reading its peers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use alloquy_api::rpc::PeerStatus;
use alloquy_api::snapshot::{ConnectionsSnapshot, Snapshot};
use alloquy_api::voice::IceServer;
use alloquy_core::{Input, Node, Now, Output, Snapshots, StorageError, TaskId};
use alloquy_ids::{MonoMs, UnixMs};
use rand_chacha::ChaCha20Rng;
use tokio::sync::{mpsc, oneshot, watch};

use crate::client::{Clients, Message};
use crate::connections::{Connections, names_differ};
use crate::error::RunError;
use crate::media::{Engine, Seat};
use crate::network::{CoMembers, Network, Request};
use crate::node::Facts;
use crate::store::Store;

/// Messages of all clients on their way to the driver.
pub(crate) const MESSAGES_MAX: usize = 1024;
/// Bytes that may wait for the disk before inputs are no longer read: two commits.
const BACKLOG_BYTES_MAX: usize = 2 * crate::store::BATCH_BYTES_MAX;
/// A turn that takes longer is told: faces wait for it.
const SLOW_TURN: Duration = Duration::from_millis(100);
/// How long the last writes may take at the end.
const STORE_LIMIT: Duration = Duration::from_secs(5);

/// The two clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Now {
        Now {
            mono: MonoMs(millis(self.start.elapsed())),
            wall: wall(),
        }
    }

    pub(crate) fn instant(self, at: MonoMs) -> tokio::time::Instant {
        (self.start + Duration::from_millis(at.0)).into()
    }
}

/// The wall clock; a clock before 1970 is 1970.
pub(crate) fn wall() -> UnixMs {
    UnixMs(millis(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The loop.
pub(crate) struct Driver {
    pub(crate) node: Node<ChaCha20Rng>,
    pub(crate) store: Store,
    pub(crate) network: Network,
    pub(crate) messages: mpsc::Receiver<Message>,
    pub(crate) clients: Clients,
    pub(crate) snapshot: watch::Sender<Arc<Snapshots>>,
    pub(crate) connections: Connections,
    /// Connected peers that are co-members, as the network was told.
    pub(crate) co_members: CoMembers,
    /// When connections are looked at again though nothing happened.
    pub(crate) connections_due: Option<tokio::time::Instant>,
    /// The core's part of the last snapshots.
    pub(crate) core_snapshots: Arc<Snapshots>,
    /// Engines that faces attach.
    pub(crate) engines: mpsc::Receiver<Engine>,
    pub(crate) media: Seat,
    /// Servers of ICE that the person named, and those of relays.
    pub(crate) ice: watch::Receiver<Vec<IceServer>>,
    pub(crate) clock: Clock,
    pub(crate) facts: Arc<Facts>,
    /// The last task of the store, until it has ended.
    pub(crate) last_task: Option<TaskId>,
}

impl Driver {
    /// Serves until told to stop.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Result<(), RunError> {
        let _closing = ClosesClients(self.clients.clone());
        let mut network_state = self.network.state();
        // Before any command: a link that is made at once, as that of a home node, must say where the node is.
        let listen = self.facts.network().listen;
        self.turn(Input::ListenAddresses(listen)).await;
        self.ice.mark_changed();
        self.look_at_connections();
        let result = loop {
            let may_take = self.store.waiting_bytes() < BACKLOG_BYTES_MAX;
            let deadline = self.node.poll_timeout().map(|at| self.clock.instant(at));
            tokio::select! {
                outcomes = self.store.finished() => {
                    for (task, outcome) in outcomes {
                        self.facts.note_storage(&outcome);
                        self.stored(task, outcome).await;
                    }
                }
                Some(message) = self.messages.recv(), if may_take => self.message(message).await,
                client = self.clients.gone() => self.turn(Input::ClientGone(client)).await,
                input = self.network.input(), if may_take => match input {
                    Some(input) => self.turn(input).await,
                    None => break Err(RunError::Internal("the network's task has ended".to_owned())),
                },
                Some(engine) = self.engines.recv() => {
                    self.media.attach(engine);
                    self.turn(Input::MediaEngine(true)).await;
                }
                report = self.media.report(), if may_take => match report {
                    Some(report) => self.turn(Input::Media(report)).await,
                    None => self.turn(Input::MediaEngine(false)).await,
                },
                Ok(()) = self.ice.changed() => {
                    let servers = self.ice.borrow_and_update().clone();
                    self.turn(Input::IceServers(servers)).await;
                }
                () = sleep_until(deadline) => self.turn(Input::Timeout).await,
                Ok(()) = network_state.changed() => {
                    self.look_at_connections();
                    self.tell_co_members().await;
                }
                () = sleep_until(self.connections_due) => self.look_at_connections(),
                _ = &mut stop => break Ok(()),
            }
        };
        if let Err(error) = &result {
            self.clients.fail(error);
        }
        self.end().await;
        result
    }

    async fn stored(&mut self, task: TaskId, outcome: Result<(), StorageError>) {
        self.last_task = self.last_task.filter(|last| *last != task);
        // It stands before what this outcome brings.
        self.clients.stored(task);
        self.turn(Input::Storage(task, outcome)).await;
    }

    async fn message(&mut self, message: Message) {
        match message {
            Message::Command(origin, command) => {
                self.turn(Input::Command(origin, command)).await;
                // It went before its last command was taken.
                if !self.clients.knows(origin.client) {
                    self.turn(Input::ClientGone(origin.client)).await;
                }
            }
            Message::Status(answer) => {
                let mut report = self.facts.report(&self.snapshot.borrow().common);
                for peer in &mut report.peers {
                    self.name(peer);
                }
                if answer.send(report).is_err() {
                    tracing::debug!("who asked for the status has gone");
                }
            }
        }
    }

    /// Says who is behind a peer's key, if it is a co-member.
    fn name(&self, peer: &mut PeerStatus) {
        if let Some((account, name)) = self.node.account_of_peer(peer.peer) {
            peer.account = Some(account);
            peer.name = Some(name);
        }
    }

    async fn turn(&mut self, input: Input) {
        let began = Instant::now();
        let kind = kind_of(&input);
        self.node.handle(self.clock.now(), input);
        // Shown before events tell of it: who is told can look at once.
        let snapshots = self.node.snapshots();
        if !Arc::ptr_eq(&self.core_snapshots, &snapshots) {
            let before = std::mem::replace(&mut self.core_snapshots, snapshots);
            if names_differ(&before.common, &self.core_snapshots.common) {
                self.update_connections();
                self.tell_co_members().await;
            }
            let ask = self.core_snapshots.common.asks_router;
            if before.common.asks_router != ask {
                self.network.carry_out(Request::AskRouter(ask)).await;
            }
            self.publish(&before);
        }
        self.drain().await;
        let took = began.elapsed();
        if took > SLOW_TURN {
            tracing::warn!(kind, ?took, "a turn was slow");
        }
    }

    fn look_at_connections(&mut self) {
        let before = self.connections.shown();
        self.update_connections();
        if !Arc::ptr_eq(&before, &self.connections.shown()) {
            self.publish(&self.core_snapshots);
        }
    }

    /// Tells the network which connected peers are co-members, and of which communities: for those it relays.
    async fn tell_co_members(&mut self) {
        let state = self.facts.network();
        let peers = state.peers.into_keys();
        let members: CoMembers = peers
            .map(|peer| (peer, self.node.communities_of_peer(peer)))
            .filter(|(_, communities)| !communities.is_empty())
            .collect();
        if members != self.co_members {
            self.co_members.clone_from(&members);
            self.network.carry_out(Request::CoMembers(members)).await;
        }
    }

    fn update_connections(&mut self) {
        let state = self.facts.network();
        let node = &self.node;
        self.connections_due = self.connections.update(
            &state,
            |key| node.account_of_peer(key),
            wall(),
            tokio::time::Instant::now(),
        );
    }

    /// Shows clients what the core does, which did `before`, with the connections as the shell knows them.
    fn publish(&self, before: &Snapshots) {
        let shown = with_connections(
            &self.snapshot.borrow(),
            before,
            &self.core_snapshots,
            &self.connections.shown(),
        );
        self.snapshot.send_replace(Arc::new(shown));
    }

    /// Carries out every output.
    async fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match Request::try_from(output) {
                Ok(request) => self.network.carry_out(request).await,
                Err(Output::Event(client, event)) => {
                    self.clients.tell(client, &event, self.last_task)
                }
                Err(Output::Store(task, writes)) => {
                    self.last_task = Some(task);
                    self.store.submit(task, writes);
                }
                Err(Output::Media(task)) => self.media.give(task),
                Err(_) => tracing::error!("an output has no carrier"),
            }
        }
    }

    /// Says goodbye, makes everything durable, closes.
    async fn end(mut self) {
        self.turn(Input::Shutdown).await;
        let durable = async {
            while !self.store.is_idle() {
                for (task, outcome) in self.store.finished().await {
                    self.stored(task, outcome).await;
                }
            }
        };
        if tokio::time::timeout(STORE_LIMIT, durable).await.is_err() {
            tracing::warn!("the last writes took too long");
        }
        let Self { network, store, .. } = self;
        network.shutdown().await;
        store.close().await;
    }
}

/// What each client is shown: what the core says, with connections. A client to whom nothing is another way keeps
/// what it has.
pub(crate) fn with_connections(
    shown: &Snapshots,
    core_before: &Snapshots,
    core: &Snapshots,
    connections: &Arc<ConnectionsSnapshot>,
) -> Snapshots {
    let last = shown.own.values().map(|own| own.version).max();
    let version = last.unwrap_or(0).max(shown.common.version) + 1;
    let same_way = Arc::ptr_eq(&shown.common.connections, connections);
    let completed = |shown: Option<&Arc<Snapshot>>,
                     before: Option<&Arc<Snapshot>>,
                     now: &Arc<Snapshot>| match (shown, before) {
        (Some(shown), Some(before)) if same_way && Arc::ptr_eq(before, now) => Arc::clone(shown),
        _ => Arc::new(Snapshot {
            version,
            connections: Arc::clone(connections),
            ..Snapshot::clone(now)
        }),
    };
    let own = core.own.iter().map(|(client, now)| {
        let (shown, before) = (shown.own.get(client), core_before.own.get(client));
        (*client, completed(shown, before, now))
    });
    Snapshots {
        own: own.collect(),
        common: completed(Some(&shown.common), Some(&core_before.common), &core.common),
    }
}

/// Tells clients that the node has ended, however it ended.
struct ClosesClients(Clients);

impl Drop for ClosesClients {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&"a fault of the program; the log says more");
        }
        self.0.close();
    }
}

/// Waits for a deadline; for ever without one.
pub(crate) async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn kind_of(input: &Input) -> &'static str {
    match input {
        Input::Command(..) => "command",
        Input::PeerUp(_) => "peer up",
        Input::PeerDown(_) => "peer down",
        Input::Frame(..) => "frame",
        Input::Gossip(..) => "gossip",
        Input::PeerNear(..) => "peer near",
        Input::PeerAddresses(..) => "peer addresses",
        Input::ListenAddresses(_) => "listen addresses",
        Input::Storage(..) => "storage",
        Input::Media(_) => "media",
        Input::MediaEngine(_) => "media engine",
        Input::IceServers(_) => "ice servers",
        Input::Timeout => "timeout",
        Input::ClientGone(_) => "client gone",
        Input::Shutdown => "shutdown",
    }
}
