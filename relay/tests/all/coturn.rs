//! coturn as `alloquy-relay turn` runs it, in a network of its own with addresses that look global: used by coturn's
//! own client, killed, and asked for what it must not do.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::turn_client::{Answered, Turn};

/// Where it listens in the namespace, and a peer beside it.
const SERVER: &str = "45.83.1.2";
const PEER: &str = "45.83.1.3";
/// Far above what anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Says why a test is not run; where tests must run, that is an error.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test}: {why}");
    println!("{test} is skipped: {why}");
    // `./test` gathers these, and counts them.
    if let Ok(path) = std::env::var("ALLOQUY_SKIPS") {
        let file = fs::File::options().append(true).create(true).open(path);
        let line = format!("SKIPPED {test}: {why}\n");
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

fn has(program: &str) -> bool {
    let run = Command::new("which").arg(program).output();
    run.is_ok_and(|output| output.status.success())
}

fn ran(words: &[&str]) -> bool {
    let run = Command::new(words[0]).args(&words[1..]).output();
    run.is_ok_and(|output| output.status.success())
}

/// A network namespace with two global-looking addresses on its loopback, and no way out.
pub(crate) struct Space(String);

impl Space {
    pub(crate) fn new(test: &str) -> Option<Self> {
        for program in ["turnserver", "turnutils_uclient", "ip"] {
            if !has(program) {
                skip(
                    test,
                    &format!("{program} is missing (Debian: coturn, iproute2)"),
                );
                return None;
            }
        }
        let name = format!("alqturn-{}-{test}", std::process::id());
        if !ran(&["ip", "netns", "add", &name]) {
            skip(test, "network namespaces need root");
            return None;
        }
        let space = Self(name);
        assert!(ran(&[
            "ip", "-n", &space.0, "link", "set", "dev", "lo", "up"
        ]));
        for address in [SERVER, PEER] {
            let address = format!("{address}/32");
            assert!(ran(&[
                "ip", "-n", &space.0, "addr", "add", &address, "dev", "lo"
            ]));
        }
        Some(space)
    }

    /// What moves a thread into the namespace; sockets stay where they were made.
    pub(crate) fn entering(&self) -> impl FnOnce() + Send + 'static {
        let file = fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
        move || {
            let network = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(file.as_fd(), Some(network)).unwrap();
        }
    }

    /// Does something with sockets of the namespace, on a thread that ends.
    pub(crate) fn inside<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> T {
        let enter = self.entering();
        let moved = std::thread::spawn(move || {
            enter();
            what()
        });
        moved.join().unwrap()
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command.stdin(Stdio::null());
        command
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program).args(arguments).output().unwrap()
    }

    /// Coturn's own client: its clients send 20 messages each to each other through their allocations. Whether all
    /// came back.
    pub(crate) fn uclient(&self, more: &[&str], username: &str, password: &str) -> (bool, String) {
        let bounded = ["60", "turnutils_uclient"];
        let arguments = ["-n", "20", "-m", "2", "-y", "-u", username, "-w", password];
        let arguments = [&bounded, &arguments[..], more, &[SERVER]].concat();
        let output = self.output("timeout", &arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let last = |name: &str| {
            let (_, after) = text.rsplit_once(name)?;
            let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u32>().ok()
        };
        let (sent, received) = (last("tot_send_msgs="), last("tot_recv_msgs="));
        let good = output.status.success() && sent > Some(0) && received >= sent;
        (good, text)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        ran(&["ip", "netns", "delete", &self.0]);
    }
}

/// `alloquy-relay turn` in a namespace.
struct Running {
    child: Child,
    dir: tempfile::TempDir,
    figures: String,
    config: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // `ip netns exec` becomes the program itself, so this is its process.
        ran(&["kill", "-TERM", &self.child.id().to_string()]);
        drop(self.child.wait());
    }
}

