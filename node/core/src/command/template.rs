//! Founding a community, from a template or empty: everything that it begins with becomes durable as one.

use alloquy_api::reply::ChannelView;
use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, RoleId};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::{AuthorityOp, Genesis};
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::limits::TEMPLATE_PARTS_MAX;
use alloquy_schema::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions};
use alloquy_schema::policy::Policy;
use alloquy_schema::templates::{self, Blueprint, BlueprintChannel, BlueprintRole, TEMPLATES};
use rand_core::CryptoRng;

use super::{Outcome, check_name, content, error, set_text};
use crate::author::{Draft, sign_genesis};
use crate::community::Community;
use crate::io::{Origin, Write};
use crate::limits::{FIELDS_PER_EVENT, TEMPLATES_MAX};
use crate::node::Node;
use crate::outbox::{After, Own, put};
use crate::record::{Key, Membership};

/// Level of the rules that this release founds communities with.
const LEVEL: u16 = 1;

/// A community that is being made: applied here, not stored yet.
pub(crate) struct Founding {
    pub(crate) id: CommunityId,
    pub(crate) events: Vec<VerifiedEvent>,
    pub(crate) records: Vec<Write>,
}

fn refused(reason: impl std::fmt::Display) -> CommandError {
    error(
        ErrorCode::Internal,
        format!("the community could not be founded: {reason}"),
    )
}

