//! The machine by itself: requests as bytes, a clock of the test's own, sockets that are only counted.

use turn_types::attribute::{ChannelNumber, Lifetime, RequestedTransport, XorPeerAddress};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::attribute::{ErrorCode, Nonce, Realm, Username};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageIntegrityCredentials,
    MessageWrite, MessageWriteExt, MessageWriteVec, Method,
};
use turn_types::{AddressFamily, attribute};

use super::machine::{Ports, Sockets, is_beside};
use super::*;
use crate::turn::Credential;
use alloquy_ids::UnixMs;

const REALM: &str = "home.test";
const PEER: &str = "45.83.9.9:4000";

#[derive(Default)]
struct Counted {
    next: u16,
    open: Vec<SocketAddr>,
}

impl Sockets for Counted {
    fn open(&mut self, _: AddressFamily, ports: Ports) -> Option<Vec<SocketAddr>> {
        let count = if ports == Ports::Pair { 2 } else { 1 };
        let opened: Vec<SocketAddr> = (0..count)
            .map(|at| {
                format!("45.83.1.2:{}", 50_000 + self.next + at)
                    .parse()
                    .unwrap()
            })
            .collect();
        self.next += 2;
        self.open.extend(&opened);
        Some(opened)
    }

    fn close(&mut self, relayed: SocketAddr) {
        self.open.retain(|one| *one != relayed);
    }

    fn has(&self, family: AddressFamily) -> bool {
        family == AddressFamily::IPV4
    }
}

struct Bench {
    machine: Machine,
    sockets: Counted,
    now: Now,
    secret: Secret,
}

/// Somebody with a credential at an address.
#[derive(Clone)]
struct Somebody {
    path: Path,
    credential: Credential,
    nonce: String,
}

type Attributes<'a> = &'a dyn Fn(&mut MessageWriteVec);

