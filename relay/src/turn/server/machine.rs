//! The TURN server without IO (RFC 8656): requests in, answers and packets out.
//!
//! Supported: allocations for UDP, of either family; refresh; permissions; channels; Send and Data; even ports with a
//! reservation. Not: allocations for TCP (RFC 6062), which would reach services; mobility; two families at once.
//!
//! Invariants: nothing is kept for who has not logged in; nothing is sent to [`denied`] addresses, nor to this machine
//! itself but to another allocation; every table has a maximum.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use alloquy_ids::UnixMs;
use turn_types::AddressFamily;
use turn_types::attribute::{
    ChannelNumber, Data, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND};
use turn_types::stun::attribute::{
    Attribute, AttributeFromRaw, AttributeStaticType, AttributeType, Fingerprint, MessageIntegrity,
    Nonce, Realm, Username, XorMappedAddress,
};
use turn_types::stun::message::{
    BINDING, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt, MessageWriteVec,
    TransactionId,
};

use super::login::{Login, Logins, refusal};
use crate::turn::denied;

/// How long an allocation lives without a refresh, unless it asks for more; RFC 8656, section 3.2.
const LIFETIME: Duration = Duration::from_secs(600);
/// The most that it may ask for: who has gone frees its port in this time.
const LIFETIME_MAX: Duration = Duration::from_secs(3600);
/// However often it is refreshed: a credential begins allocations for an hour, and what it began ends within a day.
const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// RFC 8656, section 9.
const PERMISSION: Duration = Duration::from_secs(300);
/// RFC 8656, section 12.
const CHANNEL: Duration = Duration::from_secs(600);
/// How long an odd port waits for who reserved it; RFC 8656, section 7.2.
const RESERVATION: Duration = Duration::from_secs(30);
/// Permissions of one allocation: the addresses of some peers over some interfaces.
const PERMISSIONS_MAX: usize = 64;
/// Channels of one allocation: as many.
const CHANNELS_MAX: usize = 64;
/// Numbers of channels: RFC 5766's, of which RFC 8656 keeps the first 4,096.
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7ffe;

/// Bytes of a STUN header, RFC 8489 section 5.
const STUN_HEAD: usize = 20;

/// The time, as timers and as credentials have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) mono: Instant,
    pub(super) wall: UnixMs,
}

/// Where a client is reached: a listener of ours, and its address there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    pub(super) listener: usize,
    pub(super) client: SocketAddr,
}

/// Something to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// To a client.
    Client(Path, Vec<u8>),
    /// From a relayed address to a peer.
    Peer {
        from: SocketAddr,
        to: SocketAddr,
        data: Vec<u8>,
    },
}

/// Which ports are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    Any,
    Even,
    /// An even one and the next.
    Pair,
}

/// The sockets of relayed addresses, named by the address that clients are told.
pub(super) trait Sockets {
    /// Opens one, or two for a pair.
    fn open(&mut self, family: AddressFamily, ports: Ports) -> Option<Vec<SocketAddr>>;
    /// Closes one.
    fn close(&mut self, relayed: SocketAddr);
    /// Whether there are addresses of this family.
    fn has(&self, family: AddressFamily) -> bool;
}

/// How much is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotas {
    pub(super) allocations: usize,
    pub(super) allocations_per_account: usize,
    /// Each way.
    pub(super) bytes_per_s: u64,
}

/// Bytes that may pass: a second's worth at once.
#[derive(Debug)]
struct Allowance {
    left: u64,
    at: Instant,
}

impl Allowance {
    fn spend(&mut self, bytes: usize, per_s: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        let more = u128::from(per_s) * passed.as_micros() / 1_000_000;
        if more > 0 {
            let more = u64::try_from(more).unwrap_or(u64::MAX);
            self.left = self.left.saturating_add(more).min(per_s);
            self.at = now;
        }
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

#[derive(Debug)]
struct Allocation {
    username: String,
    account: String,
    relayed: SocketAddr,
    born: Instant,
    ends: Instant,
    /// The request that made it and its answer, for when it comes again.
    made_by: (TransactionId, Vec<u8>),
    permissions: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, (SocketAddr, Instant)>,
    outward: Allowance,
    inward: Allowance,
}

#[derive(Debug)]
struct Reserved {
    relayed: SocketAddr,
    account: String,
    ends: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) logins: Logins,
    quotas: Quotas,
    allocations: BTreeMap<Path, Allocation>,
    relayed: BTreeMap<SocketAddr, Path>,
    reserved: BTreeMap<u64, Reserved>,
    /// Addresses of this machine: nothing but allocations is reached there.
    own: Vec<IpAddr>,
}

impl Machine {
    pub(super) fn new(logins: Logins, quotas: Quotas, own: Vec<IpAddr>) -> Self {
        Self {
            logins,
            quotas,
            allocations: BTreeMap::new(),
            relayed: BTreeMap::new(),
            reserved: BTreeMap::new(),
            own,
        }
    }

