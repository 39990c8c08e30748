//! How far messages got, and how much of a channel is here.

use serde::{Deserialize, Serialize};

/// How many connected devices say that nothing is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// All of them, home nodes too.
    pub peers: u32,
    /// Home nodes among them.
    pub homes: u32,
}

impl Confirmed {
    /// Whether nobody says so.
    #[must_use]
    pub const fn by_nobody(&self) -> bool {
        self.peers == 0
    }

    /// Whether no device of a member says so: home nodes can withhold.
    #[must_use]
    pub const fn by_homes_alone(&self) -> bool {
        self.peers <= self.homes
    }

    /// What both say.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self {
            peers: self.peers.min(other.peers),
            homes: self.homes.min(other.homes),
        }
    }
}

/// Where an own message has got to; other people's are `delivered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// The furthest step reached.
    pub state: DeliveryState,
    /// Other devices known to hold it.
    pub holders: u32,
}

/// Steps of delivery, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Not durable here yet.
    Pending,
    /// Durable here.
    Stored,
    /// Durable on another device that can not show it to a reader.
    Held,
    /// On a device of another member who may read it.
    Delivered,
    /// A reader has marked it read.
    Read,
}
