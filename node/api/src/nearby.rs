//! Communities that are announced on the local network, as faces are told.

use alloquy_ids::CommunityId;
use serde::{Deserialize, Serialize};

/// Whether a community is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Announce {
    /// From now on.
    On,
    /// No more.
    Off,
}

/// A community that a member on the local network announces. All of it is that member's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearbyView {
    /// The community.
    pub community: CommunityId,
    /// Its name.
    pub name: String,
    /// What the member who announces it calls themselves.
    pub member: String,
    /// How many members it has.
    pub members: u32,
}
