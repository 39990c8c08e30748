//! Tests of the machine at its boundary: inputs in, outputs out.

mod carriers;
mod contract;
mod deleted;
mod devices;
mod faces;
mod forger;
mod history;
mod home;
mod hostile;
mod link;
mod missing;
mod moderation;
mod nearby;
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
