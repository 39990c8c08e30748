//! The program's command line, with what people type wrong.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use alloquy_relay::Pass;

fn relay() -> Command {
    Command::new(env!("CARGO_BIN_EXE_alloquy-relay"))
}

fn ends(arguments: &[&str]) -> Output {
    relay().args(arguments).output().unwrap()
}

/// Runs and fails with this exit code; what it says.
fn refused(arguments: &[&str], code: i32) -> String {
    let output = ends(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?} says nothing else");
    said
}

#[test]
fn bad_flags_are_told_with_their_value() {
    let said = refused(&["--open"], 2);
    assert!(said.contains("--key"), "{said}");
    let said = refused(&["--key", "k"], 2);
    assert!(
        said.contains("--admit") && said.contains("--open"),
        "{said}"
    );
    let said = refused(&["--key", "k", "--open", "--admit", "list"], 2);
    assert!(said.contains("cannot be used with"), "{said}");
    for (flag, value) in [
        ("--listen", "127.0.0.1:4101"),
        ("--announce", "relay.example.org"),
        ("--metrics", "9101"),
        ("--circuits", "0"),
        ("--reservations", "65536"),
        ("--circuit-mib", "-1"),
        ("--peer-mib-per-day", "4294967296"),
        ("--address-mib-per-day", "much"),
    ] {
        let flag_value = format!("{flag}={value}");
        let said = refused(&["--key", "k", "--open", &flag_value], 2);
        assert!(said.contains(flag) && said.contains(value), "{said}");
    }
    for (flag, value) in [("--holder", "nobody"), ("--days", "401")] {
        let flag_value = format!("{flag}={value}");
        let said = refused(&["pass", "--issuer-key", "k", &flag_value], 2);
        assert!(said.contains(flag) && said.contains(value), "{said}");
    }
    assert!(!Path::new("k").exists(), "nothing was made");
}

#[test]
fn bad_files_are_told_with_their_path_and_what_is_expected() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let listen = "--listen=/ip4/127.0.0.1/tcp/0";
    let (key, list) = (path("key"), path("list"));
    let said = refused(&["--key", &key, "--admit", &list, listen], 1);
    assert!(said.contains(&list), "{said}");
    std::fs::write(&list, "# nobody\n").unwrap();
    let said = refused(&["--key", &key, "--admit", &list, listen], 1);
    assert!(said.contains("names nobody"), "{said}");
    std::fs::write(&list, "\nfoo bar\n").unwrap();
    let said = refused(&["--key", &key, "--admit", &list, listen], 1);
    assert!(
        said.contains("line 2") && said.contains("foo bar"),
        "{said}"
    );
    std::fs::write(&key, "nonsense").unwrap();
    let said = refused(&["--key", &key, "--open", listen], 1);
    assert!(
        said.contains(&key) && said.contains("52 characters"),
        "{said}"
    );
    let said = refused(
        &[
            "--key",
            &path("new"),
            "--open",
            "--listen=/ip4/192.0.2.1/tcp/1",
        ],
        1,
    );
    assert!(said.contains("/ip4/192.0.2.1/tcp/1"), "{said}");
}

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn it_says_where_it_serves_keeps_its_name_and_ends_by_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let mut names = Vec::new();
    for _ in 0..2 {
        let child = relay()
            .args(["--listen=/ip4/127.0.0.1/tcp/0", "--open", "--key"])
            .arg(&key)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Served(child);
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let ready = lines.next().unwrap().unwrap();
        let name = ready
            .strip_prefix("ready: relay ")
            .expect(&ready)
            .to_owned();
        let address = lines.next().unwrap().unwrap();
        assert!(
            address.starts_with("/ip4/127.0.0.1/tcp/")
                && address.ends_with(&format!("/p2p/{name}")),
            "{address}"
        );
        names.push(name);
        let pid = child.0.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(told.success());
        assert!(child.0.wait().unwrap().success(), "it ends cleanly");
    }
    assert_eq!(names[0], names[1], "the key is kept");
}

#[test]
fn it_serves_though_nobody_reads_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    // Held until just before the start, so that nobody else is given the port.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    drop(held);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = relay()
        .args(["--open", &format!("--listen=/ip4/127.0.0.1/tcp/{port}")])
        .arg("--key")
        .arg(dir.path().join("key"))
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Served(child);
    let mut said = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let warned = said.next().expect("it warns").unwrap();
    assert!(warned.contains("can not be told"), "{warned}");
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("it serves");
    assert!(child.0.try_wait().unwrap().is_none(), "it goes on");
    let pid = child.0.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(told.success());
    assert!(child.0.wait().unwrap().success(), "it ends cleanly");
}

#[test]
fn a_pass_is_signed_for_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = dir.path().join("issuer").display().to_string();
    let holder = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let holder = alloquy_ids::NetworkKey(holder.verifying_key().to_bytes());
    let text = holder.to_string();
    let output = ends(&[
        "pass",
        "--issuer-key",
        &issuer,
        "--holder",
        &text,
        "--days",
        "2",
    ]);
    assert!(output.status.success(), "{output:?}");
    let pass: Pass = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(pass.holder, holder);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("issuer {}", pass.issuer)), "{said}");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = alloquy_ids::UnixMs(now.as_millis() as u64);
    assert_eq!(pass.check(holder, now), Ok(()));
}
