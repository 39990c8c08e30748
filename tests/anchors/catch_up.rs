//! Rows 3 and 4: what a member pays for the messages that it missed, in bytes and round trips; and row 7 through the
//! whole machine: a member that holds nothing of a channel is handed all of it, with the store's commits.

use anyhow::{bail, ensure};

use crate::crowd::{Crowd, Size};
use crate::disk::Disk;
use crate::report::{Line, Rival};
use crate::rival;
use crate::table::{Counted, Table};

/// 1,000 of 10,000 messages, by 200 devices of which eight are online at a time.
pub(crate) const REAL: Size = Size {
    devices: 200,
    together: 8,
    before: 9_000,
    missed: 1_000,
};
/// Stream payload per message that a member may be sent.
#[cfg(test)]
const MESSAGE_BYTES_MAX: f64 = 130.0;
/// Row 4: stream payload beside the events themselves, no sync state kept: for 200 logs 2 KB.
#[cfg(test)]
const FIXED_BYTES_MAX: f64 = 448.0;
/// And for each log of the channel.
#[cfg(test)]
const LOG_BYTES_MAX: f64 = 8.0;
/// Turns that a round trip is.
pub(crate) const TURNS_PER_ROUND_TRIP: usize = 2;

/// A member comes back to the messages that it missed; another one to all of them.
pub(crate) fn missed(size: Size) -> anyhow::Result<Vec<Line>> {
    let mut crowd = Crowd::talk(size)?;
    let all = crowd.texts.len();
    let raw: usize = crowd.texts[size.before..].iter().map(String::len).sum();
    let counted = exchange(&mut crowd.table, crowd.founder, crowd.reader, all)?;
    let automerge = rival::messages(&crowd.texts, &crowd.writers, size.before)?;

    let per = |bytes: usize| bytes as f64 / size.missed as f64;
    let mut lines = vec![
        Line {
            name: "catch_up_bytes_per_message",
            value: per(counted.stream_bytes),
            unit: "B",
            n: size.missed,
            rival: Rival::measured("automerge sync, unsigned, in clear", per(automerge.bytes)),
        },
        Line {
            name: "catch_up_round_trips",
            value: counted.turns.div_ceil(TURNS_PER_ROUND_TRIP) as f64,
            unit: "round trips",
            n: size.missed,
            rival: Rival::measured(
                "automerge sync",
                automerge.turns.div_ceil(TURNS_PER_ROUND_TRIP) as f64,
            ),
        },
        Line {
            name: "catch_up_bytes_per_byte_of_text",
            value: counted.stream_bytes as f64 / raw as f64,
            unit: "B/B",
            n: size.missed,
            rival: Rival::measured("automerge sync", automerge.bytes as f64 / raw as f64),
        },
    ];
    lines.push(Line {
        name: "catch_up_fixed_bytes",
        value: (counted.stream_bytes - counted.range_bytes) as f64,
        unit: "B",
        n: size.devices,
        rival: Rival::NONE,
    });
    lines.extend(all_of_it(&mut crowd)?);
    Ok(lines)
}

/// The latecomer is handed the whole channel and writes it to a disk.
fn all_of_it(crowd: &mut Crowd) -> anyhow::Result<Vec<Line>> {
    let all = crowd.texts.len();
    crowd.table.give_disk(crowd.latecomer, Disk::new()?);
    exchange(&mut crowd.table, crowd.founder, crowd.latecomer, all)?;
    let spent = crowd.table.spent(crowd.latecomer);
    let line = |name, time: std::time::Duration| Line {
        name,
        value: all as f64 / time.as_secs_f64(),
        unit: "events/s",
        n: all,
        rival: Rival::NONE,
    };
    Ok(vec![
        line("node_apply", spent.handling),
        line("node_apply_and_write", spent.handling + spent.storing),
    ])
}

/// Two seats meet, and one of them lacks messages. Turns are counted until all of them are shown there, bytes
/// until nothing is under way.
fn exchange(table: &mut Table, from: usize, to: usize, shown: usize) -> anyhow::Result<Counted> {
    table.count_from_here();
    table.connect(from, to);
    for _ in 0..10_000 {
        if table.shown(to) < shown {
            if !table.turn() {
                table.pass(50)?;
            }
            continue;
        }
        let turns = table.counted().turns;
        while table.turn() {}
        let last = table.shown(to);
        ensure!(
            last == shown,
            "{last} messages are shown instead of {shown}"
        );
        return Ok(Counted {
            turns,
            ..table.counted()
        });
    }
    bail!("{} of {shown} messages came", table.shown(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn a_member_catches_up_within_the_bytes_and_round_trips_of_the_goal() {
        // As many messages per device as in the real run, and a reader that holds twice as many.
        let lines = missed(Size {
            devices: 50,
            together: 5,
            before: 500,
            missed: 250,
        })
        .unwrap();
        assert!(
            value(&lines, "catch_up_bytes_per_message") <= MESSAGE_BYTES_MAX,
            "{lines:#?}"
        );
        assert!(value(&lines, "catch_up_round_trips") <= 2.0, "{lines:#?}");
        let fixed = FIXED_BYTES_MAX + 50.0 * LOG_BYTES_MAX;
        assert!(
            value(&lines, "catch_up_fixed_bytes") <= fixed,
            "at most {fixed}: {lines:#?}"
        );
    }
}
