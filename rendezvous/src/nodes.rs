//! The nodes that run here: the rendezvous' own, and one for each account that has logged in.
//!
//! An account of the rendezvous is an account like any other, with a device key of its own, which lies in
//! `data_dir/accounts/NUMBER`. So what its person writes is signed by that key, members see a member, and the person can
//! later link a device of their own and take everything along. Such a node listens on the loopback alone and finds
//! others through the rendezvous' own node.
//!
//! All of them end with the program, at once: what they have told anybody is on the disk already (invariant I8).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloquy_api::command::{
    AccountRef, Availability, ChannelKind, ChannelRef, CommunityRef, OverwriteRef, ProfileChange,
};
use alloquy_api::{Client, Command, CommandError, Reply};
use alloquy_directory::Number;
use alloquy_ids::CommunityId;
use alloquy_irc::{ClientKey, ConnId};
use alloquy_irc_listener::Bell;
use alloquy_node::{
    InitError, KeySource, NodeConfig, NodeHandle, RecoveryWords, RunError, Running,
};
use tokio::sync::Mutex as Turn;

use crate::admitted::Attempts;

/// Patience with one command of a node of this process.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long an invite is good for: it is used at once, or kept for the next attempts of the same account.
pub(crate) const INVITE_MS: u64 = 600_000;
/// Guests at once: each has a node of its own, some MiB.
const GUESTS_MAX: usize = 64;
/// Keys of guests begin here: far above any account's number.
const GUEST_KEYS: u64 = 1 << 62;
/// The channel that a new lobby has.
const FIRST_CHANNEL: &str = "lobby";

