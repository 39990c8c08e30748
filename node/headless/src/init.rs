//! `init`: a new account, and its recovery words once.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use alloquy_api::report::InitReport;
use alloquy_api::{CommandError, ErrorCode};
use alloquy_node::{Initialised, NodeConfig, RecoveryWords};

use crate::Stop;
use crate::args;
use crate::out::Out;
use crate::serve::key_source;

/// Bytes set aside in the recovery file before the account is made, so that a full disk is noticed before
/// the words exist: 12 words of at most 8 letters, with a space each, are 108.
const RECOVERY_BYTES_RESERVED: usize = 256;

/// Makes the account.
///
/// The way out for the words is settled first: an account whose words nobody can read is not made.
pub(crate) fn init(out: &mut Out, arguments: &args::Init) -> Result<(), Stop> {
    if arguments.link.is_some() || arguments.restore {
        return crate::link::bring_in(out, arguments);
    }
    if arguments.recovery_file.is_none() && !out.is_json() && !out.is_terminal() {
        return Err(Stop::Error(CommandError::new(
            ErrorCode::Parse,
            "there is no terminal to show the recovery words on: give --recovery-file FILE or --json",
        )));
    }
    let Some(name) = &arguments.name else {
        return Err(Stop::Error(CommandError::new(
            ErrorCode::Parse,
            "a new account needs a name: give --name NAME",
        )));
    };
    let config = NodeConfig::new(&arguments.data.dir, key_source(&arguments.key)?);
    let file = arguments
        .recovery_file
        .as_deref()
        .map(RecoveryFile::reserve)
        .transpose()?;
    let made = match alloquy_node::init(&config, name, RecoveryWords::Shown) {
        Ok(made) => made,
        Err(error) => {
            if let Some(file) = file {
                file.discard();
            }
            return Err(Stop::Error(error.into()));
        }
    };
    if let Some(file) = file {
        file.fill(words_of(&made))?;
    }
    if out.is_json() {
        return out.object(&report(arguments, &made));
    }
    let words = match &arguments.recovery_file {
        Some(path) => format!("The recovery words are in {}.", path.display()),
        None => format!(
            "Recovery words, shown this once:\n\n    {}\n",
            words_of(&made)
        ),
    };
    out.text(&format!(
        "account {}\n{words}\nWho has these words has the account: keep them on paper, away from this machine.",
        made.account
    ))
}

/// The words of an account that was just made.
fn words_of(made: &Initialised) -> &str {
    let words = made.recovery_words.as_ref();
    words.expect("the words were asked for")
}

/// What `--json` prints; the words stand in it only when they went nowhere else.
fn report(arguments: &args::Init, made: &Initialised) -> InitReport {
    let recovery_file = arguments
        .recovery_file
        .as_ref()
        .map(|path| path.display().to_string());
    InitReport {
        account: made.account,
        device: made.device,
        recovery: recovery_file.is_none().then(|| words_of(made).to_owned()),
        recovery_file,
    }
}

/// A new file of mode 0600, reserved before the words exist.
#[derive(Debug)]
struct RecoveryFile {
    path: PathBuf,
    file: File,
}

impl RecoveryFile {
    /// Makes the file; one that is there already is never touched.
    fn reserve(path: &Path) -> Result<Self, CommandError> {
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => CommandError::new(
                ErrorCode::Exists,
                format!(
                    "{} is there already: the recovery file must be a new one",
                    path.display()
                ),
            ),
            _ => unwritable(path, &error),
        })?;
        let mut reserved = Self {
            path: path.to_owned(),
            file,
        };
        let blanks = [b' '; RECOVERY_BYTES_RESERVED];
        if let Err(error) = reserved
            .file
            .write_all(&blanks)
            .and_then(|()| reserved.file.sync_all())
        {
            let path = reserved.path.clone();
            reserved.discard();
            return Err(unwritable(&path, &error));
        }
        Ok(reserved)
    }

    /// Puts the words in, durably.
    fn fill(mut self, words: &str) -> Result<(), CommandError> {
        let line = format!("{words}\n");
        self.file
            .rewind()
            .and_then(|()| self.file.write_all(line.as_bytes()))
            .and_then(|()| self.file.set_len(line.len() as u64))
            .and_then(|()| self.file.sync_all())
            .map_err(|error| unwritable(&self.path, &error))
    }

    /// Removes the file: no account was made.
    fn discard(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the empty recovery file could not be removed");
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::new(
        ErrorCode::Storage,
        format!("{} can not be written: {error}", path.display()),
    )
}
