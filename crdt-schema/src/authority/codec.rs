//! Canonical form of authority operations (docs/protocol.md, "Authority", table of operations).
//!
//! One tag byte, then the fields in the order of the table. A tag without a meaning here is kept with its
//! bytes: a later release may have written it. Rights are read as they are, unknown bits too; the evaluator
//! never grants an unknown bit, so that a later release's operation stays valid here and has no effect.

use alloquy_ids::{AccountId, ChannelId, EpochId, EventId, InviteId, RoleId, UnixMs};

use super::op::{AuthorityOp, EpochAnnouncement, Genesis, Join, OverwriteTarget, OwnersProposal};
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::event::SignedEvent;
use crate::identity::PrekeyRecord;
use crate::limits::{
    EPOCH_LINK_BYTES_MAX, EPOCH_PARENTS_MAX, IDENTITY_CHAIN_MAX, IDS_LISTED_MAX,
    OWNER_SIGNATURES_MAX, OWNERS_MAX, UNKNOWN_OP_BYTES_MAX,
};
use crate::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions, Rank};
use crate::policy::Rule;

impl AuthorityOp {
    /// The operation's tag: the first byte of its canonical form.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Genesis(_) => 1,
            Self::Merge => 2,
            Self::DeviceAdd { .. } => 3,
            Self::DeviceRevoke { .. } => 4,
            Self::Admit(_) => 5,
            Self::Leave => 6,
            Self::RoleCreate { .. } => 7,
            Self::RoleEdit { .. } => 8,
            Self::RoleDelete { .. } => 9,
            Self::Grant { .. } => 10,
            Self::Revoke { .. } => 11,
            Self::ChannelCreate { .. } => 12,
            Self::ChannelDelete { .. } => 13,
            Self::Overwrite { .. } => 14,
            Self::Kick { .. } => 15,
            Self::Ban { .. } => 16,
            Self::Unban { .. } => 17,
            Self::TimeOut { .. } => 18,
            Self::SlowMode { .. } => 19,
            Self::InviteCreate { .. } => 20,
            Self::InviteRevoke { .. } => 21,
            Self::Reaffirm { .. } => 22,
            Self::AcceptLate { .. } => 23,
            Self::Purge { .. } => 24,
            Self::OwnersVote { .. } => 25,
            Self::OwnersCertificate { .. } => 26,
            Self::SetLevel { .. } => 27,
            Self::SetHistory { .. } => 28,
            Self::AnnounceEpoch(_) => 29,
            Self::LinkEpoch { .. } => 30,
            Self::SetPolicy(_) => 31,
            Self::Add { .. } => 32,
            Self::Unknown { tag, .. } => *tag,
        }
    }

    /// The body kept as it is, for operations that stand behind a `SetLevel` that this release does not know.
    pub(crate) fn opaque(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let tag = r.u8("operation")?;
        let bytes = r.raw(r.remaining(), "operation")?.to_vec();
        Ok(Self::Unknown { tag, bytes })
    }
}

