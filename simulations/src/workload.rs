//! What people do in a run: commands drawn by weights from what their own node shows them.

mod deed;

use std::sync::Arc;

use alloquy_api::command::{
    AccountRef, Availability, ChannelKind, ChannelRef, Command, CommunityRef, NoteSplice,
    OverwriteRef, ProfileChange, RoleRef,
};
use alloquy_api::reply::DirectKind;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{PersonalCommand, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, RoleId};

use crate::draw::Draw;
use crate::world::{CANARY, NAME_CANARY, World};
use deed::{Deed, PEACEFUL, QUARREL, TIMED};

/// How much the people of a run quarrel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// They talk and arrange things; nobody is removed.
    Peaceful,
    /// They also give and take roles, remove, ban, leave and join again.
    Quarrelsome,
}

/// Draws commands.
#[derive(Debug)]
pub struct Workload {
    draw: Draw,
    temper: Temper,
    /// Whether signed times may be compared: clocks agree.
    timed: bool,
    texts: u64,
}

/// Rights that roles of a run are given.
const RIGHTS: [&str; 7] = [
    "kick",
    "ban",
    "manage-messages",
    "manage-roles",
    "manage-channels",
    "manage-content",
    "mute",
];

/// Where a person stands: a community as the own node shows it.
struct Place {
    seat: usize,
    community: CommunityId,
    shown: Arc<CommunitySnapshot>,
}

impl Workload {
    /// People of a run.
    #[must_use]
    pub fn new(seed: u64, temper: Temper, timed: bool) -> Self {
        Self {
            draw: Draw::new(seed, "workload"),
            temper,
            timed,
            texts: 0,
        }
    }

    /// A text that no other command holds.
    pub fn text(&mut self, bytes: usize) -> String {
        self.texts += 1;
        let mut text = format!("{CANARY} {}", self.texts);
        while text.len() < bytes {
            text.push_str(" and so on");
        }
        text
    }

    /// One person does one thing. `false`: nobody could.
    pub fn step(&mut self, world: &mut World<'_>) -> bool {
        let running: Vec<_> = (0..world.seats())
            .filter(|seat| world.is_up(*seat))
            .collect();
        let seat = self.draw.pick(&running).copied();
        seat.is_some_and(|seat| self.act(world, seat))
    }

    /// The person at a running node does one thing. `false`: nothing could be done.
    pub fn act(&mut self, world: &mut World<'_>, seat: usize) -> bool {
        let mut deeds = PEACEFUL.to_vec();
        if self.temper == Temper::Quarrelsome {
            deeds.extend(QUARREL);
            if self.timed {
                deeds.extend(TIMED);
            }
        }
        let Some(deed) = self.draw.weighted(&deeds) else {
            return false;
        };
        let shown = world
            .snapshot(seat)
            .map(|snapshot| snapshot.communities.clone())
            .unwrap_or_default();
        // Conversations are in no list that the checkers read.
        let communities: Vec<_> = shown
            .into_iter()
            .filter(|(_, community)| community.direct.is_none())
            .collect();
        match deed {
            Deed::Join => return self.join(world, seat),
            Deed::WriteTo => return self.write_to(world, seat),
            Deed::Accept => return self.accept(world, seat),
            Deed::CreateCommunity => {
                let name = self.name("club");
                world.order(
                    seat,
                    None,
                    Command::CreateCommunity {
                        name,
                        template: None,
                    },
                );
                return true;
            }
            Deed::Profile => {
                let change = self.profile();
                world.order(seat, None, Command::Profile { change });
                return true;
            }
            _ => {}
        }
        let Some((community, shown)) = self.draw.pick(&communities).cloned() else {
            return false;
        };
        let place = Place {
            seat,
            community,
            shown,
        };
        let command = self
            .talk(world, deed, &place)
            .or_else(|| self.arrange(deed, &place));
        let command = command
            .or_else(|| self.rule(deed, &place))
            .or_else(|| self.remove(world, deed, &place))
            .or_else(|| self.at_scale(world, deed, &place));
        let Some(command) = command else { return false };
        world.order(seat, Some(community), command);
        true
    }

    /// Tries to join a community that the node does not show, by a link that somebody made.
    pub fn join(&mut self, world: &mut World<'_>, seat: usize) -> bool {
        self.join_one(world, seat, None)
    }

