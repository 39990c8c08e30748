//! MONITOR: being told who comes and goes.

use crate::io::ConnId;
use crate::limits::MONITOR_MAX;
use crate::line::Line;
use crate::names::fold;
use crate::server::Server;
use crate::text::pieces;

/// Bytes of nicks in one numeric.
const NICKS_BYTES: usize = 380;

impl Server {
    pub(super) fn monitor(&mut self, conn: ConnId, line: &Line) {
        let nicks: Vec<String> = line
            .param(1)
            .unwrap_or_default()
            .split(',')
            .filter(|nick| !nick.is_empty())
            .map(str::to_owned)
            .collect();
        match line.params[0].to_ascii_uppercase().as_str() {
            "+" => self.monitor_add(conn, &nicks),
            "-" => {
                if let Some(session) = self.session_mut(conn) {
                    for nick in &nicks {
                        session.monitored.remove(&fold(nick));
                    }
                }
            }
            "C" => {
                if let Some(session) = self.session_mut(conn) {
                    session.monitored.clear();
                }
            }
            "L" => {
                let nicks = self.monitored(conn);
                self.monitor_rows(conn, "732", &nicks);
                self.numeric(conn, "733", &["End of MONITOR list"]);
            }
            "S" => {
                let nicks = self.monitored(conn);
                self.monitor_status(conn, &nicks);
            }
            _ => {}
        }
    }

    fn monitored(&self, conn: ConnId) -> Vec<String> {
        let session = self.session(conn);
        session
            .map(|session| session.monitored.values().cloned().collect())
            .unwrap_or_default()
    }

    fn monitor_add(&mut self, conn: ConnId, nicks: &[String]) {
        let mut added = Vec::new();
        for (at, nick) in nicks.iter().enumerate() {
            let Some(session) = self.session_mut(conn) else {
                return;
            };
            if session.monitored.len() >= MONITOR_MAX
                && !session.monitored.contains_key(&fold(nick))
            {
                let rest = nicks[at..].join(",");
                self.numeric(
                    conn,
                    "734",
                    &[&MONITOR_MAX.to_string(), &rest, "Monitor list is full"],
                );
                break;
            }
            session.monitored.insert(fold(nick), nick.clone());
            added.push(nick.clone());
        }
        self.monitor_status(conn, &added);
        self.metadata_of_monitored(conn, &added);
    }

    /// Who of some is here, and who is not.
    fn monitor_status(&mut self, conn: ConnId, nicks: &[String]) {
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        for nick in nicks {
            let account = world.account_of(nick);
            let found = account.filter(|account| {
                world
                    .person(*account)
                    .is_some_and(|person| person.away.is_none())
            });
            match found {
                Some(account) => here.push(world.mask(account)),
                None => gone.push(nick.clone()),
            }
        }
        self.monitor_rows(conn, "730", &here);
        self.monitor_rows(conn, "731", &gone);
    }

    fn monitor_rows(&mut self, conn: ConnId, number: &str, all: &[String]) {
        if all.is_empty() {
            return;
        }
        // Words are cut at spaces, and a list of this kind is divided by commas.
        for piece in pieces(&all.join(" "), NICKS_BYTES) {
            let row = piece.text.trim().replace(' ', ",");
            self.numeric(conn, number, &[&row]);
        }
    }

    /// Tells those who monitor a nick that its account has come or gone.
    pub(crate) fn tell_monitored(
        &mut self,
        key: crate::io::ClientKey,
        (nick, mask): (&str, &str),
        here: bool,
    ) {
        for conn in self.all_in(key) {
            let watches = self
                .session(conn)
                .is_some_and(|session| session.monitored.contains_key(&fold(nick)));
            if !watches {
                continue;
            }
            let own = self.nick_of(conn);
            let server = self.settings.server_name.clone();
            let (number, row) = if here { ("730", mask) } else { ("731", nick) };
            self.tell(conn, &crate::line::Out::new(&server, number, &[&own, row]));
        }
    }
}
