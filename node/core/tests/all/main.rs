//! Tests of the machine at its boundary: inputs in, outputs out.

mod contract;
mod faces;
mod hostile;
mod own;
mod peers;
mod world;
