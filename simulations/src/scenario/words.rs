//! A line as words, with their places, so that errors can name them and commands keep their quotes.

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes and escapes.
    pub(super) text: String,
    /// Whether it stood in quotes: then it is never a word of the grammar.
    pub(super) quoted: bool,
    /// Bytes of the line that it takes.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Word {
    /// Whether it is this word of the grammar.
    pub(super) fn is(&self, text: &str) -> bool {
        !self.quoted && self.text == text
    }
}

/// Splits a line; a comment ends it. The error names the word and what is wrong with it.
pub(super) fn split(line: &str) -> Result<Vec<Word>, (usize, String)> {
    let mut words = Vec::new();
    let mut chars = line.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match c {
            ' ' | '\t' => {}
            '#' => break,
            '"' => words.push(
                quoted(start, &mut chars).map_err(|text| (words.len() + 1, text.to_owned()))?,
            ),
            _ => {
                let mut end = start + c.len_utf8();
                while let Some((at, c)) = chars.next_if(|(_, c)| !matches!(c, ' ' | '\t' | '"')) {
                    end = at + c.len_utf8();
                }
                words.push(Word {
                    text: line[start..end].to_owned(),
                    quoted: false,
                    start,
                    end,
                });
            }
        }
    }
    Ok(words)
}

fn quoted(
    start: usize,
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
) -> Result<Word, &'static str> {
    let mut text = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                return Ok(Word {
                    text,
                    quoted: true,
                    start,
                    end: at + 1,
                });
            }
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, c @ ('"' | '\\'))) => text.push(c),
                _ => return Err("expected \\n, \\\" or \\\\ after a backslash"),
            },
            c => text.push(c),
        }
    }
    Err("the quote is not closed")
}
