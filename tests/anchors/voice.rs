//! Row 19: voice between real processes. Delay from mouth to ear beside Debian's Mumble, speech under loss beside plain
//! Opus, processor time, the time from the click to the first sound, and what a thousand joins leave behind.
//!
//! Times are reported, never gated. Every figure's goal stands in [`crate::report`].

pub(crate) mod delay;
mod heap;
pub(crate) mod joins;
pub(crate) mod load;
mod mumble;
mod opus;
mod people;
pub(crate) mod quality;
mod rig;

/// Tells the person at the terminal what stands in no figure.
#[expect(clippy::print_stderr, reason = "what people read beside the figures")]
fn say(text: &str) {
    eprintln!("{text}");
}
