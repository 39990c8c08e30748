//! What one account sees, in IRC's terms: rooms, people, and what was said lately.
//!
//! Everything here is made from the snapshot of that account, so nothing that it may not see has a name here.

mod diff;
mod metadata;
mod rooms;
mod seen;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alloquy_api::command::Availability;
use alloquy_api::reply::{ChannelView, MemberView, OverwriteTarget};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, CommandId, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, MonoMs, UnixMs};

pub(crate) use diff::Change;
pub(crate) use metadata::{COMMUNITY, Key, VOICE};
pub use rooms::seen_by_newcomers;
pub(crate) use rooms::{Kind, PREFIXES, Room, is_moderated, is_muted, mode_of_role, muted_mask};
pub(crate) use seen::{Difference, Removed, Seen};

use crate::io::ConnId;
use crate::limits::NICK_BYTES_MAX;
use crate::names::{self, fold};
use crate::pending::Pending;

/// Somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// The nick, kept for as long as the name stays.
    pub(crate) nick: String,
    /// The display name.
    pub(crate) name: String,
    /// It is not known here, and asks to write.
    pub(crate) asks: bool,
    /// Why it is away; `None`: it is here.
    pub(crate) away: Option<String>,
    /// What it says of itself.
    pub(crate) about: Option<String>,
    /// The line beside its name.
    pub(crate) status: Option<String>,
}

/// One account's view.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) snapshot: Arc<Snapshot>,
    slugs: BTreeMap<CommunityId, String>,
    /// The community whose channels have no slash in their names.
    pub(crate) lobby: Option<CommunityId>,
    rooms: BTreeMap<ChannelId, Room>,
    by_name: BTreeMap<String, ChannelId>,
    people: BTreeMap<AccountId, Person>,
    nicks: BTreeMap<String, AccountId>,
    /// Display names, for mentions.
    display: BTreeMap<String, AccountId>,
    pub(crate) seen: Seen,
    /// When the profile was changed lately.
    pub(crate) profile_sets: VecDeque<MonoMs>,
    /// Under which names what clients have is kept, or about to be, and when it was written; `None`: not looked at yet.
    pub(crate) sights: Option<BTreeMap<String, UnixMs>>,
    /// Commands for the next pump.
    pub(crate) orders: VecDeque<(Command, Pending)>,
    pub(crate) pending: BTreeMap<CommandId, Pending>,
}

impl World {
    /// Whether the node has told who this is.
    pub(crate) fn is_ready(&self) -> bool {
        self.snapshot.account.is_some()
    }

    pub(crate) fn me(&self) -> AccountId {
        self.snapshot.account.unwrap_or(AccountId::ZERO)
    }

    pub(crate) fn my_nick(&self) -> String {
        self.nick(self.me())
    }

    /// The nick of an account; one that is not known (any more) is called by its id.
    pub(crate) fn nick(&self, account: AccountId) -> String {
        let known = self.people.get(&account);
        known.map_or_else(
            || format!("_{}", account.short()),
            |person| person.nick.clone(),
        )
    }

    pub(crate) fn person(&self, account: AccountId) -> Option<&Person> {
        self.people.get(&account)
    }

    pub(crate) fn people(&self) -> impl Iterator<Item = (AccountId, &Person)> {
        self.people
            .iter()
            .map(|(account, person)| (*account, person))
    }

    pub(crate) fn account_of(&self, nick: &str) -> Option<AccountId> {
        self.nicks.get(&fold(nick)).copied()
    }

    /// `account@cloak`: the short id, and words that stand for all of it. Never an address.
    pub(crate) fn user_host(account: AccountId) -> (String, String) {
        (account.short(), account.words().join("."))
    }

    /// The source of what an account says.
    pub(crate) fn mask(&self, account: AccountId) -> String {
        let (user, host) = Self::user_host(account);
        format!("{}!{user}@{host}", self.nick(account))
    }

    pub(crate) fn community(&self, id: CommunityId) -> Option<&CommunitySnapshot> {
        self.snapshot.communities.get(&id).map(Arc::as_ref)
    }

    /// Communities with the first part of their channels' names, and their names.
    pub(crate) fn communities(&self) -> impl Iterator<Item = (CommunityId, &str, &str)> {
        self.slugs.iter().filter_map(|(id, slug)| {
            let community = self
                .community(*id)
                .filter(|community| community.direct.is_none())?;
            Some((*id, slug.as_str(), community.name.as_str()))
        })
    }

