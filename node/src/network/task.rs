//! The swarm's task: turns requests into libp2p's calls and libp2p's events into inputs.
//!
//! One loop owns the swarm and all that belongs to it. It never waits for the core: when the core is behind, inputs
//! gather in an outbox, and when that is full neither swarm nor streams are read until there is room, so
//! that peers feel it. Requests are always taken.

mod dialling;
mod paths;
mod reaching;
mod seeking;
mod sessions;
mod start;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use alloquy_core::{Fault, Input, Topic};
use alloquy_ids::CommunityId;
use alloquy_relay::{Door, Pass};
use bytes::Bytes;
use futures::StreamExt;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, gossipsub, identify, mdns, ping};
use rand_chacha::ChaCha20Rng;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::behaviour::{Behaviour, BehaviourEvent};
use super::circuits::Circuits;
use super::dials::Dials;
use super::faults::Faults;
use super::gossip::{self, Verdicts};
use super::reach::{Mapping, Reach};
use super::redial::{Redial, Why};
use super::relays::Relays;
use super::router::{Answer, Pace, Router};
use super::{AskRouter, NetworkState, Request, StartError, address};
use reaching::Said;
use sessions::{Ended, FromPeer, Session};

pub(super) use reaching::{Settings, closed_door, parts};

pub(super) use start::{Listeners, listen, listen_nowhere};

/// Inputs that wait for the core before the swarm is no longer read.
const OUTBOX_MAX: usize = 64;
/// Frames read on their way to the loop; each reader waits with its next one until there is room.
const FRAMES_MAX: usize = 8;
/// How long the last frames may take at the end.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
/// How long connections are kept after the last write, for what is still in the air.
const LINGER: Duration = Duration::from_millis(150);
/// So often relays and relayed sessions are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// All that the loop owns.
pub(super) struct Task {
    swarm: Swarm<Behaviour>,
    requests: mpsc::Receiver<Request>,
    inputs: mpsc::Sender<Input>,
    state: watch::Sender<NetworkState>,
    outbox: VecDeque<Input>,
    from_peers: mpsc::Receiver<FromPeer>,
    to_loop: mpsc::Sender<FromPeer>,
    tasks: JoinSet<Ended>,
    sessions: BTreeMap<PeerId, Session>,
    session_last: u64,
    dials: Dials,
    redial: Redial,
    relays: Relays,
    reach: Reach,
    /// Whoever asks the router; nobody where that is never done.
    router: Option<Router>,
    /// Whether it is to be asked.
    asks_router: bool,
    /// The last answer.
    router_said: Answer,
    /// What connected peers say that they speak.
    said: BTreeMap<PeerId, Said>,
    look_at: Instant,
    door: Door,
    circuits: Circuits,
    co_members: BTreeSet<PeerId>,
    /// The communities that co-members are in, or were when they were connected.
    communities: BTreeMap<PeerId, BTreeSet<CommunityId>>,
    /// Whom the core keeps.
    kept: BTreeSet<PeerId>,
    /// Who was searched for lately.
    sought: BTreeMap<PeerId, Instant>,
    pass: Option<Pass>,
    verdicts: Verdicts,
    faults: Faults,
    listen: BTreeSet<Multiaddr>,
    /// The own addresses that the core was told last.
    told: Vec<String>,
    rng: ChaCha20Rng,
}

