//! The keeper: one stage of the node's life after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::limits::NAME_BYTES_MAX;
use alloquy_api::personal::LinkStep;
use alloquy_api::{Command, CommandError, CommandId, ErrorCode, Event};
use alloquy_node::data_dir::DataDir;
use alloquy_node::vault::{self, KeyOrigin, VaultError};
use alloquy_node::{
    InitError, Initialised, NodeConfig, OtherDevices, Passphrase, Recovering, RunError,
};
use alloquy_ui::irc::IrcOrder;
use alloquy_ui::model::{About, Failure, Return};
use alloquy_ui::{AskId, Phase};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use super::irc::Irc;
use super::link::{self, Link};
use super::{Mode, Order, ended};
use crate::desk::{Desk, Told};
use crate::failure;

/// How long commands that are under way when the window closes are waited for: a commit takes milliseconds.
const UNDER_WAY_LIMIT: Duration = Duration::from_secs(2);

/// What comes next.
enum Stage {
    FirstRun { error: Option<String> },
    Returning(Comeback),
    Locked { wrong: bool },
    Start,
    Serve(Link),
    Failed(Failure),
    End,
}

/// How an account that exists already comes to this data directory.
enum Comeback {
    /// By the code that another device shows.
    Link(String),
    /// By its recovery words.
    Words {
        words: Zeroizing<String>,
        what: Recovering,
    },
}

impl Comeback {
    const fn by(&self) -> Return {
        match self {
            Self::Link(_) => Return::Link,
            Self::Words { .. } => Return::Words,
        }
    }

    async fn come(
        self,
        config: &NodeConfig,
        steps: &watch::Sender<LinkStep>,
    ) -> Result<Initialised, InitError> {
        match self {
            Self::Link(code) => alloquy_node::link(config, &code, &device_name(), steps).await,
            Self::Words { words, what } => {
                alloquy_node::restore(config, &words, &what, steps).await
            }
        }
    }
}

/// Whom a recovery asks: what was typed may name several, with spaces between.
fn recovering(from: &str, ends_others: bool) -> Recovering {
    Recovering {
        from: from.split_whitespace().map(str::to_owned).collect(),
        others: if ends_others {
            OtherDevices::Revoke
        } else {
            OtherDevices::Keep
        },
    }
}

/// What the new device is called until somebody names it: as the computer is.
fn device_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    if fits { name } else { "computer".to_owned() }
}

/// Goes through the stages.
pub(super) struct Keeper {
    mode: Mode,
    desk: Arc<Desk>,
    orders: mpsc::Receiver<Order>,
    /// The door for IRC clients, where the node is in this process.
    irc: Option<Irc>,
}

impl Keeper {
    pub(super) fn new(mode: Mode, desk: Arc<Desk>, orders: mpsc::Receiver<Order>) -> Self {
        let irc = match &mode {
            Mode::Own(config, _) => Some(Irc::of(&config.data_dir)),
            Mode::Attached(_) | Mode::Demo => None,
        };
        Self {
            mode,
            desk,
            orders,
            irc,
        }
    }

    /// Until the window closes.
    pub(super) async fn keep(mut self) {
        let mut stage = Stage::Start;
        loop {
            stage = match stage {
                Stage::FirstRun { error } => self.first_run(error).await,
                Stage::Returning(how) => self.returning(how).await,
                Stage::Locked { wrong } => self.locked(wrong).await,
                Stage::Start => self.start().await,
                Stage::Serve(link) => self.serve(link).await,
                Stage::Failed(failure) => self.failed(failure).await,
                Stage::End => return,
            };
        }
    }

    async fn first_run(&mut self, error: Option<String>) -> Stage {
        let phase = |error, busy| Phase::FirstRun {
            suggested_name: suggested_name(),
            error,
            busy,
        };
        self.desk.enter(phase(error, false));
        let name = loop {
            match self.orders.recv().await {
                Some(Order::CreateAccount(name)) => break name,
                Some(Order::LinkDevice(code)) => return Stage::Returning(Comeback::Link(code)),
                Some(Order::Restore {
                    words,
                    from,
                    ends_others,
                }) => {
                    return Stage::Returning(Comeback::Words {
                        words: Zeroizing::new(words),
                        what: recovering(&from, ends_others),
                    });
                }
                Some(Order::Submit(ask, _)) => self.refuse(ask),
                Some(Order::Close) | None => return Stage::End,
                Some(_) => {}
            }
        };
        let Mode::Own(config, _) = &self.mode else {
            return Stage::Start;
        };
        self.desk.enter(phase(None, true));
        let config = config.clone();
        let made = tokio::task::spawn_blocking(move || link::make_account(&config, &name)).await;
        match made {
            Ok(Ok(())) => Stage::Start,
            Ok(Err(error)) => Stage::FirstRun {
                error: Some(error.to_string()),
            },
            Err(panic) => Stage::FirstRun {
                error: Some(panic.to_string()),
            },
        }
    }

