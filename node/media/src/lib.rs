//! Voice: devices, sound processing, Opus, and WebRTC connections, behind the plain data of [`alloquy_api::voice`].

pub mod transport;

mod tls;
pub mod webrtc;
