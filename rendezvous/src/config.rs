//! The file of settings: what may stand in it, and what is wrong with it.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use alloquy_irc::{Mechanism, Registration, Sts};
use alloquy_irc_listener::{Address, DoorError, Kind, Pair, Range, RangeError, Reach, TlsError};
use serde::Deserialize;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of a server's name: what lines have room for.
const SERVER_NAME_BYTES_MAX: usize = 63;
/// Bytes of a network's name: it is a word of 005, and the name of the lobby.
const NETWORK_BYTES_MAX: usize = 50;
/// Bytes of the password of the rendezvous or of an operator: what every client can give in one line.
const PASSWORD_BYTES_MAX: usize = 300;
/// Bytes of an operator's name: with the longest password it fits a line.
const OPER_NAME_BYTES_MAX: usize = 63;
/// Operators: more people than look after one server.
const OPERS_MAX: usize = 64;
/// Bytes of a name that clients ask for in a TLS handshake: those of a DNS name.
const SNI_BYTES_MAX: usize = 253;
/// Who is spared throttles unless the file says otherwise: this machine.
const EXEMPT: [&str; 2] = ["127.0.0.0/8", "::1"];

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: {error}", path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{}: more than {FILE_BYTES_MAX} bytes", .0.display())]
    Large(PathBuf),
    #[error("{}: line {line}, {key}: {message}", path.display())]
    Toml {
        path: PathBuf,
        line: usize,
        /// What stands before the value, which may be a password.
        key: String,
        message: String,
    },
    #[error("{key}: {reason}")]
    Value { key: &'static str, reason: String },
    #[error("irc.{key}: {error}")]
    Door { key: &'static str, error: DoorError },
    #[error("irc.exempt: {0}")]
    Exempt(#[from] RangeError),
    #[error("irc.tls_cert, irc.tls_key: {0}")]
    Tls(#[from] TlsError),
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    server_name: String,
    data_dir: PathBuf,
    metrics: Option<SocketAddr>,
    #[serde(default)]
    irc: WrittenIrc,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the file, named there"
)]
struct WrittenIrc {
    network: Option<String>,
    listen_plain: Vec<String>,
    listen_tls: Vec<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    listen_websocket: Vec<String>,
    websocket_origins: Vec<String>,
    listen_sts: Vec<String>,
    sts_names: Vec<String>,
    guests: Option<bool>,
    password: Option<Secret>,
    exempt: Option<Vec<String>>,
    open_registration: bool,
    register_before_connect: bool,
    register_needs_email: bool,
    sasl: Vec<String>,
    lobby: bool,
    previews: Option<bool>,
    e2ee: Option<String>,
    oper: Vec<Oper>,
}

/// A password that stands in the file.
#[derive(Clone, PartialEq, Eq, Deserialize, ZeroizeOnDrop)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// What it is.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An operator.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oper {
    /// What it says to OPER.
    pub(crate) name: String,
    pub(crate) password: Secret,
}

impl std::fmt::Debug for Oper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Oper(..)")
    }
}

/// Settings that were read and are good.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) server_name: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) network: String,
    /// Where connections come in, in the order of the file.
    pub(crate) doors: Vec<(Kind, Address)>,
    pub(crate) pair: Option<Pair>,
    pub(crate) sts: Option<Sts>,
    /// Pages of which browsers may come in by a WebSocket.
    pub(crate) origins: Vec<String>,
    pub(crate) exempt: Vec<Range>,
    pub(crate) open_registration: bool,
    register_before_connect: bool,
    pub(crate) guests: bool,
    /// What whoever comes in has to know.
    pub(crate) password: Option<Secret>,
    pub(crate) opers: Vec<Oper>,
    pub(crate) sasl: Vec<Mechanism>,
    pub(crate) lobby: bool,
    /// Whether previews of addresses are said in lines to clients that do not know them as tags.
    pub(crate) previews: bool,
    /// Whether clients with a device of their own reach others through this server, and where.
    pub(crate) e2ee: Option<Reach>,
}

impl Config {
    /// Reads a file and everything that it names.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        let written: Written = toml::from_str(&text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start).min(text.len());
            let lines = text.as_bytes()[..before].iter();
            let line = lines.filter(|byte| **byte == b'\n').count();
            let words = text.lines().nth(line).unwrap_or_default();
            let key = words.split_once('=').map_or(words, |(key, _)| key);
            ConfigError::Toml {
                path: path.to_owned(),
                line: line + 1,
                key: key.trim().to_owned(),
                message: error.message().to_owned(),
            }
        })?;
        // Relative paths are relative to the file, wherever the program was started.
        let folder = path.parent().unwrap_or(Path::new(""));
        written.judged(folder)
    }
}

