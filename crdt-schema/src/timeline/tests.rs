//! Timelines from events over a real authority log.

pub(crate) mod world;

mod convergence;
mod denials;

use alloquy_ids::{EventId, UnixMs};

use super::{Changes, Deletion, Standing, Timeline};
use crate::authority::op::{AuthorityOp, OverwriteTarget};
use crate::body::{Body, MessageBody};
use crate::dag::InsertError;
use crate::event::VerifiedEvent;
use crate::limits::LATE_BYTES_MAX;
use crate::permissions::Permissions;
use world::{Past, Pen, World};

/// A community and one replica of its channel, always up to date with everything written.
struct Chat {
    world: World,
    timeline: Timeline,
    events: Vec<(VerifiedEvent, Option<Body>)>,
    wall: u64,
}

fn text(text: &str) -> Body {
    Body::Message(MessageBody {
        text: text.to_owned(),
        reply_to: None,
        thread: None,
        bridged: false,
        embeds: Vec::new(),
    })
}

fn react(target: EventId, emoji: &str, on: bool) -> Body {
    Body::React {
        target,
        emoji: emoji.to_owned(),
        on,
    }
}

fn edit(target: EventId, text: &str) -> Body {
    Body::Edit {
        target,
        text: text.to_owned(),
    }
}

impl Chat {
    fn new(members: usize) -> Self {
        let world = World::new(members);
        let timeline = Timeline::new(world.channel);
        Self {
            world,
            timeline,
            events: Vec::new(),
            wall: 1_000,
        }
    }

    /// What a writer who holds everything refers to.
    fn now(&mut self) -> Past {
        self.wall += 10;
        Past {
            deps: self.timeline.counting_heads(),
            auth: self.world.heads(),
            wall: self.wall,
        }
    }

    fn say(&mut self, pen: &mut Pen, body: Body) -> EventId {
        let past = self.now();
        self.say_at(pen, &past, body)
    }

    fn say_at(&mut self, pen: &mut Pen, past: &Past, body: Body) -> EventId {
        let event = self.world.write(pen, past, 32);
        self.take(event, Some(body)).unwrap();
        pen_head(&self.events)
    }

    fn delete(&mut self, pen: &mut Pen, deletion: &Deletion) -> Changes {
        let past = self.now();
        let event = self.world.delete(pen, &past, deletion);
        self.take(event, None).unwrap()
    }

    fn take(&mut self, event: VerifiedEvent, body: Option<Body>) -> Result<Changes, InsertError> {
        self.events.push((event.clone(), body.clone()));
        self.timeline.insert(event, body, &self.world.authority)
    }

    fn operate(&mut self, member: usize, op: AuthorityOp) -> EventId {
        let id = self.world.operate(member, op);
        self.timeline.authority_changed(&self.world.authority);
        id
    }

    fn texts(&self) -> Vec<String> {
        texts(&self.timeline)
    }

    fn everyone(&mut self, permissions: Permissions, last: EventId) {
        let rank = crate::permissions::Rank::MEMBER;
        let role = alloquy_ids::RoleId::ZERO;
        self.operate(
            0,
            AuthorityOp::RoleEdit {
                role,
                rank,
                permissions,
                last: vec![last],
            },
        );
    }
}

fn pen_head(events: &[(VerifiedEvent, Option<Body>)]) -> EventId {
    events.last().unwrap().0.id()
}

fn texts(timeline: &Timeline) -> Vec<String> {
    let line = |message: super::Message| {
        let text = match (&message.text, message.deleted, message.body_missing) {
            (Some(text), false, false) => text.clone(),
            (None, true, false) => "(deleted)".to_owned(),
            (None, false, true) => "(missing)".to_owned(),
            other => panic!("{other:?}"),
        };
        let reactions = message
            .reactions
            .iter()
            .map(|(emoji, accounts)| format!(" {emoji}{}", accounts.len()));
        let edited = if message.edited { "*" } else { "" };
        format!("{text}{edited}{}", reactions.collect::<String>())
    };
    timeline
        .messages(None, usize::MAX)
        .into_iter()
        .map(line)
        .collect()
}

