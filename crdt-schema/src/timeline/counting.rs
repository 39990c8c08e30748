//! Which events of a scope count (docs/protocol.md, "Timelines"): structure, permission at `auth`, and the
//! limits that denials set.
//!
//! Everything here is a function of signed headers and the authority log: bodies may be missing, so whether an
//! event counts never depends on one. What a body may *do* is asked separately, by [`Ledger::allows`].
//!
//! Coverage only flows from an event to its past, and a new event has no descendants yet. So with a fixed
//! authority log counting only grows: an insertion is a short walk, and one pass from the newest event to the
//! oldest evaluates everything (no iteration to a fixpoint is needed).

mod cover;
mod permission;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId, ScopeId};

use super::Standing;
use permission::Refusal;

use super::columns::{Anchors, Columns};
use super::denials::{Author, Denials, Limit, Reloaded};
use crate::authority::AuthorityLog;
use crate::codec::Canonical;
use crate::dag::{Dag, Height, InsertError};
use crate::event::{Header, Kind, OrderKey, VerifiedEvent};
use crate::limits::LATE_BYTES_MAX;
use crate::permissions::Permissions;

/// Bytes that an event costs beside its body: header, signature, index.
const EVENT_OVERHEAD_BYTES: u64 = 512;

/// What a scope belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The timeline of a channel.
    Channel(ChannelId),
    /// The content of a community.
    Content,
}

/// Whether the bound on events that do not count applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// An event that came by itself.
    Applies,
    /// An event of another account waits for it.
    Lifted,
}

/// A right that a body asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// Any of these.
    pub(crate) any: Permissions,
    /// Where; `None`: in the community.
    pub(crate) channel: Option<ChannelId>,
}

#[derive(Debug)]
struct Node {
    key: OrderKey,
    kind: Kind,
    parents: Vec<u32>,
    prev: Option<u32>,
    past: u32,
    author: Option<Author>,
    refusal: Option<Refusal>,
    bytes: u64,
    /// Denials that it does not have in its past.
    limits: Arc<[Limit]>,
    /// A listed id is at or above it.
    listed: bool,
    /// Who anchors it; nothing is kept of that once it is listed.
    anchors: Anchors,
    counts: bool,
    /// A counting event is above it.
    followed: bool,
    /// A counting event of its log is above it, along `prev`.
    log_followed: bool,
}

/// The events of one scope and which of them count.
#[derive(Debug)]
pub(crate) struct Ledger {
    ground: Ground,
    dag: Dag,
    nodes: Vec<Node>,
    index: BTreeMap<EventId, u32>,
    denials: Denials,
    authors: BTreeMap<(u32, DeviceId), Result<Author, Refusal>>,
    /// Per column: events that it limits and that nothing covers yet.
    pending: Vec<u32>,
    /// Columns with pending events.
    awaited: Columns,
    heads: BTreeSet<OrderKey>,
    tips: BTreeSet<Height>,
    /// Per account (zero: no member): bytes of events that do not count.
    hidden_bytes: BTreeMap<AccountId, u64>,
    unsettled: Vec<u32>,
    touched: BTreeSet<u32>,
}

