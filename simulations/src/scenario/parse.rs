//! From lines to steps.

use super::words::{Word, split};
use super::{Fault, How, Relation, Scenario, Step};
use crate::net::Weather;

/// Reads a whole file.
pub(super) fn scenario(text: &str) -> Result<Scenario, Fault> {
    let mut scenario = Scenario {
        seed: 1,
        steps: Vec::new(),
    };
    let mut nodes: Vec<String> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let fault = |(word, text): Wrong| Fault {
            line: number,
            word,
            text,
        };
        let words = split(line).map_err(fault)?;
        if words.is_empty() {
            continue;
        }
        let reader = Line {
            line,
            words: &words,
            nodes: &nodes,
        };
        if words[0].is("seed") {
            if !nodes.is_empty() {
                return Err(fault((1, "a seed stands before the first node".to_owned())));
            }
            scenario.seed = reader.number(1).map_err(fault)?;
            reader.ends(2).map_err(fault)?;
            continue;
        }
        let step = reader.step().map_err(fault)?;
        if let Step::Node { name, .. } = &step {
            nodes.push(name.clone());
        }
        scenario.steps.push((number, step));
    }
    Ok(scenario)
}

/// Word from 1 (0: the line) and what is wrong.
type Wrong = (usize, String);

struct Line<'a> {
    line: &'a str,
    words: &'a [Word],
    nodes: &'a [String],
}