    #[cfg(test)]
    pub(super) fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// A packet or frame of a client.
    pub(super) fn client_sent(
        &mut self,
        now: Now,
        path: Path,
        bytes: &[u8],
        sockets: &mut dyn Sockets,
    ) -> Option<Out> {
        if bytes
            .first()
            .is_some_and(|byte| (0x40..0x80).contains(byte))
        {
            return self.channel_data(now, path, bytes);
        }
        let message = Message::from_bytes(bytes).ok()?;
        // The length is what a signature does not cover, and the parser is lenient about.
        let length = [*bytes.get(2)?, *bytes.get(3)?];
        if usize::from(u16::from_be_bytes(length)) + STUN_HEAD != bytes.len() {
            return None;
        }
        let is_indication = message.has_class(MessageClass::Indication);
        if is_indication && message.has_method(SEND) {
            return self.send(now, path, &message);
        }
        if !message.has_class(MessageClass::Request) {
            return None;
        }
        let answer = match message.method() {
            BINDING => binding(&message, path),
            _ => self.request(now, path, &message, sockets),
        };
        Some(Out::Client(path, answer))
    }

    fn request(
        &mut self,
        now: Now,
        path: Path,
        request: &Message<'_>,
        sockets: &mut dyn Sockets,
    ) -> Vec<u8> {
        let login = match self.logins.check(request, path.client.ip(), now.wall) {
            Ok(login) => login,
            Err(answer) => return answer,
        };
        if let Some(answer) = self.misfit(now, path, request, &login) {
            return answer;
        }
        let known = self.allocations.contains_key(&path);
        let answered = match request.method() {
            ALLOCATE => self.allocate(now, path, request, &login, sockets),
            REFRESH if known => self.refresh(now, path, request, sockets),
            CREATE_PERMISSION if known => self.permit(now, path, request),
            CHANNEL_BIND if known => self.bind(now, path, request),
            REFRESH | CREATE_PERMISSION | CHANNEL_BIND => Err(437),
            _ => Err(400),
        };
        match answered {
            Err(code) => refusal(request, code, Some(&login)),
            Ok(answer) => {
                let answer = login.sign(answer);
                if request.method() == ALLOCATE
                    && let Some(made) = self.allocations.get_mut(&path)
                {
                    made.made_by.1.clone_from(&answer);
                }
                answer
            }
        }
    }

    /// What is wrong whatever is asked for: another's allocation, a credential that is over, attributes that we do not
    /// understand; or the same request once more.
    fn misfit(
        &self,
        now: Now,
        path: Path,
        request: &Message<'_>,
        login: &Login,
    ) -> Option<Vec<u8>> {
        let refused = |code| Some(refusal(request, code, Some(login)));
        if let Some(allocation) = self.allocations.get(&path) {
            if allocation.username != login.username {
                return refused(441);
            }
            if request.has_method(ALLOCATE) {
                let (id, answer) = &allocation.made_by;
                let again = *id == request.transaction_id();
                return if again {
                    Some(answer.clone())
                } else {
                    refused(437)
                };
            }
        } else if login.ended {
            return Some(self.logins.ask(request, 401, path.client.ip(), now.wall));
        }
        let unknown = unknown_attributes(request);
        if unknown.is_empty() {
            return None;
        }
        let answer = Message::unknown_attributes(request, &unknown, MessageWriteVec::new());
        Some(login.sign(answer))
    }

