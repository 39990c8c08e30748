//! What faces see: message, member, channel and role views, delivery.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Event;
use alloquy_api::command::ChannelKind;
use alloquy_api::limits::QUOTE_BYTES_MAX;
use alloquy_api::reply::{
    ChannelView, Confirmed, DeliveryState, DeliveryView, MemberView, MessageView, OverwriteTarget,
    OverwriteView, QuoteView, ReactionView, RepliesView, RestrictionView, RoleView,
};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, MonoMs, RoleId, UnixMs};
use alloquy_schema::authority::op;
use alloquy_schema::content::{Field, Value};
use alloquy_schema::embed::Embed;
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::permissions::{self, CommunityKind, Permissions};
use alloquy_schema::timeline::{Message, Timeline};
use rand_core::CryptoRng;

use crate::command::policy::words;
use crate::community::{Community, Place};
use crate::limits::WAITING_WALK_MAX;
use crate::node::Node;

/// The command line's word for a model's channel kind.
pub(crate) const fn kind_view(kind: permissions::ChannelKind) -> ChannelKind {
    match kind {
        permissions::ChannelKind::Text => ChannelKind::Text,
        permissions::ChannelKind::Voice => ChannelKind::Voice,
        permissions::ChannelKind::Category => ChannelKind::Category,
        permissions::ChannelKind::Stage => ChannelKind::Stage,
    }
}

/// Overwrites that change something.
fn overwrite_views(
    of: &BTreeMap<op::OverwriteTarget, (Permissions, Permissions)>,
) -> Vec<OverwriteView> {
    let names = |rights: Permissions| rights.names().map(str::to_owned).collect();
    let set = of
        .iter()
        .filter(|(_, (allow, deny))| (*allow | *deny) != Permissions::NONE);
    set.map(|(target, (allow, deny))| OverwriteView {
        target: match target {
            op::OverwriteTarget::Role(role) => OverwriteTarget::Role(*role),
            op::OverwriteTarget::Member(account) => OverwriteTarget::Member(*account),
        },
        allow: names(*allow),
        deny: names(*deny),
    })
    .collect()
}

fn embed_view(embed: Embed) -> alloquy_api::Embed {
    alloquy_api::Embed {
        url: embed.url,
        title: embed.title,
        description: embed.description,
    }
}

impl Community {
    fn channel_view(
        &self,
        id: ChannelId,
        (account, bridges): (AccountId, &[AccountId]),
        (unread, mentions): (u32, u32),
    ) -> Option<ChannelView> {
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
        let rights = state.permissions(account, Some(id));
        Some(ChannelView {
            channel: id,
            kind: kind_view(channel.kind),
            name: self.text(&Field::ChannelName(id)),
            topic: self.text(&Field::ChannelTopic(id)),
            category,
            position,
            private: channel.private,
            since_join: self.is_since_join(id),
            unread,
            mentions,
            rights: rights.names().map(str::to_owned).collect(),
            bridges: self.bridges(id, bridges),
            slow_mode_ms: channel.slow_mode_ms,
            overwrites: overwrite_views(&channel.overwrites),
        })
    }

    /// Whoever holds the right of a bridge in some channel, or may. An owner holds every right, and is none by that.
    fn possible_bridges(&self) -> Vec<AccountId> {
        let state = self.state();
        let mut roles: BTreeSet<RoleId> = state
            .roles
            .iter()
            .filter(|(_, role)| role.permissions.has(Permissions::BRIDGE))
            .map(|(id, _)| *id)
            .collect();
        let mut accounts = BTreeSet::new();
        let overwrites = state.channels.values().flat_map(|one| &one.overwrites);
        for (target, _) in overwrites.filter(|(_, (allow, _))| allow.has(Permissions::BRIDGE)) {
            match target {
                op::OverwriteTarget::Role(role) => drop(roles.insert(*role)),
                op::OverwriteTarget::Member(account) => drop(accounts.insert(*account)),
            }
        }
        if roles.is_empty() && accounts.is_empty() {
            return Vec::new();
        }
        let everyone = roles.contains(&RoleId::ZERO);
        let members = state.members.iter().filter(|(account, member)| {
            let may = everyone
                || accounts.contains(*account)
                || member.roles.iter().any(|role| roles.contains(role));
            may && !state.owners.contains(*account)
        });
        members.map(|(account, _)| *account).collect()
    }

