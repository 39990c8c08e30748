//! A world with conversations, contacts, devices and home nodes.

use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_api::personal::{
    ContactView, DeviceState, DeviceView, DirectKind, DirectView, DmRequestView, HomeView,
    LinkStep, Linking, LinkingView,
};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, UnixMs};
use alloquy_ui::Model;

use crate::fixture::{COMMUNITY, ME, NOON, account, change, channel, member, message, window};
use crate::sheets_fixture::{BEN, rich};

/// Notes to oneself.
pub(crate) const NOTES: CommunityId = CommunityId([60; 32]);
/// The direct messages with [`BEN`], who is online and verified.
pub(crate) const WITH_BEN: CommunityId = CommunityId([61; 32]);
/// Their channel.
pub(crate) const BEN_CHANNEL: ChannelId = ChannelId([71; 32]);
/// The direct messages with somebody who is away.
pub(crate) const WITH_ADA: CommunityId = CommunityId([62; 32]);
/// Who that is.
pub(crate) const ADA: AccountId = account(2);
/// A group.
pub(crate) const WEEKEND: CommunityId = CommunityId([63; 32]);
/// Its channel.
pub(crate) const WEEKEND_CHANNEL: ChannelId = ChannelId([73; 32]);
/// Somebody who is blocked.
pub(crate) const MALLORY: AccountId = account(40);
/// Another device.
pub(crate) const PHONE: DeviceId = DeviceId([81; 32]);
/// A home node.
pub(crate) const ATTIC: DeviceId = DeviceId([85; 32]);
/// When a code that is shown ends.
pub(crate) const CODE_ENDS: UnixMs = UnixMs(NOON.0 + 581_000);
/// A contact link, as long as real ones.
pub(crate) fn contact_link() -> String {
    format!("alloquy://contact/{}", "qrst2345abcd".repeat(24))
}

const RIGHTS: [&str; 6] = [
    "view",
    "read-history",
    "send",
    "send-threads",
    "react",
    "attach",
];

fn direct(id: CommunityId, n: u8, kind: DirectKind, name: &str, accounts: &[u8]) -> DirectView {
    DirectView {
        community: id,
        channel: ChannelId([n; 32]),
        kind,
        name: name.to_owned(),
        accounts: accounts.iter().map(|n| account(*n)).collect(),
        unread: 0,
        mentions: 0,
        last: Some(UnixMs(NOON.0 - u64::from(n) * 3_600_000)),
        preview: "see you there".to_owned(),
        online: false,
        verified: false,
        blocked: false,
    }
}

fn directs() -> Vec<DirectView> {
    let mut notes = direct(NOTES, 70, DirectKind::Notes, "", &[]);
    notes.preview = "bulbs, fuse, tape".to_owned();
    let mut ben = direct(WITH_BEN, 71, DirectKind::Two, "tomasz", &[1]);
    (ben.online, ben.verified, ben.unread) = (true, true, 3);
    ben.last = Some(UnixMs(NOON.0 - 60_000));
    let mut weekend = direct(
        WEEKEND,
        73,
        DirectKind::Group,
        "Weekend at the lake",
        &[1, 2, 3],
    );
    (weekend.online, weekend.unread, weekend.mentions) = (true, 12, 1);
    weekend.last = Some(UnixMs(NOON.0 - 26 * 3_600_000));
    let ada = direct(WITH_ADA, 72, DirectKind::Two, "Ada", &[2]);
    let mut blocked = direct(CommunityId([64; 32]), 74, DirectKind::Two, "Mallory", &[40]);
    blocked.blocked = true;
    vec![notes, ben, weekend, ada, blocked]
}

