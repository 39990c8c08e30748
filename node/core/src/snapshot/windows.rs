//! Windows that clients watch: each client's own, made again when something happened on their channel.
//!
//! What a window shows is shared: with the one before it, message by message, and with equal windows of other
//! clients as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::command::{Window, WindowAt};
use alloquy_api::reply::MessageView;
use alloquy_api::snapshot::WindowSnapshot;
use alloquy_ids::{ChannelId, CommunityId, EventId};
use alloquy_schema::timeline::{Message, Timeline};
use rand_core::CryptoRng;

use super::shared;
use crate::community::Community;
use crate::limits::{WINDOW_MAX, WINDOWS_MAX};
use crate::node::Node;
use crate::views::Holders;

/// What a window is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pane {
    Channel(ChannelId),
    Thread(EventId),
}

impl Pane {
    fn of(channel: ChannelId, thread: Option<EventId>) -> Self {
        thread.map_or(Self::Channel(channel), Self::Thread)
    }
}

/// One watched window.
#[derive(Debug)]
struct Watch {
    window: Window,
    /// It was opened or moved since it was made.
    moved: bool,
    /// `None` while the account may not view the channel.
    shown: Option<Arc<WindowSnapshot>>,
}

/// The windows of one client.
#[derive(Debug, Default)]
pub(super) struct Panes {
    watches: BTreeMap<Pane, Watch>,
    /// One was closed since the last look.
    closed: bool,
}

/// Windows as a snapshot has them: of channels, and of threads.
type Shown = (
    BTreeMap<ChannelId, Arc<WindowSnapshot>>,
    BTreeMap<EventId, Arc<WindowSnapshot>>,
);

impl Panes {
    pub(super) fn maps(&self) -> Shown {
        let mut maps = Shown::default();
        for (pane, watch) in &self.watches {
            let Some(shown) = watch.shown.clone() else {
                continue;
            };
            match pane {
                Pane::Channel(channel) => drop(maps.0.insert(*channel, shown)),
                Pane::Thread(root) => drop(maps.1.insert(*root, shown)),
            }
        }
        maps
    }
}

/// The windows of all clients.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// A client stays here until it is gone, so that the version of what it is shown only rises.
    clients: BTreeMap<u64, Panes>,
    /// Windows were opened, moved or closed, or a client went, since the last look.
    changed: bool,
}

impl Watches {
    /// `false` if the client watches as many windows as it may.
    pub(crate) fn watch(&mut self, client: u64, window: Window) -> bool {
        let pane = Pane::of(window.channel, window.thread);
        let panes = self.clients.entry(client).or_default();
        if panes.watches.len() >= WINDOWS_MAX && !panes.watches.contains_key(&pane) {
            return false;
        }
        let before = panes.watches.remove(&pane);
        let shown = before.and_then(|before| before.shown);
        let watch = Watch {
            window,
            moved: true,
            shown,
        };
        panes.watches.insert(pane, watch);
        self.changed = true;
        true
    }

    pub(crate) fn unwatch(&mut self, client: u64, channel: ChannelId, thread: Option<EventId>) {
        if let Some(panes) = self.clients.get_mut(&client) {
            let gone = panes.watches.remove(&Pane::of(channel, thread));
            panes.closed |= gone.is_some();
            self.changed |= gone.is_some();
        }
    }

    /// Nobody looks any more.
    pub(crate) fn forget(&mut self, client: u64) {
        self.changed |= self.clients.remove(&client).is_some();
    }

    pub(super) const fn changed(&self) -> bool {
        self.changed
    }

    pub(super) fn shown(&self) -> impl Iterator<Item = (u64, &Panes)> {
        self.clients.iter().map(|(client, panes)| (*client, panes))
    }

    fn all(&self) -> impl Iterator<Item = (u64, Pane, &Watch)> {
        self.clients.iter().flat_map(|(client, panes)| {
            let watches = panes.watches.iter();
            watches.map(move |(pane, watch)| (*client, *pane, watch))
        })
    }
}

impl<R: CryptoRng> Node<R> {
    /// Channels of windows whose completeness is another one than shown: it depends on what peers say.
    pub(super) fn windows_with_other_completeness(&self) -> BTreeSet<ChannelId> {
        let differs = |watch: &Watch| {
            let channel = watch.window.channel;
            let community = self.communities.get(&self.community_of(channel)?)?;
            let shown = watch.shown.as_ref()?;
            let whole = self.completeness(community, channel);
            let told = (shown.complete, shown.complete_since, shown.confirmed);
            ((whole.complete, whole.since, whole.confirmed) != told).then_some(channel)
        };
        let watches = self.views.watches.all();
        watches.filter_map(|(.., watch)| differs(watch)).collect()
    }

