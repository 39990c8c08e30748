//! A network of machines on this one: namespaces joined by virtual cables, without a way out.
//!
//! In the middle stands a router. Sites hang on it, each with addresses that look global inside the lab (machines
//! judge addresses by what they look like, and treat documentation ranges as private): a host that is reachable
//! from everywhere, or a box that hides a host behind its own address. No namespace has a default route, so no packet
//! leaves, whatever a program dials. Nodes run in the hosts and are used by their canonical command lines.
//!
//! A line of a site is a cable, or a slow one ([`Line`]) that the program `alloquy-slow-line` makes over TUN devices:
//! the kernels that these tests run on have no network emulation.

mod slow;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::end;
use crate::{Peer, skip};

pub use slow::{Line, run_slow_line};

/// Labs of this process, for names.
static LABS: AtomicU32 = AtomicU32::new(0);

/// What a box does to the source of what passes outwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// The port stays where it can, whoever is spoken to: what most home routers do.
    PortKeeping,
    /// Each new connection goes out by a random port: what mobile carriers do, and no hole can be punched.
    Random,
}

/// Which internet protocols a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both.
    Both,
    /// IPv6 alone.
    V6,
}

/// The whole network. Dropped: everything in it is removed.
#[derive(Debug)]
pub struct Lab {
    prefix: String,
    sites: u8,
    namespaces: Vec<String>,
    lines: Vec<Child>,
}

/// A machine in the lab.
#[derive(Clone, Debug)]
pub struct Host {
    namespace: String,
    /// The box that it is behind.
    gateway: Option<String>,
    /// Its own IPv4 address; `None` where it has IPv6 alone.
    pub v4: Option<String>,
    /// Its own IPv6 address; `None` behind a box.
    pub v6: Option<String>,
    /// The address under which the outside sees it.
    pub outside: String,
}

impl Lab {
    /// An empty lab: the router alone. `None` with the skip said where this machine does not let us make one.
    ///
    /// # Panics
    /// When something of it can be made and the rest not.
    #[must_use]
    pub fn new(test: &str) -> Option<Self> {
        remove_leftovers();
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let mut lab = Self {
            prefix: format!("alq-{}-{number}", std::process::id()),
            sites: 0,
            namespaces: Vec::new(),
            lines: Vec::new(),
        };
        let router = lab.name("router");
        if !ran("ip", &["netns", "add", &router]) {
            skip(test, "network namespaces need root and iproute2");
            return None;
        }
        lab.namespaces.push(router.clone());
        if !ran("ip", &["netns", "exec", &router, "nft", "list", "ruleset"]) {
            skip(test, "the boxes of the network need nftables");
            return None;
        }
        lab.prepare(&router);
        Some(lab)
    }

    /// A machine that everybody reaches.
    ///
    /// # Panics
    /// When it can not be made.
    pub fn host(&mut self, name: &str, family: Family) -> Host {
        self.host_on(name, family, &Line::Cable)
    }

    /// A machine that everybody reaches, over such a line.
    ///
    /// # Panics
    /// When it can not be made.
    pub fn host_on(&mut self, name: &str, family: Family, line: &Line) -> Host {
        let (namespace, site) = self.site(name, family, line);
        let v4 = (family == Family::Both).then(|| format!("45.83.{site}.2"));
        let v6 = format!("2a0e:1d80:{site}::2");
        Host {
            namespace,
            gateway: None,
            outside: v4.clone().unwrap_or_else(|| v6.clone()),
            v4,
            v6: Some(v6),
        }
    }

