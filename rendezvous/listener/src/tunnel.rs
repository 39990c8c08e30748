//! Streams of clients to other nodes (docs/irc.md, "End to end through a bridge"): a task and a TCP connection for each.
//!
//! ```text
//!  Turns -> Tunnel -> Tunnels -> Wire -> task -> TCP
//!  Turns <- Came <----------------------- task <- TCP
//! ```
//! Bounds: what the client sent waits in a [`Wire`], a window at most, for [`alloquy_irc::Server`] lets no more through;
//! of what comes from TCP a window is read, and more when the client has taken it. Pieces on their way to the server's
//! task take places as those of connections do. Tasks belong to their connection and end with it.
//!
//! So that this is no open proxy, both sides have to begin with [`GREETING`]. More is not looked at: it is sealed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloquy_irc::limits::E2EE_WINDOW_BYTES;
use alloquy_irc::{ClientKey, ConnId, Target, Tunnel, Tunnelled};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::Piece;
use crate::figures::Figures;
use crate::limits::{
    PIECES_OF_ONE_MAX, TUNNEL_CONNECT_WAIT, TUNNEL_DRAIN_WAIT, TUNNEL_GREETING_WAIT,
    TUNNEL_OPENS_MAX, TUNNEL_OPENS_WAIT, TUNNEL_READ_BYTES, TUNNEL_WRITE_BYTES, TUNNELS_MAX,
    TUNNELS_OF_ONE_MAX,
};
use crate::reach::Reach;

/// How both sides of a connection of libp2p begin: multistream-select 1.0.0.
const GREETING: &[u8; 20] = b"\x13/multistream/1.0.0\n";

/// What the streams of all connections share.
pub(crate) struct Gate {
    pub(crate) reach: Option<Reach>,
    pub(crate) pieces: mpsc::Sender<Piece>,
    pub(crate) figures: Arc<Figures>,
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
}

impl Gate {
    pub(crate) fn new(
        reach: Option<Reach>,
        pieces: mpsc::Sender<Piece>,
        figures: Arc<Figures>,
    ) -> Self {
        Self {
            reach,
            pieces,
            figures,
            places: Arc::new(Semaphore::new(TUNNELS_MAX)),
            shares: Arc::default(),
        }
    }

    /// A place for a stream of an account, or why it has none.
    fn admit(&self, key: ClientKey) -> Result<Place, String> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place =
            place.map_err(|_none_left| format!("{TUNNELS_MAX} streams are open on this server"))?;
        self.shares.take(key, Instant::now())?;
        self.figures.streams.add(1);
        Ok(Place {
            key,
            figures: Arc::clone(&self.figures),
            shares: Arc::clone(&self.shares),
            _place: place,
        })
    }
}

/// What each account has: its connections together, for one person could fill the server by many.
#[derive(Debug, Default)]
struct Shares(Mutex<BTreeMap<ClientKey, Share>>);

#[derive(Debug)]
struct Share {
    open: usize,
    /// When the first of those was opened that count against [`TUNNEL_OPENS_MAX`].
    since: Instant,
    opened: usize,
}

impl Shares {
    fn take(&self, key: ClientKey, now: Instant) -> Result<(), String> {
        let over = |share: &Share| now.duration_since(share.since) >= TUNNEL_OPENS_WAIT;
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| share.open > 0 || !over(share));
        let share = shares.entry(key).or_insert(Share {
            open: 0,
            since: now,
            opened: 0,
        });
        if over(share) {
            (share.since, share.opened) = (now, 0);
        }
        if share.open >= TUNNELS_OF_ONE_MAX {
            return Err(format!(
                "{TUNNELS_OF_ONE_MAX} streams of your account are open"
            ));
        }
        if share.opened >= TUNNEL_OPENS_MAX {
            let wait = TUNNEL_OPENS_WAIT.as_secs();
            return Err(format!(
                "{TUNNEL_OPENS_MAX} streams of your account were opened within {wait} s"
            ));
        }
        share.open += 1;
        share.opened += 1;
        Ok(())
    }

    fn give_back(&self, key: ClientKey) {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get_mut(&key) {
            share.open -= 1;
        }
    }
}

