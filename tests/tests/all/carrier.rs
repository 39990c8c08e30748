//! The real network keeps the promises on which the core relies: the simulator's contract suite, over loopback.
//!
//! Each node is reached through a forwarder of its own, so that a connection can be cut as a lost cable
//! would cut it, without either node's doing.

use std::net::SocketAddr;
use std::time::Duration;

use alloquy_core::{Input, Output};
use alloquy_ids::NetworkKey;
use alloquy_node::network::{Network, NetworkConfig, Request};
use alloquy_sim::contract::{self, Carrier};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// Nodes of the suite.
const NODES: u8 = 3;

#[test]
fn the_real_network_keeps_its_promises() {
    let mut real = Real::start();
    assert_eq!(contract::check(&mut real), Ok(()));
}

struct Real {
    runtime: Runtime,
    nodes: Vec<Node>,
    arrivals: mpsc::UnboundedReceiver<(usize, Input)>,
}

struct Node {
    key: NetworkKey,
    door: SocketAddr,
    requests: mpsc::UnboundedSender<Request>,
    /// Raised to cut all connections that come through the door.
    cuts: watch::Sender<u64>,
}

impl Real {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (tx, arrivals) = mpsc::unbounded_channel();
        let nodes = (0..NODES)
            .map(|seat| runtime.block_on(node(seat, tx.clone())))
            .collect();
        Self {
            runtime,
            nodes,
            arrivals,
        }
    }
}

/// What a node heard, with its seat.
pub(crate) type Arrivals = mpsc::UnboundedSender<(usize, Input)>;

/// A network on a free port of loopback: its key, its port, and what it is told to do.
pub(crate) async fn network(
    seat: u8,
    arrivals: Arrivals,
) -> (NetworkKey, u16, mpsc::UnboundedSender<Request>) {
    let config = NetworkConfig {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        ..NetworkConfig::new([seat + 1; 32].into())
    };
    let mut network = Network::start(config).await.unwrap();
    let key = network.key();
    let port = port_of(&network.state().borrow().listen);
    let (requests, mut orders) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(request) = orders.recv() => network.carry_out(request).await,
                Some(input) = network.input() => {
                    if arrivals.send((usize::from(seat), input)).is_err() {
                        break;
                    }
                }
                else => break,
            }
        }
    });
    (key, port, requests)
}

async fn node(seat: u8, arrivals: Arrivals) -> Node {
    let (key, port, requests) = network(seat, arrivals).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = listener.local_addr().unwrap();
    let (cuts, watcher) = watch::channel(0);
    tokio::spawn(forward(listener, port, watcher));
    Node {
        key,
        door,
        requests,
        cuts,
    }
}

fn port_of(listen: &[String]) -> u16 {
    let mut parts = listen.iter().flat_map(|address| address.split('/'));
    parts.find(|part| *part == "tcp").unwrap();
    parts.next().unwrap().parse().unwrap()
}

/// Passes connections on to `port` until they end or are cut.
async fn forward(listener: TcpListener, port: u16, cuts: watch::Receiver<u64>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut cuts = cuts.clone();
        cuts.mark_unchanged();
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else {
                return;
            };
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

impl Carrier for Real {
    fn key(&self, seat: usize) -> NetworkKey {
        self.nodes[seat].key
    }

    fn addresses(&self, seat: usize) -> Vec<String> {
        vec![format!(
            "/ip4/127.0.0.1/tcp/{}",
            self.nodes[seat].door.port()
        )]
    }

    fn put(&mut self, seat: usize, output: Output) {
        if let Ok(request) = Request::try_from(output) {
            self.nodes[seat].requests.send(request).unwrap();
        }
    }

    fn take(&mut self, wait_ms: u64) -> Option<(usize, Input)> {
        let limit = Duration::from_millis(wait_ms);
        let arrivals = &mut self.arrivals;
        self.runtime.block_on(async {
            tokio::time::timeout(limit, arrivals.recv())
                .await
                .ok()
                .flatten()
        })
    }

    fn cut(&mut self, a: usize, b: usize) {
        for seat in [a, b] {
            self.nodes[seat].cuts.send_modify(|cuts| *cuts += 1);
        }
    }
}
