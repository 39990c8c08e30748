//! The key by XInput 2: raw presses and releases of every key, which come wherever the focus is and whoever has grabbed
//! the keyboard (X Input Extension 2.3, "RawEvent").

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use alloquy_ui::voice::KeyReach;
use eframe::egui::Key;
use rustix::net::{Shutdown, shutdown};
use tokio::sync::{mpsc, watch};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{ConnectionExt as _, Device, EventMask, XIEventMask};
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use super::Heard;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Keysym of F1; those up to F35 follow it (keysymdef.h).
const F1: u32 = 0xffbe;
/// Keysym of Insert.
const INSERT: u32 = 0xff63;

/// Presses and releases on their way: a person makes some ten a second.
const WAITING_MAX: usize = 64;

/// Tells of the key until it is dropped, or the display ends.
pub(super) async fn listen(key: Key, tell: &watch::Sender<Heard>) -> Result<Infallible, Failure> {
    // The display's socket is near, but it may not answer.
    let mut keyboard = tokio::task::spawn_blocking(move || Keyboard::open(key)).await??;
    let _ending = Ending(Arc::clone(&keyboard.connection));
    let (told, mut heard) = mpsc::channel(WAITING_MAX);
    std::thread::Builder::new()
        .name("key-to-talk".to_owned())
        .spawn(move || {
            let failed = keyboard.hear(&told);
            // Whoever listened may have gone.
            drop(told.blocking_send(failed.map(|over| match over {})));
        })?;
    let reach = KeyReach::Everywhere;
    tell.send_replace(Heard { held: false, reach });
    loop {
        let held = heard.recv().await.ok_or("nothing is heard any more")??;
        tell.send_if_modified(|heard| std::mem::replace(&mut heard.held, held) != held);
    }
}

/// Ends the connection, and with it the thread that waits for it.
struct Ending(Arc<RustConnection>);

impl Drop for Ending {
    fn drop(&mut self) {
        // The display may have ended it before.
        let _gone = shutdown(self.0.stream(), Shutdown::Both).is_err();
    }
}

struct Keyboard {
    connection: Arc<RustConnection>,
    key: Key,
    symbol: u32,
    /// Codes of the keys that give the symbol in any of their positions.
    codes: BTreeSet<u32>,
}

impl Keyboard {
    fn open(key: Key) -> Result<Self, Failure> {
        let symbol = symbol(key).ok_or_else(|| format!("{} is no key to talk", key.name()))?;
        let (connection, screen) = x11rb::connect(None)?;
        // Who announces 2.0 hears of keys only while nobody has grabbed the keyboard: a menu, a switcher, a game.
        let version = connection.xinput_xi_query_version(2, 2)?.reply()?;
        if (version.major_version, version.minor_version) < (2, 1) {
            return Err("its XInput is older than 2.1".into());
        }
        let root = connection.setup().roots[screen].root;
        let mask = EventMask {
            deviceid: Device::ALL_MASTER.into(),
            mask: vec![XIEventMask::RAW_KEY_PRESS | XIEventMask::RAW_KEY_RELEASE],
        };
        connection.xinput_xi_select_events(root, &[mask])?.check()?;
        let mut keyboard = Self {
            connection: Arc::new(connection),
            key,
            symbol,
            codes: BTreeSet::new(),
        };
        keyboard.read_mapping()?;
        Ok(keyboard)
    }

    fn read_mapping(&mut self) -> Result<(), Failure> {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let count = last.saturating_sub(first).saturating_add(1);
        let mapping = self.connection.get_keyboard_mapping(first, count)?;
        let mapping = mapping.reply()?;
        let positions = usize::from(mapping.keysyms_per_keycode).max(1);
        let keys = mapping.keysyms.chunks(positions).zip(u32::from(first)..);
        let gives = |(symbols, _): &(&[u32], u32)| symbols.contains(&self.symbol);
        self.codes = keys.filter(gives).map(|(_, code)| code).collect();
        if self.codes.is_empty() {
            return Err(format!("this keyboard has no {}", self.key.name()).into());
        }
        Ok(())
    }

    /// Tells whether the key is held, each time that the display tells of it.
    fn hear(&mut self, told: &mpsc::Sender<Result<bool, Failure>>) -> Result<Infallible, Failure> {
        loop {
            let held = match self.connection.wait_for_event()? {
                Event::XinputRawKeyPress(event) if self.codes.contains(&event.detail) => true,
                Event::XinputRawKeyRelease(event) if self.codes.contains(&event.detail) => false,
                Event::MappingNotify(_) => {
                    self.read_mapping()?;
                    // The key that went down may have another symbol now, and its release would be missed.
                    false
                }
                _ => continue,
            };
            told.blocking_send(Ok(held))?;
        }
    }
}

fn symbol(key: Key) -> Option<u32> {
    if key == Key::Insert {
        return Some(INSERT);
    }
    let number: u32 = key.name().strip_prefix('F')?.parse().ok()?;
    (1..=35).contains(&number).then(|| F1 + number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_may_talk_have_symbols() {
        // keysymdef.h: XK_F1, XK_F8, XK_F35, XK_Insert.
        let known = [
            (Key::F1, 0xffbe),
            (Key::F8, 0xffc5),
            (Key::F35, 0xffe0),
            (Key::Insert, 0xff63),
        ];
        for (key, expected) in known {
            assert_eq!(symbol(key), Some(expected), "{key:?}");
        }
        for key in Key::ALL.iter().copied() {
            assert_eq!(
                symbol(key).is_some(),
                alloquy_ui::voice::may_talk(key),
                "{key:?}"
            );
        }
    }
}