    /// The same with one community, which may have let the node in before it crashed.
    pub fn join_one(
        &mut self,
        world: &mut World<'_>,
        seat: usize,
        only: Option<CommunityId>,
    ) -> bool {
        let held = world
            .snapshot(seat)
            .map(|snapshot| snapshot.communities.clone())
            .unwrap_or_default();
        let links = world
            .acts()
            .iter()
            .filter_map(|act| match (&act.done, act.community) {
                (Some((_, Ok(Reply::Invite { invite, .. }))), Some(community))
                    if !held.contains_key(&community)
                        && only.is_none_or(|only| only == community) =>
                {
                    Some((community, invite.clone()))
                }
                _ => None,
            });
        let links: Vec<_> = links.collect();
        let Some((community, link)) = self.draw.pick(&links).cloned() else {
            return false;
        };
        world.order(seat, Some(community), Command::Join { link });
        true
    }

    /// Writes to somebody of a shared community, or opens the conversation first.
    fn write_to(&mut self, world: &mut World<'_>, seat: usize) -> bool {
        let own = world.account(seat);
        let Some(snapshot) = world.snapshot(seat) else {
            return false;
        };
        let shared = snapshot.communities.values();
        let shared = shared.filter(|community| community.direct.is_none());
        let others: Vec<_> = shared
            .flat_map(|community| community.members.iter())
            .map(|member| member.account)
            .filter(|account| *account != own)
            .collect();
        let Some(other) = self.draw.pick(&others).copied() else {
            return false;
        };
        let held = snapshot
            .directs
            .iter()
            .find(|direct| direct.kind == DirectKind::Two && direct.accounts == [other]);
        let (community, command) = match held {
            Some(direct) => {
                let channel = ChannelRef(direct.channel.to_string());
                let text = self.text(0);
                (
                    Some(direct.community),
                    Command::Send {
                        channel,
                        text,
                        embeds: Vec::new(),
                    },
                )
            }
            None => {
                let account = AccountRef(other.to_string());
                let order = PersonalCommand::Dm { account };
                (None, Command::Personal { order })
            }
        };
        world.order(seat, community, command);
        true
    }

    /// Accepts the oldest request.
    fn accept(&mut self, world: &mut World<'_>, seat: usize) -> bool {
        let snapshot = world.snapshot(seat);
        let oldest = snapshot.and_then(|snapshot| Some(snapshot.dm_requests.first()?.account));
        let Some(account) = oldest else {
            return false;
        };
        let account = AccountRef(account.to_string());
        let order = PersonalCommand::DmAccept { account };
        world.order(seat, None, Command::Personal { order });
        true
    }

    fn name(&mut self, what: &str) -> String {
        self.texts += 1;
        format!("{NAME_CANARY}-{what}-{}", self.texts)
    }

    fn profile(&mut self) -> ProfileChange {
        match self.draw.below(4) {
            0 => ProfileChange::Name(self.name("name")),
            1 => ProfileChange::About(self.text(40)),
            // Presence is a signal between connected peers, sealed by the transport alone: no canary.
            2 => ProfileChange::Status("away from the keyboard".to_owned()),
            _ => ProfileChange::Availability(Availability::Dnd),
        }
    }

    fn channel(&mut self, place: &Place, kind: ChannelKind) -> Option<ChannelId> {
        let fits = place
            .shown
            .channels
            .iter()
            .filter(|channel| channel.kind == kind);
        let fits: Vec<_> = fits.map(|channel| channel.channel).collect();
        self.draw.pick(&fits).copied()
    }

    fn text_channel(&mut self, place: &Place) -> Option<ChannelRef> {
        Some(ChannelRef(
            self.channel(place, ChannelKind::Text)?.to_string(),
        ))
    }

    /// A message of the community; one's own if `own`.
    fn message(&mut self, world: &World<'_>, place: &Place, own: bool) -> Option<EventId> {
        let recent = world.acts().iter().rev().filter_map(|act| match &act.done {
            Some((_, Ok(Reply::Message { message }))) if act.community == Some(place.community) => {
                Some((act.seat, *message))
            }
            _ => None,
        });
        let known = recent.filter(|(seat, message)| {
            (!own || *seat == place.seat) && world.shown_at(place.seat, *message).is_some()
        });
        let known: Vec<_> = known.map(|(_, message)| message).take(8).collect();
        self.draw.pick(&known).copied()
    }

