//! Home nodes of accounts whose client has a device of its own (`alloquy.chat/e2ee`, docs/irc.md): each keeps ciphertext
//! for its owner, who pairs with it through the IRC line, and holds no key to it.
//!
//! They lie in `data_dir/homes/NUMBER`. One that was made runs from then on, from each start of the rendezvous: it takes
//! in what is written while its owner is away.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use alloquy_api::{Client, Command, PersonalCommand, Reply};
use alloquy_directory::Number;
use alloquy_node::home::shown_code;
use alloquy_node::{HomeConfig, NodeConfig, Running};
use tokio::sync::Mutex as Turn;

use crate::nodes::{ANSWER_WAIT, NodeError, config, locked};

/// Home nodes at once: each is a node of its own, some 20 MiB.
const HOMES_MAX: usize = 64;
/// Bytes that each keeps at most.
const QUOTA_BYTES: u64 = 1 << 30;

/// A home node as its account is told of it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Where it is from this machine, ending in `/p2p/..`.
    pub(crate) address: String,
    /// What pairs with it, while nobody has.
    pub(crate) link: Option<String>,
}

/// The home nodes of this process.
#[derive(Debug)]
pub(crate) struct Homes {
    folder: PathBuf,
    running: Mutex<BTreeMap<Number, Arc<Turn<Option<Running>>>>>,
    /// Where those that run take TCP connections from this machine.
    places: Mutex<BTreeMap<Number, SocketAddr>>,
}

impl Homes {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            running: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Starts those that were made before.
    pub(crate) async fn start_known(self: Arc<Self>) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let number = |name: std::ffi::OsString| Some(Number(name.to_str()?.parse().ok()?));
        let known = entries.flatten().map(|entry| entry.file_name());
        for number in known.filter_map(number) {
            if let Err(error) = self.told(number).await {
                tracing::error!(%error, "a home node is not there");
            }
        }
    }

    /// Home nodes that run.
    pub(crate) fn count(&self) -> usize {
        locked(&self.places).len()
    }

    /// Where the home node of an account takes connections, if it runs.
    pub(crate) fn place(&self, number: Number) -> Option<SocketAddr> {
        locked(&self.places).get(&number).copied()
    }

    /// The home node of an account, which is made and started if it is not there.
    pub(crate) async fn told(&self, number: Number) -> Result<Told, NodeError> {
        let turn = {
            let mut running = locked(&self.running);
            let known = running.contains_key(&number);
            if !known && running.len() >= HOMES_MAX {
                return Err(NodeError::Homes(HOMES_MAX));
            }
            Arc::clone(running.entry(number).or_default())
        };
        let mut slot = turn.lock().await;
        let running = match &mut *slot {
            Some(running) => running,
            empty => empty.insert(self.start(number).await?),
        };
        let address = here(running).ok_or(NodeError::Late)?;
        let link = tokio::time::timeout(ANSWER_WAIT, link(running)).await;
        let link = link.map_err(|_late| NodeError::Late)??;
        Ok(Told { address, link })
    }

    async fn start(&self, number: Number) -> Result<Running, NodeError> {
        let home = HomeConfig {
            quota: Some(QUOTA_BYTES),
            page: None,
        };
        let config = NodeConfig {
            home: Some(home),
            bridged: false,
            ..config(&self.folder.join(number.0.to_string()))
        };
        let running = alloquy_node::start(config).await?;
        if let Some(place) = here(&running).as_deref().and_then(place) {
            locked(&self.places).insert(number, place);
        }
        Ok(running)
    }
}

/// The address of this machine at which a node takes TCP connections.
fn here(running: &Running) -> Option<String> {
    let mut listen = running.status().listen.into_iter();
    listen.find(|address| address.starts_with("/ip4/127.0.0.1/tcp/"))
}

/// As one connects to it.
fn place(address: &str) -> Option<SocketAddr> {
    let mut parts = address.split('/').skip(2);
    let (ip, _tcp, port) = (parts.next()?, parts.next()?, parts.next()?);
    Some((ip.parse::<std::net::IpAddr>().ok()?, port.parse().ok()?).into())
}

/// What pairs with a home node; `None` when somebody has.
async fn link(running: &Running) -> Result<Option<String>, NodeError> {
    let mut handle = running.handle();
    let mut changes = handle.changes();
    loop {
        let order = PersonalCommand::HomeStatus;
        let told = handle
            .call(Command::Personal { order }, ANSWER_WAIT)
            .await?;
        if matches!(told, Reply::HomeStatus { home } if home.owner.is_some()) {
            return Ok(None);
        }
        let snapshot = handle.snapshot();
        let code = snapshot.linking.as_deref().and_then(shown_code);
        if let Some((_, link)) = code {
            return Ok(Some(link.to_owned()));
        }
        if !changes.next().await {
            return Err(NodeError::Ending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_ip_and_port_of_an_address() {
        let place = |address: &str| place(address).map(|place| place.to_string());
        let whole =
            "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGjMCwMzoy7PBXSRYDPLUe1uoQJ92yVrYPFKP2pPRMf3r";
        assert_eq!(place(whole).as_deref(), Some("127.0.0.1:4001"));
        assert_eq!(place("/ip4/127.0.0.1/tcp"), None);
        assert_eq!(place("/ip4/127.0.0.1/tcp/65536"), None);
    }
}
