//! Tests of the machine at its boundary: inputs in, outputs out.

mod carriers;
mod contract;
mod direct;
mod faces;
mod forger;
mod hostile;
mod moderation;
mod own;
mod peers;
mod presence;
mod quarrel;
mod raid;
mod removal;
mod rules;
mod store;
mod waiting;
mod world;
