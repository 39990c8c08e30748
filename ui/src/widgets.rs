//! The controls of the window. Each is painted here in every state, has a name for those who can not see it,
//! and shows the keyboard's focus.

mod avatar;
mod button;
mod choice;
mod field;
mod notice;
mod qr;
mod row;
mod sheet;
mod slider;

pub(crate) use avatar::{Presence, avatar, community_icon, presence_dot};
pub(crate) use button::{
    Tone, button, icon_button, link_button, paint_icon, switch, switch_fixed, wide_button,
};
pub(crate) use choice::{Card, End, card, segments, segments_of};
pub(crate) use field::{Field, entered, field, over_limit, tall_field};
pub(crate) use notice::{Weight, chip, key_words, notice, section, under_way};
pub(crate) use qr::{QrPicture, qr};
pub(crate) use row::{Row, badge, heading, row};
pub(crate) use sheet::{
    Sheet, TIGHT_BELOW, all_closed, bare_sheet, claim_focus, follow_focus, keyed_sheet, refocus,
    scrolled_page, sheet,
};
pub(crate) use slider::{Slide, meter, slider};

use egui::text::TextFormat;
use egui::{Color32, FontId, Galley, Rect, Ui};
use std::sync::Arc;

use crate::text;

/// A text on one line, cut with an ellipsis where it does not fit, emoji in their own font.
pub(crate) fn line(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    line_in(ui.ctx(), text, font, color, width)
}

/// [`line`], where nothing is painted yet.
pub(crate) fn line_in(
    ctx: &egui::Context,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Arc<Galley> {
    let format = TextFormat::simple(font, color);
    let mut job = text::job(text, &format);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    ctx.fonts_mut(|fonts| fonts.layout_job(job))
}

/// A text on as many lines as it needs, to be painted: for the window's own words, which another language makes
/// longer, where [`line`] is for names.
pub(crate) fn lines(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    lines_in(ui.ctx(), text, font, color, width)
}

/// [`lines`], where nothing is painted yet.
pub(crate) fn lines_in(
    ctx: &egui::Context,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = text::job(text, &TextFormat::simple(font, color));
    job.wrap.max_width = width.max(1.0);
    ctx.fonts_mut(|fonts| fonts.layout_job(job))
}

/// A text on as many lines as it needs.
pub(crate) fn label(ui: &mut Ui, text: &str, font: FontId, color: Color32) -> egui::Response {
    let format = TextFormat::simple(font, color);
    let job = text::job(text, &format);
    ui.add(egui::Label::new(job).wrap())
}

/// Rings what has the keyboard's focus.
pub(crate) fn focus_ring(ui: &Ui, rect: Rect, radius: u8, focused: bool) {
    if focused {
        let stroke = crate::theme::focus_ring(crate::theme::palette(ui));
        let kind = egui::StrokeKind::Inside;
        ui.painter().rect_stroke(rect, radius, stroke, kind);
    }
}
