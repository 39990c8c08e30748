//! Twelve fields for the words of the recovery kit: completed from the list, and filled at once by a paste.

use egui::{Id, Key, TextEdit, Ui, Vec2};

use super::View;
use crate::state::{RECOVERY_WORDS, tidy};
use crate::theme::{self, font, radius, space};
use crate::widgets::{Tone, button, label};
use crate::words::say;

/// Letters by which a word of the list is the only one (BIP-39: the first four).
const LETTERS_UNIQUE: usize = 4;
/// Words that are offered while one is typed.
const OFFERED_MAX: usize = 4;
/// Width of a field, in points.
const FIELD_MIN: f32 = 118.0;

/// Words of the list with this beginning.
fn beginning_with(letters: &str) -> &'static [&'static str] {
    let list = bip39::Language::English.word_list();
    let from = list.partition_point(|word| *word < letters);
    let found = list[from..].iter();
    let count = found.take_while(|word| word.starts_with(letters)).count();
    &list[from..from + count]
}

/// The word that is meant by what was typed: itself, or the only one with these letters.
fn meant(typed: &str) -> Option<&'static str> {
    let typed = tidy(typed);
    let found = beginning_with(&typed);
    let first = *found.first()?;
    let only = typed.chars().count() >= LETTERS_UNIQUE && found.len() == 1;
    (first == typed || only).then_some(first)
}

/// Puts several words, pasted or typed into one field, into it and those after it; gives the place after them.
fn spread(words: &mut [String; RECOVERY_WORDS], from: usize) -> usize {
    let text = std::mem::take(&mut words[from]);
    let mut at = from;
    // As kits are printed: "1. abandon 2. ability", or with commas.
    let parts = text.split(|c: char| c.is_whitespace() || c == ',');
    for part in parts {
        let word = part.trim_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ':');
        if word.is_empty() || at >= RECOVERY_WORDS {
            continue;
        }
        words[at] = tidy(word);
        at += 1;
    }
    at
}

fn id_of(place: usize) -> Id {
    Id::unique(("recovery word", place))
}

/// The fields.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let room = ui.available_width();
    let fit = ((room + space::S) / (FIELD_MIN + space::S)).floor() as usize;
    let columns = fit.clamp(1, 3);
    let width = (room - (columns - 1) as f32 * space::S) / columns as f32;
    let mut go_to = None;
    let mut typing = None;
    for row in 0..RECOVERY_WORDS.div_ceil(columns) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            let places = row * columns..((row + 1) * columns).min(RECOVERY_WORDS);
            for place in places {
                let words = &mut view.state.personal.words;
                let (focused, next) = one(ui, words, place, width);
                typing = focused.then_some(place).or(typing);
                go_to = next.or(go_to);
            }
        });
    }
    let words = &mut view.state.personal.words;
    if let Some(place) = typing {
        go_to = offers(ui, words, place).or(go_to);
    }
    wrong(ui, words);
    if let Some(place) = go_to {
        let last = place.min(RECOVERY_WORDS - 1);
        ui.memory_mut(|memory| memory.request_focus(id_of(last)));
        ui.ctx().request_repaint();
    }
}

/// One field; whether it has the focus, and where the focus goes.
fn one(
    ui: &mut Ui,
    words: &mut [String; RECOVERY_WORDS],
    place: usize,
    width: f32,
) -> (bool, Option<usize>) {
    let palette = theme::palette(ui);
    let name = say::recovery_word(u8::try_from(place + 1).unwrap_or(u8::MAX));
    let hint = egui::RichText::new((place + 1).to_string())
        .font(font::code())
        .color(palette.text_faint);
    let edit = TextEdit::singleline(&mut words[place])
        .id(id_of(place))
        .hint_text(hint)
        .font(font::code())
        .text_color(palette.text_strong)
        .background_color(palette.field)
        .margin(egui::Margin::symmetric(10, 9))
        .desired_width(width - 20.0);
    let response = ui.add_sized(Vec2::new(width, 36.0), edit);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_label(name);
    });
    let is_wrong =
        !words[place].trim().is_empty() && beginning_with(&tidy(&words[place])).is_empty();
    let stroke = match (is_wrong, response.has_focus()) {
        (true, _) => egui::Stroke::new(1.0, palette.danger),
        (false, true) => theme::focus_ring(palette),
        (false, false) => egui::Stroke::new(1.0, palette.line),
    };
    let kind = egui::StrokeKind::Inside;
    ui.painter()
        .rect_stroke(response.rect, radius::ROW, stroke, kind);
    let mut next = None;
    if response.changed() && words[place].contains(|c: char| c.is_whitespace() || c == ',') {
        next = Some(spread(words, place).max(place));
    }
    if response.lost_focus() {
        if let Some(word) = meant(&words[place]) {
            word.clone_into(&mut words[place]);
        }
        if ui.input(|input| input.key_pressed(Key::Enter)) && place + 1 < RECOVERY_WORDS {
            next = Some(place + 1);
        }
    }
    (response.has_focus(), next)
}

/// Words of the list that the letters in a field may become; the place of the field after a chosen one.
fn offers(ui: &mut Ui, words: &mut [String; RECOVERY_WORDS], place: usize) -> Option<usize> {
    let typed = tidy(&words[place]);
    let found = beginning_with(&typed);
    if typed.chars().count() < 2 || found.len() > 40 || found == [typed.as_str()] {
        return None;
    }
    let mut next = None;
    ui.horizontal_wrapped(|ui| {
        for word in found.iter().take(OFFERED_MAX) {
            if button(ui, Tone::Plain, word, Ok(())).clicked() {
                (*word).clone_into(&mut words[place]);
                next = Some(place + 1);
            }
        }
    });
    next
}

/// Which words are none of the list.
fn wrong(ui: &mut Ui, words: &[String; RECOVERY_WORDS]) {
    let none = |word: &&String| {
        let word = tidy(word);
        !word.is_empty() && beginning_with(&word).is_empty()
    };
    let Some(at) = words.iter().position(|word| none(&word)) else {
        return;
    };
    let palette = theme::palette(ui);
    let word = crate::text::clean(&words[at], 24);
    let told = label(
        ui,
        &say::recovery_no_word(word, at + 1),
        font::secondary(),
        palette.danger,
    );
    ui.ctx().accesskit_node_builder(told.id, |node| {
        node.set_live(egui::accesskit::Live::Polite);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_letters_are_enough_for_a_word_and_a_short_word_is_itself() {
        assert_eq!(meant("aban"), Some("abandon"));
        assert_eq!(meant(" ABILITY "), Some("ability"));
        assert_eq!(meant("ab"), None);
        assert_eq!(meant("act"), Some("act"), "though action begins so, too");
        assert_eq!(meant("zzzz"), None);
        assert!(beginning_with("zzzz").is_empty());
        assert_eq!(beginning_with("").len(), 2048);
    }

    #[test]
    fn all_words_are_pasted_at_once_as_kits_are_printed() {
        let mut words: [String; RECOVERY_WORDS] = Default::default();
        words[0] = "1. Abandon 2. ability,able\nabout above absent absorb abstract absurd abuse access accident more".to_owned();
        assert_eq!(spread(&mut words, 0), RECOVERY_WORDS);
        assert_eq!(words[0], "abandon");
        assert_eq!(words[1], "ability");
        assert_eq!(words[11], "accident");
        words[3] = "x ".to_owned();
        assert_eq!(spread(&mut words, 3), 4);
        assert_eq!((words[3].as_str(), words[4].as_str()), ("x", "above"));
    }
}
