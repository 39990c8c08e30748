//! Whole nodes on loopback: real sockets, real stores, the real core.

use std::path::Path;
use std::time::Duration;

use alloquy_api::command::{ChannelKind, ChannelRef, CommunityRef};
use alloquy_api::{Client, Command, CommandError, ErrorCode, Event, Reply};

use super::*;

mod faces;

/// Long enough for a loaded machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(dir: &Path) -> NodeConfig {
    let mut config = NodeConfig::new(dir, KeySource::default());
    config.mdns = false;
    config.listen = vec![
        "/ip4/127.0.0.1/udp/0/quic-v1".to_owned(),
        "/ip4/127.0.0.1/tcp/0".to_owned(),
    ];
    config
}

async fn made(dir: &Path, name: &str) -> Running {
    init(&config(dir), name, RecoveryWords::Shown).unwrap();
    start(config(dir)).await.unwrap()
}

async fn call(handle: &mut NodeHandle, command: Command) -> Reply {
    handle
        .call(command.clone(), PATIENCE)
        .await
        .unwrap_or_else(|error| panic!("{command:?}: {error:?}"))
}

async fn text_arrives(handle: &mut NodeHandle, text: &str) {
    let arrived = async {
        loop {
            match handle.event().await.expect("the node runs") {
                Event::MessageAdded { message, .. } | Event::MessageChanged { message, .. }
                    if message.text == text =>
                {
                    return;
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, arrived)
        .await
        .unwrap_or_else(|_| panic!("{text:?} did not arrive"));
}

fn send(text: &str) -> Command {
    Command::Send {
        channel: ChannelRef("club/general".to_owned()),
        text: text.to_owned(),
        embeds: Vec::new(),
    }
}

async fn history(handle: &mut NodeHandle) -> Vec<String> {
    let channel = ChannelRef("club/general".to_owned());
    match call(
        handle,
        Command::History {
            channel,
            last: 100,
            before: None,
            thread: None,
        },
    )
    .await
    {
        Reply::History { messages, .. } => {
            messages.into_iter().map(|message| message.text).collect()
        }
        other => panic!("{other:?}"),
    }
}

async fn founded(handle: &mut NodeHandle) -> String {
    call(
        handle,
        Command::CreateCommunity {
            name: "club".to_owned(),
            template: None,
        },
    )
    .await;
    let community = CommunityRef("club".to_owned());
    let channel = Command::CreateChannel {
        community: community.clone(),
        kind: ChannelKind::Text,
        name: "general".to_owned(),
        private: false,
        category: None,
    };
    call(handle, channel).await;
    match call(
        handle,
        Command::Invite {
            community,
            uses: None,
            expires_ms: None,
        },
    )
    .await
    {
        Reply::Invite { invite, .. } => invite,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_create_join_talk_and_find_each_other_again() {
    let outer = tempfile::tempdir().unwrap();
    let (ana_dir, ben_dir) = (outer.path().join("ana"), outer.path().join("ben"));
    let (ana, ben) = (made(&ana_dir, "Ana").await, made(&ben_dir, "Ben").await);
    let (mut ana_handle, mut ben_handle) = (ana.handle(), ben.handle());
    let link = founded(&mut ana_handle).await;
    call(&mut ana_handle, send("before")).await;
    call(&mut ben_handle, Command::Join { link }).await;
    call(&mut ana_handle, send("hello Ben")).await;
    text_arrives(&mut ben_handle, "hello Ben").await;
    call(&mut ben_handle, send("hello Ana")).await;
    text_arrives(&mut ana_handle, "hello Ana").await;
    assert_eq!(
        history(&mut ben_handle).await,
        ["before", "hello Ben", "hello Ana"]
    );

    // Ben goes and comes back on other ports; what was said meanwhile comes once and in order.
    drop(ben_handle);
    ben.shutdown().await.unwrap();
    for n in 0..20 {
        call(&mut ana_handle, send(&format!("away {n}"))).await;
    }
    let ben = start(config(&ben_dir)).await.unwrap();
    let mut ben_handle = ben.handle();
    text_arrives(&mut ben_handle, "away 19").await;
    let expected: Vec<_> = ["before", "hello Ben", "hello Ana"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..20).map(|n| format!("away {n}")))
        .collect();
    assert_eq!(history(&mut ben_handle).await, expected);

    // Both go; each finds the other by the addresses that it kept, although Ben's are new.
    ana.shutdown().await.unwrap();
    let ana = start(config(&ana_dir)).await.unwrap();
    let mut ana_handle = ana.handle();
    call(&mut ben_handle, send("again")).await;
    text_arrives(&mut ana_handle, "again").await;
    ana.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_socket_serves_and_a_node_that_ends_is_not_running_at_once() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let absent = RpcClient::connect(&dir).unwrap_err();
    assert_eq!(absent.code, ErrorCode::NotRunning);
    let ana = made(&dir, "Ana").await;
    assert_eq!(
        RunError::code(&start(config(&dir)).await.unwrap_err()),
        ErrorCode::InUse
    );

    let account = ana.status().account;
    let path = dir.clone();
    let served = tokio::task::spawn_blocking(move || {
        let mut client = RpcClient::connect(&path).unwrap();
        assert_eq!(client.account(), account);
        let status = client.status(PATIENCE).unwrap();
        assert!(
            status.ready && status.account == account && !status.listen.is_empty(),
            "{status:?}"
        );
        let created = client
            .call(
                Command::CreateCommunity {
                    name: "club".to_owned(),
                    template: None,
                },
                PATIENCE,
            )
            .unwrap();
        assert!(matches!(created, Reply::Community { .. }), "{created:?}");
        let snapshot = client.snapshot();
        let joined = snapshot
            .communities
            .values()
            .filter(|view| view.direct.is_none());
        assert_eq!(joined.count(), 1);
        let mut watcher = RpcClient::connect(&path).unwrap();
        watcher.subscribe().unwrap();
        client
            .call(
                Command::Rename {
                    target: "club".to_owned(),
                    name: "inn".to_owned(),
                },
                PATIENCE,
            )
            .unwrap();
        let changed = watcher.wait_event(PATIENCE).unwrap();
        assert!(
            matches!(changed, Some(Event::CommunityChanged { .. })),
            "{changed:?}"
        );
        let report = doctor(&config(&path));
        assert!(
            report.checks.iter().any(|check| check.check == "store"),
            "{report:?}"
        );
        assert_eq!(
            report.worst(),
            alloquy_api::rpc::CheckLevel::Warn,
            "a key file, and no peers: {report:?}"
        );
        watcher
    });
    let mut watcher = served.await.unwrap();
    let gone = tokio::task::spawn_blocking(move || {
        loop {
            match watcher.wait_event(PATIENCE) {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    });
    ana.shutdown().await.unwrap();
    let gone: Result<Option<Event>, CommandError> = gone.await.unwrap();
    assert_eq!(gone.unwrap_err().code, ErrorCode::NotRunning);
    assert_eq!(
        RpcClient::connect(&dir).unwrap_err().code,
        ErrorCode::NotRunning
    );
    assert!(
        doctor(&config(&dir))
            .checks
            .iter()
            .any(|check| check.sentence.contains("no node runs"))
    );
}

#[test]
fn a_stale_socket_is_not_running_at_once() {
    let outer = tempfile::tempdir().unwrap();
    let dir = data_dir::DataDir::create(outer.path()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(dir.socket()).unwrap());
    assert!(dir.socket().exists());
    assert_eq!(
        RpcClient::connect(outer.path()).unwrap_err().code,
        ErrorCode::NotRunning
    );
}

#[test]
fn an_account_is_made_once_and_only_with_a_good_name() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let bad = init(&config(&dir), &"x".repeat(1000), RecoveryWords::Shown).unwrap_err();
    assert_eq!(bad.code(), ErrorCode::Limit);
    assert!(!dir.exists(), "a refused name leaves nothing behind");
    let made = init(&config(&dir), "Ana", RecoveryWords::Shown).unwrap();
    assert_eq!(made.recovery_words.unwrap().split(' ').count(), 12);
    assert_eq!(made.at_rest, KeyOrigin::KeyFile);
    assert_eq!(
        init(&config(&dir), "Ana", RecoveryWords::Shown)
            .unwrap_err()
            .code(),
        ErrorCode::Exists
    );
}

/// What a node answers to these bytes on a fresh connection, until it ends the connection.
fn answers(dir: &Path, bytes: &[u8]) -> Vec<alloquy_api::rpc::Response> {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(dir.join("node.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A node that has seen enough may end the connection while we still write.
    let _written = stream.write_all(bytes);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_none_end_the_connection_with_a_reason() {
    use alloquy_api::rpc::{REQUEST_LINE_BYTES_MAX, RPC_VERSION, Response};
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let ana = made(&dir, "Ana").await;
    let checked = tokio::task::spawn_blocking(move || {
        let hello = format!("{{\"hello\":{{\"version\":{RPC_VERSION}}}}}\n").into_bytes();
        let code_of = |bytes: &[u8]| match answers(&dir, bytes).pop() {
            Some(Response::Error(error)) => error.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            code_of(b"{\"hello\":{\"version\":99}}\n"),
            ErrorCode::Version
        );
        assert_eq!(code_of(b"\"status\"\n"), ErrorCode::Parse);
        assert_eq!(code_of(b"nonsense\n"), ErrorCode::Parse);
        assert_eq!(
            code_of(&[&hello, &b"nonsense\n"[..]].concat()),
            ErrorCode::Parse
        );
        let long = vec![b' '; REQUEST_LINE_BYTES_MAX + 1];
        assert_eq!(code_of(&[&hello, &long[..]].concat()), ErrorCode::Limit);
    });
    checked.await.unwrap();
    ana.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_made_at_once_says_where_the_node_is() {
    let dir = tempfile::tempdir().unwrap();
    init(&config(dir.path()), "ana", RecoveryWords::Shown).unwrap();
    for start_number in 0..20 {
        let node = start(config(dir.path())).await.unwrap();
        let order = alloquy_api::PersonalCommand::DeviceLink;
        let Reply::Code { link, .. } = call(&mut node.handle(), Command::Personal { order }).await
        else {
            panic!("a code");
        };
        let peers = alloquy_core::link_peers(&link).unwrap();
        assert_eq!(peers[0].1.len(), 2, "start {start_number}: {peers:?}");
        node.shutdown().await.unwrap();
    }
}
