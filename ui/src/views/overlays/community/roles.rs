//! The roles of a community, strongest first.

use alloquy_api::reply::RoleView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{CommunityId, RoleId};
use egui::{Color32, Sense, Ui};

use super::line::{Face, line};
use crate::action::Action;
use crate::state::{Overlay, Standing};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::widgets::{Tone, button, label};
use crate::words::say;

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    let own = Standing::of(community, view.model.me());
    label(ui, say::roles_about(), font::secondary(), palette.text_dim);
    let may = own.may_make_roles();
    if button(ui, Tone::Primary, say::roles_make(), may).clicked() {
        view.act(Action::Open(Overlay::Role(id, None)));
    }
    if let Err(why) = may {
        label(ui, why, font::secondary(), palette.text_dim);
    }
    for role in community.roles.iter() {
        let about = if role.role == RoleId::ZERO {
            say::role_line_everyone().to_owned()
        } else {
            say::role_line(holders(community, role) as u64, role.rank)
        };
        let face = Face::Dot(color(ui, role.role));
        let name = text::name(&role.name);
        let shown = ui.push_id(role.role, |ui| {
            line(ui, face, (&name, &about), Sense::click())
        });
        if shown.inner.clicked() {
            view.act(Action::Open(Overlay::Role(id, Some(role.role))));
        }
    }
}

/// The colour of a role: of its id, the same for everybody.
pub(super) fn color(ui: &Ui, role: RoleId) -> Color32 {
    if role == RoleId::ZERO {
        return theme::palette(ui).text_dim;
    }
    theme::name_color(ui.visuals().dark_mode, role.as_bytes())
}

/// How many members have a role.
pub(super) fn holders(community: &CommunitySnapshot, role: &RoleView) -> usize {
    let members = community.members.iter();
    members
        .filter(|member| member.roles.contains(&role.name))
        .count()
}
