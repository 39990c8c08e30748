//! Who is not known here and wants to write: told with the first words, and accepted by an answer.

use alloquy_api::PersonalCommand;
use alloquy_api::command::AccountRef;
use alloquy_api::personal::DmRequestView;
use alloquy_ids::AccountId;

use crate::io::{ClientKey, ConnId};
use crate::line::{Out, Tags};
use crate::server::Server;
use crate::text::to_irc;
use crate::world::World;

/// The order that opens the conversation with somebody: it accepts a request that waits.
pub(crate) fn opens(world: &World, account: AccountId) -> PersonalCommand {
    let mut requests = world.snapshot.dm_requests.iter();
    let asked = requests.any(|request| request.account == account && request.group.is_none());
    let account = AccountRef(account.to_string());
    match asked {
        true => PersonalCommand::DmAccept { account },
        false => PersonalCommand::Dm { account },
    }
}

impl Server {
    /// Somebody wants to write to an account.
    pub(super) fn tell_asked(&mut self, key: ClientKey, request: &DmRequestView) {
        for conn in self.all_in(key) {
            // A snapshot may tell of a request before its event does.
            let told = self
                .session(conn)
                .is_some_and(|session| session.asked_before.contains(request));
            if !told {
                self.tell_asked_to(conn, request);
            }
        }
    }

    /// Those whom nobody has answered yet.
    pub(crate) fn tell_all_asked(&mut self, conn: ConnId) {
        let Some(requests) = self
            .world_of(conn)
            .map(|world| world.snapshot.dm_requests.clone())
        else {
            return;
        };
        for request in requests.iter() {
            self.tell_asked_to(conn, request);
        }
        if let Some(session) = self.session_mut(conn) {
            session.asked_before = requests;
        }
    }

    /// Whether somebody is there for a connection: all are, unless a community is its whole network.
    pub(super) fn shows_account(&self, conn: ConnId, account: AccountId) -> bool {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return false;
        };
        let bound = session.bound.as_ref();
        bound.is_none_or(|bound| bound.shows_account(world, account))
    }

    fn tell_asked_to(&mut self, conn: ConnId, request: &DmRequestView) {
        if !self.shows_account(conn, request.account) {
            return;
        }
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let text = to_irc(&request.text).replace('\n', " ");
        let text = match request.group {
            None => format!("[wants to write to you, an answer accepts] {text}"),
            Some(_) => "[wants to have you in a group: accept in the app]".to_owned(),
        };
        let tags = Tags {
            time: Some(request.time),
            account: Some(request.account.to_string()),
            ..Tags::default()
        };
        // A notice: what was written comes as a message when the conversation is open.
        let out = Out::new(
            &world.mask(request.account),
            "NOTICE",
            &[&world.my_nick(), &text],
        );
        self.tell(conn, &out.tagged(tags));
    }
}