impl Canonical for AuthorityOp {
    fn write(&self, w: &mut Writer) {
        w.u8(self.tag());
        match self {
            Self::Merge | Self::Leave => {}
            Self::Genesis(genesis) => genesis.write(w),
            Self::Admit(join) => join.write(w),
            Self::DeviceAdd { .. } | Self::DeviceRevoke { .. } => write_device(self, w),
            Self::RoleCreate { .. }
            | Self::RoleEdit { .. }
            | Self::RoleDelete { .. }
            | Self::Grant { .. }
            | Self::Revoke { .. } => write_role(self, w),
            Self::ChannelCreate { .. }
            | Self::ChannelDelete { .. }
            | Self::Overwrite { .. }
            | Self::SlowMode { .. }
            | Self::SetHistory { .. } => write_channel(self, w),
            Self::Kick { .. } | Self::Ban { .. } | Self::Unban { .. } | Self::TimeOut { .. } => {
                write_removal(self, w)
            }
            Self::InviteCreate { key, expires, uses } => {
                w.raw(key);
                w.option(expires.as_ref());
                w.option(uses.as_ref());
            }
            Self::InviteRevoke { invite } => invite.write(w),
            Self::Reaffirm { ops: ids }
            | Self::AcceptLate { events: ids }
            | Self::Purge { events: ids } => w.list(ids),
            Self::OwnersVote {
                proposal,
                signature,
            } => {
                proposal.write(w);
                w.raw(signature);
            }
            Self::OwnersCertificate {
                proposal,
                signatures,
            } => {
                proposal.write(w);
                w.varint(signatures.len() as u64);
                for (device, signature) in signatures {
                    device.write(w);
                    w.raw(signature);
                }
            }
            Self::SetLevel { level } => w.u16(*level),
            Self::AnnounceEpoch(announcement) => announcement.write(w),
            Self::LinkEpoch {
                epoch,
                parent,
                sealed,
            } => {
                epoch.write(w);
                parent.write(w);
                w.bytes(sealed);
            }
            Self::SetPolicy(rule) => rule.write(w),
            Self::Add {
                account,
                chain,
                prekey,
            } => {
                account.write(w);
                w.list(chain);
                prekey.write(w);
            }
            Self::Unknown { bytes, .. } => w.raw(bytes),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = r.u8("operation")?;
        Ok(match tag {
            1 => Self::Genesis(Genesis::read(r)?),
            2 => Self::Merge,
            3 | 4 => read_device(tag, r)?,
            5 => Self::Admit(Join::read(r)?),
            6 => Self::Leave,
            7..=11 => read_role(tag, r)?,
            12 | 13 | 14 | 19 | 28 => read_channel(tag, r)?,
            15..=18 => read_removal(tag, r)?,
            20 => Self::InviteCreate {
                key: r.array("invite key")?,
                expires: r.option("expiry")?,
                uses: r.option("uses")?,
            },
            21 => Self::InviteRevoke {
                invite: InviteId::read(r)?,
            },
            22 => Self::Reaffirm {
                ops: ids(r, "operations reaffirmed")?,
            },
            23 => Self::AcceptLate {
                events: ids(r, "events accepted")?,
            },
            24 => Self::Purge {
                events: ids(r, "events purged")?,
            },
            25 => Self::OwnersVote {
                proposal: OwnersProposal::read(r)?,
                signature: r.array("signature")?,
            },
            26 => read_certificate(r)?,
            27 => Self::SetLevel {
                level: r.u16("level")?,
            },
            29 => Self::AnnounceEpoch(EpochAnnouncement::read(r)?),
            30 => Self::LinkEpoch {
                epoch: EpochId::read(r)?,
                parent: EpochId::read(r)?,
                sealed: r.bytes(EPOCH_LINK_BYTES_MAX, "epoch link")?.to_vec(),
            },
            31 if Rule::is_known(r.clone()) => Self::SetPolicy(Rule::read(r)?),
            32 => Self::Add {
                account: AccountId::read(r)?,
                chain: chain(r)?,
                prekey: PrekeyRecord::read(r)?,
            },
            _ => {
                let len = r.remaining();
                if len > UNKNOWN_OP_BYTES_MAX {
                    let (value, limit) = (len as u64, UNKNOWN_OP_BYTES_MAX as u64);
                    return Err(DecodeError::Limit {
                        what: "unknown operation",
                        value,
                        limit,
                    });
                }
                Self::Unknown {
                    tag,
                    bytes: r.raw(len, "unknown operation")?.to_vec(),
                }
            }
        })
    }
}

fn ids(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<EventId>, DecodeError> {
    r.list(IDS_LISTED_MAX, what)
}

fn write_device(op: &AuthorityOp, w: &mut Writer) {
    match op {
        AuthorityOp::DeviceAdd { account, chain } => {
            account.write(w);
            w.list(chain);
        }
        AuthorityOp::DeviceRevoke {
            account,
            device,
            chain,
            last,
        } => {
            account.write(w);
            device.write(w);
            w.list(chain);
            w.list(last);
        }
        _ => {}
    }
}

fn read_device(tag: u8, r: &mut Reader<'_>) -> Result<AuthorityOp, DecodeError> {
    let account = AccountId::read(r)?;
    if tag == 3 {
        return Ok(AuthorityOp::DeviceAdd {
            account,
            chain: chain(r)?,
        });
    }
    let device = alloquy_ids::DeviceId::read(r)?;
    Ok(AuthorityOp::DeviceRevoke {
        account,
        device,
        chain: chain(r)?,
        last: ids(r, "last events")?,
    })
}

fn chain(r: &mut Reader<'_>) -> Result<Vec<SignedEvent>, DecodeError> {
    r.list(IDENTITY_CHAIN_MAX, "identity chain")
}

fn write_role(op: &AuthorityOp, w: &mut Writer) {
    match op {
        AuthorityOp::RoleCreate { rank, permissions } => {
            rank.write(w);
            permissions.write(w);
        }
        AuthorityOp::RoleEdit {
            role,
            rank,
            permissions,
            last,
        } => {
            role.write(w);
            rank.write(w);
            permissions.write(w);
            w.list(last);
        }
        AuthorityOp::RoleDelete { role, last } => {
            role.write(w);
            w.list(last);
        }
        AuthorityOp::Grant { account, role } => {
            account.write(w);
            role.write(w);
        }
        AuthorityOp::Revoke {
            account,
            role,
            last,
        } => {
            account.write(w);
            role.write(w);
            w.list(last);
        }
        _ => {}
    }
}

fn read_role(tag: u8, r: &mut Reader<'_>) -> Result<AuthorityOp, DecodeError> {
    Ok(match tag {
        7 => AuthorityOp::RoleCreate {
            rank: Rank::read(r)?,
            permissions: Permissions::read(r)?,
        },
        8 => AuthorityOp::RoleEdit {
            role: RoleId::read(r)?,
            rank: Rank::read(r)?,
            permissions: Permissions::read(r)?,
            last: ids(r, "last events")?,
        },
        9 => AuthorityOp::RoleDelete {
            role: RoleId::read(r)?,
            last: ids(r, "last events")?,
        },
        10 => AuthorityOp::Grant {
            account: AccountId::read(r)?,
            role: RoleId::read(r)?,
        },
        _ => AuthorityOp::Revoke {
            account: AccountId::read(r)?,
            role: RoleId::read(r)?,
            last: ids(r, "last events")?,
        },
    })
}

fn write_channel(op: &AuthorityOp, w: &mut Writer) {
    match op {
        AuthorityOp::ChannelCreate { kind, private } => {
            w.u8(*kind as u8);
            w.u8(u8::from(*private));
        }
        AuthorityOp::ChannelDelete { channel } => channel.write(w),
        AuthorityOp::Overwrite {
            channel,
            target,
            allow,
            deny,
            last,
        } => {
            channel.write(w);
            target.write(w);
            allow.write(w);
            deny.write(w);
            w.list(last);
        }
        AuthorityOp::SlowMode {
            channel,
            interval_ms,
        } => {
            channel.write(w);
            w.u32(*interval_ms);
        }
        AuthorityOp::SetHistory { channel, policy } => {
            w.option(channel.as_ref());
            w.u8(*policy as u8);
        }
        _ => {}
    }
}

fn read_channel(tag: u8, r: &mut Reader<'_>) -> Result<AuthorityOp, DecodeError> {
    Ok(match tag {
        12 => AuthorityOp::ChannelCreate {
            kind: channel_kind(r)?,
            private: flag(r, "private")?,
        },
        13 => AuthorityOp::ChannelDelete {
            channel: ChannelId::read(r)?,
        },
        14 => AuthorityOp::Overwrite {
            channel: ChannelId::read(r)?,
            target: OverwriteTarget::read(r)?,
            allow: Permissions::read(r)?,
            deny: Permissions::read(r)?,
            last: ids(r, "last events")?,
        },
        19 => AuthorityOp::SlowMode {
            channel: ChannelId::read(r)?,
            interval_ms: r.u32("interval")?,
        },
        _ => AuthorityOp::SetHistory {
            channel: r.option("channel")?,
            policy: policy(r)?,
        },
    })
}

fn write_removal(op: &AuthorityOp, w: &mut Writer) {
    match op {
        AuthorityOp::Kick { account, last } | AuthorityOp::Ban { account, last } => {
            account.write(w);
            w.list(last);
        }
        AuthorityOp::Unban { account } => account.write(w),
        AuthorityOp::TimeOut {
            account,
            until,
            last,
        } => {
            account.write(w);
            until.write(w);
            w.list(last);
        }
        _ => {}
    }
}

fn read_removal(tag: u8, r: &mut Reader<'_>) -> Result<AuthorityOp, DecodeError> {
    let account = AccountId::read(r)?;
    Ok(match tag {
        15 => AuthorityOp::Kick {
            account,
            last: ids(r, "last events")?,
        },
        16 => AuthorityOp::Ban {
            account,
            last: ids(r, "last events")?,
        },
        17 => AuthorityOp::Unban { account },
        _ => AuthorityOp::TimeOut {
            account,
            until: UnixMs::read(r)?,
            last: ids(r, "last events")?,
        },
    })
}

fn read_certificate(r: &mut Reader<'_>) -> Result<AuthorityOp, DecodeError> {
    let proposal = OwnersProposal::read(r)?;
    let count = r.len(OWNER_SIGNATURES_MAX, "owners' signatures")?;
    let mut signatures = Vec::with_capacity(count);
    for _ in 0..count {
        signatures.push((alloquy_ids::DeviceId::read(r)?, r.array("signature")?));
    }
    if !signatures.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(DecodeError::NotCanonical {
            what: "owners' signatures",
        });
    }
    Ok(AuthorityOp::OwnersCertificate {
        proposal,
        signatures,
    })
}

fn flag(r: &mut Reader<'_>, what: &'static str) -> Result<bool, DecodeError> {
    match r.u8(what)? {
        0 => Ok(false),
        1 => Ok(true),
        value => Err(DecodeError::Unknown {
            what,
            value: u64::from(value),
        }),
    }
}

fn channel_kind(r: &mut Reader<'_>) -> Result<ChannelKind, DecodeError> {
    let value = r.u8("channel kind")?;
    [
        ChannelKind::Text,
        ChannelKind::Voice,
        ChannelKind::Category,
        ChannelKind::Stage,
    ]
    .into_iter()
    .find(|kind| *kind as u8 == value)
    .ok_or(DecodeError::Unknown {
        what: "channel kind",
        value: u64::from(value),
    })
}

fn policy(r: &mut Reader<'_>) -> Result<HistoryPolicy, DecodeError> {
    let value = r.u8("history policy")?;
    [HistoryPolicy::All, HistoryPolicy::SinceJoin]
        .into_iter()
        .find(|policy| *policy as u8 == value)
        .ok_or(DecodeError::Unknown {
            what: "history policy",
            value: u64::from(value),
        })
}

impl Canonical for Permissions {
    fn write(&self, w: &mut Writer) {
        w.u64(self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u64("permissions").map(Self)
    }
}

impl Canonical for Rank {
    fn write(&self, w: &mut Writer) {
        w.u32(self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u32("rank").map(Self)
    }
}

impl Canonical for OverwriteTarget {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Role(role) => {
                w.u8(1);
                role.write(w);
            }
            Self::Member(account) => {
                w.u8(2);
                account.write(w);
            }
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("overwrite target")? {
            1 => RoleId::read(r).map(Self::Role),
            2 => AccountId::read(r).map(Self::Member),
            value => Err(DecodeError::Unknown {
                what: "overwrite target",
                value: u64::from(value),
            }),
        }
    }
}

impl Canonical for Genesis {
    fn write(&self, w: &mut Writer) {
        w.u16(self.level);
        w.raw(&self.nonce);
        w.list(&self.founder);
        w.u8(self.history as u8);
        self.everyone.write(w);
        // A community's genesis ends here, so that those of the first release keep their ids.
        if self.kind != CommunityKind::Community {
            w.u8(self.kind as u8);
        }
        if let Some((first, second)) = self.pair {
            first.write(w);
            second.write(w);
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut genesis = Self {
            level: r.u16("level")?,
            nonce: r.array("nonce")?,
            founder: chain(r)?,
            history: policy(r)?,
            everyone: Permissions::read(r)?,
            kind: CommunityKind::Community,
            pair: None,
        };
        if r.remaining() == 0 {
            return Ok(genesis);
        }
        genesis.kind = private_kind(r)?;
        if genesis.kind == CommunityKind::Direct {
            let pair = (AccountId::read(r)?, AccountId::read(r)?);
            if pair.0 > pair.1 {
                return Err(DecodeError::NotCanonical {
                    what: "accounts of a direct conversation",
                });
            }
            genesis.pair = Some(pair);
        }
        Ok(genesis)
    }
}

fn private_kind(r: &mut Reader<'_>) -> Result<CommunityKind, DecodeError> {
    let value = r.u8("community kind")?;
    [CommunityKind::Group, CommunityKind::Direct]
        .into_iter()
        .find(|kind| *kind as u8 == value)
        .ok_or(DecodeError::Unknown {
            what: "community kind",
            value: u64::from(value),
        })
}

impl Join {
    /// The canonical form without the two signatures: what both sign.
    pub(super) fn write_unsigned(&self, w: &mut Writer) {
        self.community.write(w);
        w.option(self.invite.as_ref());
        self.account.write(w);
        w.list(&self.chain);
        self.device.write(w);
        self.prekey.write(w);
    }
}

impl Canonical for Join {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        w.raw(&self.invite_signature);
        w.raw(&self.device_signature);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: alloquy_ids::CommunityId::read(r)?,
            invite: r.option("invite")?,
            account: AccountId::read(r)?,
            chain: chain(r)?,
            device: alloquy_ids::DeviceId::read(r)?,
            prekey: PrekeyRecord::read(r)?,
            invite_signature: r.array("invite signature")?,
            device_signature: r.array("device signature")?,
        })
    }
}

