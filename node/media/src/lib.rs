//! Voice: devices, sound processing, Opus, and WebRTC connections, behind the plain data of [`alloquy_api::voice`].

pub mod attach;
pub mod codec;
mod device;
pub mod engine;
pub mod error;
pub mod limits;
pub mod machine;
mod mix;
mod priority;
pub mod profile;
mod receive;
pub mod red;
mod send;
pub mod settings;
mod tls;
pub mod transport;
pub mod trial;
pub mod webrtc;

pub use attach::{AttachError, attach};
pub use engine::{Engine, Reports};
pub use error::MediaError;
pub use settings::{EngineConfig, InputDevice, OutputDevice, Settings};
