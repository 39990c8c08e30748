//! Orders about devices, the recovery words and the account itself.

use alloquy_api::personal::{DeviceState, DeviceView};
use alloquy_api::{CommandError, ErrorCode, PersonalCommand, Reply};
use alloquy_ids::DeviceId;
use alloquy_schema::content::{Field, Value};
use alloquy_schema::identity::{IdentityOp, RecoveryWords};
use rand_core::CryptoRng;

use crate::command::{Outcome, check_name, error};
use crate::io::Origin;
use crate::node::Node;
use crate::outbox::{After, put_bytes};
use crate::record::Key;

/// Characters of a device's id that name it: as many as faces show.
const SHORT_ID_MIN: usize = 8;

impl<R: CryptoRng> Node<R> {
    pub(super) fn device_order(&mut self, origin: Origin, order: PersonalCommand) -> Outcome {
        use PersonalCommand as P;
        match order {
            P::DeviceLink => {
                if let Some(stopped) = self.me.stopped() {
                    return Err(stopped);
                }
                self.device_link(origin);
                Ok(())
            }
            P::Devices => {
                let devices = self.device_views();
                self.answer(origin, Reply::Devices { devices })
            }
            P::DeviceName { device, name } => self.name_device(origin, &device, &name),
            P::DeviceRevoke { device } => {
                let device = self.device_named(&device)?;
                if self.me.identity.identity().revoked.contains(&device) {
                    let text = format!("the device {} was revoked already", device.short());
                    return Err(error(ErrorCode::Exists, text));
                }
                let done = After::Answer(origin, Reply::Ok { ok: true });
                self.change_identity(&IdentityOp::DeviceRevoke { device }, done)
            }
            P::RecoveryReplace => self.replace_words(origin),
            P::RecoveryCheck { words } => {
                self.check_words(&words)?;
                self.answer(origin, Reply::Ok { ok: true })
            }
            P::AccountClose { name } => {
                if name != self.me.record.name {
                    return Err(error(
                        ErrorCode::NotPermitted,
                        format!("{name:?} is not the display name of this account; it stays open"),
                    ));
                }
                let done = After::Answer(origin, Reply::Ok { ok: true });
                self.change_identity(&IdentityOp::Close, done)
            }
            other => Err(error(
                ErrorCode::Internal,
                format!("{other:?} is not part of this build"),
            )),
        }
    }

    /// The account's devices: this one first, then by when they were added.
    pub(crate) fn device_views(&self) -> Vec<DeviceView> {
        let log = &self.me.identity;
        let identity = log.identity();
        let view = |device: &DeviceId| {
            let state = if identity.closed {
                DeviceState::Closed
            } else if identity.revoked.contains(device) {
                DeviceState::Revoked
            } else if identity.suspended.contains(device) {
                DeviceState::Suspended
            } else {
                DeviceState::Active
            };
            DeviceView {
                device: *device,
                name: self.device_name(*device),
                this: *device == self.me.device(),
                since: log.since(*device).unwrap_or_default(),
                connected: self.is_device_connected(*device),
                state,
            }
        };
        let all = identity.devices.keys().chain(&identity.revoked);
        let mut views: Vec<_> = all.map(view).collect();
        views.sort_by_key(|view| (!view.this, view.since, view.device));
        views
    }

    fn is_device_connected(&self, device: DeviceId) -> bool {
        let keys = self.me.identity.identity().devices.get(&device);
        keys.is_some_and(|keys| keys.iter().any(|key| self.peers.contains_key(key)))
    }

    /// What own devices call a device; empty when nothing.
    pub(crate) fn device_name(&self, device: DeviceId) -> String {
        match self.own_value(&Field::DeviceName(device)) {
            Some(Value::Text(name)) => name,
            _ => String::new(),
        }
    }

    /// The device of this account with this name or id, or beginning of an id.
    fn device_named(&self, text: &str) -> Result<DeviceId, CommandError> {
        let views = self.device_views();
        let named: Vec<_> = views.iter().filter(|view| view.name == text).collect();
        let found = if named.is_empty() {
            let begins = |view: &&DeviceView| {
                text.len() >= SHORT_ID_MIN && view.device.to_string().starts_with(text)
            };
            views.iter().filter(begins).collect()
        } else {
            named
        };
        match found[..] {
            [only] => Ok(only.device),
            [] => Err(error(
                ErrorCode::UnknownName,
                format!("no device of this account is named {text:?}; `devices` lists them"),
            )),
            _ => Err(error(
                ErrorCode::AmbiguousName,
                format!("{} devices are named {text:?}: give an id", found.len()),
            )),
        }
    }

    /// Names are for own devices alone: they stand in the account's own conversation.
    fn name_device(&mut self, origin: Origin, device: &str, name: &str) -> Outcome {
        check_name("name", name)?;
        if let Some(stopped) = self.me.stopped() {
            return Err(stopped);
        }
        let device = self.device_named(device)?;
        if self.own_community().is_none() {
            return Err(error(
                ErrorCode::Busy,
                "the account's own conversation is not here yet; try again",
            ));
        }
        let value = Some(Value::Text(name.to_owned()));
        let writes = self.follow(Field::DeviceName(device), value);
        let done = After::Answer(origin, Reply::Ok { ok: true });
        self.outbox.store(writes.into_iter().collect(), done);
        self.views.node_changed();
        Ok(())
    }

    /// New words: kept in the store until they were written down, like those of a new account.
    fn replace_words(&mut self, origin: Origin) -> Outcome {
        let (text, words) = RecoveryWords::generate(&mut self.rng);
        let keys = words.keys(0);
        let op = IdentityOp::RecoveryChange {
            commitment: keys.commitment(),
            wrap_key: keys.wrap_key(),
        };
        let reply = Reply::Recovery {
            recovery_words: text.split(' ').map(str::to_owned).collect(),
        };
        self.change_identity(&op, After::Nothing)?;
        let write = put_bytes(&Key::Recovery, text.as_bytes().to_vec());
        self.recovery = Some(text);
        self.outbox.store(vec![write], After::Answer(origin, reply));
        self.views.node_changed();
        Ok(())
    }

    /// A drill: whether these are the account's words. Nothing of them is kept.
    fn check_words(&self, words: &str) -> Result<(), CommandError> {
        let words = RecoveryWords::parse(words)
            .map_err(|fault| error(ErrorCode::Parse, fault.to_string()))?;
        if words.belong_to(self.me.identity.identity()) {
            return Ok(());
        }
        Err(error(
            ErrorCode::NotPermitted,
            "these recovery words are not those of this account: they are another account's, or were replaced",
        ))
    }
}
