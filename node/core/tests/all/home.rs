//! Home nodes: what is kept, for whom, and that it is there when its writer is not.

use alloquy_api::Reply;
use alloquy_api::reply::DeliveryState;
use alloquy_ids::{AccountId, CommunityId, NetworkKey};
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::draft::{Signer, sign};
use alloquy_schema::identity::{IdentityLog, IdentityOp, NetworkCertificate, accept_home};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;

use crate::world::World;

/// Makes a node a home node of another's account.
pub(crate) fn pair(world: &mut World, owner: usize, home: usize) {
    let key = Bytes::from_static(&[2]);
    let read = |world: &World, at: usize| {
        let bytes = world.peers[at].records[&key].clone();
        let mut r = Reader::new(&bytes);
        let account = AccountId::read(&mut r).expect("an account");
        let device: [u8; 32] = r.array("device").expect("a seed");
        let network: [u8; 32] = r.array("network").expect("a seed");
        let chain: Vec<SignedEvent> = r.list(256, "chain").expect("a chain");
        let rest = r.raw(r.remaining(), "rest").expect("the rest").to_vec();
        (account, device, network, chain, rest)
    };
    let (account, device, network, chain, rest) = read(world, owner);
    let (_, home_device, home_network, ..) = read(world, home);
    let home_key = DeviceKey::from_seed(&home_device);
    let op = IdentityOp::HomeAdd {
        device: home_key.id(),
        network: NetworkCertificate::sign(&home_network, home_key.id()),
        accepted: accept_home(account, &home_key),
    };
    let log = IdentityLog::verify(&chain).expect("a chain that holds");
    let by = Signer {
        device: &DeviceKey::from_seed(&device),
        incarnation: 7,
        wall: world.now.wall,
    };
    let event = sign(&log, &op, by).expect("room");
    let chain = log.with(&event).expect("it holds").chain();
    let mut w = Writer::new();
    account.write(&mut w);
    w.raw(&device);
    w.raw(&network);
    w.list(&chain);
    w.raw(&rest);
    let record = Bytes::from(w.into_bytes());
    world.peers[owner].records.insert(key, record);
    let mut w = Writer::new();
    w.option(Some(&account));
    w.varint(20 << 30);
    w.varint(1);
    w.list(&chain);
    let record = Bytes::from(w.into_bytes());
    world.peers[home]
        .records
        .insert(Bytes::from_static(&[0x25]), record);
    world.restart(owner, 1);
    world.restart(home, 1);
    let _: NetworkKey = world.peers[home].key;
}

/// Ana and ben in a club that ana's home node keeps.
fn kept_club(names: &[&str]) -> (World, CommunityId) {
    let (mut world, id) = World::club(&names[..names.len() - 1]);
    world.add(names[names.len() - 1]);
    let home = names.len() - 1;
    pair(&mut world, 0, home);
    world.ok(0, "home store club on");
    for other in 1..home {
        world.connect(0, other);
    }
    world.connect(0, home);
    world.pass(30_000);
    (world, id)
}

fn kept(world: &mut World, home: usize) -> Vec<(CommunityId, u64, u64)> {
    match world.ok(home, "home status") {
        Reply::HomeStatus { home } => home
            .keeps
            .iter()
            .map(|kept| (kept.community, kept.events, kept.bytes))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_ana_wrote_alone_reaches_ben_a_day_later_through_her_home_node() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    assert_eq!(kept(&mut world, 2).len(), 1);
    assert_eq!(kept(&mut world, 2)[0].0, id);
    world.disconnect(0, 1);
    for n in 0..20 {
        world.ok(0, &format!("send club/general \"message {n}\""));
    }
    world.pass(2_000);
    let states: Vec<_> = world
        .history(0, "club/general")
        .iter()
        .map(|message| message.delivery.state)
        .collect();
    assert!(
        states.iter().all(|state| *state == DeliveryState::Held),
        "{states:?}"
    );
    world.disconnect(0, 2);
    world.pass(24 * 3600 * 1000);
    world.connect(1, 2);
    world.pass(30_000);
    let expected: Vec<_> = (0..20).map(|n| format!("message {n}")).collect();
    assert_eq!(world.texts(1, "club/general"), expected);
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
}
