//! What is another way in a new snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::personal::DirectKind;
use alloquy_api::reply::MemberView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId};

use super::rooms::{self, Kind, Room};
use super::{Person, World, away_text};
use crate::limits::{CHANNEL_BYTES_MAX, SLUG_BYTES_MAX};
use crate::names::{self, fold};
use crate::pending::Pending;

/// Names of what the gateway keeps in the sealed store: this and a community's short id hold its slug.
const KEPT_SLUG: &str = "irc/slug/";

/// One thing that is another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A room is not seen any more, or was left.
    Gone(Room),
    /// A room has another name.
    Renamed(Room, Room),
    /// A room has another topic.
    Topic(ChannelId),
    /// Somebody is a member now.
    Came(CommunityId, AccountId),
    /// Somebody is none any more.
    Went(CommunityId, AccountId),
    /// Somebody has another nick: the mask before.
    Nick(AccountId, String),
    /// Somebody has another display name.
    Name(AccountId),
    /// Somebody is away, or back.
    Away(AccountId),
    /// Somebody's prefixes: those before, and those now.
    Modes(CommunityId, AccountId, String, String),
}

impl World {
    /// Takes a snapshot. The first one changes nothing: it is how things are.
    pub(crate) fn update(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Change> {
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
                members_changed(*id, before, community, &mut changes);
            }
        }
        if first {
            changes.clear();
        }
        changes
    }

    fn update_people(&mut self, old: &Snapshot, changes: &mut Vec<Change>) {
        let snapshot = Arc::clone(&self.snapshot);
        let mut all: BTreeMap<AccountId, (&str, Option<&MemberView>)> = BTreeMap::new();
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
            }
        }
        if let Some(me) = snapshot.account {
            all.insert(me, (&snapshot.name, all.get(&me).and_then(|found| found.1)));
            // The own nick is taken first, so that nobody else's name moves it.
            self.rename(me, &snapshot.name, changes);
        }
        for (account, (name, member)) in &all {
            self.rename(*account, name, changes);
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
            if person.away != away {
                person.away = away;
                if old.account.is_some() {
                    changes.push(Change::Away(*account));
                }
            }
        }
    }

    fn rename(&mut self, account: AccountId, name: &str, changes: &mut Vec<Change>) {
        let before = self
            .people
            .get(&account)
            .map(|Person { nick, name, .. }| (nick.clone(), name.clone()));
        let mask = self.mask(account);
        self.name(account, name);
        let Some((nick, old_name)) = before else {
            return;
        };
        let now = &self.people[&account];
        if now.nick != nick {
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
            let room = |kind, name, channel: &alloquy_api::reply::ChannelView| Room {
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
            let shown =
                |channel: &&alloquy_api::reply::ChannelView| channel.kind != ChannelKind::Category;
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

    /// The first part of the names of a community's channels: given once, kept for good.
    fn slug(&mut self, id: CommunityId, community: &CommunitySnapshot) -> String {
        if let Some(slug) = self.slugs.get(&id) {
            return slug.clone();
        }
        let key = format!("{KEPT_SLUG}{}", id.short());
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
        let taken = |slug: &str| {
            slug == "dm" || kept.contains(slug) || self.slugs.values().any(|known| known == slug)
        };
        let slug = names::free(&names::slug(&community.name), SLUG_BYTES_MAX, taken);
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

fn members_changed(
    id: CommunityId,
    before: &CommunitySnapshot,
    now: &CommunitySnapshot,
    changes: &mut Vec<Change>,
) {
    if Arc::ptr_eq(&before.members, &now.members) && Arc::ptr_eq(&before.roles, &now.roles) {
        return;
    }
    let by_account = |community: &CommunitySnapshot| -> BTreeMap<AccountId, MemberView> {
        let members = community.members.iter();
        members
            .map(|member| (member.account, member.clone()))
            .collect()
    };
    let (old, new) = (by_account(before), by_account(now));
    for account in old.keys().filter(|account| !new.contains_key(account)) {
        changes.push(Change::Went(id, *account));
    }
    for (account, member) in &new {
        let Some(earlier) = old.get(account) else {
            changes.push(Change::Came(id, *account));
            continue;
        };
        let was = rooms::prefixes(before, earlier);
        let is = rooms::prefixes(now, member);
        if was != is {
            changes.push(Change::Modes(id, *account, was, is));
        }
    }
}
