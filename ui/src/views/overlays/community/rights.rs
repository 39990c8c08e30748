//! The rights in the words of the window, in the order shown.

use crate::words::{Text, say};

/// A right: its name for the node, what it is called, and what it means.
pub(super) struct Right {
    /// As commands take it.
    pub(super) name: &'static str,
    /// For people.
    pub(super) title: Text,
    /// As a sentence.
    pub(super) about: Text,
}

const fn right(name: &'static str, title: Text, about: Text) -> Right {
    Right { name, title, about }
}

/// All rights, by what they are about.
pub(super) const GROUPS: [(Text, &[Right]); 4] = [
    (
        say::rights_general,
        &[
            right("view", say::right_view, say::right_view_about),
            right(
                "read-history",
                say::right_read_history,
                say::right_read_history_about,
            ),
            right("invite", say::right_invite, say::right_invite_about),
            right(
                "manage-channels",
                say::right_manage_channels,
                say::right_manage_channels_about,
            ),
            right(
                "manage-roles",
                say::right_manage_roles,
                say::right_manage_roles_about,
            ),
            right(
                "manage-content",
                say::right_manage_content,
                say::right_manage_content_about,
            ),
            right(
                "manage-community",
                say::right_manage_community,
                say::right_manage_community_about,
            ),
            right("bridge", say::right_bridge, say::right_bridge_about),
        ],
    ),
    (
        say::rights_text,
        &[
            right("send", say::right_send, say::right_send_about),
            right(
                "send-threads",
                say::right_send_threads,
                say::right_send_threads_about,
            ),
            right("attach", say::right_attach, say::right_attach_about),
            right("react", say::right_react, say::right_react_about),
            right(
                "mention-all",
                say::right_mention_all,
                say::right_mention_all_about,
            ),
        ],
    ),
    (
        say::rights_voice,
        &[
            right("connect", say::right_connect, say::right_connect_about),
            right("speak", say::right_speak, say::right_speak_about),
            right("stream", say::right_stream, say::right_stream_about),
        ],
    ),
    (
        say::rights_moderation,
        &[
            right(
                "manage-messages",
                say::right_manage_messages,
                say::right_manage_messages_about,
            ),
            right("purge", say::right_purge, say::right_purge_about),
            right("kick", say::right_kick, say::right_kick_about),
            right("ban", say::right_ban, say::right_ban_about),
            right("mute", say::right_mute, say::right_mute_about),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_right_of_the_node_is_shown_once() {
        let groups = GROUPS.iter().flat_map(|(_, rights)| rights.iter());
        let shown: Vec<&str> = groups.map(|right| right.name).collect();
        let known: BTreeSet<&str> = alloquy_api::line::RIGHTS
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(shown.len(), known.len());
        assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), known);
    }
}
