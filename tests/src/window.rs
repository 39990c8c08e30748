//! The window's program on a screen of its own, used through the driver's socket as a person would.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Program, end};
use crate::{DEADLINE, Lines, eventually, signal};

/// Exit code of a machine where no window can be opened.
const NO_WINDOW: i32 = 3;

/// Where `alloquy-driven` is: `ALLOQUY_DRIVEN_BIN`, else where cargo built it beside this test, else built now.
///
/// # Panics
/// When it can not be built.
pub fn driven_program() -> &'static Path {
    static DRIVEN: Program = Program::new(
        "alloquy-driven",
        "ALLOQUY_DRIVEN_BIN",
        &["-p", "alloquy", "--features", "driver"],
    );
    DRIVEN.path()
}

/// Where `alloquy` is, which people run: `ALLOQUY_BIN`, else where cargo built it beside this test, else built now.
///
/// # Panics
/// When it can not be built.
pub fn window_program() -> &'static Path {
    static WINDOW: Program = Program::new("alloquy", "ALLOQUY_BIN", &["-p", "alloquy"]);
    WINDOW.path()
}

/// A screen without a monitor.
#[derive(Debug)]
pub struct Screen {
    server: Child,
    name: String,
    /// The session bus of those who use this screen, if there is one.
    bus: Option<String>,
    /// Programs are told that they are in a session of Wayland, where they hear of no key that is pressed elsewhere.
    wayland: bool,
}

