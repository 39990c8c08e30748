//! Finding controls as a screen reader would: by what they are called and what they are.

use std::fmt;
use std::time::Duration;

use accesskit_consumer::{FilterResult, NodeRef, Tree};
use eframe::egui::accesskit::NodeId;
use eframe::egui::{Pos2, pos2};
use serde::{Deserialize, Serialize};

use super::WAIT;
use super::hand::Seen;

/// Which control.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Its whole name; a text counts as its own name.
    name: Option<String>,
    /// A part of its name.
    part: Option<String>,
    /// What it is, as AccessKit calls it: `Button`, `TextInput`.
    role: Option<String>,
    /// Which of several, from 0 in reading order; -1 is the last one.
    #[serde(default)]
    nth: i32,
    /// Milliseconds to wait for it.
    wait_ms: Option<u64>,
    /// It is used while things move, instead of waiting until they rest.
    #[serde(default)]
    in_motion: bool,
}

impl Wanted {
    pub(super) fn wait(&self) -> Duration {
        self.wait_ms.map_or(WAIT, Duration::from_millis)
    }

    pub(super) fn in_motion(&self) -> bool {
        self.in_motion
    }

    fn fits(&self, node: &NodeRef<'_>) -> bool {
        let name = name(node);
        let whole = self.name.as_ref().is_none_or(|wanted| *wanted == name);
        let part = self
            .part
            .as_ref()
            .is_none_or(|wanted| name.contains(wanted));
        let role = self.role.as_ref();
        whole && part && role.is_none_or(|wanted| *wanted == format!("{:?}", node.role()))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.as_deref().unwrap_or("control");
        match (&self.name, &self.part) {
            (Some(name), _) => write!(f, "the {role} {name:?}"),
            (None, Some(part)) => write!(f, "a {role} with {part:?} in its name"),
            (None, None) => write!(f, "a {role}"),
        }
    }
}

/// A control that was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Control {
    #[serde(skip)]
    pub(super) id: NodeId,
    /// Its middle can be clicked: nothing that scrolls hides it.
    #[serde(skip)]
    pub(super) in_sight: bool,
    name: String,
    value: String,
    role: String,
    disabled: bool,
    focused: bool,
    /// Left, top, right, bottom, in points.
    bounds: [f32; 4],
}

impl Control {
    /// Where a person would click.
    pub(super) fn middle(&self) -> Pos2 {
        middle(self.bounds)
    }

    /// Which control it is, and where: left, top, right, bottom, in points.
    pub(super) fn place(&self) -> (NodeId, [f32; 4]) {
        (self.id, self.bounds)
    }
}

fn middle([left, top, right, bottom]: [f32; 4]) -> Pos2 {
    pos2(f32::midpoint(left, right), f32::midpoint(top, bottom))
}

fn name(node: &NodeRef<'_>) -> String {
    let label = node.label().filter(|label| !label.is_empty());
    label.or_else(|| node.value()).unwrap_or_default()
}

/// The control, if it is there and has a place on the screen.
pub(super) fn find(seen: &Seen, wanted: &Wanted) -> Option<Control> {
    let tree = Tree::new(seen.tree.clone(), true);
    let mut found = Vec::new();
    visit(tree.state().root(), 0, &mut |node, _| {
        if !node.is_root()
            && wanted.fits(&node)
            && let Some(bounds) = node.bounding_box()
        {
            let scale = f64::from(seen.pixels_per_point);
            let id = node.locate().0;
            let bounds =
                [bounds.x0, bounds.y0, bounds.x1, bounds.y1].map(|side| points(side / scale));
            found.push(Control {
                id,
                in_sight: seen
                    .shown
                    .get(&id)
                    .is_none_or(|shown| shown.contains(middle(bounds))),
                name: name(&node),
                value: node.value().unwrap_or_default(),
                role: format!("{:?}", node.role()),
                disabled: node.is_disabled(),
                focused: node.is_focused(),
                bounds,
            });
        }
    });
    let at = match usize::try_from(wanted.nth) {
        Ok(at) => at,
        Err(_) => found
            .len()
            .checked_sub(wanted.nth.unsigned_abs() as usize)?,
    };
    (at < found.len()).then(|| found.swap_remove(at))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a place on a screen fits a float"
)]
fn points(side: f64) -> f32 {
    side as f32
}

/// The whole tree, one control a line.
pub(super) fn text(seen: &Seen) -> String {
    let tree = Tree::new(seen.tree.clone(), true);
    let mut text = String::new();
    visit(tree.state().root(), 0, &mut |node, depth| {
        let name = name(&node);
        let value = node
            .value()
            .filter(|value| *value != name)
            .unwrap_or_default();
        let marks = [
            (can_have_focus(&node), " focusable"),
            (can_have_focus(&node) && is_nameless(&node), " nameless"),
            (node.is_disabled(), " disabled"),
            (node.is_focused(), " focused"),
        ];
        let marks: String = marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, mark)| *mark)
            .collect();
        let shown = if value.is_empty() {
            String::new()
        } else {
            format!(" = {value:?}")
        };
        let indent = "  ".repeat(depth);
        text.push_str(&format!(
            "{indent}{:?} {name:?}{shown}{marks}\n",
            node.role()
        ));
    });
    text
}

/// Whether the keyboard can be brought to it.
fn can_have_focus(node: &NodeRef<'_>) -> bool {
    !node.is_root() && node.is_focusable(&|_| FilterResult::Include)
}

/// Whether a screen reader has nothing to say of it but its value.
fn is_nameless(node: &NodeRef<'_>) -> bool {
    node.label().is_none_or(|label| label.trim().is_empty())
}

fn visit<'a>(node: NodeRef<'a>, depth: usize, then: &mut impl FnMut(NodeRef<'a>, usize)) {
    if node.is_hidden() {
        return;
    }
    then(node, depth);
    for child in node.children() {
        visit(child, depth + 1, then);
    }
}
