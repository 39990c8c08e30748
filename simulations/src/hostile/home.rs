//! A home node that does not keep to the program: it has what members give it, and no key.

use std::collections::BTreeSet;

use alloquy_api::command::CommunityRef;
use alloquy_api::personal::OnOff;
use alloquy_api::{Command, PersonalCommand, Reply};
use alloquy_ids::{AccountId, CommunityId};

use super::{Plan, Post, Run, Trick};
use crate::check::Replicas;
use crate::draw::Draw;
use crate::held;
use crate::world::{CANARY, NAME_CANARY, World};

/// What somebody can do who holds ciphertext only.
pub const HOME_TRICKS: [Trick; 8] = [
    Trick::Forge,
    Trick::Replay,
    Trick::Reorder,
    Trick::Withhold,
    Trick::Flood,
    Trick::Garble,
    Trick::Lie,
    Trick::Mix,
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

/// The first person pairs a home node and has it keep the community.
pub(super) fn pair(
    world: &mut World<'_>,
    home: usize,
    community: CommunityId,
) -> Result<(), String> {
    world.net.introduce_all();
    world.run_for(5_000);
    let order = PersonalCommand::HomeCode;
    let Reply::Code { code, .. } = world.must(home, None, Command::Personal { order })? else {
        return Err("home code: a reply of another shape".to_owned());
    };
    // It pairs as any home node does: what it does afterwards is another matter.
    let order = PersonalCommand::HomePair { code };
    world.must(0, None, Command::Personal { order })?;
    let order = PersonalCommand::HomeStore {
        community: CommunityRef(community.to_string()),
        store: OnOff::On,
    };
    world.must(0, None, Command::Personal { order })?;
    world.run_for(15_000);
    if held::events(world.records(home)).is_empty() {
        return Err("the home node keeps nothing".to_owned());
    }
    Ok(())
}

/// The members are who came in, with the rights and the channel that they began with: what a home node makes up is
/// without effect, whoever took it.
pub(super) fn ruled(
    replicas: &Replicas,
    community: CommunityId,
    members: &BTreeSet<AccountId>,
) -> Option<String> {
    replicas.values().find_map(|replica| {
        let view = replica.communities.get(&community)?;
        let count = |title: &str| view.shared.get(title).map_or(0, Vec::len);
        // Everyone's role is the only one.
        let (roles, channels) = (count("roles"), count("channels"));
        let is_so = view.members == *members && roles == 1 && channels == 1;
        (!is_so).then(|| {
            let shown = view.members.len();
            format!("{shown} members, {roles} roles and {channels} channels are shown")
        })
    })
}

impl Run<'_> {
    pub(super) fn pair_home(&mut self) -> Result<(), String> {
        pair(&mut self.world, self.plan.honest, self.community)
    }

    /// There are several epochs to be mixed up.
    pub(super) fn begin_epoch(&mut self) {
        let command = Command::Rekey {
            target: self.community.to_string(),
        };
        self.world.order(0, Some(self.community), command);
    }

    /// Nobody was let in, given a right, or asked to write by whom the home node made up.
    pub(super) fn home_rules_nobody(&mut self, replicas: &Replicas) {
        let members = self.honest_seats().map(|seat| self.world.account(seat));
        let members: BTreeSet<_> = members.collect();
        if let Some(text) = ruled(replicas, self.community, &members) {
            self.world.violation("authority", None, text);
        }
        for seat in self.honest_seats() {
            let shown = self.world.snapshot(seat);
            if shown.is_some_and(|shown| !shown.dm_requests.is_empty()) {
                let text = "somebody asks to write whom there is not".to_owned();
                self.world.violation("authority", Some(seat), text);
            }
        }
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
