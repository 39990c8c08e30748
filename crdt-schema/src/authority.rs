//! Who may do what: a community's state as a pure function of its set of valid operations.
//!
//! [`AuthorityLog`] holds every valid operation of one community and answers what they come to: now, or at
//! any heads (`E(H)`, the closure of `H` alone, which never changes). The rules are those of docs/protocol.md,
//! "Authority"; in short, operations are weighed by the rank that their author held in their own past, so
//! that nobody weaker can undo somebody stronger by dating things back, and nothing depends on the order of
//! arrival.
//!
//! Parts: [`op`] what is signed, `codec` its bytes, [`direct`] conversations without roles, [`join`] what is signed outside the envelope, `unit` what
//! is decided on, `graph` who precedes whom, `permit` rule 1, `decide` and `weigh` rule 2, `write` the state
//! rule, `store` what is remembered, [`state`] the result, `explain` and `denials` its reasons.
//!
//! Invariants: equal sets give equal states and digests; an evaluation in steps equals one from scratch;
//! nothing recurses; nothing here reads a clock: expiry and use counts of invites are for the admitting
//! member. Not done here: whether an event of a timeline counts (`timeline`), and what is refused for its
//! rate.

mod codec;
mod decide;
mod denials;
mod digest;
pub mod direct;
mod draft;
mod explain;
mod graph;
pub mod join;
pub mod op;
mod permit;
pub mod state;
mod store;
mod unit;
mod weigh;
mod write;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use alloquy_ids::{AccountId, CommunityId, EventId, ScopeId, UnixMs};

use crate::codec::Canonical;
use crate::dag::{Dag, InsertError};
use crate::event::{Kind, VerifiedEvent};
use crate::identity::IdentityLog;
use crate::keys::{Signatures, Strict};
use crate::limits::{AUTHORITY_BODY_BYTES_MAX, LEVEL_SUPPORTED};
use crate::permissions::{CommunityKind, Rank};

pub use denials::Denial;
pub use explain::{Verdict, Why};
pub use join::JoinError;
use op::AuthorityOp;
pub use state::{Channel, Epoch, Invite, Loss, Map, Member, Role, Set, State};
pub use store::Effort;
use store::{Evaluated, Store};
use unit::{Facts, Seen, Unit, UnitIx};

/// All valid operations of one community, always held whole, and their evaluation.
#[derive(Clone, Debug)]
pub struct AuthorityLog {
    dag: Dag,
    store: Store,
    entries: BTreeMap<EventId, Entry>,
    /// Last units of the operations that nothing follows.
    heads: BTreeSet<UnitIx>,
    current: RefCell<Option<Evaluated>>,
    /// Units that may take writing rights, by the account that they name.
    against: BTreeMap<AccountId, Vec<UnitIx>>,
    /// Units that may take writing rights from all who hold a role.
    against_roles: Vec<UnitIx>,
    /// Units that hold on to the state before them.
    held_before: usize,
    signatures: Arc<dyn Signatures>,
}

/// Denials by role whose state before is held: some kilobytes each. For later ones it is replayed.
const HELD_BEFORE_MAX: usize = 4096;

/// The units of one operation.
#[derive(Clone, Debug)]
struct Entry {
    first: UnitIx,
    last: UnitIx,
    facts: Arc<Facts>,
}

impl AuthorityLog {
    /// Starts from a verified genesis event.
    pub fn new(genesis: VerifiedEvent) -> Result<Self, InsertError> {
        Self::with(genesis, Arc::new(Strict))
    }

    /// The same; `signatures` says which of the signatures within operations hold.
    pub fn with(
        genesis: VerifiedEvent,
        signatures: Arc<dyn Signatures>,
    ) -> Result<Self, InsertError> {
        let id = genesis.id();
        if genesis.header().scope != ScopeId::ZERO {
            return Err(InsertError::invalid(
                id,
                "it is no genesis: its scope is not zero",
            ));
        }
        let mut log = Self {
            dag: Dag::new(ScopeId(id.0)),
            store: Store::default(),
            entries: BTreeMap::new(),
            heads: BTreeSet::new(),
            current: RefCell::new(None),
            against: BTreeMap::new(),
            against_roles: Vec::new(),
            held_before: 0,
            signatures,
        };
        log.insert(genesis)?;
        Ok(log)
    }

