use alloquy_api::command::{ChannelKind, ChannelRef, CommunityRef};
use alloquy_api::{Client, Command, Event, Reply};

use super::*;

/// Long enough for a loaded machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

async fn call(handle: &mut NodeHandle, command: Command) -> Reply {
    let told = handle.call(command.clone(), PATIENCE).await;
    told.unwrap_or_else(|error| panic!("{command:?}: {error:?}"))
}

fn club() -> CommunityRef {
    CommunityRef("club".to_owned())
}

fn send(text: &str) -> Command {
    Command::Send {
        channel: ChannelRef("club/general".to_owned()),
        text: text.to_owned(),
        embeds: Vec::new(),
    }
}

/// Ana's club with Ben in it.
async fn club_of_two(world: &World) -> (NodeHandle, NodeHandle) {
    let (mut ana, mut ben) = (world.handle(0).unwrap(), world.handle(1).unwrap());
    let founded = Command::CreateCommunity {
        name: "club".to_owned(),
        template: None,
    };
    call(&mut ana, founded).await;
    let channel = Command::CreateChannel {
        community: club(),
        kind: ChannelKind::Text,
        name: "general".to_owned(),
        private: false,
        category: None,
    };
    call(&mut ana, channel).await;
    let invite = Command::Invite {
        community: club(),
        uses: None,
        expires_ms: None,
    };
    let Reply::Invite { invite, .. } = call(&mut ana, invite).await else {
        panic!("an invite")
    };
    call(&mut ben, Command::Join { link: invite }).await;
    (ana, ben)
}

async fn arrives(handle: &mut NodeHandle, text: &str) -> u64 {
    let arrived = async {
        loop {
            match handle.event().await.expect("the node runs") {
                Event::MessageAdded { message, .. } | Event::MessageChanged { message, .. }
                    if message.text == text =>
                {
                    return message.time.0;
                }
                _ => {}
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, arrived).await;
    told.unwrap_or_else(|_| panic!("{text:?} did not arrive"))
}

#[tokio::test]
async fn cores_in_memory_talk_and_what_is_said_with_a_lag_lies_in_the_past() {
    let world = World::start(&["Ana", "Ben"]).unwrap();
    let (mut ana, mut ben) = club_of_two(&world).await;
    let hour = Duration::from_secs(3600);
    world.set_lag(hour);
    call(&mut ana, send("an hour ago")).await;
    let past = arrives(&mut ben, "an hour ago").await;
    world.set_lag(Duration::ZERO);
    call(&mut ben, send("now")).await;
    let now = arrives(&mut ana, "now").await;
    let apart = now - past;
    assert!((3_590_000..3_660_000).contains(&apart), "{apart} ms apart");
    world.shutdown().await;
    let told_of_the_end = async { while ana.event().await.is_some() {} };
    tokio::time::timeout(PATIENCE, told_of_the_end)
        .await
        .unwrap();
    assert_eq!(ana.ended().unwrap().code, ErrorCode::NotRunning);
}

#[tokio::test]
async fn what_was_sent_has_arrived_when_the_world_says_so() {
    let world = World::start(&["Ana", "Ben"]).unwrap();
    let (mut ana, mut ben) = club_of_two(&world).await;
    arrives_soon(&world, &mut ana, &mut ben).await;
    while ben.next_event().is_some() {}
    for number in 0..20 {
        let text = format!("line {number}");
        call(&mut ana, send(&text)).await;
        world.delivered().await;
        let mut events = std::iter::from_fn(|| ben.next_event());
        let is_it = |event: Event| matches!(event, Event::MessageAdded { message, .. } if message.text == text);
        assert!(events.any(is_it), "{text}");
    }
}

/// Waits until the first message has got through: what follows needs no more than the way there.
async fn arrives_soon(world: &World, ana: &mut NodeHandle, ben: &mut NodeHandle) {
    call(ana, send("first")).await;
    arrives(ben, "first").await;
    world.delivered().await;
}

#[tokio::test]
async fn a_world_at_rest_tells_nothing() {
    let world = World::start(&["Ana", "Ben"]).unwrap();
    let (mut ana, mut ben) = club_of_two(&world).await;
    call(&mut ana, send("hello")).await;
    arrives(&mut ben, "hello").await;
    // However busy the machine is, it comes to rest; a world that never does runs into the limit.
    let quiet = Duration::from_secs(4);
    let rests = async {
        loop {
            while ana.next_event().is_some() || ben.next_event().is_some() {}
            let before = (ana.snapshot().version, ben.snapshot().version);
            tokio::time::sleep(quiet).await;
            let told = ana.next_event().is_some() || ben.next_event().is_some();
            if !told && (ana.snapshot().version, ben.snapshot().version) == before {
                return;
            }
        }
    };
    let rested = tokio::time::timeout(Duration::from_secs(60), rests).await;
    assert!(rested.is_ok(), "it never rests for {quiet:?}");
}

#[tokio::test]
async fn too_many_nodes_and_a_bad_name_are_refused() {
    let names = vec!["x"; NODES_MAX + 1];
    let error = World::start(&names).unwrap_err();
    assert_eq!(error.code, ErrorCode::Limit);
    assert!(error.message.contains("65"), "{}", error.message);
    let long = "n".repeat(101);
    assert_eq!(
        World::start(&[long.as_str()]).unwrap_err().code,
        ErrorCode::Limit
    );
}
