//! The rules of a community: who comes in, how fast, and what may be written.

use alloquy_api::Command;
use alloquy_api::command::{CommunityRef, JoinRule, LinkRule, WordRule};
use alloquy_api::reply::PolicyView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;
use egui::Ui;

use crate::action::Action;
use crate::state::{Order, RulesDraft, Standing};
use crate::theme::{self, font};
use crate::views::View;
use crate::views::overlays::spans;
use crate::widgets::{
    Field, Tone, Weight, button, field, label, notice, section, segments_of, tall_field,
};
use crate::words::{Text, say};

/// Spans as offered: milliseconds, and in words.
const SPANS: [(u64, Text); 4] = [
    (0, say::slow_off),
    (600_000, say::span_ten_minutes),
    (3_600_000, say::span_one_hour),
    (24 * 3_600_000, say::span_one_day),
];

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let own = Standing::of(community, view.model.me());
    let may = own.has("manage-community");
    if !may {
        notice(ui, Weight::Info, say::rules_no_right());
    }
    let policy = &community.policy;
    let reference = CommunityRef(id.to_string());
    joins(view, ui, (&reference, policy), may);
    let Some(mut draft) = view.state.governance.rules.take() else {
        return;
    };
    raid(view, ui, (&mut draft, policy), may);
    links(view, ui, (&reference, policy), may);
    words(view, ui, (&mut draft, WordRule::Refuse), may);
    words(view, ui, (&mut draft, WordRule::Hold), may);
    view.state.governance.rules = Some(draft);
}

fn set(view: &mut View<'_>, command: Command) {
    view.act(Action::Govern(Box::new(Order {
        command,
        done: say::rules_changed().to_owned(),
        closes: Vec::new(),
    })));
}

/// Which of the spans is in force; told in words where it is none of them.
fn span(ui: &mut Ui, name: &str, now_ms: u32, may: bool) -> Option<u64> {
    let palette = theme::palette(ui);
    let chosen = SPANS.iter().position(|(ms, _)| *ms == u64::from(now_ms));
    if chosen.is_none() {
        let words = spans::interval(now_ms.into());
        label(ui, &words, font::message(), palette.text);
    }
    let words = SPANS.map(|(_, word)| word());
    let at = chosen.unwrap_or(SPANS.len());
    segments_of(ui, (name, &words), at, |_| may).map(|place| SPANS[place].0)
}

fn joins(
    view: &mut View<'_>,
    ui: &mut Ui,
    (community, policy): (&CommunityRef, &PolicyView),
    may: bool,
) {
    let palette = theme::palette(ui);
    section(ui, say::rule_joins());
    let rules = [JoinRule::Open, JoinRule::Invite, JoinRule::Approval];
    let words = [
        say::joins_open(),
        say::joins_invite(),
        say::joins_approval(),
    ];
    let now = rules.iter().position(|rule| *rule == policy.joins);
    let taken = segments_of(ui, (say::rule_joins(), &words), now.unwrap_or(0), |_| may);
    if let Some(place) = taken {
        let command = Command::PolicyJoins {
            community: community.clone(),
            rule: rules[place],
        };
        set(view, command);
    }
    let about = match policy.joins {
        JoinRule::Open => say::joins_open_about(),
        JoinRule::Invite => say::joins_invite_about(),
        JoinRule::Approval => say::joins_approval_about(),
    };
    label(ui, about, font::secondary(), palette.text_dim);
    section(ui, say::rule_wait());
    label(
        ui,
        say::rule_wait_about(),
        font::secondary(),
        palette.text_dim,
    );
    if let Some(wait_ms) = span(ui, say::rule_wait(), policy.wait_ms, may) {
        let command = Command::PolicyWait {
            community: community.clone(),
            wait_ms,
        };
        set(view, command);
    }
}