impl Bench {
    fn new() -> Self {
        let secret = Secret::parse(&"s".repeat(40)).unwrap();
        let logins = Logins {
            realm: REALM.to_owned(),
            secrets: vec![secret.clone()],
            nonce_key: [7; 32],
        };
        let quotas = Quotas {
            allocations: 6,
            allocations_per_account: 4,
            bytes_per_s: 10_000,
        };
        Self {
            machine: Machine::new(logins, quotas, vec!["45.83.1.2".parse().unwrap()]),
            sockets: Counted::default(),
            now: Now {
                mono: Instant::now(),
                wall: UnixMs(1_700_000_000_000),
            },
            secret,
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now.mono += Duration::from_secs(seconds);
        self.now.wall.0 += seconds * 1000;
        self.machine.expire(self.now, &mut self.sockets);
    }

    fn take(&mut self, path: Path, bytes: &[u8]) -> Option<Out> {
        self.machine
            .client_sent(self.now, path, bytes, &mut self.sockets)
    }

    fn answer(&mut self, path: Path, bytes: &[u8]) -> Vec<u8> {
        match self.take(path, bytes) {
            Some(Out::Client(to, answer)) if to == path => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// Somebody who has asked for a nonce.
    fn somebody(&mut self, account: &str, port: u16) -> Somebody {
        let client = SocketAddr::new("45.83.2.2".parse().unwrap(), port);
        let path = Path {
            listener: 0,
            client,
        };
        let asked = Message::builder_request(ALLOCATE, MessageWriteVec::new()).finish();
        let answer = self.answer(path, &asked);
        let answer = Message::from_bytes(&answer).unwrap();
        assert_eq!(code(&answer), 401);
        Somebody {
            path,
            credential: Credential::issue(&self.secret, account, self.now.wall).unwrap(),
            nonce: answer.attribute::<Nonce>().unwrap().nonce().to_owned(),
        }
    }

    fn ask(&mut self, who: &Somebody, method: Method, attributes: Attributes<'_>) -> u16 {
        let request = who.request(method, attributes);
        let answer = self.answer(who.path, &request);
        code(&Message::from_bytes(&answer).unwrap())
    }

    fn allocate(&mut self, who: &Somebody) -> u16 {
        let udp = RequestedTransport::new(RequestedTransport::UDP);
        self.ask(who, ALLOCATE, &|request| {
            request.add_attribute(&udp).unwrap()
        })
    }

    fn permit(&mut self, who: &Somebody, peer: &str) -> u16 {
        self.ask(who, CREATE_PERMISSION, &|request| add_peer(request, peer))
    }

    fn bind(&mut self, who: &Somebody, number: u16, peer: &str) -> u16 {
        self.ask(who, CHANNEL_BIND, &|request| {
            request.add_attribute(&ChannelNumber::new(number)).unwrap();
            add_peer(request, peer);
        })
    }
}

impl Somebody {
    fn request(&self, method: Method, attributes: Attributes<'_>) -> Vec<u8> {
        let mut request = Message::builder_request(method, MessageWriteVec::new());
        attributes(&mut request);
        let name = Username::new(&self.credential.username).unwrap();
        request.add_attribute(&name).unwrap();
        request.add_attribute(&Realm::new(REALM).unwrap()).unwrap();
        request
            .add_attribute(&Nonce::new(&self.nonce).unwrap())
            .unwrap();
        let (name, password) = (&self.credential.username, &self.credential.password);
        let known =
            LongTermKeyCredentials::new(name.clone(), password.to_string(), REALM.to_owned());
        let known = MessageIntegrityCredentials::from(known);
        request
            .add_message_integrity(&known, IntegrityAlgorithm::Sha1)
            .unwrap();
        request.finish()
    }
}

fn add_peer(request: &mut MessageWriteVec, peer: &str) {
    let peer = XorPeerAddress::new(peer.parse().unwrap(), request.transaction_id());
    request.add_attribute(&peer).unwrap();
}

/// 0 for a success.
fn code(answer: &Message<'_>) -> u16 {
    answer
        .attribute::<ErrorCode>()
        .map_or(0, |error| error.code())
}

fn indication(peer: &str, data: &[u8]) -> Vec<u8> {
    let mut send = Message::builder_indication(SEND, MessageWriteVec::new());
    add_peer(&mut send, peer);
    send.add_attribute(&attribute::Data::new(data)).unwrap();
    send.finish()
}

fn on_channel(number: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&number.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}

#[test]
fn packets_pass_both_ways_for_who_has_a_permission_only() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    assert_eq!(bench.allocate(&ana), 0);
    let relayed = bench.sockets.open[0];
    assert_eq!(
        bench.take(ana.path, &indication(PEER, b"hi")),
        None,
        "not yet"
    );
    assert_eq!(bench.permit(&ana, PEER), 0);
    let to = PEER.parse().unwrap();
    let out = Out::Peer {
        from: relayed,
        to,
        data: b"hi".to_vec(),
    };
    assert_eq!(bench.take(ana.path, &indication(PEER, b"hi")), Some(out));
    let from_peer = |bench: &mut Bench, peer: &str| {
        let now = bench.now;
        bench
            .machine
            .peer_sent(now, relayed, peer.parse().unwrap(), b"ho")
    };
    let Some(Out::Client(path, data)) = from_peer(&mut bench, PEER) else {
        panic!("a peer's packet");
    };
    assert_eq!(path, ana.path);
    let data = Message::from_bytes(&data).unwrap();
    assert_eq!(
        data.attribute::<attribute::Data<'_>>().unwrap().data(),
        b"ho"
    );
    assert!(
        from_peer(&mut bench, "45.83.9.9:5").is_some(),
        "a permission is for an address"
    );
    assert_eq!(
        from_peer(&mut bench, "45.83.9.8:4000"),
        None,
        "another peer"
    );

    assert_eq!(bench.bind(&ana, 0x4001, PEER), 0);
    let on = on_channel(0x4001, b"ho");
    assert_eq!(
        from_peer(&mut bench, PEER),
        Some(Out::Client(ana.path, on.clone()))
    );
    assert!(matches!(bench.take(ana.path, &on), Some(Out::Peer { data, .. }) if data == b"ho"));
    assert_eq!(bench.take(ana.path, &on_channel(0x4002, b"ho")), None);
    assert_eq!(
        bench.bind(&ana, 0x4002, PEER),
        400,
        "one peer has one channel"
    );
    assert_eq!(
        bench.bind(&ana, 0x4001, "45.83.9.9:5"),
        400,
        "one channel has one peer"
    );
    assert_eq!(bench.bind(&ana, 0x3fff, "45.83.9.9:5"), 400);
    bench.pass(301);
    assert_eq!(bench.take(ana.path, &on), None, "the permission has ended");
}

#[test]
fn nothing_is_permitted_that_is_not_of_the_internet() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    assert_eq!(bench.allocate(&ana), 0);
    for peer in [
        "127.0.0.1:80",
        "10.0.0.1:80",
        "192.168.0.1:1",
        "169.254.169.254:80",
        "0.0.0.0:1",
        "224.0.0.1:1",
        "100.64.0.1:1",
    ] {
        assert_eq!(bench.permit(&ana, peer), 403, "{peer}");
        assert_eq!(bench.bind(&ana, 0x4000, peer), 403, "{peer}");
        assert_eq!(
            bench.take(ana.path, &indication(peer, b"x")),
            None,
            "{peer}"
        );
    }
    assert_eq!(
        bench.permit(&ana, "[2a0e:1d80:1::2]:80"),
        443,
        "another family"
    );
    let both = bench.ask(&ana, CREATE_PERMISSION, &|request| {
        add_peer(request, PEER);
        add_peer(request, "10.0.0.1:1");
    });
    assert_eq!(both, 403);
    assert_eq!(
        bench.take(ana.path, &indication(PEER, b"x")),
        None,
        "all or none"
    );
}

#[test]
fn this_machine_is_reached_at_allocations_only_and_those_meet_inside() {
    let mut bench = Bench::new();
    let (ana, ben) = (bench.somebody("ana", 1), bench.somebody("ben", 2));
    assert_eq!((bench.allocate(&ana), bench.allocate(&ben)), (0, 0));
    let [of_ana, of_ben] = bench.sockets.open[..] else {
        panic!()
    };
    assert_eq!(bench.permit(&ana, &of_ben.to_string()), 0);
    assert_eq!(
        bench.take(ana.path, &indication("45.83.1.2:22", b"x")),
        None,
        "a service of the machine"
    );
    assert_eq!(
        bench.take(ana.path, &indication(&of_ben.to_string(), b"x")),
        None,
        "Ben has not permitted it"
    );
    assert_eq!(bench.bind(&ben, 0x4000, &of_ana.to_string()), 0);
    let out = bench.take(ana.path, &indication(&of_ben.to_string(), b"x"));
    assert_eq!(out, Some(Out::Client(ben.path, on_channel(0x4000, b"x"))));
}

#[test]
fn wrong_expired_and_others_credentials_are_refused() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    let mut wrong = ana.clone();
    wrong.credential.password = zeroize::Zeroizing::new("AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned());
    assert_eq!(bench.allocate(&wrong), 401);
    let mut altered = ana.clone();
    altered.credential.username = altered.credential.username.replace("ana", "ben");
    assert_eq!(bench.allocate(&altered), 401);
    let mut later = ana.clone();
    later.credential.username = later.credential.username.replace("17", "27");
    assert_eq!(bench.allocate(&later), 401);
    assert_eq!(bench.sockets.open.len(), 0);
    assert_eq!(bench.allocate(&ana), 0);
    // Ben may not touch Ana's allocation, though his own credential is good.
    let ben = bench.somebody("ben", 2);
    let at_hers = Somebody {
        path: ana.path,
        ..ben
    };
    assert_eq!(bench.permit(&at_hers, PEER), 441);
    assert_eq!(bench.allocate(&at_hers), 441);
    bench.pass(599);
    let refresh = |bench: &mut Bench, who: &Somebody| {
        bench.ask(who, REFRESH, &|request| {
            request.add_attribute(&Lifetime::new(3600)).unwrap()
        })
    };
    assert_eq!(refresh(&mut bench, &ana), 0);
    bench.pass(3_400);
    let fresh = bench.somebody("ana", 9);
    let over = Somebody {
        credential: ana.credential.clone(),
        ..fresh.clone()
    };
    assert_eq!(bench.allocate(&over), 401, "its hour is over");
    let same = Somebody {
        nonce: bench.somebody("ana", 1).nonce,
        ..ana.clone()
    };
    assert_eq!(refresh(&mut bench, &same), 0, "what it began goes on");
}

#[test]
fn a_nonce_ends_and_is_of_one_address() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    let mut elsewhere = ana.clone();
    elsewhere.path.client = "45.83.2.3:1".parse().unwrap();
    assert_eq!(bench.allocate(&elsewhere), 438);
    let mut forged = ana.clone();
    forged.nonce.replace_range(..1, "f");
    assert_eq!(bench.allocate(&forged), 438);
    bench.pass(601);
    assert_eq!(bench.allocate(&ana), 438);
}

