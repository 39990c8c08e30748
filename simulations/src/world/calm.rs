//! What runs begin with: calm weather, and a community with one channel.

use alloquy_api::command::{ChannelKind, CommunityRef};
use alloquy_api::{Command, Reply};
use alloquy_ids::CommunityId;

use super::World;
use crate::report::Outcome;

/// A command of the calm beginning ends in this time.
const CALM_WAIT_MS: u64 = 30_000;

impl World<'_> {
    /// Gives a command in calm weather, in which it must succeed.
    pub fn must(
        &mut self,
        seat: usize,
        community: Option<CommunityId>,
        command: Command,
    ) -> Result<Reply, String> {
        let line = command.to_string();
        let act = self.order(seat, community, command);
        self.run_until(CALM_WAIT_MS, |world| world.acts[act].done.is_some());
        match &self.acts[act].done {
            Some((_, Ok(reply))) => Ok(reply.clone()),
            Some((_, Err(error))) => Err(format!("`{line}` in calm weather: {error}")),
            None => Err(format!("`{line}` in calm weather did not end")),
        }
    }

    /// The first node makes a community with one text channel and an invite. The community, and the invite's link.
    pub fn make_community(
        &mut self,
        name: String,
        channel: String,
    ) -> Result<(CommunityId, String), String> {
        let create = Command::CreateCommunity {
            name,
            template: None,
        };
        let Reply::Community { community } = self.must(0, None, create)? else {
            return Err("create-community: a reply of another shape".to_owned());
        };
        let reference = CommunityRef(community.to_string());
        let create = Command::CreateChannel {
            community: reference.clone(),
            kind: ChannelKind::Text,
            name: channel,
            private: false,
            category: None,
        };
        self.must(0, Some(community), create)?;
        let invite = Command::Invite {
            community: reference,
            uses: None,
            expires_ms: None,
        };
        let Reply::Invite { invite: link, .. } = self.must(0, Some(community), invite)? else {
            return Err("invite: a reply of another shape".to_owned());
        };
        Ok((community, link))
    }

    /// What was done and what was found.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let refused = self
            .acts
            .iter()
            .filter(|act| matches!(&act.done, Some((_, Err(_)))))
            .count();
        Outcome {
            seed: self.seed,
            nodes: self.seats.len() as u64,
            virtual_ms: self.now,
            entries: self.trace.entries(),
            commands: (self.acts.len() as u64, refused as u64),
            faults: self.faults,
            net: self.net.counts,
            acts: crate::hostile::Acts::new(),
            blames: self.blames,
            hash: self.trace.hash(),
            violations: self.violations,
        }
    }
}
