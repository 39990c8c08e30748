//! Links between the cores of one process: frames in order, gossip passed on as each core allows.
//!
//! The contract of `alloquy_core::io` at its best: nothing is lost, doubled or overtaken. Two nodes are linked as
//! long as one of them keeps the other. A gossip frame goes from each node that accepts it to its linked peers on
//! the topic, once to each, as over real sockets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_core::{GossipId, Input, Output, Topic, Verdict};
use alloquy_ids::NetworkKey;
use bytes::Bytes;

/// Gossip frames that wait for a verdict at once; the oldest give way, as over real sockets.
const WAITING_MAX: usize = 4096;

/// The links, and what is on its way over them.
#[derive(Debug)]
pub(super) struct Links {
    keys: Vec<NetworkKey>,
    /// Who keeps whom.
    keeps: BTreeSet<(usize, usize)>,
    /// Pairs that are linked, the smaller seat first.
    linked: BTreeSet<(usize, usize)>,
    topics: Vec<BTreeSet<Topic>>,
    frames: BTreeMap<u64, Frame>,
    waiting: BTreeMap<GossipId, (u64, usize)>,
    last: u64,
    arriving: VecDeque<(usize, Input)>,
}

/// A gossip frame on its way.
#[derive(Debug)]
struct Frame {
    topic: Topic,
    bytes: Bytes,
    reached: BTreeSet<usize>,
    /// Verdicts that are not given yet.
    open: usize,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// The address of a seat: libp2p's form of a place in memory.
pub(super) fn address(seat: usize) -> String {
    format!("/memory/{}", seat + 1)
}

impl Links {
    pub(super) fn new(keys: Vec<NetworkKey>) -> Self {
        Self {
            topics: vec![BTreeSet::new(); keys.len()],
            keys,
            keeps: BTreeSet::new(),
            linked: BTreeSet::new(),
            frames: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last: 0,
            arriving: VecDeque::new(),
        }
    }

    /// Whether something has arrived that was not taken.
    pub(super) fn is_idle(&self) -> bool {
        self.arriving.is_empty()
    }

    /// The next arrival: whose, and what.
    pub(super) fn take(&mut self) -> Option<(usize, Input)> {
        self.arriving.pop_front()
    }

    /// Puts an input in the line of arrivals.
    pub(super) fn arrive(&mut self, seat: usize, input: Input) {
        self.arriving.push_back((seat, input));
    }

    /// Carries out what a core asks of the network; anything else is not for here.
    pub(super) fn carry_out(&mut self, from: usize, output: Output) {
        match output {
            Output::Send(key, bytes) => {
                if let Some(to) = self.seat_of(key).filter(|to| self.is_linked(from, *to)) {
                    self.arrive(to, Input::Frame(self.keys[from], bytes));
                }
            }
            Output::Publish(topic, bytes) => {
                self.last += 1;
                let frame = Frame {
                    topic,
                    bytes,
                    reached: BTreeSet::from([from]),
                    open: 0,
                };
                self.frames.insert(self.last, frame);
                self.spread(self.last, from);
            }
            Output::Verdict(id, verdict) => self.verdict(id, verdict),
            Output::Subscribe(topic) => {
                self.topics[from].insert(topic);
            }
            Output::Unsubscribe(topic) => {
                self.topics[from].remove(&topic);
            }
            Output::Keep(key, _) => self.keep(from, key),
            Output::Release(key) => self.release(from, key),
            Output::Penalize(key, fault) => {
                tracing::warn!(peer = %key.short(), reason = fault.reason, "a peer in memory is at fault");
            }
            Output::Event(..) | Output::Store(..) | Output::Media(_) => {}
        }
    }

    /// Ends every link of a seat.
    pub(super) fn part(&mut self, seat: usize) {
        self.keeps.retain(|(from, to)| *from != seat && *to != seat);
        for other in 0..self.keys.len() {
            self.unlink(seat, other);
        }
    }

    /// Who is linked with a seat, and where.
    pub(super) fn peers_of(&self, seat: usize) -> impl Iterator<Item = (NetworkKey, String)> {
        (0..self.keys.len())
            .filter(move |other| self.is_linked(seat, *other))
            .map(|other| (self.keys[other], address(other)))
    }

    fn seat_of(&self, key: NetworkKey) -> Option<usize> {
        self.keys.iter().position(|own| *own == key)
    }

    fn is_linked(&self, a: usize, b: usize) -> bool {
        self.linked.contains(&pair(a, b))
    }

    fn keep(&mut self, from: usize, key: NetworkKey) {
        let Some(to) = self.seat_of(key).filter(|to| *to != from) else {
            return;
        };
        self.keeps.insert((from, to));
        if self.linked.insert(pair(from, to)) {
            for (one, other) in [(from, to), (to, from)] {
                let peer = self.keys[other];
                self.arrive(one, Input::PeerUp(peer));
                self.arrive(one, Input::PeerAddresses(peer, vec![address(other)]));
            }
        }
    }

