//! What messages look like to those who do not see them, and what can be clicked in them.

use alloquy_ui::Effect;
use egui_kittest::kittest::Queryable;

use crate::fixture::{DESIGN, message, model, open};

#[test]
fn a_spoiler_can_not_be_read_until_it_is_uncovered() {
    let mut harness = open(model([message(3, "it was ||the gardener||")]));
    harness.get_by_label("tomasz, 11:10: it was (spoiler) (spoiler)");
    assert!(harness.query_by_label_contains("gardener").is_none());
    harness
        .get_all_by_label("Show the spoiler")
        .next()
        .unwrap()
        .click();
    harness.run();
    harness.get_by_label("tomasz, 11:10: it was the gardener");
}

#[test]
fn only_what_is_safe_opens_in_the_browser() {
    let text =
        "https://a.example/x [b](https://b.example) [c](file:///etc/passwd) [d](javascript:1)";
    let mut harness = open(model([message(3, text)]));
    harness.get_by_label("https://a.example/x").click();
    harness.run();
    harness.get_by_label("b").click();
    harness.run();
    assert!(harness.query_by_label("c").is_none());
    let opened: Vec<String> = harness
        .state()
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::OpenLink(link) => Some(link.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(opened, ["https://a.example/x", "https://b.example"]);
}

#[test]
fn a_channel_that_is_named_is_gone_to() {
    let mut harness = open(model([message(3, "see #design please")]));
    harness.get_all_by_label("#design").last().unwrap().click();
    harness.run();
    assert_eq!(harness.state().state.places.now().channel, Some(DESIGN));
}

#[test]
fn markup_is_not_read_out_and_html_is_text() {
    let harness = open(model([message(
        3,
        "**bold** and <b>tags</b>\n```\nlet x = 1;\n```",
    )]));
    harness.get_by_label("tomasz, 11:10: bold and <b>tags</b> let x = 1;");
}

#[test]
fn long_messages_are_cut_until_all_is_asked_for() {
    let text: Vec<String> = (0..300).map(|n| format!("line {n}")).collect();
    let mut harness = open(model([message(3, &text.join("\n"))]));
    assert!(harness.query_by_label_contains("line 299").is_none());
    harness.get_by_label("Show all").click();
    harness.run();
    harness.get_by_label_contains("line 299");
}
