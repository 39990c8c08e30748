//! The owner's side: which home nodes this account has, what they are to keep, and what they say.

use std::collections::BTreeMap;

use alloquy_api::reply::HomeView;
use alloquy_ids::{CommunityId, DeviceId, MonoMs, NetworkKey};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::{
    CATCH_UP_BYTES_MAX, CONTACT_DEVICES_MAX, FULL_SLACK_BYTES, HOME_ANSWER_EVERY_MS,
    HOME_ASKED_DOUBLINGS_MAX, HOME_STATUS_EVERY_MS, HOMES_EARLY_MAX, HOMES_TOLD_MAX,
    INVITE_OTHERS_ADDRESSES_MAX, RANGES_PER_FRAME_MAX,
};
use crate::node::{Node, Timer};
use crate::wire::Frame;
use crate::wire::home::{HomeAddresses, HomeStatus, HomeStore, Keeping};

/// Beginning of the name under which it is kept that home nodes keep a community; its id follows.
pub(crate) const STORED_PREFIX: &str = "settings/home/";
/// Beginning of the name under which it is kept how much of a community home nodes keep; its id follows. The text is
/// bytes and days.
pub(crate) const LIMIT_PREFIX: &str = "settings/home-limit/";

/// What a home node was told about a community.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// How much to keep; `None`: nothing.
    wish: Option<Keeping>,
    /// It was given what a copy begins with.
    begun: bool,
    /// When it was told that last.
    at: MonoMs,
    /// How often it was told the same before.
    times: u32,
}

impl<R: CryptoRng> Node<R> {
    /// Home nodes of this account, by network key.
    pub(crate) fn own_homes(&self) -> BTreeMap<NetworkKey, DeviceId> {
        let homes = self.me.identity.identity().homes.iter();
        homes.map(|(home, key)| (*key, *home)).collect()
    }

    /// Home nodes of this account with the addresses that are known, for a contact link.
    pub(crate) fn own_home_places(&self) -> Vec<(NetworkKey, Vec<String>)> {
        let homes = self.own_homes().into_keys();
        let known = homes.map(|key| (key, self.first_addresses(key)));
        known
            .filter(|(_, addresses)| !addresses.is_empty())
            .take(CONTACT_DEVICES_MAX)
            .collect()
    }

    /// The first addresses of a peer that are known, for links: they stay short.
    pub(crate) fn first_addresses(&self, key: NetworkKey) -> Vec<String> {
        let known = self.book.of.get(&key).into_iter().flatten();
        known.take(INVITE_OTHERS_ADDRESSES_MAX).cloned().collect()
    }

    /// Whether home nodes of this account are to keep a community: conversations always.
    pub(crate) fn wants_kept(&self, id: CommunityId) -> bool {
        let Some(community) = self.communities.get(&id).filter(|one| one.active) else {
            return false;
        };
        match community.state().kind {
            CommunityKind::Group | CommunityKind::Direct => true,
            CommunityKind::Community => {
                let text = self.kept.get(&format!("{STORED_PREFIX}{id}"));
                text.is_some_and(|text| &**text == "on")
            }
        }
    }

    /// A peer says that it is a home node and what it keeps: an own one is told what it is to keep.
    pub(crate) fn home_says(&mut self, from: NetworkKey, says: HomeStatus) {
        if !self.own_homes().contains_key(&from) {
            return;
        }
        let kept: BTreeMap<_, _> = says
            .kept
            .iter()
            .map(|part| (part.community, part.keeping))
            .collect();
        let is_full = |says: &HomeStatus| says.bytes.saturating_add(FULL_SLACK_BYTES) > says.quota;
        if is_full(&says)
            && self
                .home
                .said
                .get(&from)
                .is_none_or(|(old, _)| !is_full(old))
        {
            tracing::warn!(
                "the home node keeps {} B of {} B: it takes nothing new, nothing is lost here",
                says.bytes,
                says.quota
            );
        }
        let wall = self.wall();
        self.home.said.insert(from, (says, wall));
        self.views.node_changed();
        self.fetch_by_words(from, &kept.keys().copied().collect::<Vec<_>>());
        let all: Vec<_> = self.communities.keys().copied().collect();
        for id in all {
            let wanted = self.wants_kept(id);
            let there = kept.get(&id).copied();
            if wanted && there != Some(self.keeping(id)) {
                // Another device may have ended a limit that still stands here.
                let shorter = there.is_some_and(|there| self.keeping(id).is_shorter(there));
                if !shorter || self.settings_are_current() {
                    self.ask_home(from, id, true);
                }
            } else if !wanted && there.is_some() && self.is_forgettable(id) {
                self.ask_home(from, id, false);
            } else {
                self.home.asked.remove(&(from, id));
            }
        }
        self.end_words();
    }

