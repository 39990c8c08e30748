//! What the server's task does not answer itself, and how much of it is answered at once.

use std::sync::Arc;
use std::time::Duration;

use alloquy_irc::{AccountOrder, CheckId, ClientKey, ConnId, Credential, Wanted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::{Accounts, Answer, From, Lane};
use crate::limits::{CHECKS_MAX, DELAY_MAX, ENTRIES_MAX, STARTS_MAX};

/// How much is answered at once.
#[derive(Clone)]
pub(super) struct Rooms {
    pub(super) checks: Arc<Semaphore>,
    pub(super) accounts: Arc<Semaphore>,
    pub(super) guests: Arc<Semaphore>,
    pub(super) communities: Arc<Semaphore>,
    pub(super) homes: Arc<Semaphore>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            accounts: Arc::new(Semaphore::new(STARTS_MAX)),
            guests: Arc::new(Semaphore::new(STARTS_MAX)),
            communities: Arc::new(Semaphore::new(ENTRIES_MAX)),
            homes: Arc::new(Semaphore::new(STARTS_MAX)),
        }
    }
}

impl Rooms {
    pub(super) async fn answer(
        &self,
        accounts: Arc<dyn Accounts>,
        question: Question,
        from: From,
    ) -> Answer {
        let place = self
            .place(|| match &question {
                Question::LogIn(credential) => accounts.delay(credential, &from),
                Question::Scram(message) => accounts.scram_delay(message, &from),
                _ => Duration::ZERO,
            })
            .await;
        let first = blocking(move || match question {
            Question::LogIn(credential) => accounts.log_in(credential, &from),
            Question::Scram(message) => accounts.scram(&message, &from),
            Question::Register(wanted) => accounts.register(&wanted, &from),
            Question::Account(key, order) => accounts.account(key, order),
            Question::Open(key, name) => accounts.open(key, &name),
        });
        let answer = first.await;
        drop(place);
        let Answer::Later(lane, later) = answer else {
            return answer;
        };
        let room = match lane {
            Lane::Account => &self.accounts,
            Lane::Guest => &self.guests,
            Lane::Community => &self.communities,
            Lane::Home => &self.homes,
        };
        // The semaphores are never closed.
        let _place = Arc::clone(room).acquire_owned().await;
        blocking(later).await
    }

    /// A place among the checks, for whoever has waited for as long as the guesses before ask for. That is asked again
    /// with the place at hand: of many guesses at once, each counts for those after it. Nobody waits longer in all than
    /// [`DELAY_MAX`].
    async fn place(&self, delay: impl Fn() -> Duration) -> Option<OwnedSemaphorePermit> {
        let mut left = DELAY_MAX;
        loop {
            let wait = delay().min(left);
            tokio::time::sleep(wait).await;
            left -= wait;
            let place = Arc::clone(&self.checks).acquire_owned().await.ok();
            if left.is_zero() || delay().is_zero() {
                return place;
            }
        }
    }
}

async fn blocking(answer: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let answered = tokio::task::spawn_blocking(answer).await;
    answered.unwrap_or(Answer::Denied)
}

/// An answer, with the connection that it is for.
pub(super) type Answered = (CheckId, ConnId, Answer);

/// What the server's task does not answer itself.
pub(super) enum Question {
    LogIn(Credential),
    Scram(Zeroizing<String>),
    Register(Wanted),
    Open(ClientKey, String),
    Account(ClientKey, AccountOrder),
}
