//! A later device of an account comes into the account's communities (docs/protocol.md, "Linking").
//!
//! It knows of a community and of peers that have it, and shows one of them its account's identity log
//! ([`Arrive`]). Whoever is a member brings the device in by a `DeviceAdd`, as any member may, and gives it what a
//! newcomer is given; a home node, which authors nothing, gives the authority log alone, and the device brings
//! itself in. Its proof to others is the authority log itself.

use std::collections::BTreeSet;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{AccountId, CommunityId, DeviceId, EpochId, EventId, MonoMs, NetworkKey};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::content::Field;
use alloquy_schema::epoch::EpochKey;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{IdentityLog, PrekeyRecord};
use alloquy_schema::limits::IDENTITY_CHAIN_MAX;
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::community::{Community, Place};
use crate::io::Write;
use crate::limits::{
    ADDRESS_BYTES_MAX, ADDRESSES_MAX, ARRIVE_KEYS_MAX, ARRIVE_PEERS_MAX, FIRST_WRITE_WAIT_MS,
};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::Frame;

/// How a device comes into a community that it knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bootstrap {
    /// Peers that have it, with their addresses as multiaddr text.
    pub(crate) peers: Vec<(NetworkKey, Vec<String>)>,
    /// Keys of epochs that are known already: the recovery words have opened them.
    pub(crate) keys: Vec<(EpochId, EpochKey)>,
}

/// A device goes on asking for what its account has.
pub(crate) const FOR_EVER: MonoMs = MonoMs(u64::MAX);

/// A device of a member shows that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrive {
    pub(crate) community: CommunityId,
    /// The account's identity log.
    pub(crate) chain: Vec<SignedEvent>,
    pub(crate) prekey: PrekeyRecord,
    /// The device holds the authority log, and is in it: what the receiver lacks of it can be had here.
    pub(crate) inside: bool,
}

pub(crate) fn write_peers(w: &mut Writer, peers: &[(NetworkKey, Vec<String>)]) {
    w.varint(peers.len() as u64);
    for (peer, addresses) in peers {
        peer.write(w);
        w.varint(addresses.len() as u64);
        for address in addresses {
            w.text(address);
        }
    }
}

pub(crate) fn read_peers(
    r: &mut Reader<'_>,
) -> Result<Vec<(NetworkKey, Vec<String>)>, DecodeError> {
    let count = r.len(ARRIVE_PEERS_MAX, "peers")?;
    let mut peers = Vec::with_capacity(count);
    for _ in 0..count {
        let peer = NetworkKey::read(r)?;
        let addresses = r.len(ADDRESSES_MAX, "addresses of a peer")?;
        let address = |_| r.text(ADDRESS_BYTES_MAX, "address");
        peers.push((peer, (0..addresses).map(address).collect::<Result<_, _>>()?));
    }
    Ok(peers)
}

impl Canonical for Bootstrap {
    fn write(&self, w: &mut Writer) {
        write_peers(w, &self.peers);
        w.varint(self.keys.len() as u64);
        for (epoch, key) in &self.keys {
            epoch.write(w);
            w.bytes(&key.to_bytes());
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let peers = read_peers(r)?;
        let count = r.len(ARRIVE_KEYS_MAX, "keys of epochs")?;
        let mut keys = Vec::new();
        for _ in 0..count {
            let epoch = EpochId::read(r)?;
            let bytes = r.bytes(EPOCH_KEY_BYTES_MAX, "key of an epoch")?;
            let key = EpochKey::from_bytes(bytes).ok_or(DecodeError::Unknown {
                what: "key of an epoch",
                value: bytes.len() as u64,
            })?;
            keys.push((epoch, key));
        }
        Ok(Self { peers, keys })
    }
}

/// Bytes of an epoch's key: which it is, and 32 of its own.
const EPOCH_KEY_BYTES_MAX: usize = 33;

impl Canonical for Arrive {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        w.list(&self.chain);
        self.prekey.write(w);
        w.u8(u8::from(self.inside));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            prekey: PrekeyRecord::read(r)?,
            inside: match r.u8("whether it is inside")? {
                0 => false,
                1 => true,
                value => {
                    return Err(DecodeError::Unknown {
                        what: "whether it is inside",
                        value: u64::from(value),
                    });
                }
            },
        })
    }
}

