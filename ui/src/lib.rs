//! The window of Alloquy, as a library: what is shown for a [`Model`], and what a person's actions mean.
//!
//! Three parts, each testable without the others:
//! - [`Model`]: what the node says, immutable, behind `Arc`, and the clock. No view reads anything else.
//! - [`UiState`]: what the person sees and types. It changes only by [`UiState::apply`] (an [`Action`]),
//!   [`UiState::answered`] (the outcome of a command) and [`UiState::refresh`] (a newer model).
//! - [`show`]: draws one frame and turns input into [`Action`]s.
//!
//! What has to happen outside of the window comes out as [`Effect`]s. There is no IO, clock or randomness in
//! this crate, so that a frame is a function of model, state and input, in the language that the thread speaks
//! ([`words`]). Idle means zero frames: nothing here asks for a repaint without something that moves before the
//! person's eyes.

pub mod action;
pub mod effect;
pub mod fonts;
pub mod irc;
mod markdown;
pub mod model;
mod pictures;
pub mod settings;
mod sign;
pub mod state;
pub mod text;
pub mod theme;
mod views;
pub mod voice;
mod widgets;
pub mod words;

pub use action::Action;
pub use effect::{AskId, Effect};
pub use model::{Model, Phase};
pub use sign::Sign;
pub use state::UiState;
pub use views::show;