    /// Names of those of these bridges that may view a channel.
    fn bridges(&self, channel: ChannelId, possible: &[AccountId]) -> Vec<String> {
        let state = self.state();
        let rights = Permissions::BRIDGE | Permissions::VIEW;
        let bridges = possible
            .iter()
            .filter(|account| state.permissions(**account, Some(channel)).has(rights));
        let mut names: Vec<_> = bridges
            .map(|account| self.given_name(*account).unwrap_or_else(|| account.short()))
            .collect();
        names.sort();
        names
    }

    /// Channels that an account may view, in the order shown.
    pub(crate) fn channel_views(&self, account: AccountId, mention: &str) -> Vec<ChannelView> {
        self.channel_views_counted(account, |channel| self.unread(channel, mention))
    }

    /// The same with unread messages and mentions that are counted already.
    pub(crate) fn channel_views_counted(
        &self,
        account: AccountId,
        counts: impl Fn(ChannelId) -> (u32, u32),
    ) -> Vec<ChannelView> {
        let state = self.state();
        let viewable = state.channels.keys().filter(|id| {
            state
                .permissions(account, Some(**id))
                .has(Permissions::VIEW)
        });
        let bridges = self.possible_bridges();
        let of = (account, &*bridges);
        let mut views: Vec<_> = viewable
            .filter_map(|id| self.channel_view(*id, of, counts(*id)))
            .collect();
        views.sort_by(|a, b| {
            (a.position, &a.name, a.channel).cmp(&(b.position, &b.name, b.channel))
        });
        views
    }

    /// The last message that was marked read.
    pub(crate) fn last_read(&self, channel: ChannelId) -> Option<EventId> {
        let read = usize::try_from(*self.read.get(&channel)?).ok()?;
        self.arrivals
            .get(&channel)?
            .get(read.checked_sub(1)?)
            .copied()
    }

    /// Who is typing in a channel, by id.
    pub(crate) fn typing_in(&self, channel: ChannelId, now: MonoMs) -> Vec<AccountId> {
        let all = (channel, AccountId::ZERO)..=(channel, AccountId([0xff; 32]));
        self.typing
            .range(all)
            .filter(|(_, until)| **until > now)
            .map(|((_, account), _)| *account)
            .collect()
    }

    /// Own messages of a channel that no other device is known to hold, the newest [`WAITING_WALK_MAX`] events of
    /// each log looked at.
    pub(crate) fn waiting_messages(&self, channel: ChannelId) -> u32 {
        let Some(timeline) = self.timelines.get(&channel) else {
            return 0;
        };
        let (dag, own) = (timeline.dag(), self.own_device);
        let mut waiting = 0;
        for incarnation in dag.incarnations(own) {
            let log = (channel.into(), incarnation);
            let heights = self.held.values().filter_map(|logs| logs.get(&log));
            let held = heights.map(|(height, _)| *height).max().unwrap_or(0);
            let mut next = dag.log_head(own, incarnation).map(VerifiedEvent::id);
            let mut walked = 0;
            while let Some(event) = next.and_then(|id| dag.get(id))
                && event.header().seq >= held
                && walked < WAITING_WALK_MAX
            {
                let shown = timeline.message(event.id());
                waiting += u32::from(shown.is_some_and(|message| !message.deleted));
                walked += 1;
                next = (event.header().seq > 0).then_some(event.header().prev);
            }
        }
        waiting
    }

