//! One account, as it is kept.

use std::collections::BTreeMap;

use alloquy_ids::UnixMs;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::secret::Kept;

/// Number of an account, from 1; never given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(pub u64);

/// Number of an app password of one account, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppNumber(pub u32);

/// What whoever logs in by a credential may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything that the account may.
    Full,
    /// Read, and nothing else.
    Read,
}

/// An account, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub number: Number,
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub created: UnixMs,
    /// What is kept of its password.
    pub(crate) password: Kept,
    /// When the password was last used.
    pub last_use: Option<UnixMs>,
    /// App passwords, with those that were revoked: their last use stays to be seen.
    pub apps: BTreeMap<AppNumber, AppPassword>,
    /// Certificates, SHA-256.
    pub certificates: Vec<[u8; 32]>,
}

/// An app password, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppPassword {
    /// What the person calls it.
    pub label: String,
    /// What it is good for.
    pub scope: Scope,
    /// When it was made.
    pub created: UnixMs,
    /// When it was last used.
    pub last_use: Option<UnixMs>,
    /// When it was revoked.
    pub revoked: Option<UnixMs>,
    pub(crate) hash: [u8; 32],
}
