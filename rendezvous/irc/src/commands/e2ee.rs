//! E2EE: streams of bytes between a client that is a node itself and other nodes (docs/irc.md, "End to end through a
//! bridge"). What passes is sealed by its ends; it is neither looked at nor kept here.

use std::net::SocketAddr;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;

use crate::bridge::AccountOrder;
use crate::caps::Cap;
use crate::io::{ClientKey, ConnId, Now, Outcome, Output, Target, Tunnel, Tunnelled};
use crate::limits::{
    E2EE_DATA_BYTES_MAX, E2EE_OPENS_MAX, E2EE_OPENS_MS, E2EE_STREAMS_MAX, E2EE_WINDOW_BYTES,
};
use crate::line::{E2EE, Line, Out, Tags};
use crate::server::Server;
use crate::streams::{Exceeded, NotOpened, Told, number_of};

/// The tag in which bytes stand.
const DATA_TAG: &str = "alloquy.chat/e2ee";

/// A number as it stands in a parameter: digits alone.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Whereto a client wants to have a stream. There are no names: a bridge that looks them up could be led to another
/// address than the one that was allowed.
fn target(text: &str) -> Option<Target> {
    if text.eq_ignore_ascii_case("home") {
        return Some(Target::Home);
    }
    let address: SocketAddr = text.parse().ok()?;
    let plain = match address {
        SocketAddr::V4(_) => true,
        SocketAddr::V6(address) => address.scope_id() == 0,
    };
    (plain && address.port() != 0).then_some(Target::Address(address))
}

/// Tags that carry bytes.
fn carrying(bytes: &[u8]) -> Tags {
    Tags {
        further: vec![(Cap::E2ee, DATA_TAG, BASE64URL_NOPAD.encode(bytes))],
        ..Tags::default()
    }
}

/// Whether there is an address, and a link, if there is one, that tags have room for.
fn told_in_a_line(words: &[String]) -> bool {
    !words.is_empty()
        && words
            .get(1)
            .is_none_or(|link| link.len() <= E2EE_DATA_BYTES_MAX)
}

impl Server {
    /// Whether a connection may have streams.
    pub(super) fn has_streams(&self, conn: ConnId) -> bool {
        self.session(conn).is_some_and(|session| {
            session.caps.has(Cap::E2ee) && session.caps.has(Cap::MessageTags)
        })
    }

    pub(super) fn e2ee(&mut self, conn: ConnId, line: &Line) {
        if !self.has_streams(conn) {
            return self.numeric(conn, "421", &[E2EE, "Unknown command"]);
        }
        let session = self.session(conn).filter(|session| !session.guest);
        let Some(key) = session.and_then(|session| session.key) else {
            let text = "Streams need an account, and you are a guest";
            return self.fail(conn, E2EE, "ACCOUNT_REQUIRED", &[], text);
        };
        let subcommand = line.params[0].to_ascii_uppercase();
        let needed = match subcommand.as_str() {
            "HOME" => return self.e2ee_home(conn, key),
            "OPEN" | "ACK" => 2,
            "DATA" | "CLOSE" => 1,
            _ => {
                let text = "Unknown subcommand: there are HOME, OPEN, DATA, ACK and CLOSE";
                return self.fail(conn, E2EE, "SUBCOMMAND_INVALID", &[&line.params[0]], text);
            }
        };
        let given = line.params.len() - 1;
        if given < needed {
            let text = format!("{subcommand} needs {needed} parameters, and {given} were given");
            return self.fail(conn, E2EE, "NEED_MORE_PARAMS", &[], &text);
        }
        let Some(stream) = number::<u16>(&line.params[1]) else {
            let text = format!("A stream is a number of 0 to {}", u16::MAX);
            return self.fail(conn, E2EE, "INVALID_PARAMS", &[&line.params[1]], &text);
        };
        match subcommand.as_str() {
            "OPEN" => self.e2ee_open(conn, (key, stream), &line.params[2]),
            "DATA" => self.e2ee_data(conn, (key, stream), line.tag(DATA_TAG)),
            "ACK" => self.e2ee_ack(conn, (key, stream), &line.params[2]),
            _ => self.close_stream(conn, stream),
        }
    }

    fn e2ee_fail(&mut self, conn: ConnId, code: &str, stream: u16, text: &str) {
        self.fail(conn, E2EE, code, &[&stream.to_string()], text);
    }

