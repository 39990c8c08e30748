//! Lines about what concerns one account alone: devices, contacts, direct messages, home nodes.

use crate::PersonalCommand;
use crate::limits::{HOME_DAYS_MAX, HOME_MIB_MAX, RECOVERY_PHRASE_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, LineSpec};

use super::{ACCOUNT, COMMUNITY, flag, many, one, switch};

/// Describes an order whose fields are its arguments and flags, in order.
macro_rules! order {
    ($words:literal, $variant:ident ($($arg:ident: $argument:expr),*; $($flag:ident: $flag_spec:expr),*),
     $reply:ident, $help:literal) => {
        $crate::line::spec::LineSpec {
            words: $words,
            arguments: &[$($argument),*],
            flags: &[$($flag_spec),*],
            help: $help,
            reply: $crate::line::spec::ReplyKind::$reply,
            build: |_values| $crate::Command::Personal {
                order: PersonalCommand::$variant { $($arg: _values.take(),)* $($flag: _values.take(),)* },
            },
            show: |command| match command {
                $crate::Command::Personal { order: PersonalCommand::$variant { $($arg,)* $($flag,)* } } => Some(vec![
                    $($crate::line::spec::Field::to_value($arg),)* $($crate::line::spec::Field::to_value($flag),)*
                ]),
                _ => None,
            },
        }
    };
}

const DEVICE: Argument = one("DEVICE", Kind::Name);
const ON_OFF: Argument = one("on|off", Kind::Choice(&["on", "off"]));

pub(super) const LINES: &[LineSpec] = &[
    order!("devices", Devices(;), Devices, "Lists the devices of this account."),
    order!("device link", DeviceLink(;), Code,
        "Shows a code for ten minutes. Entered on another device, it makes that one a device of this account; a wrong \
         code ends it."),
    order!("device name", DeviceName(device: DEVICE, name: one("NAME", Kind::Name);), Ok,
        "Names a device of this account; only own devices see the name."),
    order!("device revoke", DeviceRevoke(device: DEVICE;), Ok,
        "Ends a device of this account: what it writes from now on counts nowhere, and it is given no more keys."),
    order!("recovery replace", RecoveryReplace(;), Recovery,
        "Makes new recovery words; the old ones end."),
    order!("recovery check", RecoveryCheck(words: one("WORDS", Kind::Text(RECOVERY_PHRASE_BYTES_MAX));), Ok,
        "Tells whether these are the account's recovery words. Nothing of them is kept."),
    order!("account close", AccountClose(name: one("NAME", Kind::Name);), Ok,
        "Ends this account: leaves every community, and ends all its devices. Only the recovery words open it again. The \
         display name stands for \"yes\"."),
    order!("contact link", ContactLink(;), ContactLink,
        "Makes a link by which others write to this account."),
    order!("contact add", ContactAdd(link: one("LINK", Kind::Link);), Direct,
        "Adds whoever made the link to the contacts, and opens the direct messages with them."),
    order!("contact remove", ContactRemove(account: ACCOUNT;), Ok, "Removes somebody from the contacts."),
    order!("contacts", Contacts(;), Contacts, "Lists the contacts."),
    order!("dm", Dm(account: ACCOUNT;), Direct,
        "Opens the direct messages with a contact or a member of a shared community; `send @NAME` writes there."),
    order!("dm requests", DmRequests(;), DmRequests,
        "Lists who wants to write to this account and is not known to it."),
    order!("dm accept", DmAccept(account: ACCOUNT;), Direct, "Accepts a request: who asked becomes a contact."),
    order!("dm decline", DmDecline(account: ACCOUNT;), Ok, "Drops a request. Who asked is not told."),
    order!("block", Block(account: ACCOUNT;), Ok,
        "Takes nothing more from an account: no direct messages, no requests. It is not told."),
    order!("unblock", Unblock(account: ACCOUNT;), Ok, "Ends a block."),
    order!("verify", Verify(account: ACCOUNT; confirmed: switch("--confirmed")), Safety,
        "Shows words to compare with somebody, by voice or side by side: when they are equal on both sides, nobody \
         stands between. `--confirmed` keeps that they were."),
    order!("group create", GroupCreate(name: one("NAME", Kind::PlaceName), accounts: many("ACCOUNT", Kind::Account);),
        Direct, "Makes a group of up to 32 accounts, this one included; `send NAME/chat` writes there."),
    order!("group add", GroupAdd(group: COMMUNITY, account: ACCOUNT;), Operation, "Adds somebody to a group."),
    order!("group remove", GroupRemove(group: COMMUNITY, account: ACCOUNT;), Operation,
        "Removes somebody from a group; only who made it may."),
    order!("receipts", Receipts(receipts: ON_OFF;), Ok,
        "Whether others learn that this account has read their messages: in direct messages and groups, where it is on at \
         first. In communities nobody learns it."),
    order!("router", Router(router: ON_OFF;), Ok,
        "Whether this device's node asks the router of the local network to let connections in (UPnP), at once and from \
         now on; on at first. What it was asked to open is closed with `off`. `run --no-upnp` never asks."),
    order!("home", Homes(;), Homes, "Lists this account's home nodes."),
    order!("home pair", HomePair(code: one("CODE", Kind::Link);), Homes,
        "Makes the node that shows this code a home node of this account."),
    order!("home remove", HomeRemove(device: DEVICE;), Ok,
        "Ends a home node: it is given nothing more. What it keeps can be read by nobody but members."),
    order!("home store", HomeStore(community: COMMUNITY, store: ON_OFF;), Ok,
        "Whether the home nodes keep a community. Direct messages and groups are always kept."),
    order!("home limit", HomeLimit(community: COMMUNITY;
            mib: flag("--size", "MIB", Kind::Number(1, HOME_MIB_MAX)),
            days: flag("--days", "N", Kind::Number(1, HOME_DAYS_MAX))), Ok,
        "How much of a community or conversation the home nodes keep for this account: at most a size, beyond which \
         nothing new is taken, and messages for a number of days. A limit that is not named ends."),
    order!("home code", HomeCode(;), Code, "On a home node: shows a new code to pair with."),
    order!("home status", HomeStatus(;), HomeStatus, "On a home node: what it keeps, and for whom."),
];
