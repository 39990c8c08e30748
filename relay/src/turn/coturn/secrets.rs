//! coturn's secrets: the newest makes credentials, older ones stay good for as long as credentials of theirs are.
//!
//! The file has a line for each, newest first: Unix seconds since when it makes credentials, a space, the secret. The
//! table is made from the file, so that what coturn takes is never more than what stands there.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloquy_ids::UnixMs;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use super::config::Config;
use super::settings;
use crate::turn::{CREDENTIAL_LIFE, Secret, SecretError};

/// The name of the file.
const FILE: &str = "secrets";
/// The name of coturn's database.
pub(super) const TABLE_FILE: &str = "turndb";
/// Bytes of the file: some dozens of lines.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// Secrets at once: the newest, and those whose credentials have not ended; one an hour at most.
const SECRETS_MAX: usize = 8;
/// How long the table may be locked by coturn, which reads it for a moment at each login.
const LOCKED: Duration = Duration::from_secs(5);

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file can not be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Others may read it.
    #[error("{} has mode {mode:03o}, at most 600 is taken", path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line that is none.
    #[error("{}, line {line}: not Unix seconds, a space and a secret", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// No new one.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// coturn's table.
    #[error("{}: {error}", path.display())]
    Table {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// The file can not be written.
    #[error("{0}")]
    Write(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Dated {
    /// Unix seconds.
    since: u64,
    secret: Secret,
}

/// See the module. Never empty.
#[derive(Debug)]
pub(super) struct Secrets(Vec<Dated>);

impl Secrets {
    /// Reads them, makes the first, and brings the table to the same.
    pub(super) fn open(config: &Config, now: UnixMs) -> Result<Self, SecretsError> {
        let mut secrets = Self(read(&config.file(FILE))?);
        secrets.renew(config.rotate, now)?;
        secrets.write(config)?;
        Ok(secrets)
    }

    /// The same without a change, unless there are none.
    pub(super) fn open_as_they_are(config: &Config, now: UnixMs) -> Result<Self, SecretsError> {
        let secrets = Self(read(&config.file(FILE))?);
        match secrets.0.is_empty() {
            true => Self::open(config, now),
            false => Ok(secrets),
        }
    }

    pub(super) fn newest(&self) -> &Secret {
        &self.0[0].secret
    }

    /// Changes them if it is time, or if an operator has changed the file; whether the newest is another one. Credentials
    /// are made by it only after the table holds it.
    pub(super) fn look(&mut self, config: &Config, now: UnixMs) -> Result<bool, SecretsError> {
        let mut looked = Self(read(&config.file(FILE))?);
        looked.renew(config.rotate, now)?;
        if looked.0 == self.0 {
            return Ok(false);
        }
        looked.write(config)?;
        let other = looked.newest() != self.newest();
        *self = looked;
        Ok(other)
    }

    fn renew(&mut self, rotate: Duration, now: UnixMs) -> Result<bool, SecretsError> {
        let now = now.0 / 1000;
        let due = |dated: &Dated| {
            // A clock that was set back must not keep a secret for ever.
            dated.since > now || now - dated.since >= rotate.as_secs()
        };
        let new = self.0.first().is_none_or(due);
        if new {
            let secret = Secret::generate()?;
            self.0.insert(0, Dated { since: now, secret });
        }
        // A secret makes credentials until the next one is there, and they live for an hour.
        let mut ended = None;
        self.0.retain(|dated| {
            let keep =
                ended.is_none_or(|at: u64| at.saturating_add(CREDENTIAL_LIFE.as_secs()) > now);
            ended = Some(dated.since);
            keep
        });
        self.0.truncate(SECRETS_MAX);
        Ok(new)
    }

    fn write(&self, config: &Config) -> Result<(), SecretsError> {
        let mut text = Zeroizing::new(String::new());
        for Dated { since, secret } in &self.0 {
            text.push_str(&since.to_string());
            text.push(' ');
            text.push_str(secret.expose());
            text.push('\n');
        }
        settings::replace(&config.file(FILE), text.as_bytes())
            .map_err(|error| SecretsError::Write(error.to_string()))?;
        self.fill(&config.file(TABLE_FILE), &config.realm)
    }

    /// Makes the table hold these and no others.
    fn fill(&self, path: &Path, realm: &str) -> Result<(), SecretsError> {
        let failed = |error| SecretsError::File {
            path: path.to_owned(),
            error,
        };
        // SQLite makes the file as the process's mask has it, and its journal as the file: ours first, for its owner alone.
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        self.fill_table(path, realm)
            .map_err(|error| SecretsError::Table {
                path: path.to_owned(),
                error,
            })
    }

    fn fill_table(&self, path: &Path, realm: &str) -> rusqlite::Result<()> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(LOCKED)?;
        // Readers never wait for a writer, nor does it for them.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS turn_secret (realm varchar(127) default '', \
             value varchar(127), primary key (realm,value))",
        )?;
        let change = connection.transaction()?;
        change.execute("DELETE FROM turn_secret", [])?;
        for Dated { secret, .. } in &self.0 {
            let insert = "INSERT INTO turn_secret (realm, value) VALUES (?1, ?2)";
            change.execute(insert, params![realm, secret.expose()])?;
        }
        change.commit()
    }
}

