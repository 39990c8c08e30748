use super::*;
use crate::limits::{CHECKS_MAX, DELAY_MAX, ENTRIES_MAX, STARTS_MAX};
use alloquy_api::{Busy, Command, CommandError, CommandId, Event, Snapshot};
use alloquy_irc::Settings;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc as blocking_mpsc;
use zeroize::Zeroizing;

const FROM: From = From {
    conn: ConnId(1),
    cloak: 0,
    address: None,
    exempt: false,
};

/// Guests whose nodes come when the test says so, proofs that wait, passwords that are all wrong.
struct Slow {
    guests: Mutex<blocking_mpsc::Receiver<()>>,
    wrong: AtomicUsize,
}

impl Accounts for Arc<Slow> {
    fn delay(&self, _credential: &Credential, _from: &From) -> Duration {
        match self.wrong.load(Ordering::SeqCst) {
            0 => Duration::ZERO,
            _ => DELAY_MAX,
        }
    }

    fn check(&self, credential: Credential) -> Answer {
        if let Credential::Guest { .. } = credential {
            let own = Arc::clone(self);
            let start = move || {
                own.guests.lock().unwrap().recv().unwrap_or_default();
                Answer::Denied
            };
            return Answer::Later(Lane::Guest, Box::new(start));
        }
        if let Credential::Certificate { .. } = credential {
            return Answer::Later(Lane::Account, Box::new(|| Answer::Told(Vec::new())));
        }
        self.wrong.fetch_add(1, Ordering::SeqCst);
        Answer::Denied
    }

    fn open(&self, _key: ClientKey, _name: &str) -> Answer {
        let own = Arc::clone(self);
        let enter = move || {
            own.guests.lock().unwrap().recv().unwrap_or_default();
            Answer::Denied
        };
        Answer::Later(Lane::Community, Box::new(enter))
    }

    fn scram_delay(&self, _message: &str, _from: &From) -> Duration {
        DELAY_MAX
    }
}

fn slow() -> (blocking_mpsc::Sender<()>, Arc<Slow>, Rooms) {
    let (come, guests) = blocking_mpsc::channel();
    let slow = Slow {
        guests: Mutex::new(guests),
        wrong: AtomicUsize::new(0),
    };
    (come, Arc::new(slow), Rooms::default())
}

fn ask(slow: &Arc<Slow>, rooms: &Rooms, question: Question) -> tokio::task::JoinHandle<Answer> {
    let (slow, rooms) = (Arc::new(Arc::clone(slow)), rooms.clone());
    tokio::spawn(async move { rooms.answer(slow, question, FROM).await })
}

fn password() -> Question {
    Question::LogIn(Credential::Password {
        account: None,
        password: Zeroizing::new("wrong".to_owned()),
    })
}

#[tokio::test]
async fn neither_guests_nor_proofs_that_wait_stop_a_log_in() {
    let (come, slow, rooms) = slow();
    for _ in 0..STARTS_MAX + CHECKS_MAX {
        let nick = "guest".to_owned();
        ask(&slow, &rooms, Question::LogIn(Credential::Guest { nick }));
        let message = Zeroizing::new("n,,n=ana,r=x".to_owned());
        ask(&slow, &rooms, Question::Scram(message));
    }
    while rooms.guests.available_permits() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Less than what the proofs wait.
    let told = tokio::time::timeout(DELAY_MAX / 2, ask(&slow, &rooms, password())).await;
    assert!(matches!(told, Ok(Ok(Answer::Denied))), "{told:?}");
    drop(come);
}

#[tokio::test]
async fn who_waits_for_a_community_keeps_no_account_from_coming_in() {
    let (come, slow, rooms) = slow();
    for _ in 0..=ENTRIES_MAX {
        let name = "club/general".to_owned();
        ask(&slow, &rooms, Question::Open(ClientKey(1), name));
    }
    while rooms.communities.available_permits() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let credential = Credential::Certificate {
        account: None,
        fingerprint: [7; 32],
    };
    let told = ask(&slow, &rooms, Question::LogIn(credential));
    let told = tokio::time::timeout(DELAY_MAX, told).await;
    assert!(matches!(told, Ok(Ok(Answer::Told(_)))), "{told:?}");
    drop(come);
}

