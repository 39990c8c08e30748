//! A member's card: who it is, and what one may do.

mod may;

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, CommunityRef, RoleRef};
use alloquy_api::limits::REASON_BYTES_MAX;
use alloquy_api::personal::PersonalCommand;
use alloquy_api::reply::{MemberView, RoleView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{AccountId, CommunityId};
use egui::{Rect, Sense, Ui, Vec2};

use super::{Pressed, availability, settings, steps};
use crate::action::Action;
use crate::state::{Overlay, Removal};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{
    Field, Presence, Sheet, Tone, avatar, button, chip, field, key_words, keyed_sheet, label,
    over_limit, presence_dot, section, sheet, switch,
};
use crate::words::{Text, say};
use may::May;

/// How long a member can be timed out, as offered.
const SPANS: [(u64, Text); 3] = [
    (10 * 60_000, say::span_ten_minutes),
    (3_600_000, say::span_one_hour),
    (24 * 3_600_000, say::span_one_day),
];

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, account: AccountId) -> bool {
    let words = Sheet {
        title: say::profile(),
        width: 440.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        let Some(community) = view.model.snapshot.communities.get(&id).cloned() else {
            return;
        };
        let Some(member) = community
            .members
            .iter()
            .find(|member| member.account == account)
        else {
            label(ui, say::profile_gone(), font::message(), palette.text);
            return;
        };
        card(ui, member);
        if account == view.model.me() {
            ui.add_space(space::S);
            settings::own_fields(view, ui);
            section(ui, say::seen_title());
            availability::choices(view, ui);
        } else {
            write_to(view, ui, id, member);
            if community.direct.is_none() {
                menu(view, ui, id, (&community, member));
            }
        }
    })
}

/// What one may do with somebody anywhere: write, compare words, block; in a group, take out.
fn write_to(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, member: &MemberView) {
    let account = member.account;
    super::personal::fault(view, ui, &Overlay::Profile(id, account));
    let blocked = view.model.is_blocked(account);
    ui.add_space(space::XS);
    ui.horizontal_wrapped(|ui| {
        let reference = || AccountRef(account.to_string());
        let ready = if blocked {
            Err(say::blocked_write())
        } else {
            Ok(())
        };
        if button(ui, Tone::Primary, say::message(), ready).clicked() {
            let account = reference();
            super::personal::order(view, PersonalCommand::Dm { account });
        }
        if button(ui, Tone::Plain, say::verify(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::Verify(account)));
        }
        if blocked {
            if button(ui, Tone::Plain, say::unblock(), Ok(())).clicked() {
                let account = reference();
                super::personal::order(view, PersonalCommand::Unblock { account });
            }
        } else if button(ui, Tone::Plain, say::block_more(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::ConfirmBlock(account)));
        }
        let community = view.model.community(id);
        let may_remove = community
            .is_some_and(|of| of.direct.is_some() && of.rights.iter().any(|right| right == "kick"));
        if may_remove && button(ui, Tone::Plain, say::group_remove_more(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::ConfirmGroupRemoval(id, account)));
        }
    });
}

fn card(ui: &mut Ui, member: &MemberView) {
    let palette = theme::palette(ui);
    let name = text::name(&member.name);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(80.0), Sense::hover());
        avatar(ui, rect, member.account.as_bytes(), &name);
        let presence = Presence::of(member);
        let dot =
            Rect::from_center_size(rect.right_bottom() - Vec2::splat(11.0), Vec2::splat(14.0));
        presence_dot(ui, dot.center(), presence, palette.chat);
        ui.add_space(space::S);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 2.0;
            label(ui, &name, font::h1(), palette.text_strong);
            let status = member.status.as_deref().map(text::name).unwrap_or_default();
            let below = if status.is_empty() {
                presence.word().to_owned()
            } else {
                format!("{} · {status}", presence.word())
            };
            label(ui, &below, font::secondary(), palette.text_dim);
        });
    });
    ui.add_space(space::XS);
    ui.horizontal_wrapped(|ui| {
        if member.owner {
            chip(ui, say::owner(), palette.text_strong, false);
        }
        for role in &member.roles {
            chip(ui, &text::name(role), palette.text, false);
        }
    });
    if let Some(about) = &member.about {
        let about = text::clean(about, alloquy_api::limits::ABOUT_BYTES_MAX);
        label(ui, &about, font::message(), palette.text);
    }
    let why = say::profile_key(&name);
    label(ui, &why, font::secondary(), palette.text_dim);
    key_words(ui, &member.account.words());
    if member.forked {
        let words = say::profile_forked();
        label(ui, words, font::secondary(), palette.danger);
    }
}

