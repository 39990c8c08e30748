//! The state that faces show, kept up to date part by part.
//!
//! Marks say what may have changed; [`Node::build_snapshot`] makes those parts again and shares all others with the
//! snapshot before, and so does a part that came out equal. A message costs its channel's entry and the
//! windows on its channel, never the member list. What others may change as often as they like (names, presence)
//! is gathered for [`LISTS_EVERY_MS`].

mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::reply::{ChannelView, TemplateChannelView, TemplateView};
use alloquy_api::snapshot::{CommunitySnapshot, Snapshot};
use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{ChannelId, CommunityId, MonoMs};
use alloquy_schema::content::{Field, Value};
use alloquy_schema::templates::{Blueprint, TEMPLATES};
use rand_core::CryptoRng;

use crate::community::Community;
use crate::limits::LISTS_EVERY_MS;
use crate::node::{Node, Timer};

pub(crate) use windows::Watches;

/// How soon a community's lists are made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// Together with what else comes within a moment.
    Soon,
    Now,
}

/// What each client is shown: the state that is the same for all, and for those that watch windows the same with
/// theirs in it.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// Without windows.
    pub common: Arc<Snapshot>,
    /// With a client's windows, for each that has ever watched one.
    pub own: BTreeMap<u64, Arc<Snapshot>>,
}

impl Snapshots {
    /// What a client is shown. Its version rises with every change of it.
    #[must_use]
    pub fn of(&self, client: u64) -> &Arc<Snapshot> {
        self.own.get(&client).unwrap_or(&self.common)
    }
}

/// Numbers of a channel that cost a walk: made again when something happened in it.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    unread: u32,
    mentions: u32,
    waiting: u32,
}

/// The snapshot, and which of its parts are out of date.
#[derive(Debug, Default)]
pub(crate) struct Views {
    current: Arc<Snapshots>,
    version: u64,
    begun: bool,
    communities: BTreeMap<CommunityId, Urgency>,
    channels: BTreeSet<ChannelId>,
    /// Communities in whose voice channels somebody came, went or changed.
    voices: BTreeSet<CommunityId>,
    call: bool,
    node: bool,
    directs: bool,
    pub(crate) watches: Watches,
    counts: BTreeMap<ChannelId, Counts>,
    /// When a community's lists were last made.
    made: BTreeMap<CommunityId, MonoMs>,
}

impl Views {
    /// A community's lists, names or rights may be others.
    pub(crate) fn community_changed(&mut self, id: CommunityId) {
        self.communities.insert(id, Urgency::Now);
    }

    /// The same for what others may change without end: names, presence.
    pub(crate) fn names_changed(&mut self, id: CommunityId) {
        self.communities.entry(id).or_insert(Urgency::Soon);
    }

    pub(crate) fn channel_changed(&mut self, channel: ChannelId) {
        self.channels.insert(channel);
    }

    /// Peers, the own account, what is kept or the store's state may be others.
    pub(crate) fn node_changed(&mut self) {
        self.node = true;
    }

    /// Contacts, requests, or what is known of somebody may be others.
    pub(crate) fn directs_changed(&mut self) {
        self.directs = true;
    }

    /// Who is in voice channels of a community may be others: only that list is made again.
    pub(crate) fn voice_changed(&mut self, id: CommunityId) {
        self.voices.insert(id);
    }

    /// The own call may be another.
    pub(crate) fn call_changed(&mut self) {
        self.call = true;
    }

    /// Everything that was counted in channels is counted anew.
    pub(crate) fn recount(&mut self) {
        self.counts.clear();
    }
}

/// A template as faces offer it, with its channels and roles.
fn template_view(name: &str, blueprint: &Blueprint) -> TemplateView {
    let channels = blueprint
        .channels
        .iter()
        .map(|channel| TemplateChannelView {
            kind: crate::views::kind_view(channel.kind),
            name: channel.name.clone(),
        });
    TemplateView {
        template: name.to_owned(),
        title: name.to_owned(),
        about: String::new(),
        channels: channels.collect(),
        roles: blueprint
            .roles
            .iter()
            .map(|role| role.name.clone())
            .collect(),
        kept: true,
    }
}

/// The earlier value if the new one is equal to it, so that faces see at once that nothing changed.
fn shared<T: PartialEq>(earlier: Option<&Arc<T>>, new: T) -> Arc<T> {
    match earlier {
        Some(earlier) if **earlier == new => Arc::clone(earlier),
        _ => Arc::new(new),
    }
}

