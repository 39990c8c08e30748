//! Orders about home nodes: an owner's, and those of a home node itself.

use std::sync::Arc;

use alloquy_api::personal::{Linking, OnOff};
use alloquy_api::{CommandError, ErrorCode, PersonalCommand, Reply};
use alloquy_ids::CommunityId;
use alloquy_schema::content::{Field, Value};
use alloquy_schema::identity::IdentityOp;
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::command::{Outcome, error};
use crate::home::{LIMIT_PREFIX, STORED_PREFIX};
use crate::io::{Origin, Write};
use crate::node::Node;
use crate::outbox::{After, put_bytes};
use crate::record::Key;

impl<R: CryptoRng> Node<R> {
    pub(super) fn home_order(&mut self, origin: Origin, order: PersonalCommand) -> Outcome {
        use PersonalCommand as P;
        match order {
            P::Homes => {
                let homes = self.home_views();
                self.answer(origin, Reply::Homes { homes })
            }
            P::HomeStore { community, store } => {
                let id = self.community_named(&community.0)?;
                self.store_at_home(origin, id, store)
            }
            P::HomeLimit {
                community,
                mib,
                days,
            } => {
                let id = self.community_named(&community.0)?;
                self.limit_at_home(origin, id, (mib, days))
            }
            P::HomeStatus => {
                let home = self.home_status_view().ok_or_else(no_home)?;
                self.answer(origin, Reply::HomeStatus { home })
            }
            P::HomePair { code } => {
                self.link_enter(Linking::Home, &code)?;
                if let Some(earlier) = self.home.pairing.replace(origin) {
                    let text = "another code was entered";
                    self.outbox.done(earlier, Err(error(ErrorCode::Busy, text)));
                }
                Ok(())
            }
            P::HomeCode => {
                if !self.is_home() {
                    return Err(no_home());
                }
                let code = self.link_offer(Linking::Home);
                self.answer(origin, code)
            }
            P::HomeRemove { device } => self.remove_home(origin, &device),
            order => Err(error(
                ErrorCode::Internal,
                format!("{order:?} is no order about home nodes"),
            )),
        }
    }

    fn remove_home(&mut self, origin: Origin, text: &str) -> Outcome {
        let homes = self.own_homes().into_values();
        let mut named = homes.filter(|device| device.to_string() == text || device.short() == text);
        let Some(device) = named.next() else {
            return Err(error(
                ErrorCode::UnknownName,
                format!("no home node of this account is {text:?}"),
            ));
        };
        let after = After::Answer(origin, Reply::Ok { ok: true });
        self.change_identity(&IdentityOp::HomeRemove { device }, after)?;
        self.keep_peers();
        self.views.node_changed();
        Ok(())
    }

    fn store_at_home(&mut self, origin: Origin, id: CommunityId, store: OnOff) -> Outcome {
        let kind = self.communities.get(&id).map(|one| one.state().kind);
        if kind != Some(CommunityKind::Community) {
            return Err(error(
                ErrorCode::NotPermitted,
                "home nodes keep conversations always; only communities can be turned on and off",
            ));
        }
        let text = match store {
            OnOff::On => "on",
            OnOff::Off => "off",
        };
        let writes = self.home_setting(format!("{STORED_PREFIX}{id}"), text);
        self.tell_homes_to_keep(id, store == OnOff::On);
        self.outbox
            .store(writes, After::Answer(origin, Reply::Ok { ok: true }));
        Ok(())
    }

    fn limit_at_home(
        &mut self,
        origin: Origin,
        id: CommunityId,
        (mib, days): (Option<u32>, Option<u32>),
    ) -> Outcome {
        if !self.wants_kept(id) {
            let text = "home nodes do not keep this community: `home store` has them keep it";
            return Err(error(ErrorCode::NotPermitted, text));
        }
        let bytes = u64::from(mib.unwrap_or_default()) * 1024 * 1024;
        let text = format!("{bytes} {}", days.unwrap_or_default());
        let writes = self.home_setting(format!("{LIMIT_PREFIX}{id}"), &text);
        self.tell_homes_to_keep(id, true);
        self.outbox
            .store(writes, After::Answer(origin, Reply::Ok { ok: true }));
        Ok(())
    }

    /// A setting about home nodes, which follows the account.
    fn home_setting(&mut self, name: String, text: &str) -> Vec<Write> {
        let mut writes = vec![put_bytes(
            &Key::Kept(name.clone()),
            text.as_bytes().to_vec(),
        )];
        writes.extend(self.follow(
            Field::Kept(name.clone()),
            Some(Value::Text(text.to_owned())),
        ));
        Arc::make_mut(&mut self.kept).insert(name, text.into());
        self.views.node_changed();
        writes
    }
}

fn no_home() -> CommandError {
    error(
        ErrorCode::NotPermitted,
        "this node is no home node; start it with --home to make it one",
    )
}
