//! `alloquy-rendezvous`: where people meet whose programs speak IRC.
//!
//! ```text
//!  settings -> doors (listener) -> the IRC server (irc) <-> clients of nodes <-> nodes of this process <-> other peers
//!              accounts: rules (directory), disk (keep), and a node for each that has logged in
//! ```
//! Deliberately not here: lines of IRC (`alloquy-irc`), sockets (`alloquy-irc-listener`), rules of accounts
//! (`alloquy-directory`), rules of communities (the core's).

mod accounts;
mod admitted;
mod config;
mod homes;
mod keep;
mod nodes;
mod page;
mod serve;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use config::Config;

/// Lets people whose programs speak IRC take part.
#[derive(Debug, Parser)]
#[command(name = "alloquy-rendezvous", version, after_help = AFTER_HELP)]
struct Arguments {
    /// File of settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Says whether the file is good, and ends
    #[arg(long)]
    check: bool,
}

/// What is logged unless somebody says otherwise: libraries of the network only when they fail.
const FILTER: &str =
    "error,alloquy_rendezvous=info,alloquy_irc_listener=warn,alloquy_node=warn,alloquy_core=warn";

const AFTER_HELP: &str = "\
SIGHUP reads the file again; a wrong one changes nothing. SIGTERM ends the program, when it has
kept what clients have seen, within 4 s.
Exit codes: 0 done; 1 an error; 2 what was typed does not parse.

Environment:
  ALLOQUY_LOG  what is logged to standard error, for example debug or alloquy_rendezvous=trace (info)";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.check {
        true => Config::read(&arguments.config)
            .map(drop)
            .map_err(Into::into),
        false => serve(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may read it; then nobody needs it.
            drop(writeln!(io::stderr(), "alloquy-rendezvous: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_env("ALLOQUY_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve::serve(&arguments.config));
    // Checks that still run are not waited for.
    runtime.shutdown_background();
    Ok(ended?)
}
