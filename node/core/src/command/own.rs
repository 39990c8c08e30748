//! What is this account's alone: what its faces keep, and its recovery words until they were written down.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::limits::KEPT_MAX;
use alloquy_api::{CommandError, ErrorCode, Reply};
use rand_core::CryptoRng;

use super::{Outcome, error};
use crate::io::{Origin, Write};
use crate::node::Node;
use crate::outbox::{After, put_bytes};
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
        self.outbox
            .store(vec![write], After::Kept(origin, name, value));
        Ok(())
    }

    /// What a face keeps is durable.
    pub(crate) fn kept_stored(&mut self, origin: Origin, name: String, value: String) {
        let kept = Arc::make_mut(&mut self.kept);
        if value.is_empty() {
            kept.remove(&name);
        } else {
            kept.insert(name, value.into());
        }
        self.views.node_changed();
        self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
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
