//! TURN servers of relays: each relay that holds a place for this node is asked for a credential, which is renewed after
//! half of its time, so that a call never waits for one.
//!
//! Beside this the core is given credentials by home nodes (frames `TurnAsk` and `TurnGrant`), which are members'
//! business; a relay knows nothing of communities.

use std::collections::BTreeMap;
use std::time::Duration;

use alloquy_api::voice::IceServer;
use alloquy_ids::UnixMs;
use alloquy_relay::turn::{AskError, Grant, ask};
use libp2p::PeerId;
use libp2p_stream::Control;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::driver::wall;
use crate::network::NetworkState;

/// A relay that has no TURN server may have one later.
const ASK_AGAIN: Duration = Duration::from_secs(10 * 60);
/// A relay that could not be asked is asked again after this.
const RETRY: Duration = Duration::from_secs(30);

/// The least pause between two looks.
const PAUSE: Duration = Duration::from_secs(10);

/// What a relay gave, and when it is asked again.
#[derive(Debug)]
struct Held {
    grant: Option<Grant>,
    again: Instant,
}

impl Held {
    fn of(asked: Result<Grant, AskError>, now: Instant, wall: UnixMs) -> Self {
        let (grant, wait) = match asked {
            Ok(grant) => {
                let life = grant.credential.expires.0.saturating_sub(wall.0);
                let half = Duration::from_millis(life / 2);
                (Some(grant), half.clamp(RETRY, ASK_AGAIN * 6))
            }
            Err(AskError::Io(_)) => (None, RETRY),
            Err(AskError::Refused(_) | AskError::Answer(_)) => (None, ASK_AGAIN),
        };
        let again = now + wait;
        Self { grant, again }
    }
}

fn server(grant: &Grant) -> IceServer {
    IceServer {
        urls: grant.urls.clone(),
        username: grant.credential.username.clone(),
        credential: grant.credential.password.to_string(),
    }
}

/// Keeps `servers` at those that the person named and those of relays, until the network has ended.
pub(crate) async fn renew(
    control: Control,
    mut state: watch::Receiver<NetworkState>,
    servers: watch::Sender<Vec<IceServer>>,
) {
    let named = servers.borrow().clone();
    let mut held: BTreeMap<PeerId, Held> = BTreeMap::new();
    loop {
        let relays = reserved(&state.borrow_and_update());
        for relay in relays {
            let due = held
                .get(&relay)
                .is_none_or(|held| held.again <= Instant::now());
            if !due {
                continue;
            }
            let asked = ask(control.clone(), relay).await;
            if let Err(error) = &asked {
                tracing::debug!(%relay, %error, "no TURN server");
            }
            let mut new = Held::of(asked, Instant::now(), wall());
            // A credential that could not be renewed is good until it ends.
            let old = held.remove(&relay).and_then(|held| held.grant);
            new.grant = new.grant.or(old);
            held.insert(relay, new);
        }
        let now = wall();
        held.retain(|_, held| {
            let ended = |grant: &Grant| grant.credential.expires <= now;
            held.grant.take_if(|grant| ended(grant));
            held.grant.is_some() || held.again > Instant::now()
        });
        let granted = held.values().filter_map(|held| held.grant.as_ref());
        let all: Vec<_> = named.iter().cloned().chain(granted.map(server)).collect();
        servers.send_if_modified(|servers| {
            let other = *servers != all;
            *servers = all;
            other
        });
        // What a relay gave that holds no place any more is not renewed: then the time of its renewal is over.
        let next = held.values().map(|held| held.again).min();
        let next = next.map_or(Instant::now() + ASK_AGAIN, |next| {
            next.max(Instant::now() + PAUSE)
        });
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(next) => {}
            () = servers.closed() => return,
        }
    }
}

/// Relays that hold a place for this node.
fn reserved(state: &NetworkState) -> Vec<PeerId> {
    let relays = state.reach.relays.iter();
    relays
        .filter(|relay| relay.reserved)
        .map(|relay| relay.peer)
        .collect()
}
