//! From blocks to galleys at their places.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use egui::text::{CCursor, CharIndex, LayoutJob, TextFormat};
use egui::{Color32, Context, Galley, Rect, Stroke, Vec2};
use unicode_segmentation::UnicodeSegmentation;

use super::{Block, Hot, Names, Nesting, Span, Style, code, parse};
use crate::theme::{Palette, font, space};
use crate::words::say;
use crate::{fonts, text};

/// Emoji of a message without words that are shown large.
const LARGE_EMOJI_MAX: usize = 6;
/// Width of the bar beside a quote and the room after it, in points.
const QUOTE_INDENT: f32 = 14.0;
/// Room for the marker of a list's item, in points.
const LIST_INDENT: f32 = 22.0;
/// What covers a spoiler: one for each character, so that nothing of the text can be read or copied.
const COVER: char = '█';

/// What a body looks like and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    /// Where galleys are made.
    pub(crate) ctx: &'a Context,
    /// The colours.
    pub(crate) palette: &'a Palette,
    /// How wide it is, in points.
    pub(crate) width: f32,
    /// Spoilers that are uncovered; `u32::MAX`: a long text is shown whole.
    pub(crate) revealed: &'a BTreeSet<u32>,
    /// Stands after the last word, such as "(edited)".
    pub(crate) suffix: &'static str,
}

/// A message laid out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    /// Its parts, from top to bottom.
    pub(crate) placed: Vec<Placed>,
    /// In points.
    pub(crate) height: f32,
    /// The text that can be selected.
    pub(crate) plain: String,
    /// What can be clicked, by characters of the plain text.
    pub(crate) hot: Vec<(Range<usize>, Hot)>,
    /// Whether there is more of it.
    pub(crate) cut: bool,
}

/// One part of a body.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// The words.
    pub(crate) galley: Arc<Galley>,
    /// Where they stand, from the body's corner.
    pub(crate) offset: Vec2,
    /// Their characters in the plain text.
    pub(crate) chars: Range<usize>,
    /// The ground of a code block or a line across, from the body's corner.
    pub(crate) ground: Option<Rect>,
    /// Left ends of the bars of quotes, from the body's corner.
    pub(crate) bars: Vec<f32>,
    /// Stands before the first line.
    pub(crate) marker: Option<Arc<Galley>>,
}

impl Body {
    /// What is read out.
    pub(crate) fn spoken(&self) -> String {
        let mut spoken = String::with_capacity(self.plain.len());
        let mut covered = false;
        for c in self.plain.chars() {
            match (c == COVER, covered) {
                (true, false) => spoken.push_str(say::spoiler_covered()),
                (true, true) => {}
                (false, _) if c == '\n' => spoken.push(' '),
                (false, _) => spoken.push(c),
            }
            covered = c == COVER;
        }
        spoken
    }

    /// The character nearest to a point.
    pub(crate) fn char_at(&self, point: Vec2) -> usize {
        let mut found = 0;
        for placed in &self.placed {
            if placed.chars.is_empty() {
                continue;
            }
            if point.y < placed.offset.y && found > 0 {
                break;
            }
            let cursor = placed.galley.cursor_from_pos(point - placed.offset);
            found = placed.chars.start + cursor.index.0.min(placed.chars.len());
        }
        found
    }

    /// Whether a point is on words.
    pub(crate) fn has_words_at(&self, point: Vec2) -> bool {
        self.placed.iter().any(|placed| {
            let mut rows = placed.galley.rows.iter();
            rows.any(|row| {
                row.rect()
                    .translate(placed.offset)
                    .contains(point.to_pos2())
            })
        })
    }

    /// The rectangles of a range of characters, one for each line that it is on.
    pub(crate) fn rects(&self, range: &Range<usize>) -> Vec<Rect> {
        let mut rects = Vec::new();
        for placed in &self.placed {
            let start = range.start.max(placed.chars.start);
            let end = range.end.min(placed.chars.end);
            if start >= end {
                continue;
            }
            let mut at = placed.chars.start;
            for row in &placed.galley.rows {
                let len = row.row.char_count_excluding_newline().0;
                let (from, to) = (start.max(at), end.min(at + len));
                if from < to {
                    let left = row.row.x_offset(CharIndex(from - at));
                    let right = row.row.x_offset(CharIndex(to - at));
                    let rect = Rect::from_min_max(
                        egui::pos2(left, 0.0),
                        egui::pos2(right, row.row.size.y),
                    );
                    rects.push(rect.translate(row.pos.to_vec2() + placed.offset));
                }
                at += len + usize::from(row.ends_with_newline);
            }
        }
        rects
    }

    /// A range of the plain text.
    pub(crate) fn slice(&self, range: Range<usize>) -> String {
        let chars = self.plain.chars().skip(range.start);
        chars.take(range.len()).collect()
    }

    /// The word around a character.
    pub(crate) fn word_at(&self, at: usize) -> Range<usize> {
        let mut start = 0;
        for word in self.plain.split_word_bounds() {
            let len = word.chars().count();
            if at < start + len {
                return start..start + len;
            }
            start += len;
        }
        start..start
    }
}

