//! Texts as speech, by `espeak-ng` as a process that writes a WAV to its standard output.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::wav;
use crate::error::MediaError;
use crate::limits::{SPEAKER_BYTES_MAX, SPEAKER_SECONDS_MAX};

/// How often it looks whether the process has ended.
const EVERY: Duration = Duration::from_millis(10);

/// Speaks a text, as 48 kHz mono.
///
/// # Errors
/// The program is not installed, fails, takes too long, or writes too much.
pub(crate) fn spoken(text: &str) -> Result<Vec<f32>, MediaError> {
    spoken_by("espeak-ng", text)
}

fn spoken_by(program: &str, text: &str) -> Result<Vec<f32>, MediaError> {
    let mut child = Command::new(program)
        .args(["--stdout", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("{program} could not be started: {error}")))?;
    let result = converse(&mut child, text);
    if result.is_err() {
        // It may have ended by itself in the meantime.
        let _ended = child.kill().is_err();
    }
    let waited = child.wait().map_err(failed)?;
    let bytes = result?;
    if !waited.success() {
        return Err(failed(format!("it ended with {waited}")));
    }
    wav::read(Cursor::new(repaired(bytes)), Path::new("its output"))
}

fn failed(reason: impl ToString) -> MediaError {
    MediaError::Speech(reason.to_string())
}

/// Gives the text and takes the sound, on threads, so that neither a full pipe nor a program that hangs stops us.
fn converse(child: &mut Child, text: &str) -> Result<Vec<u8>, MediaError> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("no pipes"));
    };
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(SPEAKER_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map(|_| bytes)
    });
    let deadline = Instant::now() + Duration::from_secs(SPEAKER_SECONDS_MAX);
    while !reader.is_finished() {
        if Instant::now() >= deadline {
            let limit = SPEAKER_SECONDS_MAX;
            return Err(failed(format!("it took more than {limit} s")));
        }
        std::thread::sleep(EVERY);
    }
    let bytes = reader
        .join()
        .map_err(|_panicked| failed("reading it failed"))?;
    let bytes = bytes.map_err(failed)?;
    if bytes.len() as u64 > SPEAKER_BYTES_MAX {
        let limit = SPEAKER_BYTES_MAX;
        return Err(failed(format!("it wrote more than {limit} bytes")));
    }
    // A program that ended without reading the text is told by its exit code.
    let _unread = writer.join().is_ok_and(|written| written.is_err());
    Ok(bytes)
}

/// On a pipe it cannot know the length and writes a huge one; the header gets the right one.
fn repaired(mut bytes: Vec<u8>) -> Vec<u8> {
    const HEADER: usize = 44;
    if bytes.len() >= HEADER && &bytes[36..40] == b"data" {
        let data = (bytes.len() - HEADER) & !1;
        bytes.truncate(HEADER + data);
        bytes[40..44].copy_from_slice(&(data as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&((data + 36) as u32).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed() -> bool {
        let there = Command::new("espeak-ng").arg("--version").output().is_ok();
        assert!(
            there || std::env::var("CI").as_deref() != Ok("true"),
            "espeak-ng is not installed"
        );
        there
    }

    #[test]
    fn a_text_is_spoken() {
        if !installed() {
            return;
        }
        let sound = spoken("Good morning, everybody.").unwrap();
        assert!(
            (48_000 / 2..48_000 * 5).contains(&sound.len()),
            "{}",
            sound.len()
        );
        let square = sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32;
        assert!(square > 1e-4, "{square}");
    }

    #[test]
    fn a_program_that_is_missing_or_writes_no_sound_is_a_clear_error() {
        let told = spoken_by("alloquy-no-such-program", "x")
            .unwrap_err()
            .to_string();
        assert!(told.contains("could not be started"), "{told}");
        assert!(spoken_by("true", "x").is_err());
        assert!(spoken_by("false", "x").is_err());
    }
}
