//! What goes into the window's frames and what comes out of them, as egui's plugin.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eframe::egui::accesskit::{NodeId, TreeUpdate};
use eframe::egui::{
    Context, Event, FullOutput, Key, Modifiers, MouseWheelSource, MouseWheelUnit, OutputCommand,
    Plugin, RawInput, Rect, TouchPhase, ViewportId, vec2,
};

/// The last frame, as a screen reader gets it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) tree: TreeUpdate,
    /// The part of each control that can be clicked, in points.
    pub(super) shown: BTreeMap<NodeId, Rect>,
    pub(super) pixels_per_point: f32,
}

/// What the plugin and the socket share.
#[derive(Debug, Default)]
pub(super) struct Eye(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queued: VecDeque<Vec<Event>>,
    /// A batch was given to a frame whose end has not come.
    drawing: bool,
    seen: Option<Arc<Seen>>,
    frames: u64,
    repaint_after: Duration,
    copied: Option<String>,
}

impl Eye {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queue(&self, batches: Vec<Vec<Event>>) {
        self.lock().queued.extend(batches);
    }

    pub(super) fn has_queued(&self) -> bool {
        let state = self.lock();
        state.drawing || !state.queued.is_empty()
    }

    pub(super) fn seen(&self) -> Option<Arc<Seen>> {
        self.lock().seen.clone()
    }

    /// The last text that went into the clipboard since the last question.
    pub(super) fn copied(&self) -> Option<String> {
        self.lock().copied.take()
    }

    pub(super) fn frames(&self) -> u64 {
        self.lock().frames
    }

    /// Whether the last frame asked for another one that soon.
    pub(super) fn repaints_within(&self, time: Duration) -> bool {
        self.lock().repaint_after < time
    }
}

/// The plugin.
pub(super) struct Hand {
    eye: Arc<Eye>,
}

impl Hand {
    pub(super) fn new(eye: Arc<Eye>) -> Self {
        Self { eye }
    }
}

impl Plugin for Hand {
    fn debug_name(&self) -> &'static str {
        "driver"
    }

    fn setup(&mut self, ctx: &Context) {
        ctx.enable_accesskit();
    }

    fn input_hook(&mut self, ctx: &Context, input: &mut RawInput) {
        // A window without a window manager is never given the focus.
        input.focused = true;
        let mut state = self.eye.lock();
        if let Some(events) = state.queued.pop_front() {
            input.events.extend(events);
            state.drawing = true;
            drop(state);
            ctx.request_repaint();
        }
    }

    fn output_hook(&mut self, ctx: &Context, output: &mut FullOutput) {
        let shown = ctx.viewport(|viewport| {
            let layers = viewport.prev_pass.widgets.layers();
            let widgets = layers.flat_map(|(_, widgets)| widgets);
            let shown = widgets.map(|widget| (widget.id.accesskit_id(), widget.interact_rect));
            shown.collect()
        });
        let mut state = self.eye.lock();
        state.drawing = false;
        state.frames += 1;
        for command in &output.platform_output.commands {
            if let OutputCommand::CopyText(text) = command {
                state.copied = Some(text.clone());
            }
        }
        let root = output.viewport_output.get(&ViewportId::ROOT);
        state.repaint_after = root.map_or(Duration::MAX, |root| root.repaint_delay);
        if let Some(tree) = &output.platform_output.accesskit_update {
            state.seen = Some(Arc::new(Seen {
                tree: tree.clone(),
                shown,
                pixels_per_point: output.pixels_per_point,
            }));
        }
    }
}

/// A turn of the wheel by so many points.
pub(super) fn wheel(by: f32) -> Event {
    Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, by),
        phase: TouchPhase::Move,
        source: MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    }
}

/// Pressing and letting go of `Ctrl+Shift+K`.
pub(super) fn chord(chord: &str) -> Result<Vec<Vec<Event>>, String> {
    let mut modifiers = Modifiers::NONE;
    let mut words: Vec<&str> = chord.split('+').collect();
    let name = words.pop().unwrap_or_default();
    for word in words {
        modifiers |= match word {
            "Ctrl" => Modifiers::CTRL | Modifiers::COMMAND,
            "Shift" => Modifiers::SHIFT,
            "Alt" => Modifiers::ALT,
            other => return Err(format!("{other:?} is no modifier: Ctrl, Shift or Alt")),
        };
    }
    let key = Key::from_name(name).ok_or_else(|| format!("{name:?} is no key"))?;
    let press = |pressed| Event::Key {
        key,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers,
    };
    Ok(vec![
        vec![Event::ModifiersChanged(modifiers), press(true)],
        vec![press(false), Event::ModifiersChanged(Modifiers::NONE)],
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read() {
        let batches = chord("Ctrl+Shift+K").unwrap();
        let Event::Key { key, modifiers, .. } = &batches[0][1] else {
            panic!("a key")
        };
        assert_eq!(*key, Key::K);
        assert!(modifiers.ctrl && modifiers.command && modifiers.shift && !modifiers.alt);
        assert!(chord("Hyper+K").unwrap_err().contains("Hyper"));
        assert!(chord("Ctrl+Blub").unwrap_err().contains("Blub"));
    }
}
