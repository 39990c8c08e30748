//! A model of an audio engine: it answers offers, and says how far links are. No sound, no network: whether two engines
//! are connected is whether each has taken the other's description of one attempt.

use std::collections::BTreeMap;

use alloquy_api::voice::{LinkStage, LinkView, MediaLink, MediaReport, MediaSignal, MediaTask};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId};

/// One link as the engine has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) offers: bool,
    pub(crate) heard: bool,
    pub(crate) open: bool,
    pub(crate) candidates: usize,
}

/// What a node has asked of it.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) room: Option<(CommunityId, ChannelId)>,
    pub(crate) links: BTreeMap<MediaLink, Held>,
    pub(crate) sends: bool,
    pub(crate) hears: bool,
    pub(crate) volumes: BTreeMap<AccountId, u8>,
    /// Everything, in order.
    pub(crate) tasks: Vec<MediaTask>,
    /// Answers nothing: links do not get anywhere.
    pub(crate) is_deaf: bool,
}

impl Engine {
    /// Devices to which a link is open.
    pub(crate) fn open(&self) -> Vec<DeviceId> {
        let open = self.links.iter().filter(|(_, held)| held.open);
        open.map(|(link, _)| link.device).collect()
    }

    /// Devices that are heard over open links.
    pub(crate) fn hears(&self) -> Vec<DeviceId> {
        let links = self.links.iter().filter(|_| self.hears);
        let heard = links.filter(|(_, held)| held.open && held.heard);
        heard.map(|(link, _)| link.device).collect()
    }

    /// Carries out a task.
    pub(crate) fn take(&mut self, task: MediaTask) -> Vec<MediaReport> {
        self.tasks.push(task.clone());
        match task {
            MediaTask::Join {
                community, channel, ..
            } => {
                self.links.clear();
                self.room = Some((community, channel));
            }
            MediaTask::Leave => {
                assert!(self.room.is_some(), "a room is left that was not joined");
                self.links.clear();
                self.room = None;
            }
            MediaTask::Connect {
                link,
                offers,
                heard,
                ..
            } => return self.connect(link, offers, heard),
            MediaTask::Signal(link, signal) => return self.signal(link, &signal),
            MediaTask::Heard(link, heard) => {
                let held = self.links.get_mut(&link).expect("a link that was made");
                assert_ne!(held.heard, heard, "told twice");
                held.heard = heard;
            }
            MediaTask::Disconnect(link) => {
                assert!(self.links.remove(&link).is_some(), "ended twice");
            }
            MediaTask::Send(sends) => self.sends = sends,
            MediaTask::Hear(hears) => self.hears = hears,
            MediaTask::Volume(account, volume) => drop(self.volumes.insert(account, volume)),
            _ => {}
        }
        Vec::new()
    }

    fn connect(&mut self, link: MediaLink, offers: bool, heard: bool) -> Vec<MediaReport> {
        assert!(self.room.is_some(), "a link without a room");
        let twice = self.links.keys().any(|held| held.device == link.device);
        assert!(!twice, "two links to one device");
        let held = Held {
            offers,
            heard,
            ..Held::default()
        };
        self.links.insert(link, held);
        if !offers || self.is_deaf {
            return Vec::new();
        }
        let sdp = format!("offer {}", link.attempt);
        vec![
            MediaReport::Signal(link, MediaSignal::Offer { sdp }),
            MediaReport::Signal(link, candidate(link)),
        ]
    }

    fn signal(&mut self, link: MediaLink, signal: &MediaSignal) -> Vec<MediaReport> {
        let held = self.links.get_mut(&link).expect("a link that was made");
        let attempt = link.attempt;
        if self.is_deaf {
            return Vec::new();
        }
        match signal {
            MediaSignal::Offer { sdp } => {
                assert!(!held.offers, "the other side offers too");
                assert_eq!(*sdp, format!("offer {attempt}"));
                held.open = true;
                let sdp = format!("answer {attempt}");
                let answer = MediaSignal::Answer { sdp };
                vec![
                    MediaReport::Signal(link, answer),
                    MediaReport::Signal(link, candidate(link)),
                    opened(link),
                ]
            }
            MediaSignal::Answer { sdp } => {
                assert!(held.offers, "nothing was offered");
                assert_eq!(*sdp, format!("answer {attempt}"));
                held.open = true;
                vec![opened(link)]
            }
            MediaSignal::Candidate { .. } => {
                assert!(held.open, "a candidate before the description");
                held.candidates += 1;
                Vec::new()
            }
        }
    }
}

fn candidate(link: MediaLink) -> MediaSignal {
    MediaSignal::Candidate {
        candidate: format!("candidate of {}", link.attempt),
        mid: "0".to_owned(),
    }
}

fn opened(link: MediaLink) -> MediaReport {
    let view = LinkView {
        stage: LinkStage::Open,
        ..LinkView::default()
    };
    MediaReport::Link(link, view)
}
