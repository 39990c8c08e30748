//! Fields to type into.

use egui::{Response, TextEdit, Ui};

use super::label;
use crate::theme::{self, font, radius, space};
use crate::words::say;

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
    let edit = TextEdit::singleline(text).password(words.secret);
    shown(ui, edit, words)
}

/// A field on this many lines.
pub(crate) fn tall_field(
    ui: &mut Ui,
    text: &mut String,
    words: Field<'_>,
    rows: usize,
) -> Response {
    let edit = TextEdit::multiline(text).desired_rows(rows);
    shown(ui, edit, words)
}

fn shown(ui: &mut Ui, edit: TextEdit<'_>, words: Field<'_>) -> Response {
    let palette = theme::palette(ui);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        let name = label(ui, words.name, font::meta(), palette.text_dim);
        let hint = egui::RichText::new(words.hint)
            .font(font::message())
            .color(palette.text_faint);
        let edit = edit
            .id_salt(words.name)
            .hint_text(hint)
            .font(font::message())
            .text_color(palette.text_strong)
            .background_color(palette.field)
            .margin(egui::Margin::symmetric(12, 9))
            .desired_width(f32::INFINITY);
        let response = ui.add(edit).labelled_by(name.id);
        super::sheet::claim_focus(ui, &response);
        let stroke = match (words.error, response.has_focus()) {
            (Some(_), _) => egui::Stroke::new(1.0, palette.danger),
            (None, true) => theme::focus_ring(palette),
            (None, false) => egui::Stroke::new(1.0, palette.line),
        };
        let kind = egui::StrokeKind::Inside;
        ui.painter()
            .rect_stroke(response.rect, radius::ROW, stroke, kind);
        if let Some(error) = words.error {
            let told = label(ui, error, font::secondary(), palette.danger);
            ui.ctx().accesskit_node_builder(told.id, |node| {
                node.set_live(egui::accesskit::Live::Polite);
            });
        }
        ui.add_space(space::XS);
        response
    })
    .inner
}

/// Whether Enter was pressed in a field on one line; it gives the focus away at that.
pub(crate) fn entered(ui: &Ui, response: &Response) -> bool {
    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
}

/// Why a text does not fit, if it does not: what was typed stays, and the limit is told before it is sent.
pub(crate) fn over_limit(text: &str, bytes_max: usize) -> Option<String> {
    let bytes = text.trim().len();
    (bytes > bytes_max).then(|| {
        if text.is_ascii() {
            say::field_too_long(bytes, bytes_max)
        } else {
            say::field_too_long_letters(bytes, bytes_max)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_over_its_limit_says_both_numbers() {
        assert_eq!(over_limit(&"a".repeat(100), 100), None);
        let why = over_limit(&"a".repeat(101), 100).expect("one too many");
        assert!(why.contains("101") && why.contains("100"), "{why}");
        let why = over_limit(&"é".repeat(51), 100).expect("102 bytes");
        assert!(why.contains("102") && why.contains("letters"), "{why}");
    }
}
