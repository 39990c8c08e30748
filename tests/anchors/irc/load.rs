//! Many IRC clients in one channel: what they are told is counted, and how long it was under way.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::LocalSet;

/// Connections that come in at the same time: fewer than any server's queue of such holds.
const AT_ONCE: usize = 32;
/// Patience with a server that says nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stands before the time at the end of a text.
const MARK: &[u8] = b"~~";
/// Digits of the time, which are the end of a line.
const DIGITS: usize = 16;

/// What all clients have heard.
struct Heard {
    welcomed: Cell<usize>,
    ready: Cell<usize>,
    delivered: Cell<u64>,
    /// Milliseconds that a line was under way.
    late: RefCell<Vec<f64>>,
    ended: Cell<usize>,
    more: Notify,
    started: Instant,
}

/// Clients that are in.
pub(crate) struct Crowd {
    runtime: Runtime,
    local: LocalSet,
    heard: Rc<Heard>,
    writers: Vec<OwnedWriteHalf>,
}

/// What a flood gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    pub(crate) took: Duration,
    pub(crate) deliveries: u64,
}

impl Crowd {
    /// Connects one client for each of these texts, which it says at once, and when it is welcome has it join a
    /// channel: one server takes what comes before its welcome as too early.
    pub(crate) fn connect(
        address: SocketAddr,
        says: &[String],
        channel: &str,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let local = LocalSet::new();
        let heard = Rc::new(Heard {
            welcomed: Cell::new(0),
            ready: Cell::new(0),
            delivered: Cell::new(0),
            late: RefCell::new(Vec::new()),
            ended: Cell::new(0),
            more: Notify::new(),
            started: Instant::now(),
        });
        let writers = local.block_on(&runtime, async {
            let mut writers = Vec::new();
            for (at, says) in says.iter().enumerate() {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (reader, mut writer) = stream.into_split();
                writer.write_all(says.as_bytes()).await?;
                writers.push(writer);
                tokio::task::spawn_local(listen(reader, Rc::clone(&heard)));
                let most = (at + 1).saturating_sub(AT_ONCE);
                wait(&heard, || heard.welcomed.get() >= most).await?;
            }
            wait(&heard, || heard.welcomed.get() >= says.len()).await?;
            for (at, writer) in writers.iter_mut().enumerate() {
                writer
                    .write_all(format!("JOIN {channel}\r\n").as_bytes())
                    .await?;
                let most = (at + 1).saturating_sub(AT_ONCE);
                wait(&heard, || heard.ready.get() >= most).await?;
            }
            wait(&heard, || heard.ready.get() >= says.len()).await?;
            anyhow::Ok(writers)
        })?;
        Ok(Self {
            runtime,
            local,
            heard,
            writers,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.writers.len()
    }

    /// The first says so much as fast as all hear it, `window` messages ahead at most.
    pub(crate) fn flood(
        &mut self,
        target: &str,
        (messages, window): (u64, u64),
        receivers: u64,
    ) -> anyhow::Result<Flood> {
        let (heard, writer) = (Rc::clone(&self.heard), &mut self.writers[0]);
        heard.delivered.set(0);
        let started = Instant::now();
        self.local.block_on(&self.runtime, async {
            for number in 0..messages {
                let line = line(target, &heard);
                writer.write_all(line.as_bytes()).await?;
                let least = (number + 1).saturating_sub(window) * receivers;
                wait(&heard, || heard.delivered.get() >= least).await?;
            }
            wait(&heard, || heard.delivered.get() >= messages * receivers).await
        })?;
        let (took, deliveries) = (started.elapsed(), heard.delivered.get());
        ensure!(
            deliveries == messages * receivers,
            "{deliveries} deliveries instead of {}",
            messages * receivers
        );
        heard.late.take();
        Ok(Flood { took, deliveries })
    }

    /// The first says something at an even pace. Gives for how many milliseconds each delivery was under way.
    pub(crate) fn paced(
        &mut self,
        target: &str,
        (messages, each): (u64, Duration),
        receivers: u64,
    ) -> anyhow::Result<Vec<f64>> {
        let (heard, writer) = (Rc::clone(&self.heard), &mut self.writers[0]);
        heard.delivered.set(0);
        heard.late.take();
        self.local.block_on(&self.runtime, async {
            let mut next = tokio::time::interval(each);
            for _ in 0..messages {
                next.tick().await;
                writer.write_all(line(target, &heard).as_bytes()).await?;
            }
            wait(&heard, || heard.delivered.get() >= messages * receivers).await
        })?;
        Ok(heard.late.take())
    }
}

/// A line that tells when it was written.
fn line(target: &str, heard: &Heard) -> String {
    let at = heard.started.elapsed().as_nanos();
    format!(
        "PRIVMSG {target} :what people say to each other has about sixty letters ~~{at:016x}\r\n"
    )
}

async fn wait(heard: &Rc<Heard>, holds: impl Fn() -> bool) -> anyhow::Result<()> {
    let heard_so_far = || {
        (
            heard.welcomed.get(),
            heard.ready.get(),
            heard.delivered.get(),
        )
    };
    let mut before = heard_so_far();
    while !holds() {
        if heard.ended.get() > 0 {
            bail!("the server has ended a connection");
        }
        let more = tokio::time::timeout(PATIENCE, heard.more.notified()).await;
        let now = heard_so_far();
        ensure!(
            more.is_ok() || now != before,
            "nothing came for {PATIENCE:?}: {} were welcomed, {} are in, {} deliveries",
            now.0,
            now.1,
            now.2
        );
        before = now;
    }
    Ok(())
}

/// Reads until the connection ends.
async fn listen(mut reader: OwnedReadHalf, heard: Rc<Heard>) {
    let (mut buffer, mut rest) = (vec![0; 64 * 1024], Vec::new());
    let (mut is_welcome, mut is_in) = (false, false);
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        rest.extend_from_slice(&buffer[..count]);
        let mut begin = 0;
        while let Some(length) = rest[begin..].iter().position(|byte| *byte == b'\n') {
            let line = rest[begin..begin + length].trim_ascii_end();
            begin += length + 1;
            if let Some(at) = written(line) {
                let now = heard.started.elapsed();
                heard.delivered.set(heard.delivered.get() + 1);
                let late = now.saturating_sub(at).as_secs_f64() * 1000.0;
                heard.late.borrow_mut().push(late);
            } else if !is_welcome && (says(line, b" 376 ") || says(line, b" 422 ")) {
                is_welcome = true;
                heard.welcomed.set(heard.welcomed.get() + 1);
            } else if !is_in && says(line, b" 366 ") {
                is_in = true;
                heard.ready.set(heard.ready.get() + 1);
            }
        }
        rest.drain(..begin);
        heard.more.notify_one();
    }
    heard.ended.set(heard.ended.get() + 1);
    heard.more.notify_one();
}

fn says(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

/// When a line was written, if it is one of ours.
fn written(line: &[u8]) -> Option<Duration> {
    let (head, digits) = line.split_at_checked(line.len().checked_sub(DIGITS)?)?;
    let digits = head.ends_with(MARK).then_some(digits)?;
    let nanos = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(Duration::from_nanos(nanos))
}

/// What a process has used of the processors so far.
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let first = text.split_whitespace().next();
        nanos += first.context("the kernel counts time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib
        .context("the kernel says how much memory is used")?
        .parse()?)
}