    /// What is quoted of a message that another one answers, if it is here.
    fn quote(&self, timeline: &Timeline, message: EventId) -> Option<QuoteView> {
        let quoted = timeline.message(message)?;
        let text = quoted.text.as_deref().unwrap_or_default();
        let words = words(text, &quoted.embeds);
        let hidden = self.hidden_by_rules((message, quoted.edited), quoted.author, &words);
        Some(QuoteView {
            author: quoted.author,
            text: first_line(if hidden.is_some() { "" } else { text }),
        })
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

    /// Who is banned, by name.
    pub(crate) fn ban_views(&self) -> Vec<RestrictionView> {
        let state = self.state();
        let bans = state.banned.iter();
        self.restrictions(bans.map(|(account, operation)| (*account, *operation, None)))
    }

    /// Whom a time-out keeps from writing, by name.
    pub(crate) fn timeout_views(&self) -> Vec<RestrictionView> {
        let state = self.state();
        let set = state.timeouts.iter().filter(|(_, (_, until))| until.0 > 0);
        self.restrictions(
            set.map(|(account, (operation, until))| (*account, *operation, Some(*until))),
        )
    }

    fn restrictions(
        &self,
        of: impl Iterator<Item = (AccountId, EventId, Option<UnixMs>)>,
    ) -> Vec<RestrictionView> {
        let dag = self.authority.dag();
        let mut views: Vec<_> = of
            .filter_map(|(account, operation, until)| {
                let event = dag.get(operation)?;
                let reason = self.text(&Field::Reason(operation));
                Some(RestrictionView {
                    account,
                    name: self.member_name(account),
                    by: self.author_of(event).unwrap_or(AccountId::ZERO),
                    since: event.header().wall,
                    until,
                    reason: (!reason.is_empty()).then_some(reason),
                    operation,
                })
            })
            .collect();
        views.sort_by(|a, b| (&a.name, a.account).cmp(&(&b.name, b.account)));
        views
    }

    /// The account whose device signed an event, if it was ever brought in.
    pub(crate) fn author_of(&self, event: &VerifiedEvent) -> Option<AccountId> {
        let device = event.header().device;
        let mut devices = self.devices.values();
        devices
            .find(|(_, of)| *of == device)
            .map(|(account, _)| *account)
    }

    /// Accounts of which two copies of a device are writing.
    fn forked_accounts(&self) -> BTreeSet<AccountId> {
        let dags = [Some(self.authority.dag()), Some(self.content.dag())]
            .into_iter()
            .flatten();
        let dags = dags.chain(self.timelines.values().map(Timeline::dag));
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

    /// A member's name: in a conversation, where nobody may have said it yet, as it is known from elsewhere.
    fn name_in(&self, community: &Community, account: AccountId) -> String {
        match community.given_name(account) {
            Some(name) => name,
            None if community.kind() == CommunityKind::Community => account.short(),
            None => self.person_name(account),
        }
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
                let mut roles: Vec<_> = member
                    .roles
                    .iter()
                    .map(|role| {
                        let rank = state.roles.get(role).map(|role| role.rank);
                        (std::cmp::Reverse(rank), community.role_name(*role))
                    })
                    .collect();
                roles.sort();
                MemberView {
                    account: *account,
                    name: self.name_in(community, *account),
                    roles: roles.into_iter().map(|(_, name)| name).collect(),
                    online: presence.is_some(),
                    availability: presence.as_ref().map(|(availability, _)| *availability),
                    rank: state.rank(*account).0,
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
        // Also what is not shown yet, since only newer messages are: each is told once, when it has come to stay.
        let message = community.timelines.get(&channel)?.message(message)?;
        Some(self.view_of(community, channel, message))
    }

    pub(crate) fn view_of(
        &self,
        community: &Community,
        channel: ChannelId,
        message: Message,
    ) -> MessageView {
        // Only where own messages have got to is known.
        let holders = if message.author == self.me.account() {
            Holders::of(community, channel)
        } else {
            Holders::default()
        };
        self.view_with(community, channel, message, &holders)
    }

    /// The same with the holders of the channel's own logs looked up before.
    pub(crate) fn view_with(
        &self,
        community: &Community,
        channel: ChannelId,
        message: Message,
        holders: &Holders,
    ) -> MessageView {
        let reaction = |(emoji, accounts): (String, BTreeSet<AccountId>)| ReactionView {
            emoji,
            accounts: accounts.into_iter().collect(),
        };
        let timeline = community.shown(channel);
        let replies = timeline.and_then(|timeline| timeline.replies(message.id));
        let calls_all = community.calls_all(&message);
        let mut text = message.text.unwrap_or_default();
        let mut embeds = message.embeds;
        let hidden = (message.author != self.me.account())
            .then(|| {
                let shown = (message.id, message.edited);
                community.hidden_by_rules(shown, message.author, &words(&text, &embeds))
            })
            .flatten()
            .map(|(reason, _)| reason);
        if hidden.is_some() && !self.moderates(community, channel) {
            text.clear();
            embeds.clear();
        }
        MessageView {
            id: message.id,
            author: message.author,
            pinned: community
                .content
                .get(&Field::Pin(channel, message.id))
                .is_some(),
            waiting: message.body_missing,
            mentions_me: mentions(&text, &self.mention(), calls_all),
            text,
            time: community
                .seen_at(message.id, message.time, self.now.wall)
                .unwrap_or(message.time),
            edited: message.edited,
            deleted: message.deleted,
            reply_to: message.reply_to,
            quote: timeline
                .zip(message.reply_to)
                .and_then(|(timeline, quoted)| community.quote(timeline, quoted)),
            replies: replies.map(|(count, last)| RepliesView {
                count: u32::try_from(count).unwrap_or(u32::MAX),
                last: UnixMs(last.0.min(self.now.wall.0)),
            }),
            thread: message.thread,
            bridged: message.bridged,
            embeds: embeds.into_iter().map(embed_view).collect(),
            hidden,
            arrived_later: community.arrived_later.contains(&message.id),
            reactions: message.reactions.into_iter().map(reaction).collect(),
            delivery: holders.delivery(community, channel, message.id),
        }
    }

    fn moderates(&self, community: &Community, channel: ChannelId) -> bool {
        let rights = community
            .state()
            .permissions(self.me.account(), Some(channel));
        rights.has(Permissions::MANAGE_MESSAGES)
    }

    /// Where a message has got to: how many other devices are known to hold it.
    pub(crate) fn delivery_view(
        &self,
        id: CommunityId,
        channel: ChannelId,
        message: EventId,
    ) -> DeliveryView {
        match self.communities.get(&id) {
            Some(community) => {
                Holders::of(community, channel).delivery(community, channel, message)
            }
            None => Holders::delivered(),
        }
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

    /// Whether, as far as connected peers say, nothing is missing from a channel, and who says so. Where home nodes alone
    /// say so it is not called complete, as they can withhold: who says so is told all the same. Nobody has to say it
    /// where no other device ever was.
    pub(crate) fn completeness(&self, community: &Community, channel: ChannelId) -> Completeness {
        let bodies = community
            .timelines
            .get(&channel)
            .is_none_or(|timeline| timeline.missing_bodies().is_empty());
        let lacks = [Place::Channel(channel), Place::Authority]
            .iter()
            .any(|place| community.knows_of_more(*place));
        let state = community.state();
        let homes: BTreeSet<_> = state
            .members
            .values()
            .flat_map(|member| member.homes.values())
            .collect();
        let mut whole = Completeness::default();
        for (key, peer) in &self.peers {
            let session = peer.sessions.get(&community.id);
            let Some(since) = session.and_then(|session| session.equal_since) else {
                continue;
            };
            let home = homes.contains(key);
            let views = community
                .member_of(*key)
                .is_some_and(|(account, _)| community.is_entitled(account, Some(channel)));
            if home || views {
                whole.confirmed.peers += 1;
                whole.confirmed.homes += u32::from(home);
                whole.since = Some(whole.since.map_or(since, |held| held.min(since)));
            }
        }
        // A member that is connected and says nothing, or is kept from saying it, may hold more.
        let members = self.connected_members(community.id);
        let confirms = |key: &alloquy_ids::NetworkKey| {
            let session = self.peers[key].sessions.get(&community.id);
            session.is_some_and(|session| session.equal)
        };
        let by_all = members.iter().all(confirms) && !self.own_home_is_ahead(community);
        if !bodies || lacks || !by_all {
            return Completeness::default();
        }
        let alone = homes.is_empty() && self.is_alone_in(community);
        whole.complete = alone || !whole.confirmed.by_homes_alone();
        if !whole.complete {
            whole.since = None;
        }
        whole
    }

    /// Whether no other device could have written into a community: none ever was there, the account has no other, and
    /// this one has not been put back from an older copy of its own.
    fn is_alone_in(&self, community: &Community) -> bool {
        let (state, own) = (community.state(), self.me.device());
        let mut dags = community.timelines.values().map(|timeline| timeline.dag());
        let goes_on = |dag: &alloquy_schema::dag::Dag| {
            let mut logs = dag.incarnations(own);
            logs.all(|log| log == community.membership.incarnation)
        };
        state.members.len() == 1
            && state.is_alone(own)
            && self.device_views().len() <= 1
            && goes_on(community.authority.dag())
            && dags.all(goes_on)
    }

    /// The community that a channel belongs to.
    pub(crate) fn community_of(&self, channel: ChannelId) -> Option<CommunityId> {
        let holds = |community: &&Community| community.state().channels.contains_key(&channel);
        self.communities
            .values()
            .find(holds)
            .map(|community| community.id)
    }
}

/// What is known of the completeness of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completeness {
    pub(crate) complete: bool,
    /// Since when somebody says so; `None` while it is not, or nobody else ever was there.
    pub(crate) since: Option<UnixMs>,
    pub(crate) confirmed: Confirmed,
}

/// Whether a text names the account that is mentioned so, or everybody, whom not every author may call.
pub(crate) fn mentions(text: &str, mention: &str, calls_all: bool) -> bool {
    names_whole(text, mention) || calls_all && names_whole(text, "@everyone")
}

/// Whether `mention` stands in a text as a word of its own: `@Ana` is neither in `@Anabel` nor in `mail@Ana`.
fn names_whole(text: &str, mention: &str) -> bool {
    // Scripts without capitals are written without spaces, too.
    let goes_on = |letter: char| {
        letter.is_lowercase() || letter.is_uppercase() || letter.is_numeric() || letter == '_'
    };
    text.match_indices(mention).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(goes_on) && !after.is_some_and(goes_on)
    })
}

/// The first line of a text, cut at a character.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut end = line.len().min(QUOTE_BYTES_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line[..end].to_owned()
}

