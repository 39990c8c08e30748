//! The file of settings of `alloquy-relay turn`, in TOML: what may stand in it, and what is wrong with it.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::turn::ask::is_turn_url;
use crate::turn::denied;

/// Bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of a realm: those of a DNS name; coturn's tables have room for 127.
const REALM_BYTES_MAX: usize = 127;
/// Addresses to listen on, and those that members are told.
const LIST_MAX: usize = 8;
/// Port of STUN and TURN (RFC 8656).
const PORT: u16 = 3478;
/// Port of both over TLS (RFC 8656); 443 passes more firewalls.
const TLS_PORT: u16 = 5349;
/// Ports of relayed addresses: the dynamic ones (RFC 8656, section 7.2).
const RELAY_PORTS: [u16; 2] = [49_152, 65_535];
/// The lowest port of a relayed address: below are services that packets must not seem to come from.
const RELAY_PORT_MIN: u16 = 1_024;
/// Allocations of one member: each of 7 others in a mesh of 8, over two interfaces, and as many again while ICE restarts.
const USER_QUOTA: u32 = 32;
/// The least: a mesh of 8 over two interfaces.
const USER_QUOTA_MIN: u32 = 16;
/// The most allocations that may be asked for: there are no more ports.
const QUOTA_MAX: u32 = 65_536;
/// Allocations of all.
const TOTAL_QUOTA: u32 = 4_096;
/// Bytes a second of one allocation, each way: a camera of 2.5 Mbit/s, a screen, a voice, and half as much again.
const ALLOCATION_BYTES_PER_S: u64 = 1_000_000;
/// The least: ten voices of 64 kbit/s with their headers.
const ALLOCATION_BYTES_PER_S_MIN: u64 = 100_000;
/// Bytes a second of all: a line of 1 Gbit/s.
const TOTAL_BYTES_PER_S: u64 = 125_000_000;
/// The most that may be asked for: coturn counts in 32 bits.
const BYTES_PER_S_MAX: u64 = u32::MAX as u64;
/// Hours after which a new secret takes the place of the last one.
const ROTATE_HOURS: u64 = 24;
/// The most: who copied a secret can use it for no longer than a month.
const ROTATE_HOURS_MAX: u64 = 31 * 24;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// What the system says.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Too large.
    #[error("{}: more than {FILE_BYTES_MAX} bytes", .0.display())]
    Large(PathBuf),
    /// No TOML, or a key that is none.
    #[error("{}: {error}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A value that is not taken.
    #[error("{key}: {reason}")]
    Value {
        /// Its key.
        key: &'static str,
        /// The value, and what is taken.
        reason: String,
    },
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    data_dir: PathBuf,
    realm: String,
    listen: Vec<IpAddr>,
    external: Option<IpAddr>,
    port: Option<u16>,
    tls_port: Option<u16>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    relay_ports: Option<[u16; 2]>,
    user_quota: Option<u32>,
    total_quota: Option<u32>,
    allocation_bytes_per_s: Option<u64>,
    total_bytes_per_s: Option<u64>,
    rotate_hours: Option<u64>,
    turnserver: Option<PathBuf>,
    urls: Option<Vec<String>>,
}

/// A TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where it listens.
    pub port: u16,
    /// Chain of certificates, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// Settings that were read and are good.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its files stand.
    pub data_dir: PathBuf,
    /// The realm of its logins.
    pub realm: String,
    /// Addresses of this machine where it listens and relays.
    pub listen: Vec<IpAddr>,
    /// What clients are told instead of the one address where it listens, behind an address translation.
    pub external: Option<IpAddr>,
    /// UDP and TCP.
    pub port: u16,
    /// TLS over TCP.
    pub tls: Option<Tls>,
    /// First and last port of relayed addresses.
    pub relay_ports: [u16; 2],
    /// Allocations of one member.
    pub user_quota: u32,
    /// Allocations of all.
    pub total_quota: u32,
    /// Bytes a second of one allocation, each way.
    pub allocation_bytes_per_s: u64,
    /// Bytes a second of all allocations, each way.
    pub total_bytes_per_s: u64,
    /// After this a new secret takes the place of the last one.
    pub rotate: Duration,
    /// The program.
    pub turnserver: PathBuf,
    /// What members are told.
    pub urls: Vec<String>,
}

