//! A rendezvous that does not keep to the program: its own node, which the owner let in as a bridge, and the node of an
//! account that it holds. Both are members, and both have keys; the private channel is not theirs.

use std::collections::BTreeSet;

use alloquy_api::command::{
    AccountRef, ChannelKind, ChannelRef, Command, CommunityRef, OverwriteRef, RoleRef,
};
use alloquy_ids::AccountId;

use super::{CALM_WAIT_MS, Plan, Post, ROGUE, Run, TRICKS, Trick};
use crate::draw::Draw;

/// The channel that the bridge does not see.
const PRIVATE: &str = "staff";
/// The role by which it is a bridge.
const ROLE: &str = "Bridge";

impl Plan {
    /// The plan of a seed with a bridge, and an account that it holds, as its rogues.
    #[must_use]
    pub fn with_bridge(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "hostile bridge");
        let mut tricks = || {
            let mut chosen: BTreeSet<Trick> = BTreeSet::new();
            for _ in 0..draw.between(2, 6) {
                chosen.extend(draw.pick(&TRICKS));
            }
            chosen.into_iter().collect()
        };
        Self {
            rogues: vec![tricks(), tricks()],
            post: Post::Bridge,
            ..Self::new(seed)
        }
    }
}

impl Run<'_> {
    pub(super) fn private_channel(&self) -> ChannelRef {
        ChannelRef(format!("{}/{PRIVATE}", self.community))
    }

    fn own_community(&self) -> CommunityRef {
        CommunityRef(self.community.to_string())
    }

    fn account_ref(&self, seat: usize) -> AccountRef {
        AccountRef(self.world.account(seat).to_string())
    }

    /// The owner gives the rogues the right, and the honest a channel without them.
    pub(super) fn let_bridge_in(&mut self) -> Result<(), String> {
        self.world.net.introduce_all();
        self.world.run_for(5_000);
        let community = self.own_community();
        let command = Command::RoleCreate {
            community: community.clone(),
            name: ROLE.to_owned(),
            rank: 1,
            allow: vec!["bridge".to_owned()],
        };
        self.world.must(0, None, command)?;
        for seat in self.rogue_seats() {
            let command = Command::RoleGrant {
                community: community.clone(),
                role: RoleRef(ROLE.to_owned()),
                account: self.account_ref(seat),
            };
            self.world.must(0, None, command)?;
        }
        let command = Command::CreateChannel {
            community,
            kind: ChannelKind::Text,
            name: PRIVATE.to_owned(),
            private: true,
            category: None,
        };
        self.world.must(0, None, command)?;
        // The owner sees everything.
        for seat in self.honest_seats().skip(1) {
            let command = Command::Overwrite {
                channel: self.private_channel(),
                target: OverwriteRef::Member(self.account_ref(seat)),
                allow: vec!["view".to_owned(), "send".to_owned()],
                deny: Vec::new(),
            };
            self.world.must(0, None, command)?;
        }
        // Everybody who talks there sees it before the weather turns.
        self.world.run_for(15_000);
        Ok(())
    }

    /// The right gives no other: what the bridge orders is refused, or stays without effect on anybody.
    pub(super) fn bridge_rules_nobody(&mut self) {
        let honest: BTreeSet<AccountId> = self
            .honest_seats()
            .map(|seat| self.world.account(seat))
            .collect();
        for seat in self.honest_seats() {
            let snapshot = self.world.snapshot(seat);
            let community =
                snapshot.and_then(|shown| shown.communities.get(&self.community).cloned());
            let members: BTreeSet<AccountId> = community
                .iter()
                .flat_map(|of| of.members.iter().map(|member| member.account))
                .collect();
            let roles = community.map_or(0, |of| of.roles.len());
            // Everyone's, and that of the bridge.
            if !honest.is_subset(&members) || roles != 2 {
                let text = format!("{} members and {roles} roles are left", members.len());
                self.world.violation("authority", Some(seat), text);
                return;
            }
        }
    }

    /// The bridge orders what only others may.
    pub(super) fn bridge_orders(&mut self) {
        let community = self.own_community();
        let rogue = self.plan.honest;
        let orders = [
            Command::Kick {
                community: community.clone(),
                account: self.account_ref(1),
                reason: None,
            },
            Command::RoleCreate {
                community: community.clone(),
                name: format!("{ROGUE}s"),
                rank: 1,
                allow: vec!["bridge".to_owned()],
            },
            Command::CreateChannel {
                community,
                kind: ChannelKind::Text,
                name: ROGUE.to_owned(),
                private: false,
                category: None,
            },
        ];
        for command in orders {
            let text = command.to_string();
            let act = self.world.order(rogue, Some(self.community), command);
            self.world
                .run_until(CALM_WAIT_MS, |world| world.acts()[act].done.is_some());
            if let Some((_, Ok(_))) = &self.world.acts()[act].done {
                let text = format!("`{text}` was done by a bridge");
                self.world.violation("authority", Some(rogue), text);
            }
        }
    }
}
