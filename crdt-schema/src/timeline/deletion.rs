//! The clear body of a deletion event (docs/protocol.md, "Timelines").

use std::collections::BTreeSet;

use alloquy_ids::EventId;

use super::Deletion;
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::limits::IDS_LISTED_MAX;

impl Canonical for Deletion {
    fn write(&self, w: &mut Writer) {
        for ids in [&self.messages, &self.silent] {
            w.varint(ids.len() as u64);
            for id in ids {
                id.write(w);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let messages = ascending(r.list(IDS_LISTED_MAX, "deleted messages")?)?;
        let left = IDS_LISTED_MAX - messages.len();
        let silent = ascending(r.list(left, "deleted events")?)?;
        if !messages.is_disjoint(&silent) {
            return Err(DecodeError::NotCanonical { what: "deletion" });
        }
        Ok(Self { messages, silent })
    }
}

fn ascending(ids: Vec<EventId>) -> Result<BTreeSet<EventId>, DecodeError> {
    if !ids.is_sorted_by(|a, b| a < b) {
        return Err(DecodeError::NotCanonical {
            what: "deleted ids",
        });
    }
    Ok(ids.into_iter().collect())
}

impl Deletion {
    /// Every id listed.
    pub fn targets(&self) -> impl Iterator<Item = EventId> + '_ {
        self.messages.iter().chain(&self.silent).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_form_is_taken() {
        let id = |byte| EventId([byte; 32]);
        let deletion = Deletion {
            messages: [id(1), id(3)].into(),
            silent: [id(2)].into(),
        };
        let bytes = deletion.to_bytes();
        assert_eq!(Deletion::from_bytes(&bytes).as_ref(), Ok(&deletion));
        let mut swapped = vec![2];
        swapped.extend([[3; 32], [1; 32]].concat());
        swapped.push(0);
        assert!(Deletion::from_bytes(&swapped).is_err(), "not ascending");
        let twice = Deletion {
            messages: [id(1)].into(),
            silent: [id(1)].into(),
        };
        assert!(
            Deletion::from_bytes(&twice.to_bytes()).is_err(),
            "in both lists"
        );
        let many = (0..=IDS_LISTED_MAX)
            .map(|n| EventId(crate::hash::plain(&n.to_le_bytes())))
            .collect();
        let many = Deletion {
            messages: many,
            silent: BTreeSet::new(),
        };
        assert!(Deletion::from_bytes(&many.to_bytes()).is_err(), "too many");
    }
}
