//! Where one writes.

mod complete;
mod keys;

use alloquy_api::limits::TEXT_BYTES_MAX;
use alloquy_api::personal::{DeviceState, DirectKind, DirectView};
use alloquy_api::reply::ChannelView;
use alloquy_api::snapshot::CommunitySnapshot;
use egui::text::{CCursor, CCursorRange, CharIndex, LayoutJob, TextFormat};
use egui::text_edit::TextEditState;
use egui::{
    Align2, Area, Event, EventFilter, Frame, Id, Margin, Order, Rect, Role, ScrollArea, Sense,
    TextEdit, Ui, Vec2, WidgetInfo,
};
use lucide_icons::Icon;

use super::{View, directs};
use crate::action::Action;
use crate::state::{Mode, Overlay, Slot, messages_of};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::widgets::{avatar, icon_button, label, line};
use crate::words::say;

pub(crate) use complete::Completions;
pub(in crate::views) use complete::best;

/// Lines that the field grows to; more scroll.
const LINES_MAX: f32 = 8.0;
/// Lines that it may have in the smallest window.
const LINES_MIN: f32 = 2.0;
/// Height around it that has to remain, in points: the head above, four lines of what is wrong below.
const AROUND: f32 = 190.0;
/// Width of a window, in points, below which the field does not name the conversation.
const NARROW: f32 = 480.0;
/// Bytes below the limit from which those left are shown.
const COUNTED_FROM: usize = 1_000;

/// What holds of the place that is written into.
struct Facts<'a> {
    slot: Slot,
    community: Option<&'a CommunitySnapshot>,
    channel: Option<&'a ChannelView>,
    /// Why nothing can be written here.
    barred: Option<String>,
    hint: String,
}

/// Whether the composer has something of its own to close at Escape.
pub(super) fn wants_escape(view: &View<'_>) -> bool {
    let place = view.state.places.now();
    let mut slots = place.thread_slot().into_iter().chain(place.slot());
    slots.any(|slot| {
        let composer = view.state.composers.get(&slot);
        composer.is_some_and(|of| !of.completions.items.is_empty() && !of.completion_closed)
    })
}

/// Whether a part of what is typed is selected: shortcuts that would change it go to the composer.
pub(super) fn has_selection(view: &View<'_>) -> bool {
    let place = view.state.places.now();
    let mut slots = place.thread_slot().into_iter().chain(place.slot());
    slots.any(|slot| {
        view.state
            .composers
            .get(&slot)
            .is_some_and(|of| of.selected)
    })
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let facts = facts(view, slot);
    let margin = Margin {
        left: 16,
        right: 16,
        top: 0,
        bottom: 12,
    };
    Frame::new().inner_margin(margin).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        if let Some(barred) = &facts.barred {
            return bar_out(ui, barred);
        }
        mode(view, ui, slot);
        let field = field(view, ui, &facts);
        completions(view, ui, slot, field);
        below(view, ui, &facts);
    });
}

fn facts<'a>(view: &View<'a>, slot: Slot) -> Facts<'a> {
    let model = view.model;
    let community = model.community_of(slot.channel);
    let channel = community.and_then(|id| model.channel(id, slot.channel));
    let name = channel.map_or_else(String::new, |of| text::name(&of.name));
    let right = match slot.thread {
        Some(_) => "send-threads",
        None => "send",
    };
    let direct = community.and_then(|id| model.direct(id));
    let may = channel.is_some_and(|of| of.rights.iter().any(|held| held == right));
    Facts {
        slot,
        community: community.and_then(|id| model.community(id)),
        channel,
        barred: match (direct, slot.thread) {
            _ if model.stopped().is_some() => model.stopped().map(|of| barred_by(of).to_owned()),
            (Some(direct), _) if direct.blocked => {
                Some(say::composer_blocked(directs::title(direct)))
            }
            _ if may => None,
            (Some(_), _) => Some(say::composer_barred_direct().to_owned()),
            (None, Some(_)) => Some(say::composer_barred_thread(&name)),
            (None, None) => Some(say::composer_barred(&name)),
        },
        hint: match (direct, slot.thread) {
            (_, Some(_)) => say::composer_thread().to_owned(),
            // The name would be cut, and stands above.
            (Some(_), None) if view.state.size.x < NARROW => say::message().to_owned(),
            (Some(direct), None) => hint_of(direct),
            (None, None) => say::composer_message(name),
        },
    }
}