/// The place of a stream, taken for as long as its task is there, however it ends.
struct Place {
    key: ClientKey,
    figures: Arc<Figures>,
    shares: Arc<Shares>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.figures.streams.take(1);
        self.shares.give_back(self.key);
    }
}

/// What came of a stream, for the server's task.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) conn: ConnId,
    pub(crate) stream: u64,
    pub(crate) what: Tunnelled,
    /// Taken until it is taken.
    _place: OwnedSemaphorePermit,
}

/// The streams of one connection.
#[derive(Debug)]
pub(crate) struct Tunnels {
    open: BTreeMap<u64, Arc<Wire>>,
    tasks: JoinSet<()>,
    places: Arc<Semaphore>,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            tasks: JoinSet::new(),
            places: Arc::new(Semaphore::new(PIECES_OF_ONE_MAX)),
        }
    }
}

impl Tunnels {
    /// Does what the server says. `home`: where the home node of the account is, if it runs. Gives why a stream can not be
    /// opened.
    pub(crate) fn carry_out(
        &mut self,
        (conn, key): (ConnId, ClientKey),
        tunnel: Tunnel,
        gate: &Gate,
        home: impl FnOnce() -> Option<SocketAddr>,
    ) -> Option<(u64, String)> {
        match tunnel {
            Tunnel::Open { stream, target } => {
                let opened =
                    allowed(target, gate, home).and_then(|address| Ok((address, gate.admit(key)?)));
                let may_be_here = target == Target::Home || gate.reach == Some(Reach::Any);
                match opened {
                    Ok((address, place)) => {
                        let way = Way {
                            conn,
                            stream,
                            may_be_here,
                            pieces: gate.pieces.clone(),
                            places: Arc::clone(&self.places),
                        };
                        self.open(way, (address, place));
                    }
                    Err(reason) => return Some((stream, reason)),
                }
            }
            Tunnel::Data { stream, bytes } => {
                if let Some(wire) = self.open.get(&stream) {
                    wire.give(&bytes);
                }
            }
            Tunnel::Taken { stream, bytes } => {
                if let Some(wire) = self.open.get(&stream) {
                    wire.taken(bytes);
                }
            }
            // Its task sends what was given before, and ends.
            Tunnel::Close { stream } => {
                if let Some(wire) = self.open.remove(&stream) {
                    wire.close();
                }
            }
        }
        None
    }

    fn open(&mut self, way: Way, (address, place): (SocketAddr, Place)) {
        while self.tasks.try_join_next().is_some() {}
        let wire = Arc::new(Wire::default());
        self.open.insert(way.stream, Arc::clone(&wire));
        self.tasks.spawn(async move {
            carry(address, &wire, &way).await;
            drop(place);
        });
    }

    /// Whether something came of a stream that is open.
    pub(crate) fn take(&mut self, came: &Came) -> bool {
        match came.what {
            Tunnelled::Closed(_) => self.open.remove(&came.stream).is_some(),
            _ => self.open.contains_key(&came.stream),
        }
    }
}

/// The address of a target, or why it is not reached from here.
fn allowed(
    target: Target,
    gate: &Gate,
    home: impl FnOnce() -> Option<SocketAddr>,
) -> Result<SocketAddr, String> {
    let Some(reach) = gate.reach else {
        return Err("No streams are carried here".to_owned());
    };
    match target {
        Target::Home => {
            home().ok_or_else(|| "Your home node does not run: say E2EE HOME first".to_owned())
        }
        Target::Address(address) if reach.allows(address) => Ok(address),
        Target::Address(address) => Err(format!("{address} is no public address")),
    }
}

/// The way of one stream to the server's task.
struct Way {
    conn: ConnId,
    stream: u64,
    /// Whether it may lead to this machine.
    may_be_here: bool,
    pieces: mpsc::Sender<Piece>,
    places: Arc<Semaphore>,
}