impl Canonical for OwnersProposal {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        self.replaces.write(w);
        w.list(&self.owners);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let proposal = Self {
            community: alloquy_ids::CommunityId::read(r)?,
            replaces: EventId::read(r)?,
            owners: r.list(OWNERS_MAX, "owners")?,
        };
        if proposal.owners.is_empty() || !proposal.owners.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::NotCanonical { what: "owners" });
        }
        Ok(proposal)
    }
}

impl Canonical for EpochAnnouncement {
    fn write(&self, w: &mut Writer) {
        w.option(self.channel.as_ref());
        w.list(&self.parents);
        w.raw(&self.commit);
        w.varint(self.links.len() as u64);
        for (parent, sealed) in &self.links {
            parent.write(w);
            w.bytes(sealed);
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let channel = r.option("channel")?;
        let parents = r.list(EPOCH_PARENTS_MAX, "parent epochs")?;
        let commit = r.array("epoch commitment")?;
        let count = r.len(EPOCH_PARENTS_MAX, "epoch links")?;
        let mut links = Vec::with_capacity(count);
        for _ in 0..count {
            links.push((
                EpochId::read(r)?,
                r.bytes(EPOCH_LINK_BYTES_MAX, "epoch link")?.to_vec(),
            ));
        }
        Ok(Self {
            channel,
            parents,
            commit,
            links,
        })
    }
}