/// What stands in place of the field on a device that may not write for its account.
pub(super) fn barred_by(stopped: DeviceState) -> &'static str {
    match stopped {
        DeviceState::Suspended => say::composer_suspended(),
        DeviceState::Closed => say::composer_closed(),
        DeviceState::Revoked | DeviceState::Active => say::composer_revoked(),
    }
}

/// What stands in the empty field of a conversation.
fn hint_of(direct: &DirectView) -> String {
    match direct.kind {
        DirectKind::Notes => say::composer_notes().to_owned(),
        DirectKind::Two | DirectKind::Group => say::composer_direct(directs::title(direct)),
    }
}

/// Stands in the place of the field where one may not write.
fn bar_out(ui: &mut Ui, why: &str) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.field)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::symmetric(14, 12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            label(ui, why, font::secondary(), palette.text_dim);
        });
}

/// The bar above the field while one answers or changes a message.
fn mode(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let palette = theme::palette(ui);
    let mode = view.state.composers.entry(slot).or_default().mode;
    let words = match mode {
        Mode::New => return,
        Mode::Edit(_) => say::composer_editing().to_owned(),
        Mode::Reply(id) => {
            let messages = messages_of(slot, view.model);
            let of = messages.iter().find(|of| of.id == id);
            let community = view.model.community_of(slot.channel);
            let member = of
                .zip(community)
                .and_then(|(of, community)| view.model.member(community, of.author));
            match member {
                Some(member) => say::composer_replying(text::name(&member.name)),
                None => say::composer_replying_unknown().to_owned(),
            }
        }
    };
    ui.horizontal(|ui| {
        ui.set_height(theme::HIT_MIN);
        ui.add_space(space::XS);
        label(ui, &words, font::secondary(), palette.text_dim);
        let right = egui::Layout::right_to_left(egui::Align::Center);
        ui.with_layout(right, |ui| {
            let name = match mode {
                Mode::Edit(_) => say::composer_stop_editing(),
                _ => say::composer_stop_replying(),
            };
            if icon_button(ui, Icon::X, name, false).clicked() {
                view.act(Action::CancelMode(slot));
            }
        });
    });
}

/// The field itself; gives where it is.
fn field(view: &mut View<'_>, ui: &mut Ui, facts: &Facts<'_>) -> Rect {
    let palette = theme::palette(ui);
    let id = Id::unique(("composer", facts.slot));
    take_focus(view, ui, facts, id);
    let focused = ui.memory(|memory| memory.has_focus(id));
    let composer = view.state.composers.entry(facts.slot).or_default();
    if !composer.held.is_empty() {
        keys::give_back(composer, ui, focused);
    }
    if focused {
        let typed = |view: &View<'_>| {
            view.state
                .composers
                .get(&facts.slot)
                .map(|of| of.text.clone())
        };
        let before = typed(view);
        keys::act(view, ui, facts, id);
        if typed(view) != before {
            let now = view.model.clock.now;
            view.state
                .composers
                .entry(facts.slot)
                .or_default()
                .dirty_since = Some(now);
        }
    } else {
        view.state
            .composers
            .entry(facts.slot)
            .or_default()
            .composing = false;
    }
    let margin = Margin {
        left: 14,
        right: 48,
        top: 11,
        bottom: 11,
    };
    let frame = Frame::new()
        .fill(palette.field)
        .corner_radius(radius::CARD)
        .inner_margin(margin);
    let lines = (view.state.size.y - AROUND) / font::MESSAGE_LINE;
    let height = lines.clamp(LINES_MIN, LINES_MAX) * font::MESSAGE_LINE;
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        // One line of the field is as high as a line of a message, not as high as a button.
        ui.spacing_mut().interact_size.y = font::MESSAGE_LINE;
        ScrollArea::vertical()
            .id_salt(("composer scroll", facts.slot))
            .max_height(height)
            .auto_shrink([false, true])
            .show(ui, |ui| edit(view, ui, facts, id))
            .inner
    });
    let rect = shown.response.rect;
    if shown.inner {
        let kind = egui::StrokeKind::Inside;
        let stroke = egui::Stroke::new(1.0, palette.accent);
        ui.painter().rect_stroke(rect, radius::CARD, stroke, kind);
    }
    let corner = rect.right_bottom() - Vec2::new(38.0, 38.0);
    let button = Rect::from_min_size(corner, Vec2::splat(theme::HIT_MIN));
    let builder = egui::UiBuilder::new()
        .max_rect(button)
        .id_salt(("composer emoji", facts.slot));
    let open = ui.scope_builder(builder, |ui| {
        icon_button(ui, Icon::Smile, say::emoji(), false)
    });
    if open.inner.clicked() {
        view.act(Action::Open(Overlay::Emoji(facts.slot, None)));
    }
    rect
}

