//! A community of many real processes whose owner leaves: the others let one another in, and the last one
//! who comes reads what was said. Times: reported, never gated; that everybody got in and reads everything is.

use std::time::Instant;

use alloquy_tests::{Peer, eventually};
use anyhow::{Context, ensure};

use crate::corpus;
use crate::report::{Line, Rival};

/// Members besides the owner before it leaves: with it, as many as a link names.
const FIRST: usize = 3;
/// Messages of each channel that a newcomer wants to read first.
const READ: usize = 50;

/// How many take part, and what is there to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Processes, the owner among them.
    pub(crate) processes: usize,
    /// Channels.
    pub(crate) channels: usize,
    /// Messages in each channel, at least [`READ`].
    pub(crate) messages: usize,
}

/// What `./bench village` runs.
pub(crate) const REAL: Size = Size {
    processes: 50,
    channels: 4,
    messages: 60,
};

/// Everybody comes in; how long it took those who came after the owner had left, and the last one to read.
pub(crate) fn owner_leaves(size: Size) -> anyhow::Result<Vec<Line>> {
    ensure!(size.processes > FIRST + 1, "somebody comes after the first");
    let folder = tempfile::tempdir()?;
    let peer = |number: usize| Peer::started(folder.path(), &format!("member{number}"));
    let mut owner = peer(0);
    owner.line("create-community Village");
    for channel in 0..size.channels {
        owner.line(&format!("create-channel Village text channel{channel}"));
    }
    let link = owner.invite("Village");
    let mut members: Vec<Peer> = Vec::new();
    for number in 1..=FIRST {
        let member = peer(number);
        member.line(&format!("join {link}"));
        members.push(member);
    }
    talk(&members, size)?;
    // One link for all that come, made while these few are online: it names them beside the owner.
    let link = owner.invite("Village");
    let card = owner.line(&format!("inspect-invite {link}"));
    ensure!(
        card["card"]["peers"].as_u64() > Some(1),
        "the link names the owner alone: {card}"
    );
    owner.stop();

    let mut joins = Vec::new();
    for number in FIRST + 1..size.processes {
        let member = peer(number);
        let began = Instant::now();
        member.line(&format!("join {link}"));
        joins.push(began.elapsed().as_secs_f64());
        if number + 1 == size.processes {
            read(&member, &members[0], size);
            let reads = began.elapsed().as_secs_f64();
            return everybody_is_there(&member, size).map(|()| lines(joins, reads, size));
        }
        members.push(member);
    }
    anyhow::bail!("nobody came last")
}

fn talk(members: &[Peer], size: Size) -> anyhow::Result<()> {
    let mut texts = corpus::sentences(size.channels * size.messages)?.into_iter();
    for channel in 0..size.channels {
        for number in 0..size.messages {
            let text = texts.next().context("as many texts as were asked for")?;
            // As the line has it: a quoted text, with its quotes and backslashes escaped.
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            members[number % members.len()]
                .line(&format!("send Village/channel{channel} \"{text}\""));
        }
    }
    Ok(())
}

/// Waits until the last messages of every channel are there, those that somebody sees who was there when they were
/// written.
fn read(member: &Peer, witness: &Peer, size: Size) {
    for channel in 0..size.channels {
        let channel = format!("Village/channel{channel}");
        let last = witness.texts(&channel, READ);
        assert_eq!(last.len(), READ, "they were written: {last:?}");
        eventually("the newcomer reads the last messages", || {
            (member.texts(&channel, READ) == last).then_some(())
        });
    }
}

fn everybody_is_there(member: &Peer, size: Size) -> anyhow::Result<()> {
    let told = member.line("members Village");
    let members = told["members"].as_array().context("a list of members")?;
    ensure!(
        members.len() == size.processes,
        "{} of {} are members",
        members.len(),
        size.processes
    );
    Ok(())
}

fn lines(mut joins: Vec<f64>, reads: f64, size: Size) -> Vec<Line> {
    let line = |name, value| Line {
        name,
        value,
        unit: "s",
        n: size.processes,
        rival: Rival::NONE,
    };
    vec![
        line(
            "village_join_without_owner_p50",
            crate::report::percentile(&mut joins, 0.5),
        ),
        line(
            "village_join_without_owner_max",
            crate::report::percentile(&mut joins, 1.0),
        ),
        line("village_last_reads_all", reads),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_processes_let_each_other_in_without_their_owner() {
        let size = Size {
            processes: 6,
            channels: 2,
            messages: READ,
        };
        assert_eq!(owner_leaves(size).unwrap().len(), 3);
    }
}
