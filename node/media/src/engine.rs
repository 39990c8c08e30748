//! The engine's threads around the [`Machine`]: one ticks every 10 ms, one looks after devices.
//!
//! The ticking thread sleeps without ticks while no room is open. It never waits for a device, a file or the node: what
//! it cannot hand over at once waits in a queue with a limit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alloquy_api::voice::{MediaReport, MediaTask};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::device::desk::{Desk, Ready, Used, Wish};
use crate::device::{Null, Sink, Source};
use crate::error::MediaError;
use crate::limits::{
    EVENTS_PER_TICK_MAX, REPORTS_HELD_MAX, REPORTS_WAITING_MAX, TASKS_WAITING_MAX, TICK_MS,
    TICK_SAMPLES,
};
use crate::machine::{Action, Machine, Options};
use crate::priority;
use crate::settings::{EngineConfig, InputDevice, OutputDevice, Settings, Transmit};
use crate::transport::{MediaTransport, TransportEvent};

/// A tick.
const TICK: Duration = Duration::from_millis(TICK_MS);
/// How long the thread sleeps between looks while no room is open.
const IDLE: Duration = Duration::from_millis(50);
/// How far the thread may fall behind and still catch up tick by tick.
const BEHIND_MAX: Duration = Duration::from_millis(60);

/// Ticks of one turn of the thread: those that it catches up with.
const TICKS_MAX: usize = 6;

/// What the engine reports.
pub type Reports = mpsc::Receiver<MediaReport>;

enum Order {
    Task(MediaTask),
    Set(Box<Settings>),
    Press(bool),
    Rehearse(bool),
}

/// The handle of a running engine. Dropping it ends its threads and closes devices and links.
#[derive(Debug)]
pub struct Engine {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    level: Arc<AtomicI8>,
}

impl Engine {
    /// Starts the threads. Devices open with the first `Join`; what fails there is reported as `Devices`.
    ///
    /// # Errors
    /// A thread or the codec could not be made.
    pub fn start(
        config: EngineConfig,
        transport: Box<dyn MediaTransport>,
        events: Receiver<TransportEvent>,
    ) -> Result<(Self, Reports), MediaError> {
        let settings = config
            .settings
            .unwrap_or_else(|| Settings::suiting(&config.input));
        let seed = seed();
        let machine = Machine::new(Options { settings, seed }, Instant::now())?;
        let (orders, taken) = sync_channel(TASKS_WAITING_MAX);
        let (report, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let level = Arc::new(AtomicI8::new(-127));
        let run = Run {
            machine,
            transport,
            events,
            desk: Desk::start()?,
            input: config.input,
            output: config.output,
            source: Box::new(Null),
            sink: Box::new(Null),
            report,
            held: VecDeque::new(),
            rehearsing: false,
            level: Arc::clone(&level),
        };
        // Where no sound card is used, the system's sound is not asked either.
        if run.input.is_card() || run.output.is_card() {
            run.desk.wish(Wish::Look);
        }
        let thread = std::thread::Builder::new()
            .name("audio-rt".to_owned())
            .spawn(move || {
                priority::raise();
                run.run(&taken);
            })
            .map_err(MediaError::Thread)?;
        let engine = Self {
            orders: Some(orders),
            thread: Some(thread),
            level,
        };
        Ok((engine, reports))
    }

    /// Hands a task over; never waits.
    pub fn task(&self, task: MediaTask) {
        self.order(Order::Task(task));
    }

    /// Changes push-to-talk, voice activity, sound processing; never waits.
    pub fn set(&self, settings: Settings) {
        self.order(Order::Set(Box::new(settings)));
    }

    /// The button of push-to-talk goes down or up; never waits.
    pub fn press(&self, pressed: bool) {
        self.order(Order::Press(pressed));
    }

    /// Another source of sound; never waits.
    pub fn input(&self, device: InputDevice) {
        self.task(MediaTask::Input(device));
    }

    /// Another place for sound; never waits.
    pub fn output(&self, device: OutputDevice) {
        self.task(MediaTask::Output(device));
    }

    /// Opens the devices without a room too, for a meter of the level and the test of the microphone, or closes them
    /// again; never waits.
    pub fn rehearse(&self, rehearse: bool) {
        self.order(Order::Rehearse(rehearse));
    }

    /// How loud the processed input is, decibels over full scale, -127 to 0; -127 while the devices are closed.
    #[must_use]
    pub fn level(&self) -> i8 {
        self.level.load(Ordering::Relaxed)
    }

    fn order(&self, order: Order) {
        let sent = self.orders.as_ref().map(|orders| orders.try_send(order));
        if sent.is_some_and(|sent| sent.is_err()) {
            tracing::error!(limit = TASKS_WAITING_MAX, "the sound engine takes no tasks");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the sound engine ended badly");
        }
    }
}

/// Where RTP's counters begin; the hash's keys are random for each process, and nothing secret hangs on it (SRTP's keys
/// come from DTLS).
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one("RTP")
}

struct Run {
    machine: Machine,
    transport: Box<dyn MediaTransport>,
    events: Receiver<TransportEvent>,
    desk: Desk,
    input: InputDevice,
    output: OutputDevice,
    source: Box<dyn Source>,
    sink: Box<dyn Sink>,
    report: mpsc::Sender<MediaReport>,
    /// Reports that the node has not taken yet.
    held: VecDeque<MediaReport>,
    /// The devices are to be open without a room too.
    rehearsing: bool,
    level: Arc<AtomicI8>,
}

