//! What faces see: message, member and channel views, delivery, and the snapshot built from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::Event;
use alloquy_api::command::{ChannelKind, Window};
use alloquy_api::reply::{
    ChannelView, DeliveryState, DeliveryView, MemberView, MessageView, ReactionView, RoleView,
};
use alloquy_api::snapshot::{CommunitySnapshot, Snapshot, WindowSnapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, RoleId, UnixMs};
use alloquy_schema::content::{Field, Value};
use alloquy_schema::permissions::{self, Permissions};
use alloquy_schema::timeline::Message;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::{WINDOW_MAX, WINDOWS_MAX};
use crate::node::Node;

/// The snapshot, and which of its parts are out of date.
#[derive(Debug, Default)]
pub(crate) struct Views {
    current: Arc<Snapshot>,
    communities: BTreeSet<CommunityId>,
    channels: BTreeSet<ChannelId>,
    peers: bool,
    all: bool,
    windows: BTreeMap<ChannelId, Window>,
}

impl Views {
    pub(crate) fn community_changed(&mut self, id: CommunityId) {
        self.communities.insert(id);
    }

    pub(crate) fn channel_changed(&mut self, channel: ChannelId) {
        self.channels.insert(channel);
    }

    pub(crate) fn peers_changed(&mut self) {
        self.peers = true;
    }

    pub(crate) fn watch(&mut self, window: Window) -> bool {
        if self.windows.len() >= WINDOWS_MAX && !self.windows.contains_key(&window.channel) {
            return false;
        }
        self.channels.insert(window.channel);
        self.windows.insert(window.channel, window);
        true
    }

    pub(crate) fn unwatch(&mut self, channel: ChannelId) {
        self.windows.remove(&channel);
        self.channels.insert(channel);
    }
}

/// The command line's word for a model's channel kind.
const fn kind_view(kind: permissions::ChannelKind) -> ChannelKind {
    match kind {
        permissions::ChannelKind::Text => ChannelKind::Text,
        permissions::ChannelKind::Voice => ChannelKind::Voice,
        permissions::ChannelKind::Category => ChannelKind::Category,
    }
}

impl Community {
    pub(crate) fn channel_view(&self, id: ChannelId, mention: &str) -> Option<ChannelView> {
        let state = self.state();
        let channel = state.channels.get(&id)?;
        let position = match self.content.get(&Field::ChannelPosition(id)) {
            Some(Value::Number(position)) => position,
            _ => 0,
        };
        let category = match self.content.get(&Field::ChannelParent(id)) {
            Some(Value::Channel(parent)) => {
                Some(parent).filter(|parent| state.channels.contains_key(parent))
            }
            _ => None,
        };
        Some(ChannelView {
            channel: id,
            kind: kind_view(channel.kind),
            name: self.text(&Field::ChannelName(id)),
            topic: self.text(&Field::ChannelTopic(id)),
            category,
            position,
            private: channel.private,
            unread: self.unread(id, mention).0,
            slow_mode_ms: channel.slow_mode_ms,
        })
    }

    /// Channels that an account may view, in the order shown.
    pub(crate) fn channel_views(&self, account: AccountId, mention: &str) -> Vec<ChannelView> {
        let state = self.state();
        let viewable = state.channels.keys().filter(|id| {
            state
                .permissions(account, Some(**id))
                .has(Permissions::VIEW)
        });
        let mut views: Vec<_> = viewable
            .filter_map(|id| self.channel_view(*id, mention))
            .collect();
        views.sort_by(|a, b| {
            (a.position, &a.name, a.channel).cmp(&(b.position, &b.name, b.channel))
        });
        views
    }

    pub(crate) fn role_name(&self, role: RoleId) -> String {
        if role == RoleId::ZERO {
            return "everyone".to_owned();
        }
        let name = self.text(&Field::RoleName(role));
        if name.is_empty() { role.short() } else { name }
    }

    pub(crate) fn role_views(&self) -> Vec<RoleView> {
        let state = self.state();
        let mut views: Vec<_> = state
            .roles
            .iter()
            .map(|(id, role)| RoleView {
                role: *id,
                name: self.role_name(*id),
                rank: role.rank.0,
                allow: role.permissions.names().map(str::to_owned).collect(),
            })
            .collect();
        views.sort_by(|a, b| {
            (std::cmp::Reverse(a.rank), &a.name, a.role).cmp(&(
                std::cmp::Reverse(b.rank),
                &b.name,
                b.role,
            ))
        });
        views
    }

