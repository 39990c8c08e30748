//! aiortc (PyPI) as the other side: Python, with its own ICE, its own RTP, and OpenSSL's DTLS.

use std::process::Command;

use alloquy_media::transport::MediaTransport;

use crate::foreign::{Foreign, echo, python, script};
use crate::peer::{Peer, config, skip};

const TONE_HZ: f64 = 440.0;

fn speaks_with_aiortc(we_offer: bool) {
    let python = match python("aiortc, numpy, av") {
        Ok(python) => python,
        Err(why) => return skip(&why),
    };
    let role = if we_offer { "answer" } else { "offer" };
    let mut foreign = Foreign::start(Command::new(python).arg(script("peer_aiortc.py")).arg(role));
    let mut peer = Peer::new(config());
    peer.transport.connect(peer.link, we_offer);
    let heard = echo(&mut peer, &mut foreign, TONE_HZ);
    println!(
        "aiortc {role}s: {heard:?}, {:?}, {:?}",
        peer.feedback.last(),
        peer.transport.drops()
    );
    assert_eq!(peer.transport.drops().malformed, 0);
}

#[test]
fn aiortc_answers_us() {
    speaks_with_aiortc(true);
}

#[test]
fn aiortc_offers_to_us() {
    speaks_with_aiortc(false);
}