    /// Adds an operation; parents must be present. Idempotent.
    ///
    /// Refuses what is not valid: form, structure, embedded chains and signatures. Whether the operation is
    /// permitted is no matter of validity: it is kept either way.
    pub fn insert(&mut self, event: VerifiedEvent) -> Result<(), InsertError> {
        let id = event.id();
        if self.entries.contains_key(&id) {
            return self.dag.insert(event).map(|_| ());
        }
        self.dag.check(&event)?;
        let Some(body) = event.body() else {
            return Err(InsertError::MissingParents(vec![id]));
        };
        check_envelope(&event, body)?;
        let parents: BTreeSet<UnitIx> = event
            .header()
            .parents()
            .map(|parent| self.entries[&parent].last)
            .collect();
        let heads = self.store.graph.reduced(parents.iter().copied());
        let past = self.store.evaluated(&heads);
        let facts = Arc::new(self.facts(id, body, &past.state)?);
        self.check_kind(&event, &facts.op, past.state.kind)?;
        self.add_units(&event, &facts, heads, past);
        for parent in parents {
            self.heads.remove(&parent);
        }
        self.heads.insert(self.entries[&id].last);
        *self.current.borrow_mut() = None;
        self.dag.insert(event).map(|_| ())
    }

    /// The community.
    #[must_use]
    pub fn community(&self) -> CommunityId {
        CommunityId(self.dag.scope().0)
    }

    /// Chains, heads, heights: what sync needs.
    #[must_use]
    pub const fn dag(&self) -> &Dag {
        &self.dag
    }

    /// What says which signatures hold.
    #[must_use]
    pub const fn signatures(&self) -> &Arc<dyn Signatures> {
        &self.signatures
    }

    /// The decoded operation of an event.
    #[must_use]
    pub fn op(&self, id: EventId) -> Option<&AuthorityOp> {
        self.entries.get(&id).map(|entry| &entry.facts.op)
    }

    /// The identity log that an operation embeds: it was checked when the operation came.
    #[must_use]
    pub fn embedded_in(&self, id: EventId) -> Option<&IdentityLog> {
        self.entries.get(&id)?.facts.identity.as_deref()
    }

