//! The one task that holds the server: sockets and clients in, lines out, a turn at a time.

mod rooms;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use alloquy_api::Client;
use alloquy_ids::{MonoMs, UnixMs};
use alloquy_irc::{
    AccountOrder, CheckId, ClientKey, ConnId, Credential, Now, Origin, Outcome, Output, Server,
    Tunnel, Tunnelled, Wanted,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::connection::{self, Link, Piece};
use crate::doors::{Caller, Door, Kind};
use crate::figures::Figures;
use crate::limits::{
    ACCEPT_PAUSE, IDLE_WAIT, PIECES_MAX, PIECES_OF_ONE_MAX, SEND_QUEUE_BYTES_MAX, STOP_WAIT,
    TURN_PIECES_MAX, WORD_WAIT,
};
use crate::network::{Range, cloak};
use crate::queue::{End, Queue};
use crate::reach::Reach;
use crate::throttle::Throttle;
use crate::tls::Tls;
use crate::tunnel::{Gate, Tunnels};

use rooms::{Answered, Question, Rooms};

/// Who may log in.
pub trait Accounts: Send + Sync + 'static {
    /// How long the check of a credential waits: whoever guesses waits longer and longer.
    fn delay(&self, _credential: &Credential, _from: &From) -> Duration {
        Duration::ZERO
    }

    /// Checks a credential. Blocking, as the others are: runs on a thread of its own.
    fn check(&self, credential: Credential) -> Answer;

    /// The same, for those who count guesses by where they come from.
    fn log_in(&self, credential: Credential, _from: &From) -> Answer {
        self.check(credential)
    }

    /// The same for the next message of an exchange.
    fn scram_delay(&self, _message: &str, _from: &From) -> Duration {
        Duration::ZERO
    }

    /// Takes the next message of the SCRAM-SHA-256 exchange of a connection.
    fn scram(&self, _message: &str, _from: &From) -> Answer {
        Answer::Denied
    }

    /// Makes an account.
    fn register(&self, _wanted: &Wanted, _from: &From) -> Answer {
        Answer::Denied
    }

    /// Does what an account asks about itself.
    fn account(&self, _key: ClientKey, _order: AccountOrder) -> Answer {
        Answer::Denied
    }

    /// Makes a channel of the lobby for a client, or lets it into the community of a channel, and returns when that sees
    /// it. A refusal's code may be the numeric to tell.
    fn open(&self, _key: ClientKey, _name: &str) -> Answer {
        Answer::Denied
    }

    /// Where the blind home node of an account is reached from here, if it runs. Asked on the server's task: it must not
    /// block.
    fn home(&self, _key: ClientKey) -> Option<SocketAddr> {
        None
    }

    /// The node behind a client has ended. `true`: the client is dropped, and given anew when somebody logs in again.
    fn ended(&self, _key: ClientKey) -> bool {
        false
    }

    /// Connections that came in by what is not good any more, since the last look: they are ended.
    fn revoked(&self) -> Vec<ConnId> {
        Vec::new()
    }

    /// No connection acts through a client any more, and none has for a while. `true`: it is dropped, and given anew when
    /// somebody logs in again.
    fn idle(&self, _key: ClientKey) -> bool {
        false
    }

    /// A connection has ended. The client that was its alone, if there is one, is dropped.
    fn gone(&self, _conn: ConnId) -> Option<ClientKey> {
        None
    }
}

/// Where somebody comes from who logs in.
#[derive(Clone, Copy, Debug)]
pub struct From {
    /// The connection.
    pub conn: ConnId,
    /// Its household, as a keyed hash.
    pub cloak: u64,
    /// Its address; `None`: a Unix socket. For the log of wrong log-ins alone.
    pub address: Option<IpAddr>,
    /// Whether it is spared the throttles.
    pub exempt: bool,
}

/// Whose node may have to start before there is an answer. Each has its own bound, and no check of a password waits
/// for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// That of somebody who has an account.
    Account,
    /// That of a stranger, or something a stranger may ask for.
    Guest,
    /// One that comes into a community, whose members may be slow or far away.
    Community,
    /// That of a home node, which may hold much, and is waited for until it can be paired with.
    Home,
}

