//! Messages: send, reply, thread, edit, delete, react, pin, typing, read markers.

use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, CommunityId, EventId};
use alloquy_schema::body::{Body, MessageBody};
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::embed::Embed;
use alloquy_schema::limits::{EMOJI_BYTES_MAX, TEXT_BYTES_MAX};
use alloquy_schema::permissions::{ChannelKind, Permissions};
use rand_core::CryptoRng;

use super::policy::{breaks_rules, words};
use super::{Outcome, check_text, content, error};
use crate::author::Draft;
use crate::io::Origin;
use crate::node::Node;
use crate::outbox::{After, read_marker};

/// Previews as messages have them.
fn given(embeds: Vec<alloquy_api::Embed>) -> Vec<Embed> {
    let given = embeds.into_iter().map(|embed| Embed {
        url: embed.url,
        title: embed.title,
        description: embed.description,
    });
    given.collect()
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn message_command(&mut self, origin: Origin, command: Command) -> Outcome {
        match command {
            Command::Send {
                channel,
                text,
                embeds,
            } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                self.post(
                    origin,
                    id,
                    channel,
                    MessageBody {
                        text,
                        embeds: given(embeds),
                        ..MessageBody::default()
                    },
                )
            }
            Command::Reply {
                message,
                text,
                embeds,
            } => {
                let (id, channel) = self.message_named(message)?;
                // An answer to a message of a thread stays in the thread.
                let thread = self.shown(id, channel, message)?.thread;
                self.post(
                    origin,
                    id,
                    channel,
                    MessageBody {
                        text,
                        embeds: given(embeds),
                        reply_to: Some(message),
                        thread,
                        ..MessageBody::default()
                    },
                )
            }
            Command::Thread {
                message,
                text,
                embeds,
            } => {
                let (id, channel) = self.message_named(message)?;
                let root = self.shown(id, channel, message)?.thread.unwrap_or(message);
                self.post(
                    origin,
                    id,
                    channel,
                    MessageBody {
                        text,
                        embeds: given(embeds),
                        thread: Some(root),
                        ..MessageBody::default()
                    },
                )
            }
            Command::Edit { message, text } => self.edit(origin, message, text),
            Command::Delete { message } => self.delete(origin, message),
            Command::React { message, emoji } => self.react(origin, message, emoji, true),
            Command::Unreact { message, emoji } => self.react(origin, message, emoji, false),
            Command::Pin { message } => self.pin(origin, message, true),
            Command::Unpin { message } => self.pin(origin, message, false),
            Command::Typing { channel } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                self.may_write(id, channel, Permissions::SEND)?;
                self.send_typing(id, channel);
                self.answer(origin, Reply::Ok { ok: true })
            }
            Command::MarkRead { channel, message } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                self.mark_read(origin, id, channel, message)
            }
            other => Err(error(
                ErrorCode::Internal,
                format!("no machine takes {other:?}"),
            )),
        }
    }

    fn shown(
        &self,
        id: CommunityId,
        channel: ChannelId,
        message: EventId,
    ) -> Result<alloquy_schema::timeline::Message, CommandError> {
        let community = self.communities.get(&id);
        let timeline = community.and_then(|community| community.timelines.get(&channel));
        timeline
            .and_then(|timeline| timeline.message(message))
            .ok_or_else(|| {
                if community.is_some_and(|of| of.past_is_coming(channel)) {
                    let text = format!(
                        "what was written before message {message} is still coming: try again when it is here"
                    );
                    return error(ErrorCode::Timeout, text);
                }
                error(
                    ErrorCode::UnknownName,
                    format!("no message has the id {message}"),
                )
            })
    }

    /// Rights, time-out and slow mode, as other members will judge them.
    fn may_write(&self, id: CommunityId, channel: ChannelId, right: Permissions) -> Outcome {
        let community = self.active(id)?;
        let state = community.state();
        let me = self.me.account();
        if !state.permissions(me, Some(channel)).has(right) {
            let names: Vec<_> = right.names().collect();
            return Err(error(
                ErrorCode::NotPermitted,
                format!("this account lacks the right {}", names.join(" and ")),
            ));
        }
        let Some(of) = state.channels.get(&channel) else {
            return Ok(());
        };
        if of.kind == ChannelKind::Category {
            return Err(error(
                ErrorCode::NotPermitted,
                "a category holds no messages",
            ));
        }
        let wall = self.now.wall;
        if let Some((_, until)) = state.timeouts.get(&me)
            && wall < *until
        {
            let seconds = (until.0 - wall.0).div_ceil(1000);
            return Err(error(
                ErrorCode::NotPermitted,
                format!("this account is timed out for another {seconds} s"),
            ));
        }
        if let Some(from) = community.writes_from(me, wall) {
            let seconds = (from.0 - wall.0).div_ceil(1000);
            return Err(error(
                ErrorCode::NotPermitted,
                format!("this account is new here and may write in {seconds} s"),
            ));
        }
        let slow = u64::from(of.slow_mode_ms);
        let exempt = Permissions::MANAGE_MESSAGES | Permissions::MANAGE_CHANNELS;
        let held = state.permissions(me, Some(channel)) & exempt;
        if slow == 0 || held != Permissions::NONE {
            return Ok(());
        }
        let last = community.last_written(me, channel);
        let next = last.map_or(0, |at| at.0.saturating_add(slow));
        if slow > 0 && wall.0 < next {
            let seconds = (next - wall.0).div_ceil(1000);
            return Err(error(
                ErrorCode::NotPermitted,
                format!("slow mode: this account may write again in {seconds} s"),
            ));
        }
        Ok(())
    }

    /// Word and link rules: others would not show what is refused. What is held may be written.
    fn within_rules(&self, id: CommunityId, text: &str) -> Outcome {
        let state = self.active(id)?.state();
        match breaks_rules(&state, self.me.account(), text).filter(|broken| !broken.held) {
            Some(broken) => Err(error(
                ErrorCode::NotPermitted,
                format!("the message is not written: {}", broken.sentence),
            )),
            None => Ok(()),
        }
    }

    fn post(
        &mut self,
        origin: Origin,
        id: CommunityId,
        channel: ChannelId,
        mut body: MessageBody,
    ) -> Outcome {
        body.bridged = self.me.bridged;
        check_text("message", &body.text, TEXT_BYTES_MAX)?;
        if body.text.is_empty() {
            return Err(error(
                ErrorCode::Limit,
                "the message has 0 bytes, 1 at least is needed",
            ));
        }
        let right = if body.thread.is_some() {
            Permissions::SEND_THREADS
        } else {
            Permissions::SEND
        };
        self.may_write(id, channel, right)?;
        self.within_rules(id, &words(&body.text, &body.embeds))?;
        self.renew_old_epoch(id, channel);
        let draft = Draft::Message(channel, Body::Message(body));
        self.write_answered(origin, id, &[draft], |ids| {
            Some(Reply::Message {
                message: *ids.last()?,
            })
        })
    }

    fn edit(&mut self, origin: Origin, message: EventId, text: String) -> Outcome {
        check_text("message", &text, TEXT_BYTES_MAX)?;
        let (id, channel) = self.message_named(message)?;
        let shown = self.shown(id, channel, message)?;
        if shown.author != self.me.account() {
            return Err(error(
                ErrorCode::NotPermitted,
                "only the author edits a message",
            ));
        }
        if shown.deleted || text.is_empty() {
            return Err(error(
                ErrorCode::NotPermitted,
                "a deleted message, or one without text, can not be edited: use delete",
            ));
        }
        self.may_write(id, channel, Permissions::SEND)?;
        self.within_rules(id, &words(&text, &shown.embeds))?;
        let draft = Draft::Message(
            channel,
            Body::Edit {
                target: message,
                text,
            },
        );
        self.write_answered(origin, id, &[draft], |_| Some(Reply::Message { message }))
    }

    fn delete(&mut self, origin: Origin, message: EventId) -> Outcome {
        let (id, channel) = self.message_named(message)?;
        let shown = self.shown(id, channel, message)?;
        let community = self.active(id)?;
        let rights = community
            .state()
            .permissions(self.me.account(), Some(channel));
        if shown.author != self.me.account() && !rights.has(Permissions::MANAGE_MESSAGES) {
            let message = "only the author, or a holder of manage-messages, deletes a message";
            return Err(error(ErrorCode::NotPermitted, message));
        }
        let draft = Draft::Delete(channel, vec![message]);
        self.write_answered(origin, id, &[draft], |_| Some(Reply::Message { message }))
    }

    fn react(&mut self, origin: Origin, message: EventId, emoji: String, on: bool) -> Outcome {
        check_text("emoji", &emoji, EMOJI_BYTES_MAX)?;
        if emoji.is_empty() || emoji.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(error(
                ErrorCode::Parse,
                format!("{emoji:?} is not an emoji"),
            ));
        }
        let (id, channel) = self.message_named(message)?;
        self.shown(id, channel, message)?;
        self.may_write(id, channel, Permissions::REACT)?;
        let draft = Draft::Message(
            channel,
            Body::React {
                target: message,
                emoji,
                on,
            },
        );
        self.write_answered(origin, id, &[draft], |_| Some(Reply::Message { message }))
    }

    fn pin(&mut self, origin: Origin, message: EventId, on: bool) -> Outcome {
        let (id, channel) = self.message_named(message)?;
        self.shown(id, channel, message)?;
        self.may_write(id, channel, Permissions::MANAGE_MESSAGES)?;
        let field = Field::Pin(channel, message);
        let op = if on {
            ContentOp::Set {
                field,
                value: Value::Present,
            }
        } else {
            ContentOp::Clear { field }
        };
        self.views.channel_changed(channel);
        self.write_answered(origin, id, &[content(vec![op])], |_| {
            Some(Reply::Message { message })
        })
    }

    /// Everything up to a message (or to the newest) is read.
    fn mark_read(
        &mut self,
        origin: Origin,
        id: CommunityId,
        channel: ChannelId,
        message: Option<EventId>,
    ) -> Outcome {
        let Some(community) = self.communities.get_mut(&id) else {
            return Ok(());
        };
        let arrivals = community
            .arrivals
            .get(&channel)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let count = match message {
            None => arrivals.len(),
            Some(message) => {
                let timeline = community.timelines.get(&channel);
                let Some(shown) = timeline.and_then(|timeline| timeline.message(message)) else {
                    return Err(error(
                        ErrorCode::UnknownName,
                        format!("the channel has no message {message}"),
                    ));
                };
                let upto = |id: &EventId| {
                    timeline
                        .and_then(|timeline| timeline.message(*id))
                        .is_some_and(|other| other.order <= shown.order)
                };
                arrivals.iter().rposition(upto).map_or(0, |at| at + 1)
            }
        } as u64;
        community.read_to(channel, count);
        let write = read_marker(id, channel, count);
        self.outbox
            .store(vec![write], After::Answer(origin, Reply::Ok { ok: true }));
        self.tell_unread(id, channel);
        self.follow_mark(id, channel);
        self.tell_read_soon(id);
        Ok(())
    }
}
