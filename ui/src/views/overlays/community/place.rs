//! Where a channel stands among the others, and whether to delete it.

use alloquy_api::Command;
use alloquy_api::command::{ChannelKind, ChannelRef};
use alloquy_api::reply::ChannelView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{ChannelId, CommunityId};
use egui::Ui;
use lucide_icons::Icon;

use super::channels::has;
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

/// Channels that one step may move at most: each is signed for every member, and 256 orders may be under way.
const MOVED_MAX: usize = 64;

/// A channel and the place that it is to have.
type Moved<'a> = (&'a ChannelView, i64);

/// What moves a channel one step among those beside it, or why there is no such step. Places are given to as few as
/// that needs: to one or both of the two that change places, and where several have the same place to those behind.
fn step<'a>(
    beside: &[&'a ChannelView],
    of: ChannelId,
    to: Direction,
) -> Result<Vec<Moved<'a>>, &'static str> {
    let mut order: Vec<&ChannelView> = beside.to_vec();
    let at = order.iter().position(|view| view.channel == of);
    let upper = at.and_then(|at| match to {
        Direction::Previous => at.checked_sub(1),
        Direction::Next => Some(at).filter(|at| at + 1 < beside.len()),
    });
    let Some(upper) = upper else {
        return Err(say::channel_at_end());
    };
    order.swap(upper, upper + 1);
    let moved = match swapped(&order, upper) {
        Some(both) => both,
        None => pushed(&order, upper),
    };
    let fits = |moved: &Moved<'_>| u32::try_from(moved.1).is_ok();
    if moved.len() > MOVED_MAX || !moved.iter().all(fits) {
        return Err(say::channel_moves_many());
    }
    let may = |moved: &Moved<'_>| {
        let mut needed = ["manage-channels", "manage-content"].iter();
        needed.all(|right| has(moved.0, right))
    };
    match moved.iter().all(may) {
        true => Ok(moved),
        false => Err(say::channel_moves_others()),
    }
}

/// Where a channel would stand with this place: the node puts those of one place in the order of their names.
fn key<'a>((view, place): Moved<'a>) -> (i64, &'a str, ChannelId) {
    (place, &view.name, view.channel)
}

/// The two that stand at `upper` and below it get each other's places, if they stand as wanted with these.
fn swapped<'a>(order: &[&'a ChannelView], upper: usize) -> Option<Vec<Moved<'a>>> {
    let (one, other) = (order[upper], order[upper + 1]);
    let both = [(one, other.position), (other, one.position)];
    let before = upper
        .checked_sub(1)
        .map(|at| (order[at], order[at].position));
    let after = order.get(upper + 2).map(|view| (*view, view.position));
    let all: Vec<_> = before.into_iter().chain(both).chain(after).collect();
    let fits = all.is_sorted_by_key(|moved| key(*moved)) && one.position != other.position;
    fits.then(|| both.to_vec())
}

/// From `upper` on each stays where it stands below the one before, or gets the next place.
fn pushed<'a>(order: &[&'a ChannelView], upper: usize) -> Vec<Moved<'a>> {
    let mut last = upper
        .checked_sub(1)
        .map(|at| (order[at], order[at].position));
    let mut moved = Vec::new();
    for (at, view) in order.iter().enumerate().skip(upper) {
        let stays = last.is_none_or(|last| key(last) < key((view, view.position)));
        if stays && at > upper + 1 {
            break;
        }
        let place = match last {
            Some((_, place)) if !stays => place.saturating_add(1),
            _ => view.position,
        };
        if !stays {
            moved.push((*view, place));
        }
        last = Some((view, place));
    }
    moved
}

/// Its place in the list: a step up or down, and the category that it stands under.
pub(super) fn place(
    view: &mut View<'_>,
    ui: &mut Ui,
    community: &CommunitySnapshot,
    of: &ChannelView,
) {
    let name = text::name(&of.name);
    let order = |command, done| Order {
        command,
        done,
        closes: Vec::new(),
    };
    section(ui, say::channel_place());
    let beside = neighbours(community, of);
    ui.horizontal_wrapped(|ui| {
        for (to, words) in [
            (Direction::Previous, say::channel_up()),
            (Direction::Next, say::channel_down()),
        ] {
            let moved = step(&beside, of.channel, to);
            let may = moved.as_ref().map(|_| ()).map_err(|why| *why);
            if !button(ui, Tone::Plain, words, may).clicked() {
                continue;
            }
            let mut moved = moved.unwrap_or_default().into_iter().peekable();
            while let Some((moving, place)) = moved.next() {
                let command = Command::MoveChannel {
                    channel: ChannelRef(moving.channel.to_string()),
                    position: u32::try_from(place).unwrap_or(u32::MAX),
                    category: None,
                };
                // It is one step, whatever it takes.
                let done = match moved.peek() {
                    Some(_) => String::new(),
                    None => say::channel_moved(&name),
                };
                view.act(Action::Govern(Box::new(order(command, done))));
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
            let done = say::channel_moved(&name);
            view.act(Action::Govern(Box::new(order(command, done))));
        }
    }
}

/// The way to the question whether to delete it.
pub(super) fn delete_more(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, of: &ChannelView) {
    ui.add_space(space::S);
    let words = match of.kind {
        ChannelKind::Category => say::category_delete_more(),
        ChannelKind::Text | ChannelKind::Voice | ChannelKind::Stage => say::channel_delete_more(),
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
