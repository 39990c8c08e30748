//! The engine over WebRTC, joined to a node by two queues of plain data: what every face with voice does.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use alloquy_api::voice::{MediaReport, MediaTask};
use tokio::sync::mpsc;

use crate::engine::{Engine, Reports};
use crate::error::MediaError;
use crate::settings::EngineConfig;
use crate::webrtc::{WebRtc, WebRtcConfig, WebRtcError};

/// Events of the transport that wait for a tick: what eight voices with frames of 10 ms bring in 100 ms, six times over.
const EVENTS_MAX: usize = 512;

/// Why there is no voice.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// WebRTC did not start.
    #[error(transparent)]
    Transport(#[from] WebRtcError),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] MediaError),
}

/// Starts an engine over WebRTC that does what `tasks` says and reports to `reports`, until either ends. Must be called
/// within a runtime of tokio. The engine is shared with whoever changes devices and settings.
///
/// # Errors
/// See [`AttachError`].
pub fn attach(
    config: EngineConfig,
    webrtc: WebRtcConfig,
    tasks: mpsc::Receiver<MediaTask>,
    reports: mpsc::Sender<MediaReport>,
) -> Result<Arc<Engine>, AttachError> {
    let (events, came) = sync_channel(EVENTS_MAX);
    let transport = WebRtc::start(webrtc, events)?;
    let (engine, own) = Engine::start(config, Box::new(transport), came)?;
    let engine = Arc::new(engine);
    tokio::spawn(obey(Arc::clone(&engine), tasks));
    tokio::spawn(report(own, reports));
    Ok(engine)
}

async fn obey(engine: Arc<Engine>, mut tasks: mpsc::Receiver<MediaTask>) {
    while let Some(task) = tasks.recv().await {
        engine.task(task);
    }
    // The node has ended: whoever still holds the engine is in no room any more.
    engine.task(MediaTask::Leave);
}

async fn report(mut own: Reports, reports: mpsc::Sender<MediaReport>) {
    while let Some(report) = own.recv().await {
        if reports.send(report).await.is_err() {
            return;
        }
    }
}
