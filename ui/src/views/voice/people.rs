//! Who is in a voice channel: in the list of channels, and what can be done about each.

use alloquy_api::VoiceCommand;
use alloquy_api::command::{AccountRef, ChannelKind};
use alloquy_api::limits::VOLUME_PERCENT_MAX;
use alloquy_api::voice::{CallPeerView, VoiceMemberView};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId};
use egui::{Popup, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{call_in, has};
use crate::action::Action;
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::views::side::menu_item;
use crate::widgets::{Slide, avatar, focus_ring, line, paint_icon, slider};
use crate::words::say;

/// Points from the left of the list to a person's picture: below the name of the channel.
const INDENT: f32 = 30.0;
/// Percent that one press of a key changes a volume by.
const VOLUME_STEP: u32 = 5;

/// Somebody in a voice channel, as far as this device knows.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) account: AccountId,
    pub(super) device: DeviceId,
    pub(super) name: String,
    /// It is this device.
    pub(super) own: bool,
    pub(super) speaking: bool,
    pub(super) muted: bool,
    pub(super) deafened: bool,
    pub(super) silenced: bool,
    pub(super) audience: bool,
    pub(super) hand: bool,
    /// The connection to them, in the own call.
    pub(super) peer: Option<CallPeerView>,
}

/// Everybody in a channel, as the node orders them.
pub(super) fn people(view: &View<'_>, id: CommunityId, channel: ChannelId) -> Vec<Person> {
    let community = view.model.community(id);
    let members = community.and_then(|community| community.voices.get(&channel));
    let members = members.map_or(&[][..], Vec::as_slice);
    members.iter().map(|of| person(view, channel, of)).collect()
}

fn person(view: &View<'_>, channel: ChannelId, member: &VoiceMemberView) -> Person {
    let mut devices = view.model.snapshot.devices.iter();
    let call = call_in(view, channel);
    let own = devices.any(|device| device.this && device.device == member.device);
    let peer = call
        .and_then(|call| call.peers.get(&member.device))
        .cloned();
    let here = call.filter(|_| own);
    Person {
        account: member.account,
        device: member.device,
        name: text::name(&member.name),
        own,
        speaking: match (here, &peer) {
            (Some(call), _) => call.speaking && !call.muted && call.silenced.is_none(),
            (None, peer) => peer.as_ref().is_some_and(|peer| peer.speaking),
        },
        // What one chose holds at once, before the others are told.
        muted: here.map_or(member.muted, |call| call.muted),
        deafened: here.map_or(member.deafened, |call| call.deafened),
        silenced: member.silenced,
        audience: member.audience,
        hand: member.hand,
        peer,
    }
}

impl Person {
    /// Signs beside the name, and their words.
    pub(super) fn marks(&self) -> Vec<(Icon, &'static str)> {
        let marks = [
            (self.hand, Icon::Hand, say::voice_hand_up()),
            (self.audience, Icon::Ear, say::voice_listens()),
            (
                self.silenced && !self.audience,
                Icon::VolumeOff,
                say::voice_silenced(),
            ),
            (self.deafened, Icon::HeadphoneOff, say::voice_deafened()),
            (self.muted, Icon::MicOff, say::voice_muted()),
        ];
        let held = marks.into_iter().filter(|(holds, ..)| *holds);
        held.map(|(_, icon, words)| (icon, words)).collect()
    }

    /// What is read out: the name and all marks.
    pub(super) fn spoken(&self) -> String {
        let mut spoken = vec![self.name.as_str()];
        if self.speaking {
            spoken.push(say::voice_speaking());
        }
        spoken.extend(self.marks().into_iter().map(|(_, words)| words));
        spoken.join(", ")
    }

    /// Whether the others are told that they are not heard.
    pub(super) const fn is_silent(&self) -> bool {
        self.muted || self.deafened || self.silenced || self.audience
    }

    fn account_ref(&self) -> AccountRef {
        AccountRef(self.account.to_string())
    }
}

