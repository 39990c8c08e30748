//! TURN servers of home nodes: who is given a credential, and what was given to this node.
//!
//! A member asks each connected home node that it knows ([`Frame::TurnAsk`]); a home node that has a TURN server answers
//! with its addresses and a credential that ends by itself ([`TurnGrant`]), to its owner, to who has paired with it, and
//! to members of the communities that it keeps. Others are not answered, nor is who asks again too soon. Half of a
//! credential's time later the member asks again, so that a call never waits for one.
//!
//! Making credentials is the shell's ([`TurnDesk`]): the core knows no secret. Nothing of this is stored.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use alloquy_ids::{CommunityId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use rand_core::CryptoRng;

use crate::limits::{
    TURN_ANSWER_EVERY_MS, TURN_ASK_AFTER_MS, TURN_ASK_AGAIN_MS, TURN_LIFE_MS_MAX, TURN_OTHERS_MAX,
    TURN_TEXT_BYTES_MAX, TURN_URL_BYTES_MAX, TURN_URLS_MAX,
};
use crate::node::{Node, Timer};
use crate::wire::Frame;

/// A TURN server and a credential for it.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnGrant {
    /// Its addresses, as `turn:HOST:PORT?transport=udp` (RFC 7065).
    pub urls: Vec<String>,
    /// Expiry and account.
    pub username: String,
    /// What belongs to it.
    pub password: String,
    /// When it ends, by the giver's clock.
    pub expires: UnixMs,
}

impl fmt::Debug for TurnGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnGrant")
            .field("urls", &self.urls.len())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Makes credentials for the TURN server that the shell runs.
pub trait TurnDesk: fmt::Debug + Send + Sync {
    /// One for an account, by the bytes of its id (of a device that is of none here: those of its key), so that the
    /// server's limits are of people; `None` while the server does not serve.
    fn grant(&self, to: &[u8; 32], now: UnixMs) -> Option<TurnGrant>;
}

impl Canonical for TurnGrant {
    fn write(&self, w: &mut Writer) {
        w.varint(self.urls.len() as u64);
        for url in &self.urls {
            w.text(url);
        }
        w.text(&self.username);
        w.text(&self.password);
        self.expires.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(TURN_URLS_MAX, "addresses of a TURN server")?;
        let url = |_| r.text(TURN_URL_BYTES_MAX, "address of a TURN server");
        Ok(Self {
            urls: (0..count).map(url).collect::<Result<_, _>>()?,
            username: r.text(TURN_TEXT_BYTES_MAX, "TURN username")?,
            password: r.text(TURN_TEXT_BYTES_MAX, "TURN password")?,
            expires: UnixMs::read(r)?,
        })
    }
}

/// What is known of TURN servers.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Set on a home node that has one.
    desk: Option<Arc<dyn TurnDesk>>,
    /// When connected peers were last answered.
    answered: BTreeMap<NetworkKey, MonoMs>,
    /// When connected home nodes were last asked.
    asked: BTreeMap<NetworkKey, MonoMs>,
    /// What home nodes gave, and when it is renewed.
    given: BTreeMap<NetworkKey, (TurnGrant, MonoMs)>,
}

impl<R: CryptoRng> Node<R> {
    /// This node has a TURN server now, or has none any more.
    pub fn set_turn_desk(&mut self, desk: Option<Arc<dyn TurnDesk>>) {
        self.turn.desk = desk;
    }

    /// TURN servers that members of a community may use now: those of its members' home nodes and of the own ones, by
    /// the home nodes' keys.
    #[must_use]
    pub fn turn_grants(&self, id: CommunityId) -> Vec<TurnGrant> {
        let community = self.communities.get(&id);
        let own = self.own_homes();
        let serves = |home: NetworkKey| {
            own.contains_key(&home) || community.is_some_and(|community| community.is_home(home))
        };
        let wall = self.wall();
        let good = self.turn.given.iter();
        let good = good.filter(|(home, (grant, _))| serves(**home) && grant.expires > wall);
        // The own ones first; of the others as many as help, since each is asked from each address.
        let (mine, others): (Vec<_>, Vec<_>) = good.partition(|(home, _)| own.contains_key(home));
        let others = others.into_iter().take(TURN_OTHERS_MAX);
        let all = mine.into_iter().chain(others);
        all.map(|(_, (grant, _))| grant.clone()).collect()
    }

