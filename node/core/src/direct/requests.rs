//! Requests: somebody who is not known here wants to write, or to have this account in a group.
//!
//! One of each account, hidden until it is accepted, text only; nothing of it is answered. A stranger shows that both
//! are members of a community, the secret of a contact link, or work done for this recipient and day: checked before
//! anything is kept.

use alloquy_api::Event;
use alloquy_api::reply::DmRequestView;
use alloquy_ids::{AccountId, CommunityId, NetworkKey, UnixMs};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::hash;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::{IDENTITY_CHAIN_MAX, NAME_BYTES_MAX};
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use super::contacts::Standing;
use crate::limits::{DM_REQUEST_BYTES_MAX, DM_REQUESTS_MAX, DM_WORK_BITS, DM_WORK_DAYS};
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::hello::{DirectHello, Proof, Words};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DmRequest {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) time: UnixMs,
    /// A community that both are in.
    pub(crate) community: Option<CommunityId>,
    /// The group that it is about.
    pub(crate) group: Option<CommunityId>,
    pub(crate) chain: Vec<SignedEvent>,
    /// Of the device that brought it.
    pub(crate) prekey: PrekeyRecord,
    /// The peer that brought it.
    pub(crate) from: NetworkKey,
}

impl DmRequest {
    pub(crate) fn view(&self, account: AccountId) -> DmRequestView {
        DmRequestView {
            account,
            name: self.name.clone(),
            text: self.text.clone(),
            time: self.time,
            community: self.community,
            group: self.group,
        }
    }
}

impl Canonical for DmRequest {
    fn write(&self, w: &mut Writer) {
        w.text(&self.name);
        w.text(&self.text);
        self.time.write(w);
        w.option(self.community.as_ref());
        w.option(self.group.as_ref());
        w.list(&self.chain);
        self.prekey.write(w);
        self.from.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.text(NAME_BYTES_MAX, "name")?,
            text: r.text(DM_REQUEST_BYTES_MAX, "first message")?,
            time: UnixMs::read(r)?,
            community: r.option("community")?,
            group: r.option("group")?,
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            prekey: PrekeyRecord::read(r)?,
            from: NetworkKey::read(r)?,
        })
    }
}

/// Leading zero bits of the work's hash.
fn zeros(to: AccountId, from: AccountId, day: u32, nonce: u64) -> u32 {
    let (day, nonce) = (day.to_le_bytes(), nonce.to_le_bytes());
    let parts: [&[u8]; 4] = [to.as_bytes(), from.as_bytes(), &day, &nonce];
    let hash = hash::derive("alloquy request work v1", &parts);
    let first: [u8; 8] = hash[..8].try_into().expect("8 of 32 bytes");
    u64::from_be_bytes(first).leading_zeros()
}

fn day_of(wall: UnixMs) -> u32 {
    u32::try_from(wall.0 / DAY_MS).unwrap_or(u32::MAX)
}

/// The first number that is work enough.
pub(super) fn work(to: AccountId, from: AccountId, wall: UnixMs) -> Proof {
    let day = day_of(wall);
    let nonce = (0..)
        .find(|nonce| zeros(to, from, day, *nonce) >= DM_WORK_BITS)
        .expect("one of 2^64 numbers has a few zeros");
    Proof::Work { day, nonce }
}

impl<R: CryptoRng> Node<R> {
    /// What a hello of `asker` to `to` shows beside itself.
    pub(super) fn proof_of(
        &mut self,
        asker: AccountId,
        to: AccountId,
        about: CommunityId,
    ) -> Proof {
        if let Some(shared) = self.shared_with([asker, to], about) {
            return Proof::Shared(shared);
        }
        let secret = self.contact(to).and_then(|contact| contact.secret);
        if let Some(secret) = secret.filter(|_| asker == self.me.account()) {
            return Proof::Contact(secret);
        }
        let day = day_of(self.now.wall);
        let done = self.people.work.get(&(to, asker)).copied();
        if let Some((_, nonce)) = done.filter(|(done, _)| *done == day) {
            return Proof::Work { day, nonce };
        }
        let proof = work(to, asker, self.now.wall);
        if let Proof::Work { day, nonce } = proof {
            self.people.work.insert((to, asker), (day, nonce));
        }
        proof
    }

