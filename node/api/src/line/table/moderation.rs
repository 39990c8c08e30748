//! Lines about moderation and its record.

use crate::limits::{LAST_DEFAULT, LAST_MAX, REASON_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, LineSpec};

use super::{ACCOUNT, CHANNEL, COMMUNITY, flag_or, line, many, one, optional};

const REASON: Argument = optional("REASON", Kind::Text(REASON_BYTES_MAX));

pub(super) const LINES: &[LineSpec] = &[
    line!("kick", Kick(community: COMMUNITY, account: ACCOUNT, reason: REASON;), Operation,
        "Removes a member, who may join again by an invite."),
    line!("ban", Ban(community: COMMUNITY, account: ACCOUNT, reason: REASON;), Operation,
        "Removes a member, who may not join again until `unban`."),
    line!("unban", Unban(community: COMMUNITY, account: ACCOUNT, reason: REASON;), Operation,
        "Lifts a ban; the account may join again by an invite."),
    line!("timeout", Timeout(community: COMMUNITY, account: ACCOUNT,
            duration_ms: one("DURATION", Kind::Duration), reason: REASON;),
        Operation, "Takes the right to write from a member for a while."),
    line!("slow-mode", SlowMode(channel: CHANNEL, interval_ms: one("DURATION|off", Kind::DurationOrOff);), Operation,
        "Sets the shortest time between two messages of one member in a channel."),
    line!("reaffirm", Reaffirm(community: COMMUNITY, operations: many("OPERATION", Kind::Id);), Operation,
        "Repeats, as oneself and now, operations that had lost their effect."),
    line!("accept-late", AcceptLate(community: COMMUNITY, messages: many("MESSAGE", Kind::Id);), Operation,
        "Lets late messages of a removed or muted member count after all."),
    line!("purge", Purge(community: COMMUNITY, messages: many("MESSAGE", Kind::Id);), Operation,
        "Hides messages even where others have built on them."),
    line!("audit", Audit(community: COMMUNITY;
            last: flag_or("--last", "N", Kind::Number(1, LAST_MAX), LAST_DEFAULT as u64)),
        Audit, "Lists the last N operations of the community's authority log, oldest first, with those that have \
                no effect and why."),
];
