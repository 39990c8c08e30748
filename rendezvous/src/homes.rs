//! Home nodes of accounts whose client has a device of its own (`alloquy.chat/e2ee`, docs/irc.md): each keeps ciphertext
//! for its owner, who pairs with it through the IRC line, and holds no key to it.
//!
//! They lie in `data_dir/homes/NUMBER`. One that somebody has paired with runs from then on, from each start of the
//! rendezvous: it takes in what is written while its owner is away. One that nobody has paired with holds nothing: it
//! goes, its folder with it, an hour after it was last asked for, or at the next start. That is looked after when any is
//! asked for, and after a start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloquy_api::{Client, Command, PersonalCommand, Reply};
use alloquy_directory::Number;
use alloquy_node::home::shown_code;
use alloquy_node::{HomeConfig, NodeConfig, NodeHandle, Running};
use tokio::sync::Mutex as Turn;
use tokio::task::JoinSet;

use crate::nodes::{ANSWER_WAIT, NodeError, config, locked};

/// Home nodes at once: each is a node of its own, some 20 MiB besides what it keeps.
const HOMES_MAX: usize = 64;
/// Bytes that each keeps at most. A node holds what it keeps in memory too: all of them at most 64 x 32 MiB = 2 GiB. Some
/// 200,000 messages of 160 bytes.
const QUOTA_BYTES: u64 = 32 << 20;
/// How long one that nobody has paired with stays after it was asked for. Who asks pairs within a minute; an hour is for
/// those who must look something up meanwhile.
const UNPAIRED_WAIT: Duration = Duration::from_secs(3_600);
/// Patience with one that is asked whether somebody has paired with it, by somebody who asked for another one.
const LOOK_WAIT: Duration = Duration::from_secs(2);

/// A home node as its account is told of it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Where it is from this machine, ending in `/p2p/..`.
    pub(crate) address: String,
    /// What pairs with it, while nobody has.
    pub(crate) link: Option<String>,
}

/// The home nodes of this process.
#[derive(Debug)]
pub(crate) struct Homes {
    folder: PathBuf,
    /// Those on the disk and those that are being made: at most [`HOMES_MAX`].
    kept: Mutex<BTreeMap<Number, Kept>>,
    /// Where those that run take TCP connections from this machine.
    places: Arc<Mutex<BTreeMap<Number, SocketAddr>>>,
}

/// One of the places.
#[derive(Debug)]
struct Kept {
    /// When its account last asked for it; `None`: not since the start.
    asked: Option<Instant>,
    turn: Arc<Turn<Slot>>,
}

/// What is in a place.
#[derive(Debug)]
struct Slot {
    home: Option<Home>,
    /// It has never run and nothing of it was on the disk: nothing is lost with it.
    new: bool,
    /// Somebody has paired with it: that stays so.
    paired: bool,
}

#[derive(Debug)]
struct Home {
    running: Running,
    /// Ends with the node, and takes its address out of `places` then.
    watch: JoinSet<()>,
}

