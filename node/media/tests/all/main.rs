//! Whole engines and machines against each other, in real and in virtual time; and over real sockets: two transports in
//! one process, TURN servers, and peers of other makes.

mod aiortc;
mod bench_peer;
mod chromium;
mod engines;
mod foreign;
mod hostile;
mod links;
mod machines;
mod pulse;
mod relays;
mod signal;
mod trials;
