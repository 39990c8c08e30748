//! Headless Chromium as the other side: the implementation that most people have.

use std::process::{Command, Stdio};

use crate::foreign::{Foreign, python, script, talk};
use crate::peer::skip;

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
    let talked = talk(&mut foreign, we_offer, TONE_HZ);
    let ([theirs, ours], heard) = (talked.shares, talked.heard);
    println!("Chromium {role}s: it hears {heard:?}, we hear {theirs} of it");
    assert!(theirs > 0.9 && ours < 0.01, "{theirs}, {ours}");
}

#[test]
fn chromium_answers_us() {
    speaks_with_chromium(true);
}

#[test]
fn chromium_offers_to_us() {
    speaks_with_chromium(false);
}
