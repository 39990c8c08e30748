//! The router of the local network: asked to let connections in (UPnP), for as long as this node listens.
//!
//! libp2p's own behaviour for it asks for one of the two ports that QUIC and TCP share, looks for a router once in its
//! life, asks one that refuses again without a pause, and leaves ports open at the end.

mod igd;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::address::is_global;
use super::reach::Mapping;
use igd::{Failure, Gateway};

/// How long a router keeps a port open that it was asked for, in seconds.
const LEASE_S: u32 = 3_600;
/// What a person reads beside the port on the router's own page.
const NAME: &str = "Alloquy";
/// Codes of refusals: ports are kept open for ever or not at all; another has the port, by UPnP or otherwise; no reason.
const ONLY_FOR_EVER: u16 = 725;
const TAKEN: u16 = 718;
const TAKEN_OTHERWISE: u16 = 729;
const BAD_ARGUMENT: u16 = 402;
const FAILED: u16 = 501;
/// So many other ports are tried.
const OTHERS_MAX: usize = 5;
/// Own addresses for which a router is looked for: a machine has a few networks, and many if it holds other machines.
const LOCAL_MAX: usize = 32;
/// How long the ports may take to be closed at the end.
const CLOSE_LIMIT: Duration = Duration::from_millis(1_500);

/// What the router says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) mapping: Mapping,
    /// Where it lets connections in.
    pub(super) open: BTreeSet<Multiaddr>,
}

impl Answer {
    /// It was asked and has not answered yet.
    pub(super) fn asked() -> Self {
        Self {
            mapping: Mapping::Asked,
            open: BTreeSet::new(),
        }
    }
}

/// Where routers are looked for, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    search_at: SocketAddr,
    /// How long an answer may take.
    limit: Duration,
    /// Own addresses come and go together: so long after the first, the rest is there.
    settle: Duration,
    /// After so long it is asked again: well before the end of what it promised, and soon enough to learn that its
    /// address outside is another one.
    renew: Duration,
    /// Whoever did not help is asked again after so long, then after twice as long, and so on.
    again: Duration,
    /// The longest pause of these.
    again_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            search_at: (Ipv4Addr::new(239, 255, 255, 250), 1_900).into(),
            limit: Duration::from_secs(4),
            settle: Duration::from_millis(300),
            renew: Duration::from_secs(600),
            again: Duration::from_secs(60),
            again_max: Duration::from_secs(3_600),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Transport {
    Quic,
    Tcp,
}

/// A port of this machine, behind a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    ip: Ipv4Addr,
    port: u16,
    transport: Transport,
}

impl Place {
    /// `None`: no router lies before it.
    fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let Some(Protocol::Ip4(ip)) = parts.next().filter(|_| address.len() > 1) else {
            return None;
        };
        let (port, transport) = match (parts.next()?, parts.next()) {
            (Protocol::Tcp(port), None) => (port, Transport::Tcp),
            (Protocol::Udp(port), Some(Protocol::QuicV1)) => (port, Transport::Quic),
            _ => return None,
        };
        (ip.is_private() && port != 0).then_some(Self {
            ip,
            port,
            transport,
        })
    }

    fn protocol(self) -> igd::Protocol {
        match self.transport {
            Transport::Quic => igd::Protocol::Udp,
            Transport::Tcp => igd::Protocol::Tcp,
        }
    }

    fn outside(self, ip: Ipv4Addr, port: u16) -> Multiaddr {
        let address = Multiaddr::empty().with(Protocol::Ip4(ip));
        match self.transport {
            Transport::Quic => address.with(Protocol::Udp(port)).with(Protocol::QuicV1),
            Transport::Tcp => address.with(Protocol::Tcp(port)),
        }
    }
}

/// The task that asks.
#[derive(Debug)]
pub(super) struct Router {
    wanted: watch::Sender<BTreeSet<Place>>,
    answers: watch::Receiver<Answer>,
    task: JoinHandle<()>,
}

impl Router {
    /// Begins to ask, for nothing yet; must be called within a tokio runtime.
    pub(super) fn start(pace: Pace) -> Self {
        let (wanted, wanted_rx) = watch::channel(BTreeSet::new());
        let (answers_tx, answers) = watch::channel(Answer::asked());
        let task = tokio::spawn(run(wanted_rx, answers_tx, pace));
        Self {
            wanted,
            answers,
            task,
        }
    }

