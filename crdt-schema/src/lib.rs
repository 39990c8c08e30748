//! The replicated model of Alloquy: signed events, authority, timelines, content and encryption.
//!
//! Pure and deterministic: no clock, no socket, no file, no entropy of its own. Bytes from outside become
//! typed values once; only verified values can be applied. docs/protocol.md states the formats.

pub mod authority;
pub mod body;
pub mod codec;
pub mod content;
pub mod dag;
pub mod embed;
pub mod epoch;
pub mod event;
pub mod hash;
pub mod identity;
pub mod keys;
pub mod limits;
pub mod permissions;
pub mod policy;
pub mod range;
pub mod safety;
pub mod templates;
pub mod timeline;