#[test]
fn quotas_hold_and_what_ends_is_given_back() {
    let mut bench = Bench::new();
    let mut anas = Vec::new();
    for port in 1..=4 {
        let ana = bench.somebody("ana", port);
        assert_eq!(bench.allocate(&ana), 0);
        anas.push(ana);
    }
    let fifth = bench.somebody("ana", 5);
    assert_eq!(bench.allocate(&fifth), 486, "of one account");
    for port in 6..=7 {
        let ben = bench.somebody("ben", port);
        assert_eq!(bench.allocate(&ben), 0);
    }
    let cleo = bench.somebody("cleo", 8);
    assert_eq!(bench.allocate(&cleo), 486, "of all");
    let released = bench.ask(&anas[0], REFRESH, &|request| {
        request.add_attribute(&Lifetime::new(0)).unwrap();
    });
    assert_eq!((released, bench.sockets.open.len()), (0, 5));
    assert_eq!(bench.permit(&anas[0], PEER), 437, "it is gone");
    assert_eq!(bench.allocate(&cleo), 0);
    let (path, now) = (anas[1].path, bench.now);
    bench.machine.gone(path, &mut bench.sockets);
    assert_eq!(bench.machine.allocations(), 5);
    bench.now = now;
    bench.pass(601);
    assert_eq!(
        (bench.machine.allocations(), bench.sockets.open.len()),
        (0, 0)
    );
}