    fn e2ee_line(&self, verb: &str, stream: u16, rest: &[&str]) -> Out {
        let stream = stream.to_string();
        let params = [&[verb, stream.as_str()], rest].concat();
        Out::new(&self.settings.server_name, E2EE, &params)
    }

    fn e2ee_home(&mut self, conn: ConnId, key: ClientKey) {
        let check = self.new_check(conn);
        if let Some(session) = self.session_mut(conn) {
            session.asked_home = true;
        }
        self.output(Output::Account(check, key, AccountOrder::Home));
    }

    /// The home node of an account runs, or does not.
    pub(super) fn home_told(&mut self, conn: ConnId, outcome: &Outcome) {
        match outcome {
            Outcome::Told(words) if told_in_a_line(words) => {
                let mut out = Out::new(&self.settings.server_name, E2EE, &["HOME", &words[0]]);
                // A link names all addresses of a node: a line has no room for it, its tags have.
                if let Some(link) = words.get(1) {
                    out = out.tagged(carrying(link.as_bytes()));
                }
                self.reply(conn, out);
            }
            Outcome::Refused { code, text } => self.fail(conn, E2EE, code, &[], text),
            _ => {
                let text = "The home node can not be started now";
                self.fail(conn, E2EE, "TEMPORARILY_UNAVAILABLE", &[], text);
            }
        }
        self.finish(conn);
    }

    fn e2ee_open(&mut self, conn: ConnId, (key, stream): (ClientKey, u16), whereto: &str) {
        let Some(target) = target(whereto) else {
            let text = format!(
                "{whereto} is neither home nor an address with a port as 192.0.2.7:4001 or [2001:db8::7]:4001"
            );
            return self.e2ee_fail(conn, "INVALID_TARGET", stream, &text);
        };
        let now = self.now.mono;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let label = session.label.clone();
        let refused = match session.streams.begin(stream, label, now) {
            Ok(id) => {
                // The answer is what becomes of it, and nothing waits for that.
                (session.label, session.answer) = (None, None);
                let open = Tunnel::Open { stream: id, target };
                return self.output(Output::Tunnel(conn, key, open));
            }
            Err(refused) => refused,
        };
        let (code, text) = match refused {
            NotOpened::InUse => ("STREAM_IN_USE", format!("Stream {stream} is open")),
            NotOpened::TooMany => (
                "TOO_MANY_STREAMS",
                format!("{E2EE_STREAMS_MAX} streams are open: close one first"),
            ),
            NotOpened::TooFast(seconds) => (
                "RATE_LIMITED",
                format!(
                    "{E2EE_OPENS_MAX} streams were opened within {} s: wait {seconds} s",
                    E2EE_OPENS_MS / 1_000
                ),
            ),
        };
        self.e2ee_fail(conn, code, stream, &text);
    }

    fn e2ee_data(&mut self, conn: ConnId, (key, stream): (ClientKey, u16), tag: Option<&str>) {
        // It may have been closed while this was under way.
        if !self.is_stream(conn, stream) {
            return;
        }
        let bytes = tag.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        let bytes = match bytes {
            Some(bytes) if (1..=E2EE_DATA_BYTES_MAX).contains(&bytes.len()) => bytes,
            other => {
                let found = match (&other, tag) {
                    (Some(bytes), _) => format!("{} bytes", bytes.len()),
                    (None, Some(_)) => "what is no base64url without padding".to_owned(),
                    (None, None) => "no tag".to_owned(),
                };
                let text = format!(
                    "The tag {DATA_TAG} holds 1 to {E2EE_DATA_BYTES_MAX} bytes, and {found} came"
                );
                self.close_stream(conn, stream);
                return self.e2ee_fail(conn, "INVALID_DATA", stream, &text);
            }
        };
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        match session.streams.send(stream, bytes.len()) {
            Ok(Some(stream)) => {
                let bytes = Bytes::from(bytes);
                self.output(Output::Tunnel(conn, key, Tunnel::Data { stream, bytes }));
            }
            Ok(None) => {}
            Err(Exceeded(room)) => {
                let text = format!(
                    "{} bytes came, and the window of {E2EE_WINDOW_BYTES} had room for {room}",
                    bytes.len()
                );
                self.close_stream(conn, stream);
                self.e2ee_fail(conn, "WINDOW_EXCEEDED", stream, &text);
            }
        }
    }

