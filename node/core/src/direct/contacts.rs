//! Who is known to this account: contacts, blocked and declined accounts, and the own contact link's secret.
//!
//! Everything that is kept of somebody goes through the few functions at the end of this file.

use alloquy_api::limits::CONTACTS_MAX;
use alloquy_ids::{AccountId, DeviceId};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::{IDENTITY_CHAIN_MAX, NAME_BYTES_MAX};
use rand_core::CryptoRng;

use crate::io::Write;
use crate::limits::CONTACT_DEVICES_MAX;
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::contact::{Places, read_places, write_places};

/// How this account stands to another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Standing {
    /// Nothing was decided.
    #[default]
    Unknown = 0,
    /// A contact: its messages come straight in.
    Accepted = 1,
    /// Its request was declined: no further one is shown.
    Declined = 2,
}

/// What is kept of one account. The own one's record holds the secret of the own contact link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) name: String,
    /// Identity events, genesis first; empty when it is known from a shared community only.
    pub(crate) chain: Vec<SignedEvent>,
    pub(crate) prekeys: Vec<PrekeyRecord>,
    /// Devices that a contact link named, with addresses.
    pub(crate) peers: Places,
    /// Home nodes that a contact link named, with addresses.
    pub(crate) homes: Places,
    /// Of the link by which it was added; of the own link in the own record.
    pub(crate) secret: Option<[u8; 16]>,
    pub(crate) standing: Standing,
    pub(crate) blocked: bool,
    /// The digest that was compared and found equal.
    pub(crate) verified: Option<[u8; 32]>,
}

impl Contact {
    /// Whether nothing is left that is worth a record.
    fn is_nothing(&self) -> bool {
        self.standing == Standing::Unknown
            && !self.blocked
            && self.verified.is_none()
            && self.secret.is_none()
    }

    pub(crate) fn prekey_of(&self, device: DeviceId) -> Option<&PrekeyRecord> {
        self.prekeys.iter().find(|prekey| prekey.device == device)
    }
}

impl Canonical for Contact {
    fn write(&self, w: &mut Writer) {
        w.text(&self.name);
        w.list(&self.chain);
        w.list(&self.prekeys);
        write_places(w, &self.peers);
        write_places(w, &self.homes);
        w.u8(u8::from(self.secret.is_some()));
        if let Some(secret) = &self.secret {
            w.raw(secret);
        }
        w.u8(self.standing as u8);
        w.u8(u8::from(self.blocked));
        w.u8(u8::from(self.verified.is_some()));
        if let Some(digest) = &self.verified {
            w.raw(digest);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        fn flag(r: &mut Reader<'_>, what: &'static str) -> Result<bool, DecodeError> {
            match r.u8(what)? {
                0 => Ok(false),
                1 => Ok(true),
                value => Err(DecodeError::Unknown {
                    what,
                    value: u64::from(value),
                }),
            }
        }
        Ok(Self {
            name: r.text(NAME_BYTES_MAX, "name")?,
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            prekeys: r.list(CONTACT_DEVICES_MAX, "prekeys")?,
            peers: read_places(r)?,
            homes: read_places(r)?,
            secret: match flag(r, "contact secret")? {
                true => Some(r.array("contact secret")?),
                false => None,
            },
            standing: match r.u8("standing")? {
                0 => Standing::Unknown,
                1 => Standing::Accepted,
                2 => Standing::Declined,
                value => {
                    return Err(DecodeError::Unknown {
                        what: "standing",
                        value: u64::from(value),
                    });
                }
            },
            blocked: flag(r, "blocked")?,
            verified: match flag(r, "verified")? {
                true => Some(r.array("safety digest")?),
                false => None,
            },
        })
    }
}

impl<R: CryptoRng> Node<R> {
    pub(crate) fn contact(&self, account: AccountId) -> Option<&Contact> {
        self.people.contacts.get(&account)
    }

    pub(crate) fn is_accepted(&self, account: AccountId) -> bool {
        self.contact(account)
            .is_some_and(|contact| contact.standing == Standing::Accepted)
    }

    pub(crate) fn is_blocked(&self, account: AccountId) -> bool {
        self.contact(account).is_some_and(|contact| contact.blocked)
    }

    /// Changes what is kept of an account, and returns the record to write. `None`: there is no room for another one.
    pub(crate) fn edit_contact(
        &mut self,
        account: AccountId,
        change: impl FnOnce(&mut Contact),
    ) -> Option<Write> {
        let contacts = &mut self.people.contacts;
        if !contacts.contains_key(&account) && contacts.len() >= CONTACTS_MAX {
            return None;
        }
        let contact = contacts.entry(account).or_default();
        change(contact);
        self.views.directs_changed();
        let write = if contact.is_nothing() {
            contacts.remove(&account);
            Write::Delete(Key::Contact(account).to_key())
        } else {
            put(&Key::Contact(account), contact)
        };
        self.follow_contact(account);
        Some(write)
    }

    /// The same, stored at once.
    pub(crate) fn store_contact(
        &mut self,
        account: AccountId,
        change: impl FnOnce(&mut Contact),
    ) -> bool {
        let Some(write) = self.edit_contact(account, change) else {
            return false;
        };
        self.outbox.store(vec![write], After::Nothing);
        true
    }
}
