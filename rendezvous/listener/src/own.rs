//! The own door: IRC clients of this machine as faces of one account, let in by app passwords.

mod passwords;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use alloquy_ids::UnixMs;
use alloquy_irc::{ClientKey, ConnId, Credential, Server, Settings};
use futures::{Stream, StreamExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::doors::{Address, Door, DoorError, Kind};
use crate::figures::Figures;
use crate::service::{Accounts, Answer, Bell, BoxedClient, Face, From, serve};

pub use passwords::{
    AppPassword, LABEL_BYTES_MAX, PASSWORDS_MAX, Passwords, PasswordsError, Scope,
};

/// What the server calls itself: only clients of this machine see it.
const SERVER_NAME: &str = "alloquy.local";
/// How long a password that another process revoked lets its connections live on, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A door to one account that is open and not served yet.
#[derive(Debug)]
pub struct OwnDoor {
    door: Door,
    own: Arc<Own>,
}

/// A door that is served: dropped, it shuts and ends its connections.
#[derive(Debug)]
pub struct Served {
    address: Address,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    /// Where clients come in; a port that the system chose is in it.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Shuts it; returns when its address is free.
    pub async fn close(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the door broke");
        }
    }
}

impl OwnDoor {
    /// Opens it on an address of this machine, for whoever has one of these passwords.
    ///
    /// # Errors
    /// When the address is not this machine's, or can not be listened on.
    pub fn open(address: Address, passwords: Arc<Passwords>) -> Result<Self, DoorError> {
        let door = Door::open(Kind::Plain, address)?;
        let own = Own {
            passwords,
            entered: Mutex::default(),
            revoked: Mutex::default(),
        };
        Ok(Self {
            door,
            own: Arc::new(own),
        })
    }

    /// Serves until what it gives is dropped. `changes` gives an item whenever the node may have something new, and
    /// ends with it. In a runtime of tokio.
    pub fn serve(
        self,
        client: BoxedClient,
        cloak_key: [u8; 32],
        changes: impl Stream<Item = ()> + Send + 'static,
    ) -> Served {
        let address = self.door.address().clone();
        let settings = Settings {
            server_name: SERVER_NAME.to_owned(),
            network: "Alloquy".to_owned(),
            version: format!("alloquy-{}", env!("CARGO_PKG_VERSION")),
            started: now(),
        };
        let exempt = ["127.0.0.0/8", "::1"]
            .iter()
            .filter_map(|range| range.parse().ok());
        let bell = Bell::default();
        let face = Face {
            server: Server::new(settings),
            doors: vec![self.door],
            tls: None,
            exempt: Arc::new(Mutex::new(exempt.collect())),
            // The own door knows no WebSocket.
            origins: Arc::new([]),
            cloak_key,
            accounts: Arc::clone(&self.own) as Arc<dyn Accounts>,
            clients: vec![(ClientKey::OWN, client)],
            bell: bell.clone(),
            tunnels: None,
            figures: Arc::new(Figures::default()),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let own = self.own;
        let task = tokio::spawn(async move {
            let serving = serve(face, async {
                // Sent or dropped, it is over.
                drop(stopped.await);
            });
            tokio::select! {
                () = ring(bell, own, changes) => {}
                () = serving => {}
            }
        });
        Served {
            address,
            stop,
            task,
        }
    }
}

/// Rings for what the node has to tell, and for passwords that another process revoked. Never ends.
async fn ring(bell: Bell, own: Arc<Own>, changes: impl Stream<Item = ()>) {
    let mut changes = std::pin::pin!(changes.fuse());
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut has_ended = false;
    // The first time for what is there already, the last for the end of the node.
    bell.ring(ClientKey::OWN);
    loop {
        tokio::select! {
            change = changes.next(), if !has_ended => {
                bell.ring(ClientKey::OWN);
                has_ended = change.is_none();
            }
            _ = look.tick() => {
                if own.look() {
                    bell.ring(ClientKey::OWN);
                }
            }
        }
    }
}

/// The one account behind the door.
#[derive(Debug)]
struct Own {
    passwords: Arc<Passwords>,
    /// By which password each connection came in.
    entered: Mutex<BTreeMap<ConnId, u32>>,
    /// Those whose password ended meanwhile.
    revoked: Mutex<Vec<ConnId>>,
}

impl Own {
    fn entered(&self) -> MutexGuard<'_, BTreeMap<ConnId, u32>> {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether connections came in by passwords that are good no more.
    fn look(&self) -> bool {
        let mut entered = self.entered();
        if entered.is_empty() {
            return false;
        }
        let alive = match self.passwords.numbers() {
            Ok(alive) => alive,
            Err(error) => {
                // Nobody was revoked by a file that can not be read just now.
                tracing::error!(%error, "app passwords");
                return false;
            }
        };
        let gone = entered.extract_if(.., |_, number| !alive.contains(number));
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.extend(gone.map(|(conn, _)| conn));
        !revoked.is_empty()
    }
}

impl Accounts for Own {
    fn check(&self, _credential: Credential) -> Answer {
        Answer::Denied
    }

    fn log_in(&self, credential: Credential, from: &From) -> Answer {
        // Whatever name is given: there is one account.
        let Credential::Password { password, .. } = credential else {
            return Answer::Denied;
        };
        let Some((number, scope)) = self.passwords.check(&password, now()) else {
            return Answer::Denied;
        };
        self.entered().insert(from.conn, number);
        match scope {
            Scope::Full => Answer::Granted(ClientKey::OWN, None),
            Scope::Read => Answer::Reading(ClientKey::OWN, None),
        }
    }

    fn revoked(&self) -> Vec<ConnId> {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *revoked)
    }

    fn gone(&self, conn: ConnId) -> Option<ClientKey> {
        self.entered().remove(&conn);
        None
    }
}

fn now() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