/// References by id, which no renaming changes.
fn by_id(community: CommunityId, account: AccountId) -> (CommunityRef, AccountRef) {
    (
        CommunityRef(community.to_string()),
        AccountRef(account.to_string()),
    )
}

fn menu(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    (community, member): (&CommunitySnapshot, &MemberView),
) {
    let may = May::new(community, view.model.me(), member);
    roles(view, ui, id, (community, member, &may));
    let name = text::name(&member.name);
    let out = may.right("mute");
    if may.anything() {
        section(ui, say::time_out());
        ui.horizontal_wrapped(|ui| {
            for (duration_ms, span) in SPANS {
                let span = span();
                let pressed = button(ui, Tone::Plain, span, told(&out));
                if pressed.clicked() {
                    let (community, account) = by_id(id, member.account);
                    let command = Command::Timeout {
                        community,
                        account,
                        duration_ms,
                        reason: None,
                    };
                    let done = say::timed_out(&name, span);
                    view.act(Action::Moderate(Box::new(command), done));
                }
            }
        });
        section(ui, say::remove());
        ui.horizontal_wrapped(|ui| {
            for (how, right, word) in [
                (Removal::Kick, "kick", say::kick_more()),
                (Removal::Ban, "ban", say::ban_more()),
            ] {
                let allowed = may.right(right);
                let allowed = told(&allowed);
                if button(ui, Tone::Plain, word, allowed).clicked() {
                    view.act(Action::Open(Overlay::ConfirmRemoval(
                        id,
                        member.account,
                        how,
                    )));
                }
            }
        });
    }
}

/// For a button: whether, or why not.
fn told(may: &Result<(), String>) -> Result<(), &str> {
    match may {
        Ok(()) => Ok(()),
        Err(why) => Err(why),
    }
}

fn roles(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    (community, member, may): (&CommunitySnapshot, &MemberView, &May),
) {
    let given: Vec<&RoleView> = community
        .roles
        .iter()
        .filter(|role| role.name != "everyone" && may.role(role).is_ok())
        .collect();
    if given.is_empty() {
        return;
    }
    section(ui, say::roles());
    let name = text::name(&member.name);
    for role in given {
        let has = member.roles.contains(&role.name);
        let word = text::name(&role.name);
        if switch(ui, has, &word, "").clicked() {
            let (community, account) = by_id(id, member.account);
            let role = RoleRef(role.role.to_string());
            let (command, done) = if has {
                let done = say::role_taken(&name, &word);
                (
                    Command::RoleRevoke {
                        community,
                        role,
                        account,
                    },
                    done,
                )
            } else {
                let done = say::role_given(&name, &word);
                (
                    Command::RoleGrant {
                        community,
                        role,
                        account,
                    },
                    done,
                )
            };
            view.act(Action::Moderate(Box::new(command), done));
        }
    }
}

/// Whether to remove a member, and why.
pub(super) fn confirm(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, account): (CommunityId, AccountId),
    how: Removal,
) -> bool {
    let member = view.model.member(id, account);
    let name = member.map_or_else(|| account.short(), |member| text::name(&member.name));
    let (title, about, word) = match how {
        Removal::Kick => (say::kick_title(&name), say::kick_about(), say::kick()),
        Removal::Ban => (say::ban_title(&name), say::ban_about(), say::ban()),
    };
    let words = Sheet {
        title: &title,
        width: 420.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "removal", words, |ui| {
        let palette = theme::palette(ui);
        label(ui, about, font::message(), palette.text);
        let long = over_limit(&view.state.forms.reason, REASON_BYTES_MAX);
        let words = Field {
            name: say::reason(),
            hint: say::reason_hint(),
            error: long.as_deref(),
            secret: false,
        };
        field(ui, &mut view.state.forms.reason, words);
        let ready = if long.is_some() {
            Err(say::reason_too_long())
        } else {
            Ok(())
        };
        match steps(ui, (Tone::Danger, word), ready) {
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
            Pressed::Step => {
                let (community, account) = by_id(id, account);
                let reason = view.state.forms.reason.trim();
                let reason = (!reason.is_empty()).then(|| reason.to_owned());
                let (command, done) = match how {
                    Removal::Kick => (
                        Command::Kick {
                            community,
                            account,
                            reason,
                        },
                        say::kicked(&name),
                    ),
                    Removal::Ban => (
                        Command::Ban {
                            community,
                            account,
                            reason,
                        },
                        say::banned(&name),
                    ),
                };
                view.act(Action::Moderate(Box::new(command), done));
            }
        }
    });
    close
}
