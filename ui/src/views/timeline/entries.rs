//! What the rows of a timeline are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::reply::{ChannelView, MemberView, MessageView};
use alloquy_api::snapshot::WindowSnapshot;
use alloquy_ids::{AccountId, EventId};
use jiff::civil::Date;

use super::times::Times;
use crate::markdown::{Hot, Names};
use crate::state::Unsent;
use crate::text;
use crate::words::say;

/// Messages of one author within so many milliseconds stand under one name.
const GROUP_MS: u64 = 5 * 60_000;

/// What a row is known by, whatever stands above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// What stands above the first message.
    Head,
    /// A message.
    Message(EventId),
    /// A message that is not stored yet.
    Unsent(u64),
}

/// What a row shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    /// Nothing older exists.
    Start,
    /// Something older is missing here.
    Gap,
    /// Older messages are being loaded.
    Loading,
    /// A message.
    Message(&'a Arc<MessageView>),
    /// A message that is not stored yet.
    Unsent(&'a Unsent),
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) what: What<'a>,
    /// The day that begins with it.
    pub(super) day: Option<Date>,
    /// The line "New" stands above it.
    pub(super) new: bool,
    /// It shows its author.
    pub(super) first: bool,
}

impl Entry<'_> {
    pub(super) fn key(&self) -> Key {
        match self.what {
            What::Start | What::Gap | What::Loading => Key::Head,
            What::Message(message) => Key::Message(message.id),
            What::Unsent(unsent) => Key::Unsent(unsent.id),
        }
    }

    pub(super) fn message(&self) -> Option<&MessageView> {
        match self.what {
            What::Message(message) => Some(message),
            _ => None,
        }
    }
}

/// What rows are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    pub(super) window: &'a WindowSnapshot,
    pub(super) unsent: &'a [Unsent],
    pub(super) hidden: &'a BTreeSet<EventId>,
    /// The first message that is new.
    pub(super) new: Option<EventId>,
    pub(super) times: Times<'a>,
    pub(super) me: AccountId,
}

/// All rows, oldest first. Lays nothing out.
pub(super) fn entries<'a>(from: &Sources<'a>) -> Vec<Entry<'a>> {
    let window = from.window;
    let head = match (window.at_start, window.complete) {
        (true, true) => What::Start,
        (true, false) => What::Gap,
        (false, _) => What::Loading,
    };
    let plain = Entry {
        what: head,
        day: None,
        new: false,
        first: true,
    };
    let mut entries = vec![plain];
    let mut before: Option<&MessageView> = None;
    let mut last_day = None;
    let shown = window.messages.iter();
    for message in shown.filter(|message| !from.hidden.contains(&message.id)) {
        let day = from.times.day(message.time);
        let new_day = last_day != Some(day);
        let new = from.new == Some(message.id);
        let grouped = before.is_some_and(|before| follows(before, message));
        entries.push(Entry {
            what: What::Message(message),
            day: new_day.then_some(day),
            new,
            first: !grouped || new_day || new,
        });
        last_day = Some(day);
        before = Some(message);
    }
    if window.at_end {
        let mut first = before.is_none_or(|before| before.author != from.me);
        for unsent in from.unsent {
            entries.push(Entry {
                what: What::Unsent(unsent),
                first: first || unsent.reply_to.is_some(),
                ..plain
            });
            first = false;
        }
    }
    entries
}

/// Whether a message stands under the name above the one before.
fn follows(before: &MessageView, message: &MessageView) -> bool {
    before.author == message.author
        && before.time.0.abs_diff(message.time.0) < GROUP_MS
        && message.reply_to.is_none()
        && message.bridged == before.bridged
        && !message.arrived_later
        && !before.arrived_later
        && !before.deleted
        && !message.deleted
}

/// Names of those whose messages are loaded, so that no frame looks through all members.
#[derive(Debug, Default)]
pub(super) struct People {
    members: Option<Arc<Vec<MemberView>>>,
    accounts: BTreeSet<AccountId>,
    names: BTreeMap<AccountId, String>,
}

impl People {
    /// Takes the names in, once for each change of the members or of who is loaded.
    pub(super) fn load(
        &mut self,
        members: Option<&Arc<Vec<MemberView>>>,
        accounts: BTreeSet<AccountId>,
    ) {
        let same = match (&self.members, members) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if same && self.accounts == accounts {
            return;
        }
        let all = members.map_or(&[][..], |members| members);
        let mut known = BTreeMap::new();
        let mut spoken: BTreeMap<String, u32> = BTreeMap::new();
        for member in all {
            if accounts.contains(&member.account) {
                let name = text::name(&member.name);
                *spoken.entry(text::look(&name)).or_default() += 1;
                known.insert(member.account, name);
            }
        }
        // Two people here with one name: the first of each one's words tells them apart.
        self.names = known
            .into_iter()
            .map(|(account, name)| match spoken.get(&text::look(&name)) {
                Some(2..) => {
                    let word = account.words()[0];
                    (account, format!("{name} ({word})"))
                }
                _ => (account, name),
            })
            .collect();
        self.members = members.cloned();
        self.accounts = accounts;
    }

    /// The name of an account, as this timeline shows it.
    pub(super) fn name(&self, account: AccountId) -> String {
        match self.names.get(&account) {
            Some(name) => name.clone(),
            None => {
                let members = self.members.iter().flat_map(|members| members.iter());
                let mut named = members.filter(|member| member.account == account);
                let name = named.next().map(|member| text::name(&member.name));
                name.unwrap_or_else(|| say::former_member_word(account.words()[0]))
            }
        }
    }
}

/// Whom and what a text of a community can name.
#[derive(Clone, Copy, Debug)]
pub(in crate::views) struct Known<'a> {
    pub(in crate::views) members: &'a [MemberView],
    pub(in crate::views) channels: &'a [ChannelView],
}

impl Names for Known<'_> {
    fn named(&self, rest: &str) -> Option<(usize, Hot)> {
        let name = rest.get(1..)?;
        let fits = |candidate: &str| {
            let ends = name.strip_prefix(candidate)?;
            let whole = !ends.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            (whole && !candidate.is_empty()).then_some(candidate.len() + 1)
        };
        if rest.starts_with('@') {
            let members = self.members.iter();
            let found = members.filter_map(|of| Some((fits(&of.name)?, of.account)));
            let longest = found.max_by_key(|(len, _)| *len);
            longest.map(|(len, account)| (len, Hot::Member(account)))
        } else {
            let channels = self.channels.iter();
            let text = channels.filter(|of| of.kind == alloquy_api::command::ChannelKind::Text);
            let found = text.filter_map(|of| Some((fits(&of.name)?, of.channel)));
            let longest = found.max_by_key(|(len, _)| *len);
            longest.map(|(len, channel)| (len, Hot::Channel(channel)))
        }
    }
}
