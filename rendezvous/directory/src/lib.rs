//! Accounts of a rendezvous: names, passwords, app passwords, certificates, and how guessing is slowed.
//!
//! [`Directory`] holds all accounts in memory and says what is to be kept ([`Directory::take_changed`]); the shell
//! keeps it before it answers. What is expensive on purpose ([`Kept::of`], [`Begun::right`]) stands beside the
//! directory, so that nobody waits for it:
//!
//! ```text
//!  begin(name, source) -> Begun { wait, .. }  the shell waits, then begun.right(password) on another thread
//!  end(begun, right)   -> Option<LoggedIn>    the same answer for a wrong password and for no account
//! ```
//! Deliberately not here: disks, clocks, randomness, IRC, and what an account may do in communities (the node's).

mod account;
mod attempts;
mod directory;
pub mod limits;
mod name;
mod registrations;
mod scram;
mod secret;

pub use account::{Account, AppNumber, AppPassword, Number, Scope};
pub use attempts::{Gate, Source};
pub use directory::{Begun, Directory, LoggedIn, Refused, RestoreError};
pub use name::{Name, NameError};
pub use registrations::Registrations;
pub use scram::{Exchange, NONCE_BYTES, ScramError};
pub use secret::{Kept, PasswordError};
