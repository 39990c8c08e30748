//! Asking a relay for a TURN credential: the protocol `/alloquy/turn/1`.
//!
//! The peer opens a stream and ends its side; what it is asked by is the key by which it is connected. The relay answers
//! with one byte and ends the stream:
//!
//! ```text
//! 00  expiry in Unix seconds LF  username LF  password LF  address LF  address LF ..        UTF-8
//! 01  reason, at most 256 bytes of UTF-8
//! ```
//!
//! Only a peer that stands in the relay's list, or holds a pass of a listed issuer, is given one: a relay that is
//! open to everybody has none to give.

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloquy_ids::UnixMs;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{PeerId, Stream, StreamProtocol};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{ACCOUNT_BYTES_MAX, Credential, Desk};
use crate::admission::Door;
use crate::quota::wall;

/// The protocol's name and version.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/alloquy/turn/1");
/// Bytes of an answer: a credential, and room for some addresses.
pub const ANSWER_BYTES_MAX: u64 = 4 * 1024;
/// Addresses of one TURN server: three transports over both families, and as many again.
const URLS_MAX: usize = 12;
/// Bytes of an address: those of a DNS name, and what stands around it.
const URL_BYTES_MAX: usize = 300;
/// Bytes of a reason: a sentence.
const REASON_BYTES_MAX: usize = 256;
/// How long question and answer may take.
const ASK: Duration = Duration::from_secs(10);
/// Questions that are answered at once.
const ASKED_MAX: usize = 64;

/// A TURN server and a credential for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its addresses, as `turn:HOST:PORT?transport=udp` (RFC 7065).
    pub urls: Vec<String>,
    /// For one hour.
    pub credential: Credential,
}

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The relay gives none, and says why.
    #[error("the relay gives no TURN credential: {0}")]
    Refused(String),
    /// It answers something else.
    #[error("the relay's answer is no grant: {0}")]
    Answer(String),
    /// It can not be asked.
    #[error("the relay can not be asked for a TURN credential: {0}")]
    Io(#[from] io::Error),
}

impl Grant {
    fn to_text(&self) -> Zeroizing<String> {
        let credential = &self.credential;
        let mut text = Zeroizing::new(format!("{}\n", credential.expires.0 / 1000));
        for line in [&credential.username, &*credential.password] {
            text.push_str(line);
            text.push('\n');
        }
        for url in &self.urls {
            text.push_str(url);
            text.push('\n');
        }
        text
    }
}

impl FromStr for Grant {
    type Err = AskError;

    fn from_str(text: &str) -> Result<Self, AskError> {
        let bad = |what: &str| AskError::Answer(what.to_owned());
        let mut lines = text.lines();
        let mut next = |what: &str| lines.next().ok_or_else(|| bad(what));
        let expires = next("no expiry")?;
        let seconds: u64 = expires
            .parse()
            .map_err(|_digits: std::num::ParseIntError| bad("its expiry is no number"))?;
        let username = next("no username")?;
        let password = next("no password")?;
        // 20 digits and a colon stand before the account; a password is 28 characters of base64.
        let long = username.len() > ACCOUNT_BYTES_MAX + 21 || password.len() > 64;
        if long || username.is_empty() || password.is_empty() {
            return Err(bad("its username or password has a wrong length"));
        }
        let urls: Vec<String> = lines.map(str::to_owned).collect();
        if urls.is_empty() || urls.len() > URLS_MAX {
            let given = urls.len();
            return Err(bad(&format!(
                "{given} addresses, 1 to {URLS_MAX} are taken"
            )));
        }
        if let Some(url) = urls.iter().find(|url| !is_turn_url(url)) {
            let begin: String = url.chars().take(80).collect();
            return Err(bad(&format!("{begin:?} is no address of a TURN server")));
        }
        Ok(Self {
            urls,
            credential: Credential {
                username: username.to_owned(),
                password: Zeroizing::new(password.to_owned()),
                expires: UnixMs(seconds.saturating_mul(1000)),
            },
        })
    }
}

/// Whether a text may be an address of a TURN server: who uses it parses it.
pub(super) fn is_turn_url(text: &str) -> bool {
    let host = text
        .strip_prefix("turn:")
        .or_else(|| text.strip_prefix("turns:"));
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '@');
    text.len() <= URL_BYTES_MAX
        && host.is_some_and(|host| !host.is_empty())
        && text.chars().all(plain)
}