    fn talk(&mut self, world: &World<'_>, deed: Deed, place: &Place) -> Option<Command> {
        let emoji = || "👍".to_owned();
        Some(match deed {
            Deed::Send => Command::Send {
                channel: self.text_channel(place)?,
                text: self.text(0),
                embeds: Vec::new(),
            },
            Deed::LongSend => {
                let bytes = 200 + self.draw.index(12_000);
                Command::Send {
                    channel: self.text_channel(place)?,
                    text: self.text(bytes),
                    embeds: Vec::new(),
                }
            }
            Deed::Reply => Command::Reply {
                message: self.message(world, place, false)?,
                text: self.text(30),
                embeds: Vec::new(),
            },
            Deed::Thread => Command::Thread {
                message: self.message(world, place, false)?,
                text: self.text(30),
                embeds: Vec::new(),
            },
            Deed::Edit => Command::Edit {
                message: self.message(world, place, true)?,
                text: self.text(50),
            },
            Deed::Delete => {
                let own = self.draw.chance(800);
                Command::Delete {
                    message: self.message(world, place, own)?,
                }
            }
            Deed::React => Command::React {
                message: self.message(world, place, false)?,
                emoji: emoji(),
            },
            Deed::Unreact => Command::Unreact {
                message: self.message(world, place, false)?,
                emoji: emoji(),
            },
            Deed::Pin => Command::Pin {
                message: self.message(world, place, false)?,
            },
            Deed::Typing => Command::Typing {
                channel: self.text_channel(place)?,
            },
            Deed::MarkRead => Command::MarkRead {
                channel: self.text_channel(place)?,
                message: None,
            },
            Deed::Read => {
                let channel = self.text_channel(place)?;
                Command::History {
                    channel,
                    last: 20,
                    before: None,
                    thread: None,
                }
            }
            _ => return None,
        })
    }

    fn arrange(&mut self, deed: Deed, place: &Place) -> Option<Command> {
        let community = CommunityRef(place.community.to_string());
        Some(match deed {
            Deed::Note => {
                let insert = self.text(20);
                let splice = NoteSplice {
                    at: 0,
                    remove: 0,
                    insert,
                };
                Command::Note {
                    community,
                    splice: Some(splice),
                }
            }
            Deed::Topic => Command::Topic {
                target: self.channel(place, ChannelKind::Text)?.to_string(),
                text: self.text(20),
            },
            Deed::Rename => {
                let target = self.channel(place, ChannelKind::Text)?.to_string();
                Command::Rename {
                    target,
                    name: self.name("renamed"),
                }
            }
            Deed::CreateChannel => {
                let private = self.draw.chance(250);
                let name = self.name("channel");
                Command::CreateChannel {
                    community,
                    kind: ChannelKind::Text,
                    name,
                    private,
                    category: None,
                }
            }
            Deed::CreateCategory => Command::CreateCategory {
                community,
                name: self.name("category"),
            },
            Deed::MoveChannel => {
                let category = self
                    .channel(place, ChannelKind::Category)
                    .map(|id| id.to_string());
                let channel = self.text_channel(place)?;
                Command::MoveChannel {
                    channel,
                    position: u32::from(self.draw.chance(500)),
                    category,
                }
            }
            Deed::Invite => Command::Invite {
                community,
                uses: None,
                expires_ms: None,
            },
            Deed::Rekey => Command::Rekey {
                target: place.community.to_string(),
            },
            _ => return None,
        })
    }

    fn rule(&mut self, deed: Deed, place: &Place) -> Option<Command> {
        let community = CommunityRef(place.community.to_string());
        Some(match deed {
            Deed::RoleCreate => {
                let rank = 1
                    + u32::from(self.draw.chance(500)) * 9
                    + u32::from(self.draw.chance(300)) * 40;
                Command::RoleCreate {
                    community,
                    name: self.name("role"),
                    rank,
                    allow: self.rights(),
                }
            }
            Deed::RoleEdit => {
                let allow = Some(self.rights());
                Command::RoleEdit {
                    community,
                    role: self.role(place)?,
                    name: None,
                    rank: None,
                    allow,
                }
            }
            Deed::RoleDelete => Command::RoleDelete {
                community,
                role: self.role(place)?,
            },
            Deed::RoleGrant => Command::RoleGrant {
                community,
                role: self.role(place)?,
                account: self.other(place)?,
            },
            Deed::RoleRevoke => Command::RoleRevoke {
                community,
                role: self.role(place)?,
                account: self.other(place)?,
            },
            Deed::Overwrite => {
                let target = OverwriteRef::Member(self.other(place)?);
                let channel = self.text_channel(place)?;
                let (allow, deny) = if self.draw.chance(500) {
                    ("view", "send")
                } else {
                    ("send", "react")
                };
                Command::Overwrite {
                    channel,
                    target,
                    allow: vec![allow.to_owned()],
                    deny: vec![deny.to_owned()],
                }
            }
            _ => return None,
        })
    }

