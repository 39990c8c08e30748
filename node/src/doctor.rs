//! What is wrong, or could be better, about a data directory and its node.
//!
//! Looks from outside at what is on disk, and asks a running node for what only it knows. Never changes the
//! store; whether the disk can be written is tried with a file of its own.

mod reach;
mod voice;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use alloquy_api::rpc::{Check, CheckLevel, DoctorReport, KeySource};
use alloquy_api::snapshot::ConnectionsSnapshot;
use alloquy_api::{ErrorCode, Snapshot};

use crate::config::NodeConfig;
use crate::data_dir::{DataDir, create_private};
use crate::node::Facts;
use crate::rpc::RpcClient;
use crate::store::DirLock;
use crate::vault;

/// How long a running node may take to answer.
const NODE_LIMIT: Duration = Duration::from_secs(5);
/// Bytes written to see whether the disk takes them: the smallest growth of the store.
const PROBE_BYTES: usize = 64 * 1024;
/// Free space below which a person should act, in bytes.
const FREE_BYTES_LOW: u64 = 64 * 1024 * 1024;

/// Looks at a data directory and, if one runs there, at its node. Blocking; never changes the store.
#[must_use]
pub fn doctor(config: &NodeConfig) -> DoctorReport {
    let dir = DataDir::new(&config.data_dir);
    let mut checks = vec![account(&dir)];
    let mut connections = None;
    if dir.path().is_dir() {
        checks.push(permissions(&dir));
        checks.push(disk(&dir));
        checks.push(at_rest_key(&dir));
        let told = node(&dir);
        checks.extend(told.checks);
        connections = told.connections;
    }
    DoctorReport {
        checks,
        connections,
    }
}

/// What only the running node can check.
pub(crate) fn of_running(facts: &Facts, snapshot: &Snapshot) -> DoctorReport {
    let network = facts.network();
    let store = match facts.storage_error() {
        None => ok("store", "the last commit succeeded"),
        Some(error) => fail(
            "store",
            error.to_string(),
            "make room or make the disk writable; the node goes on by itself",
        ),
    };
    let listen = if network.listen.is_empty() {
        fail(
            "listen",
            "the node listens nowhere",
            "start it with --listen",
        )
    } else {
        ok(
            "listen",
            format!("the node listens on {} addresses", network.listen.len()),
        )
    };
    let mdns = if network.mdns {
        ok("mdns", "peers of the local network are looked for")
    } else {
        ok(
            "mdns",
            "peers of the local network are not looked for: mDNS is off or there is no multicast",
        )
    };
    let peers = match network.peers.len() {
        0 => warn(
            "peers",
            "no peer is connected",
            "messages wait here until a member is reachable",
        ),
        count => ok("peers", format!("{count} peers are connected")),
    };
    let counters = network.counters;
    let traffic = ok(
        "traffic",
        format!(
            "{} frames out, {} in, {} by gossip out, {} in, {} sessions broken off, {} faults of peers",
            counters.frames_out,
            counters.frames_in,
            counters.gossip_out,
            counters.gossip_in,
            counters.sessions_broken,
            counters.faults
        ),
    );
    let connections = &snapshot.connections;
    let mut checks = vec![store, listen, mdns, peers];
    checks.extend(reach::checks(connections));
    checks.extend(voice::checks(snapshot));
    checks.extend([traffic, key_check(facts.at_rest())]);
    DoctorReport {
        checks,
        connections: Some(ConnectionsSnapshot::clone(connections)),
    }
}

