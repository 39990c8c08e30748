//! What is drawn: the panes, and what lies above them.

mod bridged;
mod composer;
mod directs;
mod first_run;
mod header;
mod home_hint;
mod keys;
mod members;
mod overlays;
mod rail;
mod side;
mod timeline;
mod toasts;
mod voice;
mod words_field;

use alloquy_api::command::ChannelKind;
use alloquy_api::personal::DirectKind;
use alloquy_api::reply::ChannelView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{ChannelId, CommunityId};
use egui::{CentralPanel, Frame, Panel, Ui};
use std::collections::BTreeSet;

use crate::action::Action;
use crate::effect::Effect;
use crate::model::{Model, Phase};
use crate::state::{Overlay, UiState};
use crate::theme;

pub(crate) use composer::Completions;
pub(crate) use members::MemberRows;
pub(crate) use overlays::{SwitcherIndex, connection_words};
pub(crate) use timeline::TimelineState;
pub(crate) use toasts::words_of_stop;

/// What a view reads and where it puts what the person does.
pub(crate) struct View<'a> {
    pub(crate) model: &'a Model,
    pub(crate) state: &'a mut UiState,
    pub(crate) actions: Vec<Action>,
}

impl View<'_> {
    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }
}

/// Draws one frame and carries out what the person did in it.
pub fn show(model: &Model, state: &mut UiState, ui: &mut Ui) -> Vec<Effect> {
    state.style(ui.ctx());
    state.size = ui.ctx().content_rect().size();
    let mut view = View {
        model,
        state,
        actions: Vec::new(),
    };
    match &model.phase {
        Phase::Running if first_run::goes_on(&view) => {
            keys::collect(&mut view, ui);
            first_run::show(&mut view, ui);
            overlays::show(&mut view, ui);
            toasts::show(&mut view, ui);
        }
        Phase::Running | Phase::Failed(_) if model.snapshot.account.is_some() => {
            keys::collect(&mut view, ui);
            panes(&mut view, ui);
            overlays::show(&mut view, ui);
            toasts::show(&mut view, ui);
        }
        _ => {
            first_run::show(&mut view, ui);
            toasts::show(&mut view, ui);
        }
    }
    let actions = view.actions;
    let opens_switcher = actions.contains(&Action::Open(Overlay::Switcher));
    let mut effects = Vec::new();
    for action in actions {
        effects.extend(state.apply(action, model));
        // What an action changed is seen at once, not at the next movement of the mouse.
        ui.ctx().request_repaint();
    }
    if opens_switcher {
        // The next letter may come with the very frame that draws the field first.
        ui.memory_mut(|memory| memory.request_focus(overlays::switcher_field()));
    }
    effects
}

/// The list of channels, where it fits or is asked for; gives the width that is left.
fn list(view: &mut View<'_>, ui: &mut Ui) -> f32 {
    let room = ui.available_width();
    if view.state.size.x < theme::SIDE_BESIDE_FROM && !view.state.side_open {
        return room;
    }
    // Where a conversation would be a strip beside it, the list is all that is shown.
    let alone = room - theme::SIDE_WIDTH < theme::CONVERSATION_MIN;
    let width = if alone { room } else { theme::SIDE_WIDTH };
    Panel::left("side")
        .exact_size(width)
        .resizable(false)
        .show_separator_line(false)
        .frame(Frame::new().fill(theme::palette(ui).side))
        .show(ui, |ui| side::show(view, ui));
    room - width
}

fn panes(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let width = view.state.size.x;
    toasts::banner(view, ui);
    Panel::left("rail")
        .exact_size(theme::RAIL_WIDTH)
        .resizable(false)
        .show_separator_line(false)
        .frame(Frame::new().fill(palette.rail))
        .show(ui, |ui| rail::show(view, ui));
    let room = list(view, ui);
    if room < theme::HIT_MIN {
        return;
    }
    let place = view.state.places.now();
    if let Some(slot) = place.thread_slot()
        && room < 2.0 * theme::CONVERSATION_MIN
    {
        CentralPanel::no_frame()
            .frame(Frame::new().fill(palette.chat))
            .show(ui, |ui| {
                header::thread(view, ui);
                conversation(view, ui, slot);
            });
        return;
    }
    let beside = width >= theme::MEMBERS_BESIDE_FROM;
    if let Some(slot) = place.thread_slot() {
        let width = theme::THREAD_WIDTH.min(width * 0.4);
        Panel::right("thread")
            .exact_size(width)
            .resizable(false)
            .show_separator_line(false)
            .frame(
                Frame::new()
                    .fill(palette.chat)
                    .stroke(egui::Stroke::new(1.0, palette.line)),
            )
            .show(ui, |ui| {
                header::thread(view, ui);
                conversation(view, ui, slot);
            });
    } else if beside && view.state.settings.members_open && has_members(view, place.community) {
        Panel::right("members")
            .exact_size(theme::MEMBERS_WIDTH)
            .resizable(false)
            .show_separator_line(false)
            .frame(Frame::new().fill(palette.side))
            .show(ui, |ui| members::show(view, ui));
    }
    CentralPanel::no_frame()
        .frame(Frame::new().fill(palette.chat))
        .show(ui, |ui| match place.slot() {
            Some(slot) => {
                header::channel(view, ui, slot);
                bridged::show(view, ui, slot);
                home_hint::show(view, ui, slot);
                voice::room_bar(view, ui, slot);
                if view.state.shows_room() {
                    voice::room(view, ui, slot);
                } else {
                    conversation(view, ui, slot);
                }
            }
            None => first_run::nowhere(view, ui),
        });
}

/// Whether the members stand beside what is shown: of two people both are known.
fn has_members(view: &View<'_>, community: Option<CommunityId>) -> bool {
    community.is_some_and(|id| {
        let kind = view.model.kind(id);
        matches!(kind, None | Some(DirectKind::Group))
    })
}

/// A timeline over its composer.
fn conversation(view: &mut View<'_>, ui: &mut Ui, slot: crate::state::Slot) {
    let palette = theme::palette(ui);
    Panel::bottom(("composer", slot))
        .resizable(false)
        .show_separator_line(false)
        .frame(Frame::new().fill(palette.chat))
        .show(ui, |ui| composer::show(view, ui, slot));
    CentralPanel::no_frame()
        .frame(Frame::new().fill(palette.chat))
        .show(ui, |ui| timeline::show(view, ui, slot));
}

/// Channels as the list shows them: those without a category first, then each category with what stands under
/// it; of a folded one only what wants attention.
pub(crate) fn channel_order<'a>(
    community: &'a CommunitySnapshot,
    folded: &BTreeSet<ChannelId>,
) -> Vec<&'a ChannelView> {
    let under = |category: Option<ChannelId>| {
        let mut views = community.channels.iter();
        let mut found: Vec<&ChannelView> = Vec::new();
        for view in &mut views {
            if view.kind != ChannelKind::Category && view.category == category {
                found.push(view);
            }
        }
        // Text before voice, each in the order given.
        found.sort_by_key(|view| view.kind);
        found
    };
    let mut shown = under(None);
    for category in community.channels.iter() {
        if category.kind != ChannelKind::Category {
            continue;
        }
        shown.push(category);
        let is_folded = folded.contains(&category.channel);
        let within = under(Some(category.channel));
        shown.extend(
            within
                .into_iter()
                .filter(|view| !is_folded || view.unread > 0),
        );
    }
    shown
}
