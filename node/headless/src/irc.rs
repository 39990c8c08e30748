//! The own door: IRC clients of this machine as faces of this account. `irc-password`, and `run --irc`.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::UnixMs;
use alloquy_irc_listener::Address;
use alloquy_irc_listener::own::{OwnDoor, Passwords, PasswordsError, Scope, Served};
use alloquy_node::Running;

use crate::Stop;
use crate::args;
use crate::out::Out;

fn error(error: &PasswordsError) -> CommandError {
    let code = match error {
        PasswordsError::File(..) => ErrorCode::Storage,
        PasswordsError::Full => ErrorCode::Limit,
        PasswordsError::Label(_) => ErrorCode::Parse,
        PasswordsError::Unknown(_) => ErrorCode::UnknownName,
        PasswordsError::Random(_) => ErrorCode::Internal,
    };
    CommandError::new(code, error.to_string())
}

/// Makes an app password and shows it, this once; or lists them; or ends one.
pub(crate) fn password(out: &mut Out, arguments: &args::IrcPassword) -> Result<(), Stop> {
    let dir = &arguments.data.dir;
    if !dir.is_dir() {
        return Err(Stop::Error(CommandError::new(
            ErrorCode::UnknownName,
            format!(
                "{} is no data directory: alloquy-node init makes one",
                dir.display()
            ),
        )));
    }
    let passwords = Passwords::of(dir);
    if let Some(number) = arguments.revoke {
        passwords.revoke(number).map_err(|why| error(&why))?;
        return out.text(&format!("{number} lets nobody in any more"));
    }
    if arguments.list {
        for one in passwords.list().map_err(|why| error(&why))? {
            let scope = match one.scope {
                Scope::Full => "full",
                Scope::Read => "read",
            };
            let used = one.last_use.map_or_else(|| "never".to_owned(), UnixMs::utc);
            let made = one.made.utc();
            let line = format!(
                "{}: {scope}, made {made}, last use {used}: {}",
                one.number, one.label
            );
            out.text(&line)?;
        }
        return Ok(());
    }
    let scope = if arguments.read_only {
        Scope::Read
    } else {
        Scope::Full
    };
    let made = passwords.add(&arguments.label, scope, now());
    out.text(&made.map_err(|why| error(&why))?)
}

fn now() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Opens the own door before the node stands, if the arguments ask for one: what is wrong with it is said at once.
pub(crate) fn open(arguments: &args::Run) -> Result<Option<OwnDoor>, CommandError> {
    let Some(text) = &arguments.irc else {
        return Ok(None);
    };
    let bad = |error: &dyn fmt::Display| {
        CommandError::new(ErrorCode::Parse, format!("--irc {text}: {error}"))
    };
    let address: Address = text.parse().map_err(|error| bad(&error))?;
    let dir = &arguments.data.dir;
    let passwords = Passwords::of(dir);
    if passwords.list().map_err(|why| error(&why))?.is_empty() {
        let message = format!(
            "there is no password for IRC clients yet: alloquy-node irc-password --data {}",
            dir.display()
        );
        return Err(CommandError::new(ErrorCode::NotPermitted, message));
    }
    let door = OwnDoor::open(address, Arc::new(passwords)).map_err(|error| bad(&error))?;
    Ok(Some(door))
}

/// Serves it as long as what is given is held.
pub(crate) fn serve(door: OwnDoor, running: &Running) -> Result<Served, CommandError> {
    let handle = running.handle().told_when_durable();
    let changes = futures::stream::unfold(handle.changes(), async |mut changes| {
        changes.next().await.then_some(((), changes))
    });
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| CommandError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(door.serve(Box::new(handle), key, changes))
}
