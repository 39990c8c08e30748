//! An IRCv3 server in front of the logs that native peers hold: a view of them, never a puppet army.
//!
//! [`Server`] is a machine without sockets, clocks or entropy. The shell gives it connections and bytes
//! ([`Server::open`], [`Server::received`], [`Server::closed`]), the time ([`Server::tick`], at
//! [`Server::next_timeout`]), outcomes of checks ([`Server::checked`]), what comes of streams to other nodes
//! ([`Server::tunnelled`]) and the clients of nodes that it acts through
//! ([`Server::pump`], whenever a client has something new), and carries out what [`Server::next_output`] gives, until it
//! gives nothing.
//!
//! ```text
//!  shell: bytes -> received -> line -> session (CAP, SASL, registration) -> handler -> Command -> Client
//!         Client -> pump -> Event, Snapshot -> lines, once for each set of capabilities -> next_output -> bytes
//! ```
//! Deliberately not here: TLS, passwords and their hashes, rules about communities (the node's), any list of members
//! or channels that is not in the snapshot of the account.

mod bound;
pub mod bridge;
pub mod caps;
mod commands;
mod edges;
mod embeds;
pub mod io;
mod isupport;
pub mod limits;
pub mod line;
pub mod names;
mod pending;
pub mod server;
mod session;
mod streams;
pub mod text;
mod world;

pub use bridge::{AccountOrder, Bridge, Mechanism, Registration, Sts, Wanted};
pub use io::{
    CheckId, ClientKey, ConnId, Credential, Now, Origin, Outcome, Output, Settings, Target, Tls,
    Tunnel, Tunnelled,
};
pub use server::Server;
pub use world::seen_by_newcomers;
