//! Row 10 and the shapes that cost an evaluator most: authority logs, evaluated from nothing and by one more
//! operation. What is counted (operations judged, fields' writers applied) gates; time is reported.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use alloquy_ids::{CommunityId, EpochId, EventId, RoleId, ScopeId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Genesis, Join};
use alloquy_schema::authority::{AuthorityLog, Effort};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::identity::{self, NewAccount};
use alloquy_schema::keys::{DeviceKey, Signatures, Strict};
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions, Rank};
use alloquy_sim::signatures::Remembered;
use anyhow::{Context, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::report::{Cpu, Line, Rival, percentile};

/// How large the logs are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Operations one after the other.
    pub(crate) chain: usize,
    /// Operations that all have the same past.
    pub(crate) concurrent: usize,
    /// Branches of ten operations each that nothing joins.
    pub(crate) tips: usize,
    /// Operations of which each has a past of its own.
    pub(crate) pasts: usize,
    /// Members of a large community; there are twice as many operations.
    pub(crate) members: usize,
}

/// Protocol test 16 (docs/protocol.md) and row 10.
pub(crate) const REAL: Size = Size {
    chain: 100_000,
    concurrent: 10_000,
    tips: 1_000,
    pasts: 1_000,
    members: 10_000,
};
/// Operations of each branch.
const BRANCH: usize = 10;
/// Lines along which distinct pasts are woven.
const LINES: usize = 16;
/// Operations that are added one by one to the large log.
const MORE: usize = 200;
/// Members who admit and moderate in the large community.
const MODERATORS: usize = 50;

/// Somebody's log of operations before it is evaluated.
pub(crate) struct Draft {
    pub(crate) founder: NewAccount,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) events: Vec<VerifiedEvent>,
    role: RoleId,
}

impl Draft {
    /// A community with one role.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(16);
        let founder = identity::create(UnixMs(1), &mut rng);
        let mut draft = Self {
            founder,
            rng,
            events: Vec::new(),
            role: RoleId::ZERO,
        };
        let genesis = AuthorityOp::Genesis(Genesis {
            level: 1,
            nonce: [1; 16],
            founder: vec![draft.founder.genesis.clone()],
            history: HistoryPolicy::All,
            everyone: Permissions::MEMBER,
            kind: CommunityKind::Community,
            pair: None,
        });
        let key = draft.founder.device.clone();
        draft.add(&key, &[], &genesis)?;
        let role = AuthorityOp::RoleCreate {
            rank: Rank(5),
            permissions: Permissions::ALL,
        };
        let place = draft.add(&key, &[0], &role)?;
        draft.role = draft.events[place].id().into();
        Ok(draft)
    }

    /// Signs an operation after the events at these places; the place of the new one.
    pub(crate) fn add(
        &mut self,
        key: &DeviceKey,
        parents: &[usize],
        op: &AuthorityOp,
    ) -> anyhow::Result<usize> {
        let body = op.to_bytes();
        let place = self.events.len();
        let parent = |at: &usize| &self.events[*at];
        let above = parents.iter().map(|at| parent(at).header().lamport).max();
        let first = self.events.first();
        let header = Header {
            kind: Kind::Authority,
            scope: first.map_or(ScopeId::ZERO, |first| ScopeId(first.id().0)),
            device: key.id(),
            // A log of its own for each: any heads may be its past.
            incarnation: u32::try_from(place)?,
            seq: 0,
            prev: EventId::ZERO,
            deps: parents.iter().map(|at| parent(at).id()).collect(),
            auth: Vec::new(),
            lamport: above.unwrap_or(0) + 1,
            wall: UnixMs(0),
            epoch: EpochId::ZERO,
            body_len: u32::try_from(body.len())?,
            body_commit: clear_commit(&body),
        };
        self.events
            .push(SignedEvent::sign(header, body, key).verify()?);
        Ok(place)
    }

    /// The founder changes the role; no two neighbours say the same.
    fn edit(&mut self, parents: &[usize]) -> anyhow::Result<usize> {
        let op = AuthorityOp::RoleEdit {
            role: self.role,
            rank: Rank(5),
            permissions: Permissions(self.events.len() as u64 & 3),
            last: Vec::new(),
        };
        let key = self.founder.device.clone();
        self.add(&key, parents, &op)
    }

    /// Evaluates everything in the order of signing.
    pub(crate) fn evaluate(&self) -> anyhow::Result<(AuthorityLog, Duration)> {
        self.evaluate_by(Arc::new(Strict))
    }

    /// The same; `signatures` says which of the signatures within operations hold.
    fn evaluate_by(
        &self,
        signatures: Arc<dyn Signatures>,
    ) -> anyhow::Result<(AuthorityLog, Duration)> {
        let started = Cpu::now();
        let mut log = AuthorityLog::with(self.events[0].clone(), signatures)?;
        for event in &self.events[1..] {
            log.insert(event.clone())?;
        }
        drop(log.state());
        Ok((log, started.elapsed()))
    }
}

