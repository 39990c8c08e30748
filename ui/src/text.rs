//! Text of other people made fit to be drawn: capped, without what could cover or reorder its surroundings,
//! with emoji from the emoji font.

use egui::text::{LayoutJob, TextFormat};
use unicode_segmentation::UnicodeSegmentation;

use crate::fonts;
use crate::words::say;

/// Combining marks kept on one character: more only cover what stands above and below.
pub const MARKS_MAX: usize = 8;
/// Characters of a message that are laid out; the rest is behind "Show all".
pub const MESSAGE_CHARS_MAX: usize = 8_000;
/// Lines of a message that are laid out; the rest is behind "Show all".
pub const MESSAGE_LINES_MAX: usize = 200;
/// Characters of a name in a row.
pub const NAME_CHARS_MAX: usize = 64;

/// Whether a character would reorder or hide its surroundings: bidirectional controls (UAX #9, section 2),
/// other format characters without a shape, and controls except line breaks and tabs.
fn is_harmful(c: char) -> bool {
    matches!(c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
        | '\u{00ad}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
        || (c.is_control() && c != '\n' && c != '\t')
}

/// Whether a character stands on the one before it (Unicode's Mn and Me in the blocks made for them, and what
/// is known as "zalgo").
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05bd}' | '\u{0610}'..='\u{061a}'
        | '\u{064b}'..='\u{065f}' | '\u{0e31}' | '\u{0e34}'..='\u{0e3a}' | '\u{0e47}'..='\u{0e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// A text of several lines without what could harm its surroundings, at most `chars_max` characters of it.
#[must_use]
pub fn clean(text: &str, chars_max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(4 * chars_max));
    let (mut marks, mut chars) = (0, 0);
    for c in text.chars() {
        if is_harmful(c) {
            continue;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS_MAX {
            continue;
        }
        if chars == chars_max {
            clean.push('…');
            break;
        }
        chars += 1;
        clean.push(c);
    }
    clean
}

/// A message where it is shown as it was typed, in a line or two: with what stands between `||` covered. What
/// follows a sign without a partner is covered, too: the partner may be in the part that is not shown.
#[must_use]
pub fn covered(text: &str) -> String {
    // First what may stand between the two signs unseen.
    let text = clean(text, text.len());
    let mut covered = String::with_capacity(text.len());
    for (nth, part) in text.split("||").enumerate() {
        covered.push_str(if nth % 2 == 0 {
            part
        } else {
            say::spoiler_covered()
        });
    }
    covered
}

/// A name or a title: [`clean`], on one line, at most [`NAME_CHARS_MAX`] characters.
#[must_use]
pub fn name(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    clean(&line, NAME_CHARS_MAX)
}

/// What the eye sees of a name that went through [`name`]: two with the same look can not be told apart, though
/// one has joiners or variation selectors in it, which emoji and some scripts need and nobody sees elsewhere.
#[must_use]
pub fn look(name: &str) -> String {
    let seen = name.chars().filter(|c| {
        !matches!(c,
            '\u{200c}' | '\u{200d}' | '\u{034f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e01ef}')
    });
    seen.flat_map(char::to_lowercase).collect()
}

/// Whether a grapheme cluster is shown as an emoji: it says so itself (U+FE0F), or it is one by default
/// (UTS #51, section 2).
#[must_use]
pub fn is_emoji(cluster: &str) -> bool {
    if cluster.contains('\u{fe0e}') || cluster.is_ascii() {
        return false;
    }
    if cluster.contains('\u{fe0f}') || cluster.contains('\u{20e3}') {
        return true;
    }
    // The data crate spells what is text by default with U+FE0F; `get` takes the bare form too, and tells
    // the two apart by the spelling.
    emojis::get(cluster)
        .is_some_and(|emoji| !emoji.as_str().contains('\u{fe0f}') || cluster.chars().count() > 1)
}

