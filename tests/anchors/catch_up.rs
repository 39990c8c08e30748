//! Rows 3 and 5: what catching up costs, in bytes and round trips. Counts, the same on every machine.

use alloquy_api::{Command, Reply};
use anyhow::{bail, ensure};

use crate::corpus;
use crate::report::Line;
use crate::table::{Counted, Table};

/// Channels of row 5.
pub(crate) const CHANNELS: usize = 200;
/// Stream payload per message that a member may be sent (row 3).
#[cfg(test)]
const MESSAGE_BYTES_MAX: f64 = 130.0;
/// Stream payload when nothing is new in 200 channels (row 5).
#[cfg(test)]
const NOTHING_BYTES_MAX: f64 = 200.0;
/// Turns that a round trip is.
const TURNS_PER_ROUND_TRIP: usize = 2;
/// What automerge's sync needs per message for the same, measured apart (0.12, release build).
const AUTOMERGE_MESSAGE_BYTES: f64 = 273.0;

/// What is missed, of how much, written by how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missed {
    authors: usize,
    before: usize,
    missed: usize,
}

impl Missed {
    pub(crate) const REAL: Self = Self {
        authors: 20,
        before: 9_000,
        missed: 1_000,
    };
}

/// Members of one community with a text channel, all connected to all but the last, who is connected to the first.
fn community(members: usize) -> anyhow::Result<Table> {
    let mut table = Table::new(members)?;
    table.line(0, "create-community Home")?;
    table.line(0, "create-channel Home text general")?;
    for member in 1..members {
        let Reply::Invite { invite, .. } = table.line(0, "invite Home")? else {
            bail!("an invite was expected")
        };
        table.connect(0, member);
        table.line(member, &format!("join {invite}"))?;
        for other in 1..member {
            if member + 1 != members {
                table.connect(other, member);
            }
        }
    }
    table.pass(5_000)?;
    Ok(table)
}

fn say(table: &mut Table, authors: usize, texts: &[String]) -> anyhow::Result<()> {
    for (number, text) in texts.iter().enumerate() {
        let channel = alloquy_api::command::ChannelRef("Home/general".to_owned());
        table.tell(
            number % authors,
            Command::Send {
                channel,
                text: text.clone(),
            },
        )?;
        // Slower than any bucket of live frames.
        table.pass(1_000)?;
    }
    Ok(())
}

/// Row 3: a member comes back to `missed` messages of `before` + `missed`.
pub(crate) fn missed(size: Missed) -> anyhow::Result<Vec<Line>> {
    let texts = corpus::sentences(size.before + size.missed)?;
    let raw: usize = texts[size.before..].iter().map(String::len).sum();
    let reader = size.authors;
    let mut table = community(size.authors + 1)?;
    say(&mut table, size.authors, &texts[..size.before])?;
    table.pass(20_000)?;
    ensure!(
        table.shown(reader) == size.before,
        "the reader has {} of {}",
        table.shown(reader),
        size.before
    );

    table.part(0, reader);
    say(&mut table, size.authors, &texts[size.before..])?;
    table.pass(20_000)?;
    table.count_from_here();
    table.connect(0, reader);
    let counted = until(&mut table, |table| table.shown(reader) == texts.len())?;

    let per_message = counted.stream_bytes as f64 / size.missed as f64;
    Ok(vec![
        Line {
            name: "catch_up_bytes_per_message",
            value: per_message,
            unit: "B",
            n: size.missed,
            rival: Some((
                "automerge 0.12 sync, measured apart",
                AUTOMERGE_MESSAGE_BYTES,
            )),
        },
        Line {
            name: "catch_up_round_trips",
            value: counted.turns.div_ceil(TURNS_PER_ROUND_TRIP) as f64,
            unit: "round trips",
            n: size.missed,
            rival: None,
        },
        Line {
            name: "catch_up_bytes_per_byte_of_text",
            value: counted.stream_bytes as f64 / raw as f64,
            unit: "B/B",
            n: size.missed,
            rival: None,
        },
    ])
}

/// Row 5: two members with `channels` channels meet again and nothing is new.
pub(crate) fn nothing_new(channels: usize) -> anyhow::Result<Vec<Line>> {
    let mut table = community(2)?;
    for channel in 0..channels {
        table.line(0, &format!("create-channel Home text c{channel}"))?;
        table.line(0, &format!("send Home/c{channel} \"hello\""))?;
        table.pass(1_000)?;
    }
    table.pass(60_000)?;
    ensure!(
        table.shown(1) == channels,
        "the reader has {} of {channels}",
        table.shown(1)
    );
    table.part(0, 1);
    table.pass(20_000)?;
    table.count_from_here();
    table.connect(0, 1);
    while table.turn() {}
    let counted = table.counted();
    ensure!(counted.frames > 0, "two members that meet compare");
    Ok(vec![
        Line {
            name: "nothing_new_bytes",
            value: counted.stream_bytes as f64,
            unit: "B",
            n: channels,
            rival: Some((
                "one exchange of 8-byte digests per channel, both ways, by arithmetic",
                (16 * channels) as f64,
            )),
        },
        Line {
            name: "nothing_new_round_trips",
            value: counted.turns.div_ceil(TURNS_PER_ROUND_TRIP) as f64,
            unit: "round trips",
            n: channels,
            rival: None,
        },
    ])
}

/// Turns, and time where nothing is under way, until the goal is reached.
fn until(table: &mut Table, goal: impl Fn(&Table) -> bool) -> anyhow::Result<Counted> {
    for _ in 0..10_000 {
        if goal(table) {
            return Ok(table.counted());
        }
        if !table.turn() {
            table.pass(50)?;
        }
    }
    bail!("it was not reached")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(lines: &[Line], name: &str) -> f64 {
        lines.iter().find(|line| line.name == name).unwrap().value
    }

    #[test]
    fn a_member_catches_up_within_the_bytes_and_round_trips_of_the_goal() {
        let lines = missed(Missed {
            authors: 5,
            before: 400,
            missed: 200,
        })
        .unwrap();
        assert!(
            value(&lines, "catch_up_bytes_per_message") <= MESSAGE_BYTES_MAX,
            "{lines:?}"
        );
        assert!(value(&lines, "catch_up_round_trips") <= 2.0, "{lines:?}");
    }

    #[test]
    fn nothing_new_in_200_channels_costs_one_small_exchange() {
        let lines = nothing_new(CHANNELS).unwrap();
        assert!(
            value(&lines, "nothing_new_bytes") <= NOTHING_BYTES_MAX,
            "{lines:?}"
        );
        assert!(value(&lines, "nothing_new_round_trips") <= 1.0, "{lines:?}");
    }
}