impl Task {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        (requests, inputs): (mpsc::Receiver<Request>, mpsc::Sender<Input>),
        state: watch::Sender<NetworkState>,
        settings: Settings,
    ) -> Result<Self, String> {
        let mdns = swarm.behaviour().mdns.is_enabled();
        state.send_modify(|state| state.mdns = mdns);
        let (to_loop, from_peers) = mpsc::channel(FRAMES_MAX);
        let asks_router = settings.router == AskRouter::Asked(true);
        let mapping = match settings.router {
            AskRouter::Never => Mapping::Never,
            AskRouter::Asked(false) => Mapping::Off,
            AskRouter::Asked(true) => Mapping::Asked,
        };
        let mut task = Self {
            swarm,
            requests,
            inputs,
            state,
            outbox: VecDeque::new(),
            from_peers,
            to_loop,
            tasks: JoinSet::new(),
            sessions: BTreeMap::new(),
            session_last: 0,
            dials: Dials::default(),
            redial: Redial::default(),
            relays: Relays::default(),
            reach: Reach::new(mapping),
            router: match settings.router {
                AskRouter::Never => None,
                AskRouter::Asked(_) => Some(Router::start(Pace::default())),
            },
            asks_router,
            router_said: Answer::asked(),
            said: BTreeMap::new(),
            look_at: Instant::now(),
            door: settings.door,
            circuits: settings.circuits,
            co_members: BTreeSet::new(),
            communities: BTreeMap::new(),
            kept: BTreeSet::new(),
            sought: BTreeMap::new(),
            pass: settings.pass,
            verdicts: Verdicts::default(),
            faults: Faults::default(),
            listen: BTreeSet::new(),
            told: Vec::new(),
            rng: crate::entropy::seeded().map_err(|error| error.to_string())?,
        };
        task.know_named(settings.relays, settings.announce);
        Ok(task)
    }

    /// Serves until told to end or until nobody listens any more.
    pub(super) async fn run(
        mut self,
        peers: Vec<Multiaddr>,
        listeners: Listeners,
        ready: oneshot::Sender<Result<(), StartError>>,
    ) {
        let started = self.until_listening(listeners).await;
        let failed = started.is_err();
        if ready.send(started).is_err() || failed {
            return;
        }
        self.want_named(peers);
        while self.turn().await {}
        self.close().await;
    }

    /// One thing that happens; whether to go on.
    async fn turn(&mut self) -> bool {
        let room = self.outbox.len() < OUTBOX_MAX;
        let dials_at = [
            self.redial.next_at(),
            self.dials.next_at(),
            Some(self.look_at),
        ];
        let next_at = dials_at.into_iter().flatten().min();
        let inputs = self.inputs.clone();
        tokio::select! {
            request = self.requests.recv() => return match request {
                None | Some(Request::Shutdown) => false,
                Some(request) => { self.carry_out(request); true }
            },
            permit = inputs.reserve(), if !self.outbox.is_empty() => match (permit, self.outbox.pop_front()) {
                (Ok(permit), Some(input)) => permit.send(input),
                _ => return false,
            },
            event = self.swarm.select_next_some(), if room => self.on_swarm(event),
            Some(from_peer) = self.from_peers.recv(), if room => self.on_frame(from_peer),
            Some(ended) = self.tasks.join_next() => self.on_ended(ended),
            Some(answer) = next_answer(self.router.as_mut()) => self.on_router(answer),
            () = sleep_until(next_at.unwrap_or_else(Instant::now)), if next_at.is_some() => {
                self.dial_due();
                self.look_after();
            }
        }
        true
    }

    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Send(key, frame) => {
                if let Some(peer) = address::peer_of(key) {
                    self.send(peer, frame);
                }
            }
            Request::Publish(topic, frame) => self.publish(topic, frame),
            Request::Subscribe(topic) => {
                if let Err(error) = self
                    .swarm
                    .behaviour_mut()
                    .gossipsub
                    .subscribe(&gossip::name(topic))
                {
                    tracing::error!(%error, "a topic can not be joined");
                }
            }
            Request::Unsubscribe(topic) => {
                self.swarm
                    .behaviour_mut()
                    .gossipsub
                    .unsubscribe(&gossip::name(topic));
            }
            Request::Verdict(id, verdict) => {
                if let Some((message, from)) = self.verdicts.take(id) {
                    let acceptance = gossip::acceptance(verdict);
                    self.swarm
                        .behaviour_mut()
                        .gossipsub
                        .report_message_validation_result(&message, &from, acceptance);
                }
            }
            Request::Keep(key, addresses) => {
                let Some(peer) =
                    address::peer_of(key).filter(|peer| peer != self.swarm.local_peer_id())
                else {
                    return;
                };
                let addresses = address::parse_kept(&addresses);
                self.relays.learn(&addresses, self.swarm.local_peer_id());
                self.want(peer, Why::Kept, addresses);
                if self.kept.insert(peer) {
                    self.befriend();
                }
            }
            Request::Release(key) => {
                if let Some(peer) = address::peer_of(key) {
                    self.redial.unwant(peer, Why::Kept);
                    self.forget_sought(&peer);
                    if !self.redial.is_wanted_by_name(&peer) {
                        self.swarm.behaviour_mut().limits.remove_peer_id(&peer);
                    }
                }
            }
            Request::CoMembers(members) => self.serve_co_members(members),
            Request::AskRouter(ask) => self.ask_router(ask),
            Request::Penalize(key, fault) => {
                if let Some(peer) = address::peer_of(key) {
                    self.penalize(peer, &fault);
                }
            }
            Request::Shutdown => {}
        }
    }

    fn want(&mut self, peer: PeerId, why: Why, addresses: Vec<Multiaddr>) {
        // Members must get in however many strangers are connected.
        self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
        let connected = self.sessions.contains_key(&peer);
        self.redial
            .want(peer, why, addresses, connected, Instant::now());
    }

    fn want_named(&mut self, peers: Vec<Multiaddr>) {
        let mut named: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for address in peers {
            match address::split_peer(address) {
                (address, Some(peer)) => named.entry(peer).or_default().push(address),
                (address, None) => self.redial.want_address(address, Instant::now()),
            }
        }
        for (peer, addresses) in named {
            self.want(peer, Why::Named, addresses);
        }
    }

    fn publish(&mut self, topic: Topic, frame: Bytes) {
        self.state.send_if_modified(|state| {
            state.counters.gossip_out += 1;
            state.counters.bytes_out += frame.len() as u64;
            false
        });
        match self
            .swarm
            .behaviour_mut()
            .gossipsub
            .publish(gossip::name(topic), frame)
        {
            Ok(_) => {}
            // Nobody is there: catch-up brings it to whoever comes.
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => tracing::debug!(%error, "a gossip frame was not published"),
        }
    }

    fn penalize(&mut self, peer: PeerId, fault: &Fault) {
        self.state.send_modify(|state| state.counters.faults += 1);
        tracing::debug!(%peer, reason = fault.reason, "a peer broke the protocol");
        if self.faults.count(peer, Instant::now()) {
            tracing::warn!(%peer, "a peer is blocked for a while: too many faults");
            self.disconnect(peer);
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_established(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                cause,
                ..
            } => {
                tracing::debug!(peer = %peer_id, ?cause, "a connection was closed");
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => self.on_dial_failed(connection_id, peer_id, &error),
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener failed for a moment")
            }
            SwarmEvent::ExternalAddrConfirmed { address } => self.set_external(&address, true),
            SwarmEvent::ExternalAddrExpired { address } => self.set_external(&address, false),
            other => self.on_listener(other),
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossipsub(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => {
                self.on_gossip(propagation_source, message_id, message);
            }
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, &info);
            }
            BehaviourEvent::Streams(incoming) => self.on_stream(incoming),
            BehaviourEvent::Punch(event) => self.on_punched(event),
            BehaviourEvent::AsksReach(event) => self.on_asked_reach(&event),
            BehaviourEvent::Hop(event) => self.on_relaying(&event),
            BehaviourEvent::Seek(found) => self.on_found(found),
            BehaviourEvent::Identify(identify::Event::Error {
                connection_id,
                error,
                ..
            }) => {
                // The only question that every peer answers: a connection where it stays open is dead.
                if matches!(error, libp2p::swarm::StreamUpgradeError::Timeout) {
                    self.swarm.close_connection(connection_id);
                }
            }
            BehaviourEvent::Ping(ping::Event {
                peer,
                connection,
                result,
            }) => self.on_ping(peer, connection, &result),
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                for (peer, address) in found {
                    let (address, _) = address::split_peer(address);
                    let connected = self.sessions.contains_key(&peer);
                    self.redial
                        .found_at(peer, address, connected, Instant::now());
                }
            }
            BehaviourEvent::Mdns(mdns::Event::Expired(lost)) => {
                for (peer, address) in lost {
                    self.redial
                        .lost_sight(peer, &address::split_peer(address).0);
                }
            }
            _ => {}
        }
    }

    fn on_gossip(
        &mut self,
        from: PeerId,
        message: gossipsub::MessageId,
        content: gossipsub::Message,
    ) {
        let known = self
            .sessions
            .get(&from)
            .map(|session| session.key)
            .zip(gossip::topic(&content.topic));
        let Some((key, topic)) = known else {
            let acceptance = gossipsub::MessageAcceptance::Ignore;
            self.swarm
                .behaviour_mut()
                .gossipsub
                .report_message_validation_result(&message, &from, acceptance);
            return;
        };
        self.state.send_if_modified(|state| {
            state.counters.gossip_in += 1;
            state.counters.bytes_in += content.data.len() as u64;
            false
        });
        let (id, oldest) = self.verdicts.wait(message, from);
        if let Some((message, from)) = oldest {
            let acceptance = gossipsub::MessageAcceptance::Ignore;
            self.swarm
                .behaviour_mut()
                .gossipsub
                .report_message_validation_result(&message, &from, acceptance);
        }
        self.outbox
            .push_back(Input::Gossip(id, topic, key, Bytes::from(content.data)));
    }

    /// Sends what waits, ends streams and connections. The core gets no input any more.
    async fn close(mut self) {
        let router = self.router.take().map(Router::close);
        let flush = Instant::now() + FLUSH_LIMIT;
        for session in self.sessions.values_mut() {
            session.end_writing();
        }
        while self.writers() > 0 {
            self.outbox.clear();
            let turn = async {
                tokio::select! {
                    event = self.swarm.select_next_some() => self.on_swarm(event),
                    Some(ended) = self.tasks.join_next() => self.on_ended(ended),
                }
            };
            if timeout_at(flush, turn).await.is_err() {
                tracing::debug!("some frames could not be sent at the end");
                break;
            }
        }
        let linger = Instant::now() + LINGER;
        while timeout_at(linger, self.swarm.select_next_some())
            .await
            .is_ok()
        {}
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            self.disconnect(peer);
        }
        let closed = Instant::now() + LINGER;
        while self.swarm.connected_peers().next().is_some() {
            if timeout_at(closed, self.swarm.select_next_some())
                .await
                .is_err()
            {
                break;
            }
        }
        if let Some(router) = router {
            // It has a limit of its own.
            if let Err(error) = router.await {
                tracing::warn!(%error, "whoever asks the router has failed");
            }
        }
    }
}

/// What the router says, when it is asked and says something new.
async fn next_answer(router: Option<&mut Router>) -> Option<Answer> {
    Some(router?.next().await)
}
