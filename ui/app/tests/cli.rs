//! The window's program before there is a window: what may be typed, and a machine without a display.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::tempdir;

fn run(home: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_alloquy"))
        .args(words)
        .env_clear()
        .env("HOME", home)
        .env("ALLOQUY_NO_KEYCHAIN", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_does_not_parse_ends_with_2_and_names_the_value() {
    let home = tempdir().expect("a folder");
    for (words, said) in [
        (&["--listen", "nowhere"][..], "nowhere"),
        (&["join/abc"], "alloquy://"),
        (&["--demo", "--attach"], "--attach"),
        (&["--what"], "--what"),
    ] {
        let output = run(home.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(told(&output).contains(said), "{words:?}: {}", told(&output));
    }
    let left = std::fs::read_dir(home.path()).expect("a folder").count();
    assert_eq!(left, 0, "nothing was made");
}

#[test]
fn without_a_display_it_ends_with_3_and_says_what_to_do() {
    let home = tempdir().expect("a folder");
    for words in [&[][..], &["--demo"], &["alloquy://join/abc"]] {
        let output = run(home.path(), words);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{words:?}: {}",
            told(&output)
        );
        for said in ["DISPLAY", "libgl1", "./run node"] {
            assert!(told(&output).contains(said), "{words:?}: {}", told(&output));
        }
    }
    let data = home.path().join(".local/share/alloquy");
    assert!(!data.join("store.redb").exists(), "no account was made");
    assert!(!data.join("window.sock").exists(), "nothing listens");
}

#[test]
fn attaching_needs_a_node_and_a_directory_that_can_be_had() {
    let home = tempdir().expect("a folder");
    let data = home.path().join("data");
    let data = data.to_str().expect("a path of text");
    let output = run(home.path(), &["--attach", "--data", data]);
    assert_eq!(output.status.code(), Some(1));
    let error = told(&output);
    assert!(
        error.contains("not_running") && error.contains(data),
        "{error}"
    );

    let output = run(home.path(), &["--data", "/proc/nothing/here"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("/proc/nothing/here"));
}