    pub(crate) fn room(&self, channel: ChannelId) -> Option<&Room> {
        self.rooms.get(&channel)
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// The room of a channel's name.
    pub(crate) fn room_named(&self, name: &str) -> Option<&Room> {
        self.rooms.get(self.by_name.get(&fold(name))?)
    }

    /// The conversation with an account, if there is one.
    pub(crate) fn direct_with(&self, account: AccountId) -> Option<&Room> {
        let with = match account == self.me() {
            true => Kind::Notes,
            false => Kind::Two(account),
        };
        self.rooms.values().find(|room| room.kind == with)
    }

    pub(crate) fn channel_view(&self, room: &Room) -> Option<&ChannelView> {
        let community = self.community(room.community)?;
        community
            .channels
            .iter()
            .find(|view| view.channel == room.channel)
    }

    /// The rights that a room itself gives somebody, and those that it takes.
    pub(crate) fn overwrite_of(
        &self,
        room: &Room,
        target: OverwriteTarget,
    ) -> (Vec<String>, Vec<String>) {
        let view = self.channel_view(room);
        let mut overwrites = view.into_iter().flat_map(|view| view.overwrites.iter());
        let found = overwrites.find(|overwrite| overwrite.target == target);
        found.map_or_else(Default::default, |found| {
            (found.allow.clone(), found.deny.clone())
        })
    }

    /// Members who see a room: those who are here first, then by name.
    pub(crate) fn members_of(&self, room: &Room) -> Vec<&MemberView> {
        let (Some(community), Some(view)) =
            (self.community(room.community), self.channel_view(room))
        else {
            return Vec::new();
        };
        let sees = |member: &&MemberView| rooms::sees(community, view, member);
        let (mut here, away): (Vec<_>, Vec<_>) = community
            .members
            .iter()
            .filter(sees)
            .partition(|member| member.online);
        here.extend(away);
        here
    }

    pub(crate) fn sees(&self, room: &Room, account: AccountId) -> bool {
        let Some((community, view)) = self.community(room.community).zip(self.channel_view(room))
        else {
            return false;
        };
        let mut members = community.members.iter();
        let member = members.find(|member| member.account == account);
        member.is_some_and(|member| rooms::sees(community, view, member))
    }

    /// The prefixes of a member, strongest first.
    pub(crate) fn prefixes(&self, community: CommunityId, account: AccountId) -> String {
        let Some(community) = self.community(community) else {
            return String::new();
        };
        let mut members = community.members.iter();
        let member = members.find(|member| member.account == account);
        member.map_or_else(String::new, |member| rooms::prefixes(community, member))
    }

    /// Gives the node something to do at the next pump.
    pub(crate) fn order(&mut self, command: Command, pending: Pending) {
        self.orders.push_back((command, pending));
    }

    /// Whether the node was asked to show what a connection said by AWAY, and has not answered.
    pub(crate) fn is_going_away(&self, conn: ConnId) -> bool {
        let of = |pending: &Pending| match pending {
            Pending::Done(asked, order) => *asked == conn && order.command == "AWAY",
            _ => false,
        };
        self.orders.iter().any(|(_, pending)| of(pending)) || self.pending.values().any(of)
    }

    /// Makes sure that an account has a nick, and gives it a new one if its name is another one.
    fn name(&mut self, account: AccountId, (name, asks): (&str, bool)) {
        let known = self.people.get(&account);
        if known.is_some_and(|person| person.name == name && person.asks == asks) {
            return;
        }
        let known = known.cloned();
        self.forget(account);
        let nick = match asks {
            true => names::asking_nick(name),
            false => names::nick(name),
        };
        let nick = names::free(&nick, NICK_BYTES_MAX, |nick| {
            names::is_service(nick) || self.nicks.contains_key(nick)
        });
        self.nicks.insert(fold(&nick), account);
        if !asks {
            self.display.entry(name.to_owned()).or_insert(account);
        }
        let name = name.to_owned();
        let mut person = known.unwrap_or_default();
        (person.nick, person.name, person.asks) = (nick, name, asks);
        self.people.insert(account, person);
    }

    fn forget(&mut self, account: AccountId) -> Option<Person> {
        let old = self.people.remove(&account)?;
        self.nicks.remove(&fold(&old.nick));
        if self.display.get(&old.name) == Some(&account) {
            self.display.remove(&old.name);
        }
        Some(old)
    }

    /// `@Display Name` becomes the nick.
    pub(crate) fn mentions_out(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let in_word = out.chars().next_back().is_some_and(char::is_alphanumeric);
            let found = (!in_word).then(|| self.named_at(after)).flatten();
            match found {
                Some((length, account)) => {
                    out.push_str(&self.nick(account));
                    rest = &after[length..];
                }
                None => {
                    out.push('@');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// The longest display name that a text begins with.
    fn named_at(&self, text: &str) -> Option<(usize, AccountId)> {
        let most = text.len().min(alloquy_api::limits::NAME_BYTES_MAX);
        let ends = (1..=most).rev().filter(|end| text.is_char_boundary(*end));
        ends.filter(|end| !text[*end..].starts_with(char::is_alphanumeric))
            .find_map(|end| Some((end, *self.display.get(&text[..end])?)))
    }

    /// `nick: ` at the beginning and `@nick` anywhere become `@Display Name`.
    pub(crate) fn mentions_in(&self, text: &str) -> String {
        let is_end = |char: char| !(char.is_alphanumeric() || "-_[]\\`^{}|".contains(char));
        let name_of = |nick: &str| {
            let person = self.people.get(&self.account_of(nick)?)?;
            Some(person.name.as_str())
        };
        let mut out = String::with_capacity(text.len() + 8);
        let mut rest = text;
        if let Some(end) = rest.find(is_end)
            && rest[end..].starts_with([':', ','])
            && let Some(name) = name_of(&rest[..end])
        {
            out.push('@');
            out.push_str(name);
            rest = &rest[end..];
        }
        while let Some(at) = rest.find('@') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            let end = rest.find(is_end).unwrap_or(rest.len());
            // A dot or comma behind a nick is none of it; `[` and the like might be.
            if let Some(name) = name_of(&rest[..end]) {
                out.push_str(name);
                rest = &rest[end..];
            }
        }
        out.push_str(rest);
        out
    }
}

/// Why somebody counts as away.
fn away_text(member: &MemberView) -> Option<String> {
    let word = match (member.online, member.availability) {
        (false, _) => "unreachable",
        (true, Some(Availability::Idle)) => "idle",
        (true, Some(Availability::Dnd)) => "do not disturb",
        (true, _) => return None,
    };
    let status = member.status.as_deref();
    Some(status.filter(|_| member.online).unwrap_or(word).to_owned())
}
