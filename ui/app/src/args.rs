//! The command line: what may be typed, with its help.

use std::path::PathBuf;

use alloquy_api::limits::LINK_BYTES_MAX;
use alloquy_api::{CommandError, ErrorCode};
use alloquy_media::{InputDevice, OutputDevice};
use alloquy_node::NodeConfig;
use clap::Parser;

/// What a link begins with.
pub(crate) const SCHEME: &str = "alloquy://";

/// The window of a community without a server: shows an account's communities and runs its node.
#[derive(Debug, Parser)]
#[command(name = "alloquy", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Data directory of the account ($XDG_DATA_HOME/alloquy, else ~/.local/share/alloquy)
    #[arg(long = "data", value_name = "DIR", conflicts_with = "demo")]
    data: Option<PathBuf>,
    /// Shows the node that another process runs on the data directory
    #[arg(long, conflicts_with_all = ["demo", "no_mdns", "listen"])]
    pub(crate) attach: bool,
    /// Shows a filled world that lives in this process only; nothing is kept
    #[arg(long)]
    pub(crate) demo: bool,
    /// Neither looks for peers on the local network nor answers there
    #[arg(long, conflicts_with = "demo")]
    pub(crate) no_mdns: bool,
    /// Multiaddr to listen on; may be given several times (QUIC and TCP on free ports of all interfaces)
    #[arg(long, value_name = "MULTIADDR", value_parser = address, conflicts_with = "demo")]
    pub(crate) listen: Vec<String>,
    /// Microphone: default, device:NAME, file:PATH.wav[,loop], tone[:HZ], tts:TEXT or null
    #[arg(long, value_name = "INPUT", default_value = "default", conflicts_with_all = ["demo", "attach"])]
    pub(crate) audio_in: InputDevice,
    /// Loudspeaker: default, device:NAME, file:PATH.wav (a new file) or null
    #[arg(long, value_name = "OUTPUT", default_value = "default", conflicts_with_all = ["demo", "attach"])]
    pub(crate) audio_out: OutputDevice,
    /// A link to open: alloquy://join/...
    #[arg(value_name = "LINK", value_parser = link, conflicts_with = "demo")]
    pub(crate) link: Option<String>,
}

const AFTER_HELP: &str = "\
A second start on the same data directory hands its LINK to the window that is open, and ends.

Exit codes: 0 done; 1 an error; 2 what was typed does not parse; 3 no window can be opened here.

Environment:
  ALLOQUY_PASSPHRASE   passphrase of the at-rest key (else the window asks for it, where the store has one)
  ALLOQUY_NO_KEYCHAIN  1: the OS keychain is not asked
  ALLOQUY_LOG          what is logged to standard error, for example debug or alloquy_node=trace (warn)";

impl Arguments {
    /// The data directory.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, CommandError> {
        if let Some(named) = &self.data {
            return Ok(named.clone());
        }
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let share = match variable("XDG_DATA_HOME") {
            Some(share) => PathBuf::from(share),
            None => variable("HOME")
                .map(|home| PathBuf::from(home).join(".local/share"))
                .ok_or_else(|| {
                    CommandError::new(
                        ErrorCode::Parse,
                        "neither HOME nor XDG_DATA_HOME is set: give --data DIR",
                    )
                })?,
        };
        Ok(share.join("alloquy"))
    }
}

fn address(text: &str) -> Result<String, String> {
    NodeConfig::check_address(text)
        .map(|()| text.to_owned())
        .map_err(|error| error.to_string())
}

/// Whether a text may be a link; what it says is the node's to read.
pub(crate) fn link(text: &str) -> Result<String, String> {
    if text.len() > LINK_BYTES_MAX {
        return Err(format!(
            "a link of {} bytes; {LINK_BYTES_MAX} are the most",
            text.len()
        ));
    }
    let rest = text
        .strip_prefix(SCHEME)
        .ok_or_else(|| format!("{text:?} is no link: links begin with {SCHEME}"))?;
    let is_plain = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no link: behind {SCHEME} stand letters, digits and signs, without spaces"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> String {
        let words = std::iter::once("alloquy").chain(words.iter().copied());
        let error = Arguments::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_value_and_its_limit() {
        for (words, said) in [
            (&["https://example.org"][..], "https://example.org"),
            (&["alloquy://"], "is no link"),
            (&["alloquy://join/a b"], "without spaces"),
            (&["alloquy://join/a\u{7}"], "without spaces"),
            (&["--listen", "127.0.0.1:80"], "127.0.0.1:80"),
            (&["--demo", "--data", "/tmp/x"], "--data"),
            (&["--demo", "alloquy://join/x"], "LINK"),
            (&["--attach", "--no-mdns"], "--no-mdns"),
            (&["--audio-in", "mouth"], "`mouth` is no sound input"),
            (&["--audio-out", "ear"], "`ear` is no sound output"),
            (&["--attach", "--audio-in", "null"], "--audio-in"),
            (&["--fullscreen"], "--fullscreen"),
        ] {
            let told = refused(words);
            assert!(told.contains(said), "{words:?}: {told}");
        }
        let long = format!("alloquy://join/{}", "x".repeat(LINK_BYTES_MAX));
        let told = refused(&[&long]);
        assert!(told.contains(&LINK_BYTES_MAX.to_string()), "{told}");
    }

    #[test]
    fn a_named_directory_counts() {
        let words = ["alloquy", "--data", "/tmp/x", "alloquy://join/abc"];
        let arguments = Arguments::try_parse_from(words).unwrap();
        assert_eq!(arguments.data_dir().unwrap(), PathBuf::from("/tmp/x"));
        assert_eq!(arguments.link.as_deref(), Some("alloquy://join/abc"));
    }
}
