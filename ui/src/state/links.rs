//! `alloquy://` links: invites, and places in communities.

use alloquy_api::limits::LINK_BYTES_MAX;
use alloquy_ids::{ChannelId, CommunityId, EventId};

use super::{Overlay, Tone, UiState};
use crate::action::Action;
use crate::effect::Effect;
use crate::model::{Model, Phase};
use crate::text;
use crate::words::say;

/// What every invite link begins with.
pub(crate) const JOIN: &str = "alloquy://join/";
/// What every contact link begins with.
pub(crate) const CONTACT: &str = "alloquy://contact/";
/// What the link of another device or a home node, to be paired with, begins with.
const LINK: &str = "alloquy://link/";
/// What every link to a message begins with.
const MESSAGE: &str = "alloquy://message/";
/// Characters of a wrong link that are shown back: enough to know it again.
const SHOWN_MAX: usize = 60;

/// What a person typed or pasted as an invite link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pasted {
    /// Nothing yet.
    Empty,
    /// It looks like one: the node can tell what it says.
    Link(String),
    /// It looks like a contact link.
    Contact(String),
    /// It can not be one, and why.
    Wrong(String),
}

/// Judges a pasted link without asking anybody.
pub(crate) fn pasted(text: &str) -> Pasted {
    let link = text.trim();
    if link.is_empty() {
        return Pasted::Empty;
    }
    if link.len() > LINK_BYTES_MAX {
        return Pasted::Wrong(say::link_too_long(link.len(), LINK_BYTES_MAX));
    }
    if link.starts_with(CONTACT) {
        return pasted_contact(link);
    }
    match link.strip_prefix(JOIN) {
        None if CONTACT.starts_with(link) => Pasted::Empty,
        None if JOIN.starts_with(link) => Pasted::Empty,
        None => Pasted::Wrong(say::link_no_invite(text::clean(link, SHOWN_MAX), JOIN)),
        Some("") => Pasted::Wrong(say::link_ends_early().to_owned()),
        Some(rest) if rest.contains(char::is_whitespace) => {
            Pasted::Wrong(say::link_gap().to_owned())
        }
        Some(_) => Pasted::Link(link.to_owned()),
    }
}

/// Judges a pasted contact link without asking anybody.
pub(crate) fn pasted_contact(text: &str) -> Pasted {
    let link = text.trim();
    if link.is_empty() || CONTACT.starts_with(link) {
        return match link {
            CONTACT => Pasted::Wrong(say::link_ends_early().to_owned()),
            _ => Pasted::Empty,
        };
    }
    if link.len() > LINK_BYTES_MAX {
        return Pasted::Wrong(say::link_too_long(link.len(), LINK_BYTES_MAX));
    }
    match link.strip_prefix(CONTACT) {
        None => Pasted::Wrong(say::link_no_contact(text::clean(link, SHOWN_MAX), CONTACT)),
        Some(rest) if rest.contains(char::is_whitespace) => {
            Pasted::Wrong(say::link_gap().to_owned())
        }
        Some(_) => Pasted::Contact(link.to_owned()),
    }
}