/// What everybody may see of a community: channels, each category before what stands under it, roles and rules.
fn blueprint_of(community: &Community, me: AccountId) -> Blueprint {
    let state = community.state();
    let roles = state.roles.iter().filter(|(id, _)| **id != RoleId::ZERO);
    let mut roles: Vec<_> = roles
        .map(|(id, role)| BlueprintRole {
            name: community.role_name(*id),
            rank: role.rank,
            permissions: role.permissions & Permissions::ALL,
        })
        .filter(|role| check_name("name", &role.name).is_ok())
        .collect();
    roles.sort_by(|a, b| (b.rank, &a.name).cmp(&(a.rank, &b.name)));
    let mut views = community.channel_views(me, "");
    views.retain(|view| !view.private && check_name("name", &view.name).is_ok());
    let is_category =
        |view: &&ChannelView| view.kind == alloquy_api::command::ChannelKind::Category;
    let categories: Vec<_> = views.iter().filter(is_category).collect();
    let under = |category: Option<ChannelId>| {
        let all = views.iter().filter(|view| !is_category(view));
        all.filter(move |view| view.category == category)
    };
    let grouped = categories
        .iter()
        .flat_map(|category| std::iter::once(*category).chain(under(Some(category.channel))));
    let channels = under(None).chain(grouped).filter_map(|view| {
        Some(BlueprintChannel {
            kind: state.channels.get(&view.channel)?.kind,
            name: view.name.clone(),
            topic: view.topic.clone(),
        })
    });
    let usual = Policy::default().rules();
    let mut rules = state.policy.rules().to_vec();
    rules.retain(|rule| !usual.contains(rule));
    let everyone = state.roles.get(&RoleId::ZERO);
    Blueprint {
        everyone: everyone.map_or(Permissions::NONE, |role| {
            role.permissions & Permissions::ALL
        }),
        roles,
        channels: channels.collect(),
        rules,
    }
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn create_community(
        &mut self,
        origin: Origin,
        name: &str,
        template: Option<&str>,
    ) -> Outcome {
        check_name("name", name)?;
        let template = template.map(|name| self.template_named(name)).transpose()?;
        self.room_for_community()?;
        let everyone = template
            .as_ref()
            .map_or(Permissions::MEMBER, |template| template.everyone);
        let mut founding = self.begin_community(CommunityKind::Community, everyone)?;
        let id = founding.id;
        if let Err(reason) = self.furnish(&mut founding, name, template.as_ref()) {
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
    pub(crate) fn begin_community(
        &mut self,
        kind: CommunityKind,
        everyone: Permissions,
    ) -> Result<Founding, CommandError> {
        let incarnation = self.rng.next_u32();
        let mut nonce = [0; 16];
        self.rng.fill_bytes(&mut nonce);
        let genesis = AuthorityOp::Genesis(Genesis {
            level: LEVEL,
            nonce,
            founder: self.me.record.chain.clone(),
            history: HistoryPolicy::All,
            everyone,
            kind,
            pair: None,
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

    /// The first epoch, for everybody who is in by now.
    pub(crate) fn found_epoch(&mut self, founding: &mut Founding) -> Outcome {
        let id = founding.id;
        let (draft, key) = self
            .draft_epoch(id, None)
            .ok_or_else(|| refused("no epoch could be made"))?;
        let epoch = self.author_founding(founding, &draft)?;
        let records = self.adopt_own_epoch(id, None, epoch, key);
        founding.records.extend(records);
        Ok(())
    }

    /// The first epoch, roles, channels and all names.
    fn furnish(
        &mut self,
        founding: &mut Founding,
        name: &str,
        template: Option<&Blueprint>,
    ) -> Outcome {
        self.found_epoch(founding)?;
        let me = Field::MemberName(self.me.account());
        let mut fields = vec![
            set_text(Field::Name, name),
            set_text(me, &self.me.record.name),
        ];
        for rule in template.iter().flat_map(|template| &template.rules) {
            let op = AuthorityOp::SetPolicy(rule.clone());
            self.author_founding(founding, &Draft::Op(op))?;
        }
        for role in template.iter().flat_map(|template| &template.roles) {
            let op = AuthorityOp::RoleCreate {
                rank: role.rank,
                permissions: role.permissions,
            };
            let made = RoleId::from(self.author_founding(founding, &Draft::Op(op))?);
            fields.push(set_text(Field::RoleName(made), &role.name));
        }
        let mut category = None;
        let channels = template.iter().flat_map(|template| &template.channels);
        for (position, channel) in (0..).zip(channels) {
            let op = AuthorityOp::ChannelCreate {
                kind: channel.kind,
                private: false,
            };
            let made = ChannelId::from(self.author_founding(founding, &Draft::Op(op))?);
            fields.push(set_text(Field::ChannelName(made), &channel.name));
            fields.push(ContentOp::Set {
                field: Field::ChannelPosition(made),
                value: Value::Number(position),
            });
            if !channel.topic.is_empty() {
                fields.push(set_text(Field::ChannelTopic(made), &channel.topic));
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
        for fields in fields.chunks(FIELDS_PER_EVENT) {
            self.author_founding(founding, &content(fields.to_vec()))?;
        }
        Ok(())
    }

    fn template_named(&self, name: &str) -> Result<Blueprint, CommandError> {
        let ours = templates::named(name).map(Blueprint::from);
        let found = ours.or_else(|| self.templates.get(name).cloned());
        found.ok_or_else(|| {
            let ours = TEMPLATES.iter().map(|template| template.name);
            let kept = self.templates.keys().map(String::as_str);
            let names: Vec<_> = ours.chain(kept).collect();
            error(
                ErrorCode::UnknownName,
                format!(
                    "no template is named {name:?}; there are {}",
                    names.join(", ")
                ),
            )
        })
    }

    /// `template save`: what everybody may see of a community, as a template on this device.
    pub(super) fn save_template(
        &mut self,
        origin: Origin,
        id: CommunityId,
        name: String,
    ) -> Outcome {
        check_name("name", &name)?;
        if templates::named(&name).is_some() {
            let message = format!("the template {name:?} comes with the program");
            return Err(error(ErrorCode::Exists, message));
        }
        if !self.templates.contains_key(&name) && self.templates.len() >= TEMPLATES_MAX {
            let message = format!("{TEMPLATES_MAX} templates are kept, which is the limit");
            return Err(error(ErrorCode::Limit, message));
        }
        let blueprint = blueprint_of(self.active(id)?, self.me.account());
        for (what, count) in [
            ("channels", blueprint.channels.len()),
            ("roles", blueprint.roles.len()),
        ] {
            if count > TEMPLATE_PARTS_MAX {
                let message = format!(
                    "the community has {count} {what}, the limit of a template is {TEMPLATE_PARTS_MAX}"
                );
                return Err(error(ErrorCode::Limit, message));
            }
        }
        let write = put(&Key::Template(name.clone()), &blueprint);
        let after = After::TemplateKept(origin, name, Some(Box::new(blueprint)));
        self.outbox.store(vec![write], after);
        Ok(())
    }

    /// `template delete`.
    pub(super) fn delete_template(&mut self, origin: Origin, name: String) -> Outcome {
        if !self.templates.contains_key(&name) {
            let message = format!("no template named {name:?} is kept");
            return Err(error(ErrorCode::UnknownName, message));
        }
        let write = Write::Delete(Key::Template(name.clone()).to_key());
        let after = After::TemplateKept(origin, name, None);
        self.outbox.store(vec![write], after);
        Ok(())
    }

    /// What was kept or removed is durable.
    pub(crate) fn template_stored(
        &mut self,
        origin: Origin,
        name: String,
        blueprint: Option<Box<Blueprint>>,
    ) {
        match blueprint {
            Some(blueprint) => drop(self.templates.insert(name, *blueprint)),
            None => drop(self.templates.remove(&name)),
        }
        self.views.node_changed();
        let templates = self.template_views();
        self.outbox.done(origin, Ok(Reply::Templates { templates }));
    }

    pub(crate) fn author_founding(
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
