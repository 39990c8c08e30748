//! How a call fares, in words.

use alloquy_api::voice::{CallPeerView, CallView, LinkStage};
use egui::Color32;

use super::people::Person;
use crate::text;
use crate::theme::Palette;
use crate::words::say;

/// Characters of a reason that are shown: two sentences.
const REASON_CHARS_MAX: usize = 240;

/// What the node says, as it is shown.
pub(in crate::views) fn sentence(said: &str) -> String {
    text::clean(said, REASON_CHARS_MAX)
}

/// With a great letter at the beginning, as a sentence of its own.
fn capitalised(said: &str) -> String {
    let mut letters = said.chars();
    let first = letters.next();
    let first = first.into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn is_connected(peer: &CallPeerView) -> bool {
    matches!(peer.link.stage, LinkStage::Open | LinkStage::Audio)
}

/// The whole call, and the colour of that.
pub(super) fn of_call(call: &CallView, palette: &Palette) -> (String, Color32) {
    let all = call.peers.len();
    let connected = call
        .peers
        .values()
        .filter(|peer| is_connected(peer))
        .count();
    let mut stages = call.peers.values().map(|peer| peer.link.stage);
    if all == 0 {
        (say::voice_alone().to_owned(), palette.ok)
    } else if connected == all {
        (say::voice_connected().to_owned(), palette.ok)
    } else if connected == 0 && stages.all(|stage| stage == LinkStage::Failed) {
        (say::voice_nobody_reached().to_owned(), palette.danger)
    } else if connected == 0 {
        (say::voice_connecting().to_owned(), palette.warn)
    } else {
        let words = say::voice_connected_some(connected, all);
        (words, palette.warn)
    }
}

/// How far a connection is.
fn of_stage(stage: LinkStage) -> &'static str {
    match stage {
        LinkStage::Signalling => say::link_signalling(),
        LinkStage::Connecting => say::link_connecting(),
        LinkStage::Securing => say::link_securing(),
        LinkStage::Open => say::link_open(),
        LinkStage::Audio => say::link_audio(),
        LinkStage::Failed => say::link_failed(),
    }
}

/// How somebody takes part, and why they are not heard where they are not: a state, and its reason below it.
pub(super) fn of_person(person: &Person) -> Vec<String> {
    let mut words = Vec::new();
    match &person.peer {
        Some(peer) => {
            words.push(of_stage(peer.link.stage).to_owned());
            // Of who is connected and known to be silent, the marks say why; who was heard before pauses.
            let pauses = peer.link.stage == LinkStage::Audio;
            let known = pauses || is_connected(peer) && person.is_silent();
            let reason = peer.link.reason.as_deref().filter(|_| !known);
            words.extend(reason.map(|reason| capitalised(&sentence(reason))));
        }
        None if person.own => words.push(say::voice_you().to_owned()),
        None => {}
    }
    let silenced = person.silenced && !person.audience;
    let muted = person.muted && !person.deafened;
    let still = [
        (person.audience, say::voice_why_audience()),
        (silenced, say::voice_why_silenced()),
        (person.deafened, say::voice_why_deafened()),
        (muted, say::voice_why_muted()),
    ];
    let reasons = still.into_iter().filter(|(holds, _)| *holds);
    words.extend(reasons.map(|(_, why)| why.to_owned()));
    if person.peer.as_ref().is_some_and(|peer| peer.volume == 0) {
        words.push(say::voice_why_volume().to_owned());
    }
    words
}
