//! Sheets, dialogs and pickers.

mod add_community;
mod availability;
mod community;
mod connections;
mod dialogs;
mod emoji;
mod invite;
mod personal;
mod pins;
mod profile;
mod recovery;
mod settings;
mod shortcuts;
mod spans;
mod switcher;

use egui::{Layout, Ui};

use super::View;
use crate::action::Action;
use crate::state::Overlay;
use crate::theme::space;
use crate::widgets::{Tone, all_closed, button};
use crate::words::say;

pub(crate) use connections::connection_words;
pub(crate) use switcher::SwitcherIndex;
pub(super) use switcher::field_id as switcher_field;

/// Shows what is open, the topmost last.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    for overlay in view.state.overlays.clone() {
        let close = match overlay {
            Overlay::Switcher => switcher::show(view, ui),
            Overlay::Shortcuts => shortcuts::show(ui),
            Overlay::Settings(page) => settings::show(view, ui, page),
            Overlay::Connections => connections::show(view, ui),
            Overlay::Invite(community) => invite::show(view, ui, community),
            Overlay::AddCommunity => add_community::show(view, ui),
            Overlay::JoinCard => add_community::show_card(view, ui),
            Overlay::AddChannel(community) => dialogs::add_channel(view, ui, community),
            Overlay::Profile(community, account) => profile::show(view, ui, community, account),
            Overlay::ConfirmRemoval(community, account, how) => {
                profile::confirm(view, ui, (community, account), how)
            }
            Overlay::Community(id, page) => community::show(view, ui, id, page),
            Overlay::Role(id, role) => community::role(view, ui, id, role),
            Overlay::ConfirmRoleDeletion(id, role) => community::delete_role(view, ui, id, role),
            Overlay::Channel(id, channel) => community::channel(view, ui, id, channel),
            Overlay::ConfirmChannelDeletion(id, channel) => {
                community::delete_channel(view, ui, id, channel)
            }
            Overlay::Overwrite(id, channel, target) => {
                community::overwrite(view, ui, id, (channel, target))
            }
            Overlay::Branch(id, branch) => community::branch(view, ui, id, branch),
            Overlay::ConfirmOwner(id, account, change) => {
                community::confirm_owner(view, ui, id, (account, change))
            }
            Overlay::Recovery => recovery::show(view, ui),
            Overlay::Members => dialogs::members(view, ui),
            Overlay::ConfirmLeave(community) => dialogs::leave(view, ui, community),
            Overlay::Availability => availability::show(view, ui),
            Overlay::Emoji(slot, message) => emoji::show(view, ui, slot, message),
            Overlay::Pins(channel) => pins::show(view, ui, channel),
            other => personal::show(view, ui, &other),
        };
        if close {
            view.act(Action::Dismiss);
        }
    }
    if view.state.overlays.is_empty() && all_closed(ui) {
        return_focus(view, ui);
    }
}

/// Gives the keyboard's focus back to where one writes.
fn return_focus(view: &mut View<'_>, ui: &Ui) {
    let place = view.state.places.now();
    if let Some(slot) = place.thread_slot().or_else(|| place.slot()) {
        view.state.composers.entry(slot).or_default().focus = true;
        ui.ctx().request_repaint();
    }
}

/// The last row of a dialog: its one step at the right, the way back beside it. Gives what was pressed.
fn steps(ui: &mut Ui, (tone, name): (Tone, &str), enabled: Result<(), &str>) -> Pressed {
    let mut pressed = Pressed::Nothing;
    ui.add_space(space::S);
    ui.with_layout(Layout::right_to_left(egui::Align::Min), |ui| {
        if button(ui, tone, name, enabled).clicked() {
            pressed = Pressed::Step;
        }
        if button(ui, Tone::Plain, say::cancel(), Ok(())).clicked() {
            pressed = Pressed::Cancel;
        }
    });
    pressed
}

/// What was pressed in the last row of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pressed {
    Nothing,
    Step,
    Cancel,
}
