//! The key by the desktop's portal (org.freedesktop.portal.GlobalShortcuts), where programs hear of no key that is
//! pressed elsewhere. The desktop may ask the person, who may choose another key there.

use std::convert::Infallible;

use alloquy_ui::voice::KeyReach;
use ashpd::desktop::global_shortcuts::{
    BindShortcutsOptions, GlobalShortcuts, NewShortcut, Shortcut,
};
use ashpd::zbus::Connection;
use eframe::egui::Key;
use futures::StreamExt as _;
use tokio::sync::watch;

use super::Heard;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the portal calls the key to us.
const TALK: &str = "talk";
/// What the desktop shows of it.
const ABOUT: &str = "Talk while it is held";

/// Tells of the key until it is dropped, or the desktop takes it away. The connection is its own: with it, the desktop
/// forgets the key.
pub(super) async fn listen(key: Key, tell: &watch::Sender<Heard>) -> Result<Infallible, Failure> {
    let bus = Connection::session().await?;
    let portal = GlobalShortcuts::with_connection(bus).await?;
    let mut pressed = portal.receive_activated().await?;
    let mut released = portal.receive_deactivated().await?;
    // Signals of a name go on with its next owner, who knows nothing of the key.
    let mut owner = portal.receive_owner_changed().await?;
    let session = portal.create_session(Default::default()).await?;
    let mut ended = std::pin::pin!(session.receive_closed().await?);
    let wanted = NewShortcut::new(TALK, ABOUT).preferred_trigger(key.name());
    let bound = portal
        .bind_shortcuts(&session, &[wanted], None, BindShortcutsOptions::default())
        .await?
        .response()?;
    let ours = bound.shortcuts().iter().find(|bound| bound.id() == TALK);
    let trigger = ours.map_or("", Shortcut::trigger_description);
    if trigger.is_empty() {
        return Err("none was given".into());
    }
    let reach = KeyReach::Desktop(trigger.to_owned());
    tell.send_replace(Heard { held: false, reach });
    loop {
        // A press and a release that wait together end as a release.
        let held = tokio::select! {
            biased;
            Some(event) = pressed.next() => (event.shortcut_id() == TALK).then_some(true),
            Some(event) = released.next() => (event.shortcut_id() == TALK).then_some(false),
            Some(_) = ended.next() => return Err("it was taken away".into()),
            Some(_) = owner.next() => return Err("its portal has ended".into()),
            else => return Err("the desktop's bus has gone".into()),
        };
        if let Some(held) = held {
            tell.send_if_modified(|heard| std::mem::replace(&mut heard.held, held) != held);
        }
    }
}
