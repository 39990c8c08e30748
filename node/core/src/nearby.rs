//! Communities that members announce on the local network.
//!
//! Nothing is broadcast: nodes that met there find each other by names of libp2p that say nothing. Over the encrypted
//! connection each asks the other what is near, and a node that was told to announce a community answers with a
//! [`Card`]. Who wants in asks to be let in without an invite, as the community's rules allow; a community that only
//! invites is never announced.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::CommunityRef;
use alloquy_api::nearby::Announce;
use alloquy_api::reply::NearbyView;
use alloquy_api::{CommandError, ErrorCode, Event, Reply};
use alloquy_ids::{CommunityId, MonoMs, NetworkKey};
use alloquy_schema::permissions::Permissions;
use alloquy_schema::policy::JoinRule;
use rand_core::CryptoRng;

use crate::community::Community;
use crate::io::{Origin, Write};
use crate::limits::{
    ANNOUNCED_MAX, CARD_FRAMES_MAX, CARD_FRAMES_MS, CARDS_MAX, NEARBY_ANSWER_MS, NEARBY_ASK_MS,
    NEARBY_EVERY_MS,
};
use crate::node::{Node, Timer};
use crate::outbox::{After, put_bytes};
use crate::record::Key;
use crate::wire::{Card, Frame};

/// What this node announces, and what others do.
#[derive(Debug, Default)]
pub(crate) struct Nearby {
    /// What the person said; it is told as long as the rules and rights allow.
    announced: BTreeSet<CommunityId>,
    /// Connected peers that are on the local network, or have asked.
    peers: BTreeMap<NetworkKey, Neighbour>,
    /// What faces were told last.
    shown: Vec<NearbyView>,
}

/// A connected peer.
#[derive(Debug, Default)]
struct Neighbour {
    /// Whether it is on the local network.
    near: bool,
    /// When it was asked last.
    asked: Option<MonoMs>,
    /// When it asked last.
    asks: Option<MonoMs>,
    /// What it was told last.
    told: Vec<Card>,
    /// What it announces.
    cards: Vec<Card>,
    /// Answers of it since then.
    answers: (u32, MonoMs),
}

impl Nearby {
    /// A community that was announced before the start.
    pub(crate) fn restored(&mut self, id: CommunityId) {
        self.announced.insert(id);
    }

    /// Leaves out what this account was in before.
    pub(crate) fn only(&mut self, active: impl Fn(CommunityId) -> bool) {
        self.announced.retain(|id| active(*id));
    }

    pub(crate) fn announces(&self, id: CommunityId) -> bool {
        self.announced.contains(&id)
    }

    /// Peers that announce a community.
    fn with_card(&self, id: CommunityId) -> Vec<NetworkKey> {
        let announces = |peer: &Neighbour| peer.cards.iter().any(|card| card.community == id);
        let peers = self.peers.iter().filter(|(_, peer)| announces(peer));
        peers.map(|(key, _)| *key).collect()
    }
}

/// Why this account may not announce a community.
fn may_not_announce(community: &Community, rights: Permissions) -> Option<CommandError> {
    let holds = |right| rights.has(right);
    let enough = holds(Permissions::INVITE) || holds(Permissions::MANAGE_COMMUNITY);
    match community.state().policy.joins {
        JoinRule::Invite => Some(CommandError::new(
            ErrorCode::NotPermitted,
            "the community lets in by invite only: whoever sees it nearby could not ask (see `policy joins`)",
        )),
        // Where nobody is asked, whoever announces lets in.
        JoinRule::Open if !holds(Permissions::INVITE) => Some(CommandError::new(
            ErrorCode::NotPermitted,
            "this account lacks the right invite",
        )),
        JoinRule::Approval | JoinRule::Open if enough => None,
        _ => Some(CommandError::new(
            ErrorCode::NotPermitted,
            "this account lacks the rights invite and manage-community",
        )),
    }
}

impl<R: CryptoRng> Node<R> {
    /// A connected peer is on the local network, or is so no more.
    pub(crate) fn peer_near(&mut self, key: NetworkKey, near: bool) {
        if !self.peers.contains_key(&key) {
            return;
        }
        let peer = self.nearby.peers.entry(key).or_default();
        peer.near = near;
        if near {
            self.ask_nearby(key);
            self.tell_cards(key, true);
            self.set_nearby_timer();
        } else {
            peer.cards.clear();
            peer.told.clear();
            self.nearby_changed();
        }
    }

    /// The last connection to a peer is gone.
    pub(crate) fn neighbour_gone(&mut self, key: NetworkKey) {
        if self.nearby.peers.remove(&key).is_some() {
            self.nearby_changed();
        }
    }