    /// These addresses are listened at.
    pub(super) fn want<'a>(&self, listen: impl IntoIterator<Item = &'a Multiaddr>) {
        self.want_places(listen.into_iter().filter_map(Place::of).collect());
    }

    fn want_places(&self, places: BTreeSet<Place>) {
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != places;
            *wanted = places;
            changed
        });
    }

    /// Its next answer, when it is another one than before.
    pub(super) async fn next(&mut self) -> Answer {
        match self.answers.changed().await {
            Ok(()) => self.answers.borrow_and_update().clone(),
            // It ends with this alone.
            Err(_) => std::future::pending().await,
        }
    }

    /// Closes the ports; what is to be waited for, one and a half seconds at most.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.task
    }
}

/// What is known of the routers of one own address.
#[derive(Debug, Default)]
struct Known {
    /// Those that answer there; one that has opened a port is alone.
    gateways: Vec<Gateway>,
    /// Their ports outside, that they were asked for and may have opened.
    ports: BTreeMap<Place, u16>,
    open: BTreeSet<Multiaddr>,
}

async fn run(wanted: watch::Receiver<BTreeSet<Place>>, answers: watch::Sender<Answer>, pace: Pace) {
    let mut known: BTreeMap<Ipv4Addr, Known> = BTreeMap::new();
    let mut again = pace.again;
    loop {
        let asking = async {
            sleep(pace.settle).await;
            let places = wanted.borrow().clone();
            let mapping = ask(&mut known, &places, &pace, &answers).await;
            tell(&known, mapping, &answers);
            match mapping {
                Mapping::Open => {
                    again = pace.again;
                    sleep(pace.renew).await;
                }
                // There is nothing to ask for.
                _ if places.is_empty() => std::future::pending().await,
                _ => {
                    sleep(again).await;
                    again = (again * 2).min(pace.again_max);
                }
            }
        };
        // A question may be cut short: what was asked for stands in `known` before it is asked.
        let mut changes = wanted.clone();
        changes.mark_unchanged();
        tokio::select! {
            () = asking => {}
            changed = changes.changed() => match changed {
                Ok(()) => {
                    again = pace.again;
                    tell_asked(&answers);
                }
                Err(_) => break,
            },
        }
    }
    let closing = known.values_mut().map(|known| close(known, |_| true));
    join_all(closing).await;
}

fn tell(known: &BTreeMap<Ipv4Addr, Known>, mapping: Mapping, answers: &watch::Sender<Answer>) {
    let open = known.values().flat_map(|known| known.open.iter().cloned());
    let answer = Answer {
        mapping,
        open: open.collect(),
    };
    answers.send_if_modified(|told| {
        let changed = *told != answer;
        *told = answer;
        changed
    });
}

/// What was said of other addresses does not answer for these.
fn tell_asked(answers: &watch::Sender<Answer>) {
    answers.send_if_modified(|told| {
        let changed = told.open.is_empty() && told.mapping != Mapping::Asked;
        if changed {
            told.mapping = Mapping::Asked;
        }
        changed
    });
}

/// Tells what is open while others are still asked.
fn tell_more(open: &BTreeSet<Multiaddr>, answers: &watch::Sender<Answer>) {
    answers.send_if_modified(|told| {
        let new: Vec<_> = open.difference(&told.open).cloned().collect();
        if !new.is_empty() {
            told.mapping = Mapping::Open;
        }
        told.open.extend(new.iter().cloned());
        !new.is_empty()
    });
}

