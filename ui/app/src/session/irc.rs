//! The door for IRC clients, while the node of this process serves.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use alloquy_ids::UnixMs;
use alloquy_irc_listener::Address;
use alloquy_irc_listener::own::{OwnDoor, Passwords, PasswordsError, Scope, Served};
use alloquy_node::Running;
use alloquy_ui::irc::{IrcDoor, IrcOrder, IrcPassword};
use futures::stream;

/// The door of one data directory.
pub(super) struct Irc {
    passwords: Arc<Passwords>,
    /// Where it is to be open, over a restart of the node.
    wanted: Option<String>,
    open: Option<Served>,
    fault: Option<String>,
}

impl Irc {
    pub(super) fn of(data_dir: &Path) -> Self {
        Self {
            passwords: Arc::new(Passwords::of(data_dir)),
            wanted: None,
            open: None,
            fault: None,
        }
    }

    /// The node serves, anew: the door opens if it is wanted.
    pub(super) async fn begin(&mut self, running: &Running) {
        if self.wanted.is_some() {
            self.fault = self.open(running).await.err();
        }
    }

    /// The node has ended: connections end with it.
    pub(super) fn end(&mut self) {
        self.open = None;
    }

    /// Carries an order out; gives a password that was made.
    pub(super) async fn order(&mut self, order: IrcOrder, running: &Running) -> Option<String> {
        let done = match order {
            IrcOrder::Open(address) => {
                self.wanted = Some(address);
                self.open(running).await.map(|()| None)
            }
            IrcOrder::Shut => {
                self.wanted = None;
                self.shut().await;
                Ok(None)
            }
            IrcOrder::Add { label, read_only } => {
                let scope = if read_only { Scope::Read } else { Scope::Full };
                let made = self.passwords.add(&label, scope, now());
                made.map(|password| Some(password.to_string()))
                    .map_err(said)
            }
            IrcOrder::Revoke(number) => {
                let revoked = self.passwords.revoke(number);
                revoked.map(|()| None).map_err(said)
            }
            IrcOrder::Look => return None,
        };
        let (made, fault) = match done {
            Ok(made) => (made, None),
            Err(fault) => (None, Some(fault)),
        };
        self.fault = fault;
        made
    }

    /// Shuts the door; what its clients have is kept.
    pub(super) async fn shut(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }

    async fn open(&mut self, running: &Running) -> Result<(), String> {
        self.shut().await;
        let Some(wanted) = &self.wanted else {
            return Ok(());
        };
        let address: Address = wanted
            .parse()
            .map_err(|error: alloquy_irc_listener::DoorError| error.to_string())?;
        let door = OwnDoor::open(address, Arc::clone(&self.passwords))
            .map_err(|error| error.to_string())?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| error.to_string())?;
        let handle = running.handle().told_when_durable();
        let changes = stream::unfold(handle.changes(), async |mut changes| {
            changes.next().await.then_some(((), changes))
        });
        self.open = Some(door.serve(Box::new(handle), key, changes));
        Ok(())
    }

    /// How it stands.
    pub(super) fn view(&self) -> IrcDoor {
        let listed = self.passwords.list();
        let (passwords, broken) = match listed {
            Ok(listed) => (listed, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        IrcDoor {
            address: self.open.as_ref().map(|open| open.address().to_string()),
            fault: self.fault.clone().or(broken),
            passwords: passwords
                .into_iter()
                .map(|one| IrcPassword {
                    number: one.number,
                    label: one.label,
                    read_only: one.scope == Scope::Read,
                    made: one.made,
                    last_use: one.last_use,
                })
                .collect(),
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn said(error: PasswordsError) -> String {
    error.to_string()
}

fn now() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