    /// An account that exists already comes here. Leaving it drops what is under way.
    async fn returning(&mut self, how: Comeback) -> Stage {
        let Mode::Own(config, _) = &self.mode else {
            return Stage::Start;
        };
        let config = config.clone();
        let by = how.by();
        let (steps, mut told) = watch::channel(LinkStep::Waiting);
        let enter = |step| Phase::Returning { by, step };
        self.desk.enter(enter(LinkStep::Waiting));
        let came = how.come(&config, &steps);
        tokio::pin!(came);
        let why = loop {
            tokio::select! {
                came = &mut came => match came {
                    Ok(_) => return Stage::Start,
                    Err(error) => break error.to_string(),
                },
                // The sender lives as long as this loop.
                Ok(()) = told.changed() => {
                    let step = told.borrow_and_update().clone();
                    self.desk.enter(enter(step));
                }
                order = self.orders.recv() => match order {
                    Some(Order::StopLinking) => return Stage::FirstRun { error: None },
                    Some(Order::Submit(ask, _)) => self.refuse(ask),
                    Some(Order::Close) | None => return Stage::End,
                    Some(_) => {}
                },
            }
        };
        self.desk.enter(enter(LinkStep::Failed(why)));
        loop {
            match self.orders.recv().await {
                Some(Order::StopLinking) => return Stage::FirstRun { error: None },
                Some(Order::Submit(ask, _)) => self.refuse(ask),
                Some(Order::Close) | None => return Stage::End,
                Some(_) => {}
            }
        }
    }

    async fn locked(&mut self, wrong: bool) -> Stage {
        self.desk.enter(Phase::Locked { wrong });
        loop {
            match self.orders.recv().await {
                Some(Order::Unlock(passphrase)) => {
                    if let Mode::Own(config, _) = &mut self.mode {
                        config.key.passphrase = Some(Passphrase::new(passphrase));
                    }
                    return Stage::Start;
                }
                Some(Order::Submit(ask, _)) => self.refuse(ask),
                Some(Order::Close) | None => return Stage::End,
                Some(_) => {}
            }
        }
    }

