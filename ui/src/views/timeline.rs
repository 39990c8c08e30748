//! The messages of a place: an anchored list. What is held fast is a row and its place in the viewport, so that
//! older messages, edits above and another width move nothing of what is read. Only what is seen is laid out.

mod anchor;
mod chrome;
mod entries;
mod input;
mod measure;
mod row;
mod select;
mod times;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::WindowAt;
use alloquy_api::personal::DirectKind;
use alloquy_api::reply::ChannelView;
use alloquy_api::snapshot::WindowSnapshot;
use alloquy_ids::{AccountId, CommunityId, EventId, UnixMs};
use egui::{Context, Id, Rect, Ui, Vec2};
use lucide_icons::Icon;

use super::View;
use crate::action::Action;
use crate::model::Model;
use crate::state::{Direction, Slot};
use crate::theme::{self, Palette};
use crate::words::say;
use anchor::{Hold, Placed};
use entries::{Entry, Key, People, Sources};
use measure::{Bodies, Measured};
use row::Row;
use select::Selection;

pub(in crate::views) use entries::Known;
pub(in crate::views) use times::Times;

/// Seconds that a message is marked after a jump to it.
const FLASH_SECONDS: f64 = 2.0;
/// Rows from an end of what is loaded at which more is asked for: some screens of short messages.
const LOAD_AHEAD: usize = 40;

/// What a timeline keeps between frames.
#[derive(Debug, Default)]
pub(crate) struct TimelineState {
    /// What was seen in the last frame, with places below the viewport's upper edge. The first that is still
    /// there is held fast.
    seen: Vec<(Key, f32)>,
    /// The end was left.
    away: bool,
    /// To be shown as soon as it is loaded, and marked then.
    target: Option<EventId>,
    /// Marked until this time of the context, in seconds.
    flash: Option<(EventId, f64)>,
    /// Pages to scroll.
    pages: f32,
    /// To be scrolled into view.
    wanted: Option<EventId>,
    /// Uncovered spoilers by message; `u32::MAX`: the whole of a long one.
    revealed: BTreeMap<EventId, BTreeSet<u32>>,
    bodies: Bodies,
    people: People,
    /// The message under the pointer.
    hovered: Option<EventId>,
    /// Where the bar of the last frame was.
    bar: Option<Rect>,
    selection: Option<Selection>,
    /// The pointer selects at the moment.
    selecting: bool,
    /// The pointer has moved since it was pressed: its release is no click.
    has_dragged: bool,
    /// What was unread when the place was opened.
    opened: Option<Opened>,
    /// The frame in which the place was shown last.
    shown_at: u64,
    /// First and last message of the window when more was asked for.
    asked: Option<(Option<EventId>, Option<EventId>)>,
    /// The last message when it was marked read, and how many were unread: one may come in above it.
    marked: Option<(EventId, u32)>,
    /// The message that was given the keyboard's focus.
    focus_given: Option<EventId>,
    /// Rows measured in the last frame.
    measured: usize,
    actions: Vec<Action>,
}

/// What was unread when a place was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Opened {
    /// The first unread message of somebody else.
    first: Option<EventId>,
    /// When it was written.
    since: UnixMs,
    /// It has been seen.
    seen: bool,
}

impl TimelineState {
    /// Shows a message and marks it for two seconds.
    pub(crate) fn go_to(&mut self, message: EventId) {
        self.target = Some(message);
        self.away = true;
    }

    /// Moves by a page.
    pub(crate) fn scroll_page(&mut self, direction: Direction) {
        self.pages += match direction {
            Direction::Next => 1.0,
            Direction::Previous => -1.0,
        };
    }

    /// Goes to the end and follows it.
    pub(crate) fn follow_end(&mut self) {
        self.away = false;
        self.target = None;
        self.pages = 0.0;
        if let Some(opened) = &mut self.opened {
            opened.seen = true;
        }
    }

    /// Scrolls as little as needed until a message is seen.
    pub(crate) fn bring_into_view(&mut self, message: EventId) {
        self.wanted = Some(message);
    }