#[test]
fn messages_are_edited_answered_and_reacted_to() {
    let mut chat = Chat::new(3);
    let (mut ana, mut ben) = (chat.world.pen(1), chat.world.pen(2));
    let hello = chat.say(&mut ana, text("hello"));
    chat.say(&mut ben, edit(hello, "not his"));
    assert_eq!(
        chat.texts(),
        ["hello"],
        "another account's edit changes nothing"
    );
    chat.say(&mut ana, edit(hello, "hi"));
    chat.say(&mut ana, edit(hello, "hi there"));
    chat.say(&mut ben, react(hello, "+", true));
    chat.say(&mut ana, react(hello, "+", true));
    chat.say(&mut ana, react(hello, "-", true));
    chat.say(&mut ana, react(hello, "-", false));
    let reply = MessageBody {
        text: "yes".to_owned(),
        reply_to: Some(hello),
        thread: Some(hello),
        bridged: false,
        embeds: Vec::new(),
    };
    let reply = chat.say(&mut ben, Body::Message(reply));
    assert_eq!(chat.texts(), ["hi there* +2", "yes"]);
    let shown = chat.timeline.message(reply).unwrap();
    assert_eq!(
        (shown.reply_to, shown.thread, shown.author),
        (Some(hello), Some(hello), chat.world.account(2))
    );
    assert_eq!(
        chat.timeline.thread(hello, None, 9),
        std::slice::from_ref(&shown)
    );
    assert_eq!(chat.timeline.threads().collect::<Vec<_>>(), [(hello, 1)]);
    assert_eq!(chat.timeline.messages(Some(shown.order), 9)[0].id, hello);
    let first = chat.timeline.message(hello).unwrap().order;
    assert_eq!(
        (
            chat.timeline.count_after(None, 9),
            chat.timeline.count_after(Some(first), 9)
        ),
        (2, 1)
    );
}

#[test]
fn own_deletions_drop_the_body_and_its_edits_for_good() {
    let mut chat = Chat::new(2);
    let mut ana = chat.world.pen(1);
    let secret = chat.say(&mut ana, text("secret"));
    let fix = chat.say(&mut ana, edit(secret, "secret!"));
    let deletion = chat.timeline.deletion_of(&[secret]);
    assert_eq!(
        deletion,
        Deletion {
            messages: [secret].into(),
            silent: [fix].into()
        }
    );
    let changes = chat.delete(&mut ana, &deletion);
    assert_eq!(changes.changed, [secret]);
    assert_eq!(changes.dropped_bodies, [secret, fix]);
    assert_eq!(chat.texts(), ["(deleted)"]);
    assert!(chat.timeline.dag().get(secret).unwrap().body().is_none());
    for (event, body) in chat.events.clone() {
        chat.take(event, body).unwrap();
    }
    assert_eq!(chat.texts(), ["(deleted)"]);
    assert!(
        chat.timeline.dag().get(secret).unwrap().body().is_none(),
        "it does not come back with a copy"
    );
    assert!(chat.timeline.missing_bodies().is_empty());
}

#[test]
fn a_deletion_that_comes_first_drops_the_body_when_it_comes() {
    let mut chat = Chat::new(2);
    let (mut ana, mut phone) = (chat.world.pen(1), chat.world.pen(1));
    let past = chat.now();
    let event = chat.world.write(&mut ana, &past, 32);
    let id = event.id();
    chat.delete(
        &mut phone,
        &Deletion {
            messages: [id].into(),
            silent: [].into(),
        },
    );
    let changes = chat.take(event, Some(text("late body"))).unwrap();
    assert_eq!(
        (changes.added, changes.dropped_bodies),
        (vec![id], vec![id])
    );
    assert_eq!(chat.texts(), ["(deleted)"]);
}

#[test]
fn others_messages_are_hidden_only_by_moderators() {
    let mut chat = Chat::new(3);
    let (mut owner, mut ana, mut ben) = (chat.world.pen(0), chat.world.pen(1), chat.world.pen(2));
    let rude = chat.say(&mut ana, text("rude"));
    let deletion = chat.timeline.deletion_of(&[rude]);
    chat.delete(&mut ben, &deletion);
    assert_eq!(chat.texts(), ["rude"]);
    let changes = chat.delete(&mut owner, &deletion);
    assert_eq!(
        (changes.changed, changes.dropped_bodies),
        (vec![rude], vec![])
    );
    assert_eq!(chat.texts(), ["(deleted)"]);
    assert!(
        chat.timeline.dag().get(rude).unwrap().body().is_some(),
        "kept until the store's timer"
    );
    chat.timeline.drop_body(rude);
    assert!(chat.timeline.dag().get(rude).unwrap().body().is_none());
    assert_eq!(chat.texts(), ["(deleted)"]);
}

