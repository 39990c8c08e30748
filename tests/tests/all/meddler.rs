//! Somebody in between who changes, swaps and repeats bytes, as a relay could: nothing of it reaches the core as a
//! frame, the connection ends, and the two find each other again.
//!
//! What is between two nodes here is a TCP forwarder. A relay carries the same bytes: Noise and Yamux from end to end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use alloquy_core::{Input, Output};
use alloquy_ids::NetworkKey;
use alloquy_node::network::Request;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::carrier::network;

/// Everything takes moments; a loaded machine takes longer.
const DEADLINE: Duration = Duration::from_secs(60);
/// Messages of the negotiation in clear, each way: the protocol's header and its choice.
const CLEAR_MESSAGES: usize = 2;
/// Encrypted messages of the handshake, at most: what comes after them carries frames.
const HANDSHAKE_MESSAGES: usize = 2;

/// What is done to one encrypted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    /// One bit is changed.
    Forge,
    /// It comes after the one behind it.
    Swap,
    /// It comes twice.
    Repeat,
}

/// Which way it goes, seen from the node that dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Out,
    Back,
}

/// Between two nodes: carries honestly until it is told to do its trick once.
struct Meddler {
    trick: Trick,
    way: Way,
    /// Tricks still to do, and done.
    ordered: AtomicU32,
    done: AtomicU32,
    /// Everything that went out in the first session.
    taped: std::sync::Mutex<Vec<u8>>,
    sessions: AtomicU32,
}

impl Meddler {
    fn takes_order(&self) -> bool {
        self.ordered
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }

    async fn serve(self: Arc<Self>, listener: TcpListener, port: u16) {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                continue;
            };
            let first = self.sessions.fetch_add(1, Ordering::SeqCst) == 0;
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let (out, back) = (self.clone(), self.clone());
            tokio::spawn(async move { out.carry(Way::Out, first, near_in, far_out).await });
            tokio::spawn(async move { back.carry(Way::Back, false, far_in, near_out).await });
        }
    }

    /// One way of one connection, message by message, until it ends.
    async fn carry(&self, way: Way, tape: bool, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut number = 0;
        while let Some(mut message) = read(&mut from, number < CLEAR_MESSAGES).await {
            number += 1;
            if tape {
                self.taped.lock().unwrap().extend_from_slice(&message);
            }
            let open = number > CLEAR_MESSAGES + HANDSHAKE_MESSAGES;
            if open && way == self.way && self.takes_order() {
                match self.trick {
                    Trick::Forge => {
                        let last = message.len() - 1;
                        message[last] ^= 1;
                    }
                    Trick::Repeat => message.extend(message.clone()),
                    Trick::Swap => {
                        let Some(mut next) = read(&mut from, false).await else {
                            return;
                        };
                        next.extend(message);
                        message = next;
                    }
                }
                self.done.fetch_add(1, Ordering::SeqCst);
            }
            if to.write_all(&message).await.is_err() {
                return;
            }
        }
    }
}

/// A message with its length: one byte in clear, two bytes when it is encrypted.
async fn read(from: &mut OwnedReadHalf, clear: bool) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let bytes = if clear {
        let len = from.read_u8().await.ok()?;
        message.push(len);
        usize::from(len)
    } else {
        let len = from.read_u16().await.ok()?;
        message.extend(len.to_be_bytes());
        usize::from(len)
    };
    let at = message.len();
    message.resize(at + bytes, 0);
    from.read_exact(&mut message[at..]).await.ok()?;
    Some(message)
}

/// Two nodes and the meddler between them; the first one dials.
struct Pair {
    runtime: Runtime,
    meddler: Arc<Meddler>,
    keys: [NetworkKey; 2],
    ports: [u16; 2],
    requests: [mpsc::UnboundedSender<Request>; 2],
    arrivals: mpsc::UnboundedReceiver<(usize, Input)>,
    /// Frames sent so far by each, and those that arrived at each.
    sent: [u32; 2],
    heard: [Vec<u32>; 2],
    ups: [u32; 2],
    downs: [u32; 2],
}

