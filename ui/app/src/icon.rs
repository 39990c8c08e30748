//! The window's icon: two speech bubbles, one within the other, drawn by hand.

use eframe::egui::{Color32, IconData};

/// Pixels of a side: what docks show largest is 64.
const SIDE: u32 = 64;
/// The bubbles: centre and radius in pixels, and where the tail ends.
const BUBBLES: [(f32, f32, f32, (f32, f32)); 2] = [
    (28.0, 28.0, 22.0, (10.0, 58.0)),
    (40.0, 36.0, 15.0, (56.0, 58.0)),
];

/// The picture. The outer bubble is filled, the inner one is cut out of it and filled paler.
pub(crate) fn icon(fill: Color32, pale: Color32) -> IconData {
    let mut rgba = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let color = match (covers(&BUBBLES[0], x, y), covers(&BUBBLES[1], x, y)) {
                (_, true) => pale,
                (true, false) => fill,
                (false, false) => Color32::TRANSPARENT,
            };
            rgba.extend(color.to_srgba_unmultiplied());
        }
    }
    IconData {
        rgba,
        width: SIDE,
        height: SIDE,
    }
}

#[expect(clippy::cast_precision_loss, reason = "64 is exact")]
fn covers(bubble: &(f32, f32, f32, (f32, f32)), x: u32, y: u32) -> bool {
    let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
    let (cx, cy, radius, tail) = *bubble;
    let (dx, dy) = (x - cx, y - cy);
    if dx * dx + dy * dy <= radius * radius {
        return true;
    }
    // The tail narrows from half the radius at the centre to nothing at its end.
    let (tx, ty) = (tail.0 - cx, tail.1 - cy);
    let along = (dx * tx + dy * ty) / (tx * tx + ty * ty);
    let aside = (dx * ty - dy * tx).abs() / tx.hypot(ty);
    (0.0..=1.0).contains(&along) && aside <= (1.0 - along) * radius / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_has_every_pixel_and_shows_something() {
        let icon = icon(Color32::BLUE, Color32::WHITE);
        assert_eq!(icon.rgba.len(), 4 * 64 * 64);
        let drawn = icon.rgba.chunks(4).filter(|pixel| pixel[3] > 0).count();
        assert!((1000..3000).contains(&drawn), "{drawn}");
    }
}