    /// A machine behind a box that drops what nobody inside asked for.
    ///
    /// # Panics
    /// When it can not be made.
    pub fn behind(&mut self, name: &str, nat: Nat) -> Host {
        let (gateway, site) = self.site(&format!("{name}-box"), Family::Both, &Line::Cable);
        let inner = self.namespace(name);
        self.cable(&gateway, "lan", &inner, "eth");
        run(&[
            "ip",
            "-n",
            &gateway,
            "addr",
            "add",
            "192.168.7.1/24",
            "dev",
            "lan",
        ]);
        run(&[
            "ip",
            "-n",
            &inner,
            "addr",
            "add",
            "192.168.7.2/24",
            "dev",
            "eth",
        ]);
        run(&[
            "ip",
            "-n",
            &inner,
            "route",
            "add",
            "45.83.0.0/16",
            "via",
            "192.168.7.1",
        ]);
        let random = match nat {
            Nat::PortKeeping => "",
            Nat::Random => " fully-random",
        };
        // What comes unasked is dropped before it is tracked for good: otherwise its trace would take the port that
        // the answer needs, and no port were ever kept.
        rules(
            &gateway,
            &format!(
                "table ip box {{
                    chain out {{
                        type nat hook postrouting priority 100;
                        oifname \"wan\" masquerade{random}
                    }}
                    chain self {{
                        type filter hook input priority 0; policy accept;
                        iifname \"wan\" ct state established,related accept
                        iifname \"wan\" drop
                    }}
                    chain through {{
                        type filter hook forward priority 0; policy drop;
                        iifname \"lan\" accept
                        iifname \"wan\" ct state established,related accept
                        iifname \"wan\" ct status dnat accept
                    }}
                }}"
            ),
        );
        Host {
            namespace: inner,
            gateway: Some(gateway),
            v4: Some("192.168.7.2".to_owned()),
            v6: None,
            outside: format!("45.83.{site}.2"),
        }
    }

    /// From now on the router lets no UDP through.
    ///
    /// # Panics
    /// When the rule can not be made.
    pub fn drop_udp(&self) {
        rules(
            &self.name("router"),
            "table inet no_udp {
                chain through {
                    type filter hook forward priority 0; policy accept;
                    meta l4proto udp drop
                }
            }",
        );
    }

    /// From now on the router drops so many of a hundred packets.
    ///
    /// # Panics
    /// When the rule can not be made.
    pub fn lose(&self, percent: u8) {
        rules(
            &self.name("router"),
            &format!(
                "table inet loss {{
                    chain through {{
                        type filter hook forward priority 0; policy accept;
                        numgen random mod 100 < {percent} drop
                    }}
                }}"
            ),
        );
    }

    /// From now on the router drops so many of a hundred packets, and always all that go the same way within so many
    /// milliseconds.
    ///
    /// # Panics
    /// When the rule can not be made.
    pub fn lose_in_bursts(&self, percent: u32, burst_ms: u32) {
        // Of sound, a packet comes each 20 ms; while a burst lasts, none can begin.
        let begins = percent * 20 * 1_000 / ((100 - percent) * burst_ms);
        rules(
            &self.name("router"),
            &format!(
                "table inet loss {{
                    set burst {{ type ifname; flags dynamic,timeout; size 64; }}
                    chain through {{
                        type filter hook forward priority 0; policy accept;
                        oifname @burst drop
                        numgen random mod 1000 < {begins} add @burst {{ oifname timeout {burst_ms}ms }} drop
                    }}
                }}"
            ),
        );
    }

    /// From now on the router lets of a site nothing through but TCP to these ports of another one, and what answers it.
    ///
    /// # Panics
    /// When the rule can not be made.
    pub fn only_tcp(&self, from: &Host, to: &Host, ports: &[u16]) {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let (ports, site) = (ports.join(", "), from.outside.replace('.', "_"));
        let v6 = from.v6.as_ref();
        let v6 = v6.map_or_else(String::new, |from| {
            format!("ip6 saddr {from} drop; ip6 daddr {from} drop;")
        });
        let (from, to) = (&from.outside, &to.outside);
        rules(
            &self.name("router"),
            &format!(
                "table inet only_{site} {{
                    chain through {{
                        type filter hook forward priority 0; policy accept;
                        ip saddr {from} ip daddr {to} tcp dport {{ {ports} }} accept
                        ip saddr {to} ip daddr {from} tcp sport {{ {ports} }} accept
                        ip saddr {from} drop; ip daddr {from} drop; {v6}
                    }}
                }}"
            ),
        );
    }

    /// From now on the router lets nothing through between two sites, until [`Lab::let_through`].
    ///
    /// # Panics
    /// When the rule can not be made.
    pub fn keep_apart(&self, one: &Host, other: &Host) {
        let v6 = match (&one.v6, &other.v6) {
            (Some(one), Some(other)) => format!(
                "ip6 saddr {one} ip6 daddr {other} drop; ip6 saddr {other} ip6 daddr {one} drop;"
            ),
            _ => String::new(),
        };
        let (one, other) = (&one.outside, &other.outside);
        rules(
            &self.name("router"),
            &format!(
                "table inet apart {{
                    chain through {{
                        type filter hook forward priority 0; policy accept;
                        ip saddr {one} ip daddr {other} drop
                        ip saddr {other} ip daddr {one} drop
                        {v6}
                    }}
                }}"
            ),
        );
    }

    /// Ends [`Lab::keep_apart`].
    ///
    /// # Panics
    /// When nothing is kept apart.
    pub fn let_through(&self) {
        rules(&self.name("router"), "delete table inet apart");
    }

    /// A namespace on the router, with the addresses of its site.
    fn site(&mut self, name: &str, family: Family, line: &Line) -> (String, u8) {
        self.sites += 1;
        let site = self.sites;
        let namespace = self.namespace(name);
        let router = self.name("router");
        let down = format!("s{site}");
        match line {
            Line::Cable => self.cable(&router, &down, &namespace, "wan"),
            Line::Slow(slow) => {
                let ends = [(router.as_str(), down.as_str()), (&namespace, "wan")];
                self.lines.extend(slow::join(ends, slow));
            }
        }
        if family == Family::Both {
            let (near, far) = (format!("45.83.{site}.1/24"), format!("45.83.{site}.2/24"));
            run(&["ip", "-n", &router, "addr", "add", &near, "dev", &down]);
            run(&["ip", "-n", &namespace, "addr", "add", &far, "dev", "wan"]);
            let via = format!("45.83.{site}.1");
            run(&[
                "ip",
                "-n",
                &namespace,
                "route",
                "add",
                "45.83.0.0/16",
                "via",
                &via,
            ]);
        }
        let (near, far) = (
            format!("2a0e:1d80:{site}::1/64"),
            format!("2a0e:1d80:{site}::2/64"),
        );
        // Nobody else can have these addresses, so nobody is asked (nodad).
        run(&[
            "ip", "-n", &router, "addr", "add", &near, "dev", &down, "nodad",
        ]);
        run(&[
            "ip", "-n", &namespace, "addr", "add", &far, "dev", "wan", "nodad",
        ]);
        let via = format!("2a0e:1d80:{site}::1");
        run(&[
            "ip",
            "-n",
            &namespace,
            "-6",
            "route",
            "add",
            "2a0e:1d80::/32",
            "via",
            &via,
        ]);
        (namespace, site)
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn namespace(&mut self, name: &str) -> String {
        let name = self.name(name);
        run(&["ip", "netns", "add", &name]);
        self.namespaces.push(name.clone());
        self.prepare(&name);
        name
    }

    fn prepare(&self, namespace: &str) {
        run(&["ip", "-n", namespace, "link", "set", "dev", "lo", "up"]);
        for switch in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            run(&["ip", "netns", "exec", namespace, "sysctl", "-qw", switch]);
        }
    }

    fn cable(&self, one: &str, one_end: &str, other: &str, other_end: &str) {
        run(&[
            "ip", "-n", one, "link", "add", one_end, "type", "veth", "peer", "name", other_end,
            "netns", other,
        ]);
        run(&["ip", "-n", one, "link", "set", "dev", one_end, "up"]);
        run(&["ip", "-n", other, "link", "set", "dev", other_end, "up"]);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for line in &mut self.lines {
            end(line);
        }
        for namespace in &self.namespaces {
            let removed = ran("ip", &["netns", "delete", namespace]);
            assert!(
                removed || std::thread::panicking(),
                "{namespace} is removed"
            );
        }
    }
}

