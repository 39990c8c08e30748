//! What the quick switcher searches: made anew only when channels, members or communities changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::personal::DirectView;
use alloquy_api::reply::{ChannelView, MemberView};
use alloquy_ids::{AccountId, ChannelId, CommunityId};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32String};

use crate::action::Action;
use crate::model::Model;
use crate::state::{Direction, Overlay, Place, SettingsPage};
use crate::text;
use crate::views::directs::title;
use crate::words::{Text, say};

/// Rows that are laid out: more than a person reads.
pub(super) const ROWS_MAX: usize = 20;
/// Rows while nothing is typed: a glance.
const ROWS_AT_FIRST: usize = 10;
/// Characters of a query: longer than any name.
const QUERY_CHARS_MAX: usize = 200;

/// Where a row leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Channel(CommunityId, ChannelId),
    Person(CommunityId, AccountId),
    Community(CommunityId),
    /// A conversation.
    Direct(CommunityId, ChannelId),
    /// By its place in the table of commands.
    Command(usize),
}

/// One thing to go to.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) target: Target,
    pub(super) name: String,
    pub(super) detail: String,
    pub(super) unread: bool,
    pub(super) mentions: u32,
    haystack: Utf32String,
}

/// The parts of a community that entries are made of.
type Part = (
    CommunityId,
    String,
    Arc<Vec<ChannelView>>,
    Arc<Vec<MemberView>>,
);

/// What the entries were made of: parts of communities, conversations, and what is muted.
type Of = (Vec<Part>, Arc<Vec<DirectView>>, BTreeSet<ChannelId>);

/// All entries, and the answer to the last query.
#[derive(Default)]
pub(crate) struct SwitcherIndex {
    of: Option<Of>,
    entries: Vec<Entry>,
    answer: Option<(String, Vec<usize>)>,
    matcher: Option<Box<Matcher>>,
}

impl std::fmt::Debug for SwitcherIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SwitcherIndex({})", self.entries.len())
    }
}

impl SwitcherIndex {
    /// Takes a newer snapshot in; nothing happens while its parts are the same.
    pub(super) fn renew(&mut self, model: &Model, muted: &BTreeSet<ChannelId>) {
        let communities = model.snapshot.communities.iter();
        let communities: Vec<_> = communities.filter(|(_, of)| of.direct.is_none()).collect();
        let directs = &model.snapshot.directs;
        let same = self
            .of
            .as_ref()
            .is_some_and(|(parts, of_directs, of_muted)| {
                Arc::ptr_eq(of_directs, directs)
                    && parts.len() == communities.len()
                    && of_muted == muted
                    && parts
                        .iter()
                        .zip(communities.iter())
                        .all(|(part, (id, now))| {
                            part.0 == **id
                                && part.1 == now.name
                                && Arc::ptr_eq(&part.2, &now.channels)
                                && Arc::ptr_eq(&part.3, &now.members)
                        })
            });
        if same {
            return;
        }
        let parts: Vec<Part> = communities
            .iter()
            .map(|(id, now)| {
                let (channels, members) = (Arc::clone(&now.channels), Arc::clone(&now.members));
                (**id, now.name.clone(), channels, members)
            })
            .collect();
        let conversations = directs.iter().map(|view| conversation(view, muted));
        self.entries = conversations
            .chain(parts.iter().flat_map(|part| entries_of(part, muted)))
            .collect();
        let commands = COMMANDS.iter().enumerate();
        self.entries.extend(commands.map(|(at, (name, _))| {
            entry(
                Target::Command(at),
                name().to_owned(),
                say::switcher_command().to_owned(),
            )
        }));
        self.of = Some((parts, Arc::clone(directs), muted.clone()));
        self.answer = None;
    }

    pub(super) fn entry(&self, at: usize) -> &Entry {
        &self.entries[at]
    }

    /// The entries that a query finds, the best first.
    pub(super) fn rows(&mut self, query: &str) -> Vec<usize> {
        if let Some((of, rows)) = &self.answer
            && of == query
        {
            return rows.clone();
        }
        let rows = self.find(query);
        self.answer = Some((query.to_owned(), rows.clone()));
        rows
    }

    fn find(&mut self, query: &str) -> Vec<usize> {
        let query: String = query.chars().take(QUERY_CHARS_MAX).collect();
        let (wanted, letters) = wanted(query.trim());
        let Some(wanted) = wanted else {
            return Vec::new();
        };
        let mut found: Vec<(u32, usize)> = Vec::new();
        if letters.is_empty() {
            let all = self.entries.iter().enumerate();
            // Nothing is asked for: what a person most likely wants is a channel.
            let of_places = |target| {
                matches!(
                    target,
                    Target::Channel(..) | Target::Community(_) | Target::Direct(..)
                )
            };
            let all = all.filter(|(_, entry)| {
                wanted(entry.target) && (!query.is_empty() || of_places(entry.target))
            });
            found.extend(all.map(|(at, entry)| (standing(entry), at)));
        } else {
            let pattern = Pattern::parse(letters, CaseMatching::Ignore, Normalization::Smart);
            let fresh = || Box::new(Matcher::new(Config::DEFAULT));
            let matcher = self.matcher.get_or_insert_with(fresh);
            for (at, entry) in self.entries.iter().enumerate() {
                if !wanted(entry.target) {
                    continue;
                }
                if let Some(score) = pattern.score(entry.haystack.slice(..), matcher) {
                    // Among equals what waits to be read comes first, and channels before people.
                    found.push((8 * score + standing(entry).min(7), at));
                }
            }
        }
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(if query.is_empty() {
            ROWS_AT_FIRST
        } else {
            ROWS_MAX
        });
        found.into_iter().map(|(_, at)| at).collect()
    }
}

