//! Commands about voice.

use alloquy_api::command::AccountRef;
use alloquy_api::reply::OnOff;
use alloquy_api::voice::{DeviceTextError, Hand, MediaTask};
use alloquy_api::{CommandError, ErrorCode, Reply, VoiceCommand};
use alloquy_ids::AccountId;
use rand_core::CryptoRng;

use super::{Outcome, error};
use crate::io::Origin;
use crate::node::Node;
use crate::voice::{volume_name, volume_text};

fn in_no_room() -> CommandError {
    error(ErrorCode::NoVoice, "this device is in no voice channel")
}

fn no_device(fault: DeviceTextError) -> CommandError {
    error(ErrorCode::Parse, fault.to_string())
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn voice_command(&mut self, origin: Origin, order: VoiceCommand) -> Outcome {
        use VoiceCommand as V;
        match order {
            V::Join { channel } => {
                if let Some(stopped) = self.me.stopped() {
                    return Err(stopped);
                }
                let (id, channel) = self.channel_named(&channel.0)?;
                self.enter_room(id, channel)?;
            }
            V::Leave => {
                if !self.leave_room("this device has left the channel") {
                    return Err(in_no_room());
                }
            }
            V::Mute { mute } => self.mute(mute == OnOff::On),
            V::Deafen { deafen } => self.deafen(deafen == OnOff::On),
            V::Volume { account, percent } => return self.volume(origin, &account, percent),
            V::Hand { hand } => self.hand(hand == Hand::Up)?,
            V::StageInvite { account } => self.stage(&account, true)?,
            V::StageAudience { account } => self.stage(&account, false)?,
            V::Ptt { ptt } => self.engine_task(MediaTask::PushToTalk(ptt == OnOff::On))?,
            V::Press { press } => self.engine_task(MediaTask::Press(press == OnOff::On))?,
            V::Input { device } => {
                let device = device.parse().map_err(no_device)?;
                self.engine_task(MediaTask::Input(device))?;
            }
            V::Output { device } => {
                let device = device.parse().map_err(no_device)?;
                self.engine_task(MediaTask::Output(device))?;
            }
            V::Devices => {
                self.engine_task(MediaTask::Look)?;
                let audio = self.voice.devices.clone();
                return self.answer(origin, Reply::AudioDevices { audio });
            }
            V::Stats => {
                let call = self.call_view();
                return self.answer(origin, Reply::Call { call });
            }
        }
        self.answer(origin, Reply::Ok { ok: true })
    }

    fn volume(&mut self, origin: Origin, account: &AccountRef, percent: u32) -> Outcome {
        let account = self.heard_account(account)?;
        let percent = u8::try_from(percent).unwrap_or(u8::MAX);
        self.keep(origin, volume_name(account), volume_text(percent))
    }

    /// Somebody by id, or by name in the community of the own call.
    fn heard_account(&self, account: &AccountRef) -> Result<AccountId, CommandError> {
        if let Ok(account) = account.0.parse() {
            return Ok(account);
        }
        let id = self.call_community().ok_or_else(in_no_room)?;
        self.account_named(self.active(id)?, &account.0)
    }

    /// Gives an order about all devices of somebody in the own room.
    fn stage(&mut self, account: &AccountRef, speaks: bool) -> Outcome {
        let account = self.heard_account(account)?;
        self.may_order(account)?;
        let devices = self.devices_in_room(account);
        if devices.is_empty() {
            let text = format!("{} is not in the channel", account.short());
            return Err(error(ErrorCode::UnknownName, text));
        }
        for device in devices {
            self.order(device, speaks);
        }
        Ok(())
    }
}
