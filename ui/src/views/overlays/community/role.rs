//! One role: its name, rank and rights, and who has it.

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, CommunityRef, RoleRef};
use alloquy_api::reply::{MemberView, RoleView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{CommunityId, RoleId};
use egui::{Sense, Ui};

use super::line::{Face, line};
use super::people::{self, SHOWN_MAX, is_below};
use super::rights::{GROUPS, Right};
use super::{fault, roles};
use crate::action::Action;
use crate::state::{Order, Overlay, RoleDraft, Standing};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::{Pressed, steps};
use crate::widgets::{
    Field, Sheet, Tone, Weight, button, field, keyed_sheet, label, notice, section, switch,
    switch_fixed,
};
use crate::words::say;

pub(in crate::views::overlays) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    role: Option<RoleId>,
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let roles = community.iter().flat_map(|of| of.roles.iter());
    let of = roles.clone().find(|view| Some(view.role) == role).cloned();
    let title = match &of {
        Some(of) => say::role_edit(text::name(&of.name)),
        None => say::role_new().to_owned(),
    };
    let words = Sheet {
        title: &title,
        width: 560.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "role", words, |ui| {
        let palette = theme::palette(ui);
        let Some(community) = community.filter(|_| role.is_none() || of.is_some()) else {
            label(ui, say::role_gone(), font::message(), palette.text);
            return;
        };
        let Some(mut draft) = view.state.governance.role.take() else {
            return;
        };
        let own = Standing::of(&community, view.model.me());
        fault(view, ui, &Overlay::Role(id, role));
        let may = match &of {
            Some(of) => own.may_change(of),
            None => own.may_make_roles(),
        };
        if let Err(why) = may {
            notice(ui, Weight::Info, why);
        }
        fields(ui, &mut draft, &own, may.is_ok());
        rights(ui, &mut draft, &own, may.is_ok());
        if may.is_ok() {
            close |= ends(view, ui, &draft, &own);
        }
        if let Some(of) = of.as_ref().filter(|of| of.role != RoleId::ZERO) {
            holders(view, ui, (id, &community), (of, &own));
            ui.add_space(space::S);
            let deletion = Overlay::ConfirmRoleDeletion(id, of.role);
            if button(ui, Tone::Plain, say::role_delete_more(), may).clicked() {
                view.act(Action::Open(deletion));
            }
        }
        view.state.governance.role = Some(draft);
    });
    close
}

/// Name and rank; "everyone" has both for ever.
fn fields(ui: &mut Ui, draft: &mut RoleDraft, own: &Standing, may: bool) {
    if draft.is_everyone() || !may {
        return;
    }
    let name_fault = draft.name_fault();
    let words = Field {
        name: say::role_name(),
        hint: say::role_name_hint(),
        error: name_fault.as_deref(),
        secret: false,
    };
    field(ui, &mut draft.name, words);
    let rank_fault = draft.rank(own).err();
    let words = Field {
        name: say::role_rank(),
        hint: "",
        error: rank_fault.as_deref(),
        secret: false,
    };
    field(ui, &mut draft.rank, words);
}

fn rights(ui: &mut Ui, draft: &mut RoleDraft, own: &Standing, may: bool) {
    for (group, of) in GROUPS {
        section(ui, group());
        for Right { name, title, about } in of {
            let on = draft.allow.contains(*name);
            // Whoever may change a role may take from it what they have not themselves, and not give it.
            let gives = draft.had(name) || own.has(name);
            let words = if may && !gives {
                say::right_not_held(about())
            } else {
                about().to_owned()
            };
            if !(may && gives) {
                switch_fixed(ui, on, title(), &words);
            } else if switch(ui, on, title(), &words).clicked() {
                draft.toggle(name);
                ui.ctx().request_repaint();
            }
        }
    }
}