/// Tells targets of one kind from others.
type Picks = fn(Target) -> bool;

/// What a sign at the beginning limits a query to, and the letters after it; `None`: nothing can be found.
fn wanted(query: &str) -> (Option<Picks>, &str) {
    let rest = query.get(1..).unwrap_or_default().trim_start();
    let of: Picks = match query.chars().next() {
        Some('#') => |target| matches!(target, Target::Channel(..)),
        Some('@') => |target| matches!(target, Target::Person(..) | Target::Direct(..)),
        Some('*') => |target| matches!(target, Target::Community(_)),
        Some('>') => |target| matches!(target, Target::Command(_)),
        Some('?') => return (None, rest),
        _ => return (Some(|_| true), query),
    };
    (Some(of), rest)
}

/// How high an entry stands when nothing is typed.
const fn standing(entry: &Entry) -> u32 {
    match entry.target {
        Target::Channel(..) | Target::Direct(..) if entry.mentions > 0 => 6,
        Target::Channel(..) | Target::Direct(..) if entry.unread => 5,
        Target::Channel(..) | Target::Direct(..) => 4,
        Target::Community(_) => 3,
        Target::Person(..) => 2,
        Target::Command(_) => 1,
    }
}

fn entry(target: Target, name: String, detail: String) -> Entry {
    Entry {
        target,
        haystack: Utf32String::from(name.as_str()),
        name,
        detail,
        unread: false,
        mentions: 0,
    }
}

fn conversation(view: &DirectView, muted: &BTreeSet<ChannelId>) -> Entry {
    let target = Target::Direct(view.community, view.channel);
    let heard = !muted.contains(&view.channel);
    Entry {
        unread: heard && view.unread > 0,
        mentions: if heard { view.mentions } else { 0 },
        ..entry(target, title(view), say::directs().to_owned())
    }
}

fn entries_of((id, name, channels, members): &Part, muted: &BTreeSet<ChannelId>) -> Vec<Entry> {
    let community = text::name(name);
    let target = Target::Community(*id);
    let mut entries = vec![entry(
        target,
        community.clone(),
        say::switcher_community().to_owned(),
    )];
    for channel in channels
        .iter()
        .filter(|view| view.kind == ChannelKind::Text)
    {
        let target = Target::Channel(*id, channel.channel);
        let heard = !muted.contains(&channel.channel);
        entries.push(Entry {
            unread: heard && channel.unread > 0,
            mentions: if heard { channel.mentions } else { 0 },
            ..entry(target, text::name(&channel.name), community.clone())
        });
    }
    entries.extend(members.iter().map(|member| {
        let target = Target::Person(*id, member.account);
        entry(target, text::name(&member.name), community.clone())
    }));
    entries
}

/// Makes the action of a command, where there is one in this place.
type Make = fn(Place) -> Option<Action>;

/// What can be done from the switcher, by the names that the rest of the window uses.
const COMMANDS: &[(Text, Make)] = &[
    (say::direct_start, |_| {
        Some(Action::Open(Overlay::StartDirect))
    }),
    (say::contact_title, |_| {
        Some(Action::Open(Overlay::ContactLink))
    }),
    (say::devices, |_| settings(SettingsPage::Devices)),
    (say::homes, |_| settings(SettingsPage::Homes)),
    (say::switcher_irc, |_| settings(SettingsPage::Irc)),
    (say::community_add, |_| {
        Some(Action::Open(Overlay::AddCommunity))
    }),
    (say::invite_people, |place| {
        Some(Action::Open(Overlay::Invite(place.community?)))
    }),
    (say::action_create_channel, |place| {
        Some(Action::Open(Overlay::AddChannel(place.community?)))
    }),
    (say::pinned_messages, |place| {
        Some(Action::Open(Overlay::Pins(place.channel?)))
    }),
    (say::connections, |_| {
        Some(Action::Open(Overlay::Connections))
    }),
    (say::shortcuts, |_| Some(Action::Open(Overlay::Shortcuts))),
    (say::settings, |_| settings(SettingsPage::Profile)),
    (say::switcher_appearance, |_| {
        settings(SettingsPage::Appearance)
    }),
    (say::switcher_notifications, |_| {
        settings(SettingsPage::Notifications)
    }),
    (say::action_set_availability, |_| {
        Some(Action::Open(Overlay::Availability))
    }),
    (say::action_toggle_members, |_| Some(Action::ToggleMembers)),
    (say::action_jump_to_present, |_| Some(Action::JumpToPresent)),
    (say::switcher_next_unread, |_| {
        Some(Action::StepUnread(Direction::Next))
    }),
    (say::bigger, |_| Some(Action::Zoom(Direction::Next))),
    (say::smaller, |_| Some(Action::Zoom(Direction::Previous))),
    (say::action_zoom_reset, |_| Some(Action::ZoomReset)),
    (say::action_leave, |place| {
        Some(Action::Open(Overlay::ConfirmLeave(place.community?)))
    }),
    (say::action_quit, |_| Some(Action::Quit)),
];

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table's other makers may have nothing to make"
)]
const fn settings(page: SettingsPage) -> Option<Action> {
    Some(Action::Open(Overlay::Settings(page)))
}

/// The action of a command in a place.
pub(super) fn command(at: usize, place: Place) -> Option<Action> {
    COMMANDS.get(at).and_then(|(_, make)| make(place))
}
