//! A window and a real panel that shows the signs of running programs: it stays when its window is closed.

use alloquy_tests::{Panel, Peer, Screen, eventually, skip};
use serde_json::json;
use tempfile::tempdir;

use super::{begin, on, opened_on};

#[test]
fn with_a_panel_the_program_goes_on_without_its_window_and_comes_back_by_its_sign() {
    const TEST: &str = "a panel with signs";
    let Some(mut screen) = Screen::start() else {
        return skip(TEST, "Xvfb is not installed");
    };
    let panel = match Panel::beside(&mut screen) {
        Ok(panel) => panel,
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
    let sign = eventually("the panel shows the sign", || {
        panel.signs(&screen).into_iter().next()
    });

    // Closing is asked about once, for there is a sign to come back by.
    window.close_frame();
    window.sees("Stay in the background?");
    window.click("Stay in the background");
    // Nobody sees it, and it still takes part.
    friend.line("send Home/general \"while your window is closed\"");
    eventually("it is held by the program in the background", || {
        let history = friend.line("history Home/general --last 1");
        let state = history["messages"][0]["delivery"]["state"]
            .as_str()?
            .to_owned();
        ["held", "delivered", "read"]
            .contains(&state.as_str())
            .then_some(())
    });
    assert_eq!(panel.signs(&screen), std::slice::from_ref(&sign));

    panel.click(&screen, &sign);
    window.sees_it_open_again();
    window.must(&json!({"do": "click", "part": "channel general"}));
    window.sees_part("while your window is closed");
    window.close();
    eventually("the sign goes with the program", || {
        panel.signs(&screen).is_empty().then_some(())
    });
}
