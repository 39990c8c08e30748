//! The local socket: JSON lines over a Unix socket of mode 0600 in the data directory.
//!
//! What the lines say is [`alloquy_api::rpc`]; here is how they travel. A line over its limit, or one that does not
//! parse, ends the connection, because nothing after it can be trusted to start a line. The socket's file is removed
//! and made anew by whoever holds the store's lock: a stale one answers nobody, which clients see at once.
//!
//! Deliberately not here: any authentication. Who may open the socket is the person whose node it is.

mod client;
mod lines;
mod server;
mod socket;

pub use client::RpcClient;
pub(crate) use server::RpcServer;
pub use socket::{find_window, listen_as_window};
