//! Protocol tests 8: removals by somebody who is behind, by somebody who lists nothing, stale authority.

use super::*;

/// Mallory (1), Ben (2) and the owner (0) talk; then Mallory is removed.
struct Removal {
    chat: Chat,
    mallory: Pen,
    ben: Pen,
    /// Authority heads before the removal.
    stale: Vec<EventId>,
    /// What Mallory wrote, oldest first.
    wrote: Vec<EventId>,
}

fn removal(last: impl Fn(&[EventId]) -> Vec<EventId>) -> Removal {
    let mut chat = Chat::new(3);
    let (mut mallory, mut ben) = (chat.world.pen(1), chat.world.pen(2));
    let stale = chat.world.heads();
    let mut wrote = Vec::new();
    for n in 0..3 {
        wrote.push(chat.say(&mut mallory, text(&format!("m{n}"))));
        if n < 2 {
            chat.say(&mut ben, text(&format!("b{n}")));
        }
    }
    let account = chat.world.account(1);
    chat.operate(
        0,
        AuthorityOp::Kick {
            account,
            last: last(&wrote),
        },
    );
    Removal {
        chat,
        mallory,
        ben,
        stale,
        wrote,
    }
}

#[test]
fn a_removal_that_lists_nothing_hides_only_what_nobody_built_on() {
    let Removal { chat, wrote, .. } = removal(|_| Vec::new());
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1"]);
    let Some(Standing::Late { by }) = chat.timeline.standing(wrote[2]) else {
        panic!("m2 is late")
    };
    assert_eq!(by, [chat.world.operations.last().unwrap().id()]);
    assert!(!chat.timeline.counting_heads().contains(&wrote[2]));
}

#[test]
fn a_remover_who_is_a_day_behind_hides_nothing_that_others_built_on() {
    let Removal { chat, .. } = removal(|wrote| vec![wrote[0]]);
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1"]);
}

#[test]
fn what_the_removal_lists_counts_with_its_past() {
    let Removal {
        mut chat,
        mut mallory,
        stale,
        ..
    } = removal(|wrote| vec![wrote[2]]);
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1", "m2"]);
    let backdated = Past {
        deps: Vec::new(),
        auth: stale,
        wall: 1,
    };
    chat.say_at(&mut mallory, &backdated, text("backdated"));
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1", "m2"]);
}

#[test]
fn what_names_the_removal_in_its_past_is_not_permitted() {
    let Removal {
        mut chat,
        mut mallory,
        ..
    } = removal(|wrote| vec![wrote[2]]);
    let id = chat.say(&mut mallory, text("after"));
    assert!(matches!(
        chat.timeline.standing(id),
        Some(Standing::NotPermitted { .. })
    ));
}

#[test]
fn an_accomplice_anchors_until_it_is_removed_too() {
    let Removal {
        mut chat,
        mut mallory,
        mut ben,
        stale,
        wrote,
    } = removal(|_| Vec::new());
    let past = Past {
        deps: vec![wrote[2]],
        auth: stale,
        wall: 1,
    };
    let sock = chat.say_at(&mut ben, &past, text("sock"));
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1", "m2", "sock"]);
    let past = Past {
        deps: vec![sock],
        ..past
    };
    let more = chat.say_at(&mut mallory, &past, text("more"));
    assert!(matches!(
        chat.timeline.standing(more),
        Some(Standing::Late { .. })
    ));
    let account = chat.world.account(2);
    chat.operate(
        0,
        AuthorityOp::Kick {
            account,
            last: Vec::new(),
        },
    );
    // Ben's own events rest on Mallory's, and Mallory's on Ben's: what either wrote last falls.
    assert_eq!(chat.texts(), Vec::<String>::new());
}

#[test]
fn a_reply_to_a_late_event_is_untouched_and_read_by_a_newcomer() {
    let Removal {
        mut chat,
        mut ben,
        wrote,
        ..
    } = removal(|_| Vec::new());
    // Ben knows of the removal and names the late event all the same, which an honest device does not do.
    let mut past = chat.now();
    past.deps.push(wrote[2]);
    let reply = MessageBody {
        text: "reply".to_owned(),
        reply_to: Some(wrote[2]),
        thread: None,
        bridged: false,
        embeds: Vec::new(),
    };
    let reply = chat.say_at(&mut ben, &past, Body::Message(reply));
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1", "reply"]);
    assert_eq!(chat.timeline.counting_heads(), [reply]);
    // A newcomer gets everything after the removal, in whatever order the parents allow.
    let mut newcomer = Timeline::new(chat.world.channel);
    for (event, body) in &chat.events {
        newcomer
            .insert_wanted(event.clone(), body.clone(), &chat.world.authority)
            .unwrap();
    }
    assert_eq!(texts(&newcomer), chat.texts());
    assert_eq!(newcomer.digest(), chat.timeline.digest());
}

#[test]
fn accept_late_brings_back_and_purge_hides_what_others_built_on() {
    let Removal {
        mut chat, wrote, ..
    } = removal(|_| Vec::new());
    chat.operate(
        0,
        AuthorityOp::AcceptLate {
            events: vec![wrote[2]],
        },
    );
    assert_eq!(chat.texts(), ["m0", "b0", "m1", "b1", "m2"]);
    chat.operate(
        0,
        AuthorityOp::Purge {
            events: vec![wrote[0]],
        },
    );
    assert_eq!(chat.texts(), ["b0", "m1", "b1", "m2"]);
}

