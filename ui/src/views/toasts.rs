//! Short messages about what happened, and the banner about what goes wrong.

use alloquy_api::personal::DeviceState;
use egui::{Align2, Area, Frame, Id, Margin, Order, Panel, Ui, Vec2};
use lucide_icons::Icon;

use super::{View, composer};
use crate::action::Action;
use crate::model::Phase;
use crate::state::{Overlay, Tone};
use crate::theme::{self, font, radius, space};
use crate::widgets::{self, icon_button, label, link_button};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    if view.state.toasts.is_empty() {
        return;
    }
    let palette = theme::palette(ui);
    let toasts = view.state.toasts.clone();
    let area = Area::new(Id::unique("toasts"))
        .order(Order::Tooltip)
        .anchor(Align2::CENTER_BOTTOM, Vec2::new(0.0, -88.0))
        .show(ui.ctx(), |ui| {
            for toast in toasts {
                Frame::new()
                    .fill(palette.raised)
                    .stroke(egui::Stroke::new(1.0, palette.line))
                    .corner_radius(radius::CARD)
                    .shadow(theme::shadow(palette))
                    .inner_margin(Margin::symmetric(14, 4))
                    .show(ui, |ui| {
                        let room = ui.ctx().content_rect().width() - 2.0 * space::XXL;
                        ui.set_max_width(room.min(440.0));
                        ui.horizontal(|ui| one(view, ui, &toast));
                    });
            }
        });
    ui.ctx().accesskit_node_builder(area.response.id, |node| {
        node.set_role(egui::accesskit::Role::Status);
        node.set_label(say::toasts());
        node.set_live(egui::accesskit::Live::Polite);
    });
}

fn one(view: &mut View<'_>, ui: &mut Ui, toast: &crate::state::Toast) {
    let palette = theme::palette(ui);
    let (icon, color) = match toast.tone {
        Tone::Good => (Icon::CircleCheck, palette.ok),
        Tone::Neutral => (Icon::Info, palette.text_dim),
        Tone::Bad => (Icon::CircleAlert, palette.danger),
    };
    // What stands after the words has its place first.
    let undo = toast.undo.map(|_| {
        let word = say::undo();
        let galley = widgets::lines(ui, word, font::control(), color, f32::INFINITY);
        galley.size().x
    });
    ui.vertical(|ui| {
        ui.set_width(20.0);
        ui.add_space(space::S - 1.0);
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), egui::Sense::hover());
        widgets::paint_icon(ui, icon, rect.center(), 18.0, color);
    });
    ui.vertical(|ui| {
        let beside = theme::HIT_MIN + 2.0 * space::S + undo.map_or(0.0, |undo| undo + space::S);
        ui.set_max_width((ui.available_width() - beside).min(320.0));
        ui.add_space(space::S);
        label(ui, &toast.text, font::control(), palette.text_strong);
        ui.add_space(space::S);
    });
    if let Some(message) = toast.undo
        && link_button(ui, say::undo()).clicked()
    {
        view.act(Action::UndoDelete(message));
    }
    if icon_button(ui, Icon::X, say::toast_close(), false).clicked() {
        view.act(Action::DismissToast(toast.id));
    }
}

/// What is said on a device that may not write for its account.
pub(crate) fn words_of_stop(stopped: DeviceState) -> &'static str {
    match stopped {
        DeviceState::Suspended => say::devices_suspended(),
        DeviceState::Closed => say::stopped_closed(),
        DeviceState::Revoked | DeviceState::Active => say::stopped_revoked(),
    }
}

/// How often the words can be put off.
const PUT_OFF_MAX: u8 = 2;

/// What the banner says, and what can be done about it.
struct Banner {
    bad: bool,
    words: String,
    step: Option<(&'static str, Action)>,
    later: Option<Action>,
}

/// What is to be told over everything: the node has ended, the disk is full, the recovery words wait.
fn told(view: &View<'_>) -> Option<Banner> {
    let snapshot = &view.model.snapshot;
    // Where there is little room, the window below has to remain.
    let tight = view.state.size.y < widgets::TIGHT_BELOW;
    if let Phase::Failed(failure) = &view.model.phase {
        let again = failure.may_restart;
        return Some(Banner {
            bad: true,
            words: format!("{} {}", failure.what, failure.remedy),
            step: again.then_some((say::banner_start_again(), Action::Restart)),
            later: None,
        });
    }
    if let Some(trouble) = &snapshot.trouble {
        let why = trouble.message.trim_end_matches('.');
        return Some(Banner {
            bad: true,
            words: if tight {
                say::banner_not_stored_short(why)
            } else {
                say::banner_not_stored(why)
            },
            step: None,
            later: None,
        });
    }
    if let Some(stopped) = view.model.stopped() {
        return Some(Banner {
            bad: true,
            words: if tight {
                composer::barred_by(stopped).to_owned()
            } else {
                words_of_stop(stopped).to_owned()
            },
            step: None,
            later: None,
        });
    }
    let settings = &view.state.settings;
    let due = view.model.clock.now.0 >= settings.recovery_again;
    let waits = snapshot.recovery_pending && !view.model.rail().is_empty();
    if waits && due {
        return Some(Banner {
            bad: false,
            words: if tight {
                say::banner_recovery_short().to_owned()
            } else {
                say::banner_recovery().to_owned()
            },
            step: Some((say::recovery_show(), Action::Open(Overlay::Recovery))),
            later: (settings.recovery_put_off < PUT_OFF_MAX).then_some(Action::PutRecoveryOff),
        });
    }
    view.state.check_due(view.model).then(|| Banner {
        bad: false,
        words: if tight {
            say::banner_check_short().to_owned()
        } else {
            say::banner_check().to_owned()
        },
        step: Some((
            say::banner_check_now(),
            Action::Open(Overlay::CheckRecovery),
        )),
        later: Some(Action::PutCheckOff),
    })
}

/// Width for the banner's words, in points, from which a sign stands before them: below it they need all of it.
const SIGN_FROM: f32 = 160.0;

/// The banner over everything.
pub(super) fn banner(view: &mut View<'_>, ui: &mut Ui) {
    let Some(banner) = told(view) else {
        return;
    };
    let palette = theme::palette(ui);
    let (fill, ink, icon) = if banner.bad {
        (palette.danger_fill, palette.on_accent, Icon::CircleAlert)
    } else {
        (palette.active, palette.text_strong, Icon::KeyRound)
    };
    let frame = Frame::new()
        .fill(fill)
        .inner_margin(Margin::symmetric(16, 6));
    Panel::top("banner")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let right = egui::Layout::right_to_left(egui::Align::Center);
            ui.with_layout(right, |ui| {
                if let Some(later) = banner.later
                    && icon_button(ui, Icon::X, say::later(), false).clicked()
                {
                    view.act(later);
                }
                if let Some((name, action)) = banner.step {
                    let tone = if banner.bad {
                        widgets::Tone::Plain
                    } else {
                        widgets::Tone::Primary
                    };
                    if widgets::button(ui, tone, name, Ok(())).clicked() {
                        view.act(action);
                    }
                }
                let left = egui::Layout::left_to_right(egui::Align::Center);
                ui.with_layout(left, |ui| {
                    if ui.available_width() >= SIGN_FROM {
                        let size = Vec2::splat(20.0);
                        let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
                        widgets::paint_icon(ui, icon, rect.center(), 17.0, ink);
                    }
                    label(ui, &banner.words, font::control(), ink);
                });
            });
        });
}