#[test]
fn a_request_that_comes_twice_is_answered_twice_and_done_once() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let request = ana.request(ALLOCATE, &|request| request.add_attribute(&udp).unwrap());
    let first = bench.answer(ana.path, &request);
    assert_eq!(bench.answer(ana.path, &request), first);
    assert_eq!(bench.sockets.open.len(), 1);
    assert_eq!(bench.allocate(&ana), 437, "another request");
}

#[test]
fn an_even_port_keeps_the_next_for_who_has_the_token() {
    let mut bench = Bench::new();
    let (ana, again) = (bench.somebody("ana", 1), bench.somebody("ana", 2));
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let request = ana.request(ALLOCATE, &|request| {
        request.add_attribute(&udp).unwrap();
        request
            .add_attribute(&attribute::EvenPort::new(true))
            .unwrap();
    });
    let answer = bench.answer(ana.path, &request);
    let answer = Message::from_bytes(&answer).unwrap();
    let token = answer
        .attribute::<attribute::ReservationToken>()
        .unwrap()
        .token();
    let with = |token| {
        move |request: &mut MessageWriteVec| {
            let udp = RequestedTransport::new(RequestedTransport::UDP);
            request.add_attribute(&udp).unwrap();
            request
                .add_attribute(&attribute::ReservationToken::new(token))
                .unwrap();
        }
    };
    let ben = bench.somebody("ben", 3);
    assert_eq!(
        bench.ask(&ben, ALLOCATE, &with(token)),
        508,
        "Ben's it is not"
    );
    assert_eq!(bench.ask(&again, ALLOCATE, &with(token ^ 1)), 508);
    assert_eq!(bench.ask(&again, ALLOCATE, &with(token)), 0);
    assert_eq!(bench.sockets.open.len(), 2);
}