fn read(path: &Path) -> Result<Vec<Dated>, SecretsError> {
    let failed = |error| SecretsError::File {
        path: path.to_owned(),
        error,
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & !0o600 != 0 {
        return Err(SecretsError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    if metadata.len() > FILE_BYTES_MAX {
        let text = format!(
            "{} bytes, at most {FILE_BYTES_MAX} are read",
            metadata.len()
        );
        return Err(failed(std::io::Error::other(text)));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let mut secrets = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let dated = line.split_once(' ').and_then(|(since, secret)| {
            let since = since.parse().ok()?;
            let secret = Secret::parse(secret).ok()?;
            Some(Dated { since, secret })
        });
        secrets.push(dated.ok_or_else(|| SecretsError::Line {
            path: path.to_owned(),
            line: at + 1,
        })?);
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> Config {
        let file = dir.join("turn.toml");
        let text = "data_dir = \".\"\nrealm = \"turn.example.org\"\nlisten = [\"45.83.1.2\"]\n";
        fs::write(&file, text).unwrap();
        Config::read(&file).unwrap()
    }

    fn in_table(config: &Config) -> Vec<String> {
        let connection = Connection::open(config.file(TABLE_FILE)).unwrap();
        let mut select = connection
            .prepare("select value from turn_secret where realm = 'turn.example.org'")
            .unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn after(hours: u64, seconds: u64) -> UnixMs {
        UnixMs((1_700_000_000 + hours * 3600 + seconds) * 1000)
    }

    #[test]
    fn a_secret_makes_credentials_for_a_day_and_is_taken_an_hour_longer() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let mut secrets = Secrets::open(&config, after(0, 0)).unwrap();
        let first = secrets.newest().clone();
        assert_eq!(in_table(&config), [first.expose()]);
        let again = Secrets::open(&config, after(1, 0)).unwrap();
        assert_eq!(again.newest(), &first, "kept over a restart");
        assert!(!secrets.look(&config, after(23, 3599)).unwrap());
        assert!(secrets.look(&config, after(24, 0)).unwrap());
        let second = secrets.newest().clone();
        assert_ne!(second, first);
        assert_eq!(in_table(&config).len(), 2, "both are taken");
        assert!(!secrets.look(&config, after(24, 3599)).unwrap());
        assert_eq!(
            in_table(&config).len(),
            2,
            "its last credential still lives"
        );
        assert!(!secrets.look(&config, after(25, 0)).unwrap());
        assert_eq!(in_table(&config), [second.expose()]);
        for name in [FILE, TABLE_FILE] {
            let mode = fs::metadata(config.file(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_makes_a_new_secret_and_keeps_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let mut secrets = Secrets::open(&config, after(10, 0)).unwrap();
        assert!(secrets.look(&config, after(5, 0)).unwrap());
        assert_eq!(in_table(&config).len(), 2);
    }

    #[test]
    fn a_bad_file_is_told_with_its_path_and_line_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        Secrets::open(&config, after(0, 0)).unwrap();
        let path = config.file(FILE);
        let good = fs::read_to_string(&path).unwrap();
        for bad in ["nonsense\n", "17000 short\n", "x aaaa\n", " \n"] {
            let text = format!("{good}{bad}");
            fs::write(&path, &text).unwrap();
            let error = Secrets::open(&config, after(0, 0)).unwrap_err();
            assert!(
                matches!(error, SecretsError::Line { line: 2, .. }),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, &good).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Secrets::open(&config, after(0, 0)).unwrap_err();
        assert!(error.to_string().contains("640"), "{error}");
    }
}
