//! The channels of a community, and a sheet about one: its name, slow mode, and who may do what in it.

use alloquy_api::Command;
use alloquy_api::command::{ChannelKind, ChannelRef};
use alloquy_api::reply::{ChannelView, OverwriteTarget};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{ChannelId, CommunityId};
use egui::{Sense, Ui};
use lucide_icons::Icon;

use super::line::{Face, choice_line, line};
use super::people::{self, is_below, name_of};
use super::{fault, overview, place, roles};
use crate::action::Action;
use crate::state::{Order, Overlay, Standing};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::views::overlays::spans;
use crate::widgets::{Sheet, Weight, keyed_sheet, label, notice, section, segments};
use crate::words::{Text, say};

/// Shortest times between two messages, as offered: milliseconds, and in words.
const SLOW: [(u64, Text); 6] = [
    (0, say::slow_off),
    (5_000, say::slow_five_seconds),
    (30_000, say::slow_thirty_seconds),
    (60_000, say::slow_one_minute),
    (600_000, say::span_ten_minutes),
    (3_600_000, say::span_one_hour),
];

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    let words = say::channels_about();
    label(ui, words, font::secondary(), palette.text_dim);
    let shown = crate::views::channel_order(community, &std::collections::BTreeSet::new());
    for channel in shown {
        let mut about = Vec::new();
        if channel.private {
            about.push(say::channel_private().to_owned());
        }
        if channel.slow_mode_ms > 0 {
            about.push(say::slow_every(spans::interval(
                channel.slow_mode_ms.into(),
            )));
        }
        if !channel.overwrites.is_empty() {
            about.push(say::channel_overwrites(channel.overwrites.len() as u64));
        }
        let icon = match channel.kind {
            ChannelKind::Category => Icon::FolderOpen,
            ChannelKind::Voice | ChannelKind::Stage => Icon::Volume2,
            ChannelKind::Text => Icon::Hash,
        };
        let name = text::name(&channel.name);
        let about = about.join(" · ");
        let row = ui.push_id(channel.channel, |ui| {
            line(ui, Face::Sign(icon), (&name, &about), Sense::click())
        });
        if row.inner.clicked() {
            view.act(Action::Open(Overlay::Channel(id, channel.channel)));
        }
    }
}

/// The sheet about a channel.
pub(in crate::views::overlays) fn sheet(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    channel: ChannelId,
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let community = community.unwrap_or_default();
    let mut channels = community.channels.iter();
    let of = channels.find(|view| view.channel == channel);
    let title = say::channel_settings(of.map_or_else(String::new, |of| text::name(&of.name)));
    let words = Sheet {
        title: &title,
        width: 560.0,
    };
    keyed_sheet(ui, "channel", words, |ui| {
        let palette = theme::palette(ui);
        let Some(of) = of else {
            label(ui, say::channel_gone(), font::message(), palette.text);
            return;
        };
        fault(view, ui, &Overlay::Channel(id, channel));
        if has(of, "manage-content") {
            overview::place_fields(view, ui, say::channel_name());
        }
        if of.kind != ChannelKind::Category {
            slow(view, ui, of);
        }
        let manages = has(of, "manage-channels");
        if manages && has(of, "manage-content") {
            place::place(view, ui, &community, of);
        }
        permissions(view, ui, (id, &community), of);
        if manages {
            place::delete_more(view, ui, id, of);
        }
    })
}

/// Whether a right is held in a channel.
pub(super) fn has(channel: &ChannelView, right: &str) -> bool {
    channel.rights.iter().any(|held| held == right)
}

fn slow(view: &mut View<'_>, ui: &mut Ui, of: &ChannelView) {
    let palette = theme::palette(ui);
    section(ui, say::slow());
    if !has(of, "manage-channels") {
        let words = match of.slow_mode_ms {
            0 => say::slow_off().to_owned(),
            ms => say::slow_every(spans::interval(ms.into())),
        };
        label(ui, &words, font::message(), palette.text);
        return;
    }
    label(ui, say::slow_about(), font::secondary(), palette.text_dim);
    let words = SLOW.map(|(_, word)| word());
    let now = SLOW
        .iter()
        .position(|(ms, _)| *ms == u64::from(of.slow_mode_ms));
    if now.is_none() {
        let words = say::slow_every(spans::interval(of.slow_mode_ms.into()));
        label(ui, &words, font::message(), palette.text);
    }
    // None of them is chosen where another one is in force.
    let chosen = now.unwrap_or(SLOW.len());
    if let Some(place) = segments(ui, say::slow(), &words, chosen) {
        view.act(Action::Govern(Box::new(Order {
            command: Command::SlowMode {
                channel: ChannelRef(of.channel.to_string()),
                interval_ms: SLOW[place].0,
            },
            done: say::slow_set(text::name(&of.name)),
            closes: Vec::new(),
        })));
    }
}

/// Who may do what beside the roles.
fn permissions(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    of: &ChannelView,
) {
    let palette = theme::palette(ui);
    section(ui, say::overwrites());
    let words = say::overwrites_about();
    label(ui, words, font::secondary(), palette.text_dim);
    let open = |target| Action::Open(Overlay::Overwrite(id, of.channel, target));
    for overwrite in &of.overwrites {
        let target = overwrite.target;
        let (allowed, denied) = (overwrite.allow.len(), overwrite.deny.len());
        let about = say::overwrite_line(allowed, denied);
        let name = target_name(community, target);
        let face = match &target {
            OverwriteTarget::Role(role) => Face::Dot(roles::color(ui, *role)),
            OverwriteTarget::Member(account) => Face::Somebody(account.as_bytes(), &name),
        };
        let words = (name.as_str(), about.as_str());
        let row = ui.push_id(target, |ui| line(ui, face, words, Sense::click()));
        if row.inner.clicked() {
            view.act(open(target));
        }
    }
    let own = Standing::of(community, view.model.me());
    if !has(of, "manage-roles") {
        notice(ui, Weight::Info, say::overwrites_no_right());
        return;
    }
    section(ui, say::overwrite_add_role());
    let set: Vec<OverwriteTarget> = of.overwrites.iter().map(|set| set.target).collect();
    for role in community.roles.iter() {
        let target = OverwriteTarget::Role(role.role);
        if !own.is_above(role.rank) || set.contains(&target) {
            continue;
        }
        let name = text::name(&role.name);
        let face = Face::Dot(roles::color(ui, role.role));
        let word = say::overwrite_for(&name);
        let row = ui.push_id(target, |ui| choice_line(ui, face, &name, &word));
        if row.inner.clicked() {
            view.act(open(target));
        }
    }
    section(ui, say::overwrite_add_member());
    let free = community.members.iter().filter(|member| {
        is_below(&own, member) && !set.contains(&OverwriteTarget::Member(member.account))
    });
    let find = &mut view.state.governance.find;
    if let Some(member) = people::find(ui, find, free, |name| say::overwrite_for(name)) {
        view.act(open(OverwriteTarget::Member(member.account)));
    }
}

/// Whom an overwrite is for.
pub(super) fn target_name(community: &CommunitySnapshot, target: OverwriteTarget) -> String {
    match target {
        OverwriteTarget::Role(id) => {
            let mut roles = community.roles.iter();
            let role = roles.find(|role| role.role == id);
            role.map_or_else(
                || say::role_deleted_one().to_owned(),
                |role| text::name(&role.name),
            )
        }
        OverwriteTarget::Member(account) => name_of(community, account),
    }
}