#[test]
fn a_mute_reaches_what_is_written_with_stale_authority() {
    let mut chat = Chat::new(3);
    let (mut mallory, mut ben) = (chat.world.pen(1), chat.world.pen(2));
    let stale = chat.world.heads();
    let first = chat.say(&mut mallory, text("first"));
    chat.say(&mut ben, text("answer"));
    let account = chat.world.account(1);
    chat.operate(
        0,
        AuthorityOp::TimeOut {
            account,
            until: UnixMs(1_000_000),
            last: vec![first],
        },
    );
    let past = Past {
        deps: chat.timeline.counting_heads(),
        auth: stale,
        wall: 1,
    };
    chat.say_at(&mut mallory, &past, text("I have not heard of it"));
    assert_eq!(chat.texts(), ["first", "answer"]);
}

#[test]
fn a_moderators_deletion_that_falls_shows_the_message_again() {
    let mut chat = Chat::new(4);
    let (mut mod_pen, mut ana) = (chat.world.pen(1), chat.world.pen(2));
    let permissions = Permissions::MEMBER | Permissions::MANAGE_MESSAGES;
    let role = chat.operate(
        0,
        AuthorityOp::RoleCreate {
            rank: crate::permissions::Rank(5),
            permissions,
        },
    );
    let account = chat.world.account(1);
    chat.operate(
        0,
        AuthorityOp::Grant {
            account,
            role: role.into(),
        },
    );
    let before = chat.world.heads();
    let said: Vec<_> = (0..3)
        .map(|n| chat.say(&mut ana, text(&format!("a{n}"))))
        .collect();
    let deletion = chat.timeline.deletion_of(&said);
    let past = Past {
        auth: before.clone(),
        ..chat.now()
    };
    let event = chat.world.delete(&mut mod_pen, &past, &deletion);
    chat.take(event, None).unwrap();
    assert_eq!(chat.texts(), ["(deleted)"; 3]);
    // The owner had taken the role from the moderator without having seen the deletion.
    chat.operate(
        0,
        AuthorityOp::Revoke {
            account,
            role: role.into(),
            last: Vec::new(),
        },
    );
    assert_eq!(chat.texts(), ["a0", "a1", "a2"]);
    assert!(chat.timeline.missing_bodies().is_empty());
}

#[test]
fn a_sock_puppet_admitted_with_old_heads_falls_with_its_admission() {
    let mut chat = Chat::new(3);
    let mut ben = chat.world.pen(2);
    chat.say(&mut ben, text("hello"));
    let stale = chat.world.heads();
    let admission = chat.world.admit_at(1, 3, stale.clone());
    chat.timeline.authority_changed(&chat.world.authority);
    let mut sock = chat.world.pen(3);
    let first = chat.say(&mut sock, text("I am new"));
    let answer = chat.say(&mut ben, text("welcome"));
    chat.say(&mut sock, text("thanks"));
    assert_eq!(chat.texts(), ["hello", "I am new", "welcome", "thanks"]);
    let account = chat.world.account(1);
    let kick = AuthorityOp::Kick {
        account,
        last: Vec::new(),
    };
    let kick = chat.world.operate_at(0, kick, stale);
    chat.timeline.authority_changed(&chat.world.authority);
    assert!(chat.world.authority.fallen().contains(&admission));
    assert_eq!(chat.texts(), ["hello", "I am new", "welcome"]);
    assert_eq!(chat.timeline.counting_heads(), [answer]);
    let late = chat.events.last().unwrap().0.id();
    assert_eq!(
        chat.timeline.standing(late),
        Some(Standing::Late { by: vec![kick] })
    );
    // The same from the beginning, by somebody who holds the whole authority log.
    let mut newcomer = Timeline::new(chat.world.channel);
    for (event, body) in &chat.events {
        newcomer
            .insert(event.clone(), body.clone(), &chat.world.authority)
            .unwrap();
    }
    assert_eq!(texts(&newcomer), chat.texts());
    assert_eq!(newcomer.digest(), chat.timeline.digest());
    assert!(newcomer.message(first).is_some());
}

#[test]
fn rights_that_rested_on_a_fallen_grant_are_gone() {
    let mut chat = Chat::new(4);
    let (mut ana, mut helper) = (chat.world.pen(1), chat.world.pen(3));
    let rank = crate::permissions::Rank;
    let permissions =
        Permissions::MEMBER | Permissions::MANAGE_ROLES | Permissions::MANAGE_MESSAGES;
    let chief = chat.operate(
        0,
        AuthorityOp::RoleCreate {
            rank: rank(9),
            permissions,
        },
    );
    let permissions = Permissions::MEMBER | Permissions::MANAGE_MESSAGES;
    let role = chat.operate(
        0,
        AuthorityOp::RoleCreate {
            rank: rank(5),
            permissions,
        },
    );
    let account = chat.world.account(2);
    chat.operate(
        0,
        AuthorityOp::Grant {
            account,
            role: chief.into(),
        },
    );
    let stale = chat.world.heads();
    let said = chat.say(&mut ana, text("said"));
    let grant = AuthorityOp::Grant {
        account: chat.world.account(3),
        role: role.into(),
    };
    chat.world.operate_at(2, grant, stale.clone());
    chat.timeline.authority_changed(&chat.world.authority);
    let deletion = chat.timeline.deletion_of(&[said]);
    chat.delete(&mut helper, &deletion);
    chat.say(&mut helper, text("deleted it"));
    chat.say(&mut ana, text("why?"));
    assert_eq!(chat.texts(), ["(deleted)", "deleted it", "why?"]);
    let revoke = AuthorityOp::Revoke {
        account,
        role: chief.into(),
        last: Vec::new(),
    };
    chat.world.operate_at(0, revoke, stale);
    chat.timeline.authority_changed(&chat.world.authority);
    // Ana built on the deletion without knowing better: by rule 3 (c) it keeps its effect.
    assert_eq!(chat.texts(), ["(deleted)", "deleted it", "why?"]);
    let again = chat.say(&mut ana, text("again"));
    assert!(chat.timeline.message(again).is_some());
}