impl<R: CryptoRng> Node<R> {
    /// Asks for a community of this account that is not here, until somebody gives it. Kept over restarts.
    pub(crate) fn arrive(&mut self, id: CommunityId, bootstrap: Bootstrap) {
        if self.communities.get(&id).is_some_and(|held| held.active) {
            return;
        }
        let write = put(&Key::Arriving(id), &bootstrap);
        self.outbox.store(vec![write], After::Nothing);
        self.await_arrival(id, bootstrap, FOR_EVER);
    }

    /// What a peer is shown.
    pub(crate) fn arrive_frame(&self, id: CommunityId, inside: bool) -> Frame {
        Frame::Arrive(Box::new(Arrive {
            community: id,
            chain: self.me.record.chain.clone(),
            prekey: self.me.prekey.clone(),
            inside,
        }))
    }

    /// The record that asks for a community after a start is not needed any more.
    pub(crate) fn arrived(&mut self, id: CommunityId) {
        let write = Write::Delete(Key::Arriving(id).to_key());
        self.outbox.store(vec![write], After::Nothing);
        self.learn_own_profile(id);
    }

    /// The account's name and about text as it gave them elsewhere, where this device was not told.
    fn learn_own_profile(&mut self, id: CommunityId) {
        let me = self.me.account();
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let (name, about) = (
            community.given_name(me).unwrap_or_default(),
            community.text(&Field::MemberAbout(me)),
        );
        let record = &mut self.me.record;
        let mut learned = false;
        for (own, given) in [(&mut record.name, name), (&mut record.about, about)] {
            if own.is_empty() && !given.is_empty() {
                *own = given;
                learned = true;
            }
        }
        if learned {
            self.views.node_changed();
            self.store_account(None);
        }
    }

    /// Peers that a new own device can have a community from: this one first.
    pub(crate) fn bootstrap(&self, id: CommunityId) -> Bootstrap {
        Bootstrap {
            peers: self.invite_peers(id),
            keys: Vec::new(),
        }
    }

    /// Writes a `DeviceAdd` with these identity events of a member, unless they are known. `None`: nothing was
    /// written.
    fn bring_in_chain(&mut self, id: CommunityId, chain: &[SignedEvent]) -> Option<EventId> {
        let community = self.communities.get(&id)?;
        let shown = IdentityLog::verify_by(chain, &*self.me.signatures).ok()?;
        let account = shown.account();
        let state = community.state();
        let known = state.identity(account);
        let news = known.is_none_or(|known| !known.covers(&shown));
        if !news || !community.state().is_member(account) || self.store_fault.is_some() {
            return None;
        }
        let chain = chain.to_vec();
        let op = AuthorityOp::DeviceAdd { account, chain };
        let ids = self.write(id, &[Draft::Op(op)], |_| None);
        ids.last().copied()
    }

    /// Brings this device in where nobody else has done so: who gave the authority log was a home node. Whether it
    /// was written.
    pub(crate) fn bring_in_own(&mut self, id: CommunityId) -> bool {
        let outside = self.communities.get(&id).is_some_and(|community| {
            let state = community.state();
            state.is_member(self.me.account()) && state.account_of(self.me.device()).is_none()
        });
        outside
            && self
                .bring_in_chain(id, &self.me.record.chain.clone())
                .is_some()
    }

