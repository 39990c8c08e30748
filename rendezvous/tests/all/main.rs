//! The program from outside: settings, accounts, TLS, the lobby, restarts.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]

mod accounts;
mod client;
mod program;
mod settings;
