//! coturn's own file of settings, as hard as it can be made.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use super::config::Config;
use super::{CoturnError, secrets};
use crate::turn::denied;

/// Its name.
pub(super) const FILE: &str = "turnserver.conf";
/// The name of the file with coturn's process id.
pub(super) const PID_FILE: &str = "turnserver.pid";
/// Seconds for which a nonce is good: who recorded a login can repeat it for no longer.
const STALE_NONCE_S: u32 = 600;
/// Seconds that an allocation may ask for: a client that has gone frees its port in this time.
const ALLOCATION_S: u32 = 600;

/// What stands there whatever the settings are, and why.
const ALWAYS: &[(&str, &str)] = &[
    ("use-auth-secret", "credentials end by themselves"),
    ("fingerprint", "STUN can be told from media"),
    ("no-cli", "no commands by telnet"),
    (
        "no-dtls",
        "nobody of ours speaks it, and its code had holes",
    ),
    ("no-tlsv1", "broken"),
    ("no-tlsv1_1", "broken"),
    ("no-multicast-peers", "one packet must not become many"),
    ("no-tcp-relay", "media is UDP; TCP would reach services"),
    ("no-rfc5780", "its answers to others' addresses amplify"),
    ("no-stun-backward-compatibility", "old requests amplify"),
    ("response-origin-only-with-rfc5780", "smaller answers"),
    (
        "no-software-attribute",
        "which coturn this is, is nobody's business",
    ),
    ("check-origin-consistency", "one session, one origin"),
    ("no-dynamic-ip-list", "the denied ranges stand here alone"),
    ("no-dynamic-realms", "there is one realm"),
    (
        "log-file=stdout",
        "its supervisor reads it and passes it on without addresses",
    ),
    ("simple-log", "no file of its own"),
];

/// The whole text. It names no secret: those stand in the table.
pub(super) fn text(config: &Config) -> String {
    let mut text =
        String::from("# Written by alloquy-relay at each start: changes here are lost.\n");
    for (line, why) in ALWAYS {
        push(&mut text, format_args!("# {why}\n{line}"));
    }
    push(&mut text, format_args!("realm={}", config.realm));
    let table = config.file(secrets::TABLE_FILE);
    push(&mut text, format_args!("userdb={}", table.display()));
    push(
        &mut text,
        format_args!("pidfile={}", config.file(PID_FILE).display()),
    );
    for ip in &config.listen {
        push(&mut text, format_args!("listening-ip={ip}\nrelay-ip={ip}"));
    }
    if let Some(external) = config.external {
        push(
            &mut text,
            format_args!("external-ip={external}/{}", config.listen[0]),
        );
    }
    push(&mut text, format_args!("listening-port={}", config.port));
    match &config.tls {
        None => push(&mut text, format_args!("no-tls")),
        Some(tls) => {
            push(&mut text, format_args!("tls-listening-port={}", tls.port));
            push(&mut text, format_args!("cert={}", tls.cert.display()));
            push(&mut text, format_args!("pkey={}", tls.key.display()));
        }
    }
    push_limits(&mut text, config);
    for (range, why) in denied::ranges() {
        let (first, last) = (lowest(*range.start()), range.end());
        push(
            &mut text,
            format_args!("# {why}\ndenied-peer-ip={first}-{last}"),
        );
    }
    text
}

/// coturn reads the range from `::` as one from any address on, of either family, and would deny all of IPv4. It denies
/// `::` itself by its own rule for loopback addresses.
fn lowest(first: IpAddr) -> IpAddr {
    match first {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}

fn push_limits(text: &mut String, config: &Config) {
    let [first, last] = config.relay_ports;
    push(text, format_args!("min-port={first}\nmax-port={last}"));
    push(text, format_args!("user-quota={}", config.user_quota));
    push(text, format_args!("total-quota={}", config.total_quota));
    push(
        text,
        format_args!("max-bps={}", config.allocation_bytes_per_s),
    );
    push(
        text,
        format_args!("bps-capacity={}", config.total_bytes_per_s),
    );
    push(text, format_args!("stale-nonce={STALE_NONCE_S}"));
    push(text, format_args!("max-allocate-lifetime={ALLOCATION_S}"));
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes whatever is written");
}

/// Writes the file for its owner alone, as a whole or not at all.
pub(super) fn write(config: &Config) -> Result<(), CoturnError> {
    replace(&config.file(FILE), text(config).as_bytes())
}

/// Puts a file in the place of another, with mode 0600.
pub(super) fn replace(path: &PathBuf, bytes: &[u8]) -> Result<(), CoturnError> {
    let failed = |error| CoturnError::File {
        path: path.clone(),
        error,
    };
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(failed)
}

/// When certificate and key were last written: others renew them.
pub(super) fn stamp(config: &Config) -> [Option<SystemTime>; 2] {
    let stamp = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    config
        .tls
        .as_ref()
        .map_or([None; 2], |tls| [stamp(&tls.cert), stamp(&tls.key)])
}