    fn e2ee_ack(&mut self, conn: ConnId, (key, stream): (ClientKey, u16), count: &str) {
        let Some(bytes) = number::<usize>(count).filter(|bytes| *bytes > 0) else {
            let text = format!("{count} is no number of bytes");
            return self.e2ee_fail(conn, "INVALID_PARAMS", stream, &text);
        };
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        match session.streams.acked(stream, bytes) {
            Ok(Some(stream)) => {
                self.output(Output::Tunnel(conn, key, Tunnel::Taken { stream, bytes }));
                self.pass_on(conn);
            }
            Ok(None) => {}
            Err(Exceeded(most)) => {
                let text = format!("{bytes} bytes were acknowledged, and {most} are under way");
                self.close_stream(conn, stream);
                self.e2ee_fail(conn, "WINDOW_EXCEEDED", stream, &text);
            }
        }
    }

    fn is_stream(&self, conn: ConnId, stream: u16) -> bool {
        self.session(conn)
            .is_some_and(|session| session.streams.is_open(stream))
    }

    /// Ends a stream from the client's side; of one that is not open nothing is said.
    fn close_stream(&mut self, conn: ConnId, stream: u16) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let key = session.key;
        let Some((live, label)) = session.streams.remove(stream) else {
            return;
        };
        if let (Some(key), Some(stream)) = (key, live) {
            self.output(Output::Tunnel(conn, key, Tunnel::Close { stream }));
        }
        if label.is_some() {
            // What was to be answered by its being connected, or not.
            let ack = Out::new(&self.settings.server_name, "ACK", &[]);
            self.tell_labelled(conn, ack, label);
        }
        // Others may have its room.
        self.pass_on(conn);
    }

    /// Ends all streams of a connection.
    pub(crate) fn close_streams(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let streams = session.streams.numbers();
        let key = session.key;
        let live = streams
            .into_iter()
            .filter_map(|stream| session.streams.remove(stream)?.0);
        let live: Vec<u64> = live.collect();
        for stream in live {
            if let Some(key) = key {
                self.output(Output::Tunnel(conn, key, Tunnel::Close { stream }));
            }
        }
    }

    fn tell_labelled(&mut self, conn: ConnId, mut out: Out, label: Option<String>) {
        out.tags.label = label;
        self.tell(conn, &out);
    }

    /// Something came of the stream of this id. Of one that is not open nothing is said.
    pub fn tunnelled(&mut self, conn: ConnId, id: u64, what: Tunnelled, now: Now) {
        self.now = now;
        let stream = number_of(id);
        // When it is due does not change by this: it is not touched.
        let session = self.sessions.get_mut(&conn);
        let Some(session) = session.filter(|of| of.streams.id(stream) == Some(id)) else {
            return;
        };
        match what {
            Tunnelled::Opened => {
                if let Some(label) = session.streams.connected(stream) {
                    let out = self.e2ee_line("OPENED", stream, &[]);
                    self.tell_labelled(conn, out, label);
                }
            }
            Tunnelled::Data(bytes) => {
                session.streams.came(stream, &bytes);
                self.pass_on(conn);
            }
            Tunnelled::Taken(bytes) => {
                if session.streams.sent(stream, bytes) {
                    let out = self.e2ee_line("ACK", stream, &[&bytes.to_string()]);
                    self.tell(conn, &out);
                }
            }
            Tunnelled::Closed(reason) => {
                if let Some(label) = session.streams.end(stream, reason.clone()) {
                    let out = self.e2ee_line("CLOSE", stream, &[&reason]);
                    self.tell_labelled(conn, out, label);
                }
                self.pass_on(conn);
            }
        }
    }

    /// Tells what the windows of a connection have room for.
    fn pass_on(&mut self, conn: ConnId) {
        while let Some((stream, told)) = self
            .sessions
            .get_mut(&conn)
            .and_then(|session| session.streams.next())
        {
            let out = match told {
                Told::Closed(reason) => self.e2ee_line("CLOSE", stream, &[&reason]),
                Told::Data(bytes) => self.e2ee_line("DATA", stream, &[]).tagged(carrying(&bytes)),
            };
            self.tell(conn, &out);
        }
    }
}
