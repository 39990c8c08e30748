//! A line with delay, loss and a rate, in user space: each end is a TUN device in its namespace and a process that
//! holds it; packets pass between the two processes by datagrams over the file system, which namespaces share.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::Lines;

/// Bytes of the greatest packet: that of a TUN device with Ethernet's size.
const PACKET_BYTES_MAX: usize = 1_500;
/// Packets on the way in one direction; what comes on top is lost, as in the queue of a router.
const QUEUE_MAX: usize = 1_000;

/// What a site hangs on.
#[derive(Clone, Debug)]
pub enum Line {
    /// As fast as the machine.
    Cable,
    /// As stated.
    Slow(Slow),
}

/// How slow, in each direction.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// Milliseconds from end to end.
    pub delay_ms: u64,
    /// Of a hundred packets, how many vanish.
    pub loss_percent: u32,
    /// Kilobits per second.
    pub kbit: u64,
    /// Which packets vanish.
    pub seed: u64,
}

impl Line {
    /// A line with a delay in milliseconds, a loss in percent and a rate in kilobits per second, each way.
    #[must_use]
    pub fn slow(delay_ms: u64, loss_percent: u32, kbit: u64) -> Self {
        Self::Slow(Slow {
            delay_ms,
            loss_percent,
            kbit,
            seed: 1,
        })
    }
}

/// Joins two namespaces by a line: (namespace, name of its device) of each end.
pub(super) fn join(ends: [(&str, &str); 2], slow: &Slow) -> [Child; 2] {
    let sockets = ends
        .map(|(namespace, device)| std::env::temp_dir().join(format!("{namespace}-{device}.line")));
    let start = |end: usize| {
        let (namespace, device) = ends[end];
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(program())
            .arg(device)
            .args([&sockets[end], &sockets[1 - end]])
            .args([slow.delay_ms.to_string(), slow.loss_percent.to_string()])
            .args([slow.kbit.to_string(), (slow.seed + end as u64).to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("alloquy-slow-line can be started");
        let said = Lines::of(child.stdout.take().expect("its output is a pipe")).next_line();
        assert_eq!(said.as_deref(), Some("ready"), "{device} in {namespace}");
        child
    };
    let children = [start(0), start(1)];
    for (namespace, device) in ends {
        super::run(&["ip", "-n", namespace, "link", "set", "dev", device, "up"]);
    }
    children
}

fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let folder = test.ancestors().nth(2);
    folder
        .expect("tests lie in target/PROFILE/deps")
        .join("alloquy-slow-line")
}

/// The program: holds one end until it is killed. Prints `ready` when the device is there.
///
/// # Errors
/// A wrong argument, or a device or socket that can not be made.
pub fn run_slow_line(arguments: &[String]) -> anyhow::Result<()> {
    let [device, own, other, delay, loss, kbit, seed] = arguments else {
        bail!("{} arguments instead of 7", arguments.len());
    };
    let number = |name: &str, text: &str| -> anyhow::Result<u64> {
        text.parse()
            .with_context(|| format!("{name} {text:?} is not a number"))
    };
    let slow = Slow {
        delay_ms: number("DELAY-MS", delay)?,
        loss_percent: u32::try_from(number("LOSS-PERCENT", loss)?)?,
        kbit: number("KBIT", kbit)?,
        seed: number("SEED", seed)?,
    };
    ensure!(slow.loss_percent <= 100, "LOSS-PERCENT {loss} is over 100");
    ensure!(slow.kbit > 0, "KBIT is 0");
    let device = DeviceBuilder::new()
        .name(device)
        .build_sync()
        .with_context(|| format!("the device {device} can not be made"))?;
    let device = Arc::new(device);
    let socket = UnixDatagram::bind(own).with_context(|| format!("the socket {own}"))?;
    let arriving = socket.try_clone()?;
    let into = Arc::clone(&device);
    std::thread::spawn(move || arrive(&arriving, &into));
    let (queue, waiting) = sync_channel::<(Instant, Vec<u8>)>(QUEUE_MAX);
    let other = PathBuf::from(other);
    std::thread::spawn(move || {
        for (due, packet) in waiting {
            leave(&socket, &other, due, &packet);
        }
    });
    println_ready()?;
    take(&device, &slow, &queue)
}

fn println_ready() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    Ok(out.flush()?)
}

/// Takes what the namespace sends, and gives each packet the time at which it arrives, if it does.
fn take(
    device: &SyncDevice,
    slow: &Slow,
    queue: &SyncSender<(Instant, Vec<u8>)>,
) -> anyhow::Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(slow.seed);
    let mut free = Instant::now();
    let mut packet = [0; PACKET_BYTES_MAX];
    loop {
        // Until the device is up, and when it went down for a moment.
        let Ok(bytes) = device.recv(&mut packet) else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        if rng.next_u32() % 100 < slow.loss_percent {
            continue;
        }
        let begin = free.max(Instant::now());
        let takes = Duration::from_micros(bytes as u64 * 8_000 / slow.kbit);
        let due = begin + takes + Duration::from_millis(slow.delay_ms);
        match queue.try_send((due, packet[..bytes].to_vec())) {
            Ok(()) => free = begin + takes,
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => bail!("the line's other thread has ended"),
        }
    }
}

fn leave(socket: &UnixDatagram, other: &Path, due: Instant, packet: &[u8]) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
    // The other end may not be there yet, or no more: the packet is lost, as on any line.
    drop(socket.send_to(packet, other));
}

fn arrive(socket: &UnixDatagram, device: &SyncDevice) {
    let mut packet = [0; PACKET_BYTES_MAX];
    while let Ok(bytes) = socket.recv(&mut packet) {
        // A device that is not up yet takes nothing: lost.
        drop(device.send(&packet[..bytes]));
    }
}
