//! The log of a community: what was done, newest first, and why some of it has no effect.

use alloquy_api::Command;
use alloquy_api::command::CommunityRef;
use alloquy_api::reply::{AuditKind, AuditView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;
use egui::{Sense, Ui};

use super::line::{Face, line};
use super::people::name_of;
use crate::action::Action;
use crate::state::{Look, Order};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::timeline::Times;
use crate::widgets::{
    Field, Tone, Weight, button, chip, field, label, link_button, notice, segments,
};
use crate::words::{Text, say};

/// What operations are about, as offered.
const KINDS: [(Option<AuditKind>, Text); 8] = [
    (None, say::audit_all),
    (Some(AuditKind::Joins), say::audit_joins),
    (Some(AuditKind::Removals), say::audit_removals),
    (Some(AuditKind::Roles), say::roles),
    (Some(AuditKind::Channels), say::channels),
    (Some(AuditKind::Messages), say::audit_messages),
    (Some(AuditKind::Community), say::audit_community),
    (Some(AuditKind::Upkeep), say::audit_upkeep),
];

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    filters(view, ui);
    let told = view.state.governance.audit.take();
    match &told {
        Some((of, Ok(operations))) if *of == id => {
            list(view, ui, (id, community), operations);
            further(view, ui, id, operations.len());
        }
        Some((of, Err(why))) if *of == id => {
            notice(ui, Weight::Bad, &text::clean(why, super::FAULT_CHARS_MAX));
        }
        _ => {
            label(ui, say::pins_looking(), font::secondary(), palette.text_dim);
        }
    }
    view.state.governance.audit = told;
}

fn filters(view: &mut View<'_>, ui: &mut Ui) {
    let governance = &mut view.state.governance;
    let words = Field {
        name: say::audit_person(),
        hint: "",
        error: None,
        secret: false,
    };
    field(ui, &mut governance.audit_person, words);
    let kinds = KINDS.map(|(_, word)| word());
    let now = KINDS
        .iter()
        .position(|(kind, _)| *kind == governance.audit_kind);
    if let Some(place) = segments(ui, say::audit_about(), &kinds, now.unwrap_or(0)) {
        governance.audit_kind = KINDS[place].0;
        ui.ctx().request_repaint();
    }
}

fn list(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    operations: &[AuditView],
) {
    let palette = theme::palette(ui);
    let letters = view.state.governance.audit_person.trim().to_lowercase();
    let kind = view.state.governance.audit_kind;
    let fits = |of: &&AuditView| {
        let people = [Some(of.author), of.subject].into_iter().flatten();
        let mut names = people.map(|account| name_of(community, account).to_lowercase());
        kind.is_none_or(|kind| of.kind == kind) && names.any(|name| name.contains(&letters))
    };
    let mut none = true;
    for operation in operations.iter().rev().filter(fits) {
        none = false;
        ui.push_id(operation.operation, |ui| {
            shown(view, ui, (id, community), operation);
        });
    }
    if none {
        let words = say::audit_none();
        label(ui, words, font::secondary(), palette.text_dim);
    }
}

fn shown(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    of: &AuditView,
) {
    let palette = theme::palette(ui);
    let times = Times {
        zone: &view.model.clock.zone,
        twelve_hours: view.state.settings.twelve_hours,
        now: view.model.clock.now,
    };
    let name = name_of(community, of.author);
    let what = text::clean(&of.what, WHAT_CHARS_MAX);
    let about = say::audit_line(what, times.whole(of.time));
    let face = Face::Somebody(of.author.as_bytes(), &name);
    line(ui, face, (&name, &about), Sense::hover());
    if let Some(reason) = &of.reason {
        let reason = text::clean(reason, alloquy_api::limits::REASON_BYTES_MAX);
        label(ui, &reason, font::secondary(), palette.text);
    }
    if of.effective {
        return;
    }
    let why = view.state.governance.why.clone();
    let why = why.filter(|(operation, _)| *operation == of.operation);
    ui.horizontal_wrapped(|ui| {
        chip(ui, say::audit_no_effect(), palette.warn, false);
        if why.is_none() && link_button(ui, say::audit_why()).clicked() {
            view.act(Action::Look(Look::Why(of.operation)));
        }
        // Only own work that was lost is offered to be repeated: it then stands in one's own name, as of now.
        let lost = community
            .lost
            .iter()
            .any(|lost| lost.operation == of.operation);
        if lost && button(ui, Tone::Plain, say::audit_reaffirm(), Ok(())).clicked() {
            view.act(Action::Govern(Box::new(Order {
                command: Command::Reaffirm {
                    community: CommunityRef(id.to_string()),
                    operations: vec![of.operation],
                },
                done: say::audit_reaffirmed().to_owned(),
                closes: Vec::new(),
            })));
        }
    });
    match why {
        Some((_, Ok(because))) => {
            let because = text::clean(&because.join("\n"), super::FAULT_CHARS_MAX);
            notice(ui, Weight::Info, &because);
        }
        Some((_, Err(error))) => {
            notice(
                ui,
                Weight::Bad,
                &text::clean(&error, super::FAULT_CHARS_MAX),
            );
        }
        None => {}
    }
    ui.add_space(space::XS);
}

/// Characters of what an operation does: the node names at most a few people and rights.
const WHAT_CHARS_MAX: usize = 1_000;

/// Looks again, and further back where there may be more.
fn further(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, shown: usize) {
    let asked = view.state.governance.audit_last;
    ui.horizontal_wrapped(|ui| {
        if button(ui, Tone::Plain, say::invite_look_again(), Ok(())).clicked() {
            view.act(Action::Look(Look::Audit(id, asked)));
        }
        let more = shown >= asked as usize;
        if more && button(ui, Tone::Plain, say::audit_older(), Ok(())).clicked() {
            let last = asked.saturating_add(crate::state::AUDIT_PAGE);
            view.act(Action::Look(Look::Audit(id, last)));
        }
    });
}
