//! The key to talk while another program has the focus: by X11, and by a desktop's portal.

use std::time::{Duration, Instant};

use alloquy_tests::{KeyPortal, LOOPBACK, Peer, Screen, Window, eventually, skip};
use serde_json::json;
use tempfile::{TempDir, tempdir};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateWindowAux, GrabMode, GrabStatus, InputFocus, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;
use x11rb::{COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT, CURRENT_TIME};

use super::{begin, on, opened_on};

/// How long nothing must be heard.
const WORD: Duration = Duration::from_secs(2);

/// Keysyms of the keys that the tests press.
const F8: u32 = 0xffc5;
const F9: u32 = 0xffc6;

/// A window whose person talks by a key, and a node that listens.
struct Call {
    window: Window,
    listener: Peer,
    _folders: [TempDir; 2],
}

impl Call {
    /// Both are in the lounge, and nobody is heard.
    fn on(screen: &Screen, test: &str) -> Option<Self> {
        let [data, root] = [tempdir().unwrap(), tempdir().unwrap()];
        let voice = ["--audio-in", "tone:440", "--audio-out", "null"];
        let mut window = opened_on(screen, test, &[&on(&data)[..], &voice].concat())?;
        begin(&mut window, "Ana");
        window.click("Create a community");
        window.fill("Name of the community", "Home");
        window.click("Create the community");
        window.must(&json!({"do": "click", "part": "menu of the community"}));
        window.click("Invite people");
        window.click("Copy");
        let link = window.copied();
        window.press("Escape");
        window.must(&json!({"do": "click", "part": "menu of the community"}));
        window.click("Make a channel");
        window.fill("Name of the channel", "lounge");
        window.click("What to make: Voice");
        window.click("Make the channel");
        window.sees("voice channel lounge");
        window.settle();
        window.press("Ctrl+Comma");
        window.sees("Settings");
        window.must(&json!({"do": "click", "name": "Voice", "role": "Button"}));
        window.click("You are heard: While a key is held");
        let silent = [LOOPBACK, &["--audio-in", "null", "--audio-out", "null"]].concat();
        let mut listener = Peer::init(root.path(), "ben").with_arguments(&silent);
        listener.start();
        listener.line(&format!("join {link}"));
        listener.line("voice join Home/lounge");
        Some(Self {
            window,
            listener,
            _folders: [data, root],
        })
    }

    /// Leaves the page, and comes into the lounge.
    fn join(&mut self) {
        self.window.press("Escape");
        self.window.click("voice channel lounge");
        self.window.sees("Call in Home / lounge: Connected");
    }

    /// Waits until the listener hears the window's person, or no more.
    fn is_heard(&self, heard: bool) {
        eventually(&format!("Ana is heard: {heard}"), || {
            (self.hears_ana() == Some(heard)).then_some(())
        });
    }

