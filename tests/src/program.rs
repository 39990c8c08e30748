//! The program under test, and one run of it to its end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A program of the workspace that tests start.
pub(crate) struct Program {
    name: &'static str,
    /// The environment variable that names another place than cargo's.
    place: &'static str,
    /// What cargo is asked for where it was not built with the tests.
    build: &'static [&'static str],
    found: OnceLock<PathBuf>,
}

impl Program {
    pub(crate) const fn new(
        name: &'static str,
        place: &'static str,
        build: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            place,
            build,
            found: OnceLock::new(),
        }
    }

    /// Where it is: where the environment says, else where cargo built it beside this test, else built now.
    ///
    /// # Panics
    /// When it can not be built.
    pub(crate) fn path(&self) -> &Path {
        self.found.get_or_init(|| {
            if let Some(named) = std::env::var_os(self.place) {
                return named.into();
            }
            // A test lies in target/PROFILE/deps, a program in target/PROFILE.
            let own = std::env::current_exe().expect("a running program has a path");
            let mut folders = own.ancestors().skip(1);
            let built = folders
                .find(|folder| !folder.ends_with("deps"))
                .expect("it lies in target/PROFILE")
                .join(self.name);
            if !built.exists() {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let status = Command::new(cargo)
                    .args(["build", "--locked"])
                    .args(self.build)
                    .args(["--bin", self.name])
                    .current_dir(crate::workspace())
                    .status()
                    .expect("cargo can be started");
                assert!(status.success(), "{} can not be built", self.name);
            }
            built
        })
    }
}

/// Where the binary `alloquy-node` is: `ALLOQUY_NODE_BIN`, else where cargo built it beside this test, else
/// built now.
///
/// # Panics
/// When it can not be built.
pub fn node_program() -> &'static Path {
    static NODE: Program = Program::new(
        "alloquy-node",
        "ALLOQUY_NODE_BIN",
        &["-p", "alloquy-headless"],
    );
    NODE.path()
}

/// How a run of the program ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a program reads: the one JSON object on standard output.
    ///
    /// # Panics
    /// When it is not one object on one line.
    #[must_use]
    pub fn told(&self) -> Told {
        let value: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(
            value.is_object() && self.stdout.trim_end().lines().count() == 1,
            "one JSON object: {self:?}"
        );
        Told {
            code: self.code,
            value,
        }
    }
}

/// What `--json` printed, and the exit code.
#[derive(Clone, Debug)]
pub struct Told {
    /// The exit code.
    pub code: Option<i32>,
    /// The object.
    pub value: Value,
}

impl Told {
    /// The object of a run that succeeded.
    ///
    /// # Panics
    /// When it did not.
    pub fn done(self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.value);
        assert!(self.value.get("error").is_none(), "{}", self.value);
        self.value
    }

    /// The code of the error that a run ended with.
    ///
    /// # Panics
    /// When it succeeded, the error has another shape, or the exit code does not fit.
    #[must_use]
    pub fn error(&self) -> String {
        let error = &self.value["error"];
        let code = error["code"]
            .as_str()
            .unwrap_or_else(|| panic!("an error was expected: {}", self.value));
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{}",
            self.value
        );
        assert_eq!(
            self.code,
            Some(if code == "parse" { 2 } else { 1 }),
            "{}",
            self.value
        );
        code.to_owned()
    }
}

/// The program with the environment of tests: no keychain, no passphrase, no terminal.
pub(crate) fn node_command() -> Command {
    let mut command = Command::new(node_program());
    command
        .env_remove("ALLOQUY_PASSPHRASE")
        .env("ALLOQUY_NO_KEYCHAIN", "1")
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
///
/// # Panics
/// When it can not be started.
pub fn run_node<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    Ended::of(
        &node_command()
            .args(arguments)
            .output()
            .expect("alloquy-node can be started"),
    )
}

/// Sends a signal to a process that this test started.
///
/// # Panics
/// When the process can not have the signal.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal)
        .expect("a child that was not waited for takes a signal");
}

/// Ends a child for certain and takes its exit status.
pub(crate) fn end(child: &mut Child) -> ExitStatus {
    // Fails only when it has ended already.
    drop(child.kill());
    child.wait().expect("a child can be waited for")
}
