//! Scripts: the grammar stands at the top of `assets/demo.txt`.

use std::time::Duration;

/// A script that has been read.
#[derive(Debug)]
pub(crate) struct Script {
    /// Keys of the nodes, who looks on first.
    pub(crate) nodes: Vec<String>,
    /// Steps with their lines.
    pub(crate) steps: Vec<(usize, Step)>,
}

/// One line of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// What follows happened so long ago.
    Ago(Duration),
    /// Until everybody has everything.
    Settle,
    /// Somebody acts.
    Say(Say),
}

/// A line of somebody, or of several at the same time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Say {
    pub(crate) seats: Vec<usize>,
    /// What the reply names is kept under this name.
    pub(crate) keep: Option<String>,
    pub(crate) line: String,
}

/// A line that can not be read or carried out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1; 0: the script as a whole.
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn at(line: usize, error: &dyn std::fmt::Display) -> Self {
        Self {
            line,
            text: error.to_string(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of the demonstration: {}", self.line, self.text)
    }
}

impl Script {
    /// Reads a script whole, so that a mistake in its last line costs nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut script = Self {
            nodes: Vec::new(),
            steps: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                script.read(number + 1, line).map_err(|text| Fault {
                    line: number + 1,
                    text,
                })?;
            }
        }
        if script.nodes.is_empty() {
            return Err(Fault {
                line: 0,
                text: "there is no node".to_owned(),
            });
        }
        Ok(script)
    }

    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        let step = if let Some(key) = line.strip_prefix("node ") {
            if !is_word(key) || self.nodes.iter().any(|node| node == key) {
                return Err(format!("{key:?} is no new key of a node"));
            }
            self.nodes.push(key.to_owned());
            return Ok(());
        } else if let Some(spans) = line.strip_prefix("ago ") {
            Step::Ago(duration(spans)?)
        } else if line == "settle" {
            Step::Settle
        } else {
            Step::Say(self.say(line)?)
        };
        self.steps.push((number, step));
        Ok(())
    }

    fn say(&self, line: &str) -> Result<Say, String> {
        let (head, command) = line
            .split_once(": ")
            .ok_or_else(|| format!("{line:?} is no step: expected KEY: LINE"))?;
        let (keep, keys) = match head.split_once(" = ") {
            Some((keep, key)) => {
                let name = keep.strip_prefix('$').filter(|name| is_word(name));
                let name = name.ok_or_else(|| format!("{keep:?} is no name to keep under"))?;
                (Some(name.to_owned()), key)
            }
            None => (None, head),
        };
        let seat = |key: &str| {
            let seat = self.nodes.iter().position(|node| node == key);
            seat.ok_or_else(|| format!("there is no node {key:?}"))
        };
        Ok(Say {
            seats: keys.split(' ').map(seat).collect::<Result<_, _>>()?,
            keep,
            line: command.to_owned(),
        })
    }
}

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// As it stands.
    Text(&'a str),
    /// `$NAME`
    Kept(&'a str),
    /// `@KEY`
    Account(&'a str),
}

/// A line in pieces.
pub(crate) fn parts(line: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['$', '@']) {
        let (before, sign) = rest.split_at(at);
        let word = &sign[1..];
        let end = word.find(|letter| !is_letter(letter)).unwrap_or(word.len());
        if end == 0 {
            parts.push(Part::Text(&rest[..=at]));
            rest = word;
            continue;
        }
        parts.push(Part::Text(before));
        parts.push(match sign.starts_with('$') {
            true => Part::Kept(&word[..end]),
            false => Part::Account(&word[..end]),
        });
        rest = &word[end..];
    }
    parts.push(Part::Text(rest));
    parts
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_lowercase()
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_letter)
}

/// `1d 3h 20m`: numbers with a unit, added up.
fn duration(spans: &str) -> Result<Duration, String> {
    let mut minutes = 0;
    for span in spans.split_whitespace() {
        let bad = || format!("{span:?} is no duration: expected a number and d, h or m");
        let (number, unit) = span.split_at_checked(span.len() - 1).ok_or_else(bad)?;
        // Five digits of days are more than a hundred years.
        let number = number.parse::<u64>().ok().filter(|_| number.len() <= 5);
        let unit = match unit {
            "d" => 24 * 60,
            "h" => 60,
            "m" => 1,
            _ => return Err(bad()),
        };
        minutes += number.ok_or_else(bad)? * unit;
    }
    Ok(Duration::from_secs(60 * minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_with_all_it_keeps() {
        let text = "# people\nnode you\nnode ana\n\nago 1d 2h 5m\n$x = ana: send \"a/b\" \"c: d\"\nsettle\nyou: react $x 👍\n";
        let script = Script::parse(text).unwrap();
        assert_eq!(script.nodes, ["you", "ana"]);
        let say = Say {
            seats: vec![1],
            keep: Some("x".to_owned()),
            line: "send \"a/b\" \"c: d\"".to_owned(),
        };
        assert_eq!(
            script.steps[0],
            (5, Step::Ago(Duration::from_secs(60 * 1565)))
        );
        assert_eq!(script.steps[1], (6, Step::Say(say)));
        assert_eq!(script.steps.len(), 4);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, said) in [
            ("", "there is no node"),
            ("node you\nnode you", "\"you\""),
            ("node A B", "\"A B\""),
            ("node you\nago 5", "\"5\""),
            ("node you\nago 123456d", "\"123456d\""),
            ("node you\nago xé", "\"xé\""),
            ("node you\nana: send", "\"ana\""),
            ("node you\nx = you: send", "\"x\""),
            ("node you\nhello", "\"hello\""),
            ("node you\nyou ben: leave a", "\"ben\""),
        ] {
            let fault = Script::parse(text).unwrap_err();
            assert!(fault.text.contains(said), "{text:?}: {fault}");
        }
    }

    #[test]
    fn a_line_falls_into_its_parts() {
        use Part::{Account, Kept, Text};
        assert_eq!(
            parts("a $x @y."),
            [Text("a "), Kept("x"), Text(" "), Account("y"), Text(".")]
        );
        assert_eq!(parts("5 $ and @"), [Text("5 $"), Text(" and @"), Text("")]);
        assert_eq!(parts("@$you"), [Text("@"), Text(""), Kept("you"), Text("")]);
    }
}
