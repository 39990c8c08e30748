use std::collections::BTreeSet;

use alloquy_api::command::{ChannelRef, Window, WindowAt};
use alloquy_api::{Event, Snapshot};

use super::*;

/// Six people and their conversation, as the window gets them.
async fn world() -> (World, NodeHandle) {
    filled().await.unwrap_or_else(|fault| panic!("{fault}"))
}

fn channel(snapshot: &Snapshot, community: &str, name: &str) -> alloquy_ids::ChannelId {
    let community = snapshot
        .communities
        .values()
        .find(|view| view.name == community)
        .unwrap();
    community
        .channels
        .iter()
        .find(|view| view.name == name)
        .unwrap()
        .channel
}

#[tokio::test(flavor = "multi_thread")]
async fn the_world_comes_to_rest_and_then_nothing_moves() {
    let (world, handle) = world().await;
    let mut handles: Vec<_> = (1..6).map(|seat| world.handle(seat).unwrap()).collect();
    handles.push(handle);
    // However busy the machine is, it comes to rest; a world that never does runs into the limit.
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let before = versions(&handles);
        let news = told(&mut handles);
        tokio::time::sleep(Duration::from_secs(6)).await;
        let quiet = told(&mut handles).is_empty();
        if quiet && versions(&handles) == before {
            return;
        }
        assert!(Instant::now() < until, "it never rests: {news:?}");
    }
}

fn versions(handles: &[NodeHandle]) -> Vec<u64> {
    handles
        .iter()
        .map(|handle| handle.snapshot().version)
        .collect()
}

/// What a person would notice. Nodes compare what they hold from time to time; that nothing is missing is no
/// news.
fn told(handles: &mut [NodeHandle]) -> Vec<Event> {
    let mut news = Vec::new();
    for handle in handles {
        while let Some(event) = handle.next_event() {
            if !matches!(event, Event::CaughtUp { .. }) {
                news.push(event);
            }
        }
    }
    news
}

#[tokio::test(flavor = "multi_thread")]
async fn the_world_is_filled_and_a_message_of_the_person_reaches_the_others() {
    let (world, mut handle) = world().await;
    let snapshot = handle.snapshot();
    let names: BTreeSet<_> = snapshot
        .communities
        .values()
        .filter(|view| view.direct.is_none())
        .map(|view| view.name.as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["Rowan House", "Tuesday table"]));
    let house = snapshot
        .communities
        .values()
        .find(|view| view.name == "Rowan House")
        .unwrap();
    assert_eq!(house.members.len(), 6);
    let seen = house
        .members
        .iter()
        .map(|member| (member.name.as_str(), member.availability));
    let offline: Vec<_> = seen
        .filter(|(_, availability)| availability.is_none())
        .collect();
    assert_eq!(offline, [], "everybody is seen");
    assert_eq!(snapshot.peers, 5, "and connected");
    assert!(house.roles.len() >= 2 && house.channels.len() >= 8);
    let unread: u32 = house.channels.iter().map(|view| view.unread).sum();
    assert!(unread > 0, "something is new");

    let general = channel(&snapshot, "Rowan House", "general");
    let window = Window {
        channel: general,
        thread: None,
        at: WindowAt::End,
        limit: 100,
    };
    handle
        .call(Command::Watch { window }, LINE_LIMIT)
        .await
        .unwrap();
    let shown = handle.snapshot().windows[&general].clone();
    assert!(shown.messages.len() >= 20, "{}", shown.messages.len());
    let times: Vec<u64> = shown
        .messages
        .iter()
        .map(|message| message.time.0)
        .collect();
    assert!(
        times.is_sorted(),
        "who speaks has heard what was said before: {times:?}"
    );
    let span = shown.messages.last().unwrap().time.0 - shown.messages[0].time.0;
    assert!(span > 24 * 3_600_000, "the conversation lasted {span} ms");

    let mut mira = world.handle(1).unwrap();
    let send = Command::Send {
        channel: ChannelRef(general.to_string()),
        text: "hello from here".to_owned(),
        embeds: Vec::new(),
    };
    handle.call(send, LINE_LIMIT).await.unwrap();
    let arrived = async {
        loop {
            match mira.event().await {
                Some(
                    Event::MessageAdded { message, .. } | Event::MessageChanged { message, .. },
                ) if message.text == "hello from here" => return,
                Some(_) => {}
                None => panic!("the world ended"),
            }
        }
    };
    tokio::time::timeout(LINE_LIMIT, arrived)
        .await
        .expect("it arrives");
}
