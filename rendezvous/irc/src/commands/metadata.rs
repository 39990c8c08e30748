//! METADATA: what people and channels tell of themselves by key. Persons have a name, a status and some words about
//! themselves, which are those of their profile; channels have a name and a community. Nothing else is kept, so that
//! every key means the same in a window.

use alloquy_api::{Command, CommandError, ErrorCode};
use alloquy_ids::AccountId;

use crate::caps::Cap;
use crate::io::ConnId;
use crate::limits::{
    MEMBERS_LISTED_MAX, METADATA_KEY_BYTES_MAX, METADATA_SUBS_MAX, METADATA_SYNC_BYTES,
    METADATA_SYNC_BYTES_A_SECOND, METADATA_VALUE_BYTES_MAX, PARAMS_MAX, PROFILE_SET_MS,
    PROFILE_SETS_MAX,
};
use crate::line::{Line, Out};
use crate::names::clip;
use crate::pending::{Pending, Setting};
use crate::server::Server;
use crate::world::{Key, Room};

/// Bytes of keys in one numeric.
const KEYS_BYTES: usize = 380;
/// Keys in one numeric: what stands behind its number and the nick is a parameter for each.
const KEYS_A_LINE: usize = PARAMS_MAX - 2;

/// Of whom or what something is asked.
#[derive(Clone, Debug)]
enum Of {
    Person(AccountId),
    Room(Room),
}

/// Milliseconds that bytes of SYNC take to be sent.
const fn millis_of(bytes: usize) -> u64 {
    bytes as u64 * 1_000 / METADATA_SYNC_BYTES_A_SECOND
}

/// Whether a key is one that may exist.
fn is_key(key: &str) -> bool {
    let may =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_./-".contains(&byte);
    !key.is_empty() && key.len() <= METADATA_KEY_BYTES_MAX && key.bytes().all(may)
}

/// What stands behind a value that is longer than it is told.
const CUT: &str = "…";

/// A value as it stands in a line: plain text, for names are no Markdown. What is cut off is seen to be: a client may
/// let it be edited, and set what it was told.
pub(crate) fn metadata_value(text: &str) -> String {
    let mut value = text.replace(char::is_control, " ");
    if value.len() > METADATA_VALUE_BYTES_MAX {
        clip(&mut value, METADATA_VALUE_BYTES_MAX - CUT.len());
        value.push_str(CUT);
    }
    value
}

