//! Row 5: two members meet and neither has anything new, in 200 channels.

use alloquy_api::Reply;
use anyhow::{bail, ensure};

use crate::catch_up::TURNS_PER_ROUND_TRIP;
use crate::report::{Line, Rival};
use crate::rival;
use crate::table::Table;

/// Channels of the community.
pub(crate) const CHANNELS: usize = 200;
/// Payload of the comparison, all channels and both directions.
#[cfg(test)]
const BYTES_MAX: f64 = 200.0;

/// Two members with `channels` channels, a message in each, meet again.
pub(crate) fn nothing_new(channels: usize) -> anyhow::Result<Vec<Line>> {
    let mut table = community(channels)?;
    table.count_from_here();
    table.connect(0, 1);
    while table.turn() {}
    let counted = table.counted();
    ensure!(counted.stream_bytes > 0, "two members that meet compare");
    let automerge = rival::nothing_new(channels)?;
    let line = |name, value: usize, unit, rival| Line {
        name,
        value: value as f64,
        unit,
        n: channels,
        rival,
    };
    Ok(vec![
        line(
            "nothing_new_bytes",
            counted.stream_bytes,
            "B",
            Rival::measured(
                "automerge sync, one document per channel",
                automerge.bytes as f64,
            ),
        ),
        line(
            "nothing_new_round_trips",
            counted.turns.div_ceil(TURNS_PER_ROUND_TRIP),
            "round trips",
            Rival::measured(
                "automerge sync",
                automerge.turns.div_ceil(TURNS_PER_ROUND_TRIP) as f64,
            ),
        ),
        // Who is here, and under which addresses: not part of the comparison, sent beside it.
        line(
            "nothing_new_presence_bytes",
            counted.presence_bytes,
            "B",
            Rival::NONE,
        ),
    ])
}

fn community(channels: usize) -> anyhow::Result<Table> {
    let mut table = Table::new(2)?;
    table.line(0, "create-community Home")?;
    let Reply::Invite { invite, .. } = table.line(0, "invite Home")? else {
        bail!("an invite was expected")
    };
    table.connect(0, 1);
    table.line(1, &format!("join {invite}"))?;
    for channel in 0..channels {
        table.line(0, &format!("create-channel Home text c{channel}"))?;
        table.line(0, &format!("send Home/c{channel} \"hello\""))?;
        table.pass(500)?;
    }
    // Longer than anybody counts as a newcomer.
    table.pass(15 * 60_000)?;
    let shown = table.shown(1);
    ensure!(shown == channels, "{shown} of {channels} messages came");
    table.part(0, 1);
    table.pass(20_000)?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn nothing_new_in_200_channels_costs_one_small_exchange() {
        let lines = nothing_new(CHANNELS).unwrap();
        assert!(
            value(&lines, "nothing_new_bytes") <= BYTES_MAX,
            "{lines:#?}"
        );
        assert!(
            value(&lines, "nothing_new_round_trips") <= 1.0,
            "{lines:#?}"
        );
    }
}
