//! Where the node's side lays down what the window's side picks up. Neither waits for the other.
//!
//! The window is woken at most [`WAKES_PER_SECOND`] times a second, and only for something that can be seen:
//! another snapshot or phase, the outcome of a command, an event that the window acts on. Everything else waits
//! for the next frame.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloquy_api::snapshot::ConnectionsSnapshot;
use alloquy_api::{CommandError, Event, Reply, Snapshot};
use alloquy_ids::{ChannelId, CommunityId};
use alloquy_ui::model::About;
use alloquy_ui::voice::SoundView;
use alloquy_ui::{AskId, Phase};

/// More pictures a second of what others do nobody needs.
const WAKES_PER_SECOND: u32 = 30;
/// Events that wait for the window while it is hidden; what they say is in the snapshot, too.
const EVENTS_MAX: usize = 4096;

/// Something for the window, in order.
#[expect(
    clippy::large_enum_variant,
    reason = "most are events, and they are moved once"
)]
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// Something happened.
    Event(Event),
    /// A command ended.
    Answer(AskId, Result<Reply, CommandError>),
    /// Another start of the program hands a link over.
    Link(String),
    /// The person chose a notification.
    Place(CommunityId, ChannelId),
    /// The person chose the notification about somebody unknown.
    Requests,
    /// Whether the desktop shows a sign of the program has changed.
    Tray,
    /// The door for IRC clients is another than before; a password, where one was made.
    Irc(Option<String>),
    /// The window is to come to the front.
    Raise,
    /// The program is told to end.
    Quit,
}

/// What the window picks up.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) phase: Phase,
    pub(crate) about: Arc<About>,
    /// Microphone and loudspeakers, while there is an engine.
    pub(crate) sound: Option<Arc<SoundView>>,
    /// Snapshot, phase or sound is another one than last time.
    pub(crate) fresh: bool,
    pub(crate) told: VecDeque<Told>,
}

/// The place.
#[derive(Debug)]
pub(crate) struct Desk {
    lying: Mutex<Lying>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Lying {
    snapshot: Arc<Snapshot>,
    phase: Phase,
    about: Arc<About>,
    sound: Option<Arc<SoundView>>,
    fresh: bool,
    told: VecDeque<Told>,
    events: usize,
    left_out: u64,
    round_trips_shown: bool,
}

impl Desk {
    /// An empty place; `wake` asks for a frame after a while.
    pub(crate) fn new(wake: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self {
            lying: Mutex::default(),
            bell: Bell::new(wake),
        }
    }

    /// Takes everything that lies here.
    pub(crate) fn take(&self) -> News {
        let mut lying = self.lock();
        self.bell.heard(Instant::now());
        lying.events = 0;
        let mut told = std::mem::take(&mut lying.told);
        if lying.left_out > 0 {
            let count = std::mem::take(&mut lying.left_out);
            told.push_back(Told::Event(Event::Lagged { count }));
        }
        News {
            snapshot: Arc::clone(&lying.snapshot),
            phase: lying.phase.clone(),
            about: Arc::clone(&lying.about),
            sound: lying.sound.clone(),
            fresh: std::mem::take(&mut lying.fresh),
            told,
        }
    }

    /// Another state of the node.
    pub(crate) fn show(&self, snapshot: Arc<Snapshot>) {
        let mut lying = self.lock();
        if Arc::ptr_eq(&lying.snapshot, &snapshot) {
            return;
        }
        let seen = lying.round_trips_shown || !differ_unseen(&lying.snapshot, &snapshot);
        lying.snapshot = snapshot;
        lying.fresh = true;
        if seen {
            self.bell.ring(lying);
        }
    }

    /// Whether round trips are before the person's eyes: their change alone wakes no window that does not show them.
    pub(crate) fn round_trips_shown(&self, shown: bool) {
        self.lock().round_trips_shown = shown;
    }

    /// How far the application is.
    pub(crate) fn enter(&self, phase: Phase) {
        let mut lying = self.lock();
        if lying.phase == phase {
            return;
        }
        lying.phase = phase;
        lying.fresh = true;
        self.bell.ring(lying);
    }

