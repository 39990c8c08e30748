//! The audio engine of the node in this process: between the two, so that the window's page about voice has microphone
//! and loudspeakers while one is in no room, too.
//!
//! Tasks of the node and orders of the window come to one task, one after the other. While the page is open, devices are
//! open without a room too: the level is measured, and one can hear oneself.

mod hotkey;

use std::sync::Arc;
use std::time::Duration;

use alloquy_api::voice::{DevicesView, MediaReport, MediaTask};
use alloquy_media::settings::{Activity, Noise, Transmit};
use alloquy_media::webrtc::WebRtcConfig;
use alloquy_media::{AttachError, Engine, EngineConfig, InputDevice, OutputDevice, Settings};
use alloquy_node::MediaPort;
use alloquy_ui::voice::{self, METER_FLOOR_DB, SoundOrder, SoundView, VoiceSettings};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

use self::hotkey::{Heard, Hotkey};
use crate::desk::Desk;

/// How often the level is told while somebody looks: a meter seems to follow the voice from about 10 a second on.
const METER_EVERY: Duration = Duration::from_millis(80);
/// Tasks and reports on their way through; both sides have queues of their own.
const WAITING_MAX: usize = 64;
/// Orders of the window that wait: a slider that is dragged gives 60 a second, and each is taken in microseconds.
const ORDERS_MAX: usize = 256;

/// The way to the engine.
#[derive(Debug)]
pub(super) struct Sound {
    orders: mpsc::Sender<SoundOrder>,
}

impl Sound {
    /// Starts an engine for the node; both end together. Must be called within a runtime of tokio.
    pub(super) fn start(
        config: EngineConfig,
        port: MediaPort,
        desk: Arc<Desk>,
    ) -> Result<Self, AttachError> {
        let (tasks, for_engine) = mpsc::channel(WAITING_MAX);
        let (from_engine, reports) = mpsc::channel(WAITING_MAX);
        let webrtc = WebRtcConfig::default();
        let engine = alloquy_media::attach(config.clone(), webrtc, for_engine, from_engine)?;
        let (told, devices) = watch::channel(DevicesView::default());
        tokio::spawn(pass_on(reports, port.reports, told));
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let seat = Seat {
            chosen: Chosen::of(config),
            engine,
            tasks,
            desk,
            devices,
            metered: false,
            in_room: false,
            hotkey: Hotkey::start(),
            heard: Heard::default(),
        };
        tokio::spawn(seat.serve(port.tasks, inbox));
        Ok(Self { orders })
    }

    /// Gives an order.
    pub(super) fn order(&self, order: SoundOrder) {
        if let Err(error) = self.orders.try_send(order) {
            tracing::warn!(%error, "an order about sound was not taken");
        }
    }
}

/// Hands the engine's reports to the node, and keeps what it says of devices for the window.
async fn pass_on(
    mut reports: mpsc::Receiver<MediaReport>,
    node: mpsc::Sender<MediaReport>,
    devices: watch::Sender<DevicesView>,
) {
    while let Some(report) = reports.recv().await {
        if let MediaReport::Devices(view) = &report {
            devices.send_replace(view.clone());
        }
        if node.send(report).await.is_err() {
            return;
        }
    }
}

/// What is in force: what the program was started with, until the person chooses otherwise.
#[derive(Clone, Debug, PartialEq)]
struct Chosen {
    input: InputDevice,
    output: OutputDevice,
    /// What the window told last.
    voice: Option<VoiceSettings>,
    pressed: bool,
    tests: bool,
}

impl Chosen {
    fn of(config: EngineConfig) -> Self {
        Self {
            input: config.input,
            output: config.output,
            voice: None,
            pressed: false,
            tests: false,
        }
    }

    /// Takes a person's settings over; gives whether input and output are others now. What was kept before gives way to
    /// what the program was started with; what is chosen later does not.
    fn take(&mut self, voice: VoiceSettings) -> (bool, bool) {
        let (input, output) = (self.input.clone(), self.output.clone());
        let before = self.voice.as_ref();
        let chosen = before.map_or(input == InputDevice::Default, |of| of.input != voice.input);
        if chosen {
            let named = voice.input.clone();
            self.input = named.map_or(InputDevice::Default, InputDevice::Device);
        }
        let chosen = before.map_or(output == OutputDevice::Default, |of| {
            of.output != voice.output
        });
        if chosen {
            let named = voice.output.clone();
            self.output = named.map_or(OutputDevice::Default, OutputDevice::Device);
        }
        self.voice = Some(voice);
        (self.input != input, self.output != output)
    }

    /// What was ordered by a line holds, until the window says otherwise.
    fn hear(&mut self, task: &MediaTask) {
        match task {
            MediaTask::PushToTalk(on) => {
                self.voice.get_or_insert_default().transmit = match on {
                    true => voice::Transmit::PushToTalk,
                    false => voice::Transmit::Activity,
                };
            }
            MediaTask::Press(pressed) => self.pressed = *pressed,
            MediaTask::Input(device) => self.input = device.clone(),
            MediaTask::Output(device) => self.output = device.clone(),
            _ => {}
        }
    }

