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
use crate::community::Community;
use crate::limits::{
    DM_REQUEST_BYTES_MAX, DM_REQUESTS_MAX, DM_WORK_BITS, DM_WORK_DAYS, LETTER_KEPT_MS,
};
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::contact::{Places, read_places, write_places};
use crate::wire::hello::{DirectHello, Proof, Words};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DmRequest {
    /// Empty: whoever asks knew no prekey to seal it for.
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
    /// Home nodes of whoever asks, with addresses.
    pub(crate) homes: Places,
}

/// A request as it came, before it has a place in the queue.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) homes: Places,
    pub(super) community: Option<CommunityId>,
    pub(super) group: Option<CommunityId>,
    pub(super) chain: Vec<SignedEvent>,
    pub(super) prekey: PrekeyRecord,
    pub(super) from: NetworkKey,
}

impl DmRequest {
    /// What is shown of it, with what whoever asks is called here.
    pub(crate) fn view(&self, account: AccountId, called: String) -> DmRequestView {
        let given = Some(&self.name).filter(|name| !name.is_empty());
        DmRequestView {
            account,
            name: given.cloned().unwrap_or(called),
            text: self.text.clone(),
            time: self.time,
            community: self.community,
            group: self.group,
        }
    }

    /// What is kept of it beside the one that waits already; `None`: it adds nothing. Who knew no prekey at first says its
    /// name and words later. What was said once stays: a stranger makes three of a request at most, however often it asks.
    fn beside(mut self, held: Option<&Self>) -> Option<Self> {
        let Some(held) = held else {
            return Some(self);
        };
        let named = held.name.is_empty() && !self.name.is_empty();
        let worded = held.text.is_empty() && !self.text.is_empty();
        if held.group != self.group || !(named || worded) {
            return None;
        }
        if !named {
            self.name.clone_from(&held.name);
        }
        if !worded {
            self.text.clone_from(&held.text);
        }
        self.time = held.time;
        Some(self)
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
        write_places(w, &self.homes);
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
            homes: read_places(r)?,
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

/// The first number that is work enough, and its day.
fn work(to: AccountId, from: AccountId, wall: UnixMs) -> (u32, u64) {
    let day = day_of(wall);
    let nonce = (0..)
        .find(|nonce| is_work(to, from, (day, *nonce)))
        .expect("one of 2^64 numbers has a few zeros");
    (day, nonce)
}

/// Whether that is work enough for somebody, whatever the day.
pub(crate) fn is_work(to: AccountId, from: AccountId, (day, nonce): (u32, u64)) -> bool {
    zeros(to, from, day, nonce) >= DM_WORK_BITS
}

/// Whether it was done today, as clocks around midnight have it.
pub(crate) fn is_worked_today((day, _): (u32, u64), wall: UnixMs) -> bool {
    day.abs_diff(day_of(wall)) <= DM_WORK_DAYS
}

/// Whether it was done since letters are kept that long.
pub(super) fn is_worked_lately((day, _): (u32, u64), wall: UnixMs) -> bool {
    let today = day_of(wall);
    let kept = u32::try_from(LETTER_KEPT_MS / DAY_MS).unwrap_or(u32::MAX);
    day <= today.saturating_add(DM_WORK_DAYS)
        && day.saturating_add(kept).saturating_add(DM_WORK_DAYS) >= today
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
        let (day, nonce) = self.work_for(to, asker);
        Proof::Work { day, nonce }
    }

    /// Work for somebody in an asker's name, done once a day.
    pub(super) fn work_for(&mut self, to: AccountId, asker: AccountId) -> (u32, u64) {
        let day = day_of(self.now.wall);
        let done = self.people.work.get(&(to, asker)).copied();
        if let Some(done) = done.filter(|(done, _)| *done == day) {
            return done;
        }
        let done = work(to, asker, self.now.wall);
        self.people.work.insert((to, asker), done);
        done
    }

    /// A community or group that both are in, besides the one that it is about. A group only where both are
    /// known to have it: whoever was added to one may not have taken it yet, and to them it would show nothing.
    pub(super) fn shared_with(
        &self,
        both: [AccountId; 2],
        about: CommunityId,
    ) -> Option<CommunityId> {
        let me = self.me.account();
        let shows = |community: &&Community| {
            let state = community.state();
            let has = |account: AccountId| {
                let mut held = community.held.keys();
                account == me || held.any(|device| state.account_of(*device) == Some(account))
            };
            community.active
                && community.id != about
                && both.iter().all(|account| state.is_member(*account))
                && match state.kind {
                    CommunityKind::Direct => false,
                    CommunityKind::Group => both.iter().all(|account| has(*account)),
                    CommunityKind::Community => true,
                }
        };
        self.communities
            .values()
            .find(shows)
            .map(|community| community.id)
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
                let done = (*day, *nonce);
                is_worked_today(done, self.now.wall) && is_work(me, asker, done)
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
        if self.is_declined(asker) {
            return;
        }
        let Some(community) = self.proof_holds(asker, &hello) else {
            // Who left a community, or replaced a link, may not have told yet; work is what it is.
            if let Proof::Work { day, nonce } = hello.proof
                && !is_work(self.me.account(), asker, (day, nonce))
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
        let asked = Asked {
            name,
            text,
            homes: Places::new(),
            community,
            group,
            chain: hello.chain,
            prekey: hello.prekey,
            from,
        };
        self.keep_asked(asker, asked);
    }

    fn is_declined(&self, asker: AccountId) -> bool {
        let contact = self.contact(asker);
        contact.is_some_and(|contact| contact.standing == Standing::Declined)
    }

    /// Gives a request a place in the queue, or shows it with more text. Returns whether it need not come again.
    pub(super) fn keep_asked(&mut self, asker: AccountId, asked: Asked) -> bool {
        if self.is_declined(asker) {
            return true;
        }
        let held = self.people.requests.get(&asker);
        if held.is_none() && self.people.requests.len() >= DM_REQUESTS_MAX {
            return false;
        }
        let text = asked.text.chars().filter(|c| !c.is_control());
        let request = DmRequest {
            name: shown_name(&asked.name, asker),
            text: text.collect(),
            time: self.now.wall,
            community: asked.community,
            group: asked.group,
            chain: asked.chain,
            prekey: asked.prekey,
            from: asked.from,
            homes: asked.homes,
        };
        let Some(request) = request.beside(held) else {
            return true;
        };
        let write = put(&Key::DmRequest(asker), &request);
        self.outbox.store(vec![write], After::Nothing);
        self.people.requests.insert(asker, request.clone());
        let view = request.view(asker, self.person_name(asker));
        self.views.directs_changed();
        self.outbox.tell(Event::DmRequested { request: view });
        true
    }
}

/// A name as a stranger gives it, if names may be so; empty where none was given.
fn shown_name(name: &str, account: AccountId) -> String {
    if name.is_empty() {
        return String::new();
    }
    match crate::command::check_name("name", name) {
        Ok(()) => name.to_owned(),
        Err(_refused) => account.short(),
    }
}

#[cfg(test)]
mod tests {
    use alloquy_schema::identity::{create, sign_prekey};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_request_grows_by_what_it_lacks_and_never_again() {
        let made = create(UnixMs(1), &mut ChaCha8Rng::seed_from_u64(1));
        let says = |name: &str, text: &str, time| DmRequest {
            name: name.to_owned(),
            text: text.to_owned(),
            time: UnixMs(time),
            community: None,
            group: None,
            chain: Vec::new(),
            prekey: sign_prekey(&made.device, 1, &[7; 32]),
            from: NetworkKey([3; 32]),
            homes: Places::new(),
        };
        let mut held: Option<DmRequest> = None;
        let mut kept = Vec::new();
        let said = [
            ("", "x"),
            ("", ""),
            ("A", ""),
            ("", "y"),
            ("B", "z"),
            ("", "x"),
        ];
        for (time, (name, text)) in (1..).zip(said) {
            if let Some(grown) = says(name, text, time).beside(held.as_ref()) {
                kept.push((grown.name.clone(), grown.text.clone(), grown.time.0));
                held = Some(grown);
            }
        }
        let wanted = [("", "x", 1), ("A", "x", 1)];
        let wanted = wanted.map(|(name, text, time)| (name.to_owned(), text.to_owned(), time));
        assert_eq!(kept, wanted);
        let nothing = says("", "", 9);
        let group = DmRequest {
            group: Some(CommunityId([9; 32])),
            ..says("A", "x", 10)
        };
        assert_eq!(
            group.beside(Some(&nothing)),
            None,
            "it is about another thing"
        );
    }

    #[test]
    fn work_counts_for_one_recipient_one_asker_and_one_day() {
        let (ana, ben) = (AccountId([1; 32]), AccountId([2; 32]));
        let wall = UnixMs(DAY_MS * 20_000);
        let (day, nonce) = work(ana, ben, wall);
        assert_eq!(day, 20_000);
        assert!(zeros(ana, ben, day, nonce) >= DM_WORK_BITS);
        for (to, from, day) in [
            (ben, ana, day),
            (ana, AccountId([3; 32]), day),
            (ana, ben, day + 1),
        ] {
            assert!(zeros(to, from, day, nonce) < DM_WORK_BITS);
        }
        let done = (day, nonce);
        for (later, today, lately) in [
            (0, true, true),
            (1, true, true),
            (2, false, true),
            (31, false, true),
            (32, false, false),
        ] {
            let wall = UnixMs(wall.0 + later * DAY_MS);
            assert_eq!(is_worked_today(done, wall), today, "{later} days later");
            assert_eq!(is_worked_lately(done, wall), lately, "{later} days later");
        }
        assert!(!is_worked_lately(done, UnixMs(wall.0 - 2 * DAY_MS)));
    }
}
