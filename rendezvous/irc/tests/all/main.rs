//! The server against a node in memory: lines in, lines out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]

mod advisories;
mod asked;
mod bad_input;
mod bound;
mod bridge;
mod caps;
mod changes;
mod crowd;
mod e2ee;
mod edits;
mod embeds;
mod fake;
mod history;
mod lists;
mod messages;
mod metadata;
mod missed;
mod modes;
mod musts;
mod opers;
mod password;
mod people;
mod rooms;
mod sts;
mod table;
mod voice;
mod watch;