    /// A connection to a peer begins: whether it is a home node with a TURN server is asked soon.
    /// One that was started anew has another secret, so what it gave before is asked for again.
    pub(crate) fn turn_peer_up(&mut self, key: NetworkKey) {
        if let Some((_, renew)) = self.turn.given.get_mut(&key) {
            *renew = self.now.mono;
        }
        if !self.is_home() {
            let at = self.now.mono.plus(TURN_ASK_AFTER_MS);
            self.timers.set_earlier(Timer::Turn, at);
        }
    }

    pub(crate) fn turn_peer_down(&mut self, key: NetworkKey) {
        self.turn.answered.remove(&key);
        self.turn.asked.remove(&key);
    }

    /// A call begins: home nodes that became known since they connected, or did not know this device yet, are asked.
    pub(crate) fn turn_for_call(&mut self) {
        let before = self.now.mono;
        self.turn
            .asked
            .retain(|_, at| at.plus(TURN_ANSWER_EVERY_MS) > before);
        if !self.is_home() {
            self.timers.set_earlier(Timer::Turn, before);
        }
    }

    /// Asks connected home nodes for what is missing, or will have ended soon.
    pub(crate) fn turn_due(&mut self) {
        let (now, wall) = (self.now.mono, self.wall());
        self.turn.given.retain(|_, (grant, _)| grant.expires > wall);
        let connected = self.peers.keys().copied();
        let homes: Vec<_> = connected.filter(|key| self.knows_home(*key)).collect();
        for home in homes {
            let renewed = self.turn.given.get(&home).map(|(_, at)| *at);
            let asked = self.turn.asked.get(&home);
            let again = asked.map(|at| at.plus(TURN_ASK_AGAIN_MS));
            let due = renewed.or(again).unwrap_or(now).max(again.unwrap_or(now));
            if due <= now {
                self.turn.asked.insert(home, now);
                self.outbox.send(home, &Frame::TurnAsk);
            }
            let next = due.max(now.plus(TURN_ASK_AGAIN_MS));
            self.timers
                .set_earlier(Timer::Turn, if due > now { due } else { next });
        }
    }

    /// A peer asks for a credential.
    pub(crate) fn turn_asked(&mut self, from: NetworkKey) {
        let Some(desk) = self.turn.desk.clone() else {
            return;
        };
        let now = self.now.mono;
        let last = self.turn.answered.get(&from);
        let too_soon = last.is_some_and(|at| at.plus(TURN_ANSWER_EVERY_MS) > now);
        if too_soon || !self.peers.contains_key(&from) || !self.may_use_turn(from) {
            return;
        }
        let account = self.any_account_of(from);
        let whose = account.map_or(*from.as_bytes(), |account| account.0);
        if let Some(grant) = desk.grant(&whose, self.wall()) {
            self.turn.answered.insert(from, now);
            self.outbox.send(from, &Frame::TurnGrant(Box::new(grant)));
        }
    }

    /// Its owner and who has paired with it, members of what it keeps, and their home nodes.
    fn may_use_turn(&self, peer: NetworkKey) -> bool {
        let mut communities = self.communities.values();
        self.home.paired.contains_key(&peer)
            || communities.any(|community| {
                let state = community.state();
                let member = community.device_of(peer);
                member.is_some_and(|(account, device)| state.account_of(device) == Some(account))
            })
    }

    /// A home node gives a credential. Nobody else is believed, and none for longer than one lives.
    pub(crate) fn turn_given(&mut self, from: NetworkKey, mut grant: TurnGrant) {
        if self.is_home() || !self.knows_home(from) || !self.turn.asked.contains_key(&from) {
            return;
        }
        let wall = self.wall();
        // Another member's home node leads nobody into the own network.
        if !self.own_homes().contains_key(&from) {
            grant.urls.retain(|url| !is_private(url));
        }
        if let Some(url) = grant.urls.iter().find(|url| !is_turn_url(url)) {
            let length = url.len();
            return self.outbox.penalize(
                from,
                format!("{length} bytes that are no address of a TURN server"),
            );
        }
        grant.expires = UnixMs(grant.expires.0.min(wall.0.saturating_add(TURN_LIFE_MS_MAX)));
        if grant.urls.is_empty() || grant.expires <= wall {
            return;
        }
        let half = (grant.expires.0 - wall.0) / 2;
        let renew = self.now.mono.plus(half);
        self.timers.set_earlier(Timer::Turn, renew);
        self.turn.given.insert(from, (grant, renew));
        self.ice_servers_changed();
    }
}