/// Takes the focus where it is due: after a jump, or when somebody just begins to type.
fn take_focus(view: &mut View<'_>, ui: &Ui, facts: &Facts<'_>, id: Id) {
    if !view.state.overlays.is_empty() {
        return;
    }
    let place = view.state.places.now();
    let foremost = place.thread_slot().or(place.slot()) == Some(facts.slot);
    let typed = ui.input(|input| {
        let mut events = input.events.iter();
        events.any(|event| matches!(event, Event::Text(_) | Event::Paste(_)))
    });
    let nobody = ui.memory(|memory| memory.focused()).is_none();
    let composer = view.state.composers.entry(facts.slot).or_default();
    let due = std::mem::take(&mut composer.focus);
    if due || (foremost && typed && nobody) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
}

/// The text; gives whether it has the focus.
fn edit(view: &mut View<'_>, ui: &mut Ui, facts: &Facts<'_>, id: Id) -> bool {
    let palette = theme::palette(ui);
    let slot = facts.slot;
    let now = view.model.clock.now;
    let composer = view.state.composers.entry(slot).or_default();
    if let Some(to) = composer.cursor_to.take() {
        let mut state = TextEditState::load(ui.ctx(), id).unwrap_or_default();
        let cursor = CCursor::new(CharIndex(to));
        state.cursor.set_char_range(Some(CCursorRange::one(cursor)));
        state.store(ui.ctx(), id);
    }
    let mut format = TextFormat::simple(font::message(), palette.text_strong);
    format.line_height = Some(font::MESSAGE_LINE);
    let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, width: f32| {
        let mut job = LayoutJob::default();
        text::append(&mut job, buffer.as_str(), 0.0, &format);
        if job.sections.is_empty() {
            job.append("", 0.0, format.clone());
        }
        job.wrap.max_width = width;
        ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
    };
    let output = TextEdit::multiline(&mut composer.text)
        .id(id)
        .frame(Frame::NONE)
        .margin(Margin::ZERO)
        .desired_rows(1)
        .desired_width(f32::INFINITY)
        .min_size(Vec2::new(0.0, font::MESSAGE_LINE))
        .font(font::message())
        .event_filter(EventFilter {
            tab: true,
            escape: true,
            horizontal_arrows: true,
            vertical_arrows: true,
        })
        .layouter(&mut layouter)
        .show(ui);
    let response = output.response.response;
    let empty = composer.text.is_empty();
    let hint = facts.hint.as_str();
    ui.ctx()
        .accesskit_node_builder(id, |node| node.set_label(hint));
    if empty && !composer.composing {
        paint_hint(ui, hint, response.rect);
    }
    let range = output.cursor_range;
    composer.selected = response.has_focus() && range.is_some_and(|range| !range.is_empty());
    if let Some(range) = range {
        composer.cursor = range.primary.index.0;
    }
    if response.changed() {
        composer.dirty_since = Some(now);
        composer.completion_closed = false;
        composer.completion_row = 0;
        composer.error = None;
    }
    let telling = response.changed()
        && !composer.text.is_empty()
        && !composer.text.starts_with('/')
        && !matches!(composer.mode, Mode::Edit(_));
    let focused = response.has_focus();
    find_completions(view, facts, focused);
    if telling {
        view.act(Action::Typing(slot.channel));
    }
    focused
}

/// What stands in the empty field, on the middle of its line.
fn paint_hint(ui: &Ui, hint: &str, field: Rect) {
    let palette = theme::palette(ui);
    let galley = line(ui, hint, font::message(), palette.text_faint, field.width());
    let middle = field.top() + font::MESSAGE_LINE / 2.0;
    let at = egui::pos2(field.left(), middle - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_faint);
}

/// Looks for completions when the text before the cursor changed.
fn find_completions(view: &mut View<'_>, facts: &Facts<'_>, focused: bool) {
    let composer = view.state.composers.entry(facts.slot).or_default();
    if !focused || composer.composing || composer.selected {
        // A click into the list takes the focus for one frame: the list stays until the text changes.
        if composer.text.is_empty() {
            composer.completions = Completions::default();
        }
        return;
    }
    let mut chars = composer.text.char_indices();
    let end = chars.nth(composer.cursor);
    let before = &composer.text[..end.map_or(composer.text.len(), |(byte, _)| byte)];
    if composer.completions.before != before {
        composer.completions = complete::find(before, facts.community);
        composer.completion_row = 0;
    }
}

