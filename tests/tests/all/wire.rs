//! What goes over the wire, read by somebody in between: nothing that was said, and no name.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloquy_tests::{Peer, eventually, skip};
use rustix::net::{AddressFamily, RecvFlags, SocketType, eth, recv, socket, sockopt};
use tempfile::tempdir;

/// What is said and named, and must not be seen. Long enough that chance does not make them.
const CANARIES: [&str; 5] = [
    "yellow-canary-message",
    "canary-edit-plumage",
    "Canaryhome",
    "canary-roost",
    "Canarina-Ana",
];
/// What the test itself sends in clear, to know that its ears work.
const CONTROL: &str = "control-canary-in-clear";
/// Datagrams of QUIC over loopback are smaller than this.
const PACKET_BYTES_MAX: usize = 1 << 16;

/// Somebody who reads every packet of this machine.
struct Listener {
    heard: Arc<Mutex<BTreeSet<&'static str>>>,
    packets: Arc<Mutex<u64>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Listener {
    /// `None` with the skip said when this machine does not let us listen.
    fn new() -> Option<Self> {
        let Ok(packets) = socket(AddressFamily::PACKET, SocketType::RAW, Some(eth::ALL)) else {
            skip("wire", "reading packets needs root");
            return None;
        };
        sockopt::set_socket_timeout(
            &packets,
            sockopt::Timeout::Recv,
            Some(Duration::from_millis(100)),
        )
        .unwrap();
        let mut listener = Self {
            heard: Arc::default(),
            packets: Arc::default(),
            stop: Arc::default(),
            thread: None,
        };
        let (heard, count, stop) = (
            listener.heard.clone(),
            listener.packets.clone(),
            listener.stop.clone(),
        );
        listener.thread = Some(std::thread::spawn(move || {
            listen(&packets, &heard, &count, &stop)
        }));
        Some(listener)
    }

    fn has_heard(&self, canary: &str) -> bool {
        self.heard.lock().unwrap().contains(canary)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            assert!(
                thread.join().is_ok() || std::thread::panicking(),
                "the listener listened to the end"
            );
        }
    }
}

fn listen(
    packets: &OwnedFd,
    heard: &Mutex<BTreeSet<&'static str>>,
    count: &Mutex<u64>,
    stop: &AtomicBool,
) {
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    while !stop.load(Ordering::Relaxed) {
        let Ok((_, length)) = recv(packets, &mut buffer[..], RecvFlags::empty()) else {
            continue;
        };
        *count.lock().unwrap() += 1;
        let packet = &buffer[..length.min(PACKET_BYTES_MAX)];
        for canary in CANARIES.into_iter().chain([CONTROL]) {
            if packet
                .windows(canary.len())
                .any(|window| window == canary.as_bytes())
            {
                heard.lock().unwrap().insert(canary);
            }
        }
    }
}

#[test]
fn somebody_who_reads_every_packet_learns_no_text_and_no_name() {
    let Some(listener) = Listener::new() else {
        return;
    };
    let root = tempdir().unwrap();
    for (transport, address) in [
        ("quic", "/ip4/127.0.0.1/udp/0/quic-v1"),
        ("tcp", "/ip4/127.0.0.1/tcp/0"),
    ] {
        let arguments = ["--no-mdns", "--listen", address];
        let folder = root.path().join(transport);
        std::fs::create_dir(&folder).unwrap();
        let [mut ana, mut ben] = ["Canarina-Ana", "ben"]
            .map(|name| Peer::init(&folder, name).with_arguments(&arguments));
        ana.start();
        ben.start();
        ana.line("create-community Canaryhome");
        ana.line("create-channel Canaryhome text canary-roost");
        ben.line(&format!("join {}", ana.invite("Canaryhome")));
        // Live, by gossip, and later by catching up.
        ana.line("send Canaryhome/canary-roost yellow-canary-message");
        ben.reads(
            "Canaryhome/canary-roost",
            &["yellow-canary-message".to_owned()],
        );
        ben.stop();
        let sent = ana.line("send Canaryhome/canary-roost second");
        ana.line(&format!(
            "edit {} canary-edit-plumage",
            sent["message"].as_str().unwrap()
        ));
        ben.start();
        ben.reads(
            "Canaryhome/canary-roost",
            &[
                "yellow-canary-message".to_owned(),
                "canary-edit-plumage".to_owned(),
            ],
        );
    }
    let clear = UdpSocket::bind("127.0.0.1:0").unwrap();
    eventually("the listener hears what is sent in clear", || {
        clear
            .send_to(CONTROL.as_bytes(), clear.local_addr().unwrap())
            .unwrap();
        listener.has_heard(CONTROL).then_some(())
    });
    let heard: Vec<&str> = CANARIES
        .into_iter()
        .filter(|canary| listener.has_heard(canary))
        .collect();
    assert_eq!(heard, Vec::<&str>::new());
    let packets = *listener.packets.lock().unwrap();
    assert!(
        packets > 100,
        "two conversations are more than {packets} packets"
    );
}
