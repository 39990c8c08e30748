//! App passwords of the own door, in a file of the data directory that holds no password.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use alloquy_ids::{UnixMs, from_base32, to_base32};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// File of the data directory that recognises the passwords.
const FILE: &str = "irc-passwords";
/// File that whoever changes the other holds locked.
const LOCK: &str = "irc-passwords.lock";
/// Bytes of the file that are read: all passwords with the longest labels.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// Random bytes of a password: 120 bits, which nobody guesses, so that one pass of a hash hides them.
const PASSWORD_BYTES: usize = 15;
/// App passwords at once: one for each client, and more than anybody has.
pub const PASSWORDS_MAX: usize = 16;
/// Bytes of what a person calls one.
pub const LABEL_BYTES_MAX: usize = 64;

/// What whoever comes in by a password may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything that the account may.
    #[default]
    Full,
    /// Read, and nothing else.
    Read,
}

/// An app password, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppPassword {
    /// Its number, from 1; never given twice.
    pub number: u32,
    /// What the person calls it: 1 to 64 bytes without control characters.
    pub label: String,
    /// What it is good for.
    pub scope: Scope,
    /// When it was made.
    pub made: UnixMs,
    /// When somebody last came in by it.
    pub last_use: Option<UnixMs>,
    /// SHA-256 of it, in base 32.
    hash: String,
}

/// All of them, as the file holds them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The greatest number that was given: none is given twice.
    last: u32,
    passwords: Vec<AppPassword>,
}

/// What can be wrong with app passwords.
#[derive(Debug, thiserror::Error)]
pub enum PasswordsError {
    /// The file can not be read or written, or holds something else.
    #[error("{0}: {1}")]
    File(PathBuf, String),
    /// There are as many as there may be.
    #[error("there are {PASSWORDS_MAX} app passwords, the most there may be: revoke one first")]
    Full,
    /// A label is empty, too long, or holds a control character.
    #[error("the label {0:?} must have 1 to {LABEL_BYTES_MAX} bytes and no control characters")]
    Label(String),
    /// There is none of this number.
    #[error("there is no app password {0}")]
    Unknown(u32),
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

/// The app passwords of a data directory. Other processes may change them meanwhile.
#[derive(Clone, Debug)]
pub struct Passwords {
    dir: PathBuf,
}

impl Passwords {
    /// Those of a data directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn fault(&self, error: &dyn fmt::Display) -> PasswordsError {
        PasswordsError::File(self.path(), error.to_string())
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// [`PasswordsError::File`].
    pub fn list(&self) -> Result<Vec<AppPassword>, PasswordsError> {
        self.read().map(|kept| kept.passwords)
    }

    fn read(&self) -> Result<Kept, PasswordsError> {
        let mut text = String::new();
        let read = File::open(self.path())
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(self.fault(&error)),
            Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
                let long = format!("it is longer than {FILE_BYTES_MAX} bytes");
                return Err(self.fault(&long));
            }
            Ok(_) => {}
        }
        let kept: Kept = serde_json::from_str(&text).map_err(|error| self.fault(&error))?;
        let fits =
            |password: &AppPassword| from_base32(&password.hash).is_some_and(|h| h.len() == 32);
        if !kept.passwords.iter().all(fits) {
            return Err(self.fault(&"a hash in it has not 32 bytes"));
        }
        Ok(kept)
    }

    /// Makes one, and gives it: it is kept nowhere.
    ///
    /// # Errors
    /// All but [`PasswordsError::Unknown`].
    pub fn add(
        &self,
        label: &str,
        scope: Scope,
        now: UnixMs,
    ) -> Result<Zeroizing<String>, PasswordsError> {
        let label = label.trim();
        let fits = 1..=LABEL_BYTES_MAX;
        if !fits.contains(&label.len()) || label.chars().any(char::is_control) {
            let start = label.chars().take(LABEL_BYTES_MAX).collect();
            return Err(PasswordsError::Label(start));
        }
        let mut bytes = Zeroizing::new([0; PASSWORD_BYTES]);
        getrandom::fill(bytes.as_mut())
            .map_err(|error| PasswordsError::Random(error.to_string()))?;
        let password = Zeroizing::new(to_base32(&*bytes));
        let hash = to_base32(&hash(&password));
        self.change(|kept| {
            if kept.passwords.len() >= PASSWORDS_MAX {
                return Err(PasswordsError::Full);
            }
            kept.last = kept.last.saturating_add(1);
            kept.passwords.push(AppPassword {
                number: kept.last,
                label: label.to_owned(),
                scope,
                made: now,
                last_use: None,
                hash,
            });
            Ok(())
        })?;
        Ok(password)
    }

    /// Ends one.
    ///
    /// # Errors
    /// [`PasswordsError::Unknown`], [`PasswordsError::File`].
    pub fn revoke(&self, number: u32) -> Result<(), PasswordsError> {
        self.change(|kept| {
            let before = kept.passwords.len();
            kept.passwords.retain(|one| one.number != number);
            match kept.passwords.len() {
                after if after == before => Err(PasswordsError::Unknown(number)),
                _ => Ok(()),
            }
        })
    }

    /// Which password it is, and what it is good for; notes its use. `None`: it is none, or the file can not be read.
    pub(super) fn check(&self, password: &str, now: UnixMs) -> Option<(u32, Scope)> {
        let hash = to_base32(&hash(password));
        let all = self
            .list()
            .inspect_err(|error| tracing::error!(%error, "app passwords"));
        let found = all.ok()?.into_iter().find(|one| one.hash == hash)?;
        let used = self.change(|kept| {
            let mut all = kept.passwords.iter_mut();
            match all.find(|one| one.number == found.number) {
                Some(one) => one.last_use = Some(now),
                None => return Err(PasswordsError::Unknown(found.number)),
            }
            Ok(())
        });
        match used {
            Ok(()) => {}
            Err(PasswordsError::Unknown(_)) => return None,
            // A disk that fails stops nobody from logging in.
            Err(error) => tracing::error!(%error, "the last use of an app password"),
        }
        Some((found.number, found.scope))
    }

    /// Numbers of those that are good.
    ///
    /// # Errors
    /// [`PasswordsError::File`].
    pub(super) fn numbers(&self) -> Result<BTreeSet<u32>, PasswordsError> {
        let all = self.list()?;
        Ok(all.into_iter().map(|one| one.number).collect())
    }

    fn change(
        &self,
        how: impl FnOnce(&mut Kept) -> Result<(), PasswordsError>,
    ) -> Result<(), PasswordsError> {
        let fault = |error: io::Error| self.fault(&error);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.dir.join(LOCK))
            .map_err(fault)?;
        // Given back when the file is closed.
        lock.lock().map_err(fault)?;
        let mut kept = self.read()?;
        how(&mut kept)?;
        let text = serde_json::to_string(&kept).map_err(|error| self.fault(&error))?;
        write(&self.path(), &text).map_err(fault)
    }
}

