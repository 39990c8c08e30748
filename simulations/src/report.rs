//! What a run found, and the one table of many runs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use crate::hostile::Acts;
use crate::net::Counts;
use crate::panics;
use crate::trace::Seconds;

/// A fault of the core, seen by a checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker.
    pub checker: &'static str,
    /// At which node, if it is one node's.
    pub node: Option<String>,
    /// Virtual time in milliseconds.
    pub at: u64,
    /// What is wrong, in one sentence.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s, ", Seconds(self.at))?;
        if let Some(node) = &self.node {
            write!(f, "{node}, ")?;
        }
        write!(f, "{}: {}", self.checker, self.text)
    }
}

/// What was done to nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Divisions of the network.
    pub partitions: u64,
    /// Nodes stopped without a word.
    pub crashes: u64,
    /// Crashes that lost storage tasks.
    pub torn: u64,
    /// Disks filled.
    pub full: u64,
    /// Wall clocks set wrong.
    pub clocks: u64,
    /// Links broken on purpose.
    pub disconnects: u64,
    /// Stores put back from an older copy.
    pub put_back: u64,
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.partitions += other.partitions;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.full += other.full;
        self.clocks += other.clocks;
        self.disconnects += other.disconnects;
        self.put_back += other.put_back;
    }
}

/// One seed's result.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Nodes of the run.
    pub nodes: u64,
    /// Virtual milliseconds.
    pub virtual_ms: u64,
    /// Inputs and outputs of all nodes.
    pub entries: u64,
    /// Commands given, and those that were refused.
    pub commands: (u64, u64),
    /// Faults of nodes.
    pub faults: Faults,
    /// What the network did.
    pub net: Counts,
    /// What rogues did.
    pub acts: Acts,
    /// What honest nodes blamed rogues for, and how often.
    pub blames: BTreeMap<String, u64>,
    /// What was found.
    pub violations: Vec<Violation>,
    /// Hash of the trace.
    pub hash: [u8; 32],
}

impl Outcome {
    /// Plays a seed twice and compares the traces.
    pub fn twice(seed: u64, play: impl Fn() -> Self) -> Self {
        let broken = |checker, at, text| Violation {
            checker,
            node: None,
            at,
            text,
        };
        match (panics::caught(&play), panics::caught(&play)) {
            (Ok(mut first), Ok(second)) => {
                if first.hash != second.hash {
                    let text = format!(
                        "two runs differ: {} and {} inputs and outputs",
                        first.entries, second.entries
                    );
                    let found = broken("determinism", first.virtual_ms, text);
                    first.violations.push(found);
                }
                first
            }
            (Err(panic), _) | (_, Err(panic)) => Self {
                seed,
                violations: vec![broken(
                    "panic",
                    0,
                    format!("the simulation itself: {panic}"),
                )],
                ..Self::default()
            },
        }
    }
}

/// The table of many runs.
#[derive(Clone, Debug, Default)]
pub struct Table {
    first_seed: Option<u64>,
    last_seed: u64,
    seeds: u64,
    twice: u64,
    nodes: u64,
    virtual_ms: u64,
    entries: u64,
    commands: (u64, u64),
    faults: Faults,
    net: Counts,
    violations: u64,
}

impl Table {
    /// Adds a seed's result; of two runs, the first is counted.
    pub fn add(&mut self, outcome: &Outcome, twice: bool) {
        self.first_seed = Some(
            self.first_seed
                .map_or(outcome.seed, |first| first.min(outcome.seed)),
        );
        self.last_seed = self.last_seed.max(outcome.seed);
        self.seeds += 1;
        self.twice += u64::from(twice);
        self.nodes += outcome.nodes;
        self.virtual_ms += outcome.virtual_ms;
        self.entries += outcome.entries;
        self.commands.0 += outcome.commands.0;
        self.commands.1 += outcome.commands.1;
        self.faults += outcome.faults;
        self.net.carried += outcome.net.carried;
        self.net.lost += outcome.net.lost;
        self.net.duplicated += outcome.net.duplicated;
        self.net.reordered += outcome.net.reordered;
        self.net.cut += outcome.net.cut;
        self.net.connected += outcome.net.connected;
        self.net.broken += outcome.net.broken;
        self.net.forged += outcome.net.forged;
        self.net.withheld += outcome.net.withheld;
        self.violations += outcome.violations.len() as u64;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first_seed.unwrap_or(0);
        let row = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            writeln!(f, "{name:<22} {:>12}", value.to_string())
        };
        row(f, "seeds", &self.seeds)?;
        row(f, "first seed", &first)?;
        row(f, "last seed", &self.last_seed)?;
        row(f, "played twice", &self.twice)?;
        row(f, "nodes", &self.nodes)?;
        row(f, "virtual seconds", &(self.virtual_ms / 1000))?;
        row(f, "inputs and outputs", &self.entries)?;
        row(f, "commands", &self.commands.0)?;
        row(f, "commands refused", &self.commands.1)?;
        row(f, "frames carried", &self.net.carried)?;
        row(f, "links made", &self.net.connected)?;
        writeln!(f, "faults injected")?;
        let faults = [
            ("frames lost", self.net.lost),
            ("frames delayed past", self.net.reordered),
            ("frames doubled", self.net.duplicated),
            ("frames cut off", self.net.cut),
            ("links broken", self.net.broken),
            ("frames changed", self.net.forged),
            ("frames withheld", self.net.withheld),
            ("links dropped", self.faults.disconnects),
            ("partitions", self.faults.partitions),
            ("crashes", self.faults.crashes),
            ("crashes, torn writes", self.faults.torn),
            ("stores put back", self.faults.put_back),
            ("disks filled", self.faults.full),
            ("clocks set wrong", self.faults.clocks),
        ];
        for (name, count) in faults {
            row(f, &format!("  {name}"), &count)?;
        }
        row(f, "violations", &self.violations)
    }
}
