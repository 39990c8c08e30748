//! Commands about what concerns this account alone.

mod devices;
mod direct;
mod home;

use alloquy_api::PersonalCommand;
use alloquy_api::reply::OnOff;
use rand_core::CryptoRng;

use super::Outcome;
use crate::io::Origin;
use crate::node::Node;
use crate::receipts::RECEIPTS;

/// The name under which it is kept that the router is not to be asked: it stays on its device, which others' networks
/// do not concern.
const ROUTER: &str = "router";
/// What is kept of a switch that is off.
const OFF: &str = "off";

impl<R: CryptoRng> Node<R> {
    pub(super) fn personal_command(&mut self, origin: Origin, order: PersonalCommand) -> Outcome {
        use PersonalCommand as P;
        match order {
            P::Devices
            | P::DeviceLink
            | P::DeviceName { .. }
            | P::DeviceRevoke { .. }
            | P::RecoveryReplace
            | P::RecoveryCheck { .. }
            | P::AccountClose { .. } => self.device_order(origin, order),
            P::Homes
            | P::HomePair { .. }
            | P::HomeRemove { .. }
            | P::HomeStore { .. }
            | P::HomeLimit { .. }
            | P::HomeCode
            | P::HomeStatus => self.home_order(origin, order),
            P::Receipts { receipts } => self.keep_switch(origin, RECEIPTS, receipts),
            P::Router { router } => self.keep_switch(origin, ROUTER, router),
            _ => self.direct_order(origin, order),
        }
    }

    /// Whether the router is to be asked to let connections in, as a person chose on this device.
    pub fn asks_router(&self) -> bool {
        self.is_on(ROUTER)
    }

    /// A switch that is on unless it is kept that it is off.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.kept.get(name).is_none_or(|kept| **kept != *OFF)
    }

    fn keep_switch(&mut self, origin: Origin, name: &str, to: OnOff) -> Outcome {
        let kept = match to {
            OnOff::On => String::new(),
            OnOff::Off => OFF.to_owned(),
        };
        self.keep(origin, name.to_owned(), kept)
    }
}