    fn ask_nearby(&mut self, key: NetworkKey) {
        if let Some(peer) = self.nearby.peers.get_mut(&key) {
            peer.asked = Some(self.now.mono);
            self.outbox.send(key, &Frame::NearbyAsk);
        }
    }

    /// Looks for what has changed, and asks again: a frame may have been lost.
    pub(crate) fn nearby_tick(&mut self) {
        let now = self.now.mono;
        let near = self.nearby.peers.iter().filter(|(_, peer)| peer.near);
        let due = |at: Option<MonoMs>| at.is_none_or(|at| now >= at.plus(NEARBY_ASK_MS));
        let peers: Vec<_> = near.map(|(key, peer)| (*key, due(peer.asked))).collect();
        for (key, ask) in peers {
            if ask {
                self.ask_nearby(key);
            }
            self.tell_cards(key, false);
        }
        self.nearby_changed();
        self.set_nearby_timer();
    }

    fn set_nearby_timer(&mut self) {
        if !self.nearby.peers.values().any(|peer| peer.near) {
            return;
        }
        let pause = match self.nearby.announced.is_empty() {
            true => NEARBY_ASK_MS,
            false => NEARBY_EVERY_MS,
        };
        let at = self.now.mono.plus(pause);
        self.timers.set_earlier(Timer::Nearby, at);
    }

    /// What this node announces now.
    fn own_cards(&self) -> Vec<Card> {
        let announced = self.nearby.announced.iter();
        let cards = announced.filter_map(|id| {
            let community = self.communities.get(id).filter(|one| one.active)?;
            let state = community.state();
            let rights = state.permissions(self.me.account(), None);
            let name = community.name();
            if may_not_announce(community, rights).is_some() || name.is_empty() {
                return None;
            }
            let members = state.members.iter().map(|(account, _)| *account);
            let members = members.filter(|account| state.is_member(*account)).count();
            Some(Card {
                community: *id,
                name,
                member: self.me.record.name.clone(),
                members: u32::try_from(members).unwrap_or(u32::MAX),
            })
        });
        cards.take(ANNOUNCED_MAX).collect()
    }

    /// Tells a neighbour that has asked what is announced here: if it is another thing than last time, or `anyway`.
    fn tell_cards(&mut self, key: NetworkKey, anyway: bool) {
        let cards = self.own_cards();
        let Some(peer) = self.nearby.peers.get_mut(&key) else {
            return;
        };
        if peer.near && peer.asks.is_some() && (anyway || peer.told != cards) {
            peer.told.clone_from(&cards);
            self.outbox.send(key, &Frame::NearbyCard { cards });
        }
    }

    /// A peer asks what is announced here. Only who is on the local network is answered.
    pub(crate) fn nearby_asked(&mut self, from: NetworkKey) {
        let now = self.now.mono;
        if !self.peers.contains_key(&from) {
            return;
        }
        let peer = self.nearby.peers.entry(from).or_default();
        let soon = peer.asks.is_some_and(|at| now < at.plus(NEARBY_ANSWER_MS));
        if !soon {
            peer.asks = Some(now);
            self.tell_cards(from, true);
        }
    }

    /// A neighbour says what it announces.
    pub(crate) fn nearby_told(&mut self, from: NetworkKey, cards: Vec<Card>) {
        let now = self.now.mono;
        let others = self.nearby.peers.iter().filter(|(key, _)| **key != from);
        let held: usize = others.map(|(_, peer)| peer.cards.len()).sum();
        let peer = self.nearby.peers.get_mut(&from);
        let Some(peer) = peer.filter(|peer| peer.near && peer.asked.is_some()) else {
            return;
        };
        let (answers, since) = peer.answers;
        peer.answers = match now >= since.plus(CARD_FRAMES_MS) {
            true => (1, now),
            false => (answers + 1, since),
        };
        if peer.answers.0 > CARD_FRAMES_MAX {
            let reason = format!("more than {CARD_FRAMES_MAX} answers in {CARD_FRAMES_MS} ms");
            return self.outbox.penalize(from, reason);
        }
        let mut taken: Vec<Card> = Vec::new();
        for mut card in cards {
            let known = taken.iter().any(|other| other.community == card.community);
            if known || held + taken.len() >= CARDS_MAX {
                continue;
            }
            if crate::command::check_name("name", &card.name).is_err() {
                card.name = card.community.short();
            }
            if crate::command::check_name("name", &card.member).is_err() {
                card.member = from.short();
            }
            taken.push(card);
        }
        peer.cards = taken;
        self.nearby_changed();
    }

