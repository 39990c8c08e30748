//! The streams of `alloquy.chat/e2ee`: connections that the bridge makes, over one IRC line.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloquy_ids::NetworkKey;
use alloquy_node::network::Dialer;
use anyhow::{Context, ensure};
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::line::{Line, carried, parts};

/// Bytes of a stream that may be on their way, in each direction.
const WINDOW: usize = 65_536;
/// Bytes of one line.
const PIECE: usize = 3_000;
/// Lines that may be said at once, and the time after which there is room for another one: a bit less than the server's.
const BURST: u32 = 400;
const PACE: Duration = Duration::from_micros(2_500);
/// What waits to be said.
const ORDERS: usize = 16;
/// The target that is the account's home node.
const HOME: &str = "home";

/// What is to be said.
enum Order {
    Open {
        target: String,
        opened: oneshot::Sender<io::Result<DuplexStream>>,
    },
    Data(u16, Vec<u8>),
    Ack(u16, usize),
    Close(u16),
}

/// What comes for one stream.
struct Inbound {
    data: mpsc::Sender<Bytes>,
    /// Of what came, what is not acknowledged: never more than [`WINDOW`].
    untaken: usize,
    /// Bytes that may still be said of it.
    window: Arc<Semaphore>,
    /// Of what was said, what is not acknowledged.
    unacknowledged: usize,
}

/// The dialer of a node that has nothing but an IRC line.
pub(crate) struct Streams {
    orders: mpsc::Sender<Order>,
    home: NetworkKey,
    /// Whether others than the home node are reached.
    others: watch::Receiver<bool>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streams")
    }
}

impl Dialer for Streams {
    fn dial(
        &self,
        peer: Option<NetworkKey>,
        place: SocketAddr,
    ) -> BoxFuture<'static, io::Result<DuplexStream>> {
        let target = match peer {
            Some(peer) if peer == self.home => HOME.to_owned(),
            _ => place.to_string(),
        };
        let orders = self.orders.clone();
        let mut others = self.others.clone();
        Box::pin(async move {
            if target != HOME && others.wait_for(|reached| *reached).await.is_err() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let (opened, stream) = oneshot::channel();
            // Either is gone with the line.
            let order = Order::Open { target, opened };
            if orders.send(order).await.is_ok()
                && let Ok(stream) = stream.await
            {
                return stream;
            }
            Err(io::ErrorKind::ConnectionAborted.into())
        })
    }
}

impl Streams {
    /// The dialer over a line, and what serves it until the line ends. Until `others` says yes, it reaches the home node
    /// alone.
    pub(crate) fn over(
        line: Line,
        home: NetworkKey,
        others: watch::Receiver<bool>,
    ) -> (Self, impl Future<Output = anyhow::Result<()>>) {
        let (orders, to_say) = mpsc::channel(ORDERS);
        let serving = Serving {
            orders: orders.clone(),
            asked: BTreeMap::new(),
            open: BTreeMap::new(),
            next: 0,
            tasks: JoinSet::new(),
        };
        let streams = Self {
            orders,
            home,
            others,
        };
        (streams, serving.run(line, to_say))
    }
}

struct Serving {
    orders: mpsc::Sender<Order>,
    /// Streams that the server is to open.
    asked: BTreeMap<u16, oneshot::Sender<io::Result<DuplexStream>>>,
    open: BTreeMap<u16, Inbound>,
    next: u16,
    /// Two of each stream. They end with the line.
    tasks: JoinSet<()>,
}

impl Serving {
    async fn run(mut self, line: Line, mut to_say: mpsc::Receiver<Order>) -> anyhow::Result<()> {
        let Line { mut lines, mut out } = line;
        let mut ready = Instant::now();
        loop {
            // Lines that were not said earlier may be said at once.
            let burst = PACE * BURST;
            ready = ready.max(Instant::now() - burst);
            let paced = ready <= Instant::now();
            tokio::select! {
                told = lines.next_line() => {
                    let told = told?.context("it was closed")?;
                    if let Some(answer) = self.told(&told)? {
                        out.write_all(answer.as_bytes()).await?;
                    }
                }
                Some(order) = to_say.recv(), if paced => {
                    ready += PACE;
                    let line = self.line(order);
                    out.write_all(line.as_bytes()).await?;
                }
                () = tokio::time::sleep_until(ready), if !paced => {}
            }
        }
    }

    /// What an order is as a line.
    fn line(&mut self, order: Order) -> String {
        match order {
            Order::Open { target, opened } => {
                while self.asked.contains_key(&self.next) || self.open.contains_key(&self.next) {
                    self.next = self.next.wrapping_add(1);
                }
                let stream = self.next;
                self.next = self.next.wrapping_add(1);
                self.asked.insert(stream, opened);
                format!("E2EE OPEN {stream} {target}\r\n")
            }
            Order::Data(stream, bytes) => {
                if let Some(inbound) = self.open.get_mut(&stream) {
                    inbound.unacknowledged += bytes.len();
                }
                let data = BASE64URL_NOPAD.encode(&bytes);
                format!("@alloquy.chat/e2ee={data} E2EE DATA {stream}\r\n")
            }
            Order::Ack(stream, bytes) => {
                if let Some(inbound) = self.open.get_mut(&stream) {
                    inbound.untaken = inbound.untaken.saturating_sub(bytes);
                }
                format!("E2EE ACK {stream} {bytes}\r\n")
            }
            Order::Close(stream) => {
                self.forget(stream);
                format!("E2EE CLOSE {stream}\r\n")
            }
        }
    }