    /// Shows or hides a spoiler (its number in the message) or the rest of a long message (`u32::MAX`).
    pub(crate) fn reveal(&mut self, message: EventId, part: u32) {
        let parts = self.revealed.entry(message).or_default();
        if !parts.remove(&part) {
            parts.insert(part);
        }
    }

    /// Lets "New" stand above this message.
    pub(crate) fn mark_unread(&mut self, message: EventId, written: UnixMs) {
        self.opened = Some(Opened {
            first: Some(message),
            since: written,
            seen: true,
        });
    }

    /// It is not shown: what is laid out and the list of members that its names came from are let go.
    pub(crate) fn rest(&mut self) {
        self.bodies = Bodies::default();
        self.people = People::default();
    }

    /// Rows that the last frame measured.
    pub(crate) fn measured(&self) -> usize {
        self.measured
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn flashes(&self, message: EventId) -> bool {
        self.flash.is_some_and(|(flashing, _)| flashing == message)
    }

    fn has_selection(&self) -> bool {
        self.selection
            .is_some_and(|selection| !selection.is_empty())
    }
}

/// What one may do here.
#[derive(Clone, Copy, Debug, Default)]
struct Rights {
    send: bool,
    react: bool,
    manage: bool,
}

/// What all rows of a frame have in common.
struct Scene<'a> {
    model: &'a Model,
    slot: Slot,
    community: Option<CommunityId>,
    /// What the first of all messages stands below: a sign, a name, and a few words.
    beginning: (Icon, String, String),
    /// What stands where a text is not here yet.
    waiting: String,
    /// Messages that are not read yet.
    unread: u32,
    known: Known<'a>,
    times: Times<'a>,
    me: AccountId,
    rights: Rights,
    focused: Option<EventId>,
    revealed: BTreeMap<EventId, BTreeSet<u32>>,
    /// Whether previews of addresses are shown.
    previews: bool,
    palette: &'static Palette,
    dark: bool,
    ctx: Context,
    width: f32,
}

fn scene<'a>(view: &View<'a>, ui: &Ui, slot: Slot, width: f32) -> Scene<'a> {
    let model = view.model;
    let community = model.community_of(slot.channel);
    let of = community.and_then(|id| model.community(id));
    let channel = community.and_then(|id| model.channel(id, slot.channel));
    let may = |right: &str| {
        channel.is_some_and(|channel| channel.rights.iter().any(|held| held == right))
    };
    let send = match slot.thread {
        Some(_) => "send-threads",
        None => "send",
    };
    Scene {
        model,
        slot,
        community,
        beginning: beginning(model, community, channel),
        waiting: view.state.waiting_words(model, slot.channel),
        unread: channel.map_or(0, |channel| channel.unread),
        known: Known {
            members: of.map_or(&[], |of| &of.members),
            channels: of.map_or(&[], |of| &of.channels),
        },
        times: Times {
            zone: &model.clock.zone,
            twelve_hours: view.state.settings.twelve_hours,
            now: model.clock.now,
        },
        me: model.me(),
        rights: Rights {
            send: may(send),
            react: may("react"),
            manage: may("manage-messages"),
        },
        focused: view.state.focused.get(&slot).copied(),
        revealed: BTreeMap::new(),
        previews: view.state.settings.previews,
        palette: theme::palette(ui),
        dark: ui.visuals().dark_mode,
        ctx: ui.ctx().clone(),
        width,
    }
}

/// What the first message of a channel or a conversation stands below.
fn beginning(
    model: &Model,
    community: Option<CommunityId>,
    channel: Option<&ChannelView>,
) -> (Icon, String, String) {
    let direct = community.and_then(|id| model.direct(id));
    let Some(direct) = direct else {
        let name = channel.map_or_else(String::new, |of| crate::text::name(&of.name));
        let words = say::channel_beginning(&name);
        return (Icon::Hash, format!("#{name}"), words);
    };
    let name = super::directs::title(direct);
    match direct.kind {
        DirectKind::Notes => (Icon::Bookmark, name, say::direct_notes_more().to_owned()),
        DirectKind::Two => {
            let words = say::direct_beginning(&name);
            (Icon::MessageCircle, name, words)
        }
        DirectKind::Group => {
            let words = say::group_beginning(&name);
            (Icon::UsersRound, name, words)
        }
    }
}

