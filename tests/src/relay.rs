//! A relay: the real program, at a machine of the lab.

use std::path::Path;
use std::process::{Child, Stdio};

use crate::program::{Program, end};
use crate::{Host, Lines};

/// The process. Dropped: it is killed.
#[derive(Debug)]
pub struct Relay {
    child: Option<Child>,
    addresses: Vec<String>,
    host: Host,
    /// Read on to the end: closed output is what only one test is about.
    _lines: Lines,
}

/// Where it shows its figures.
const FIGURES: &str = "127.0.0.1:9101";

impl Relay {
    /// Where it listens for TCP.
    pub const TCP_PORT: u16 = 4101;

    /// Starts one that everybody may use.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn open(host: &Host, folder: &Path) -> Self {
        let mut command = host.command(relay_program());
        command
            .arg("--key")
            .arg(folder.join("relay.key"))
            // The machine is its own: nobody else has this port.
            .args(["--open", "--metrics", FIGURES]);
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("alloquy-relay can be started");
        let mut lines = Lines::of(child.stdout.take().expect("its output is a pipe"));
        let ready = lines.next_line().unwrap_or_default();
        let peer = ready
            .strip_prefix("ready: relay ")
            .unwrap_or_else(|| panic!("it is not ready: {ready:?}"));
        let mut addresses = Vec::new();
        let tcp = format!("tcp/{}", Self::TCP_PORT);
        for transport in [tcp.as_str(), "udp/4101/quic-v1"] {
            if let Some(v4) = &host.v4 {
                addresses.push(format!("/ip4/{v4}/{transport}/p2p/{peer}"));
            }
            if let Some(v6) = &host.v6 {
                addresses.push(format!("/ip6/{v6}/{transport}/p2p/{peer}"));
            }
        }
        Self {
            child: Some(child),
            addresses,
            host: host.clone(),
            _lines: lines,
        }
    }

    /// One of its figures.
    ///
    /// # Panics
    /// When its page can not be read, or has no such figure.
    #[must_use]
    pub fn figure(&self, name: &str) -> f64 {
        let ask = "exec 3<>/dev/tcp/127.0.0.1/9101; \
                   printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
        let output = self.host.command("bash").args(["-c", ask]).output();
        let output = output.expect("bash can be started");
        let page = String::from_utf8_lossy(&output.stdout);
        let value = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .and_then(|value| value.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {page}"))
    }

    /// Where it is reached, as `--relay` takes it.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        end(&mut self.child.take().expect("it runs"));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}

fn relay_program() -> &'static Path {
    static RELAY: Program = Program::new(
        "alloquy-relay",
        "ALLOQUY_RELAY_BIN",
        &["-p", "alloquy-relay"],
    );
    RELAY.path()
}
