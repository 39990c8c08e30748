//! What concerns the server: numbers, versions, help.

use crate::io::ConnId;
use crate::line::Line;
use crate::server::Server;
use crate::text::iso_time;

const HELP: &[&str] = &[
    "Channels are called #community/channel: LIST shows those that you may see, JOIN opens one.",
    "Conversations are the nicks of people: PRIVMSG ana writes to Ana. Your own nick holds your notes.",
    "Who wants to write is answered or declined: ACCEPT -nick. SILENCE nick blocks somebody, SILENCE lists them.",
    "Groups are called #dm/name. History: CHATHISTORY, as far as your client asks for it.",
    "TOPIC, KICK, INVITE, MODE +b ~a:nick and MODE +o nick act in the community, with your rights there.",
    "Who has which role: ~ owner, & administrator, @ channels and messages, % moderator, + any other role.",
];

impl Server {
    pub(super) fn info(&mut self, conn: ConnId, line: &Line) {
        let settings = self.settings.clone();
        let server = settings.server_name.as_str();
        match line.command.as_str() {
            "ADMIN" => {
                self.numeric(conn, "256", &[server, "Administrative info"]);
                let (what, who) = match self.bridge.is_some() {
                    true => (
                        "This is a rendezvous: a door to communities for many.",
                        "Whoever runs it holds the nodes of those who come in by it.",
                    ),
                    false => (
                        "This is a door of one person's own node.",
                        "Nobody else is connected to it.",
                    ),
                };
                self.numeric(conn, "257", &[what]);
                self.numeric(conn, "258", &[who]);
                self.numeric(conn, "259", &["-"]);
            }
            "HELP" | "HELPOP" => {
                let about = line.param(0).unwrap_or("*").to_owned();
                self.numeric(conn, "704", &[&about, HELP[0]]);
                for text in &HELP[1..] {
                    self.numeric(conn, "705", &[&about, text]);
                }
                self.numeric(conn, "706", &[&about, "End of help"]);
            }
            "INFO" => {
                self.numeric(conn, "371", &[&settings.version]);
                self.numeric(
                    conn,
                    "371",
                    &["A view of communities that no server holds."],
                );
                self.numeric(conn, "374", &["End of INFO list"]);
            }
            "LINKS" => {
                self.numeric(
                    conn,
                    "364",
                    &[server, server, &format!("0 {}", settings.network)],
                );
                self.numeric(conn, "365", &["*", "End of LINKS list"]);
            }
            "LUSERS" => self.lusers(conn),
            "MOTD" => self.motd(conn),
            "TIME" => {
                let time = iso_time(self.now.wall);
                self.numeric(conn, "391", &[server, &time]);
            }
            "VERSION" => self.numeric(conn, "351", &[&settings.version, server, ""]),
            _ => {}
        }
    }

    pub(super) fn lusers(&mut self, conn: ConnId) {
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let people = world
            .people()
            .filter(|(_, person)| person.away.is_none())
            .count();
        let rooms = world
            .rooms()
            .filter(|room| room.is_channel() && self.shows(conn, room))
            .count();
        let most = people.to_string();
        self.numeric(
            conn,
            "251",
            &[&format!(
                "There are {people} users and 0 invisible on 1 servers"
            )],
        );
        let operators = self.operators().len().to_string();
        self.numeric(conn, "252", &[&operators, "operator(s) online"]);
        self.numeric(conn, "253", &["0", "unknown connection(s)"]);
        self.numeric(conn, "254", &[&rooms.to_string(), "channels formed"]);
        self.numeric(
            conn,
            "255",
            &[&format!("I have {people} clients and 0 servers")],
        );
        self.numeric(
            conn,
            "265",
            &[
                &most,
                &most,
                &format!("Current local users {people}, max {people}"),
            ],
        );
        self.numeric(
            conn,
            "266",
            &[
                &most,
                &most,
                &format!("Current global users {people}, max {people}"),
            ],
        );
    }

    pub(super) fn motd(&mut self, conn: ConnId) {
        let server = self.settings.server_name.clone();
        self.numeric(conn, "375", &[&format!("- {server} Message of the day -")]);
        for text in HELP {
            self.numeric(conn, "372", &[&format!("- {text}")]);
        }
        self.numeric(conn, "376", &["End of MOTD command"]);
    }
}
