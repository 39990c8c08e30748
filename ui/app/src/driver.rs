//! For tests: a socket through which a program uses the window as a person does.
//!
//! It finds controls by the names that a screen reader tells, moves the pointer onto them, clicks and types through
//! the same path as real input, and takes pictures of what the window shows. One JSON object a line, one line back:
//! `{"do":"click","name":"Invite people"}` is answered by `{"ok":true,..}` or `{"error":".."}`.
//!
//! Whoever reaches the socket is the person, so it exists only with the Cargo feature `driver` and only where the
//! environment variable [`SOCKET`] names a place for it.

mod breaking;
mod hand;
mod tree;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use eframe::egui::accesskit::{Action, ActionRequest, TreeId};
use eframe::egui::{self, Event, Modifiers, PointerButton};
use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use serde::{Deserialize, Serialize};

pub(crate) use breaking::may_break;
use hand::{Eye, Hand};
use tree::Wanted;

/// The environment variable that names the socket.
const SOCKET: &str = "ALLOQUY_DRIVER";
/// Bytes of one request.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// How long a control is waited for unless a request says otherwise; less than whoever asks waits for the answer.
const WAIT: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Without a frame for so long, nothing moves: a text cursor blinks at half a second.
const REST: Duration = Duration::from_millis(120);
/// A repaint that is asked for later than this moves nothing but a text cursor or a clock.
const SOON: Duration = Duration::from_millis(300);
/// A control that has not moved for so long can be clicked, whatever moves elsewhere: a level meter never rests.
const STILL: Duration = Duration::from_secs(1);

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Request {
    /// Every control, one a line.
    Tree {},
    /// Waits until a control is there.
    Find {
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// Waits until no such control is there.
    Gone {
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// Moves the pointer onto a control.
    Hover {
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// Clicks a control.
    Click {
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// Clicks a control with the second button.
    Menu {
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// Turns the wheel over a control, in points; positive is up.
    Scroll {
        #[serde(flatten)]
        wanted: Wanted,
        by: f32,
    },
    /// Types a text where the keyboard's focus is.
    Type { text: String },
    /// Presses a chord, such as `Ctrl+K`.
    Key { chord: String },
    /// Pastes a text where the keyboard's focus is.
    Paste { text: String },
    /// Waits until the window has put a text into the clipboard.
    Copied {},
    /// Writes what the window shows to a file (PNG).
    Picture { file: PathBuf },
    /// Gives the window another size, in points.
    Resize { width: f32, height: f32 },
    /// Waits until nothing moves and no command is under way.
    Settle {},
    /// How many frames were drawn.
    Frames {},
    /// Closes the window by its frame.
    Close {},
    /// Makes the node's task panic at the next thing that it does.
    BreakNode {},
}

/// What is answered.
#[derive(Debug, Default, Serialize)]
struct Answer {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<tree::Control>,
}

#[derive(Debug, Serialize)]
struct Refusal {
    error: String,
}

/// Whether the window waits for an outcome; the window says, the driver reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Arc<AtomicBool>);

impl UnderWay {
    /// Says so.
    pub(crate) fn set(&self, under_way: bool) {
        self.0.store(under_way, Ordering::Relaxed);
    }
}

/// Listens from now on, if the environment names a place.
pub(crate) fn attach(ctx: &egui::Context) -> io::Result<UnderWay> {
    let under_way = UnderWay::default();
    let Some(path) = std::env::var_os(SOCKET) else {
        return Ok(under_way);
    };
    // A click is one however long a busy machine takes for the frames between press and release.
    ctx.options_mut(|options| options.input_options.max_click_duration = WAIT.as_secs_f64());
    let eye = Arc::new(Eye::default());
    ctx.add_plugin(Hand::new(Arc::clone(&eye)));
    // A window that was closed and opens again takes the place of the one before.
    if std::path::Path::new(&path).exists() {
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(path)?;
    let driver = Driver {
        ctx: ctx.clone(),
        eye,
        under_way: under_way.clone(),
    };
    std::thread::Builder::new()
        .name("driver".to_owned())
        .spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Err(error) = driver.serve(&stream) {
                    tracing::warn!(%error, "who drove the window has gone");
                }
            }
        })?;
    Ok(under_way)
}

struct Driver {
    ctx: egui::Context,
    eye: Arc<Eye>,
    under_way: UnderWay,
}

impl Driver {
    fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        loop {
            let mut line = Vec::new();
            (&mut reader)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(());
            }
            let answer = if line.ends_with(b"\n") {
                serde_json::from_slice(&line)
                    .map_err(|error| error.to_string())
                    .and_then(|request| self.carry_out(request))
            } else {
                Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"))
            };
            let mut said = match &answer {
                Ok(answer) => serde_json::to_vec(answer)?,
                Err(error) => serde_json::to_vec(&Refusal {
                    error: error.clone(),
                })?,
            };
            said.push(b'\n');
            writer.write_all(&said)?;
        }
    }

    fn carry_out(&self, request: Request) -> Result<Answer, String> {
        let mut answer = Answer {
            ok: true,
            ..Answer::default()
        };
        match request {
            Request::Tree {} => answer.text = Some(self.look(|tree| Some(tree::text(tree)))?),
            Request::Find { wanted } => answer.found = Some(self.find(&wanted)?),
            Request::Gone { wanted } => self.gone(&wanted)?,
            Request::Hover { wanted } => {
                let found = self.reach(&wanted)?;
                self.input(vec![vec![Event::PointerMoved(found.middle())]])?;
                answer.found = Some(found);
            }
            Request::Click { wanted } => {
                answer.found = Some(self.click(&wanted, PointerButton::Primary)?);
            }
            Request::Menu { wanted } => {
                answer.found = Some(self.click(&wanted, PointerButton::Secondary)?);
            }
            Request::Scroll { wanted, by } => {
                let found = self.find(&wanted)?;
                self.input(vec![
                    vec![Event::PointerMoved(found.middle())],
                    vec![hand::wheel(by)],
                ])?;
            }
            Request::Type { text } => {
                // One frame for each letter, as from a keyboard.
                let letters = text
                    .chars()
                    .map(|letter| vec![Event::Text(letter.to_string())]);
                self.input(letters.collect())?;
            }
            Request::Key { chord } => self.input(hand::chord(&chord)?)?,
            Request::Paste { text } => self.input(vec![vec![Event::Paste(text)]])?,
            Request::Copied {} => answer.text = Some(self.copied()?),
            Request::Picture { file } => self.picture(&file)?,
            Request::Resize { width, height } => {
                let size = egui::vec2(width, height);
                self.ctx
                    .send_viewport_cmd(egui::ViewportCommand::InnerSize(size));
                self.settle()?;
            }
            Request::Settle {} => self.settle()?,
            Request::Frames {} => answer.frames = Some(self.eye.frames()),
            Request::Close {} => {
                self.ctx.send_viewport_cmd(egui::ViewportCommand::Close);
                self.ctx.request_repaint();
            }
            Request::BreakNode {} => breaking::break_node()?,
        }
        Ok(answer)
    }

    /// Looks at the tree again and again until `what` finds something.
    fn look<T>(&self, what: impl Fn(&hand::Seen) -> Option<T>) -> Result<T, String> {
        self.look_for(WAIT, what)
            .ok_or_else(|| "the window draws nothing".to_owned())
    }

    fn look_for<T>(&self, wait: Duration, what: impl Fn(&hand::Seen) -> Option<T>) -> Option<T> {
        let until = Instant::now() + wait;
        if self.eye.seen().is_none() {
            self.ctx.request_repaint();
        }
        loop {
            if let Some(found) = self.eye.seen().and_then(|seen| what(&seen)) {
                return Some(found);
            }
            if Instant::now() >= until {
                return None;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn find(&self, wanted: &Wanted) -> Result<tree::Control, String> {
        self.look_for(wanted.wait(), |seen| tree::find(seen, wanted))
            .ok_or_else(|| {
                let shown = self.eye.seen().map(|seen| tree::text(&seen));
                format!(
                    "{wanted} is not there; there are:\n{}",
                    shown.unwrap_or_default()
                )
            })
    }

    fn gone(&self, wanted: &Wanted) -> Result<(), String> {
        self.look_for(wanted.wait(), |seen| {
            tree::find(seen, wanted).is_none().then_some(())
        })
        .ok_or_else(|| format!("{wanted} is still there"))
    }

    /// The control where it can be clicked: a person scrolls to what is not in sight.
    fn reach(&self, wanted: &Wanted) -> Result<tree::Control, String> {
        let mut found = if wanted.in_motion() {
            self.find(wanted)?
        } else {
            self.stands(wanted)?
        };
        if found.in_sight {
            return Ok(found);
        }
        let request = ActionRequest {
            action: Action::ScrollIntoView,
            target_tree: TreeId::ROOT,
            target_node: found.id,
            data: None,
        };
        self.input(vec![vec![Event::AccessKitActionRequest(request)]])?;
        found = self.stands(wanted)?;
        if found.in_sight {
            Ok(found)
        } else {
            Err(format!("{wanted} can not be brought into sight: {found:?}"))
        }
    }

    fn click(&self, wanted: &Wanted, button: PointerButton) -> Result<tree::Control, String> {
        let found = self.reach(wanted)?;
        let pos = found.middle();
        let press = |pressed| Event::PointerButton {
            pos,
            button,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.input(vec![
            vec![Event::PointerMoved(pos)],
            vec![press(true)],
            vec![press(false)],
        ])?;
        Ok(found)
    }

    /// Hands events in, one batch a frame, and waits until all were drawn.
    fn input(&self, batches: Vec<Vec<Event>>) -> Result<(), String> {
        self.eye.queue(batches);
        self.ctx.request_repaint();
        let until = Instant::now() + WAIT;
        while self.eye.has_queued() {
            if Instant::now() >= until {
                return Err("the window draws no frames".to_owned());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn copied(&self) -> Result<String, String> {
        let until = Instant::now() + WAIT;
        loop {
            if let Some(text) = self.eye.copied() {
                return Ok(text);
            }
            if Instant::now() >= until {
                return Err("nothing was copied".to_owned());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The control, once the window has come to rest, or once it has long stood where it is.
    fn stands(&self, wanted: &Wanted) -> Result<tree::Control, String> {
        let mut place = None;
        let mut since = Instant::now();
        self.rest_unless(|| {
            let now = self.eye.seen().and_then(|seen| tree::find(&seen, wanted));
            let now = now.map(|control| control.place());
            if now != place {
                place = now;
                since = Instant::now();
            }
            place.is_some() && since.elapsed() >= STILL
        })?;
        self.find(wanted)
    }

    fn settle(&self) -> Result<(), String> {
        self.rest_unless(|| false)
    }

    /// Waits until nothing moves, or until it is enough.
    fn rest_unless(&self, mut enough: impl FnMut() -> bool) -> Result<(), String> {
        let until = Instant::now() + WAIT;
        let mut frames = self.eye.frames();
        let mut since = Instant::now();
        loop {
            std::thread::sleep(LOOK);
            let now = self.eye.frames();
            let under_way = self.under_way.0.load(Ordering::Relaxed);
            if now != frames || under_way || self.eye.repaints_within(SOON) {
                frames = now;
                since = Instant::now();
            }
            if since.elapsed() >= REST || (enough() && !under_way) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(format!(
                    "it does not come to rest: frame {now}, a command under way: {under_way}"
                ));
            }
        }
    }

    fn picture(&self, file: &std::path::Path) -> Result<(), String> {
        self.settle()?;
        let (sender, pixels) = std::sync::mpsc::sync_channel(1);
        self.ctx.request_screenshot(move |image| {
            // Who asked may have given up.
            drop(sender.try_send(image));
        });
        let image = pixels
            .recv_timeout(WAIT)
            .map_err(|error| format!("no picture was taken: {error}"))?;
        let size = |side: usize| u32::try_from(side).map_err(|error| error.to_string());
        let (width, height) = (size(image.width())?, size(image.height())?);
        // A window hides nothing behind it: three colours suffice, and the file is a third smaller.
        let opaque: Vec<u8> = image
            .as_raw()
            .chunks_exact(4)
            .flat_map(|pixel| &pixel[..3])
            .copied()
            .collect();
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let out = std::fs::File::create(file).map_err(|error| told(&error))?;
        let encoder =
            PngEncoder::new_with_quality(out, CompressionType::Best, FilterType::Adaptive);
        encoder
            .write_image(&opaque, width, height, image::ExtendedColorType::Rgb8)
            .map_err(|error| told(&error))
    }
}
