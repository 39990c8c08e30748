//! Steps, one after the other, on a world.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::Command;
use alloquy_api::{CommandError, Reply};

use super::{Fault, How, Relation, Scenario, Step};
use crate::check::{self, Replicas};
use crate::machine::Maker;
use crate::replica;
use crate::trace::Trace;
use crate::world::World;

/// A command ends in this time.
const COMMAND_MS_MAX: u64 = 30_000;
/// `settle` ends in this time, as in [`crate::run`].
const SETTLE_MS_MAX: u64 = 240_000;
const SETTLE_STEP_MS: u64 = 5_000;

/// Plays a scenario.
pub(super) fn play(scenario: &Scenario, maker: &dyn Maker, trace: Trace) -> Result<(), Fault> {
    let mut player = Player {
        world: World::new(scenario.seed, maker, trace),
        kept: BTreeMap::new(),
    };
    for (line, step) in &scenario.steps {
        let result = player.step(step);
        let result = result.and_then(|()| player.blameless());
        result.map_err(|text| Fault {
            line: *line,
            word: 0,
            text,
        })?;
    }
    Ok(())
}

struct Player<'a> {
    world: World<'a>,
    kept: BTreeMap<String, String>,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Node { name, offset_ms } => self.world.add_node(name, *offset_ms).map(drop),
            Step::Say {
                node,
                keep,
                how,
                command,
            } => self.say(*node, keep.as_deref(), how, command),
            Step::Run(ms) => {
                self.world.run_for(*ms);
                Ok(())
            }
            Step::Settle => self.settle(),
            Step::Partition(cells) => {
                let alone = cells.len();
                let cells: Vec<_> = cells
                    .iter()
                    .enumerate()
                    .map(|(seat, cell)| cell.unwrap_or(alone + seat))
                    .collect();
                self.world.partition(&cells);
                Ok(())
            }
            Step::Heal => {
                self.world.heal();
                Ok(())
            }
            Step::Disconnect(a, b) => {
                self.world.disconnect(*a, *b);
                Ok(())
            }
            Step::Weather(weather) => {
                self.world.net.weather = *weather;
                Ok(())
            }
            Step::Crash { node, keep } => {
                match keep {
                    Some(kept) => self.world.crash_keeping(*node, *kept),
                    None => self.world.crash(*node),
                };
                Ok(())
            }
            Step::Stop(node) => {
                self.world.shut_down(*node);
                Ok(())
            }
            Step::Start(node) => self.world.start(*node),
            Step::BackUp(node) => {
                self.world.back_up(*node);
                Ok(())
            }
            Step::PutBack(node) => {
                if self.world.put_back(*node, false) {
                    self.world.start(*node)
                } else {
                    Err("there is no copy of the store with the same communities".to_owned())
                }
            }
            Step::Disk { node, full } => {
                self.world.set_disk_full(*node, *full);
                Ok(())
            }
            Step::Clock { node, offset_ms } => {
                self.world.set_clock(*node, *offset_ms);
                Ok(())
            }
            Step::Expect {
                node,
                command,
                relation,
                values,
            } => self.expect(*node, command, *relation, values),
            Step::Equal(nodes) => self.equal(nodes),
            Step::Sound => self.sound(),
        }
    }

    fn blameless(&self) -> Result<(), String> {
        self.world
            .violations
            .first()
            .map_or(Ok(()), |violation| Err(violation.to_string()))
    }

    fn command(&self, line: &str) -> Result<Command, String> {
        let mut text = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(['$', '@']) {
            let (before, mark) = rest.split_at(at);
            text.push_str(before);
            let name_end = mark[1..]
                .find(|c: char| !c.is_alphanumeric())
                .map_or(mark.len(), |end| end + 1);
            let (name, after) = (&mark[1..name_end], &mark[name_end..]);
            let seat = (0..self.world.seats()).find(|seat| self.world.name(*seat) == name);
            let value = match (mark.starts_with('$'), self.kept.get(name), seat) {
                (true, Some(kept), _) => kept.clone(),
                (false, _, Some(seat)) => self.world.account(seat).to_string(),
                _ => {
                    return Err(format!(
                        "expected a name kept before or a node; found `{}`",
                        &mark[..name_end]
                    ));
                }
            };
            text.push_str(&value);
            rest = after;
        }
        text.push_str(rest);
        text.parse().map_err(|error| format!("`{text}`: {error}"))
    }

    fn say(
        &mut self,
        node: usize,
        keep: Option<&str>,
        how: &How,
        line: &str,
    ) -> Result<(), String> {
        let command = self.command(line)?;
        let community = self.world.snapshot(node).and_then(|snapshot| {
            let mut all = snapshot.communities.iter();
            all.find(|(_, view)| view.direct.is_none())
                .map(|(id, _)| *id)
        });
        let act = self.world.order(node, community, command);
        if *how == How::Later {
            return Ok(());
        }
        self.world
            .run_until(COMMAND_MS_MAX, |world| world.acts()[act].done.is_some());
        let done = self.world.acts()[act].done.clone();
        match (done, how) {
            (Some((_, Ok(reply))), How::Succeeds) => {
                if let Some(name) = keep {
                    let id = id_of(&reply)
                        .ok_or_else(|| format!("the reply names nothing to keep as `{name}`"))?;
                    self.kept.insert(name.to_owned(), id);
                }
                Ok(())
            }
            (Some((_, Err(error))), How::Fails(code)) if error.code.as_str() == code => Ok(()),
            (Some((_, Err(error))), _) => {
                Err(format!("the command fails: {}: {error}", error.code))
            }
            (Some((_, Ok(_))), How::Fails(code)) => {
                Err(format!("expected the error {code}; the command succeeds"))
            }
            (Some(_), How::Later) => Ok(()),
            (None, _) => Err("the command does not end".to_owned()),
        }
    }

    fn expect(
        &mut self,
        node: usize,
        line: &str,
        relation: Relation,
        values: &[String],
    ) -> Result<(), String> {
        let command = self.command(line)?;
        let fault = |error: CommandError| format!("the command fails: {}: {error}", error.code);
        let found = values_of(&self.world.ask(node, command).map_err(fault)?);
        let holds = match relation {
            Relation::Are => found == values,
            Relation::Have => values.iter().all(|value| found.contains(value)),
            Relation::Lack => !values.iter().any(|value| found.contains(value)),
        };
        if holds {
            Ok(())
        } else {
            Err(format!("found {found:?}"))
        }
    }

    fn replicas(&mut self, nodes: &[usize]) -> Result<Replicas, String> {
        let threads = BTreeSet::new();
        nodes
            .iter()
            .filter(|seat| self.world.is_up(**seat))
            .copied()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|seat| Ok((seat, replica::read(&mut self.world, seat, &threads)?)))
            .collect()
    }

    fn settle(&mut self) -> Result<(), String> {
        let all: Vec<_> = (0..self.world.seats()).collect();
        let end = self.world.now() + SETTLE_MS_MAX;
        loop {
            self.world.run_for(SETTLE_STEP_MS);
            self.blameless()?;
            let replicas = self.replicas(&all)?;
            let difference = check::convergence(&self.world, &replicas)
                .or_else(|| check::unreadable(&self.world, &replicas));
            match difference {
                None => return Ok(()),
                Some(text) if self.world.now() >= end => return Err(text),
                Some(_) => {}
            }
        }
    }

    fn equal(&mut self, nodes: &[usize]) -> Result<(), String> {
        let replicas = self.replicas(nodes)?;
        let mut pairs = nodes
            .windows(2)
            .filter_map(|pair| Some((replicas.get(&pair[0])?, replicas.get(&pair[1])?)));
        let difference = pairs.find_map(|(a, b)| {
            a.communities
                .iter()
                .find_map(|(id, view)| replica::difference(view, b.communities.get(id)?))
        });
        difference.map_or(Ok(()), Err)
    }

    fn sound(&mut self) -> Result<(), String> {
        let all: Vec<_> = (0..self.world.seats()).collect();
        let replicas = self.replicas(&all)?;
        let mut faults = check::durability(&self.world, &replicas, &BTreeSet::new());
        faults.extend(check::authority(&self.world, &replicas));
        faults.extend(check::secrecy(&self.world, &replicas));
        match faults.first() {
            None => Ok(()),
            Some((seat, text)) => Err(format!("{}: {text}", self.world.name(*seat))),
        }
    }
}