    /// Whether settings of other devices of the account are known here: some copy of the self document was found equal
    /// over a connection that stands, and all of it can be read.
    fn settings_are_current(&self) -> bool {
        let me = self.me.device();
        let devices = &self.me.identity.identity().devices;
        if devices.keys().all(|device| *device == me) {
            return true;
        }
        let readable = self
            .own_community()
            .is_some_and(|own| own.content.missing_bodies().is_empty());
        let mut sessions = self.peers.values().map(|peer| &peer.sessions);
        let equal = |session: &crate::peers::Session| session.equal;
        readable && sessions.any(|of| of.get(&self.own.id).is_some_and(equal))
    }

    /// Tells a home node, unprompted, what it is to keep: at once, and if it goes on saying otherwise less and less
    /// often.
    fn ask_home(&mut self, home: NetworkKey, id: CommunityId, keep: bool) {
        let wish = keep.then(|| self.keeping(id));
        let asked = self.home.asked.get(&(home, id));
        let same =
            |asked: &&Asked| asked.wish == wish && (asked.begun || self.is_kept_at(home, id));
        if let Some(asked) = asked.filter(same) {
            let wait = HOME_STATUS_EVERY_MS << asked.times.min(HOME_ASKED_DOUBLINGS_MAX);
            if self.now.mono < asked.at.plus(wait) {
                return;
            }
        }
        self.send_home_store(home, id, keep);
    }

    /// How much of a community home nodes keep for this account.
    pub(crate) fn keeping(&self, id: CommunityId) -> Keeping {
        let text = self.kept.get(&format!("{LIMIT_PREFIX}{id}"));
        let mut numbers = text.into_iter().flat_map(|text| text.split(' '));
        let mut next = || numbers.next().and_then(|number| number.parse::<u64>().ok());
        Keeping {
            bytes: next().unwrap_or_default(),
            days: next()
                .and_then(|days| u32::try_from(days).ok())
                .unwrap_or_default(),
        }
    }

    /// Whether a home node need not keep what it keeps: `home store off`, or the account is no member any more.
    fn is_forgettable(&self, id: CommunityId) -> bool {
        let off = self.kept.get(&format!("{STORED_PREFIX}{id}"));
        let left = self.communities.get(&id).is_some_and(|one| !one.active);
        left || (off.is_some_and(|text| &**text == "off") && self.settings_are_current())
    }

    /// Tells connected home nodes of this account what they are to keep.
    pub(crate) fn tell_homes_to_keep(&mut self, id: CommunityId, keep: bool) {
        for home in self.own_homes().into_keys() {
            if self.peers.contains_key(&home) {
                self.send_home_store(home, id, keep);
            }
        }
    }

    /// Whether a home node says that it keeps a community for this account.
    fn is_kept_at(&self, home: NetworkKey, id: CommunityId) -> bool {
        let said = self.home.said.get(&home);
        said.is_some_and(|(says, _)| says.kept.iter().any(|part| part.community == id))
    }

