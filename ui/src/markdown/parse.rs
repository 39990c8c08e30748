//! From a text to blocks.

use alloquy_api::limits::TEXT_BYTES_MAX;
use pulldown_cmark::{
    CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream,
};

use super::{Block, Hot, Names, Nesting, Span, Style};
use crate::text;

/// Quotes in quotes and lists in lists that are shown as such: deeper ones would leave no room for words.
const NESTING_MAX: u8 = 5;

/// Names, channels and addresses of one message that can be clicked: more than a person writes, and few enough
/// that looking each of them up among ten thousand members takes no time.
const HOT_MAX: u32 = 100;

/// Reads a text that went through [`crate::text::clean`].
pub(super) fn parse(text: &str, names: &dyn Names) -> Vec<Block> {
    let mut reader = Reader {
        names,
        blocks: Vec::new(),
        spans: Vec::new(),
        style: Style::default(),
        styles: Vec::new(),
        quotes: 0,
        lists: Vec::new(),
        marker: None,
        heading: None,
        code: None,
        spoilers: 0,
        looked_up: 0,
    };
    let events = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH);
    for event in TextMergeStream::new(events) {
        reader.read(event);
    }
    reader.flush();
    if reader.blocks.is_empty() && !text.trim().is_empty() {
        // A text that is only a definition of a link, for example: shown as it was typed.
        reader.push(text);
        reader.flush();
    }
    reader.blocks
}

struct Reader<'a> {
    names: &'a dyn Names,
    blocks: Vec<Block>,
    spans: Vec<Span>,
    style: Style,
    styles: Vec<Style>,
    quotes: u32,
    /// The number of the next item of each list around; `None` where items have none.
    lists: Vec<Option<u64>>,
    marker: Option<String>,
    heading: Option<u8>,
    /// Language and text of the code block being read.
    code: Option<(String, String)>,
    spoilers: u32,
    looked_up: u32,
}

impl Reader<'_> {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                // An entity such as `&#x202e;` becomes its character only here.
                let text = text::clean(&text, TEXT_BYTES_MAX);
                match &mut self.code {
                    Some((_, code)) => code.push_str(&text),
                    None => self.push(&text),
                }
            }
            Event::Code(text) => {
                let style = Style {
                    code: true,
                    ..self.style.clone()
                };
                self.spans.push(Span {
                    text: text.into_string(),
                    style,
                });
            }
            Event::SoftBreak | Event::HardBreak => self.push("\n"),
            Event::Rule => {
                self.flush();
                self.blocks.push(Block::Rule);
            }
            // Their options are off.
            Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
        }
    }

    fn push(&mut self, text: &str) {
        let style = self.style.clone();
        match self.spans.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.spans.push(Span {
                text: text.to_owned(),
                style,
            }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.heading = Some(number(level));
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}.");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "•".to_owned(),
                });
            }
            Tag::Paragraph | Tag::HtmlBlock => self.flush(),
            Tag::Emphasis => self.restyle(|style| style.italic = true),
            Tag::Strong => self.restyle(|style| style.bold = true),
            Tag::Strikethrough => self.restyle(|style| style.strike = true),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                let hot = is_link(&dest_url).then(|| Hot::Link(dest_url.into_string()));
                self.restyle(|style| style.hot = hot);
            }
            _ => self.restyle(|_| {}),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Item => {
                self.flush();
                self.heading = None;
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes -= 1;
            }
            TagEnd::CodeBlock => {
                let (language, text) = self.code.take().unwrap_or_default();
                let nesting = self.nesting();
                self.blocks.push(Block::Code {
                    text: text.trim_end_matches('\n').to_owned(),
                    language: language.split([' ', ',']).next().unwrap_or("").to_owned(),
                    nesting,
                });
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            _ => self.style = self.styles.pop().unwrap_or_default(),
        }
    }

    fn restyle(&mut self, change: impl FnOnce(&mut Style)) {
        self.styles.push(self.style.clone());
        change(&mut self.style);
    }

    fn nesting(&mut self) -> Nesting {
        Nesting {
            quotes: u8::try_from(self.quotes)
                .unwrap_or(NESTING_MAX)
                .min(NESTING_MAX),
            lists: u8::try_from(self.lists.len())
                .unwrap_or(NESTING_MAX)
                .min(NESTING_MAX),
            marker: self.marker.take(),
        }
    }

    fn flush(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.spans);
        let spans = cover(spans, &mut self.spoilers);
        let mut spans: Vec<Span> = spans
            .into_iter()
            .flat_map(|span| find_hot(span, self.names, &mut self.looked_up))
            .collect();
        if let Some(last) = spans.last_mut() {
            last.text.truncate(last.text.trim_end_matches('\n').len());
        }
        let nesting = self.nesting();
        self.blocks.push(Block::Text {
            spans,
            heading: self.heading,
            nesting,
        });
    }
}

const fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        _ => 3,
    }
}

/// Whether an address may be opened: nothing that runs or reads something on this machine.
fn is_link(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| lower.len() > scheme.len() && lower.starts_with(scheme))
}

/// Splits spans at `||`: every second part is covered. A last one without its partner stays as it was typed.
fn cover(spans: Vec<Span>, spoilers: &mut u32) -> Vec<Span> {
    const FENCE: &str = "||";
    let fences = |span: &Span| match span.style.code {
        true => 0,
        false => span.text.matches(FENCE).count(),
    };
    let mut left = spans.iter().map(fences).sum::<usize>() / 2 * 2;
    if left == 0 {
        return spans;
    }
    let mut covered = None;
    let mut result = Vec::new();
    for span in spans {
        let mut text = span.text.as_str();
        loop {
            let at = match left == 0 || span.style.code {
                true => None,
                false => text.find(FENCE),
            };
            let part = &text[..at.unwrap_or(text.len())];
            if !part.is_empty() {
                let style = Style {
                    spoiler: covered,
                    ..span.style.clone()
                };
                result.push(Span {
                    text: part.to_owned(),
                    style,
                });
            }
            let Some(at) = at else { break };
            text = &text[at + FENCE.len()..];
            left -= 1;
            covered = match covered {
                Some(_) => None,
                None => {
                    *spoilers += 1;
                    Some(*spoilers - 1)
                }
            };
        }
    }
    result
}

/// Splits a span where it names somebody, a channel or an address.
fn find_hot(span: Span, names: &dyn Names, looked_up: &mut u32) -> Vec<Span> {
    if span.style.code || span.style.hot.is_some() {
        return vec![span];
    }
    let text = span.text.as_str();
    let mut found: Vec<Span> = Vec::new();
    let mut push = |part: &str, hot: Option<Hot>| {
        if !part.is_empty() {
            let style = Style {
                hot,
                ..span.style.clone()
            };
            found.push(Span {
                text: part.to_owned(),
                style,
            });
        }
    };
    let (mut start, mut from) = (0, 0);
    while let Some(at) = text[from..].find(['@', '#', 'h']).map(|at| from + at) {
        let rest = &text[at..];
        let begins = !text[..at].ends_with(char::is_alphanumeric);
        let is_word = rest.starts_with('h') && !rest.starts_with("http");
        if !begins || is_word {
            from = at + 1;
            continue;
        }
        *looked_up += 1;
        if *looked_up > HOT_MAX {
            break;
        }
        let hot = match rest.starts_with('h') {
            true => address(rest),
            false => names.named(rest),
        };
        match hot {
            Some((len, hot)) => {
                push(&text[start..at], None);
                push(&rest[..len], Some(hot));
                start = at + len;
                from = start;
            }
            None => from = at + 1,
        }
    }
    push(&text[start..], None);
    found
}

