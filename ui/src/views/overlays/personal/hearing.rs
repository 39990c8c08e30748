//! When the desktop is told of a conversation, a community or a channel.

use alloquy_ids::{ChannelId, CommunityId, UnixMs};
use egui::Ui;

use super::super::spans::{Until, until};
use crate::action::Action;
use crate::settings::Notify;
use crate::state::{Heard, Muted, Rule};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::directs::title;
use crate::widgets::{Sheet, Tone, button, keyed_sheet, label, section, segments};
use crate::words::{Text, say};

const HOUR_MS: u64 = 3_600_000;
/// For how long something can be muted, as offered; `None`: until it is turned on.
const SPANS: [(Option<u64>, Text); 3] = [
    (Some(HOUR_MS), say::mute_hour),
    (Some(8 * HOUR_MS), say::mute_eight),
    (None, say::mute_always),
];
const KINDS: [Option<Notify>; 4] = [
    None,
    Some(Notify::All),
    Some(Notify::Mentions),
    Some(Notify::Nothing),
];

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    channel: Option<ChannelId>,
) -> bool {
    let model = view.model;
    let name = match (
        channel.and_then(|channel| model.channel(id, channel)),
        model.direct(id),
    ) {
        (Some(channel), _) => format!("#{}", text::name(&channel.name)),
        (None, Some(direct)) => title(direct),
        (None, None) => model
            .community(id)
            .map_or_else(String::new, |of| text::name(&of.name)),
    };
    let of = channel.map_or(Heard::Community(id), Heard::Channel);
    let heading = say::hearing_of(name);
    let words = Sheet {
        title: &heading,
        width: 460.0,
    };
    keyed_sheet(ui, "hearing", words, |ui| {
        let rule = view.state.rule(of);
        section(ui, say::notify());
        let around = match of {
            Heard::Channel(_) => {
                let rule = view.state.rule(Heard::Community(id)).when;
                rule.unwrap_or_else(|| view.state.hears_without_rule(model.kind(id)))
            }
            Heard::Community(_) => view.state.hears_without_rule(model.kind(id)),
        };
        let usual = say::hearing_usual(word(around));
        let words = [
            usual.as_str(),
            say::notify_all(),
            say::notify_mentions(),
            say::notify_nothing(),
        ];
        let chosen = KINDS.iter().position(|kind| *kind == rule.when);
        if let Some(place) = segments(ui, say::notify(), &words, chosen.unwrap_or(0)) {
            let when = KINDS[place];
            view.act(Action::SetRule(of, Rule { when, ..rule }));
        }
        section(ui, say::mute());
        muting(view, ui, of, rule);
    })
}

fn word(of: Notify) -> &'static str {
    match of {
        Notify::All => say::notify_all(),
        Notify::Mentions => say::notify_mentions(),
        Notify::Nothing => say::notify_nothing(),
    }
}

fn muting(view: &mut View<'_>, ui: &mut Ui, of: Heard, rule: Rule) {
    let palette = theme::palette(ui);
    let now = view.model.clock.now;
    label(ui, say::mute_about(), font::secondary(), palette.text_dim);
    if rule.mutes(now) {
        let words = match rule.muted {
            Some(Muted::Until(end)) => match until(now, Some(UnixMs(end))) {
                Until::In(span) => say::muted_for(span),
                Until::Past | Until::Never => say::muted_always().to_owned(),
            },
            _ => say::muted_always().to_owned(),
        };
        label(ui, &words, font::control(), palette.text_strong);
        ui.add_space(space::XS);
        if button(ui, Tone::Primary, say::unmute(), Ok(())).clicked() {
            view.act(Action::SetRule(
                of,
                Rule {
                    muted: None,
                    ..rule
                },
            ));
        }
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (span, name) in SPANS {
            if button(ui, Tone::Plain, name(), Ok(())).clicked() {
                let muted = Some(match span {
                    Some(span) => Muted::Until(now.0 + span),
                    None => Muted::Always,
                });
                view.act(Action::SetRule(of, Rule { muted, ..rule }));
            }
        }
    });
}
