//! The messages of a place.

use alloquy_ids::{EventId, UnixMs};
use egui::{ScrollArea, Ui};

use super::View;
use crate::state::{Direction, Slot};
use crate::theme::{self, font};
use crate::widgets::label;

/// What a timeline keeps between frames.
#[derive(Debug, Default)]
pub(crate) struct TimelineState {}

impl TimelineState {
    /// Shows a message and marks it for two seconds.
    pub(crate) fn go_to(&mut self, _message: EventId, _now: UnixMs) {}
    /// Moves by a page.
    pub(crate) fn scroll_page(&mut self, _direction: Direction) {}
    /// Goes to the end and follows it.
    pub(crate) fn follow_end(&mut self) {}
    /// Scrolls as little as needed until a message is seen.
    pub(crate) fn bring_into_view(&mut self, _message: EventId) {}
    /// Shows or hides a spoiler (its number in the message) or the rest of a long message (`u32::MAX`).
    pub(crate) fn reveal(&mut self, _message: EventId, _part: u32) {}
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let palette = theme::palette(ui);
    ScrollArea::vertical().stick_to_bottom(true).show(ui, |ui| {
        for message in crate::state::messages_of(slot, view.model) {
            label(ui, &message.text, font::message(), palette.text);
        }
    });
}
