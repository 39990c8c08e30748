//! Two ways to a community: by a link, or a new one.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::limits::NAME_BYTES_MAX;
use alloquy_api::personal::PersonalCommand;
use alloquy_api::reply::{InviteCardView, TemplateView};
use egui::{Frame, Margin, Ui, Vec2};
use lucide_icons::Icon;

use super::spans::{Until, until};
use crate::action::Action;
use crate::model::Phase;
use crate::state::{AddTab, Overlay, Pasted, pasted};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Card, End, Field, Sheet, Tone, Weight, card, community_icon, entered, field, key_words, label,
    link_button, notice, over_limit, paint_icon, refocus, section, segments, sheet, under_way,
    wide_button,
};
use crate::words::say;

/// Channels of a template that are named on its card: a line and a half.
const CHANNELS_NAMED: usize = 6;
/// Communities nearby that are shown: as many as a node holds of its neighbours.
const NEARBY_SHOWN_MAX: usize = 64;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::community_add(),
        width: 520.0,
    };
    sheet(ui, words, |ui| {
        let tab = view.state.forms.add_tab;
        let tabs = [say::join_with_link(), say::create_new()];
        if let Some(chosen) = segments(
            ui,
            say::add_way(),
            &tabs,
            usize::from(tab == AddTab::Create),
        ) {
            view.state.forms.add_tab = if chosen == 0 {
                AddTab::Join
            } else {
                AddTab::Create
            };
            refocus(ui);
            ui.ctx().request_repaint();
        }
        ui.add_space(space::S);
        match tab {
            AddTab::Join => join(view, ui),
            AddTab::Create => create(view, ui),
        }
    })
}

/// The card alone: the link came from outside.
pub(super) fn show_card(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::invited_title(),
        width: 460.0,
    };
    sheet(ui, words, |ui| {
        if let Pasted::Link(link) = pasted(&view.state.forms.link) {
            what_it_says(view, ui, &link);
        }
    })
}

fn join(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let judged = pasted(&view.state.forms.link);
    let wrong = match &judged {
        Pasted::Wrong(why) => Some(why.clone()),
        _ => None,
    };
    let words = Field {
        name: say::invite_link(),
        hint: "alloquy://join/…",
        error: wrong.as_deref(),
        secret: false,
    };
    // A new link is looked at by itself (`UiState::inspect_link`): nobody has to press anything for that.
    if field(ui, &mut view.state.forms.link, words).changed() {
        view.state.forms.join_error = None;
        ui.ctx().request_repaint();
        if let Pasted::Link(link) = pasted(&view.state.forms.link)
            && view.state.forms.inspecting.as_ref() != Some(&link)
        {
            view.act(Action::InspectInvite(link));
        }
    }
    match judged {
        Pasted::Link(link) => what_it_says(view, ui, &link),
        Pasted::Contact(link) => contact(view, ui, link),
        Pasted::Empty => {
            let about = say::invite_paste();
            label(ui, about, font::secondary(), palette.text_dim);
        }
        Pasted::Wrong(_) => {}
    }
    nearby(view, ui);
}

/// What others announce on this network.
fn nearby(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let all = Arc::clone(&view.model.snapshot.nearby);
    let by_link = matches!(pasted(&view.state.forms.link), Pasted::Link(_));
    if all.is_empty() || by_link {
        return;
    }
    section(ui, say::nearby_title());
    if let Some(why) = view.state.forms.join_error.clone() {
        notice(ui, Weight::Bad, &why);
    }
    for one in all.iter().take(NEARBY_SHOWN_MAX) {
        let name = text::name(&one.name);
        if view.model.snapshot.requested.contains_key(&one.community) {
            notice(ui, Weight::Info, &say::nearby_asked(&name));
            continue;
        }
        let member = text::name(&one.member);
        let words = Card {
            icon: Icon::Radio,
            title: &say::nearby_ask(&name),
            about: &say::nearby_about(one.members.into(), member),
            end: End::Leads,
            first: false,
        };
        if card(ui, words).clicked() && !view.state.forms.joining {
            view.act(Action::JoinNearby(one.community));
        }
    }
    if view.state.forms.joining {
        under_way(ui, say::nearby_asking());
    }
    label(ui, say::nearby_word(), font::secondary(), palette.text_dim);
}

/// A contact link stands where an invite is expected: it opens a conversation.
fn contact(view: &mut View<'_>, ui: &mut Ui, link: String) {
    let palette = theme::palette(ui);
    label(ui, say::contact_is_one(), font::message(), palette.text);
    super::personal::fault(view, ui, &Overlay::AddCommunity);
    if view.state.personal.busy == Some(Overlay::AddCommunity) {
        return under_way(ui, say::contact_adding());
    }
    if wide_button(ui, Tone::Primary, say::contact_add_now(), Ok(())).clicked() {
        super::personal::order(view, PersonalCommand::ContactAdd { link });
    }
}

fn what_it_says(view: &mut View<'_>, ui: &mut Ui, link: &str) {
    let known = view.state.forms.card.clone();
    match known.filter(|(of, _)| of == link) {
        None if view.model.phase != Phase::Running => {
            let words = say::invite_read_later();
            notice(ui, Weight::Info, words);
        }
        None => under_way(ui, say::invite_reading()),
        Some((_, Ok(invite))) => invite_card(view, ui, link, &invite),
        Some((_, Err(why))) => {
            notice(ui, Weight::Bad, &why);
            if link_button(ui, say::invite_look_again()).clicked() {
                view.act(Action::InspectInvite(link.to_owned()));
            }
        }
    }
}

