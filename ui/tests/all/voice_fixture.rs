//! A world with voice: a channel with four people, a stage with two, and the own call.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::personal::{DeviceState, DeviceView};
use alloquy_api::voice::{
    CallPeerView, CallView, DevicesView, LinkStage, LinkStats, LinkView, VoiceMemberView,
};
use alloquy_ids::{ChannelId, DeviceId, UnixMs};
use alloquy_ui::Model;
use alloquy_ui::voice::{KeyReach, SoundView};

use crate::fixture::{COMMUNITY, account, change, change_community, channel};
use crate::sheets_fixture::rich;

/// A voice channel.
pub(crate) const LOUNGE: ChannelId = ChannelId([21; 32]);
/// A stage.
pub(crate) const STAGE: ChannelId = ChannelId([22; 32]);
/// A voice channel that one may see and not enter.
pub(crate) const CLOSED: ChannelId = ChannelId([23; 32]);
/// Why somebody is not reached, as the node says it.
const REASON: &str = "No pair of addresses works, and no relay is known";

/// The device of a member.
pub(crate) const fn device(n: u8) -> DeviceId {
    DeviceId([n + 100; 32])
}

/// Somebody in a room.
pub(crate) fn inside(n: u8, name: &str) -> VoiceMemberView {
    VoiceMemberView {
        account: account(n),
        device: device(n),
        name: name.to_owned(),
        muted: false,
        deafened: false,
        silenced: false,
        audience: false,
        hand: false,
    }
}

/// The connection to a member, at a stage.
pub(crate) fn peer(n: u8, stage: LinkStage) -> CallPeerView {
    CallPeerView {
        account: account(n),
        link: LinkView {
            stage,
            reason: None,
            path: None,
        },
        speaking: false,
        volume: 100,
        stats: LinkStats::default(),
    }
}

/// Rooms with people in them, and no call.
pub(crate) fn rooms() -> Model {
    let mut model = rich();
    change(&mut model, |snapshot| {
        snapshot.recovery_pending = false;
        snapshot.devices = Arc::new(vec![DeviceView {
            device: device(0),
            name: "laptop".to_owned(),
            this: true,
            since: UnixMs(0),
            connected: true,
            state: DeviceState::Active,
        }]);
    });
    change_community(&mut model, |community| {
        let rights = ["view", "read-history", "send", "connect", "speak"];
        let mut channels = Vec::clone(&community.channels);
        for (id, name, kind, rights) in [
            (LOUNGE, "lounge", ChannelKind::Voice, &rights[..]),
            (STAGE, "hall", ChannelKind::Stage, &rights[..]),
            (CLOSED, "board", ChannelKind::Voice, &rights[..2]),
        ] {
            let mut room = channel(id, name, rights);
            room.kind = kind;
            channels.push(room);
        }
        community.channels = Arc::new(channels);
        let mut muted = inside(2, "Ada");
        muted.muted = true;
        let mut silenced = inside(3, "Okonkwo");
        silenced.silenced = true;
        let lounge = vec![muted, inside(0, "Mira"), silenced, inside(1, "tomasz")];
        let mut asks = inside(4, "Priya");
        (asks.audience, asks.hand) = (true, true);
        let mut listens = inside(0, "Mira");
        listens.audience = true;
        let hall = vec![listens, asks, inside(5, "Sam")];
        community.voices = Arc::new([(LOUNGE, lounge), (STAGE, hall)].into());
    });
    model
}

/// The own call in the lounge: one is heard, one is reached, one is not.
pub(crate) fn calling() -> Model {
    let mut model = rooms();
    let mut failed = peer(3, LinkStage::Failed);
    failed.link.reason = Some(REASON.to_owned());
    let peers = [
        (device(1), peer(1, LinkStage::Audio)),
        (device(2), peer(2, LinkStage::Open)),
        (device(3), failed),
    ];
    change(&mut model, |snapshot| {
        snapshot.call = Some(Arc::new(CallView {
            community: COMMUNITY,
            channel: LOUNGE,
            muted: false,
            deafened: false,
            silenced: None,
            speaking: false,
            peers: peers.into(),
        }));
    });
    model
}

/// The own call on the stage, listening.
pub(crate) fn listening() -> Model {
    let mut model = calling();
    change_call(&mut model, |call| {
        call.channel = STAGE;
        call.silenced = Some("this device is in the audience of the stage".to_owned());
        call.peers = [
            (device(4), peer(4, LinkStage::Audio)),
            (device(5), peer(5, LinkStage::Audio)),
        ]
        .into();
    });
    model
}

/// [`listening`], as somebody who may say who speaks.
pub(crate) fn moderating() -> Model {
    let mut model = listening();
    change_call(&mut model, |call| call.silenced = None);
    change_community(&mut model, |community| {
        for channel in Arc::make_mut(&mut community.channels) {
            channel.rights.push("mute".to_owned());
        }
        let voices = Arc::make_mut(&mut community.voices);
        voices.get_mut(&STAGE).unwrap()[0].audience = false;
    });
    model
}

/// Changes the own call.
pub(crate) fn change_call(model: &mut Model, by: impl FnOnce(&mut CallView)) {
    change(model, |snapshot| {
        by(Arc::make_mut(snapshot.call.as_mut().unwrap()));
    });
}

/// Devices of a computer with a headset.
pub(crate) fn sound() -> SoundView {
    SoundView {
        devices: DevicesView {
            inputs: vec!["Built-in Audio".to_owned(), "USB Headset".to_owned()],
            outputs: vec!["Built-in Audio".to_owned(), "USB Headset".to_owned()],
            input: Some("USB Headset".to_owned()),
            output: Some("Built-in Audio".to_owned()),
            failure: None,
        },
        level_db: Some(-18),
        testing: false,
        key_reach: KeyReach::default(),
    }
}

/// Changes the devices.
pub(crate) fn change_sound(model: &mut Model, by: impl FnOnce(&mut SoundView)) {
    by(Arc::make_mut(model.sound.as_mut().unwrap()));
}
