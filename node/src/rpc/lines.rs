//! One line of JSON at a time, with a limit.

use std::io;

use alloquy_api::{CommandError, ErrorCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

/// Why no line came.
#[derive(Debug)]
pub(super) enum LineError {
    /// The other side's fault, to be told to it.
    Bad(CommandError),
    /// The connection's.
    Io(io::Error),
}

/// Reads a line of at most `limit` bytes; `Ok(None)` at the end.
pub(super) async fn read<T: DeserializeOwned>(
    read: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<Option<T>, LineError> {
    let mut line = Vec::new();
    loop {
        let part = read.fill_buf().await.map_err(LineError::Io)?;
        if part.is_empty() {
            return if line.is_empty() {
                Ok(None)
            } else {
                Err(LineError::Io(io::ErrorKind::UnexpectedEof.into()))
            };
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(part.len());
        if line.len() + taken > limit {
            return Err(LineError::Bad(CommandError::new(
                ErrorCode::Limit,
                format!("the line is longer than {limit} bytes"),
            )));
        }
        line.extend_from_slice(&part[..taken]);
        read.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return parse(&line).map(Some);
        }
    }
}

/// Reads one line's content.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    serde_json::from_slice(line).map_err(|error| {
        LineError::Bad(CommandError::new(
            ErrorCode::Parse,
            format!("the line does not parse: {error}"),
        ))
    })
}

/// A value as a line.
pub(super) fn to_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes a line at once.
pub(super) async fn write(
    write: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
) -> io::Result<()> {
    write.write_all(&to_line(value)?).await?;
    write.flush().await
}