    /// What faces are shown.
    pub(crate) fn nearby_views(&self) -> Vec<NearbyView> {
        let mut views: BTreeMap<CommunityId, NearbyView> = BTreeMap::new();
        for card in self.nearby.peers.values().flat_map(|peer| &peer.cards) {
            let own = self.communities.get(&card.community);
            if own.is_none_or(|own| !own.active) {
                views.entry(card.community).or_insert_with(|| NearbyView {
                    community: card.community,
                    name: card.name.clone(),
                    member: card.member.clone(),
                    members: card.members,
                });
            }
        }
        let mut views: Vec<_> = views.into_values().collect();
        views.sort_by(|a, b| (&a.name, a.community).cmp(&(&b.name, b.community)));
        views
    }

    fn nearby_changed(&mut self) {
        let views = self.nearby_views();
        if self.nearby.shown != views {
            let count = u32::try_from(views.len()).unwrap_or(u32::MAX);
            self.nearby.shown = views;
            self.views.node_changed();
            self.outbox.tell(Event::NearbyChanged { count });
        }
    }

    /// `nearby`.
    pub(crate) fn nearby_reply(&self) -> Reply {
        let active = |id: &&CommunityId| self.communities.get(id).is_some_and(|one| one.active);
        Reply::Nearby {
            nearby: self.nearby_views(),
            announced: self
                .nearby
                .announced
                .iter()
                .filter(active)
                .copied()
                .collect(),
        }
    }

    /// `nearby COMMUNITY on|off`. On: when it is durable. Off: at once.
    pub(crate) fn nearby_announce(
        &mut self,
        origin: Origin,
        id: CommunityId,
        announce: Announce,
    ) -> Result<(), CommandError> {
        let write = match announce {
            Announce::Off => {
                self.announce_no_more(id);
                Write::Delete(Key::Nearby(id).to_key())
            }
            Announce::On => {
                if let Some(community) = self.communities.get(&id) {
                    let rights = community.state().permissions(self.me.account(), None);
                    may_not_announce(community, rights).map_or(Ok(()), Err)?;
                }
                let announced = &self.nearby.announced;
                if announced.len() >= ANNOUNCED_MAX && !announced.contains(&id) {
                    let message = format!(
                        "{} communities are announced, the limit is {ANNOUNCED_MAX}",
                        announced.len()
                    );
                    return Err(CommandError::new(ErrorCode::Limit, message));
                }
                put_bytes(&Key::Nearby(id), Vec::new())
            }
        };
        let after = After::Announced(origin, id, announce);
        self.outbox.store(vec![write], after);
        Ok(())
    }

    /// The person's word is durable.
    pub(crate) fn announce_stored(&mut self, origin: Origin, id: CommunityId, announce: Announce) {
        // Two may have been under way at once.
        let room = self.nearby.announced.len() < ANNOUNCED_MAX;
        if announce == Announce::On && (room || self.nearby.announces(id)) {
            self.nearby.announced.insert(id);
            self.views.community_changed(id);
            self.outbox.tell(Event::CommunityChanged { community: id });
            self.nearby_tick();
        }
        self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
    }

    fn announce_no_more(&mut self, id: CommunityId) -> bool {
        let was = self.nearby.announced.remove(&id);
        if was {
            self.views.community_changed(id);
            self.outbox.tell(Event::CommunityChanged { community: id });
            self.nearby_tick();
        }
        was
    }

    /// This account is in a community no more: should it come back, it is asked anew whether to announce it.
    pub(crate) fn nearby_left(&mut self, id: CommunityId) {
        if self.announce_no_more(id) {
            let write = Write::Delete(Key::Nearby(id).to_key());
            self.outbox.store(vec![write], After::Nothing);
        }
    }

    /// `nearby join COMMUNITY`: asks those who announce it.
    pub(crate) fn nearby_join(
        &mut self,
        origin: Origin,
        reference: &CommunityRef,
    ) -> Result<(), CommandError> {
        let text = reference.0.as_str();
        let views = self.nearby_views();
        let is_it = |view: &&NearbyView| match text.parse::<CommunityId>() {
            Ok(id) => view.community == id,
            Err(_) => view.name == text,
        };
        let found: Vec<_> = views.iter().filter(is_it).collect();
        let view = match found.as_slice() {
            [one] => (*one).clone(),
            [] => {
                let message = format!("nobody on this network announces a community {text:?}");
                return Err(CommandError::new(ErrorCode::UnknownName, message));
            }
            several => {
                let ids: Vec<_> = several
                    .iter()
                    .map(|view| view.community.to_string())
                    .collect();
                let message = format!(
                    "{} communities nearby are named {text:?}: {}",
                    ids.len(),
                    ids.join(", ")
                );
                return Err(CommandError::new(ErrorCode::AmbiguousName, message));
            }
        };
        let peers = self.nearby.with_card(view.community);
        self.join_nearby(origin, view.community, view.name, peers)
    }
}
