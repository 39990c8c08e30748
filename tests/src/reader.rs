//! A screen reader beside a window: a session bus of its own, the desktop's accessibility bus on it, and a program
//! that reads there as a screen reader does (`tests/screen_reader.py`, by pyatspi).

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::bus::{Bus, session};
use crate::program::end;
use crate::{Lines, Screen, workspace};

/// Debian's python has its packages, such as pyatspi; another one that stands first in PATH has not.
const PYTHON: &str = "/usr/bin/python3";

/// The screen reader, and the bus that it made.
#[derive(Debug)]
pub struct Reader {
    python: Child,
    asked: ChildStdin,
    answers: Lines,
    /// Ended last: what the bus has started ends with it.
    _bus: Bus,
}

impl Reader {
    /// A screen reader for those windows that are opened on this screen from now on.
    ///
    /// # Errors
    /// What is not installed here.
    ///
    /// # Panics
    /// When everything is installed and does not work.
    pub fn beside(screen: &mut Screen) -> Result<Self, String> {
        let script = workspace().join("tests/screen_reader.py");
        check(&script)?;
        let bus = Bus::of(screen)?;
        let mut python = session(screen, Command::new(PYTHON), bus.folder.path());
        let mut python = python
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python was started before");
        let mut reader = Self {
            asked: python.stdin.take().expect("its input is a pipe"),
            answers: Lines::of(python.stdout.take().expect("its output is a pipe")),
            python,
            _bus: bus,
        };
        reader.answer("to come up").expect("it comes up");
        Ok(reader)
    }

    /// Turns to the window of this process, as soon as the desktop lists it.
    ///
    /// # Panics
    /// When it does not.
    pub fn read(&mut self, process: &Child) {
        self.must(&json!({"do": "read", "pid": process.id()}));
    }

    /// Everything in the window: of each its `role`, `name`, `text`, `focusable`, `focused`, `actions`.
    ///
    /// # Panics
    /// When the window can not be read.
    pub fn tree(&mut self) -> Vec<Value> {
        match self.must(&json!({"do": "tree"}))["nodes"].take() {
            Value::Array(nodes) => nodes,
            other => panic!("a tree is a list: {other}"),
        }
    }

    /// Waits until something with this in its name is there.
    ///
    /// # Panics
    /// When nothing is.
    pub fn sees(&mut self, part: &str) -> Value {
        self.must(&json!({"do": "see", "part": part}))["found"].take()
    }

    /// Does what the control of this name does, by its action.
    ///
    /// # Panics
    /// When there is none, or it has no action.
    pub fn press(&mut self, name: &str) {
        self.must(&json!({"do": "press", "name": name}));
    }

    /// Puts a text into the field of this name.
    ///
    /// # Panics
    /// When there is none, or it takes no text.
    pub fn fill(&mut self, name: &str, text: &str) {
        self.must(&json!({"do": "fill", "name": name, "text": text}));
    }

    /// One request; the answer, or why not.
    ///
    /// # Errors
    /// What the screen reader says.
    ///
    /// # Panics
    /// When the screen reader has gone.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.asked, "{request}").expect("the screen reader runs");
        self.answer(&request.to_string())
    }

    fn must(&mut self, request: &Value) -> Value {
        self.ask(request)
            .unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    fn answer(&mut self, what: &str) -> Result<Value, String> {
        let line = self.answers.next_line();
        let line = line.unwrap_or_else(|| panic!("{what}: the screen reader has ended"));
        let answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{what}: {line:?}: {error}"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        end(&mut self.python);
    }
}

/// Whether everything is installed.
fn check(script: &Path) -> Result<(), String> {
    let checked = Command::new(PYTHON)
        .arg(script)
        .arg("check")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{PYTHON} can not be started: {error}"))?;
    if !checked.status.success() {
        let told = String::from_utf8_lossy(&checked.stderr);
        return Err(told.trim().to_owned());
    }
    let service = "/usr/share/dbus-1/services/org.a11y.Bus.service";
    if !Path::new(service).exists() {
        return Err(format!("there is no {service} (package at-spi2-core)"));
    }
    Ok(())
}