impl Config {
    /// Reads a file. Relative paths are relative to it.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| ConfigError::File {
                path: path.to_owned(),
                error,
            })?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(ConfigError::Large(path.to_owned()));
        }
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let written: Written = toml::from_str(text).map_err(|error| ConfigError::Toml {
            path: path.to_owned(),
            error: Box::new(error),
        })?;
        // Absolute: coturn is started elsewhere, and one that does not find its settings serves everybody.
        let path = std::path::absolute(path).map_err(|error| ConfigError::File {
            path: path.to_owned(),
            error,
        })?;
        written.judged(path.parent().unwrap_or(Path::new("/")))
    }

    /// The names of files in the data directory.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }
}

fn bad(key: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value {
        key,
        reason: reason.into(),
    }
}

/// A number that is between two limits.
fn between<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    given: T,
    (least, most): (T, T),
) -> Result<T, ConfigError> {
    if given < least || given > most {
        return Err(bad(key, format!("{given} is not {least} to {most}")));
    }
    Ok(given)
}

impl Written {
    fn judged(self, folder: &Path) -> Result<Config, ConfigError> {
        self.judge_names(folder)?;
        self.judge_addresses()?;
        let port = between("port", self.port.unwrap_or(PORT), (1, u16::MAX))?;
        let tls = self.tls(folder, port)?;
        let urls = match &self.urls {
            Some(urls) => judged_urls(urls)?,
            None => self.default_urls(port, tls.as_ref()),
        };
        let rates = (ALLOCATION_BYTES_PER_S_MIN, BYTES_PER_S_MAX);
        let rate = self
            .allocation_bytes_per_s
            .unwrap_or(ALLOCATION_BYTES_PER_S);
        let allocation_bytes_per_s = between("allocation_bytes_per_s", rate, rates)?;
        let rate = self.total_bytes_per_s.unwrap_or(TOTAL_BYTES_PER_S);
        let total_rates = (allocation_bytes_per_s, BYTES_PER_S_MAX);
        let total_bytes_per_s = between("total_bytes_per_s", rate, total_rates)?;
        let quota = self.user_quota.unwrap_or(USER_QUOTA);
        let user_quota = between("user_quota", quota, (USER_QUOTA_MIN, QUOTA_MAX))?;
        let quota = self.total_quota.unwrap_or(TOTAL_QUOTA.max(user_quota));
        let total_quota = between("total_quota", quota, (user_quota, QUOTA_MAX))?;
        let hours = self.rotate_hours.unwrap_or(ROTATE_HOURS);
        let hours = between("rotate_hours", hours, (1, ROTATE_HOURS_MAX))?;
        let turnserver = self.turnserver.clone();
        Ok(Config {
            relay_ports: self.relay_ports(port)?,
            data_dir: folder.join(&self.data_dir),
            realm: self.realm,
            listen: self.listen,
            external: self.external,
            port,
            tls,
            user_quota,
            total_quota,
            allocation_bytes_per_s,
            total_bytes_per_s,
            rotate: Duration::from_secs(hours * 60 * 60),
            turnserver: turnserver.unwrap_or_else(|| "turnserver".into()),
            urls,
        })
    }

    fn judge_names(&self, folder: &Path) -> Result<(), ConfigError> {
        let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let good = (1..=REALM_BYTES_MAX).contains(&self.realm.len());
        if !good || !self.realm.chars().all(taken) {
            let reason = format!(
                "{:?} is not 1 to {REALM_BYTES_MAX} characters of A-Z a-z 0-9 - .",
                self.realm
            );
            return Err(bad("realm", reason));
        }
        let paths = [
            ("data_dir", Some(&self.data_dir)),
            ("tls_cert", self.tls_cert.as_ref()),
            ("tls_key", self.tls_key.as_ref()),
        ];
        for (key, path) in paths {
            let Some(path) = path else { continue };
            let path = folder.join(path);
            // coturn's file of settings has no way to write such a path.
            let plain = |c: char| !c.is_control() && c != '"' && c != '\'' && c != '#';
            let text = path.to_str().filter(|text| text.chars().all(plain));
            if text.is_none_or(|text| text != text.trim()) {
                let reason =
                    format!("{path:?} has a character that coturn's settings can not hold");
                return Err(bad(key, reason));
            }
        }
        Ok(())
    }

