//! Headless Chromium as the other side: the implementation that most people have.

use std::process::{Command, Stdio};

use alloquy_media::transport::MediaTransport;

use crate::foreign::{Foreign, echo, python, script};
use crate::peer::{Peer, config, skip};

/// An analyser's line is 1.5 Hz wide.
const TONE_HZ: f64 = 440.0;

fn browser() -> Result<String, String> {
    let named = std::env::var("ALLOQUY_CHROMIUM").ok();
    let programs =
        named
            .as_deref()
            .into_iter()
            .chain(["chromium", "chromium-browser", "google-chrome"]);
    let there = |program: &&str| {
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    };
    let found = programs.into_iter().find(there).map(ToOwned::to_owned);
    found.ok_or_else(|| "no Chromium is here (ALLOQUY_CHROMIUM names one)".to_owned())
}

fn speaks_with_chromium(we_offer: bool) {
    let (python, browser) = match python("websockets").and_then(|python| Ok((python, browser()?))) {
        Ok(both) => both,
        Err(why) => return skip(&why),
    };
    let role = if we_offer { "answer" } else { "offer" };
    let mut command = Command::new(python);
    let mut foreign = Foreign::start(
        command
            .arg(script("peer_chromium.py"))
            .arg(browser)
            .arg(role),
    );
    let mut peer = Peer::new(config());
    peer.transport.connect(peer.link, we_offer);
    let heard = echo(&mut peer, &mut foreign, TONE_HZ);
    println!(
        "Chromium {role}s: {heard:?}, {:?}, {:?}",
        peer.feedback.last(),
        peer.transport.drops()
    );
    assert_eq!(peer.transport.drops().malformed, 0);
}

#[test]
fn chromium_answers_us() {
    speaks_with_chromium(true);
}

#[test]
fn chromium_offers_to_us() {
    speaks_with_chromium(false);
}
