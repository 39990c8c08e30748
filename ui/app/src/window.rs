//! The window: picks up what the node told, has the frame drawn, and carries out what comes of it.
//!
//! A frame is drawn only when somebody asks for one: input, or the [`Desk`]'s bell.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::UnixMs;
use alloquy_ui::model::Clock;
use alloquy_ui::{Action, Effect, Model, Phase, UiState};
use eframe::egui::{self, OpenUrl, UserAttentionType, ViewportBuilder, ViewportCommand};
use jiff::tz::TimeZone;

use crate::Stop;
use crate::desk::{Desk, Told};
use crate::icon::icon;
use crate::instance::Instance;
use crate::notify::{Notice, Notifier};
use crate::session::{Mode, Order, Session};

/// What the window is called, on its frame and by a screen reader.
const TITLE: &str = "Alloquy";
/// Size as designed, in points.
const SIZE: [f32; 2] = [1280.0, 800.0];
/// The smallest size in which everything can be used.
const SIZE_MIN: [f32; 2] = [720.0, 480.0];

/// Opens the window and serves it until it is closed; then ends the node.
pub(crate) fn show(
    mode: Mode,
    instance: Option<Instance>,
    link: Option<String>,
) -> Result<(), Stop> {
    let opened: Rc<RefCell<Option<Session>>> = Rc::default();
    let left = Rc::clone(&opened);
    let has_begun = Rc::new(RefCell::new(false));
    let begun = Rc::clone(&has_begun);
    let creator = Box::new(
        move |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
            *begun.borrow_mut() = true;
            let window = Window::open(&creation.egui_ctx, mode, instance.as_ref(), link, left)?;
            Ok(Box::new(Held {
                window,
                _instance: instance,
            }))
        },
    );
    let ran = catch_unwind(AssertUnwindSafe(|| {
        eframe::run_native(TITLE, options(), creator)
    }));
    let session = opened.borrow_mut().take();
    if let Some(session) = session {
        session.close();
    }
    let reason = match ran {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => without_source(&error.to_string()).to_owned(),
        Err(_) => "the graphics library broke; the reason stands above".to_owned(),
    };
    if *has_begun.borrow() {
        Err(Stop::Error(CommandError::new(
            ErrorCode::Internal,
            format!("the window broke: {reason}"),
        )))
    } else {
        Err(Stop::NoWindow(reason))
    }
}

fn options() -> eframe::NativeOptions {
    let palette = alloquy_ui::theme::Palette::of(true);
    eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title(TITLE)
            .with_app_id("alloquy")
            .with_inner_size(SIZE)
            .with_min_inner_size(SIZE_MIN)
            .with_icon(icon(palette.accent, palette.accent_text)),
        ..eframe::NativeOptions::default()
    }
}

/// The window and its right to be one, given up last.
struct Held {
    window: Window,
    _instance: Option<Instance>,
}

struct Window {
    /// `None` only while it is being dropped.
    session: Option<Session>,
    /// Where the session goes when the window has closed, to be ended without a window.
    left: Rc<RefCell<Option<Session>>>,
    desk: Arc<Desk>,
    notifier: Notifier,
    state: UiState,
    model: Model,
    /// A link to be opened when the node serves.
    link: Option<String>,
    #[cfg(feature = "driver")]
    under_way: crate::driver::UnderWay,
}

impl Window {
    fn open(
        ctx: &egui::Context,
        mode: Mode,
        instance: Option<&Instance>,
        link: Option<String>,
        left: Rc<RefCell<Option<Session>>>,
    ) -> std::io::Result<Self> {
        alloquy_ui::fonts::install(ctx);
        let woken = ctx.clone();
        let desk = Arc::new(Desk::new(move |wait| {
            if wait.is_zero() {
                woken.request_repaint();
            } else {
                woken.request_repaint_after(wait);
            }
        }));
        if let Some(instance) = instance {
            let desk = Arc::clone(&desk);
            instance.listen(move |told| desk.tell(told))?;
        }
        #[cfg(feature = "driver")]
        let under_way = crate::driver::attach(ctx)?;
        let session = Session::start(mode, Arc::clone(&desk))?;
        let news = desk.take();
        let mut window = Self {
            session: Some(session),
            left,
            notifier: Notifier::new(Arc::clone(&desk)),
            desk,
            state: UiState::new(),
            model: Model {
                snapshot: news.snapshot,
                phase: news.phase,
                clock: Clock {
                    now: now(),
                    zone: TimeZone::system(),
                },
                about: news.about,
            },
            link,
            #[cfg(feature = "driver")]
            under_way,
        };
        let effects = window.state.refresh(&window.model);
        window.carry_out_all(ctx, effects);
        Ok(window)
    }