impl Running {
    fn start(space: &Space, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("turn.toml");
        let text = format!(
            "data_dir = \"data\"\nrealm = \"turn.example.org\"\nlisten = [\"{SERVER}\"]\nrelay_ports = [50000, 50200]\n{more}"
        );
        fs::write(&config, text).unwrap();
        let admitted = dir.path().join("admitted");
        fs::write(&admitted, format!("{}\n", super::turn_desk::key(1))).unwrap();
        let mut child = space
            .command(env!("CARGO_BIN_EXE_alloquy-relay"))
            .args([
                "turn",
                "--listen=/ip4/127.0.0.1/tcp/0",
                "--metrics=127.0.0.1:9101",
            ])
            .arg("--config")
            .arg(&config)
            .arg("--admit")
            .arg(&admitted)
            .arg("--key")
            .arg(dir.path().join("key"))
            .env("ALLOQUY_LOG", "info,coturn=debug")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let lines: Vec<String> = out.lines().take(3).map(Result::unwrap).collect();
        let log = || fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(lines.len() == 3, "{lines:?} {}", log());
        let figures = lines[2]
            .strip_prefix("figures: ")
            .expect(&lines[2])
            .to_owned();
        let running = Self {
            child,
            dir,
            figures,
            config,
        };
        running.until(space, "it answers", |running| {
            running.figure(space, "turn_up") == Some(1)
        });
        running
    }

