//! Founding a community, from a template or empty: everything that it begins with becomes durable as one.

use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{ChannelId, CommunityId, RoleId};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::{AuthorityOp, Genesis};
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::permissions::{ChannelKind, HistoryPolicy, Permissions};
use alloquy_schema::templates::{self, TEMPLATES, Template};
use rand_core::CryptoRng;

use super::{Outcome, check_name, content, error, set_text};
use crate::author::{Draft, sign_genesis};
use crate::community::Community;
use crate::io::{Origin, Write};
use crate::limits::COMMUNITIES_MAX;
use crate::node::Node;
use crate::outbox::{Own, put};
use crate::record::{Key, Membership};

/// Level of the rules that this release founds communities with.
const LEVEL: u16 = 1;

/// A community that is being made: applied here, not stored yet.
struct Founding {
    id: CommunityId,
    events: Vec<VerifiedEvent>,
    records: Vec<Write>,
}

fn refused(reason: impl std::fmt::Display) -> CommandError {
    error(
        ErrorCode::Internal,
        format!("the community could not be founded: {reason}"),
    )
}

fn template_named(name: &str) -> Result<&'static Template, CommandError> {
    templates::named(name).ok_or_else(|| {
        let names: Vec<_> = TEMPLATES.iter().map(|template| template.name).collect();
        error(
            ErrorCode::UnknownName,
            format!(
                "no template is named {name:?}; there are {}",
                names.join(", ")
            ),
        )
    })
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn create_community(
        &mut self,
        origin: Origin,
        name: &str,
        template: Option<&str>,
    ) -> Outcome {
        check_name("name", name)?;
        let template = template.map(template_named).transpose()?;
        if self.communities.len() >= COMMUNITIES_MAX {
            let message = format!(
                "{} communities are joined, the limit is {COMMUNITIES_MAX}",
                self.communities.len()
            );
            return Err(error(ErrorCode::Limit, message));
        }
        let everyone = template.map_or(Permissions::MEMBER, |template| template.everyone);
        let mut founding = self.begin_community(everyone)?;
        let id = founding.id;
        if let Err(reason) = self.furnish(&mut founding, name, template) {
            // Nothing of it was stored or sent.
            self.communities.remove(&id);
            return Err(reason);
        }
        let Founding {
            events, records, ..
        } = founding;
        let own = Own {
            community: id,
            events: events.iter().map(VerifiedEvent::id).collect(),
            emptied: Vec::new(),
            answer: Some((origin, Reply::Community { community: id })),
        };
        self.commit_own(id, &events, records, own);
        self.refresh_topics(id);
        Ok(())
    }

    /// The founding event and the community that it makes.
    fn begin_community(&mut self, everyone: Permissions) -> Result<Founding, CommandError> {
        let incarnation = self.rng.next_u32();
        let mut nonce = [0; 16];
        self.rng.fill_bytes(&mut nonce);
        let genesis = AuthorityOp::Genesis(Genesis {
            level: LEVEL,
            nonce,
            founder: self.me.record.chain.clone(),
            history: HistoryPolicy::All,
            everyone,
        });
        let event = sign_genesis(&self.me, &genesis, incarnation, self.wall());
        let event = event.verify().map_err(refused)?;
        let authority = AuthorityLog::new(event.clone()).map_err(refused)?;
        let membership = Membership {
            incarnation,
            joined: self.wall(),
        };
        let id = authority.community();
        let records = vec![put(&Key::Community(id), &membership)];
        let community = Community::new(authority, membership, self.me.device());
        self.communities.insert(id, community);
        Ok(Founding {
            id,
            events: vec![event],
            records,
        })
    }

    /// The first epoch, roles, channels and all names.
    fn furnish(
        &mut self,
        founding: &mut Founding,
        name: &str,
        template: Option<&Template>,
    ) -> Outcome {
        let id = founding.id;
        let (draft, key) = self
            .draft_epoch(id, None)
            .ok_or_else(|| refused("no epoch could be made"))?;
        let epoch = self.author_founding(founding, &draft)?;
        let records = self.adopt_own_epoch(id, None, epoch, key);
        founding.records.extend(records);
        let me = Field::MemberName(self.me.account());
        let mut fields = vec![
            set_text(Field::Name, name),
            set_text(me, &self.me.record.name),
        ];
        for role in template.iter().flat_map(|template| template.roles) {
            let op = AuthorityOp::RoleCreate {
                rank: role.rank,
                permissions: role.permissions,
            };
            let made = RoleId::from(self.author_founding(founding, &Draft::Op(op))?);
            fields.push(set_text(Field::RoleName(made), role.name));
        }
        let mut category = None;
        let channels = template.iter().flat_map(|template| template.channels);
        for (position, channel) in (0..).zip(channels) {
            let op = AuthorityOp::ChannelCreate {
                kind: channel.kind,
                private: false,
            };
            let made = ChannelId::from(self.author_founding(founding, &Draft::Op(op))?);
            fields.push(set_text(Field::ChannelName(made), channel.name));
            fields.push(ContentOp::Set {
                field: Field::ChannelPosition(made),
                value: Value::Number(position),
            });
            if !channel.topic.is_empty() {
                fields.push(set_text(Field::ChannelTopic(made), channel.topic));
            }
            match (channel.kind, category) {
                (ChannelKind::Category, _) => category = Some(made),
                (_, None) => {}
                (_, Some(category)) => fields.push(ContentOp::Set {
                    field: Field::ChannelParent(made),
                    value: Value::Channel(category),
                }),
            }
        }
        self.author_founding(founding, &content(fields))?;
        Ok(())
    }

    fn author_founding(
        &mut self,
        founding: &mut Founding,
        draft: &Draft,
    ) -> Result<alloquy_ids::EventId, CommandError> {
        let event = self
            .author_applied(founding.id, draft)
            .ok_or_else(|| refused("an event of it could not be made; see the log"))?;
        let id = event.id();
        founding.events.push(event);
        Ok(id)
    }
}