    fn judge_addresses(&self) -> Result<(), ConfigError> {
        let given = self.listen.len();
        if given == 0 || given > LIST_MAX {
            let reason = format!("{given} addresses, 1 to {LIST_MAX} of this machine are taken");
            return Err(bad("listen", reason));
        }
        if let Some(all) = self
            .listen
            .iter()
            .find(|ip| ip.is_unspecified() || ip.is_multicast())
        {
            let reason = format!("{all} is no address of one machine: name those that it has");
            return Err(bad("listen", reason));
        }
        let Some(external) = self.external else {
            return Ok(());
        };
        if self.listen.len() != 1 || self.listen[0].is_ipv4() != external.is_ipv4() {
            let reason = format!(
                "{external} takes the place of one address of its family: listen must be that one"
            );
            return Err(bad("external", reason));
        }
        if let Some(why) = denied::reason(external) {
            let reason = format!("{external} is not reached from outside: {why}");
            return Err(bad("external", reason));
        }
        Ok(())
    }

    fn tls(&self, folder: &Path, port: u16) -> Result<Option<Tls>, ConfigError> {
        let (cert, key) = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => (folder.join(cert), folder.join(key)),
            (None, None) if self.tls_port.is_none() => return Ok(None),
            (None, _) => return Err(bad("tls_cert", "missing: TLS needs tls_cert and tls_key")),
            (_, None) => return Err(bad("tls_key", "missing: TLS needs tls_cert and tls_key")),
        };
        let tls_port = between("tls_port", self.tls_port.unwrap_or(TLS_PORT), (1, u16::MAX))?;
        if tls_port == port {
            return Err(bad(
                "tls_port",
                format!("{tls_port} is the value of port too"),
            ));
        }
        for (name, path) in [("tls_cert", &cert), ("tls_key", &key)] {
            File::open(path).map_err(|error| bad(name, format!("{}: {error}", path.display())))?;
        }
        Ok(Some(Tls {
            port: tls_port,
            cert,
            key,
        }))
    }

    fn relay_ports(&self, port: u16) -> Result<[u16; 2], ConfigError> {
        let [first, last] = self.relay_ports.unwrap_or(RELAY_PORTS);
        if first < RELAY_PORT_MIN || first > last {
            let reason = format!(
                "[{first}, {last}] is not a first and a last port of {RELAY_PORT_MIN} to {}",
                u16::MAX
            );
            return Err(bad("relay_ports", reason));
        }
        if (first..=last).contains(&port) {
            let reason = format!("[{first}, {last}] holds the port {port} where it listens");
            return Err(bad("relay_ports", reason));
        }
        Ok([first, last])
    }

    /// The realm is the name of the machine as a rule; where it has no dot it can not be, and addresses are told.
    fn default_urls(&self, port: u16, tls: Option<&Tls>) -> Vec<String> {
        let hosts: Vec<String> = if self.realm.contains('.') {
            vec![self.realm.clone()]
        } else {
            let ips = self
                .external
                .map_or_else(|| self.listen.clone(), |ip| vec![ip]);
            ips.into_iter().map(host).collect()
        };
        let mut urls = Vec::new();
        for host in hosts.iter().take(LIST_MAX / 3 + 1) {
            urls.push(format!("turn:{host}:{port}?transport=udp"));
            urls.push(format!("turn:{host}:{port}?transport=tcp"));
            if let Some(tls) = tls {
                urls.push(format!("turns:{host}:{}?transport=tcp", tls.port));
            }
        }
        urls
    }
}

