//! A desktop session's bus of its own, for those who use one screen.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::end;
use crate::{Lines, Screen};

/// The bus. Ended last: what it has started ends with it.
#[derive(Debug)]
pub(crate) struct Bus {
    daemon: Child,
    /// Sockets and whatever a session keeps.
    pub(crate) folder: tempfile::TempDir,
}

impl Bus {
    /// The bus of whoever is lent this screen from now on.
    ///
    /// # Errors
    /// What is not installed here.
    pub(crate) fn of(screen: &mut Screen) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let daemon = session(screen, Command::new("dbus-daemon"), folder.path());
        let (bus, address) = Self::run(daemon, folder)?;
        screen.with_bus(address);
        Ok(bus)
    }

    /// A bus of nobody yet, and its address.
    ///
    /// # Errors
    /// What is not installed here.
    pub(crate) fn alone() -> Result<(Self, String), String> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self::run(Command::new("dbus-daemon"), folder)
    }

    fn run(mut daemon: Command, folder: tempfile::TempDir) -> Result<(Self, String), String> {
        let mut daemon = daemon
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("dbus-daemon can not be started (package dbus): {error}"))?;
        let address = Lines::of(daemon.stdout.take().expect("its output is a pipe")).next_line();
        let bus = Self { daemon, folder };
        Ok((bus, address.expect("dbus-daemon says its address")))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        end(&mut self.daemon);
    }
}

/// A command in a session of its own, whose bus is the screen's.
pub(crate) fn session(screen: &Screen, mut command: Command, folder: &Path) -> Command {
    screen.lend(&mut command);
    command
        .env("XDG_RUNTIME_DIR", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("HOME", folder)
        .env("GSETTINGS_BACKEND", "memory")
        .stdin(Stdio::null());
    command
}
