//! `./run` as a new person meets it: the demo, and one's own node as an ordinary user.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloquy_tests::{
    Driven, Lines, Screen, driven_program, eventually, node_program, signal, skip, workspace,
};
use rustix::process::Signal;
use tempfile::tempdir;

/// `./run`, started; ended with its whole process group when dropped.
struct Started {
    child: Child,
    lines: Lines,
}

impl Started {
    fn new(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The lines to type that it prints: those that are indented and begin with a quoted program.
    fn typed_lines(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                self.lines
                    .find("a line to type", |line| line.starts_with("  '/"))
                    .trim()
                    .to_owned()
            })
            .collect()
    }

    fn end(&mut self, by: Signal) -> Option<i32> {
        signal(&self.child, by);
        eventually("./run ends", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            let group = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process_group(group, Signal::KILL).unwrap();
            self.child.wait().unwrap();
        }
    }
}

/// Types a line into a shell.
fn type_line(shell: &mut Command, line: &str) -> String {
    let output = shell
        .arg("-c")
        .arg(line)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{line}: {stdout} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// Processes whose command line names this folder.
fn processes_of(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(folder) {
            found.push(words);
        }
    }
    found
}

#[test]
fn the_demo_moves_within_ten_seconds_takes_the_lines_it_printed_and_leaves_nothing() {
    let elsewhere = tempdir().unwrap();
    let mut command = Command::new(workspace().join("run"));
    // What the tests were built with: built alone, the program would have other features of its dependencies, and
    // all of them would be built a second time.
    command
        .arg("demo")
        .current_dir(elsewhere.path())
        .env("ALLOQUY_NODE_BIN", node_program())
        .env("TMPDIR", elsewhere.path());
    without_display(&mut command);
    let mut demo = Started::new(command);
    let first = demo.lines.next_line().unwrap();
    assert!(first.contains("three processes"), "{first}");
    let folder = first.rsplit(' ').next().unwrap().to_owned();
    let built = Instant::now();
    demo.lines.find("a message that came to the third", |line| {
        line.contains("Demo/general") && line.contains("Ana: ")
    });
    assert!(
        built.elapsed() < Duration::from_secs(10),
        "something happens within ten seconds: {:?}",
        built.elapsed()
    );
    assert_eq!(nodes(&folder), 3, "{:#?}", processes_of(&folder));

    let lines = demo.typed_lines(3);
    let answers: Vec<String> = lines
        .iter()
        .map(|line| type_line(&mut Command::new("sh"), line))
        .collect();
    assert!(answers[1].contains("Hello, I am here too"), "{answers:#?}");
    for name in ["Ana", "Ben"] {
        assert!(answers[2].contains(name), "{answers:#?}");
    }
    demo.lines.find("Ben's answer", |line| {
        line.contains("Ben: Your line just reached me")
    });

    assert_eq!(demo.end(Signal::INT), Some(0));
    assert!(!Path::new(&folder).exists());
    assert_eq!(processes_of(&folder), Vec::<String>::new());
}

/// Takes the desktop away that the test may run on.
fn without_display(command: &mut Command) {
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
}

