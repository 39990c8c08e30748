//! Scenario files: what people and the world do, line by line, and what must come of it.
//!
//! The grammar is described in `simulations/scenarios/GRAMMAR.md`. A file is read whole before anything
//! runs, so a mistake in its last line costs nothing.

mod parse;
mod play;
mod words;

use crate::machine::Maker;
use crate::net::Weather;
use crate::trace::Trace;

/// A line that can not be read, or that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line of the file, from 1.
    pub line: usize,
    /// Word of the line, from 1; 0: the line as a whole.
    pub word: usize,
    /// What was expected, and what stands there or happened.
    pub text: String,
}

impl std::error::Error for Fault {}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.line)?;
        if self.word > 0 {
            write!(f, ", word {}", self.word)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// A scenario that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    seed: u64,
    /// Steps with their lines.
    steps: Vec<(usize, Step)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Node {
        name: String,
        offset_ms: i64,
    },
    Say {
        node: usize,
        keep: Option<String>,
        how: How,
        command: String,
    },
    Run(u64),
    Settle,
    Partition(Vec<Option<usize>>),
    Heal,
    Disconnect(usize, usize),
    Weather(Weather),
    Crash {
        node: usize,
        keep: Option<usize>,
    },
    Stop(usize),
    Start(usize),
    BackUp(usize),
    PutBack(usize),
    Disk {
        node: usize,
        full: bool,
    },
    Clock {
        node: usize,
        offset_ms: i64,
    },
    Expect {
        node: usize,
        command: String,
        relation: Relation,
        values: Vec<String>,
    },
    Equal(Vec<usize>),
    Sound,
}

/// How a command must end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum How {
    Succeeds,
    Fails(String),
    Later,
}

/// How the values of a reply stand to those of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Are,
    Have,
    Lack,
}

impl Scenario {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parse::scenario(text)
    }
}

/// Reads and plays a file.
pub fn play(text: &str, maker: &dyn Maker, trace: Trace) -> Result<(), Fault> {
    play::play(&Scenario::parse(text)?, maker, trace)
}

#[cfg(test)]
mod tests;
