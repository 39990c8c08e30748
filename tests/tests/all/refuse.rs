//! Bad input and bad luck: a clear error each, and nothing lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use alloquy_tests::{LOOPBACK, Peer, eventually, run_node, skip};
use tempfile::{TempDir, tempdir};

fn home(root: &Path) -> Peer {
    let ana = Peer::started(root, "ana");
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    ana
}

#[test]
fn invites_that_do_not_hold_are_refused_by_name() {
    let root = tempdir().unwrap();
    let ana = home(root.path());
    let [ben, cyn, dan, eve] =
        ["ben", "cyn", "dan", "eve"].map(|name| Peer::started(root.path(), name));

    for bad in [
        "alloquy://join/",
        "alloquy://join/aaaa",
        "https://example.org/join",
    ] {
        let code = ben.refused(&format!("join {bad}"));
        assert!(
            ["invite_invalid", "parse"].contains(&code.as_str()),
            "{bad}: {code}"
        );
    }
    let link = ana.invite("Home");
    // The middle of the invite's secret, and the link's end.
    let place = "alloquy://join/".len() + 130;
    let other = if link.as_bytes()[place] == b'a' {
        "b"
    } else {
        "a"
    };
    let bent = format!("{}{other}{}", &link[..place], &link[place + 1..]);
    assert_eq!(ben.refused(&format!("join {bent}")), "invite_invalid");
    let cut = &link[..link.len() - 20];
    assert_eq!(ben.refused(&format!("join {cut}")), "invite_invalid");

    let once = ana.line("invite Home --uses 1")["invite"]
        .as_str()
        .unwrap()
        .to_owned();
    ben.line(&format!("join {once}"));
    assert_eq!(cyn.refused(&format!("join {once}")), "invite_used_up");

    let revoked = ana.line("invite Home");
    ana.line(&format!(
        "revoke-invite Home {}",
        revoked["id"].as_str().unwrap()
    ));
    assert_eq!(
        dan.refused(&format!("join {}", revoked["invite"].as_str().unwrap())),
        "invite_invalid"
    );

    let short = ana.line("invite Home --expires 1ms")["invite"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(eve.refused(&format!("join {short}")), "invite_expired");

    let members = ana.line("members Home");
    assert_eq!(members["members"].as_array().unwrap().len(), 2, "{members}");
}

#[test]
fn an_invite_whose_members_are_all_away_is_a_timeout() {
    let root = tempdir().unwrap();
    let mut ana = home(root.path());
    let link = ana.invite("Home");
    ana.stop();
    let ben = Peer::started(root.path(), "ben");
    let data = ben.folder().display().to_string();
    let told = run_node([
        "do",
        "--data",
        &data,
        "--json",
        "--wait",
        "2",
        &format!("join {link}"),
    ])
    .told();
    assert_eq!(told.error(), "timeout");
}

#[test]
fn what_is_too_long_or_unknown_is_refused_with_its_code() {
    let root = tempdir().unwrap();
    let ana = home(root.path());
    assert_eq!(ana.refused("create-channel Home text general"), "exists");
    assert_eq!(ana.refused("send Home/nowhere \"x\""), "unknown_name");
    assert_eq!(ana.refused("members Nowhere"), "unknown_name");
    assert_eq!(
        ana.refused(&format!(
            "send Home/general \"{}\"",
            "x".repeat(16 * 1024 + 1)
        )),
        "limit"
    );
    ana.line(&format!("send Home/general \"{}\"", "x".repeat(16 * 1024)));
    ana.line("create-community Home");
    assert_eq!(ana.refused("members Home"), "ambiguous_name");
}

/// A file system of its own, mounted by root and unmounted when dropped.
pub(crate) struct Mounted {
    root: TempDir,
}

impl Mounted {
    /// A tmpfs of this size; `None` with the skip said when this machine does not let us mount.
    pub(crate) fn tmpfs(test: &str, size: &str) -> Option<Self> {
        let root = tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(root.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { root });
        }
        skip(test, "mounting needs root");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.path())
            .status()
            .unwrap();
        assert!(status.success(), "remount {options}");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a process that is still ending may hold it.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(),
            "umount"
        );
    }
}

