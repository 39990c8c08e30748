//! Invites of a community: who made them, how often they were used, and taking them back.

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, CommunityRef};
use alloquy_api::reply::InviteView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{AccountId, CommunityId};
use egui::{Sense, Ui};

use super::line::{Face, line};
use super::people::{is_below, name_of};
use crate::action::Action;
use crate::state::{Branch, Order, Overlay, Standing};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::views::overlays::spans::{Until, ago, until};
use crate::widgets::{Tone, Weight, button, label, notice, section};
use crate::words::say;

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    let own = Standing::of(community, view.model.me());
    if own.has("invite") && button(ui, Tone::Primary, say::invite_people(), Ok(())).clicked() {
        view.act(Action::Open(Overlay::Invite(id)));
    }
    requests(view, ui, (id, community), &own);
    section(ui, say::invites());
    let told = view.state.governance.invites.clone();
    let invites = match told.filter(|(of, _)| *of == id) {
        None => {
            label(ui, say::pins_looking(), font::secondary(), palette.text_dim);
            return;
        }
        Some((_, Err(why))) => {
            notice(ui, Weight::Bad, &text::clean(&why, super::FAULT_CHARS_MAX));
            return;
        }
        Some((_, Ok(invites))) => invites,
    };
    let now = view.model.clock.now;
    let works = |invite: &&InviteView| {
        let spent = invite.uses.is_some_and(|uses| invite.used >= uses);
        !invite.revoked && !spent && until(now, invite.expires) != Until::Past
    };
    let (good, over): (Vec<&InviteView>, Vec<&InviteView>) = invites.iter().partition(works);
    if good.is_empty() {
        let words = say::invites_none();
        label(ui, words, font::secondary(), palette.text_dim);
    }
    for invite in good.iter().rev() {
        shown(view, ui, (id, community), (invite, &own));
    }
    if !over.is_empty() {
        let words = say::invites_over(over.len() as u64);
        label(ui, &words, font::secondary(), palette.text_dim);
    }
}

fn shown(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    (invite, own): (&InviteView, &Standing),
) {
    let name = name_of(community, invite.creator);
    let used = match invite.uses {
        Some(uses) => say::invite_used_of(invite.used, uses),
        None => say::invite_used(invite.used.into()),
    };
    let ends = match until(view.model.clock.now, invite.expires) {
        Until::Never => say::link_ends_never().to_owned(),
        Until::Past => say::link_ended().to_owned(),
        Until::In(span) => say::link_ends(span),
    };
    let about = format!("{used} · {ends}");
    let face = Face::Somebody(invite.creator.as_bytes(), &name);
    let words = (name.as_str(), about.as_str());
    ui.push_id(invite.id, |ui| {
        line(ui, face, words, Sense::hover());
        if may_revoke(view.model.me(), community, (invite, own)) {
            let word = say::invite_revoke(invite.id.short(), &name);
            if button(ui, Tone::Plain, &word, Ok(())).clicked() {
                view.act(Action::Govern(Box::new(Order {
                    command: Command::RevokeInvite {
                        community: CommunityRef(id.to_string()),
                        invite: invite.id,
                    },
                    done: say::invite_revoked_done().to_owned(),
                    closes: Vec::new(),
                })));
            }
        }
        if invite.used > 0 && (own.has("kick") || own.has("manage-messages")) {
            let word = say::branch_of_invite(invite.id.short());
            if button(ui, Tone::Plain, &word, Ok(())).clicked() {
                let branch = Overlay::Branch(id, Branch::Invite(invite.id));
                view.act(Action::Open(branch));
            }
        }
    });
}

/// Who asks to be let in.
fn requests(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    own: &Standing,
) {
    if community.requests.is_empty() || !own.has("invite") {
        return;
    }
    let palette = theme::palette(ui);
    section(ui, say::requests());
    label(
        ui,
        say::requests_about(),
        font::secondary(),
        palette.text_dim,
    );
    for request in community.requests.iter() {
        let name = text::name(&request.name);
        let about = say::request_line(
            request.account.words().join(", "),
            ago(view.model.clock.now, request.since),
        );
        let reference = || {
            (
                CommunityRef(id.to_string()),
                AccountRef(request.account.to_string()),
            )
        };
        ui.push_id(request.account, |ui| {
            let face = Face::Somebody(request.account.as_bytes(), &name);
            line(ui, face, (&name, &about), Sense::hover());
            let admit = say::request_admit(&name);
            if button(ui, Tone::Primary, &admit, Ok(())).clicked() {
                let (community, account) = reference();
                view.act(Action::Govern(Box::new(Order {
                    command: Command::Approve { community, account },
                    done: say::request_admitted(&name),
                    closes: Vec::new(),
                })));
            }
            let refuse = say::request_refuse(&name);
            if button(ui, Tone::Plain, &refuse, Ok(())).clicked() {
                let (community, account) = reference();
                view.act(Action::Govern(Box::new(Order {
                    command: Command::Refuse { community, account },
                    done: say::request_refused(&name),
                    closes: Vec::new(),
                })));
            }
        });
    }
}

/// Own invites, and those of whoever stands lower by who may remove members.
fn may_revoke(
    me: AccountId,
    community: &CommunitySnapshot,
    (invite, own): (&InviteView, &Standing),
) -> bool {
    let mut members = community.members.iter();
    let creator = members.find(|member| member.account == invite.creator);
    invite.creator == me
        || (own.has("kick") && creator.is_none_or(|creator| is_below(own, creator)))
}
