//! The emoji picker: for what is written, or to react to a message.

use alloquy_ids::EventId;
use egui::text::TextFormat;
use egui::{Id, Key, Modifiers, Rect, Role, ScrollArea, Sense, TextEdit, Ui, Vec2, WidgetInfo};
use emojis::{Emoji, Group};
use lucide_icons::Icon;

use crate::action::Action;
use crate::state::Slot;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::views::composer::best;
use crate::widgets::{Sheet, focus_ring, icon_button, line, sheet};
use crate::words::say;

/// Emoji in a row, where there is room.
const COLUMNS: usize = 9;
/// Side of the square of an emoji.
const CELL: f32 = 40.0;
/// Height of a heading.
const HEADING: f32 = 28.0;
/// Height of the grid.
const GRID_HEIGHT: f32 = 320.0;
/// Emoji that a search finds at most: what fits less is not meant.
const FOUND_MAX: usize = 90;

/// Emoji in a row of what room there is.
fn columns(ui: &Ui) -> usize {
    ((ui.available_width() / CELL) as usize).clamp(1, COLUMNS)
}

/// Emoji under a heading.
struct Section {
    name: &'static str,
    icon: Icon,
    emoji: Vec<&'static Emoji>,
}

/// Shows the picker; gives `true` when it is to be closed.
pub(in crate::views) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    slot: Slot,
    message: Option<EventId>,
) -> bool {
    let title = match message {
        Some(_) => say::react(),
        None => say::emoji(),
    };
    let words = Sheet {
        title,
        width: COLUMNS as f32 * CELL + 56.0,
    };
    sheet(ui, words, |ui| {
        let sections = sections(view);
        let entered = search(view, ui, &sections);
        let picked = grid(view, ui, &sections).or(entered);
        if let Some(emoji) = picked {
            let emoji = emoji.as_str().to_owned();
            view.act(match message {
                Some(message) => Action::ToggleReaction(slot.channel, message, emoji),
                None => Action::Insert(slot, emoji),
            });
        }
    })
}

fn sections(view: &View<'_>) -> Vec<Section> {
    let typed = view.state.forms.emoji.trim();
    if !typed.is_empty() {
        let names = emojis::iter()
            .filter(|emoji| is_drawn(emoji))
            .flat_map(|emoji| {
                let codes = emoji.shortcodes().map(move |code| (emoji, code));
                codes.chain([(emoji, emoji.name())])
            });
        let mut emoji: Vec<&Emoji> = Vec::new();
        for found in best(typed, names, 2 * FOUND_MAX) {
            if !emoji.contains(&found) && emoji.len() < FOUND_MAX {
                emoji.push(found);
            }
        }
        return vec![Section {
            name: say::emoji_found(),
            icon: Icon::Search,
            emoji,
        }];
    }
    let recent = view.state.settings.recent_emoji.iter();
    let recent: Vec<&Emoji> = recent.filter_map(|emoji| emojis::get(emoji)).collect();
    let first = (!recent.is_empty()).then_some(Section {
        name: say::emoji_recent(),
        icon: Icon::Clock,
        emoji: recent,
    });
    let groups = Group::iter().map(|group| {
        let (name, icon) = match group {
            Group::SmileysAndEmotion => (say::emoji_smileys(), Icon::Smile),
            Group::PeopleAndBody => (say::people(), Icon::Hand),
            Group::AnimalsAndNature => (say::emoji_nature(), Icon::Leaf),
            Group::FoodAndDrink => (say::emoji_food(), Icon::Apple),
            Group::TravelAndPlaces => (say::emoji_travel(), Icon::Car),
            Group::Activities => (say::emoji_activities(), Icon::Trophy),
            Group::Objects => (say::emoji_objects(), Icon::Lightbulb),
            Group::Symbols => (say::emoji_symbols(), Icon::Heart),
            Group::Flags => (say::emoji_flags(), Icon::Flag),
        };
        Section {
            name,
            icon,
            emoji: group.emojis().filter(|emoji| is_drawn(emoji)).collect(),
        }
    });
    first.into_iter().chain(groups).collect()
}

/// Whether the bundled font has it: its drawings end with Unicode 15.
fn is_drawn(emoji: &Emoji) -> bool {
    emoji.unicode_version() < emojis::UnicodeVersion::new(15, 1)
}