/// Asks every router that there is for what is wanted of it.
async fn ask(
    known: &mut BTreeMap<Ipv4Addr, Known>,
    places: &BTreeSet<Place>,
    pace: &Pace,
    answers: &watch::Sender<Answer>,
) -> Mapping {
    let mut wanted: BTreeMap<Ipv4Addr, Vec<Place>> = BTreeMap::new();
    for place in places {
        if wanted.len() < LOCAL_MAX || wanted.contains_key(&place.ip) {
            wanted.entry(place.ip).or_default().push(*place);
        }
    }
    // With an own address goes what led to it, before anything is waited for.
    let is_gone = |ip: &Ipv4Addr| !wanted.contains_key(ip);
    let gone = known.iter_mut().filter(|(ip, _)| is_gone(ip));
    let closing: Vec<_> = gone
        .map(|(_, known)| {
            known.open.clear();
            known
        })
        .collect();
    if !closing.is_empty() {
        let closing = closing.into_iter().map(|known| close(known, |_| true));
        let closed = join_all(closing);
        closed.await;
        known.retain(|ip, _| !is_gone(ip));
        let before = answers.borrow().mapping;
        tell(known, before, answers);
    }
    for ip in wanted.keys() {
        known.entry(*ip).or_default();
    }
    // Those that helped before come first: two addresses on one network have the same router, and one is enough.
    let mut served = BTreeSet::new();
    let mut best = Mapping::NoRouter;
    let (before, others): (Vec<_>, Vec<_>) = known
        .iter_mut()
        .partition(|(_, known)| !known.ports.is_empty());
    for group in [before, others] {
        let looks = group.into_iter().map(|(ip, known)| async {
            look(known, *ip, pace).await;
            (*ip, known)
        });
        let mut looks: FuturesUnordered<_> = looks.collect();
        while let Some((ip, known)) = looks.next().await {
            let places = wanted.get(&ip).map_or(&[][..], Vec::as_slice);
            let mapping = open_at(known, places, &mut served, pace).await;
            tell_more(&known.open, answers);
            if weight(mapping) > weight(best) {
                best = mapping;
            }
        }
    }
    best
}

/// Of several routers, what the most helpful one says.
fn weight(mapping: Mapping) -> u8 {
    match mapping {
        Mapping::Open => 3,
        Mapping::Refused => 2,
        Mapping::Behind => 1,
        Mapping::Never | Mapping::Off | Mapping::Asked | Mapping::NoRouter => 0,
    }
}

/// Looks for the routers of an own address, unless one has opened a port there and still answers.
async fn look(known: &mut Known, ip: Ipv4Addr, pace: &Pace) {
    if let [gateway] = known.gateways.as_slice()
        && !known.open.is_empty()
        && outside(gateway, pace).await.is_some()
    {
        return;
    }
    // One packet that nobody answers may be one that was lost.
    for _ in 0..2 {
        let near = |router| is_near(ip, router);
        match igd::search(ip, pace.search_at, near, pace.limit).await {
            Ok(gateways) => {
                known.gateways = gateways;
                return;
            }
            Err(error) => tracing::debug!(%ip, %error, "no router was found"),
        }
    }
    known.gateways.clear();
}

/// Who answers a search of this address must be on its network, as far as that is known here: the parts of private
/// networks that are used as one.
fn is_near(ip: Ipv4Addr, router: IpAddr) -> bool {
    let IpAddr::V4(router) = router else {
        return false;
    };
    let (own, other) = (ip.octets(), router.octets());
    match own[0] {
        10 | 127 => own[0] == other[0],
        _ => ip.is_private() && own[..2] == other[..2],
    }
}

/// Whether an address can be a router's own on the internet.
fn is_outside(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let measures = first == 198 && (second == 18 || second == 19);
    is_global(ip.into()) && (1..224).contains(&first) && !measures
}

/// The router's address outside; `None`: it does not answer.
async fn outside(gateway: &Gateway, pace: &Pace) -> Option<Ipv4Addr> {
    match timeout(pace.limit, gateway.outside()).await {
        Ok(Ok(IpAddr::V4(ip))) => Some(ip),
        // Connections over IPv4 do not come in there.
        Ok(Ok(IpAddr::V6(_))) => Some(Ipv4Addr::UNSPECIFIED),
        Ok(Err(error)) => {
            tracing::debug!(router = %gateway.place, %error, "the router does not say where it is");
            None
        }
        Err(_) => None,
    }
}

