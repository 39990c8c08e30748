use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use redb::StorageBackend;
use redb::backends::FileBackend;

use super::*;

/// The environment variable that names the directory for the child of the crash test.
const CHILD_DIR: &str = "ALLOQUY_TEST_STORE_CHILD";

fn key() -> StoreKey {
    StoreKey::from_bytes([3; 32])
}

fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Write {
    Write::Put(Bytes::from(key.into()), Bytes::from(value.into()))
}

fn made(first: &[Write]) -> (tempfile::TempDir, DataDir) {
    let outer = tempfile::tempdir().unwrap();
    let dir = DataDir::create(outer.path().join("data")).unwrap();
    Store::create(&dir, &DirLock::acquire(&dir).unwrap(), &key(), first).unwrap();
    (outer, dir)
}

fn opened(dir: &DataDir) -> Result<Opened, OpenError> {
    Store::open(dir, DirLock::acquire(dir)?, &key())
}

/// Waits for `count` outcomes.
async fn outcomes(store: &mut Store, count: usize) -> Vec<(TaskId, Result<(), StorageError>)> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(store.finished().await);
    }
    all
}

#[tokio::test]
async fn what_was_acknowledged_is_there_again_and_the_last_write_of_a_key_counts() {
    let (_outer, dir) = made(&[put("a", "first"), put("b", "gone")]);
    let mut store = opened(&dir).unwrap().store;
    store.submit(
        TaskId(1),
        vec![put("c", vec![9; 100_000]), put("a", "second")],
    );
    store.submit(
        TaskId(2),
        vec![Write::Delete(Bytes::from_static(b"b")), put("a", "third")],
    );
    let done = outcomes(&mut store, 2).await;
    assert_eq!(done, [(TaskId(1), Ok(())), (TaskId(2), Ok(()))]);
    store.close().await;

    let records = opened(&dir).unwrap().records;
    let expected = [("a", b"third".to_vec()), ("c", vec![9; 100_000])];
    assert_eq!(
        records,
        expected.map(|(key, value)| (Bytes::from(key), Bytes::from(value)))
    );
}

#[tokio::test]
async fn what_arrives_while_a_commit_runs_is_one_commit() {
    let (_outer, dir) = made(&[]);
    let mut store = opened(&dir).unwrap().store;
    for task in 0..(2 * BATCH_TASKS_MAX as u64) {
        store.submit(TaskId(task), vec![put(task.to_le_bytes(), "x")]);
    }
    let sizes = [
        store.finished().await.len(),
        store.finished().await.len(),
        store.finished().await.len(),
    ];
    assert_eq!(sizes, [1, BATCH_TASKS_MAX, BATCH_TASKS_MAX - 1]);
    assert!(store.is_idle());
    assert_eq!(store.waiting_bytes(), 0);
}

#[tokio::test]
async fn the_nonce_stays_over_starts_and_changes_when_an_older_store_is_put_back() {
    let (_outer, dir) = made(&[]);
    let first = opened(&dir).unwrap();
    first.store.close().await;
    let old = fs::read(dir.store()).unwrap();
    for _ in 0..2 {
        let again = opened(&dir).unwrap();
        again.store.close().await;
        assert_eq!(again.nonce, first.nonce);
    }
    fs::write(dir.store(), old).unwrap();
    let restored = opened(&dir).unwrap();
    restored.store.close().await;
    assert_ne!(restored.nonce, first.nonce);
    assert_eq!(opened(&dir).unwrap().nonce, restored.nonce);
}

#[tokio::test]
async fn nothing_readable_is_on_disk() {
    let canary = "canary-kqzvx";
    let (_outer, dir) = made(&[put(format!("key-{canary}"), canary)]);
    let mut store = opened(&dir).unwrap().store;
    for task in 0..50 {
        let value = canary.repeat(usize::try_from(task).unwrap() * 20);
        store.submit(TaskId(task), vec![put(format!("{canary}-{task}"), value)]);
    }
    outcomes(&mut store, 50).await;
    store.close().await;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(
            !bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes())
        );
    }
}

#[test]
fn another_key_and_a_second_process_are_told_apart_from_damage() {
    let (_outer, dir) = made(&[put("a", "b")]);
    let held = opened(&dir).unwrap();
    let error = opened(&dir).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InUse);
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    drop(held);
}

/// A child that writes tasks for ever and prints each that was acknowledged.
#[test]
#[ignore = "the child process of the crash test"]
fn child_that_writes() {
    let dir = DataDir::new(std::env::var_os(CHILD_DIR).expect("started by the crash test"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let Opened {
            mut store, records, ..
        } = opened(&dir).unwrap();
        let mut next = records.len() as u64;
        loop {
            for _ in 0..7 {
                store.submit(
                    TaskId(next),
                    vec![put(next.to_be_bytes(), vec![next as u8; 3000])],
                );
                next += 1;
            }
            for (task, outcome) in store.finished().await {
                outcome.unwrap();
                // Not println: the harness would hold it back.
                let mut out = io::stdout();
                out.write_all(format!("acknowledged {}\n", task.0).as_bytes())
                    .unwrap();
                out.flush().unwrap();
            }
        }
    });
}