#[test]
fn missing_bodies_are_shown_as_such_and_asked_for() {
    let mut chat = Chat::new(2);
    let (mut ana, past) = (chat.world.pen(1), chat.now());
    let event = chat.world.write(&mut ana, &past, 32);
    let id = event.id();
    chat.take(event, None).unwrap();
    assert_eq!(chat.texts(), ["(missing)"]);
    assert_eq!(chat.timeline.missing_bodies(), [id]);
    let changes = chat
        .timeline
        .set_body(id, text("here"), &chat.world.authority);
    assert_eq!(changes.changed, [id]);
    assert_eq!(chat.texts(), ["here"]);
    assert_eq!(
        chat.timeline
            .set_body(id, text("other"), &chat.world.authority),
        Changes::default()
    );
}

#[test]
fn rights_decide_what_a_body_does() {
    let mut chat = Chat::new(2);
    let mut ana = chat.world.pen(1);
    let before = chat.say(&mut ana, text("before"));
    let no_send = Permissions::MEMBER & !Permissions::SEND;
    chat.everyone(no_send, before);
    chat.say(&mut ana, text("without SEND"));
    chat.say(&mut ana, react(before, "+", true));
    let thread = MessageBody {
        text: "in the thread".to_owned(),
        reply_to: None,
        thread: Some(before),
        bridged: false,
        embeds: Vec::new(),
    };
    let thread = chat.say(&mut ana, Body::Message(thread));
    assert_eq!(chat.texts(), ["before +1", "in the thread"]);
    chat.everyone(Permissions::VIEW, thread);
    let silent = chat.say(&mut ana, text("nothing may be written"));
    assert!(matches!(
        chat.timeline.standing(silent),
        Some(Standing::NotPermitted { .. })
    ));
    assert!(!chat.timeline.counting_heads().contains(&silent));
    assert_eq!(chat.timeline.author(silent), Some(chat.world.account(1)));
    chat.everyone(Permissions::MEMBER, thread);
    chat.say(&mut ana, text("after"));
    assert_eq!(chat.texts(), ["before +1", "in the thread", "after"]);
}

#[test]
fn an_overwrite_closes_one_channel() {
    let mut chat = Chat::new(2);
    let mut ana = chat.world.pen(1);
    let target = OverwriteTarget::Role(alloquy_ids::RoleId::ZERO);
    let (allow, deny) = (Permissions::NONE, Permissions::VIEW);
    let channel = chat.world.channel;
    chat.operate(
        0,
        AuthorityOp::Overwrite {
            channel,
            target,
            allow,
            deny,
            last: Vec::new(),
        },
    );
    let refused = chat.say(&mut ana, text("unseen"));
    assert!(matches!(
        chat.timeline.standing(refused),
        Some(Standing::NotPermitted { .. })
    ));
}

#[test]
fn time_outs_and_slow_mode_compare_signed_times() {
    let mut chat = Chat::new(2);
    let (mut ana, account) = (chat.world.pen(1), chat.world.account(1));
    let until = UnixMs(5_000);
    chat.operate(
        0,
        AuthorityOp::TimeOut {
            account,
            until,
            last: Vec::new(),
        },
    );
    let mut past = chat.now();
    for (wall, body) in [(4_999, "too early"), (5_000, "in time")] {
        past.wall = wall;
        chat.say_at(&mut ana, &past, text(body));
    }
    assert_eq!(chat.texts(), ["in time"]);
    let channel = chat.world.channel;
    chat.operate(
        0,
        AuthorityOp::SlowMode {
            channel,
            interval_ms: 1_000,
        },
    );
    let mut phone = chat.world.pen(1);
    for (own, wall, body) in [
        (true, 5_999, "too soon"),
        (true, 6_998, "too soon after one that does not count"),
        (false, 7_000, "too soon on the phone"),
        (true, 9_000, "slowly"),
    ] {
        let pen = if own { &mut ana } else { &mut phone };
        // The past is named in full, whether it counts or not.
        let deps = chat.timeline.dag().heads().iter().copied().collect();
        let past = Past {
            deps,
            auth: chat.world.heads(),
            wall,
        };
        chat.say_at(pen, &past, text(body));
    }
    assert_eq!(chat.texts(), ["in time", "slowly"]);
}

