//! Why things are as they are: hidden messages, operations without effect, lost work, open votes.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::reply::{AuditKind, AuditView, ProposalView};
use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, ChannelId, EventId};
use alloquy_schema::authority::Verdict;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::timeline::{Deletion, Standing, Timeline};
use rand_core::CryptoRng;

use super::audit::Describer;
use super::error;
use super::policy::words;
use crate::community::Community;
use crate::limits::PROPOSALS_SHOWN_MAX;
use crate::node::Node;

/// Sentences, and the events that they name.
#[derive(Debug, Default)]
struct Because {
    sentences: Vec<String>,
    operations: Vec<EventId>,
}

impl Community {
    /// Who wrote an event, by its device.
    pub(super) fn writer(&self, event: &VerifiedEvent) -> AccountId {
        let account = self.state().account_ever(event.header().device);
        account.unwrap_or(AccountId::ZERO)
    }

    /// Deletions of others' messages in public channels.
    pub(super) fn moderated(&self) -> Vec<(ChannelId, &VerifiedEvent)> {
        let state = self.state();
        let public = self.timelines.iter().filter(|(channel, _)| {
            let channel = state.channels.get(*channel);
            channel.is_some_and(|channel| !channel.private)
        });
        let mut found = Vec::new();
        for (channel, timeline) in public {
            for event in timeline.dag().iter() {
                if event.header().kind == Kind::Deletion && reaches_others(timeline, event) {
                    found.push((*channel, event));
                }
            }
        }
        found
    }

    /// What an operation does and whose it is, in plain words.
    fn said(&self, view: &AuditView) -> String {
        format!(
            "{}: {} (operation {})",
            self.member_name(view.author),
            view.what,
            view.operation.short()
        )
    }
}

/// Whether a deletion names a counting event of another account: the same for everybody with the same events.
fn reaches_others(timeline: &Timeline, event: &VerifiedEvent) -> bool {
    let author = timeline.author(event.id());
    let body = event
        .body()
        .and_then(|body| Deletion::from_bytes(body).ok());
    let counting = timeline.standing(event.id()) == Some(Standing::Counting);
    counting
        && body.is_some_and(|body| {
            body.targets().any(|target| {
                timeline.standing(target) == Some(Standing::Counting)
                    && timeline.author(target) != author
            })
        })
}

impl<R: CryptoRng> Node<R> {
    /// A deletion as the audit log has it.
    pub(super) fn deletion_view(
        &self,
        community: &Community,
        channel: ChannelId,
        event: &VerifiedEvent,
    ) -> AuditView {
        let body = event
            .body()
            .and_then(|body| Deletion::from_bytes(body).ok());
        let count = body.map_or(0, |body| body.targets().count());
        let me = self.me.account();
        let name = Describer { community, me }.channel(&channel);
        let timeline = community.timelines.get(&channel);
        let effective = timeline.is_some_and(|timeline| timeline.hides_others(event.id()));
        AuditView {
            operation: event.id(),
            author: community.writer(event),
            time: event.header().wall,
            kind: AuditKind::Messages,
            subject: None,
            what: format!("deleted {count} messages, edits or reactions in {name}"),
            effective,
            reason: None,
            because: (!effective).then(|| {
                "its author did not hold manage-messages, or lost it without having seen that"
                    .to_owned()
            }),
        }
    }

    /// `why-event`.
    pub(super) fn why_event(&self, event: EventId) -> Result<Reply, CommandError> {
        for community in self.communities.values().filter(|one| one.active) {
            if community.authority.op(event).is_some() {
                return Ok(self.why_operation(community, event));
            }
            for (channel, timeline) in &community.timelines {
                if timeline.dag().contains(event)
                    && community.is_entitled(self.me.account(), Some(*channel))
                {
                    return Ok(self.why_message(community, timeline, event));
                }
            }
        }
        Err(error(
            ErrorCode::UnknownName,
            format!("no message and no operation has the id {event}"),
        ))
    }

    fn why_operation(&self, community: &Community, operation: EventId) -> Reply {
        let mut because = Because::default();
        self.name_operation(community, operation, &mut because);
        let verdict = community.authority.verdict(operation);
        let stands = !matches!(verdict, Some(Verdict::Ineffective { .. }));
        match verdict {
            Some(Verdict::Ineffective { by, reason }) => {
                because
                    .sentences
                    .push(format!("it has no effect: {reason}"));
                self.name_operations(community, &by, &mut because);
            }
            _ => because.sentences.push("it has effect".to_owned()),
        }
        because.reply(stands)
    }