    fn until(&self, _: &Space, what: &str, mut good: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !good(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn figure(&self, space: &Space, name: &str) -> Option<u64> {
        let output = space.output("curl", &["-s", &self.figures]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text
            .lines()
            .find(|line| {
                line.split(' ').next().is_some_and(|word| {
                    word == format!("alloquy_relay_{name}")
                        || word == format!("alloquy_relay_{name}_total")
                })
            })?
            .to_owned();
        line.split(' ').nth(1)?.parse().ok()
    }

    fn credential(&self, account: &str) -> (String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_alloquy-relay"))
            .args(["turn", "credential", "--account", account, "--config"])
            .arg(&self.config)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |name: &str| {
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {text}"))
                .to_owned()
        };
        (value("username: "), value("password: "))
    }

    fn secret(&self) -> String {
        let text = fs::read_to_string(self.dir.path().join("data/secrets")).unwrap();
        text.lines()
            .next()
            .unwrap()
            .split_once(' ')
            .unwrap()
            .1
            .to_owned()
    }

    fn coturn_pid(&self) -> Option<u32> {
        let path = self.dir.path().join("data/turnserver.pid");
        fs::read_to_string(path).ok()?.trim().parse().ok()
    }
}

/// Whether a process runs: who has ended and was not asked how has no command line any more.
fn runs(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}

fn certificate(dir: &Path) -> String {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let (cert_text, key_text) = (cert.display().to_string(), key.display().to_string());
    assert!(ran(&[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=turn.example.org",
        "-keyout",
        &key_text,
        "-out",
        &cert_text,
    ]));
    format!("tls_port = 443\ntls_cert = \"{cert_text}\"\ntls_key = \"{key_text}\"\n")
}

#[test]
fn coturn_serves_those_with_a_credential_over_udp_tcp_and_tls_and_nobody_else() {
    let Some(space) = Space::new("serves") else {
        return;
    };
    let certs = tempfile::tempdir().unwrap();
    let running = Running::start(&space, &certificate(certs.path()));
    let (username, password) = running.credential("ana");
    for more in [&[][..], &["-t"]] {
        let (good, text) = space.uclient(more, &username, &password);
        assert!(good, "{more:?}: {text}\n{}", running.log());
    }
    let by_tls = Turn::allocate_by_tls(&space, SERVER, &username, &password);
    let mut by_tls = by_tls.unwrap_or_else(|why| panic!("{why:?} {}", running.log()));
    assert!(by_tls.relayed.is_some());
    assert_eq!(by_tls.permit(&PEER.parse().unwrap()), Answered::Success);
    let secret = alloquy_relay::turn::Secret::parse(&running.secret()).unwrap();
    let (_, account) = username.split_once(':').unwrap();
    let expired = format!("1700000000:{account}");
    let of_expired = alloquy_relay::turn::password_of(&secret, &expired);
    let ben = username.replace("ana", "ben");
    for (name, password) in [
        (expired.as_str(), of_expired.as_str()),
        (&username, "bm90IHRoZSBwYXNzd29yZCBhdCBhbGw="),
        (&ben, &password),
    ] {
        let (good, text) = space.uclient(&[], name, password);
        assert!(!good, "{name} must be refused: {text}");
        let answered = Turn::allocate(&space, SERVER, name, password);
        assert_eq!(answered.err(), Some(Answered::Error(401)), "{name}");
        let answered = Turn::allocate_by_tls(&space, SERVER, name, password);
        assert_eq!(
            answered.err(),
            Some(Answered::Error(401)),
            "{name} over TLS"
        );
    }
    assert!(
        !running.log().contains(PEER) && !running.log().contains(&username),
        "{}",
        running.log()
    );
}

#[test]
fn coturn_sends_nothing_to_private_addresses() {
    let Some(space) = Space::new("denied") else {
        return;
    };
    let running = Running::start(&space, "");
    let (username, password) = running.credential("ana");
    let mut turn = Turn::allocate(&space, SERVER, &username, &password).unwrap();
    assert_eq!(turn.permit(&PEER.parse().unwrap()), Answered::Success);
    for denied in [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "172.16.9.9",
    ] {
        assert_eq!(
            turn.permit(&denied.parse().unwrap()),
            Answered::Error(403),
            "{denied}"
        );
    }
}

#[test]
fn a_killed_coturn_is_back_within_seconds_and_the_figures_say_so() {
    let Some(space) = Space::new("killed") else {
        return;
    };
    let running = Running::start(&space, "");
    assert_eq!(running.figure(&space, "turn_restarts"), Some(0));
    let since = running.figure(&space, "turn_up_since_seconds").unwrap();
    assert!(since > 1_700_000_000);
    let (username, password) = running.credential("ana");
    let first = running.coturn_pid().unwrap();
    let began = Instant::now();
    assert!(ran(&["kill", "-KILL", &first.to_string()]));
    running.until(&space, "it is back", |running| {
        running.figure(&space, "turn_restarts") == Some(1)
            && running.figure(&space, "turn_up") == Some(1)
    });
    println!("coturn was back after {:?}", began.elapsed());
    assert_ne!(running.coturn_pid(), Some(first));
    let (good, text) = space.uclient(&[], &username, &password);
    assert!(good, "the same credential still serves: {text}");
    let (second, pid) = (
        running.coturn_pid().unwrap(),
        running.child.id().to_string(),
    );
    let mut running = running;
    assert!(ran(&["kill", "-TERM", &pid]));
    assert!(running.child.wait().unwrap().success(), "{}", running.log());
    assert!(!runs(second), "it ends with its supervisor");
}

#[test]
fn a_coturn_that_outlived_its_supervisor_is_ended_by_the_next() {
    let Some(space) = Space::new("leftover") else {
        return;
    };
    let mut running = Running::start(&space, "");
    let left = running.coturn_pid().unwrap();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert!(runs(left), "SIGKILL of the supervisor leaves it");
    let child = space
        .command(env!("CARGO_BIN_EXE_alloquy-relay"))
        .args([
            "turn",
            "--listen=/ip4/127.0.0.1/tcp/0",
            "--metrics=127.0.0.1:9101",
        ])
        .arg("--config")
        .arg(&running.config)
        .arg("--admit")
        .arg(running.dir.path().join("admitted"))
        .arg("--key")
        .arg(running.dir.path().join("key"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    running.child = child;
    running.until(&space, "the next one serves", |running| {
        running.figure(&space, "turn_up") == Some(1)
            && running.coturn_pid().is_some_and(|pid| pid != left)
    });
    assert!(!runs(left));
}

#[test]
fn a_new_secret_serves_without_a_restart_and_the_last_one_beside_it() {
    let Some(space) = Space::new("rotates") else {
        return;
    };
    let running = Running::start(&space, "");
    let (old_name, old_password) = running.credential("ana");
    let pid = running.coturn_pid();
    // As if a day had passed since the secret was made.
    let path = running.dir.path().join("data/secrets");
    let text = fs::read_to_string(&path).unwrap();
    let (since, secret) = text.trim().split_once(' ').unwrap();
    let since: u64 = since.parse().unwrap();
    fs::write(&path, format!("{} {secret}\n", since - 24 * 3600)).unwrap();
    running.until(&space, "a new secret", |running| {
        running.figure(&space, "turn_rotations") == Some(1)
    });
    assert_ne!(running.secret(), secret);
    let (name, password) = running.credential("ana");
    assert_ne!(password, old_password);
    for (name, password) in [(&name, &password), (&old_name, &old_password)] {
        let (good, text) = space.uclient(&[], name, password);
        assert!(good, "{text}\n{}", running.log());
    }
    assert_eq!(running.coturn_pid(), pid, "no restart");
}