    /// Picks up what lies on the desk.
    fn pick_up(&mut self, ctx: &egui::Context) {
        let news = self.desk.take();
        self.model.clock.now = now();
        self.model.about = news.about;
        let now = self.model.clock.now;
        if news.fresh || self.state.due().is_some_and(|due| due <= now) {
            self.model.snapshot = news.snapshot;
            self.model.phase = news.phase;
            let effects = self.state.refresh(&self.model);
            self.carry_out_all(ctx, effects);
        }
        for told in news.told {
            self.hear(ctx, told);
        }
        if self.model.phase == Phase::Running
            && let Some(link) = self.link.take()
        {
            let effects = self.state.open_link(&link, &self.model);
            self.carry_out_all(ctx, effects);
        }
    }

    fn hear(&mut self, ctx: &egui::Context, told: Told) {
        let effects = match told {
            Told::Event(event) => self.state.observe(&event, &self.model),
            Told::Answer(ask, result) => self.state.answered(ask, result, &self.model),
            Told::Link(link) => {
                self.link = Some(link);
                return;
            }
            Told::Place(community, channel) => self
                .state
                .apply(Action::GoChannel(community, channel), &self.model),
            Told::Raise => {
                ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd(ViewportCommand::Focus);
                let attention = UserAttentionType::Informational;
                ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                return;
            }
            Told::Quit => vec![Effect::Quit],
        };
        self.carry_out_all(ctx, effects);
    }

    /// Has a frame drawn when something lapses by itself.
    fn wake_when_due(&self, ctx: &egui::Context) {
        /// Milliseconds between two looks at most often: what is due now and stays due draws no storm of frames.
        const WAIT_MIN_MS: u64 = 50;
        if let Some(due) = self.state.due() {
            let wait = due.0.saturating_sub(now().0).max(WAIT_MIN_MS);
            ctx.request_repaint_after(Duration::from_millis(wait));
        }
    }

    fn carry_out_all(&mut self, ctx: &egui::Context, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out(ctx, effect);
        }
        #[cfg(feature = "driver")]
        self.under_way.set(self.state.is_waiting());
    }

    fn carry_out(&mut self, ctx: &egui::Context, effect: Effect) {
        let Some(session) = &self.session else { return };
        match effect {
            Effect::Submit { ask, command } => session.submit(ask, command),
            Effect::CreateAccount { name } => session.order(Order::CreateAccount(name)),
            Effect::Unlock { passphrase } => session.order(Order::Unlock(passphrase)),
            Effect::Restart => session.order(Order::Restart),
            Effect::Copy(text) => ctx.copy_text(text),
            Effect::OpenLink(url) => {
                if may_leave(&url) {
                    ctx.open_url(OpenUrl::new_tab(url));
                }
            }
            Effect::Notify { title, body, place } => {
                if !self.is_seen(ctx, place.1) {
                    self.notifier.show(Notice { title, body, place });
                }
            }
            Effect::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
        }
    }

    /// Whether the person has a channel before the eyes.
    fn is_seen(&self, ctx: &egui::Context, channel: alloquy_ids::ChannelId) -> bool {
        let focused = ctx.input(|input| input.viewport().focused == Some(true));
        focused && self.state.places.now().channel == Some(channel)
    }
}

impl eframe::App for Held {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.window.pick_up(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        // egui leaves the window itself without a name.
        ui.ctx()
            .accesskit_node_builder(egui::accesskit_root_id(), |root| root.set_label(TITLE));
        let window = &mut self.window;
        let effects = alloquy_ui::show(&window.model, &mut window.state, ui);
        let ctx = ui.ctx().clone();
        window.carry_out_all(&ctx, effects);
        window.wake_when_due(&ctx);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // What is typed and not kept yet; the node ends only when it has it.
        let unsaved = self.state.save(None);
        if let Some(session) = &self.session {
            for effect in unsaved {
                if let Effect::Submit { ask, command } = effect {
                    session.submit(ask, command);
                }
            }
        }
        *self.left.borrow_mut() = self.session.take();
    }
}

/// The window library names the line of its source that an error comes from; a person has no use for it.
fn without_source(error: &str) -> &str {
    let behind = error
        .split_once(".rs:")
        .and_then(|(_, rest)| rest.split_once(": "));
    behind.map_or(error, |(_, reason)| reason)
}

/// Whether a link may be given to the browser: others start programs.
fn may_leave(url: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

fn now() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_window_library_are_told_without_its_source() {
        let told = "winit EventLoopError: os error at /x/mod.rs:765: no DISPLAY: none.";
        assert_eq!(without_source(told), "no DISPLAY: none.");
        assert_eq!(without_source("glutin error: bad"), "glutin error: bad");
    }

    #[test]
    fn only_the_web_and_mail_leave_the_window() {
        assert!(
            may_leave("https://example.org") && may_leave("HTTP://x") && may_leave("mailto:a@b")
        );
        for url in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "alloquy://join/x",
            "httpsx",
            "",
            "é",
        ] {
            assert!(!may_leave(url), "{url}");
        }
    }
}
