//! The sheet of shortcuts, made from the table of actions.

use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use crate::action::{ActionKind, Reach};
use crate::theme::{self, font, radius, space};
use crate::widgets::{Sheet, lines, section, sheet};
use crate::words::say;

pub(super) fn show(ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::shortcuts(),
        width: 620.0,
    };
    sheet(ui, words, table)
}

/// All shortcuts: those that hold everywhere, those of a message, those while writing.
pub(super) fn table(ui: &mut Ui) {
    type Picks = fn(&Reach) -> bool;
    let groups: [(&str, Picks); 3] = [
        (say::shortcuts_everywhere(), |reach| {
            matches!(reach, Reach::Shortcut(..))
        }),
        (say::shortcuts_message(), |reach| {
            matches!(reach, Reach::MessageKey(_))
        }),
        (say::shortcuts_writing(), |reach| {
            matches!(reach, Reach::ComposerKey(_))
        }),
    ];
    ui.spacing_mut().item_spacing.y = 0.0;
    for (title, picks) in groups {
        section(ui, title);
        for kind in ActionKind::ALL {
            for reach in kind.reach().iter().filter(|reach| picks(reach)) {
                row(ui, *kind, reach);
            }
        }
        ui.add_space(space::M);
    }
    let palette = theme::palette(ui);
    let words = say::shortcuts_else();
    crate::widgets::label(ui, words, font::secondary(), palette.text_dim);
}

fn row(ui: &mut Ui, kind: ActionKind, reach: &Reach) {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let what = match reach {
        Reach::Shortcut(which, _) if !which.is_empty() => format!("{}: {which}", kind.label()),
        _ => kind.label().to_owned(),
    };
    let keys = reach.keys();
    let spoken = format!("{what}, {keys}");
    let font = font::meta();
    let galley = lines(ui, &keys, font, palette.text_strong, width * 0.45);
    let cap = galley.size() + Vec2::new(2.0 * space::S, space::XS);
    let room = width - cap.x - space::L;
    let words = lines(ui, &what, font::control(), palette.text, room);
    let height = words.size().y.max(cap.y) + space::S;
    let size = Vec2::new(width, height.max(theme::HIT_MIN));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    if response.hovered() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let cap = Rect::from_min_size(
        egui::pos2(rect.right() - cap.x, rect.center().y - cap.y / 2.0),
        cap,
    );
    ui.painter().rect_filled(cap, radius::CHIP, palette.active);
    ui.painter().galley(
        cap.center() - galley.size() / 2.0,
        galley,
        palette.text_strong,
    );
    let at = egui::pos2(
        rect.left() + space::S,
        rect.center().y - words.size().y / 2.0,
    );
    ui.painter().galley(at, words, palette.text);
}
