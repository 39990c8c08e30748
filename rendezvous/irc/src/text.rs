//! Texts: Markdown and IRC's formatting, long messages in lines, instants.

use alloquy_ids::UnixMs;
use unicode_segmentation::UnicodeSegmentation;

const BOLD: char = '\u{2}';
const ITALIC: char = '\u{1d}';
const UNDERLINE: char = '\u{1f}';
const STRIKE: char = '\u{1e}';
const MONO: char = '\u{11}';
const COLOUR: char = '\u{3}';
const HEX_COLOUR: char = '\u{4}';
const REVERSE: char = '\u{16}';
const RESET: char = '\u{f}';

/// Marks of Markdown and what they are in IRC; longer ones first.
const MARKS: [(&str, char); 6] = [
    ("**", BOLD),
    ("__", UNDERLINE),
    ("~~", STRIKE),
    ("*", ITALIC),
    ("_", ITALIC),
    ("`", MONO),
];

/// Markdown as IRC shows it. Blocks of code stay as they are, fences among them.
#[must_use]
pub fn to_irc(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut in_code = false;
    for (at, line) in markdown.split('\n').enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let line = line.trim_end_matches('\r');
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            text.push_str(line);
        } else if in_code {
            text.push_str(line);
        } else {
            inline(line, &mut text);
        }
    }
    text
}

/// Formats one line: a mark counts when it stands before a character that is no space and its like follows.
fn inline(line: &str, into: &mut String) {
    let mut rest = line;
    let mut before = ' ';
    'text: while let Some(char) = rest.chars().next() {
        if char == '\\' {
            let mut chars = rest.chars();
            chars.next();
            if let Some(escaped) = chars.next().filter(char::is_ascii_punctuation) {
                into.push(escaped);
                before = escaped;
                rest = chars.as_str();
                continue;
            }
        }
        for (mark, code) in MARKS {
            let Some(inner) = rest.strip_prefix(mark) else {
                continue;
            };
            let Some(end) = closing(inner, mark, before) else {
                continue;
            };
            into.push(code);
            match code {
                MONO => into.push_str(&inner[..end]),
                _ => inline(&inner[..end], into),
            }
            into.push(code);
            rest = &inner[end + mark.len()..];
            before = '*';
            continue 'text;
        }
        into.push(char);
        before = char;
        rest = &rest[char.len_utf8()..];
    }
}

/// Where the mark stands again that closes one, if it opens anything.
fn closing(inner: &str, mark: &str, before: char) -> Option<usize> {
    let opens = inner
        .chars()
        .next()
        .is_some_and(|char| !char.is_whitespace());
    // snake_case is no emphasis.
    let in_word = mark.starts_with('_') && before.is_alphanumeric();
    if !opens || in_word {
        return None;
    }
    let mut from = 0;
    while let Some(found) = inner[from..].find(mark) {
        let end = from + found;
        let last = inner[..end].chars().next_back();
        let after = inner[end + mark.len()..].chars().next();
        let doubled = mark.len() == 1 && after == mark.chars().next();
        let word_goes_on = mark.starts_with('_') && after.is_some_and(char::is_alphanumeric);
        if last.is_some_and(|char| !char.is_whitespace()) && !doubled && !word_goes_on {
            return Some(end);
        }
        from = end + if doubled { 2 * mark.len() } else { mark.len() };
        if from > inner.len() {
            return None;
        }
    }
    None
}

/// IRC's formatting as Markdown; colours are left out.
#[must_use]
pub fn to_markdown(irc: &str) -> String {
    let mut lines = irc.split('\n').map(line_to_markdown);
    let mut text = lines.next().unwrap_or_default();
    for line in lines {
        text.push('\n');
        text.push_str(&line);
    }
    text
}

