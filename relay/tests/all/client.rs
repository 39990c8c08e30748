//! A peer that uses a relay: a real swarm, and streams to others that are read to their end.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, noise, relay, tcp, yamux,
};

pub(crate) const ECHO: StreamProtocol = StreamProtocol::new("/alloquy-test/sink/1");
/// Far above what anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    client: relay::client::Behaviour,
    identify: identify::Behaviour,
    streams: libp2p_stream::Behaviour,
}

pub(crate) struct Client {
    pub(crate) peer: PeerId,
    pub(crate) swarm: Swarm<Behaviour>,
}

impl Client {
    pub(crate) fn new(seed: u8) -> Self {
        let keypair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let peer = keypair.public().to_peer_id();
        let swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(
                tcp::Config::default(),
                noise::Config::new,
                yamux::Config::default,
            )
            .unwrap()
            .with_quic()
            .with_relay_client(noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|keypair, client| Behaviour {
                client,
                identify: identify::Behaviour::new(identify::Config::new(
                    "/test/1".to_owned(),
                    keypair.public(),
                )),
                streams: libp2p_stream::Behaviour::new(),
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
            .build();
        Self { peer, swarm }
    }

    pub(crate) fn control(&self) -> libp2p_stream::Control {
        self.swarm.behaviour().streams.new_control()
    }

    /// Serves until `wanted` finds what it looks for.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&SwarmEvent<BehaviourEvent>) -> Option<T>,
    ) -> T {
        let found = async {
            loop {
                let event = self.swarm.select_next_some().await;
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
    }

    pub(crate) async fn connect(&mut self, relay: &Multiaddr) {
        self.swarm.dial(relay.clone()).unwrap();
        self.until("a connection", |event| {
            matches!(event, SwarmEvent::ConnectionEstablished { .. }).then_some(())
        })
        .await;
    }

    /// Asks for a reservation; how the listener that stands for it ended, if it is refused.
    pub(crate) async fn reserve(&mut self, relay: &Multiaddr) -> Result<Multiaddr, String> {
        let at = relay.clone().with(Protocol::P2pCircuit);
        self.swarm.listen_on(at).unwrap();
        self.until("an answer to a reservation", |event| match event {
            SwarmEvent::NewListenAddr { address, .. } => Some(Ok(address.clone())),
            SwarmEvent::ListenerClosed {
                reason: Err(error), ..
            } => Some(Err(format!("{error:?}"))),
            _ => None,
        })
        .await
    }

    /// Dials through a relay.
    pub(crate) async fn dial(&mut self, address: Multiaddr, peer: PeerId) -> Result<(), String> {
        self.swarm.dial(address).unwrap();
        self.until("an answer to a dial", |event| match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } if *peer_id == peer => Some(Ok(())),
            SwarmEvent::OutgoingConnectionError { error, .. } => Some(Err(format!("{error:?}"))),
            _ => None,
        })
        .await
    }

    /// Lets the swarm run beside the test.
    pub(crate) fn serve(mut self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                self.swarm.select_next_some().await;
            }
        })
    }
}

/// Counts the bytes of each stream of others until it ends, and answers with their number.
pub(crate) fn sink(mut control: libp2p_stream::Control) -> tokio::task::JoinHandle<()> {
    let mut incoming = control.accept(ECHO).unwrap();
    tokio::spawn(async move {
        while let Some((_, mut stream)) = incoming.next().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                let mut total = 0_u64;
                loop {
                    match stream.read(&mut buffer).await {
                        Ok(0) => break,
                        Ok(bytes) => total += bytes as u64,
                        Err(_) => return,
                    }
                }
                if stream.write_all(&total.to_le_bytes()).await.is_ok() {
                    drop(stream.close().await);
                }
            });
        }
    })
}

/// Sends bytes to a sink; how many it says that it got.
pub(crate) async fn pour(
    mut control: libp2p_stream::Control,
    peer: PeerId,
    bytes: usize,
) -> Result<u64, String> {
    let sent = async {
        let mut stream = control
            .open_stream(peer, ECHO)
            .await
            .map_err(|error| error.to_string())?;
        let step = vec![7; 64 * 1024];
        let mut left = bytes;
        while left > 0 {
            let now = left.min(step.len());
            stream
                .write_all(&step[..now])
                .await
                .map_err(|error| error.to_string())?;
            left -= now;
        }
        stream.close().await.map_err(|error| error.to_string())?;
        let mut total = [0; 8];
        stream
            .read_exact(&mut total)
            .await
            .map_err(|error| error.to_string())?;
        Ok(u64::from_le_bytes(total))
    };
    tokio::time::timeout(PATIENCE, sent)
        .await
        .expect("a stream ends or breaks")
}
