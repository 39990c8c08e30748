//! The own name, as it is written into a community.

use alloquy_ids::CommunityId;
use alloquy_schema::body::Body;
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::permissions::{CommunityKind, Permissions};
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::limits::{FIRST_WRITE_WAIT_MS, KEY_PATIENCE_MS};
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
        if self.store_fault.is_some() || timed_out || nameless {
            return;
        }
        let profile = (self.me.record.name.clone(), self.me.record.about.clone());
        if community.introduced.as_ref() == Some(&profile) {
            // Written before; where it does not count, writing it again would not either.
            return;
        }
        let keyless = community.writing_epoch(None).is_none();
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
            if keyless {
                return self.lack_epoch_for_name(id);
            }
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
            community.keyless_since = None;
        }
    }

    /// The own name is to be written and there is no epoch. In a conversation that may stay so: whoever opened it, or
    /// let somebody in, announces one, but a crash or a full disk may have kept it from that. Until a member's name is
    /// written each shows for it what it knows from elsewhere, if anything; so who finds that no epoch comes announces
    /// one, as for a message.
    fn lack_epoch_for_name(&mut self, id: CommunityId) {
        let (me, mono) = (self.me.account(), self.now.mono);
        let acts = self.me.acts();
        let Some(community) = self.communities.get_mut(&id).filter(|_| acts) else {
            return;
        };
        let begun = !community.state().epochs.is_empty();
        let conversation = community.kind() != CommunityKind::Community;
        if begun || !conversation || !community.is_entitled(me, None) {
            return;
        }
        let since = *community.keyless_since.get_or_insert(mono);
        if mono >= since.plus(KEY_PATIENCE_MS) {
            community.keyless_since = Some(mono);
            self.arrange_epoch(id, None);
        }
    }
}
