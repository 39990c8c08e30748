//! How far a message has got: held, on a device of a reader, read.

use alloquy_api::reply::DeliveryState;

use crate::world::World;

/// Ana and ben, who have accepted each other's messages.
fn two() -> World {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send @ben hello");
    world.pass(5_000);
    world.ok(1, "dm accept ana");
    world.pass(5_000);
    world
}

fn last(world: &mut World, at: usize, channel: &str) -> DeliveryState {
    let shown = world.history(at, channel);
    shown.last().expect("a message").delivery.state
}

#[test]
fn an_author_learns_that_it_was_read_at_once_or_when_it_is_there_again() {
    let mut world = two();
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Delivered);
    world.ok(1, "mark-read @ana");
    world.pass(5_000);
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Read);
    world.disconnect(0, 1);
    world.ok(0, "send @ben two");
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Stored);
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Delivered);
    world.disconnect(0, 1);
    world.ok(1, "mark-read @ana");
    world.restart(1, 1);
    world.pass(60_000);
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Delivered);
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Read);
    world.disconnect(0, 1);
    world.restart(0, 1);
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Read);
}

#[test]
fn nobody_learns_what_is_read_by_whoever_does_not_want_it_or_in_a_community() {
    let mut world = two();
    assert!(world.snapshot(1).receipts);
    world.ok(1, "receipts off");
    assert!(!world.snapshot(1).receipts);
    world.ok(1, "mark-read @ana");
    world.ok(0, "send club/general all");
    world.pass(5_000);
    world.ok(1, "receipts on");
    world.ok(1, "mark-read club/general");
    world.pass(60_000);
    assert_eq!(
        last(&mut world, 0, "club/general"),
        DeliveryState::Delivered
    );
    world.ok(1, "receipts off");
    world.ok(0, "send @ben two");
    world.pass(5_000);
    world.ok(1, "mark-read @ana");
    world.restart(1, 1);
    world.connect(0, 1);
    world.pass(60_000);
    assert!(!world.snapshot(1).receipts, "it is kept");
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Delivered);
}

#[test]
fn what_is_read_is_told_rarely_and_only_to_its_author() {
    let mut world = two();
    for number in 0..30 {
        world.ok(0, &format!("send @ben \"line {number}\""));
    }
    world.pass(5_000);
    world.wire.clear();
    for _ in 0..30 {
        world.ok(1, "mark-read @ana");
        world.pass(100);
    }
    world.pass(60_000);
    let told = world.wire.iter().filter(|frame| frame[1] == 25).count();
    assert_eq!(told, 1, "one log was read, all at once");
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Read);
}

#[test]
fn a_receipt_beyond_what_was_written_or_of_a_strange_log_says_nothing() {
    use alloquy_ids::CommunityId;
    use alloquy_schema::authority::direct;
    use alloquy_schema::codec::Writer;

    let mut world = two();
    world.disconnect(0, 1);
    world.ok(0, "send @ben late");
    world.links.insert((0, 1));
    let (ana, ben) = (world.peers[0].node.account(), world.peers[1].node.account());
    let id: CommunityId = direct::id(ana, ben);
    let receipt = |device: [u8; 32], height: u64| {
        let mut w = Writer::new();
        w.u8(1);
        w.u8(25);
        w.raw(id.as_bytes());
        w.raw(direct::channel(id).as_bytes());
        w.raw(&device);
        w.u32(77);
        w.varint(height);
        w.into_bytes()
    };
    let devices = [world.peers[0].node.device().0, [9; 32]];
    for device in devices {
        for height in [0, 1, u64::MAX] {
            let packet = crate::world::Packet::Frame(receipt(device, height).into());
            world.arrive(1, 0, packet);
        }
    }
    assert_eq!(last(&mut world, 0, "@ben"), DeliveryState::Stored);
}

#[test]
fn whether_the_router_is_asked_is_kept_on_this_device() {
    let mut world = two();
    assert!(world.snapshot(0).asks_router);
    world.ok(0, "router off");
    assert!(!world.snapshot(0).asks_router);
    world.restart(0, 1);
    assert!(!world.snapshot(0).asks_router, "it is kept");
    world.ok(0, "router on");
    assert!(world.snapshot(0).asks_router);
}
