//! The window: picks up what the node told, has the frame drawn, and carries out what comes of it.
//!
//! A frame is drawn only when somebody asks for one: input, or the [`Desk`]'s bell.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::UnixMs;
use alloquy_ui::model::Clock;
use alloquy_ui::state::Overlay;
use alloquy_ui::{Action, Effect, Model, Phase, UiState};
use eframe::egui::{self, OpenUrl, UserAttentionType, ViewportBuilder, ViewportCommand};
use jiff::tz::TimeZone;

use crate::Stop;
use crate::desk::{Desk, Told};
use crate::icon::icon;
use crate::instance::Instance;
use crate::notify::{Leads, Notice, Notifier};
use crate::session::{Mode, Order, Session};
use crate::tray::Tray;

/// What the window is called, on its frame and by a screen reader.
const TITLE: &str = "Alloquy";
/// Size as designed, in points.
const SIZE: [f32; 2] = [1280.0, 800.0];
/// The smallest size in which everything can be used.
const SIZE_MIN: [f32; 2] = [720.0, 480.0];

/// Milliseconds between two looks at most often: what is due now and stays due draws no storm of frames.
const WAIT_MIN_MS: u64 = 50;

/// Opens the window and serves it until it is closed; then ends the node, unless the person wants it to go on: then
/// the window opens again when the sign on the desktop, a notification or another start asks for it.
pub(crate) fn show(
    mode: Mode,
    instance: Option<Instance>,
    link: Option<String>,
) -> Result<(), Stop> {
    let waker = Arc::new(Waker::default());
    let between: Rc<RefCell<Option<Window>>> = Rc::default();
    let mut first = Some((mode, link));
    loop {
        let opened = open(&between, first.take(), instance.as_ref(), &waker);
        waker.forget();
        let closed = between.borrow_mut().take();
        let goes_on = closed.and_then(|mut window| match opened.is_ok() && window.rest(&waker) {
            true => Some(window),
            false => {
                window.end();
                None
            }
        });
        if goes_on.is_none() {
            return opened;
        }
        *between.borrow_mut() = goes_on;
    }
}

/// Shows the window until it is closed: the one that rests in `between`, or a first one.
fn open(
    between: &Rc<RefCell<Option<Window>>>,
    first: Option<(Mode, Option<String>)>,
    instance: Option<&Instance>,
    waker: &Arc<Waker>,
) -> Result<(), Stop> {
    let has_begun = Rc::new(RefCell::new(false));
    let begun = Rc::clone(&has_begun);
    let left = Rc::clone(between);
    let creator = Box::new(
        move |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
            *begun.borrow_mut() = true;
            let ctx = &creation.egui_ctx;
            let resting = left.borrow_mut().take();
            let window = match (resting, first) {
                (Some(window), _) => window,
                (None, Some((mode, link))) => Window::new(mode, instance, link, waker)?,
                (None, None) => return Err("there is no window to open".into()),
            };
            let mut held = Held {
                window: Some(window),
                left,
            };
            if let Some(window) = &mut held.window {
                window.appear(ctx, waker)?;
            }
            Ok(Box::new(held))
        },
    );
    let ran = catch_unwind(AssertUnwindSafe(|| {
        eframe::run_native(TITLE, options(), creator)
    }));
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

/// The window while it is open; when it closes it is laid where the next one finds it.
struct Held {
    window: Option<Window>,
    left: Rc<RefCell<Option<Window>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.left.borrow_mut() = self.window.take();
    }
}

/// What becomes of the program when the window has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// It ends.
    End,
    /// The node goes on, and the window may open again.
    Rest,
}

struct Window {
    session: Session,
    desk: Arc<Desk>,
    notifier: Notifier,
    /// A demonstration has none.
    tray: Option<Tray>,
    state: UiState,
    model: Model,
    /// What is drawn on, while the window is open.
    ctx: Option<egui::Context>,
    /// A link to be opened when the node serves.
    link: Option<String>,
    closing: Closing,
    /// The window itself closes: nothing is asked about it any more.
    leaving: bool,
    /// Somebody asked for the window.
    wanted: bool,
    #[cfg(feature = "driver")]
    under_way: crate::driver::UnderWay,
}

