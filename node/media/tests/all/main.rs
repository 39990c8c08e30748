//! Whole engines and machines against each other, in real and in virtual time; and over real sockets: two transports in
//! one process, TURN servers, and peers of other makes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests tell what they measured, and why they skip"
)]

mod aiortc;
mod chromium;
mod engines;
mod foreign;
mod hostile;
mod links;
mod machines;
mod peer;
mod pulse;
mod relays;
mod signal;
mod trials;
