//! A transport with its events, and the wire between two of them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use alloquy_api::voice::{LinkStage, LinkView, MediaLink, MediaSignal};
use alloquy_ids::DeviceId;
use alloquy_media::transport::{Feedback, MediaTransport, TransportEvent, VoicePacket};
use alloquy_media::webrtc::{WebRtc, WebRtcConfig};
use bytes::Bytes;

/// For anything that must happen: a loaded machine needs some of it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// Room for events: far more than a test makes between two looks.
const EVENTS: usize = 4096;

pub(crate) struct Peer {
    pub(crate) transport: WebRtc,
    events: Receiver<TransportEvent>,
    pub(crate) link: MediaLink,
    pub(crate) views: Vec<LinkView>,
    pub(crate) packets: Vec<VoicePacket>,
    pub(crate) feedback: Vec<Feedback>,
    pub(crate) signals: Vec<MediaSignal>,
    sequence: u16,
    begun: Instant,
}

/// Addresses of this machine, loopback when it has no other.
pub(crate) fn config() -> WebRtcConfig {
    WebRtcConfig::default()
}

pub(crate) fn link(number: u8, attempt: u64) -> MediaLink {
    MediaLink {
        device: DeviceId([number; 32]),
        attempt,
    }
}

impl Peer {
    pub(crate) fn new(config: WebRtcConfig) -> Self {
        let (sender, events) = sync_channel(EVENTS);
        let transport = WebRtc::start(config, sender).expect("a transport starts");
        let (views, packets, feedback, signals) = Default::default();
        Self {
            transport,
            events,
            link: link(1, 1),
            views,
            packets,
            feedback,
            signals,
            sequence: 0,
            begun: Instant::now(),
        }
    }

    /// Takes what has happened; gives the signals for the other side.
    pub(crate) fn take(&mut self) -> Vec<MediaSignal> {
        let mut signals = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            match event {
                TransportEvent::Signal(link, signal) if link == self.link => signals.push(signal),
                TransportEvent::Link(link, view) if link == self.link => {
                    println!(
                        "{:?} {:?} {:?}",
                        self.begun.elapsed(),
                        view.stage,
                        view.reason
                    );
                    self.views.push(view);
                }
                TransportEvent::Packet(link, packet, _) if link == self.link => {
                    self.packets.push(packet)
                }
                TransportEvent::Feedback(link, feedback) if link == self.link => {
                    self.feedback.push(feedback)
                }
                _ => {}
            }
        }
        self.signals.extend(signals.iter().cloned());
        signals
    }

    pub(crate) fn stage(&self) -> LinkStage {
        self.views
            .last()
            .map_or(LinkStage::Signalling, |view| view.stage)
    }

    pub(crate) fn reason(&self) -> String {
        self.views
            .last()
            .and_then(|view| view.reason.clone())
            .unwrap_or_default()
    }

    /// Sends one packet with a number in it.
    pub(crate) fn speak(&mut self, red: bool, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let packet = VoicePacket {
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 960,
            marker: self.sequence == 1,
            red,
            payload: Bytes::copy_from_slice(payload),
        };
        self.transport.send(&packet);
    }
}

/// Carries signals both ways until `done`; what stands when the time is up is told.
pub(crate) fn until(
    a: &mut Peer,
    b: &mut Peer,
    what: &str,
    mut done: impl FnMut(&mut Peer, &mut Peer) -> bool,
) {
    until_changed(a, b, what, |_, signal| signal, &mut done);
}

/// As [`until`], with a hand on what `a` (true) and `b` send.
pub(crate) fn until_changed(
    a: &mut Peer,
    b: &mut Peer,
    what: &str,
    mut change: impl FnMut(bool, MediaSignal) -> MediaSignal,
    done: &mut dyn FnMut(&mut Peer, &mut Peer) -> bool,
) {
    let start = Instant::now();
    loop {
        for signal in a.take() {
            b.transport.signal(b.link, change(true, signal));
        }
        for signal in b.take() {
            a.transport.signal(a.link, change(false, signal));
        }
        if done(a, b) {
            return;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}\na: {:#?}\nb: {:#?}",
            a.views,
            b.views
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Two transports, not yet linked.
pub(crate) fn pair(config: &WebRtcConfig) -> (Peer, Peer) {
    (Peer::new(config.clone()), Peer::new(config.clone()))
}

/// Links them; `a` offers.
pub(crate) fn connect(a: &mut Peer, b: &mut Peer) {
    b.transport.connect(b.link, false);
    a.transport.connect(a.link, true);
}

pub(crate) fn both_open(a: &mut Peer, b: &mut Peer) -> bool {
    a.stage() == LinkStage::Open && b.stage() == LinkStage::Open
}

/// Both speak until each has heard `count` packets of the other.
pub(crate) fn speak_both_ways(a: &mut Peer, b: &mut Peer, count: usize) {
    let (from_a, from_b) = (a.packets.len(), b.packets.len());
    until(a, b, "both are heard", |a, b| {
        a.speak(false, b"from a");
        b.speak(false, b"from b");
        std::thread::sleep(Duration::from_millis(5));
        a.packets.len() >= from_a + count && b.packets.len() >= from_b + count
    });
}

/// A test that needs something which is not there: says so, and fails where all must be there.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "needed, but {why}"
    );
    eprintln!("skipped: {why}");
    // `./test` gathers these, and counts them.
    if let Ok(path) = std::env::var("ALLOQUY_SKIPS") {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let line = format!("SKIPPED {name}: {why}\n");
        std::io::Write::write_all(&mut file.unwrap(), line.as_bytes()).unwrap();
    }
}
