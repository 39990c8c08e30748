//! A deterministic simulation of Alloquy: many nodes of the real core on one virtual clock and one network
//! that loses, delays, doubles and divides, with stores that are torn by crashes.
//!
//! docs/protocol.md, "What tests must show", names what is checked. Everything follows from one number, the
//! seed; the same seed gives the same inputs and outputs, bit by bit, which every run verifies.
//!
//! - [`world`] plays the shell: stores, timers, network, one clock.
//! - [`plan`] and [`workload`] draw what happens; [`scenario`] reads it from a file.
//! - [`check`] judges from outside, by the replies that any face would get.
//! - [`hostile`] puts members among the nodes who do not keep to the program.
//! - [`voice`] has members go in and out of voice channels.
//! - [`model`] tries every history of a few operations on the authority rule.
//! - [`outside`] is where random bytes are tried.
//! - [`contract`] states what a network must promise the core, for this one and for the real one.
//!
//! Deliberately not here: sockets, threads (but for running seeds side by side in the binary), wall clocks.

pub mod address;
pub mod check;
pub mod contract;
pub mod disk;
pub mod draw;
pub mod engine;
pub mod held;
pub mod hostile;
pub mod machine;
pub mod model;
pub mod net;
pub mod outside;
pub mod panics;
pub mod plan;
pub mod relayed;
pub mod replica;
pub mod report;
pub mod run;
pub mod scenario;
pub mod signatures;
pub mod soak;
pub mod trace;
pub mod voice;
pub mod workload;
pub mod world;
