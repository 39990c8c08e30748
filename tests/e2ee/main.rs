//! The reference client of `alloquy.chat/e2ee` (docs/irc.md): a whole Alloquy node that reaches the world through an
//! IRC connection and nothing else.
//!
//! `alloquy-e2ee ADDRESS ACCOUNT DATA-DIR` logs in to a rendezvous at ADDRESS (of this machine, for nothing but Alloquy's
//! own streams is sealed here) as ACCOUNT with the password in `ALLOQUY_IRC_PASSWORD`, runs the node of DATA-DIR over
//! that connection, pairs it with the home node that the rendezvous keeps for the account, and serves until the
//! connection ends or SIGTERM comes. `alloquy-node do --data DATA-DIR` talks to it like to any node.

mod line;
mod streams;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::{Command, PersonalCommand};
use alloquy_node::{KeySource, NodeConfig};
use anyhow::{Context, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use line::Line;
use streams::Streams;

/// Patience with the pairing.
const PAIRING: Duration = Duration::from_secs(30);

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
    let (streams, serving) = Streams::over(line, home.key);
    let key = KeySource {
        passphrase: None,
        keychain: false,
    };
    let config = NodeConfig {
        peers: vec![home.address],
        dialer: Some(Arc::new(streams)),
        ..NodeConfig::new(PathBuf::from(data), key)
    };
    let serving = tokio::spawn(serving);
    let node = alloquy_node::start(config).await?;
    if let Some(code) = home.link {
        let mut handle = node.handle();
        let order = PersonalCommand::HomePair { code };
        handle.call(Command::Personal { order }, PAIRING).await?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready: account {}", node.status().account)?;
    out.flush()?;
    drop(out);
    let mut terminate = signal(SignalKind::terminate())?;
    let ended = tokio::select! {
        ended = serving => ended?.context("the IRC connection ended"),
        _ = terminate.recv() => Ok(()),
    };
    node.shutdown().await?;
    ended
}
