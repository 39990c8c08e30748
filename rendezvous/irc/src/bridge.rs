//! What a rendezvous adds to a node's own door: accounts that are made here, guests, a lobby.

use std::fmt;

use alloquy_ids::CommunityId;
use zeroize::Zeroizing;

/// A way to log in by SASL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// The password itself.
    #[default]
    Plain,
    /// The certificate of the TLS session.
    External,
    /// A proof of the password.
    Scram,
}

impl Mechanism {
    /// All of them, as they are listed.
    pub const ALL: [Self; 3] = [Self::External, Self::Plain, Self::Scram];

    /// Its name in SASL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::External => "EXTERNAL",
            Self::Scram => "SCRAM-SHA-256",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// Whether accounts are made here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// No.
    #[default]
    Closed,
    /// By whoever is in as a guest.
    Open,
    /// Also before the connection has registered.
    BeforeConnect,
}

/// Strict transport security.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sts {
    /// The port of TLS.
    pub port: u16,
    /// Names for which a duration is told, if a client asked for one of them in the TLS handshake.
    pub names: Vec<String>,
}

/// What a rendezvous adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    /// Ways to log in by SASL.
    pub mechanisms: Vec<Mechanism>,
    /// Whether accounts are made here.
    pub registration: Registration,
    /// Whether a client without an account may come in.
    pub guests: bool,
    /// The community whose channels are `#name` without a slash.
    pub lobby: Option<CommunityId>,
    /// Where TLS is, and for which names clients are to keep to it.
    pub sts: Option<Sts>,
    /// Whether clients may have streams to other nodes (`alloquy.chat/e2ee`).
    pub e2ee: bool,
    /// Whether the first PASS of a connection has to be the password of the server, which the shell knows.
    pub password: bool,
    /// Whether there are operators, whose names and passwords the shell knows.
    pub opers: bool,
}

/// What an account asks of the rendezvous about itself: through NickServ, but for its home node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountOrder {
    /// Lets it log in by the certificate of this connection, SHA-256.
    CertAdd([u8; 32]),
    /// Makes an app password.
    AppAdd {
        /// What the person calls it.
        label: String,
        /// Whether it is good for reading alone.
        read_only: bool,
    },
    /// Lists app passwords.
    AppList,
    /// Ends an app password.
    AppRevoke(u32),
    /// Has its blind home node run, and tells of it by [`crate::Outcome::Told`]: the address, and a link code where one is
    /// to be used.
    Home,
}

/// An account that somebody wants to have.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub account: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted(..)")
    }
}
