//! The own door: IRC clients of this machine as faces of this account. `irc-password`, and `run --irc`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{UnixMs, from_base32, to_base32};
use alloquy_irc::{ClientKey, Credential, Server, Settings};
use alloquy_irc_listener::{Accounts, Address, Answer, Bell, Door, Face, Figures, Kind, serve};
use alloquy_node::Running;
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Stop;
use crate::args;
use crate::out::Out;

/// File of the data directory that recognises the password.
const FILE: &str = "irc-password";
/// Bytes of the file that are read: a line of JSON with a salt and a hash.
const FILE_BYTES_MAX: u64 = 1024;
/// Random bytes of a password: 120 bits, which nobody guesses.
const PASSWORD_BYTES: usize = 15;
/// Argon2id memory: 19 MiB, the least that OWASP recommends; the password is random, and a log-in should not wait.
const MEMORY_KIB: u32 = 19 * 1024;
/// Argon2id passes that belong to that memory.
const PASSES: u32 = 2;
/// What the server calls itself: only clients of this machine see it.
const SERVER_NAME: &str = "alloquy.local";

/// What is kept of the password.
#[derive(Serialize, Deserialize)]
struct Kept {
    salt: String,
    memory_kib: u32,
    passes: u32,
    hash: String,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(..)")
    }
}

fn storage(path: &Path, error: &dyn fmt::Display) -> CommandError {
    CommandError::new(ErrorCode::Storage, format!("{}: {error}", path.display()))
}

fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(bytes)
}

impl Kept {
    fn of(password: &str) -> Result<Self, CommandError> {
        let salt = random::<16>()?;
        let mut kept = Self {
            salt: to_base32(&salt),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            hash: String::new(),
        };
        let hash = kept.stretch(password);
        let hash = hash.ok_or_else(|| {
            CommandError::new(ErrorCode::Internal, "Argon2 refuses its parameters")
        })?;
        kept.hash = to_base32(&*hash);
        Ok(kept)
    }

    fn stretch(&self, password: &str) -> Option<Zeroizing<[u8; 32]>> {
        let salt = from_base32(&self.salt)?;
        let bounds =
            (8..=1024 * 1024).contains(&self.memory_kib) && (1..=16).contains(&self.passes);
        let params = Params::new(self.memory_kib, self.passes, 1, Some(32))
            .ok()
            .filter(|_| bounds)?;
        let mut hash = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &salt, hash.as_mut())
            .ok()?;
        Some(hash)
    }

    /// Whether it is the password. Compared without a hint of how much of it fits.
    fn fits(&self, password: &str) -> bool {
        let (Some(hash), Some(kept)) = (self.stretch(password), from_base32(&self.hash)) else {
            return false;
        };
        let differs = hash.iter().zip(&kept).fold(0, |sum, (a, b)| sum | (a ^ b));
        kept.len() == hash.len() && differs == 0
    }
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn read(dir: &Path) -> Result<Kept, CommandError> {
    let path = path_in(dir);
    let mut text = String::new();
    let read =
        File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!(
                "there is no password for IRC clients yet: alloquy-node irc-password --data {}",
                dir.display()
            );
            return Err(CommandError::new(ErrorCode::NotPermitted, message));
        }
        Err(error) => return Err(storage(&path, &error)),
        Ok(_) => {}
    }
    let kept: Kept = serde_json::from_str(&text).map_err(|error| storage(&path, &error))?;
    match kept.stretch("") {
        Some(_) => Ok(kept),
        None => Err(storage(&path, &"its parameters are out of bounds")),
    }
}

/// Makes a new password and shows it, this once. The one before ends at the next start of the node.
pub(crate) fn new_password(out: &mut Out, arguments: &args::Data) -> Result<(), Stop> {
    let dir = &arguments.dir;
    if !dir.is_dir() {
        return Err(Stop::Error(CommandError::new(
            ErrorCode::UnknownName,
            format!(
                "{} is no data directory: alloquy-node init makes one",
                dir.display()
            ),
        )));
    }
    let password = Zeroizing::new(to_base32(&random::<PASSWORD_BYTES>()?));
    let kept = Kept::of(&password)?;
    let text = serde_json::to_string(&kept).map_err(|error| storage(dir, &error))?;
    write(&path_in(dir), &text)?;
    out.text(&password)
}

