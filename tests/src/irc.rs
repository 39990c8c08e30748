//! IRC clients for tests: one of our own that says what it is told to, and programs that people use.

mod clients;
mod e2ee;

pub use clients::{Face, Limnoria, LogIn, catgirl, epic5, finch, irssi, lacks};
pub use e2ee::{E2ee, Ear, e2ee_program};

use std::fmt::Write as _;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::peer::Peer;
use crate::wait::{Lines, eventually};

/// A node with an open door for IRC clients.
#[derive(Debug)]
pub struct Door {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// What a client logs in with.
    pub password: String,
    /// Read for as long as the node may write.
    _lines: Lines,
}

impl Door {
    /// Makes a password, and starts a node that was not started yet with its door open.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn open(mut peer: Peer) -> (Peer, Self) {
        let made = crate::run_node([
            "irc-password",
            "--data",
            &peer.folder().display().to_string(),
        ]);
        let password = made.stdout.trim().to_owned();
        assert!(password.len() >= 20, "{made:?}");
        let door = Self::reopen(&mut peer, password);
        (peer, door)
    }

    /// Starts a node that has a password.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn reopen(peer: &mut Peer, password: String) -> Self {
        let mut lines = peer.launch();
        lines.find("it is ready", |line| line.starts_with("ready: "));
        let line = lines.find("where the door is", |line| line.starts_with("irc: "));
        Self {
            address: line["irc: ".len()..].to_owned(),
            password,
            _lines: lines,
        }
    }

    /// The port alone.
    ///
    /// # Panics
    /// When the address has none.
    #[must_use]
    pub fn port(&self) -> &str {
        self.address
            .rsplit(':')
            .next()
            .expect("an address has a port")
    }

    /// A client of our own that is in, with these capabilities.
    #[must_use]
    pub fn client(&self, caps: &str) -> Irc {
        let mut irc = Irc::connect(&self.address);
        irc.say(&format!("PASS {}", self.password));
        irc.say("NICK x");
        irc.say("USER x 0 * :x");
        irc.say(&format!("CAP REQ :{caps}"));
        irc.say("CAP END");
        irc.hears(" 376 ");
        irc
    }
}

/// A client that says what it is told to.
#[derive(Debug)]
pub struct Irc {
    stream: TcpStream,
    lines: Lines,
}

impl Irc {
    /// Connects, and says nothing.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the door is open");
        let lines = Lines::of(stream.try_clone().expect("a socket can be shared"));
        Self { stream, lines }
    }

    /// Sends a line.
    ///
    /// # Panics
    /// When the connection has ended.
    pub fn say(&mut self, line: &str) {
        self.stream
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("the connection stands");
    }

    /// The next line that holds a text.
    pub fn hears(&mut self, text: &str) -> String {
        self.lines.find(text, |line| line.contains(text))
    }

    /// All lines up to the one that holds a text, that one among them.
    ///
    /// # Panics
    /// When the connection ends before.
    pub fn until(&mut self, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let line = self
                .lines
                .next_line()
                .unwrap_or_else(|| panic!("the end before {text:?}: {all:#?}"));
            let last = line.contains(text);
            all.push(line);
            if last {
                return all;
            }
        }
    }

    /// Waits until the other side ends the connection.
    pub fn ends(&mut self) {
        while self.lines.next_line().is_some() {}
    }
}

/// Whether a program is installed.
#[must_use]
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}

/// WeeChat without a screen: orders by its FIFO, what it shows in its logs.
#[derive(Debug)]
pub struct WeeChat {
    folder: PathBuf,
    child: Child,
}

impl WeeChat {
    /// Starts it with the own door, where it joins this channel.
    ///
    /// # Panics
    /// When it can not be started.
    #[must_use]
    pub fn start(folder: &Path, door: &Door, channel: &str) -> Self {
        let (port, password) = (door.port(), &door.password);
        let orders = [
            format!("/server add own 127.0.0.1/{port} -password={password}"),
            "/set irc.server.own.nicks x".to_owned(),
        ];
        Self::start_with(folder, &orders, channel)
    }

    /// Starts it with a rendezvous, where it logs in to an account by SASL and joins this channel.
    ///
    /// # Panics
    /// When it can not be started.
    #[must_use]
    pub fn log_in(folder: &Path, plain: &str, account: (&str, &str), channel: &str) -> Self {
        let (name, password) = account;
        let orders = [
            format!("/server add own {}", plain.replace(':', "/")),
            "/set irc.server.own.sasl_mechanism plain".to_owned(),
            format!("/set irc.server.own.sasl_username {name}"),
            format!("/set irc.server.own.sasl_password {password}"),
            format!("/set irc.server.own.nicks {name}"),
        ];
        Self::start_with(folder, &orders, channel)
    }

