//! What is this account's alone: what its faces keep, and its recovery words until they were written down.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::command::DRAFT_PREFIX;
use alloquy_api::limits::KEPT_MAX;
use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, CommunityId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::content::{Field, Value};
use alloquy_schema::event::VerifiedEvent;
use rand_core::CryptoRng;

use super::{Outcome, error};
use crate::io::{Origin, Write};
use crate::node::Node;
use crate::outbox::{After, put_bytes};
use crate::own_document::follows;
use crate::record::Key;

impl<R: CryptoRng> Node<R> {
    /// Keeps a text of a face; an empty one is removed. Sizes were checked with the command.
    pub(super) fn keep(&mut self, origin: Origin, name: String, value: String) -> Outcome {
        if !value.is_empty() && !self.kept.contains_key(&name) && self.kept.len() >= KEPT_MAX {
            return Err(error(
                ErrorCode::Limit,
                format!("{KEPT_MAX} things are kept, which is the limit"),
            ));
        }
        let key = Key::Kept(name.clone());
        let write = if value.is_empty() {
            Write::Delete(key.to_key())
        } else {
            put_bytes(&key, value.clone().into_bytes())
        };
        let mut writes = vec![write];
        if follows(&name) {
            let text = (!value.is_empty()).then(|| Value::Text(value.clone()));
            writes.extend(self.follow(Field::Kept(name.clone()), text));
        }
        self.outbox.store(writes, After::Kept(origin, name, value));
        Ok(())
    }

    /// What a face keeps is durable.
    pub(crate) fn kept_stored(&mut self, origin: Origin, name: String, value: String) {
        let kept = Arc::make_mut(&mut self.kept);
        if value.is_empty() {
            kept.remove(&name);
        } else {
            kept.insert(name.clone(), value.into());
        }
        self.volume_kept(&name);
        self.views.node_changed();
        self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
    }

    /// Nobody will go on with drafts in a community that the account has left. Who was removed may come back.
    pub(crate) fn drop_drafts(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let authority = &community.authority;
        let made = authority.dag().iter().map(VerifiedEvent::id);
        let channels = made
            .filter(|id| matches!(authority.op(*id), Some(AuthorityOp::ChannelCreate { .. })))
            .map(ChannelId::from);
        let places: BTreeSet<String> = channels
            .flat_map(|channel| [channel.to_string(), channel.short()])
            .collect();
        let is_there = |name: &&String| {
            let place = name.strip_prefix(DRAFT_PREFIX);
            place.is_some_and(|place| {
                let channel = place.split_once('/').map_or(place, |(channel, _)| channel);
                places.contains(channel)
            })
        };
        let gone: Vec<String> = self.kept.keys().filter(is_there).cloned().collect();
        if gone.is_empty() {
            return;
        }
        let kept = Arc::make_mut(&mut self.kept);
        kept.retain(|name, _| !gone.contains(name));
        for name in &gone {
            self.follow_now(Field::Kept(name.clone()), None);
        }
        let wipe = |name| Write::Delete(Key::Kept(name).to_key());
        let writes = gone.into_iter().map(wipe).collect();
        self.outbox.store(writes, After::Nothing);
        self.views.node_changed();
    }

    /// `recovery show`.
    pub(super) fn recovery_words(&self) -> Result<Reply, CommandError> {
        let words = self.recovery.as_ref().ok_or_else(no_words)?;
        Ok(Reply::Recovery {
            recovery_words: words.split(' ').map(str::to_owned).collect(),
        })
    }

    /// `recovery confirm`: removes the words from the store if all of these are right.
    pub(super) fn recovery_confirm(
        &mut self,
        origin: Origin,
        given: &[(u8, String); 3],
    ) -> Outcome {
        let recovery = self.recovery.as_ref().ok_or_else(no_words)?;
        let words: Vec<&str> = recovery.split(' ').collect();
        let mut places = BTreeSet::new();
        for (place, word) in given {
            if !places.insert(*place) {
                return Err(error(
                    ErrorCode::Parse,
                    format!("place {place} is given twice: three different places are needed"),
                ));
            }
            let right = usize::from(*place)
                .checked_sub(1)
                .and_then(|at| words.get(at));
            if right != Some(&word.as_str()) {
                return Err(error(
                    ErrorCode::NotPermitted,
                    format!("the word at place {place} is not the right one; the words stay"),
                ));
            }
        }
        let write = Write::Delete(Key::Recovery.to_key());
        self.outbox.store(vec![write], After::RecoveryWiped(origin));
        Ok(())
    }
}

fn no_words() -> CommandError {
    error(
        ErrorCode::UnknownName,
        "no recovery words are in the store: they were confirmed, or shown when the account was made",
    )
}
