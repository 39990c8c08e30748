//! Inviting people: a link at once, to copy or to scan.

use alloquy_ids::{CommunityId, UnixMs};
use egui::{Frame, Margin, Role, Sense, Ui, Vec2, WidgetInfo};

use super::spans::{Until, until};
use crate::action::Action;
use crate::state::{InviteExpiry, InviteMade};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Sheet, Tone, Weight, button, keyed_sheet, label, line, link_button, notice, qr, refocus,
    segments, under_way, wide_button,
};
use crate::words::{Text, say};

/// Side of the code where there is room, in points.
const QR_SIDE: f32 = 264.0;
/// Uses that are offered.
const USES: [(Option<u32>, Text); 4] = [
    (None, say::uses_any),
    (Some(1), say::uses_one),
    (Some(10), || "10"),
    (Some(50), || "50"),
];

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) -> bool {
    let name = view
        .model
        .community(id)
        .map(|community| text::name(&community.name));
    let title = say::invite_title(name.unwrap_or_default());
    let words = Sheet {
        title: &title,
        width: 500.0,
    };
    keyed_sheet(ui, "invite", words, |ui| {
        let made = view.state.forms.invite.clone();
        match made.filter(|made| made.community == id) {
            Some(made) => link(view, ui, &made),
            None => without_link(view, ui, id),
        }
        options(view, ui, id);
    })
}

fn without_link(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) {
    let forms = &view.state.forms;
    if let Some(why) = &forms.invite_error {
        notice(ui, Weight::Bad, why);
    } else if forms.invite_revoked {
        let gone = say::link_revoked();
        notice(ui, Weight::Info, gone);
    } else {
        refocus(ui);
        return under_way(ui, say::link_making());
    }
    if wide_button(ui, Tone::Primary, say::link_make(), Ok(())).clicked() {
        make(view, id);
    }
}

fn make(view: &mut View<'_>, id: CommunityId) {
    let forms = &view.state.forms;
    let (uses, expires) = (forms.invite_uses, forms.invite_expiry.millis());
    view.act(Action::MakeInvite(id, uses, expires));
}

fn link(view: &mut View<'_>, ui: &mut Ui, made: &InviteMade) {
    let palette = theme::palette(ui);
    let about = say::link_about();
    label(ui, about, font::message(), palette.text);
    copy_row(view, ui, made);
    let side = QR_SIDE.min(ui.available_width());
    ui.add_space(space::XS);
    let hint = say::link_scan();
    qr(
        ui,
        &mut view.state.qr,
        (&made.link, say::link_picture()),
        (side, hint),
    );
    let end = match until(view.model.clock.now, expiry_of(view, made)) {
        Until::Never => say::link_ends_never().to_owned(),
        Until::Past => say::link_ended().to_owned(),
        Until::In(span) => say::link_ends(span),
    };
    ui.horizontal(|ui| {
        label(ui, &end, font::secondary(), palette.text_dim);
        if link_button(ui, say::link_revoke()).clicked() {
            view.act(Action::RevokeInvite(made.community, made.id));
        }
    });
}

fn expiry_of(view: &View<'_>, made: &InviteMade) -> Option<UnixMs> {
    let millis = view.state.forms.invite_expiry.millis()?;
    Some(UnixMs(made.made.0 + millis))
}

/// The link on one line, and the button that copies it.
fn copy_row(view: &mut View<'_>, ui: &mut Ui, made: &InviteMade) {
    link_row(view, ui, (&made.link, say::link_spoken()), made.copied);
}

/// A link on one line, read out by a name, and the button that copies it.
pub(super) fn link_row(
    view: &mut View<'_>,
    ui: &mut Ui,
    (link, spoken): (&str, &str),
    copied: bool,
) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.field)
        .corner_radius(radius::ROW)
        .inner_margin(Margin::symmetric(6, 5))
        .show(ui, |ui| {
            let right = egui::Layout::right_to_left(egui::Align::Center);
            let row = Vec2::new(ui.available_width(), theme::ROW_HEIGHT);
            ui.allocate_ui_with_layout(row, right, |ui| {
                let word = if copied {
                    say::link_copied()
                } else {
                    say::copy()
                };
                if button(ui, Tone::Primary, word, Ok(())).clicked() {
                    view.act(Action::Copy(link.to_owned()));
                }
                let room = ui.available_width() - space::S;
                let galley = line(ui, link, font::code(), palette.text, room);
                let size = Vec2::new(ui.available_width(), theme::ROW_HEIGHT);
                let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
                response.widget_info(|| WidgetInfo::labeled(Role::Label, true, spoken));
                let y = rect.center().y - galley.size().y / 2.0;
                let at = egui::pos2(rect.left() + space::S, y);
                ui.painter().galley(at, galley, palette.text);
            });
        });
}

/// How long and for how many the link is good. Another choice makes another link, and takes back the one that
/// nobody can have seen.
fn options(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) {
    let palette = theme::palette(ui);
    ui.add_space(space::S);
    label(ui, say::link_good_for(), font::meta(), palette.text_dim);
    let spans = [
        say::span_one_hour(),
        say::span_one_day(),
        say::span_seven_days(),
        say::span_for_ever(),
    ];
    let now = view.state.forms.invite_expiry;
    let chosen = InviteExpiry::ALL.iter().position(|span| *span == now);
    let mut changed = false;
    if let Some(place) = segments(ui, say::link_good_for(), &spans, chosen.unwrap_or(0)) {
        view.state.forms.invite_expiry = InviteExpiry::ALL[place];
        changed = true;
    }
    label(ui, say::link_how_many(), font::meta(), palette.text_dim);
    let words = USES.map(|(_, word)| word());
    let uses = view.state.forms.invite_uses;
    let chosen = USES.iter().position(|(count, _)| *count == uses);
    if let Some(place) = segments(ui, say::link_how_many(), &words, chosen.unwrap_or(0)) {
        view.state.forms.invite_uses = USES[place].0;
        changed = true;
    }
    if changed {
        let before = view.state.forms.invite.clone();
        if let Some(before) = before.filter(|made| !made.copied) {
            view.act(Action::RevokeInvite(before.community, before.id));
        }
        make(view, id);
    }
}
