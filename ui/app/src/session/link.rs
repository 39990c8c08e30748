//! The three ways to a node: one in this process, one in another, a world in memory.

use std::sync::Arc;

use alloquy_api::{Client, CommandError};
use alloquy_media::EngineConfig;
use alloquy_node::init::RecoveryWords;
use alloquy_node::memory::World;
use alloquy_node::{InitError, NodeConfig, NodeHandle, RunError, Running};
use alloquy_ui::model::Failure;
use alloquy_ui::voice::SoundOrder;

use super::Mode;
use super::attached::Attached;
use super::sound::Sound;
use crate::desk::Desk;
use crate::{demo, failure};

/// A node that serves, and the way to it.
pub(super) enum Link {
    Own(Box<Running>, Box<NodeHandle>, Option<Sound>),
    Attached(Attached),
    Demo(World, Box<NodeHandle>),
}

/// There is no way to the node.
pub(super) enum OpenError {
    /// It could not be started.
    Run(RunError),
    /// It can not be reached.
    Attached(CommandError),
}

impl Link {
    /// Starts the node, or finds it.
    pub(super) async fn open(mode: Mode, desk: &Arc<Desk>) -> Result<Self, OpenError> {
        match mode {
            Mode::Own(config, sound) => {
                let running = alloquy_node::start(*config).await.map_err(OpenError::Run)?;
                let handle = running.handle();
                let sound = give_voice(&running, sound, desk);
                #[cfg(feature = "driver")]
                crate::driver::may_break(handle.changes());
                Ok(Self::Own(Box::new(running), Box::new(handle), sound))
            }
            Mode::Attached(data_dir) => Attached::connect(data_dir)
                .await
                .map(Self::Attached)
                .map_err(OpenError::Attached),
            Mode::Demo => {
                let (world, handle) = demo::filled()
                    .await
                    .map_err(|fault| OpenError::Run(RunError::Internal(fault.to_string())))?;
                Ok(Self::Demo(world, Box::new(handle)))
            }
        }
    }

    /// The node as the contract has it.
    pub(super) fn client(&mut self) -> &mut dyn Client {
        match self {
            Self::Own(_, handle, _) | Self::Demo(_, handle) => handle.as_mut(),
            Self::Attached(attached) => attached,
        }
    }

    /// Resolves when there may be something new. May be dropped without loss.
    pub(super) async fn changed(&mut self) {
        match self {
            Self::Own(_, handle, _) | Self::Demo(_, handle) => {
                // That it has ended is told by the client itself.
                handle.changed().await;
            }
            Self::Attached(attached) => attached.changed().await,
        }
    }

    /// Gives an order about sound, where the node is in this process.
    pub(super) fn sound(&self, order: SoundOrder) {
        if let Self::Own(_, _, Some(sound)) = self {
            sound.order(order);
        }
    }

    /// What to say of a node that has ended.
    pub(super) async fn why_ended(self, error: &CommandError) -> Failure {
        match self {
            Self::Own(mut running, ..) => failure::of_run(&running.ended().await),
            Self::Attached(_) => failure::of_attached(error),
            Self::Demo(..) => failure::of_run(&RunError::Internal(error.message.clone())),
        }
    }

    /// Says goodbye to peers and closes the store, where the node is ours.
    pub(super) async fn close(self) {
        match self {
            Self::Own(running, ..) => {
                if let Err(error) = running.shutdown().await {
                    tracing::warn!(%error, "the node ended by a fault");
                }
            }
            Self::Attached(_) => {}
            Self::Demo(world, _) => world.shutdown().await,
        }
    }
}

/// Joins an engine to the node; both end together. Devices are opened with the first room. Without an engine the node
/// refuses to go into one, and says so.
fn give_voice(running: &Running, sound: EngineConfig, desk: &Arc<Desk>) -> Option<Sound> {
    let port = running.media()?;
    let started = Sound::start(sound, port, Arc::clone(desk));
    started
        .inspect_err(|error| tracing::error!(%error, "there is no voice"))
        .ok()
}

/// Makes the account; its recovery words stay sealed in the store until they were shown and asked back. Blocking.
pub(super) fn make_account(config: &NodeConfig, name: &str) -> Result<(), InitError> {
    alloquy_node::init(config, name, RecoveryWords::Kept).map(drop)
}