/// The id of a message's row.
fn message_id(ui: &Ui, message: EventId) -> Id {
    ui.scope_id().with(("message", message))
}

fn window(slot: Slot, model: &Model) -> Option<&WindowSnapshot> {
    match slot.thread {
        Some(root) => model.snapshot.threads.get(&root).map(AsRef::as_ref),
        None => model.window(slot.channel),
    }
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let all = ui.available_rect_before_wrap();
    let mut viewport = all;
    viewport.max.y -= chrome::TYPING_HEIGHT;
    let scene = scene(view, ui, slot, viewport.width());
    let Some(window) = window(slot, view.model) else {
        return;
    };
    let mut state = std::mem::take(view.state.timelines.entry(slot).or_default());
    let hidden: BTreeSet<EventId> = view.state.deleting.keys().copied().collect();
    let composer = view.state.composers.entry(slot).or_default();
    let unsent = composer.unsent.clone();
    open(&mut state, window, &scene);
    let sources = Sources {
        window,
        unsent: &unsent,
        hidden: &hidden,
        new: state.opened.and_then(|opened| opened.first),
        times: scene.times,
        me: scene.me,
    };
    let entries = entries::entries(&sources);
    load_people(&mut state, window, &scene);
    let builder = egui::UiBuilder::new()
        .max_rect(viewport)
        .id_salt(("timeline", slot));
    ui.scope_builder(builder, |ui| {
        ui.set_clip_rect(viewport.intersect(ui.clip_rect()));
        let mut frame = Frame {
            scene,
            state: &mut state,
            entries: &entries,
            viewport,
        };
        frame.show(ui, window);
    });
    let typing = Rect::from_min_max(viewport.left_bottom(), all.max);
    chrome::typing(&state.people, window, typing, ui);
    ui.allocate_rect(all, egui::Sense::hover());
    let actions = std::mem::take(&mut state.actions);
    if state.focus_given.is_none() && view.state.focused.contains_key(&slot) {
        view.state.focused.remove(&slot);
    }
    view.state.timelines.insert(slot, state);
    actions.into_iter().for_each(|action| view.act(action));
}

/// Notes what is unread when the place is opened, or while nobody looks at it.
fn open(state: &mut TimelineState, window: &WindowSnapshot, scene: &Scene<'_>) {
    let frame = scene.ctx.cumulative_frame_nr();
    let reopened = frame > state.shown_at + 1 || state.opened.is_none();
    state.shown_at = frame;
    if reopened {
        // What was marked unread, or could not be marked read, is read when one comes back and looks.
        state.marked = None;
    }
    let looking = scene.ctx.input(|input| input.focused);
    let at_last = state.opened.is_some_and(|opened| opened.first.is_none());
    if !reopened && (looking || !at_last) {
        return;
    }
    let read = window
        .messages
        .iter()
        .rposition(|of| Some(of.id) == window.read);
    let after = read.map_or(&[][..], |read| &window.messages[read + 1..]);
    let mut unread = after.iter().filter(|of| of.author != scene.me);
    let first = unread.next();
    state.opened = Some(Opened {
        first: first.map(|of| of.id),
        since: first.map_or(UnixMs(0), |of| of.time),
        seen: false,
    });
}

fn load_people(state: &mut TimelineState, window: &WindowSnapshot, scene: &Scene<'_>) {
    let quotes = window.messages.iter().filter_map(|of| of.quote.as_ref());
    let accounts = window
        .messages
        .iter()
        .map(|of| of.author)
        .chain(quotes.map(|quote| quote.author))
        .chain(window.typing.iter().copied())
        .chain([scene.me])
        .collect();
    let of = scene.community.and_then(|id| scene.model.community(id));
    state.people.load(of.map(|of| &of.members), accounts);
}

