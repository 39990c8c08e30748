//! Epochs mixed up by who holds no key of any: wraps of one under the number of another, old ones in place of new
//! ones, events and ranges whose label of an epoch is another, ciphertexts of one epoch in the places of another's
//! (docs/protocol.md, "Encryption"). Keys are tied to their announcement, labels are signed and bodies are committed
//! to, so that all of it opens nothing and shows nothing.

use std::collections::BTreeMap;

use alloquy_ids::{CommunityId, EpochId};
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::content;
use alloquy_schema::epoch::Wrap;
use alloquy_schema::event::{Kind, VerifiedEvent};
use bytes::Bytes;

use super::tricks;
use crate::draw::Draw;

/// What it mixes.
pub const MIXTURES: [&str; 5] = [
    "wraps under another epoch",
    "old wraps in place of new",
    "events under another epoch",
    "ranges under another epoch",
    "ranges of two epochs",
];

const VERSION: u8 = 1;
const KEYS: u8 = 10;
/// Wraps of one frame: more than any run makes.
const WRAPS_MAX: usize = 4_096;
/// Messages of each of two epochs in one range.
const MIXED_MAX: usize = 8;

/// What is at hand for mixing.
pub(super) struct Epochs<'a> {
    pub(super) community: CommunityId,
    pub(super) events: &'a [VerifiedEvent],
    pub(super) wraps: &'a BTreeMap<EpochId, Vec<Wrap>>,
}

impl Epochs<'_> {
    /// A frame that nobody asked for.
    pub(super) fn mix(&self, draw: &mut Draw) -> Option<(&'static str, Bytes)> {
        let what = *draw.pick(&MIXTURES)?;
        let frame = match what {
            "wraps under another epoch" => {
                let (epoch, other) = self.two(draw)?;
                self.keys(epoch, self.wraps.get(&other)?)
            }
            "old wraps in place of new" => {
                let old = self.oldest()?;
                self.keys(old, self.wraps.get(&old)?)
            }
            "events under another epoch" => self.event(draw)?,
            "ranges under another epoch" => self.range(draw)?,
            _ => self.two_epochs(draw)?,
        };
        Some((what, frame))
    }

    /// Another frame in place of one with keys.
    pub(super) fn instead(&self, frame: &[u8], draw: &mut Draw) -> Option<(&'static str, Bytes)> {
        let mut r = Reader::new(frame);
        let tags = (r.u8("version").ok()?, r.u8("frame").ok()?);
        let of = CommunityId::read(&mut r).ok()?;
        let epoch = EpochId::read(&mut r).ok()?;
        if tags != (VERSION, KEYS) || of != self.community {
            return None;
        }
        let wraps: Vec<Wrap> = r.list(WRAPS_MAX, "wraps").ok()?;
        if draw.chance(500) {
            let others: Vec<_> = self.wraps.keys().filter(|one| **one != epoch).collect();
            let other = **draw.pick(&others)?;
            return Some(("wraps under another epoch", self.keys(other, &wraps)));
        }
        let old = self.oldest().filter(|old| *old != epoch)?;
        let to: Vec<_> = wraps.iter().map(|wrap| wrap.to).collect();
        let same = self.wraps.get(&old)?.iter();
        let same: Vec<_> = same.filter(|wrap| to.contains(&wrap.to)).cloned().collect();
        Some(("old wraps in place of new", self.keys(old, &same)))
    }

    fn keys(&self, epoch: EpochId, wraps: &[Wrap]) -> Bytes {
        let mut w = Writer::new();
        w.raw(&[VERSION, KEYS]);
        self.community.write(&mut w);
        epoch.write(&mut w);
        w.list(wraps);
        w.into_bytes().into()
    }

    /// Two epochs of which wraps are held.
    fn two(&self, draw: &mut Draw) -> Option<(EpochId, EpochId)> {
        let all: Vec<_> = self.wraps.keys().copied().collect();
        let one = *draw.pick(&all)?;
        let others: Vec<_> = all.into_iter().filter(|other| *other != one).collect();
        Some((one, *draw.pick(&others)?))
    }

    /// The epoch that was announced first.
    fn oldest(&self) -> Option<EpochId> {
        let mut announced = self.events.iter().map(|event| EpochId(event.id().0));
        announced.find(|epoch| self.wraps.contains_key(epoch))
    }

    /// Messages by their epochs.
    fn messages(&self) -> BTreeMap<EpochId, Vec<&VerifiedEvent>> {
        let names = content::scope(self.community);
        let mut messages: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in self.events {
            let header = event.header();
            if header.kind == Kind::Sealed && header.scope != names {
                messages.entry(header.epoch).or_default().push(event);
            }
        }
        messages
    }

    /// A message and another epoch than its own.
    fn mislabelled(&self, draw: &mut Draw) -> Option<(&VerifiedEvent, EpochId)> {
        let (epoch, other) = self.two(draw)?;
        let messages = self.messages();
        let of = messages.get(&epoch)?;
        Some((*draw.pick(of)?, other))
    }

    /// A message as its author signed it, under another epoch.
    fn event(&self, draw: &mut Draw) -> Option<Bytes> {
        let (event, other) = self.mislabelled(draw)?;
        let mut signed = event.to_signed()?;
        signed.header.epoch = other;
        Some(tricks::live(self.community, None, &[signed]))
    }

    /// A range that says another epoch than it was signed under.
    fn range(&self, draw: &mut Draw) -> Option<Bytes> {
        let (event, other) = self.mislabelled(draw)?;
        let header = event.header();
        let mut frame =
            tricks::ranges(self.community, header.scope, std::slice::from_ref(event)).to_vec();
        let at = frame.windows(32).position(|part| part == header.epoch.0)?;
        frame[at..at + 32].copy_from_slice(&other.0);
        Some(frame.into())
    }

    /// Messages of two epochs, each with a ciphertext of the other where their sizes allow it.
    fn two_epochs(&self, draw: &mut Draw) -> Option<Bytes> {
        let messages = self.messages();
        let (epoch, other) = self.two(draw)?;
        let (left, right) = (messages.get(&epoch)?, messages.get(&other)?);
        let mut mixed = Vec::new();
        for (one, another) in left.iter().zip(right).take(MIXED_MAX) {
            let swapped = |to: &VerifiedEvent, from: &VerifiedEvent| {
                let body = from.body().map(<[u8]>::to_vec);
                body.and_then(|body| to.with_ciphertext(body))
                    .unwrap_or_else(|| to.clone())
            };
            mixed.extend([swapped(one, another), swapped(another, one)]);
        }
        let scope = mixed.first()?.header().scope;
        Some(tricks::ranges(self.community, scope, &mixed))
    }
}
