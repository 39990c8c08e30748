//! What is another way in a new snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::personal::DirectKind;
use alloquy_api::reply::{ChannelView, MemberView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, UnixMs};

use super::metadata::in_voice;
use super::rooms::{self, Kind, Room};
use super::{COMMUNITY, Key, Person, World, away_text};
use crate::limits::CHANNEL_BYTES_MAX;
use crate::names::{self, KEPT_SLUG, fold};
use crate::pending::Pending;

/// One thing that is another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A room is not seen any more, or was left.
    Gone(Room),
    /// A room has another name.
    Renamed(Room, Room),
    /// A room has another topic.
    Topic(ChannelId),
    /// A room has another display name, whatever becomes of it in IRC.
    Called(ChannelId),
    /// Somebody sees a room now.
    Came(ChannelId, AccountId),
    /// Somebody sees it no more: the mask.
    Went(ChannelId, AccountId, String),
    /// Nothing is known of somebody any more: the nick.
    Forgotten(String),
    /// Somebody has another nick: the mask before.
    Nick(AccountId, String),
    /// The same, of somebody who only asked to write and is known now, or the other way round.
    Known(AccountId, String),
    /// Somebody has another display name.
    Name(AccountId),
    /// Somebody who was not known is here.
    Appeared(AccountId),
    /// Somebody is away, or back.
    Away(AccountId),
    /// Somebody's profile says another thing.
    Profile(AccountId, Key),
    /// These of a community are others.
    Community(CommunityId, Vec<&'static str>),
    /// Somebody's prefixes: those before, and those now.
    Modes(CommunityId, AccountId, String, String),
    /// Whether only some may write in a room is another way.
    Moderated(ChannelId, bool),
    /// Masks of a community's list of bans that are not there any more, and those that are new.
    Bans(CommunityId, Vec<String>, Vec<String>),
    /// Who has come into voice in a room, and who has left it.
    Voice(ChannelId, Vec<AccountId>, Vec<AccountId>),
}

impl World {
    /// Takes a snapshot. The first one changes nothing: it is how things are.
    pub(crate) fn update(&mut self, snapshot: &Arc<Snapshot>, now: UnixMs) -> Vec<Change> {
        if Arc::ptr_eq(&self.snapshot, snapshot) {
            return Vec::new();
        }
        let first = !self.is_ready();
        let old = std::mem::replace(&mut self.snapshot, Arc::clone(snapshot));
        let mut changes = Vec::new();
        self.update_people(&old, &mut changes);
        self.update_rooms(&mut changes);
        for (id, community) in &snapshot.communities {
            if let Some(before) = old.communities.get(id) {
                if community.direct.is_none() {
                    let name = (before.name != community.name).then_some(COMMUNITY);
                    let about = (before.topic != community.topic).then_some("about");
                    let keys: Vec<_> = name.into_iter().chain(about).collect();
                    if !keys.is_empty() {
                        changes.push(Change::Community(*id, keys));
                    }
                }
                called(before, community, &mut changes);
                moderated(before, community, &mut changes);
                banned((*id, now), (before, community), &mut changes);
                voice(before, community, &mut changes);
                self.members_changed(*id, (before, community), &mut changes);
            }
        }
        self.forget_people(&mut changes);
        if first {
            changes.clear();
        }
        changes
    }

