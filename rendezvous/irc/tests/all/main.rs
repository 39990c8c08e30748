//! The server against a node in memory: lines in, lines out.

mod bad_input;
mod caps;
mod fake;
mod history;
mod messages;
mod people;
mod rooms;
