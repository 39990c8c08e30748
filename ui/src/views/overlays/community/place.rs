//! Where a channel stands among the others, and whether to delete it.

use alloquy_api::Command;
use alloquy_api::command::{ChannelKind, ChannelRef};
use alloquy_api::reply::ChannelView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{ChannelId, CommunityId};
use egui::Ui;
use lucide_icons::Icon;

use super::fault;
use super::line::{Face, pick_line};
use crate::action::Action;
use crate::state::{Direction, Order, Overlay};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::{Pressed, steps};
use crate::widgets::{Sheet, Tone, button, keyed_sheet, label, section};
use crate::words::say;

/// Those beside which a channel stands, itself among them, in their order.
fn neighbours<'a>(community: &'a CommunitySnapshot, of: &ChannelView) -> Vec<&'a ChannelView> {
    let beside = |view: &&ChannelView| {
        let both = (view.kind, of.kind);
        match both {
            (ChannelKind::Category, ChannelKind::Category) => true,
            (kind, other) => kind == other && view.category == of.category,
        }
    };
    community.channels.iter().filter(beside).collect()
}

/// What moves a channel one step among those beside it: each of them gets the place where it stands then, for several
/// may have had the same. Nothing where there is no further step.
fn step(beside: &[&ChannelView], of: ChannelId, to: Direction) -> Vec<Command> {
    let mut order: Vec<&ChannelView> = beside.to_vec();
    let Some(at) = order.iter().position(|view| view.channel == of) else {
        return Vec::new();
    };
    let other = match to {
        Direction::Previous => at.checked_sub(1),
        Direction::Next => Some(at + 1).filter(|next| *next < order.len()),
    };
    let Some(other) = other else {
        return Vec::new();
    };
    order.swap(at, other);
    let moved = order.iter().zip(0_u32..);
    let moved = moved.filter(|(view, place)| view.position != i64::from(*place));
    moved
        .map(|(view, position)| Command::MoveChannel {
            channel: ChannelRef(view.channel.to_string()),
            position,
            category: None,
        })
        .collect()
}

/// Its place in the list: a step up or down, and the category that it stands under.
pub(super) fn place(
    view: &mut View<'_>,
    ui: &mut Ui,
    community: &CommunitySnapshot,
    of: &ChannelView,
) {
    let name = text::name(&of.name);
    let order = |command| Order {
        command,
        done: say::channel_moved(&name),
        closes: Vec::new(),
    };
    section(ui, say::channel_place());
    let beside = neighbours(community, of);
    ui.horizontal_wrapped(|ui| {
        for (to, words) in [
            (Direction::Previous, say::channel_up()),
            (Direction::Next, say::channel_down()),
        ] {
            let commands = step(&beside, of.channel, to);
            let may = if commands.is_empty() {
                Err(say::channel_at_end())
            } else {
                Ok(())
            };
            if button(ui, Tone::Plain, words, may).clicked() {
                for command in commands {
                    view.act(Action::Govern(Box::new(order(command))));
                }
            }
        }
    });
    if of.kind == ChannelKind::Category {
        return;
    }
    let categories = community.channels.iter();
    let categories = categories.filter(|view| view.kind == ChannelKind::Category);
    let offered = categories.map(|view| (Some(view.channel), text::name(&view.name)));
    let none = (None, say::channel_no_category().to_owned());
    let offered: Vec<_> = std::iter::once(none).chain(offered).collect();
    if offered.len() < 2 {
        return;
    }
    section(ui, say::channel_category());
    for (category, words) in offered {
        let face = Face::Sign(match category {
            Some(_) => Icon::FolderOpen,
            None => Icon::Hash,
        });
        let picked = of.category == category;
        let row = ui.push_id(category, |ui| pick_line(ui, face, (&words, ""), picked));
        if row.inner.clicked() && !picked {
            let category = category.map_or_else(|| "none".to_owned(), |id| id.to_string());
            let command = Command::MoveChannel {
                channel: ChannelRef(of.channel.to_string()),
                position: u32::try_from(of.position).unwrap_or(0),
                category: Some(category),
            };
            view.act(Action::Govern(Box::new(order(command))));
        }
    }
}

/// The way to the question whether to delete it.
pub(super) fn delete_more(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, of: &ChannelView) {
    ui.add_space(space::S);
    let words = match of.kind {
        ChannelKind::Category => say::category_delete_more(),
        ChannelKind::Text | ChannelKind::Voice => say::channel_delete_more(),
    };
    if button(ui, Tone::Plain, words, Ok(())).clicked() {
        let question = Overlay::ConfirmChannelDeletion(id, of.channel);
        view.act(Action::Open(question));
    }
}

/// Whether to delete a channel or a category.
pub(in crate::views::overlays) fn delete(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    channel: ChannelId,
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let community = community.unwrap_or_default();
    let mut channels = community.channels.iter();
    let of = channels.find(|view| view.channel == channel);
    let name = of.map_or_else(|| channel.short(), |of| text::name(&of.name));
    let title = say::channel_delete_title(&name);
    let words = Sheet {
        title: &title,
        width: 420.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "channel deletion", words, |ui| {
        let palette = theme::palette(ui);
        let question = Overlay::ConfirmChannelDeletion(id, channel);
        fault(view, ui, &question);
        let (about, step) = match of.map(|of| of.kind) {
            Some(ChannelKind::Category) => (say::category_delete_about(), say::category_delete()),
            _ => (say::channel_delete_about(), say::channel_delete()),
        };
        label(ui, about, font::message(), palette.text);
        match steps(ui, (Tone::Danger, step), Ok(())) {
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
            Pressed::Step => view.act(Action::Govern(Box::new(Order {
                command: Command::DeleteChannel {
                    channel: ChannelRef(channel.to_string()),
                },
                done: say::channel_deleted(&name),
                closes: vec![question, Overlay::Channel(id, channel)],
            }))),
        }
    });
    close
}
