//! `run`: the node in the foreground.

use std::cell::RefCell;
use std::fs::File;
use std::future::Future;
use std::io::Read;
use std::path::Path;

use alloquy_api::{Client, CommandError, ErrorCode};
use alloquy_node::home::{RELAY_PORTS, TurnConfig, qr_lines, shown_code};
use alloquy_node::{HomeConfig, KeySource, NodeConfig, Pass, Running};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::Stop;
use crate::args;
use alloquy_irc_listener::own::{OwnDoor, Served};

use crate::irc;
use crate::out::Out;
use crate::voice;

/// Runs the node until it is told to stop. One line when ready, nothing else on standard output.
pub(crate) fn run(out: &mut Out, arguments: &args::Run) -> Result<(), Stop> {
    log_to_stderr();
    let config = NodeConfig {
        listen: arguments.listen.clone(),
        mdns: !arguments.no_mdns,
        peers: arguments.peer.clone(),
        upnp: !arguments.no_upnp,
        relays: arguments.relay.clone(),
        relay_pass: relay_pass(arguments.relay_pass.as_deref())?,
        announce: arguments.announce.clone(),
        ice: voice::ice(arguments.ice.as_deref())?,
        home: arguments.home.then(|| HomeConfig {
            quota: arguments.quota.map(|gib| u64::from(gib) << 30),
            page: Some(arguments.page),
            turn: turn(arguments),
        }),
        ..NodeConfig::new(&arguments.data.dir, key_source(&arguments.key)?)
    };
    let sound = voice::config(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| internal(&error))?;
    runtime.block_on(async {
        // Before anything starts, so that a signal during the start ends it as cleanly as one later.
        let told_to_stop = stop_signals()?;
        let mut said = Ok(());
        let door = irc::open(arguments)?;
        let open = RefCell::new(None);
        let mut engine = None;
        // What IRC clients have is kept by the node: their door shuts first.
        let told_to_stop = async {
            told_to_stop.await;
            let served: Option<Served> = open.take();
            if let Some(served) = served {
                served.close().await;
            }
        };
        alloquy_node::run(
            config,
            |running| {
                said = tell_ready(out, running, arguments.home)
                    .and_then(|()| open_irc(out, running, door))
                    .map(|served| drop(open.replace(served)))
                    .and_then(|()| {
                        engine = voice::attach(running, sound)?;
                        Ok(())
                    });
            },
            told_to_stop,
        )
        .await
        .map_err(CommandError::from)?;
        match said {
            Err(Stop::Closed) | Ok(()) => Ok(()),
            Err(stop) => Err(stop),
        }
    })
}

/// Bytes of a file that is read for a pass: the pass, and what an editor may have added.
const PASS_FILE_BYTES_MAX: u64 = 1024;

fn relay_pass(path: Option<&Path>) -> Result<Option<Box<Pass>>, CommandError> {
    let Some(path) = path else { return Ok(None) };
    let bad = |reason: String| {
        let message = format!("{}: {reason}", path.display());
        CommandError::new(ErrorCode::Parse, message)
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(PASS_FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| bad(error.to_string()))?;
    let pass = text.trim().parse::<Pass>();
    pass.map(|pass| Some(Box::new(pass)))
        .map_err(|error| bad(error.to_string()))
}

/// The account and every address, the peer's own name once for all of them.
fn ready_line(running: &Running) -> String {
    let status = running.status();
    let bare = status.listen.iter().map(|address| {
        address
            .rsplit_once("/p2p/")
            .map_or(&**address, |(at, _)| at)
    });
    let peer = status
        .listen
        .first()
        .and_then(|address| address.rsplit_once("/p2p/"))
        .map(|(_, peer)| peer);
    let addresses = bare.collect::<Vec<_>>().join(" ");
    format!(
        "ready: account {} listens on {addresses} as /p2p/{}",
        status.account,
        peer.unwrap_or("-")
    )
}

/// The TURN server of a home node, where one is asked for.
fn turn(arguments: &args::Run) -> Option<TurnConfig> {
    (!arguments.turn.is_empty()).then(|| TurnConfig {
        addresses: arguments.turn.clone(),
        ports: arguments.turn_ports.clone().unwrap_or(RELAY_PORTS),
        realm: "alloquy".to_owned(),
    })
}

/// One line when ready; a home node's page and codes follow.
fn tell_ready(out: &mut Out, running: &Running, home: bool) -> Result<(), Stop> {
    out.text(&ready_line(running))?;
    match home {
        true => tell_home(out, running),
        false => Ok(()),
    }
}

/// Lets IRC clients in, and says where.
fn open_irc(
    out: &mut Out,
    running: &Running,
    door: Option<OwnDoor>,
) -> Result<Option<Served>, Stop> {
    let Some(door) = door else { return Ok(None) };
    let served = irc::serve(door, running)?;
    out.text(&format!("irc: {}", served.address()))?;
    Ok(Some(served))
}

/// Says where the page of a home node is, and tells every code that stands while nobody has paired.
fn tell_home(out: &mut Out, running: &Running) -> Result<(), Stop> {
    if let Some(page) = running.home_page() {
        out.text(&format!("page: http://{page}/"))?;
    }
    let mut handle = running.handle();
    tokio::spawn(async move {
        let mut told = String::new();
        loop {
            while handle.next_event().is_some() {}
            let linking = handle.snapshot().linking.clone();
            if let Some((code, link)) = linking.as_deref().and_then(shown_code)
                && code != told
            {
                code.clone_into(&mut told);
                let text = format!("{}link: {link}\ncode: {code}", qr_lines(link));
                if Out::new(false).text(&text).is_err() {
                    return;
                }
            }
            if !handle.changed().await {
                return;
            }
        }
    });
    Ok(())
}

/// Resolves at the first SIGTERM, SIGINT or SIGHUP.
fn stop_signals() -> Result<impl Future<Output = ()>, CommandError> {
    let listen = |kind| signal(kind).map_err(|error| internal(&error));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// Logs go to standard error; names and texts never reach them (the layers below log short ids only).
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("ALLOQUY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// Where the at-rest key comes from, by the arguments and the environment.
pub(crate) fn key_source(key: &args::Key) -> Result<KeySource, CommandError> {
    KeySource::from_env(key.passphrase_file.as_deref())
        .map_err(|error| CommandError::new(error.code(), error.to_string()))
}

pub(crate) fn internal(error: &std::io::Error) -> CommandError {
    CommandError::new(ErrorCode::Internal, error.to_string())
}