/// Whether a text may be an address of a TURN server; who uses it parses it.
fn is_turn_url(text: &str) -> bool {
    let host = text
        .strip_prefix("turn:")
        .or_else(|| text.strip_prefix("turns:"));
    host.is_some_and(|host| !host.is_empty()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether an address of a TURN server names, by number, one of a private network or of this machine.
fn is_private(url: &str) -> bool {
    let host = url.split_once(':').map_or("", |(_, rest)| rest);
    let host = host.split('?').next().unwrap_or_default();
    let ip = host
        .parse::<SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| host.trim_matches(['[', ']']).parse::<IpAddr>());
    match ip.map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
        }
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
        Err(_) => host.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use alloquy_ids::AccountId;
    use alloquy_schema::identity::{IdentityOp, NetworkCertificate, accept_home};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::io::{Input, Now, Output, Write};

    /// Gives credentials that name who asked.
    #[derive(Debug)]
    struct Desk;

    impl TurnDesk for Desk {
        fn grant(&self, to: &[u8; 32], now: UnixMs) -> Option<TurnGrant> {
            Some(TurnGrant {
                urls: vec!["turn:45.83.1.2:3478?transport=udp".to_owned()],
                username: format!("{}:{}", now.0 / 1000 + 3600, AccountId(*to).short()),
                password: "secret".to_owned(),
                expires: UnixMs(now.0 + 3_600_000),
            })
        }
    }

    const START: u64 = 1_700_000_000_000;

    fn at(ms: u64) -> Now {
        Now {
            mono: MonoMs(ms),
            wall: UnixMs(START + ms),
        }
    }

    fn node(seed: u64, home: bool) -> Node<ChaCha8Rng> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let founded = match home {
            true => crate::found_home(at(0), &mut rng),
            false => crate::found("ana", at(0), &mut rng).expect("a short name"),
        };
        let records = founded.writes.into_iter().filter_map(|write| match write {
            Write::Put(key, value) => Some((key, value)),
            Write::Delete(_) => None,
        });
        Node::restore(records, [1; 32], at(0), rng).expect("the records are whole")
    }

    /// Frames about TURN that a node sends now.
    fn sent(node: &mut Node<ChaCha8Rng>) -> Vec<(NetworkKey, Frame)> {
        let mut frames = Vec::new();
        while let Some(output) = node.poll_output() {
            let Output::Send(to, bytes) = output else {
                continue;
            };
            let frame = Frame::from_bytes(&bytes).expect("an own frame");
            if matches!(frame, Frame::TurnAsk | Frame::TurnGrant(_)) {
                frames.push((to, frame));
            }
        }
        frames
    }

    /// A member that has a home node, which has paired with it, connected.
    fn pair() -> (Node<ChaCha8Rng>, Node<ChaCha8Rng>) {
        let (mut member, mut home) = (node(1, false), node(2, true));
        home.set_turn_desk(Some(Arc::new(Desk)));
        home.home
            .paired
            .insert(member.me.network, member.me.account());
        let key = home.me.network;
        let network = NetworkCertificate::sign(&home.me.record.network_seed, home.me.device());
        let op = IdentityOp::HomeAdd {
            device: home.me.device(),
            network,
            accepted: accept_home(member.me.account(), &home.me.key),
        };
        let added = member.change_identity(&op, crate::outbox::After::Nothing);
        added.expect("a home node is named");
        assert!(member.own_homes().contains_key(&key));
        member.handle(at(1), Input::PeerUp(key));
        home.handle(at(1), Input::PeerUp(member.me.network));
        (member, home)
    }

    fn carry(to: &mut Node<ChaCha8Rng>, now: Now, from: NetworkKey, frame: &Frame) {
        to.handle(now, Input::Frame(from, frame.to_bytes().into()));
    }

    #[test]
    fn a_member_asks_is_given_and_renews_at_half_time() {
        let (mut member, mut home) = pair();
        let (me, key) = (member.me.network, home.me.network);
        assert_eq!(sent(&mut member), [], "not at once");
        member.handle(at(5_000), Input::Timeout);
        assert_eq!(sent(&mut member), [(key, Frame::TurnAsk)]);
        carry(&mut home, at(5_000), me, &Frame::TurnAsk);
        let answer = sent(&mut home);
        let [(to, granted @ Frame::TurnGrant(_))] = &answer[..] else {
            panic!("no grant: {answer:?}");
        };
        assert_eq!(*to, me);
        carry(&mut member, at(5_100), key, granted);
        let anywhere = CommunityId([1; 32]);
        assert_eq!(member.turn_grants(anywhere).len(), 1);
        member.handle(at(1_700_000), Input::Timeout);
        assert_eq!(sent(&mut member), [], "before half time");
        member.handle(at(1_900_000), Input::Timeout);
        assert_eq!(sent(&mut member), [(key, Frame::TurnAsk)]);
        member.handle(at(3_700_000), Input::Timeout);
        assert_eq!(member.turn_grants(anywhere), [], "it has ended");
    }

    #[test]
    fn strangers_and_the_impatient_are_not_answered() {
        let (member, mut home) = pair();
        let (me, stranger) = (member.me.network, NetworkKey([9; 32]));
        home.handle(at(2), Input::PeerUp(stranger));
        carry(&mut home, at(10_000), stranger, &Frame::TurnAsk);
        assert_eq!(sent(&mut home), []);
        for (ms, answers) in [(20_000, 1), (20_001, 0), (60_000, 1)] {
            carry(&mut home, at(ms), me, &Frame::TurnAsk);
            assert_eq!(sent(&mut home).len(), answers, "{ms}");
        }
        home.home.paired.remove(&me);
        carry(&mut home, at(200_000), me, &Frame::TurnAsk);
        assert_eq!(sent(&mut home), [], "it is no member any more");
        home.home.paired.insert(me, AccountId([1; 32]));
        home.set_turn_desk(None);
        carry(&mut home, at(300_000), me, &Frame::TurnAsk);
        assert_eq!(sent(&mut home), [], "there is no TURN server");
    }

    #[test]
    fn only_a_home_node_that_was_asked_is_believed() {
        let (mut member, home) = pair();
        let (key, stranger) = (home.me.network, NetworkKey([9; 32]));
        let grant = |url: &str, expires| {
            Frame::TurnGrant(Box::new(TurnGrant {
                urls: vec![url.to_owned()],
                username: "1:x".to_owned(),
                password: "y".to_owned(),
                expires: UnixMs(expires),
            }))
        };
        let good = grant("turn:45.83.1.2:3478", START + 3_600_000);
        let anywhere = CommunityId([1; 32]);
        carry(&mut member, at(2), key, &good);
        assert_eq!(member.turn_grants(anywhere), [], "it was not asked");
        member.handle(at(5_000), Input::Timeout);
        member.handle(at(5_000), Input::PeerUp(stranger));
        carry(&mut member, at(5_001), stranger, &good);
        carry(
            &mut member,
            at(5_001),
            key,
            &grant("http://x", START + 3_600_000),
        );
        carry(&mut member, at(5_001), key, &grant("turn:x", START));
        assert_eq!(member.turn_grants(anywhere), []);
        carry(&mut member, at(5_002), key, &grant("turn:x", u64::MAX));
        let known = member.turn_grants(anywhere);
        assert_eq!(
            known[0].expires.0,
            START + 5_002 + TURN_LIFE_MS_MAX,
            "none lives for ever"
        );
    }

    #[test]
    fn a_grant_is_read_as_it_was_written_and_never_shown() {
        let grant = Desk.grant(&[3; 32], UnixMs(START)).expect("one");
        let frame = Frame::TurnGrant(Box::new(grant.clone()));
        assert_eq!(Frame::from_bytes(&frame.to_bytes()), Ok(frame));
        assert_eq!(
            Frame::from_bytes(&Frame::TurnAsk.to_bytes()),
            Ok(Frame::TurnAsk)
        );
        assert_eq!(Frame::TurnAsk.to_bytes(), [1, 60]);
        assert!(!format!("{grant:?}").contains("secret"));
        let many = TurnGrant {
            urls: vec!["turn:x".to_owned(); TURN_URLS_MAX + 1],
            ..grant.clone()
        };
        let long = TurnGrant {
            urls: vec![format!("turn:{}", "x".repeat(TURN_URL_BYTES_MAX))],
            ..grant
        };
        for bad in [many, long] {
            let frame = Frame::TurnGrant(Box::new(bad));
            assert!(Frame::from_bytes(&frame.to_bytes()).is_err());
        }
    }

    #[test]
    fn an_address_of_a_private_network_is_told_by_its_number() {
        for url in [
            "turn:192.168.1.1:80?transport=tcp",
            "turn:127.0.0.1",
            "turns:[::1]:443",
            "turn:[fd00::1]:3478",
            "turn:[::ffff:10.0.0.1]:3478",
            "turn:100.64.0.1:3478",
            "turn:0.0.0.0:3478",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "turn:45.83.1.2:3478?transport=udp",
            "turns:[2a0e:1d80:1::2]:443",
            "turn:turn.example.org",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }
}
