//! Judges what is drawn: nothing cut off, nothing over another, nothing of the window's own beside the locale
//! files, and every stop of the Tab key seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use alloquy_ui::words::{Words, speak};
use egui::epaint::text::{Glyph, PlacedRow};
use egui::{Key, Pos2, Rect, Shape, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::NodeT as _;

use crate::fixture::World;

/// Points that may be missing of what is drawn: a pixel of the softened edge of a letter.
const SLACK: f32 = 1.0;
/// Steps of the Tab key at most: the stops of the fullest page, and as many again.
const STEPS_MAX: usize = 90;

/// English with every letter changed and about 40 % longer.
static PSEUDO: LazyLock<Words> = LazyLock::new(|| Words::changed(longer));

fn longer(text: &str) -> std::borrow::Cow<'_, str> {
    // The crate doubles vowels but "i": a third more. With these two it is what short texts grow by in German.
    let text = text.replace('i', "ii").replace('t', "tt");
    fluent_pseudo::transform(&text, false, true)
        .into_owned()
        .into()
}

/// Has the window of this test speak in the pseudo-locale.
pub(crate) fn speak_pseudo() {
    speak(&PSEUDO);
}

/// Whether a text is of the locale files, in the pseudo-locale. Names in it are not.
pub(crate) fn is_own(text: &str) -> bool {
    text.chars().any(is_pseudo)
}

fn is_pseudo(c: char) -> bool {
    "ƀƈḓƒɠħĵķŀḿƞƥɋřşŧṽẇẋẏẑƁƇḒƑƓĦĴĶĿḾȠƤɊŘŞŦṼẆẊẎẐ".contains(c)
}

/// A row of a text as it is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// The text that it is of.
    whole: String,
    /// The number of the row in it.
    row: usize,
    /// Where its ink is.
    ink: Rect,
    /// What is seen of the window where it is.
    clip: Rect,
    /// The text ends with an ellipsis.
    elided: bool,
    /// It ends in the middle of a word.
    broken: bool,
    /// Its place in the order of painting.
    order: usize,
}

fn breaks_a_word(row: &PlacedRow, next: &PlacedRow) -> bool {
    let is_letter = |glyph: Option<&Glyph>| glyph.is_some_and(|glyph| glyph.chr.is_alphabetic());
    let ends = !row.ends_with_newline && is_letter(row.glyphs.last());
    ends && is_letter(next.glyphs.first())
}

impl Drawn {
    fn seen(&self) -> Rect {
        self.clip.intersect(self.ink)
    }

    fn is_whole(&self) -> bool {
        self.clip.expand(SLACK).contains_rect(self.ink)
    }

    fn key(&self) -> (String, usize) {
        (self.whole.clone(), self.row)
    }
}

/// What is drawn in a frame.
#[derive(Debug, Default)]
struct Frame {
    rows: Vec<Drawn>,
    /// Opaque grounds with their place in the order of painting.
    grounds: Vec<(Rect, usize)>,
}

impl Frame {
    fn of(harness: &Harness<'static, World>) -> Self {
        let mut frame = Self::default();
        let window = harness.ctx.content_rect();
        for (order, clipped) in harness.output().shapes.iter().enumerate() {
            frame.take(&clipped.shape, clipped.clip_rect.intersect(window), order);
        }
        frame
    }