/// What is left to do for an answer. Blocking.
pub type Later = Box<dyn FnOnce() -> Answer + Send>;

/// Why a connection ends whose password or certificate was good.
const REVOKED: &str = "What let you in is revoked";

/// What a check of a credential gave.
pub enum Answer {
    /// It is right: the connection acts through this client, which is given where the face does not hold it yet.
    Granted(ClientKey, Option<BoxedClient>),
    /// It is the password of the rendezvous itself, or that of an operator.
    Admitted,
    /// It is wrong, or the account is unknown.
    Denied,
    /// An exchange goes on.
    Challenge(String),
    /// An exchange has ended well: the last message, and what [`Self::Granted`] holds.
    Proven(String, ClientKey, Option<BoxedClient>),
    /// The same as [`Self::Granted`], for reading alone.
    Reading(ClientKey, Option<BoxedClient>),
    /// What an account asked was done: lines for its person.
    Told(Vec<String>),
    /// The same, and these connections are ended: what let them in is revoked.
    Revoked(Vec<String>, Vec<ConnId>),
    /// It is not made: a code, and why.
    Refused(&'static str, String),
    /// The answer comes when a node has started.
    Later(Lane, Later),
}

/// A client of a node.
pub type BoxedClient = Box<dyn Client + Send>;

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted(key, _) => f.debug_tuple("Granted").field(key).finish(),
            Self::Admitted => f.write_str("Admitted"),
            Self::Denied => f.write_str("Denied"),
            Self::Challenge(_) => f.write_str("Challenge"),
            Self::Proven(_, key, _) => f.debug_tuple("Proven").field(key).finish(),
            Self::Reading(key, _) => f.debug_tuple("Reading").field(key).finish(),
            Self::Told(_) => f.write_str("Told"),
            Self::Revoked(..) => f.write_str("Revoked"),
            Self::Later(lane, _) => f.debug_tuple("Later").field(lane).finish(),
            Self::Refused(code, _) => f.debug_tuple("Refused").field(code).finish(),
        }
    }
}

/// Tells the server's task that a client has something new.
#[derive(Clone, Debug, Default)]
pub struct Bell {
    rung: Arc<Mutex<BTreeSet<ClientKey>>>,
    heard: Arc<Notify>,
}

impl Bell {
    /// There is something new for this client.
    pub fn ring(&self, key: ClientKey) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = rung.insert(key);
        drop(rung);
        if fresh {
            self.heard.notify_one();
        }
    }

    fn take(&self) -> BTreeSet<ClientKey> {
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a face is made of.
pub struct Face {
    /// The server, without connections.
    pub server: Server,
    /// Where connections come in.
    pub doors: Vec<Door>,
    /// The certificate; doors of TLS without one let nobody in.
    pub tls: Option<Tls>,
    /// Addresses that no throttle counts.
    pub exempt: Arc<Mutex<Vec<Range>>>,
    /// Pages of which browsers may come in by a WebSocket: `https://chat.example.org`. Whatever is no browser says none.
    pub origins: Arc<[String]>,
    /// Hides addresses from the server.
    pub cloak_key: [u8; 32],
    /// Who may log in.
    pub accounts: Arc<dyn Accounts>,
    /// Clients that are there from the start.
    pub clients: Vec<(ClientKey, BoxedClient)>,
    /// Rung by whoever holds the nodes.
    pub bell: Bell,
    /// Whereto streams of clients may lead (`alloquy.chat/e2ee`, which the server must be made with, too). `None`: there
    /// are none.
    pub tunnels: Option<Reach>,
    /// What is counted.
    pub figures: Arc<Figures>,
}

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face")
            .field("doors", &self.doors)
            .finish_non_exhaustive()
    }
}

