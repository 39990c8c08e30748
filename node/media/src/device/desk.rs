//! The thread that opens devices and watches over them.
//!
//! It reads files, runs the speech synthesiser and asks the sound system, all of which may take long, and hands ready
//! [`Source`]s and [`Sink`]s to the thread that ticks. When a device fails, the system's default takes its place, then
//! silence; what was wished for is tried again until it is back.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alloquy_api::voice::DevicesView;

use super::card::{self, Card, FAULTS_WAITING};
use super::speech::spoken;
use super::wav::{self, Recorder};
use super::{Clip, Null, Sink, Source, Tone};
use crate::error::MediaError;
use crate::settings::{InputDevice, OutputDevice};

/// How often faults are looked for.
const EVERY: Duration = Duration::from_millis(200);
/// How often the list of devices is read anew, and what failed is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Wishes that wait: a person changes devices by hand.
const WISHES_WAITING: usize = 64;
/// What is ready and was not taken yet: at most one each of a wish, and views.
const READY_WAITING: usize = 64;

/// How long a device may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How long a file that was recorded may take to be completed before it is written anew.
const COMPLETE_WITHIN: Duration = Duration::from_millis(500);

/// What was used until something else took its place. It is dropped here, since that may wait for a disk.
pub(crate) enum Used {
    /// A source.
    Source(#[expect(dead_code, reason = "only to be dropped")] Box<dyn Source>),
    /// A sink.
    Sink(#[expect(dead_code, reason = "only to be dropped")] Box<dyn Sink>),
}

/// What the thread is asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Open both.
    Open(InputDevice, OutputDevice),
    /// Another input.
    Input(InputDevice),
    /// Another output.
    Output(OutputDevice),
    /// Tell which devices there are, though none is open.
    Look,
    /// Close both.
    Close,
}

/// What is ready.
pub(crate) enum Ready {
    /// To be read from now on.
    Input(Box<dyn Source>),
    /// To be written to from now on.
    Output(Box<dyn Sink>),
    /// What is to be told.
    View(DevicesView),
}

/// The handle. Dropping it ends the thread and closes the devices.
pub(crate) struct Desk {
    wishes: Option<SyncSender<Wish>>,
    used: SyncSender<Used>,
    ready: Receiver<Ready>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    pub(crate) fn start() -> Result<Self, MediaError> {
        let (wishes, asked) = sync_channel(WISHES_WAITING);
        let (give, ready) = sync_channel(READY_WAITING);
        let (used, back) = sync_channel(READY_WAITING);
        let thread = std::thread::Builder::new()
            .name("audio-desk".to_owned())
            .spawn(move || Watch::new(give, back).run(&asked))
            .map_err(MediaError::Thread)?;
        Ok(Self {
            wishes: Some(wishes),
            used,
            ready,
            thread: Some(thread),
        })
    }

    /// Asks; never waits.
    pub(crate) fn wish(&self, wish: Wish) {
        let sent = self.wishes.as_ref().map(|wishes| wishes.try_send(wish));
        if let Some(Err(TrySendError::Full(wish))) = sent {
            tracing::warn!(?wish, "too many changes of devices at once");
        }
    }

    /// Gives back what is not used any more; never waits.
    pub(crate) fn give_back(&self, used: Used) {
        // Full: it is dropped right here, late but not wrong.
        let _full = self.used.try_send(used).is_err();
    }

    /// What is ready; never waits.
    pub(crate) fn poll(&self) -> Option<Ready> {
        self.ready.try_recv().ok()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.wishes = None;
        // Nobody takes what is ready any more, and the thread must not wait for that.
        let (_, nothing) = sync_channel(1);
        self.ready = nothing;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread of the devices ended badly");
        }
    }
}

/// One direction's state.
struct Line<W> {
    wished: W,
    card: Option<Card>,
    faults: Receiver<String>,
    /// Something else took its place.
    replaced: bool,
}

impl<W> Line<W> {
    fn new(wished: W) -> Self {
        Self {
            wished,
            card: None,
            faults: sync_channel(1).1,
            replaced: false,
        }
    }

    fn name(&self) -> Option<String> {
        self.card.as_ref().map(|card| card.name.clone())
    }
}

impl<W> Drop for Line<W> {
    fn drop(&mut self) {
        close(self.card.take());
    }
}

/// Closes a card on a thread of its own, and waits for that for a moment: a device that is to be opened anew may have to
/// be closed before, and a stream whose sound server has gone may never end.
pub(super) fn close(card: Option<Card>) {
    let Some(card) = card else { return };
    let name = card.name.clone();
    let (done, closed) = sync_channel(1);
    let closing = std::thread::Builder::new()
        .name("audio-close".to_owned())
        .spawn(move || {
            drop(card);
            // Nobody waits any more: it took too long.
            let _late = done.try_send(()).is_err();
        });
    if closing.is_err() || closed.recv_timeout(CLOSE_WITHIN).is_err() {
        tracing::warn!(device = name, "a sound device does not close");
    }
}

