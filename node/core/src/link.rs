//! Pairing by a code: a new device of an account, or a home node (docs/protocol.md, "Linking").
//!
//! One side, the *host*, shows a code; the other, the *guest*, enters it. [`Host`] and [`Guest`] are the two machines,
//! the same for all that is paired: they find each other, show each other by SPAKE2 that both know the code, and pass
//! sealed messages. What the messages say is `device`'s matter, for devices, and `home`'s for home nodes. A guest that
//! has no account yet is a [`newcomer`](crate::newcomer).
//!
//! Bounds: a code stands for ten minutes and one guess; a peer may ask three times for one code.

pub(crate) mod code;
mod device;
mod guest;
mod home;
mod host;
mod pake;

use std::sync::Arc;

use alloquy_api::personal::{LinkStep, Linking, LinkingView};
use alloquy_api::{CommandError, ErrorCode, Event, Reply};
use alloquy_ids::{NetworkKey, UnixMs};
use rand_core::CryptoRng;

use crate::io::Origin;
use crate::node::{Node, Timer};
use crate::wire::Frame;
use crate::wire::pairing::{LinkFrame, Pairing};

pub(crate) use code::{Entered, PairLink, Plate};
pub(crate) use device::{AccountHello, Finished, NewDevice, Welcome};
pub(crate) use guest::Guest;
pub(crate) use host::Host;
pub(crate) use pake::{Message, Side};

/// What a machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Send a frame of the own side.
    Send(NetworkKey, LinkFrame),
    /// A peer broke the rules.
    Fault(NetworkKey, &'static str),
    /// This peer knows the code, and knows that it is known here.
    Ready(NetworkKey),
    /// A message of that peer.
    Opened(NetworkKey, Vec<u8>),
    /// It is over.
    Ended(End),
}

/// How a pairing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum End {
    /// No such code is shown.
    Unknown = 1,
    /// The one guess was wrong.
    WrongCode = 2,
    /// Nobody entered the code in time.
    Expired = 3,
    /// The code has done its work.
    Used = 4,
    /// Somebody else is being paired by the code, or too many ask.
    Busy = 5,
    /// A newer code was made, or this one was taken back.
    Replaced = 6,
    /// The other side said what it must not, or could not go on.
    Refused = 7,
    /// All went well.
    Done = 8,
    /// The connection is gone.
    Gone = 9,
    /// The other side knew the code and then said nothing more.
    Silent = 10,
    /// The host's clock was set while the code was shown.
    ClockSet = 11,
    /// Nobody shows the code.
    NotFound = 12,
}

impl End {
    pub(crate) fn from_byte(value: u8) -> Option<Self> {
        [
            Self::Unknown,
            Self::WrongCode,
            Self::Expired,
            Self::Used,
            Self::Busy,
            Self::Replaced,
            Self::Refused,
            Self::Done,
            Self::Gone,
            Self::Silent,
            Self::ClockSet,
            Self::NotFound,
        ]
        .into_iter()
        .find(|end| *end as u8 == value)
    }

    /// What a person is told on one side.
    pub(crate) const fn sentence(self, side: Side) -> &'static str {
        match (self, side) {
            (Self::Unknown, _) => {
                "the other side shows no such code: compare its number, or have a new one made"
            }
            (Self::WrongCode, Side::Host) => {
                "a wrong code was entered, so this one has ended: make a new one and enter it with care"
            }
            (Self::WrongCode, Side::Guest) => {
                "the code is wrong, and has ended: have a new one made and enter it with care"
            }
            (Self::Expired, Side::Host) => {
                "nobody entered the code within ten minutes: make a new one"
            }
            (Self::Expired, Side::Guest) => {
                "the code has expired after ten minutes: have a new one made"
            }
            (Self::Used, _) => "the code was used already: have a new one made",
            (Self::Busy, _) => "another one is being paired by this code",
            (Self::Replaced, Side::Host) => "a newer code was made",
            (Self::Replaced, Side::Guest) => {
                "the code has ended because a newer one was made: enter that"
            }
            (Self::Refused, _) => "the other side could not go on: its log says more",
            (Self::Done, _) => "done",
            (Self::Gone, _) => "the connection to the other side was lost: make a new code",
            (Self::Silent, _) => "the other side fell silent: make a new code",
            (Self::ClockSet, Side::Host) => {
                "the clock of this device was set while the code was shown: make a new one"
            }
            (Self::ClockSet, Side::Guest) => {
                "the clock of the other side was set, so the code has ended: have a new one made"
            }
            (Self::NotFound, _) => {
                "nobody that can be reached shows this code: both must be on one local network, or use the link"
            }
        }
    }

    /// The same as the outcome of an order.
    pub(crate) fn error(self, side: Side) -> CommandError {
        let code = match self {
            Self::Expired | Self::NotFound | Self::Gone | Self::Silent => ErrorCode::Timeout,
            Self::Busy => ErrorCode::Busy,
            _ => ErrorCode::NotPermitted,
        };
        CommandError::new(code, self.sentence(side))
    }
}