/// Appends a text to a layout job, clusters that are emoji in the emoji font.
pub fn append(job: &mut LayoutJob, text: &str, leading: f32, format: &TextFormat) {
    if text.is_ascii() {
        job.append(text, leading, format.clone());
        return;
    }
    let mut emoji = format.clone();
    emoji.font_id.family = fonts::emoji();
    let (mut start, mut leading) = (0, leading);
    let mut of_emoji = false;
    let mut flush = |job: &mut LayoutJob, part: &str, of_emoji: bool| {
        if !part.is_empty() {
            let format = if of_emoji { &emoji } else { format };
            job.append(part, std::mem::take(&mut leading), format.clone());
        }
    };
    for (at, cluster) in text.grapheme_indices(true) {
        let is_emoji = is_emoji(cluster);
        if is_emoji != of_emoji {
            flush(job, &text[start..at], of_emoji);
            (start, of_emoji) = (at, is_emoji);
        }
    }
    flush(job, &text[start..], of_emoji);
}

/// A job of one text in one format.
#[must_use]
pub fn job(text: &str, format: &TextFormat) -> LayoutJob {
    let mut job = LayoutJob::default();
    append(&mut job, text, 0.0, format);
    job
}

/// The first letters of up to two words of a name, for an avatar or an icon without a picture.
#[must_use]
pub fn initials(text: &str) -> String {
    let mut words = text.split_whitespace().filter_map(|word| {
        let mut clusters = word.graphemes(true);
        clusters.find(|cluster| cluster.chars().any(char::is_alphanumeric) || is_emoji(cluster))
    });
    let first = words.next().unwrap_or("?");
    let wide = |cluster: &str| cluster.chars().next().is_some_and(|c| c as u32 >= 0x1100);
    match words.next() {
        Some(second) if !wide(first) && !wide(second) => {
            format!("{}{}", first.to_uppercase(), second.to_uppercase())
        }
        _ => first.to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_told_from_text() {
        for emoji in ["❤️", "👨‍👩‍👧", "🎉", "👍🏽", "🇪🇺", "1️⃣", "☺️", "▶️"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in ["a", "1", "é", "雪", "→", "❤\u{fe0e}", "©", "ا"] {
            assert!(!is_emoji(text), "{text}");
        }
    }

    #[test]
    fn what_hides_or_reorders_is_left_out() {
        assert_eq!(clean("a\u{202e}b\u{200f}c\u{7}\u{feff}", 10), "abc");
        assert_eq!(clean("two\nlines\tand a tab", 100), "two\nlines\tand a tab");
        assert_eq!(name("  a\n\u{2067}name "), "a name");
    }

    #[test]
    fn a_hundred_thousand_marks_become_a_few() {
        let text = format!("Z{}algo", "\u{0301}".repeat(100_000));
        assert_eq!(clean(&text, 100).chars().count(), 1 + MARKS_MAX + 4);
    }

    #[test]
    fn what_is_covered_stays_so_where_messages_are_shown_in_short() {
        assert_eq!(covered("it was ||Ada|| here"), "it was (spoiler) here");
        assert_eq!(covered("it was |\u{200e}|Ada"), "it was (spoiler)");
        assert_eq!(covered("a | b"), "a | b");
    }

    #[test]
    fn names_that_look_the_same_are_known_to() {
        let mira = look(&name("Mira"));
        for other in [
            "Mi\u{200b}ra",
            "Mi\u{200d}ra",
            "Mira\u{fe0f}",
            "mira\u{e0020}",
            "Mira\u{2028}",
        ] {
            assert_eq!(look(&name(other)), mira, "{other:?}");
        }
        assert_ne!(look(&name("Mirna")), mira);
    }

    #[test]
    fn long_texts_are_cut_with_an_ellipsis() {
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }

    #[test]
    fn a_text_is_cut_into_sections_of_text_and_emoji_and_nothing_is_lost() {
        let text = "hi ❤️ there 👨‍👩‍👧🎉!";
        let job = job(text, &TextFormat::default());
        assert_eq!(job.text, text);
        assert_eq!(job.sections.len(), 5);
        assert_eq!(job.sections[1].format.font_id.family, fonts::emoji());
    }

    #[test]
    fn names_have_one_or_two_initials() {
        for (name, expected) in [
            ("Ana", "A"),
            ("Rust Berlin", "RB"),
            ("雪 見", "雪"),
            ("", "?"),
            ("(x) y", "XY"),
        ] {
            assert_eq!(initials(name), expected);
        }
    }
}
