//! What is wrong, or could be better, about a data directory and its node.

use alloquy_api::rpc::DoctorReport;

use crate::config::NodeConfig;

/// Looks at a data directory and, if one runs there, at its node. Blocking; never changes the store.
#[must_use]
pub fn doctor(config: &NodeConfig) -> DoctorReport {
    todo!("{config:?}")
}
