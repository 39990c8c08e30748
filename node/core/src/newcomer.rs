//! A device without an account, until it has one: linked by a code, or brought back by the recovery words.
//!
//! The contract is that of the node ([`crate::io`]): [`Newcomer::handle`] takes what the network says,
//! [`Newcomer::poll_output`] gives what it is to do. The keys of the new device are made at the start and stay: the
//! node that begins from [`Settled`] speaks by the same network key. Nothing is stored before the end.

mod restored;

use std::collections::VecDeque;

use alloquy_api::personal::{LinkStep, Linking, LinkingView};
use alloquy_api::{CommandError, ErrorCode, Event};
use alloquy_ids::{AccountId, CommunityId, DeviceId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{
    IdentityLog, NetworkCertificate, PrekeyRecord, RecoveryWords, accept_device,
};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::arrive::Bootstrap;
use crate::io::{Fault, Input, Now, Output, Write};
use crate::limits::LINK_SEARCH_MS;
use crate::link::{
    AccountHello, Act, End, Entered, Finished, Guest, NewDevice, PairLink, Side, Welcome,
    other_kind,
};
use crate::outbox::{put, put_bytes};
use crate::record::{AccountRecord, FORMAT, Key};
use crate::wire::Frame;
use crate::wire::link::InviteLink;
use crate::wire::pairing::Pairing;
use restored::Restored;

/// What becomes of the account's other devices when one comes back by the recovery words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherDevices {
    /// They stay.
    Keep,
    /// They end: they were lost.
    Revoke,
}

/// The new device has an account: what a node begins from.
pub struct Settled {
    /// The first records of the store.
    pub writes: Vec<Write>,
    /// The account.
    pub account: AccountId,
    /// This device.
    pub device: DeviceId,
    /// The account's display name; empty where nobody who was asked knows it.
    pub name: String,
    /// How many communities and conversations it is to get.
    pub communities: usize,
}

impl std::fmt::Debug for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settled")
            .field("account", &self.account)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// A device without an account.
#[derive(Debug)]
pub struct Newcomer<R> {
    rng: R,
    now: Now,
    keys: Keys,
    way: Way,
    outputs: VecDeque<Output>,
    settled: Option<Result<Settled, CommandError>>,
}

/// Keys of the new device.
struct Keys {
    device: DeviceKey,
    network_seed: Zeroizing<[u8; 32]>,
    network: NetworkKey,
    prekey: PrekeyRecord,
    prekey_secret: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.device.id().short())
    }
}

/// The counter of a device's first prekey.
const FIRST_PREKEY: u64 = 1;

impl Keys {
    fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut device_seed = Zeroizing::new([0; 32]);
        let mut network_seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *device_seed);
        rng.fill_bytes(&mut *network_seed);
        let device = DeviceKey::from_seed(&device_seed);
        let network = NetworkKey(DeviceKey::from_seed(&network_seed).public());
        let (prekey, prekey_secret) =
            alloquy_schema::identity::new_prekey(&device, FIRST_PREKEY, rng);
        Self {
            device,
            network_seed,
            network,
            prekey,
            prekey_secret,
        }
    }
}

#[derive(Debug)]
enum Way {
    Link(Box<Linked>),
    Restore(Box<Restored>),
}

/// Linking by a code.
#[derive(Debug)]
struct Linked {
    guest: Guest,
    device_name: String,
    account: Option<AccountHello>,
    view: LinkingView,
}

/// Peers that a link of any kind names, with their addresses: an invite's, or those of a pairing.
///
/// # Errors
/// The text is no such link, or a damaged one.
pub fn link_peers(text: &str) -> Result<Vec<(NetworkKey, Vec<String>)>, CommandError> {
    if text.starts_with("alloquy://link/") {
        let link = PairLink::parse(text)?;
        return Ok(vec![(link.host, link.addresses)]);
    }
    let link = InviteLink::parse(text)
        .map_err(|error| CommandError::new(ErrorCode::Parse, error.to_string()))?;
    Ok(link.peers)
}

