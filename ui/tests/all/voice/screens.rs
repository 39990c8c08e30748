//! Screens about voice, as they are when they have the most to show.

use alloquy_ids::ChannelId;
use alloquy_ui::state::{Overlay, SettingsPage};
use alloquy_ui::voice::Transmit;
use alloquy_ui::{Action, Model};

use crate::fixture::{COMMUNITY, open_sized};
use crate::screens::{FAULT, Screen, overlay, screen};
use crate::sheets::act;
use crate::voice_fixture::{
    CLOSED, LOUNGE, STAGE, calling, change_call, change_sound, listening, moderating, rooms,
};

fn busy() -> Model {
    let mut model = calling();
    model.sound = Some(crate::voice_fixture::sound().into());
    change_sound(&mut model, |sound| {
        sound.devices.failure = Some(FAULT.to_owned());
    });
    change_call(&mut model, |call| {
        (call.speaking, call.muted) = (true, true);
        call.silenced = Some(FAULT.to_owned());
    });
    model
}

fn room(name: &str, model: impl Fn() -> Model + 'static, channel: ChannelId) -> Screen {
    screen(name, move |(width, height)| {
        let mut harness = open_sized(model(), width, height);
        act(&mut harness, Action::ShowRoom(COMMUNITY, channel));
        harness
    })
}

/// The panes.
pub(crate) fn panes() -> Vec<Screen> {
    vec![
        screen("the panel of a call", |(width, height)| {
            let mut harness = open_sized(busy(), width, height);
            if width < 760.0 {
                act(&mut harness, Action::ToggleSide);
            }
            harness
        }),
        room("a room with a call", busy, LOUNGE),
        room("a room without a call", rooms, LOUNGE),
        room("a room that one may not enter", rooms, CLOSED),
        room("a stage", listening, STAGE),
        room("a stage that one moderates", moderating, STAGE),
        screen("messages of a room", |(width, height)| {
            let mut harness = open_sized(busy(), width, height);
            act(&mut harness, Action::ShowChat(COMMUNITY, LOUNGE));
            harness
        }),
    ]
}

/// The page of settings in its other states.
pub(crate) fn sheets() -> Vec<Screen> {
    let page = || Overlay::Settings(SettingsPage::Voice);
    vec![
        overlay("a key to talk", page(), |world| {
            world.state.settings.voice.transmit = Transmit::PushToTalk;
        }),
        overlay("a key that can not be it", page(), |world| {
            world.state.settings.voice.transmit = Transmit::PushToTalk;
            (world.state.voice.key_refused) = true;
        }),
        overlay("no sound", page(), |world| world.model.sound = None),
        overlay("a failed device", page(), |world| {
            change_sound(&mut world.model, |sound| {
                sound.devices.failure = Some(FAULT.to_owned());
                sound.devices.input = None;
            });
        }),
    ]
}
