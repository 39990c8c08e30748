//! Nodes in a network of namespaces: behind boxes, over relays, over IPv6 alone, over bad lines.

use std::io::Write;
use std::time::{Duration, Instant};

use alloquy_tests::{Family, Host, Lab, Line, Nat, Peer, Relay, eventually};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// A figure for docs/acceptance.md; nothing depends on it.
fn say(what: &str, since: Instant) {
    writeln!(
        std::io::stderr().lock(),
        "{what} after {:?}",
        since.elapsed()
    )
    .unwrap();
}

fn talk(ana: &Peer, ben: &Peer) {
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    ben.line(&format!("join {}", ana.invite("Home")));
    ana.line("send Home/general \"from Ana\"");
    ben.reads("Home/general", &["from Ana".to_owned()]);
    ben.line("send Home/general \"from Ben\"");
    ana.reads(
        "Home/general",
        &["from Ana".to_owned(), "from Ben".to_owned()],
    );
}

/// The lab itself: who reaches whom, and that nothing leads out.
#[test]
fn a_host_behind_a_box_reaches_out_and_is_not_reached() {
    let Some(mut lab) = Lab::new("netlab") else {
        return;
    };
    let open = lab.host("open", Family::Both);
    let hidden = lab.behind("hidden", Nat::PortKeeping);
    for host in [&open, &hidden] {
        assert_eq!(host.default_routes(), "");
    }
    // A port that nobody listens at: who is reached refuses at once, a box that drops says nothing.
    let answers = |from: &Host, to: &str| {
        let mut dial = from.command("timeout");
        dial.args(["3", "bash", "-c", &format!(": </dev/tcp/{to}/9")]);
        let code = dial.output().unwrap().status.code();
        assert!(matches!(code, Some(1 | 124)), "{code:?}");
        code == Some(1)
    };
    assert!(answers(&hidden, &open.outside));
    assert!(!answers(&open, &hidden.outside));
}

#[test]
fn two_with_ipv6_alone_connect_and_talk() {
    let Some(mut lab) = Lab::new("netlab-ipv6") else {
        return;
    };
    let root = tempdir().unwrap();
    let [ana, ben] = ["ana", "ben"].map(|name| {
        let host = lab.host(name, Family::V6);
        let mut peer = host.peer(root.path(), name, &[]);
        peer.start();
        peer
    });
    talk(&ana, &ben);
}

#[test]
fn a_line_with_delay_loss_and_a_low_rate_only_takes_longer() {
    let Some(mut lab) = Lab::new("netlab-slow") else {
        return;
    };
    let root = tempdir().unwrap();
    let [ana, ben] = ["ana", "ben"].map(|name| {
        let host = lab.host_on(name, Family::Both, &Line::slow(60, 5, 2_000));
        let mut peer = host.peer(root.path(), name, &[]);
        peer.start();
        peer
    });
    talk(&ana, &ben);
    let texts: Vec<_> = (0..30).map(|number| format!("line {number}")).collect();
    for text in &texts {
        ana.line(&format!("send Home/general \"{text}\""));
    }
    eventually("all of it is there", || {
        (ben.texts("Home/general", 30) == texts).then_some(())
    });
}

/// Two members behind boxes, and relays that both of them know.
struct Hidden {
    // Nodes and relays end before the network and the folders go.
    ana: Peer,
    ben: Peer,
    relays: Vec<Relay>,
    hosts: [Host; 2],
    lab: Lab,
    _root: TempDir,
}

impl Hidden {
    /// `None` with the skip said.
    fn new(test: &str, nat: Nat, relays: usize) -> Option<Self> {
        let mut lab = Lab::new(test)?;
        let root = tempdir().unwrap();
        let relays: Vec<_> = (0..relays)
            .map(|number| {
                let host = lab.host(&format!("relay{number}"), Family::Both);
                let folder = root.path().join(format!("relay{number}"));
                std::fs::create_dir(&folder).unwrap();
                Relay::open(&host, &folder)
            })
            .collect();
        let arguments: Vec<_> = relays
            .iter()
            .flat_map(Relay::addresses)
            .flat_map(|address| ["--relay", address.as_str()])
            .collect();
        let hosts = ["ana", "ben"].map(|name| (name, lab.behind(name, nat)));
        let [ana, ben] = hosts.each_ref().map(|(name, host)| {
            let mut peer = host.peer(root.path(), name, &arguments);
            peer.start();
            has_a_place(&peer);
            peer
        });
        Some(Self {
            ana,
            ben,
            relays,
            hosts: hosts.map(|(_, host)| host),
            lab,
            _root: root,
        })
    }

