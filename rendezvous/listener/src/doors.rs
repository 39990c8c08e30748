//! Where connections come in.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// Connections that wait to be accepted: a burst of a thousand clients after a restart.
const BACKLOG: u32 = 1_024;
/// Who may connect to a Unix socket: its owner alone.
const SOCKET_MODE: u32 = 0o600;
/// Who may look into the folder in which it is made.
const FOLDER_MODE: u32 = 0o700;

/// An address to listen on: `127.0.0.1:6667`, `[::1]:6667`, `unix:/run/irc.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Over TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How those who come in by a door speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines in clear: on this machine only.
    Plain,
    /// Lines over TLS.
    Tls,
    /// Lines in WebSocket frames in clear: on this machine only, behind whatever speaks TLS.
    WebSocket,
    /// Lines in clear, from anywhere: told where TLS is, and closed.
    Sts,
}

/// Why nothing comes in by a door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// A text is no address.
    #[error("{0:?} is no address to listen on: 127.0.0.1:6667, [::1]:6667 or unix:/path is")]
    Address(String),
    /// What is in clear would leave the machine.
    #[error(
        "{0} is not of this machine: without TLS only 127.0.0.0/8, ::1 and unix:/path are listened on"
    )]
    Public(Address),
    /// TLS without a network.
    #[error("{0} is a Unix socket: TLS is for addresses")]
    NoTls(Address),
    /// The system refuses.
    #[error("{address} can not be listened on: {error}")]
    Bind {
        /// The address.
        address: Address,
        /// Why.
        error: io::Error,
    },
}

impl FromStr for Address {
    type Err = DoorError;

    fn from_str(text: &str) -> Result<Self, DoorError> {
        let bad = || DoorError::Address(text.chars().take(128).collect());
        match text.strip_prefix("unix:") {
            Some("") => Err(bad()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_error| bad()),
        }
    }
}

impl Kind {
    /// Whether a door of this kind may be at an address.
    ///
    /// # Errors
    /// [`DoorError::Public`], [`DoorError::NoTls`].
    pub fn check(self, address: &Address) -> Result<(), DoorError> {
        match (self, address) {
            (Self::Tls | Self::Sts, Address::Unix(_)) => Err(DoorError::NoTls(address.clone())),
            (Self::Plain | Self::WebSocket, Address::Tcp(tcp)) if !tcp.ip().is_loopback() => {
                Err(DoorError::Public(address.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// A door that is listened at.
#[derive(Debug)]
pub struct Door {
    kind: Kind,
    address: Address,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Somebody who came in.
#[derive(Debug)]
pub(crate) enum Caller {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Door {
    /// Begins to listen. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`DoorError`].
    pub fn open(kind: Kind, address: Address) -> Result<Self, DoorError> {
        kind.check(&address)?;
        let opened = match &address {
            Address::Tcp(tcp) => listen(*tcp).map(Socket::Tcp),
            Address::Unix(path) => listen_unix(path).map(Socket::Unix),
        };
        match opened {
            Ok(socket) => Ok(Self {
                kind,
                address: local(&socket, address),
                socket,
            }),
            Err(error) => Err(DoorError::Bind { address, error }),
        }
    }

    /// Where it is, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How those who come in speak.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The next who comes in. May be dropped without loss.
    pub(crate) async fn accept(&self) -> io::Result<Caller> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // What is written is whole already: waiting for more would only delay it.
                // Whoever has gone already is found gone by whoever reads.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection writes with delay");
                }
                Ok(Caller::Tcp(stream, from.ip()))
            }
            Socket::Unix(listener) => Ok(Caller::Unix(listener.accept().await?.0)),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let (Socket::Unix(_), Address::Unix(path)) = (&self.socket, &self.address)
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::debug!(%error, "the socket was gone already");
        }
    }
}

fn local(socket: &Socket, asked: Address) -> Address {
    match socket {
        Socket::Tcp(listener) => listener.local_addr().map_or(asked, Address::Tcp),
        Socket::Unix(_) => asked,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A socket that a killed process left behind is taken over; one that answers is not.
fn listen_unix(path: &PathBuf) -> io::Result<UnixListener> {
    let left = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if left && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    // Bound where nobody else comes in: between the bind and the change of its mode anybody could have connected.
    let folder = path.with_file_name(format!(".irc-{}", std::process::id()));
    std::fs::DirBuilder::new()
        .mode(FOLDER_MODE)
        .create(&folder)?;
    let bound = folder.join("s");
    let opened = UnixListener::bind(&bound).and_then(|listener| {
        std::fs::set_permissions(&bound, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        // A link takes nobody's place, as a rename would.
        std::fs::hard_link(&bound, path)?;
        Ok(listener)
    });
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(%error, "the folder in which the socket was made stays");
    }
    opened
}