impl<R: CryptoRng> Node<R> {
    /// Templates as faces offer them: those of this release, then those that were kept.
    pub(crate) fn template_views(&self) -> Vec<TemplateView> {
        let ours = TEMPLATES.iter().map(|template| TemplateView {
            title: template.title.to_owned(),
            about: template.about.to_owned(),
            kept: false,
            ..template_view(template.name, &template.into())
        });
        let kept = self.templates.iter();
        ours.chain(kept.map(|(name, blueprint)| template_view(name, blueprint)))
            .collect()
    }

    pub(crate) fn build_snapshots(&mut self) -> Arc<Snapshots> {
        let incomplete = self.windows_with_other_completeness();
        let views = &self.views;
        let changed = views.node
            || views.directs
            || !views.begun
            || !views.communities.is_empty()
            || !views.channels.is_empty()
            || !views.voices.is_empty()
            || views.call
            || views.watches.changed()
            || !incomplete.is_empty();
        if !changed {
            return Arc::clone(&self.views.current);
        }
        let mut channels = std::mem::take(&mut self.views.channels);
        let anew = self.take_due_communities();
        let people = std::mem::take(&mut self.views.directs) || !self.views.begun;
        let mut next = Snapshot::clone(&self.views.current.common);
        self.build_node_part(&mut next);
        self.count_channels(&channels, !anew.is_empty());
        self.build_communities(&mut next, &anew, &channels);
        self.build_voices(&mut next, &anew);
        self.build_directs(&mut next, people, &anew, &channels);
        next.waiting = self
            .views
            .counts
            .values()
            .map(|counts| counts.waiting)
            .fold(0, u32::saturating_add);
        channels.extend(incomplete);
        self.show(next, &anew, &channels);
        Arc::clone(&self.views.current)
    }

    /// Makes the new state the present one, for all clients and for each that watches windows.
    fn show(
        &mut self,
        mut next: Snapshot,
        anew: &BTreeSet<CommunityId>,
        touched: &BTreeSet<ChannelId>,
    ) {
        let shown = Arc::clone(&self.views.current);
        let version = self.views.version + 1;
        let other = next != *shown.common || !self.views.begun;
        let common = if other {
            next.version = version;
            Arc::new(next)
        } else {
            Arc::clone(&shown.common)
        };
        let stirred = self.build_windows(anew, touched);
        let mut own = BTreeMap::new();
        for (client, panes) in self.views.watches.shown() {
            let earlier = shown.own.get(&client);
            let same = earlier.filter(|_| !other && !stirred.contains(&client));
            let with_windows = || {
                let (windows, threads) = panes.maps();
                Arc::new(Snapshot {
                    version,
                    windows,
                    threads,
                    ..Snapshot::clone(&common)
                })
            };
            own.insert(client, same.map_or_else(with_windows, Arc::clone));
        }
        self.views.begun = true;
        if other || !stirred.is_empty() || own.len() != shown.own.len() {
            self.views.version = version;
            self.views.current = Arc::new(Snapshots { common, own });
        }
    }

    /// Communities whose lists are to be made now; the others are come back to.
    fn take_due_communities(&mut self) -> BTreeSet<CommunityId> {
        let now = self.now.mono;
        let mut due = BTreeSet::new();
        let mut later = BTreeMap::new();
        for (id, urgency) in std::mem::take(&mut self.views.communities) {
            let made = self.views.made.get(&id).copied();
            let at = made.map_or(now, |made| made.plus(LISTS_EVERY_MS));
            if urgency == Urgency::Now || at <= now {
                due.insert(id);
                self.views.made.insert(id, now);
            } else {
                later.insert(id, urgency);
                self.timers.set_earlier(Timer::Lists, at);
            }
        }
        self.views.communities = later;
        due
    }

    fn build_node_part(&mut self, next: &mut Snapshot) {
        self.views.node = false;
        next.account = Some(self.me.account());
        next.name.clone_from(&self.me.record.name);
        next.availability = crate::presence::availability_of(self.me.record.availability);
        let members = self
            .peers
            .keys()
            .filter(|key| self.any_account_of(**key).is_some());
        next.peers = u32::try_from(members.count()).unwrap_or(u32::MAX);
        next.templates = shared(Some(&next.templates), self.template_views());
        next.kept = Arc::clone(&self.kept);
        next.receipts = self.tells_receipts();
        next.asks_router = self.asks_router();
        next.devices = shared(Some(&next.devices), self.device_views());
        next.homes = shared(Some(&next.homes), self.home_views());
        next.recovery_pending = self.recovery.is_some();
        next.nearby = shared(Some(&next.nearby), self.nearby_views());
        next.linking = self.links.view.clone();
        next.catching_up = self.catching_up();
        next.requested = shared(Some(&next.requested), self.requested());
        next.trouble = self
            .store_fault
            .as_ref()
            .map(|fault| CommandError::new(ErrorCode::Storage, fault.to_string()));
    }

