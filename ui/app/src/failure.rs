//! What went wrong with the node, in plain words: what happened, and what to do.

use alloquy_api::{CommandError, ErrorCode};
use alloquy_node::RunError;
use alloquy_node::store::OpenError;
use alloquy_node::vault::VaultError;
use alloquy_ui::model::Failure;

fn failure(what: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure {
        what: what.into(),
        remedy: remedy.into(),
        may_restart: true,
    }
}

/// Why the node could not start, or had to end.
pub(crate) fn of_run(error: &RunError) -> Failure {
    match error {
        RunError::Store(OpenError::InUse { path, .. }) => failure(
            format!("Another program is using your data in {}.", path.display()),
            "Close the other program, then start again. To show a node that runs there without a window, open Alloquy with --attach.",
        ),
        RunError::Store(OpenError::Damaged { path, .. }) => failure(
            format!("The file {} is damaged, so it was left unopened.", path.display()),
            "Put a copy of the file back, then start again. Your communities still hold what you wrote there.",
        ),
        RunError::Restore { path, .. } if error.code() == ErrorCode::Storage => failure(
            format!("Something in {} can not be read.", path.display()),
            "Put a copy of the file back, then start again. Your communities still hold what you wrote there.",
        ),
        RunError::Store(OpenError::Version { .. }) | RunError::Restore { .. }
            if error.code() == ErrorCode::Version =>
        {
            Failure {
                may_restart: false,
                ..failure(
                    "Your data was written by another version of Alloquy.",
                    "Install the newest version and open it again.",
                )
            }
        }
        RunError::Store(OpenError::Io { path, error })
        | RunError::Directory { path, error }
        | RunError::Socket { path, error }
        | RunError::Vault(VaultError::Io { path, error }) => of_system(&path.display().to_string(), error),
        RunError::Vault(VaultError::Keychain { reason, .. }) => failure(
            format!("The key to your data is in your desktop's keychain, which does not give it: {reason}."),
            "Unlock the keychain, then start again.",
        ),
        RunError::Vault(VaultError::NotByPassphrase { .. }) => failure(
            "A passphrase was given, but your data is not locked by one.",
            "Open Alloquy without ALLOQUY_PASSPHRASE.",
        ),
        RunError::Vault(VaultError::File { path, reason }) => failure(
            format!("The key to your data can not be had: {}: {reason}.", path.display()),
            "Put a copy of the file back, then start again.",
        ),
        RunError::Listen { address, reason } => failure(
            format!("Nobody could be listened to on {address}: {reason}."),
            "Open Alloquy without --listen, or with an address of this machine.",
        ),
        other => Failure {
            what: sentence(&other.to_string()),
            remedy: "Start again. If it happens again, tell us: what you see here is all that is needed.".to_owned(),
            may_restart: true,
        },
    }
}

fn of_system(path: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => failure(
            format!("The disk is full: nothing can be written to {path}."),
            "Make some room on the disk, then start again. Nothing that was stored is lost.",
        ),
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => failure(
            format!("{path} can not be written: {error}."),
            "Give yourself the right to write there, then start again.",
        ),
        _ => failure(
            format!("{path} can not be used: {error}."),
            "Look whether the disk is there and sound, then start again.",
        ),
    }
}

/// Why a node in another process is out of reach.
pub(crate) fn of_attached(error: &CommandError) -> Failure {
    match error.code {
        ErrorCode::NotRunning => failure(
            "The node that this window shows has ended.",
            "Start it (./run node), then try again.",
        ),
        ErrorCode::Version => Failure {
            may_restart: false,
            ..failure(
                "The node that this window shows is another version of Alloquy.",
                "Use the window and the node of one version.",
            )
        },
        _ => failure(
            sentence(&error.message),
            "Look whether the node runs, then try again.",
        ),
    }
}

/// The application itself broke.
pub(crate) fn of_panic() -> Failure {
    Failure {
        may_restart: false,
        ..failure(
            "Alloquy broke by a fault of its own; it is no longer connected to your data.",
            "Copy what you were typing, close this window and open it again. Nothing that was stored is lost.",
        )
    }
}

/// A message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), letters.as_str());
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn each_failure_says_what_happened_and_what_to_do() {
        let path = || PathBuf::from("/data");
        let full = RunError::Store(OpenError::Io {
            path: path(),
            error: io::ErrorKind::StorageFull.into(),
        });
        let busy = RunError::Store(OpenError::InUse {
            path: path(),
            holder: Some(7),
        });
        let fault = RunError::Internal("task 3 panicked".to_owned());
        for (error, said) in [
            (full, "disk is full"),
            (busy, "Another program"),
            (fault, "fault of its own: task 3 panicked."),
        ] {
            let failure = of_run(&error);
            assert!(failure.what.contains(said), "{failure:?}");
            assert!(
                failure.what.ends_with('.') && failure.remedy.ends_with('.'),
                "{failure:?}"
            );
            assert!(failure.may_restart);
        }
        let newer = RunError::Store(OpenError::Version {
            path: path(),
            found: 9,
        });
        assert!(!of_run(&newer).may_restart);
        let gone = CommandError::new(ErrorCode::NotRunning, "no node runs on /data");
        assert!(of_attached(&gone).what.contains("has ended"));
    }
}