    fn allocate(
        &mut self,
        now: Now,
        path: Path,
        request: &Message<'_>,
        login: &Login,
        sockets: &mut dyn Sockets,
    ) -> Result<MessageWriteVec, u16> {
        let transport = request.attribute::<RequestedTransport>().map_err(bad)?;
        if transport.protocol() != RequestedTransport::UDP {
            return Err(442);
        }
        let mine = |account: &str| account == login.account;
        let allocated = self.allocations.values().filter(|one| mine(&one.account));
        let reserved = self.reserved.values().filter(|one| mine(&one.account));
        let of_account = allocated.count() + reserved.count();
        let all = self.allocations.len() + self.reserved.len();
        let token = given::<ReservationToken>(request)?.map(|token| token.token());
        if token.is_none()
            && (of_account >= self.quotas.allocations_per_account || all >= self.quotas.allocations)
        {
            return Err(486);
        }
        let (relayed, reserved) = match token {
            Some(token) => (self.take_reserved(token, login)?, None),
            None => self.open(now, request, login, sockets)?,
        };
        let lifetime = lifetime_of(request)?.unwrap_or(LIFETIME).max(LIFETIME);
        let full = || Allowance {
            left: self.quotas.bytes_per_s,
            at: now.mono,
        };
        let allocation = Allocation {
            username: login.username.clone(),
            account: login.account.clone(),
            relayed,
            born: now.mono,
            ends: now.mono + lifetime,
            made_by: (request.transaction_id(), Vec::new()),
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            outward: full(),
            inward: full(),
        };
        self.allocations.insert(path, allocation);
        self.relayed.insert(relayed, path);
        let id = request.transaction_id();
        let mut answer = Message::builder_success(request, MessageWriteVec::new());
        add(&mut answer, &XorRelayedAddress::new(relayed, id))?;
        add(&mut answer, &Lifetime::new(seconds(lifetime)))?;
        add(&mut answer, &XorMappedAddress::new(path.client, id))?;
        if let Some(token) = reserved {
            add(&mut answer, &ReservationToken::new(token))?;
        }
        Ok(answer)
    }

    fn take_reserved(&mut self, token: u64, login: &Login) -> Result<SocketAddr, u16> {
        let theirs = self
            .reserved
            .get(&token)
            .filter(|one| one.account == login.account);
        let relayed = theirs.ok_or(508_u16)?.relayed;
        self.reserved.remove(&token);
        Ok(relayed)
    }

    fn open(
        &mut self,
        now: Now,
        request: &Message<'_>,
        login: &Login,
        sockets: &mut dyn Sockets,
    ) -> Result<(SocketAddr, Option<u64>), u16> {
        let family = given::<RequestedAddressFamily>(request)?.map(|wanted| wanted.family());
        let family = family.unwrap_or(AddressFamily::IPV4);
        if !sockets.has(family) {
            return Err(440);
        }
        let ports = match given::<EvenPort>(request)? {
            None => Ports::Any,
            Some(even) if even.requested() => Ports::Pair,
            Some(_) => Ports::Even,
        };
        let opened = sockets.open(family, ports).ok_or(508_u16)?;
        let [relayed, second @ ..] = &opened[..] else {
            return Err(508);
        };
        let mut bytes = [0; 8];
        let Some(second) = second.first() else {
            return Ok((*relayed, None));
        };
        if getrandom::fill(&mut bytes).is_err() {
            opened.iter().for_each(|one| sockets.close(*one));
            return Err(500);
        }
        let token = u64::from_be_bytes(bytes);
        let reserved = Reserved {
            relayed: *second,
            account: login.account.clone(),
            ends: now.mono + RESERVATION,
        };
        self.reserved.insert(token, reserved);
        Ok((*relayed, Some(token)))
    }

    fn refresh(
        &mut self,
        now: Now,
        path: Path,
        request: &Message<'_>,
        sockets: &mut dyn Sockets,
    ) -> Result<MessageWriteVec, u16> {
        let allocation = self.allocations.get_mut(&path).ok_or(437_u16)?;
        if let Some(wanted) = given::<RequestedAddressFamily>(request)?
            && wanted.family() != family_of(allocation.relayed.ip())
        {
            return Err(443);
        }
        let wanted = lifetime_of(request)?.unwrap_or(LIFETIME);
        let lifetime = if wanted.is_zero() {
            self.remove(path, sockets);
            wanted
        } else {
            let oldest = allocation.born + AGE_MAX;
            allocation.ends = (now.mono + wanted.max(LIFETIME)).min(oldest);
            allocation.ends.saturating_duration_since(now.mono)
        };
        let mut answer = Message::builder_success(request, MessageWriteVec::new());
        add(&mut answer, &Lifetime::new(seconds(lifetime)))?;
        Ok(answer)
    }

    fn permit(
        &mut self,
        now: Now,
        path: Path,
        request: &Message<'_>,
    ) -> Result<MessageWriteVec, u16> {
        let allocation = self.allocations.get_mut(&path).ok_or(437_u16)?;
        let mut peers = Vec::new();
        for (_, raw) in request.iter_attributes() {
            if raw.get_type() == XorPeerAddress::TYPE {
                let peer = XorPeerAddress::from_raw(raw).map_err(bad)?;
                peers.push(peer.addr(request.transaction_id()).ip());
            }
        }
        if peers.is_empty() {
            return Err(400);
        }
        // All or none: RFC 8656, section 10.2.
        for peer in &peers {
            may_reach(allocation.relayed, *peer)?;
        }
        for peer in peers {
            allocation.permit(peer, now.mono)?;
        }
        Ok(Message::builder_success(request, MessageWriteVec::new()))
    }

