//! Small dialogs: a channel, leaving, the members of a narrow window.

use alloquy_api::Command;
use alloquy_api::command::{ChannelKind, CommunityRef};
use alloquy_api::limits::NAME_BYTES_MAX;
use alloquy_ids::CommunityId;
use egui::Ui;

use super::{Pressed, steps};
use crate::action::Action;
use crate::state::{Order, Overlay};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::widgets::{
    Field, Sheet, Tone, entered, field, keyed_sheet, label, over_limit, segments, sheet, switch,
};
use crate::words::say;

pub(super) fn add_channel(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) -> bool {
    let words = Sheet {
        title: say::channel_make(),
        width: 440.0,
    };
    let mut close = false;
    close |= sheet(ui, words, |ui| {
        super::community::fault(view, ui, &Overlay::AddChannel(id));
        let long = over_limit(&view.state.forms.channel, NAME_BYTES_MAX);
        let words = Field {
            name: say::channel_name(),
            hint: say::channel_hint(),
            error: long.as_deref(),
            secret: false,
        };
        let typed = field(ui, &mut view.state.forms.channel, words);
        let enter = entered(ui, &typed);
        let kind = channel_kind(view, ui);
        let category = kind == ChannelKind::Category;
        let private = view.state.forms.channel_private;
        let about = say::channel_private_about();
        if !category && switch(ui, private, say::channel_private(), about).clicked() {
            view.state.forms.channel_private = !private;
            ui.ctx().request_repaint();
        }
        let name = view.state.forms.channel.trim().to_owned();
        let ready = match (name.is_empty(), long.is_some()) {
            (true, _) => Err(say::name_empty()),
            (_, true) => Err(say::name_too_long()),
            _ => Ok(()),
        };
        let make = match category {
            true => say::category_make_now(),
            false => say::channel_make_now(),
        };
        let pressed = steps(ui, (Tone::Primary, make), ready);
        close |= pressed == Pressed::Cancel;
        if (pressed == Pressed::Step || enter) && ready.is_ok() {
            if category {
                view.act(Action::Govern(Box::new(Order {
                    done: say::category_made(text::name(&name)),
                    command: Command::CreateCategory {
                        community: CommunityRef(id.to_string()),
                        name,
                    },
                    closes: vec![Overlay::AddChannel(id)],
                })));
            } else {
                view.act(Action::CreateChannel(id, kind, name, private));
            }
        } else if enter {
            typed.request_focus();
        }
    });
    close
}

/// What is to be made.
fn channel_kind(view: &mut View<'_>, ui: &mut Ui) -> ChannelKind {
    let kinds = [
        (None, say::channel_kind_text()),
        (Some(ChannelKind::Voice), say::channel_kind_voice()),
        (Some(ChannelKind::Stage), say::channel_kind_stage()),
        (Some(ChannelKind::Category), say::channel_kind_category()),
    ];
    let words = kinds.map(|(_, words)| words);
    let chosen = view.state.forms.channel_kind;
    let now = kinds.iter().position(|(kind, _)| *kind == chosen);
    let taken = segments(ui, say::channel_kind(), &words, now.unwrap_or(0));
    if let Some(place) = taken {
        view.state.forms.channel_kind = kinds[place].0;
        ui.ctx().request_repaint();
    }
    let about = match chosen {
        Some(ChannelKind::Voice) => Some(say::channel_voice_about()),
        Some(ChannelKind::Stage) => Some(say::channel_stage_about()),
        _ => None,
    };
    if let Some(about) = about {
        let palette = theme::palette(ui);
        label(ui, about, font::secondary(), palette.text_dim);
    }
    chosen.unwrap_or(ChannelKind::Text)
}

pub(super) fn leave(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) -> bool {
    let name = view
        .model
        .community(id)
        .map(|community| text::name(&community.name));
    let title = say::leave_title(name.unwrap_or_default());
    let words = Sheet {
        title: &title,
        width: 420.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "leave", words, |ui| {
        let palette = theme::palette(ui);
        let about = match view.model.kind(id) {
            Some(_) => say::group_leave_about(),
            None => say::leave_about(),
        };
        label(ui, about, font::message(), palette.text);
        match steps(ui, (Tone::Danger, say::leave()), Ok(())) {
            Pressed::Step => view.act(Action::Leave(id)),
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
        }
    });
    close
}

pub(super) fn members(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::members(),
        width: 360.0,
    };
    let height = (view.state.size.y - 160.0).max(160.0);
    sheet(ui, words, |ui| {
        ui.allocate_ui(egui::Vec2::new(ui.available_width(), height), |ui| {
            ui.set_min_height(height);
            crate::views::members::show(view, ui);
        });
    })
}