/// Heights up to which others hold, can read and have read logs of this account in one channel.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    /// Own logs by incarnation: heights ascending, and the greatest up to which a reader could read.
    logs: BTreeMap<u32, (Vec<u64>, u64)>,
}

impl Holders {
    pub(crate) fn of(community: &Community, channel: ChannelId) -> Self {
        let mut logs: BTreeMap<u32, (Vec<u64>, u64)> = BTreeMap::new();
        let of_channel = (channel.into(), 0)..=(channel.into(), u32::MAX);
        let state = community.state();
        let me = state.account_ever(community.own_device);
        // Own devices read one's own notes; elsewhere they only keep what is for others.
        let alone = state.members.len() == 1;
        for (device, held) in &community.held {
            let account = state.account_ever(*device);
            let reads = account.is_some() && (alone || account != me);
            for ((_, incarnation), (height, opened)) in held.range(of_channel.clone()) {
                let log = logs.entry(*incarnation).or_default();
                log.0.push(*height);
                if reads {
                    log.1 = log.1.max(*opened);
                }
            }
        }
        for (heights, _) in logs.values_mut() {
            heights.sort_unstable();
        }
        Self { logs }
    }

    const fn delivered() -> DeliveryView {
        DeliveryView {
            state: DeliveryState::Delivered,
            holders: 0,
        }
    }