    /// State of everything held.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.evaluated().state
    }

    /// `E(H)`: the rule applied to the closure of `heads` alone. `None` if a head is not held.
    #[must_use]
    pub fn state_at(&self, heads: &[EventId]) -> Option<Arc<State>> {
        let heads = self.units_of(heads)?;
        Some(self.store.evaluated(&heads).state)
    }

    /// `E(H)` less what was found ineffective in everything held: what still stands of a right that
    /// an event had at its `auth`. `None` if a head is not held.
    #[must_use]
    pub fn standing_at(&self, heads: &[EventId]) -> Option<Arc<State>> {
        let heads = self.units_of(heads)?;
        Some(self.store.standing(&heads, &self.evaluated()))
    }

    /// From when on a member may write, by the waiting period of a state of this log and the earliest signed time
    /// among the member's effective admissions there: whoever admits a member again does not have it wait again.
    /// `None`: always, as for owners, members with a role, and the founder.
    #[must_use]
    pub fn writes_from(&self, state: &State, account: AccountId) -> Option<UnixMs> {
        if state.policy.wait_ms == 0 || state.is_owner(account) {
            return None;
        }
        let member = state.members.get(&account)?;
        if account == state.founder || !member.roles.is_empty() {
            return None;
        }
        // A grant keeps a member whose admission fell.
        let fell = || Some(self.dag.get(member.admitted)?.header().wall);
        let came = state.came.get(&account).copied().or_else(fell)?;
        Some(state.policy.writes_from(came))
    }

    /// Whether `op` is in the closure of `heads` (a head is in its own closure).
    #[must_use]
    pub fn in_closure(&self, heads: &[EventId], op: EventId) -> bool {
        let Some(op) = self.entries.get(&op) else {
            return false;
        };
        let mut heads = heads.iter().filter_map(|head| self.entries.get(head));
        heads.any(|head| self.store.graph.holds(head.last, op.last))
    }

    /// Work done so far, for tests and benchmarks.
    #[must_use]
    pub fn effort(&self) -> Effort {
        self.store.effort()
    }

    /// The genesis of its kind is what the kind says, and the key of a direct conversation signs nothing else.
    fn check_kind(
        &self,
        event: &VerifiedEvent,
        op: &AuthorityOp,
        kind: CommunityKind,
    ) -> Result<(), InsertError> {
        let invalid = |reason: String| InsertError::invalid(event.id(), reason);
        if let AuthorityOp::Genesis(genesis) = op {
            return direct::check(event.id(), genesis).map_err(invalid);
        }
        let key = self
            .dag
            .get(EventId::from(self.community()))
            .filter(|_| kind == CommunityKind::Direct)
            .map(|genesis| genesis.header().device);
        if key == Some(event.header().device) {
            return Err(invalid(
                "the key of a direct conversation signs only its genesis".to_owned(),
            ));
        }
        Ok(())
    }

    fn units_of(&self, heads: &[EventId]) -> Option<Vec<UnitIx>> {
        let units: Option<Vec<_>> = heads
            .iter()
            .map(|head| self.entries.get(head).map(|entry| entry.last))
            .collect();
        Some(self.store.graph.reduced(units?))
    }

    fn evaluated(&self) -> Evaluated {
        if let Some(current) = &*self.current.borrow() {
            return current.clone();
        }
        let heads: Vec<_> = self.heads.iter().copied().collect();
        let evaluated = self.store.evaluated(&heads);
        *self.current.borrow_mut() = Some(evaluated.clone());
        evaluated
    }

    /// Decodes a body and checks what is embedded. Behind a level that this release does not know, nothing is read.
    fn facts(&self, id: EventId, body: &[u8], past: &State) -> Result<Facts, InsertError> {
        let invalid = |reason: String| InsertError::invalid(id, reason);
        let op = if past.level > LEVEL_SUPPORTED {
            AuthorityOp::opaque(body)
        } else {
            AuthorityOp::from_bytes(body)
        };
        let op = op.map_err(|error| invalid(error.to_string()))?;
        let is_genesis = matches!(op, AuthorityOp::Genesis(_));
        if is_genesis != self.dag.is_empty() {
            return Err(invalid(
                "a log has one genesis, its first operation".to_owned(),
            ));
        }
        let identity = embedded(&op, &*self.signatures)
            .map_err(invalid)?
            .map(Arc::new);
        if let AuthorityOp::Admit(join) = &op
            && join.community != self.community()
        {
            return Err(invalid("the join is for another community".to_owned()));
        }
        let signers = match &op {
            AuthorityOp::OwnersCertificate {
                proposal,
                signatures,
            } => {
                let holds = signatures.iter().all(|(device, signature)| {
                    proposal.signed_by_with(*device, signature, &*self.signatures)
                });
                if !holds || proposal.community != self.community() {
                    return Err(invalid(
                        "a signature of the owners' certificate does not hold".to_owned(),
                    ));
                }
                signatures.iter().map(|(device, _)| *device).collect()
            }
            _ => BTreeSet::new(),
        };
        Ok(Facts {
            op,
            identity,
            invited: OnceLock::new(),
            signers,
        })
    }

    fn add_units(
        &mut self,
        event: &VerifiedEvent,
        facts: &Arc<Facts>,
        heads: Vec<UnitIx>,
        past: Evaluated,
    ) {
        let acts = self.acts(event.id(), facts, &heads);
        let (mut parents, mut past) = (heads, past);
        let mut range = None;
        for (part, (origin, facts)) in (0_u16..).zip(acts) {
            let mut unit = unit_of(event, part, origin, facts, &past);
            if denials::asks_for_before(&unit) && self.held_before < HELD_BEFORE_MAX {
                self.held_before += 1;
                unit.seen.before = Some(past.state.clone());
            }
            let (account, by_role) = denials::limits(&unit);
            let (ix, after) = self.store.push(unit, parents, &past);
            if let Some(account) = account {
                self.against.entry(account).or_default().push(ix);
            }
            if by_role {
                self.against_roles.push(ix);
            }
            let first = range.map_or(ix, |(first, _)| first);
            range = Some((first, ix));
            (parents, past) = (vec![ix], after);
        }
        let (first, last) = range.expect("every operation has at least one unit");
        self.entries.insert(
            event.id(),
            Entry {
                first,
                last,
                facts: facts.clone(),
            },
        );
    }

    /// What an operation does: itself, or for a reaffirmation the operations that it names.
    fn acts(
        &self,
        id: EventId,
        facts: &Arc<Facts>,
        heads: &[UnitIx],
    ) -> Vec<(EventId, Arc<Facts>)> {
        let AuthorityOp::Reaffirm { ops } = &facts.op else {
            return vec![(id, facts.clone())];
        };
        let act = |named: &EventId| {
            let entry = self
                .entries
                .get(named)
                .filter(|entry| self.store.graph.closure_holds(heads, entry.last));
            match entry.filter(|entry| may_be_repeated(&entry.facts.op)) {
                Some(entry) => (*named, entry.facts.clone()),
                None => (id, facts.clone()),
            }
        };
        if ops.is_empty() {
            vec![(id, facts.clone())]
        } else {
            ops.iter().map(act).collect()
        }
    }
}

