//! Allocations of a process while it runs, by heaptrack's recorder: what it writes of each is counted as it comes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Where Debian's heaptrack has it.
const RECORDER: &str = "/usr/lib/heaptrack/libheaptrack_preload.so";

/// How many blocks of memory were asked for, and given back.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    freed: AtomicU64,
}

/// The recorder of one process.
#[derive(Debug)]
pub(crate) struct Heap {
    counts: Arc<Counts>,
    pipe: PathBuf,
}

impl Heap {
    /// For a process that is started with [`Self::environment`]; `None`: heaptrack is not installed.
    pub(crate) fn in_folder(folder: &Path) -> anyhow::Result<Option<Self>> {
        if !Path::new(RECORDER).exists() {
            return Ok(None);
        }
        let pipe = folder.join("heap");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &pipe, FileType::Fifo, mode, 0).context("a pipe")?;
        let counts = Arc::new(Counts::default());
        let (from, to) = (pipe.clone(), Arc::clone(&counts));
        // It ends with the process that writes.
        std::thread::spawn(move || {
            if let Err(error) = count(&from, &to) {
                super::say(&format!("heaptrack: {error:#}"));
            }
        });
        Ok(Some(Self { counts, pipe }))
    }

    /// What the process has to have in its environment.
    pub(crate) fn environment(&self) -> [String; 2] {
        [
            format!("LD_PRELOAD={RECORDER}"),
            format!("DUMP_HEAPTRACK_OUTPUT={}", self.pipe.display()),
        ]
    }

    /// Blocks that were asked for so far.
    pub(crate) fn made(&self) -> u64 {
        self.counts.made.load(Ordering::Relaxed)
    }

    /// Blocks that are held now.
    pub(crate) fn held(&self) -> u64 {
        self.made()
            .saturating_sub(self.counts.freed.load(Ordering::Relaxed))
    }
}

fn count(pipe: &Path, counts: &Counts) -> anyhow::Result<()> {
    let mut lines = BufReader::with_capacity(1 << 16, File::open(pipe)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        match line.first() {
            Some(b'+') => counts.made.fetch_add(1, Ordering::Relaxed),
            Some(b'-') => counts.freed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        line.clear();
    }
    Ok(())
}
