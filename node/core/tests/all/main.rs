//! Tests of the machine at its boundary: inputs in, outputs out.

mod carriers;
mod contract;
mod devices;
mod faces;
mod forger;
mod history;
mod hostile;
mod link;
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
