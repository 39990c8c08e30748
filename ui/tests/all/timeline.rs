//! The timeline.

use egui_kittest::kittest::Queryable;

use crate::fixture::{model, numbered, open};

#[test]
fn messages_are_found_by_author_time_and_text() {
    let harness = open(model(numbered(0..5)));
    harness.get_by_label("tomasz, 11:10: message 3");
}
