//! Messages are written in Markdown. A text becomes [`Block`]s, and these become a [`Body`]: galleys at their
//! places, the text that can be selected, and what in it can be clicked.
//!
//! No pictures and no HTML: both are shown as they were typed. Only `http`, `https` and `mailto` are links.

mod code;
mod layout;
mod parse;

pub(crate) use layout::{Body, Look, bar, ground_color, lay_out};

use alloquy_ids::{AccountId, ChannelId};

/// A part of a message that can be clicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hot {
    /// Opens in the browser.
    Link(String),
    /// A covered text, by its number in the message.
    Spoiler(u32),
    /// Leads to a channel.
    Channel(ChannelId),
    /// Shows somebody's card.
    Member(AccountId),
}

/// Knows whom and what a text can name.
pub(crate) trait Names {
    /// What the beginning of `rest`, which is `@` or `#` and what follows, names: its length in bytes, and what
    /// it leads to.
    fn named(&self, rest: &str) -> Option<(usize, Hot)>;
}

/// How a part of a paragraph looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    italic: bool,
    strike: bool,
    code: bool,
    spoiler: Option<u32>,
    hot: Option<Hot>,
}

/// A part of a paragraph that looks the same throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    text: String,
    style: Style,
}

/// Where a block stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Nesting {
    /// Quotes around it.
    quotes: u8,
    /// Lists around it.
    lists: u8,
    /// What stands before the first line of a list's item.
    marker: Option<String>,
}

/// A part of a message with lines of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    /// A paragraph; of a heading its level, from 1.
    Text {
        spans: Vec<Span>,
        heading: Option<u8>,
        nesting: Nesting,
    },
    /// Lines of code.
    Code {
        text: String,
        language: String,
        nesting: Nesting,
    },
    /// A line across.
    Rule,
}
