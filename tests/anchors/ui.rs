//! Row 18 and the start of row 17: the processor time of a frame of the whole window, without a screen, beside
//! a plain list of the same messages in the same toolkit. Times: reported, never gated; that no more than what
//! is seen is laid out is counted, and ends the run when it is not so.
//!
//! A frame is: the model is taken in, what the person did is carried out, everything is laid out and cut into
//! triangles. What the graphics card does with them is not measured, and no screen reader listens.

use std::time::Duration;

use alloquy_ui::state::Slot;
use alloquy_ui::{Action, Model, UiState};
use anyhow::ensure;
use egui::{Event, FullOutput, Modifiers, MouseWheelUnit, RawInput, TouchPhase, Vec2, pos2, vec2};
use rustix::time::{ClockId, clock_gettime};

use crate::report::{Line, Rival, percentile};
use crate::ui_world::{self, COMMUNITY, GENERAL, World};

/// Frames of each kind, and starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    frames: usize,
    jumps: usize,
    starts: usize,
}

/// What `./bench ui` runs: enough frames that a hundredth of them is no single one.
pub(crate) const REAL: Size = Size {
    frames: 1_000,
    jumps: 300,
    starts: 10,
};
/// The window, in points.
const WINDOW: Vec2 = vec2(1280.0, 800.0);
/// Within the timeline.
const POINTER: egui::Pos2 = pos2(700.0, 400.0);
/// One step of the wheel, in points.
const STEP: f32 = 60.0;
/// Steps before the wheel turns the other way: most of what is loaded.
const SWEEP: usize = 80;
/// Frames of 60 a second.
const FRAME_SECONDS: f64 = 1.0 / 60.0;
/// Frames after which a window that still wants more does not come to rest.
const SETTLE_FRAMES_MAX: usize = 120;
/// Rows that a window of this size measures at most: twice those that it can show at one line each.
const ROWS_MAX: usize = 60;
/// Whoever asks for the next frame later than this has come to rest: an animation asks for it at once.
const REST: Duration = Duration::from_millis(500);

/// Processor time of this thread in milliseconds: other builds on the machine take none of it.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1_000.0 + time.tv_nsec as f64 / 1_000_000.0
}

/// Something that is drawn.
trait Shown {
    /// Draws a frame.
    fn draw(&mut self, ui: &mut egui::Ui);
    /// Shows another part of the channel, around the message of this number.
    fn jump(&mut self, world: &World, number: usize);
}

/// The window of Alloquy.
struct Whole {
    model: Model,
    state: UiState,
}

impl Whole {
    fn new(model: Model) -> Self {
        let mut state = UiState::new();
        drop(state.refresh(&model));
        Self { model, state }
    }

    fn rows_measured(&self) -> usize {
        self.state.rows_measured(Slot::channel(GENERAL))
    }
}

impl Shown for Whole {
    fn draw(&mut self, ui: &mut egui::Ui) {
        // The application takes every new model in before it draws.
        drop(self.state.refresh(&self.model));
        drop(alloquy_ui::show(&self.model, &mut self.state, ui));
    }

    fn jump(&mut self, world: &World, number: usize) {
        self.model = world.around(&self.model, number);
        let jump = Action::GoMessage(COMMUNITY, GENERAL, ui_world::message_id(number));
        drop(self.state.apply(jump, &self.model));
    }
}

/// The naive way: a label for each message that is loaded, all of them laid out. Neither rail, channels,
/// members nor composer, no markdown, no dates.
struct Plain {
    texts: Vec<String>,
    offset: Option<f32>,
}

impl Plain {
    fn new(model: &Model) -> Self {
        let window = model.window(GENERAL);
        let messages = window.map_or(&[][..], |window| &window.messages);
        Self {
            texts: messages
                .iter()
                .map(|message| message.text.clone())
                .collect(),
            offset: None,
        }
    }
}

impl Shown for Plain {
    fn draw(&mut self, ui: &mut egui::Ui) {
        let mut area = egui::ScrollArea::vertical().auto_shrink(false);
        if let Some(offset) = self.offset.take() {
            area = area.vertical_scroll_offset(offset);
        }
        area.show(ui, |ui| {
            for text in &self.texts {
                ui.label(text);
            }
        });
    }

    fn jump(&mut self, world: &World, number: usize) {
        self.texts.clear();
        let numbers = world.numbers_around(number);
        self.texts
            .extend(numbers.map(|number| world.text(number).to_owned()));
        self.offset = Some(1_000.0);
    }
}

/// A context without a screen, and what is drawn in it.
struct Bench<S> {
    ctx: egui::Context,
    time: f64,
    shown: S,
}

impl<S: Shown> Bench<S> {
    fn new(shown: S) -> Self {
        let ctx = egui::Context::default();
        alloquy_ui::fonts::install(&ctx);
        Self {
            ctx,
            time: 0.0,
            shown,
        }
    }