/// The field, and the keys that move the choice; gives what Enter picks.
fn search(view: &mut View<'_>, ui: &mut Ui, sections: &[Section]) -> Option<&'static Emoji> {
    let palette = theme::palette(ui);
    let all: Vec<&'static Emoji> = sections
        .iter()
        .flat_map(|section| section.emoji.iter().copied())
        .collect();
    let last = all.len().saturating_sub(1);
    let columns = columns(ui);
    let pressed = |key: Key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let forms = &mut view.state.forms;
    for (key, forward, by) in [
        (Key::ArrowRight, true, 1),
        (Key::ArrowLeft, false, 1),
        (Key::ArrowDown, true, columns),
        (Key::ArrowUp, false, columns),
    ] {
        if pressed(key) {
            forms.emoji_at = match forward {
                true => (forms.emoji_at + by).min(last),
                false => forms.emoji_at.saturating_sub(by),
            };
            ui.memory_mut(|memory| memory.data.insert_temp(moved(), true));
        }
    }
    let picked = pressed(Key::Enter).then(|| all.get(forms.emoji_at).copied());
    let id = Id::unique("emoji search");
    let response = ui.add(
        TextEdit::singleline(&mut forms.emoji)
            .id(id)
            .hint_text(say::search())
            .font(font::message())
            .text_color(palette.text_strong)
            .background_color(palette.field)
            .margin(egui::Margin::symmetric(12, 9))
            .desired_width(f32::INFINITY),
    );
    ui.ctx()
        .accesskit_node_builder(id, |node| node.set_label(say::emoji_search()));
    focus_ring(ui, response.rect, radius::ROW, response.has_focus());
    if response.changed() {
        forms.emoji_at = 0;
    }
    if ui.memory(|memory| memory.focused()).is_none() {
        response.request_focus();
    }
    picked.flatten()
}

/// Where it is noted that the choice moved by a key, and is to be scrolled to.
fn moved() -> Id {
    Id::unique("emoji choice moved")
}

fn grid(view: &mut View<'_>, ui: &mut Ui, sections: &[Section]) -> Option<&'static Emoji> {
    let palette = theme::palette(ui);
    let mut jump = None;
    if sections.len() > 1 {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            let mut first = 0;
            for section in sections {
                if icon_button(ui, section.icon, section.name, false).clicked() {
                    jump = Some(first);
                }
                first += section.emoji.len();
            }
        });
    }
    if let Some(first) = jump {
        view.state.forms.emoji_at = first;
    }
    let moved_by_key = ui.memory_mut(|memory| memory.data.remove_temp::<bool>(moved()));
    let show_choice = jump.is_some() || moved_by_key.is_some();
    if sections.iter().all(|section| section.emoji.is_empty()) {
        let words = say::emoji_none();
        crate::widgets::label(ui, words, font::secondary(), palette.text_dim);
        return None;
    }
    let mut picked = None;
    let (width, columns) = (ui.available_width(), columns(ui));
    ScrollArea::vertical()
        .id_salt("emoji grid")
        .max_height(GRID_HEIGHT)
        .auto_shrink([false, false])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing = Vec2::ZERO;
            let mut number = 0;
            for section in sections {
                let size = Vec2::new(width, HEADING);
                let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                if ui.is_rect_visible(rect) {
                    let galley = line(ui, section.name, font::meta(), palette.text_dim, width);
                    let at = egui::pos2(rect.left() + space::XS, rect.center().y - 8.0);
                    ui.painter().galley(at, galley, palette.text_dim);
                }
                let rows = section.emoji.len().div_ceil(columns);
                let size = Vec2::new(width, rows as f32 * CELL);
                let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                for (place, emoji) in section.emoji.iter().enumerate() {
                    let at = Vec2::new((place % columns) as f32, (place / columns) as f32) * CELL;
                    let cell = Rect::from_min_size(rect.min + at, Vec2::splat(CELL));
                    let chosen = number + place == view.state.forms.emoji_at;
                    if chosen && show_choice {
                        ui.scroll_to_rect(cell, None);
                    }
                    if ui.is_rect_visible(cell) && square(ui, cell, emoji, chosen) {
                        picked = Some(*emoji);
                    }
                }
                number += section.emoji.len();
            }
        });
    picked
}

/// The square of an emoji; gives whether it was clicked. The keyboard's focus stays in the field.
fn square(ui: &Ui, cell: Rect, emoji: &'static Emoji, chosen: bool) -> bool {
    let palette = theme::palette(ui);
    let id = ui
        .scope_id()
        .with(("emoji", emoji.as_str(), cell.top() as i32));
    let response = ui.interact(cell, id, Sense::CLICK);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, emoji.name()));
    if chosen || response.hovered() {
        ui.painter().rect_filled(cell, radius::ROW, palette.active);
    }
    let format = TextFormat::simple(font::emoji_choice(), palette.text);
    let job = text::job(emoji.as_str(), &format);
    let galley = ui.ctx().fonts_mut(|fonts| fonts.layout_job(job));
    let at = cell.center() - galley.size() / 2.0;
    ui.painter().galley(at, galley, palette.text);
    focus_ring(ui, cell, radius::ROW, chosen);
    let code = emoji.shortcode().unwrap_or(emoji.name());
    let response = response.on_hover_text(format!(":{code}:"));
    response.clicked()
}
