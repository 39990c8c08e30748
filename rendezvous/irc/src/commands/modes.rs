//! MODE: roles as prefixes, bans of accounts, channels that only some may write in.

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, ChannelRef, OverwriteRef, RoleRef};
use alloquy_ids::AccountId;

use super::channel::community_ref;
use crate::io::ConnId;
use crate::line::{Line, Out};
use crate::server::Server;
use crate::world::{Kind, Room, World, is_moderated, mode_of_role};

/// Modes that one MODE changes.
const CHANGES_MAX: usize = 12;

/// Whether a change of modes asks for a list instead.
pub(super) fn is_list(changes: &str) -> bool {
    ["b", "e", "I"].contains(&changes.trim_start_matches('+'))
}

impl Server {
    pub(super) fn mode(&mut self, conn: ConnId, line: &Line) {
        let target = line.params[0].clone();
        if !target.starts_with('#') {
            return self.user_mode(conn, &target, line);
        }
        let Some(room) = self.room(conn, &target) else {
            return self.numeric(conn, "403", &[&target, "No such channel"]);
        };
        let Some(changes) = line.param(1) else {
            let modes = self
                .world_of(conn)
                .map(|world| channel_modes(world, &room))
                .unwrap_or_default();
            return self.numeric(conn, "324", &[&room.name, &modes]);
        };
        let list = changes.trim_start_matches('+');
        if line.params.len() == 2 && is_list(changes) {
            return self.mode_list(conn, &room, list);
        }
        if !self.is_in(conn, &room) {
            return self.numeric(conn, "442", &[&room.name, "You're not on that channel"]);
        }
        let mut arguments = line.params[2..].iter();
        let mut on = true;
        for mode in changes.chars().take(CHANGES_MAX) {
            match mode {
                '+' | '-' => on = mode == '+',
                'm' => self.moderate(conn, &room, on),
                'b' | 'q' | 'a' | 'o' | 'h' | 'v' => match arguments.next() {
                    Some(argument) => self.mode_of_member(conn, &room, ((mode, on), argument)),
                    None => self.numeric(
                        conn,
                        "696",
                        &[&room.name, &mode.to_string(), "*", "A nick is needed"],
                    ),
                },
                'n' | 't' | 's' | 'i' | 'k' | 'l' | 'e' | 'I' | 'C' => {
                    if "kleI".contains(mode) && on {
                        arguments.next();
                    }
                    self.numeric(
                        conn,
                        "482",
                        &[&room.name, "That mode follows from the community's roles"],
                    );
                }
                other => self.numeric(
                    conn,
                    "472",
                    &[&other.to_string(), "is unknown mode char to me"],
                ),
            }
        }
    }

    fn user_mode(&mut self, conn: ConnId, target: &str, line: &Line) {
        let me = self.me(conn);
        let account = self
            .world_of(conn)
            .and_then(|world| world.account_of(target));
        match account {
            None => return self.numeric(conn, "401", &[target, "No such nick/channel"]),
            Some(account) if account != me => {
                return self.numeric(conn, "502", &["Can't change mode for other users"]);
            }
            Some(_) => {}
        }
        let Some(changes) = line.param(1) else {
            let bot = self.session(conn).is_some_and(|session| session.bot);
            return self.numeric(conn, "221", &[if bot { "+Bi" } else { "+i" }]);
        };
        let mut on = true;
        for mode in changes.chars() {
            match mode {
                '+' | '-' => on = mode == '+',
                'B' => {
                    if let Some(session) = self.session_mut(conn) {
                        session.bot = on;
                    }
                    let mask = self
                        .world_of(conn)
                        .map(|world| world.mask(me))
                        .unwrap_or_default();
                    let change = format!("{}B", if on { '+' } else { '-' });
                    let nick = self.nick_of(conn);
                    self.reply(conn, Out::new(&mask, "MODE", &[&nick, &change]));
                }
                'i' | 'w' => {}
                _ => self.numeric(conn, "501", &["Unknown MODE flag"]),
            }
        }
    }

