//! Tests over real sockets: two transports in one process, TURN servers, and peers of other makes.

mod aiortc;
mod bench_peer;
mod chromium;
mod foreign;
mod links;
mod hostile;
mod relays;
