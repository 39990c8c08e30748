//! The reference client of `alloquy.chat/e2ee`, and somebody who reads its line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use rustix::process::Signal;

use crate::peer::Peer;
use crate::program::{Program, end, signal};
use crate::wait::{Lines, eventually};

/// Where the reference client is: `ALLOQUY_E2EE_BIN`, else where cargo built it beside this test, else built now.
///
/// # Panics
/// When it can not be built.
pub fn e2ee_program() -> &'static Path {
    static E2EE: Program =
        Program::new("alloquy-e2ee", "ALLOQUY_E2EE_BIN", &["-p", "alloquy-tests"]);
    E2EE.path()
}

/// The node of an account, run by the reference client over an IRC line. Dropped: the process is killed.
#[derive(Debug)]
pub struct E2ee {
    /// To be told lines while it runs.
    pub peer: Peer,
    child: Child,
    /// Read for as long as it may write.
    _lines: Lines,
}

/// The client for the account of a rendezvous at an address, with the node of a peer.
fn client(address: &str, account: &str, password: &str, peer: &Peer) -> Command {
    let mut command = Command::new(e2ee_program());
    command
        .args([address, account])
        .arg(peer.folder())
        .env("ALLOQUY_IRC_PASSWORD", password)
        .stdin(Stdio::null());
    command
}

impl E2ee {
    fn launch(address: &str, account: &str, password: &str, peer: Peer) -> Self {
        let mut child = client(address, account, password, &peer)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client can be started");
        let lines = Lines::of(child.stdout.take().expect("its output is a pipe"));
        Self {
            peer,
            child,
            _lines: lines,
        }
    }

    /// Logs in and runs the node of this account.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(address: &str, account: &str, password: &str, peer: Peer) -> Self {
        let mut started = Self::launch(address, account, password, peer);
        let ready = started._lines.next_line().unwrap_or_default();
        assert!(ready.starts_with("ready: account "), "{ready:?}");
        started
    }

    /// Logs in for a node that can not be run there. Why not, as the client says.
    ///
    /// # Panics
    /// When it says that all was well.
    #[must_use]
    pub fn refused(address: &str, account: &str, password: &str, peer: &Peer) -> String {
        let ended = client(address, account, password, peer).output();
        let ended = ended.expect("the client can be started");
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success(), "{told}");
        told
    }

    /// SIGTERM, and waits for the clean end.
    ///
    /// # Panics
    /// When it does not end, or not cleanly.
    #[must_use]
    pub fn stop(mut self) -> Peer {
        signal(&self.child, Signal::TERM);
        let status = eventually("the client ends", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        assert!(status.success(), "{status}");
        Peer::at(self.peer.folder())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not, or says that all was well.
    pub fn ends(mut self) {
        let status = eventually("the client ends", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        assert!(!status.success(), "{status}");
    }
}

impl Drop for E2ee {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Stands between a client and a server, passes all lines on, and keeps what it reads.
#[derive(Debug)]
pub struct Ear {
    /// Where clients connect.
    pub address: String,
    heard: Arc<Mutex<Heard>>,
}

/// What was read.
#[derive(Debug, Default)]
struct Heard {
    /// All lines as they are.
    lines: Vec<u8>,
    /// What they carry in their tags, as bytes: of each way through a connection, by what stands behind the tags, which is
    /// the same for all lines of one stream.
    carried: BTreeMap<(usize, String), Vec<u8>>,
}

impl Heard {
    fn take(&mut self, way: usize, line: &[u8]) {
        self.lines.extend(line);
        let text = String::from_utf8_lossy(line);
        let tagged = text.strip_prefix('@').and_then(|text| text.split_once(' '));
        let Some((tags, rest)) = tagged else {
            return;
        };
        let mut tags = tags.split(';');
        if let Some(data) = tags.find_map(|tag| tag.strip_prefix("alloquy.chat/e2ee=")) {
            let data = BASE64URL_NOPAD.decode(data.as_bytes());
            let data = data.expect("what is carried is base64url");
            let stream = (way, rest.trim_end().to_owned());
            self.carried.entry(stream).or_default().extend(data);
        }
    }
}

impl Ear {
    /// Listens on this machine for clients of a server.
    ///
    /// # Panics
    /// When it can not.
    #[must_use]
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (server, kept) = (server.to_owned(), Arc::clone(&heard));
        std::thread::spawn(move || {
            let mut ways = 0..;
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else {
                    return;
                };
                for ((from, to), way) in [(&client, &server), (&server, &client)]
                    .into_iter()
                    .zip(&mut ways)
                {
                    let shared = |stream: &TcpStream| stream.try_clone();
                    let (from, to) = (shared(from), shared(to));
                    let (from, to) = (from.expect("a socket"), to.expect("a socket"));
                    let kept = Arc::clone(&kept);
                    std::thread::spawn(move || pass_on(from, to, (way, &kept)));
                }
            }
        });
        Self { address, heard }
    }

    /// All that it has read until now: lines as they are, and what they carry in their tags, each stream's bytes in a row.
    ///
    /// # Panics
    /// When a thread of it has panicked.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        let heard = self.heard.lock().expect("nobody panicked");
        let mut all = heard.lines.clone();
        for stream in heard.carried.values() {
            all.extend(stream);
        }
        all
    }
}

fn pass_on(from: TcpStream, mut to: TcpStream, (way, kept): (usize, &Mutex<Heard>)) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|bytes| bytes > 0)
    {
        kept.lock().expect("nobody panicked").take(way, &line);
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    drop(to.shutdown(std::net::Shutdown::Write));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_each_stream_are_in_a_row() {
        let mut heard = Heard::default();
        let line = |data: &[u8], stream: u16| {
            let data = BASE64URL_NOPAD.encode(data);
            format!("@label=x;alloquy.chat/e2ee={data} E2EE DATA {stream}\r\n")
        };
        for (way, data, stream) in [
            (0, "abc", 1),
            (0, "uvw", 2),
            (1, "123", 1),
            (0, "def", 1),
            (1, "456", 1),
        ] {
            heard.take(way, line(data.as_bytes(), stream).as_bytes());
        }
        heard.take(0, b"PING x\r\n");
        let carried: Vec<_> = heard.carried.values().map(Vec::as_slice).collect();
        assert_eq!(carried, [&b"abcdef"[..], b"uvw", b"123456"]);
        assert!(heard.lines.ends_with(b"PING x\r\n"));
    }
}