#[tokio::test]
async fn of_many_guesses_at_once_each_counts_for_those_after_it() {
    let (_come, slow, rooms) = slow();
    let asked: Vec<_> = (0..20).map(|_| ask(&slow, &rooms, password())).collect();
    while asked.iter().all(|asked| !asked.is_finished()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Time for those that do not wait.
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let wrong = slow.wrong.load(Ordering::SeqCst);
    assert!(wrong <= CHECKS_MAX, "{wrong} guesses at once");
    asked.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A node in which nothing happens.
struct Quiet;

impl Client for Quiet {
    fn submit(&mut self, _command: Command) -> Result<CommandId, Busy> {
        Ok(CommandId(1))
    }

    fn next_event(&mut self) -> Option<Event> {
        None
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            account: Some(alloquy_ids::AccountId([3; 32])),
            name: "ana".to_owned(),
            ..Snapshot::default()
        })
    }

    fn ended(&self) -> Option<CommandError> {
        None
    }
}

/// Lets every account in, and tells whom it let go.
#[derive(Default)]
struct Counting(Mutex<Vec<ClientKey>>);

impl Accounts for Arc<Counting> {
    fn check(&self, _credential: Credential) -> Answer {
        Answer::Granted(ClientKey(7), Some(Box::new(Quiet)))
    }

    fn idle(&self, key: ClientKey) -> bool {
        self.0.lock().unwrap().push(key);
        true
    }
}

fn turns(accounts: &Arc<Counting>) -> (Turns, mpsc::UnboundedReceiver<Answered>) {
    let (checked, checks) = mpsc::unbounded_channel();
    let settings = Settings {
        server_name: "irc.test".to_owned(),
        network: "Test".to_owned(),
        version: "test".to_owned(),
        started: UnixMs(0),
    };
    let turns = Turns {
        server: Server::new(settings),
        clients: BTreeMap::new(),
        lines: BTreeMap::new(),
        dirty: BTreeSet::new(),
        touched: BTreeSet::new(),
        asked: 0,
        idle: BTreeMap::new(),
        retired: BTreeSet::new(),
        accounts: Arc::new(Arc::clone(accounts)),
        checked,
        rooms: slow().2,
        behind: BTreeSet::new(),
        gate: Gate::new(None, mpsc::channel(1).0, Arc::new(Figures::default())),
        bell: Bell::default(),
        figures: Arc::new(Figures::default()),
        started: Instant::now(),
    };
    (turns, checks)
}

impl Turns {
    fn come(&mut self, conn: u64) {
        let queue = Arc::new(Queue::default());
        let origin = Origin::default();
        self.take(Piece::Open(ConnId(conn), origin, (queue, None)));
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let line = "PASS x\r\nNICK ana\r\nUSER ana 0 * :Ana\r\n";
        self.take(Piece::Bytes(ConnId(conn), line.into(), place));
        self.turn();
    }

    fn later(&mut self, time: Duration) {
        self.let_go(MonoMs(self.now().mono.0 + millis(time)));
    }
}

#[tokio::test]
async fn a_client_that_nobody_acts_through_is_let_go_after_a_while() {
    let accounts = Arc::new(Counting::default());
    let (mut turns, mut checks) = turns(&accounts);
    let let_go = || accounts.0.lock().unwrap().clone();
    turns.come(1);
    let answered = checks.recv().await.unwrap();
    turns.checked(answered);
    turns.turn();
    assert!(turns.clients.contains_key(&ClientKey(7)) && turns.server.is_used(ClientKey(7)));
    turns.later(IDLE_WAIT * 2);
    assert!(let_go().is_empty(), "somebody is here");
    turns.take(Piece::Closed(ConnId(1)));
    turns.turn();
    turns.later(IDLE_WAIT / 2);
    assert!(let_go().is_empty(), "it may come again");
    // Somebody is just let in: perhaps by the client that is here.
    turns.come(2);
    turns.later(IDLE_WAIT * 2);
    assert!(let_go().is_empty(), "somebody is coming in");
    let answered = checks.recv().await.unwrap();
    turns.checked(answered);
    turns.turn();
    turns.later(IDLE_WAIT * 4);
    assert!(let_go().is_empty(), "and is here");
    turns.take(Piece::Closed(ConnId(2)));
    turns.turn();
    turns.later(IDLE_WAIT * 2);
    assert_eq!(let_go(), [ClientKey(7)]);
    assert!(turns.clients.is_empty() && turns.idle.is_empty());
}

#[tokio::test]
async fn whoever_was_closed_is_forgotten() {
    let (mut turns, _checks) = turns(&Arc::default());
    turns.come(1);
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    turns.take(Piece::Bytes(ConnId(1), "QUIT\r\n".into(), place));
    turns.turn();
    turns.checked((CheckId(1), ConnId(1), Answer::Denied));
    turns.turn();
    turns.take(Piece::Closed(ConnId(1)));
    turns.turn();
    assert_eq!(turns.server.connections(), 0);
    assert!(turns.lines.is_empty());
}