/// Serves until `stop` resolves; then every connection is told so and ends, and what their clients have is kept.
pub async fn serve(face: Face, stop: impl Future<Output = ()>) {
    let (pieces, mut inbound) = mpsc::channel(PIECES_MAX);
    let gate = Gate::new(face.tunnels, pieces.clone(), Arc::clone(&face.figures));
    let server = match face.tunnels {
        Some(_) => face.server,
        None => face.server.without_e2ee(),
    };
    let shared = Arc::new(Shared {
        tls: face.tls,
        exempt: face.exempt,
        origins: face.origins,
        cloak_key: face.cloak_key,
        throttle: Throttle::default(),
        figures: Arc::clone(&face.figures),
        pieces,
        next: AtomicU64::new(1),
        started: Instant::now(),
        shut: Arc::new(AtomicBool::new(false)),
    });
    let mut doors = JoinSet::new();
    for door in face.doors {
        doors.spawn(listen(door, Arc::clone(&shared)));
    }
    let (checked, mut checks) = mpsc::unbounded_channel();
    let mut turns = Turns {
        server,
        clients: face.clients.into_iter().collect(),
        lines: BTreeMap::new(),
        dirty: BTreeSet::new(),
        accounts: face.accounts,
        checked,
        touched: BTreeSet::new(),
        asked: 0,
        idle: BTreeMap::new(),
        retired: BTreeSet::new(),
        rooms: Rooms::default(),
        behind: BTreeSet::new(),
        gate,
        bell: face.bell,
        figures: face.figures,
        started: shared.started,
    };
    let shut = Arc::clone(&shared.shut);
    drop(shared);
    tokio::select! {
        () = turns.run(&mut inbound, &mut checks, |_| false) => {}
        () = stop => {}
    }
    shut.store(true, Ordering::Relaxed);
    turns.finish(&mut inbound, &mut checks).await;
    // Doors and the connections that they let in end with the set.
    drop(doors);
}

/// What all doors share.
struct Shared {
    tls: Option<Tls>,
    exempt: Arc<Mutex<Vec<Range>>>,
    origins: Arc<[String]>,
    cloak_key: [u8; 32],
    throttle: Throttle,
    figures: Arc<Figures>,
    pieces: mpsc::Sender<Piece>,
    next: AtomicU64,
    started: Instant,
    /// Nobody is let in any more.
    shut: Arc<AtomicBool>,
}

