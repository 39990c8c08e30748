//! Bridges: members who hand a channel to a server, and messages that came through one.

use alloquy_api::Reply;

use crate::world::World;

fn bridges(world: &mut World, at: usize, name: &str) -> Vec<String> {
    let Reply::Channels { channels } = world.ok(at, "channels club") else {
        panic!("channels");
    };
    let mut channels = channels.into_iter();
    channels
        .find(|view| view.name == name)
        .expect("it is there")
        .bridges
}

#[test]
fn a_channel_names_the_bridges_that_may_view_it_and_no_owner() {
    let (mut world, _) = World::club(&["ana", "irc.example.org", "ben"]);
    assert_eq!(bridges(&mut world, 0, "general"), [""; 0]);
    world.ok(0, "role create club Bridge --rank 5 --allow bridge");
    world.ok(0, "role grant club Bridge irc.example.org");
    world.ok(0, "create-channel club text cellar --private");
    world.pass(1_000);
    for at in [0, 2] {
        assert_eq!(bridges(&mut world, at, "general"), ["irc.example.org"]);
    }
    assert_eq!(bridges(&mut world, 0, "cellar"), [""; 0]);
    world.ok(
        0,
        "overwrite club/cellar member irc.example.org --allow view",
    );
    assert_eq!(bridges(&mut world, 0, "cellar"), ["irc.example.org"]);
    world.ok(0, "role revoke club Bridge irc.example.org");
    world.pass(1_000);
    assert_eq!(bridges(&mut world, 2, "general"), [""; 0]);
}

#[test]
fn whoever_bridges_by_what_one_channel_alone_allows_is_named_there_alone() {
    let (mut world, _) = World::club(&["ana", "irc.example.org", "xmpp.example.org"]);
    world.ok(0, "create-channel club text cellar");
    world.ok(0, "role create club Guest --rank 5");
    world.ok(0, "role grant club Guest xmpp.example.org");
    let member = "overwrite club/general member irc.example.org --allow bridge";
    let role = "overwrite club/cellar role Guest --allow bridge";
    world.ok(0, member);
    world.ok(0, role);
    assert_eq!(bridges(&mut world, 0, "general"), ["irc.example.org"]);
    assert_eq!(bridges(&mut world, 0, "cellar"), ["xmpp.example.org"]);
    world.ok(0, "overwrite club/cellar role everyone --allow bridge");
    let all = ["irc.example.org", "xmpp.example.org"];
    assert_eq!(bridges(&mut world, 0, "cellar"), all, "and no owner");
}

#[test]
fn a_message_says_that_it_came_through_a_server() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(1, "send club/general \"from my own node\"");
    world.peers[1].node.mark_as_bridged();
    let id = world.word(1, "send club/general \"through a server\"", "message");
    world.ok(1, &format!("reply {id} \"an answer too\""));
    world.ok(1, &format!("thread {id} \"and in a thread\""));
    world.ok(0, "send club/general \"from a member\"");
    world.pass(1_000);
    for at in [0, 1] {
        let shown = world.history(at, "club/general");
        let bridged: Vec<_> = shown.iter().map(|view| view.bridged).collect();
        assert_eq!(bridged, [false, true, true, true, false], "{at}");
    }
    world.restart(0, 7);
    assert!(
        world.history(0, "club/general")[1].bridged,
        "over a restart"
    );
}