impl<R: CryptoRng> Newcomer<R> {
    /// Links this device by a code or a link that another device of the account shows.
    ///
    /// # Errors
    /// The text is neither, or the device's name is over its limit.
    pub fn link(code: &str, device_name: &str, now: Now, mut rng: R) -> Result<Self, CommandError> {
        if !device_name.is_empty() {
            crate::command::check_name("name of the device", device_name)?;
        }
        let entered = Entered::parse(code)?;
        if let Entered::Link(link) = &entered
            && link.what != Linking::Device
        {
            return Err(other_kind(link.what));
        }
        let keys = Keys::generate(&mut rng);
        let guest = Guest::new(Linking::Device, entered, keys.network, now);
        let view = LinkingView {
            what: Linking::Device,
            code: None,
            link: None,
            until: UnixMs(now.wall.0.saturating_add(LINK_SEARCH_MS)),
            step: LinkStep::Waiting,
        };
        let keep = guest
            .wanted()
            .map(|(host, addresses)| Output::Keep(host, addresses.to_vec()));
        Ok(Self {
            rng,
            now,
            keys,
            way: Way::Link(Box::new(Linked {
                guest,
                device_name: device_name.to_owned(),
                account: None,
                view,
            })),
            outputs: keep.into_iter().collect(),
            settled: None,
        })
    }

    /// Brings an account back by its recovery words, from peers that may know it; without any, from whoever is found
    /// on the local network.
    ///
    /// # Errors
    /// The words are not twelve of the list whose checksum holds: says which is wrong.
    pub fn restore(
        words: &str,
        from: Vec<(NetworkKey, Vec<String>)>,
        others: OtherDevices,
        now: Now,
        mut rng: R,
    ) -> Result<Self, CommandError> {
        let words = RecoveryWords::parse(words)
            .map_err(|error| CommandError::new(ErrorCode::Parse, error.to_string()))?;
        let keys = Keys::generate(&mut rng);
        let keep = from.iter().cloned();
        let outputs = keep.map(|(peer, at)| Output::Keep(peer, at)).collect();
        Ok(Self {
            rng,
            now,
            keys,
            way: Way::Restore(Box::new(Restored::new(words, others, from, now.mono))),
            outputs,
            settled: None,
        })
    }

    /// The network key's Ed25519 seed: the shell's libp2p identity, now and as a node.
    #[must_use]
    pub fn network_seed(&self) -> [u8; 32] {
        *self.keys.network_seed
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.keys.device.id()
    }

    /// The account that the code leads to, with its name, as soon as the other side has said it.
    #[must_use]
    pub fn account(&self) -> Option<(AccountId, &str)> {
        match &self.way {
            Way::Link(linked) => {
                let hello = linked.account.as_ref()?;
                Some((hello.account, &hello.name))
            }
            Way::Restore(_) => None,
        }
    }