/// The address that a text begins with, without what only ends the sentence.
fn address(text: &str) -> Option<(usize, Hot)> {
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|'))
        .unwrap_or(text.len());
    let mut link = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
    if link.ends_with(')') && !link.contains('(') {
        link = link.trim_end_matches(')');
    }
    is_link(link).then(|| (link.len(), Hot::Link(link.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Mira;

    impl Names for Mira {
        fn named(&self, rest: &str) -> Option<(usize, Hot)> {
            let hot = Hot::Member(alloquy_ids::AccountId([7; 32]));
            rest.starts_with("@Mira").then_some((5, hot))
        }
    }

    /// Blocks as a short text: styles as letters before each span.
    fn spans(text: &str) -> Vec<String> {
        let blocks = parse(text, &Mira);
        let spans = blocks.iter().flat_map(|block| match block {
            Block::Text { spans, .. } => spans.clone(),
            Block::Code { text, .. } => vec![Span {
                text: text.clone(),
                style: Style::default(),
            }],
            Block::Rule => Vec::new(),
        });
        spans
            .map(|Span { text, style }| {
                let mut marks = String::new();
                for (set, mark) in [
                    (style.bold, 'b'),
                    (style.italic, 'i'),
                    (style.strike, 's'),
                    (style.code, 'c'),
                    (style.spoiler.is_some(), 'h'),
                    (matches!(style.hot, Some(Hot::Link(_))), 'l'),
                    (matches!(style.hot, Some(Hot::Member(_))), 'm'),
                ] {
                    if set {
                        marks.push(mark);
                    }
                }
                format!("{marks}:{text}")
            })
            .collect()
    }

    #[test]
    fn styles_links_names_and_spoilers_are_found() {
        for (text, expected) in [
            (
                "a **b** *c* ~~d~~ `e`",
                &[":a ", "b:b", ": ", "i:c", ": ", "s:d", ": ", "c:e"][..],
            ),
            (
                "see https://a.example/x_y_z, ok",
                &[":see ", "l:https://a.example/x_y_z", ":, ok"],
            ),
            ("[x](https://a.example) [y](javascript:1)", &["l:x", ": y"]),
            ("hi @Mira! a@Mira", &[":hi ", "m:@Mira", ":! a@Mira"]),
            ("||a **b**|| c || d", &["h:a ", "bh:b", ": c || d"]),
            ("`||a||` b", &["c:||a||", ": b"]),
            ("<b>x</b>", &[":<b>x</b>"]),
            (
                "[only]: https://a.example",
                &[":[only]: ", "l:https://a.example"],
            ),
            ("one\ntwo", &[":one\ntwo"]),
            ("a&#x202e;b &amp; c", &[":ab & c"]),
        ] {
            assert_eq!(spans(text), expected, "{text}");
        }
    }

    #[test]
    fn lists_quotes_and_code_are_blocks_of_their_own() {
        let blocks = parse(
            "> q\n\n1. a\n2. b\n\n```rust\nfn x() {}\n```\n---\n# h",
            &Mira,
        );
        let shape: Vec<String> = blocks
            .iter()
            .map(|block| match block {
                Block::Text {
                    heading: Some(level),
                    ..
                } => format!("h{level}"),
                Block::Text { nesting, .. } => format!(
                    "q{} l{} {}",
                    nesting.quotes,
                    nesting.lists,
                    nesting.marker.as_deref().unwrap_or("-")
                ),
                Block::Code { language, text, .. } => format!("{language}: {text}"),
                Block::Rule => "rule".to_owned(),
            })
            .collect();
        let expected = [
            "q1 l0 -",
            "q0 l1 1.",
            "q0 l1 2.",
            "rust: fn x() {}",
            "rule",
            "h1",
        ];
        assert_eq!(shape, expected);
    }

    #[test]
    fn a_wall_of_signs_is_not_looked_up_without_end() {
        struct Counting(std::cell::Cell<u32>);
        impl Names for Counting {
            fn named(&self, _: &str) -> Option<(usize, Hot)> {
                self.0.set(self.0.get() + 1);
                None
            }
        }
        let names = Counting(std::cell::Cell::new(0));
        let text = "@".repeat(8_000);
        let blocks = parse(&text, &names);
        assert_eq!(names.0.get(), HOT_MAX);
        assert!(matches!(&blocks[..], [Block::Text { spans, .. }] if spans[0].text == text));
    }

    #[test]
    fn a_thousand_quotes_in_quotes_are_five() {
        let blocks = parse(&format!("{} deep", ">".repeat(200)), &Mira);
        let Some(Block::Text { nesting, .. }) = blocks.last() else {
            panic!("a text");
        };
        assert_eq!(nesting.quotes, NESTING_MAX);
    }
}