    fn send_home_store(&mut self, to: NetworkKey, id: CommunityId, keep: bool) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let keeping = self.keeping(id);
        let mut ranges = Vec::new();
        // What it keeps already it needs not be given again.
        if keep && !self.is_kept_at(to, id) {
            let mut events: Vec<_> = community.authority.dag().iter().cloned().collect();
            events.sort_by_key(VerifiedEvent::order_key);
            let mut bytes = 0;
            for range in community.pack_blind(id.into(), &events) {
                let range = range.to_bytes();
                bytes += range.len();
                if bytes > CATCH_UP_BYTES_MAX || ranges.len() >= RANGES_PER_FRAME_MAX {
                    break;
                }
                ranges.push(range);
            }
            if ranges.is_empty() {
                return;
            }
        }
        let store = HomeStore {
            community: id,
            keep,
            keeping,
            ranges,
        };
        let wish = keep.then_some(keeping);
        if let Some((says, _)) = self.home.said.get_mut(&to).filter(|_| !keep) {
            says.kept.retain(|part| part.community != id);
        }
        let before = self.home.asked.get(&(to, id));
        let same = before.filter(|asked| asked.wish == wish);
        let asked = Asked {
            wish,
            begun: !store.ranges.is_empty(),
            at: self.now.mono,
            times: same.map_or(0, |asked| asked.times.saturating_add(1)),
        };
        self.home.asked.insert((to, id), asked);
        self.outbox.send(to, &Frame::HomeStore(Box::new(store)));
    }

    /// Tells a member where home nodes of this account are reached, and in a conversation those of all.
    pub(crate) fn tell_home_addresses(&mut self, to: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id).filter(|one| one.active) else {
            return;
        };
        let me = self.me.account();
        let all = community.state().kind != CommunityKind::Community;
        let told = community
            .homes
            .iter()
            .filter(|(_, of)| all || of.iter().any(|(account, _)| *account == me))
            .filter_map(|(key, _)| Some((*key, self.book.of.get(key)?.clone())))
            .filter(|(_, addresses)| !addresses.is_empty())
            .take(HOMES_TOLD_MAX);
        let of: Vec<_> = told.collect();
        if !of.is_empty() {
            let frame = Frame::Homes(Box::new(HomeAddresses { community: id, of }));
            self.outbox.send(to, &frame);
        }
    }

    /// Home nodes of this account are reached elsewhere: connected members are told.
    pub(crate) fn tell_all_home_addresses(&mut self) {
        let all: Vec<_> = self.communities.keys().copied().collect();
        for id in all {
            for party in self.connected_parties(id) {
                self.tell_home_addresses(party, id);
            }
        }
    }

    /// A member says where home nodes are reached. A false address leads to nobody with the right key; of own home
    /// nodes only own devices and they themselves are believed.
    pub(crate) fn home_addresses(&mut self, from: NetworkKey, told: HomeAddresses) {
        let Some(community) = self.communities.get(&told.community) else {
            return;
        };
        let me = self.me.account();
        let own = community.member_of(from);
        let own = own.is_some_and(|(account, _)| account == me);
        let (known, mut early): (Vec<_>, Vec<_>) = told
            .of
            .into_iter()
            .filter(|(key, _)| *key != self.me.network)
            .partition(|(key, _)| community.is_home(*key));
        early.truncate(HOMES_EARLY_MAX);
        if let Some(session) = self.session(from, told.community) {
            session.early_homes = early;
        }
        for (key, addresses) in known {
            if own || key == from {
                self.peer_addresses(key, addresses);
            } else {
                self.told_addresses(key, addresses);
            }
        }
    }

    /// There are other home nodes than before: connected members hear where they are reached, and what was said of
    /// them too early counts now.
    pub(crate) fn homes_changed(&mut self, id: CommunityId) {
        for party in self.connected_parties(id) {
            self.tell_home_addresses(party, id);
            let early = self.session(party, id);
            let of = early.map(|session| std::mem::take(&mut session.early_homes));
            let of = of.unwrap_or_default();
            if !of.is_empty() {
                self.home_addresses(party, HomeAddresses { community: id, of });
            }
        }
    }

    /// Events held here of what home nodes are to keep that one of them, as it says, has not got.
    fn behind(&self, says: &HomeStatus) -> u64 {
        let of = |id: &CommunityId| {
            let mut kept = says.kept.iter();
            let there = kept.find(|part| part.community == *id);
            let here = self.communities.get(id).map_or(0, |one| one.events_held());
            here.saturating_sub(there.map_or(0, |part| part.events))
        };
        let wanted = self.communities.keys().filter(|id| self.wants_kept(**id));
        wanted.map(of).sum()
    }

    /// Whether a connected home node of this account holds events that are not here. One that is full claims to hold
    /// more when copies are compared, so that nobody asks for room: what it says of itself is right.
    pub(crate) fn own_home_is_ahead(&self, community: &Community) -> bool {
        let ahead = |home: NetworkKey| {
            let peer = self.peers.get(&home)?;
            let session = peer.sessions.get(&community.id)?;
            let seen = session.seen.filter(|_| !session.equal)?;
            let shared = self.places_with(community, home);
            let places = shared.into_iter().map(|(_, place)| place);
            let here = community.events_in(places.chain([Place::Authority]));
            let said = self.home.said.get(&home);
            let mut kept = said.into_iter().flat_map(|(says, _)| &says.kept);
            let part = kept.find(|part| part.community == community.id);
            let really = part.is_none_or(|part| part.events > community.events_held());
            Some(seen.events > here && really)
        };
        let mut homes = self.own_homes().into_keys();
        homes.any(|home| ahead(home) == Some(true))
    }

    /// Home nodes of this account as faces show them.
    pub(crate) fn home_views(&self) -> Vec<HomeView> {
        let view = |(key, device): (NetworkKey, DeviceId)| {
            let said = self.home.said.get(&key);
            let connected = self.peers.contains_key(&key);
            HomeView {
                device,
                name: device.short(),
                connected,
                seen: said.map(|(_, at)| *at),
                bytes: said.map(|(says, _)| says.bytes),
                quota: said.map(|(says, _)| says.quota),
                keeps: said
                    .map(|(says, _)| says.kept.iter().map(|part| part.community).collect())
                    .unwrap_or_default(),
                behind: said.map(|(says, _)| self.behind(says)),
            }
        };
        self.own_homes().into_iter().map(view).collect()
    }

    /// Own events that a full home node refused stay with their writer: they are offered again when it has room.
    pub(crate) fn refused_for_room(&mut self, id: CommunityId) -> usize {
        tracing::warn!(
            community = %id.short(),
            "the quota of this home node is used up: nothing new is taken"
        );
        let told = self.home.told.values().max();
        let next = told.map_or(self.now.mono, |at| at.plus(HOME_ANSWER_EVERY_MS));
        let at = next.max(self.now.mono);
        self.timers.set_earlier(Timer::HomeStatus, at);
        0
    }
}
