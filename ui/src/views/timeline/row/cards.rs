//! Previews of addresses under a message: title, host and description as its author gave them. Nothing is fetched.

use std::sync::Arc;

use alloquy_api::Embed;
use alloquy_api::reply::MessageView;
use egui::{Galley, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use super::Row;
use crate::action::Action;
use crate::text;
use crate::theme::{font, radius, space};
use crate::views::timeline::measure::{LEFT, Measured, RIGHT};
use crate::views::timeline::{Scene, TimelineState};
use crate::widgets::{focus_ring, line_in, lines_in};
use crate::words::say;

/// Greatest width of a card, in points: a line that is still easy to read.
const WIDTH_MAX: f32 = 480.0;
/// Width of the bar at its left side.
const BAR: f32 = 3.0;
/// Characters of a title and of a description that are shown: all that the limits of an embed allow.
const CHARS_MAX: usize = 512;
/// Characters of a host: those of a DNS name.
const HOST_CHARS_MAX: usize = 253;

/// A card that was laid out.
#[derive(Clone, Debug)]
pub(in crate::views::timeline) struct Card {
    /// From the row's corner.
    rect: Rect,
    host: Arc<Galley>,
    title: Arc<Galley>,
    description: Option<Arc<Galley>>,
}

/// Who answers at an address: what stands between its scheme, whatever a user is called there, and its path.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// Lays out the cards of a message at the end of its row so far.
pub(in crate::views::timeline) fn lay_out(
    row: &mut Measured,
    message: &MessageView,
    scene: &Scene<'_>,
) {
    if !scene.previews {
        return;
    }
    let palette = scene.palette;
    let outer = (scene.width - LEFT - RIGHT).clamp(80.0, WIDTH_MAX);
    let inner = outer - BAR - 2.0 * space::M;
    for embed in &message.embeds {
        let words = text::name(&text::clean(host(&embed.url), HOST_CHARS_MAX));
        let host = line_in(&scene.ctx, &words, font::meta(), palette.text_dim, inner);
        let laid = |words: &str, font, color| {
            lines_in(
                &scene.ctx,
                &text::clean(words, CHARS_MAX),
                font,
                color,
                inner,
            )
        };
        let title = laid(&embed.title, font::control_strong(), palette.accent_text);
        let description = (!embed.description.is_empty())
            .then(|| laid(&embed.description, font::secondary(), palette.text));
        let below = description
            .as_ref()
            .map_or(0.0, |galley| galley.size().y + space::XS);
        let height = host.size().y + title.size().y + below + 2.0 * space::S;
        let corner = Pos2::new(LEFT, row.height + space::XS);
        row.cards.push(Card {
            rect: Rect::from_min_size(corner, Vec2::new(outer, height)),
            host,
            title,
            description,
        });
        row.height += height + space::XS;
    }
}

/// Paints the cards; each opens its address as a link in a text does.
pub(super) fn paint(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    for (number, (card, embed)) in row.measured.cards.iter().zip(&view.embeds).enumerate() {
        let rect = card.rect.translate(row.rect.min.to_vec2());
        if !ui.is_rect_visible(rect) {
            continue;
        }
        let id = ui.scope_id().with(("card", view.id, number));
        let response = ui.interact(rect, id, Sense::click());
        let label = spoken(embed);
        response.widget_info(|| WidgetInfo::labeled(Role::Link, true, label.clone()));
        face(card, rect, response.hovered(), scene, ui);
        focus_ring(ui, rect, radius::ROW, response.has_focus());
        let response = response
            .on_hover_cursor(egui::CursorIcon::PointingHand)
            .on_hover_text(text::clean(&embed.url, 300));
        if response.clicked() && !state.has_dragged {
            state.act(Action::OpenLink(embed.url.clone()));
        }
    }
}

/// What is read out for a card.
fn spoken(embed: &Embed) -> String {
    let (title, host) = (
        text::clean(&embed.title, CHARS_MAX),
        text::clean(host(&embed.url), HOST_CHARS_MAX),
    );
    match embed.description.is_empty() {
        true => say::preview_spoken(title, host),
        false => {
            let description = text::clean(&embed.description, CHARS_MAX);
            say::preview_spoken_description(title, host, description)
        }
    }
}

fn face(card: &Card, rect: Rect, hovered: bool, scene: &Scene<'_>, ui: &Ui) {
    let palette = scene.palette;
    let painter = ui.painter();
    let fill = if hovered {
        palette.hover
    } else {
        palette.raised
    };
    painter.rect_filled(rect, radius::ROW, fill);
    let stroke = Stroke::new(1.0, palette.line);
    painter.rect_stroke(rect, radius::ROW, stroke, StrokeKind::Inside);
    let bar = Rect::from_min_size(rect.min, Vec2::new(BAR, rect.height()));
    painter.rect_filled(bar, 1, palette.active);
    let mut at = rect.min + Vec2::new(BAR + space::M, space::S);
    painter.galley(at, Arc::clone(&card.host), palette.text_dim);
    at.y += card.host.size().y;
    painter.galley(at, Arc::clone(&card.title), palette.accent_text);
    at.y += card.title.size().y + space::XS;
    if let Some(description) = &card.description {
        painter.galley(at, Arc::clone(description), palette.text);
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_is_who_answers_and_nobody_else() {
        for (url, named) in [
            ("https://example.org/a?b#c", "example.org"),
            ("http://example.org", "example.org"),
            ("https://example.org:8443/", "example.org:8443"),
            ("https://bank.example@evil.example/", "evil.example"),
            ("https://a@b@evil.example?x@y", "evil.example"),
            ("https://evil.example#@bank.example/", "evil.example"),
            ("https://evil.example\\@bank.example/", "evil.example"),
        ] {
            assert_eq!(host(url), named, "{url}");
        }
    }
}
