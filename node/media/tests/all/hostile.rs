//! What a device that means harm, or is broken, can send.

use alloquy_api::voice::{LinkStage, MediaSignal};
use alloquy_media::transport::MediaTransport;

use crate::peer::{Peer, both_open, config, connect, pair, speak_both_ways, until, until_changed};

/// Changes the digits of the fingerprint, so that it is another certificate's.
fn other_fingerprint(sdp: &str) -> String {
    let change = |line: &str| match line.strip_prefix("a=fingerprint:sha-256 ") {
        Some(digest) if digest.starts_with('0') => {
            format!("a=fingerprint:sha-256 1{}", &digest[1..])
        }
        Some(digest) => format!("a=fingerprint:sha-256 0{}", &digest[1..]),
        None => line.to_owned(),
    };
    sdp.lines().map(change).map(|line| line + "\r\n").collect()
}

fn with_other_fingerprint(signal: MediaSignal) -> MediaSignal {
    match signal {
        MediaSignal::Offer { sdp } => MediaSignal::Offer {
            sdp: other_fingerprint(&sdp),
        },
        MediaSignal::Answer { sdp } => MediaSignal::Answer {
            sdp: other_fingerprint(&sdp),
        },
        candidate => candidate,
    }
}

/// `a` announces a certificate that it does not have, as one who sits in between must.
fn a_is_somebody_else(a_offers: bool) {
    let (mut a, mut b) = pair(&config());
    a.transport.connect(a.link, a_offers);
    b.transport.connect(b.link, !a_offers);
    let change = |from_a, signal| {
        if from_a {
            with_other_fingerprint(signal)
        } else {
            signal
        }
    };
    until_changed(&mut a, &mut b, "b refuses", change, &mut |a, b| {
        a.speak(false, b"wiretap");
        assert_ne!(b.stage(), LinkStage::Open, "{:?}", b.views);
        b.stage() == LinkStage::Failed
    });
    assert!(
        b.reason().contains("certificate is not the one"),
        "{}",
        b.reason()
    );
    assert!(b.packets.is_empty());
}

#[test]
fn an_offer_with_another_ones_fingerprint_is_refused() {
    a_is_somebody_else(true);
}

#[test]
fn an_answer_with_another_ones_fingerprint_is_refused() {
    a_is_somebody_else(false);
}

#[test]
fn a_later_description_cannot_bring_another_certificate() {
    let (mut a, mut b) = pair(&config());
    connect(&mut a, &mut b);
    until(&mut a, &mut b, "both open", both_open);
    a.transport.ice(Vec::new());
    let change = |from_a, signal| {
        if from_a {
            with_other_fingerprint(signal)
        } else {
            signal
        }
    };
    until_changed(&mut a, &mut b, "b says why", change, &mut |_, b| {
        b.reason().contains("another certificate")
    });
}

/// Gives one offer to a side that waits for one; gives the reason why it failed.
fn refusal_of(sdp: String) -> String {
    let mut peer = Peer::new(config());
    peer.transport.connect(peer.link, false);
    peer.transport.signal(peer.link, MediaSignal::Offer { sdp });
    let start = std::time::Instant::now();
    while peer.stage() != LinkStage::Failed {
        peer.take();
        assert!(
            start.elapsed() < crate::peer::DEADLINE,
            "not refused: {:?}",
            peer.views
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(
        peer.signals
            .iter()
            .all(|signal| !matches!(signal, MediaSignal::Answer { .. }))
    );
    peer.reason()
}

#[test]
fn bombs_and_nonsense_are_refused_with_a_reason() {
    let digest = ["AB"; 32].join(":");
    let head = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {digest}\r\n"
    );
    let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n";
    for (sdp, words) in [
        (
            format!("{head}{}", "a=x\r\n".repeat(40_000)),
            "more than 16384",
        ),
        (format!("{head}{}", audio.repeat(17)), "17 media sections"),
        (
            format!(
                "{head}{audio}{}",
                "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n".repeat(101)
            ),
            "101 candidates",
        ),
        (
            format!(
                "{head}{audio}a=fingerprint:sha-256 {}\r\n",
                ["CD"; 32].join(":")
            ),
            "two different fingerprints",
        ),
        (audio.to_owned(), "no fingerprint"),
        (String::new(), "no fingerprint"),
        (
            format!("{head}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
            "no audio section",
        ),
        (format!("x{head}{audio}"), "cannot be used"),
        (format!("{head}{audio}"), "cannot be used"),
    ] {
        let reason = refusal_of(sdp);
        assert!(reason.contains(words), "{reason:?} instead of {words:?}");
    }
}

#[test]
fn an_offer_without_opus_is_not_spoken_to() {
    let (mut a, mut b) = pair(&config());
    connect(&mut a, &mut b);
    let change = |from_a: bool, signal| match signal {
        MediaSignal::Offer { sdp } if from_a => MediaSignal::Offer {
            sdp: sdp
                .replace("opus/48000/2", "G722/8000")
                .replace("red/48000/2", "CN/8000"),
        },
        other => other,
    };
    until_changed(
        &mut a,
        &mut b,
        "somebody says that it fails",
        change,
        &mut |a, b| {
            assert_ne!(b.stage(), LinkStage::Open);
            a.stage() == LinkStage::Failed || b.stage() == LinkStage::Failed
        },
    );
    let reason = format!("{}{}", a.reason(), b.reason());
    assert!(!reason.is_empty());
}

#[test]
fn a_flood_of_candidates_changes_nothing() {
    let (mut a, mut b) = pair(&config());
    connect(&mut a, &mut b);
    for number in 0..2000 {
        let candidate = format!(
            "candidate:{number} 1 udp 1 10.255.{}.{} 9 typ host",
            number / 250,
            number % 250
        );
        let mid = "0".to_owned();
        b.transport
            .signal(b.link, MediaSignal::Candidate { candidate, mid });
        let (candidate, mid) = ("\u{0}".repeat(5000), "9".repeat(5000));
        b.transport
            .signal(b.link, MediaSignal::Candidate { candidate, mid });
        if number % 20 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    // The link is full of them and may fail; the transport goes on.
    (a.link.attempt, b.link.attempt) = (2, 2);
    a.take();
    b.take();
    connect(&mut a, &mut b);
    until(&mut a, &mut b, "both open", both_open);
    speak_both_ways(&mut a, &mut b, 10);
}

#[test]
fn packets_that_are_no_voice_are_counted_and_the_call_goes_on() {
    let (mut a, mut b) = pair(&config());
    connect(&mut a, &mut b);
    until(&mut a, &mut b, "both open", both_open);
    until(&mut a, &mut b, "too long is counted", |a, b| {
        a.speak(false, &[1; 1300]);
        b.transport.drops().malformed > 0
    });
    assert!(b.packets.iter().all(|packet| packet.payload.len() <= 1200));
    speak_both_ways(&mut a, &mut b, 10);
}