fn hash(password: &str) -> [u8; 32] {
    Sha256::digest(password.as_bytes()).into()
}

/// Beside its place, synced and renamed: a crash leaves the old file or the new one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    // What a crash left there, or somebody laid there, is not written into: its mode would stay.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    #[test]
    fn a_password_is_recognised_until_it_is_revoked_and_never_kept() {
        let dir = tempfile::tempdir().unwrap();
        let passwords = Passwords::of(dir.path());
        assert_eq!(passwords.list().unwrap(), []);
        let full = passwords.add(" laptop ", Scope::Full, NOW).unwrap();
        let read = passwords.add("phone", Scope::Read, NOW).unwrap();
        assert_eq!(passwords.check(&full, NOW), Some((1, Scope::Full)));
        assert_eq!(passwords.check(&read, NOW), Some((2, Scope::Read)));
        assert_eq!(passwords.check(&format!("{} ", *read), NOW), None);
        assert_eq!(passwords.check("", NOW), None);
        let listed = passwords.list().unwrap();
        assert_eq!(
            (listed[0].label.as_str(), listed[0].last_use),
            ("laptop", Some(NOW))
        );
        let text = std::fs::read_to_string(passwords.path()).unwrap();
        assert!(!text.contains(full.as_str()) && !text.contains(read.as_str()));
        passwords.revoke(1).unwrap();
        assert_eq!(passwords.check(&full, NOW), None);
        assert_eq!(passwords.numbers().unwrap(), BTreeSet::from([2]));
        // The number of one that was revoked is no other's, or its client would stay.
        passwords.revoke(2).unwrap();
        passwords.add("another", Scope::Read, NOW).unwrap();
        assert_eq!(passwords.numbers().unwrap(), BTreeSet::from([3]));
        let again = passwords.revoke(1).unwrap_err();
        assert_eq!(again.to_string(), "there is no app password 1");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let passwords = Passwords::of(dir.path());
        for label in ["", "  ", "a\nb", &"x".repeat(65)] {
            let error = passwords.add(label, Scope::Full, NOW).unwrap_err();
            assert!(error.to_string().contains("1 to 64 bytes"), "{error}");
        }
        for n in 0..PASSWORDS_MAX {
            passwords
                .add(&format!("client {n}"), Scope::Full, NOW)
                .unwrap();
        }
        let error = passwords.add("one more", Scope::Full, NOW).unwrap_err();
        assert!(error.to_string().contains("16 app passwords"), "{error}");
        let hash = "a".repeat(8);
        let entry = format!(
            r#"{{"last":1,"passwords":[{{"number":1,"label":"x","scope":"full","made":0,"last_use":null,"hash":"{hash}"}}]}}"#
        );
        let long = "x".repeat(20_000);
        for (text, why) in [
            ("{}", "missing field"),
            ("", "EOF"),
            (entry.as_str(), "32 bytes"),
            (long.as_str(), "longer than 16384 bytes"),
        ] {
            std::fs::write(passwords.path(), text).unwrap();
            let error = passwords.list().unwrap_err().to_string();
            assert!(
                error.contains(why) && error.contains("irc-passwords"),
                "{error}"
            );
            assert_eq!(passwords.check("anything", NOW), None);
            // What can not be read is not written over.
            passwords.add("x", Scope::Full, NOW).unwrap_err();
            assert_eq!(std::fs::read_to_string(passwords.path()).unwrap(), text);
        }
    }

    #[test]
    fn what_lies_beside_is_not_written_into() {
        let dir = tempfile::tempdir().unwrap();
        let passwords = Passwords::of(dir.path());
        let beside = passwords.path().with_extension("new");
        std::fs::write(&beside, "left by a crash").unwrap();
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o644)).unwrap();
        passwords.add("x", Scope::Full, NOW).unwrap();
        let mode = std::fs::metadata(passwords.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
