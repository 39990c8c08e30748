//! Communities: create, channels, names, invites, roles' names, the shared note, the own profile, leaving.

use alloquy_api::command::{NoteSplice, ProfileChange};
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, CommunityId, EventId, InviteId, UnixMs};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::limits::{ABOUT_BYTES_MAX, ICON_BYTES_MAX, NOTE_BYTES_MAX, TOPIC_BYTES_MAX};
use alloquy_schema::permissions::{ChannelKind, Permissions};
use rand_core::CryptoRng;

use super::{Outcome, check_name, check_text, content, error, set_text};
use crate::author::Draft;
use crate::io::Origin;
use crate::limits::{INVITE_OTHERS_ADDRESSES_MAX, INVITE_PEERS_MAX, STATUS_BYTES_MAX};
use crate::node::Node;
use crate::wire::link::InviteLink;

/// Which machine takes a writing command.
pub(super) enum Group {
    Community,
    Message,
    Moderation,
    Policy,
}

pub(super) const fn owns(command: &Command) -> Group {
    use Command as C;
    match command {
        C::Send { .. }
        | C::Reply { .. }
        | C::Thread { .. }
        | C::Edit { .. }
        | C::Delete { .. }
        | C::React { .. }
        | C::Unreact { .. }
        | C::Pin { .. }
        | C::Unpin { .. }
        | C::Typing { .. }
        | C::MarkRead { .. } => Group::Message,
        C::RoleCreate { .. }
        | C::RoleEdit { .. }
        | C::RoleDelete { .. }
        | C::RoleGrant { .. }
        | C::RoleRevoke { .. }
        | C::Overwrite { .. }
        | C::Kick { .. }
        | C::Ban { .. }
        | C::Unban { .. }
        | C::Timeout { .. }
        | C::SlowMode { .. }
        | C::OwnerAdd { .. }
        | C::OwnerRemove { .. }
        | C::Reaffirm { .. }
        | C::AcceptLate { .. }
        | C::Purge { .. }
        | C::RemoveBranch { .. }
        | C::Undo { .. } => Group::Moderation,
        C::PolicyJoins { .. }
        | C::PolicyWait { .. }
        | C::PolicyLinks { .. }
        | C::PolicyWords { .. }
        | C::PolicyRaid { .. }
        | C::Approve { .. }
        | C::Refuse { .. } => Group::Policy,
        _ => Group::Community,
    }
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn community_command(&mut self, origin: Origin, command: Command) -> Outcome {
        use Command as C;
        match command {
            C::CreateCommunity { name, template } => {
                self.create_community(origin, &name, template.as_deref())
            }
            C::TemplateSave { community, name } => {
                let id = self.community_named(&community.0)?;
                self.save_template(origin, id, name)
            }
            C::TemplateDelete { name } => self.delete_template(origin, name),
            C::CreateChannel {
                community,
                kind,
                name,
                private,
                category,
            } => {
                let id = self.community_named(&community.0)?;
                let kind = match kind {
                    alloquy_api::command::ChannelKind::Text => ChannelKind::Text,
                    alloquy_api::command::ChannelKind::Voice => ChannelKind::Voice,
                    alloquy_api::command::ChannelKind::Category => ChannelKind::Category,
                    alloquy_api::command::ChannelKind::Stage => ChannelKind::Stage,
                };
                self.create_channel(origin, id, kind, &name, private, category.as_deref())
            }
            C::CreateCategory { community, name } => {
                let id = self.community_named(&community.0)?;
                self.create_channel(origin, id, ChannelKind::Category, &name, false, None)
            }
            C::DeleteChannel { channel } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                self.operate(origin, id, AuthorityOp::ChannelDelete { channel }, None)
            }
            C::Rename { target, name } => self.rename(origin, &target, &name),
            C::Topic { target, text } => self.topic(origin, &target, &text),
            C::Icon { community, image } => self.icon(origin, &community.0, image.as_deref()),
            C::MoveChannel {
                channel,
                position,
                category,
            } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                self.move_channel(origin, id, channel, position, category.as_deref())
            }
            C::Invite {
                community,
                uses,
                expires_ms,
            } => {
                let id = self.community_named(&community.0)?;
                self.invite(origin, id, uses, expires_ms)
            }
            C::RevokeInvite { community, invite } => {
                let id = self.community_named(&community.0)?;
                self.revoke_invite(origin, id, invite)
            }
            C::Leave { community } => {
                let id = self.community_named(&community.0)?;
                self.operate(origin, id, AuthorityOp::Leave, None)
            }
            C::Note {
                community,
                splice: Some(splice),
            } => {
                let id = self.community_named(&community.0)?;
                self.splice_note(origin, id, splice)
            }
            C::Profile { change } => self.profile(origin, change),
            C::Rekey { target } => self.rekey(origin, &target),
            C::HistoryPolicy { target, policy } => self.history_policy(origin, &target, policy),
            other => Err(error(
                ErrorCode::Internal,
                format!("no machine takes {other:?}"),
            )),
        }
    }

    /// Writes one operation, with a reason for the audit log if one is given.
    pub(super) fn operate(
        &mut self,
        origin: Origin,
        id: CommunityId,
        op: AuthorityOp,
        reason: Option<&str>,
    ) -> Outcome {
        self.check_op(id, &op)?;
        let ids = self.write(id, &[Draft::Op(op)], |ids| {
            // With a reason, the answer waits for it.
            reason
                .is_none()
                .then(|| {
                    ids.last().map(|operation| {
                        (
                            origin,
                            Reply::Operation {
                                operation: *operation,
                            },
                        )
                    })
                })
                .flatten()
        });
        let Some(operation) = ids.last().copied() else {
            return Err(error(
                ErrorCode::Internal,
                "the operation could not be made; see the log",
            ));
        };
        if let Some(reason) = reason {
            let op = set_text(Field::Reason(operation), reason);
            let reply = |_: &[EventId]| Some(Reply::Operation { operation });
            return match self.write_answered(origin, id, &[content(vec![op])], reply) {
                // Without a key (the operation itself took it away) the reason stays unsaid; the operation stands.
                Err(_no_key) => self.answer(origin, Reply::Operation { operation }),
                Ok(()) => Ok(()),
            };
        }
        Ok(())
    }

    fn create_channel(
        &mut self,
        origin: Origin,
        id: CommunityId,
        kind: ChannelKind,
        name: &str,
        private: bool,
        category: Option<&str>,
    ) -> Outcome {
        check_name("name", name)?;
        let me = self.me.account();
        let community = self.active(id)?;
        let views = community.channel_views(me, "");
        if let Some(view) = views.iter().find(|view| view.name == name) {
            return Err(error(
                ErrorCode::Exists,
                format!("a channel named {name:?} is there: {}", view.channel),
            ));
        }
        let parent = category
            .map(|name| self.category_named(id, name))
            .transpose()?;
        let op = AuthorityOp::ChannelCreate { kind, private };
        self.check_op(id, &op)?;
        let position = views
            .iter()
            .map(|view| view.position)
            .max()
            .map_or(0, |last| last.saturating_add(1));
        let ids = self.write(id, &[Draft::Op(op)], |_| None);
        let Some(event) = ids.last().copied() else {
            return Err(error(
                ErrorCode::Internal,
                "the channel could not be made; see the log",
            ));
        };
        let channel = ChannelId::from(event);
        if private {
            self.announce(id, Some(channel), None);
        }
        let mut fields = vec![
            set_text(Field::ChannelName(channel), name),
            ContentOp::Set {
                field: Field::ChannelPosition(channel),
                value: Value::Number(position),
            },
        ];
        if let Some(parent) = parent {
            fields.push(ContentOp::Set {
                field: Field::ChannelParent(channel),
                value: Value::Channel(parent),
            });
        }
        self.write_answered(origin, id, &[content(fields)], |_| {
            Some(Reply::Channel { channel })
        })
    }

    fn category_named(&self, id: CommunityId, name: &str) -> Result<ChannelId, CommandError> {
        let views = self.active(id)?.channel_views(self.me.account(), "");
        let is_category = |view: &&alloquy_api::reply::ChannelView| {
            view.kind == alloquy_api::command::ChannelKind::Category
                && (view.name == name || view.channel.to_string() == name)
        };
        views
            .iter()
            .find(is_category)
            .map(|view| view.channel)
            .ok_or_else(|| {
                error(
                    ErrorCode::UnknownName,
                    format!("no category is named {name:?}"),
                )
            })
    }

    fn require(
        &self,
        id: CommunityId,
        channel: Option<ChannelId>,
        rights: &[Permissions],
    ) -> Outcome {
        let held = self
            .active(id)?
            .state()
            .permissions(self.me.account(), channel);
        if rights.iter().any(|right| held.has(*right)) {
            return Ok(());
        }
        let names: Vec<_> = rights.iter().flat_map(|right| right.names()).collect();
        Err(error(
            ErrorCode::NotPermitted,
            format!("this account lacks the right {}", names.join(" or ")),
        ))
    }

    fn rename(&mut self, origin: Origin, target: &str, name: &str) -> Outcome {
        check_name("name", name)?;
        let (id, field) = match self.channel_named(target) {
            Ok((id, channel)) => {
                self.require(
                    id,
                    Some(channel),
                    &[Permissions::MANAGE_CHANNELS, Permissions::MANAGE_CONTENT],
                )?;
                let views = self.active(id)?.channel_views(self.me.account(), "");
                if views
                    .iter()
                    .any(|view| view.name == name && view.channel != channel)
                {
                    return Err(error(
                        ErrorCode::Exists,
                        format!("a channel named {name:?} is there"),
                    ));
                }
                (id, Field::ChannelName(channel))
            }
            Err(reason) if reason.code == ErrorCode::AmbiguousName => return Err(reason),
            Err(_not_a_channel) => {
                let id = self.community_named(target)?;
                self.require(id, None, &[Permissions::MANAGE_CONTENT])?;
                (id, Field::Name)
            }
        };
        self.set_content(origin, id, vec![set_text(field, name)])
    }

    fn topic(&mut self, origin: Origin, target: &str, text: &str) -> Outcome {
        check_text("topic", text, TOPIC_BYTES_MAX)?;
        let (id, field) = match self.channel_named(target) {
            Ok((id, channel)) => {
                self.require(
                    id,
                    Some(channel),
                    &[Permissions::MANAGE_CHANNELS, Permissions::MANAGE_CONTENT],
                )?;
                (id, Field::ChannelTopic(channel))
            }
            Err(reason) if reason.code == ErrorCode::AmbiguousName => return Err(reason),
            Err(_not_a_channel) => {
                let id = self.community_named(target)?;
                self.require(id, None, &[Permissions::MANAGE_CONTENT])?;
                (id, Field::Topic)
            }
        };
        self.set_content(origin, id, vec![set_text(field, text)])
    }

    fn set_content(&mut self, origin: Origin, id: CommunityId, ops: Vec<ContentOp>) -> Outcome {
        self.write_answered(origin, id, &[content(ops)], |ids| {
            Some(Reply::Operation {
                operation: *ids.last()?,
            })
        })
    }

    fn icon(&mut self, origin: Origin, community: &str, image: Option<&str>) -> Outcome {
        let id = self.community_named(community)?;
        self.require(id, None, &[Permissions::MANAGE_CONTENT])?;
        let op = match image {
            None => ContentOp::Clear { field: Field::Icon },
            Some(text) => {
                let limit = ICON_BYTES_MAX.div_ceil(3) * 4;
                check_text("icon in base64", text, limit)?;
                let bytes = data_encoding::BASE64
                    .decode(text.as_bytes())
                    .map_err(|reason| {
                        error(
                            ErrorCode::Parse,
                            format!("the icon is not base64: {reason}"),
                        )
                    })?;
                let op = ContentOp::Set {
                    field: Field::Icon,
                    value: Value::Bytes(bytes),
                };
                op.check()
                    .map_err(|reason| error(ErrorCode::Limit, reason.to_string()))?;
                op
            }
        };
        self.set_content(origin, id, vec![op])
    }

    fn move_channel(
        &mut self,
        origin: Origin,
        id: CommunityId,
        channel: ChannelId,
        position: u32,
        category: Option<&str>,
    ) -> Outcome {
        self.require(
            id,
            Some(channel),
            &[Permissions::MANAGE_CHANNELS, Permissions::MANAGE_CONTENT],
        )?;
        let position = Value::Number(i64::from(position));
        let mut ops = vec![ContentOp::Set {
            field: Field::ChannelPosition(channel),
            value: position,
        }];
        match category {
            None => {}
            Some("none") => ops.push(ContentOp::Clear {
                field: Field::ChannelParent(channel),
            }),
            Some(name) => {
                let parent = self.category_named(id, name)?;
                ops.push(ContentOp::Set {
                    field: Field::ChannelParent(channel),
                    value: Value::Channel(parent),
                });
            }
        }
        self.set_content(origin, id, ops)
    }

    fn invite(
        &mut self,
        origin: Origin,
        id: CommunityId,
        uses: Option<u32>,
        expires_ms: Option<u64>,
    ) -> Outcome {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let expires = expires_ms.map(|ms| UnixMs(self.wall().0.saturating_add(ms)));
        let op = AuthorityOp::InviteCreate {
            key: DeviceKey::from_seed(&seed).public(),
            expires,
            uses,
        };
        self.check_op(id, &op)?;
        let peers = self.invite_peers(id);
        let name = self.active(id)?.name();
        let (inviter, inviter_name) = (self.me.account(), self.me.record.name.clone());
        self.write_answered(origin, id, &[Draft::Op(op)], |ids| {
            let invite = InviteId::from(*ids.last()?);
            let link = InviteLink {
                community: id,
                invite,
                seed,
                peers,
                name,
                inviter,
                inviter_name,
                expires,
            };
            Some(Reply::Invite {
                invite: link.print(),
                id: invite,
            })
        })
    }

    /// This node first, then members that are connected now: each can admit.
    pub(crate) fn invite_peers(
        &self,
        id: CommunityId,
    ) -> Vec<(alloquy_ids::NetworkKey, Vec<String>)> {
        let mut peers = vec![(self.me.network, self.book.own())];
        for key in self.connected_members(id) {
            let addresses: Vec<_> = self
                .book
                .of
                .get(&key)
                .map(|of| of.iter().take(INVITE_OTHERS_ADDRESSES_MAX))
                .map(|first| first.cloned().collect())
                .unwrap_or_default();
            if !addresses.is_empty() && peers.len() < INVITE_PEERS_MAX {
                peers.push((key, addresses));
            }
        }
        peers
    }

    fn revoke_invite(&mut self, origin: Origin, id: CommunityId, invite: InviteId) -> Outcome {
        let state = self.active(id)?.state();
        let Some(of) = state.invites.get(&invite) else {
            return Err(error(
                ErrorCode::UnknownName,
                format!("no invite has the id {invite}"),
            ));
        };
        if of.revoked {
            return Err(error(
                ErrorCode::InviteInvalid,
                format!("the invite {invite} is revoked already"),
            ));
        }
        self.operate(origin, id, AuthorityOp::InviteRevoke { invite }, None)
    }

    fn splice_note(&mut self, origin: Origin, id: CommunityId, splice: NoteSplice) -> Outcome {
        let community = self.active(id)?;
        let note = community.content.note();
        let length = note.chars().count();
        let end = (splice.at as usize).saturating_add(splice.remove as usize);
        if end > length {
            let message = format!("the note has {length} characters, the change reaches to {end}");
            return Err(error(ErrorCode::Limit, message));
        }
        let size = note.len() + splice.insert.len();
        if size > NOTE_BYTES_MAX {
            return Err(error(
                ErrorCode::Limit,
                format!("the note would have {size} bytes, the limit is {NOTE_BYTES_MAX}"),
            ));
        }
        check_text(
            "inserted text",
            &splice.insert,
            alloquy_schema::limits::CONTENT_BYTES_MAX - 64,
        )?;
        self.require(id, None, &[Permissions::SEND])?;
        let op = ContentOp::SpliceNote {
            at: splice.at,
            remove: splice.remove,
            insert: splice.insert,
        };
        self.set_content(origin, id, vec![op])
    }

    fn profile(&mut self, origin: Origin, change: ProfileChange) -> Outcome {
        match &change {
            ProfileChange::Name(name) => check_name("name", name)?,
            ProfileChange::About(about) => check_text("about text", about, ABOUT_BYTES_MAX)?,
            ProfileChange::Status(status) => check_text("status", status, STATUS_BYTES_MAX)?,
            ProfileChange::Availability(_) => {}
        }
        self.store_profile(origin, change);
        Ok(())
    }

    fn rekey(&mut self, origin: Origin, target: &str) -> Outcome {
        let (id, channel) = match self.channel_named(target) {
            Ok((id, channel)) => {
                let place = crate::community::Place::Channel(channel);
                (id, self.active(id)?.key_channel(place))
            }
            Err(reason) if reason.code == ErrorCode::AmbiguousName => return Err(reason),
            Err(_not_a_channel) => (self.community_named(target)?, None),
        };
        self.require(id, channel, &[Permissions::MANAGE_COMMUNITY])?;
        self.announce(id, channel, Some(origin));
        Ok(())
    }
}
