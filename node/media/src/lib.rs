//! Voice: devices, sound processing, Opus, and WebRTC connections, behind the plain data of [`alloquy_api::voice`].

pub mod transport;

pub mod codec;
pub mod limits;
pub mod machine;
mod mix;
pub mod profile;
mod receive;
pub mod red;
mod send;
pub mod settings;