/// A shape: time, and what one operation of it costs.
fn shape(names: [&'static str; 2], n: usize, draft: &Draft) -> anyhow::Result<[Line; 2]> {
    let (log, time) = draft.evaluate()?;
    let Effort { judged, written } = log.effort();
    Ok([
        Line {
            name: names[0],
            value: time.as_secs_f64() * 1_000.0,
            unit: "ms",
            n,
            rival: Rival::NONE,
        },
        Line {
            name: names[1],
            value: (judged + written) as f64 / draft.events.len() as f64,
            unit: "judged and written per operation",
            n,
            rival: Rival::NONE,
        },
    ])
}

/// All shapes and the large community.
pub(crate) fn evaluated(size: Size) -> anyhow::Result<Vec<Line>> {
    let mut chain = Draft::new()?;
    for at in 0..size.chain {
        chain.edit(&[at + 1])?;
    }
    let mut lines = shape(
        ["authority_chain", "authority_chain_work"],
        size.chain,
        &chain,
    )?
    .to_vec();
    drop(chain);

    let mut beside = Draft::new()?;
    for _ in 0..size.concurrent {
        beside.edit(&[1])?;
    }
    let names = ["authority_concurrent", "authority_concurrent_work"];
    lines.extend(shape(names, size.concurrent, &beside)?);

    let mut branches = Draft::new()?;
    for _ in 0..size.tips {
        let mut last = 1;
        for _ in 0..BRANCH {
            last = branches.edit(&[last])?;
        }
    }
    lines.extend(shape(
        ["authority_tips", "authority_tips_work"],
        size.tips,
        &branches,
    )?);
    lines.extend(shape(
        ["authority_distinct_pasts", "authority_distinct_pasts_work"],
        size.pasts,
        &woven(size.pasts)?,
    )?);
    lines.extend(large(size.members)?);
    Ok(lines)
}

/// Each operation follows the last of its line and some operation of another line.
fn woven(count: usize) -> anyhow::Result<Draft> {
    let mut draft = Draft::new()?;
    let mut lasts = [1_usize; LINES];
    for at in 0..count {
        let line = at % LINES;
        let any = 1 + draft.rng.next_u32() as usize % (draft.events.len() - 1);
        let parents: Vec<_> = if any == lasts[line] {
            vec![any]
        } else {
            vec![lasts[line], any]
        };
        lasts[line] = draft.edit(&parents)?;
    }
    Ok(draft)
}

/// A community of `members`, twice as many operations: admissions by many, roles, removals, invites, edits.
fn community(members: usize) -> anyhow::Result<Draft> {
    let mut draft = Draft::new()?;
    let founder = draft.founder.device.clone();
    let community = CommunityId(draft.events[0].id().0);
    let mut people: Vec<NewAccount> = Vec::with_capacity(members);
    let (mut heads, mut base) = (vec![1_usize], vec![1_usize]);
    for at in 0..2 * members {
        // Now and then three write at once; whoever writes next has seen them all.
        let beside = at % 16 < 3;
        if !beside || at % 16 == 0 {
            base.clone_from(&heads);
        }
        let parents = base.clone();
        let (signer, op) = if at % 2 == 0 {
            let person = identity::create(UnixMs(1), &mut draft.rng);
            let (prekey, _) = identity::new_prekey(&person.device, 1, &mut draft.rng);
            let chain = vec![person.genesis.clone()];
            let join = Join::sign(community, None, chain, &person.device, prekey);
            let by = people
                .len()
                .checked_rem(MODERATORS)
                .filter(|_| people.len() > MODERATORS);
            let key = by.map_or_else(|| founder.clone(), |by| people[by].device.clone());
            people.push(person);
            (key, AuthorityOp::Admit(join))
        } else {
            (founder.clone(), deed(&mut draft, &people, at))
        };
        let place = draft.add(&signer, &parents, &op)?;
        if beside && at % 16 > 0 {
            heads.push(place);
        } else {
            heads = vec![place];
        }
    }
    Ok(draft)
}

/// What moderators do all day.
fn deed(draft: &mut Draft, people: &[NewAccount], at: usize) -> AuthorityOp {
    let account = people[draft.rng.next_u32() as usize % people.len()]
        .genesis
        .header
        .id()
        .into();
    match at / 2 % 10 {
        0..6 => AuthorityOp::Grant {
            account,
            role: draft.role,
        },
        6 => AuthorityOp::Revoke {
            account,
            role: draft.role,
            last: Vec::new(),
        },
        7 => AuthorityOp::TimeOut {
            account,
            until: UnixMs(9),
            last: Vec::new(),
        },
        8 => AuthorityOp::InviteCreate {
            key: draft.founder.device.public(),
            expires: None,
            uses: None,
        },
        _ => AuthorityOp::RoleEdit {
            role: draft.role,
            rank: Rank(5),
            permissions: Permissions::ALL,
            last: Vec::new(),
        },
    }
}

/// Places of the operations that nothing follows.
fn open(draft: &Draft) -> Vec<usize> {
    let followed: BTreeSet<EventId> = draft
        .events
        .iter()
        .flat_map(|event| event.header().parents().collect::<Vec<_>>())
        .collect();
    let open = |at: &usize| !followed.contains(&draft.events[*at].id());
    (0..draft.events.len()).filter(open).collect()
}

/// Row 10.
fn large(members: usize) -> anyhow::Result<Vec<Line>> {
    let mut draft = community(members)?;
    let operations = draft.events.len();
    let started = Cpu::now();
    for event in &draft.events {
        let body = event.body().context("an operation has its body")?;
        if let AuthorityOp::Admit(join) = AuthorityOp::from_bytes(body)? {
            join.check()?;
        }
    }
    let verifying = started.elapsed();
    // Once to check what is signed within, once without that.
    let checked = Arc::new(Remembered::default());
    draft.evaluate_by(checked.clone())?;
    let (mut log, all) = draft.evaluate_by(checked)?;
    let held = log.state().members.len();
    ensure!(held > members, "{held} of {members} are members");
    let effort = log.effort();

    let mut heads = open(&draft);
    for _ in 0..MORE {
        heads = vec![draft.edit(&heads)?];
    }
    let mut each = Vec::with_capacity(MORE);
    for event in &draft.events[operations..] {
        let started = Cpu::now();
        log.insert(event.clone())?;
        drop(log.state());
        each.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    let added = log.effort();
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: operations,
        rival: Rival::NONE,
    };
    let per = |judged: u64, written: u64, n: usize| (judged + written) as f64 / n as f64;
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    Ok(vec![
        line("authority_verify_joins", ms(verifying), "ms"),
        line("authority_from_scratch", ms(all), "ms"),
        line(
            "authority_from_scratch_work",
            per(effort.judged, effort.written, operations),
            "judged and written per operation",
        ),
        line(
            "authority_incremental_p50",
            percentile(&mut each, 0.5),
            "ms",
        ),
        line(
            "authority_incremental_p99",
            percentile(&mut each, 0.99),
            "ms",
        ),
        line(
            "authority_incremental_work",
            per(
                added.judged - effort.judged,
                added.written - effort.written,
                MORE,
            ),
            "judged and written per operation",
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    #[test]
    fn an_operation_costs_the_same_however_large_the_log() {
        let lines = evaluated(Size {
            chain: 2_000,
            concurrent: 500,
            tips: 60,
            pasts: 100,
            members: 150,
        })
        .unwrap();
        for (name, most) in [
            ("authority_chain_work", 3.0),
            ("authority_concurrent_work", 4.0),
            ("authority_tips_work", 4.0),
            // Each is judged beside all that it has not seen: a figure of its own.
            ("authority_distinct_pasts_work", 200.0),
            ("authority_from_scratch_work", 8.0),
            ("authority_incremental_work", 3.0),
        ] {
            let value = value(&lines, name);
            assert!(
                value > 0.0 && value <= most,
                "{name} is {value}, at most {most}: {lines:#?}"
            );
        }
    }
}