    /// Makes windows again on which something is another way now. Gives the clients that see a difference.
    pub(super) fn build_windows(
        &mut self,
        anew: &BTreeSet<CommunityId>,
        touched: &BTreeSet<ChannelId>,
    ) -> BTreeSet<u64> {
        let mut watches = std::mem::take(&mut self.views.watches);
        let mut stirred = BTreeSet::new();
        for (client, panes) in &mut watches.clients {
            if std::mem::take(&mut panes.closed) {
                stirred.insert(*client);
            }
        }
        let stale = |watch: &Watch| {
            let channel = watch.window.channel;
            watch.moved
                || touched.contains(&channel)
                || self
                    .community_of(channel)
                    .is_none_or(|id| anew.contains(&id))
        };
        let mut due: BTreeSet<_> = watches
            .all()
            .filter(|(.., watch)| stale(watch))
            .map(|(client, pane, _)| (client, pane))
            .collect();
        while let Some((client, pane)) = due.pop_first() {
            let watch = &watches.clients[&client].watches[&pane];
            let made = |(other, at, equal): (u64, Pane, &Watch)| {
                let fresh = (other, at) != (client, pane) && !due.contains(&(other, at));
                (fresh && equal.window == watch.window).then(|| equal.shown.clone())
            };
            let new = watches
                .all()
                .find_map(made)
                .unwrap_or_else(|| self.shown_in_window(watch));
            let watch = watches
                .clients
                .get_mut(&client)
                .and_then(|panes| panes.watches.get_mut(&pane))
                .expect("it was looked at above");
            let same = match (&watch.shown, &new) {
                (Some(before), Some(new)) => Arc::ptr_eq(before, new),
                (before, new) => before.is_none() && new.is_none(),
            };
            if !same {
                stirred.insert(client);
            }
            watch.shown = new;
            watch.moved = false;
        }
        watches.changed = false;
        self.views.watches = watches;
        stirred
    }

    /// `None` for a channel that the account may not view.
    fn shown_in_window(&self, watch: &Watch) -> Option<Arc<WindowSnapshot>> {
        let channel = watch.window.channel;
        let id = self.community_of(channel)?;
        let community = self.communities.get(&id).filter(|community| {
            community.active && community.is_entitled(self.me.account(), Some(channel))
        })?;
        let earlier = watch.shown.as_ref();
        let new = self.window_snapshot(community, &watch.window, earlier.map(Arc::as_ref));
        Some(shared(earlier, new))
    }

    fn window_snapshot(
        &self,
        community: &Community,
        window: &Window,
        earlier: Option<&WindowSnapshot>,
    ) -> WindowSnapshot {
        let channel = window.channel;
        let whole = self.completeness(community, channel);
        let mut new = WindowSnapshot {
            at_start: true,
            at_end: true,
            complete: whole.complete,
            complete_since: whole.since,
            confirmed: whole.confirmed,
            typing: community.typing_in(channel, self.now.mono),
            ..WindowSnapshot::default()
        };
        let Some(timeline) = community.shown(channel) else {
            return new;
        };
        new.read = community
            .last_read(channel)
            .and_then(|id| shown_in(timeline, window.thread, id));
        let messages = messages_of(timeline, window);
        new.at_start = messages
            .first()
            .is_none_or(|first| part(timeline, window.thread, Part::Before(first), 1).is_empty())
            && !community.past_is_coming(channel);
        // The last message itself, and one more if there is one.
        new.at_end = messages
            .last()
            .is_none_or(|last| part(timeline, window.thread, Part::From(last), 2).len() < 2);
        let holders = Holders::of(community, channel);
        let before: BTreeMap<EventId, &Arc<MessageView>> = earlier
            .into_iter()
            .flat_map(|earlier| &earlier.messages)
            .map(|message| (message.id, message))
            .collect();
        let views = messages.into_iter().map(|message| {
            let before = before.get(&message.id).copied();
            shared(
                before,
                self.view_with(community, channel, message, &holders),
            )
        });
        new.messages = views.collect();
        new
    }
}

/// A part of a channel or thread, by a message at its edge.
enum Part<'a> {
    End,
    Before(&'a Message),
    From(&'a Message),
}

fn part(
    timeline: &Timeline,
    thread: Option<EventId>,
    part: Part<'_>,
    limit: usize,
) -> Vec<Message> {
    match (part, thread) {
        (Part::End, None) => timeline.main(None, limit),
        (Part::End, Some(root)) => timeline.thread(root, None, limit),
        (Part::Before(edge), None) => timeline.main(Some(edge.order), limit),
        (Part::Before(edge), Some(root)) => timeline.thread(root, Some(edge.order), limit),
        (Part::From(edge), None) => timeline.main_from(edge.order, limit),
        (Part::From(edge), Some(root)) => timeline.thread_from(root, edge.order, limit),
    }
}

/// The last message of a channel or thread that is not after this one, which may stand elsewhere.
fn shown_in(timeline: &Timeline, thread: Option<EventId>, id: EventId) -> Option<EventId> {
    let message = timeline.message(id)?;
    if message.thread == thread {
        return Some(id);
    }
    let before = part(timeline, thread, Part::Before(&message), 1);
    before.last().map(|message| message.id)
}

/// The messages that a window shows, oldest first.
fn messages_of(timeline: &Timeline, window: &Window) -> Vec<Message> {
    let limit = window.limit.min(WINDOW_MAX) as usize;
    let around = match window.at {
        WindowAt::End => None,
        WindowAt::Around(id) => timeline.message(id),
    };
    let Some(middle) = around else {
        return part(timeline, window.thread, Part::End, limit);
    };
    let half = limit / 2;
    let mut messages = part(timeline, window.thread, Part::Before(&middle), half);
    messages.extend(part(
        timeline,
        window.thread,
        Part::From(&middle),
        limit - half,
    ));
    messages
}