/// One frame of a timeline.
struct Frame<'a, 's> {
    scene: Scene<'a>,
    state: &'s mut TimelineState,
    entries: &'s [Entry<'s>],
    viewport: Rect,
}

impl<'s> Frame<'_, 's> {
    fn show(&mut self, ui: &mut Ui, window: &WindowSnapshot) {
        self.scene.revealed = self.state.revealed.clone();
        self.state.bodies.begin(ui.ctx());
        let ground = ui.interact(
            self.viewport,
            ui.scope_id().with("ground"),
            egui::Sense::DRAG,
        );
        let mut heights: BTreeMap<usize, Measured> = BTreeMap::new();
        let scrolled = self.scrolled(ui, &ground);
        if scrolled != 0.0 {
            // The person went on: what is still on its way is not waited for.
            self.state.target = None;
        }
        let hold = self.hold(window, scrolled, &mut heights);
        let placed = self.place(hold, &mut heights);
        self.settle(&placed, scrolled, window);
        let mut rows = self.rows(&placed, &mut heights);
        self.state.measured = rows.len() + heights.len();
        self.select(ui, &ground, &mut rows);
        self.hover(ui, &rows);
        for row in &rows {
            row::paint(row, &self.scene, self.state, ui);
        }
        self.tools(ui, &rows);
        self.focus(ui, &rows);
        self.chrome(ui, &placed, window);
        self.load_more(&placed, window);
        self.mark_read(ui, window);
        self.flash(ui);
    }

    fn measure(&mut self, row: usize, heights: &mut BTreeMap<usize, Measured>) -> f32 {
        let (entries, bodies) = (self.entries, &mut self.state.bodies);
        let scene = &self.scene;
        let measured = heights
            .entry(row)
            .or_insert_with(|| measure::measure(&entries[row], bodies, &scene.revealed, scene));
        measured.height
    }

    fn place(&mut self, hold: Hold, heights: &mut BTreeMap<usize, Measured>) -> Vec<Placed> {
        let (count, height) = (self.entries.len(), self.viewport.height());
        anchor::place(count, hold, height, |row| self.measure(row, heights))
    }

    fn position(&self, key: Key) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key() == key)
    }

    /// What is held fast in this frame.
    fn hold(
        &mut self,
        window: &WindowSnapshot,
        scrolled: f32,
        heights: &mut BTreeMap<usize, Measured>,
    ) -> Hold {
        if let Some(target) = self.state.target
            && let Some(row) = self.position(Key::Message(target))
        {
            self.state.target = None;
            let now = self.scene.ctx.input(|input| input.time);
            self.state.flash = Some((target, now + FLASH_SECONDS));
            return Hold::Row(row, self.viewport.height() / 3.0);
        }
        let seen = self.state.seen.iter();
        let mut kept = seen.filter_map(|(key, top)| Some((self.position(*key)?, *top)));
        let kept = kept.next();
        let hold = match kept {
            Some((row, top)) if self.state.away || scrolled > 0.0 => Hold::Row(row, top + scrolled),
            _ => Hold::End,
        };
        let wanted = self.state.wanted.take();
        let wanted = wanted.and_then(|id| self.position(Key::Message(id)));
        match wanted {
            Some(row) => self.show_whole(row, hold, heights).unwrap_or(hold),
            None if kept.is_none() && self.state.away && !window.at_end => Hold::Row(0, 0.0),
            None => hold,
        }
    }

    /// What to hold fast so that a row is seen whole; `None` when it is already.
    fn show_whole(
        &mut self,
        row: usize,
        hold: Hold,
        heights: &mut BTreeMap<usize, Measured>,
    ) -> Option<Hold> {
        let placed = self.place(hold, heights);
        let height = self.viewport.height();
        let found = placed.iter().find(|placed| placed.row == row);
        let above = match found {
            Some(found) if found.top >= 0.0 && found.bottom() <= height => return None,
            Some(found) => found.top < 0.0,
            None => placed.first().is_some_and(|first| row < first.row),
        };
        self.state.away = true;
        let top = match above {
            true => theme::space::S,
            false => height - self.measure(row, heights) - theme::space::S,
        };
        Some(Hold::Row(row, top))
    }

    /// Notes what is seen, and whether the end is followed.
    fn settle(&mut self, placed: &[Placed], scrolled: f32, window: &WindowSnapshot) {
        let seen = placed.iter();
        self.state.seen = seen
            .map(|placed| (self.entries[placed.row].key(), placed.top))
            .collect();
        let at_end = placed.last().is_none_or(|last| {
            last.row + 1 == self.entries.len() && last.bottom() <= self.viewport.height() + 0.5
        });
        if scrolled > 0.0 && !at_end {
            self.state.away = true;
        } else if at_end && window.at_end && self.state.away && self.state.target.is_none() {
            self.state.away = false;
            self.state.act(Action::Load(self.scene.slot, WindowAt::End));
        }
    }

    fn rows(&mut self, placed: &[Placed], heights: &mut BTreeMap<usize, Measured>) -> Vec<Row<'s>> {
        let selection = self.state.selection;
        let mut rows = Vec::with_capacity(placed.len());
        for placed in placed {
            let entry = self.entries[placed.row];
            let measured = heights.remove(&placed.row).unwrap_or_default();
            let at = self.viewport.min + Vec2::new(0.0, placed.top.round());
            let size = Vec2::new(self.viewport.width(), placed.height);
            let selected = selection.map_or(0..0, |selection| {
                let len = measured.body.plain.chars().count();
                selection.within(placed.row, len, self.entries)
            });
            rows.push(Row {
                entry,
                measured,
                rect: Rect::from_min_size(at, size),
                selected,
            });
        }
        rows
    }

    /// Asks for more where what is loaded ends soon.
    fn load_more(&mut self, placed: &[Placed], window: &WindowSnapshot) {
        let (Some(first), Some(last)) = (placed.first(), placed.last()) else {
            return;
        };
        if self.state.target.is_some() || !self.state.away {
            return;
        }
        let ends = (
            window.messages.first().map(|of| of.id),
            window.messages.last().map(|of| of.id),
        );
        let above = !window.at_start && first.row < LOAD_AHEAD;
        let below = !window.at_end && last.row + LOAD_AHEAD > self.entries.len();
        if !(above || below) || self.state.asked == Some(ends) {
            return;
        }
        let middle = self.entries
            [if above { first.row.max(1) } else { last.row }.min(self.entries.len() - 1)];
        if let Key::Message(message) = middle.key() {
            self.state.asked = Some(ends);
            let around = WindowAt::Around(message);
            self.state.act(Action::Load(self.scene.slot, around));
        }
    }

    /// What one looks at is read.
    fn mark_read(&mut self, ui: &Ui, window: &WindowSnapshot) {
        let last = window.messages.last().map(|of| of.id);
        let looking = ui.input(|input| input.focused) && !self.state.away && window.at_end;
        let marked = last.map(|last| (last, self.scene.unread));
        if self.scene.slot.thread.is_some() || !looking || self.state.marked == marked {
            return;
        }
        if window.read != last || self.scene.unread > 0 {
            self.state.act(Action::MarkRead(self.scene.slot.channel));
        }
        self.state.marked = marked;
    }

    /// Ends the mark after a jump in time; nothing else asks for a frame.
    fn flash(&mut self, ui: &Ui) {
        if let Some((_, until)) = self.state.flash {
            let left = until - ui.input(|input| input.time);
            if left > 0.0 {
                ui.ctx()
                    .request_repaint_after(std::time::Duration::from_secs_f64(left));
            } else {
                self.state.flash = None;
                ui.ctx().request_repaint();
            }
        }
    }
}