/// The ring around the picture of whoever speaks.
pub(super) fn speaking_ring(ui: &Ui, face: Rect, width: f32) {
    let stroke = Stroke::new(width, theme::palette(ui).ok);
    let reach = face.width() / 2.0 + width;
    ui.painter().circle_stroke(face.center(), reach, stroke);
}

/// Signs of a person, the last one ending at a point; gives where the first one begins.
pub(super) fn paint_marks(ui: &Ui, person: &Person, right: egui::Pos2) -> f32 {
    let palette = theme::palette(ui);
    let mut left = right.x;
    for (icon, _) in person.marks().iter().rev() {
        let color = match icon {
            Icon::Hand => palette.warn,
            Icon::VolumeOff => palette.danger,
            _ => palette.text_dim,
        };
        paint_icon(ui, *icon, egui::pos2(left - 8.0, right.y), 14.0, color);
        left -= 20.0;
    }
    left
}

/// Who is in a channel, below its row.
pub(in crate::views) fn roster(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    channel: ChannelId,
) {
    for person in people(view, id, channel) {
        ui.push_id(person.device, |ui| row(view, ui, id, &person));
    }
}

fn row(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, person: &Person) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), theme::HIT_MIN);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let spoken = person.spoken();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let at = egui::pos2(rect.left() + INDENT + 11.0, rect.center().y);
    let face = Rect::from_center_size(at, Vec2::splat(22.0));
    avatar(ui, face, person.account.as_bytes(), &person.name);
    if person.speaking {
        speaking_ring(ui, face, 2.0);
    }
    let right = egui::pos2(rect.right() - space::S, rect.center().y);
    let right = paint_marks(ui, person, right);
    let left = face.right() + space::S;
    let color = match person.speaking {
        true => palette.text_strong,
        false => palette.text_dim,
    };
    let room = (right - left - space::XS).max(20.0);
    let galley = line(ui, &person.name, font::control(), color, room);
    let at = egui::pos2(left, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, color);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::Open(Overlay::Profile(id, person.account)));
    }
    menu(view, &response, id, person);
}

/// What can be done about somebody, at the second button of the pointer.
pub(super) fn menu(
    view: &mut View<'_>,
    response: &egui::Response,
    id: CommunityId,
    person: &Person,
) {
    Popup::context_menu(response).width(240.0).show(|ui| {
        if menu_item(ui, Icon::UserRound, say::profile()) {
            view.act(Action::Open(Overlay::Profile(id, person.account)));
            ui.close();
        }
        volume(view, ui, person, true);
        if let Some((words, icon, order)) = stage_order(view, id, person)
            && menu_item(ui, icon, words)
        {
            view.act(Action::Voice(order));
            ui.close();
        }
    });
}

/// How loud somebody is played here: of the own call, and not of oneself.
pub(super) fn volume(view: &mut View<'_>, ui: &mut Ui, person: &Person, named: bool) {
    let Some(peer) = &person.peer else {
        return;
    };
    let name = say::voice_volume_of(&person.name);
    let words = Slide {
        name: &name,
        named,
        range: 0..=VOLUME_PERCENT_MAX,
        step: VOLUME_STEP,
    };
    if let Some(percent) = slider(ui, words, u32::from(peer.volume)) {
        let account = person.account_ref();
        view.act(Action::Voice(VoiceCommand::Volume { account, percent }));
    }
}

/// What a moderator of the own stage may order about somebody on it.
pub(super) fn stage_order(
    view: &View<'_>,
    id: CommunityId,
    person: &Person,
) -> Option<(&'static str, Icon, VoiceCommand)> {
    let channel = view.model.snapshot.call.as_ref()?.channel;
    let of = view.model.channel(id, channel)?;
    let moderates = of.kind == ChannelKind::Stage && has(of, "mute");
    if !moderates || person.own || person.peer.is_none() {
        return None;
    }
    let account = person.account_ref();
    Some(if person.audience {
        let order = VoiceCommand::StageInvite { account };
        (say::stage_invite(), Icon::MicVocal, order)
    } else {
        let order = VoiceCommand::StageAudience { account };
        (say::stage_audience(), Icon::Ear, order)
    })
}
