//! Signing the next event of an identity log.

use alloquy_ids::{DeviceId, EpochId, EventId, UnixMs};

use super::log::{Held, heads_of};
use super::{IdentityError, IdentityLog, IdentityOp, NetworkCertificate, Recovery, RecoveryWords};
use crate::codec::Canonical;
use crate::event::{Header, Kind, SignedEvent, clear_commit};
use crate::keys::DeviceKey;
use crate::limits::{DEPS_MAX, IDENTITY_CHAIN_MAX};

/// Who signs, and where in its log.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The device.
    pub device: &'a DeviceKey,
    /// Its incarnation.
    pub incarnation: u32,
    /// Its clock.
    pub wall: UnixMs,
}

/// Signs an operation that follows everything held.
///
/// # Errors
/// [`IdentityError::TooMany`]: the log has no room for one more event.
pub fn sign(
    log: &IdentityLog,
    op: &IdentityOp,
    by: Signer<'_>,
) -> Result<SignedEvent, IdentityError> {
    let count = log.chain().len() + 1;
    if count > IDENTITY_CHAIN_MAX {
        return Err(IdentityError::TooMany {
            count,
            limit: IDENTITY_CHAIN_MAX,
        });
    }
    let body = op.to_bytes();
    let mut header = next_header(log, &log.heads(), by);
    fill(&mut header, &body);
    Ok(SignedEvent::sign(header, body, by.device))
}

/// What a recovery is to do.
#[derive(Clone, Debug, Default)]
pub struct Recovering<'a> {
    /// The network key's seed, if the signing device comes in by it.
    pub add: Option<&'a [u8; 32]>,
    /// Devices that end.
    pub revoke: Vec<DeviceId>,
}

/// Signs a recovery by the account's words: after everything held that leaves these words in force, so that
/// neither a change of the words by a thief nor a closed account stands in the way.
///
/// # Errors
/// [`IdentityError::OtherWords`]: the words never were this account's.
pub fn recover(
    log: &IdentityLog,
    words: &RecoveryWords,
    what: Recovering<'_>,
    by: Signer<'_>,
) -> Result<SignedEvent, IdentityError> {
    let (heads, used) = log.last_under(words).ok_or(IdentityError::OtherWords)?;
    let (keys, next) = (words.keys(used), words.keys(used + 1));
    let mut revoke = what.revoke;
    revoke.sort_unstable();
    revoke.dedup();
    let device = by.device.id();
    let mut recovery = Recovery {
        key: keys.signing.public(),
        next_commitment: next.commitment(),
        next_wrap_key: next.wrap_key(),
        add: what
            .add
            .map(|seed| (device, NetworkCertificate::sign(seed, device))),
        revoke,
        signature: [0; 64],
    };
    let mut header = next_header(log, &heads, by);
    recovery.sign(log.account(), &header, &keys.signing);
    let body = IdentityOp::Recover(recovery).to_bytes();
    fill(&mut header, &body);
    Ok(SignedEvent::sign(header, body, by.device))
}

/// The header of an event that has `heads` in its past, without its body.
fn next_header(log: &IdentityLog, heads: &[EventId], by: Signer<'_>) -> Header {
    let past = log.closure(heads);
    let own = past
        .values()
        .map(|held| held.event.header())
        .filter(|header| (header.device, header.incarnation) == (by.device.id(), by.incarnation))
        .max_by_key(|header| (header.seq, std::cmp::Reverse(header.id())));
    // The genesis has scope zero, and its device goes on behind it in one log.
    let (seq, prev) = own.map_or((0, EventId::ZERO), |own| (own.seq + 1, own.id()));
    let mut ordered: Vec<&Held> = past.values().collect();
    ordered.sort_by_cached_key(|held| held.event.order_key());
    let mut deps = heads_of(ordered.into_iter());
    deps.retain(|id| *id != prev);
    deps.truncate(DEPS_MAX);
    let lamport = deps
        .iter()
        .chain(Some(&prev))
        .filter_map(|id| past.get(id))
        .map(|held| held.event.header().lamport + 1)
        .max()
        .unwrap_or(1);
    Header {
        kind: Kind::Identity,
        scope: log.account().into(),
        device: by.device.id(),
        incarnation: by.incarnation,
        seq,
        prev,
        deps,
        auth: Vec::new(),
        lamport,
        wall: by.wall,
        epoch: EpochId::ZERO,
        body_len: 0,
        body_commit: [0; 32],
    }
}

fn fill(header: &mut Header, body: &[u8]) {
    header.body_len = u32::try_from(body.len()).expect("an identity operation has at most 1 KiB");
    header.body_commit = clear_commit(body);
}
