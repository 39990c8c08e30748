//! Everything that is tested from outside: the walls of the workspace, and real processes over real sockets.
//!
//! `quick` runs `walls`, `tidy` and `cli`; the rest takes minutes and belongs to the full run.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]

#[path = "all/tidy.rs"]
mod tidy;
#[path = "all/walls.rs"]
mod walls;
