//! Deciding what counts: limits, lists and anchors (docs/protocol.md, "Denials").

use alloquy_ids::AccountId;

use super::{Ground, Ledger, Node, SPEAKING, height};
use crate::authority::AuthorityLog;
use crate::event::Kind;
use crate::permissions::Permissions;
use crate::timeline::denials::Limit;

impl Ledger {
    /// Whether a denial leaves an event of this kind no right that could carry it. A deletion needs no right to
    /// write: only what takes the sight of the channel binds it.
    pub(super) fn binds(&self, limit: &Limit, kind: Kind) -> bool {
        let blind = limit.rights.has(Permissions::VIEW);
        match self.ground {
            Ground::Channel(channel) => {
                limit.channel.is_none_or(|limited| limited == channel)
                    && (blind || (kind == Kind::Sealed && limit.rights.has(SPEAKING)))
            }
            Ground::Content => limit.channel.is_none() && blind,
        }
    }

    pub(super) fn judge(&self, node: &Node) -> bool {
        let open = |limit: &Limit| self.binds(limit, node.kind) && !node.covered(limit.column);
        node.refusal.is_none() && (node.listed || !node.limits.iter().any(open))
    }

    /// Everything again, from the newest event to the oldest: what covers an event is always above it.
    pub(super) fn evaluate(&mut self, authority: &AuthorityLog) {
        self.heads.clear();
        self.tips.clear();
        self.hidden_bytes.clear();
        self.pending.clear();
        self.awaited.clear();
        for at in 0..self.len() {
            let node = &mut self.nodes[at as usize];
            if node.counts || !node.limits.is_empty() {
                self.touched.insert(at);
            }
            (node.counts, node.followed, node.log_followed, node.listed) =
                (false, false, false, false);
            node.anchors.clear();
            if node.refusal.is_none() {
                node.limits = self.denials.limits(node.key.device, node.past, authority);
            }
            let node = &self.nodes[at as usize];
            let account = node.author.map_or(AccountId::ZERO, |author| author.account);
            *self.hidden_bytes.entry(account).or_default() += node.bytes;
            self.wait(at);
        }
        for at in (0..self.len()).rev() {
            if self.denials.is_listed(self.nodes[at as usize].key.id) {
                self.list(at);
            }
        }
        self.unsettled.clear();
        for at in (0..self.len()).rev() {
            self.unsettled.push(at);
            self.settle_one(authority);
            self.unsettled.clear();
        }
    }

    pub(super) fn settle(&mut self, authority: &AuthorityLog) {
        while !self.unsettled.is_empty() {
            self.settle_one(authority);
        }
    }

    pub(super) fn settle_one(&mut self, authority: &AuthorityLog) {
        let Some(at) = self.unsettled.pop() else {
            return;
        };
        let node = &self.nodes[at as usize];
        if node.counts || !self.judge(node) {
            return;
        }
        let account = node.author.map_or(AccountId::ZERO, |author| author.account);
        if let Some(hidden) = self.hidden_bytes.get_mut(&account) {
            *hidden = hidden.saturating_sub(node.bytes);
        }
        self.nodes[at as usize].counts = true;
        self.touched.insert(at);
        self.follow(at);
        self.follow_log(at);
        self.anchor(at, account, authority);
    }

    /// Marks an event and its past as covered by a list, against every denial.
    pub(super) fn list(&mut self, from: u32) {
        let mut stack = vec![from];
        while let Some(at) = stack.pop() {
            let node = &mut self.nodes[at as usize];
            if node.listed {
                continue;
            }
            stack.extend_from_slice(&node.parents);
            let own = node.author.map(|author| author.account);
            let open = node
                .limits
                .iter()
                .filter(|limit| !node.anchors.holds(limit.column, own));
            let open: Vec<_> = open.map(|limit| limit.column).collect();
            node.listed = true;
            node.anchors.clear();
            if !node.limits.is_empty() {
                self.touched.insert(at);
                self.unsettled.push(at);
            }
            for column in open {
                self.cover(column);
            }
        }
    }

    /// A counting event anchors its past against the denials that it does not have in its authority past.
    pub(super) fn anchor(&mut self, from: u32, account: AccountId, authority: &AuthorityLog) {
        let past = self.nodes[from as usize].past;
        let columns = self.denials.unseen(past, &self.awaited, authority);
        if columns.is_empty() {
            return;
        }
        let parents = self.nodes[from as usize].parents.iter();
        let mut stack: Vec<_> = parents.map(|at| (*at, columns.clone())).collect();
        while let Some((at, columns)) = stack.pop() {
            let node = &mut self.nodes[at as usize];
            if node.listed {
                continue;
            }
            let own = node.author.map(|author| author.account);
            let open = node.limits.iter().map(|limit| limit.column);
            let open: Vec<_> = open
                .filter(|column| !node.anchors.holds(*column, own))
                .collect();
            let news = node.anchors.add(account, &columns);
            if news.is_empty() {
                continue;
            }
            let covered = open
                .into_iter()
                .filter(|column| node.anchors.holds(*column, own));
            let covered: Vec<_> = covered.collect();
            stack.extend(node.parents.iter().map(|parent| (*parent, news.clone())));
            if !covered.is_empty() {
                self.touched.insert(at);
                self.unsettled.push(at);
            }
            for column in covered {
                self.cover(column);
            }
        }
    }

    /// Keeps the heads among counting events.
    pub(super) fn follow(&mut self, from: u32) {
        let node = &self.nodes[from as usize];
        if !node.followed {
            self.heads.insert(node.key);
        }
        let mut stack = node.parents.clone();
        while let Some(at) = stack.pop() {
            let node = &mut self.nodes[at as usize];
            if std::mem::replace(&mut node.followed, true) {
                continue;
            }
            if node.counts {
                self.heads.remove(&node.key);
            } else {
                stack.extend_from_slice(&node.parents);
            }
        }
    }

    /// Keeps the last counting event of each branch of each log.
    pub(super) fn follow_log(&mut self, from: u32) {
        let node = &self.nodes[from as usize];
        if !node.log_followed {
            self.tips.insert(height(&node.key));
        }
        let mut next = node.prev;
        while let Some(at) = next {
            let node = &mut self.nodes[at as usize];
            if std::mem::replace(&mut node.log_followed, true) {
                break;
            }
            if node.counts {
                self.tips.remove(&height(&node.key));
                break;
            }
            next = node.prev;
        }
    }
}
