//! TURN (RFC 8656) for those who reach each other by nothing else: time-limited credentials, and who gives them to whom.
//!
//! - [`Credential`] is a name and a password that end by themselves; a [`Secret`] that only those who give them and
//!   the TURN server know makes both.
//! - [`ask()`] asks a relay for a [`Grant`], over the protocol `/alloquy/turn/1`; a [`Desk`] answers it.
//! - [`denied`] are the addresses that no TURN server of ours sends to.
//! - [`server`] is a small TURN server inside another program.
//! - `coturn` writes coturn's settings, runs it and supervises it.
//!
//! Deliberately not here: who is a member of what. The relay's [`Door`](crate::Door) says who is answered.

mod ask;
mod credentials;
pub mod denied;
mod desk;
pub mod server;

#[cfg(feature = "coturn")]
pub mod coturn;

pub use ask::{ANSWER_BYTES_MAX, AskError, Grant, ask};
pub(crate) use ask::{PROTOCOL, serve};
pub use credentials::{
    ACCOUNT_BYTES_MAX, CREDENTIAL_LIFE, Credential, CredentialError, Secret, SecretError, check,
    password_of,
};
pub use desk::{Counts, Desk};
