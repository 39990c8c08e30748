//! `history-policy`: what newcomers of a key scope may read.

use alloquy_api::command::HistoryRule;
use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, CommunityId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy};
use rand_core::CryptoRng;

use super::{Outcome, error};
use crate::author::Draft;
use crate::community::Place;
use crate::io::Origin;
use crate::node::Node;

impl<R: CryptoRng> Node<R> {
    /// `history-policy COMMUNITY|CHANNEL all|since-join`: the change and the epoch that begins under it are written
    /// together.
    pub(super) fn history_policy(
        &mut self,
        origin: Origin,
        target: &str,
        rule: HistoryRule,
    ) -> Outcome {
        let (id, channel) = self.history_target(target)?;
        let policy = match rule {
            HistoryRule::All => HistoryPolicy::All,
            HistoryRule::SinceJoin => HistoryPolicy::SinceJoin,
        };
        let op = AuthorityOp::SetHistory { channel, policy };
        self.check_op(id, &op)?;
        let ids = self.write(id, &[Draft::Op(op)], |_| None);
        let Some(operation) = ids.last().copied() else {
            return Err(error(
                ErrorCode::Internal,
                "the operation could not be made; see the log",
            ));
        };
        if self.active(id)?.is_entitled(self.me.account(), channel) {
            self.announce(id, channel, None);
        }
        self.store_account(Some((origin, Reply::Operation { operation })));
        Ok(())
    }

    /// The key scope that a history policy is set for.
    fn history_target(
        &self,
        target: &str,
    ) -> Result<(CommunityId, Option<ChannelId>), CommandError> {
        let named = match self.channel_named(target) {
            Ok((id, channel)) => (id, Some(channel)),
            Err(reason) if reason.code == ErrorCode::AmbiguousName => return Err(reason),
            Err(_not_a_channel) => (self.community_named(target)?, None),
        };
        let (id, channel) = named;
        let community = self.active(id)?;
        let private = channel.and_then(|channel| community.key_channel(Place::Channel(channel)));
        let kind = community.state().kind;
        let text = match (kind, channel, private) {
            (CommunityKind::Group, ..) => return Ok((id, None)),
            (CommunityKind::Community, Some(_), Some(private)) => return Ok((id, Some(private))),
            (CommunityKind::Community, Some(_), None) => {
                "everybody here reads this channel with the community's keys: only private channels and groups have \
                 a history policy"
            }
            (CommunityKind::Community, None, _) => {
                "a community's newcomers may read what was before: only private channels and groups have a history \
                 policy"
            }
            (CommunityKind::Direct, ..) => {
                "nobody joins direct messages: they have no history policy"
            }
        };
        Err(error(ErrorCode::NotPermitted, text))
    }
}