    /// Where a message of the channel has got to.
    fn delivery(
        &self,
        community: &Community,
        channel: ChannelId,
        message: EventId,
    ) -> DeliveryView {
        let event = community
            .timelines
            .get(&channel)
            .and_then(|timeline| timeline.dag().get(message));
        let Some(header) = event.map(VerifiedEvent::header) else {
            return Self::delivered();
        };
        let state = community.state();
        let me = state.account_ever(community.own_device);
        if header.device != community.own_device && state.account_ever(header.device) != me {
            return Self::delivered();
        }
        if community.unstored.contains(&message) {
            return DeliveryView {
                state: DeliveryState::Pending,
                holders: 0,
            };
        }
        let log = (header.scope, header.device, header.incarnation);
        let read = community.read_by_others(&log) > header.seq;
        let own = self.logs.get(&header.incarnation);
        let (holders, readable) = match own {
            // What another own device wrote is on this one; where else it is, that one knows.
            _ if header.device != community.own_device => (1, false),
            None => (0, false),
            Some((heights, opened)) => {
                let below = heights.partition_point(|height| *height <= header.seq);
                (heights.len() - below, *opened > header.seq)
            }
        };
        let state = match (holders, readable) {
            _ if read => DeliveryState::Read,
            (0, _) => DeliveryState::Stored,
            (_, false) => DeliveryState::Held,
            (_, true) => DeliveryState::Delivered,
        };
        DeliveryView {
            state,
            holders: u32::try_from(holders).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_word_alone() {
        let ana = |text: &str| mentions(text, "@Ana", true);
        for text in [
            "@Ana",
            "so, @Ana!",
            "(@Ana)",
            "@Anabel @Ana",
            "@Ana\n",
            "@everyone: cake",
        ] {
            assert!(ana(text), "{text}");
        }
        for text in [
            "@Anabel",
            "mail@Ana",
            "@Ana_2",
            "Ana",
            "@ana",
            "@everyones",
            "@Anaïs",
            "",
        ] {
            assert!(!ana(text), "{text}");
        }
        assert!(mentions("come @Ana Bel", "@Ana Bel", false));
        assert!(!mentions("@everyone", "@Ana", false));
        assert!(ana("おはよう@Anaさん"));
    }

    #[test]
    fn a_quote_is_one_line_cut_at_a_character() {
        assert_eq!(first_line(""), "");
        assert_eq!(first_line("one\ntwo"), "one");
        let long = "ü".repeat(QUOTE_BYTES_MAX);
        let cut = first_line(&format!("x{long}"));
        assert_eq!(cut.len(), QUOTE_BYTES_MAX - 1);
        assert!(long.starts_with(&cut[1..]));
    }
}