impl Homes {
    /// Those in a folder have their places from now on, before anybody can ask for another one.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let kept = numbers(&folder).into_iter();
        Self {
            kept: Mutex::new(kept.map(|number| (number, Kept::new(false))).collect()),
            folder,
            places: Arc::default(),
        }
    }

    /// Starts those that were made before.
    pub(crate) async fn start_known(self: Arc<Self>) {
        for (number, turn) in self.turns(|_| true) {
            let started = async {
                let mut slot = turn.lock().await;
                if !self.holds(number, &turn) {
                    return Ok(());
                }
                self.run(number, &mut slot).await.map(|_running| ())
            };
            let started = tokio::time::timeout(ANSWER_WAIT, started).await;
            if let Err(error) = started.unwrap_or(Err(NodeError::Late)) {
                tracing::error!(%error, "a home node is not there");
            }
        }
        self.let_unpaired_go().await;
    }

    /// Home nodes that run.
    pub(crate) fn count(&self) -> usize {
        locked(&self.places).len()
    }

    /// Where the home node of an account takes connections, if it runs.
    pub(crate) fn place(&self, number: Number) -> Option<SocketAddr> {
        locked(&self.places).get(&number).copied()
    }

    /// The home node of an account, which is made and started if it is not there.
    pub(crate) async fn told(self: &Arc<Self>, number: Number) -> Result<Told, NodeError> {
        let told = async {
            // Before the others are looked through: this one is asked for, so it stays.
            let room = self.enter(number).is_ok();
            // A task of its own: who is let go is let go entirely, however long this one waits.
            let going = tokio::spawn(Arc::clone(self).let_unpaired_go());
            if !room {
                // There may be a place then.
                going.await.map_err(|_ended| NodeError::Ending)?;
            }
            loop {
                let turn = self.enter(number)?;
                let mut slot = turn.lock().await;
                // Else it went while this waited: then there is to be another one.
                if self.holds(number, &turn) {
                    return self.tell(number, &mut slot).await;
                }
            }
        };
        let told = tokio::time::timeout(ANSWER_WAIT, told).await;
        told.map_err(|_late| NodeError::Late)?
    }

    /// The place of an account that asks, a new one if it has none.
    fn enter(&self, number: Number) -> Result<Arc<Turn<Slot>>, NodeError> {
        let mut kept = locked(&self.kept);
        if !kept.contains_key(&number) && kept.len() >= HOMES_MAX {
            return Err(NodeError::Homes(HOMES_MAX));
        }
        let new = || Kept::new(!self.folder_of(number).exists());
        let entry = kept.entry(number).or_insert_with(new);
        entry.asked = Some(Instant::now());
        Ok(Arc::clone(&entry.turn))
    }

    /// Whether this is still the place of an account.
    fn holds(&self, number: Number, turn: &Arc<Turn<Slot>>) -> bool {
        let kept = locked(&self.kept);
        let now = kept.get(&number);
        now.is_some_and(|kept| Arc::ptr_eq(&kept.turn, turn))
    }

    /// Places of this kind.
    fn turns(&self, kind: impl Fn(&Kept) -> bool) -> Vec<(Number, Arc<Turn<Slot>>)> {
        let kept = locked(&self.kept);
        let those = kept.iter().filter(|(_, kept)| kind(kept));
        those
            .map(|(number, kept)| (*number, Arc::clone(&kept.turn)))
            .collect()
    }

    async fn tell(&self, number: Number, slot: &mut Slot) -> Result<Told, NodeError> {
        let running = self.run(number, slot).await?;
        let address = here(running).ok_or(NodeError::Late)?;
        let link = link(running).await?;
        slot.paired |= link.is_none();
        Ok(Told { address, link })
    }

    /// The node in a place, which is started if it does not run or has ended by itself.
    async fn run<'slot>(
        &self,
        number: Number,
        slot: &'slot mut Slot,
    ) -> Result<&'slot Running, NodeError> {
        if slot.home.as_mut().is_some_and(Home::has_ended)
            && let Some(home) = slot.home.take()
            && let Err(error) = home.running.shutdown().await
        {
            tracing::warn!(%error, "a home node had ended, and is started again");
        }
        let home = match slot.home.take() {
            Some(home) => home,
            None => match self.start(number).await {
                Ok(home) => home,
                Err(error) => {
                    if slot.new {
                        self.forget(number);
                    }
                    return Err(error);
                }
            },
        };
        slot.new = false;
        let running = &slot.home.insert(home).running;
        if let Some(place) = here(running).as_deref().and_then(place) {
            locked(&self.places).insert(number, place);
        }
        Ok(running)
    }

    async fn start(&self, number: Number) -> Result<Home, NodeError> {
        let home = HomeConfig {
            quota: Some(QUOTA_BYTES),
            page: None,
            turn: None,
        };
        let config = NodeConfig {
            home: Some(home),
            bridged: false,
            ..config(&self.folder_of(number))
        };
        let running = alloquy_node::start(config).await?;
        let (mut handle, places) = (running.handle(), Arc::clone(&self.places));
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            while handle.changed().await {
                // Events are for faces: none waits here.
                while handle.next_event().is_some() {}
            }
            locked(&places).remove(&number);
        });
        Ok(Home { running, watch })
    }

    /// Ends those that nobody has paired with, and that nobody has asked for of late.
    async fn let_unpaired_go(self: Arc<Self>) {
        for (number, turn) in self.turns(Kept::is_forgotten) {
            // Held by somebody who asks for it now, or who lets it go.
            let Ok(mut slot) = turn.try_lock() else {
                continue;
            };
            // It may have been asked for since it was listed.
            let forgotten = locked(&self.kept)
                .get(&number)
                .is_some_and(Kept::is_forgotten);
            if !forgotten || !self.holds(number, &turn) || !slot.is_unpaired().await {
                continue;
            }
            if let Some(Home { running, watch }) = slot.home.take() {
                drop(watch);
                if let Err(error) = running.shutdown().await {
                    tracing::warn!(%error, "a home node had ended before");
                }
            }
            locked(&self.places).remove(&number);
            self.forget(number);
        }
    }

    /// Gives a place free, of which nothing stays. Its slot is held meanwhile.
    fn forget(&self, number: Number) {
        let removed = std::fs::remove_dir_all(self.folder_of(number));
        let nothing = [ErrorKind::NotFound, ErrorKind::NotADirectory];
        if let Err(error) = removed
            && !nothing.contains(&error.kind())
        {
            tracing::warn!(%error, "what a home node left could not be removed");
        }
        locked(&self.kept).remove(&number);
    }

    fn folder_of(&self, number: Number) -> PathBuf {
        self.folder.join(number.0.to_string())
    }
}

impl Kept {
    fn new(new: bool) -> Self {
        let slot = Slot {
            home: None,
            new,
            paired: false,
        };
        Self {
            asked: None,
            turn: Arc::new(Turn::new(slot)),
        }
    }

