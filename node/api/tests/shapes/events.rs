//! One example of each event.

use alloquy_api::Event;
use alloquy_api::reply::*;

use crate::examples::{ANA, BEN, CHANNEL, COMMUNITY, MESSAGE, TIME, dm_request, message};

/// Every event that `watch` prints, and what it means.
#[expect(
    clippy::too_many_lines,
    reason = "one entry for each event, nothing else"
)]
pub(crate) fn events() -> Vec<(Event, &'static str)> {
    let (community, channel, account) = (COMMUNITY, CHANNEL, BEN);
    vec![
        (
            Event::MessageAdded {
                community,
                channel,
                message: message(),
            },
            "A message appeared, own or another's.",
        ),
        (
            Event::MessageChanged {
                community,
                channel,
                message: message(),
            },
            "A message was edited, deleted, pinned, reacted to, or its text arrived; it is given as it is now.",
        ),
        (
            Event::MessageRemoved {
                community,
                channel,
                message: MESSAGE,
            },
            "A message stopped counting, because its author was removed.",
        ),
        (
            Event::DeliveryChanged {
                community,
                channel,
                message: MESSAGE,
                delivery: message().delivery,
            },
            "An own message got further.",
        ),
        (
            Event::CommunityChanged { community },
            "A community was created, joined, or its name, channels, roles or policy changed.",
        ),
        (
            Event::CommunityLeft {
                community,
                by: Some(ANA),
            },
            "This account is no longer a member; `by` is who removed it, `null` when it left.",
        ),
        (
            Event::JoinRefused {
                community,
                message: "a member has decided not to let this account in".to_owned(),
            },
            "A community that was asked to let this account in does not.",
        ),
        (
            Event::DmRequested {
                request: dm_request(),
            },
            "Somebody whom this account does not know wants to write to it, or to have it in a group (`group`).",
        ),
        (
            Event::DevicesChanged,
            "The devices of the account have changed, or what they may do.",
        ),
        (
            Event::LinkingChanged {
                linking: LinkingView {
                    what: Linking::Device,
                    code: Some("7-anchor-river".to_owned()),
                    link: Some("alloquy://link/aeaqcaibaeaqcaibaeaq".to_owned()),
                    until: TIME,
                    step: LinkStep::Waiting,
                },
            },
            "A pairing of a device or a home node (`what`) went on: `waiting`, `talking`, `done` or `failed` with a sentence.",
        ),
        (
            Event::Progress {
                community,
                held: 120,
                of: 4000,
            },
            "Catching up has gone on: so many events are here, of those that the peer holds that holds most.",
        ),
        (
            Event::KeyMissing {
                community,
                channel,
                holders: vec![ANA],
                connected: false,
            },
            "A message can not be read yet because its key is not here; `holders` can be asked for it.",
        ),
        (
            Event::NearbyChanged { count: 1 },
            "What is announced on the local network has changed; `count` is what `nearby` lists now.",
        ),
        (
            Event::MemberAdded {
                community,
                account,
                name: "Ben".to_owned(),
            },
            "Somebody joined.",
        ),
        (
            Event::MemberRemoved { community, account },
            "Somebody left or was removed.",
        ),
        (
            Event::PresenceChanged {
                community,
                account,
                online: true,
            },
            "Somebody came, went, or changed how they are seen.",
        ),
        (
            Event::Typing {
                community,
                channel,
                account,
            },
            "Somebody is typing.",
        ),
        (
            Event::UnreadChanged {
                community,
                channel,
                unread: 3,
                mentions: 1,
            },
            "The unread count of a channel changed.",
        ),
        (
            Event::PeerChanged {
                account,
                connected: true,
            },
            "A co-member's device connected, or the last one of the account went.",
        ),
        (
            Event::CaughtUp {
                community,
                peers: 2,
            },
            "Catching up ended: everything that these peers hold is here.",
        ),
        (
            Event::VoiceChanged { community, channel },
            "Somebody came into a voice channel, went, or changed how they take part.",
        ),
        (
            Event::CallChanged,
            "The own call is another: it began, somebody speaks or stops, a connection got further.",
        ),
        (
            Event::CallEnded {
                reason: "this account may not be in the channel any more".to_owned(),
            },
            "The own call is over.",
        ),
        (
            Event::StorageFailed {
                message: "No space left on device".to_owned(),
            },
            "The store can not be written; commands fail until it can.",
        ),
        (
            Event::Lagged { count: 12 },
            "This reader was too slow and so many events were left out; ask with `history` and the like.",
        ),
    ]
}
