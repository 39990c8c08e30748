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
                "--peer",
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