impl Line<'_> {
    fn step(&self) -> Result<Step, Wrong> {
        let colon = self
            .words
            .iter()
            .position(|word| !word.quoted && word.text.ends_with(':'));
        let first = &self.words[0];
        if first.is("expect") {
            return self.expect(colon);
        }
        if let Some(colon) = colon {
            return self.say(colon);
        }
        let known = self.world_step();
        known.unwrap_or_else(|| {
            let text = format!(
                "expected `NODE:` or a word of the grammar (GRAMMAR.md); found `{}`",
                first.text
            );
            Err((1, text))
        })
    }

    /// Lines that begin with a word of the grammar; `None` for any other.
    fn world_step(&self) -> Option<Result<Step, Wrong>> {
        let step = match self.words[0].text.as_str() {
            "node" => self.new_node(),
            "run" => self.duration(1).and_then(|ms| self.ended(2, Step::Run(ms))),
            "settle" => self.ended(1, Step::Settle),
            "heal" => self.ended(1, Step::Heal),
            "partition" => self.partition(),
            "disconnect" => self
                .node(1)
                .and_then(|a| self.ended(3, Step::Disconnect(a, self.node(2)?))),
            "weather" => self.weather(),
            "crash" => self.crash(),
            "stop" => self
                .node(1)
                .and_then(|node| self.ended(2, Step::Stop(node))),
            "start" => self
                .node(1)
                .and_then(|node| self.ended(2, Step::Start(node))),
            "backup" => self
                .node(1)
                .and_then(|node| self.ended(2, Step::BackUp(node))),
            "putback" => self
                .node(1)
                .and_then(|node| self.ended(2, Step::PutBack(node))),
            "disk" => self.disk(),
            "clock" => self.offset(2).and_then(|offset_ms| {
                let node = self.node(1)?;
                self.ended(3, Step::Clock { node, offset_ms })
            }),
            _ => return None,
        };
        Some(step)
    }

    fn word(&self, at: usize, expected: &str) -> Result<&str, Wrong> {
        let missing = || (at + 1, format!("expected {expected}; the line ends"));
        self.words
            .get(at)
            .map(|word| word.text.as_str())
            .ok_or_else(missing)
    }

    fn ends(&self, at: usize) -> Result<(), Wrong> {
        match self.words.get(at) {
            None => Ok(()),
            Some(word) => Err((
                at + 1,
                format!("expected the end of the line; found `{}`", word.text),
            )),
        }
    }

    fn ended(&self, at: usize, step: Step) -> Result<Step, Wrong> {
        self.ends(at).map(|()| step)
    }

    fn number(&self, at: usize) -> Result<u64, Wrong> {
        let text = self.word(at, "a number")?;
        text.parse().map_err(|error| {
            (
                at + 1,
                format!("expected a number; found `{text}`: {error}"),
            )
        })
    }

    fn duration(&self, at: usize) -> Result<u64, Wrong> {
        let text = self.word(at, "a duration")?;
        duration(text).ok_or_else(|| {
            (
                at + 1,
                format!("expected a duration such as 10s or 250ms; found `{text}`"),
            )
        })
    }

    fn offset(&self, at: usize) -> Result<i64, Wrong> {
        let text = self.word(at, "a duration")?;
        let far = duration(text.trim_start_matches('-')).and_then(|ms| i64::try_from(ms).ok());
        let far = far.ok_or_else(|| {
            (
                at + 1,
                format!("expected a duration such as 2h or -900d; found `{text}`"),
            )
        })?;
        Ok(if text.starts_with('-') { -far } else { far })
    }

    fn percent(&self, at: usize) -> Result<u32, Wrong> {
        let text = self.word(at, "a percentage")?;
        let percent = text
            .strip_suffix('%')
            .and_then(|number| number.parse::<u32>().ok())
            .filter(|one| *one <= 100);
        percent
            .map(|one| one * 10)
            .ok_or_else(|| (at + 1, format!("expected 0% to 100%; found `{text}`")))
    }

    fn node(&self, at: usize) -> Result<usize, Wrong> {
        let text = self.word(at, "a node")?;
        self.named(at, text)
    }

    fn named(&self, at: usize, name: &str) -> Result<usize, Wrong> {
        let found = self.nodes.iter().position(|node| node == name);
        found.ok_or_else(|| {
            (
                at + 1,
                format!("expected a node that was made before; found `{name}`"),
            )
        })
    }

    fn new_node(&self) -> Result<Step, Wrong> {
        let name = self.word(1, "a name")?.to_owned();
        if self.nodes.contains(&name) || !name.chars().all(char::is_alphanumeric) {
            return Err((
                2,
                format!("expected a new name of letters and digits; found `{name}`"),
            ));
        }
        if self.words.len() == 2 {
            return Ok(Step::Node { name, offset_ms: 0 });
        }
        if self.word(2, "`skew`")? != "skew" {
            return Err((
                3,
                format!("expected `skew`; found `{}`", self.words[2].text),
            ));
        }
        let offset_ms = self.offset(3)?;
        self.ended(4, Step::Node { name, offset_ms })
    }

    fn partition(&self) -> Result<Step, Wrong> {
        let mut cells = vec![None; self.nodes.len()];
        let mut cell = 0;
        for (at, word) in self.words.iter().enumerate().skip(1) {
            if word.is("|") {
                cell += 1;
            } else {
                cells[self.named(at, &word.text)?] = Some(cell);
            }
        }
        if cell == 0 {
            Err((
                0,
                "expected two groups of nodes with `|` between them".to_owned(),
            ))
        } else {
            Ok(Step::Partition(cells))
        }
    }

    fn weather(&self) -> Result<Step, Wrong> {
        let mut weather = Weather::CALM;
        let mut at = 1;
        while let Some(word) = self.words.get(at) {
            match word.text.as_str() {
                "loss" => weather.loss = self.percent(at + 1)?,
                "duplicate" => weather.duplicate = self.percent(at + 1)?,
                "reorder" => weather.reorder = self.percent(at + 1)?,
                "delay" => {
                    weather.delay_ms = (self.duration(at + 1)?, self.duration(at + 2)?);
                    at += 1;
                }
                other => {
                    return Err((
                        at + 1,
                        format!("expected loss, duplicate, reorder or delay; found `{other}`"),
                    ));
                }
            }
            at += 2;
        }
        Ok(Step::Weather(weather))
    }

    fn crash(&self) -> Result<Step, Wrong> {
        let node = self.node(1)?;
        let keep = match self.words.get(2) {
            None => None,
            Some(word) if word.is("keep") => {
                Some(usize::try_from(self.number(3)?).unwrap_or(usize::MAX))
            }
            Some(word) => return Err((3, format!("expected `keep`; found `{}`", word.text))),
        };
        self.ended(
            if keep.is_some() { 4 } else { 2 },
            Step::Crash { node, keep },
        )
    }

    fn disk(&self) -> Result<Step, Wrong> {
        let node = self.node(1)?;
        let full = match self.word(2, "`full` or `free`")? {
            "full" => true,
            "free" => false,
            other => return Err((3, format!("expected `full` or `free`; found `{other}`"))),
        };
        self.ended(3, Step::Disk { node, full })
    }

    /// `[KEEP =] NODE [fails CODE | later]: COMMAND`
    fn say(&self, colon: usize) -> Result<Step, Wrong> {
        let keep = self
            .words
            .get(1)
            .is_some_and(|word| word.is("="))
            .then(|| self.words[0].text.clone());
        let first = if keep.is_some() { 2 } else { 0 };
        let bare = |at: usize| {
            self.words
                .get(at)
                .map_or("", |word| word.text.trim_end_matches(':'))
        };
        let node = self.named(first, bare(first))?;
        let how = match (bare(first + 1), colon.checked_sub(first)) {
            (_, Some(0)) => How::Succeeds,
            ("later", Some(1)) => How::Later,
            ("fails", Some(2)) => How::Fails(bare(first + 2).to_owned()),
            _ => {
                return Err((
                    first + 2,
                    format!(
                        "expected `later:` or `fails CODE:`; found `{}`",
                        bare(first + 1)
                    ),
                ));
            }
        };
        let command = self.command(colon, self.words.len())?;
        Ok(Step::Say {
            node,
            keep,
            how,
            command,
        })
    }

    fn expect(&self, colon: Option<usize>) -> Result<Step, Wrong> {
        match (self.word(1, "`NODE:`, `equal` or `sound`")?, colon) {
            ("equal", _) => (2..self.words.len())
                .map(|at| self.node(at))
                .collect::<Result<_, _>>()
                .map(Step::Equal),
            ("sound", _) => self.ended(2, Step::Sound),
            (node, Some(1)) => {
                let node = self.named(1, node.trim_end_matches(':'))?;
                let relation = |word: &Word| match word.text.as_str() {
                    _ if word.quoted => None,
                    "=" => Some(Relation::Are),
                    "has" => Some(Relation::Have),
                    "lacks" => Some(Relation::Lack),
                    _ => None,
                };
                let found = self
                    .words
                    .iter()
                    .enumerate()
                    .find_map(|(at, word)| Some((at, relation(word)?)));
                let (at, relation) = found.ok_or((
                    0,
                    "expected `=`, `has` or `lacks` after the command".to_owned(),
                ))?;
                let values = self.words[at + 1..]
                    .iter()
                    .map(|word| word.text.clone())
                    .collect();
                Ok(Step::Expect {
                    node,
                    command: self.command(1, at)?,
                    relation,
                    values,
                })
            }
            (other, _) => Err((
                2,
                format!("expected `NODE:`, `equal` or `sound`; found `{other}`"),
            )),
        }
    }

    /// The command as it stands between two words.
    fn command(&self, after: usize, before: usize) -> Result<String, Wrong> {
        let missing = (after + 2, "expected a command; the line ends".to_owned());
        let (first, last) = (
            self.words.get(after + 1),
            self.words.get(before.wrapping_sub(1)),
        );
        match (first, last) {
            (Some(first), Some(last)) if before > after + 1 => {
                Ok(self.line[first.start..last.end].to_owned())
            }
            _ => Err(missing),
        }
    }
}

/// A whole number and a unit, in milliseconds.
fn duration(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
