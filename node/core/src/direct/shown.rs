//! What faces see of conversations, requests and contacts.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_api::reply::{ContactView, DirectKind, DirectView, DmRequestView};
use alloquy_ids::{AccountId, ChannelId, CommunityId, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use super::contacts::Standing;
use crate::community::Community;
use crate::node::Node;
use crate::views::first_line;

impl Community {
    /// What conversation it is; `None`: a community.
    pub(crate) fn direct_kind(&self, me: AccountId) -> Option<DirectKind> {
        match self.kind() {
            CommunityKind::Community => None,
            CommunityKind::Group => Some(DirectKind::Group),
            CommunityKind::Direct if self.partner(me) == Some(me) => Some(DirectKind::Notes),
            CommunityKind::Direct => Some(DirectKind::Two),
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// Requests, oldest first.
    pub(crate) fn dm_request_views(&self) -> Vec<DmRequestView> {
        let requests = self.people.requests.iter();
        let mut views: Vec<_> = requests
            .map(|(account, request)| request.view(*account, self.person_name(*account)))
            .collect();
        views.sort_by_key(|view| (view.time, view.account));
        views
    }

    /// Contacts and blocked accounts, by name.
    pub(crate) fn contact_views(&self) -> Vec<ContactView> {
        let me = self.me.account();
        let shown = self.people.contacts.iter().filter(|(account, contact)| {
            **account != me && (contact.standing == Standing::Accepted || contact.blocked)
        });
        let mut views: Vec<_> = shown
            .map(|(account, contact)| ContactView {
                account: *account,
                name: self.person_name(*account),
                verified: self.is_verified(*account),
                blocked: contact.blocked,
                online: self.is_online(*account),
            })
            .collect();
        views.sort_by(|a, b| (&a.name, a.account).cmp(&(&b.name, b.account)));
        views
    }

    fn is_online(&self, account: AccountId) -> bool {
        let here = self.communities.values().filter(|one| one.active);
        here.filter(|community| community.state().is_member(account))
            .any(|community| self.presence(community, account).is_some())
    }

    fn direct_view(
        &self,
        community: &Community,
        counts: (u32, u32),
        contacts: &[ContactView],
    ) -> Option<DirectView> {
        let me = self.me.account();
        let kind = community.direct_kind(me)?;
        let channel = direct::channel(community.id);
        let newest = community
            .shown(channel)
            .and_then(|timeline| timeline.messages(None, 1).pop());
        let accounts: Vec<_> = self.others_in(community).into_iter().collect();
        let partner = community.partner(me).filter(|partner| *partner != me);
        let verified = partner.is_some_and(|partner| {
            let mut of = contacts.iter().filter(|contact| contact.account == partner);
            of.any(|contact| contact.verified)
        });
        let online = accounts
            .iter()
            .any(|account| self.presence(community, *account).is_some());
        let preview = newest
            .as_ref()
            .and_then(|message| message.text.as_deref())
            .map(first_line);
        Some(DirectView {
            community: community.id,
            channel,
            kind,
            name: match (kind, partner) {
                (DirectKind::Group, _) => community.name(),
                (_, Some(partner)) => self.person_name(partner),
                (_, None) => String::new(),
            },
            accounts,
            unread: counts.0,
            mentions: counts.1,
            last: newest.map(|message| UnixMs(message.time.0.min(self.now.wall.0))),
            preview: preview.unwrap_or_default(),
            online,
            verified,
            blocked: partner.is_some_and(|partner| self.is_blocked(partner)),
        })
    }

    /// The own notes first, then newest first.
    fn direct_views(&self, contacts: &[ContactView]) -> Vec<DirectView> {
        let here = self.communities.values().filter(|one| one.active);
        let view = |community: &Community| {
            let counts = self.counts_of(direct::channel(community.id));
            self.direct_view(community, counts, contacts)
        };
        let mut views: Vec<_> = here.filter_map(view).collect();
        views.sort_by_key(|view| {
            (
                view.kind != DirectKind::Notes,
                std::cmp::Reverse(view.last),
                view.community,
            )
        });
        views
    }

    /// Makes the lists again that may be others. `people`: contacts and requests too.
    pub(crate) fn build_directs(
        &self,
        next: &mut Snapshot,
        people: bool,
        anew: &BTreeSet<CommunityId>,
        touched: &BTreeSet<ChannelId>,
    ) {
        if people {
            share(&mut next.contacts, self.contact_views());
            share(&mut next.dm_requests, self.dm_request_views());
        }
        let stirred = |view: &DirectView| touched.contains(&view.channel);
        if people || !anew.is_empty() || next.directs.iter().any(stirred) {
            let views = self.direct_views(&next.contacts);
            share(&mut next.directs, views);
        }
    }
}

/// The earlier list if the new one is equal to it, so that faces see at once that nothing changed.
fn share<T: PartialEq>(held: &mut Arc<Vec<T>>, new: Vec<T>) {
    if **held != new {
        *held = Arc::new(new);
    }
}
