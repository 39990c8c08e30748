//! One example of everything that is printed: the golden shapes, and the examples of docs/cli.md.

use std::sync::Arc;

use alloquy_api::command::{Availability, ChannelKind};
use alloquy_api::line::ReplyKind;
use alloquy_api::reach::{FamilyView, ReachView, Reachability, RelayView, RouterAnswer, Way};
use alloquy_api::reply::*;
use alloquy_api::rpc::{
    Check, CheckLevel, DoctorReport, InitReport, KeySource, PeerStatus, StatusReport,
};
use alloquy_api::snapshot::{
    CommunitySnapshot, ConnectionView, ConnectionsSnapshot, PathKind, Snapshot, WindowSnapshot,
};
use alloquy_api::voice::{
    CallPeerView, CallView, DevicesView, LinkStage, LinkStats, LinkView, MediaPath, VoiceMemberView,
};
use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EventId, InviteId, NetworkKey, RoleId, UnixMs,
};

pub(crate) const COMMUNITY: CommunityId = CommunityId([1; 32]);
pub(crate) const CHANNEL: ChannelId = ChannelId([2; 32]);
pub(crate) const MESSAGE: EventId = EventId([3; 32]);
pub(crate) const ANA: AccountId = AccountId([4; 32]);
pub(crate) const BEN: AccountId = AccountId([5; 32]);
const INVITE: InviteId = InviteId([6; 32]);
const ROLE: RoleId = RoleId([7; 32]);
const OPERATION: EventId = EventId([8; 32]);
const CATEGORY: ChannelId = ChannelId([9; 32]);
pub(crate) const TIME: UnixMs = UnixMs(1_700_000_000_000);

pub(crate) fn message() -> MessageView {
    MessageView {
        id: MESSAGE,
        author: ANA,
        text: "hello".to_owned(),
        time: TIME,
        edited: false,
        deleted: false,
        reply_to: None,
        quote: None,
        replies: None,
        mentions_me: false,
        thread: None,
        bridged: false,
        embeds: Vec::new(),
        pinned: false,
        waiting: false,
        arrived_later: false,
        hidden: None,
        reactions: vec![ReactionView {
            emoji: "🎈".to_owned(),
            accounts: vec![BEN],
        }],
        delivery: DeliveryView {
            state: DeliveryState::Delivered,
            holders: 2,
        },
    }
}

/// A message with everything that may be left out.
fn pinned() -> MessageView {
    MessageView {
        reply_to: Some(EventId([12; 32])),
        quote: Some(QuoteView {
            author: BEN,
            text: "who brings cake?".to_owned(),
        }),
        replies: Some(RepliesView {
            count: 2,
            last: TIME,
        }),
        mentions_me: true,
        hidden: Some("it holds the word casino".to_owned()),
        bridged: false,
        embeds: Vec::new(),
        pinned: true,
        ..message()
    }
}

fn template() -> TemplateView {
    let channel = |kind, name: &str| TemplateChannelView {
        kind,
        name: name.to_owned(),
    };
    TemplateView {
        template: "friends".to_owned(),
        title: "Friends".to_owned(),
        about: "A place for people who know each other.".to_owned(),
        channels: vec![
            channel(ChannelKind::Category, "Text"),
            channel(ChannelKind::Text, "general"),
        ],
        roles: vec!["Moderators".to_owned()],
        kept: false,
    }
}

fn card() -> InviteCardView {
    InviteCardView {
        community: COMMUNITY,
        name: "club".to_owned(),
        inviter: ANA,
        inviter_name: "Ana".to_owned(),
        peers: 3,
        expires: Some(TIME),
        member: false,
    }
}

fn member() -> MemberView {
    MemberView {
        account: ANA,
        name: "Ana".to_owned(),
        roles: vec!["Moderators".to_owned()],
        online: true,
        availability: Some(Availability::Online),
        rank: 50,
        owner: true,
        about: None,
        status: None,
        forked: false,
    }
}

fn channel() -> ChannelView {
    ChannelView {
        channel: CHANNEL,
        kind: ChannelKind::Text,
        name: "general".to_owned(),
        topic: String::new(),
        category: Some(CATEGORY),
        position: 0,
        private: false,
        since_join: false,
        unread: 3,
        mentions: 1,
        rights: vec!["view".to_owned(), "send".to_owned()],
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: vec![OverwriteView {
            target: OverwriteTarget::Role(RoleId([0; 32])),
            allow: Vec::new(),
            deny: vec!["send".to_owned()],
        }],
    }
}

