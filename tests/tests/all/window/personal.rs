//! What concerns the person alone, through real windows: a second device, and a friend who is verified.

use alloquy_tests::{LOOPBACK, Peer, Window};
use serde_json::json;
use tempfile::tempdir;

use super::{begin, opened};

/// Makes a community in a window that has just begun.
fn found(window: &mut Window) {
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    window.click("Create the community");
    window.must(&json!({"do": "click", "part": "channel general"}));
}

fn settings(window: &mut Window, page: &str) {
    window.press("Ctrl+Comma");
    window.must(&json!({"do": "click", "name": page, "role": "Button"}));
}

#[test]
fn a_second_window_becomes_a_device_by_the_link_that_the_first_shows() {
    let root = tempdir().unwrap();
    let data = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (one, two) = (data("one"), data("two"));
    let arguments = [&["--data", one.as_str()], LOOPBACK].concat();
    let Some((screen, mut first)) = opened("a second device", &arguments) else {
        return;
    };
    begin(&mut first, "Ana");
    found(&mut first);
    first.compose().write("written before");
    first.press("Enter");
    first.sees_part("written before");
    settings(&mut first, "Devices");
    first.click("Link a device");
    first.sees_part("The code is ");
    first.click("Copy");
    let link = first.copied();
    assert!(link.starts_with("alloquy://link/"), "{link}");

    let arguments = [&["--data", two.as_str()], LOOPBACK].concat();
    let mut second = Window::open(&screen, &arguments).unwrap();
    // A window that is covered whole draws nothing.
    second.must(&json!({"do": "resize", "width": 900, "height": 600}));
    second.click("I already have an account");
    second.paste("Code or link", &link);
    second.click("Link this computer");
    first.sees_part("The other device is one of yours now");
    first.click("Done");
    first.press("Escape");
    second.must(&json!({"do": "click", "part": "Home"}));
    // Which channel stands first is known only when all of them have come.
    second.must(&json!({"do": "click", "part": "channel general"}));
    second.sees_part("written before");
    second.compose().write("from the second");
    second.press("Enter");
    first.sees_part("from the second");
    second.close();
    first.close();
}

#[test]
fn a_friend_is_written_to_and_verified() {
    let root = tempdir().unwrap();
    let data = root.path().join("window");
    let arguments = [&["--data", data.to_str().unwrap()], LOOPBACK].concat();
    let Some((_screen, mut window)) = opened("a friend", &arguments) else {
        return;
    };
    begin(&mut window, "Ana");
    found(&mut window);
    window.must(&json!({"do": "click", "part": "menu of the community"}));
    window.click("Invite people");
    window.sees("The invite link as a picture to scan");
    window.click("Copy");
    let link = window.copied();
    window.press("Escape");
    let friend = Peer::started(root.path(), "ben");
    friend.line(&format!("join {link}"));

    window.must(&json!({"do": "click", "part": "Direct messages", "role": "Button"}));
    window.press("Ctrl+N");
    window.must(&json!({"do": "click", "part": "ben, from Home"}));
    window.click("Write to ben");
    window.sees("Message ben");
    window.compose().write("is it you?");
    window.press("Enter");
    let asked = |line: &str| friend.line(line).to_string();
    alloquy_tests::eventually("the friend is asked", || {
        asked("dm requests").contains("is it you?").then_some(())
    });
    friend.line("dm accept Ana");
    friend.line("send @Ana \"it is me\"");
    window.sees_part("it is me");

    window.click("About this conversation");
    window.click("Compare safety words");
    window.sees("The safety words as a picture to compare");
    window.click("They match");
    window.press("Escape");
    window.must(&json!({"do": "find", "part": "ben, online, verified"}));
    window.close();
}
