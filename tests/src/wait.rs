//! Waiting for what processes do, always with a deadline, and skipping with a reason.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a test waits for something that takes well under a second on an idle machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Panics
/// When [`DEADLINE`] passes without one.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {DEADLINE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Lines of a process's output as they come, read by a thread that ends with the output.
#[derive(Debug)]
pub struct Lines {
    receiver: Receiver<String>,
    /// Everything read so far, for messages.
    seen: Vec<String>,
}

impl Lines {
    /// Begins to read.
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            receiver,
            seen: Vec::new(),
        }
    }

    /// The next line; `None` when the output has ended.
    ///
    /// # Panics
    /// When no line comes for [`DEADLINE`].
    pub fn next_line(&mut self) -> Option<String> {
        match self.receiver.recv_timeout(DEADLINE) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no line for {DEADLINE:?} after {:#?}", self.seen)
            }
        }
    }

    /// The next line, if one comes within `wait`.
    pub fn within(&mut self, wait: Duration) -> Option<String> {
        let line = self.receiver.recv_timeout(wait).ok()?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// The first line from here on that fits.
    ///
    /// # Panics
    /// When the output ends, or nothing comes for [`DEADLINE`], before one does.
    pub fn find(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        loop {
            match self.next_line() {
                Some(line) if fits(&line) => return line,
                Some(_) => {}
                None => panic!("the output ended before {what}: {:#?}", self.seen),
            }
        }
    }
}

/// Says that a test can not run here, and why. With `CI=true` that fails it.
///
/// # Panics
/// With `CI=true`.
pub fn skip(name: &str, reason: &str) {
    let line = format!("SKIPPED {name}: {reason}\n");
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{line}"
    );
    // `./test` gathers these; without it the line is the test's own output.
    let written = match std::env::var_os("ALLOQUY_SKIPS") {
        Some(path) => std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes())),
        None => std::io::stderr().lock().write_all(line.as_bytes()),
    };
    written.expect("the reason of a skip can be written down");
}
