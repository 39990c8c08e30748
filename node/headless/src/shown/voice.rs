//! The own call as text: who is in it, how far each connection is, and what was measured.

use alloquy_api::voice::{CallPeerView, CallView, DevicesView, LinkStage};

use super::names::Names;
use super::{Table, plain};

fn stage(stage: LinkStage) -> &'static str {
    match stage {
        LinkStage::Signalling => "signalling",
        LinkStage::Connecting => "connecting",
        LinkStage::Securing => "securing",
        LinkStage::Open => "open, no sound yet",
        LinkStage::Audio => "audio",
        LinkStage::Failed => "failed",
    }
}

fn path(peer: &CallPeerView) -> String {
    let way = peer.link.path.as_ref().map(|path| {
        format!(
            "{} ({}) to {} ({}), {}",
            path.local, path.local_kind, path.remote, path.remote_kind, path.protocol
        )
    });
    let reason = peer.link.reason.as_deref().map(plain);
    way.into_iter().chain(reason).collect::<Vec<_>>().join("; ")
}

/// The reply of `voice devices`.
pub(super) fn devices(devices: &DevicesView) -> String {
    let mut lines = Vec::new();
    for (what, used, all) in [
        ("input", &devices.input, &devices.inputs),
        ("output", &devices.output, &devices.outputs),
    ] {
        let used = used.as_deref().map_or("none in use".into(), plain);
        lines.push(format!("{what}: {used}"));
        lines.extend(all.iter().map(|name| format!("  device:{}", plain(name))));
    }
    let failure = devices.failure.as_deref();
    lines.extend(failure.map(|failure| format!("failed: {}", plain(failure))));
    lines.join("\n")
}

/// The reply of `voice stats`.
pub(super) fn call(call: Option<&CallView>, names: &Names) -> String {
    let Some(call) = call else {
        return "in no voice channel".to_owned();
    };
    let mut text = format!("in {}", names.channel(call.channel));
    for (is, word) in [(call.muted, "muted"), (call.deafened, "deafened")] {
        if is {
            text.push_str(", ");
            text.push_str(word);
        }
    }
    if let Some(reason) = &call.silenced {
        text.push_str(", not heard: ");
        text.push_str(&plain(reason));
    }
    let mut table = Table::new(["", "who", "link", "ms", "lost in/out", "delay", "path"]);
    for peer in call.peers.values() {
        let stats = &peer.stats;
        let trip = stats.round_trip_ms.map(|ms| ms.to_string());
        table.row([
            if peer.speaking { "*" } else { "" }.to_owned(),
            names.account(peer.account),
            stage(peer.link.stage).to_owned(),
            trip.unwrap_or_default(),
            format!("{}/{} \u{2030}", stats.lost_in, stats.lost_out),
            format!("{} ms", stats.delay_ms),
            path(peer),
        ]);
    }
    format!("{text}\n{table}")
}
