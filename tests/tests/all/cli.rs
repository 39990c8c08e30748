//! The command line by real processes: shapes, exit codes, and every way in which a node can be missing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use alloquy_tests::{Ended, LOOPBACK, Peer, eventually, run_node};
use tempfile::tempdir;

fn init(data: &Path, rest: &[&str]) -> Ended {
    let data = data.display().to_string();
    run_node([&["init", "--data", &data, "--name", "Ana"], rest].concat())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_account_is_made_once_and_its_words_are_given_once() {
    let root = tempdir().unwrap();
    let data = root.path().join("ana");
    let made = init(&data, &["--json"]).told().done();
    let words: Vec<&str> = made["recovery"].as_str().unwrap().split(' ').collect();
    assert_eq!(words.len(), 12, "{made}");
    assert_eq!(made["account"].as_str().unwrap().len(), 52, "{made}");
    assert_eq!(mode(&data), 0o700);
    // The store writes a word or two of its own in clear, and "system" is one of the 2,048.
    let other = root.path().join("other");
    init(&other, &["--json"]).told().done();
    let telling = |word: &&&str| word.len() > 5 && !folder_holds(&other, word);
    for word in words.iter().filter(telling) {
        assert!(!folder_holds(&data, word), "the words are not kept: {word}");
    }

    assert_eq!(init(&data, &["--json"]).told().error(), "exists");
}

fn folder_holds(folder: &Path, word: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        bytes
            .windows(word.len())
            .any(|window| window == word.as_bytes())
    })
}

#[test]
fn the_recovery_file_is_private_and_never_overwrites() {
    let root = tempdir().unwrap();
    let data = root.path().join("ana");
    let file = root.path().join("words.txt");
    let flag = file.display().to_string();

    let made = init(&data, &["--json", "--recovery-file", &flag])
        .told()
        .done();
    assert!(made.get("recovery").is_none(), "given once: {made}");
    assert_eq!(mode(&file), 0o600);
    let words = std::fs::read_to_string(&file).unwrap();
    assert_eq!(words.trim_end().split(' ').count(), 12, "{words:?}");

    let second = root.path().join("ben");
    assert_eq!(
        init(&second, &["--json", "--recovery-file", &flag])
            .told()
            .error(),
        "exists"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), words);
    assert!(
        !second.exists(),
        "no account is made whose words can not be given"
    );
}

#[test]
fn without_a_terminal_nothing_prompts_and_no_account_is_made_in_vain() {
    let root = tempdir().unwrap();
    let data = root.path().join("ana");
    let ended = init(&data, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--recovery-file"), "{ended:?}");
    assert!(!data.exists());

    let file = root.path().join("words");
    let ended = init(&data, &["--recovery-file", &file.display().to_string()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let words = std::fs::read_to_string(file).unwrap();
    assert!(
        !ended.stdout.contains(words.split(' ').next().unwrap())
            || ended.stdout.contains("words are in"),
        "{ended:?}"
    );
}

#[test]
fn a_node_that_does_not_run_is_not_running() {
    let root = tempdir().unwrap();
    let peer = Peer::init(root.path(), "ana");
    assert_eq!(peer.status().error(), "not_running");
    assert_eq!(peer.refused("communities"), "not_running");
    let nowhere = root.path().join("nowhere").display().to_string();
    assert_eq!(
        run_node(["status", "--data", &nowhere, "--json"])
            .told()
            .error(),
        "not_running"
    );
    let plain = run_node(["status", "--data", &nowhere]);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(1), ""));
    assert!(plain.stderr.contains("not_running"), "{plain:?}");
    assert!(
        !root.path().join("nowhere").exists(),
        "looking makes nothing"
    );
}

#[test]
fn a_line_that_does_not_parse_ends_with_2_whether_a_node_runs_or_not() {
    let root = tempdir().unwrap();
    let data = root.path().display().to_string();
    for line in [
        "fly",
        "send",
        "send a/b \"open",
        "history a/b --last many",
        "#general",
        "",
    ] {
        let ended = run_node(["do", "--data", &data, "--json", line]);
        assert_eq!(ended.told().error(), "parse", "{line}");
    }
}

#[test]
fn a_node_says_one_line_when_ready_and_ends_cleanly_on_either_signal() {
    let root = tempdir().unwrap();
    let mut peer = Peer::init(root.path(), "ana");
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let mut lines = peer.launch();
        let ready = lines.next_line().unwrap();
        assert!(
            ready.starts_with("ready: account ") && ready.contains("/ip4/127.0.0.1/"),
            "{ready}"
        );
        let status = peer.status().done();
        assert_eq!(status["ready"], true, "{status}");
        assert!(
            ready.contains(status["account"].as_str().unwrap()),
            "{ready} {status}"
        );
        assert_eq!(status["pid"], peer.child().unwrap().id(), "{status}");
        peer.end_with(signal);
        assert_eq!(lines.next_line(), None, "nothing follows the ready line");
        assert_eq!(peer.status().error(), "not_running");
    }
}

