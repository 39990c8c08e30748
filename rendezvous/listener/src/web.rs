//! Lines in WebSocket frames, as IRCv3 has them: one line a frame, without its end.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::connection::{Link, Piece};
use crate::limits::{CLOSE_WAIT, FRAME_BYTES_MAX};
use crate::queue::Next;

/// Which frames a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Binary,
}

/// A connection that has agreed on frames.
#[derive(Debug)]
pub(crate) struct Frames<S> {
    stream: WebSocketStream<S>,
    form: Form,
}

/// The names of both forms, the better one first.
const FORMS: [(&str, Form); 2] = [
    ("binary.ircv3.net", Form::Binary),
    ("text.ircv3.net", Form::Text),
];

/// Agrees on frames with whoever may come in: a browser says which page has led it here, and comes in for some alone.
pub(crate) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    origins: &[String],
) -> Option<Frames<S>> {
    let mut form = Form::Text;
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .read_buffer_size(crate::limits::READ_BYTES);
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if !may_come(request, origins) {
            let mut refused = ErrorResponse::new(Some("this page may not come in".to_owned()));
            *refused.status_mut() = StatusCode::FORBIDDEN;
            return Err(refused);
        }
        if let Some((name, chosen)) = asked_for(request) {
            form = chosen;
            let headers = response.headers_mut();
            headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(name));
        }
        Ok(response)
    };
    let shaken =
        tokio_tungstenite::accept_hdr_async_with_config(stream, choose, Some(config)).await;
    let stream = shaken.ok()?;
    Some(Frames { stream, form })
}

/// Whether a request comes from a page that is allowed, or from no page at all.
fn may_come(request: &Request, origins: &[String]) -> bool {
    let mut said = request.headers().get_all("Origin").iter();
    said.all(|origin| {
        let origin = origin.as_bytes();
        origins
            .iter()
            .any(|of| of.as_bytes().eq_ignore_ascii_case(origin))
    })
}

/// The first form of the client's list that is known.
fn asked_for(request: &Request) -> Option<(&'static str, Form)> {
    let lists = request.headers().get_all("Sec-WebSocket-Protocol");
    lists
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .find_map(|asked| FORMS.into_iter().find(|(name, _)| *name == asked.trim()))
}

/// Carries frames both ways until one side ends it.
pub(crate) async fn carry<S: AsyncRead + AsyncWrite + Unpin>(frames: Frames<S>, link: &Link) {
    let form = frames.form;
    let (mut sink, mut stream) = frames.stream.split();
    let reading = async {
        while let Some(Ok(message)) = stream.next().await {
            let line = match &message {
                Message::Text(text) => text.as_bytes(),
                Message::Binary(bytes) => bytes,
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) | Message::Frame(_) => return,
            };
            let Some(line) = whole_line(line) else { return };
            if !link.give(line).await {
                return;
            }
        }
    };
    let writing = async {
        while let Next::Write(bytes) = link.queue.next().await {
            for line in lines(&bytes) {
                let message = match form {
                    Form::Binary => Message::Binary(Bytes::copy_from_slice(line)),
                    Form::Text => Message::text(&*String::from_utf8_lossy(line)),
                };
                if sink.feed(message).await.is_err() {
                    return;
                }
                link.queue.wrote(line.len() + 2);
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
        drop(timeout(CLOSE_WAIT, sink.close()).await);
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
        () = link.queue.cut() => {}
        () = link.queue.late() => {}
    }
    link.tell(Piece::Closed(link.conn)).await;
}

/// A frame as a line with its end; `None` where it holds more than one, by which somebody would speak in another's
/// name.
fn whole_line(frame: &[u8]) -> Option<Bytes> {
    if frame.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return None;
    }
    Some([frame, b"\r\n"].concat().into())
}

/// The lines of a turn, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_line_and_a_line_one_frame() {
        assert_eq!(whole_line(b"NICK ana").unwrap(), "NICK ana\r\n");
        for bad in [&b"NICK ana\r\nQUIT"[..], b"NICK ana\n", b"\r"] {
            assert_eq!(whole_line(bad), None);
        }
        let turn = b":a PING\r\n:b PONG x\r\n";
        assert_eq!(
            lines(turn).collect::<Vec<_>>(),
            [&b":a PING"[..], b":b PONG x"]
        );
    }
}
