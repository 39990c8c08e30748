//! Whole engines and whole machines: against each other, in real and in virtual time.

mod engines;
mod machines;
mod pulse;
mod signal;
mod trials;