struct Watch {
    give: SyncSender<Ready>,
    back: Receiver<Used>,
    open: bool,
    input: Line<InputDevice>,
    output: Line<OutputDevice>,
    names: (Vec<String>, Vec<String>),
    failure: Option<String>,
    told: Option<DevicesView>,
}

impl Watch {
    fn new(give: SyncSender<Ready>, back: Receiver<Used>) -> Self {
        Self {
            give,
            back,
            open: false,
            input: Line::new(InputDevice::Null),
            output: Line::new(OutputDevice::Null),
            names: (Vec::new(), Vec::new()),
            failure: None,
            told: None,
        }
    }

    fn run(mut self, asked: &Receiver<Wish>) {
        let mut look_at = Instant::now();
        loop {
            match asked.recv_timeout(EVERY) {
                Ok(wish) => {
                    self.obey(wish);
                    look_at = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(used) = self.back.try_recv() {
                drop(used);
            }
            if !self.open {
                continue;
            }
            self.faults();
            if Instant::now() >= look_at && self.uses_cards() {
                look_at = Instant::now() + LOOK_EVERY;
                self.look();
                self.retry();
            }
            self.tell();
        }
    }

    fn obey(&mut self, wish: Wish) {
        match wish {
            Wish::Open(input, output) => {
                self.open = true;
                self.failure = None;
                self.told = None;
                self.open_input(input);
                self.open_output(output);
            }
            Wish::Input(input) if self.open => {
                self.failure = None;
                self.open_input(input);
            }
            Wish::Output(output) if self.open => {
                self.failure = None;
                self.open_output(output);
            }
            // What is chosen while nothing is open is told with the next `Open`.
            Wish::Input(_) | Wish::Output(_) => {}
            Wish::Look => self.look(),
            Wish::Close => self.close(),
        }
    }

    fn look(&mut self) {
        self.names = card::names();
        self.tell();
    }

    fn close(&mut self) {
        self.open = false;
        self.give(Ready::Input(Box::new(Null)));
        self.give(Ready::Output(Box::new(Null)));
        self.input = Line::new(InputDevice::Null);
        self.output = Line::new(OutputDevice::Null);
    }

    fn give(&self, ready: Ready) {
        // The other side ended: so will this thread.
        let _ended = self.give.send(ready).is_err();
    }

    fn uses_cards(&self) -> bool {
        self.input.wished.is_card() || self.output.wished.is_card()
    }

    fn fail(&mut self, error: &MediaError) {
        tracing::warn!(%error, "a sound device failed");
        self.failure = Some(error.to_string());
    }

    fn open_input(&mut self, wished: InputDevice) {
        self.input = Line::new(wished);
        let opened = self.source();
        let source = opened.unwrap_or_else(|error| {
            self.fail(&error);
            self.input.replaced = true;
            self.default_source()
        });
        self.give(Ready::Input(source));
    }

    fn source(&mut self) -> Result<Box<dyn Source>, MediaError> {
        match self.input.wished.clone() {
            InputDevice::Default => self.card_in(None),
            InputDevice::Device(name) => self.card_in(Some(&name)),
            InputDevice::File { path, looped } => {
                Ok(Box::new(Clip::new(wav::read_file(&path)?, looped)))
            }
            InputDevice::Tone { hz } => Ok(Box::new(Tone::new(hz))),
            InputDevice::Spoken(text) => Ok(Box::new(Clip::new(spoken(&text)?, false))),
            InputDevice::Null => Ok(Box::new(Null)),
        }
    }

    fn card_in(&mut self, name: Option<&str>) -> Result<Box<dyn Source>, MediaError> {
        let (faults, told) = sync_channel(FAULTS_WAITING);
        let (card, source) = card::open_input(name, faults)?;
        close(self.input.card.replace(card));
        self.input.faults = told;
        Ok(source)
    }

    /// In place of a device that failed; a file that failed is no reason to open the microphone.
    fn default_source(&mut self) -> Box<dyn Source> {
        let named = matches!(self.input.wished, InputDevice::Device(_));
        let opened = named.then(|| self.card_in(None).ok()).flatten();
        opened.unwrap_or_else(|| Box::new(Null))
    }

    fn open_output(&mut self, wished: OutputDevice) {
        self.complete_recording();
        self.output = Line::new(wished);
        let opened = self.sink();
        let sink = opened.unwrap_or_else(|error| {
            self.fail(&error);
            self.output.replaced = true;
            self.default_sink()
        });
        self.give(Ready::Output(sink));
    }

    /// A file is complete before it may be written anew.
    fn complete_recording(&mut self) {
        self.give(Ready::Output(Box::new(Null)));
        if !matches!(self.output.wished, OutputDevice::File(_)) {
            return;
        }
        let deadline = Instant::now() + COMPLETE_WITHIN;
        let recording = |used: &Used| matches!(used, Used::Sink(_));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.back.recv_timeout(left) {
                Ok(used) if !recording(&used) => {}
                _ => return,
            }
        }
    }

    fn sink(&mut self) -> Result<Box<dyn Sink>, MediaError> {
        match self.output.wished.clone() {
            OutputDevice::Default => self.card_out(None),
            OutputDevice::Device(name) => self.card_out(Some(&name)),
            OutputDevice::File(path) => Ok(Box::new(Recorder::create(&path)?)),
            OutputDevice::Null => Ok(Box::new(Null)),
        }
    }

    fn card_out(&mut self, name: Option<&str>) -> Result<Box<dyn Sink>, MediaError> {
        let (faults, told) = sync_channel(FAULTS_WAITING);
        let (card, sink) = card::open_output(name, faults)?;
        close(self.output.card.replace(card));
        self.output.faults = told;
        Ok(sink)
    }

    fn default_sink(&mut self) -> Box<dyn Sink> {
        let named = matches!(self.output.wished, OutputDevice::Device(_));
        let opened = named.then(|| self.card_out(None).ok()).flatten();
        opened.unwrap_or_else(|| Box::new(Null))
    }

    /// Streams that failed since the last look.
    fn faults(&mut self) {
        if let Ok(reason) = self.input.faults.try_recv() {
            self.fail(&vanished(self.input.name(), reason));
            close(self.input.card.take());
            self.input.faults = sync_channel(1).1;
            self.input.replaced = true;
            let source = self.default_source();
            self.give(Ready::Input(source));
        }
        if let Ok(reason) = self.output.faults.try_recv() {
            self.fail(&vanished(self.output.name(), reason));
            close(self.output.card.take());
            self.output.faults = sync_channel(1).1;
            self.output.replaced = true;
            let sink = self.default_sink();
            self.give(Ready::Output(sink));
        }
    }

    /// What was wished for may be back, or at least a default in its place.
    fn retry(&mut self) {
        if !self.uses_cards() {
            return;
        }
        if self.input.replaced {
            self.retry_input();
        }
        if self.output.replaced {
            self.retry_output();
        }
        // One message serves both lines, so it stands as long as one of them is not what was wished for.
        if !self.input.replaced && !self.output.replaced {
            self.failure = None;
        }
    }

    fn retry_input(&mut self) {
        if let Ok(source) = self.retried_source() {
            self.input.replaced = false;
            self.give(Ready::Input(source));
        } else if self.input.card.is_none() {
            let source = self.default_source();
            if self.input.card.is_some() {
                self.give(Ready::Input(source));
            }
        }
    }

    fn retry_output(&mut self) {
        if let Ok(sink) = self.retried_sink() {
            self.output.replaced = false;
            self.give(Ready::Output(sink));
        } else if self.output.card.is_none() {
            let sink = self.default_sink();
            if self.output.card.is_some() {
                self.give(Ready::Output(sink));
            }
        }
    }

    fn retried_source(&mut self) -> Result<Box<dyn Source>, MediaError> {
        match self.input.wished {
            InputDevice::Default | InputDevice::Device(_) => self.source(),
            _ => Err(gone()),
        }
    }

    fn retried_sink(&mut self) -> Result<Box<dyn Sink>, MediaError> {
        match self.output.wished {
            OutputDevice::Default | OutputDevice::Device(_) => self.sink(),
            _ => Err(gone()),
        }
    }

    fn tell(&mut self) {
        let made_in = !self.input.replaced
            && !matches!(self.input.wished, InputDevice::Null)
            && self.input.card.is_none();
        let made_out = !self.output.replaced
            && !matches!(self.output.wished, OutputDevice::Null)
            && self.output.card.is_none();
        let view = DevicesView {
            inputs: self.names.0.clone(),
            outputs: self.names.1.clone(),
            input: made_in
                .then(|| self.input.wished.to_string())
                .or(self.input.name()),
            output: made_out
                .then(|| self.output.wished.to_string())
                .or(self.output.name()),
            failure: self.failure.clone(),
        };
        if self.told.as_ref() != Some(&view) {
            self.told = Some(view.clone());
            self.give(Ready::View(view));
        }
    }
}

fn vanished(name: Option<String>, reason: String) -> MediaError {
    MediaError::Device {
        device: name.unwrap_or_else(|| "the sound device".to_owned()),
        reason,
    }
}

/// Files are not tried again: they would begin anew in mid-call.
fn gone() -> MediaError {
    vanished(None, "it is not tried again".to_owned())
}