fn line_to_markdown(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    // In the order in which they were opened.
    let mut open: Vec<&'static str> = Vec::new();
    let mut wanted: Vec<&'static str> = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        let mark = match char {
            BOLD => "**",
            ITALIC => "*",
            UNDERLINE => "__",
            STRIKE => "~~",
            MONO => "`",
            RESET => {
                wanted.clear();
                continue;
            }
            REVERSE => continue,
            COLOUR => {
                skip_colour(&mut chars, 2, char::is_ascii_digit);
                continue;
            }
            HEX_COLOUR => {
                skip_colour(&mut chars, 6, char::is_ascii_hexdigit);
                continue;
            }
            other => {
                // Marks stand at words, not at the spaces around them.
                if !other.is_whitespace() {
                    switch(&mut text, &mut open, &wanted);
                }
                text.push(other);
                continue;
            }
        };
        match wanted.iter().position(|known| *known == mark) {
            Some(at) => drop(wanted.remove(at)),
            None => wanted.push(mark),
        }
        if wanted.len() < open.len() {
            switch(&mut text, &mut open, &wanted);
        }
    }
    switch(&mut text, &mut open, &[]);
    text
}

/// Closes what is wanted no more, and opens what is.
fn switch(text: &mut String, open: &mut Vec<&'static str>, wanted: &[&'static str]) {
    let keep = open.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    if open.len() > keep {
        let spaces = text.len() - text.trim_end_matches(' ').len();
        text.truncate(text.len() - spaces);
        for mark in open.drain(keep..).rev() {
            text.push_str(mark);
        }
        text.extend(std::iter::repeat_n(' ', spaces));
    }
    for mark in &wanted[keep..] {
        text.push_str(mark);
        open.push(mark);
    }
}

/// Digits of a colour, and of one behind it after a comma.
fn skip_colour(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    digits: usize,
    is_digit: impl Fn(&char) -> bool,
) {
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut found = 0;
        while found < digits && chars.next_if(|char| is_digit(char)).is_some() {
            found += 1;
        }
        found > 0
    };
    if number(chars) {
        let mut ahead = chars.clone();
        if ahead.next() == Some(',') && ahead.next().is_some_and(|char| is_digit(&char)) {
            chars.next();
            number(chars);
        }
    }
}

/// One line of a message that has to be sent in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text of it.
    pub text: String,
    /// Whether it goes on the line before it, which was too long for one.
    pub goes_on: bool,
}

/// A text in lines of at most `max` bytes, cut at words where there are any, and never inside a grapheme.
#[must_use]
pub fn pieces(text: &str, max: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for line in text.split('\n') {
        let mut rest = line.trim_end_matches('\r');
        let mut goes_on = false;
        loop {
            let end = cut_at(rest, max);
            pieces.push(Piece {
                text: rest[..end].to_owned(),
                goes_on,
            });
            rest = &rest[end..];
            if rest.is_empty() {
                break;
            }
            goes_on = true;
        }
    }
    pieces
}

/// How many bytes of a text go into one line.
fn cut_at(text: &str, max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    let mut end = 0;
    let mut word = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let after = at + grapheme.len();
        if after > max {
            break;
        }
        end = after;
        if grapheme == " " {
            word = after;
        }
    }
    // A word longer than most of a line is cut where the line ends.
    match (word > max / 4, end) {
        (true, _) => word,
        // A single grapheme of more than a line: marks upon marks. It is cut between characters.
        (false, 0) => (1..=max)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len()),
        (false, end) => end,
    }
}

/// An instant as server-time writes it: `2026-11-21T08:15:00.123Z`.
#[must_use]
pub fn iso_time(time: UnixMs) -> String {
    let text = time.utc().replacen(' ', "T", 1);
    format!("{text}.{:03}Z", time.0 % 1000)
}

/// Reads an instant as [`iso_time`] writes it.
#[must_use]
pub fn parse_time(text: &str) -> Option<UnixMs> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str, digits: usize| {
        let valid = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| text.parse::<u64>().ok()).flatten()
    };
    let mut date = date.split('-');
    let (year, month, day) = (
        number(date.next()?, 4)?,
        number(date.next()?, 2)?,
        number(date.next()?, 2)?,
    );
    let (clock, millis) = clock.split_once('.').unwrap_or((clock, "000"));
    let mut clock = clock.split(':');
    let (hour, minute, second) = (
        number(clock.next()?, 2)?,
        number(clock.next()?, 2)?,
        number(clock.next()?, 2)?,
    );
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range || date.next().is_some() || clock.next().is_some() {
        return None;
    }
    // Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year / 400;
    let of_era = march_year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(UnixMs(seconds * 1000 + number(millis, 3)?))
}

#[cfg(test)]
mod tests;
