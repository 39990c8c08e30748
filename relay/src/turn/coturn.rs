//! coturn as a child: its settings are written, it is started, looked after, and started again when it ends or falls
//! silent; its secrets change while it runs.
//!
//! coturn reads its settings once, at its start: a signal makes it read TLS certificates again (SIGUSR2) and open its
//! log anew (SIGHUP), nothing else. Secrets that stand there (`static-auth-secret`) would need a restart, which ends
//! every call. So they stand in its SQLite table `turn_secret`, which it reads at each login.
//!
//! ```text
//! data_dir/turnserver.conf   0600   written at each start
//! data_dir/secrets           0600   the secrets and since when they are, newest first
//! data_dir/turndb            0600   the same secrets as coturn reads them
//! data_dir/turnserver.pid    0600   so that a coturn that outlived its supervisor is found and ended
//! ```
//!
//! Deliberately not here: who is given a credential (the relay's door), and any command of coturn's own (`no-cli`).

mod child;
mod config;
mod log;
mod probe;
mod secrets;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Credential, Desk};
use crate::quota::wall;
use secrets::Secrets;

pub use config::{Config, ConfigError};
pub use secrets::SecretsError;

/// How often secrets and certificates are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why coturn can not be run.
#[derive(Debug, thiserror::Error)]
pub enum CoturnError {
    /// A file can not be written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Its secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The program can not be started.
    #[error("{program} can not be started: {error}; coturn is needed (Debian: apt install coturn)")]
    Program {
        /// Which.
        program: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A credential of an account.
    #[error(transparent)]
    Credential(#[from] super::CredentialError),
}

/// A coturn that is looked after. Dropped: it is killed.
#[derive(Debug)]
pub struct Coturn {
    desk: Desk,
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

impl Coturn {
    /// Writes its settings and begins to look after it. Returns at once; [`Desk::counts`] tells when it answers.
    ///
    /// # Errors
    /// See [`CoturnError`]. That coturn itself ends is no error of the start: it is started again.
    pub fn start(config: Config) -> Result<Self, CoturnError> {
        private_dir(&config.data_dir)?;
        child::find(&config.turnserver)?;
        let secrets = Secrets::open(&config, wall())?;
        settings::write(&config)?;
        let desk = Desk::new(config.urls.clone(), secrets.newest().clone());
        let (stop, stopped) = watch::channel(false);
        let config = Arc::new(config);
        let kept = tokio::spawn(child::keep(
            Arc::clone(&config),
            Arc::clone(desk.counts()),
            stopped.clone(),
        ));
        let rotated = tokio::spawn(rotate(config, secrets, desk.clone(), stopped));
        Ok(Self {
            desk,
            stop,
            tasks: [kept, rotated],
        })
    }

    /// Where credentials for it are given.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Ends it by SIGTERM, and waits until it has.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            if task.await.is_err() {
                tracing::debug!("a task of coturn had ended by a fault");
            }
        }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A credential by the newest secret of these settings, to try a coturn that runs. Makes the secret where there is none
/// yet, and changes none.
///
/// # Errors
/// See [`CoturnError`].
pub fn credential(config: &Config, account: &str) -> Result<Credential, CoturnError> {
    private_dir(&config.data_dir)?;
    let secrets = Secrets::open_as_they_are(config, wall())?;
    Ok(Credential::issue(secrets.newest(), account, wall())?)
}

/// Makes the folder, for its owner alone.
fn private_dir(path: &Path) -> Result<(), CoturnError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let failed = |error| CoturnError::File {
        path: path.to_owned(),
        error,
    };
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed)?;
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(path, private).map_err(failed)
}

async fn rotate(
    config: Arc<Config>,
    mut secrets: Secrets,
    desk: Desk,
    mut stopped: watch::Receiver<bool>,
) {
    let mut certificates = settings::stamp(&config);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        match secrets.look(&config, wall()) {
            Ok(true) => desk.rotate(secrets.newest().clone()),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the secrets of coturn can not be changed"),
        }
        let now = settings::stamp(&config);
        if now != certificates {
            certificates = now;
            child::reload_certificates(&config);
        }
    }
}