    fn update_people(&mut self, old: &Snapshot, changes: &mut Vec<Change>) {
        let snapshot = Arc::clone(&self.snapshot);
        let mut all: BTreeMap<AccountId, (&str, Option<&MemberView>)> = BTreeMap::new();
        let mut says: BTreeMap<AccountId, (Option<&str>, Option<&str>)> = BTreeMap::new();
        for contact in snapshot.contacts.iter() {
            all.insert(contact.account, (&contact.name, None));
        }
        for direct in snapshot
            .directs
            .iter()
            .filter(|direct| direct.kind == DirectKind::Two)
        {
            for account in &direct.accounts {
                all.entry(*account).or_insert((&direct.name, None));
            }
        }
        for community in snapshot.communities.values() {
            for member in community.members.iter() {
                let entry = all.entry(member.account).or_insert((&member.name, None));
                // Conversations hold no names of their own: only what nobody else says of somebody.
                if community.direct.is_none() {
                    entry.0 = &member.name;
                }
                if entry.1.is_none_or(|before| !before.online) {
                    entry.1 = Some(member);
                }
                let said = says.entry(member.account).or_default();
                said.0 = said.0.or(member.about.as_deref());
                said.1 = said.1.or(member.status.as_deref());
            }
        }
        if let Some(me) = snapshot.account {
            all.insert(me, (&snapshot.name, all.get(&me).and_then(|found| found.1)));
            // The own nick is taken first, so that nobody else's name moves it.
            self.rename(me, (&snapshot.name, false), changes);
        }
        // Who only asks to write comes last, whatever it is called.
        let requests = snapshot.dm_requests.iter();
        let mut asking: BTreeMap<AccountId, &str> = requests
            .map(|request| (request.account, request.name.as_str()))
            .collect();
        asking.retain(|account, _| !all.contains_key(account));
        let asking = asking
            .into_iter()
            .map(|(account, name)| (account, (name, None), true));
        let known = all
            .into_iter()
            .map(|(account, known)| (account, known, false));
        for (account, (name, member), asks) in known.chain(asking) {
            let account = &account;
            let is_new = !self.people.contains_key(account);
            self.rename(*account, (name, asks), changes);
            let online = snapshot
                .contacts
                .iter()
                .any(|c| c.account == *account && c.online);
            let away = match member {
                Some(member) => away_text(member),
                None if online => None,
                None => Some("unreachable".to_owned()),
            };
            let person = self.people.get_mut(account).expect("named just before");
            let (about, status) = says.get(account).copied().unwrap_or_default();
            let parts = [
                (Key::About, &mut person.about, about),
                (Key::Status, &mut person.status, status),
            ];
            for (key, was, is) in parts {
                if was.as_deref() != is {
                    *was = is.map(str::to_owned);
                    changes.push(Change::Profile(*account, key));
                }
            }
            if is_new && away.is_none() {
                changes.push(Change::Appeared(*account));
            }
            if person.away != away {
                person.away = away;
                // Of who is new it is told when they come in.
                if old.account.is_some() && !is_new {
                    changes.push(Change::Away(*account));
                }
            }
        }
    }

    fn rename(
        &mut self,
        account: AccountId,
        (name, asks): (&str, bool),
        changes: &mut Vec<Change>,
    ) {
        let before = self.people.get(&account).map(
            |Person {
                 nick, name, asks, ..
             }| (nick.clone(), name.clone(), *asks),
        );
        let mask = self.mask(account);
        self.name(account, (name, asks));
        let Some((nick, old_name, asked)) = before else {
            return;
        };
        let now = &self.people[&account];
        if now.asks != asked {
            changes.push(Change::Known(account, mask));
        } else if now.nick != nick {
            changes.push(Change::Nick(account, mask));
        }
        if now.name != old_name {
            changes.push(Change::Name(account));
        }
    }

    fn update_rooms(&mut self, changes: &mut Vec<Change>) {
        let snapshot = Arc::clone(&self.snapshot);
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut rooms: BTreeMap<ChannelId, Room> = BTreeMap::new();
        for (id, community) in &snapshot.communities {
            let room = |kind, name, channel: &ChannelView| Room {
                community: *id,
                channel: channel.channel,
                kind,
                name,
                topic: match community.direct {
                    None => channel.topic.clone(),
                    Some(_) => community.topic.clone(),
                },
            };
            let kind = match community.direct {
                None => Kind::Channel,
                Some(DirectKind::Group) => Kind::Group,
                Some(DirectKind::Notes) => Kind::Notes,
                Some(DirectKind::Two) => {
                    let other = snapshot
                        .directs
                        .iter()
                        .find(|direct| direct.community == *id);
                    let Some(account) = other.and_then(|direct| direct.accounts.first()) else {
                        continue;
                    };
                    Kind::Two(*account)
                }
            };
            let shown = |channel: &&ChannelView| channel.kind != ChannelKind::Category;
            for channel in community.channels.iter().filter(shown) {
                let name = match kind {
                    Kind::Channel if self.lobby == Some(*id) => {
                        format!("#{}", names::channel(&channel.name))
                    }
                    Kind::Channel => format!(
                        "#{}/{}",
                        self.slug(*id, community),
                        names::channel(&channel.name)
                    ),
                    Kind::Group => format!("#dm/{}", names::channel(&community.name)),
                    Kind::Two(_) | Kind::Notes => String::new(),
                };
                let name = match name.is_empty() {
                    true => name,
                    // Whoever had the name keeps it.
                    false => names::free(&name, CHANNEL_BYTES_MAX, |name| {
                        let holder = self.by_name.get(name);
                        names.contains(name)
                            || holder.is_some_and(|of| {
                                *of != channel.channel && self.is_still_there(*of)
                            })
                    }),
                };
                names.insert(fold(&name));
                rooms.insert(channel.channel, room(kind, name, channel));
            }
        }
        let old = std::mem::replace(&mut self.rooms, rooms);
        let named = self.rooms.values().filter(|room| !room.name.is_empty());
        self.by_name = named.map(|room| (fold(&room.name), room.channel)).collect();
        for (channel, before) in old {
            match self.rooms.get(&channel) {
                None => changes.push(Change::Gone(before)),
                Some(now) if now.name != before.name => {
                    changes.push(Change::Renamed(before, now.clone()))
                }
                Some(now) if now.topic != before.topic => changes.push(Change::Topic(channel)),
                Some(_) => {}
            }
        }
    }