impl Placed {
    /// The words with a part of them marked as selected.
    pub(crate) fn selected(&self, range: &Range<usize>, visuals: &egui::Visuals) -> Arc<Galley> {
        let start = range.start.max(self.chars.start);
        let end = range.end.min(self.chars.end);
        let mut galley = Arc::clone(&self.galley);
        if start < end {
            let cursor = |at: usize| CCursor::new(CharIndex(at - self.chars.start));
            let range = egui::text::CCursorRange::two(cursor(start), cursor(end));
            egui::text_selection::visuals::paint_text_selection(&mut galley, visuals, &range, None);
        }
        galley
    }
}

/// Lays a message out.
pub(crate) fn lay_out(text: &str, look: &Look<'_>, names: &dyn Names) -> Body {
    let (shown, cut) = capped(text, look.revealed.contains(&u32::MAX));
    let large = is_few_emoji(&shown);
    let blocks = match large {
        true => vec![Block::Text {
            spans: vec![Span {
                text: shown.trim().to_owned(),
                style: Style::default(),
            }],
            heading: None,
            nesting: Nesting::default(),
        }],
        false => parse::parse(&shown, names),
    };
    let mut layout = Layout {
        look,
        large,
        body: Body {
            cut,
            ..Body::default()
        },
        chars: 0,
    };
    let last = blocks.len().saturating_sub(1);
    for (at, block) in blocks.into_iter().enumerate() {
        let suffix = if at == last { look.suffix } else { "" };
        layout.place(block, suffix);
    }
    layout.body
}

/// What of a text is laid out, and whether there is more.
fn capped(text: &str, whole: bool) -> (String, bool) {
    let end = match whole {
        true => None,
        false => text
            .match_indices('\n')
            .nth(text::MESSAGE_LINES_MAX - 1)
            .map(|(at, _)| at),
    };
    let lines = &text[..end.unwrap_or(text.len())];
    let chars_max = match whole {
        true => alloquy_api::limits::TEXT_BYTES_MAX,
        false => text::MESSAGE_CHARS_MAX,
    };
    let cut = end.is_some() || lines.chars().nth(chars_max).is_some();
    (text::clean(lines, chars_max), cut)
}

fn is_few_emoji(text: &str) -> bool {
    let mut count = 0;
    for cluster in text.graphemes(true) {
        if text::is_emoji(cluster) {
            count += 1;
        } else if !cluster.chars().all(char::is_whitespace) {
            return false;
        }
        if count > LARGE_EMOJI_MAX {
            return false;
        }
    }
    count > 0
}

struct Layout<'a> {
    look: &'a Look<'a>,
    large: bool,
    body: Body,
    /// Characters of the plain text so far.
    chars: usize,
}

