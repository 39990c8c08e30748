//! `alloquy`: the window. Runs the node of an account, or shows one that runs elsewhere, and draws it.
//!
//! What is drawn and what actions mean is `alloquy-ui`'s; here is what touches the world: the window itself, the
//! node off its thread ([`session`]), other starts ([`instance`]), notifications ([`notify`]), the command line.

mod args;
mod demo;
mod desk;
#[cfg(feature = "driver")]
mod driver;
mod failure;
mod icon;
mod instance;
mod notify;
mod session;
mod tray;
mod window;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_media::EngineConfig;
use alloquy_node::{KeySource, NodeConfig, RpcClient};
use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::Arguments;
use instance::Found;
use session::Mode;

/// Exit code of a machine where no window can be opened: `./run` goes on without one.
const NO_WINDOW: u8 = 3;

/// Why the program ends early.
#[derive(Debug)]
enum Stop {
    /// An error, to be told; exit 1, or 2 when what was typed does not parse.
    Error(CommandError),
    /// No window can be opened here, and why.
    NoWindow(String),
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Error(error)
    }
}

/// The program: reads the command line, opens the window, serves it until it is closed.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Error(error)) => {
            say(&format!("alloquy: {}: {}\n", error.code, error.message));
            ExitCode::from(error.code.exit_code())
        }
        Err(Stop::NoWindow(reason)) => {
            say(&no_window(&reason));
            ExitCode::from(NO_WINDOW)
        }
    }
}

fn start(arguments: Arguments) -> Result<(), Stop> {
    if arguments.demo {
        return window::show(Mode::Demo, None, None);
    }
    let data = arguments.data_dir()?;
    let instance = match instance::find(&data, arguments.link.as_deref())? {
        Found::Nobody(instance) => instance,
        Found::Window => return Ok(()),
    };
    let mode = mode(&arguments, &data)?;
    window::show(mode, Some(instance), arguments.link)
}

/// Whether the node runs here or elsewhere.
fn mode(arguments: &Arguments, data: &Path) -> Result<Mode, CommandError> {
    match RpcClient::connect(data) {
        Ok(_) => {
            if !arguments.attach {
                say(&format!(
                    "alloquy: a node runs on {} already: the window shows that one, and it goes on when the window closes\n",
                    data.display()
                ));
            }
            Ok(Mode::Attached(data.to_owned()))
        }
        Err(error) if arguments.attach => Err(error),
        Err(error) if error.code == ErrorCode::NotRunning => {
            let key = KeySource::from_env(None)
                .map_err(|error| CommandError::new(error.code(), error.to_string()))?;
            let node = NodeConfig {
                listen: arguments.listen.clone(),
                mdns: !arguments.no_mdns,
                ..NodeConfig::new(data, key)
            };
            let sound = EngineConfig {
                input: arguments.audio_in.clone(),
                output: arguments.audio_out.clone(),
                settings: None,
            };
            Ok(Mode::Own(Box::new(node), sound))
        }
        Err(error) => Err(error),
    }
}

/// Logs go to standard error; names and texts never reach them.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("ALLOQUY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,winit=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// Tells the person in the terminal, if there is one.
fn say(text: &str) {
    let told = std::io::stderr().lock().write_all(text.as_bytes()).is_ok();
    tracing::debug!(told, "said on standard error");
}

fn no_window(reason: &str) -> String {
    format!(
        "alloquy: no window can be opened here: {reason}
  A window needs a display (DISPLAY or WAYLAND_DISPLAY is set) and OpenGL. The libraries, where one is missing:
    Debian, Ubuntu:   sudo apt-get install libgl1 libegl1 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon-x11-0
    Fedora:           sudo dnf install mesa-libGL mesa-libEGL mesa-dri-drivers libX11-xcb libXcursor libXi libXrandr libxkbcommon-x11
    Arch:             sudo pacman -S --needed mesa libx11 libxcursor libxi libxrandr libxkbcommon-x11
  Without a window: ./run node
"
    )
}
