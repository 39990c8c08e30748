//! How this node is reachable from outside, as others and the router say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};

use super::address::{ip_of, is_circuit, is_global};
use super::router::Answer;

/// Own addresses about which somebody was asked: some ports of some networks.
pub(super) const ASKED_MAX: usize = 64;
/// Own addresses that others have confirmed.
const EXTERNAL_MAX: usize = 16;

/// Whether others can begin a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reachability {
    /// Nobody has said.
    #[default]
    Unknown,
    /// They can.
    Public,
    /// They can not.
    Private,
}

/// Of one family of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Whether others can begin a connection.
    pub reachability: Reachability,
    /// Who has tried; nobody where a person or the router says so.
    pub by: Option<PeerId>,
}

/// Whether the router was asked to let connections in, and what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// It is not asked, as a person chose.
    #[default]
    Off,
    /// It is never asked: the node was started so.
    Never,
    /// It has not answered yet.
    Asked,
    /// It lets connections in.
    Open,
    /// There is none that can be asked.
    NoRouter,
    /// It is itself behind another one.
    Behind,
    /// It refuses.
    Refused,
}

/// How a try of an address ended.
#[derive(Clone, Copy, Debug)]
struct Tried {
    reached: bool,
    by: PeerId,
    /// Which try it was: later ones have larger numbers.
    number: u64,
}

/// What is known.
#[derive(Debug)]
pub(super) struct Reach {
    asked: BTreeMap<Multiaddr, Tried>,
    tries: u64,
    named: BTreeSet<Multiaddr>,
    confirmed: BTreeSet<Multiaddr>,
    /// Those that the router lets in.
    mapped: BTreeSet<Multiaddr>,
    pub(super) mapping: Mapping,
}

impl Reach {
    pub(super) fn new(mapping: Mapping) -> Self {
        Self {
            asked: BTreeMap::new(),
            tries: 0,
            named: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            mapped: BTreeSet::new(),
            mapping,
        }
    }

    /// A person says that this is our address outside.
    pub(super) fn name(&mut self, address: Multiaddr) {
        self.named.insert(address);
    }

    /// A peer tried an address of ours.
    pub(super) fn tried(&mut self, address: Multiaddr, by: PeerId, reached: bool) {
        if self.asked.len() >= ASKED_MAX && !self.asked.contains_key(&address) {
            let negative = self.asked.iter().filter(|(_, tried)| !tried.reached);
            let oldest = negative.min_by_key(|(_, tried)| tried.number);
            let Some(oldest) = oldest.map(|(address, _)| address.clone()) else {
                return;
            };
            self.asked.remove(&oldest);
        }
        self.tries += 1;
        let number = self.tries;
        let tried = Tried {
            reached,
            by,
            number,
        };
        self.asked.insert(address, tried);
    }

    /// An address is confirmed, or is so no more; whether that is news.
    pub(super) fn confirm(&mut self, address: &Multiaddr, stands: bool) -> bool {
        if is_circuit(address) {
            return false;
        }
        if stands {
            self.confirmed.len() < EXTERNAL_MAX && self.confirmed.insert(address.clone())
        } else {
            let asked = self.asked.remove(address).is_some();
            self.confirmed.remove(address) || asked
        }
    }

    /// An address of this machine has gone, and with it what others have found out about the ways to it; those that
    /// were confirmed. An IPv4 address inside is behind a router, so that any address outside may have led to it, but
    /// for those of this machine itself (`listen`); all others lead to themselves. Of its own mappings the router says
    /// itself when they end.
    pub(super) fn forget(
        &mut self,
        gone: &Multiaddr,
        listen: &BTreeSet<Multiaddr>,
    ) -> Vec<Multiaddr> {
        let Some(gone) = ip_of(gone).filter(|ip| !ip.is_loopback()) else {
            return Vec::new();
        };
        let behind = gone.is_ipv4() && !is_global(gone);
        let own: BTreeSet<IpAddr> = listen.iter().filter_map(ip_of).collect();
        let led_there = |address: &Multiaddr| {
            ip_of(address)
                .is_some_and(|ip| ip == gone || behind && ip.is_ipv4() && !own.contains(&ip))
        };
        self.asked.retain(|address, _| !led_there(address));
        let stands =
            |address: &Multiaddr| self.named.contains(address) || self.mapped.contains(address);
        self.confirmed
            .extract_if(.., |address| led_there(address) && !stands(address))
            .collect()
    }

    /// What the router says now; the addresses at which it lets connections in no more, and those that are new.
    pub(super) fn answered(&mut self, answer: Answer) -> (Vec<Multiaddr>, Vec<Multiaddr>) {
        self.mapping = answer.mapping;
        let open: BTreeSet<_> = answer.open.into_iter().take(EXTERNAL_MAX).collect();
        let before = std::mem::replace(&mut self.mapped, open);
        let gone = before.difference(&self.mapped).cloned().collect();
        (gone, self.mapped.difference(&before).cloned().collect())
    }

