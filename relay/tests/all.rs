//! The relay as others meet it: swarms on this machine's loopback, the program's command line.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]
#![expect(
    clippy::print_stdout,
    reason = "tests tell what they measured, and why they skip"
)]

#[path = "all/arguments.rs"]
mod arguments;
#[path = "all/circuits.rs"]
mod circuits;
#[path = "all/client.rs"]
mod client;
#[path = "all/coturn.rs"]
mod coturn;
#[path = "all/embedded.rs"]
mod embedded;
#[path = "all/turn_client.rs"]
mod turn_client;
#[path = "all/turn_desk.rs"]
mod turn_desk;
