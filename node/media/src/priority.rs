//! Threads whose sound is broken when they have to wait come before others that want the processor.
//!
//! A niceness as PulseAudio and PipeWire have, and no real-time scheduling: where a tick takes longer than it lasts, a
//! real-time thread would have a core for ever, and the kernel ends a process that does that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use zbus::blocking::{Proxy, connection::Builder};

/// PulseAudio's own: before all that people run, behind what the system needs.
const NICENESS: i32 = -11;
/// The service that gives priorities to those who sit in front of a screen.
const RTKIT: &str = "org.freedesktop.RealtimeKit1";
const RTKIT_PATH: &str = "/org/freedesktop/RealtimeKit1";
/// How long it may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// The bus did not answer once: nobody asks it again.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Raises the calling thread, if the kernel allows it to this process or rtkit gives it; else it stays as it is. Never
/// waits: rtkit is asked elsewhere.
pub(crate) fn raise() {
    // On Linux the priority of the calling thread alone.
    let Err(error) = setpriority_process(None, NICENESS) else {
        return;
    };
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    let thread = gettid().as_raw_nonzero().get().unsigned_abs();
    let asking = std::thread::Builder::new()
        .name("audio-rtkit".to_owned())
        .spawn(move || match asked(u64::from(thread)) {
            Ok(()) => tracing::debug!(thread, "rtkit has raised a thread of sound"),
            Err(refused) => {
                SILENT.store(true, Ordering::Relaxed);
                tracing::info!(
                    %error, %refused,
                    "threads of sound have no priority over other programs"
                );
            }
        });
    if let Err(error) = asking {
        tracing::warn!(%error, "no thread to ask rtkit with");
    }
}

fn asked(thread: u64) -> zbus::Result<()> {
    let bus = Builder::system()?.method_timeout(ANSWER_WITHIN).build()?;
    let rtkit = Proxy::new(&bus, RTKIT, RTKIT_PATH, RTKIT)?;
    rtkit.call("MakeThreadHighPriority", &(thread, NICENESS))
}