/// The parts of the envelope that are fixed for authority operations.
fn check_envelope(event: &VerifiedEvent, body: &[u8]) -> Result<(), InsertError> {
    let (id, header) = (event.id(), event.header());
    if header.kind != Kind::Authority {
        return Err(InsertError::invalid(id, "its kind is not authority"));
    }
    if !header.auth.is_empty() {
        return Err(InsertError::invalid(
            id,
            "an authority operation has its past in prev and deps, not in auth",
        ));
    }
    if body.len() > AUTHORITY_BODY_BYTES_MAX {
        let reason = format!(
            "its body has {} bytes, the limit is {AUTHORITY_BODY_BYTES_MAX}",
            body.len()
        );
        return Err(InsertError::invalid(id, reason));
    }
    Ok(())
}

/// The identity that an operation embeds, verified.
fn embedded(op: &AuthorityOp, signatures: &dyn Signatures) -> Result<Option<IdentityLog>, String> {
    let (account, chain) = match op {
        AuthorityOp::Admit(join) => {
            let log = join.check_by(signatures);
            return log.map(Some).map_err(|error| error.to_string());
        }
        AuthorityOp::Genesis(genesis) if genesis.level == 0 => {
            return Err("the first level is 1".to_owned());
        }
        AuthorityOp::Genesis(genesis) if genesis.kind == CommunityKind::Direct => return Ok(None),
        AuthorityOp::Genesis(genesis) => (None, &genesis.founder),
        AuthorityOp::Add {
            account,
            chain,
            prekey,
        } => {
            let log = IdentityLog::verify_by(chain, signatures);
            let log = log.map_err(|error| error.to_string())?;
            if !log.identity().acts(prekey.device) || !prekey.verify_by(signatures) {
                return Err("the prekey record is not signed by a device of the account".to_owned());
            }
            return of_account(log, *account).map(Some);
        }
        AuthorityOp::DeviceAdd { account, chain }
        | AuthorityOp::DeviceRevoke { account, chain, .. } => (Some(account), chain),
        _ => return Ok(None),
    };
    let log = IdentityLog::verify_by(chain, signatures);
    let log = log.map_err(|error| error.to_string())?;
    let account = account.copied().unwrap_or(log.account());
    of_account(log, account).map(Some)
}

fn of_account(log: IdentityLog, account: AccountId) -> Result<IdentityLog, String> {
    if account == log.account() {
        Ok(log)
    } else {
        Err("the identity chain is another account's".to_owned())
    }
}

const fn may_be_repeated(op: &AuthorityOp) -> bool {
    !matches!(
        op,
        AuthorityOp::Genesis(_)
            | AuthorityOp::Merge
            | AuthorityOp::Leave
            | AuthorityOp::DeviceRevoke { .. }
            | AuthorityOp::Reaffirm { .. }
            | AuthorityOp::OwnersVote { .. }
            | AuthorityOp::OwnersCertificate { .. }
            | AuthorityOp::SetLevel { .. }
            | AuthorityOp::AnnounceEpoch(_)
            | AuthorityOp::LinkEpoch { .. }
            | AuthorityOp::Unknown { .. }
    )
}

/// A unit with everything that `E` of its past says about it.
fn unit_of(
    event: &VerifiedEvent,
    part: u16,
    origin: EventId,
    facts: Arc<Facts>,
    past: &Evaluated,
) -> Unit {
    let header = event.header();
    let state = &past.state;
    let author = match &facts.op {
        AuthorityOp::Genesis(_) => facts.identity.as_ref().map(|log| log.account()),
        _ => permit::account_acting(&facts, header.device, state),
    };
    let certificate = matches!(facts.op, AuthorityOp::OwnersCertificate { .. });
    let rank = author.map_or(Rank::MEMBER, |author| state.rank(author));
    let mut unit = Unit {
        id: event.id(),
        origin,
        part,
        lamport: header.lamport,
        wall: header.wall,
        repeated: origin != event.id(),
        device: header.device,
        author,
        strength: if certificate { Rank::CERTIFICATE } else { rank },
        own: Ok(()),
        past_flips: past.flips.clone(),
        seen: Seen::default(),
        losses: Vec::new(),
        facts,
    };
    unit.own = permit::permit(&unit, permit::Views::one(state));
    unit.seen = denials::seen(&unit, state);
    unit.losses = denials::losses(&unit, state);
    unit
}
