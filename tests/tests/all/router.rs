//! Nodes behind a router that opens ports when it is asked: miniupnpd on a box of the network of namespaces.

use alloquy_tests::{Grants, Host, Lab, Nat, Peer, Router, eventually, skip};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Ana behind a box with such a router.
struct Home {
    // What runs ends before the network and the folders go.
    ana: Peer,
    router: Router,
    host: Host,
    lab: Lab,
    root: TempDir,
}

impl Home {
    /// `None` with the skip said.
    fn new(test: &str, grants: Grants, taken: &[u16], arguments: &[&str]) -> Option<Self> {
        let mut lab = Lab::new(test)?;
        let root = tempdir().unwrap();
        let host = lab.behind("ana", Nat::PortKeeping);
        let Some(router) = Router::start(&host, root.path(), grants, taken) else {
            skip(test, "miniupnpd is not installed");
            return None;
        };
        let mut ana = host.peer(root.path(), "ana", arguments);
        ana.start();
        Some(Self {
            ana,
            router,
            host,
            lab,
            root,
        })
    }

    /// Waits for what the router says, as `doctor` tells it.
    fn says(&self, answer: &str) {
        eventually(&format!("the router's answer is {answer}"), || {
            let doctor = self.ana.doctor();
            (doctor["connections"]["reach"]["router"] == answer).then_some(())
        });
    }

    /// The addresses at which the router lets connections in, without the node's name.
    fn outside(&self) -> Vec<String> {
        let status = self.ana.status().done();
        let own = status["listen"].as_array().unwrap().iter();
        let begin = format!("/ip4/{}/", self.host.outside);
        let own = own.filter_map(Value::as_str);
        own.filter(|address| address.starts_with(&begin) && !address.contains("p2p-circuit"))
            .map(|address| address.split("/p2p/").next().unwrap().to_owned())
            .collect()
    }