/// The part of the snapshot that a conversation has as a community.
fn community(view: &DirectView) -> CommunitySnapshot {
    let accounts = view.accounts.iter().map(|of| {
        let n = of.as_bytes()[0];
        let name = ["Mira", "tomasz", "Ada", "Okonkwo"].get(usize::from(n));
        let mut member = member(n, name.copied().unwrap_or("Mallory"));
        member.owner = false;
        member
    });
    let mut members = vec![member(0, "Mira")];
    members.extend(accounts);
    let mut rights: Vec<String> = RIGHTS.iter().map(|right| (*right).to_owned()).collect();
    if view.kind == DirectKind::Group {
        for right in ["invite", "kick", "manage-community", "manage-content"] {
            rights.push(right.to_owned());
        }
    }
    let mut of = channel(view.channel, "", &RIGHTS);
    (of.unread, of.mentions) = (view.unread, view.mentions);
    CommunitySnapshot {
        direct: Some(view.kind),
        name: view.name.clone(),
        channels: Arc::new(vec![of]),
        members: Arc::new(members),
        rights,
        ..CommunitySnapshot::default()
    }
}

fn contact(n: u8, name: &str) -> ContactView {
    ContactView {
        account: account(n),
        name: name.to_owned(),
        verified: n == 1,
        blocked: n == 40,
        online: n == 1,
    }
}

fn device(n: u8, name: &str, state: DeviceState) -> DeviceView {
    DeviceView {
        device: DeviceId([n; 32]),
        name: name.to_owned(),
        this: n == 80,
        since: UnixMs(NOON.0 - u64::from(n) * 24 * 3_600_000),
        connected: n < 82,
        state,
    }
}

fn fill(snapshot: &mut Snapshot) {
    let directs = directs();
    for view in &directs {
        snapshot
            .communities
            .insert(view.community, Arc::new(community(view)));
    }
    let said = (0..4).map(|n| message(n, &format!("message {n}")));
    snapshot.windows.insert(BEN_CHANNEL, Arc::new(window(said)));
    snapshot.directs = Arc::new(directs);
    snapshot.dm_requests = Arc::new(vec![
        DmRequestView {
            account: account(41),
            name: "Zoe".to_owned(),
            text: "hi, it is me from the ||tram|| https://example.org/picture.png".to_owned(),
            time: UnixMs(NOON.0 - 600_000),
            community: Some(COMMUNITY),
            group: None,
        },
        DmRequestView {
            account: account(42),
            name: "Walter".to_owned(),
            text: String::new(),
            time: UnixMs(NOON.0 - 7_200_000),
            community: None,
            group: Some(CommunityId([65; 32])),
        },
    ]);
    let contacts = [(1, "tomasz"), (2, "Ada"), (40, "Mallory")];
    snapshot.contacts = Arc::new(contacts.map(|(n, name)| contact(n, name)).to_vec());
    snapshot.devices = Arc::new(vec![
        device(80, "Laptop", DeviceState::Active),
        device(81, "Telephone", DeviceState::Active),
        device(82, "", DeviceState::Suspended),
        device(83, "Old box", DeviceState::Revoked),
    ]);
    snapshot.homes = Arc::new(vec![
        HomeView {
            device: ATTIC,
            name: "attic".to_owned(),
            connected: true,
            seen: Some(NOON),
            bytes: Some(940_000_000),
            quota: Some(1_000_000_000),
            keeps: vec![WITH_BEN, COMMUNITY],
            behind: Some(0),
        },
        HomeView {
            device: DeviceId([86; 32]),
            name: "shed".to_owned(),
            connected: false,
            seen: None,
            bytes: None,
            quota: None,
            keeps: Vec::new(),
            behind: None,
        },
    ]);
    snapshot.receipts = true;
    snapshot.recovery_pending = false;
    snapshot.linking = Some(Arc::new(linking(LinkStep::Waiting)));
}

/// A pairing at this step, of which this device shows the code.
pub(crate) fn linking(step: LinkStep) -> LinkingView {
    LinkingView {
        what: Linking::Device,
        code: Some("7-anchor-river".to_owned()),
        link: Some(format!("alloquy://link/{}", "mnop6723".repeat(20))),
        until: CODE_ENDS,
        step,
    }
}

/// All of it.
pub(crate) fn personal() -> Model {
    let mut model = rich();
    change(&mut model, fill);
    assert_eq!((model.me(), BEN), (ME, account(1)));
    model
}
