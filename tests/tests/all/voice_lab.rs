//! Voice in a network of namespaces: over IPv6 alone, behind boxes, where no UDP passes, and when a relay dies.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use alloquy_tests::sound::{read_wav, share_at};
use alloquy_tests::{Coturn, Family, Host, Lab, Nat, Peer, Relay, eventually, skip};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::home::{Home, keeps};

/// Each says a tone of its own.
const TONES: [u32; 2] = [440, 700];
const NAMES: [&str; 2] = ["ana", "ben"];

/// A node on a machine of the lab whose sound is a tone and a file.
fn speaker(
    host: &Host,
    root: &Path,
    name: &str,
    arguments: &[String],
    trust: Option<&str>,
) -> Peer {
    let tone = if name == NAMES[0] { TONES[0] } else { TONES[1] };
    let input = format!("tone:{tone}");
    let output = format!("file:{}", root.join(format!("{name}.wav")).display());
    let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    all.extend(["--audio-in", &input, "--audio-out", &output]);
    let mut peer = host.peer(root, name, &all);
    if let Some(trust) = trust {
        peer = peer.behind(&[&host.prefix()[..], &["env", trust]].concat());
    }
    peer.start();
    peer
}

fn gathered(peers: &[Peer; 2]) {
    peers[0].line("create-community Home");
    peers[0].line("create-channel Home voice lounge");
    peers[1].line(&format!("join {}", peers[0].invite("Home")));
}

/// The link to the only other one.
fn link(peer: &Peer) -> Value {
    let told = peer.tell("voice stats").value;
    told["call"]["peers"]
        .as_object()
        .and_then(|peers| peers.values().next())
        .map_or(Value::Null, |peer| peer["link"].clone())
}

/// Whether a link goes through a TURN server.
fn relayed(link: &Value) -> bool {
    link["path"]["local_kind"] == "relay" || link["path"]["remote_kind"] == "relay"
}

/// Both go into the room and hear each other; how the links stand then.
#[expect(clippy::print_stderr, reason = "a figure that people read")]
fn call(peers: &[Peer; 2], what: &str) -> [Value; 2] {
    for peer in peers {
        peer.line("voice join Home/lounge");
    }
    let since = Instant::now();
    let links = peers.each_ref().map(|peer| {
        eventually("sound comes", || {
            let link = link(peer);
            (link["stage"] == "audio").then_some(link)
        })
    });
    eprintln!("{what}: both hear after {:?}", since.elapsed());
    links
}

/// Both have heard the other one's tone, and not their own.
fn heard(root: &Path, peers: &[Peer; 2]) {
    std::thread::sleep(std::time::Duration::from_secs(4));
    for peer in peers {
        peer.line("voice leave");
    }
    for (name, other, own) in [
        (NAMES[0], TONES[1], TONES[0]),
        (NAMES[1], TONES[0], TONES[1]),
    ] {
        let sound = read_wav(&root.join(format!("{name}.wav")));
        let end = &sound[sound.len().saturating_sub(3 * 48_000)..];
        let (other, own) = (
            share_at(end, f64::from(other)),
            share_at(end, f64::from(own)),
        );
        assert!(
            other > 0.5 && own < 0.01,
            "{name} hears {other:.3} of the other, {own:.3} of itself"
        );
    }
}

/// What lies between two members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// A box before each of them.
    Boxes(Nat),
    /// Walls that let nothing through but TCP to port 443 of coturn, and to the relay for texts.
    Walls,
    /// Nothing passes from the one to the other, until [`Lab::let_through`].
    Gap,
}

/// Two members, a relay for their texts, and coturn.
struct Called {
    peers: [Peer; 2],
    coturn: Coturn,
    _relay: Relay,
    lab: Lab,
    root: TempDir,
}

impl Called {
    /// `None` with the skip said.
    fn new(test: &str, between: Between, urls: &[&str]) -> Option<Self> {
        if Command::new("turnserver")
            .arg("--version")
            .output()
            .is_err()
        {
            skip(test, "turnserver is not installed (coturn)");
            return None;
        }
        let mut lab = Lab::new(test)?;
        let root = tempdir().unwrap();
        let public = lab.host("public", Family::Both);
        let relay = Relay::open(&public, root.path());
        let folder = root.path().join("turn");
        std::fs::create_dir(&folder).unwrap();
        let coturn = Coturn::start(&public, &folder);
        let hosts = NAMES.map(|name| match between {
            Between::Boxes(nat) => lab.behind(name, nat),
            Between::Walls | Between::Gap => lab.host(name, Family::Both),
        });
        match between {
            Between::Boxes(_) => {}
            Between::Walls => {
                let ports = [443, Relay::TCP_PORT];
                for host in &hosts {
                    lab.only_tcp(host, &public, &ports);
                }
            }
            Between::Gap => lab.keep_apart(&hosts[0], &hosts[1]),
        }
        let trust = coturn.trust();
        let [ana, ben] = [0, 1].map(|n| {
            let mut arguments: Vec<String> = relay
                .addresses()
                .iter()
                .flat_map(|address| ["--relay".to_owned(), address.clone()])
                .collect();
            let ice = coturn.ice(NAMES[n], urls);
            arguments.extend(["--ice".to_owned(), ice.display().to_string()]);
            speaker(&hosts[n], root.path(), NAMES[n], &arguments, Some(&trust))
        });
        let peers = [ana, ben];
        gathered(&peers);
        Some(Self {
            peers,
            coturn,
            _relay: relay,
            lab,
            root,
        })
    }
}

