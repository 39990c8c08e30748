//! Starting, serving and ending a node.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use alloquy_api::Snapshot;
use alloquy_api::rpc::{PeerStatus, StatusReport};
use alloquy_core::{Node, RestoreError, StorageError};
use alloquy_ids::{AccountId, DeviceId, UnixMs};
use alloquy_relay::turn::server::TurnServer;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::client::{Clients, Door, NodeHandle};
use crate::config::NodeConfig;
use crate::connections::Connections;
use crate::data_dir::{DataDir, read_if_there, write_private};
use crate::driver::{Clock, Driver, MESSAGES_MAX, wall};
use crate::error::RunError;
use crate::home::HomeTasks;
use crate::media::{Engine, MediaPort, Seat};
use crate::network::{AskRouter, CoMembers, Network, NetworkConfig, NetworkState, StartError};
use crate::rpc::RpcServer;
use crate::store::{DirLock, Store};
use crate::vault::{self, KeyOrigin};

/// A node that serves in this process. Dropping it ends the node without waiting for the last writes.
#[derive(Debug)]
pub struct Running {
    door: Door,
    facts: Arc<Facts>,
    rpc: RpcServer,
    stop: Option<oneshot::Sender<()>>,
    home: Option<HomeTasks>,
    _turn: Option<TurnServer>,
    engines: Mutex<Option<mpsc::Sender<Engine>>>,
    driver: JoinHandle<Result<(), RunError>>,
}