impl Server {
    pub(super) fn metadata(&mut self, conn: ConnId, line: &Line) {
        let knows = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Metadata));
        if !knows {
            return self.numeric(conn, "421", &["METADATA", "Unknown command"]);
        }
        let (target, subcommand) = (line.params[0].clone(), line.params[1].to_ascii_uppercase());
        let keys = &line.params[2..];
        match (subcommand.as_str(), keys) {
            ("SUBS", _) => self.metadata_subs(conn),
            ("GET" | "SET" | "SUB" | "UNSUB", []) => {
                self.numeric(conn, "461", &["METADATA", "Not enough parameters"]);
            }
            ("SUB", _) => self.metadata_sub(conn, keys),
            ("UNSUB", _) => self.metadata_unsub(conn, keys),
            ("GET" | "LIST" | "SET" | "CLEAR" | "SYNC", _) => {
                // What may not be seen is not there.
                let Some(of) = self.metadata_target(conn, &target) else {
                    let text = "Nobody and nothing is called so";
                    return self.fail(conn, "METADATA", "INVALID_TARGET", &[&target], text);
                };
                let target = self.metadata_name(conn, &of);
                match subcommand.as_str() {
                    "GET" => self.metadata_get(conn, (&target, &of), keys),
                    "LIST" => self.metadata_list(conn, (&target, &of)),
                    "SYNC" => self.metadata_sync(conn, (&target, &of)),
                    "SET" => self.metadata_set(conn, (&target, &of), keys),
                    _ => self.metadata_clear(conn, (&target, &of)),
                }
            }
            _ => self.fail(
                conn,
                "METADATA",
                "SUBCOMMAND_INVALID",
                &[&line.params[1]],
                "Unknown subcommand",
            ),
        }
    }

    fn metadata_target(&self, conn: ConnId, target: &str) -> Option<Of> {
        if target.starts_with('#') {
            return self.room(conn, target).map(Of::Room);
        }
        let world = self.world_of(conn)?;
        match target {
            "*" => Some(Of::Person(world.me())),
            nick => world.account_of(nick).map(Of::Person),
        }
    }

    fn metadata_name(&self, conn: ConnId, of: &Of) -> String {
        match of {
            Of::Room(room) => room.name.clone(),
            Of::Person(account) => {
                let world = self.world_of(conn);
                world.map(|world| world.nick(*account)).unwrap_or_default()
            }
        }
    }

    fn metadata_of(&self, conn: ConnId, of: &Of) -> Vec<(&'static str, String)> {
        let Some(world) = self.world_of(conn) else {
            return Vec::new();
        };
        match of {
            Of::Person(account) => world.all_of(*account),
            Of::Room(room) => world.all_of_room(room),
        }
    }

    /// Begins a batch, for who knows batches.
    fn open_metadata(&mut self, conn: ConnId, target: &str) -> Option<String> {
        let session = self.session(conn)?;
        if !session.caps.has(Cap::Batch) {
            return None;
        }
        let reference = self.batch_reference();
        let open = format!("+{reference}");
        self.server_line(conn, "BATCH", &[&open, "metadata", target]);
        Some(reference)
    }

    fn close_metadata(&mut self, conn: ConnId, batch: Option<&str>) {
        if let Some(reference) = batch {
            self.server_line(conn, "BATCH", &[&format!("-{reference}")]);
        }
    }

    fn in_batch(&mut self, conn: ConnId, batch: Option<&str>, mut out: Out) {
        out.tags.batch = batch.map(str::to_owned);
        self.reply(conn, out);
    }

    fn metadata_numeric(&self, conn: ConnId, number: &str, params: &[&str]) -> Out {
        let nick = self.nick_of(conn);
        let all = [&[nick.as_str()], params].concat();
        Out::new(&self.settings.server_name, number, &all)
    }

    fn metadata_get(&mut self, conn: ConnId, (target, of): (&str, &Of), keys: &[String]) {
        let known = self.metadata_of(conn, of);
        let batch = self.open_metadata(conn, target);
        for key in keys {
            let value = known.iter().find(|(name, _)| name == key);
            let out = match value {
                Some((_, value)) => {
                    let value = metadata_value(value);
                    self.metadata_numeric(conn, "761", &[target, key, "*", &value])
                }
                None if is_key(key) => {
                    self.metadata_numeric(conn, "766", &[target, key, "Nothing is known of it"])
                }
                None => {
                    let params = ["METADATA", "KEY_INVALID", key, "That can not be a key"];
                    Out::new(&self.settings.server_name, "FAIL", &params)
                }
            };
            self.in_batch(conn, batch.as_deref(), out);
        }
        self.close_metadata(conn, batch.as_deref());
    }

    fn metadata_list(&mut self, conn: ConnId, (target, of): (&str, &Of)) {
        let batch = self.open_metadata(conn, target);
        for (key, value) in self.metadata_of(conn, of) {
            let value = metadata_value(&value);
            let out = self.metadata_numeric(conn, "761", &[target, key, "*", &value]);
            self.in_batch(conn, batch.as_deref(), out);
        }
        self.close_metadata(conn, batch.as_deref());
    }

    /// All that a client wants to know of a target, and of those who are in it.
    fn metadata_sync(&mut self, conn: ConnId, (target, of): (&str, &Of)) {
        if let Some(seconds) = self.sync_waits(conn) {
            return self.numeric(conn, "774", &[target, &seconds.to_string()]);
        }
        let mut rows = vec![(target.to_owned(), self.metadata_of(conn, of))];
        if let (Some(world), Of::Room(room)) = (self.world_of(conn), of) {
            let members = world.members_of(room).into_iter().take(MEMBERS_LISTED_MAX);
            rows.extend(members.map(|member| {
                let account = member.account;
                (world.nick(account), world.all_of(account))
            }));
        }
        let batch = self.open_metadata(conn, target);
        let mut bytes = 0;
        for (name, known) in rows {
            // Looking at a member costs something, too.
            bytes += name.len();
            for (key, value) in known {
                if self.wants_metadata(conn, key) {
                    let out = self.metadata_line("", (&name, key, &value));
                    bytes += out.body().len();
                    self.in_batch(conn, batch.as_deref(), out);
                }
            }
        }
        self.close_metadata(conn, batch.as_deref());
        let now = self.now.mono;
        if let Some(session) = self.session_mut(conn) {
            session.synced = session.synced.max(now).plus(millis_of(bytes));
        }
    }

    /// Seconds until a client may read more by SYNC; `None`: now. Rooms that are read all at once would be more than waits
    /// for one reader.
    fn sync_waits(&self, conn: ConnId) -> Option<u64> {
        let free = self.session(conn)?.synced.0;
        let late = free.saturating_sub(self.now.mono.0);
        let over = late.saturating_sub(millis_of(METADATA_SYNC_BYTES));
        (over > 0).then(|| over.div_ceil(1_000))
    }

    /// The own profile, for who has just come in or begun to know metadata.
    pub(super) fn metadata_at_first(&mut self, conn: ConnId) {
        let of = Of::Person(self.me(conn));
        let target = self.metadata_name(conn, &of);
        let batch = self.open_metadata(conn, &target);
        for (key, value) in self.metadata_of(conn, &of) {
            let out = self.metadata_line("", (&target, key, &value));
            self.in_batch(conn, batch.as_deref(), out);
        }
        self.close_metadata(conn, batch.as_deref());
    }

    /// Values of those who are monitored from now on.
    pub(super) fn metadata_of_monitored(&mut self, conn: ConnId, nicks: &[String]) {
        for nick in nicks {
            let Some(of @ Of::Person(_)) = self.metadata_target(conn, nick) else {
                continue;
            };
            let target = self.metadata_name(conn, &of);
            for (key, value) in self.metadata_of(conn, &of) {
                if self.wants_metadata(conn, key) {
                    let out = self.metadata_line("", (&target, key, &value));
                    self.reply(conn, out);
                }
            }
        }
    }

    /// A client that has joined may ask for what it wants to know: thousands of members are no wall of lines.
    pub(super) fn metadata_after_join(&mut self, conn: ConnId, room: &str) {
        let wants = self.session(conn).is_some_and(|session| {
            session.caps.has(Cap::Metadata) && !session.subscribed.is_empty()
        });
        if wants {
            let seconds = self.sync_waits(conn).map(|seconds| seconds.to_string());
            let params: Vec<&str> = [room].into_iter().chain(seconds.as_deref()).collect();
            self.numeric(conn, "774", &params);
        }
    }

    fn metadata_sub(&mut self, conn: ConnId, keys: &[String]) {
        let (mut good, mut full) = (Vec::new(), None);
        for key in keys {
            if !is_key(key) {
                self.bad_key(conn, key);
                continue;
            }
            let Some(session) = self.session_mut(conn) else {
                return;
            };
            if session.subscribed.len() >= METADATA_SUBS_MAX && !session.subscribed.contains(key) {
                full = Some(key.clone());
                break;
            }
            session.subscribed.insert(key.clone());
            good.push(key.clone());
        }
        self.keys(conn, "770", &good);
        if let Some(key) = full {
            let text = format!("A connection may want to know {METADATA_SUBS_MAX} keys");
            self.fail(conn, "METADATA", "TOO_MANY_SUBS", &[&key], &text);
        }
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return;
        };
        let rooms = session
            .joined
            .keys()
            .filter_map(|channel| world.room(*channel));
        let names: Vec<String> = rooms.map(|room| room.name.clone()).collect();
        for name in names.iter().filter(|_| !good.is_empty()) {
            self.metadata_after_join(conn, name);
        }
    }

    fn metadata_unsub(&mut self, conn: ConnId, keys: &[String]) {
        let mut good = Vec::new();
        for key in keys {
            match (is_key(key), self.session_mut(conn)) {
                (true, Some(session)) => {
                    session.subscribed.remove(key);
                    good.push(key.clone());
                }
                _ => self.bad_key(conn, key),
            }
        }
        self.keys(conn, "771", &good);
    }

    fn metadata_subs(&mut self, conn: ConnId) {
        let session = self.session(conn);
        let all: Vec<String> = session
            .map(|session| session.subscribed.iter().cloned().collect())
            .unwrap_or_default();
        self.keys(conn, "772", &all);
    }

    fn keys(&mut self, conn: ConnId, number: &str, keys: &[String]) {
        let mut rest = keys;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fit = rest.iter().take(KEYS_A_LINE).take_while(|key| {
                bytes += key.len() + 1;
                bytes <= KEYS_BYTES
            });
            let (now, later) = rest.split_at(fit.count().max(1));
            let params: Vec<&str> = now.iter().map(String::as_str).collect();
            self.numeric(conn, number, &params);
            rest = later;
        }
    }

    fn bad_key(&mut self, conn: ConnId, key: &str) {
        let text = "That can not be a key";
        self.fail(conn, "METADATA", "KEY_INVALID", &[key], text);
    }

    fn metadata_set(&mut self, conn: ConnId, (target, of): (&str, &Of), params: &[String]) {
        let (name, value) = (
            params[0].as_str(),
            params.get(1).cloned().unwrap_or_default(),
        );
        if !is_key(name) {
            return self.bad_key(conn, name);
        }
        let own = matches!(of, Of::Person(account) if *account == self.me(conn));
        let key = Key::named(name).filter(|key| {
            let named = *key == Key::DisplayName && value.trim().is_empty();
            own && !named
        });
        let Some(key) = key else {
            let text = match own {
                true => "This profile has a display-name, about and status, and must have a name",
                false => "Only what is said of oneself is set here",
            };
            return self.fail(conn, "METADATA", "KEY_NO_PERMISSION", &[target, name], text);
        };
        if value.len() > METADATA_VALUE_BYTES_MAX {
            let text = format!("A value has at most {METADATA_VALUE_BYTES_MAX} bytes");
            return self.fail(conn, "METADATA", "VALUE_INVALID", &[], &text);
        }
        let me = self.me(conn);
        let world = self.world_of(conn);
        let is_set = world.is_some_and(|world| world.known_of(me, key).is_some());
        if value.is_empty() && !is_set {
            let text = "It is not set";
            return self.fail(conn, "METADATA", "KEY_NOT_SET", &[target, name], text);
        }
        if let Some(seconds) = self.profile_too_fast(conn) {
            let text = "Too many changes";
            let context = [target, name, &seconds.to_string()];
            return self.fail(conn, "METADATA", "RATE_LIMITED", &context, text);
        }
        let setting = Setting {
            target: target.to_owned(),
            key,
            value,
            batch: None,
            last: true,
        };
        self.metadata_order(conn, setting);
    }

    /// Seconds until the profile may be changed again; `None`: now. Each change is signed and goes to every member of
    /// every community, by whichever connection and command it comes.
    pub(super) fn profile_too_fast(&mut self, conn: ConnId) -> Option<u64> {
        let now = self.now.mono;
        let sets = &mut self.world_mut(conn)?.profile_sets;
        while sets
            .front()
            .is_some_and(|first| first.plus(PROFILE_SET_MS) <= now)
        {
            sets.pop_front();
        }
        if sets.len() >= PROFILE_SETS_MAX {
            let free = sets.front()?.plus(PROFILE_SET_MS);
            return Some((free.0 - now.0).div_ceil(1_000));
        }
        sets.push_back(now);
        None
    }

    fn metadata_order(&mut self, conn: ConnId, setting: Setting) {
        if let Some(session) = self.session_mut(conn) {
            session.setting.insert(setting.key, setting.value.clone());
        }
        let change = setting.key.change(setting.value.clone());
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            let pending = Pending::Metadata(conn, setting);
            world.order(Command::Profile { change }, pending);
        }
    }

    fn metadata_clear(&mut self, conn: ConnId, (target, of): (&str, &Of)) {
        if !matches!(of, Of::Person(account) if *account == self.me(conn)) {
            let text = "Only what is said of oneself is cleared here";
            return self.fail(conn, "METADATA", "KEY_NO_PERMISSION", &[target, "*"], text);
        }
        if let Some(seconds) = self.profile_too_fast(conn) {
            let text = "Too many changes";
            let context = [target, "*", &seconds.to_string()];
            return self.fail(conn, "METADATA", "RATE_LIMITED", &context, text);
        }
        let me = self.me(conn);
        let world = self.world_of(conn);
        // Everybody has a name.
        let set: Vec<Key> = [Key::About, Key::Status]
            .into_iter()
            .filter(|key| world.is_some_and(|world| world.known_of(me, *key).is_some()))
            .collect();
        let batch = self.open_metadata(conn, target);
        for (at, key) in set.iter().enumerate() {
            let setting = Setting {
                target: target.to_owned(),
                key: *key,
                value: String::new(),
                batch: batch.clone(),
                last: at + 1 == set.len(),
            };
            self.metadata_order(conn, setting);
        }
        if set.is_empty() {
            self.close_metadata(conn, batch.as_deref());
        }
    }

    /// A profile was changed, or not.
    pub(crate) fn metadata_was_set(
        &mut self,
        conn: ConnId,
        setting: &Setting,
        refused: Option<&CommandError>,
    ) {
        let (target, key) = (setting.target.as_str(), setting.key.name());
        // What became of it was told before: a later change to the same value is another one.
        if let Some(session) = self.session_mut(conn) {
            session.setting.remove(&setting.key);
        }
        let out = match refused {
            None if setting.value.is_empty() => {
                self.metadata_numeric(conn, "766", &[target, key, "It is not set any more"])
            }
            None => {
                let value = metadata_value(&setting.value);
                self.metadata_numeric(conn, "761", &[target, key, "*", &value])
            }
            Some(error) => {
                let server = &self.settings.server_name;
                match error.code {
                    ErrorCode::NotPermitted => {
                        let code = "KEY_NO_PERMISSION";
                        let params = ["METADATA", code, target, key, &error.message];
                        Out::new(server, "FAIL", &params)
                    }
                    _ => {
                        let params = ["METADATA", "VALUE_INVALID", &error.message];
                        Out::new(server, "FAIL", &params)
                    }
                }
            }
        };
        self.in_batch(conn, setting.batch.as_deref(), out);
        if setting.last {
            self.close_metadata(conn, setting.batch.as_deref());
        }
    }
}
