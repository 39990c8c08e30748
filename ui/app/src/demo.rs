//! The world of `--demo`: real cores in this process, filled by a script until everything has come to rest.
//!
//! Nothing moves afterwards unless the person acts: nobody answers by a timer.

mod script;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alloquy_api::{Client, Command, CommandError, ErrorCode, Reply};
use alloquy_node::NodeHandle;
use alloquy_node::memory::World;

use script::{Fault, Say, Script, Step};

/// What was said.
const SCRIPT: &str = include_str!("../assets/demo.txt");
/// How long one line may take: another node's word has to arrive first, which takes milliseconds.
const LINE_LIMIT: Duration = Duration::from_secs(10);
/// Between two tries of a line whose names have not arrived.
const RETRY: Duration = Duration::from_millis(5);
/// Without any change for so long, what was said has got everywhere: all that moves in memory moves at once.
const REST: Duration = Duration::from_millis(60);
/// Without any change for so long, a world is at rest: nodes compare what they hold some 250 ms after they met.
const LAST_REST: Duration = Duration::from_millis(600);

/// The world, filled, and the way to the node of the person who looks on.
pub(crate) async fn filled() -> Result<(World, NodeHandle), Fault> {
    let script = Script::parse(SCRIPT)?;
    let name = std::env::var("USER").unwrap_or_default();
    play(
        &script,
        if name.trim().is_empty() {
            "you"
        } else {
            name.trim()
        },
    )
    .await
}

async fn play(script: &Script, person: &str) -> Result<(World, NodeHandle), Fault> {
    let mut names: Vec<&str> = script.nodes.iter().map(String::as_str).collect();
    if let Some(first) = names.first_mut() {
        *first = person;
    }
    let world = World::start(&names).map_err(|error| Fault::at(0, &error))?;
    let mut player = Player {
        handles: (0..names.len())
            .filter_map(|seat| world.handle(seat))
            .collect(),
        kept: BTreeMap::from([(script.nodes[0].clone(), person.to_owned())]),
        script,
    };
    for (line, step) in &script.steps {
        match step {
            Step::Ago(lag) => world.set_lag(*lag),
            Step::Settle => player.settle(REST).await,
            Step::Say(say) => {
                player
                    .say(say)
                    .await
                    .map_err(|error| Fault::at(*line, &error))?;
                // Who speaks next has heard it: so the conversation has one order.
                world.delivered().await;
            }
        }
    }
    world.set_lag(Duration::ZERO);
    player.settle(LAST_REST).await;
    let handle = world.handle(0).ok_or_else(|| Fault {
        line: 0,
        text: "nobody looks on".to_owned(),
    })?;
    Ok((world, handle))
}

/// Plays a script on a world.
struct Player<'a> {
    script: &'a Script,
    handles: Vec<NodeHandle>,
    kept: BTreeMap<String, String>,
}

impl Player<'_> {
    /// Has a line carried out, by all who are named at the same time.
    async fn say(&mut self, say: &Say) -> Result<(), CommandError> {
        let command: Command = self
            .filled_in(&say.line)?
            .parse()
            .map_err(CommandError::from)?;
        let handles = self.handles.iter_mut().enumerate();
        let of_those = handles.filter(|(seat, _)| say.seats.contains(seat));
        let calls = of_those.map(|(_, handle)| carried_out(handle, &command));
        for reply in futures::future::try_join_all(calls).await? {
            if let Some(name) = &say.keep {
                self.kept.insert(name.clone(), named_by(&reply)?);
            }
        }
        Ok(())
    }

    /// Puts what was kept, and accounts, into a line.
    fn filled_in(&self, line: &str) -> Result<String, CommandError> {
        let unknown = |what: &str| {
            CommandError::new(ErrorCode::UnknownName, format!("nothing is kept as {what}"))
        };
        let mut text = String::new();
        for part in script::parts(line) {
            match part {
                script::Part::Text(plain) => text.push_str(plain),
                script::Part::Kept(name) => {
                    text.push_str(self.kept.get(name).ok_or_else(|| unknown(name))?);
                }
                script::Part::Account(key) => {
                    let seat = self.script.nodes.iter().position(|node| node == key);
                    let account = seat.and_then(|seat| self.handles[seat].snapshot().account);
                    match account {
                        Some(account) => text.push_str(&account.to_string()),
                        // An address or a handle in a text.
                        None => text.push_str(&format!("@{key}")),
                    }
                }
            }
        }
        Ok(text)
    }

    /// Waits until nothing changes for so long.
    async fn settle(&mut self, rest: Duration) {
        let until = Instant::now() + LINE_LIMIT;
        let mut last = self.versions();
        while Instant::now() < until {
            tokio::time::sleep(rest).await;
            let now = self.versions();
            if now == last {
                return;
            }
            last = now;
        }
    }

    fn versions(&mut self) -> Vec<u64> {
        for handle in &mut self.handles {
            while handle.next_event().is_some() {}
        }
        self.handles
            .iter()
            .map(|handle| handle.snapshot().version)
            .collect()
    }
}

/// Carries a command out, again and again until what it names has arrived.
async fn carried_out(handle: &mut NodeHandle, command: &Command) -> Result<Reply, CommandError> {
    let until = Instant::now() + LINE_LIMIT;
    loop {
        match handle.call(command.clone(), LINE_LIMIT).await {
            Err(error) if is_early(error.code) && Instant::now() < until => {
                tokio::time::sleep(RETRY).await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether a line may succeed when more has arrived.
fn is_early(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownName
            | ErrorCode::NotMember
            | ErrorCode::NotPermitted
            | ErrorCode::Timeout
    )
}

/// What a reply names, to be kept.
fn named_by(reply: &Reply) -> Result<String, CommandError> {
    match reply {
        Reply::Message { message } => Ok(message.to_string()),
        Reply::Invite { invite, .. } => Ok(invite.clone()),
        other => Err(CommandError::new(
            ErrorCode::Parse,
            format!("{other:?} names nothing that can be kept"),
        )),
    }
}

#[cfg(test)]
mod tests;
