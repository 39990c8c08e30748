//! More of the world: what sheets and the first run show.

use std::sync::Arc;

use alloquy_api::command::{Availability, ChannelKind};
use alloquy_api::reply::{
    InviteCardView, NearbyView, OverwriteTarget, OverwriteView, ProposalView, RequestView,
    RestrictionView, RoleView, TemplateChannelView, TemplateView,
};
use alloquy_api::snapshot::{ConnectionView, ConnectionsSnapshot, PathKind};
use alloquy_ids::{AccountId, CommunityId, EventId, NetworkKey, RoleId, UnixMs};
use alloquy_ui::irc::{IrcDoor, IrcPassword};
use alloquy_ui::model::About;
use alloquy_ui::{Model, Phase};

use crate::fixture::{NOON, account, change, change_community, model, numbered};

/// A member with a role, status and words about itself.
pub(crate) const BEN: AccountId = account(1);
/// A role that somebody has.
pub(crate) const MODERATOR: RoleId = RoleId([7; 32]);
/// A link that looks like an invite, as long as real ones.
pub(crate) fn link() -> String {
    format!("alloquy://join/{}", "abcdefgh2345".repeat(40))
}

fn template(
    name: &str,
    title: &str,
    about: &str,
    channels: &[(ChannelKind, &str)],
) -> TemplateView {
    TemplateView {
        template: name.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        channels: channels
            .iter()
            .map(|(kind, name)| TemplateChannelView {
                kind: *kind,
                name: (*name).to_owned(),
            })
            .collect(),
        roles: vec!["moderator".to_owned()],
        kept: false,
    }
}

/// A peer, connected or not.
pub(crate) fn peer(
    n: u8,
    name: Option<&str>,
    path: Option<PathKind>,
    ms: Option<u32>,
) -> ConnectionView {
    ConnectionView {
        peer: NetworkKey([n; 32]),
        account: name.map(|_| account(n)),
        name: name.map(str::to_owned),
        path,
        address: "/ip4/192.0.2.7/udp/4711/quic-v1".to_owned(),
        way: alloquy_api::reach::Way::default(),
        round_trip_ms: ms,
        seen: UnixMs(NOON.0 - 300_000),
    }
}

fn templates() -> Vec<TemplateView> {
    use ChannelKind::{Category, Text, Voice};
    vec![
        template(
            "friends",
            "Friends",
            "A place for people who know each other.",
            &[
                (Text, "general"),
                (Text, "pictures"),
                (Text, "plans"),
                (Voice, "Lounge"),
            ],
        ),
        template(
            "project",
            "Project",
            "For people who make something together.",
            &[
                (Text, "announcements"),
                (Text, "general"),
                (Category, "Work"),
                (Text, "help"),
                (Text, "development"),
            ],
        ),
        template(
            "gaming",
            "Gaming",
            "For those who play together.",
            &[
                (Text, "general"),
                (Text, "looking-for-group"),
                (Voice, "Lobby"),
                (Voice, "Team 1"),
            ],
        ),
    ]
}

/// Somebody who is kept out, or may not write until so many milliseconds from now.
fn restricted(n: u8, name: &str, until: Option<i64>) -> RestrictionView {
    RestrictionView {
        account: account(n),
        name: name.to_owned(),
        by: BEN,
        since: UnixMs(NOON.0 - 2 * 3_600_000),
        until: until.map(|ms| UnixMs(NOON.0.saturating_add_signed(ms))),
        reason: Some("too loud".to_owned()),
        operation: EventId([n; 32]),
    }
}

