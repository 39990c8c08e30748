//! What keeps the messages of a conversation while everybody else is away, when nothing does: said once.

use alloquy_api::reply::DeliveryState;
use egui::{Frame, Margin, Panel, Ui, Vec2};
use lucide_icons::Icon;

use super::View;
use crate::action::Action;
use crate::state::{Overlay, SettingsPage, Slot};
use crate::theme::{self, font};
use crate::widgets::{TIGHT_BELOW, Tone, button, icon_button, label, paint_icon};
use crate::words::say;

/// The hint, below the head of a conversation.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let Some(id) = view.model.community_of(slot.channel) else {
        return;
    };
    if view.state.size.y < TIGHT_BELOW {
        // The messages have to remain; the sheet about the conversation says it, too.
        return;
    }
    let me = view.model.me();
    let window = view.model.window(slot.channel);
    let mut own = window
        .iter()
        .flat_map(|window| window.messages.iter().rev());
    // What nobody but this device holds.
    let alone = own.find(|message| {
        message.author == me && !message.deleted && message.delivery.state <= DeliveryState::Stored
    });
    let Some(words) = view
        .state
        .home_hint(view.model, id, alone.map(|message| message.id))
    else {
        return;
    };
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.raised)
        .inner_margin(Margin::symmetric(16, 6));
    Panel::top(("home hint", slot))
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let right = egui::Layout::right_to_left(egui::Align::Center);
            ui.with_layout(right, |ui| {
                if icon_button(ui, Icon::X, say::home_hint_close(), false).clicked() {
                    view.act(Action::ReadHomeHint);
                }
                if button(ui, Tone::Plain, say::home_hint_how(), Ok(())).clicked() {
                    let homes = Overlay::Settings(SettingsPage::Homes);
                    view.act(Action::Open(homes));
                }
                let left = egui::Layout::left_to_right(egui::Align::Center);
                ui.with_layout(left, |ui| {
                    if ui.available_width() >= 160.0 {
                        let size = Vec2::splat(20.0);
                        let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
                        paint_icon(ui, Icon::House, rect.center(), 17.0, palette.accent_text);
                    }
                    label(ui, &words, font::secondary(), palette.text);
                });
            });
        });
}
