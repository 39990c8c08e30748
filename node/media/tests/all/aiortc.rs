//! aiortc (PyPI) as the other side: Python, with its own ICE, its own RTP, and OpenSSL's DTLS.

use std::process::Command;

use crate::foreign::{Foreign, python, script, talk};
use crate::peer::skip;

const TONE_HZ: f64 = 440.0;

fn speaks_with_aiortc(we_offer: bool) {
    let python = match python("aiortc, numpy, av") {
        Ok(python) => python,
        Err(why) => return skip(&why),
    };
    let role = if we_offer { "answer" } else { "offer" };
    let mut foreign = Foreign::start(Command::new(python).arg(script("peer_aiortc.py")).arg(role));
    let talked = talk(&mut foreign, we_offer, TONE_HZ);
    let ([theirs, ours], heard) = (talked.shares, talked.heard);
    println!("aiortc {role}s: it hears {heard:?}, we hear {theirs} of it");
    assert!(theirs > 0.9 && ours < 0.01, "{theirs}, {ours}");
}

#[test]
fn aiortc_answers_us() {
    speaks_with_aiortc(true);
}

#[test]
fn aiortc_offers_to_us() {
    speaks_with_aiortc(false);
}
