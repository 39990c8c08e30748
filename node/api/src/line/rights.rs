//! Names of the rights, as `role`, `overwrite` and `why` take them.

/// Name and meaning of each right, in the order of the formats' bits (docs/protocol.md, "Authority").
pub const RIGHTS: &[(&str, &str)] = &[
    ("view", "See the channel and who is in it."),
    ("read-history", "Read what was written before joining."),
    ("send", "Write messages."),
    ("send-threads", "Write in threads."),
    ("attach", "Attach files."),
    ("react", "Add reactions."),
    ("mention-all", "Mention everyone."),
    (
        "manage-messages",
        "Delete others' messages, accept late ones, pin.",
    ),
    ("purge", "Hide what others have already built on."),
    (
        "manage-channels",
        "Create, change and delete channels; slow mode.",
    ),
    (
        "manage-roles",
        "Create, change, grant and revoke roles below one's own rank; overwrites.",
    ),
    (
        "invite",
        "Create invites, admit without one, reaffirm admissions.",
    ),
    ("kick", "Remove a member, who may join again."),
    ("ban", "Ban an account, and lift a ban."),
    ("mute", "Time a member out."),
    ("connect", "Join voice."),
    ("speak", "Speak in voice."),
    ("stream", "Share webcam or screen."),
    ("manage-content", "Change names, topics, icons, notes."),
    (
        "manage-community",
        "Change policy; announce epochs at any time.",
    ),
    ("bridge", "Be a bridge."),
];
