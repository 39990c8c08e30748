//! One link of the machine: its sound, and what is told of it.

use std::time::{Duration, Instant};

use alloquy_api::voice::{LinkStage, LinkStats, LinkView, MediaPath};
use alloquy_ids::AccountId;

use crate::codec::CodecError;
use crate::limits::{Frame, HANG_MS, SILENCE_MS, TICK_MS, TICK_SAMPLES};
use crate::mix::{self, Voice};
use crate::receive::playout::{Arrived, Playout};
use crate::transport::VoicePacket;

/// Nothing arrives: not even signs of life.
const NOTHING: &str = "no sound from them for 2 s: nothing arrives";
/// Signs of life arrive, no sound.
const SILENT: &str = "no sound from them for 2 s: they are muted or silent";
/// Level from which on the other side counts as speaking, decibels over full scale.
const SPEAKING_DB: i8 = -50;
/// Share of a tick's loudness in the one that the choice of the loudest goes by: a memory of about 200 ms.
const LOUDNESS_SHARE: f32 = 0.05;
/// Ticks that the other side counts as speaking after its last sign.
const HANG_TICKS: u64 = HANG_MS / TICK_MS;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) account: AccountId,
    pub(super) heard: bool,
    pub(super) playout: Playout,
    pub(super) speaking: bool,
    /// What the transport says.
    view: LinkView,
    told: Option<LinkView>,
    opened: Option<Instant>,
    last_packet: Option<Instant>,
    last_voice: Option<Instant>,
    quiet_ticks: u64,
    loudness: f32,
    loudest: f32,
    gain: f32,
}

impl Link {
    pub(super) fn new(account: AccountId, heard: bool) -> Result<Self, CodecError> {
        Ok(Self {
            account,
            heard,
            playout: Playout::new()?,
            speaking: false,
            view: LinkView::default(),
            told: None,
            opened: None,
            last_packet: None,
            last_voice: None,
            quiet_ticks: HANG_TICKS + 1,
            loudness: 0.0,
            loudest: 0.0,
            gain: 0.0,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.view.stage >= LinkStage::Open && self.view.stage != LinkStage::Failed
    }

    pub(super) fn transport(&mut self, now: Instant, view: LinkView) {
        if view.path.as_ref().is_some_and(is_lan) {
            self.playout.near();
        }
        self.view = view;
        match self.is_open() {
            true => self.opened = self.opened.or(Some(now)),
            false => self.opened = None,
        }
    }

    /// A packet came; whether what is told may change at once.
    pub(super) fn packet(
        &mut self,
        now: Instant,
        at: i64,
        packet: &VoicePacket,
        hearing: bool,
    ) -> bool {
        let keep = self.heard && hearing;
        let arrived = self.playout.insert(at, packet, keep);
        if matches!(arrived, Arrived::Malformed | Arrived::Duplicate) {
            return false;
        }
        let was_silent = |last: Option<Instant>| {
            last.is_none_or(|last| now.saturating_duration_since(last) >= silence())
        };
        let news = was_silent(self.last_packet)
            || arrived == Arrived::Voice && was_silent(self.last_voice);
        self.last_packet = Some(now);
        if arrived == Arrived::Voice {
            self.last_voice = Some(now);
        }
        news
    }

    /// The view if it is another one than was told last.
    pub(super) fn changed_view(&mut self, now: Instant) -> Option<LinkView> {
        let view = self.current_view(now);
        (self.told.as_ref() != Some(&view)).then(|| {
            self.told = Some(view.clone());
            view
        })
    }

    fn current_view(&self, now: Instant) -> LinkView {
        let (Some(opened), true) = (self.opened, self.heard) else {
            return self.view.clone();
        };
        let recent = |at: Instant| now.saturating_duration_since(at) < silence();
        let alive = self.last_packet.is_some_and(recent);
        let (stage, reason) = if self.last_voice.is_some_and(recent) {
            (LinkStage::Audio, None)
        } else if !alive && !recent(opened) {
            (LinkStage::Open, Some(NOTHING))
        } else if recent(opened) {
            (LinkStage::Open, None)
        } else if self.last_voice.is_some() {
            (LinkStage::Audio, Some(SILENT))
        } else {
            (LinkStage::Open, Some(SILENT))
        };
        LinkView {
            stage,
            reason: self.view.reason.clone().or(reason.map(str::to_owned)),
            path: self.view.path.clone(),
        }
    }

    /// One tick of sound, if there is any, and whether the other side began or ended to speak.
    pub(super) fn pull(&mut self, at: i64, volume: f32) -> (Option<Voice>, Option<bool>) {
        let mut sound: Frame = [0.0; TICK_SAMPLES];
        self.playout.pull(at, &mut sound);
        let square = if self.playout.is_silent() {
            0.0
        } else {
            mix::mean_square(&sound)
        };
        self.loudness += (square - self.loudness) * LOUDNESS_SHARE;
        self.loudest = self.loudest.max(square);
        let gain = (std::mem::replace(&mut self.gain, volume), volume);
        let voice = (!self.playout.is_silent()).then_some(Voice {
            sound,
            loudness: self.loudness,
            gain,
        });
        (voice, self.speaks(mix::decibels(square) >= SPEAKING_DB))
    }

    fn speaks(&mut self, sign: bool) -> Option<bool> {
        self.quiet_ticks = if sign {
            0
        } else {
            self.quiet_ticks.saturating_add(1)
        };
        let speaking = self.quiet_ticks <= HANG_TICKS;
        (speaking != self.speaking).then(|| {
            self.speaking = speaking;
            speaking
        })
    }

    /// It is not heard any more; whether it was speaking.
    pub(super) fn stop_speaking(&mut self) -> bool {
        self.quiet_ticks = HANG_TICKS + 1;
        self.gain = 0.0;
        std::mem::take(&mut self.speaking)
    }

    pub(super) fn second(&mut self, at: i64) -> LinkStats {
        LinkStats {
            level_db: mix::decibels(std::mem::take(&mut self.loudest)),
            ..self.playout.second(at)
        }
    }
}

fn silence() -> Duration {
    Duration::from_millis(SILENCE_MS)
}

/// Both ends are addresses of a local network, without a relay or NAT between them.
fn is_lan(path: &MediaPath) -> bool {
    let local = |address: &str| {
        let address: Result<std::net::SocketAddr, _> = address.parse();
        match address.map(|address| address.ip()) {
            Ok(std::net::IpAddr::V4(ip)) => {
                ip.is_private() || ip.is_loopback() || ip.is_link_local()
            }
            Ok(std::net::IpAddr::V6(ip)) => {
                ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
            Err(_) => false,
        }
    };
    path.local_kind == "host"
        && matches!(path.remote_kind.as_str(), "host" | "prflx")
        && local(&path.local)
        && local(&path.remote)
}
