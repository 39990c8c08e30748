//! BATCH draft/multiline: one message in several lines.

use crate::caps::Cap;
use crate::io::ConnId;
use crate::limits::{MULTILINE_BYTES_MAX, MULTILINE_LINES_MAX};
use crate::line::Line;
use crate::pending::Said;
use crate::server::Server;
use crate::session::Batch;

use super::say::reply_to;

impl Server {
    pub(super) fn batch(&mut self, conn: ConnId, line: &Line) {
        let reference = line.params[0].clone();
        if let Some(reference) = reference.strip_prefix('-') {
            return self.batch_end(conn, reference);
        }
        let kind = line.param(1).unwrap_or_default();
        let known = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Multiline));
        let (Some(name), Some(target)) = (reference.strip_prefix('+'), line.param(2)) else {
            return self.fail(
                conn,
                "BATCH",
                "MULTILINE_INVALID",
                &[],
                "BATCH +reference draft/multiline target is needed",
            );
        };
        if kind != "draft/multiline" || !known || name.is_empty() {
            return self.fail(
                conn,
                "BATCH",
                "MULTILINE_INVALID",
                &[],
                "Only draft/multiline can be sent, after asking for it",
            );
        }
        let edits = self.edits_by(conn, line);
        let embeds = match self.embeds_by(conn, line) {
            Ok(embeds) => embeds,
            Err(bad) => {
                let (target, text) = (target.to_owned(), bad.to_string());
                return self.fail(conn, "BATCH", "EMBED_INVALID", &[&target], &text);
            }
        };
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if session.batch.is_some() {
            // The one before goes on, and keeps its label.
            return self.fail(
                conn,
                "BATCH",
                "MULTILINE_INVALID",
                &[],
                "Another batch is being sent",
            );
        }
        // The label waits for the answer to the whole.
        let label = session.label.take();
        session.answer = None;
        session.batch = Some(Batch {
            reference: name.to_owned(),
            target: target.to_owned(),
            label,
            reply_to: reply_to(line),
            edits,
            embeds,
            ..Batch::default()
        });
    }

    /// A line of a batch.
    pub(super) fn batch_line(
        &mut self,
        conn: ConnId,
        reference: &str,
        (command, line, text): (&'static str, &Line, &str),
    ) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let Some(batch) = session
            .batch
            .as_mut()
            .filter(|batch| batch.reference == reference)
        else {
            return self.fail(
                conn,
                "BATCH",
                "MULTILINE_INVALID",
                &[],
                "There is no such batch",
            );
        };
        let to_target = fold_eq(&batch.target, &line.params[0]);
        let by_command = batch.command.is_none_or(|of| of == command);
        let concat = line.tag("draft/multiline-concat").is_some();
        let empty = text.is_empty() && concat;
        batch.command = Some(command);
        if batch.lines > 0 && !concat {
            batch.text.push('\n');
        }
        batch.lines += 1;
        batch.text.push_str(text);
        let (bytes, lines) = (batch.text.len(), batch.lines);
        let failure = if !to_target {
            let targets = vec![batch.target.clone(), line.params[0].clone()];
            let text = "All lines of a batch go to one target";
            Some(("MULTILINE_INVALID_TARGET", targets, text))
        } else if !by_command {
            let text = "All lines of a batch are said by one command";
            Some(("MULTILINE_INVALID", Vec::new(), text))
        } else if empty {
            let text = "An empty line can not go on another one";
            Some(("MULTILINE_INVALID", Vec::new(), text))
        } else if bytes > MULTILINE_BYTES_MAX {
            let most = vec![MULTILINE_BYTES_MAX.to_string()];
            Some((
                "MULTILINE_MAX_BYTES",
                most,
                "The message has too many bytes",
            ))
        } else if lines > MULTILINE_LINES_MAX {
            let most = vec![MULTILINE_LINES_MAX.to_string()];
            Some((
                "MULTILINE_MAX_LINES",
                most,
                "The message has too many lines",
            ))
        } else {
            None
        };
        if let Some((code, context, text)) = failure {
            self.batch_failed(conn, code, (&context, text));
        }
    }

    fn batch_failed(&mut self, conn: ConnId, code: &str, (context, text): (&[String], &str)) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let batch = session.batch.take();
        session.label = batch.and_then(|batch| batch.label);
        session.answer = session.label.as_ref().map(|_| Vec::new());
        let context: Vec<&str> = context.iter().map(String::as_str).collect();
        self.fail(conn, "BATCH", code, &context, text);
    }

    fn batch_end(&mut self, conn: ConnId, reference: &str) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let Some(batch) = session.batch.take_if(|batch| batch.reference == reference) else {
            return self.fail(
                conn,
                "BATCH",
                "MULTILINE_INVALID",
                &[],
                "There is no such batch",
            );
        };
        session.label.clone_from(&batch.label);
        session.answer = session.label.as_ref().map(|_| Vec::new());
        if batch.text.trim().is_empty() {
            return self.fail(
                conn,
                "BATCH",
                "MULTILINE_INVALID",
                &[],
                "The message is empty",
            );
        }
        if let Some(id) = batch.edits {
            return self.edit(conn, (&batch.target, &id), &batch.text);
        }
        let said = Said {
            command: batch.command.unwrap_or("PRIVMSG"),
            target: batch.target,
            reply_to: batch.reply_to,
            embeds: batch.embeds,
        };
        self.say(conn, said, &batch.text);
    }
}

fn fold_eq(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
