//! What a window needs of the shell: to be woken, to see connections, to be told that the node ended.

use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_api::command::{Window, WindowAt};
use alloquy_api::snapshot::{ConnectionView, PathKind, WindowSnapshot};
use alloquy_ids::ChannelId;

use super::*;

/// Waits until the snapshot holds something, woken by the handle alone.
async fn shows<T>(handle: &mut NodeHandle, what: &str, look: impl Fn(&Snapshot) -> Option<T>) -> T {
    let shown = async {
        loop {
            if let Some(found) = look(&handle.snapshot()) {
                return found;
            }
            assert!(handle.changed().await, "the node runs");
        }
    };
    tokio::time::timeout(PATIENCE, shown)
        .await
        .unwrap_or_else(|_| panic!("{what} was not shown"))
}

fn keep(name: &str, value: &str) -> Command {
    Command::Keep {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_woken_by_what_it_shows_and_told_of_the_end() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let ana = made(&dir, "Ana").await;
    let mut handle = ana.handle();
    let mut other = ana.handle();
    assert_eq!(handle.ended(), None);
    call(&mut other, keep("draft", "half a thought")).await;
    let kept = shows(&mut handle, "the draft", |snapshot| {
        snapshot.kept.get("draft").cloned()
    });
    assert_eq!(kept.await.as_ref(), "half a thought");

    let mut changes = handle.changes();
    let waiting = tokio::spawn(async move { while changes.next().await {} });
    assert!(!waiting.is_finished());
    ana.shutdown().await.unwrap();
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap()
        .unwrap();
    let ended = handle.ended().expect("the node has ended");
    assert_eq!(ended.code, ErrorCode::NotRunning);
    while handle.changed().await {}

    // A draft is there again after a start.
    let ana = start(config(&dir)).await.unwrap();
    assert_eq!(
        ana.handle().snapshot().kept["draft"].as_ref(),
        "half a thought"
    );
    ana.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_say_who_is_there_by_which_way_and_how_far() {
    let outer = tempfile::tempdir().unwrap();
    let (ana_dir, ben_dir) = (outer.path().join("ana"), outer.path().join("ben"));
    let (ana, ben) = (made(&ana_dir, "Ana").await, made(&ben_dir, "Ben").await);
    let (mut ana_handle, mut ben_handle) = (ana.handle(), ben.handle());
    let link = founded(&mut ana_handle).await;
    call(&mut ben_handle, Command::Join { link }).await;
    let of_ben = |snapshot: &Snapshot| -> Option<ConnectionView> {
        let peers = &snapshot.connections.peers;
        peers
            .iter()
            .find(|peer| peer.name.as_deref() == Some("Ben"))
            .cloned()
    };
    let there = shows(
        &mut ana_handle,
        "the way to Ben and its round trip",
        |snapshot| of_ben(snapshot).filter(|ben| ben.round_trip_ms.is_some()),
    )
    .await;
    assert_eq!(there.path, Some(PathKind::Loopback));
    assert!(there.address.contains("127.0.0.1"), "{}", there.address);
    assert_eq!(there.account, Some(ben.status().account));
    let snapshot = ana_handle.snapshot();
    assert_eq!(snapshot.connections.listen, ana.status().listen);
    assert!(!snapshot.connections.local_discovery);

    let before = driver::wall();
    ben.shutdown().await.unwrap();
    let gone = shows(&mut ana_handle, "that Ben is gone", |snapshot| {
        of_ben(snapshot).filter(|ben| ben.path.is_none())
    })
    .await;
    assert_eq!(gone.round_trip_ms, None);
    assert!(gone.seen >= before);
    ana.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_of_another_snapshot_and_asks_only_then() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let ana = made(&dir, "Ana").await;
    let mut handle = ana.handle();
    let path = dir.clone();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let watching = tokio::task::spawn_blocking(move || {
        let mut client = RpcClient::connect(&path).unwrap();
        client.subscribe().unwrap();
        // A start writes the own conversation; then nothing changes.
        let mut first = client.snapshot();
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let again = client.snapshot();
            if Arc::ptr_eq(&first, &again) {
                break;
            }
            assert!(std::time::Instant::now() < end, "it never rests");
            first = again;
        }
        ready.send(()).unwrap();
        // Woken by events too: only the snapshot says when the draft is there.
        while client.snapshot().kept.is_empty() {
            assert!(
                client.wait_changed(PATIENCE).unwrap(),
                "the node told of nothing"
            );
        }
        assert_eq!(client.ended(), None);
        let kept = client.snapshot();
        assert_eq!(kept.kept["draft"].as_ref(), "a thought");
        assert!(kept.version > first.version);
        client
    });
    is_ready.await.unwrap();
    call(&mut handle, keep("draft", "a thought")).await;
    let mut client = watching.await.unwrap();
    let gone = tokio::task::spawn_blocking(move || {
        while client.wait_changed(PATIENCE).is_ok_and(|changed| changed) {
            client.snapshot();
            while client.next_event().is_some() {}
        }
        (client.ended(), client.snapshot())
    });
    ana.shutdown().await.unwrap();
    let (ended, last) = gone.await.unwrap();
    assert_eq!(
        ended.expect("the node has ended").code,
        ErrorCode::NotRunning
    );
    assert_eq!(last.kept.len(), 1, "the last one is still shown");
}

/// A window on the club's channel with this many messages at its end.
fn watch(channel: ChannelId, limit: u32) -> Command {
    let (thread, at) = (None, WindowAt::End);
    let window = Window {
        channel,
        thread,
        at,
        limit,
    };
    Command::Watch { window }
}

fn shown(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let texts = |window: &Arc<WindowSnapshot>| {
        let messages = window.messages.iter();
        messages.map(|message| message.text.clone()).collect()
    };
    snapshot.windows.values().map(texts).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_on_one_node_look_at_different_parts_and_go_one_by_one() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let ana = made(&dir, "Ana").await;
    let mut handle = ana.handle();
    founded(&mut handle).await;
    for n in 0..5 {
        call(&mut handle, send(&n.to_string())).await;
    }
    let channel = handle
        .snapshot()
        .communities
        .values()
        .find(|view| view.direct.is_none())
        .unwrap()
        .channels[0]
        .channel;
    let both = tokio::task::spawn_blocking(move || {
        let mut one = RpcClient::connect(&dir).unwrap();
        let mut two = RpcClient::connect(&dir).unwrap();
        one.subscribe().unwrap();
        two.subscribe().unwrap();
        one.call(watch(channel, 2), PATIENCE).unwrap();
        two.call(watch(channel, 3), PATIENCE).unwrap();
        assert_eq!(shown(&one.snapshot()), [["3", "4"]]);
        assert_eq!(shown(&two.snapshot()), [["2", "3", "4"]]);
        // What one looks at is no news for the other.
        while two.wait_changed(Duration::ZERO).unwrap() {
            two.snapshot();
            while two.next_event().is_some() {}
        }
        let before = two.snapshot().version;
        one.call(watch(channel, 4), PATIENCE).unwrap();
        assert_eq!(shown(&one.snapshot()), [["1", "2", "3", "4"]]);
        two.call(Command::Communities, PATIENCE).unwrap();
        assert_eq!(two.snapshot().version, before);

        // A client has as many windows as it may, and another one still has its own.
        let other = |n: u8| ChannelId([n; 32]);
        for n in 1..64 {
            one.call(watch(other(n), 1), PATIENCE).unwrap();
        }
        let refused = one.call(watch(other(64), 1), PATIENCE).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Limit);
        assert!(refused.message.contains("64"), "{}", refused.message);
        one.call(watch(channel, 1), PATIENCE).unwrap();
        two.call(watch(other(64), 1), PATIENCE).unwrap();
        drop(one);
        two
    });
    let mut two = both.await.unwrap();
    assert!(
        shown(&handle.snapshot()).is_empty(),
        "this one watches nothing"
    );
    let gone = async {
        while ana.watching() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("what the dead one watched is forgotten");
    call(&mut handle, send("5")).await;
    let two = tokio::task::spawn_blocking(move || {
        two.call(Command::Communities, PATIENCE).unwrap();
        assert_eq!(shown(&two.snapshot()), [["3", "4", "5"]]);
        two
    });
    drop(two.await.unwrap());
    call(&mut handle, watch(channel, 1)).await;
    assert_eq!(shown(&handle.snapshot()), [["5"]]);
    ana.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_changes_is_told_to_a_second_process_a_few_times() {
    use std::io::{BufRead, BufReader, Write};

    use alloquy_api::rpc::{RPC_VERSION, Request, Response};
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let ana = made(&dir, "Ana").await;
    let mut handle = ana.handle();
    let mut stream = std::os::unix::net::UnixStream::connect(dir.join("node.sock")).unwrap();
    let version = RPC_VERSION;
    for request in [Request::Hello { version }, Request::Subscribe] {
        let line = serde_json::to_string(&request).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    let (told, mut tellings) = tokio::sync::mpsc::unbounded_channel();
    let reader = tokio::task::spawn_blocking(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Response::Changed { version } = serde_json::from_str(&line).unwrap() {
                told.send(version).unwrap();
            }
        }
    });
    let began = std::time::Instant::now();
    for n in 0..200 {
        call(&mut handle, keep("place", &n.to_string())).await;
    }
    let took = began.elapsed();
    let last = handle.snapshot().version;
    let mut versions: Vec<u64> = Vec::new();
    while !versions.contains(&last) {
        let next = tokio::time::timeout(Duration::from_secs(60), tellings.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("{last} is told: {versions:?}"));
        versions.push(next.unwrap());
    }
    ana.shutdown().await.unwrap();
    reader.await.unwrap();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    // At most 30 a second, and some before and after.
    let most = 30.0 * took.as_secs_f64() + 10.0;
    assert!(
        (versions.len() as f64) < most,
        "{} in {took:?}",
        versions.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_in_a_window_keeps_its_words_until_they_were_written_down() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("ana");
    let made = init(&config(&dir), "Ana", RecoveryWords::Kept).unwrap();
    assert!(made.recovery_words.is_none());
    let ana = start(config(&dir)).await.unwrap();
    let mut handle = ana.handle();
    assert!(handle.snapshot().recovery_pending);
    let Reply::Recovery { recovery_words } = call(&mut handle, Command::RecoveryShow).await else {
        panic!("words")
    };
    let words = [2, 5, 11].map(|place: u8| (place, recovery_words[usize::from(place) - 1].clone()));
    call(&mut handle, Command::RecoveryConfirm { words }).await;
    assert!(!handle.snapshot().recovery_pending);
    ana.shutdown().await.unwrap();
    let ana = start(config(&dir)).await.unwrap();
    let refused = ana
        .handle()
        .call(Command::RecoveryShow, PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnknownName);
    ana.shutdown().await.unwrap();
}