impl Running {
    /// A new client of the node.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.door.handle()
    }

    /// The node's state now; peers without the names behind them, which a client is told.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        self.facts.report(&self.door.snapshot.borrow().common)
    }

    /// Attaches an audio engine to the node; `None` when one was attached before, or the node has ended.
    #[must_use]
    pub fn media(&self) -> Option<MediaPort> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let (engine, port) = crate::media::port();
        engines.take()?.try_send(engine).ok().map(|()| port)
    }

    /// Where the page of a home node is shown.
    #[must_use]
    pub fn home_page(&self) -> Option<SocketAddr> {
        self.home.as_ref().and_then(HomeTasks::page)
    }

    /// Clients that are shown something of their own: they watch windows, or did.
    #[cfg(test)]
    pub(crate) fn watching(&self) -> usize {
        self.door.snapshot.borrow().own.len()
    }

    /// Takes no more commands, says goodbye to peers, commits what is under way, closes the store.
    ///
    /// # Errors
    /// The node had ended by a fault before.
    pub async fn shutdown(mut self) -> Result<(), RunError> {
        self.home = None;
        self.rpc.close();
        if self.stop.take().is_some_and(|stop| stop.send(()).is_err()) {
            tracing::debug!("the driver had ended before");
        }
        joined((&mut self.driver).await)
    }

    /// Waits until the node ends by itself: only by a fault.
    pub async fn ended(&mut self) -> RunError {
        match joined((&mut self.driver).await) {
            Ok(()) => RunError::Internal("the driver ended without being told to".to_owned()),
            Err(error) => error,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn joined(result: Result<Result<(), RunError>, tokio::task::JoinError>) -> Result<(), RunError> {
    result.unwrap_or_else(|error| Err(RunError::Internal(error.to_string())))
}

/// Opens the store, restores the core, listens, and serves from then on. Needs a multi-thread runtime.
///
/// # Errors
/// See [`RunError`].
pub async fn start(config: NodeConfig) -> Result<Running, RunError> {
    let listen = parse_addresses(&config.listen)?;
    let peers = parse_addresses(&config.peers)?;
    let relays = parse_relays(&config.relays)?;
    let announce = parse_addresses(&config.announce)?;
    let dir = DataDir::new(config.data_dir.clone());
    let clock = Clock::start();
    let restored = {
        let (dir, config) = (dir.clone(), config.clone());
        tokio::task::spawn_blocking(move || restore(&dir, &config, clock))
            .await
            .map_err(|error| RunError::Internal(error.to_string()))??
    };
    let Restored {
        store,
        mut node,
        at_rest,
        port,
    } = restored;
    let turn = config.home.as_ref().and_then(|home| home.turn.clone());
    let (turn, desk) = crate::home::turn::start(turn).await?.unzip();
    node.set_turn_desk(desk);
    let seed = Zeroizing::new(node.network_seed());
    let own_network = config.dialer.is_none();
    let network = Network::start(NetworkConfig {
        router: ask_router(&config, &listen, &node),
        listen,
        port,
        peers,
        mdns: config.mdns && own_network,
        relays,
        pass: config.relay_pass.map(|pass| *pass),
        announce,
        dialer: config.dialer.clone(),
        ..NetworkConfig::new(seed)
    })
    .await?;

    let core_snapshots = node.snapshots();
    let (snapshot_tx, snapshot) = watch::channel(Arc::clone(&core_snapshots));
    let (messages_tx, messages) = mpsc::channel(MESSAGES_MAX);
    let clients = Clients::default();
    let door = Door {
        messages: messages_tx,
        snapshot,
        clients: clients.clone(),
    };
    let facts = Arc::new(Facts {
        account: node.account(),
        device: node.device(),
        data: config.data_dir.display().to_string(),
        store: dir.store(),
        since: wall(),
        at_rest,
        network: network.state(),
        storage_error: Mutex::new(None),
    });
    // The store is open, so the directory is ours and so is a socket that is left in it.
    let rpc = RpcServer::open(&dir, door.clone(), Arc::clone(&facts))?;
    let (stop, stopped) = oneshot::channel();
    let (engines, attached) = mpsc::channel(1);
    let (servers, ice) = watch::channel(config.ice.clone());
    tokio::spawn(crate::turn::renew(
        network.control(),
        network.state(),
        servers,
    ));
    let driver = Driver {
        node,
        store,
        network,
        messages,
        clients,
        snapshot: snapshot_tx,
        connections: Connections::default(),
        co_members: CoMembers::new(),
        connections_due: None,
        core_snapshots,
        engines: attached,
        media: Seat::default(),
        ice,
        clock,
        facts: Arc::clone(&facts),
        last_task: None,
    };
    let driver = tokio::spawn(driver.run(stopped));
    let mut running = Running {
        door,
        facts,
        rpc,
        stop: Some(stop),
        home: None,
        _turn: turn,
        engines: Mutex::new(Some(engines)),
        driver,
    };
    if let Some(home) = &config.home {
        let facts = Arc::clone(&running.facts);
        running.home = Some(HomeTasks::start(home, &running.door, facts).await?);
    }
    Ok(running)
}

/// [`start`], then `ready` once, then serves until `shutdown` resolves or the node fails.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    config: NodeConfig,
    ready: impl FnOnce(&Running),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut running = tokio::select! {
        running = start(config) => running?,
        () = &mut shutdown => return Ok(()),
    };
    ready(&running);
    tokio::select! {
        () = shutdown => running.shutdown().await,
        error = running.ended() => Err(error),
    }
}

/// Ports to choose from: outside of what systems deal out to outgoing connections (Linux: from 32768 on).
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The port that this node listens on at every start unless told otherwise: an invite names it, and is to be
/// good after a restart. One that is taken is passed over for that time only.
fn own_port(dir: &DataDir, rng: &mut impl Rng) -> std::io::Result<u16> {
    let known = read_if_there(&dir.port())?.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(port) = known.and_then(|text| text.trim().parse().ok()) {
        return Ok(port);
    }
    let offset = rng.next_u64() % u64::from(PORTS.end - PORTS.start);
    let port = PORTS.start + u16::try_from(offset).expect("the range is of u16");
    write_private(&dir.port(), format!("{port}\n").as_bytes())?;
    Ok(port)
}

struct Restored {
    store: Store,
    node: Node<ChaCha20Rng>,
    at_rest: KeyOrigin,
    port: u16,
}

/// Everything of the start that blocks.
fn restore(dir: &DataDir, config: &NodeConfig, clock: Clock) -> Result<Restored, RunError> {
    let failed = |error| RunError::Directory {
        path: dir.path().to_owned(),
        error,
    };
    if !dir.store().exists() {
        if config.home.is_none() {
            return Err(RunError::NoAccount(dir.path().to_owned()));
        }
        crate::init::init_home(config).map_err(|error| RunError::Internal(error.to_string()))?;
    }
    // Narrows the permissions of a directory that was unpacked too wide.
    DataDir::create(dir.path()).map_err(failed)?;
    let lock = DirLock::acquire(dir)?;
    let unlocked = vault::unlock(dir, &config.key)?;
    let opened = Store::open(dir, lock, &unlocked.key)?;
    let mut rng = crate::entropy::seeded().map_err(failed)?;
    let port = own_port(dir, &mut rng).map_err(failed)?;
    let node = Node::restore(opened.records.into_iter(), opened.nonce, clock.now(), rng);
    let mut node = node.map_err(|error: RestoreError| RunError::Restore {
        path: dir.store(),
        error,
    })?;
    if let Some(home) = &config.home {
        node.become_home(home.quota);
    }
    if config.bridged {
        node.mark_as_bridged();
    }
    Ok(Restored {
        store: opened.store,
        node,
        at_rest: unlocked.origin,
        port,
    })
}

pub(crate) fn parse_addresses(texts: &[String]) -> Result<Vec<Multiaddr>, RunError> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|error: libp2p::multiaddr::Error| RunError::Address {
                text: text.clone(),
                reason: error.to_string(),
            })
    };
    texts.iter().map(parse).collect()
}

