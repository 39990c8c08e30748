//! A data directory that gets an account which exists already: linked by a code, or brought back by recovery words.
//!
//! The new device takes part in the network without an account ([`alloquy_core::Newcomer`]) until it has one; only
//! then is anything written. [`crate::start`] serves the directory afterwards, and fetches the communities.

use alloquy_api::personal::LinkStep;
use alloquy_api::{CommandError, ErrorCode, Event};
use alloquy_core::{Input, Newcomer, Output, Settled};
use alloquy_ids::NetworkKey;
use rand_chacha::ChaCha20Rng;
use tokio::sync::watch;
use zeroize::Zeroizing;

pub use alloquy_core::OtherDevices;

use crate::config::NodeConfig;
use crate::data_dir::DataDir;
use crate::driver::{Clock, sleep_until};
use crate::error::InitError;
use crate::init::Initialised;
use crate::network::{Network, NetworkConfig, Request, named_place};
use crate::node::parse_addresses;
use crate::store::{DirLock, Store};
use crate::vault;

/// Makes this data directory a device of the account whose other device shows `code`: a short code, which finds the
/// other device on the local network, or a link. `steps` says how far it is; dropping the future ends it.
///
/// # Errors
/// The directory holds an account or can not be used; the code is no code, is wrong, or has ended; nobody shows it.
pub async fn link(
    config: &NodeConfig,
    code: &str,
    device_name: &str,
    steps: &watch::Sender<LinkStep>,
) -> Result<Initialised, InitError> {
    let clock = Clock::start();
    let rng = entropy(config)?;
    let newcomer = Newcomer::link(code, device_name, clock.now(), rng)?;
    settle(config, newcomer, clock, steps).await
}

/// Whom a recovery asks, and what becomes of the devices that were.
#[derive(Clone, Debug)]
pub struct Recovering {
    /// Links or addresses of members or home nodes; empty: whoever is found on the local network.
    pub from: Vec<String>,
    /// Whether the account's other devices stay.
    pub others: OtherDevices,
}

/// Makes this data directory a device of the account with these recovery words.
///
/// # Errors
/// The directory holds an account or can not be used; the words are wrong, or belong to no account that is known to
/// whoever was asked; nobody was reached; the account was closed.
pub async fn restore(
    config: &NodeConfig,
    words: &str,
    what: &Recovering,
    steps: &watch::Sender<LinkStep>,
) -> Result<Initialised, InitError> {
    let clock = Clock::start();
    let rng = entropy(config)?;
    let mut config = config.clone();
    let mut from = Vec::new();
    for text in &what.from {
        match place(text)? {
            Place::Named(peers) => from.extend(peers),
            Place::Address(address) => config.peers.push(address),
        }
    }
    // Whoever is named is asked, and nobody else.
    config.mdns &= what.from.is_empty();
    let newcomer = Newcomer::restore(words, from, what.others, clock.now(), rng)?;
    settle(&config, newcomer, clock, steps).await
}

/// Where somebody is.
enum Place {
    /// Peers by their keys.
    Named(Vec<(NetworkKey, Vec<String>)>),
    /// Whoever answers there.
    Address(String),
}

fn place(text: &str) -> Result<Place, CommandError> {
    let text = text.trim();
    if text.starts_with("alloquy:") {
        return alloquy_core::link_peers(text).map(Place::Named);
    }
    let addresses = parse_addresses(&[text.to_owned()])
        .map_err(|error| CommandError::new(ErrorCode::Parse, error.to_string()))?;
    let named = addresses.into_iter().find_map(named_place);
    Ok(match named {
        Some((key, address)) => Place::Named(vec![(key, vec![address])]),
        None => Place::Address(text.to_owned()),
    })
}

fn entropy(config: &NodeConfig) -> Result<ChaCha20Rng, InitError> {
    crate::entropy::seeded().map_err(|error| InitError::Directory {
        path: config.data_dir.clone(),
        error,
    })
}

/// Takes part in the network until the newcomer has an account, and stores that.
async fn settle(
    config: &NodeConfig,
    mut newcomer: Newcomer<ChaCha20Rng>,
    clock: Clock,
    steps: &watch::Sender<LinkStep>,
) -> Result<Initialised, InitError> {
    let refused = |error: crate::error::RunError| InitError::Command(error.into());
    let failed = |error| InitError::Directory {
        path: config.data_dir.clone(),
        error,
    };
    // Before anybody is asked: an account that can not be stored must not be taken.
    let dir = DataDir::create(&config.data_dir).map_err(failed)?;
    let lock = DirLock::acquire(&dir)?;
    if dir.store().exists() {
        return Err(InitError::Exists(config.data_dir.clone()));
    }
    let network = NetworkConfig {
        listen: parse_addresses(&config.listen).map_err(refused)?,
        peers: parse_addresses(&config.peers).map_err(refused)?,
        mdns: config.mdns,
        ..NetworkConfig::new(Zeroizing::new(newcomer.network_seed()))
    };
    let network = Network::start(network).await;
    let mut network = network.map_err(|error| refused(error.into()))?;
    let outcome = outcome(&mut newcomer, &mut network, clock, steps).await;
    let made = match outcome {
        Ok(settled) => store(config, dir, lock, settled).await,
        Err(error) => Err(InitError::Command(error)),
    };
    if made.is_ok() {
        newcomer.stored();
    }
    drain(&mut newcomer, &network, steps).await;
    network.shutdown().await;
    made
}

/// Feeds the newcomer until it has an account, or there is none to be had.
async fn outcome(
    newcomer: &mut Newcomer<ChaCha20Rng>,
    network: &mut Network,
    clock: Clock,
    steps: &watch::Sender<LinkStep>,
) -> Result<Settled, CommandError> {
    loop {
        drain(newcomer, network, steps).await;
        if let Some(outcome) = newcomer.settled() {
            return outcome;
        }
        let deadline = newcomer.poll_timeout().map(|at| clock.instant(at));
        let input = tokio::select! {
            input = network.input() => input.ok_or_else(|| {
                CommandError::new(ErrorCode::Internal, "the network's task has ended")
            })?,
            () = sleep_until(deadline) => Input::Timeout,
        };
        newcomer.handle(clock.now(), input);
    }
}

async fn drain(
    newcomer: &mut Newcomer<ChaCha20Rng>,
    network: &Network,
    steps: &watch::Sender<LinkStep>,
) {
    while let Some(output) = newcomer.poll_output() {
        match Request::try_from(output) {
            Ok(request) => network.carry_out(request).await,
            Err(Output::Event(_, Event::LinkingChanged { linking })) => {
                steps.send_replace(linking.step);
            }
            Err(_) => tracing::error!("an output has no carrier"),
        }
    }
}

async fn store(
    config: &NodeConfig,
    dir: DataDir,
    lock: DirLock,
    settled: Settled,
) -> Result<Initialised, InitError> {
    let key = config.key.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let unlocked = vault::create(&dir, &key)?;
        Store::create(&dir, &lock, &unlocked.key, &settled.writes)?;
        Ok(Initialised {
            account: settled.account,
            device: settled.device,
            at_rest: unlocked.origin,
            recovery_words: None,
        })
    });
    stored.await.map_err(|error| {
        InitError::Command(CommandError::new(ErrorCode::Internal, error.to_string()))
    })?
}
