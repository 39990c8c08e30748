//! Whole engines and whole machines: against each other, in real and in virtual time.
#![expect(
    clippy::unwrap_used,
    reason = "what a test needs and does not get is a failing test"
)]

mod engines;
mod machines;
mod pulse;
mod signal;
mod trials;
