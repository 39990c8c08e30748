//! The relay: a circuit relay v2 that carries sealed traffic between peers who can not reach each other.
//!
//! It knows peers by their network keys, bytes and times; it knows nothing of communities, accounts or messages. What
//! it carries is encrypted between the two ends.
//!
//! - [`Relay`] is the whole service, as the program `alloquy-relay` runs it.
//! - [`hop()`] is its heart as a libp2p behaviour, for a member that helps its co-members.
//! - [`Door`] decides who may reserve: all, a list, or holders of a [`Pass`], which [`show()`] presents.
//! - [`turn`] gives admitted peers credentials for a TURN server, and runs one.
//! - [`limits`] says how much, [`Quota`] counts it by peer and by address.
//!
//! Deliberately not here: finding relays, dialling through one (the node's), any name of a community.

mod admission;
mod figures;
mod hop;
mod key;
pub mod limits;
mod metered;
mod outward;
mod pass;
mod peer;
mod quota;
mod rates;
mod service;
mod show;
pub mod turn;

pub use admission::{Admission, Door, ListError, Listed, Refused};
pub use hop::hop;
pub use key::{KeyError, load_or_make};
pub use limits::Limits;
pub use pass::{PASS_BYTES, PASS_TEXT, ParsePassError, Pass, PassError};
pub use peer::{key_of, parse_key, peer_of};
pub use quota::Quota;
pub use service::{Config, Relay, StartError};
pub use show::show;
