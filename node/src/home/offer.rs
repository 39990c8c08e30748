//! While nobody has paired with a home node, a code stands: a new one when the last has ended.

use std::time::Duration;

use alloquy_api::{Client, Command, PersonalCommand};

use super::{ANSWER_LIMIT, shown_code, status};
use crate::client::NodeHandle;

/// Pause between two codes: one guess each, so six guesses of 2^22 a minute.
const PAUSE: Duration = Duration::from_secs(10);

/// Pause between two looks. What is asked is answered, and an answer is a change, too: without it each look would bring
/// the next one, for as long as the node runs.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Shows codes until somebody has paired.
pub(super) async fn offer(mut handle: NodeHandle) {
    let mut changes = handle.changes();
    loop {
        match status(&mut handle).await {
            Some(home) if home.owner.is_some() => {}
            Some(_) => {
                let linking = handle.snapshot().linking.clone();
                let stands = linking.is_some_and(|linking| shown_code(&linking).is_some());
                if !stands {
                    let order = PersonalCommand::HomeCode;
                    let made = handle.call(Command::Personal { order }, ANSWER_LIMIT).await;
                    if let Err(error) = made {
                        tracing::warn!(%error, "no code could be made to pair by");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
            None => tokio::time::sleep(PAUSE).await,
        }
        // Events are for faces: they are not kept for this one.
        while handle.next_event().is_some() {}
        if !changes.next().await {
            return;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}
