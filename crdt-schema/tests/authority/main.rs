//! Behaviour of the authority evaluator at its boundary: scripted cases and laws over random histories.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod club;
mod cost;
mod devices;
mod kinds;
mod laws;
mod policy;
mod views;
