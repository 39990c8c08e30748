//! The window as a person uses it: found by accessible names, driven by keys, typing and the pointer.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod composer;
mod connections;
mod emoji;
mod first_run;
mod fixture;
mod governance;
mod irc;
mod joining;
mod judge;
mod kept;
mod languages;
mod links;
mod markdown;
mod personal;
mod personal_fixture;
mod personal_later;
mod personal_screens;
mod previews;
mod refused;
mod screens;
mod sheets;
mod sheets_fixture;
mod shortcuts;
mod switcher;
mod timeline;
mod voice;
mod voice_fixture;
