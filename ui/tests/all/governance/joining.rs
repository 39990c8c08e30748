//! Who came in by whom, who asks to, and the rules about it.

use alloquy_api::command::{AccountRef, CommunityRef, JoinRule, LinkRule, WordRule};
use alloquy_api::nearby::Announce;
use alloquy_api::reply::TreeView;
use alloquy_api::{Command, Reply};
use alloquy_ids::{EventId, InviteId, UnixMs};
use alloquy_ui::Action;
use alloquy_ui::state::{Branch, CommunityPage, Overlay};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use std::sync::Arc;

use super::{asked, is_disabled, last, outcome, press, ranked, refused, retype};
use crate::fixture::{COMMUNITY, ME, NOON, account, change_community};
use crate::sheets::{opened, type_in};
use crate::sheets_fixture::{BEN, rich};

// ---- who came in by whom

/// What came in below him.
pub(super) const BELOW_BEN: Overlay = Overlay::Branch(COMMUNITY, Branch::Member(BEN));

/// Oneself, then Ben, below him Ada, who left, and below her Okonkwo; and Priya, by another invite.
pub(crate) fn tree() -> Vec<TreeView> {
    let of = |n: u8, name: &str, depth: u32, by: Option<u8>, invite: Option<u8>| TreeView {
        account: account(n),
        name: name.to_owned(),
        depth,
        inviter: by.map(account),
        invite: invite.map(|n| InviteId([n; 32])),
        admitted_by: by.map(account),
        operation: EventId([n; 32]),
        time: UnixMs(NOON.0 - 7_200_000),
        member: true,
    };
    let mut tree = vec![
        of(0, "Mira", 0, None, None),
        of(1, "tomasz", 1, Some(0), Some(9)),
        of(2, "Ada", 2, Some(1), Some(1)),
        of(3, "Okonkwo", 3, Some(2), Some(7)),
        of(4, "Priya", 2, Some(1), Some(8)),
        of(5, "Sam", 1, Some(0), None),
    ];
    tree[2].member = false;
    tree
}

#[test]
fn a_branch_is_everybody_below_a_member_or_by_an_invite() {
    let tree = tree();
    let names = |branch: Branch| -> Vec<String> {
        let below = branch.of(&tree);
        below.into_iter().map(|one| one.name.clone()).collect()
    };
    assert_eq!(names(Branch::Member(BEN)), ["Ada", "Okonkwo", "Priya"]);
    assert_eq!(names(Branch::Member(ME)).len(), 5);
    assert_eq!(names(Branch::Member(account(5))), [""; 0]);
    assert_eq!(names(Branch::Invite(InviteId([1; 32]))), ["Ada", "Okonkwo"]);
    assert_eq!(names(Branch::Invite(InviteId([77; 32]))), [""; 0]);
}

#[test]
fn a_branch_is_removed_and_its_hour_undone() {
    let mut harness = opened(rich(), Overlay::Community(COMMUNITY, CommunityPage::Tree));
    harness.get_by_label("Ada, Came in by tomasz, 2 hours ago, and is no member any more");
    press(&mut harness, "tomasz, Came in by Mira, 2 hours ago");
    crate::sheets::answer(&mut harness);
    harness.get_by_label("2 members came in there.");
    let reason = "Reason, for those who look after the community";
    retype(&mut harness, reason, &"x".repeat(513));
    harness.get_by_label_contains("513 bytes");
    assert!(is_disabled(&harness, "Remove the branch"));
    retype(&mut harness, reason, "raid");
    press(&mut harness, "Ban them, too");
    press(&mut harness, "Remove the branch");
    let Command::RemoveBranch {
        branch,
        reason,
        ban,
        ..
    } = last(&harness)
    else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(branch, AccountRef(BEN.to_string()));
    assert_eq!((reason.as_deref(), ban), (Some("raid"), true));
    outcome(
        &mut harness,
        Ok(Reply::Branch {
            removed: vec![account(3)],
            kept: vec![account(4)],
            left: 0,
            invite_revoked: false,
        }),
    );
    harness.get_by_label_contains("1 was removed, and one is left");
    assert!(matches!(last(&harness), Command::InviteTree { .. }));
    press(&mut harness, "Undo the last hour");
    assert!(matches!(
        last(&harness),
        Command::Undo {
            span_ms: 3_600_000,
            ..
        }
    ));
    outcome(
        &mut harness,
        Ok(Reply::Undone {
            undone: 12,
            left: 0,
            deletions: Vec::new(),
        }),
    );
    harness.get_by_label("12 messages, edits or reactions were hidden, and nothing is left.");
    let open = harness.state().state.overlays.last().cloned();
    assert_eq!(open, Some(BELOW_BEN), "so that one thing follows the other");
}

