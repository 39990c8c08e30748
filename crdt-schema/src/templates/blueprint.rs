//! Templates as owned data: made from a community or from a template of this release, kept on a device.

use super::Template;
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::limits::{NAME_BYTES_MAX, TEMPLATE_PARTS_MAX, TOPIC_BYTES_MAX};
use crate::permissions::{ChannelKind, Permissions, Rank};
use crate::policy::Rule;

/// What a new community starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// What every member may do.
    pub everyone: Permissions,
    /// Roles, strongest first.
    pub roles: Vec<BlueprintRole>,
    /// Channels in the order shown; those after a category stand under it.
    pub channels: Vec<BlueprintChannel>,
    /// Rules that differ from those that a community begins with.
    pub rules: Vec<Rule>,
}

/// A role of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlueprintRole {
    /// Its name.
    pub name: String,
    /// How high it stands.
    pub rank: Rank,
    /// What it gives.
    pub permissions: Permissions,
}

/// A channel or category of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlueprintChannel {
    /// What it is for.
    pub kind: ChannelKind,
    /// Its name.
    pub name: String,
    /// Its topic; empty: none.
    pub topic: String,
}

impl From<&Template> for Blueprint {
    fn from(template: &Template) -> Self {
        let roles = template.roles.iter().map(|role| BlueprintRole {
            name: role.name.to_owned(),
            rank: role.rank,
            permissions: role.permissions,
        });
        let channels = template.channels.iter().map(|channel| BlueprintChannel {
            kind: channel.kind,
            name: channel.name.to_owned(),
            topic: channel.topic.to_owned(),
        });
        Self {
            everyone: template.everyone,
            roles: roles.collect(),
            channels: channels.collect(),
            rules: Vec::new(),
        }
    }
}

/// A name as people may give it: without control characters and `/`.
fn name(r: &mut Reader<'_>) -> Result<String, DecodeError> {
    let name = r.text(NAME_BYTES_MAX, "name")?;
    if name.is_empty() || name.contains(|c: char| c.is_control() || c == '/') {
        return Err(DecodeError::NotCanonical { what: "name" });
    }
    Ok(name)
}

/// Rights that this release knows: a template never gives anything else.
fn rights(r: &mut Reader<'_>) -> Result<Permissions, DecodeError> {
    let rights = Permissions::read(r)?;
    if Permissions::ALL.has(rights) {
        Ok(rights)
    } else {
        Err(DecodeError::Unknown {
            what: "rights",
            value: rights.0,
        })
    }
}

impl Canonical for BlueprintRole {
    fn write(&self, w: &mut Writer) {
        w.text(&self.name);
        self.rank.write(w);
        self.permissions.write(w);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let role = Self {
            name: name(r)?,
            rank: Rank::read(r)?,
            permissions: rights(r)?,
        };
        if role.rank == Rank::MEMBER || role.rank > Rank::ROLE_MAX {
            return Err(DecodeError::Limit {
                what: "rank",
                value: role.rank.0.into(),
                limit: Rank::ROLE_MAX.0.into(),
            });
        }
        Ok(role)
    }
}

impl Canonical for BlueprintChannel {
    fn write(&self, w: &mut Writer) {
        w.u8(self.kind as u8);
        w.text(&self.name);
        w.text(&self.topic);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = match r.u8("channel kind")? {
            1 => ChannelKind::Text,
            2 => ChannelKind::Voice,
            3 => ChannelKind::Category,
            4 => ChannelKind::Stage,
            value => {
                return Err(DecodeError::Unknown {
                    what: "channel kind",
                    value: value.into(),
                });
            }
        };
        Ok(Self {
            kind,
            name: name(r)?,
            topic: r.text(TOPIC_BYTES_MAX, "topic")?,
        })
    }
}

impl Canonical for Blueprint {
    fn write(&self, w: &mut Writer) {
        self.everyone.write(w);
        w.list(&self.roles);
        w.list(&self.channels);
        w.list(&self.rules);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            everyone: rights(r)?,
            roles: r.list(TEMPLATE_PARTS_MAX, "roles")?,
            channels: r.list(TEMPLATE_PARTS_MAX, "channels")?,
            rules: r.list(TEMPLATE_PARTS_MAX, "rules")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::LinkRule;
    use crate::templates::TEMPLATES;

    #[test]
    fn what_is_kept_comes_back_and_nothing_else_does() {
        for template in TEMPLATES {
            let mut blueprint = Blueprint::from(template);
            blueprint.rules.push(Rule::Links(LinkRule::Roles));
            let bytes = blueprint.to_bytes();
            assert_eq!(Blueprint::from_bytes(&bytes).as_ref(), Ok(&blueprint));
            for cut in 0..bytes.len() {
                assert!(Blueprint::from_bytes(&bytes[..cut]).is_err(), "{cut} bytes");
            }
        }
        let good = Blueprint::from(&TEMPLATES[0]);
        let refused = |change: &dyn Fn(&mut Blueprint)| {
            let mut blueprint = good.clone();
            change(&mut blueprint);
            assert!(Blueprint::from_bytes(&blueprint.to_bytes()).is_err());
        };
        refused(&|of| of.everyone = Permissions(1 << 40));
        refused(&|of| of.roles[0].rank = Rank::MEMBER);
        refused(&|of| of.roles[0].rank = Rank::OWNER);
        refused(&|of| of.roles[0].permissions = Permissions(1 << 63));
        refused(&|of| of.channels[0].name = "a/b".to_owned());
        refused(&|of| of.channels[0].name = String::new());
        refused(&|of| of.channels[0].topic = "x".repeat(TOPIC_BYTES_MAX + 1));
        refused(&|of| of.channels = vec![of.channels[0].clone(); TEMPLATE_PARTS_MAX + 1]);
    }
}