    /// Why a message, edit or reaction is shown or not.
    fn why_message(&self, community: &Community, timeline: &Timeline, event: EventId) -> Reply {
        let mut because = Because::default();
        match timeline.standing(event) {
            Some(Standing::NotPermitted { reason }) => {
                because
                    .sentences
                    .push(format!("it does not count: {reason}"));
                return because.reply(false);
            }
            Some(Standing::Late { by }) => {
                because.sentences.push(
                    "it does not count: its author lost the right to write, and nothing shows that it was written \
                     before that"
                        .to_owned(),
                );
                self.name_operations(community, &by, &mut because);
                return because.reply(false);
            }
            Some(Standing::Counting) | None => {}
        }
        let purges: Vec<_> = if community.state().purged.contains(&event) {
            let ids = community.authority.dag().iter().map(VerifiedEvent::id);
            let lists = |id: &EventId| match community.authority.op(*id) {
                Some(AuthorityOp::Purge { events }) => events.contains(&event),
                _ => false,
            };
            ids.filter(lists).collect()
        } else {
            Vec::new()
        };
        self.name_operations(community, &purges, &mut because);
        for deletion in timeline.deletions_of(event) {
            if let Some(by) = timeline.author(deletion) {
                let sentence = format!("{} deleted it", community.member_name(by));
                because.sentences.push(sentence);
                because.operations.push(deletion);
            }
        }
        let message = timeline.message(event);
        let hidden = message.as_ref().and_then(|message| {
            let text = message.text.as_deref().unwrap_or_default();
            let words = words(text, &message.embeds);
            community.hidden_by_rules((event, message.edited), message.author, &words)
        });
        if let Some((reason, rule)) = hidden {
            because.sentences.push(reason);
            self.name_operations(community, &rule, &mut because);
        }
        if message.as_ref().is_some_and(|message| message.body_missing) {
            let text = "its text is not here yet: its key or its body is waited for";
            because.sentences.push(text.to_owned());
        }
        if timeline.misses(event) {
            let text = "it changes nothing: what it is about is somebody else's, and its author may not touch that";
            because.sentences.push(text.to_owned());
        }
        let stands = because.sentences.is_empty() && timeline.has_effect(event);
        if stands {
            because
                .sentences
                .push("it counts, and nothing hides it".to_owned());
        } else if because.sentences.is_empty() {
            because
                .sentences
                .push("it counts, and shows nothing".to_owned());
        }
        because.reply(stands)
    }

    fn name_operations(&self, community: &Community, ids: &[EventId], because: &mut Because) {
        for id in ids {
            self.name_operation(community, *id, because);
        }
    }

    fn name_operation(&self, community: &Community, id: EventId, because: &mut Because) {
        if let Some(event) = community.authority.dag().get(id) {
            let view = self.audit_view(community, event);
            because.sentences.push(community.said(&view));
            because.operations.push(id);
        }
    }

    /// Own operations that lost their effect to others, that would have effect again if they were repeated now, and
    /// that nobody has repeated.
    pub(crate) fn lost_views(&self, community: &Community) -> Vec<AuditView> {
        let (me, authority) = (self.me.account(), &community.authority);
        let fallen = authority.fallen();
        if fallen.is_empty() {
            return Vec::new();
        }
        let own = |event: &&VerifiedEvent| community.writer(event) == me;
        let repeatable = |event: &&VerifiedEvent| {
            let repeat = AuthorityOp::Reaffirm {
                ops: vec![event.id()],
            };
            authority.permits(me, &repeat).is_ok()
        };
        let events = fallen.iter().filter_map(|id| authority.dag().get(*id));
        let mut lost: Vec<_> = events.filter(own).filter(repeatable).collect();
        if lost.is_empty() {
            return Vec::new();
        }
        let mut repeated: BTreeSet<EventId> = BTreeSet::new();
        for event in authority.dag().iter() {
            if let Some(AuthorityOp::Reaffirm { ops }) = authority.op(event.id())
                && authority.verdict(event.id()) == Some(Verdict::Effective)
            {
                repeated.extend(ops);
            }
        }
        lost.retain(|event| !repeated.contains(&event.id()));
        lost.sort_by_key(|event| event.order_key());
        let views = lost.into_iter();
        views
            .map(|event| self.audit_view(community, event))
            .collect()
    }

    /// Owner sets that owners propose over the one in force and that lack votes: those with the most votes first, as
    /// many as are shown.
    pub(crate) fn proposal_views(&self, community: &Community) -> Vec<ProposalView> {
        let (state, authority) = (community.state(), &community.authority);
        let mut proposals: BTreeMap<_, (BTreeSet<_>, _)> = BTreeMap::new();
        for event in authority.dag().iter() {
            if let Some(AuthorityOp::OwnersVote { proposal, .. }) = authority.op(event.id())
                && proposal.replaces == state.owners_version
                && authority.verdict(event.id()) == Some(Verdict::Effective)
            {
                let entry = proposals.entry(proposal.to_bytes());
                let (voters, _) = entry.or_insert_with(|| (BTreeSet::new(), proposal));
                voters.insert(community.writer(event));
            }
        }
        let mut proposals: Vec<_> = proposals.into_values().collect();
        proposals.sort_by_key(|(voters, _)| std::cmp::Reverse(voters.len()));
        proposals.truncate(PROPOSALS_SHOWN_MAX);
        let view = |proposal: &&alloquy_schema::authority::op::OwnersProposal| {
            let signatures = authority.votes_for(proposal);
            let (votes, needed) = state.votes(&signatures);
            let proposed: BTreeSet<_> = proposal.owners.iter().copied().collect();
            let voters: BTreeSet<_> = signatures
                .iter()
                .filter_map(|(device, _)| state.account_of(*device))
                .collect();
            ProposalView {
                add: proposed.difference(&state.owners).copied().collect(),
                remove: state.owners.difference(&proposed).copied().collect(),
                voters: voters.into_iter().collect(),
                votes,
                needed,
            }
        };
        proposals
            .iter()
            .map(|(_, proposal)| view(proposal))
            .collect()
    }
}

impl Because {
    fn reply(self, stands: bool) -> Reply {
        Reply::WhyEvent {
            stands,
            because: self.sentences,
            operations: self.operations,
        }
    }
}
