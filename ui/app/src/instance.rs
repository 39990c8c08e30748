//! One window per data directory. A second start hands its link to the first one and ends.
//!
//! Who holds the lock on `window.lock` is the window; the lock ends with the process however it dies. The others
//! write one line to its socket, `open LINK` or `raise`, and read one line back: `ok`, or why not.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alloquy_api::limits::LINK_BYTES_MAX;
use alloquy_api::{CommandError, ErrorCode};
use alloquy_node::data_dir::DataDir;
use alloquy_node::rpc;

use crate::args;
use crate::desk::Told;

/// Bytes of a line: a word, a space and the longest link.
const LINE_BYTES_MAX: usize = LINK_BYTES_MAX + 16;
/// How long either side may take for its line: both are at hand.
const LINE_LIMIT: Duration = Duration::from_secs(2);
/// How long a window that has just begun may take until it listens.
const BEGIN_LIMIT: Duration = Duration::from_secs(5);

/// What a start finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nobody: this is the window now.
    Nobody(Instance),
    /// A window; it has taken the link.
    Window,
}

/// Being the window of a data directory; ends when dropped.
#[derive(Debug)]
pub(crate) struct Instance {
    _lock: File,
    listener: UnixListener,
    path: PathBuf,
}

/// Becomes the window of the directory, or hands `link` to the one that is.
pub(crate) fn find(data_dir: &Path, link: Option<&str>) -> Result<Found, CommandError> {
    let unusable = |error: io::Error| {
        CommandError::new(
            ErrorCode::Storage,
            format!(
                "the data directory {} can not be used: {error}",
                data_dir.display()
            ),
        )
    };
    let dir = DataDir::create(data_dir).map_err(unusable)?;
    let until = Instant::now() + BEGIN_LIMIT;
    loop {
        if let Some(lock) = try_lock(&dir).map_err(unusable)? {
            let (listener, path) =
                rpc::listen_as_window(&dir).map_err(|(_, error)| unusable(error))?;
            return Ok(Found::Nobody(Instance {
                _lock: lock,
                listener,
                path,
            }));
        }
        // The other one holds the lock a moment before it listens, and a moment after it has stopped.
        match rpc::find_window(&dir).and_then(UnixStream::connect) {
            Ok(stream) => return hand_over(stream, link).map(|()| Found::Window),
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => {
                return Err(CommandError::new(
                    ErrorCode::InUse,
                    format!(
                        "a window of {} is open and does not answer: {error}",
                        data_dir.display()
                    ),
                ));
            }
        }
    }
}

fn try_lock(dir: &DataDir) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.window_lock())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn hand_over(mut stream: UnixStream, link: Option<&str>) -> Result<(), CommandError> {
    let line = match link {
        Some(link) => format!("open {link}\n"),
        None => "raise\n".to_owned(),
    };
    let broken = |error: io::Error| {
        CommandError::new(
            ErrorCode::Timeout,
            format!("the window that is open did not take the link: {error}"),
        )
    };
    let answer = stream
        .set_read_timeout(Some(LINE_LIMIT))
        .and_then(|()| stream.set_write_timeout(Some(LINE_LIMIT)))
        .and_then(|()| stream.write_all(line.as_bytes()))
        .and_then(|()| read_line(&stream))
        .map_err(broken)?;
    match answer.as_str() {
        "ok" => Ok(()),
        why => Err(CommandError::new(ErrorCode::Parse, why)),
    }
}

/// One line of at most [`LINE_BYTES_MAX`] bytes.
fn read_line(stream: &UnixStream) -> io::Result<String> {
    let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    BufReader::new(stream.take(limit)).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        let reason = format!("no whole line within {LINE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl Instance {
    /// Listens for other starts from now on, on a thread that ends with the program.
    pub(crate) fn listen(&self, tell: impl Fn(Told) + Send + 'static) -> io::Result<()> {
        let listener = self.listener.try_clone()?;
        std::thread::Builder::new()
            .name("other-starts".to_owned())
            .spawn(move || {
                for stream in listener.incoming() {
                    let stream = match stream {
                        Ok(stream) => stream,
                        Err(error) => {
                            // Too many open files, for one, lasts: asking again at once would only burn time.
                            tracing::warn!(%error, "another start could not be heard");
                            std::thread::sleep(ACCEPT_AGAIN);
                            continue;
                        }
                    };
                    if let Err(error) = answer(stream, &tell) {
                        tracing::debug!(%error, "another start broke off");
                    }
                }
            })
            .map(drop)
    }
}

/// How long the door stays closed after nobody could be let in.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the window's socket was gone already");
        }
    }
}

