//! Lines about messages.

use crate::limits::{LAST_DEFAULT, LAST_MAX, TEXT_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, LineSpec};

use super::{CHANNEL, MESSAGE, flag, flag_or, line, one};

const TEXT: Argument = one("TEXT", Kind::Text(TEXT_BYTES_MAX));
const EMOJI: Argument = one("EMOJI", Kind::Emoji);

pub(super) const LINES: &[LineSpec] = &[
    line!("send", Send(channel: CHANNEL, text: TEXT;), Message,
        "Writes a message."),
    line!("reply", Reply(message: MESSAGE, text: TEXT;), Message,
        "Writes a message that answers another, in the same channel."),
    line!("thread", Thread(message: MESSAGE, text: TEXT;), Message,
        "Writes into the thread that hangs on a message; the first one opens it."),
    line!("edit", Edit(message: MESSAGE, text: TEXT;), Message,
        "Gives an own message another text."),
    line!("delete", Delete(message: MESSAGE;), Message,
        "Deletes a message: an own one, or another's with the right `manage-messages`."),
    line!("react", React(message: MESSAGE, emoji: EMOJI;), Message,
        "Adds a reaction to a message."),
    line!("unreact", Unreact(message: MESSAGE, emoji: EMOJI;), Message,
        "Takes an own reaction back."),
    line!("pin", Pin(message: MESSAGE;), Message,
        "Pins a message in its channel."),
    line!("unpin", Unpin(message: MESSAGE;), Message,
        "Takes a pin away."),
    line!("pins", Pins(channel: CHANNEL;), Pins,
        "Lists the pinned messages of a channel, in its order."),
    line!("history", History(channel: CHANNEL;
            last: flag_or("--last", "N", Kind::Number(1, LAST_MAX), LAST_DEFAULT as u64),
            before: flag("--before", "ID", Kind::Id),
            thread: flag("--thread", "ID", Kind::Id)),
        History,
        "Shows the last N messages, oldest first: of a channel, or with `--thread` of the thread on a message; with \
         `--before` those before a message."),
];