/// The last row: saves, or goes back. Gives whether the sheet is to be closed.
fn ends(view: &mut View<'_>, ui: &mut Ui, draft: &RoleDraft, own: &Standing) -> bool {
    let command = draft.command(own);
    let fits = draft.is_everyone() || (draft.name_fault().is_none() && draft.rank(own).is_ok());
    let ready = match (&command, fits) {
        (_, false) => Err(say::role_unfit()),
        (None, true) => Err(say::role_unchanged()),
        (Some(_), true) => Ok(()),
    };
    let name = text::name(&draft.name);
    let (word, done) = match draft.role {
        Some(_) => (say::save(), say::role_saved(name)),
        None => (say::role_make_now(), say::role_made(name)),
    };
    let pressed = steps(ui, (Tone::Primary, word), ready);
    if let (Pressed::Step, Some(command)) = (pressed, command) {
        view.act(Action::Govern(Box::new(Order {
            command,
            done,
            closes: vec![Overlay::Role(draft.community, draft.role)],
        })));
    }
    pressed == Pressed::Cancel
}

/// Who has the role, and who may be given it.
fn holders(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    (role, own): (&RoleView, &Standing),
) {
    let palette = theme::palette(ui);
    let has = |member: &&MemberView| member.roles.contains(&role.name);
    section(ui, say::role_holders());
    let holding: Vec<&MemberView> = community.members.iter().filter(has).collect();
    if holding.is_empty() {
        let words = say::role_holders_none();
        label(ui, words, font::secondary(), palette.text_dim);
    }
    let me = view.model.me();
    for member in holding.iter().take(SHOWN_MAX) {
        let name = text::name(&member.name);
        let face = Face::Somebody(member.account.as_bytes(), &name);
        line(ui, face, (&name, ""), Sense::hover());
        // Oneself may always give a role back.
        let below = is_below(own, member) && own.may_change(role).is_ok();
        if below || member.account == me {
            let word = say::role_take(&name);
            if button(ui, Tone::Plain, &word, Ok(())).clicked() {
                view.act(Action::Govern(Box::new(grant(id, (role, member), false))));
            }
        }
    }
    people::more(ui, holding.len());
    if own.may_change(role).is_err() {
        return;
    }
    section(ui, say::role_give());
    let free = community.members.iter();
    let free = free.filter(|member| !has(member) && is_below(own, member));
    let find = &mut view.state.governance.find;
    if let Some(member) = people::find(ui, find, free, |name| say::role_give_to(name)) {
        view.act(Action::Govern(Box::new(grant(id, (role, member), true))));
    }
}

/// Gives a role to a member, or takes it away.
fn grant(id: CommunityId, (role, member): (&RoleView, &MemberView), gives: bool) -> Order {
    let community = CommunityRef(id.to_string());
    let account = AccountRef(member.account.to_string());
    let (name, word) = (text::name(&member.name), text::name(&role.name));
    let role = RoleRef(role.role.to_string());
    let (command, done) = if gives {
        let command = Command::RoleGrant {
            community,
            role,
            account,
        };
        (command, say::role_given(name, word))
    } else {
        let command = Command::RoleRevoke {
            community,
            role,
            account,
        };
        (command, say::role_taken(name, word))
    };
    Order {
        command,
        done,
        closes: Vec::new(),
    }
}

/// Whether to delete a role.
pub(in crate::views::overlays) fn delete(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    role: RoleId,
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let community = community.unwrap_or_default();
    let of = community.roles.iter().find(|view| view.role == role);
    let name = of.map_or_else(|| role.short(), |of| text::name(&of.name));
    let title = say::role_delete_title(&name);
    let words = Sheet {
        title: &title,
        width: 420.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "role deletion", words, |ui| {
        let palette = theme::palette(ui);
        fault(view, ui, &Overlay::ConfirmRoleDeletion(id, role));
        let holders = of.map_or(0, |of| roles::holders(&community, of));
        let about = say::role_delete_about(holders as u64);
        label(ui, &about, font::message(), palette.text);
        match steps(ui, (Tone::Danger, say::role_delete()), Ok(())) {
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
            Pressed::Step => view.act(Action::Govern(Box::new(Order {
                command: Command::RoleDelete {
                    community: CommunityRef(id.to_string()),
                    role: RoleRef(role.to_string()),
                },
                done: say::role_deleted(&name),
                closes: vec![
                    Overlay::ConfirmRoleDeletion(id, role),
                    Overlay::Role(id, Some(role)),
                ],
            }))),
        }
    });
    close
}
