//! Linking a device: what the host, a device of the account, and the new device say to each other.
//!
//! Host: [`AccountHello`]. New device: [`NewDevice`], whose keys it made itself and never sends. The host signs it
//! into the account's identity log, and when that is durable says [`Welcome`]: the log, and where the account's
//! communities are to be had. The new device stores that and says [`Finished`]; it asks for the communities as any
//! device does that comes into one (`arrive`).

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{AccountId, CommunityId, DeviceId, NetworkKey};
use alloquy_schema::authority::direct;
use alloquy_schema::body::Body;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{IdentityOp, NetworkCertificate, PrekeyRecord};
use alloquy_schema::limits::{ABOUT_BYTES_MAX, IDENTITY_CHAIN_MAX, NAME_BYTES_MAX};
use rand_core::CryptoRng;

use super::{End, Side};
use crate::arrive::Bootstrap;
use crate::author::Draft;
use crate::limits::COMMUNITIES_MAX;
use crate::node::Node;
use crate::outbox::After;

/// Which account it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountHello {
    pub(crate) account: AccountId,
    pub(crate) name: String,
}

/// The new device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewDevice {
    pub(crate) device: DeviceId,
    pub(crate) network: NetworkCertificate,
    /// By the device: it wants to belong to the account.
    pub(crate) accepted: [u8; 64],
    pub(crate) prekey: PrekeyRecord,
    /// What its person calls it; may be empty.
    pub(crate) name: String,
}

/// What the new device begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) chain: Vec<SignedEvent>,
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) communities: Vec<(CommunityId, Bootstrap)>,
}

/// The new device has stored all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finished;

impl Canonical for AccountHello {
    fn write(&self, w: &mut Writer) {
        self.account.write(w);
        w.text(&self.name);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            account: AccountId::read(r)?,
            name: r.text(NAME_BYTES_MAX, "name")?,
        })
    }
}

impl Canonical for NewDevice {
    fn write(&self, w: &mut Writer) {
        self.device.write(w);
        self.network.write(w);
        w.raw(&self.accepted);
        self.prekey.write(w);
        w.text(&self.name);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            device: DeviceId::read(r)?,
            network: NetworkCertificate::read(r)?,
            accepted: r.array("acceptance")?,
            prekey: PrekeyRecord::read(r)?,
            name: r.text(NAME_BYTES_MAX, "name of the device")?,
        })
    }
}

impl Canonical for Welcome {
    fn write(&self, w: &mut Writer) {
        w.list(&self.chain);
        w.text(&self.name);
        w.text(&self.about);
        write_communities(w, &self.communities);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            name: r.text(NAME_BYTES_MAX, "name")?,
            about: r.text(ABOUT_BYTES_MAX, "about")?,
            communities: read_communities(r)?,
        })
    }
}

pub(crate) fn write_communities(w: &mut Writer, communities: &[(CommunityId, Bootstrap)]) {
    w.varint(communities.len() as u64);
    for (id, bootstrap) in communities {
        id.write(w);
        bootstrap.write(w);
    }
}

pub(crate) fn read_communities(
    r: &mut Reader<'_>,
) -> Result<Vec<(CommunityId, Bootstrap)>, DecodeError> {
    let count = r.len(COMMUNITIES_MAX, "communities")?;
    (0..count)
        .map(|_| Ok((CommunityId::read(r)?, Bootstrap::read(r)?)))
        .collect()
}

impl Canonical for Finished {
    fn write(&self, w: &mut Writer) {
        w.u8(1);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("word of the new device")? {
            1 => Ok(Self),
            value => Err(DecodeError::Unknown {
                what: "word of the new device",
                value: u64::from(value),
            }),
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// The new device knows the code: it is told whose it is to be.
    pub(super) fn tell_of_account(&mut self) {
        let hello = AccountHello {
            account: self.me.account(),
            name: self.me.record.name.clone(),
        };
        self.link_send(Side::Host, &hello.to_bytes());
    }

    /// A message of the new device.
    pub(super) fn device_says(&mut self, peer: NetworkKey, payload: &[u8]) {
        if self.links.welcomed.is_some() {
            match Finished::from_bytes(payload) {
                Ok(Finished) => return self.device_finished(),
                Err(error) => tracing::warn!(%error, "the new device says what it must not"),
            }
            return self.link_cancel(Side::Host, End::Refused);
        }
        let added = NewDevice::from_bytes(payload)
            .map_err(|error| CommandError::new(ErrorCode::Parse, error.to_string()))
            .and_then(|new| self.take_device(peer, new));
        if let Err(error) = added {
            tracing::warn!(%error, "the new device was not taken");
            self.link_cancel(Side::Host, End::Refused);
        }
    }

    /// Signs the new device into the account's identity log. It is welcomed when that is durable.
    fn take_device(&mut self, peer: NetworkKey, new: NewDevice) -> Result<(), CommandError> {
        let refused = |text: &str| Err(CommandError::new(ErrorCode::NotPermitted, text));
        if new.network.key != peer {
            return refused("the new device speaks by another network key than it shows");
        }
        if new.prekey.device != new.device || !new.prekey.verify() {
            return refused("the prekey is not signed by the new device");
        }
        let op = IdentityOp::DeviceAdd {
            device: new.device,
            network: new.network.clone(),
            accepted: new.accepted,
        };
        self.change_identity(&op, After::DeviceTaken)?;
        if crate::command::check_name("name", &new.name).is_ok() {
            let name = Value::Text(new.name.clone());
            self.follow_now(Field::DeviceName(new.device), Some(name));
        }
        self.links.welcomed = Some(new);
        Ok(())
    }

    /// The new device has stored the account: it is named as its person wants.
    fn device_finished(&mut self) {
        self.link_cancel(Side::Host, End::Done);
        let me = self.me.account();
        let own = direct::id(me, me);
        let Some(new) = &self.links.welcomed else {
            return;
        };
        let (field, name) = (Field::DeviceName(new.device), new.name.clone());
        let writable = self.communities.get(&own);
        let writable = writable.is_some_and(|own| own.writing_epoch(None).is_some());
        if writable && crate::command::check_name("name", &name).is_ok() {
            let value = Value::Text(name);
            let named = Body::Content(vec![ContentOp::Set { field, value }]);
            self.write(own, &[Draft::Content(named)], |_| None);
        }
    }

    /// The new device is in the stored identity log.
    pub(crate) fn device_taken(&mut self) {
        let communities: Vec<_> = self
            .communities
            .iter()
            .filter(|(_, community)| community.active)
            .map(|(id, _)| (*id, self.bootstrap(*id)))
            .collect();
        let welcome = Welcome {
            chain: self.me.record.chain.clone(),
            name: self.me.record.name.clone(),
            about: self.me.record.about.clone(),
            communities,
        };
        self.link_send(Side::Host, &welcome.to_bytes());
    }
}
