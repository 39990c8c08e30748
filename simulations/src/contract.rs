//! What a network promises the core, as tests that run against any network: the simulated one here, the
//! real one (libp2p over loopback) in the workspace's `tests`.
//!
//! `alloquy_core::io` says it in words. The promises:
//!
//! 1. `Keep` with an address that leads to the peer ends in one `PeerUp` on each side, with the right keys.
//! 2. A frame sent to a connected peer arrives there, whole, under the sender's key ("may vanish": repeated
//!    frames arrive in the end; "at least once, any order": no more is asked).
//! 3. A frame to a peer that is not connected goes nowhere and harms nothing.
//! 4. A published frame reaches connected subscribers of its topic, nobody else, and not its publisher.
//! 5. A node's neighbour hands a gossip frame on only after `Verdict::Accept`.
//! 6. The largest frames pass: [`FRAME_BYTES_MAX`] by stream, [`GOSSIP_BYTES_MAX`] by gossip.
//! 7. After `PeerDown` and with `Keep` in force, the peers are connected again.

use alloquy_core::limits::{FRAME_BYTES_MAX, GOSSIP_BYTES_MAX};
use alloquy_core::{Input, Output, Topic, Verdict};
use alloquy_ids::NetworkKey;
use bytes::Bytes;

/// How long something may take to arrive: a real mesh needs a few heartbeats of one second to form.
const ARRIVAL_MS: u64 = 3_000;
/// How often something that may vanish is tried.
const TRIES: u8 = 10;
/// How long silence is listened to.
const SILENCE_MS: u64 = 1_500;

/// A network of at least three nodes under test; nobody is connected at the beginning.
pub trait Carrier {
    /// The key of a node.
    fn key(&self, seat: usize) -> NetworkKey;
    /// Addresses of a node, as multiaddr text without `/p2p`.
    fn addresses(&self, seat: usize) -> Vec<String>;
    /// Takes an output of a node that concerns the network.
    fn put(&mut self, seat: usize, output: Output);
    /// The next input for some node, waiting for at most `wait_ms`.
    fn take(&mut self, wait_ms: u64) -> Option<(usize, Input)>;
    /// Breaks the connection of two nodes, as a lost cable would.
    fn cut(&mut self, a: usize, b: usize);
}

/// Tests all promises; the first broken one, in a sentence.
pub fn check(carrier: &mut impl Carrier) -> Result<(), String> {
    let mut test = Test { carrier };
    // 0 - 1 - 2: the ends of the line are never connected with each other.
    test.connect(0, 1)?;
    test.connect(1, 2)?;
    test.frames()?;
    test.strangers()?;
    test.gossip()?;
    test.verdicts()?;
    test.large()?;
    test.again()
}

struct Test<'a, C> {
    carrier: &'a mut C,
}

