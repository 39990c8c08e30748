//! What concerns the person alone, through real windows: a second device, and a friend who is verified, or written
//! to while away.

use alloquy_tests::{LOOPBACK, Peer, Screen, Window, eventually};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::{begin, draft, on, opened};
use crate::home::{Home, free_port};

/// Bytes of a pairing link with no address in it.
const WITHOUT_ADDRESS: usize = 110;

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

/// Two windows of one person, the second linked by the first: each on its own screen, for a window that lies under
/// another one draws nothing.
struct Devices {
    first: Window,
    second: Window,
    screens: [Screen; 2],
    data: [TempDir; 2],
}

/// Ana's community with a message, and a second device of hers. `None`: windows can not be shown here.
fn two_devices(test: &str) -> Option<Devices> {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    let (screen, mut first) = opened(test, &on(&one))?;
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

    let other = Screen::start().unwrap();
    let mut second = Window::open(&other, on(&two)).unwrap();
    come_back(&mut second);
    second.paste("Code or link", &link);
    second.click("Link this computer");
    first.sees_part("The other device is one of yours now");
    first.click("Done");
    first.press("Escape");
    second.must(&json!({"do": "click", "part": "Home"}));
    // Which channel stands first is known only when all of them have come.
    second.must(&json!({"do": "click", "part": "channel general"}));
    second.sees_part("written before");
    Some(Devices {
        first,
        second,
        screens: [screen, other],
        data: [one, two],
    })
}

/// Chooses to come back with an account. A window that has just opened may still move under the pointer, so that a
/// click meets nothing: then it is clicked again.
fn come_back(window: &mut Window) {
    eventually("the code is asked for", || {
        let click = json!({"do": "click", "name": "I already have an account", "wait_ms": 1_000});
        // Once it was clicked it is not there any more.
        let _gone = window.ask(&click);
        let field = json!({"do": "find", "name": "Code or link", "wait_ms": 3_000});
        window.ask(&field).ok()
    });
}

fn say(window: &mut Window, text: &str) {
    window.compose().write(text);
    window.press("Enter");
}

#[test]
fn a_second_window_becomes_a_device_by_the_link_that_the_first_shows() {
    let Some(mut devices) = two_devices("a second device") else {
        return;
    };
    let Devices { first, second, .. } = &mut devices;
    say(second, "from the second");
    first.sees_part("from the second");
    second.close();
    first.close();
}

#[test]
fn a_second_device_that_is_lost_is_ended_from_the_first_and_says_so() {
    let Some(mut devices) = two_devices("a lost device") else {
        return;
    };
    let Devices {
        first,
        second,
        screens,
        data,
    } = &mut devices;
    say(second, "while it was mine");
    first.sees_part("while it was mine");

    settings(first, "Devices");
    first.must(&json!({"do": "click", "part": "End ", "role": "Button", "nth": -1}));
    first.sees_part("can not write in your name any more");
    first.click("End the device");
    first.sees_part("The device was ended");
    first.press("Escape");

    // The other one says so without being asked, and nothing can be written there.
    second.sees_part("This device was ended");
    second.must(&json!({"do": "gone", "role": "MultilineTextInput"}));
    second.sees_part("while it was mine");
    say(first, "after the loss");
    first.sees_part("after the loss");
    first.must(&json!({"do": "gone", "part": "(Sending)"}));
    assert!(!second.tree().contains("after the loss"));
    // What is here stays readable over a restart, and so does the word that nothing can be written.
    second.close();
    let mut again = Window::open(&screens[1], on(&data[1])).unwrap();
    again.sees_part("This device was ended");
    again.sees_part("while it was mine");
    assert!(!again.tree().contains("after the loss"));
    assert_eq!(draft(first), "");
}

/// Begins in a community of its own, with an invite to it on the clipboard.
fn inviting(window: &mut Window, name: &str) -> String {
    begin(window, name);
    found(window);
    window.must(&json!({"do": "click", "part": "menu of the community"}));
    window.click("Invite people");
    window.sees("The invite link as a picture to scan");
    window.click("Copy");
    let link = window.copied();
    window.press("Escape");
    link
}

