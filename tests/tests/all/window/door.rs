//! The own door for IRC clients, opened from a real window.

use alloquy_tests::irc::Irc;
use serde_json::json;
use tempfile::tempdir;

use super::{begin, on, opened};
use crate::home::free_port;

fn page(window: &mut alloquy_tests::Window) {
    window.press("Ctrl+Comma");
    window.must(&json!({"do": "click", "name": "IRC", "role": "Button"}));
}

/// A client with a password says hello; what it says next is its own affair.
fn client(address: &str, password: &str) -> Irc {
    let mut irc = Irc::connect(address);
    irc.say(&format!("PASS {password}"));
    irc.say("NICK x");
    irc.say("USER x 0 * :x");
    irc
}

#[test]
fn a_person_lets_an_irc_client_in_from_the_window_and_out_again() {
    let data = tempdir().unwrap();
    let Some((screen, mut window)) = opened("a door for IRC clients", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    window.click("Create a community");
    window.fill("Name of the community", "Club");
    window.click("Create the community");
    window.must(&json!({"do": "click", "part": "channel general"}));
    let address = format!("127.0.0.1:{}", free_port());
    page(&mut window);
    window.fill("Address", &address);
    window.click("Let IRC clients in");
    window.sees_part(&format!("Open at {address}."));
    window.fill("What it is for", "WeeChat");
    window.click("Make a password");
    window.click("Copy the password");
    let password = window.copied();
    assert!(password.len() >= 20, "{password}");

    let mut irc = client(&address, &password);
    irc.hears(" 376 ");
    irc.say("JOIN #club/general");
    irc.hears(" 366 ");
    irc.say("PRIVMSG #club/general :from a terminal");
    window.press("Escape");
    window.sees_part("from a terminal");
    window.compose().write("from the window");
    window.press("Enter");
    irc.hears("from the window");

    // What was chosen is so again after a restart; the password is not shown again.
    window.close();
    irc.ends();
    let mut window = alloquy_tests::Window::open(&screen, on(&data)).unwrap();
    window.must(&json!({"do": "click", "part": "channel general"}));
    page(&mut window);
    window.sees_part(&format!("Open at {address}."));
    window.sees_part("reads and writes");
    let mut irc = client(&address, &password);
    irc.hears(" 376 ");
    window.must(&json!({"do": "click", "name": "Revoke WeeChat"}));
    irc.hears("What let you in is revoked");
    irc.ends();
    let mut stranger = client(&address, &password);
    stranger.hears(" 464 ");
    stranger.ends();
    window.close();
}
