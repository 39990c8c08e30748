//! Real nodes without disk and sockets: cores in one process, linked in memory, driven by one task.
//!
//! What a face is given is the same [`NodeHandle`] as from a node with a store and a network, with the same
//! promises. It is for showing a filled world to somebody who has no friends here yet, and for tests of faces.
//! Nothing is kept: a write is answered as done, and all of it is gone with the process.
//!
//! The clock may be set back ([`World::set_lag`]), so that what is said while a world is filled lies in its past.

mod links;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use alloquy_api::reach::Way;
use alloquy_api::snapshot::{ConnectionView, ConnectionsSnapshot, PathKind};
use alloquy_api::{CommandError, ErrorCode};
use alloquy_core::{Input, Node, Now, Output, Snapshots, Write};
use alloquy_ids::{MonoMs, NetworkKey, UnixMs};
use alloquy_schema::keys::DeviceKey;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::{Clients, Door, Message, NodeHandle};
use crate::driver::{Clock, MESSAGES_MAX, sleep_until, with_connections};
use links::Links;

/// Nodes of one world: each has a core of its own, and one task turns them all.
pub const NODES_MAX: usize = 64;

/// Some nodes in this process. Dropping it ends them.
#[derive(Debug)]
pub struct World {
    doors: Vec<Door>,
    lag_ms: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    /// Who wants to know when nothing is on its way.
    waiting: mpsc::Sender<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl World {
    /// Makes an account and a node for each name and drives them from now on. Needs a runtime.
    ///
    /// # Errors
    /// `limit` for more than [`NODES_MAX`] names and for a name that is too long; `internal` when the machine
    /// has no entropy.
    pub fn start(names: &[&str]) -> Result<Self, CommandError> {
        if names.len() > NODES_MAX {
            return Err(CommandError::new(
                ErrorCode::Limit,
                format!("{} nodes; {NODES_MAX} are the most", names.len()),
            ));
        }
        let lag_ms = Arc::new(AtomicU64::new(0));
        let time = Time {
            clock: Clock::start(),
            lag_ms: Arc::clone(&lag_ms),
        };
        let mut doors = Vec::new();
        let mut seats = Vec::new();
        for name in names {
            let (seat, door) = Seat::found(name, time.now())?;
            seats.push(seat);
            doors.push(door);
        }
        let keys = seats.iter().map(|seat| seat.key).collect();
        let mut links = Links::new(keys);
        for seat in 0..seats.len() {
            let listen = vec![links::address(seat)];
            links.arrive(seat, Input::ListenAddresses(listen));
        }
        let (stop, stopped) = oneshot::channel();
        let (waiting, asked) = mpsc::channel(1);
        let turning = Turning {
            clients: seats.iter().map(|seat| seat.clients.clone()).collect(),
            seats,
            links,
            time,
            asked,
        };
        Ok(Self {
            doors,
            lag_ms,
            stop: Some(stop),
            waiting,
            task: tokio::spawn(turning.run(stopped)),
        })
    }

    /// A new client of a node, in the order of the names; `None` where there is none.
    #[must_use]
    pub fn handle(&self, seat: usize) -> Option<NodeHandle> {
        self.doors.get(seat).map(Door::handle)
    }

    /// Sets the wall clock of all nodes back by this much from now on.
    pub fn set_lag(&self, lag: Duration) {
        let ms = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        self.lag_ms.store(ms, Ordering::Relaxed);
    }

    /// Waits until everything that was sent has arrived. What a timer sets off later is not waited for.
    pub async fn delivered(&self) {
        let (told, hears) = oneshot::channel();
        // Either fails when the world has ended: then nothing is on its way.
        if self.waiting.send(told).await.is_ok() && hears.await.is_err() {
            tracing::debug!("the world ended while it was waited for");
        }
    }

    /// Ends all nodes; their clients are told.
    pub async fn shutdown(mut self) {
        if self.stop.take().is_some_and(|stop| stop.send(()).is_err()) {
            tracing::debug!("the world had ended before");
        }
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "the world ended by a fault");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The clocks of a world.
#[derive(Debug)]
struct Time {
    clock: Clock,
    lag_ms: Arc<AtomicU64>,
}

impl Time {
    fn now(&self) -> Now {
        let now = self.clock.now();
        let lag = self.lag_ms.load(Ordering::Relaxed);
        Now {
            wall: UnixMs(now.wall.0.saturating_sub(lag)),
            ..now
        }
    }
}

/// One node and what belongs to it.
struct Seat {
    node: Node<ChaCha20Rng>,
    key: NetworkKey,
    messages: mpsc::Receiver<Message>,
    clients: Clients,
    snapshot: watch::Sender<Arc<Snapshots>>,
    /// The core's part of the last snapshots.
    core_snapshots: Arc<Snapshots>,
}

impl Seat {
    fn found(name: &str, now: Now) -> Result<(Self, Door), CommandError> {
        let internal = |error: String| CommandError::new(ErrorCode::Internal, error);
        let mut rng = crate::entropy::seeded().map_err(|error| internal(error.to_string()))?;
        let founded = alloquy_core::found(name, now, &mut rng)?;
        let records = founded.writes.into_iter().filter_map(|write| match write {
            Write::Put(key, value) => Some((key, value)),
            Write::Delete(_) => None,
        });
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let key = NetworkKey(DeviceKey::from_seed(&founded.network_seed).public());
        let mut node =
            Node::restore(records, nonce, now, rng).map_err(|error| internal(error.to_string()))?;
        let core_snapshots = node.snapshots();
        let (snapshot, shown) = watch::channel(Arc::clone(&core_snapshots));
        let (messages_tx, messages) = mpsc::channel(MESSAGES_MAX);
        let clients = Clients::default();
        let door = Door {
            messages: messages_tx,
            snapshot: shown,
            clients: clients.clone(),
        };
        let seat = Self {
            node,
            key,
            messages,
            clients,
            snapshot,
            core_snapshots,
        };
        Ok((seat, door))
    }

    /// Shows faces how things stand, if that is another way than before.
    fn publish(&mut self, number: usize, links: &Links, wall: UnixMs) {
        let core = self.node.snapshots();
        let shown = Arc::clone(&self.snapshot.borrow());
        let before = &shown.common.connections;
        let now = self.connections(number, links, before, wall);
        let connections = if now == **before {
            Arc::clone(before)
        } else {
            Arc::new(now)
        };
        if Arc::ptr_eq(&self.core_snapshots, &core) && Arc::ptr_eq(before, &connections) {
            return;
        }
        let next = with_connections(&shown, &self.core_snapshots, &core, &connections);
        self.core_snapshots = core;
        self.snapshot.send_replace(Arc::new(next));
    }

    fn connections(
        &self,
        number: usize,
        links: &Links,
        before: &ConnectionsSnapshot,
        wall: UnixMs,
    ) -> ConnectionsSnapshot {
        let view = |(peer, address)| {
            let known = before.peers.iter().find(|view| view.peer == peer);
            let (account, name) = self.node.account_of_peer(peer).unzip();
            ConnectionView {
                peer,
                account,
                name,
                path: Some(PathKind::Loopback),
                address,
                way: Way::default(),
                round_trip_ms: None,
                seen: known.map_or(wall, |view| view.seen),
            }
        };
        let mut peers: Vec<_> = links.peers_of(number).map(view).collect();
        peers.sort_by_key(|view| (view.account.is_none(), view.name.clone(), view.peer));
        ConnectionsSnapshot {
            listen: vec![links::address(number)],
            peers,
            ..ConnectionsSnapshot::default()
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.clients.close();
    }
}

/// The one loop.
struct Turning {
    seats: Vec<Seat>,
    /// Of each seat.
    clients: Vec<Clients>,
    links: Links,
    time: Time,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

impl Turning {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            let deadline = self
                .seats
                .iter()
                .filter_map(|seat| seat.node.poll_timeout());
            let deadline = deadline.min().map(|at| self.time.clock.instant(at));
            let arrived = !self.links.is_idle();
            tokio::select! {
                (seat, message) = next_message(&mut self.seats) => self.message(seat, message),
                (seat, client) = next_gone(&self.clients) => self.turn(seat, Input::ClientGone(client)),
                () = std::future::ready(()), if arrived => {
                    if let Some((seat, input)) = self.links.take() {
                        self.turn(seat, input);
                    }
                    // Other tasks of the same thread have their turn between two arrivals.
                    tokio::task::yield_now().await;
                }
                Some(who) = self.asked.recv(), if !arrived => {
                    if who.send(()).is_err() {
                        tracing::debug!("nobody waits for the delivery any more");
                    }
                }
                () = sleep_until(deadline), if !arrived => self.time_out(),
                _ = &mut stop => break,
            }
        }
        for seat in 0..self.seats.len() {
            self.turn(seat, Input::Shutdown);
            self.links.part(seat);
        }
    }

    fn message(&mut self, seat: usize, message: Message) {
        match message {
            Message::Command(origin, command) => {
                self.turn(seat, Input::Command(origin, command));
                // It went before its last command was taken.
                if !self.seats[seat].clients.knows(origin.client) {
                    self.turn(seat, Input::ClientGone(origin.client));
                }
            }
            // Asked over a local socket, which a world in memory does not have.
            Message::Status(_) => {}
        }
    }

    fn time_out(&mut self) {
        let now: MonoMs = self.time.now().mono;
        for seat in 0..self.seats.len() {
            let due = self.seats[seat].node.poll_timeout();
            if due.is_some_and(|due| due <= now) {
                self.turn(seat, Input::Timeout);
            }
        }
    }

    fn turn(&mut self, seat: usize, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut events = Vec::new();
        while let Some(input) = inputs.pop_front() {
            self.seats[seat].node.handle(self.time.now(), input);
            while let Some(output) = self.seats[seat].node.poll_output() {
                match output {
                    Output::Event(client, event) => events.push((client, event)),
                    Output::Store(task, _) => inputs.push_back(Input::Storage(task, Ok(()))),
                    carried => self.links.carry_out(seat, carried),
                }
            }
        }
        let wall = self.time.now().wall;
        let place = &mut self.seats[seat];
        place.publish(seat, &self.links, wall);
        // Who hears of something finds it in the snapshot.
        for (client, event) in events {
            place.clients.tell(client, &event, None);
        }
    }
}

/// The next client of any node that is gone.
async fn next_gone(clients: &[Clients]) -> (usize, u64) {
    let waits = clients
        .iter()
        .enumerate()
        .map(|(number, clients)| Box::pin(async move { (number, clients.gone().await) }));
    if waits.len() == 0 {
        return std::future::pending().await;
    }
    futures::future::select_all(waits).await.0
}

/// The next message to any node; pending for ever when no client is left.
async fn next_message(seats: &mut [Seat]) -> (usize, Message) {
    poll_fn(|context| {
        for (number, seat) in seats.iter_mut().enumerate() {
            if let Poll::Ready(Some(message)) = seat.messages.poll_recv(context) {
                return Poll::Ready((number, message));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests;
