//! The quick switcher: channels, people, communities and commands by a few letters of their names.

mod index;

use egui::{Frame, Key, Margin, Modifiers, Rect, Role, Sense, TextEdit, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

pub(crate) use index::SwitcherIndex;
use index::{Entry, Target, command};

use crate::action::Action;
use crate::state::Overlay;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{Sheet, badge, bare_sheet, focus_ring, label, line, lines, paint_icon};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::switcher(),
        width: 560.0,
    };
    let keys = Keys::take(ui);
    bare_sheet(ui, words, |ui| {
        let changed = query(view, ui);
        let mut index = std::mem::take(&mut view.state.switcher);
        let muted = view.state.muted_channels(view.model);
        index.renew(view.model, &muted);
        let rows = index.rows(&view.state.forms.switcher);
        if changed {
            view.state.forms.switcher_row = 0;
        }
        let last = rows.len().saturating_sub(1);
        let row = keys.moved(view.state.forms.switcher_row.min(last), rows.len());
        view.state.forms.switcher_row = row;
        let mut chosen = keys.enter.then_some(row);
        ui.add_space(space::XS);
        if rows.is_empty() {
            nothing(ui, &view.state.forms.switcher);
        }
        ui.spacing_mut().item_spacing.y = 2.0;
        for (place, at) in rows.iter().enumerate() {
            let response = entry(ui, index.entry(*at), place == row);
            if place == row && keys.any() {
                response.scroll_to_me(None);
            }
            if response.clicked() {
                chosen = Some(place);
            }
        }
        let target = chosen.and_then(|place| Some(index.entry(*rows.get(place)?).target));
        view.state.switcher = index;
        if let Some(target) = target {
            go(view, target);
        }
        hints(ui);
    })
}

/// The keys that move in the list, taken before the field sees them.
struct Keys {
    by: isize,
    enter: bool,
}

impl Keys {
    fn take(ui: &Ui) -> Self {
        let none = Modifiers::NONE;
        ui.input_mut(|input| {
            let down = input.count_and_consume_key(none, Key::ArrowDown) as isize;
            let up = input.count_and_consume_key(none, Key::ArrowUp) as isize;
            Self {
                by: down - up,
                enter: input.consume_key(none, Key::Enter),
            }
        })
    }

    const fn any(&self) -> bool {
        self.by != 0
    }

    fn moved(&self, row: usize, len: usize) -> usize {
        let len = len.max(1) as isize;
        (row as isize + self.by).rem_euclid(len) as usize
    }
}

/// The field's id, known before it is first drawn: what is typed right after the shortcut goes into it.
pub(in crate::views) fn field_id() -> egui::Id {
    egui::Id::unique("quick switcher")
}

fn query(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.field)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::symmetric(12, 8));
    let response = frame
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
                paint_icon(ui, Icon::Search, rect.center(), 18.0, palette.text_dim);
                let hint = egui::RichText::new(say::where_to())
                    .font(font::message())
                    .color(palette.text_faint);
                let edit = TextEdit::singleline(&mut view.state.forms.switcher)
                    .id(field_id())
                    .hint_text(hint)
                    .font(font::message())
                    .text_color(palette.text_strong)
                    .frame(Frame::NONE)
                    .align(egui::Align2::LEFT_CENTER)
                    .margin(Margin::symmetric(0, 4))
                    .desired_width(f32::INFINITY);
                ui.add(edit)
            })
            .inner
        })
        .inner;
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_label(say::switcher_field());
    });
    response.changed()
}

fn entry(ui: &mut Ui, entry: &Entry, selected: bool) -> egui::Response {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    // A command is called in the window's own words.
    let own = matches!(entry.target, Target::Command(_)).then(|| {
        let room = width - 40.0 - 2.0 * space::M - width * 0.4;
        lines(ui, &entry.name, font::control(), palette.text, room)
    });
    let height = own.as_ref().map_or(0.0, |own| own.size().y + space::M);
    let size = Vec2::new(width, height.max(36.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::CLICK);
    let spoken = if entry.detail.is_empty() {
        entry.name.clone()
    } else {
        format!("{}, {}", entry.name, entry.detail)
    };
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, selected, &spoken));
    if selected || response.hovered() {
        let fill = if selected {
            palette.active
        } else {
            palette.hover
        };
        ui.painter().rect_filled(rect, radius::ROW, fill);
    }
    let icon = match entry.target {
        Target::Channel(..) => Icon::Hash,
        Target::Person(..) => Icon::AtSign,
        Target::Direct(..) => Icon::MessageCircle,
        Target::Community(_) => Icon::UsersRound,
        Target::Command(_) => Icon::Terminal,
    };
    let at = egui::pos2(rect.left() + 20.0, rect.center().y);
    paint_icon(ui, icon, at, 17.0, palette.text_dim);
    let mut right = rect.right() - space::M;
    if entry.mentions > 0 {
        let at = egui::pos2(right, rect.center().y);
        right = badge(ui, at, entry.mentions, palette.danger_fill) - space::S;
    }
    let room = (right - rect.left() - 40.0).max(20.0);
    let detail = line(
        ui,
        &entry.detail,
        font::secondary(),
        palette.text_dim,
        room * 0.4,
    );
    let at = egui::pos2(
        right - detail.size().x,
        rect.center().y - detail.size().y / 2.0,
    );
    let room = room - detail.size().x - space::M;
    ui.painter().galley(at, detail, palette.text_dim);
    let (font, color) = if entry.unread {
        (font::control_strong(), palette.text_strong)
    } else {
        (font::control(), palette.text)
    };
    let name = own.unwrap_or_else(|| line(ui, &entry.name, font, color, room));
    let at = egui::pos2(rect.left() + 40.0, rect.center().y - name.size().y / 2.0);
    ui.painter().galley(at, name, color);
    if entry.unread {
        let at = egui::pos2(rect.left() + 5.0, rect.center().y);
        ui.painter().circle_filled(at, 3.0, palette.text_strong);
    }
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

fn nothing(ui: &mut Ui, query: &str) {
    let palette = theme::palette(ui);
    let words = if query.starts_with('?') {
        say::switcher_later()
    } else {
        say::switcher_nothing()
    };
    ui.add_space(space::S);
    label(ui, words, font::control(), palette.text_dim);
    ui.add_space(space::S);
}

/// What the signs mean, below the list.
fn hints(ui: &mut Ui) {
    let palette = theme::palette(ui);
    ui.add_space(space::S);
    let rect = Rect::from_min_size(ui.cursor().min, Vec2::new(ui.available_width(), 1.0));
    ui.painter().rect_filled(rect, 0, palette.line);
    ui.add_space(space::S);
    let words = say::switcher_signs();
    label(ui, words, font::meta(), palette.text_dim);
}

fn go(view: &mut View<'_>, target: Target) {
    view.act(Action::Dismiss);
    match target {
        Target::Channel(community, channel) | Target::Direct(community, channel) => {
            view.act(Action::GoChannel(community, channel));
        }
        Target::Person(community, account) => {
            view.act(Action::Open(Overlay::Profile(community, account)));
        }
        Target::Community(community) => view.act(Action::GoCommunity(community)),
        Target::Command(at) => {
            let place = view.state.places.now();
            if let Some(action) = command(at, place) {
                view.act(action);
            }
        }
    }
}
