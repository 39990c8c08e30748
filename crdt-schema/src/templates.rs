//! What a community can be made from: channels, roles and rights, as data.
//!
//! A template is used once, when a community is made; nothing of it is remembered. Its names are plain content
//! that people may change at once. A [`Blueprint`] is the same as owned data, which a device can keep.

mod blueprint;

use crate::permissions::{ChannelKind, Permissions, Rank};

pub use blueprint::{Blueprint, BlueprintChannel, BlueprintRole};

/// What a new community starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its title for people.
    pub title: &'static str,
    /// What it is for, as a sentence.
    pub about: &'static str,
    /// What every member may do.
    pub everyone: Permissions,
    /// Roles, strongest first.
    pub roles: &'static [TemplateRole],
    /// Channels in the order shown; those after a category stand under it.
    pub channels: &'static [TemplateChannel],
}

/// A role of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateRole {
    /// Its name.
    pub name: &'static str,
    /// How high it stands.
    pub rank: Rank,
    /// What it gives.
    pub permissions: Permissions,
}

/// A channel or category of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateChannel {
    /// What it is for.
    pub kind: ChannelKind,
    /// Its name.
    pub name: &'static str,
    /// Its topic; empty: none.
    pub topic: &'static str,
}

const fn category(name: &'static str) -> TemplateChannel {
    TemplateChannel {
        kind: ChannelKind::Category,
        name,
        topic: "",
    }
}

const fn text(name: &'static str, topic: &'static str) -> TemplateChannel {
    TemplateChannel {
        kind: ChannelKind::Text,
        name,
        topic,
    }
}

const fn voice(name: &'static str) -> TemplateChannel {
    TemplateChannel {
        kind: ChannelKind::Voice,
        name,
        topic: "",
    }
}

const fn role(name: &'static str, rank: u32, permissions: Permissions) -> TemplateRole {
    TemplateRole {
        name,
        rank: Rank(rank),
        permissions,
    }
}

/// All of these rights.
const fn all_of(rights: &[Permissions]) -> Permissions {
    let mut all = Permissions::NONE;
    let mut at = 0;
    while at < rights.len() {
        all = Permissions(all.0 | rights[at].0);
        at += 1;
    }
    all
}

/// Keeps order among people and messages.
const MODERATOR: Permissions = all_of(&[
    Permissions::MEMBER,
    Permissions::MENTION_ALL,
    Permissions::MANAGE_MESSAGES,
    Permissions::KICK,
    Permissions::BAN,
    Permissions::MUTE,
]);

/// Besides, shapes the place itself.
const ADMINISTRATOR: Permissions = all_of(&[
    MODERATOR,
    Permissions::PURGE,
    Permissions::MANAGE_CHANNELS,
    Permissions::MANAGE_ROLES,
    Permissions::MANAGE_CONTENT,
    Permissions::MANAGE_COMMUNITY,
]);

/// Friends trust each other with pins, names and mentions of all.
const FRIEND: Permissions = all_of(&[
    Permissions::MEMBER,
    Permissions::MENTION_ALL,
    Permissions::MANAGE_CONTENT,
]);

/// Who is new to a public place reads, writes and talks; who invites is chosen.
const VISITOR: Permissions = Permissions(Permissions::MEMBER.0 & !Permissions::INVITE.0);

/// Every template, in the order offered.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "friends",
        title: "Friends",
        about: "A small place for people who know and trust each other.",
        everyone: FRIEND,
        roles: &[role("Caretaker", 50, ADMINISTRATOR)],
        channels: &[
            category("Talk"),
            text("general", "Anything and everything"),
            text("pictures", "What you saw and made"),
            text("plans", "Where and when we meet"),
            category("Voice"),
            voice("Living room"),
            voice("Kitchen"),
        ],
    },
    Template {
        name: "project",
        title: "Project",
        about: "People who make something together: news, work, help and meetings.",
        everyone: Permissions::MEMBER,
        roles: &[
            role("Maintainer", 80, ADMINISTRATOR),
            role(
                "Contributor",
                20,
                all_of(&[
                    Permissions::MEMBER,
                    Permissions::MENTION_ALL,
                    Permissions::MANAGE_CONTENT,
                ]),
            ),
        ],
        channels: &[
            category("Start here"),
            text("welcome", "What this is, and how to take part"),
            text("news", "Releases and decisions"),
            category("Work"),
            text("general", "Whatever has no place of its own"),
            text("development", "How it is made"),
            text("design", "How it looks and feels"),
            text("help", "Questions are welcome"),
            category("Meetings"),
            voice("Stand-up"),
            voice("Workshop"),
        ],
    },
    Template {
        name: "gaming",
        title: "Gaming",
        about: "Rounds, teams and talk around games, with voice channels to play in.",
        everyone: VISITOR,
        roles: &[
            role("Admin", 80, ADMINISTRATOR),
            role("Moderator", 50, MODERATOR),
            role("Regular", 10, Permissions::MEMBER),
        ],
        channels: &[
            category("Lobby"),
            text("welcome", "Say hello"),
            text("general", "Talk about anything"),
            text("clips", "Your best and worst moments"),
            category("Play"),
            text("find-a-team", "Who plays what, and when"),
            text("strategies", "What works, and why"),
            category("Voice"),
            voice("Waiting room"),
            voice("Team one"),
            voice("Team two"),
        ],
    },
];

/// The template of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::limits::{NAME_BYTES_MAX, TOPIC_BYTES_MAX};

    /// Whether a name can be typed in a reference.
    fn is_name(name: &str) -> bool {
        let odd = |c: char| c.is_control() || c == '/';
        let length = (1..=NAME_BYTES_MAX).contains(&name.len());
        length && !name.contains(odd) && name.trim() == name && !name.starts_with('#')
    }

    #[test]
    fn templates_can_be_made_into_communities() {
        for template in TEMPLATES {
            assert_eq!(named(template.name), Some(template));
            assert!(template.everyone.has(Permissions::VIEW | Permissions::SEND));
            assert!(Permissions::ALL.has(template.everyone));
            let names: BTreeSet<_> = template.channels.iter().map(|of| of.name).collect();
            assert_eq!(
                names.len(),
                template.channels.len(),
                "names of channels differ"
            );
            assert!(names.iter().all(|name| is_name(name)), "{names:?}");
            let topics = template.channels.iter().map(|of| of.topic.len());
            assert!(topics.max() <= Some(TOPIC_BYTES_MAX));
            assert_eq!(template.channels[0].kind, ChannelKind::Category);
            let ranks: Vec<_> = template.roles.iter().map(|role| role.rank).collect();
            assert!(
                ranks.is_sorted_by(|a, b| a > b),
                "strongest first: {ranks:?}"
            );
            for role in template.roles {
                assert!(is_name(role.name));
                assert!(role.rank > Rank::MEMBER && role.rank <= Rank::ROLE_MAX);
                assert!(role.permissions.has(template.everyone), "{}", role.name);
            }
        }
        assert_eq!(named("none"), None);
    }
}
