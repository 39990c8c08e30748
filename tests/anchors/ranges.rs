//! Row 7 in the model alone: verifying history as ranges, applying it to a timeline and writing it, on one
//! core, beside checking one signature per event. The whole machine's figure is in `catch_up`.

use std::time::{Duration, Instant};

use alloquy_core::{TaskId, Write};
use alloquy_ids::{ChannelId, CommunityId, EpochId, EventId, ScopeId, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::{AuthorityOp, EpochAnnouncement, Genesis, Join};
use alloquy_schema::body::{Body, MessageBody};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, EpochSecret, pad, sealed_len};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::identity::{self, NewAccount};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions};
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use alloquy_schema::timeline::Timeline;
use anyhow::ensure;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::corpus;
use crate::disk::Disk;
use crate::report::{Line, Rival};

/// Messages of workload W, as far as one machine holds different sentences for it.
pub(crate) const EVENTS: usize = 40_000;
/// Devices of workload W.
pub(crate) const DEVICES: usize = 200;
/// Bytes that one range encodes to at most: what one answer of catch-up carries.
const RANGE_BYTES_MAX: usize = 1 << 20;
/// Single events checked by signature, for the rival.
const SINGLE: usize = 4_000;
/// When everything begins.
const START: UnixMs = UnixMs(1_790_000_000_000);

/// A community with one channel and one epoch.
struct Community {
    authority: AuthorityLog,
    members: Vec<NewAccount>,
    channel: ChannelId,
    epoch: EpochId,
    secret: EpochSecret,
}

fn header(kind: Kind, scope: ScopeId, device: &DeviceKey, last: Option<&VerifiedEvent>) -> Header {
    Header {
        kind,
        scope,
        device: device.id(),
        incarnation: 1,
        seq: last.map_or(0, |last| last.header().seq + 1),
        prev: last.map_or(EventId::ZERO, VerifiedEvent::id),
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: last.map_or(1, |last| last.header().lamport + 1),
        wall: START,
        epoch: EpochId::ZERO,
        body_len: 0,
        body_commit: [0; 32],
    }
}

/// Signs an operation after `last` and verifies it, as whoever receives it does.
fn operation(
    op: &AuthorityOp,
    founder: &DeviceKey,
    scope: ScopeId,
    last: Option<&VerifiedEvent>,
) -> anyhow::Result<VerifiedEvent> {
    let body = op.to_bytes();
    let mut header = header(Kind::Authority, scope, founder, last);
    header.body_len = u32::try_from(body.len())?;
    header.body_commit = clear_commit(&body);
    Ok(SignedEvent::sign(header, body, founder).verify()?)
}

impl Community {
    fn found(devices: usize) -> anyhow::Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let members: Vec<NewAccount> = (0..devices)
            .map(|_| identity::create(START, &mut rng))
            .collect();
        let founder = &members[0].device;
        let genesis = AuthorityOp::Genesis(Genesis {
            level: 1,
            nonce: [1; 16],
            founder: vec![members[0].genesis.clone()],
            history: HistoryPolicy::All,
            everyone: Permissions::VIEW | Permissions::READ_HISTORY | Permissions::SEND,
            kind: CommunityKind::Community,
            pair: None,
        });
        let mut last = operation(&genesis, founder, ScopeId::ZERO, None)?;
        let mut authority = AuthorityLog::new(last.clone())?;
        let scope = authority.dag().scope();
        let mut add = |op: &AuthorityOp| -> anyhow::Result<EventId> {
            last = operation(op, founder, scope, Some(&last))?;
            authority.insert(last.clone())?;
            Ok(last.id())
        };
        let channel = add(&AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: false,
        })?;
        let secret = EpochKey::generate(&mut rng).secret();
        let epoch = add(&AuthorityOp::AnnounceEpoch(EpochAnnouncement {
            channel: None,
            parents: Vec::new(),
            commit: secret.commit(scope, &[]),
            links: Vec::new(),
        }))?;
        for member in &members[1..] {
            let (prekey, _) = identity::new_prekey(&member.device, 1, &mut rng);
            let chain = vec![member.genesis.clone()];
            let join = Join::sign(CommunityId(scope.0), None, chain, &member.device, prekey);
            add(&AuthorityOp::Admit(join))?;
        }
        Ok(Self {
            authority,
            members,
            channel: ChannelId(channel.0),
            epoch: EpochId(epoch.0),
            secret,
        })
    }

    /// Messages of a chat, each naming the last one before it, sealed and signed.
    fn history(&self, texts: &[String]) -> anyhow::Result<Vec<VerifiedEvent>> {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let auth: Vec<EventId> = self.authority.dag().heads().iter().copied().collect();
        let mut lasts: Vec<Option<VerifiedEvent>> = vec![None; self.members.len()];
        let mut events: Vec<VerifiedEvent> = Vec::with_capacity(texts.len());
        for (number, text) in texts.iter().enumerate() {
            let writer = rng.next_u32() as usize % self.members.len();
            let device = &self.members[writer].device;
            let scope = ScopeId::from(self.channel);
            let mut header = header(Kind::Sealed, scope, device, lasts[writer].as_ref());
            let before = events.last().map(VerifiedEvent::id);
            header.deps = before.filter(|id| *id != header.prev).into_iter().collect();
            header.auth.clone_from(&auth);
            header.lamport = number as u64 + 1;
            header.wall = UnixMs(START.0 + number as u64 * 1_000);
            header.epoch = self.epoch;
            let message = MessageBody {
                text: text.clone(),
                ..MessageBody::default()
            };
            let padded = pad(&Body::Message(message).to_bytes());
            header.body_commit = self.secret.body_commit(&header.log(), header.seq, &padded);
            header.body_len = u32::try_from(sealed_len(padded.len()))?;
            let body = self.secret.seal_body(&header, &padded);
            let event = SignedEvent::sign(header, body, device).verify()?;
            lasts[writer] = Some(event.clone());
            events.push(event);
        }
        Ok(events)
    }
}