/// Beside its place, synced and renamed: a crash leaves the old password or the new one.
fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let beside = path.with_extension("new");
    let written = || {
        // What a crash left there, or somebody laid there, is not written into: its mode would stay.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The name lasts only when its directory is on disk.
        path.parent()
            .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    written().map_err(|error: std::io::Error| storage(path, &error))
}

/// The one account behind the door.
struct Own(Kept);

impl Accounts for Own {
    fn check(&self, credential: Credential) -> Answer {
        match credential {
            // Whatever name is given: there is one account.
            Credential::Password { password, .. } if self.0.fits(&password) => {
                Answer::Granted(ClientKey::OWN, None)
            }
            _ => Answer::Denied,
        }
    }
}

/// The door, before the node stands: what is wrong with it is said at once.
pub(crate) struct OwnDoor {
    door: Door,
    kept: Kept,
}

impl OwnDoor {
    /// Opens it, if the arguments ask for one.
    pub(crate) fn open(arguments: &args::Run) -> Result<Option<Self>, CommandError> {
        let Some(text) = &arguments.irc else {
            return Ok(None);
        };
        let bad = |error: &dyn fmt::Display| {
            CommandError::new(ErrorCode::Parse, format!("--irc {text}: {error}"))
        };
        let address: Address = text.parse().map_err(|error| bad(&error))?;
        let kept = read(&arguments.data.dir)?;
        let door = Door::open(Kind::Plain, address).map_err(|error| bad(&error))?;
        Ok(Some(Self { door, kept }))
    }

    /// Serves until the runtime ends. Gives the address.
    pub(crate) fn serve(self, running: &Running) -> Result<Address, CommandError> {
        let address = self.door.address().clone();
        let settings = Settings {
            server_name: SERVER_NAME.to_owned(),
            network: "Alloquy".to_owned(),
            version: format!("alloquy-{}", env!("CARGO_PKG_VERSION")),
            started: started(),
        };
        let exempt = ["127.0.0.0/8", "::1"]
            .iter()
            .filter_map(|range| range.parse().ok());
        let handle = running.handle();
        let mut changes = handle.changes();
        let bell = Bell::default();
        let face = Face {
            server: Server::new(settings),
            doors: vec![self.door],
            tls: None,
            exempt: Arc::new(Mutex::new(exempt.collect())),
            // The own door knows no WebSocket.
            origins: Arc::new([]),
            cloak_key: random()?,
            accounts: Arc::new(Own(self.kept)),
            clients: vec![(ClientKey::OWN, Box::new(handle))],
            bell: bell.clone(),
            figures: Arc::new(Figures::default()),
        };
        tokio::spawn(serve(face, std::future::pending()));
        tokio::spawn(async move {
            // The first time for what is there already, the last for the end of the node.
            bell.ring(ClientKey::OWN);
            while changes.next().await {
                bell.ring(ClientKey::OWN);
            }
            bell.ring(ClientKey::OWN);
        });
        Ok(address)
    }
}

fn started() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_not_kept() {
        let kept = Kept::of("correct horse").unwrap();
        assert!(kept.fits("correct horse"));
        assert!(!kept.fits("correct horse "));
        assert!(!kept.fits(""));
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("horse"));
        let cut = Kept {
            hash: kept.hash[..8].to_owned(),
            ..kept
        };
        assert!(!cut.fits("correct horse"));
    }

    #[test]
    fn what_lies_beside_is_not_written_into() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = path_in(dir.path());
        std::fs::write(path.with_extension("new"), "left by a crash").unwrap();
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(path.with_extension("new"), open).unwrap();
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_missing_or_damaged_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = read(dir.path()).unwrap_err();
        assert!(
            error.message.contains("alloquy-node irc-password --data"),
            "{error}"
        );
        let greedy = r#"{"salt":"aaaaaaaaaaaaaaaaaaaaaaaaaa","memory_kib":4000000000,"passes":1,"hash":"aa"}"#;
        for text in ["", "{}", greedy] {
            std::fs::write(path_in(dir.path()), text).unwrap();
            let error = read(dir.path()).unwrap_err();
            assert!(error.message.contains(FILE), "{error}");
        }
    }
}
