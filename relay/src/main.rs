//! The program `alloquy-relay`: a relay in the foreground, coturn beside it, and passes for one.

mod args;

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use alloquy_ids::UnixMs;
use alloquy_relay::limits::{LIST_BYTES_MAX, PASS_AHEAD};
use alloquy_relay::turn::coturn::{self, Coturn};
use alloquy_relay::{Admission, Config, Door, Limits, Listed, Pass, Relay, load_or_make};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use args::{Action, Arguments, Issue, Serve, TryTurn, Turn, TurnAction};

/// What ends the program early, told on standard error.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.action {
        Some(Action::Pass(issue)) => issue_pass(issue),
        Some(Action::Turn(turn)) => run_turn(turn),
        None => serve(&arguments.serve, None),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may read it; then nobody needs it.
            drop(writeln!(io::stderr(), "alloquy-relay: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

fn issue_pass(issue: &Issue) -> Result<(), Failure> {
    let seed = load_or_make(&issue.issuer_key)?;
    let issuer = ed25519_dalek::SigningKey::from_bytes(&seed);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let ends = now + Duration::from_secs(u64::from(issue.days) * 24 * 60 * 60);
    let ends = UnixMs(u64::try_from(ends.as_millis())?);
    let bytes = u64::from(issue.mib_per_day) * 1024 * 1024;
    let issuer_key = alloquy_ids::NetworkKey(issuer.verifying_key().to_bytes());
    drop(writeln!(
        io::stderr(),
        "for the list of the relay: issuer {issuer_key}"
    ));
    say(&Pass::sign(&issuer, issue.holder, ends, bytes).to_string())
}

fn run_turn(turn: &Turn) -> Result<(), Failure> {
    if let Some(TurnAction::Credential(wanted)) = &turn.action {
        return print_credential(wanted);
    }
    let path = turn.config.as_ref().ok_or("--config is missing")?;
    let config = coturn::Config::read(path)?;
    if turn.serve.open {
        let text =
            "--open would give everybody credentials for the TURN server: --admit FILE is needed";
        return Err(text.into());
    }
    serve(&turn.serve, Some(config))
}

fn print_credential(wanted: &TryTurn) -> Result<(), Failure> {
    let config = coturn::Config::read(&wanted.config)?;
    let made = coturn::credential(&config, &wanted.account)?;
    let mut lines = vec![
        format!("username: {}", made.username),
        format!("password: {}", *made.password),
    ];
    lines.extend(config.urls);
    say(&lines.join("\n"))
}

fn admission(serve: &Serve) -> Result<Admission, Failure> {
    let Some(path) = &serve.admit else {
        return Ok(Admission::Open);
    };
    let list = read_list(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Admission::Listed(list))
}

fn read_list(path: &Path) -> Result<Listed, Failure> {
    let bytes = fs::metadata(path)?.len();
    if bytes > LIST_BYTES_MAX {
        return Err(format!("{bytes} bytes, at most {LIST_BYTES_MAX} are read").into());
    }
    Ok(Listed::parse(&fs::read_to_string(path)?)?)
}

fn limits(serve: &Serve) -> Limits {
    let mib = |mib: u32| u64::from(mib) * 1024 * 1024;
    let default = Limits::default();
    Limits {
        reservations: serve.reservations.map_or(default.reservations, usize::from),
        circuits: serve.circuits.map_or(default.circuits, usize::from),
        circuit_bytes: serve.circuit_mib.map_or(default.circuit_bytes, mib),
        peer_bytes: serve.peer_mib_per_day.map_or(default.peer_bytes, mib),
        address_bytes: serve.address_mib_per_day.map_or(default.address_bytes, mib),
        ..default
    }
}

fn begin_log() {
    let filter = EnvFilter::try_from_env("ALLOQUY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
}

fn serve(serve: &Serve, turn: Option<coturn::Config>) -> Result<(), Failure> {
    begin_log();
    let key = serve.key.as_ref().ok_or("--key is missing")?;
    let mut config = Config {
        seed: load_or_make(key)?,
        listen: serve.listen.clone(),
        announce: serve.announce.clone(),
        door: Door::new(admission(serve)?),
        limits: limits(serve),
        metrics: serve.metrics,
        turn: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before anything starts, so that a signal during the start ends it as cleanly as one later.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let coturn = turn.map(Coturn::start).transpose()?;
        config.turn = coturn.as_ref().map(Coturn::desk);
        let relay = Relay::start(config).await?;
        // Whoever started it may not read: it serves all the same.
        if let Err(failure) = say(&ready(&relay, serve.metrics)) {
            tracing::warn!("its addresses can not be told: {failure}");
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        relay.shutdown().await;
        if let Some(coturn) = coturn {
            coturn.shutdown().await;
        }
        Ok(())
    })
}

/// What is told when it serves: its name, then an address a line.
fn ready(relay: &Relay, metrics: Option<SocketAddr>) -> String {
    let mut lines = vec![format!("ready: relay {}", relay.peer())];
    lines.extend(relay.addresses().iter().map(ToString::to_string));
    if metrics.is_some()
        && let Some(address) = relay.metrics()
    {
        lines.push(format!("figures: http://{address}/metrics"));
    }
    lines.join("\n")
}

/// Days that a pass may be good for.
const PASS_DAYS_MAX: i64 = (PASS_AHEAD.as_secs() / (24 * 60 * 60)) as i64;