    fn bind(
        &mut self,
        now: Now,
        path: Path,
        request: &Message<'_>,
    ) -> Result<MessageWriteVec, u16> {
        let allocation = self.allocations.get_mut(&path).ok_or(437_u16)?;
        let number = request.attribute::<ChannelNumber>().map_err(bad)?.channel();
        let peer = request.attribute::<XorPeerAddress>().map_err(bad)?;
        let peer = peer.addr(request.transaction_id());
        if !CHANNELS.contains(&number) {
            return Err(400);
        }
        may_reach(allocation.relayed, peer.ip())?;
        allocation.channels.retain(|_, (_, ends)| *ends > now.mono);
        let mut channels = allocation.channels.iter();
        // One peer has one number, and one number has one peer.
        if channels.any(|(one, (to, _))| (*one == number) != (*to == peer)) {
            return Err(400);
        }
        if allocation.channels.len() >= CHANNELS_MAX && !allocation.channels.contains_key(&number) {
            return Err(508);
        }
        allocation.permit(peer.ip(), now.mono)?;
        allocation
            .channels
            .insert(number, (peer, now.mono + CHANNEL));
        Ok(Message::builder_success(request, MessageWriteVec::new()))
    }

    fn send(&mut self, now: Now, path: Path, message: &Message<'_>) -> Option<Out> {
        let peer = message.attribute::<XorPeerAddress>().ok()?;
        let data = message.attribute::<Data<'_>>().ok()?;
        self.send_to_peer(now, path, peer.addr(message.transaction_id()), data.data())
    }

    fn channel_data(&mut self, now: Now, path: Path, bytes: &[u8]) -> Option<Out> {
        let [a, b, c, d, rest @ ..] = bytes else {
            return None;
        };
        let number = u16::from_be_bytes([*a, *b]);
        let data = rest.get(..usize::from(u16::from_be_bytes([*c, *d])))?;
        let (peer, ends) = *self.allocations.get(&path)?.channels.get(&number)?;
        (ends > now.mono).then(|| self.send_to_peer(now, path, peer, data))?
    }

    fn send_to_peer(&mut self, now: Now, path: Path, peer: SocketAddr, data: &[u8]) -> Option<Out> {
        let per_s = self.quotas.bytes_per_s;
        let allocation = self.allocations.get_mut(&path)?;
        let permitted = allocation.permissions.get(&peer.ip());
        let alive = allocation.ends > now.mono && permitted.is_some_and(|ends| *ends > now.mono);
        if !alive || !allocation.outward.spend(data.len(), per_s, now.mono) {
            return None;
        }
        let from = allocation.relayed;
        // Two allocations meet inside: a box before us may not send back what goes to its own outside.
        if self.relayed.contains_key(&peer) {
            return self.peer_sent(now, peer, from, data);
        }
        if self.own.iter().any(|own| is_beside(*own, peer.ip())) {
            return None;
        }
        Some(Out::Peer {
            from,
            to: peer,
            data: data.to_vec(),
        })
    }

