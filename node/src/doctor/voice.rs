//! What `doctor` says of the call that this device is in: by which way each voice comes, and why not by a better one.

use alloquy_api::Snapshot;
use alloquy_api::rpc::Check;
use alloquy_api::voice::{CallPeerView, CallView, LinkStage, MediaPath};
use alloquy_ids::DeviceId;

use super::{ok, warn};

const CHECK: &str = "voice";
const KIND_RELAY: &str = "relay";

/// One sentence for each other device of the call; none outside of one.
pub(super) fn checks(snapshot: &Snapshot) -> Vec<Check> {
    let Some(call) = &snapshot.call else {
        return Vec::new();
    };
    let peers = call.peers.iter();
    peers
        .map(|(device, peer)| voice_of(&name(snapshot, call, *device), peer))
        .collect()
}

fn name(snapshot: &Snapshot, call: &CallView, device: DeviceId) -> String {
    let community = snapshot.communities.get(&call.community);
    let room = community.and_then(|community| community.voices.get(&call.channel));
    let member = room.and_then(|members| members.iter().find(|member| member.device == device));
    member.map_or_else(|| device.short(), |member| member.name.clone())
}

fn voice_of(name: &str, peer: &CallPeerView) -> Check {
    let reason = peer.link.reason.as_deref();
    match (&peer.link.path, peer.link.stage) {
        (_, LinkStage::Failed) => warn(
            CHECK,
            format!(
                "{name}: not connected: {}",
                reason.unwrap_or("no way works")
            ),
            "it is tried again; a TURN server helps: a home node run with --turn, or one named with --ice",
        ),
        (Some(path), stage) => {
            let mut sentence = format!("{name}: {}", way(path));
            if let Some(trip) = peer.stats.round_trip_ms {
                sentence.push_str(&format!(", {trip} ms"));
            }
            if stage < LinkStage::Open {
                sentence.push_str("; keys are being agreed on");
            }
            if let Some(reason) = reason {
                sentence.push_str(&format!("; {reason}"));
            }
            match why_not_direct(path) {
                None => ok(CHECK, sentence),
                Some((why, advice)) => warn(CHECK, format!("{sentence}; {why}"), advice),
            }
        }
        (None, _) => {
            let reason = reason.unwrap_or("a way is being looked for");
            ok(CHECK, format!("{name}: not connected yet: {reason}"))
        }
    }
}

fn way(path: &MediaPath) -> String {
    let MediaPath { local, remote, .. } = path;
    let own = path.local_kind == KIND_RELAY;
    let theirs = path.remote_kind == KIND_RELAY;
    match (own, theirs) {
        (true, true) => format!(
            "through two TURN servers, {local} here over {} and {remote} there",
            path.protocol
        ),
        (true, false) => format!(
            "through the TURN server {local} over {}, to {remote}",
            path.protocol
        ),
        (false, true) => format!("from {local} through the TURN server {remote} that they use"),
        (false, false) => format!(
            "directly, {local} ({}) to {remote} ({})",
            path.local_kind, path.remote_kind
        ),
    }
}

/// Why a relayed way is not direct, and what to do.
fn why_not_direct(path: &MediaPath) -> Option<(&'static str, &'static str)> {
    if path.protocol != "udp" {
        return Some((
            "no direct way was found: no UDP got out of this network",
            "it works, with more delay; let the network's firewall pass UDP",
        ));
    }
    let relayed = path.local_kind == KIND_RELAY || path.remote_kind == KIND_RELAY;
    relayed.then_some((
        "no direct way was found: no pair of the addresses of both sides answered, as when both routers give each \
         connection another port",
        "it works; one side whose router passes connections on, or IPv6 on both, is enough for a direct way",
    ))
}

#[cfg(test)]
mod tests {
    use alloquy_api::rpc::CheckLevel;
    use alloquy_api::voice::{LinkStats, LinkView};
    use alloquy_ids::AccountId;

    use super::*;

    fn peer(stage: LinkStage, kinds: Option<[&str; 3]>, reason: Option<&str>) -> CallPeerView {
        let path = kinds.map(|[local, remote, protocol]| MediaPath {
            local: "192.0.2.1:5".to_owned(),
            remote: "198.51.100.2:7".to_owned(),
            local_kind: local.to_owned(),
            remote_kind: remote.to_owned(),
            protocol: protocol.to_owned(),
        });
        CallPeerView {
            account: AccountId([1; 32]),
            link: LinkView {
                stage,
                reason: reason.map(str::to_owned),
                path,
            },
            speaking: false,
            volume: 100,
            stats: LinkStats {
                round_trip_ms: Some(23),
                ..LinkStats::default()
            },
        }
    }

    #[test]
    fn each_way_is_told_and_why_it_is_no_better() {
        use LinkStage::{Audio, Connecting, Failed};
        let told = |stage, kinds, reason| {
            let check = voice_of("Ben", &peer(stage, kinds, reason));
            (check.level, check.sentence)
        };
        let (level, sentence) = told(Audio, Some(["host", "srflx", "udp"]), None);
        assert_eq!(level, CheckLevel::Ok);
        assert_eq!(
            sentence,
            "Ben: directly, 192.0.2.1:5 (host) to 198.51.100.2:7 (srflx), 23 ms"
        );
        let (level, sentence) = told(Audio, Some(["relay", "srflx", "udp"]), None);
        assert_eq!(level, CheckLevel::Warn);
        assert!(sentence.contains("TURN server 192.0.2.1:5"), "{sentence}");
        assert!(sentence.contains("another port"), "{sentence}");
        let (_, sentence) = told(Audio, Some(["relay", "host", "tls"]), None);
        assert!(sentence.contains("no UDP got out"), "{sentence}");
        let (level, sentence) = told(Failed, None, Some("3 addresses were tried"));
        assert_eq!(level, CheckLevel::Warn);
        assert!(sentence.ends_with("3 addresses were tried"), "{sentence}");
        let (level, _) = told(Connecting, None, None);
        assert_eq!(level, CheckLevel::Ok);
    }
}
