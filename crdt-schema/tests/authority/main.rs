//! Behaviour of the authority evaluator at its boundary: scripted cases and laws over random histories.

mod cases;
mod club;
mod cost;
mod laws;
mod views;