    /// Ana's address for Ben, once it is a direct one.
    fn becomes_direct(&self) -> String {
        let began = Instant::now();
        loop {
            if let Some(direct) = path(&self.ana).filter(|address| !is_relayed(address)) {
                return direct;
            }
            assert!(began.elapsed() < DIRECT_WITHIN, "{}", way(&self.ana));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ana's address for Ben, once they are connected and it is as wanted.
    fn path_becomes(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        eventually(what, || path(&self.ana).filter(|address| fits(address)))
    }
}

/// Waits until a relay keeps a place for the node: a link that it makes from then on names that place.
fn has_a_place(peer: &Peer) {
    eventually("a relay keeps a place", || {
        let status = peer.status().done();
        let own = status["listen"].as_array().unwrap();
        own.iter()
            .any(|address| address.as_str().is_some_and(is_relayed))
            .then_some(())
    });
}

/// The address through which a node talks to the only other member.
fn path(peer: &Peer) -> Option<String> {
    let status = peer.status().done();
    let peers = status["peers"].as_array().unwrap();
    let member = peers.iter().find(|peer| !peer["account"].is_null())?;
    member["address"].as_str().map(str::to_owned)
}

/// How the way to the only other member came to be, as the doctor says.
fn way(peer: &Peer) -> Value {
    let doctor = peer.doctor();
    let peers = doctor["connections"]["peers"].as_array().unwrap();
    let member = peers.iter().find(|peer| !peer["account"].is_null());
    member.expect("a co-member").clone()["way"].clone()
}

fn is_relayed(address: &str) -> bool {
    address.contains("/p2p-circuit")
}

/// How long two have until they talk directly: on a busy machine the first punches can miss each other; then others
/// follow after half a minute, two minutes more and ten.
const DIRECT_WITHIN: Duration = Duration::from_secs(240);

#[test]
fn two_behind_boxes_that_keep_ports_come_to_talk_directly() {
    let Some(net) = Hidden::new("netlab-direct", Nat::PortKeeping, 1) else {
        return;
    };
    let began = Instant::now();
    talk(&net.ana, &net.ben);
    let direct = net.becomes_direct();
    assert!(direct.contains("/quic-v1"), "{direct}");
    say("direct", began);
    let way = way(&net.ana);
    assert_eq!(way["punched"], true, "{way}");
    // Through the new path, both ways.
    net.ana.line("send Home/general \"direct\"");
    eventually("Ben reads it", || {
        (net.ben.texts("Home/general", 1) == ["direct"]).then_some(())
    });
}

#[test]
fn a_punch_that_missed_is_tried_again_without_a_new_session() {
    let Some(net) = Hidden::new("netlab-again", Nat::PortKeeping, 1) else {
        return;
    };
    let [ana, ben] = &net.hosts;
    net.lab.keep_apart(ana, ben);
    talk(&net.ana, &net.ben);
    eventually("the first punches have missed", || {
        way(&net.ana)["why_not_direct"].is_string().then_some(())
    });
    assert!(is_relayed(&net.path_becomes("a path", |_| true)));
    net.lab.let_through();
    // News of an address are a reason to try soon; without it, the next try comes by itself.
    ana.move_inside();
    let began = Instant::now();
    let direct = net.becomes_direct();
    say("direct after the line was free", began);
    assert!(direct.contains("/quic-v1"), "{direct}");
    assert_eq!(way(&net.ana)["punched"], true, "{}", way(&net.ana));
    net.ben.line("send Home/general \"closer\"");
    eventually("Ana reads it", || {
        (net.ana.texts("Home/general", 1) == ["closer"]).then_some(())
    });
}

#[test]
fn two_behind_boxes_with_random_ports_talk_through_the_relay() {
    let Some(net) = Hidden::new("netlab-relayed", Nat::Random, 1) else {
        return;
    };
    talk(&net.ana, &net.ben);
    let relayed = net.path_becomes("a path", |_| true);
    assert!(is_relayed(&relayed), "{relayed}");
    // What was tried, and why it is not better, once the attempts to come closer have failed.
    let name = net.relays[0].addresses()[0].rsplit('/').next().unwrap();
    let way = eventually("the doctor says why", || {
        let way = way(&net.ana);
        way["why_not_direct"].is_string().then_some(way)
    });
    assert_eq!(way["relay"], name, "{way}");
    assert_eq!(way["punched"], false, "{way}");
    let address = net.path_becomes("still a path", |_| true);
    assert!(is_relayed(&address), "{address}");
}

#[test]
fn without_udp_text_goes_through_the_relay_over_tcp() {
    let Some(mut lab) = Lab::new("netlab-tcp") else {
        return;
    };
    lab.drop_udp();
    let root = tempdir().unwrap();
    let relay = Relay::open(&lab.host("relay", Family::Both), root.path());
    let arguments: Vec<_> = relay
        .addresses()
        .iter()
        .flat_map(|address| ["--relay", address.as_str()])
        .collect();
    let [ana, ben] = ["ana", "ben"].map(|name| {
        let host = lab.behind(name, Nat::Random);
        let mut peer = host.peer(root.path(), name, &arguments);
        peer.start();
        peer
    });
    // The link is made before a relay keeps a place, and names it all the same.
    let began = Instant::now();
    talk(&ana, &ben);
    say("talked through the relay", began);
    let address = eventually("a path", || path(&ana));
    assert!(
        is_relayed(&address) && address.contains("/tcp/"),
        "{address}"
    );
}

#[test]
fn when_a_relay_is_killed_another_one_is_used_and_nothing_is_lost() {
    let Some(mut net) = Hidden::new("netlab-killed", Nat::Random, 2) else {
        return;
    };
    talk(&net.ana, &net.ben);
    let address = net.path_becomes("a path", |_| true);
    let used = net
        .relays
        .iter()
        .position(|relay| {
            let name = relay.addresses()[0].rsplit('/').next().unwrap();
            address.contains(name)
        })
        .expect("one of the relays is used");
    let mut texts = vec!["from Ana".to_owned(), "from Ben".to_owned()];
    let send = |net: &Hidden, text: &str, texts: &mut Vec<String>| {
        net.ana.line(&format!("send Home/general \"{text}\""));
        texts.push(text.to_owned());
    };
    send(&net, "before", &mut texts);
    net.relays[used].kill();
    send(&net, "meanwhile", &mut texts);
    net.ben.reads("Home/general", &texts);
    send(&net, "after", &mut texts);
    net.ben.reads("Home/general", &texts);
    let other = net.path_becomes("a path through the other relay", |new| *new != address);
    assert!(is_relayed(&other), "{other}");
}
