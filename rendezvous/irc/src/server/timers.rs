//! What is due when nothing comes: silence, log-ins, edits that waited.

use alloquy_ids::MonoMs;

use crate::io::Output;
use crate::limits::{PING_MS, REGISTRATION_MS_MAX};
use crate::line::Out;
use crate::server::Server;
use crate::session::Stage;

impl Server {
    pub(super) fn next_due(&self) -> Option<MonoMs> {
        let checks = self.delayed.keys().next().map(|(at, _)| *at);
        let edits = self.edits.values().map(|edit| edit.at);
        edits.chain(self.first_due()).chain(checks).min()
    }

    pub(super) fn time_passed(&mut self) {
        let now = self.now.mono;
        while let Some(entry) = self
            .delayed
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let ((_, check), credential) = entry.remove_entry();
            self.output(Output::Check(check, credential));
        }
        let due = self.edits.extract_if(.., |_, edit| edit.at <= now);
        let due: Vec<_> = due.collect();
        for ((key, _), edit) in due {
            self.tell_edit(key, &edit);
        }
        for conn in self.all_due() {
            let keep_at = self.session(conn).and_then(|session| session.keep_at);
            if keep_at.is_some_and(|at| at <= now) {
                self.keep_meanwhile(conn);
            }
            let Some(session) = self.session_mut(conn) else {
                continue;
            };
            let (stage, opened, heard, pinged) =
                (session.stage, session.opened, session.heard, session.pinged);
            let late = opened.plus(REGISTRATION_MS_MAX) <= now;
            match stage {
                Stage::Registering | Stage::Welcoming if late => {
                    self.end(conn, "Registration timed out")
                }
                Stage::In if pinged && heard.plus(2 * PING_MS) <= now => {
                    session.lost = true;
                    self.end(conn, "Ping timeout");
                }
                Stage::In if !pinged && heard.plus(PING_MS) <= now => {
                    let ping = Out::new("", "PING", &[&self.settings.server_name]);
                    self.tell(conn, &ping);
                    if let Some(session) = self.session_mut(conn) {
                        session.pinged = true;
                    }
                }
                _ => {}
            }
            self.go_on(conn);
        }
    }
}
