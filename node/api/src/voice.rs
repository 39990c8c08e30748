//! Voice: what the node asks of an audio engine, what the engine reports, and what faces show of a call.
//!
//! The node decides who is in a room, who connects to whom and what is heard ([`MediaTask`]); the engine opens devices
//! and connections and says how they fare ([`MediaReport`]). Both are plain data, so that neither knows the other.

mod device;

use std::collections::BTreeMap;

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId};
use serde::{Deserialize, Serialize};

use crate::command::{AccountRef, ChannelRef};
use crate::personal::OnOff;

pub use device::{DeviceTextError, InputDevice, OutputDevice};

/// One order about voice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "voice", rename_all = "kebab-case")]
pub enum VoiceCommand {
    /// `voice join CHANNEL`: leaves the room that this device is in
    Join {
        /// A voice channel, a stage, or a conversation.
        channel: ChannelRef,
    },
    /// `voice leave`
    Leave,
    /// `voice mute on|off`: holds for later rooms too
    Mute {
        /// Whether own sound is kept back.
        mute: OnOff,
    },
    /// `voice deafen on|off`: holds for later rooms too
    Deafen {
        /// Whether nobody is heard; own sound is kept back then too.
        deafen: OnOff,
    },
    /// `voice volume MEMBER PERCENT`: kept over restarts, and on all devices of the account
    Volume {
        /// Whom it is for.
        account: AccountRef,
        /// How loud, 0 to [`crate::limits::VOLUME_PERCENT_MAX`].
        percent: u32,
    },
    /// `voice hand up|down`: on a stage
    Hand {
        /// Up or down.
        hand: Hand,
    },
    /// `stage invite MEMBER`: lets somebody of the audience speak
    StageInvite {
        /// Whom.
        account: AccountRef,
    },
    /// `stage audience MEMBER`: moves somebody back to the audience
    StageAudience {
        /// Whom.
        account: AccountRef,
    },
    /// `voice ptt on|off`: until the node ends
    Ptt {
        /// Whether own sound goes out only while the button is down.
        ptt: OnOff,
    },
    /// `voice press on|off`
    Press {
        /// Whether the button of push-to-talk is down.
        press: OnOff,
    },
    /// `voice input DEVICE`: at once, also in a room
    Input {
        /// An [`InputDevice`] as text.
        device: String,
    },
    /// `voice output DEVICE`: at once, also in a room
    Output {
        /// An [`OutputDevice`] as text.
        device: String,
    },
    /// `voice devices`
    Devices,
    /// `voice stats`
    Stats,
}

/// A hand on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hand {
    /// Somebody of the audience asks to speak.
    Up,
    /// Does not.
    Down,
}

/// One attempt of two devices at a media connection. A later attempt has a greater number; what belongs to an earlier
/// one is dropped by both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MediaLink {
    /// The other device.
    pub device: DeviceId,
    /// Number of the attempt, chosen by the side that offers first.
    pub attempt: u64,
}

/// A server of ICE, as in WebRTC's `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// `<expiry, Unix seconds>:<account>`; empty for STUN.
    #[serde(default)]
    pub username: String,
    /// Base64 of HMAC-SHA1 over the username; empty for STUN.
    #[serde(default)]
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    /// Without the credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A step of WebRTC's negotiation. Whose it is was checked before the engine sees it: it was signed by the device of its
/// link, so that the fingerprint in a description is bound to that device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "kebab-case")]
pub enum MediaSignal {
    /// A description that offers (SDP).
    Offer {
        /// SDP, at most [`crate::limits::SDP_BYTES_MAX`] bytes.
        sdp: String,
    },
    /// The description that answers it.
    Answer {
        /// SDP, at most [`crate::limits::SDP_BYTES_MAX`] bytes.
        sdp: String,
    },
    /// A candidate found after the description was sent.
    Candidate {
        /// The attribute's value (RFC 8839, 5.1), at most [`crate::limits::CANDIDATE_BYTES_MAX`] bytes; empty: no more
        /// will come.
        candidate: String,
        /// Which media section it belongs to, by its `mid`.
        mid: String,
    },
}

/// What the node asks of the engine. Tasks come in order; an engine that has none open takes `Join` first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaTask {
    /// Opens the devices for a room. Ends the room before, if there was one.
    Join {
        /// The community of the channel.
        community: CommunityId,
        /// The voice channel.
        channel: ChannelId,
        /// Where to ask for addresses and relays.
        ice: Vec<IceServer>,
    },
    /// Closes all links and the devices.
    Leave,
    /// Somebody's device is in the room. The same device again means another attempt.
    Connect {
        /// The attempt.
        link: MediaLink,
        /// Whose device it is.
        account: AccountId,
        /// Whether this side makes the first offer; the other one gives way when offers cross (perfect negotiation).
        offers: bool,
        /// Whether the other side may be heard: it has SPEAK, is not silenced, and not in a stage's audience.
        heard: bool,
    },
    /// A step of the other side.
    Signal(MediaLink, MediaSignal),
    /// Whether the other side is to be heard changed.
    Heard(MediaLink, bool),
    /// The device has left, was removed, or is to be tried anew.
    Disconnect(MediaLink),
    /// Own sound goes out, or not: muted by the person, by a moderator, or without SPEAK.
    Send(bool),
    /// Others are heard, or not (deafened).
    Hear(bool),
    /// How loud an account is, percent, 0 to 200.
    Volume(AccountId, u8),
    /// Own sound goes out only while the button of push-to-talk is down, or by voice activity.
    PushToTalk(bool),
    /// The button goes down or up.
    Press(bool),
    /// Sound comes from somewhere else.
    Input(InputDevice),
    /// Sound goes somewhere else.
    Output(OutputDevice),
    /// Looks for devices, without a room too, and reports them.
    Look,
    /// Servers with new credentials: links renew their candidates by an ICE restart.
    Ice(Vec<IceServer>),
}

