//! What a community is run with: a sheet of pages, and the sheets that open from it.

mod audit;
mod branch;
mod channels;
mod invites;
pub(super) mod line;
mod moderation;
mod overview;
mod overwrite;
mod people;
mod place;
mod rights;
mod role;
mod roles;
mod rules;
mod tree;

use alloquy_ids::CommunityId;
use egui::Ui;
use lucide_icons::Icon;

use super::settings::{Part, entry, paged};
use crate::action::Action;
use crate::state::{CommunityPage, Overlay};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{Sheet, Weight, label, notice};
use crate::words::{Text, say};

pub(super) use branch::sheet as branch;
pub(super) use channels::sheet as channel;
pub(super) use moderation::confirm_owner;
pub(super) use overwrite::sheet as overwrite;
pub(super) use place::delete as delete_channel;
pub(super) use role::{delete as delete_role, show as role};

const PAGES: [(CommunityPage, Icon, Text); 8] = [
    (
        CommunityPage::Overview,
        Icon::House,
        say::community_overview,
    ),
    (CommunityPage::Roles, Icon::Shield, say::roles),
    (CommunityPage::Channels, Icon::Hash, say::channels),
    (CommunityPage::Invites, Icon::UserPlus, say::invites),
    (CommunityPage::Tree, Icon::Network, say::tree),
    (CommunityPage::Rules, Icon::Scale, say::rules),
    (CommunityPage::Moderation, Icon::Gavel, say::moderation),
    (CommunityPage::Audit, Icon::ScrollText, say::audit),
];

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, page: CommunityPage) -> bool {
    let words = Sheet {
        title: say::community_settings(),
        width: 820.0,
    };
    let height = view.state.size.y;
    paged(ui, words, height, |ui, part| match part {
        Part::List => list(view, ui, id, page),
        Part::Page => of(view, ui, id, page),
    })
}

fn list(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, page: CommunityPage) {
    ui.spacing_mut().item_spacing.y = 2.0;
    for (to, icon, name) in PAGES {
        if entry(ui, icon, name(), to == page) {
            view.act(Action::Open(Overlay::Community(id, to)));
        }
    }
    ui.spacing_mut().item_spacing.y = space::S;
}

fn of(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, page: CommunityPage) {
    let palette = theme::palette(ui);
    let Some(community) = view.model.snapshot.communities.get(&id).cloned() else {
        label(ui, say::community_gone(), font::message(), palette.text);
        return;
    };
    fault(view, ui, &Overlay::Community(id, page));
    match page {
        CommunityPage::Overview => overview::show(view, ui, id, &community),
        CommunityPage::Roles => roles::show(view, ui, id, &community),
        CommunityPage::Channels => channels::show(view, ui, id, &community),
        CommunityPage::Invites => invites::show(view, ui, id, &community),
        CommunityPage::Tree => tree::show(view, ui, id, &community),
        CommunityPage::Rules => rules::show(view, ui, id, &community),
        CommunityPage::Moderation => moderation::show(view, ui, id, &community),
        CommunityPage::Audit => audit::show(view, ui, id, &community),
    }
}

/// What did not work of what was ordered on this sheet.
pub(super) fn fault(view: &View<'_>, ui: &mut Ui, on: &Overlay) {
    if let Some((of, words)) = &view.state.governance.fault
        && of == on
    {
        notice(ui, Weight::Bad, &text::clean(words, FAULT_CHARS_MAX));
    }
}

/// Characters of an error of the node that are shown: more than any has.
const FAULT_CHARS_MAX: usize = 1_000;
