//! Comparing words: whether nobody stands between two people.

use alloquy_api::personal::PersonalCommand;
use alloquy_ids::AccountId;
use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use super::{fault, order};
use crate::action::Action;
use crate::state::{Overlay, Safety, account_ref};
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Sheet, Tone, Weight, button, keyed_sheet, label, line, notice, qr, refocus, under_way,
    wide_button,
};
use crate::words::say;

/// Side of the code, in points: it is scanned from a screen held beside this one.
const QR_SIDE: f32 = 168.0;
/// Width of a word, in points.
const WORD_MIN: f32 = 130.0;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, account: AccountId) -> bool {
    let title = say::verify_title(view.model.name_of(account));
    let words = Sheet {
        title: &title,
        width: 560.0,
    };
    keyed_sheet(ui, "verify", words, |ui| {
        let on = Overlay::Verify(account);
        fault(view, ui, &on);
        let safety = view.state.personal.safety.clone();
        match safety.filter(|safety| safety.account == account) {
            Some(_) if view.state.personal.differs => different(view, ui, account),
            Some(safety) => compare(view, ui, &safety),
            None if view.state.personal.fault.is_some() => {}
            None => {
                refocus(ui);
                under_way(ui, say::verify_making());
            }
        }
    })
}

fn compare(view: &mut View<'_>, ui: &mut Ui, safety: &Safety) {
    let palette = theme::palette(ui);
    let name = view.model.name_of(safety.account);
    if safety.verified {
        notice(ui, Weight::Info, &say::verify_done(&name));
    }
    let about = say::verify_about(&name);
    label(ui, &about, font::message(), palette.text);
    ui.add_space(space::XS);
    grid(ui, &safety.words);
    ui.add_space(space::S);
    let side = QR_SIDE.min(ui.available_width());
    let picture = say::verify_picture();
    let text = safety.code.clone();
    qr(
        ui,
        &mut view.state.qr,
        (&text, picture),
        (side, say::verify_scan()),
    );
    ui.add_space(space::S);
    if wide_button(ui, Tone::Primary, say::verify_match(), Ok(())).clicked() {
        let account = account_ref(safety.account);
        let confirmed = true;
        order(view, PersonalCommand::Verify { account, confirmed });
    }
    if wide_button(ui, Tone::Plain, say::verify_differ(), Ok(())).clicked() {
        view.state.personal.differs = true;
        refocus(ui);
        ui.ctx().request_repaint();
    }
}

/// What to do when they differ.
fn different(view: &mut View<'_>, ui: &mut Ui, account: AccountId) {
    let palette = theme::palette(ui);
    let name = view.model.name_of(account);
    notice(ui, Weight::Bad, &say::differ_what(&name));
    for step in [
        say::differ_first(),
        say::differ_second(),
        say::differ_third(),
    ] {
        label(ui, step, font::message(), palette.text);
    }
    ui.add_space(space::S);
    ui.horizontal_wrapped(|ui| {
        if button(ui, Tone::Primary, say::differ_again(), Ok(())).clicked() {
            view.state.personal.differs = false;
            refocus(ui);
            ui.ctx().request_repaint();
        }
        if button(ui, Tone::Plain, say::block_more(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::ConfirmBlock(account)));
        }
    });
}

/// The words in large type, three side by side where there is room.
fn grid(ui: &mut Ui, words: &[String]) {
    let palette = theme::palette(ui);
    let room = ui.available_width();
    let fit = ((room + space::S) / (WORD_MIN + space::S)).floor() as usize;
    let columns = fit.clamp(1, 3);
    let width = (room - (columns - 1) as f32 * space::S) / columns as f32;
    for (row, some) in words.chunks(columns).enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            for (column, word) in some.iter().enumerate() {
                let number = row * columns + column + 1;
                let size = Vec2::new(width, 44.0);
                let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
                let spoken = format!("{number}: {word}");
                response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
                ui.painter().rect_filled(rect, radius::ROW, palette.raised);
                paint(ui, rect, number, word);
            }
        });
    }
}

fn paint(ui: &Ui, rect: Rect, number: usize, word: &str) {
    let palette = theme::palette(ui);
    let middle = rect.center().y;
    let count = line(
        ui,
        &number.to_string(),
        font::meta(),
        palette.text_dim,
        24.0,
    );
    let at = egui::pos2(rect.left() + space::S, middle - count.size().y / 2.0);
    ui.painter().galley(at, count, palette.text_dim);
    let room = rect.width() - 34.0 - space::XS;
    let galley = line(ui, word, font::h1(), palette.text_strong, room);
    let at = egui::pos2(rect.left() + 34.0, middle - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_strong);
}
