//! The door for IRC clients of this computer: switch, app passwords, the line to copy.

use std::sync::Arc;

use egui::{Sense, Ui};
use lucide_icons::Icon;

use crate::action::Action;
use crate::irc::{
    ADDRESS_BYTES_MAX, IrcDoor, IrcOrder, IrcPassword, LABEL_BYTES_MAX, USUAL_ADDRESS,
};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::community::line::{Face, line};
use crate::views::overlays::spans;
use crate::widgets::{
    Field, Tone, Weight, button, entered, field, label, link_button, notice, over_limit, section,
    switch, switch_fixed,
};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    label(ui, say::irc_about(), font::message(), palette.text);
    let about = Arc::clone(&view.model.about);
    let Some(door) = &about.irc else {
        let why = if about.attached {
            say::irc_elsewhere()
        } else {
            say::irc_demonstration()
        };
        switch_fixed(ui, false, say::irc_open(), why);
        return;
    };
    if let Some(fault) = &door.fault {
        notice(ui, Weight::Bad, &text::clean(fault, 300));
    }
    if let Some(password) = view.state.forms.irc.made.clone() {
        shown_once(view, ui, door, &password);
    }
    opening(view, ui, door);
    section(ui, say::irc_passwords());
    if door.passwords.is_empty() {
        label(ui, say::irc_none(), font::secondary(), palette.text_dim);
    }
    for password in &door.passwords {
        ui.push_id(password.number, |ui| one(view, ui, password));
    }
    adding(view, ui);
}

/// Whether it is open, and where.
fn opening(view: &mut View<'_>, ui: &mut Ui, door: &IrcDoor) {
    let on = view.state.settings.irc.clone();
    let form = &mut view.state.forms.irc;
    let mut address = form
        .address
        .clone()
        .or_else(|| on.clone())
        .unwrap_or_else(|| USUAL_ADDRESS.to_owned());
    let about = match (&door.address, &on) {
        (Some(open), _) => say::irc_is_open(open),
        (None, Some(_)) => say::irc_not_open().to_owned(),
        (None, None) => say::irc_shut().to_owned(),
    };
    let pressed = switch(ui, on.is_some(), say::irc_open(), "").clicked();
    let palette = theme::palette(ui);
    label(ui, &about, font::secondary(), palette.text_dim);
    if on.is_none() {
        let long = over_limit(&address, ADDRESS_BYTES_MAX);
        let words = Field {
            name: say::irc_address(),
            hint: USUAL_ADDRESS,
            error: long.as_deref(),
            secret: false,
        };
        field(ui, &mut address, words);
        form.address = Some(address.clone());
    }
    if pressed {
        let order = match on {
            Some(_) => IrcOrder::Shut,
            None => IrcOrder::Open(address.trim().to_owned()),
        };
        view.act(Action::Irc(order));
    }
}

fn one(view: &mut View<'_>, ui: &mut Ui, password: &IrcPassword) {
    let now = view.model.clock.now;
    let name = text::name(&password.label);
    let scope = if password.read_only {
        say::irc_reads()
    } else {
        say::irc_all()
    };
    let used = match password.last_use {
        Some(at) => say::irc_used(spans::ago(now, at)),
        None => say::irc_unused().to_owned(),
    };
    let about = format!("{scope} · {used}");
    line(
        ui,
        Face::Sign(Icon::KeyRound),
        (&name, &about),
        Sense::hover(),
    );
    ui.horizontal_wrapped(|ui| {
        ui.add_space(space::XXL + space::L);
        let response = button(ui, Tone::Plain, say::irc_revoke(), Ok(()));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_label(say::irc_revoke_named(&name));
        });
        if response.clicked() {
            view.act(Action::Irc(IrcOrder::Revoke(password.number)));
        }
    });
}

/// Another password.
fn adding(view: &mut View<'_>, ui: &mut Ui) {
    section(ui, say::irc_add());
    let form = &mut view.state.forms.irc;
    let long = over_limit(&form.label, LABEL_BYTES_MAX);
    let words = Field {
        name: say::irc_label(),
        hint: say::irc_label_hint(),
        error: long.as_deref(),
        secret: false,
    };
    let response = field(ui, &mut form.label, words);
    let enter = entered(ui, &response);
    let (label, read_only) = (form.label.trim().to_owned(), form.read_only);
    if switch(
        ui,
        read_only,
        say::irc_read_only(),
        say::irc_read_only_about(),
    )
    .clicked()
    {
        form.read_only = !read_only;
        ui.ctx().request_repaint();
    }
    let ready = match (label.is_empty(), long.is_some()) {
        (true, _) => Err(say::irc_label_empty()),
        (_, true) => Err(say::name_too_long()),
        _ => Ok(()),
    };
    let pressed = button(ui, Tone::Primary, say::irc_make(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        view.act(Action::Irc(IrcOrder::Add { label, read_only }));
    }
}

fn shown_once(view: &mut View<'_>, ui: &mut Ui, door: &IrcDoor, password: &str) {
    let palette = theme::palette(ui);
    notice(ui, Weight::Warn, say::irc_once());
    label(ui, password, font::code(), palette.text_strong);
    if link_button(ui, say::irc_copy_password()).clicked() {
        view.act(Action::Copy(password.to_owned()));
    }
    let open = door.address.as_deref().unwrap_or(USUAL_ADDRESS);
    // A socket of the file system, of which the clients that the lines are for know nothing.
    let Some((host, port)) = open.rsplit_once(':').filter(|_| !open.starts_with("unix:")) else {
        return;
    };
    let host = host.trim_matches(['[', ']']);
    let lines = [
        (
            "WeeChat",
            format!("/server add alloquy {host}/{port} -password={password} -notls -autoconnect"),
        ),
        ("irssi", format!("/connect {host} {port} {password}")),
    ];
    for (client, line) in lines {
        label(ui, &line, font::code(), palette.text);
        let response = link_button(ui, &say::irc_copy_line(client));
        if response.clicked() {
            view.act(Action::Copy(line));
        }
    }
}