/// As it stands in an address of a server.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn judged_urls(urls: &[String]) -> Result<Vec<String>, ConfigError> {
    if urls.is_empty() || urls.len() > LIST_MAX {
        let reason = format!("{} addresses, 1 to {LIST_MAX} are taken", urls.len());
        return Err(bad("urls", reason));
    }
    match urls.iter().find(|url| !is_turn_url(url)) {
        Some(url) => Err(bad(
            "urls",
            format!(
                "{url:?} is not as turn:HOST:PORT?transport=udp or turns:HOST:PORT?transport=tcp"
            ),
        )),
        None => Ok(urls.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "data_dir = \"turn\"\nrealm = \"turn.example.org\"\nlisten = [\"45.83.1.2\"]\n";

    fn parse(more: &str) -> Result<Config, ConfigError> {
        Config::parse(
            &format!("{LEAST}{more}"),
            Path::new("/etc/alloquy/turn.toml"),
        )
    }

    /// coturn that does not find its settings serves everybody, and it is started in another directory.
    #[test]
    fn paths_are_absolute_wherever_the_settings_are() {
        let config = Config::parse(LEAST, Path::new("turn.toml")).unwrap();
        assert!(config.data_dir.is_absolute(), "{:?}", config.data_dir);
    }

    #[test]
    fn the_least_is_enough_and_has_hard_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.data_dir, Path::new("/etc/alloquy/turn"));
        assert_eq!(config.port, 3478);
        assert_eq!(config.tls, None);
        assert!(config.user_quota >= 16 && config.total_quota >= config.user_quota);
        assert_eq!(config.rotate, Duration::from_secs(86_400));
        assert_eq!(
            config.urls,
            [
                "turn:turn.example.org:3478?transport=udp",
                "turn:turn.example.org:3478?transport=tcp"
            ]
        );
    }

    #[test]
    fn without_a_name_addresses_are_told() {
        let text =
            "data_dir = \"t\"\nrealm = \"home\"\nlisten = [\"45.83.1.2\", \"2a0e:1d80:1::2\"]\n";
        let config = Config::parse(text, Path::new("t.toml")).unwrap();
        assert_eq!(config.urls[0], "turn:45.83.1.2:3478?transport=udp");
        assert_eq!(config.urls[2], "turn:[2a0e:1d80:1::2]:3478?transport=udp");
        let text = "data_dir = \"t\"\nrealm = \"home\"\nlisten = [\"10.0.0.2\"]\nexternal = \"45.83.1.2\"\n";
        let config = Config::parse(text, Path::new("t.toml")).unwrap();
        assert_eq!(config.urls[0], "turn:45.83.1.2:3478?transport=udp");
    }

    #[test]
    fn a_bad_value_is_told_with_its_key_the_value_and_the_limit() {
        for (line, words) in [
            ("port = 0", &["port", "0 is not 1 to 65535"][..]),
            ("port = 70000", &["port", "70000"]),
            ("user_quota = 15", &["user_quota", "15 is not 16 to 65536"]),
            (
                "user_quota = 20\ntotal_quota = 19",
                &["total_quota", "19 is not 20 to"],
            ),
            (
                "allocation_bytes_per_s = 99999",
                &["allocation_bytes_per_s", "99999", "100000"],
            ),
            (
                "total_bytes_per_s = 4294967296",
                &["total_bytes_per_s", "4294967296", "4294967295"],
            ),
            ("rotate_hours = 0", &["rotate_hours", "0 is not 1 to 744"]),
            (
                "rotate_hours = 745",
                &["rotate_hours", "745 is not 1 to 744"],
            ),
            (
                "relay_ports = [1023, 2000]",
                &["relay_ports", "1023", "1024"],
            ),
            (
                "relay_ports = [3000, 2000]",
                &["relay_ports", "3000", "2000"],
            ),
            ("relay_ports = [3000, 4000]", &["relay_ports", "3478"]),
            ("tls_port = 443", &["tls_cert", "missing"]),
            ("tls_cert = \"c\"", &["tls_key", "missing"]),
            (
                "tls_cert = \"no\"\ntls_key = \"k\"",
                &["tls_cert", "/etc/alloquy/no"],
            ),
            ("tls_cert = \"no'\"\ntls_key = \"k\"", &["tls_cert", "no'"]),
            (
                "external = \"10.0.0.1\"",
                &["external", "10.0.0.1", "private"],
            ),
            ("external = \"2a0e::1\"", &["external", "2a0e::1", "family"]),
            ("urls = []", &["urls", "0 addresses, 1 to 8"]),
            ("urls = [\"http://x\"]", &["urls", "http://x"]),
            ("no_such = 1", &["no_such", "unknown field"]),
            ("port = \"x\"", &["port", "expected u16"]),
        ] {
            let error = parse(line).expect_err(line).to_string();
            for word in words {
                assert!(error.contains(word), "{line}: {error}");
            }
        }
        for (text, word) in [
            (LEAST.replace("turn.example.org", "a b"), "\"a b\""),
            (
                LEAST.replace("turn.example.org", &"x".repeat(128)),
                "1 to 127",
            ),
            (
                LEAST.replace("45.83.1.2", "0.0.0.0"),
                "0.0.0.0 is no address",
            ),
            (LEAST.replace("\"45.83.1.2\"", ""), "0 addresses, 1 to 8"),
            (LEAST.replace("\"turn\"", "\"tu\\nrn\""), "data_dir"),
            (LEAST.replace("realm", "#"), "missing field `realm`"),
        ] {
            let error = Config::parse(&text, Path::new("t.toml")).expect_err(&text);
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_huge_is_told_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turn.toml");
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("turn.toml"), "{error}");
        std::fs::write(&path, "#".repeat(70_000)).unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("65536 bytes"), "{error}");
    }
}