impl Layout<'_> {
    fn place(&mut self, block: Block, suffix: &str) {
        let above = self.body.height;
        if above > 0.0 {
            let tight = matches!(&block, Block::Text { nesting, .. } if nesting.marker.is_some());
            self.body.height += if tight { space::XS } else { space::S };
        }
        if !self.body.placed.is_empty() {
            self.body.plain.push('\n');
            self.chars += 1;
        }
        match block {
            Block::Text {
                spans,
                heading,
                nesting,
            } => self.text(&spans, heading, nesting, suffix),
            Block::Code {
                text,
                language,
                nesting,
            } => self.code(&text, &language, nesting),
            Block::Rule => self.rule(),
        }
    }

    fn text(&mut self, spans: &[Span], heading: Option<u8>, nesting: Nesting, suffix: &str) {
        let mut job = LayoutJob::default();
        let start = self.chars;
        let mut at = start;
        for span in spans {
            let covered = span.style.spoiler;
            let hidden = covered.is_some_and(|number| !self.look.revealed.contains(&number));
            let shown = match hidden {
                true => cover(&span.text),
                false => span.text.clone(),
            };
            let format = self.format(&span.style, heading, hidden);
            text::append(&mut job, &shown, 0.0, &format);
            let len = shown.chars().count();
            let hot = match covered {
                Some(number) if hidden => Some(Hot::Spoiler(number)),
                _ => span.style.hot.clone(),
            };
            if let Some(hot) = hot {
                self.add_hot(at..at + len, hot);
            }
            at += len;
        }
        self.body.plain.push_str(&job.text);
        self.chars = at;
        self.append_suffix(&mut job, suffix);
        self.push(job, start..at, nesting, None);
    }

    fn append_suffix(&self, job: &mut LayoutJob, suffix: &str) {
        if !suffix.is_empty() {
            let mut format = TextFormat::simple(font::meta(), self.look.palette.text_faint);
            format.line_height = Some(font::MESSAGE_LINE);
            job.append(suffix, space::S, format);
        }
    }

    /// Parts of one link that look different are one link.
    fn add_hot(&mut self, range: Range<usize>, hot: Hot) {
        if let Some((last, of)) = self.body.hot.last_mut()
            && last.end == range.start
            && *of == hot
        {
            last.end = range.end;
            return;
        }
        self.body.hot.push((range, hot));
    }

    fn format(&self, style: &Style, heading: Option<u8>, hidden: bool) -> TextFormat {
        let palette = self.look.palette;
        let mut font = match heading {
            Some(1) => font::h1(),
            Some(_) => font::title(),
            None if self.large => font::large_emoji(),
            None => font::message(),
        };
        if style.code {
            font = font::code();
        } else if style.bold && heading.is_none() {
            font.family = fonts::bold();
        } else if style.italic && heading.is_none() {
            font.family = fonts::italic();
        }
        let color = match &style.hot {
            _ if hidden => palette.active,
            Some(_) => palette.accent_text,
            None if heading.is_some() || style.bold => palette.text_strong,
            None => palette.text,
        };
        let mut format = TextFormat::simple(font, color);
        if heading.is_none() && !self.large {
            format.line_height = Some(font::MESSAGE_LINE);
            format.valign = egui::Align::Center;
        }
        format.italics = style.italic && style.bold;
        if style.strike {
            format.strikethrough = Stroke::new(1.0, color);
        }
        if hidden {
            format.background = palette.active;
        } else if style.spoiler.is_some() {
            format.background = palette.hover;
        } else if style.code {
            format.background = palette.code;
            format.expand_bg = 2.0;
        }
        format
    }

    fn code(&mut self, code: &str, language: &str, nesting: Nesting) {
        let mut job = LayoutJob::default();
        for (range, color) in code::colours(code, language, self.look.palette) {
            let format = TextFormat::simple(font::code(), color);
            text::append(&mut job, &code[range], 0.0, &format);
        }
        job.wrap.break_anywhere = true;
        let start = self.chars;
        self.body.plain.push_str(&job.text);
        self.chars += job.text.chars().count();
        self.push(job, start..self.chars, nesting, Some(space::S));
    }

    /// Puts words below what is there, on a ground that stands out by `ground` where there is one.
    fn push(
        &mut self,
        mut job: LayoutJob,
        chars: Range<usize>,
        nesting: Nesting,
        ground: Option<f32>,
    ) {
        let bars: Vec<f32> = (0..nesting.quotes)
            .map(|depth| f32::from(depth) * QUOTE_INDENT)
            .collect();
        let indent =
            f32::from(nesting.quotes) * QUOTE_INDENT + f32::from(nesting.lists) * LIST_INDENT;
        let margin = ground.unwrap_or(0.0);
        let width = (self.look.width - indent - 2.0 * margin).max(40.0);
        job.wrap.max_width = width;
        let galley = self.galley(job);
        let top = self.body.height;
        let offset = Vec2::new(indent + margin, top + margin);
        let height = galley.size().y + 2.0 * margin;
        let ground = ground.map(|_| {
            Rect::from_min_size(
                egui::pos2(indent, top),
                Vec2::new(width + 2.0 * margin, height),
            )
        });
        let marker = nesting.marker.map(|marker| {
            let mut format = TextFormat::simple(font::message(), self.look.palette.text_dim);
            format.line_height = Some(font::MESSAGE_LINE);
            self.galley(LayoutJob::single_section(marker, format))
        });
        self.body.height = top + height;
        self.body.placed.push(Placed {
            galley,
            offset,
            chars,
            ground,
            bars,
            marker,
        });
    }

    fn rule(&mut self) {
        let at = self.chars;
        let rule = Rect::from_min_size(
            egui::pos2(0.0, self.body.height + space::XS),
            Vec2::new(self.look.width, 1.0),
        );
        self.body.placed.push(Placed {
            galley: self.galley(LayoutJob::default()),
            offset: Vec2::new(0.0, self.body.height),
            chars: at..at,
            ground: Some(rule),
            bars: Vec::new(),
            marker: None,
        });
        self.body.height += space::S;
    }

    fn galley(&self, job: LayoutJob) -> Arc<Galley> {
        self.look.ctx.fonts_mut(|fonts| fonts.layout_job(job))
    }
}

/// A text of the same length in words of which nothing can be read.
fn cover(text: &str) -> String {
    let covered = text.graphemes(true).map(|cluster| {
        let first = cluster.chars().next().unwrap_or(COVER);
        if first.is_whitespace() { first } else { COVER }
    });
    covered.collect()
}

/// The bar beside a quote, from the body's corner.
pub(crate) fn bar(placed: &Placed, left: f32) -> Rect {
    let top = placed.ground.map_or(placed.offset.y, |ground| ground.top());
    let height = placed
        .ground
        .map_or(placed.galley.size().y, |ground| ground.height());
    Rect::from_min_size(egui::pos2(left, top), Vec2::new(3.0, height))
}

/// The colour below a block: of code, or of a line across.
pub(crate) fn ground_color(placed: &Placed, palette: &Palette) -> Color32 {
    match placed.galley.is_empty() {
        true => palette.line,
        false => palette.code,
    }
}
