//! Commands that only read: their answers are made at once.

use alloquy_api::reply::{
    AuditKind, AuditView, CommunityView, InviteCardView, InviteView, PresenceView, UnreadView,
};
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, CommunityId, EventId};
use alloquy_schema::authority::Verdict;
use alloquy_schema::content::Field;
use alloquy_schema::permissions::{CommunityKind, Permissions};
use rand_core::CryptoRng;

use super::audit::{Describer, subject_of};
use super::error;
use crate::limits::HISTORY_MAX;
use crate::node::Node;
use crate::wire::link::InviteLink;

type Answer = Result<Reply, CommandError>;

/// Rights that only sealed events use: what a time-out holds back.
const HELD_BACK: Permissions = Permissions(
    Permissions::SEND.0
        | Permissions::SEND_THREADS.0
        | Permissions::ATTACH.0
        | Permissions::REACT.0
        | Permissions::MENTION_ALL.0
        | Permissions::MANAGE_CONTENT.0,
);

impl<R: CryptoRng> Node<R> {
    /// The answer to a reading command; `None` for one that writes.
    pub(super) fn query(&self, command: &Command) -> Option<Answer> {
        use Command as C;
        Some(match command {
            C::Communities => Ok(self.communities_reply()),
            C::Channels { community } => self
                .community_named(&community.0)
                .and_then(|id| self.channels_reply(id)),
            C::Invites { community } => self
                .community_named(&community.0)
                .and_then(|id| self.invites_reply(id)),
            C::Note {
                community,
                splice: None,
            } => self.community_named(&community.0).and_then(|id| {
                Ok(Reply::Note {
                    note: self.active(id)?.content.note(),
                })
            }),
            C::History {
                channel,
                last,
                before,
                thread,
            } => self.history(&channel.0, *last, *before, *thread),
            C::Page {
                channel,
                part,
                limit,
            } => self.page(*channel, *part, *limit),
            C::Pins { channel } => self.pins(&channel.0),
            C::Templates => Ok(Reply::Templates {
                templates: self.template_views(),
            }),
            C::Nearby => Ok(self.nearby_reply()),
            C::InspectInvite { link } => self.invite_card(link),
            C::RecoveryShow => self.recovery_words(),
            C::Members { community } => self.community_named(&community.0).and_then(|id| {
                Ok(Reply::Members {
                    members: self.member_views(self.active(id)?),
                })
            }),
            C::Roles { community } => self.community_named(&community.0).and_then(|id| {
                Ok(Reply::Roles {
                    roles: self.active(id)?.role_views(),
                })
            }),
            C::Audit { community, last } => self
                .community_named(&community.0)
                .and_then(|id| self.audit(id, *last)),
            C::Why {
                community,
                account,
                right,
                channel,
            } => self.why(
                &community.0,
                &account.0,
                right,
                channel.as_ref().map(|channel| channel.0.as_str()),
            ),
            C::InviteTree { community } => self.invite_tree(&community.0),
            C::Policy { community } => self
                .community_named(&community.0)
                .and_then(|id| self.policy_reply(id)),
            C::Requests { community } => self
                .community_named(&community.0)
                .and_then(|id| self.requests_reply(id)),
            C::Votes { community } => self.community_named(&community.0).and_then(|id| {
                Ok(Reply::Votes {
                    proposals: self.proposal_views(self.active(id)?),
                })
            }),
            C::Lost { community } => self.community_named(&community.0).and_then(|id| {
                Ok(Reply::Lost {
                    lost: self.lost_views(self.active(id)?),
                })
            }),
            C::WhyEvent { event } => self.why_event(*event),
            C::Unread { community } => {
                self.unread_reply(community.as_ref().map(|community| community.0.as_str()))
            }
            C::Presence { community } => self
                .community_named(&community.0)
                .and_then(|id| self.presence_reply(id)),
            _ => return None,
        })
    }

