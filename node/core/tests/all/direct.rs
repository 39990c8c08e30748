//! Conversations: two started at once, requests, blocks, groups, restarts, safety words.

use alloquy_api::command::CommandId;
use alloquy_api::reply::{DeliveryState, DirectKind, DirectView};
use alloquy_api::{ErrorCode, Event, Reply};
use alloquy_core::{Input, Origin, Verdict};

use crate::world::{Packet, World};

/// Nodes that share the community "club", connected as [`World::club`] leaves them, and then apart.
fn apart(names: &[&str]) -> World {
    let (mut world, _) = World::club(names);
    for at in 1..names.len() {
        world.disconnect(0, at);
    }
    world
}

/// Nodes that know nobody; the first one's contact link is what the others add.
fn strangers(names: &[&str]) -> (World, String) {
    let mut world = World::new(names);
    let link = world.word(0, "contact link", "contact");
    (world, link)
}

fn directs(world: &mut World, at: usize) -> Vec<DirectView> {
    world.snapshot(at).directs.to_vec()
}

fn with(world: &mut World, at: usize, name: &str) -> Option<DirectView> {
    directs(world, at)
        .into_iter()
        .find(|direct| direct.name == name)
}

fn requests(world: &mut World, at: usize) -> Vec<(String, String)> {
    let snapshot = world.snapshot(at);
    let requests = snapshot.dm_requests.iter();
    requests
        .map(|request| (request.name.clone(), request.text.clone()))
        .collect()
}

fn account(world: &World, at: usize) -> String {
    world.peers[at].node.account().to_string()
}

fn code(result: Result<Reply, alloquy_api::CommandError>) -> ErrorCode {
    result.expect_err("it is refused").code
}

#[test]
fn everybody_has_notes_to_oneself_from_the_start() {
    let mut world = World::new(&["ana"]);
    let notes = directs(&mut world, 0);
    assert_eq!(notes.len(), 1);
    assert_eq!(
        (notes[0].kind, notes[0].accounts.len()),
        (DirectKind::Notes, 0)
    );
    world.ok(0, "send @me \"buy milk\"");
    assert_eq!(world.texts(0, "@me"), ["buy milk"]);
    assert_eq!(directs(&mut world, 0)[0].preview, "buy milk");
    let Reply::Communities { communities } = world.ok(0, "communities") else {
        panic!("a list");
    };
    assert!(communities.is_empty(), "notes are no community");
    let before = world.peers[0].records.len();
    world.restart(0, 1);
    assert_eq!(world.texts(0, "@me"), ["buy milk"]);
    assert_eq!(
        world.peers[0].records.len(),
        before,
        "nothing is made twice"
    );
}

#[test]
fn two_conversations_started_at_once_are_one() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(0, "send @ben \"first of ana\"");
    world.ok(0, "send @ben \"second of ana\"");
    world.ok(1, "send @ana \"first of ben\"");
    world.ok(1, "send @ana \"second of ben\"");
    let ids: Vec<_> = [(0, "ben"), (1, "ana")]
        .map(|(at, name)| with(&mut world, at, name).expect("open").community)
        .to_vec();
    assert_eq!(ids[0], ids[1]);
    world.connect(0, 1);
    world.pass(10_000);
    let texts = world.texts(0, "@ben");
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert_eq!(texts, world.texts(1, "@ana"));
    let of =
        |who: &str| -> Vec<&String> { texts.iter().filter(|text| text.ends_with(who)).collect() };
    assert_eq!(of("ana"), ["first of ana", "second of ana"]);
    assert_eq!(of("ben"), ["first of ben", "second of ben"]);
    for at in 0..2 {
        assert_eq!(directs(&mut world, at).len(), 2, "the notes and this one");
        assert!(world.snapshot(at).dm_requests.is_empty());
        assert_eq!(world.peers[at].faults, [""; 0]);
    }
}

#[test]
fn an_answer_in_the_same_breath_stands_below_what_it_answers() {
    let mut world = apart(&["ana", "ben"]);
    for line in ["hello", "it is me", "are you there?"] {
        world.ok(1, &format!("send @ana \"{line}\""));
    }
    world.connect(0, 1);
    world.pass(5_000);
    // Both lines reach the node before anything of the other one does.
    for (number, line) in ["dm accept ben", "send @ben \"I am\""]
        .into_iter()
        .enumerate()
    {
        let origin = Origin {
            client: 7,
            command: CommandId(number as u64),
        };
        let command = line.parse().expect("a line");
        world.input(0, Input::Command(origin, command));
    }
    world.pass(10_000);
    let said = ["hello", "it is me", "are you there?", "I am"];
    assert_eq!(world.texts(0, "@ben"), said);
    assert_eq!(world.texts(1, "@ana"), said);
}

