//! Everything that is tested from outside: the walls of the workspace, and real processes over real sockets.
//!
//! `./test quick` runs `walls`, `tidy` and `cli`; the rest takes minutes and belongs to the full run.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]

#[path = "all/carrier.rs"]
mod carrier;
#[path = "all/cli.rs"]
mod cli;
#[path = "all/crash.rs"]
mod crash;
#[path = "all/devices.rs"]
mod devices;
#[path = "all/first_run.rs"]
mod first_run;
#[path = "all/home.rs"]
mod home;
#[path = "all/home_away.rs"]
mod home_away;
#[path = "all/irc.rs"]
mod irc;
#[path = "all/irc_bridge.rs"]
mod irc_bridge;
#[path = "all/irc_clients.rs"]
mod irc_clients;
#[path = "all/irc_e2ee.rs"]
mod irc_e2ee;
#[path = "all/irc_missed.rs"]
mod irc_missed;
#[path = "all/lan.rs"]
mod lan;
#[path = "all/logs.rs"]
mod logs;
#[path = "all/meddler.rs"]
mod meddler;
#[path = "all/netlab.rs"]
mod netlab;
#[path = "all/refuse.rs"]
mod refuse;
#[path = "all/router.rs"]
mod router;
#[path = "all/survive.rs"]
mod survive;
#[path = "all/talk.rs"]
mod talk;
#[path = "all/tidy.rs"]
mod tidy;
#[path = "all/voice.rs"]
mod voice;
#[path = "all/voice_lab.rs"]
mod voice_lab;
#[path = "all/walls.rs"]
mod walls;
#[path = "all/window.rs"]
mod window;
#[path = "all/wire.rs"]
mod wire;
