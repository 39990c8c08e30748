//! A value between two ends: chosen by a slider, or told by a meter.

use std::ops::RangeInclusive;

use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use super::{focus_ring, label, line};
use crate::theme::{self, font, radius, space};

/// Height of a slider and of a meter's ground, in points.
const HEIGHT: f32 = 24.0;
/// Width of the value beside a slider, in points: "400 %" at most.
const VALUE: f32 = 52.0;

/// What a slider is about.
#[derive(Clone, Debug)]
pub(crate) struct Slide<'a> {
    /// Its name, read out.
    pub(crate) name: &'a str,
    /// Whether its name stands above it.
    pub(crate) named: bool,
    /// From where to where, percent.
    pub(crate) range: RangeInclusive<u32>,
    /// How far one press of a key goes.
    pub(crate) step: u32,
}

/// A slider of percents over the whole width, with its value beside it. Gives the value that was chosen, once: when the
/// pointer lets go, or a key is pressed. Names need not be unique: the scope has to be.
pub(crate) fn slider(ui: &mut Ui, words: Slide<'_>, value: u32) -> Option<u32> {
    let palette = theme::palette(ui);
    if words.named {
        label(ui, words.name, font::meta(), palette.text_dim);
    }
    let held = ui
        .scope_id()
        .with("what is held of a slider")
        .with(words.name);
    let mut shown = ui.data(|data| data.get_temp::<u32>(held)).unwrap_or(value);
    let response = ui.horizontal(|ui| {
        let width = (ui.available_width() - VALUE - space::S).max(60.0);
        let response = rail(ui, &words, &mut shown, width);
        let percent = format!("{shown} %");
        let galley = line(ui, &percent, font::control(), palette.text, VALUE);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(VALUE, HEIGHT), Sense::hover());
        let at = egui::pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, palette.text);
        response
    });
    let response = response.inner;
    ui.data_mut(|data| {
        if response.dragged() {
            data.insert_temp(held, shown);
        } else {
            data.remove::<u32>(held);
        }
    });
    let done = !response.dragged() && shown != value;
    done.then_some(shown)
}

fn rail(ui: &mut Ui, words: &Slide<'_>, shown: &mut u32, width: f32) -> egui::Response {
    let palette = theme::palette(ui);
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = HEIGHT;
        ui.spacing_mut().slider_width = width;
        let visuals = ui.visuals_mut();
        visuals.widgets.inactive.bg_fill = palette.active;
        visuals.selection.bg_fill = palette.accent;
        for state in [
            &mut visuals.widgets.inactive,
            &mut visuals.widgets.hovered,
            &mut visuals.widgets.active,
        ] {
            state.fg_stroke.color = palette.accent_text;
        }
        let slider = egui::Slider::new(shown, words.range.clone())
            .step_by(f64::from(words.step))
            .show_value(false)
            .trailing_fill(true);
        let response = ui.add(slider);
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_label(words.name);
        });
        focus_ring(ui, response.rect, radius::ROW, response.has_focus());
        response
    })
    .inner
}

/// How loud something is, decibels over full scale from `floor` to 0, as a bar over the whole width; `None`: not known.
pub(crate) fn meter(ui: &mut Ui, name: &str, level_db: Option<i8>, floor: i8) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), HEIGHT / 2.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let level = level_db.unwrap_or(floor).clamp(floor, 0);
    response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, name));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_numeric_value(f64::from(level));
        node.set_min_numeric_value(f64::from(floor));
        node.set_max_numeric_value(0.0);
    });
    ui.painter().rect_filled(rect, radius::CHIP, palette.active);
    let share = 1.0 - f32::from(level) / f32::from(floor);
    // So loud that the peaks of a voice are cut: 3 dB of room are left.
    let color = if level >= -3 {
        palette.danger
    } else {
        palette.ok
    };
    let filled = Rect::from_min_size(rect.min, Vec2::new(rect.width() * share, rect.height()));
    ui.painter().rect_filled(filled, radius::CHIP, color);
}