#[test]
fn messages_wait_arrive_once_in_order_and_stay() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(1, "dm ana");
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(requests(&mut world, 0), [("ben".to_owned(), String::new())]);
    world.ok(0, "dm accept ben");
    world.pass(5_000);
    world.disconnect(0, 1);
    for number in 0..40 {
        world.ok(0, &format!("send @ben \"line {number}\""));
    }
    world.restart(0, 1);
    world.pass(3_600_000);
    world.connect(0, 1);
    world.pass(10_000);
    let wanted: Vec<_> = (0..40).map(|number| format!("line {number}")).collect();
    assert_eq!(world.texts(1, "@ana"), wanted);
    world.restart(1, 1);
    assert_eq!(world.texts(1, "@ana"), wanted);
    assert_eq!(with(&mut world, 1, "ana").expect("kept").unread, 40);
    world.ok(1, "send @ana \"got all\"");
    world.connect(0, 1);
    world.pass(10_000);
    assert_eq!(
        world.texts(0, "@ben").last().map(String::as_str),
        Some("got all")
    );
    assert_eq!(world.texts(0, "@ben").len(), 41);
}

#[test]
fn somebody_unknown_is_a_request_until_it_is_accepted() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(1, "send @ana \"hello, it is me\"");
    world.connect(0, 1);
    world.pass(10_000);
    assert_eq!(
        requests(&mut world, 0),
        [("ben".to_owned(), "hello, it is me".to_owned())]
    );
    assert!(with(&mut world, 0, "ben").is_none(), "hidden");
    let told = |event: &&Event| matches!(event, Event::DmRequested { .. });
    assert_eq!(world.peers[0].events.iter().filter(told).count(), 1);
    let mine = &world.history(1, "@ana")[0];
    assert_eq!(
        mine.delivery.state,
        DeliveryState::Stored,
        "nothing is acknowledged"
    );
    assert!(
        !with(&mut world, 1, "ana").expect("open").online,
        "no presence is told"
    );
    world.restart(0, 1);
    assert_eq!(requests(&mut world, 0).len(), 1, "it is kept");
    world.connect(0, 1);
    world.ok(0, "dm accept ben");
    world.pass(10_000);
    assert!(requests(&mut world, 0).is_empty());
    assert_eq!(world.texts(0, "@ben"), ["hello, it is me"]);
    let shown = with(&mut world, 0, "ben").expect("open now");
    assert_eq!((shown.unread, shown.kind), (1, DirectKind::Two));
    world.ok(0, "send @ben \"hello you\"");
    world.pass(5_000);
    assert_eq!(world.texts(1, "@ana"), ["hello, it is me", "hello you"]);
    assert!(with(&mut world, 1, "ana").expect("open").online);
}

#[test]
fn a_request_shows_name_and_words_beside_groups_that_wait_as_well() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.ok(0, "dm ben");
    // Their ids are drawn: some stand before the community's, and none of them is ben's before he accepts.
    for group in 0..6 {
        world.ok(0, &format!("group create trip{group} ben cem"));
    }
    world.ok(0, "send @ben \"hello there\"");
    world.pass(5_000);
    assert_eq!(
        requests(&mut world, 1),
        [("ana".to_owned(), "hello there".to_owned())]
    );
    world.ok(1, "dm accept ana");
    world.pass(60_000);
    assert_eq!(world.texts(1, "@ana"), ["hello there"]);
}

#[test]
fn who_is_declined_is_not_told_and_does_not_come_back() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(1, "send @ana \"hello\"");
    world.connect(0, 1);
    world.pass(5_000);
    world.wire.clear();
    world.ok(0, "dm decline ben");
    let told = world.wire.len();
    assert_eq!(told, 0, "nothing is sent");
    world.pass(30_000);
    world.disconnect(0, 1);
    world.restart(0, 1);
    world.connect(0, 1);
    world.ok(1, "send @ana \"hello?\"");
    world.pass(30_000);
    assert!(requests(&mut world, 0).is_empty());
    assert!(with(&mut world, 0, "ben").is_none());
    assert_eq!(code(world.line(0, "dm accept ben")), ErrorCode::UnknownName);
    // Writing to somebody says more than an earlier no.
    world.ok(0, "send @ben \"sorry\"");
    world.pass(10_000);
    let mut texts = world.texts(1, "@ana");
    assert_eq!(texts, world.texts(0, "@ben"));
    texts.sort();
    assert_eq!(texts, ["hello", "hello?", "sorry"]);
}

