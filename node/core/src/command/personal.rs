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
use crate::receipts::{OFF, RECEIPTS};

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
            P::Receipts { receipts } => {
                let kept = match receipts {
                    OnOff::On => String::new(),
                    OnOff::Off => OFF.to_owned(),
                };
                self.keep(origin, RECEIPTS.to_owned(), kept)
            }
            _ => self.direct_order(origin, order),
        }
    }
}
