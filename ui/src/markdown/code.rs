//! Colours of code blocks.

use std::ops::Range;
use std::str::FromStr;
use std::sync::LazyLock;

use egui::Color32;
use syntect::easy::HighlightLines;
use syntect::highlighting::{
    Color, ScopeSelectors, StyleModifier, Theme, ThemeItem, ThemeSettings,
};
use syntect::parsing::SyntaxSet;
use syntect::util::LinesWithEndings;

use crate::theme::Palette;

/// Bytes of a code block that gets colours: a screen of code. More is shown plain, so that a message costs
/// milliseconds at most.
const COLOURED_BYTES_MAX: usize = 4_000;
/// Bytes of a line that gets colours: minified code is not worth what its regular expressions cost.
const LINE_BYTES_MAX: usize = 400;

/// Unpacked when the first code block is seen.
static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// The parts of a code and their colours, in order and without gaps.
pub(super) fn colours(
    code: &str,
    language: &str,
    palette: &Palette,
) -> Vec<(Range<usize>, Color32)> {
    let plain = vec![(0..code.len(), palette.text)];
    let long = code.lines().any(|line| line.len() > LINE_BYTES_MAX);
    if language.is_empty() || code.len() > COLOURED_BYTES_MAX || long {
        return plain;
    }
    let Some(syntax) = SYNTAXES.find_syntax_by_token(language) else {
        return plain;
    };
    let theme = theme(palette);
    let mut highlighter = HighlightLines::new(syntax, &theme);
    let (mut parts, mut at) = (Vec::new(), 0);
    for line in LinesWithEndings::from(code) {
        let Ok(regions) = highlighter.highlight_line(line, &SYNTAXES) else {
            return plain;
        };
        for (style, part) in regions {
            let Color { r, g, b, .. } = style.foreground;
            parts.push((at..at + part.len(), Color32::from_rgb(r, g, b)));
            at += part.len();
        }
    }
    parts
}

/// Colours by what a part of code is, from our own palette.
fn theme(palette: &Palette) -> Theme {
    let color = |color: Color32| Color {
        r: color.r(),
        g: color.g(),
        b: color.b(),
        a: u8::MAX,
    };
    let item = |scope: &str, foreground: Color32| ThemeItem {
        scope: ScopeSelectors::from_str(scope).expect("a constant selector"),
        style: StyleModifier {
            foreground: Some(color(foreground)),
            ..StyleModifier::default()
        },
    };
    Theme {
        settings: ThemeSettings {
            foreground: Some(color(palette.text)),
            background: Some(color(palette.code)),
            ..ThemeSettings::default()
        },
        scopes: vec![
            item("comment", palette.text_dim),
            item("string", palette.ok),
            item("constant", palette.warn),
            item("keyword, storage", palette.accent_text),
            item("entity.name, support", palette.text_strong),
        ],
        ..Theme::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_code_and_a_keyword_stands_out() {
        let palette = Palette::of(true);
        let code = "fn main() {\n    let x = \"ä\"; // y\n}";
        let parts = colours(code, "rust", palette);
        let joined: String = parts
            .iter()
            .map(|(range, _)| &code[range.clone()])
            .collect();
        assert_eq!(joined, code);
        assert!(parts.iter().any(|(_, color)| *color == palette.accent_text));
        assert!(parts.iter().any(|(_, color)| *color == palette.ok));
    }

    #[test]
    fn long_code_and_unknown_languages_are_plain() {
        let palette = Palette::of(false);
        for (code, language) in [
            ("x".repeat(COLOURED_BYTES_MAX + 1), "rust"),
            ("let x = 1;".repeat(100), "rust"),
            ("fn x() {}".to_owned(), "no such language"),
            ("fn x() {}".to_owned(), ""),
        ] {
            assert_eq!(
                colours(&code, language, palette),
                [(0..code.len(), palette.text)]
            );
        }
    }
}
