//! The text grammar: every [`Command`](crate::Command) has one canonical line.
