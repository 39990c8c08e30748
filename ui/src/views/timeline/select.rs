//! Text selected by the pointer, over as many messages as it goes. Both ends are characters of messages, so
//! that scrolling and messages that arrive change nothing of it.

use std::ops::Range;

use super::Scene;
use super::entries::{Entry, Key, People, What};
use super::measure::Bodies;

/// A character of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) key: Key,
    pub(super) at: usize,
}

/// What is selected: from where the pointer was pressed to where it is or was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) from: End,
    pub(super) to: End,
}

impl Selection {
    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Both ends as rows and characters, the upper one first; `None` when one of them is gone.
    fn sorted(&self, entries: &[Entry<'_>]) -> Option<[(usize, usize); 2]> {
        let find = |end: End| {
            let row = entries.iter().position(|entry| entry.key() == end.key)?;
            Some((row, end.at))
        };
        let mut ends = [find(self.from)?, find(self.to)?];
        ends.sort_unstable();
        Some(ends)
    }

    /// The selected characters of a row of `len` characters.
    pub(super) fn within(&self, row: usize, len: usize, entries: &[Entry<'_>]) -> Range<usize> {
        let Some([first, last]) = self.sorted(entries) else {
            return 0..0;
        };
        if row < first.0 || row > last.0 {
            return 0..0;
        }
        let start = if row == first.0 { first.1 } else { 0 };
        let end = if row == last.0 { last.1 } else { len };
        start.min(len)..end.min(len)
    }

    /// The selected text; over several messages with a line for each author.
    pub(super) fn text(
        &self,
        entries: &[Entry<'_>],
        (bodies, people): (&mut Bodies, &People),
        scene: &Scene<'_>,
    ) -> String {
        let Some([first, last]) = self.sorted(entries) else {
            return String::new();
        };
        let mut text = String::new();
        for row in first.0..=last.0 {
            let entry = &entries[row];
            let What::Message(message) = entry.what else {
                continue;
            };
            let body = bodies.of(entry, scene.revealed.get(&message.id), scene);
            let len = body.plain.chars().count();
            let part = body.slice(self.within(row, len, entries));
            if first.0 == last.0 {
                return part;
            }
            if entry.first || text.is_empty() {
                if !text.is_empty() {
                    text.push('\n');
                }
                let name = people.name(message.author);
                let time = scene.times.whole(message.time);
                text.push_str(&format!("{name}, {time}\n"));
            }
            text.push_str(&part);
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }
}
