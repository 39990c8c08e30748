//! Channels and conversations as rooms, and who stands how in them.

use std::collections::BTreeSet;

use alloquy_api::reply::{ChannelView, MemberView, OverwriteTarget};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{AccountId, ChannelId, CommunityId, RoleId, UnixMs};

/// What a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A channel of a community.
    Channel,
    /// A group: a channel `#dm/..`.
    Group,
    /// The conversation with somebody: no channel, but their nick.
    Two(AccountId),
    /// The notes to oneself: the own nick.
    Notes,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) community: CommunityId,
    pub(crate) channel: ChannelId,
    pub(crate) kind: Kind,
    /// `#community/channel`; empty for a conversation of two and for the notes.
    pub(crate) name: String,
    pub(crate) topic: String,
}

impl Room {
    /// Whether clients JOIN it.
    pub(crate) const fn is_channel(&self) -> bool {
        matches!(self.kind, Kind::Channel | Kind::Group)
    }
}

/// Modes and prefixes, strongest first.
pub(crate) const PREFIXES: [(char, char); 5] =
    [('q', '~'), ('a', '&'), ('o', '@'), ('h', '%'), ('v', '+')];

/// Rights by which a member has a prefix that is below the owner's.
const RIGHTS: [&[&str]; 3] = [
    &["manage-community", "manage-roles"],
    &["manage-channels", "manage-messages", "manage-content"],
    &["kick", "ban", "mute"],
];

/// The rights of a set that stand for one prefix.
fn rank(rights: &BTreeSet<&str>) -> Option<usize> {
    RIGHTS
        .iter()
        .position(|of| of.iter().any(|right| rights.contains(right)))
}

/// What a role makes of a member: the mode that grants it.
pub(crate) fn mode_of_role(allow: &[String]) -> char {
    let rights = allow.iter().map(String::as_str).collect();
    let place = rank(&rights).map_or(4, |place| place + 1);
    PREFIXES[place].0
}

/// The rights that a member has by roles alone.
fn rights<'a>(community: &'a CommunitySnapshot, member: &MemberView) -> BTreeSet<&'a str> {
    let of = community
        .roles
        .iter()
        .filter(|role| role.role == RoleId::ZERO || member.roles.contains(&role.name));
    of.flat_map(|role| role.allow.iter().map(String::as_str))
        .collect()
}

/// The prefixes of a member, strongest first.
pub(crate) fn prefixes(community: &CommunitySnapshot, member: &MemberView) -> String {
    let mut prefixes = String::new();
    if member.owner {
        prefixes.push('~');
    }
    if member.roles.is_empty() {
        return prefixes;
    }
    let place = rank(&rights(community, member)).map_or(4, |place| place + 1);
    prefixes.push(PREFIXES[place].1);
    prefixes
}

/// Whether a member sees a channel: as the node decides it, from roles and overwrites.
pub(crate) fn sees(community: &CommunitySnapshot, view: &ChannelView, member: &MemberView) -> bool {
    if member.owner || community.direct.is_some() {
        return true;
    }
    let mut may = !view.private && rights(community, member).contains("view");
    let word = |rights: &[String]| rights.iter().any(|right| right == "view");
    let of_roles = || {
        view.overwrites
            .iter()
            .filter(|overwrite| match overwrite.target {
                OverwriteTarget::Role(RoleId::ZERO) => true,
                OverwriteTarget::Role(role) => {
                    let mut roles = community.roles.iter();
                    roles.any(|of| of.role == role && member.roles.contains(&of.name))
                }
                OverwriteTarget::Member(_) => false,
            })
    };
    may &= !of_roles().any(|overwrite| word(&overwrite.deny));
    may |= of_roles().any(|overwrite| word(&overwrite.allow));
    let own = OverwriteTarget::Member(member.account);
    for overwrite in view
        .overwrites
        .iter()
        .filter(|overwrite| overwrite.target == own)
    {
        may &= !word(&overwrite.deny);
        may |= word(&overwrite.allow);
    }
    may
}

/// Whether an account that comes into a community sees a channel, before anybody gives it a role.
#[must_use]
pub fn seen_by_newcomers(
    community: &CommunitySnapshot,
    view: &ChannelView,
    account: AccountId,
) -> bool {
    let newcomer = MemberView {
        account,
        name: String::new(),
        roles: Vec::new(),
        online: false,
        availability: None,
        rank: 0,
        owner: false,
        about: None,
        status: None,
        forked: false,
    };
    sees(community, view, &newcomer)
}

/// Whether ordinary members may not write in a channel.
pub(crate) fn is_moderated(community: &CommunitySnapshot, view: &ChannelView) -> bool {
    if community.direct.is_some() {
        return false;
    }
    let everyone = community
        .roles
        .iter()
        .find(|role| role.role == RoleId::ZERO);
    let base = everyone.is_none_or(|role| role.allow.iter().any(|right| right == "send"));
    let of = OverwriteTarget::Role(RoleId::ZERO);
    let overwrite = view
        .overwrites
        .iter()
        .find(|overwrite| overwrite.target == of);
    let word = |rights: &[String]| rights.iter().any(|right| right == "send");
    match overwrite {
        Some(found) if word(&found.allow) => false,
        Some(found) if word(&found.deny) => true,
        _ => !base,
    }
}

/// Until when a community keeps an account from writing, if it does now.
pub(crate) fn is_muted(
    community: &CommunitySnapshot,
    account: AccountId,
    now: UnixMs,
) -> Option<UnixMs> {
    let mut timeouts = community.timeouts.iter();
    let found = timeouts.find(|view| view.account == account)?;
    found.until.filter(|until| now < *until)
}

/// How somebody who is kept from writing stands in the list of bans.
pub(crate) fn muted_mask(account: AccountId) -> String {
    format!("~m:~a:{account}")
}
