//! The reference client of `alloquy.chat/e2ee` (docs/irc.md): a whole Alloquy node that reaches the world through an
//! IRC connection and nothing else.
//!
//! `alloquy-e2ee ADDRESS ACCOUNT DATA-DIR` logs in to a rendezvous at ADDRESS (of this machine, for nothing but Alloquy's
//! own streams is sealed here) as ACCOUNT with the password in `ALLOQUY_IRC_PASSWORD`, runs the node of DATA-DIR over
//! that connection, pairs it with the home node that the rendezvous keeps for the account, and serves until the
//! connection ends or SIGTERM comes. It ends at once when somebody else has paired with that home node before. `alloquy-node do --data DATA-DIR` talks to it like to any node.

mod line;
mod streams;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::{Command, PersonalCommand, Reply};
use alloquy_ids::NetworkKey;
use alloquy_node::{KeySource, NodeConfig, Running};
use anyhow::{Context, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use line::{Home, Line};
use streams::Streams;

/// Patience with the pairing.
const PAIRING: Duration = Duration::from_secs(30);
/// Pause before the node is asked again whether it is connected.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Why nothing is done: what it keeps would be in the hands of whoever paired with it.
const SOMEBODY_ELSES: &str = "the home node of this account belongs to somebody else";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, account, data] = arguments.as_slice() else {
        bail!("usage: alloquy-e2ee ADDRESS ACCOUNT DATA-DIR");
    };
    let address: SocketAddr = address.parse().context(address.clone())?;
    ensure!(
        address.ip().is_loopback(),
        "{address}: without TLS a password is told to this machine only"
    );
    let password = std::env::var("ALLOQUY_IRC_PASSWORD").context("ALLOQUY_IRC_PASSWORD")?;
    let mut line = Line::log_in(address, account, &password).await?;
    let home = line.home().await?;
    // Nobody but the home node is reached before it is certain whose that is.
    let (reach_others, others) = watch::channel(false);
    let (streams, serving) = Streams::over(line, home.key, others);
    let key = KeySource {
        passphrase: None,
        keychain: false,
    };
    let config = NodeConfig {
        peers: vec![home.address.clone()],
        dialer: Some(Arc::new(streams)),
        ..NodeConfig::new(PathBuf::from(data), key)
    };
    let serving = tokio::spawn(serving);
    let node = alloquy_node::start(config).await?;
    if let Err(error) = paired(&node, home).await {
        node.shutdown().await?;
        return Err(error);
    }
    reach_others.send_replace(true);
    // Before it says that it is ready: whoever ends it then ends it cleanly.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready: account {}", node.status().account)?;
    out.flush()?;
    drop(out);
    let ended = tokio::select! {
        ended = serving => ended?.context("the IRC connection ended"),
        _ = terminate.recv() => Ok(()),
    };
    node.shutdown().await?;
    ended
}

/// Pairs with the home node, or makes sure that this account has.
async fn paired(node: &Running, home: Home) -> anyhow::Result<()> {
    let Some(code) = home.link else {
        let owned = tokio::time::timeout(PAIRING, owned(node)).await;
        return owned.unwrap_or_else(|_late| Err(not_reached(node, home.key)));
    };
    let order = PersonalCommand::HomePair { code };
    let mut handle = node.handle();
    handle.call(Command::Personal { order }, PAIRING).await?;
    Ok(())
}

/// Waits until a home node of this account is connected. It is the one that the rendezvous keeps: no other key than that
/// one's is reached so far, and the connection proves it.
async fn owned(node: &Running) -> anyhow::Result<()> {
    let mut handle = node.handle();
    loop {
        let order = PersonalCommand::Homes;
        let told = handle.call(Command::Personal { order }, PAIRING).await?;
        let Reply::Homes { homes } = told else {
            bail!("the node does not say which home nodes it has");
        };
        ensure!(!homes.is_empty(), SOMEBODY_ELSES);
        if homes.iter().any(|home| home.connected) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Why none of this account's home nodes is connected.
fn not_reached(node: &Running, home: NetworkKey) -> anyhow::Error {
    let peers = node.status().peers;
    match peers.iter().any(|peer| peer.peer == home) {
        true => anyhow::anyhow!(SOMEBODY_ELSES),
        false => anyhow::anyhow!("the home node of this account is not reached"),
    }
}
