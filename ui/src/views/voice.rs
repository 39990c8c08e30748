//! Voice: who is in which channel, the own call, and why somebody is not heard.

mod keys;
mod panel;
mod people;
mod room;
mod state;
mod tile;

use alloquy_api::VoiceCommand;
use alloquy_api::command::{ChannelKind, ChannelRef};
use alloquy_api::reply::ChannelView;
use alloquy_api::voice::CallView;
use alloquy_ids::ChannelId;
use lucide_icons::Icon;

use super::View;

pub(super) use keys::{keys, shortcuts};
pub(super) use panel::show as panel;
pub(super) use people::roster;
pub(super) use room::{bar as room_bar, show as room};
pub(super) use state::sentence;

/// Going into a voice channel.
pub(super) fn join(channel: ChannelId) -> VoiceCommand {
    VoiceCommand::Join {
        channel: ChannelRef(channel.to_string()),
    }
}

/// Whether one may come into a voice channel.
pub(super) fn may_join(channel: &ChannelView) -> bool {
    has(channel, "connect")
}

fn has(channel: &ChannelView, right: &str) -> bool {
    channel.rights.iter().any(|of| of == right)
}

/// What stands before the name of a channel.
pub(super) fn sign(channel: Option<&ChannelView>) -> Icon {
    match channel.map(|channel| channel.kind) {
        Some(ChannelKind::Voice) => Icon::Volume2,
        Some(ChannelKind::Stage) => Icon::Podcast,
        _ => Icon::Hash,
    }
}

/// The own call, where it is in this channel.
fn call_in<'a>(view: &View<'a>, channel: ChannelId) -> Option<&'a CallView> {
    let call = view.model.snapshot.call.as_deref()?;
    (call.channel == channel).then_some(call)
}
