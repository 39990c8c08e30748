//! Who else reads a channel: a bridge hands it to a server, whose people can read what passes through.

use alloquy_api::reply::ChannelView;
use egui::{Frame, Margin, Panel, Ui, Vec2};
use lucide_icons::Icon;

use super::View;
use crate::state::Slot;
use crate::text;
use crate::theme::{self, font};
use crate::widgets::{label, paint_icon};
use crate::words::say;

/// The bar below the head of a bridged channel. Never hidden, however small the window is: it is said before somebody
/// writes.
pub(super) fn show(view: &View<'_>, ui: &mut Ui, slot: Slot) {
    let model = view.model;
    let community = model.community_of(slot.channel);
    let channel = community.and_then(|id| model.channel(id, slot.channel));
    let Some(names) = channel.and_then(names) else {
        return;
    };
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.raised)
        .inner_margin(Margin::symmetric(16, 4));
    Panel::top(("bridged", slot))
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                let (rect, _) = ui.allocate_exact_size(Vec2::splat(18.0), egui::Sense::hover());
                paint_icon(ui, Icon::Waypoints, rect.center(), 15.0, palette.warn);
                label(
                    ui,
                    &say::bridged_bar(&names),
                    font::secondary(),
                    palette.text,
                );
            });
        });
}

/// Names of a channel's bridges, as they are shown.
fn names(channel: &ChannelView) -> Option<String> {
    let names: Vec<_> = channel
        .bridges
        .iter()
        .map(|name| text::name(name))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}