#[test]
fn a_killed_writer_leaves_a_prefix_that_holds_all_that_was_acknowledged() {
    let (_outer, dir) = made(&[]);
    for round in 1..=6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "store::tests::child_that_writes",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let acknowledged = lines.filter_map(|line| {
            line.strip_prefix("acknowledged ")
                .map(|n| n.parse::<u64>().unwrap())
        });
        let last = acknowledged
            .take(usize::try_from(round * 11).unwrap())
            .last()
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let records = opened(&dir).unwrap().records;
        assert!(
            records.len() as u64 > last,
            "{} records, {last} acknowledged",
            records.len()
        );
        for (expected, (key, value)) in (0_u64..).zip(&records) {
            assert_eq!(key.as_ref(), expected.to_be_bytes());
            assert_eq!(value.as_ref(), vec![expected as u8; 3000]);
        }
    }
}

#[test]
fn a_torn_file_is_named_and_left_as_it_is() {
    let writes: Vec<_> = (0..200_u32)
        .map(|n| put(n.to_be_bytes(), vec![1; 500]))
        .collect();
    let (_outer, dir) = made(&writes);
    let whole = fs::read(dir.store()).unwrap();
    let full = opened(&dir).unwrap().records.len();
    assert_eq!(full, 200);
    for keep in [
        0,
        1,
        100,
        4096,
        10_000,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(dir.store(), &whole[..keep]).unwrap();
        let error = opened(&dir).expect_err(&format!("{keep} of {} bytes", whole.len()));
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{keep}: {error:?}"
        );
        assert!(error.to_string().contains("store.redb"), "{error}");
        assert_eq!(
            fs::read(dir.store()).unwrap(),
            whole[..keep],
            "{keep} bytes were changed"
        );
    }
    fs::write(dir.store(), b"something else entirely").unwrap();
    assert!(matches!(
        opened(&dir).unwrap_err(),
        OpenError::Damaged { .. }
    ));
    fs::remove_file(dir.store()).unwrap();
    assert_eq!(opened(&dir).unwrap_err().code(), ErrorCode::Storage);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn a_file_with_changed_bytes_is_refused_or_reads_as_before(at in 0.0..1.0_f64, mask in 1..=255_u8, length in 1..64_usize) {
        let writes: Vec<_> = (0..40_u32).map(|n| put(n.to_be_bytes(), vec![n as u8; 700])).collect();
        let (_outer, dir) = made(&writes);
        let mut bytes = fs::read(dir.store()).unwrap();
        let at = (at * bytes.len() as f64) as usize;
        let end = bytes.len().min(at + length);
        bytes[at..end].iter_mut().for_each(|byte| *byte ^= mask);
        fs::write(dir.store(), &bytes).unwrap();
        match opened(&dir) {
            Ok(opened) => prop_assert_eq!(opened.records.len(), 40),
            Err(error) => prop_assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Version { .. }), "{:?}", error),
        }
    }
}

/// A file whose medium can be filled up and made read-only.
#[derive(Debug)]
struct Medium {
    file: FileBackend,
    fails: Arc<AtomicBool>,
    error: io::ErrorKind,
}

impl Medium {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            Err(self.error.into())
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }
}

async fn fails_and_goes_on(error: io::ErrorKind, expected: fn(&StorageError) -> bool) {
    let (_outer, dir) = made(&[put("kept", "1")]);
    let fails = Arc::new(AtomicBool::new(false));
    let (path, flag) = (dir.store(), Arc::clone(&fails));
    let reopen = move || {
        let file = fs::OpenOptions::new().read(true).write(true).open(&path)?;
        let medium = Medium {
            file: FileBackend::new(file)?,
            fails: Arc::clone(&flag),
            error,
        };
        builder().create_with_backend(medium)
    };
    let writer = Writer::new(
        reopen().unwrap(),
        Sealer::new(&key()),
        crate::entropy::seeded().unwrap(),
        Box::new(reopen),
    );
    let mut store = Store::spawn(writer, DirLock::acquire(&dir).unwrap(), dir.store()).unwrap();
    store.submit(TaskId(1), vec![put("before", "2")]);
    assert_eq!(outcomes(&mut store, 1).await, [(TaskId(1), Ok(()))]);

    fails.store(true, Ordering::SeqCst);
    for task in 2..5 {
        store.submit(TaskId(task), vec![put("lost", vec![7; 50_000])]);
    }
    let failed = store.finished().await;
    assert_eq!(
        failed.iter().map(|(task, _)| task.0).collect::<Vec<_>>(),
        [2, 3, 4],
        "what rests on it fails with it"
    );
    assert!(
        failed
            .iter()
            .all(|(_, outcome)| outcome.as_ref().is_err_and(expected)),
        "{failed:?}"
    );
    store.submit(TaskId(5), vec![put("lost", "still")]);
    assert!(outcomes(&mut store, 1).await[0].1.is_err());

    fails.store(false, Ordering::SeqCst);
    store.submit(TaskId(6), vec![put("after", "3")]);
    assert_eq!(outcomes(&mut store, 1).await, [(TaskId(6), Ok(()))]);
    store.close().await;
    let keys: BTreeMap<_, _> = opened(&dir).unwrap().records.into_iter().collect();
    assert_eq!(
        keys.keys().map(|key| key.as_ref()).collect::<Vec<_>>(),
        [b"after".as_slice(), b"before", b"kept"]
    );
}

#[tokio::test]
async fn a_full_disk_fails_tasks_and_works_again_with_space() {
    fails_and_goes_on(io::ErrorKind::StorageFull, |error| {
        matches!(error, StorageError::Full(_))
    })
    .await;
}

#[tokio::test]
async fn a_read_only_medium_fails_tasks_and_works_again_when_writable() {
    fails_and_goes_on(io::ErrorKind::ReadOnlyFilesystem, |error| {
        matches!(error, StorageError::ReadOnly(_))
    })
    .await;
}
