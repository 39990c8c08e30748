//! Voice by two windows whose microphones and loudspeakers are files: from a click to hearing, and silence draws nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloquy_tests::Window;
use alloquy_tests::sound::{RATE, read_wav, share_at};
use serde_json::json;
use tempfile::tempdir;

use super::together::Two;

/// Hertz of what each of them says.
const TONES: [u32; 2] = [440, 900];
/// The least of what is heard that has to be the other one's tone: a busy machine stretches and fills in.
const SHARE_MIN: f64 = 0.6;
/// How long they talk: the time of the sound itself, which nothing can shorten.
const TALK: Duration = Duration::from_secs(5);
/// How long nothing may be drawn while nobody speaks.
const SILENCE: Duration = Duration::from_secs(10);
/// How many such times are tried: that signs of life are late on a busy machine is told and drawn.
const STRETCHES_MAX: usize = 6;
/// What a call says whose people have all been reached.
const CONNECTED: &str = "Call in Home / lounge: Connected";

/// Ana makes the voice channel, and both click it.
fn in_the_lounge(two: &mut Two) {
    let Two { ana, ben, .. } = two;
    ana.must(&json!({"do": "click", "part": "menu of the community"}));
    ana.click("Make a channel");
    ana.fill("Name of the channel", "lounge");
    ana.click("What to make: Voice");
    ana.click("Make the channel");
    for window in [&mut *ana, ben] {
        window.click("voice channel lounge");
    }
    for window in [ana, ben] {
        window.sees(CONNECTED);
    }
}

fn file(folder: &Path, name: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    let device = format!("file:{}", path.display());
    (path, device)
}

/// How much of what somebody heard is each of the tones, and for how many seconds there was anything.
fn told_by(heard: &Path) -> ([f64; 2], f64) {
    let heard = read_wav(heard);
    let loud = heard.iter().filter(|sample| sample.abs() > 0.02).count();
    let shares = TONES.map(|hz| share_at(&heard, f64::from(hz)));
    (shares, loud as f64 / f64::from(RATE))
}

fn leave(window: &mut Window) {
    window.click("Leave the call");
    window.must(&json!({"do": "gone", "part": "Call in Home"}));
}

#[test]
fn two_windows_hear_each_other_from_a_click_on() {
    let folder = tempdir().unwrap();
    let (by_ana, ana_out) = file(folder.path(), "ana.wav");
    let (by_ben, ben_out) = file(folder.path(), "ben.wav");
    let [ana_in, ben_in] = TONES.map(|hz| format!("tone:{hz}"));
    let ana = ["--audio-in", &ana_in, "--audio-out", &ana_out];
    let ben = ["--audio-in", &ben_in, "--audio-out", &ben_out];
    let Some(mut two) = Two::at_home_with("voice", [&ana, &ben]) else {
        return;
    };
    in_the_lounge(&mut two);
    two.ana.sees("Ben, speaking");
    two.ben.sees("Ana, speaking");
    std::thread::sleep(TALK);
    leave(&mut two.ana);
    two.ben.sees("Call in Home / lounge: Nobody else is here");
    leave(&mut two.ben);
    two.ana.close();
    two.ben.close();
    let ([own, other], seconds) = told_by(&by_ana);
    let what = format!("Ana hears {other} of Ben and {own} of herself for {seconds} s");
    assert!(other > SHARE_MIN && own < 0.01 && seconds > 0.5, "{what}");
    let ([other, own], seconds) = told_by(&by_ben);
    let what = format!("Ben hears {other} of Ana and {own} of himself for {seconds} s");
    assert!(other > SHARE_MIN && own < 0.01 && seconds > 0.5, "{what}");
}

/// Draws nothing for a while. That signs of life are late on a busy machine is told and drawn, so some stretches with
/// frames are let pass; whatever is drawn again and again is not.
fn rests(window: &mut Window) {
    let mut changes = String::new();
    for _ in 0..STRETCHES_MAX {
        window.settle();
        let tree = window.tree();
        window.settle();
        let before = window.frames();
        std::thread::sleep(SILENCE);
        let drawn = window.frames() - before;
        if drawn == 0 {
            return;
        }
        changes += &format!("{drawn} frames; {}", changed(&tree, &window.tree()));
    }
    panic!("nobody speaks: {changes}");
}

/// The lines of either tree that the other one has not.
fn changed(before: &str, after: &str) -> String {
    let only = |of: &str, other: &str| {
        let lines = of.lines().filter(|line| !other.contains(*line));
        lines.map(str::trim).collect::<Vec<_>>().join("; ")
    };
    let (gone, came) = (only(before, after), only(after, before));
    format!("gone: [{gone}], come: [{came}]\n")
}

#[test]
fn nothing_is_drawn_again_and_again_while_nobody_speaks() {
    let silent = ["--audio-in", "null", "--audio-out", "null"];
    let Some(mut two) = Two::at_home_with("silence", [&silent, &silent]) else {
        return;
    };
    in_the_lounge(&mut two);
    two.ana.click(CONNECTED);
    two.ana.sees("Connected, no sound yet");
    for window in [&mut two.ana, &mut two.ben] {
        rests(window);
    }
    // They are in the room still, and what happens there is drawn.
    two.ben.click("Mute the microphone");
    two.ana.sees("Ben, muted");
    two.ben.sees(CONNECTED);
}