/// What the engine reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaReport {
    /// A step for the other side.
    Signal(MediaLink, MediaSignal),
    /// How far a link is.
    Link(MediaLink, LinkView),
    /// This device's microphone picks up speech that goes out (or would, were it not muted).
    Speaking(bool),
    /// The other side is heard speaking.
    PeerSpeaking(MediaLink, bool),
    /// Measured over the last second, for each link.
    Stats(Vec<(MediaLink, LinkStats)>),
    /// The devices in use changed, or one failed and another took its place.
    Devices(DevicesView),
}

/// How far a link is, and why not further.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// The stage reached.
    pub stage: LinkStage,
    /// Why it goes no further, or why nobody is heard, as a sentence; `None`: all is well or under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The pair of addresses in use, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<MediaPath>,
}

/// Stages of a media connection, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkStage {
    /// The other side has not answered yet.
    #[default]
    Signalling,
    /// Looking for a pair of addresses that works (ICE).
    Connecting,
    /// A pair works; keys are agreed on (DTLS).
    Securing,
    /// Keys are there, no sound has come yet.
    Open,
    /// Sound comes in.
    Audio,
    /// The connection broke and is not tried any more in this attempt.
    Failed,
}

/// The pair of addresses that a link uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaPath {
    /// The own address, `ip:port`.
    pub local: String,
    /// The other side's address, `ip:port`.
    pub remote: String,
    /// How the own address came to be: `host`, `srflx`, `prflx` or `relay` (RFC 8445).
    pub local_kind: String,
    /// How the other side's came to be.
    pub remote_kind: String,
    /// `udp`, or `tcp` or `tls` when that is how the TURN server is reached.
    pub protocol: String,
}

/// What a link measures; whole numbers, so that two snapshots can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStats {
    /// Round trip, milliseconds; `None`: not measured yet.
    pub round_trip_ms: Option<u32>,
    /// Packets of a thousand that were lost on the way here, over the last five seconds.
    pub lost_in: u16,
    /// Packets of a thousand that were lost on the way there, as the other side reports.
    pub lost_out: u16,
    /// Jitter of what comes in, milliseconds (RFC 3550, 6.4.1).
    pub jitter_ms: u32,
    /// How long sound waits here before it is played, milliseconds.
    pub delay_ms: u32,
    /// Milliseconds of a second that had to be made up because nothing came.
    pub concealed_ms: u16,
    /// Bytes a second in, with headers of RTP.
    pub bytes_in: u32,
    /// Bytes a second out.
    pub bytes_out: u32,
    /// How loud the other side is, decibels over full scale, -127 to 0.
    pub level_db: i8,
}

/// Devices as the engine sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicesView {
    /// Microphones that could be used.
    pub inputs: Vec<String>,
    /// Loudspeakers and headphones that could be used.
    pub outputs: Vec<String>,
    /// The one that is used or would be; `None`: none.
    pub input: Option<String>,
    /// The one that is used or would be; `None`: none.
    pub output: Option<String>,
    /// What went wrong with them last, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Somebody in a voice channel, as every member who may see the channel is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceMemberView {
    /// Whose device it is.
    pub account: AccountId,
    /// Which of their devices.
    pub device: DeviceId,
    /// Their display name.
    pub name: String,
    /// They have muted themselves.
    pub muted: bool,
    /// They hear nobody.
    pub deafened: bool,
    /// A moderator, or lacking rights, keeps them from being heard.
    pub silenced: bool,
    /// On a stage: they listen only.
    pub audience: bool,
    /// On a stage: they ask to speak.
    pub hand: bool,
}

/// The call that this device is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// The community of the channel.
    pub community: CommunityId,
    /// The channel.
    pub channel: ChannelId,
    /// Muted by oneself.
    pub muted: bool,
    /// Deafened by oneself.
    pub deafened: bool,
    /// Why nobody hears this device, other than being muted, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<String>,
    /// The microphone picks up speech.
    pub speaking: bool,
    /// Everybody else in the room, by device.
    pub peers: BTreeMap<DeviceId, CallPeerView>,
}

/// Somebody else in the own call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPeerView {
    /// Whose device it is.
    pub account: AccountId,
    /// How far the connection is.
    pub link: LinkView,
    /// They are heard speaking.
    pub speaking: bool,
    /// How loud this device plays them, percent.
    pub volume: u8,
    /// What was measured last.
    pub stats: LinkStats,
}
