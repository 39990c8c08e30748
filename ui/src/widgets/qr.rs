//! A text as a picture to scan.

use egui::{Color32, Mesh, Rect, Role, Sense, Ui, Vec2, WidgetInfo};
use qrcode::{EcLevel, QrCode};

use super::{Weight, label, notice};
use crate::theme::{self, font, radius};
use crate::words::say;

/// Modules left light around the code (ISO/IEC 18004, 5.3.8): cameras find it by them.
const QUIET: usize = 4;
/// The picture of a link, made anew only when the link changes.
#[derive(Debug, Default)]
pub(crate) struct QrPicture {
    of: String,
    /// Modules of a side, and which of them are dark; `None`: the link is too long for any code.
    modules: Option<(usize, Vec<bool>)>,
}

impl QrPicture {
    fn make(&mut self, link: &str) {
        if self.of == link {
            return;
        }
        link.clone_into(&mut self.of);
        // The lowest level of correction: on a screen nothing is scratched, and the link is long.
        let code = QrCode::with_error_correction_level(link, EcLevel::L).ok();
        self.modules = code.map(|code| (code.width(), dark(&code)));
    }
}

fn dark(code: &QrCode) -> Vec<bool> {
    let colors = code.to_colors();
    colors
        .into_iter()
        .map(|color| color == qrcode::Color::Dark)
        .collect()
}

/// A text as a picture of this side, with a name that is read out, and what to do with it below.
pub(crate) fn qr(
    ui: &mut Ui,
    made: &mut QrPicture,
    (text, name): (&str, &str),
    (side, hint): (f32, &str),
) {
    let palette = theme::palette(ui);
    made.make(text);
    if let Some((width, modules)) = &made.modules {
        ui.vertical_centered(|ui| {
            picture(ui, name, side, (*width, modules));
            label(ui, hint, font::secondary(), palette.text_dim);
        });
    } else {
        notice(ui, Weight::Info, say::link_no_picture());
    }
}

/// The code, dark on white in both themes: cameras expect that.
fn picture(ui: &mut Ui, name: &str, side: f32, (width, modules): (usize, &[bool])) {
    let scale = ui.ctx().pixels_per_point();
    let all = (width + 2 * QUIET) as f32;
    // Whole pixels, so that every module is as wide as the next.
    let module = ((side * scale / all).floor().max(1.0)) / scale;
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(module * all), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let snap = |value: f32| (value * scale).round() / scale;
    let origin = egui::pos2(snap(rect.left()), snap(rect.top()));
    let white = Rect::from_min_size(origin, rect.size());
    ui.painter()
        .rect_filled(white, radius::CARD, Color32::WHITE);
    let mut mesh = Mesh::default();
    for (y, row) in modules.chunks(width.max(1)).enumerate() {
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|dark| **dark).count();
            if run > 0 {
                let at = Vec2::new((x + QUIET) as f32, (y + QUIET) as f32) * module;
                let size = Vec2::new(run as f32, 1.0) * module;
                mesh.add_colored_rect(Rect::from_min_size(origin + at, size), Color32::BLACK);
            }
            x += run.max(1);
        }
    }
    ui.painter().add(mesh);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_link_has_a_picture_and_one_that_no_code_holds_has_none() {
        let mut picture = QrPicture::default();
        picture.make(&format!("alloquy://join/{}", "a".repeat(900)));
        let (width, modules) = picture.modules.as_ref().expect("2,953 bytes are the most");
        assert_eq!(modules.len(), width * width);
        // The three corners that a camera looks for are dark.
        assert!(modules[0] && modules[width - 1] && modules[width * (width - 1)]);
        picture.make(&format!("alloquy://join/{}", "a".repeat(3_000)));
        assert!(picture.modules.is_none());
    }
}
