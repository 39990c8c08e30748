use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use alloquy_api::Reply;
use alloquy_media::EngineConfig;
use alloquy_node::init::RecoveryWords;
use alloquy_node::{KeySource, Passphrase};
use tempfile::tempdir;

use super::*;

/// Long enough for a loaded machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

fn own(data: &Path) -> Mode {
    Mode::Own(Box::new(config(data)), EngineConfig::default())
}

fn config(data: &Path) -> NodeConfig {
    NodeConfig {
        mdns: false,
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        ..NodeConfig::new(data, KeySource::default())
    }
}

/// A session and what its window would see.
struct Seen {
    session: Session,
    desk: Arc<Desk>,
    woken: Receiver<()>,
}

impl Seen {
    fn start(mode: Mode) -> Self {
        let (wake, woken) = channel();
        let wake = std::sync::Mutex::new(wake);
        let desk = Arc::new(Desk::new(move |_| {
            // Fails only when the test has ended.
            wake.lock().unwrap().send(()).ok();
        }));
        Self {
            session: Session::start(mode, Arc::clone(&desk)).unwrap(),
            desk,
            woken,
        }
    }

    /// Looks after each wake, as the window does, until `what` finds something.
    fn until<T>(&self, what: impl Fn(&crate::desk::News) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let news = self.desk.take();
            if let Some(found) = what(&news) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            let woken = self.woken.recv_timeout(left);
            assert!(
                woken.is_ok(),
                "it did not happen; at last: {:?}",
                news.phase
            );
        }
    }

    fn enters(&self, is_it: impl Fn(&Phase) -> bool) {
        self.until(|news| is_it(&news.phase).then_some(()));
    }

    fn outcome(&self, ask: AskId, command: Command) -> Result<Reply, CommandError> {
        self.session.submit(ask, command);
        self.until(|news| {
            news.told.iter().find_map(|told| match told {
                Told::Answer(of, result) if *of == ask => Some(result.clone()),
                _ => None,
            })
        })
    }
}

#[test]
fn the_first_run_makes_the_account_keeps_its_words_sealed_and_serves() {
    let data = tempdir().unwrap();
    let seen = Seen::start(own(data.path()));
    seen.enters(|phase| matches!(phase, Phase::FirstRun { busy: false, .. }));
    let early = seen.outcome(AskId(1), Command::Communities).unwrap_err();
    assert_eq!(early.code, ErrorCode::NotRunning);

    seen.session.order(Order::CreateAccount("n".repeat(101)));
    seen.enters(
        |phase| matches!(phase, Phase::FirstRun { error: Some(why), .. } if why.contains("100")),
    );
    seen.session.order(Order::CreateAccount("Ana".to_owned()));
    seen.enters(|phase| *phase == Phase::Running);
    let snapshot = seen.desk.take().snapshot;
    assert_eq!(
        (snapshot.name.as_str(), snapshot.recovery_pending),
        ("Ana", true)
    );
    let reply = seen.outcome(AskId(2), Command::RecoveryShow).unwrap();
    assert!(matches!(reply, Reply::Recovery { recovery_words } if recovery_words.len() == 12));

    // What is handed in just before the end is carried out.
    let keep = Command::Keep {
        name: "draft".to_owned(),
        value: "typed at the last moment".to_owned(),
    };
    seen.session.submit(AskId(3), keep);
    seen.session.close();

    // Nothing of the first one holds the store any more.
    let again = Seen::start(own(data.path()));
    again.enters(|phase| *phase == Phase::Running);
    let kept = Arc::clone(&again.desk.take().snapshot.kept);
    assert_eq!(
        kept.get("draft").map(AsRef::as_ref),
        Some("typed at the last moment")
    );
}

#[test]
fn a_sealed_store_asks_for_its_passphrase_until_it_is_right() {
    let data = tempdir().unwrap();
    let mut sealed = config(data.path());
    sealed.key.passphrase = Some(Passphrase::new("open sesame"));
    alloquy_node::init(&sealed, "Ana", RecoveryWords::Kept).unwrap();

    let seen = Seen::start(own(data.path()));
    seen.enters(|phase| *phase == Phase::Locked { wrong: false });
    seen.session.order(Order::Unlock("open barley".to_owned()));
    seen.enters(|phase| *phase == Phase::Locked { wrong: true });
    seen.session.order(Order::Unlock("open sesame".to_owned()));
    seen.enters(|phase| *phase == Phase::Running);
    seen.session.close();
}

#[test]
fn a_directory_in_use_is_told_and_starting_again_helps_when_it_is_free() {
    let data = tempdir().unwrap();
    alloquy_node::init(&config(data.path()), "Ana", RecoveryWords::Kept).unwrap();
    let first = Seen::start(own(data.path()));
    first.enters(|phase| *phase == Phase::Running);

    let second = Seen::start(own(data.path()));
    second.enters(|phase| {
        matches!(phase, Phase::Failed(failure) if failure.what.contains("Another program") && failure.may_restart)
    });
    first.session.close();
    second.session.order(Order::Restart);
    second.enters(|phase| *phase == Phase::Running);
    second.session.close();
}

#[test]
fn an_attached_window_is_told_when_the_node_ends_and_every_command_is_answered() {
    let data = tempdir().unwrap();
    alloquy_node::init(&config(data.path()), "Ana", RecoveryWords::Kept).unwrap();
    let owner = Seen::start(own(data.path()));
    owner.enters(|phase| *phase == Phase::Running);

    let seen = Seen::start(Mode::Attached(data.path().to_owned()));
    seen.enters(|phase| *phase == Phase::Running);
    let make = Command::CreateCommunity {
        name: "Home".to_owned(),
        template: None,
    };
    seen.outcome(AskId(1), make).unwrap();
    seen.until(|news| {
        let names = news
            .snapshot
            .communities
            .values()
            .map(|view| view.name.clone());
        names.into_iter().find(|name| name == "Home")
    });
    owner.session.close();
    seen.enters(
        |phase| matches!(phase, Phase::Failed(failure) if failure.what.contains("has ended")),
    );
    let late = seen.outcome(AskId(2), Command::Communities).unwrap_err();
    assert_eq!(late.code, ErrorCode::NotRunning);
    seen.session.close();
}