    /// What the engine is to work by. Files, tones and texts go out as they are.
    fn settings(&self) -> Settings {
        let voice = self.voice.clone().unwrap_or_default();
        let common = Settings {
            transmit: transmit(voice.transmit),
            pressed: self.pressed,
            monitor: self.tests,
            ..Settings::suiting(&self.input)
        };
        match self.input {
            InputDevice::Default | InputDevice::Device(_) => Settings {
                activity: Activity::Speech(100 - voice.sensitivity.min(100)),
                echo: voice.echo,
                noise: noise(voice.noise),
                automatic_gain: voice.automatic_gain,
                gain_percent: voice.gain_percent,
                ..common
            },
            _ => common,
        }
    }
}

const fn transmit(chosen: voice::Transmit) -> Transmit {
    match chosen {
        voice::Transmit::Activity => Transmit::Activity,
        voice::Transmit::PushToTalk => Transmit::PushToTalk,
        voice::Transmit::Always => Transmit::Always,
    }
}

const fn noise(chosen: voice::Noise) -> Noise {
    match chosen {
        voice::Noise::Off => Noise::Off,
        voice::Noise::Moderate => Noise::Moderate,
        voice::Noise::Strong => Noise::Strong,
    }
}

/// Between node, window and engine.
struct Seat {
    chosen: Chosen,
    engine: Arc<Engine>,
    tasks: mpsc::Sender<MediaTask>,
    desk: Arc<Desk>,
    devices: watch::Receiver<DevicesView>,
    /// The page about voice is open.
    metered: bool,
    in_room: bool,
    hotkey: Hotkey,
    /// What was last heard of the key to talk outside of the window.
    heard: Heard,
}

impl Seat {
    /// Until the node or the window ends.
    async fn serve(
        mut self,
        mut node: mpsc::Receiver<MediaTask>,
        mut orders: mpsc::Receiver<SoundOrder>,
    ) {
        let mut meter = tokio::time::interval(METER_EVERY);
        meter.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.show();
        while self.turn(&mut node, &mut orders, &mut meter).await {}
        self.desk.sound(None);
    }

    /// One thing that comes; `false`: there is nothing more to come.
    async fn turn(
        &mut self,
        node: &mut mpsc::Receiver<MediaTask>,
        orders: &mut mpsc::Receiver<SoundOrder>,
        meter: &mut Interval,
    ) -> bool {
        tokio::select! {
            task = node.recv() => match task {
                Some(task) => return self.task(task).await,
                None => return false,
            },
            order = orders.recv() => match order {
                Some(order) => self.order(order),
                None => return false,
            },
            changed = self.devices.changed() => {
                if changed.is_err() {
                    return false;
                }
            }
            () = self.hotkey.changed() => {
                self.heard = self.hotkey.heard();
                self.set();
            }
            _ = meter.tick(), if self.metered => {}
        }
        self.show();
        true
    }

    /// Whether the engine still takes tasks.
    async fn task(&mut self, task: MediaTask) -> bool {
        match &task {
            MediaTask::Join { .. } => self.in_room = true,
            MediaTask::Leave => self.in_room = false,
            _ => {}
        }
        self.chosen.hear(&task);
        let taken = self.tasks.send(task).await.is_ok();
        self.listen();
        taken
    }

    /// Listens for the key to talk while it is of use.
    fn listen(&self) {
        let heard = self.in_room || self.metered || self.chosen.tests;
        let voice = self.chosen.voice.as_ref();
        let voice = voice.filter(|voice| heard && voice.transmit == voice::Transmit::PushToTalk);
        self.hotkey.want(voice.map(VoiceSettings::key));
    }

    fn set(&self) {
        let settings = self.chosen.settings();
        let pressed = settings.pressed || self.heard.held;
        self.engine.set(Settings {
            pressed,
            ..settings
        });
    }

    fn order(&mut self, order: SoundOrder) {
        match order {
            SoundOrder::Use(voice) => {
                let (input, output) = self.chosen.take(voice);
                if input {
                    self.engine.input(self.chosen.input.clone());
                }
                if output {
                    self.engine.output(self.chosen.output.clone());
                }
            }
            SoundOrder::Talk(held) => self.chosen.pressed = held,
            SoundOrder::Meter(on) => {
                self.metered = on;
                self.engine.rehearse(on);
            }
            SoundOrder::Test(on) => self.chosen.tests = on,
        }
        self.listen();
        self.set();
    }

    /// Lays down what the window shows.
    fn show(&mut self) {
        let level = self.metered.then(|| self.engine.level());
        let view = SoundView {
            devices: self.devices.borrow_and_update().clone(),
            level_db: level.map(|level| level.clamp(METER_FLOOR_DB, 0)),
            testing: self.chosen.tests,
            key_reach: self.heard.reach.clone(),
        };
        self.desk.sound(Some(view));
    }
}

#[cfg(test)]
mod tests;