    /// Microphone and loudspeakers; `None`: there is no engine.
    pub(crate) fn sound(&self, sound: Option<SoundView>) {
        let mut lying = self.lock();
        if lying.sound.as_deref() == sound.as_ref() {
            return;
        }
        lying.sound = sound.map(Arc::new);
        lying.fresh = true;
        self.bell.ring(lying);
    }

    /// Facts about the program; seen at the next frame.
    pub(crate) fn note(&self, about: About) {
        self.lock().about = Arc::new(about);
    }

    /// Something happened at the node.
    pub(crate) fn event(&self, event: Event) {
        let mut lying = self.lock();
        if lying.events >= EVENTS_MAX {
            lying.left_out += 1;
            return;
        }
        let acted_on = is_acted_on(&event);
        lying.events += 1;
        lying.told.push_back(Told::Event(event));
        if acted_on {
            self.bell.ring(lying);
        }
    }

    /// Something that is never left out.
    pub(crate) fn tell(&self, told: Told) {
        let mut lying = self.lock();
        lying.told.push_back(told);
        self.bell.ring(lying);
    }

    fn lock(&self) -> MutexGuard<'_, Lying> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two snapshots differ in nothing but their versions and how long words take to peers.
fn differ_unseen(before: &Snapshot, after: &Snapshot) -> bool {
    let without_trips = |snapshot: &Snapshot| {
        let mut connections = ConnectionsSnapshot::clone(&snapshot.connections);
        for peer in &mut connections.peers {
            peer.round_trip_ms = None;
        }
        connections
    };
    let rest = Snapshot {
        version: before.version,
        connections: Arc::clone(&before.connections),
        ..after.clone()
    };
    rest == *before && without_trips(before) == without_trips(after)
}

/// Whether the window does something about an event that it does not see in the snapshot.
fn is_acted_on(event: &Event) -> bool {
    matches!(
        event,
        Event::MessageAdded { .. }
            | Event::MessageChanged { .. }
            | Event::CommunityLeft { .. }
            | Event::JoinRefused { .. }
            | Event::DmRequested { .. }
            | Event::KeyMissing { .. }
            | Event::StorageFailed { .. }
    )
}

/// Wakes the window, not too often.
struct Bell {
    wake: Box<dyn Fn(Duration) + Send + Sync>,
    /// When the last wake is, or was, due.
    due: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bell").finish_non_exhaustive()
    }
}

impl Bell {
    fn new(wake: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self {
            wake: Box::new(wake),
            due: Mutex::default(),
        }
    }

    /// Wakes the window unless that is about to happen. The lock on what lies there is held until the wake is
    /// noted, so that a window that takes it meanwhile is woken again.
    fn ring(&self, lying: MutexGuard<'_, Lying>) {
        let now = Instant::now();
        let wait = {
            let mut due = self.due();
            let wait = wait(*due, now);
            if let Some(wait) = wait {
                *due = Some(now + wait);
            }
            wait
        };
        drop(lying);
        if let Some(wait) = wait {
            (self.wake)(wait);
        }
    }

    /// The window looks: a wake that was due later may be gone, because a frame takes the place of all that were
    /// asked for before it.
    fn heard(&self, now: Instant) {
        let mut due = self.due();
        *due = due.map(|due| due.min(now));
    }

