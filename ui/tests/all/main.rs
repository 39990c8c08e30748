//! The window as a person uses it: found by accessible names, driven by keys, typing and the pointer.

mod composer;
mod fixture;
mod markdown;
mod first_run;
mod fixture;
mod links;
mod sheets;
mod sheets_fixture;
mod shortcuts;
mod timeline;