#[test]
fn a_branch_is_removed_by_who_may_and_where_somebody_is() {
    let mut harness = opened(ranked(6, &["kick"]), BELOW_BEN);
    assert!(is_disabled(&harness, "Undo the last hour"));
    assert!(!is_disabled(&harness, "Remove the branch"));
    press(&mut harness, "Ban them, too");
    assert!(
        is_disabled(&harness, "Remove the branch"),
        "no right to ban"
    );
    let nobody = Overlay::Branch(COMMUNITY, Branch::Member(account(5)));
    let harness = opened(rich(), nobody);
    assert!(is_disabled(&harness, "Remove the branch"));
    let invite = Overlay::Branch(COMMUNITY, Branch::Invite(InviteId([77; 32])));
    let harness = opened(rich(), invite);
    assert!(!is_disabled(&harness, "Remove the branch"), "it is revoked");
}

// ---- requests, rules, votes

#[test]
fn whoever_asks_is_let_in_or_not() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Invites);
    let mut harness = opened(rich(), page.clone());
    press(&mut harness, "Let Zoe in");
    let Command::Approve { account: whom, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(whom.0, account(41).to_string());
    outcome(&mut harness, refused("Zoe is banned"));
    harness.get_by_label("Zoe is banned");
    press(&mut harness, "Do not let Zoe in");
    assert!(matches!(last(&harness), Command::Refuse { .. }));
    let harness = opened(ranked(6, &["kick"]), page);
    assert!(harness.query_by_label("Let Zoe in").is_none());
}

#[test]
fn a_join_that_somebody_must_allow_says_so() {
    let mut harness = opened(rich(), Overlay::JoinCard);
    let world = harness.state_mut();
    let effects = world
        .state
        .apply(Action::Join(crate::sheets_fixture::link()), &world.model);
    world.effects.extend(effects);
    let requested = COMMUNITY;
    outcome(&mut harness, Ok(Reply::Requested { requested }));
    assert!(!harness.state().state.forms.joining);
    assert!(harness.state().state.overlays.is_empty());
    harness.get_by_label_contains("You asked to be let in.");
    let world = harness.state_mut();
    let event = alloquy_api::Event::JoinRefused {
        community: COMMUNITY,
        message: "the account is banned".to_owned(),
    };
    world.state.observe(&event, &world.model);
    harness.run();
    harness.get_by_label("You were not let in: the account is banned");
}