impl Config {
    /// Whether accounts are made.
    pub(crate) fn registration(&self) -> Registration {
        match (self.open_registration, self.register_before_connect) {
            (false, _) => Registration::Closed,
            (true, false) => Registration::Open,
            (true, true) => Registration::BeforeConnect,
        }
    }
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| ConfigError::File {
            path: path.to_owned(),
            error,
        })?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(ConfigError::Large(path.to_owned()));
    }
    Ok(text)
}

fn bad(key: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value {
        key,
        reason: reason.into(),
    }
}

/// A word that stands in lines of IRC.
fn word(key: &'static str, text: &str, bytes: usize) -> Result<(), ConfigError> {
    let graphic = |character: char| !character.is_whitespace() && !character.is_control();
    if text.is_empty() || text.len() > bytes || text.starts_with(':') {
        return Err(bad(
            key,
            format!("{text:?} is not 1 to {bytes} bytes that do not begin with a colon"),
        ));
    }
    if !text.chars().all(graphic) {
        return Err(bad(key, format!("{text:?} is not one word")));
    }
    Ok(())
}

/// A password that stands behind PASS or OPER: a line has room for it, and it neither breaks nor ends one.
fn given(key: &'static str, whose: &str, secret: Secret) -> Result<Secret, ConfigError> {
    let length = (1..=PASSWORD_BYTES_MAX).contains(&secret.text().len());
    if !length || secret.text().chars().any(char::is_control) {
        let reason = format!(
            "{whose}is not 1 to {PASSWORD_BYTES_MAX} bytes without line breaks and their like"
        );
        return Err(bad(key, reason));
    }
    Ok(secret)
}

impl Written {
    fn judged(self, folder: &Path) -> Result<Config, ConfigError> {
        let irc = self.irc;
        word("server_name", &self.server_name, SERVER_NAME_BYTES_MAX)?;
        let network = irc.network.as_deref().unwrap_or(&self.server_name);
        word("irc.network", network, NETWORK_BYTES_MAX)?;
        if let Some(page) = self.metrics
            && !page.ip().is_loopback()
        {
            return Err(bad(
                "metrics",
                format!("{page} is not of this machine: 127.0.0.0/8 or [::1] is"),
            ));
        }
        if irc.register_needs_email {
            // What the contract names and this version does not do is refused, so that nobody relies on it.
            let reason = "this version does not do it: leave it out";
            return Err(bad("irc.register_needs_email", reason));
        }
        let doors = irc.doors()?;
        if doors.is_empty() {
            return Err(bad(
                "irc",
                "nobody could connect: neither listen_plain, listen_tls nor listen_websocket is set",
            ));
        }
        let exempt = irc.exempt.clone();
        let exempt = exempt.unwrap_or_else(|| EXEMPT.map(str::to_owned).to_vec());
        Ok(Config {
            network: network.to_owned(),
            data_dir: folder.join(&self.data_dir),
            metrics: self.metrics,
            sts: irc.sts(&doors)?,
            pair: irc.pair(folder)?,
            origins: irc.origins(&self.server_name)?,
            doors,
            exempt: exempt
                .iter()
                .map(|range| range.parse())
                .collect::<Result<_, _>>()?,
            open_registration: irc.open_registration,
            register_before_connect: irc.register_before_connect,
            guests: irc.guests.unwrap_or(true),
            password: irc
                .password
                .clone()
                .map(|secret| given("irc.password", "", secret))
                .transpose()?,
            opers: irc.opers()?,
            sasl: irc.mechanisms()?,
            lobby: irc.lobby,
            previews: irc.previews.unwrap_or(true),
            e2ee: irc.reach()?,
            server_name: self.server_name,
        })
    }
}