fn raid(
    view: &mut View<'_>,
    ui: &mut Ui,
    (draft, policy): (&mut RulesDraft, &PolicyView),
    may: bool,
) {
    let palette = theme::palette(ui);
    section(ui, say::rule_raid());
    label(
        ui,
        say::rule_raid_about(),
        font::secondary(),
        palette.text_dim,
    );
    if !may {
        let words = raid_words(policy);
        label(ui, &words, font::message(), palette.text);
        return;
    }
    for (typed, name) in [
        (&mut draft.in_all, say::raid_in_all()),
        (&mut draft.by_invite, say::raid_by_invite()),
    ] {
        let wrong = RulesDraft::limit(typed).err();
        let words = Field {
            name,
            hint: say::uses_any(),
            error: wrong.as_deref(),
            secret: false,
        };
        field(ui, typed, words);
    }
    let words = raid_words(policy);
    label(ui, &words, font::secondary(), palette.text_dim);
    let fits = |at: usize| draft.raid(SPANS[at].0).is_some();
    let words = SPANS.map(|(_, word)| word());
    let now = SPANS
        .iter()
        .position(|(ms, _)| *ms == u64::from(policy.joins_within_ms));
    let same = RulesDraft::limit(&draft.in_all) == Ok(policy.joins_in_all)
        && RulesDraft::limit(&draft.by_invite) == Ok(policy.joins_by_invite);
    // Other numbers than those in force are set by choosing the while again.
    let chosen = now.filter(|_| same).unwrap_or(SPANS.len());
    let taken = segments_of(ui, (say::raid_within(), &words), chosen, fits);
    if let Some(command) = taken.and_then(|place| draft.raid(SPANS[place].0)) {
        set(view, command);
    }
}

/// The limits in force.
fn raid_words(policy: &PolicyView) -> String {
    if policy.joins_within_ms == 0 {
        return say::raid_none().to_owned();
    }
    let within = spans::interval(policy.joins_within_ms.into());
    match (policy.joins_in_all, policy.joins_by_invite) {
        (Some(all), Some(one)) => say::raid_both(all, one, within),
        (Some(all), None) => say::raid_all_only(all, within),
        (None, Some(one)) => say::raid_invite_only(one, within),
        (None, None) => say::raid_none().to_owned(),
    }
}

fn links(
    view: &mut View<'_>,
    ui: &mut Ui,
    (community, policy): (&CommunityRef, &PolicyView),
    may: bool,
) {
    section(ui, say::rule_links());
    let rules = [LinkRule::Everyone, LinkRule::Roles, LinkRule::Moderators];
    let words = [
        say::links_everyone(),
        say::links_roles(),
        say::links_moderators(),
    ];
    let now = rules.iter().position(|rule| *rule == policy.links);
    let taken = segments_of(ui, (say::rule_links(), &words), now.unwrap_or(0), |_| may);
    if let Some(place) = taken {
        let command = Command::PolicyLinks {
            community: community.clone(),
            rule: rules[place],
        };
        set(view, command);
    }
}

fn words(view: &mut View<'_>, ui: &mut Ui, (draft, rule): (&mut RulesDraft, WordRule), may: bool) {
    let palette = theme::palette(ui);
    let (name, about, save) = match rule {
        WordRule::Refuse => (
            say::words_refused(),
            say::words_refused_about(),
            say::words_refused_save(),
        ),
        WordRule::Hold => (
            say::words_held(),
            say::words_held_about(),
            say::words_held_save(),
        ),
    };
    section(ui, name);
    label(ui, about, font::secondary(), palette.text_dim);
    let list = draft.list(rule);
    if !may {
        let shown = crate::text::clean(list, alloquy_api::limits::WORDS_BYTES_MAX);
        label(ui, &shown, font::message(), palette.text);
        return;
    }
    let wrong = RulesDraft::list_fault(list);
    let words = Field {
        name,
        hint: say::words_hint(),
        error: wrong.as_deref(),
        secret: false,
    };
    tall_field(ui, list, words, 2);
    let command = draft.words(rule);
    let ready = match (&command, wrong) {
        (_, Some(_)) => Err(say::own_unfit()),
        (None, None) => Err(say::own_unchanged()),
        (Some(_), None) => Ok(()),
    };
    if button(ui, Tone::Plain, save, ready).clicked()
        && let Some(command) = command
    {
        set(view, command);
    }
}
