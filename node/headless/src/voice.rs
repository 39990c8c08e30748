//! `run --audio-in, --audio-out, --ice`: voice for a node without a window.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use alloquy_api::voice::IceServer;
use alloquy_api::{CommandError, ErrorCode};
use alloquy_media::webrtc::WebRtcConfig;
use alloquy_media::{Engine, EngineConfig, InputDevice, OutputDevice};
use alloquy_node::{MediaPort, Running};

use crate::args;

/// Bytes of a file with servers of ICE: far more than anybody has.
const ICE_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Servers of ICE: each is asked from each interface at each connection.
const ICE_SERVERS_MAX: usize = 8;

fn bad(what: &str, text: &str, error: &dyn fmt::Display) -> CommandError {
    CommandError::new(ErrorCode::Parse, format!("{what} {text}: {error}"))
}

fn device<T: FromStr<Err: fmt::Display>>(
    what: &str,
    text: Option<&str>,
    none: T,
) -> Result<T, CommandError> {
    match text {
        None => Ok(none),
        Some(text) => text
            .parse()
            .map_err(|error: T::Err| bad(what, text, &error)),
    }
}

/// The devices that the arguments name; `None`: this node has no voice.
pub(crate) fn config(arguments: &args::Run) -> Result<Option<EngineConfig>, CommandError> {
    let (input, output) = (
        arguments.audio_in.as_deref(),
        arguments.audio_out.as_deref(),
    );
    if input.or(output).is_none() {
        return Ok(None);
    }
    Ok(Some(EngineConfig {
        input: device("--audio-in", input, InputDevice::Null)?,
        output: device("--audio-out", output, OutputDevice::Null)?,
        settings: None,
    }))
}

/// Servers of ICE from a file.
pub(crate) fn ice(path: Option<&Path>) -> Result<Vec<IceServer>, CommandError> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let name = path.display().to_string();
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(ICE_FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let bytes = read.map_err(|error| bad("--ice", &name, &error))?;
    if bytes as u64 > ICE_FILE_BYTES_MAX {
        let limit = format!("more than {ICE_FILE_BYTES_MAX} bytes");
        return Err(bad("--ice", &name, &limit));
    }
    let servers: Vec<IceServer> =
        serde_json::from_str(&text).map_err(|error| bad("--ice", &name, &error))?;
    if servers.len() > ICE_SERVERS_MAX {
        let limit = format!("{} servers, at most {ICE_SERVERS_MAX}", servers.len());
        return Err(bad("--ice", &name, &limit));
    }
    Ok(servers)
}

/// Joins an engine to the node; both end together.
pub(crate) fn attach(
    running: &Running,
    config: Option<EngineConfig>,
) -> Result<Option<Arc<Engine>>, CommandError> {
    let Some((config, MediaPort { tasks, reports })) = config.zip(running.media()) else {
        return Ok(None);
    };
    let engine = alloquy_media::attach(config, WebRtcConfig::default(), tasks, reports);
    let engine =
        engine.map_err(|error| CommandError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(Some(engine))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        match ice(Some(file.path())) {
            Ok(servers) => format!("{servers:?}"),
            Err(error) => error
                .message
                .replace(&file.path().display().to_string(), "FILE"),
        }
    }

    #[test]
    fn servers_are_read_and_never_shown_with_their_credentials() {
        let text = r#"[{"urls":["turn:192.0.2.1:3478"],"username":"u","credential":"hush"}]"#;
        let shown = told(text);
        assert!(shown.contains("192.0.2.1"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
        let bare = told(r#"[{"urls":["stun:192.0.2.1:3478"]}]"#);
        assert!(bare.contains("stun:"), "{bare}");
    }

    #[test]
    fn what_is_no_list_of_servers_is_told() {
        assert!(told("").starts_with("--ice FILE: EOF"), "{}", told(""));
        assert!(told("{}").contains("invalid type"));
        assert!(told(&" ".repeat(70_000)).contains("more than 65536 bytes"));
        let many = format!("[{}]", [r#"{"urls":[]}"#; 9].join(","));
        assert_eq!(told(&many), "--ice FILE: 9 servers, at most 8");
        let error = ice(Some(Path::new("/does/not/exist"))).unwrap_err();
        assert!(error.message.contains("/does/not/exist"));
    }
}