    fn due(&self) -> MutexGuard<'_, Option<Instant>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait with the next wake; `None`: one is due already.
fn wait(due: Option<Instant>, now: Instant) -> Option<Duration> {
    let Some(due) = due else {
        return Some(Duration::ZERO);
    };
    if due > now {
        return None;
    }
    let pause = Duration::from_secs(1) / WAKES_PER_SECOND;
    Some(pause.saturating_sub(now - due))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use alloquy_api::ErrorCode;
    use alloquy_api::reach::Way;
    use alloquy_api::snapshot::ConnectionView;
    use alloquy_ids::{NetworkKey, UnixMs};

    use super::*;

    fn desk() -> (Desk, std::sync::mpsc::Receiver<Duration>) {
        let (sender, wakes) = channel();
        let sender = Mutex::new(sender);
        let desk = Desk::new(move |wait| sender.lock().unwrap().send(wait).unwrap());
        (desk, wakes)
    }

    fn typing() -> Event {
        Event::Typing {
            community: CommunityId::ZERO,
            channel: ChannelId::ZERO,
            account: alloquy_ids::AccountId::ZERO,
        }
    }

    #[test]
    fn a_burst_wakes_the_window_once_now_and_once_soon() {
        let (desk, wakes) = desk();
        for version in 0..1000 {
            desk.show(Arc::new(Snapshot {
                version,
                name: version.to_string(),
                ..Snapshot::default()
            }));
        }
        let woken: Vec<Duration> = wakes.try_iter().collect();
        assert_eq!(woken[0], Duration::ZERO);
        assert!(woken.len() <= 3, "{woken:?}");
        let news = desk.take();
        assert_eq!(
            (news.snapshot.version, news.fresh),
            (999, true),
            "the newest"
        );
        assert!(!desk.take().fresh);
    }

    #[test]
    fn a_round_trip_wakes_the_window_only_where_it_is_shown() {
        let (desk, wakes) = desk();
        let told = |version, round_trip_ms| {
            let peer = ConnectionView {
                peer: NetworkKey([7; 32]),
                account: None,
                name: None,
                path: None,
                address: String::new(),
                way: Way::default(),
                round_trip_ms,
                seen: UnixMs(1),
            };
            let connections = ConnectionsSnapshot {
                peers: vec![peer],
                ..ConnectionsSnapshot::default()
            };
            desk.show(Arc::new(Snapshot {
                version,
                connections: Arc::new(connections),
                ..Snapshot::default()
            }));
            let news = desk.take();
            assert!(news.fresh, "the next frame has it");
            news.snapshot.connections.peers[0].round_trip_ms
        };
        assert_eq!((told(1, None), wakes.try_iter().count()), (None, 1));
        assert_eq!((told(2, Some(3)), wakes.try_iter().count()), (Some(3), 0));
        desk.round_trips_shown(true);
        assert_eq!((told(3, Some(4)), wakes.try_iter().count()), (Some(4), 1));
    }

    #[test]
    fn what_comes_after_a_frame_wakes_again_though_a_wake_was_due() {
        let (desk, wakes) = desk();
        desk.tell(Told::Raise);
        desk.tell(Told::Raise);
        desk.take();
        let before = wakes.try_iter().count();
        desk.tell(Told::Quit);
        assert_eq!(wakes.try_iter().count(), 1, "{before} before");
        desk.tell(Told::Quit);
        assert_eq!(wakes.try_iter().count(), 0, "one is due");
    }

    #[test]
    fn what_is_not_seen_does_not_wake_and_what_is_the_same_neither() {
        let (desk, wakes) = desk();
        desk.event(typing());
        desk.enter(Phase::Starting);
        let same = desk.take().snapshot;
        desk.show(same);
        assert_eq!(wakes.try_iter().count(), 0);
        desk.enter(Phase::Running);
        assert_eq!(wakes.try_iter().count(), 1);
    }

    #[test]
    fn a_hidden_window_misses_events_and_is_told_so_but_never_misses_an_outcome() {
        let (desk, _wakes) = desk();
        for _ in 0..EVENTS_MAX + 5 {
            desk.event(typing());
        }
        let error = CommandError::new(ErrorCode::Busy, "busy");
        desk.tell(Told::Answer(AskId(1), Err(error)));
        let told = desk.take().told;
        assert_eq!(told.len(), EVENTS_MAX + 2);
        assert!(matches!(told[EVENTS_MAX], Told::Answer(AskId(1), _)));
        let last = told.back().unwrap();
        assert!(
            matches!(last, Told::Event(Event::Lagged { count: 5 })),
            "{last:?}"
        );
    }

    #[test]
    fn wakes_keep_their_distance() {
        let start = Instant::now();
        let pause = Duration::from_secs(1) / WAKES_PER_SECOND;
        assert_eq!(wait(None, start), Some(Duration::ZERO));
        assert_eq!(wait(Some(start + pause), start), None, "one is due");
        assert_eq!(
            wait(Some(start), start + pause / 2),
            Some(pause - pause / 2)
        );
        assert_eq!(wait(Some(start), start + 2 * pause), Some(Duration::ZERO));
    }
}