#[test]
fn two_with_ipv6_alone_hear_each_other() {
    let Some(mut lab) = Lab::new("voice-ipv6") else {
        return;
    };
    let root = tempdir().unwrap();
    let hosts = NAMES.map(|name| lab.host(name, Family::V6));
    let peers = [0, 1].map(|n| speaker(&hosts[n], root.path(), NAMES[n], &[], None));
    gathered(&peers);
    let links = call(&peers, "over IPv6 alone");
    for link in links {
        assert!(
            link["path"]["local"].as_str().unwrap().starts_with('['),
            "{link}"
        );
    }
    heard(root.path(), &peers);
}

#[test]
fn two_behind_port_keeping_boxes_hear_each_other_directly() {
    // Who knows no TURN server has no other way.
    let between = Between::Boxes(Nat::PortKeeping);
    let Some(called) = Called::new("voice-nats", between, &["stun:HOST:3478"]) else {
        return;
    };
    let links = call(&called.peers, "behind port-keeping boxes");
    assert!(!links.iter().any(relayed), "{links:?}");
    heard(called.root.path(), &called.peers);
}

#[test]
fn two_behind_boxes_with_random_ports_hear_each_other_through_turn() {
    let urls = ["stun:HOST:3478", "turn:HOST:3478"];
    let between = Between::Boxes(Nat::Random);
    let Some(called) = Called::new("voice-random", between, &urls) else {
        return;
    };
    let links = call(&called.peers, "behind boxes with random ports");
    assert!(links.iter().any(relayed), "{links:?}");
    let told = called.peers[0].doctor();
    let voice = told["checks"].as_array().unwrap().iter();
    let voice = voice
        .filter(|check| check["check"] == "voice")
        .collect::<Vec<_>>();
    let [check] = voice[..] else { panic!("{told}") };
    let sentence = check["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("TURN server") && sentence.contains("no direct way"),
        "{check}"
    );
    heard(called.root.path(), &called.peers);
}

#[test]
fn where_only_port_443_of_coturn_is_open_two_hear_each_other_through_turn_over_tls() {
    let urls = ["turns:HOST:443?transport=tcp"];
    let Some(called) = Called::new("voice-tls", Between::Walls, &urls) else {
        return;
    };
    let links = call(&called.peers, "behind walls, through TURN over TLS");
    for link in links {
        assert_eq!(link["path"]["protocol"], "tls", "{link}");
    }
    heard(called.root.path(), &called.peers);
}

/// The call goes through coturn, since there is no other way when it begins.
#[test]
fn a_call_goes_on_when_the_turn_server_dies_and_there_is_another_way() {
    let urls = ["stun:HOST:3478", "turn:HOST:3478"];
    let Some(mut called) = Called::new("voice-killed", Between::Gap, &urls) else {
        return;
    };
    let links = call(&called.peers, "through coturn");
    assert!(links.iter().all(relayed), "{links:?}");
    called.lab.let_through();
    called.coturn.kill();
    for peer in &called.peers {
        eventually("sound comes another way", || {
            let link = link(peer);
            (link["stage"] == "audio" && !link["path"].is_null() && !relayed(&link)).then_some(())
        });
    }
    heard(called.root.path(), &called.peers);
}

/// Nobody has typed an address of a TURN server: the community's home node has one and gives its members credentials.
#[test]
fn members_behind_boxes_with_random_ports_hear_each_other_through_their_home_node() {
    let Some(mut lab) = Lab::new("voice-home") else {
        return;
    };
    let root = tempdir().unwrap();
    let public = lab.host("public", Family::Both);
    let relay = Relay::open(&public, root.path());
    let address = public.v4.clone().unwrap();
    let tcp = format!("/ip4/{address}/tcp/4200");
    let quic = format!("/ip4/{address}/udp/4200/quic-v1");
    let turn = format!("{address}:3478");
    let arguments = ["--listen", &tcp, "--listen", &quic, "--turn", &turn];
    let mut home = Home::with(root.path(), "home", &arguments, &public.prefix()[..]);
    let hosts = NAMES.map(|name| lab.behind(name, Nat::Random));
    let relays: Vec<String> = relay
        .addresses()
        .iter()
        .flat_map(|address| ["--relay".to_owned(), address.clone()])
        .collect();
    let peers = [0, 1].map(|n| speaker(&hosts[n], root.path(), NAMES[n], &relays, None));
    gathered(&peers);
    peers[0].line(&format!("home pair {}", home.link()));
    peers[0].line("home store Home on");
    keeps(&home.peer, 1);
    let links = call(&peers, "through the home node's TURN server");
    assert!(links.iter().any(relayed), "{links:?}");
    heard(root.path(), &peers);
}