#[test]
fn a_blocked_account_reaches_nothing_and_does_not_hear_of_it() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(0, "send @ben \"hi\"");
    world.ok(1, "send @ana \"ho\"");
    world.connect(0, 1);
    world.pass(10_000);
    world.ok(0, "block ben");
    assert!(with(&mut world, 0, "ben").expect("marked").blocked);
    world.ok(1, "send @ana \"let me in\"");
    world.pass(30_000);
    assert_eq!(world.texts(0, "@ben").len(), 2);
    world.restart(0, 1);
    world.connect(0, 1);
    world.pass(10_000);
    assert_eq!(world.texts(0, "@ben").len(), 2, "kept over a restart");
    world.ok(0, "unblock ben");
    world.pass(20_000);
    assert_eq!(
        world.texts(0, "@ben").len(),
        3,
        "what was written meanwhile comes"
    );
    assert_eq!(code(world.line(0, "unblock ben")), ErrorCode::UnknownName);
    assert_eq!(
        code(world.line(0, &format!("block {}", account(&world, 0)))),
        ErrorCode::NotPermitted
    );
}

#[test]
fn requests_of_blocked_accounts_are_refused_silently() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(0, "block ben");
    world.ok(1, "send @ana \"hello\"");
    world.connect(0, 1);
    world.pass(30_000);
    assert!(requests(&mut world, 0).is_empty());
    assert_eq!(world.peers[0].faults, [""; 0]);
}

#[test]
fn a_contact_link_leads_to_a_conversation_without_any_community() {
    let (mut world, link) = strangers(&["ana", "ben"]);
    world.input(
        0,
        Input::ListenAddresses(vec!["/ip4/192.0.2.1/tcp/1/p2p/12D3KooWme".to_owned()]),
    );
    let with_address = world.word(0, "contact link", "contact");
    assert!(with_address.len() > link.len());
    world.ok(1, &format!("contact add {with_address}"));
    world.ok(1, "send @ana \"by your link\"");
    world.connect(0, 1);
    world.pass(10_000);
    assert_eq!(
        requests(&mut world, 0),
        [("ben".to_owned(), "by your link".to_owned())]
    );
    world.ok(0, "dm accept ben");
    world.pass(10_000);
    assert_eq!(world.texts(0, "@ben"), ["by your link"]);
    let names: Vec<_> = world
        .snapshot(1)
        .contacts
        .iter()
        .map(|one| one.name.clone())
        .collect();
    assert_eq!(names, ["ana"]);
    for (bad, says) in [
        (
            with_address[..with_address.len() - 8].to_owned(),
            "check sum",
        ),
        (world.word(1, "contact link", "contact"), "own"),
        ("alloquy://join/aaaa".to_owned(), "starts with"),
    ] {
        let refused = world
            .line(1, &format!("contact add {bad}"))
            .expect_err("bad");
        assert_eq!(refused.code, ErrorCode::InviteInvalid);
        assert!(refused.message.contains(says), "{}", refused.message);
    }
}

