//! The doors through which bytes come from outside, one function each: what is tried with random bytes.
//!
//! A door takes any bytes and panics only where a promise is broken: a decoder that takes a second form for a
//! value, a node that stops answering, an error without words. `tests/fuzz` drives the doors with coverage,
//! `simulations/tests/corpus.rs` replays what was found. The same bytes do the same thing each time.
//!
//! Deliberately not here: sockets and files, whose bytes the shell hands on as they are.

mod club;
mod irc;
mod pair;
mod seeds;

use std::cell::RefCell;

use alloquy_api::Command;
use alloquy_core::Input;
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::body::Body;
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::Wrap;
use alloquy_schema::event::{Header, SignedEvent};
use alloquy_schema::identity::{IdentityOp, PrekeyRecord};
use alloquy_schema::range::SignedRange;
use alloquy_schema::timeline::Deletion;
use bytes::Bytes;

use crate::machine::Records;
use club::{Club, club};
pub use irc::{cap, irc, sasl};
use pair::{Packet, Side, now_at};
pub use seeds::seeds;

/// Packets of one input; more than the deepest exchange of frames between two nodes.
const PACKETS_MAX: usize = 12;
/// Records of one store; a small community has some thirty.
const RECORDS_MAX: usize = 200;
/// Bytes of an error's text: a sentence with a shortened value in it.
const SENTENCE_BYTES_MAX: usize = 1_000;

/// A door: takes any bytes.
pub type Door = fn(&[u8]);

/// All doors by name, as the corpus is filed.
pub const DOORS: [(&str, Door); 8] = [
    ("cap", cap),
    ("frame", frame),
    ("event", event),
    ("invite", invite),
    ("irc", irc),
    ("line", line),
    ("sasl", sasl),
    ("store", store),
];

thread_local! {
    /// A node that has refused everything so far, so that nothing has changed in it.
    static MEMBER: RefCell<Option<Side>> = const { RefCell::new(None) };
    static NEWCOMER: RefCell<Option<Side>> = const { RefCell::new(None) };
}

/// Frames of a member to a member, over the stream and by gossip (in clear here, sealed before they arrive):
/// `kind u8 | len u16 | bytes`, again and again.
pub fn frame(data: &[u8]) {
    let club = club();
    let mut side = MEMBER.take().unwrap_or_else(|| club.member());
    let (refused, others) = (side.refused, side.others);
    for packet in packets(data, club) {
        side.arrive(club.peer, packet);
    }
    if side.others == others {
        side.refused = refused;
        MEMBER.set(Some(side));
        return;
    }
    side.look();
    side.pass(20_000);
    still_there(&mut side);
}

fn packets(mut data: &[u8], club: &Club) -> Vec<Packet> {
    let mut found = Vec::new();
    while let [kind, low, high, rest @ ..] = data {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, more) = rest.split_at(len);
        found.push(if kind.is_multiple_of(2) {
            Packet::Frame(Bytes::copy_from_slice(bytes))
        } else {
            club.sealed(bytes)
        });
        data = more;
        if found.len() == PACKETS_MAX {
            break;
        }
    }
    found
}

/// Whatever came before, the person at the node can write.
fn still_there(side: &mut Side) {
    let line = "send club/general \"still here\"";
    let command: Command = line.parse().expect("the line is canonical");
    if let Err(error) = side.command(command) {
        panic!("a member can not write any more: {error}");
    }
    side.look();
}

/// Events, their bodies and what is carried beside them; an operation is also signed and evaluated.
pub fn event(data: &[u8]) {
    if let Some(signed) = canonical::<SignedEvent>(data) {
        assert_eq!(
            canonical::<Header>(&signed.header.to_bytes()),
            Some(signed.header.clone())
        );
        drop(signed.verify());
    }
    drop(canonical::<Body>(data));
    drop(canonical::<Deletion>(data));
    drop(canonical::<IdentityOp>(data));
    if let Some(record) = canonical::<PrekeyRecord>(data) {
        let held = record.verify();
        assert_eq!(held, record.verify());
    }
    drop(canonical::<Wrap>(data));
    if let Some(range) = canonical::<SignedRange>(data) {
        let club = club();
        for secret in [false, true] {
            let key = |epoch| club.secret(epoch).filter(|_| secret);
            if let Ok(verified) = range.clone().verify(&key) {
                drop(verified.into_events());
            }
        }
    }
    if let Some(op) = canonical::<AuthorityOp>(data) {
        evaluated(&op);
    }
}

