//! Serving: everything is opened, then connected, and ends when it is told to.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use alloquy_ids::{CommunityId, UnixMs};
use alloquy_irc::{Bridge, Server, Settings};
use alloquy_irc_listener::{Bell, Door, DoorError, Face, Figures, Kind, Range, Tls};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::accounts::Ledger;
use crate::config::{Config, ConfigError};
use crate::homes::Homes;
use crate::keep::{Keep, KeepError};
use crate::nodes::{Lobby, NodeError, Nodes};
use crate::page::{self, Told};

/// Under what name the lobby's id is kept.
const LOBBY: &str = "lobby";

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("{what}: {error}")]
    Io {
        what: &'static str,
        error: io::Error,
    },
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> ServeError {
    move |error| ServeError::Io { what, error }
}

/// Serves what a file says until SIGTERM or SIGINT.
pub(crate) async fn serve(path: &Path) -> Result<(), ServeError> {
    // Before anything starts, so that a signal during the start ends it as cleanly as one later.
    let mut terminate = signal(SignalKind::terminate()).map_err(failed("SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("SIGINT"))?;
    let hang_up = signal(SignalKind::hangup()).map_err(failed("SIGHUP"))?;
    let config = Config::read(path)?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    run(path, config, hang_up, stop).await
}

async fn run(
    path: &Path,
    config: Config,
    hang_up: Signal,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut stop = std::pin::pin!(stop);
    // Whoever connects while the node starts waits in the sockets' queues.
    let doors = doors(&config)?;
    let page = match config.metrics {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .map_err(failed("metrics"))?,
        ),
        None => None,
    };
    let ready = ready(&doors, page.as_ref());
    let bell = Bell::default();
    let (keep, nodes) = tokio::select! {
        opened = open(&config, bell.clone()) => opened?,
        () = &mut stop => return Ok(()),
    };
    let cloak_key = keep.derived("alloquy rendezvous 2026 cloaks");
    let nodes = Arc::new(nodes);
    let homes = Arc::new(Homes::new(config.data_dir.join("homes")));
    let ledger = Ledger::new(
        keep,
        (Arc::clone(&nodes), Arc::clone(&homes)),
        Handle::current(),
        &config,
    )?;
    let ledger = Arc::new(ledger);
    let figures = Arc::new(Figures::default());
    if let Some(listener) = page {
        let told = Told {
            figures: Arc::clone(&figures),
            nodes: Arc::clone(&nodes),
            homes: Arc::clone(&homes),
            ledger: Arc::clone(&ledger),
        };
        tokio::spawn(page::serve(listener, told));
    }
    let live = Live {
        tls: config.pair.clone().map(Tls::new),
        exempt: Arc::new(Mutex::new(config.exempt.clone())),
        ledger: Arc::clone(&ledger),
    };
    let bridge = Bridge {
        mechanisms: config.sasl.clone(),
        registration: config.registration(),
        guests: config.guests && config.lobby,
        lobby: nodes.lobby(),
        sts: config.sts.clone(),
        e2ee: config.e2ee.is_some(),
        password: config.password.is_some(),
        opers: !config.opers.is_empty(),
    };
    let face = Face {
        server: server(&config).with_bridge(bridge),
        doors,
        tls: live.tls.clone(),
        exempt: Arc::clone(&live.exempt),
        origins: config.origins.clone().into(),
        cloak_key,
        accounts: ledger,
        clients: Vec::new(),
        bell,
        figures,
        tunnels: config.e2ee,
    };
    say(&ready)?;
    tokio::spawn(Arc::clone(&nodes).name_communities());
    if config.e2ee.is_some() {
        tokio::spawn(homes.start_known());
    }
    tokio::select! {
        () = alloquy_irc_listener::serve(face, stop) => {}
        () = live.follow(path, config, hang_up) => {}
    }
    Ok(())
}

fn doors(config: &Config) -> Result<Vec<Door>, DoorError> {
    let opened = config.doors.iter();
    opened
        .map(|(kind, address)| Door::open(*kind, address.clone()))
        .collect()
}

/// What is told when it serves: an address a line.
fn ready(doors: &[Door], page: Option<&TcpListener>) -> String {
    let mut lines = vec!["ready".to_owned()];
    lines.extend(doors.iter().map(|door| {
        let kind = match door.kind() {
            Kind::Plain => "plain",
            Kind::Tls => "tls",
            Kind::WebSocket => "websocket",
            Kind::Sts => "sts",
        };
        format!("{kind}: {}", door.address())
    }));
    if let Some(address) = page.and_then(|page| page.local_addr().ok()) {
        lines.push(format!("metrics: http://{address}/metrics"));
    }
    lines.join("\n")
}

fn say(text: &str) -> Result<(), ServeError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(failed("standard output"))
}