fn invite_card(view: &mut View<'_>, ui: &mut Ui, link: &str, invite: &InviteCardView) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.raised)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::same(16))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            head_of(ui, invite);
            ui.add_space(space::M);
            let inviter = text::name(&invite.inviter_name);
            let words = say::invite_key(inviter);
            label(ui, &words, font::secondary(), palette.text_dim);
            key_words(ui, &invite.inviter.words());
            ui.add_space(space::S);
            fact(ui, Icon::Waypoints, &say::invite_peers(invite.peers.into()));
            let end = match until(view.model.clock.now, invite.expires) {
                Until::Never => say::invite_ends_never().to_owned(),
                Until::Past => say::invite_ended().to_owned(),
                Until::In(span) => say::invite_ends(span),
            };
            fact(ui, Icon::Clock, &end);
        });
    ui.add_space(space::XS);
    if let Some(why) = view.state.forms.join_error.clone() {
        notice(ui, Weight::Bad, &why);
    }
    if invite.member {
        let words = say::invite_member();
        label(ui, words, font::control(), palette.text);
        if wide_button(ui, Tone::Primary, say::invite_open(), Ok(())).clicked() {
            view.act(Action::Dismiss);
            view.act(Action::GoCommunity(invite.community));
        }
    } else if view.state.forms.joining {
        under_way(ui, say::invite_joining());
    } else {
        let name = say::invite_join(text::name(&invite.name));
        let again = view.state.forms.join_error.is_some();
        let name = if again {
            say::try_again()
        } else {
            name.as_str()
        };
        if wide_button(ui, Tone::Primary, name, Ok(())).clicked() {
            view.act(Action::Join(link.to_owned()));
        }
    }
}

/// The community and who invites.
fn head_of(ui: &mut Ui, invite: &InviteCardView) {
    let palette = theme::palette(ui);
    let name = text::name(&invite.name);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(52.0), egui::Sense::hover());
        community_icon(ui, rect, &name, None, true);
        ui.add_space(space::S);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 2.0;
            label(ui, &name, font::h1(), palette.text_strong);
            let by = say::invite_by(text::name(&invite.inviter_name));
            label(ui, &by, font::control(), palette.text_dim);
        });
    });
}

/// A sign and a few words.
fn fact(ui: &mut Ui, icon: Icon, words: &str) {
    let palette = theme::palette(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(18.0), egui::Sense::hover());
        paint_icon(ui, icon, rect.center(), 16.0, palette.text_dim);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            label(ui, words, font::secondary(), palette.text);
        });
    });
}

fn create(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let templates = Arc::clone(&view.model.snapshot.templates);
    let long = over_limit(&view.state.forms.community, NAME_BYTES_MAX);
    let failed = view.state.forms.create_error.clone();
    let words = Field {
        name: say::create_name(),
        hint: say::create_hint(),
        error: long.as_deref().or(failed.as_deref()),
        secret: false,
    };
    let typed = field(ui, &mut view.state.forms.community, words);
    let enter = entered(ui, &typed);
    if typed.changed() {
        view.state.forms.create_error = None;
    }
    label(ui, say::create_start_with(), font::meta(), palette.text_dim);
    let chosen = view.state.forms.template.clone();
    let chosen = chosen.unwrap_or_else(|| first_template(&templates));
    let mut take = None;
    for template in templates.iter() {
        if template_card(ui, template, chosen == template.template) {
            take = Some(template.template.clone());
        }
    }
    let empty = Card {
        icon: Icon::Square,
        title: say::create_empty(),
        about: say::create_empty_about(),
        end: End::chosen(chosen.is_empty()),
        first: false,
    };
    if card(ui, empty).clicked() {
        take = Some(String::new());
    }
    if let Some(template) = &take {
        view.state.forms.template = Some(template.clone());
        ui.ctx().request_repaint();
    }
    ui.add_space(space::S);
    if view.state.forms.creating {
        return under_way(ui, say::create_now());
    }
    let name = view.state.forms.community.trim().to_owned();
    let ready = match (name.is_empty(), long.is_some()) {
        (true, _) => Err(say::name_empty()),
        (_, true) => Err(say::name_too_long()),
        _ => Ok(()),
    };
    let pressed = wide_button(ui, Tone::Primary, say::create(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        let template = (!chosen.is_empty()).then_some(chosen);
        view.act(Action::CreateCommunity(name, template));
    } else if enter {
        typed.request_focus();
    }
}

fn first_template(templates: &[TemplateView]) -> String {
    let first = templates.first();
    first.map(|view| view.template.clone()).unwrap_or_default()
}

fn template_card(ui: &mut Ui, template: &TemplateView, selected: bool) -> bool {
    let channels = template.channels.iter();
    let mut names: Vec<String> = channels
        .filter_map(|channel| match channel.kind {
            ChannelKind::Text => Some(format!("#{}", text::name(&channel.name))),
            ChannelKind::Voice | ChannelKind::Stage => {
                Some(say::create_voice(text::name(&channel.name)))
            }
            ChannelKind::Category => None,
        })
        .collect();
    let more = names.len().saturating_sub(CHANNELS_NAMED);
    names.truncate(CHANNELS_NAMED);
    let mut about = text::clean(&template.about, 200);
    about.push('\n');
    about.push_str(&names.join("  "));
    if more > 0 {
        about.push_str("  ");
        about.push_str(&say::create_more(more));
    }
    let words = Card {
        icon: icon_of(&template.template),
        title: &text::name(&template.title),
        about: &about,
        end: End::chosen(selected),
        first: false,
    };
    card(ui, words).clicked()
}

/// A sign for the templates that come with the program.
fn icon_of(template: &str) -> Icon {
    match template {
        "friends" => Icon::Smile,
        "project" => Icon::Hammer,
        "gaming" => Icon::Gamepad2,
        _ => Icon::LayoutTemplate,
    }
}
