//! Linking a device and ending one.

use alloquy_api::personal::{
    DeviceState, DeviceView, LinkStep, Linking, LinkingView, PersonalCommand,
};
use alloquy_ids::{DeviceId, UnixMs};
use egui::{Frame, Margin, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::super::invite::link_row;
use super::{confirm, fault, order};
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Sheet, Tone, Weight, label, lines, notice, qr, refocus, sheet, under_way, wide_button,
};
use crate::words::say;

/// Side of the code to scan, in points.
const QR_SIDE: f32 = 250.0;

/// What a device is called: by its name, or by its number where it has none.
pub(in crate::views::overlays) fn called(device: &DeviceView) -> String {
    if device.name.is_empty() {
        say::device_unnamed(device.device.short())
    } else {
        text::name(&device.name)
    }
}

/// A sign for a device: what it may do.
pub(in crate::views::overlays) fn icon_of(device: &DeviceView) -> Icon {
    match device.state {
        DeviceState::Active => Icon::Laptop,
        DeviceState::Suspended => Icon::TriangleAlert,
        DeviceState::Revoked | DeviceState::Closed => Icon::Ban,
    }
}

/// The code for another device.
pub(super) fn link(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::link_device(),
        width: 520.0,
    };
    let mut close = false;
    close |= sheet(ui, words, |ui| {
        fault(view, ui, &Overlay::LinkDevice);
        let linking = view.state.pairing(view.model, Linking::Device).cloned();
        match linking {
            None if view.state.personal.fault.is_some() => again(view, ui),
            None => {
                refocus(ui);
                under_way(ui, say::code_making());
            }
            Some(linking) => close |= step(view, ui, &linking),
        }
    });
    close
}

fn again(view: &mut View<'_>, ui: &mut Ui) {
    if wide_button(ui, Tone::Primary, say::code_again(), Ok(())).clicked() {
        view.state.personal.pairing = None;
        order(view, PersonalCommand::DeviceLink);
    }
}

fn step(view: &mut View<'_>, ui: &mut Ui, linking: &LinkingView) -> bool {
    match &linking.step {
        LinkStep::Waiting if linking.until <= view.model.clock.now => {
            notice(ui, Weight::Warn, say::code_over());
            again(view, ui);
        }
        LinkStep::Waiting => waiting(view, ui, linking),
        LinkStep::Talking => {
            refocus(ui);
            under_way(ui, say::link_talking());
        }
        LinkStep::Done => {
            notice(ui, Weight::Info, say::link_done());
            return wide_button(ui, Tone::Primary, say::done_close(), Ok(())).clicked();
        }
        LinkStep::Failed(why) => {
            notice(ui, Weight::Bad, &text::clean(why, 300));
            again(view, ui);
        }
    }
    false
}

fn waiting(view: &mut View<'_>, ui: &mut Ui, linking: &LinkingView) {
    let palette = theme::palette(ui);
    for (number, words) in [(1, say::link_step_one()), (2, say::link_step_two())] {
        label(
            ui,
            &format!("{number}. {words}"),
            font::message(),
            palette.text,
        );
    }
    if let Some(code) = &linking.code {
        large(ui, code);
    }
    let left = left(view.model.clock.now, linking.until);
    label(
        ui,
        &say::code_left(left),
        font::secondary(),
        palette.text_dim,
    );
    if let Some(link) = &linking.link {
        ui.add_space(space::XS);
        let side = QR_SIDE.min(ui.available_width());
        let name = say::link_device_picture();
        qr(
            ui,
            &mut view.state.qr,
            (link, name),
            (side, say::link_device_scan()),
        );
        link_row(view, ui, (link, say::link_device_spoken()), false);
    }
    label(ui, say::link_warning(), font::secondary(), palette.text_dim);
}

/// The time left, as minutes and seconds.
fn left(now: UnixMs, until: UnixMs) -> String {
    let seconds = until.0.saturating_sub(now.0).div_ceil(1_000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A code in large type.
fn large(ui: &mut Ui, code: &str) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.field)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::symmetric(16, 12))
        .show(ui, |ui| {
            let width = ui.available_width();
            let galley = lines(ui, code, font::display(), palette.text_strong, width);
            let size = Vec2::new(width, galley.size().y);
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            let spoken = say::code_spoken(code);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
            let at = rect.center() - galley.size() / 2.0;
            ui.painter().galley(at, galley, palette.text_strong);
        });
}

/// Whether to end a device.
pub(super) fn revoke(view: &mut View<'_>, ui: &mut Ui, device: DeviceId) -> bool {
    let mut devices = view.model.snapshot.devices.iter();
    let shown = devices.find(|view| view.device == device).cloned();
    let name = shown.as_ref().map_or_else(|| device.short(), called);
    let this = shown.is_some_and(|view| view.this);
    let title = say::revoke_title(name);
    let command = PersonalCommand::DeviceRevoke {
        device: device.to_string(),
    };
    let on = Overlay::ConfirmRevocation(device);
    let last = if this {
        say::revoke_this()
    } else {
        say::revoke_other()
    };
    let about = [say::revoke_about(), last, say::revoke_keeps()];
    let words = (title.as_str(), &about[..], say::revoke());
    confirm(view, ui, ("revocation", &on), words, command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_in_minutes_and_seconds() {
        let now = UnixMs(1_000_000);
        assert_eq!(left(now, UnixMs(now.0 + 600_000)), "10:00");
        assert_eq!(left(now, UnixMs(now.0 + 61_001)), "1:02");
        assert_eq!(left(now, UnixMs(now.0 + 1)), "0:01");
        assert_eq!(left(now, UnixMs(0)), "0:00");
    }
}