impl Ledger {
    pub(crate) fn new(ground: Ground, scope: ScopeId) -> Self {
        Self {
            ground,
            dag: Dag::new(scope),
            nodes: Vec::new(),
            index: BTreeMap::new(),
            denials: Denials::new(ground),
            authors: BTreeMap::new(),
            pending: Vec::new(),
            awaited: Columns::default(),
            heads: BTreeSet::new(),
            tips: BTreeSet::new(),
            hidden_bytes: BTreeMap::new(),
            unsettled: Vec::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The same for the newest events alone.
    pub(crate) fn of_newest(ground: Ground, scope: ScopeId) -> Self {
        Self {
            dag: Dag::of_newest(scope),
            ..Self::new(ground, scope)
        }
    }

    /// Adds an event. `Ok(None)`: it was there (signature and carried body are taken over).
    pub(crate) fn insert(
        &mut self,
        event: VerifiedEvent,
        bound: Bound,
        authority: &AuthorityLog,
    ) -> Result<Option<u32>, InsertError> {
        if self.index.contains_key(&event.id()) {
            self.dag.insert(event)?;
            return Ok(None);
        }
        self.check(&event, authority)?;
        if self.nodes.is_empty() {
            self.denials.reload(std::iter::empty(), authority);
        }
        let (node, fresh) = self.node(&event, authority);
        for id in fresh {
            if let Some(listed) = self.index.get(&id) {
                self.list(*listed);
            }
        }
        self.settle(authority);
        self.check_bound(&node, bound)?;
        self.dag.insert(event)?;
        let at = self.push(node);
        if self.denials.is_listed(self.nodes[at as usize].key.id) {
            self.list(at);
        }
        self.settle(authority);
        Ok(Some(at))
    }

    /// Evaluates again if the change of the authority log concerns this scope. Returns what became (un)purged.
    pub(crate) fn authority_changed(&mut self, authority: &AuthorityLog) -> BTreeSet<EventId> {
        let authors = self.authors.iter();
        let authors = authors
            .filter_map(|((past, device), author)| Some((*past, *device, author.ok()?.account)));
        let Reloaded { counting, purges } = self.denials.reload(authors, authority);
        if counting {
            self.evaluate(authority);
        }
        purges
    }

    /// Events whose standing may have changed since the last call, ascending.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.touched)
    }

    pub(crate) const fn dag(&self) -> &Dag {
        &self.dag
    }

    pub(crate) fn drop_body(&mut self, at: u32) {
        self.dag.drop_body(self.nodes[at as usize].key.id);
    }

    pub(crate) fn at(&self, id: EventId) -> Option<u32> {
        self.index.get(&id).copied()
    }

    pub(crate) fn key(&self, at: u32) -> OrderKey {
        self.nodes[at as usize].key
    }

    pub(crate) fn header(&self, at: u32) -> &Header {
        self.dag
            .get(self.key(at).id)
            .expect("every node is held")
            .header()
    }

    pub(crate) fn account(&self, at: u32) -> Option<AccountId> {
        self.nodes[at as usize].author.map(|author| author.account)
    }

    pub(crate) fn parents(&self, at: u32) -> &[u32] {
        &self.nodes[at as usize].parents
    }

    pub(crate) fn counts(&self, at: u32) -> bool {
        self.nodes[at as usize].counts
    }

    pub(crate) fn is_purged(&self, at: u32) -> bool {
        self.denials.is_purged(self.key(at).id)
    }

    /// Whether a counting event may use a right in its own scope.
    pub(crate) fn allows(&self, at: u32, any: Permissions) -> bool {
        let channel = match self.ground {
            Ground::Channel(channel) => Some(channel),
            Ground::Content => None,
        };
        let node = &self.nodes[at as usize];
        let holds = node
            .author
            .is_some_and(|author| (author.rights & any) != Permissions::NONE);
        holds && self.unlimited(at, Need { any, channel })
    }

    /// Whether an event counts and no denial keeps it from using a right that its author held.
    pub(crate) fn unlimited(&self, at: u32, need: Need) -> bool {
        let node = &self.nodes[at as usize];
        let open = |limit: &Limit| touches(limit, need) && !node.covered(limit.column);
        node.counts && (node.listed || !node.limits.iter().any(open))
    }

    /// Counting heads, newest first.
    pub(crate) fn counting_heads(&self) -> Vec<EventId> {
        self.heads.iter().rev().map(|key| key.id).collect()
    }

    /// (log, height, head id) of counting events, as a digest.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let tips: Vec<_> = self.tips.iter().map(Canonical::to_bytes).collect();
        let parts: Vec<_> = tips.iter().map(Vec::as_slice).collect();
        crate::hash::derive("alloquy scope digest v1", &parts)
    }

    /// Whether and why the event counts.
    pub(crate) fn standing(&self, at: u32) -> Standing {
        let node = &self.nodes[at as usize];
        if let Some(refusal) = node.refusal {
            return Standing::NotPermitted {
                reason: refusal.to_string(),
            };
        }
        if node.counts {
            return Standing::Counting;
        }
        let open = node
            .limits
            .iter()
            .filter(|limit| self.binds(limit, node.kind) && !node.covered(limit.column));
        Standing::Late {
            by: open.map(|limit| self.denials.op(limit.column)).collect(),
        }
    }

