//! Every maximum of the WebRTC transport, with its unit and its reason.

use std::time::Duration;

/// Media sections of one description: audio, four cameras and screens, and as many that were stopped.
pub(crate) const MEDIA_SECTIONS_MAX: usize = 16;
/// Candidates of the other side in one negotiation: ten interfaces of two families with reflexive and relayed ones.
pub(crate) const CANDIDATES_MAX: usize = 100;
/// Links at once: twice the largest group that a call is made for.
pub(crate) const LINKS_MAX: usize = 64;
/// Tasks of the engine that wait for the thread: a candidate flood on every link of a full room is dropped instead.
pub(crate) const TASKS_MAX: usize = 1024;
/// Own packets that wait for the thread: over half a second of 10 ms frames; what is older is of no use to anybody.
pub(crate) const PACKETS_WAITING_MAX: usize = 64;
/// Tasks that wait for one link: its candidates and a few descriptions.
pub(crate) const LINK_TASKS_MAX: usize = 128;
/// Events of one connection that wait for its link: candidates, states, and a report every second.
pub(crate) const LINK_EVENTS_MAX: usize = 256;
/// Events that must not be lost and for which the engine had no room.
pub(crate) const BACKLOG_MAX: usize = 1024;
/// Bytes of one voice packet's payload: below every path's MTU, with the headers of RTP, SRTP, TURN and IPv6.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1200;
/// Local addresses that candidates are made of: with more, the pairs to check outgrow the time there is.
pub(crate) const LOCAL_ADDRESSES_MAX: usize = 12;
/// Addresses of STUN and TURN servers in use: each is asked from every local address.
pub(crate) const SERVERS_MAX: usize = 8;
/// Waiting for a name of a server, from the start of its look-up; the connection does not wait longer, so that a
/// network without name servers delays nobody on the LAN.
pub(crate) const RESOLVE_WAIT: Duration = Duration::from_millis(400);
/// Between two checks of a pair of addresses while a path is looked for; all pairs are checked each time.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(100);
/// Checks of a pair before it is given up: 5 s, since the other side may learn of it late.
pub(crate) const CHECKS_MAX: u16 = 50;
/// A path is called interrupted after this silence; comfort packets come each 400 ms even when all are mute.
pub(crate) const DISCONNECTED_AFTER: Duration = Duration::from_millis(2500);
/// A path that is interrupted, or was never found, is given up after this time.
pub(crate) const FAILED_AFTER: Duration = Duration::from_secs(10);
/// Between two checks of a path that is in use.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(1);
/// A link that has both descriptions must carry sound after this time, else it has failed.
pub(crate) const OPEN_WITHIN: Duration = Duration::from_secs(20);
/// From a pair of addresses that works to keys: DTLS repeats what was lost after 1, 2 and 4 seconds.
pub(crate) const SECURE_WITHIN: Duration = Duration::from_secs(8);
/// Between two restarts of ICE that an interruption causes, so that a broken network is not flooded.
pub(crate) const RESTART_PAUSE: Duration = Duration::from_secs(4);
/// How long the polite side waits, when it has new servers, for the other side to renew the candidates.
pub(crate) const RENEW_PAUSE: Duration = Duration::from_secs(2);
/// Before a path by an address that a STUN server told is taken, in case a direct one still comes.
pub(crate) const REFLEXIVE_WAIT: Duration = Duration::from_millis(200);
/// Before a path through a relay is taken. The library would wait 2 s, which is the whole time that a call through a
/// relay may take to begin. It also sends DTLS's first message only at 0, 1 and 3 s, whether there is a path or not: so
/// there must be one within the first second.
pub(crate) const RELAY_WAIT: Duration = Duration::from_millis(450);
/// Waiting for a connection to give up its relays when it is closed.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(2);