    /// Takes one input; drain [`Self::poll_output`] to `None` before the next.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = Now {
            mono: now.mono.max(self.now.mono),
            wall: now.wall,
        };
        match input {
            Input::PeerUp(peer) => self.peer_up(peer),
            Input::PeerDown(peer) => self.peer_down(peer),
            Input::Frame(peer, bytes) => self.frame(peer, &bytes),
            _ => {}
        }
        self.tick();
    }

    /// The next thing that the shell must do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoMs> {
        match &self.way {
            Way::Link(linked) => linked.guest.due(),
            Way::Restore(restored) => self.settled.is_none().then(|| restored.due()),
        }
    }

    /// The outcome, once: what to store, or why there is no account.
    pub fn settled(&mut self) -> Option<Result<Settled, CommandError>> {
        self.settled.take()
    }

    /// What was settled is stored: the other side is told. Drain the outputs and send them before the network ends.
    pub fn stored(&mut self) {
        if let Way::Link(linked) = &mut self.way {
            let acts = linked.guest.send(&Finished.to_bytes());
            self.act(acts);
            self.step(LinkStep::Done);
        }
    }

    fn peer_up(&mut self, peer: NetworkKey) {
        match &mut self.way {
            Way::Link(linked) => {
                let acts = linked.guest.peer_up(peer, &mut self.rng);
                self.act(acts);
            }
            Way::Restore(_) => self.ask(peer),
        }
    }

    fn peer_down(&mut self, peer: NetworkKey) {
        match &mut self.way {
            Way::Link(linked) => {
                let acts = linked.guest.peer_down(peer);
                self.act(acts);
            }
            Way::Restore(restored) => restored.peer_down(peer),
        }
    }

    fn frame(&mut self, from: NetworkKey, bytes: &[u8]) {
        let frame = match Frame::from_bytes(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                return self.penalize(from, format!("frame of {} bytes: {error}", bytes.len()));
            }
        };
        match (frame, &mut self.way) {
            (Frame::Pairing(pairing), Way::Link(linked)) if pairing.side == Side::Host => {
                let acts = linked.guest.frame(from, pairing.frame, self.now);
                self.act(acts);
            }
            (Frame::Restoring(answer), Way::Restore(_)) => self.answered(from, answer),
            // Whatever else a node says to its peers is not for who has no account.
            _ => {}
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        match &mut self.way {
            Way::Link(linked) => {
                let acts = linked.guest.tick(now);
                self.act(acts);
            }
            Way::Restore(_) => self.decide(),
        }
    }

    fn penalize(&mut self, peer: NetworkKey, reason: String) {
        let fault = Fault { reason };
        self.outputs.push_back(Output::Penalize(peer, fault));
    }

    fn send(&mut self, to: NetworkKey, frame: &Frame) {
        let bytes = Bytes::from(frame.to_bytes());
        self.outputs.push_back(Output::Send(to, bytes));
    }

    fn fail(&mut self, error: CommandError) {
        if self.settled.is_none() {
            self.step(LinkStep::Failed(error.message.clone()));
            self.settled = Some(Err(error));
        }
    }

    fn step(&mut self, step: LinkStep) {
        if let Way::Link(linked) = &mut self.way {
            linked.view.step = step;
            let linking = linked.view.clone();
            let event = Event::LinkingChanged { linking };
            self.outputs.push_back(Output::Event(None, event));
        }
    }

    fn act(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(to, frame) => {
                    let side = Side::Guest;
                    self.send(to, &Frame::Pairing(Box::new(Pairing { side, frame })));
                }
                Act::Fault(peer, reason) => self.penalize(peer, reason.to_owned()),
                Act::Ready(_) => self.step(LinkStep::Talking),
                Act::Opened(_, payload) => self.opened(&payload),
                Act::Ended(End::Done) => {}
                Act::Ended(end) => self.fail(end.error(Side::Guest)),
            }
        }
    }

    /// A message of the device that shows the code.
    fn opened(&mut self, payload: &[u8]) {
        let Way::Link(linked) = &mut self.way else {
            return;
        };
        let outcome = match linked.account.clone() {
            None => AccountHello::from_bytes(payload)
                .map_err(|error| error.to_string())
                .map(|hello| self.introduce(hello)),
            Some(hello) => Welcome::from_bytes(payload)
                .map_err(|error| error.to_string())
                .and_then(|welcome| self.welcomed(&hello, welcome)),
        };
        if let Err(reason) = outcome {
            tracing::warn!(reason, "the other device said what it must not");
            if let Way::Link(linked) = &mut self.way {
                let acts = linked.guest.end(End::Refused);
                self.act(acts);
            }
        }
    }

    /// The account is known: this device shows itself, and that it wants to belong to it.
    fn introduce(&mut self, hello: AccountHello) {
        let Way::Link(linked) = &mut self.way else {
            return;
        };
        let device = self.keys.device.id();
        let new = NewDevice {
            device,
            network: NetworkCertificate::sign(&self.keys.network_seed, device),
            accepted: accept_device(hello.account, &self.keys.device),
            prekey: self.keys.prekey.clone(),
            name: linked.device_name.clone(),
        };
        linked.account = Some(hello);
        let acts = linked.guest.send(&new.to_bytes());
        self.act(acts);
    }

    /// The account's log holds this device.
    fn welcomed(&mut self, hello: &AccountHello, welcome: Welcome) -> Result<(), String> {
        if self.settled.is_some() {
            return Ok(());
        }
        let log = IdentityLog::verify(&welcome.chain).map_err(|error| error.to_string())?;
        if log.account() != hello.account {
            return Err("the identity log is another account's".to_owned());
        }
        if !log.identity().acts(self.keys.device.id()) {
            return Err("the identity log does not hold this device".to_owned());
        }
        let Welcome {
            name,
            about,
            communities,
            ..
        } = welcome;
        self.settle(log.chain(), (name, about), communities, None);
        Ok(())
    }

    fn settle(
        &mut self,
        chain: Vec<SignedEvent>,
        (name, about): (String, String),
        communities: Vec<(CommunityId, Bootstrap)>,
        words: Option<&[u8; 32]>,
    ) {
        let account = chain[0].header.id().into();
        let record = AccountRecord {
            account,
            device_seed: self.keys.device.seed(),
            network_seed: *self.keys.network_seed,
            chain,
            prekeys: vec![(FIRST_PREKEY, self.keys.prekey_secret)],
            name: name.clone(),
            about,
            status: String::new(),
            availability: 1,
            nonce: [0; 32],
        };
        let mut writes = vec![
            put_bytes(&Key::Format, FORMAT.to_le_bytes().to_vec()),
            put(&Key::Account, &record),
        ];
        writes.extend(words.map(|secret| put_bytes(&Key::Words, secret.to_vec())));
        let arriving = communities.iter();
        writes.extend(arriving.map(|(id, bootstrap)| put(&Key::Arriving(*id), bootstrap)));
        self.settled = Some(Ok(Settled {
            writes,
            account,
            device: self.keys.device.id(),
            name,
            communities: communities.len(),
        }));
    }
}
