//! A sign of the program in the desktop's panel (StatusNotifierItem), while its window is open and while it is not.
//!
//! Where no panel shows such signs the window is told so: without one nobody could see that the program runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alloquy_ui::Sign as Says;
use eframe::egui::Color32;
use ksni::{Icon, MenuItem, OfflineReason, ToolTip, TrayMethods as _};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::desk::{Desk, Told};
use crate::icon::icon;

/// The sign, as the window holds it. It goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Tray {
    says: watch::Sender<Says>,
    shown: Arc<AtomicBool>,
}

impl Tray {
    /// Puts the sign up, as soon as the desktop takes it.
    pub(crate) fn put_up(runtime: &Handle, desk: Arc<Desk>) -> Self {
        let (says, told) = watch::channel(Says::default());
        let shown = Arc::new(AtomicBool::new(false));
        let sign = Sign {
            desk,
            shown: Arc::clone(&shown),
            says: Says::default(),
        };
        runtime.spawn(keep(sign, told));
        Self { says, shown }
    }

    /// Whether the desktop shows it.
    pub(crate) fn is_shown(&self) -> bool {
        self.shown.load(Ordering::Relaxed)
    }

    /// Has it say something else.
    pub(crate) fn say(&self, says: Says) {
        self.says.send_if_modified(|before| {
            let other = *before != says;
            *before = says;
            other
        });
    }
}

/// Keeps the sign as it should be, until the window lets go of it.
async fn keep(sign: Sign, mut told: watch::Receiver<Says>) {
    let (shown, desk) = (Arc::clone(&sign.shown), Arc::clone(&sign.desk));
    // Said by the desktop itself when nobody shows signs (`watcher_offline`).
    shown.store(true, Ordering::Relaxed);
    let handle = match sign.assume_sni_available(true).spawn().await {
        Ok(handle) => handle,
        Err(error) => {
            shown.store(false, Ordering::Relaxed);
            tracing::debug!(%error, "the desktop shows no sign of the program");
            return;
        }
    };
    desk.tell(Told::Tray);
    while told.changed().await.is_ok() {
        let says = told.borrow_and_update().clone();
        handle.update(|sign| sign.says = says).await;
    }
    handle.shutdown().await;
}

struct Sign {
    desk: Arc<Desk>,
    shown: Arc<AtomicBool>,
    says: Says,
}

impl ksni::Tray for Sign {
    fn id(&self) -> String {
        "alloquy".to_owned()
    }

    fn title(&self) -> String {
        "Alloquy".to_owned()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: "Alloquy".to_owned(),
            description: self.says.status.clone(),
            ..ToolTip::default()
        }
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        vec![picture(self.says.unread)]
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.desk.tell(Told::Raise);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        use ksni::menu::StandardItem;
        let status = StandardItem {
            label: self.says.status.clone(),
            enabled: false,
            ..StandardItem::default()
        };
        let open = StandardItem {
            label: self.says.open.clone(),
            activate: Box::new(|sign: &mut Self| sign.desk.tell(Told::Raise)),
            ..StandardItem::default()
        };
        let quit = StandardItem {
            label: self.says.quit.clone(),
            activate: Box::new(|sign: &mut Self| sign.desk.tell(Told::Quit)),
            ..StandardItem::default()
        };
        vec![open.into(), status.into(), MenuItem::Separator, quit.into()]
    }

    fn watcher_online(&self) {
        self.shown.store(true, Ordering::Relaxed);
        self.desk.tell(Told::Tray);
    }

    fn watcher_offline(&self, reason: OfflineReason) -> bool {
        tracing::debug!(?reason, "the desktop shows no sign of the program");
        self.shown.store(false, Ordering::Relaxed);
        self.desk.tell(Told::Tray);
        true
    }
}

/// The window's icon in the byte order that panels expect, with a dot when something is unread.
fn picture(unread: bool) -> Icon {
    let palette = alloquy_ui::theme::Palette::of(true);
    let drawn = icon(palette.accent, palette.accent_text);
    let side = drawn.width;
    let (centre, radius) = (side as f32 * 0.78, side as f32 * 0.2);
    let mut data = Vec::with_capacity(drawn.rgba.len());
    for (at, pixel) in (0u32..).zip(drawn.rgba.chunks_exact(4)) {
        let (x, y) = ((at % side) as f32 + 0.5, (at / side) as f32 + 0.5);
        let far = (x - centre).hypot(y - centre);
        let [r, g, b, a] = match unread && far <= radius {
            true => dot(palette.danger),
            false => [pixel[0], pixel[1], pixel[2], pixel[3]],
        };
        data.extend([a, r, g, b]);
    }
    let side = i32::try_from(side).unwrap_or(i32::MAX);
    Icon {
        width: side,
        height: side,
        data,
    }
}

fn dot(color: Color32) -> [u8; 4] {
    color.to_srgba_unmultiplied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unread_is_a_dot_on_the_sign() {
        let (plain, dotted) = (picture(false), picture(true));
        assert_eq!(plain.data.len(), 4 * 64 * 64);
        let other = plain.data.chunks(4).zip(dotted.data.chunks(4));
        let other = other.filter(|(one, two)| one != two).count();
        assert!((300..800).contains(&other), "{other}");
    }

    #[test]
    fn choosing_the_sign_opens_the_window_and_quit_ends_it() {
        let desk = Arc::new(Desk::new(|_| ()));
        let mut sign = Sign {
            desk: Arc::clone(&desk),
            shown: Arc::default(),
            says: Says::default(),
        };
        ksni::Tray::activate(&mut sign, 0, 0);
        assert!(matches!(desk.take().told[0], Told::Raise));
        for item in ksni::Tray::menu(&sign) {
            if let MenuItem::Standard(item) = item
                && item.enabled
            {
                (item.activate)(&mut sign);
            }
        }
        let told = desk.take().told;
        assert!(
            matches!(told[0], Told::Raise) && matches!(told[1], Told::Quit),
            "{told:?}"
        );
    }
}