impl Screen {
    /// A new screen; `None` where Xvfb is not installed.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1600x1000x24"])
            // When its last client goes, a server begins anew and lets nobody in meanwhile, unless told not to.
            .args(["-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let number = Lines::of(server.stdout.take().expect("its output is a pipe"))
            .next_line()
            .expect("Xvfb says its number");
        Some(Self {
            server,
            name: format!(":{number}"),
            bus: None,
            wayland: false,
        })
    }

    /// What `DISPLAY` is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whoever is lent the screen from now on is told that the session is one of Wayland, though windows are X11's.
    pub fn pretend_wayland(&mut self) {
        self.wayland = true;
    }

    /// The session bus of those who use this screen, if there is one.
    pub(crate) fn bus(&self) -> Option<&str> {
        self.bus.as_deref()
    }

    /// Who is lent the screen from now on has this session bus.
    pub(crate) fn with_bus(&mut self, address: String) {
        self.bus = Some(address);
    }

    /// Gives a command the screen, and nothing else of the desktop that the test runs on.
    pub fn lend(&self, command: &mut Command) {
        command
            .env("DISPLAY", &self.name)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("ALLOQUY_NO_KEYCHAIN", "1")
            .env_remove("ALLOQUY_PASSPHRASE")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env_remove("AT_SPI_BUS_ADDRESS")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env(
                "XDG_SESSION_TYPE",
                if self.wayland { "wayland" } else { "x11" },
            );
        if let Some(bus) = &self.bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

/// A window, by its driver's socket.
#[derive(Debug)]
pub struct Driven {
    reader: BufReader<UnixStream>,
}

impl Driven {
    /// The window that listens on a socket; `None` while none does.
    ///
    /// # Panics
    /// When the socket can not be given a limit.
    #[must_use]
    pub fn connect(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a limit can be set");
        Some(Self {
            reader: BufReader::new(stream),
        })
    }

    /// One request; the answer, or why not.
    ///
    /// # Errors
    /// What the driver says.
    ///
    /// # Panics
    /// When the window has gone.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let mut line = request.to_string();
        line.push('\n');
        let written = self.reader.get_mut().write_all(line.as_bytes());
        written.unwrap_or_else(|error| panic!("{request}: the window has gone: {error}"));
        let mut answer = String::new();
        let read = self.reader.read_line(&mut answer);
        read.unwrap_or_else(|error| panic!("{request}: the window has gone: {error}"));
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{request}: {answer:?}: {error}"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// One request that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn must(&mut self, request: &Value) -> Value {
        self.ask(request)
            .unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    /// Clicks the button, row or field of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn click(&mut self, name: &str) {
        self.must(&json!({"do": "click", "name": name}));
    }

    /// Clicks into the text field of this name and types; what stood there gives way.
    ///
    /// # Panics
    /// When there is none.
    pub fn fill(&mut self, name: &str, text: &str) {
        self.must(&json!({"do": "click", "name": name, "role": "TextInput"}));
        self.press("Ctrl+A");
        self.write(text);
    }

    /// Clicks into the text field of this name and pastes.
    ///
    /// # Panics
    /// When there is none.
    pub fn paste(&mut self, name: &str, text: &str) {
        self.must(&json!({"do": "click", "name": name, "role": "TextInput"}));
        self.must(&json!({"do": "paste", "text": text}));
    }

    /// Waits until the window has put a text into the clipboard.
    ///
    /// # Panics
    /// When it has not.
    pub fn copied(&mut self) -> String {
        match self.must(&json!({"do": "copied"}))["text"].take() {
            Value::String(text) => text,
            other => panic!("what is copied is text: {other}"),
        }
    }

    /// Clicks into the field for messages.
    ///
    /// # Panics
    /// When there is none.
    pub fn compose(&mut self) -> &mut Self {
        self.must(&json!({"do": "click", "role": "MultilineTextInput"}));
        self
    }

    /// Types.
    ///
    /// # Panics
    /// When the window draws nothing.
    pub fn write(&mut self, text: &str) {
        self.must(&json!({"do": "type", "text": text}));
    }

    /// Presses a chord, such as `Ctrl+K`.
    ///
    /// # Panics
    /// When there is no such key.
    pub fn press(&mut self, chord: &str) {
        self.must(&json!({"do": "key", "chord": chord}));
    }

    /// Waits until something has this name or text.
    ///
    /// # Panics
    /// When nothing has.
    pub fn sees(&mut self, name: &str) -> Value {
        self.must(&json!({"do": "find", "name": name}))["found"].take()
    }

    /// Waits until something has this in its name or text; the whole of it.
    ///
    /// # Panics
    /// When nothing has.
    pub fn sees_part(&mut self, part: &str) -> String {
        let mut answer = self.must(&json!({"do": "find", "part": part}));
        match answer["found"]["name"].take() {
            Value::String(name) => name,
            other => panic!("a name is text: {other}"),
        }
    }

    /// Waits until nothing moves.
    ///
    /// # Panics
    /// When it does not come to rest.
    pub fn settle(&mut self) {
        self.must(&json!({"do": "settle"}));
    }

    /// How many frames were drawn since it was opened.
    ///
    /// # Panics
    /// When it does not say.
    pub fn frames(&mut self) -> u64 {
        let answer = self.must(&json!({"do": "frames"}));
        answer["frames"].as_u64().expect("frames are a number")
    }

    /// Frames drawn within `time`, after it has come to rest. On a busy machine the screen's own events, such as
    /// those of a window that was just opened, come after the first rest; so one time with frames is let pass.
    ///
    /// # Panics
    /// When it does not come to rest.
    pub fn frames_within(&mut self, time: Duration) -> u64 {
        let mut drawn = 0;
        for _ in 0..2 {
            self.settle();
            let before = self.frames();
            std::thread::sleep(time);
            drawn = self.frames() - before;
            if drawn == 0 {
                break;
            }
        }
        drawn
    }

    /// What the window shows, in a file.
    ///
    /// # Panics
    /// When no picture can be taken.
    pub fn picture(&mut self, file: &Path) {
        self.must(&json!({"do": "picture", "file": file}));
    }

    /// Everything that a screen reader would find.
    ///
    /// # Panics
    /// When the window draws nothing.
    pub fn tree(&mut self) -> String {
        match self.must(&json!({"do": "tree"}))["text"].take() {
            Value::String(text) => text,
            other => panic!("a tree is text: {other}"),
        }
    }
}

/// An open window.
#[derive(Debug)]
pub struct Window {
    child: Child,
    /// What it logs.
    told: Lines,
    driven: Driven,
    /// Which socket the window listens on that was opened last: each makes its own.
    opened: Option<u64>,
    socket: tempfile::TempDir,
}

impl Window {
    /// Opens a window with these arguments. `Err` with the reason where the machine can show none.
    ///
    /// # Errors
    /// The program ended with the code that says so.
    ///
    /// # Panics
    /// When it ends otherwise, or does not listen.
    pub fn open<S: AsRef<OsStr>>(
        screen: &Screen,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = folder.path().join("driver");
        let mut command = Command::new(driven_program());
        command
            .args(arguments)
            .env("ALLOQUY_DRIVER", &socket)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        screen.lend(&mut command);
        let mut child = command.spawn().expect("the window can be started");
        let stderr = child.stderr.take().expect("its errors are a pipe");
        let mut told = Lines::of(stderr);
        let driven = eventually("the window listens", || {
            if let Some(driven) = Driven::connect(&socket) {
                return Some(Ok(driven));
            }
            let status = child.try_wait().expect("a child can be waited for")?;
            let mut reason = String::new();
            while let Some(line) = told.next_line() {
                reason.push_str(&line);
                reason.push(' ');
            }
            assert_eq!(status.code(), Some(NO_WINDOW), "{reason}");
            Some(Err(reason))
        })?;
        Ok(Self {
            child,
            told,
            driven,
            opened: place(&socket),
            socket: folder,
        })
    }

    /// The process, for signals.
    #[must_use]
    pub fn process(&self) -> &Child {
        &self.child
    }

    /// Closes the window by its frame, as a person does: the program may go on without.
    pub fn close_frame(&mut self) {
        self.must(&json!({"do": "close"}));
    }

    /// Waits until the program, which went on without one, shows a window again.
    ///
    /// # Panics
    /// When it does not.
    pub fn sees_it_open_again(&mut self) {
        let before = self.opened;
        let socket = self.socket.path().join("driver");
        eventually("the window opens again", || {
            let opened = place(&socket).filter(|opened| Some(*opened) != before)?;
            self.driven = Driven::connect(&socket)?;
            self.opened = Some(opened);
            Some(())
        });
    }

    /// Closes it as a session's end does, and waits for the clean end.
    ///
    /// # Panics
    /// When it does not end, or not cleanly.
    pub fn close(&mut self) {
        signal(&self.child, Signal::TERM);
        let status = eventually("the window ends", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        if !status.success() {
            let lines: Vec<String> = std::iter::from_fn(|| self.told.next_line()).collect();
            panic!("{status}: {lines:#?}");
        }
    }
}

/// Which file stands at a place.
fn place(path: &Path) -> Option<u64> {
    let found = std::fs::metadata(path).ok()?;
    Some(std::os::unix::fs::MetadataExt::ino(&found))
}

impl Deref for Window {
    type Target = Driven;

    fn deref(&self) -> &Driven {
        &self.driven
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut Driven {
        &mut self.driven
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
