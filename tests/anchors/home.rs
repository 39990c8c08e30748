//! Rows 3 and 14 for a home node, which holds no key: what it is sent for each message, how fast it takes them in,
//! and what it costs in memory and on its disk.

use alloquy_api::Reply;
use alloquy_api::personal::HomeStatusView;
use anyhow::{Context, bail, ensure};

use crate::crowd::{Crowd, Size};
use crate::disk::Disk;
use crate::report::{Line, Rival};
use crate::table::Table;

/// As in row 3: 1,000 of 10,000 messages, by 200 devices.
pub(crate) const REAL: Size = Size {
    devices: 200,
    together: 8,
    before: 9_000,
    missed: 1_000,
};
/// Stream payload per message that a node without keys may be sent.
#[cfg(test)]
const MESSAGE_BYTES_MAX: f64 = 170.0;
/// Table time in which a home node is filled.
const FILL_MS: u64 = 60_000;

/// A home node is filled by its owner, then catches up with what was written since.
pub(crate) fn blind(size: Size) -> anyhow::Result<Vec<Line>> {
    let mut crowd = Crowd::talk(size)?;
    let (owner, founder) = (crowd.reader, crowd.founder);
    let table = &mut crowd.table;
    let home = table.add_home()?;
    table.give_disk(home, Disk::new()?);
    let before = resident_bytes()?;
    table.connect(owner, home);
    let Reply::Code { code, .. } = table.line(home, "home code")? else {
        bail!("a code was expected")
    };
    table.line(owner, &format!("home pair {code}"))?;
    table.line(owner, "home store Home on")?;
    table.pass(FILL_MS)?;
    let filled = kept(table, home)?;
    ensure!(
        filled.0 >= size.before as u64,
        "{} events are kept of {} messages",
        filled.0,
        size.before
    );
    let spent = table.spent(home);
    let resident = resident_bytes()?.saturating_sub(before);
    table.sleep(home);
    // The founder hears of the home node through its owner.
    table.connect(founder, owner);
    table.pass(20_000)?;
    table.sleep(owner);
    table.count_from_here();
    table.connect(founder, home);
    table.pass(FILL_MS)?;
    let counted = table.counted();
    let all = kept(table, home)?;
    ensure!(
        all.0 >= filled.0 + size.missed as u64,
        "{} events came of {} messages",
        all.0 - filled.0,
        size.missed
    );
    let per = |value: f64, of: u64| value / of.max(1) as f64;
    let line = |name, value, unit, n: u64| Line {
        name,
        value,
        unit,
        n: usize::try_from(n).unwrap_or(usize::MAX),
        rival: Rival::NONE,
    };
    let missed = size.missed as u64;
    let time = (spent.handling + spent.storing).as_secs_f64();
    Ok(vec![
        line(
            "blind_bytes_per_message",
            per(counted.range_bytes as f64, missed),
            "B",
            missed,
        ),
        line("home_intake", filled.0 as f64 / time, "events/s", filled.0),
        line(
            "home_resident_per_event",
            per(resident as f64, filled.0),
            "B",
            filled.0,
        ),
        line(
            "home_stored_per_event",
            per(all.1 as f64, all.0),
            "B",
            all.0,
        ),
    ])
}

/// Events and bytes that a home node keeps of the one community.
fn kept(table: &mut Table, home: usize) -> anyhow::Result<(u64, u64)> {
    let Reply::HomeStatus { home } = table.line(home, "home status")? else {
        bail!("the state of a home node was expected")
    };
    let HomeStatusView { keeps, .. } = home;
    // The owner's own notes are kept too: the community is what holds most.
    let most = keeps.iter().max_by_key(|kept| kept.events);
    Ok(most.map_or((0, 0), |kept| (kept.events, kept.bytes)))
}

/// Memory of this process.
fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib
        .context("the kernel says how much memory is used")?
        .parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn a_home_node_catches_up_within_the_bytes_of_the_goal() {
        let lines = blind(Size {
            devices: 50,
            together: 5,
            before: 500,
            missed: 250,
        })
        .unwrap();
        assert!(
            value(&lines, "blind_bytes_per_message") <= MESSAGE_BYTES_MAX,
            "{lines:#?}"
        );
    }
}