fn community() -> CommunityView {
    CommunityView {
        community: COMMUNITY,
        name: "club".to_owned(),
        topic: String::new(),
        members: 2,
        online: 1,
    }
}

fn invite() -> InviteView {
    InviteView {
        id: INVITE,
        creator: ANA,
        uses: Some(5),
        used: 1,
        expires: Some(TIME),
        revoked: false,
    }
}

fn audit() -> AuditView {
    AuditView {
        operation: OPERATION,
        author: ANA,
        time: TIME,
        kind: AuditKind::Removals,
        subject: Some(BEN),
        what: "Ana removed Ben".to_owned(),
        effective: true,
        reason: Some("too loud".to_owned()),
        because: None,
    }
}

/// The reply of each kind.
pub(crate) fn reply(kind: ReplyKind) -> Reply {
    match kind {
        ReplyKind::Community => Reply::Community {
            community: COMMUNITY,
        },
        ReplyKind::Channel => Reply::Channel { channel: CHANNEL },
        ReplyKind::Invite => Reply::Invite {
            invite: "alloquy://join/aeaqcaibaeaqcaibaeaq".to_owned(),
            id: INVITE,
        },
        ReplyKind::Message => Reply::Message { message: MESSAGE },
        ReplyKind::History => Reply::History {
            messages: vec![message()],
            complete: true,
            complete_since: Some(TIME),
            confirmed: Confirmed { peers: 2, homes: 1 },
        },
        ReplyKind::Members => Reply::Members {
            members: vec![member()],
        },
        ReplyKind::Channels => Reply::Channels {
            channels: vec![channel()],
        },
        ReplyKind::Communities => Reply::Communities {
            communities: vec![community()],
        },
        ReplyKind::Invites => Reply::Invites {
            invites: vec![invite()],
        },
        ReplyKind::Roles => Reply::Roles {
            roles: vec![RoleView {
                role: ROLE,
                name: "Moderators".to_owned(),
                rank: 50,
                allow: vec!["kick".to_owned(), "mute".to_owned()],
            }],
        },
        ReplyKind::Role => Reply::Role { role: ROLE },
        ReplyKind::Audit => Reply::Audit {
            operations: vec![audit()],
        },
        ReplyKind::Why => Reply::Why {
            granted: true,
            because: vec!["everyone may send".to_owned()],
            operations: vec![OPERATION],
        },
        ReplyKind::Unread => Reply::Unread {
            unread: vec![UnreadView {
                community: COMMUNITY,
                channel: CHANNEL,
                name: "general".to_owned(),
                unread: 3,
                mentions: 1,
            }],
        },
        ReplyKind::Presence => Reply::Presence {
            online: vec![PresenceView {
                account: ANA,
                name: "Ana".to_owned(),
                availability: Availability::Online,
                status: String::new(),
            }],
        },
        ReplyKind::Note => Reply::Note {
            note: "bring cake".to_owned(),
        },
        ReplyKind::Epoch => Reply::Epoch { epoch: OPERATION },
        ReplyKind::Operation => Reply::Operation {
            operation: OPERATION,
        },
        ReplyKind::Vote => Reply::Vote {
            enacted: false,
            votes: 3,
            needed: 4,
        },
        ReplyKind::Pins => Reply::Pins {
            pins: vec![pinned()],
        },
        ReplyKind::Nearby => Reply::Nearby {
            nearby: vec![NearbyView {
                community: COMMUNITY,
                name: "club".to_owned(),
                member: "Ana".to_owned(),
                members: 12,
            }],
            announced: vec![],
        },
        ReplyKind::Templates => Reply::Templates {
            templates: vec![template()],
        },
        ReplyKind::InviteCard => Reply::InviteCard { card: card() },
        ReplyKind::Recovery => Reply::Recovery {
            recovery_words: ["abandon", "ability", "able"].map(str::to_owned).to_vec(),
        },
        kind => moderation(kind),
    }
}

