//! How this node is reached and reaches others, as faces are told: words of their own are theirs to choose.

use alloquy_ids::NetworkKey;
use serde::{Deserialize, Serialize};

/// Whether others can begin a connection to this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reachability {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    /// They can.
    Public,
    /// They can not.
    Private,
}

/// Reachability over IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyView {
    /// Whether others can begin a connection.
    pub reachability: Reachability,
    /// Who has tried; absent where a person or the router says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NetworkKey>,
}

/// What the router says when it is asked to let connections in (UPnP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouterAnswer {
    /// It is not asked, as a person chose.
    #[default]
    Off,
    /// It is never asked: the node was started so, or listens to this machine alone.
    Never,
    /// It has not answered yet.
    Asked,
    /// It lets connections in.
    Open,
    /// There is none that can be asked.
    NoRouter,
    /// It is itself behind another one.
    Behind,
    /// It refuses.
    Refused,
}

/// A relay that is used, or that a person named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayView {
    /// Its libp2p peer id.
    pub relay: String,
    /// An address of it.
    pub address: String,
    /// Whether a person named it; else it was learnt from co-members.
    pub named: bool,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether it holds a place for this node, so that others can call through it.
    pub reserved: bool,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How this node is reached from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachView {
    /// Over IPv4.
    pub v4: FamilyView,
    /// Over IPv6.
    pub v6: FamilyView,
    /// What the router says.
    pub router: RouterAnswer,
    /// Relays in use or named.
    pub relays: Vec<RelayView>,
}

/// How the way to a peer came to be, beside its kind and its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Peer id of the relay that it goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<String>,
    /// Both sides punched a hole through their routers at the same time.
    pub punched: bool,
    /// Why there is no better one, as far as is known; technical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not_direct: Option<String>,
}
