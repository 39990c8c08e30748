//! Tests of the machine at its boundary: inputs in, outputs out.

mod carriers;
mod contract;
mod devices;
mod deleted;
mod faces;
mod forger;
mod home;
mod history;
mod hostile;
mod missing;
mod moderation;
mod own;
mod own_document;
mod peers;
mod prekeys;
mod presence;
mod quarrel;
mod raid;
mod receipts;
mod removal;
mod rules;
mod store;
mod waiting;
mod world;
