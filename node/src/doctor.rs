//! What is wrong, or could be better, about a data directory and its node.

use serde::{Deserialize, Serialize};

use crate::config::NodeConfig;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, could be safer or better.
    Warning,
    /// Does not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Short name: `account`, `at-rest-key`, `disk`, `permissions`, `node`, `listen`, `mdns`, `peers`.
    pub check: String,
    /// How bad.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
}

/// Looks at a data directory and, if one runs there, at its node. Blocking; never changes the store.
#[must_use]
pub fn doctor(config: &NodeConfig) -> Vec<Finding> {
    todo!("{config:?}")
}