impl Run {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = Instant::now();
        loop {
            if self.machine.in_room() || self.rehearsing {
                if !self.obey_all(orders) {
                    break;
                }
                self.exchange();
                self.ticks(&mut next);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                continue;
            }
            match orders.recv_timeout(IDLE) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.exchange();
            next = Instant::now();
        }
        self.transport.close_all();
    }

    /// Whether the handle still lives.
    fn obey_all(&mut self, orders: &Receiver<Order>) -> bool {
        loop {
            match orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Task(task) => self.task(task),
            Order::Set(settings) => self.machine.set(*settings),
            Order::Press(pressed) => self.set(|settings| settings.pressed = pressed),
            Order::Rehearse(rehearse) => self.rehearse(rehearse),
        }
    }

    fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.machine.settings().clone();
        change(&mut settings);
        self.machine.set(settings);
    }

    fn rehearse(&mut self, rehearse: bool) {
        let was = std::mem::replace(&mut self.rehearsing, rehearse);
        match (was, rehearse) {
            _ if self.machine.in_room() => {}
            (false, true) => self.open(),
            (true, false) => self.close(),
            _ => {}
        }
    }

    fn open(&self) {
        let (input, output) = (self.input.clone(), self.output.clone());
        self.desk.wish(Wish::Open(input, output));
    }

    fn close(&self) {
        self.desk.wish(Wish::Close);
        self.level.store(-127, Ordering::Relaxed);
    }

    fn task(&mut self, task: MediaTask) {
        match &task {
            MediaTask::Join { .. } => self.open(),
            MediaTask::Leave if !self.rehearsing => self.close(),
            MediaTask::Input(device) => {
                self.input = device.clone();
                self.desk.wish(Wish::Input(device.clone()));
            }
            MediaTask::Output(device) => {
                self.output = device.clone();
                self.desk.wish(Wish::Output(device.clone()));
            }
            MediaTask::Look => self.desk.wish(Wish::Look),
            MediaTask::PushToTalk(on) => self.set(|settings| {
                settings.transmit = match on {
                    true => Transmit::PushToTalk,
                    false => Transmit::Activity,
                };
            }),
            MediaTask::Press(pressed) => self.set(|settings| settings.pressed = *pressed),
            _ => {}
        }
        self.machine.task(Instant::now(), task);
        self.act();
    }

    /// Takes what the transport and the devices say, and gives what waits.
    fn exchange(&mut self) {
        for _ in 0..EVENTS_PER_TICK_MAX {
            let Ok(event) = self.events.try_recv() else {
                break;
            };
            self.machine.event(Instant::now(), event);
        }
        while let Some(ready) = self.desk.poll() {
            match ready {
                Ready::Input(source) => {
                    let used = std::mem::replace(&mut self.source, source);
                    self.machine.other_microphone();
                    self.desk.give_back(Used::Source(used));
                }
                Ready::Output(sink) => {
                    let used = std::mem::replace(&mut self.sink, sink);
                    self.desk.give_back(Used::Sink(used));
                }
                Ready::View(view) => self.hold(MediaReport::Devices(view)),
            }
        }
        self.act();
    }

    /// The ticks that are due, at most [`TICKS_MAX`]; what is over is missed at the next call, so that a machine on
    /// which a tick takes longer than it lasts still takes orders and events.
    fn ticks(&mut self, next: &mut Instant) {
        let behind = Instant::now().saturating_duration_since(*next);
        if behind > BEHIND_MAX {
            let missed = (behind.as_millis() / u128::from(TICK_MS)) as u32;
            tracing::debug!(missed, "ticks were missed");
            self.machine.missed(missed);
            *next += TICK * missed;
        }
        for _ in 0..TICKS_MAX {
            if *next > Instant::now() {
                break;
            }
            self.tick(*next);
            *next += TICK;
        }
    }

    fn tick(&mut self, now: Instant) {
        let mut input = [0.0; TICK_SAMPLES];
        let mut output = [0.0; TICK_SAMPLES];
        self.source.read(&mut input);
        self.machine.tick(now, &input, &mut output);
        self.sink.write(&output);
        self.level.store(self.machine.level(), Ordering::Relaxed);
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.poll() {
            match action {
                Action::Report(report) => self.hold(report),
                Action::Send(packet) => self.transport.send(&packet),
                Action::Connect { link, offers } => self.transport.connect(link, offers),
                Action::Signal(link, signal) => self.transport.signal(link, signal),
                Action::Close(link) => self.transport.close(link),
                Action::CloseAll => self.transport.close_all(),
                Action::Ice(servers) => self.transport.ice(servers),
            }
        }
        self.give();
    }

    /// Statistics and levels are dropped first when the node does not take reports.
    fn hold(&mut self, report: MediaReport) {
        let dispensable = matches!(
            report,
            MediaReport::Stats(_) | MediaReport::Speaking(_) | MediaReport::PeerSpeaking(..)
        );
        if self.held.len() < REPORTS_HELD_MAX / 2
            || !dispensable && self.held.len() < REPORTS_HELD_MAX
        {
            self.held.push_back(report);
        } else {
            tracing::warn!(
                limit = REPORTS_HELD_MAX,
                "a report of the engine was dropped"
            );
        }
    }

    fn give(&mut self) {
        while let Some(report) = self.held.pop_front() {
            match self.report.try_send(report) {
                Ok(()) | Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(report)) => {
                    self.held.push_front(report);
                    return;
                }
            }
        }
    }
}
