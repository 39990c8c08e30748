//! Everything that is printed, in one place: results to standard output, errors of people to standard
//! error, errors of programs (`--json`) as the one JSON object on standard output.

use std::io::{IsTerminal, Write};

use alloquy_api::{CommandError, ErrorBody, ErrorCode};

use crate::Stop;

/// Where results go, and in which form.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person reads at this moment.
    pub(crate) fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// One JSON object on a line of its own.
    pub(crate) fn object(&mut self, value: &impl serde::Serialize) -> Result<(), Stop> {
        let mut line = serde_json::to_vec(value).map_err(|error| internal(&error))?;
        line.push(b'\n');
        self.bytes(&line)
    }

    /// Text for a person, ended by a line break unless it is empty.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        self.bytes(format!("{}\n", text.trim_end_matches('\n')).as_bytes())
    }

    /// Bytes as they are, written through.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Stop::Closed,
            _ => Stop::Error(CommandError::new(
                ErrorCode::Storage,
                format!("standard output can not be written: {error}"),
            )),
        })
    }

    /// The error that ends the program. Where even that can not be written, the exit code says it.
    pub(crate) fn error(&mut self, error: &CommandError) {
        let told = if self.json {
            self.object(&ErrorBody::from(error.clone())).is_ok()
        } else {
            let line = format!(
                "alloquy-node: {}: {}\n",
                error.code,
                crate::shown::plain(&error.message)
            );
            std::io::stderr().lock().write_all(line.as_bytes()).is_ok()
        };
        tracing::debug!(told, code = error.code.as_str(), "ended by an error");
    }
}

fn internal(error: &dyn std::error::Error) -> Stop {
    Stop::Error(CommandError::new(ErrorCode::Internal, error.to_string()))
}
