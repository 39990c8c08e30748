//! `init --link` and `init --restore`: this data directory becomes a device of an account that exists.

use std::io::{IsTerminal, Read, Write};

use alloquy_api::personal::LinkStep;
use alloquy_api::report::InitReport;
use alloquy_api::{CommandError, ErrorCode};
use alloquy_node::{InitError, Initialised, NodeConfig, OtherDevices, Recovering};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::Stop;
use crate::args;
use crate::out::Out;
use crate::serve::{internal, key_source};

/// Bytes of recovery words that are read: 12 words of at most 8 letters, and generous white space.
const WORDS_BYTES_MAX: u64 = 4096;

/// Links or restores, as the arguments say.
pub(crate) fn bring_in(out: &mut Out, arguments: &args::Init) -> Result<(), Stop> {
    let config = NodeConfig::new(&arguments.data.dir, key_source(&arguments.key)?);
    let words = match arguments.restore {
        true => Some(read_words()?),
        false => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| internal(&error))?;
    let (steps, seen) = watch::channel(LinkStep::Waiting);
    let name = arguments.name.as_deref().unwrap_or_default();
    let made = runtime.block_on(async {
        let telling = tokio::spawn(tell(seen));
        let made = match (&words, &arguments.link) {
            (Some(words), _) => {
                let what = Recovering {
                    from: arguments.from.clone(),
                    others: match arguments.revoke_others {
                        true => OtherDevices::Revoke,
                        false => OtherDevices::Keep,
                    },
                };
                alloquy_node::restore(&config, words, &what, &steps).await
            }
            (None, Some(code)) => alloquy_node::link(&config, code, name, &steps).await,
            (None, None) => Err(InitError::Command(CommandError::new(
                ErrorCode::Internal,
                "neither a code nor recovery words",
            ))),
        };
        telling.abort();
        made
    });
    let made = made.map_err(CommandError::from)?;
    report(out, arguments, &made)
}

/// Says how far it is, on standard error: standard output is for the report.
async fn tell(mut seen: watch::Receiver<LinkStep>) {
    loop {
        let line = match &*seen.borrow_and_update() {
            LinkStep::Waiting => "looking for the other device ..",
            LinkStep::Talking => "found; the code is right ..",
            LinkStep::Done | LinkStep::Failed(_) => return,
        };
        tracing::debug!(line);
        if writeln!(std::io::stderr().lock(), "{line}").is_err() || seen.changed().await.is_err() {
            return;
        }
    }
}

/// The words come from standard input, never from the command line, which other users of the machine can read.
fn read_words() -> Result<Zeroizing<String>, CommandError> {
    let unreadable = |error: std::io::Error| {
        CommandError::new(ErrorCode::Parse, format!("the recovery words: {error}"))
    };
    let mut words = Zeroizing::new(String::new());
    if std::io::stdin().is_terminal() {
        let mut stderr = std::io::stderr().lock();
        stderr
            .write_all(b"Recovery words, in one line: ")
            .and_then(|()| stderr.flush())
            .map_err(unreadable)?;
        std::io::stdin().read_line(&mut words).map_err(unreadable)?;
    } else {
        let input = std::io::stdin().lock();
        input
            .take(WORDS_BYTES_MAX)
            .read_to_string(&mut words)
            .map_err(unreadable)?;
    }
    Ok(words)
}

fn report(out: &mut Out, arguments: &args::Init, made: &Initialised) -> Result<(), Stop> {
    if out.is_json() {
        return out.object(&InitReport {
            account: made.account,
            device: made.device,
            recovery: None,
            recovery_file: None,
        });
    }
    let dir = arguments.data.dir.display();
    out.text(&format!(
        "account {}\nThis is a device of it now: `alloquy-node run --data {dir}` fetches its communities.",
        made.account
    ))
}