    /// Counts what happened in channels since the last look; `other_channels`: there may be others than then.
    fn count_channels(&mut self, touched: &BTreeSet<ChannelId>, other_channels: bool) {
        let active = || self.communities.values().filter(|one| one.active);
        let mut counts = std::mem::take(&mut self.views.counts);
        let mut due = touched.clone();
        if other_channels || counts.is_empty() {
            let held: BTreeSet<_> = active()
                .flat_map(|community| community.timelines.keys().copied())
                .collect();
            counts.retain(|channel, _| held.contains(channel));
            due.extend(held.into_iter().filter(|held| !counts.contains_key(held)));
        }
        let mention = self.mention();
        for channel in due {
            let of = active().find(|community| community.timelines.contains_key(&channel));
            if let Some(community) = of {
                let (unread, mentions) = community.unread(channel, &mention);
                let waiting = community.waiting_messages(channel);
                let new = Counts {
                    unread,
                    mentions,
                    waiting,
                };
                counts.insert(channel, new);
            }
        }
        self.views.counts = counts;
    }

    fn build_communities(
        &self,
        next: &mut Snapshot,
        anew: &BTreeSet<CommunityId>,
        touched: &BTreeSet<ChannelId>,
    ) {
        let active = |id: &CommunityId| self.communities.get(id).is_some_and(|one| one.active);
        next.communities.retain(|id, _| active(id));
        for (id, community) in self.communities.iter().filter(|(_, one)| one.active) {
            let earlier = next.communities.get(id);
            let new = match earlier {
                Some(earlier) if !anew.contains(id) => {
                    let channels = self.with_counts(&earlier.channels, touched);
                    if Arc::ptr_eq(&channels, &earlier.channels) {
                        continue;
                    }
                    CommunitySnapshot {
                        channels,
                        ..CommunitySnapshot::clone(earlier)
                    }
                }
                earlier => self.community_snapshot(community, earlier.map(Arc::as_ref)),
            };
            let new = shared(earlier, new);
            next.communities.insert(*id, new);
        }
    }

    /// Who is in voice channels, where that alone may be another, and the own call.
    fn build_voices(&mut self, next: &mut Snapshot, anew: &BTreeSet<CommunityId>) {
        for id in std::mem::take(&mut self.views.voices) {
            let shown = next
                .communities
                .get_mut(&id)
                .filter(|_| !anew.contains(&id));
            let (Some(shown), Some(community)) = (shown, self.communities.get(&id)) else {
                continue;
            };
            let voices = shared(Some(&shown.voices), self.voice_views(community));
            if !Arc::ptr_eq(&voices, &shown.voices) {
                let mut new = CommunitySnapshot::clone(shown);
                new.voices = voices;
                *shown = Arc::new(new);
            }
        }
        if std::mem::take(&mut self.views.call) {
            let call = self.call_view();
            next.call = call.map(|call| shared(next.call.as_ref(), call));
        }
    }

    /// The channel list with present counts; the same one if none is another.
    fn with_counts(
        &self,
        channels: &Arc<Vec<ChannelView>>,
        touched: &BTreeSet<ChannelId>,
    ) -> Arc<Vec<ChannelView>> {
        let mut new: Option<Vec<ChannelView>> = None;
        for (place, channel) in channels.iter().enumerate() {
            if !touched.contains(&channel.channel) {
                continue;
            }
            let counts = self.counts_of(channel.channel);
            if (channel.unread, channel.mentions) != counts {
                let view = &mut new.get_or_insert_with(|| channels.to_vec())[place];
                (view.unread, view.mentions) = counts;
            }
        }
        new.map_or_else(|| Arc::clone(channels), Arc::new)
    }

    pub(crate) fn counts_of(&self, channel: ChannelId) -> (u32, u32) {
        let counts = self.views.counts.get(&channel).copied().unwrap_or_default();
        (counts.unread, counts.mentions)
    }