    fn is_still_there(&self, channel: ChannelId) -> bool {
        let mut channels = self
            .snapshot
            .communities
            .values()
            .flat_map(|of| of.channels.iter());
        channels.any(|view| view.channel == channel)
    }

    /// Who sees which rooms now and did not before, and the other way round; and whose prefixes are others.
    fn members_changed(
        &self,
        id: CommunityId,
        (before, now): (&CommunitySnapshot, &CommunitySnapshot),
        changes: &mut Vec<Change>,
    ) {
        let same_members = Arc::ptr_eq(&before.members, &now.members);
        let same_roles = Arc::ptr_eq(&before.roles, &now.roles) || before.roles == now.roles;
        if same_members && same_roles && Arc::ptr_eq(&before.channels, &now.channels) {
            return;
        }
        let rooms = both(before, now);
        if same_members && same_roles && !rooms.iter().any(|room| room.touched) {
            return;
        }
        let (old, new) = (by_account(before), by_account(now));
        for (account, member) in old.iter().filter(|(account, _)| !new.contains_key(account)) {
            let seen = rooms
                .iter()
                .filter(|room| rooms::sees(before, room.old, member));
            changes.extend(
                seen.map(|room| Change::Went(room.new.channel, *account, self.mask(*account))),
            );
        }
        for (account, member) in &new {
            let earlier = old.get(account);
            let same_standing = same_roles
                && earlier.is_some_and(|earlier| {
                    earlier.roles == member.roles && earlier.owner == member.owner
                });
            for room in rooms.iter().filter(|room| room.touched || !same_standing) {
                let was = earlier.is_some_and(|earlier| rooms::sees(before, room.old, earlier));
                let is = rooms::sees(now, room.new, member);
                let channel = room.new.channel;
                match (was, is) {
                    (false, true) => changes.push(Change::Came(channel, *account)),
                    (true, false) => {
                        changes.push(Change::Went(channel, *account, self.mask(*account)));
                    }
                    _ => {}
                }
            }
            let Some(earlier) = earlier else {
                continue;
            };
            let was = rooms::prefixes(before, earlier);
            let is = rooms::prefixes(now, member);
            if was != is {
                changes.push(Change::Modes(id, *account, was, is));
            }
        }
    }

    /// Forgets those whom nothing names any more: a community was left, or they left it.
    fn forget_people(&mut self, changes: &mut Vec<Change>) {
        let snapshot = Arc::clone(&self.snapshot);
        let contacts = snapshot.contacts.iter().map(|contact| contact.account);
        let directs = snapshot.directs.iter();
        let requests = snapshot.dm_requests.iter();
        let communities = snapshot.communities.values();
        let named: BTreeSet<AccountId> = contacts
            .chain(directs.flat_map(|direct| direct.accounts.iter().copied()))
            .chain(communities.flat_map(|of| of.members.iter().map(|member| member.account)))
            .chain(requests.map(|request| request.account))
            .chain(snapshot.account)
            .collect();
        let gone: Vec<AccountId> = self
            .people
            .keys()
            .filter(|account| !named.contains(account))
            .copied()
            .collect();
        for account in gone {
            if let Some(person) = self.forget(account)
                && person.away.is_none()
            {
                changes.push(Change::Forgotten(person.nick));
            }
        }
    }

    /// The first part of the names of a community's channels: given once, kept for good.
    fn slug(&mut self, id: CommunityId, community: &CommunitySnapshot) -> String {
        if let Some(slug) = self.slugs.get(&id) {
            return slug.clone();
        }
        let key = names::kept_slug(id);
        if let Some(kept) = self.snapshot.kept.get(&key) {
            let slug = kept.to_string();
            self.slugs.insert(id, slug.clone());
            return slug;
        }
        let kept: BTreeSet<String> = self
            .snapshot
            .kept
            .range(KEPT_SLUG.to_owned()..)
            .take_while(|(name, _)| name.starts_with(KEPT_SLUG))
            .map(|(_, slug)| slug.to_string())
            .collect();
        let taken =
            |slug: &str| kept.contains(slug) || self.slugs.values().any(|known| known == slug);
        let slug = names::free_slug(&community.name, taken);
        // A name that has not arrived yet is none to keep.
        if community.name.is_empty() {
            return slug;
        }
        self.slugs.insert(id, slug.clone());
        let keep = Command::Keep {
            name: key,
            value: slug.clone(),
        };
        self.order(keep, Pending::Quiet);
        slug
    }
}