/// The list above the field.
fn completions(view: &mut View<'_>, ui: &mut Ui, slot: Slot, field: Rect) {
    let composer = view.state.composers.entry(slot).or_default();
    if composer.completions.items.is_empty() || composer.completion_closed {
        return;
    }
    let palette = theme::palette(ui);
    let (items, chosen) = (composer.completions.items.clone(), composer.completion_row);
    // As many rows as there is room for above the field, the chosen one among them.
    let room = field.top() - ui.ctx().content_rect().top() - space::L;
    let rows = ((room / theme::ROW_HEIGHT) as usize).max(1);
    let first = (chosen + 1).saturating_sub(rows);
    let shown = items.iter().enumerate().skip(first).take(rows);
    let mut clicked = None;
    Area::new(Id::unique(("completions", slot)))
        .order(Order::Foreground)
        .pivot(Align2::LEFT_BOTTOM)
        .fixed_pos(field.left_top() - Vec2::new(0.0, space::XS))
        .show(ui.ctx(), |ui| {
            let frame = Frame::new()
                .fill(palette.raised)
                .stroke(egui::Stroke::new(1.0, palette.line))
                .corner_radius(radius::CARD)
                .inner_margin(Margin::same(4));
            frame.show(ui, |ui| {
                ui.set_width(field.width() - 10.0);
                ui.spacing_mut().item_spacing.y = 0.0;
                for (number, item) in shown {
                    if completion(ui, item, number == chosen).clicked() {
                        clicked = Some(item.clone());
                    }
                }
            });
        });
    if let Some(item) = clicked {
        let composer = view.state.composers.entry(slot).or_default();
        keys::accept(composer, &item);
        ui.ctx().request_repaint();
    }
}

/// A row of the list. The keyboard's focus stays in the field.
fn completion(ui: &mut Ui, item: &complete::Item, chosen: bool) -> egui::Response {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::CLICK);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, &item.shown));
    if chosen || response.hovered() {
        ui.painter().rect_filled(rect, radius::ROW, palette.active);
    }
    let mut left = rect.left() + space::S;
    if let Some(account) = item.account {
        let at = egui::pos2(left, rect.center().y - 11.0);
        let face = Rect::from_min_size(at, Vec2::splat(22.0));
        avatar(ui, face, account.as_bytes(), &item.shown);
        left += 30.0;
    }
    let width = rect.right() - left - space::S;
    let shown = line(ui, &item.shown, font::control(), palette.text_strong, width);
    let room = (width - shown.size().x - space::XL).max(10.0);
    let about = line(ui, &item.about, font::secondary(), palette.text_dim, room);
    let at = egui::pos2(left, rect.center().y - shown.size().y / 2.0);
    let width = shown.size().x;
    ui.painter().galley(at, shown, palette.text_strong);
    if room > 60.0 && left + width < rect.right() {
        let at = egui::pos2(
            rect.right() - space::S - about.size().x,
            rect.center().y - about.size().y / 2.0,
        );
        ui.painter().galley(at, about, palette.text_dim);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// What is wrong, how much room is left, and slow mode.
fn below(view: &mut View<'_>, ui: &mut Ui, facts: &Facts<'_>) {
    let palette = theme::palette(ui);
    let composer = view.state.composers.entry(facts.slot).or_default();
    let len = composer.text.trim_matches(['\n', ' ']).len();
    if let Some(error) = &composer.error {
        label(
            ui,
            &text::clean(error, 400),
            font::secondary(),
            palette.danger,
        );
    } else if len > TEXT_BYTES_MAX {
        let over = len - TEXT_BYTES_MAX;
        let words = say::composer_too_long(over, TEXT_BYTES_MAX);
        label(ui, &words, font::secondary(), palette.danger);
    } else if len + COUNTED_FROM > TEXT_BYTES_MAX {
        let words = say::composer_left(TEXT_BYTES_MAX - len);
        label(ui, &words, font::meta(), palette.text_dim);
    } else if let Some(slow) = facts.channel.map(|of| of.slow_mode_ms).filter(|ms| *ms > 0) {
        let seconds = slow.div_ceil(1_000);
        let words = say::composer_slow(seconds);
        label(ui, &words, font::meta(), palette.text_dim);
    }
}
