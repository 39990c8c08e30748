//! The log of a community, and its invites.

use alloquy_api::reply::{AuditKind, AuditView, InviteView};
use alloquy_api::{Command, Reply};
use alloquy_ids::{AccountId, EventId, InviteId, UnixMs};
use alloquy_ui::state::{CommunityPage, Overlay};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use std::sync::Arc;

use super::{asked, done, last, outcome, press, refused};
use crate::fixture::{COMMUNITY, ME, NOON, World, account, change_community};
use crate::sheets::type_in;
use crate::sheets_fixture::{BEN, rich};

// ---- invites

pub(crate) fn invites() -> Vec<InviteView> {
    let of = |n: u8, creator: AccountId, used: u32| InviteView {
        id: InviteId([n; 32]),
        creator,
        uses: Some(50),
        used,
        expires: Some(UnixMs(NOON.0 + 3 * 3_600_000)),
        revoked: false,
    };
    let mut all = vec![
        of(1, BEN, 3),
        of(2, ME, 50),
        of(3, account(2), 0),
        of(4, ME, 0),
    ];
    all[2].revoked = true;
    all
}

#[test]
fn an_invite_is_taken_back_and_the_list_is_asked_for_again() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Invites);
    let mut harness = asked(rich(), page);
    assert!(matches!(last(&harness), Command::Invites { .. }));
    harness.get_by_label("Looking …");
    outcome(&mut harness, Ok(Reply::Invites { invites: invites() }));
    harness.get_by_label("tomasz, 3 of 50 have joined by it · This link expires in 3 hours");
    harness.get_by_label_contains("2 more do not work any more");
    let short = InviteId([4; 32]).short();
    let word = format!("Take back the invite {short} of Mira");
    // Whoever may not remove members takes only own ones back.
    let other = format!(
        "Take back the invite {} of tomasz",
        InviteId([1; 32]).short()
    );
    harness.get_by_label(&other);
    change_community(&mut harness.state_mut().model, |community| {
        community.rights.clear();
        Arc::make_mut(&mut community.members)[0].owner = false;
    });
    harness.run();
    assert!(harness.query_by_label(&other).is_none());
    press(&mut harness, &word);
    let Command::RevokeInvite { invite, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(invite, InviteId([4; 32]));
    outcome(&mut harness, done());
    assert!(matches!(last(&harness), Command::Invites { .. }));
    outcome(&mut harness, refused("you have left"));
    harness.get_by_label("you have left");
}

// ---- the log

pub(crate) fn log() -> Vec<AuditView> {
    let of = |n: u8, author: AccountId, kind, subject: Option<u8>, what: &str| AuditView {
        operation: EventId([n; 32]),
        author,
        time: UnixMs(NOON.0 - 1_000_000 + u64::from(n) * 60_000),
        kind,
        subject: subject.map(account),
        what: what.to_owned(),
        effective: true,
        reason: None,
        because: None,
    };
    let mut log = vec![
        of(1, ME, AuditKind::Joins, Some(2), "admitted Ada"),
        of(2, BEN, AuditKind::Removals, Some(3), "banned Okonkwo"),
        of(
            3,
            ME,
            AuditKind::Roles,
            Some(3),
            "gave Okonkwo the role Moderator",
        ),
        of(4, account(77), AuditKind::Channels, None, "made a channel"),
    ];
    log[1].reason = Some("spam".to_owned());
    log[2].effective = false;
    log[2].because = Some("Okonkwo was banned by tomasz at the same time".to_owned());
    log
}

fn audited() -> Harness<'static, World> {
    let mut harness = asked(rich(), Overlay::Community(COMMUNITY, CommunityPage::Audit));
    assert!(matches!(last(&harness), Command::Audit { last: 100, .. }));
    outcome(&mut harness, Ok(Reply::Audit { operations: log() }));
    harness
}

fn place(harness: &Harness<'static, World>, words: &str) -> f32 {
    harness.get_by_label_contains(words).rect().top()
}

#[test]
fn the_log_is_shown_newest_first_with_reasons() {
    let harness = audited();
    assert!(place(&harness, "made a channel") < place(&harness, "banned Okonkwo"));
    assert!(place(&harness, "banned Okonkwo") < place(&harness, "admitted Ada"));
    harness.get_by_label("spam");
    harness.get_by_label_contains("Former member");
}

#[test]
fn the_log_is_filtered_by_kind_and_by_person() {
    let mut harness = audited();
    press(&mut harness, "About: Removals");
    harness.get_by_label_contains("banned Okonkwo");
    assert!(harness.query_by_label_contains("admitted Ada").is_none());
    press(&mut harness, "About: Everything");
    type_in(&mut harness, "By or about somebody with this name", "OKON");
    harness.get_by_label_contains("banned Okonkwo");
    harness.get_by_label_contains("gave Okonkwo");
    assert!(harness.query_by_label_contains("admitted Ada").is_none());
    press(&mut harness, "About: Channels");
    harness.get_by_label_contains("Nothing of this kind");
}

#[test]
fn what_has_no_effect_is_explained_by_the_node() {
    let mut harness = audited();
    press(&mut harness, "Why?");
    let operation = EventId([3; 32]);
    assert_eq!(last(&harness), Command::WhyEvent { event: operation });
    outcome(
        &mut harness,
        Ok(Reply::WhyEvent {
            stands: false,
            because: vec!["tomasz banned Okonkwo without knowing of it".to_owned()],
            operations: vec![operation],
        }),
    );
    harness.get_by_label("tomasz banned Okonkwo without knowing of it");
    assert!(harness.query_by_label("Why?").is_none());
    // Another page, and back: it is asked for again, and may fail.
    let mut harness = audited();
    press(&mut harness, "Why?");
    outcome(
        &mut harness,
        refused("no message and no operation has the id"),
    );
    harness.get_by_label("no message and no operation has the id");
}

#[test]
fn own_work_that_was_lost_can_be_done_again() {
    let mut harness = audited();
    assert!(
        harness.query_by_label("Do it again").is_none(),
        "it is not lost"
    );
    change_community(&mut harness.state_mut().model, |community| {
        community.lost = Arc::new(vec![log()[2].clone()]);
    });
    harness.run();
    press(&mut harness, "Do it again");
    let Command::Reaffirm { operations, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(operations, [EventId([3; 32])]);
    outcome(&mut harness, refused("Okonkwo is banned"));
    harness.get_by_label("Okonkwo is banned");
    press(&mut harness, "Do it again");
    outcome(&mut harness, done());
    assert!(matches!(last(&harness), Command::Audit { .. }));
}

#[test]
fn older_operations_are_asked_for_where_there_may_be_some() {
    let mut harness = audited();
    assert!(harness.query_by_label("Show older ones").is_none());
    let mut many = log();
    for n in 0..96_u8 {
        many.push(AuditView {
            operation: EventId([100 + n; 32]),
            ..many[0].clone()
        });
    }
    press(&mut harness, "Look again");
    outcome(&mut harness, Ok(Reply::Audit { operations: many }));
    press(&mut harness, "Show older ones");
    assert!(matches!(last(&harness), Command::Audit { last: 200, .. }));
}
