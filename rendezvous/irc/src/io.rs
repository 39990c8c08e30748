//! What passes between the machine and the shell that owns sockets, clocks and passwords.

use std::fmt;
use std::net::SocketAddr;

use alloquy_ids::{MonoMs, UnixMs};
use bytes::Bytes;
use zeroize::Zeroizing;

use crate::bridge::{AccountOrder, Wanted};

/// A connection, numbered by the shell; never used again after [`crate::Server::closed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// A credential that is being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckId(pub u64);

/// The client of a node that a connection acts through once it is logged in: one for each account. The own door has
/// only [`ClientKey::OWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey(pub u64);

impl ClientKey {
    /// The one account of a node's own door.
    pub const OWN: Self = Self(0);
}

/// The time of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Drives timers.
    pub mono: MonoMs,
    /// Stamped and shown.
    pub wall: UnixMs,
}

/// What the shell knows of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Whether the other side is on this machine.
    pub loopback: bool,
    /// Whether it is spared the throttles of messages (never that of log-ins).
    pub exempt: bool,
    /// A keyed hash of the address, made by the shell: all that this crate learns of it.
    pub cloak: u64,
    /// Set over TLS.
    pub tls: Option<Tls>,
    /// It came in by a door that only says where TLS is.
    pub sts_only: bool,
}

/// What a TLS handshake told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// SHA-256 of the certificate that the client proved to hold.
    pub fingerprint: Option<[u8; 32]>,
    /// The name that the client asked for.
    pub sni: Option<String>,
}

/// What a client logs in with. Checked by the shell, off its event loop, for it is expensive on purpose.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// PASS or SASL PLAIN.
    Password {
        /// The account as typed, without what stands behind a slash; `None`: only a password was given.
        account: Option<String>,
        /// The password.
        password: Zeroizing<String>,
    },
    /// SASL EXTERNAL.
    Certificate {
        /// The account that it asks for; `None`: that of the certificate.
        account: Option<String>,
        /// SHA-256 of the certificate.
        fingerprint: [u8; 32],
    },
    /// The password of a rendezvous itself, which whoever comes in has to know.
    Connection {
        /// The password.
        password: Zeroizing<String>,
    },
    /// OPER: the name and the password of an operator.
    Operator {
        /// The name, as typed.
        name: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// None: a guest of a rendezvous.
    Guest {
        /// The nick that it asks for.
        nick: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No password and no account's name may reach a log.
        f.write_str(match self {
            Self::Password { .. } => "Password",
            Self::Certificate { .. } => "Certificate",
            Self::Connection { .. } => "Connection",
            Self::Operator { .. } => "Operator",
            Self::Guest { .. } => "Guest",
        })
    }
}

/// What the check of a credential gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is right: the connection acts through this client from now on.
    Granted(ClientKey),
    /// It is the password of the rendezvous: the connection may log in. Or it is that of an operator.
    Admitted,
    /// It is wrong, or the account is unknown: both look the same.
    Denied,
    /// An exchange goes on: the server's next message.
    Challenge(String),
    /// An exchange has ended well: the server's last message, and the client to act through.
    Proven(String, ClientKey),
    /// It is right, for reading alone.
    GrantedReading(ClientKey),
    /// What an account asked was done: lines for its person.
    Told(Vec<String>),
    /// An account is not made: the code of the specification, and why.
    Refused {
        /// As `ACCOUNT_EXISTS`.
        code: &'static str,
        /// For people.
        text: String,
    },
}

/// What the shell does, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Writes to a connection. Several in a row may go out as one write.
    Write(ConnId, Bytes),
    /// Closes a connection when everything before is written.
    Close(ConnId),
    /// Checks a credential and answers by [`crate::Server::checked`].
    Check(CheckId, Credential),
    /// Takes the next message of a SCRAM-SHA-256 exchange, of which each connection has one at most, and answers by
    /// [`crate::Server::checked`].
    Scram(CheckId, Zeroizing<String>),
    /// Makes a channel of the lobby for this client, or lets it into the community of a channel `community/channel`, and
    /// answers by [`crate::Server::checked`] when the client sees it. A refusal's code may be the numeric to tell.
    Open(CheckId, ClientKey, String),
    /// Does what an account asks about itself and answers by [`crate::Server::checked`].
    Account(CheckId, ClientKey, AccountOrder),
    /// Makes an account and answers by [`crate::Server::checked`].
    Register(CheckId, Wanted),
    /// Does something about a stream of a connection, which acts through this client, and tells what comes of it by
    /// [`crate::Server::tunnelled`].
    Tunnel(ConnId, ClientKey, Tunnel),
}

/// What is done about a stream of E2EE (docs/irc.md). Each is known by an id that no other stream of its
/// connection ever has, whatever number the client gave it: what is under way of one must not reach another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// Connects it.
    Open {
        /// Its id, of this connection alone.
        stream: u64,
        /// Whereto.
        target: Target,
    },
    /// Sends bytes of the client, answered by [`Tunnelled::Taken`] when they are sent. They may come before it is
    /// connected, and no more than [`crate::limits::E2EE_WINDOW_BYTES`] are ever unanswered.
    Data {
        /// Its id.
        stream: u64,
        /// At least one.
        bytes: Bytes,
    },
    /// The client has taken so many further bytes of what came by [`Tunnelled::Data`].
    Taken {
        /// Its id.
        stream: u64,
        /// At least one.
        bytes: usize,
    },
    /// Sends what was given before, and ends it. Nothing of it is told any more.
    Close {
        /// Its id.
        stream: u64,
    },
}

/// Whereto a stream leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The blind home node of the account, beside the bridge.
    Home,
    /// A node at an address. Whether that may be reached from here the shell knows.
    Address(SocketAddr),
}

/// What came of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tunnelled {
    /// It is connected.
    Opened,
    /// Bytes for the client. Whoever gives them keeps no more than [`crate::limits::E2EE_WINDOW_BYTES`] ahead of
    /// [`Tunnel::Taken`].
    Data(Bytes),
    /// So many further bytes of the client were sent.
    Taken(usize),
    /// It has ended, or never was connected: why, for people.
    Closed(String),
}

/// What a server is, to its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The source of numerics, verbatim; also the domain of hosts.
    pub server_name: String,
    /// `NETWORK` in 005.
    pub network: String,
    /// The program and its version.
    pub version: String,
    /// When the server was started.
    pub started: UnixMs,
}