    /// Draws a frame; whether it asks for another one at once.
    fn frame(&mut self, events: Vec<Event>) -> bool {
        self.time += FRAME_SECONDS;
        let input = RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, WINDOW)),
            time: Some(self.time),
            predicted_dt: FRAME_SECONDS as f32,
            events,
            focused: true,
            ..RawInput::default()
        };
        let shown = &mut self.shown;
        let FullOutput {
            shapes,
            pixels_per_point,
            viewport_output,
            mut textures_delta,
            ..
        } = self.ctx.run_ui(input, |ui| shown.draw(ui));
        drop(self.ctx.tessellate(shapes, pixels_per_point));
        // There is no screen that would want them.
        textures_delta.clear();
        let mut viewports = viewport_output.values();
        viewports.any(|viewport| viewport.repaint_delay < REST)
    }

    fn timed(&mut self, events: Vec<Event>) -> f64 {
        let before = cpu_ms();
        self.frame(events);
        cpu_ms() - before
    }

    /// Draws until nothing asks for more.
    fn settle(&mut self) -> anyhow::Result<()> {
        for _ in 0..SETTLE_FRAMES_MAX {
            if !self.frame(Vec::new()) {
                return Ok(());
            }
        }
        anyhow::bail!("a window of which nobody asks anything does not come to rest")
    }

    /// Frames in which nothing happens.
    fn idle(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.timed(Vec::new())).collect()
    }

    /// Frames in which the wheel turns, up and down over what is loaded.
    fn scroll(&mut self, count: usize) -> Vec<f64> {
        self.frame(vec![Event::PointerMoved(POINTER)]);
        let steps = 0..count;
        let steps = steps.map(|step| {
            let up = (step / SWEEP).is_multiple_of(2);
            self.timed(vec![wheel(if up { STEP } else { -STEP })])
        });
        steps.collect()
    }

    /// The slowest frame of each jump to a message anywhere in the channel.
    fn jumps(&mut self, world: &World, count: usize) -> anyhow::Result<Vec<f64>> {
        let mut slowest = Vec::with_capacity(count);
        for jump in 0..count {
            self.shown.jump(world, ui_world::anywhere(jump));
            let frames = [0; 3].map(|_| self.timed(Vec::new()));
            slowest.push(frames.into_iter().fold(0.0, f64::max));
            self.settle()?;
        }
        Ok(slowest)
    }
}

fn wheel(points: f32) -> Event {
    Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, points),
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    }
}

/// From a model of many communities to the first frame at rest, the fonts included.
fn starts<S: Shown>(count: usize, of: impl Fn() -> S) -> anyhow::Result<Vec<f64>> {
    let start = |_| {
        let before = cpu_ms();
        Bench::new(of()).settle()?;
        Ok(cpu_ms() - before)
    };
    (0..count).map(start).collect()
}

/// Times frames of the whole window and of the plain list, and their starts.
pub(crate) fn frames(size: Size) -> anyhow::Result<Vec<Line>> {
    let world = World::new()?;
    let model = world.channel();
    let mut whole = Bench::new(Whole::new(model.clone()));
    let mut plain = Bench::new(Plain::new(&model));
    whole.settle()?;
    plain.settle()?;
    let idle = [whole.idle(size.frames), plain.idle(size.frames)];
    let rows = whole.shown.rows_measured();
    ensure!((5..=ROWS_MAX).contains(&rows), "{rows} rows were laid out");
    let scroll = [whole.scroll(size.frames), plain.scroll(size.frames)];
    let jumps = [
        whole.jumps(&world, size.jumps)?,
        plain.jumps(&world, size.jumps)?,
    ];
    let rows = whole.shown.rows_measured();
    ensure!((5..=ROWS_MAX).contains(&rows), "{rows} rows were laid out");
    let many = world.communities();
    let started = [
        starts(size.starts, || Whole::new(many.clone()))?,
        starts(size.starts, || Plain::new(&many))?,
    ];
    let mut lines = vec![Line {
        name: "ui_rows_laid_out",
        value: rows as f64,
        unit: "rows",
        n: 1,
        rival: Rival::measured("plain list", ui_world::LOADED as f64),
    }];
    let kinds = [
        (["ui_idle_p50", "ui_idle_p95", "ui_idle_p99"], idle),
        (["ui_scroll_p50", "ui_scroll_p95", "ui_scroll_p99"], scroll),
        (["ui_jump_p50", "ui_jump_p95", "ui_jump_p99"], jumps),
        (["ui_start_p50", "ui_start_p95", "ui_start_p99"], started),
    ];
    for (names, [mut own, mut rival]) in kinds {
        for (name, part) in names.into_iter().zip([0.5, 0.95, 0.99]) {
            lines.push(Line {
                name,
                value: percentile(&mut own, part),
                unit: "ms",
                n: own.len(),
                rival: Rival::measured("plain list", percentile(&mut rival, part)),
            });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn of_a_long_channel_only_what_is_seen_is_laid_out() {
        let lines = frames(Size {
            frames: 20,
            jumps: 5,
            starts: 1,
        })
        .unwrap();
        assert!(value(&lines, "ui_rows_laid_out") <= ROWS_MAX as f64);
        assert!(value(&lines, "ui_start_p50") > 0.0, "{lines:#?}");
    }
}
