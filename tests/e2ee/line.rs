//! The IRC connection: logging in, and lines.

use std::net::SocketAddr;

use alloquy_ids::NetworkKey;
use anyhow::{Context, bail};
use data_encoding::BASE64URL_NOPAD;
use libp2p::PeerId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// What a client of this kind asks for.
const CAPS: &str = "message-tags alloquy.chat/e2ee";

/// A connection that is logged in.
pub(crate) struct Line {
    pub(crate) lines: Lines<BufReader<OwnedReadHalf>>,
    pub(crate) out: OwnedWriteHalf,
}

/// The home node that is kept for the account.
pub(crate) struct Home {
    /// Its address, ending in `/p2p/..`.
    pub(crate) address: String,
    /// Who it is.
    pub(crate) key: NetworkKey,
    /// What pairs with it, while nobody has.
    pub(crate) link: Option<String>,
}

/// A line's tags, command and parameters.
pub(crate) fn parts(line: &str) -> (&str, Vec<&str>) {
    let (tags, rest) = match line.strip_prefix('@') {
        Some(tagged) => tagged.split_once(' ').unwrap_or((tagged, "")),
        None => ("", line),
    };
    let rest = match rest.strip_prefix(':') {
        Some(sourced) => sourced.split_once(' ').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let (middle, last) = match rest.split_once(" :") {
        Some((middle, last)) => (middle, Some(last)),
        None => (rest, None),
    };
    (tags, middle.split(' ').chain(last).collect())
}

/// What a line carries in its tags.
pub(crate) fn carried(tags: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let mut tags = tags.split(';');
    let data = tags.find_map(|tag| tag.strip_prefix("alloquy.chat/e2ee="));
    let data = data.map(|data| BASE64URL_NOPAD.decode(data.as_bytes()));
    Ok(data.transpose()?)
}

/// The Ed25519 key that a libp2p peer id is made of: it stands in it behind four bytes of its kind.
fn network_key(peer: &str) -> anyhow::Result<NetworkKey> {
    let peer: PeerId = peer.parse()?;
    let key = peer.as_ref().digest().strip_prefix(&[8, 1, 18, 32]);
    let key = key.context("a peer without an Ed25519 key")?;
    Ok(NetworkKey(key.try_into()?))
}

impl Line {
    /// Connects and logs in.
    pub(crate) async fn log_in(
        address: SocketAddr,
        account: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (input, out) = stream.into_split();
        let mut line = Self {
            lines: BufReader::new(input).lines(),
            out,
        };
        let greeting = format!(
            "CAP REQ :{CAPS}\r\nPASS :{account}:{password}\r\nNICK {account}\r\nUSER {account} 0 * :{account}\r\nCAP END\r\n"
        );
        line.out.write_all(greeting.as_bytes()).await?;
        loop {
            let told = line.next().await?;
            let (_, parts) = parts(&told);
            match parts.as_slice() {
                ["CAP", _, "NAK", ..] => bail!("the server knows no {CAPS}"),
                ["ERROR" | "464", ..] => bail!("{told}"),
                ["001", ..] => return Ok(line),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            let told = self.lines.next_line().await?;
            let told = told.context("the server ended the connection")?;
            match told.strip_prefix("PING ") {
                Some(token) => self.say(&format!("PONG {token}")).await?,
                None => return Ok(told),
            }
        }
    }

    async fn say(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.out.write_all(format!("{line}\r\n").as_bytes()).await?)
    }

    /// Asks for the account's home node.
    pub(crate) async fn home(&mut self) -> anyhow::Result<Home> {
        self.say("E2EE HOME").await?;
        loop {
            let told = self.next().await?;
            let (tags, parts) = parts(&told);
            match parts.as_slice() {
                ["E2EE", "HOME", address] => {
                    let peer = address.rsplit_once("/p2p/");
                    let (_, peer) = peer.context("a home node without a name")?;
                    let key = network_key(peer)?;
                    let link = carried(tags)?.map(String::from_utf8);
                    return Ok(Home {
                        address: (*address).to_owned(),
                        key,
                        link: link.transpose()?,
                    });
                }
                ["FAIL", "E2EE", ..] => bail!("{told}"),
                _ => {}
            }
        }
    }
}
