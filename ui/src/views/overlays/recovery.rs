//! The recovery words: shown, then three asked back. They are read and written down, never copied.

use alloquy_ids::AccountId;
use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use crate::action::Action;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Field, Sheet, Tone, Weight, entered, field, label, line, link_button, notice, refocus, sheet,
    under_way, wide_button,
};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::recovery_title(),
        width: 520.0,
    };
    sheet(ui, words, |ui| {
        if view.state.forms.recovery.is_empty() {
            return waiting(view, ui);
        }
        match view.state.forms.recovery_asked.clone() {
            None => words_shown(view, ui),
            Some(asked) => asked_back(view, ui, asked),
        }
    })
}

fn waiting(view: &View<'_>, ui: &mut Ui) {
    if view.model.snapshot.recovery_pending {
        refocus(ui);
        return under_way(ui, say::recovery_opening());
    }
    let done = say::recovery_done();
    notice(ui, Weight::Info, done);
}

fn words_shown(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let about = say::recovery_about();
    label(ui, about, font::message(), palette.text);
    ui.add_space(space::S);
    grid(ui, &view.state.forms.recovery);
    ui.add_space(space::M);
    if wide_button(ui, Tone::Primary, say::recovery_written(), Ok(())).clicked() {
        let count = view.state.forms.recovery.len();
        let places = places(view.model.me(), view.state.forms.recovery_tries, count);
        view.state.forms.recovery_asked = Some(places.map(|place| (place, String::new())));
        view.state.forms.recovery_error = None;
        ui.ctx().request_repaint();
    }
    let why = say::recovery_next();
    label(ui, why, font::secondary(), palette.text_dim);
}

/// The words with their numbers, in three columns, or two where it is narrow.
fn grid(ui: &mut Ui, words: &[String]) {
    let palette = theme::palette(ui);
    let columns = if ui.available_width() < 360.0 { 2 } else { 3 };
    let width = (ui.available_width() - (columns - 1) as f32 * space::S) / columns as f32;
    for (row, some) in words.chunks(columns).enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            for (column, word) in some.iter().enumerate() {
                let number = row * columns + column + 1;
                let (rect, response) =
                    ui.allocate_exact_size(Vec2::new(width, 40.0), Sense::hover());
                let spoken = format!("{number}: {word}");
                response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
                ui.painter().rect_filled(rect, radius::ROW, palette.raised);
                numbered(ui, rect, number, word);
            }
        });
    }
}

fn numbered(ui: &Ui, rect: Rect, number: usize, word: &str) {
    let palette = theme::palette(ui);
    let count = line(
        ui,
        &number.to_string(),
        font::meta(),
        palette.text_dim,
        24.0,
    );
    let at = egui::pos2(
        rect.left() + 28.0 - count.size().x,
        rect.center().y - count.size().y / 2.0,
    );
    ui.painter().galley(at, count, palette.text_dim);
    let room = rect.width() - 44.0;
    let galley = line(ui, word, font::code(), palette.text_strong, room);
    let at = egui::pos2(rect.left() + 38.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_strong);
}

fn asked_back(view: &mut View<'_>, ui: &mut Ui, mut asked: [(u8, String); 3]) {
    let palette = theme::palette(ui);
    label(ui, say::recovery_which(), font::message(), palette.text);
    let mut enter = false;
    for (place, typed) in &mut asked {
        let name = say::recovery_word(*place);
        let words = Field {
            name: &name,
            hint: "",
            error: None,
            secret: false,
        };
        let response = field(ui, typed, words);
        enter |= entered(ui, &response);
    }
    view.state.forms.recovery_asked = Some(asked.clone());
    if let Some(why) = view.state.forms.recovery_error.clone() {
        notice(ui, Weight::Bad, &why);
    }
    let typed = asked.map(|(place, word)| (place, word.trim().to_lowercase()));
    let ready = if typed.iter().any(|(_, word)| word.is_empty()) {
        Err(say::recovery_all_three())
    } else {
        Ok(())
    };
    let pressed = wide_button(ui, Tone::Primary, say::recovery_confirm(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        view.act(Action::ConfirmRecovery(typed));
    }
    if link_button(ui, say::recovery_show_again()).clicked() {
        let forms = &mut view.state.forms;
        forms.recovery_asked = None;
        forms.recovery_error = None;
        forms.recovery_tries = forms.recovery_tries.wrapping_add(1);
        ui.ctx().request_repaint();
    }
}

/// Three different places from 1, in order, that differ by account and by try: no randomness is needed, only
/// that nobody knows them before the words were shown.
fn places(account: AccountId, tries: u8, count: usize) -> [u8; 3] {
    let bytes = account.as_bytes();
    let mut left: Vec<u8> = (1..=count.clamp(3, 24) as u8).collect();
    let mut places = [0; 3];
    for (nth, place) in places.iter_mut().enumerate() {
        let byte = bytes[(usize::from(tries) * 3 + nth) % bytes.len()];
        // Several tries may come around to the same bytes: the try itself counts too.
        let at = (usize::from(byte) + usize::from(tries)) % left.len();
        *place = left.remove(at);
    }
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_places_are_asked_and_others_after_another_try() {
        let account = AccountId(std::array::from_fn(|at| at as u8 * 7));
        let mut seen = std::collections::BTreeSet::new();
        for tries in 0..=255 {
            let asked = places(account, tries, 12);
            assert!(asked[0] < asked[1] && asked[1] < asked[2], "{asked:?}");
            assert!(asked[0] >= 1 && asked[2] <= 12, "{asked:?}");
            seen.insert(asked);
        }
        assert_ne!(places(account, 0, 12), places(account, 1, 12));
        assert!(seen.len() > 20, "{}", seen.len());
    }
}