impl Pair {
    fn new(trick: Trick, way: Way) -> Self {
        let runtime = Runtime::new().unwrap();
        let (tx, arrivals) = mpsc::unbounded_channel();
        let a = runtime.block_on(network(0, tx.clone()));
        let b = runtime.block_on(network(1, tx));
        let meddler = Arc::new(Meddler {
            trick,
            way,
            ordered: AtomicU32::new(0),
            done: AtomicU32::new(0),
            taped: std::sync::Mutex::default(),
            sessions: AtomicU32::new(0),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let door = listener.local_addr().unwrap().port();
        runtime.spawn(meddler.clone().serve(listener, b.1));
        let mut pair = Self {
            runtime,
            meddler,
            keys: [a.0, b.0],
            ports: [a.1, b.1],
            requests: [a.2, b.2],
            arrivals,
            sent: [0; 2],
            heard: [Vec::new(), Vec::new()],
            ups: [0; 2],
            downs: [0; 2],
        };
        let keep = Output::Keep(pair.keys[1], vec![format!("/ip4/127.0.0.1/tcp/{door}")]);
        pair.order(0, keep);
        pair.until("the two are connected", |pair| pair.ups == [1, 1]);
        pair
    }

    fn order(&self, seat: usize, output: Output) {
        let request = Request::try_from(output).unwrap();
        self.requests[seat].send(request).unwrap();
    }

    /// One more numbered frame to the other one.
    fn send(&mut self, seat: usize) {
        self.sent[seat] += 1;
        let mut frame = vec![0xA5; 1_000];
        frame[..4].copy_from_slice(&self.sent[seat].to_le_bytes());
        self.order(seat, Output::Send(self.keys[1 - seat], Bytes::from(frame)));
    }

    fn take(&mut self, wait: Duration) {
        let arrivals = &mut self.arrivals;
        let next = self
            .runtime
            .block_on(async { tokio::time::timeout(wait, arrivals.recv()).await });
        match next {
            Ok(Some((seat, Input::Frame(from, bytes)))) => {
                assert_eq!(from, self.keys[1 - seat], "a frame of somebody else");
                let (number, rest) = bytes.split_at(4);
                let number = u32::from_le_bytes(number.try_into().unwrap());
                assert!(rest.iter().all(|byte| *byte == 0xA5) && rest.len() == 996);
                assert!((1..=self.sent[1 - seat]).contains(&number), "{number}");
                self.heard[seat].push(number);
            }
            Ok(Some((seat, Input::PeerUp(_)))) => self.ups[seat] += 1,
            Ok(Some((seat, Input::PeerDown(_)))) => self.downs[seat] += 1,
            _ => {}
        }
    }

    fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !is(self) {
            assert!(Instant::now() < end, "{what}: not within {DEADLINE:?}");
            self.take(Duration::from_millis(50));
        }
    }
}

/// Nothing changed arrives, both sides lose each other and meet again, and what is said then arrives.
fn survives(trick: Trick, way: Way) {
    let mut pair = Pair::new(trick, way);
    let from = match way {
        Way::Out => 0,
        Way::Back => 1,
    };
    for _ in 0..5 {
        pair.send(from);
    }
    pair.until("what is carried honestly arrives", |pair| {
        pair.heard[1 - from] == [1, 2, 3, 4, 5]
    });
    assert_eq!(pair.downs, [0, 0], "an honest carrier breaks nothing");
    pair.meddler.ordered.store(1, Ordering::SeqCst);
    let end = Instant::now() + DEADLINE;
    while pair.downs.contains(&0) {
        assert!(Instant::now() < end, "{trick:?} {way:?}: {:?}", pair.downs);
        pair.send(from);
        pair.take(Duration::from_millis(50));
    }
    assert_eq!(pair.meddler.done.load(Ordering::SeqCst), 1);
    pair.until("they meet again", |pair| {
        pair.ups.iter().all(|ups| *ups > 1)
    });
    pair.send(from);
    let last = pair.sent[from];
    pair.until("what is said afterwards arrives", |pair| {
        pair.heard[1 - from].last() == Some(&last)
    });
    let heard = &pair.heard[1 - from];
    let once: BTreeSet<_> = heard.iter().collect();
    assert_eq!(once.len(), heard.len(), "{trick:?}: a frame came twice");
    assert!(heard.is_sorted(), "{trick:?}: frames changed places");
    assert!(pair.heard[from].is_empty(), "nobody spoke that way");
}

#[test]
fn a_changed_byte_ends_the_connection_and_nothing_more() {
    survives(Trick::Forge, Way::Out);
    survives(Trick::Forge, Way::Back);
}

#[test]
fn bytes_that_change_places_or_come_twice_end_the_connection_and_nothing_more() {
    survives(Trick::Swap, Way::Out);
    survives(Trick::Repeat, Way::Out);
    survives(Trick::Repeat, Way::Back);
}

#[test]
fn a_session_that_is_played_again_begins_none() {
    let mut pair = Pair::new(Trick::Repeat, Way::Out);
    pair.send(0);
    pair.until("the frame arrives", |pair| pair.heard[1] == [1]);
    let tape = pair.meddler.taped.lock().unwrap().clone();
    assert!(tape.len() > 1_000, "the frame is on the tape");
    let port = pair.ports[1];
    let ended = pair.runtime.block_on(async {
        let mut again = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        again.write_all(&tape).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(DEADLINE, again.read_to_end(&mut answer)).await
    });
    // It is closed: with or without what was still on its way.
    assert!(ended.is_ok(), "the handshake of another session stays open");
    pair.send(0);
    pair.until("the true one goes on", |pair| pair.heard[1].contains(&2));
    assert_eq!(pair.heard[1], [1, 2], "the tape was taken for a session");
    assert_eq!((pair.ups, pair.downs), ([1, 1], [0, 0]));
}
