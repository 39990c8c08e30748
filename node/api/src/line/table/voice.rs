//! Lines about voice.

use crate::VoiceCommand;
use crate::limits::{DEVICE_TEXT_BYTES_MAX, VOLUME_PERCENT_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, LineSpec};

use super::{ACCOUNT, CHANNEL, one};

/// Describes an order whose fields are its arguments, in order.
macro_rules! order {
    ($words:literal, $variant:ident ($($arg:ident: $argument:expr),*), $reply:ident, $help:literal) => {
        $crate::line::spec::LineSpec {
            words: $words,
            arguments: &[$($argument),*],
            flags: &[],
            help: $help,
            reply: $crate::line::spec::ReplyKind::$reply,
            build: |_values| $crate::Command::Voice {
                order: VoiceCommand::$variant { $($arg: _values.take(),)* },
            },
            show: |command| match command {
                $crate::Command::Voice { order: VoiceCommand::$variant { $($arg,)* } } => Some(vec![
                    $($crate::line::spec::Field::to_value($arg),)*
                ]),
                _ => None,
            },
        }
    };
}

const ON_OFF: Argument = one("on|off", Kind::Choice(&["on", "off"]));
const UP_DOWN: Argument = one("up|down", Kind::Choice(&["up", "down"]));
const DEVICE: Argument = one("DEVICE", Kind::Text(DEVICE_TEXT_BYTES_MAX));
const PERCENT: Argument = one("PERCENT", Kind::Number(0, VOLUME_PERCENT_MAX as u64));

pub(super) const LINES: &[LineSpec] = &[
    order!("voice join", Join(channel: CHANNEL), Ok,
        "Goes into a voice channel, a stage or the call of a conversation, and out of the one that this device is in."),
    order!("voice leave", Leave(), Ok, "Goes out of the voice channel."),
    order!("voice mute", Mute(mute: ON_OFF), Ok, "Keeps own sound back, in this room and in later ones."),
    order!("voice deafen", Deafen(deafen: ON_OFF), Ok,
        "Hears nobody and keeps own sound back, in this room and in later ones."),
    order!("voice volume", Volume(account: ACCOUNT, percent: PERCENT), Ok,
        "How loud somebody is here, on all devices of this account: 100 is as it comes."),
    order!("voice hand", Hand(hand: UP_DOWN), Ok, "On a stage: asks to speak, or does so no more."),
    order!("stage invite", StageInvite(account: ACCOUNT), Ok,
        "On a stage: lets somebody of the audience speak. Whoever had not raised a hand is muted at first."),
    order!("stage audience", StageAudience(account: ACCOUNT), Ok,
        "On a stage: moves a speaker back to the audience."),
    order!("voice ptt", Ptt(ptt: ON_OFF), Ok,
        "Push-to-talk: own sound goes out only while the button is down (`voice press`). Until the node ends."),
    order!("voice press", Press(press: ON_OFF), Ok, "The button of push-to-talk goes down, or up."),
    order!("voice input", Input(device: DEVICE), Ok,
        "Where sound comes from: default, device:NAME, file:PATH[,loop], tone[:HZ], tts:TEXT or null."),
    order!("voice output", Output(device: DEVICE), Ok,
        "Where sound goes: default, device:NAME, file:PATH or null."),
    order!(
        "voice devices",
        Devices(),
        AudioDevices,
        "Shows the sound devices as they were last looked at, which are used, and what went wrong with them."
    ),
    order!(
        "voice stats",
        Stats(),
        Call,
        "Shows the voice channel that this device is in, the connections to the others, and what was measured."
    ),
];
