//! The listener over real sockets.

#![expect(clippy::unwrap_used, reason = "what a test can not do ends it")]

mod face;
mod sockets;
mod tls;
mod tunnels;