    fn release(&mut self, from: usize, key: NetworkKey) {
        let Some(to) = self.seat_of(key) else { return };
        self.keeps.remove(&(from, to));
        if !self.keeps.contains(&(to, from)) {
            self.unlink(from, to);
        }
    }

    fn unlink(&mut self, a: usize, b: usize) {
        if self.linked.remove(&pair(a, b)) {
            self.arrive(a, Input::PeerDown(self.keys[b]));
            self.arrive(b, Input::PeerDown(self.keys[a]));
        }
    }

    /// Hands a frame from a node to its linked peers on the topic that have not had it.
    fn spread(&mut self, number: u64, from: usize) {
        for to in 0..self.keys.len() {
            let linked = self.is_linked(from, to);
            let Some(frame) = self.frames.get_mut(&number) else {
                return;
            };
            if !linked || !self.topics[to].contains(&frame.topic) || !frame.reached.insert(to) {
                continue;
            }
            frame.open += 1;
            self.last += 1;
            let id = GossipId(self.last);
            self.waiting.insert(id, (number, to));
            let input = Input::Gossip(id, frame.topic, self.keys[from], frame.bytes.clone());
            self.arriving.push_back((to, input));
        }
        if self.waiting.len() > WAITING_MAX
            && let Some((oldest, _)) = self.waiting.first_key_value()
        {
            self.verdict(*oldest, Verdict::Ignore);
        }
        self.forget(number);
    }

    fn verdict(&mut self, id: GossipId, verdict: Verdict) {
        let Some((number, seat)) = self.waiting.remove(&id) else {
            return;
        };
        if let Some(frame) = self.frames.get_mut(&number) {
            frame.open -= 1;
        }
        if verdict == Verdict::Accept {
            self.spread(number, seat);
        } else {
            self.forget(number);
        }
    }

    /// Lets go of a frame that nobody will pass on any more.
    fn forget(&mut self, number: u64) {
        if self
            .frames
            .get(&number)
            .is_some_and(|frame| frame.open == 0)
        {
            self.frames.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Topic = Topic([7; 32]);

    fn links() -> Links {
        Links::new((1..=3).map(|byte| NetworkKey([byte; 32])).collect())
    }

    fn gossip(links: &mut Links) -> Vec<(usize, GossipId)> {
        std::iter::from_fn(|| links.take())
            .filter_map(|(seat, input)| match input {
                Input::Gossip(id, ..) => Some((seat, id)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_link_stands_as_long_as_one_end_keeps_it() {
        let mut links = links();
        let (a, b) = (NetworkKey([1; 32]), NetworkKey([2; 32]));
        links.carry_out(0, Output::Keep(b, vec![address(1)]));
        links.carry_out(1, Output::Keep(a, vec![address(0)]));
        let ups = std::iter::from_fn(|| links.take())
            .filter(|(_, input)| matches!(input, Input::PeerUp(_)))
            .count();
        assert_eq!(ups, 2, "each end once");

        links.carry_out(0, Output::Release(b));
        assert!(links.is_idle());
        links.carry_out(0, Output::Send(b, Bytes::from_static(b"x")));
        assert!(matches!(links.take(), Some((1, Input::Frame(from, _))) if from == a));

        links.carry_out(1, Output::Release(a));
        let downs: Vec<_> = std::iter::from_fn(|| links.take()).collect();
        assert_eq!(downs.len(), 2);
        links.carry_out(0, Output::Send(b, Bytes::from_static(b"x")));
        assert!(links.is_idle(), "a frame to nobody is dropped");
    }

    #[test]
    fn gossip_goes_on_only_where_it_was_accepted_and_once_to_each() {
        let mut links = links();
        // A line: 0 - 1 - 2.
        links.carry_out(0, Output::Keep(NetworkKey([2; 32]), Vec::new()));
        links.carry_out(1, Output::Keep(NetworkKey([3; 32]), Vec::new()));
        for seat in 0..3 {
            links.carry_out(seat, Output::Subscribe(TOPIC));
        }
        let publish = || Output::Publish(TOPIC, Bytes::from_static(b"hello"));
        links.carry_out(0, publish());
        let first = gossip(&mut links);
        assert_eq!(first.iter().map(|(seat, _)| *seat).collect::<Vec<_>>(), [1]);
        links.carry_out(1, Output::Verdict(first[0].1, Verdict::Accept));
        let second = gossip(&mut links);
        assert_eq!(
            second.iter().map(|(seat, _)| *seat).collect::<Vec<_>>(),
            [2]
        );
        links.carry_out(2, Output::Verdict(second[0].1, Verdict::Accept));
        assert!(links.is_idle() && links.frames.is_empty());

        links.carry_out(0, publish());
        let refused = gossip(&mut links);
        links.carry_out(1, Output::Verdict(refused[0].1, Verdict::Ignore));
        assert!(links.is_idle() && links.frames.is_empty());
    }
}
