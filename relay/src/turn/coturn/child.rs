//! The process: started, watched, ended, started again.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::config::Config;
use super::{CoturnError, log, probe, settings};
use crate::quota::wall;
use crate::turn::Counts;

/// How long after its end it is started again, at first.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause: an operator who repaired something waits no longer.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Who lived so long ended by something new: the pause begins anew.
const LIVED: Duration = Duration::from_secs(60);
/// How often it is asked whether it answers.
const PROBE: Duration = Duration::from_secs(5);
/// How often while it starts.
const PROBE_START: Duration = Duration::from_millis(200);
/// How long a start may take until it answers: opening sockets of all relay threads.
const START: Duration = Duration::from_secs(30);
/// Questions in a row that stay without an answer until it is held to be stuck.
const SILENT_MAX: u32 = 3;
/// How long it may take to end by itself.
const END: Duration = Duration::from_secs(5);

/// How a life of it ended.
enum Ended {
    /// It was told to.
    Stopped,
    /// By itself, or because it was silent.
    Died(String),
}

/// Whether the program is there: a name is searched as a shell does.
pub(super) fn find(program: &Path) -> Result<PathBuf, CoturnError> {
    let missing = || CoturnError::Program {
        program: program.to_owned(),
        error: io::ErrorKind::NotFound.into(),
    };
    if program.components().count() > 1 {
        return program
            .is_file()
            .then(|| program.to_owned())
            .ok_or_else(missing);
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&paths).map(|folder| folder.join(program));
    found.find(|path| path.is_file()).ok_or_else(missing)
}

/// Keeps one running until it is told to stop.
pub(super) async fn keep(
    config: Arc<Config>,
    counts: Arc<Counts>,
    mut stopped: watch::Receiver<bool>,
) {
    end_leftover(&config).await;
    let mut pause = PAUSE_FIRST;
    loop {
        let began = Instant::now();
        let ended = live(&config, &counts, &mut stopped).await;
        counts.set_up(false, wall());
        let why = match ended {
            Ended::Stopped => return,
            Ended::Died(why) => why,
        };
        if began.elapsed() >= LIVED {
            pause = PAUSE_FIRST;
        }
        tracing::warn!(
            why,
            pause_ms = pause.as_millis(),
            "coturn has ended; it is started again"
        );
        tokio::select! {
            _ = stopped.changed() => return,
            () = sleep(pause) => {}
        }
        counts.restarts.fetch_add(1, Ordering::Relaxed);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn start(config: &Config, program: &Path) -> io::Result<Child> {
    Command::new(program)
        .arg("-c")
        .arg(config.file(settings::FILE))
        // What it asks of its environment is nothing: secrets of ours stay ours.
        .env_clear()
        .current_dir(&config.data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // By itself, so that a signal of a terminal ends it through us alone.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

async fn live(config: &Config, counts: &Counts, stopped: &mut watch::Receiver<bool>) -> Ended {
    let mut child = match find(&config.turnserver).map(|program| start(config, &program)) {
        Ok(Ok(child)) => child,
        Ok(Err(error)) => return Ended::Died(error.to_string()),
        Err(error) => return Ended::Died(error.to_string()),
    };
    pass_on(child.stdout.take());
    pass_on(child.stderr.take());
    let ended = tokio::select! {
        status = child.wait() => Ended::Died(match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }),
        why = watch_over(config, counts) => Ended::Died(why),
        _ = stopped.changed() => Ended::Stopped,
    };
    end(&mut child).await;
    ended
}

/// Returns when it does not answer any more, or never did.
async fn watch_over(config: &Config, counts: &Counts) -> String {
    let at = SocketAddr::new(config.listen[0], config.port);
    let began = Instant::now();
    while !probe::answers(at).await {
        if began.elapsed() > START {
            return format!("it did not answer within {} s", START.as_secs());
        }
        sleep(PROBE_START).await;
    }
    counts.set_up(true, wall());
    tracing::info!(start_ms = began.elapsed().as_millis(), "coturn answers");
    let mut silent = 0;
    while silent < SILENT_MAX {
        sleep(PROBE).await;
        silent = if probe::answers(at).await {
            0
        } else {
            silent + 1
        };
        counts.set_up(silent == 0, wall());
    }
    format!("it did not answer {SILENT_MAX} times in a row")
}

async fn end(child: &mut Child) {
    if let Some(pid) = child.id().and_then(pid) {
        tell(pid, Signal::TERM);
        if timeout(END, child.wait()).await.is_ok() {
            return;
        }
    }
    if let Err(error) = child.kill().await {
        tracing::debug!(%error, "coturn was gone already");
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

fn tell(pid: Pid, signal: Signal) {
    if let Err(error) = kill_process(pid, signal) {
        tracing::debug!(%error, "coturn could not be told");
    }
}

/// The process that the file names, if it is a coturn with our settings.
fn running(config: &Config) -> Option<Pid> {
    let text = std::fs::read_to_string(config.file(settings::PID_FILE)).ok()?;
    let id: u32 = text.trim().parse().ok()?;
    let words = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let ours = config.file(settings::FILE);
    let mut words = words.split(|byte| *byte == 0);
    words
        .any(|word| word == ours.as_os_str().as_encoded_bytes())
        .then_some(())?;
    pid(id)
}

/// Makes coturn read its certificate and key again.
pub(super) fn reload_certificates(config: &Config) {
    let Some(pid) = running(config) else { return };
    tracing::info!("the certificate has changed; coturn reads it again");
    tell(pid, Signal::USR2);
}

/// Ends a coturn whose supervisor was killed: it holds our ports.
async fn end_leftover(config: &Config) {
    let Some(pid) = running(config) else { return };
    tracing::warn!("a coturn of an earlier start still runs; it is ended");
    tell(pid, Signal::TERM);
    let began = Instant::now();
    while running(config).is_some() {
        if began.elapsed() > END {
            tell(pid, Signal::KILL);
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Reads what it says to its end; whoever does not would make it stop at a full pipe.
fn pass_on(stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(stream) = stream else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line);
            let masked = log::masked(&line);
            match log::level(&line) {
                log::Level::Warn => tracing::warn!(target: "coturn", "{masked}"),
                log::Level::Debug => tracing::debug!(target: "coturn", "{masked}"),
            }
        }
    });
}