    /// A device of a member shows itself.
    pub(crate) fn arrive_asked(&mut self, from: NetworkKey, arrive: &Arrive) {
        let id = arrive.community;
        // A device of the own account may know more of it.
        let first = arrive.chain.first().map(|event| event.header.id());
        if first == Some(self.me.account().into())
            && let Err(error) = self.take_chain(&arrive.chain)
        {
            return self.outbox.penalize(from, error.to_string());
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let device = match arriving_device(community, from, arrive) {
            Ok(device) => device,
            Err(error) if error.code == ErrorCode::Parse => {
                return self.outbox.penalize(from, error.message);
            }
            Err(error) => {
                return tracing::debug!(%error, community = %id.short(), "a device was not let in");
            }
        };
        let state = community.state();
        if state.account_of(device).is_some() {
            self.prekeys(id, vec![arrive.prekey.clone()]);
            if !arrive.inside {
                self.welcome(from, id);
            }
            return;
        }
        if arrive.inside {
            // What brought it in comes from itself.
            if let Some(community) = self.communities.get_mut(&id) {
                community.provisional.insert(from);
            }
            return self.send_heights(from, id, &[Place::Authority], &[], true);
        }
        if !community.active {
            // Operations are in clear: no account's keys matter here.
            return self.send_authority(from, id, AccountId::ZERO);
        }
        if self.first_write_waits(id) {
            // It asks again.
            let at = self.now.mono.plus(FIRST_WRITE_WAIT_MS);
            return self.timers.set_earlier(Timer::Deferred, at);
        }
        if let Some(event) = self.bring_in_chain(id, &arrive.chain) {
            self.prekeys(id, vec![arrive.prekey.clone()]);
            self.welcomes.insert(event, from);
        }
    }
}

/// The device behind a connection that is a member's, if the identity events that it shows, with those that are
/// known, say so.
fn arriving_device(
    community: &Community,
    from: NetworkKey,
    arrive: &Arrive,
) -> Result<DeviceId, CommandError> {
    let error = |code, text: String| Err(CommandError::new(code, text));
    let shown = match IdentityLog::verify_by(&arrive.chain, &**community.authority.signatures()) {
        Ok(shown) => shown,
        Err(fault) => return error(ErrorCode::Parse, fault.to_string()),
    };
    if !arrive.prekey.verify() {
        return error(
            ErrorCode::Parse,
            "a prekey that its device did not sign".to_owned(),
        );
    }
    let account = shown.account();
    if !community.state().is_member(account) {
        return error(ErrorCode::NotPermitted, "no member's device".to_owned());
    }
    let state = community.state();
    let known = state.identity(account);
    let all = match known {
        Some(known) => known.merged(&shown),
        None => shown.clone(),
    };
    let identity = all.identity();
    let device = arrive.prekey.device;
    let keys = identity.devices.get(&device);
    // A device that is in and was revoked may bring that it has revoked the other: both are suspended then. It is
    // neither let in nor given anything for it.
    let brings = arrive.inside
        && identity.suspended.contains(&device)
        && state.account_ever(device) == Some(account)
        && known.is_some_and(|known| !known.covers(&shown));
    let may = identity.acts(device) || brings;
    if !may || !keys.is_some_and(|keys| keys.contains(&from)) {
        return error(
            ErrorCode::NotPermitted,
            "the device was revoked, or is no device of the account".to_owned(),
        );
    }
    Ok(device)
}

impl Community {
    /// Whether a device came in later than its account: another's `Admit` is no proof of it.
    pub(crate) fn is_later_device(&self, account: AccountId) -> bool {
        let state = self.state();
        let admitted = state.members.get(&account).map(|member| member.admitted);
        match admitted.and_then(|id| self.authority.op(id)) {
            Some(AuthorityOp::Admit(join)) => join.device != self.own_device,
            Some(AuthorityOp::Genesis(genesis)) => {
                let first = genesis.founder.first();
                first.is_none_or(|event| event.header.device != self.own_device)
            }
            _ => true,
        }
    }

    /// Epochs whose keys open all others that an account may be given: no later one that it is given links to them.
    pub(crate) fn opening_epochs(&self, account: AccountId) -> Vec<EpochId> {
        let given: BTreeSet<_> = self
            .keys
            .keys()
            .copied()
            .filter(|epoch| self.may_be_given(account, *epoch))
            .collect();
        let linked: BTreeSet<_> = given
            .iter()
            .filter_map(|epoch| match self.authority.op((*epoch).into()) {
                Some(AuthorityOp::AnnounceEpoch(op)) => Some(&op.links),
                _ => None,
            })
            .flat_map(|links| links.iter().map(|(parent, _)| *parent))
            .collect();
        given.difference(&linked).copied().collect()
    }
}
