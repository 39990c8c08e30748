//! Lines about messages.

use crate::limits::{LAST_DEFAULT, LAST_MAX, TEXT_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, Flag, LineSpec};

use super::{CHANNEL, MESSAGE, flag, flag_or, line, one};

const TEXT: Argument = one("TEXT", Kind::Text(TEXT_BYTES_MAX));
const EMBED: Flag = flag("--embed", "\"URL TITLE\"", Kind::Embeds);
const EMOJI: Argument = one("EMOJI", Kind::Emoji);

pub(super) const LINES: &[LineSpec] = &[
    line!("send", Send(channel: CHANNEL, text: TEXT; embeds: EMBED), Message,
        "Writes a message. `--embed` gives a preview of an address: nobody who reads fetches anything. A line break \
         (`\\n`) after the title begins a description, an empty line another preview, of 3 at most."),
    line!("reply", Reply(message: MESSAGE, text: TEXT; embeds: EMBED), Message,
        "Writes a message that answers another, in the same channel. `--embed` as of `send`."),
    line!("thread", Thread(message: MESSAGE, text: TEXT; embeds: EMBED), Message,
        "Writes into the thread that hangs on a message; the first one opens it. `--embed` as of `send`."),
    line!("edit", Edit(message: MESSAGE, text: TEXT;), Message,
        "Gives an own message another text. Its previews stay."),
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