impl WrittenIrc {
    fn opers(&self) -> Result<Vec<Oper>, ConfigError> {
        const KEY: &str = "irc.oper";
        if self.oper.len() > OPERS_MAX {
            let reason = format!("{} are more than {OPERS_MAX}", self.oper.len());
            return Err(bad(KEY, reason));
        }
        for (at, oper) in self.oper.iter().enumerate() {
            let Oper { name, password } = oper;
            word(KEY, name, OPER_NAME_BYTES_MAX)?;
            if self.oper[..at].iter().any(|other| other.name == *name) {
                return Err(bad(KEY, format!("{name:?} is there twice")));
            }
            given(KEY, &format!("the password of {name:?} "), password.clone())?;
        }
        Ok(self.oper.clone())
    }

    fn mechanisms(&self) -> Result<Vec<Mechanism>, ConfigError> {
        let named = self.sasl.iter().map(|name| {
            Mechanism::named(name).ok_or_else(|| {
                let all = Mechanism::ALL.map(Mechanism::name).join(", ");
                bad("irc.sasl", format!("{name:?} is none of {all}"))
            })
        });
        named.collect()
    }

    /// Where connections of `alloquy.chat/e2ee` may lead, besides an account's home node.
    fn reach(&self) -> Result<Option<Reach>, ConfigError> {
        match self.e2ee.as_deref() {
            None | Some("off") => Ok(None),
            Some("public") => Ok(Some(Reach::Public)),
            Some("any") => Ok(Some(Reach::Any)),
            Some(other) => {
                let reason = format!("{other:?} is none of \"off\", \"public\", \"any\"");
                Err(bad("irc.e2ee", reason))
            }
        }
    }

    fn doors(&self) -> Result<Vec<(Kind, Address)>, ConfigError> {
        let lists = [
            ("listen_plain", Kind::Plain, &self.listen_plain),
            ("listen_tls", Kind::Tls, &self.listen_tls),
            ("listen_websocket", Kind::WebSocket, &self.listen_websocket),
            ("listen_sts", Kind::Sts, &self.listen_sts),
        ];
        let mut doors = Vec::new();
        for (key, kind, list) in lists {
            for text in list {
                let door = |error| ConfigError::Door { key, error };
                let address: Address = text.parse().map_err(door)?;
                kind.check(&address).map_err(door)?;
                doors.push((kind, address));
            }
        }
        Ok(doors)
    }

    /// Where clients that know STS find TLS.
    fn sts(&self, doors: &[(Kind, Address)]) -> Result<Option<Sts>, ConfigError> {
        let ports = doors.iter().filter_map(|door| match door {
            (Kind::Tls, Address::Tcp(address)) => Some(address.port()),
            _ => None,
        });
        let key = match (self.listen_sts.is_empty(), self.sts_names.is_empty()) {
            (true, true) => return Ok(None),
            (false, _) => "irc.listen_sts",
            (true, false) => "irc.sts_names",
        };
        let Some(port) = ports.into_iter().next() else {
            return Err(bad(key, "needs listen_tls: there is nothing to keep to"));
        };
        if port == 0 {
            // Clients keep the port for 30 days: one that the system chooses is another at the next start.
            let reason = "needs the port of listen_tls, and that is 0: name one";
            return Err(bad(key, reason));
        }
        for name in &self.sts_names {
            word("irc.sts_names", name, SNI_BYTES_MAX)?;
        }
        Ok(Some(Sts {
            port,
            names: self.sts_names.clone(),
        }))
    }

    /// Pages of the server's own name may always come in.
    fn origins(&self, server_name: &str) -> Result<Vec<String>, ConfigError> {
        for origin in &self.websocket_origins {
            let host = ["https://", "http://"]
                .iter()
                .find_map(|scheme| origin.strip_prefix(scheme));
            let bare = |host: &str| {
                !host.is_empty()
                    && !host.contains(|c: char| c.is_whitespace() || "/?#*".contains(c))
            };
            if !host.is_some_and(bare) {
                let reason = format!("{origin:?} is no origin: https://chat.example.org is");
                return Err(bad("irc.websocket_origins", reason));
            }
        }
        let own = format!("https://{server_name}");
        Ok([own]
            .into_iter()
            .chain(self.websocket_origins.clone())
            .collect())
    }

    fn pair(&self, folder: &Path) -> Result<Option<Pair>, ConfigError> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some(Pair::read(&folder.join(cert), &folder.join(key))?)),
            (None, None) if self.listen_tls.is_empty() => Ok(None),
            (None, _) => Err(bad("irc.tls_cert", "is missing")),
            (_, None) => Err(bad("irc.tls_key", "is missing")),
        }
    }
}

#[cfg(test)]
mod tests;