/// Pairings of this node.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The code that is shown, or the last one that was.
    pub(crate) host: Option<Host>,
    /// The code that was entered here.
    pub(crate) guest: Option<Guest>,
    /// What faces are shown.
    pub(crate) view: Option<Arc<LinkingView>>,
    /// The new device that was told of the account.
    pub(crate) welcomed: Option<NewDevice>,
}

impl<R: CryptoRng> Node<R> {
    /// Shows a code; one that was shown ends.
    pub(crate) fn link_offer(&mut self, what: Linking) -> Reply {
        self.link_cancel(Side::Host, End::Replaced);
        let place = (self.me.network, self.book.own());
        let host = Host::new(what, place, self.now, &mut self.rng);
        let (code, link, until) = (host.code.print(), host.link.print(), host.shown_until());
        self.links.welcomed = None;
        self.links.host = Some(host);
        self.link_timer();
        self.show_linking(LinkingView {
            what,
            code: Some(code.clone()),
            link: Some(link.clone()),
            until,
            step: LinkStep::Waiting,
        });
        Reply::Code { code, link, until }
    }

    /// Enters a code or a link that another node shows.
    ///
    /// # Errors
    /// The text is neither, or a link for something else.
    pub(crate) fn link_enter(&mut self, what: Linking, text: &str) -> Result<(), CommandError> {
        let entered = Entered::parse(text)?;
        if let Entered::Link(link) = &entered
            && link.what != what
        {
            return Err(other_kind(link.what));
        }
        self.link_cancel(Side::Guest, End::Replaced);
        let mut guest = Guest::new(what, entered, self.me.network, self.now);
        let peers: Vec<_> = self.peers.keys().copied().collect();
        let mut acts = Vec::new();
        for peer in peers {
            acts.extend(guest.peer_up(peer, &mut self.rng));
        }
        self.links.guest = Some(guest);
        self.show_linking(LinkingView {
            what,
            code: None,
            link: None,
            until: UnixMs(
                self.now
                    .wall
                    .0
                    .saturating_add(crate::limits::LINK_SEARCH_MS),
            ),
            step: LinkStep::Waiting,
        });
        self.link_acts(Side::Guest, acts);
        self.link_timer();
        self.keep_peers();
        Ok(())
    }

    /// Ends what goes on at one side.
    pub(crate) fn link_cancel(&mut self, side: Side, end: End) {
        let acts = match side {
            Side::Host => self.links.host.as_mut().map(|host| host.end(end)),
            Side::Guest => self.links.guest.as_mut().map(|guest| guest.end(end)),
        };
        self.link_acts(side, acts.unwrap_or_default());
    }

    /// Sends a message to the other side of a pairing.
    pub(crate) fn link_send(&mut self, side: Side, payload: &[u8]) {
        let acts = match side {
            Side::Host => self.links.host.as_mut().map(|host| host.send(payload)),
            Side::Guest => self.links.guest.as_mut().map(|guest| guest.send(payload)),
        };
        self.link_acts(side, acts.unwrap_or_default());
    }

    /// A frame of a pairing.
    pub(crate) fn pairing_frame(&mut self, from: NetworkKey, pairing: Pairing) {
        let Pairing { side, frame } = pairing;
        let (now, rng) = (self.now, &mut self.rng);
        let (own, acts) = match side {
            Side::Guest => (
                Side::Host,
                match &mut self.links.host {
                    Some(host) => host.frame(from, frame, now, rng),
                    None if matches!(frame, LinkFrame::Ask { .. }) => {
                        vec![Act::Send(from, LinkFrame::End { end: End::Unknown })]
                    }
                    None => Vec::new(),
                },
            ),
            Side::Host => {
                let guest = self.links.guest.as_mut();
                let acts = guest.map(|guest| guest.frame(from, frame, now));
                (Side::Guest, acts.unwrap_or_default())
            }
        };
        self.link_acts(own, acts);
        self.link_timer();
    }