    /// Where the router lets connections in, as it says.
    pub(super) fn mapped(&self) -> impl Iterator<Item = &Multiaddr> {
        self.mapped.iter()
    }

    /// Whether a person says that this is our address outside.
    pub(super) fn is_named(&self, address: &Multiaddr) -> bool {
        self.named.contains(address)
    }

    /// Addresses at which others have reached us, or will by what a person says.
    pub(super) fn external(&self) -> impl Iterator<Item = &Multiaddr> {
        self.named.union(&self.confirmed)
    }

    /// Of IPv4 or IPv6.
    pub(super) fn family(&self, is_ours: impl Fn(&IpAddr) -> bool) -> Family {
        let of_family =
            |address: &Multiaddr| ip_of(address).is_some_and(|ip| is_global(ip) && is_ours(&ip));
        if self
            .named
            .iter()
            .any(|address| ip_of(address).is_some_and(|ip| is_ours(&ip)))
        {
            return Family {
                reachability: Reachability::Public,
                by: None,
            };
        }
        let tried = self.asked.iter().filter(|(address, _)| of_family(address));
        let tried: Vec<&Tried> = tried.map(|(_, tried)| tried).collect();
        let reached = tried.iter().find(|tried| tried.reached);
        // Whatever answers as a router can say that it opened a port: who tried it in vain knows better.
        let is_vain = |address: &Multiaddr| {
            let tried = self.asked.get(address);
            self.mapped.contains(address) && tried.is_some_and(|tried| !tried.reached)
        };
        let mut confirmed = self.confirmed.iter();
        let confirmed = confirmed.any(|address| of_family(address) && !is_vain(address));
        let reachability = match (reached.is_some() || confirmed, tried.is_empty()) {
            (true, _) => Reachability::Public,
            (false, false) => Reachability::Private,
            (false, true) => Reachability::Unknown,
        };
        let by = match confirmed {
            true => reached.copied(),
            false => reached.or(tried.first()).copied(),
        };
        Family {
            reachability,
            by: by.map(|tried| tried.by),
        }
    }

    /// Whether others reach this node without help, over every family of addresses that it has.
    pub(super) fn needs_no_relay(&self, listen: &BTreeSet<Multiaddr>) -> bool {
        let has = |family: fn(&IpAddr) -> bool| {
            listen
                .iter()
                .filter_map(ip_of)
                // An IPv4 address inside leads out through a router; an IPv6 address inside leads nowhere.
                .any(|ip| !ip.is_loopback() && family(&ip) && (ip.is_ipv4() || is_global(ip)))
        };
        let public =
            |family: fn(&IpAddr) -> bool| self.family(family).reachability == Reachability::Public;
        let families: [fn(&IpAddr) -> bool; 2] = [IpAddr::is_ipv4, IpAddr::is_ipv6];
        let all = families
            .iter()
            .all(|family| public(*family) || !has(*family));
        all && families.iter().any(|family| public(*family))
    }

    /// Whether somebody at such an address may be able to begin a connection.
    pub(super) fn is_open_to(&self, ip: IpAddr, listen: &BTreeSet<Multiaddr>) -> bool {
        let same = |other: &IpAddr| other.is_ipv4() == ip.is_ipv4();
        let mut own = listen.iter().filter_map(ip_of);
        self.family(same).reachability == Reachability::Public
            || own.any(|own| same(&own) && is_global(own))
    }