/// Decodes; what decodes is written as the same bytes again.
fn canonical<T: Canonical>(data: &[u8]) -> Option<T> {
    match T::from_bytes(data) {
        Ok(value) => {
            assert_eq!(value.to_bytes(), data, "two forms of one value are taken");
            Some(value)
        }
        Err(error) => {
            sentence(&error.to_string());
            None
        }
    }
}

/// The operation by the founder and by a member, concurrent to one another, and both orders of arrival.
fn evaluated(op: &AuthorityOp) {
    let club = club();
    let both = [club.signed(0, op), club.signed(1, op)];
    let mut digests = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let mut log = club.log();
        let taken = order.map(|at: usize| log.insert(both[at].clone()).is_ok());
        let state = log.state();
        explained(&log);
        digests.push((state.digest(), taken[order[0]], taken[order[1]]));
    }
    assert_eq!(digests[0], digests[1], "the order of arrival decides");
}

fn explained(log: &AuthorityLog) {
    for event in log.dag().iter() {
        if let Some(alloquy_schema::authority::Verdict::Ineffective { reason, .. }) =
            log.verdict(event.id())
        {
            assert!(!reason.is_empty(), "a refusal has a reason");
        }
        drop(log.denials(event.header().device));
    }
}

/// An invite link as somebody pastes it.
pub fn invite(data: &[u8]) {
    let Ok(link) = std::str::from_utf8(data) else {
        return;
    };
    let mut side = NEWCOMER.take().unwrap_or_else(|| Side::found("cem"));
    let link = link.to_owned();
    match side.command(Command::InspectInvite { link: link.clone() }) {
        Err(error) => {
            sentence(&error);
            let also = side.command(Command::Join { link });
            assert!(also.is_err(), "what can not be read is joined");
            NEWCOMER.set(Some(side));
        }
        Ok(_) => {
            let origin = alloquy_core::Origin {
                client: 9,
                command: alloquy_api::CommandId(1),
            };
            side.feed(Input::Command(origin, Command::Join { link }));
            side.pass(5_000);
            side.look();
        }
    }
}

/// A line of the grammar.
pub fn line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let command: Command = match text.parse() {
        Ok(command) => command,
        Err(error) => return sentence(&error.to_string()),
    };
    assert_eq!(command.check(), Ok(()), "what is read is in its limits");
    let shown = command.to_string();
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\t'),
        "a line is safe to print: {shown:?}"
    );
    let again: Command = shown
        .parse()
        .unwrap_or_else(|error| panic!("{shown:?} is canonical: {error}"));
    assert_eq!(again, command, "{shown:?} means something else");
    assert_eq!(again.to_string(), shown, "one line for one command");
}

/// The records of a store: `key len u8 | key | value len u32 | value`, again and again.
pub fn store(data: &[u8]) {
    match Side::start(records(data), now_at(club().now)) {
        Err(error) => sentence(&error),
        Ok(mut side) => {
            side.look();
            side.feed(Input::PeerUp(club().peer));
            side.pass(5_000);
            if let Err(error) = side.command(Command::Communities) {
                panic!("a node that has started answers: {error}");
            }
        }
    }
}

fn records(mut data: &[u8]) -> Records {
    let mut found = Records::new();
    while let Some((key_len, rest)) = data.split_first() {
        let Some((key, rest)) = rest.split_at_checked(usize::from(*key_len)) else {
            break;
        };
        let Some((len, rest)) = rest.split_first_chunk::<4>() else {
            break;
        };
        let len = (u32::from_le_bytes(*len) as usize).min(rest.len());
        let (value, rest) = rest.split_at(len);
        found.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        data = rest;
        if found.len() == RECORDS_MAX {
            break;
        }
    }
    found
}

/// An error that a person reads.
fn sentence(error: &str) {
    assert!(
        !error.is_empty() && error.len() < SENTENCE_BYTES_MAX,
        "an error is a sentence: {error:?}"
    );
}
