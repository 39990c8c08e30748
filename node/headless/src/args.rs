//! The command line: what may be typed, with its help. docs/cli.md says what each prints.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// One peer of a community without a server: makes an account, runs its node, talks to a running one.
#[derive(Debug, Parser)]
#[command(name = "alloquy-node", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Action,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 an error, with --json {\"error\":{\"code\",\"message\"}}; 2 what was typed does not parse.

Environment:
  ALLOQUY_PASSPHRASE   passphrase of the at-rest key (else --passphrase-file, the OS keychain, a key file)
  ALLOQUY_NO_KEYCHAIN  1: the OS keychain is not asked
  ALLOQUY_LOG          what is logged to standard error, for example debug or alloquy_node=trace (warn)";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Makes an account and gives its 12 recovery words, once
    Init(Init),
    /// Runs the node of a data directory in the foreground until SIGTERM or SIGINT
    Run(Run),
    /// Carries out one line on the running node: 'send "club/general" "hello"'
    #[command(after_long_help = format!("Lines:\n\n{}", alloquy_api::line::help("")))]
    Do(Do),
    /// Prints what happens at the running node, one event a line
    Watch(Watch),
    /// Says whether the node is ready (exit 0) or not running (exit 1)
    Status(Look),
    /// Looks at a data directory and its node, and says what is wrong or could be safer
    Doctor(Doctor),
    /// Makes an app password for an IRC client (run --irc), and shows it once; lists and revokes them
    IrcPassword(IrcPassword),
    /// Prints this program's manual page (roff)
    Man,
    /// Prints completions for a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        shell: Shell,
    },
}

/// Where the node lives.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// Data directory of the account
    #[arg(long = "data", value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// How the store is opened.
#[derive(Debug, Args)]
pub(crate) struct Key {
    /// File whose first line is the passphrase of the at-rest key
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Display name of the account; with --link or --restore, what this device is called
    #[arg(long, required_unless_present_any = ["link", "restore"])]
    pub(crate) name: Option<String>,
    /// Makes this a device of an account that exists: the code or link that `device link` shows on another device
    #[arg(long, value_name = "CODE|LINK", conflicts_with_all = ["restore", "recovery_file"])]
    pub(crate) link: Option<String>,
    /// Brings an account back by its recovery words, which are read from standard input
    #[arg(long, conflicts_with = "recovery_file")]
    pub(crate) restore: bool,
    /// Link or multiaddr of a member or home node that knows the account; may be given several times (whoever is
    /// found on the local network)
    #[arg(long, value_name = "LINK|MULTIADDR", requires = "restore")]
    pub(crate) from: Vec<String>,
    /// Ends the account's other devices: they were lost
    #[arg(long, requires = "restore")]
    pub(crate) revoke_others: bool,
    /// New file of mode 0600 for the recovery words; else they are shown on the terminal, or stand in the
    /// field `recovery` with --json
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: Key,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Multiaddr to listen on; may be given several times (QUIC and TCP on free ports of all interfaces)
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// Neither looks for peers on the local network nor answers there
    #[arg(long)]
    pub(crate) no_mdns: bool,
    /// Multiaddr of a relay, ending in /p2p/ and its name; may be given several times
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) relay: Vec<String>,
    /// File with a pass for relays that admit by one
    #[arg(long, value_name = "FILE")]
    pub(crate) relay_pass: Option<PathBuf>,
    /// Does not ask the router to let connections in (UPnP)
    #[arg(long)]
    pub(crate) no_upnp: bool,
    /// Multiaddr at which this node is reachable from outside, where that is known; may be given several times
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) announce: Vec<String>,
    /// Multiaddr of a peer to dial at the start; may be given several times
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) peer: Vec<String>,
    /// Runs a home node: keeps ciphertext for whoever pairs with it. An empty data directory is made ready
    #[arg(long)]
    pub(crate) home: bool,
    /// GiB that a home node keeps at most (as before, 20 at first)
    #[arg(long, value_name = "GIB", requires = "home", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) quota: Option<u32>,
    /// Address of this machine where a home node shows its page and figures; port 0: any that is free
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "home",
        default_value = "127.0.0.1:9180"
    )]
    pub(crate) page: SocketAddr,
    /// Public address and port of the TURN server of a home node, UDP and TCP, by which its owner, who has paired with
    /// it, and members of what it keeps speak where nothing else passes; behind a router that port and those of
    /// --turn-ports are forwarded; at most one of IPv4 and one of IPv6
    #[arg(long, value_name = "ADDRESS:PORT", requires = "home")]
    pub(crate) turn: Vec<SocketAddr>,
    /// UDP ports of that server for what it relays (65036-65535)
    #[arg(long, value_name = "FIRST-LAST", requires = "turn", value_parser = ports)]
    pub(crate) turn_ports: Option<RangeInclusive<u16>>,
    /// Address of this machine where IRC clients are let in as faces of this account: 127.0.0.1:6667, [::1]:6667 or
    /// unix:/path
    #[arg(long, value_name = "ADDRESS", conflicts_with = "home")]
    pub(crate) irc: Option<String>,
    /// Where the sound of this account comes from: default, device:NAME, file:PATH.wav[,loop], tone[:HZ], tts:TEXT or
    /// null. Given or --audio-out given, voice channels can be joined
    #[arg(long, value_name = "INPUT", conflicts_with = "home")]
    pub(crate) audio_in: Option<String>,
    /// Where the sound of others goes: default, device:NAME, file:PATH.wav (a new file) or null
    #[arg(long, value_name = "OUTPUT", conflicts_with = "home")]
    pub(crate) audio_out: Option<String>,
    /// File with servers of ICE for calls: JSON as of WebRTC, [{"urls":[..],"username":"..","credential":".."}]
    #[arg(long, value_name = "FILE")]
    pub(crate) ice: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: Key,
}

#[derive(Debug, Args)]
pub(crate) struct IrcPassword {
    #[command(flatten)]
    pub(crate) data: Data,
    /// What the password is called: which client has it
    #[arg(long, value_name = "TEXT", default_value = "irc")]
    pub(crate) label: String,
    /// Lets its client read, and nothing else
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Prints the passwords that are good instead: number, scope, last use, label
    #[arg(long, conflicts_with_all = ["label", "read_only"])]
    pub(crate) list: bool,
    /// Ends the password of this number instead, and the connections that it let in
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["label", "read_only", "list"])]
    pub(crate) revoke: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Do {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// How long to wait for the outcome
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) wait: Duration,
    /// The line: one command of docs/cli.md
    #[arg(value_name = "LINE")]
    pub(crate) line: String,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Prints each event as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) key: Key,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Seconds, whole or with a fraction; at most a day.
fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| text.parse::<u16>().ok();
    let range = text.split_once('-');
    let range = range.and_then(|(first, last)| Some(port(first)?..=port(last)?));
    range.ok_or_else(|| format!("{text:?} is not as 65036-65535: a first and a last port"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{text:?} is not a number of seconds from 0 to 86400"))
}