fn account(dir: &DataDir) -> Check {
    let path = dir.path().display();
    match fs::metadata(dir.store()) {
        Ok(metadata) if metadata.len() > 0 => ok("account", format!("{path} holds an account")),
        Ok(_) => fail(
            "account",
            format!("{} is empty", dir.store().display()),
            "put back a copy of the file",
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => fail(
            "account",
            format!("{path} holds no account"),
            "make one: alloquy-node init",
        ),
        Err(error) => fail(
            "account",
            format!("{}: {error}", dir.store().display()),
            "make the directory readable",
        ),
    }
}

fn permissions(dir: &DataDir) -> Check {
    let files = [
        dir.store(),
        dir.vault(),
        dir.key_file(),
        dir.machine(),
        dir.generation(),
        dir.socket(),
    ];
    let open = |path: &Path| {
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    };
    let wide = files
        .iter()
        .map(AsRef::as_ref)
        .chain([dir.path()])
        .find(|path| open(path));
    match wide {
        None => ok(
            "permissions",
            "directory and files are for their owner alone",
        ),
        Some(path) => warn(
            "permissions",
            format!("others may open {}", path.display()),
            format!("chmod go= {}", path.display()),
        ),
    }
}

fn disk(dir: &DataDir) -> Check {
    let probe = dir.path().join("doctor.probe");
    let written = create_private(&probe).and_then(|mut file| {
        file.write_all(&[0x5a; PROBE_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&probe);
    if let Err(error) = written.and(removed) {
        return fail(
            "disk",
            format!("{} can not be written: {error}", dir.path().display()),
            "make room or make it writable",
        );
    }
    match rustix::fs::statvfs(dir.path()) {
        Ok(space) if space.f_bavail.saturating_mul(space.f_frsize) < FREE_BYTES_LOW => {
            let free = space.f_bavail.saturating_mul(space.f_frsize) / 1024;
            warn(
                "disk",
                format!("{free} KiB are free"),
                "make room before the node can not write any more",
            )
        }
        _ => ok("disk", "the directory can be written"),
    }
}

fn at_rest_key(dir: &DataDir) -> Check {
    match vault::origin(dir) {
        Ok(Some(origin)) => key_check(origin),
        Ok(None) => fail(
            "at-rest-key",
            format!("{} is missing", dir.vault().display()),
            "put back a copy of the file",
        ),
        Err(error) => fail(
            "at-rest-key",
            error.to_string(),
            "put back a copy of the file",
        ),
    }
}

fn key_check(origin: KeySource) -> Check {
    match origin {
        KeySource::Passphrase => ok("at-rest-key", "the store is locked by a passphrase"),
        KeySource::Keychain => ok(
            "at-rest-key",
            "the store is locked by a key in the OS keychain",
        ),
        KeySource::KeyFile => warn(
            "at-rest-key",
            "the store's key lies in a file beside it: whoever copies the directory can read everything",
            "use a passphrase for the next account: ALLOQUY_PASSPHRASE or --passphrase-file at init",
        ),
    }
}

fn node(dir: &DataDir) -> DoctorReport {
    let only = |check: Check| DoctorReport {
        checks: vec![check],
        connections: None,
    };
    match RpcClient::connect(dir.path()).and_then(|mut client| client.doctor(NODE_LIMIT)) {
        Ok(report) => {
            let mut checks = vec![ok("node", "a node runs and answers")];
            // The key was looked at from here already.
            checks.extend(
                report
                    .checks
                    .into_iter()
                    .filter(|check| check.check != "at-rest-key"),
            );
            DoctorReport {
                checks,
                connections: report.connections,
            }
        }
        Err(error) if error.code == ErrorCode::NotRunning => only(not_running(dir)),
        Err(error) => only(fail("node", error.message, "start the node again")),
    }
}

fn not_running(dir: &DataDir) -> Check {
    match DirLock::holder(dir) {
        Ok(Some(holder)) => {
            let who = holder.pid.map_or_else(
                || "another process".to_owned(),
                |pid| format!("process {pid}"),
            );
            fail(
                "node",
                format!("{who} uses the directory and does not answer"),
                "wait until it is ready, or end it",
            )
        }
        _ => ok("node", "no node runs here"),
    }
}

fn ok(check: &str, sentence: impl Into<String>) -> Check {
    Check {
        check: check.to_owned(),
        level: CheckLevel::Ok,
        sentence: sentence.into(),
        advice: None,
    }
}

fn warn(check: &str, sentence: impl Into<String>, advice: impl Into<String>) -> Check {
    Check {
        check: check.to_owned(),
        level: CheckLevel::Warn,
        sentence: sentence.into(),
        advice: Some(advice.into()),
    }
}

fn fail(check: &str, sentence: impl Into<String>, advice: impl Into<String>) -> Check {
    Check {
        check: check.to_owned(),
        level: CheckLevel::Fail,
        sentence: sentence.into(),
        advice: Some(advice.into()),
    }
}