    /// For as long as somebody needs to say a word.
    fn is_never_heard(&self) {
        let until = Instant::now() + WORD;
        while Instant::now() < until {
            assert_eq!(self.hears_ana(), Some(false), "Ana is heard");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether the listener hears the window's person; `None`: they are not connected.
    fn hears_ana(&self) -> Option<bool> {
        let told = self.listener.tell("voice stats").value;
        let peers = told["call"]["peers"].as_object()?.clone();
        let (_, ana) = peers.into_iter().next()?;
        ana["speaking"].as_bool()
    }

    /// The key goes down and up twice, by `press`.
    fn talks_by(&self, press: impl Fn(bool)) {
        for _ in 0..2 {
            self.is_heard(false);
            press(true);
            self.is_heard(true);
            press(false);
        }
        self.is_heard(false);
    }
}

/// Another program on the screen, which has the focus, and hands at its keyboard.
struct Elsewhere {
    display: RustConnection,
}

impl Elsewhere {
    fn on(screen: &Screen) -> Self {
        let (display, number) = x11rb::connect(Some(screen.name())).unwrap();
        let root = &display.setup().roots[number];
        let window = display.generate_id().unwrap();
        display
            .create_window(
                COPY_DEPTH_FROM_PARENT,
                window,
                root.root,
                1_400,
                800,
                100,
                100,
                0,
                WindowClass::INPUT_OUTPUT,
                COPY_FROM_PARENT,
                &CreateWindowAux::new().override_redirect(1),
            )
            .unwrap();
        display.map_window(window).unwrap();
        display.sync().unwrap();
        display
            .set_input_focus(InputFocus::POINTER_ROOT, window, CURRENT_TIME)
            .unwrap()
            .check()
            .unwrap();
        let focus = display.get_input_focus().unwrap().reply().unwrap().focus;
        assert_eq!(focus, window, "the other program has the focus");
        Self { display }
    }

    /// Has the keyboard for itself, or no more.
    fn grab(&self, grab: bool) {
        let root = self.display.setup().roots[0].root;
        if grab {
            let asynchronous = GrabMode::ASYNC;
            let grabbed =
                self.display
                    .grab_keyboard(false, root, CURRENT_TIME, asynchronous, asynchronous);
            assert_eq!(
                grabbed.unwrap().reply().unwrap().status,
                GrabStatus::SUCCESS
            );
        } else {
            let free = self.display.ungrab_keyboard(CURRENT_TIME);
            free.unwrap().check().unwrap();
        }
    }

    /// Which code the screen's keyboard has for a symbol.
    fn code(&self, symbol: u32) -> u8 {
        let setup = self.display.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.display.get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.unwrap().reply().unwrap();
        let mut keys = mapping
            .keysyms
            .chunks(usize::from(mapping.keysyms_per_keycode))
            .zip(first..=last);
        keys.find(|(symbols, _)| symbols[0] == symbol).unwrap().1
    }

    fn press(&self, symbol: u32, down: bool) {
        let kind = if down {
            KEY_PRESS_EVENT
        } else {
            KEY_RELEASE_EVENT
        };
        let root = self.display.setup().roots[0].root;
        let pressed =
            self.display
                .xtest_fake_input(kind, self.code(symbol), CURRENT_TIME, root, 0, 0, 0);
        pressed.unwrap().check().unwrap();
    }
}

#[test]
fn the_key_to_talk_is_heard_while_another_program_has_the_focus() {
    const TEST: &str = "the key to talk";
    let Some(screen) = Screen::start() else {
        return skip(TEST, "Xvfb is not installed");
    };
    let Some(mut call) = Call::on(&screen, TEST) else {
        return;
    };
    call.window.sees("It works wherever the focus is.");
    call.join();
    let elsewhere = Elsewhere::on(&screen);
    // Another key is none of its business.
    elsewhere.press(F9, true);
    call.is_never_heard();
    elsewhere.press(F9, false);
    call.talks_by(|down| elsewhere.press(F8, down));
    // A menu or a game that has the keyboard for itself takes neither the press nor the release.
    elsewhere.grab(true);
    call.talks_by(|down| elsewhere.press(F8, down));
    elsewhere.press(F8, true);
    call.is_heard(true);
    elsewhere.grab(false);
    elsewhere.press(F8, false);
    call.is_heard(false);
    // Who leaves with the key down and comes back is not heard before it goes down again.
    elsewhere.press(F8, true);
    call.is_heard(true);
    call.window.click("Leave the call");
    elsewhere.press(F8, false);
    call.window.click("voice channel lounge");
    call.window.sees("Call in Home / lounge: Connected");
    call.is_never_heard();
    call.window.close();
}

#[test]
fn where_programs_hear_no_keys_the_desktops_portal_gives_the_key_to_talk() {
    const TEST: &str = "the key to talk by a portal";
    let Some(mut screen) = Screen::start() else {
        return skip(TEST, "Xvfb is not installed");
    };
    screen.pretend_wayland();
    let Some(mut call) = Call::on(&screen, TEST) else {
        return;
    };
    call.window
        .sees_part("It works only while this window has the focus: the desktop gives no keys");
    call.window.close();

    let portal = match KeyPortal::beside(&mut screen, "Caps Lock") {
        Ok(portal) => portal,
        Err(reason) => return skip(TEST, &reason),
    };
    let Some(mut call) = Call::on(&screen, TEST) else {
        return;
    };
    call.window
        .sees("It works wherever the focus is. Your desktop has it as: Caps Lock");
    assert_eq!(portal.wanted().unwrap().trigger, "F8");
    call.join();
    call.talks_by(|down| portal.press(down));
    call.window.click("Leave the call");
    eventually("the key is given back", || {
        portal.wanted().is_none().then_some(())
    });
    call.window.close();
}