/// Takes one line and answers it. One at a time: a start that hangs is let go after [`LINE_LIMIT`].
fn answer(mut stream: UnixStream, tell: &impl Fn(Told)) -> io::Result<()> {
    stream.set_read_timeout(Some(LINE_LIMIT))?;
    stream.set_write_timeout(Some(LINE_LIMIT))?;
    let read = read_line(&stream)
        .map_err(|error| error.to_string())
        .and_then(|line| understood(&line));
    let said = match read {
        Ok(told) => {
            told.into_iter().for_each(tell);
            "ok\n".to_owned()
        }
        Err(why) => format!("{}\n", why.replace('\n', " ")),
    };
    stream.write_all(said.as_bytes())
}

fn understood(line: &str) -> Result<Vec<Told>, String> {
    match line.split_once(' ') {
        Some(("open", link)) => Ok(vec![Told::Link(args::link(link)?), Told::Raise]),
        None if line == "raise" => Ok(vec![Told::Raise]),
        _ => {
            let start: String = line.chars().take(40).collect();
            Err(format!("{start:?} is not understood: open LINK or raise"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc::{Receiver, channel};

    use tempfile::{TempDir, tempdir};

    use super::*;

    fn window() -> (TempDir, Instance, Receiver<Told>) {
        let dir = tempdir().unwrap();
        let Found::Nobody(instance) = find(dir.path(), None).unwrap() else {
            panic!("nobody is there")
        };
        let (sender, told) = channel();
        instance
            .listen(move |news| sender.send(news).unwrap())
            .unwrap();
        (dir, instance, told)
    }

    fn told(receiver: &Receiver<Told>) -> Told {
        receiver.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    /// What is answered to a line.
    fn said(dir: &TempDir, line: &[u8]) -> String {
        let path = rpc::find_window(&DataDir::new(dir.path())).unwrap();
        let mut stream = UnixStream::connect(path).unwrap();
        // The other side may answer and go before it has all.
        drop(stream.write_all(line));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut said = String::new();
        drop(stream.read_to_string(&mut said));
        said
    }

    #[test]
    fn a_second_start_hands_its_link_over_and_a_third_finds_the_place_free() {
        let (dir, instance, receiver) = window();
        let link = "alloquy://join/abc";
        assert!(matches!(
            find(dir.path(), Some(link)).unwrap(),
            Found::Window
        ));
        assert!(matches!(told(&receiver), Told::Link(given) if given == link));
        assert!(matches!(told(&receiver), Told::Raise));
        assert!(matches!(find(dir.path(), None).unwrap(), Found::Window));
        assert!(matches!(told(&receiver), Told::Raise));
        drop(instance);
        // The thread holds the socket's other end; a lock that is free decides.
        assert!(matches!(find(dir.path(), None).unwrap(), Found::Nobody(_)));
    }

    #[test]
    fn what_is_not_understood_is_answered_and_changes_nothing() {
        let (dir, _instance, receiver) = window();
        let long = format!("open alloquy://join/{}\n", "x".repeat(LINE_BYTES_MAX));
        let over = format!("open alloquy://{}\n", "x".repeat(LINK_BYTES_MAX));
        for (line, reason) in [
            (&b"close\n"[..], "\"close\" is not understood"),
            (b"open https://example.org\n", "https://example.org"),
            (b"open alloquy://join/a b\n", "without spaces"),
            (b"open \xff\n", "utf-8"),
            (b"raise", "no whole line"),
            (b"", "no whole line"),
            (long.as_bytes(), &LINE_BYTES_MAX.to_string()),
            (over.as_bytes(), &LINK_BYTES_MAX.to_string()),
        ] {
            let answer = said(&dir, line);
            assert!(answer.contains(reason), "{reason}: {answer}");
        }
        assert!(receiver.try_recv().is_err());
        let error = find(dir.path(), Some("alloquy://a b")).unwrap_err();
        assert_eq!(error.code, ErrorCode::Parse);
        assert!(error.message.contains("alloquy://a b"), "{error}");
    }

    #[test]
    fn lock_and_socket_are_ours_alone() {
        let (dir, _instance, _receiver) = window();
        for file in ["window.lock", "window.sock"] {
            let mode = std::fs::metadata(dir.path().join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_directory_that_can_not_be_made_is_named() {
        let error = find(Path::new("/proc/none/here"), None).unwrap_err();
        assert_eq!(error.code, ErrorCode::Storage);
        assert!(error.message.contains("/proc/none/here"), "{error}");
    }
}