    fn start_with(folder: &Path, server: &[String], channel: &str) -> Self {
        let mut orders = String::new();
        let first = [
            "/set logger.file.flush_delay 0",
            "/set irc.server_default.capabilities *",
        ];
        let autojoin = format!("/set irc.server.own.autojoin {channel}");
        let last = [
            "/set irc.server.own.tls off",
            "/set irc.server.own.ssl off",
            &autojoin,
            "/connect own",
        ];
        let server = server.iter().map(String::as_str);
        for order in first.into_iter().chain(server).chain(last) {
            write!(orders, "{order};").expect("a text can be written to");
        }
        let folder = folder.join("weechat");
        let child = Command::new("weechat-headless")
            .arg("-d")
            .arg(&folder)
            .args(["-r", &orders])
            // What its log says can be compared.
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("weechat-headless can be started");
        Self { folder, child }
    }

    /// Types into a buffer, as `irc.own.#club/general`.
    ///
    /// # Panics
    /// When its FIFO can not be written to.
    pub fn types(&self, buffer: &str, text: &str) {
        let fifo = eventually("WeeChat listens to its FIFO", || {
            let entries = std::fs::read_dir(&self.folder).ok()?;
            let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            paths.find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("weechat_fifo"))
            })
        });
        let mut fifo = std::fs::OpenOptions::new()
            .write(true)
            .open(fifo)
            .expect("its FIFO is there");
        fifo.write_all(format!("{buffer} *{text}\n").as_bytes())
            .expect("it reads its FIFO");
    }

    /// Waits until a log shows a text. Gives the line.
    #[must_use]
    pub fn shows(&self, log: &str, text: &str) -> String {
        eventually(&format!("WeeChat shows {text:?}"), || self.line(log, text))
    }

    /// All that a log holds; nothing while there is none.
    #[must_use]
    pub fn log(&self, log: &str) -> String {
        let path = self.folder.join("logs").join(format!("{log}.weechatlog"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// The line of a log that holds a text, if there is one now.
    #[must_use]
    pub fn line(&self, log: &str, text: &str) -> Option<String> {
        let shown = self.log(log);
        shown
            .lines()
            .find(|line| line.contains(text))
            .map(str::to_owned)
    }
}

impl Drop for WeeChat {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A program in a terminal that nobody sees.
#[derive(Debug)]
pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Runs a command in it.
    ///
    /// # Panics
    /// When tmux can not be started.
    #[must_use]
    pub fn run(folder: &Path, command: &str) -> Self {
        // A server that is ending may still hold the socket of an earlier one.
        let mut sockets = (0_u32..).map(|number| folder.join(format!("tmux{number}")));
        let socket = sockets
            .find(|socket| !socket.exists())
            .expect("there is always one more");
        let terminal = Self { socket };
        let size = ["-x", "180", "-y", "60"];
        let started = terminal
            .tmux()
            .args(["-f", "/dev/null", "new-session", "-d"])
            .args(size)
            .arg(command)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .status()
            .expect("tmux can be started");
        assert!(started.success(), "tmux: {started}");
        terminal
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command
            .arg("-u")
            .arg("-S")
            .arg(&self.socket)
            .stdin(Stdio::null());
        command
    }

    /// Types a text and presses Enter.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&self, text: &str) {
        for keys in [&["-l", text][..], &["Enter"]] {
            let typed = self
                .tmux()
                .arg("send-keys")
                .args(keys)
                .status()
                .expect("tmux can be started");
            assert!(typed.success(), "tmux send-keys: {typed}");
        }
    }

    /// Presses keys, as tmux calls them.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn presses(&self, keys: &[&str]) {
        let pressed = self.tmux().arg("send-keys").args(keys).status();
        let pressed = pressed.expect("tmux can be started");
        assert!(pressed.success(), "tmux send-keys: {pressed}");
    }

    /// What stands on the screen.
    ///
    /// # Panics
    /// When tmux can not be started.
    #[must_use]
    pub fn screen(&self) -> String {
        let shown = self
            .tmux()
            .args(["capture-pane", "-p", "-J"])
            .output()
            .expect("tmux can be started");
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }

    /// Waits until the screen shows a text.
    pub fn shows(&self, text: &str) {
        let mut last = String::new();
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(text, || {
                last = self.screen();
                last.contains(text).then_some(())
            });
        }));
        assert!(shown.is_ok(), "no {text:?} on the screen:\n{last}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Ends the program with its terminal; it may be gone already.
        drop(
            self.tmux()
                .arg("kill-server")
                .stderr(Stdio::null())
                .status(),
        );
    }
}
