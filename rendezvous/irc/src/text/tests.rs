use proptest::prelude::*;

use super::*;

#[test]
fn markdown_becomes_formatting_and_back() {
    for (markdown, irc) in [
        ("plain", "plain"),
        (
            "**bold** and *it* and ~~no~~",
            "\u{2}bold\u{2} and \u{1d}it\u{1d} and \u{1e}no\u{1e}",
        ),
        ("**a *b* c**", "\u{2}a \u{1d}b\u{1d} c\u{2}"),
        ("`a*b*` x", "\u{11}a*b*\u{11} x"),
        ("__under__", "\u{1f}under\u{1f}"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name", "snake_case_name"),
        ("** no **", "** no **"),
        ("one\n**two**", "one\n\u{2}two\u{2}"),
        ("```rust\nlet **a**;\n```", "```rust\nlet **a**;\n```"),
    ] {
        assert_eq!(to_irc(markdown), irc);
        assert_eq!(to_markdown(irc), markdown, "back from {irc:?}");
    }
    assert_eq!(to_irc("_it_"), "\u{1d}it\u{1d}");
    assert_eq!(to_irc(r"\*not\*"), "*not*");
}

#[test]
fn formatting_of_irc_is_read_whatever_its_order() {
    for (irc, markdown) in [
        ("\u{2}bold", "**bold**"),
        ("\u{2}bold \u{2}x", "**bold** x"),
        ("\u{2} bold\u{2}", " **bold**"),
        ("\u{2}a\u{1d}b\u{2}c\u{1d}", "**a*b****c*"),
        ("\u{3}04,12red\u{3} x", "red x"),
        ("\u{3}4,red", ",red"),
        ("\u{4}ff00aahex", "hex"),
        ("\u{2}a\u{f}b", "**a**b"),
        ("\u{16}rev", "rev"),
        ("\u{2}\u{2}", ""),
    ] {
        assert_eq!(to_markdown(irc), markdown, "{irc:?}");
    }
}

#[test]
fn long_lines_are_cut_at_words_and_never_inside_a_grapheme() {
    let texts = |text: &str, max| -> Vec<(String, bool)> {
        pieces(text, max)
            .into_iter()
            .map(|piece| (piece.text, piece.goes_on))
            .collect()
    };
    let line = |text: &str, goes_on| (text.to_owned(), goes_on);
    assert_eq!(texts("a\nb", 10), [line("a", false), line("b", false)]);
    assert_eq!(
        texts("one two three", 9),
        [line("one two ", false), line("three", true)]
    );
    assert_eq!(
        texts("aaaaaaaaaaaa", 5),
        [line("aaaaa", false), line("aaaaa", true), line("aa", true)]
    );
    assert_eq!(texts("👩‍👩‍👧👩‍👩‍👧", 20), [line("👩‍👩‍👧", false), line("👩‍👩‍👧", true)]);
    assert_eq!(texts("", 5), [line("", false)]);
}

#[test]
fn instants_are_written_and_read() {
    let time = UnixMs(1_790_000_000_123);
    assert_eq!(iso_time(time), "2026-09-21T14:13:20.123Z");
    assert_eq!(parse_time("2026-09-21T14:13:20.123Z"), Some(time));
    assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(UnixMs(0)));
    for bad in [
        "",
        "*",
        "2026-09-21",
        "2026-13-21T14:13:20.123Z",
        "2026-09-21T24:13:20.123Z",
        "2026-09-21T14:13:20.1Z",
        "2026-9-21T14:13:20.123Z",
        "2026-09-21T14:13:20.123",
        "1969-12-31T23:59:59.999Z",
        "+026-09-21T14:13:20.123Z",
    ] {
        assert_eq!(parse_time(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_translators_panic(text in any::<String>(), max in 8_usize..400) {
        let irc = to_irc(&text);
        drop(to_markdown(&irc));
        drop(to_markdown(&text));
        let parts = pieces(&text, max);
        for piece in &parts {
            prop_assert!(piece.text.len() <= max);
        }
        let mut whole = String::new();
        for (at, piece) in parts.iter().enumerate() {
            if at > 0 && !piece.goes_on {
                whole.push('\n');
            }
            whole.push_str(&piece.text);
        }
        prop_assert_eq!(whole, text.split('\n').map(|line| line.trim_end_matches('\r')).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn every_instant_comes_back(ms in 0_u64..200_000_000_000_000) {
        prop_assert_eq!(parse_time(&iso_time(UnixMs(ms))), Some(UnixMs(ms)));
    }
}