async fn listen(door: Door, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = door.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok(caller) => shared.admit(caller, &door, &mut connections),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Shared {
    fn admit(&self, caller: Caller, door: &Door, connections: &mut JoinSet<()>) {
        if self.shut.load(Ordering::Relaxed) {
            return;
        }
        let address = match &caller {
            Caller::Tcp(_, address) => Some(*address),
            Caller::Unix(_) => None,
        };
        let exempt = address.is_none_or(|address| self.exempts(address));
        let counted = address.filter(|_| !exempt);
        let now = MonoMs(millis(self.started.elapsed()));
        let Some(place) = self.throttle.enter(counted, now) else {
            return self.figures.refused.add(1);
        };
        self.figures.accepted.add(1);
        let origin = Origin {
            loopback: address.is_none_or(|address| address.to_canonical().is_loopback()),
            exempt,
            cloak: address.map_or(0, |address| cloak(&self.cloak_key, address)),
            tls: None,
            sts_only: door.kind() == Kind::Sts,
        };
        let link = Link {
            conn: ConnId(self.next.fetch_add(1, Ordering::Relaxed)),
            pieces: self.pieces.clone(),
            queue: Arc::new(Queue::default()),
            places: Arc::new(Semaphore::new(PIECES_OF_ONE_MAX)),
            address,
            figures: Arc::clone(&self.figures),
            origins: Arc::clone(&self.origins),
        };
        let tls = self.tls.clone();
        connections.spawn(connection::serve(
            caller,
            door.kind(),
            tls,
            (link, origin, place),
        ));
    }

    fn exempts(&self, address: IpAddr) -> bool {
        let ranges = self.exempt.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.iter().any(|range| range.holds(address))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A connection as the server's task holds it.
struct Line {
    queue: Arc<Queue>,
    cloak: u64,
    address: Option<IpAddr>,
    exempt: bool,
    /// What this turn gave, in one piece.
    turn: Vec<u8>,
    /// Places of pieces that were taken, while it is behind.
    held: Vec<OwnedSemaphorePermit>,
    /// Its streams to other nodes.
    tunnels: Tunnels,
}

struct Turns {
    server: Server,
    clients: BTreeMap<ClientKey, BoxedClient>,
    lines: BTreeMap<ConnId, Line>,
    /// Connections that this turn gave something.
    dirty: BTreeSet<ConnId>,
    /// Clients whose connections asked for something.
    touched: BTreeSet<ClientKey>,
    /// Questions that are not answered yet.
    asked: usize,
    /// Clients that nobody acts through, and when they are let go.
    idle: BTreeMap<ClientKey, MonoMs>,
    /// Clients that nobody will act through again, and that still have something kept.
    retired: BTreeSet<ClientKey>,
    accounts: Arc<dyn Accounts>,
    checked: mpsc::UnboundedSender<Answered>,
    rooms: Rooms,
    /// Connections that have sent more about streams than it was their turn to.
    behind: BTreeSet<ConnId>,
    gate: Gate,
    bell: Bell,
    figures: Arc<Figures>,
    started: Instant,
}

impl Turns {
    fn now(&self) -> Now {
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Now {
            mono: MonoMs(millis(self.started.elapsed())),
            wall: UnixMs(millis(wall)),
        }
    }

    async fn run(
        &mut self,
        inbound: &mut mpsc::Receiver<Piece>,
        checks: &mut mpsc::UnboundedReceiver<Answered>,
        enough: impl Fn(&Server) -> bool,
    ) {
        let heard = Arc::clone(&self.bell.heard);
        loop {
            let idle = self.idle.values().min().copied();
            let due = self.server.next_timeout().into_iter().chain(idle).min();
            let due = due.map(|at| self.started + Duration::from_millis(at.0));
            tokio::select! {
                piece = inbound.recv() => {
                    let Some(piece) = piece else { return };
                    self.take(piece);
                    let mut taken = 1;
                    while taken < TURN_PIECES_MAX && let Ok(piece) = inbound.try_recv() {
                        self.take(piece);
                        taken += 1;
                    }
                }
                Some(answered) = checks.recv() => self.checked(answered),
                () = heard.notified() => {}
                () = until(due) => {}
            }
            self.turn();
            if enough(&self.server) {
                return;
            }
        }
    }

    /// Tells clients that serving ends and has the nodes keep what they have. Waits for neither for long.
    async fn finish(
        &mut self,
        inbound: &mut mpsc::Receiver<Piece>,
        checks: &mut mpsc::UnboundedReceiver<Answered>,
    ) {
        self.server.ask_for_word(self.now());
        self.turn();
        if self.server.awaits_word() {
            let answered = self.run(inbound, checks, |server| !server.awaits_word());
            // Who says nothing is told again what it may not have.
            drop(tokio::time::timeout(WORD_WAIT, answered).await);
        }
        let mut open: BTreeSet<ConnId> = self.lines.keys().copied().collect();
        self.server.stop(self.now());
        self.outputs();
        let written = async {
            while !open.is_empty()
                && let Some(piece) = inbound.recv().await
            {
                if let Piece::Closed(conn) = piece {
                    open.remove(&conn);
                }
            }
        };
        let (_, kept) = tokio::join!(
            tokio::time::timeout(WORD_WAIT, written),
            tokio::time::timeout(STOP_WAIT, self.keep()),
        );
        if kept.is_err() {
            tracing::warn!("what clients have was not kept in time: some is told again");
        }
    }

    /// Resolves when every node has kept what it was asked to.
    async fn keep(&mut self) {
        let heard = Arc::clone(&self.bell.heard);
        let mut rung: BTreeSet<_> = self.clients.keys().copied().collect();
        loop {
            for key in std::mem::take(&mut rung) {
                self.pump(key, self.now());
                let client = self.clients.get_mut(&key);
                if client.is_some_and(|client| client.ended().is_some()) {
                    // It keeps nothing any more.
                    self.server.drop_client(key);
                }
            }
            if !self.server.is_keeping() {
                return;
            }
            heard.notified().await;
            rung = self.bell.take();
        }
    }

    fn take(&mut self, piece: Piece) {
        let now = self.now();
        match piece {
            Piece::Open(conn, origin, (queue, address)) => {
                let line = Line {
                    queue,
                    cloak: origin.cloak,
                    address,
                    exempt: origin.exempt,
                    turn: Vec::new(),
                    held: Vec::new(),
                    tunnels: Tunnels::default(),
                };
                self.lines.insert(conn, line);
                self.server.open(conn, origin, now);
            }
            Piece::Bytes(conn, bytes, place) => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    self.server.received(conn, &bytes, now);
                    self.touched.extend(self.server.client_of(conn));
                    if self.server.is_behind(conn) {
                        // Its connection is read on when it has the place again.
                        line.held.push(place);
                        self.behind.insert(conn);
                    }
                }
            }
            Piece::Tunnelled(came) => {
                let line = self.lines.get_mut(&came.conn);
                if line.is_some_and(|line| line.tunnels.take(&came)) {
                    self.server
                        .tunnelled(came.conn, came.stream, came.what, now);
                }
            }
            Piece::Closed(conn) => {
                // What it asked for is given before it goes; it may still read.
                self.outputs();
                self.server.closed(conn, now);
                if self.lines.contains_key(&conn) {
                    self.part(conn, End::Written);
                }
            }
        }
    }

    fn checked(&mut self, (check, conn, answer): Answered) {
        let now = self.now();
        self.asked -= 1;
        let outcome = match answer {
            Answer::Granted(key, client) => {
                self.hold(key, client);
                Outcome::Granted(key)
            }
            Answer::Admitted => Outcome::Admitted,
            // What was to come later has come by now.
            Answer::Denied | Answer::Later(..) => {
                self.figures.denied.add(1);
                Outcome::Denied
            }
            Answer::Challenge(message) => Outcome::Challenge(message),
            Answer::Proven(message, key, client) => {
                self.hold(key, client);
                Outcome::Proven(message, key)
            }
            Answer::Reading(key, client) => {
                self.hold(key, client);
                Outcome::GrantedReading(key)
            }
            Answer::Told(lines) => Outcome::Told(lines),
            Answer::Revoked(lines, conns) => {
                for conn in conns {
                    self.server.dismiss(conn, REVOKED, now);
                }
                Outcome::Told(lines)
            }
            Answer::Refused(code, text) => Outcome::Refused { code, text },
        };
        self.server.checked(check, outcome, now);
        self.touched.extend(self.server.client_of(conn));
        if !self.lines.contains_key(&conn) {
            // It ended while its question was answered.
            self.gone(conn);
        }
    }

    fn hold(&mut self, key: ClientKey, client: Option<BoxedClient>) {
        self.touched.insert(key);
        self.clients.extend(client.map(|client| (key, client)));
    }

    fn gone(&mut self, conn: ConnId) {
        if let Some(key) = self.accounts.gone(conn) {
            self.server.retire_client(key);
            self.retired.insert(key);
            self.pump(key, self.now());
        }
    }

    /// Drops a client, as the server does.
    fn drop_client(&mut self, key: ClientKey) {
        self.retired.remove(&key);
        self.clients.remove(&key);
        self.server.drop_client(key);
    }

    /// Time, clients and outputs, after whatever was taken.
    fn turn(&mut self) {
        self.figures.turns.add(1);
        let now = self.now();
        let mut keys = self.bell.take();
        keys.append(&mut self.touched);
        for conn in self.accounts.revoked() {
            self.server.dismiss(conn, REVOKED, now);
        }
        if self
            .server
            .next_timeout()
            .is_some_and(|due| due <= now.mono)
        {
            self.server.tick(now);
        }
        self.read_on();
        // Lines that waited may have been taken, of whichever connection.
        keys.append(&mut self.server.take_asked());
        for key in keys {
            self.pump(key, now);
        }
        self.outputs();
        for conn in std::mem::take(&mut self.dirty) {
            self.flush(conn);
        }
        self.let_go(now.mono);
    }

    /// Has connections read again that are not behind any more.
    fn read_on(&mut self) {
        let (server, lines) = (&self.server, &mut self.lines);
        self.behind.retain(|conn| {
            let behind = server.is_behind(*conn);
            if let Some(line) = lines.get_mut(conn).filter(|_| !behind) {
                line.held.clear();
            }
            behind
        });
    }

    /// Drops clients that nobody has acted through for a while.
    fn let_go(&mut self, now: MonoMs) {
        for key in self.server.take_left() {
            self.idle.insert(key, now.plus(millis(IDLE_WAIT)));
        }
        let due = self.idle.extract_if(.., |_, at| *at <= now);
        let due: Vec<ClientKey> = due.map(|(key, _)| key).collect();
        for key in due {
            if self.server.is_used(key) || !self.clients.contains_key(&key) {
                continue;
            }
            // Somebody who is just let in may have been told that the client is here.
            if self.asked > 0 {
                self.idle.insert(key, now.plus(millis(IDLE_WAIT)));
            } else if self.accounts.idle(key) {
                self.drop_client(key);
            }
        }
    }

    fn pump(&mut self, key: ClientKey, now: Now) {
        let retired = self.retired.contains(&key);
        let mut ended = false;
        if let Some(client) = self.clients.get_mut(&key) {
            self.server.pump(key, &mut **client, now);
            ended = client.ended().is_some();
        }
        // It goes when what its own client has is kept.
        let kept = || ended || !self.server.is_keeping_by(key);
        if retired && kept() || ended && self.accounts.ended(key) {
            self.drop_client(key);
        }
    }

    fn outputs(&mut self) {
        while let Some(output) = self.server.next_output() {
            match output {
                Output::Write(conn, bytes) => {
                    if let Some(line) = self.lines.get_mut(&conn) {
                        line.turn.extend_from_slice(&bytes);
                        self.dirty.insert(conn);
                    }
                }
                Output::Close(conn) => self.part(conn, End::Written),
                Output::Check(check, credential) => {
                    self.figures.checks.add(1);
                    self.ask(check, Question::LogIn(credential));
                }
                Output::Scram(check, message) => self.ask(check, Question::Scram(message)),
                Output::Register(check, wanted) => self.ask(check, Question::Register(wanted)),
                Output::Account(check, key, order) => {
                    self.ask(check, Question::Account(key, order));
                }
                Output::Open(check, key, name) => self.ask(check, Question::Open(key, name)),
                Output::Tunnel(conn, key, tunnel) => self.tunnel(conn, key, tunnel),
            }
        }
    }

    fn tunnel(&mut self, conn: ConnId, key: ClientKey, tunnel: Tunnel) {
        let Some(line) = self.lines.get_mut(&conn) else {
            return;
        };
        let home = || self.accounts.home(key);
        let failed = line
            .tunnels
            .carry_out((conn, key), tunnel, &self.gate, home);
        if let Some((stream, reason)) = failed {
            let now = self.now();
            let closed = Tunnelled::Closed(reason);
            self.server.tunnelled(conn, stream, closed, now);
        }
    }

    /// Hands a turn to the writer; whoever does not read is closed.
    fn flush(&mut self, conn: ConnId) {
        let Some(line) = self.lines.get_mut(&conn) else {
            return;
        };
        self.figures.written_bytes.add(line.turn.len() as u64);
        if !line.queue.put(&mut line.turn, SEND_QUEUE_BYTES_MAX) {
            self.figures.slow_readers.add(1);
            self.lines.remove(&conn);
            let now = self.now();
            self.server.closed_unread(conn, now);
            self.gone(conn);
            // What its going gave others belongs to the next turn.
            self.bell.heard.notify_one();
        }
    }

    fn part(&mut self, conn: ConnId, end: End) {
        self.flush(conn);
        if let Some(line) = self.lines.remove(&conn) {
            line.queue.end(end);
            self.gone(conn);
        }
    }

    /// Has a question answered on a thread of its own.
    fn ask(&mut self, check: CheckId, question: Question) {
        let Some(conn) = self.server.checked_for(check) else {
            return;
        };
        self.asked += 1;
        let line = self.lines.get(&conn);
        let from = From {
            conn,
            cloak: line.map_or(0, |line| line.cloak),
            address: line.and_then(|line| line.address),
            exempt: line.is_some_and(|line| line.exempt),
        };
        let accounts = Arc::clone(&self.accounts);
        let checked = self.checked.clone();
        let rooms = self.rooms.clone();
        tokio::spawn(async move {
            let answer = rooms.answer(accounts, question, from).await;
            // Nobody waits for it when the face has ended.
            drop(checked.send((check, conn, answer)));
        });
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
