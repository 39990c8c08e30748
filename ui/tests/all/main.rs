//! The window as a person uses it: found by accessible names, driven by keys, typing and the pointer.

mod composer;
mod emoji;
mod fixture;
mod markdown;
mod timeline;