/// Asks the routers of an own address for its places, until one helps.
async fn open_at(
    known: &mut Known,
    places: &[Place],
    served: &mut BTreeSet<IpAddr>,
    pace: &Pace,
) -> Mapping {
    let mut best = Mapping::NoRouter;
    let mut open = BTreeSet::new();
    let mut lost = false;
    for gateway in known.gateways.clone() {
        if served.contains(&gateway.place.ip()) {
            // By another own address; what this one had there is needed no more.
            lost = true;
            continue;
        }
        let mapping = match outside(&gateway, pace).await {
            None => Mapping::NoRouter,
            Some(outside) if !is_outside(outside) => Mapping::Behind,
            Some(outside) => {
                open = open_all(&gateway, outside, known, places, pace).await;
                match open.is_empty() {
                    true => Mapping::Refused,
                    false => Mapping::Open,
                }
            }
        };
        if weight(mapping) > weight(best) {
            best = mapping;
        }
        if mapping == Mapping::Open {
            served.insert(gateway.place.ip());
            known.gateways = vec![gateway];
            break;
        }
    }
    known.open = open;
    // What a router does not let in for a while keeps its port.
    close(known, |place| lost || !places.contains(place)).await;
    best
}

/// Asks a router for these ports; where it lets connections in.
async fn open_all(
    gateway: &Gateway,
    outside: Ipv4Addr,
    known: &mut Known,
    places: &[Place],
    pace: &Pace,
) -> BTreeSet<Multiaddr> {
    let mut open = BTreeSet::new();
    for place in places {
        let held = known
            .ports
            .get(place)
            .map(|port| place.outside(outside, *port));
        // Of a port that stands open, one question without an answer says nothing.
        let held = held.filter(|address| known.open.contains(address));
        match timeout(pace.limit, open_one(gateway, *place, &mut known.ports)).await {
            Ok(Ok(port)) => {
                open.insert(place.outside(outside, port));
            }
            Ok(Err(reason)) => {
                tracing::debug!(router = %gateway.place, ?place, %reason, "the router opens no port");
                open.extend(held.filter(|_| !matches!(reason, Failure::Code(_))));
            }
            Err(_) => {
                tracing::debug!(router = %gateway.place, ?place, "the router does not answer");
                open.extend(held);
            }
        }
    }
    open
}

/// Asks a router for one port; which one it opened. It stands in `ports` from before it is asked for until it is refused.
async fn open_one(
    gateway: &Gateway,
    place: Place,
    ports: &mut BTreeMap<Place, u16>,
) -> Result<u16, Failure> {
    let here = SocketAddrV4::new(place.ip, place.port);
    let held = ports.contains_key(&place);
    let mut closed = false;
    let mut lease = LEASE_S;
    let mut others = 0;
    loop {
        let port = *ports.entry(place).or_insert(place.port);
        let asked = gateway.open(place.protocol(), port, here, lease, NAME);
        match asked.await {
            Ok(()) => return Ok(port),
            // Some routers keep ports open for ever or not at all, and say so in different ways.
            Err(Failure::Code(ONLY_FOR_EVER | BAD_ARGUMENT | FAILED)) if lease != 0 => lease = 0,
            // Some do not know who asks again.
            Err(Failure::Code(TAKEN | TAKEN_OTHERWISE)) if held && !closed => {
                closed = true;
                if let Err(error) = gateway.close(place.protocol(), port).await {
                    tracing::debug!(%error, port, "the router does not close a port");
                }
            }
            // Another machine behind the same router has it.
            Err(Failure::Code(TAKEN | TAKEN_OTHERWISE)) if others < OTHERS_MAX => {
                others += 1;
                ports.insert(place, any_port());
            }
            Err(failure) => {
                if matches!(failure, Failure::Code(_)) && !held {
                    ports.remove(&place);
                }
                return Err(failure);
            }
        }
    }
}

/// A port that nothing is known by.
fn any_port() -> u16 {
    let mut random = [0; 2];
    match getrandom::fill(&mut random) {
        Ok(()) => 0xc000 | u16::from_le_bytes(random),
        Err(_) => 0xc000,
    }
}

/// Closes the ports of these places.
async fn close(known: &mut Known, which: impl Fn(&Place) -> bool) {
    let Some(gateway) = known.gateways.first() else {
        return;
    };
    let ports = known.ports.iter().filter(|(place, _)| which(place));
    let closing = ports.map(|(place, port)| async move {
        let asked = gateway.close(place.protocol(), *port);
        let answer = timeout(CLOSE_LIMIT, asked).await;
        match &answer {
            Ok(Err(error)) => tracing::debug!(%error, port, "the router does not close a port"),
            Ok(Ok(())) => {}
            Err(_) => tracing::debug!(port, "the router does not answer"),
        }
        *place
    });
    for place in join_all(closing).await {
        known.ports.remove(&place);
    }
}

#[cfg(test)]
mod tests;
