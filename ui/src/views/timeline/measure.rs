//! How high rows are, and where their parts stand in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::reply::MessageView;
use alloquy_ids::EventId;
use egui::{Galley, Rect, Vec2};

use super::Scene;
use super::entries::{Entry, Key, What};
use super::row::cards::{self, Card};
use crate::markdown::{Body, Look, lay_out};
use crate::theme::{font, space};
use crate::widgets::{line_in, lines_in};
use crate::words::say;

/// Side of an avatar.
pub(super) const AVATAR: f32 = 40.0;
/// Left end of the words.
pub(super) const LEFT: f32 = 72.0;
/// Room to the right of the words, for ticks.
pub(super) const RIGHT: f32 = 48.0;
/// Height of the line with the name.
pub(super) const NAME_HEIGHT: f32 = 22.0;
/// Height of the line with a day.
pub(super) const DAY_HEIGHT: f32 = 36.0;
/// Height of the line "New".
pub(super) const NEW_HEIGHT: f32 = 24.0;
/// Height of a quoted line.
pub(super) const QUOTE_HEIGHT: f32 = 24.0;
/// Height of a chip.
pub(super) const CHIP_HEIGHT: f32 = 26.0;
/// Width of the sign before what the window says in the place of a text.
pub(super) const SIGN: f32 = 24.0;
/// Height of what stands above the first message.
pub(super) const START_HEIGHT: f32 = 150.0;
/// Height of the row about a gap.
const GAP_HEIGHT: f32 = 56.0;
/// Laid-out messages that are kept: a few screens.
const BODIES_MAX: usize = 256;

/// Where the parts of a row stand, in points below its upper edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// Where what belongs to the message begins: below day and "New".
    pub(super) top: f32,
    /// The quoted line.
    pub(super) quote: Option<f32>,
    /// The line with the name.
    pub(super) name: Option<f32>,
    /// The text.
    pub(super) body_top: f32,
    pub(super) body: Arc<Body>,
    /// "Show all" or "Show less".
    pub(super) more: Option<f32>,
    /// Previews of addresses.
    pub(super) cards: Vec<Card>,
    /// Reactions: their places from the row's corner, and their words.
    pub(super) chips: Vec<(Rect, Arc<Galley>)>,
    /// The line about the thread.
    pub(super) thread: Option<f32>,
    /// What went wrong with an unsent message.
    pub(super) error: Option<f32>,
    /// What the window says in the place of a text.
    pub(super) notice: Option<Arc<Galley>>,
    pub(super) height: f32,
}

/// What a body was laid out for.
#[derive(Clone, Debug)]
struct For {
    text: String,
    width: u32,
    scale: u32,
    dark: bool,
    revealed: BTreeSet<u32>,
    edited: bool,
}

/// Laid-out messages, kept while they may be seen again.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    kept: BTreeMap<Key, (For, Arc<Body>, u64)>,
    /// How full the texture of all glyphs was: when it becomes emptier it was made anew, and galleys of before
    /// show the wrong glyphs.
    fill: f32,
    frame: u64,
}

impl Bodies {
    /// A new frame begins.
    pub(super) fn begin(&mut self, ctx: &egui::Context) {
        let fill = ctx.fonts(|fonts| fonts.font_atlas_fill_ratio());
        if fill < self.fill {
            self.kept.clear();
        }
        self.fill = fill;
        self.frame += 1;
        if self.kept.len() > BODIES_MAX {
            let mut frames: Vec<u64> = self.kept.values().map(|(_, _, frame)| *frame).collect();
            frames.sort_unstable();
            let oldest = frames[frames.len() / 2];
            self.kept.retain(|_, (_, _, frame)| *frame > oldest);
        }
    }

