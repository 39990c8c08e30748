//! Lines about moderation and its record.

use crate::limits::{JOINS_MAX, LAST_DEFAULT, LAST_MAX, REASON_BYTES_MAX, WORDS_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, LineSpec};

use super::{ACCOUNT, CHANNEL, COMMUNITY, flag, flag_or, line, many, one, optional, switch};

const REASON: Argument = optional("REASON", Kind::Text(REASON_BYTES_MAX));

/// Somebody, or the id of an invite.
const BRANCH: Argument = one("ACCOUNT|INVITE", Kind::Account);

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
        "Lets late messages of a removed or muted member count after all, and those through that the word rules hold."),
    line!("purge", Purge(community: COMMUNITY, messages: many("MESSAGE", Kind::Id);), Operation,
        "Hides messages even where others have built on them."),
    line!("invite-tree", InviteTree(community: COMMUNITY;), InviteTree,
        "Lists who came in by which invite of whom: everybody below the one before with a smaller `depth`."),
    line!("remove-branch", RemoveBranch(community: COMMUNITY, branch: BRANCH, reason: REASON; ban: switch("--ban")),
        Branch, "Removes everybody who came in below a member or by an invite, and revokes the invite. Whom this \
                 account may not remove stays, with those below."),
    line!("undo", Undo(community: COMMUNITY, branch: BRANCH, span_ms: one("DURATION", Kind::Duration);), Undone,
        "Hides what a member, or everybody who came in below an invite, wrote since then: messages, edits, reactions. \
         Of those who came in since then, everything."),
    line!("policy", Policy(community: COMMUNITY;), Policy,
        "Shows the community's rules."),
    line!("policy joins", PolicyJoins(community: COMMUNITY,
            rule: one("RULE", Kind::Choice(&["open", "invite", "approval"]));), Operation,
        "Says who may come in: whoever asks, whoever has a link, or whoever is let in by a member with `invite`."),
    line!("policy wait", PolicyWait(community: COMMUNITY, wait_ms: one("DURATION|off", Kind::DurationOrOff);), Operation,
        "Says how long after coming in a member without a role may not write."),
    line!("policy links", PolicyLinks(community: COMMUNITY,
            rule: one("RULE", Kind::Choice(&["everyone", "roles", "moderators"]));), Operation,
        "Says who may post links: everyone, members with a role, or those who hold `manage-messages`."),
    line!("policy words", PolicyWords(community: COMMUNITY, rule: one("RULE", Kind::Choice(&["refuse", "hold"])),
            words: one("WORDS", Kind::TextOrEmpty(WORDS_BYTES_MAX));), Operation,
        "Sets the words and phrases, separated by commas, that are refused, or held until `accept-late` lets the \
         message through. An empty text clears the list."),
    line!("policy raid", PolicyRaid(community: COMMUNITY, within_ms: one("DURATION|off", Kind::DurationOrOff);
            in_all: flag("--in-all", "N", Kind::Number(1, JOINS_MAX)),
            by_invite: flag("--by-invite", "N", Kind::Number(1, JOINS_MAX))), Operation,
        "Limits how many come in within a while, in all and by one invite."),
    line!("requests", Requests(community: COMMUNITY;), Requests,
        "Lists who asks to be let in."),
    line!("approve", Approve(community: COMMUNITY, account: ACCOUNT;), Operation,
        "Lets somebody in who asks. Of an account that was refused, by its id: it may ask again."),
    line!("refuse", Refuse(community: COMMUNITY, account: ACCOUNT;), Ok,
        "Does not let somebody in who asks."),
    line!("votes", Votes(community: COMMUNITY;), Votes,
        "Lists proposed owner sets that lack votes."),
    line!("lost", Lost(community: COMMUNITY;), Lost,
        "Lists own operations that lost their effect and that `reaffirm` would repeat."),
    line!("why-event", WhyEvent(event: one("EVENT", Kind::Id);), WhyEvent,
        "Explains why a message is shown or hidden, or an operation has effect or none."),
    line!("audit", Audit(community: COMMUNITY;
            last: flag_or("--last", "N", Kind::Number(1, LAST_MAX), LAST_DEFAULT as u64)),
        Audit, "Lists the last N operations of the community's authority log and deletions of others' messages, oldest \
                first, with those that have no effect and why."),
];