impl Way {
    /// Tells the server's task, when what was told before is taken. Nobody hears it when that has ended, and then this
    /// task ends with its connection.
    async fn tell(&self, what: Tunnelled) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return;
        };
        let came = Came {
            conn: self.conn,
            stream: self.stream,
            what,
            _place: place,
        };
        drop(self.pieces.send(Piece::Tunnelled(came)).await);
    }
}

/// Between the server's task and that of a stream.
#[derive(Debug, Default)]
struct Wire {
    state: Mutex<State>,
    /// Something was given, or it was closed.
    given: Notify,
    /// It was closed.
    shut: Notify,
    /// The client has taken something.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What the client sent.
    waiting: BytesMut,
    /// The client sends no more.
    closed: bool,
    /// Bytes that were told, and not taken by the client.
    ahead: usize,
}

/// What a client has sent.
enum Sent {
    Bytes(Bytes),
    /// Nothing, and nothing will come.
    End,
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, bytes: &[u8]) {
        self.lock().waiting.extend_from_slice(bytes);
        self.given.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.given.notify_one();
        self.shut.notify_one();
    }

    fn taken(&self, bytes: usize) {
        let mut state = self.lock();
        state.ahead = state.ahead.saturating_sub(bytes);
        drop(state);
        self.freed.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Resolves when the client has closed it and nothing waits that it sent before. For one task at a time.
    async fn given_up(&self) {
        self.closed().await;
        if !self.lock().waiting.is_empty() {
            std::future::pending().await
        }
    }

    /// Resolves when the client has closed it. For one task at a time.
    async fn closed(&self) {
        while !self.is_closed() {
            self.shut.notified().await;
        }
    }

    /// The greeting of the client. `Ok(None)`: it has closed the stream before; `Err`: it began in another way.
    async fn greeting(&self) -> Result<Option<Bytes>, NoLibp2p> {
        loop {
            {
                let mut state = self.lock();
                if is_greeting(&state.waiting)? {
                    return Ok(Some(state.waiting.split_to(GREETING.len()).freeze()));
                }
                if state.closed {
                    return Ok(None);
                }
            }
            self.given.notified().await;
        }
    }

    /// What the client sent next.
    async fn sent(&self) -> Sent {
        loop {
            {
                let mut state = self.lock();
                if !state.waiting.is_empty() {
                    let count = state.waiting.len().min(TUNNEL_WRITE_BYTES);
                    return Sent::Bytes(state.waiting.split_to(count).freeze());
                }
                if state.closed {
                    return Sent::End;
                }
            }
            self.given.notified().await;
        }
    }

    /// How many bytes may be read for the client: at least one.
    async fn room(&self) -> usize {
        loop {
            let room = E2EE_WINDOW_BYTES.saturating_sub(self.lock().ahead);
            if room > 0 {
                return room;
            }
            self.freed.notified().await;
        }
    }

    fn read(&self, bytes: usize) {
        self.lock().ahead += bytes;
    }
}

/// A side began in another way than libp2p does.
struct NoLibp2p;

/// Whether bytes begin with the whole greeting; `false`: with a part of it.
fn is_greeting(bytes: &[u8]) -> Result<bool, NoLibp2p> {
    let come = bytes.len().min(GREETING.len());
    match bytes[..come] == GREETING[..come] {
        true => Ok(come == GREETING.len()),
        false => Err(NoLibp2p),
    }
}

