//! Whom an account hears: requests accepted and declined (ACCEPT), and who is blocked (SILENCE).

use alloquy_api::command::AccountRef;
use alloquy_api::{Command, PersonalCommand};
use alloquy_ids::AccountId;

use super::modes::account_of_mask;
use crate::io::ConnId;
use crate::limits::TARGETS_MAX;
use crate::line::{Line, Out};
use crate::names::fold;
use crate::pending::Pending;
use crate::server::Server;
use crate::session::Session;
use crate::text::pieces;

/// Bytes of nicks in one numeric.
const NICKS_BYTES: usize = 380;

/// Whether ACCEPT only lists.
pub(super) fn is_list(line: &Line) -> bool {
    line.param(0).is_none_or(|nicks| nicks == "*")
}

impl Server {
    /// `ACCEPT [nick,-nick,..]`: takes requests or opens conversations, declines requests or removes contacts; `*` or
    /// nothing lists contacts.
    pub(super) fn accept(&mut self, conn: ConnId, line: &Line) {
        if is_list(line) {
            return self.accepted(conn);
        }
        let all = line.params[0].split(',').filter(|nick| !nick.is_empty());
        let all: Vec<String> = all.map(str::to_owned).collect();
        for (at, said) in all.iter().enumerate() {
            if at == TARGETS_MAX {
                return self.numeric(conn, "407", &[said, "Too many targets"]);
            }
            match said.strip_prefix('-') {
                Some(nick) => self.decline_one(conn, nick),
                None => self.accept_one(conn, said),
            }
        }
    }

    fn accepted(&mut self, conn: ConnId) {
        let contacts = self.contacts(conn, false);
        let nicks: Vec<String> = contacts.into_iter().map(|(nick, _)| nick).collect();
        for piece in pieces(&nicks.join(" "), NICKS_BYTES)
            .iter()
            .filter(|_| !nicks.is_empty())
        {
            self.numeric(conn, "281", &[piece.text.trim()]);
        }
        self.numeric(conn, "282", &["End of /ACCEPT list"]);
    }

    /// Contacts that are there for a connection, by nick: those who are blocked, or all others.
    fn contacts(&self, conn: ConnId, blocked: bool) -> Vec<(String, AccountId)> {
        let Some(world) = self.world_of(conn) else {
            return Vec::new();
        };
        let contacts = world.snapshot.contacts.iter();
        let mut contacts: Vec<_> = contacts
            .filter(|contact| contact.blocked == blocked)
            .filter(|contact| self.shows_account(conn, contact.account))
            .map(|contact| (world.nick(contact.account), contact.account))
            .collect();
        contacts.sort_unstable_by_key(|(nick, _)| fold(nick));
        contacts
    }

    /// Whom a connection means by a mask, if that is somebody who is there for it; else it is told that nobody is.
    fn meant(&mut self, conn: ConnId, mask: &str) -> Option<AccountId> {
        let world = self.world_of(conn);
        let account = world
            .and_then(|world| account_of_mask(world, mask))
            .filter(|account| self.shows_account(conn, *account));
        if account.is_none() {
            self.numeric(conn, "401", &[mask, "No such nick/channel"]);
        }
        account
    }

    /// Whether somebody waits to be answered, and whether by having the account in a group.
    fn waits(&self, conn: ConnId, account: AccountId) -> Option<bool> {
        let requests = &self.world_of(conn)?.snapshot.dm_requests;
        let request = requests.iter().find(|request| request.account == account)?;
        Some(request.group.is_some())
    }

    fn is_contact(&self, conn: ConnId, account: AccountId) -> bool {
        self.world_of(conn).is_some_and(|world| {
            let mut contacts = world.snapshot.contacts.iter();
            contacts.any(|contact| contact.account == account && !contact.blocked)
        })
    }

    fn accept_one(&mut self, conn: ConnId, nick: &str) {
        let Some(account) = self.meant(conn, nick) else {
            return;
        };
        let waits = self.waits(conn, account);
        if waits.is_none() && self.is_contact(conn, account) {
            return self.numeric(conn, "457", &[nick, "is already on your accept list"]);
        }
        if waits == Some(true) {
            let channel = self.invitation_of(conn, account);
            if !self.accepts_group(conn, &channel) {
                self.numeric(conn, "403", &[&channel, "No such channel"]);
            }
            return;
        }
        let account = AccountRef(account.to_string());
        let order = match waits {
            Some(_) => PersonalCommand::DmAccept { account },
            // Whoever was declined before may write again by that.
            None => PersonalCommand::Dm { account },
        };
        self.order(conn, ("ACCEPT", &[nick]), Command::Personal { order });
    }

    fn decline_one(&mut self, conn: ConnId, nick: &str) {
        let Some(account) = self.meant(conn, nick) else {
            return;
        };
        let to = AccountRef(account.to_string());
        let order = match self.waits(conn, account) {
            Some(_) => PersonalCommand::DmDecline { account: to },
            None if self.is_contact(conn, account) => {
                PersonalCommand::ContactRemove { account: to }
            }
            None => return self.numeric(conn, "458", &[nick, "is not on your accept list"]),
        };
        self.order(conn, ("ACCEPT", &[nick]), Command::Personal { order });
    }

    /// `SILENCE [+mask|-mask]`: blocks somebody everywhere, or no more; without a mask it lists who is blocked.
    pub(super) fn silence(&mut self, conn: ConnId, line: &Line) {
        let Some(said) = line.param(0).filter(|mask| !mask.is_empty()) else {
            return self.silenced(conn);
        };
        let (on, mask) = match said.strip_prefix('-') {
            Some(mask) => (false, mask),
            None => (true, said.strip_prefix('+').unwrap_or(said)),
        };
        let Some(account) = self.meant(conn, mask) else {
            return;
        };
        let blocked = self.contacts(conn, true);
        if blocked.iter().any(|(_, other)| *other == account) == on {
            // It is as it is to be.
            return;
        }
        let of = AccountRef(account.to_string());
        let order = match on {
            true => PersonalCommand::Block { account: of },
            false => PersonalCommand::Unblock { account: of },
        };
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            let pending = Pending::Silenced(conn, account, on, said.to_owned());
            world.order(Command::Personal { order }, pending);
        }
    }

    fn silenced(&mut self, conn: ConnId) {
        let me = self.nick_of(conn);
        for (nick, _) in self.contacts(conn, true) {
            self.numeric(conn, "271", &[&me, &mask_of(&nick)]);
        }
        self.numeric(conn, "272", &[&me, "End of Silence List"]);
    }

    /// Somebody is blocked, or no more: all connections of the account for which it is there are told, each by the nick
    /// of its own world.
    pub(crate) fn was_silenced(&mut self, conn: ConnId, account: AccountId, on: bool) {
        let sign = if on { '+' } else { '-' };
        for other in self.all_of_account(self.me(conn)) {
            let is_in = self.session(other).is_some_and(Session::is_in);
            let Some(world) = self.world_of(other).filter(|_| is_in) else {
                continue;
            };
            let mask = mask_of(&world.nick(account));
            let out = Out::new(
                &world.mask(world.me()),
                "SILENCE",
                &[&format!("{sign}{mask}")],
            );
            if other == conn {
                self.reply(conn, out);
            } else if self.shows_account(other, account) {
                self.tell(other, &out);
            }
        }
    }
}

fn mask_of(nick: &str) -> String {
    format!("{nick}!*@*")
}
