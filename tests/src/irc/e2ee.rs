//! The reference client of `alloquy.chat/e2ee`, and somebody who reads its line.

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

impl E2ee {
    fn launch(address: &str, account: &str, password: &str, peer: Peer) -> Self {
        let mut child = Command::new(e2ee_program())
            .args([address, account])
            .arg(peer.folder())
            .env("ALLOQUY_IRC_PASSWORD", password)
            .stdin(Stdio::null())
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
    heard: Arc<Mutex<Vec<u8>>>,
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
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (server, kept) = (server.to_owned(), Arc::clone(&heard));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else {
                    return;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let shared = |stream: &TcpStream| stream.try_clone();
                    let (from, to) = (shared(from), shared(to));
                    let (from, to) = (from.expect("a socket"), to.expect("a socket"));
                    let kept = Arc::clone(&kept);
                    std::thread::spawn(move || pass_on(from, to, &kept));
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
        self.heard.lock().expect("nobody panicked").clone()
    }
}

fn pass_on(from: TcpStream, mut to: TcpStream, kept: &Mutex<Vec<u8>>) {
    let mut reader = BufReader::new(from);
    let (mut line, mut carried) = (Vec::new(), Vec::new());
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|bytes| bytes > 0)
    {
        let text = String::from_utf8_lossy(&line);
        let data = text.split_once("alloquy.chat/e2ee=");
        let data = data.and_then(|(_, data)| data.split([' ', ';']).next());
        if let Some(data) = data {
            let data = BASE64URL_NOPAD.decode(data.as_bytes());
            carried.extend(data.expect("what is carried is base64url"));
        }
        kept.lock().expect("nobody panicked").extend(&line);
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    kept.lock().expect("nobody panicked").extend(carried);
    drop(to.shutdown(std::net::Shutdown::Write));
}