    pub(crate) fn link_peer_up(&mut self, peer: NetworkKey) {
        if let Some(guest) = &mut self.links.guest {
            let acts = guest.peer_up(peer, &mut self.rng);
            self.link_acts(Side::Guest, acts);
        }
    }

    pub(crate) fn link_peer_down(&mut self, peer: NetworkKey) {
        let host = self.links.host.as_mut().map(|host| host.peer_down(peer));
        self.link_acts(Side::Host, host.unwrap_or_default());
        let guest = self.links.guest.as_mut();
        let guest = guest.map(|guest| guest.peer_down(peer));
        self.link_acts(Side::Guest, guest.unwrap_or_default());
    }

    /// The deadline of a pairing, or a clock that was set.
    pub(crate) fn link_tick(&mut self) {
        let now = self.now;
        let host = self.links.host.as_mut().map(|host| host.tick(now));
        self.link_acts(Side::Host, host.unwrap_or_default());
        let guest = self.links.guest.as_mut().map(|guest| guest.tick(now));
        self.link_acts(Side::Guest, guest.unwrap_or_default());
        self.link_timer();
    }

    fn link_timer(&mut self) {
        let host = self.links.host.as_ref().and_then(Host::due);
        let guest = self.links.guest.as_ref().and_then(Guest::due);
        match host.into_iter().chain(guest).min() {
            Some(due) => self.timers.set(Timer::Link, due),
            None => self.timers.clear(Timer::Link),
        }
    }

    fn link_acts(&mut self, side: Side, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(to, frame) => {
                    let frame = Frame::Pairing(Box::new(Pairing { side, frame }));
                    self.outbox.send(to, &frame);
                }
                Act::Fault(peer, reason) => self.outbox.penalize(peer, reason),
                Act::Ready(peer) => {
                    self.link_step(LinkStep::Talking);
                    self.link_ready(side, peer);
                }
                Act::Opened(peer, payload) => self.link_opened(side, peer, &payload),
                Act::Ended(end) => self.link_ended(side, end),
            }
        }
    }

    fn link_what(&self, side: Side) -> Option<Linking> {
        match side {
            Side::Host => self.links.host.as_ref().map(|host| host.what),
            Side::Guest => self.links.guest.as_ref().map(|guest| guest.what),
        }
    }

    /// Both sides know the code.
    fn link_ready(&mut self, side: Side, _peer: NetworkKey) {
        match (self.link_what(side), side) {
            (Some(Linking::Device), Side::Host) => self.tell_of_account(),
            (Some(Linking::Home), Side::Guest) => self.tell_of_owner(),
            // The home node waits for the owner's word.
            (Some(Linking::Home), Side::Host) => {}
            _ => self.link_cancel(side, End::Refused),
        }
    }

    /// The other side has sent a message.
    fn link_opened(&mut self, side: Side, peer: NetworkKey, payload: &[u8]) {
        match (self.link_what(side), side) {
            (Some(Linking::Device), Side::Host) => self.device_says(peer, payload),
            (Some(Linking::Home), Side::Host) => self.owner_says(peer, payload),
            (Some(Linking::Home), Side::Guest) => self.home_offers(peer, payload),
            _ => self.link_cancel(side, End::Refused),
        }
    }

    fn link_ended(&mut self, side: Side, end: End) {
        self.home_link_ended(side, end);
        self.link_step(match end {
            End::Done => LinkStep::Done,
            _ => LinkStep::Failed(end.sentence(side).to_owned()),
        });
        self.keep_peers();
    }

    /// How far a pairing is, for faces.
    fn link_step(&mut self, step: LinkStep) {
        if let Some(view) = self.links.view.clone() {
            let view = Arc::unwrap_or_clone(view);
            self.show_linking(LinkingView { step, ..view });
        }
    }

    fn show_linking(&mut self, view: LinkingView) {
        self.links.view = Some(Arc::new(view.clone()));
        self.views.node_changed();
        self.outbox.tell(Event::LinkingChanged { linking: view });
    }

    /// `device link`.
    pub(crate) fn device_link(&mut self, origin: Origin) {
        let reply = self.link_offer(Linking::Device);
        self.outbox.done(origin, Ok(reply));
    }
}

/// A link of one kind where the other is wanted.
pub(crate) fn other_kind(what: Linking) -> CommandError {
    let message = match what {
        Linking::Device => "this link adds a device to an account: enter it on the new device",
        Linking::Home => "this link pairs a home node: enter it on a device of its owner",
    };
    CommandError::new(ErrorCode::Parse, message)
}