/// Fills a file system to its last byte.
pub(crate) fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("ballast");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut block = vec![0_u8; 1 << 20];
    while !block.is_empty() {
        if std::io::Write::write_all(&mut file, &block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
    path
}

#[test]
fn a_full_disk_is_an_error_and_what_was_acknowledged_stays() {
    let Some(disk) = Mounted::tmpfs("full_disk", "16m") else {
        return;
    };
    let mut ana = home(disk.path());
    ana.line("send Home/general \"before\"");
    let ballast = fill(disk.path());

    let mut acknowledged = vec!["before".to_owned()];
    let refused = eventually("the store is full", || {
        let text = format!("{} {}", "x".repeat(8000), acknowledged.len());
        let told = ana.tell(&format!("send Home/general \"{text}\""));
        if told.code == Some(0) {
            acknowledged.push(text);
            return None;
        }
        Some(told)
    });
    assert_eq!(refused.error(), "storage");
    let message = refused.value["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("full") || message.contains("space"),
        "{message}"
    );

    std::fs::remove_file(ballast).unwrap();
    eventually("there is room again", || {
        (ana.tell("send Home/general \"after\"").code == Some(0)).then_some(())
    });
    acknowledged.push("after".to_owned());
    ana.stop();
    ana.start();
    ana.reads("Home/general", &acknowledged);
}

#[test]
fn a_read_only_disk_is_an_error_and_nothing_is_lost() {
    let Some(disk) = Mounted::tmpfs("read_only_mount", "64m") else {
        return;
    };
    let mut ana = home(disk.path());
    ana.line("send Home/general \"before\"");
    ana.stop();
    let data = ana.folder().display().to_string();

    disk.remount("ro");
    let refused = run_node([&["run", "--data", &data], LOOPBACK].concat());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("storage") && refused.stdout.is_empty(),
        "{refused:?}"
    );
    let fresh = disk.path().join("new").display().to_string();
    assert_eq!(
        run_node(["init", "--data", &fresh, "--name", "Ben", "--json"])
            .told()
            .error(),
        "storage"
    );

    disk.remount("rw");
    ana.start();
    ana.reads("Home/general", &["before".to_owned()]);
}

#[test]
fn a_torn_store_is_named_and_left_as_it_is() {
    let root = tempdir().unwrap();
    let mut ana = home(root.path());
    ana.line("send Home/general \"before\"");
    ana.stop();
    let data = ana.folder().display().to_string();
    let store = ana.folder().join("store.redb");
    let whole = std::fs::read(&store).unwrap();

    for torn in [
        whole[..whole.len() / 3].to_vec(),
        [&[0x5a; 4096][..], &whole[4096..]].concat(),
        Vec::new(),
        b"not a store".to_vec(),
    ] {
        std::fs::write(&store, &torn).unwrap();
        let refused = run_node([&["run", "--data", &data], LOOPBACK].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("storage") && refused.stdout.is_empty(),
            "{refused:?}"
        );
        assert!(!refused.stderr.contains("panicked"), "{refused:?}");
        assert_eq!(std::fs::read(&store).unwrap(), torn, "left as it is");
    }

    std::fs::write(&store, &whole).unwrap();
    ana.start();
    ana.reads("Home/general", &["before".to_owned()]);
}

#[test]
fn nothing_in_the_data_directory_is_readable_to_others_or_without_the_key() {
    let root = tempdir().unwrap();
    let passphrase = root.path().join("passphrase");
    std::fs::write(&passphrase, "a long one\n").unwrap();
    let flag = passphrase.display().to_string();
    let data = root.path().join("ana");
    let data_text = data.display().to_string();
    run_node([
        "init",
        "--data",
        &data_text,
        "--name",
        "Canarina",
        "--json",
        "--passphrase-file",
        &flag,
    ])
    .told()
    .done();
    let mut ana =
        Peer::at(&data).with_arguments(&[LOOPBACK, &["--passphrase-file", &flag]].concat());
    ana.start();
    ana.line("create-community Canaryville");
    ana.line("create-channel Canaryville text roost");
    ana.line("send Canaryville/roost \"a canary of yellow plumage\"");
    ana.line("topic Canaryville/roost \"canaries welcome\"");
    ana.stop();
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o077,
            0,
            "{}",
            path.display()
        );
        let bytes = std::fs::read(&path).unwrap_or_default();
        for canary in [
            "canary of yellow",
            "Canaryville",
            "roost",
            "Canarina",
            "canaries welcome",
        ] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{} holds {canary:?}", path.display());
        }
    }
}