/// What a reply names.
fn id_of(reply: &Reply) -> Option<String> {
    Some(match reply {
        Reply::Invite { invite, .. } => invite.clone(),
        Reply::Message { message } => message.to_string(),
        Reply::Community { community } => community.to_string(),
        Reply::Channel { channel } => channel.to_string(),
        Reply::Role { role } => role.to_string(),
        Reply::Operation { operation } => operation.to_string(),
        Reply::Epoch { epoch } => epoch.to_string(),
        _ => return None,
    })
}

/// The values of a reply, as GRAMMAR.md says.
fn values_of(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::History { messages, .. } => messages.iter().map(|one| one.text.clone()).collect(),
        Reply::Members { members } => members.iter().map(|one| one.name.clone()).collect(),
        Reply::Channels { channels } => channels.iter().map(|one| one.name.clone()).collect(),
        Reply::Communities { communities } => {
            communities.iter().map(|one| one.name.clone()).collect()
        }
        Reply::Roles { roles } => roles.iter().map(|one| one.name.clone()).collect(),
        Reply::Presence { online } => online.iter().map(|one| one.name.clone()).collect(),
        Reply::Unread { unread } => unread
            .iter()
            .map(|one| format!("{} {}", one.name, one.unread))
            .collect(),
        Reply::Note { note } => vec![note.clone()],
        Reply::Why { granted, .. } => vec![if *granted { "granted" } else { "refused" }.to_owned()],
        Reply::Audit { operations } => operations
            .iter()
            .map(|one| {
                format!(
                    "{} {}",
                    if one.effective {
                        "effective"
                    } else {
                        "ineffective"
                    },
                    one.what
                )
            })
            .collect(),
        Reply::InviteTree { tree } => tree.iter().map(|one| one.name.clone()).collect(),
        Reply::Branch { removed, .. } => vec![format!("{} removed", removed.len())],
        Reply::Undone { undone, .. } => vec![format!("{undone} undone")],
        Reply::Requests { requests } => requests.iter().map(|one| one.name.clone()).collect(),
        Reply::Lost { lost } => lost.iter().map(|one| one.what.clone()).collect(),
        Reply::WhyEvent {
            stands, because, ..
        } => {
            let verdict = if *stands { "stands" } else { "falls" };
            std::iter::once(verdict.to_owned())
                .chain(because.iter().cloned())
                .collect()
        }
        other => id_of(other).into_iter().collect(),
    }
}
