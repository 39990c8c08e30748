//! Where the socket is, and making it.
//!
//! A Unix socket's path has at most 107 bytes. A data directory deeper than that has its socket in a directory of
//! mode 0700 under `XDG_RUNTIME_DIR`, or `/tmp`, named by a hash of the data directory; `node.sock.path` in the data
//! directory says where. A client connects there only if that directory belongs to the same person.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

use crate::data_dir::{DataDir, read_if_there, write_private};

/// Bytes of a socket's path that every system takes (`sun_path` holds 104 on some, with a zero at the end).
const PATH_BYTES_MAX: usize = 103;

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// The node.
    Node,
    /// A window of it.
    Window,
}

impl Listener {
    /// The socket, unless its path is too long.
    fn socket(self, dir: &DataDir) -> PathBuf {
        match self {
            Self::Node => dir.socket(),
            Self::Window => dir.window_socket(),
        }
    }

    /// The file that names its place when it is elsewhere.
    fn note(self, dir: &DataDir) -> PathBuf {
        match self {
            Self::Node => dir.socket_path(),
            Self::Window => dir.window_socket_path(),
        }
    }
}

/// Makes the listening socket of a window; its lock must be held.
///
/// # Errors
/// The place, and what the system said of it.
pub fn listen_as_window(dir: &DataDir) -> Result<(UnixListener, PathBuf), (PathBuf, io::Error)> {
    listen(dir, Listener::Window)
}

/// Where the socket of an open window would be.
///
/// # Errors
/// It would be elsewhere, and nothing names its place, or that place is not ours alone.
pub fn find_window(dir: &DataDir) -> io::Result<PathBuf> {
    find(dir, Listener::Window)
}

/// Makes the listening socket; the directory's lock must be held.
pub(super) fn listen(
    dir: &DataDir,
    listener: Listener,
) -> Result<(UnixListener, PathBuf), (PathBuf, io::Error)> {
    let near = listener.socket(dir);
    let path = if fits(&near) {
        near
    } else {
        elsewhere(dir, listener).map_err(|error| (listener.note(dir), error))?
    };
    let made = remove_stale(&path).and_then(|()| {
        // Never wider than 0600, not even for the moment before a chmod.
        let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let listener = UnixListener::bind(&path);
        rustix::process::umask(before);
        listener
    });
    match made {
        Ok(listener) => Ok((listener, path)),
        Err(error) => Err((path, error)),
    }
}

/// Where the socket of a running node would be.
pub(super) fn find(dir: &DataDir, listener: Listener) -> io::Result<PathBuf> {
    let near = listener.socket(dir);
    if fits(&near) {
        return Ok(near);
    }
    let path = read_if_there(&listener.note(dir))?
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(&path));
    check_owned(path.parent().unwrap_or(Path::new("/")))?;
    Ok(path)
}

fn fits(path: &Path) -> bool {
    path.as_os_str().as_bytes().len() <= PATH_BYTES_MAX
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn elsewhere(dir: &DataDir, listener: Listener) -> io::Result<PathBuf> {
    let whole = fs::canonicalize(dir.path())?;
    let hash = blake3::derive_key("alloquy socket directory v1", whole.as_os_str().as_bytes());
    let name = format!("alloquy-{}", alloquy_ids::to_base32(&hash[..10]));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_dir());
    let near = listener.socket(dir);
    let file = near.file_name().expect("a socket's path ends in a name");
    let place = |base: PathBuf| base.join(&name).join(file);
    let path = runtime
        .map(place)
        .filter(|path| fits(path))
        .unwrap_or_else(|| place(PathBuf::from("/tmp")));
    let parent = path.parent().expect("it was just joined");
    match fs::DirBuilder::new().mode(0o700).create(parent) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    check_owned(parent)?;
    write_private(&listener.note(dir), path.as_os_str().as_bytes())?;
    Ok(path)
}

/// A directory of one's own, closed to everybody else: `/tmp` is open to all.
fn check_owned(directory: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(directory)?;
    let own = metadata.is_dir()
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & 0o077 == 0;
    if own {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the socket's directory is not ours alone",
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_socket_is_ours_alone_and_a_stale_one_gives_way() {
        let outer = tempfile::tempdir().unwrap();
        let dir = DataDir::create(outer.path().join("d")).unwrap();
        for _ in 0..2 {
            for who in [Listener::Node, Listener::Window] {
                let (_listener, path) = listen(&dir, who).unwrap();
                assert_eq!(path, find(&dir, who).unwrap());
                assert_eq!(
                    fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                    0o600
                );
            }
        }
        let find = |who| find(&dir, who).unwrap();
        assert_ne!(find(Listener::Node), find(Listener::Window));
    }

    #[test]
    fn a_deep_directory_has_its_socket_elsewhere_and_clients_find_it() {
        let outer = tempfile::tempdir().unwrap();
        let dir = DataDir::create(outer.path().join("x".repeat(120))).unwrap();
        let find = |who| find(&dir, who);
        assert_eq!(
            find(Listener::Node).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        let (_listener, path) = listen(&dir, Listener::Node).unwrap();
        let (_window, beside) = listen(&dir, Listener::Window).unwrap();
        assert!(fits(&path), "{}", path.display());
        assert_eq!(find(Listener::Node).unwrap(), path);
        assert_eq!(find(Listener::Window).unwrap(), beside);
        assert_eq!(beside.parent(), path.parent());

        let parent = path.parent().unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(
            find(Listener::Node).unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
        fs::remove_dir_all(parent).unwrap();
    }
}
