//! The TURN server of a home node: started with it, and its credentials given by the core to who may have them.

use std::sync::Arc;

use alloquy_core::{TurnDesk, TurnGrant};
use alloquy_ids::UnixMs;
use alloquy_relay::turn::Desk;
use alloquy_relay::turn::server::{ServerConfig, TurnServer};

use crate::error::RunError;

/// Makes credentials for the server.
#[derive(Debug)]
struct HomeDesk(Desk);

impl TurnDesk for HomeDesk {
    fn grant(&self, to: &[u8; 32], now: UnixMs) -> Option<TurnGrant> {
        match self.0.grant(to, now) {
            Ok(grant) => Some(TurnGrant {
                urls: grant.urls,
                username: grant.credential.username,
                password: grant.credential.password.to_string(),
                expires: grant.credential.expires,
            }),
            Err(error) => {
                tracing::error!(%error, "no TURN credential can be made");
                None
            }
        }
    }
}

/// Starts the server, if there is to be one.
pub(crate) async fn start(
    config: Option<ServerConfig>,
) -> Result<Option<(TurnServer, Arc<dyn TurnDesk>)>, RunError> {
    let Some(config) = config else {
        return Ok(None);
    };
    let server = TurnServer::start(config).await?;
    let desk: Arc<dyn TurnDesk> = Arc::new(HomeDesk(server.desk()));
    Ok(Some((server, desk)))
}