#[test]
fn the_demo_opens_a_window_where_there_is_a_display_and_ends_with_it() {
    let Some(screen) = Screen::start() else {
        skip("the demo's window", "Xvfb is not installed");
        return;
    };
    let elsewhere = tempdir().unwrap();
    let socket = elsewhere.path().join("driver");
    let mut command = Command::new(workspace().join("run"));
    screen.lend(&mut command);
    command
        .arg("demo")
        .current_dir(elsewhere.path())
        .env("ALLOQUY_NODE_BIN", node_program())
        .env("ALLOQUY_WINDOW_BIN", driven_program())
        .env("ALLOQUY_DRIVER", &socket)
        .env("TMPDIR", elsewhere.path());
    let mut demo = Started::new(command);
    let first = demo.lines.next_line().unwrap();
    let folder = first.rsplit(' ').next().unwrap().to_owned();
    let mut window = eventually("the window listens", || Driven::connect(&socket));
    window.sees_part("line went from my process to yours over QUIC");
    window.press("Ctrl+Q");
    let ended = eventually("the demo ends", || demo.child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    assert!(!Path::new(&folder).exists());
    assert_eq!(processes_of(&folder), Vec::<String>::new());
}

/// How many nodes run in a folder.
fn nodes(folder: &str) -> usize {
    processes_of(folder)
        .iter()
        .filter(|words| words.contains(" run --data "))
        .count()
}

/// A person without rights: another user when the tests run as root, oneself otherwise.
struct Person {
    home: tempfile::TempDir,
    prefix: Vec<OsString>,
}

impl Person {
    fn new() -> Self {
        let home = tempdir().unwrap();
        let mut prefix: Vec<OsString> = ["env", "-i", "PATH=/usr/bin:/bin"]
            .map(OsString::from)
            .to_vec();
        if rustix::process::geteuid().is_root() {
            // nobody; and no way back: sudo and set-user-id programs do nothing for this process.
            prefix.splice(
                0..0,
                [
                    "setpriv",
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    "--no-new-privs",
                ]
                .map(OsString::from),
            );
            std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
        }
        let person = Self { home, prefix };
        // Where the sources lie may be closed to others: the script and the program are all that is needed.
        person.bring(&workspace().join("run"), "run");
        person.bring(node_program(), "alloquy-node");
        person
    }

    fn bring(&self, from: &Path, name: &str) {
        let to = self.home.path().join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn data_home(&self) -> PathBuf {
        self.home.path().join(".local/share")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.prefix[0]);
        let home = self.home.path().display();
        command
            .args(&self.prefix[1..])
            .arg(format!("HOME={home}"))
            .arg("ALLOQUY_NO_KEYCHAIN=1")
            .arg(format!("ALLOQUY_NODE_BIN={home}/alloquy-node"))
            .arg(program)
            .current_dir("/");
        command
    }

    fn run(&self) -> Command {
        self.command(&self.home.path().join("run").display().to_string())
    }

    fn run_node(&self) -> Started {
        let mut command = self.run();
        command.arg("node");
        Started::new(command)
    }
}

#[test]
fn an_ordinary_user_without_sudo_has_a_node_with_one_command() {
    let person = Person::new();
    let mut node = person.run_node();
    node.lines
        .find("the ready line", |line| line.starts_with("ready: account "));
    let lines = node.typed_lines(3);
    let words = std::fs::metadata(person.data_home().join("alloquy-recovery-words.txt")).unwrap();
    assert_eq!(words.permissions().mode() & 0o777, 0o600);

    let answers: Vec<String> = lines
        .iter()
        .map(|line| type_line(&mut person.command("sh"), line))
        .collect();
    assert!(answers[2].contains("alloquy://join/"), "{answers:#?}");

    // A second one attaches, and its end is not the node's.
    let mut second = person.run_node();
    second
        .lines
        .find("that it attaches", |line| line.contains("running already"));
    second
        .lines
        .find("the status", |line| line.starts_with("ready: process "));
    second.end(Signal::TERM);
    let again = type_line(&mut person.command("sh"), &lines[2]);
    assert!(again.contains("alloquy://join/"), "{again}");

    assert_eq!(node.end(Signal::TERM), Some(0));
    let mut third = person.run_node();
    third
        .lines
        .find("the ready line", |line| line.starts_with("ready: account "));
    let lines = third.typed_lines(3);
    assert!(
        type_line(&mut person.command("sh"), &lines[0]).contains("Home"),
        "what was made is still there"
    );
    assert_eq!(third.end(Signal::INT), Some(0));
}

#[test]
fn without_a_display_the_node_runs_alone_and_the_reason_is_told() {
    let person = Person::new();
    let mut command = person.run();
    command.stderr(Stdio::piped());
    let mut node = Started::new(command);
    let mut told = Lines::of(node.child.stderr.take().unwrap());
    told.find("the reason", |line| {
        line.contains("neither DISPLAY nor WAYLAND_DISPLAY is set")
    });
    node.lines
        .find("the ready line", |line| line.starts_with("ready: account "));
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn where_no_window_can_be_opened_the_node_runs_alone_and_the_reason_is_told() {
    let person = Person::new();
    person.bring(driven_program(), "alloquy");
    let home = person.home.path().display().to_string();
    let mut command = person.command("env");
    // A display that nobody serves: Xvfb takes free numbers from 0 up.
    command
        .arg("DISPLAY=:64999")
        .arg(format!("ALLOQUY_WINDOW_BIN={home}/alloquy"))
        .arg(format!("{home}/run"))
        .stderr(Stdio::piped());
    let mut node = Started::new(command);
    let mut told = Lines::of(node.child.stderr.take().unwrap());
    told.find("the reason", |line| {
        line.contains("no window can be opened here")
    });
    told.find("what is missing", |line| line.contains("apt-get install"));
    told.find("what happens now", |line| line.contains("without a window"));
    node.lines
        .find("the ready line", |line| line.starts_with("ready: account "));
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn without_cargo_it_says_how_to_get_it_and_ends_with_3() {
    let home = tempdir().unwrap();
    let output = Command::new(workspace().join("run"))
        .arg("demo")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .current_dir("/")
        .output()
        .unwrap();
    if Path::new("/usr/bin/cargo").exists() {
        skip(
            "without_cargo",
            "cargo is a system package here and can not be hidden",
        );
        return;
    }
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("https://rustup.rs") && told.contains("1.95"),
        "{told}"
    );
}

#[test]
fn an_old_cargo_is_named_and_nothing_is_built() {
    let folder = tempdir().unwrap();
    let cargo = folder.path().join("cargo");
    std::fs::write(
        &cargo,
        "#!/bin/sh\necho 'cargo 1.94.9 (0123abcd 2026-01-01)'\n",
    )
    .unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let output = Command::new(workspace().join("run"))
        .env("PATH", path)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("1.94.9") && told.contains("rustup update"),
        "{told}"
    );
}

#[test]
fn what_is_built_is_what_is_run_in_the_release_profile_and_without_any_feature() {
    let folder = tempdir().unwrap();
    let home = folder.path();
    let cargo = home.join("cargo");
    // Stands for cargo: notes what it is asked for, and makes programs that say their names.
    std::fs::write(
        &cargo,
        r#"#!/bin/sh
[ "$1" = --version ] && { echo 'cargo 1.99.0 (0123abcd 2026-01-01)'; exit; }
echo "$*" >>"$HOME/asked"
mkdir -p "$CARGO_TARGET_DIR/release"
for name in alloquy alloquy-node; do
    printf '#!/bin/sh\necho "%s $1"\n' "$name" >"$CARGO_TARGET_DIR/release/$name"
    chmod 755 "$CARGO_TARGET_DIR/release/$name"
done
"#,
    )
    .unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str], display: &str| {
        let output = Command::new(workspace().join("run"))
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", home.display()))
            .env("HOME", home)
            .env("DISPLAY", display)
            .env("CARGO_TARGET_DIR", home.join("target"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            std::fs::read_to_string(home.join("asked")).unwrap(),
        )
    };
    let (said, asked) = run(&["node"], "");
    assert!(said.ends_with("alloquy-node watch\n"), "{said}");
    assert!(
        !asked.contains("--bin alloquy "),
        "a node needs no window: {asked}"
    );
    std::fs::remove_file(home.join("target/release/alloquy")).unwrap();
    let (said, asked) = run(&["alloquy://join/abc"], ":64999");
    assert_eq!(said, "alloquy --data\n");
    assert!(
        asked.contains("build --profile release --locked"),
        "{asked}"
    );
    assert!(asked.contains("-p alloquy --bin alloquy -p alloquy-headless --bin alloquy-node"));
    // Without the window that is there, what both share would be built anew.
    let (said, asked) = run(&["node"], "");
    assert!(said.ends_with("alloquy-node watch\n"), "{said}");
    let last = asked.lines().last().unwrap();
    assert!(
        last.contains("-p alloquy-headless --bin alloquy-node -p alloquy --bin alloquy "),
        "{last}"
    );
    assert!(!asked.contains("feature"), "{asked}");
}

#[test]
fn help_and_mistakes_are_answered_without_building() {
    let run = |argument: &str| {
        Command::new(workspace().join("run"))
            .arg(argument)
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap()
    };
    let help = run("help");
    assert!(
        help.status.success()
            && String::from_utf8(help.stdout)
                .unwrap()
                .contains("./run demo")
    );
    assert_eq!(run("fly").status.code(), Some(2));
}