    /// Whether it can help others.
    pub(super) fn is_public(&self) -> bool {
        [IpAddr::is_ipv4, IpAddr::is_ipv6]
            .into_iter()
            .any(|family| self.family(family).reachability == Reachability::Public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_who_came_through_weighs_more_than_many_who_did_not() {
        let mut reach = Reach::new(Mapping::Never);
        let [no, yes] = [PeerId::random(), PeerId::random()];
        let v4 = |reach: &Reach| reach.family(IpAddr::is_ipv4);
        assert_eq!(v4(&reach).reachability, Reachability::Unknown);
        reach.tried(parse("/ip4/192.168.1.7/tcp/1"), yes, true);
        assert_eq!(
            v4(&reach).reachability,
            Reachability::Unknown,
            "a home address"
        );
        reach.tried(parse("/ip4/203.0.113.1/tcp/1"), no, false);
        assert_eq!(v4(&reach).reachability, Reachability::Private);
        reach.tried(parse("/ip4/203.0.113.1/udp/1/quic-v1"), yes, true);
        let family = v4(&reach);
        assert_eq!(
            (family.reachability, family.by),
            (Reachability::Public, Some(yes))
        );
        let v6 = reach.family(IpAddr::is_ipv6);
        assert_eq!(v6.reachability, Reachability::Unknown);
        assert!(reach.is_public());
    }

    #[test]
    fn a_relay_is_needed_until_every_family_is_reached() {
        let mut reach = Reach::new(Mapping::Never);
        let listen = [
            "/ip4/192.168.1.7/tcp/1",
            "/ip6/2001:db8::1/tcp/1",
            "/ip4/127.0.0.1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip6/fd00::1/tcp/1",
        ];
        let both: BTreeSet<_> = listen.map(parse).into();
        let only6: BTreeSet<_> = [parse(listen[1]), parse(listen[2])].into();
        let only4: BTreeSet<_> = [0, 2, 3, 4].map(|at| parse(listen[at])).into();
        assert!(!reach.needs_no_relay(&only6));
        reach.tried(parse("/ip6/2001:db8::1/tcp/1"), PeerId::random(), true);
        assert!(reach.needs_no_relay(&only6));
        assert!(!reach.needs_no_relay(&both));
        reach.name(parse("/ip4/203.0.113.1/tcp/1"));
        assert!(reach.needs_no_relay(&both));
        let mut reach = Reach::new(Mapping::Never);
        assert!(!reach.needs_no_relay(&only4));
        reach.tried(parse("/ip4/203.0.113.1/tcp/1"), PeerId::random(), true);
        assert!(reach.needs_no_relay(&only4), "IPv6 inside leads nowhere");
    }

    #[test]
    fn a_verdict_ends_with_the_address_that_it_was_about() {
        let mut reach = Reach::new(Mapping::Never);
        let [by, outside] = [PeerId::random(), PeerId::random()];
        let (v4, v6) = ("/ip4/203.0.113.1/tcp/1", "/ip6/2001:db8::1/tcp/1");
        for address in [v4, v6] {
            reach.tried(parse(address), by, true);
            reach.confirm(&parse(address), true);
        }
        let nowhere = BTreeSet::new();
        let forget = |reach: &mut Reach, text: &str| reach.forget(&parse(text), &nowhere);
        assert!(forget(&mut reach, "/ip4/127.0.0.1/tcp/1").is_empty());
        assert!(forget(&mut reach, "/ip6/2001:db8::2/tcp/1").is_empty());
        let (home, mine) = (parse("/ip4/192.168.1.7/tcp/1"), [parse(v4)].into());
        assert!(reach.forget(&home, &mine).is_empty(), "it is our own");
        assert!(reach.is_public());
        assert_eq!(reach.forget(&home, &nowhere), [parse(v4)]);
        let of4 = |reach: &Reach| reach.family(IpAddr::is_ipv4).reachability;
        assert_eq!(of4(&reach), Reachability::Unknown);
        assert_eq!(forget(&mut reach, v6), [parse(v6)]);
        assert!(!reach.is_public());

        // A router's word that stands weighs more than a try of another address.
        reach.tried(parse("/ip4/203.0.113.1/tcp/9"), outside, false);
        reach.confirm(&parse(v4), true);
        let answer = Answer {
            mapping: Mapping::Open,
            open: [parse(v4)].into(),
        };
        assert_eq!(reach.answered(answer.clone()), (vec![], vec![parse(v4)]));
        assert_eq!(reach.answered(answer), (vec![], vec![]));
        reach.tried(parse(v4), outside, false);
        assert_eq!(of4(&reach), Reachability::Private, "a router that lies");
        reach.tried(parse(v4), outside, true);
        assert_eq!(of4(&reach), Reachability::Public);
        assert!(
            reach.forget(&home, &nowhere).is_empty(),
            "the router says so"
        );
        reach.tried(parse("/ip4/203.0.113.1/tcp/9"), outside, false);
        assert_eq!(of4(&reach), Reachability::Public);
        reach.tried(parse(v4), by, true);
        assert!(reach.confirm(&parse(v4), false));
        assert_eq!(of4(&reach), Reachability::Private, "the other try is left");
    }

    #[test]
    fn what_did_not_lead_here_makes_room_for_what_is_new() {
        let mut reach = Reach::new(Mapping::Never);
        for n in 0..ASKED_MAX {
            let address = parse(&format!("/ip4/203.0.113.1/tcp/{}", 1000 - n));
            reach.tried(address, PeerId::random(), n == 0);
        }
        reach.tried(parse("/ip4/203.0.113.2/tcp/1"), PeerId::random(), true);
        assert_eq!(reach.asked.len(), ASKED_MAX);
        let kept = |text: &str| reach.asked.contains_key(&parse(text));
        assert!(kept("/ip4/203.0.113.2/tcp/1"));
        assert!(kept("/ip4/203.0.113.1/tcp/1000"), "reached there");
        assert!(!kept("/ip4/203.0.113.1/tcp/999"), "the oldest that failed");
    }

    #[test]
    fn what_others_say_is_bounded() {
        let mut reach = Reach::new(Mapping::Never);
        for n in 0..200 {
            let address = parse(&format!("/ip4/203.0.113.1/tcp/{n}"));
            reach.tried(address.clone(), PeerId::random(), true);
            reach.confirm(&address, true);
        }
        assert_eq!(reach.asked.len(), ASKED_MAX);
        assert_eq!(reach.external().count(), EXTERNAL_MAX);
        let circuit = format!(
            "/ip4/203.0.113.1/tcp/1/p2p/{}/p2p-circuit",
            PeerId::random()
        );
        assert!(!reach.confirm(&parse(&circuit), true));
    }
}
