//! The command line: what may be typed, with its help.

use std::net::SocketAddr;
use std::path::PathBuf;

use alloquy_ids::NetworkKey;
use alloquy_relay::parse_key;
use clap::{ArgGroup, Args, Parser, Subcommand, value_parser};
use libp2p::Multiaddr;

use crate::PASS_DAYS_MAX;

/// Carries sealed traffic between peers who can not reach each other; knows nothing of communities.
#[derive(Debug, Parser)]
#[command(
    name = "alloquy-relay",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = AFTER_HELP
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

const AFTER_HELP: &str = "\
The list of --admit: one peer a line (network key or peer id), or `issuer KEY` whose passes are good; # begins a remark.
Exit codes: 0 done; 1 an error; 2 what was typed does not parse.

Environment:
  ALLOQUY_LOG  what is logged to standard error, for example debug or alloquy_relay=trace (warn)";

/// What else to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Signs a pass by which a peer may reserve at relays that list its issuer
    Pass(Issue),
    /// Serves as a relay and runs coturn beside it: who is admitted is given credentials for it
    Turn(Box<Turn>),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Turn {
    #[command(subcommand)]
    pub(crate) action: Option<TurnAction>,
    /// File of coturn's settings, in TOML (docs/relay.md)
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What else to do with the TURN server.
#[derive(Debug, Subcommand)]
pub(crate) enum TurnAction {
    /// Prints a credential that is good for an hour, to try the TURN server
    Credential(TryTurn),
}

#[derive(Debug, Args)]
pub(crate) struct TryTurn {
    /// File of coturn's settings, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Whom it names: 1 to 64 characters of A-Z a-z 0-9 - _ .
    #[arg(long, value_name = "NAME")]
    pub(crate) account: String,
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// File of the issuer's key; made where it is missing, with mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_key: PathBuf,
    /// Who may reserve: a network key or a peer id
    #[arg(long, value_name = "PEER", value_parser = peer)]
    pub(crate) holder: NetworkKey,
    /// Days until it ends
    #[arg(long, default_value = "90", value_parser = value_parser!(u32).range(1..=PASS_DAYS_MAX))]
    pub(crate) days: u32,
    /// MiB that the holder may send per day
    #[arg(long, default_value = "16384", value_parser = value_parser!(u32).range(1..))]
    pub(crate) mib_per_day: u32,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("admission").args(["admit", "open"]).required(true))]
pub(crate) struct Serve {
    /// Multiaddr to listen on; may be given several times
    #[arg(
        long,
        value_name = "MULTIADDR",
        default_values = [
            "/ip4/0.0.0.0/udp/4101/quic-v1",
            "/ip4/0.0.0.0/tcp/4101",
            "/ip6/::/udp/4101/quic-v1",
            "/ip6/::/tcp/4101",
        ]
    )]
    pub(crate) listen: Vec<Multiaddr>,
    /// Multiaddr that clients are told instead of those where it listens; may be given several times
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) announce: Vec<Multiaddr>,
    /// File of the relay's key; made where it is missing, with mode 0600
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) key: Option<PathBuf>,
    /// File that lists who may reserve
    #[arg(long, value_name = "FILE")]
    pub(crate) admit: Option<PathBuf>,
    /// Everybody may reserve, within the quotas
    #[arg(long)]
    pub(crate) open: bool,
    /// Address of this machine where figures are shown, as 127.0.0.1:9101
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Reservations at once (4096)
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) reservations: Option<u16>,
    /// Circuits at once (4096)
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) circuits: Option<u16>,
    /// MiB that one circuit may carry (8192)
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u32).range(1..))]
    pub(crate) circuit_mib: Option<u32>,
    /// MiB that one peer may send per day (16384)
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u32).range(1..))]
    pub(crate) peer_mib_per_day: Option<u32>,
    /// MiB that all peers of one address may send per day (65536)
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u32).range(1..))]
    pub(crate) address_mib_per_day: Option<u32>,
}

fn peer(text: &str) -> Result<NetworkKey, String> {
    parse_key(text).ok_or_else(|| {
        format!("{text:?} is no peer: a network key (52 characters of a-z and 2-7) or a peer id is")
    })
}
