//! Who is not known here and wants to write: told with the first words, and accepted by an answer. Who wants to have
//! the account in a group: told by an INVITE, and accepted by a JOIN.

use alloquy_api::command::AccountRef;
use alloquy_api::personal::DmRequestView;
use alloquy_api::{Command, PersonalCommand};
use alloquy_ids::{AccountId, ChannelId};

use crate::bound::DIRECTS;
use crate::io::{ClientKey, ConnId};
use crate::line::{Out, Tags};
use crate::names::fold;
use crate::pending::Pending;
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

/// The channel that stands for a group in which somebody wants to have the account: what the group is called is known
/// in it alone.
fn invitation(world: &World, from: AccountId) -> String {
    format!("#{DIRECTS}/{}-invites", world.nick(from))
}

impl Server {
    /// What somebody's group is called for a connection until it is joined.
    pub(crate) fn invitation_of(&self, conn: ConnId, from: AccountId) -> String {
        self.world_of(conn)
            .map_or_else(String::new, |world| invitation(world, from))
    }

    /// Whether a JOIN accepts a request to be in a group: the group is joined as soon as it is there.
    pub(crate) fn accepts_group(&mut self, conn: ConnId, target: &str) -> bool {
        let reads = self.session(conn).is_none_or(|session| session.read_only);
        let Some(world) = self
            .world_of(conn)
            .filter(|_| !reads && self.has_groups(conn))
        else {
            return false;
        };
        let requests = world.snapshot.dm_requests.iter();
        let mut groups = requests.filter(|request| request.group.is_some());
        let named = |name: String| fold(&name) == fold(target);
        let Some(account) = groups
            .find(|request| named(invitation(world, request.account)))
            .map(|request| request.account)
        else {
            return false;
        };
        let account = AccountRef(account.to_string());
        let order = PersonalCommand::DmAccept { account };
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            let accepted = Pending::Accepted(conn, target.to_owned());
            world.order(Command::Personal { order }, accepted);
        }
        true
    }

    /// Whether groups belong to the network of a connection.
    fn has_groups(&self, conn: ConnId) -> bool {
        let bound = self
            .session(conn)
            .and_then(|session| session.bound.as_ref());
        bound.is_none_or(|bound| bound.community.is_none())
    }

    /// A request to be in a group was accepted: whoever did is let in when a member of it was reached.
    pub(super) fn group_accepted(&mut self, conn: ConnId, channel: ChannelId) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.entering.insert(channel);
        if self.entered(conn).is_empty() {
            let text = "[the group opens when one of its members was reached]";
            let nick = self.nick_of(conn);
            self.server_line(conn, "NOTICE", &[&nick, text]);
        }
    }

    /// Groups that a connection is to be in, and that are there now.
    fn entered(&self, conn: ConnId) -> Vec<(ChannelId, String)> {
        let (session, world) = (self.session(conn), self.world_of(conn));
        let entering = session.map(|session| &session.entering);
        let rooms = entering
            .into_iter()
            .flatten()
            .filter_map(|channel| world?.room(*channel));
        let groups = rooms.filter(|room| room.is_channel());
        groups
            .map(|room| (room.channel, room.name.clone()))
            .collect()
    }

    /// Joins groups that were accepted and are there now.
    pub(crate) fn enter_groups(&mut self, key: ClientKey) {
        for conn in self.all_in(key) {
            for (channel, name) in self.entered(conn) {
                if let Some(session) = self.session_mut(conn) {
                    session.entering.remove(&channel);
                }
                self.unasked(conn, |server| server.join_one(conn, &name));
            }
        }
    }

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
    pub(crate) fn shows_account(&self, conn: ConnId, account: AccountId) -> bool {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return false;
        };
        let bound = session.bound.as_ref();
        bound.is_none_or(|bound| bound.shows_account(world, account))
    }

    fn tell_asked_to(&mut self, conn: ConnId, request: &DmRequestView) {
        // Groups belong to no community, whatever else both are in.
        let of_groups = request.group.is_some() && self.has_groups(conn);
        if !of_groups && !self.shows_account(conn, request.account) {
            return;
        }
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let tags = Tags {
            time: Some(request.time),
            account: Some(request.account.to_string()),
            ..Tags::default()
        };
        let (mask, nick) = (world.mask(request.account), world.my_nick());
        let who = world.nick(request.account);
        let (text, invite) = match request.group {
            None => {
                let text = to_irc(&request.text).replace('\n', " ");
                let text = format!(
                    "[wants to write to you: an answer accepts, ACCEPT -{who} declines] {text}"
                );
                (text, None)
            }
            Some(_) if !of_groups || self.session(conn).is_some_and(|one| one.read_only) => {
                let text = "[wants to have you in a group: accept in the app]";
                (text.to_owned(), None)
            }
            Some(_) => {
                let text =
                    format!("[wants to have you in a group: JOIN accepts, ACCEPT -{who} declines]");
                (text, Some(invitation(world, request.account)))
            }
        };
        if let Some(channel) = invite {
            let out = Out::new(&mask, "INVITE", &[&nick, &channel]);
            self.tell(conn, &out.tagged(tags.clone()));
        }
        // A notice: what was written comes as a message when the conversation is open.
        let out = Out::new(&mask, "NOTICE", &[&nick, &text]);
        self.tell(conn, &out.tagged(tags));
    }
}