#[test]
fn the_queue_holds_64_requests_one_of_each() {
    let names: Vec<String> = (0..66).map(|at| format!("p{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut world, link) = strangers(&names);
    for at in 1..names.len() {
        world.ok(at, &format!("contact add {link}"));
        world.ok(at, "send @p0 \"please\"");
        world.connect(0, at);
        world.pass(2_000);
        world.disconnect(0, at);
    }
    assert_eq!(requests(&mut world, 0).len(), 64);
    assert!(
        !requests(&mut world, 0)
            .iter()
            .any(|(name, _)| name == "p65")
    );
    world.ok(0, "dm decline p1");
    world.connect(0, 65);
    world.pass(5_000);
    assert!(
        requests(&mut world, 0)
            .iter()
            .any(|(name, _)| name == "p65")
    );
    world.connect(0, 2);
    world.pass(5_000);
    assert_eq!(
        requests(&mut world, 0).len(),
        64,
        "a second one of the same is none"
    );
}

/// Ben knows Ana from a community that he has left since: he shares nothing with her now.
fn left_behind() -> World {
    let mut world = apart(&["ana", "ben"]);
    world.connect(0, 1);
    world.pass(3_000);
    world.ok(1, "leave club");
    world.pass(5_000);
    world.disconnect(0, 1);
    world
}

#[test]
fn a_stranger_works_for_a_request() {
    let mut world = left_behind();
    let ana = account(&world, 0);
    world.ok(1, &format!("dm {ana}"));
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(requests(&mut world, 0).len(), 1);
    assert_eq!(world.peers[0].faults, [""; 0]);
}

#[test]
fn work_that_does_not_hold_is_not_even_stored() {
    let mut world = left_behind();
    let ana = account(&world, 0);
    world.ok(1, &format!("dm {ana}"));
    // The last byte of the number stands before the empty range at the end of a hello.
    world.tamper = Some(Box::new(|_, _, packet| match packet {
        Packet::Frame(bytes) if bytes.get(1) == Some(&21) => {
            let mut bytes = bytes.to_vec();
            let at = bytes.len() - 2;
            bytes[at] ^= 1;
            vec![Packet::Frame(bytes.into())]
        }
        other => vec![other],
    }));
    let before = world.peers[0].records.len();
    world.connect(0, 1);
    world.pass(3_000);
    assert!(requests(&mut world, 0).is_empty());
    assert_eq!(world.peers[0].records.len(), before);
    assert!(
        !world.peers[0].faults.is_empty(),
        "it is a fault of its sender"
    );
}

#[test]
fn nobody_opens_a_conversation_of_others() {
    let mut world = apart(&["ana", "ben", "eve"]);
    world.ok(1, "send @ana \"hello\"");
    // Eve sends what Ben says as her own.
    world.tamper = Some(Box::new(|_, _, packet| vec![packet]));
    world.connect(1, 2);
    world.disconnect(1, 2);
    let mut taken = Vec::new();
    world.tamper = None;
    world.connect(0, 1);
    for bytes in &world.wire {
        if bytes.get(1) == Some(&21) {
            taken.push(bytes.clone());
        }
    }
    world.disconnect(0, 1);
    assert!(!taken.is_empty());
    world.ok(0, "dm decline ben");
    world.connect(0, 2);
    let faults = world.peers[0].faults.len();
    world.arrive(2, 0, Packet::Frame(taken[0].clone()));
    assert_eq!(world.peers[0].faults.len(), faults + 1);
    assert!(requests(&mut world, 0).is_empty());
    // And in Ben's conversation with Ana she is nobody.
    world.ok(0, "send @ben \"secret\"");
    world.connect(1, 2);
    world.connect(0, 1);
    world.pass(10_000);
    assert_eq!(directs(&mut world, 2).len(), 1);
    assert!(!world.peers[2].verdicts.contains(&Verdict::Reject));
}

#[test]
fn safety_words_are_the_same_on_both_sides_and_confirmed_once() {
    let mut world = apart(&["ana", "ben", "eve"]);
    let words = |world: &mut World, at: usize, line: &str| match world.ok(at, line) {
        Reply::Safety {
            safety_words,
            safety_code,
            verified,
        } => (safety_words, safety_code, verified),
        other => panic!("{other:?}"),
    };
    let (of_ana, code_of_ana, verified) = words(&mut world, 0, "verify ben");
    assert_eq!((of_ana.len(), verified), (12, false));
    let (of_ben, code_of_ben, _) = words(&mut world, 1, "verify ana");
    assert_eq!((&of_ana, code_of_ana), (&of_ben, code_of_ben));
    assert_ne!(words(&mut world, 2, "verify ana").0, of_ben);
    assert!(words(&mut world, 0, "verify ben --confirmed").2);
    world.restart(0, 1);
    assert!(words(&mut world, 0, "verify ben").2);
    assert!(world.snapshot(0).contacts[0].verified);
    assert_eq!(code(world.line(0, "verify @me")), ErrorCode::NotPermitted);
}

#[test]
fn a_group_is_brought_to_its_members_and_ends_for_who_is_removed() {
    let mut world = apart(&["ana", "ben", "cid"]);
    for (at, name) in [(1, "ben"), (2, "cid")] {
        world.ok(0, &format!("send @{name} \"hi\""));
        world.ok(at, "send @ana \"ho\"");
    }
    world.ok(0, "group create picnic ben cid");
    world.ok(0, "send picnic/chat \"who brings what?\"");
    world.connect(0, 1);
    world.pass(10_000);
    assert_eq!(world.texts(1, "picnic/chat"), ["who brings what?"]);
    world.ok(1, "send picnic/chat \"bread\"");
    world.pass(5_000);
    world.disconnect(0, 1);
    // Whoever was added hears of it from any member.
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(world.texts(2, "picnic/chat"), ["who brings what?", "bread"]);
    let shown = with(&mut world, 2, "picnic").expect("listed");
    assert_eq!(
        (shown.kind, shown.accounts.len(), shown.unread),
        (DirectKind::Group, 2, 2)
    );
    assert_eq!(
        code(world.line(1, "group remove picnic cid")),
        ErrorCode::NotPermitted
    );
    assert_eq!(
        code(world.line(1, "rename picnic mine")),
        ErrorCode::NotPermitted
    );
    assert_eq!(
        code(world.line(0, "create-channel picnic text more")),
        ErrorCode::NotPermitted
    );
    assert_eq!(
        code(world.line(0, "invite picnic")),
        ErrorCode::NotPermitted
    );
    world.connect(0, 1);
    world.pass(5_000);
    world.ok(0, "group remove picnic ben");
    world.ok(0, "rename picnic feast");
    world.ok(0, "send feast/chat \"not for ben\"");
    world.pass(20_000);
    assert!(with(&mut world, 1, "picnic").is_none(), "he is told");
    world.disconnect(1, 2);
    world.disconnect(0, 1);
    world.connect(0, 2);
    world.pass(10_000);
    assert_eq!(world.texts(2, "feast/chat").len(), 3);
    world.ok(2, "leave feast");
    world.pass(5_000);
    assert_eq!(
        with(&mut world, 0, "feast").expect("kept").accounts.len(),
        0
    );
}

#[test]
fn added_to_a_group_by_a_stranger_is_a_request() {
    let mut world = apart(&["ana", "ben"]);
    world.ok(0, "group create cult ben");
    world.ok(0, "send cult/chat \"join us\"");
    world.connect(0, 1);
    world.pass(10_000);
    assert!(with(&mut world, 1, "cult").is_none());
    let asked = world.snapshot(1).dm_requests.to_vec();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].name.as_str(), asked[0].text.as_str()),
        ("ana", "cult")
    );
    assert!(asked[0].group.is_some() && asked[0].community.is_some());
    world.ok(1, "dm accept ana");
    world.pass(10_000);
    assert_eq!(world.texts(1, "cult/chat"), ["join us"]);
    world.restart(1, 1);
    assert_eq!(world.texts(1, "@cult"), ["join us"]);
}

