//! The own name, as it is written into a community.

use alloquy_ids::CommunityId;
use alloquy_schema::body::Body;
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::permissions::Permissions;
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::limits::FIRST_WRITE_WAIT_MS;
use crate::node::{Node, Timer};

impl<R: CryptoRng> Node<R> {
    /// Writes the own name and about text into the community's content where they differ.
    pub(crate) fn introduce(&mut self, id: CommunityId) {
        let me = self.me.account();
        let Some(community) = self
            .communities
            .get(&id)
            .filter(|community| community.active)
        else {
            return;
        };
        let timed_out = community
            .state()
            .timeouts
            .get(&me)
            .is_some_and(|(_, until)| self.now.wall < *until);
        // A device that came back by the recovery words learns the name first.
        let nameless = self.me.record.name.is_empty();
        if community.writing_epoch(None).is_none()
            || self.store_fault.is_some()
            || timed_out
            || nameless
        {
            return;
        }
        let profile = (self.me.record.name.clone(), self.me.record.about.clone());
        if community.introduced.as_ref() == Some(&profile) {
            // Written before; where it does not count, writing it again would not either.
            return;
        }
        let anew = community.introduce_anew;
        let named = community.name();
        let manages = community
            .state()
            .permissions(me, None)
            .has(Permissions::MANAGE_CONTENT);
        let fields = [
            (Field::MemberName(me), &self.me.record.name),
            (Field::MemberAbout(me), &self.me.record.about),
            (Field::Name, &named),
        ];
        let ops: Vec<_> = fields
            .into_iter()
            .filter(|(field, text)| match field {
                Field::Name => anew && manages && !text.is_empty(),
                _ => (anew && !text.is_empty()) || community.text(field) != **text,
            })
            .map(|(field, text)| ContentOp::Set {
                field,
                value: Value::Text(text.clone()),
            })
            .collect();
        if !ops.is_empty() {
            let waits = self.first_write_waits(id);
            if let Some(community) = self.communities.get_mut(&id) {
                community.introduction_waits = waits;
            }
            if waits {
                let at = self.now.mono.plus(FIRST_WRITE_WAIT_MS);
                return self.timers.set_earlier(Timer::Deferred, at);
            }
            self.write(id, &[Draft::Content(Body::Content(ops))], |_| None);
        }
        if let Some(community) = self.communities.get_mut(&id) {
            community.introduced = Some(profile);
            community.introduce_anew = false;
        }
    }
}
