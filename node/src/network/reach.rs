//! How this node is reachable from outside, as others and the router say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};

use super::address::{ip_of, is_circuit, is_global};

/// Own addresses about which somebody was asked: some ports of some networks.
const ASKED_MAX: usize = 64;
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
    /// It is not asked.
    #[default]
    Off,
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

/// What is known.
#[derive(Debug)]
pub(super) struct Reach {
    asked: BTreeMap<Multiaddr, (bool, PeerId)>,
    named: BTreeSet<Multiaddr>,
    confirmed: BTreeSet<Multiaddr>,
    pub(super) mapping: Mapping,
}

impl Reach {
    pub(super) fn new(upnp: bool) -> Self {
        Self {
            asked: BTreeMap::new(),
            named: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            mapping: if upnp { Mapping::Asked } else { Mapping::Off },
        }
    }

    /// A person says that this is our address outside.
    pub(super) fn name(&mut self, address: Multiaddr) {
        self.named.insert(address);
    }

    /// A peer tried an address of ours.
    pub(super) fn tried(&mut self, address: Multiaddr, by: PeerId, reached: bool) {
        if self.asked.len() < ASKED_MAX || self.asked.contains_key(&address) {
            self.asked.insert(address, (reached, by));
        }
    }

    /// An address is confirmed, or is so no more; whether that is news.
    pub(super) fn confirm(&mut self, address: &Multiaddr, stands: bool) -> bool {
        if is_circuit(address) {
            return false;
        }
        if stands {
            self.confirmed.len() < EXTERNAL_MAX && self.confirmed.insert(address.clone())
        } else {
            self.confirmed.remove(address)
        }
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
        let mut tried = self.asked.iter().filter(|(address, _)| of_family(address));
        let reached = tried.clone().find(|(_, (reached, _))| *reached);
        if let Some((_, (reached, by))) = reached.or_else(|| tried.next()) {
            let reachability = match reached {
                true => Reachability::Public,
                false => Reachability::Private,
            };
            return Family {
                reachability,
                by: Some(*by),
            };
        }
        let confirmed = self.confirmed.iter().any(of_family);
        Family {
            reachability: match confirmed {
                true => Reachability::Public,
                false => Reachability::Unknown,
            },
            by: None,
        }
    }

    /// Whether others reach this node without help, over every family of addresses that it has.
    pub(super) fn needs_no_relay(&self, listen: &BTreeSet<Multiaddr>) -> bool {
        let has = |family: fn(&IpAddr) -> bool| {
            listen
                .iter()
                .filter_map(ip_of)
                .any(|ip| !ip.is_loopback() && family(&ip))
        };
        let public =
            |family: fn(&IpAddr) -> bool| self.family(family).reachability == Reachability::Public;
        let families: [fn(&IpAddr) -> bool; 2] = [IpAddr::is_ipv4, IpAddr::is_ipv6];
        let all = families
            .iter()
            .all(|family| public(*family) || !has(*family));
        all && families.iter().any(|family| public(*family))
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
        let mut reach = Reach::new(false);
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
        let mut reach = Reach::new(false);
        let listen = [
            "/ip4/192.168.1.7/tcp/1",
            "/ip6/2001:db8::1/tcp/1",
            "/ip4/127.0.0.1/tcp/1",
        ];
        let both: BTreeSet<_> = listen.map(parse).into();
        let only6: BTreeSet<_> = [parse(listen[1]), parse(listen[2])].into();
        assert!(!reach.needs_no_relay(&only6));
        reach.tried(parse("/ip6/2001:db8::1/tcp/1"), PeerId::random(), true);
        assert!(reach.needs_no_relay(&only6));
        assert!(!reach.needs_no_relay(&both));
        reach.name(parse("/ip4/203.0.113.1/tcp/1"));
        assert!(reach.needs_no_relay(&both));
    }

    #[test]
    fn what_others_say_is_bounded() {
        let mut reach = Reach::new(false);
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
