//! Lines about roles, overwrites and owners.

use crate::Command;
use crate::command::{AccountRef, OverwriteRef, RoleRef};
use crate::limits::RANK_MAX;
use crate::line::kind::{Kind, Value};
use crate::line::spec::{Argument, Field, Flag, LineSpec, ReplyKind};

use super::{ACCOUNT, CHANNEL, COMMUNITY, flag, flag_or, line, one};

const ROLE: Argument = one("ROLE", Kind::Role);
const RANK: Kind = Kind::Number(1, RANK_MAX);
const ALLOW: Flag = flag("--allow", "RIGHT,..", Kind::Rights);
const DENY: Flag = flag("--deny", "RIGHT,..", Kind::Rights);

/// An overwrite for a role or for one member.
macro_rules! overwrite {
    ($words:literal, $variant:ident, $wrap:ident, $argument:expr, $help:literal) => {
        LineSpec {
            words: "overwrite",
            arguments: &[CHANNEL, one("KIND", Kind::Choice(&[$words])), $argument],
            flags: &[ALLOW, DENY],
            help: $help,
            reply: ReplyKind::Operation,
            build: |values| {
                let channel = values.take();
                let _: String = values.take();
                let target = OverwriteRef::$variant($wrap(values.take()));
                Command::Overwrite {
                    channel,
                    target,
                    allow: values.take(),
                    deny: values.take(),
                }
            },
            show: |command| match command {
                Command::Overwrite {
                    channel,
                    target: OverwriteRef::$variant(target),
                    allow,
                    deny,
                } => Some(vec![
                    channel.to_value(),
                    Value::Text($words.to_owned()),
                    target.to_value(),
                    allow.to_value(),
                    deny.to_value(),
                ]),
                _ => None,
            },
        }
    };
}

pub(super) const LINES: &[LineSpec] = &[
    line!("roles", Roles(community: COMMUNITY;), Roles,
        "Lists the roles, strongest first, with their rights."),
    line!("role create", RoleCreate(community: COMMUNITY, name: one("NAME", Kind::Name);
            rank: flag_or("--rank", "N", RANK, 1), allow: ALLOW),
        Role, "Makes a role below one's own rank, with rights that one holds."),
    line!("role edit", RoleEdit(community: COMMUNITY, role: ROLE;
            name: flag("--name", "NAME", Kind::Name), rank: flag("--rank", "N", RANK), allow: ALLOW),
        Role, "Changes what is given of a role; `--allow` replaces all its rights."),
    line!("role delete", RoleDelete(community: COMMUNITY, role: ROLE;), Operation,
        "Deletes a role; nobody holds it any more."),
    line!("role grant", RoleGrant(community: COMMUNITY, role: ROLE, account: ACCOUNT;), Operation,
        "Gives a role to a member."),
    line!("role revoke", RoleRevoke(community: COMMUNITY, role: ROLE, account: ACCOUNT;), Operation,
        "Takes a role from a member."),
    overwrite!(
        "role",
        Role,
        RoleRef,
        ROLE,
        "Allows and denies rights in one channel to the holders of a role (`everyone`: all members). It replaces \
         the earlier overwrite; without flags it removes it."
    ),
    overwrite!(
        "member",
        Member,
        AccountRef,
        ACCOUNT,
        "The same for one member; it stands above those of roles."
    ),
    line!("owner add", OwnerAdd(community: COMMUNITY, account: ACCOUNT;), Vote,
        "Votes for a member to become an owner. It takes effect when more than half of the owners' votes are given."),
    line!("owner remove", OwnerRemove(community: COMMUNITY, account: ACCOUNT;), Vote,
        "Votes for an owner to be one no longer."),
    line!("why", Why(community: COMMUNITY, account: ACCOUNT, right: one("RIGHT", Kind::Right);
            channel: flag("--channel", "CHANNEL", Kind::Channel)),
        Why, "Explains why an account has a right, or has it not, by the operations that decided."),
];
