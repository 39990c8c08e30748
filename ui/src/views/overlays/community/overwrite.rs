//! What a channel allows and denies to a role or a member: each right is given, left to the roles, or taken.

use alloquy_api::reply::OverwriteTarget;
use alloquy_ids::{ChannelId, CommunityId, RoleId};
use egui::Ui;

use super::channels::target_name;
use super::fault;
use super::people::is_below;
use super::rights::{GROUPS, Right};
use crate::action::Action;
use crate::state::{Choice, Order, Overlay, OverwriteDraft, Standing};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::{Pressed, steps};
use crate::widgets::{Sheet, Tone, Weight, keyed_sheet, label, notice, section, segments_of};
use crate::words::say;

/// Rights that a channel decides about: the others are the community's as a whole.
const OF_CHANNELS: [&str; 14] = [
    "view",
    "read-history",
    "manage-channels",
    "manage-roles",
    "manage-content",
    "send",
    "send-threads",
    "attach",
    "react",
    "mention-all",
    "connect",
    "speak",
    "stream",
    "manage-messages",
];

pub(in crate::views::overlays) fn sheet(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    (channel, target): (ChannelId, OverwriteTarget),
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let community = community.unwrap_or_default();
    let mut channels = community.channels.iter();
    let of = channels.find(|view| view.channel == channel);
    let name = target_name(&community, target);
    let title = match of {
        Some(of) => say::overwrite_title(&name, text::name(&of.name)),
        None => say::channel_gone().to_owned(),
    };
    let words = Sheet {
        title: &title,
        width: 560.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "overwrite", words, |ui| {
        let overlay = Overlay::Overwrite(id, channel, target);
        let (Some(of), Some(mut draft)) = (of, view.state.governance.overwrite.take()) else {
            return;
        };
        fault(view, ui, &overlay);
        let own = Standing::of(&community, view.model.me());
        let below = match target {
            OverwriteTarget::Role(RoleId::ZERO) => own.is_above(0),
            OverwriteTarget::Role(id) => community
                .roles
                .iter()
                .any(|role| role.role == id && own.is_above(role.rank)),
            OverwriteTarget::Member(account) => community
                .members
                .iter()
                .any(|member| member.account == account && is_below(&own, member)),
        };
        let held = |right: &str| of.rights.iter().any(|held| held == right);
        let may = match (held("manage-roles"), below) {
            (false, _) => Err(say::overwrites_no_right().to_owned()),
            (true, false) => Err(say::may_high(&name)),
            _ => Ok(()),
        };
        if let Err(why) = &may {
            notice(ui, Weight::Info, why);
        }
        rights(ui, &mut draft, may.is_ok(), held);
        if may.is_ok() {
            let command = draft.command();
            let ready = command.as_ref().map(|_| ()).ok_or(say::own_unchanged());
            let pressed = steps(ui, (Tone::Primary, say::save()), ready);
            close |= pressed == Pressed::Cancel;
            if let (Pressed::Step, Some(command)) = (pressed, command) {
                view.act(Action::Govern(Box::new(Order {
                    command,
                    done: say::overwrite_saved(&name, text::name(&of.name)),
                    closes: vec![overlay],
                })));
            }
        }
        view.state.governance.overwrite = Some(draft);
    });
    close
}

fn rights(ui: &mut Ui, draft: &mut OverwriteDraft, may: bool, held: impl Fn(&str) -> bool) {
    let words = [
        say::choice_allow(),
        say::choice_inherit(),
        say::choice_deny(),
    ];
    let palette = theme::palette(ui);
    for (group, of) in GROUPS {
        let of: Vec<&Right> = of
            .iter()
            .filter(|right| OF_CHANNELS.contains(&right.name))
            .collect();
        if !of.is_empty() {
            section(ui, group());
        }
        for Right { name, title, about } in of {
            ui.add_space(space::XS);
            label(ui, title(), font::control_strong(), palette.text_strong);
            let holds = held(name);
            let about = match may && !holds {
                true => say::right_not_held(about()),
                false => about().to_owned(),
            };
            label(ui, &about, font::secondary(), palette.text_dim);
            let now = draft.choice(name);
            let chosen = Choice::ALL.iter().position(|choice| *choice == now);
            let allowed = |place: usize| may && draft.may(name, Choice::ALL[place], holds);
            let taken = segments_of(ui, (title(), &words), chosen.unwrap_or(1), allowed);
            if let Some(place) = taken {
                draft.choose(name, Choice::ALL[place]);
                ui.ctx().request_repaint();
            }
        }
    }
}