/// Why a node is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error("a node can not be made: {0}")]
    Init(#[from] InitError),
    #[error("a node does not start: {0}")]
    Run(#[from] RunError),
    #[error("a node refuses: {0}")]
    Command(#[from] CommandError),
    #[error("guests are not let in now")]
    Guests,
    #[error("{0} home nodes are kept here, and no more")]
    Homes(usize),
    #[error("it does not come within {} s", ANSWER_WAIT.as_secs())]
    Late,
    #[error("the program is ending")]
    Ending,
}

/// All nodes of this process.
#[derive(Debug)]
pub(crate) struct Nodes {
    own: Running,
    folder: PathBuf,
    bell: Bell,
    lobby: Option<CommunityId>,
    accounts: Mutex<BTreeMap<Number, Arc<Turn<Option<Running>>>>>,
    guests: Mutex<BTreeMap<ConnId, Running>>,
    /// Connections of guests that have made an account: its node was theirs.
    adopted: Mutex<BTreeMap<ConnId, Number>>,
    /// Accounts of which the server's task holds a client.
    held: Arc<Mutex<BTreeSet<Number>>>,
    /// Held by whoever gives a community the first part of its channels' names.
    pub(crate) naming: Turn<()>,
    /// Accounts that are coming into a community.
    pub(crate) coming: Mutex<BTreeSet<Number>>,
    /// Who tried to of late, and what came of it.
    pub(crate) attempts: Mutex<Attempts>,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn config(folder: &Path) -> NodeConfig {
    // A server has no person who could unlock a keychain: the key is a file of mode 0600.
    let key = KeySource {
        passphrase: None,
        keychain: false,
    };
    NodeConfig {
        mdns: false,
        upnp: false,
        bridged: true,
        ..NodeConfig::new(folder, key)
    }
}

/// Starts the node of a folder; the first time it makes an account.
async fn start(config: NodeConfig, name: &str) -> Result<Running, NodeError> {
    {
        let (config, name) = (config.clone(), name.to_owned());
        let made = tokio::task::spawn_blocking(move || {
            match alloquy_node::init(&config, &name, RecoveryWords::Kept) {
                Ok(_) | Err(InitError::Exists(_)) => Ok(()),
                Err(error) => Err(error),
            }
        });
        made.await.map_err(|_ended| NodeError::Ending)??;
    }
    Ok(alloquy_node::start(config).await?)
}

impl Nodes {
    /// Starts the rendezvous' own node. `lobby`: the community that was its lobby before.
    pub(crate) async fn start(
        data_dir: &Path,
        (server, network): (&str, &str),
        bell: Bell,
        lobby: Lobby,
    ) -> Result<Self, NodeError> {
        let own = start(config(data_dir), server).await?;
        forget_guests(&data_dir.join("accounts"));
        let lobby = match lobby {
            Lobby::None => None,
            Lobby::Known(community) => Some(community),
            Lobby::New => Some(found_lobby(&own, network).await?),
        };
        Ok(Self {
            own,
            folder: data_dir.join("accounts"),
            bell,
            lobby,
            accounts: Mutex::default(),
            guests: Mutex::default(),
            adopted: Mutex::default(),
            held: Arc::default(),
            naming: Turn::default(),
            coming: Mutex::default(),
            attempts: Mutex::default(),
        })
    }

    /// The community that every account is in.
    pub(crate) fn lobby(&self) -> Option<CommunityId> {
        self.lobby
    }

    /// A client of the rendezvous' own node.
    pub(crate) fn own(&self) -> NodeHandle {
        self.own.handle()
    }

    /// Nodes of accounts that run.
    pub(crate) fn running(&self) -> usize {
        locked(&self.accounts).len() + locked(&self.guests).len()
    }

    /// Starts the node of an account, if it does not run. A client is given the first time.
    pub(crate) async fn client(
        &self,
        number: Number,
        name: &str,
    ) -> Result<Option<NodeHandle>, NodeError> {
        let turn = {
            let mut accounts = locked(&self.accounts);
            Arc::clone(accounts.entry(number).or_default())
        };
        // Who logs in twice at once waits here for the first.
        let mut slot = turn.lock().await;
        if let Some(running) = slot.as_ref() {
            if !locked(&self.held).insert(number) {
                return Ok(None);
            }
            let handle = running.handle().told_when_durable();
            self.ring_for(&handle, ClientKey(number.0));
            return Ok(Some(handle));
        }
        let folder = self.folder.join(number.0.to_string());
        let (running, handle) = self.bring_in(&folder, name, ClientKey(number.0)).await?;
        *slot = Some(running);
        locked(&self.held).insert(number);
        Ok(Some(handle))
    }

    /// The account behind a client, if it has one.
    pub(crate) fn number_of(&self, key: ClientKey) -> Option<Number> {
        match key.0.checked_sub(GUEST_KEYS) {
            Some(conn) => locked(&self.adopted).get(&ConnId(conn)).copied(),
            None => Some(Number(key.0)),
        }
    }

    /// Starts a node of this process, and makes it a member of the lobby.
    async fn bring_in(
        &self,
        folder: &Path,
        name: &str,
        key: ClientKey,
    ) -> Result<(Running, NodeHandle), NodeError> {
        let own = self.own.status().listen;
        let here = |at: &String| at.contains("/127.0.0.1/tcp/");
        let config = NodeConfig {
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            peers: own.into_iter().filter(here).collect(),
            ..config(folder)
        };
        let running = start(config, name).await?;
        // What a client was told is not told again after a power cut.
        let mut handle = running.handle().told_when_durable();
        if let Some(lobby) = self.lobby
            && !handle.snapshot().communities.contains_key(&lobby)
        {
            let link = self.invite(lobby).await?;
            handle.call(Command::Join { link }, ANSWER_WAIT).await?;
        }
        self.ring_for(&handle, key);
        Ok((running, handle))
    }

    /// Starts the node of a guest: an account that ends with its connection.
    pub(crate) async fn guest(
        &self,
        conn: ConnId,
        nick: &str,
    ) -> Result<(ClientKey, NodeHandle), NodeError> {
        if self.lobby.is_none() || locked(&self.guests).len() >= GUESTS_MAX {
            return Err(NodeError::Guests);
        }
        let key = ClientKey(GUEST_KEYS + conn.0);
        let folder = self.guest_folder(conn);
        let (running, handle) = self.bring_in(&folder, nick, key).await?;
        locked(&self.guests).insert(conn, running);
        Ok((key, handle))
    }

    /// Whether a guest has a name now.
    pub(crate) fn has_guest(&self, name: &str) -> bool {
        let guests = locked(&self.guests);
        let mut names = guests
            .values()
            .map(|running| running.handle().snapshot().name.clone());
        names.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether a connection is a guest's.
    pub(crate) fn is_guest(&self, conn: ConnId) -> bool {
        locked(&self.guests).contains_key(&conn)
    }

    /// Whether a connection is a guest's of this name.
    pub(crate) fn is_guest_named(&self, conn: ConnId, name: &str) -> bool {
        let guests = locked(&self.guests);
        let handle = guests.get(&conn).map(Running::handle);
        handle.is_some_and(|handle| handle.snapshot().name == name)
    }

    /// Makes a guest's node that of the account that the guest has just made: who was there stays.
    pub(crate) async fn adopt(&self, conn: ConnId, number: Number) -> Option<ClientKey> {
        let turn = Arc::clone(locked(&self.accounts).entry(number).or_default());
        let mut slot = turn.lock().await;
        let running = locked(&self.guests).remove(&conn)?;
        let folder = self.folder.join(number.0.to_string());
        if let Err(error) = std::fs::rename(self.guest_folder(conn), folder) {
            tracing::error!(%error, "a guest's node can not be kept");
            locked(&self.guests).insert(conn, running);
            return None;
        }
        *slot = Some(running);
        let key = ClientKey(GUEST_KEYS + conn.0);
        locked(&self.adopted).insert(conn, number);
        Some(key)
    }

    /// Another client of the node of an account that runs already.
    async fn another(&self, number: Number) -> Option<NodeHandle> {
        let turn = locked(&self.accounts).get(&number).cloned()?;
        turn.lock().await.as_ref().map(Running::handle)
    }

    fn ring_for(&self, handle: &NodeHandle, key: ClientKey) {
        let (bell, mut changes) = (self.bell.clone(), handle.changes());
        tokio::spawn(async move {
            while changes.next().await {
                bell.ring(key);
            }
            bell.ring(key);
        });
    }

    fn guest_folder(&self, conn: ConnId) -> PathBuf {
        self.folder.join(format!("guest-{}", conn.0))
    }

    /// Lets the node of an account go that has ended by itself, so that the next log-in starts it anew.
    pub(crate) fn ended(&self, key: ClientKey) -> bool {
        if key.0 >= GUEST_KEYS {
            // It goes with its connection, which is ended already.
            return false;
        }
        let number = Number(key.0);
        let Some(turn) = locked(&self.accounts).get(&number).cloned() else {
            return false;
        };
        let Ok(mut slot) = turn.try_lock() else {
            return false;
        };
        if let Some(running) = slot.take() {
            tokio::spawn(async move { told(running.shutdown().await) });
        }
        locked(&self.held).remove(&number)
    }

    /// Lets the client of an account go that nobody acts through. Its node runs on: the account is a member of
    /// communities, and reachable.
    pub(crate) fn let_go(&self, key: ClientKey) -> bool {
        // A guest's goes with its connection.
        key.0 < GUEST_KEYS && locked(&self.held).remove(&Number(key.0))
    }

    /// Ends the node of a guest whose connection has ended, and everything of it.
    pub(crate) fn gone(&self, conn: ConnId) -> Option<ClientKey> {
        let key = ClientKey(GUEST_KEYS + conn.0);
        if let Some(number) = locked(&self.adopted).remove(&conn) {
            self.unseen(number);
            return Some(key);
        }
        let running = locked(&self.guests).remove(&conn)?;
        let folder = self.guest_folder(conn);
        let (lobby, wait) = (self.lobby, ANSWER_WAIT);
        tokio::spawn(async move {
            if let Some(lobby) = lobby {
                let community = CommunityRef(lobby.to_string());
                let left = running
                    .handle()
                    .call(Command::Leave { community }, wait)
                    .await;
                if let Err(error) = left {
                    tracing::debug!(%error, "a guest went without leaving");
                }
            }
            told(running.shutdown().await);
            remove(&folder);
        });
        Some(key)
    }

    /// Has an account whose node runs on seen as gone, unless the server's task holds a client of it: that one tells how
    /// the account is seen. The client through which a guest acted goes with its connection and tells nothing more.
    fn unseen(&self, number: Number) {
        let Some(turn) = locked(&self.accounts).get(&number).cloned() else {
            return;
        };
        let held = Arc::clone(&self.held);
        tokio::spawn(async move {
            // Whoever logs in meanwhile is seen after this.
            let slot = turn.lock().await;
            let Some(running) = slot.as_ref() else {
                return;
            };
            if locked(&held).contains(&number) {
                return;
            }
            let change = ProfileChange::Availability(Availability::Invisible);
            let command = Command::Profile { change };
            if let Err(error) = running.handle().call(command, ANSWER_WAIT).await {
                tracing::debug!(%error, "an account is seen as here that has gone");
            }
        });
    }

    /// Makes a channel of the lobby, whose maker looks after it, and waits until that one sees it.
    pub(crate) async fn open(&self, key: ClientKey, name: &str) -> Result<(), NodeError> {
        let lobby = self.lobby.ok_or(NodeError::Guests)?;
        let mut maker = self.handle_of(key).await.ok_or(NodeError::Ending)?;
        let account = maker.snapshot().account.ok_or(NodeError::Ending)?;
        let mut own = self.own.handle();
        let command = Command::CreateChannel {
            community: CommunityRef(lobby.to_string()),
            kind: ChannelKind::Text,
            name: name.to_owned(),
            private: false,
            category: None,
        };
        let Reply::Channel { channel } = own.call(command, ANSWER_WAIT).await? else {
            return Err(NodeError::Ending);
        };
        let command = Command::Overwrite {
            channel: ChannelRef(channel.to_string()),
            target: OverwriteRef::Member(AccountRef(account.to_string())),
            allow: vec!["manage-messages".to_owned()],
            deny: Vec::new(),
        };
        own.call(command, ANSWER_WAIT).await?;
        let seen = async {
            loop {
                let snapshot = maker.snapshot();
                let community = snapshot.communities.get(&lobby);
                let mut channels = community.iter().flat_map(|of| of.channels.iter());
                // Its name comes with the content, after the channel itself.
                let named = channels.any(|view| view.channel == channel && view.name == name);
                if named || !maker.changed().await {
                    return;
                }
            }
        };
        let seen = tokio::time::timeout(ANSWER_WAIT, seen).await;
        seen.map_err(|_late| NodeError::Late)
    }

    pub(crate) async fn handle_of(&self, key: ClientKey) -> Option<NodeHandle> {
        if let Some(conn) = key.0.checked_sub(GUEST_KEYS) {
            let conn = ConnId(conn);
            let adopted = locked(&self.adopted).get(&conn).copied();
            return match adopted {
                Some(number) => self.another(number).await,
                None => locked(&self.guests).get(&conn).map(Running::handle),
            };
        }
        self.another(Number(key.0)).await
    }

    /// An invite of a community for one, by the own node's right to.
    pub(crate) async fn invite(&self, community: CommunityId) -> Result<String, NodeError> {
        let command = Command::Invite {
            community: CommunityRef(community.to_string()),
            uses: Some(1),
            expires_ms: Some(INVITE_MS),
        };
        match self.own.handle().call(command, ANSWER_WAIT).await? {
            Reply::Invite { invite, .. } => Ok(invite),
            _ => Err(NodeError::Ending),
        }
    }
}

/// Removes what guests of an earlier run left, whose connections ended with it.
fn forget_guests(accounts: &Path) {
    let Ok(entries) = std::fs::read_dir(accounts) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("guest-") {
            remove(&entry.path());
        }
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::warn!(%error, "what a guest left could not be removed");
    }
}

fn told(ended: Result<(), RunError>) {
    if let Err(error) = ended {
        tracing::warn!(%error, "a node had ended before");
    }
}

/// What is known of the lobby at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lobby {
    /// There is to be none.
    None,
    /// It is there.
    Known(CommunityId),
    /// It is to be made.
    New,
}

async fn found_lobby(own: &Running, network: &str) -> Result<CommunityId, NodeError> {
    let mut handle = own.handle();
    let command = Command::CreateCommunity {
        name: network.to_owned(),
        template: None,
    };
    let Reply::Community { community } = handle.call(command, ANSWER_WAIT).await? else {
        return Err(NodeError::Ending);
    };
    let command = Command::CreateChannel {
        community: CommunityRef(community.to_string()),
        kind: ChannelKind::Text,
        name: FIRST_CHANNEL.to_owned(),
        private: false,
        category: None,
    };
    handle.call(command, ANSWER_WAIT).await?;
    Ok(community)
}
