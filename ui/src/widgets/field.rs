//! Fields to type into.

use egui::{Response, TextEdit, Ui};

use super::label;
use crate::theme::{self, font, radius, space};

/// A field's words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// Its name, above it and read out.
    pub(crate) name: &'a str,
    /// What stands in it while it is empty.
    pub(crate) hint: &'a str,
    /// What is wrong with what was typed.
    pub(crate) error: Option<&'a str>,
    /// Typed characters are not shown.
    pub(crate) secret: bool,
}

/// A field on one line, over the whole width, with its name above and what is wrong below.
pub(crate) fn field(ui: &mut Ui, text: &mut String, words: Field<'_>) -> Response {
    let palette = theme::palette(ui);
    ui.spacing_mut().item_spacing.y = space::XS;
    let name = label(ui, words.name, font::meta(), palette.text_dim);
    let edit = TextEdit::singleline(text)
        .id_salt(words.name)
        .hint_text(words.hint)
        .password(words.secret)
        .font(font::message())
        .text_color(palette.text_strong)
        .background_color(palette.field)
        .margin(egui::Margin::symmetric(12, 9))
        .desired_width(f32::INFINITY);
    let response = ui.add(edit).labelled_by(name.id);
    let stroke = match (words.error, response.has_focus()) {
        (Some(_), _) => egui::Stroke::new(1.0, palette.danger),
        (None, true) => theme::focus_ring(palette),
        (None, false) => egui::Stroke::new(1.0, palette.line),
    };
    let kind = egui::StrokeKind::Inside;
    ui.painter()
        .rect_stroke(response.rect, radius::ROW, stroke, kind);
    if let Some(error) = words.error {
        label(ui, error, font::secondary(), palette.danger);
    }
    response
}