    /// Accounts of which two copies of a device are writing.
    fn forked_accounts(&self) -> BTreeSet<AccountId> {
        let dags = [Some(self.authority.dag()), Some(self.content.dag())]
            .into_iter()
            .flatten();
        let dags = dags.chain(
            self.timelines
                .values()
                .map(alloquy_schema::timeline::Timeline::dag),
        );
        let forked: BTreeSet<_> = dags
            .flat_map(alloquy_schema::dag::Dag::forks)
            .map(|(device, _)| device)
            .collect();
        let devices = self
            .devices
            .values()
            .filter(|(_, device)| forked.contains(device));
        devices.map(|(account, _)| *account).collect()
    }
}

impl<R: CryptoRng> Node<R> {
    /// Whether an account counts as online: it is this one, or one of its devices says so or is connected.
    pub(crate) fn presence(
        &self,
        community: &Community,
        account: AccountId,
    ) -> Option<(alloquy_api::command::Availability, String)> {
        if account == self.me.account() {
            let availability = crate::presence::availability_of(self.me.record.availability);
            return Some((availability, self.me.record.status.clone()));
        }
        community.presence_of(account, self.now)
    }

    pub(crate) fn member_views(&self, community: &Community) -> Vec<MemberView> {
        let forked = community.forked_accounts();
        let state = community.state();
        let mut views: Vec<_> = state
            .members
            .iter()
            .map(|(account, member)| {
                let presence = self.presence(community, *account);
                let about = community.text(&Field::MemberAbout(*account));
                MemberView {
                    account: *account,
                    name: community.member_name(*account),
                    roles: member
                        .roles
                        .iter()
                        .map(|role| community.role_name(*role))
                        .collect(),
                    online: presence.is_some(),
                    owner: state.owners.contains(account),
                    about: (!about.is_empty()).then_some(about),
                    status: presence
                        .map(|(_, status)| status)
                        .filter(|status| !status.is_empty()),
                    forked: forked.contains(account),
                }
            })
            .collect();
        views.sort_by(|a, b| (!a.owner, &a.name, a.account).cmp(&(!b.owner, &b.name, b.account)));
        views
    }

    /// One message as faces show it; `None` if it is not shown.
    pub(crate) fn message_view(
        &self,
        id: CommunityId,
        channel: ChannelId,
        message: EventId,
    ) -> Option<MessageView> {
        let community = self.communities.get(&id)?;
        let message = community.timelines.get(&channel)?.message(message)?;
        Some(self.view_of(community, channel, message))
    }

    pub(crate) fn view_of(
        &self,
        community: &Community,
        channel: ChannelId,
        message: Message,
    ) -> MessageView {
        let reaction = |(emoji, accounts): (String, BTreeSet<AccountId>)| ReactionView {
            emoji,
            accounts: accounts.into_iter().collect(),
        };
        MessageView {
            id: message.id,
            author: message.author,
            pinned: community
                .content
                .get(&Field::Pin(channel, message.id))
                .is_some(),
            waiting: message.body_missing,
            text: message.text.unwrap_or_default(),
            time: UnixMs(message.time.0.min(self.now.wall.0)),
            edited: message.edited,
            deleted: message.deleted,
            reply_to: message.reply_to,
            thread: message.thread,
            arrived_later: community.arrived_later.contains(&message.id),
            reactions: message.reactions.into_iter().map(reaction).collect(),
            delivery: self.delivery_view(community.id, channel, message.id),
        }
    }

    /// Where a message has got to: how many other devices are known to hold it.
    pub(crate) fn delivery_view(
        &self,
        id: CommunityId,
        channel: ChannelId,
        message: EventId,
    ) -> DeliveryView {
        let delivered = DeliveryView {
            state: DeliveryState::Delivered,
            holders: 0,
        };
        let Some(community) = self.communities.get(&id) else {
            return delivered;
        };
        let Some(event) = community
            .timelines
            .get(&channel)
            .and_then(|timeline| timeline.dag().get(message))
        else {
            return delivered;
        };
        let header = event.header();
        if header.device != self.me.device() {
            return delivered;
        }
        if community.unstored.contains(&message) {
            return DeliveryView {
                state: DeliveryState::Pending,
                holders: 0,
            };
        }
        let log = (header.scope, header.incarnation);
        let holding = community.held.values().filter_map(|logs| logs.get(&log));
        let (mut holders, mut readable) = (0, false);
        for (height, opened) in holding {
            if *height > header.seq {
                holders += 1;
                readable |= *opened;
            }
        }
        let state = match (holders, readable) {
            (0, _) => DeliveryState::Stored,
            (_, false) => DeliveryState::Held,
            (_, true) => DeliveryState::Delivered,
        };
        DeliveryView { state, holders }
    }

    pub(crate) fn tell_unread(&mut self, id: CommunityId, channel: ChannelId) {
        let mention = self.mention();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        community.mention_as(&mention);
        let (unread, mentions) = community.unread(channel, &mention);
        debug_assert!(
            unread > 256 || (unread, mentions) == community.counted_anew(channel, &mention),
            "unread messages are counted as they change"
        );
        self.views.channel_changed(channel);
        self.outbox.tell(Event::UnreadChanged {
            community: id,
            channel,
            unread,
            mentions,
        });
    }