/// The reply of each kind that moderation gives.
fn moderation(kind: ReplyKind) -> Reply {
    match kind {
        ReplyKind::InviteTree => Reply::InviteTree {
            tree: vec![TreeView {
                account: BEN,
                name: "Ben".to_owned(),
                depth: 1,
                inviter: Some(ANA),
                invite: Some(INVITE),
                admitted_by: Some(ANA),
                operation: OPERATION,
                time: TIME,
                member: true,
            }],
        },
        ReplyKind::Branch => Reply::Branch {
            removed: vec![BEN],
            kept: vec![],
            left: 0,
            invite_revoked: true,
        },
        ReplyKind::Undone => Reply::Undone {
            undone: 34,
            left: 0,
            deletions: vec![MESSAGE],
        },
        ReplyKind::Policy => Reply::Policy { policy: policy() },
        ReplyKind::Requests => Reply::Requests {
            requests: vec![RequestView {
                account: BEN,
                name: "Ben".to_owned(),
                invite: Some(INVITE),
                since: TIME,
            }],
        },
        ReplyKind::Requested => Reply::Requested {
            requested: COMMUNITY,
        },
        ReplyKind::Votes => Reply::Votes {
            proposals: vec![ProposalView {
                add: vec![BEN],
                remove: vec![],
                voters: vec![ANA],
                votes: 3,
                needed: 4,
            }],
        },
        ReplyKind::Lost => Reply::Lost {
            lost: vec![AuditView {
                effective: false,
                because: Some("what it rested on was taken away".to_owned()),
                ..audit()
            }],
        },
        ReplyKind::WhyEvent => Reply::WhyEvent {
            stands: false,
            because: vec!["Ana deleted it".to_owned()],
            operations: vec![OPERATION],
        },
        other => personal(other),
    }
}

const DEVICE: DeviceId = DeviceId([10; 32]);

/// What concerns one account alone.
fn personal(kind: ReplyKind) -> Reply {
    match kind {
        ReplyKind::Devices => Reply::Devices {
            devices: vec![DeviceView {
                device: DEVICE,
                name: "laptop".to_owned(),
                this: true,
                since: TIME,
                connected: true,
                state: DeviceState::Active,
            }],
        },
        ReplyKind::AudioDevices => Reply::AudioDevices { audio: audio() },
        ReplyKind::Call => Reply::Call { call: Some(call()) },
        ReplyKind::Code => Reply::Code {
            code: "7-anchor-river".to_owned(),
            link: "alloquy://link/aeaqcaibaeaqcaibaeaq".to_owned(),
            until: TIME,
        },
        ReplyKind::ContactLink => Reply::ContactLink {
            contact: "alloquy://contact/aeaqcaibaeaqcaibaeaq".to_owned(),
        },
        ReplyKind::Contacts => Reply::Contacts {
            contacts: vec![ContactView {
                account: BEN,
                name: "Ben".to_owned(),
                verified: true,
                blocked: false,
                online: true,
            }],
        },
        ReplyKind::Direct => Reply::Direct {
            direct: COMMUNITY,
            channel: CHANNEL,
        },
        ReplyKind::DmRequests => Reply::DmRequests {
            dm_requests: vec![dm_request()],
        },
        ReplyKind::Safety => Reply::Safety {
            safety_words: vec!["abandon".to_owned(), "ability".to_owned()],
            safety_code: "alloquy-safety:aeaqcaibaeaqcaibaeaq".to_owned(),
            verified: false,
        },
        ReplyKind::Homes => Reply::Homes {
            homes: vec![HomeView {
                device: DEVICE,
                name: "attic".to_owned(),
                connected: true,
                seen: Some(TIME),
                bytes: Some(4096),
                quota: Some(1_073_741_824),
                keeps: vec![COMMUNITY],
                behind: Some(3),
            }],
        },
        ReplyKind::HomeStatus => Reply::HomeStatus {
            home: HomeStatusView {
                device: DEVICE,
                owner: Some(ANA),
                bytes: 4096,
                quota: 1_073_741_824,
                peers: 2,
                letters: 1,
                keeps: vec![KeptView {
                    community: COMMUNITY,
                    accounts: vec![ANA],
                    events: 12,
                    bytes: 4096,
                    lag: Some(0),
                    limit: Some(1_048_576),
                    days: Some(30),
                    backed: Some(TIME),
                    alone: 2,
                }],
            },
        },
        _ => Reply::Ok { ok: true },
    }
}

