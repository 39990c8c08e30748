//! The node, off the window's thread: starting it, handing commands in, bringing back what comes of them.
//!
//! A runtime of its own holds the keeper, a task that goes through the stages of a node's life: no account yet,
//! locked, starting, serving, failed. The window hands [`Order`]s in without waiting and finds the outcome on the
//! [`Desk`]. A command that can not be handed in comes back as an error, like any other outcome.

mod attached;
mod irc;
mod keeper;
mod link;
mod sound;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::{Command, CommandError, ErrorCode};
use alloquy_media::EngineConfig;
use alloquy_node::NodeConfig;
use alloquy_ui::irc::IrcOrder;
use alloquy_ui::voice::SoundOrder;
use alloquy_ui::{AskId, Phase};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use crate::desk::{Desk, Told};
use crate::failure;
use keeper::Keeper;

/// Orders that wait for the keeper: it takes one in some microseconds, so only a broken one lets them wait.
const ORDERS_MAX: usize = 1024;
/// How long the end may take: goodbye to peers, and the last writes (5 s at most in the node).
const END_LIMIT: Duration = Duration::from_secs(10);

/// Which node.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// One in this process, and its sound.
    Own(Box<NodeConfig>, EngineConfig),
    /// One that another process runs on this data directory.
    Attached(PathBuf),
    /// A world in memory.
    Demo,
}

/// What the window wants of the node.
#[derive(Debug)]
pub(crate) enum Order {
    /// Carry a command out.
    Submit(AskId, Command),
    /// Make the account.
    CreateAccount(String),
    /// Make this data directory a device of an account, by the code that another device shows.
    LinkDevice(String),
    /// Bring an account back by its recovery words, from where it may be found.
    Restore {
        words: String,
        from: String,
        ends_others: bool,
    },
    /// Leave either.
    StopLinking,
    /// Open the store with this passphrase.
    Unlock(String),
    /// Start again after a failure.
    Restart,
    /// Do something with the door for IRC clients.
    Irc(IrcOrder),
    /// Do something with microphone and loudspeakers.
    Sound(SoundOrder),
    /// End.
    Close,
}

/// The keeper, as the window holds it.
#[derive(Debug)]
pub(crate) struct Session {
    orders: mpsc::Sender<Order>,
    desk: Arc<Desk>,
    runtime: Runtime,
    keeper: JoinHandle<()>,
}

impl Session {
    /// Begins at once.
    pub(crate) fn start(mode: Mode, desk: Arc<Desk>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("alloquy-node")
            .enable_all()
            .build()?;
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let keeper = Keeper::new(mode, Arc::clone(&desk), inbox);
        let watched = Arc::clone(&desk);
        let keeper = runtime.spawn(async move {
            if let Err(error) = tokio::spawn(keeper.keep()).await {
                tracing::error!(%error, "the node's keeper broke");
                watched.enter(Phase::Failed(failure::of_panic()));
            }
        });
        runtime.spawn(quit_by_signal(Arc::clone(&desk)));
        Ok(Self {
            orders,
            desk,
            runtime,
            keeper,
        })
    }

    /// Hands a command in; its outcome comes to the desk in any case.
    pub(crate) fn submit(&self, ask: AskId, command: Command) {
        let refused = match self.orders.try_send(Order::Submit(ask, command)) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => {
                CommandError::new(ErrorCode::Busy, "too much is under way; try again")
            }
            Err(TrySendError::Closed(_)) => ended(),
        };
        self.desk.tell(Told::Answer(ask, Err(refused)));
    }

    /// Where tasks of the window's own run.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Gives any other order.
    pub(crate) fn order(&self, order: Order) {
        if let Err(error) = self.orders.try_send(order) {
            tracing::warn!(%error, "an order was not taken");
        }
    }

    /// Ends the node, and waits for that within a bound. Not for the window's thread while there is a window.
    pub(crate) fn close(self) {
        let Self {
            orders,
            runtime,
            keeper,
            ..
        } = self;
        let ended = runtime.block_on(async {
            // Fails only when the keeper has ended before.
            drop(orders.send(Order::Close).await);
            tokio::time::timeout(END_LIMIT, keeper).await
        });
        if ended.is_err() {
            tracing::warn!("the node did not end within {END_LIMIT:?}");
        }
        runtime.shutdown_background();
    }
}

/// The outcome of a command when no node serves.
pub(crate) fn ended() -> CommandError {
    CommandError::new(ErrorCode::NotRunning, "the node is not running")
}

/// Lets the window close at the first SIGTERM, SIGINT or SIGHUP.
async fn quit_by_signal(desk: Arc<Desk>) {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let mut signals = Vec::new();
    for kind in kinds {
        match signal(kind) {
            Ok(signal) => signals.push(signal),
            Err(error) => tracing::warn!(%error, "a signal can not be listened to"),
        }
    }
    std::future::poll_fn(|context| {
        let came = signals
            .iter_mut()
            .any(|signal| signal.poll_recv(context).is_ready());
        if came {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    desk.tell(Told::Quit);
}

#[cfg(test)]
mod tests;
