//! Letters of this account: first words that are left at a home node of somebody who is away, and those that come.
//!
//! What comes by an own home node is judged as a hello is, and becomes a request or a conversation in the same way;
//! it shows work in any case, for the home node can not tell whether both share a community or a contact link.

use alloquy_ids::{AccountId, CommunityId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::codec::Canonical;
use alloquy_schema::identity::{Identity, IdentityLog};
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use super::hello::beginning;
use super::requests::{Asked, is_work, is_worked_lately};
use crate::limits::{
    CONTACT_DEVICES_MAX, DM_REQUEST_BYTES_MAX, LETTER_AGAIN_MS, LETTER_BYTES_MAX, LETTER_HOMES_MAX,
    LETTER_KEPT_MS,
};
use crate::node::Node;
use crate::outbox::After;
use crate::wire::Frame;
use crate::wire::letter::{Letter, LetterAnswer, LetterFate, LetterWords};

/// A letter that was sent over a connection which stands.
#[derive(Debug)]
pub(crate) struct Sent {
    text: String,
    at: MonoMs,
    /// It need not go again over this connection while it would be kept.
    kept: bool,
}

impl<R: CryptoRng> Node<R> {
    /// Leaves the first words of a conversation at a home node of whom they are for, if nobody there has them.
    pub(crate) fn leave_letter(&mut self, home: NetworkKey, id: CommunityId) {
        let Some(to) = self.addressee(home, id) else {
            return;
        };
        let text = beginning(&self.first_words(id), DM_REQUEST_BYTES_MAX);
        let sent = self.people.letters.get(&(home, id));
        let done = sent.is_some_and(|sent| {
            // Who was told that it is kept knows for how long.
            let pause = if sent.kept {
                LETTER_KEPT_MS
            } else {
                LETTER_AGAIN_MS
            };
            sent.text == text && self.now.mono < sent.at.plus(pause)
        });
        if text.is_empty() || done {
            return;
        }
        let keys: Vec<_> = self
            .prekeys_of(to)
            .iter()
            .map(|prekey| prekey.key)
            .collect();
        if keys.is_empty() {
            return;
        }
        let mut homes = self.own_home_places();
        homes.truncate(LETTER_HOMES_MAX);
        let words = LetterWords {
            name: self.me.record.name.clone(),
            text: text.clone(),
            homes,
        };
        let sealed = words.seal(id, &keys, &mut self.rng);
        let me = self.me.account();
        let work = self.work_for(to, me);
        let (chain, prekey) = (self.me.record.chain.clone(), self.me.prekey.clone());
        let letter = Letter::unsigned(to, chain, prekey, work, sealed).signed(&self.me.key);
        let bytes = letter.to_bytes().len();
        let at = self.now.mono;
        // One that is too long is made and told of once, not at every look.
        let kept = bytes > LETTER_BYTES_MAX;
        let sent = Sent { text, at, kept };
        self.people.letters.insert((home, id), sent);
        if bytes > LETTER_BYTES_MAX {
            return tracing::warn!(
                "the first words to {} wait here: with the account's log a letter has {bytes} B, the limit is \
                 {LETTER_BYTES_MAX} B",
                to.short()
            );
        }
        self.outbox.send(home, &Frame::Letter(Box::new(letter)));
    }

    /// The other account of a conversation, if a peer is its home node and none of its devices is known to have the
    /// conversation.
    fn addressee(&self, home: NetworkKey, id: CommunityId) -> Option<AccountId> {
        let community = self.communities.get(&id).filter(|one| one.active)?;
        let me = self.me.account();
        let to = community.partner(me).filter(|to| *to != me)?;
        let of = community.homes.get(&home)?;
        let theirs = of.iter().any(|(account, _)| *account == to);
        let state = community.state();
        // Who holds a copy, or has written anything into one, needs no letter.
        let written = community.authority.dag().iter();
        let written = written.map(|event| event.header().device);
        let mut has = written.chain(community.held.keys().copied());
        let has = has.any(|device| state.account_ever(device) == Some(to));
        (theirs && !has && !self.is_blocked(to)).then_some(to)
    }

    /// The same at all home nodes that are connected.
    pub(crate) fn leave_letters(&mut self, id: CommunityId) {
        let two = self
            .communities
            .get(&id)
            .is_some_and(|community| community.kind() == CommunityKind::Direct);
        if two {
            for home in self.connected_homes(id) {
                self.leave_letter(home, id);
            }
        }
    }

    /// A home node says what became of a letter.
    pub(crate) fn letter_answered(&mut self, home: NetworkKey, answer: LetterAnswer) {
        let me = self.me.account();
        if answer.from != me {
            return;
        }
        let id = direct::id(me, answer.to);
        if let Some(sent) = self.people.letters.get_mut(&(home, id)) {
            sent.kept = answer.fate == LetterFate::Kept;
        }
    }

    /// Letters to a peer that is gone are sent again when it is back.
    pub(crate) fn letters_lost(&mut self, key: NetworkKey) {
        self.people.letters.retain(|(home, _), _| *home != key);
    }

    /// A letter came by a home node of this account.
    pub(crate) fn letter_came(&mut self, home: NetworkKey, letter: Letter) {
        let me = self.me.account();
        if letter.to != me || !self.own_homes().contains_key(&home) {
            return;
        }
        let shown = match IdentityLog::verify_by(&letter.chain, &*self.me.signatures) {
            Ok(shown) => shown,
            Err(error) => return self.outbox.penalize(home, format!("a letter: {error}")),
        };
        let from = shown.account();
        if from == me || !letter.is_by(shown.identity()) || !is_work(me, from, letter.work) {
            return self
                .outbox
                .penalize(home, "a letter that nobody wrote or worked for");
        }
        let id = direct::id(me, from);
        let taken = LetterAnswer {
            from,
            to: me,
            fate: LetterFate::Taken,
        };
        // One whose writer is blocked, or whose device is known not to act any more, is taken and dropped.
        if self.is_blocked(from) || !self.acts_as_known(&shown, letter.prekey.device) {
            return self.outbox.send(home, &Frame::LetterAnswer(taken));
        }
        // This clock may be the one that is wrong: the letter stays where it is, and goes there when it is old.
        if !is_worked_lately(letter.work, self.now.wall) {
            return;
        }
        let words = LetterWords::open(id, &letter, &self.me.record.prekeys).unwrap_or_default();
        let known = self.is_accepted(from) || self.communities.contains_key(&id);
        if known {
            let prekeys = vec![letter.prekey];
            if let Err(error) = self.hold_direct(from, &letter.chain, prekeys, UnixMs(0)) {
                return tracing::warn!(?error, "a conversation that was brought can not be taken");
            }
            self.learn_homes(shown.identity(), &words.homes);
        } else {
            let asked = Asked {
                name: words.name,
                text: words.text,
                homes: words.homes,
                community: self.shared_with([from, me], id),
                group: None,
                chain: letter.chain,
                prekey: letter.prekey,
                from: home,
            };
            if !self.keep_asked(from, asked) {
                return;
            }
        }
        // The home node may forget it when what it brought is durable here.
        self.outbox
            .store(Vec::new(), After::LetterTaken(home, taken));
    }

    /// The home node may forget a letter, unless what it brought waits to be written.
    pub(crate) fn letter_stored(&mut self, home: NetworkKey, taken: LetterAnswer) {
        if self.unwritten.len() == 0 {
            self.outbox.send(home, &Frame::LetterAnswer(taken));
        }
    }

    /// Where home nodes of an account are reached, as it says itself: of no others.
    pub(crate) fn learn_homes(&mut self, of: &Identity, homes: &[(NetworkKey, Vec<String>)]) {
        for (key, addresses) in homes.iter().take(CONTACT_DEVICES_MAX) {
            if of.homes.values().any(|home| home == key) {
                self.told_addresses(*key, addresses.clone());
            }
        }
    }
}