fn ask_router(config: &NodeConfig, listen: &[Multiaddr], node: &Node<ChaCha20Rng>) -> AskRouter {
    match config.upnp && config.dialer.is_none() && !only_here(listen) {
        true => AskRouter::Asked(node.asks_router()),
        false => AskRouter::Never,
    }
}

/// Whether a node listens to this machine alone: then no router has anything to do with it.
fn only_here(listen: &[Multiaddr]) -> bool {
    let here = |address: &Multiaddr| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    };
    !listen.is_empty() && listen.iter().all(here)
}

fn parse_relays(texts: &[String]) -> Result<Vec<Multiaddr>, RunError> {
    let relays = parse_addresses(texts)?;
    for (relay, text) in relays.iter().zip(texts) {
        let named = matches!(relay.iter().last(), Some(Protocol::P2p(_)));
        let through = relay.iter().any(|part| part == Protocol::P2pCircuit);
        if !named || through {
            return Err(RunError::Address {
                text: text.clone(),
                reason: "a relay's address ends in /p2p/ and its name".to_owned(),
            });
        }
    }
    Ok(relays)
}

impl From<StartError> for RunError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Listen { address, reason } => Self::Listen { address, reason },
            StartError::Swarm(reason) => Self::Internal(reason),
        }
    }
}

/// What is known of a node outside of its core.
#[derive(Debug)]
pub(crate) struct Facts {
    account: AccountId,
    device: DeviceId,
    data: String,
    store: PathBuf,
    since: UnixMs,
    at_rest: KeyOrigin,
    network: watch::Receiver<NetworkState>,
    storage_error: Mutex<Option<StorageError>>,
}

impl Facts {
    /// The account.
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    /// Where the key came from.
    pub(crate) fn at_rest(&self) -> KeyOrigin {
        self.at_rest
    }

    /// The network's state now.
    pub(crate) fn network(&self) -> NetworkState {
        self.network.borrow().clone()
    }

    /// Bytes of the store's file.
    pub(crate) fn store_bytes(&self) -> u64 {
        std::fs::metadata(&self.store).map_or(0, |metadata| metadata.len())
    }

    /// Remembers how the last commit went.
    pub(crate) fn note_storage(&self, outcome: &Result<(), StorageError>) {
        let error = outcome.as_ref().err().cloned();
        *self
            .storage_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Why the last commit failed, if it did.
    pub(crate) fn storage_error(&self) -> Option<StorageError> {
        self.storage_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The report, without the names of peers.
    pub(crate) fn report(&self, snapshot: &Snapshot) -> StatusReport {
        let network = self.network();
        let peer = |(key, paths): (&_, &Vec<String>)| PeerStatus {
            peer: *key,
            account: None,
            name: None,
            address: paths.first().cloned().unwrap_or_default(),
        };
        let all = snapshot.communities.values();
        let joined = all.filter(|view| view.direct.is_none()).count();
        StatusReport {
            ready: true,
            account: self.account,
            device: self.device,
            name: snapshot.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            data: self.data.clone(),
            since: self.since,
            peers: network.peers.iter().map(peer).collect(),
            bytes_in: network.counters.bytes_in,
            bytes_out: network.counters.bytes_out,
            listen: network.listen,
            communities: u32::try_from(joined).unwrap_or(u32::MAX),
            store_bytes: self.store_bytes(),
            at_rest: self.at_rest,
        }
    }
}
