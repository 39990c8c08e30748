//! Previews of addresses under messages.

use std::sync::Arc;

use alloquy_api::Embed;
use alloquy_ui::state::{Overlay, SettingsPage};
use alloquy_ui::{Effect, Model};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{change_window, model, numbered, open};
use crate::sheets::opened;

fn embed(url: &str, title: &str, description: &str) -> Embed {
    Embed {
        url: url.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
    }
}

fn with(embeds: Vec<Embed>) -> Model {
    let mut model = model(numbered(0..4));
    change_window(&mut model, |window| {
        Arc::make_mut(&mut window.messages[2]).embeds = embeds;
    });
    model
}

#[test]
fn a_preview_is_a_card_that_opens_its_address() {
    let url = "https://user@example.org/path?query";
    let both = vec![
        embed(url, "An example", "What it says"),
        embed("http://b.example", "Two", ""),
    ];
    let mut harness = open(with(both));
    harness.get_by_label("Preview: Two, at b.example");
    let card = harness.get_by_label("Preview: An example, at example.org: What it says");
    card.click();
    harness.run();
    let opened: Vec<_> = harness
        .state()
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::OpenLink(_)))
        .cloned()
        .collect();
    assert_eq!(
        opened,
        [Effect::OpenLink(url.to_owned())],
        "as it is, and once"
    );
}

#[test]
fn a_card_stands_between_its_message_and_the_next_one_and_fits_a_narrow_window() {
    let long = vec![
        embed(
            &format!("https://{}.example/", "a".repeat(200)),
            "title ".repeat(42).trim_end(),
            &"w".repeat(512),
        );
        3
    ];
    let plain = open(with(Vec::new()));
    let harness = open(with(long));
    let top = |harness: &egui_kittest::Harness<'static, crate::fixture::World>, n: usize| {
        let text = numbered(0..4)[n].text.clone();
        harness.get_by_label_contains(&text).rect().top()
    };
    let grown = |harness: &_| top(harness, 3) - top(harness, 2);
    let cards: Vec<_> = harness
        .get_all_by_label_contains("Preview: title")
        .map(|card| card.rect())
        .collect();
    assert_eq!(cards.len(), 3);
    let height: f32 = cards.iter().map(|rect| rect.height()).sum();
    assert!(grown(&harness) >= grown(&plain) + height, "{cards:?}");
    for (card, next) in cards.iter().zip(&cards[1..]) {
        assert!(card.bottom() <= next.top(), "{cards:?}");
    }
}

#[test]
fn what_could_harm_the_window_is_not_shown() {
    let harness = open(with(vec![embed(
        "https://a.example",
        "a\u{202e}b",
        "c\u{202e}d",
    )]));
    let card = harness.get_by_label_contains("Preview: ");
    assert!(!format!("{:?}", card.accesskit_node().label()).contains('\u{202e}'));
}

#[test]
fn previews_are_hidden_by_a_switch_that_is_kept() {
    let page = Overlay::Settings(SettingsPage::Appearance);
    let mut harness = opened(with(vec![embed("https://a.example", "A", "")]), page);
    harness.get_by_label("Show previews of links").click();
    harness.run();
    let settings = harness.state().state.settings.clone();
    assert!(!settings.previews);
    let kept = alloquy_ui::settings::Settings::from_kept(&settings.to_kept());
    assert!(!kept.previews, "over a restart");
    let shown = |previews: bool| {
        let mut harness = open(with(vec![embed("https://a.example", "A", "")]));
        harness.state_mut().state.settings.previews = previews;
        harness.run();
        harness.query_by_label("Preview: A, at a.example").is_some()
    };
    assert!(shown(true));
    assert!(!shown(false));
}
