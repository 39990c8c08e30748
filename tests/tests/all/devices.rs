//! An account on several devices, and coming back with nothing but the recovery words, over real sockets.

use std::path::Path;

use alloquy_tests::{Peer, Told};
use tempfile::tempdir;

use crate::lan::Namespace;

/// A directory without an account.
pub(crate) fn blank(root: &Path, name: &str) -> Peer {
    Peer::at(&root.join(name))
}

fn field(told: &Told, name: &str) -> String {
    told.value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {}", told.value))
        .to_owned()
}

fn message(told: &Told) -> String {
    assert_ne!(told.code, Some(0), "{}", told.value);
    told.value["error"]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("an error in {}", told.value))
        .to_owned()
}

fn shown(peer: &Peer, what: &str) -> String {
    let shown = peer.line("device link");
    shown[what].as_str().unwrap().to_owned()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A community of two, with one message.
fn club(ana: &Peer, ben: &Peer) {
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    ben.line(&format!("join {}", ana.invite("Home")));
    ana.line("send Home/general \"before\"");
    ben.reads("Home/general", &texts(&["before"]));
}

#[test]
fn devices_are_linked_by_a_link_and_are_as_good_as_the_first() {
    let root = tempdir().unwrap();
    let ana = Peer::started(root.path(), "ana");
    let ben = Peer::started(root.path(), "ben");
    club(&ana, &ben);
    let link = shown(&ana, "link");

    let mut phone = blank(root.path(), "phone");
    let made = phone.init_with(&["--link", &link, "--name", "phone"], "");
    assert_eq!(made.code, Some(0), "{}", made.value);
    assert_eq!(field(&made, "account"), ana.account());
    phone.start();
    phone.reads("Home/general", &texts(&["before"]));

    // One code, one device; and a directory has one account.
    let mut tablet = blank(root.path(), "tablet");
    let used = tablet.init_with(&["--link", &link], "");
    assert!(
        message(&used).contains("was used already"),
        "{}",
        used.value
    );
    let again = phone.init_with(&["--link", &link], "");
    assert_eq!(again.value["error"]["code"], "in_use", "{}", again.value);

    // The third is linked by the second, while the first is away.
    let link = shown(&phone, "link");
    drop(ana);
    let made = tablet.init_with(&["--link", &link], "");
    assert_eq!(made.code, Some(0), "{}", made.value);
    tablet.start();
    tablet.reads("Home/general", &texts(&["before"]));
    tablet.line("send Home/general \"from the tablet\"");
    let both = texts(&["before", "from the tablet"]);
    ben.reads("Home/general", &both);
    phone.reads("Home/general", &both);
    assert_eq!(tablet.account(), phone.account());
    let devices = tablet.line("devices");
    assert_eq!(devices["devices"].as_array().unwrap().len(), 3, "{devices}");
}

#[test]
fn a_device_is_linked_by_a_short_code_on_a_local_network_without_a_way_out() {
    let Some(namespace) = Namespace::new("short code") else {
        return;
    };
    let root = tempdir().unwrap();
    let mut ana = namespace.peer(root.path(), "ana");
    ana.start();
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    ana.line("send Home/general \"before\"");
    let code = shown(&ana, "code");

    // A wrong code ends it, and both sides say so.
    let (start, last) = code.rsplit_once('-').unwrap();
    let other = if last == "river" { "anchor" } else { "river" };
    let mut phone = namespace.within(blank(root.path(), "phone"));
    let wrong = phone.init_with(&["--link", &format!("{start}-{other}")], "");
    assert!(
        message(&wrong).contains("the code is wrong"),
        "{}",
        wrong.value
    );
    let late = phone.init_with(&["--link", &code], "");
    assert!(message(&late).contains("has ended"), "{}", late.value);

    let code = shown(&ana, "code");
    let made = phone.init_with(&["--link", &code, "--name", "phone"], "");
    assert_eq!(made.code, Some(0), "{}", made.value);
    phone.start();
    phone.reads("Home/general", &texts(&["before"]));
    phone.line("send Home/general \"after\"");
    ana.reads("Home/general", &texts(&["before", "after"]));
}

#[test]
fn an_account_comes_back_from_a_member_when_its_devices_are_gone() {
    let root = tempdir().unwrap();
    let ana = Peer::started(root.path(), "ana");
    let mut ben = blank(root.path(), "ben");
    let made = ben.init_with(&["--name", "ben"], "");
    let words = field(&made, "recovery");
    ben.start();
    club(&ana, &ben);
    ben.line("send Home/general \"mine\"");
    ana.reads("Home/general", &texts(&["before", "mine"]));
    let account = ben.account();
    let invite = ana.invite("Home");
    ben.kill();
    std::fs::remove_dir_all(ben.folder()).unwrap();

    let mut back = blank(root.path(), "back");
    let from = ["--restore", "--from", &invite, "--revoke-others"];
    // Wrong words say which, words of nobody say so, and nothing is left behind.
    let (first, rest) = words.split_once(' ').unwrap();
    let wrong = back.init_with(&from, &format!("{first}x {rest}\n"));
    assert!(message(&wrong).contains("word 1 is not"), "{}", wrong.value);
    assert_eq!(wrong.code, Some(2), "{}", wrong.value);
    let others = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let strange = back.init_with(&from, others);
    assert!(
        message(&strange).contains("none of the accounts"),
        "{}",
        strange.value
    );

    let made = back.init_with(&from, &format!("{words}\n"));
    assert_eq!(made.code, Some(0), "{}", made.value);
    assert_eq!(field(&made, "account"), account);
    back.start();
    back.reads("Home/general", &texts(&["before", "mine"]));
    back.line("send Home/general \"back\"");
    ana.reads("Home/general", &texts(&["before", "mine", "back"]));
    assert_eq!(back.account(), account);
}

#[test]
fn a_link_that_is_none_is_refused_before_anything_is_made() {
    let root = tempdir().unwrap();
    let phone = blank(root.path(), "phone");
    for (bad, says) in [
        ("anchor-river", "a number and 2 words"),
        ("7-anchro-river", "word 1 of the code"),
        ("alloquy://link/aaaa", "version 0"),
    ] {
        let told = phone.init_with(&["--link", bad], "");
        assert_eq!(told.code, Some(2), "{bad}: {}", told.value);
        assert!(message(&told).contains(says), "{bad}: {}", told.value);
    }
    assert!(!phone.folder().exists(), "nothing was made");
}