/// A place that a link names.
fn message_place(rest: &str) -> Option<(CommunityId, ChannelId, EventId)> {
    let mut parts = rest.split('/');
    let place = (
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    parts.next().is_none().then_some(place)
}

impl UiState {
    /// Opens an `alloquy://` link: an invite shows its card, a message is gone to, anything else is told to be
    /// no link that the window knows. The application calls it for links that come from outside; in the window
    /// a click on one does the same.
    pub fn open_link(&mut self, link: &str, model: &Model) -> Vec<Effect> {
        let now = model.clock.now;
        let link = link.trim();
        if link.starts_with(JOIN) {
            return match pasted(link) {
                Pasted::Link(link) => {
                    self.forms.link = link;
                    self.forms.join_error = None;
                    self.apply(Action::Open(Overlay::JoinCard), model)
                }
                Pasted::Wrong(why) => {
                    self.toast(Tone::Bad, why, now);
                    Vec::new()
                }
                Pasted::Empty | Pasted::Contact(_) => Vec::new(),
            };
        }
        if link.starts_with(CONTACT) {
            // Shown first: whoever clicks a link in a message has not decided to add anybody.
            let effects = self.apply(Action::Open(Overlay::ContactLink), model);
            self.personal.adding = true;
            link.clone_into(&mut self.personal.contact);
            return effects;
        }
        if link.starts_with(LINK) {
            let effects = self.apply(Action::Open(Overlay::PairHome), model);
            link.clone_into(&mut self.personal.code);
            return effects;
        }
        let Some((community, channel, message)) =
            link.strip_prefix(MESSAGE).and_then(message_place)
        else {
            let shown = text::clean(link, SHOWN_MAX);
            let why = say::link_unknown(shown);
            self.toast(Tone::Bad, why, now);
            return Vec::new();
        };
        if model.community(community).is_none() {
            let why = say::link_no_member();
            self.toast(Tone::Bad, why, now);
            return Vec::new();
        }
        if model.channel(community, channel).is_none() {
            let why = say::link_no_channel();
            self.toast(Tone::Bad, why, now);
            return Vec::new();
        }
        self.apply(Action::GoMessage(community, channel, message), model)
    }

    /// Asks what the link says whose card is shown, once, as soon as the node can be asked.
    pub(super) fn inspect_link(&mut self, model: &Model) -> Vec<Effect> {
        let asked_for = matches!(self.top(), Some(Overlay::JoinCard | Overlay::AddCommunity));
        if !asked_for || model.phase != Phase::Running || model.snapshot.account.is_none() {
            return Vec::new();
        }
        let Pasted::Link(link) = pasted(&self.forms.link) else {
            return Vec::new();
        };
        if self.forms.inspecting.as_ref() == Some(&link) {
            return Vec::new();
        }
        self.inspect(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_text_is_judged_without_asking() {
        assert_eq!(pasted("  "), Pasted::Empty);
        assert_eq!(pasted("alloquy://jo"), Pasted::Empty);
        assert_eq!(
            pasted(" alloquy://join/abc\n"),
            Pasted::Link("alloquy://join/abc".to_owned())
        );
        for wrong in [
            "https://example.org/join/abc",
            "alloquy://join/",
            "alloquy://join/ab c",
            "hello",
        ] {
            assert!(matches!(pasted(wrong), Pasted::Wrong(_)), "{wrong}");
        }
        let long = format!("{JOIN}{}", "a".repeat(LINK_BYTES_MAX));
        let Pasted::Wrong(why) = pasted(&long) else {
            panic!("over the limit");
        };
        assert!(why.contains("8207") && why.contains("8192"), "{why}");
    }

    #[test]
    fn a_contact_link_is_told_from_an_invite() {
        let link = format!("{CONTACT}abc");
        assert_eq!(pasted(&link), Pasted::Contact(link.clone()));
        assert_eq!(pasted_contact(&format!(" {link} ")), Pasted::Contact(link));
        assert_eq!(pasted_contact("alloquy://con"), Pasted::Empty);
        for wrong in [
            "alloquy://join/abc",
            CONTACT,
            "alloquy://contact/a b",
            "hello",
        ] {
            assert!(matches!(pasted_contact(wrong), Pasted::Wrong(_)), "{wrong}");
        }
        let long = format!("{CONTACT}{}", "a".repeat(LINK_BYTES_MAX));
        let Pasted::Wrong(why) = pasted_contact(&long) else {
            panic!("over the limit");
        };
        assert!(why.contains("8210") && why.contains("8192"), "{why}");
    }

    #[test]
    fn a_place_has_three_ids_and_nothing_after_them() {
        let id = EventId([3; 32]);
        let text = format!("{id}/{id}/{id}");
        assert!(message_place(&text).is_some());
        assert!(message_place(&format!("{text}/x")).is_none());
        assert!(message_place("a/b/c").is_none());
        assert!(message_place(&format!("{id}/{id}")).is_none());
    }
}
