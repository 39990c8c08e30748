//! BOUNCER: communities as networks, for clients that show each in a place of its own.

use crate::bound::{Bound, DIRECTS};
use crate::caps::Cap;
use crate::io::ConnId;
use crate::line::{Line, Out};
use crate::server::Server;
use crate::session::Stage;

impl Server {
    pub(super) fn bouncer(&mut self, conn: ConnId, line: &Line) {
        let asked = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::BouncerNetworks));
        if !asked {
            return self.numeric(conn, "421", &["BOUNCER", "Unknown command"]);
        }
        let subcommand = line.params[0].to_ascii_uppercase();
        match subcommand.as_str() {
            "BIND" => self.bind(conn, line.param(1).unwrap_or_default()),
            "LISTNETWORKS" => self.list_networks(conn),
            "ADDNETWORK" | "CHANGENETWORK" | "DELNETWORK" => {
                let text = "Communities are joined and left in the app";
                self.fail(conn, "BOUNCER", "UNKNOWN_ERROR", &[&subcommand], text);
            }
            _ => self.fail(
                conn,
                "BOUNCER",
                "UNKNOWN_COMMAND",
                &[&line.params[0]],
                "Unknown subcommand",
            ),
        }
    }

    /// Networks by netid: each community, and the conversations that belong to none.
    fn networks(&self, conn: ConnId) -> Vec<Bound> {
        let Some(world) = self.world_of(conn) else {
            return Vec::new();
        };
        let communities = world.communities().map(|(id, slug, name)| Bound {
            community: Some(id),
            slug: slug.to_owned(),
            name: name.to_owned(),
        });
        let directs = Bound {
            community: None,
            slug: DIRECTS.to_owned(),
            name: "Direct messages".to_owned(),
        };
        communities.chain([directs]).collect()
    }

    fn bind(&mut self, conn: ConnId, netid: &str) {
        let Some(session) = self.session(conn) else {
            return;
        };
        if session.stage != Stage::Registering {
            let text = "Cannot bind after registration";
            return self.fail(
                conn,
                "BOUNCER",
                "REGISTRATION_IS_COMPLETED",
                &["BIND"],
                text,
            );
        }
        if session.key.is_none() {
            let text = "Log in by SASL first";
            return self.fail(conn, "BOUNCER", "ACCOUNT_REQUIRED", &["BIND"], text);
        }
        let networks = self.networks(conn);
        let Some(bound) = networks.into_iter().find(|bound| bound.slug == netid) else {
            return self.fail(
                conn,
                "BOUNCER",
                "INVALID_NETID",
                &["BIND", netid],
                "There is no such network",
            );
        };
        if let Some(session) = self.session_mut(conn) {
            session.bound = Some(bound);
        }
    }

    fn list_networks(&mut self, conn: ConnId) {
        if self
            .session(conn)
            .is_some_and(|session| session.key.is_none())
        {
            let text = "Log in first";
            return self.fail(conn, "BOUNCER", "ACCOUNT_REQUIRED", &["LISTNETWORKS"], text);
        }
        let server = self.settings.server_name.clone();
        let reference = self.batch_reference();
        let batched = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Batch));
        if batched {
            self.server_line(
                conn,
                "BATCH",
                &[&format!("+{reference}"), "soju.im/bouncer-networks"],
            );
        }
        for network in self.networks(conn) {
            // Attributes are written as tags are: a name may hold anything.
            let attributes = format!(
                "name={};state=connected",
                crate::line::escaped(&network.name)
            );
            let mut out = Out::new(&server, "BOUNCER", &["NETWORK", &network.slug, &attributes]);
            out.tags.batch = batched.then(|| reference.clone());
            self.reply(conn, out);
        }
        if batched {
            self.server_line(conn, "BATCH", &[&format!("-{reference}")]);
        }
    }
}