    fn remove(&mut self, world: &World<'_>, deed: Deed, place: &Place) -> Option<Command> {
        let community = CommunityRef(place.community.to_string());
        let reason = self.draw.chance(500).then(|| self.text(10));
        Some(match deed {
            Deed::Kick => Command::Kick {
                community,
                account: self.other(place)?,
                reason,
            },
            Deed::Ban => Command::Ban {
                community,
                account: self.other(place)?,
                reason,
            },
            Deed::Unban => Command::Unban {
                community,
                account: self.anybody(world),
                reason,
            },
            Deed::Leave => Command::Leave { community },
            Deed::RevokeInvite => Command::RevokeInvite {
                community,
                invite: invite_of(world, place)?,
            },
            Deed::OwnerAdd => Command::OwnerAdd {
                community,
                account: self.other(place)?,
            },
            Deed::OwnerRemove => Command::OwnerRemove {
                community,
                account: self.other(place)?,
            },
            Deed::Timeout => {
                let duration_ms = 1_000 * self.draw.between(5, 30);
                Command::Timeout {
                    community,
                    account: self.other(place)?,
                    duration_ms,
                    reason,
                }
            }
            Deed::SlowMode => {
                let interval_ms = 1_000 * self.draw.between(0, 3);
                Command::SlowMode {
                    channel: self.text_channel(place)?,
                    interval_ms,
                }
            }
            Deed::DeleteChannel => Command::DeleteChannel {
                channel: self.text_channel(place)?,
            },
            _ => return None,
        })
    }

    fn at_scale(&mut self, world: &World<'_>, deed: Deed, place: &Place) -> Option<Command> {
        let community = CommunityRef(place.community.to_string());
        Some(match deed {
            Deed::RemoveBranch => Command::RemoveBranch {
                community,
                branch: self.branch(world, place)?,
                reason: None,
                ban: self.draw.chance(300),
            },
            Deed::Undo => Command::Undo {
                community,
                branch: self.branch(world, place)?,
                span_ms: 1_000 * self.draw.between(5, 60),
            },
            Deed::Wait => Command::PolicyWait {
                community,
                wait_ms: 1_000 * self.draw.between(0, 10),
            },
            _ => return None,
        })
    }

    fn rights(&mut self) -> Vec<String> {
        RIGHTS
            .iter()
            .filter(|_| self.draw.chance(400))
            .map(|right| (*right).to_owned())
            .collect()
    }

    fn role(&mut self, place: &Place) -> Option<RoleRef> {
        let made = place
            .shown
            .roles
            .iter()
            .filter(|role| role.role != RoleId::ZERO);
        let made: Vec<_> = made.map(|role| role.role).collect();
        Some(RoleRef(self.draw.pick(&made)?.to_string()))
    }

    fn other(&mut self, place: &Place) -> Option<AccountRef> {
        let others: Vec<AccountId> = place
            .shown
            .members
            .iter()
            .map(|member| member.account)
            .collect();
        Some(AccountRef(self.draw.pick(&others)?.to_string()))
    }

    /// Somebody, or an invite.
    fn branch(&mut self, world: &World<'_>, place: &Place) -> Option<AccountRef> {
        if self.draw.chance(500) {
            return self.other(place);
        }
        let invite = invite_of(world, place)?;
        Some(AccountRef(invite.to_string()))
    }

    fn anybody(&mut self, world: &World<'_>) -> AccountRef {
        AccountRef(world.account(self.draw.index(world.seats())).to_string())
    }
}

fn invite_of(world: &World<'_>, place: &Place) -> Option<alloquy_ids::InviteId> {
    world.acts().iter().rev().find_map(|act| match &act.done {
        Some((_, Ok(Reply::Invite { id, .. }))) if act.community == Some(place.community) => {
            Some(*id)
        }
        _ => None,
    })
}