/// Asks a connected relay for a TURN server and a credential.
///
/// # Errors
/// See [`AskError`].
pub async fn ask(mut control: libp2p_stream::Control, relay: PeerId) -> Result<Grant, AskError> {
    let asked = async {
        let opened = control.open_stream(relay, PROTOCOL).await;
        let mut stream = opened.map_err(io::Error::other)?;
        stream.close().await?;
        let mut answer = Zeroizing::new(Vec::new());
        let mut limited = stream.take(1 + ANSWER_BYTES_MAX);
        limited.read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = timeout(ASK, asked).await.map_err(io::Error::from)??;
    match answer.split_first() {
        Some((0, text)) => std::str::from_utf8(text)
            .map_err(|error| AskError::Answer(error.to_string()))?
            .parse(),
        Some((_, reason)) => {
            let reason = String::from_utf8_lossy(&reason[..reason.len().min(REASON_BYTES_MAX)]);
            let shown = reason.chars().filter(|c| !c.is_control()).collect();
            Err(AskError::Refused(shown))
        }
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

/// Answers questions until the swarm has gone.
pub(crate) async fn serve(mut incoming: libp2p_stream::IncomingStreams, door: Door, desk: Desk) {
    let room = Arc::new(Semaphore::new(ASKED_MAX));
    let mut answers = JoinSet::new();
    while let Some((peer, stream)) = incoming.next().await {
        while answers.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::debug!(%peer, "too many ask for a TURN credential at once");
            continue;
        };
        let (door, desk) = (door.clone(), desk.clone());
        answers.spawn(async move {
            let _permit = permit;
            match timeout(ASK, answer(peer, stream, &door, &desk)).await {
                Ok(Ok(())) => {}
                failed => {
                    tracing::debug!(%peer, ?failed, "a question for a TURN credential failed")
                }
            }
        });
    }
}

async fn answer(peer: PeerId, mut stream: Stream, door: &Door, desk: &Desk) -> io::Result<()> {
    let now = wall();
    let answered = if door.admits_by_name(&peer, now) {
        desk.grant(&peer.to_bytes(), now).map_err(|e| e.to_string())
    } else {
        desk.counts().refused.fetch_add(1, Ordering::Relaxed);
        Err("you are not admitted here: neither your key nor a pass of yours is listed".to_owned())
    };
    match answered {
        Ok(grant) => {
            stream.write_all(&[0]).await?;
            stream.write_all(grant.to_text().as_bytes()).await?;
        }
        Err(reason) => {
            stream.write_all(&[1]).await?;
            stream.write_all(reason.as_bytes()).await?;
        }
    }
    stream.close().await
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;

    fn grant() -> Grant {
        let secret = Secret::parse(&"s".repeat(40)).unwrap();
        Grant {
            urls: vec![
                "turn:turn.example.org:3478?transport=udp".to_owned(),
                "turns:[2a0e:1d80::2]:443?transport=tcp".to_owned(),
            ],
            credential: Credential::issue(&secret, "ana", UnixMs(1_700_000_000_000)).unwrap(),
        }
    }

    #[test]
    fn a_grant_is_read_as_it_was_written() {
        let grant = grant();
        let text = grant.to_text();
        assert_eq!(text.parse::<Grant>().unwrap(), grant);
        assert!((text.len() as u64) < ANSWER_BYTES_MAX);
        assert!(
            text.starts_with("1700003600\n1700003600:ana\n"),
            "{}",
            *text
        );
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        let good = grant().to_text();
        let lines: Vec<&str> = good.lines().collect();
        let with = |at: usize, line: &str| {
            let mut lines = lines.clone();
            lines[at] = line;
            lines.join("\n")
        };
        let long = "x".repeat(400);
        let many = format!("{}{}", *good, "turn:a\n".repeat(URLS_MAX));
        for text in [
            String::new(),
            lines[..3].join("\n"),
            with(0, "soon"),
            with(1, ""),
            with(1, &long),
            with(2, &long),
            with(3, "http://example.org"),
            with(3, "turn:"),
            with(3, "turn:a b"),
            with(4, &format!("turn:{long}")),
            many,
        ] {
            let error = text.parse::<Grant>().unwrap_err();
            assert!(matches!(error, AskError::Answer(_)), "{text:?}: {error}");
            assert!(error.to_string().len() < 250, "{error}");
        }
    }
}