    /// Events in the order of their insertion.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.nodes.len()).expect("fewer events than 2^32 fit into memory")
    }

    // ---- taking events in ----

    fn check(
        &mut self,
        event: &VerifiedEvent,
        authority: &AuthorityLog,
    ) -> Result<(), InsertError> {
        let header = event.header();
        let invalid = |reason: &str| Err(InsertError::invalid(event.id(), reason));
        if !matches!(header.kind, Kind::Sealed | Kind::Deletion) {
            return invalid("its kind does not belong into this scope");
        }
        if !header.auth.is_sorted_by(|a, b| a < b) {
            return invalid("its authority heads are not ascending");
        }
        self.dag.check(event)?;
        let missing: Vec<_> = header
            .auth
            .iter()
            .copied()
            .filter(|id| !authority.dag().contains(*id))
            .collect();
        if !missing.is_empty() {
            return Err(InsertError::MissingAuthority(missing));
        }
        let past = self.denials.past(&header.auth);
        let prev = self
            .index
            .get(&header.prev)
            .map(|prev| self.nodes[*prev as usize].past);
        if prev.is_some_and(|prev| !self.denials.follows(past, prev, authority)) {
            return invalid(
                "its authority heads do not have those of the event before it in their past",
            );
        }
        Ok(())
    }

    /// The node of an event, and ids that its author's denials list.
    fn node(&mut self, event: &VerifiedEvent, authority: &AuthorityLog) -> (Node, Vec<EventId>) {
        let header = event.header();
        let past = self.denials.past(&header.auth);
        let author = self.author(past, header, authority);
        let held = |id| self.index.get(&id).copied();
        let parents: Vec<_> = header.parents().filter_map(held).collect();
        let mut node = Node {
            key: event.order_key(),
            kind: header.kind,
            prev: self.index.get(&header.prev).copied(),
            parents,
            past,
            author: author.ok(),
            refusal: author.err(),
            bytes: EVENT_OVERHEAD_BYTES + u64::from(header.body_len),
            limits: Arc::default(),
            listed: false,
            anchors: Anchors::default(),
            counts: false,
            followed: false,
            log_followed: false,
        };
        let Some(author) = node.author else {
            return (node, Vec::new());
        };
        let fresh = self
            .denials
            .learn(header.device, past, author.account, authority);
        node.refusal = self.refusal(&node, header);
        if node.refusal.is_none() {
            node.limits = self.denials.limits(header.device, past, authority);
        }
        (node, fresh)
    }

    fn check_bound(&self, node: &Node, bound: Bound) -> Result<(), InsertError> {
        let account = node.author.map_or(AccountId::ZERO, |author| author.account);
        let hidden = self.hidden_bytes.get(&account).copied().unwrap_or(0);
        let counts = self.judge(node) || self.denials.is_listed(node.key.id);
        if bound == Bound::Lifted || counts || hidden + node.bytes <= LATE_BYTES_MAX {
            return Ok(());
        }
        Err(InsertError::LateBound {
            event: node.key.id,
            account,
        })
    }

    fn push(&mut self, node: Node) -> u32 {
        let at = self.len();
        self.index.insert(node.key.id, at);
        self.hide(&node);
        self.nodes.push(node);
        self.wait(at);
        self.touched.insert(at);
        self.unsettled.push(at);
        at
    }

    /// Notes that an event waits for cover against what limits it.
    fn wait(&mut self, at: u32) {
        self.pending.resize(self.denials.len(), 0);
        for limit in self.nodes[at as usize].limits.iter() {
            self.pending[limit.column as usize] += 1;
            self.awaited.insert(limit.column);
        }
    }

    /// Notes that a limit of an event is covered.
    fn cover(&mut self, column: u32) {
        let pending = &mut self.pending[column as usize];
        *pending -= 1;
        if *pending == 0 {
            self.awaited.remove(column);
        }
    }

    fn hide(&mut self, node: &Node) {
        let account = node.author.map_or(AccountId::ZERO, |author| author.account);
        *self.hidden_bytes.entry(account).or_default() += node.bytes;
    }
}

impl Node {
    /// Whether the event is covered against a denial: listed, or anchored by another account.
    fn covered(&self, column: u32) -> bool {
        self.listed
            || self
                .anchors
                .holds(column, self.author.map(|author| author.account))
    }
}

/// Rights of which a sealed event in a channel needs at least one.
const SPEAKING: Permissions =
    Permissions(Permissions::SEND.0 | Permissions::SEND_THREADS.0 | Permissions::REACT.0);

fn touches(limit: &Limit, need: Need) -> bool {
    let here = limit.channel.is_none() || limit.channel == need.channel;
    here && (limit.rights.has(Permissions::VIEW) || (limit.rights & need.any) != Permissions::NONE)
}

fn height(key: &OrderKey) -> Height {
    Height {
        device: key.device,
        incarnation: key.incarnation,
        height: key.seq + 1,
        head: key.id,
    }
}