    /// A packet of a peer to a relayed address.
    pub(super) fn peer_sent(
        &mut self,
        now: Now,
        relayed: SocketAddr,
        peer: SocketAddr,
        data: &[u8],
    ) -> Option<Out> {
        let per_s = self.quotas.bytes_per_s;
        let path = *self.relayed.get(&relayed)?;
        let allocation = self.allocations.get_mut(&path)?;
        let permitted = allocation.permissions.get(&peer.ip());
        let alive = allocation.ends > now.mono && permitted.is_some_and(|ends| *ends > now.mono);
        if !alive || !allocation.inward.spend(data.len(), per_s, now.mono) {
            return None;
        }
        let mut channels = allocation.channels.iter();
        let channel = channels.find(|(_, (to, ends))| *to == peer && *ends > now.mono);
        let bytes = match channel {
            Some((number, _)) => {
                let length = u16::try_from(data.len()).ok()?;
                [&number.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
            }
            None => data_indication(peer, data)?,
        };
        Some(Out::Client(path, bytes))
    }

    /// A client has gone: its connection is closed.
    pub(super) fn gone(&mut self, path: Path, sockets: &mut dyn Sockets) {
        self.remove(path, sockets);
    }

    fn remove(&mut self, path: Path, sockets: &mut dyn Sockets) {
        if let Some(allocation) = self.allocations.remove(&path) {
            self.relayed.remove(&allocation.relayed);
            sockets.close(allocation.relayed);
        }
    }

    /// Forgets what has ended.
    pub(super) fn expire(&mut self, now: Now, sockets: &mut dyn Sockets) {
        let over = |ends: Instant| ends <= now.mono;
        let ended = self.allocations.iter().filter(|(_, one)| over(one.ends));
        let ended: Vec<Path> = ended.map(|(path, _)| *path).collect();
        for path in ended {
            self.remove(path, sockets);
        }
        self.reserved.retain(|_, one| {
            if over(one.ends) {
                sockets.close(one.relayed);
            }
            !over(one.ends)
        });
    }
}

impl Allocation {
    fn permit(&mut self, peer: IpAddr, now: Instant) -> Result<(), u16> {
        self.permissions.retain(|_, ends| *ends > now);
        if self.permissions.len() >= PERMISSIONS_MAX && !self.permissions.contains_key(&peer) {
            return Err(508);
        }
        self.permissions.insert(peer, now + PERMISSION);
        Ok(())
    }
}

fn bad<E>(_: E) -> u16 {
    400
}

/// An attribute that may be missing, and is an error where it is not readable.
fn given<'a, A: AttributeStaticType + AttributeFromRaw<'a>>(
    request: &'a Message<'_>,
) -> Result<Option<A>, u16> {
    if !request.has_attribute(A::TYPE) {
        return Ok(None);
    }
    request.attribute::<A>().map(Some).map_err(bad)
}

fn lifetime_of(request: &Message<'_>) -> Result<Option<Duration>, u16> {
    let wanted = given::<Lifetime>(request)?;
    Ok(wanted.map(|wanted| Duration::from_secs(wanted.seconds().into()).min(LIFETIME_MAX)))
}

fn seconds(lifetime: Duration) -> u32 {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX)
}

fn family_of(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::IPV4,
        IpAddr::V6(_) => AddressFamily::IPV6,
    }
}

fn may_reach(relayed: SocketAddr, peer: IpAddr) -> Result<(), u16> {
    if relayed.is_ipv4() != peer.is_ipv4() {
        return Err(443);
    }
    match denied::reason(peer) {
        Some(_) => Err(403),
        None => Ok(()),
    }
}

/// Whether an address is this machine's own, or by IPv6 that of a neighbour: behind the same router, which lets nothing in
/// by itself.
pub(super) fn is_beside(own: IpAddr, peer: IpAddr) -> bool {
    match (own, peer) {
        (IpAddr::V6(own), IpAddr::V6(peer)) => own.segments()[..4] == peer.segments()[..4],
        _ => own == peer,
    }
}

fn add(
    answer: &mut MessageWriteVec,
    attribute: &dyn turn_types::stun::attribute::AttributeWrite,
) -> Result<(), u16> {
    answer.add_attribute(attribute).map_err(|_full| 500)
}

fn unknown_attributes(request: &Message<'_>) -> Vec<AttributeType> {
    let known = [
        Username::TYPE,
        Realm::TYPE,
        Nonce::TYPE,
        MessageIntegrity::TYPE,
        Fingerprint::TYPE,
        RequestedTransport::TYPE,
        RequestedAddressFamily::TYPE,
        EvenPort::TYPE,
        ReservationToken::TYPE,
        Lifetime::TYPE,
        XorPeerAddress::TYPE,
        ChannelNumber::TYPE,
    ];
    let types = request.iter_attributes().map(|(_, raw)| raw.get_type());
    types
        .filter(|kind| kind.comprehension_required() && !known.contains(kind))
        .collect()
}

fn binding(request: &Message<'_>, path: Path) -> Vec<u8> {
    let mut answer = Message::builder_success(request, MessageWriteVec::new());
    let mapped = XorMappedAddress::new(path.client, request.transaction_id());
    let added = answer
        .add_attribute(&mapped)
        .and_then(|()| answer.add_fingerprint());
    if let Err(error) = added {
        tracing::debug!(%error, "an address does not fit");
    }
    answer.finish()
}

fn data_indication(peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
    let id = TransactionId::generate();
    let kind = MessageType::from_class_method(MessageClass::Indication, DATA);
    let mut message = Message::builder(kind, id, MessageWriteVec::new());
    message.add_attribute(&XorPeerAddress::new(peer, id)).ok()?;
    message.add_attribute(&Data::new(data)).ok()?;
    Some(message.finish())
}
