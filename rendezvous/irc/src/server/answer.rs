//! Answers: lines to the connection that asked, with its label if it gave one.

use bytes::Bytes;

use crate::caps::Cap;
use crate::io::{ConnId, Output};
use crate::limits::LABEL_BYTES_MAX;
use crate::line::{Line, Out};
use crate::server::Server;

impl Server {
    /// A line is being answered from now on.
    pub(super) fn begin(&mut self, conn: ConnId, line: &Line) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let label = line
            .tag("label")
            .filter(|label| !label.is_empty() && label.len() <= LABEL_BYTES_MAX);
        let label = label
            .filter(|_| session.caps.has(Cap::LabeledResponse) && session.caps.has(Cap::Batch));
        session.label = label.map(str::to_owned);
        session.answer = session.label.as_ref().map(|_| Vec::new());
    }

    /// A line is answered, unless the node still works for it.
    pub(crate) fn finish(&mut self, conn: ConnId) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if session.waiting > 0 || session.check.is_some() {
            return;
        }
        let (Some(label), Some(answer)) = (session.label.take(), session.answer.take()) else {
            return;
        };
        self.flush(conn, label, answer);
    }

    /// Answers a line that waits for no others, as a line between whatever is being answered.
    pub(super) fn answer_beside(&mut self, conn: ConnId, line: &Line) {
        let taken = |server: &mut Self| {
            let session = server.session_mut(conn)?;
            Some((session.label.take(), session.answer.take()))
        };
        let held = taken(self);
        self.begin(conn, line);
        self.carry_out(conn, line);
        if let Some((Some(label), Some(answer))) = taken(self) {
            self.flush(conn, label, answer);
        }
        if let Some((session, (label, answer))) = self.session_mut(conn).zip(held) {
            (session.label, session.answer) = (label, answer);
        }
    }

    /// Gives an answer with its label: nothing as ACK, one line as itself, one batch as itself, more as a batch.
    fn flush(&mut self, conn: ConnId, label: String, mut answer: Vec<Out>) {
        let server = self.settings.server_name.clone();
        let is_batch = answer
            .first()
            .and_then(Out::opens_batch)
            .is_some_and(|reference| {
                answer
                    .last()
                    .is_some_and(|last| last.closes_batch(reference))
            });
        if answer.len() == 1 || is_batch {
            answer[0].tags.label = Some(label);
        } else if answer.is_empty() {
            let mut ack = Out::new(&server, "ACK", &[]);
            ack.tags.label = Some(label);
            answer.push(ack);
        } else {
            let reference = self.batch_reference();
            let mut open = Out::new(
                &server,
                "BATCH",
                &[&format!("+{reference}"), "labeled-response"],
            );
            open.tags.label = Some(label);
            for out in &mut answer {
                out.tags.batch.get_or_insert_with(|| reference.clone());
            }
            answer.insert(0, open);
            answer.push(Out::new(&server, "BATCH", &[&format!("-{reference}")]));
        }
        for out in answer {
            self.tell(conn, &out);
        }
    }

    /// Gives a line to a connection, whether it asked or not.
    pub(crate) fn tell(&mut self, conn: ConnId, out: &Out) {
        let Some(session) = self.session(conn).filter(|session| !session.closing) else {
            return;
        };
        if out.is_tagmsg() && !session.caps.has(Cap::MessageTags) {
            return;
        }
        let bytes = match &session.bound {
            Some(bound) => out.with_body(bound.outward(out.body())).bytes(session.caps),
            None => out.bytes(session.caps),
        };
        let bytes = Bytes::from(bytes);
        self.output(Output::Write(conn, bytes));
    }

    /// Gives a line as (a part of) the answer to the line that is being answered.
    pub(crate) fn reply(&mut self, conn: ConnId, out: Out) {
        let tagged = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::MessageTags));
        if out.is_tagmsg() && !tagged {
            return;
        }
        match self
            .session_mut(conn)
            .and_then(|session| session.answer.as_mut())
        {
            Some(answer) => answer.push(out),
            None => self.tell(conn, &out),
        }
    }

    /// Does something whose lines answer nothing, whatever is being answered.
    pub(crate) fn unasked(&mut self, conn: ConnId, does: impl FnOnce(&mut Self)) {
        let answer = self
            .session_mut(conn)
            .and_then(|session| session.answer.take());
        does(self);
        if let Some(session) = self.session_mut(conn) {
            session.answer = answer;
        }
    }

    /// A line from the server itself.
    pub(crate) fn server_line(&mut self, conn: ConnId, command: &str, params: &[&str]) {
        let out = Out::new(&self.settings.server_name, command, params);
        self.reply(conn, out);
    }

    /// A numeric: the connection's nick is its first parameter.
    pub(crate) fn numeric(&mut self, conn: ConnId, number: &str, params: &[&str]) {
        let nick = self.nick_of(conn);
        let mut all = vec![nick.as_str()];
        all.extend(params);
        self.server_line(conn, number, &all);
    }

    /// FAIL, or for clients without standard-replies a NOTICE that says the same.
    pub(crate) fn fail(
        &mut self,
        conn: ConnId,
        command: &str,
        code: &str,
        context: &[&str],
        text: &str,
    ) {
        self.standard(conn, "FAIL", &[&[command, code], context, &[text]].concat());
    }

    /// NOTE, likewise.
    pub(crate) fn note(&mut self, conn: ConnId, command: &str, code: &str, text: &str) {
        self.standard(conn, "NOTE", &[command, code, text]);
    }

    pub(crate) fn standard(&mut self, conn: ConnId, kind: &str, params: &[&str]) {
        // Who knows a specification that answers by FAIL knows FAIL.
        let specified = [
            Cap::StandardReplies,
            Cap::BouncerNetworks,
            Cap::ChannelRename,
            Cap::ChatHistory,
            Cap::E2ee,
            Cap::Edit,
            Cap::MessageRedaction,
            Cap::Metadata,
            Cap::Multiline,
            Cap::ReadMarker,
            Cap::SetName,
        ];
        let knows = self
            .session(conn)
            .is_some_and(|session| specified.iter().any(|cap| session.caps.has(*cap)));
        if knows {
            return self.server_line(conn, kind, params);
        }
        let nick = self.nick_of(conn);
        let text = params.last().copied().unwrap_or_default();
        let told = format!("{} {}: {text}", params[0], params[1]);
        self.server_line(conn, "NOTICE", &[&nick, &told]);
    }

    /// The node works for the line that is being answered.
    pub(crate) fn wait(&mut self, conn: ConnId) {
        if let Some(session) = self.session_mut(conn) {
            session.waiting += 1;
        }
    }

    /// The node has worked; the answer may be whole now.
    pub(crate) fn waited(&mut self, conn: ConnId) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.waiting = session.waiting.saturating_sub(1);
        if session.waiting == 0 {
            self.finish(conn);
            self.ready.insert(conn);
        }
    }
}