#[test]
fn a_group_has_32_accounts_and_who_was_removed_reads_nothing_later() {
    let names: Vec<String> = (0..33).map(|at| format!("p{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = apart(&names);
    let others = names[1..31].join(" ");
    world.ok(0, &format!("group create crowd {others}"));
    world.ok(0, "group add crowd p31");
    let full = world.line(0, "group add crowd p32").expect_err("full");
    assert_eq!(full.code, ErrorCode::Limit);
    assert!(
        full.message.contains("33") && full.message.contains("32"),
        "{}",
        full.message
    );
    world.ok(0, "send crowd/chat \"all\"");
    for at in 1..32 {
        world.ok(at, "send @p0 \"hi\"");
        world.connect(0, at);
    }
    world.pass(20_000);
    for at in 1..32 {
        assert_eq!(
            requests(&mut world, at),
            [("p0".to_owned(), "crowd".to_owned())][..0],
            "{at}"
        );
        assert_eq!(world.texts(at, "crowd/chat"), ["all"], "{at}");
    }
    world.ok(0, "group remove crowd p5");
    world.ok(0, "group add crowd p32");
    world.ok(0, "send crowd/chat \"after\"");
    world.pass(20_000);
    for at in [1, 4, 31] {
        assert_eq!(world.texts(at, "crowd/chat"), ["all", "after"], "{at}");
    }
    assert!(with(&mut world, 5, "crowd").is_none());
}