pub(crate) fn dm_request() -> DmRequestView {
    DmRequestView {
        account: BEN,
        name: "Ben".to_owned(),
        text: "hi, it is me".to_owned(),
        time: TIME,
        community: Some(COMMUNITY),
        group: None,
    }
}

fn policy() -> PolicyView {
    PolicyView {
        wait_ms: 600_000,
        joins_by_invite: Some(10),
        joins_within_ms: 600_000,
        refused_words: vec!["casino".to_owned()],
        ..PolicyView::default()
    }
}

/// Every kind of reply.
pub(crate) const KINDS: [ReplyKind; 45] = [
    ReplyKind::Community,
    ReplyKind::Channel,
    ReplyKind::Invite,
    ReplyKind::Message,
    ReplyKind::History,
    ReplyKind::Members,
    ReplyKind::Channels,
    ReplyKind::Communities,
    ReplyKind::Invites,
    ReplyKind::Roles,
    ReplyKind::Role,
    ReplyKind::Audit,
    ReplyKind::Why,
    ReplyKind::Unread,
    ReplyKind::Presence,
    ReplyKind::Note,
    ReplyKind::Epoch,
    ReplyKind::Operation,
    ReplyKind::Vote,
    ReplyKind::Pins,
    ReplyKind::Templates,
    ReplyKind::InviteCard,
    ReplyKind::Nearby,
    ReplyKind::Recovery,
    ReplyKind::InviteTree,
    ReplyKind::Branch,
    ReplyKind::Undone,
    ReplyKind::Policy,
    ReplyKind::Requests,
    ReplyKind::Requested,
    ReplyKind::Votes,
    ReplyKind::Lost,
    ReplyKind::WhyEvent,
    ReplyKind::Devices,
    ReplyKind::Code,
    ReplyKind::AudioDevices,
    ReplyKind::Call,
    ReplyKind::ContactLink,
    ReplyKind::Contacts,
    ReplyKind::Direct,
    ReplyKind::DmRequests,
    ReplyKind::Safety,
    ReplyKind::Homes,
    ReplyKind::HomeStatus,
    ReplyKind::Ok,
];

pub(crate) fn error() -> CommandError {
    CommandError::new(ErrorCode::UnknownName, "no community is called \"clubb\"")
}

pub(crate) fn init_report() -> InitReport {
    InitReport {
        account: ANA,
        device: DeviceId([10; 32]),
        recovery: Some("twelve words with spaces between them, printed this once only".to_owned()),
        recovery_file: None,
    }
}

pub(crate) fn status_report() -> StatusReport {
    StatusReport {
        ready: true,
        account: ANA,
        device: DeviceId([10; 32]),
        name: "Ana".to_owned(),
        version: "0.1.0".to_owned(),
        pid: 4711,
        data: "/home/ana/.local/share/alloquy".to_owned(),
        since: TIME,
        listen: vec!["/ip4/192.168.1.5/udp/40001/quic-v1/p2p/12D3KooW".to_owned()],
        peers: vec![PeerStatus {
            peer: NetworkKey([11; 32]),
            account: Some(BEN),
            name: Some("Ben".to_owned()),
            address: "/ip4/192.168.1.7/udp/40007/quic-v1".to_owned(),
        }],
        communities: 1,
        store_bytes: 1_589_248,
        bytes_in: 81_920,
        bytes_out: 40_960,
        at_rest: KeySource::KeyFile,
    }
}

pub(crate) fn doctor_report() -> DoctorReport {
    DoctorReport {
        checks: vec![
            Check {
                check: "store".to_owned(),
                level: CheckLevel::Ok,
                sentence: "The store opens and its records decode.".to_owned(),
                advice: None,
            },
            Check {
                check: "at-rest-key".to_owned(),
                level: CheckLevel::Warn,
                sentence: "The key that seals the store is in a file beside it.".to_owned(),
                advice: Some("Set ALLOQUY_PASSPHRASE or use --passphrase-file.".to_owned()),
            },
        ],
        connections: None,
    }
}

fn in_voice() -> VoiceMemberView {
    VoiceMemberView {
        account: BEN,
        device: DEVICE,
        name: "Ben".to_owned(),
        muted: true,
        deafened: false,
        silenced: false,
        audience: true,
        hand: true,
    }
}