    fn take(&mut self, shape: &Shape, clip: Rect, order: usize) {
        match shape {
            Shape::Vec(shapes) => {
                for shape in shapes {
                    self.take(shape, clip, order);
                }
            }
            Shape::Rect(ground) if ground.fill.a() == 255 => {
                self.grounds.push((ground.rect.intersect(clip), order));
            }
            Shape::Text(text) => {
                let rows = &text.galley.rows;
                for (row, placed) in rows.iter().enumerate() {
                    let next = rows.get(row + 1);
                    let broken = next.is_some_and(|next| breaks_a_word(placed, next));
                    let ink = placed.row.visuals.mesh_bounds;
                    if ink.is_positive() {
                        self.rows.push(Drawn {
                            whole: text.galley.text().to_owned(),
                            row,
                            ink: ink.translate(placed.pos.to_vec2() + text.pos.to_vec2()),
                            clip,
                            elided: text.galley.elided,
                            broken,
                            order,
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether something opaque is painted over a part of the window after one thing and before another.
    fn is_covered(&self, part: Rect, after: usize, before: usize) -> bool {
        self.grounds.iter().any(|(ground, order)| {
            *order > after && *order < before && ground.expand(SLACK).contains_rect(part)
        })
    }

    /// Texts over others.
    fn overlaps(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, below) in self.rows.iter().enumerate() {
            for above in &self.rows[at + 1..] {
                let common = below.seen().intersect(above.seen());
                let size = common.size();
                let same = below.order == above.order;
                if same || size.x <= SLACK || size.y <= SLACK || !common.is_positive() {
                    continue;
                }
                if !self.is_covered(common, below.order, above.order)
                    && !self.is_covered(common, above.order, usize::MAX)
                {
                    found.push(format!(
                        "{:?} under {:?}, {common:?}",
                        below.whole, above.whole
                    ));
                }
            }
        }
        found
    }
}

/// What is wrong with a screen, collected while one walks over it.
pub(crate) struct Judge {
    /// What the world said: names, messages and the like.
    data: Data,
    faults: BTreeSet<String>,
    /// Rows of own texts that are drawn, and whether they were ever seen whole.
    rows: BTreeMap<(String, usize), (bool, Rect, Rect)>,
    judges_language: bool,
    /// Texts whose words were judged.
    judged: BTreeSet<String>,
}

impl Judge {
    /// A judge of a screen in the pseudo-locale.
    pub(crate) fn of_pseudo(data: Data) -> Self {
        Self {
            data,
            faults: BTreeSet::new(),
            rows: BTreeMap::new(),
            judges_language: true,
            judged: BTreeSet::new(),
        }
    }

    /// A judge of a screen in English, where a text is the window's own when it has words that nobody has said.
    pub(crate) fn of_english(data: Data) -> Self {
        Self {
            judges_language: false,
            ..Self::of_pseudo(data)
        }
    }

    /// Names may be cut, and messages scrolled: the window's own texts may not.
    fn judges(&self, text: &str) -> bool {
        if self.judges_language {
            is_own(text)
        } else {
            self.data.foreign(text).is_some()
        }
    }

    /// Looks at the frame that is shown; gives where its texts are.
    fn look(&mut self, harness: &Harness<'static, World>) -> Vec<Rect> {
        let frame = Frame::of(harness);
        self.faults.extend(frame.overlaps());
        for row in &frame.rows {
            if self.judges_language
                && let Some(words) = self.data.foreign(&row.whole)
            {
                self.faults.insert(format!(
                    "not of the locale files: {words:?} in {:?}",
                    row.whole
                ));
            }
            if !self.judges(&row.whole) {
                continue;
            }
            if row.elided {
                self.faults.insert(format!(
                    "cut with an ellipsis: {:?} at {:?}",
                    row.whole, row.ink
                ));
            }
            if row.broken {
                let fault = format!("a broken word: row {} of {:?}", row.row, row.whole);
                self.faults.insert(fault);
            }
            let seen = self
                .rows
                .entry(row.key())
                .or_insert((false, row.ink, row.clip));
            seen.0 |= row.is_whole();
        }
        for node in harness.root().children_recursive() {
            let node = node.accesskit_node();
            for spoken in [node.label(), node.value()].into_iter().flatten() {
                self.judge_words(&spoken);
            }
        }
        frame.rows.iter().map(|row| row.ink).collect()
    }

    /// Whether all words of a text are of the locale files, or said by the world.
    fn judge_words(&mut self, text: &str) {
        if !self.judges_language || !self.judged.insert(text.to_owned()) {
            return;
        }
        if let Some(words) = self.data.foreign(text) {
            let text: String = text.chars().take(200).collect();
            let fault = format!("not of the locale files: {words:?} in {text:?}");
            self.faults.insert(fault);
        }
    }

    fn has_unseen(&self) -> bool {
        self.rows.values().any(|(seen, ..)| !seen)
    }

    /// Walks over a screen by the keyboard: all stops of the Tab key, then pages up and down while something was
    /// not seen whole. Gives what is wrong.
    pub(crate) fn walk(mut self, harness: &mut Harness<'static, World>, name: &str) -> Vec<String> {
        self.look(harness);
        let mut stops: Vec<(String, Pos2)> = Vec::new();
        for step in 0..STEPS_MAX {
            harness.key_press(Key::Tab);
            harness.run_ok();
            self.look(harness);
            let Some((label, rect)) = focused(harness) else {
                continue;
            };
            if let Some(fault) = unseen(rect, harness.ctx.content_rect()) {
                self.faults
                    .insert(format!("stop {step}, {label:?}: {fault}"));
            }
            let stop = (label, rect.min);
            if stops.first() == Some(&stop) {
                break;
            }
            stops.push(stop);
        }
        for key in [Key::PageDown, Key::PageUp, Key::PageDown] {
            let mut before = Vec::new();
            while self.has_unseen() {
                harness.key_press(key);
                harness.run_ok();
                let now = self.look(harness);
                if now == before {
                    break;
                }
                before = now;
            }
        }
        for ((text, row), (seen, ink, clip)) in &self.rows {
            if !seen {
                let fault =
                    format!("row {row} of {text:?} is never seen whole: {ink:?} in {clip:?}");
                self.faults.insert(fault);
            }
        }
        self.faults
            .into_iter()
            .map(|fault| format!("{name}: {fault}"))
            .collect()
    }
}

/// The name and place of what has the keyboard's focus.
fn focused(harness: &Harness<'static, World>) -> Option<(String, Rect)> {
    let mut nodes = harness.root().children_recursive();
    let node = nodes.find(|node| node.is_focused())?;
    Some((
        node.accesskit_node().label().unwrap_or_default(),
        node.rect(),
    ))
}

/// Why a control is not seen well enough to be used, if it is not. A field of several lines or a card may be
/// higher than what is seen of it at once.
pub(crate) fn unseen(rect: Rect, window: Rect) -> Option<String> {
    let shown = window.intersect(rect);
    let enough = Vec2::new(rect.width() - SLACK, rect.height().min(32.0) - SLACK);
    let seen = shown.width() >= enough.x && shown.height() >= enough.y;
    (!seen).then(|| format!("{rect:?} is not seen"))
}

/// Checks that what has the focus is seen.
pub(crate) fn focus_is_seen(harness: &Harness<'static, World>) -> Result<(), String> {
    let (label, rect) = focused(harness).ok_or("nothing has the focus")?;
    match unseen(rect, harness.ctx.content_rect()) {
        Some(fault) => Err(format!("{label:?}: {fault}")),
        None => Ok(()),
    }
}

/// Words that are not the window's own: what the world says, names of keys, fonts and licences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Data {
    /// Runs of words, each framed by spaces.
    known: BTreeSet<String>,
    all: String,
}

impl Data {
    /// What the texts in a value's debug form say, and these more.
    pub(crate) fn of(value: &impl std::fmt::Debug, more: &[&str]) -> Self {
        let mut data = Self::default();
        let shown = format!("{value:?}");
        let mut rest = shown.as_str();
        while let Some((_, from)) = rest.split_once('"') {
            let mut escaped = false;
            let end = from.find(|c| match (escaped, c) {
                (false, '\\') => {
                    escaped = true;
                    false
                }
                (false, '"') => true,
                _ => {
                    escaped = false;
                    false
                }
            });
            let Some(end) = end else { break };
            data.add(&from[..end]);
            rest = &from[end + 1..];
        }
        for text in more {
            data.add(text);
        }
        data
    }

    /// Takes in what a text says.
    pub(crate) fn add(&mut self, text: &str) {
        for run in runs(text) {
            if self.known.insert(run.clone()) {
                self.all.push_str(&run);
            }
        }
    }

    /// The first run of words in a text that nobody has said.
    fn foreign(&self, text: &str) -> Option<String> {
        runs(text).find(|run| {
            let letters = run.chars().filter(char::is_ascii_alphabetic);
            letters.count() > 1 && !self.known.contains(run) && !self.all.contains(run.as_str())
        })
    }
}

/// The runs of plain words in a text, each framed by spaces: what stands between two signs, or words of the
/// pseudo-locale. Those of vowels alone, as "a" or "you" without its consonants, look alike in both.
fn runs(text: &str) -> impl Iterator<Item = String> + '_ {
    let parts = text.split(|c: char| !(c.is_alphabetic() || " '’-".contains(c)));
    let parts = parts.flat_map(|part| part.split("  "));
    parts.flat_map(|part| {
        let mut found = vec![String::from(" ")];
        for word in part.split_whitespace() {
            if word.chars().any(is_pseudo) || word.chars().all(|c| "aeiouAIO-'’".contains(c)) {
                found.push(String::from(" "));
            } else if let Some(last) = found.last_mut() {
                last.push_str(word);
                last.push(' ');
            }
        }
        found.into_iter().filter(|run| run != " ")
    })
}
