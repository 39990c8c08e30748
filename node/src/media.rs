//! Where an audio engine is attached to a node: tasks out, reports in.
//!
//! A face that has an engine takes the [`MediaPort`] once; while it holds it, `voice join` works. Whoever drops either
//! half, or lets [`TASKS_MAX`] tasks wait, has no engine attached any more: tasks are never left out, since a link that
//! was not ended would go on sounding. An engine whose tasks end has left its room.

use alloquy_api::voice::{MediaReport, MediaTask};
use tokio::sync::mpsc;

/// Tasks that wait for the engine: a room of eight that is joined, left and joined again, with all candidates.
pub const TASKS_MAX: usize = 1024;
/// Reports that wait for the node; an engine that has more waits, or leaves statistics out.
pub const REPORTS_MAX: usize = 1024;

/// The engine's side.
#[derive(Debug)]
pub struct MediaPort {
    /// What the engine is to do, in order.
    pub tasks: mpsc::Receiver<MediaTask>,
    /// What it reports.
    pub reports: mpsc::Sender<MediaReport>,
}

/// The driver's side.
#[derive(Debug)]
pub(crate) struct Engine {
    tasks: mpsc::Sender<MediaTask>,
    reports: mpsc::Receiver<MediaReport>,
}

/// Both sides.
pub(crate) fn port() -> (Engine, MediaPort) {
    let (tasks, taken) = mpsc::channel(TASKS_MAX);
    let (reports, came) = mpsc::channel(REPORTS_MAX);
    let engine = Engine {
        tasks,
        reports: came,
    };
    let port = MediaPort {
        tasks: taken,
        reports,
    };
    (engine, port)
}

/// The engine's place at the driver.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<Engine>);

impl Seat {
    /// An engine is attached, in place of the one before.
    pub(crate) fn attach(&mut self, engine: Engine) {
        self.0 = Some(engine);
    }

    /// The next report; `None` once the engine is gone. For ever without one.
    pub(crate) async fn report(&mut self) -> Option<MediaReport> {
        let Some(engine) = &mut self.0 else {
            return std::future::pending().await;
        };
        let report = tokio::select! {
            report = engine.reports.recv() => report,
            () = engine.tasks.closed() => None,
        };
        if report.is_none() {
            self.0 = None;
        }
        report
    }

    /// Gives a task. An engine that takes none is let go of, which [`Self::report`] tells.
    pub(crate) fn give(&mut self, task: MediaTask) {
        let Some(engine) = &mut self.0 else {
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = engine.tasks.try_send(task) {
            tracing::error!("{TASKS_MAX} tasks wait for the audio engine: it is let go of");
            engine.reports.close();
            while engine.reports.try_recv().is_ok() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_engine_that_is_dropped_is_gone_whichever_half_goes_first() {
        for tasks_first in [true, false] {
            let (engine, port) = port();
            let mut seat = Seat::default();
            seat.attach(engine);
            let MediaPort { mut tasks, reports } = port;
            seat.give(MediaTask::Leave);
            assert_eq!(tasks.recv().await, Some(MediaTask::Leave));
            let sent = reports.send(MediaReport::Speaking(true)).await;
            assert!(sent.is_ok());
            assert_eq!(seat.report().await, Some(MediaReport::Speaking(true)));
            let (_tasks, _reports) = if tasks_first {
                drop(tasks);
                (None, Some(reports))
            } else {
                drop(reports);
                (Some(tasks), None)
            };
            assert_eq!(seat.report().await, None);
            seat.give(MediaTask::Leave);
        }
    }

    #[tokio::test]
    async fn an_engine_that_takes_no_tasks_is_let_go_of() {
        let (engine, port) = port();
        let mut seat = Seat::default();
        seat.attach(engine);
        for _ in 0..=TASKS_MAX {
            seat.give(MediaTask::Leave);
        }
        assert_eq!(seat.report().await, None);
        drop(port);
    }
}
