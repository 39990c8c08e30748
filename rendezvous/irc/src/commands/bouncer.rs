//! BOUNCER: communities as networks, for clients that show each in a place of its own.

use std::collections::BTreeMap;

use crate::bound::{Bound, DIRECTS};
use crate::caps::Cap;
use crate::io::{ClientKey, ConnId};
use crate::line::{Line, Out};
use crate::names::fold;
use crate::server::Server;
use crate::session::Stage;

/// Attributes that networks have, as the specification names them.
const ATTRIBUTES: [&str; 9] = [
    "host", "name", "nickname", "pass", "port", "realname", "state", "tls", "username",
];

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
                self.change_network(conn, (&subcommand, line));
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

    /// Binds a connection that comes in to the network that its log-in or its TLS handshake named; `false`: its account
    /// has none of that name, and it ends. Else what it says in `#channel` would be said in another channel of that name.
    pub(super) fn bind_as_asked(&mut self, conn: ConnId) -> bool {
        let Some((netid, must)) = self.asked_network(conn) else {
            return true;
        };
        let networks = self.networks(conn);
        match networks.into_iter().find(|bound| bound.slug == netid) {
            Some(bound) => {
                if let Some(session) = self.session_mut(conn) {
                    session.bound = Some(bound);
                }
            }
            // The same for what is not there and for what the account is no member of.
            None if must => {
                self.end(conn, "There is no such network");
                return false;
            }
            None => {}
        }
        true
    }

    /// The network that a connection is to be bound to, and whether it is to end if there is none. Guests are in no
    /// community, and who has said BIND has what it wants.
    fn asked_network(&self, conn: ConnId) -> Option<(String, bool)> {
        let session = self.session(conn)?;
        if session.guest || session.bound.is_some() {
            return None;
        }
        if let Some(netid) = &session.asked_network {
            // At one's own door the name means nothing, so whatever stands there lets in.
            return Some((fold(netid), self.bridge.is_some()));
        }
        let host = fold(session.origin.tls.as_ref()?.sni.as_deref()?);
        let netid = host
            .strip_suffix(&fold(&self.settings.server_name))?
            .strip_suffix('.')?;
        if netid.is_empty() || netid.contains('.') {
            return None;
        }
        // A name of the server itself that stands below its first one is none of a community.
        let sts = self.bridge.as_ref().and_then(|bridge| bridge.sts.as_ref());
        let own = sts.is_some_and(|sts| sts.names.iter().any(|name| fold(name) == host));
        Some((netid.to_owned(), !own))
    }

    /// Networks are communities: nothing of them is changed here, and each refusal says why.
    fn change_network(&mut self, conn: ConnId, (subcommand, line): (&str, &Line)) {
        let session = self.session(conn);
        if session.is_some_and(|session| session.key.is_none()) {
            let text = "Log in first";
            return self.fail(conn, "BOUNCER", "ACCOUNT_REQUIRED", &[subcommand], text);
        }
        let adds = subcommand == "ADDNETWORK";
        let netid = if adds {
            "*"
        } else {
            line.param(1).unwrap_or("*")
        };
        let known = self.networks(conn).iter().any(|bound| bound.slug == netid);
        if !adds && !known {
            let text = "There is no such network";
            let context = [subcommand, netid];
            return self.fail(conn, "BOUNCER", "INVALID_NETID", &context, text);
        }
        let attributes = match subcommand {
            "ADDNETWORK" => line.param(1),
            "CHANGENETWORK" => line.param(2),
            _ => None,
        };
        let names = attributes.unwrap_or_default().split(';');
        let names: Vec<&str> = names
            .map(|attribute| attribute.split('=').next().unwrap_or_default())
            .filter(|name| !name.is_empty())
            .collect();
        let unknown = names.iter().find(|name| !ATTRIBUTES.contains(name));
        let fixed = names.iter().find(|name| !adds || **name == "state");
        let (code, context, text) = match (unknown, fixed) {
            (Some(name), _) => ("UNKNOWN_ATTRIBUTE", vec![netid, name], "Unknown attribute"),
            (None, Some(name)) => {
                let text = "What is known of a community is changed in the app";
                ("READ_ONLY_ATTRIBUTE", vec![netid, name], text)
            }
            _ if adds && !names.contains(&"host") => {
                ("NEED_ATTRIBUTE", vec!["host"], "Missing required attribute")
            }
            _ => {
                let text = "Communities are joined and left in the app";
                ("UNKNOWN_ERROR", Vec::new(), text)
            }
        };
        let context = [&[subcommand], context.as_slice()].concat();
        self.fail(conn, "BOUNCER", code, &context, text);
    }

    fn list_networks(&mut self, conn: ConnId) {
        if self
            .session(conn)
            .is_some_and(|session| session.key.is_none())
        {
            let text = "Log in first";
            return self.fail(conn, "BOUNCER", "ACCOUNT_REQUIRED", &["LISTNETWORKS"], text);
        }
        let networks = self.networks(conn);
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
        for network in networks {
            let mut out = self.network_line((&network.slug, Some(&network.name)));
            out.tags.batch = batched.then(|| reference.clone());
            self.reply(conn, out);
        }
        if batched {
            self.server_line(conn, "BATCH", &[&format!("-{reference}")]);
        }
    }

    /// A network with its name, or one that is not there any more.
    fn network_line(&self, (slug, name): (&str, Option<&str>)) -> Out {
        // Attributes are written as tags are: a name may hold anything.
        let attributes = name.map(|name| {
            let name = crate::line::escaped(name);
            format!("name={name};state=connected")
        });
        let attributes = attributes.as_deref().unwrap_or("*");
        let params = ["NETWORK", slug, attributes];
        Out::new(&self.settings.server_name, "BOUNCER", &params)
    }

    /// Tells those who asked for it of communities that came, went, or are called another way.
    pub(crate) fn tell_networks(&mut self, key: ClientKey) {
        for conn in self.all_in(key) {
            self.tell_networks_to(conn);
        }
    }

    /// The same for one connection: all of them when it has come in.
    pub(crate) fn tell_networks_to(&mut self, conn: ConnId) {
        let asked = self
            .session(conn)
            .filter(|session| session.caps.has(Cap::BouncerNetworksNotify));
        let Some(told) = asked.map(|session| session.networks.clone()) else {
            return;
        };
        let networks = self.networks(conn).into_iter();
        let now: BTreeMap<String, String> = networks.map(|of| (of.slug, of.name)).collect();
        match told {
            None => self.unasked(conn, |server| server.list_networks(conn)),
            Some(told) => {
                let gone = told.keys().filter(|slug| !now.contains_key(*slug));
                let mut outs: Vec<Out> = gone.map(|slug| self.network_line((slug, None))).collect();
                let others = now
                    .iter()
                    .filter(|(slug, name)| told.get(*slug) != Some(name));
                outs.extend(others.map(|(slug, name)| self.network_line((slug, Some(name)))));
                for out in outs {
                    self.tell(conn, &out);
                }
            }
        }
        if let Some(session) = self.session_mut(conn) {
            session.networks = Some(now);
        }
    }
}
