//! What a node is started with.

use std::path::PathBuf;
use std::sync::Arc;

use alloquy_api::voice::IceServer;
use alloquy_relay::Pass;

use crate::error::RunError;
use crate::home::HomeConfig;
use crate::network::Dialer;
use crate::vault::KeySource;

/// How to run the node of one data directory.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Where everything of the node lives; made with mode 0700.
    pub data_dir: PathBuf,
    /// Multiaddrs to listen on; empty: QUIC and TCP on free ports of all interfaces.
    pub listen: Vec<String>,
    /// Whether peers of the local network are looked for by multicast DNS.
    pub mdns: bool,
    /// Multiaddrs to dial at the start, with or without `/p2p/..`.
    pub peers: Vec<String>,
    /// Whether the router is asked to let connections in (UPnP).
    pub upnp: bool,
    /// Multiaddrs of relays, each ending in `/p2p/..`.
    pub relays: Vec<String>,
    /// Servers of ICE for calls: STUN and TURN. Empty: calls use addresses of this machine and of home nodes.
    pub ice: Vec<IceServer>,
    /// Shown to a relay that lists its issuer.
    pub relay_pass: Option<Box<Pass>>,
    /// Multiaddrs at which this node is reachable from outside, where the person knows.
    pub announce: Vec<String>,
    /// Where the at-rest key comes from.
    pub key: KeySource,
    /// Set: a home node, whose keys are made at the first start.
    pub home: Option<HomeConfig>,
    /// The account is somebody's who uses it through a server that runs this node: its messages say so.
    pub bridged: bool,
    /// Set: makes all connections, in place of this machine's network; then `listen`, `mdns` and `upnp` mean nothing.
    pub dialer: Option<Arc<dyn Dialer>>,
}

impl NodeConfig {
    /// Default listening, mDNS and UPnP on, no named peers or relays.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, key: KeySource) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: Vec::new(),
            mdns: true,
            peers: Vec::new(),
            upnp: true,
            relays: Vec::new(),
            ice: Vec::new(),
            relay_pass: None,
            announce: Vec::new(),
            key,
            home: None,
            bridged: false,
            dialer: None,
        }
    }
    /// Whether a text is an address to listen on or to dial, before a node is started with it.
    ///
    /// # Errors
    /// [`RunError::Address`].
    pub fn check_address(text: &str) -> Result<(), RunError> {
        crate::node::parse_addresses(&[text.to_owned()]).map(drop)
    }
}