#[test]
fn a_killed_node_is_not_running_at_once_and_starts_again() {
    let root = tempdir().unwrap();
    let mut peer = Peer::started(root.path(), "ana");
    let (mut watch, mut lines) = peer.watch();
    peer.kill();
    // The socket's file is still there: stale.
    assert_eq!(peer.status().error(), "not_running");
    assert_eq!(peer.refused("communities"), "not_running");
    let last = lines.find("the error", |line| line.contains("\"error\""));
    assert!(last.contains("not_running"), "{last}");
    assert_eq!(watch.wait().unwrap().code(), Some(1));

    peer.start();
    peer.line("communities");
}

#[test]
fn a_second_process_on_one_directory_is_refused_and_harms_nothing() {
    let root = tempdir().unwrap();
    let peer = Peer::started(root.path(), "ana");
    peer.line("create-community Home");
    let data = peer.folder().display().to_string();
    let second = run_node([&["run", "--data", &data], LOOPBACK].concat());
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.stderr.contains("in_use") && second.stdout.is_empty(),
        "{second:?}"
    );
    let again = run_node(["init", "--data", &data, "--name", "Eve", "--json"])
        .told()
        .error();
    assert!(["in_use", "exists"].contains(&again.as_str()), "{again}");

    let communities = peer.line("communities");
    assert_eq!(
        communities["communities"][0]["name"], "Home",
        "{communities}"
    );
}

#[test]
fn a_passphrase_locks_the_store() {
    let root = tempdir().unwrap();
    let right = root.path().join("right");
    let wrong = root.path().join("wrong");
    std::fs::write(&right, "correct horse\n").unwrap();
    std::fs::write(&wrong, "battery staple\n").unwrap();
    let data = root.path().join("ana");
    init(
        &data,
        &["--json", "--passphrase-file", &right.display().to_string()],
    )
    .told()
    .done();

    let data_text = data.display().to_string();
    for with in [&["--passphrase-file", wrong.to_str().unwrap()][..], &[]] {
        let refused = run_node([&["run", "--data", &data_text], LOOPBACK, with].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("wrong_passphrase") && refused.stdout.is_empty(),
            "{refused:?}"
        );
    }

    let arguments = [LOOPBACK, &["--passphrase-file", right.to_str().unwrap()]].concat();
    let mut peer = Peer::at(&data).with_arguments(&arguments);
    peer.start();
    peer.stop();
}

#[test]
fn doctor_warns_about_a_key_file_and_names_what_is_broken() {
    let root = tempdir().unwrap();
    let peer = Peer::init(root.path(), "ana");
    let data = peer.folder().display().to_string();
    let healthy = run_node(["doctor", "--data", &data, "--json"]).told();
    let report = healthy.done().to_string();
    assert!(
        report.contains("at-rest-key") && report.contains("warn"),
        "{report}"
    );

    let nothing = root.path().join("nothing").display().to_string();
    let broken = run_node(["doctor", "--data", &nothing, "--json"]).told();
    assert_eq!(broken.code, Some(1), "{}", broken.value);
}

#[test]
fn watch_prints_what_happens_as_one_object_a_line() {
    let root = tempdir().unwrap();
    let peer = Peer::started(root.path(), "ana");
    let community = peer.line("create-community Home")["community"]
        .as_str()
        .unwrap()
        .to_owned();
    let channel = peer.line("create-channel Home text general")["channel"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut watch, mut lines) = peer.watch();
    // A watch begins at some moment after its start: say something until it is heard.
    let heard = eventually("an event of a message", || {
        let sent = peer.line("send Home/general \"one\\ntwo\"")["message"]
            .as_str()
            .unwrap()
            .to_owned();
        std::iter::from_fn(|| lines.within(Duration::from_secs(2)))
            .find(|line| line.contains("message-added") && line.contains(&sent))
    });
    let event: serde_json::Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(event["event"], "message-added", "{event}");
    assert_eq!(event["community"], community.as_str(), "{event}");
    assert_eq!(event["channel"], channel.as_str(), "{event}");
    assert_eq!(event["message"]["text"], "one\ntwo", "{event}");
    assert_eq!(
        event["message"]["author"],
        peer.account().as_str(),
        "{event}"
    );
    watch.kill().unwrap();
    watch.wait().unwrap();
}