    async fn start(&mut self) -> Stage {
        self.desk.enter(Phase::Starting);
        let opening = Link::open(self.mode.clone(), &self.desk);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                opened = &mut opening => return match opened {
                    Ok(link) => Stage::Serve(link),
                    Err(link::OpenError::Run(error)) => stage_after(&error),
                    Err(link::OpenError::Attached(error)) => Stage::Failed(failure::of_attached(&error)),
                },
                order = self.orders.recv() => match order {
                    Some(Order::Submit(ask, _)) => self.refuse(ask),
                    Some(Order::Close) | None => return Stage::End,
                    Some(_) => {}
                },
            }
        }
    }

    async fn serve(&mut self, mut link: Link) -> Stage {
        if let (Some(irc), Link::Own(running, ..)) = (&mut self.irc, &link) {
            irc.begin(running).await;
        }
        self.desk.note(about(&self.mode, self.irc.as_ref()));
        self.desk.show(link.client().snapshot());
        self.desk.enter(Phase::Running);
        let mut asks = BTreeMap::new();
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::Submit(ask, command)) => self.submit(&mut link, &mut asks, ask, command),
                    Some(Order::Irc(order)) => self.irc(order, &link).await,
                    Some(Order::Sound(order)) => link.sound(order),
                    Some(Order::Close) | None => {
                        self.finish(link, asks).await;
                        return Stage::End;
                    }
                    Some(_) => {}
                },
                () = link.changed() => {}
            }
            self.bring(&mut link, &mut asks);
            if let Some(error) = link.client().ended() {
                for ask in asks.into_values() {
                    self.desk.tell(Told::Answer(ask, Err(error.clone())));
                }
                if let Some(irc) = &mut self.irc {
                    irc.end();
                }
                return Stage::Failed(link.why_ended(&error).await);
            }
        }
    }

    async fn irc(&mut self, order: IrcOrder, link: &Link) {
        let (Some(irc), Link::Own(running, ..)) = (&mut self.irc, link) else {
            return;
        };
        let made = irc.order(order, running).await;
        self.desk.note(about(&self.mode, self.irc.as_ref()));
        self.desk.tell(Told::Irc(made));
    }

    /// Waits for what is under way, such as the last draft, and ends the node.
    async fn finish(&mut self, mut link: Link, mut asks: BTreeMap<CommandId, AskId>) {
        let rest = async {
            while !asks.is_empty() && link.client().ended().is_none() {
                link.changed().await;
                self.bring(&mut link, &mut asks);
            }
        };
        if tokio::time::timeout(UNDER_WAY_LIMIT, rest).await.is_err() {
            tracing::warn!("commands were under way when the window closed");
        }
        // What IRC clients have is kept by the node: their door shuts first.
        if let Some(irc) = &mut self.irc {
            irc.shut().await;
        }
        link.close().await;
    }

    fn submit(
        &self,
        link: &mut Link,
        asks: &mut BTreeMap<CommandId, AskId>,
        ask: AskId,
        command: Command,
    ) {
        match link.client().submit(command) {
            Ok(id) => {
                asks.insert(id, ask);
            }
            Err(busy) => {
                let error = CommandError::new(ErrorCode::Busy, busy.to_string());
                self.desk.tell(Told::Answer(ask, Err(error)));
            }
        }
    }

    /// Brings what the node has told to the desk: first what happened, then how things stand.
    fn bring(&self, link: &mut Link, asks: &mut BTreeMap<CommandId, AskId>) {
        let client = link.client();
        let mut outcomes = Vec::new();
        while let Some(event) = client.next_event() {
            match event {
                Event::Done { id, result } => {
                    outcomes.extend(asks.remove(&id).map(|ask| Told::Answer(ask, result)));
                }
                event => self.desk.event(event),
            }
        }
        // An outcome is told when its effect can be seen.
        self.desk.show(client.snapshot());
        for outcome in outcomes {
            self.desk.tell(outcome);
        }
    }

    async fn failed(&mut self, failure: Failure) -> Stage {
        self.desk.enter(Phase::Failed(failure));
        loop {
            match self.orders.recv().await {
                Some(Order::Restart) => return Stage::Start,
                Some(Order::Submit(ask, _)) => self.refuse(ask),
                Some(Order::Close) | None => return Stage::End,
                Some(_) => {}
            }
        }
    }

    fn refuse(&self, ask: AskId) {
        self.desk.tell(Told::Answer(ask, Err(ended())));
    }
}

/// What a start that failed leads to.
fn stage_after(error: &RunError) -> Stage {
    match error {
        RunError::NoAccount(_) => Stage::FirstRun { error: None },
        RunError::Vault(VaultError::PassphraseNeeded(_)) => Stage::Locked { wrong: false },
        RunError::Vault(VaultError::WrongPassphrase(_)) => Stage::Locked { wrong: true },
        error => {
            tracing::warn!(%error, "the node did not start");
            Stage::Failed(failure::of_run(error))
        }
    }
}

/// The name of the system's account.
fn suggested_name() -> String {
    std::env::var("USER").unwrap_or_default()
}

fn about(mode: &Mode, irc: Option<&Irc>) -> About {
    let of = |path: &Path, attached| {
        let dir = DataDir::new(path);
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data_dir: path.display().to_string(),
            store_bytes: std::fs::metadata(dir.store()).map_or(0, |metadata| metadata.len()),
            sealed_by: sealed_by(&dir).to_owned(),
            attached,
            tray: false,
            irc: irc.map(Irc::view),
        }
    };
    match mode {
        Mode::Own(config, _) => of(&config.data_dir, false),
        Mode::Attached(data_dir) => of(data_dir, true),
        Mode::Demo => About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data_dir: "nowhere: this is a demonstration".to_owned(),
            store_bytes: 0,
            sealed_by: "nothing: it is gone when the window closes".to_owned(),
            attached: false,
            tray: false,
            irc: None,
        },
    }
}

fn sealed_by(dir: &DataDir) -> &'static str {
    match vault::origin(dir) {
        Ok(Some(KeyOrigin::Passphrase)) => "your passphrase",
        Ok(Some(KeyOrigin::Keychain)) => "a key in your desktop's keychain",
        Ok(Some(KeyOrigin::KeyFile)) => {
            "a key in a file beside it, which only your account can read"
        }
        Ok(None) | Err(_) => "a key that can not be seen from here",
    }
}
