//! Pairing a home node: what the home node, which hosts, and a device of its owner say to each other.
//!
//! Guest: [`Owner`], the account's identity log. Host: [`Offer`], its keys and its consent. The guest signs it into
//! the identity log, and when that is durable says [`Owner`] again, with the home node in the log; the host stores
//! that, and knows whose devices say what it is to keep.

use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{DeviceId, NetworkKey};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{self, IdentityOp, NetworkCertificate, accept_home};
use alloquy_schema::limits::IDENTITY_CHAIN_MAX;
use rand_core::CryptoRng;

use super::{End, Guest, Side};
use crate::node::Node;
use crate::outbox::After;

/// Home nodes of one account.
const HOMES_MAX: usize = 16;

/// Whose home node it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    chain: Vec<SignedEvent>,
}

/// The home node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    device: DeviceId,
    network: NetworkCertificate,
    /// By the home node's key: it wants to serve the account.
    accepted: [u8; 64],
}

impl Canonical for Owner {
    fn write(&self, w: &mut Writer) {
        w.list(&self.chain);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
        })
    }
}

impl Canonical for Offer {
    fn write(&self, w: &mut Writer) {
        self.device.write(w);
        self.network.write(w);
        w.raw(&self.accepted);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            device: DeviceId::read(r)?,
            network: NetworkCertificate::read(r)?,
            accepted: r.array("acceptance")?,
        })
    }
}

impl<R: CryptoRng> Node<R> {
    /// The owner's device knows the code: it says whose the home node is to be.
    pub(super) fn tell_of_owner(&mut self) {
        let chain = self.me.record.chain.clone();
        self.link_send(Side::Guest, &Owner { chain }.to_bytes());
    }

    /// The owner's device, to the home node.
    pub(super) fn owner_says(&mut self, peer: NetworkKey, payload: &[u8]) {
        let done = Owner::from_bytes(payload)
            .map_err(|error| error.to_string())
            .and_then(|owner| self.take_owner(peer, owner));
        if let Err(error) = done {
            tracing::warn!(%error, "the account was not taken as this home node's");
            self.link_cancel(Side::Host, End::Refused);
        }
    }

    fn take_owner(&mut self, peer: NetworkKey, owner: Owner) -> Result<(), String> {
        let log = identity::evaluate(&owner.chain).map_err(|error| error.to_string())?;
        let mut keys = log.devices.values().flatten();
        if !keys.any(|key| *key == peer) {
            return Err("the account's log does not name the device that shows it".to_owned());
        }
        let device = self.me.device();
        if log.homes.contains_key(&device) {
            self.home_paired(owner.chain)?;
            self.link_cancel(Side::Host, End::Done);
            return Ok(());
        }
        let offer = Offer {
            device,
            network: NetworkCertificate::sign(&self.me.record.network_seed, device),
            accepted: accept_home(log.account, &self.me.key),
        };
        self.link_send(Side::Host, &offer.to_bytes());
        Ok(())
    }

    /// The home node, to the owner's device.
    pub(super) fn home_offers(&mut self, peer: NetworkKey, payload: &[u8]) {
        let taken = Offer::from_bytes(payload)
            .map_err(|error| CommandError::new(ErrorCode::Parse, error.to_string()))
            .and_then(|offer| self.take_home(peer, offer));
        if let Err(error) = taken {
            tracing::warn!(%error, "the home node was not taken");
            self.link_cancel(Side::Guest, End::Refused);
        }
    }

    /// Signs the home node into the account's identity log. It is told when that is durable.
    fn take_home(&mut self, peer: NetworkKey, offer: Offer) -> Result<(), CommandError> {
        if offer.network.key != peer {
            let text = "the home node speaks by another network key than it shows";
            return Err(CommandError::new(ErrorCode::NotPermitted, text));
        }
        let homes = self.own_homes();
        if homes.len() >= HOMES_MAX {
            let text = format!("{HOMES_MAX} home nodes are paired, which is the limit");
            return Err(CommandError::new(ErrorCode::Limit, text));
        }
        let op = IdentityOp::HomeAdd {
            device: offer.device,
            network: offer.network,
            accepted: offer.accepted,
        };
        if homes.contains_key(&peer) {
            self.home_taken();
            return Ok(());
        }
        self.change_identity(&op, After::HomeTaken)
    }

    /// The home node is in the stored identity log.
    pub(crate) fn home_taken(&mut self) {
        self.tell_of_owner();
        self.link_cancel(Side::Guest, End::Done);
        self.views.node_changed();
        // What it said of its addresses when it was a stranger counts now, and before that what its link says.
        let entered = self.links.guest.as_ref().and_then(Guest::wanted);
        let linked = entered.map(|(host, addresses)| (host, addresses.to_vec()));
        for key in self.own_homes().into_keys() {
            let said = self.peers.get(&key).map(|peer| peer.addresses.clone());
            let linked = linked.iter().filter(|(host, _)| *host == key);
            let linked: Vec<_> = linked.map(|(_, addresses)| addresses.clone()).collect();
            for addresses in linked.into_iter().chain(said) {
                self.peer_addresses(key, addresses);
            }
        }
        self.keep_peers();
    }

    /// `home pair`: answered when it has come to an end.
    pub(crate) fn home_link_ended(&mut self, side: Side, end: End) {
        if side != Side::Guest {
            return;
        }
        if let Some(origin) = self.home.pairing.take() {
            let homes = self.home_views();
            let outcome = match end {
                End::Done => Ok(Reply::Homes { homes }),
                end => Err(end.error(side)),
            };
            self.outbox.done(origin, outcome);
        }
    }
}
