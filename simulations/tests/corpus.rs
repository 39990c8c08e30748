//! Everything that the search with random bytes began with or found, once more.
//!
//! `ALLOQUY_WRITE_CORPUS=1` writes the first inputs anew; what a search adds is copied by hand
//! (CONTRIBUTING.md, "Fuzzing").

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use alloquy_sim::outside::{DOORS, seeds};

/// Bytes of all inputs together: they are cloned with the project.
const CORPUS_BYTES_MAX: u64 = 300_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus")
}

fn inputs(door: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus().join(door)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_input_of_the_corpus_passes_through_its_door() {
    if std::env::var_os("ALLOQUY_WRITE_CORPUS").is_some() {
        for (door, name, bytes) in seeds() {
            std::fs::create_dir_all(corpus().join(door)).unwrap();
            std::fs::write(corpus().join(door).join(format!("seed-{name}")), bytes).unwrap();
        }
    }
    let mut bytes = 0;
    for (door, open) in DOORS {
        let inputs = inputs(door);
        assert!(inputs.len() > 1, "{door} has a corpus");
        for path in inputs {
            let data = std::fs::read(&path).unwrap();
            bytes += data.len() as u64;
            let passed = std::panic::catch_unwind(|| open(&data));
            assert!(passed.is_ok(), "{}", path.display());
        }
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus has {bytes} bytes");
}

#[test]
fn what_the_program_writes_today_passes_too() {
    let mut doors = std::collections::BTreeSet::new();
    for (door, name, bytes) in seeds() {
        assert!(!bytes.is_empty(), "{door}: {name}");
        let (_, open) = DOORS.into_iter().find(|(of, _)| *of == door).unwrap();
        let passed = std::panic::catch_unwind(|| open(&bytes));
        assert!(passed.is_ok(), "{door}: {name}");
        doors.insert(door);
    }
    assert_eq!(doors.len(), DOORS.len());
}