    fn get(&mut self, key: Key, wanted: For, scene: &Scene<'_>) -> Arc<Body> {
        if let Some((made_for, body, frame)) = self.kept.get_mut(&key)
            && made_for.width == wanted.width
            && made_for.scale == wanted.scale
            && made_for.dark == wanted.dark
            && made_for.edited == wanted.edited
            && made_for.revealed == wanted.revealed
            && made_for.text == wanted.text
        {
            *frame = self.frame;
            return Arc::clone(body);
        }
        let look = Look {
            ctx: &scene.ctx,
            palette: scene.palette,
            width: f32::from_bits(wanted.width),
            revealed: &wanted.revealed,
            suffix: if wanted.edited { say::edited() } else { "" },
        };
        let body = Arc::new(lay_out(&wanted.text, &look, &scene.known));
        let kept = (wanted, Arc::clone(&body), self.frame);
        self.kept.insert(key, kept);
        body
    }

    /// The laid-out text of a row.
    pub(super) fn of(
        &mut self,
        entry: &Entry<'_>,
        revealed: Option<&BTreeSet<u32>>,
        scene: &Scene<'_>,
    ) -> Arc<Body> {
        let (text, edited) = match entry.what {
            What::Message(message) if message.deleted || message.waiting => return Arc::default(),
            What::Message(message) => (&message.text, message.edited),
            What::Unsent(unsent) => (&unsent.text, false),
            What::Start | What::Gap | What::Loading => return Arc::default(),
        };
        let wanted = For {
            text: text.clone(),
            width: (scene.width - LEFT - RIGHT).max(80.0).to_bits(),
            scale: scene.ctx.pixels_per_point().to_bits(),
            dark: scene.dark,
            revealed: revealed.cloned().unwrap_or_default(),
            edited,
        };
        self.get(entry.key(), wanted, scene)
    }
}

/// Measures a row.
pub(super) fn measure(
    entry: &Entry<'_>,
    bodies: &mut Bodies,
    revealed: &BTreeMap<EventId, BTreeSet<u32>>,
    scene: &Scene<'_>,
) -> Measured {
    let mut row = Measured::default();
    match entry.what {
        What::Start => {
            row.height = START_HEIGHT;
            row.notice = beginning(scene);
            row.height += more_than_a_line(row.notice.as_deref());
        }
        What::Gap | What::Loading => {
            let words = match entry.what {
                What::Gap => say::older_gap(),
                _ => say::older_follow(),
            };
            row.notice = Some(notice(scene, words, LEFT + space::L));
            row.height = GAP_HEIGHT + more_than_a_line(row.notice.as_deref());
        }
        What::Message(message) => {
            let revealed = revealed.get(&message.id);
            let whole = revealed.is_some_and(|parts| parts.contains(&u32::MAX));
            head(&mut row, entry, message.reply_to.is_some());
            row.body = bodies.of(entry, revealed, scene);
            let instead = match (message.deleted, message.waiting) {
                (true, _) => Some(say::message_deleted()),
                (false, true) => Some(scene.waiting.as_str()),
                (false, false) => None,
            };
            row.notice = instead.map(|words| notice(scene, words, LEFT + RIGHT + SIGN));
            below(&mut row, whole);
            cards::lay_out(&mut row, message, scene);
            reactions(&mut row, message, scene);
            if message.replies.is_some() && scene.slot.thread.is_none() {
                row.thread = Some(row.height + space::XS);
                row.height += CHIP_HEIGHT + space::XS;
            }
            row.height += 2.0;
        }
        What::Unsent(unsent) => {
            head(&mut row, entry, unsent.reply_to.is_some());
            row.body = bodies.of(entry, None, scene);
            below(&mut row, false);
            if let Some(error) = &unsent.error {
                row.error = Some(row.height);
                let (words, beside) = failure(error, scene);
                row.height += crate::theme::HIT_MIN;
                if !beside {
                    row.height += words.size().y + space::XS;
                }
            }
            row.height += 2.0;
        }
    }
    row
}