impl Host {
    /// Words before a program that runs on this machine.
    #[must_use]
    pub fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.namespace]
    }

    /// A program that is to run on this machine.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// An account whose node runs on this machine, listening wherever it can.
    #[must_use]
    pub fn peer(&self, root: &Path, name: &str, arguments: &[&str]) -> Peer {
        Peer::init(root, name)
            .with_arguments(&[&["--no-mdns"], arguments].concat())
            .behind(&self.prefix())
    }

    /// Gives a machine behind a box another address on its inside.
    ///
    /// # Panics
    /// When it can not be given.
    pub fn move_inside(&self) {
        let namespace = &self.namespace;
        run(&[
            "ip",
            "-n",
            namespace,
            "addr",
            "add",
            "192.168.7.3/24",
            "dev",
            "eth",
        ]);
    }

    /// Takes from a machine behind a box its first address; [`Host::move_inside`] gave it another one.
    ///
    /// # Panics
    /// When it has it not.
    pub fn leave_first(&self) {
        let namespace = &self.namespace;
        // The second stays when the first goes, which it would not by default.
        let promote = "net.ipv4.conf.eth.promote_secondaries=1";
        run(&["ip", "netns", "exec", namespace, "sysctl", "-qw", promote]);
        run(&[
            "ip",
            "-n",
            namespace,
            "addr",
            "del",
            "192.168.7.2/24",
            "dev",
            "eth",
        ]);
    }

    /// Takes from a machine behind a box what [`Host::move_inside`] gave it.
    ///
    /// # Panics
    /// When it has it not.
    pub fn move_back(&self) {
        let namespace = &self.namespace;
        run(&[
            "ip",
            "-n",
            namespace,
            "addr",
            "del",
            "192.168.7.3/24",
            "dev",
            "eth",
        ]);
    }

    /// The box that it is behind.
    ///
    /// # Panics
    /// When it is behind none.
    pub(crate) fn gateway(&self) -> Self {
        let namespace = self.gateway.clone().expect("it is behind a box");
        Self {
            namespace,
            gateway: None,
            v4: Some("192.168.7.1".to_owned()),
            v6: None,
            outside: self.outside.clone(),
        }
    }

    /// Makes rules for packets on this machine.
    pub(crate) fn rules(&self, text: &str) {
        rules(&self.namespace, text);
    }

    /// A part of this machine's rules for packets, which must be there.
    pub(crate) fn listed(&self, part: &str) -> String {
        let mut nft = self.command("nft");
        let output = nft.arg(format!("list {part}")).output();
        let output = output.expect("nft can be started");
        assert!(output.status.success(), "{part}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Routes of this machine that lead anywhere.
    ///
    /// # Panics
    /// When they can not be read.
    #[must_use]
    pub fn default_routes(&self) -> String {
        ["-4", "-6"]
            .map(|family| {
                let output = Command::new("ip")
                    .args(["-n", &self.namespace, family, "route", "show", "default"])
                    .output()
                    .expect("ip can be started");
                String::from_utf8_lossy(&output.stdout).into_owned()
            })
            .concat()
    }
}

/// Takes away what a test left that was killed: its process is gone, its namespaces are not.
fn remove_leftovers() {
    let Ok(output) = Command::new("ip").args(["netns", "list"]).output() else {
        return;
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let pid = name
            .strip_prefix("alq-")
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another test may be at it too; who comes second finds nothing.
            ran("ip", &["netns", "delete", name]);
        }
    }
}

fn rules(namespace: &str, rules: &str) {
    run(&["ip", "netns", "exec", namespace, "nft", rules]);
}

/// Whether a command could be started and succeeded.
fn ran(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(words: &[&str]) {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{words:?}: {error}"));
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