fn audio() -> DevicesView {
    DevicesView {
        inputs: vec!["Headset".to_owned(), "Webcam".to_owned()],
        outputs: vec!["Headset".to_owned()],
        input: Some("Headset".to_owned()),
        output: Some("Headset".to_owned()),
        failure: Some("the microphone Desk is not there: Headset is used".to_owned()),
    }
}

/// A call with somebody who is heard.
fn call() -> CallView {
    let peer = CallPeerView {
        account: BEN,
        link: LinkView {
            stage: LinkStage::Audio,
            reason: None,
            path: Some(MediaPath {
                local: "192.168.1.7:40007".to_owned(),
                remote: "198.51.100.4:3478".to_owned(),
                local_kind: "host".to_owned(),
                remote_kind: "relay".to_owned(),
                protocol: "udp".to_owned(),
            }),
        },
        speaking: true,
        volume: 100,
        stats: LinkStats {
            round_trip_ms: Some(23),
            lost_in: 4,
            lost_out: 0,
            jitter_ms: 3,
            delay_ms: 40,
            concealed_ms: 0,
            bytes_in: 5000,
            bytes_out: 5100,
            level_db: -22,
        },
    };
    CallView {
        community: COMMUNITY,
        channel: CHANNEL,
        muted: false,
        deafened: false,
        silenced: Some("this account lacks the right speak in this channel".to_owned()),
        speaking: false,
        peers: [(DEVICE, peer)].into(),
    }
}

/// A snapshot with everything in it.
pub(crate) fn snapshot() -> Snapshot {
    let window = Arc::new(WindowSnapshot {
        messages: vec![Arc::new(pinned())],
        at_end: true,
        read: Some(MESSAGE),
        typing: vec![BEN],
        ..WindowSnapshot::default()
    });
    let community = CommunitySnapshot {
        icon: Some([0, 1, 255].into()),
        members: Arc::new(vec![member()]),
        voices: Arc::new([(CHANNEL, vec![in_voice()])].into()),
        timeouts: Arc::new(vec![RestrictionView {
            account: BEN,
            name: "Ben".to_owned(),
            by: ANA,
            since: TIME,
            until: Some(TIME),
            reason: None,
            operation: OPERATION,
        }]),
        policy: Arc::new(policy()),
        writes_from: Some(TIME),
        ..CommunitySnapshot::default()
    };
    let connection = ConnectionView {
        peer: NetworkKey([11; 32]),
        account: Some(BEN),
        name: Some("Ben".to_owned()),
        path: Some(PathKind::Local),
        address: "/ip4/192.168.1.7/udp/40007/quic-v1".to_owned(),
        way: Way {
            relay: Some("12D3KooWrelay".to_owned()),
            punched: true,
            why_not_direct: Some("no hole".to_owned()),
        },
        round_trip_ms: Some(3),
        seen: TIME,
    };
    let connections = ConnectionsSnapshot {
        reach: reach(),
        peers: vec![connection],
        ..ConnectionsSnapshot::default()
    };
    Snapshot {
        version: 9,
        account: Some(ANA),
        availability: Availability::Dnd,
        communities: [(COMMUNITY, Arc::new(community))].into(),
        windows: [(CHANNEL, Arc::clone(&window))].into(),
        threads: [(MESSAGE, window)].into(),
        waiting: 2,
        connections: Arc::new(connections),
        templates: Arc::new(vec![template()]),
        kept: Arc::new([("draft".to_owned(), "half a".into())].into()),
        recovery_pending: true,
        call: Some(Arc::new(call())),
        trouble: Some(error()),
        ..Snapshot::default()
    }
}

fn reach() -> ReachView {
    ReachView {
        v4: FamilyView {
            reachability: Reachability::Private,
            by: Some(NetworkKey([12; 32])),
        },
        v6: FamilyView {
            reachability: Reachability::Public,
            by: None,
        },
        router: RouterAnswer::NoRouter,
        relays: vec![RelayView {
            relay: "12D3KooWrelay".to_owned(),
            address: "/ip4/203.0.113.1/tcp/4101".to_owned(),
            named: true,
            connected: true,
            reserved: false,
            failure: Some("refused".to_owned()),
        }],
    }
}
