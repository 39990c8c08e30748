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

#[test]
fn texts_made_to_break_it_are_shown() {
    let walls = [
        "[".repeat(8_000),
        "*a_".repeat(2_600),
        "> ".repeat(4_000),
        "- ".repeat(4_000),
        "||a".repeat(2_600),
        "```".repeat(2_600),
        "@#".repeat(4_000),
        "https://".repeat(1_000),
        "a".repeat(8_000),
        "\t\u{0}\u{7f}\r\n".repeat(1_000),
        "<div><!--".to_owned(),
        "[a]: https://a.example".to_owned(),
        "![a](https://a.example/picture.png)".to_owned(),
        "&#x202e;&#0;&nbsp;x".to_owned(),
    ];
    for wall in &walls {
        let text = format!("{wall}\n\nend");
        let mut harness = open(model([message(3, &text), message(6, "after")]));
        harness.run();
        harness.get_by_label("Ada, 11:20: after");
    }
}
