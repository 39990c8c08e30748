//! What the engine reports.

use alloquy_api::Event;
use alloquy_api::limits::{CANDIDATE_BYTES_MAX, SDP_BYTES_MAX};
use alloquy_api::voice::{LinkStats, MediaLink, MediaReport, MediaSignal, MediaTask};
use alloquy_ids::AccountId;
use rand_core::CryptoRng;

use crate::limits::MEDIA_MID_BYTES_MAX;
use crate::node::Node;
use crate::wire::voice::MediaStep;

/// Under this name and an account's id stands how loud it is played; it follows the account to its devices.
const VOLUME_PREFIX: &str = "settings/volume/";

/// How loud somebody is played of whom nothing is kept, percent.
const VOLUME_DEFAULT: u8 = 100;

/// The name under which an account's volume is kept.
pub(crate) fn volume_name(account: AccountId) -> String {
    format!("{VOLUME_PREFIX}{account}")
}

/// The text that is kept of a volume; nothing of the usual one.
pub(crate) fn volume_text(percent: u8) -> String {
    match percent {
        VOLUME_DEFAULT => String::new(),
        other => other.to_string(),
    }
}

/// Whether another node could take a step.
fn fits(signal: &MediaSignal) -> bool {
    match signal {
        MediaSignal::Offer { sdp } | MediaSignal::Answer { sdp } => sdp.len() <= SDP_BYTES_MAX,
        MediaSignal::Candidate { candidate, mid } => {
            candidate.len() <= CANDIDATE_BYTES_MAX && mid.len() <= MEDIA_MID_BYTES_MAX
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// One report. Those of a room or an attempt that is over are dropped.
    pub(crate) fn media_report(&mut self, report: MediaReport) {
        match report {
            MediaReport::Signal(link, signal) => self.engine_step(link, signal),
            MediaReport::Link(link, view) => self.link_went_on(link, view),
            MediaReport::Speaking(speaking) => self.speaks(speaking),
            MediaReport::PeerSpeaking(link, speaking) => self.peer_speaks(link, speaking),
            MediaReport::Stats(stats) => self.measured(stats),
            MediaReport::Devices(devices) => self.voice.devices = devices,
        }
    }

    fn engine_step(&mut self, link: MediaLink, signal: MediaSignal) {
        if !fits(&signal) {
            tracing::warn!("the audio engine made a step that is larger than others take");
            return;
        }
        if self.link_of(link).is_some() {
            self.step(link.device, MediaStep::Signal(signal));
        }
    }

    fn speaks(&mut self, speaking: bool) {
        let call = self.voice.call.as_mut();
        let other =
            call.is_some_and(|call| std::mem::replace(&mut call.speaking, speaking) != speaking);
        self.tell_call(other);
    }

    fn peer_speaks(&mut self, link: MediaLink, speaking: bool) {
        let link = self.link_of(link);
        let other =
            link.is_some_and(|link| std::mem::replace(&mut link.speaking, speaking) != speaking);
        self.tell_call(other);
    }

    /// Statistics alone make nothing new to show: faces ask for them while they show them.
    fn measured(&mut self, stats: Vec<(MediaLink, LinkStats)>) {
        for (link, stats) in stats {
            let Some(held) = self.link_of(link) else {
                continue;
            };
            held.stats = stats;
            if stats.bytes_in > 0 {
                self.voice_is_heard(link.device);
            }
        }
        self.voice_due();
    }

    fn tell_call(&mut self, other: bool) {
        if other {
            self.views.call_changed();
            self.outbox.tell(Event::CallChanged);
        }
    }

    /// How loud an account is played, percent.
    pub(super) fn volume_of(&self, account: AccountId) -> u8 {
        let kept = self.kept.get(&volume_name(account));
        let kept = kept.and_then(|text| text.parse().ok());
        kept.unwrap_or(VOLUME_DEFAULT)
    }

    /// What a face keeps has changed: it may be a volume.
    pub(crate) fn volume_kept(&mut self, name: &str) {
        let account = name.strip_prefix(VOLUME_PREFIX);
        let Some(account) = account.and_then(|text| text.parse().ok()) else {
            return;
        };
        if self.voice.call.is_some() {
            let volume = self.volume_of(account);
            self.task(MediaTask::Volume(account, volume));
            self.tell_call(true);
        }
    }
}
