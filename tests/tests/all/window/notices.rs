//! A window and a real desktop's notifications.

use alloquy_tests::{Notices, Peer, Screen, eventually, skip};
use serde_json::json;
use tempfile::tempdir;

use super::{begin, on, opened_on};

#[test]
fn a_message_elsewhere_is_shown_by_the_desktop_and_leads_to_its_place_when_it_is_chosen() {
    const TEST: &str = "notifications of a desktop";
    let Some(mut screen) = Screen::start() else {
        return skip(TEST, "Xvfb is not installed");
    };
    let notices = match Notices::beside(&mut screen) {
        Ok(notices) => notices,
        Err(reason) => return skip(TEST, &reason),
    };
    let (data, root) = (tempdir().unwrap(), tempdir().unwrap());
    let Some(mut window) = opened_on(&screen, TEST, &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    window.click("Create the community");
    window.must(&json!({"do": "click", "part": "menu of the community"}));
    window.click("Invite people");
    window.sees("The invite link as a picture to scan");
    window.click("Copy");
    let link = window.copied();
    window.press("Escape");
    let friend = Peer::started(root.path(), "ben");
    friend.line(&format!("join {link}"));
    window.must(&json!({"do": "click", "part": "channel general"}));
    window.sees_part("This is the beginning");
    window.press("Ctrl+Shift+H");

    // What names nobody is left to those who look.
    friend.line("send Home/general \"good morning, @Anabel\"");
    friend.line("send Home/general \"@Ana come & <b>see</b>\"");
    eventually("the desktop shows it", || {
        (notices.shown(&screen) == 1).then_some(())
    });
    notices.choose(&screen);
    window.sees_part("see");
    window.sees_part("good morning");
    eventually("it is closed", || {
        notices.close(&screen);
        (notices.shown(&screen) == 0).then_some(())
    });
    let mut closed = notices.closed(&screen);
    assert_eq!(closed.len(), 1, "{closed:?}");
    let [name, title, text] = closed.remove(0);
    assert_eq!(
        (name.as_str(), title.as_str()),
        ("Alloquy", "ben in #general")
    );
    assert!(text.contains("come &amp; &lt;b&gt;see&lt;/b&gt;"), "{text}");
    window.close();
}
