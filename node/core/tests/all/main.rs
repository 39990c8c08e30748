//! Tests of the machine at its boundary: inputs in, outputs out.

mod contract;
mod hostile;
mod peers;
mod removal;
mod world;
