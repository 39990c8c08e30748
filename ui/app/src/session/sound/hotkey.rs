//! The key to talk, wherever the focus is: by X11, or where there is Wayland by the desktop's portal.
//!
//! It is listened for only while it is wanted (in a call, in a test, on the page about voice, and only with
//! push-to-talk): X11 tells of every key, and nothing else is to be heard than this one. Under X11 no key is taken from
//! other programs; a portal's desktop may keep it for itself.

mod portal;
mod x11;

use std::convert::Infallible;

use alloquy_ui::voice::KeyReach;
use eframe::egui::Key;
use tokio::sync::watch;

/// What is known of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// It is held somewhere.
    pub(super) held: bool,
    pub(super) reach: KeyReach,
}

/// The way to the task that listens. It ends with this.
#[derive(Debug)]
pub(super) struct Hotkey {
    wanted: watch::Sender<Option<Key>>,
    heard: watch::Receiver<Heard>,
    /// The task has ended before its time.
    broken: bool,
}

impl Hotkey {
    /// Starts the task, which listens to nothing yet. Must be called within a runtime of tokio.
    pub(super) fn start() -> Self {
        let (wanted, asked) = watch::channel(None);
        let (tell, heard) = watch::channel(Heard::default());
        tokio::spawn(serve(asked, tell));
        Self {
            wanted,
            heard,
            broken: false,
        }
    }

    /// Which key is listened for from now on; `None`: none.
    pub(super) fn want(&self, key: Option<Key>) {
        self.wanted.send_if_modified(|wanted| {
            let other = *wanted != key;
            *wanted = key;
            other
        });
    }

    /// Resolves when something else is heard.
    pub(super) async fn changed(&mut self) {
        if self.broken {
            return std::future::pending().await;
        }
        // The task broke, which panics told of: nothing is held any more.
        self.broken = self.heard.changed().await.is_err();
    }

    pub(super) fn heard(&mut self) -> Heard {
        match self.broken {
            true => Heard::default(),
            false => self.heard.borrow_and_update().clone(),
        }
    }
}

async fn serve(mut asked: watch::Receiver<Option<Key>>, tell: watch::Sender<Heard>) {
    loop {
        let wanted = *asked.borrow_and_update();
        let listening = async {
            match wanted {
                Some(key) => listen(key, &tell).await,
                None => std::future::pending().await,
            }
        };
        let over = tokio::select! {
            changed = asked.changed() => changed.is_err(),
            failed = listening => {
                let Err(why) = failed;
                tracing::info!(why, "the key to talk is heard in the window only");
                let reach = KeyReach::Refused(why);
                tell.send_replace(Heard { held: false, reach });
                // It is not tried again before something else is wanted: a desktop would ask the person again.
                asked.changed().await.is_err()
            }
        };
        if over {
            return;
        }
        tell.send_replace(Heard::default());
    }
}

/// Tells of the key until it is dropped.
async fn listen(key: Key, tell: &watch::Sender<Heard>) -> Result<Infallible, String> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // A program that X11 serves within Wayland hears only of keys that are pressed in such programs.
    let session = std::env::var("XDG_SESSION_TYPE");
    if is_set("WAYLAND_DISPLAY") || session.is_ok_and(|kind| kind == "wayland") {
        let heard = portal::listen(key, tell).await;
        return heard.map_err(|error| format!("the desktop gives no keys: {error}"));
    }
    if is_set("DISPLAY") {
        let heard = x11::listen(key, tell).await;
        return heard.map_err(|error| format!("the display gives no keys: {error}"));
    }
    Err("there is no display".to_owned())
}