fn server(config: &Config) -> Server {
    let server = Server::new(settings(config));
    match config.previews {
        true => server,
        false => server.without_preview_lines(),
    }
}

fn settings(config: &Config) -> Settings {
    let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Settings {
        server_name: config.server_name.clone(),
        network: config.network.clone(),
        version: concat!("alloquy-rendezvous-", env!("CARGO_PKG_VERSION")).to_owned(),
        started: UnixMs(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// Opens the directory's disk and starts the rendezvous' own node, with its lobby.
async fn open(config: &Config, bell: Bell) -> Result<(Keep, Nodes), ServeError> {
    let folder = config.data_dir.clone();
    alloquy_node::data_dir::DataDir::create(&folder).map_err(failed("data_dir"))?;
    let keep = Keep::open(&folder)?;
    let known = keep
        .single(LOBBY)?
        .and_then(|id| Some(CommunityId(id.try_into().ok()?)));
    let lobby = match (config.lobby, known) {
        (false, _) => Lobby::None,
        (true, Some(community)) => Lobby::Known(community),
        (true, None) => Lobby::New,
    };
    let nodes = Nodes::start(&folder, (&config.server_name, &config.network), bell, lobby).await?;
    if let Some(community) = nodes.lobby().filter(|lobby| known != Some(*lobby)) {
        keep.put_single(LOBBY, community.as_bytes())?;
    }
    Ok((keep, nodes))
}

/// What another file can change while it serves.
struct Live {
    tls: Option<Tls>,
    exempt: Arc<Mutex<Vec<Range>>>,
    ledger: Arc<Ledger>,
}

impl Live {
    /// Reads the file again at each SIGHUP. A wrong one changes nothing.
    async fn follow(&self, path: &Path, mut config: Config, mut hang_up: Signal) {
        while hang_up.recv().await.is_some() {
            match Config::read(path) {
                Ok(new) => {
                    self.take(&new, &config);
                    config = new;
                    tracing::info!("the settings were read again");
                }
                Err(error) => tracing::error!(%error, "the settings stay as they were"),
            }
        }
        // No signal comes any more: then nothing is read again.
        std::future::pending().await
    }

    fn take(&self, new: &Config, old: &Config) {
        let fixed = [
            ("server_name", new.server_name != old.server_name),
            ("data_dir", new.data_dir != old.data_dir),
            ("metrics", new.metrics != old.metrics),
            ("irc.network", new.network != old.network),
            ("irc.listen_*", new.doors != old.doors),
            ("irc.sts_names", new.sts != old.sts),
            ("irc.websocket_origins", new.origins != old.origins),
            ("irc.lobby", new.lobby != old.lobby),
            ("irc.guests", new.guests != old.guests),
            ("irc.sasl", new.sasl != old.sasl),
            ("irc.password", new.password != old.password),
            ("irc.oper", new.opers != old.opers),
            ("irc.previews", new.previews != old.previews),
            ("irc.e2ee", new.e2ee != old.e2ee),
            (
                "irc.open_registration, irc.register_before_connect",
                new.registration() != old.registration(),
            ),
        ];
        for (key, _) in fixed.into_iter().filter(|(_, changed)| *changed) {
            tracing::warn!(key, "this changes when the program is started again");
        }
        match (&self.tls, &new.pair) {
            (Some(tls), Some(pair)) => tls.show(pair.clone()),
            (None, Some(_)) => {
                tracing::warn!("a certificate is taken when the program is started again");
            }
            (_, None) => {}
        }
        new.exempt
            .clone_into(&mut self.exempt.lock().unwrap_or_else(PoisonError::into_inner));
        self.ledger.follow(new.open_registration);
    }
}
