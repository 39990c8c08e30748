//! A local network without a way out: peers find each other by multicast DNS alone.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use alloquy_tests::{Peer, eventually, skip};
use tempfile::tempdir;

/// A network namespace with one interface and no default route, removed when dropped.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// `None` with the skip said when this machine does not let us make one.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let name = format!("alloquy-{test}-{}", std::process::id());
        if !ip(&["netns", "add", &name]) {
            skip(test, "network namespaces need root and iproute2");
            return None;
        }
        let namespace = Self { name };
        // The two ends of a cable; the nodes are at one of them.
        let made = namespace.ip(&["link", "set", "lo", "up"])
            && namespace.ip(&[
                "link", "add", "lan0", "type", "veth", "peer", "name", "lan1",
            ])
            && namespace.ip(&["addr", "add", "10.83.0.1/24", "dev", "lan0"])
            && namespace.ip(&["link", "set", "lan0", "up", "multicast", "on"])
            && namespace.ip(&["link", "set", "lan1", "up"]);
        if !made {
            skip(test, "the kernel has no virtual cables (veth)");
            return None;
        }
        Some(namespace)
    }

    fn ip(&self, arguments: &[&str]) -> bool {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    fn default_route(&self) -> String {
        let output = Command::new("ip")
            .args(["-n", &self.name, "route", "show", "default"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn peer(&self, root: &Path, name: &str) -> Peer {
        self.within(Peer::init(root, name))
    }

    /// Runs a peer here, with mDNS on, and another port at every start.
    pub(crate) fn within(&self, peer: Peer) -> Peer {
        peer.with_arguments(&["--listen", "/ip4/0.0.0.0/udp/0/quic-v1"])
            .behind(&["ip", "netns", "exec", &self.name])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let removed = ip(&["netns", "delete", &self.name]);
        assert!(
            removed || std::thread::panicking(),
            "{} is removed",
            self.name
        );
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip")
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn a_community_is_seen_nearby_and_a_member_lets_in_who_asks() {
    let Some(namespace) = Namespace::new("nearby") else {
        return;
    };
    let root = tempdir().unwrap();
    let mut ana = namespace.peer(root.path(), "ana");
    let mut ben = namespace.peer(root.path(), "ben");
    ana.start();
    ben.start();
    ana.line("create-community Club");
    ana.line("create-channel Club text general");
    ana.line("policy joins Club approval");
    let seen = |peer: &Peer| peer.line("nearby")["nearby"].as_array().unwrap().clone();
    // They have met, and still nothing is told.
    eventually("they have met", || {
        let status = ben.status().done();
        (!status["peers"].as_array().unwrap().is_empty()).then_some(())
    });
    assert!(seen(&ben).is_empty());

    ana.line("nearby Club on");
    let began = Instant::now();
    let card = eventually("Ben sees it", || seen(&ben).first().cloned());
    writeln!(
        std::io::stderr().lock(),
        "seen nearby after {:?}",
        began.elapsed()
    )
    .unwrap();
    assert_eq!(
        (&card["name"], &card["member"]),
        (&"Club".into(), &"ana".into())
    );
    assert!(seen(&ana).is_empty());
    let asked = ben.line("nearby join Club");
    assert_eq!(asked["requested"], card["community"]);
    eventually("Ana hears of it", || {
        let requests = ana.line("requests Club");
        (requests["requests"][0]["name"] == "ben").then_some(())
    });
    ana.line("approve Club ben");
    eventually("Ben is in", || {
        let all = ben.line("communities");
        (all["communities"][0]["name"] == "Club").then_some(())
    });
    ben.line("send Club/general \"found you\"");
    ana.reads("Club/general", &["found you".to_owned()]);
    assert!(seen(&ben).is_empty(), "he is a member");
}

#[test]
fn two_nodes_find_each_other_by_mdns_without_a_default_route() {
    let Some(namespace) = Namespace::new("mdns") else {
        return;
    };
    assert_eq!(namespace.default_route(), "");
    let root = tempdir().unwrap();
    let mut ana = namespace.peer(root.path(), "ana");
    let mut ben = namespace.peer(root.path(), "ben");
    ana.start();
    ben.start();
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    ben.line(&format!("join {}", ana.invite("Home")));

    // Both come back on other ports: every address that they knew of each other is stale.
    ana.stop();
    ben.stop();
    ana.start();
    ana.line("send Home/general \"anybody here?\"");
    ben.start();
    ben.reads("Home/general", &["anybody here?".to_owned()]);
    ben.line("send Home/general \"yes\"");
    ana.reads(
        "Home/general",
        &["anybody here?".to_owned(), "yes".to_owned()],
    );
}
