//! What a node is started with.

use std::path::PathBuf;

use crate::error::RunError;
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
    /// Where the at-rest key comes from.
    pub key: KeySource,
}

impl NodeConfig {
    /// Default listening, mDNS on, no named peers.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, key: KeySource) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: Vec::new(),
            mdns: true,
            peers: Vec::new(),
            key,
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
