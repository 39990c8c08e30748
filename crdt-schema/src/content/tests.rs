//! Content from events over a real authority log.

use proptest::prelude::*;

use super::*;
use crate::authority::op::AuthorityOp;
use crate::permissions::{Permissions, Rank};
use crate::timeline::tests::world::{Past, Pen, World};

/// A community and one replica of its content.
struct Desk {
    world: World,
    content: ContentDocument,
    events: Vec<(VerifiedEvent, Vec<ContentOp>)>,
}

fn set(field: Field, text: &str) -> ContentOp {
    ContentOp::Set {
        field,
        value: Value::Text(text.to_owned()),
    }
}

fn splice(at: u32, remove: u32, insert: &str) -> ContentOp {
    ContentOp::SpliceNote {
        at,
        remove,
        insert: insert.to_owned(),
    }
}

impl Desk {
    fn new(members: usize) -> Self {
        let world = World::new(members);
        let content = ContentDocument::new(world.authority.community());
        Self {
            world,
            content,
            events: Vec::new(),
        }
    }

    fn pen(&mut self, member: usize) -> Pen {
        let scope = scope(self.world.authority.community());
        self.world.pen_in(member, scope)
    }

    fn write(&mut self, pen: &mut Pen, ops: Vec<ContentOp>) -> ContentChanges {
        let past = Past {
            deps: self.content.counting_heads(),
            auth: self.world.heads(),
            wall: 1,
        };
        self.write_at(pen, &past, ops)
    }

    fn write_at(&mut self, pen: &mut Pen, past: &Past, ops: Vec<ContentOp>) -> ContentChanges {
        let event = self.world.write(pen, past, 64);
        self.events.push((event.clone(), ops.clone()));
        self.content
            .insert(event, Some(ops), &self.world.authority)
            .unwrap()
    }

    fn operate(&mut self, op: AuthorityOp) -> EventId {
        let id = self.world.operate(0, op);
        self.content.authority_changed(&self.world.authority);
        id
    }