/// Connects a stream and carries its bytes both ways until one side ends it.
async fn carry(address: SocketAddr, wire: &Wire, way: &Way) {
    let connected = tokio::select! {
        connected = timeout(TUNNEL_CONNECT_WAIT, TcpStream::connect(address)) => connected,
        () = wire.given_up() => return,
    };
    let here = |stream: &TcpStream| {
        let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
        ends.is_none_or(|(own, other)| own.ip() == other.ip())
    };
    // One reason for all: what lies there is not the client's to find out.
    let stream = match connected {
        Ok(Ok(stream)) if way.may_be_here || !here(&stream) => stream,
        Ok(_) | Err(_) => {
            let reason = Tunnelled::Closed(NOT_REACHED.to_owned());
            return way.tell(reason).await;
        }
    };
    // Without it small pieces wait for each other: slower, and right all the same.
    stream.set_nodelay(true).ok();
    way.tell(Tunnelled::Opened).await;
    let (mut reader, mut writer) = stream.into_split();
    let greeted = Greeted::default();
    let mut overdue = std::pin::pin!(async {
        wire.closed().await;
        sleep(TUNNEL_DRAIN_WAIT).await;
    });
    let reason = tokio::select! {
        reason = down(&mut reader, &greeted, (wire, way)) => reason,
        reason = up(&mut writer, &greeted, (wire, way)) => reason,
        () = greeted.overdue() => Some(NOT_THERE.to_owned()),
        () = &mut overdue => return,
    };
    match reason {
        Some(reason) => way.tell(Tunnelled::Closed(reason)).await,
        // To end while something unread lies here would take back what was written last.
        None => tokio::select! {
            () = discard(&mut reader) => {}
            () = overdue => {}
        },
    }
}