    /// Ben, whose own box opens nothing and who knows no relay, comes by a link and talks; his way to Ana.
    fn ben_comes(&mut self) -> String {
        let host = self.lab.behind("ben", Nat::Random);
        let mut ben = host.peer(self.root.path(), "ben", &["--no-upnp"]);
        ben.start();
        let ana = &self.ana;
        ana.line("create-community Home");
        ana.line("create-channel Home text general");
        ben.line(&format!("join {}", ana.invite("Home")));
        ana.line("send Home/general \"from Ana\"");
        ben.reads("Home/general", &["from Ana".to_owned()]);
        let status = ben.status().done();
        let peers = status["peers"].as_array().unwrap();
        let ana = peers.iter().find(|peer| !peer["account"].is_null());
        ana.expect("she is connected")["address"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// The transports of addresses.
fn transports(addresses: &[String]) -> Vec<&str> {
    let mut found: Vec<_> = addresses
        .iter()
        .map(|address| match address.ends_with("/quic-v1") {
            true => "quic",
            false => "tcp",
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn whoever_is_behind_a_router_that_opens_ports_is_reached_without_a_relay_and_closes_them_at_the_end()
 {
    let Some(mut home) = Home::new("router", Grants::Ports, &[], &[]) else {
        return;
    };
    home.says("open");
    let outside = home.outside();
    assert_eq!(transports(&outside), ["quic", "tcp"], "{outside:?}");
    assert_eq!(home.router.open().len(), 2, "{:?}", home.router.open());
    assert!(
        home.router.log().contains("192.168.7.2"),
        "it logs who asks"
    );
    let way = home.ben_comes();
    assert!(
        outside.iter().any(|address| way.starts_with(address)),
        "{way} is one of {outside:?}"
    );
    home.ana.stop();
    assert_eq!(home.router.open(), [] as [&str; 0]);
}

#[test]
fn a_port_that_another_machine_has_is_no_obstacle() {
    let listen = [
        "--listen",
        "/ip4/0.0.0.0/udp/40100/quic-v1",
        "--listen",
        "/ip4/0.0.0.0/tcp/40100",
    ];
    let Some(mut home) = Home::new("router-taken", Grants::Ports, &[40_100], &listen) else {
        return;
    };
    home.says("open");
    let outside = home.outside();
    assert_eq!(transports(&outside), ["quic", "tcp"], "{outside:?}");
    assert!(
        outside.iter().all(|address| !address.contains("/40100")),
        "{outside:?}"
    );
    let way = home.ben_comes();
    assert!(
        outside.iter().any(|address| way.starts_with(address)),
        "{way} is one of {outside:?}"
    );
    home.ana.stop();
    let left = home.router.open();
    assert!(
        left.len() == 2 && left.iter().all(|rule| rule.contains("40100")),
        "what the other machine opened stays: {left:?}"
    );
}

#[test]
fn a_router_that_refuses_is_told_and_left_alone() {
    let Some(home) = Home::new("router-refuses", Grants::Nothing, &[], &[]) else {
        return;
    };
    home.says("refused");
    assert_eq!(home.outside(), [] as [&str; 0]);
    let asked = home.router.asked();
    assert!((1..=4).contains(&asked), "{asked}: {}", home.router.log());
    // It must not be asked on and on; the next time is after a minute.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(home.router.asked(), asked);
}

#[test]
fn a_router_that_is_gone_is_believed_no_more_and_one_that_comes_is_found() {
    let Some(mut home) = Home::new("router-gone", Grants::Ports, &[], &[]) else {
        return;
    };
    home.says("open");
    home.router.kill();
    // News of an own address are a reason to ask.
    home.host.move_inside();
    home.says("no-router");
    assert_eq!(home.outside(), [] as [&str; 0]);
    home.router = Router::start(&home.host, home.root.path(), Grants::Ports, &[]).unwrap();
    home.host.move_back();
    home.says("open");
    assert_eq!(transports(&home.outside()), ["quic", "tcp"]);
    assert_eq!(home.router.open().len(), 2);
}

#[test]
fn of_two_own_addresses_one_is_enough_and_the_other_takes_over() {
    let Some(home) = Home::new("router-two", Grants::Ports, &[], &[]) else {
        return;
    };
    home.says("open");
    let before = home.outside();
    home.host.move_inside();
    // Both are listened at, and asked for, within a second; nothing may come of it.
    std::thread::sleep(std::time::Duration::from_secs(3));
    home.says("open");
    assert_eq!(home.outside(), before);
    assert_eq!(home.router.open().len(), 2, "{:?}", home.router.open());
    home.host.leave_first();
    eventually("the other address has the ports", || {
        let open = home.router.open();
        let of_second = open.iter().filter(|rule| rule.contains("192.168.7.3"));
        (of_second.count() == 2 && transports(&home.outside()) == ["quic", "tcp"]).then_some(())
    });
}

#[test]
fn whoever_does_not_want_it_asks_no_router() {
    let Some(home) = Home::new("router-off", Grants::Ports, &[], &["--no-upnp"]) else {
        return;
    };
    home.says("never");
    home.ana.line("router on");
    std::thread::sleep(std::time::Duration::from_secs(2));
    home.says("never");
    assert_eq!(home.outside(), [] as [&str; 0]);
    assert!(
        !home.router.log().contains("192.168.7.2"),
        "{}",
        home.router.log()
    );
}

#[test]
fn whoever_switches_it_off_has_its_ports_closed_at_once_and_stays_unasked_over_a_restart() {
    let Some(mut home) = Home::new("router-switch", Grants::Ports, &[], &[]) else {
        return;
    };
    home.says("open");
    for _ in 0..2 {
        home.ana.line("router off");
        home.says("off");
        assert_eq!(home.outside(), [] as [&str; 0]);
        eventually("the ports are closed", || {
            home.router.open().is_empty().then_some(())
        });
        home.ana.line("router on");
        home.says("open");
        assert_eq!(transports(&home.outside()), ["quic", "tcp"]);
        assert_eq!(home.router.open().len(), 2, "{:?}", home.router.open());
    }
    // Before the router has heard of either: what counts is the last.
    for _ in 0..3 {
        home.ana.line("router off");
        home.ana.line("router on");
    }
    home.says("open");
    eventually("both ports are open", || {
        (home.router.open().len() == 2 && transports(&home.outside()) == ["quic", "tcp"])
            .then_some(())
    });
    home.ana.line("router off");
    home.ana.stop();
    assert_eq!(home.router.open(), [] as [&str; 0]);
    let before = home.router.log();
    home.ana.start();
    home.says("off");
    // A question would come within a second.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(home.router.open(), [] as [&str; 0]);
    assert!(
        !home.router.log()[before.len()..].contains("192.168.7.2"),
        "nobody was asked"
    );
}