impl<C: Carrier> Test<'_, C> {
    fn connect(&mut self, from: usize, to: usize) -> Result<(), String> {
        let (key, addresses) = (self.carrier.key(to), self.carrier.addresses(to));
        self.carrier.put(from, Output::Keep(key, addresses));
        let ups = self.ups(from, to);
        if ups == [1, 1] {
            Ok(())
        } else {
            Err(format!("promise 1: PeerUp came {ups:?} times after Keep"))
        }
    }

    /// How often each side was told of the other.
    fn ups(&mut self, from: usize, to: usize) -> [u32; 2] {
        let mut ups = [0, 0];
        for _ in 0..TRIES {
            while let Some((seat, input)) = self.carrier.take(SILENCE_MS) {
                let Input::PeerUp(key) = input else { continue };
                ups[0] += u32::from(seat == from && key == self.carrier.key(to));
                ups[1] += u32::from(seat == to && key == self.carrier.key(from));
            }
            if ups[0] > 0 && ups[1] > 0 {
                break;
            }
        }
        ups
    }

    /// Does `act` until `seat` is given an input that `fits`.
    fn until(
        &mut self,
        act: impl Fn(&mut C, u8),
        seat: usize,
        fits: impl Fn(&Input) -> bool,
        what: &str,
    ) -> Result<Input, String> {
        for attempt in 0..TRIES {
            act(self.carrier, attempt);
            while let Some((at, input)) = self.carrier.take(ARRIVAL_MS) {
                if at == seat && fits(&input) {
                    return Ok(input);
                }
            }
        }
        Err(what.to_owned())
    }

    /// Listens for `SILENCE_MS`: whether a node other than `expected` is given a frame that starts with `mark`.
    fn leaks(&mut self, mark: u8, expected: &[usize]) -> Option<usize> {
        while let Some((seat, input)) = self.carrier.take(SILENCE_MS) {
            if first_byte(&input) == Some(mark) && !expected.contains(&seat) {
                return Some(seat);
            }
        }
        None
    }

    fn frames(&mut self) -> Result<(), String> {
        for (from, to, mark) in [(0, 1, 10), (1, 0, 11), (2, 1, 12)] {
            let (sender, receiver) = (self.carrier.key(from), self.carrier.key(to));
            let bytes = Bytes::from(vec![mark, 0, 255, 7]);
            let sent = bytes.clone();
            let fits = |input: &Input| matches!(input, Input::Frame(key, got) if *key == sender && *got == bytes);
            let send = |carrier: &mut C, _| carrier.put(from, Output::Send(receiver, sent.clone()));
            self.until(
                send,
                to,
                fits,
                "promise 2: no frame arrives whole under its sender's key",
            )?;
        }
        Ok(())
    }

    fn strangers(&mut self) -> Result<(), String> {
        let stranger = self.carrier.key(2);
        self.carrier
            .put(0, Output::Send(stranger, Bytes::from_static(&[20])));
        self.carrier.put(
            0,
            Output::Send(NetworkKey([9; 32]), Bytes::from_static(&[20])),
        );
        self.leaks(20, &[]).map_or(Ok(()), |seat| {
            Err(format!(
                "promise 3: node {seat} got a frame without a connection"
            ))
        })
    }

    fn gossip(&mut self) -> Result<(), String> {
        let topic = Topic([3; 32]);
        self.carrier.put(0, Output::Subscribe(topic));
        self.carrier.put(1, Output::Subscribe(topic));
        let publish = |carrier: &mut C, attempt| {
            carrier.put(0, Output::Publish(topic, Bytes::from(vec![30, attempt])));
        };
        let fits = |input: &Input| {
            matches!(input, Input::Gossip(_, at, _, _) if *at == topic)
                && first_byte(input) == Some(30)
        };
        let input = self.until(publish, 1, fits, "promise 4: no published frame arrives")?;
        if let Input::Gossip(id, _, from, _) = input {
            if from != self.carrier.key(0) {
                return Err(
                    "promise 4: the frame comes under another key than its neighbour's".to_owned(),
                );
            }
            self.carrier.put(1, Output::Verdict(id, Verdict::Accept));
        }
        self.leaks(30, &[1]).map_or(Ok(()), |seat| {
            Err(format!(
                "promise 4: node {seat} got a frame that is not for it"
            ))
        })
    }

    fn verdicts(&mut self) -> Result<(), String> {
        let topic = Topic([4; 32]);
        for seat in 0..3 {
            self.carrier.put(seat, Output::Subscribe(topic));
        }
        for (mark, verdict) in [
            (40, Verdict::Ignore),
            (41, Verdict::Accept),
            (42, Verdict::Reject),
        ] {
            let publish = |carrier: &mut C, attempt| {
                carrier.put(0, Output::Publish(topic, Bytes::from(vec![mark, attempt])));
            };
            let fits = |input: &Input| {
                matches!(input, Input::Gossip(..)) && first_byte(input) == Some(mark)
            };
            let input = self.until(
                publish,
                1,
                fits,
                "promise 5: no published frame arrives at the neighbour",
            )?;
            if let Some(seat) = self.leaks(mark, &[1]) {
                return Err(format!(
                    "promise 5: node {seat} got a frame before its verdict"
                ));
            }
            let Input::Gossip(id, ..) = input else {
                continue;
            };
            self.carrier.put(1, Output::Verdict(id, verdict));
            let passed = self.leaks(mark, &[0, 1]).is_some();
            // One accepted frame may vanish: it is published again and accepted again.
            if verdict == Verdict::Accept && !passed {
                self.relayed(topic)?;
            }
            if verdict != Verdict::Accept && passed {
                return Err(format!("promise 5: a frame went on after {verdict:?}"));
            }
        }
        Ok(())
    }

    fn relayed(&mut self, topic: Topic) -> Result<(), String> {
        for attempt in 0..TRIES {
            self.carrier
                .put(0, Output::Publish(topic, Bytes::from(vec![43, attempt])));
            while let Some((seat, input)) = self.carrier.take(ARRIVAL_MS) {
                match input {
                    Input::Gossip(id, ..) if seat == 1 => {
                        self.carrier.put(1, Output::Verdict(id, Verdict::Accept))
                    }
                    Input::Gossip(..) if seat == 2 => return Ok(()),
                    _ => {}
                }
            }
        }
        Err("promise 5: no accepted frame goes on".to_owned())
    }

    fn large(&mut self) -> Result<(), String> {
        let receiver = self.carrier.key(1);
        let frame = Bytes::from(vec![50; FRAME_BYTES_MAX]);
        let fits = |input: &Input| matches!(input, Input::Frame(_, bytes) if bytes.len() == FRAME_BYTES_MAX);
        let send = |carrier: &mut C, _| carrier.put(0, Output::Send(receiver, frame.clone()));
        self.until(
            send,
            1,
            fits,
            "promise 6: the largest stream frame does not arrive",
        )?;
        let topic = Topic([3; 32]);
        let publish = |carrier: &mut C, attempt| {
            let mut bytes = vec![51; GOSSIP_BYTES_MAX];
            bytes[1] = attempt;
            carrier.put(0, Output::Publish(topic, Bytes::from(bytes)));
        };
        let fits = |input: &Input| matches!(input, Input::Gossip(_, _, _, bytes) if bytes.len() == GOSSIP_BYTES_MAX);
        self.until(
            publish,
            1,
            fits,
            "promise 6: the largest gossip frame does not arrive",
        )
        .map(drop)
    }

    fn again(&mut self) -> Result<(), String> {
        self.carrier.cut(0, 1);
        let (mut downs, mut ups) = ([0_u32; 2], [0_u32; 2]);
        for _ in 0..TRIES {
            while let Some((seat, input)) = self.carrier.take(ARRIVAL_MS) {
                match input {
                    Input::PeerDown(key) if seat < 2 && key == self.carrier.key(1 - seat) => {
                        downs[seat] += 1
                    }
                    Input::PeerUp(key) if seat < 2 && key == self.carrier.key(1 - seat) => {
                        ups[seat] += 1
                    }
                    _ => {}
                }
            }
            if downs == [1, 1] && ups == [1, 1] {
                return Ok(());
            }
        }
        Err(format!(
            "promise 7: after a cut PeerDown came {downs:?} times and PeerUp {ups:?} times"
        ))
    }
}

fn first_byte(input: &Input) -> Option<u8> {
    match input {
        Input::Frame(_, bytes) | Input::Gossip(_, _, _, bytes) => bytes.first().copied(),
        _ => None,
    }
}