#[test]
fn what_is_written_while_a_friends_window_is_closed_waits_at_the_home_node() {
    let root = tempdir().unwrap();
    let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
    let Some((screen, mut ana)) = opened("a home node", &on(&here)) else {
        return;
    };
    let other = Screen::start().unwrap();
    let mut ben = Window::open(&other, on(&there)).unwrap();
    let link = inviting(&mut ana, "Ana");
    begin(&mut ben, "Ben");
    ben.click("Join with a link");
    ben.paste("Invite link", &link);
    ben.sees("Ana invites you");
    ben.click("Join Home");
    ben.sees("Home, menu of the community");

    let home = Home::started(root.path(), free_port());
    // One that was made before it listened anywhere says nothing of where it is.
    let link = eventually("a link says where the home node is", || {
        let code = home.peer.line("home code");
        let link = code["link"].as_str()?.to_owned();
        (link.len() > WITHOUT_ADDRESS).then_some(link)
    });
    settings(&mut ana, "Home nodes");
    ana.click("Pair a home node");
    ana.paste("Code or link of the home node", &link);
    ana.click("Pair");
    ana.sees_part("The home node is yours now");
    ana.click("Done");
    ana.sees_part("connected now");
    ana.press("Escape");

    ana.must(&json!({"do": "click", "part": "Direct messages", "role": "Button"}));
    ana.press("Ctrl+N");
    ana.must(&json!({"do": "click", "part": "Ben, from Home"}));
    ana.click("Write to Ben");
    ana.sees("Message Ben");
    say(&mut ana, "are you there?");
    ben.must(&json!({"do": "click", "part": "Direct messages", "role": "Button"}));
    ben.must(&json!({"do": "click", "part": "Message requests"}));
    ben.click("Accept");
    ben.sees_part("are you there?");
    say(&mut ben, "not for long");
    ana.sees_part("not for long");
    eventually(
        "both are connected to the home node, which keeps all",
        || {
            let status = home.peer.line("home status");
            let kept = status["home"]["keeps"].as_array()?.len();
            let peers = home.peer.status().done()["peers"].as_array()?.len();
            (kept >= 2 && peers >= 2).then_some(())
        },
    );

    ben.close();
    say(&mut ana, "written while you are away");
    ana.sees_part("On its way: 1 other device or home node holds it");
    ana.close();
    let mut ben = Window::open(&other, on(&there)).unwrap();
    ben.sees_part("written while you are away");
    say(&mut ben, "and I answer while you are");
    ben.sees_part("On its way: 1 other device or home node holds it");
    ben.close();
    let mut ana = Window::open(&screen, on(&here)).unwrap();
    ana.sees_part("and I answer while you are");
    ana.sees_part("Delivered to a device of somebody who may read it");
    ana.close();
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
    eventually("the friend is asked", || {
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

#[test]
fn strangers_find_each_other_by_contact_links_without_a_community() {
    let root = tempdir().unwrap();
    let data = tempdir().unwrap();
    let Some((_screen, mut window)) = opened("contact links", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    found(&mut window);
    settings(&mut window, "People");
    window.must(&json!({"do": "click", "part": "Your contact link", "role": "Button"}));
    window.sees("Your contact link as a picture to scan");
    window.click("Copy");
    let link = window.copied();
    assert!(link.starts_with("alloquy://contact/"), "{link}");

    // By her link, from a program without a window: a request, until she accepts.
    let ben = Peer::started(root.path(), "ben");
    ben.line(&format!("contact add {link}"));
    ben.line("send @Ana \"I have your link\"");
    // By somebody else's link, pasted into the same sheet.
    let cleo = Peer::started(root.path(), "cleo");
    let theirs = cleo.line("contact link")["contact"]
        .as_str()
        .unwrap()
        .to_owned();
    window.must(&json!({"do": "click", "part": "Add somebody"}));
    window.paste("Their contact link", &theirs);
    window.click("Add and write");
    window.must(&json!({"do": "find", "role": "MultilineTextInput"}));
    say(&mut window, "and I have yours");
    eventually("she is asked", || {
        let requests = cleo.line("dm requests").to_string();
        requests.contains("and I have yours").then_some(())
    });
    window.must(&json!({"do": "click", "part": "Message requests"}));
    window.sees_part("I have your link");
    window.click("Accept");
    window.sees("Message ben");
    say(&mut window, "welcome");
    ben.reads(
        "@Ana",
        &["I have your link".to_owned(), "welcome".to_owned()],
    );
    window.close();
}