#[test]
fn who_sends_too_much_is_cut_to_its_rate() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    assert_eq!(bench.allocate(&ana), 0);
    assert_eq!(bench.permit(&ana, PEER), 0);
    let send = |bench: &mut Bench| {
        bench
            .take(ana.path, &indication(PEER, &[0; 1_000]))
            .is_some()
    };
    let passed = (0..50).filter(|_| send(&mut bench)).count();
    assert_eq!(passed, 10, "a second's worth");
    bench.now.mono += Duration::from_millis(500);
    let passed = (0..50).filter(|_| send(&mut bench)).count();
    assert_eq!(passed, 5);
}

#[test]
fn what_is_malformed_has_no_effect() {
    let mut bench = Bench::new();
    let ana = bench.somebody("ana", 1);
    assert_eq!(bench.allocate(&ana), 0);
    for bytes in [
        &[][..],
        &[0x40],
        &[0x40, 0, 0, 9, 1],
        &[0x40, 1, 0xff, 0xff],
        &[0xff; 40],
        &[0; 20],
    ] {
        assert_eq!(bench.take(ana.path, bytes), None, "{bytes:?}");
    }
    assert_eq!(bench.ask(&ana, CREATE_PERMISSION, &|_| {}), 400, "no peer");
    assert_eq!(
        bench.ask(&ana, Method::new(0x0a), &|_| {}),
        400,
        "TCP to peers"
    );
    let other = bench.somebody("ana", 2);
    assert_eq!(bench.ask(&other, ALLOCATE, &|_| {}), 400, "no transport");
    let tcp = RequestedTransport::new(6);
    let over_tcp = bench.ask(&other, ALLOCATE, &|request| {
        request.add_attribute(&tcp).unwrap()
    });
    assert_eq!(over_tcp, 442);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let strange = bench.ask(&other, ALLOCATE, &|request| {
        request.add_attribute(&udp).unwrap();
        request
            .add_attribute(&attribute::DontFragment::new())
            .unwrap();
    });
    assert_eq!(strange, 420, "not understood");
    let v6 = attribute::RequestedAddressFamily::new(AddressFamily::IPV6);
    let family = bench.ask(&other, ALLOCATE, &|request| {
        request.add_attribute(&udp).unwrap();
        request.add_attribute(&v6).unwrap();
    });
    assert_eq!(family, 440);
    // Each prefix and each flipped byte of a good request: never a panic, never a second allocation.
    let good = other.request(ALLOCATE, &|request| request.add_attribute(&udp).unwrap());
    for cut in 0..good.len() {
        bench.take(other.path, &good[..cut]);
        let mut flipped = good.clone();
        flipped[cut] ^= 0x55;
        bench.take(other.path, &flipped);
        assert_eq!(bench.machine.allocations(), 1, "byte {cut} of {good:?}");
    }
    let binding = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
    assert!(bench.take(other.path, &binding).is_some());
}

#[test]
fn a_bad_setting_is_refused_with_its_value() {
    let config = |address: &str, ports| ServerConfig {
        addresses: vec![address.parse().unwrap()],
        ports,
        realm: REALM.to_owned(),
    };
    for (config, word) in [
        (config("10.0.0.1:3478", RELAY_PORTS), "10.0.0.1:3478"),
        (config("127.0.0.1:3478", RELAY_PORTS), "loopback"),
        (config("45.83.1.2:0", RELAY_PORTS), "port 0"),
        (config("45.83.1.2:3478", 1..=2), "1-2"),
        (config("45.83.1.2:3478", 3000..=4000), "3000-4000"),
        (
            ServerConfig {
                addresses: vec![],
                ..config("45.83.1.2:1", RELAY_PORTS)
            },
            "0 addresses",
        ),
    ] {
        let error = judge(&config).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(judge(&config("45.83.1.2:3478", RELAY_PORTS)).is_ok());
}

#[test]
fn neighbours_of_this_machine_are_told_by_their_prefix() {
    let beside = |own: &str, peer: &str| is_beside(own.parse().unwrap(), peer.parse().unwrap());
    assert!(beside("2a0e:1d80:1::2", "2a0e:1d80:1::77"));
    assert!(!beside("2a0e:1d80:1::2", "2a0e:1d80:1:1::77"));
    assert!(beside("45.83.1.2", "45.83.1.2") && !beside("45.83.1.2", "45.83.1.3"));
}
