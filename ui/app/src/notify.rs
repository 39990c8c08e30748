//! Desktop notifications, off the window's thread.
//!
//! The desktop is asked over D-Bus, which may be slow, absent or broken. A thread shows one notice after the other;
//! another waits for each to be chosen or closed. What fails is logged once: a desktop without notifications is
//! no fault of the person.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use alloquy_ids::{ChannelId, CommunityId};
use notify_rust::{Hint, Notification};

use crate::desk::{Desk, Told};

/// Notices that wait for the desktop: more at once nobody reads.
const WAITING_MAX: usize = 16;
/// Notices that are waited for to be chosen; a desktop may keep one open for ever.
const OPEN_MAX: usize = 8;
/// Characters of a title and of a text: what desktops show of them.
const TEXT_CHARS_MAX: usize = 200;

/// Something to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) leads: Leads,
}

/// Where a notice leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To a channel.
    Place(CommunityId, ChannelId),
    /// To those who want to write and are not known. It is shown without a sound.
    Requests,
}

/// The way to the desktop.
#[derive(Debug)]
pub(crate) struct Notifier {
    /// Made with the first notice: who is never told needs no thread.
    notices: Option<SyncSender<Notice>>,
    desk: Arc<Desk>,
}

impl Notifier {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self {
            notices: None,
            desk,
        }
    }

    /// Shows a notice, soon; one that comes when too many wait is left out.
    pub(crate) fn show(&mut self, notice: Notice) {
        if self.notices.is_none() {
            let (sender, receiver) = sync_channel(WAITING_MAX);
            let desk = Arc::clone(&self.desk);
            let begun = std::thread::Builder::new()
                .name("notifications".to_owned())
                .spawn(move || show_all(&receiver, &desk));
            match begun {
                Ok(_) => self.notices = Some(sender),
                Err(error) => return tracing::warn!(%error, "nothing can be shown to the desktop"),
            }
        }
        if let Some(notices) = &self.notices
            && let Err(TrySendError::Full(_)) = notices.try_send(notice)
        {
            tracing::debug!("the desktop is slow: a notification is left out");
        }
    }
}

fn show_all(notices: &Receiver<Notice>, desk: &Arc<Desk>) {
    let open = Arc::new(AtomicUsize::new(0));
    let mut failed = false;
    for notice in notices {
        let mut notification = Notification::new();
        if notice.leads == Leads::Requests {
            notification.hint(Hint::SuppressSound(true));
        }
        let shown = notification
            .appname("Alloquy")
            .summary(&short(&notice.title))
            .body(&escaped(&short(&notice.body)))
            .action("default", "Open")
            .hint(Hint::DesktopEntry("alloquy".to_owned()))
            .show();
        match shown {
            Ok(handle) => {
                if open.fetch_add(1, Ordering::Relaxed) >= OPEN_MAX {
                    open.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let (desk, counted) = (Arc::clone(desk), Arc::clone(&open));
                let waited = std::thread::Builder::new()
                    .name("notification".to_owned())
                    .spawn(move || {
                        handle.wait_for_action(|action| chosen(action, notice.leads, &desk));
                        counted.fetch_sub(1, Ordering::Relaxed);
                    });
                if waited.is_err() {
                    open.fetch_sub(1, Ordering::Relaxed);
                }
            }
            Err(error) if !failed => {
                failed = true;
                tracing::warn!(%error, "the desktop shows no notifications");
            }
            Err(_) => {}
        }
    }
}

fn chosen(action: &str, leads: Leads, desk: &Desk) {
    if action == "default" {
        desk.tell(match leads {
            Leads::Place(community, channel) => Told::Place(community, channel),
            Leads::Requests => Told::Requests,
        });
        desk.tell(Told::Raise);
    }
}

/// At most [`TEXT_CHARS_MAX`] characters, without controls.
fn short(text: &str) -> String {
    let plain = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut letters: VecDeque<char> = plain.take(TEXT_CHARS_MAX + 1).collect();
    if letters.len() > TEXT_CHARS_MAX {
        letters.truncate(TEXT_CHARS_MAX - 1);
        letters.push_back('…');
    }
    letters.into_iter().collect()
}

/// Desktops read the body as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_is_cut_and_is_no_markup() {
        assert_eq!(escaped("<b>&"), "&lt;b&gt;&amp;");
        assert_eq!(short("a\u{1b}[31m\nb"), "a [31m b");
        let long = short(&"ß".repeat(1000));
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_notification_that_is_chosen_leads_to_its_place() {
        let desk = Desk::new(|_| ());
        let place = Leads::Place(CommunityId::ZERO, ChannelId::ZERO);
        chosen("__closed", place, &desk);
        assert!(desk.take().told.is_empty());
        chosen("default", place, &desk);
        let told = desk.take().told;
        assert!(matches!(told[0], Told::Place(..)) && matches!(told[1], Told::Raise));
        chosen("default", Leads::Requests, &desk);
        assert!(matches!(desk.take().told[0], Told::Requests));
    }
}
