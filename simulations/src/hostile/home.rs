//! A home node that does not keep to the program: it has what members give it, and no key.

use std::collections::BTreeSet;

use alloquy_api::command::CommunityRef;
use alloquy_api::personal::OnOff;
use alloquy_api::{Command, PersonalCommand, Reply};

use super::{Plan, Post, Run, Trick};
use crate::draw::Draw;
use crate::held;
use crate::world::{CANARY, NAME_CANARY};

/// What somebody can do who holds ciphertext only.
pub const HOME_TRICKS: [Trick; 7] = [
    Trick::Forge,
    Trick::Replay,
    Trick::Reorder,
    Trick::Withhold,
    Trick::Flood,
    Trick::Garble,
    Trick::Lie,
];

impl Plan {
    /// The plan of a seed with a home node as its rogue.
    #[must_use]
    pub fn with_home(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "hostile home");
        let mut tricks = BTreeSet::new();
        for _ in 0..draw.between(2, 5) {
            tricks.extend(draw.pick(&HOME_TRICKS).copied());
        }
        Self {
            rogues: vec![tricks.into_iter().collect()],
            removal: false,
            post: Post::Home,
            ..Self::new(seed)
        }
    }
}

impl Run<'_> {
    /// The first person pairs the home node and has it keep the community.
    pub(super) fn pair_home(&mut self) -> Result<(), String> {
        let home = self.plan.honest;
        self.world.net.introduce_all();
        self.world.run_for(5_000);
        let order = PersonalCommand::HomeCode;
        let Reply::Code { code, .. } = self.world.must(home, None, Command::Personal { order })?
        else {
            return Err("home code: a reply of another shape".to_owned());
        };
        // It pairs as any home node does: what it does afterwards is another matter.
        let order = PersonalCommand::HomePair { code };
        self.world.must(0, None, Command::Personal { order })?;
        let order = PersonalCommand::HomeStore {
            community: CommunityRef(self.community.to_string()),
            store: OnOff::On,
        };
        self.world.must(0, None, Command::Personal { order })?;
        self.world.run_for(15_000);
        if held::events(self.world.records(home)).is_empty() {
            return Err("the home node keeps nothing".to_owned());
        }
        Ok(())
    }

    /// What the home node holds can be read by nobody.
    pub(super) fn home_reads_nothing(&mut self) {
        let home = self.plan.honest;
        let records = self.world.records(home);
        let keys = held::epochs(records).len();
        let shown = |text: &str| {
            let mut values = records.iter();
            values.any(|(key, value)| {
                let both = [&key[..], &value[..]];
                both.iter().any(|bytes| {
                    bytes
                        .windows(text.len())
                        .any(|part| part == text.as_bytes())
                })
            })
        };
        let read = [CANARY, NAME_CANARY].into_iter().find(|text| shown(text));
        if keys > 0 || read.is_some() {
            let text = format!("the home node holds {keys} keys, and reads {read:?}");
            self.world.violation("confidentiality", Some(home), text);
        }
    }
}
