//! Round pictures of people, rounded ones of communities, and presence by shape and colour.

use egui::{Color32, CornerRadius, Pos2, Rect, Stroke, Ui, Vec2};

use alloquy_api::command::Availability;

use super::line;
use crate::theme::{self, font};
use crate::words::say;
use crate::{fonts, text};

/// How somebody is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Seen online, like this.
    Online(Availability),
    /// Not seen.
    Offline,
}

impl Presence {
    /// The presence of a member.
    pub(crate) fn of(member: &alloquy_api::reply::MemberView) -> Self {
        match member.availability {
            Some(availability) => Self::Online(availability),
            None if member.online => Self::Online(Availability::Online),
            None => Self::Offline,
        }
    }

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Online(Availability::Online) => say::presence_online(),
            Self::Online(Availability::Idle) => say::presence_idle(),
            Self::Online(Availability::Dnd) => say::presence_dnd(),
            Self::Online(Availability::Invisible) | Self::Offline => say::presence_offline(),
        }
    }
}

/// A circle with the initials of a name, in the colour of the account.
pub(crate) fn avatar(ui: &Ui, rect: Rect, key: &[u8; 32], name: &str) {
    let dark = ui.visuals().dark_mode;
    let fill = theme::name_color(dark, key);
    ui.painter()
        .circle_filled(rect.center(), rect.width() / 2.0, fill);
    let ink = if dark {
        Color32::from_rgb(0x14, 0x17, 0x1d)
    } else {
        Color32::WHITE
    };
    let letters = text::initials(name);
    let size = (rect.width() * 0.4).round();
    let font = egui::FontId::new(size, fonts::semibold());
    let galley = line(ui, &letters, font, ink, rect.width());
    ui.painter()
        .galley(rect.center() - galley.size() / 2.0, galley, ink);
}

/// A small sign of presence, standing out of a surface: a disc, a sickle, a bar or a ring.
pub(crate) fn presence_dot(ui: &Ui, at: Pos2, presence: Presence, surface: Color32) {
    let palette = theme::palette(ui);
    let paint = ui.painter();
    paint.circle_filled(at, 7.0, surface);
    match presence {
        Presence::Online(Availability::Online) => {
            paint.circle_filled(at, 5.0, palette.ok);
        }
        Presence::Online(Availability::Idle) => {
            paint.circle_filled(at, 5.0, palette.warn);
            paint.circle_filled(at - Vec2::splat(2.5), 3.6, surface);
        }
        Presence::Online(Availability::Dnd) => {
            paint.circle_filled(at, 5.0, palette.danger);
            let bar = Rect::from_center_size(at, Vec2::new(6.0, 2.0));
            paint.rect_filled(bar, 1, surface);
        }
        Presence::Online(Availability::Invisible) | Presence::Offline => {
            paint.circle_stroke(at, 4.0, Stroke::new(2.0, palette.text_faint));
        }
    }
}

/// The square of a community: its picture, or the initials of its name.
pub(crate) fn community_icon(
    ui: &Ui,
    rect: Rect,
    name: &str,
    picture: Option<&egui::TextureHandle>,
    lit: bool,
) {
    let palette = theme::palette(ui);
    let rounding = CornerRadius::same(if lit { 14 } else { 20 });
    if let Some(picture) = picture {
        let image = egui::Image::from_texture(picture).corner_radius(rounding);
        image.paint_at(ui, rect);
        return;
    }
    let (fill, ink) = if lit {
        (palette.accent, palette.on_accent)
    } else {
        (palette.raised, palette.text_strong)
    };
    ui.painter().rect_filled(rect, rounding, fill);
    let letters = text::initials(name);
    let galley = line(ui, &letters, font::title(), ink, rect.width());
    ui.painter()
        .galley(rect.center() - galley.size() / 2.0, galley, ink);
}