    fn community_snapshot(
        &self,
        community: &Community,
        earlier: Option<&CommunitySnapshot>,
    ) -> CommunitySnapshot {
        let me = self.me.account();
        let channels = community.channel_views_counted(me, |channel| self.counts_of(channel));
        let rights = community.state().permissions(me, None);
        let proposals = match community.state().is_owner(me) {
            true => self.proposal_views(community),
            false => Vec::new(),
        };
        CommunitySnapshot {
            direct: community.direct_kind(me),
            name: community.name(),
            nearby: self.nearby.announces(community.id),
            topic: community.text(&Field::Topic),
            icon: icon(community, earlier.and_then(|earlier| earlier.icon.as_ref())),
            channels: shared(earlier.map(|earlier| &earlier.channels), channels),
            members: shared(
                earlier.map(|earlier| &earlier.members),
                self.member_views(community),
            ),
            voices: shared(
                earlier.map(|earlier| &earlier.voices),
                self.voice_views(community),
            ),
            roles: shared(
                earlier.map(|earlier| &earlier.roles),
                community.role_views(),
            ),
            rights: rights.names().map(str::to_owned).collect(),
            bans: shared(earlier.map(|earlier| &earlier.bans), community.ban_views()),
            timeouts: shared(
                earlier.map(|earlier| &earlier.timeouts),
                community.timeout_views(),
            ),
            policy: shared(
                earlier.map(|earlier| &earlier.policy),
                crate::command::policy::view(&community.state().policy),
            ),
            writes_from: community.writes_from(me, self.now.wall),
            requests: shared(
                earlier.map(|earlier| &earlier.requests),
                self.request_views(community),
            ),
            proposals: shared(earlier.map(|earlier| &earlier.proposals), proposals),
            lost: shared(
                earlier.map(|earlier| &earlier.lost),
                self.lost_views(community),
            ),
        }
    }
}

fn icon(community: &Community, earlier: Option<&Arc<[u8]>>) -> Option<Arc<[u8]>> {
    match (community.content.get(&Field::Icon), earlier) {
        (Some(Value::Bytes(bytes)), Some(earlier)) if **earlier == *bytes => {
            Some(Arc::clone(earlier))
        }
        (Some(Value::Bytes(bytes)), _) => Some(bytes.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloquy_api::Command;
    use alloquy_api::command::{ChannelRef, CommandId};
    use alloquy_ids::UnixMs;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::io::{Input, Now, Origin, Output, Write};

    /// A node with a store that never fails.
    struct Alone(Node<ChaCha8Rng>);

    impl Alone {
        fn new() -> Self {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let founded = crate::found("ana", Now::default(), &mut rng).expect("a short name");
            let records = founded.writes.into_iter().filter_map(|write| match write {
                Write::Put(key, value) => Some((key, value)),
                Write::Delete(_) => None,
            });
            let node = Node::restore(records, [1; 32], Now::default(), rng);
            Self(node.expect("the records are whole"))
        }

        fn line(&mut self, ms: u64, line: &str) {
            let command: Command = line.parse().expect("a line");
            let (client, id) = (1, CommandId(1));
            let origin = Origin {
                client,
                command: id,
            };
            let now = Now {
                mono: MonoMs(ms),
                wall: UnixMs(ms),
            };
            let mut inputs = vec![Input::Command(origin, command)];
            while let Some(input) = inputs.pop() {
                self.0.handle(now, input);
                while let Some(output) = self.0.poll_output() {
                    if let Output::Store(task, _) = output {
                        inputs.insert(0, Input::Storage(task, Ok(())));
                    }
                }
            }
            self.0.snapshot(client);
        }

        /// When the lists of the only community were last made.
        fn made(&self) -> Option<u64> {
            self.0.views.made.values().map(|at| at.0).max()
        }
    }

    #[test]
    fn a_message_makes_no_list_and_a_new_name_does() {
        let mut ana = Alone::new();
        ana.line(1_000, "create-community club --template friends");
        ana.line(2_000, "topic club about");
        assert_eq!(ana.made(), Some(2_000));
        ana.line(3_000, "send club/general hello");
        ana.line(4_000, "mark-read club/general");
        let general = ChannelRef("club/general".to_owned());
        let (_, channel) = ana.0.channel_named(&general.0).expect("it was made");
        assert_eq!(
            ana.made(),
            Some(2_000),
            "nothing but the channel was looked at"
        );
        assert_eq!(ana.0.views.counts[&channel].waiting, 1);
        ana.line(5_000, "rename club inn");
        assert_eq!(ana.made(), Some(5_000));
    }
}