/// Time of each step over all ranges.
#[derive(Default)]
struct Times {
    verify: Duration,
    apply: Duration,
    write: Duration,
}

/// Takes ranges as a member does that holds the community and nothing of the channel.
fn take(community: &Community, ranges: Vec<Vec<u8>>) -> anyhow::Result<(Times, usize)> {
    let held = |epoch| (epoch == community.epoch).then(|| community.secret.clone());
    let mut timeline = Timeline::new(community.channel);
    let mut disk = Disk::new()?;
    let mut times = Times::default();
    for (number, bytes) in (1..).zip(ranges) {
        let started = Instant::now();
        let verified = SignedRange::from_bytes(&bytes)?.verify(&held)?;
        times.verify += started.elapsed();

        let started = Instant::now();
        for (event, plaintext) in verified.into_events() {
            let body = plaintext
                .map(|bytes| Body::from_bytes(&bytes))
                .transpose()?;
            timeline.insert(event, body, &community.authority)?;
        }
        times.apply += started.elapsed();

        let started = Instant::now();
        let key = u64::to_be_bytes(number).to_vec().into();
        disk.commit(TaskId(number), vec![Write::Put(key, bytes.into())])?;
        times.write += started.elapsed();
    }
    let shown = timeline.messages(None, usize::MAX).len();
    Ok((times, shown))
}

/// Verifies, applies and writes `count` events of `devices` devices as ranges.
pub(crate) fn verify_and_write(count: usize, devices: usize) -> anyhow::Result<Vec<Line>> {
    let texts = corpus::sentences(count)?;
    let raw: usize = texts.iter().map(String::len).sum();
    let community = Community::found(devices)?;
    let events = community.history(&texts)?;
    let held = |epoch| (epoch == community.epoch).then(|| community.secret.clone());
    let packing = Packing {
        mode: BodyMode::Member,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| None,
        secret: &held,
    };
    let ranges: Vec<Vec<u8>> = SignedRange::pack(community.channel.into(), &events, &packing)
        .iter()
        .map(Canonical::to_bytes)
        .collect();
    let bytes: usize = ranges.iter().map(Vec::len).sum();
    let single = one_by_one(&events[..SINGLE.min(count)])?;
    drop(events);

    let (times, shown) = take(&community, ranges)?;
    ensure!(shown == count, "{shown} of {count} are shown");
    let line = |name, time: Duration| Line {
        name,
        value: count as f64 / time.as_secs_f64(),
        unit: "events/s",
        n: count,
        rival: Rival::measured("one Ed25519 check per event", single),
    };
    let applied = times.verify + times.apply;
    Ok(vec![
        line("range_verify", times.verify),
        line("range_verify_and_apply", applied),
        line("range_verify_apply_and_write", applied + times.write),
        Line {
            name: "range_bytes_per_byte_of_text",
            value: bytes as f64 / raw as f64,
            unit: "B/B",
            n: count,
            rival: Rival::NONE,
        },
    ])
}

/// Events a second when each signature is checked.
fn one_by_one(events: &[VerifiedEvent]) -> anyhow::Result<f64> {
    let signed: Vec<SignedEvent> = events.iter().filter_map(VerifiedEvent::to_signed).collect();
    ensure!(
        signed.len() == events.len(),
        "live events hold their signatures"
    );
    let started = Instant::now();
    for event in signed {
        event.verify()?;
    }
    Ok(events.len() as f64 / started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn everything_packed_is_verified_shown_and_small() {
        // As many events per device as in the real run.
        let lines = verify_and_write(5_000, 10).unwrap();
        assert!(
            value(&lines, "range_bytes_per_byte_of_text") < 1.0,
            "{lines:#?}"
        );
    }
}