/// Reads to the end.
async fn discard(reader: &mut OwnedReadHalf) {
    let mut buffer = [0; 1024];
    while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// Whether the other side has begun as libp2p does.
#[derive(Default)]
struct Greeted {
    told: Notify,
    has: AtomicBool,
}

impl Greeted {
    fn now(&self) {
        self.has.store(true, Ordering::Relaxed);
        self.told.notify_one();
    }

    /// Resolves when the time for it has passed without.
    async fn overdue(&self) {
        sleep(TUNNEL_GREETING_WAIT).await;
        if self.has.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }
}

/// From the client to the other side. Gives why it ends; `None`: the client has ended it, and all is sent.
async fn up(
    writer: &mut OwnedWriteHalf,
    greeted: &Greeted,
    (wire, way): (&Wire, &Way),
) -> Option<String> {
    let first = match wire.greeting().await {
        Ok(first) => first?,
        Err(NoLibp2p) => return Some("that is no libp2p".to_owned()),
    };
    let mut bytes = first;
    let mut may_go_on = false;
    loop {
        if writer.write_all(&bytes).await.is_err() {
            // What it said last may still be read, and then its end is.
            return std::future::pending().await;
        }
        way.tell(Tunnelled::Taken(bytes.len())).await;
        if !may_go_on {
            greeted.told.notified().await;
            may_go_on = true;
        }
        bytes = match wire.sent().await {
            Sent::Bytes(bytes) => bytes,
            Sent::End => {
                // Whether it hears of the end by this or by the end of the socket is the same.
                writer.shutdown().await.ok();
                return None;
            }
        };
    }
}

/// From the other side to the client. Gives why it ends; `None`: the client had ended it before.
async fn down(
    reader: &mut OwnedReadHalf,
    greeted: &Greeted,
    (wire, way): (&Wire, &Way),
) -> Option<String> {
    let mut buffer = vec![0; TUNNEL_READ_BYTES];
    let mut first = Some(Vec::new());
    loop {
        let most = wire.room().await.min(buffer.len());
        let count = match reader.read(&mut buffer[..most]).await {
            Ok(count) => count,
            Err(error) => return Some(format!("the connection broke: {}", error.kind())),
        };
        if count == 0 {
            break;
        }
        wire.read(count);
        let bytes = match first.take() {
            None => Bytes::copy_from_slice(&buffer[..count]),
            Some(mut begun) => {
                begun.extend_from_slice(&buffer[..count]);
                match is_greeting(&begun) {
                    Err(NoLibp2p) => return Some(NOT_THERE.to_owned()),
                    Ok(false) => {
                        first = Some(begun);
                        continue;
                    }
                    Ok(true) => {
                        greeted.now();
                        Bytes::from(begun)
                    }
                }
            }
        };
        way.tell(Tunnelled::Data(bytes)).await;
    }
    if wire.is_closed() {
        // It says no more, and may still take what the client sent last.
        return std::future::pending().await;
    }
    let reason = match first {
        Some(_) => NOT_THERE,
        None => "the other side has ended",
    };
    Some(reason.to_owned())
}

/// Said of a side that answers in another way, or not at all.
const NOT_THERE: &str = "no libp2p there";
/// Said of a place that can not be connected, for whatever reason.
const NOT_REACHED: &str = "nobody is reached there";

#[cfg(test)]
mod tests {
    use super::*;

    /// So many fill the server.
    const ACCOUNTS: usize = TUNNELS_MAX / TUNNELS_OF_ONE_MAX;

    #[test]
    fn an_account_has_its_share_and_no_more() {
        let (shares, mut now) = (Shares::default(), Instant::now());
        let (one, other) = (ClientKey(1), ClientKey(2));
        for _ in 0..TUNNELS_OF_ONE_MAX {
            assert_eq!(shares.take(one, now), Ok(()));
        }
        let refused = shares.take(one, now).expect_err("it has its share");
        assert!(refused.contains("64"), "{refused}");
        assert_eq!(shares.take(other, now), Ok(()));
        shares.give_back(one);
        for _ in 0..TUNNEL_OPENS_MAX - TUNNELS_OF_ONE_MAX {
            assert_eq!(shares.take(one, now), Ok(()));
            shares.give_back(one);
        }
        let refused = shares.take(one, now).expect_err("it is too fast");
        assert!(
            refused.contains("128") && refused.contains("60 s"),
            "{refused}"
        );
        now += TUNNEL_OPENS_WAIT;
        assert_eq!(shares.take(one, now), Ok(()));
        // Who has none is forgotten.
        shares.give_back(other);
        now += TUNNEL_OPENS_WAIT;
        assert_eq!(shares.take(one, now), Err(refused_of_one()));
        assert!(!shares.0.lock().unwrap().contains_key(&other));
    }

    fn refused_of_one() -> String {
        format!("{TUNNELS_OF_ONE_MAX} streams of your account are open")
    }

    #[tokio::test]
    async fn the_face_has_so_many_streams() {
        let (pieces, _told) = mpsc::channel(1);
        let figures = Arc::new(Figures::default());
        let gate = Gate::new(Some(Reach::Any), pieces, Arc::clone(&figures));
        // Nobody answers there for as long as the test takes.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let home = listener.local_addr().unwrap();
        let mut all = Vec::new();
        let mut open = |number: usize| {
            let mut tunnels = Tunnels::default();
            let open = Tunnel::Open {
                stream: 1,
                target: Target::Home,
            };
            let (conn, key) = (ConnId(number as u64), ClientKey((number % ACCOUNTS) as u64));
            let refused = tunnels.carry_out((conn, key), open, &gate, || Some(home));
            all.push(tunnels);
            refused
        };
        for number in 0..TUNNELS_MAX {
            assert_eq!(open(number), None);
        }
        let refused = open(TUNNELS_MAX).map(|(_, reason)| reason);
        assert!(
            refused
                .as_ref()
                .is_some_and(|reason| reason.contains("4096")),
            "{refused:?}"
        );
        assert_eq!(figures.streams.get(), TUNNELS_MAX as u64);
        // With their connections they end, and others have their places.
        all.clear();
        while figures.streams.get() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.places.available_permits(), TUNNELS_MAX);
    }

    #[test]
    fn the_greeting_is_known_by_its_first_bytes() {
        for count in 0..GREETING.len() {
            assert!(matches!(is_greeting(&GREETING[..count]), Ok(false)));
            let mut other = GREETING[..=count].to_vec();
            other[count] ^= 1;
            assert!(is_greeting(&other).is_err(), "byte {count}");
        }
        let more = [&GREETING[..], b"more"].concat();
        assert!(matches!(is_greeting(&more), Ok(true)));
    }
}
