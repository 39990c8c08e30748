//! Benchmarks: what is counted gates the tests, what is timed is reported beside a rival from the same run.
//!
//! `./bench` runs the real values in a release build; the tests below run small ones, so that nothing here
//! rots, and hold the counts to their goals. Each result is one JSON line (see [`report`]). docs/performance.md
//! keeps the numbers reached. No corpus is committed: [`corpus`] reads the sentences of documentation that
//! lies on the machine.

mod authority;
mod catch_up;
mod corpus;
mod crowd;
mod disk;
mod home;
mod irc;
mod latency;
mod linking;
mod nothing_new;
mod ranges;
mod rekey;
mod relayed;
mod report;
mod rival;
mod soak;
mod table;
mod ui;
mod ui_world;
mod village;
mod voice;

use report::Line;

/// Every benchmark, by the name given on the command line.
type Bench = fn() -> anyhow::Result<Vec<Line>>;

const BENCHES: &[(&str, Bench)] = &[
    ("catch-up", || catch_up::missed(catch_up::REAL)),
    ("home", || home::blind(home::REAL)),
    ("irc", || irc::served(irc::REAL)),
    ("nothing-new", || {
        nothing_new::nothing_new(nothing_new::CHANNELS)
    }),
    ("ranges", || {
        ranges::verify_and_write(ranges::EVENTS, ranges::DEVICES)
    }),
    ("authority", || authority::evaluated(authority::REAL)),
    ("rekey", || {
        let mut lines = rekey::rekey(rekey::DEVICES)?;
        lines.extend(rekey::accounts(rekey::ACCOUNTS)?);
        Ok(lines)
    }),
    ("latency", || latency::keypress_to_friend(latency::MESSAGES)),
    ("linking", || linking::linked(linking::REAL)),
    ("ui", || ui::frames(ui::REAL)),
    ("relayed", || relayed::history(relayed::REAL)),
    ("soak", || soak::soak(soak::REAL)),
    ("village", || village::owner_leaves(village::REAL)),
    ("voice-delay", || voice::delay::delay(voice::delay::REAL)),
    ("voice-joins", || voice::joins::joins(voice::joins::REAL)),
    ("voice-load", || voice::load::load(voice::load::REAL)),
    ("voice-quality", || {
        voice::quality::quality(voice::quality::REAL)
    }),
];

/// Whether a benchmark is meant by a word: its name, or what stands before a hyphen in it.
fn meant(name: &str, word: &str) -> bool {
    let rest = name.strip_prefix(word);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn main() -> anyhow::Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    for name in &chosen {
        anyhow::ensure!(
            BENCHES.iter().any(|(known, _)| meant(known, name)),
            "{name} is none of {:?}",
            BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        );
    }
    // One that fails, for a rival is not installed, takes no other along.
    let mut failed = Vec::new();
    for (name, bench) in BENCHES {
        if chosen.is_empty() || chosen.iter().any(|word| meant(name, word)) {
            match bench() {
                Ok(lines) => lines.iter().try_for_each(Line::print)?,
                Err(error) => failed.push(format!("{name}: {error:#}")),
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}