    fn text(&self, field: Field) -> Option<String> {
        match self.content.get(&field) {
            Some(Value::Text(text)) => Some(text),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }
}

#[test]
fn fields_are_set_and_cleared_and_the_note_is_edited_together() {
    let mut desk = Desk::new(3);
    let (mut owner, mut ana, mut ben) = (desk.pen(0), desk.pen(1), desk.pen(2));
    let channel = desk.world.channel;
    let changes = desk.write(
        &mut owner,
        vec![
            set(Field::Name, "Club"),
            set(Field::ChannelName(channel), "general"),
            ContentOp::Set {
                field: Field::Pin(channel, EventId([7; 32])),
                value: Value::Present,
            },
            splice(0, 0, "buy milk"),
        ],
    );
    assert!(changes.note && changes.fields.len() == 3);
    assert_eq!(
        desk.content.channel_names().collect::<Vec<_>>(),
        [(channel, "general")]
    );
    assert_eq!(
        desk.content.pins(channel).collect::<Vec<_>>(),
        [EventId([7; 32])]
    );
    // Both write at what they see: neither has the other's change.
    let past = Past {
        deps: desk.content.counting_heads(),
        auth: desk.world.heads(),
        wall: 1,
    };
    desk.write_at(&mut ana, &past, vec![splice(4, 4, "bread")]);
    desk.write_at(&mut ben, &past, vec![splice(0, 0, "please ")]);
    assert_eq!(desk.content.note(), "please buy bread");
    desk.write(
        &mut owner,
        vec![
            ContentOp::Clear { field: Field::Name },
            splice(1_000, 1_000, "!"),
        ],
    );
    assert_eq!(
        (desk.text(Field::Name), desk.content.note()),
        (None, "please buy bread!".to_owned())
    );
}

#[test]
fn each_field_asks_for_its_right_and_an_event_takes_effect_whole() {
    let mut desk = Desk::new(3);
    let mut ana = desk.pen(1);
    let (channel, account, other) = (
        desk.world.channel,
        desk.world.account(1),
        desk.world.account(2),
    );
    let message = EventId([7; 32]);
    let pin = ContentOp::Set {
        field: Field::Pin(channel, message),
        value: Value::Present,
    };
    let founding = desk.world.operations[0].id();
    for op in [
        set(Field::Name, "x"),
        set(Field::ChannelName(channel), "x"),
        set(Field::RoleName(RoleId::ZERO), "x"),
        pin.clone(),
        set(Field::MemberName(other), "x"),
        set(Field::IntroducedName(other), "x"),
        set(Field::Reason(founding), "x"),
    ] {
        let changes = desk.write(
            &mut ana,
            vec![set(Field::MemberName(account), "Ana"), op.clone()],
        );
        assert_eq!(changes, ContentChanges::default(), "{op:?}");
    }
    assert_eq!(desk.text(Field::MemberName(account)), None);
    desk.write(
        &mut ana,
        vec![set(Field::MemberName(account), "Ana"), splice(0, 0, "note")],
    );
    assert_eq!(
        desk.text(Field::MemberName(account)).as_deref(),
        Some("Ana")
    );
    let permissions =
        Permissions::MEMBER | Permissions::MANAGE_MESSAGES | Permissions::MANAGE_CHANNELS;
    let role = desk.operate(AuthorityOp::RoleCreate {
        rank: Rank(5),
        permissions,
    });
    desk.operate(AuthorityOp::Grant {
        account,
        role: role.into(),
    });
    let changes = desk.write(&mut ana, vec![pin, set(Field::ChannelName(channel), "x")]);
    assert_eq!(changes.fields.len(), 2);
    let mut owner = desk.pen(0);
    desk.write(
        &mut owner,
        vec![
            set(Field::IntroducedName(other), "Ben"),
            set(Field::Reason(founding), "for fun"),
        ],
    );
    assert_eq!(
        desk.text(Field::IntroducedName(other)).as_deref(),
        Some("Ben")
    );
    assert_eq!(
        desk.text(Field::Reason(founding)).as_deref(),
        Some("for fun")
    );
}

#[test]
fn what_stops_counting_is_taken_out_again() {
    let mut desk = Desk::new(3);
    let (mut mallory, mut ana, mut owner) = (desk.pen(1), desk.pen(2), desk.pen(0));
    let stale = desk.world.heads();
    desk.write(&mut ana, vec![splice(0, 0, "ana ")]);
    let past = Past {
        deps: desk.content.counting_heads(),
        auth: stale,
        wall: 1,
    };
    let account = desk.world.account(1);
    desk.write_at(
        &mut mallory,
        &past,
        vec![
            splice(0, 4, "mallory"),
            set(Field::MemberName(account), "M"),
        ],
    );
    desk.write_at(&mut owner, &past, vec![splice(4, 0, "owner")]);
    assert_eq!(desk.content.note(), "malloryowner");
    desk.operate(AuthorityOp::Kick {
        account,
        last: Vec::new(),
    });
    assert_eq!(desk.content.note(), "ana owner");
    assert_eq!(desk.text(Field::MemberName(account)), None);
    assert!(desk.content.missing_bodies().is_empty());
}

#[test]
fn bodies_that_come_later_change_nothing_about_the_outcome() {
    let mut desk = Desk::new(2);
    let (mut owner, mut ana) = (desk.pen(0), desk.pen(1));
    for n in 0..4 {
        desk.write(
            &mut owner,
            vec![splice(n, 0, "o"), set(Field::Topic, &format!("topic {n}"))],
        );
        desk.write(&mut ana, vec![splice(0, 1, "a")]);
    }
    let mut other = ContentDocument::new(desk.world.authority.community());
    for (event, _) in &desk.events {
        other
            .insert(event.clone(), None, &desk.world.authority)
            .unwrap();
    }
    assert_eq!(other.missing_bodies().len(), desk.events.len());
    assert_eq!(other.digest(), desk.content.digest());
    let bodies = desk
        .events
        .iter()
        .rev()
        .map(|(event, ops)| (event.id(), ops.clone()));
    let changes = other.set_bodies(bodies, &desk.world.authority);
    assert!(changes.note && changes.fields.contains(&Field::Topic));
    assert_eq!(other.content_digest(), desk.content.content_digest());
}

/// Missing bodies by their definition: every event that counts and was given none.
fn lacking(content: &ContentDocument) -> Vec<EventId> {
    let lacks = |id: &EventId| {
        let at = content.ledger.at(*id).expect("it is held");
        content.entries[at as usize].ops.is_none() && content.ledger.counts(at)
    };
    let ids = content.dag().iter().map(VerifiedEvent::id);
    ids.filter(lacks).collect()
}

/// Member, log (two equal ones: a fork), how stale, operations.
type Step = (usize, usize, usize, Vec<(u8, u32, u32)>);

fn operations(world: &World, member: usize, draws: &[(u8, u32, u32)]) -> Vec<ContentOp> {
    let one = |(what, a, b): &(u8, u32, u32)| match what % 6 {
        0 | 1 => splice(a % 40, b % 8, &"äb€𝄞"[..[0, 2, 3, 6][(*a % 4) as usize]]),
        2 => splice(u32::MAX, u32::MAX, "end"),
        3 => set(Field::MemberName(world.account(member)), &format!("n{a}")),
        4 => set(Field::Topic, &format!("t{b}")),
        _ => ContentOp::Clear {
            field: Field::Topic,
        },
    };
    draws.iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_order_of_arrival_gives_the_same_content(
        steps in proptest::collection::vec(
            (0_usize..3, 0_usize..2, 0_usize..4,
             proptest::collection::vec((any::<u8>(), any::<u32>(), any::<u32>()), 1..4)),
            1..30,
        ),
        kick_after in 0_usize..30,
        draws in proptest::collection::vec(any::<u32>(), 97),
    ) {
        let steps: Vec<Step> = steps;
        let mut desk = Desk::new(3);
        let mut pens: Vec<[Pen; 2]> = (0..3).map(|member| { let pen = desk.pen(member); [pen.clone(), pen] }).collect();
        let auth = desk.world.heads();
        for (member, log, stale, draws) in &steps {
            let pen = &mut pens[*member][*log];
            let deps = desk.events.iter().rev().skip(*stale).take(2).map(|(event, _)| event.id()).collect();
            let ops = operations(&desk.world, *member, draws);
            desk.write_at(pen, &Past { deps, auth: auth.clone(), wall: 1 }, ops);
        }
        let listed = desk.events.get(kick_after).map(|(event, _)| event.id());
        let account = desk.world.account(1);
        desk.operate(AuthorityOp::Kick { account, last: listed.into_iter().collect() });

        let mut other = ContentDocument::new(desk.world.authority.community());
        let early = desk.world.authority_of(desk.world.operations.len() - 1);
        let mut waiting = desk.events.clone();
        let mut late = Vec::new();
        let mut draws = draws.into_iter().cycle();
        let half = waiting.len() / 2;
        let mut idle = 0;
        while !waiting.is_empty() {
            // The draws repeat: after a while every event is tried in turn.
            let draw = draws.next().unwrap() as usize;
            let at = if idle > waiting.len() { idle } else { draw } % waiting.len();
            idle += 1;
            let knows = waiting.len() <= half;
            let authority = if knows { &desk.world.authority } else { &early };
            if waiting.len() == half {
                other.authority_changed(authority);
            }
            let (event, ops) = waiting[at].clone();
            // Some bodies come later.
            let (id, now) = (event.id(), !draw.is_multiple_of(3));
            if other.insert_wanted(event, now.then(|| ops.clone()), authority).is_ok() {
                waiting.remove(at);
                idle = 0;
                if !now {
                    late.push((id, ops));
                }
            }
            prop_assert_eq!(other.missing_bodies(), lacking(&other));
            if draw.is_multiple_of(5) && let Some((id, ops)) = late.pop() {
                other.set_body(id, ops, authority);
            }
            prop_assert_eq!(other.missing_bodies(), lacking(&other));
        }
        other.authority_changed(&desk.world.authority);
        prop_assert_eq!(other.missing_bodies(), lacking(&other));
        other.set_bodies(late, &desk.world.authority);
        prop_assert_eq!(other.missing_bodies(), vec![]);
        prop_assert_eq!(other.note(), desk.content.note());
        prop_assert_eq!(other.counting_heads(), desk.content.counting_heads());
        prop_assert_eq!(other.digest(), desk.content.digest());
        prop_assert_eq!(other.content_digest(), desk.content.content_digest());
    }
}

#[test]
fn fields_of_the_self_document_are_without_effect_in_a_community() {
    let mut desk = Desk::new(2);
    let mut owner = desk.pen(0);
    for field in [
        Field::Kept("draft/a".to_owned()),
        Field::Joined(CommunityId([1; 32])),
        Field::ReadMark(ChannelId([1; 32])),
        Field::DeviceName(DeviceId([1; 32])),
    ] {
        desk.write(
            &mut owner,
            vec![set(Field::Name, "both or none"), set(field.clone(), "text")],
        );
        assert_eq!(desk.text(field), None);
        assert_eq!(
            desk.text(Field::Name),
            None,
            "an event takes effect whole or not at all"
        );
    }
    desk.write(&mut owner, vec![set(Field::Name, "Club")]);
    assert_eq!(desk.text(Field::Name).as_deref(), Some("Club"));
}
