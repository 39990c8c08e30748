//! What a home node has besides any other: a code while nobody has paired with it, and a page for its owner.
//!
//! The page is on this machine only, and shows what the node itself knows: ids, sizes and times, no names.

mod offer;
mod page;
pub(crate) mod turn;

use std::net::SocketAddr;

use alloquy_api::personal::{HomeStatusView, LinkStep, LinkingView};
use alloquy_api::{Command, PersonalCommand, Reply};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Door, NodeHandle};
use crate::error::RunError;
use crate::node::Facts;

pub use alloquy_relay::turn::server::{RELAY_PORTS, ServerConfig as TurnConfig};

pub use page::qr_lines;

/// How a home node is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HomeConfig {
    /// The most bytes that it keeps; `None`: as it was told before, 20 GiB at first.
    pub quota: Option<u64>,
    /// Where its page is shown, on this machine; `None`: nowhere.
    pub page: Option<SocketAddr>,
    /// The TURN server for its owner and co-members; `None`: it has none.
    pub turn: Option<alloquy_relay::turn::server::ServerConfig>,
}

/// How long the node may take to say how it stands.
const ANSWER_LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

/// The page and the offer of a running home node.
#[derive(Debug)]
pub(crate) struct HomeTasks {
    page: Option<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for HomeTasks {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl HomeTasks {
    /// Begins to show the page and, until somebody has paired, a code.
    pub(crate) async fn start(
        config: &HomeConfig,
        door: &Door,
        facts: std::sync::Arc<Facts>,
    ) -> Result<Self, RunError> {
        let mut tasks = vec![tokio::spawn(offer::offer(door.handle()))];
        let mut page = None;
        if let Some(address) = config.page {
            let failed = |reason: String| RunError::Listen {
                address: address.to_string(),
                reason,
            };
            if !address.ip().is_loopback() {
                return Err(failed(
                    "the page of a home node is for this machine only, as 127.0.0.1:9180"
                        .to_owned(),
                ));
            }
            let listener = TcpListener::bind(address)
                .await
                .map_err(|error| failed(error.to_string()))?;
            page = listener.local_addr().ok();
            tasks.push(tokio::spawn(page::serve(listener, door.handle(), facts)));
        }
        Ok(Self { page, tasks })
    }

    /// Where the page is.
    pub(crate) const fn page(&self) -> Option<SocketAddr> {
        self.page
    }
}

/// What the node says of itself as a home node.
async fn status(handle: &mut NodeHandle) -> Option<HomeStatusView> {
    let order = PersonalCommand::HomeStatus;
    match handle.call(Command::Personal { order }, ANSWER_LIMIT).await {
        Ok(Reply::HomeStatus { home }) => Some(home),
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%error, "the home node did not say how it stands");
            None
        }
    }
}

/// The code and link that somebody may enter now.
#[must_use]
pub fn shown_code(linking: &LinkingView) -> Option<(&str, &str)> {
    let open = matches!(linking.step, LinkStep::Waiting | LinkStep::Talking);
    let both = linking.code.as_deref().zip(linking.link.as_deref());
    both.filter(|_| open)
}