    fn forget(&mut self, stream: u16) {
        if let Some(inbound) = self.open.remove(&stream) {
            inbound.window.close();
        }
    }

    /// Takes a line of the server; what is to be answered at once.
    fn told(&mut self, line: &str) -> anyhow::Result<Option<String>> {
        let (tags, parts) = parts(line);
        let stream = |text: &str| text.parse::<u16>().with_context(|| line.to_owned());
        match parts.as_slice() {
            ["PING", token] => return Ok(Some(format!("PONG :{token}\r\n"))),
            ["E2EE", "OPENED", text] => self.opened(stream(text)?),
            ["E2EE", "CLOSE", text, reason @ ..] => {
                let stream = stream(text)?;
                self.refused(stream, reason.first().copied().unwrap_or_default());
                self.forget(stream);
            }
            ["E2EE", "ACK", text, bytes] => {
                let (stream, bytes): (u16, usize) = (stream(text)?, bytes.parse()?);
                if let Some(inbound) = self.open.get_mut(&stream) {
                    let bytes = bytes.min(inbound.unacknowledged);
                    inbound.unacknowledged -= bytes;
                    inbound.window.add_permits(bytes);
                }
            }
            ["E2EE", "DATA", text] => {
                let data = carried(tags)?.unwrap_or_default();
                ensure!(
                    (1..=PIECE).contains(&data.len()),
                    "{} bytes in one line, where 1 to {PIECE} may be",
                    data.len()
                );
                let stream = stream(text)?;
                if let Some(inbound) = self.open.get_mut(&stream) {
                    inbound.untaken += data.len();
                    ensure!(
                        inbound.untaken <= WINDOW,
                        "stream {stream}: {} bytes without an ACK, where {WINDOW} may be",
                        inbound.untaken
                    );
                    // There is room: each piece has a byte of the window. Whose reader has gone is closed by its writer.
                    drop(inbound.data.try_send(data.into()));
                }
            }
            ["FAIL", "E2EE", _, text, reason] => {
                let stream = stream(text)?;
                self.refused(stream, reason);
                self.forget(stream);
            }
            _ => {}
        }
        Ok(None)
    }

    fn refused(&mut self, stream: u16, reason: &str) {
        if let Some(asked) = self.asked.remove(&stream) {
            drop(asked.send(Err(io::Error::other(reason.to_owned()))));
        }
    }

    fn opened(&mut self, stream: u16) {
        let Some(asked) = self.asked.remove(&stream) else {
            return;
        };
        let (here, there) = tokio::io::duplex(WINDOW);
        let (data, arrived) = mpsc::channel(WINDOW);
        let window = Arc::new(Semaphore::new(WINDOW));
        let inbound = Inbound {
            data,
            untaken: 0,
            window: Arc::clone(&window),
            unacknowledged: 0,
        };
        self.open.insert(stream, inbound);
        let (read, write) = tokio::io::split(here);
        while self.tasks.try_join_next().is_some() {}
        let orders = self.orders.clone();
        self.tasks.spawn(say(stream, read, window, orders.clone()));
        self.tasks.spawn(hear(stream, write, arrived, orders));
        // Nobody waits for it any more: what reads and writes it finds that out.
        drop(asked.send(Ok(there)));
    }
}

/// Says what the node writes, as far as the window goes.
async fn say(
    stream: u16,
    mut from: ReadHalf<DuplexStream>,
    window: Arc<Semaphore>,
    orders: mpsc::Sender<Order>,
) {
    let mut piece = vec![0; PIECE];
    while let Ok(bytes @ 1..) = from.read(&mut piece).await {
        let count = u32::try_from(bytes).expect("a piece is small");
        let Ok(permit) = window.acquire_many(count).await else {
            return;
        };
        permit.forget();
        let order = Order::Data(stream, piece[..bytes].to_vec());
        if orders.send(order).await.is_err() {
            return;
        }
    }
    // Fails when the line has ended.
    drop(orders.send(Order::Close(stream)).await);
}

/// Gives the node what comes, and acknowledges what it has taken.
async fn hear(
    stream: u16,
    mut to: WriteHalf<DuplexStream>,
    mut arrived: mpsc::Receiver<Bytes>,
    orders: mpsc::Sender<Order>,
) {
    while let Some(bytes) = arrived.recv().await {
        let taken = to.write_all(&bytes).await.is_ok();
        if !taken || orders.send(Order::Ack(stream, bytes.len())).await.is_err() {
            return;
        }
    }
    // The node reads to its end what came before.
    drop(to.shutdown().await);
}