#[test]
fn a_newcomer_waits_by_the_signed_time_of_its_admission() {
    let mut chat = Chat::new(3);
    let (mut ana, mut ben) = (chat.world.pen(1), chat.world.pen(2));
    let before = chat.world.heads();
    chat.operate(0, AuthorityOp::SetPolicy(crate::policy::Rule::Wait(1_000)));
    // Every admission here is signed at 1 ms.
    for (wall, body) in [(1_000, "too soon"), (1_001, "in time")] {
        let past = Past { wall, ..chat.now() };
        let id = chat.say_at(&mut ana, &past, text(body));
        let refused = matches!(
            chat.timeline.standing(id),
            Some(Standing::NotPermitted { reason }) if reason.contains("1001 ms")
        );
        assert_eq!(refused, wall < 1_001);
    }
    // Who had not seen the rule is not held to it.
    let past = Past {
        wall: 1,
        auth: before,
        ..chat.now()
    };
    chat.say_at(&mut ben, &past, text("what rule?"));
    assert_eq!(chat.texts(), ["in time", "what rule?"]);
}

#[test]
fn authority_goes_forward_along_a_log_and_is_waited_for() {
    let mut chat = Chat::new(2);
    let (mut ana, old) = (chat.world.pen(1), chat.now());
    let missing = chat.world.operate(0, AuthorityOp::Merge);
    let new = chat.now();
    let first = chat.world.write(&mut ana, &new, 32);
    let behind = chat.world.authority_of(chat.world.operations.len() - 1);
    assert_eq!(
        chat.timeline
            .insert(first.clone(), Some(text("a")), &behind),
        Err(InsertError::MissingAuthority(vec![missing]))
    );
    chat.take(first, Some(text("a"))).unwrap();
    let second = chat.world.write(
        &mut ana,
        &Past {
            deps: Vec::new(),
            ..old
        },
        32,
    );
    assert!(matches!(
        chat.take(second, Some(text("b"))),
        Err(InsertError::Invalid { .. })
    ));
}

#[test]
fn what_does_not_count_is_bounded_until_somebody_builds_on_it() {
    let mut chat = Chat::new(3);
    let (mut mallory, account, stale) =
        (chat.world.pen(1), chat.world.account(1), chat.world.heads());
    chat.operate(
        0,
        AuthorityOp::Kick {
            account,
            last: Vec::new(),
        },
    );
    let bytes = 16 * 1024;
    let mut kept = 0;
    let refused = loop {
        let past = Past {
            deps: Vec::new(),
            auth: stale.clone(),
            wall: 1,
        };
        let event = chat.world.write(&mut mallory, &past, bytes);
        match chat.take(event.clone(), Some(text("flood"))) {
            Ok(_) => kept += bytes as u64,
            Err(error) => {
                assert_eq!(
                    error,
                    InsertError::LateBound {
                        event: event.id(),
                        account
                    }
                );
                break event;
            }
        }
    };
    assert!(kept <= LATE_BYTES_MAX && kept > LATE_BYTES_MAX / 2);
    assert!(chat.texts().is_empty());
    // Ben did not know of the removal and answered.
    chat.timeline
        .insert_wanted(refused.clone(), Some(text("flood")), &chat.world.authority)
        .unwrap();
    let mut ben = chat.world.pen(2);
    let past = Past {
        deps: vec![refused.id()],
        auth: stale,
        wall: 2,
    };
    chat.say_at(&mut ben, &past, text("why?"));
    assert_eq!(chat.texts().len() as u64, kept / bytes as u64 + 2);
}

#[test]
fn twenty_thousand_events_are_taken_in_a_few_seconds() {
    let mut chat = Chat::new(8);
    let mut pens: Vec<_> = (0..8).map(|member| chat.world.pen(member)).collect();
    let account = chat.world.account(7);
    chat.operate(
        0,
        AuthorityOp::TimeOut {
            account,
            until: UnixMs(1),
            last: Vec::new(),
        },
    );
    for n in 0..20_000_usize {
        chat.say(&mut pens[n % 8], text("hello"));
    }
    assert_eq!(chat.timeline.dag().len(), 20_000);
    assert_eq!(chat.timeline.messages(None, 100).len(), 100);
    assert_eq!(chat.timeline.count_after(None, usize::MAX), 20_000);
    // Deciding everything again is one pass.
    let account = chat.world.account(1);
    chat.operate(
        0,
        AuthorityOp::Kick {
            account,
            last: Vec::new(),
        },
    );
    assert_eq!(
        chat.timeline.count_after(None, usize::MAX),
        20_000,
        "others have built on what it wrote"
    );
}
