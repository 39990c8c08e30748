//! A line as words: spaces, quotes and escapes.

use crate::limits::{LINE_BYTES_MAX, WORDS_MAX};

use super::ParseLineError;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its text, without quotes and escapes.
    pub(crate) text: String,
    /// Where it begins, in characters from 1.
    pub(crate) column: usize,
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
}

impl Word {
    /// The name of the flag that the word is, if it is one.
    pub(crate) fn flag(&self) -> Option<&str> {
        if self.quoted {
            return None;
        }
        self.text.strip_prefix("--")
    }
}

/// Splits a line into words.
pub(crate) fn split(line: &str) -> Result<Vec<Word>, ParseLineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(ParseLineError {
            argument: "line".to_owned(),
            column: 1,
            expected: format!("at most {LINE_BYTES_MAX} bytes"),
            found: format!("{} bytes", line.len()),
            over_limit: true,
        });
    }
    let mut splitter = Splitter {
        rest: line.chars().peekable(),
        column: 1,
        words: Vec::new(),
    };
    while splitter.word()? {}
    Ok(splitter.words)
}

/// Writes a text in quotes: the inverse of [`split`] for texts without other controls.
pub(crate) fn quote(text: &str, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            c if is_refused(c) => out.write_char(char::REPLACEMENT_CHARACTER)?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// Whether no text may hold the character: a control other than tab and line break.
pub(crate) fn is_refused(c: char) -> bool {
    c.is_control() && c != '\t' && c != '\n'
}

/// A text in an error message: on one line, without controls, shortened.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.escape_debug())
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

struct Splitter<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    column: usize,
    words: Vec<Word>,
}

impl Splitter<'_> {
    /// Reads the next word; `false` at the end of the line.
    fn word(&mut self) -> Result<bool, ParseLineError> {
        while self.rest.peek() == Some(&' ') {
            self.next();
        }
        let Some(&first) = self.rest.peek() else {
            return Ok(false);
        };
        let column = self.column;
        if self.words.len() == WORDS_MAX {
            let mut error = self.error(
                column,
                &format!("at most {WORDS_MAX} words"),
                "one more".to_owned(),
            );
            error.over_limit = true;
            return Err(error);
        }
        let quoted = first == '"';
        let text = if quoted {
            self.quoted(column)?
        } else {
            self.bare()?
        };
        self.words.push(Word {
            text,
            column,
            quoted,
        });
        Ok(true)
    }

    fn bare(&mut self) -> Result<String, ParseLineError> {
        let mut text = String::new();
        while let Some(&c) = self.rest.peek() {
            match c {
                ' ' => break,
                '"' => {
                    return Err(self.error(
                        self.column,
                        "a space before the quote, or the whole word in quotes",
                        format!("a quote after {}", excerpt(&text)),
                    ));
                }
                c if c.is_control() => return Err(self.control(c)),
                c => text.push(c),
            }
            self.next();
        }
        Ok(text)
    }

    fn quoted(&mut self, begin: usize) -> Result<String, ParseLineError> {
        self.next();
        let mut text = String::new();
        loop {
            let column = self.column;
            match self.next() {
                Some('"') => break,
                Some('\\') => text.push(self.escape(column)?),
                Some(c) if c.is_control() && c != '\t' => {
                    self.column = column;
                    return Err(self.control(c));
                }
                Some(c) => text.push(c),
                None => {
                    let found = "the end of the line".to_owned();
                    return Err(self.error(begin, "a closing quote", found));
                }
            }
        }
        match self.rest.peek() {
            None | Some(' ') => Ok(text),
            Some(&c) => Err(self.error(
                self.column,
                "a space after the closing quote (a quote inside is written \\\")",
                excerpt(&c.to_string()),
            )),
        }
    }

    fn escape(&mut self, column: usize) -> Result<char, ParseLineError> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some(c @ ('"' | '\\')) => Ok(c),
            Some(c) => Err(self.error(
                column,
                "\\\", \\\\ or \\n",
                excerpt(&format!("\\{c}")).replace("\\\\", "\\"),
            )),
            None => Err(self.error(
                column,
                "\\\", \\\\ or \\n",
                "the end of the line".to_owned(),
            )),
        }
    }

    fn control(&self, c: char) -> ParseLineError {
        let expected = match c {
            '\n' => "one line (a line break in a text is written \\n, in quotes)",
            '\t' => "words separated by spaces (a tab may stand only in quotes)",
            _ => "text without control characters",
        };
        self.error(
            self.column,
            expected,
            format!("the character U+{:04X}", u32::from(c)),
        )
    }

    fn error(&self, column: usize, expected: &str, found: String) -> ParseLineError {
        ParseLineError {
            argument: format!("word {}", self.words.len() + 1),
            column,
            expected: expected.to_owned(),
            found,
            over_limit: false,
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.column += 1;
        Some(c)
    }
}
