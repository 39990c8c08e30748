//! Orders about home nodes: an owner's, and those of a home node itself.

use std::sync::Arc;

use alloquy_api::personal::OnOff;
use alloquy_api::{CommandError, ErrorCode, PersonalCommand, Reply};
use alloquy_ids::CommunityId;
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::command::{Outcome, error};
use crate::home::STORED_PREFIX;
use crate::io::Origin;
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
            P::HomeStatus => {
                let home = self.home_status_view().ok_or_else(no_home)?;
                self.answer(origin, Reply::HomeStatus { home })
            }
            order => Err(error(
                ErrorCode::Internal,
                format!("{order:?} is not part of this build"),
            )),
        }
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
        let name = format!("{STORED_PREFIX}{id}");
        let write = put_bytes(&Key::Kept(name.clone()), text.as_bytes().to_vec());
        Arc::make_mut(&mut self.kept).insert(name, text.into());
        self.views.node_changed();
        self.tell_homes_to_keep(id, store == OnOff::On);
        self.outbox
            .store(vec![write], After::Answer(origin, Reply::Ok { ok: true }));
        Ok(())
    }
}

fn no_home() -> CommandError {
    error(
        ErrorCode::NotPermitted,
        "this node is no home node; start it with --home to make it one",
    )
}
