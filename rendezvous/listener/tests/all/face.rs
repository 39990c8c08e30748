//! A face to try: one account, whose password is `secret`, in one community.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::ChannelView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, UnixMs};
use alloquy_irc::{Bridge, ClientKey, Credential, Server, Settings, Sts};
use alloquy_irc_listener::{
    Accounts, Address, Answer, Bell, Door, Face, Figures, Kind, Pair, Range, Reach, Tls, serve,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

/// Patience of a test with a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A node in which nothing happens.
#[derive(Debug, Default)]
struct Quiet(u64);

impl Client for Quiet {
    fn submit(&mut self, _command: Command) -> Result<CommandId, Busy> {
        self.0 += 1;
        Ok(CommandId(self.0))
    }

    fn next_event(&mut self) -> Option<Event> {
        None
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        let club = CommunitySnapshot {
            name: "Club".to_owned(),
            channels: Arc::new(vec![general()]),
            ..CommunitySnapshot::default()
        };
        Arc::new(Snapshot {
            account: Some(AccountId([3; 32])),
            name: "ana".to_owned(),
            communities: [(CommunityId([4; 32]), Arc::new(club))].into(),
            ..Snapshot::default()
        })
    }

    fn ended(&self) -> Option<CommandError> {
        None
    }
}

fn general() -> ChannelView {
    ChannelView {
        channel: ChannelId([5; 32]),
        kind: ChannelKind::Text,
        name: "general".to_owned(),
        topic: String::new(),
        category: None,
        position: 0,
        private: false,
        since_join: false,
        unread: 0,
        mentions: 0,
        rights: vec!["view".to_owned()],
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: Vec::new(),
    }
}

/// One account, and where its home node is.
struct One(Option<SocketAddr>);

impl Accounts for One {
    fn check(&self, credential: Credential) -> Answer {
        match credential {
            Credential::Password { password, .. } if *password == "secret" => {
                Answer::Granted(ClientKey::OWN, None)
            }
            _ => Answer::Denied,
        }
    }

    fn home(&self, _key: ClientKey) -> Option<SocketAddr> {
        self.0
    }
}

/// A face that serves until it is dropped.
pub(crate) struct Served {
    pub(crate) addresses: Vec<Address>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) tls: Option<Tls>,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn face(doors: Vec<Door>, pair: Option<Pair>, exempt: &[&str]) -> Served {
    reaching(doors, pair, exempt, (None, None))
}

/// One whose clients may have streams, and where the home node of its account is.
pub(crate) fn reaching(
    doors: Vec<Door>,
    pair: Option<Pair>,
    exempt: &[&str],
    (tunnels, home): (Option<Reach>, Option<SocketAddr>),
) -> Served {
    let settings = Settings {
        server_name: "irc.example.org".to_owned(),
        network: "Example".to_owned(),
        version: "alloquy-test".to_owned(),
        started: UnixMs(1_700_000_000_000),
    };
    let bridge = Bridge {
        sts: Some(Sts {
            port: 6697,
            names: vec!["irc.example.org".to_owned()],
        }),
        e2ee: true,
        ..Bridge::default()
    };
    let tls = pair.map(Tls::new);
    let figures = Arc::new(Figures::default());
    let exempt: Vec<Range> = exempt.iter().map(|range| range.parse().unwrap()).collect();
    let addresses = doors.iter().map(|door| door.address().clone()).collect();
    let face = Face {
        server: Server::new(settings).with_bridge(bridge),
        doors,
        tls: tls.clone(),
        exempt: Arc::new(Mutex::new(exempt)),
        origins: Arc::new(["https://chat.example.org".to_owned()]),
        cloak_key: [7; 32],
        accounts: Arc::new(One(home)),
        clients: vec![(ClientKey::OWN, Box::new(Quiet::default()))],
        bell: Bell::default(),
        tunnels,
        figures: Arc::clone(&figures),
    };
    Served {
        addresses,
        figures,
        tls,
        task: tokio::spawn(serve(face, std::future::pending())),
    }
}

pub(crate) fn door(kind: Kind) -> Door {
    Door::open(kind, "127.0.0.1:0".parse().unwrap()).unwrap()
}

impl Served {
    pub(crate) fn tcp(&self) -> SocketAddr {
        match &self.addresses[0] {
            Address::Tcp(address) => *address,
            Address::Unix(path) => panic!("{} is no TCP address", path.display()),
        }
    }

    pub(crate) async fn connect_from(&self, from: Ipv4Addr) -> tokio::net::TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(self.tcp()).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> tokio::net::TcpStream {
        tokio::net::TcpStream::connect(self.tcp()).await.unwrap()
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waits = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let held = tokio::time::timeout(PATIENCE, waits).await;
    assert!(held.is_ok(), "{what}");
}

/// All that comes until the other side ends; a connection that is cut has ended, too.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("it ends");
    String::from_utf8(bytes).unwrap()
}

/// What comes until a text is in it.
pub(crate) async fn until(stream: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut bytes = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&bytes).contains(text) {
            match stream.read(&mut buffer).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
                ended => panic!(
                    "{ended:?} before {text:?}: {}",
                    String::from_utf8_lossy(&bytes)
                ),
            }
        }
    };
    let come = tokio::time::timeout(PATIENCE, read).await;
    assert!(come.is_ok(), "{text:?} does not come");
    String::from_utf8(bytes).unwrap()
}
