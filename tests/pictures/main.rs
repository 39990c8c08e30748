//! Takes the pictures of docs/screenshots: a real window on a screen of its own, its node and two others in
//! processes of their own, used through the driver as a person would.
//!
//! `alloquy-pictures [FOLDER]`; without FOLDER into docs/screenshots. It ends with an error where no window can
//! be opened, and writes nothing half: each picture replaces the one before when it is complete.

use std::path::{Path, PathBuf};

use alloquy_tests::{LOOPBACK, Peer, Screen, Window, workspace};
use anyhow::{Context, bail};
use serde_json::json;
use tempfile::tempdir;

/// What two other people say, each as the line of its own node.
const CONVERSATION: &[(usize, &str)] = &[
    (
        0,
        "Morning! The new lamps are up. Count **three** in the hall, *none* in the cellar.",
    ),
    (
        1,
        "The cellar one is a fuse, I will look at it tonight. Spare ones are in the grey box.",
    ),
    (
        1,
        "```rust\nfn lamps(room: Room) -> usize {\n    room.sockets().filter(Socket::is_wired).count()\n}\n```",
    ),
    (0, "Only you would write that down in Rust 😄"),
    (1, "電球はあと二つあります 💡 (two bulbs are left)"),
    (0, "Colour check: ❤️ 🇪🇺 👨‍👩‍👧 👍🏽 1️⃣ and «плюс» as it should be"),
];

fn main() -> anyhow::Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => workspace().join("docs/screenshots"),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} can not be made", folder.display()))?;
    let Some(screen) = Screen::start() else {
        bail!("Xvfb is not installed: it is the screen that the window is shown on");
    };
    let root = tempdir().context("no temporary folder can be made")?;
    let data = root.path().join("window");
    let mut arguments = vec![
        "--data",
        data.to_str().context("the folder's path is text")?,
    ];
    arguments.extend(LOOPBACK);
    arguments.extend(["--audio-in", "null", "--audio-out", "null"]);
    let mut window = match Window::open(&screen, arguments) {
        Ok(window) => window,
        Err(reason) => bail!("no window can be opened here: {reason}"),
    };
    resize(&mut window, 1280, 800);
    let shoot = |window: &mut Window, name: &str| {
        window.settle();
        picture(window, &folder.join(format!("{name}.png")))
    };

    window.sees("Your name");
    window.fill("Your name", "Mira");
    shoot(&mut window, "first-run")?;
    window.press("Enter");
    window.sees("Step 2 of 3");
    window.click("Continue");
    window.click("Create a community");
    window.fill("Name of the community", "Lamp post");
    window.must(&json!({"do": "click", "part": "Project"}));
    shoot(&mut window, "create")?;
    window.click("Create the community");
    window.must(&json!({"do": "click", "part": "channel general"}));

    window.must(&json!({"do": "click", "part": "menu of the community"}));
    window.click("Invite people");
    window.sees("The invite link as a picture to scan");
    shoot(&mut window, "invite")?;
    window.click("Copy");
    let link = window.copied();
    window.press("Escape");

    let friends = friends(root.path(), &link);
    for (who, text) in CONVERSATION {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        let text = text.replace('\n', "\\n");
        friends[*who].line(&format!("send \"Lamp post/general\" \"{text}\""));
    }
    window.sees_part("as it should be");
    window.must(&json!({"do": "click", "role": "MultilineTextInput"}));
    window.write("Thank you both! I bring ||cake|| tonight");
    window.press("Enter");
    window.sees_part("Thank you both!");
    window.must(&json!({"do": "gone", "name": "Copied."}));
    shoot(&mut window, "main-dark")?;
    window.press("Ctrl+Shift+E");
    shoot(&mut window, "emoji")?;
    window.press("Escape");
    window.press("Ctrl+K");
    window.settle();
    window.write("gen");
    shoot(&mut window, "switcher")?;
    window.press("Escape");
    window.must(&json!({"do": "click", "part": "Connections:"}));
    shoot(&mut window, "connections")?;
    window.press("Escape");
    call(&mut window, &friends);
    shoot(&mut window, "voice")?;
    window.click("Leave the call");
    window.must(&json!({"do": "click", "part": "channel general"}));
    resize(&mut window, 720, 480);
    shoot(&mut window, "narrow")?;
    resize(&mut window, 1280, 800);
    direct(&mut window, &friends[0]);
    shoot(&mut window, "direct")?;
    window.click("About this conversation");
    window.click("Compare safety words");
    window.sees("The safety words as a picture to compare");
    shoot(&mut window, "verify")?;
    window.press("Escape");
    window.press("Escape");
    window.press("Ctrl+Comma");
    window.must(&json!({"do": "click", "name": "Devices", "role": "Button"}));
    window.click("Link a device");
    window.sees_part("The code is ");
    shoot(&mut window, "link-device")?;
    window.press("Escape");
    window.press("Escape");
    window.must(&json!({"do": "click", "part": "Lamp post"}));
    window.press("Ctrl+Comma");
    window.must(&json!({"do": "click", "part": "Appearance"}));
    shoot(&mut window, "settings")?;
    window.must(&json!({"do": "click", "part": "Light"}));
    window.press("Escape");
    shoot(&mut window, "main-light")?;
    window.close();
    Ok(())
}

/// Two more people on nodes of their own, let in by the link.
fn friends(root: &Path, link: &str) -> Vec<Peer> {
    let names = ["tomasz", "健二"].iter();
    let sound = ["--audio-in", "tone:300", "--audio-out", "null"];
    let started = |name: &&str| {
        let arguments = [LOOPBACK, &sound].concat();
        let mut friend = Peer::init(root, name).with_arguments(&arguments);
        friend.start();
        friend
    };
    let friends: Vec<_> = names.map(started).collect();
    for friend in &friends {
        friend.line(&format!("join {link}"));
    }
    friends
}

/// A call with both: the one speaks, the other is muted.
fn call(window: &mut Window, friends: &[Peer]) {
    window.must(&json!({"do": "click", "part": "menu of the community"}));
    window.click("Make a channel");
    window.fill("Name of the channel", "workshop");
    window.click("What to make: Voice");
    window.click("Make the channel");
    window.click("voice channel workshop");
    for friend in friends {
        friend.line("voice join \"Lamp post/workshop\"");
    }
    friends[1].line("voice mute on");
    window.click("Show who is here");
    window.sees("tomasz, speaking");
    window.sees("Call in Lamp post / workshop: Connected");
}

/// A conversation with a friend, who lets it in.
fn direct(window: &mut Window, friend: &Peer) {
    window.press("Ctrl+N");
    window.must(&json!({"do": "click", "part": "tomasz, from Lamp post"}));
    window.click("Write to tomasz");
    window.sees("Message tomasz");
    window
        .compose()
        .write("Do you still have a fuse for the cellar?");
    window.press("Enter");
    alloquy_tests::eventually("the friend is asked", || {
        let asked = friend.line("dm requests").to_string();
        asked.contains("fuse").then_some(())
    });
    friend.line("dm accept Mira");
    friend.line("send @Mira \"Two. They are in the grey box, take both.\"");
    window.sees_part("in the grey box, take both");
}

fn resize(window: &mut Window, width: u32, height: u32) {
    window.must(&json!({"do": "resize", "width": width, "height": height}));
}

/// Takes a picture beside the place and moves it there when it is complete.
fn picture(window: &mut Window, file: &Path) -> anyhow::Result<()> {
    let part = file.with_extension("part.png");
    window.picture(&part);
    std::fs::rename(&part, file).with_context(|| format!("{} can not be written", file.display()))
}