    /// How this account is mentioned in a text.
    pub(crate) fn mention(&self) -> String {
        crate::unread::mention_of(&self.me.record.name)
    }

    /// Whether, as far as connected peers say, nothing is missing from a channel.
    pub(crate) fn is_complete(&self, community: &Community, channel: ChannelId) -> bool {
        let bodies = community
            .timelines
            .get(&channel)
            .is_none_or(|timeline| timeline.missing_bodies().is_empty());
        let waits = [Place::Channel(channel), Place::Authority]
            .iter()
            .any(|place| community.waiting.holds_scope(community.scope(*place)));
        bodies && !waits && self.equal_peers(community.id) > 0
    }

    pub(crate) fn build_snapshot(&mut self) -> Arc<Snapshot> {
        let changed = self.views.peers
            || !self.views.all
            || !self.views.communities.is_empty()
            || !self.views.channels.is_empty();
        if !changed {
            return self.views.current.clone();
        }
        let communities = std::mem::take(&mut self.views.communities);
        let channels = std::mem::take(&mut self.views.channels);
        let first = !std::mem::replace(&mut self.views.all, true);
        self.views.peers = false;
        let mut next = Snapshot::clone(&self.views.current);
        next.version += 1;
        next.account = Some(self.me.account());
        next.name.clone_from(&self.me.record.name);
        next.peers = u32::try_from(
            self.peers
                .keys()
                .filter(|key| self.any_account_of(**key).is_some())
                .count(),
        )
        .unwrap_or(u32::MAX);
        next.communities.retain(|id, _| {
            self.communities
                .get(id)
                .is_some_and(|community| community.active)
        });
        for (id, community) in self
            .communities
            .iter()
            .filter(|(_, community)| community.active)
        {
            let touched = channels
                .iter()
                .any(|channel| community.timelines.contains_key(channel));
            if first || touched || communities.contains(id) || !next.communities.contains_key(id) {
                next.communities
                    .insert(*id, Arc::new(self.community_snapshot(community)));
            }
        }
        let windows = &self.views.windows;
        next.windows
            .retain(|channel, _| windows.contains_key(channel));
        for (channel, window) in windows {
            let of = self
                .community_of(*channel)
                .and_then(|id| self.communities.get(&id));
            let stale = first
                || channels.contains(channel)
                || of.is_some_and(|community| communities.contains(&community.id));
            if let Some(community) = of.filter(|_| stale || !next.windows.contains_key(channel)) {
                next.windows
                    .insert(*channel, Arc::new(self.window_snapshot(community, window)));
            }
        }
        self.views.current = Arc::new(next);
        self.views.current.clone()
    }

    /// The community that a channel belongs to.
    pub(crate) fn community_of(&self, channel: ChannelId) -> Option<CommunityId> {
        let holds = |community: &&Community| community.state().channels.contains_key(&channel);
        self.communities
            .values()
            .find(holds)
            .map(|community| community.id)
    }

    fn community_snapshot(&self, community: &Community) -> CommunitySnapshot {
        let me = self.me.account();
        CommunitySnapshot {
            name: community.name(),
            topic: community.text(&Field::Topic),
            channels: community.channel_views(me, &self.mention()),
            members: self.member_views(community),
            roles: community.role_views(),
            rights: community
                .state()
                .permissions(me, None)
                .names()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn window_snapshot(&self, community: &Community, window: &Window) -> WindowSnapshot {
        let limit = window.limit.min(WINDOW_MAX) as usize;
        let Some(timeline) = community.timelines.get(&window.channel) else {
            return WindowSnapshot {
                at_start: true,
                ..WindowSnapshot::default()
            };
        };
        let before = window
            .before
            .and_then(|id| timeline.message(id))
            .map(|message| message.order);
        let messages = timeline.messages(before, limit);
        let at_start = messages
            .first()
            .is_none_or(|first| timeline.messages(Some(first.order), 1).is_empty());
        let read = community.read.get(&window.channel).copied().unwrap_or(0);
        let arrivals = community.arrivals.get(&window.channel);
        let last_read = usize::try_from(read)
            .ok()
            .and_then(|read| arrivals?.get(read.checked_sub(1)?))
            .copied();
        let typing = community
            .typing
            .iter()
            .filter(|((channel, _), until)| *channel == window.channel && **until > self.now.mono);
        WindowSnapshot {
            messages: messages
                .into_iter()
                .map(|message| self.view_of(community, window.channel, message))
                .collect(),
            at_start,
            complete: self.is_complete(community, window.channel),
            read: last_read,
            typing: typing.map(|((_, account), _)| *account).collect(),
        }
    }
}