    fn is_forgotten(&self) -> bool {
        self.asked.is_none_or(|at| at.elapsed() >= UNPAIRED_WAIT)
    }
}

impl Slot {
    /// Whether it is certain that nobody has paired with it.
    async fn is_unpaired(&mut self) -> bool {
        let Some(home) = &self.home else {
            return self.new;
        };
        if !self.paired {
            let mut handle = home.running.handle();
            // One that does not say is asked again the next time.
            let Ok(paired) = is_paired(&mut handle, LOOK_WAIT).await else {
                return false;
            };
            self.paired = paired;
        }
        !self.paired
    }
}

impl Home {
    /// Whether the node has ended by itself.
    fn has_ended(&mut self) -> bool {
        while self.watch.try_join_next().is_some() {}
        self.watch.is_empty()
    }
}

/// Numbers of accounts whose home nodes are in a folder.
fn numbers(folder: &Path) -> Vec<Number> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                tracing::error!(%error, "the folder of home nodes can not be read");
            }
            return Vec::new();
        }
    };
    let number = |name: OsString| Some(Number(name.to_str()?.parse().ok()?));
    let names = entries.flatten().map(|entry| entry.file_name());
    names.filter_map(number).collect()
}

/// The address of this machine at which a node takes TCP connections.
fn here(running: &Running) -> Option<String> {
    let mut listen = running.status().listen.into_iter();
    listen.find(|address| address.starts_with("/ip4/127.0.0.1/tcp/"))
}

/// As one connects to it.
fn place(address: &str) -> Option<SocketAddr> {
    let mut parts = address.split('/').skip(2);
    let (ip, _tcp, port) = (parts.next()?, parts.next()?, parts.next()?);
    Some((ip.parse::<std::net::IpAddr>().ok()?, port.parse().ok()?).into())
}

/// Whether somebody has paired with a home node.
async fn is_paired(handle: &mut NodeHandle, wait: Duration) -> Result<bool, NodeError> {
    let order = PersonalCommand::HomeStatus;
    let told = handle.call(Command::Personal { order }, wait).await?;
    Ok(!matches!(told, Reply::HomeStatus { home } if home.owner.is_none()))
}

/// What pairs with a home node; `None` when somebody has.
async fn link(running: &Running) -> Result<Option<String>, NodeError> {
    let mut handle = running.handle();
    let mut changes = handle.changes();
    loop {
        if is_paired(&mut handle, ANSWER_WAIT).await? {
            return Ok(None);
        }
        let snapshot = handle.snapshot();
        let code = snapshot.linking.as_deref().and_then(shown_code);
        if let Some((_, link)) = code {
            return Ok(Some(link.to_owned()));
        }
        if !changes.next().await {
            return Err(NodeError::Ending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_ip_and_port_of_an_address() {
        let place = |address: &str| place(address).map(|place| place.to_string());
        let whole =
            "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGjMCwMzoy7PBXSRYDPLUe1uoQJ92yVrYPFKP2pPRMf3r";
        assert_eq!(place(whole).as_deref(), Some("127.0.0.1:4001"));
        assert_eq!(place("/ip4/127.0.0.1/tcp"), None);
        assert_eq!(place("/ip4/127.0.0.1/tcp/65536"), None);
    }

    #[test]
    fn those_on_the_disk_have_their_places_before_they_run() {
        let root = tempfile::tempdir().unwrap();
        let most = u64::try_from(HOMES_MAX).unwrap();
        for number in 1..=most {
            std::fs::create_dir(root.path().join(number.to_string())).unwrap();
        }
        let homes = Homes::new(root.path().to_owned());
        let refused = homes.enter(Number(most + 1)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "64 home nodes are kept here, and no more"
        );
        assert!(homes.enter(Number(most)).is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_that_does_not_start_leaves_no_place_behind() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("homes");
        std::fs::write(&file, "no folder").unwrap();
        let homes = Arc::new(Homes::new(file));
        assert!(homes.told(Number(1)).await.is_err());
        assert!(locked(&homes.kept).is_empty());
        assert_eq!(homes.count(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_that_nobody_pairs_with_goes() {
        let root = tempfile::tempdir().unwrap();
        let homes = Arc::new(Homes::new(root.path().to_owned()));
        let told = homes.told(Number(1)).await.unwrap();
        assert!(told.link.is_some());
        assert!(homes.place(Number(1)).is_some());
        // It was asked for just now.
        Arc::clone(&homes).let_unpaired_go().await;
        assert!(homes.place(Number(1)).is_some());
        locked(&homes.kept).get_mut(&Number(1)).unwrap().asked = None;
        Arc::clone(&homes).let_unpaired_go().await;
        assert_eq!(homes.place(Number(1)), None);
        assert!(locked(&homes.kept).is_empty());
        assert!(!root.path().join("1").exists());
        let again = homes.told(Number(1)).await.unwrap();
        assert_ne!(again.address, told.address);
    }
}
