//! The JSON of replies, events, errors, reports and the local socket, and the page that lists them.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

#[path = "shapes/cli_doc.rs"]
mod cli_doc;
#[path = "shapes/events.rs"]
mod events;
#[path = "shapes/examples.rs"]
mod examples;
#[path = "shapes/json.rs"]
mod json;
