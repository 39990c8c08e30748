//! Sockets for the IRC side: whoever holds a client of a node can open doors to it.
//!
//! ```text
//!  Door -> connection (TLS, WebSocket, first bytes) -> Piece -> the server's task -> alloquy_irc::Server <-> Client
//!          connection <- queue, one write a turn   <- Output <-
//! ```
//! One task holds the server and all clients and takes what came in turns: everything that one turn gives a connection
//! leaves in one write. A connection that does not read is closed when its queue is full, and nobody waits for it.
//! Checks of passwords run beside, and
//! so do streams of clients to other nodes. What a face does with its clients is not known here; nor are accounts, rules or texts.

mod connection;
mod doors;
mod figures;
pub mod limits;
mod network;
pub mod own;
mod queue;
mod reach;
mod service;
mod throttle;
mod tls;
mod tunnel;
mod web;

pub use doors::{Address, Door, DoorError, Kind};
pub use figures::{Figure, Figures};
pub use network::{Range, RangeError};
pub use reach::Reach;
pub use service::{Accounts, Answer, Bell, BoxedClient, Face, From, Lane, Later, serve};
pub use tls::{Pair, Tls, TlsError};
