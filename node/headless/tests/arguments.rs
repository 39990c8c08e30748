//! What the binary says about itself: help, manual page, completions, and arguments that do not fit.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]

use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_alloquy-node"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_names_every_action_and_the_exit_codes() {
    let help = text(&run(&["--help"]).stdout);
    for word in [
        "init",
        "run",
        "do",
        "watch",
        "status",
        "doctor",
        "man",
        "completions",
        "Exit codes",
        "ALLOQUY_PASSPHRASE",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    for (action, flags) in [
        (
            "init",
            vec![
                "--data",
                "--name",
                "--recovery-file",
                "--passphrase-file",
                "--json",
            ],
        ),
        (
            "run",
            vec![
                "--data",
                "--listen",
                "--no-mdns",
                "--relay",
                "--relay-pass",
                "--no-upnp",
                "--announce",
                "--peer",
                "--home",
                "--quota",
                "--page",
                "--passphrase-file",
            ],
        ),
        ("do", vec!["--data", "--json", "--wait", "<LINE>"]),
        ("watch", vec!["--data", "--json"]),
        ("status", vec!["--data", "--json"]),
        ("doctor", vec!["--data", "--json"]),
    ] {
        let help = text(&run(&[action, "--help"]).stdout);
        for flag in flags {
            assert!(help.contains(flag), "{action} {flag}: {help}");
        }
    }
}

#[test]
fn the_manual_page_and_the_completions_come_from_the_same_arguments() {
    let page = run(&["man"]);
    assert!(page.status.success());
    let page = text(&page.stdout);
    assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{page}");
    for word in [
        "alloquy\\-node",
        "COMPLETIONS",
        "\\-\\-recovery\\-file",
        "\\-\\-no\\-mdns",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef alloquy-node"),
        ("fish", "complete -c alloquy-node"),
    ] {
        let script = run(&["completions", shell]);
        assert!(script.status.success());
        assert!(text(&script.stdout).contains(mark), "{shell}");
    }
}

#[test]
fn arguments_that_do_not_fit_end_with_2_and_print_no_result() {
    for arguments in [
        &["fly"][..],
        &["status"],
        &["do", "--data", "x"],
        &["do", "--data", "x", "--wait", "soon", "communities"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_relay_and_a_pass_that_are_none_are_told_with_what_was_given() {
    let dir = std::env::temp_dir().join(format!("alloquy-arguments-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (data, pass) = (dir.join("data"), dir.join("pass"));
    let (data, pass) = (data.display().to_string(), pass.display().to_string());
    std::fs::write(&pass, "alqpass:abc").unwrap();
    let missing = format!("{pass}.missing");
    for (flag, value, words) in [
        ("--relay", "/ip4/192.0.2.1/tcp/1", "/p2p/"),
        ("--relay", "relay.example.org", "relay.example.org"),
        ("--announce", "192.0.2.1:4000", "192.0.2.1:4000"),
        ("--relay-pass", &pass, "11 characters are no pass"),
        ("--relay-pass", &missing, "No such file"),
    ] {
        let output = run(&["run", "--data", &data, flag, value]);
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{said}"
        );
        assert!(
            said.contains(value) && said.contains(words),
            "{flag}: {said}"
        );
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