    fn communities_reply(&self) -> Reply {
        let view = |community: &crate::community::Community| {
            let members = self.member_views(community);
            let online = members.iter().filter(|member| member.online).count();
            CommunityView {
                community: community.id,
                name: community.name(),
                topic: community.text(&Field::Topic),
                members: u32::try_from(members.len()).unwrap_or(u32::MAX),
                online: u32::try_from(online).unwrap_or(u32::MAX),
            }
        };
        Reply::Communities {
            communities: self
                .communities
                .values()
                .filter(|of| of.active && of.kind() == CommunityKind::Community)
                .map(view)
                .collect(),
        }
    }

    fn channels_reply(&self, id: CommunityId) -> Answer {
        Ok(Reply::Channels {
            channels: self
                .active(id)?
                .channel_views(self.me.account(), &self.mention()),
        })
    }

    fn invites_reply(&self, id: CommunityId) -> Answer {
        let state = self.active(id)?.state();
        let invites = state
            .invites
            .iter()
            .map(|(id, invite)| InviteView {
                id: *id,
                creator: invite.creator,
                uses: invite.uses,
                used: invite.used,
                expires: invite.expires,
                revoked: invite.revoked,
            })
            .collect();
        Ok(Reply::Invites { invites })
    }

    fn history(
        &self,
        channel: &str,
        last: u32,
        before: Option<EventId>,
        thread: Option<EventId>,
    ) -> Answer {
        let (id, channel) = self.channel_named(channel)?;
        let community = self.active(id)?;
        let limit = last.min(HISTORY_MAX) as usize;
        let Some(timeline) = community.shown(channel) else {
            let whole = self.completeness(community, channel);
            return Ok(Reply::History {
                messages: Vec::new(),
                complete: whole.complete,
                complete_since: whole.since,
                confirmed: whole.confirmed,
            });
        };
        let before = match before {
            None => None,
            Some(id) => Some(
                timeline
                    .message(id)
                    .ok_or_else(|| {
                        error(
                            ErrorCode::UnknownName,
                            format!("the channel has no message {id}"),
                        )
                    })?
                    .order,
            ),
        };
        let messages = match thread {
            None => timeline.messages(before, limit),
            Some(root) => timeline.thread(root, before, limit),
        };
        let whole = self.completeness(community, channel);
        let holders = crate::views::Holders::of(community, channel);
        let messages = messages
            .into_iter()
            .map(|message| self.view_with(community, channel, message, &holders))
            .collect();
        Ok(Reply::History {
            messages,
            complete: whole.complete,
            complete_since: whole.since,
            confirmed: whole.confirmed,
        })
    }

    /// Pinned messages that are here, in the order of the channel.
    fn pins(&self, channel: &str) -> Answer {
        let (id, channel) = self.channel_named(channel)?;
        let community = self.active(id)?;
        let timeline = community.timelines.get(&channel);
        let mut pinned: Vec<_> = community
            .content
            .pins(channel)
            .filter_map(|message| timeline?.message(message))
            .collect();
        pinned.sort_by_key(|message| message.order);
        let view = |message| self.view_of(community, channel, message);
        Ok(Reply::Pins {
            pins: pinned.into_iter().map(view).collect(),
        })
    }

    /// What an invite link says.
    fn invite_card(&self, text: &str) -> Answer {
        let link = InviteLink::parse(text)
            .map_err(|reason| error(ErrorCode::InviteInvalid, reason.to_string()))?;
        let member = self
            .communities
            .get(&link.community)
            .is_some_and(|community| community.active);
        Ok(Reply::InviteCard {
            card: InviteCardView {
                community: link.community,
                name: link.name,
                inviter: link.inviter,
                inviter_name: link.inviter_name,
                peers: u32::try_from(link.peers.len()).unwrap_or(u32::MAX),
                expires: link.expires,
                member,
            },
        })
    }

