//! Orders about devices.

use alloquy_api::{ErrorCode, PersonalCommand};
use rand_core::CryptoRng;

use crate::command::{Outcome, error};
use crate::io::Origin;
use crate::node::Node;

impl<R: CryptoRng> Node<R> {
    pub(super) fn device_order(&mut self, origin: Origin, order: PersonalCommand) -> Outcome {
        if order == PersonalCommand::DeviceLink {
            self.device_link(origin);
            return Ok(());
        }
        Err(error(
            ErrorCode::Internal,
            format!("{order:?} is not part of this build"),
        ))
    }
}