#[test]
fn rules_are_set() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Rules);
    let mut harness = opened(rich(), page.clone());
    press(&mut harness, "Who may come in: After a look");
    let rule = JoinRule::Approval;
    assert!(matches!(last(&harness), Command::PolicyJoins { rule: set, .. } if set == rule));
    press(&mut harness, "Newcomers wait: 10 minutes");
    assert!(matches!(
        last(&harness),
        Command::PolicyWait {
            wait_ms: 600_000,
            ..
        }
    ));
    press(&mut harness, "Who may post links: Moderators");
    let rule = LinkRule::Moderators;
    assert!(matches!(last(&harness), Command::PolicyLinks { rule: set, .. } if set == rule));
    type_in(&mut harness, "Words that are refused", "spam, eggs");
    press(&mut harness, "Save refused words");
    let Command::PolicyWords { rule, words, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!((rule, words.as_str()), (WordRule::Refuse, "spam, eggs"));
    outcome(&mut harness, refused("a word is too long"));
    harness.get_by_label("a word is too long");
    retype(&mut harness, "Words that are refused", &"w".repeat(8_193));
    harness.get_by_label_contains("8193 bytes");
    assert!(is_disabled(&harness, "Save refused words"));
    let harness = opened(ranked(6, &["kick"]), page);
    harness.get_by_label("Your roles do not let you change the rules.");
    assert!(is_disabled(&harness, "Who may come in: Anybody"));
    assert!(harness.query_by_label("Save refused words").is_none());
}

#[test]
fn a_limit_against_raids_needs_a_number_that_fits() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Rules);
    let mut harness = opened(rich(), page);
    assert!(is_disabled(&harness, "Within: 1 hour"), "no number yet");
    for wrong in ["0", "1000001", "many", "-3"] {
        retype(&mut harness, "How many by one invite", wrong);
        harness.get_by_label_contains("a number from 1 to 1000000");
        assert!(is_disabled(&harness, "Within: 1 hour"), "{wrong}");
    }
    retype(&mut harness, "How many by one invite", "5");
    press(&mut harness, "Within: 1 hour");
    assert!(matches!(
        last(&harness),
        Command::PolicyRaid {
            within_ms: 3_600_000,
            in_all: None,
            by_invite: Some(5),
            ..
        }
    ));
}

#[test]
fn a_proposal_is_voted_for_once() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Moderation);
    let mut harness = opened(rich(), page.clone());
    harness.get_by_label_contains("Proposed: Ada as owner. 2 of 3 votes are given.");
    press(&mut harness, "Look at it and vote…");
    press(&mut harness, "Vote for it");
    let Command::OwnerAdd { account: whom, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(whom.0, account(2).to_string());
    let mut model = rich();
    change_community(&mut model, |community| {
        Arc::make_mut(&mut community.proposals)[0].voters = vec![ME];
    });
    let harness = opened(model, page);
    assert!(harness.query_by_label("Look at it and vote…").is_none());
    harness.get_by_label("You have voted for it.");
}

#[test]
fn a_community_is_shown_on_the_local_network_by_a_switch_where_one_may() {
    let overview = Overlay::Community(COMMUNITY, CommunityPage::Overview);
    let switch = "Show it to others on this network";
    let with = |joins: JoinRule, rights: &[&str]| {
        let mut model = ranked(10, rights);
        change_community(&mut model, |community| {
            Arc::make_mut(&mut community.policy).joins = joins;
        });
        asked(model, overview.clone())
    };
    let announce = |announce| Command::NearbyAnnounce {
        community: CommunityRef(COMMUNITY.to_string()),
        announce,
    };
    let mut harness = with(JoinRule::Approval, &["invite"]);
    press(&mut harness, switch);
    assert_eq!(last(&harness), announce(Announce::On));
    change_community(&mut harness.state_mut().model, |community| {
        community.nearby = true;
        Arc::make_mut(&mut community.policy).joins = JoinRule::Invite;
    });
    harness.run();
    // The rules have changed since: it can be turned off.
    press(&mut harness, switch);
    assert_eq!(last(&harness), announce(Announce::Off));
    for (joins, rights, why) in [
        (
            JoinRule::Invite,
            &["invite"][..],
            "It lets in by invite only",
        ),
        (JoinRule::Open, &[][..], "you need the right to invite"),
    ] {
        let mut harness = with(joins, rights);
        let before = harness.state().commands().len();
        let described = harness.get_by_label(switch).accesskit_node().description();
        assert!(described.is_some_and(|about| about.contains(why)), "{why}");
        press(&mut harness, switch);
        assert_eq!(harness.state().commands().len(), before, "{joins:?}");
    }
}
