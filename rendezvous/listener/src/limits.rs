//! How much of everything one face of IRC holds, with unit and reason.

use std::time::Duration;

/// Time until a connection has said anything; from then on the server counts until it has registered.
pub const FIRST_WAIT: Duration = Duration::from_secs(40);
/// Time for the TLS or WebSocket handshake: several round trips over a bad line.
pub const HANDSHAKE_WAIT: Duration = Duration::from_secs(15);
/// Bytes read from a connection at once. Each idle connection keeps such a buffer; a line of a person fits.
pub const READ_BYTES: usize = 2 * 1024;
/// Bytes that wait for one connection before it is closed as too slow: history of some thousand lines.
pub const SEND_QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Pieces that wait for the server from all connections together, each of [`READ_BYTES`] at most (2 MiB), or of
/// [`TUNNEL_READ_BYTES`] (4 MiB). Whoever sends more waits in the socket.
pub const PIECES_MAX: usize = 1_024;
/// Pieces of one connection that wait at once: whoever floods stands before nobody's line with more than these.
pub const PIECES_OF_ONE_MAX: usize = 4;
/// Pieces taken in one turn before what came of them is written: bounds the delay of the first by some ms.
pub const TURN_PIECES_MAX: usize = 512;
/// Connections at once. Each costs at most 32 KiB idle: 512 MiB.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Connections of one address (of an IPv6 /64) at once: a household or a small bouncer.
pub const ADDRESS_CONNECTIONS_MAX: u32 = 32;
/// Connections of one address within [`ADDRESS_WINDOW`]: a client that reconnects each minute is let in.
pub const ADDRESS_ATTEMPTS_MAX: u32 = 64;
/// Time over which attempts of one address are counted.
pub const ADDRESS_WINDOW: Duration = Duration::from_secs(10 * 60);
/// Addresses whose attempts are remembered; beyond it the oldest is forgotten: some 6 MiB.
pub const ADDRESSES_MAX: usize = 65_536;
/// Password checks that run at once: each takes Argon2id's memory (19 MiB) and a core.
pub const CHECKS_MAX: usize = 2;
/// Time that a check waits at most because of wrong ones before it: the directory's longest wait.
pub const DELAY_MAX: Duration = Duration::from_secs(30);
/// Nodes that start at once, of accounts and of guests each: a start takes a core for some 100 ms, and the wait for the
/// lobby hardly any.
pub const STARTS_MAX: usize = 4;
/// Accounts that come into communities at once: each waits on others, for 30 s at most, and takes a thread that does
/// nothing else.
pub const ENTRIES_MAX: usize = 16;
/// Time after which a client is let go that nobody acts through: what it remembers of the last messages is worth some
/// reconnects, and no more.
pub const IDLE_WAIT: Duration = Duration::from_secs(10 * 60);
/// Time in which what was written last (an ERROR line) may still leave a connection that is being closed.
pub const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Bytes of one WebSocket frame: tags, body and what the protocol adds.
pub const FRAME_BYTES_MAX: usize = 16 * 1024;
/// Pause after the system refused to accept a connection (no descriptors left).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a certificate or key file: chains of a dozen certificates are a fifth of it.
pub const PEM_BYTES_MAX: u64 = 256 * 1024;
/// Wait for clients to say that they are there, and to read the end, when serving ends.
pub(crate) const WORD_WAIT: Duration = Duration::from_secs(1);
/// Wait for nodes to keep what clients have when serving ends.
pub(crate) const STOP_WAIT: Duration = Duration::from_secs(3);
/// Streams of clients to other nodes at once, of the whole face: each has a socket, and at most a window of bytes each way
/// in memory: 512 MiB if all of them stand still.
pub const TUNNELS_MAX: usize = 4_096;
/// Those of one account, by all of its connections: a device talks with some dozens of others at once.
pub const TUNNELS_OF_ONE_MAX: usize = 64;
/// Streams that an account may open within [`TUNNEL_OPENS_WAIT`]: a device that comes back dials all that it knows, once;
/// more would be a search for open ports.
pub const TUNNEL_OPENS_MAX: usize = 128;
/// See [`TUNNEL_OPENS_MAX`].
pub const TUNNEL_OPENS_WAIT: Duration = Duration::from_secs(60);
/// Time in which the other side of a stream must have begun as libp2p does: as long as libp2p gives a handshake.
pub(crate) const TUNNEL_GREETING_WAIT: Duration = Duration::from_secs(10);
/// Time until the other side of a stream must be connected: what a person waits for a page.
pub(crate) const TUNNEL_CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Time in which what a client sent before it closed a stream may still be taken by the other side.
pub(crate) const TUNNEL_DRAIN_WAIT: Duration = Duration::from_secs(10);
/// Bytes read of a stream at once. Each idle stream keeps such a buffer, and with [`PIECES_MAX`] of these 4 MiB wait for
/// the server.
pub(crate) const TUNNEL_READ_BYTES: usize = 4 * 1024;
/// Bytes of a stream that are written at once, and acknowledged together: a quarter of a window.
pub(crate) const TUNNEL_WRITE_BYTES: usize = 16 * 1024;
