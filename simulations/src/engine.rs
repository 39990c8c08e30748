//! An audio engine without sound: it answers offers and says how far links are. Two are connected when each has taken
//! the other's description of one attempt. A task that makes no sense is told as a fault of the core.

use std::collections::{BTreeMap, VecDeque};

use alloquy_api::voice::{LinkStage, LinkView, MediaLink, MediaReport, MediaSignal, MediaTask};
use alloquy_ids::{ChannelId, CommunityId};

/// One link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether it made the first offer.
    pub offers: bool,
    /// Whether the other side is played.
    pub heard: bool,
    /// Whether the other side's description was taken.
    pub open: bool,
}

/// What a node has asked of it.
#[derive(Debug, Default)]
pub struct Engine {
    /// The room.
    pub room: Option<(CommunityId, ChannelId)>,
    /// Links to others in it.
    pub links: BTreeMap<MediaLink, Held>,
    reports: VecDeque<MediaReport>,
}

impl Engine {
    /// The next report.
    pub fn report(&mut self) -> Option<MediaReport> {
        self.reports.pop_front()
    }

    /// Carries out a task.
    ///
    /// # Errors
    /// What makes no sense about it.
    pub fn take(&mut self, task: MediaTask) -> Result<(), String> {
        let fault = |what: &str| Err(format!("{what}: {task:?}"));
        match &task {
            MediaTask::Join {
                community, channel, ..
            } => {
                self.links.clear();
                self.room = Some((*community, *channel));
            }
            _ if self.room.is_none() => return fault("a task without a room"),
            MediaTask::Leave => *self = Self::default(),
            MediaTask::Connect {
                link,
                offers,
                heard,
                ..
            } => {
                if self.links.keys().any(|held| held.device == link.device) {
                    return fault("a second link to one device");
                }
                let (offers, heard, open) = (*offers, *heard, false);
                self.links.insert(
                    *link,
                    Held {
                        offers,
                        heard,
                        open,
                    },
                );
                if offers {
                    self.say(*link, |sdp| MediaSignal::Offer { sdp });
                }
            }
            MediaTask::Signal(link, signal) => return self.signal(*link, signal),
            MediaTask::Heard(link, heard) => match self.links.get_mut(link) {
                Some(held) => held.heard = *heard,
                None => return fault("no such link"),
            },
            MediaTask::Disconnect(link) if self.links.remove(link).is_none() => {
                return fault("no such link");
            }
            _ => {}
        }
        Ok(())
    }

    fn say(&mut self, link: MediaLink, description: impl Fn(String) -> MediaSignal) {
        let signal = description(format!("description of {}", link.attempt));
        let candidate = MediaSignal::Candidate {
            candidate: format!("candidate of {}", link.attempt),
            mid: "0".to_owned(),
        };
        self.reports.push_back(MediaReport::Signal(link, signal));
        self.reports.push_back(MediaReport::Signal(link, candidate));
    }

    fn signal(&mut self, link: MediaLink, signal: &MediaSignal) -> Result<(), String> {
        let Some(held) = self.links.get_mut(&link) else {
            return Err(format!("a step of no link: {link:?}"));
        };
        let expected = format!("description of {}", link.attempt);
        match signal {
            MediaSignal::Offer { sdp } if !held.offers && *sdp == expected => {
                held.open = true;
                self.say(link, |sdp| MediaSignal::Answer { sdp });
            }
            MediaSignal::Answer { sdp } if held.offers && *sdp == expected => held.open = true,
            MediaSignal::Candidate { .. } if held.open => return Ok(()),
            other => return Err(format!("a step that does not fit {link:?}: {other:?}")),
        }
        let view = LinkView {
            stage: LinkStage::Open,
            ..LinkView::default()
        };
        self.reports.push_back(MediaReport::Link(link, view));
        Ok(())
    }
}