impl Window {
    fn new(
        mode: Mode,
        instance: Option<&Instance>,
        link: Option<String>,
        waker: &Arc<Waker>,
    ) -> std::io::Result<Self> {
        let woken = Arc::clone(waker);
        let desk = Arc::new(Desk::new(move |wait| woken.wake(wait)));
        if let Some(instance) = instance {
            let desk = Arc::clone(&desk);
            instance.listen(move |told| desk.tell(told))?;
        }
        let has_tray = !matches!(mode, Mode::Demo);
        let session = Session::start(mode, Arc::clone(&desk))?;
        let tray = has_tray.then(|| Tray::put_up(session.runtime(), Arc::clone(&desk)));
        let news = desk.take();
        Ok(Self {
            session,
            notifier: Notifier::new(Arc::clone(&desk)),
            tray,
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
                sound: news.sound,
            },
            ctx: None,
            link,
            closing: Closing::End,
            leaving: false,
            wanted: false,
            #[cfg(feature = "driver")]
            under_way: crate::driver::UnderWay::default(),
        })
    }

    /// Begins to be drawn.
    fn appear(&mut self, ctx: &egui::Context, waker: &Waker) -> std::io::Result<()> {
        alloquy_ui::fonts::install(ctx);
        self.state.appear();
        waker.show(ctx);
        #[cfg(feature = "driver")]
        {
            self.under_way = crate::driver::attach(ctx)?;
        }
        self.ctx = Some(ctx.clone());
        self.wanted = false;
        self.closing = Closing::End;
        self.leaving = false;
        let effects = self.state.refresh(&self.model);
        self.carry_out_all(effects);
        Ok(())
    }

    /// Goes on without a window, as the person chose; `true` when it is to open again.
    fn rest(&mut self, waker: &Waker) -> bool {
        self.ctx = None;
        let effects = self.state.vanish();
        self.carry_out_all(effects);
        while self.closing == Closing::Rest {
            if self.wanted {
                return true;
            }
            self.pick_up();
            if !self.is_signed() {
                // The desktop shows no sign any more: nobody could see that the program runs, so it is seen.
                return true;
            }
            let due = self.state.due().map(|due| due.0.saturating_sub(now().0));
            if !self.wanted && self.closing == Closing::Rest {
                waker.wait(due.map(|due| Duration::from_millis(due.max(WAIT_MIN_MS))));
            }
        }
        false
    }

    /// Ends the node, when it has what is typed and not kept yet.
    fn end(mut self) {
        for effect in self.state.save(None) {
            if let Effect::Submit { ask, command } = effect {
                self.session.submit(ask, command);
            }
        }
        drop(self.tray.take());
        self.session.close();
    }

    /// Whether the desktop shows that the program runs.
    fn is_signed(&self) -> bool {
        self.tray.as_ref().is_some_and(Tray::is_shown)
    }

    /// The person closes the window by its frame: asks once what that means, where there is a choice.
    fn asked_to_close(&mut self, ctx: &egui::Context) {
        let settings = &self.state.settings;
        let serves = self.model.phase == Phase::Running;
        if self.is_signed() && serves && settings.background.is_none() {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            let effects = self.state.apply(Action::Close, &self.model);
            self.carry_out_all(effects);
        } else if self.is_signed() && serves && settings.background == Some(true) {
            self.closing = Closing::Rest;
        }
    }

    /// Picks up what lies on the desk.
    fn pick_up(&mut self) {
        self.desk
            .round_trips_shown(self.state.overlays.contains(&Overlay::Connections));
        let news = self.desk.take();
        self.model.clock.now = now();
        self.model.about = news.about;
        let signed = self.is_signed();
        if self.model.about.tray != signed {
            Arc::make_mut(&mut self.model.about).tray = signed;
        }
        let now = self.model.clock.now;
        if news.fresh || self.state.due().is_some_and(|due| due <= now) {
            self.model.snapshot = news.snapshot;
            self.model.phase = news.phase;
            self.model.sound = news.sound;
            let effects = self.state.refresh(&self.model);
            self.carry_out_all(effects);
        }
        for told in news.told {
            self.hear(told);
        }
        if self.model.phase == Phase::Running
            && let Some(link) = self.link.take()
        {
            let effects = self.state.open_link(&link, &self.model);
            self.carry_out_all(effects);
        }
        if let Some(tray) = &self.tray
            && news.fresh
        {
            tray.say(self.state.sign(&self.model));
        }
    }

    fn hear(&mut self, told: Told) {
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
            Told::Requests => self
                .state
                .apply(Action::Open(Overlay::Requests), &self.model),
            // Seen at the next look, which it has just caused.
            Told::Tray | Told::Irc(None) => return,
            Told::Irc(Some(password)) => return self.state.irc_made(password),
            Told::Raise => {
                self.wanted = true;
                let Some(ctx) = &self.ctx else { return };
                ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd(ViewportCommand::Focus);
                let attention = UserAttentionType::Informational;
                ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                return;
            }
            Told::Quit => vec![Effect::Quit],
        };
        self.carry_out_all(effects);
    }

    /// Has a frame drawn when something lapses by itself.
    fn wake_when_due(&self, ctx: &egui::Context) {
        if let Some(due) = self.state.due() {
            let wait = due.0.saturating_sub(now().0).max(WAIT_MIN_MS);
            ctx.request_repaint_after(Duration::from_millis(wait));
        }
    }

    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out(effect);
        }
        #[cfg(feature = "driver")]
        self.under_way.set(self.state.is_waiting());
    }

    fn carry_out(&mut self, effect: Effect) {
        let session = &self.session;
        match effect {
            Effect::Submit { ask, command } => session.submit(ask, command),
            Effect::CreateAccount { name } => session.order(Order::CreateAccount(name)),
            Effect::LinkThisDevice { code } => session.order(Order::LinkDevice(code)),
            Effect::Restore {
                words,
                from,
                ends_others,
            } => session.order(Order::Restore {
                words,
                from,
                ends_others,
            }),
            Effect::StopLinking => session.order(Order::StopLinking),
            Effect::Unlock { passphrase } => session.order(Order::Unlock(passphrase)),
            Effect::Restart => session.order(Order::Restart),
            Effect::Irc(order) => session.order(Order::Irc(order)),
            Effect::Sound(order) => session.order(Order::Sound(order)),
            Effect::Copy(text) => {
                if let Some(ctx) = &self.ctx {
                    ctx.copy_text(text);
                }
            }
            Effect::OpenLink(url) => {
                if let Some(ctx) = &self.ctx
                    && may_leave(&url)
                {
                    ctx.open_url(OpenUrl::new_tab(url));
                }
            }
            Effect::Notify { title, body, place } => {
                if !self.is_seen(place.1) {
                    let leads = Leads::Place(place.0, place.1);
                    self.notifier.show(Notice { title, body, leads });
                }
            }
            Effect::NotifyRequest { title } => self.notifier.show(Notice {
                title,
                body: String::new(),
                leads: Leads::Requests,
            }),
            Effect::Close => {
                let goes_on = self.state.settings.background == Some(true) && self.is_signed();
                self.close(if goes_on { Closing::Rest } else { Closing::End });
            }
            Effect::Quit => self.close(Closing::End),
        }
    }

    /// Closes the window, if it is open.
    fn close(&mut self, closing: Closing) {
        self.closing = closing;
        self.leaving = true;
        if let Some(ctx) = &self.ctx {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Whether the person has a channel before the eyes.
    fn is_seen(&self, channel: alloquy_ids::ChannelId) -> bool {
        let Some(ctx) = &self.ctx else { return false };
        let focused = ctx.input(|input| input.viewport().focused == Some(true));
        focused && self.state.places.now().channel == Some(channel)
    }
}

impl eframe::App for Held {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        let Some(window) = &mut self.window else {
            return;
        };
        window.pick_up();
        // A window that is hidden is not drawn, and so hears of no key.
        let unseen = ctx.input(|input| {
            let window = input.viewport();
            window.focused == Some(false)
                || window.minimized == Some(true)
                || window.occluded == Some(true)
        });
        if unseen {
            let effects = window.state.let_go();
            window.carry_out_all(effects);
        }
        if ctx.input(|input| input.viewport().close_requested()) && !window.leaving {
            window.asked_to_close(ctx);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        // egui leaves the window itself without a name.
        ui.ctx()
            .accesskit_node_builder(egui::accesskit_root_id(), |root| root.set_label(TITLE));
        let Some(window) = &mut self.window else {
            return;
        };
        let effects = alloquy_ui::show(&window.model, &mut window.state, ui);
        window.carry_out_all(effects);
        window.wake_when_due(ui.ctx());
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

/// Wakes whoever looks at the desk: the window while it is open, and who waits in its place while it is not.
#[derive(Debug, Default)]
struct Waker {
    ctx: Mutex<Option<egui::Context>>,
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Waker {
    fn show(&self, ctx: &egui::Context) {
        *self.ctx() = Some(ctx.clone());
    }

    fn forget(&self) {
        *self.ctx() = None;
    }

    fn ctx(&self) -> MutexGuard<'_, Option<egui::Context>> {
        self.ctx.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, wait: Duration) {
        match &*self.ctx() {
            Some(ctx) if wait.is_zero() => ctx.request_repaint(),
            Some(ctx) => ctx.request_repaint_after(wait),
            None => {}
        }
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Until somebody rings, or the time is over.
    fn wait(&self, most: Option<Duration>) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |rung: &mut bool| !*rung;
        let mut rung = match most {
            Some(most) => {
                let waited = self.bell.wait_timeout_while(rung, most, silent);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.bell.wait_while(rung, silent);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        *rung = false;
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
