//! The members of a community, by their strongest role and whether they are online. Only the rows that are
//! seen are laid out.

use alloquy_api::reply::MemberView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;
use egui::{Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo};
use std::sync::Arc;

use super::View;
use crate::action::Action;
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::widgets::{Presence, avatar, focus_ring, heading, line, presence_dot};
use crate::words::say;

/// Height of a member's row, and of a heading: equal, so that rows are found without laying out those before.
const ROW: f32 = 42.0;

/// A row of the list.
#[derive(Clone, Debug)]
enum Entry {
    Heading(String),
    Member(usize),
}

/// The rows of a list, made anew only when its members or roles changed.
#[derive(Debug, Default)]
pub(crate) struct MemberRows {
    of: Option<(Arc<Vec<MemberView>>, CommunityId)>,
    rows: Vec<Entry>,
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let Some((id, community)) = view.state.places.now().community.and_then(|id| {
        let community = view.model.snapshot.communities.get(&id)?;
        Some((id, Arc::clone(community)))
    }) else {
        return;
    };
    let mut rows = std::mem::take(&mut view.state.member_rows);
    let fresh = rows
        .of
        .as_ref()
        .is_some_and(|(of, at)| *at == id && Arc::ptr_eq(of, &community.members));
    if !fresh {
        rows = MemberRows {
            of: Some((Arc::clone(&community.members), id)),
            rows: entries(&community),
        };
    }
    ui.add_space(space::S);
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical()
        .id_salt("members")
        .auto_shrink(false)
        .show_rows(ui, ROW, rows.rows.len(), |ui, range| {
            for entry in &rows.rows[range] {
                match entry {
                    Entry::Heading(words) => title(ui, words),
                    Entry::Member(at) => member(view, ui, id, &community.members[*at]),
                }
            }
        });
    view.state.member_rows = rows;
}

/// Owners, then each role from the strongest, then the rest who are online, then who is not.
fn entries(community: &CommunitySnapshot) -> Vec<Entry> {
    let mut groups: Vec<(String, Vec<usize>)> =
        vec![(say::members_owners().to_owned(), Vec::new())];
    groups.extend(
        community
            .roles
            .iter()
            .filter(|role| role.name != "everyone")
            .map(|role| (role.name.clone(), Vec::new())),
    );
    groups.push((say::members_online().to_owned(), Vec::new()));
    groups.push((say::members_offline().to_owned(), Vec::new()));
    let last = groups.len() - 1;
    for (at, member) in community.members.iter().enumerate() {
        let group = if !member.online {
            last
        } else if member.owner {
            0
        } else {
            let strongest = member.roles.first();
            let named = |(name, _): &(String, Vec<usize>)| Some(name) == strongest;
            groups[1..last - 1]
                .iter()
                .position(named)
                .map_or(last - 1, |at| at + 1)
        };
        groups[group].1.push(at);
    }
    let mut entries = Vec::new();
    for (name, members) in groups
        .into_iter()
        .filter(|(_, members)| !members.is_empty())
    {
        entries.push(Entry::Heading(say::members_heading(
            text::name(&name),
            members.len(),
        )));
        entries.extend(members.into_iter().map(Entry::Member));
    }
    entries
}

fn title(ui: &mut Ui, words: &str) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::hover());
    let inner = Rect::from_min_max(
        egui::pos2(rect.left() + space::S, rect.bottom() - 28.0),
        rect.max,
    );
    ui.scope_builder(egui::UiBuilder::new().max_rect(inner), |ui| {
        heading(ui, words);
    });
}

fn member(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, member: &MemberView) {
    let palette = theme::palette(ui);
    let (slot, response) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::click());
    let name = text::name(&member.name);
    let presence = Presence::of(member);
    let spoken = format!("{name}, {}", presence.word());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let rect = slot.shrink2(Vec2::new(space::S, 1.0));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let face = Rect::from_center_size(
        egui::pos2(rect.left() + space::S + 16.0, rect.center().y),
        Vec2::splat(32.0),
    );
    avatar(ui, face, member.account.as_bytes(), &name);
    presence_dot(
        ui,
        face.right_bottom() - Vec2::splat(4.0),
        presence,
        palette.side,
    );
    let left = face.right() + space::M;
    let room = rect.right() - left - space::S;
    let dark = ui.visuals().dark_mode;
    let color = if member.online {
        theme::name_color(dark, member.account.as_bytes())
    } else {
        palette.text_dim
    };
    let title = line(ui, &name, font::control(), color, room);
    let status = member.status.as_deref().map(text::name).unwrap_or_default();
    let status = line(ui, &status, font::meta(), palette.text_dim, room);
    let both = member.status.is_some();
    let height = title.size().y + if both { status.size().y } else { 0.0 };
    let top = rect.center().y - height / 2.0;
    let below = top + title.size().y;
    ui.painter().galley(egui::pos2(left, top), title, color);
    if both {
        ui.painter()
            .galley(egui::pos2(left, below), status, palette.text_dim);
    }
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::Open(Overlay::Profile(id, member.account)));
    }
}