/// Rooms of a community that are called another way: a conversation has one, and its name.
fn called(before: &CommunitySnapshot, now: &CommunitySnapshot, changes: &mut Vec<Change>) {
    let is_conversation = now.direct.is_some();
    if is_conversation && before.name != now.name {
        changes.extend(now.channels.iter().map(|view| Change::Called(view.channel)));
    }
    if is_conversation || Arc::ptr_eq(&before.channels, &now.channels) {
        return;
    }
    let rooms = both(before, now).into_iter();
    let renamed = rooms.filter(|room| room.old.name != room.new.name);
    changes.extend(renamed.map(|room| Change::Called(room.new.channel)));
}

/// Rooms of a community in which writing is the right of some now, or of all.
fn moderated(before: &CommunitySnapshot, now: &CommunitySnapshot, changes: &mut Vec<Change>) {
    let same_channels = Arc::ptr_eq(&before.channels, &now.channels);
    if now.direct.is_some() || same_channels && Arc::ptr_eq(&before.roles, &now.roles) {
        return;
    }
    let rooms = both(before, now).into_iter();
    changes.extend(rooms.filter_map(|room| {
        let was = rooms::is_moderated(before, room.old);
        let is = rooms::is_moderated(now, room.new);
        (was != is).then_some(Change::Moderated(room.new.channel, is))
    }));
}

/// Masks that come into a community's list of bans, and that go out of it. The end that a time-out was given is none of
/// these: nothing happens then. What is over is no more in the list, so the next one of the same person comes into it.
fn banned(
    (id, at): (CommunityId, UnixMs),
    (before, now): (&CommunitySnapshot, &CommunitySnapshot),
    changes: &mut Vec<Change>,
) {
    let same_bans = Arc::ptr_eq(&before.bans, &now.bans);
    if now.direct.is_some() || same_bans && Arc::ptr_eq(&before.timeouts, &now.timeouts) {
        return;
    }
    let masks = |of: &CommunitySnapshot| -> BTreeSet<String> {
        let bans = of.bans.iter().map(|ban| format!("~a:{}", ban.account));
        // One that was lifted ends when it was made.
        let muted = of.timeouts.iter();
        let muted = muted.filter(|view| {
            let until = view.until;
            until.is_some_and(|until| view.since < until && at < until)
        });
        bans.chain(muted.map(|view| rooms::muted_mask(view.account)))
            .collect()
    };
    let (was, is) = (masks(before), masks(now));
    let less = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    let (gone, come) = (less(&was, &is), less(&is, &was));
    if !gone.is_empty() || !come.is_empty() {
        changes.push(Change::Bans(id, gone, come));
    }
}

/// Rooms of a community in which somebody has come into voice, or left it.
fn voice(before: &CommunitySnapshot, now: &CommunitySnapshot, changes: &mut Vec<Change>) {
    if Arc::ptr_eq(&before.voices, &now.voices) {
        return;
    }
    let channels: BTreeSet<&ChannelId> = before.voices.keys().chain(now.voices.keys()).collect();
    for channel in channels {
        let (was, is) = (in_voice(before, *channel), in_voice(now, *channel));
        let less = |one: &[AccountId], other: &[AccountId]| -> Vec<AccountId> {
            let only = one.iter().filter(|account| !other.contains(account));
            only.copied().collect()
        };
        let (come, gone) = (less(&is, &was), less(&was, &is));
        if !come.is_empty() || !gone.is_empty() {
            changes.push(Change::Voice(*channel, come, gone));
        }
    }
}

/// A member by account.
type Members<'a> = BTreeMap<AccountId, &'a MemberView>;

fn by_account(community: &CommunitySnapshot) -> Members<'_> {
    let members = community.members.iter();
    members.map(|member| (member.account, member)).collect()
}

/// A channel that is still there, as it was and as it is.
struct Both<'a> {
    old: &'a ChannelView,
    new: &'a ChannelView,
    /// Whether others may see it than before.
    touched: bool,
}

fn both<'a>(before: &'a CommunitySnapshot, now: &'a CommunitySnapshot) -> Vec<Both<'a>> {
    let old: BTreeMap<ChannelId, &ChannelView> = before
        .channels
        .iter()
        .map(|view| (view.channel, view))
        .collect();
    let pairs = now.channels.iter().filter_map(|new| {
        let old = *old.get(&new.channel)?;
        let touched = old.private != new.private || old.overwrites != new.overwrites;
        Some(Both { old, new, touched })
    });
    pairs.collect()
}