/// A community whose owner one is, with roles, peers, templates.
pub(crate) fn rich() -> Model {
    let mut model = model(numbered(0..12));
    change_community(&mut model, |community| {
        community.rights = [
            "invite",
            "kick",
            "ban",
            "mute",
            "manage-roles",
            "manage-channels",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut roles = Vec::clone(&community.roles);
        roles.insert(
            0,
            RoleView {
                role: MODERATOR,
                name: "Moderator".to_owned(),
                rank: 5,
                allow: vec!["kick".to_owned()],
            },
        );
        community.roles = Arc::new(roles);
        let mut members = Vec::clone(&community.members);
        members[1].roles = vec!["Moderator".to_owned()];
        members[1].rank = 5;
        members[1].online = true;
        members[1].availability = Some(Availability::Idle);
        members[1].status = Some("on the train".to_owned());
        members[1].about = Some("I mend bicycles and keep the lights on in #infra.".to_owned());
        community.members = Arc::new(members);
        let mut channels = Vec::clone(&community.channels);
        channels[0].overwrites = vec![
            OverwriteView {
                target: OverwriteTarget::Role(MODERATOR),
                allow: vec!["attach".to_owned()],
                deny: vec!["send".to_owned()],
            },
            OverwriteView {
                target: OverwriteTarget::Member(BEN),
                allow: Vec::new(),
                deny: vec!["react".to_owned()],
            },
        ];
        channels[1].unread = 4;
        channels[1].mentions = 2;
        community.channels = Arc::new(channels);
        community.bans = Arc::new(vec![restricted(40, "Mallory", None)]);
        let timeouts = [("Ada", 2, 600_000), ("Okonkwo", 3, -1)];
        let timeouts = timeouts.map(|(name, n, ms)| restricted(n, name, Some(ms)));
        community.timeouts = Arc::new(timeouts.to_vec());
        community.requests = Arc::new(vec![RequestView {
            account: account(41),
            name: "Zoe".to_owned(),
            invite: None,
            since: UnixMs(NOON.0 - 300_000),
        }]);
        community.proposals = Arc::new(vec![ProposalView {
            add: vec![account(2)],
            remove: Vec::new(),
            voters: vec![BEN],
            votes: 2,
            needed: 3,
        }]);
    });
    change(&mut model, |snapshot| {
        snapshot.templates = Arc::new(templates());
        snapshot.recovery_pending = true;
        snapshot.connections = Arc::new(ConnectionsSnapshot {
            listen: vec!["/ip4/192.168.1.7/udp/4711/quic-v1".to_owned()],
            local_discovery: true,
            peers: vec![
                peer(1, Some("tomasz"), Some(PathKind::Local), Some(2)),
                peer(2, Some("Ada"), Some(PathKind::Relayed), Some(84)),
                peer(3, Some("Okonkwo"), Some(PathKind::Direct), Some(31)),
                peer(4, Some("Priya"), None, None),
                peer(99, None, Some(PathKind::Direct), Some(20)),
            ],
            ..ConnectionsSnapshot::default()
        });
    });
    model.about = Arc::new(About {
        version: "0.1.0".to_owned(),
        data_dir: "/home/mira/.local/share/alloquy".to_owned(),
        store_bytes: 12_345_678,
        sealed_by: "the keychain of this computer".to_owned(),
        attached: false,
        tray: false,
        irc: Some(irc()),
    });
    model.sound = Some(crate::voice_fixture::sound().into());
    model
}

/// A door that is open, with two passwords.
fn irc() -> IrcDoor {
    let password = |number, label: &str, read_only, last_use| IrcPassword {
        number,
        label: label.to_owned(),
        read_only,
        made: UnixMs(NOON.0 - 86_400_000),
        last_use,
    };
    IrcDoor {
        address: Some("127.0.0.1:6667".to_owned()),
        fault: None,
        passwords: vec![
            password(1, "WeeChat", false, Some(UnixMs(NOON.0 - 120_000))),
            password(3, "A reader", true, None),
        ],
    }
}

/// What others announce on the local network.
pub(crate) fn nearby() -> Vec<NearbyView> {
    let view = |n: u8, name: &str, members| NearbyView {
        community: CommunityId([n; 32]),
        name: name.to_owned(),
        member: "tomasz".to_owned(),
        members,
    };
    vec![view(51, "Board games", 12), view(52, "Choir", 1)]
}

/// An account without communities.
pub(crate) fn lonely() -> Model {
    let mut model = rich();
    change(&mut model, |snapshot| {
        snapshot.communities.clear();
        snapshot.windows.clear();
        snapshot.connections = Arc::default();
    });
    model
}

/// Before there is an account.
pub(crate) fn nobody(phase: Phase) -> Model {
    let mut model = lonely();
    change(&mut model, |snapshot| {
        snapshot.account = None;
        snapshot.name.clear();
    });
    model.phase = phase;
    model
}

/// The start of a first run.
pub(crate) fn first_run() -> Model {
    nobody(Phase::FirstRun {
        suggested_name: "mira".to_owned(),
        error: None,
        busy: false,
    })
}

/// What an invite says.
pub(crate) fn invite(member: bool) -> InviteCardView {
    InviteCardView {
        community: CommunityId([2; 32]),
        name: "Rust Berlin".to_owned(),
        inviter: BEN,
        inviter_name: "tomasz".to_owned(),
        peers: 3,
        expires: Some(UnixMs(NOON.0 + 7 * 24 * 3_600_000)),
        member,
    }
}

/// Twelve words as the node gives them.
pub(crate) fn recovery_words() -> Vec<String> {
    let words =
        "abandon ability able about above absent absorb abstract absurd abuse access accident";
    words.split(' ').map(str::to_owned).collect()
}
