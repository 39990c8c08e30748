//! MODE: roles as prefixes, bans and time-outs of accounts, who may come into a private channel, channels that only some
//! may write in.

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, ChannelRef, OverwriteRef, RoleRef};
use alloquy_api::reply::OverwriteTarget;
use alloquy_ids::{AccountId, RoleId};

use super::channel::community_ref;
use crate::io::ConnId;
use crate::limits::MUTE_MS;
use crate::line::{Line, Out};
use crate::names::fold;
use crate::server::Server;
use crate::world::{Kind, Room, World, is_moderated, is_muted, mode_of_role, muted_mask};

/// Modes that one MODE changes.
const CHANGES_MAX: usize = 12;
/// Modes that a channel has for ever or never. Of every one: no CTCP (C), only members write (n), the topic is a right (t).
/// Of a private one, which it is since it was made: not listed (s), and who comes in is invited (i).
const FIXED: &str = "Cnits";
/// The right to write in a channel.
const SEND: &str = "send";
/// The right to see one.
const VIEW: &str = "view";

/// Whether a change of modes asks for a list instead.
pub(super) fn is_list(changes: &str) -> bool {
    ["b", "I"].contains(&changes.trim_start_matches('+'))
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
            let modes = self.modes_of(conn, &room);
            return self.numeric(conn, "324", &[&room.name, &modes]);
        };
        if line.params.len() == 2 && is_list(changes) {
            return match changes.trim_start_matches('+') {
                "b" => self.list_bans(conn, &room),
                _ => self.list_invited(conn, &room),
            };
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
                'b' | 'I' | 'q' | 'a' | 'o' | 'h' | 'v' => match arguments.next() {
                    Some(argument) => self.mode_of_account(conn, &room, ((mode, on), argument)),
                    None => self.numeric(
                        conn,
                        "696",
                        &[&room.name, &mode.to_string(), "*", "A nick is needed"],
                    ),
                },
                mode if FIXED.contains(mode) => self.fixed_mode(conn, &room, (mode, on)),
                other => {
                    // What elsewhere takes a parameter takes it here, too: else the next mode would have it.
                    if other == 'k' || on && "el".contains(other) {
                        arguments.next();
                    }
                    let text = "is unknown mode char to me";
                    self.numeric(conn, "472", &[&other.to_string(), text]);
                }
            }
        }
    }

    fn modes_of(&self, conn: ConnId, room: &Room) -> String {
        let world = self.world_of(conn);
        world
            .map(|world| channel_modes(world, room))
            .unwrap_or_default()
    }

    /// A mode that nobody changes: whoever asks for how it is has what it wants.
    fn fixed_mode(&mut self, conn: ConnId, room: &Room, (mode, on): (char, bool)) {
        if self.modes_of(conn, room).contains(mode) == on {
            return;
        }
        let text = match mode {
            'i' | 's' => "Whether a channel is private is said when it is made",
            _ => "Every channel here has that mode",
        };
        self.numeric(conn, "482", &[&room.name, text]);
    }

    fn mode_of_account(&mut self, conn: ConnId, room: &Room, change: ((char, bool), &str)) {
        match change.0 {
            ('b', on) => self.ban(conn, room, (on, change.1)),
            ('I', on) => self.invited_by_mode(conn, room, (on, change.1)),
            _ => self.mode_of_member(conn, room, change),
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
            let modes = self.user_modes(conn);
            return self.numeric(conn, "221", &[&modes]);
        };
        let mut on = true;
        for mode in changes.chars() {
            match mode {
                '+' | '-' => on = mode == '+',
                'B' => {
                    if let Some(session) = self.session_mut(conn) {
                        session.bot = on;
                    }
                    self.tell_user_mode(conn, (mode, on));
                }
                'o' | 'w' if self.has_opers() => self.mode_of_opers(conn, (mode, on)),
                // Everybody is invisible to whom they share nothing with.
                'i' => {}
                _ => self.numeric(conn, "501", &["Unknown MODE flag"]),
            }
        }
    }

    /// The modes of a connection.
    fn user_modes(&self, conn: ConnId) -> String {
        let session = self.session(conn);
        let has = [
            ('B', session.is_some_and(|session| session.bot)),
            ('i', true),
            ('o', self.opers.contains(&conn)),
            ('w', session.is_some_and(|session| session.wallops)),
        ];
        let has = has.into_iter().filter(|(_, has)| *has);
        ['+'].into_iter().chain(has.map(|(mode, _)| mode)).collect()
    }

    /// A mode of a connection is another way.
    pub(super) fn tell_user_mode(&mut self, conn: ConnId, (mode, on): (char, bool)) {
        let me = self.me(conn);
        let mask = self
            .world_of(conn)
            .map(|world| world.mask(me))
            .unwrap_or_default();
        let change = format!("{}{mode}", if on { '+' } else { '-' });
        let nick = self.nick_of(conn);
        let tags = self.tags_of(me);
        let out = Out::new(&mask, "MODE", &[&nick, &change]).tagged(tags);
        self.reply(conn, out);
    }

    /// Bans of a community, and whom it keeps from writing.
    fn list_bans(&mut self, conn: ConnId, room: &Room) {
        let now = self.now.wall;
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let mut rows = Vec::new();
        if let Some(community) = world.community(room.community) {
            let bans = community.bans.iter();
            let bans = bans.map(|ban| (format!("~a:{}", ban.account), ban));
            let muted = community.timeouts.iter();
            let muted = muted.filter(|view| view.until.is_none_or(|until| now < until));
            let muted = muted.map(|view| (muted_mask(view.account), view));
            rows.extend(bans.chain(muted).map(|(mask, view)| {
                let since = (view.since.0 / 1000).to_string();
                (mask, world.nick(view.by), since)
            }));
        }
        for (mask, by, since) in rows {
            self.numeric(conn, "367", &[&room.name, &mask, &by, &since]);
        }
        self.numeric(conn, "368", &[&room.name, "End of channel ban list"]);
    }

    /// Members who see a private channel because somebody let them in by name.
    fn list_invited(&mut self, conn: ConnId, room: &Room) {
        let view = self.world_of(conn).and_then(|world| {
            let view = world.channel_view(room)?;
            view.private.then(|| view.overwrites.clone())
        });
        let views = view.into_iter().flatten();
        let invited = views.filter_map(|overwrite| match overwrite.target {
            OverwriteTarget::Member(account) if has(&overwrite.allow, "view") => Some(account),
            _ => None,
        });
        let invited: Vec<AccountId> = invited.collect();
        for account in invited {
            self.numeric(conn, "346", &[&room.name, &format!("~a:{account}")]);
        }
        self.numeric(conn, "347", &[&room.name, "End of channel invite list"]);
    }

    fn moderate(&mut self, conn: ConnId, room: &Room, on: bool) {
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let everyone = OverwriteTarget::Role(RoleId::ZERO);
        let (mut allow, mut deny) = world.overwrite_of(room, everyone);
        let given = world.community(room.community).is_some_and(|community| {
            let mut roles = community.roles.iter();
            let role = roles.find(|role| role.role == RoleId::ZERO);
            role.is_none_or(|role| role.allow.iter().any(|right| right == SEND))
        });
        holds(&mut deny, SEND, on);
        // Where nobody may write by default, the channel itself lets everybody.
        holds(&mut allow, SEND, !on && !given);
        let target = OverwriteRef::Role(RoleRef("everyone".to_owned()));
        self.overwrite(conn, room, (everyone, target, allow, deny));
    }

    /// `+I` lets somebody into a private channel, as INVITE does; `-I` takes that back, and nothing else.
    fn invited_by_mode(&mut self, conn: ConnId, room: &Room, (on, mask): (bool, &str)) {
        let Some(account) = self.account_of_ban(conn, room, ('I', mask)) else {
            return;
        };
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let member = OverwriteTarget::Member(account);
        let (mut allow, mut deny) = world.overwrite_of(room, member);
        holds(&mut allow, VIEW, on);
        if on {
            holds(&mut deny, VIEW, false);
        }
        let target = OverwriteRef::Member(AccountRef(account.to_string()));
        self.overwrite(conn, room, (member, target, allow, deny));
    }

    /// Rights are given and taken as a whole; where they are what they were, nothing is ordered.
    fn overwrite(
        &mut self,
        conn: ConnId,
        room: &Room,
        (of, target, allow, deny): (OverwriteTarget, OverwriteRef, Vec<String>, Vec<String>),
    ) {
        let before = self
            .world_of(conn)
            .map(|world| world.overwrite_of(room, of));
        if before.is_some_and(|before| before == (allow.clone(), deny.clone())) {
            return;
        }
        let command = Command::Overwrite {
            channel: ChannelRef(room.channel.to_string()),
            target,
            allow,
            deny,
        };
        self.order(conn, ("MODE", &[&room.name]), command);
    }

    /// Whom a mask means; else the connection is told that it means nobody.
    fn account_of_ban(
        &mut self,
        conn: ConnId,
        room: &Room,
        (mode, mask): (char, &str),
    ) -> Option<AccountId> {
        let world = self.world_of(conn)?;
        let found = account_of_mask(world, mask);
        if found.is_none() {
            let text = "Only an account can be named: a nick, or ~a:nick";
            self.numeric(conn, "696", &[&room.name, &mode.to_string(), mask, text]);
        }
        found
    }

    /// `~a:` bans an account, `~m:` keeps it from writing for as long as the community can.
    fn ban(&mut self, conn: ConnId, room: &Room, (on, mask): (bool, &str)) {
        let (quiet, name) = quiet(mask);
        let Some(account) = self.account_of_ban(conn, room, ('b', name)) else {
            return;
        };
        let now = self.now.wall;
        let muted = self.world_of(conn).is_some_and(|world| {
            let community = world.community(room.community);
            community.is_some_and(|of| is_muted(of, account, now).is_some())
        });
        let community = community_ref(room.community);
        let account = AccountRef(account.to_string());
        let command = match (quiet, on) {
            (false, true) => Command::Ban {
                community,
                account,
                reason: None,
            },
            (false, false) => Command::Unban {
                community,
                account,
                reason: None,
            },
            // Nobody is told off for lifting what is over.
            (true, false) if !muted => return,
            (true, on) => Command::Timeout {
                community,
                account,
                duration_ms: if on { MUTE_MS } else { 0 },
                reason: None,
            },
        };
        self.order(conn, ("MODE", &[&room.name]), command);
    }

    fn mode_of_member(&mut self, conn: ConnId, room: &Room, change: ((char, bool), &str)) {
        let ((mode, on), argument) = change;
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let Some(account) = world.account_of(argument) else {
            return self.numeric(conn, "401", &[argument, "No such nick/channel"]);
        };
        let community = community_ref(room.community);
        let account = AccountRef(account.to_string());
        let command = match (mode, on) {
            ('q', true) => Command::OwnerAdd { community, account },
            ('q', false) => Command::OwnerRemove { community, account },
            (mode, on) => {
                let roles = world
                    .community(room.community)
                    .map(|of| of.roles.to_vec())
                    .unwrap_or_default();
                // The weakest of those that give the prefix: the smallest change that does what was asked.
                let fitting = roles
                    .iter()
                    .rev()
                    .find(|role| role.role != RoleId::ZERO && mode_of_role(&role.allow) == mode);
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

fn has(rights: &[String], right: &str) -> bool {
    rights.iter().any(|of| of == right)
}

/// Whether a mask keeps somebody from writing, and the mask of whom.
fn quiet(mask: &str) -> (bool, &str) {
    let prefixes = ["~m:", "~mute:", "m:", "mute:"];
    let rest = prefixes.iter().find_map(|prefix| mask.strip_prefix(prefix));
    (rest.is_some(), rest.unwrap_or(mask))
}

/// Has a right among others, or not.
fn holds(rights: &mut Vec<String>, right: &str, has: bool) {
    match has {
        false => rights.retain(|held| held != right),
        true if rights.iter().any(|held| held == right) => {}
        true => rights.push(right.to_owned()),
    }
}

/// Whom the mask of a ban means. A mask that might fit several means nobody.
pub(super) fn account_of_mask(world: &World, text: &str) -> Option<AccountId> {
    let named = ["~a:", "~account:", "a:", "account:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let name = named.unwrap_or_else(|| text.strip_suffix("!*@*").unwrap_or(text));
    let found = name.parse().ok().or_else(|| world.account_of(name));
    found.or_else(|| account_of_host(world, text))
}

/// Whom a mask means by its user and host, as clients make masks of themselves: `*!user@host`, `*!*@host`.
fn account_of_host(world: &World, text: &str) -> Option<AccountId> {
    let (nick, rest) = text.split_once('!')?;
    let (user, host) = rest.split_once('@')?;
    let fits = |said: &str, is: &str| {
        // Many clients put this before a user whose name no ident server has told.
        said == "*" || said.trim_start_matches(['*', '~']) == is
    };
    let mut people = world.people().filter(|(account, person)| {
        let is = World::user_host(*account);
        fits(user, &is.0) && fits(host, &is.1) && (nick == "*" || fold(nick) == fold(&person.nick))
    });
    let (account, _) = people.next()?;
    people.next().is_none().then_some(account)
}

/// The modes that a channel has by its rights.
pub(crate) fn channel_modes(world: &World, room: &Room) -> String {
    let mut modes = "+Cnt".to_owned();
    let found = world
        .community(room.community)
        .zip(world.channel_view(room));
    if let Some((community, view)) = found {
        let private = view.private || room.kind == Kind::Group;
        let has = [
            ('i', private),
            ('m', is_moderated(community, view)),
            ('s', private),
        ];
        modes.extend(has.iter().filter(|(_, has)| *has).map(|(mode, _)| *mode));
    }
    modes
}