fn head(row: &mut Measured, entry: &Entry<'_>, answers: bool) {
    if entry.day.is_some() {
        row.height += DAY_HEIGHT;
    }
    if entry.new {
        row.height += NEW_HEIGHT;
    }
    row.height += if entry.first { space::M } else { 2.0 };
    row.top = row.height - 2.0;
    if answers {
        row.quote = Some(row.height);
        row.height += QUOTE_HEIGHT;
    }
    if entry.first {
        row.name = Some(row.height);
        row.height += NAME_HEIGHT;
    }
    row.body_top = row.height;
}

/// What the window says in a row, on as many lines as it needs beside what stands around it.
fn notice(scene: &Scene<'_>, words: &str, around: f32) -> Arc<Galley> {
    let width = (scene.width - around).max(40.0);
    let (font, color) = (font::secondary(), scene.palette.text_dim);
    lines_in(&scene.ctx, words, font, color, width)
}

/// By how much a text is higher than one line of it.
fn more_than_a_line(galley: Option<&Galley>) -> f32 {
    galley.map_or(0.0, |galley| {
        let line = galley.rows.first().map_or(0.0, |row| row.height());
        galley.size().y - line
    })
}

/// What is said about the beginning of a channel, or of a thread whose first message is not here.
fn beginning(scene: &Scene<'_>) -> Option<Arc<Galley>> {
    let words = match scene.slot.thread {
        None => scene.beginning.2.clone(),
        Some(root) => {
            let window = scene.model.window(scene.slot.channel);
            let mut messages = window.iter().flat_map(|window| &window.messages);
            if messages.any(|message| message.id == root) {
                return None;
            }
            say::thread_about().to_owned()
        }
    };
    let width = (scene.width - 2.0 * space::L).max(40.0);
    let (font, color) = (font::message(), scene.palette.text_dim);
    Some(lines_in(&scene.ctx, &words, font, color, width))
}

/// Why a message was not sent, and whether the buttons have room beside that.
pub(super) fn failure(error: &str, scene: &Scene<'_>) -> (Arc<Galley>, bool) {
    let words = say::not_sent_because(crate::text::clean(error, 200));
    let color = scene.palette.danger;
    let laid = |width| lines_in(&scene.ctx, &words, font::secondary(), color, width);
    let button = |word: &str| {
        let galley = lines_in(&scene.ctx, word, font::control(), color, f32::INFINITY);
        galley.size().x + space::S
    };
    let width = scene.width - LEFT - RIGHT;
    let room = width - button(say::retry()) - button(say::delete());
    let natural = laid(f32::INFINITY);
    if natural.size().x <= room {
        (natural, true)
    } else {
        (laid(width.max(40.0)), false)
    }
}

fn below(row: &mut Measured, whole: bool) {
    let instead = row
        .notice
        .as_ref()
        .map_or(0.0, |notice| notice.size().y + space::XS);
    row.height += row.body.height.max(font::MESSAGE_LINE).max(instead);
    if row.body.cut || whole {
        row.more = Some(row.height);
        row.height += crate::theme::HIT_MIN;
    }
}

fn reactions(row: &mut Measured, message: &MessageView, scene: &Scene<'_>) {
    if message.reactions.is_empty() {
        return;
    }
    let right = scene.width - RIGHT;
    let mut at = Vec2::new(LEFT, row.height + space::XS);
    for reaction in &message.reactions {
        let own = reaction.accounts.contains(&scene.me);
        let color = match own {
            true => scene.palette.text_strong,
            false => scene.palette.text,
        };
        let emoji = crate::text::clean(&reaction.emoji, 16);
        let words = format!("{emoji} {}", reaction.accounts.len());
        let galley = line_in(&scene.ctx, &words, font::secondary(), color, 160.0);
        let width = galley.size().x + 2.0 * space::S;
        if at.x + width > right && at.x > LEFT {
            at = Vec2::new(LEFT, at.y + CHIP_HEIGHT + space::XS);
        }
        let size = Vec2::new(width, CHIP_HEIGHT);
        row.chips
            .push((Rect::from_min_size(at.to_pos2(), size), galley));
        at.x += width + space::XS;
    }
    row.height = at.y + CHIP_HEIGHT + space::XS;
}