    fn audit(&self, id: CommunityId, last: u32) -> Answer {
        let community = self.active(id)?;
        let dag = community.authority.dag();
        let mut events: Vec<_> = dag
            .iter()
            .map(|event| (event.order_key(), None, event))
            .collect();
        // A deletion stands behind the operations that its author knew.
        for (channel, event) in community.moderated() {
            let known = event.header().auth.iter();
            let known = known.filter_map(|head| Some(dag.get(*head)?.order_key()));
            if let Some(after) = known.max() {
                events.push((after, Some((event.order_key(), channel)), event));
            }
        }
        events.sort_by_key(|(key, deletion, _)| (*key, *deletion));
        let skip = events.len().saturating_sub(last as usize);
        let view = |(_, deletion, event): (_, Option<(_, ChannelId)>, _)| match deletion {
            None => self.audit_view(community, event),
            Some((_, channel)) => self.deletion_view(community, channel, event),
        };
        let operations = events.into_iter().skip(skip).map(view).collect();
        Ok(Reply::Audit { operations })
    }

    pub(super) fn audit_view(
        &self,
        community: &crate::community::Community,
        event: &alloquy_schema::event::VerifiedEvent,
    ) -> AuditView {
        let operation = event.id();
        let author = community.author_of(event);
        let reason = community.text(&Field::Reason(operation));
        let (effective, because) = match community.authority.verdict(operation) {
            Some(Verdict::Ineffective { reason, .. }) => (false, Some(reason)),
            Some(Verdict::Effective) | None => (true, None),
        };
        let op = community.authority.op(operation);
        let (kind, subject) = op.map_or((AuditKind::Upkeep, None), subject_of);
        let me = self.me.account();
        let describer = Describer { community, me };
        let what = op
            .map(|op| describer.describe(operation, op))
            .unwrap_or_default();
        AuditView {
            operation,
            author: author.unwrap_or(alloquy_ids::AccountId::ZERO),
            time: event.header().wall,
            kind,
            subject,
            what,
            effective,
            reason: (!reason.is_empty()).then_some(reason),
            because,
        }
    }

    fn why(&self, community: &str, account: &str, right: &str, channel: Option<&str>) -> Answer {
        let id = self.community_named(community)?;
        let community = self.active(id)?;
        let account = self.account_named(community, account)?;
        let right = super::moderation::rights(&[right.to_owned()])?;
        let channel = channel
            .map(|channel| self.channel_named(channel))
            .transpose()?
            .map(|(_, channel)| channel);
        let mut why = community.authority.why(account, right, channel);
        // Rights are the log's matter; whether a time-out is over, this device's clock says.
        if let Some((timeout, until)) = community.state().timeouts.get(&account)
            && (right & HELD_BACK) != Permissions::NONE
            && self.now.wall < *until
        {
            why.granted = false;
            why.sentences.push(format!(
                "{} is timed out until {} UTC, whatever its rights (operation {})",
                account.short(),
                until.utc(),
                timeout.short()
            ));
            why.ops.push(*timeout);
        }
        Ok(Reply::Why {
            granted: why.granted,
            because: why.sentences,
            operations: why.ops,
        })
    }

    fn unread_reply(&self, community: Option<&str>) -> Answer {
        let only = community
            .map(|text| self.community_named(text))
            .transpose()?;
        let (me, mention) = (self.me.account(), self.mention());
        let mut channels = Vec::new();
        let shown = self
            .communities
            .values()
            .filter(|of| of.active && only.is_none_or(|only| only == of.id));
        for community in shown {
            for view in community.channel_views(me, &mention) {
                let (unread, mentions) = community.unread(view.channel, &mention);
                if unread > 0 {
                    let (community, channel, name) = (community.id, view.channel, view.name);
                    channels.push(UnreadView {
                        community,
                        channel,
                        name,
                        unread,
                        mentions,
                    });
                }
            }
        }
        Ok(Reply::Unread { unread: channels })
    }

    fn presence_reply(&self, id: CommunityId) -> Answer {
        let community = self.active(id)?;
        let state = community.state();
        let online = state
            .members
            .keys()
            .filter_map(|account| {
                let (availability, status) = self.presence(community, *account)?;
                Some(PresenceView {
                    account: *account,
                    name: community.member_name(*account),
                    availability,
                    status,
                })
            })
            .collect();
        Ok(Reply::Presence { online })
    }
}