    fn mode_list(&mut self, conn: ConnId, room: &Room, mode: &str) {
        // Exceptions and standing invites there are none of: rights are roles and overwrites.
        let (end, text) = match mode {
            "b" => ("368", "End of channel ban list"),
            "e" => ("349", "End of channel exception list"),
            _ => ("347", "End of channel invite list"),
        };
        let bans: Vec<_> = match (mode, self.world_of(conn)) {
            ("b", Some(world)) => {
                let community = world.community(room.community);
                let bans = community
                    .map(|community| community.bans.to_vec())
                    .unwrap_or_default();
                let shown = bans.into_iter().map(|ban| {
                    let mask = format!("~a:{}", ban.account);
                    (mask, world.nick(ban.by), (ban.since.0 / 1000).to_string())
                });
                shown.collect()
            }
            _ => Vec::new(),
        };
        for (mask, by, since) in bans {
            self.numeric(conn, "367", &[&room.name, &mask, &by, &since]);
        }
        self.numeric(conn, end, &[&room.name, text]);
    }

    fn moderate(&mut self, conn: ConnId, room: &Room, on: bool) {
        let right = vec!["send".to_owned()];
        let (allow, deny) = if on {
            (Vec::new(), right)
        } else {
            (Vec::new(), Vec::new())
        };
        let command = Command::Overwrite {
            channel: ChannelRef(room.channel.to_string()),
            target: OverwriteRef::Role(RoleRef("everyone".to_owned())),
            allow,
            deny,
        };
        self.order(conn, ("MODE", &[&room.name]), command);
    }

    fn mode_of_member(&mut self, conn: ConnId, room: &Room, change: ((char, bool), &str)) {
        let ((mode, on), argument) = change;
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let Some(account) = account_of_mask(world, argument, mode == 'b') else {
            let number = if mode == 'b' { "696" } else { "401" };
            let text = "Only an account can be named: a nick, or ~a:nick";
            return match mode {
                'b' => self.numeric(conn, number, &[&room.name, "b", argument, text]),
                _ => self.numeric(conn, number, &[argument, "No such nick/channel"]),
            };
        };
        let community = community_ref(room.community);
        let account = AccountRef(account.to_string());
        let command = match (mode, on) {
            ('b', true) => Command::Ban {
                community,
                account,
                reason: None,
            },
            ('b', false) => Command::Unban {
                community,
                account,
                reason: None,
            },
            ('q', true) => Command::OwnerAdd { community, account },
            ('q', false) => Command::OwnerRemove { community, account },
            (mode, on) => {
                let roles = world
                    .community(room.community)
                    .map(|of| of.roles.to_vec())
                    .unwrap_or_default();
                // The weakest of those that give the prefix: the smallest change that does what was asked.
                let fitting = roles.iter().rev().find(|role| {
                    role.role != alloquy_ids::RoleId::ZERO && mode_of_role(&role.allow) == mode
                });
                let Some(role) = fitting else {
                    let text = format!("No role here stands for mode {mode}");
                    return self.numeric(conn, "482", &[&room.name, &text]);
                };
                let role = RoleRef(role.role.to_string());
                match on {
                    true => Command::RoleGrant {
                        community,
                        role,
                        account,
                    },
                    false => Command::RoleRevoke {
                        community,
                        role,
                        account,
                    },
                }
            }
        };
        self.order(conn, ("MODE", &[&room.name]), command);
    }
}

/// Whom a nick, or the mask of a ban, means. A mask that might fit several means nobody.
fn account_of_mask(world: &World, text: &str, is_ban: bool) -> Option<AccountId> {
    if !is_ban {
        return world.account_of(text);
    }
    let named = ["~a:", "~account:", "a:", "account:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let name = named.unwrap_or_else(|| text.strip_suffix("!*@*").unwrap_or(text));
    name.parse().ok().or_else(|| world.account_of(name))
}

/// The modes that a channel has by its rights.
pub(crate) fn channel_modes(world: &World, room: &Room) -> String {
    let mut modes = "+Cnt".to_owned();
    let found = world
        .community(room.community)
        .zip(world.channel_view(room));
    if let Some((community, view)) = found {
        if is_moderated(community, view) {
            modes.push('m');
        }
        if view.private || room.kind == Kind::Group {
            modes.push('s');
        }
    }
    modes
}