    /// A community or group that both are in, besides the one that it is about.
    fn shared_with(&self, both: [AccountId; 2], about: CommunityId) -> Option<CommunityId> {
        let shared = self.communities.values().find(|community| {
            let state = community.state();
            community.active
                && community.id != about
                && state.kind != CommunityKind::Direct
                && both.iter().all(|account| state.is_member(*account))
        });
        shared.map(|community| community.id)
    }

    /// Whether a stranger's request is worth a place; the community that both are in, if that is why.
    fn proof_holds(&self, asker: AccountId, hello: &DirectHello) -> Option<Option<CommunityId>> {
        let me = self.me.account();
        let holds = match &hello.proof {
            Proof::Shared(id) => {
                let community = self
                    .communities
                    .get(id)
                    .filter(|_| *id != hello.community)?;
                community.active
                    && community.kind() != CommunityKind::Direct
                    && community.state().is_member(asker)
            }
            Proof::Contact(secret) => self
                .contact(me)
                .is_some_and(|own| own.secret == Some(*secret)),
            Proof::Work { day, nonce } => {
                day.abs_diff(day_of(self.now.wall)) <= DM_WORK_DAYS
                    && zeros(me, asker, *day, *nonce) >= DM_WORK_BITS
            }
        };
        holds.then(|| self.shared_with([asker, me], hello.community))
    }

    /// Keeps a request of somebody who is not known here, or shows it with more text.
    pub(super) fn keep_dm_request(
        &mut self,
        from: NetworkKey,
        asker: AccountId,
        hello: DirectHello,
        group: Option<CommunityId>,
    ) {
        let declined = self
            .contact(asker)
            .is_some_and(|contact| contact.standing == Standing::Declined);
        if declined {
            return;
        }
        let Some(community) = self.proof_holds(asker, &hello) else {
            // Who left a community, or replaced a link, may not have told yet; work is what it is.
            if let Proof::Work { day, nonce } = hello.proof
                && zeros(self.me.account(), asker, day, nonce) < DM_WORK_BITS
            {
                self.outbox
                    .penalize(from, "a request with less work than is asked for");
            }
            return;
        };
        let sealed = hello.words.as_ref();
        let words = sealed.and_then(|sealed| {
            let mut secrets = self.me.record.prekeys.iter().map(|(_, secret)| secret);
            secrets.find_map(|secret| Words::open(hello.community, sealed, secret))
        });
        let Words { name, text } = words.unwrap_or_default();
        let held = self.people.requests.get(&asker);
        let same = held
            .is_some_and(|held| held.group != group || held.text == text || !held.text.is_empty());
        if same || (held.is_none() && self.people.requests.len() >= DM_REQUESTS_MAX) {
            return;
        }
        let request = DmRequest {
            name: shown_name(&name, asker),
            text: text.chars().filter(|c| !c.is_control()).collect(),
            time: self.now.wall,
            community,
            group,
            chain: hello.chain,
            prekey: hello.prekey,
            from,
        };
        let write = put(&Key::DmRequest(asker), &request);
        self.outbox.store(vec![write], After::Nothing);
        let view = request.view(asker);
        self.people.requests.insert(asker, request);
        self.views.directs_changed();
        self.outbox.tell(Event::DmRequested { request: view });
    }
}

/// A name as a stranger gives it, if names may be so.
fn shown_name(name: &str, account: AccountId) -> String {
    match crate::command::check_name("name", name) {
        Ok(()) => name.to_owned(),
        Err(_refused) => account.short(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_counts_for_one_recipient_one_asker_and_one_day() {
        let (ana, ben) = (AccountId([1; 32]), AccountId([2; 32]));
        let wall = UnixMs(DAY_MS * 20_000);
        let Proof::Work { day, nonce } = work(ana, ben, wall) else {
            panic!("work is a number");
        };
        assert_eq!(day, 20_000);
        assert!(zeros(ana, ben, day, nonce) >= DM_WORK_BITS);
        for (to, from, day) in [
            (ben, ana, day),
            (ana, AccountId([3; 32]), day),
            (ana, ben, day + 1),
        ] {
            assert!(zeros(to, from, day, nonce) < DM_WORK_BITS);
        }
    }
}
